"""What all workers share: the images, the held-out score, and the conversation.

Imports NumPy and the standard library only, so that it runs in the course's environment and
in that of PyTorch and JAX, and costs no competitor another's start-up time.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
HIDDEN_UNITS = (512, 256)
TEST_SEED = 777  # the course's seed for binarized test images


class Trainer(Protocol):
    """What a worker's model must be able to do."""

    versions: dict[str, str]
    latent_dim: int
    grey: bool  # trained on grey targets, not on binary draws

    def train(self, steps: int) -> tuple[float, float]:
        """Take so many steps; mean loss (nats an image) and the seconds that they took."""

    def encode(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and log_var of q(z|x), each (N, latent_dim), of images (N, 28, 28)."""

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Logits of p(x|z), N x 784 numbers, of latents (N, latent_dim)."""


def arguments(**defaults: object) -> argparse.Namespace:
    """The command line: what every worker takes, and further options with their defaults."""
    options = {"started": time.time(), "seed": 0, "batch_size": 128, "latent_dim": 16, **defaults}
    parser = argparse.ArgumentParser()
    for name, default in options.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(default, bool):
            parser.add_argument(flag, action="store_true", default=default)
        else:
            parser.add_argument(flag, type=type(default), default=default)
    return parser.parse_args()


@functools.cache
def read_images(part: str) -> np.ndarray:
    """Fashion-MNIST's ``"train"`` or ``"t10k"`` images, float32 (N, 28, 28) from 0 to 1."""
    path = ROOT / "data" / "fashion_mnist" / f"{part}-images-idx3-ubyte.gz"
    with gzip.open(path) as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16)  # after the IDX header
    return pixels.reshape(-1, 28, 28).astype(np.float32) / np.float32(255)


def shuffled_batches(num_images: int, batch_size: int, seed: int) -> Iterator[np.ndarray]:
    """Indices of full batches, epoch after epoch, without end; a short last one is left out."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(num_images)
        for start in range(0, num_images - batch_size + 1, batch_size):
            yield order[start : start + batch_size]


def held_out_negative_elbo(trainer: Trainer, num_images: int, grey: bool) -> float:
    """Nats an image, of the first test images, with one draw of z for each.

    All arithmetic after the networks is done here, and all noise is drawn here, so that
    every competitor is scored on the same draws by the same formula.

    Args:
        trainer: whose networks are scored.
        num_images: at most 10,000.
        grey: images go in, and are predicted, as grey levels (a cross-entropy, which is no
            likelihood, but is what the published examples report); else as binary draws.
    """
    images = read_images("t10k")[:num_images]
    if not grey:
        noise = np.random.default_rng(TEST_SEED).random(images.shape, dtype=np.float32)
        images = (noise < images).astype(np.float32)
    noise = np.random.default_rng(TEST_SEED + 1).standard_normal((num_images, trainer.latent_dim))
    total = 0.0
    for start in range(0, num_images, 1000):
        some = slice(start, start + 1000)
        mean, log_var = (np.asarray(a, np.float64) for a in trainer.encode(images[some]))
        z = mean + np.exp(0.5 * log_var) * noise[some]
        logits = np.asarray(trainer.decode(z.astype(np.float32)), np.float64)
        logits = logits.reshape(len(z), -1)
        x = images[some].reshape(logits.shape)
        log_likelihood = (x * logits - np.logaddexp(0, logits)).sum()
        kl = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var).sum()
        total += kl - log_likelihood
    return total / num_images


def peak_memory_mb() -> float:
    """The most memory that this process has held, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6  # bytes there, KiB here


def serve(trainer: Trainer, started: float) -> None:
    """Train one batch, then obey one JSON command a line until told to stop.

    Between commands the process blocks on its standard input, so that others can be timed.

    Args:
        trainer: the competitor.
        started: when the process was started, in seconds since 1970.
    """
    # Replies get the pipe for themselves; what libraries print goes to standard error.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def reply(**values: object) -> None:
        replies.write(json.dumps(values) + "\n")

    loss, _ = trainer.train(1)
    seconds = time.time() - started
    reply(ready=seconds, name=Path(sys.argv[0]).stem, versions=trainer.versions, loss=loss)
    for line in sys.stdin:
        command = json.loads(line)
        match command.pop("do"):
            case "steps":
                start = time.perf_counter()
                loss, seconds = trainer.train(command["steps"])
                call_seconds = time.perf_counter() - start
                reply(seconds=seconds, call_seconds=call_seconds, loss=loss)
            case "evaluate":
                num_images = command.get("images", 1000)
                reply(negative_elbo=held_out_negative_elbo(trainer, num_images, trainer.grey))
            case "reach":
                reply(**trainer.reach(**command))
            case "stop":
                reply(peak_memory_mb=peak_memory_mb())
                return
