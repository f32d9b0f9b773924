"""The names of recipes, which `aigc train` looks at before TensorFlow is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from aigc_apps.saving import check_writable
from aigc_utils import data


def recipe_folder() -> Path:
    """The folder of the recipes, beside the data sets; `AIGC_DATA` may name another."""
    return data.data_root() / "recipes"


def recipe_names() -> list[str]:
    """The names of the recipes that are there, in alphabetical order; none is read."""
    return sorted(path.stem for path in recipe_folder().glob("*.yml"))


def check_training(name: str, known: Iterable[str], out: Path, work_dir: Path) -> None:
    """Refuse a recipe that is not among those known, and folders that cannot be written to.

    Raises:
        ValueError: if there is no such recipe.
        OSError: if a folder cannot be written to.
    """
    if name not in known:
        listed = ", ".join(known) or "none"
        raise ValueError(
            f"There is no recipe {name!r} in {recipe_folder()}: choose one of: {listed}."
        )
    for place in (out / name / "card.json", work_dir / name / "state"):
        check_writable(place)
