"""Pictures by a shipped checkpoint, for `aigc generate NAME`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aigc_apps.saving import check_writable
from aigc_utils import runtime

MOST_IMAGES = 10_000  # what a PNG file of eight columns holds and programs still open


def generate_pictures(
    name: str,
    out: Path,
    *,
    num_samples: int,
    temperature: float,
    label: int | None,
    seed: int,
    say: Callable[[str], Any],
) -> None:
    """Make images with a checkpoint and write them as one picture.

    Args:
        name: one of `aigc_utils.checkpoints.available`.
        out: the PNG file.
        num_samples: how many images, 1 to 10,000.
        temperature: multiplies the prior's standard deviation.
        label: a class, for conditional models; None for the others.
        seed: the same seed gives the same images.
        say: told one line when it is done.

    Raises:
        ValueError: before anything is made, if an argument is wrong.
        OSError: before anything is made, if the file cannot be written.
    """
    if not 1 <= num_samples <= MOST_IMAGES:
        raise ValueError(
            f"num_samples is {num_samples}: give a whole number from 1 to {MOST_IMAGES}."
        )
    check_writable(out)
    if out.suffix.lower() != ".png":
        raise ValueError(f"{out} is to hold a picture: end its name in .png.")
    runtime.start(seed)
    from aigc_utils import checkpoints, plots, widgets
    from aigc_utils.files import atomic_path

    model = checkpoints.load_generator(name)
    num_classes = getattr(model, "condition_dim", 0)
    conditional = num_classes > 0
    if conditional != (label is not None):
        wanted = f"--label 0..{num_classes - 1}" if conditional else "no --label"
        raise ValueError(f"The label is {label}, but {name} takes {wanted}.")
    extra = {"label": label} if conditional else {}
    images = model.generate(num_samples, temperature=temperature, seed=seed, **extra)
    with atomic_path(out) as temporary:
        temporary.write_bytes(widgets.picture(plots.tile(images, columns=8), scale=3))
    say(f"{num_samples} images, made by a generative model ({name}, seed {seed}): {out}")
