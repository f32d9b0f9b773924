"""Autoregressive models: nothing sees its own future, likelihoods are exact and sum to one."""

from __future__ import annotations

import itertools
import re

import keras
import numpy as np
import pytest
from scipy import special

from aigc_utils import checkpoints, data, metrics, models
from aigc_utils.models import block_sampling
from aigc_utils.models.autoregressive import draw_pixels

pytestmark = pytest.mark.usefixtures("seeded")

TINY = (4, 2)  # 256 binary images: few enough to add up all probabilities


def tiny_made(**changes) -> models.MADE:
    return models.MADE(**{"hidden_units": (16, 16), "image_shape": TINY} | changes)


def tiny_blocks(**changes) -> models.BlockPixelCNN:
    settings = {
        "image_shape": TINY, "channels": 4, "num_convs": 2,
        "hidden_units": (12, 12), "features": 3, "head_units": 5,
    }  # fmt: skip
    return models.BlockPixelCNN(**settings | changes)


def tiny_deep(**changes) -> models.DeepPixelCNN:
    settings = {
        "image_shape": TINY, "channels": 4, "num_convs": 2, "hidden_units": (12, 12), "features": 3,
        "head_units": 5, "deep_channels": 6, "num_deep_pairs": 2, "deep_head_units": 3,
    }  # fmt: skip
    return models.DeepPixelCNN(**settings | changes)


def tiny_ensemble(image_shape=TINY, **changes) -> models.PixelCNNEnsemble:
    """A deep member and one of other widths."""
    kinds = ((tiny_deep, {}), (tiny_blocks, {"channels": 3, "hidden_units": (10, 10)} | changes))
    built = [kind(image_shape=image_shape, **widths) for kind, widths in kinds]
    members = [{"model": type(m).__name__, "arguments": m.arguments()} for m in built]
    return models.PixelCNNEnsemble(members, image_shape=image_shape)


KINDS = {
    "MADE": tiny_made,
    "MADE, one layer": lambda: tiny_made(hidden_units=(9,)),
    # Where inputs and hidden units are equally many, adding them up would leak.
    "MADE, as wide as the image": lambda: tiny_made(hidden_units=(8, 8)),
    "blocks": tiny_blocks,
    "blocks, as wide as the image": lambda: tiny_blocks(hidden_units=(8, 8)),
    "blocks side by side": lambda: tiny_blocks(image_shape=(2, 4)),
    "convolutions alone": lambda: tiny_blocks(hidden_units=()),
    "dense alone": lambda: tiny_blocks(num_convs=0),
    "deep": tiny_deep,
    "deep, side by side": lambda: tiny_deep(image_shape=(2, 4), num_deep_pairs=1),
    "ensemble": tiny_ensemble,
    "ensemble, one without a dense network": lambda: tiny_ensemble(hidden_units=()),
}


def shaken_up(model):
    """The model with weights all far from zero, so that no dependence is hidden."""
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.7, w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module", params=KINDS)
def model(request, started):
    """One of each kind, built once: no test changes its weights."""
    return shaken_up(KINDS[request.param]())


def all_images(model) -> np.ndarray:
    pixels = itertools.product((0, 1), repeat=model.num_pixels)
    return np.array(list(pixels), np.float32).reshape(-1, *model.image_shape)


def reach(model, images) -> np.ndarray:
    """Which logits a pixel moves: [changed pixel, moved logit] in the model's own order."""
    flat = images.reshape(len(images), -1)
    before = model(images).numpy().reshape(len(images), -1)
    moved = []
    for pixel in model.order:
        changed = flat.copy()
        changed[:, pixel] = 1 - changed[:, pixel]
        after = model(changed.reshape(images.shape)).numpy().reshape(len(images), -1)
        moved.append((np.abs(after - before).max(axis=0) > 0)[model.order])
    return np.array(moved)


def test_no_pixel_moves_its_own_logit_or_an_earlier_one(model):
    assert not np.tril(reach(model, all_images(model))).any()


@pytest.mark.parametrize(
    "kind", ["MADE", "blocks", "blocks side by side", "dense alone", "deep", "ensemble"]
)
def test_every_pixel_moves_all_later_logits(kind):
    model = shaken_up(KINDS[kind]())
    moved = reach(model, all_images(model))
    assert moved[np.triu_indices(len(moved), 1)].all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["untrained", "deep_pixelcnn_fashion"])
def test_a_large_model_keeps_the_order_too(name, grey):
    model = models.BlockPixelCNN() if name == "untrained" else checkpoints.load_model(name)
    images = data.binarize(grey[:2], 1)
    rank = np.empty(784, int)
    rank[model.order] = np.arange(784)
    before = model(images).numpy().reshape(2, -1)
    for pixel in (0, 1, 28, 29, 30, 391, 405, 600, 783):
        changed = images.copy().reshape(2, -1)
        changed[:, pixel] = 1 - changed[:, pixel]
        after = model(changed.reshape(images.shape)).numpy().reshape(2, -1)
        moved = np.abs(after - before).max(axis=0) > 0
        assert not moved[rank <= rank[pixel]].any()
        assert pixel == 783 or moved.any()


