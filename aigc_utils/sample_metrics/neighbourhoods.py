"""Precision and recall, density and coverage: whose neighbourhood in feature space holds whom.

Chapters 3.2, 3.4 and 3.5 print them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aigc_utils.sample_metrics.inputs import (
    check_count,
    feature_pair,
    pairwise_squares,
    row_squares,
)

# Distances held at once, 32 MB of them; a few such blocks live at the same time.
_BLOCK_ELEMENTS = 2**22
# What |a|^2 + |b|^2 - 2ab may be off by, over |b|^2: far above rounding, far below any
# difference of samples. It only decides ties, so that a copy lies in a ball of radius 0.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class NeighbourMetrics:
    """What neighbourhoods say of two sets of features.

    Attributes:
        precision: share of generated samples in the neighbourhood of a real one, 0 to 1.
        recall: share of real samples in the neighbourhood of a generated one, 0 to 1.
        density: real neighbourhoods around a generated sample, over k; 0 and up, about 1
            where both sets come from one distribution.
        coverage: share of real samples with a generated one in their neighbourhood, 0 to 1;
            about 1 - 2^-k where both sets come from one distribution and are equally many.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def neighbour_metrics(real: np.ndarray, generated: np.ndarray, *, k: int = 5) -> NeighbourMetrics:
    """Precision and recall, density and coverage of generated features.

    The neighbourhood of a sample is the ball that reaches to its k-th nearest neighbour
    in its own set, itself not counted; its surface belongs to it. Precision and recall:
    Kynkaanniemi et al. (2019, equations 1 and 2). Density and coverage: Naeem et al.
    (2020, section 3.2). Three products of N^2 x D, a block at a time: some seconds and
    some hundred MB for 10,000 samples of 128 features.

    Args:
        real: features of real images, shape (N, D), N more than k.
        generated: features of generated images, shape (M, D), M more than k.
        k: which neighbour bounds the ball; quote it with the result.

    Returns:
        The four numbers.

    Raises:
        ValueError: if the features do not fit, are not finite or are constant, or if a
            set has not more than ``k`` samples.
    """
    check_count("k", k, at_least=1)
    real, generated = feature_pair(real, generated, at_least=2)
    for name, features in (("real", real), ("generated", generated)):
        if len(features) <= k:
            raise ValueError(
                f"There are {len(features)} {name} samples, too few for {k} neighbours each: "
                f"give at least {k + 1} samples or lower k."
            )
    return _compare_balls(real, generated, k)


def _compare_balls(real: np.ndarray, generated: np.ndarray, k: int) -> NeighbourMetrics:
    # Without the common mean, |a|^2 + |b|^2 - 2ab takes no large numbers from each other.
    centre = real.mean(axis=0)
    real, generated = real - centre, generated - centre
    real_radii, generated_radii = _squared_radii(real, k), _squared_radii(generated, k)
    precise = np.zeros(len(generated), dtype=bool)
    recalled, covered = np.zeros(len(real), dtype=bool), np.zeros(len(real), dtype=bool)
    pairs = 0
    for rows, squared in _squared_distances(generated, real):
        in_real_ball = squared <= real_radii
        precise[rows] = in_real_ball.any(axis=1)
        covered |= in_real_ball.any(axis=0)
        pairs += int(np.count_nonzero(in_real_ball))
        recalled |= (squared <= generated_radii[rows, None]).any(axis=0)
    return NeighbourMetrics(
        precision=float(precise.mean()),
        recall=float(recalled.mean()),
        density=pairs / (k * len(generated)),
        coverage=float(covered.mean()),
    )


def _squared_radii(points: np.ndarray, k: int) -> np.ndarray:
    """Squared distance of each point to its k-th nearest other, and rounding, shape (N,)."""
    radii = np.empty(len(points))
    for rows, squared in _squared_distances(points, points):
        # By its place and not by its distance of 0, which a copy of the point has too.
        np.fill_diagonal(squared[:, rows], np.inf)
        radii[rows] = np.partition(squared, k - 1, axis=1)[:, k - 1]
    return radii + _ROUNDING * (radii + row_squares(points))


def _squared_distances(
    queries: np.ndarray, points: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Some rows of the queries, and their squared distances to all points."""
    query_squares, point_squares = row_squares(queries), row_squares(points)
    size = max(1, _BLOCK_ELEMENTS // len(points))
    for start in range(0, len(queries), size):
        rows = slice(start, start + size)
        yield rows, pairwise_squares(queries[rows], query_squares[rows], points, point_squares)
