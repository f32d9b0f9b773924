"""The course's VAE, trained as `aigc_utils.training.train` trains it."""

from __future__ import annotations

import time

import keras
import numpy as np
import tensorflow as tf
from common import HIDDEN_UNITS, arguments, held_out_negative_elbo, read_images, serve
from keras_steps import fit_steps

import aigc_utils
from aigc_utils import models, training
from aigc_utils.optimizers import FusedAdam


class Ours:
    def __init__(self, options):
        if options.xla:
            keras.utils.set_random_seed(options.seed)  # `start` asks for determinism: no XLA
        else:
            aigc_utils.start(options.seed)
        self.grey = options.grey  # only how it is scored: it always trains on binary draws
        self.batch_size = options.batch_size
        self.latent_dim = options.latent_dim
        self.rng = np.random.default_rng(options.seed)
        self.versions = {"tensorflow": tf.__version__, "keras": keras.__version__}
        self.model = models.VAE(options.latent_dim, hidden_units=HIDDEN_UNITS, seed=options.seed)
        if options.adapt:
            self.model.adapt(read_images("train"))
        # As `training.train` compiles, but at a constant learning rate, like everybody here.
        self.model.compile(
            FusedAdam(options.learning_rate), steps_per_execution=20, jit_compile=options.xla
        )
        products = training.choose_products(self.model, options.products)
        if products != "float32":
            self.model.take_products_in(products)
        self.model.in_halves = not options.xla and training.choose_halves(self.model, products)

    def train(self, steps: int) -> tuple[float, float]:
        return fit_steps(self.model, steps, self.batch_size, self.rng)

    def encode(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, log_var = self.model.encode(images)
        return mean.numpy(), log_var.numpy()

    def decode(self, z: np.ndarray) -> np.ndarray:
        return self.model.decoder(z).numpy()

    def reach(self, target: float, images: int, max_steps: int) -> dict:
        """Train until the held-out negative ELBO is at most ``target``; scoring is not timed.

        Returns:
            ``seconds`` (None if it was not reached), ``steps``, and the last ``negative_elbo``.
        """
        watch = Reach(self, target, images, max_steps)
        epochs = -(-max_steps // (len(read_images("train")) // self.batch_size))
        self.model.fit(
            read_images("train"), epochs=epochs, batch_size=self.batch_size, verbose=0,
            callbacks=[watch],
        )  # fmt: skip
        seconds = watch.seconds if watch.score <= target else None
        return {"seconds": seconds, "steps": watch.steps, "negative_elbo": watch.score}


class Reach(keras.callbacks.Callback):
    """Score at each call that Keras makes, which is every 20 steps, and stop at the target."""

    def __init__(self, ours: Ours, target: float, images: int, max_steps: int):
        super().__init__()
        self.ours, self.target, self.images, self.max_steps = ours, target, images, max_steps
        self.seconds, self.steps, self.score = 0.0, 0, float("inf")

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()
        self._batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.seconds += time.perf_counter() - self._start
        self.steps += batch + 1 - self._batches
        self._batches = batch + 1
        self.score = held_out_negative_elbo(self.ours, self.images, self.ours.grey)
        if self.score <= self.target or self.steps >= self.max_steps:
            self.model.stop_training = True
        self._start = time.perf_counter()


if __name__ == "__main__":
    options = arguments(products="float32", xla=False, learning_rate=1e-3, adapt=False, grey=False)
    serve(Ours(options), options.started)
