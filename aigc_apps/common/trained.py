"""Checkpoints of language models: the model, and the tokenizer that it was trained with.

The stories of chapter 6.1 and the poems of chapter 6.2 are written by them.
"""

from __future__ import annotations

import os
from pathlib import Path

from aigc_apps.common import tokens
from aigc_apps.common.language import LanguageModel
from aigc_utils import checkpoints
from aigc_utils.files import sha256


def load_language_model(name: str, root: str | os.PathLike | None = None) -> LanguageModel:
    """A shipped language model, for example ``"tang_poems"``.

    Args:
        name: one of `aigc_utils.checkpoints.available`.
        root: a folder of checkpoints; the shipped ones by default.

    Raises:
        ValueError: as `aigc_utils.checkpoints.load_model`.
        FileNotFoundError: if the weights are missing.
    """
    return checkpoints.load_model(name, root, also=[LanguageModel])


def load_tokenizer(name: str, root: str | os.PathLike | None = None) -> tokens.Tokenizer:
    """The tokenizer that a checkpoint of a language model was trained with, after checking it.

    Args:
        name: one of `available`, for example ``"tang_poems"``.
        root: a folder of checkpoints; the shipped ones by default.

    Raises:
        ValueError: if the name is unknown, the model reads no texts, or the file has changed.
        FileNotFoundError: if the file is missing.
    """
    card = checkpoints.load_card(name, root)
    if card.tokens_sha256 is None:
        raise ValueError(f"{name} is a {card.model} and reads no texts: choose another.")
    path = Path(root or checkpoints.checkpoint_root()) / name / "tokens.json"
    cure = f"restore it with git, or train it again with `{card.retrain}`"
    if not path.is_file():
        raise FileNotFoundError(f"The tokenizer {path} is missing: {cure}.")
    if sha256(path) != card.tokens_sha256:
        raise ValueError(f"The tokenizer {path} has changed or is cut short: {cure}.")
    return tokens.read_tokenizer(path)
