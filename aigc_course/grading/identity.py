"""Who is who in a class's book: the one place that says which row a submission or a person has.

Evidence counts in this order: a platform's number; the key of the submission in the same folder;
a name on the roster that is given now; the same work with answers. Where it conflicts, or fits
several, rows stay apart and a sentence says so: one mark too many is seen, a wrong one is not.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from aigc_course.grading.marks import UNKNOWN, GradeRow, Grades, Person
from aigc_course.grading.names import names_line, spellings, without_addition
from aigc_course.grading.plain import plain_text
from aigc_course.grading.roster import known_as
from aigc_course.grading.submissions import Submission


@dataclass(frozen=True)
class Handed:
    """A submission, with the hash of what it holds.

    Attributes:
        submission: with the key and the name of its row.
        content: the hash.
        entry: the key that it has in its folder; "" if that is not known yet.
        apart: its name tells it from that of another row.
    """

    submission: Submission
    content: str
    entry: str = ""
    apart: bool = False


@dataclass
class Resolved:
    """Who is who.

    Attributes:
        handed: what is to be graded, with the keys and names of rows.
        rows: all, by key, with one for each submission that has none yet.
        keys: the key of the row by the ``id()`` of the person; who is missing handed in nothing.
        unclear: by the ``id()`` of a person a sentence on which rows it could have.
        refused: the ``id()`` of each whose name has a row that is of another class.
        said: sentences on rows that are kept apart, become one or are left.
        renamed: by the new key of a row the old one and the old name.
        by_name: names of those whose row from another folder was found by the roster.
    """

    handed: list[Handed] = field(default_factory=list)
    rows: dict[str, GradeRow] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)
    unclear: dict[int, str] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    renamed: dict[str, tuple[str, str]] = field(default_factory=dict)
    by_name: list[str] = field(default_factory=list)


def resolve(
    grades: Grades, handed: Sequence[Handed], source: str, now: Sequence[Person]
) -> Resolved:
    """Find the row of each submission, then that of each person; rows are renamed and joined.

    Args:
        grades: what was graded before, with the people of all rosters.
        handed: what was handed in.
        source: the folder that it is in.
        now: those of the people who are on the roster that is given now.
    """
    return _Resolver(grades, handed, source, now).resolved()


class _Resolver:
    def __init__(
        self, grades: Grades, handed: Sequence[Handed], source: str, now: Sequence[Person]
    ) -> None:
        self._rows, self._people, self._now = grades.students, grades.people, now
        self._handed, self._source = handed, source
        self._mine: dict[int, str] = {}  # keys of rows, by the place in `handed`
        self._named: set[int] = set()  # places whose row was found by the roster
        self._new_names: set[int] = set()  # places of known work under a new name
        self._strangers_of: dict[int, list[str]] = {}  # why the row of a name is not taken
        self._here: set[str] = set()  # keys of what is to be graded
        self._out = Resolved()
        self._numbers = {(person.lms, person.id) for person in now if person.id}
        self._known = set().union(*map(known_as, now))
        for key, row in self._rows.items():  # what earlier versions of the book did not hold
            for folder in row.folders - {""}:
                bare = key.removesuffix(_key_ending(folder))
                row.sources[folder] = row.sources.get(folder) or bare
                row.apart |= bare != key

    def resolved(self) -> Resolved:
        self._tell_reuse()
        for find in (self._by_number, self._by_folder, self._by_roster, self._by_content):
            for place, each in enumerate(self._handed):
                if (key := find(place, each)) is not None:
                    self._mine[place] = key
        out = self._out
        settled = [self._settled(place, each) for place, each in enumerate(self._handed)]
        out.handed = [each for each in settled if each is not None]
        out.rows = dict(self._rows)
        for each in out.handed:
            out.rows.setdefault(each.submission.key, _row_to_come(each, self._source))
        self._here = {each.submission.key for each in out.handed}
        self._match_people()
        return out

    # ---- submissions ------------------------------------------------------------------------

    def _tell_reuse(self) -> None:
        """See whether the folder holds another class than before: then rows' folder is another.

        It does if no work in it is as it was, and somebody who was there and is gone is not on the
        roster; or, without a roster, if others have come and a name has other work.
        """
        source = self._source
        there = [row for row in self._rows.values() if source in row.sources]
        keys = {each.submission.key for each in self._handed}
        gone = [row for row in there if row.sources[source] not in keys]
        contents = {each.content for each in self._handed if each.submission.tells_who}
        if any({row.content, *row.older} & contents for row in there):
            return
        if self._now:
            gone = [row for row in gone if not self._is_on_roster(row)]
        else:
            before = {row.sources[source] for row in there}
            by_name = {e.submission.key for e in self._handed if not e.submission.lms_id}
            gone = gone if keys - before and by_name & before else []
        if not gone:
            return
        taken = {folder for row in self._rows.values() for folder in row.folders}
        endings = itertools.chain([" (earlier)"], (f" (earlier {n})" for n in itertools.count(2)))
        earlier = next(source + end for end in endings if source + end not in taken)
        for row in there:
            row.sources[earlier] = row.sources.pop(source)
            row.source = earlier if row.source == source else row.source
        names = names_line(row.student for row in gone)
        self._out.said.append(
            f"{source} holds another class than before, as no work in it is the same and these are "
            f"gone: {names}. Their folder is {earlier} from now on."
        )

    def _by_number(self, place: int, each: Handed) -> str | None:
        """The row of a platform's number, or the one of whoever has the number on a roster."""
        submission = each.submission
        if not submission.lms_id or submission.key in self._rows:
            return submission.key if submission.lms_id else None
        number = (submission.lms, submission.lms_id)
        found = [key for key, row in self._rows.items() if (row.lms, row.id) == number]
        person = next((p for p in self._people if (p.lms, p.id) == number), None)
        if not found and person and person.row in self._rows:
            found = [person.row]
        elif not found and person in self._now:
            rows = {k: r for k, r in self._rows.items() if not (r.apart or self._strangers(r))}
            found = self._family(person, rows=rows)
        return found[0] if len(found) == 1 and self._is_free(found[0]) else None

    def _by_folder(self, place: int, each: Handed) -> str | None:
        """The row of what had the same key in the same folder."""
        submission = each.submission
        if submission.lms_id:
            return None
        there = [k for k, r in self._rows.items() if r.sources.get(self._source) == submission.key]
        there.sort(key=lambda key: (key == submission.key, self._rows[key].content == each.content))
        if not there:
            return None
        row = self._rows[there[-1]]
        if each.content not in (row.content, *row.older) and self._fitting(submission.name):
            if strangers := self._strangers(row):
                self._strangers_of[place] = strangers
                return None
        return there[-1]

    def _by_roster(self, place: int, each: Handed) -> str | None:
        """The row of the one person on the roster who has the name.

        Rows that were kept apart become one with it, unless one is of another class.
        """
        person = self._person_of(each)
        mine = self._mine.get(place)
        if person is None or (mine and not self._rows[mine].apart):
            return None
        family = [key for key in self._family(person) if key == mine or self._is_free(key)]
        own = [key for key in family if _is_numbered(self._rows[key], person)]
        plain = own or [key for key in family if not self._rows[key].apart]
        clean = own or [key for key in plain if not self._strangers(self._rows[key])]
        if len(clean) == 1:
            self._join_rows(clean[0], family, mine)
            self._named.add(place)
            return clean[0]
        if clean or not plain:
            return None
        self._strangers_of[place] = self._strangers(self._rows[plain[0]])
        theirs = [key for key in family if self._is_of_class(self._rows[key])]
        return theirs[0] if len(theirs) == 1 and not mine else None

    def _by_content(self, place: int, each: Handed) -> str | None:
        """The row of the same work: of the same key, or of one that is gone from this folder."""
        submission = each.submission
        if submission.lms_id or place in self._mine:
            return None
        same = [
            key for key, row in self._rows.items()
            if row.content == each.content and submission.key in row.sources.values()
            and self._is_free(key)
        ]  # fmt: skip
        if len(same) == 1 and self._is_moved(place, each, self._rows[same[0]]):
            return same[0]
        if submission.key in self._rows or not submission.tells_who:
            return None  # what has no answers may be anybody's
        keys = {other.submission.key for other in self._handed}
        gone = [
            key for key, row in self._rows.items()
            if row.content == each.content and row.source == self._source and not row.id
            and row.sources[self._source] not in keys and self._is_free(key)
        ]  # fmt: skip
        twins = [n for n, other in enumerate(self._handed) if other.content == each.content]
        new = [n for n in twins if n not in self._mine]
        if len(gone) != 1 or len(new) != 1 or not self._renames(gone[0], each, len(twins) > 1):
            return None
        self._new_names.add(place)
        return gone[0]

    def _is_moved(self, place: int, each: Handed, row: GradeRow) -> bool:
        """Whether equal work from another folder is of the same student.

        Answers tell that, if the roster does not say otherwise; else the folder of the class must
        have moved.
        """
        if each.submission.tells_who and place not in self._strangers_of:
            return True
        equal = [
            old.content == other.content
            for other in self._handed if other.submission.tells_who
            for old in self._rows.values()
            if old.source == row.source and other.submission.key in old.sources.values()
        ]  # fmt: skip
        return sum(equal) >= 2 if place in self._strangers_of else any(equal) and all(equal)

    def _renames(self, key: str, each: Handed, is_shared: bool) -> bool:
        """Whether the same work under a new name is of the same student; if not, it is said.

        Args:
            key: of the row with the old name.
            each: with the new name.
            is_shared: others have handed in the same, as pairs do.
        """
        row, people = self._rows[key], self._now or self._people
        old = {id(p) for p in people if known_as(p) & _spelled(row.student)}
        new = {id(p) for p in people if known_as(p) & _spelled(each.submission.name)}
        if (old and new and not old & new) or (is_shared and (old or not new)):
            why = "the roster has both" if old and new else "others have handed in the same"
            self._out.said.append(
                f"{each.submission.name} has the work that {row.student} had: two students, as "
                f"{why}; if it is one, give the file its old name."
            )
            return False
        return True

    def _settled(self, place: int, each: Handed) -> Handed | None:
        """A submission with the key and the name of its row; None if the row's work is later."""
        submission, key = each.submission, self._mine.get(place)
        if key is None or key not in self._rows:
            return self._new(place, each)
        row = self._rows[key]
        is_other = row.content != each.content
        if is_other and row.source != self._source and each.content in row.older:
            self._out.said.append(
                f"The work of {row.student} in {row.source} came later and counts: what is in "
                f"{self._source} is left. If that is to count, put it into {row.source}."
            )
            return None
        wanted, name = key, row.student
        if submission.lms_id or place in self._new_names:
            wanted, row.apart = submission.key, False
        elif row.apart and self._source not in row.sources:
            wanted = self._key_apart(submission.key, key)
            name = self._name_with_folder(submission.name, key)
        if wanted == submission.key:
            name = submission.name
        if wanted != key:
            self._rename(key, wanted, name)
        if is_other and place in self._named and row.source != self._source and not row.apart:
            self._out.by_name.append(name)
        row.sources[self._source] = submission.key
        base = self._namesake(submission) if row.apart else None
        if base is not None and base is not row:
            self._out.said.append(self._why_apart(place, each, base, name))
        told = replace(submission, key=wanted, name=name)
        return Handed(told, each.content, submission.key, row.apart)

    def _new(self, place: int, each: Handed) -> Handed:
        """A submission that has no row yet, with a name of its own if another row has the name."""
        submission = each.submission
        other = None if submission.lms_id else self._namesake(submission)
        if other is None:
            return replace(each, entry=submission.key)
        key, name = submission.key, self._name_with_folder(submission.name)
        if key in self._rows:
            key = self._key_apart(key)
        self._out.said.append(self._why_apart(place, each, other, name))
        told = replace(submission, key=key, name=name)
        person = self._person_of(each)
        if person and place in self._strangers_of:  # who it is, though the name does not say so
            told = replace(told, lms=person.lms or None, lms_id=person.id or None)
        return Handed(told, each.content, submission.key, apart=True)

    def _namesake(self, submission: Submission) -> GradeRow | None:
        """The row that has a submission's name, and is nobody's who is here."""
        names = _spelled(submission.name)
        same = [
            (key != submission.key, key) for key, row in self._rows.items()
            if key == submission.key or (
                not row.apart and names & _spelled(row.student, *row.former) and self._is_free(key)
            )
        ]  # fmt: skip
        return self._rows[min(same)[1]] if same else None

    def _why_apart(self, place: int, each: Handed, row: GradeRow, name: str) -> str:
        """A sentence on a submission that is kept apart from a row of the same name."""
        why, hint = "other work", "give --roster with the class"
        if row.content == each.content:
            why = "the same work" if each.submission.tells_who else "no answers either"
        if strangers := self._strangers_of.get(place):
            why += f", and was in a folder with {names_line(strangers)}, not on the roster"
            hint = "put the work into that folder"
        return (
            f"{each.submission.name} is in the table from {row.source}, with {why}: this one is "
            f"kept as {name}; if it is the same student, {hint}."
        )

    def _rename(self, old: str, new: str, name: str) -> None:
        """Give a row another key and name; the earlier ones stay known."""
        row = self._rows.pop(old)
        self._out.renamed[new] = old, row.student
        self._move(old, new)
        row.keys.append(old)
        if name != row.student:
            row.former.append(row.student)
        row.student, self._rows[new] = name, row

    def _join_rows(self, base: str, family: Sequence[str], last: str | None) -> None:
        """Make one row of a student's and those that were kept apart from it; the latest counts.

        If one of them is of another class, only that of the folder at hand surely is the student's.

        Args:
            base: the key of the student's row.
            family: keys of all rows of the name.
            last: the key under which the folder at hand was kept apart, which is the latest.
        """
        others = [k for k in family if self._rows[k].apart and k not in (base, last)]
        strangers = dict.fromkeys(n for k in others for n in self._strangers(self._rows[k]))
        name = self._rows[base].student
        kept = names_line([self._rows[key].student for key in others])
        for key in [*([] if strangers else others), last]:
            if key is not None and key != base:
                self._join(base, key)
        if strangers:
            self._out.said.append(
                f"{kept} stay beside {name}, as a folder of theirs has {names_line(strangers)}, "
                "not on the roster: if it is the same student, grade that folder with this "
                "--roster."
            )

    def _join(self, base: str, key: str) -> None:
        """Make one row of a student's and a later one, which counts."""
        old, row = self._rows[base], self._rows.pop(key)
        self._out.said.append(
            f"{row.student} is {old.student} of the roster: it is one row from now on."
        )
        row.earlier = [*old.earlier, old.replaced(), *row.earlier]
        row.older = [*old.older, old.content, *row.older]
        row.former = [*old.former, *row.former, row.student]
        row.keys = [*old.keys, *row.keys, key]
        row.changes = [*old.changes, *row.changes]
        row.sources = {**old.sources, **row.sources}
        # The teacher's marks, and those that were written since: they may be for the earlier work.
        row.judged |= {UNKNOWN: old.content} | old.judged
        row.page, row.page_hash = old.page, old.page_hash  # the page that it has from now on
        row.student, row.apart = old.student, old.apart
        row.id, row.lms = old.id or row.id, old.lms or row.lms
        self._rows[base] = row
        self._move(key, base)

    # ---- people -----------------------------------------------------------------------------

    def _match_people(self) -> None:
        """Find the row of each person: first of those on the roster that is given now."""
        out = self._out
        self._match_numbers()
        now = {id(person) for person in self._now}
        later = [person for person in self._people if id(person) not in now]
        for group in (self._now, later):
            for formers in (False, True):  # a present name says more than a former one
                found = {
                    id(p): self._candidates(p, formers, id(p) in now)
                    for p in group if id(p) not in {*out.keys, *out.unclear}
                }  # fmt: skip
                wanted = Counter(key for keys in found.values() for key in keys)
                for person, keys in found.items():
                    if len(keys) == 1 and wanted[keys[0]] == 1:
                        out.keys[person] = keys[0]
            for person in group:
                if (keys := found.get(id(person))) and id(person) not in out.keys:
                    out.unclear[id(person)] = self._why_unclear(person, keys, found, group)
        taken = set(out.keys.values())
        gone = {  # who has another name on the new roster is there already
            id(p) for p in later if id(p) not in out.keys and not p.id and p.row in taken
        }
        self._people[:] = [person for person in self._people if id(person) not in gone]
        for person in self._now:
            if id(person) not in {*out.keys, *out.unclear}:
                self._tell_refused(person, [key for key in out.rows if key not in taken])

    def _match_numbers(self) -> None:
        """Give people the rows with their numbers.

        Of several rows of one number that counts which has the platform's name, else the only one
        that is in the folder.
        """
        for person in self._people:
            found = [k for k, row in self._out.rows.items() if _is_numbered(row, person)]
            if len(found) > 1:
                first = [key for key in found if key == f"{person.lms}--id{person.id}"]
                here = [key for key in found if key in self._here]
                found = first or (here if len(here) == 1 else found)
            if len(found) == 1:
                self._out.keys[id(person)] = found[0]
            elif found:
                self._out.unclear[id(person)] = self._why_unclear(person, found, {}, ())

    def _candidates(self, person: Person, formers: bool, is_now: bool) -> list[str]:
        """The keys of rows that a person may have, by names.

        Args:
            person: who.
            formers: former names count too, and all that the rosters have for the person.
            is_now: on the roster that is given now.
        """
        rows, taken = self._out.rows, set(self._out.keys.values())
        before = [key for key in (person.row,) if key in rows and key not in taken]
        if person.row and not is_now:
            return before
        fits = [k for k in self._family(person, formers, rows) if k not in taken]
        clean = [k for k in fits if not (is_now and self._strangers(rows[k]))]
        here = [key for key in clean if key in self._here]
        plain = [key for key in clean if not rows[key].apart]
        return here or before or plain or clean

    def _tell_refused(self, person: Person, keys: Sequence[str]) -> None:
        """Say of somebody on the roster that the row of the name is of another class."""
        rows = self._out.rows
        for key in self._family(person, True, rows):
            if key in keys and (strangers := self._strangers(rows[key])):
                self._out.refused.add(id(person))
                self._out.said.append(
                    f"{person.name} of the roster has handed in nothing: the row of that name is "
                    f"from {rows[key].source}, and {names_line(strangers)} of the same folder not "
                    "on the roster; if it is the same student, grade that folder with this "
                    "--roster."
                )
                return

    def _why_unclear(
        self, person: Person, keys: Sequence[str], found: Mapping, group: Collection[Person]
    ) -> str:
        """A sentence on rows that a person may have, or on people who may have a row."""
        shown = names_line(self._out.rows[key].student for key in keys)
        others = [each.name for each in group if found.get(id(each)) == keys]
        if len(keys) == 1 and len(others) > 1:
            return f"{shown} may be any of {len(others)} on the roster ({names_line(others)})"
        number = f" ({person.id})" if person.id else ""
        return f"{person.name}{number} of the roster may be any of {shown}"

    # ---- evidence ---------------------------------------------------------------------------

    def _is_on_roster(self, row: GradeRow) -> bool:
        if row.id and row.lms in {lms for lms, _ in self._numbers}:
            return (row.lms, row.id) in self._numbers
        return bool(self._known & _spelled(row.student, *row.former))

    def _strangers(self, row: GradeRow) -> list[str]:
        """Names of those who are not on the roster and were in another folder with a row."""
        return [
            other.student for other in self._rows.values()
            if other is not row and (other.folders & row.folders) - {self._source}
            and not self._is_on_roster(other)
        ]  # fmt: skip

    def _is_of_class(self, row: GradeRow) -> bool:
        """Whether a row that was kept apart is of the class whose roster is given."""
        return row.apart and not self._strangers(row) and any(
            other is not row and other.folders & row.folders and self._is_on_roster(other)
            for other in self._rows.values()
        )  # fmt: skip

    def _fitting(self, name: str) -> list[Person]:
        """Who on the roster has a name; a present one says more than another."""
        names = _spelled(name)
        own = [person for person in self._now if spellings(person.name) & names]
        return own or [person for person in self._now if known_as(person) & names]

    def _person_of(self, each: Handed) -> Person | None:
        """The one person on the roster whose this may be, if nothing else here may be theirs."""
        fits = [] if each.submission.lms_id else self._fitting(each.submission.name)
        if len(fits) != 1:
            return None
        person, known = fits[0], known_as(fits[0])
        alike = [
            other for other in self._people
            if other is not person and not (other.id and person.id) and known & known_as(other)
        ]  # fmt: skip
        here = [
            other for other in (each.submission for each in self._handed)
            if (known & _spelled(other.name) if not other.lms_id
                else (other.lms, other.lms_id) == (person.lms, person.id))
        ]  # fmt: skip
        return person if len(here) == 1 and not alike else None

    def _family(
        self, person: Person, formers: bool = True, rows: Mapping[str, GradeRow] | None = None
    ) -> list[str]:
        """The keys of all rows that have a person's number, or else one of the names."""
        words = known_as(person) if formers else spellings(person.name)
        return [
            key for key, row in (self._rows if rows is None else rows).items()
            if _is_numbered(row, person) or (
                not (row.id and row.lms == person.lms)  # then the number has decided
                and words & _spelled(row.student, *(row.former if formers else ()))
            )
        ]  # fmt: skip

    def _is_free(self, key: str) -> bool:
        """Whether a row is nobody's who is here."""
        return key not in self._mine.values()

    # ---- keys and names ---------------------------------------------------------------------

    def _move(self, old: str, new: str) -> None:
        """A row has another key."""
        self._mine = {place: new if k == old else k for place, k in self._mine.items()}
        for person in self._people:
            person.row = new if person.row == old else person.row

    def _key_apart(self, key: str, own: str = "") -> str:
        """The key of what is kept apart from that of the same key, in another folder."""
        ending = _key_ending(self._source)
        keys = itertools.chain([key + ending], (f"{key}{ending}-{n}" for n in itertools.count(2)))
        return next(each for each in keys if each == own or each not in self._rows)

    def _name_with_folder(self, name: str, own: str = "") -> str:
        """A name with that of the folder, unlike that of any other row."""
        taken = {row.student for key, row in self._rows.items() if key != own}
        folder = plain_text(Path(self._source).name, 40)
        short = f"{name} [{folder}]"
        return short if short not in taken else f"{name} [{folder} {_digest(self._source)[:6]}]"


@functools.lru_cache(10_000)
def _spelled(*names: str) -> frozenset[str]:
    """The spellings of names, also without what tells them from an equal one."""
    short = [without_addition(name) for name in names]
    bare = [name.rpartition(" [")[0] for name in short if name.endswith("]")]
    return frozenset().union(*map(spellings, [*short, *bare]))


def _is_numbered(row: GradeRow, person: Person) -> bool:
    return bool(person.id) and (row.lms, row.id) == (person.lms, person.id)


def _row_to_come(each: Handed, source: str) -> GradeRow:
    """Stands for a submission that is not graded yet."""
    submission = each.submission
    return GradeRow(
        student=submission.name, id=submission.lms_id or "", lms=submission.lms or "", sha256="",
        points={}, total=None, of=0, notes=[], broken=[], seconds=0, page="", source=source,
        sources={source: each.entry}, apart=each.apart,
    )  # fmt: skip


def _key_ending(source: str) -> str:
    return f"--{_digest(source)[:16]}"


def _digest(source: str) -> str:
    return hashlib.sha256(os.fsencode(source)).hexdigest()
