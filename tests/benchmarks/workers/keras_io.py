"""The convolutional VAE of keras.io's example, written anew from its sizes and recipe.

It trains on grey levels as if they were probabilities, and here on the 60,000 training images
only: the published one takes the test images in as well, which leaves nothing to score.
"""

from __future__ import annotations

import keras
import numpy as np
from common import arguments, serve
from keras import layers, ops
from keras_steps import KerasTrainer, PlainModel


class ConvolutionalVAE(PlainModel):
    def __init__(self, latent_dim: int, seed: int):
        super().__init__(seed)
        self.encoder = keras.Sequential([
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(64, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(16, "relu"),
            layers.Dense(2 * latent_dim),  # mean and log_var beside each other
        ])  # fmt: skip
        self.decoder = keras.Sequential([
            layers.Input((latent_dim,)),
            layers.Dense(7 * 7 * 64, "relu"),
            layers.Reshape((7, 7, 64)),
            layers.Conv2DTranspose(64, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(1, 3, padding="same", activation="sigmoid"),
        ])  # fmt: skip

    def batch_loss(self, images):
        x = ops.expand_dims(images, -1)
        mean, log_var = ops.split(self.encoder(x), 2, axis=-1)
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        intensities = self.decoder(mean + ops.exp(0.5 * log_var) * noise)
        cross_entropy = keras.losses.binary_crossentropy(x, intensities)
        reconstruction = ops.mean(ops.sum(cross_entropy, axis=(1, 2)))
        kl = 0.5 * ops.sum(ops.exp(log_var) + mean**2 - 1 - log_var, axis=-1)
        return reconstruction + ops.mean(kl)


class KerasIO(KerasTrainer):
    grey = True

    def encode(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, log_var = np.split(self.model.encoder(images[..., None]).numpy(), 2, axis=-1)
        return mean, log_var

    def decode(self, z: np.ndarray) -> np.ndarray:
        # Kept from 0 and 1 by as much as Keras's cross-entropy keeps them.
        intensities = np.clip(self.model.decoder(z).numpy().astype(np.float64), 1e-7, 1 - 1e-7)
        return np.log(intensities) - np.log1p(-intensities)


if __name__ == "__main__":
    options = arguments(latent_dim=2)
    serve(KerasIO(options, ConvolutionalVAE), options.started)
