"""Measures of a generative model, each with its uncertainty; they know no model by name.

Chapter 5.2 explains likelihoods, bounds and active units; 1, 3.3, 3.5, 5.2b and 5.3 measure with
them, and 2 and 3.1 take `Estimate` alone.
Likelihoods are in nats an image. "Model" here is anything with `log_importance_weights`
and `elbo_terms` (see `aigc_utils.models.VAE`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import entr
from tqdm.auto import tqdm

from aigc_utils.data import as_mapping, check_range
from aigc_utils.runtime import compiled


@dataclass(frozen=True)
class Estimate:
    """A mean over images and how far it may be off.

    Attributes:
        mean: the mean of ``values``.
        standard_error: standard deviation of ``values`` over the square root of their
            number; about two thirds of repetitions fall within one of it.
        values: one number an image, shape (N,).
    """

    mean: float
    standard_error: float
    values: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Estimate:
        """Summarize one number an image; with a single image the error is infinite.

        Raises:
            ValueError: if there is none, or they are not numbers in one row.
        """
        values = np.asarray(values)
        numbers = values.dtype.kind in "biufV" and not np.isnan(values).any()  # V: bfloat16
        if values.ndim != 1 or not values.size or not numbers:
            what = f"{values.dtype} of shape {values.shape}"
            raise ValueError(f"The values are {what}: give a list of numbers, none of them NaN.")
        values = values.astype(np.float64)
        error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.inf
        return cls(float(values.mean()), float(error), values)

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.standard_error:.2f}"


def noise_floor(intensities: np.ndarray) -> Estimate:
    """The entropy of the binarization: no model of binarized grey images can do better.

    A model that knew every pixel's intensity would still be surprised by the coin thrown
    for each, by sum_i H(x_i) nats on average: 189.86 for the Fashion-MNIST test set.

    Args:
        intensities: grey images, 0 to 1, shape (N, *image_shape).
    """
    check_range(intensities)
    flat = intensities.reshape(len(intensities), -1).astype(np.float64)
    return Estimate.of((entr(flat) + entr(1 - flat)).sum(axis=1))


def bits_per_dim(nats: float, num_dims: int) -> float:
    """Nats an image as bits a pixel: nats / (num_dims * ln 2)."""
    return nats / (num_dims * math.log(2))


def negative_elbo(model, inputs, *, num_samples: int = 1, batch_size: int = 500) -> Estimate:
    """Negative ELBO of each image, nats, averaged over ``num_samples`` draws of z.

    It is an upper bound on the negative log-likelihood.

    Args:
        model: see the module's first lines.
        inputs: images (N, *image_shape), or a mapping of arrays with N rows each.
        num_samples: draws of z for each image; more draws, less noise, same mean.
        batch_size: images at once.

    Raises:
        ValueError: if ``num_samples`` is less than 1 or the images do not fit the model.
    """
    if num_samples < 1:
        raise ValueError(f"num_samples is {num_samples}: give at least 1.")
    model.check_inputs(inputs)
    values = []
    for batch in _batches(inputs, batch_size):
        draws = [_negative_elbo_step(model, batch) for _ in range(num_samples)]
        values.append(np.mean(draws, axis=0))
    return Estimate.of(np.concatenate(values))


def _negative_elbo_step(model, batch) -> np.ndarray:
    from keras import ops

    log_likelihood, kl = model.elbo_terms(batch)
    return ops.convert_to_numpy(kl) - ops.convert_to_numpy(log_likelihood)


def exact_nll(model, inputs, *, batch_size: int = 500) -> Estimate:
    """Negative log-likelihood of each image, nats, where the model gives it exactly.

    Args:
        model: has ``log_likelihood(images) -> (B,)`` (see `aigc_utils.models.MADE`).
        inputs: **binarized** images, shape (N, *image_shape).
        batch_size: images at once.

    Raises:
        ValueError: if the images do not fit the model.
    """
    from keras import ops

    model.check_inputs(inputs)
    step = compiled(model.log_likelihood)
    batches = _batches(inputs, batch_size)
    return Estimate.of(np.concatenate([-ops.convert_to_numpy(step(batch)) for batch in batches]))


def importance_weighted_nll(
    model, inputs, *, num_samples: int = 500, batch_size: int = 100, progress: bool = False
) -> Estimate:
    """Negative log-likelihood, nats, by importance sampling, as in the published tables.

    -log (1/k) sum_i p(x, z_i) / q(z_i|x), z_i ~ q(z|x): an upper bound in expectation
    that tightens as k grows (Burda et al., 2016, theorem 1). Sums are kept in 64 bits.

    Args:
        model: see the module's first lines.
        inputs: **binarized** images for a Bernoulli decoder, shape (N, *image_shape), or a
            mapping of arrays with N rows each.
        num_samples: k, the draws of z for each image; always quote it with the result.
        batch_size: images at once.
        progress: show a bar with the time left.

    Raises:
        ValueError: if ``num_samples`` is less than 1 or the images do not fit the model.
    """
    from keras import ops

    if num_samples < 1:
        raise ValueError(f"num_samples is {num_samples}: give at least 1.")
    model.check_inputs(inputs)
    step = compiled(model.log_importance_weights)
    values = []
    for batch in tqdm(list(_batches(inputs, batch_size)), disable=not progress, unit="batch"):
        total = None
        for start in range(0, num_samples, 50):
            chunk = min(50, num_samples - start)
            log_weights = ops.convert_to_numpy(step(batch, chunk)).astype(np.float64)
            part = np.logaddexp.reduce(log_weights, axis=0)
            total = part if total is None else np.logaddexp(total, part)
        values.append(math.log(num_samples) - total)
    return Estimate.of(np.concatenate(values))


def active_units(model, inputs, *, threshold: float = 0.01) -> np.ndarray:
    """Which latent dimensions carry information about the image.

    A dimension is active where the posterior mean varies over images: Var_x E[z_u|x] >
    ``threshold`` (Burda et al., 2016, section 5.2).

    Returns:
        Booleans, shape (latent_dim,).
    """
    from keras import ops

    mean, _ = model.encode(inputs)
    return ops.convert_to_numpy(mean).var(axis=0) > threshold


def peak_signal_to_noise(reference: np.ndarray, images: np.ndarray) -> Estimate:
    """PSNR of each image against its reference, decibels, for intensities from 0 to 1.

    Raises:
        ValueError: if their shapes differ, or something is no intensity.
    """
    reference, images = np.asarray(reference), np.asarray(images)
    if reference.shape != images.shape:
        raise ValueError(f"The shapes {reference.shape} and {images.shape} differ: give one each.")
    for each in (reference, images):
        check_range(each)
    squared = (reference.astype(np.float64) - images) ** 2
    return Estimate.of(-10 * np.log10(squared.reshape(len(images), -1).mean(axis=1)))


def _batches(inputs, batch_size: int):
    num_images = len(as_mapping(inputs)["images"])
    for start in range(0, num_images, batch_size):
        rows = slice(start, start + batch_size)
        if hasattr(inputs, "keys"):
            yield {key: value[rows] for key, value in inputs.items()}
        else:
            yield inputs[rows]
