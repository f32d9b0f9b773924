"""`fit` for so many steps, timed as a long training would be; for the Keras workers."""

from __future__ import annotations

import time

import keras
import numpy as np
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
