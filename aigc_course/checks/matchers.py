"""Graders from small parts: a number, a function, several named answers.

A grader takes an answer and gives a `Verdict`. A wrong answer is compared with what comes
out of the mistakes that people make, so that each mistake gets the hint that fits it; what
no listed mistake explains gets a general diagnosis (sign, factor, shape, not finite).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aigc_course.checks.verdict import Verdict, not_yet, right, wrong

Grader = Callable[[object], Verdict]
LN_2 = math.log(2)


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
    says: str
    hint: str
    given: bool = False

    def verdict(self) -> Verdict:
        """What whoever makes this mistake is told."""
        if self.given:
            return Verdict("not yet", self.says, self.hint, self.name)
        return wrong(self.name, self.says, self.hint)


@dataclass(frozen=True)
class Case:
    """Arguments for one hidden call of a learner's function.

    Attributes:
        arguments: given by position; arrays are copied for each call.
        about: says what is special about them, such as "a single image".
    """

    arguments: tuple
    about: str = "ordinary numbers"


def is_blank(answer: object) -> bool:
    """Whether nothing was put in the place of the dots."""
    return answer is None or answer is Ellipsis


@dataclass(frozen=True)
class Number:
    """A grader of one number; see `number`."""

    value: float
    mistakes: tuple[Mistake, ...]
    unit: str
    rtol: float
    praise: str

    def __call__(self, answer: object) -> Verdict:
        """The verdict on an answer."""
        if is_blank(answer):
            return not_yet("Put a number in the place of the dots (...).")
        given = as_number(answer)
        if isinstance(given, Verdict):
            return given
        if close(given, self.value, self.rtol):
            return right(self.praise)
        for mistake in self.mistakes:
            if close(given, mistake.result, self.rtol):
                return mistake.verdict()
        return _unexplained_number(given, self.value, self.unit, self.rtol)


def number(
    value: float,
    *mistakes: Mistake,
    unit: str = "",
    rtol: float = 0.005,
    praise: str = "",
) -> Number:
    """A grader of one number.

    Args:
        value: the right number.
        mistakes: compared in this order, with the same tolerance.
        unit: "nats" also recognises an answer in bits.
        rtol: relative tolerance; 0.005 forgives rounding to three digits.
        praise: said of a right answer.
    """
    return Number(float(value), mistakes, unit, rtol, praise)


@dataclass(frozen=True)
class Function:
    """A grader of a function; see `function`."""

    reference: Callable
    cases: Callable[[], Iterable[Case]]
    mistakes: tuple[Mistake, ...]
    rtol: float
    atol: float
    praise: str

    def __call__(self, answer: object) -> Verdict:
        """The verdict on an answer."""
        if is_blank(answer):
            return not_yet("Write the function first.")
        if not callable(answer):
            return wrong(
                "not a function",
                f"This is {_kind(answer)}, and the check wants the function itself.",
                "Hand over its name without brackets: `check(..., name)`, not `name(...)`.",
            )
        tried = []
        for case in self.cases():
            outcome = call(answer, case)
            if isinstance(outcome, Verdict):
                return outcome
            with np.errstate(all="ignore"):
                wanted = parts_of(self.reference(*case.arguments))
            tried.append((case, outcome, wanted))
        agrees = [same(got, wanted, self.rtol, self.atol) for _, got, wanted in tried]
        if all(agrees):
            return right(self.praise)
        for mistake in self.mistakes:
            if _explains(mistake.result, tried, self.rtol, self.atol):
                return mistake.verdict()
        return _unexplained_function(tried, agrees, self.rtol, self.atol)


def function(
    reference: Callable,
    cases: Callable[[], Iterable[Case]],
    *mistakes: Mistake,
    rtol: float = 1e-4,
    atol: float = 1e-7,
    praise: str = "",
) -> Function:
    """A grader of a function, tried on hidden inputs beside a reference.

    Args:
        reference: what the function should compute, in NumPy.
        cases: gives the hidden inputs, the same each time.
        mistakes: their ``result`` is a function; one explains the answer if both agree
            on every case.
        rtol: relative tolerance; 1e-4 lets 32-bit arithmetic pass.
        atol: absolute tolerance.
        praise: said of a right answer.
    """
    return Function(reference, cases, mistakes, rtol, atol, praise)


@dataclass(frozen=True)
class Several:
    """A grader of a dict of answers; see `several`."""

    parts: Mapping[str, Grader]
    praise: str

    def __call__(self, answer: object) -> Verdict:
        """The verdict on an answer."""
        if is_blank(answer):
            return not_yet()
        if not isinstance(answer, Mapping):
            return wrong(
                "not a dict",
                f"This is {_kind(answer)}, and the check wants the dict of answers.",
                f"Keep the form of the cell: a dict with the keys {_listed(self.parts)}.",
            )
        missing = [name for name in self.parts if name not in answer]
        if missing:
            return wrong(
                "a key is missing",
                f"There is no answer called {missing[0]!r}.",
                f"Keep the keys of the cell: {_listed(self.parts)}.",
            )
        verdicts = {name: part(answer[name]) for name, part in self.parts.items()}
        unanswered = [name for name, v in verdicts.items() if v.state == "not yet"]
        if unanswered:
            return not_yet(f"Still open: {_listed(unanswered)}.")
        bad = {name: v for name, v in verdicts.items() if not v.right}
        if not bad:
            return right(self.praise)
        name, first = next(iter(bad.items()))
        count = f"{len(self.parts) - len(bad)} of {len(self.parts)} are right. "
        return wrong(f"{name}: {first.mistake}", f"{count}{name}: {first.says}", first.hint)


def several(parts: Mapping[str, Grader], praise: str = "") -> Several:
    """A grader of a dict of answers; the first that is wrong decides the hint."""
    return Several(parts, praise)


@dataclass(frozen=True)
class Option:
    """A grader of one word out of a list; see `option`."""

    correct: str
    feedback: Mapping[str, tuple[str, str]]
    praise: str

    def __call__(self, answer: object) -> Verdict:
        """The verdict on an answer."""
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
            f"Choose one of {_listed(sorted([self.correct, *self.feedback]))}.",
        )


def option(correct: str, feedback: Mapping[str, tuple[str, str]], praise: str = "") -> Option:
    """A grader of one word out of a list.

    Args:
        correct: the right word.
        feedback: for each wrong word the diagnosis and the hint.
        praise: said of a right answer.
    """
    return Option(correct, feedback, praise)


def call(answer: Callable, case: Case) -> list[np.ndarray] | Verdict:
    """The parts that a learner's function gives for a case, as arrays; a verdict if it fails."""
    arguments = tuple(_copied(a) for a in case.arguments)
    try:
        with np.errstate(all="ignore"):
            result = answer(*arguments)
    except Exception as error:  # whatever a learner's function may raise
        reason = (str(error).splitlines() or [""])[0][:160]
        return wrong(
            f"raises {type(error).__name__}",
            f"Your function stopped with {type(error).__name__} ({reason}) on {case.about}.",
            f"Call it yourself with arguments of the same kind: {_shapes(case.arguments)}.",
        )
    if is_blank(result) or (isinstance(result, tuple | list) and any(map(is_blank, result))):
        return not_yet("The function gives nothing yet: let it return its result.")
    if any(not _unchanged(a, b) for a, b in zip(arguments, case.arguments, strict=True)):
        return wrong(
            "changes its input",
            "The function changes the arrays that it is given.",
            "Whoever calls it still needs them: compute a new array in place of `+=` and the like.",
        )
    try:
        return parts_of(result)
    except (TypeError, ValueError):
        return wrong(
            "not numbers",
            f"The function returns {_kind(result)}, where numbers were wanted.",
            "Print what it returns: is it an array, or something around one?",
        )


