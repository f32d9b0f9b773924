"""A small class for tests of marks, without a sandbox: what hidden tests would have said."""

from __future__ import annotations

from pathlib import Path

from aigc_course.grading import hidden
from aigc_course.grading.book import Book, Handed
from aigc_course.grading.marks import GradeRow, TestRow
from aigc_course.grading.roster import read_roster
from aigc_course.grading.submissions import Submission

TESTS = """
from aigc_course.grading import hidden_test

@hidden_test("vae-02", points=1, title="by hand")
def first(student):
    pass

@hidden_test("vae-03", points=9, title="any batch")
def second(student):
    pass
"""


def hidden_in(folder: Path) -> hidden.TestSet:
    """Hidden tests of an assignment "04" with 1 + 9 points."""
    folder.mkdir(exist_ok=True)
    (folder / "04.py").write_text(TESTS)
    return hidden.load_tests(folder, "04")


def handed(
    name: str, *, key: str = "", lms: str = "", number: str = "", content: str = "", **other: object
) -> Handed:
    """A submission of a student."""
    submission = Submission(
        key or name, name, None, lms=lms or None, lms_id=number or None, **other
    )
    return Handed(submission, content or f"of {name}")


def row_of(one: Handed, tests: hidden.TestSet, points: float = 10, source: str = "a") -> GradeRow:
    """What is recorded of a submission that earned so many of 10 points."""
    results = [
        TestRow(exercise="vae-02", title="by hand", points=min(points, 1), of=1, says="Halve it."),
        TestRow(exercise="vae-03", title="any batch", points=max(points - 1, 0), of=9, says="Sum."),
    ]
    return GradeRow(
        student=one.submission.name,
        id=one.submission.lms_id or "",
        lms=one.submission.lms or "",
        sha256=one.content,
        content=one.content,
        tests=tests.sha256,
        results=results,
        points={result.exercise: result.points for result in results},
        total=None,
        of=10,
        notes=[],
        broken=[],
        seconds=1,
        page="",
        source=source,
    )


def graded_class(
    tmp_path: Path, points: dict[Handed, float], *, roster: Path | None = None, source: str = "a",
    column: str | None = None,
) -> Book:  # fmt: skip
    """A class that has been graded into ``tmp_path / "marks"``."""
    tests = hidden_in(tmp_path / "hidden")
    people = read_roster(roster) if roster else None
    book = Book(tmp_path / "marks", tests, list(points), source, people, column)
    book.begin()
    earned = {(one.content, one.submission.lms_id): each for one, each in points.items()}
    for one in book.handed:
        theirs = earned[one.content, one.submission.lms_id]
        book.record(one.submission, row_of(one, tests, theirs, source))
    book.write()
    return book


def put(tmp_path: Path, name: str, text: str) -> Path:
    """Write a file of the teacher's into the folder of marks."""
    (tmp_path / "marks").mkdir(exist_ok=True)
    path = tmp_path / "marks" / name
    path.write_text(text, encoding="utf-8")
    return path
