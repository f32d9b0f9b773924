"""How good and how varied generated samples are, from features or pixels; no model in sight.

Features are what a classifier computes of images elsewhere: one row an image, shape (N, D).
All sums are in 64 bits. Numbers from other features, or from other numbers of samples, do not
compare: quote both with every result. Chapters 3.2 to 3.6 measure with it.
"""

from aigc_utils.sample_metrics.classes import class_histogram, classes_covered, mean_confidence
from aigc_utils.sample_metrics.distances import frechet_distance, kernel_distance
from aigc_utils.sample_metrics.neighbourhoods import NeighbourMetrics, neighbour_metrics
from aigc_utils.sample_metrics.pixels import Neighbours, memorisation_ratio, nearest_neighbours
from aigc_utils.sample_metrics.summary import SampleReport, report, reports

__all__ = [
    "NeighbourMetrics",
    "Neighbours",
    "SampleReport",
    "class_histogram",
    "classes_covered",
    "frechet_distance",
    "kernel_distance",
    "mean_confidence",
    "memorisation_ratio",
    "nearest_neighbours",
    "neighbour_metrics",
    "report",
    "reports",
]
