"""Who is in the class: a list, Moodle's grading worksheet or Canvas's gradebook."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from aigc_course.grading.marks import NOBODY, GradeRow, Grades, Person
from aigc_course.grading.names import plain_name, spellings
from aigc_course.grading.sheets import Sheet, read_sheet

NAME_COLUMNS = ("student", "students", "student name", "full name", "name", "names", "姓名", "名字")
ID_COLUMNS = ("id", "identifier", "id number", "student id", "number", "学号")
MAIL_COLUMNS = ("email address", "email", "e-mail", "mail", "login", "username")
TEST_STUDENT = "Student, Test"  # the teacher's own, in Canvas
EXPORTS = {"moodle": "Moodle's grading worksheet", "canvas": "Canvas's gradebook"}
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


def read_roster(path: Path) -> Roster:
    """Read a roster; its columns tell what it is.

    Raises:
        ValueError: in one sentence, if it is none.
    """
    sheet = read_sheet(path)
    names = [name.casefold() for name in sheet.header]
    if "identifier" in names and "grade" in names:
        return _moodle(sheet)
    is_export = any(re.search(r"^sis login id$| \(\d+\)$", name) for name in names)
    if {"id", "section"} <= {*names} and (is_export or "student" not in names):
        return _canvas(sheet)
    return _list(sheet)


def known_as(person: Person) -> set[str]:
    """The spellings of all names that a person has."""
    return set().union(*map(spellings, (person.name, *person.words)))


def merged(known: Sequence[Person], new: Sequence[Person]) -> list[Person]:
    """The people of all rosters, each once.

    Who is on a new one as well is as that one has them, unless only the earlier one has the number
    of a platform; other names are kept. Several of one name are as many as the roster has that
    names most of them.
    """
    partners: dict[int, Person] = {}
    taken: set[int] = set()
    sure: set[int] = set()
    same_name = Counter(plain_name(person.name) for person in new)
    for names_of in (
        lambda person: {(person.lms, person.id)} if person.id else set(),
        lambda person: set(map(plain_name, person.words)),
        lambda person: {plain_name(person.name)},
        known_as,
    ):
        index: dict[object, list[Person]] = defaultdict(list)
        for old in known:
            for name in names_of(old):
                index[name].append(old)
        for person in new:
            if id(person) in partners:
                continue
            found = [old for name in sorted(names_of(person)) for old in index.get(name, ())]
            fits = {id(old): old for old in found if not _are_two(old, person)}
            free = [old for each, old in fits.items() if each not in taken]
            if free:
                partners[id(person)] = free[0]
                taken.add(id(free[0]))
                if len(fits) == 1 and same_name[plain_name(person.name)] == 1:
                    sure.add(id(person))
    left = [old for old in known if id(old) not in taken]
    return left + [
        _joined(partners[id(person)], person, sure=id(person) in sure)
        if id(person) in partners
        else person
        for person in new
    ]


def check_platform(roster: Roster, rows: Collection[GradeRow], *, has_some: bool) -> None:
    """Refuse an export that is of another platform or assignment than the submissions.

    Args:
        roster: that is given now.
        rows: of all who have handed in, now or before.
        has_some: somebody on the roster has handed in now.

    Raises:
        ValueError: in one sentence.
    """
    theirs = {row.lms for row in rows if row.here and row.lms}
    known = {row.id for row in rows if row.lms == roster.kind}
    export = f"{roster.sheet.path} is {EXPORTS.get(roster.kind)}"
    if roster.kind in theirs and known.isdisjoint(person.id for person in roster.people):
        raise ValueError(
            f"{export}, and these submissions' numbers are not on it: is it of another assignment "
            "or course? Give theirs with --roster."
        )
    if roster.kind in EXPORTS and theirs - {roster.kind} and not has_some:
        raise ValueError(
            f"{export}, and nobody on it has handed in: for these submissions give "
            f"{EXPORTS[min(theirs)]} with --roster."
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


def _joined(old: Person, new: Person, *, sure: bool) -> Person:
    """One person of two rosters; if it may also be a namesake, no name goes over."""
    kept, other = (old, new) if old.id and not new.id else (new, old)
    named = {plain_name(name) for name in (kept.name, *kept.words)}
    kept.judged = {**other.judged, **kept.judged}
    if kept is new and old.id == new.id and (sure or new.id):
        new.row = old.row
    if sure:
        kept.words += [n for n in (other.name, *other.words) if plain_name(n) not in named]
    return kept


def _are_two(one: Person, other: Person) -> bool:
    """Whether two who share a number, a login or a name are two all the same."""
    if one.id and other.id:
        return (one.lms, one.id) != (other.lms, other.id)
    if one.id and one.row == NOBODY:
        return True  # of another class than who has the row of that name
    if not (known_as(one) & spellings(other.name) or spellings(one.name) & known_as(other)):
        return True  # logins of two schools may be the same
    numbers = [{w.lstrip("0") for w in each.words if w.isdecimal()} for each in (one, other)]
    return all(numbers) and numbers[0].isdisjoint(numbers[1])


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
        "status": sheet.column("Status"),
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
        person = Person(name=name, id=number[1], lms="moodle", words=words, submitted=submitted)
        said = cells["status"] if columns["time"] is None else cells["time"].strip("-")
        person.handed_in = bool(said) and not re.match(
            "no submission|draft", cells["status"], re.IGNORECASE
        )
        people.append(person)
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
    if first is not None and name is not None and sheet.header[name].casefold() == "name":
        name, last = None, name
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
