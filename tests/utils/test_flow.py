"""Flow matching: the velocity is the right one, and following it ends in the data."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from aigc_utils import models, training
from aigc_utils.models.flow import time_features

pytestmark = pytest.mark.usefixtures("seeded")


def two_points(num: int = 4000) -> np.ndarray:
    """Three quarters at (-2, 0), one quarter at (2, 1), each with a spread of 0.1."""
    rng = np.random.default_rng(0)
    right = rng.random(num) < 0.25
    centre = np.where(right[:, None], (2.0, 1.0), (-2.0, 0.0))
    return (centre + 0.1 * rng.standard_normal((num, 2))).astype(np.float32)


@pytest.fixture(scope="module")
def trained(started):
    keras.utils.set_random_seed(0)
    model = models.FlowMatching(2, hidden_units=(64, 64))
    points = two_points()
    model.adapt(points)
    training.train(
        model, points, epochs=60, batch_size=256, learning_rate=0.005, average=0.99, progress=False
    )
    return model


def test_samples_have_the_weights_and_places_of_the_data(trained):
    made = trained.generate(4000, seed=1)
    right = made[:, 0] > 0
    # 4,000 draws of a quarter: 0.7 % standard error; the rest is what 1,000 steps leave.
    assert right.mean() == pytest.approx(0.25, abs=0.03)
    np.testing.assert_allclose(made[right].mean(axis=0), (2, 1), atol=0.15)
    np.testing.assert_allclose(made[~right].mean(axis=0), (-2, 0), atol=0.15)


def test_the_first_velocity_leads_to_the_mean(trained):
    """At t = 0 nothing is known of the end, so E[x - n | n] = mean - n, which is -n scaled."""
    noise = np.random.default_rng(2).standard_normal((500, 2)).astype(np.float32)
    velocity = np.asarray(trained.velocity(noise, np.zeros((500, 1), np.float32)))
    assert np.abs(velocity + noise).mean() < 0.25


def test_the_loss_of_a_new_model_is_the_variance_of_data_plus_noise():
    """It says 0, the target is x - n with variance 1 + 1 in each scaled coordinate."""
    model = models.FlowMatching(2, hidden_units=(8,))
    points = two_points()
    model.adapt(points)
    model.compile()
    assert model.evaluate(points, verbose=0) == pytest.approx(2.0, abs=0.1)


def test_a_path_begins_at_the_noise_and_ends_at_the_sample(trained):
    noise = np.random.default_rng(3).standard_normal((5, 2)).astype(np.float32)
    path = trained.path(noise, num_steps=8)
    assert path.shape == (9, 5, 2)
    spread, centre = np.asarray(trained.spread), np.asarray(trained.centre)
    np.testing.assert_allclose(path[0], noise * spread + centre, rtol=1e-5)
    whole = trained.generate(5, num_steps=8, seed=3)
    np.testing.assert_allclose(path[-1], whole, rtol=1e-5)


def test_more_steps_come_nearer_to_the_exact_path(trained):
    noise = np.random.default_rng(4).standard_normal((200, 2)).astype(np.float32)
    exact = trained.path(noise, num_steps=256)[-1]
    errors = [np.abs(trained.path(noise, num_steps=n)[-1] - exact).mean() for n in (4, 16, 64)]
    assert errors[0] > errors[1] > errors[2]


def test_a_step_is_heuns_at_the_places_and_times_that_he_takes():
    """dx/dt = x + 3 t^2 from t = 0.5 on: Euler's step, or a second slope at t, ends elsewhere."""
    model = models.FlowMatching(2, hidden_units=(8,))
    model.velocity = lambda x, t, labels=None: x + 3 * t**2
    x = np.array([[1.0, -2.0], [0.0, 0.5]], np.float32)
    t, size = np.full((2, 1), 0.5, np.float32), np.float32(0.25)
    first = x + 0.75
    second = (x + 0.25 * first) + 3 * 0.75**2
    np.testing.assert_allclose(model.heun_step(x, t, size), x + 0.125 * (first + second), rtol=1e-6)


def test_twice_as_many_steps_come_four_times_as_near():
    """A method of second order, on dx/dt = x, whose exact end is e times the beginning."""
    model = models.FlowMatching(2, hidden_units=(8,))
    model.velocity = lambda x, t, labels=None: x
    noise = np.ones((1, 2), np.float32)
    errors = [np.e - model.path(noise, num_steps=n)[-1].mean() for n in (4, 8)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.15)  # Euler's: about 2


def test_classes_go_where_they_are_asked_to():
    points = two_points()
    labels = (points[:, 0] > 0).astype(np.int32)
    model = models.FlowMatching(2, hidden_units=(64, 64), num_classes=2)
    model.adapt(points)
    model.compile(keras.optimizers.Adam(0.005))
    model.fit({"vectors": points, "labels": labels}, epochs=20, batch_size=256, verbose=0)
    for label, side in ((0, -1), (1, 1)):
        assert (np.sign(model.generate(300, label=label)[:, 0]) == side).mean() > 0.95


def test_latents_flow_through_an_autoencoder():
    vae = models.VAE(3, image_shape=(4, 4), hidden_units=(8,))
    images = np.random.default_rng(0).random((50, 4, 4), dtype=np.float32)
    z = models.latents(vae, images)
    np.testing.assert_allclose(z, vae.encode(images)[0], rtol=1e-5)
    flow = models.FlowMatching(3, hidden_units=(8,))
    flow.adapt(z)
    made = models.LatentGenerator(vae, flow).generate(7, seed=2)
    assert made.shape == (7, 4, 4)
    np.testing.assert_allclose(made, vae.decode(flow.generate(7, seed=2)), rtol=1e-5)


def test_its_weights_can_be_saved_with_the_scale(trained, tmp_path):
    trained.save_weights(tmp_path / "m.weights.h5")
    twin = models.FlowMatching(**trained.arguments())
    twin.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(twin.generate(3, seed=1), trained.generate(3, seed=1), rtol=1e-5)


def test_times_are_told_apart():
    times = np.linspace(0, 1, 200, dtype=np.float32)[:, None]
    features = np.asarray(time_features(times))
    assert features.shape == (200, 16)
    gaps = np.linalg.norm(np.diff(features, axis=0), axis=1)
    assert gaps.min() > 0.05


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: models.FlowMatching(0), ("num_dims", "0")),
        (lambda: models.FlowMatching(2, hidden_units=()), ("hidden_units",)),
        (lambda: models.FlowMatching(2).adapt(np.ones((3, 2))), ("Coordinate 0", "leave")),
        (lambda: models.FlowMatching(2).adapt(np.ones((3, 4))), ("(3, 4)", "reshape")),
        (lambda: models.FlowMatching(2).fit(np.array([[np.nan, 1.0]])), ("Vector 0", "repair")),
        (lambda: models.FlowMatching(2).generate(0), ("num_samples", "0")),
        (lambda: models.FlowMatching(2).generate(1, label=1), ("label", "none")),
        (lambda: models.FlowMatching(2, num_classes=3).generate(1), ("None", "0 to 2")),
        (lambda: models.FlowMatching(2, num_classes=3).generate(1, label=3), ("3", "0 to 2")),
        (lambda: models.FlowMatching(2).generate(1, num_steps=0), ("num_steps", "0")),
        (lambda: models.FlowMatching(2).fit({"vectors": np.ones((3, 2))}), ("labels",)),
    ],
)
def test_bad_arguments_are_refused_in_a_sentence(call, words, one_sentence):
    with pytest.raises(ValueError, match=r"\.$") as caught:
        call()
    one_sentence(caught.value, *words)
