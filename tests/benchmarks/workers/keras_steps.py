"""What the Keras workers share: a plain `train_step`, and `fit` for so many steps.

`fit` is timed as in a long training.
"""

from __future__ import annotations

import time

import keras
import numpy as np
import tensorflow as tf
from common import read_images


class EpochClock(keras.callbacks.Callback):
    """Seconds spent in epochs.

    `fit` first copies its images into a data set. A training calls it once, a benchmark once
    a round, so the copy is left out, as it is where PyTorch and JAX make their tensors.
    """

    seconds = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds += time.perf_counter() - self._start


def fit_steps(
    model: keras.Model, steps: int, batch_size: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Train on full batches: mean loss (nats an image) and seconds.

    Args:
        model: compiled, with a metric ``loss``.
        steps: whole epochs are taken in one call of `fit`, the rest in another.
        batch_size: images a step.
        rng: chooses which images are in, where fewer than all are; `fit` shuffles them.
    """
    images = read_images("train")
    steps_per_epoch = len(images) // batch_size
    epochs, rest = divmod(steps, steps_per_epoch)
    total, clock = 0.0, EpochClock()
    for num_epochs, num_steps in ((epochs, steps_per_epoch), (1, rest)):
        if num_epochs and num_steps:
            # Fashion-MNIST's order is random already, so a run of images is a fair sample.
            start = rng.integers(len(images) - num_steps * batch_size + 1)
            history = model.fit(
                images[start : start + num_steps * batch_size],
                epochs=num_epochs, batch_size=batch_size, verbose=0, callbacks=[clock],
            )  # fmt: skip
            total += num_steps * sum(history.history["loss"])
    return total / steps, clock.seconds


class PlainModel(keras.Model):
    """A model with the `train_step` that Keras's guides write; a subclass gives the loss."""

    def __init__(self, seed: int):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.loss_tracker = keras.metrics.Mean(name="loss")

    @property
    def metrics(self):
        return [self.loss_tracker]

    def batch_loss(self, images):
        """Nats an image, averaged over a batch (B, 28, 28) of grey images."""
        raise NotImplementedError

    def train_step(self, images):
        with tf.GradientTape() as tape:
            loss = self.batch_loss(images)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


class KerasTrainer:
    """A `common.Trainer` of a `PlainModel`, compiled as Keras compiles by default."""

    def __init__(self, options, build):
        keras.utils.set_random_seed(options.seed)
        self.batch_size = options.batch_size
        self.latent_dim = options.latent_dim
        self.rng = np.random.default_rng(options.seed)
        self.versions = {"tensorflow": tf.__version__, "keras": keras.__version__}
        self.model = build(options.latent_dim, options.seed)
        self.model.compile(keras.optimizers.Adam(1e-3))

    def train(self, steps: int) -> tuple[float, float]:
        return fit_steps(self.model, steps, self.batch_size, self.rng)
