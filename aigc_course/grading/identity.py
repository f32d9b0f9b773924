"""Who is who in a class's book: the one place that says which row a submission or a person has.

Evidence counts in this order: a platform's number; the key of the submission in the same folder;
a name on the roster that is given now; the same work with answers. Where it conflicts, or fits
several, rows stay apart and a sentence says so: a row too many is seen, a wrong mark is not.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aigc_course.grading.marks import GradeRow, Grades, Person, row_to_come
from aigc_course.grading.names import names_line, spelled
from aigc_course.grading.plain import plain_text
from aigc_course.grading.roster import Roster, known_as
from aigc_course.grading.submissions import Submission

_Rows = Mapping[str, GradeRow]


@dataclass(frozen=True)
class Handed:
    """A submission, with the hash of what it holds.

    Attributes:
        submission: with the key and the name of its row.
        content: the hash.
    """

    submission: Submission
    content: str


class Who:
    """Finds the row of each submission, then that of each person; renames and joins rows.

    Args:
        grades: what was graded before, with the people of all rosters.
        handed: what was handed in.
        source: the folder that it is in.
        roster: that is given now; its people are the last ones.

    Attributes:
        handed: what is to be graded, with the keys and names of rows.
        rows: all by key, with one for each submission that has none yet.
        keys: the key of the row by the ``id()`` of the person; who is missing handed in nothing.
        unclear: by the ``id()`` of a person a sentence on which rows it could have.
        refused: the ``id()`` of each whose name has a row of another class only.
        said: sentences on rows that are kept apart, become one or are left.
        renamed: by the new key of a row the old one and the old name.
        by_name: names of those whose row from another folder a roster tells.
    """

    def __init__(
        self, grades: Grades, handed: Sequence[Handed], source: str, roster: Roster | None
    ) -> None:
        self._rows, self._people = grades.students, grades.people
        self._all, self._source = handed, source
        self._now = grades.people[-len(roster.people) :] if roster else []
        self._numbers = {(p.lms, p.id) for p in self._now if roster and roster.kind != "list"}
        self._names = {id(person): known_as(person) for person in grades.people}
        self._known = set().union(*(self._names[id(person)] for person in self._now))
        self._mine: dict[int, str] = {}  # keys of rows, by the place of the submission
        # Places of known work under a new name, and whose row a roster tells; rows that moved.
        self._new_names, self._told, self._moved = set(), set(), set()
        self._strangers_of: dict[int, list[str]] = {}  # why the row of the name is not taken
        self.keys, self.unclear, self.refused = {}, {}, set()
        self.said, self.renamed, self.by_name = [], {}, []
        for key, row in self._rows.items():  # what earlier versions of the book did not hold
            for folder in row.folders:
                bare = key.removesuffix(f"--{_digest(folder)}")
                row.sources[folder] = row.sources.get(folder) or bare
                row.apart |= bare != key
        self._off = [row for row in self._rows.values() if not self._is_on_roster(row)]
        self._tell_reuse()
        self._tell_move()
        for find in (self._by_number, self._by_folder, self._by_roster, self._by_content):
            for place, each in enumerate(handed):
                taken = {key for other, key in self._mine.items() if other != place}
                free = {key: row for key, row in self._rows.items() if key not in taken}
                if len(found := find(place, each, free)) == 1:
                    self._mine[place] = found[0]
        self.rows = {}
        self.handed = [one for n, each in enumerate(handed) if (one := self._settled(n, each))]
        self._here, self.rows = {e.submission.key for e in self.handed}, self.rows | self._rows
        self._match_people()

    def _by_number(self, place: int, each: Handed, rows: _Rows) -> list[str]:
        number = (each.submission.lms, each.submission.lms_id)
        if not number[1] or each.submission.key in rows:
            return [each.submission.key] if number[1] else []
        found = [key for key, row in rows.items() if (row.lms, row.id) == number]
        for person in self._people if not found else ():
            if (person.lms, person.id) == number:
                self._told.add(place)
                found = self._candidates(person, rows)
        return found

    def _by_folder(self, place: int, each: Handed, rows: _Rows) -> list[str]:
        submission = each.submission
        there = [k for k, r in rows.items() if r.sources.get(self._source) == submission.key]
        same = [k for k in there if each.content in (rows[k].content, *rows[k].older)]
        if submission.lms_id or same or len(there) != 1:
            return [] if submission.lms_id else same
        if self._fitting(submission.name, self._now):
            self._strangers_of[place] = self._strangers(rows[there[0]])
        return [] if self._strangers_of.get(place) else there

    def _by_roster(self, place: int, each: Handed, rows: _Rows) -> list[str]:
        mine, person = self._mine.get(place), self._person_of(each)
        if person is None or (mine and not rows[mine].apart):
            return []
        family = self._family(person, rows)
        own = [key for key in family if (rows[key].lms, rows[key].id) in self._numbers]
        found = own or self._clean(person, rows)
        if len(found) == 1 and (own or not rows[found[0]].apart):
            self._join_rows(found[0], family, mine)
            self._told.add(place)
            return found
        for key in (key for key in family if not rows[key].apart):
            self._strangers_of[place] = self._strangers(rows[key])
        return [] if mine else found

    def _by_content(self, place: int, each: Handed, rows: _Rows) -> list[str]:
        submission = each.submission
        if place in self._mine or submission.lms_id or not submission.tells_who:
            return []  # what has no answers may be anybody's
        same = {key: row for key, row in rows.items() if row.content == each.content}
        found = [key for key, row in same.items() if submission.key in row.sources.values()]
        if found or submission.key in self._rows:
            return found
        gone = [
            key for key, row in same.items()
            if row.source == self._source and not row.id
            and row.sources[self._source] not in {other.submission.key for other in self._all}
        ]  # fmt: skip
        twins = [n for n, other in enumerate(self._all) if other.content == each.content]
        if len(gone) != 1 or sum(n not in self._mine for n in twins) > 1:
            return []
        name, people = rows[gone[0]].student, self._now or self._people
        old, new = (set(map(id, self._fitting(n, people))) for n in (name, submission.name))
        if (old and new and not old & new) or (len(twins) > 1 and (old or not new)):
            self.said.append(
                f"{submission.name} has the work that {name} had, and no roster says that they are "
                "one: if so, give the file its old name."
            )
            return []
        self._new_names.add(place)
        return gone

    def _tell_move(self) -> None:
        """See which folders are here under another name: more than half of their work is."""
        tells = {each.submission.key: each.submission.tells_who for each in self._all}
        works = {(each.submission.key, each.content) for each in self._all}
        for folder in {row.source for row in self._rows.values()} - {self._source}:
            there = [row for row in self._rows.values() if row.source == folder]
            here = [row for row in there if row.sources[folder] in tells]
            told = [row for row in there if tells.get(row.sources[folder], True)]
            equal = sum((row.sources[folder], row.content) in works for row in told)
            if 2 * equal > len(told) and (not self._now or all(map(self._is_on_roster, here))):
                for row in here:
                    row.sources[self._source], row.source = row.sources[folder], self._source
                    self._moved.add(id(row))

    def _tell_reuse(self) -> None:
        """See whether the folder holds another class than before: then that of rows is another.

        No work is as it was, and somebody gone is off the roster, or without one others have come.
        """
        source = self._source
        there = [row for row in self._rows.values() if source in row.sources]
        before = {row.sources[source] for row in there}
        keys = {each.submission.key for each in self._all}
        works = {each.content for each in self._all if each.submission.tells_who}
        gone = [row for row in there if row.sources[source] not in keys]
        if self._now:
            gone = [row for row in gone if not self._is_on_roster(row)]
        elif not keys - before or not keys & before:
            gone = []
        if not gone or any(works & {row.content, *row.older} for row in there):
            return
        earlier = f"{source} (earlier)"
        while any(earlier in row.sources for row in self._rows.values()):
            earlier += " (earlier)"
        for row in there:
            row.sources[earlier] = row.sources.pop(source)
            row.source = earlier if row.source == source else row.source
        self.said.append(
            f"{source} holds another class than before: no work is the same, and these are gone: "
            f"{names_line(row.student for row in gone)}. Theirs is {earlier} from now on."
        )

    def _settled(self, place: int, each: Handed) -> Handed | None:
        """A submission with the key and the name of its row; None if the row's work is later."""
        submission, source, key = each.submission, self._source, self._mine.get(place, "")
        row = self._rows.get(key)
        is_other = row is not None and each.content != row.content and row.source != source
        if is_other and each.content in row.older:
            self.said.append(
                f"{row.student}'s work in {row.source} came later and counts, not that in "
                f"{source}: if that is to count, put it into {row.source}."
            )
            return None
        is_sure = bool(submission.lms_id) or place in self._new_names
        other = None if is_sure else self._namesake(place, submission)
        apart = other is not None if row is None else row.apart and not is_sure
        wanted, name = key or submission.key, row.student if row else submission.name
        if is_sure:
            wanted = submission.key
        elif apart and name != (name := self._name_with_folder(submission.name, key)):
            wanted = f"{submission.key}--{_digest(f'{source} {each.content}')}"
        name = submission.name if wanted == submission.key and not apart else name
        told = replace(submission, key=wanted, name=name)
        if is_other and place in self._told:
            self.by_name.append(name)
        if apart and other:
            self.said.append(self._why_apart(place, each, other, name))
        if row is None:
            row = self.rows[wanted] = row_to_come(told, source)
        elif wanted != key:
            self.renamed[wanted] = key, row.student
            row.keys.append(key)
            row.former += [row.student] if name != row.student else []
            self._move(key, wanted)
        row.student, row.apart, row.sources[source] = name, apart, submission.key
        return Handed(told, each.content)

    def _namesake(self, place: int, submission: Submission) -> GradeRow | None:
        """Another row that has a submission's key, or its name and is nobody's who is here."""
        mine, names = self._mine.get(place), spelled(submission.name)
        rows = {key: row for key, row in self._rows.items() if key != mine and not row.apart}
        taken = self._mine.values()
        same = [r for k, r in rows.items() if k not in taken and names & spelled(r.student)]
        return rows.get(submission.key, same[0] if same else None)

    def _why_apart(self, place: int, each: Handed, row: GradeRow, name: str) -> str:
        """A sentence on a submission that is kept apart from a row of the same name."""
        why, hint = "other work", "give --roster with the class"
        if row.content == each.content:
            why = "the same work" if each.submission.tells_who else "no answers either"
        if strangers := self._strangers_of.get(place):
            why += f", and was in a folder with {names_line(strangers)}, not on the roster"
            hint = "give a --roster that has them too"
        return (
            f"{each.submission.name} is in the table from {row.source}, with {why}: this one is "
            f"kept as {name}; if it is the same student, {hint}."
        )

    def _name_with_folder(self, name: str, key: str) -> str:
        """A name with that of the folder, unlike that of any other row."""
        taken = {row.student for other, row in self._rows.items() if other != key}
        folder = plain_text(Path(self._source).name, 40)
        short = f"{name} [{folder}]"
        return short if short not in taken else f"{name} [{folder} {_digest(self._source)[:6]}]"

    def _move(self, old: str, new: str) -> None:
        """Put a row under another key, in place of one that is there."""
        self._rows[new] = self._rows.pop(old)
        self._mine = {place: new if key == old else key for place, key in self._mine.items()}
        for person in self._people:
            person.row = new if person.row == old else person.row

    def _join_rows(self, base: str, family: Iterable[str], last: str | None) -> None:
        """Make one row of a student's and of those kept apart from it; none of another class."""
        apart = [k for k in family if self._rows[k].apart and k not in (base, last)]
        strangers = {name for key in apart for name in self._strangers(self._rows[key])}
        for key in [*([] if strangers else apart), *([last] if last and last != base else [])]:
            self.said.append(self._rows[key].join(self._rows[base], key))
            self._move(key, base)
        if strangers:
            names = names_line(self._rows[key].student for key in apart)
            self.said.append(
                f"{names} stay beside {self._rows[base].student}, as a folder of theirs has "
                f"{names_line(strangers)}, not on the roster: if it is the same student, grade "
                "that folder with this --roster."
            )

    def _match_people(self) -> None:
        """Find the row of each person: by number, by present names, then by others."""
        now = {id(person) for person in self._now}
        later = [person for person in self._people if id(person) not in now]
        self._match(self._people, self._numbered)
        self._match(self._people, self._called)
        for group in (self._now, later):
            self._match(group, self._candidates)
        taken = set(self.keys.values())
        for person in later:  # who has another name on the new roster is there already
            if id(person) not in self.keys and not person.id and person.row in taken:
                self._people[:] = [each for each in self._people if each is not person]
        for person in self._people:
            if (key := self.keys.get(id(person))) and key not in self._rows:
                self.rows[key].judged = dict(person.judged)
        for person in self._now:
            others = self._family(person, self._free_rows())
            strangers = {name for key in others for name in self._strangers(self.rows[key])}
            if strangers and id(person) not in {*self.keys, *self.unclear}:
                self.refused.add(id(person))
                self.said.append(
                    f"{person.name} of the roster has no row, as the one of that name was in a "
                    f"folder with {names_line(strangers)}, not on the roster: if it is the same "
                    "student, grade that folder with this --roster."
                )

    def _match(self, group: Sequence[Person], find: Callable) -> None:
        """Give people the one row that they may have, and nobody else of the group."""
        left = {id(p): p for p in group if id(p) not in {*self.keys, *self.unclear}}
        free = self._free_rows()
        found = {number: find(person, free) for number, person in left.items()}
        wanted = Counter(key for keys in found.values() for key in keys)
        for number, keys in found.items():
            if len(keys) == 1 and wanted[keys[0]] == 1:
                self.keys[number] = keys[0]
            elif keys:
                shown = names_line(self.rows[key].student for key in keys)
                alike = [left[other] for other, theirs in found.items() if {*theirs} & {*keys}]
                who = names_line(f"{p.name} ({p.id})" if p.id else p.name for p in alike)
                self.unclear[number] = f"{who} of the roster may be any of {shown}"

    def _numbered(self, person: Person, rows: _Rows) -> list[str]:
        """The rows with a person's number: of several that with the platform's name, or here."""
        number = person.id and (person.lms, person.id)
        found = [key for key, row in rows.items() if (row.lms, row.id) == number]
        first = [key for key in found if key == f"{person.lms}--id{person.id}"]
        here = [key for key in found if key in self._here]
        return first or (here if len(here) == 1 else found)

    def _called(self, person: Person, rows: _Rows) -> list[str]:
        """Those of the candidates that have the person's name now."""
        own = {k: r for k, r in rows.items() if spelled(r.student) & spelled(person.name)}
        return self._candidates(person, own)

    def _candidates(self, person: Person, rows: _Rows) -> list[str]:
        """The rows that a person may have by any name, or has had before."""
        before = [key for key in (person.row,) if key in rows]
        is_now = any(person is each for each in self._now)
        by_list = person.id and (person.lms, person.id) not in self._numbers
        if (before and by_list) or (not is_now and (person.row or person.id)):
            return before
        return self._clean(person, rows) or before if is_now else self._family(person, rows)

    def _is_on_roster(self, row: GradeRow) -> bool:
        if row.id and row.lms in {lms for lms, _ in self._numbers}:
            return (row.lms, row.id) in self._numbers
        return bool(self._known & spelled(row.student, *row.former))

    def _strangers(self, row: GradeRow) -> list[str]:
        """Names of those who are not on the roster and were in another folder with a row."""
        return [
            other.student
            for other in (self._off if id(row) not in self._moved else ())
            if other is not row and (other.folders & row.folders) - {self._source}
        ]

    def _family(self, person: Person, rows: _Rows) -> list[str]:
        """The keys of rows that have a person's number, or a name and no other number."""
        names, number = self._names[id(person)], person.id and (person.lms, person.id)
        return [
            key for key, row in rows.items()
            if (row.lms, row.id) == number or (
                names & spelled(row.student, *row.former)
                and not (row.id and row.lms == person.lms)
            )
        ]  # fmt: skip

    def _clean(self, person: Person, rows: _Rows) -> list[str]:
        """Those of the family that are of no other class; if there are some, not kept apart."""
        clean = [key for key in self._family(person, rows) if not self._strangers(rows[key])]
        found = [key for key in clean if not rows[key].apart] or clean
        return [person.row] if person.row in found else found

    def _fitting(self, name: str, people: Sequence[Person]) -> list[Person]:
        """Those of the people who have a name."""
        return [each for each in people if self._names[id(each)] & spelled(name)]

    def _person_of(self, each: Handed) -> Person | None:
        """The one person whose a submission without a number may be; nothing else here is."""
        fits = self._fitting(each.submission.name, self._now)
        if len(fits) != 1 or each.submission.lms_id:
            return None
        (person,), names = fits, self._names[id(fits[0])]
        alike = [p for p in self._people if p is not person and self._names[id(p)] & names]
        here = [
            (one.lms, one.lms_id) == (person.lms, person.id) if one.lms_id
            else bool(names & spelled(one.name)) for one in (each.submission for each in self._all)
        ]  # fmt: skip
        return person if sum(here) == 1 and all(p.id and person.id for p in alike) else None

    def _free_rows(self) -> _Rows:
        """The rows that no person has."""
        taken = set(self.keys.values())
        return {key: row for key, row in self.rows.items() if key not in taken}


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]
