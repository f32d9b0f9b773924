"""What a language model makes of a text: whether a word is in its place, and sentences in order.

A weak reader, with a short memory: what it does not see may still be there. Chapter 6.1 asks the
model of novels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aigc_apps.common import texts

if TYPE_CHECKING:
    from aigc_apps.common.language import LanguageModel


@dataclass(frozen=True)
class ProseReader:
    """A language model with its tokens.

    Args:
        model: of prose.
        encode: a text as token numbers.
    """

    model: LanguageModel
    encode: Callable[[str], Sequence[int]]

    def log_p_of(self, word: str, beginnings: Sequence[Sequence[int]]) -> np.ndarray:
        """How likely a word is to come next.

        Args:
            word: with or without spaces inside.
            beginnings: token numbers of each text, of any length; the model sees their ends.

        Returns:
            log p in nats, one for each beginning.
        """
        key = list(self.encode(f" {word}"))
        room = self.model.context - len(key)
        ends = [list(beginning)[-room:] for beginning in beginnings]
        rows = np.zeros((len(ends), self.model.context), np.int32)
        for number, end in enumerate(ends):
            rows[number, : len(end) + len(key)] = [*end, *key]
        likely = self.model.log_likelihood(rows)
        spans = (slice(len(end), len(end) + len(key)) for end in ends)
        return np.array([row[span].sum() for row, span in zip(likely, spans, strict=True)])

    def order_gain(self, text: str, seed: int = 0) -> float:
        """How much better the model expects a sentence after the one that stands before it.

        Than after another sentence of the same text, drawn by lot. It is the model's own sense of
        order: little of what a reader would miss is in it.

        Returns:
            Nats a token, the mean over all sentences from the second on; 0 for fewer than three.
        """
        half = self.model.context // 2
        coded = [list(self.encode(f" {s}")) for s in texts.sentences(" ".join(text.split()))]
        if len(coded) < 3:
            return 0.0
        rng = np.random.default_rng(seed)
        pairs = []
        for place in range(1, len(coded)):
            others = [i for i in range(len(coded)) if i not in (place - 1, place)]
            pairs += [(place - 1, place), (int(rng.choice(others)), place)]
        rows = np.zeros((len(pairs), 2 * half), np.int32)
        spans = []
        for number, (before, place) in enumerate(pairs):
            first, second = coded[before][-half:], coded[place][: half - 1]
            rows[number, : len(first) + len(second)] = [*first, *second]
            spans.append((len(first), len(first) + len(second)))
        likely = self.model.log_likelihood(rows)
        each = [likely[n, a:b].mean() for n, (a, b) in enumerate(spans)]
        return float(np.mean(each[0::2]) - np.mean(each[1::2]))

    def fits(self, text: str, word: str, others: int = 10) -> bool:
        """Whether the first use of a word is in a place where the model expects it.

        It is where it finds the word, as it is written there, likelier than at nine of ten other
        places of the same text. So it matters little how well the model knows the word.

        Raises:
            ValueError: if the word does not stand in the text.
        """
        used = texts.whole_word(word).search(text)
        if used is None:
            raise ValueError(f"The word {word!r} does not stand in the text: look for another.")
        starts = [m.start() for m in texts.WORD.finditer(text) if m[0] != used[0]][1:]
        spread = np.linspace(0, max(0, len(starts) - 1), min(others, len(starts)))
        places = [used.start(), *(starts[int(place)] for place in spread)]
        here, *there = self.log_p_of(used[0], [self.encode(text[:p].rstrip()) for p in places])
        return bool(np.mean(here > np.array(there)) >= 0.9) if there else False