def test_probabilities_of_all_images_add_up_to_one(model):
    total = np.exp(model.log_likelihood(all_images(model)).numpy().astype(np.float64)).sum()
    assert total == pytest.approx(1.0, abs=1e-5)  # float32 sums of eight logarithms


def test_the_exact_likelihood_is_what_evaluate_reports(model):
    images = all_images(model)[::5]
    model.compile()
    loss = model.evaluate(images, batch_size=7, verbose=0)
    assert loss == pytest.approx(metrics.exact_nll(model, images, batch_size=7).mean, rel=1e-5)


def test_exact_nll_counts_every_image_once_whatever_the_batch():
    model = tiny_made()
    images = all_images(model)
    whole = metrics.exact_nll(model, images)
    assert whole.values.shape == (256,)
    parts = metrics.exact_nll(model, images, batch_size=100)
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-5)


def test_samples_follow_the_likelihood(model):
    """Frequencies of 4,000 draws against the probabilities: chi-squared by its own scale."""
    _, drawn = model.sample(4000, seed=1)
    numbers = drawn.reshape(4000, -1).astype(int) @ (1 << np.arange(8)[::-1])
    counts = np.bincount(numbers, minlength=256)
    expected = 4000 * np.exp(model.log_likelihood(all_images(model)).numpy().astype(np.float64))
    often = expected > 5
    chi2 = ((counts - expected)[often] ** 2 / expected[often]).sum()
    # The mean is the number of cells, its standard deviation the root of twice that.
    assert chi2 < often.sum() + 5 * np.sqrt(2 * often.sum())


def test_intensities_are_the_probabilities_that_each_pixel_was_drawn_with(model):
    intensities, drawn = model.sample(12, seed=2)
    assert set(np.unique(drawn)) <= {0.0, 1.0}
    np.testing.assert_allclose(intensities, model(drawn).numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "build",
    [
        lambda size: tiny_made(image_shape=size, hidden_units=(30, 30, 20)),
        # An activation that block_sampling has no NumPy twin of.
        lambda size: tiny_made(image_shape=size, activation="gelu"),
        lambda size: tiny_blocks(image_shape=size, num_convs=2, hidden_units=(40, 40)),
        lambda size: tiny_blocks(image_shape=size, num_convs=1, hidden_units=()),
        lambda size: tiny_deep(image_shape=size, num_deep_pairs=2),
        tiny_ensemble,
    ],
    ids=["MADE", "MADE, gelu", "blocks", "blocks, convolutions alone", "deep", "ensemble"],
)
def test_kept_units_and_places_draw_what_whole_passes_draw(build, monkeypatch):
    """Larger than what all kernels see, so that borders and rows are crossed."""
    model = shaken_up(build((10, 12)))
    monkeypatch.setattr(block_sampling, "IMAGES_AT_ONCE", 16)
    coins = np.random.default_rng(5).random((20, model.num_pixels))  # more than are drawn at once
    intensities, drawn = model.draw(coins, 0.8)
    slowly, drawn_slowly = draw_pixels(model.logits, model.order, coins, 0.8)
    np.testing.assert_allclose(intensities, slowly, atol=1e-4)  # float32, large weights
    assert (drawn == drawn_slowly).mean() > 0.9999  # a coin may lie between two roundings


