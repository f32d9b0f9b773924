"""The GAN: two players with one optimizer, neither of whom moves the other's weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from aigc_utils import models, training

pytestmark = pytest.mark.usefixtures("seeded")


def tiny(**changes) -> models.GAN:
    return models.GAN(**{"latent_dim": 3, "image_shape": (8, 8), "channels": 4} | changes)


def images(num: int = 64) -> np.ndarray:
    return np.random.default_rng(0).random((num, 8, 8), dtype=np.float32)


def gradients(model, loss_of) -> dict[str, np.ndarray]:
    """The gradient of a mean loss in each of the two networks, all weights in a row."""
    import tensorflow as tf

    with tf.GradientTape(persistent=True) as tape:
        loss = ops.mean(loss_of())
    found = {}
    for name in ("generator", "discriminator"):
        variables = [v.value for v in getattr(model, name).trainable_variables]
        taken = tape.gradient(loss, variables, unconnected_gradients="zero")
        found[name] = np.concatenate([np.ravel(g) for g in taken])
    return found


def shaken(**changes) -> models.GAN:
    """Weights far from their start, so that real and generated images score differently."""
    model = tiny(**changes)
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(0, 0.5, w.shape) for w in model.get_weights()])
    return model


class ByHand:
    """The two players' losses from the papers' equations, with the noise that the model draws.

    Networks are called as they are: nothing of `image_losses` and what it calls is used.
    """

    def __init__(self, model: models.GAN, real: np.ndarray):
        self.model, self.real = model, real
        state = model.seed_generator.state.numpy()
        seed = model.seed_generator
        self.z = keras.random.normal((len(real), model.latent_dim), seed=seed)
        self.noise = keras.random.normal((2 * len(real), *model.image_shape), seed=seed)
        model.seed_generator.state.assign(state)  # so that the model draws the same

    def score(self, images):
        return self.model.discriminator(2.0 * ops.expand_dims(images, -1) - 1.0)[:, 0]

    def fake(self):
        logits = self.model.generator(self.z)
        return ops.reshape(ops.sigmoid(logits), (-1, *self.model.image_shape))

    def of_generator(self):
        return ops.log(1 + ops.exp(-self.score(self.fake())))

    def of_discriminator(self, fake=None):
        fake = self.fake().numpy() if fake is None else fake  # numbers: no gradient beyond them
        return ops.log(1 + ops.exp(-self.score(self.real))) + ops.log(1 + ops.exp(self.score(fake)))

    def squared_slopes(self):
        """Of real and of generated images, by the step in the noise's direction."""
        total = 0.0
        for shown, noise in zip((self.real, self.fake().numpy()), np.split(self.noise, 2), strict=True):  # fmt: skip
            step = self.score(shown + self.model.r1_step * noise) - self.score(shown)
            total = total + ops.square(step / self.model.r1_step)
        return total


@pytest.mark.parametrize("r1_weight", [0.0, 0.6])
def test_the_loss_is_both_players_and_half_the_weight_of_the_squared_slopes(r1_weight):
    model = shaken(r1_weight=r1_weight)
    by_hand = ByHand(model, images(16))
    of_generator, of_discriminator, slopes = (
        np.asarray(part)
        for part in (by_hand.of_generator(), by_hand.of_discriminator(), by_hand.squared_slopes())
    )
    found = np.asarray(model.image_losses(images(16), training=True))
    expected = of_generator + of_discriminator + 0.5 * r1_weight * slopes
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert slopes.mean() > 0.1  # a penalty of another sign or weight would be far away
    # Were real and generated images swapped, the discriminator's loss would be another.
    swapped = ops.log(1 + ops.exp(by_hand.score(images(16))))
    assert np.abs(np.asarray(swapped) - of_discriminator).max() > 0.1
    for name, part in (("generator", of_generator), ("discriminator", of_discriminator)):
        tracker = getattr(model, f"{name}_tracker")
        assert float(tracker.result()) == pytest.approx(part.mean(), rel=1e-4)
    if r1_weight:
        assert float(model.penalty_tracker.result()) == pytest.approx(slopes.mean(), rel=1e-4)


