"""The VAE with an autoregressive decoder: a true p(x|z), and latents that still matter."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest

from aigc_utils import data, metrics, models, runtime

pytestmark = pytest.mark.usefixtures("seeded")


def tiny(**changes) -> models.PixelVAE:
    settings = {
        "hidden_units": (16,), "channels": 4, "num_convs": 1, "features": 3, "head_units": 5,
    }  # fmt: skip
    return models.PixelVAE(2, **settings | {"image_shape": (2, 4)} | changes)


@pytest.fixture
def model():
    """A model whose weights are all far from zero, so that no dependence is hidden."""
    model = tiny()
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.7, w.shape) for w in model.get_weights()])
    model.kl_weight.assign(1.0)
    return model


def all_images() -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=8)), np.float32)


def conditional_log_likelihood(model, latents) -> np.ndarray:
    """log p(x|z) of all 256 images, shape (256,), for one z."""
    output = np.repeat(np.asarray(model.decoder(latents[None])), 256, axis=0)
    return np.asarray(model._log_likelihood(all_images(), output), dtype=np.float64)


def test_given_the_latents_the_probabilities_of_all_images_add_up_to_one(model):
    for latents in np.random.default_rng(1).normal(size=(3, 2)):
        total = np.exp(conditional_log_likelihood(model, latents.astype(np.float32))).sum()
        assert total == pytest.approx(1.0, abs=1e-5)


def test_latents_and_near_pixels_both_move_the_probabilities(model):
    first, second = (np.full(2, value, np.float32) for value in (-1.0, 1.0))
    moved = conditional_log_likelihood(model, first) - conditional_log_likelihood(model, second)
    assert np.abs(moved).max() > 0.1
    images = np.zeros((2, 8), np.float32)
    images[1, 0] = 1
    output = np.repeat(np.asarray(model.decoder(first[None])), 2, axis=0)
    logits = np.asarray(model._logits(images, output))
    assert np.abs(logits[0] - logits[1])[1:].max() > 0.01
    assert logits[0, 0] == logits[1, 0]


def test_importance_weights_agree_with_the_sum_over_a_grid_of_latents(model):
    """log p(x) of every image by integrating over z numerically, and by sampling."""
    # A posterior near the prior covers all latents, as importance sampling needs.
    last = model.encoder.layers[-1]
    last.set_weights([0.1 * weight for weight in last.get_weights()])
    grid = np.linspace(-6, 6, 61, dtype=np.float32)
    latents = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    weight = np.exp(-0.5 * (latents.astype(float) ** 2).sum(1)) / (2 * np.pi) * 0.2**2
    images = all_images()[::37]
    output = np.asarray(model.decoder(latents))
    exact = []
    for image in images:
        rows = np.repeat(image[None], len(output), axis=0)
        exact.append(np.log(weight @ np.exp(np.asarray(model._log_likelihood(rows, output)))))
    estimate = metrics.importance_weighted_nll(
        model, images.reshape(-1, 2, 4), num_samples=20_000
    ).values
    # 20,000 samples leave some hundredths of a nat.
    np.testing.assert_allclose(estimate, -np.array(exact), atol=0.1)


def test_many_samples_at_once_give_the_same_likelihoods_as_one_by_one(model):
    images = all_images()[:5]
    output = np.random.default_rng(2).normal(size=(3, 5, model.decoder_outputs)).astype("float32")
    together = np.asarray(model._log_likelihood(images, output))
    one_by_one = [np.asarray(model._log_likelihood(images, part)) for part in output]
    np.testing.assert_allclose(together, one_by_one, rtol=1e-5)


def test_samples_follow_the_likelihood_given_the_latents(model):
    latents = np.repeat(np.array([[0.5, -1.0]], np.float32), 3000, axis=0)
    intensities = model.decode(latents, seed=1)
    coins = np.random.default_rng(1).random((3000, 8))
    drawn = (coins < intensities.reshape(3000, 8)).astype(int)
    counts = np.bincount(drawn @ (1 << np.arange(8)[::-1]), minlength=256)
    expected = 3000 * np.exp(conditional_log_likelihood(model, latents[0]))
    often = expected > 5
    chi2 = ((counts - expected)[often] ** 2 / expected[often]).sum()
    assert chi2 < often.sum() + 5 * np.sqrt(2 * often.sum())


@pytest.mark.slow
def test_it_learns_and_its_weights_can_be_saved(grey, tmp_path):
    model = models.PixelVAE(4, hidden_units=(64,), channels=8, num_convs=1, features=2)
    model.adapt(grey)
    model.compile(keras.optimizers.Adam(0.003))
    binary = data.binarize(grey, 0)
    before = model.evaluate(binary, verbose=0)
    model.fit(grey, epochs=15, batch_size=32, verbose=0)
    after = model.evaluate(binary, verbose=0)
    if isinstance(before, list):
        before, after = before[0], after[0]
    assert after < before - 40
    model.save_weights(tmp_path / "m.weights.h5")
    twin = models.PixelVAE(**model.arguments())
    twin.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(twin(binary[:4]), model(binary[:4]), rtol=1e-5)


def test_the_same_seed_generates_the_same_images(model):
    first, again, other = (model.generate(4, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (4, 2, 4)


def test_the_coins_of_pixels_know_nothing_of_the_latents(model, monkeypatch):
    """NumPy's normal and uniform numbers of one seed are made of the same bits: if latents and
    coins had one seed, |z| and the first coin would be correlated by 0.09."""
    handed = []
    monkeypatch.setattr(model, "decode", lambda z, seed: handed.append((z, seed)))
    for seed in range(8000):
        model.generate(1, seed=seed)
    size = np.abs([z[0] for z, _ in handed])
    coins = np.array([np.random.default_rng(seed).random(8) for _, seed in handed])
    found = np.corrcoef(size.T, coins.T)[:2, 2:]
    # The standard error of a correlation of 0 over 8,000 draws is 0.011; of 16, none is past four.
    assert np.abs(found).max() < 0.045
    alike = np.array([np.random.default_rng(seed).random(8) for seed in range(8000)])
    assert np.corrcoef(size[:, 0], alike[:, 0])[0, 1] > 0.06  # what one seed for both gives


def test_generated_images_are_decoded_latents(model):
    """The two parts that `generate` is made of, and each seed's own coins."""
    latents = model.sample_latents(3, temperature=0.8, seed=5)
    whole = model.generate(3, temperature=0.8, seed=5)
    np.testing.assert_array_equal(whole, model.decode(latents, seed=runtime.independent_seed(5)))


def test_pixels_are_drawn_with_the_probabilities_that_the_likelihood_gives_them():
    model = tiny(image_shape=(10, 12), num_convs=2)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
    z = rng.normal(size=(7, 2)).astype(np.float32)
    intensities = model.decode(z, temperature=0.9, seed=4).reshape(7, -1)
    drawn = (np.random.default_rng(4).random(intensities.shape) < intensities).astype(np.float32)
    logits = np.asarray(model._logits(drawn, model.decoder(z)))
    np.testing.assert_allclose(intensities, 1 / (1 + np.exp(-logits / 0.9)), atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"decoder_distribution": "gaussian"}, ("gaussian", "bernoulli")),
        ({"image_shape": (3, 4)}, ("image_shape", "(3, 4)", "divisible by 2")),
        ({"channels": 0}, ("channels", "0")),
        ({"num_convs": -1}, ("num_convs", "-1")),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_in_one_sentence(changes, words, one_sentence):
    with pytest.raises(ValueError, match=words[0]) as caught:
        tiny(**changes)
    one_sentence(caught.value, *words)
