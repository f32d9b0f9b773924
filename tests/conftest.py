"""Fixtures for all tests: Keras started once, the data loaded once, one small trained model.

Imports stay inside the fixtures, so that lint and browser tests load no TensorFlow.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import pytest

# The same examples in every run, on a machine of any speed: a test that fails today fails tomorrow.
hypothesis.settings.register_profile("course", derandomize=True, deadline=None)
hypothesis.settings.load_profile("course")

# Test modules may load TensorFlow before `started` runs; programs of `fresh_python` do without.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure():
    """Let nbval start a kernel again that has not answered, which one of hundreds does not."""
    from nbval import kernel

    start = kernel.start_new_kernel

    def start_again(*args, **kwargs):
        try:
            return start(*args, **kwargs)
        except RuntimeError:
            return start(*args, **kwargs)

    kernel.start_new_kernel = start_again


@pytest.hookimpl
def pytest_runtest_logreport(report):
    """Say at once which test failed, and why in its last line: a run that is cut says nothing later."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        lines = str(report.longrepr).strip().splitlines()
        said = next((line for line in lines if line.startswith("E ")), lines[-1] if lines else "")
        print(f"\n{report.nodeid} failed in its {report.when}: {said[:300]}", flush=True)


# Skips that are meant even where none may pass unnoticed: what a reason says, and where it holds.
MEANT = {
    "Linux only": not sys.platform.startswith("linux"),
    "no schedstat": not Path("/proc/self/schedstat").exists(),  # not every kernel of Linux has it
    "no network namespace": not sys.platform.startswith("linux"),
    "no sandbox": os.environ.get("AIGC_SANDBOX") == "optional" and not os.environ.get("CI"),
    "needs root": not hasattr(os, "geteuid") or os.geteuid() != 0,
    "only root": not hasattr(os, "geteuid") or os.geteuid() != 0,
    "for this kind of processor": platform.machine() not in ("x86_64", "aarch64"),
}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In CI, and where AIGC_STRICT=1 as `make test` sets it, a skipped test fails."""
    report = yield
    strict = os.environ.get("CI") or os.environ.get("AIGC_STRICT") == "1"
    if strict and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not any(words in reason and holds for words, holds in MEANT.items()):
            report.outcome = "failed"
            report.longrepr = (
                f"{item.nodeid} was skipped, which CI and AIGC_STRICT=1 forbid ({reason}): "
                "install what it needs, or list the skip in tests/conftest.py."
            )
    return report


SLOW_FIXTURES = {"fitted", "made"}  # they train for seconds, whoever asks first


def pytest_collection_modifyitems(items):
    """Whoever needs a slow fixture is slow."""
    for item in items:
        if SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def started():
    """Keras, quietly, with seed 0."""
    import aigc_utils

    aigc_utils.start(0)


@pytest.fixture
def seeded(started):
    """Every test begins with the same seed, whatever ran before it."""
    import aigc_utils

    aigc_utils.seed_everything(0)


@pytest.fixture(scope="session")
def fashion():
    """Fashion-MNIST, whole; reading and checking it takes a second."""
    from aigc_utils import data

    return data.load_images("fashion_mnist")


@pytest.fixture(scope="session")
def grey(fashion):
    """320 training images, 0 to 1."""
    from aigc_utils import data

    return data.to_unit(fashion.x_train[:320])


@pytest.fixture(scope="session")
def binary_test(fashion):
    """The test set, binarized once with seed 777, as the cards' numbers are measured."""
    from aigc_utils import data

    return data.binarize(data.to_unit(fashion.x_test), seed=777)


@pytest.fixture(scope="session")
def train_small(started):
    """A function that trains one small VAE from a seed; the same call, the same numbers."""
    import aigc_utils
    from aigc_utils import models, training

    def run(grey, seed, epochs=12):
        aigc_utils.seed_everything(seed)
        model = models.VAE(2, hidden_units=(16,), seed=seed)
        model.adapt(grey)
        history = training.train(
            model, grey, epochs=epochs, batch_size=64, learning_rate=0.01, progress=False,
            validation_inputs=grey[:64],
        )  # fmt: skip
        return SimpleNamespace(model=model, history=history)

    return run


@pytest.fixture(scope="session")
def trained(train_small, grey):
    """A small trained VAE and its history. Read it, never train it further."""
    return train_small(grey, seed=0)


