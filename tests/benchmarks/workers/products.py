"""No competitor but the yardstick: float32 products of two 2048 x 2048 matrices."""

from __future__ import annotations

import time

import numpy as np
import tensorflow as tf
from common import arguments, serve

SIZE = 2048
FLOPS = 2 * SIZE**3  # a multiplication and an addition for each of SIZE^3 pairs


class Products:
    """A "step" is one product, and its "loss" the mean of the result, 1 or nearly so."""

    grey = False

    def __init__(self):
        self.latent_dim = 0
        self.versions = {"tensorflow": tf.__version__}
        self.left = tf.fill((SIZE, SIZE), np.float32(1 / SIZE))
        self.right = tf.ones((SIZE, SIZE))

    def train(self, steps: int) -> tuple[float, float]:
        start = time.perf_counter()
        for _ in range(steps):
            result = tf.matmul(self.left, self.right)
        mean = float(tf.reduce_mean(result))  # waits until all is computed
        return mean, time.perf_counter() - start


if __name__ == "__main__":
    serve(Products(), arguments().started)
