"""How good and how varied generated samples are, from features or pixels; no model in sight.

Features are what a classifier computes of images elsewhere: one row an image, shape (N, D).
All sums are in 64 bits. Numbers from other features, or from other numbers of samples, do not
compare: quote both with every result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from aigc_utils.metrics import Estimate

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


@dataclass(frozen=True)
class Neighbours:
    """The nearest training image of each image.

    Attributes:
        indices: its row among the training images, whole numbers, shape (N,).
        distances: how far it is, in the unit of the pixels, shape (N,).
    """

    indices: np.ndarray
    distances: np.ndarray


@dataclass(frozen=True)
class SampleReport:
    """What a classifier's look at real and at generated images says; see `report`.

    Attributes:
        num_samples: generated images.
        fid_28: `frechet_distance` of features, lower is better; biased, so compare at equal
            ``num_samples`` only, and with the floor of real images against other real ones.
        kernel_distance: `kernel_distance` of features, unbiased, with its standard error.
        neighbours: `neighbour_metrics` of features.
        class_shares: `class_histogram` of the generated images, shape (num_classes,).
        confidence: `mean_confidence` of the generated images.
    """

    num_samples: int
    fid_28: float
    kernel_distance: Estimate
    neighbours: NeighbourMetrics
    class_shares: np.ndarray
    confidence: float

    def as_numbers(self) -> dict[str, float]:
        """The report as plain numbers by name, for a card or a table."""
        return {
            "fid_28": round(self.fid_28, 3),
            "kernel_distance": round(self.kernel_distance.mean, 4),
            "kernel_distance_error": round(self.kernel_distance.standard_error, 4),
            "precision": round(self.neighbours.precision, 4),
            "recall": round(self.neighbours.recall, 4),
            "density": round(self.neighbours.density, 4),
            "coverage": round(self.neighbours.coverage, 4),
            "smallest_class_share": round(float(self.class_shares.min()), 4),
            "mean_confidence": round(self.confidence, 4),
        }


def report(real, generated, *, k: int = 5, seed: int = 0) -> SampleReport:
    """All measures of one set of generated images at once.

    Args:
        real: a classifier's look at real images: ``features`` (N, D) and ``probabilities``
            (N, num_classes), as `aigc_utils.models.ImageClassifier.look` gives them.
        generated: the same classifier's look at generated images.
        k: see `neighbour_metrics`.
        seed: see `kernel_distance`, which is measured in ten blocks, of at most 1,000 images.

    Raises:
        ValueError: as the measures do.
    """
    fewest = min(len(real.features), len(generated.features))
    blocks = {"num_blocks": 10, "block_size": max(2, min(1000, fewest // 10))}
    return SampleReport(
        num_samples=len(generated.features),
        fid_28=frechet_distance(real.features, generated.features),
        kernel_distance=kernel_distance(real.features, generated.features, **blocks, seed=seed),
        neighbours=neighbour_metrics(real.features, generated.features, k=k),
        class_shares=class_histogram(generated.probabilities, generated.probabilities.shape[1]),
        confidence=mean_confidence(generated.probabilities),
    )


def reports(look, pairs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, SampleReport]:
    """A `report` for each pair of real and generated images.

    Args:
        look: of images, such as `aigc_utils.models.ImageClassifier.look`.
        pairs: (real images, generated images) by the name of what they are compared as.
    """
    return {name: report(look(real), look(generated)) for name, (real, generated) in pairs.items()}


# ---- distances between distributions -------------------------------------------------


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
    real, generated = _feature_pair(real, generated, at_least=2)
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
    real, generated = _feature_pair(real, generated, at_least=2)
    _check_count("num_blocks", num_blocks, at_least=1)
    _check_count("block_size", block_size, at_least=2)
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


# ---- neighbourhoods ------------------------------------------------------------------


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
    _check_count("k", k, at_least=1)
    real, generated = _feature_pair(real, generated, at_least=2)
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
    return radii + _ROUNDING * (radii + _row_squares(points))


def _squared_distances(
    queries: np.ndarray, points: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Some rows of the queries, and their squared distances to all points."""
    query_squares, point_squares = _row_squares(queries), _row_squares(points)
    size = max(1, _BLOCK_ELEMENTS // len(points))
    for start in range(0, len(queries), size):
        rows = slice(start, start + size)
        yield rows, _expand(queries[rows], query_squares[rows], points, point_squares)


def _row_squares(rows: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", rows, rows)


def _expand(a, a_squares, b, b_squares) -> np.ndarray:
    """|a|^2 + |b|^2 - 2ab for all pairs of rows, in place, never below 0."""
    squared = a @ b.T
    squared *= -2
    squared += a_squares[:, None]
    squared += b_squares
    return np.maximum(squared, 0, out=squared)


# ---- classes -------------------------------------------------------------------------


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
    _check_count("num_classes", num_classes, at_least=1)
    values = np.asarray(probabilities_or_labels)
    if values.ndim == 1:
        labels = _checked_labels(values, num_classes)
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
    shares = _numbers("shares", shares)
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


# ---- memorisation --------------------------------------------------------------------


def nearest_neighbours(images: np.ndarray, training_images: np.ndarray) -> Neighbours:
    """The nearest training image of each image, by Euclidean distance of pixels.

    N x T x D multiply-adds, a block at a time: under a minute for 10,000 images against
    60,000 of 28x28 on two cores. A small shift of an image moves it far by this distance,
    so it finds copies, not shifted copies.

    Args:
        images: shape (N, *image_shape).
        training_images: shape (T, *image_shape), of the same scale of pixels.

    Returns:
        Row and distance of the nearest training image, N of each.

    Raises:
        ValueError: if there are no images, shapes differ, or pixels are not finite.
    """
    images = _image_array("images", images)
    training_images = _image_array("training images", training_images)
    _check_same_shape("images", images, training_images)
    images, training = (x.reshape(len(x), -1) for x in (images, training_images))
    centre = training.mean(axis=0, dtype=np.float64)
    parts = [_nearest_rows(block, training, centre) for _, block in _row_blocks(images)]
    indices = np.concatenate(parts)
    return Neighbours(indices, _row_distances(images, training, indices))


def memorisation_ratio(generated: np.ndarray, training: np.ndarray, held_out: np.ndarray) -> float:
    """Median distance to training of generated images, over that of held-out images.

    Args:
        generated: shape (N, *image_shape).
        training: what the model was trained on, shape (T, *image_shape).
        held_out: real images that it never saw, shape (H, *image_shape).

    Returns:
        0 and up: 1 means as far from the training images as unseen ones, near 0 copies.
        Blurred images are near to everything: a ratio a little below 1 is no proof of copying.

    Raises:
        ValueError: as `nearest_neighbours`; or if half the held-out images are copies of
            training images.
    """
    for name, images in (("generated images", generated), ("held-out images", held_out)):
        _check_same_shape(
            name, _image_array(name, images), _image_array("training images", training)
        )
    usual = float(np.median(nearest_neighbours(held_out, training).distances))
    if usual == 0:
        raise ValueError(
            "The median distance of the held-out images to the training images is 0: "
            "give held-out images that are not among the training images."
        )
    return float(np.median(nearest_neighbours(generated, training).distances)) / usual


def _row_blocks(rows: np.ndarray, size: int = 2048) -> Iterator[tuple[int, np.ndarray]]:
    """Where a block begins, and the block; 2048 by 2048 distances are 32 MB."""
    for start in range(0, len(rows), size):
        yield start, rows[start : start + size]


def _nearest_rows(images: np.ndarray, training: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Row of the nearest training image; these are turned to 64 bits a block at a time."""
    images = images - centre
    squares = _row_squares(images)
    best, indices = np.full(len(images), np.inf), np.zeros(len(images), dtype=np.int64)
    for start, block in _row_blocks(training):
        block = block - centre
        squared = _expand(images, squares, block, _row_squares(block))
        nearest = squared.argmin(axis=1)
        distances = squared[np.arange(len(images)), nearest]
        closer = distances < best
        best[closer], indices[closer] = distances[closer], start + nearest[closer]
    return indices


def _row_distances(images: np.ndarray, training: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """By subtraction, so that a copy is at exactly 0."""
    parts = [
        np.linalg.norm(
            block.astype(np.float64) - training[indices[start : start + len(block)]], axis=1
        )
        for start, block in _row_blocks(images)
    ]
    return np.concatenate(parts)


# ---- checks --------------------------------------------------------------------------


def _feature_pair(real, generated, *, at_least: int) -> tuple[np.ndarray, np.ndarray]:
    """Both sets as 64-bit numbers, or one sentence that says what is wrong with them."""
    real, generated = _features("real", real, at_least), _features("generated", generated, at_least)
    if real.shape[1] != generated.shape[1]:
        raise ValueError(
            f"The real features are {real.shape[1]} wide and the generated ones "
            f"{generated.shape[1]}: compute both with the same classifier."
        )
    return real, generated


def _features(name: str, features, at_least: int) -> np.ndarray:
    features = _numbers(f"{name} features", features)
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


def _image_array(name: str, images) -> np.ndarray:
    images = _numbers(name, images)
    if images.ndim < 2 or not images.size:
        raise ValueError(
            f"The {name} have shape {images.shape}: give at least one image, (N, *image_shape)."
        )
    return images


def _check_same_shape(name: str, images: np.ndarray, training: np.ndarray) -> None:
    if images.shape[1:] != training.shape[1:]:
        raise ValueError(
            f"The {name} are of shape {images.shape[1:]} and the training images of "
            f"{training.shape[1:]}: reshape them to the same."
        )


def _numbers(name: str, values) -> np.ndarray:
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


def _checked_labels(labels: np.ndarray, num_classes: int) -> np.ndarray:
    if not len(labels):
        raise ValueError("There are 0 labels: give at least one.")
    if labels.dtype.kind not in "iu":
        raise ValueError(f"The labels are of type {labels.dtype}: give whole numbers.")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"The labels run from {labels.min()} to {labels.max()}, but there are classes 0 to "
            f"{num_classes - 1}: check the labels or num_classes."
        )
    return labels


def _checked_probabilities(probabilities, num_classes: int | None) -> np.ndarray:
    """64-bit rows that add up to 1; any number of classes where none is given."""
    probabilities = _numbers("probabilities", probabilities)
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


def _check_count(name: str, value: int, *, at_least: int) -> None:
    if value < at_least or value % 1:
        raise ValueError(f"{name} is {value}: give a whole number, at least {at_least}.")
