"""What to say of a wrong answer that no mistake on an exercise's list explains.

The general diagnoses (sign, factor, shape, not finite) are the same for every chapter's
exercises; those that belong to one exercise stand in `workbook/exercises`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aigc_course.checks.answers import Case, close, described, same
from aigc_course.checks.feedback import Feedback, wrong

LN_2 = math.log(2)


def unexplained_number(given: float, value: float, unit: str, rtol: float) -> Feedback:
    """A diagnosis of a number, compared with the right ``value`` within ``rtol``."""
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


@dataclass(frozen=True)
class Tried:
    """One hidden call of a learner's function.

    Attributes:
        case: the arguments.
        got: the parts of what the function gave.
        wanted: the parts of what the reference gives.
        agrees: whether they are the same within the tolerances.
    """

    case: Case
    got: list[np.ndarray]
    wanted: list[np.ndarray]
    agrees: bool


def unexplained_function(tried: list[Tried], rtol: float, atol: float) -> Feedback:
    """A diagnosis of a function from its hidden calls, of which at least one went wrong."""
    bad = next(call for call in tried if not call.agrees)
    if len(bad.got) != len(bad.wanted):
        return wrong(
            "number of results",
            f"The function returns {len(bad.got)} result(s), and {len(bad.wanted)} are wanted.",
            "Compare the `return` line with what the text asks for.",
        )
    pairs = list(zip(bad.got, bad.wanted, strict=True))
    part = next(i for i, (g, w) in enumerate(pairs) if not same([g], [w], rtol, atol))
    which = f"result number {part + 1}" if len(pairs) > 1 else "the result"
    mine, theirs = pairs[part]
    turned = mine.shape == theirs.T.shape and np.allclose(mine.T, theirs, rtol, atol)
    if mine.shape != theirs.shape:
        return _transposed(which) if turned else _shape(bad.case, which, mine, theirs)
    if not np.isfinite(mine).all() and np.isfinite(theirs).all():
        return wrong(
            "not finite",
            f"On {bad.case.about}, {which} is not finite everywhere.",
            "An exponential overflows or a logarithm meets 0: rewrite the formula first.",
        )
    agreeing = sum(call.agrees for call in tried)
    if agreeing:
        return wrong(
            "some inputs",
            f"Right on {agreeing} of {len(tried)} hidden inputs, wrong on {bad.case.about}.",
            f"Try it on such an input yourself: {described(bad.case.arguments)}.",
        )
    found = _multiple(bad.case.about, which, mine, theirs, rtol, atol)
    if found is None and turned and mine.size > 1:
        found = _transposed(which)
    return found or _other(bad.case.about, which, mine, theirs)


def _transposed(which: str) -> Feedback:
    return wrong(
        "transposed",
        f"The numbers are right, but {which} is transposed.",
        "Which axis counts the batch? It comes first in this course.",
    )


def _shape(case: Case, which: str, mine: np.ndarray, theirs: np.ndarray) -> Feedback:
    return wrong(
        "shape",
        f"For {described(case.arguments)}, {which} has shape {mine.shape}, not {theirs.shape}.",
        "Which axis should disappear, and which should stay? Look at every `axis=`.",
    )


def _multiple(
    about: str, which: str, mine: np.ndarray, theirs: np.ndarray, rtol: float, atol: float
) -> Feedback | None:
    """Feedback if all numbers are the right ones times one factor, -1 for example."""
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
            f"On {about}, {which} is {ratio:.4g} times what it should be, everywhere.",
            "A factor is missing or too much: a ½, a count, a width?",
        )
    return None


def _other(about: str, which: str, mine: np.ndarray, theirs: np.ndarray) -> Feedback:
    worst = np.unravel_index(np.argmax(np.abs(mine - theirs)), mine.shape)
    return wrong(
        "another function",
        f"On {about}, {which} is off: {mine[worst]:.4g} where {theirs[worst]:.4g} was wanted.",
        "Take the smallest input that you can do by hand, and compare line by line.",
    )
