"""A generative adversarial network (生成对抗网络): a forger and a judge, trained together.

Goodfellow et al., "Generative Adversarial Nets", 2014. The generator makes images of noise;
the discriminator scores how real an image looks; each learns against the other. There is no
likelihood. Chapter 3.2 builds and trains it. Written with ``keras.ops`` for all backends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import KerasTensor, layers, ops

from aigc_utils.models.base import (
    ImageModel,
    by_parts,
    check_divisible,
    check_whole,
    draw_noise,
    log_odds,
)
from aigc_utils.models.layers import Conv2D, Conv2DTranspose, Dense


@keras.saving.register_keras_serializable(package="aigc_utils")
class GAN(ImageModel):
    """A small convolutional GAN, trained by ``compile(optimizer)`` and ``fit(images)``.

    Both players take one step on each batch, with one optimizer. The loss is the sum of

    - the discriminator's, softplus(-D(x)) + softplus(D(G(z))), in which the generator is held
      fixed (Goodfellow et al., 2014, equation 1, with D a logit);
    - the generator's non-saturating one, softplus(-D(G(z))), in which the discriminator is;
    - a penalty on the discriminator's slope, ``r1_weight / 2`` times |grad D|^2 at real and at
      generated images (Mescheder et al., 2018, equations 9 and 10). It is estimated without second
      derivatives, as (D(x + s n) - D(x))^2 / s^2 with n ~ N(0, I) (Lin et al., "Diffusion
      Adversarial Post-Training", 2025), whose mean is |grad D|^2 for small s.

    It is a sum of what two players want, so it need not fall: watch the two parts, and samples.
    ``model(images)`` gives the discriminator's scores, shape (B,).

    Args:
        latent_dim: numbers of noise that an image is made of, at least 1.
        image_shape: (height, width), each divisible by 4.
        channels: width of the layers at half the image's size; twice that at a quarter.
        r1_weight: of the penalty; 0 for none: the discriminator then turns steep, and the
            samples worse (`03_2_adversarial` and the recipe ``gan_fashion`` take 0.2).
        r1_step: s above, in intensities.
        seed: seeds the noise.

    Raises:
        ValueError: if an argument is out of range, or the images do not fit.
    """

    loss_label = "sum of both players' losses"

    def __init__(
        self,
        latent_dim: int = 64,
        *,
        image_shape: Sequence[int] = (28, 28),
        channels: int = 32,
        r1_weight: float = 1.0,
        r1_step: float = 0.05,
        seed: int = 0,
        **kwargs,
    ):
        check_whole("latent_dim", latent_dim)
        check_whole("channels", channels)
        check_divisible(image_shape, 4)
        if not 0 <= r1_weight < math.inf:
            raise ValueError(f"r1_weight is {r1_weight!r}: give 0 or more.")
        if not 0 < r1_step <= 1:
            raise ValueError(f"r1_step is {r1_step!r}: give more than 0, and at most 1.")
        super().__init__(image_shape, seed, **kwargs)
        self.latent_dim = latent_dim
        self.channels = channels
        self.r1_weight = r1_weight
        self.r1_step = r1_step
        self.mean_image = self.add_weight(
            name="mean_image", shape=(self.num_pixels,), initializer="zeros", trainable=False
        )
        self.generator = self._build_generator()
        self.discriminator = self._build_discriminator()
        self.discriminator_tracker = keras.metrics.Mean(name="discriminator_loss")
        self.generator_tracker = keras.metrics.Mean(name="generator_loss")
        self.penalty_tracker = keras.metrics.Mean(name="squared_slope")
        self.built = True

    def _build_generator(self) -> keras.Sequential:
        height, width = (size // 4 for size in self.image_shape)
        return keras.Sequential(
            [
                layers.Input((self.latent_dim,)),
                Dense(height * width * 2 * self.channels, use_bias=False),
                layers.LayerNormalization(),
                layers.Activation("silu"),
                layers.Reshape((height, width, 2 * self.channels)),
                Conv2DTranspose(self.channels, 4, 2, "same"),
                layers.LayerNormalization(),
                layers.Activation("silu"),
                Conv2DTranspose(1, 4, 2, "same"),
                layers.Flatten(),
                Bias(),
            ],
            name="generator",
        )

    def _build_discriminator(self) -> keras.Sequential:
        height, width = self.image_shape
        return keras.Sequential(
            [
                layers.Input((height, width, 1)),
                Conv2D(self.channels, 4, 2, "same"),
                layers.LeakyReLU(0.2),
                Conv2D(2 * self.channels, 4, 2, "same"),
                layers.LeakyReLU(0.2),
                layers.Flatten(),
                Dense(2 * self.channels),
                layers.LeakyReLU(0.2),
                layers.Dense(1),
            ],
            name="discriminator",
        )

    def _predict(self, mean: np.ndarray) -> None:
        self.generator.layers[-1].bias.assign(log_odds(mean))

    # ---- the two networks -----------------------------------------------------------------

    def decode(self, z) -> KerasTensor:
        """Images made of noise z (B, latent_dim): intensities from 0 to 1, (B, *image_shape)."""
        logits = self.generator(ops.convert_to_tensor(z, dtype="float32"))
        return ops.reshape(ops.sigmoid(logits), (-1, *self.image_shape))

    def call(self, inputs):
        """The discriminator's score of each image: log-odds of being real, shape (B,)."""
        return self._score(ops.reshape(self.flatten(inputs), (-1, *self.image_shape)))

    def _score(self, images, learning: bool = True):
        """Scores (B,); unless ``learning``, no gradient reaches the discriminator's weights."""
        images = 2.0 * images[..., None] - 1.0
        if learning:
            return self.discriminator(images)[:, 0]
        weights = [ops.stop_gradient(v.value) for v in self.discriminator.trainable_variables]
        fixed = [v.value for v in self.discriminator.non_trainable_variables]
        scores, _ = self.discriminator.stateless_call(weights, fixed, images)
        return scores[:, 0]

    # ---- what Keras calls -----------------------------------------------------------------

    def image_losses(self, inputs, training: bool) -> KerasTensor:
        """Both players' losses for each image and its generated counterpart, shape (B,)."""
        real = ops.reshape(self.flatten(inputs), (-1, *self.image_shape))
        shape = (ops.shape(real)[0], self.latent_dim)
        fake = self.decode(keras.random.normal(shape, seed=self.seed_generator))
        generator_loss = ops.softplus(-self._score(fake, learning=False))
        shown = ops.concatenate([real, ops.stop_gradient(fake)])
        loss, slope = self._discriminator_loss(shown)
        self.generator_tracker.update_state(generator_loss)
        self.discriminator_tracker.update_state(loss)
        self.penalty_tracker.update_state(slope)
        return loss + generator_loss + 0.5 * self.r1_weight * slope

    def _discriminator_loss(self, shown):
        """Its loss, and its squared slopes at both added up, for a batch of pairs: shape (B,)."""
        if not self.r1_weight:
            real, fake = ops.split(self._score(shown), 2)
            return ops.softplus(-real) + ops.softplus(fake), ops.zeros_like(real)
        noise = keras.random.normal(ops.shape(shown), seed=self.seed_generator)
        scores = self._score(ops.concatenate([shown, shown + self.r1_step * noise]))
        real, fake, near_real, near_fake = ops.split(scores, 4)
        slope = ops.square(near_real - real) + ops.square(near_fake - fake)
        return ops.softplus(-real) + ops.softplus(fake), slope / self.r1_step**2

    # ---- generation -----------------------------------------------------------------------

    def generate(self, num_samples: int, *, temperature: float = 1.0, seed: int = 0) -> np.ndarray:
        """New images: noise, and one pass through the generator.

        Args:
            num_samples: how many.
            temperature: multiplies the noise; less than 1 gives less variety.
            seed: the same seed gives the same images on one machine.

        Returns:
            Intensities from 0 to 1, float32, shape (num_samples, *image_shape).
        """
        noise = draw_noise(num_samples, self.latent_dim, temperature, seed)
        return by_parts(self.decode, noise, size=1000)

    def arguments(self) -> dict:
        return {
            **super().arguments(),
            "latent_dim": self.latent_dim,
            "channels": self.channels,
            "r1_weight": self.r1_weight,
            "r1_step": self.r1_step,
        }


@keras.saving.register_keras_serializable(package="aigc_utils")
class Bias(keras.layers.Layer):
    """Adds a learnt number to each of its inputs."""

    def build(self, input_shape):
        self.bias = self.add_weight(name="bias", shape=input_shape[1:], initializer="zeros")

    def call(self, inputs):
        return inputs + self.bias
