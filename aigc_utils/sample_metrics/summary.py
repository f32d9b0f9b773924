"""All measures of a set of samples at once, as chapters 3.2, 3.4 and 3.5 print them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aigc_utils.metrics import Estimate
from aigc_utils.sample_metrics.classes import class_histogram, mean_confidence
from aigc_utils.sample_metrics.distances import frechet_distance, kernel_distance
from aigc_utils.sample_metrics.neighbourhoods import NeighbourMetrics, neighbour_metrics


@dataclass(frozen=True)
class SampleReport:
    """What a classifier's look at real and at generated images says; see `report`.

    Attributes:
        num_samples: generated images.
        fid_28: `frechet_distance` of features, lower is better; biased, so compare at equal
            ``num_samples`` only, and with the floor of real images against other real ones.
        kernel_distance: `kernel_distance` of features, unbiased, with its standard error.
        neighbours: `neighbour_metrics` of features.
        class_shares: `class_histogram` of the generated images, shape (num_classes,).
        confidence: `mean_confidence` of the generated images.
    """

    num_samples: int
    fid_28: float
    kernel_distance: Estimate
    neighbours: NeighbourMetrics
    class_shares: np.ndarray
    confidence: float

    def as_numbers(self) -> dict[str, float]:
        """The report as plain numbers by name, for a card or a table."""
        numbers = {
            "kernel_distance": self.kernel_distance.mean,
            "kernel_distance_error": self.kernel_distance.standard_error,
            **vars(self.neighbours),
            "smallest_class_share": float(self.class_shares.min()),
            "mean_confidence": self.confidence,
        }
        return {"fid_28": round(self.fid_28, 3)} | {k: round(v, 4) for k, v in numbers.items()}


def report(real, generated, *, k: int = 5, seed: int = 0) -> SampleReport:
    """All measures of one set of generated images at once.

    Args:
        real: a classifier's look at real images: ``features`` (N, D) and ``probabilities``
            (N, num_classes), as `aigc_utils.models.ImageClassifier.look` gives them.
        generated: the same classifier's look at generated images.
        k: see `neighbour_metrics`.
        seed: see `kernel_distance`, which is measured in ten blocks, of at most 1,000 images.

    Raises:
        ValueError: as the measures do.
    """
    fewest = min(len(real.features), len(generated.features))
    blocks = {"num_blocks": 10, "block_size": max(2, min(1000, fewest // 10))}
    return SampleReport(
        num_samples=len(generated.features),
        fid_28=frechet_distance(real.features, generated.features),
        kernel_distance=kernel_distance(real.features, generated.features, **blocks, seed=seed),
        neighbours=neighbour_metrics(real.features, generated.features, k=k),
        class_shares=class_histogram(generated.probabilities, generated.probabilities.shape[1]),
        confidence=mean_confidence(generated.probabilities),
    )


def reports(look, pairs: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, SampleReport]:
    """A `report` for each pair of real and generated images.

    Args:
        look: of images, such as `aigc_utils.models.ImageClassifier.look`.
        pairs: (real images, generated images) by the name of what they are compared as.
    """
    return {name: report(look(real), look(generated)) for name, (real, generated) in pairs.items()}