@pytest.fixture
def one_sentence():
    """A check that an error is one short line that contains all the given words."""

    def check(error, *words):
        text = str(error)
        assert text.strip(), "the message is empty"
        assert "\n" not in text.strip(), f"more than one line: {text}"
        assert "Traceback" not in text
        # Two long paths and a sentence around them fit into this; a dump does not.
        assert len(text) < 700, text
        for word in words:
            assert str(word) in text, f"{word!r} is not in: {text}"

    return check


@pytest.fixture
def data_copy(tmp_path, monkeypatch):
    """A data root of links to the real files, any of which a test may replace."""
    real = ROOT / "data"
    copy = tmp_path / "data_copy"
    for path in real.glob("*/*"):
        if path.is_dir():
            for file in path.iterdir():
                link = copy / path.relative_to(real) / file.name
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(file)
        else:
            link = copy / path.relative_to(real)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    monkeypatch.setenv("AIGC_DATA", str(copy))
    return copy


@pytest.fixture
def replace_bytes():
    """A function that puts changed bytes in the place of a link to a real file."""

    def replace(path: Path, change):
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(change(content))

    return replace


def _skip_or_fail(why: str) -> None:
    """Skip the test for want of a tool; fail it in CI, and where AIGC_SANDBOX=required.

    `make test` sets that on Linux: what keeps submissions in must not go untested unnoticed.
    """
    if os.environ.get("CI") or os.environ.get("AIGC_SANDBOX") == "required":
        pytest.fail(f"CI or AIGC_SANDBOX requires what is missing here: {why}", False)
    pytest.skip(why)


def _skip_or_fail_without_sandbox() -> None:
    """What the fixture `bubblewrap` does."""
    from aigc_course.grading import bubblewrap

    if (why_not := bubblewrap.why_no_sandbox()) is not None:
        _skip_or_fail(f"There is no sandbox: {why_not}.")


@pytest.fixture(scope="session")
def bubblewrap():
    """Whoever asks for it has the sandbox of `aigc grade`, or is skipped, or fails."""
    _skip_or_fail_without_sandbox()


@pytest.fixture(scope="session")
def ordinary_user() -> list[str]:
    """What goes before a command so that it is not root's; empty if nobody is root here."""
    if os.geteuid() != 0:
        return []
    prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    try:
        done = subprocess.run([*prefix, "true"], capture_output=True, timeout=60)
        works = done.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        works = False
    if not works:
        _skip_or_fail("This system allows no user namespace, so nobody but root can be tried.")
    return prefix


@pytest.fixture
def skip_or_fail():
    """What `bubblewrap` does, as a function, to be tried where there is none."""
    return _skip_or_fail_without_sandbox


@pytest.fixture
def disk(tmp_path):
    """A function that mounts a small disk of its own, writable or not; needs root."""
    mounted = []

    def mount(kibibytes: int) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", str(folder)],
            capture_output=True,
            timeout=60,
        )
        if done.returncode:
            pytest.skip("mounting a small disk needs root; the file-size limit is tested instead")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=60)


@pytest.fixture
def make_read_only():
    """A function that remounts what `disk` made, so that even root cannot write to it."""

    def remount(folder: Path):
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True, timeout=60)

    return remount


@pytest.fixture
def file_size_limit():
    """A context manager in which no file of this process grows past so many bytes.

    The kernel itself then refuses the write ("File too large"), as a full disk would,
    and no root is needed. It ends before the test does: pytest reports the result to
    what may be a long file too.
    """
    import resource

    @contextlib.contextmanager
    def limit(size: int):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)

    return limit


@pytest.fixture
def ctrl_c():
    """A function that presses Ctrl-C: a real SIGINT to this process."""
    # Under `make` in the background SIGINT may be ignored, and Python then leaves it so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def fresh_python():
    """A function that runs a program in a new interpreter, as a reader's shell would."""

    def run(program: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        # The child must show that start() alone keeps TensorFlow quiet.
        environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture
def few_images(fashion, monkeypatch):
    """300 training and 100 test images stand for the whole, where speed is the point."""
    from aigc_utils import data

    few = dataclasses.replace(
        fashion, x_train=fashion.x_train[:300], y_train=fashion.y_train[:300],
        x_test=fashion.x_test[:100], y_test=fashion.y_test[:100],
    )  # fmt: skip
    monkeypatch.setattr(data, "load_images", lambda name: few)


@pytest.fixture
def aigc_command(monkeypatch, capfd):
    """A function that runs the command in this process: exit code, output, errors."""
    from aigc_course import cli

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["aigc", *map(str, arguments)])
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        else:
            code = 0
        written = capfd.readouterr()
        return code, written.out, written.err

    return run
