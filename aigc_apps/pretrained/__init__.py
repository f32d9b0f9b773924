"""Language models that somebody else trained: a small one from packages, or your own endpoint."""

from aigc_apps.pretrained.endpoint import Endpoint
from aigc_apps.pretrained.smollm import SmolLM, is_installed

__all__ = ["Endpoint", "SmolLM", "is_installed"]
