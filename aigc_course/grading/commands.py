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
from aigc_course.grading import bubblewrap, feedback, grader, hidden, sandbox, submissions
from aigc_course.grading.limits import Limits
from aigc_course.grading.sandbox import Sandbox
from aigc_utils.files import atomic_path

DONE, FAILED, STOPPED = 0, 1, 130
MIB_PER_JOB = 1500  # what a submission that loads TensorFlow needs, with room
Say = Callable[[str], None]


class GradeRow(BaseModel):
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
    students: dict[str, GradeRow] = {}


@dataclass(frozen=True)
class GradeOptions:
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


def grade(folder: Path, assignment: str, out: Path, options: GradeOptions, say: Say) -> int:
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
    tests = hidden.load_tests(tests_folder, assignment)
    found = submissions.find_submissions(folder, assignment, leave_out=out)
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
        self, tests: hidden.TestSet, options: GradeOptions, out: Path, grades: Grades, say: Say
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
            content, problem = submissions.read_submission(submission), ""
        except submissions.Unreadable as error:
            content, problem = b"", str(error)
        digest = self._digest(content, problem)
        before = self._grades.students.get(submission.key)
        page = self._out / "feedback" / f"{submission.key}.html"
        known = before is not None and before.sha256 == digest and page.is_file()
        if known and not self._options.again:
            self._told(f"{submission.student}: as before", num_all)
            return True
        try:
            graded = grader.zero_grade(self._tests, problem) if problem else self._graded(content)
        except OSError as error:
            self._told(f"{submission.student}: not graded. {error}", num_all)
            return False
        if self._stopped.is_set():  # its sandbox was killed under it
            return False
        row = self._kept(submission, graded, digest, page)
        self._told(f"{submission.student}: {row.total:g} of {row.of:g}", num_all)
        return True

    def _graded(self, content: bytes) -> grader.Grade:
        """Grade a notebook in a sandbox of its own.

        Raises:
            OSError: if no sandbox can be started.
        """
        slot = self._slots.get_nowait()  # there are as many as threads
        try:
            return grader.grade_notebook(
                content, self._tests, self._options.limits, lambda: self._start(slot)
            )
        finally:
            self._slots.put(slot)

    def _kept(
        self, submission: submissions.Submission, graded: grader.Grade, digest: str, page: Path
    ) -> GradeRow:
        """Write a student's page, then the tables with the student's row in them."""
        points = graded.points()
        row = GradeRow(
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
        text = feedback.feedback_page(
            submission.student, self._tests.assignment, graded.results, graded.notes
        )
        with atomic_path(page) as temporary:
            temporary.write_text(text, encoding="utf-8")
        with self._lock:
            self._grades.students[submission.key] = row
            self._write_table()
        return row

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
        text = feedback.grades_table([row.model_dump() for row in rows], self._tests.exercises())
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


def _check_isolation(options: GradeOptions, folders: dict[str, Path], say: Say) -> None:
    """Refuse what would show a submission the tests, or run it with no protection unasked."""
    bubblewrap.check_data_folder()
    if options.bubblewrap:
        if (why := bubblewrap.why_no_sandbox()) is not None:
            raise ValueError(
                f"There is no sandbox here: {why}. Install it, or give --no-sandbox and know: "
                + sandbox.UNPROTECTED
            )
        for name, folder in folders.items():
            for shown in bubblewrap.shown_folders():
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
