"""Whatever ends a kernel, and whenever: its own cell is named, and the others count."""

from __future__ import annotations

import re

import hostile
import pytest
from toy_assignment import LIMITS, SQUARE

from aigc_course.grading import grader, hidden, sandbox
from aigc_course.grading.sandbox import Ended, Sandbox

needs_bubblewrap = pytest.mark.usefixtures("bubblewrap")
ANSWER = "answer = 42"
WAIT = "import time\ntime.sleep(1)"  # for what happens late to meet an innocent cell
FULL = {"toy-01": 2, "toy-02": 1}
EXIT = "import os\nos._exit(0)"


def grade_cells(toy: hidden.TestSet, *cells: str) -> tuple[grader.Grade, int]:
    """The grade, and how many sandboxes it took."""
    started = []

    def start() -> Sandbox:
        started.append(1)
        return Sandbox(LIMITS)

    return grader.grade_notebook(hostile.notebook(list(cells)), toy, LIMITS, start), len(started)


@needs_bubblewrap
@pytest.mark.parametrize(
    "cells",
    [
        ["exit()", "quit()", "exit", "import sys; sys.exit(0)", "raise SystemExit('done')"],
        ["exit(keep_kernel=True)", "get_ipython().ask_exit()", "get_ipython().exit_now = True",
         "import IPython\nIPython.Application.instance().kernel.do_shutdown(True)"],
    ],
)  # fmt: skip
def test_a_polite_end_ends_its_cell_alone(toy, cells):
    ends = [f"made = {number}\n{cell}" for number, cell in enumerate(cells, 1)]
    seen = [f"{WAIT}\nassert made == {number}" for number in range(1, len(cells) + 1)]
    pairs = [cell for both in zip(ends, seen, strict=True) for cell in both]
    graded, starts = grade_cells(toy, ANSWER, *pairs, SQUARE)
    assert graded.points() == FULL
    assert starts == 1
    own = tuple(f"Code cell {number} ended itself" for number in range(2, len(pairs) + 2, 2))
    assert [note for note in graded.notes if not note.startswith(own)] == []


@needs_bubblewrap
def test_six_sudden_ends_use_nothing_up_and_each_is_named(toy):
    graded, _ = grade_cells(toy, *[EXIT] * 6, SQUARE, ANSWER)
    assert graded.points() == FULL
    assert graded.notes == tuple(f"Code cell {n} ended its own kernel." for n in range(1, 7))


@needs_bubblewrap
@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    ["import threading, os\nthreading.Timer(0.5, lambda: os._exit(3)).start()",
     "import signal\nsignal.alarm(1)",
     "get_ipython().kernel.io_loop.stop()",
     "import subprocess, os\n"
     "subprocess.Popen(['sh', '-c', f'sleep 0.5; kill -9 {os.getpid()}'])",
     "import threading, subprocess, time\ndef many():\n    time.sleep(0.5)\n"
     "    global ps\n    ps = [subprocess.Popen(['sleep', '99']) for _ in range(99)]\n"
     "threading.Thread(target=many).start()"],
)  # fmt: skip
def test_a_late_end_is_blamed_on_the_cell_that_saw_to_it(toy, cell):
    graded, _ = grade_cells(toy, ANSWER, cell, WAIT, SQUARE, WAIT)
    assert graded.points() == FULL
    (note,) = graded.notes
    assert note.startswith("Code cell 2 ")
    assert "after it had run" in note


@needs_bubblewrap
def test_an_end_at_once_is_blamed_on_its_cell_though_another_could_have_been(toy):
    threads = "import threading\nthreading.Thread(target=print).start()"
    graded, starts = grade_cells(toy, threads, "import os, signal\nos.kill(os.getpid(), 9)", SQUARE)
    assert graded.points()["toy-01"] == 2
    assert graded.notes == ("Code cell 2 ended its own kernel.",)
    assert starts == 3


@needs_bubblewrap
def test_a_late_end_is_not_blamed_on_the_function_that_was_called_then(toy):
    late = "import threading, os\nthreading.Timer(1.5, lambda: os._exit(3)).start()"
    slow = "import time\ndef square(x):\n    time.sleep(2)\n    return x * x"
    graded, _ = grade_cells(toy, slow, ANSWER, late)
    assert graded.points() == FULL
    assert graded.notes[0].startswith("Code cell 3 ")


# ---- what is said of what is missing ---------------------------------------------------


@needs_bubblewrap
def test_the_cell_that_stopped_is_named_as_the_cause(toy):
    graded, _ = grade_cells(
        toy,
        "import no_such_module\nimport numpy as np\nanswer = 42",
        "def square(x):\n    return np.asarray(x) ** 2",
        "z = np.zeros(2)",
    )
    first, second = (result.says for result in graded.results)
    assert first.startswith(
        "`square` stops with a NameError: it needs something of your code cell 1"
    )
    assert "no module `no_such_module`" in first
    assert second.startswith("Your code cell 1 stopped with a ModuleNotFoundError")
    assert second.endswith("so there is no `answer`.")
    assert graded.notes[1:] == ("1 other cell stopped because of that.",)


