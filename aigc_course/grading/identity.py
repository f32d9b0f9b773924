"""Who is who in a class's book: the same student under another name, and two under the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aigc_course.grading.marks import UNKNOWN, Grades, Person, find_renamed
from aigc_course.grading.names import spellings
from aigc_course.grading.plain import plain_text
from aigc_course.grading.roster import Roster, known_as
from aigc_course.grading.submissions import Submission

EXPORTS = {"moodle": "Moodle's grading worksheet", "canvas": "Canvas's gradebook"}


@dataclass(frozen=True)
class Handed:
    """A submission, with the hash of what it holds."""

    submission: Submission
    content: str


def kept_apart(
    grades: Grades, handed: Sequence[Handed], source: str, roster: Sequence[Person]
) -> tuple[list[Handed], list[str]]:
    """The submissions, with another key and name where a name is in the table from elsewhere.

    Two classes may have an Anna each. It is one student if it is the same work with answers, the
    same folder (also one that only moved) or a platform's number, or if there is one of the name
    on all rosters and on the one given now; then all rows that were kept apart before become one.

    Args:
        grades: what was graded before, with the people of all rosters.
        handed: what was handed in.
        source: the folder that it is in.
        roster: who is on the roster that is given now.

    Returns:
        The submissions, and a sentence on each that is kept apart.
    """
    told, said = [], []
    moved = _moved_folders(grades, handed)
    for each in handed:
        submission = each.submission
        row = grades.students.get(submission.key)
        if row is None or submission.lms_id or source == row.source:
            told.append(each)
            continue
        other = _key_apart(submission, source)
        if _is_one(submission.name, grades.people, roster):
            _join_rows(grades, submission, other)
        elif row.content != each.content or not (submission.tells_who or row.source in moved):
            name = _name_with_folder(grades, submission.name, other, source)
            work = "other work" if row.content != each.content else "no answers either"
            said.append(
                f"{submission.name} is in the table from {row.source}, with {work}: this one "
                f"is kept as {name}; if it is the same student, give --roster with the class."
            )
            each = replace(each, submission=replace(submission, key=other, name=name))
        told.append(each)
    return told, said


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


def _join_rows(grades: Grades, submission: Submission, last: str) -> None:
    """Make one row of a student's and all that were kept apart from it; the latest counts.

    Args:
        grades: with the rows.
        submission: whose.
        last: the key under which the folder at hand was kept apart, which is the latest.
    """
    apart = [
        key for key, row in grades.students.items() if key == _key_apart(submission, row.source)
    ]
    for key in sorted(apart, key=lambda key: key == last):
        old, row = grades.students[submission.key], grades.students.pop(key)
        row.earlier = [*old.earlier, old.replaced(), *row.earlier]
        row.former = [*old.former, *row.former, row.student]
        row.changes = [*old.changes, *row.changes]
        # The teacher's marks, and those that were written since: they may be for the earlier work.
        row.judged |= {UNKNOWN: old.content} | old.judged
        row.page, row.page_hash = old.page, old.page_hash  # the page that it has from now on
        row.student = submission.name
        grades.students[submission.key] = row


def _key_apart(submission: Submission, source: str) -> str:
    """The key of what is kept apart from that of the same name, in another folder."""
    return f"{submission.key}--{_digest(source)[:16]}"


def _name_with_folder(grades: Grades, name: str, key: str, source: str) -> str:
    """A name with that of the folder, unlike that of any other row."""
    taken = {row.student for other, row in grades.students.items() if other != key}
    folder = plain_text(Path(source).name, 40)
    shown = f"{name} [{folder}]"
    return shown if shown not in taken else f"{name} [{folder} {_digest(source)[:6]}]"


def _digest(source: str) -> str:
    return hashlib.sha256(os.fsencode(source)).hexdigest()
