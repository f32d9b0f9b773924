"""Books as sentences in order, to look up the passage that fits some words best (chapter 6.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aigc_apps.common import texts

SATURATION = 1.2  # k1 of BM25 (Robertson and Zaragoza, 2009): how little a word's second use adds


@dataclass(frozen=True)
class Shelf:
    """Sentences of books in order.

    Attributes:
        sentences: of all chapters, one after another, with single spaces inside.
        chapters: of each sentence, its chapter's place in ``titles``.
        titles: of each chapter, with its author.
    """

    sentences: tuple[str, ...]
    chapters: np.ndarray
    titles: tuple[str, ...]

    @cached_property
    def before(self) -> np.ndarray:
        """How many words stand before each sentence, and how many there are: one number more."""
        return np.cumsum([0, *(len(texts.words(s)) for s in self.sentences)])

    @cached_property
    def last(self) -> np.ndarray:
        """Of each sentence, the one behind the last of its chapter."""
        return np.searchsorted(self.chapters, self.chapters, side="right")

    @cached_property
    def _lower(self) -> str:
        return "\n".join(s.lower() for s in self.sentences)

    @cached_property
    def _begins(self) -> np.ndarray:
        return np.cumsum([0, *(len(s.lower()) + 1 for s in self.sentences)])

    def uses(self, word: str) -> np.ndarray:
        """How often each sentence has a word or phrase."""
        plain = " ".join(word.lower().split())
        whole = texts.whole_word(plain)
        # To look for its letters first is many times as quick.
        begins = re.finditer(re.escape(plain), self._lower)
        found = [m.start() for m in begins if whole.match(self._lower, m.start())]
        places = np.searchsorted(self._begins, found, side="right") - 1
        return np.bincount(places, minlength=len(self.sentences))

    def on(self, start: int, last: int, num_words: int, allowed: np.ndarray) -> range:
        """The sentences from one on that have at most so many words; only allowed ones."""
        stop, most = start, self.before[start] + num_words
        while stop < last and allowed[stop] and self.before[stop + 1] <= most:
            stop += 1
        return range(start, stop)

    def best(
        self,
        asked: Iterable[np.ndarray],
        fewest: int,
        most: int,
        allowed: np.ndarray,
        seed: int,
        first: np.ndarray | bool = True,
    ) -> range:
        """The whole sentences that fit best by BM25; of several such passages, one by lot.

        No sentence, if no passage is as long and allowed.

        Args:
            asked: the `uses` of each word that is asked for.
            fewest, most: words of the passage; it ends with the last sentence that has room.
            allowed: whether each sentence may be taken.
            seed: of the lot.
            first: whether a passage may begin with each sentence.
        """
        starts = np.arange(len(self.sentences))
        ends = np.searchsorted(self.before, self.before[:-1] + most, side="right") - 1
        ends = np.minimum(ends, self.last)
        barred = _running(~allowed)
        long = self.before[ends] - self.before[starts] >= fewest
        fits = first & long & (ends > starts) & (barred[ends] == barred[starts])
        if not fits.any():
            return range(0)
        score = np.where(fits, 0.0, -np.inf)
        for uses in asked:
            having, total = int((uses > 0).sum()), _running(uses)
            rare = np.log1p((len(uses) - having + 0.5) / (having + 0.5))
            often = total[ends] - total[starts]
            score += rare * often * (SATURATION + 1) / (often + SATURATION)
        start = int(np.random.default_rng(seed).choice(np.flatnonzero(score == score.max())))
        return range(start, int(ends[start]))

    def text(self, passage: range) -> str:
        """The sentences of a passage, five a paragraph."""
        lines = self.sentences[passage.start : passage.stop]
        return "\n\n".join(" ".join(lines[i : i + 5]) for i in range(0, len(lines), 5))


def _running(numbers: np.ndarray) -> np.ndarray:
    """The sum of all before each, and of all: one number more."""
    return np.concatenate([[0], np.cumsum(numbers)])
