"""A `DeepPixelCNN` that reads an image from the left or from the right.

The chain rule holds for any order of the pixels, and a model that knows two orders has two
opinions on every image. Their mean is a probability as well, and a better one than either: an
ensemble that costs no second set of weights (Uria et al., "A Deep and Tractable Density
Estimator", 2014, section 4). The other order is the same one on the mirrored image, and the model
is told which of the two it reads.
"""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import KerasTensor, ops

from aigc_utils import objectives
from aigc_utils.models.block_sampling import draw_blocks, draw_in_parts, to_numpy
from aigc_utils.models.deep_pixelcnn import DeepPixelCNN


class Turn(keras.layers.Layer):
    """What each place of the deep road hears besides if the image is mirrored; 0 when new."""

    def __init__(self, grid: tuple[int, int], channels: int, **kwargs):
        super().__init__(**kwargs)
        self.place = self.add_weight(name="place", shape=(1, *grid, channels), initializer="zeros")
        self.built = True

    def call(self, turned):
        """(B, *grid, channels) from 1 for images that are mirrored and 0 for others, (B,)."""
        return ops.reshape(turned, (-1, 1, 1, 1)) * ops.convert_to_tensor(self.place)


class MirrorPixelCNN(DeepPixelCNN):
    """A `DeepPixelCNN` that knows two orders of the pixels, of which each draws a share.

    What it adds comes last among the weights and begins at zero, so a trained `DeepPixelCNN`'s
    weights are its beginning: in the first order it is then the same model.

    It is trained on one order for each image, drawn anew at each visit, so its loss while it
    learns is the mean over both orders: never less than the loss of their mean, which
    `log_likelihood` and the validation loss are. `logits` and the model's call are of the first.

    Args:
        mirror_share: the share of images that are drawn mirrored, more than 0 and less than 1.
        **kwargs: as in `DeepPixelCNN`.

    Raises:
        ValueError: as `DeepPixelCNN`; or if ``mirror_share`` is out of range.
    """

    def __init__(self, *, mirror_share: float = 0.5, **kwargs):
        if not 0 < mirror_share < 1:
            raise ValueError(
                f"mirror_share is {mirror_share!r}: give more than 0 and less than 1, or build "
                "a DeepPixelCNN."
            )
        super().__init__(**kwargs)
        self.mirror_share = mirror_share
        self.turn = Turn(self.deep.grid, self.deep_structure["deep_channels"], name="turn")

    def mirror(self, flat_images) -> KerasTensor:
        """Flat images with left and right exchanged, shape (B, pixels)."""
        images = ops.reshape(flat_images, (-1, *self.image_shape))
        return ops.reshape(ops.flip(images, axis=2), (-1, self.num_pixels))

    def one_order(self, flat_images, turned, training: bool = False) -> KerasTensor:
        """log p(x) of **binary** images in one order each; nats, shape (B,).

        Args:
            flat_images: shape (B, pixels).
            turned: 1 for images that are read mirrored and 0 for others, shape (B,).
        """
        whole = ops.reshape(turned, (-1, 1))
        read = whole * self.mirror(flat_images) + (1 - whole) * flat_images
        logits = self.logits(read, training, more=self.turn(turned))
        return objectives.bernoulli_log_likelihood(read, logits)

    def log_likelihood(self, inputs, training: bool = False) -> KerasTensor:
        """Exact log p(x) of **binary** images, both orders together; nats, shape (B,)."""
        flat = self.flatten(inputs)
        first = self.one_order(flat, ops.zeros_like(flat[:, 0]), training)
        other = self.one_order(flat, ops.ones_like(flat[:, 0]), training)
        share = self.mirror_share
        return ops.logaddexp(first + math.log1p(-share), other + math.log(share))

    def image_losses(self, inputs, training: bool) -> KerasTensor:
        """Nats, shape (B,): exact if not training, and of one order drawn by lot if training."""
        if not training:
            return super().image_losses(inputs, training)
        flat = self.binarize(self.flatten(inputs))
        lots = keras.random.uniform(ops.shape(flat)[:1], seed=self.seed_generator)
        turned = ops.cast(lots < self.mirror_share, "float32")
        return -self.one_order(flat, turned, training)

    def sample(self, num_samples: int, *, temperature: float = 1.0, seed: int = 0):
        self.check_drawing(num_samples, temperature)
        rng = np.random.default_rng(seed)
        coins = rng.random((num_samples, self.num_pixels))
        turned = rng.random(num_samples) < self.mirror_share

        def part(coins: np.ndarray, turned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return self._draw_part(coins, temperature, turned)

        drawn = draw_in_parts(part, coins, turned)
        images = (array.reshape(-1, *self.image_shape) for array in drawn)
        return tuple(np.where(turned[:, None, None], a[:, :, ::-1], a) for a in images)

    def _draw_part(self, coins, temperature: float, turned: np.ndarray | None = None):
        """As they are read: those that are turned come mirrored. None is turned by default."""
        turned = np.zeros(len(coins)) if turned is None else turned
        more = to_numpy(self.turn(turned.astype(np.float32)))
        roads, told = self._roads(len(coins), more)
        mean, bias = to_numpy(self.mean_image), to_numpy(self.bias)
        return draw_blocks(roads, told, bias[None], mean, coins, self.order, temperature)

    def arguments(self) -> dict:
        return {**super().arguments(), "mirror_share": self.mirror_share}
