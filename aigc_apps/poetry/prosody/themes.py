"""What a poem on a theme speaks of: characters that keep company in a corpus (6.2).

A theme is understood by a policy that anybody can check: its Chinese characters that the corpus
knows are its keys, and so are the characters that a list gives for English words (``themes.yml``)
and, where the list has none, a dictionary (``data/english_words``). The keys that are not weak name
its things, three at most, and so do the few that the list or the dictionary sets beside each. What
goes with a key, and names nothing, is counted: the pointwise mutual information (点互信息; Church &
Hanks, 1990) of two characters is log2 p(both in a poem) / (p(one) p(other)).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from aigc_apps.common.texts import content_words
from aigc_apps.poetry.prosody.books import table_rows
from aigc_utils import data
from aigc_utils.files import read_yaml

MAX_KEYS, MAX_THINGS = 8, 3  # a quatrain names so many things of a theme


class _Words(BaseModel, extra="forbid", frozen=True):
    """What is in themes.yml: characters by what they say of a theme, and English words."""

    empty: str
    weak: str
    close: dict[str, str]
    words: dict[str, str]
    english: dict[str, str]


@functools.cache
def _words() -> _Words:
    return read_yaml(Path(__file__).with_name("themes.yml"), _Words)


@dataclass(frozen=True)
class Theme:
    """A theme as it is understood.

    Attributes:
        text: as it was asked for.
        keys: its own characters.
        things: for each thing in it the characters of which one names it, the key first.
        related: characters that keep the keys company, with the mutual information in bits.
        ignored: words of the request that say nothing to the policy.
    """

    text: str
    keys: str
    things: tuple[str, ...]
    related: dict[str, float]
    ignored: tuple[str, ...]

    @property
    def lost(self) -> tuple[str, ...]:
        """The ignored words but those of grammar."""
        plain = (word for word in self.ignored if word not in _words().empty)
        return tuple(word for word in plain if not word.isascii() or content_words(word))

    def carried_by(self, poem: str) -> bool:
        """Whether a poem names each thing in it."""
        return all(not set(poem).isdisjoint(thing) for thing in self.things)


class Companions:
    """Which characters stand in the same poems.

    Args:
        poems: each a string of characters; anything that is no letter is passed over.
    """

    def __init__(self, poems: Sequence[str]):
        from scipy.sparse import csr_array

        # All at once: the distinct pairs of poem and character, as numbers.
        codes = np.frombuffer("".join(poems).encode("utf-32-le"), np.uint32).astype(np.int64)
        of_poem = np.repeat(np.arange(len(poems)), [len(poem) for poem in poems])
        pairs = np.unique(of_poem * 2**21 + codes)
        known, columns = np.unique(pairs % 2**21, return_inverse=True)
        letters = np.array([chr(code).isalpha() for code in known])
        kept = letters[columns]
        self.characters = [chr(code) for code in known[letters]]
        self._id = {c: i for i, c in enumerate(self.characters)}
        places = (pairs[kept] >> 21, (np.cumsum(letters) - 1)[columns[kept]])
        shape = (len(poems), len(self.characters))
        ones = np.ones(len(places[0]), np.float32)
        self._has = csr_array((ones, places), shape=shape).tocsc()
        self.counts = np.asarray(self._has.sum(axis=0)).ravel()

    def __contains__(self, character: str) -> bool:
        return character in self._id

    def poems_with(self, character: str) -> int:
        """In how many poems a character stands."""
        return int(self.counts[self._id[character]]) if character in self else 0

    def information(self, key: str, least: int = 8) -> tuple[np.ndarray, np.ndarray]:
        """The mutual information of each character with a key.

        Args:
            key: a character of the corpus.
            least: pairs seen in fewer poems count as unrelated; chance makes them look related.

        Returns:
            Bits, and in how many poems both stand, each of shape (len(characters),); bits are
            0 for the unrelated and for the key.
        """
        column = self._has[:, [self._id[key]]]
        both = np.asarray((self._has.T @ column).todense()).ravel()
        expected = self.counts * self.counts[self._id[key]] / self._has.shape[0]
        bits = np.where(both >= least, np.log2(np.maximum(both, 1) / np.maximum(expected, 1e-9)), 0)
        bits[self._id[key]] = 0
        return np.maximum(bits, 0), both

    def coherence(self, lines: Sequence[str]) -> float:
        """How much the lines of a poem speak of the same things.

        Args:
            lines: of one poem.

        Returns:
            Bits: the mean of log2 (poems with both + 1) / (poems expected by chance + 1) over
            pairs of characters from different lines, both among the thousand most used.
        """
        places, table = self._table
        rows = [[places[c] for c in line if c in places] for line in lines]
        pairs = [
            table[a, b]
            for i, line in enumerate(rows)
            for other in rows[i + 1 :]
            for a in line
            for b in other
            if a != b
        ]
        return float(np.mean(pairs)) if pairs else 0.0

    @functools.cached_property
    def _table(self) -> tuple[dict[str, int], np.ndarray]:
        """The thousand most used characters, and the bits of each pair of them."""
        top = np.argsort(-self.counts, kind="stable")[:1000]
        has = self._has[:, top]
        both = np.asarray((has.T @ has).todense())
        expected = np.outer(self.counts[top], self.counts[top]) / self._has.shape[0]
        places = {self.characters[i]: n for n, i in enumerate(top)}
        return places, np.log2((both + 1) / (expected + 1))

    def related(self, keys: str, number: int = 30, least_bits: float = 0.7) -> dict[str, float]:
        """The characters that go with any of the keys most, and their information in bits.

        Mutual information alone prefers the rare, so they are ranked by bits times poems with
        both, each character's share in what the key tells of all the poems.
        """
        bits, weight = np.zeros((2, len(self.characters)))
        for key in keys:
            its_bits, both = self.information(key)
            weight = np.maximum(weight, np.where(its_bits >= least_bits, its_bits * both, 0))
            bits = np.maximum(bits, its_bits)
        for key in keys:
            weight[self._id[key]] = 0
        order = np.argsort(-weight, kind="stable")[:number]
        return {self.characters[i]: float(bits[i]) for i in order if weight[i] > 0}


def english_words() -> dict[str, list[str]]:
    """By English word groups of characters; a poem that has one of each group names it.

    Raises:
        ValueError, FileNotFoundError: if the table is damaged or missing.
    """
    table = (data.verified("english_words") / "words.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines())
    return {word: groups for word, *groups in rows} | {w: [c] for w, c in _words().english.items()}


def _singular(word: str) -> list[str]:
    """A word, and what it may be the plural of."""
    ends = {"s$": "", "(s|x|z|o|ch|sh)es$": r"\1", "ies$": "y", "ves$": "f", "[v]es$": "fe"}
    return [word, *(re.sub(end, one, word) for end, one in ends.items())]


def understand(text: str, companions: Companions, least: int = 20) -> Theme:
    """A theme in Chinese or English, by the policy of this module.

    Args:
        text: such as ``"秋夜思乡"`` or ``"autumn moon over a river"``.
        companions: of the corpus.
        least: a character in fewer poems than this is no key.

    Raises:
        ValueError: if nothing of it is understood.
    """
    new = {old: simple for simple, main, _ in table_rows("traditional.tsv") for old in main}
    english, empty = english_words(), _words().empty
    keys: dict[str, str] = {}  # each with all that name the same
    ignored, plain_text = [], text.lower()
    for word, named_by in _words().words.items():
        plain_text = plain_text.replace(word, named_by)
    for word in re.findall(r"[a-z]+|[^\W\d_a-z]", plain_text):
        groups = [[word if word in companions else new.get(word, word)]]
        if word.isascii():
            groups = next((english[form] for form in _singular(word) if form in english), [])
        known = [
            [c for c in group if c not in empty and companions.poems_with(c) >= least]
            for group in groups
        ]
        if known and all(known):
            keys |= {g[0]: "".join(g) for g in known if g[0] not in keys}
        else:
            ignored.append(word)
    if not keys:
        raise ValueError(
            f"Nothing in the theme {text!r} is known to the poems: give Chinese characters such as "
            "秋、月、江、别, or English words such as autumn, moon, river, farewell."
        )
    kept = "".join(list(keys)[:MAX_KEYS])
    strong = [key for key in kept if key not in _words().weak] or kept
    # The rarest tell most.
    rarest = sorted(strong, key=companions.poems_with)[:MAX_THINGS]
    things = [
        "".join(dict.fromkeys(keys[key] + _words().close.get(key, "")))
        for key in strong
        if key in rarest
    ]
    related = companions.related(kept)
    return Theme(text, kept, tuple(things), related, (*ignored, *list(keys)[MAX_KEYS:]))
