"""Helper package of the AIGC workbook.

``import aigc_utils`` is light (no TensorFlow, no Keras, no matplotlib); each room
loads what it needs when it is first touched::

    import aigc_utils
    aigc_utils.start(seed=0)              # quiet Keras, one seed, one plotting style
    images = aigc_utils.data.load_images("fashion_mnist")
    model = aigc_utils.checkpoints.load_model("vae_fashion")
"""

import importlib

from aigc_utils.runtime import by_profile, seed_everything, start

__version__ = "0.1.0"

_ROOMS = (
    "checkpoints",
    "data",
    "metrics",
    "models",
    "objectives",
    "plots",
    "postprocess",
    "sample_metrics",
    "training",
    "widgets",
)

__all__ = ["by_profile", "seed_everything", "start", *_ROOMS]


def __getattr__(name: str):
    """Import a room on first use, so that TensorFlow loads late."""
    if name in _ROOMS:
        return importlib.import_module(f"aigc_utils.{name}")
    raise AttributeError(f"module 'aigc_utils' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
