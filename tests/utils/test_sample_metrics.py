"""Measures of samples against closed forms and against slow, plain loops."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_utils import sample_metrics
from aigc_utils.sample_metrics import distances, neighbourhoods, summary

REAL = np.random.default_rng(5).gamma(2.0, size=(230, 6))
GENERATED = np.random.default_rng(6).gamma(3.5, size=(200, 6))
FEW = settings(max_examples=25)


def whitened(num_samples: int, width: int, seed: int) -> np.ndarray:
    """Samples whose mean is exactly 0 and whose covariance is exactly the identity."""
    x = np.random.default_rng(seed).normal(size=(num_samples, width))
    x -= x.mean(axis=0)
    root = np.linalg.cholesky(np.atleast_2d(np.cov(x, rowvar=False)))
    return np.linalg.solve(root, x.T).T


def rotation(width: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(9).normal(size=(width, width)))[0]


# ---- Fréchet distance ----------------------------------------------------------------


def frechet_with_sqrtm(real, generated):
    first, second = np.cov(real, rowvar=False), np.cov(generated, rowvar=False)
    root = scipy.linalg.sqrtm(first @ second).real
    difference = real.mean(axis=0) - generated.mean(axis=0)
    return difference @ difference + np.trace(first + second - 2 * root)


def frechet_by_singular_values(real, generated):
    """tr (S1 S2)^(1/2) is the sum of singular values of X Y^T: right where S1 is singular."""
    x, y = real - real.mean(axis=0), generated - generated.mean(axis=0)
    x, y = x / math.sqrt(len(x) - 1), y / math.sqrt(len(y) - 1)
    shared = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    difference = real.mean(axis=0) - generated.mean(axis=0)
    return difference @ difference + (x**2).sum() + (y**2).sum() - 2 * shared


def test_frechet_of_diagonal_gaussians_is_the_closed_form():
    means = np.array([[0.0, 1.0, -2.0], [0.5, 1.0, 1.0]])
    deviations = np.array([[1.0, 2.0, 0.1], [3.0, 0.5, 0.1]])
    real = means[0] + whitened(50, 3, seed=0) * deviations[0]
    generated = means[1] + whitened(70, 3, seed=1) * deviations[1]
    # 0.25 + 9 of the means, 4 + 2.25 of the deviations.
    assert sample_metrics.frechet_distance(real, generated) == pytest.approx(15.5, rel=1e-12)


def test_frechet_is_what_the_matrix_root_gives():
    found = sample_metrics.frechet_distance(REAL, GENERATED)
    assert found == pytest.approx(frechet_with_sqrtm(REAL, GENERATED), rel=1e-6)


@pytest.mark.parametrize("sizes", [(20, 30), (20, 300), (300, 20)])
def test_frechet_with_fewer_samples_than_features(sizes):
    real, generated = (np.random.default_rng(n).gamma(0.5, size=(n, 64)) for n in sizes)
    found = sample_metrics.frechet_distance(real, generated)
    assert found == pytest.approx(frechet_by_singular_values(real, generated), rel=1e-9)


def test_frechet_with_columns_that_are_always_0():
    # As of a ReLU that never fires: it must neither fail nor count.
    padded = [np.pad(x, ((0, 0), (0, 3))) for x in (REAL, GENERATED)]
    expected = sample_metrics.frechet_distance(REAL, GENERATED)
    assert sample_metrics.frechet_distance(*padded) == pytest.approx(expected, rel=1e-9)


def test_frechet_of_one_feature():
    found = sample_metrics.frechet_distance(whitened(9, 1, 0), 3 + 2 * whitened(8, 1, 1))
    assert found == pytest.approx(9 + 1)


@pytest.mark.parametrize("num_samples", [10, 500])
def test_frechet_of_a_set_with_itself_is_0(num_samples):
    x = np.random.default_rng(0).gamma(0.5, size=(num_samples, 40))
    # Sums of variances of about 20 cancel, to some 1e-14 of them.
    assert 0 <= sample_metrics.frechet_distance(x, x[::-1]) < 1e-11


def test_frechet_does_not_change_under_rotation():
    turn = rotation(6)
    expected = sample_metrics.frechet_distance(REAL, GENERATED)
    turned = sample_metrics.frechet_distance(REAL @ turn, GENERATED @ turn)
    assert turned == pytest.approx(expected, rel=1e-9)


@FEW
@given(
    shift=st.floats(-100, 100),
    scale=st.floats(0.01, 100),
    seed=st.integers(0, 1000),
)
def test_frechet_of_a_shift_and_of_a_scale(shift, scale, seed):
    x = np.random.default_rng(seed).normal(size=(12, 4))
    variance = x.var(axis=0, ddof=1).sum()
    # The scale acts around the mean; the distance is 4 shift^2 + (scale - 1)^2 tr S.
    other = x.mean(axis=0) + shift + scale * (x - x.mean(axis=0))
    expected = 4 * shift**2 + (scale - 1) ** 2 * variance
    found = sample_metrics.frechet_distance(x, other)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9 * variance)
    assert found == pytest.approx(sample_metrics.frechet_distance(other, x), rel=1e-9, abs=1e-10)


# ---- kernel distance -----------------------------------------------------------------


def kernel(x, y):
    return (float(x @ y) / len(x) + 1) ** 3


def kernel_distance_by_loops(xs, ys):
    m, n = len(xs), len(ys)
    xx = sum(kernel(xs[i], xs[j]) for i in range(m) for j in range(m) if i != j)
    yy = sum(kernel(ys[i], ys[j]) for i in range(n) for j in range(n) if i != j)
    xy = sum(kernel(x, y) for x in xs for y in ys)
    return xx / (m * (m - 1)) + yy / (n * (n - 1)) - 2 * xy / (m * n)


def test_kernel_distance_of_one_block_is_that_of_plain_loops():
    real, generated = REAL[:40], GENERATED[:40]  # one block takes all, so the order is no matter
    found = sample_metrics.kernel_distance(real, generated, num_blocks=1, block_size=40, seed=0)
    assert found.mean == pytest.approx(kernel_distance_by_loops(real, generated), rel=1e-6)
    assert found.standard_error == math.inf


def test_blocks_share_no_sample_and_give_the_standard_error():
    drawn = distances._disjoint_blocks("real", REAL, 7, 30, np.random.default_rng(0))
    assert drawn.shape == (7, 30, 6)
    assert len(np.unique(drawn.reshape(-1, 6), axis=0)) == 210
    found = sample_metrics.kernel_distance(REAL, GENERATED, num_blocks=4, block_size=50, seed=3)
    assert found.values.shape == (4,)
    assert found.mean == pytest.approx(found.values.mean())
    assert found.standard_error == pytest.approx(found.values.std(ddof=1) / 2)


def test_the_seed_decides_the_blocks():
    def values(seed):
        return sample_metrics.kernel_distance(
            REAL, GENERATED, num_blocks=2, block_size=50, seed=seed
        ).values

    np.testing.assert_array_equal(values(1), values(1))
    assert (values(1) != values(2)).all()


def test_the_kernel_distance_of_random_halves_is_0_on_average_and_a_biased_one_is_not():
    pool, halves, biased = REAL[:200], [], []
    rng = np.random.default_rng(0)
    for _ in range(300):
        x, y = np.split(rng.permutation(pool), 2)
        estimate = sample_metrics.kernel_distance(x, y, num_blocks=1, block_size=100, seed=0)
        halves.append(estimate.mean)
        kernels = [distances._kernel(a, b) for a, b in ((x, x), (y, y), (x, y))]
        biased.append(kernels[0].mean() + kernels[1].mean() - 2 * kernels[2].mean())

    def errors_from_0(values):
        return abs(np.mean(values)) / (np.std(values, ddof=1) / math.sqrt(len(values)))

    # Each half is drawn alike, so every kernel is one of two different samples of the pool
    # and the expectation is exactly 0. Four standard errors: 1 seed in 16,000 strays further.
    assert errors_from_0(halves) < 4
    # The biased one counts each sample with itself as well, and is above 0 for that.
    assert errors_from_0(biased) > 10


def test_the_kernel_distance_sees_a_difference():
    found = sample_metrics.kernel_distance(REAL, GENERATED, num_blocks=4, block_size=50, seed=0)
    assert found.mean > 4 * found.standard_error


# ---- neighbourhoods ------------------------------------------------------------------


def metrics_by_loops(real, generated, k):
    """Straight from the papers: every distance by subtraction, every ball in its turn."""

    def radii(points):
        found = []
        for i, point in enumerate(points):
            others = [math.dist(point, other) for j, other in enumerate(points) if j != i]
            found.append(sorted(others)[k - 1])
        return found

    of_real, of_generated = radii(real), radii(generated)
    distances = [[math.dist(x, y) for y in generated] for x in real]
    pairs = [[d <= of_real[i] for d in row] for i, row in enumerate(distances)]
    return sample_metrics.NeighbourMetrics(
        precision=np.mean([any(row[j] for row in pairs) for j in range(len(generated))]),
        recall=np.mean([any(d <= r for d, r in zip(row, of_generated, strict=True)) for row in distances]),
        density=sum(map(sum, pairs)) / (k * len(generated)),
        coverage=np.mean([any(row) for row in pairs]),
    )  # fmt: skip


def assert_same(found, expected, tolerance=1e-6):
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=tolerance), name


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_neighbour_metrics_are_those_of_plain_loops(k, offset):
    # With the offset, |a|^2 is 6e12 and distances are about 1: cancellation would show.
    expected = metrics_by_loops(REAL, GENERATED, k)
    found = sample_metrics.neighbour_metrics(REAL + offset, GENERATED + offset, k=k)
    assert_same(found, expected)
    assert 0.05 < expected.precision < 0.95  # or there would be nothing to tell apart
    assert 0.05 < expected.recall < 0.95


def test_distances_with_an_offset_agree_to_a_millionth():
    points, queries = REAL + 1e6, GENERATED + 1e6
    expected = np.linalg.norm(queries[:, None] - points, axis=2)
    centre = points.mean(axis=0)
    for rows, squared in neighbourhoods._squared_distances(queries - centre, points - centre):
        np.testing.assert_allclose(np.sqrt(squared), expected[rows], rtol=1e-6)


def test_the_size_of_the_blocks_changes_nothing(monkeypatch):
    expected = sample_metrics.neighbour_metrics(REAL, GENERATED)
    monkeypatch.setattr(neighbourhoods, "_BLOCK_ELEMENTS", 7 * 230)  # 200 = 28 * 7 + 4
    sizes = {
        rows.stop - rows.start for rows, _ in neighbourhoods._squared_distances(GENERATED, REAL)
    }
    assert sizes == {7}
    assert_same(sample_metrics.neighbour_metrics(REAL, GENERATED), expected, tolerance=0)


def test_identical_sets():
    found = sample_metrics.neighbour_metrics(REAL, REAL)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    # Each ball holds its centre and k others, the last of them on its surface.
    assert found.density == pytest.approx(6 / 5)


def test_a_sample_is_not_its_own_neighbour_and_its_copy_is():
    line = np.array([[0.0], [1.0], [3.0], [3.0]])
    found = neighbourhoods._squared_radii(line - line.mean(), 1)
    np.testing.assert_allclose(found, [1, 1, 0, 0], atol=1e-10)
    twice = np.repeat(REAL, 2, axis=0)
    # All balls have radius 0 and hold the two copies of their centre.
    found = sample_metrics.neighbour_metrics(twice, twice, k=1)
    assert (found.precision, found.recall, found.density, found.coverage) == (1, 1, 2, 1)


def test_two_samples_of_one_distribution():
    real, generated = np.random.default_rng(1).normal(size=(2, 1000, 4))
    found = sample_metrics.neighbour_metrics(real, generated)
    # A ball stays empty if the 5 samples nearest to its centre, of both sets together, are all
    # real: with chance 2^-5. Over 30
    # seeds density strays by 0.016 and coverage by 0.007; the bands are four times that.
    assert found.density == pytest.approx(1, abs=0.064)
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.028)


def test_sets_far_apart_have_nothing_in_common():
    found = sample_metrics.neighbour_metrics(REAL, GENERATED + 1000)
    assert found == sample_metrics.NeighbourMetrics(0.0, 0.0, 0.0, 0.0)


def test_a_dropped_mode_lowers_recall_and_coverage_but_not_precision():
    rng = np.random.default_rng(2)
    two_modes = rng.normal(size=(400, 3)) + np.repeat([[0.0], [50.0]], 200, axis=0)
    one_mode = rng.normal(size=(400, 3))
    found = sample_metrics.neighbour_metrics(two_modes, one_mode)
    # Half of the real samples lie where nothing was generated, 87 away.
    assert found.precision > 0.9
    assert 0.4 < found.recall <= 0.5
    assert 0.4 < found.coverage <= 0.5


@FEW
@given(shift=st.floats(-1000, 1000), scale=st.floats(0.01, 100), k=st.integers(1, 8))
def test_neighbour_metrics_know_no_unit_and_no_origin(shift, scale, k):
    real, generated = REAL[:60], GENERATED[:50]
    expected = sample_metrics.neighbour_metrics(real, generated, k=k)
    moved = [scale * x + shift for x in (real, generated)]
    assert_same(sample_metrics.neighbour_metrics(*moved, k=k), expected)


# ---- classes -------------------------------------------------------------------------


def test_shares_of_labels_and_of_probabilities():
    labels = np.array([0, 2, 2, 1], dtype=np.uint8)
    np.testing.assert_allclose(sample_metrics.class_histogram(labels, 4), [0.25, 0.25, 0.5, 0])
    probabilities = np.full((4, 4), 0.1, dtype=np.float32)
    probabilities[np.arange(4), labels] = 0.7
    np.testing.assert_allclose(
        sample_metrics.class_histogram(probabilities, 4), [0.25, 0.25, 0.5, 0]
    )


@FEW
@given(st.lists(st.integers(0, 6), min_size=1))
def test_shares_add_up_to_1_and_the_covered_are_those_that_occur(labels):
    shares = sample_metrics.class_histogram(np.array(labels), 7)
    assert shares.sum() == pytest.approx(1)
    assert sample_metrics.classes_covered(shares, 1e-9) == len(set(labels))


def test_classes_covered_counts_from_the_share_on():
    shares = np.array([0.5, 0.25, 0.25, 0.0])
    assert [sample_metrics.classes_covered(shares, x) for x in (0.01, 0.25, 0.3, 0.6)] == [
        3,
        3,
        1,
        0,
    ]


def test_mean_confidence_is_that_of_the_largest():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.0, 0.9]])
    assert sample_metrics.mean_confidence(probabilities) == pytest.approx(0.8)


# ---- all at once ---------------------------------------------------------------------


def look(features, seed: int) -> SimpleNamespace:
    """Features, and probabilities of four classes, of which the first is the commonest."""
    scores = np.random.default_rng(seed).dirichlet((4, 2, 1, 0.5), size=len(features))
    return SimpleNamespace(features=features, probabilities=scores)


def test_a_report_holds_each_measure_of_the_right_images():
    real, generated = look(REAL, 0), look(GENERATED, 1)
    found = sample_metrics.report(real, generated, k=3, seed=4)
    assert found.num_samples == 200
    assert found.fid_28 == pytest.approx(frechet_with_sqrtm(REAL, GENERATED), rel=1e-6)
    # As many blocks of as many images as 200 generated ones fill.
    blocks = sample_metrics.kernel_distance(REAL, GENERATED, num_blocks=10, block_size=20, seed=4)
    np.testing.assert_array_equal(found.kernel_distance.values, blocks.values)
    loops = metrics_by_loops(REAL, GENERATED, 3)
    assert_same(found.neighbours, loops)
    assert abs(loops.precision - loops.recall) > 0.005  # or one for the other would hide
    confidence = generated.probabilities.max(axis=1).mean()
    assert found.confidence == pytest.approx(confidence, rel=1e-12)
    assert abs(confidence - real.probabilities.max(axis=1).mean()) > 0.002
    counts = np.bincount(generated.probabilities.argmax(axis=1), minlength=4)
    np.testing.assert_allclose(found.class_shares, counts / 200)


def test_a_report_as_numbers_names_each_by_its_own_name():
    numbers = sample_metrics.report(look(REAL, 0), look(GENERATED, 1), k=3, seed=4)
    loops = metrics_by_loops(REAL, GENERATED, 3)
    told = numbers.as_numbers()
    for name in ("precision", "recall", "density", "coverage"):
        assert told[name] == round(float(getattr(loops, name)), 4)
    assert told["fid_28"] == round(numbers.fid_28, 3)
    assert told["kernel_distance"] == round(numbers.kernel_distance.values.mean(), 4)
    error = numbers.kernel_distance.values.std(ddof=1) / math.sqrt(10)
    assert told["kernel_distance_error"] == round(error, 4)
    assert told["smallest_class_share"] == round(numbers.class_shares.min(), 4)
    assert told["mean_confidence"] == round(numbers.confidence, 4)


@pytest.mark.parametrize(
    ("num_real", "num_generated", "size"), [(30_000, 20_000, 1000), (4_000, 9_000, 400), (9, 8, 2)]
)
def test_a_report_takes_ten_blocks_of_at_most_a_thousand(
    monkeypatch, num_real, num_generated, size
):
    asked = []
    monkeypatch.setattr(
        summary, "kernel_distance", lambda real, generated, **how: asked.append(how) or how
    )
    for name in ("frechet_distance", "neighbour_metrics"):
        monkeypatch.setattr(summary, name, lambda *_, **__: None)
    real, generated = (look(np.zeros((number, 1)), 0) for number in (num_real, num_generated))
    sample_metrics.report(real, generated, seed=7)
    assert asked == [{"num_blocks": 10, "block_size": size, "seed": 7}]


def test_reports_look_at_each_pair_and_keep_its_order():
    pairs = {"one": (REAL, GENERATED), "turned": (GENERATED, REAL)}
    found = sample_metrics.reports(lambda features: look(features, len(features)), pairs)
    assert found["one"].num_samples == 200
    assert found["turned"].num_samples == 230
    assert found["one"].neighbours.precision == pytest.approx(found["turned"].neighbours.recall)


# ---- memorisation --------------------------------------------------------------------


def test_nearest_neighbours_are_those_of_plain_loops():
    rng = np.random.default_rng(4)
    images, training = rng.random((9, 5, 4)), rng.random((31, 5, 4))
    found = sample_metrics.nearest_neighbours(images, training)
    distances = np.array([[math.dist(a.ravel(), b.ravel()) for b in training] for a in images])
    np.testing.assert_array_equal(found.indices, distances.argmin(axis=1))
    np.testing.assert_allclose(found.distances, distances.min(axis=1), rtol=1e-12)


def test_nearest_neighbours_over_more_than_one_block_on_both_sides():
    # A line of 5000 points; the query 0.4 past a point belongs to it. Blocks are 2048 long.
    training = np.random.default_rng(0).permutation(np.arange(5000.0))
    places = np.random.default_rng(1).permutation(5000)
    found = sample_metrics.nearest_neighbours(training[places, None] + 0.4, training[:, None])
    np.testing.assert_array_equal(found.indices, places)
    np.testing.assert_allclose(found.distances, 0.4, rtol=1e-6)


def test_grey_levels_of_8_bits_do_not_wrap_around():
    images = np.array([[[10, 250]]], dtype=np.uint8)
    training = np.array([[[250, 10]], [[13, 254]]], dtype=np.uint8)
    found = sample_metrics.nearest_neighbours(images, training)
    assert (found.indices.tolist(), found.distances.tolist()) == ([1], [5.0])


IMAGES = np.random.default_rng(6).random((900, 4, 4), dtype=np.float32)
TRAINING, HELD_OUT, UNSEEN = np.split(IMAGES, 3)


def test_copies_have_a_ratio_of_0_and_near_copies_almost():
    assert sample_metrics.memorisation_ratio(TRAINING[::-1], TRAINING, HELD_OUT) == 0
    noise = np.random.default_rng(7).normal(scale=1e-3, size=TRAINING.shape)
    # The noise is 0.001 * sqrt(16) = 0.004 long; nearest unseen images are about 0.9 away.
    ratio = sample_metrics.memorisation_ratio(TRAINING + noise, TRAINING, HELD_OUT)
    assert 0.001 < ratio < 0.02


def test_unseen_images_have_a_ratio_of_1():
    # Distances are 0.94 ± 0.11; a median of 300 strays by 1.25 * 0.11 / sqrt(300) = 0.008, so a
    # ratio of two by about sqrt(2) * 0.008 / 0.94 = 0.012, and 0.05 is four times that.
    ratio = sample_metrics.memorisation_ratio(UNSEEN, TRAINING, HELD_OUT)
    assert ratio == pytest.approx(1, abs=0.05)


# ---- errors --------------------------------------------------------------------------

PAIRS = {
    "frechet_distance": sample_metrics.frechet_distance,
    "kernel_distance": lambda real, generated: sample_metrics.kernel_distance(
        real, generated, num_blocks=2, block_size=10, seed=0
    ),
    "neighbour_metrics": sample_metrics.neighbour_metrics,
}


def with_value(value):
    changed = GENERATED.copy()
    changed[7, 2] = value
    return changed


BAD_FEATURES = {
    "nan": (with_value(np.nan), ["nan", "row 7", "remove"]),
    "infinity": (with_value(-np.inf), ["-inf", "row 7", "remove"]),
    "width": (GENERATED[:, :5], ["6", "5", "same classifier"]),
    "one dimension": (GENERATED[:, 0], ["(200,)", "(N, D)"]),
    "images": (np.zeros((5, 28, 28)), ["(5, 28, 28)", "(N, D)"]),
    "no width": (np.zeros((5, 0)), ["(5, 0)", "(N, D)"]),
    "constant": (np.full((50, 6), 0.1), ["all 50 samples", "variance 0", "look"]),
    "one sample": (GENERATED[:1], ["There are 1", "at least 2"]),
    "no sample": (GENERATED[:0], ["There are 0", "at least 2"]),
    "text": (np.full((5, 6), "a"), ["<U1", "give numbers"]),
    "complex": (GENERATED + 1j, ["complex128", "give numbers"]),
}


@pytest.mark.parametrize("measure", PAIRS)
@pytest.mark.parametrize("bad", BAD_FEATURES)
def test_bad_features_are_refused(measure, bad, one_sentence):
    features, words = BAD_FEATURES[bad]
    for name, pair in (("real", (features, REAL)), ("generated", (REAL, features))):
        with pytest.raises(ValueError, match=r"features|samples") as caught:
            PAIRS[measure](*pair)
        one_sentence(caught.value, name, *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"block_size": 201, "num_blocks": 1}, ["1 blocks of 201 need 201", "200 generated", "lower"]),
        ({"block_size": 50, "num_blocks": 5}, ["5 blocks of 50 need 250", "230 real", "lower"]),
        ({"block_size": 1}, ["block_size is 1", "at least 2"]),
        ({"block_size": 10.5}, ["block_size is 10.5", "whole number"]),
        ({"num_blocks": 0}, ["num_blocks is 0", "at least 1"]),
        ({}, ["10 blocks of 1000 need 10000", "lower"]),
    ],
)  # fmt: skip
def test_blocks_that_the_samples_do_not_fill_are_refused(arguments, words, one_sentence):
    with pytest.raises(ValueError, match="block") as caught:
        sample_metrics.kernel_distance(REAL, GENERATED, seed=0, **arguments)
    one_sentence(caught.value, *words)


def test_fewer_samples_than_neighbours_are_refused(one_sentence):
    with pytest.raises(ValueError, match="neighbours") as caught:
        sample_metrics.neighbour_metrics(REAL, GENERATED[:5])
    one_sentence(caught.value, "5 generated", "5 neighbours", "at least 6", "lower k")
    with pytest.raises(ValueError, match="neighbours") as caught:
        sample_metrics.neighbour_metrics(REAL[:3], GENERATED, k=3)
    one_sentence(caught.value, "3 real", "at least 4")
    sample_metrics.neighbour_metrics(REAL[:4], GENERATED, k=3)  # just enough


@pytest.mark.parametrize("k", [0, -1, 2.5])
def test_a_strange_number_of_neighbours_is_refused(k, one_sentence):
    with pytest.raises(ValueError, match="k is") as caught:
        sample_metrics.neighbour_metrics(REAL, GENERATED, k=k)
    one_sentence(caught.value, k, "at least 1")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.array([0, 10]), ["0 to 10", "0 to 9", "num_classes"]),
        (np.array([-1, 3]), ["-1 to 3", "num_classes"]),
        (np.array([], dtype=int), ["0 labels", "at least one"]),
        (np.array([1.0, 2.0]), ["float64", "whole numbers"]),
        (np.full((3, 4), 0.25), ["(3, 4)", "(N, 10)"]),
        (np.zeros((0, 10)), ["(0, 10)", "at least 1"]),
    ],
)
def test_labels_that_do_not_fit_are_refused(values, words, one_sentence):
    with pytest.raises(ValueError, match=r"labels|probabilities") as caught:
        sample_metrics.class_histogram(values, 10)
    one_sentence(caught.value, *words)


def test_no_class_at_all_is_refused(one_sentence):
    with pytest.raises(ValueError, match="num_classes") as caught:
        sample_metrics.class_histogram(np.array([0]), 0)
    one_sentence(caught.value, "num_classes is 0", "at least 1")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([[0.5, 0.5], [2.0, 3.0]], ["row 1", "5", "softmax"]),
        ([[-1.0, 2.0]], ["-1", "no logits"]),
        ([[0.5, np.nan]], ["nan", "row 0", "remove"]),
        ([0.5, 0.5], ["(2,)", "(N, num_classes)"]),
    ],
)
def test_what_is_no_probability_is_refused(values, words, one_sentence):
    with pytest.raises(ValueError, match="probabilities") as caught:
        sample_metrics.mean_confidence(np.array(values))
    one_sentence(caught.value, *words)


@pytest.mark.parametrize("at_least", [0, -0.1, 1.1, math.nan])
def test_a_share_for_which_an_empty_class_would_count_is_refused(at_least, one_sentence):
    with pytest.raises(ValueError, match="at_least") as caught:
        sample_metrics.classes_covered(np.array([1.0, 0.0]), at_least)
    one_sentence(caught.value, at_least, "empty class", "at most 1")


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ([0.5, 0.2], ["shares", "0.7", "divide"]),
        ([[1.0]], ["shares", "(1, 1)", "num_classes"]),
        ([], ["shares", "(0,)"]),
        ([1.0, np.inf], ["shares", "inf", "row 1"]),
    ],
)
def test_what_is_no_share_is_refused(shares, words, one_sentence):
    with pytest.raises(ValueError, match="shares") as caught:
        sample_metrics.classes_covered(np.array(shares), 0.1)
    one_sentence(caught.value, *words)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((3, 5, 4)), ["(5, 4)", "(4, 4)", "reshape"]),
        (np.zeros((0, 4, 4)), ["(0, 4, 4)", "at least one"]),
        (np.zeros(4), ["(4,)", "image_shape"]),
        (np.full((2, 4, 4), np.nan), ["nan", "row 0", "remove"]),
    ],
)
def test_images_that_do_not_fit_are_refused(images, words, one_sentence):
    with pytest.raises(ValueError, match="images") as caught:
        sample_metrics.nearest_neighbours(images, TRAINING)
    one_sentence(caught.value, *words)
    for arguments in ((images, TRAINING, HELD_OUT), (UNSEEN, TRAINING, images)):
        with pytest.raises(ValueError, match=r"generated images|held-out images") as caught:
            sample_metrics.memorisation_ratio(*arguments)
        one_sentence(caught.value, *words)


def test_held_out_images_that_were_trained_on_are_refused(one_sentence):
    with pytest.raises(ValueError, match="held-out") as caught:
        sample_metrics.memorisation_ratio(UNSEEN, TRAINING, TRAINING[:20])
    one_sentence(caught.value, "is 0", "not among the training images")