def parts_of(result: object) -> list[np.ndarray]:
    """A result as a list of float arrays: one, or one for each member of a tuple."""
    members = result if isinstance(result, tuple) else (result,)
    return [numbers_of(member) for member in members]


def numbers_of(value: object) -> np.ndarray:
    """A float array of what is a real number, or an array, list or tensor of them.

    Raises:
        TypeError, ValueError: if it is something else; text is never read as a number.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"This is of type {array.dtype}, not real numbers.")
    return array.astype(float)


def as_number(answer: object) -> float | Verdict:
    """The answer as a finite float; a verdict where it is something else."""
    try:
        array = None if isinstance(answer, bool) else numbers_of(answer)
    except (TypeError, ValueError):
        array = None
    if array is None:
        return wrong(
            "not a number",
            f"This is {_kind(answer)}, and the check wants a number.",
            "Give a number or an expression, such as `0.5` or `np.log(2)`, without quotes.",
        )
    if array.size != 1:
        return wrong(
            "several numbers",
            f"These are {array.size} numbers (shape {array.shape}), and one is wanted.",
            "Is a sum or an average still to be taken, or one entry to be chosen?",
        )
    given = float(array.reshape(()))
    if not math.isfinite(given):
        return wrong(
            "not finite",
            f"The answer is {given}.",
            "Look for the logarithm of 0 or of a negative number, or a division by 0.",
        )
    return given


def close(a: float, b: float, rtol: float) -> bool:
    """Whether two numbers agree within the relative tolerance of the second."""
    return abs(a - b) <= rtol * abs(b) + 1e-12


def same(got: Sequence[np.ndarray], wanted: Sequence[np.ndarray], rtol: float, atol: float) -> bool:
    """Whether two results have the same parts, shapes and numbers."""
    return len(got) == len(wanted) and all(
        g.shape == w.shape and np.allclose(g, w, rtol=rtol, atol=atol, equal_nan=True)
        for g, w in zip(got, wanted, strict=True)
    )


def _explains(mistaken: Callable, tried: list, rtol: float, atol: float) -> bool:
    """Whether the mistaken function gives the learner's results on every case."""
    for case, got, _ in tried:
        try:
            with np.errstate(all="ignore"):
                result = parts_of(mistaken(*(_copied(a) for a in case.arguments)))
        except Exception:  # a mistake may be one that only some inputs survive
            return False
        if not same(got, result, rtol, atol):
            return False
    return True


