"""The learned prior is a density, the flow can be undone, and it helps where it should."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from aigc_utils import checkpoints, metrics, seed_everything, training
from aigc_utils.models import VAE, FlowPriorPixelVAE, FlowPriorVAE, PixelVAE
from aigc_utils.models.flow_prior import Coupling

TINY = {"image_shape": (4, 4), "hidden_units": (16,), "num_couplings": 4, "coupling_units": 8}


def shaken(model: keras.Model, seed: int = 0) -> keras.Model:
    """The model with weights moved away from their start, where a flow does nothing."""
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(variable + 0.3 * rng.standard_normal(variable.shape).astype("float32"))
    return model


@pytest.mark.parametrize("num_dims", [2, 3, 7])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_coupling_is_undone_exactly(num_dims, swapped):
    coupling = shaken(Coupling(num_dims, 8, swapped))
    noise = np.random.default_rng(1).standard_normal((5, num_dims)).astype("float32")
    undone, _ = coupling.undo(coupling.do(noise))
    np.testing.assert_allclose(ops.convert_to_numpy(undone), noise, atol=1e-5)


def test_the_log_determinant_is_that_of_the_jacobian():
    coupling = shaken(Coupling(3, 8, False))
    z = np.array([[0.3, -1.1, 0.7]])
    _, log_det = coupling.undo(z.astype("float32"))
    step = 1e-2
    columns = [
        (
            ops.convert_to_numpy(coupling.undo((z + step * e).astype("float32"))[0])
            - ops.convert_to_numpy(coupling.undo((z - step * e).astype("float32"))[0])
        )[0]
        / (2 * step)
        for e in np.eye(3)
    ]
    expected = np.log(abs(np.linalg.det(np.stack(columns))))
    assert float(log_det[0]) == pytest.approx(expected, abs=1e-3)


def test_the_prior_is_a_density_whose_integral_is_1():
    model = shaken(FlowPriorVAE(2, **TINY))
    edge = np.linspace(-25, 25, 1001, dtype="float32")
    grid = np.stack(np.meshgrid(edge, edge), axis=-1).reshape(-1, 2)
    density = np.exp(ops.convert_to_numpy(model.log_prior(grid)).astype("float64"))
    assert density.sum() * (edge[1] - edge[0]) ** 2 == pytest.approx(1.0, abs=0.01)


def test_drawn_latents_follow_the_prior_that_is_scored():
    model = shaken(FlowPriorVAE(2, **TINY))
    drawn = model.sample_latents(40_000, seed=3)
    edges = np.linspace(-3, 3, 7)
    counted, _, _ = np.histogram2d(*drawn.T, bins=(edges, edges))
    fine = np.linspace(-3, 3, 241)
    middle = (0.5 * (fine[1:] + fine[:-1])).astype("float32")
    grid = np.stack(np.meshgrid(middle, middle, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(ops.convert_to_numpy(model.log_prior(grid))).reshape(6, 40, 6, 40)
    expected = density.sum(axis=(1, 3)) * (fine[1] - fine[0]) ** 2 * len(drawn)
    # Counts are Poisson: none of 36 is beyond five standard deviations, but for the grid's error.
    assert np.all(np.abs(counted - expected) < 5 * np.sqrt(expected + 1) + 0.01 * expected)


def test_an_untrained_flow_is_the_standard_normal_of_the_plain_vae():
    seed_everything(0)
    plain = VAE(6, hidden_units=(16,), image_shape=(4, 4))
    flow = FlowPriorVAE(6, **TINY)
    z = np.random.default_rng(0).standard_normal((5, 6)).astype("float32")
    np.testing.assert_allclose(flow.log_prior(z), plain.log_prior(z), rtol=1e-6)
    np.testing.assert_array_equal(
        flow.sample_latents(4, seed=2, temperature=0.5),
        plain.sample_latents(4, seed=2, temperature=0.5),
    )


def test_the_estimated_kl_has_the_closed_forms_mean():
    seed_everything(0)
    flow = FlowPriorVAE(6, **TINY)  # untrained: the closed form holds
    x = (np.random.default_rng(0).random((3, 4, 4)) < 0.5).astype("float32")
    draws = ops.convert_to_numpy(flow.elbo_terms(np.tile(x, (600, 1, 1)))[1]).reshape(600, 3)
    closed = ops.convert_to_numpy(VAE._kl(flow, *flow.encode(x), None, None))
    error = draws.std(axis=0, ddof=1) / math.sqrt(len(draws))
    assert np.all(np.abs(draws.mean(axis=0) - closed) < 5 * error)


@pytest.mark.slow
def test_with_one_latent_pair_a_learned_prior_beats_the_fixed_one():
    # Two kinds of pictures: their posteriors lie in two places, which a Gaussian cannot follow.
    rng = np.random.default_rng(0)
    kinds = np.stack([np.tri(4), 1 - np.tri(4)])[rng.integers(0, 2, 2000)]
    images = (rng.random(kinds.shape) < 0.1 + 0.8 * kinds).astype("float32")
    scores = {}
    for kind, more in ((VAE, {}), (FlowPriorVAE, {"num_couplings": 4, "coupling_units": 16})):
        seed_everything(0)
        model = kind(2, image_shape=(4, 4), hidden_units=(32,), **more)
        training.train(model, images, epochs=60, batch_size=100, progress=False)
        scores[kind] = metrics.importance_weighted_nll(model, images[:1000], num_samples=500)
    gain = scores[VAE].values - scores[FlowPriorVAE].values
    assert gain.mean() > 0


def test_it_is_saved_loaded_and_rebuilt_from_its_arguments(tmp_path):
    model = shaken(FlowPriorVAE(3, **TINY))
    checkpoints.save_weights(model, tmp_path / "model.weights.h5")
    twin = FlowPriorVAE(**model.arguments())
    checkpoints.load_weights(twin, tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(model.generate(2, seed=1), twin.generate(2, seed=1))


@pytest.mark.parametrize(
    ("argument", "value"), [("latent_dim", 1), ("num_couplings", 0), ("coupling_units", 0)]
)
def test_sizes_out_of_range_are_refused(argument, value):
    with pytest.raises(ValueError, match=f"{argument} is {value}"):
        FlowPriorVAE(**{argument: value})


def test_with_pixels_too_it_begins_as_the_pixel_vae_whose_weights_it_takes():
    small = {"image_shape": (4, 4), "hidden_units": (16,), "channels": 8, "num_convs": 1}
    plain = shaken(PixelVAE(3, **small))
    flow = FlowPriorPixelVAE(3, **small, num_couplings=2, coupling_units=4)
    weights = plain.get_weights()
    flow.set_weights([*weights, *flow.get_weights()[len(weights) :]])
    x = (np.random.default_rng(0).random((5, 4, 4)) < 0.5).astype("float32")
    expected, found = (ops.convert_to_numpy(m.log_importance_weights(x, 4)) for m in (plain, flow))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert flow.generate(2, seed=1).shape == (2, 4, 4)
