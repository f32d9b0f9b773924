"""Counting: what comes in a context, and voices each by itself, without counterpoint.

It is what a model of four voices must beat (chapter 6.3). Pitches are counted above the tonic, so
that all keys share what they teach, and by the step's place in the beat, which is when notes move.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aigc_apps.music.chorales import STEPS_A_BEAT, VOICES, Chorale

SPAN = 64  # symbols: 0 for a rest, else the pitch less LOWEST after transposing to C
LOWEST = 28
# How much of (voice, place in the beat, symbol before, soprano struck, soprano, minor, fermata) is
# looked at, by order: nothing but the voice; the step before; the melody and the mode, too.
LEVELS = ((1,), (1, 3), (1, 3, 7))

Context = tuple[int, ...]


class PrefixCounts:
    """How often each symbol comes in a context; longer beginnings of it refine shorter ones.

    Probabilities are interpolated with those of the shorter beginning by Witten & Bell's rule
    (1991), and with the even ones in the end, so that none is zero.

    Args:
        size: how many symbols there are.
        levels: how long the beginnings are that are looked at, the shortest first.
    """

    def __init__(self, size: int, levels: Sequence[int]):
        self.size, self.levels = size, levels
        self.seen: dict[Context, np.ndarray] = {}

    def add(self, context: Context, symbol: int, times: int = 1) -> None:
        """Count a symbol in a context."""
        for length in self.levels:
            if (row := self.seen.get(context[:length])) is None:
                row = self.seen[context[:length]] = np.zeros(self.size)
            row[symbol] += times

    def chances(self, context: Context) -> np.ndarray:
        """The probability of each symbol, shape (size,)."""
        found = np.full(self.size, 1 / self.size)
        for length in self.levels:
            if (row := self.seen.get(context[:length])) is not None:
                kinds = np.count_nonzero(row)
                found = (row + kinds * found) / (row.sum() + kinds)
        return found


class MarkovVoices:
    """Each voice's symbols alone (order 0), after the one before (1), or told the melody too (2).

    Args:
        chorales: what is counted.
        order: 0, 1 or 2; what order 2 is told is the soprano's pitch, whether it is struck, the
            mode, and whether a phrase ends.

    Raises:
        ValueError: if ``order`` is none of them.
    """

    def __init__(self, chorales: Sequence[Chorale], order: int):
        if order not in range(len(LEVELS)):
            raise ValueError(f"The order is {order}: choose 0, 1 or 2.")
        self.counts = PrefixCounts(SPAN, LEVELS[order])
        for chorale in chorales:
            for context, symbol in self._cells(chorale):
                self.counts.add(context, symbol)

    def nll(self, chorale: Chorale) -> np.ndarray:
        """nats of each cell, shape (4, T)."""
        nats = [-np.log(self.counts.chances(c)[symbol]) for c, symbol in self._cells(chorale)]
        return np.reshape(nats, (len(VOICES), -1))

    @staticmethod
    def _cells(chorale: Chorale) -> list[tuple[Context, int]]:
        """Contexts, see `LEVELS`, and symbols, voice by voice; before the first is a rest."""
        shift = (chorale.tonic + 6) % 12 - 6
        pitches = chorale.pitches.astype(int)
        symbols = np.where(pitches > 0, pitches - shift - LOWEST, 0)
        before = np.pad(symbols[:, :-1], ((0, 0), (1, 0)))
        told = (chorale.onsets[0], symbols[0], np.full(chorale.num_steps, chorale.minor),
                chorale.fermatas)  # fmt: skip
        cells = []
        for voice in range(len(VOICES)):
            columns = np.stack([chorale.places % STEPS_A_BEAT, before[voice], *told], axis=1)
            rows = columns.astype(int).tolist()
            cells += [((voice, *row), own) for row, own in zip(rows, symbols[voice], strict=True)]
        return cells
