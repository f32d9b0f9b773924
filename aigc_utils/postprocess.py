"""What is done to images after a model made them; nothing here knows a model.

Images are intensities from 0 to 1, float32, shape (N, height, width). Whether any of
this helps is a question to measure, not to assume: chapters 3.6 and 5.3 do.
"""

from __future__ import annotations

import math

import numpy as np
from skimage import exposure, filters, restoration, transform

from aigc_utils import data

MOST_PIXELS = 100_000_000  # of enlarged images: they take 1.6 GB while it is done


def denoise(images: np.ndarray, weight: float = 0.05) -> np.ndarray:
    """Smooth flat regions and keep edges: total-variation denoising (Chambolle, 2004).

    Args:
        images: shape (N, height, width).
        weight: more is smoother; above 0.

    Returns:
        Same shape, 0 to 1.
    """
    return _each(images, restoration.denoise_tv_chambolle, weight=weight)


def enhance(images: np.ndarray, amount: float = 1.0, radius: float = 1.0) -> np.ndarray:
    """Sharpen by unsharp masking: add ``amount`` times what a Gaussian blur removes.

    Args:
        images: shape (N, height, width).
        amount: 0 changes nothing.
        radius: of the blur, pixels.

    Returns:
        Same shape, 0 to 1.
    """
    return _each(images, filters.unsharp_mask, radius=radius, amount=amount)


def stretch_contrast(images: np.ndarray) -> np.ndarray:
    """Map each image's darkest pixel to 0 and its brightest to 1; flat images stay."""
    return _each(images, lambda image: exposure.rescale_intensity(image, out_range=(0.0, 1.0)))


def upscale(images: np.ndarray, factor: int = 4) -> np.ndarray:
    """Enlarge by bicubic interpolation: smoother, but no detail that was not there.

    Args:
        images: shape (N, height, width).
        factor: a whole number, at least 1.

    Returns:
        Shape (N, factor * height, factor * width), 0 to 1.

    Raises:
        ValueError: if ``factor`` is no whole number from 1, or makes more than `MOST_PIXELS`.
    """
    if not factor >= 1 or factor % 1:
        raise ValueError(f"The factor is {factor}: give a whole number, at least 1.")
    stack = data.as_stack(images)
    size = [side * int(factor) for side in stack.shape[1:]]
    if (pixels := len(stack) * math.prod(size)) > MOST_PIXELS:
        raise ValueError(f"The factor {factor} makes {pixels:,} pixels: {MOST_PIXELS:,} are most.")
    return _each(images, lambda image: transform.resize(image, size, order=3, mode="edge"))


def select_best(images: np.ndarray, scores: np.ndarray, keep: int) -> np.ndarray:
    """The ``keep`` images of highest score, best first.

    Args:
        images: shape (N, height, width).
        scores: one number an image, higher is better, shape (N,).
        keep: from 1 to N.

    Raises:
        ValueError: if the numbers of images and scores differ, one is no number, or ``keep`` is
            out of range.
    """
    images, scores = np.asarray(images), np.asarray(scores, dtype=np.float64)
    if len(images) != len(scores):
        raise ValueError(f"There are {len(images)} images but {len(scores)} scores: give one each.")
    if not 1 <= keep <= len(images):
        raise ValueError(f"keep is {keep}: give a number from 1 to {len(images)}.")
    if np.isnan(scores).any():
        raise ValueError(f"Score {np.isnan(scores).argmax()} is NaN: leave its image out.")
    return images[np.argsort(-scores, kind="stable")[:keep]]


def _each(images: np.ndarray, change, **numbers: float) -> np.ndarray:
    for name, value in numbers.items():
        if not 0 <= value < math.inf or (name == "weight" and not value):
            raise ValueError(f"The {name} is {value}: give a number above 0, not infinite.")
    stack = data.as_stack(images)
    data.check_range(stack)
    changed = np.stack([change(image, **numbers) for image in stack.astype(np.float32)])
    changed = np.clip(changed, 0.0, 1.0).astype(np.float32)
    return changed[..., None] if np.ndim(images) == 4 else changed
