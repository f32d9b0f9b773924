"""What an item earns, reviewed or not, and from which acceptance on (chapters 1 and 8).

Amounts are coins of any currency, shares are 0 to 1, and all may be arrays that fit together.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def profit(accept, missed, wrongly, repaired, value, generate, review, rework, error):
    """Expected profit of one generated item that a person reviews, in coins.

    Args:
        accept: the probability that the item is good.
        missed, wrongly: that a reviewer lets a bad one pass, or stops a good one.
        repaired: that a stopped item can be mended; it is tried only where that pays.
        value: of a good item: what it brings, or what making it by hand costs, whichever is less.
        generate, review, rework: what each of these costs.
        error: what a bad item costs that slips through.
    """
    stopped = accept * wrongly + (1 - accept) * (1 - missed)
    passed = accept * (1 - wrongly) * value - (1 - accept) * missed * error
    return passed + stopped * np.maximum(repaired * value - rework, 0) - generate - review


def unread(accept, value, generate, error, **_):
    """Expected profit of one item that is published without review; the rest is not asked for."""
    return accept * value - (1 - accept) * error - generate


def crossing(line: Callable):
    """Where a function that is a straight line in the acceptance is zero."""
    return line(0) / (line(0) - line(1))


def thresholds(world: dict) -> tuple:
    """Acceptances at which the best choice changes.

    Args:
        world: the arguments of `profit`; its acceptance is not used.

    Returns:
        Where review breaks even, where reading stops paying, where unread breaks even.
    """
    read, blind = (lambda p, f=f: f(**{**world, "accept": p}) for f in (profit, unread))
    return crossing(read), crossing(lambda p: read(p) - blind(p)), crossing(blind)


def break_even_by_minutes(review_minutes, alternative_minutes, rework_minutes=None):
    """The acceptance from which generation and review save time.

    The alternative is what the user does today: its minutes are what a good item is worth. Whoever
    reviews is taken to notice what is bad, and a bad item is done by hand or mended.

    Args:
        review_minutes: to read one and decide.
        alternative_minutes: to make one without generation.
        rework_minutes: to mend a bad one; None if it is thrown away.

    Raises:
        ValueError: if a time is negative, or the alternative takes none.
    """
    times = (review_minutes, alternative_minutes, 0 if rework_minutes is None else rework_minutes)
    if min(map(np.min, times)) < 0 or np.min(alternative_minutes) <= 0:
        raise ValueError(
            f"The minutes are {review_minutes}, {alternative_minutes} and {rework_minutes}: give "
            f"0 or more, and more than 0 for what is done today."
        )
    world = {
        "missed": 0.0, "wrongly": 0.0, "generate": 0.0, "error": 0.0,
        "repaired": 0.0 if rework_minutes is None else 1.0,
        "value": alternative_minutes, "review": review_minutes,
        "rework": alternative_minutes if rework_minutes is None else rework_minutes,
    }  # fmt: skip
    return crossing(lambda accept: profit(accept, **world))
