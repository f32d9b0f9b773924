"""Exercises on chapter 5.3, generating images.

What right answers are, and what each mistake gives; its words are in workbook/exercises/gen.yml.
"""

from __future__ import annotations

import numpy as np

from aigc_course.checks.answers import Case
from aigc_course.checks.graders import Grader, function, number


def _frechet(a: np.ndarray, b: np.ndarray) -> float:
    """The Fréchet distance of two sets of features, shape (N, d)."""
    cov_a, cov_b = np.atleast_2d(np.cov(a.T)), np.atleast_2d(np.cov(b.T))
    roots = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).real.clip(min=0)).sum()
    means = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    return means + np.trace(cov_a) + np.trace(cov_b) - 2 * roots


def _features() -> list[Case]:
    rng = np.random.default_rng([53, 3])
    mix = rng.normal(size=(4, 4))
    a, b = rng.normal(size=(200, 4)) @ mix, rng.normal(size=(150, 4)) + 0.5
    return [
        Case((a, b), "slanted features"),
        Case((b, b + np.array([1.0, 2.0, 2.0, 0.0])), "the same points, shifted"),
        Case((rng.normal(size=(80, 2)) * 3, rng.normal(size=(90, 2))), "wide and narrow"),
    ]


def _frechet_by(change):
    """`_frechet` with another rule from means and covariances to the distance."""

    def mistaken(a, b):
        gap = a.mean(axis=0) - b.mean(axis=0)
        cov_a, cov_b = np.cov(a.T), np.cov(b.T)
        roots = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).real.clip(min=0)).sum()
        return change(gap @ gap, np.trace(cov_a) + np.trace(cov_b), roots, cov_a, cov_b)

    return mistaken


def _slerp(a, b, t) -> np.ndarray:
    """Spherical interpolation between two latents, shape (d,)."""
    cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    omega = np.arccos(cosine)
    return (np.sin((1 - t) * omega) * a + np.sin(t * omega) * b) / np.sin(omega)


def _ends() -> list[Case]:
    rng = np.random.default_rng([53, 4])
    return [
        Case((rng.normal(size=8), 2 * rng.normal(size=8), 0.3), "ends of different length"),
        Case((rng.normal(size=32), rng.normal(size=32), 0.5), "half-way in 32 dimensions"),
        Case((np.array([3.0, 0.0]), np.array([0.0, 3.0]), 0.25), "a quarter of a right angle"),
    ]


def _direction(z, labels, plus, minus) -> np.ndarray:
    """The mean latent of one class minus that of another, shape (d,)."""
    return z[labels == plus].mean(axis=0) - z[labels == minus].mean(axis=0)


def _latents() -> list[Case]:
    rng = np.random.default_rng([53, 5])
    labels = rng.integers(0, 4, 60)
    z = rng.normal(size=(60, 5)) + labels[:, None] * np.array([1.0, 0, -0.5, 0, 2])
    few = np.array([0, 0, 1, 2, 2, 2]), rng.normal(size=(6, 3))
    return [
        Case((z, labels, 2, 0), "four classes"),
        Case((z, labels, 1, 3), "other classes"),
        Case((few[1], few[0], 2, 1), "a class with a single image"),
    ]


def _kinds(labels: np.ndarray) -> float:
    """The effective number of classes: e to the entropy of their frequencies."""
    shares = np.bincount(labels) / len(labels)
    shares = shares[shares > 0]
    return np.exp(-np.sum(shares * np.log(shares)))


def _labels() -> list[Case]:
    rng = np.random.default_rng([53, 6])
    return [
        Case((rng.choice(10, 500, p=np.arange(1, 11) / 55),), "ten classes"),
        Case((np.repeat([1, 4, 7], [50, 30, 20]),), "classes that do not occur"),
        Case((np.full(12, 3),), "a single class"),
        Case((np.arange(40) % 8,), "eight equal classes"),
    ]


def _psnr(originals: np.ndarray, images: np.ndarray) -> float:
    """The mean over images of the peak signal-to-noise ratio, decibels."""
    errors = np.square(originals - images).reshape(len(images), -1).mean(axis=1)
    return np.mean(-10 * np.log10(errors))


def _pictures() -> list[Case]:
    rng = np.random.default_rng([53, 8])
    clean = rng.random((6, 5, 5))
    noise = rng.normal(size=clean.shape) * np.linspace(0.01, 0.4, 6)[:, None, None]
    return [
        Case((clean, clean + noise), "images with little and with much noise"),
        Case((clean[:1], clean[:1] + 0.1), "one image, off by 0.1 everywhere"),
        Case((clean[:3], np.zeros((3, 5, 5))), "black pictures"),
    ]


def _best_of_each(scores, labels, keep) -> np.ndarray:
    """Positions of the ``keep`` best of each class, classes in order, best first."""
    chosen = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        chosen.append(members[np.argsort(-scores[members])][:keep])
    return np.concatenate(chosen)


def _scores() -> list[Case]:
    rng = np.random.default_rng([53, 9])
    labels = rng.integers(0, 3, 30)
    skewed = np.repeat([0, 1], [20, 4])
    scores = rng.permutation(24) + np.where(skewed == 0, 100.0, 0.0)
    return [
        Case((rng.random(30), labels, 4), "three classes"),
        Case((scores, skewed, 3), "a class whose images all score higher"),
        Case((rng.random(12), np.arange(12) % 4, 1), "one of each class"),
    ]


def _each(pick):
    """Positions chosen class by class by ``pick`` (members, scores)."""

    def mistaken(scores, labels, keep):
        parts = []
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            parts.append(pick(members, scores[members])[:keep])
        return np.concatenate(parts)

    return mistaken


