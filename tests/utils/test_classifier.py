"""The classifier whose features judge generated images."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from aigc_utils import models

pytestmark = pytest.mark.usefixtures("seeded")


def tiny(**changes) -> models.ImageClassifier:
    settings = {"image_shape": (8, 8), "channels": 4, "num_features": 6, "num_classes": 2}
    return models.ImageClassifier(**settings | changes)


def bright_or_dark(num: int = 200) -> dict[str, np.ndarray]:
    """Bright above or bright below, which is what there is to learn."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, num).astype(np.int32)
    images = 0.2 * rng.random((num, 8, 8))
    for image, label in zip(images, labels, strict=True):
        image[4 * label : 4 * label + 4] += 0.7
    return {"images": images.astype(np.float32), "labels": labels}


def test_it_learns_and_looks():
    model, data = tiny(), bright_or_dark()
    model.adapt(data["images"])
    model.compile(keras.optimizers.Adam(0.01))
    history = model.fit(data, epochs=8, batch_size=20, verbose=0).history
    assert history["accuracy"][-1] > 0.95
    look = model.look(data["images"], batch_size=70)
    assert look.features.shape == (200, 6)
    np.testing.assert_allclose(look.probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(look.probabilities, model(data["images"]), atol=1e-5)
    assert (look.probabilities.argmax(axis=1) == data["labels"]).mean() > 0.98


def test_a_look_does_not_depend_on_the_batch():
    model, images = tiny(), bright_or_dark(50)["images"]
    whole, parts = model.look(images), model.look(images, batch_size=7)
    np.testing.assert_allclose(whole.features, parts.features, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tiny(num_classes=1), ("num_classes", "1")),
        (lambda: tiny(image_shape=(6, 8)), ("(6, 8)", "divisible by 4")),
        (lambda: tiny(dropout=1.0), ("dropout", "1.0")),
        (lambda: tiny().look(np.zeros((0, 8, 8))), ("no images",)),
        (lambda: tiny().look(np.full((2, 8, 8), np.nan)), ("NaN", "repair")),
        (
            lambda: tiny().fit({"images": np.zeros((2, 8, 8)), "labels": np.array([0, 2])}),
            ("0 to 2", "0 to 1"),
        ),
    ],
)
def test_bad_arguments_are_refused_in_a_sentence(call, words, one_sentence):
    with pytest.raises(ValueError, match=r"\.$") as caught:
        call()
    one_sentence(caught.value, *words)
