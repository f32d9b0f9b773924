"""What each shipped model with a likelihood scores on single test images, kept to compare with.

``python tests/utils/per_image.py`` measures and keeps it, after a model was trained anew: some
minutes. Images differ by 70 nats and models by 1 to 3, so a mean over images shows little; the
difference on the same images, drawn with the same seeds, shows a hundredth of a nat.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from aigc_utils import checkpoints, data, metrics

STORED = Path(__file__).parent / "stored" / "per_image.npz"
NUM_IMAGES = 300  # the first of the test set, binarized with data.TEST_SEED
NUM_SAMPLES = 50  # of importance weights; exact likelihoods need none
BATCH = 50  # so that the first images are scored with the same noise, however many follow


def score(name: str, num_images: int) -> np.ndarray:
    """Negative log-likelihoods of the first test images; nats, shape (num_images,)."""
    images = data.load_images("fashion_mnist")
    binary = data.binarize(data.to_unit(images.x_test), seed=data.TEST_SEED)[:num_images]
    model = checkpoints.load_model(name)  # its seed is on its card, and it has drawn nothing yet
    if hasattr(model, "log_likelihood"):
        return metrics.exact_nll(model, binary, batch_size=BATCH).values
    labels = images.y_test[:num_images].astype(np.int32)
    told = checkpoints.load_card(name).model == "ConditionalVAE"
    inputs = {"images": binary, "labels": labels} if told else binary
    return metrics.importance_weighted_nll(
        model, inputs, num_samples=NUM_SAMPLES, batch_size=BATCH
    ).values


def load() -> dict[str, np.ndarray]:
    """The kept values by name of the checkpoint, each of shape (NUM_IMAGES,)."""
    with np.load(STORED, allow_pickle=False) as archive:
        return {name: archive[name].astype(np.float64) for name in archive.files}


def likelihoods() -> list[str]:
    """The shipped checkpoints that give a likelihood of images."""
    names = checkpoints.available()
    cards = {name: checkpoints.load_card(name) for name in names}
    return [n for n in names if any(k.startswith("test_nll_nats") for k in cards[n].results)]


if __name__ == "__main__":
    values = {}
    for name in likelihoods():
        values[name] = score(name, NUM_IMAGES).astype(np.float32)
        print(f"{name}: {values[name].mean():.2f} nats", file=sys.stderr)
    STORED.parent.mkdir(exist_ok=True)
    np.savez_compressed(STORED, **values)
