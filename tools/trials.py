"""A copy of the checkout in which a fault is put and tests run; used by tools/mutants.py."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mutations import Mutation

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FAST, SLOW = "not slow and not browser", "slow and not browser"
WAIT, SLOW_WAIT = 60, 900  # seconds: beyond three times what the tests take; for the slow ones


def copy_of_checkout(target: Path) -> None:
    """All files that git knows or would add, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def warm_up() -> None:
    """Import what is slow to import, and nothing of ours: a fork of this process then has it.

    TensorFlow starts its threads with the first product, which is after the fork.
    """
    # tools/notebook.py must not stand before Jupyter's package of that name.
    sys.path[:] = [path for path in sys.path if path not in ("", str(HERE))]
    heavy = ["tensorflow", "keras", "scipy.stats", "sklearn.mixture", "skimage.metrics"]
    heavy += ["matplotlib.pyplot", "IPython", "nbclient", "papermill", "pydantic", "typer"]
    for name in [*heavy, "pytest", "hypothesis.strategies", "nbval.plugin", "pytest_timeout"]:
        with contextlib.suppress(ImportError):
            __import__(name)


class Watcher:
    """Of one pytest run: which tests failed, what each took, and, if asked, what lines it ran."""

    def __init__(self, watched: Sequence[str] = (), first: Sequence[str] = (), without=()):
        self.failed: list[str] = []
        self.seconds: dict[str, float] = {}
        self.reached: dict[str, set[str]] = {}  # "file:line" to tests
        self.watched, self._rank = set(watched), {name: i for i, name in enumerate(first)}
        self._without, self._now = set(without), ""

    def pytest_collection_modifyitems(self, items) -> None:
        items[:] = [item for item in items if item.nodeid not in self._without]
        items.sort(key=lambda item: self._rank.get(item.nodeid, len(self._rank)))

    def pytest_runtest_logstart(self, nodeid) -> None:
        self._now = nodeid
        if self.watched:
            sys.settrace(self._trace)

    def pytest_runtest_logreport(self, report) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def _trace(self, frame, event, argument):
        return self._line if frame.f_code.co_filename in self.watched else None

    def _line(self, frame, event, argument):
        place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        self.reached.setdefault(place, set()).add(self._now)
        return self._line

    def result(self, code: int) -> dict:
        """All of it, to be written down."""
        reached = {place: sorted(tests) for place, tests in self.reached.items()}
        return {"code": code, "failed": self.failed, "seconds": self.seconds, "reached": reached}


def in_fork(work: Callable[[], dict], seconds: float, log: Path) -> dict | None:
    """What a function returns in a fork of this process; None if it took too long or died."""
    answer = log.with_suffix(".json")
    answer.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        os.setsid()
        written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(written, 1)
        os.dup2(written, 2)
        try:
            answer.write_text(json.dumps(work()))
        finally:
            os._exit(0)
    end = time.monotonic() + seconds
    while not os.waitpid(child, os.WNOHANG)[0]:
        if time.monotonic() > end:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what its tests left running
    return json.loads(answer.read_text()) if answer.is_file() else {"code": 3, "failed": ["died"]}


class Trial:
    """A copy of the checkout in which faults are tried."""

    def __init__(self, folder: Path):
        self.folder, self.copy = folder, folder.resolve() / "copy"
        copy_of_checkout(self.copy)
        self._baselines: dict[tuple[str, ...], dict] = {}
        self._passes: dict[str, bool] = {}

    def run(self, tests: Sequence[str], which: str, seconds: float, **watcher) -> dict | None:
        """Run tests of the copy; the first failure ends it, unless lines are watched."""

        def work() -> dict:
            import pytest

            os.chdir(self.copy)
            sys.path[:] = [str(self.copy), *(p for p in sys.path if p != str(ROOT))]
            sys.dont_write_bytecode = True
            os.environ |= {"PYTHONPATH": str(self.copy), "PYTHONDONTWRITEBYTECODE": "1"}
            watching = Watcher(**watcher)
            options = ["-m", which, "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=short"]
            options += [] if watching.watched else ["-x"]
            return watching.result(int(pytest.main([*options, *tests], plugins=[watching])))

        return in_fork(work, seconds, self.folder / "log.txt")

    def baseline(self, name: str, tests: tuple[str, ...]) -> dict:
        """What the quick tests do without a fault: failures, seconds, lines that they reach."""
        if (name, *tests) not in self._baselines:
            done = self.run(tests, FAST, 1200, watched=[str(self.copy / name)])
            if done is None or "seconds" not in done:
                raise SystemExit(
                    f"{', '.join(tests)} come to no end without a fault: see to them first."
                )
            self._passes |= dict.fromkeys(done["failed"], False)
            self._baselines[name, *tests] = done
        return self._baselines[name, *tests]

    def passes(self, test: str) -> bool:
        """Whether a test that a fault failed passes, by itself, without the fault."""
        if test not in self._passes:
            done = self.run([test], "not browser", SLOW_WAIT)
            self._passes[test] = done is not None and done["code"] == 0
        return self._passes[test]

    def verdict(self, name: str, tests: tuple[str, ...], mutation: Mutation) -> dict[str, str]:
        """Put one fault into the copy, see whether a test notices, and take it out again."""
        known = self.baseline(name, tests)
        seconds = known["seconds"]
        reached = set(known["reached"].get(f"{self.copy / name}:{mutation.line}", ()))
        files = {test.split("::")[0] for test in reached}
        # The quick ones that reach the line come first, file by file for their shared fixtures.
        order = sorted(
            seconds,
            key=lambda test: (
                test.split("::")[0] not in files,
                test.split("::")[0],
                test not in reached,
                seconds[test],
            ),
        )
        stages = [(FAST, WAIT + 3 * sum(seconds.values())), (SLOW, SLOW_WAIT)]
        while stages:
            which, bound = stages[0]
            without = {test for test, passes in self._passes.items() if not passes}
            with self.fault(name, mutation):
                done = self.run(tests, which, bound, first=order, without=without)
            if done is None:
                return {"outcome": "timeout", "by": which}
            if done["code"] in (0, 5):  # all passed, or there is none
                stages.pop(0)
                continue
            by = done["failed"][-1] if done["failed"] else "pytest itself"
            if "::" not in by or self.passes(by):
                return {"outcome": "killed", "by": by}
        return {"outcome": "survived", "by": ""}

    @contextlib.contextmanager
    def fault(self, name: str, mutation: Mutation) -> Iterator[None]:
        """The copy with a fault in it."""
        path = self.copy / name
        whole = path.read_bytes()
        path.write_bytes(mutation.apply(whole))
        try:
            yield
        finally:
            path.write_bytes(whole)
