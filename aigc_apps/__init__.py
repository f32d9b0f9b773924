"""Applications (chapter 6): one folder each, found by listing this one, behind one contract.

Importing this loads none of them. A folder with a ``card.yml`` is an application; its
``__init__.py`` defines one subclass of `Scenario`. `make app NAME=demo` makes a new one.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from aigc_apps.contract import Artifact, Card, Request, Scenario


def names() -> list[str]:
    """The names that `load_application` knows, in the order of the chapters.

    Those that no chapter builds yet come last; folders that begin with ``_`` are none.
    """
    return list(read_cards())


def read_cards() -> dict[str, Card | ValueError | OSError]:
    """Each application's card by name, in the order of `names`; of a wrong card, what is wrong.

    So one wrong card stops none of the other applications; no application is loaded.
    """
    cards: dict[str, Card | ValueError | OSError] = {}
    for path in (path for folder in __path__ for path in Path(folder).glob("[!_]*/card.yml")):
        try:
            cards[path.parent.name] = Card.read(path)
        except (ValueError, OSError) as error:
            cards[path.parent.name] = error
    # A sign behind those of chapters, which begin with a digit.
    return dict(sorted(cards.items(), key=lambda c: (getattr(c[1], "notebook", None) or "~", c[0])))


def load_application(name: str) -> Scenario:
    """A scenario by name; its models are loaded when it first generates.

    Raises:
        ValueError: if there is none of that name, its card is wrong, its code cannot be
            imported, or its folder defines not just one.
    """
    cards = read_cards()
    if name not in cards:
        raise ValueError(f"There is no scenario {name!r}: choose one of {', '.join(cards)}.")
    if not isinstance(card := cards[name], Card):
        raise card
    try:
        module = import_module(f"{__name__}.{name}")
    except (ValueError, OSError):  # of its texts: a sentence already
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        raise ValueError(
            f"The application {name!r} cannot be imported ({reason}): mend its code."
        ) from error
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
    "Request",
    "Scenario",
    "load_application",
    "names",
    "read_cards",
]
