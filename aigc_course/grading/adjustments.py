"""A teacher's own marks and words, in a file that a spreadsheet edits and no command changes."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from aigc_course.grading.names import Names
from aigc_course.grading.sheets import Sheet, number_in, read_sheet, write_sheet

FILE = "adjustments.csv"
COLUMNS = ("student", "exercise", "points", "set", "comment", "excused")
MOST_POINTS = 1000.0
MOST_COMMENT = 2000  # characters
_YES = {"yes", "y", "x", "true", "1", "是"}
_NO = {"", "no", "n", "false", "0", "否"}


@dataclass(frozen=True)
class Adjustment:
    """One line of the file.

    Attributes:
        student: as the teacher wrote it.
        exercise: which it is about; "" for the whole.
        points: given, or taken where negative.
        set_to: what the exercise, or the whole, is worth in place of all else; None if not set.
        comment: for the student.
        excused: this student is not to be marked.
        line: in the file.
    """

    student: str
    exercise: str = ""
    points: float = 0.0
    set_to: float | None = None
    comment: str = ""
    excused: bool = False
    line: int = 0


def read_adjustments(out: Path, exercises: Collection[str]) -> list[Adjustment]:
    """The lines of ``adjustments.csv``; none if there is no such file.

    Args:
        out: the output folder.
        exercises: the ids that there are.

    Raises:
        ValueError: in one sentence that names the line, if something in it is wrong.
    """
    for path in sorted(out.iterdir()) if out.is_dir() else ():
        name = path.name.casefold()
        if name.endswith(("~", ".bak")):
            continue  # of an editor
        if name == FILE and path.name != FILE:
            raise ValueError(f"{path} is not read: call it {FILE}, in small letters.")
        if name.startswith("adjustments.") and name != FILE:
            raise ValueError(f"{path} is not read: save it as {FILE} (CSV UTF-8), and remove it.")
    if not (out / FILE).exists():
        return []
    sheet = read_sheet(out / FILE)
    for name in sheet.header:
        if name.casefold() not in COLUMNS:
            raise ValueError(
                f"{sheet.path} has a column {name!r}: give some of {', '.join(COLUMNS)}."
            )
    if len({name.casefold() for name in sheet.header}) < len(sheet.header):
        raise ValueError(f"{sheet.path} has a column twice: leave one of them out.")
    if sheet.column("student") is None:
        raise ValueError(f"{sheet.path} has no column student: name it in the first line.")
    return [_adjustment(sheet, at, exercises) for at in range(len(sheet.rows))]


def begin_adjustments(out: Path) -> None:
    """Put an empty file there, to be filled in; one that is there stays as it is."""
    if not (out / FILE).exists():
        write_sheet(out / FILE, [COLUMNS])


def by_student(adjustments: list[Adjustment], names: Names, out: Path) -> dict[str, list]:
    """The lines for each student, by key.

    Raises:
        ValueError: in one sentence, if a line names nobody, or somebody who may be several.
    """
    found: dict[str, list[Adjustment]] = {}
    for each in adjustments:
        try:
            found.setdefault(names.find(each.student), []).append(each)
        except LookupError as error:
            raise ValueError(f"{out / FILE}, line {each.line}: {each.student!r} {error}") from None
    return found


def _adjustment(sheet: Sheet, at: int, exercises: Collection[str]) -> Adjustment:
    """One row, checked."""
    columns = {name: sheet.column(name) for name in COLUMNS}
    cells = {name: "" if c is None else sheet.rows[at][c] for name, c in columns.items()}
    place = f"{sheet.path}, line {sheet.lines[at]}"
    if not cells["student"]:
        raise ValueError(f"{place} names no student: write the name as it is in grades.csv.")
    exercise = next((e for e in exercises if e.casefold() == cells["exercise"].casefold()), "")
    if cells["exercise"] and not exercise:
        raise ValueError(
            f"{place}: there is no exercise {cells['exercise']!r}, only {', '.join(exercises)}."
        )
    points = _points(cells["points"], place, "points") or 0.0
    set_to = _points(cells["set"], place, "set")
    if set_to is not None and (set_to < 0 or points):
        raise ValueError(f"{place}: give either points to add, or in set the points to have.")
    if re.fullmatch(r"[0-9]+", cells["comment"]):
        raise ValueError(
            f"{place}: the comment is {cells['comment']!r}: if that was a decimal comma, write a "
            "point."
        )
    if len(cells["comment"]) > MOST_COMMENT:
        raise ValueError(
            f"{place}: the comment has {len(cells['comment'])} characters, and {MOST_COMMENT} are "
            "the most: shorten it, or put the rest into another line."
        )
    word = cells["excused"].casefold()
    if word not in _YES | _NO:
        raise ValueError(f"{place}: excused is {cells['excused']!r}: write yes, or nothing.")
    if word in _YES and exercise:
        raise ValueError(
            f"{place} excuses from {exercise} alone: leave the exercise empty to excuse from all, "
            "or give the points."
        )
    line = sheet.lines[at]
    return Adjustment(
        cells["student"], exercise, points, set_to, cells["comment"], word in _YES, line
    )


def _points(cell: str, place: str, what: str) -> float | None:
    """The number in a cell; None if there is none."""
    if not cell:
        return None
    try:
        points = number_in(cell)
    except ValueError as error:
        raise ValueError(f"{place}: {what}: {error}: write one such as 2 or -0.5.") from None
    if abs(points) > MOST_POINTS:
        raise ValueError(f"{place}: {what} is {cell}, and {MOST_POINTS:g} is the most.")
    return points
