"""The sandbox of one submission: what it sees, what it may not do, and how whatever stops is told.

The sandbox and the kernels are real. Where there is no bubblewrap, what needs it is skipped, or
fails if it is required (see the fixture `bubblewrap`).
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from pathlib import Path

import hostile
import numpy as np
import pytest
from toy_assignment import LIMITS, SQUARE

from aigc_course.grading import NoAnswer, Student, agrees, grader, hidden, seccomp, wire
from aigc_course.grading.limits import Limits
from aigc_course.grading.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[3]
needs_bubblewrap = pytest.mark.usefixtures("bubblewrap")

ANSWERS = [
    ROOT / "notebooks" / "quizzes",
    ROOT / "workbook",
    ROOT / "tests",
    ROOT / "aigc_course" / "checks" / "_quizzes",
    ROOT / "aigc_course" / "checks" / "_exercises",
    # What an editable install copies beside the libraries.
    *Path(sys.prefix).glob("lib/python*/site-packages/aigc_course/checks/_*"),
]
SHORT = dataclasses.replace(LIMITS, probe_seconds=4)


def grade_cells(toy: hidden.TestSet, *cells: str, limits: Limits = LIMITS) -> grader.Grade:
    content = hostile.notebook(list(cells))
    return grader.grade_notebook(content, toy, limits, lambda: Sandbox(limits))


@needs_bubblewrap
def test_a_right_answer_gets_its_points(toy):
    graded = grade_cells(toy, SQUARE, "answer = 42")
    assert graded.points() == {"toy-01": 2, "toy-02": 1}
    assert graded.notes == ()


@needs_bubblewrap
def test_what_a_submission_sees_is_only_the_sandbox(toy, tmp_path):
    look = f"""
import os, pathlib, socket
seen = {{
    "uid": os.getuid(),
    "groups": os.getgroups(),
    "course": os.listdir({str(ROOT)!r}),
    "answers": [p for p in {[str(path) for path in ANSWERS]} if os.path.exists(p)],
    "teacher": os.path.exists({str(tmp_path)!r}),
    "home": os.listdir(pathlib.Path.home()),
    "processes": len([p for p in os.listdir("/proc") if p.isdigit()]),
    "network": socket.if_nameindex(),
    "checks": sorted(os.listdir({str(ROOT / "aigc_course" / "checks")!r})),
    "capabilities": [l.split()[1] for l in open("/proc/self/status") if l.startswith("CapEff")],
    "variables": sorted(os.environ),
}}
writable = []
for folder in ("/", "/dev", "/etc", "/usr", {str(ROOT / "aigc_utils")!r}, {sys.prefix!r}, "/proc"):
    try:
        open(os.path.join(folder, "x"), "w"); writable.append(folder)
    except OSError:
        pass
seen["writable"] = writable
"""
    with Sandbox(LIMITS) as box:
        assert box.run(look, 60)["status"] == "ok"
        seen = ask(box, "seen")
    assert seen["uid"] not in (0, os.getuid())
    assert seen["capabilities"] == ["0" * 16]
    # Quizzes and exercises lie in none of these, nor in the checks, whose place is empty.
    assert set(seen["course"]) <= {"aigc_utils", "aigc_apps", "aigc_course", "data", ".venv"}
    assert seen["answers"] == []
    assert not seen["teacher"]
    assert seen["home"] == []
    assert seen["processes"] <= 4  # bubblewrap's, the driver, the kernel
    assert [name for _, name in seen["network"]] == ["lo"]
    assert seen["checks"] == ["__init__.py"]
    assert seen["writable"] == []
    assert not [name for name in seen["variables"] if "TOKEN" in name or "SECRET" in name]


def ask(box: Sandbox, name: str):
    """The value of a variable inside a sandbox."""
    request = {"name": name, "call": False, "args": [], "kwargs": {}, "keep": None}
    text = json.dumps(json.dumps(request))
    code = f"__import__('aigc_course.grading.inside.agent', fromlist=['x']).answer({text})"
    return wire.decode_value(box.run(code, 60)["answer"]["value"])


def test_the_first_program_of_a_sandbox_loads_little(fresh_python):
    # It starts once for each submission, and again for each kernel that ends.
    done = fresh_python(
        "import sys, aigc_course.grading.inside.driver; "
        "print(*sorted({'numpy', 'pydantic', 'yaml'} & set(sys.modules)))"
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@needs_bubblewrap
def test_system_calls_that_lead_out_are_refused(toy):
    if seccomp.seccomp_program() is None:
        pytest.skip("The filter was not written for this kind of processor.")
    number = {"x86_64": 319, "aarch64": 279}[os.uname().machine]
    code = f"""
