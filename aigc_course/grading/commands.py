"""`aigc grade`: a folder of submissions in, a table and a page for each student out."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

import aigc_utils
from aigc_course.grading import feedback, grader, hidden, sandbox, submissions
from aigc_course.grading.sandbox import Limits, Sandbox
from aigc_utils.files import atomic_path

DONE, FAILED, STOPPED = 0, 1, 130
MIB_PER_JOB = 1500  # what a submission that loads TensorFlow needs, with room
Say = Callable[[str], None]


class Row(BaseModel):
    """One student in grades.json.

    Attributes:
        sha256: of the submission, the tests and the limits; as long as it is the same, nothing is
            graded again.
        page: the feedback page's file name.
        broken: hidden tests that stopped; for the teacher.
    """

    model_config = ConfigDict(extra="forbid")

    student: str
    sha256: str
    points: dict[str, float]
    total: float
    of: float
    notes: list[str]
    broken: list[str]
    seconds: float
    page: str


class Grades(BaseModel):
    """The file grades.json: who was graded, and how, by the students' keys."""

    model_config = ConfigDict(extra="forbid")

    assignment: str
    students: dict[str, Row] = {}


@dataclass(frozen=True)
class Options:
    """How to grade.

    Attributes:
        tests: the folder of hidden tests; None is the course's own.
        jobs: submissions at a time; None is as many as cores and memory allow.
        limits: for one submission.
        bubblewrap: False to go without a sandbox.
        again: grade also what has not changed.
    """

    tests: Path | None = None
    jobs: int | None = None
    limits: Limits = field(default_factory=Limits)
    bubblewrap: bool = True
    again: bool = False


def grade(folder: Path, assignment: str, out: Path, options: Options, say: Say) -> int:
    """Grade all submissions of a folder; the exit code.

    Args:
        folder: one notebook, or one folder with a notebook, a student.
        assignment: such as "04".
        out: where grades.csv, grades.json and feedback/ go; nothing else is written to.
        options: how.
        say: takes a line for the teacher.

    Returns:
        0 if all are graded, however badly; 1 if some could not be, through no fault of theirs;
        130 if stopped by hand.

    Raises:
        ValueError: if something given is wrong, or there is no sandbox and none was waived.
        OSError: if ``out`` cannot be written to.
    """
    if options.jobs is not None and not 1 <= options.jobs <= 64:
        raise ValueError(f"--jobs is {options.jobs}: give 1 to 64.")
    tests_folder = options.tests or default_tests()
    tests = hidden.load(tests_folder, assignment)
    found = submissions.find(folder, assignment, leave_out=out)
    _check_isolation(
        options, {"submissions": folder, "hidden tests": tests_folder, "output": out}, say
    )
    grades = _load(out, assignment)
    keys = {submission.key for submission in found}
    grades.students = {k: row for k, row in grades.students.items() if k in keys}

    work = _Work(tests, options, out, grades, say)
    try:
        failed = work.run(found)
    except KeyboardInterrupt:
        say(
            f"Stopped with {len(grades.students)} of {len(found)} graded, which are kept in {out}: "
            "give the same command again to go on."
        )
        return STOPPED
    broken = sorted({text for row in grades.students.values() for text in row.broken})
    for text in broken:
        say(f"Look at this hidden test: {text}.")
    say(f"{len(grades.students)} of {len(found)} graded: {out / 'grades.csv'}")
    return FAILED if failed else DONE


def limits(cell_seconds: float, memory_mib: int) -> Limits:
    """Limits from the two that a teacher sets: seconds for a cell, MB for a submission.

    Raises:
        ValueError: if one is too small for any notebook.
    """
    if not 1 <= cell_seconds <= 36_000:
        raise ValueError(f"--timeout is {cell_seconds:g}: give 1 to 36000 seconds.")
    if memory_mib < 256:
        raise ValueError(f"--memory is {memory_mib}: give at least 256 MB.")
    return Limits(
        cell_seconds=cell_seconds,
        probe_seconds=min(10.0, cell_seconds),
        total_seconds=10 * cell_seconds,
        memory_mib=memory_mib,
    )


def default_tests() -> Path:
    """The course's hidden tests, which are in a checkout and not in the installed package.

    Raises:
        ValueError: if this is no checkout.
    """
    folder = Path(aigc_utils.__file__).resolve().parents[1] / "workbook" / "hidden_tests"
    if not folder.is_dir():
        raise ValueError("The course's hidden tests are not installed: name a folder with --tests.")
    return folder