GRADERS: dict[str, Grader] = {
    "gen-01": number(
        10.0,
        {
            "variances for sds": 9 + (4 - 9) ** 2,
            "mean not squared": 4.0,
            "cross term forgotten": 9 + 4 + 9,
            "root": np.sqrt(10),
            "cross term once": 9 + 4 + 9 - 6,
            "means only": 9.0,
        },
        rtol=0.001,
    ),
    "gen-02": number(
        0.3 * np.sqrt(32),
        {
            "squared length": 0.09 * 32,
            "temperature forgotten": np.sqrt(32),
            "dimensions added": 0.3 * 32,
            "one dimension": 0.3,
            "temperature squared": 0.09 * np.sqrt(32),
        },
        rtol=0.02,  # the mean length is 0.8 % below the root of the mean square
    ),
    "gen-03": function(
        _frechet,
        _features,
        {
            "means only": _frechet_by(lambda gap, spread, roots, ca, cb: gap),
            "no cross term": _frechet_by(lambda gap, spread, roots, ca, cb: gap + spread),
            "cross term once": _frechet_by(lambda gap, spread, roots, ca, cb: gap + spread - roots),
            "root element by element": _frechet_by(
                lambda gap, spread, roots, ca, cb: (
                    gap + spread - 2 * np.trace(np.sqrt(np.abs(ca @ cb)))
                )
            ),
            "entrywise product": _frechet_by(
                lambda gap, spread, roots, ca, cb: (
                    gap + spread - 2 * np.sqrt(np.linalg.eigvals(ca * cb).real.clip(min=0)).sum()
                )
            ),
            "mean not squared": _frechet_by(
                lambda gap, spread, roots, ca, cb: np.sqrt(gap) + spread - 2 * roots
            ),
            "diagonal only": lambda a, b: (
                np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
                + np.sum((a.std(axis=0, ddof=1) - b.std(axis=0, ddof=1)) ** 2)
            ),
        },
    ),
    "gen-04": function(
        _slerp,
        _ends,
        {
            "straight line": lambda a, b, t: (1 - t) * a + t * b,
            "lengths not divided out": lambda a, b, t: _slerp_with(np.arccos(a @ b), a, b, t),
            "turned round": lambda a, b, t: _slerp(b, a, t),
            "not divided by the sine": lambda a, b, t: _slerp(a, b, t) * np.sin(_angle(a, b)),
            "on the unit sphere": lambda a, b, t: _slerp(
                a / np.linalg.norm(a), b / np.linalg.norm(b), t
            ),
            "cosines for sines": lambda a, b, t: (
                (np.cos((1 - t) * _angle(a, b)) * a + np.cos(t * _angle(a, b)) * b)
                / np.sin(_angle(a, b))
            ),
        },
    ),
    "gen-05": function(
        _direction,
        _latents,
        {
            "as given": lambda z, y, p, m: z[y == p].mean(axis=0) - z.mean(axis=0),
            "turned round": lambda z, y, p, m: -_direction(z, y, p, m),
            "all but the class": lambda z, y, p, m: z[y == p].mean(axis=0) - z[y != p].mean(axis=0),
            "one number": lambda z, y, p, m: z[y == p].mean() - z[y == m].mean(),
            "sum for mean": lambda z, y, p, m: z[y == p].sum(axis=0) - z[y == m].sum(axis=0),
            "unit length": lambda z, y, p, m: (
                _direction(z, y, p, m) / np.linalg.norm(_direction(z, y, p, m))
            ),
        },
    ),
    "gen-06": function(
        _kinds,
        _labels,
        {
            "entropy": lambda y: np.log(_kinds(y)),
            "bases mixed": lambda y: 2 ** np.log(_kinds(y)),
            "classes counted": lambda y: len(np.unique(y)),
            "Simpson": lambda y: 1 / np.sum((np.bincount(y) / len(y)) ** 2),
            "0 log 0": lambda y: np.exp(
                -np.sum(np.bincount(y) / len(y) * np.log(np.bincount(y) / len(y)))
            ),
            "sign": lambda y: 1 / _kinds(y),
        },
    ),
    "gen-07": number(
        100 * np.exp(-1.2),
        {
            "the holes": 100 * (1 - np.exp(-1.2)),
            "share for percent": np.exp(-1.2),
            "base 2": 100 * 2**-1.2,
            "draws for one": np.exp(1.2),
        },
    ),
    "gen-08": function(
        _psnr,
        _pictures,
        {
            "pooled error": lambda a, b: -10 * np.log10(np.mean((a - b) ** 2)),
            "20 for 10": lambda a, b: 2 * _psnr(a, b),
            "natural logarithm": lambda a, b: _psnr(a, b) * np.log(10),
            "sign": lambda a, b: -_psnr(a, b),
            "sum of squares": lambda a, b: _psnr(a, b) - 10 * np.log10(a[0].size),
            "absolute error": lambda a, b: np.mean(
                -10 * np.log10(np.abs(a - b).reshape(len(a), -1).mean(axis=1))
            ),
        },
    ),
    "gen-09": function(
        _best_of_each,
        _scores,
        {
            "best of all": lambda s, y, k: np.argsort(-s)[: k * len(np.unique(y))],
            "worst first": _each(lambda members, s: members[np.argsort(s)]),
            "positions within the class": _each(lambda members, s: np.argsort(-s)),
            "first of each class": _each(lambda members, s: members),
            "best last": lambda s, y, k: np.concatenate(
                [m[np.argsort(s[m])][-k:] for m in (np.flatnonzero(y == c) for c in np.unique(y))]
            ),
        },
    ),
}


def _angle(a, b) -> float:
    return np.arccos(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def _slerp_with(omega, a, b, t) -> np.ndarray:
    return (np.sin((1 - t) * omega) * a + np.sin(t * omega) * b) / np.sin(omega)
