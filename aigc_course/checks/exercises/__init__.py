"""The exercises, a module for each chapter, loaded when one of its ids is asked for."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Literal

from aigc_course.checks.matchers import Grader

Kind = Literal["predict, then run", "by hand", "fix the bug", "derive", "build it", "stretch"]
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


def chapter(prefix: str) -> tuple[Exercise, ...]:
    """The exercises whose ids begin with ``prefix``, in order.

    Raises:
        ValueError: if there is no such chapter.
    """
    if prefix not in NOTEBOOKS:
        raise ValueError(f"There is no chapter {prefix!r}: choose one of {', '.join(NOTEBOOKS)}.")
    return importlib.import_module(f"aigc_course.checks.exercises.{prefix}").EXERCISES
