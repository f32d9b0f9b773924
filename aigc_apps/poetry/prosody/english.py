"""Syllables and rhymes of English, for the haiku of schools: 5, 7 and 5 syllables (6.2).

Syllables are counted twice, by a pronouncing dictionary (CMUdict) and by a rule over letters
that has never seen it; a verse passes if both agree on each of its words. In Japanese one
counts morae and not syllables; the English form keeps the numbers.
"""

from __future__ import annotations

import functools
import lzma
import re
from collections.abc import Sequence
from dataclasses import dataclass

from aigc_apps.poetry.prosody.books import read_table

HAIKU = (5, 7, 5)
WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")


@functools.cache
def pronouncing() -> dict[str, tuple[tuple[str, ...], ...]]:
    """CMUdict: for each word in lower case its pronunciations, as phones with stress digits."""
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for line in lzma.decompress(read_table("cmudict.txt.xz")).decode("utf-8").splitlines():
        word, *phones = line.split(" ")
        word = word.split("(")[0]
        found[word] = (*found.get(word, ()), tuple(phones))
    return found


def dictionary_counts(word: str) -> frozenset[int]:
    """How many syllables a word can have by the dictionary; empty if it is not there."""
    ways = pronouncing().get(word.lower().replace("’", "'"), ())
    return frozenset(sum(phone[-1].isdigit() for phone in phones) for phones in ways)


# What a pattern of letters adds to the number of vowel groups, for each time that it is found.
_RULES = tuple(
    (re.compile(pattern), change)
    for pattern, change in (
        # Two vowels that are spoken apart: india, idea, lion, saying, chasm.
        (r"ia(?!n$)|io(?!n|us)|eo(?!u)|(?<=[dr])ea$|[aeiouy]ing$|[^aeiouy]sm$", 1),
        (r"[^aeiouy]n't$", 1),  # didn't
        # A mute e at the end, but not in "table"; in -ed but not "wanted"; in -es but not "boxes".
        (r"[^aeiouy](?<![^aeiouylr]l)e$|[^aeiouytd](?<![^aeiouylr]l)ed$", -1),
        (r"[^aeiouyscxzgh](?<![^aeiouylr]l)es$", -1),
        # A mute e before an ending: likely, movement, something, therefore.
        (
            r"[aeiouy][^aeiouy]{1,2}(?<![^aeiouylr]l)e(?=ly|ment|ful|less|ness|thing|times|where)",
            -1,
        ),
        (r"ere(?=fore)|every(?=.)(?<=every)", -1),
    )
)


def rule_count(word: str) -> int:
    """How many syllables a word has by its letters: groups of vowels, and `_RULES`.

    It is wrong for one word in thirty ("naked", "business"); that is why it is a second opinion
    and not the count.
    """
    letters = re.sub("[^a-z']", "", word.lower().replace("’", "'"))
    number = len(re.findall("[aeiouy]+", letters))
    number += sum(change * len(pattern.findall(letters)) for pattern, change in _RULES)
    return max(number, 1)


def rhyme_part(word: str) -> frozenset[tuple[str, ...]]:
    """The sounds from the last stressed vowel on, for each pronunciation, without digits."""
    parts = set()
    for phones in pronouncing().get(word.lower(), ()):
        stressed = [i for i, phone in enumerate(phones) if phone[-1] in "12"]
        start = stressed[-1] if stressed else 0
        parts.add(tuple(phone.rstrip("012") for phone in phones[start:]))
    return frozenset(parts)


def rhymes(one: str, other: str) -> bool:
    """Whether two different words sound alike from the last stressed vowel on."""
    return one.lower() != other.lower() and bool(rhyme_part(one) & rhyme_part(other))


def check_haiku(lines: Sequence[str]) -> list[str]:
    """What is wrong with a haiku, in words; an empty list if nothing is.

    Args:
        lines: of English words, in any case, with punctuation.
    """
    if len(lines) != len(HAIKU):
        return [f"{len(lines)} lines instead of 3"]
    found = []
    for number, (line, wanted) in enumerate(zip(lines, HAIKU, strict=True), 1):
        words = WORD.findall(line)
        unknown = [word for word in words if not dictionary_counts(word)]
        if unknown:
            found.append(f"line {number}: {unknown[0]} is not in the dictionary")
            continue
        possible = {0}
        for word in words:
            possible = {a + b for a in possible for b in dictionary_counts(word)}
        if wanted not in possible:
            found.append(f"line {number}: {min(possible)} syllables instead of {wanted}")
        by_rule = sum(rule_count(word) for word in words)
        if by_rule != wanted:
            found.append(f"line {number}: {by_rule} syllables by rule instead of {wanted}")
    return found


@dataclass(frozen=True)
class _Word:
    """A word as it is written with what follows it, its syllables, whether a clause ends."""

    text: str
    syllables: int
    ends: bool


def haiku_in(text: str) -> list[tuple[str, str, str]]:
    """All haiku that stand in a prose text: they begin and end where a clause does.

    Only words on which dictionary and rule agree, and which have one count, are used.

    Args:
        text: English prose.

    Returns:
        Three lines each, with the text's own punctuation, in the order of the text; they may
        overlap.
    """
    pieces = re.findall(r"([A-Za-z]+(?:['’][A-Za-z]+)*)([^A-Za-z]*)", text)
    words = []
    for word, after in pieces:
        counts = dictionary_counts(word)
        sure = len(counts) == 1 and rule_count(word) in counts
        # Words that a hyphen joins would be torn apart.
        plain = not re.search(r"[\d*_\[\]()]|^-$", after)
        count = next(iter(counts)) if sure and plain else 99
        words.append(
            _Word(
                word + " ".join(re.sub('["“”`_]', "", after).split()),
                count,
                bool(re.search("[.;:!?,—]", after)),
            )
        )
    starts = [0, *(i + 1 for i, word in enumerate(words) if word.ends)]
    return [lines for lines in (_haiku_at(words, start) for start in starts) if lines]


def _haiku_at(words: Sequence[_Word], start: int) -> tuple[str, str, str] | None:
    lines, here = [], start
    for wanted in HAIKU:
        taken, count = [], 0
        while here < len(words) and count < wanted:
            count += words[here].syllables
            taken.append(words[here].text)
            here += 1
        if count != wanted:
            return None
        lines.append(" ".join(taken))
    return (lines[0], lines[1], lines[2]) if words[here - 1].ends else None
