"""Who is in the class: a list, Moodle's grading worksheet or Canvas's gradebook."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from aigc_course.grading.marks import GradeRow, Person
from aigc_course.grading.names import plain_name, spellings
from aigc_course.grading.sheets import Sheet, read_sheet

NAME_COLUMNS = ("full name", "name", "student", "students", "student name", "姓名", "名字")
ID_COLUMNS = ("id", "identifier", "id number", "student id", "number", "学号")
MAIL_COLUMNS = ("email address", "email", "e-mail", "mail", "login", "username")
TEST_STUDENT = "Student, Test"  # the teacher's own, in Canvas
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


@dataclass(frozen=True)
class Roster:
    """A class.

    Attributes:
        kind: "moodle", "canvas" or "list".
        sheet: the table that it was read from.
        people: in the order of the table.
        at: of each the row of the table; empty for a list.
        odd: sentences on times that are not understood.
    """

    kind: str
    sheet: Sheet
    people: list[Person]
    at: list[int]
    odd: tuple[str, ...] = ()


@dataclass(frozen=True)
class Matched:
    """Who of a roster is who in the marks.

    Attributes:
        keys: the student's key by the number of the person; who is missing handed in nothing.
        unclear: sentences on those who could be several.
    """

    keys: dict[int, str]
    unclear: list[str]


def read_roster(path: Path) -> Roster:
    """Read a roster; its columns tell what it is.

    Raises:
        ValueError: in one sentence, if it is none.
    """
    sheet = read_sheet(path)
    names = [name.casefold() for name in sheet.header]
    if "identifier" in names and "grade" in names:
        return _moodle(sheet)
    if "sis login id" in names or ("id" in names and "section" in names):
        return _canvas(sheet)
    return _list(sheet)


def match(people: Sequence[Person], rows: Mapping[str, GradeRow]) -> Matched:
    """Find each person's row, by the platform's number or else by the name.

    Args:
        people: of rosters.
        rows: by the students' keys.
    """
    by_id: dict[tuple[str, str], list[str]] = {}
    for key, row in rows.items():
        if row.id:
            by_id.setdefault((row.lms, row.id), []).append(key)
    keys = {
        n: found[0] for n, p in enumerate(people) if len(found := by_id.get((p.lms, p.id), [])) == 1
    }
    taken = set(keys.values())
    candidates: dict[int, list[str]] = {}
    for number, person in enumerate(people):
        if number in keys:
            continue
        words = set().union(*map(spellings, (person.name, *person.words)))
        candidates[number] = [
            key
            for key, row in rows.items()
            if key not in taken
            and not (row.id and row.lms == person.lms)  # then the number has decided
            and words & set().union(*map(spellings, (row.student, *row.former)))
        ]
    wanted = Counter(key for found in candidates.values() for key in found)
    unclear = []
    for number, found in candidates.items():
        if len(found) == 1 and wanted[found[0]] == 1:
            keys[number] = found[0]
        elif found:
            shown = ", ".join(sorted(rows[key].student for key in found))
            unclear.append(
                f"{people[number].name} of the roster may be any of {shown}"
                if len(found) > 1
                else f"{shown} may be any of {wanted[found[0]]} called {people[number].name}"
            )
    return Matched(keys, unclear)


def merged(known: Sequence[Person], new: Sequence[Person]) -> list[Person]:
    """The people of all rosters; who is on a new one as well, as that one has them."""
    numbers = {(person.lms, person.id) for person in new if person.id}
    names = {plain_name(person.name) for person in new}
    kept = [
        person
        for person in known
        if (person.lms, person.id) not in numbers
        and (person.id or plain_name(person.name) not in names)
    ]
    return [*kept, *new]


def time_in(text: str) -> datetime | None:
    """When something was handed in, as Moodle writes it; None if nothing was, or it is unclear.

    Args:
        text: such as "Friday, 20 November 2026, 11:14 PM", in English or Chinese, or ISO.
    """
    text = " ".join(text.split())
    clock = re.search(r"(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([AaPp])?", text)
    day = _day(text)
    if clock is None or day is None:
        return None
    hour, half = int(clock[1]), (clock[4] or "").lower()
    half = half or ("p" if re.search("下午|晚上|中午", text) else "a" if "上午" in text else "")
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    try:
        return datetime(*day, hour, int(clock[2]), int(clock[3] or 0))
    except ValueError:
        return None


def _day(text: str) -> tuple[int, int, int] | None:
    """Year, month and day in a text."""
    if found := re.search(r"(\d{4})\s?[-年]\s?(\d{1,2})\s?[-月]\s?(\d{1,2})", text):
        return int(found[1]), int(found[2]), int(found[3])
    if found := re.search(r"(\d{1,2})\.? ([A-Za-z]{3})[a-z]*\.?,? (\d{4})", text):
        day, month, year = found.groups()
    elif found := re.search(r"([A-Za-z]{3})[a-z]*\.? (\d{1,2}),? (\d{4})", text):
        month, day, year = found.groups()
    else:
        return None
    if month.lower() not in _MONTHS:
        return None
    return int(year), _MONTHS.index(month.lower()) + 1, int(day)


def _moodle(sheet: Sheet) -> Roster:
    """The worksheet of "Download grading worksheet"."""
    columns = {
        "identifier": sheet.column("Identifier"),
        "name": sheet.column("Full name"),
        "mail": sheet.column("Email address"),
        "number": sheet.column("ID number"),
        "login": sheet.column("Username"),
        "time": sheet.column("Last modified (submission)"),
    }
    people, at, odd = [], [], []
    for place, row in enumerate(sheet.rows):
        cells = {name: "" if c is None else row[c] for name, c in columns.items()}
        number = re.fullmatch(r".*?(\d+)", cells["identifier"])
        if number is None:
            raise ValueError(
                f"{sheet.path}, line {sheet.lines[place]}: the Identifier is "
                f"{cells['identifier']!r}, and Moodle writes Participant and a number: "
                "download the grading worksheet again."
            )
        others = [cells["mail"].partition("@")[0], cells["number"], cells["login"]]
        words = [word for word in others if word]
        name = cells["name"] or cells["identifier"]
        submitted = time_in(cells["time"])
        if submitted is None and cells["time"] not in ("", "-"):
            where = f"{sheet.path}, line {sheet.lines[place]}"
            odd.append(f"{where}: the time {cells['time'][:60]!r} of {name} is not understood.")
        people.append(
            Person(name=name, id=number[1], lms="moodle", words=words, submitted=submitted)
        )
        at.append(place)
    return replace(_unique("moodle", sheet, people, at), odd=tuple(odd))


def _canvas(sheet: Sheet) -> Roster:
    """The gradebook of "Export entire gradebook"."""
    name, first = sheet.column("Student", "LastName"), sheet.column("FirstName")
    number = sheet.column("ID")
    if name is None or number is None:
        raise ValueError(
            f"{sheet.path} has no columns Student and ID: export Canvas's gradebook in English."
        )
    others = [sheet.column(c) for c in ("SIS User ID", "SIS Login ID", "Integration ID")]
    people, at = [], []
    for place, row in enumerate(sheet.rows):
        if not re.fullmatch(r"\d+", row[number]):
            continue  # the points possible, and who posts marks by hand
        full = row[name] if first is None else f"{row[name]}, {row[first]}"
        if full == TEST_STUDENT:
            continue
        words = [row[column].partition("@")[0] for column in others if column is not None]
        found = [word for word in words if word]
        people.append(Person(name=full, id=row[number], lms="canvas", words=found))
        at.append(place)
    return _unique("canvas", sheet, people, at)


def _list(sheet: Sheet) -> Roster:
    """A list of names, with a heading or without one."""
    name = sheet.column(*NAME_COLUMNS)
    first, last = sheet.column("First name", "Given name"), sheet.column("Last name", "Surname")
    others = [sheet.column(*ID_COLUMNS), sheet.column(*MAIL_COLUMNS)]
    if name is None and (first is None or last is None):
        if len(sheet.header) > 1:
            raise ValueError(
                f"{sheet.path} has the columns {', '.join(sheet.header)[:200]} and neither "
                "Identifier, as Moodle's worksheet in English, nor ID and Section, as Canvas's "
                "gradebook, nor student, as a list: export it in English, or name that column."
            )
        lines = [sheet.header[0], *(row[0] for row in sheet.rows)]  # no heading
        return _unique("list", sheet, [Person(name=line) for line in lines], [])
    people = []
    for line, row in zip(sheet.lines, sheet.rows, strict=True):
        shown = row[name] if name is not None else f"{row[first]} {row[last]}".strip()
        if not shown:
            raise ValueError(f"{sheet.path}, line {line} has no name: write one, or take it out.")
        words = [row[column].partition("@")[0] for column in others if column is not None]
        people.append(Person(name=shown, words=[word for word in words if word]))
    return _unique("list", sheet, people, [])


def _unique(kind: str, sheet: Sheet, people: list[Person], at: list[int]) -> Roster:
    """A roster, in which no number stands twice."""
    if not people:
        raise ValueError(f"{sheet.path} names nobody: give the list of the class.")
    for number, times in Counter(person.id for person in people if person.id).items():
        if times > 1:
            raise ValueError(
                f"{sheet.path} has the number {number} {times} times: leave one of them."
            )
    return Roster(kind, sheet, people, at)
