"""Exercises on chapter 3, the families of generative models.

What right answers are, and what each mistake gives; its words are in workbook/exercises/alg.yml.
"""

from __future__ import annotations

import numpy as np

from aigc_course.checks.answers import Case
from aigc_course.checks.graders import Grader, function, number, several

_ENTROPY_OF_CHOICE = -(0.5 * np.log(0.5) + 0.3 * np.log(0.3) + 0.2 * np.log(0.2))
_ENTROPY_OF_ISLAND = np.log(2 * np.pi * np.e * 0.2**2)


def _table_score(table, first, second, width) -> np.ndarray:
    """log p(x1, x2) of points in bars, from probabilities of shape (K + 1, K)."""
    return np.log(table[-1, first]) + np.log(table[first, second]) - 2 * np.log(width)


def _tables() -> list[Case]:
    rng = np.random.default_rng([3, 3])
    cases = []
    for bars, points, width in ((4, 6, 0.5), (7, 3, 0.05), (3, 9, 1.0)):
        table = rng.dirichlet(np.ones(bars), bars + 1)
        first, second = rng.integers(0, bars, (2, points))
        about = f"{bars} bars of width {width}"
        cases.append(Case((table, first, second, width), about))
    return cases


def _flow_pair(noise, x, t) -> tuple:
    """Where a straight line from noise to x is at time t, and its direction."""
    return (1 - t) * noise + t * x, x - noise


def _pairs() -> list[Case]:
    rng = np.random.default_rng([3, 5])
    cases = [(rng.normal(size=(n, d)), rng.normal(size=(n, d)), rng.random((n, 1))) for n, d in
             ((5, 2), (3, 7))]  # fmt: skip
    ends = (np.ones((2, 2)), np.full((2, 2), 3.0), np.array([[0.0], [1.0]]))
    return [*(Case(c) for c in cases), Case(ends, "the two ends, t = 0 and t = 1")]


def _heun(velocity, x, start, end) -> np.ndarray:
    """One step of Heun's method."""
    first = velocity(x, start)
    second = velocity(x + (end - start) * first, end)
    return x + (end - start) * (first + second) / 2


def _winds() -> list[Case]:
    x = np.random.default_rng([3, 6]).normal(size=(4, 2))
    return [
        Case((lambda x, t: -x + 3 * t, x, 0.2, 0.5), "a wind that changes with place and time"),
        Case((lambda x, t: np.sin(x) * (1 + t), x, 0.0, 0.25), "a curved wind"),
        Case((lambda x, t: np.cos(5 * t) + 0 * x, x, 1.0, 0.9), "a step backwards in time"),
    ]


def _softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)) without overflow."""
    return np.logaddexp(0, x)


def _gan_losses(real, fake) -> tuple:
    """The critic's and the generator's loss, non-saturating; nats."""
    return np.mean(_softplus(-real)) + np.mean(_softplus(fake)), np.mean(_softplus(-fake))


def _logits() -> list[Case]:
    rng = np.random.default_rng([3, 7])
    return [
        Case((rng.normal(1, 2, 9), rng.normal(-1, 2, 9)), "a batch of 9"),
        Case((rng.normal(size=5), rng.normal(size=12)), "batches of 5 and 12"),
        Case((np.array([900.0, -2.0]), np.array([-900.0, 1000.0])), "logits of ±1000"),
    ]


def _weight_error(x, centres, weights) -> float:
    """The largest difference between an island's share of the points and its weight."""
    nearest = np.linalg.norm(x[:, None] - centres, axis=-1).argmin(axis=1)
    return np.abs(np.bincount(nearest, minlength=len(weights)) / len(x) - weights).max()


def _points() -> list[Case]:
    rng = np.random.default_rng([3, 8])
    centres, weights = rng.normal(size=(4, 2)) * 3, np.array([0.4, 0.3, 0.2, 0.1])
    few = centres[rng.choice(4, 50, p=[0.7, 0.1, 0.1, 0.1])] + rng.normal(size=(50, 2)) * 0.1
    return [
        Case((rng.normal(size=(200, 2)) * 3, centres, weights), "200 points in the sea"),
        Case((few, centres, weights), "an island that is visited too often"),
        Case((centres[1:].repeat(5, axis=0), centres, weights), "an island that no point visits"),
    ]


def _shares(x, centres) -> np.ndarray:
    nearest = np.linalg.norm(x[:, None] - centres, axis=-1).argmin(axis=1)
    return np.bincount(nearest, minlength=len(centres)) / len(x)


def _gaussian_velocity(place, t, mean, sd) -> np.ndarray:
    """E[x - n | x_t] for data N(mean, sd**2) and standard normal noise."""
    covariance, variance = t * sd**2 - (1 - t), t**2 * sd**2 + (1 - t) ** 2
    return mean + covariance / variance * (place - t * mean)


def _places() -> list[Case]:
    places = np.linspace(-2, 3, 5)
    return [
        Case((places, 0.3, 1.0, 0.5), "t = 0.3"),
        Case((places, 0.8, -2.0, 2.0), "t = 0.8, wide data"),
        Case((places, 0.0, 1.5, 0.7), "t = 0, where the place is noise"),
        Case((places, 1.0, 1.5, 0.7), "t = 1, where the place is data"),
    ]


def _passes(value: int, mistakes: dict[str, float]) -> Grader:
    return number(value, mistakes, rtol=1e-9)


