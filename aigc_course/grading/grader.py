"""Grading one submission: its cells, then the probes of the hidden tests.

A cell that brings its kernel down (an endless loop that cannot be interrupted, ``os._exit``) is
left out and the others run again in a new sandbox: what does not depend on it still counts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aigc_course.grading import hidden, submissions
from aigc_course.grading.hidden import NoAnswer, Result, Student, TestSet
from aigc_course.grading.limits import Limits
from aigc_course.grading.sandbox import Ended, Sandbox

MAX_STARTS = 5
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
        OSError: if no sandbox can be started, which is no student's fault.
    """
    began = time.monotonic()
    try:
        cells = submissions.code_cells(content)
    except submissions.Unreadable as error:
        return zero_grade(tests, str(error))
    with _Session(cells, limits, start) as session:
        session.begin()
        student = Student(session.probe)
        results = tuple(hidden.judge_submission(test, student) for test in tests.tests)
        notes = tuple(session.notes)
    return Grade(results, notes, round(time.monotonic() - began, 1))


def zero_grade(tests: TestSet, why: str) -> Grade:
    """The grade of what could not be run at all."""
    results = tuple(Result(t.exercise, t.title, 0.0, t.points) for t in tests.tests)
    return Grade(results, (why,))


@dataclass
class _Session:
    """A submission's running notebook, begun anew when it falls over."""

    cells: Sequence[str]
    limits: Limits
    start: Start
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sandbox: Sandbox | None = None
        self._left_out: set[int] = set()
        self._starts = 0
        self._fatal: dict[str, str] = {}  # names that brought the kernel down, and how
        self._deadline = time.monotonic() + self.limits.total_seconds

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
            self._sandbox = self.start()
        except Ended as ended:
            raise OSError(f"The sandbox did not start: it {ended}.") from None
        self._starts = 1
        self._run_cells(self._sandbox)

    def probe(self, request: dict) -> dict:
        """Send a hidden test's request; see `aigc_course.grading.hidden.Ask`."""
        name = request["shown"]
        if name in self._fatal:
            raise NoAnswer(f"`{name}` {self._fatal[name]}, so it was not called again.")
        sandbox = self._running()
        text = json.dumps(json.dumps(request))
        code = f"__import__('aigc_course.grading.inside.agent', fromlist=['x']).answer({text})"
        try:
            outcome = sandbox.run(code, self._seconds(self.limits.probe_seconds))
        except Ended as ended:
            outcome = {"status": "ended", "why": str(ended)}
        status, says = _ending(outcome, self.limits.probe_seconds)
        if status not in ("ok", "error", "slow", "flood"):
            self._fatal[name] = says
            self._drop()
        if says:
            raise NoAnswer(f"`{name}` {says}.")
        answer = outcome.get("answer")
        if not isinstance(answer, dict):
            raise NoAnswer(f"`{name}` brought no answer: something in the notebook prevents it.")
        return answer

    def _running(self) -> Sandbox:
        """The sandbox, with all cells run that can be.

        Raises:
            NoAnswer: if there can be none any more.
        """
        while self._sandbox is None:
            if self._starts >= MAX_STARTS:
                raise NoAnswer("The notebook broke down too often to go on.")
            if time.monotonic() > self._deadline:
                raise NoAnswer(
                    f"The time for the whole notebook ({self.limits.total_seconds:g} s) was over."
                )
            self._starts += 1
            try:
                self._sandbox = self.start()
            except Ended:
                raise NoAnswer("The notebook could not be started again.") from None
            self._run_cells(self._sandbox)
        return self._sandbox

    def _run_cells(self, sandbox: Sandbox) -> None:
        """Run the cells; if one brings all down, leave it out next time."""
        for index, source in enumerate(self.cells):
            if index in self._left_out or not source.strip():
                continue
            if time.monotonic() > self._deadline:
                self._note(index, "and those after it had no time left")
                return
            try:
                outcome = sandbox.run(source, self._seconds(self.limits.cell_seconds))
            except Ended as ended:
                outcome = {"status": "ended", "why": str(ended)}
            status, says = _ending(outcome, self.limits.cell_seconds)
            if status == "error":
                self._note(
                    index, f"stopped with {_text(outcome, 'name')}: {_text(outcome, 'says')}"
                )
            elif status != "ok":
                # Left out from now on: it would only do the same in the next sandbox.
                self._left_out.add(index)
                self._note(index, says)
            hog = status == "error" and outcome.get("name") == "MemoryError"
            if hog:  # what it holds would leave no room for the others
                self._left_out.add(index)
            if hog or status not in ("ok", "error", "slow", "flood"):
                self._drop()
                return

    def _note(self, index: int, says: str) -> None:
        note = f"Code cell {index + 1} {says}".rstrip(": ").rstrip(".") + "."
        if note not in self.notes:
            self.notes.append(note)

    def _seconds(self, most: float) -> float:
        """A time limit: what is left for the whole, but always a moment."""
        return max(1.0, min(most, self._deadline - time.monotonic()))

    def _drop(self) -> None:
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None


def _ending(outcome: dict, seconds: float) -> tuple[str, str]:
    """How a cell or a probe ended, and what to say of it; nothing if it came to its own end."""
    status = outcome.get("status")
    if status in ("ok", "error"):
        return status, ""
    endless = {
        "slow": f"ran longer than {seconds:g} seconds",
        "flood": "printed more than is taken",
    }
    if status in ("slow", "flood"):
        return status, f"{endless[status]} and was interrupted"
    if status == "stuck":
        why = endless.get(str(outcome.get("why")), endless["slow"])
        return status, f"{why} and could not be interrupted"
    if status == "ended":
        return status, str(outcome["why"])
    return "died", "ended its own kernel"


def _text(outcome: dict, key: str) -> str:
    """What a submission says, short and printable."""
    return "".join(c if c.isprintable() else " " for c in str(outcome.get(key, "")))[:200]
