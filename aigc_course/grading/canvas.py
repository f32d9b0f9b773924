"""What Canvas takes back: its gradebook with the column of one assignment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from aigc_course.grading.names import names_line
from aigc_course.grading.roster import Roster
from aigc_course.grading.sheets import Sheet, cell_as_it_came, number_in, sheet_number, write_sheet

FILE = "canvas.csv"
EXCUSED = "EX"
STUDENT_COLUMNS = (
    "Student", "LastName", "FirstName", "ID", "SIS User ID", "SIS Login ID", "Integration ID",
    "Root Account", "Section",
)  # fmt: skip


def chosen_column(sheet: Sheet, assignment: str, wanted: str | None) -> int:
    """The column that marks go into.

    Args:
        sheet: the gradebook.
        assignment: such as "04": a column "Workbook 4 (778123)" has its number.
        wanted: the column's name, with or without Canvas's number; None to find it, by the
            assignment's number or as the only column, if no other number is in its name.

    Raises:
        ValueError: in one sentence that lists the columns, if it is not clear which.
    """
    columns = {at: name for at, name in enumerate(sheet.header) if re.search(r" \(\d+\)$", name)}
    titles = {at: name.rpartition(" (")[0] for at, name in columns.items()}
    if wanted is None:
        numbers = [int(part) for part in re.findall(r"\d+", assignment)]
        found = [at for at, t in titles.items() if numbers and _holds(t, numbers)]
        if len(columns) == 1 and not re.search(r"\d", "".join(titles.values())):
            found = list(columns)
    else:
        found = [at for at in columns if wanted.strip() in (columns[at], titles[at])]
    if len(found) == 1:
        return found[0]
    shown = ", ".join(repr(name) for name in columns.values())[:400] or "no assignment"
    asked = f"no column {wanted!r}" if wanted else f"no single column for {assignment}"
    raise ValueError(f"{sheet.path} has {asked} but {shown}: name one with --column.")


def write_gradebook(
    out: Path, roster: Roster, column: int, marks: Mapping[int, tuple[float | None, float, bool]]
) -> list[str]:
    """Write ``canvas.csv``: who the students are, and the one column.

    Other columns are left out: marks that were given in Canvas since the export stay there.

    Args:
        out: the output folder.
        roster: of the gradebook.
        column: see `chosen_column`.
        marks: by the number of the person: the total (None for no mark), what it is out of, and
            whether the student is excused.

    Returns:
        Sentences on what a teacher might not expect.
    """
    sheet = roster.sheet
    kept = [at for at, name in enumerate(sheet.header) if name in STUDENT_COLUMNS]
    possible = _points_possible(sheet, column)
    rows = [list(row) for row in sheet.raw]
    scaled, changed = set(), []
    for number, (total, of, excused) in marks.items():
        row = rows[roster.at[number]]
        if total is None and not excused:
            continue
        limit = possible or of
        if limit != of:
            scaled.add((of, limit))
        value = EXCUSED if excused else sheet_number(total / of * limit)
        if row[column].strip() and not _same(row[column].strip(), value):
            changed.append(f"{roster.people[number].name} {row[column]} -> {value}")
        row[column] = value
    table = [[cell_as_it_came(row[at]) for at in (*kept, column)] for row in rows]
    header = [cell_as_it_came(sheet.header[at]) for at in (*kept, column)]
    write_sheet(out / FILE, [header, *table], separator=sheet.separator, mark=sheet.mark)
    said = [f"{FILE}: marks are in the column {sheet.header[column]!r}."]
    said += [
        f"{FILE}: marks are scaled from {of:g} points to Canvas's {limit:g}."
        for of, limit in sorted(scaled)
    ]
    if changed:
        said.append(f"{FILE}: the gradebook had other marks: {names_line(changed)}.")
    return said


def _points_possible(sheet: Sheet, column: int) -> float | None:
    """What the column's marks are out of; None if the gradebook does not say."""
    first = sheet.column("Student", "LastName")
    for row in sheet.rows:
        if row[first] == "Points Possible":
            try:
                return number_in(row[column]) or None
            except ValueError:
                return None
    return None


def _holds(title: str, numbers: list[int]) -> bool:
    """Whether a title has these numbers, one after another: 5 and 1 in "Workbook 5.1"."""
    there = [int(part) for part in re.findall(r"\d+", title)]
    return there[: len(numbers)] == numbers and len(there) == len(numbers)


def _same(one: str, other: str) -> bool:
    try:
        return number_in(one) == number_in(other)
    except ValueError:
        return one == other
