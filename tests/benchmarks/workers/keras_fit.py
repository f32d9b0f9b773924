"""The same VAE in Keras as it comes: a subclass with `train_step`, default `compile`, `fit`."""

from __future__ import annotations

import keras
import numpy as np
from common import HIDDEN_UNITS, arguments, serve
from keras import layers, ops
from keras_steps import KerasTrainer, PlainModel


class VAE(PlainModel):
    def __init__(self, latent_dim: int, seed: int):
        super().__init__(seed)
        self.encoder = keras.Sequential([
            layers.Input((784,)),
            *[layers.Dense(units, "relu") for units in HIDDEN_UNITS],
            layers.Dense(2 * latent_dim),
        ])  # fmt: skip
        self.decoder = keras.Sequential([
            layers.Input((latent_dim,)),
            *[layers.Dense(units, "relu") for units in reversed(HIDDEN_UNITS)],
            layers.Dense(784),
        ])  # fmt: skip

    def batch_loss(self, images):
        images = ops.reshape(images, (-1, 784))
        noise = keras.random.uniform(ops.shape(images), seed=self.seed_generator)
        x = ops.cast(noise < images, "float32")
        mean, log_var = ops.split(self.encoder(x), 2, axis=-1)
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        logits = self.decoder(mean + ops.exp(0.5 * log_var) * noise)
        cross_entropy = ops.sum(ops.softplus(logits) - x * logits, axis=-1)
        kl = 0.5 * ops.sum(ops.exp(log_var) + mean**2 - 1 - log_var, axis=-1)
        return ops.mean(cross_entropy + kl)


class KerasFit(KerasTrainer):
    grey = False

    def encode(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, log_var = np.split(self.model.encoder(images.reshape(-1, 784)).numpy(), 2, axis=-1)
        return mean, log_var

    def decode(self, z: np.ndarray) -> np.ndarray:
        return self.model.decoder(z).numpy()


if __name__ == "__main__":
    options = arguments()
    serve(KerasFit(options, VAE), options.started)
