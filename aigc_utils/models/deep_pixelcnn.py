"""A `BlockPixelCNN` that a deeper road of convolutions is added to, once it has learnt.

A masked dense network learns fast and then learns its training images by heart; convolutions
are slow and do not. So the cheap model is trained first, and what it leaves is learnt by
residual convolutions (He et al., 2016), masked as in van den Oord et al., 2016. They give
logits that are added to the model's own, and begin at zero: no likelihood is lost on the way.
Chapter 5.2b reads its score, 3.3 its samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import KerasTensor, ops

from aigc_utils.models.base import check_whole, check_widths
from aigc_utils.models.block_sampling import ResidualRoad, Road, Told
from aigc_utils.models.layers import CausalConv2D, Dense, MaskedDense
from aigc_utils.models.pixelcnn import (
    BLOCK,
    BlockPixelCNN,
    before_in_block,
    last_layer,
    small,
    to_blocks,
)


class DeepRoad(keras.Model):
    """Logits for 2 x 2 blocks by residual pairs of masked convolutions; zero when new.

    Args:
        grid: (height, width) in blocks.
        channels: width of the convolutions.
        num_pairs: residual pairs, each of which sees two blocks farther.
        head_units: hidden units for each pixel in the last layer.
        features: numbers that each block is told besides.
    """

    def __init__(
        self,
        grid: tuple[int, int],
        *,
        channels: int,
        num_pairs: int,
        head_units: int,
        features: int,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.grid = tuple(grid)
        in_block = BLOCK * BLOCK
        self.near = CausalConv2D(channels, (3, 5), sees_itself=False)
        self.place = self.add_weight(
            name="place", shape=(1, *self.grid, channels), initializer="zeros"
        )
        self.first = [CausalConv2D(channels, (2, 3), stays_rounded=True) for _ in range(num_pairs)]
        self.second = [CausalConv2D(channels, (2, 3), stays_rounded=True) for _ in range(num_pairs)]
        self.far_to_near = Dense(channels, kernel_initializer=small())
        self.to_head = Dense(in_block * head_units)
        self.in_block = MaskedDense(before_in_block(head_units))
        for layer, width in (
            (self.near, in_block),
            *((layer, channels) for layer in (*self.first, *self.second)),
            (self.far_to_near, features),
            (self.to_head, channels),
            (self.in_block, in_block),
        ):
            layer.build((None, *self.grid, width))
        for layer in self.second:
            layer.kernel.assign(0.3 * layer.kernel)  # each pair begins as a small change
        self.last = self.add_weight(name="last", shape=(in_block, head_units), initializer="zeros")
        self.built = True

    def call(self, blocks, features):
        """Logits (B, pixels) from blocks less their mean and what is known of those before."""
        hidden = self.near(blocks) + ops.convert_to_tensor(self.place) + self.far_to_near(features)
        hidden = ops.cast(hidden, self.near.product_type)
        for first, second in zip(self.first, self.second, strict=True):
            hidden = hidden + second(ops.relu(first(ops.relu(hidden))))
        told = self.in_block(blocks) + self.to_head(ops.cast(ops.relu(hidden), "float32"))
        return last_layer(ops.relu(told), self.last)


class DeepPixelCNN(BlockPixelCNN):
    """A `BlockPixelCNN` and a `DeepRoad`, whose logits are added up.

    The road comes last among the weights and begins at zero, so a trained `BlockPixelCNN`'s
    weights followed by a new road's are the same model, free to learn more.

    Args:
        hidden_units: as in `BlockPixelCNN`, at least one.
        deep_channels: width of the road's convolutions.
        num_deep_pairs: its residual pairs of convolutions.
        deep_head_units: hidden units for each pixel in its last layer.
        **kwargs: as in `BlockPixelCNN`.

    Raises:
        ValueError: as `BlockPixelCNN`.
    """

    def __init__(
        self,
        *,
        hidden_units: Sequence[int] = (1024, 1024),
        deep_channels: int = 96,
        num_deep_pairs: int = 4,
        deep_head_units: int = 64,
        **kwargs,
    ):
        check_widths(hidden_units)
        deep = {
            "deep_channels": deep_channels,
            "num_deep_pairs": num_deep_pairs,
            "deep_head_units": deep_head_units,
        }
        for name, value in deep.items():
            check_whole(name, value)
        super().__init__(hidden_units=hidden_units, **kwargs)
        self.deep_structure = deep
        self.deep = DeepRoad(
            self.network.grid,
            channels=deep_channels,
            num_pairs=num_deep_pairs,
            head_units=deep_head_units,
            features=self.structure["features"],
            name="deep",
        )

    def logits(self, flat_images, training: bool = False) -> KerasTensor:
        centred = flat_images - ops.convert_to_tensor(self.mean_image)
        images = ops.reshape(centred, (-1, *self.image_shape))
        blocks = to_blocks(images)
        features = self.network.far(blocks, training)
        told = self.network.before_head(images, training, features=features)
        logits = self.network.finish(told) + self.deep(blocks, features)
        return logits + ops.convert_to_tensor(self.bias)

    def _roads(self, num_samples: int) -> tuple[list[Road], Told | None]:
        roads, told = super()._roads(num_samples)
        return [*roads, ResidualRoad(self.deep, num_samples, told)], told

    def arguments(self) -> dict:
        return {**super().arguments(), **self.deep_structure}
