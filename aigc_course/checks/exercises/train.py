"""Exercises on chapter 5.2, training a VAE and the clinic.

What right answers are, and what each mistake gives; its words are in workbook/exercises/train.yml.
"""

from __future__ import annotations

import math

import numpy as np

from aigc_course.checks.answers import Case
from aigc_course.checks.graders import Grader, function, number, option, several


def _kl_weight(epoch: float, warmup: float) -> float:
    """The KL's weight: from 0 to 1 over the warm-up, 1 after it and without one."""
    return min(epoch / warmup, 1.0) if warmup else 1.0


def _epochs() -> list[Case]:
    return [
        Case((2, 8), "epoch 2 of a warm-up of 8"),
        Case((0, 5), "the very beginning"),
        Case((8, 8), "the end of the warm-up"),
        Case((20, 8), "an epoch long after the warm-up"),
        Case((3, 0), "no warm-up"),
        Case((1.5, 6), "the middle of an epoch"),
    ]


def _active_units(means: np.ndarray, threshold: float) -> int:
    """How many latents have a mean that varies over images by more than the threshold."""
    return int((means.var(axis=0) > threshold).sum())


def _means() -> list[Case]:
    rng = np.random.default_rng([52, 5])
    spread = np.array([1.0, 0.5, 0.2, 0.05, 0.02, 0.0])
    shifted = rng.normal(size=(300, 6)) * spread + np.array([0, 0, 0, 0, 2.0, 3.0])
    few = rng.normal(size=(40, 4)) * np.array([0.05, 0.15, 0.9, 0.0])
    wide = rng.normal(size=(9, 20)) * np.linspace(0.02, 0.4, 20)
    return [
        Case((shifted, 0.01), "latents whose mean is far from 0 and never moves"),
        Case((few, 0.01), "40 images, four latents"),
        Case((wide, 0.02), "more latents than images"),
    ]


def _paired(a: np.ndarray, b: np.ndarray) -> tuple:
    """The mean of a - b and its standard error, image by image."""
    difference = a - b
    return difference.mean(), difference.std(ddof=1) / np.sqrt(len(a))


def _scores() -> list[Case]:
    rng = np.random.default_rng([52, 6])
    cases = []
    for n, gap in ((400, 0.9), (25, -2.0), (1000, 0.1)):
        hard = rng.normal(232, 75, n)
        cases.append(
            Case((hard + rng.normal(gap, 1, n), hard + rng.normal(0, 1, n)), f"{n} images")
        )
    return cases


def _noise_floor(images: np.ndarray) -> np.ndarray:
    """The entropy of the coins that binarize an image, summed over pixels; nats, shape (B,)."""
    p = np.clip(images, 1e-300, 1)
    q = np.clip(1 - images, 1e-300, 1)
    return -(images * np.log(p) + (1 - images) * np.log(q)).reshape(len(images), -1).sum(axis=1)


def _greys() -> list[Case]:
    rng = np.random.default_rng([52, 7])
    return [
        Case((rng.random((3, 4, 4)),), "grey images"),
        Case((rng.random((5, 3, 6)) * (rng.random((5, 3, 6)) < 0.5),), "images with black pixels"),
        Case((np.array([[[0.0, 1.0], [0.5, 0.5]]]),), "pixels of exactly 0 and 1"),
    ]


def _twins(train: np.ndarray, test: np.ndarray) -> list[int]:
    """The positions of the test images that are in the training set too, in order."""
    seen = {image.tobytes() for image in train}
    return [i for i, image in enumerate(test) if image.tobytes() in seen]


def _leaky() -> list[Case]:
    rng = np.random.default_rng([52, 9])
    train = rng.integers(0, 256, (60, 5, 5), dtype=np.uint8)
    test = rng.integers(0, 256, (20, 5, 5), dtype=np.uint8)
    test[[3, 11, 12]] = train[[40, 7, 7]]
    turned = test.copy()
    turned[5] = train[9].T  # the same pixels in another order: no twin
    turned[6] = train[0]
    turned[6, 0, 0] ^= 1  # one grey level off: no twin
    clean = rng.integers(0, 256, (4, 5, 5), dtype=np.uint8)
    return [
        Case((train, test), "three twins"),
        Case((train, turned), "images that only resemble training images"),
        Case((train, clean), "no twin at all"),
    ]


