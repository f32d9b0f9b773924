"""`aigc grade`: submissions in, a table and a page for each student out."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

import aigc_utils
from aigc_course.grading import bubblewrap, hidden, sandbox, submissions, tables, work
from aigc_course.grading.book import Book, Handed
from aigc_course.grading.limits import Limits
from aigc_course.grading.names import names_line
from aigc_course.grading.notebooks import Unreadable
from aigc_course.grading.plain import plain_text
from aigc_course.grading.roster import read_roster
from aigc_course.grading.telling import say_after, say_before
from aigc_course.grading.work import Say

DONE, FAILED, STOPPED = 0, 1, 130
MIB_PER_JOB = 1500  # what a submission that loads TensorFlow needs, with room


@dataclass(frozen=True)
class GradeOptions:
    """How to grade.

    Attributes:
        tests: the folder of hidden tests; None is the course's own.
        jobs: submissions at a time; None is as many as cores and memory allow.
        limits: for one submission.
        bubblewrap: False to go without a sandbox.
        again: grade also what has not changed.
        roster: the class: a list, Moodle's grading worksheet or Canvas's gradebook.
        column: of Canvas's gradebook, where the assignment's number does not tell it.
    """

    tests: Path | None = None
    jobs: int | None = None
    limits: Limits = field(default_factory=Limits)
    bubblewrap: bool = True
    again: bool = False
    roster: Path | None = None
    column: str | None = None


def grade(folder: Path, assignment: str, out: Path, options: GradeOptions, say: Say) -> int:
    """Grade all submissions of a folder or zip; the exit code.

    Rows of students who are not in it stay in the table.

    Args:
        folder: what was handed in; see `aigc_course.grading.submissions.find`.
        assignment: such as "04".
        out: where all goes that is written; `adjustments.csv` and `late.yml` in it are the
            teacher's and are only read.
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
    _check_out(out, folder)
    tests_folder = options.tests or default_tests()
    tests = hidden.load_tests(tests_folder, assignment)
    roster = read_roster(options.roster) if options.roster else None
    with tempfile.TemporaryDirectory(prefix="aigc-submissions-") as scratch, _alone(out):
        found = submissions.find(folder, assignment, scratch=Path(scratch), leave_out=[out])
        handed = [Handed(each, _content_hash(each)) for each in found.submissions]
        source = os.fsencode(folder.resolve()).decode("utf-8", "replace")
        book = Book(out, tests, handed, source, roster, options.column)
        handed = book.handed
        _check_isolation(
            options, {"submissions": folder, "hidden tests": tests_folder, "output": out}, say
        )
        if edited := book.begin():
            say(
                f"{tables.FILE} was edited: what you wrote is kept in {edited.name}, and the table "
                "is written anew. Marks of your own belong into adjustments.csv."
            )
        say_before(book, found, tests.sha256, options.limits, say)
        marker = work.Work(
            tests, options.limits, book, source, say,
            bubblewrap=options.bubblewrap, again=options.again,
        )  # fmt: skip
        try:
            outcome = marker.run(handed, options.jobs or _default_jobs())
            book.write()
            exported = book.export()
        except KeyboardInterrupt:
            say_after(book, say)
            say(
                f"Stopped with {marker.outcome.num_graded} of {len(handed)} graded, which are kept "
                f"in {out}: give the same command again to go on."
            )
            return STOPPED
        except OSError as error:
            say_after(book, say)
            say(f"{error.strerror or error} Give the same command again to go on.")
            return FAILED
        say_after(book, say)
        for line in exported:
            say(plain_text(line))
        return _finish(book, outcome, handed, out, say)


def _finish(
    book: Book, outcome: work.ClassOutcome, handed: Sequence[Handed], out: Path, say: Say
) -> int:
    """The last lines, and the exit code."""
    for text in sorted({text for row in book.rows.values() for text in row.broken}):
        say(f"Look at this hidden test: {plain_text(text)}.")
    failed = [name for names in outcome.failed.values() for name in names] + outcome.untried
    if failed:
        say(f"Not graded, for the reason above: {names_line(failed)}.")
    if outcome.untried:
        say(
            "Nobody could be graded any more, so the others were not tried: mend that, and give "
            "this again."
        )
    if book.table_trouble:
        say(f"{book.table_trouble.strerror or book.table_trouble} All marks are in grades.json.")
    say(f"{len(handed) - len(failed)} of {len(handed)} graded: {out / tables.FILE}")
    return FAILED if failed or book.table_trouble else DONE


def _content_hash(submission: submissions.Submission) -> str:
    """The hash of what a student handed in, readable or not."""
    try:
        return work.content_hash(submissions.read_submission(submission), "")
    except Unreadable as error:
        return work.content_hash(b"", str(error))


def _check_out(out: Path, folder: Path) -> None:
    """Refuse an output folder that cannot be one, before any work."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"-o is {out}, which is a file: name a folder.")
    if folder.is_dir() and out.resolve() == folder.resolve():
        raise ValueError(f"-o is {out}, the folder of submissions: name another one.")
    if all((folder / name).exists() for name in (tables.FILE, "grades.json")):
        raise ValueError(
            f"{folder} holds marks ({tables.FILE} and grades.json), so it is an output folder of "
            "aigc grade: name the folder or zip of submissions."
        )
    nearest = next(each for each in [out.absolute(), *out.absolute().parents] if each.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise ValueError(f"-o is {out}, and {nearest} cannot be written to: name another folder.")


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Let one command at a time write to a folder: of two, each would miss the other's rows."""
    from filelock import FileLock, Timeout

    # Not in the folder itself, which is made only when all has been checked.
    user = getattr(os, "getuid", int)()
    name = hashlib.sha256(f"{user} ".encode() + os.fsencode(out.resolve())).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"aigc-grading-{name}.lock"
    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"Another aigc grade is writing to {out}: let it end first.") from None
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        lock.release()


def default_tests() -> Path:
    """The course's hidden tests, which are in a checkout and not in the installed package.

    Raises:
        ValueError: if this is no checkout.
    """
    folder = Path(aigc_utils.__file__).resolve().parents[1] / "workbook" / "hidden_tests"
    if not folder.is_dir():
        raise ValueError("The course's hidden tests are not installed: name a folder with --tests.")
    return folder


def _default_jobs() -> int:
    memory = psutil.virtual_memory().available // 2**20
    return max(1, min(os.cpu_count() or 1, memory // MIB_PER_JOB))


def _check_isolation(options: GradeOptions, folders: dict[str, Path], say: Say) -> None:
    """Refuse what would show a submission the tests, or run it with no protection unasked."""
    bubblewrap.check_data_folder()
    if options.bubblewrap:
        if (why := bubblewrap.why_no_sandbox()) is not None:
            raise ValueError(
                f"There is no sandbox here: {why}. Or give --no-sandbox and know: "
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
    if not hasattr(os, "geteuid"):
        raise ValueError(
            "Submissions run on Linux or macOS only, also without a sandbox: on Windows use WSL."
        )
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
