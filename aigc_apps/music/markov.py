"""Voices without counterpoint: each one's next pitch from its last, by counting.

What a model of four voices must beat (chapter 6.3). Pitches are counted above the tonic, so
that all keys share what they teach, and by the step's place in the beat, which is when notes move.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aigc_apps.music.chorales import STEPS_A_BEAT, VOICES, Chorale

SPAN = 64  # symbols: 0 for a rest, else the pitch less LOWEST after transposing to C
LOWEST = 28


class MarkovVoices:
    """Counts of each voice's symbols, alone (order 0) or after the one before (order 1).

    Probabilities are interpolated with those of the lower order by Witten & Bell's rule (1991),
    and with the uniform distribution in the end, so that none is zero.

    Args:
        chorales: what is counted.
        order: 0 or 1.

    Raises:
        ValueError: if ``order`` is neither.
    """

    def __init__(self, chorales: Sequence[Chorale], order: int):
        if order not in (0, 1):
            raise ValueError(f"The order is {order}: choose 0 or 1.")
        self.order = order
        alone = np.zeros((len(VOICES), SPAN))
        after = np.zeros((len(VOICES), STEPS_A_BEAT, SPAN, SPAN))
        for chorale in chorales:
            symbols, before, phase = self._symbols(chorale)
            for voice in range(len(VOICES)):
                np.add.at(alone[voice], symbols[voice], 1)
                np.add.at(after[voice], (phase, before[voice], symbols[voice]), 1)
        self.unigram = _interpolated(alone, np.full(SPAN, 1 / SPAN))
        self.bigram = _interpolated(after, self.unigram[:, None, None, :])

    def nll(self, chorale: Chorale) -> np.ndarray:
        """nats of each cell, shape (4, T)."""
        symbols, before, phase = self._symbols(chorale)
        voices = np.arange(len(VOICES))[:, None]
        if self.order == 0:
            return -np.log(self.unigram[voices, symbols])
        return -np.log(self.bigram[voices, phase[None], before, symbols])

    @staticmethod
    def _symbols(chorale: Chorale) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Symbols (4, T), those of the step before (a rest at first), and places in the beat."""
        shift = (chorale.tonic + 6) % 12 - 6
        pitches = chorale.pitches.astype(int)
        symbols = np.where(pitches > 0, pitches - shift - LOWEST, 0)
        before = np.pad(symbols[:, :-1], ((0, 0), (1, 0)))
        return symbols, before, chorale.places % STEPS_A_BEAT


def _interpolated(counts: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Probabilities over the last axis: counts, mixed with those of the lower order."""
    total = counts.sum(axis=-1, keepdims=True)
    kinds = (counts > 0).sum(axis=-1, keepdims=True)
    return (counts + np.maximum(kinds, 1) * lower) / (total + np.maximum(kinds, 1))
