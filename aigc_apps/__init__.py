"""Applications (chapter 6): one folder each, found by listing this one, behind one contract.

Importing this loads none of them. A folder with a ``card.yml`` is an application; its
``__init__.py`` defines one subclass of `Scenario`. `make app NAME=demo` makes a new one.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from aigc_apps.contract import Artifact, Card, Measure, Request, Scenario, Verdict


def names() -> list[str]:
    """The names that `load_application` knows, in the order of the chapters.

    Those that no chapter builds yet come last; folders that begin with ``_`` are none.
    """
    cards = [Card.read(path) for folder in __path__ for path in Path(folder).glob("[!_]*/card.yml")]
    return [c.name for c in sorted(cards, key=lambda c: (c.notebook or "~", c.name))]


def load_application(name: str) -> Scenario:
    """A scenario by name; its models are loaded when it first generates.

    Raises:
        ValueError: if there is none of that name, or its folder defines not just one.
    """
    if name not in (known := names()):
        raise ValueError(f"There is no scenario {name!r}: choose one of {', '.join(known)}.")
    module = import_module(f"{__name__}.{name}")
    kinds = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Scenario)
        and value.__module__.startswith(module.__name__)
    ]
    if len(kinds) != 1:
        raise ValueError(
            f"The application {name!r} must define one subclass of Scenario and defines "
            f"{len(kinds)}: mend {module.__file__}."
        )
    return kinds[0]()


__all__ = [
    "Artifact",
    "Card",
    "Measure",
    "Request",
    "Scenario",
    "Verdict",
    "load_application",
    "names",
]