GRADERS: dict[str, Grader] = {
    "alg-01": several(
        {
            "autoregressive": _passes(
                3072, {"channels forgotten": 1024, "training for sampling": 1}
            ),
            "vae": _passes(1, {"encoder counted": 2}),
            "flow": _passes(50, {"one pass a step": 25, "a pass a number": 50 * 3072}),
            "gan": _passes(1, {"critic counted": 2}),
        }
    ),
    "alg-02": number(
        -(_ENTROPY_OF_CHOICE + _ENTROPY_OF_ISLAND),
        {
            "sign": _ENTROPY_OF_CHOICE + _ENTROPY_OF_ISLAND,
            "one dimension": -(_ENTROPY_OF_CHOICE + _ENTROPY_OF_ISLAND / 2),
            "choice forgotten": -_ENTROPY_OF_ISLAND,
            "island forgotten": -_ENTROPY_OF_CHOICE,
            "sd for variance": -(_ENTROPY_OF_CHOICE + np.log(2 * np.pi * np.e * 0.2)),
        },
        unit="nats",
    ),
    "alg-03": function(
        _table_score,
        _tables,
        {
            "no width": lambda t, a, b, w: np.log(t[-1, a]) + np.log(t[a, b]),
            "one width": lambda t, a, b, w: np.log(t[-1, a]) + np.log(t[a, b]) - np.log(w),
            "independent": lambda t, a, b, w: np.log(t[-1, a]) + np.log(t[-1, b]) - 2 * np.log(w),
            "order reversed": lambda t, a, b, w: np.log(t[-1, b]) + np.log(t[b, a]) - 2 * np.log(w),
            "conditional transposed": lambda t, a, b, w: (
                np.log(t[-1, a]) + np.log(t[b, a]) - 2 * np.log(w)
            ),
            "width added": lambda t, a, b, w: np.log(t[-1, a]) + np.log(t[a, b]) + 2 * np.log(w),
        },
    ),
    "alg-04": number(
        -np.log(0.8),
        {
            "the share itself": -np.log(0.2),
            "share for nats": 0.2,
            "decimal logarithm": -np.log10(0.8),
            "sign": np.log(0.8),
        },
        unit="nats",
    ),
    "alg-05": function(
        _flow_pair,
        _pairs,
        {
            "as given": lambda n, x, t: ((1 - t) * n + t * x, n - x),
            "place turned round": lambda n, x, t: (t * n + (1 - t) * x, n - x),
            "the end for the direction": lambda n, x, t: ((1 - t) * n + t * x, x),
            "direction to go": lambda n, x, t: ((1 - t) * n + t * x, x - ((1 - t) * n + t * x)),
            "turned twice": lambda n, x, t: (t * n + (1 - t) * x, x - n),
        },
    ),
    "alg-06": function(
        _heun,
        _winds,
        {
            "Euler": lambda v, x, a, b: x + (b - a) * v(x, a),
            "midpoint": lambda v, x, a, b: x + (b - a) * v(x + (b - a) / 2 * v(x, a), (a + b) / 2),
            "time of the second look": lambda v, x, a, b: (
                x + (b - a) * (v(x, a) + v(x + (b - a) * v(x, a), a)) / 2
            ),
            "place of the second look": lambda v, x, a, b: x + (b - a) * (v(x, a) + v(x, b)) / 2,
            "sum for mean": lambda v, x, a, b: (
                x + (b - a) * (v(x, a) + v(x + (b - a) * v(x, a), b))
            ),
            "second only": lambda v, x, a, b: x + (b - a) * v(x + (b - a) * v(x, a), b),
        },
    ),
    "alg-07": function(
        _gan_losses,
        _logits,
        {
            "roles exchanged": lambda r, f: (
                np.mean(_softplus(r)) + np.mean(_softplus(-f)),
                np.mean(_softplus(f)),
            ),
            "saturating": lambda r, f: (_gan_losses(r, f)[0], -np.mean(_softplus(f))),
            "sum for mean": lambda r, f: (
                np.sum(_softplus(-r)) + np.sum(_softplus(f)),
                np.sum(_softplus(-f)),
            ),
            "averaged together": lambda r, f: (
                np.mean(np.concatenate([_softplus(-r), _softplus(f)])),
                np.mean(_softplus(-f)),
            ),
            "overflow": lambda r, f: (
                np.mean(np.log1p(np.exp(-r))) + np.mean(np.log1p(np.exp(f))),
                np.mean(np.log1p(np.exp(-f))),
            ),
        },
    ),
    "alg-08": function(
        _weight_error,
        _points,
        {
            "mean for largest": lambda x, c, w: np.abs(_shares(x, c) - w).mean(),
            "signed": lambda x, c, w: (_shares(x, c) - w).max(),
            "counts for shares": lambda x, c, w: np.abs(_shares(x, c) * len(x) - w).max(),
            "squares": lambda x, c, w: np.square(_shares(x, c) - w).max(),
            "farthest island": lambda x, c, w: np.abs(
                np.bincount(
                    np.linalg.norm(x[:, None] - c, axis=-1).argmax(axis=1), minlength=len(w)
                )
                / len(x)
                - w
            ).max(),
        },
    ),
    "alg-09": function(
        _gaussian_velocity,
        _places,
        {
            "not conditioned": lambda x, t, m, s: m + 0 * x,
            "noise forgotten": lambda x, t, m, s: (
                m + t * s**2 / (t**2 * s**2 + (1 - t) ** 2) * (x - t * m)
            ),
            "sign of the noise": lambda x, t, m, s: (
                m + (t * s**2 + (1 - t)) / (t**2 * s**2 + (1 - t) ** 2) * (x - t * m)
            ),
            "not centred": lambda x, t, m, s: (
                m + (t * s**2 - (1 - t)) / (t**2 * s**2 + (1 - t) ** 2) * x
            ),
            "sd for variance": lambda x, t, m, s: _gaussian_velocity(x, t, m, np.sqrt(s)),
            "factors not squared": lambda x, t, m, s: (
                m + (t * s**2 - (1 - t)) / (t * s**2 + (1 - t)) * (x - t * m)
            ),
        },
    ),
}
