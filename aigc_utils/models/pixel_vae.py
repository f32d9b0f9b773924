"""A VAE whose decoder is autoregressive (Gulrajani et al., "PixelVAE", 2017).

The latents say what the picture is, and masked convolutions, which see only what is near,
say how a pixel follows from its neighbours. Since convolutions that see little cannot tell
a shoe from a shirt, the latents keep carrying that. Chapter 5.2b shows and measures one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from aigc_utils import objectives
from aigc_utils.models.base import log_odds
from aigc_utils.models.block_sampling import (
    CausalRoad,
    Reader,
    draw_blocks,
    draw_in_parts,
    to_numpy,
)
from aigc_utils.models.layers import Dense
from aigc_utils.models.pixelcnn import BLOCK, CausalNetwork, block_order, check_blocks
from aigc_utils.models.vae import VAE
from aigc_utils.runtime import independent_seed


@keras.saving.register_keras_serializable(package="aigc_utils")
class PixelVAE(VAE):
    """p(x|z) = prod_i p(x_i | x_1 ... x_{i-1}, z): logits from the latents and from near pixels.

    Args:
        latent_dim: number of latent dimensions, at least 1.
        image_shape: (height, width), both even.
        channels: width of the masked convolutions.
        num_convs: residual convolutions, each of which sees one 2 x 2 block farther.
        features: numbers that the decoder tells each block.
        head_units: hidden units for each pixel in the last layer.
        **kwargs: as in `VAE`; the decoder is Bernoulli.

    Raises:
        ValueError: as `VAE` and `aigc_utils.models.BlockPixelCNN`.
    """

    def __init__(
        self,
        latent_dim: int = 32,
        *,
        image_shape: Sequence[int] = (28, 28),
        channels: int = 32,
        num_convs: int = 2,
        features: int = 8,
        head_units: int = 16,
        **kwargs,
    ):
        if kwargs.get("decoder_distribution", "bernoulli") != "bernoulli":
            raise ValueError(
                f"The decoder distribution is {kwargs['decoder_distribution']!r}: "
                'a PixelVAE draws pixels one by one, so give "bernoulli".'
            )
        widths = {"channels": channels, "features": features, "head_units": head_units}
        check_blocks(image_shape, num_convs, widths)
        # Set first, since building the decoder in VAE.__init__ asks for decoder_outputs.
        grid = [size // BLOCK for size in image_shape]
        object.__setattr__(self, "_num_features", int(np.prod(grid)) * features)
        super().__init__(latent_dim, image_shape=image_shape, **kwargs)
        self.structure = {**widths, "num_convs": num_convs}
        self.network = CausalNetwork(
            image_shape,
            **self.structure,
            hidden_units=(),
            dropout=0.0,
            seed_generator=self.seed_generator,
            name="network",
        )
        self.tell = Dense(BLOCK * BLOCK * head_units, use_bias=False)
        self.tell.build((None, *grid, features))

    @property
    def decoder_outputs(self) -> int:
        return self.num_pixels + self._num_features

    def _predict(self, mean: np.ndarray) -> None:
        bias = np.zeros(self.decoder_outputs, np.float32)
        bias[: self.num_pixels] = log_odds(mean)
        self.decoder.layers[-1].bias.assign(bias)

    def _log_likelihood(self, flat_images, decoder_output):
        logits = self._logits(flat_images, decoder_output)
        return objectives.bernoulli_log_likelihood(flat_images, logits)

    def _logits(self, flat_images, decoder_output):
        """Log-odds (..., B, pixels) of images (B, pixels) under outputs (..., B, outputs)."""
        centred = flat_images - ops.convert_to_tensor(self.mean_image)
        near = self.network.before_head(ops.reshape(centred, (-1, *self.image_shape)))
        far = ops.reshape(
            decoder_output[..., self.num_pixels :],
            (-1, *self.network.grid, self.structure["features"]),
        )
        told = self.tell(far)
        num_samples = ops.shape(told)[0] // ops.shape(near)[0]
        logits = self.network.finish(ops.tile(near, (num_samples, 1, 1, 1)) + told)
        base = decoder_output[..., : self.num_pixels]
        return base + ops.reshape(logits, ops.shape(base))

    def call(self, inputs):
        """Probability of each pixel to be 1, given the posterior mean and the pixels before."""
        images, condition = self.condition(inputs)
        mean, _ = self._posterior(images, condition)
        probabilities = ops.sigmoid(self._logits(images, self.decoder(mean)))
        return ops.reshape(probabilities, (-1, *self.image_shape))

    def decode(self, z, condition=None, *, temperature: float = 1.0, seed: int = 0) -> np.ndarray:
        """Images drawn from p(x|z), pixel by pixel.

        Args:
            z: latents, shape (B, latent_dim).
            condition: not used.
            temperature: divides the logits.
            seed: of the draws.

        Returns:
            The probability with which each pixel was drawn: intensities from 0 to 1,
            float32, shape (B, *image_shape).
        """
        coins = np.random.default_rng(seed).random((len(z), self.num_pixels))

        def draw(z, coins):
            return self._draw_part(z, coins, temperature)

        return draw_in_parts(draw, z, coins)[0].reshape(-1, *self.image_shape)

    def _draw_part(self, z: np.ndarray, coins: np.ndarray, temperature: float):
        grid = self.network.grid
        output = self.decoder(ops.convert_to_tensor(z, dtype="float32"))
        far = ops.reshape(output[:, self.num_pixels :], (len(z), *grid, -1))
        more = to_numpy(self.tell(far)).reshape(len(z), math.prod(grid), -1)
        road = CausalRoad(self.network, len(z), more=more)
        reader = Reader([road], None, to_numpy(output), to_numpy(self.mean_image))
        return draw_blocks([reader], coins, block_order(self.image_shape), temperature)

    def generate(self, num_samples: int, *, temperature: float = 1.0, seed: int = 0) -> np.ndarray:
        latents = self.sample_latents(num_samples, temperature=temperature, seed=seed)
        return self.decode(latents, seed=independent_seed(seed))

    def arguments(self) -> dict:
        return {**super().arguments(), **self.structure}
