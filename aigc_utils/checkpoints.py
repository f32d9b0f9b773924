"""Shipped weights: build the model in code, check the file, load it.

A checkpoint is a folder ``data/checkpoints/NAME`` with ``model.weights.h5`` and
``card.json``; an ensemble's has a card alone, which names its members. Weights travel and whole
``.keras`` files do not: a file saved by one version of Keras may not load in an older one, and a
weights file runs no code. Chapters 1, 3.2 to 3.6, 5.2b, 5.3, 6.3 and the start page load them;
3.6 packs one.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from pydantic import BaseModel, ConfigDict

from aigc_utils import models
from aigc_utils.data import data_root, read_card
from aigc_utils.files import atomic_path, joined_sha256, sha256


class ModelCard(BaseModel):
    """What a checkpoint is, how it was made, and how good it was measured to be.

    Attributes:
        name: the folder's name.
        model: a class of `aigc_utils.models`, or one that whoever loads it brings along.
        arguments: what that class is built with.
        weights_sha256: of ``model.weights.h5``; of its members' hashes, if it has members.
        tokens_sha256: of ``tokens.json``, the tokenizer, if the model reads texts.
        trained_on: data set and split.
        recipe: the settings of the training run.
        seed: of the training run.
        seconds: that the training run took.
        machine: that it ran on.
        results: measured numbers, each with its protocol in its name.
        limits: what the model must not be used for, or does badly.
        licence: of the weights.
        retrain: the command that trains it again.
        decodes_with: the checkpoint that makes pictures of what this one makes, if it makes
            latents.
        members: the checkpoints whose weights are its own, one after another; it then has no
            file of weights.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    model: str
    arguments: dict[str, Any]
    weights_sha256: str
    trained_on: str
    recipe: dict[str, Any]
    seed: int
    seconds: float
    machine: str
    results: dict[str, float]
    limits: list[str]
    licence: str
    retrain: str
    decodes_with: str | None = None
    tokens_sha256: str | None = None
    members: list[str] = []

    @property
    def label(self) -> str:
        """The name with the beginning of the weights' hash, for a provenance."""
        return f"{self.name} ({self.weights_sha256[:12]})"


def checkpoint_root() -> Path:
    """The folder that holds the shipped checkpoints."""
    return data_root() / "checkpoints"


def available(root: str | os.PathLike | None = None) -> list[str]:
    """The names that `load_model` knows in a folder of checkpoints, in alphabetical order."""
    return sorted(path.parent.name for path in Path(root or checkpoint_root()).glob("*/card.json"))


def load_card(name: str, root: str | os.PathLike | None = None) -> ModelCard:
    """Read a checkpoint's card.

    Raises:
        ValueError: if there is no such checkpoint or its card is damaged.
    """
    if name not in available(root):  # so a path is none
        known = ", ".join(available(root)) or "none"
        parent = Path(root or checkpoint_root())
        raise ValueError(f"There is no checkpoint {name!r} in {parent}: choose one of: {known}.")
    return read_card(Path(root or checkpoint_root()) / name / "card.json", ModelCard)


def load_model(
    name: str, root: str | os.PathLike | None = None, *, also: Sequence[type[keras.Model]] = ()
) -> keras.Model:
    """Build a checkpoint's model in code and load its weights, after checking them.

    Args:
        name: one of `available`, for example ``"vae_fashion"``.
        root: a folder of checkpoints; the shipped ones by default.
        also: classes that a card may name besides those of `aigc_utils.models`.

    Raises:
        ValueError: if the name is unknown, or the weights are truncated, changed, or of
            another model. No half-loaded model is ever returned.
        FileNotFoundError: if the weights are missing.
    """
    card = load_card(name, root)
    if card.members:
        if hash_of_members(card.members, root) != card.weights_sha256:
            raise ValueError(
                f"A member of {name} ({', '.join(card.members)}) is not the one that its card "
                f"describes: restore them with git, or judge it again with `{card.retrain}`."
            )
        return join_members(card.model, card.arguments, card.members, root)
    path = Path(root or checkpoint_root()) / name / "model.weights.h5"
    cure = f"restore it with git, or train it again with `{card.retrain}`"
    if not path.is_file():
        raise FileNotFoundError(f"The weights {path} are missing: {cure}.")
    found = sha256(path)
    if found != card.weights_sha256:
        raise ValueError(
            f"The weights {path} have changed or are cut short (sha256 {found[:12]}... instead "
            f"of {card.weights_sha256[:12]}...): {cure}."
        )
    try:
        model = build(card.model, card.arguments, also=also)
    except ValueError as error:
        raise ValueError(
            f"{name} holds a {card.model}, which is no model of images here: an application may "
            f"use it (see `aigc scenarios`); if it should be one, restore "
            f"{path.with_name('card.json')} with git. ({error})"
        ) from error
    load_weights(model, path)
    return model


