"""The grid of four voices that chapter 6.3's model fills: its symbols, its clock, its windows.

A grid has four voices and T steps; a cell holds a pitch or a rest. What is said here of numbers
and shapes is all that the network, its sampler and its training have to agree on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NUM_VOICES = 4
LOWEST, HIGHEST = 36, 81  # MIDI numbers that a cell may hold
# Symbol 0 is the rest, symbol k the pitch LOWEST - 7 + k: room to move a piece to C, up or down.
NUM_SYMBOLS = HIGHEST - LOWEST + 13
CHUNK = 4  # steps that are erased together half of the time: a quarter note
CLOCK_BEATS = 6  # beats of a bar that the clock tells apart
CLOCK_FEATURES = CHUNK + CLOCK_BEATS + 3
# The pitches that each voice sings in the chorales that the shipped weights learnt from.
RANGES = ((57, 81), (53, 74), (48, 69), (36, 64))
# What a model of chorales takes, each an array over windows.
INPUTS = ("pitches", "onsets", "clock", "tonic", "minor", "lowest", "highest")


def to_pitches(symbols: np.ndarray, above: int) -> np.ndarray:
    """The inverse of `to_symbols`, for one piece."""
    return np.where(symbols > 0, symbols + above + (LOWEST - 7), 0)


def clock(places: np.ndarray, beats: np.ndarray, fermatas: np.ndarray) -> np.ndarray:
    """What a step is told of the metre and of phrases' ends.

    Args:
        places: sixteenths since the beginning of the bar, shape (T,).
        beats: quarter notes in the bar, shape (T,).
        fermatas: whether a phrase ends on this note, shape (T,).

    Returns:
        float32, shape (T, `CLOCK_FEATURES`); the last feature is 1 inside the piece.
    """
    places = np.asarray(places, int)
    beat = np.minimum(places // CHUNK, CLOCK_BEATS - 1)
    columns = [
        np.eye(CHUNK)[places % CHUNK],
        np.eye(CLOCK_BEATS)[beat],
        (np.asarray(beats) == 3)[:, None],
        np.asarray(fermatas)[:, None],
        np.ones((len(places), 1)),
    ]
    return np.concatenate(columns, axis=1).astype(np.float32)


def chorale_windows(
    chorales: Sequence, length: int = 128, stride: int = 64
) -> dict[str, np.ndarray]:
    """Chorales cut into windows, as inputs of `ChoraleModel`.

    Args:
        chorales: have ``pitches``, ``onsets``, ``places``, ``beats``, ``fermatas``, ``tonic``
            and ``minor``, as `aigc_apps.music.chorales.Chorale` has.
        length: steps in a window, a multiple of `CHUNK`; the last one is padded.
        stride: steps between the beginnings of windows of one chorale, a multiple of `CHUNK`.
    """
    found: dict[str, list] = {name: [] for name in INPUTS}
    for chorale in chorales:
        clocks = clock(chorale.places, chorale.beats, chorale.fermatas)
        lowest, highest = _room_to_move(chorale.pitches)
        for start in range(0, max(1, len(clocks) - length + stride), stride):
            here = slice(start, start + length)
            short = length - len(clocks[here])
            row = {
                "pitches": np.pad(chorale.pitches[:, here], ((0, 0), (0, short))).astype(np.int32),
                "onsets": np.pad(chorale.onsets[:, here], ((0, 0), (0, short))).astype(np.float32),
                "clock": np.pad(clocks[here], ((0, short), (0, 0))),
                "tonic": np.int32(chorale.tonic),
                "minor": np.int32(chorale.minor),
                "lowest": np.int32(lowest),
                "highest": np.int32(highest),
            }
            for name, value in row.items():
                found[name].append(value)
    return {name: np.stack(values) for name, values in found.items()}


def _room_to_move(pitches: np.ndarray) -> tuple[int, int]:
    """By how many semitones a chorale may be transposed within the voices' ranges: -6 to 5."""
    lowest, highest = -6, 5
    for voice, (low, high) in zip(pitches, RANGES, strict=True):
        sounding = voice[voice > 0].astype(int)
        if sounding.size:
            lowest = max(lowest, low - sounding.min())
            highest = min(highest, high - sounding.max())
    return min(lowest, 0), max(highest, 0)
