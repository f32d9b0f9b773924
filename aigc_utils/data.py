"""Data sets that travel with the course: arrays or texts, a card, and checksums.

Nothing here touches the network, and nothing here knows of models. Every chapter that looks at
images or texts loads them here; 3.5 reads a card.
"""

from __future__ import annotations

import gzip
import json
import lzma
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from aigc_utils.files import sha256

# Draws the binarized test set once, as the published protocol does; the same in all of the course.
TEST_SEED = 777
Card = TypeVar("Card", bound=BaseModel)


class FileFacts(BaseModel):
    """What one file of a data set must be, byte for byte."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bytes: int
    sha256: str
    upstream_md5: str | None = None


class DataCard(BaseModel):
    """Who made a data set, how, under which licence, and what to beware of.

    `items` is how many of what, such as ``"70,000 images"``, for `aigc doctor`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    title_zh: str
    summary: str
    made_by: str
    source: str
    licence: str
    licence_text: str
    cite: str
    collected: str
    known_biases: list[str]
    class_names: list[str]
    class_names_zh: list[str]
    items: str = ""
    files: dict[str, FileFacts]


@dataclass(frozen=True)
class Images:
    """A labelled image data set, split as its makers split it.

    Attributes:
        card: the data card.
        x_train, x_test: images, uint8 from 0 to 255, shape (N, height, width).
        y_train, y_test: labels, uint8, shape (N,); they index ``card.class_names``.
    """

    card: DataCard
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


@dataclass(frozen=True)
class Text:
    """One text: a poem, or a chapter.

    Attributes:
        title: of the poem; of book and chapter.
        author: who wrote it.
        text: what was written; each line of a poem ends with a line end.
    """

    title: str
    author: str
    text: str


@dataclass(frozen=True)
class Texts:
    """A collection of texts in three parts that share none of them.

    Attributes:
        card: the data card.
        train: what models and baselines learn from.
        validation: what settings are chosen with.
        test: held out, for the number that is told.
    """

    card: DataCard
    train: list[Text]
    validation: list[Text]
    test: list[Text]


def data_root() -> Path:
    """The folder that holds the data: ``AIGC_DATA``, the installed copy, or the checkout."""
    if chosen := os.environ.get("AIGC_DATA"):
        return Path(chosen)
    package = Path(__file__).parent
    installed = package / "_data"
    return installed if installed.is_dir() else package.parent / "data"


def data_sets() -> list[str]:
    """The names of the data sets that are here, of any kind, in alphabetical order."""
    return sorted(path.parent.name for path in data_root().glob("*/card.json") if path.is_file())


def load_data_card(name: str) -> DataCard:
    """Read the card of a data set.

    Raises:
        ValueError: if no data set of that name is here, or its card is damaged.
    """
    path = data_root() / name / "card.json"
    if name not in data_sets():
        known = ", ".join(data_sets()) or "none"
        raise ValueError(f"There is no data set {name!r} in {data_root()}: choose one of: {known}.")
    return read_card(path, DataCard)


def read_card(path: Path, kind: type[Card]) -> Card:
    """A card in a JSON file; a ValueError or FileNotFoundError in one sentence if it is no good."""
    if not path.is_file():
        raise FileNotFoundError(f"The card {path} is missing: restore it with git.")
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"The card {path} is damaged: restore it with git. ({reason})") from error


def verified(name: str) -> Path:
    """The folder of a data set of any kind, after comparing every byte with its card.

    Raises:
        ValueError: if the name is unknown or a file differs from its checksum.
        FileNotFoundError: if a file is missing.
    """
    card, folder = load_data_card(name), data_root() / name
    for file_name, facts in card.files.items():
        verify_file(folder / file_name, facts)
    return folder


