"""The class's marks: what hidden tests gave, what else counts, and that no row is ever lost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from aigc_course.grading.adjustments import Adjustment
from aigc_course.grading.lateness import Late, LateRule
from aigc_course.grading.submissions import Submission
from aigc_utils.files import atomic_path

FILE = "grades.json"
UNKNOWN = "others"  # in place of a hash in `GradeRow.judged`
SUBMITTED = "submitted"  # begins what is given by a time in late.yml
NOBODY = "-"  # in place of a key in `Person.row`


def given_lines(adjustments: Sequence[Adjustment], time: datetime | None = None) -> list[tuple]:
    """What a teacher's lines give to a submission: points, an excuse, or a time under submitted."""
    given = [a for a in adjustments if a.points or a.set_to is not None or a.excused]
    marks = [(a.exercise, a.points, a.set_to, a.comment, *["excused"] * a.excused) for a in given]
    return marks + ([(SUBMITTED, time.isoformat())] if time else [])


class TestRow(BaseModel):
    """What one hidden test said; see `aigc_course.grading.hidden.Result`."""

    __test__ = False  # pytest takes it for a class of tests

    model_config = ConfigDict(extra="forbid")

    exercise: str
    title: str
    points: float
    of: float
    says: str = ""
    judged: bool = True


class Person(BaseModel):
    """Somebody on a roster.

    Attributes:
        name: as the roster writes it.
        id: the platform's number; "" if it has none.
        lms: "moodle", "canvas" or "".
        words: other names: a login, an address without its end, a number of the school.
        submitted: when something was handed in, without a zone, as the platform says.
        content: of the submission that this time was read for; "" if nothing of it is here.
        handed_in: the platform says that something was handed in.
        row: the key of the row; `NOBODY` if the row of the name is another's, "" if none is known.
        judged: as in `GradeRow`, of lines that were there before anything was handed in.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    id: str = ""
    lms: str = ""
    words: list[str] = []
    submitted: datetime | None = None
    content: str = ""
    handed_in: bool = False
    row: str = ""
    judged: dict[str, str] = {}

    def time_of(self, content: str) -> datetime | None:
        """When this content was handed in; None if the time is of another one or unknown."""
        return self.submitted if content == self.content else None


class GradeRow(BaseModel):
    """One student in grades.json.

    Attributes:
        id: the learning platform's number for the student; "" if none is known.
        lms: the platform, "moodle" or "canvas"; "" if none is known.
        sha256: of the submission, the tests and the limits; as long as it is the same, nothing is
            graded again.
        content, tests, limits: the parts of it.
        points: that hidden tests gave, by exercise.
        total: with lateness and the teacher's own marks; None if there is to be none.
        notes: on what happened when it was run, for the student.
        remarks: on what was handed in, for the teacher.
        broken: hidden tests that stopped; for the teacher.
        page: the feedback page's file name.
        submitted: the time of the file; a download may have changed it.
        source: the folder that it came from.
        sources: by each folder that it has come from the key of the submission there.
        apart: `student` tells it from a row of the same name.
        older: ``content`` of what was handed in before.
        keys: earlier keys of the row.
        here: it was in the folder that was graded last.
        former: earlier names of the same student.
        earlier: sentences on earlier submissions that this one replaces.
        changes: sentences on when the total changed, and from what, the last at the end.
        page_hash: of the page as it was written last; a teacher may have edited it since.
        judged: for the hash of each of `given_lines` the ``content`` that it was first given to.
            Under `UNKNOWN` what other lines were: of rows that became one, the earlier.
    """

    model_config = ConfigDict(extra="forbid")

    student: str
    id: str = ""
    lms: str = ""
    sha256: str
    content: str = ""
    tests: str = ""
    limits: str = ""
    results: list[TestRow] = []
    points: dict[str, float]
    total: float | None
    of: float
    notes: list[str]
    remarks: list[str] = []
    broken: list[str]
    seconds: float
    page: str
    submitted: datetime | None = None
    source: str = ""
    sources: dict[str, str] = {}
    apart: bool = False
    older: list[str] = []
    keys: list[str] = []
    here: bool = True
    former: list[str] = []
    earlier: list[str] = []
    changes: list[str] = []
    page_hash: str = ""
    judged: dict[str, str] = {}

    @field_validator("sources", mode="before")
    @classmethod
    def _without_keys(cls, value: object) -> object:
        """Marks that were begun with an earlier version list the folders."""
        return dict.fromkeys(value, "") if isinstance(value, list) else value

    def first_given(self, lines: Sequence[tuple]) -> dict[str, str]:
        """The ``content`` that each of `given_lines` was first given to, by the line's hash."""
        marks = [line for line in lines if line[0] != SUBMITTED]
        # Folders of before have one hash of all lines.
        other = self.judged.get(line_hash(marks), self.judged.get(UNKNOWN, self.content))
        return {given: self.judged.get(given, other) for given in map(line_hash, lines)}

    def is_after(self, lines: Sequence[tuple]) -> bool:
        """Whether some of `given_lines` were given to an earlier submission, or before any."""
        return any(content != self.content for content in self.first_given(lines).values())

    @property
    def folders(self) -> set[str]:
        """All folders that it has come from."""
        return {self.source, *self.sources}

    @property
    def earned(self) -> float:
        """The points that hidden tests gave."""
        return sum(self.points.values())

    def join(self, old: GradeRow, key: str) -> str:
        """Become one row with an earlier one; a sentence on it.

        Args:
            old: of the same student.
            key: that this one has had.
        """
        said = f"{self.student} is {old.student} of the roster: it is one row from now on."
        self.earlier = [*old.earlier, old.replaced(), *self.earlier]
        self.older = [*old.older, old.content, *self.older]
        self.former = [*old.former, *self.former, self.student]
        self.keys = [*old.keys, *self.keys, key]
        self.changes = [*old.changes, *self.changes]
        self.sources = old.sources | self.sources
        # The teacher's marks, and those that were written since: they may be for the earlier work.
        self.judged |= {UNKNOWN: old.content} | old.judged
        for name in ("page", "page_hash", "student", "apart", "id", "lms"):  # from now on
            setattr(self, name, getattr(old, name))
        return said

    def replaced(self) -> str:
        """A sentence for the row that comes in place of this one."""
        return f"Replaces {self.earned:g} of {self.of:g} points from {self.source}."