@needs_bubblewrap
@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("def square(x)\n    return x", "Your code cell 1 stopped with a SyntaxError (in line 1"),
        ("1 / 0\ndef square(x): return x", "Your code cell 1 stopped with a ZeroDivisionError"),
        ("import os\nos._exit(0)\nsquare = abs", "Your code cell 1 ended its own kernel, so there"),
        ("def Square(x): return x", "There is no `square`: keep the names"),
    ],
)
def test_a_name_that_is_missing_is_explained(toy, cell, says):
    graded, _ = grade_cells(toy, cell, ANSWER)
    assert graded.results[0].says.startswith(says)
    assert graded.points()["toy-02"] == 1


@needs_bubblewrap
def test_a_drive_of_colab_is_no_matter(toy):
    graded, starts = grade_cells(
        toy, "from google.colab import drive\ndrive.mount('/content/drive')\nanswer = 42", SQUARE
    )
    assert (graded.points(), graded.notes, starts) == (FULL, (), 1)


@needs_bubblewrap
def test_cells_that_tidy_up_take_no_points(toy):
    cells = [
        "%reset -f",
        "get_ipython().reset()",
        "del square",
        "import gc\ndel answer, square; gc.collect()",
        "for name in list(globals()):\n    if name[0] != '_': del globals()[name]",
    ]
    graded, starts = grade_cells(toy, ANSWER, SQUARE, *cells)
    assert graded.points() == FULL
    left_out = "Code cell {} took away what is tested, and was left out."
    assert graded.notes == tuple(left_out.format(number) for number in range(3, 8))
    assert starts == 6


@needs_bubblewrap
def test_cells_that_take_their_streams_away_cost_nothing(toy):
    cells = [
        "import sys\ndel sys.stderr",
        "import sys\nsys.stdout = sys.stderr = open('log.txt', 'w')\nsys.stdout.close()",
        "import os, sys\nos.close(1); os.close(2); sys.stdout = None",
    ]
    pairs = [each for cell in cells for each in (cell, "print('still here')")]
    graded, starts = grade_cells(toy, *pairs, SQUARE, ANSWER)
    assert graded.points() == FULL
    assert graded.notes == ()
    assert starts == 1


@needs_bubblewrap
@pytest.mark.parametrize(
    ("cells", "said"),
    [(["x = 1", "def other(): pass"], True), ([], True), (["answer = ..."], False),
     (["square = None"], False), (["from numpy import *"], False)],
)  # fmt: skip
def test_another_notebook_is_told_from_an_empty_one(toy, cells, said):
    graded, _ = grade_cells(toy, *cells)
    assert (grader.NOT_THIS in graded.notes) == said


@needs_bubblewrap
def test_thousands_of_stopped_cells_are_told_in_a_few_lines(toy):
    cells = [f"raise ValueError({'x' * 50!r} * 1000)"] * 150 + ["no_such_name"] * 50
    graded, _ = grade_cells(toy, *cells, SQUARE, ANSWER)
    assert graded.points() == FULL
    assert len(graded.notes) == grader.MAX_NOTES + 1
    assert graded.notes[-1] == f"{200 - grader.MAX_NOTES} more cells stopped."
    assert sum(map(len, graded.notes)) < 1000


# ---- nothing that a submission says is ours --------------------------------------------


@needs_bubblewrap
def test_a_submission_that_takes_the_driver_over_chooses_no_words(toy):
    # Both are one user's: it finds the pipe to the grader, and answers in the driver's place.
    forged = (
        "import os, json\n"
        "line = json.dumps({'status': 'ended', 'ended': 'Full marks', 'why': 'Full marks',"
        " 'name': 'FullMarks', 'says': 'Full marks'}) + '\\n'\n"
        "parent = os.getppid()\n"
        "for n in range(3, 20):\n"
        "    try:\n"
        "        with open(f'/proc/{parent}/fd/{n}', 'w') as file: file.write(line * 30)\n"
        "    except OSError: pass\n"
    )
    graded, _ = grade_cells(toy, forged, SQUARE, ANSWER)
    said = " ".join([*graded.notes, *(result.says for result in graded.results)])
    assert "marks" not in said.casefold()


@needs_bubblewrap
def test_exceptions_say_nothing_of_their_own(toy):
    cell = (
        "class FullMarks(Exception): pass\n"
        "def square(x): raise ValueError(f'ASKED {x}')\n"
        "raise FullMarks('Teacher: full marks')"
    )
    graded, _ = grade_cells(toy, cell, "raise ValueError('Teacher: full marks')")
    said = " ".join([*graded.notes, *(result.says for result in graded.results)])
    assert "marks" not in said.casefold()
    assert "ASKED" not in said
    assert "stopped with an exception." in said


# ---- a sandbox that does not start -----------------------------------------------------


@needs_bubblewrap
def test_a_sandbox_that_does_not_start_says_why(monkeypatch):
    command = sandbox.driver_command()
    broken = [*command[:-2], "-c", "import aigc_nowhere"]
    monkeypatch.setattr("aigc_course.grading.bubblewrap.driver_command", lambda: broken)
    with pytest.raises(Ended) as caught:
        Sandbox(LIMITS)
    assert re.search("No module named 'aigc_nowhere': install the course", str(caught.value))


@needs_bubblewrap
def test_the_reason_reaches_the_teacher(monkeypatch, toy):
    monkeypatch.setattr(
        "aigc_course.grading.bubblewrap.driver_command", lambda: ["sh", "-c", "echo no luck >&2"]
    )
    with pytest.raises(OSError, match=r"did not start.*no luck"):
        grade_cells(toy, ANSWER)
