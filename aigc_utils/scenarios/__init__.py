"""Applications: one module each, behind one contract. Importing this loads none of them."""

from __future__ import annotations

from importlib import import_module

from aigc_utils.scenarios.contract import (
    Artifact,
    Card,
    Measure,
    Request,
    Scenario,
    Verdict,
)

# name: module and class, imported when first asked for
_REGISTRY: dict[str, str] = {
    "stories": "aigc_utils.scenarios.stories:Stories",
    "poetry": "aigc_utils.scenarios.poetry:Poetry",
    "music": "aigc_utils.scenarios.music:Music",
    "video": "aigc_utils.scenarios.video:Video",
}


def names() -> list[str]:
    """The names that `load` knows, in the order of the chapters."""
    return list(_REGISTRY)


def load(name: str) -> Scenario:
    """A scenario by name; its models are loaded when it first generates.

    Raises:
        ValueError: if there is none of that name.
    """
    if name not in _REGISTRY:
        raise ValueError(f"There is no scenario {name!r}: choose one of {', '.join(_REGISTRY)}.")
    module, kind = _REGISTRY[name].split(":")
    return getattr(import_module(module), kind)()


__all__ = ["Artifact", "Card", "Measure", "Request", "Scenario", "Verdict", "load", "names"]
