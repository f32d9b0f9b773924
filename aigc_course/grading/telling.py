"""What `aigc grade` tells the teacher before and after the work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from aigc_course.grading import tables
from aigc_course.grading.book import Book
from aigc_course.grading.lateness import shown_time
from aigc_course.grading.limits import Limits
from aigc_course.grading.names import names_line
from aigc_course.grading.plain import plain_text
from aigc_course.grading.sheets import sheet_number
from aigc_course.grading.submissions import Found
from aigc_course.grading.work import Say, limits_hash

OTHER_YEAR = timedelta(days=300)  # since the deadline


def say_before(book: Book, found: Found, tests: str, limits: Limits, say: Say) -> None:
    """What a teacher should know before the work.

    Args:
        book: the class.
        found: what lies in the folder.
        tests: the hash of the hidden tests.
        limits: for one submission.
        say: takes a line.
    """
    for note in found.notes:
        say(plain_text(note))
    for new, old in book.renamed.items():
        say(plain_text(f"{old} is now called {book.rows[new].student}: it is the same student."))
    for text in book.unclear:
        say(plain_text(f"{text}: nobody is taken for anybody; give them other names."))
    if same := book.from_elsewhere:
        say(
            "Taken for the student of that name in another folder, as the roster has one: "
            f"{names_line(same)}. If they are two, give one of them another name."
        )
    for text in book.apart:
        say(plain_text(text))
    if book.nobody_of_before():
        say(
            f"None of the {len(book.before)} students in the table is among the submissions or on "
            "the roster: is it last year's? Then give another folder with -o; another class of the "
            "same course may share it."
        )
    if book.deadline and datetime.now().astimezone() - book.deadline > OTHER_YEAR:
        say(f"The deadline in late.yml is {shown_time(book.deadline)}: is it of another year?")
    here = [row for row in book.rows.values() if row.here]
    if any(row.tests != tests for row in here):
        say("The hidden tests have changed since the last time: all are graded again.")
    elif any(row.limits != limits_hash(limits) for row in here):
        say("The limits have changed since the last time: all are graded again.")


def say_after(book: Book, say: Say) -> None:
    """Whose marks changed, who is new, who is missing, what counts besides hidden tests."""
    lines = book.lines()
    names = tables.names_apart(lines)
    totals = {key: line.mark.total for key, line in lines.items() if line.row}
    if book.before:
        changed = [
            f"{names[key]} {_shown(book.before[key])} -> {_shown(total)}"
            for key, total in totals.items()
            if key in book.before and book.before[key] != total
        ]
        say(f"Marks that changed: {names_line(changed)}." if changed else "No mark has changed.")
        new = [f"{names[key]} {_shown(t)}" for key, t in totals.items() if key not in book.before]
        if new:
            say(f"New: {names_line(new)}.")
    gone = [
        f"{names[key]} {_shown(line.mark.total)}"
        for key, line in lines.items()
        if line.state == tables.GONE
    ]
    if gone:
        say(f"Not in this folder, and kept in the table: {names_line(gone)}.")
    by_hand = [f"{names[key]} {_by_hand(line)}" for key, line in lines.items() if _by_hand(line)]
    if by_hand:
        say(f"By hand, from adjustments.csv: {names_line(by_hand)}.")
    older = [names[key] for key, line in lines.items() if line.outdated]
    if older:
        say(f"Points by hand were given to an earlier submission, look again: {names_line(older)}.")
    _say_lateness(book, say)
    _say_common_stops(book, say)
    if lost := _without_row(lines, names, tables.NOT_FOUND):
        say(
            "Moodle says that these have handed in, and nothing of theirs is among the submissions "
            f"(is the download complete?): {names_line(lost)}."
        )
    if missing := _without_row(lines, names, tables.NOTHING):
        say(f"Handed in nothing: {names_line(missing)}.")
    if off := book.off_roster():
        say(f"On no roster: {names_line(off)}.")
    for text in dict.fromkeys(book.about_pages):
        say(plain_text(text))
    if strays := book.strays():
        say(f"Pages of nobody in the table, which you may delete: {names_line(strays)}.")


def _say_lateness(book: Book, say: Say) -> None:
    """Whom lateness costs how much, and what is not known or odd about times."""
    lines = book.lines()
    names = tables.names_apart(lines)
    late = [
        f"{names[key]} -{sheet_number(line.mark.lost_late)}"
        for key, line in lines.items()
        if line.mark.lost_late
    ]
    if late:
        say(f"Late: {names_line(late)}.")
    for text in book.odd_times():
        say(plain_text(text))
    if by_files := book.by_file_times():
        say(f"Late or not by the times of files, as late.yml says: {names_line(by_files)}.")
    if unknown := book.without_time():
        say(
            f"No time is known, so nothing is taken off for lateness: {names_line(unknown)}. Give "
            "Moodle's worksheet with --roster, or times under submitted in late.yml."
        )


def _say_common_stops(book: Book, say: Say) -> None:
    """A sentence that half of the class has: then it is hardly a student's doing."""
    here = [row for row in book.rows.values() if row.here and row.total is not None]
    counts = Counter(note for row in here for note in dict.fromkeys(row.notes))
    for note, number in counts.most_common(3):
        if number >= max(2, len(here) / 2):
            say(
                f"{number} of {len(here)} have this: {plain_text(note)} If that is not their "
                "doing, see to it (--timeout gives a cell more time) and grade with --again."
            )


def _without_row(
    lines: Mapping[str, tables.TableLine], names: Mapping[str, str], state: str
) -> list[str]:
    """Names of those in a state, with the platform's number if there is one."""
    return [
        f"{line.name} ({line.person.id})" if line.person.id else names[key]
        for key, line in lines.items()
        if line.state == state
    ]


def _by_hand(line: tables.TableLine) -> str:
    """What a teacher has changed, in a word; "" if nothing."""
    if line.mark.excused:
        return "excused"
    if line.mark.set_to is not None:
        return f"set to {sheet_number(line.mark.set_to)}"
    points = line.mark.by_hand
    return f"{'+' if points > 0 else ''}{sheet_number(points)}" if points else ""


def _shown(total: float | None) -> str:
    return "without a mark" if total is None else sheet_number(total)
