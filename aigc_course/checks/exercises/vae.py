"""Exercises on chapter 4, the mathematics of the VAE.

What right answers are, and what each mistake gives; its words are in workbook/exercises/vae.yml.
"""

from __future__ import annotations

import numpy as np

from aigc_course.checks.answers import Case
from aigc_course.checks.graders import Grader, function, number


def _latents(seed: int) -> list[Case]:
    """Means and log-variances: a batch, a single image, one latent, large log-variances."""
    rng = np.random.default_rng([4, seed])
    shapes = {"a batch": (5, 3), "one image without a batch axis": (4,), "one latent": (6, 1)}
    cases = [
        Case((rng.normal(size=shape), rng.normal(size=shape)), about)
        for about, shape in shapes.items()
    ]
    return [*cases, Case((np.zeros((2, 3)), np.full((2, 3), 3.0)), "means of 0, wide q")]


def _kl(mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """KL( N(mean, exp(log_var)) || N(0, I) ), summed over the last axis; nats."""
    return 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=-1)


def _samples() -> list[Case]:
    rng = np.random.default_rng([4, 4])
    arrays = [tuple(rng.normal(size=(3, *shape))) for shape in ((4,), (5, 2))]
    narrow = np.ones(3), np.full(3, -4.0), np.ones(3)
    return [*(Case(a) for a in arrays), Case(narrow, "narrow q")]


def _slopes() -> list[Case]:
    return [
        Case((np.random.default_rng([4, 5]).normal(size=7),)),
        Case((np.array([[-3.0, 0.5], [2.0, 1.0]]),), "a batch"),
    ]


def _bound(log_w: np.ndarray) -> np.ndarray:
    """log of the mean importance weight over the first axis, without overflow."""
    largest = log_w.max(axis=0)
    return largest + np.log(np.exp(log_w - largest).mean(axis=0))


def _log_weights() -> list[Case]:
    rng = np.random.default_rng([4, 7])
    return [
        Case((rng.normal(-2, 2, (10, 4)),), "10 draws for 4 images"),
        Case((rng.normal(-230, 5, (5, 3)),), "weights of real images, about exp(-230)"),
        Case((rng.normal(-900, 5, (6, 6)),), "weights of about exp(-900)"),
        Case((rng.normal(size=(1, 3)),), "a single draw"),
    ]


def _score_gradient(f, mean: float, log_var: float, eps: np.ndarray) -> tuple:
    """The score-function estimates of d/d mean and d/d log_var of E f(z)."""
    sigma = np.exp(0.5 * log_var)
    values = f(mean + sigma * eps)
    return np.mean(values * eps / sigma), np.mean(values * 0.5 * (eps**2 - 1))


def _estimates() -> list[Case]:
    rng = np.random.default_rng([4, 9])
    return [
        Case((np.square, 0.5, -1.0, rng.normal(size=40)), "f(z) = z squared"),
        Case((np.cos, -1.0, 0.8, rng.normal(size=40)), "f(z) = cos z"),
        Case((np.exp, 0.3, 0.0, rng.normal(size=9)), "q of variance 1"),
    ]


def _diagonal_gap(precision: np.ndarray) -> float:
    """What the best diagonal q leaves of log p(x), for a Gaussian posterior; nats."""
    return 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])


def _precisions() -> list[Case]:
    rng = np.random.default_rng([4, 8])
    weights = [rng.normal(size=shape) for shape in ((3, 2), (6, 4), (5, 1))]
    about = ("two latents", "four latents", "one latent, where no gap is left")
    return [Case((np.eye(w.shape[1]) + w.T @ w,), a) for w, a in zip(weights, about, strict=True)]


