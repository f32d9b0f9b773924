"""grades.csv: a row a student, so many notes in it, and what to do if somebody has edited it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aigc_course.grading.lateness import shown_time
from aigc_course.grading.marks import GradeRow, Mark, Person
from aigc_course.grading.names import plain_name
from aigc_course.grading.plain import table_cell
from aigc_course.grading.sheets import sheet_bytes, sheet_number
from aigc_course.grading.submissions import Submission
from aigc_utils.files import atomic_path

FILE = "grades.csv"
MOST_NOTES = 10
GONE, NOTHING, EXCUSED = "not in the last folder", "nothing handed in", "excused"
NOT_GRADED, NOT_FOUND = "not graded", "handed in, but not among the submissions"
UNCLEAR = "unclear which row"
MOST_COMMENTS = 20_000  # characters of all that a teacher says of a student; a cell takes 32,767


@dataclass(frozen=True)
class TableLine:
    """One student in the table.

    Attributes:
        key: the student's.
        row: None if nothing was handed in.
        mark: what counts.
        person: on a roster; None if on none.
        remarks: for the teacher.
        outdated: the teacher's points were given to an earlier submission.
        failed: what could not be graded, through no fault of the student; None if nothing.
        apart: the row's name tells it from that of another class, and the roster's does not.
        unclear: on a roster, and may have one of several rows.
    """

    key: str
    row: GradeRow | None
    mark: Mark
    person: Person | None
    remarks: Sequence[str] = ()
    outdated: bool = False
    failed: Submission | None = None
    apart: bool = False
    unclear: bool = False

    @property
    def name(self) -> str:
        """The student's, as the roster has it if there is one and it is nobody else's."""
        if self.person and not self.apart:
            return self.person.name
        return self.row.student if self.row else self.failed.name

    @property
    def number(self) -> str:
        """What tells the student from all others; see `shown_id`."""
        return shown_id(self.key, self.row, self.person, self.failed and self.failed.lms_id)

    @property
    def state(self) -> str:
        """What a teacher should know of the row before adding it up."""
        states = [EXCUSED] if self.mark.excused else []
        if self.failed:
            states.append(NOT_GRADED)
        elif self.unclear:
            states.append(UNCLEAR)
        elif self.row is None:
            states.append(NOT_FOUND if self.person.handed_in else NOTHING)
        elif not self.row.here:
            states.append(GONE)
        return ", ".join(states)


def grades_table(lines: Sequence[TableLine], exercises: Mapping[str, float]) -> bytes:
    """The content of grades.csv.

    Args:
        lines: of all students.
        exercises: what each is worth, in order.
    """
    header = [
        "student", *exercises, "late", "by hand", "total", "of", "state", "note", "comment",
        "submitted", "id",
    ]  # fmt: skip
    possible = sum(exercises.values())
    table = [[table_cell(name) for name in header]]
    for line in sorted(lines, key=lambda each: (each.name.casefold(), each.name)):
        row, mark = line.row, line.mark
        time = mark.late.submitted if mark.late else None
        if not time and line.person:
            time = line.person.time_of(row.content if row else line.person.content)
        table.append(
            [
                table_cell(line.name),
                *(sheet_number(row.points.get(e, 0.0)) if row else "" for e in exercises),
                sheet_number(-mark.lost_late) if mark.lost_late else "",
                _by_hand(mark),
                sheet_number(mark.total),
                sheet_number(row.of if row else possible),
                line.state,
                table_cell(_notes(line)),
                table_cell(" ".join(text for _, text in mark.comments), MOST_COMMENTS),
                shown_time(time) if time else "",
                table_cell(line.number),
            ]
        )
    return sheet_bytes(table)


def shown_id(key: str, row: GradeRow | None, person: Person | None, number: str | None) -> str:
    """A platform's number, or else the key, in a form that is nobody's name."""
    ids = [each.id for each in (row, person) if each and each.id]
    return next(iter(ids), number) or (key if ":" in key else f"file:{key}")


def names_apart(lines: Mapping[str, TableLine]) -> dict[str, str]:
    """The names of students by key; the same name of several with what tells them apart."""
    times = Counter(plain_name(line.name) for line in lines.values())
    return {
        key: f"{line.name} ({line.number})" if times[plain_name(line.name)] > 1 else line.name
        for key, line in lines.items()
    }


def digest_of_table(out: Path) -> str:
    """The hash of grades.csv as it is; "" if there is none."""
    table = out / FILE
    return hashlib.sha256(table.read_bytes()).hexdigest() if table.is_file() else ""


def keep_edited(out: Path, known: Sequence[str]) -> Path | None:
    """Copy a grades.csv that is not as it was written; where to, or None if it is.

    Args:
        out: the output folder.
        known: hashes of what was written.
    """
    if digest_of_table(out) in ("", *known):
        return None
    return kept_copy(out / FILE, (out / FILE).read_bytes())


def kept_copy(path: Path, content: bytes) -> Path:
    """Keep what a teacher has made of a file beside it, as ``NAME.edited-1``; where."""
    number = 1
    while (copy := path.with_name(f"{path.stem}.edited-{number}{path.suffix}")).exists():
        if copy.read_bytes() == content:
            return copy
        number += 1
    with atomic_path(copy) as temporary:
        temporary.write_bytes(content)
    return copy


def is_kept_copy(name: str) -> bool:
    """Whether a file's name is one of `kept_copy`."""
    return re.search(r"\.edited-\d+\.\w+$", name) is not None


def write_table(out: Path, content: bytes) -> None:
    """Write grades.csv if it is not so already; `OSError` in one sentence if that cannot be."""
    table = out / FILE
    if table.is_file() and table.read_bytes() == content:
        return
    with atomic_path(table) as temporary:
        temporary.write_bytes(content)


def _by_hand(mark: Mark) -> str:
    """What the teacher changes the sum by; with a total that is set, the difference it makes."""
    if mark.set_to is not None:
        return sheet_number(mark.set_to - mark.earned + mark.lost_late)
    return sheet_number(mark.by_hand) if mark.by_hand else ""


def _notes(line: TableLine) -> str:
    """What there is to say of a submission, not longer than a teacher reads in a cell."""
    row = line.row
    notes = [*line.remarks, *(row.remarks + row.earlier + row.notes if row else ())]
    rest = len(notes) - MOST_NOTES
    return " ".join(notes[:MOST_NOTES]) + (f" And {rest} more." if rest > 0 else "")
