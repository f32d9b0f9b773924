"""Measures against cases whose answer is known."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from scipy import special, stats

from aigc_utils import data, metrics, models

pytestmark = pytest.mark.usefixtures("seeded")


class LinearGaussian:
    """p(z) = N(0, I), p(x|z) = N(W z, s^2 I): likelihood and posterior are known exactly.

    ``spread`` multiplies the posterior's standard deviation; 1 makes it exact, and then
    every importance weight is the likelihood itself.
    """

    def __init__(self, spread: float = 1.0):
        rng = np.random.default_rng(0)
        self.weights, self.variance, self.spread = rng.normal(size=(5, 2)), 0.5, spread
        self.covariance = np.linalg.inv(np.eye(2) + self.weights.T @ self.weights / self.variance)
        self.root = spread * np.linalg.cholesky(self.covariance)
        self.generator = keras.random.SeedGenerator(1)

    def check_inputs(self, inputs):
        data.check_images(inputs, (5,))

    def log_importance_weights(self, x, num_samples):
        ops = keras.ops
        x = ops.convert_to_tensor(x, "float64")
        mean = x @ (self.weights @ self.covariance / self.variance)
        shape = (num_samples, ops.shape(x)[0], 2)
        noise = keras.random.normal(shape, dtype="float64", seed=self.generator)
        z = mean + noise @ self.root.T

        def log_normal(residual, log_det, dims):
            return -0.5 * (
                ops.sum(ops.square(residual), axis=-1) + log_det + dims * math.log(2 * math.pi)
            )

        residual = (x - z @ self.weights.T) / math.sqrt(self.variance)
        log_q = log_normal(noise, 2 * np.log(np.linalg.det(self.root)), 2)
        return log_normal(residual, 5 * math.log(self.variance), 5) + log_normal(z, 0, 2) - log_q

    def log_likelihood(self, x):
        covariance = self.weights @ self.weights.T + self.variance * np.eye(5)
        return stats.multivariate_normal(np.zeros(5), covariance).logpdf(x)


POINTS = np.random.default_rng(3).random((12, 5))


@pytest.mark.parametrize("num_samples", [1, 50, 120])
def test_with_exact_weights_the_nll_is_the_known_one(num_samples):
    model = LinearGaussian()
    found = metrics.importance_weighted_nll(model, POINTS, num_samples=num_samples, batch_size=5)
    # No sampling noise is left, so only rounding in 64 bits.
    np.testing.assert_allclose(found.values, -model.log_likelihood(POINTS), rtol=1e-9)


def test_with_another_posterior_many_samples_still_find_the_known_nll():
    model = LinearGaussian(spread=1.5)
    found = metrics.importance_weighted_nll(model, POINTS, num_samples=5000)
    exact = -model.log_likelihood(POINTS).mean()
    # The variance of a weight over its mean squared, for two Gaussian dimensions whose
    # proposal is 1.5 times too wide, is (1.5^4 / (2 * 1.5^2 - 1)) - 1 = 0.45.
    error = math.sqrt(0.45 / 5000 / len(POINTS))
    assert abs(found.mean - exact) < 4 * error + 0.45 / 5000  # and the bias of the logarithm


class Counting:
    """A model whose weights and bounds are told to it, and that counts its draws."""

    def __init__(self, values):
        self.values, self.draws = np.asarray(values), []

    def check_inputs(self, inputs):
        pass

    def log_importance_weights(self, x, num_samples):
        self.draws.append(num_samples)
        return keras.ops.convert_to_tensor(np.tile(self.values, (num_samples, 1)))

    def elbo_terms(self, x):
        self.draws.append(1)
        return keras.ops.convert_to_tensor(self.values), keras.ops.zeros(len(self.values))

    def log_likelihood(self, x):
        return keras.ops.convert_to_tensor(self.values)


def test_by_default_500_samples_are_drawn_and_one_for_the_elbo(monkeypatch):
    monkeypatch.setattr(metrics, "compiled", lambda function: function)  # each call is seen
    model = Counting(np.full(12, -230.0))
    found = metrics.importance_weighted_nll(model, POINTS)
    assert sum(model.draws) == 500
    assert max(model.draws) <= 50  # more at once would not fit into memory
    assert found.mean == pytest.approx(230, abs=1e-9)  # log k taken off the sum
    model.draws.clear()
    metrics.importance_weighted_nll(model, POINTS, num_samples=120)
    assert sum(model.draws) == 120
    model.draws.clear()
    metrics.negative_elbo(model, POINTS)
    assert model.draws == [1]


@pytest.mark.parametrize(
    "measure", [metrics.importance_weighted_nll, metrics.exact_nll, metrics.negative_elbo]
)
def test_what_a_model_says_in_32_bits_is_averaged_in_64(measure):
    said = np.random.default_rng(1).normal(-230, 10, 12).astype(np.float32)
    found = measure(Counting(said), POINTS)
    assert found.values.dtype == np.float64
    expected = [-float(value) for value in said]
    # What 32 bits hold of 230 nats is 1e-5; sums of 64 are a million times nearer.
    np.testing.assert_allclose(found.values, expected, rtol=1e-13)
    assert found.mean == pytest.approx(math.fsum(expected) / 12, rel=1e-13)


def test_many_weights_are_added_up_in_64_bits():
    """log of the mean of 500 weights, each told in 32 bits."""
    said = np.random.default_rng(2).normal(-230, 3, (50, 12)).astype(np.float32)

    class Varied(Counting):
        def log_importance_weights(self, x, num_samples):
            return keras.ops.convert_to_tensor(self.values[:num_samples])

    found = metrics.importance_weighted_nll(Varied(said), POINTS, num_samples=500)
    exact = special.logsumexp(said.astype(np.float64), axis=0) - math.log(50)
    np.testing.assert_allclose(found.values, -exact, rtol=1e-13)


def test_one_sample_says_more_nats_than_many():
    model = LinearGaussian(spread=1.5)
    one, many = (
        metrics.importance_weighted_nll(model, np.tile(POINTS, (50, 1)), num_samples=k)
        for k in (1, 100)
    )
    # The gap is KL(q || posterior) = 2 * (1.5^2 - 1 - 2 ln 1.5) / 2 = 0.44 nats.
    assert one.mean - many.mean == pytest.approx(0.44, abs=0.15)


def test_the_trained_models_nll_lies_between_the_noise_floor_and_its_elbo(trained, fashion, binary_test):  # fmt: skip
    images = binary_test[:200]
    nll = metrics.importance_weighted_nll(trained.model, images, num_samples=100)
    bound = metrics.negative_elbo(trained.model, images, num_samples=20)
    floor = metrics.noise_floor(data.to_unit(fashion.x_test[:200]))
    assert floor.mean < nll.mean < bound.mean
    assert nll.values.shape == bound.values.shape == (200,)


def test_the_batch_size_changes_no_result_but_by_noise(trained, binary_test):
    images = binary_test[:60]
    large, small = (
        metrics.importance_weighted_nll(trained.model, images, num_samples=200, batch_size=size)
        for size in (60, 7)
    )
    # Image by image: with 200 samples each estimate is within some tenths of a nat.
    assert np.abs(large.values - small.values).mean() < 1.0


def test_more_draws_keep_the_mean_of_the_elbo_and_lessen_its_noise(trained, binary_test):
    images = binary_test[:60]

    def noise(num_samples):
        draws = [
            metrics.negative_elbo(trained.model, images, num_samples=num_samples).values
            for _ in range(8)
        ]
        return np.std(draws, axis=0).mean(), np.mean(draws)

    (one, mean_of_one), (sixteen, mean_of_sixteen) = noise(1), noise(16)
    assert sixteen < one / 2  # four times less, in expectation
    assert mean_of_one == pytest.approx(mean_of_sixteen, abs=1.0)


@pytest.mark.parametrize("num_samples", [0, -1])
@pytest.mark.parametrize("measure", [metrics.importance_weighted_nll, metrics.negative_elbo])
def test_less_than_one_sample_is_refused(measure, num_samples, trained, binary_test, one_sentence):
    with pytest.raises(ValueError, match="num_samples") as caught:
        measure(trained.model, binary_test[:5], num_samples=num_samples)
    one_sentence(caught.value, num_samples, "at least 1")


@pytest.mark.parametrize("measure", [metrics.importance_weighted_nll, metrics.negative_elbo])
def test_images_that_do_not_fit_are_refused_before_measuring(measure, trained, one_sentence):
    with pytest.raises(ValueError, match="pixels") as caught:
        measure(trained.model, np.full((3, 28, 28), 200.0))
    one_sentence(caught.value, "200", "to_unit")


def test_a_mapping_of_images_and_labels_is_batched_together(binary_test, fashion):
    model = models.ConditionalVAE(2, hidden_units=(8,))
    inputs = {"images": binary_test[:7], "labels": fashion.y_test[:7].astype(np.int32)}
    assert metrics.negative_elbo(model, inputs, batch_size=3).values.shape == (7,)
    found = metrics.importance_weighted_nll(model, inputs, num_samples=2, batch_size=3)
    assert found.values.shape == (7,)


# ---- active units --------------------------------------------------------------------


def test_a_collapsed_model_has_no_active_unit(grey):
    model = models.VAE(3, hidden_units=(8,))
    last = model.encoder.layers[-1]
    last.kernel.assign(keras.ops.zeros((8, 6)))
    last.bias.assign([5.0, -5.0, 0.0, 0.0, 0.0, 0.0])  # a mean that ignores the image
    assert metrics.active_units(model, grey).tolist() == [False] * 3


def test_a_trained_model_has_active_units(trained, grey):
    assert metrics.active_units(trained.model, grey).tolist() == [True, True]


def test_a_unit_is_active_by_the_variance_of_its_mean_from_a_hundredth_on():
    class Encoder:
        def encode(self, inputs):
            turns = np.where(np.arange(100) % 2, 1.0, -1.0)[:, None]
            # Variances 0.0081 and 0.0121, whose roots are both far above 0.01.
            return keras.ops.convert_to_tensor(turns * np.array([[0.09, 0.11]])), None

    assert metrics.active_units(Encoder(), None).tolist() == [False, True]
    assert metrics.active_units(Encoder(), None, threshold=0.1).tolist() == [False, False]
    assert metrics.active_units(Encoder(), None, threshold=0.005).tolist() == [True, True]


def test_the_threshold_decides_what_is_active(trained, grey):
    assert not metrics.active_units(trained.model, grey, threshold=1e6).any()


# ---- numbers -------------------------------------------------------------------------


def test_an_estimate_is_the_mean_and_its_standard_error():
    estimate = metrics.Estimate.of(np.array([1.0, 2.0, 3.0, 4.0]))
    assert estimate.mean == 2.5
    assert estimate.standard_error == pytest.approx(math.sqrt(5 / 3) / 2)
    assert str(estimate) == "2.50 ± 0.65"


def test_a_single_value_has_an_infinite_error():
    assert metrics.Estimate.of(np.array([3.0])).standard_error == math.inf


@pytest.mark.parametrize(
    "values",
    [[], [[1, 2], [3, 4]], ["1", "2"], [math.nan, 1.0], 3.0, (x for x in (1, 2)), [None, 1]],
    ids=["none", "two rows", "texts", "NaN", "a number", "a generator", "None"],
)
def test_what_is_no_row_of_numbers_has_no_mean(values, one_sentence, recwarn):
    with pytest.raises(ValueError, match="give a list of numbers") as caught:
        metrics.Estimate.of(values)
    one_sentence(caught.value)
    assert not recwarn


def test_small_whole_numbers_do_not_overflow():
    assert metrics.Estimate.of(np.full(300, 100, np.int8)).mean == 100
    assert metrics.Estimate.of(range(5)).mean == 2


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((5, 4, 4)), ["(4, 4, 4)", "(5, 4, 4)"]),
        (np.zeros((4, 4)), ["(4, 4, 4)", "(4, 4)"]),
        (np.full((4, 4, 4), 255, np.uint8), ["from 255 to 255", "to_unit"]),
        (np.full((4, 4, 4), np.nan), ["NaN"]),
    ],
)
def test_images_that_cannot_be_compared_are_refused(images, words, one_sentence):
    with pytest.raises(ValueError, match=r"give|repair|divide") as caught:
        metrics.peak_signal_to_noise(np.zeros((4, 4, 4)), images)
    one_sentence(caught.value, *words)


def test_two_thirds_of_repetitions_fall_within_one_standard_error():
    rng = np.random.default_rng(0)
    within = [
        abs(e.mean) < e.standard_error
        for e in (metrics.Estimate.of(rng.normal(size=100)) for _ in range(1000))
    ]
    # 68 % expected; a binomial of 1000 has a standard error of 1.5 %.
    assert np.mean(within) == pytest.approx(0.683, abs=0.06)


def test_an_estimate_sums_in_64_bits():
    values = np.random.default_rng(0).normal(237.3, 20, 10_000).astype(np.float32)
    estimate = metrics.Estimate.of(values)
    numbers = [float(value) for value in values]
    mean = math.fsum(numbers) / 10_000
    error = math.sqrt(math.fsum((x - mean) ** 2 for x in numbers) / 9_999 / 10_000)
    assert estimate.mean == pytest.approx(mean, rel=1e-13)
    assert estimate.standard_error == pytest.approx(error, rel=1e-12)


def test_the_noise_floor_and_the_noise_of_images_are_summed_in_64_bits():
    images = np.random.default_rng(3).random((4, 28, 28), dtype=np.float32)
    p = images.astype(np.float64).reshape(4, -1)
    entropy = -(special.xlogy(p, p) + special.xlog1py(1 - p, -p))
    np.testing.assert_allclose(
        metrics.noise_floor(images).values, [math.fsum(row) for row in entropy], rtol=1e-13
    )
    shifted = images[::-1]
    error = [math.fsum(row) / 784 for row in (p - p[::-1]) ** 2]
    np.testing.assert_allclose(
        metrics.peak_signal_to_noise(images, shifted).values, -10 * np.log10(error), rtol=1e-13
    )


def test_bits_a_pixel_of_the_published_likelihood():
    # 228.70 / (784 ln 2) = 0.42084
    assert metrics.bits_per_dim(228.70, 784) == pytest.approx(0.4208, abs=5e-5)


def test_the_noise_floor_is_ln_2_a_medium_grey_pixel_and_0_for_black_and_white():
    images = np.array([[[0.5, 0.5]], [[0.0, 1.0]]])
    np.testing.assert_allclose(metrics.noise_floor(images).values, [2 * math.log(2), 0])


def test_peak_signal_to_noise_of_a_known_error():
    reference = np.zeros((2, 4, 4))
    images = np.stack([np.full((4, 4), 0.1), np.full((4, 4), 0.01)])
    # -10 log10(0.01) = 20 dB and -10 log10(0.0001) = 40 dB.
    np.testing.assert_allclose(metrics.peak_signal_to_noise(reference, images).values, [20, 40])
