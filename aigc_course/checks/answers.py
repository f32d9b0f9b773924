"""Reading what a learner hands over: numbers, arrays, functions, and nothing at all.

Every checker of the workbook begins with it, whatever the chapter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from aigc_course.checks.feedback import Feedback, not_yet, wrong


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


def call(answer: Callable, case: Case) -> list[np.ndarray] | Feedback:
    """The parts that a learner's function gives for a case, as arrays; feedback if it fails."""
    arguments = tuple(copied(a) for a in case.arguments)
    try:
        with np.errstate(all="ignore"):
            result = answer(*arguments)
    except Exception as error:  # whatever a learner's function may raise
        reason = (str(error).splitlines() or [""])[0][:160]
        return wrong(
            f"raises {type(error).__name__}",
            f"Your function stopped with {type(error).__name__} ({reason}) on {case.about}.",
            f"Call it yourself with arguments of the same kind: {described(case.arguments)}.",
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
            f"The function returns {kind_of(result)}, where numbers were wanted.",
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


def as_number(answer: object) -> float | Feedback:
    """The answer as a finite float; feedback where it is something else."""
    try:
        array = None if isinstance(answer, bool) else numbers_of(answer)
    except (TypeError, ValueError):
        array = None
    if array is None:
        return wrong(
            "not a number",
            f"This is {kind_of(answer)}, and the check wants a number.",
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


def copied(argument: object) -> object:
    """A copy of an array, and anything else as it is."""
    return argument.copy() if isinstance(argument, np.ndarray) else argument


def _unchanged(a: object, b: object) -> bool:
    return not isinstance(a, np.ndarray) or np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def described(arguments: tuple) -> str:
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


def kind_of(answer: object) -> str:
    """What an answer is, in a few words that follow "This is"."""
    if isinstance(answer, str):
        return f"a text, {answer[:30]!r}"
    if callable(answer):
        return "a function"
    return f"of type {type(answer).__name__}"


def listed(names: Iterable[str]) -> str:
    """Names in quotes, with commas between them."""
    return ", ".join(repr(name) for name in names)
