"""What exists already: the poems learnt from, to be led by, and not to be copied (6.2)."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Sequence

import numpy as np

from aigc_apps.poetry.prosody import FORMS, RhymeBook, agreed, narrowed
from aigc_apps.poetry.prosody.themes import Companions
from aigc_utils import data


@dataclasses.dataclass(frozen=True)
class Poem:
    """A real poem.

    Attributes:
        title, author: as in the collection.
        lines: without punctuation.
    """

    title: str
    author: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All characters, one line after another."""
        return "".join(self.lines)


class Corpus:
    """The Tang poems of the course, in their three parts.

    Args:
        train, validation, test: poems of each part.
    """

    def __init__(self, train: Sequence[Poem], validation: Sequence[Poem], test: Sequence[Poem]):
        self.train, self.validation, self.test = list(train), list(validation), list(test)

    @functools.cached_property
    def companions(self) -> Companions:
        """What goes with what, counted in the poems that were learnt from."""
        return Companions([poem.text for poem in self.train])

    @functools.cached_property
    def chosen_by(self) -> Companions:
        """The same in every other poem: of several drafts it tells the most coherent."""
        return Companions([poem.text for poem in self.train[::2]])

    @functools.cached_property
    def judged_by(self) -> Companions:
        """The same in the others: a judge that chose none."""
        return Companions([poem.text for poem in self.train[1::2]])

    @functools.cached_property
    def book(self) -> RhymeBook:
        """Readings of both rhyme books, as the quatrains use them."""
        return narrowed(agreed(), [poem.lines for form in FORMS for poem in self.quatrains(form)])

    @functools.cached_property
    def lines(self) -> dict[int, dict[str, Poem]]:
        """All lines of all three parts, by length, each with its poem."""
        found: dict[int, dict[str, Poem]] = {5: {}, 7: {}}
        for poem in (*self.train, *self.validation, *self.test):
            for line in poem.lines:
                found[len(line)].setdefault(line, poem)
        return found

    def quatrains(self, form: str, part: str = "train") -> list[Poem]:
        """The real quatrains of a form in one part."""
        poems = getattr(self, part)
        return [p for p in poems if len(p.lines) == 4 and len(p.lines[0]) == FORMS[form]]

    def poets(self, least: int = 250) -> list[str]:
        """Those with so many poems to learn from, the most productive first."""
        counts = Counter(p.author for p in self.train)
        return [name for name, number in counts.most_common() if number >= least]

    def leanings(self, poet: str, characters: Sequence[str]) -> np.ndarray:
        """log p(character | poet) / p(character), smoothed, in nats.

        Args:
            poet: an author of the collection.
            characters: of a writer.

        Raises:
            ValueError: if nothing of the poet is here.
        """
        own = Counter(c for p in self.train if p.author == poet for c in p.text)
        if not own:
            raise ValueError(f"There is nothing by {poet}: choose one of {self.poets()}.")
        every, num_own, number = self._all_counts, own.total(), self._all_counts.total()
        share = {c: every[c] / number for c in every}
        # As if ten thousand characters of everybody's were the poet's too.
        return np.array(
            [
                np.log((own[c] + 10_000 * share[c]) / (num_own + 10_000) / share[c])
                if c in share
                else 0.0
                for c in characters
            ]
        )

    @functools.cached_property
    def _all_counts(self) -> Counter[str]:
        return Counter(c for p in self.train for c in p.text)

    @functools.cached_property
    def _codes(self) -> dict[int, tuple[np.ndarray, list[str]]]:
        """The lines of each length as numbers, shape (lines, length), and as strings."""
        return {n: (_codes(list(found)), list(found)) for n, found in self.lines.items()}

    def nearest_line(self, line: str) -> tuple[str, int, Poem]:
        """The real line that takes the fewest changes to become this one.

        Args:
            line: of five or seven characters.

        Returns:
            The line, its edit distance (Levenshtein, 1966) and its poem.
        """
        codes, texts = self._codes[len(line)]
        distances = edit_distances(_codes([line])[0], codes)
        best = int(distances.argmin())
        return texts[best], int(distances[best]), self.lines[len(line)][texts[best]]


def _codes(lines: list[str]) -> np.ndarray:
    return np.array([[ord(c) for c in line] for line in lines], np.int32)


def edit_distances(line: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Levenshtein distances of one line to many, all at once.

    Args:
        line: numbers of characters, shape (n,).
        others: the same of other lines, shape (N, m).

    Returns:
        How many characters must be put in, left out or replaced, shape (N,).
    """
    width = others.shape[1]
    row = np.tile(np.arange(width + 1, dtype=np.int8)[:, None], (1, len(others)))
    columns = np.ascontiguousarray(others.T)
    for i, code in enumerate(line, 1):
        above, row = row, np.empty_like(row)
        row[0] = i
        for j in range(1, width + 1):
            replaced = above[j - 1] + (columns[j - 1] != code)
            row[j] = np.minimum(np.minimum(above[j], row[j - 1]) + 1, replaced)
    return row[width].astype(int)


@functools.cache
def load_corpus() -> Corpus:
    """The collection ``tang_poems``, verified."""
    texts = data.load_texts("tang_poems")
    parts = (texts.train, texts.validation, texts.test)
    return Corpus(*([Poem(t.title, t.author, tuple(t.text.split())) for t in p] for p in parts))
