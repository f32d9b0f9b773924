"""A PixelCNN of 2 x 2 blocks: masked convolutions for what is near, a masked dense network for all.

The convolutions, which share what they learn between places, are those of van den Oord et al.,
"Pixel Recurrent Neural Networks", 2016; the dense network is that of MADE. Chapter 3.3 trains
one, 3.5 compares it, 5.2b takes it further. Written with ``keras.ops``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import KerasTensor, ops

from aigc_utils.models.autoregressive import CentredModel, masked_layers, through
from aigc_utils.models.base import check_divisible, check_whole
from aigc_utils.models.block_sampling import CausalRoad, Reader, Road, Told, draw_blocks, to_numpy
from aigc_utils.models.layers import CausalConv2D, Dense, MaskedDense

BLOCK = 2  # an image is gone through in blocks of 2 x 2 pixels


def check_blocks(image_shape: Sequence[int], num_convs: int, widths: dict[str, int]) -> None:
    """Raise a ValueError unless a `CausalNetwork` can be built of these."""
    check_divisible(image_shape, BLOCK)
    for name, value in widths.items():
        check_whole(name, value)
    check_whole("num_convs", num_convs, least=0)


class CausalNetwork(keras.Model):
    """Logits for 2 x 2 blocks, each from the blocks before it and the pixels before in it.

    Two roads lead from the past to a block and meet before the last layer: masked
    convolutions, which see what is near and know the same everywhere, and a masked dense
    network, which sees all and knows each place for itself.

    Args:
        image_shape: (height, width), both even.
        channels: width of the convolutions.
        num_convs: residual convolutions, each of which sees one block farther.
        hidden_units: widths of the masked dense network; empty for none.
        features: numbers that it gives each block.
        head_units: hidden units for each pixel in the last layer.
        dropout: share of hidden units left out at each training step.
        seed_generator: draws what is left out.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        *,
        channels: int,
        num_convs: int,
        hidden_units: Sequence[int],
        features: int,
        head_units: int,
        dropout: float,
        seed_generator: keras.random.SeedGenerator,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.dropout = dropout
        self.seed_generator = seed_generator
        height, width = image_shape[0] // BLOCK, image_shape[1] // BLOCK
        self.grid = (height, width)
        self.features = features
        in_block = BLOCK * BLOCK
        self.near = CausalConv2D(channels, (3, 5), sees_itself=False)
        self.near.build((None, *self.grid, in_block))
        self.place = self.add_weight(
            name="place", shape=(1, height, width, channels), initializer="zeros"
        )
        self.convs = [CausalConv2D(channels, (2, 3), "silu") for _ in range(num_convs)]
        self.mixers = [Dense(channels, kernel_initializer=small()) for _ in range(num_convs)]
        self.to_head = Dense(in_block * head_units)
        for layer in (*self.convs, *self.mixers, self.to_head):
            layer.build((None, *self.grid, channels))
        self.in_block = MaskedDense(before_in_block(head_units))
        self.in_block.build((None, *self.grid, in_block))
        self.last = self.add_weight(name="last", shape=(in_block, head_units), initializer=small())
        self.dense: list[MaskedDense] = []
        if hidden_units:
            blocks = np.arange(height * width)
            target = np.repeat(blocks, features)
            source = np.repeat(blocks, in_block)
            self.dense = masked_layers(source, target, hidden_units, "silu")
            self.far_to_near, self.far_to_head = Dense(channels), Dense(in_block * head_units)
            for layer in self.dense:
                layer.build((None, layer.mask.shape[0]))
            for layer in (self.far_to_near, self.far_to_head):
                layer.build((None, *self.grid, features))
        self.built = True

    def call(self, centred, training=False):
        """Logits (B, pixels) from images less their mean, shape (B, height, width)."""
        return self.finish(self.before_head(centred, training))

    def before_head(self, centred, training=False, *, features=None):
        """What each block's last layer is told of the past, (B, *grid, 4 * head_units).

        ``features`` spares what `far` costs where its result is at hand.
        """
        blocks = to_blocks(centred)
        hidden = self.near(blocks) + ops.convert_to_tensor(self.place)
        told = self.in_block(blocks)
        if self.dense:
            features = self.far(blocks, training) if features is None else features
            hidden = hidden + self.far_to_near(features)
            told = told + self.far_to_head(features)
        for conv, mixer in zip(self.convs, self.mixers, strict=True):
            hidden = hidden + mixer(conv(ops.silu(hidden)))
        return told + self.to_head(ops.silu(hidden))

    def finish(self, told):
        """Logits (B, pixels) from what `before_head` gives, or that and more."""
        return last_layer(ops.silu(told), self.last)

    def far(self, blocks, training=False):
        """What the dense network says of all blocks before each, (B, *grid, features)."""
        hidden = ops.reshape(blocks, (-1, math.prod(self.grid) * BLOCK * BLOCK))
        features = through(self.dense, hidden, self, training)
        return ops.reshape(features, (-1, *self.grid, self.features))