GRADERS: dict[str, Grader] = {
    "vae-01": number(
        1 / np.sqrt(5),
        {
            "variance for sd": 1 / 5,
            "no prior": 0.5,
            "noise not squared": 1 / np.sqrt(7),
            "precision": 5.0,
        },
    ),
    "vae-02": number(
        0.5 * (4 + 0.25 - 1 - np.log(0.25)),
        {
            "no half": 4 + 0.25 - 1 - np.log(0.25),
            "log sigma for log variance": 0.5 * (4 + 0.25 - 1 - np.log(0.5)),
            "sd for variance": 0.5 * (4 + 0.5 - 1 - np.log(0.5)),
            "sign of the logarithm": 0.5 * (4 + 0.25 - 1 + np.log(0.25)),
            "no minus one": 0.5 * (4 + 0.25 - np.log(0.25)),
        },
        unit="nats",
    ),
    "vae-03": function(
        _kl,
        lambda: _latents(3),
        {
            "mean for sum": lambda m, v: 0.5 * (m**2 + np.exp(v) - 1 - v).mean(axis=-1),
            "sign": lambda m, v: -_kl(m, v),
            "no half": lambda m, v: 2 * _kl(m, v),
            "log variance for variance": lambda m, v: (
                0.5 * (m**2 + v - 1 - np.log(np.abs(v))).sum(axis=-1)
            ),
            "log variance unlogged once": lambda m, v: 0.5 * (m**2 + v - 1 - v).sum(axis=-1),
            "sd for variance": lambda m, v: 0.5 * (m**2 + np.exp(0.5 * v) - 1 - v).sum(axis=-1),
            "log sigma for log variance": lambda m, v: (
                0.5 * (m**2 + np.exp(2 * v) - 1 - 2 * v).sum(axis=-1)
            ),
            "summed over the batch too": lambda m, v: _kl(m, v).sum(),
            "summed over the batch": lambda m, v: 0.5 * (m**2 + np.exp(v) - 1 - v).sum(axis=0),
            "no minus one": lambda m, v: 0.5 * (m**2 + np.exp(v) - v).sum(axis=-1),
        },
    ),
    "vae-04": function(
        lambda m, v, e: m + np.exp(0.5 * v) * e,
        _samples,
        {
            "as given": lambda m, v, e: m + np.exp(v) * e,
            "wrong direction": lambda m, v, e: m + np.exp(2 * v) * e,
            "half the variance": lambda m, v, e: m + 0.5 * np.exp(v) * e,
            "root of the logarithm": lambda m, v, e: m + np.sqrt(np.abs(v)) * e,
            "no log_var": lambda m, v, e: m + e,
        },
    ),
    "vae-05": function(
        lambda v: 0.5 * (np.exp(v) - 1),
        _slopes,
        {
            "slope in the variance": lambda v: 0.5 * (1 - np.exp(-v)),
            "slope in log sigma": lambda v: np.exp(v) - 1,
            "sign": lambda v: 0.5 * (1 - np.exp(v)),
            "constant kept": lambda v: 0.5 * np.exp(v),
            "the KL itself": lambda v: 0.5 * (np.exp(v) - 1 - v),
        },
    ),
    "vae-06": number(
        0.5 * (6 / 9 + 1.5 - 1 - np.log(1.5)),
        {
            "KL to the prior": 0.5 * (1 + 0.25 - 1 - np.log(0.25)),
            "KL reversed": 0.5 * (4 / 9 + 2 / 3 - 1 + np.log(1.5)),
            "no half": 6 / 9 + 1.5 - 1 - np.log(1.5),
            "distance not squared": 0.5 * (2 + 1.5 - 1 - np.log(1.5)),
            "means ignored": 0.5 * (1.5 - 1 - np.log(1.5)),
        },
        unit="nats",
    ),
    "vae-07": function(
        _bound,
        _log_weights,
        {
            "mean of the logarithms": lambda w: w.mean(axis=0),
            "sum for mean": lambda w: _bound(w) + np.log(len(w)),
            "overflow": lambda w: np.log(np.exp(w).mean(axis=0)),
            "largest not added": lambda w: np.log(np.exp(w - w.max(axis=0)).mean(axis=0)),
            "wrong axis": lambda w: _bound(w.T),
            "one number": lambda w: _bound(w.reshape(-1)),
        },
    ),
    "vae-08": function(
        _diagonal_gap,
        _precisions,
        {
            "marginal variances": lambda p: (
                0.5 * (np.log(np.diag(np.linalg.inv(p))).sum() + np.linalg.slogdet(p)[1])
            ),
            "no half": lambda p: 2 * _diagonal_gap(p),
            "sign": lambda p: -_diagonal_gap(p),
            "no logarithm of the determinant": lambda p: (
                0.5 * (np.log(np.diag(p)).sum() - np.linalg.det(p))
            ),
            "trace": lambda p: 0.5 * (np.log(np.trace(p)) - np.linalg.slogdet(p)[1]),
        },
    ),
    "vae-09": function(
        _score_gradient,
        _estimates,
        {
            "eps not divided": lambda f, m, v, e: (
                np.mean(f(m + np.exp(0.5 * v) * e) * e),
                _score_gradient(f, m, v, e)[1],
            ),
            "divided by the variance": lambda f, m, v, e: (
                np.mean(f(m + np.exp(0.5 * v) * e) * e / np.exp(v)),
                _score_gradient(f, m, v, e)[1],
            ),
            "no half": lambda f, m, v, e: (
                _score_gradient(f, m, v, e)[0],
                2 * _score_gradient(f, m, v, e)[1],
            ),
            "no minus one": lambda f, m, v, e: (
                _score_gradient(f, m, v, e)[0],
                np.mean(f(m + np.exp(0.5 * v) * e) * 0.5 * e**2),
            ),
            "width": lambda f, m, v, e: (
                np.mean(f(m + np.exp(v) * e) * e / np.exp(0.5 * v)),
                np.mean(f(m + np.exp(v) * e) * 0.5 * (e**2 - 1)),
            ),
            "log q of one draw": lambda f, m, v, e: (
                np.mean(f(e) * e / np.exp(0.5 * v)),
                np.mean(f(e) * 0.5 * (e**2 - 1)),
            ),
        },
    ),
}
