"""The fast ways of training give what the plain ways give."""

from __future__ import annotations

import os

import keras
import numpy as np
import pytest

from aigc_utils import metrics, models, runtime, training
from aigc_utils.models.layers import Dense
from aigc_utils.optimizers import FusedAdam

pytestmark = pytest.mark.usefixtures("seeded")


def small_model() -> keras.Model:
    model = keras.Sequential([keras.layers.Input((6,)), Dense(8, "tanh"), Dense(3)])
    model.set_weights([np.sin(np.arange(w.size)).reshape(w.shape) for w in model.get_weights()])
    return model


def trained_with(optimizer, steps: int = 30) -> keras.Model:
    model = small_model()
    model.compile(optimizer, loss="mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(steps * 4, 6)), rng.normal(size=(steps * 4, 3))
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    return model


OPTIONS = {
    "as it comes": {},
    "other betas and epsilon": {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
    "a schedule": {"learning_rate": keras.optimizers.schedules.CosineDecay(0.01, 20)},
    "clipped": {"global_clipnorm": 0.1},
    "weight decay": {"weight_decay": 0.1},
    "amsgrad": {"amsgrad": True},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_fused_adam_takes_adams_steps(options):
    options = {"learning_rate": 0.01} | options
    ours = trained_with(FusedAdam(**options))
    plain = trained_with(keras.optimizers.Adam(**options))
    for a, b in zip(ours.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    for a, b in zip(ours.optimizer.variables, plain.optimizer.variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


def test_fused_adam_moves_the_weights():
    moved = trained_with(FusedAdam(0.01)).get_weights()
    assert all(
        not np.allclose(a, b) for a, b in zip(moved, small_model().get_weights(), strict=True)
    )


def test_a_sparse_gradient_is_left_to_keras():
    def run(optimizer):
        model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Embedding(5, 3)])
        model.set_weights([np.arange(15.0).reshape(5, 3)])
        model.compile(optimizer, loss="mse")
        model.fit(np.array([[0, 1], [1, 3]]), np.zeros((2, 2, 3)), epochs=3, verbose=0)
        return model.get_weights()[0]

    np.testing.assert_allclose(run(FusedAdam(0.1)), run(keras.optimizers.Adam(0.1)), rtol=1e-4)


# ---- products in bfloat16 ------------------------------------------------------------


def test_products_are_rounded_and_all_else_is_float32(grey):
    model = models.VAE(4, hidden_units=(32,))
    exact = [np.asarray(part) for part in model.encode(grey)]
    model.take_products_in("bfloat16")
    rounded = [np.asarray(part) for part in model.encode(grey)]
    for a, b in zip(exact, rounded, strict=True):
        assert b.dtype == np.float32
        assert not np.array_equal(a, b)
        # Factors keep 8 bits; errors of 784 products partly cancel.
        assert np.abs(a - b).max() < 0.02 * np.abs(a).max()
    # Had all been rounded, another rounding would change nothing.
    again = np.asarray(keras.ops.cast(keras.ops.cast(rounded[0], "bfloat16"), "float32"))
    assert not np.array_equal(again, rounded[0])


@pytest.mark.parametrize(
    "build",
    [
        lambda: models.VAE(4, hidden_units=(32,)),
        lambda: models.BlockPixelCNN(channels=8, num_convs=1, hidden_units=(32,)),
        lambda: models.DeepPixelCNN(
            channels=8, num_convs=1, hidden_units=(32,), deep_channels=8, num_deep_pairs=1
        ),
    ],
    ids=["VAE", "BlockPixelCNN", "DeepPixelCNN"],
)
def test_training_in_bfloat16_learns_what_training_in_float32_learns(build, grey, monkeypatch):
    # A batch in halves throws other coins, which moves these losses by some nats.
    monkeypatch.setattr(training, "choose_halves", lambda model, products: False)
    losses = {}
    for products in ("float32", "bfloat16"):
        runtime.seed_everything(0)
        model = build()
        model.adapt(grey)
        history = training.train(
            model, grey, epochs=8, batch_size=32, products=products, progress=False
        )
        losses[products] = history["loss"]
    assert losses["float32"] != losses["bfloat16"]
    np.testing.assert_allclose(losses["bfloat16"], losses["float32"], rtol=0.01)
    assert losses["bfloat16"][-1] < losses["bfloat16"][0] - 20


def test_after_training_everything_is_float32_again(grey):
    model = models.VAE(4, hidden_units=(32,))
    training.train(
        model, grey[:64], epochs=1, products="bfloat16", progress=False,
        validation_inputs=grey[:64],
    )  # fmt: skip
    twin = models.VAE(4, hidden_units=(32,))
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(
        model.predict(grey[:16], verbose=0), twin.predict(grey[:16], verbose=0)
    )
    assert metrics.active_units(model, grey).shape == (4,)


def test_after_an_interrupt_everything_is_float32_again(grey, ctrl_c):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            ctrl_c()

    model = models.VAE(4, hidden_units=(32,))
    with pytest.raises(training.TrainingInterrupted):
        training.train(
            model, grey, epochs=3, products="bfloat16", progress=False, callbacks=[Stop()]
        )
    assert {layer.product_type for layer in model.encoder.layers[:-1]} == {"float32"}


def test_the_choice_follows_the_processor(monkeypatch):
    model = models.VAE(4, hidden_units=(32,))
    for native, chosen in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(training, "multiplies_bfloat16", lambda native=native: native)
        assert training.choose_products(model) == chosen
        assert training.choose_products(model, "float32") == "float32"
        assert training.choose_products(small_model()) == "float32"


def test_the_processor_is_asked_and_not_timed(monkeypatch, tmp_path):
    cases = {"fpu avx512_bf16 sse": True, "amx_bf16": True, "avx512f avx2": False, "": False}
    for flags, native in cases.items():
        path = tmp_path / "cpuinfo"
        path.write_text(f"model name : x\nflags\t\t: {flags}\n")
        monkeypatch.setattr("builtins.open", lambda *a, path=path, **k: path.open())
        assert runtime.multiplies_bfloat16() == native
        monkeypatch.undo()


def test_unknown_products_are_refused(grey, one_sentence):
    model = models.VAE(4, hidden_units=(32,))
    with pytest.raises(ValueError, match="float16") as caught:
        training.train(model, grey, epochs=1, products="float16")
    one_sentence(caught.value, "float16", "bfloat16")
    with pytest.raises(ValueError, match="int8") as caught:
        model.take_products_in("int8")
    one_sentence(caught.value, "int8", "float32")


# ---- batches in halves ---------------------------------------------------------------


@pytest.mark.parametrize("num_images", [10, 7, 1], ids=["even", "odd", "one image"])
def test_halves_of_a_batch_learn_what_the_whole_learns(grey, num_images):
    binary = (grey[:num_images] > 0.5).astype("float32")  # no coins, so nothing is random
    weights, losses = {}, {}
    for in_halves in (False, True):
        runtime.seed_everything(0)
        model = models.MADE((16,))
        model.in_halves = in_halves
        model.compile(keras.optimizers.SGD(0.01))
        losses[in_halves] = model.fit(binary, batch_size=10, epochs=3, verbose=0).history["loss"]
        weights[in_halves] = np.concatenate([w.ravel() for w in model.get_weights()])
    np.testing.assert_allclose(losses[True], losses[False], rtol=1e-5)
    np.testing.assert_allclose(weights[True], weights[False], atol=1e-5)
    assert losses[True][-1] < losses[True][0]


def test_conditions_are_halved_with_their_images(grey):
    inputs = {"images": grey[:11], "labels": np.arange(11) % 10}
    model = models.ConditionalVAE(4, hidden_units=(16,))
    model.in_halves = True
    model.compile(FusedAdam(0.01))
    losses = model.fit(inputs, batch_size=11, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0] - 20


def test_halves_are_taken_of_float32_batches_only_and_said(grey, capsys):
    model = models.VAE(4, hidden_units=(16,))
    assert training.choose_halves(model, "float32") == (os.cpu_count() > 1)
    assert not training.choose_halves(model, "bfloat16")
    assert not training.choose_halves(small_model(), "float32")
    for products in ("float32", "bfloat16"):
        training.train(model, grey[:64], epochs=1, products=products)
        said = capsys.readouterr().out
        assert ("in halves" in said) == (products == "float32" and os.cpu_count() > 1)
        assert not model.in_halves
