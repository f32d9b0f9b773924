"""Pictures by a shipped checkpoint, for `aigc generate NAME`."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc_apps.saving import check_writable
from aigc_utils import data, runtime

MOST_IMAGES = 10_000  # what a PNG file of eight columns holds and programs still open
MOST_SEED = 2**32 - 1
HOTTEST = 100  # far beyond it, all that is left of a picture is black and white


@dataclass(frozen=True)
class Wish:
    """What is wished of a checkpoint, as it stands on a command line: each a text.

    Attributes:
        number: of images, 1 to 10,000.
        temperature: multiplies the prior's standard deviation, 0 to 100.
        label: a class, for conditional models; None for the others.
        seed: the same seed gives the same images; 0 to 4294967295.
    """

    number: str = "64"
    temperature: str = "1"
    label: str | None = None
    seed: str = "0"


def generate_pictures(name: str, out: Path, wish: Wish, say: Callable[[str], Any]) -> None:
    """Make images with a checkpoint and write them as one picture.

    Args:
        name: one of `aigc_utils.checkpoints.available`.
        out: the PNG file.
        wish: how many, and of what kind.
        say: told one line when it is done.

    Raises:
        ValueError: before anything is made, if an argument is wrong.
        OSError: before anything is made, if the file cannot be written.
    """
    number = _whole("number of images", wish.number, 1, MOST_IMAGES)
    seed = _whole("seed", wish.seed, 0, MOST_SEED)
    temperature = _temperature(wish.temperature)
    _check_name(name)
    check_writable(out)
    if out.suffix.lower() != ".png":
        raise ValueError(f"{out} is to hold a picture: end its name in .png.")
    runtime.start(seed)
    from aigc_utils import checkpoints, plots, widgets
    from aigc_utils.files import atomic_path

    model = checkpoints.load_generator(name)
    extra = {}
    if num_classes := getattr(model, "condition_dim", 0):
        names = _class_names(checkpoints.load_card(name).trained_on, num_classes)
        extra["label"] = _label(name, wish.label, names)
    elif wish.label is not None:
        raise ValueError(f"The label is {wish.label[:60]!r}, but {name} takes no --label.")
    images = model.generate(number, temperature=temperature, seed=seed, **extra)
    with atomic_path(out) as temporary:
        temporary.write_bytes(widgets.picture(plots.tile(images, columns=8), scale=3))
    say(f"{number} images, made by a generative model ({name}, seed {seed}): {out}")


def _check_name(name: str) -> None:
    """Refuse what is no checkpoint's name, without loading TensorFlow to say so."""
    root = data.data_root() / "checkpoints"
    known = sorted(path.parent.name for path in root.glob("*/card.json"))
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=1)
    cure = f"did you mean {near[0]}?" if near else f"choose one of: {', '.join(known) or 'none'}."
    raise ValueError(f"There is no checkpoint {name!r} in {root}: {cure}")


def _whole(what: str, text: str, least: int, most: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise ValueError(
            f"The {what} is {text[:60]!r}: give a whole number from {least} to {most}."
        )
    return value


def _temperature(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= HOTTEST:
        raise ValueError(
            f"The temperature is {text[:60]!r}: give a number from 0 to {HOTTEST} (1 is the prior)."
        )
    return value


def _class_names(trained_on: str, number: int) -> list[str]:
    """The names of a checkpoint's classes, from the data set that it was trained on."""
    data_set = trained_on.partition(",")[0]
    names = data.load_data_card(data_set).class_names if data_set in data.data_sets() else []
    return names if len(names) == number else [f"class {index}" for index in range(number)]


def _label(name: str, text: str | None, names: list[str]) -> int:
    try:
        return _whole("label", text or "", 0, len(names) - 1)
    except ValueError:
        given = "no --label is given" if text is None else f"the label is {text[:60]!r}"
        listed = ", ".join(f"{index} {each}" for index, each in enumerate(names))
        raise ValueError(
            f"{name} draws a class, and {given}: give --label 0 to {len(names) - 1} ({listed})."
        ) from None
