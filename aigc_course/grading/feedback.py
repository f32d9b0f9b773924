"""What a student reads: the page, and the few lines of it that fit into a platform's comment.

Everything that a student or a teacher can write is escaped. Pages hold no script and load nothing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aigc_course.checks.texts import exercise_file, read_exercises
from aigc_course.grading.adjustments import MOST_COMMENT
from aigc_course.grading.hidden import UNANSWERED
from aigc_course.grading.lateness import LateRule
from aigc_course.grading.marks import GradeRow, Mark, TestRow
from aigc_course.grading.plain import plain_text
from aigc_course.grading.sheets import sheet_number

MOST_NOTES = 12
MANY = 3  # exercises without an answer, of which one sentence says so
_NO_SENTENCE = "the result is not right."
_ADVICE = 'What to do: `check("{}", ...)` in the notebook answers with a hint for the mistake.'


@dataclass(frozen=True)
class _TestPart:
    """One hidden test on the page."""

    title: str
    says: str
    lost: float


@dataclass(frozen=True)
class _ExercisePart:
    """One exercise on the page; numbers are texts."""

    name: str
    points: str
    of: str
    lost: str
    right: str
    advice: str
    tests: list[_TestPart]


@dataclass(frozen=True)
class _Page:
    """All that the template shows."""

    student: str
    assignment: str
    total: str
    of: str
    excused: bool
    sum: list[str]
    words: list[str]
    problem: str
    open: list[_ExercisePart]
    lost: list[_ExercisePart]
    notes: list[str]
    exercises: list[_ExercisePart] = field(default_factory=list)


def exercise_titles(exercises: Sequence[str]) -> dict[str, str]:
    """What exercises are called, by id; those that the course has no text for are left out.

    Raises:
        ValueError: in one sentence, if a file of texts is damaged.
    """
    titles: dict[str, str] = {}
    for prefix in dict.fromkeys(exercise.rpartition("-")[0] for exercise in exercises):
        if re.fullmatch("[a-z]+", prefix) and exercise_file(prefix).is_file():
            titles |= {name: text.title for name, text in read_exercises(prefix).items()}
    return {name: title for name, title in titles.items() if name in exercises}


def feedback_page(
    assignment: str,
    student: str,
    row: GradeRow,
    mark: Mark,
    rule: LateRule | None,
    titles: Mapping[str, str],
) -> str:
    """The feedback page of one student.

    Args:
        assignment: such as "04".
        student: the name.
        row: what hidden tests said.
        mark: what counts.
        rule: on lateness, if there is one.
        titles: see `exercise_titles`.
    """
    problem = _problem(row)
    parts = [] if problem else _exercises(row, titles)
    notes = [] if problem else list(row.notes)
    if len(notes) > MOST_NOTES:
        notes[MOST_NOTES:] = [f"And {len(notes) - MOST_NOTES} more cells."]
    unanswered = [part for part in parts if all(UNANSWERED in t.says for t in part.tests)]
    if len(unanswered) < MANY:  # a few say so themselves
        unanswered = []
    page = _Page(
        student=plain_text(student),
        assignment=f"Assignment {assignment}",
        total=sheet_number(mark.total),
        of=sheet_number(row.of),
        excused=mark.excused,
        sum=_sum(row, mark, rule),
        words=_words(mark, titles),
        problem=problem,
        open=unanswered,
        lost=[part for part in parts if part.lost != "0" and part not in unanswered],
        notes=[plain_text(note) for note in notes],
        exercises=parts,
    )
    return _template().render(page=page)


def comment_lines(
    row: GradeRow | None, mark: Mark, rule: LateRule | None, titles: Mapping[str, str]
) -> list[str]:
    """The same in short, for a platform's comment: the sum, lost points, the teacher's words."""
    words = _words(mark, titles)
    if row is None:
        return words
    if mark.excused:
        return ["Excused.", *words]
    lines = [f"{sheet_number(mark.total)} of {sheet_number(row.of)} points."]
    if len(parts := _sum(row, mark, rule)) > 1:
        lines += parts[:-1]
    if problem := _problem(row):
        return [*lines, *words, problem]
    for part in _exercises(row, titles):
        if part.lost != "0":
            says = " ".join(f"{t.title}: {t.says}" for t in part.tests if t.lost)
            lines.append(f"{part.name}: {part.points} of {part.of}. {says}".replace("`", ""))
    return [*lines, *words]


def _problem(row: GradeRow) -> str:
    """Why nothing could be run, where that is all there is to say."""
    judged = any(result.judged for result in row.results)
    return "" if judged else " ".join(row.notes)


def _sum(row: GradeRow, mark: Mark, rule: LateRule | None) -> list[str]:
    """How the total comes about; one line if it is that of the hidden tests."""
    lines = [f"Hidden tests: {sheet_number(mark.earned)} of {sheet_number(row.of)}."]
    if mark.late and rule:
        lines.append(mark.late.sentence(rule.percent_of))
    if mark.lost_late:
        lines.append(f"Taken off for lateness: {sheet_number(mark.lost_late)}.")
    if mark.by_hand:
        lines.append(f"From your teacher: {_signed(mark.by_hand)}.")
    if mark.set_to is not None:
        lines.append(f"Set by your teacher to {sheet_number(mark.set_to)}.")
    return [*lines, f"Total: {sheet_number(mark.total)}."] if len(lines) > 1 else lines


def _words(mark: Mark, titles: Mapping[str, str]) -> list[str]:
    """The teacher's marks and comments, in words."""
    lines = [
        f"{_name(exercise, titles) or 'For the whole'}: {_signed(points)} points."
        for exercise, points in mark.added.items()
        if points
    ]
    for exercise, comment in mark.comments:
        name = _name(exercise, titles)
        lines.append(plain_text(f"{name}: {comment}" if name else comment, 2 * MOST_COMMENT))
    return lines


def _exercises(row: GradeRow, titles: Mapping[str, str]) -> list[_ExercisePart]:
    parts = []
    for exercise in dict.fromkeys(result.exercise for result in row.results):
        results = [result for result in row.results if result.exercise == exercise]
        points, of = sum(r.points for r in results), sum(r.of for r in results)
        parts.append(
            _ExercisePart(
                name=_name(exercise, titles),
                points=sheet_number(points),
                of=sheet_number(of),
                lost=sheet_number(of - points),
                right=", ".join(r.title for r in results if r.points == r.of),
                advice=_ADVICE.format(exercise) if exercise in titles else "",
                tests=[_test(result) for result in results],
            )
        )
    return parts


def _test(result: TestRow) -> _TestPart:
    says = plain_text(result.says) or _NO_SENTENCE
    return _TestPart(plain_text(result.title), says, round(result.of - result.points, 6))


def _name(exercise: str, titles: Mapping[str, str]) -> str:
    """An exercise by its number and title."""
    title = titles.get(exercise)
    return plain_text(f"{exercise} ({title})" if title else exercise)


def _signed(points: float) -> str:
    return ("+" if points > 0 else "") + sheet_number(points)


@functools.cache
def _template():
    import jinja2

    text = Path(__file__).with_name("page.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    return environment.from_string(text)
