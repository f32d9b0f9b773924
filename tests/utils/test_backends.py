"""The same files train on another Keras backend: JAX here, in a process of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ON_JAX = Path(sys.prefix) / "on-jax"  # where `make test` keeps it, away from readers' kernels

PROGRAM = """
import json, sys
import aigc_utils
aigc_utils.start(0)
import keras, numpy as np
from aigc_utils import data, metrics, models, training

images = data.to_unit(data.load_images("fashion_mnist").x_train[:600])
binary = data.binarize(images[:100], 0)
small = {"channels": 8, "num_convs": 1, "features": 2}
built = [
    models.VAE(4, hidden_units=(32,)),
    models.VAE(4, hidden_units=(32,), importance_samples=3),
    models.FlowPriorVAE(4, hidden_units=(32,), num_couplings=2, coupling_units=8),
    models.PixelVAE(4, hidden_units=(32,), **small),
    models.FlowPriorPixelVAE(4, hidden_units=(32,), num_couplings=2, coupling_units=8, **small),
    models.BlockPixelCNN(hidden_units=(32, 32), dropout=0.1, **small),
    models.MADE((64, 64)),
    models.DeepPixelCNN(hidden_units=(32, 32), deep_channels=8, num_deep_pairs=1, **small),
    models.PixelCNNEnsemble([{"model": "BlockPixelCNN", "arguments": small}] * 2),
]
labels = data.load_images("fashion_mnist").y_train[:600].astype("int32")
without_likelihood = [
    (models.GAN(4, channels=4), images),
    (models.FlowMatching(5, hidden_units=(32, 32)), images.reshape(600, -1)[:, 300:305]),
    (models.ImageClassifier(channels=4), {"images": images, "labels": labels}),
]
print(json.dumps({"backend": keras.backend.backend()}))
for number, model in enumerate(built):
    model.adapt(images)
    settings = {"epochs": 4, "batch_size": 50, "learning_rate": 0.005, "progress": False}
    folder = f"{sys.argv[1]}/{number}"
    history = training.train(model, images, resume_dir=folder, **settings)
    twin = type(model)(**model.arguments())
    twin.adapt(images)
    again = training.train(twin, images, resume_dir=folder, **settings)
    exact = hasattr(model, "log_likelihood")
    score = metrics.exact_nll if exact else metrics.negative_elbo
    generated = model.generate(2)
    print(json.dumps({
        "model": type(model).__name__, "loss": history["loss"], "again": again["loss"],
        "products": training.choose_products(model), "score": score(model, binary).mean,
        "resumed": all(map(np.array_equal, model.get_weights(), twin.get_weights())),
        "shape": generated.shape, "range": [float(generated.min()), float(generated.max())],
    }))
for number, (model, inputs) in enumerate(without_likelihood, start=len(built)):
    settings = {"epochs": 3, "batch_size": 50, "progress": False, "average": 0.9}
    folder = f"{sys.argv[1]}/{number}"
    runs = []
    for twin in (model, type(model)(**model.arguments())):
        twin.adapt(data.as_mapping(inputs)["images"])
        before = [np.copy(w) for w in twin.get_weights()]
        history = training.train(twin, inputs, resume_dir=folder, **settings)
        runs.append((history["loss"], twin.get_weights()))
    made = model.generate(2) if hasattr(model, "generate") else model.look(images[:2]).features
    print(json.dumps({
        "model": type(model).__name__, "loss": runs[0][0], "again": runs[1][0],
        "moved": float(np.mean([not np.array_equal(a, b) for a, b in zip(before, runs[0][1])])),
        "resumed": all(map(np.array_equal, runs[0][1], runs[1][1])),
        "finite": bool(np.isfinite(made).all()), "shape": made.shape,
    }))
"""


@pytest.fixture(scope="module")
def on_jax(fresh_python, tmp_path_factory):
    if not (ON_JAX / "jax").is_dir():
        pytest.fail(f"JAX is not in {ON_JAX}: `make test` puts it there.")
    folder = str(tmp_path_factory.mktemp("jax"))
    done = fresh_python(
        PROGRAM, folder, KERAS_BACKEND="jax", PYTHONPATH=str(ON_JAX),
        JAX_DISABLE_MOST_OPTIMIZATIONS="1",  # compiling is most of the time, and not ours
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_jax_was_what_ran(on_jax):
    assert on_jax[0] == {"backend": "jax"}
    assert len(on_jax) == 13


@pytest.mark.parametrize("number", range(1, 10))
def test_each_model_learns_resumes_and_generates_on_jax(on_jax, number):
    result = on_jax[number]
    # Adapted to the mean image, all begin below the independent pixels' 385 nats and a bit.
    assert 300 < result["loss"][0] < 420
    assert result["loss"][-1] < result["loss"][0] - 30
    assert 250 < result["score"] < 400
    assert result["again"] == result["loss"]
    assert result["resumed"]
    assert result["products"] == "float32"
    assert result["shape"] == [2, 28, 28]
    assert 0 <= result["range"][0] < result["range"][1] <= 1


@pytest.mark.parametrize(("number", "shape"), [(10, [2, 28, 28]), (11, [2, 5]), (12, [2, 64])])
def test_models_without_a_likelihood_learn_resume_and_generate_on_jax(on_jax, number, shape):
    result = on_jax[number]
    assert result["moved"] > 0.6  # all weights but those that `adapt` sets
    assert result["again"] == result["loss"]
    assert result["resumed"]
    assert result["finite"]
    assert result["shape"] == shape
    if result["model"] != "GAN":  # whose loss need not fall
        assert result["loss"][-1] < result["loss"][0]