import ctypes
system = ctypes.CDLL(None, use_errno=True)
tried = [system.unshare(0x10000000), ctypes.get_errno(), system.syscall({number}, b"x", 0),
         ctypes.get_errno(), system.shmget(0, 1 << 30, 0o1777), ctypes.get_errno()]
"""
    with Sandbox(LIMITS) as box:
        assert box.run(code, 60)["status"] == "ok"
        assert ask(box, "tried") == [-1, 1, -1, 1, -1, 1]


@needs_bubblewrap
def test_a_threaded_library_and_a_subprocess_still_work(toy):
    code = (
        "import subprocess, threading\nlines = []\n"
        "threads = [threading.Thread(target=lambda: lines.append(1)) for _ in range(9)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "answer = len(lines) + 33 if subprocess.run(['true']).returncode == 0 else 0"
    )
    assert grade_cells(toy, code).points()["toy-02"] == 1


@needs_bubblewrap
@pytest.mark.parametrize(
    ("cell", "note"),
    [
        ("import os; os.kill(os.getppid(), 9)", "ended its own process"),
        ("import os; os.kill(-1, 9)", "ended its own process"),
        ("import os\nwhile True: os.fork()", "processes"),
        (
            "import subprocess\nps = [subprocess.Popen(['sleep', '99']) for _ in range(99)]",
            "processes",
        ),
        ("f = open('big', 'wb')\nfor _ in range(99): f.write(bytes(2**20))", "OSError"),
        (
            "for n in range(99):\n    open(f'/dev/shm/{n}', 'wb').write(bytes(2**20))",
            "no space was left",
        ),
        ("import mmap\nm = mmap.mmap(-1, 2 * 10**9)\nfor i in range(0, 2 * 10**9, 4096): m[i] = 1",
         "memory"),
        # No memory is left to say so with.
        ("hog = []\nwhile True: hog.append(bytearray(10**5))", "MemoryError|ended its own kernel"),
        ("while True: print('x' * 99)", "printed more than is taken"),
        ("import sys\nsys.exit(3)", "SystemExit"),
        ("input('name?')", "StdinNotImplementedError"),
        ("import sys, os\nos.close(1); os.close(2); os.close(0)", ""),
        ("%%bash\nrm -rf ~ /tmp/* 2>/dev/null", ""),
    ],
)  # fmt: skip
def test_a_bad_cell_costs_nothing_else(toy, cell, note):
    graded = grade_cells(toy, cell, SQUARE, "answer = 42")
    assert graded.points() == {"toy-01": 2, "toy-02": 1}, graded
    assert re.search(note, " ".join(graded.notes))


@needs_bubblewrap
@pytest.mark.parametrize(
    ("square", "says"),
    [
        ("def square(x): raise KeyError('the input was ' + str(x))", "stops with a KeyError."),
        ("class Hint_0_1_2_3(Exception): pass\ndef square(x): raise Hint_0_1_2_3", "an Exception."),
        ("def square(x):\n    while True: y = 1", "ran longer than 4 seconds"),
        ("import os\ndef square(x): os._exit(0)", "ended its own kernel"),
        ("import os\ndef square(x):\n    while True: os.fork()", "processes"),
        ("def square(x): return print", "Not squares."),
        ("def square(x): return np.array([{}], object)\nimport numpy as np", "no numbers"),
        ("def square(x): return [list(range(9)) for _ in range(99999)]", "more than"),
        ("import numpy as np\ndef square(x): return np.zeros(10**7)", "bytes"),
        ("def square(x): pass", "not answered yet"),
        ("square = 3", "is no function"),
        ("def square(x):\n    x *= x\n    return x", ""),
        ("def square(): return 1", "stops with a TypeError"),
        ("class square:\n    def __new__(cls, x): return cls\n    __array__ = 3", ""),
        ("get_ipython().display_pub.publish = lambda **k: None", "brought no answer"),
        ("import sys\nsys.modules['aigc_course.grading.inside.agent'] = None", "brought no answer"),
    ],
)
def test_a_bad_function_costs_its_own_points(toy, square, says):
    endless = "ran longer" in says
    graded = grade_cells(toy, square, "answer = 42", limits=SHORT if endless else LIMITS)
    first = graded.results[0]
    right = "x *= x" in square
    assert first.points == (2 if right else 0)
    assert says in first.says
    assert "0. 1." not in first.says  # no input of a hidden test is told
    if "brought no answer" not in says:
        assert graded.points()["toy-02"] == 1, graded


@needs_bubblewrap
def test_a_forged_answer_is_only_data(toy):
    forge = """
