"""Collections of texts as a language model reads them, and what it must beat on them.

The measure is bits a character of held-out text, line ends counted as characters: -log2 p of all
that was written, divided by its length. So models over characters, over pieces of words and over
verse without line ends, counts and compressors can be compared. Whatever a model must predict
besides (a poem's form, the end of a text) is paid for too. The models of chapters 6.1 and 6.2 are
trained and compared with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aigc_apps.common import ngrams, tokens
from aigc_apps.common.rows import END, cut_texts, pack_texts
from aigc_utils import data

FORMS = (
    tokens.Form("五绝", 5, 4),
    tokens.Form("七绝", 7, 4),
    tokens.Form("五律", 5, 8),
    tokens.Form("七律", 7, 8),
)


@dataclass(frozen=True)
class BitsPerCharacter:
    """A mean over held-out characters, with the standard error over texts.

    Attributes:
        mean: bits a character.
        standard_error: of the mean, as if the texts had been drawn at random.
    """

    mean: float
    standard_error: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.standard_error:.3f} bits a character"


@dataclass(frozen=True)
class Collection:
    """Texts with the tokenizer that a model of them reads by.

    Attributes:
        texts: the data set.
        tokenizer: made from it.
    """

    texts: data.Texts
    tokenizer: tokens.Tokenizer

    def rows(self, part: str, length: int) -> np.ndarray:
        """Rows to train on: whole poems side by side, or prose cut into rows.

        Args:
            part: ``"train"``, ``"validation"`` or ``"test"``.
            length: of a row; a model's ``context``.

        Returns:
            int32, shape (rows, length).
        """
        encoded = [self.tokenizer.encode(text.text) for text in getattr(self.texts, part)]
        if isinstance(self.tokenizer, tokens.VerseTokenizer):
            return pack_texts(encoded, length)
        return cut_texts(encoded, length, step=length)


def load_collection(name: str, vocab_size: int) -> Collection:
    """A data set of texts, and its tokenizer made anew.

    Verse gets one token for each character of any part of the data set: which characters there
    are is taken as known to all that are compared, how often they occur is not. Prose gets
    pieces of words, learnt from the training part.

    Args:
        name: of the data set.
        vocab_size: of the pieces; for verse what must come out.

    Raises:
        ValueError: if there is no such data set, or verse has another number of tokens.
    """
    texts = data.load_texts(name)
    if name != "tang_poems":
        train = [text.text for text in texts.train]
        return Collection(texts, tokens.BytePairTokenizer.train(train, vocab_size))
    everything = [*texts.train, *texts.validation, *texts.test]
    tokenizer = tokens.VerseTokenizer.train(FORMS, [text.text for text in everything])
    if tokenizer.vocab_size != vocab_size:
        raise ValueError(
            f"The poems have {tokenizer.vocab_size} tokens and not {vocab_size}: change the recipe."
        )
    return Collection(texts, tokenizer)


def model_bits(model, tokenizer: tokens.Tokenizer, texts: Sequence[data.Text]) -> BitsPerCharacter:
    """What a language model needs for texts.

    A text longer than the model's context is read in rows that overlap by half, and what is
    scored in each, but for the first, is its later half.

    Args:
        model: has ``context`` and ``log_likelihood``, as `aigc_apps.common.language.LanguageModel`.
        tokenizer: that it was trained with.
        texts: held-out ones.
    """
    rows, scored, owners = [], [], []
    for owner, text in enumerate(texts):
        for row, start in _overlapping([*tokenizer.encode(text.text), END], model.context):
            rows.append(row)
            scored.append(start)
            owners.append(owner)
    table = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    nats = -model.log_likelihood(table)
    nats[np.arange(table.shape[1]) < np.array(scored)[:, None]] = 0
    bits = np.bincount(owners, nats.sum(axis=1, dtype=np.float64), len(texts)) / np.log(2)
    return summary(bits, texts)


def _overlapping(row: list[int], length: int):
    """(part, place where scoring begins) for parts that overlap by half."""
    yield row[:length], 0
    half = length // 2
    for begin in range(half, len(row) - length + half, half):
        yield row[begin : begin + length], length - half


def counts_bits(
    train: Sequence[data.Text], held_out: Sequence[data.Text], order: int = 5
) -> BitsPerCharacter:
    """What a Kneser-Ney n-gram over characters, line ends among them, needs for texts.

    Args:
        train: what it counts in.
        held_out: what is scored.
        order: length of the longest strings counted.
    """
    characters = tokens.CharacterTokenizer.train(text.text for text in [*train, *held_out])
    model = ngrams.KneserNey(
        [characters.encode(text.text) for text in train], characters.vocab_size, order
    )
    return summary(model.bits([characters.encode(text.text) for text in held_out]), held_out)


def compressor_bits(train: Sequence[data.Text], held_out: Sequence[data.Text]) -> float:
    """What xz needs for texts, bits a character, after it has read the training texts."""
    known = "".join(text.text + "\n" for text in train)
    new = "".join(text.text + "\n" for text in held_out)
    return ngrams.xz_bits(known, new) / sum(len(text.text) for text in held_out)


def summary(bits: np.ndarray, texts: Sequence[data.Text]) -> BitsPerCharacter:
    """Bits of whole texts, shape (texts,), as bits a character."""
    lengths = np.array([len(text.text) for text in texts])
    mean = bits.sum() / lengths.sum()
    # The standard error of a ratio of sums (Cochran, Sampling Techniques, 1977, chapter 6).
    errors = (bits - mean * lengths) / lengths.mean()
    spread = errors.std(ddof=1) if len(texts) > 1 else np.nan
    return BitsPerCharacter(float(mean), float(spread / np.sqrt(len(texts))))
