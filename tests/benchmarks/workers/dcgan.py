"""A DCGAN with its published recipe, written anew, as wide as the course's GAN.

Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks", 2016: strided convolutions, batch normalization, LeakyReLU of slope 0.2,
Adam 0.0002 with momentum 0.5 for each player, normal weights of standard deviation 0.02, and the
non-saturating loss; layers and widths are those of `aigc_utils.models.GAN`.
"""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import layers, ops


class DCGAN(keras.Model):
    """Trained by `fit` on images (N, 28, 28, 1) from -1 to 1, in batches of 128."""

    def __init__(self, latent_dim: int = 64, channels: int = 32, seed: int = 0):
        super().__init__()
        self.latent_dim = latent_dim
        self.seed_generator = keras.random.SeedGenerator(seed)
        normal = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02, seed=seed)}
        self.generator = keras.Sequential([
            layers.Input((latent_dim,)),
            layers.Dense(7 * 7 * 2 * channels, use_bias=False, **normal),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Reshape((7, 7, 2 * channels)),
            layers.Conv2DTranspose(channels, 4, 2, "same", use_bias=False, **normal),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2DTranspose(1, 4, 2, "same", activation="tanh", **normal),
        ])  # fmt: skip
        self.discriminator = keras.Sequential([
            layers.Input((28, 28, 1)),
            layers.Conv2D(channels, 4, 2, "same", **normal),
            layers.LeakyReLU(0.2),
            layers.Conv2D(2 * channels, 4, 2, "same", use_bias=False, **normal),
            layers.BatchNormalization(),
            layers.LeakyReLU(0.2),
            layers.Flatten(),
            layers.Dense(2 * channels, **normal),
            layers.LeakyReLU(0.2),
            layers.Dense(1, **normal),
        ])  # fmt: skip
        self.loss_tracker = keras.metrics.Mean(name="loss")

    def compile(self):
        super().compile()
        self.players = {
            player: keras.optimizers.Adam(2e-4, beta_1=0.5)
            for player in (self.discriminator, self.generator)
        }

    @property
    def metrics(self):
        return [self.loss_tracker]

    def train_step(self, real):
        noise = keras.random.normal((ops.shape(real)[0], self.latent_dim), seed=self.seed_generator)
        with tf.GradientTape(persistent=True) as tape:
            fake = self.generator(noise, training=True)
            scores = self.discriminator(fake, training=True)
            real_scores = self.discriminator(real, training=True)
            discriminator_loss = ops.mean(ops.softplus(-real_scores) + ops.softplus(scores))
            generator_loss = ops.mean(ops.softplus(-scores))
        losses = {self.discriminator: discriminator_loss, self.generator: generator_loss}
        for player, loss in losses.items():
            weights = player.trainable_weights
            self.players[player].apply(tape.gradient(loss, weights), weights)
        self.loss_tracker.update_state(discriminator_loss + generator_loss)
        return {"loss": self.loss_tracker.result()}

    def decode(self, z):
        """Intensities from 0 to 1, (N, 28, 28, 1), of noise (N, latent_dim)."""
        return ops.clip(self.generator(z, training=False) / 2 + 0.5, 0, 1)
