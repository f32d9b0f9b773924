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


def gradients(model, loss_of) -> dict[str, float]:
    """The largest gradient of a loss in each of the two networks."""
    import tensorflow as tf

    with tf.GradientTape(persistent=True) as tape:
        loss = ops.mean(loss_of())
    found = {}
    for name in ("generator", "discriminator"):
        variables = [v.value for v in getattr(model, name).trainable_variables]
        taken = [g for g in tape.gradient(loss, variables) if g is not None]
        found[name] = max((float(np.abs(g).max()) for g in taken), default=0.0)
    return found


def test_the_generators_loss_moves_the_generator_alone():
    model = tiny()
    z = ops.ones((5, 3))
    found = gradients(model, lambda: ops.softplus(-model._score(model.decode(z), learning=False)))
    assert found["generator"] > 1e-6
    assert found["discriminator"] == 0


def test_the_discriminators_loss_moves_the_discriminator_alone():
    model = tiny()
    shown = ops.concatenate([images(5), ops.stop_gradient(model.decode(ops.ones((5, 3))))])
    found = gradients(model, lambda: model._discriminator_loss(shown)[0])
    assert found["discriminator"] > 1e-6
    assert found["generator"] == 0


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


def test_train_ends_with_the_average_of_its_weights(tmp_path):
    """With an average that forgets at once, it is the weights themselves; else it is not."""

    def weights(average, folder=None):
        keras.utils.set_random_seed(0)
        model = tiny()
        training.train(
            model, images(), epochs=2, batch_size=16, learning_rate=0.01, beta_1=0.5,
            average=average, progress=False, resume_dir=folder,
        )  # fmt: skip
        return model.get_weights()

    plain, at_once, slowly = weights(None), weights(0.0), weights(0.9, tmp_path)
    for a, b in zip(plain, at_once, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(plain, slowly, strict=True))
    # A finished run that is asked for again is read, not trained, and is the same.
    for a, b in zip(slowly, weights(0.9, tmp_path), strict=True):
        np.testing.assert_array_equal(a, b)


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
        (lambda: tiny().fit(images()[:, :4]), ("(64, 4, 8)", "reshape")),
    ],
)
def test_bad_arguments_are_refused_in_a_sentence(call, words, one_sentence):
    with pytest.raises(ValueError, match=r"\.$") as caught:
        call()
    one_sentence(caught.value, *words)
