"""The texts of the course's checks, which are YAML: quizzes and exercises.

Chapters' quizzes are in `notebooks/quizzes`, the workbook's exercises in `workbook/exercises`;
an installed wheel carries both inside this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from aigc_utils.files import read_yaml

Kind = Literal["predict, then run", "by hand", "fix the bug", "derive", "build it", "stretch"]
STRICT = {"extra": "forbid"}  # pydantic then refuses a misspelt key


def texts_folder(name: Literal["quizzes", "exercises"]) -> Path:
    """Where the texts are: in the installed package, or in the checkout around it."""
    installed = Path(__file__).parent / f"_{name}"
    if installed.is_dir():
        return installed
    checkout = Path(__file__).parents[2]
    return checkout / {"quizzes": "notebooks", "exercises": "workbook"}[name] / name


@dataclass(frozen=True)
class Hint:
    """What whoever makes a mistake is told.

    Attributes:
        says: the diagnosis.
        hint: what to think of next; it leads on and does not give the answer.

    Raises:
        ValueError: if one of them is empty.
    """

    __pydantic_config__ = STRICT

    says: str
    hint: str

    def __post_init__(self):
        if not self.says.strip() or not self.hint.strip():
            raise ValueError("a mistake needs both `says` and `hint`")

    def filled(self, **words: object) -> Hint:
        """The same with words in the place of ``{names}`` in braces.

        Raises:
            ValueError: if the text has a name in braces that is not among the words.
        """
        try:
            return Hint(self.says.format(**words), self.hint.format(**words))
        except (LookupError, ValueError) as error:
            known = ", ".join(f"{{{name}}}" for name in words) or "none"
            raise ValueError(
                f"the text {self.says!r} has braces that nothing fills: known here are {known}"
            ) from error


@dataclass(frozen=True)
class GraderText:
    """What a grader says.

    Attributes:
        praise: said of a right answer; "" for the usual words.
        mistakes: by the name of the mistake.
        parts: for an answer in parts the mistakes of each, by the part's name.
        signs: for an answer whose parts share the mistakes what ``{signs}`` stands for in each.
    """

    praise: str = ""
    mistakes: Mapping[str, Hint] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, Hint]] = field(default_factory=dict)
    signs: Mapping[str, str] = field(default_factory=dict)

    def part(self, name: str) -> GraderText:
        """The texts for one part of an answer."""
        if name in self.signs:
            shared = self.mistakes.items()
            return GraderText(mistakes={m: h.filled(signs=self.signs[name]) for m, h in shared})
        return GraderText(mistakes=self.parts.get(name, {}))


@dataclass(frozen=True)
class ExerciseText:
    """One exercise in `workbook/exercises`: its title and all that its check says.

    Attributes:
        title: a few words.
        kind: what is asked of the learner; it also says the points.
        minutes: for a learner who has done the chapter, 1 to 60.
        worked: the idea of the solution, shown after three wrong answers.
        praise, mistakes, parts, signs: see `GraderText`.

    Raises:
        ValueError: if the title or the idea is empty, or the minutes are out of range.
    """

    __pydantic_config__ = STRICT

    title: str
    kind: Kind
    minutes: int
    worked: str
    praise: str = ""
    mistakes: dict[str, Hint] = field(default_factory=dict)
    parts: dict[str, dict[str, Hint]] = field(default_factory=dict)
    signs: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        if not self.title.strip() or not self.worked.strip():
            raise ValueError("an exercise needs a `title` and a `worked` idea")
        if not 1 <= self.minutes <= 60:
            raise ValueError("`minutes` must be from 1 to 60")

    @property
    def says(self) -> GraderText:
        """The part of it that a grader needs."""
        return GraderText(self.praise, self.mistakes, self.parts, self.signs)


def read_exercises(prefix: str) -> dict[str, ExerciseText]:
    """The texts of a chapter's exercises, by id.

    Raises:
        FileNotFoundError, ValueError: as `aigc_utils.files.read_yaml` says them.
    """
    return read_yaml(exercise_file(prefix), dict[str, ExerciseText])


def exercise_file(prefix: str) -> Path:
    """The file with the texts of the exercises whose ids begin with ``prefix``."""
    return texts_folder("exercises") / f"{prefix}.yml"


def must_match(written: Iterable[str], computed: Iterable[str], what: str) -> None:
    """See to it that texts and code name the same things.

    Args:
        written: the names in a file of texts.
        computed: the names in the Python beside it.
        what: such as "mistake", for the message.

    Raises:
        ValueError: if a name is in one place only.
    """
    written, computed = list(written), list(computed)
    if missing := [name for name in computed if name not in written]:
        raise ValueError(f"it has no text for the {what} {missing[0]!r}: write one")
    if left := [name for name in written if name not in computed]:
        raise ValueError(
            f"it has a text for the {what} {left[0]!r}, which no check looks for: "
            f"correct the name or delete it"
        )
