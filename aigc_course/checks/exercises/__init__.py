"""The exercises, a module for each chapter, loaded when one of its ids is asked for.

A module computes: right answers, hidden inputs, what each mistake leads to. All texts are in
`workbook/exercises`, under the same ids and the same names of mistakes.
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass

from aigc_course.checks.graders import Grader
from aigc_course.checks.texts import Kind, exercise_file, must_match, read_exercises

POINTS = {
    "predict, then run": 1,
    "by hand": 1,
    "fix the bug": 2,
    "derive": 2,
    "build it": 3,
    "stretch": 3,
}
# The prefix of the ids, and the notebook; the order is the order of the course.
NOTEBOOKS = {
    "core": "02_core_concepts",
    "alg": "03_algorithms",
    "vae": "04_vae_math",
    "build": "05_1_build_a_vae",
    "train": "05_2_train_a_vae",
    "gen": "05_3_generate_images",
}


@dataclass(frozen=True)
class Exercise:
    """One exercise of the workbook.

    Attributes:
        id: such as "vae-03".
        title: a few words.
        kind: what is asked of the learner; it also says the points.
        minutes: for a learner who has done the chapter.
        grade: the checker.
        worked: the idea of the solution, shown after three wrong answers.
    """

    id: str
    title: str
    kind: Kind
    minutes: int
    grade: Grader
    worked: str

    @property
    def points(self) -> int:
        """What the exercise is worth when it is graded."""
        return POINTS[self.kind]


@functools.cache
def chapter(prefix: str) -> tuple[Exercise, ...]:
    """The exercises whose ids begin with ``prefix``, in order.

    Raises:
        FileNotFoundError: if their texts are missing.
        ValueError: if there is no such chapter, or its texts are not complete; the sentence
            names the file and the exercise.
    """
    if prefix not in NOTEBOOKS:
        raise ValueError(f"There is no chapter {prefix!r}: choose one of {', '.join(NOTEBOOKS)}.")
    graders = importlib.import_module(f"aigc_course.checks.exercises.{prefix}").GRADERS
    return _joined(prefix, graders)


def _joined(prefix: str, graders: dict[str, Grader]) -> tuple[Exercise, ...]:
    """The exercises of a chapter, from their graders and their texts."""
    texts, found = read_exercises(prefix), []
    place = f"{exercise_file(prefix)} is wrong at the top"
    try:
        must_match(texts, graders, "exercise")
        for name, grader in graders.items():
            place = f"{exercise_file(prefix)} is wrong at {name}"
            text = texts[name]
            graded = grader.worded(text.says)
            found.append(Exercise(name, text.title, text.kind, text.minutes, graded, text.worked))
    except ValueError as error:
        raise ValueError(f"{place} ({error}).") from error
    return tuple(found)
