"""Graders from small parts, and how near an answer must be: a number, a function, a judge.

A grader takes an answer and gives `Feedback`. A wrong answer is compared with what comes out
of the mistakes that people make, so that each mistake gets the hint that fits it; what no
listed mistake explains gets a general diagnosis. Graders are written in
`aigc_course.checks.exercises` with the names of mistakes and what these compute; `worded` puts
in what `workbook/exercises` says of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from aigc_course.checks.answers import (
    Case,
    as_number,
    call,
    close,
    copied,
    is_blank,
    kind_of,
    listed,
    parts_of,
    same,
)
from aigc_course.checks.diagnosis import Tried, unexplained_function, unexplained_number
from aigc_course.checks.feedback import Feedback, not_yet, right, wrong
from aigc_course.checks.texts import GraderText, must_match

# The mistake that the exercise itself hands out: finding it unchanged is no try.
AS_GIVEN = "as given"


class Grader(Protocol):
    """What judges an answer."""

    def __call__(self, answer: object) -> Feedback:
        """What is said of an answer."""

    def worded(self, text: GraderText) -> Grader:
        """The same grader with these texts.

        Raises:
            ValueError: if a mistake has no text, or a text no mistake.
        """


@dataclass(frozen=True)
class Mistake:
    """A plausible wrong answer, and what to say to whoever gives it.

    Attributes:
        name: a few words, such as "mean for sum".
        result: the number, or the function, that the mistake leads to.
        says: the diagnosis.
        hint: what to think of next; it leads on and does not give the answer.
        given: the exercise itself hands out this faulty code, so that finding it
            unchanged is no try.
    """

    name: str
    result: Any
    says: str = ""
    hint: str = ""
    given: bool = False

    def feedback(self) -> Feedback:
        """What whoever makes this mistake is told."""
        if self.given:
            return Feedback("not yet", self.says, self.hint, self.name)
        return wrong(self.name, self.says, self.hint)


@dataclass(frozen=True)
class Number:
    """A grader of one number; see `number`."""

    value: float
    mistakes: tuple[Mistake, ...] = ()
    unit: str = ""
    rtol: float = 0.005
    praise: str = ""

    def __call__(self, answer: object) -> Feedback:
        """What is said of an answer."""
        if is_blank(answer):
            return not_yet("Put a number in the place of the dots (...).")
        given = as_number(answer)
        if isinstance(given, Feedback):
            return given
        if close(given, self.value, self.rtol):
            return right(self.praise)
        for mistake in self.mistakes:
            if close(given, mistake.result, self.rtol):
                return mistake.feedback()
        return unexplained_number(given, self.value, self.unit, self.rtol)

    def worded(self, text: GraderText) -> Number:
        """See `Grader`."""
        return replace(self, praise=text.praise, mistakes=_worded(self.mistakes, text))


def number(
    value: float, mistakes: Mapping[str, float], *, unit: str = "", rtol: float = 0.005
) -> Number:
    """A grader of one number.

    Args:
        value: the right number.
        mistakes: what each mistake leads to; compared in this order, with the same tolerance.
        unit: "nats" also recognises an answer in bits.
        rtol: relative tolerance; 0.005 forgives rounding to three digits.
    """
    return Number(float(value), _unworded(mistakes), unit, rtol)


@dataclass(frozen=True)
class Function:
    """A grader of a function; see `function`."""

    reference: Callable
    cases: Callable[[], Iterable[Case]]
    mistakes: tuple[Mistake, ...] = ()
    rtol: float = 1e-4
    atol: float = 1e-7
    praise: str = ""

    def __call__(self, answer: object) -> Feedback:
        """What is said of an answer."""
        if is_blank(answer):
            return not_yet("Write the function first.")
        if not callable(answer):
            return wrong(
                "not a function",
                f"This is {kind_of(answer)}, and the check wants the function itself.",
                "Hand over its name without brackets: `check(..., name)`, not `name(...)`.",
            )
        tried = []
        for case in self.cases():
            outcome = call(answer, case)
            if isinstance(outcome, Feedback):
                return outcome
            with np.errstate(all="ignore"):
                wanted = parts_of(self.reference(*case.arguments))
            agrees = same(outcome, wanted, self.rtol, self.atol)
            tried.append(Tried(case, outcome, wanted, agrees))
        if all(one.agrees for one in tried):
            return right(self.praise)
        for mistake in self.mistakes:
            if self._explains(mistake.result, tried):
                return mistake.feedback()
        return unexplained_function(tried, self.rtol, self.atol)

    def worded(self, text: GraderText) -> Function:
        """See `Grader`."""
        return replace(self, praise=text.praise, mistakes=_worded(self.mistakes, text))

    def _explains(self, mistaken: Callable, tried: list[Tried]) -> bool:
        """Whether the mistaken function gives the learner's results on every case."""
        for one in tried:
            try:
                with np.errstate(all="ignore"):
                    result = parts_of(mistaken(*(copied(a) for a in one.case.arguments)))
            except Exception:  # a mistake may be one that only some inputs survive
                return False
            if not same(one.got, result, self.rtol, self.atol):
                return False
        return True


def function(
    reference: Callable,
    cases: Callable[[], Iterable[Case]],
    mistakes: Mapping[str, Callable],
    *,
    rtol: float = 1e-4,
    atol: float = 1e-7,
) -> Function:
    """A grader of a function, tried on hidden inputs beside a reference.

    Args:
        reference: what the function should compute, in NumPy.
        cases: gives the hidden inputs, the same each time.
        mistakes: what each mistake computes; one explains an answer if both agree on every
            case. The one called "as given" is handed out by the exercise itself.
        rtol: relative tolerance; 1e-4 lets 32-bit arithmetic pass.
        atol: absolute tolerance.
    """
    return Function(reference, cases, _unworded(mistakes), rtol, atol)


