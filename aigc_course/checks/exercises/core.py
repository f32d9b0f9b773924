"""Exercises on chapter 2, the core concepts: fit, sample, score.

What right answers are, and what each mistake gives; its words are in workbook/exercises/core.yml.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from aigc_course.checks.answers import Case
from aigc_course.checks.graders import Grader, function, number


def _bar_of(values: np.ndarray, bars: int) -> np.ndarray:
    """The bar that each value from 0 to 1 falls into; 1 itself belongs to the last."""
    return np.minimum((np.asarray(values) * bars).astype(int), bars - 1)


def _fit(values: np.ndarray, bars: int, smoothing: float = 0.1) -> np.ndarray:
    """Heights of equally wide bars on 0 to 1; their area is 1."""
    counts = np.bincount(_bar_of(values, bars), minlength=bars) + smoothing
    return counts / counts.sum() * bars


def _score(values: np.ndarray, heights: np.ndarray) -> float:
    """The mean log density of the values under a histogram, nats."""
    return np.log(heights[_bar_of(values, len(heights))]).mean()


def _histograms() -> list[Case]:
    rng = np.random.default_rng([2, 2])
    return [
        Case((rng.random(30), _fit(rng.random(50), 4)), "4 bars"),
        Case((rng.beta(2, 5, 80), _fit(rng.beta(2, 5, 50), 10)), "10 bars"),
        Case((np.array([0.0, 1.0, 0.5]), _fit(rng.random(20), 5)), "the values 0 and 1"),
        Case((np.array([0.3]), np.array([1.0])), "one bar, the uniform density"),
    ]


def _best_bars(train: np.ndarray, held: np.ndarray, candidates: list) -> int:
    """The number of bars that held-out data prefer."""
    scores = [_score(held, _fit(train, bars)) for bars in candidates]
    return candidates[int(np.argmax(scores))]


def _choices() -> list[Case]:
    rng = np.random.default_rng([2, 4])
    candidates = [3, 10, 40, 200]
    even = (np.arange(400) + 0.5) / 400
    return [
        # Here the training data want few bars, and the held-out data, if fitted, many.
        Case((even, rng.beta(30, 90, 900), candidates), "evenly spread training values"),
        Case((rng.beta(5, 20, 300), rng.beta(5, 20, 900), candidates), "300 values"),
        Case((rng.beta(2, 2, 40), rng.beta(2, 2, 900), candidates), "40 values"),
        Case((rng.beta(30, 90, 4000), rng.beta(30, 90, 900), candidates[::-1]), "4,000 values"),
    ]


def _bigram(text: str, alphabet: str) -> np.ndarray:
    """p(next | last) of order 1 that falls back on order 0; rows are the last character."""
    of = {c: i for i, c in enumerate(alphabet)}
    single, pairs = np.zeros(len(alphabet)), np.zeros((len(alphabet), len(alphabet)))
    for c in text:
        single[of[c]] += 1
    for a, b in pairwise(text):
        pairs[of[a], of[b]] += 1
    lower = single / single.sum()
    return (pairs + 2 * lower) / (pairs.sum(axis=1, keepdims=True) + 2)


def _texts() -> list[Case]:
    return [
        Case(("abracadabra", "abcdr"), "the text 'abracadabra'"),
        Case(("aabbbbabab" * 3, "ab"), "an alphabet of two"),
        Case(("banana", "abnz"), "a character that never occurs"),
    ]


def _bigram_by(change):
    """`_bigram` with another rule from counts to probabilities."""

    def mistaken(text, alphabet):
        of = {c: i for i, c in enumerate(alphabet)}
        codes = np.array([of[c] for c in text])
        pairs = np.zeros((len(alphabet), len(alphabet)))
        np.add.at(pairs, (codes[:-1], codes[1:]), 1)
        return change(pairs, np.bincount(codes, minlength=len(alphabet)) / len(codes))

    return mistaken


def _responsibilities(x, weights, means, sds) -> np.ndarray:
    """p(component | x) of a one-dimensional mixture, shape (N, K)."""
    density = weights / sds * np.exp(-0.5 * ((x[:, None] - means) / sds) ** 2)
    return density / density.sum(axis=1, keepdims=True)


def _mixtures() -> list[Case]:
    rng = np.random.default_rng([2, 8])
    three = np.array([0.5, 0.3, 0.2]), np.array([-1.0, 0.0, 2.0]), np.array([0.5, 1.0, 2.0])
    two = np.array([0.9, 0.1]), np.array([0.0, 0.5]), np.array([1.0, 0.3])
    return [
        Case((rng.normal(size=6), *three), "three components"),
        Case((rng.normal(size=2), *two), "two components"),
    ]


def _reweighted(log_p: np.ndarray, weights: np.ndarray, rounds: int) -> np.ndarray:
    """Mixture weights after some rounds of EM that leave the components as they are."""
    for _ in range(rounds):
        joint = log_p + np.log(weights)
        share = np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None])
        weights = share.mean(axis=0)
    return weights


def _pools() -> list[Case]:
    rng = np.random.default_rng([2, 9])
    return [
        Case((rng.normal(-2, 1.5, (12, 3)), np.array([0.2, 0.5, 0.3]), 4), "three hills"),
        Case((rng.normal(-40, 3, (30, 5)), np.full(5, 0.2), 10), "five hills, far away"),
        Case((rng.normal(-900, 3, (8, 2)), np.array([0.6, 0.4]), 1), "densities of exp(-900)"),
    ]


def _hard(log_p, weights, rounds):
    for _ in range(rounds):
        best = (log_p + np.log(weights)).argmax(axis=1)
        weights = np.bincount(best, minlength=len(weights)) / len(best)
    return weights


GRADERS: dict[str, Grader] = {
    "core-01": number(
        4.1 / 5.4 * 4,
        {
            "probability for density": 4.1 / 5.4,
            "no smoothing": 4 / 5 * 4,
            "smoothing above only": 4.1 / 5 * 4,
            "divided by the bars": 4.1 / 5.4 / 4,
            "smoothed once": 4.1 / 5.1 * 4,
        },
        rtol=0.002,
    ),
    "core-02": function(
        _score,
        _histograms,
        {
            "probability for density": lambda v, h: _score(v, h) - np.log(len(h)),
            "sum for mean": lambda v, h: _score(v, h) * len(v),
            "mean before the logarithm": lambda v, h: np.log(h[_bar_of(v, len(h))].mean()),
            "sign": lambda v, h: -_score(v, h),
            "base 2": lambda v, h: _score(v, h) / np.log(2),
        },
    ),
    "core-03": number(
        0.682 - np.log(100),
        {
            "wrong direction": 0.682 + np.log(100),
            "unchanged": 0.682,
            "density divided, not its logarithm": 0.682 / 100,
            "decimal logarithm": 0.682 - 2,
            "another unit": 0.682 - np.log(255),
        },
    ),
    "core-04": function(
        _best_bars,
        _choices,
        {
            "as given": lambda t, h, c: c[int(np.argmax([_score(t, _fit(t, b)) for b in c]))],
            "fitted on the held-out data": lambda t, h, c: c[
                int(np.argmax([_score(h, _fit(h, b)) for b in c]))
            ],
            "worst for best": lambda t, h, c: c[int(np.argmin([_score(h, _fit(t, b)) for b in c]))],
            "position for number": lambda t, h, c: int(
                np.argmax([_score(h, _fit(t, b)) for b in c])
            ),
            "roles exchanged": lambda t, h, c: c[
                int(np.argmax([_score(t, _fit(h, b)) for b in c]))
            ],
        },
    ),
    "core-05": number(
        np.log(40),
        {
            "decimal logarithm": np.log10(40),
            "sign": -np.log(40),
            "weighted by the share": np.log(40) / 40,
            "the chapter's ten classes": np.log(10),
        },
        unit="nats",
    ),
    "core-06": number(
        2000 * 1.455 / np.log(2) / 8,
        {
            "nats for bits": 2000 * 1.455 / 8,
            "bits for bytes": 2000 * 1.455 / np.log(2),
            "wrong conversion": 2000 * 1.455 * np.log(2) / 8,
            "uniform": 2000 * np.log2(96) / 8,
        },
        rtol=0.01,
    ),
    "core-07": function(
        _bigram,
        _texts,
        {
            "transposed": lambda t, a: _bigram(t, a).T,
            "uniform below": _bigram_by(
                lambda pairs, p: (pairs + 2 / len(p)) / (pairs.sum(axis=1, keepdims=True) + 2)
            ),
            "no smoothing": _bigram_by(lambda pairs, p: pairs / pairs.sum(axis=1, keepdims=True)),
            "one imagined observation": _bigram_by(
                lambda pairs, p: (pairs + p) / (pairs.sum(axis=1, keepdims=True) + 1)
            ),
            "divided by the row above only": _bigram_by(
                lambda pairs, p: (pairs + 2 * p) / pairs.sum(axis=1, keepdims=True)
            ),
            "joint for conditional": _bigram_by(
                lambda pairs, p: (pairs + 2 * p) / (pairs + 2 * p).sum()
            ),
        },
    ),
    "core-08": function(
        _responsibilities,
        _mixtures,
        {
            "weights forgotten": lambda x, w, m, s: _responsibilities(x, np.ones_like(w), m, s),
            "constant forgotten": lambda x, w, m, s: _responsibilities(x, w * s, m, s),
            "normalised over the points": lambda x, w, m, s: (
                (w / s * np.exp(-0.5 * ((x[:, None] - m) / s) ** 2))
                / (w / s * np.exp(-0.5 * ((x[:, None] - m) / s) ** 2)).sum(axis=0)
            ),
            "variance for sd": lambda x, w, m, s: _responsibilities(x, w, m, np.sqrt(s)),
            "no half": lambda x, w, m, s: _responsibilities(x, w * np.sqrt(2), m, s / np.sqrt(2)),
            "not normalised": lambda x, w, m, s: (
                w / s * np.exp(-0.5 * ((x[:, None] - m) / s) ** 2) / np.sqrt(2 * np.pi)
            ),
        },
    ),
    "core-09": function(
        _reweighted,
        _pools,
        {
            "hard assignment": _hard,
            "old weights ignored": lambda p, w, r: _reweighted(p, np.full_like(w, 1 / len(w)), r),
            "weights not renewed": lambda p, w, r: _reweighted(p, w, 1),
            "sum for mean": lambda p, w, r: _reweighted(p, w, r) * len(p),
            "underflow": lambda p, w, r: _plain(p, w, r),
        },
    ),
}


def _plain(log_p, weights, rounds):
    for _ in range(rounds):
        joint = np.exp(log_p) * weights
        weights = (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0)
    return weights
