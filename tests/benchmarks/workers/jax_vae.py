"""The same VAE in JAX: one jitted step, Adam written by hand, the state donated to it."""

from __future__ import annotations

import time
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from common import HIDDEN_UNITS, arguments, read_images, serve, shuffled_batches


def initial_weights(sizes: tuple[int, ...], rng: np.random.Generator) -> list:
    """Kernels and biases of dense layers, uniform after Glorot & Bengio (2010)."""
    weights = []
    for inputs, outputs in pairwise(sizes):
        limit = np.sqrt(6 / (inputs + outputs))
        kernel = rng.uniform(-limit, limit, (inputs, outputs)).astype(np.float32)
        weights.append((jnp.asarray(kernel), jnp.zeros(outputs)))
    return weights


def apply(weights: list, x: jax.Array) -> jax.Array:
    """Dense layers with ReLU in between."""
    for kernel, bias in weights[:-1]:
        x = jax.nn.relu(x @ kernel + bias)
    kernel, bias = weights[-1]
    return x @ kernel + bias


def negative_elbo(networks: dict, x: jax.Array, key: jax.Array) -> jax.Array:
    """Nats an image, averaged over a batch (B, 784) of zeros and ones."""
    mean, log_var = jnp.split(apply(networks["encoder"], x), 2, axis=-1)
    z = mean + jnp.exp(0.5 * log_var) * jax.random.normal(key, mean.shape)
    logits = apply(networks["decoder"], z)
    cross_entropy = jnp.sum(jax.nn.softplus(logits) - x * logits, axis=-1)
    kl = 0.5 * jnp.sum(jnp.exp(log_var) + mean**2 - 1 - log_var, axis=-1)
    return jnp.mean(cross_entropy + kl)


def step(state: tuple, images: jax.Array, indices: jax.Array) -> tuple[tuple, jax.Array]:
    """One update by Adam (Kingma & Ba, 2015) on a fresh binary draw of some images."""
    networks, momentum, velocity, count, key = state
    key, pixel_key, latent_key = jax.random.split(key, 3)
    grey = images[indices]
    x = (jax.random.uniform(pixel_key, grey.shape) < grey).astype(jnp.float32)
    loss, gradients = jax.value_and_grad(negative_elbo)(networks, x, latent_key)
    count = count + 1
    momentum = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, momentum, gradients)
    velocity = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, velocity, gradients)
    rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    networks = jax.tree.map(
        lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8), networks, momentum, velocity
    )
    return (networks, momentum, velocity, count, key), loss


class Jax:
    grey = False

    def __init__(self, options):
        self.latent_dim = options.latent_dim
        self.versions = {"jax": jax.__version__}
        self.images = jnp.asarray(read_images("train").reshape(-1, 784))
        self.batches = shuffled_batches(len(self.images), options.batch_size, options.seed)
        rng = np.random.default_rng(options.seed)
        networks = {
            "encoder": initial_weights((784, *HIDDEN_UNITS, 2 * options.latent_dim), rng),
            "decoder": initial_weights((options.latent_dim, *reversed(HIDDEN_UNITS), 784), rng),
        }
        zeros = jax.tree.map(jnp.zeros_like, networks)
        # JAX's default generator: on a processor "rbg", quicker elsewhere, takes longer.
        key = jax.random.key(options.seed)
        self.state = (networks, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros(()), key)
        self.step = jax.jit(step, donate_argnums=0)

    def train(self, steps: int) -> tuple[float, float]:
        start = time.perf_counter()
        losses = []
        for _ in range(steps):
            self.state, loss = self.step(self.state, self.images, next(self.batches))
            losses.append(loss)
        jax.block_until_ready(self.state)
        seconds = time.perf_counter() - start
        return float(np.mean([float(loss) for loss in losses])), seconds

    def encode(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        output = apply(self.state[0]["encoder"], images.reshape(-1, 784))
        mean, log_var = np.split(np.asarray(output), 2, axis=-1)
        return mean, log_var

    def decode(self, z: np.ndarray) -> np.ndarray:
        return np.asarray(apply(self.state[0]["decoder"], z))


if __name__ == "__main__":
    options = arguments()
    serve(Jax(options), options.started)
