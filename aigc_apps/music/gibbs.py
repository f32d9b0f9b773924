"""Writing on a grid by drawing cells anew: Gibbs sampling with a model of chorales (chapter 6.3).

What is given is never written to, so a melody is kept by construction.
"""

from __future__ import annotations

import numpy as np
from keras import ops
from scipy.special import log_softmax

from aigc_apps.music.chorale_model import ChoraleModel
from aigc_apps.music.grid import (
    CHUNK,
    HIGHEST,
    LOWEST,
    NUM_SYMBOLS,
    NUM_VOICES,
    RANGES,
    to_pitches,
)
from aigc_utils.models.base import check_whole


def fill_cells(
    model: ChoraleModel,
    pitches: np.ndarray,
    free: np.ndarray,
    onsets: np.ndarray,
    clocks: np.ndarray,
    *,
    tonic: int,
    minor: bool,
    num_passes: int = 64,
    temperature: float = 1.0,
    most: float = 0.3,
    least: float = 0.1,
    start: bool = True,
    grain: int = 1,
    wish: np.ndarray | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Write the free cells in a random order, then better them; the others stay as they are.

    The first passes follow an order of quarter notes drawn at random, some at a time, each
    given those before it (Uria et al., 2014). The others are blocked Gibbs sampling: a
    share of the free cells is erased and drawn anew, given what was left. The share falls
    from ``most`` to ``least``, since cells that are drawn together do not hear each other
    (Yao et al., 2014; Huang et al., 2017, section 4), and the last quarter of the passes
    is three times cooler. A pitch outside a voice's range in
    `RANGES` is never drawn.

    Args:
        model: what believes.
        pitches: MIDI numbers or 0, int, shape (B, 4, T).
        free: cells that may be written, bool, shape (B, 4, T).
        onsets: of the soprano, 1 struck, 0 held, -1 unknown, shape (T,).
        clocks: from `clock`, shape (T, `CLOCK_FEATURES`).
        tonic: pitch class, 0 (C) to 11 (B).
        minor: the mode.
        num_passes: of the network.
        temperature: divides the logits; near 0 the likeliest pitch is always taken.
        most: the share of cells erased in the first pass of Gibbs sampling.
        least: the same in the last ones.
        start: whether free cells are unknown at first; otherwise all passes are Gibbs
            sampling that begins with what they hold.
        grain: steps that are drawn as one, from the beginning of the beat: 2 writes no note
            shorter than an eighth. Free cells must come in such groups.
        wish: added to the logits of pitches by MIDI number, shape (4, T, 128); None for none.
        seed: the same seed gives the same grids on one machine.

    Returns:
        Pitches (B, 4, T), and where they are struck, bool (B, 4, T).

    Raises:
        ValueError: if a number is out of range or a given pitch is no symbol.
    """
    _check_filling(num_passes, temperature, pitches[~free])
    rng, size = np.random.default_rng(seed), len(pitches)
    symbols, told, above = model.prepared(pitches, clocks, tonic, minor)
    heard = np.broadcast_to(np.asarray(onsets, np.float32), (size, pitches.shape[2]))
    network, bias = model.network(), _in_range(above)
    if wish is not None:
        bias = bias + wish[..., to_pitches(np.arange(NUM_SYMBOLS), above)].astype(np.float32)
    revealing = round(0.7 * num_passes) if start else 0
    turn = _noise(rng, pitches.shape, CHUNK)  # in which order cells become known
    for number in range(num_passes):
        if number < revealing:
            erased = free & (turn >= number / revealing)
            chosen = erased & (turn < (number + 1) / revealing)
        else:
            left = (num_passes - number) / (num_passes - revealing)
            width = CHUNK if number % 2 == 0 else grain
            erased = free & (_noise(rng, pitches.shape, width) < max(least, most * left))
            chosen = erased
        logits = network(symbols, erased.astype(np.float32), heard, told)
        logits = ops.convert_to_numpy(logits)[..., :NUM_SYMBOLS].transpose(0, 2, 1, 3)
        # At last cells that were drawn at once and do not fit each other are smoothed out.
        cooled = temperature * (0.3 if number >= 0.75 * num_passes else 1.0)
        drawn = _draw(_as_one(logits / np.float32(cooled) + bias, grain), rng)
        drawn = np.repeat(drawn, grain, axis=2)
        symbols = np.where(chosen, drawn, symbols).astype(np.int32)
    all_known = np.zeros(free.shape, np.float32)
    struck = ops.convert_to_numpy(network(symbols, all_known, heard, told))
    made = to_pitches(symbols, above)
    again = struck[..., -1].transpose(0, 2, 1) > 0
    again[..., np.arange(again.shape[-1]) % grain > 0] = False
    return made.astype(np.int8), _onsets(made, again, heard)


def _check_filling(num_passes: int, temperature: float, given: np.ndarray) -> None:
    check_whole("num_passes", num_passes)
    if not 0 < temperature < 100:
        raise ValueError(f"The temperature is {temperature}: give more than 0, such as 1.")
    wrong = given[(given != 0) & ((given < LOWEST) | (given > HIGHEST))]
    if wrong.size:
        raise ValueError(
            f"The pitch {int(wrong[0])} is given: use MIDI numbers from {LOWEST} to {HIGHEST}."
        )


def _as_one(logits: np.ndarray, grain: int) -> np.ndarray:
    """The mean logits of each group of steps, shape (B, 4, T / grain, symbols)."""
    size, voices, length, symbols = logits.shape
    return logits.reshape(size, voices, length // grain, grain, symbols).mean(axis=3)


def _onsets(pitches: np.ndarray, again: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """A pitch that changes is struck; one that stays is, if it is more likely than not."""
    before = np.pad(pitches[..., :-1], ((0, 0), (0, 0), (1, 0)))
    onsets = (pitches > 0) & ((pitches != before) | again)
    onsets[:, 0] = np.where(heard >= 0, heard > 0, onsets[:, 0])
    return onsets


def cell_surprise(
    model: ChoraleModel,
    pitches: np.ndarray,
    onsets: np.ndarray,
    clocks: np.ndarray,
    *,
    tonic: int,
    minor: bool,
    num_draws: int = 3,
    seed: int = 0,
) -> np.ndarray:
    """What a cell of each grid costs given half of the others, to rank candidates by.

    Each draw hides a random half and then the other half, the same ones in all grids.

    Args:
        model: what believes.
        pitches: MIDI numbers or 0, shape (B, 4, T).
        onsets: where they are struck, shape (B, 4, T).
        clocks: from `clock`, shape (T, `CLOCK_FEATURES`).
        tonic: pitch class.
        minor: the mode.
        num_draws: pairs of halves.
        seed: of the halves.

    Returns:
        nats a cell, shape (B,).
    """
    rng = np.random.default_rng(seed)
    symbols, told, _ = model.prepared(pitches, clocks, tonic, minor)
    heard = np.asarray(onsets[:, 0], np.float32)
    total = np.zeros(len(symbols))
    for _ in range(num_draws):
        half = np.broadcast_to(_noise(rng, (1, *symbols.shape[1:]), CHUNK) < 0.5, symbols.shape)
        for hidden in (half, ~half):
            logits = model.network()(symbols, hidden.astype(np.float32), heard, told)
            logits = ops.convert_to_numpy(logits)[..., :NUM_SYMBOLS].transpose(0, 2, 1, 3)
            nats = -np.take_along_axis(log_softmax(logits, axis=-1), symbols[..., None], axis=-1)
            total += (nats[..., 0] * hidden).sum(axis=(1, 2))
    return total / (num_draws * symbols[0].size)


def _in_range(above: int) -> np.ndarray:
    """0 for symbols that a voice may be given, minus infinity for others; shape (4, 1, 58)."""
    allowed = np.full((NUM_VOICES, 1, NUM_SYMBOLS), -np.inf, np.float32)
    pitches = to_pitches(np.arange(NUM_SYMBOLS), above)
    for voice, (low, high) in enumerate(RANGES):
        allowed[voice, 0, (pitches >= low) & (pitches <= high)] = 0
    allowed[..., 0] = 0
    return allowed


def _noise(rng: np.random.Generator, shape: tuple[int, ...], width: int) -> np.ndarray:
    """Uniform numbers, the same ones for the cells of each so many steps."""
    size, voices, length = shape
    chunks = rng.random((size, voices, -(-length // width)))
    return np.repeat(chunks, width, axis=2)[..., :length]


def _draw(logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One symbol for each row of logits, by the Gumbel trick."""
    return np.argmax(logits + rng.gumbel(size=logits.shape).astype(np.float32), axis=-1)
