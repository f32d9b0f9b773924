"""What may come next in prose: letters and ordinary marks, words that exist, no run twice.

A constraint for `aigc_apps.common.language.LanguageModel.generate`. The small writer of chapter
6.1 writes behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

RUN = 4  # so many tokens never follow each other twice in a text
_MARKS = " ,.;:!?'’-—"
_LAST_LETTERS = re.compile(r"[^\W\d_]+$")


@dataclass(frozen=True)
class ProseConstraint:
    """Which tokens may follow a text.

    Args:
        pieces: what each token stands for, ``""`` for the end.
        lexicon: words in lower case; where there are any, no other word is written.
    """

    pieces: tuple[str, ...]
    lexicon: frozenset[str] = frozenset()

    def going_on(self, tokens: list[int], num_kept: int) -> Callable[[np.ndarray], np.ndarray]:
        """What may follow a text of which the model reads only the end.

        Args:
            tokens: all of the text so far.
            num_kept: how many of its last tokens are read, at least 1. The first new token begins
                a word, so that the last word of the text stays as it is.

        Returns:
            A function of rows of kept and new tokens, int, shape (B, num_kept + new), that gives
            bool, shape (B, len(pieces)): never an end or what is no prose; where the lexicon
            leaves anything, what spells its words; where that leaves anything, no run twice.
        """
        before = np.array(tokens[:-num_kept], np.int32)

        def allowed(kept: np.ndarray) -> np.ndarray:
            may = np.tile(self._is_prose, (len(kept), 1))
            if kept.shape[1] == num_kept:
                may &= ~self._goes_on_a_word  # a keyword stays as it is
            elif self.lexicon:
                may &= np.stack([self._spells(self._last_word(row)) for row in kept])
            may = _where_any(may, self._is_prose)
            rows = np.concatenate([np.tile(before, (len(kept), 1)), kept], axis=1)
            if rows.shape[1] <= RUN:
                return may
            fresh = may.copy()
            runs = np.lib.stride_tricks.sliding_window_view(rows, RUN, axis=1)
            same = (runs[:, :, :-1] == rows[:, None, -RUN + 1 :]).all(axis=2)
            for row, place in zip(*np.nonzero(same), strict=True):
                fresh[row, runs[row, place, -1]] = False
            return _where_any(fresh, may)  # better a run again than a word that does not exist

        return allowed

    def _last_word(self, tokens: np.ndarray) -> str:
        """The letters at the end of a text; "" behind a sign or a space."""
        letters = ""
        for token in tokens[:-16:-1]:
            piece = self.pieces[token]
            letters = piece + letters
            if not piece.isalpha():
                break
        found = _LAST_LETTERS.search(letters)
        return found[0].lower() if found else ""

    def _spells(self, begun: str) -> np.ndarray:
        """Tokens after which a word of the lexicon is spelt, or may still be; bool (vocab,)."""
        if begun not in self._spelling:
            whole = not begun or begun in self.lexicon
            self._spelling[begun] = np.array(
                [
                    (begun + piece.lower()) in self._beginnings
                    if piece[:1].isalpha()
                    else whole and (piece[:1] != " " or piece[1:].lower() in self._beginnings)
                    for piece in self.pieces
                ]
            )
        return self._spelling[begun]

    @cached_property
    def _spelling(self) -> dict[str, np.ndarray]:
        return {}

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        """Whatever a word of the lexicon may begin with, "" and itself included."""
        return frozenset(w[:i] for w in self.lexicon for i in range(len(w) + 1))

    @cached_property
    def _goes_on_a_word(self) -> np.ndarray:
        return np.array([piece[:1].isalpha() or piece[:1] == "-" for piece in self.pieces])

    @cached_property
    def _is_prose(self) -> np.ndarray:
        """Tokens of letters, spaces and the marks of ordinary sentences; not the end."""
        return np.array(
            [bool(p) and all(c.isalpha() or c in _MARKS for c in p) for p in self.pieces]
        )


def _where_any(may: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Rows of what is allowed; where a row allows nothing, what ``otherwise`` allows."""
    return np.where(may.any(axis=1, keepdims=True), may, otherwise)
