"""Language models that somebody else trained: a small one from packages, or your own endpoint.

Chapter 6.1 has both tell stories.
"""

from aigc_apps.pretrained.endpoint import Endpoint
from aigc_apps.pretrained.smollm import SmolLM, is_installed

__all__ = ["Endpoint", "SmolLM", "is_installed"]
