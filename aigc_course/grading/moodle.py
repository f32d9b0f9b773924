"""What Moodle takes back: its grading worksheet filled in, and a zip of feedback files.

Moodle finds a student by the number in ``Identifier``, or by the second part of a folder's name
between underscores. It passes over grades above the maximum, and over rows whose date in "Last
modified (grade)" is not the one that it has: so these stay as they came.
"""

from __future__ import annotations

import html
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from aigc_course.grading.names import names_line
from aigc_course.grading.plain import plain_text
from aigc_course.grading.roster import Roster
from aigc_course.grading.sheets import (
    cell_as_it_came,
    number_in,
    sheet_number,
    write_sheet,
)
from aigc_utils.files import atomic_path

WORKSHEET, FEEDBACK = "moodle.csv", "moodle_feedback.zip"
# What stands in a comment from one to the other is written anew.
OURS, END = "Marked with hidden tests.", "End of the marks by hidden tests."
_BREAK = r"\s*<br ?/?>\s*"
MOST_LINE = 4_000  # characters of a line of the comment, more than a teacher's own may have
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same pages, the same zip


def write_worksheet(
    out: Path,
    roster: Roster,
    marks: Mapping[int, tuple[float | None, float, Sequence[str]]],
) -> list[str]:
    """Write ``moodle.csv``: the worksheet with grades and comments.

    Args:
        out: the output folder.
        roster: of the worksheet.
        marks: by the number of the person: the total (None for no grade), what it is out of, and
            the lines of the comment.

    Returns:
        Sentences on what a teacher might not expect.

    Raises:
        ValueError: if a maximum in the worksheet is no number.
    """
    sheet = roster.sheet
    grade, comments = sheet.column("Grade"), sheet.column("Feedback comments")
    most, open_ = sheet.column("Maximum grade"), sheet.column("Grade can be changed")
    rows = [list(row) for row in sheet.raw]
    scaled, cut, changed, locked = set(), [], [], []
    for number, (total, of, lines) in marks.items():
        row = rows[roster.at[number]]
        name = plain_text(roster.people[number].name)
        if open_ is not None and row[open_].strip().casefold() == "no":
            locked.append(name)
            continue
        if comments is not None and lines:
            row[comments] = _comment(row[comments], lines)
        if total is None:
            continue
        limit = _maximum(roster, number, most, of)
        if limit != of:
            scaled.add((of, limit))
        value = sheet_number(min(total / of, 1.0) * limit)
        if total > of:
            cut.append(name)
        if _number(row[grade]) not in (None, _number(value)):
            changed.append(f"{name} {row[grade]} -> {value}")
        row[grade] = value
    safe = [[cell_as_it_came(cell) for cell in row] for row in rows]
    header = [cell_as_it_came(name) for name in sheet.header]
    write_sheet(out / WORKSHEET, [header, *safe], separator=sheet.separator, mark=sheet.mark)
    said = [
        f"{WORKSHEET}: grades are scaled from {of:g} points to Moodle's maximum of {limit:g}."
        for of, limit in sorted(scaled)
    ]
    if cut:
        said.append(f"{WORKSHEET}: Moodle takes no more than the maximum, for {names_line(cut)}.")
    if changed:
        said.append(f"{WORKSHEET}: the worksheet had other grades: {names_line(changed)}.")
    if locked:
        said.append(
            f"{WORKSHEET}: Moodle has locked the grades of {names_line(locked)}: left as they are."
        )
    if comments is None:
        said.append(
            f"{WORKSHEET} has no column Feedback comments: switch feedback comments on in Moodle's "
            "assignment to import them too."
        )
    return said


def check_worksheet(roster: Roster) -> None:
    """See that all maxima of a worksheet are numbers; `ValueError` in one sentence if not."""
    most = roster.sheet.column("Maximum grade")
    for number in range(len(roster.people)):
        _maximum(roster, number, most, 1.0)


def write_feedback(out: Path, pages: Sequence[tuple[str, str, Path]], assignment: str) -> None:
    """Write ``moodle_feedback.zip``, for "Upload multiple feedback files in a zip".

    Args:
        out: the output folder.
        pages: of each student the name, Moodle's number and the page.
        assignment: for the pages' name.
    """
    with atomic_path(out / FEEDBACK) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, number, page in pages:
            folder = f"{_folder_name(name)}_{number}_assignsubmission_file_"
            entry = zipfile.ZipInfo(f"{folder}/feedback_{assignment}.html", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, page.read_bytes())


def _folder_name(name: str) -> str:
    """A name without what Moodle splits at, and without what systems do not take."""
    text = re.sub(r'[\\/:*?"<>|&_`$\'#%=;]+', " ", plain_text(name))
    return " ".join(text.split()).strip(". ")[:80] or "student"


def _comment(before: str, lines: Sequence[str]) -> str:
    """The comment, as the HTML that Moodle takes it for, amid what the teacher wrote there."""
    above, ours_before, rest = before.partition(OURS)
    # The last one: a student's words may be the same.
    below = rest.rpartition(END)[2] if END in rest else ""
    above = re.sub(f"{_BREAK}$", "", above).strip() if ours_before else above.strip()
    below = re.sub(f"^{_BREAK}", "", below).strip()
    lines = [html.escape(plain_text(line, MOST_LINE), quote=False) for line in (OURS, *lines, END)]
    return "<br>".join(part for part in (above, *lines, below) if part)


def _maximum(roster: Roster, number: int, column: int | None, of: float) -> float:
    """What the worksheet's grades are out of."""
    if column is None:
        return of
    at = roster.at[number]
    cell = roster.sheet.rows[at][column]
    value = _number(cell)
    if value is None or value <= 0:
        raise ValueError(
            f"{roster.sheet.path}, line {roster.sheet.lines[at]}: the maximum grade is {cell!r}: "
            "set Moodle's assignment to points."
        )
    return value


def _number(cell: str) -> float | None:
    try:
        return number_in(cell)
    except ValueError:
        return None
