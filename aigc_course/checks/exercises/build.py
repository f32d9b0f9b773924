"""Exercises on chapter 5.1, building a VAE.

What right answers are, and what each mistake gives; its words are in workbook/exercises/build.yml.
"""

from __future__ import annotations

import numpy as np

from aigc_course.checks.answers import Case
from aigc_course.checks.exercises.judges import judge_decoder, judge_sampling, judge_vae
from aigc_course.checks.graders import Grader, function, judged, number


def _softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)) without overflow."""
    return np.logaddexp(0, x)


def _bernoulli_nll(x, logits) -> np.ndarray:
    """-log p(x | logits), summed over all axes but the first; nats an image."""
    return (_softplus(logits) - x * logits).reshape(len(x), -1).sum(axis=1)


def _kl(mean, log_var) -> np.ndarray:
    """KL from N(0, I), summed over the last axis; nats."""
    return 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=-1)


def _negative_elbo(x, logits, mean, log_var) -> float:
    """Summed over pixels and latents, averaged over the batch; nats an image."""
    return np.mean(_bernoulli_nll(x, logits) + _kl(mean, log_var))


def _batches() -> list[Case]:
    rng = np.random.default_rng([5, 4])
    cases = []
    for batch, side, latents in ((6, 4, 3), (2, 5, 8), (1, 3, 2)):
        x = (rng.random((batch, side, side)) < 0.4).astype(float)
        codes = rng.normal(size=(2, batch, latents))
        about = f"{batch} image(s) of {side} x {side}, {latents} latents"
        cases.append(Case((x, rng.normal(0, 2, x.shape), *codes), about))
    return cases


def _pixels() -> list[Case]:
    rng = np.random.default_rng([5, 7])
    x = (rng.random((4, 3, 3)) < 0.5).astype(float)
    sure = np.array([[[0.0, 1.0]], [[1.0, 0.0]]]), np.array([[[800.0, -800.0]], [[30.0, 40.0]]])
    return [
        Case((x, rng.normal(0, 3, x.shape)), "ordinary logits"),
        Case((rng.random((5, 2, 6)), rng.normal(size=(5, 2, 6))), "grey pixels"),
        Case(sure, "a decoder that is sure and wrong, logits of ±800"),
    ]


def _clipped(x, logits):
    p = np.clip(1 / (1 + np.exp(-logits)), 1e-7, 1 - 1e-7)
    return -(x * np.log(p) + (1 - x) * np.log(1 - p)).reshape(len(x), -1).sum(axis=1)


def _unclipped(x, logits):
    p = 1 / (1 + np.exp(-logits))
    return -(x * np.log(p) + (1 - x) * np.log(1 - p)).reshape(len(x), -1).sum(axis=1)


def _nats_kept(variances, noise) -> float:
    """What the best linear VAE tells about an image, nats."""
    return 0.5 * np.log(np.maximum(variances / noise**2, 1)).sum()


def _spectra() -> list[Case]:
    return [
        Case((np.array([9.0, 4.0, 1.0, 0.2]), 1.5), "noise 1.5"),
        Case((np.array([30.0, 12.0, 3.0]), 0.7), "noise 0.7, all directions kept"),
        Case((np.array([0.5, 0.1, 0.01]), 3.5), "noise 3.5, where nothing is kept"),
    ]


GRADERS: dict[str, Grader] = {
    "build-01": number(
        3072 / 2 / 64,
        {
            "no half": 3072 / 64,
            "inverse": 2 * 64 / 3072,
            "channels forgotten": 1024 / 2 / 64,
            "latents forgotten": 3072 / 2,
            "the chapter's picture": 784 / 2 / 32,
        },
    ),
    "build-02": number(
        6 * 6 * 64,
        {
            "padding same": 8 * 8 * 64,
            "filters forgotten": 36,
            "pooling rounds up": 7 * 7 * 64,
            "half a pixel": 6.5**2 * 64,
            "filters of both layers": 6 * 6 * 96,
        },
        rtol=1e-6,
    ),
    "build-03": judged(judge_decoder),
    "build-04": function(
        _negative_elbo,
        _batches,
        {
            "as given": lambda x, lo, m, v: (
                np.mean(_softplus(lo) - x * lo) + 0.5 * np.mean(m**2 + np.exp(v) - 1 - v)
            ),
            "mean over pixels": lambda x, lo, m, v: (
                np.mean(_softplus(lo) - x * lo) + _kl(m, v).mean()
            ),
            "mean over latents": lambda x, lo, m, v: (
                _bernoulli_nll(x, lo).mean() + 0.5 * np.mean(m**2 + np.exp(v) - 1 - v)
            ),
            "batch summed": lambda x, lo, m, v: _negative_elbo(x, lo, m, v) * len(x),
            "one number an image": lambda x, lo, m, v: _bernoulli_nll(x, lo) + _kl(m, v),
            "KL sign": lambda x, lo, m, v: (_bernoulli_nll(x, lo) - _kl(m, v)).mean(),
        },
    ),
    "build-05": number(
        7 * 7 * 3 * 3 * 64 * 32,
        {
            "output places": 14 * 14 * 3 * 3 * 64 * 32,
            "weights": 3 * 3 * 64 * 32,
            "kernel forgotten": 7 * 7 * 64 * 32,
            "output maps forgotten": 7 * 7 * 3 * 3 * 64,
        },
        rtol=1e-6,
    ),
    "build-06": judged(judge_sampling),
    "build-07": function(
        _bernoulli_nll,
        _pixels,
        {
            "via a clipped sigmoid": _clipped,
            "via a sigmoid": _unclipped,
            "overflow": lambda x, lo: (
                (np.log(1 + np.exp(lo)) - x * lo).reshape(len(x), -1).sum(axis=1)
            ),
            "sign": lambda x, lo: -_bernoulli_nll(x, lo),
            "mean over pixels": lambda x, lo: _bernoulli_nll(x, lo) / x[0].size,
            "pixels exchanged": lambda x, lo: _bernoulli_nll(1 - x, lo),
        },
    ),
    "build-08": function(
        _nats_kept,
        _spectra,
        {
            "noise not squared": lambda v, s: 0.5 * np.log(np.maximum(v / s, 1)).sum(),
            "no half": lambda v, s: 2 * _nats_kept(v, s),
            "losses counted": lambda v, s: 0.5 * np.log(v / s**2).sum(),
            "base 2": lambda v, s: _nats_kept(v, s) / np.log(2),
            "number of directions": lambda v, s: (v > s**2).sum(),
            "channel capacity": lambda v, s: 0.5 * np.log1p(v / s**2).sum(),
        },
    ),
    "build-09": judged(judge_vae),
}