@pytest.mark.parametrize("r1_weight", [0.0, 0.6])
def test_each_player_moves_by_its_own_loss_alone(r1_weight):
    model = shaken(r1_weight=r1_weight)
    by_hand = ByHand(model, images(16))
    found = gradients(model, lambda: model.image_losses(images(16), training=True))
    of_generator = gradients(model, by_hand.of_generator)["generator"]
    of_discriminator = gradients(
        model, lambda: by_hand.of_discriminator() + 0.5 * r1_weight * by_hand.squared_slopes()
    )["discriminator"]
    for name, expected in (("generator", of_generator), ("discriminator", of_discriminator)):
        assert np.abs(expected).max() > 1e-3
        # Sums of float32 numbers of both signs, in another order.
        np.testing.assert_allclose(found[name], expected, rtol=1e-3, atol=1e-5)


def test_a_frozen_score_is_the_same_score():
    model, shown = tiny(), images(6)
    np.testing.assert_allclose(model._score(shown), model._score(shown, learning=False), rtol=1e-6)
    np.testing.assert_allclose(model(shown), model._score(shown), rtol=1e-6)


def test_the_penalty_is_the_squared_slope():
    """Against the gradient that TensorFlow takes, at one image, over many directions."""
    import tensorflow as tf

    model = tiny(r1_step=0.001)
    one = tf.constant(images(1))
    with tf.GradientTape() as tape:
        tape.watch(one)
        score = model._score(one)
    exact = float(tf.reduce_sum(tape.gradient(score, one) ** 2))
    many = np.repeat(images(1), 4000, axis=0)
    _, slope = model._discriminator_loss(ops.concatenate([many, many]))
    # Two estimates a pair, each with a standard deviation of 1.4 times its mean: 4,000 pairs
    # come within 5 % but once in many million times; leaky kinks add a little.
    assert np.mean(slope) / 2 == pytest.approx(exact, rel=0.08)


def test_both_players_learn_with_ordinary_fit():
    model, data = tiny(), images()
    model.adapt(data)
    before = [np.copy(w) for w in model.get_weights()]
    model.compile(keras.optimizers.Adam(0.01, beta_1=0.5))
    history = model.fit(data, epochs=2, batch_size=16, verbose=0).history
    assert {"generator_loss", "discriminator_loss", "squared_slope", "loss"} <= set(history)
    moved = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert np.mean(moved) > 0.8  # all but the mean image


def test_an_untrained_one_that_adapted_shows_about_the_mean():
    model = tiny()
    dark = 0.1 * images()
    model.adapt(dark)
    assert abs(model.generate(50).mean() - dark.mean()) < 0.1
    assert abs(tiny().generate(50).mean() - 0.5) < 0.1


def test_the_same_seed_generates_the_same_images():
    model = tiny()
    first, again, other = (model.generate(5, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (5, 8, 8)
    assert 0 <= first.min() <= first.max() <= 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tiny(latent_dim=0), ("latent_dim", "0")),
        (lambda: tiny(image_shape=(6, 8)), ("(6, 8)", "divisible by 4")),
        (lambda: tiny(r1_weight=-1), ("r1_weight", "-1")),
        (lambda: tiny(r1_step=0), ("r1_step", "0")),
        (lambda: tiny().generate(0), ("num_samples", "0")),
        (lambda: tiny().generate(1, temperature=-1), ("temperature", "-1")),
        (lambda: training.train(tiny(), images(), epochs=1, beta_1=1.0), ("beta_1", "1.0")),
        (lambda: training.train(tiny(), images(), epochs=1, average=2), ("average", "2")),
        (lambda: tiny().fit(images()[:, :4]), ("(64, 4, 8)", "crop or resize")),
    ],
)
def test_bad_arguments_are_refused_in_a_sentence(call, words, one_sentence):
    with pytest.raises(ValueError, match=r"\.$") as caught:
        call()
    one_sentence(caught.value, *words)
