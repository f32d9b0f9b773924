"""Writing with a language model: from logits to chances, from chances to the next token.

Chapter 6.1 turns the knobs: temperature, the likeliest few (top-k) and the nucleus (top-p).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

from aigc_apps.common.rows import END

# Takes all tokens so far, shape (B, t); gives what may come next, bool, shape (B, vocab_size).
Constraint = Callable[[np.ndarray], np.ndarray]


class NextTokens(Protocol):
    """Reads rows that grow, as `aigc_apps.common.language.RowReader` does."""

    def read(self, tokens: np.ndarray) -> np.ndarray:
        """Logits of the token after each row, shape (B, vocab_size)."""


def sample_tokens(
    reader: NextTokens,
    prompts: np.ndarray,
    num_tokens: int,
    *,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    constrain: Constraint | None,
    seed: int,
) -> np.ndarray:
    """Go on with texts, token by token: see `aigc_apps.common.language.LanguageModel.generate`."""
    coins = np.random.default_rng(seed).random((len(prompts), num_tokens))
    tokens = prompts.astype(np.int32)
    finished = np.zeros(len(prompts), bool)
    for step in range(num_tokens):
        logits = reader.read(tokens)
        allowed = None
        if constrain is not None:
            allowed = _allowed(constrain, tokens, finished, logits.shape[1])
        chances = next_probabilities(
            logits, temperature=temperature, top_k=top_k, top_p=top_p, allowed=allowed
        )
        drawn = np.where(finished, END, draw(chances, coins[:, step])).astype(np.int32)
        finished |= drawn == END
        tokens = np.concatenate([tokens, drawn[:, None]], axis=1)
        if finished.all():
            break
    rest = prompts.shape[1] + num_tokens - tokens.shape[1]
    return np.pad(tokens, ((0, 0), (0, rest)), constant_values=END)


def _allowed(
    constrain: Constraint, tokens: np.ndarray, finished: np.ndarray, vocab_size: int
) -> np.ndarray:
    """What ``constrain`` allows, checked; bool, shape (B, vocab_size)."""
    allowed = np.asarray(constrain(tokens), bool)
    wanted = (len(tokens), vocab_size)
    if allowed.shape != wanted:
        raise ValueError(f"constrain gave shape {allowed.shape}: it must give {wanted}.")
    stuck = np.flatnonzero(~allowed.any(axis=1) & ~finished)
    if len(stuck):
        raise ValueError(
            f"constrain allows row {stuck[0]} no token at place {tokens.shape[1]}: allow at "
            f"least one (of {vocab_size}), or begin with another prompt or seed."
        )
    return np.where(finished[:, None], True, allowed)


def next_probabilities(
    logits: np.ndarray,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    allowed: np.ndarray | None = None,
) -> np.ndarray:
    """The probabilities from which the next token is drawn.

    Args:
        logits: shape (B, vocab).
        temperature: divides the logits; at 0 the likeliest token has probability 1.
        top_k: keeps so many likeliest tokens.
        top_p: then keeps the fewest likeliest tokens that have this much probability together.
        allowed: bool, shape (B, vocab), each row with at least one True; applied first.

    Returns:
        float64, shape (B, vocab); rows sum to 1.
    """
    logits = np.asarray(logits, np.float64)
    if allowed is not None:
        logits = np.where(allowed, logits, -np.inf)
    if temperature == 0:
        return np.eye(logits.shape[1])[logits.argmax(axis=1)]
    chances = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    chances /= chances.sum(axis=1, keepdims=True)
    if top_k is None and top_p is None:
        return chances
    order = np.argsort(-chances, axis=1, kind="stable")
    falling = np.take_along_axis(chances, order, axis=1)
    if top_k is not None:
        falling[:, top_k:] = 0
        falling /= falling.sum(axis=1, keepdims=True)
    if top_p is not None:
        before = np.cumsum(falling, axis=1) - falling
        falling[before >= top_p] = 0
        falling /= falling.sum(axis=1, keepdims=True)
    np.put_along_axis(chances, order, falling, axis=1)
    return chances


def draw(chances: np.ndarray, coins: np.ndarray) -> np.ndarray:
    """One token a row: where the running sum of its chances passes its coin.

    Args:
        chances: shape (B, vocab); rows sum to 1.
        coins: uniform from 0 to 1, 1 excluded; shape (B,).

    Returns:
        int, shape (B,); never a token whose chance is 0.
    """
    running = np.cumsum(chances, axis=1)
    passed = running > coins[:, None] * running[:, -1:]
    return passed.argmax(axis=1)


def check_sampling(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Raise a ValueError unless tokens can be drawn so."""
    from aigc_utils.models.base import check_whole  # and with it Keras, late

    if not 0 <= temperature < math.inf:
        raise ValueError(f"The temperature is {temperature}: give 0 or more.")
    if top_k is not None:
        check_whole("top_k", top_k)
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}: give more than 0, at most 1, or None.")
