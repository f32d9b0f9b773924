"""The objectives against scipy, Monte Carlo and exact cases, in 64 bits."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special, stats

from aigc_utils import objectives

MANY = settings(max_examples=60)


@pytest.fixture
def rng():
    """Random numbers that are the same in each test, whichever run before it."""
    return np.random.default_rng(0)


def number(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def vectors(low: float, high: float, size: int = 4):
    return hnp.arrays(np.float64, size, elements=st.floats(low, high, width=64))


# ---- closed forms --------------------------------------------------------------------


def test_bernoulli_log_likelihood_is_that_of_scipy(rng):
    logits = rng.normal(size=(3, 7)) * 3
    x = (rng.random((3, 7)) < 0.5).astype(np.float64)
    expected = stats.bernoulli.logpmf(x, special.expit(logits)).sum(axis=-1)
    np.testing.assert_allclose(
        number(objectives.bernoulli_log_likelihood(x, logits)), expected, rtol=1e-10
    )


def test_bernoulli_log_likelihood_of_grey_values_is_the_negative_cross_entropy(rng):
    logits, x = rng.normal(size=(3, 7)), rng.random((3, 7))
    p = special.expit(logits)
    expected = (special.xlogy(x, p) + special.xlog1py(1 - x, -p)).sum(axis=-1)
    np.testing.assert_allclose(
        number(objectives.bernoulli_log_likelihood(x, logits)), expected, rtol=1e-10
    )


def test_gaussian_log_likelihood_is_that_of_scipy(rng):
    x, mean, log_var = (rng.normal(size=(3, 7)) for _ in range(3))
    expected = stats.norm.logpdf(x, mean, np.exp(log_var / 2)).sum(axis=-1)
    np.testing.assert_allclose(
        number(objectives.gaussian_log_likelihood(x, mean, log_var)), expected, rtol=1e-10
    )


def test_gaussian_log_likelihood_takes_one_variance_for_all(rng):
    x, mean = rng.normal(size=(3, 7)), rng.normal(size=(3, 7))
    expected = stats.norm.logpdf(x, mean, math.exp(-0.7)).sum(axis=-1)
    found = objectives.gaussian_log_likelihood(
        x, mean, keras.ops.convert_to_tensor(-1.4, "float64")
    )
    np.testing.assert_allclose(number(found), expected, rtol=1e-7)  # -1.4 itself is exact to 1e-16


def test_standard_normal_log_prob_is_that_of_the_multivariate_normal(rng):
    z = rng.normal(size=(5, 4))
    expected = stats.multivariate_normal(np.zeros(4), np.eye(4)).logpdf(z)
    np.testing.assert_allclose(number(objectives.standard_normal_log_prob(z)), expected, rtol=1e-10)


def test_kl_is_that_of_the_textbook_formula_for_full_covariances(rng):
    mean, log_var = rng.normal(size=3), rng.normal(size=3)
    covariance = np.diag(np.exp(log_var))
    expected = 0.5 * (np.trace(covariance) + mean @ mean - 3 - np.log(np.linalg.det(covariance)))
    assert float(objectives.kl_divergence(mean, log_var)) == pytest.approx(expected, rel=1e-10)


def test_kl_is_what_monte_carlo_finds(rng):
    mean, log_var = np.array([0.5, -1.0, 2.0]), np.array([-1.0, 0.3, 0.0])
    z = mean + np.exp(log_var / 2) * rng.standard_normal((200_000, 3))
    log_q = stats.norm.logpdf(z, mean, np.exp(log_var / 2)).sum(axis=1)
    differences = log_q - stats.norm.logpdf(z).sum(axis=1)
    error = differences.std() / math.sqrt(len(differences))  # 0.005 nats
    # Four standard errors: by chance one run in 16,000, and the seed is fixed.
    assert abs(float(objectives.kl_divergence(mean, log_var)) - differences.mean()) < 4 * error


# ---- properties ----------------------------------------------------------------------


@MANY
@given(mean=vectors(-30, 30), log_var=vectors(-30, 30))
def test_kl_is_never_negative(mean, log_var):
    # Terms of order exp(log_var) cancel, so rounding is relative to them.
    assert float(objectives.kl_divergence(mean, log_var)) >= -1e-14 * np.exp(log_var).sum()


@MANY
@given(mean=vectors(-3, 3), log_var=vectors(-3, 3))
def test_kl_vanishes_only_at_the_prior(mean, log_var):
    found = float(objectives.kl_divergence(mean, log_var))
    if max(np.abs(mean).max(), np.abs(log_var).max()) >= 0.01:
        # At a distance of 0.01 the smaller of mean^2/2 and (e^v - 1 - v)/2 is 2.5e-5.
        assert found > 2e-5
    else:
        assert found < 1e-3


def test_kl_is_exactly_zero_at_the_prior():
    assert float(objectives.kl_divergence(np.zeros(5), np.zeros(5))) == 0.0


@MANY
@given(logits=vectors(-50, 50), x=vectors(0, 1))
def test_bernoulli_log_likelihood_is_never_positive(logits, x):
    assert float(objectives.bernoulli_log_likelihood(x, logits)) <= 1e-12


@MANY
@given(logits=vectors(-50, 50), x=vectors(0, 1))
def test_swapping_black_and_white_changes_no_likelihood(logits, x):
    one = float(objectives.bernoulli_log_likelihood(x, logits))
    other = float(objectives.bernoulli_log_likelihood(1 - x, -logits))
    assert one == pytest.approx(other, rel=1e-9, abs=1e-12)


@MANY
@given(log_weights=vectors(-700, 700, size=8))
def test_the_importance_weighted_bound_tightens_with_more_samples(log_weights):
    # Averaged over groups of k of the same weights, Jensen makes this exact, draw by draw.
    def mean_bound(k):
        groups = log_weights.reshape(8 // k, k)
        return float(np.mean(number(objectives.importance_weighted_bound(groups, axis=1))))

    bounds = [mean_bound(k) for k in (1, 2, 4, 8)]
    assert np.all(np.diff(bounds) >= -1e-9)


def test_the_bound_gains_strictly_where_weights_differ():
    weights = np.log(np.array([[1.0], [3.0]]))
    assert float(objectives.importance_weighted_bound(weights)[0]) == pytest.approx(math.log(2))
    assert weights.mean() < math.log(2) - 0.1  # one sample a time: (log 1 + log 3)/2 = 0.549


# ---- stability -----------------------------------------------------------------------


@pytest.mark.parametrize(("x", "logit", "expected"), [(1, 1e4, 0), (0, -1e4, 0), (1, -1e4, -1e4), (0, 1e4, -1e4)])  # fmt: skip
def test_huge_logits_neither_overflow_nor_lose_the_gradient(x, logit, expected):
    logits = tf.constant([[float(logit)]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = objectives.bernoulli_log_likelihood(tf.constant([[float(x)]]), logits)
    assert float(value[0]) == expected
    # The slope is x - sigmoid(logit), which is 0 or 1 out there.
    assert float(tape.gradient(value, logits)[0, 0]) == x - (logit > 0)


def test_the_bound_survives_weights_that_would_underflow():
    log_weights = np.array([[-2000.0], [-2000.0]])
    assert float(objectives.importance_weighted_bound(log_weights)[0]) == -2000.0


# ---- reparameterization --------------------------------------------------------------


def test_gradients_flow_through_a_sample_to_mean_and_variance():
    mean, log_var = tf.constant([1.0, -2.0]), tf.constant([0.4, -1.0])
    noise = tf.constant([0.5, -1.5])
    with tf.GradientTape() as tape:
        tape.watch([mean, log_var])
        z = objectives.reparameterize(mean, log_var, noise)
    by_mean, by_log_var = tape.gradient(z, [mean, log_var])
    np.testing.assert_allclose(by_mean, [1.0, 1.0])
    # dz/d log_var = sigma * noise / 2.
    np.testing.assert_allclose(by_log_var, 0.5 * np.exp(log_var / 2) * noise, rtol=1e-6)


def test_samples_have_the_wanted_mean_and_variance(rng):
    noise = rng.standard_normal((100_000, 2))
    z = number(objectives.reparameterize(np.array([3.0, -1.0]), np.log([4.0, 0.25]), noise))
    # Standard errors: sigma / sqrt(1e5) <= 0.0064, and var * sqrt(2e-5) <= 0.018.
    np.testing.assert_allclose(z.mean(axis=0), [3, -1], atol=4 * 0.0064)
    np.testing.assert_allclose(z.var(axis=0), [4, 0.25], atol=4 * 0.018)


# ---- bounds on an exact likelihood ---------------------------------------------------


def linear_gaussian():
    """p(z) = N(0, 1), p(x|z) = N(z, 0.5 I) in two dimensions: posterior and evidence known."""
    x = np.array([0.7, 1.9])
    evidence = stats.multivariate_normal(np.zeros(2), np.ones((2, 2)) + 0.5 * np.eye(2)).logpdf(x)
    precision = 1 + 2 / 0.5
    return x, evidence, np.array([x.sum() / 0.5 / precision]), np.array([-math.log(precision)])


def log_weights_of(x, mean, log_var, num_samples):
    noise = np.random.default_rng(1).standard_normal((num_samples, 1))
    z = number(objectives.reparameterize(mean, log_var, noise))
    log_joint = objectives.gaussian_log_likelihood(
        x, z, np.full(2, math.log(0.5))
    ) + objectives.standard_normal_log_prob(z)
    return number(log_joint) - number(objectives.gaussian_log_likelihood(z, mean, log_var))


@pytest.mark.parametrize("k", [1, 7])
def test_with_the_exact_posterior_every_weight_is_the_evidence(k):
    x, evidence, mean, log_var = linear_gaussian()
    log_weights = log_weights_of(x, mean, log_var, k)
    np.testing.assert_allclose(log_weights, evidence, rtol=1e-10)
    assert float(objectives.importance_weighted_bound(log_weights)) == pytest.approx(evidence)


def test_with_another_posterior_the_elbo_stays_below_by_the_kl_between_them():
    x, evidence, mean, log_var = linear_gaussian()
    off_mean, off_log_var = mean + 0.5, log_var + 0.3
    log_weights = log_weights_of(x, off_mean, off_log_var, 100_000)
    ratio = math.exp(0.3)
    gap = 0.5 * (ratio + 0.25 / math.exp(log_var[0]) - 1 - 0.3)  # KL(q || posterior) = 0.65
    error = log_weights.std() / math.sqrt(100_000)
    assert abs(evidence - log_weights.mean() - gap) < 4 * error


def test_elbo_subtracts_the_weighted_kl():
    assert objectives.elbo(-10.0, 4.0) == -14.0
    assert objectives.elbo(-10.0, 4.0, kl_weight=0.5) == -12.0


# ---- shapes --------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [(), (3,), (2, 3), (2, 3, 4)])
def test_batch_axes_are_kept_and_the_last_is_summed(batch, rng):
    values = rng.random((*batch, 5))
    for found in (
        objectives.bernoulli_log_likelihood(values, values),
        objectives.gaussian_log_likelihood(values, values, values),
        objectives.standard_normal_log_prob(values),
        objectives.kl_divergence(values, values),
    ):
        assert tuple(found.shape) == batch


def test_an_event_of_two_axes_is_summed_over_both(rng):
    x, logits = rng.random((3, 4, 5)), rng.normal(size=(3, 4, 5))
    found = objectives.bernoulli_log_likelihood(x, logits, event_ndim=2)
    flat = objectives.bernoulli_log_likelihood(x.reshape(3, 20), logits.reshape(3, 20))
    np.testing.assert_allclose(number(found), number(flat), rtol=1e-12)


@pytest.mark.parametrize(
    "objective",
    [
        lambda v: objectives.bernoulli_log_likelihood(v, v),
        lambda v: objectives.gaussian_log_likelihood(v, 2 * v, v),
        objectives.standard_normal_log_prob,
        lambda v: objectives.kl_divergence(v, v),
    ],
    ids=["bernoulli", "gaussian", "standard normal", "kl"],
)
def test_twice_the_pixels_give_twice_the_nats_so_it_is_a_sum_and_no_mean(objective, rng):
    values = rng.random(6)
    assert float(objective(np.tile(values, 2))) == pytest.approx(2 * float(objective(values)))


@pytest.mark.parametrize(("axis", "shape"), [(0, (3, 4)), (1, (2, 4)), (-1, (2, 3))])
def test_the_bound_removes_the_axis_of_samples(axis, shape, rng):
    log_weights = rng.normal(size=(2, 3, 4))
    found = objectives.importance_weighted_bound(log_weights, axis=axis)
    expected = special.logsumexp(log_weights, axis=axis) - math.log(log_weights.shape[axis])
    assert tuple(found.shape) == shape
    np.testing.assert_allclose(number(found), expected, rtol=1e-12)
