"""The same VAE in Keras as it comes: a subclass with `train_step`, default `compile`, `fit`."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from common import HIDDEN_UNITS, arguments, serve
from keras import layers, ops
from keras_steps import fit_steps


class VAE(keras.Model):
    def __init__(self, latent_dim: int, seed: int):
        super().__init__()
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
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.loss_tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.loss_tracker]

    def train_step(self, images):
        images = ops.reshape(images, (-1, 784))
        noise = keras.random.uniform(ops.shape(images), seed=self.seed_generator)
        x = ops.cast(noise < images, "float32")
        with tf.GradientTape() as tape:
            mean, log_var = ops.split(self.encoder(x), 2, axis=-1)
            noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
            logits = self.decoder(mean + ops.exp(0.5 * log_var) * noise)
            cross_entropy = ops.sum(ops.softplus(logits) - x * logits, axis=-1)
            kl = 0.5 * ops.sum(ops.exp(log_var) + mean**2 - 1 - log_var, axis=-1)
            loss = ops.mean(cross_entropy + kl)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


class KerasFit:
    grey = False

    def __init__(self, options):
        keras.utils.set_random_seed(options.seed)
        self.batch_size = options.batch_size
        self.latent_dim = options.latent_dim
        self.rng = np.random.default_rng(options.seed)
        self.versions = {"tensorflow": tf.__version__, "keras": keras.__version__}
        self.model = VAE(options.latent_dim, options.seed)
        self.model.compile(keras.optimizers.Adam(1e-3))

    def train(self, steps: int) -> tuple[float, float]:
        return fit_steps(self.model, steps, self.batch_size, self.rng)

    def encode(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, log_var = np.split(self.model.encoder(images.reshape(-1, 784)).numpy(), 2, axis=-1)
        return mean, log_var

    def decode(self, z: np.ndarray) -> np.ndarray:
        return self.model.decoder(z).numpy()


if __name__ == "__main__":
    options = arguments()
    serve(KerasFit(options), options.started)
