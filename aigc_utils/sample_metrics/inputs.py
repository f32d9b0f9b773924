"""What the measures of samples share: checked numbers, and squared distances of rows."""

from __future__ import annotations

import numpy as np


def feature_pair(real, generated, *, at_least: int) -> tuple[np.ndarray, np.ndarray]:
    """Both sets as 64-bit numbers, or one sentence that says what is wrong with them."""
    real, generated = _features("real", real, at_least), _features("generated", generated, at_least)
    if real.shape[1] != generated.shape[1]:
        raise ValueError(
            f"The real features are {real.shape[1]} wide and the generated ones "
            f"{generated.shape[1]}: compute both with the same classifier."
        )
    return real, generated


def _features(name: str, features, at_least: int) -> np.ndarray:
    features = finite_numbers(f"{name} features", features)
    if features.ndim != 2 or not features.shape[1]:
        raise ValueError(
            f"The {name} features have shape {features.shape}, but (N, D) is needed: "
            "give one row of numbers a sample."
        )
    if len(features) < at_least:
        raise ValueError(f"There are {len(features)} {name} samples: give at least {at_least}.")
    features = features.astype(np.float64)
    if (features == features[0]).all():
        raise ValueError(
            f"The {name} features are the same for all {len(features)} samples (variance 0): "
            "look whether the images or the classifier's outputs are all alike."
        )
    return features


def finite_numbers(name: str, values) -> np.ndarray:
    """An array of finite numbers, of whatever type."""
    values = np.asarray(values)
    if values.dtype.kind not in "fiub":
        raise ValueError(f"The {name} are of type {values.dtype}: give numbers, such as float32.")
    finite = np.isfinite(values)
    if not finite.all():
        place = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(
            f"The {name} contain {values[place]} in row {place[0] if place else 0}: "
            "remove that row, or repair what computed it."
        )
    return values


def check_count(name: str, value: int, *, at_least: int) -> None:
    """Raise a ValueError unless ``value`` is a whole number, at least ``at_least``."""
    if value < at_least or value % 1:
        raise ValueError(f"{name} is {value}: give a whole number, at least {at_least}.")


def row_squares(rows: np.ndarray) -> np.ndarray:
    """|a|^2 of each row, shape (N,) of rows (N, D)."""
    return np.einsum("nd,nd->n", rows, rows)


def pairwise_squares(a, a_squares, b, b_squares) -> np.ndarray:
    """|a|^2 + |b|^2 - 2ab for all pairs of rows, never below 0, shape (N, M)."""
    squared = a @ b.T
    squared *= -2
    squared += a_squares[:, None]
    squared += b_squares
    return np.maximum(squared, 0, out=squared)
