"""`check` and `grade`: from an id and an answer to feedback; the workbook's cells call them."""

from __future__ import annotations

import dataclasses
import difflib

from aigc_course.checks import store
from aigc_course.checks.exercises import NOTEBOOKS, Exercise, chapter
from aigc_course.checks.feedback import TRIES_BEFORE_HELP, Feedback, show_result


def exercise(exercise_id: str) -> Exercise:
    """The exercise with this id.

    Raises:
        ValueError: if there is none; the sentence names the nearest id.
    """
    prefix = str(exercise_id).rpartition("-")[0]
    known = {e.id: e for e in chapter(prefix)} if prefix in NOTEBOOKS else {}
    if exercise_id not in known:
        names = list(known) or [f"{prefix}-01" for prefix in NOTEBOOKS]
        near = difflib.get_close_matches(str(exercise_id), names, n=1, cutoff=0) or names
        raise ValueError(
            f"There is no exercise {exercise_id!r}: did you mean {near[0]!r}? The id stands in "
            "the exercise's heading."
        )
    return known[exercise_id]


def grade(exercise_id: str, answer: object) -> Feedback:
    """Judge an answer; nothing is shown and nothing is recorded.

    Args:
        exercise_id: such as "vae-03".
        answer: what the exercise asks for: a number, a dict, a function, a class.

    Raises:
        ValueError: if there is no such exercise.
    """
    asked = exercise(exercise_id)
    return dataclasses.replace(asked.grade(answer), exercise=asked.id)


def check(exercise_id: str, answer: object) -> Feedback:
    """Judge an answer, show the feedback, and record it in the local progress file.

    The idea of the solution is offered after three wrong answers, never before.

    Args:
        exercise_id: such as "vae-03".
        answer: what the exercise asks for.

    Returns:
        The feedback; its ``right`` says whether the answer is right.

    Raises:
        ValueError: if there is no such exercise.
    """
    said = grade(exercise_id, answer)
    if said.state != "not yet":
        tries, note = store.count_answer(exercise_id, solved=said.right)
        helped = not said.right and tries >= TRIES_BEFORE_HELP
        worked = exercise(exercise_id).worked if helped else ""
        said = dataclasses.replace(said, tries=tries, worked=worked, note=note)
    show_result(said)
    return said