def load_images(name: str) -> Images:
    """Load a data set of images after checking every byte of it; the network is never touched.

    Args:
        name: one of `data_sets` that holds images, for example ``"fashion_mnist"``.

    Returns:
        The whole data set. Fashion-MNIST is 60,000 training and 10,000 test images of
        28 x 28 pixels, 55 MB in memory.

    Raises:
        ValueError: if the name is unknown or a file differs from its checksum.
        FileNotFoundError: if a file is missing.
    """
    folder = _folder_with(name, "train-images-idx3-ubyte.gz", "images", "load_texts")
    return Images(
        card=load_data_card(name),
        x_train=_read_idx(folder / "train-images-idx3-ubyte.gz"),
        y_train=_read_idx(folder / "train-labels-idx1-ubyte.gz"),
        x_test=_read_idx(folder / "t10k-images-idx3-ubyte.gz"),
        y_test=_read_idx(folder / "t10k-labels-idx1-ubyte.gz"),
    )


def load_texts(name: str) -> Texts:
    """Load a collection of texts after checking every byte of it.

    Args:
        name: one of `data_sets` that holds texts, for example ``"tang_poems"``.

    Raises:
        ValueError, FileNotFoundError: as `load_images`.
    """
    folder = _folder_with(name, "train.jsonl.xz", "texts", "load_images")
    parts = ("train", "validation", "test")
    texts = {part: _read_texts(folder / f"{part}.jsonl.xz") for part in parts}
    return Texts(card=load_data_card(name), **texts)


def _folder_with(name: str, file_name: str, kind: str, other: str) -> Path:
    """The verified folder of a data set whose card has that file."""
    if file_name not in load_data_card(name).files:
        raise ValueError(f"The data set {name!r} holds no {kind}: see its card, or {other}().")
    return verified(name)


def _read_texts(path: Path) -> list[Text]:
    with lzma.open(path, "rt", encoding="utf-8", newline="\n") as lines:
        return [Text(**json.loads(line)) for line in lines]


def verify_file(path: Path, facts: FileFacts) -> None:
    """Compare every byte of a file with what its card says; errors are those of `verified`."""
    cure = "restore it with `git checkout -- data` or clone the course again"
    if not path.is_file():
        raise FileNotFoundError(f"The file {path} is missing: {cure}.")
    if (size := path.stat().st_size) != facts.bytes:
        raise ValueError(f"The file {path} has {size:,} bytes instead of {facts.bytes:,}: {cure}.")
    if (found := sha256(path)) != facts.sha256:
        raise ValueError(
            f"The file {path} has changed (sha256 {found[:12]}... instead of "
            f"{facts.sha256[:12]}...): {cure}."
        )


def _read_idx(path: Path) -> np.ndarray:
    """Read LeCun's IDX format: two zero bytes, a type, a rank, big-endian sizes, bytes."""
    raw = gzip.decompress(path.read_bytes())
    rank = raw[3]
    shape = np.frombuffer(raw, dtype=">u4", count=rank, offset=4)
    return np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * rank).reshape(shape)


def to_unit(images: np.ndarray) -> np.ndarray:
    """Map grey levels 0..255 to float32 intensities 0..1, same shape.

    Args:
        images: whole numbers from 0 to 255, or floats; those already in 0..1 stay as they are.

    Raises:
        ValueError: if something lies outside, or is no number.
    """
    images = np.asarray(images)
    check_range(images, 255, "grey levels run from")
    is_unit = images.dtype.kind == "b" or (images.dtype.kind == "f" and images.max(initial=0) <= 1)
    return images.astype(np.float32) / np.float32(1 if is_unit else 255)


def as_stack(images: np.ndarray) -> np.ndarray:
    """Images as an array (N, height, width), N at least 1: a list, a tensor, with one channel.

    Raises:
        ValueError: if they are something else, with their shape.
    """
    try:
        stack = np.asarray(images)
    except ValueError as error:  # of a list whose rows have different lengths
        raise ValueError("The images have different shapes: give all of one size.") from error
    if stack.ndim == 4 and stack.shape[-1] == 1:
        stack = stack[..., 0]
    if stack.ndim != 3 or not stack.size:
        one = " (one image: images[None])" if stack.ndim == 2 else ""
        raise ValueError(
            f"The images have shape {stack.shape}: give (N, height, width), N at least 1{one}."
        )
    return stack