def _unexplained_number(given: float, value: float, unit: str, rtol: float) -> Verdict:
    """A diagnosis of a number that no listed mistake explains."""
    if close(-given, value, rtol):
        return wrong(
            "sign",
            "The size is right and the sign is not.",
            "Say in words whether the quantity can be negative; which minus was lost or gained?",
        )
    if unit == "nats" and close(given * LN_2, value, rtol):
        return wrong(
            "bits",
            "That is the answer in bits.",
            "The course counts in nats: which logarithm gives those?",
        )
    for factor, words in ((2, "twice"), (0.5, "half")):
        if close(given, factor * value, rtol):
            return wrong(
                f"{words} as large",
                f"The answer is {words} as large as it should be.",
                "Write the formula down once more and look for a factor ½ or 2.",
            )
    if close(given, value, 10 * rtol):
        return wrong(
            "rounded",
            "Very close: that is rounding, or a step that was taken approximately.",
            "Let Python carry all digits to the end, and round nothing on the way.",
        )
    if given * value < 0:
        size = "has the wrong sign, and another size too"
    elif abs(given) > abs(value):
        size = (
            "is too large" if abs(given) < 10 * abs(value) else "is more than ten times too large"
        )
    else:
        size = (
            "is too small" if 10 * abs(given) > abs(value) else "is more than ten times too small"
        )
    return wrong(
        "another number",
        f"The answer {size}.",
        "Do it in two steps and check each by hand; the folded hints above say which steps.",
    )


def _unexplained_function(tried: list, agrees: list[bool], rtol: float, atol: float) -> Verdict:
    """A diagnosis of a function that no listed mistake explains."""
    at = agrees.index(False)
    case, got, wanted = tried[at]
    if len(got) != len(wanted):
        return wrong(
            "number of results",
            f"The function returns {len(got)} result(s), and {len(wanted)} are wanted.",
            "Compare the `return` line with what the text asks for.",
        )
    part = next(
        i
        for i, (g, w) in enumerate(zip(got, wanted, strict=True))
        if not same([g], [w], rtol, atol)
    )
    mine, theirs = got[part], wanted[part]
    which = f"result number {part + 1}" if len(got) > 1 else "the result"
    if mine.shape != theirs.shape:
        if mine.shape == theirs.T.shape and np.allclose(mine.T, theirs, rtol, atol):
            return wrong(
                "transposed",
                f"The numbers are right, but {which} is transposed.",
                "Which axis counts the batch? It comes first in this course.",
            )
        return wrong(
            "shape",
            f"For {_shapes(case.arguments)}, {which} has shape {mine.shape}, not {theirs.shape}.",
            "Which axis should disappear, and which should stay? Look at every `axis=`.",
        )
    if not np.isfinite(mine).all() and np.isfinite(theirs).all():
        return wrong(
            "not finite",
            f"On {case.about}, {which} is not finite everywhere.",
            "An exponential overflows or a logarithm meets 0: rewrite the formula first.",
        )
    if any(agrees):
        return wrong(
            "some inputs",
            f"Right on {sum(agrees)} of {len(agrees)} hidden inputs, wrong on {case.about}.",
            f"Try it on such an input yourself: {_shapes(case.arguments)}.",
        )
    if np.allclose(mine, -theirs, rtol, atol):
        return wrong(
            "sign",
            f"Everything about {which} is right but the sign.",
            "Which way should it point: is more of it better, or worse?",
        )
    with np.errstate(all="ignore"):
        ratio = np.median(mine / theirs)
    if mine.size > 1 and np.isfinite(ratio) and np.allclose(mine, ratio * theirs, rtol, atol):
        return wrong(
            "factor",
            f"On {case.about}, {which} is {ratio:.4g} times what it should be, everywhere.",
            "A factor is missing or too much: a ½, a count, a width?",
        )
    if mine.shape == theirs.T.shape and mine.size > 1 and np.allclose(mine.T, theirs, rtol, atol):
        return wrong(
            "transposed",
            f"The numbers are right, but {which} is transposed.",
            "Which axis counts the batch? It comes first in this course.",
        )
    worst = np.unravel_index(np.argmax(np.abs(mine - theirs)), mine.shape)
    return wrong(
        "another function",
        f"On {case.about}, {which} is off: {mine[worst]:.4g} where {theirs[worst]:.4g} was wanted.",
        "Take the smallest input that you can do by hand, and compare line by line.",
    )


def _copied(argument: object) -> object:
    return argument.copy() if isinstance(argument, np.ndarray) else argument


def _unchanged(a: object, b: object) -> bool:
    return not isinstance(a, np.ndarray) or np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _shapes(arguments: tuple) -> str:
    """The arguments in a few words: shapes of arrays, values of short ones."""
    words = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            words.append(f"an array of shape {argument.shape}")
        elif callable(argument):
            words.append("a function")
        else:
            words.append(repr(argument)[:30])
    return ", ".join(words)


def _kind(answer: object) -> str:
    if isinstance(answer, str):
        return f"a text, {answer[:30]!r}"
    if callable(answer):
        return "a function"
    return f"of type {type(answer).__name__}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
