"""What the quizzes ask: of a chapter by its notebook's name, of the workbook by prefix ("vae").

The questions are in `notebooks/quizzes`, a file for each chapter, and in its folder `workbook`.
Numbers in the questions of a chapter are those of its text and outputs; a lint compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aigc_course.checks.texts import STRICT, texts_folder
from aigc_utils.files import read_yaml


@dataclass(frozen=True)
class Question:
    """One multiple-choice question.

    Attributes:
        text: the question, one sentence or two.
        options: for each option what is said to whoever chooses it; at least two.
        answer: the right option, one of ``options``.

    Raises:
        ValueError: if ``answer`` is no option, or an option has no feedback.
    """

    text: str
    options: Mapping[str, str]
    answer: str

    def __post_init__(self):
        if len(self.options) < 2:
            raise ValueError(f"The question {self.text!r} has fewer than two options: add some.")
        if self.answer not in self.options:
            raise ValueError(
                f"The answer {self.answer!r} is no option of {self.text!r}: copy it from one."
            )
        silent = [option for option, feedback in self.options.items() if not feedback.strip()]
        if silent:
            raise ValueError(f"The option {silent[0]!r} has no feedback: say why it is wrong.")

    def feedback(self, option: str) -> str:
        """What is said of an option, beginning with "Yes." or "No."."""
        return f"{'Yes.' if option == self.answer else 'No.'} {self.options[option]}"


@dataclass(frozen=True)
class WrittenOption:
    """An option as a file of questions has it.

    Attributes:
        because: what is said to whoever chooses it.
        right: its words, if it is the right one.
        wrong: its words, if it is not.

    Raises:
        ValueError: if it is both or neither.
    """

    __pydantic_config__ = STRICT

    because: str
    right: str = ""
    wrong: str = ""

    def __post_init__(self):
        if bool(self.right.strip()) == bool(self.wrong.strip()):
            raise ValueError("an option begins with either `right` or `wrong`, and its words")
        if not self.because.strip():
            raise ValueError("an option needs a `because`")


@dataclass(frozen=True)
class WrittenQuestion:
    """A question as a file has it.

    Raises:
        ValueError: if it has not exactly one right option, or an option twice.
    """

    __pydantic_config__ = STRICT

    question: str
    options: list[WrittenOption]

    def __post_init__(self):
        words = [option.right or option.wrong for option in self.options]
        if sum(bool(option.right) for option in self.options) != 1:
            raise ValueError("a question needs exactly one option that is `right`")
        if len(set(words)) != len(words) or len(words) < 2:
            raise ValueError("a question needs two options or more, no two of them alike")

    def asked(self) -> Question:
        """The question as a quiz shows it."""
        options = {option.right or option.wrong: option.because for option in self.options}
        return Question(self.question, options, next(o.right for o in self.options if o.right))


def chapter_quizzes() -> tuple[str, ...]:
    """The names of the chapters' quizzes, such as "04_vae_math", in order."""
    return _names(texts_folder("quizzes"))


def workbook_quizzes() -> tuple[str, ...]:
    """The names of the workbook's quizzes: the prefixes of its exercises, such as "vae"."""
    return _names(texts_folder("quizzes") / "workbook")


def questions_of(name: str) -> tuple[Question, ...]:
    """The questions of a quiz.

    Args:
        name: one of `chapter_quizzes` or `workbook_quizzes`.

    Raises:
        ValueError: if there is no such quiz, or its file is wrong; the sentence names the file
            and the place.
    """
    if name in chapter_quizzes():
        path = texts_folder("quizzes") / f"{name}.yml"
    elif name in workbook_quizzes():
        path = texts_folder("quizzes") / "workbook" / f"{name}.yml"
    else:
        known = ", ".join([*workbook_quizzes(), *chapter_quizzes()])
        raise ValueError(f"There is no quiz {name!r}: choose one of {known}.")
    return read_questions(path)


def read_questions(path: Path) -> tuple[Question, ...]:
    """The questions in a file; errors are those of `aigc_utils.files.read_yaml`."""
    return tuple(written.asked() for written in read_yaml(path, list[WrittenQuestion]))


def _names(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in folder.glob("*.yml")))
