"""Who proposes the next character, how boldly, and how many quatrains are drawn from it (6.2)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from aigc_apps.common import ngrams, sampling, tokens
from aigc_apps.poetry.prosody import FORMS, NamingMask, QuatrainMask

NUM_CANDIDATES = 16  # drawn for each request; one number, so that one compiled step serves all


def split_lines(poem: str) -> list[str]:
    """Four lines of a quatrain's characters."""
    length = len(poem) // 4
    return [poem[i : i + length] for i in range(0, 4 * length, length)]


def punctuated(lines: Sequence[str]) -> str:
    """Four lines as they are printed, a comma after the first of each couplet."""
    return "\n".join(f"{line}{'，。'[i % 2]}" for i, line in enumerate(lines))


class Writer(Protocol):
    """Something that gives probabilities of the next character of a poem.

    Attributes:
        name: for people.
        characters: what it can write; an empty string for a token that is no character.
        training_seconds: that it took.
        weights_sha256: of its weights; empty if it has none of its own.
    """

    name: str
    characters: list[str]
    training_seconds: float
    weights_sha256: str

    def log_probabilities(self, form: str, texts: Sequence[str]) -> np.ndarray:
        """Of the next character, in nats, shape (len(texts), len(characters))."""


@dataclass(frozen=True)
class Drafts:
    """Quatrains as they were drawn.

    Attributes:
        form: one of `FORMS`.
        poems: the characters of each, lines one after another.
        log_chosen: log p of each character by the writer alone, in nats, shape (B, T).
        log_allowed: log of the probability that the mask left, in nats, shape (B, T); zeros
            without a mask.
    """

    form: str
    poems: list[str]
    log_chosen: np.ndarray
    log_allowed: np.ndarray

    def bits_each(self) -> np.ndarray:
        """-log2 p a character by the writer alone, shape (B,)."""
        return -self.log_chosen.mean(axis=1) / np.log(2)


def compose_quatrains(
    writer: Writer,
    form: str,
    number: int,
    *,
    mask: QuatrainMask | NamingMask | None = None,
    leaning: np.ndarray | None = None,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int = 0,
) -> Drafts:
    """Draw quatrains character by character.

    Args:
        writer: whose probabilities.
        form: one of `FORMS`.
        number: how many.
        mask: what may come next; anything if None.
        leaning: nats added to each character's log-probability, shape (len(characters),).
        temperature: divides the log-probabilities, above 0.
        top_p: draw from the likeliest characters that together have so much probability, after
            mask and leaning (Holtzman et al., 2020).
        seed: the same seed gives the same poems on one machine.

    Raises:
        ValueError: if the mask leaves nothing, or a number is out of range.
    """
    if temperature <= 0 or not 0 < top_p <= 1:
        raise ValueError(
            f"The temperature is {temperature} and top_p {top_p}: give more than 0, and "
            "top_p at most 1."
        )
    size, nucleus = 4 * FORMS[form], None if top_p == 1 else top_p
    rng = np.random.default_rng(seed)
    letters = np.array([len(c) == 1 for c in writer.characters])
    texts = [""] * number
    log_chosen, log_allowed = np.zeros((2, number, size))
    for place in range(size):
        logs = np.asarray(writer.log_probabilities(form, texts), np.float64)
        allowed = np.stack([letters if mask is None else mask.allowed(t) for t in texts])
        if not allowed.any(axis=1).all():
            raise ValueError(f"Nothing may follow {texts[int(allowed.any(1).argmin())]!r}.")
        scores = np.where(allowed, logs + (0 if leaning is None else leaning), -np.inf)
        chances = sampling.next_probabilities(scores / temperature, top_p=nucleus)
        chosen = sampling.draw(chances, rng.random(number))
        rows = np.arange(number)
        log_chosen[:, place] = logs[rows, chosen]
        if mask is not None:
            log_allowed[:, place] = np.log(np.where(allowed, np.exp(logs), 0).sum(axis=1))
        texts = [t + writer.characters[i] for t, i in zip(texts, chosen, strict=True)]
    return Drafts(form, texts, log_chosen, log_allowed)


def compose_many(
    writer: Writer,
    form: str,
    rounds: int,
    mask: QuatrainMask | None = None,
    seed: int = 0,
) -> Drafts:
    """So many sixteens of drafts at temperature 1, as one; see `compose_quatrains`."""
    parts = [
        compose_quatrains(writer, form, NUM_CANDIDATES, mask=mask, seed=seed + 7919 * i)
        for i in range(rounds)
    ]
    return Drafts(
        form,
        [p for part in parts for p in part.poems],
        np.concatenate([part.log_chosen for part in parts]),
        np.concatenate([part.log_allowed for part in parts]),
    )


