"""Draw from an autoregressive model for the price of one forward pass.

Read naively, a sample of 784 pixels takes 784 forward passes. But what a masked layer computes
of the past never changes again: each hidden unit of a dense network, and each place of a
convolution, is due at one moment and can then be kept (for convolutions: Ramachandran et al.,
"Fast Generation for Convolutional Autoregressive Models", 2017). All of them together are one
forward pass. It is still one step after another, and each is a small product, so NumPy does it.
Chapter 3.3 draws slowly first (`aigc_utils.models.autoregressive.draw_pixels`), then by this.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from keras import ops
from threadpoolctl import threadpool_limits

from aigc_utils.models.layers import CausalConv2D, MaskedDense

Activation = Callable[[np.ndarray], np.ndarray]
IMAGES_AT_ONCE = 250  # the places kept of a deep road take a megabyte an image


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow, same shape."""
    return np.exp(-np.logaddexp(np.float32(0), -x))


def silu(x: np.ndarray) -> np.ndarray:
    """x * sigmoid(x), same shape."""
    return x * sigmoid(x)


def relu(x: np.ndarray) -> np.ndarray:
    """The positive part, same shape."""
    return np.maximum(x, 0)


ACTIVATIONS: dict[str, Activation] = {"silu": silu, "relu": relu, "linear": lambda x: x}


class KeptUnits:
    """A masked dense network, each of whose units is computed when its last source is known.

    Args:
        layers: as `aigc_utils.models.autoregressive.masked_layers` makes them.
        source: the place of each input in the order, shape (inputs,).
        num_samples: images drawn beside each other.
    """

    def __init__(self, layers: Sequence[MaskedDense], source: np.ndarray, num_samples: int):
        self.kernels = [to_numpy(layer.kernel) * layer.mask for layer in layers]
        self.biases = [to_numpy(layer.bias) for layer in layers]
        self.activations = [activation_of(layer) for layer in layers]
        self.known = [
            np.zeros((num_samples, kernel.shape[1]), np.float32) for kernel in self.kernels
        ]
        # The moment of a unit is that of its latest source, -1 where it has none.
        self.moments = []
        for layer in layers:
            before = self.moments[-1] if self.moments else source
            seen = np.where(layer.mask > 0, before[:, None], -1)
            self.moments.append(seen.max(axis=0))

    def advance(self, inputs: np.ndarray, moment: int) -> np.ndarray:
        """Compute the units that are due; the network's outputs as far as they are known.

        Args:
            inputs: of the first layer, known up to ``moment``, shape (num_samples, inputs).
            moment: the place in the order that was filled last, -1 for none.
        """
        before = inputs
        last = len(self.kernels) - 1
        for number, kernel in enumerate(self.kernels):
            due = np.flatnonzero(self.moments[number] == moment)
            new = self.activations[number](before @ kernel[:, due] + self.biases[number][due])
            # As `through` does: hidden layers of equal width add to each other.
            if 0 < number < last and before.shape[1] == kernel.shape[1]:
                new = new + before[:, due]
            self.known[number][:, due] = new
            before = self.known[number]
        return before


class KeptPlaces:
    """A causal convolution that keeps its input and is computed at one place at a time.

    Args:
        layer: a `CausalConv2D` of stride 1.
        grid: (height, width) of the image that it goes over.
        num_samples: images drawn beside each other.
    """

    def __init__(self, layer: CausalConv2D, grid: tuple[int, int], num_samples: int):
        rows, columns, channels, filters = layer.kernel.shape
        self.size = rows, columns
        self.kernel = (to_numpy(layer.kernel) * layer.mask).reshape(-1, filters)
        self.bias = to_numpy(layer.bias)
        self.activation = activation_of(layer)
        self.left = columns // 2
        shape = (num_samples, grid[0] + rows - 1, grid[1] + 2 * self.left, channels)
        self.kept = np.zeros(shape, np.float32)

    def keep(self, row: int, column: int, values: np.ndarray) -> None:
        """The input at a place, shape (num_samples, channels)."""
        self.kept[:, row + self.size[0] - 1, column + self.left] = values

    def at(self, row: int, column: int) -> np.ndarray:
        """The output at a place, shape (num_samples, filters)."""
        rows, columns = self.size
        seen = self.kept[:, row : row + rows, column : column + columns]
        output = seen.reshape(len(seen), -1) @ self.kernel + self.bias
        return self.activation(output)


class Told:
    """What the dense network says of the past to each block, computed once for all roads.

    Args:
        network: a `CausalNetwork` with dense layers.
        num_samples: images drawn beside each other.
    """

    def __init__(self, network, num_samples: int):
        blocks, in_block = math.prod(network.grid), network.last.shape[0]
        self.features = network.features
        self.units = KeptUnits(network.dense, np.repeat(np.arange(blocks), in_block), num_samples)
        self.inputs = np.zeros((num_samples, blocks * in_block), np.float32)
        self.of_block: np.ndarray | None = None

    def before_block(self, index: int) -> None:
        """Let `of_block` be what block ``index`` is told, shape (num_samples, features)."""
        known = self.units.advance(self.inputs, index - 1)
        self.of_block = known[:, index * self.features : (index + 1) * self.features]

    def keep(self, index: int, centred: np.ndarray) -> None:
        """A block less its mean, shape (num_samples, pixels of a block)."""
        in_block = centred.shape[1]
        self.inputs[:, index * in_block : (index + 1) * in_block] = centred


class Road:
    """What leads from the past to a block's logits; a subclass says how places follow.

    Args:
        network: has ``grid``, ``near``, ``place``, ``to_head``, ``in_block`` and ``last``.
        num_samples: images drawn beside each other.
    """

    activation: Activation

    def __init__(self, network, num_samples: int):
        self.grid = network.grid
        self.near = KeptPlaces(network.near, self.grid, num_samples)
        self.place = to_numpy(network.place)[0]
        self.to_head = affine(network.to_head)
        kernel, bias = to_numpy(network.in_block.kernel), to_numpy(network.in_block.bias)
        self.in_block = kernel * network.in_block.mask
        self.in_block_bias = bias
        self.last = to_numpy(network.last)

    def head(self, hidden: np.ndarray) -> np.ndarray:
        """What the last layer is told of the past, shape (N, pixels of a block * head units)."""
        return self.to_head(self.activation(hidden)) + self.in_block_bias

    def logit(self, told: np.ndarray, centred: np.ndarray, pixel: int) -> np.ndarray:
        """The logit of a pixel from those of its block that come before, shape (N,)."""
        units = self.last.shape[1]
        mine = slice(pixel * units, (pixel + 1) * units)
        hidden = told[:, mine] + centred[:, :pixel] @ self.in_block[:pixel, mine]
        return self.activation(hidden) @ self.last[pixel]

    def keep(self, index: int, centred: np.ndarray) -> None:
        """A block less its mean, shape (num_samples, pixels of a block)."""
        self.near.keep(*self.where(index), centred)

    def where(self, index: int) -> tuple[int, int]:
        """Row and column of a block."""
        return divmod(index, self.grid[1])


class CausalRoad(Road):
    """A `CausalNetwork` at one place at a time; its dense part is a `Told`, or none.

    Args:
        more: told to the last layer of each block besides, shape (N, blocks, head); or none.
    """

    activation = staticmethod(silu)

    def __init__(self, network, num_samples: int, told: Told | None = None, more=None):
        super().__init__(network, num_samples)
        self.told, self.more = told, more
        self.convs = [KeptPlaces(conv, self.grid, num_samples) for conv in network.convs]
        self.mixers = [affine(mixer) for mixer in network.mixers]
        if told is not None:
            self.far_to_near = affine(network.far_to_near)
            self.far_to_head = affine(network.far_to_head)

    def before_block(self, index: int) -> np.ndarray:
        """What the last layer is told of all blocks before this one."""
        row, column = self.where(index)
        hidden = self.near.at(row, column) + self.place[row, column]
        if self.told is not None:
            hidden = hidden + self.far_to_near(self.told.of_block)
        for conv, mixer in zip(self.convs, self.mixers, strict=True):
            conv.keep(row, column, silu(hidden))
            hidden = hidden + mixer(conv.at(row, column))
        head = self.head(hidden)
        if self.told is not None:
            head = head + self.far_to_head(self.told.of_block)
        if self.more is not None:
            head = head + self.more[:, index]
        return head


class ResidualRoad(Road):
    """A `DeepRoad` at one place at a time."""

    activation = staticmethod(relu)

    def __init__(self, network, num_samples: int, told: Told):
        super().__init__(network, num_samples)
        self.told = told
        self.pairs = [
            [KeptPlaces(layer, self.grid, num_samples) for layer in pair]
            for pair in zip(network.first, network.second, strict=True)
        ]
        self.far_to_near = affine(network.far_to_near)

    def before_block(self, index: int) -> np.ndarray:
        """What the last layer is told of all blocks before this one."""
        row, column = self.where(index)
        hidden = self.near.at(row, column) + self.place[row, column]
        hidden = hidden + self.far_to_near(self.told.of_block)
        for first, second in self.pairs:
            first.keep(row, column, relu(hidden))
            second.keep(row, column, relu(first.at(row, column)))
            hidden = hidden + second.at(row, column)
        return self.head(hidden)


class Reader:
    """One model at one block at a time: what it says of the pixels to come.

    Args:
        roads: whose logits are added up.
        told: the dense network that they hear, if any.
        base: added to the logits, shape (N or 1, pixels).
        mean: the mean image, shape (pixels,).
    """

    def __init__(
        self, roads: Sequence[Road], told: Told | None, base: np.ndarray, mean: np.ndarray
    ):
        self.roads, self.told, self.base, self.mean = roads, told, base, mean

    def before_block(self, index: int) -> None:
        """Get ready for a block, of which nothing is known yet."""
        if self.told is not None:
            self.told.before_block(index)
        self.heads = [road.before_block(index) for road in self.roads]
        in_block = self.roads[0].last.shape[0]
        self.centred = np.zeros((len(self.heads[0]), in_block), np.float32)

    def logit(self, place: int, pixel: int) -> np.ndarray:
        """The logit of the pixel at a place in the block, shape (N,)."""
        logit = self.base[:, pixel]
        for road, head in zip(self.roads, self.heads, strict=True):
            logit = logit + road.logit(head, self.centred, place)
        return logit

    def see(self, place: int, pixel: int, drawn: np.ndarray) -> None:
        """Take in the pixel at a place in the block, shape (N,)."""
        self.centred[:, place] = drawn - self.mean[pixel]

    def keep(self, index: int) -> None:
        """Keep the block, now that all of it is known."""
        for keeper in self.roads if self.told is None else [self.told, *self.roads]:
            keeper.keep(index, self.centred)


def draw_blocks(
    readers: Sequence[Reader], coins: np.ndarray, order: np.ndarray, temperature: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw blocks one after another, and in each its pixels.

    Args:
        readers: whose logits are averaged.
        coins: uniform from 0 to 1, shape (N, pixels); a pixel is 1 where its coin is less
            than its probability.
        order: the pixels' positions block by block, shape (pixels,).
        temperature: divides the logits, more than 0.

    Returns:
        The probabilities that the coins were compared with, and the pixels drawn; float32,
        each of the shape of ``coins``.
    """
    intensities, drawn = (np.zeros(coins.shape, np.float32) for _ in range(2))
    scale = np.float32(len(readers) * temperature)
    for index, block in enumerate(order.reshape(math.prod(readers[0].roads[0].grid), -1)):
        for reader in readers:
            reader.before_block(index)
        for place, pixel in enumerate(block):
            logit = sum(reader.logit(place, pixel) for reader in readers)
            intensities[:, pixel] = sigmoid(logit / scale)
            drawn[:, pixel] = coins[:, pixel] < intensities[:, pixel]
            for reader in readers:
                reader.see(place, pixel, drawn[:, pixel])
        for reader in readers:
            reader.keep(index)
    return intensities, drawn


def draw_in_parts(draw: Callable, *arrays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``draw`` for some images at a time, since what is kept of each takes a megabyte.

    Parts run beside each other, one on each core. The products are too small to be shared out,
    and NumPy's threads waiting for each other would cost a factor of thirty on a busy machine.
    """
    starts = range(0, len(arrays[0]), IMAGES_AT_ONCE)

    def part(start: int) -> tuple[np.ndarray, np.ndarray]:
        return draw(*(array[start : start + IMAGES_AT_ONCE] for array in arrays))

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as cores:
        parts = list(cores.map(part, starts))
    return tuple(np.concatenate(kind) for kind in zip(*parts, strict=True))


def affine(layer) -> Callable[[np.ndarray], np.ndarray]:
    """A dense layer without activation, as a NumPy function."""
    kernel = to_numpy(layer.kernel)
    bias = to_numpy(layer.bias) if layer.use_bias else np.float32(0)
    return lambda x: x @ kernel + bias


def to_numpy(tensor) -> np.ndarray:
    """A weight as a float32 array."""
    return np.asarray(ops.convert_to_numpy(tensor), np.float32)


def activation_of(layer) -> Activation:
    """A layer's activation as a function of arrays: NumPy's own if it is quick, else Keras's."""
    name = "linear" if layer.activation is None else layer.activation.__name__
    return ACTIVATIONS.get(name) or (lambda x: to_numpy(layer.activation(x)))
