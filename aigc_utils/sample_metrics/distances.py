"""Distances between the distributions of two sets of features: FID-28, and a kernel's.

Chapter 3.3 explains the Fréchet distance; 3.2 to 3.6 quote both.
"""

from __future__ import annotations

import numpy as np

from aigc_utils.metrics import Estimate
from aigc_utils.sample_metrics.inputs import check_count, feature_pair


def frechet_distance(real: np.ndarray, generated: np.ndarray) -> float:
    """Fréchet distance between Gaussians fitted to two sets of features.

    |mu1 - mu2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) (Heusel et al., 2017, equation 6), with
    covariances over N - 1. With features of the course's own classifier of 28x28 images
    the course calls it **FID-28**: it is no Inception FID and compares with none. It is
    biased: fewer samples give larger values, so compare at equal numbers only. Fewer
    samples than features are allowed; the covariance is then singular. A few products of
    D x N and D x D matrices: under a second for 10,000 samples of 128 features.

    Args:
        real: features of real images, shape (N, D), N at least 2.
        generated: features of generated images, shape (M, D), M at least 2.

    Returns:
        0 and up, in the square of the features' unit; 0 for equal means and covariances.

    Raises:
        ValueError: if the features do not fit, are not finite or are constant.
    """
    real, generated = feature_pair(real, generated, at_least=2)
    difference = real.mean(axis=0) - generated.mean(axis=0)
    first, second = _covariance(real), _covariance(generated)
    spread = np.trace(first) + np.trace(second) - 2 * _trace_of_root_of_product(first, second)
    # Rounding may leave a tiny negative number where the sets are the same.
    return max(0.0, float(difference @ difference + spread))


def _covariance(features: np.ndarray) -> np.ndarray:
    """Over N - 1, shape (D, D), for a single feature too."""
    return np.atleast_2d(np.cov(features, rowvar=False, ddof=1))


def _trace_of_root_of_product(first: np.ndarray, second: np.ndarray) -> float:
    """tr (S1 S2)^(1/2): the roots of the eigenvalues of S1^(1/2) S2 S1^(1/2), summed.

    Directions without variance are left out on both sides first. They would add nothing
    but the roots of rounding errors, 1e-8 each, and there may be a hundred of them.
    """
    product = _root(first).T @ _root(second)
    if product.shape[0] > product.shape[1]:
        product = product.T  # the same eigenvalues but for zeros
    eigenvalues = np.linalg.eigvalsh(product @ product.T)
    return float(np.sqrt(np.clip(eigenvalues, 0, None)).sum())


def _root(covariance: np.ndarray) -> np.ndarray:
    """R with R R^T = covariance, one column for each direction that has variance."""
    eigenvalues, directions = np.linalg.eigh(covariance)
    smallest = len(eigenvalues) * np.finfo(np.float64).eps * eigenvalues[-1]
    kept = eigenvalues > smallest
    return directions[:, kept] * np.sqrt(eigenvalues[kept])


def kernel_distance(
    real: np.ndarray,
    generated: np.ndarray,
    *,
    num_blocks: int = 10,
    block_size: int = 1000,
    seed: int,
) -> Estimate:
    """Squared maximum mean discrepancy with the kernel (x.y / D + 1)^3, unbiased.

    The kernel is that of Binkowski et al. (2018, section 4), who use it on Inception
    features and call that KID; the estimator is that of Gretton et al. (2012, equation 3).
    Blocks share no sample, so the standard error over blocks is an honest one. Being
    unbiased, a value may fall below zero. Three products of block_size^2 x D a block.

    Args:
        real: features of real images, shape (N, D).
        generated: features of generated images, shape (M, D).
        num_blocks: how often the distance is measured; with a single one its error is infinite.
        block_size: samples of each set in a block, at least 2.
        seed: of the drawing of blocks.

    Returns:
        Mean and standard error over blocks; ``values`` holds one number a block. No unit,
        around 0 for equal distributions, and often far below 0.01: print enough digits.

    Raises:
        ValueError: if the features do not fit, are not finite or are constant, or if the
            samples do not suffice for the blocks.
    """
    real, generated = feature_pair(real, generated, at_least=2)
    check_count("num_blocks", num_blocks, at_least=1)
    check_count("block_size", block_size, at_least=2)
    rng = np.random.default_rng(seed)
    blocks = zip(
        _disjoint_blocks("real", real, num_blocks, block_size, rng),
        _disjoint_blocks("generated", generated, num_blocks, block_size, rng),
        strict=True,
    )
    return Estimate.of(np.array([_squared_discrepancy(x, y) for x, y in blocks]))


def _disjoint_blocks(name, features, num_blocks, block_size, rng) -> np.ndarray:
    """Rows in random order, none twice, shape (num_blocks, block_size, D)."""
    needed = num_blocks * block_size
    if needed > len(features):
        raise ValueError(
            f"{num_blocks} blocks of {block_size} need {needed} samples, but there are "
            f"{len(features)} {name} ones: lower block_size or num_blocks."
        )
    rows = rng.permutation(len(features))[:needed]
    return features[rows].reshape(num_blocks, block_size, -1)


def _squared_discrepancy(x: np.ndarray, y: np.ndarray) -> float:
    return _mean_of_pairs(x) + _mean_of_pairs(y) - 2 * float(_kernel(x, y).mean())


def _mean_of_pairs(x: np.ndarray) -> float:
    """Mean kernel of two different samples; a sample with itself would bias it upwards."""
    kernel = _kernel(x, x)
    return float((kernel.sum() - np.trace(kernel)) / (len(x) * (len(x) - 1)))


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    base = x @ y.T / x.shape[1] + 1
    return base * base * base  # much quicker than a power
