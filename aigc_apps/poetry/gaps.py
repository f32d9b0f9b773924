"""An assistant for who writes: characters for one gap, of the right tone and rhyme (6.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aigc_apps.poetry.make import Poet
from aigc_apps.poetry.prosody import FORMS, PATTERNS

GAP, TRIED = "□", 200  # characters that are tried, the likeliest after what stands before


class Filling(NamedTuple):
    """A draft: the line with its gap filled, its tones (平, 仄, or 通 for either), its price.

    The price is in bits a character of all lines by the model, the later ones too.
    """

    line: str
    tones: str
    bits: float


def fill_gap(poet: Poet, lines: Sequence[str], number: int = 8) -> list[Filling]:
    """Fill the one gap (□) in one to four lines of a quatrain, the likeliest drafts first.

    Raises:
        ValueError: if the lines are no such lines, their characters are unknown, or no pattern
            of tones and rhymes leaves a character for the gap.
    """
    text, book = "".join(lines), poet.book
    form = next((f for f, n in FORMS.items() if {len(line) for line in lines} == {n}), "")
    if not form or len(lines) > 4 or text.count(GAP) != 1:
        raise ValueError(
            f"The lines are {' '.join(lines)[:60]!r}: give one to four, all of five or seven "
            f"characters, and one {GAP} in all."
        )
    known = set(poet.writer.characters)
    if unknown := [c for c in text if c != GAP and not (c in known and book.tone(c))]:
        raise ValueError(f"{unknown[0]!r} is not known to model and rhyme books: replace it.")
    gap, size = text.index(GAP), FORMS[form]

    def fits(character: str) -> bool:
        whole = text.replace(GAP, character)
        for marks in map("".join, PATTERNS[size].values()):
            ends = [i for i in range(size - 1, len(text), size) if marks[i] == "平"]
            rhymes = [book.rhyme(whole[i]) for i in ends]
            tones = zip(whole, marks, strict=False)
            if all(m in ("*", *book.tone(c)) for c, m in tones) and (
                not rhymes or frozenset.intersection(*map(frozenset, rhymes))
            ):
                return bool(book.tone(character)) and character not in text
        return False

    order = np.argsort(-poet.writer.log_probabilities(form, [text[:gap]])[0], kind="stable")
    able = [c for c in (poet.writer.characters[i] for i in order) if len(c) == 1 and fits(c)]
    if not able:
        raise ValueError(f"No tone or rhyme lets anything into {' '.join(lines)!r}: change a line.")
    wholes = [text.replace(GAP, c) for c in able[:TRIED]]
    bits, row = poet.writer.bits(form, wholes), slice(gap - gap % size, gap - gap % size + size)
    best = [(wholes[i][row], float(bits[i])) for i in np.argsort(bits)[:number]]
    return [Filling(line, book.marks(line), price) for line, price in best]
