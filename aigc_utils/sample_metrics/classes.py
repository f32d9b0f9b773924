"""Which classes a classifier finds among samples, and how sure it is: chapters 3.2 to 3.5."""

from __future__ import annotations

import numpy as np

from aigc_utils.data import check_labels
from aigc_utils.sample_metrics.inputs import check_count, finite_numbers


def class_histogram(probabilities_or_labels: np.ndarray, num_classes: int) -> np.ndarray:
    """The share of samples in each class.

    Args:
        probabilities_or_labels: class probabilities, shape (N, num_classes), of which the
            largest decides; or labels, whole numbers from 0 to ``num_classes - 1``, shape (N,).
        num_classes: how many classes there are, empty ones too.

    Returns:
        Shares from 0 to 1 that add up to 1, shape (num_classes,).

    Raises:
        ValueError: if the labels or probabilities are none, or do not fit ``num_classes``.
    """
    check_count("num_classes", num_classes, at_least=1)
    values = np.asarray(probabilities_or_labels)
    if values.ndim == 1:
        if not len(values):
            raise ValueError("There are 0 labels: give at least one.")
        labels = values
        check_labels(labels, num_classes, len(labels))
    else:
        labels = _checked_probabilities(values, num_classes).argmax(axis=1)
    return np.bincount(labels, minlength=num_classes) / len(labels)


def classes_covered(shares: np.ndarray, at_least: float) -> int:
    """How many classes have at least some share of the samples.

    Args:
        shares: what `class_histogram` returns, shape (num_classes,).
        at_least: share from which a class counts, above 0 (an empty class never counts) to 1.

    Returns:
        0 to num_classes.

    Raises:
        ValueError: if ``shares`` are no shares or ``at_least`` is out of range.
    """
    shares = finite_numbers("shares", shares)
    if shares.ndim != 1 or not len(shares):
        raise ValueError(f"The shares have shape {shares.shape}: give one a class, (num_classes,).")
    _check_shares("shares", shares[None])
    if not 0 < at_least <= 1:
        raise ValueError(
            f"at_least is {at_least}: give a share above 0, for an empty class is not covered, "
            "and at most 1."
        )
    return int(np.count_nonzero(shares >= at_least))


def mean_confidence(probabilities: np.ndarray) -> float:
    """The mean over samples of the largest class probability.

    Args:
        probabilities: shape (N, num_classes), each row adds up to 1.

    Returns:
        1 / num_classes to 1. High confidence does not mean good samples: a classifier may
        be sure of what resembles nothing.

    Raises:
        ValueError: if these are no probabilities.
    """
    return float(_checked_probabilities(probabilities, None).max(axis=1).mean())


def _checked_probabilities(probabilities, num_classes: int | None) -> np.ndarray:
    """64-bit rows that add up to 1; any number of classes where none is given."""
    probabilities = finite_numbers("probabilities", probabilities)
    wanted = "num_classes" if num_classes is None else num_classes
    fits = probabilities.ndim == 2 and num_classes in (None, probabilities.shape[1])
    if not fits or not probabilities.size:
        raise ValueError(
            f"The probabilities have shape {probabilities.shape}, but (N, {wanted}) is needed, "
            "N at least 1: give one row a sample."
        )
    probabilities = probabilities.astype(np.float64)
    _check_shares("probabilities", probabilities)
    return probabilities


def _check_shares(name: str, rows: np.ndarray) -> None:
    """Rows of numbers from 0 that add up to 1, as near as 16-bit numbers come."""
    if rows.min() < 0:
        raise ValueError(f"The {name} go down to {rows.min():g}: give none below 0 (no logits).")
    sums = rows.sum(axis=1)
    worst = int(np.abs(sums - 1).argmax())
    if abs(sums[worst] - 1) > 0.01:
        raise ValueError(
            f"The {name} in row {worst} add up to {sums[worst]:g}: divide them so that it is 1 "
            "(of logits take the softmax)."
        )
