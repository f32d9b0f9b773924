"""Intervals and tests for verdicts: of a share, of a mean, of a difference over the same requests.

Requests are what is drawn at random. Sixteen drafts for one request are no sixteen witnesses, so
items are averaged for each request first, and what is left is spread over requests.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval.

    Attributes:
        estimate: of a share, a mean or a difference.
        low, high: the ends; infinite where one request shows no spread.
        number: of requests, or of items where each is a request of its own.
        of: how it was computed, such as ``"Wilson"``.
    """

    estimate: float
    low: float
    high: float
    number: int
    of: str

    @property
    def half_width(self) -> float:
        """Half of the interval."""
        return (self.high - self.low) / 2


def share_interval(successes: int, number: int, level: float = LEVEL) -> Interval:
    """Of a share of independent items: Wilson's, or the exact one where all or none succeeded.

    Raises:
        ValueError: if there is no item, or the counts do not fit.
    """
    from scipy import stats

    if not 0 <= successes <= number or number < 1:
        raise ValueError(f"{successes} of {number} is no share: give 0 to NUMBER of at least 1.")
    method = "exact" if successes in (0, number) else "wilson"
    low, high = stats.binomtest(successes, number).proportion_ci(level, method)
    return Interval(successes / number, float(low), float(high), number, method.capitalize())


def mean_interval(by_request: Mapping[str, Sequence[float]], level: float = LEVEL) -> Interval:
    """Of the mean over requests, each the mean of its items: Student's.

    Raises:
        ValueError: if there is no item.
    """
    from scipy import stats

    means = np.array([np.mean(values) for values in by_request.values() if len(values)])
    number = len(means)
    if not number:
        raise ValueError("There are no items to take a mean of: measure some first.")
    estimate = float(means.mean())
    if number == 1:
        return Interval(estimate, -math.inf, math.inf, 1, "Student")
    error = float(means.std(ddof=1)) / math.sqrt(number)
    half = float(stats.t.ppf((1 + level) / 2, number - 1)) * error
    return Interval(estimate, estimate - half, estimate + half, number, "Student")


def share_of_requests(by_request: Mapping[str, Sequence[float]], level: float = LEVEL) -> Interval:
    """Of a share: of items that are yes or no (1 or 0), or of shares within items.

    With one yes or no a request, or all items alike, it is that of independent items, by requests:
    where nothing ever failed a spread of 0 would claim certainty.
    """
    values = [value for items in by_request.values() for value in items]
    alone = all(len(items) == 1 for items in by_request.values())
    if set(values) <= {0.0, 1.0} and (alone or len(set(values)) == 1):
        number = len(by_request)
        return share_interval(round(number * float(np.mean(values))), number, level)
    found = mean_interval(by_request, level)
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))


def differences(
    ours: Mapping[str, Sequence[float]], theirs: Mapping[str, Sequence[float]]
) -> dict[str, list[float]]:
    """For each request that both answered, the difference of the two means.

    Raises:
        ValueError: if one answered a request that the other did not: a comparison of different
            requests is none.
    """
    if missing := sorted(set(ours) ^ set(theirs)):
        raise ValueError(
            f"The request {missing[0]!r} was answered by one arm only (of {len(missing)} such): "
            f"measure both on the same requests."
        )
    return {name: [float(np.mean(ours[name]) - np.mean(theirs[name]))] for name in ours}


def p_above(interval_of: Mapping[str, Sequence[float]], threshold: float) -> float:
    """The one-sided p-value of a mean over requests being at most the threshold."""
    from scipy import stats

    means = np.array([np.mean(values) for values in interval_of.values()])
    if len(means) < 2:
        return 1.0
    if np.ptp(means) == 0:  # no spread: what is alike everywhere is taken at its word
        return 0.0 if means[0] > threshold else 1.0
    return float(stats.ttest_1samp(means, threshold, alternative="greater").pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the same order: no claim gains by being one of many."""
    order = np.argsort(p_values)
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted
