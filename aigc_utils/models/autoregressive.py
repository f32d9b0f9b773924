"""Autoregressive models (自回归模型): each pixel's probability, given the pixels before it.

p(x) = prod_i p(x_i | x_1 ... x_{i-1}) is exact: the likelihood is one forward pass. A sample
takes a step for each pixel, which together cost one pass too if all that is known is kept.
`MADE` is Germain et al., 2015; the convolutions are in `aigc_utils.models.pixelcnn`. Chapter 3.3
builds them, 5.2b measures them. Written with ``keras.ops`` for TensorFlow, JAX and PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import KerasTensor, ops

from aigc_utils import objectives
from aigc_utils.models.base import ImageModel, check_dropout, check_whole, check_widths, log_odds
from aigc_utils.models.block_sampling import KeptUnits, draw_in_parts, sigmoid, to_numpy
from aigc_utils.models.layers import MaskedDense
from aigc_utils.runtime import compiled


class AutoregressiveModel(ImageModel):
    """What all autoregressive models share; a subclass says how logits follow from pixels.

    The loss is the exact negative log-likelihood, nats an image. Grey images are binarized
    anew each time they are seen; images of 0 and 1 stay as they are.
    ``model(images)`` gives the probability of each pixel to be 1, given those before it.
    """

    loss_label = "negative log-likelihood (nats an image)"

    def logits(self, flat_images, training: bool = False) -> KerasTensor:
        """Log-odds of each pixel given those before it, shape (B, pixels)."""
        raise NotImplementedError

    @property
    def order(self) -> np.ndarray:
        """The pixels' positions in the order in which they are generated, shape (pixels,)."""
        return np.arange(self.num_pixels)

    def log_likelihood(self, inputs, training: bool = False) -> KerasTensor:
        """Exact log p(x) of **binary** images; nats, shape (B,)."""
        flat = self.flatten(inputs)
        return objectives.bernoulli_log_likelihood(flat, self.logits(flat, training))

    def call(self, inputs):
        """Probability of each pixel to be 1 given those before it. Shape (B, *image_shape)."""
        probabilities = ops.sigmoid(self.logits(self.flatten(inputs)))
        return ops.reshape(probabilities, (-1, *self.image_shape))

    def image_losses(self, inputs, training: bool) -> KerasTensor:
        """The exact negative log-likelihood of each image; nats, shape (B,)."""
        return -self.log_likelihood(self.binarize(self.flatten(inputs)), training)

    def generate(self, num_samples: int, *, temperature: float = 1.0, seed: int = 0) -> np.ndarray:
        """New images, pixel by pixel.

        Args:
            num_samples: how many.
            temperature: divides the logits; less than 1 makes likely pixels likelier.
            seed: the same seed gives the same images on one machine.

        Returns:
            The probability with which each pixel was drawn, given the pixels drawn before:
            intensities from 0 to 1, float32, shape (num_samples, *image_shape).
        """
        return self.sample(num_samples, temperature=temperature, seed=seed)[0]

    def sample(self, num_samples: int, *, temperature: float = 1.0, seed: int = 0):
        """As `generate`, with the pixels that were drawn: (intensities, binary images)."""
        check_whole("num_samples", num_samples)
        if not 0 < temperature < math.inf:
            raise ValueError(f"The temperature is {temperature}: give more than 0.")
        coins = np.random.default_rng(seed).random((num_samples, self.num_pixels))
        return tuple(
            array.reshape(-1, *self.image_shape) for array in self.draw(coins, temperature)
        )

    def draw(self, coins: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray]:
        """What `draw_pixels` gives, for the price of one forward pass."""
        return draw_in_parts(lambda part: self._draw_part(part, temperature), coins)

    def _draw_part(self, coins: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray]:
        """`draw` for so many images that all that is kept of them has room."""
        raise NotImplementedError


class CentredModel(AutoregressiveModel):
    """An autoregressive model that sees images less their mean, and adds a bias to each logit."""

    def __init__(self, image_shape: Sequence[int], seed: int, dropout: float, **kwargs):
        check_dropout(dropout)
        super().__init__(image_shape, seed, **kwargs)
        self.dropout = dropout
        self.mean_image = self.add_weight(
            name="mean_image", shape=(self.num_pixels,), initializer="zeros", trainable=False
        )
        self.bias = self.add_weight(name="bias", shape=(self.num_pixels,), initializer="zeros")

    def _predict(self, mean: np.ndarray) -> None:
        self.bias.assign(log_odds(mean))

    def arguments(self) -> dict:
        return {**super().arguments(), "dropout": self.dropout}


def draw_pixels(
    logits: Callable, order: np.ndarray, coins: np.ndarray, temperature: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw pixels one after another, each from its logit given those drawn before.

    Args:
        logits: of flat images, (B, pixels) to (B, pixels).
        order: the pixels' positions in the order of drawing.
        coins: uniform from 0 to 1, shape (B, pixels); a pixel is 1 where its coin is less
            than its probability.
        temperature: divides the logits, more than 0.

    Returns:
        The probabilities that the coins were compared with, and the pixels drawn; float32,
        each of shape (B, pixels).
    """
    step = compiled(logits)
    flat = np.zeros(coins.shape, np.float32)
    intensities = np.zeros_like(flat)
    for pixel in order:
        scaled = ops.convert_to_numpy(step(ops.convert_to_tensor(flat)))[:, pixel] / temperature
        intensities[:, pixel] = np.exp(-np.logaddexp(0.0, -scaled))
        flat[:, pixel] = coins[:, pixel] < intensities[:, pixel]
    return intensities, flat


class MADE(CentredModel):
    """A masked dense network: pixel i's logit depends on pixels before i, in raster order.

    Each hidden unit has a degree, the last pixel that it may see; a connection is kept only
    if it leads from a pixel or unit to one that may know it (Germain et al., 2015, eq. 10-13).

    Args:
        hidden_units: widths of the hidden layers.
        image_shape: shape of one image, without the batch axis.
        activation: of the hidden layers, a name that Keras knows.
        dropout: share of hidden units left out at each training step.
        seed: seeds binarization and dropout.

    Raises:
        ValueError: if an argument is out of range, or the images do not fit.
    """

    def __init__(
        self,
        hidden_units: Sequence[int] = (1024,),
        *,
        image_shape: Sequence[int] = (28, 28),
        activation: str = "silu",
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs,
    ):
        check_widths(hidden_units)
        super().__init__(image_shape, seed, dropout, **kwargs)
        self.hidden_units = tuple(hidden_units)
        self.activation = activation
        pixels = np.arange(self.num_pixels)
        self.network = masked_layers(pixels, pixels, hidden_units, activation)
        self.skip = MaskedDense(pixels[:, None] < pixels[None, :])
        for layer in (*self.network, self.skip):
            layer.build((None, layer.mask.shape[0]))
        self.built = True

    def logits(self, flat_images, training: bool = False) -> KerasTensor:
        centred = flat_images - ops.convert_to_tensor(self.mean_image)
        far = through(self.network, centred, self, training)
        return far + self.skip(centred) + ops.convert_to_tensor(self.bias)

    def _draw_part(self, coins: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray]:
        pixels = np.arange(self.num_pixels)
        far = KeptUnits(self.network, pixels, len(coins))
        near = KeptUnits([self.skip], pixels, len(coins))
        mean, bias = to_numpy(self.mean_image), to_numpy(self.bias)
        intensities, drawn, centred = (np.zeros(coins.shape, np.float32) for _ in range(3))
        for pixel in pixels:
            known = [units.advance(centred, pixel - 1)[:, pixel] for units in (far, near)]
            logit = (sum(known) + bias[pixel]) / np.float32(temperature)
            intensities[:, pixel] = sigmoid(logit)
            drawn[:, pixel] = coins[:, pixel] < intensities[:, pixel]
            centred[:, pixel] = drawn[:, pixel] - mean[pixel]
        return intensities, drawn

    def arguments(self) -> dict:
        return {
            **super().arguments(),
            "hidden_units": self.hidden_units,
            "activation": self.activation,
        }


def masked_layers(
    source: np.ndarray, target: np.ndarray, hidden_units: Sequence[int], activation: str
) -> list[MaskedDense]:
    """Dense layers through which target t sees exactly the sources of a smaller number.

    Args:
        source: the place of each input in the order, shape (inputs,).
        target: the place of each output in the same order, shape (outputs,).
        hidden_units: widths of the layers between.
        activation: of the layers between.
    """
    made, before = [], source
    for units in hidden_units:
        # Degrees spread evenly over the places that any target may see.
        degrees = np.linspace(source.min(), target.max() - 1, units).round()
        made.append(MaskedDense(before[:, None] <= degrees[None, :], activation))
        before = degrees
    made.append(MaskedDense(before[:, None] < target[None, :]))
    return made


def through(
    network: Sequence[MaskedDense], inputs, owner: keras.Model, training: bool
) -> KerasTensor:
    """The masked layers one after another; hidden layers of equal width add to each other.

    Units of equal width have equal degrees, so adding them keeps the order. Inputs have other
    degrees, whatever their number: added to a hidden layer they would be seen too early.
    In training, units are left out as the ``dropout`` and ``seed_generator`` of owner say.
    """

    def drop(units):
        if not training or not owner.dropout:
            return units
        return keras.random.dropout(units, owner.dropout, seed=owner.seed_generator)

    first, *others, last = network
    hidden = drop(first(inputs))
    for layer in others:
        output = drop(layer(hidden))
        hidden = hidden + output if hidden.shape[-1] == output.shape[-1] else output
    return last(hidden)
