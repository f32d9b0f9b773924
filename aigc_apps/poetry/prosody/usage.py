"""Which of its two tones a character has in verse, learnt from verse (6.2).

One character in seven of the poems has two readings in the books: 看 is level or oblique as
the poet likes, but 中 is level where it means "middle", which is nearly always. The books do
not say how often. The poems do: where a pattern asks for a tone, the character shows its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from aigc_apps.poetry.prosody.books import OBLIQUE, RhymeBook
from aigc_apps.poetry.prosody.forms import PATTERNS, names_of


def shown_tones(quatrains: Iterable[Sequence[str]], book: RhymeBook) -> dict[str, Counter[str]]:
    """How often each character stands where a level and where an oblique tone is asked for.

    Args:
        quatrains: four lines each; those that fit no pattern, or several, are passed over.
        book: what tones are judged by.
    """
    shown: dict[str, Counter[str]] = {}
    for lines in quatrains:
        names = names_of(lines, book)
        if len(names) != 1:
            continue
        patterns = PATTERNS[len(lines[0])][names[0]]
        for character, mark in zip("".join(lines), "".join(patterns), strict=True):
            if mark != "*":
                shown.setdefault(character, Counter())[mark] += 1
    return shown


def narrowed(
    book: RhymeBook,
    quatrains: Iterable[Sequence[str]],
    *,
    least: int = 10,
    share: float = 0.9,
) -> RhymeBook:
    """The book without the readings that verse hardly uses.

    Args:
        book: what tones are judged by.
        quatrains: see `shown_tones`.
        least: a character seen less often at decisive places keeps both readings.
        share: of its places that one reading must have for the other to go.
    """
    tones, rhymes = dict(book.tones), dict(book.rhymes)
    for character, counts in shown_tones(quatrains, book).items():
        if len(book.tone(character)) < 2 or counts.total() < least:
            continue
        tone, number = counts.most_common(1)[0]
        if number >= share * counts.total():
            tones[character] = frozenset(tone)
            if tone == OBLIQUE:
                rhymes.pop(character, None)
    return RhymeBook(f"{book.name}, as verse uses it", tones, rhymes)
