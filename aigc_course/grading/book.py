"""The class's book: all rows of an output folder, the teacher's files beside them, what comes out.

Read and checked before anything runs; written after each submission, so that a stopped run loses
nothing. Rows are added and renewed, never taken out.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from aigc_course.grading import canvas, feedback, moodle, tables
from aigc_course.grading.adjustments import (
    begin_adjustments,
    by_student,
    read_adjustments,
)
from aigc_course.grading.hidden import TestSet
from aigc_course.grading.identity import Handed, Who
from aigc_course.grading.lateness import read_rule, shown_time
from aigc_course.grading.marks import (
    NOBODY,
    UNKNOWN,
    GradeRow,
    Person,
    given_lines,
    line_hash,
    mark_of,
    read_grades,
    write_grades,
)
from aigc_course.grading.names import Names, plain_name, without_addition
from aigc_course.grading.pages import Pages
from aigc_course.grading.roster import Roster, check_platform, date_people, merged
from aigc_course.grading.sheets import sheet_number
from aigc_course.grading.submissions import Submission

PAGES = "feedback"
# Of a row, when its student hands in anew.
KEPT = ["former", "keys", "apart", "sources", "earlier", "older", "judged", "changes", "page",
        "page_hash"]  # fmt: skip
FIRST_YEAR = 2000  # what is older comes of a clock that was not set


class Book:
    """The marks of a class in an output folder. Use it from one process; threads may share it.

    Args:
        out: the output folder, which need not be there yet.
        tests: the hidden tests.
        handed: what was handed in.
        source: where that is.
        roster: the class, if one is given.
        column: Canvas's column for `roster`.

    Raises:
        ValueError: in one sentence, if a file of the folder is wrong; nothing is written then.
    """

    def __init__(
        self,
        out: Path,
        tests: TestSet,
        handed: Sequence[Handed],
        source: str,
        roster: Roster | None = None,
        column: str | None = None,
    ) -> None:
        self._out, self._tests, self._source, self._roster = out, tests, source, roster
        self._lock = threading.RLock()
        self._possible = sum(tests.exercises().values())
        self.titles = feedback.exercise_titles(list(tests.exercises()))
        self._column = None
        if roster and roster.kind == "canvas":
            self._column = canvas.chosen_column(roster.sheet, tests.assignment, column)
        elif roster and roster.kind == "moodle":
            moodle.check_worksheet(roster)
        if column and self._column is None:
            raise ValueError(f"--column is {column!r}: it goes with Canvas's gradebook.")
        self.grades = read_grades(out, tests.assignment)
        self.rows = self.grades.students
        self.before = {key: row.total for key, row in self.grades.students.items()}
        written = {row.page: row.page_hash for row in self.grades.students.values() if row.page}
        self._pages = Pages(out / PAGES, written)  # before rows are renamed and joined
        self.about_pages = self._pages.said  # sentences on those that were not as written
        people, known = roster.people if roster else [], self.grades.people
        self.grades.people = merged(known, people)
        first = len(self.grades.people) - len(people)
        self._now = {id(person) for person in self.grades.people[first:]}
        who = Who(self.grades, handed, source, roster)
        self._take(who)
        self._name_people(who)
        if roster:
            has_some = any(who.keys.get(id(person)) in self._handed for person in people)
            check_platform(roster, who.rows.values(), has_some=has_some)
        contents = {key: each.content for key, each in self._handed.items()}
        date_people(people, who.keys, contents, self.grades, known)
        adjustments = read_adjustments(out, tests.exercises())
        self._adjustments = by_student(adjustments, self._names, out)
        self._rule = read_rule(out, self._names)
        self.deadline = self._rule.deadline if self._rule else None
        self.table_trouble: OSError | None = None  # why grades.csv is not as it should be
        digest = tables.digest_of_table(out)
        self._on_disk = digest if digest in self.grades.tables else ""
        self._failed: dict[str, str] = {}  # why, by key
        self._changes = {key: list(row.changes) for key, row in self.rows.items()}

    def begin(self) -> Path | None:
        """Write all that is known; where a grades.csv that somebody edited is kept, if one was.

        Raises:
            OSError: in one sentence, if the folder cannot be written to.
        """
        edited = tables.keep_edited(self._out, self.grades.tables)
        begin_adjustments(self._out)
        self.write()
        if self.table_trouble:
            raise self.table_trouble
        return edited

    def record(self, submission: Submission, row: GradeRow) -> GradeRow:
        """Put a graded submission into the book, and on disk."""
        with self._lock:
            old = self.rows.get(submission.key)
            if row == old:
                return old
            if known := old or self._known.get(submission.key):
                for name in KEPT:
                    setattr(row, name, getattr(known, name))
                row.id, row.lms = row.id or known.id, row.lms or known.lms
            if old is not None and old.content != row.content:
                says = old.replaced()
                row.earlier = [*(each for each in old.earlier if each != says), says]
                row.older = [*old.older, old.content]
            self.rows[submission.key] = row
            self._page(submission.key, row)
            self._save()
            return row

    def fail(self, submission: Submission, reason: str) -> None:
        """Say in the table that a submission could not be graded; a mark from before stays."""
        with self._lock:
            self._failed[submission.key] = reason
            self._save()

    def write(self) -> None:
        """Write all pages and tables anew, where something in them has changed."""
        with self._lock:
            for key, row in self.rows.items():
                self._page(key, row)
            self._pages.remove_all_but([row.page for row in self.rows.values()])
            self._save()

    def export(self) -> list[str]:
        """Write what a learning platform takes back; sentences for the teacher."""
        if self._roster is None:
            stale = [n for n in (moodle.WORKSHEET, canvas.FILE) if (self._out / n).exists()]
            return [f"{name} is as it was: give --roster again to renew it." for name in stale]
        if self._roster.kind == "list":
            return []
        lines = self._marks_of_roster()
        of = {n: line.row.of if line.row else self._possible for n, line in lines.items()}
        if self._roster.kind == "canvas":
            found = {n: (line.mark.total, of[n], line.mark.excused) for n, line in lines.items()}
            return canvas.write_gradebook(self._out, self._roster, self._column, found)
        marks = {n: (line.mark.total, of[n], self._comment(line)) for n, line in lines.items()}
        said = moodle.write_worksheet(self._out, self._roster, marks)
        pages = [
            (line.name, self._roster.people[number].id, self._out / PAGES / line.row.page)
            for number, line in lines.items()
            if line.row is not None and (self._out / PAGES / line.row.page).is_file()
        ]
        moodle.write_feedback(self._out, pages, self._tests.assignment)
        return said

    def lines(self) -> dict[str, tables.TableLine]:
        """All students with their marks, by key; who handed in nothing has a key of a roster."""
        failed = [key for key in self._failed if key not in self.rows]
        others = [key for key in self._people if key not in self._known]
        keys = [*self.rows, *failed, *others]
        return {key: self._line(key) for key in keys}

    def without_time(self) -> list[str]:
        """Names of those of whom the rule on lateness knows no time."""
        if self._rule is None:
            return []
        lines = self.lines()
        names = tables.names_apart(lines)
        return [names[k] for k, line in lines.items() if line.row and line.mark.late is None]

    def odd_times(self) -> list[str]:
        """Sentences on times by which lateness cannot go, or that are no times of a course."""
        if self._rule is None:
            return []
        said = list(self._roster.odd) if self._roster else []
        last = datetime.now().astimezone() + timedelta(days=1)
        lines = self.lines()
        said += [
            f"The time of {line.name} under submitted in late.yml was given to an earlier "
            "submission and does not count: write that of this one."
            for key, line in lines.items()
            if line.row and line.row.is_after(given_lines([], self._rule.time_of(key)))
        ]
        late = [(line.name, line.mark.late) for line in lines.values() if line.mark.late]
        said += [
            f"The time of {name} is odd, look at it: {shown_time(each.submitted)}."
            for name, each in late
            if each.submitted.year < FIRST_YEAR or each.submitted > last
        ]
        return said

    def by_file_times(self) -> list[str]:
        """Names of those whose lateness goes by the time of a file."""
        if self._rule is None or not self._rule.file_times:
            return []
        return [
            line.name
            for key, line in self.lines().items()
            if line.mark.late
            and line.mark.late.submitted != self._rule.time_of(key)
            and not (line.person and line.person.lms == "moodle")
        ]

    def nobody_of_before(self) -> bool:
        """Whether there are rows, and all are of people who are not here and not on the roster."""
        known = [key for key in self.rows if key in self.before]
        here = any(self.rows[k].here or id(self._people.get(k)) in self._now for k in known)
        return bool(known) and not here

    def off_roster(self) -> list[str]:
        """Names of those in the folder who are on none of the rosters that were given."""
        if not self._people:
            return []
        return [
            row.student for key, row in self.rows.items() if row.here and key not in self._people
        ]

    def strays(self) -> list[str]:
        """Names of pages that belong to nobody in the table."""
        return self._pages.strays({row.page for row in self.rows.values()})

    def _take(self, who: Who) -> None:
        """Take over who is who, and give each person a key."""
        self._known = who.rows
        self.handed, self.apart, self.from_elsewhere = who.handed, who.said, who.by_name
        self.unclear = list(dict.fromkeys(who.unclear.values()))
        self.before |= {new: self.before.pop(old) for new, (old, _) in who.renamed.items()}
        called = {key: row.student for key, row in self.rows.items()}
        self.renamed = {k: old for k, (_, old) in who.renamed.items() if old != called[k]}
        self._handed = {each.submission.key: each for each in self.handed}
        for key, row in self.rows.items():
            row.here = key in self._handed
        self._people: dict[str, Person] = {}
        for person in self.grades.people:
            key = who.keys.get(id(person))
            if key is None:  # no submission has a ":" in its key
                name = f"{person.lms or 'list'}:{person.id or plain_name(person.name)}"
                same = (f"{name} {count}" for count in itertools.count(2))
                key = next(k for k in itertools.chain([name], same) if k not in self._people)
            self._people[key] = person
        for person in self._roster.people if self._roster else ():
            person.row = who.keys.get(id(person), NOBODY if id(person) in who.refused else "")
        self._unclear = {k for k, person in self._people.items() if id(person) in who.unclear}

    def _name_people(self, who: Who) -> None:
        """Give each student the names by which the teacher's files know them."""
        self._names = Names()
        # A name is that of the row which had it first, whichever roster is given now.
        self._apart = {key for key, row in who.rows.items() if row.apart}
        theirs = {entry: key for key in self._apart for entry in who.rows[key].sources.values()}
        for key in [*who.rows, *(k for k in self._people if k not in who.rows)]:
            row, own = who.rows.get(key), self._people.get(key)
            person = own or self._people.get(theirs.get(key, ""))
            words = [row.student, key, row.id, *row.former, *row.keys] if row else []
            words += [f"file:{former}" for former in row.keys] if row else []
            words += [alone for word in words if (alone := without_addition(word)) != word]
            if person and not (key in self._apart or id(person) in {*who.unclear, *who.refused}):
                words += [person.name, *person.words]
            words += [own.id] if own else []
            shown = tables.shown_id(key, row, own, None)
            self._names.add(key, words[0] if words else shown, words[1:], shown)

    def _line(self, key: str) -> tables.TableLine:
        """One student with the mark."""
        row, person = self.rows.get(key), self._people.get(key)
        adjustments = self._adjustments.get(key, [])
        mark = mark_of(key, row, person, self._possible, self._rule, adjustments)
        outdated = row is not None and row.is_after(given_lines(adjustments))
        remarks = self._remarks(row, outdated)
        if key in self._failed:
            remarks.append(f"Could not be graded this time: {self._failed[key]}")
        failed = self._handed[key].submission if key in self._failed else None
        named = key in self._apart, key in self._unclear
        return tables.TableLine(key, row, mark, person, remarks, outdated, failed, *named)

    def _given(self, key: str) -> list[tuple]:
        """What the teacher's files give to a student."""
        time = self._rule.time_of(key) if self._rule else None
        return given_lines(self._adjustments.get(key, []), time)

    def _page(self, key: str, row: GradeRow) -> None:
        """Write a student's page, if it is not so already."""
        if not row.results:
            return
        line = self._line(key)
        text = feedback.feedback_page(
            self._tests.assignment, line.name, row, line.mark, self._rule, self.titles
        ).encode()
        row.page = f"{key}.html"
        row.page_hash = self._pages.write(row.page, text)

    def _save(self) -> None:
        """Write grades.json, then grades.csv; that a spreadsheet holds the latter stops nothing."""
        lines = self.lines()
        for key, row in self.rows.items():
            row.total = lines[key].mark.total
            row.changes = self._changes_of(key, row.total)
            row.judged |= row.first_given(self._given(key))
            row.judged.pop(UNKNOWN, None)
        for key, person in self._people.items():
            if key not in self._known:  # nothing was handed in when this was given
                person.judged |= dict.fromkeys(map(line_hash, self._given(key)), "")
        content = tables.grades_table(list(lines.values()), self._tests.exercises())
        digest = hashlib.sha256(content).hexdigest()
        # A kill may come between the two files, and a spreadsheet may hold the second for long.
        known = (self._on_disk, *self.grades.tables[-1:], digest)
        self.grades.tables = [each for each in dict.fromkeys(known) if each]
        write_grades(self._out, self.grades)
        try:
            tables.write_table(self._out, content)
            self.table_trouble, self._on_disk = None, digest
        except OSError as error:
            self.table_trouble = error

    def _changes_of(self, key: str, total: float | None) -> list[str]:
        """When a student's total has changed, this run included."""
        known, was = self._changes.get(key, []), self.before.get(key, total)
        old, new = (sheet_number(each) or "no mark" for each in (was, total))
        now = f"{datetime.now().astimezone():%Y-%m-%d %H:%M %z}"
        return known if was == total else [*known, f"{now}: {old} -> {new}"]

    def _marks_of_roster(self) -> Mapping[int, tables.TableLine]:
        """The lines of those on the roster that was given, by their number there."""
        lines = self.lines()
        keys = {id(person): key for key, person in self._people.items()}
        people = self._roster.people
        return {n: lines[k] for n, p in enumerate(people) if (k := keys.get(id(p))) in lines}

    def _comment(self, line: tables.TableLine) -> list[str]:
        return feedback.comment_lines(line.row, line.mark, self._rule, self.titles)

    def _remarks(self, row: GradeRow | None, outdated: bool) -> list[str]:
        """What a teacher should know of a row beside what is stored in it."""
        remarks = []
        if row is None:
            return remarks
        if row.tests and row.tests != self._tests.sha256:
            remarks.append("Graded with other hidden tests than the last.")
        if outdated:
            remarks.append("The points by hand were given to an earlier submission.")
        if row.former:
            remarks.append(f"Was called {', '.join(row.former)}.")
        return remarks
