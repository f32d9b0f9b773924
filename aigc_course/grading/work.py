"""Grading several submissions at a time, each recorded as soon as it is done."""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from aigc_course.grading import grader
from aigc_course.grading.book import Book, Handed
from aigc_course.grading.hidden import TestSet
from aigc_course.grading.limits import Limits
from aigc_course.grading.marks import GradeRow, TestRow
from aigc_course.grading.notebooks import NotHere, Unreadable
from aigc_course.grading.plain import plain_text
from aigc_course.grading.sandbox import Ended, Sandbox
from aigc_course.grading.sheets import sheet_number
from aigc_course.grading.submissions import Submission, read_submission

HOPELESS = 3  # sandboxes that do not start, one after another, before the rest is not tried
Say = Callable[[str], None]


@dataclass
class ClassOutcome:
    """What came of a class.

    Attributes:
        num_graded: how many are graded, now or before.
        failed: names of those who could not be graded, by the reason.
        untried: names of those who were not tried, because no sandbox starts.
    """

    num_graded: int = 0
    failed: dict[str, list[str]] = field(default_factory=dict)
    untried: list[str] = field(default_factory=list)


class Work:
    """Grades submissions.

    Args:
        tests: the hidden tests.
        limits: for one submission.
        bubblewrap: False to go without a sandbox.
        again: grade also what has not changed.
        book: where rows go.
        source: the folder that submissions are in.
        say: takes a line for the teacher.
    """

    def __init__(
        self,
        tests: TestSet,
        limits: Limits,
        book: Book,
        source: str,
        say: Say,
        *,
        bubblewrap: bool = True,
        again: bool = False,
    ) -> None:
        self._tests, self._limits, self._book = tests, limits, book
        self._source, self._say = source, say
        self._bubblewrap, self._again = bubblewrap, again
        self._lock = threading.Lock()
        self._stopped, self._hopeless = threading.Event(), threading.Event()
        self._running: set[Sandbox] = set()
        self._slots: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._count = self._in_a_row = 0
        self.outcome = ClassOutcome()

    def run(self, handed: Sequence[Handed], jobs: int) -> ClassOutcome:
        """Grade all, ``jobs`` at a time; a Ctrl-C kills what runs and comes out of here."""
        for slot in range(jobs):
            self._slots.put(slot)
        pool = ThreadPoolExecutor(jobs)
        try:
            futures = [pool.submit(self._one, each, len(handed)) for each in handed]
            for future in futures:
                future.result()
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
        return self.outcome

    def _one(self, handed: Handed, num_all: int) -> None:
        """Grade one and record it."""
        submission = handed.submission
        if self._stopped.is_set():
            return
        if self._hopeless.is_set():
            self.outcome.untried.append(submission.name)
            self._book.fail(submission, "It was not tried, since others could not be graded.")
            return
        try:
            content, problem = read_submission(submission), ""
        except NotHere as error:
            self._fail(submission, str(error), num_all, counts=False)
            return
        except Unreadable as error:
            content, problem = b"", str(error)
        handed_in = content_hash(content, problem)
        digest = digest_of(handed_in, self._tests, self._limits)
        before = self._book.rows.get(submission.key)
        if before is not None and before.sha256 == digest and not self._again:
            self._book.record(submission, self._renewed(before, submission))
            self._told(f"{submission.name}: as before", num_all, graded=True)
            return
        try:
            graded = grader.zero_grade(self._tests, problem) if problem else self._graded(content)
        except OSError as error:
            self._fail(submission, str(error), num_all)
            return
        except Exception as error:  # a fault of ours that one submission meets stops no class
            name, says = type(error).__name__, plain_text(str(error), 200)
            reason = f"The grader stops with {name} ({says}): report it."
            self._fail(submission, reason, num_all, counts=False)
            return
        if self._stopped.is_set():  # its sandbox was killed under it
            return
        was = self._book.before.get(submission.key)
        row = self._row(submission, graded, handed_in, digest)
        row = self._book.record(submission, row)
        changed = "" if was in (None, row.total) else f" (was {sheet_number(was)})"
        self._told(
            f"{submission.name}: {sheet_number(row.total)} of {sheet_number(row.of)}{changed}",
            num_all,
            graded=True,
        )

    def _graded(self, content: bytes) -> grader.Grade:
        """Grade a notebook in a sandbox of its own.

        Raises:
            OSError: if no sandbox can be started.
        """
        slot = self._slots.get_nowait()  # there are as many as threads
        try:
            graded = grader.grade_notebook(
                content, self._tests, self._limits, lambda: self._start(slot)
            )
        finally:
            self._slots.put(slot)
        self._in_a_row = 0
        return graded

    def _row(
        self, submission: Submission, graded: grader.Grade, content: str, digest: str
    ) -> GradeRow:
        """What goes into the book."""
        results = [
            TestRow(**{name: getattr(result, name) for name in TestRow.model_fields})
            for result in graded.results
        ]
        return GradeRow(
            student=submission.name,
            id=submission.lms_id or "",
            lms=submission.lms or "",
            sha256=digest,
            content=content,
            tests=self._tests.sha256,
            limits=limits_hash(self._limits),
            results=results,
            points=graded.points(),
            total=None,
            of=sum(result.of for result in graded.results),
            notes=list(graded.notes),
            remarks=list(submission.notes),
            broken=[result.broken for result in graded.results if result.broken],
            seconds=graded.seconds,
            page="",
            submitted=submission.submitted_at,
            source=self._source,
        )

    def _renewed(self, row: GradeRow, submission: Submission) -> GradeRow:
        """A row that need not be graded again, with what may be new about the submission."""
        return row.model_copy(
            update={
                "student": submission.name,
                "id": submission.lms_id or row.id,
                "lms": submission.lms or row.lms,
                "remarks": list(submission.notes),
                "submitted": submission.submitted_at,
                "source": self._source,
                "here": True,
            }
        )

    def _start(self, slot: int) -> Sandbox:
        """A sandbox that `run` kills if the teacher stops.

        Raises:
            Ended: if it does not start, or the teacher has stopped.
        """
        if self._stopped.is_set():
            raise Ended("was stopped")
        box = Sandbox(
            self._limits, slot, bubblewrap=self._bubblewrap, on_close=self._running.discard
        )
        with self._lock:
            self._running.add(box)
            if self._stopped.is_set():
                box.kill()
        return box

    def _fail(
        self, submission: Submission, reason: str, num_all: int, *, counts: bool = True
    ) -> None:
        """Note that one could not be graded; a reason is said once, not for each.

        Args:
            submission: whose.
            reason: a sentence.
            num_all: how many there are.
            counts: whether the others may meet the same.
        """
        if not self._stopped.is_set():
            self._book.fail(submission, reason)
        with self._lock:
            new = reason not in self.outcome.failed
            self.outcome.failed.setdefault(reason, []).append(submission.name)
            self._in_a_row += counts
            if self._in_a_row >= HOPELESS:
                self._hopeless.set()
        if new and not self._stopped.is_set():
            self._told(f"{submission.name}: not graded. {reason}", num_all)

    def _told(self, text: str, num_all: int, *, graded: bool = False) -> None:
        with self._lock:
            self._count += 1
            self.outcome.num_graded += graded
            self._say(f"{self._count}/{num_all} {plain_text(text)}")


def content_hash(content: bytes, problem: str) -> str:
    """A hash of what was handed in."""
    return hashlib.sha256(content + b"\0" + problem.encode()).hexdigest()


def limits_hash(limits: Limits) -> str:
    """A short hash of the limits."""
    return hashlib.sha256(repr(limits).encode()).hexdigest()[:16]


def digest_of(content: str, tests: TestSet, limits: Limits) -> str:
    """What a grade depends on, in a hash."""
    return hashlib.sha256(f"{content} {tests.sha256} {limits_hash(limits)}".encode()).hexdigest()
