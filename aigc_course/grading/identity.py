"""Who is who in a class's book: the same student under another name, and two under the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aigc_course.grading.marks import UNKNOWN, GradeRow, Grades, Person, find_renamed
from aigc_course.grading.names import names_line, spellings, without_addition
from aigc_course.grading.plain import plain_text
from aigc_course.grading.roster import Roster, known_as
from aigc_course.grading.submissions import Submission

EXPORTS = {"moodle": "Moodle's grading worksheet", "canvas": "Canvas's gradebook"}


@dataclass(frozen=True)
class Handed:
    """A submission, with the hash of what it holds.

    Attributes:
        submission: with the key and the name of its row.
        content: the hash.
        namesake: the key of a row of another class, if somebody on the roster given now has that
            row's name and is this student.
    """

    submission: Submission
    content: str
    namesake: str = ""


def kept_apart(
    grades: Grades, handed: Sequence[Handed], source: str, roster: Sequence[Person]
) -> tuple[list[Handed], list[str]]:
    """The submissions, with another key and name where a name is in the table from elsewhere.

    Two classes may have an Anna each. It is one student if it is the same work with answers, the
    same folder (also one that only moved) or a platform's number, or if there is one of the name
    on all rosters and on the one given now, and all who were in a folder with the row are on the
    latter: one who is not says that the row is of another class. Then the row that was kept apart
    before for the folder at hand joins it, and those of other folders if none has such a one.

    Args:
        grades: what was graded before, with the people of all rosters.
        handed: what was handed in.
        source: the folder that it is in.
        roster: who is on the roster that is given now.

    Returns:
        The submissions, and a sentence on each that is kept apart or becomes one.
    """
    told, said = [], []
    moved = _moved_folders(grades, handed)
    off = _off_roster(grades, roster)
    for each in handed:
        submission = each.submission
        row = grades.students.get(submission.key)
        if row is None or submission.lms_id or source == row.source:
            told.append(each)
            continue
        other = _key_apart(submission, source)
        is_one = _is_one(submission.name, grades.people, roster)
        strangers = _with(row, off) if is_one else []
        if is_one and not strangers:
            said += _join_rows(grades, submission, other, off)
        elif row.content != each.content or not (submission.tells_who or row.source in moved):
            name = _name_with_folder(grades, submission.name, other, source)
            said.append(_why_apart(row, submission, name, row.content == each.content, strangers))
            namesake = submission.key if strangers else ""
            submission = replace(submission, key=other, name=name)
            if strangers:
                submission = _with_number(submission, each.submission.name, roster)
            each = Handed(submission, each.content, namesake)
        told.append(each)
    return told, said


def hand_over(
    keys: dict[int, str],
    people: Sequence[Person],
    handed: Sequence[Handed],
    rows: Mapping[str, GradeRow],
) -> None:
    """Whoever is on the roster is who has handed in now, and not the namesake of another class.

    Args:
        keys: the student's key by the number of the person; changed in place.
        people: of all rosters.
        handed: what is handed in.
        rows: by the students' keys.
    """
    theirs = {each.namesake: each.submission.key for each in handed if each.namesake}
    for number, key in keys.items():
        if key in theirs and known_as(people[number]) & spellings(rows[key].student):
            keys[number] = theirs[key]


def is_apart(key: str, folders: Collection[str]) -> bool:
    """Whether a row is kept apart from that of the same name, by its key and its folders."""
    return any(key.endswith(_key_ending(folder)) for folder in folders)


def rename_rows(grades: Grades, handed: Sequence[Handed], source: str) -> dict[str, tuple]:
    """Give the rows of students who have another name now that name; see `find_renamed`.

    Returns:
        By the new key the old one and the old name.
    """
    pairs = [(each.submission, each.content) for each in handed]
    old_names = {}
    for new, old in find_renamed(grades, pairs, source).items():
        row = grades.students.pop(old)
        old_names[new] = old, row.student
        row.former = [*row.former, row.student]
        grades.students[new] = row
        row.student = next(s.name for s, _ in pairs if s.key == new)
    return old_names


def check_platform(roster: Roster, handed: Sequence[Handed], people: Mapping[str, Person]) -> None:
    """Refuse the export of another platform than the submissions', if it fits nobody.

    Args:
        roster: that is given now.
        handed: what is handed in.
        people: of all rosters, by the student's key.

    Raises:
        ValueError: in one sentence.
    """
    theirs = {each.submission.lms for each in handed} - {None, roster.kind}
    on_it = {id(person) for person in roster.people}
    fits = any(id(people.get(each.submission.key)) in on_it for each in handed)
    if roster.kind in EXPORTS and theirs and not fits:
        wanted = EXPORTS[min(theirs)]
        raise ValueError(
            f"{roster.sheet.path} is {EXPORTS[roster.kind]}, and nobody on it has handed in: "
            f"for these submissions give {wanted} with --roster."
        )


def date_people(
    roster: Sequence[Person],
    keys: Mapping[int, str],
    contents: Mapping[str, str],
    grades: Grades,
    before: Sequence[Person],
) -> None:
    """Note what a roster's times are of: what is handed in now, or else what was before.

    Args:
        roster: the people of the roster that is given now; their times are changed.
        keys: the student's key by the ``id()`` of the person.
        contents: hashes of what is handed in now, by key.
        grades: what was graded before.
        before: the people of earlier rosters.
    """
    earlier = {(person.lms, person.id): person for person in before if person.id}
    for person in roster:
        key = keys.get(id(person), "")
        row, old = grades.students.get(key), earlier.get((person.lms, person.id))
        if key in contents:
            person.content = contents[key]
        elif row is not None:
            # Handed in since and not in this folder: the row keeps the time that was its own.
            if old is not None and old.content == row.content:
                person.submitted = old.submitted
            person.content = row.content


def _is_one(name: str, people: Sequence[Person], roster: Sequence[Person]) -> bool:
    """Whether rosters, and the one given now, know one person of a name."""
    wanted = spellings(name)
    now = [person for person in roster if known_as(person) & wanted]
    return len(now) == 1 and sum(bool(known_as(person) & wanted) for person in people) == 1


def _moved_folders(grades: Grades, handed: Sequence[Handed]) -> set[str]:
    """The folders of which work with answers is here again, and none of it is another."""
    same: dict[str, bool] = {}
    for each in handed:
        row = grades.students.get(each.submission.key)
        if row is not None and each.submission.tells_who:
            same[row.source] = same.get(row.source, True) and row.content == each.content
    return {folder for folder, is_same in same.items() if is_same}


def _off_roster(grades: Grades, roster: Sequence[Person]) -> list[GradeRow]:
    """The rows of those who are not on the roster that is given now."""
    known = set().union(*map(known_as, roster))
    numbers = {(person.lms, person.id) for person in roster if person.id}
    platforms = {lms for lms, _ in numbers}

    def is_on(row: GradeRow) -> bool:
        if row.id and row.lms in platforms:
            return (row.lms, row.id) in numbers
        names = (without_addition(name) for name in (row.student, *row.former))
        own = {name.removesuffix(end) for name in names for end in ("", *_endings(row.source))}
        return bool(known & set().union(*map(spellings, own)))

    return [row for row in grades.students.values() if not is_on(row)]


def _with(row: GradeRow, others: Sequence[GradeRow]) -> list[str]:
    """The names of those of the others who were in a folder with a row."""
    return [other.student for other in others if other.folders & row.folders]


def _why_apart(
    row: GradeRow, submission: Submission, name: str, same: bool, strangers: Sequence[str]
) -> str:
    """A sentence on a submission that is kept apart.

    Args:
        row: of the same name.
        submission: which it is.
        name: that it has from now on.
        same: both are the same work.
        strangers: who is not on the roster and was in a folder with the row.
    """
    why = f"with {'no answers either' if same else 'other work'}"
    hint = "give --roster with the class"
    if strangers:
        why += f", and was in a folder with {names_line(strangers)}, not on the roster"
        hint = "put the work into that folder"
    return (
        f"{submission.name} is in the table from {row.source}, {why}: this one is kept as {name}; "
        f"if it is the same student, {hint}."
    )


def _join_rows(
    grades: Grades, submission: Submission, last: str, off: Sequence[GradeRow]
) -> list[str]:
    """Make one row of a student's and those that were kept apart from it; the latest counts.

    If one of them is of another class, only that of the folder at hand surely is the student's.

    Args:
        grades: with the rows.
        submission: whose.
        last: the key under which the folder at hand was kept apart, which is the latest.
        off: rows of those who are not on the roster.

    Returns:
        A sentence on each that is joined, and one on those that are not.
    """
    rows = grades.students
    apart = [key for key, row in rows.items() if key == _key_apart(submission, row.source)]
    others = [key for key in apart if key != last]
    strangers = list(dict.fromkeys(name for key in others for name in _with(rows[key], off)))
    said = []
    for key in [] if strangers else others:
        said.append(_join(grades, submission, key))
    if last in apart:
        said.append(_join(grades, submission, last))
    if strangers:
        kept = names_line([rows[key].student for key in others])
        said.append(
            f"{kept} stay beside {submission.name}, as a folder of theirs has "
            f"{names_line(strangers)}, not on the roster: if it is the same student, grade that "
            "folder with this --roster."
        )
    return said


def _join(grades: Grades, submission: Submission, key: str) -> str:
    """Make one row of a student's and a later one, which counts; a sentence on it."""
    old, row = grades.students[submission.key], grades.students.pop(key)
    said = f"{row.student} is {submission.name} of the roster: it is one row from now on."
    row.earlier = [*old.earlier, old.replaced(), *row.earlier]
    row.former = [*old.former, *row.former, row.student]
    row.changes = [*old.changes, *row.changes]
    row.sources = [*old.sources, old.source, *row.sources]
    # The teacher's marks, and those that were written since: they may be for the earlier work.
    row.judged |= {UNKNOWN: old.content} | old.judged
    row.page, row.page_hash = old.page, old.page_hash  # the page that it has from now on
    row.student = submission.name
    grades.students[submission.key] = row
    return said


def _with_number(submission: Submission, name: str, roster: Sequence[Person]) -> Submission:
    """The submission with the platform's number of whoever has the name, which says who it is."""
    person = next(person for person in roster if known_as(person) & spellings(name))
    return replace(submission, lms=person.lms or None, lms_id=person.id or None)


def _key_apart(submission: Submission, source: str) -> str:
    """The key of what is kept apart from that of the same name, in another folder."""
    return f"{submission.key}{_key_ending(source)}"


def _name_with_folder(grades: Grades, name: str, key: str, source: str) -> str:
    """A name with that of the folder, unlike that of any other row."""
    taken = {row.student for other, row in grades.students.items() if other != key}
    short, long = _endings(source)
    return name + (short if name + short not in taken else long)


def _endings(source: str) -> tuple[str, str]:
    """What tells a name from the same one in another folder, and what does so for sure."""
    folder = plain_text(Path(source).name, 40)
    return f" [{folder}]", f" [{folder} {_digest(source)[:6]}]"


def _key_ending(source: str) -> str:
    return f"--{_digest(source)[:16]}"


def _digest(source: str) -> str:
    return hashlib.sha256(os.fsencode(source)).hexdigest()
