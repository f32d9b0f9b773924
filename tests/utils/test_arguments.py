"""Numbers of NumPy are numbers, and what models cannot compute in is refused before they are built."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

import aigc_utils
from aigc_course.train.recipes import APPLICATION_MODELS
from aigc_utils import models, training

pytestmark = pytest.mark.usefixtures("seeded")

LANGUAGE, CHORALE = APPLICATION_MODELS
# Each model with the numbers that it is built of.
SMALL = {
    "VAE": (models.VAE, {"latent_dim": 2, "hidden_units": (8,), "image_shape": (4, 4)}),
    "ConditionalVAE": (
        models.ConditionalVAE,
        {"latent_dim": 2, "hidden_units": (8,), "image_shape": (4, 4), "num_classes": 3},
    ),
    "GAN": (models.GAN, {"latent_dim": 2, "channels": 2, "image_shape": (4, 4)}),
    "MADE": (models.MADE, {"hidden_units": (8,), "image_shape": (4, 4)}),
    "BlockPixelCNN": (
        models.BlockPixelCNN,
        {"channels": 2, "num_convs": 1, "hidden_units": (8, 8), "image_shape": (4, 4)},
    ),
    "FlowMatching": (models.FlowMatching, {"num_dims": 3, "hidden_units": (8,)}),
    "ImageClassifier": (
        models.ImageClassifier,
        {"num_classes": 3, "channels": 2, "num_features": 4, "image_shape": (4, 4)},
    ),
    "ChoraleModel": (CHORALE, {"channels": 4, "dilations": (1, 2)}),
}
POLICIES = ("mixed_float16", "mixed_bfloat16", "float64", "float16", "bfloat16")


def numpy_numbers(arguments: dict) -> dict:
    return {
        name: np.array(value) if isinstance(value, tuple) else np.int64(value)
        for name, value in arguments.items()
    }


@pytest.fixture
def set_policy():
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def set_floatx():
    yield keras.config.set_floatx
    keras.config.set_floatx("float32")


@pytest.mark.parametrize("name", SMALL)
def test_numbers_and_arrays_of_numpy_build_the_same_model(name):
    kind, arguments = SMALL[name]
    plain = kind(**arguments, seed=3)
    other = kind(**numpy_numbers(arguments), seed=np.uint32(3))
    assert json.dumps(other.arguments()) == json.dumps(plain.arguments())
    assert [w.shape for w in other.get_weights()] == [w.shape for w in plain.get_weights()]
    assert type(other)(**other.arguments()).count_params() == plain.count_params()


@pytest.mark.parametrize("number", [np.int32(2), np.uint8(2), np.array(2)])
def test_a_numpy_number_may_stand_first_and_count_images(number):
    model = models.VAE(number, hidden_units=[np.int64(8)])
    assert model.generate(np.int64(2), seed=np.int64(1)).shape == (2, 28, 28)


def test_a_run_of_numpy_numbers_can_be_saved_and_gone_on_with(tmp_path, grey):
    how = {"batch_size": np.int64(64), "learning_rate": np.float32(0.01), "progress": False}
    model = models.VAE(np.int64(2), hidden_units=(8,))
    first = training.train(model, grey[:64], epochs=np.int64(1), resume_dir=tmp_path, **how)
    again = training.train(
        models.VAE(2, hidden_units=(8,)), grey[:64], epochs=1, resume_dir=tmp_path, **how
    )
    assert again == first


def test_seeds_of_numpy_seed():
    aigc_utils.seed_everything(np.int64(3))
    first = keras.random.normal((2,))
    aigc_utils.seed_everything(3)
    np.testing.assert_array_equal(first, keras.random.normal((2,)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        *(
            ({"latent_dim": value}, ["latent_dim", repr(value)])
            for value in (2.5, "2", 0, -1, None, True, 10**9)
        ),
        ({"hidden_units": 8}, ["hidden_units is 8", "(256,)"]),
        ({"hidden_units": (10**9,)}, ["each of hidden_units is 1000000000"]),
        ({"hidden_units": None}, ["hidden_units is None"]),
        ({"image_shape": 28}, ["image_shape is 28"]),
        ({"image_shape": (28, 0)}, ["each of image_shape is 0"]),
        ({"seed": -1}, ["seed is -1"]),
        ({"seed": "a"}, ["seed is 'a'"]),
        ({"seed": 1.0}, ["seed is 1.0"]),
    ],
    ids=str,
)
def test_a_wrong_number_is_named_with_its_value(arguments, words, one_sentence):
    with pytest.raises(ValueError, match="give") as caught:
        models.VAE(**arguments)
    one_sentence(caught.value, *words)


@pytest.mark.parametrize("kind", [models.GAN, models.BlockPixelCNN, models.ImageClassifier])
def test_an_image_shape_that_is_a_number_is_refused_everywhere(kind, one_sentence):
    with pytest.raises(ValueError, match="image_shape is 28") as caught:
        kind(image_shape=28)
    one_sentence(caught.value, "height")


@pytest.mark.parametrize("name", SMALL)
def test_another_policy_than_float32_is_refused_before_a_model_is_built(
    name, set_policy, one_sentence
):
    kind, arguments = SMALL[name]
    for policy in POLICIES:
        set_policy(policy)
        with pytest.raises(ValueError, match="Keras is set") as caught:
            kind(**arguments)
        one_sentence(caught.value, f"in {policy},", "float32", 'products="bfloat16"')


@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16"])
def test_a_model_of_another_type_is_refused(dtype, one_sentence):
    with pytest.raises(ValueError, match="Keras is set") as caught:
        models.VAE(2, hidden_units=(8,), dtype=dtype)
    one_sentence(caught.value, dtype)


def test_another_type_than_float32_after_building_is_refused_by_fit(set_floatx, grey):
    model = models.VAE(2, hidden_units=(8,))
    model.compile("adam")
    set_floatx("float64")
    with pytest.raises(ValueError, match="compute in float64"):
        model.fit(grey[:8], verbose=0)


@pytest.mark.parametrize("dtype", ["float64", "float16", "float32"])
def test_images_of_any_float_are_learnt_from(dtype, grey):
    model = models.VAE(2, hidden_units=(8,))
    model.compile("adam")
    images = grey[:32].astype(dtype)
    model.adapt(images)
    assert np.isfinite(model.fit(images, verbose=0).history["loss"][0])


@pytest.mark.parametrize("inputs", [[[0.5]], ([0.5],), "x"])
def test_images_that_are_no_array_are_refused(inputs, one_sentence):
    model = models.VAE(2, hidden_units=(8,))
    with pytest.raises(ValueError, match="make an array") as caught:
        model.adapt(inputs)
    one_sentence(caught.value, type(inputs).__name__, "np.asarray", "(N, 28, 28)")