# The right diagnosis of each patient; what is said of the others is in the texts.
_PATIENTS = {"A": "collapse", "B": "kl sign", "C": "leak", "D": "saturation", "E": "healthy"}


GRADERS: dict[str, Grader] = {
    "train-01": number(
        3 * 79,
        {
            "once an epoch": 3,
            "every epoch": 30 * 79,
            "last batch forgotten": 3 * 78,
            "epoch 30 counted": 4 * 79,
        },
        rtol=1e-6,
    ),
    "train-02": several({name: option(illness) for name, illness in _PATIENTS.items()}),
    "train-03": number(
        0.5 * 784 / 16,
        {
            "as written": 0.5,
            "latents forgotten": 0.5 * 784,
            "pixels forgotten": 0.5 / 16,
            "factor forgotten": 784 / 16,
            "inverse": 16 / (0.5 * 784),
        },
    ),
    "train-04": function(
        _kl_weight,
        _epochs,
        {
            "as given": lambda e, w: e / w if w else 1.0,
            "turned round": lambda e, w: max(1 - e / w, 0.0) if w else 1.0,
            "back to 0": lambda e, w: (e / w if e < w else 0.0) if w else 1.0,
            "at least 1": lambda e, w: max(e / w, 1.0) if w else 1.0,
            "0 without warm-up": lambda e, w: min(e / w, 1.0) if w else 0.0,
        },
    ),
    "train-05": function(
        _active_units,
        _means,
        {
            "mean square for variance": lambda m, t: ((m**2).mean(axis=0) > t).sum(),
            "sd for variance": lambda m, t: (m.std(axis=0) > t).sum(),
            "over the latents": lambda m, t: (m.var(axis=1) > t).sum(),
            "inactive ones": lambda m, t: (m.var(axis=0) <= t).sum(),
            "mask for count": lambda m, t: m.var(axis=0) > t,
        },
    ),
    "train-06": function(
        _paired,
        _scores,
        {
            "unpaired": lambda a, b: (
                (a - b).mean(),
                np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)),
            ),
            "sd for standard error": lambda a, b: ((a - b).mean(), (a - b).std(ddof=1)),
            "divided by n": lambda a, b: ((a - b).mean(), (a - b).std(ddof=1) / len(a)),
            "absolute differences": lambda a, b: (
                np.abs(a - b).mean(),
                np.abs(a - b).std(ddof=1) / np.sqrt(len(a)),
            ),
            "order": lambda a, b: ((b - a).mean(), _paired(a, b)[1]),
        },
        rtol=0.03,  # forgives ddof=0 with 25 images
    ),
    "train-07": function(
        _noise_floor,
        _greys,
        {
            "white only": lambda x: (
                -(x * np.log(np.clip(x, 1e-300, 1))).reshape(len(x), -1).sum(axis=1)
            ),
            "0 log 0": lambda x: (
                -(x * np.log(x) + (1 - x) * np.log(1 - x)).reshape(len(x), -1).sum(axis=1)
            ),
            "mean over pixels": lambda x: _noise_floor(x) / x[0].size,
            "base 2": lambda x: _noise_floor(x) / np.log(2),
            "sign": lambda x: -_noise_floor(x),
            "one number": lambda x: _noise_floor(x).mean(),
        },
    ),
    "train-08": number(
        math.sqrt(0.784),
        {
            "variance for sd": 0.784,
            "no two": math.sqrt(1.568),
            "sum for mean": math.sqrt(0.001),
            "factor forgotten": math.sqrt(392),
            "inverse": 1 / math.sqrt(0.784),
        },
    ),
    "train-09": function(
        _twins,
        _leaky,
        {
            "training positions": lambda a, b: [
                i for i, x in enumerate(a) if x.tobytes() in {y.tobytes() for y in b}
            ],
            "count": lambda a, b: len(_twins(a, b)),
            "mask": lambda a, b: np.array([i in _twins(a, b) for i in range(len(b))]),
            "same sum": lambda a, b: [
                i for i, x in enumerate(b) if int(x.sum()) in {int(y.sum()) for y in a}
            ],
            "nearly alike": lambda a, b: [
                i
                for i, x in enumerate(b)
                if (np.abs(a.astype(int) - x).max(axis=(1, 2)) <= 1).any()
            ],
        },
    ),
}
