"""What `aigc grade` tells the teacher before and after the work."""

from __future__ import annotations

from aigc_course.grading import tables
from aigc_course.grading.book import Book
from aigc_course.grading.limits import Limits
from aigc_course.grading.names import names_line
from aigc_course.grading.plain import plain_text
from aigc_course.grading.sheets import sheet_number
from aigc_course.grading.submissions import Found
from aigc_course.grading.work import Say, limits_hash


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
    if same := book.from_elsewhere():
        say(
            f"Taken for the student of that name in another folder: {names_line(same)}. If they "
            "are two, give one of them another name."
        )
    here = [row for row in book.rows.values() if row.here]
    if any(row.tests != tests for row in here):
        say("The hidden tests have changed since the last time: all are graded again.")
    elif any(row.limits != limits_hash(limits) for row in here):
        say("The limits have changed since the last time: all are graded again.")


def say_after(book: Book, say: Say) -> None:
    """Whose marks changed, who is new, who is missing, what counts besides hidden tests."""
    lines = book.lines()
    totals = {key: line.mark.total for key, line in lines.items() if line.row}
    if book.before:
        changed = [
            f"{lines[key].name} {_shown(book.before[key])} -> {_shown(total)}"
            for key, total in totals.items()
            if key in book.before and book.before[key] != total
        ]
        say(f"Marks that changed: {names_line(changed)}." if changed else "No mark has changed.")
        new = [
            f"{lines[key].name} {_shown(t)}" for key, t in totals.items() if key not in book.before
        ]
        if new:
            say(f"New: {names_line(new)}.")
    gone = [
        f"{line.name} {_shown(line.mark.total)}"
        for line in lines.values()
        if line.state == tables.GONE
    ]
    if gone:
        say(f"Not in this folder, and kept in the table: {names_line(gone)}.")
    by_hand = [f"{line.name} {_by_hand(line)}" for line in lines.values() if _by_hand(line)]
    if by_hand:
        say(f"By hand, from adjustments.csv: {names_line(by_hand)}.")
    older = [line.name for line in lines.values() if line.outdated]
    if older:
        say(f"Points by hand were given to an earlier submission, look again: {names_line(older)}.")
    _say_lateness(book, say)
    missing = [line for line in lines.values() if line.state == tables.NOTHING]
    shown = [f"{line.name} ({line.person.id})" if line.person.id else line.name for line in missing]
    if missing:
        say(f"Handed in nothing: {names_line(shown)}.")
    if off := book.off_roster():
        say(f"On no roster: {names_line(off)}.")
    for text in dict.fromkeys(book.about_pages):
        say(plain_text(text))
    if strays := book.strays():
        say(f"Pages of nobody in the table, which you may delete: {names_line(strays)}.")


def _say_lateness(book: Book, say: Say) -> None:
    """Whom lateness costs how much, and what is not known or odd about times."""
    late = [
        f"{line.name} -{sheet_number(line.mark.lost_late)}"
        for line in book.lines().values()
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