class Grades(BaseModel):
    """The file grades.json.

    Attributes:
        students: by their keys.
        people: on the rosters that were given.
        tables: hashes of grades.csv: as it was last written, and of the last two versions, which
            it may not have become. By them an edited one is known.
    """

    model_config = ConfigDict(extra="forbid")

    assignment: str
    students: dict[str, GradeRow] = {}
    people: list[Person] = []
    tables: list[str] = []


@dataclass(frozen=True)
class Mark:
    """What counts for a student.

    Attributes:
        earned: points by hidden tests.
        late: None if nothing is known of it.
        added: points that the teacher gives or takes, by exercise; "" is the whole.
        set_to: the total that the teacher has set; None if none is.
        comments: the teacher's words, each with its exercise or "".
        excused: is not to be marked.
        total: the sum, at least 0; None if there is nothing to mark.
    """

    earned: float
    late: Late | None
    added: dict[str, float]
    set_to: float | None
    comments: list[tuple[str, str]]
    excused: bool
    total: float | None

    @property
    def lost_late(self) -> float:
        """Points taken off for lateness."""
        return self.late.points if self.late else 0.0

    @property
    def by_hand(self) -> float:
        """Points that the teacher's marks change the sum by."""
        return sum(self.added.values())


def row_to_come(submission: Submission, source: str) -> GradeRow:
    """Stands for a submission from a folder that is not graded yet."""
    return GradeRow(
        student=submission.name, id=submission.lms_id or "", lms=submission.lms or "", sha256="",
        points={}, total=None, of=0, notes=[], broken=[], seconds=0, page="", source=source,
    )  # fmt: skip


def mark_of(
    key: str,
    row: GradeRow | None,
    person: Person | None,
    possible: float,
    rule: LateRule | None,
    adjustments: Sequence[Adjustment],
) -> Mark:
    """The mark of a student.

    Args:
        key: the student's.
        row: None if nothing was handed in.
        person: on a roster; None if on none.
        possible: points of the assignment.
        rule: on lateness.
        adjustments: the teacher's lines for this student.
    """
    earned = row.earned if row else 0.0
    late = None
    if rule and row:
        own = not row.is_after(given_lines([], rule.time_of(key)))
        late = rule.late(key, _submitted(row, person, rule), earned, possible, own)
    added: dict[str, float] = {}
    set_to, comments, excused = None, [], False
    for each in adjustments:
        change = each.points
        if each.set_to is not None and each.exercise:
            had = row.points.get(each.exercise, 0.0) if row else 0.0
            change = each.set_to - had - added.get(each.exercise, 0.0)
        elif each.set_to is not None:
            set_to = each.set_to
        if change:
            added[each.exercise] = added.get(each.exercise, 0.0) + change
        if each.comment:
            comments.append((each.exercise, each.comment))
        excused = excused or each.excused
    total: float | None = max(0.0, earned - (late.points if late else 0.0) + sum(added.values()))
    if set_to is not None:
        total = set_to
    if excused or (row is None and set_to is None and not added):
        total = None
    return Mark(
        earned, late, added, set_to, comments, excused, None if total is None else round(total, 4)
    )


def read_grades(out: Path, assignment: str) -> Grades:
    """What was graded before; nothing if there is no file.

    Raises:
        ValueError: if the file is damaged or of another assignment.
    """
    file = out / FILE
    if not file.exists():
        return Grades(assignment=assignment)
    try:
        grades = Grades.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except (ValidationError, ValueError, RecursionError) as error:
        found = error.errors() if isinstance(error, ValidationError) else []
        if new := [each["loc"][-1] for each in found if each["type"] == "extra_forbidden"]:
            raise ValueError(
                f"{file} has {new[0]!r}, which a newer version of the course writes: use that."
            ) from None
        raise ValueError(
            f"{file} is damaged: keep it elsewhere, and grade the folders of all classes again."
        ) from None
    if grades.assignment != assignment:
        raise ValueError(
            f"{out} holds the grades of assignment {grades.assignment}: give another folder for "
            f"{assignment}."
        )
    return grades


def write_grades(out: Path, grades: Grades) -> None:
    """Write grades.json, whole or not at all; `OSError` if that cannot be."""
    with atomic_path(out / FILE) as temporary:
        temporary.write_text(grades.model_dump_json(indent=1), encoding="utf-8")


def line_hash(line: tuple | list[tuple]) -> str:
    """A hash of one of `given_lines`, or of several."""
    return hashlib.sha256(repr(line).encode()).hexdigest()[:16]


def _submitted(row: GradeRow, person: Person | None, rule: LateRule) -> datetime | None:
    """When it was handed in, as far as somebody vouches for it."""
    if person is not None and person.lms == "moodle":
        return person.time_of(row.content)
    return row.submitted if rule.file_times else None
