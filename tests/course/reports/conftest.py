"""Small real templates for report runs: no TensorFlow, so that a run takes a second."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat import v4

TOY = """\
N: int = 3  # steps [1 to 100]
TEXT: str = "hello"  # any text
SEED: int = 0
PAUSE: float = 0.0  # seconds of doing nothing [at least 0]
END: str = "well"  # how the run ends [one of: well, raise, exit, kill, nan]"""

DOT = """\
from IPython.display import display

png = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
alt = {"image/png": {"alt": "A picture of one point, in red."}}
display({"image/png": png, "text/plain": "a point"}, metadata=alt, raw=True)"""

ENDS = """\
import contextlib
import os
import signal
import time

time.sleep(PAUSE)
if END == "raise":
    raise ValueError(f"the text is {TEXT}")
if END == "exit":
    os._exit(0)
if END == "kill":
    os.kill(os.getpid(), signal.SIGKILL)"""

RESULTS = """\
from aigc_course import reports

reports.record_metrics({"loss": [1 / step for step in range(1, N + 1)]})
reports.record(score=float("nan") if END == "nan" else 10 * N + SEED, text=TEXT)"""


@pytest.fixture(scope="session")
def write_template():
    """A function that writes a notebook of code cells, the first tagged `parameters`."""

    def write(path: Path, parameters: str | None, *codes: str) -> Path:
        cells = [v4.new_markdown_cell("# A template with a formula, $x^2$")]
        if parameters is not None:
            cells.append(v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        cells += [v4.new_code_cell(code) for code in codes]
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(v4.new_notebook(cells=cells), path)
        return path

    return write


@pytest.fixture(scope="session")
def toy(write_template, tmp_path_factory) -> Path:
    """A template that draws, records, and can end in every way."""
    folder = tmp_path_factory.mktemp("templates")
    return write_template(folder / "toy.ipynb", TOY, "print(TEXT, N)", DOT, ENDS, RESULTS)


@pytest.fixture
def aigc():
    """A function that runs the `aigc` command in a process of its own."""

    def run(*arguments, cwd=None, timeout=240) -> subprocess.CompletedProcess:
        return subprocess.run(
            [
                sys.executable,
                "-c",
                "from aigc_course.cli import main; main()",
                *map(str, arguments),
            ],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=cwd,
            env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1"},
        )

    return run


@pytest.fixture
def driver():
    """A function that starts `aigc` and does not wait; whatever is left is killed at the end."""
    started: list[subprocess.Popen] = []
    # Under `make` in the background SIGINT may be ignored, and children inherit that.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from aigc_course.cli import main; main()"
    )

    def start(*arguments) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        for child in _family(process.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        process.wait(timeout=30)  # it has been killed
        process.stdout.close()


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


@pytest.fixture
def kernels_of():
    """A function that finds the kernels (or workers) below a process."""

    def find(pid: int, kind: str = "kernel") -> list[psutil.Process]:
        found = []
        for process in _family(pid)[1:]:
            try:
                if f"aigc_course.reports.{kind}" in process.cmdline():
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        return found

    return find


@pytest.fixture
def eventually():
    """A function that waits until something holds, and fails if it never does."""

    def wait(holds, seconds: float = 20):
        deadline = time.monotonic() + seconds
        while not (value := holds()):
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.02)
        return value

    return wait


@pytest.fixture
def kill():
    """A function that sends SIGKILL to a process that may be gone."""

    def send(process: psutil.Process | subprocess.Popen) -> bool:
        try:
            os.kill(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    return send


@pytest.fixture
def put():
    """A function that puts a record into a folder, as a run leaves it; its files but two are not.

    What is not given is that of a run of ``toy`` with no parameter and no result.
    """
    from toy_identity import IDENTITY

    from aigc_course.reports import folders, records

    def write(out: Path, name: str, **changes) -> Path:
        facts = {
            "name": name,
            "template": name.rpartition("-")[0],
            "status": "done",
            "parameters": {},
            "changed": list(changes.get("parameters", {})),
            "results": {},
            "identity": IDENTITY,
            "started": "2026-01-31T10:00:00Z",
            "seconds": 1.5,
            "total_seconds": 2.5,
            "threads": 1,
            "machine": {"system": "x", "processor": "y", "cores": 2, "memory_bytes": 3},
            "files": {},
        }
        record = records.Record.model_validate(facts | changes)
        folder = out / name
        folder.mkdir(parents=True)
        folders.write_json(folder / "results.json", record.results)
        record = record.model_copy(update={"files": folders.digests(folder)})
        records.write_record(folder, record)
        return folder

    return write


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of the run ``x``."""
    program = (
        "import sys, time; from pathlib import Path; from aigc_course.reports import folders\n"
        "with folders.lock(Path(sys.argv[1]), 'x'):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait(timeout=60)
    process.stdout.close()
