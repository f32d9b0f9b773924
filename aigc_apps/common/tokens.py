"""Text as numbers (分词): by characters, by lines of verse, or by pieces of words.

A model reads token numbers. Here are three ways to make them, each of which gives back exactly
the text that it was given. Token 0, `END`, ends a text in all of them. The stories of chapter 6.1
are read in pieces of words, the poems of chapter 6.2 in lines of verse.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from aigc_apps.common.rows import END
from aigc_utils.files import atomic_path


class CharacterTokenizer:
    """One token for each character.

    Args:
        characters: all that there are, each once; the first is token 1.

    Raises:
        ValueError: if a character is there twice.
    """

    def __init__(self, characters: str):
        _check_different(characters)
        self.characters = characters
        self._numbers = {c: i for i, c in enumerate(characters, start=1)}

    @classmethod
    def train(cls, texts: Iterable[str]) -> CharacterTokenizer:
        """Learn the characters of these texts, frequent ones first."""
        return cls(_by_frequency(texts))

    @property
    def vocab_size(self) -> int:
        """How many tokens there are, `END` included."""
        return 1 + len(self.characters)

    def encode(self, text: str) -> list[int]:
        """The text's tokens, without `END`.

        Raises:
            ValueError: if a character is unknown.
        """
        return _encode(text, self._numbers)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of these tokens, up to the first `END`.

        Raises:
            ValueError: if a number is no token.
        """
        tokens = _up_to_end(tokens, self.vocab_size)
        return "".join(self.characters[token - 1] for token in tokens)

    def to_json(self) -> dict:
        """What `tokenizer_from_json` takes."""
        return {"kind": "characters", "characters": self.characters}


class Form(NamedTuple):
    """A form of verse: its name, the characters in each line, and how many lines it has."""

    name: str
    line_length: int
    num_lines: int


class VerseTokenizer:
    """Poems as form, characters and `END`: where a line ends follows from the form.

    Tokens 1 to ``len(forms)`` are the forms, in their order; then come the characters. A poem is
    text whose lines end with line ends.

    Args:
        forms: no two with lines of one length and number.
        characters: all that there are, each once.

    Raises:
        ValueError: if a character or a form is there twice.
    """

    def __init__(self, forms: Sequence[Form], characters: str):
        _check_different(characters)
        _check_different([form[1:] for form in forms])
        self.forms, self.characters = [Form(*form) for form in forms], characters
        self._numbers = {c: i for i, c in enumerate(characters, start=1 + len(self.forms))}

    @classmethod
    def train(cls, forms: Sequence[Form], texts: Iterable[str]) -> VerseTokenizer:
        """Learn the characters of these poems, frequent ones first."""
        return cls(forms, _by_frequency(text.replace("\n", "") for text in texts))

    @property
    def vocab_size(self) -> int:
        """How many tokens there are, `END` and the forms included."""
        return 1 + len(self.forms) + len(self.characters)

    @property
    def line_lengths(self) -> list[int]:
        """For each form, as `aigc_apps.common.language.LanguageModel` takes them."""
        return [form.line_length for form in self.forms]

    def form_token(self, name: str) -> int:
        """The token of a form.

        Raises:
            ValueError: if there is none of that name.
        """
        names = [form.name for form in self.forms]
        if name not in names:
            raise ValueError(f"There is no form {name!r}: choose one of: {', '.join(names)}.")
        return 1 + names.index(name)

    def token(self, character: str) -> int | None:
        """The token of a character, or None if it is unknown."""
        return self._numbers.get(character)

    def encode(self, text: str) -> list[int]:
        """A poem's tokens: its form, its characters, without `END`.

        Raises:
            ValueError: if it is in none of the forms, or a character is unknown.
        """
        lines = text.removesuffix("\n").split("\n")
        lengths = {len(line) for line in lines}
        for number, form in enumerate(self.forms, start=1):
            if lengths == {form.line_length} and len(lines) == form.num_lines:
                return [number, *_encode("".join(lines), self._numbers)]
        known = ", ".join(f"{f.name} ({f.num_lines} lines of {f.line_length})" for f in self.forms)
        raise ValueError(
            f"The poem has {len(lines)} line(s) of {sorted(lengths)} characters, a form that is "
            f"not known: choose one of: {known}."
        )

    def decode(self, tokens: Sequence[int]) -> str:
        """The poem of these tokens, up to the first `END`; a last line may be unfinished.

        Raises:
            ValueError: if it does not begin with a form, or a number is no character.
        """
        tokens = _up_to_end(tokens, self.vocab_size)
        first = 1 + len(self.forms)
        if not tokens:
            return ""
        if tokens[0] >= first or min(tokens[1:], default=first) < first:
            raise ValueError(f"The tokens {tokens[:8]}... are no poem: one form, then characters.")
        length = self.forms[tokens[0] - 1].line_length
        text = "".join(self.characters[token - first] for token in tokens[1:])
        lines = [text[i : i + length] for i in range(0, len(text), length)]
        return "".join(line + "\n" if len(line) == length else line for line in lines)

    def to_json(self) -> dict:
        """What `tokenizer_from_json` takes."""
        return {
            "kind": "verse",
            "forms": list(map(list, self.forms)),
            "characters": self.characters,
        }


# A word with the space before it; else signs; else white space, but for the last before a word.
PIECES = re.compile(r"\s?\w+|\s?[^\w\s]+|\s+(?!\S)|\s+")