class CountingWriter:
    """A Kneser-Ney n-gram as a writer: counts of short strings, no network.

    It is told where lines end, which a model of verse is too.

    Args:
        poems: the lines of each.
        order: length of the longest strings counted.
    """

    training_seconds = 0.0
    weights_sha256 = ""

    def __init__(self, poems: Sequence[Sequence[str]], order: int = 3):
        self.name = f"Kneser-Ney {order}-gram"
        self.order = order
        letters = sorted({c for lines in poems for line in lines for c in line})
        self.characters = ["", "", *letters]  # the end of a poem and of a line come first
        self._id = {c: i for i, c in enumerate(["", "\n", *letters])}
        self.counts = ngrams.KneserNey(
            [self._encode("\n".join(lines)) for lines in poems], len(self.characters), order
        )
        self._next = functools.lru_cache(maxsize=2**14)(self._after)

    def _encode(self, text: str) -> list[int]:
        return [self._id[c] for c in text]

    def _after(self, context: str) -> np.ndarray:
        return np.log(np.maximum(self.counts.next_probabilities(self._encode(context)), 1e-12))

    def log_probabilities(self, form: str, texts: Sequence[str]) -> np.ndarray:
        """See `Writer`; the form says where lines end."""
        length = FORMS[form]
        lined = ["\n".join(t[i : i + length] for i in range(0, len(t) + 1, length)) for t in texts]
        # A context of `order` characters is read without its first; a shorter one is a start.
        return np.stack([self._next(t[-self.order :]) for t in lined])


class TransformerWriter:
    """The checkpoint ``tang_poems`` as a writer.

    Args:
        model: an `aigc_apps.common.language.LanguageModel`.
        characters: by token number; an empty string for the end and the forms.
        form_tokens: the first token of a poem, by form.
        name, training_seconds, weights_sha256: see `Writer`.
    """

    def __init__(self, model, characters, form_tokens, name, training_seconds, weights_sha256):
        self.model, self.characters, self.form_tokens = model, list(characters), form_tokens
        self.name, self.training_seconds = name, training_seconds
        self.weights_sha256 = weights_sha256
        self._id = {c: i for i, c in enumerate(self.characters) if c}

    def encode(self, form: str, texts: Sequence[str]) -> np.ndarray:
        """Rows of tokens, the form first, shape (B, 1 + T)."""
        return np.array([[self.form_tokens[form], *(self._id[c] for c in t)] for t in texts])

    def log_probabilities(self, form: str, texts: Sequence[str]) -> np.ndarray:
        """See `Writer`."""
        logits = self.model.predict_next(self.encode(form, texts)).astype(np.float64)
        top = logits.max(axis=1, keepdims=True)
        return logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))

    def bits(self, form: str, texts: Sequence[str]) -> np.ndarray:
        """-log2 p a character of whole poems, the end left out, shape (B,)."""
        logs = self.model.log_likelihood(self.encode(form, texts))
        return -logs[:, 1:].mean(axis=1) / np.log(2)


@functools.cache
def load_verse_writer(name: str = "tang_poems") -> TransformerWriter:
    """The shipped model of verse with its tokenizer.

    Args:
        name: of a checkpoint.

    Raises:
        ValueError: if there is no such checkpoint, or it is damaged.
    """
    from aigc_apps.common import trained  # and with it TensorFlow, late
    from aigc_utils import checkpoints

    model, card = trained.load_language_model(name), checkpoints.load_card(name)
    tokenizer = trained.load_tokenizer(name)
    return verse_writer(model, tokenizer, card.label, card.seconds, card.weights_sha256)


def verse_writer(
    model, tokenizer: tokens.VerseTokenizer, name: str, seconds: float = 0.0, sha256: str = ""
) -> TransformerWriter:
    """A model of verse and its tokenizer as a writer.

    Args:
        model: an `aigc_apps.common.language.LanguageModel`.
        tokenizer: that it was trained with.
        name, seconds, sha256: see `Writer`.
    """
    shapes = {(form.line_length, form.num_lines): form.name for form in tokenizer.forms}
    form_tokens = {form: tokenizer.form_token(shapes[length, 4]) for form, length in FORMS.items()}
    characters = [""] * (1 + len(tokenizer.forms)) + list(tokenizer.characters)
    return TransformerWriter(model, characters, form_tokens, name, seconds, sha256)