def check_range(images: np.ndarray, most: float = 1, what: str = "intensities run from") -> None:
    """Refuse pixels that are no numbers from 0 to ``most``, as a ValueError with the cure."""
    if images.dtype.kind not in "fiub" or not images.dtype.isnative:
        raise ValueError(f"The images are of type {images.dtype}: give numbers, such as float32.")
    low, high = (float(images.min()), float(images.max())) if images.size else (0, 0)
    if not np.isfinite([low, high]).all():
        odd, name = np.isnan(images), "NaN (not a number)"
        odd, name = (odd, name) if odd.any() else (np.isinf(images), "infinity")
        bad = int(np.argmax(odd.reshape(len(images), -1).any(axis=1)))
        raise ValueError(f"Image {bad} contains {name}: remove it or repair it.")
    if low >= -1e-6 and high <= most + 1e-6:  # what sums of intensities round to
        return
    cure = "take (images - low) / (high - low), with the least and the most that there can be"
    if -1 <= low < 0 and high <= 1:
        cure = "if they are meant from -1 to 1, take (images + 1) / 2"
    elif low >= 0 and high <= 255:
        cure = "divide grey levels by 255, or call aigc_utils.data.to_unit"
    raise ValueError(f"The pixels run from {low:g} to {high:g}, but {what} 0 to {most}: {cure}.")


def binarize(intensities: np.ndarray, seed: int) -> np.ndarray:
    """Draw each pixel once: 1 with probability equal to its intensity, else 0.

    This is the "stochastic binarization" under which likelihoods of grey images are
    published (Salakhutdinov & Murray, 2008); fixing the seed fixes the test set.

    Args:
        intensities: values from 0 to 1, any shape.
        seed: seeds the draw; the same seed gives the same pixels on every machine.

    Returns:
        float32 zeros and ones, same shape.

    Raises:
        ValueError: if something is no number from 0 to 1.
    """
    check_range(intensities)
    rng = np.random.default_rng(seed)
    return (rng.random(intensities.shape, dtype=np.float32) < intensities).astype(np.float32)


def check_images(images: np.ndarray, image_shape: tuple[int, ...]) -> None:
    """Refuse images that no model here could learn from, before any work starts.

    Args:
        images: should be numbers from 0 to 1, shape (N, *image_shape), N at least 1.
        image_shape: the shape of one image.

    Raises:
        ValueError: in one sentence, with the offending value and the cure.
    """
    wanted = f"(N, {', '.join(map(str, image_shape))})"
    if not isinstance(images, np.ndarray):
        raise ValueError(
            f"The images are a {type(images).__name__}: make an array of them with np.asarray, of "
            f"shape {wanted}."
        )
    if images.ndim != 1 + len(image_shape) or images.shape[1:] != tuple(image_shape):
        same = math.prod(image_shape) in (math.prod(images.shape[1:]), images.size)
        cure = "reshape them" if same else "crop or resize them (skimage.transform.resize)"
        raise ValueError(
            f"The images have shape {images.shape}, but this model takes {wanted}: {cure}."
        )
    if not len(images):
        raise ValueError(f"There are no images: give at least one, of shape {wanted}.")
    check_range(images, what="the model takes")


def check_labels(labels: np.ndarray, num_classes: int, num_images: int) -> None:
    """Refuse labels that do not fit their images.

    Args:
        labels: should be whole numbers from 0 to ``num_classes - 1``, shape (num_images,).
        num_classes: how many classes the model knows.
        num_images: how many images the labels belong to.

    Raises:
        ValueError: in one sentence, with the offending value and the cure.
    """
    if labels.shape != (num_images,):
        raise ValueError(
            f"The labels have shape {labels.shape}, but {num_images} images need ({num_images},)."
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(f"The labels are of type {labels.dtype}: give whole numbers.")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"The labels run from {labels.min()} to {labels.max()}, but there are classes 0 to "
            f"{num_classes - 1}: check the labels or `num_classes`."
        )


def as_mapping(inputs) -> Mapping[str, np.ndarray]:
    """View model inputs as ``{"images": ..., "labels": ...}``; bare images have no labels."""
    return inputs if isinstance(inputs, Mapping) else {"images": inputs}