class BlockPixelCNN(CentredModel):
    """An autoregressive model of 2 x 2 blocks: near by convolution, far by a dense network.

    The image is read block by block, and within a block pixel by pixel. One convolution over
    blocks costs as much as one over pixels, but sees twice as far.

    Args:
        image_shape: (height, width), both even.
        channels: width of the convolutions.
        num_convs: residual convolutions, each of which sees one block farther.
        hidden_units: widths of the masked dense network that sees all blocks before; empty
            for convolutions alone.
        features: numbers that it gives each block.
        head_units: hidden units for each pixel in the last layer.
        dropout: share of the dense network's hidden units left out at each training step.
        seed: seeds binarization and dropout.

    Raises:
        ValueError: if an argument is out of range, or the images do not fit.
    """

    def __init__(
        self,
        *,
        image_shape: Sequence[int] = (28, 28),
        channels: int = 32,
        num_convs: int = 3,
        hidden_units: Sequence[int] = (1024, 1024),
        features: int = 8,
        head_units: int = 16,
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs,
    ):
        widths = {"channels": channels, "features": features, "head_units": head_units}
        check_blocks(image_shape, num_convs, widths)
        for units in hidden_units:
            check_whole("each of hidden_units", units)
        super().__init__(image_shape, seed, dropout, **kwargs)
        self.structure = {**widths, "num_convs": num_convs, "hidden_units": tuple(hidden_units)}
        self.network = CausalNetwork(
            image_shape,
            **self.structure,
            dropout=dropout,
            seed_generator=self.seed_generator,
            name="network",
        )
        self.built = True

    @property
    def order(self) -> np.ndarray:
        return block_order(self.image_shape)

    def logits(self, flat_images, training: bool = False) -> KerasTensor:
        centred = flat_images - ops.convert_to_tensor(self.mean_image)
        images = ops.reshape(centred, (-1, *self.image_shape))
        return self.network(images, training=training) + ops.convert_to_tensor(self.bias)

    def _draw_part(self, coins: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray]:
        return draw_blocks([self.reader(len(coins))], coins, self.order, temperature)

    def reader(self, num_samples: int) -> Reader:
        """What `draw_blocks` asks for the logits of ``num_samples`` images."""
        roads, told = self._roads(num_samples)
        bias, mean = to_numpy(self.bias), to_numpy(self.mean_image)
        return Reader(roads, told, bias[None], mean)

    def _roads(self, num_samples: int) -> tuple[list[Road], Told | None]:
        """The ways to the logits of each block, and the dense network that they hear."""
        told = Told(self.network, num_samples) if self.network.dense else None
        return [CausalRoad(self.network, num_samples, told)], told

    def arguments(self) -> dict:
        return {**super().arguments(), **self.structure}


def small() -> keras.initializers.Initializer:
    """Weights for the end of a residual branch: it begins as a small change."""
    return keras.initializers.VarianceScaling(0.25)


def before_in_block(head_units: int) -> np.ndarray:
    """Which pixels of a block reach which head units: those before the unit's own pixel."""
    pixel = np.arange(BLOCK * BLOCK)
    return np.repeat(pixel[:, None] < pixel[None, :], head_units, axis=1)


def last_layer(head, weights) -> KerasTensor:
    """Logits (B, pixels): each pixel's head units, weighted and added up.

    Args:
        head: shape (B, height / 2, width / 2, 4 * head_units).
        weights: shape (4, head_units).
    """
    head = ops.reshape(head, (-1, *head.shape[1:3], *weights.shape))
    return from_blocks(ops.sum(head * ops.convert_to_tensor(weights), axis=-1))


def block_order(image_shape: Sequence[int]) -> np.ndarray:
    """Pixels' positions block by block, and in each block row by row; shape (pixels,)."""
    pixels = np.arange(math.prod(image_shape)).reshape(1, *image_shape)
    return ops.convert_to_numpy(to_blocks(pixels)).reshape(-1)


def to_blocks(images):
    """Images (B, height, width) as blocks (B, height / 2, width / 2, 4), rows first."""
    _, height, width = images.shape
    grid = ops.reshape(images, (-1, height // BLOCK, BLOCK, width // BLOCK, BLOCK))
    return ops.reshape(
        ops.transpose(grid, (0, 1, 3, 2, 4)), (-1, height // BLOCK, width // BLOCK, BLOCK * BLOCK)
    )


def from_blocks(blocks):
    """What `to_blocks` made, as rows of pixels (B, height * width)."""
    _, height, width, _ = blocks.shape
    grid = ops.reshape(blocks, (-1, height, width, BLOCK, BLOCK))
    return ops.reshape(ops.transpose(grid, (0, 1, 3, 2, 4)), (-1, height * width * BLOCK * BLOCK))
