"""A machine that is too busy costs no student a point: its time is not theirs."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import hostile
import psutil
import pytest

from aigc_course.grading import grader, hidden, processes, sandbox
from aigc_course.grading.inside.clock import Clock
from aigc_course.grading.limits import Limits, MachineTrouble
from aigc_course.grading.sandbox import Sandbox

needs_schedstat = pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="no schedstat: nothing says who waited"
)
COMPUTE = "import time\nbegan = time.process_time()\nwhile time.process_time() < began + 1: pass"
TESTS = """
from aigc_course.grading import hidden_test

@hidden_test("toy-01", points=1, title="called")
def called(student):
    assert student.call("slow") == 1, "Not one."
"""


@pytest.fixture
def one_processor() -> Iterator[None]:
    """All that the test starts shares one."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@contextmanager
def spinning(count: int) -> Iterator[list[psutil.Process]]:
    """Programs that compute without an end."""
    with ExitStack() as stack:
        found = []
        for _ in range(count):
            process = subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"])
            stack.callback(process.wait, 60)
            stack.callback(process.kill)
            found.append(psutil.Process(process.pid))
        yield found


def toy(folder: Path) -> hidden.TestSet:
    """One test, which calls ``slow``."""
    (folder / "toy.py").write_text(TESTS)
    return hidden.load_tests(folder, "toy")


@needs_schedstat
@pytest.mark.usefixtures("bubblewrap", "one_processor")
def test_waiting_for_others_is_no_time_of_a_cell():
    with Sandbox(Limits(memory_mib=800)) as box, spinning(3):
        assert box.run(COMPUTE, 2)["status"] == "ok"
        assert box.run("while True: pass", 1)["status"] == "slow"


@needs_schedstat
@pytest.mark.usefixtures("one_processor")
def test_waiting_for_processes_of_its_own_is():
    with spinning(4) as processes:
        one, all_four = (Clock(each, lambda each=each: each) for each in (processes[:1], processes))
        time.sleep(1.5)
        assert all_four.had() > 2 * one.had()


def test_a_look_counts_also_those_that_end_before_more_is_asked_of_them(monkeypatch):
    some = "sleep 99 & echo $!; (sleep 99 & echo $!; wait) & echo shell $!"
    many = f"for i in $(seq 20); do {some}; done; wait"
    with subprocess.Popen(["sh", "-c", many], stdout=subprocess.PIPE) as shell:
        lines = [shell.stdout.readline().split() for _ in range(60)]
        started = [int(line[-1]) for line in lines]
        asleep = [int(line[0]) for line in lines if len(line) == 1]

        class Late(psutil.Process):
            """Asks so late that all have ended, and their parents have seen to that."""

            def __init__(self, pid: int | None = None) -> None:
                if pid in started and shell.poll() is None:
                    for each in asleep:
                        os.kill(each, signal.SIGKILL)
                    shell.wait(60)
                super().__init__(pid)

        monkeypatch.setattr(psutil, "Process", Late)
        assert sorted(processes.descendants(shell.pid)) == sorted(started)
        assert processes.still_there(started) == []
        assert processes.descendants(shell.pid) == []


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc")
@pytest.mark.parametrize(
    ("parents", "below"),
    [
        ({7: 1, 8: 7, 9: 8}, [8, 9]),
        ({7: 9, 8: 7, 9: 8}, [8, 9]),  # the first of them is below the last
        ({7: 1, 8: 8, 9: 7}, [9]),
        ({7: 7, 8: 7, 9: 8}, [8, 9]),
    ],
)
def test_a_look_ends_though_numbers_are_given_anew_meanwhile(monkeypatch, tmp_path, parents, below):
    for number, parent in parents.items():
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "stat").write_text(f"{number} (a) b) S {parent} {parent} 0\n")

    def listed(path: str) -> list[str]:
        assert path == "/proc"
        return [str(number) for number in parents]

    def opened(path: str, *rest: object) -> io.RawIOBase:
        return open(path.replace("/proc", str(tmp_path)), *rest)

    monkeypatch.setattr(processes.os, "listdir", listed)
    monkeypatch.setattr(processes, "open", opened, raising=False)
    found = processes.descendants(7)
    monkeypatch.undo()
    assert found == below


@pytest.mark.usefixtures("bubblewrap")
def test_a_machine_that_is_too_busy_gives_no_mark(monkeypatch, tmp_path):
    limits = Limits(probe_seconds=60, memory_mib=800)
    content = hostile.notebook(["import time\ndef slow():\n    time.sleep(30)\n    return 1"])

    def start() -> Sandbox:
        box = Sandbox(limits)
        monkeypatch.setattr(sandbox, "PATIENCE", 0.01)  # as if everything took a hundred times
        return box

    with pytest.raises(MachineTrouble, match=r"too busy.*--jobs"):
        grader.grade_notebook(content, toy(tmp_path), limits, start)


@pytest.mark.usefixtures("bubblewrap")
def test_a_sandbox_that_does_not_start_again_takes_no_points(monkeypatch, tmp_path):
    limits = Limits(memory_mib=800)
    content = hostile.notebook(["import os\ndef slow():\n    os._exit(1)", "slow()", "slow = 1"])
    started = []

    def start() -> Sandbox:
        if started:
            raise sandbox.Ended("gave no answer")
        started.append(1)
        return Sandbox(limits)

    with pytest.raises(MachineTrouble, match="did not start again: it gave no answer"):
        grader.grade_notebook(content, toy(tmp_path), limits, start)
