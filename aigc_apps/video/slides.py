"""One's own pictures in a film: checked when asked for, fitted into a frame when drawn (6.4)."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
LARGEST_FILE = 25_000_000  # bytes
MOST_PIXELS = 50_000_000  # four times a telephone's


@dataclass(frozen=True)
class Slide:
    """A picture of one's own for some frames: uint8, shape (height, width, 3)."""

    first: int
    last: int
    picture: np.ndarray


def check_picture(path: str | os.PathLike) -> None:
    """Refuse what is no picture, or too large a one, by its first bytes.

    Raises:
        ValueError: in one sentence that names the file.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no picture {path}: give the name of a PNG or JPEG file.")
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(
            f"The picture {path} has {path.stat().st_size:,} bytes: give at most {LARGEST_FILE:,}."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we count ourselves
            with Image.open(path, formats=FORMATS) as picture:
                width, height = picture.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"The file {path} is no picture that can be read: give a {', '.join(FORMATS)} file."
        ) from error
    if width * height > MOST_PIXELS or min(width, height) < 8:
        raise ValueError(
            f"The picture {path} has {width} x {height} pixels: give at least 8 each way, and at "
            f"most {MOST_PIXELS:,} in all."
        )


def fitted(path: str | os.PathLike, width: int, height: int) -> np.ndarray:
    """A picture as large as fits, the right way up, what is transparent on white.

    Returns:
        uint8, shape (at most height, at most width, 3).

    Raises:
        ValueError: if the file is damaged.
    """
    check_picture(path)
    try:
        with Image.open(path, formats=FORMATS) as opened:
            upright = ImageOps.exif_transpose(opened).convert("RGBA")
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"The picture {path} is damaged: save it again.") from error
    paper = Image.new("RGBA", upright.size, "white")
    paper.alpha_composite(upright)
    return np.asarray(ImageOps.contain(paper.convert("RGB"), (width, height)))
