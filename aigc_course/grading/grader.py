"""Grading one submission: its cells, then the probes of the hidden tests.

A cell that brings its kernel down (an endless loop that cannot be interrupted, ``os._exit``) is
left out and the others run again in a new sandbox: what does not depend on it still counts. A
kernel can also end late, while an innocent cell runs: where an earlier cell could have seen to
that, the next sandbox waits after each such cell, to see which it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from aigc_course.grading import causes, hidden, notebooks
from aigc_course.grading.hidden import NoAnswer, Result, Student, TestSet
from aigc_course.grading.inside.clock import PATIENCE
from aigc_course.grading.limits import Limits, MachineTrouble
from aigc_course.grading.sandbox import BUSY, Ended, Sandbox

MAX_STARTS = 12
MAX_NOTES = 6
WATCH = (0.0, 2.0, 10.0)  # seconds after a cell that could end its kernel late; longer each time
NOT_THIS = "Nothing that is asked for is in this notebook: is it the right one?"
NO_TIME = "and those after it had no time left"
Start = Callable[[], Sandbox]


@dataclass(frozen=True)
class Grade:
    """The grade of one submission.

    Attributes:
        results: one for each hidden test.
        notes: sentences on what went wrong outside the tests.
        seconds: how long grading took.
    """

    results: tuple[Result, ...]
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def points(self) -> dict[str, float]:
        """Points by exercise."""
        found: dict[str, float] = {}
        for result in self.results:
            found[result.exercise] = found.get(result.exercise, 0) + result.points
        return found


def grade_notebook(content: bytes, tests: TestSet, limits: Limits, start: Start) -> Grade:
    """Grade the bytes of a notebook.

    Args:
        content: of the file; anything.
        tests: the hidden tests.
        limits: for one submission.
        start: makes a sandbox.

    Raises:
        OSError: if no sandbox can be started, or the machine is too busy: no student's fault.
    """
    began = time.monotonic()
    try:
        cells = notebooks.code_cells(content)
    except notebooks.Unreadable as error:
        return zero_grade(tests, str(error))
    with _Session(cells, limits, start) as session:
        session.begin()
        student = Student(session.probe)
        results = tuple(hidden.judge_submission(test, student) for test in tests.tests)
        notes = session.notes()
    return Grade(results, notes, round(time.monotonic() - began, 1))


def zero_grade(tests: TestSet, why: str) -> Grade:
    """The grade of what could not be run at all: no test has judged anything."""
    results = tuple(Result(t.exercise, t.title, 0.0, t.points, judged=False) for t in tests.tests)
    return Grade(results, (why,))


class _Session:
    """A submission's running notebook, begun anew when it falls over."""

    def __init__(self, cells: Sequence[str], limits: Limits, start: Start) -> None:
        self._cells, self._limits, self._start = cells, limits, start
        self._sandbox: Sandbox | None = None
        self._left_out: set[int] = set()
        self._stopped: dict[int, str] = {}  # how cells came to their end, if it was not a good one
        self._because: dict[int, int] = {}  # cells that stopped since an earlier one had
        self._starts = 0
        self._fatal: dict[str, str] = {}  # names that brought the kernel down, and how
        self._level = 0  # in WATCH
        self._died_in: object = None  # what ran when the kernel ended the last time
        self._found: set[bool] = set()  # whether what hidden tests ask for is in the notebook
        self._had = 0.0  # seconds, in sandboxes that are gone
        self._last = time.monotonic() + PATIENCE * limits.total_seconds
        # Asked again for each name that is missing; no longer kept than the submission.
        self._bound, self._used = cache(causes.names_bound), cache(causes.names_used)

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def begin(self) -> None:
        """Run the cells for the first time.

        Raises:
            OSError: if no sandbox can be started.
        """
        try:
            self._sandbox = self._start()
        except Ended as ended:
            raise OSError(f"The sandbox did not start: it {ended}.") from None
        self._starts = 1
        self._run_cells(self._sandbox)

    def notes(self) -> tuple[str, ...]:
        """Sentences on the cells that stopped by themselves, in order; the first few."""
        own = [at for at in sorted(self._stopped) if at not in self._because]
        found = [f"Code cell {at + 1} {self._stopped[at]}." for at in own]
        if len(found) > MAX_NOTES:
            found[MAX_NOTES:] = [f"{len(found) - MAX_NOTES} more cells stopped."]
        if self._because:
            number, plural = len(self._because), len(self._because) > 1
            found.append(f"{number} other cell{'s' * plural} stopped because of that.")
        if self._found == {False}:
            found.insert(0, NOT_THIS)
        return tuple(found)

    def probe(self, request: dict) -> dict:
        """Send a hidden test's request; see `aigc_course.grading.hidden.Ask`."""
        name = request["shown"]
        if name in self._fatal:
            raise NoAnswer(f"`{name}` {self._fatal[name]}, so it was not called again.")
        self._look_for(request["name"].partition(".")[0])
        outcome = self._asked(request)
        if outcome["status"] == "dead":  # what ran before this is to blame
            outcome = self._asked(request)
        while _is_gone(outcome) and self._is_late(name, outcome, len(self._cells)):
            outcome = self._asked(request)
        says = _ending(outcome, self._limits.probe_seconds)
        if _is_gone(outcome):
            self._fatal[name] = says
        if says:
            raise NoAnswer(f"`{name}` {says}.")
        answer = outcome.get("answer")
        if not isinstance(answer, dict):
            raise NoAnswer(f"`{name}` brought no answer: something in the notebook prevents it.")
        if "missing" in answer:
            missing = request["name"].partition(".")[0]
            if self._can_keep(missing):
                return self.probe(request)
            self._explain_missing(missing)
        if answer.get("raised") == "NameError":
            self._explain_name_error(name)
        return answer

    def _asked(self, request: dict) -> dict:
        """What a request comes to in a running notebook; afterwards there may be none."""
        sandbox = self._running()
        text = json.dumps(json.dumps(request))
        code = f"__import__('aigc_course.grading.inside.agent', fromlist=['x']).answer({text})"
        outcome = _outcome(sandbox.run, code, self._seconds(self._limits.probe_seconds))
        if _is_gone(outcome):
            self._drop()
        return outcome

    def _look_for(self, name: str) -> None:
        """Note whether a cell makes what is asked for, or could: a star brings any name."""
        made = any(name in causes.names_bound(cell) or "import *" in cell for cell in self._cells)
        self._found.add(made or name.startswith("#"))

    def _can_keep(self, name: str) -> bool:
        """Leave out a cell that took away what an earlier one had made, if there is one."""
        made = [at for at, cell in enumerate(self._cells) if name in self._bound(cell)]
        for at in range(made[0] + 1 if made else len(self._cells), len(self._cells)):
            if at not in self._left_out and causes.may_take_away(self._cells[at], name):
                self._leave_out(at, "took away what is tested, and was left out")
                self._drop()
                return True
        return False

    def _explain_missing(self, name: str) -> None:
        """Name the cell because of which there is no such name, if there is one.

        Raises:
            NoAnswer: then.
        """
        if (index := self._failed_to_bind({name}, len(self._cells))) is not None:
            says = self._stopped[index]
            raise NoAnswer(f"Your code cell {index + 1} {says}, so there is no `{name}`.")

    def _explain_name_error(self, name: str) -> None:
        """Name the cell because of which a function misses something; raises as above."""
        first = name.partition("(")[0].partition(".")[0]
        used = [self._used(cell) for cell in self._cells if first in self._bound(cell)]
        index = self._failed_to_bind(set().union(*used), len(self._cells))
        if index is not None:
            raise NoAnswer(
                f"`{name}` stops with a NameError: it needs something of your code cell "
                f"{index + 1}, which {self._stopped[index]}."
            )

    def _failed_to_bind(self, names: set[str], before: int) -> int | None:
        """The last cell that stopped and would have given a meaning to one of the names."""
        for index in sorted((at for at in self._stopped if at < before), reverse=True):
            no_time = self._stopped[index] == NO_TIME
            cells = self._cells[index:] if no_time else self._cells[index : index + 1]
            if any(names & self._bound(cell) for cell in cells):
                return index
        return None

    def _running(self) -> Sandbox:
        """The sandbox, with all cells run that can be.

        Raises:
            NoAnswer: if there can be none any more.
            MachineTrouble: if that is the machine's fault.
        """
        while self._sandbox is None:
            if self._starts >= MAX_STARTS:
                raise NoAnswer("The notebook broke down too often to go on.")
            if self._left() <= 0:
                raise NoAnswer(
                    f"The time for the whole notebook ({self._limits.total_seconds:g} s) was over."
                )
            self._starts += 1
            try:
                self._sandbox = self._start()
            except Ended as ended:  # nothing of the submission runs in it yet
                raise MachineTrouble(f"A sandbox did not start again: it {ended}.") from None
            self._run_cells(self._sandbox)
        return self._sandbox

    def _run_cells(self, sandbox: Sandbox) -> None:
        """Run the cells; if one brings all down, leave it out next time."""
        self._stopped = {at: says for at, says in self._stopped.items() if at in self._left_out}
        self._because = {}
        for index, source in enumerate(self._cells):
            if index in self._left_out or not source.strip():
                continue
            if self._left() <= 0:
                self._stopped[index] = NO_TIME
                return
            outcome = self._run_cell(sandbox, source)
            if _is_gone(outcome):
                self._drop()
                if not self._is_late(index, outcome, index):
                    self._blame(index, outcome)
                return
            self._record(index, outcome)
            if self._sandbox is None:
                return
            if (watched := WATCH[self._level]) and causes.may_end_late(source):
                outcome = _outcome(sandbox.watch, self._seconds(watched))
                if _is_gone(outcome):
                    says = _ending(outcome, 0)
                    self._leave_out(index, f"{says}, some time after it had run")
                    self._drop()
                    return

    def _run_cell(self, sandbox: Sandbox, source: str) -> dict:
        """Run a cell; if it wants what only Colab has, once more without that."""
        seconds = self._limits.cell_seconds
        outcome = _outcome(sandbox.run, source, self._seconds(seconds))
        if outcome.get("name") in ("ModuleNotFoundError", "ImportError"):
            elsewhere = causes.without_colab(source)
            if elsewhere is not None:
                outcome = _outcome(sandbox.run, elsewhere, self._seconds(seconds))
        return outcome

    def _record(self, index: int, outcome: dict) -> None:
        """Note how a cell ended that left the kernel alive."""
        if outcome["status"] == "error":
            name, says = outcome.get("name"), outcome.get("says")
            missing = causes.undefined_name(name, says)
            root = self._failed_to_bind({missing}, index) if missing else None
            if root is not None:
                self._because[index] = root
                self._stopped[index] = f"stopped without `{missing}` of code cell {root + 1}"
            else:
                why = causes.why_stopped(name, says, self._cells[index], self._cells)
                self._stopped[index] = why
            if name == "MemoryError":  # what it holds would leave no room for the others
                self._left_out.add(index)
                self._drop()
        elif outcome["status"] != "ok":
            # Left out from now on: it would only do the same in the next sandbox.
            self._left_out.add(index)
            self._stopped[index] = _ending(outcome, self._limits.cell_seconds)

    def _blame(self, index: int, outcome: dict) -> None:
        """Leave out the cell in which the kernel ended, or the one before if it had ended then."""
        if outcome["status"] == "dead":
            before = [i for i in range(index) if i not in self._left_out and self._cells[i].strip()]
            index = before[-1] if before else index
        self._leave_out(index, _ending(outcome, self._limits.cell_seconds))

    def _leave_out(self, index: int, says: str) -> None:
        """Do without the cell that ended the kernel; whatever ends it next is looked for anew."""
        self._left_out.add(index)
        self._stopped[index] = says
        self._level, self._died_in = 0, None

    def _is_late(self, where: object, outcome: dict, before: int) -> bool:
        """Whether an earlier cell may be why the kernel ended, so that all is to run once more.

        Args:
            where: what ran when it ended.
            outcome: how.
            before: how many cells had run.
        """
        if outcome["status"] == "stuck" or where == self._died_in or self._level + 1 >= len(WATCH):
            return False
        ran = (cell for i, cell in enumerate(self._cells[:before]) if i not in self._left_out)
        if not any(causes.may_end_late(cell) for cell in ran):
            return False
        self._died_in = where
        self._level += 1
        return True

    def _seconds(self, most: float) -> float:
        """A time limit: what is left for the whole, but always a moment."""
        return max(1.0, min(most, self._left()))

    def _left(self) -> float:
        """Seconds that are left for the whole.

        Raises:
            MachineTrouble: if the machine is too busy to wait for their end.
        """
        if time.monotonic() > self._last:
            raise MachineTrouble(BUSY)
        now = self._sandbox.had if self._sandbox is not None else 0.0
        return self._limits.total_seconds - self._had - now

    def _drop(self) -> None:
        if self._sandbox is not None:
            self._had += self._sandbox.had
            self._sandbox.close()
            self._sandbox = None


def _outcome(run: Callable[..., dict], *arguments: object) -> dict:
    """What the sandbox says, in which nothing can be relied on; ``ended`` is our own word."""
    try:
        outcome = run(*arguments)
    except Ended as ended:
        return {"status": "ended", "ended": str(ended)}
    known = ("ok", "error", "slow", "flood", "stuck", "died", "dead")
    status = outcome.get("status")
    return {**outcome, "status": status if status in known else "died", "ended": None}


def _is_gone(outcome: dict) -> bool:
    """Whether the kernel is."""
    return outcome["status"] not in ("ok", "error", "slow", "flood")


def _ending(outcome: dict, seconds: float) -> str:
    """What to say of how a cell or a probe ended; nothing if it came to its own end."""
    endless = {
        "slow": f"ran longer than {seconds:g} seconds",
        "flood": "printed more than is taken",
    }
    status = outcome["status"]
    if status in ("ok", "error"):
        return ""
    if status in endless:
        return f"{endless[status]} and was interrupted"
    if status == "stuck":
        return (
            f"{endless.get(str(outcome.get('why')), endless['slow'])} and could not be interrupted"
        )
    return outcome["ended"] or "ended its own kernel"