def join_members(
    model: str,
    arguments: dict[str, Any],
    members: Sequence[str],
    root: str | os.PathLike | None = None,
) -> keras.Model:
    """An ensemble, as on a card, with the weights of its members, one after another.

    Raises:
        ValueError, FileNotFoundError: as `load_model`, of each member.
    """
    weights = [array for member in members for array in load_model(member, root).get_weights()]
    ensemble = build(model, arguments)
    ensemble.set_weights(weights)
    return ensemble


def hash_of_members(members: Sequence[str], root: str | os.PathLike | None = None) -> str:
    """What the card of an ensemble of these checkpoints has as ``weights_sha256``."""
    return joined_sha256(load_card(member, root).weights_sha256 for member in members)


def load_generator(name: str, root: str | os.PathLike | None = None):
    """A checkpoint's model, joined with its decoder's if it makes latents: has ``generate``.

    Args:
        name: one of `available`, for example ``"flow_fashion"``.
        root: a folder of checkpoints; the shipped ones by default.

    Raises:
        ValueError: as `load_model`; or if the model generates nothing.
        FileNotFoundError: if the weights are missing.
    """
    card = load_card(name, root)
    if card.tokens_sha256 is not None:
        raise ValueError(f"{name} writes texts and makes no images: see `aigc scenarios`.")
    model = load_model(name, root)
    if card.decodes_with is not None:
        return models.LatentGenerator(load_model(card.decodes_with, root), model)
    if not hasattr(model, "generate"):
        raise ValueError(f"{name} is a {card.model} and generates nothing: choose another.")
    return model


def build(
    model: str, arguments: dict[str, Any], *, also: Sequence[type[keras.Model]] = ()
) -> keras.Model:
    """An untrained model from a card's ``model`` and ``arguments``.

    Args:
        model: the name of a class of `aigc_utils.models`, or of one of ``also``.
        arguments: what it is built with.
        also: further classes.

    Raises:
        ValueError: if there is no such class, or an argument is wrong.
    """
    known = {name: getattr(models, name) for name in models.__all__ if name[0].isupper()}
    known |= {kind.__name__: kind for kind in also}
    if model not in known:
        raise ValueError(f"There is no model {model!r}: choose one of {', '.join(known)}.")
    return known[model](**arguments)


def save_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Save weights as Keras does, but without optimizer state, and by renaming.

    Args:
        model: a model that can be rebuilt from its ``get_config``.
        path: ends in ``.weights.h5``.

    Raises:
        ValueError: if the name ends otherwise.
        OSError: if writing fails; an older file of that name is then unchanged.
    """
    path = Path(path)
    _check_name(path)
    bare = _twin(model)  # never compiled, so nothing of the optimizer is saved
    bare.set_weights(model.get_weights())
    # HDF5 cannot give up cleanly on a full disk: what it holds unwritten may crash Python
    # later. So it writes where there surely is room, and plain bytes go to the target.
    with tempfile.TemporaryDirectory() as scratch:
        needed = 2 * sum(array.nbytes for array in bare.get_weights()) + 1_000_000
        if shutil.disk_usage(scratch).free < needed:
            raise OSError(
                errno.ENOSPC,
                f"The temporary folder {scratch} has no room for {needed:,} bytes: free some.",
            )
        bare.save_weights(Path(scratch) / path.name)
        with atomic_path(path) as temporary:
            shutil.copyfile(Path(scratch) / path.name, temporary)


def load_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Load weights written by `save_weights` into a model of the same shape.

    They are first loaded into a twin, so a failure leaves the model as it was.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, of a model of another shape, or named otherwise
            than ``*.weights.h5`` (a ``.keras`` file carries a program, which is never run).
    """
    path = Path(path)
    _check_name(path)
    if not path.is_file():
        raise FileNotFoundError(f"There are no weights at {path}: check the name.")
    twin = _twin(model)
    try:
        twin.load_weights(path)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise ValueError(
            f"The weights {path} are damaged, cut short, or of a model built with other "
            f"arguments: copy or train them again. ({first_line})"
        ) from error
    model.set_weights(twin.get_weights())


def _check_name(path: Path) -> None:
    if not path.name.endswith(".weights.h5"):
        raise ValueError(f"Weights cannot be {path}: choose a name that ends in .weights.h5.")


def _twin(model: keras.Model) -> keras.Model:
    return type(model).from_config(model.get_config())