class BytePairTokenizer:
    """Byte-pair encoding (Sennrich et al., "Neural Machine Translation of Rare Words", 2016).

    A text is cut into words, a word into bytes; then the most frequent pair of neighbours is made
    one token, again and again. Tokens 1 to 256 are the bytes (Radford et al., 2019), so that any
    text can be encoded.

    Args:
        merges: pairs of tokens in the order in which they were joined; the first makes token 257.
    """

    def __init__(self, merges: Sequence[Sequence[int]]):
        self.merges = [tuple(pair) for pair in merges]
        self._ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self.pieces = [b"", *(bytes([b]) for b in range(256))]  # of each token
        for left, right in self.merges:
            self.pieces.append(self.pieces[left] + self.pieces[right])
        self._known: dict[str, list[int]] = {}

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int) -> BytePairTokenizer:
        """Learn which pairs to join.

        Args:
            texts: to count pairs in.
            vocab_size: how many tokens there may be, 257 at least; fewer if nothing is left to
                be joined.

        Raises:
            ValueError: if ``vocab_size`` is too small.
        """
        if vocab_size < 257:
            raise ValueError(f"The vocab_size is {vocab_size}: give at least 257, END and bytes.")
        counts = Counter(piece for text in texts for piece in PIECES.findall(text))
        words = [[byte + 1 for byte in word.encode()] for word in counts]
        times = list(counts.values())
        pairs: Counter = Counter()
        places = defaultdict(set)  # of each pair: the words that have it
        for number, word in enumerate(words):
            for pair in pairwise(word):
                pairs[pair] += times[number]
                places[pair].add(number)
        merges = []
        while len(merges) < vocab_size - 257 and pairs:
            best = max(pairs, key=lambda pair: (pairs[pair], pair))
            if pairs[best] < 2:
                break
            merges.append(best)
            for number in places.pop(best):
                word = words[number]
                for pair in pairwise(word):
                    pairs[pair] -= times[number]
                words[number] = word = join_pair(word, best, 256 + len(merges))
                for pair in pairwise(word):
                    pairs[pair] += times[number]
                    places[pair].add(number)
            del pairs[best]
        return cls(merges)

    @property
    def vocab_size(self) -> int:
        """How many tokens there are, `END` included."""
        return len(self.pieces)

    def encode(self, text: str) -> list[int]:
        """The text's tokens, without `END`."""
        return [token for piece in PIECES.findall(text) for token in self._encode_piece(piece)]

    def _encode_piece(self, piece: str) -> list[int]:
        if piece not in self._known:
            word = [byte + 1 for byte in piece.encode()]
            while len(word) > 1:
                pair = min(
                    pairwise(word),
                    key=lambda pair: self._ranks.get(pair, len(self.merges)),
                )
                if pair not in self._ranks:
                    break
                word = join_pair(word, pair, 257 + self._ranks[pair])
            self._known[piece] = word
        return self._known[piece]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of these tokens, up to the first `END`.

        Bytes that are no text, as a model may draw them, become the sign for that (U+FFFD).

        Raises:
            ValueError: if a number is no token.
        """
        tokens = _up_to_end(tokens, self.vocab_size)
        return b"".join(self.pieces[token] for token in tokens).decode("utf-8", errors="replace")

    def to_json(self) -> dict:
        """What `tokenizer_from_json` takes."""
        return {"kind": "byte_pairs", "merges": list(map(list, self.merges))}


Tokenizer = CharacterTokenizer | VerseTokenizer | BytePairTokenizer


def join_pair(word: Sequence[int], pair: tuple[int, int], new: int) -> list[int]:
    """The word with each such pair of neighbours, from the left, made one token."""
    joined, place = [], 0
    while place < len(word):
        if tuple(word[place : place + 2]) == pair:
            joined.append(new)
            place += 2
        else:
            joined.append(word[place])
            place += 1
    return joined


def tokenizer_from_json(note: dict) -> Tokenizer:
    """The tokenizer that made this note by its ``to_json``.

    Raises:
        ValueError: if it is no such note.
    """
    try:
        if note["kind"] == "characters":
            return CharacterTokenizer(note["characters"])
        if note["kind"] == "verse":
            return VerseTokenizer([Form(*form) for form in note["forms"]], note["characters"])
        if note["kind"] == "byte_pairs":
            return BytePairTokenizer(note["merges"])
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"This describes no tokenizer ({error!r}): restore the file.") from error
    raise ValueError(f"There is no tokenizer of kind {note['kind']!r}: restore the file.")


def save_tokenizer(tokenizer: Tokenizer, path: str | os.PathLike) -> None:
    """Write a tokenizer to a JSON file."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(tokenizer.to_json(), ensure_ascii=False), encoding="utf-8")


def read_tokenizer(path: str | os.PathLike) -> Tokenizer:
    """Read a tokenizer that `save_tokenizer` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged.
    """
    try:
        note = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"The tokenizer {path} is damaged: restore it with git.") from error
    return tokenizer_from_json(note)


def _by_frequency(texts: Iterable[str]) -> str:
    counts = Counter(character for text in texts for character in text)
    return "".join(sorted(counts, key=lambda c: (-counts[c], c)))


def _check_different(things: Sequence) -> None:
    twice = [thing for thing, count in Counter(things).items() if count > 1]
    if twice:
        raise ValueError(f"{twice[0]!r} is there twice: give each once.")


def _encode(text: str, numbers: dict[str, int]) -> list[int]:
    unknown = [c for c in text if c not in numbers]
    if unknown:
        raise ValueError(
            f"The character {unknown[0]!r} is not among the {len(numbers)} that are known: "
            "leave it out."
        )
    return [numbers[c] for c in text]


def _up_to_end(tokens: Sequence[int], vocab_size: int) -> list[int]:
    found = [int(token) for token in tokens]
    if found and not 0 <= min(found) <= max(found) < vocab_size:
        raise ValueError(
            f"The tokens run from {min(found)} to {max(found)}, but there are only 0 to "
            f"{vocab_size - 1}: decode with the tokenizer that encoded."
        )
    return found[: found.index(END)] if END in found else found