@dataclass(frozen=True)
class Several:
    """A grader of a dict of answers; see `several`."""

    parts: Mapping[str, Grader]
    praise: str = ""

    def __call__(self, answer: object) -> Feedback:
        """What is said of an answer."""
        if is_blank(answer):
            return not_yet()
        if not isinstance(answer, Mapping):
            return wrong(
                "not a dict",
                f"This is {kind_of(answer)}, and the check wants the dict of answers.",
                f"Keep the form of the cell: a dict with the keys {listed(self.parts)}.",
            )
        missing = [name for name in self.parts if name not in answer]
        if missing:
            return wrong(
                "a key is missing",
                f"There is no answer called {missing[0]!r}.",
                f"Keep the keys of the cell: {listed(self.parts)}.",
            )
        found = {name: part(answer[name]) for name, part in self.parts.items()}
        unanswered = [name for name, said in found.items() if said.state == "not yet"]
        if unanswered:
            return not_yet(f"Still open: {listed(unanswered)}.")
        bad = {name: said for name, said in found.items() if not said.right}
        if not bad:
            return right(self.praise)
        name, first = next(iter(bad.items()))
        count = f"{len(self.parts) - len(bad)} of {len(self.parts)} are right. "
        return wrong(f"{name}: {first.mistake}", f"{count}{name}: {first.says}", first.hint)

    def worded(self, text: GraderText) -> Several:
        """See `Grader`."""
        must_match({**text.parts, **text.signs}, self.parts, "part")
        if not text.signs:
            must_match(text.mistakes, (), "mistake of the whole")
        parts = {name: part.worded(text.part(name)) for name, part in self.parts.items()}
        return Several(parts, text.praise)


def several(parts: Mapping[str, Grader]) -> Several:
    """A grader of a dict of answers; the first that is wrong decides the hint."""
    return Several(parts)


@dataclass(frozen=True)
class Option:
    """A grader of one word out of a list; see `option`."""

    correct: str
    feedback: Mapping[str, tuple[str, str]]
    praise: str = ""

    def __call__(self, answer: object) -> Feedback:
        """What is said of an answer."""
        if is_blank(answer):
            return not_yet("Choose one of the words.")
        word = answer.strip().lower() if isinstance(answer, str) else answer
        if word == self.correct:
            return right(self.praise)
        if isinstance(word, str) and word in self.feedback:
            return wrong(word, *self.feedback[word])
        return wrong(
            "not an option",
            f"{answer!r} is not on the list.",
            f"Choose one of {listed(sorted([self.correct, *self.feedback]))}.",
        )

    def worded(self, text: GraderText) -> Option:
        """See `Grader`. The options are those of the text, which has the right one among them."""
        if self.correct not in text.mistakes:
            raise ValueError(f"it has no text for the option {self.correct!r}: write one")
        said = {word: (hint.says, hint.hint) for word, hint in text.mistakes.items()}
        del said[self.correct]
        return replace(self, feedback=said, praise=text.praise)


def option(correct: str, feedback: Mapping[str, tuple[str, str]] | None = None) -> Option:
    """A grader of one word out of a list.

    Args:
        correct: the right word.
        feedback: for each wrong word the diagnosis and the hint; `Option.worded` brings them
            where they are None.
    """
    return Option(correct, feedback or {})


@dataclass(frozen=True)
class Says:
    """What a judge says, by the name of the outcome.

    Attributes:
        text: the texts of the exercise.
    """

    text: GraderText = field(default_factory=GraderText)

    def right(self) -> Feedback:
        """Feedback on a right answer."""
        return right(self.text.praise)

    def wrong(self, mistake: str, **words: object) -> Feedback:
        """Feedback on a mistake, with words for the ``{names}`` in its text."""
        said = self.text.mistakes[mistake].filled(**words)
        return Mistake(mistake, None, said.says, said.hint, mistake == AS_GIVEN).feedback()

    def raised(self, error: Exception) -> Feedback:
        """Feedback on an answer that stops with an error; its text is that of "raises"."""
        name = type(error).__name__
        first = (str(error).splitlines() or [""])[0][:140]
        said = self.text.mistakes["raises"].filled(error=f"{name}: {first}")
        return wrong(f"raises {name}", said.says, said.hint)


@dataclass(frozen=True)
class Judged:
    """A grader by a function of its own; see `judged`."""

    judge: Callable[[object, Says], Feedback]
    says: Says = field(default_factory=Says)

    def __call__(self, answer: object) -> Feedback:
        """What is said of an answer."""
        return not_yet() if is_blank(answer) else self.judge(answer, self.says)

    def worded(self, text: GraderText) -> Judged:
        """See `Grader`. Which mistakes a judge knows shows only when it runs: tests try them."""
        return replace(self, says=Says(text))


def judged(judge: Callable[[object, Says], Feedback]) -> Judged:
    """A grader for what is neither a number nor a function of numbers, such as a network.

    Args:
        judge: takes an answer that is not blank, and `Says` that knows the texts.
    """
    return Judged(judge)


def _unworded(results: Mapping[str, Any]) -> tuple[Mistake, ...]:
    return tuple(Mistake(n, result, given=n == AS_GIVEN) for n, result in results.items())


def _worded(mistakes: tuple[Mistake, ...], text: GraderText) -> tuple[Mistake, ...]:
    must_match(text.mistakes, [mistake.name for mistake in mistakes], "mistake")
    return tuple(
        replace(m, says=text.mistakes[m.name].says, hint=text.mistakes[m.name].hint)
        for m in mistakes
    )
