"""Tones and rhymes of characters, out of two rhyme books (chapter 6.2).

Chinese of the Tang had four tones: level (平), rising (上), departing (去) and entering (入, with a
final stop). Verse knows two: level, and oblique (仄) for the other three. Mandarin has lost the
entering tone, so no modern pronunciation can stand in for the books. Two are here:

- ``pingshui``: the 106 groups of the Pingshui rhymes (平水韵, about 1225), by which regulated verse
  has been written and judged ever since;
- ``guangyun``: the syllables of the Guangyun (广韵, 1008), which goes back to the Qieyun of 601.
  Its level rhymes are put together here as the Pingshui puts them together.

Sources and licences are in ``data/prosody``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aigc_utils import data
from aigc_utils.files import read_yaml

LEVEL, OBLIQUE = "平", "仄"
BOOKS = ("pingshui", "guangyun")

# The Guangyun's level rhymes in each of the Pingshui's thirty level groups.
_MERGED = read_yaml(Path(__file__).with_name("rhymes.yml"), dict[str, str])
LEVEL_GROUPS = tuple(_MERGED)
_GROUP_OF = {rhyme: group for group, rhymes in _MERGED.items() for rhyme in rhymes}


@dataclass(frozen=True)
class RhymeBook:
    """What a book says of characters, traditional and simplified.

    Attributes:
        name: such as ``"pingshui"``.
        tones: by character, a subset of {平, 仄}; both for a character with two readings.
        rhymes: by character, the level groups that it rhymes in, named as in `LEVEL_GROUPS`.
    """

    name: str
    tones: dict[str, frozenset[str]]
    rhymes: dict[str, frozenset[str]]

    def tone(self, character: str) -> frozenset[str]:
        """The tones of a character; empty if the book does not have it."""
        return self.tones.get(character, frozenset())

    def rhyme(self, character: str) -> frozenset[str]:
        """The level groups of a character; empty for an oblique or unknown one."""
        return self.rhymes.get(character, frozenset())

    def marks(self, line: str) -> str:
        """A line's tones: 平, 仄, 通 for either, ？ for a character that is not in the book."""
        names = {frozenset(): "？", frozenset((LEVEL, OBLIQUE)): "通"}
        return "".join(names.get(self.tone(c)) or next(iter(self.tone(c))) for c in line)


@functools.cache
def load_book(name: str) -> RhymeBook:
    """A rhyme book, after checking its file against its checksum.

    Args:
        name: one of `BOOKS`.

    Raises:
        ValueError: if there is no such book, or the file has changed.
    """
    if name not in BOOKS:
        raise ValueError(f"There is no rhyme book {name!r}: choose one of {', '.join(BOOKS)}.")
    readings: dict[str, set[tuple[str, str]]] = {}  # tone and, if it is level, group
    for tone, rhyme, characters in table_rows(f"{name}.tsv"):
        reading = (OBLIQUE, "")
        if tone == LEVEL:
            # Two odd characters have a level tone in a rhyme without one: they rhyme with none.
            reading = (LEVEL, rhyme if name == "pingshui" else _GROUP_OF.get(rhyme, ""))
        for character in characters:
            readings.setdefault(character, set()).add(reading)
    readings = _with_other_shapes(readings)
    return RhymeBook(
        name,
        {c: frozenset(tone for tone, _ in its) for c, its in readings.items()},
        {c: frozenset(g for _, g in its if g) for c, its in readings.items()},
    )


@functools.cache
def agreed() -> RhymeBook:
    """The readings that both share; the Guangyun's of what the Pingshui table lacks, such as 溪."""
    wide, other = load_book("guangyun"), load_book("pingshui")
    both = {c: wide.tone(c) & (other.tone(c) or wide.tone(c)) for c in wide.tones}
    rhymes = {c: wide.rhyme(c) & (other if other.tone(c) else wide).rhyme(c) for c in wide.tones}
    return RhymeBook("agreed", both, rhymes)


def _with_other_shapes(table: dict[str, set]) -> dict[str, set]:
    """The table with simplified characters and other shapes, which take over the readings."""
    full = {c: set(r) for c, r in table.items()}
    for simplified, stands_for, shapes in table_rows("traditional.tsv"):
        # A short form such as 听 may be an old character of another sound: what it stands for
        # comes first.
        for candidates in (stands_for, simplified, shapes):
            if readings := set().union(*(table.get(c, set()) for c in candidates)):
                full[simplified] = readings
                break
    for character, shapes in table_rows("variants.tsv"):
        for shape in shapes if not full.get(character) else "":
            full[character] = full.get(character) or full.get(shape, set())
    return {c: readings for c, readings in full.items() if readings}


def table_rows(name: str) -> Iterable[list[str]]:
    """The rows of one of the tables in ``data/prosody``, each a list of its cells."""
    text = read_table(name).decode("utf-8")
    return (line.split("\t") for line in text.splitlines())


def read_table(name: str) -> bytes:
    """The bytes of one of the tables in ``data/prosody``.

    Raises:
        ValueError: if they differ from their checksum, or their card is damaged.
        FileNotFoundError: if the table or the card is missing.
    """
    folder = data.data_root() / "prosody"
    card = data.read_card(folder / "tables.json", data.DataCard)
    if name not in card.files:
        raise ValueError(f"The card {folder / 'tables.json'} has no {name}: restore it with git.")
    data.verify_file(folder / name, card.files[name])
    return (folder / name).read_bytes()
