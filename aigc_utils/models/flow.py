"""Flow matching (流匹配): learn the velocity that carries noise to data along straight lines.

Lipman et al., "Flow Matching for Generative Modeling", 2023; Liu et al., "Flow Straight and
Fast", 2023. A point x_t = (1 - t) n + t x lies between noise n and an example x, and moves
with velocity x - n. A network learns the mean velocity at each place and time; to generate,
one starts at noise and follows it from t = 0 to 1. Chapter 3.4 builds and trains it; 3.5 and 3.6
use it. Written with ``keras.ops``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import KerasTensor, layers, ops

from aigc_utils import data
from aigc_utils.models.base import CourseModel, by_parts, check_whole, check_widths, draw_noise
from aigc_utils.models.layers import Dense
from aigc_utils.runtime import compiled

NUM_FREQUENCIES = 8  # of the time's sines and cosines


@keras.saving.register_keras_serializable(package="aigc_utils")
class FlowMatching(CourseModel):
    """Flow matching for vectors: points of the plane, or the latents of an autoencoder.

    Trained by ``compile(optimizer)`` and ``fit(vectors)``, or, with ``num_classes``, by
    ``fit({"vectors": ..., "labels": ...})``. The loss is the mean squared error of the velocity,
    averaged over coordinates (Lipman et al., 2023, equation 14 with sigma_min = 0).
    `adapt` is to be called first: vectors are scaled to mean 0 and variance 1.

    ``model(vectors)`` gives the velocity at t = 0.5.

    Args:
        num_dims: length of a vector, at least 1.
        hidden_units: widths of the hidden layers; equal neighbours add to each other.
        num_classes: how many classes the velocity may be asked for; 0 for none.
        seed: seeds noise and times.

    Raises:
        ValueError: if an argument is out of range, or the vectors do not fit.
    """

    loss_label = "squared error of the velocity"

    def __init__(
        self,
        num_dims: int,
        *,
        hidden_units: Sequence[int] = (256, 256, 256),
        num_classes: int = 0,
        seed: int = 0,
        **kwargs,
    ):
        check_whole("num_dims", num_dims)
        check_whole("num_classes", num_classes, least=0)
        check_widths(hidden_units)
        super().__init__(seed, **kwargs)
        self.num_dims = num_dims
        self.hidden_units = tuple(hidden_units)
        self.num_classes = num_classes
        for name, initializer in (("centre", "zeros"), ("spread", "ones")):
            weight = self.add_weight(
                name=name, shape=(num_dims,), initializer=initializer, trainable=False
            )
            setattr(self, name, weight)
        # Each layer is told the time again, which decides what it has to do.
        told = [num_dims + num_classes, *self.hidden_units[:-1]]
        self.hidden = [Dense(units, "silu") for units in self.hidden_units]
        for layer, width in zip(self.hidden, told, strict=True):
            layer.build((None, width + 2 * NUM_FREQUENCIES))
        self.last = layers.Dense(num_dims, kernel_initializer="zeros")
        self.last.build((None, self.hidden_units[-1]))
        self.built = True

    def adapt(self, vectors: np.ndarray) -> None:
        """Scale to the mean and standard deviation of these vectors, shape (N, num_dims).

        Raises:
            ValueError: if they do not fit, or a coordinate does not vary.
        """
        self.check_inputs(np.asarray(vectors))
        spread = np.asarray(vectors, np.float64).std(axis=0)
        if spread.min() == 0:
            raise ValueError(
                f"Coordinate {int(spread.argmin())} is the same in all vectors: leave it out."
            )
        self.centre.assign(np.asarray(vectors, np.float64).mean(axis=0))
        self.spread.assign(spread)

    def velocity(self, x, t, labels=None) -> KerasTensor:
        """The learnt velocity, in scaled coordinates.

        Args:
            x: scaled places, shape (B, num_dims).
            t: times from 0 (noise) to 1 (data), shape (B, 1).
            labels: classes, whole numbers of shape (B,), for a model that knows classes.
        """
        clock = time_features(t)
        hidden = x
        if self.num_classes:
            classes = ops.one_hot(labels, self.num_classes, dtype="float32")
            hidden = ops.concatenate([x, classes], axis=-1)
        for number, layer in enumerate(self.hidden):
            output = layer(ops.concatenate([hidden, clock], axis=-1))
            same = number and output.shape[-1] == hidden.shape[-1]
            hidden = hidden + output if same else output
        return self.last(hidden)

    def call(self, inputs):
        vectors, labels = self._split(inputs)
        scaled = self._scale(vectors)
        return self.velocity(scaled, ops.full((ops.shape(scaled)[0], 1), 0.5), labels)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The flow-matching loss; works on every backend, in ``fit`` and ``evaluate``."""
        vectors, labels = self._split(x)
        target = self._scale(vectors)
        noise = keras.random.normal(ops.shape(target), seed=self.seed_generator)
        t = keras.random.uniform((ops.shape(target)[0], 1), seed=self.seed_generator)
        between = (1.0 - t) * noise + t * target
        return ops.mean(ops.square(self.velocity(between, t, labels) - (target - noise)))

    def generate(
        self,
        num_samples: int,
        *,
        label: int | None = None,
        num_steps: int = 32,
        temperature: float = 1.0,
        seed: int = 0,
    ) -> np.ndarray:
        """New vectors: noise, carried along the velocity by Heun's method.

        Args:
            num_samples: how many.
            label: which class, for a model that knows classes.
            num_steps: steps from 0 to 1, two passes through the network each.
            temperature: multiplies the noise.
            seed: the same seed gives the same vectors on one machine.

        Returns:
            float32, shape (num_samples, num_dims).

        Raises:
            ValueError: if a number is out of range, or a label is missing or too many.
        """
        noise = draw_noise(num_samples, self.num_dims, temperature, seed)
        return self.path(noise, label, num_steps)[-1]

    def path(self, noise: np.ndarray, label: int | None = None, num_steps: int = 32) -> np.ndarray:
        """The whole way of each noise vector, in the data's coordinates.

        Args:
            noise: draws from N(0, I), shape (N, num_dims).
            label: as in `generate`.
            num_steps: as in `generate`.

        Returns:
            Places at t = 0, 1 / num_steps, ... 1; float32, shape (num_steps + 1, N, num_dims).
        """
        check_whole("num_steps", num_steps)
        labels = self._labels(label, len(noise))
        step = compiled(self.heun_step)
        places = [np.asarray(noise, np.float32)]
        for number in range(num_steps):
            t = np.full((len(noise), 1), number / num_steps, np.float32)
            moved = step(places[-1], t, np.float32(1 / num_steps), labels)
            places.append(ops.convert_to_numpy(moved))
        centre, spread = (ops.convert_to_numpy(w) for w in (self.centre, self.spread))
        return np.stack(places) * spread + centre

    def heun_step(self, x, t, size, labels=None) -> KerasTensor:
        """One step of length ``size`` with the mean of the velocities at both of its ends."""
        first = self.velocity(x, t, labels)
        second = self.velocity(x + size * first, t + size, labels)
        return x + 0.5 * size * (first + second)

    def check_inputs(self, inputs) -> None:
        if isinstance(inputs, dict):
            vectors = np.asarray(inputs.get("vectors"))
            if not self.num_classes or "labels" not in inputs:
                raise ValueError(
                    f"The inputs are {sorted(inputs)}, but a model of {self.num_classes} classes "
                    'takes {"vectors": ..., "labels": ...} with classes, bare vectors without.'
                )
            data.check_labels(np.asarray(inputs["labels"]), self.num_classes, len(vectors))
        elif isinstance(inputs, np.ndarray):
            vectors = inputs
        else:
            return
        if vectors.ndim != 2 or vectors.shape[1] != self.num_dims or not len(vectors):
            raise ValueError(
                f"The vectors have shape {vectors.shape}, but this model takes "
                f"(N, {self.num_dims}), N at least 1: reshape them."
            )
        finite = np.isfinite(vectors).all(axis=1)
        if not finite.all():
            row = int(np.argmin(finite))
            raise ValueError(f"Vector {row} is not finite: remove it or repair it.")

    def _split(self, inputs):
        if isinstance(inputs, dict):
            return inputs["vectors"], inputs["labels"]
        return inputs, None

    def _scale(self, vectors):
        vectors = ops.cast(vectors, "float32")
        return (vectors - ops.convert_to_tensor(self.centre)) / ops.convert_to_tensor(self.spread)

    def _labels(self, label: int | None, num_samples: int):
        if (label is not None) != (self.num_classes > 0):
            wanted = f"one of 0 to {self.num_classes - 1}" if self.num_classes else "none"
            raise ValueError(f"The label is {label}, but this model takes {wanted}.")
        if label is None:
            return None
        labels = np.full(num_samples, label)
        data.check_labels(labels, self.num_classes, num_samples)
        return labels.astype(np.int32)

    def arguments(self) -> dict:
        return {
            **super().arguments(),
            "num_dims": self.num_dims,
            "hidden_units": self.hidden_units,
            "num_classes": self.num_classes,
        }


