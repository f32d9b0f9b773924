"""The forms of the quatrain, and what may come next in one: masks for a generator (6.2).

A regulated quatrain (绝句) has four lines of five or seven characters. Its tones follow one of
four patterns, written as textbooks write them, with ``*`` where either tone will do. The
freedom of the first, third and fifth place (一三五不论) is given only where it is safe: no line
ends in three level tones (三平尾), and no level tone stands alone before the rhyme (孤平).
Lines 2 and 4 rhyme in the level tone; line 1 rhymes with them or ends oblique.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from aigc_apps.poetry.prosody.books import LEVEL, LEVEL_GROUPS, OBLIQUE, RhymeBook, agreed
from aigc_utils.files import read_yaml


class _Forms(BaseModel, extra="forbid", frozen=True):
    """What is in forms.yml: lengths of lines, kinds of line by length, and which follows which."""

    forms: dict[str, int]
    lines: dict[int, dict[str, str]]
    patterns: dict[str, tuple[str, str, str, str]]


_READ = read_yaml(Path(__file__).with_name("forms.yml"), _Forms)
FORMS = _READ.forms
NUM_LINES = 4
PATTERNS: dict[int, dict[str, tuple[str, ...]]] = {
    length: {name: tuple(kinds[k] for k in order) for name, order in _READ.patterns.items()}
    for length, kinds in _READ.lines.items()
}


def fits(line: str, pattern: str, book: RhymeBook) -> bool:
    """Whether each character of a line can have the tone that a pattern asks for."""
    return len(line) == len(pattern) and all(
        mark == "*" or mark in book.tone(c) for c, mark in zip(line, pattern, strict=True)
    )


class QuatrainMask:
    """Which characters may come next, so that a quatrain ends in the form whatever is drawn.

    All patterns that the characters so far allow stay open: the mask is their union, and a
    choice is made only where a character decides it. No character comes again in a poem, unless
    it is doubled at once (悠悠).

    Args:
        characters: the vocabulary, one character an entry; anything longer is never allowed.
        form: one of `FORMS`.
        book: what tones and rhymes are judged by.
        heads: the first characters of the lines (藏头), up to four; empty for no wish.
        taken: lines that may not be written again, such as those of the corpus.
        pattern: the name of one pattern of `PATTERNS`, to allow no other.
        min_rhymes: a rhyme group with fewer characters of the vocabulary is not opened.

    Raises:
        ValueError: if the form or pattern is unknown, or no pattern can begin its lines so.
    """

    def __init__(
        self,
        characters: Sequence[str],
        form: str,
        *,
        book: RhymeBook | None = None,
        heads: str = "",
        taken: Iterable[str] = (),
        pattern: str | None = None,
        min_rhymes: int = 20,
    ):
        if form not in FORMS:
            raise ValueError(f"There is no form {form!r}: choose one of {', '.join(FORMS)}.")
        self.form, self.length, self.heads = form, FORMS[form], heads
        self.characters = list(characters)
        self.book = book = book or agreed()
        self._id = {c: i for i, c in enumerate(self.characters)}
        self._can = {
            mark: np.array([len(c) == 1 and mark in book.tone(c) for c in self.characters])
            for mark in (LEVEL, OBLIQUE)
        }
        self._can["*"] = self._can[LEVEL] | self._can[OBLIQUE]
        groups = {g: np.zeros(len(self.characters), bool) for g in LEVEL_GROUPS}
        for number, character in enumerate(self.characters):
            for group in book.rhyme(character):
                groups[group][number] = True
        self._groups = {g: m for g, m in groups.items() if m.sum() >= min_rhymes}
        self._taken: dict[str, set[str]] = defaultdict(set)
        for line in taken:
            if len(line) == self.length:
                self._taken[line[:-1]].add(line[-1])
        self.patterns = self._patterns(pattern)
        self._head_ids = [self._head_id(c) for c in heads]
        self._open = functools.lru_cache(maxsize=4096)(self._open_patterns)

    def _patterns(self, name: str | None) -> dict[str, str]:
        known = PATTERNS[self.length]
        if name is not None and name not in known:
            raise ValueError(f"There is no pattern {name!r}: choose one of {', '.join(known)}.")
        joined = {n: "".join(lines) for n, lines in known.items() if name in (None, n)}
        able = {
            n: marks
            for n, marks in joined.items()
            if all(
                marks[i * self.length] == "*" or marks[i * self.length] in self.book.tone(c)
                for i, c in enumerate(self.heads)
            )
        }
        if not able:
            raise ValueError(
                f"No pattern of the {self.form} begins its lines with {'、'.join(self.heads)} "
                "in these tones: choose other first characters."
            )
        return able

    def _head_id(self, character: str) -> int:
        if character not in self._id or not self._can["*"][self._id[character]]:
            raise ValueError(
                f"The first character {character!r} is not one that the model and both rhyme "
                "books know: choose another."
            )
        return self._id[character]

    @property
    def size(self) -> int:
        """The number of characters of the form: 20 or 28."""
        return NUM_LINES * self.length

    def _open_patterns(self, prefix: str) -> tuple[str, ...]:
        """The patterns that the characters so far allow, as strings of marks."""
        return tuple(
            marks
            for marks in self.patterns.values()
            if all(m == "*" or m in self.book.tone(c) for c, m in zip(prefix, marks, strict=False))
        )

    def allowed(self, prefix: str) -> np.ndarray:
        """What may follow the characters so far, without line ends.

        Args:
            prefix: 0 to ``size - 1`` characters, each of which was allowed when it came.

        Returns:
            bool, shape (len(characters),); never all False for a prefix made by the mask
            with a vocabulary of some hundred characters.
        """
        place = len(prefix) % self.length
        line = len(prefix) // self.length
        if place == 0 and line < len(self._head_ids):
            only = np.zeros(len(self.characters), bool)
            only[self._head_ids[line]] = True
            return only
        mask = np.zeros(len(self.characters), bool)
        for marks in self._open(prefix):
            mark = marks[len(prefix)]
            if place < self.length - 1:
                mask |= self._can[mark]
            elif mark == LEVEL:
                mask |= self._rhyming(prefix, marks)
            else:
                mask |= self._can[mark]
        self._forbid(mask, prefix, place)
        return mask

    def _rhyme_ends(self, prefix: str, marks: str) -> str:
        """The rhyme characters so far, under one pattern."""
        ends = range(self.length - 1, len(prefix), self.length)
        return "".join(prefix[i] for i in ends if marks[i] == LEVEL)

    def _rhyming(self, prefix: str, marks: str) -> np.ndarray:
        """The characters that rhyme with the line ends so far, under one pattern."""
        groups = set(self._groups)
        for end in self._rhyme_ends(prefix, marks):
            groups &= self.book.rhyme(end)
        mask = np.zeros(len(self.characters), bool)
        for group in groups:
            mask |= self._groups[group]
        return mask & self._can[LEVEL]

    def _forbid(self, mask: np.ndarray, prefix: str, place: int) -> None:
        """Take out, in place, what would repeat: characters, and lines of others."""
        last = place == self.length - 1
        gone = set(prefix)
        if 0 < place < self.length - 1 and prefix[-1] not in prefix[:-1]:
            gone.discard(prefix[-1])
        # The first characters that were asked for come once, where they were asked for.
        gone |= set(self.heads[len(prefix) // self.length + 1 :])
        if last:
            gone |= self._taken.get(prefix[len(prefix) - place :], set())
        for character in gone:
            if character in self._id:
                mask[self._id[character]] = False


class NamingMask:
    """A mask behind which each quatrain names the things of its theme.

    Each thing must come, by one of its characters, while there is a line left for each that is
    missing: then nothing else is allowed, as soon as the form takes one, and each line has places
    of either tone before its end. Before that it comes in a line that has none, from a place on
    that the quatrain's first character tells, so that not all drafts name it at one.

    Args:
        mask: what may come next.
        things: for each of up to three things the characters of which one names it.

    Raises:
        ValueError: if the vocabulary or the rhyme books have no character of any of them.
    """

    def __init__(self, mask: QuatrainMask, things: Sequence[str]):
        self.mask, ids = mask, mask._id
        able = [[ids[c] for c in t if c in ids and mask._can["*"][ids[c]]] for t in things]
        self._ids = [its for its in able if its]
        self._things = [{mask.characters[i] for i in ids} for ids in self._ids]
        if not self._ids:
            unknown = "、".join("".join(things))
            raise ValueError(f"Model and rhyme books know no {unknown}: choose another theme.")

    def allowed(self, prefix: str) -> np.ndarray:
        """See `QuatrainMask.allowed`."""
        may, length = self.mask.allowed(prefix), self.mask.length
        here = prefix + self.mask.heads
        missing = [i for i, thing in enumerate(self._things) if thing.isdisjoint(here)]
        if not missing or not prefix:
            return may
        line = len(prefix) // length
        if len(missing) < NUM_LINES - line:  # a later line can name each
            start = length + ord(prefix[0]) % (2 * length + 1)
            row = prefix[line * length :]
            if len(prefix) < start or any(not t.isdisjoint(row) for t in self._things):
                return may
        only = np.zeros_like(may)
        for i in missing:
            only[self._ids[i]] = may[self._ids[i]]
        return only if only.any() else may


def names_of(quatrain: Sequence[str], book: RhymeBook | None = None) -> list[str]:
    """The patterns of `PATTERNS` that four lines fit, by tones alone.

    Args:
        quatrain: four lines of five or seven characters.
        book: what tones are judged by.
    """
    book = book or agreed()
    known = PATTERNS.get(len(quatrain[0]), {})
    return [
        name
        for name, lines in known.items()
        if all(fits(line, p, book) for line, p in zip(quatrain, lines, strict=True))
    ]
