"""The VAEs: they refuse what cannot work, learn, generate, and can be saved."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from scipy import stats

from aigc_utils import data, metrics, models, objectives

pytestmark = pytest.mark.usefixtures("seeded")


def small_vae(**arguments) -> models.VAE:
    return models.VAE(2, **{"hidden_units": (16,)} | arguments)


def small_conditional(**arguments) -> models.ConditionalVAE:
    return models.ConditionalVAE(2, **{"hidden_units": (16,)} | arguments)


@pytest.fixture(scope="module", params=["bernoulli", "gaussian", "conditional"])
def fitted(request, started, grey, fashion):
    """Each kind of VAE after an ordinary compile and fit, with what it lost before and after."""
    import aigc_utils

    aigc_utils.seed_everything(0)
    inputs = grey
    if request.param == "conditional":
        model = small_conditional()
        inputs = {"images": grey, "labels": fashion.y_train[: len(grey)].astype(np.int32)}
    else:
        model = small_vae(decoder_distribution=request.param)
    model.adapt(grey)
    model.compile(keras.optimizers.Adam(0.02))
    before = model.evaluate(inputs, batch_size=160, verbose=0, return_dict=True)
    # Three steps an epoch; a variance that starts at 1 needs the most.
    epochs = 80 if request.param == "gaussian" else 40
    model.fit(inputs, batch_size=107, epochs=epochs, verbose=0)
    after = model.evaluate(inputs, batch_size=160, verbose=0, return_dict=True)
    return SimpleNamespace(
        kind=request.param, model=model, inputs=inputs, before=before, after=after
    )


# ---- refusing ------------------------------------------------------------------------


@pytest.mark.parametrize("latent_dim", [0, -1, 2.5, True, "2", None, math.nan])
def test_a_number_of_latents_that_is_not_whole_and_positive_is_refused(latent_dim, one_sentence):
    with pytest.raises(ValueError, match="latent_dim") as caught:
        models.VAE(latent_dim)
    one_sentence(caught.value, repr(latent_dim), "at least 1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"decoder_distribution": "poisson"}, ["'poisson'", '"bernoulli" or "gaussian"']),
        ({"hidden_units": ()}, ["hidden_units", "(256,)"]),
        ({"hidden_units": (16, 0)}, ["hidden_units", "0", "at least 1"]),
        ({"importance_samples": 0}, ["importance_samples", "0", "at least 1"]),
    ],
)
def test_other_arguments_out_of_range_are_refused(arguments, words, one_sentence):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are checked below
        small_vae(**arguments)
    one_sentence(caught.value, *words)


@pytest.mark.parametrize("num_classes", [0, 1, 2.0, True])
def test_fewer_than_two_classes_are_refused(num_classes, one_sentence):
    with pytest.raises(ValueError, match="num_classes") as caught:
        small_conditional(num_classes=num_classes)
    one_sentence(caught.value, repr(num_classes), "at least 2")


def image_with_nan(grey):
    images = grey.copy()
    images[7, 3, 3] = np.nan
    return images


BAD_INPUTS = {
    "NaN": (image_with_nan, ["Image 7", "NaN"]),
    "wrong shape": (lambda grey: grey[:, :27], ["(320, 27, 28)", "(N, 28, 28)"]),
    "grey levels": (lambda grey: grey * 255, ["0 to 255", "divide", "to_unit"]),
    "no images": (lambda grey: grey[:0], ["no images"]),
}


@pytest.mark.parametrize("bad", BAD_INPUTS)
@pytest.mark.parametrize("method", ["fit", "evaluate", "predict", "adapt"])
def test_bad_images_are_refused_before_anything_changes(method, bad, grey, one_sentence):
    model = small_vae()
    model.compile("adam")
    weights = model.get_weights()
    spoil, words = BAD_INPUTS[bad]
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are checked below
        getattr(model, method)(spoil(grey))
    one_sentence(caught.value, *words)
    for before, now in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, now)


@pytest.mark.parametrize("wrap", [lambda x: (x,), lambda x: x], ids=["in a tuple", "bare"])
def test_bad_validation_images_are_refused_before_training(grey, wrap):
    model = small_vae()
    model.compile("adam")
    weights = model.get_weights()
    with pytest.raises(ValueError, match="Image 7 contains NaN"):
        model.fit(grey, validation_data=wrap(image_with_nan(grey)), verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], weights[0])


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (lambda grey: grey, ["labels", '"images"']),
        (lambda grey: {"images": grey}, ["labels"]),
        (lambda grey: {"images": grey, "labels": np.zeros(3, np.int32)}, ["(3,)", "320"]),
        (lambda grey: {"images": grey, "labels": np.full(320, 10)}, ["10 to 10", "0 to 9"]),
        (lambda grey: {"images": grey, "labels": np.zeros(320)}, ["float64", "whole"]),
        (lambda grey: {"images": grey * 255, "labels": np.zeros(320, int)}, ["0 to 255"]),
    ],
    ids=["bare images", "no labels", "too few", "no such class", "fractions", "grey levels"],
)
def test_a_conditional_model_refuses_labels_that_do_not_fit(inputs, words, grey, one_sentence):
    model = small_conditional()
    model.compile("adam")
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are checked below
        model.fit(inputs(grey), verbose=0)
    one_sentence(caught.value, *words)


@pytest.mark.parametrize("temperature", [-1, -0.001, math.nan])
def test_a_negative_temperature_is_refused(temperature, one_sentence):
    with pytest.raises(ValueError, match="temperature") as caught:
        small_vae().generate(2, temperature=temperature)
    one_sentence(caught.value, temperature, "0 or more")


@pytest.mark.parametrize("num_samples", [0, -3, 1.5])
@pytest.mark.parametrize("build", [small_vae, small_conditional])
def test_a_number_of_samples_that_is_not_positive_is_refused(build, num_samples, one_sentence):
    label = {"label": 3} if build is small_conditional else {}
    with pytest.raises(ValueError, match="num_samples") as caught:
        build().generate(num_samples, **label)
    one_sentence(caught.value, num_samples, "at least 1")


@pytest.mark.parametrize("label", [10, -1, 2.5, True])
def test_a_label_that_is_no_class_is_refused(label, one_sentence):
    with pytest.raises(ValueError, match="label") as caught:
        small_conditional().generate(2, label=label)
    one_sentence(caught.value)


# ---- learning ------------------------------------------------------------------------


def test_fitting_lowers_the_loss_by_a_margin(fitted):
    # The start predicts the mean image. 120 steps of a tiny network find the rough shape:
    # measured gains are 77 (Bernoulli), 98 (conditional) and about 800 (Gaussian) nats.
    margin = {"bernoulli": 40, "conditional": 40, "gaussian": 400}[fitted.kind]
    assert fitted.after["loss"] < fitted.before["loss"] - margin


def test_evaluate_reports_the_two_terms_whose_difference_is_the_loss(fitted):
    after = fitted.after
    assert after["kl"] > 1  # the latents are used
    # Equal but for 32-bit rounding of sums of some hundred nats.
    assert after["loss"] == pytest.approx(after["kl"] - after["log_likelihood"], abs=0.05)


def test_predict_gives_intensities_in_the_shape_of_the_images(fitted, grey):
    predicted = fitted.model.predict(fitted.inputs, batch_size=160, verbose=0)
    assert predicted.shape == grey.shape
    assert predicted.dtype == np.float32
    assert 0 <= predicted.min() < predicted.max() <= 1


def test_predictions_are_closer_to_the_images_than_the_mean_image(fitted, grey):
    predicted = fitted.model.predict(fitted.inputs, batch_size=160, verbose=0)
    of_the_mean = np.square(grey - grey.mean(axis=0)).mean()
    # Two latents explain over half of the variance of these articles; a quarter is safe.
    assert np.square(grey - predicted).mean() < 0.75 * of_the_mean


def test_generated_images_are_intensities_and_differ(fitted):
    label = {"label": 3} if fitted.kind == "conditional" else {}
    images = fitted.model.generate(5, seed=1, **label)
    assert images.shape == (5, 28, 28)
    assert images.dtype == np.float32
    assert 0 <= images.min() < images.max() <= 1
    assert np.abs(images[0] - images[1]).max() > 0.01


def test_the_gaussian_variance_becomes_the_residual_variance(fitted, grey):
    if fitted.kind != "gaussian":
        assert not hasattr(fitted.model, "decoder_log_var")
        return
    mean, log_var = fitted.model.encode(grey)
    noise = np.random.default_rng(0).standard_normal(mean.shape).astype(np.float32)
    z = objectives.reparameterize(mean, log_var, noise)
    output = keras.ops.convert_to_numpy(fitted.model.decoder(z)).reshape(grey.shape)
    residual = np.square(grey - output).mean()
    # The optimum is the mean squared residual (Rybkin et al., 2021); Adam's last steps and
    # the moving network leave some per cent. It began at 1, some 25 times too large.
    assert math.exp(float(fitted.model.decoder_log_var)) == pytest.approx(residual, rel=0.15)
    assert residual < 0.1


def test_a_conditional_model_draws_what_the_label_says(fitted, fashion):
    if fitted.kind != "conditional":
        assert fitted.model.condition_dim == 0
        return
    trousers, boots = (fitted.model.generate(50, label=label).mean(axis=0) for label in (1, 9))
    real_trousers, real_boots = (
        data.to_unit(fashion.x_train[fashion.y_train == label]).mean(axis=0) for label in (1, 9)
    )
    for made, right, wrong in (
        (trousers, real_trousers, real_boots),
        (boots, real_boots, real_trousers),
    ):
        assert np.square(made - right).mean() < 0.5 * np.square(made - wrong).mean()


def test_the_loss_of_a_training_epoch_is_kl_less_log_likelihood(trained):
    history = {name: np.array(values) for name, values in trained.history.items()}
    np.testing.assert_allclose(
        history["loss"], history["kl"] - history["log_likelihood"], atol=0.05
    )


@pytest.mark.slow
def test_the_same_seed_trains_to_the_same_numbers(trained, train_small, grey):
    again = train_small(grey, seed=0)
    assert again.history["loss"] == trained.history["loss"]
    for one, other in zip(again.model.get_weights(), trained.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_trains_to_other_numbers(trained, train_small, grey):
    other = train_small(grey, seed=1, epochs=1)
    assert other.history["loss"][0] != trained.history["loss"][0]


def test_evaluate_of_binary_images_is_the_negative_elbo(trained, binary_test):
    model, images = trained.model, binary_test[:300]
    evaluated = [
        model.evaluate(images, batch_size=300, verbose=0, return_dict=True)["loss"]
        for _ in range(12)
    ]
    draws = [metrics.negative_elbo(model, images).mean for _ in range(12)]
    # Both are means of independent draws of z for the same images.
    error = math.sqrt((np.var(evaluated) + np.var(draws)) / 11)
    assert error < 0.3
    assert abs(np.mean(evaluated) - np.mean(draws)) < 4 * error


def test_binary_images_are_observed_as_they_are(trained, binary_test):
    observed = trained.model._observe(binary_test[:50].reshape(50, -1))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(observed), binary_test[:50].reshape(50, -1))  # fmt: skip


def test_grey_images_are_drawn_anew_each_time_they_are_seen(trained, grey):
    flat = grey[:50].reshape(50, -1)
    first, second = (keras.ops.convert_to_numpy(trained.model._observe(flat)) for _ in range(2))
    assert set(np.unique(first)) == {0.0, 1.0}
    assert (first != second).any()


def test_a_gaussian_decoder_sees_the_grey_image_itself(grey):
    flat = grey[:5].reshape(5, -1)
    assert small_vae(decoder_distribution="gaussian")._observe(flat) is flat


def test_eight_importance_samples_bound_the_likelihood_tighter_than_one(trained, binary_test):
    tighter = small_vae(importance_samples=8)
    tighter.set_weights(trained.model.get_weights())
    images = binary_test[:200]

    def loss(model):
        return np.mean([float(model.compute_loss(images)) for _ in range(20)])

    # 20 draws for 200 images leave 0.05 nats of noise; the gap of this model is over one nat.
    assert loss(tighter) < loss(trained.model) - 0.2


def test_importance_weights_average_to_less_than_the_elbo_alone_says(trained, binary_test):
    log_weights = keras.ops.convert_to_numpy(
        trained.model.log_importance_weights(binary_test[:100], 200)
    )
    assert log_weights.shape == (200, 100)
    # The mean log weight is the ELBO, whatever computes it; noise here is 0.05 nats.
    elbo = -metrics.negative_elbo(trained.model, binary_test[:100], num_samples=50).mean
    assert log_weights.mean() == pytest.approx(elbo, abs=0.4)


@pytest.mark.parametrize("kind", ["VAE", "ConditionalVAE"])
def test_importance_weights_are_those_of_plain_formulas_image_by_image(kind, binary_test):
    """log p(x|z, y) + log p(z) - log q(z|x, y) by scipy, each image with its own label."""
    model = small_vae() if kind == "VAE" else small_conditional()
    rng = np.random.default_rng(4)
    model.set_weights([rng.normal(0, 0.15, w.shape) for w in model.get_weights()])
    images, num_samples = binary_test[:6], 3
    labels = np.arange(6, dtype=np.int32)
    inputs = images if kind == "VAE" else {"images": images, "labels": labels}
    state = model.seed_generator.state.numpy()
    noise = np.asarray(keras.random.normal((num_samples, 6, 2), seed=model.seed_generator))
    model.seed_generator.state.assign(state)  # so that the model draws the same
    found = np.asarray(model.log_importance_weights(inputs, num_samples))

    mean, log_var = (np.asarray(part, np.float64) for part in model.encode(inputs))
    deviation = np.exp(log_var / 2)
    expected, log_ratios = np.zeros((num_samples, 6)), np.zeros((num_samples, 6))
    for s, i in np.ndindex(num_samples, 6):
        z = mean[i] + deviation[i] * noise[s, i]
        told = z if kind == "VAE" else np.concatenate([z, np.eye(10)[labels[i]]])
        logits = np.asarray(model.decoder(told[None].astype(np.float32)), np.float64)[0]
        x = images[i].ravel()
        log_likelihood = (x * logits - np.logaddexp(0, logits)).sum()
        log_ratios[s, i] = (
            stats.norm.logpdf(z).sum() - stats.norm.logpdf(z, mean[i], deviation[i]).sum()
        )
        expected[s, i] = log_likelihood + log_ratios[s, i]
    # Sums of 784 float32 numbers; what a log-ratio of 1.03 times its size would change is more.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=0.005)
    assert 0.03 * np.abs(log_ratios).max() > 0.05


def test_a_larger_kl_weight_raises_the_loss_by_that_share_of_the_kl(trained, binary_test):
    model = small_vae()
    model.set_weights(trained.model.get_weights())
    model.encoder.layers[-1].kernel.assign(keras.ops.zeros((16, 4)))  # then the KL is constant
    model.encoder.layers[-1].bias.assign([1.0, 2.0, 0.0, 0.0])  # 2.5 nats
    losses = []
    for weight in (1.0, 3.0):
        model.kl_weight.assign(weight)
        model.seed_generator.state.assign([0, 1])  # the same noise for both
        losses.append(float(model.compute_loss(binary_test[:50])))
    # Twice 2.5 nats more; what is left is rounding of sums of some hundred nats.
    assert losses[1] - losses[0] == pytest.approx(5.0, abs=0.01)


# ---- starting from the mean ----------------------------------------------------------


@pytest.mark.parametrize("decoder", ["bernoulli", "gaussian"])
def test_adapt_makes_an_untrained_model_predict_the_mean(decoder, grey):
    model = small_vae(decoder_distribution=decoder)
    model.adapt(grey)
    middle = keras.ops.convert_to_numpy(model.decode(np.zeros((1, 2))))[0]
    # Bernoulli means are clipped to 0.001..0.999, so that logits stay finite.
    np.testing.assert_allclose(middle, grey.mean(axis=0), atol=0.0011)


def test_without_adapt_an_untrained_model_predicts_medium_grey():
    middle = keras.ops.convert_to_numpy(small_vae().decode(np.zeros((1, 2))))
    np.testing.assert_allclose(middle, 0.5)


def test_after_adapt_the_encoder_sees_images_less_their_mean(grey):
    model = small_vae()
    model.adapt(grey)
    mean, log_var = model.encode(grey.mean(axis=0)[None])
    # Nothing but (untrained, zero) biases is left for the mean image itself.
    np.testing.assert_allclose(keras.ops.convert_to_numpy(mean), 0, atol=1e-5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(log_var), 0, atol=1e-5)


# ---- generating ----------------------------------------------------------------------


def test_the_same_seed_generates_the_same_images(trained):
    np.testing.assert_array_equal(
        trained.model.generate(4, seed=3), trained.model.generate(4, seed=3)
    )


def test_different_seeds_generate_different_images(trained):
    assert np.abs(trained.model.generate(4, seed=3) - trained.model.generate(4, seed=4)).max() > 0.1


def test_temperature_zero_generates_one_image_only(trained):
    cold = trained.model.generate(4, temperature=0)
    np.testing.assert_allclose(cold, np.broadcast_to(cold[0], cold.shape), atol=1e-6)
    assert np.ptp(trained.model.generate(4), axis=0).max() > 0.1  # warm ones do differ


def test_temperature_multiplies_the_latents(trained):
    model = trained.model
    np.testing.assert_allclose(
        model.sample_latents(5, temperature=0.5, seed=1), 0.5 * model.sample_latents(5, seed=1)
    )


def test_latents_are_what_numpy_draws_from_the_seed(trained):
    """The same on every machine, to the last bit; 0.9 times the temperature would be another."""
    drawn = np.random.default_rng(6).standard_normal((4, 2))
    found = trained.model.sample_latents(4, temperature=0.7, seed=6)
    np.testing.assert_array_equal(found, (0.7 * drawn).astype(np.float32))


def test_latents_come_from_a_standard_normal(trained):
    latents = trained.model.sample_latents(20_000, seed=1)
    # Standard errors 0.007 and 0.005; four of them.
    np.testing.assert_allclose(latents.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(latents.std(axis=0), 1, atol=0.02)


def test_another_label_uses_the_same_latents():
    model = small_conditional()
    shirt, boot = (model.generate(3, label=label, seed=5) for label in (6, 9))
    assert np.abs(shirt - boot).max() > 0.001
    np.testing.assert_array_equal(shirt, model.generate(3, label=6, seed=5))


# ---- saving --------------------------------------------------------------------------


@pytest.mark.parametrize("build", [small_vae, small_conditional])
def test_a_model_is_rebuilt_from_its_config_through_json(build):
    model = build(
        activation="silu", image_shape=(6, 4), decoder_distribution="gaussian",
        importance_samples=3, seed=9,
    )  # fmt: skip
    twin = type(model).from_config(json.loads(json.dumps(model.get_config())))
    assert twin.get_config() == model.get_config()
    assert twin.image_shape == (6, 4)
    assert [w.shape for w in twin.get_weights()] == [w.shape for w in model.get_weights()]


def test_weights_travel_through_kerass_own_files(trained, grey, tmp_path):
    path = tmp_path / "model.weights.h5"
    trained.model.save_weights(path)
    twin = small_vae()
    twin.load_weights(path)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(twin(grey[:20])),
        keras.ops.convert_to_numpy(trained.model(grey[:20])),
    )


@pytest.mark.parametrize("image_shape", [(6, 4), (24,), (2, 3, 4)])
def test_images_of_any_rank_keep_their_shape(image_shape):
    model = small_vae(image_shape=image_shape)
    assert model.num_pixels == 24
    assert model.generate(3).shape == (3, *image_shape)
    assert tuple(model(np.zeros((5, *image_shape), np.float32)).shape) == (5, *image_shape)


def test_the_last_batch_may_hold_a_single_image(trained, binary_test):
    found = trained.model.evaluate(binary_test[:65], batch_size=64, verbose=0, return_dict=True)
    assert math.isfinite(found["loss"])