def test_the_same_seed_draws_the_same_images_and_another_draws_others(model):
    first, again, other = (model.generate(5, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_temperature_divides_the_logits_of_the_pixels_before(model):
    intensities, drawn = model.sample(12, seed=2, temperature=0.7)
    flat = drawn.reshape(12, -1)
    logits = np.asarray(model.logits(flat), np.float64) / 0.7
    np.testing.assert_allclose(intensities.reshape(12, -1), special.expit(logits), atol=1e-5)


def test_a_low_temperature_draws_likelier_images(model):
    _, warm = model.sample(400, seed=0)
    _, cool = model.sample(400, seed=0, temperature=0.3)
    assert metrics.exact_nll(model, cool).mean < metrics.exact_nll(model, warm).mean - 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "build",
    [
        lambda: models.MADE((64,), seed=0),
        lambda: models.BlockPixelCNN(channels=8, num_convs=1, hidden_units=(64,), features=2),
        lambda: models.PixelCNNEnsemble(
            [
                {"model": "BlockPixelCNN", "arguments": {"channels": 4, "num_convs": 1}},
                {"model": "BlockPixelCNN", "arguments": {"channels": 8, "hidden_units": (64,)}},
            ]
        ),
    ],
    ids=["MADE", "BlockPixelCNN", "ensemble"],
)
def test_a_model_learns_from_real_images_and_its_weights_can_be_saved(build, grey, tmp_path):
    model = build()
    model.adapt(grey)
    model.compile(keras.optimizers.Adam(0.003))
    binary = data.binarize(grey, 0)
    before = model.evaluate(binary, verbose=0)
    model.fit(grey, epochs=15, batch_size=32, verbose=0)
    after = model.evaluate(binary, verbose=0)
    # Adapted to the mean image it starts near the independent pixels' 385 nats.
    assert 330 < before < 440
    assert after < before - 40
    model.save_weights(tmp_path / "m.weights.h5")
    twin = type(model)(**model.arguments())
    twin.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(twin(binary[:4]), model(binary[:4]), rtol=1e-5)


def test_a_new_deep_road_changes_nothing_and_comes_last_among_the_weights():
    shallow = shaken_up(tiny_blocks())
    deep = tiny_deep()
    begun = shallow.get_weights()
    deep.set_weights([*begun, *deep.get_weights()[len(begun) :]])
    images = all_images(shallow)
    np.testing.assert_array_equal(deep(images).numpy(), shallow(images).numpy())
    deep.compile(keras.optimizers.SGD(0.1))
    deep.fit(images[:64], epochs=1, verbose=0)
    assert np.abs(deep.deep.last.numpy()).max() > 0  # zero, and yet it learns


def test_an_ensemble_gives_each_image_at_least_the_mean_of_its_members_log_likelihoods():
    """The normalizer of a geometric mean of probabilities is at most 1 (Heskes, 1997)."""
    ensemble = shaken_up(tiny_ensemble())
    images = all_images(ensemble)
    members = [member.log_likelihood(images).numpy() for member in ensemble.members]
    won = ensemble.log_likelihood(images).numpy() - np.mean(members, axis=0)
    assert won.min() > -1e-4  # float32 sums of eight logarithms
    assert won.mean() > 0.5  # weights of 0.7 make members that disagree


def test_members_that_agree_win_nothing():
    settings = {"model": "BlockPixelCNN", "arguments": tiny_blocks().arguments()}
    ensemble = models.PixelCNNEnsemble([settings, settings], image_shape=TINY)
    one = shaken_up(tiny_blocks())
    ensemble.set_weights([*one.get_weights(), *one.get_weights()])
    images = all_images(one)
    np.testing.assert_allclose(ensemble(images).numpy(), one(images).numpy(), atol=1e-6)


def test_an_ensemble_adapts_each_of_its_members(grey):
    members = [
        {"model": "BlockPixelCNN", "arguments": {"channels": 4, "hidden_units": ()}},
        {"model": "BlockPixelCNN", "arguments": {"channels": 4, "hidden_units": (8,)}},
    ]
    ensemble = models.PixelCNNEnsemble(members)
    ensemble.adapt(grey)
    for member in ensemble.members:
        np.testing.assert_allclose(
            member.mean_image, grey.reshape(len(grey), -1).mean(0), atol=1e-6
        )


def test_dropout_acts_in_training_only():
    model = shaken_up(tiny_made(dropout=0.5, seed=1))
    images = all_images(model)
    still = [model.log_likelihood(images).numpy() for _ in range(2)]
    shaken = [model.log_likelihood(images, training=True).numpy() for _ in range(2)]
    np.testing.assert_array_equal(*still)
    assert not np.allclose(*shaken)
    # Still a likelihood: what is left out is left out for all pixels of an image alike.
    assert not np.allclose(still[0], shaken[0])


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: models.MADE(()), ("hidden_units", "(256,)")),
        (lambda: models.MADE((0,)), ("hidden_units", "0")),
        (lambda: models.MADE(dropout=1.0), ("dropout", "1.0")),
        (lambda: models.BlockPixelCNN(image_shape=(27, 28)), ("(27, 28)", "divisible by 2")),
        (lambda: models.BlockPixelCNN(image_shape=(28, 28, 1)), ("(28, 28, 1)", "divisible by 2")),
        (lambda: models.BlockPixelCNN(channels=0), ("channels", "0")),
        (lambda: models.BlockPixelCNN(num_convs=-1), ("num_convs", "-1")),
        (lambda: models.BlockPixelCNN(features=2.5), ("features", "2.5")),
        (lambda: models.DeepPixelCNN(hidden_units=()), ("hidden_units", "()")),
        (lambda: models.DeepPixelCNN(num_deep_pairs=0), ("num_deep_pairs", "0")),
        (lambda: models.PixelCNNEnsemble([]), ("members", "empty")),
        (
            lambda: models.PixelCNNEnsemble([{"model": "MADE", "arguments": {}}]),
            ("MADE", "BlockPixelCNN"),
        ),
        (
            lambda: models.PixelCNNEnsemble([{"model": "BlockPixelCNN"}]),
            ("BlockPixelCNN", "arguments"),
        ),
        (lambda: tiny_made().generate(0), ("num_samples", "0")),
        (lambda: tiny_made().generate(1, temperature=0), ("temperature", "0")),
        (lambda: tiny_made().adapt(np.full((3, *TINY), np.nan, np.float32)), ("NaN",)),
        (lambda: tiny_made().fit(np.zeros((3, 5, 5), np.float32)), ("(N, 4, 2)",)),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else "",
)
def test_what_cannot_work_is_refused_in_one_sentence(build, words, one_sentence):
    with pytest.raises(ValueError, match=re.escape(words[0])) as caught:
        build()
    one_sentence(caught.value, *words)
