"""Shipped weights: half the size, 8 bits of each number, and nothing lost that does not fit."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_course.train import packing
from aigc_utils import checkpoints, models

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.mark.parametrize(
    "model",
    [
        lambda: models.VAE(8, hidden_units=(256,)),
        lambda: models.BlockPixelCNN(channels=8, num_convs=1, hidden_units=(64, 64), features=2),
    ],
    ids=["VAE", "BlockPixelCNN"],
)
def test_half_precision_takes_less_than_half_the_room_and_keeps_8_bits(model, tmp_path):
    model = model()
    whole, packed = tmp_path / "whole.weights.h5", tmp_path / "packed.weights.h5"
    checkpoints.save_weights(model, whole)
    packing.save_in_halves(model, packed)
    assert packed.stat().st_size < 0.48 * whole.stat().st_size
    twin = type(model)(**model.arguments())
    checkpoints.load_weights(twin, packed)
    for kept, original in zip(twin.get_weights(), model.get_weights(), strict=True):
        assert kept.dtype == np.float32
        # Rounded twice: to 11 bits by float16, then to 8.
        rtol = 2.0**-8 + 2.0**-11
        np.testing.assert_allclose(kept, original, rtol=rtol, atol=2.0**-21)
    assert any((a != b).any() for a, b in zip(twin.get_weights(), model.get_weights(), strict=True))


def test_a_number_too_large_for_half_precision_is_kept_whole(tmp_path):
    model = models.VAE(2, hidden_units=(16,))
    model.mean_image.assign(np.full(784, 1e6, np.float32))
    packing.save_in_halves(model, tmp_path / "m.weights.h5")
    twin = models.VAE(2, hidden_units=(16,))
    checkpoints.load_weights(twin, tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(twin.mean_image, model.mean_image)


def test_a_name_that_keras_would_refuse_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.weights\.h5"):
        packing.save_in_halves(models.VAE(2, hidden_units=(16,)), tmp_path / "model.keras")
    assert list(tmp_path.iterdir()) == []