from IPython import get_ipython
kind = "application/vnd.aigc.answer+json"
def square(x):
    for value in ({"value": {"$": "array", "dtype": "|O", "shape": [1], "bytes": "AAAA"}},
                  {"value": {"$": "array", "dtype": "<f8", "shape": [10**9], "bytes": ""}},
                  {"points": 2}, ["right"], "right"):
        get_ipython().display_pub.publish(data={kind: value})
    import os; os._exit(0)
"""
    graded = grade_cells(toy, forge, "answer = 42")
    assert graded.points() == {"toy-01": 0, "toy-02": 1}


@needs_bubblewrap
def test_the_whole_time_is_limited(toy):
    limits = Limits(cell_seconds=3, probe_seconds=2, total_seconds=4, memory_mib=800)
    graded = grade_cells(toy, *["import time; time.sleep(2)"] * 9, "answer = 42", limits=limits)
    note = graded.notes[-1]  # on a slow machine a cell may have met its own limit before
    # Two cells of two seconds; on a slow machine already the first may come too late, and where
    # waiting for a processor does not count, one or two more may find time.
    assert re.fullmatch("Code cell [1-6] and those after it had no time left.", note), graded.notes
    assert sum(graded.points().values()) == 0


@needs_bubblewrap
def test_objects_can_be_kept_inside_and_called(toy):
    code = "class Layer:\n    def __init__(self, a): self.a = a\n    def __call__(self, x): return self.a * x\n    def half(self): return self.a / 2"
    with Sandbox(LIMITS) as box:
        box.run(code, 60)

        def probe(request):
            text = json.dumps(json.dumps(request))
            name = "aigc_course.grading.inside.agent"
            return box.run(f"__import__('{name}', fromlist=['x']).answer({text})", 60)["answer"]

        student = Student(probe)
        layer = student.make("Layer", 3)
        assert agrees(student.call(layer, np.ones(2)), 3 * np.ones(2))
        assert student.call(layer + ".half") == 1.5
        assert student.value("Layer").kind == "a function"
        with pytest.raises(NoAnswer, match="There is no `Encoder`"):
            student.make("Encoder")


def test_the_filter_is_whole_instructions_and_jumps_stay_inside():
    for machine in ("x86_64", "aarch64"):
        program = seccomp.seccomp_program(machine)
        assert len(program) % 8 == 0
        lines = len(program) // 8
        for at in range(lines):
            code, if_true, if_false = program[8 * at], program[8 * at + 2], program[8 * at + 3]
            if code & 0x07 == 0x05:
                assert at + 1 + max(if_true, if_false) < lines
        assert program[-8] == 0x06  # the last returns
    assert seccomp.seccomp_program("riscv64") is None