class _Work:
    """Grades submissions, several at a time, and records each as soon as it is done."""

    def __init__(
        self, tests: hidden.TestSet, options: Options, out: Path, grades: Grades, say: Say
    ) -> None:
        self._tests, self._options, self._out = tests, options, out
        self._grades, self._say = grades, say
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._running: set[Sandbox] = set()
        self._slots: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._count = 0

    def run(self, found: list[submissions.Submission]) -> int:
        """Grade all; how many could not be."""
        jobs = self._options.jobs or _default_jobs()
        for slot in range(jobs):
            self._slots.put(slot)
        self._write_table()  # says now, not after an hour, if it cannot be written
        pool = ThreadPoolExecutor(jobs)
        try:
            futures = [pool.submit(self._one, submission, len(found)) for submission in found]
            return sum(not future.result() for future in futures)
        except BaseException:
            self._stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            with self._lock:
                running = list(self._running)
            for box in running:
                box.kill()
            raise
        finally:
            pool.shutdown(wait=True)

    def _one(self, submission: submissions.Submission, num_all: int) -> bool:
        """Grade one and record it; False if that was not possible."""
        if self._stopped.is_set():
            return False
        try:
            content, problem = submissions.read(submission), ""
        except submissions.Unreadable as error:
            content, problem = b"", str(error)
        digest = self._digest(content, problem)
        before = self._grades.students.get(submission.key)
        page = self._out / "feedback" / f"{submission.key}.html"
        known = before is not None and before.sha256 == digest and page.is_file()
        if known and not self._options.again:
            self._told(f"{submission.student}: as before", num_all)
            return True
        slot = self._slots.get()
        try:
            if problem:
                graded = grader.nothing(self._tests, problem)
            else:
                graded = grader.grade(
                    content, self._tests, self._options.limits, lambda: self._start(slot)
                )
        except OSError as error:
            self._told(f"{submission.student}: not graded. {error}", num_all)
            return False
        finally:
            self._slots.put(slot)
        if self._stopped.is_set():  # its sandbox was killed under it
            return False
        points = graded.points()
        row = Row(
            student=submission.student,
            sha256=digest,
            points=points,
            total=sum(points.values()),
            of=sum(result.of for result in graded.results),
            notes=list(graded.notes),
            broken=[result.broken for result in graded.results if result.broken],
            seconds=graded.seconds,
            page=page.name,
        )
        text = feedback.page(
            submission.student, self._tests.assignment, graded.results, graded.notes
        )
        with atomic_path(page) as temporary:
            temporary.write_text(text, encoding="utf-8")
        with self._lock:
            self._grades.students[submission.key] = row
            self._write_table()
        self._told(f"{submission.student}: {row.total:g} of {row.of:g}", num_all)
        return True

    def _start(self, slot: int) -> Sandbox:
        """A sandbox that `run` kills if the teacher stops."""
        box = Sandbox(
            self._options.limits,
            slot,
            bubblewrap=self._options.bubblewrap,
            on_close=self._running.discard,
        )
        with self._lock:
            self._running.add(box)
            if self._stopped.is_set():
                box.kill()
        return box

    def _digest(self, content: bytes, problem: str) -> str:
        """What a grade depends on, in a hash."""
        digest = hashlib.sha256()
        for part in (content, problem.encode(), self._tests.sha256.encode()):
            digest.update(hashlib.sha256(part).digest())
        digest.update(repr(self._options.limits).encode())
        return digest.hexdigest()

    def _write_table(self) -> None:
        rows = sorted(self._grades.students.values(), key=lambda row: row.student)
        with atomic_path(self._out / "grades.json") as temporary:
            temporary.write_text(self._grades.model_dump_json(indent=1), encoding="utf-8")
        text = feedback.table([row.model_dump() for row in rows], self._tests.exercises())
        with atomic_path(self._out / "grades.csv") as temporary:
            temporary.write_text(text, encoding="utf-8-sig")  # the mark is what Excel goes by

    def _told(self, text: str, num_all: int) -> None:
        with self._lock:
            self._count += 1
            printable = "".join(c if c.isprintable() else "?" for c in text)
            self._say(f"{self._count}/{num_all} {printable}")


def _default_jobs() -> int:
    memory = psutil.virtual_memory().available // 2**20
    return max(1, min(os.cpu_count() or 1, memory // MIB_PER_JOB))


def _check_isolation(options: Options, folders: dict[str, Path], say: Say) -> None:
    """Refuse what would show a submission the tests, or run it with no protection unasked."""
    if options.bubblewrap:
        if (why := sandbox.find_bubblewrap()) is not None:
            raise ValueError(
                f"There is no sandbox here: {why}. Install it, or give --no-sandbox and know: "
                + sandbox.UNPROTECTED
            )
        for name, folder in folders.items():
            for shown in sandbox.shown_folders():
                if folder.resolve().is_relative_to(shown):
                    raise ValueError(
                        f"The {name} are in {folder}, inside {shown}, which every submission can "
                        "read: move them elsewhere."
                    )
        return
    say("No sandbox. " + sandbox.UNPROTECTED)
    if os.geteuid() == 0:
        if not sandbox.can_drop_root():
            raise ValueError(
                "Without a sandbox submissions would have to run as an unprivileged user, who may "
                "not read this Python: install bubblewrap, or grade as an ordinary user."
            )
        for name in ("submissions", "hidden tests"):
            if folders[name].resolve().stat().st_mode & 0o007:
                raise ValueError(
                    f"Every submission could read the {name}: chmod o-rwx {folders[name]} first."
                )


def _load(out: Path, assignment: str) -> Grades:
    """What was graded before.

    Raises:
        ValueError: if the file is damaged or of another assignment.
    """
    file = out / "grades.json"
    if not file.exists():
        return Grades(assignment=assignment)
    try:
        grades = Grades.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except (ValidationError, ValueError):
        raise ValueError(f"{file} is damaged: move it away, and all are graded again.") from None
    if grades.assignment != assignment:
        raise ValueError(
            f"{out} holds the grades of assignment {grades.assignment}: give another folder for "
            f"{assignment}."
        )
    return grades