@dataclass(frozen=True)
class LatentGenerator:
    """Images from flow matching in the latents of an autoencoder (Dai & Wipf, 2019, and since).

    Attributes:
        autoencoder: has ``decode(z)``, such as `aigc_utils.models.VAE`.
        flow: makes latents; trained on what `latents` gives.
    """

    autoencoder: keras.Model
    flow: FlowMatching

    def generate(
        self,
        num_samples: int,
        *,
        label: int | None = None,
        num_steps: int = 32,
        temperature: float = 1.0,
        seed: int = 0,
    ) -> np.ndarray:
        """New images; arguments as in `FlowMatching.generate`.

        Returns:
            Intensities from 0 to 1, float32, shape (num_samples, *image_shape).
        """
        z = self.flow.generate(
            num_samples, label=label, num_steps=num_steps, temperature=temperature, seed=seed
        )
        return by_parts(self.autoencoder.decode, z, size=2000)


def latents(autoencoder: keras.Model, images: np.ndarray) -> np.ndarray:
    """The posterior means of images, which flow matching can learn: float32, (N, latent_dim)."""
    return by_parts(lambda part: autoencoder.encode(part)[0], images, size=2000)


def time_features(t) -> KerasTensor:
    """Times (B, 1) as sines and cosines of 8 frequencies, shape (B, 16)."""
    angles = t * (math.pi / 2 * np.arange(1, NUM_FREQUENCIES + 1, dtype=np.float32))
    return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
