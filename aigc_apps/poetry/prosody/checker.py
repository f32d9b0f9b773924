"""An independent judge of the regulated quatrain: by rules, where the masks go by patterns (6.2).

`forms` lists patterns; this module knows none. It asks what the tradition asks, rule by rule, so
an error in the rules of one is not repeated in the other. The Guangyun, which it reads unless told
otherwise, is one of the two books that the masks ask: an error in that table would be both's.

The rules: four lines of one length, five or seven; all characters known; level and oblique take
turns at the even places (二四六分明); place two turns over within a couplet (对) and is kept from
one to the next (粘); lines 2 and 4 end level and line 3 oblique; the rhyme is kept, in line 1 too
if it ends level; no rhyme word comes twice; no line ends in three level tones (三平尾); and in a
line that ends level after an oblique tone, two level tones stand side by side among the four places
before its end (no 孤平). Other liberties at the odd places, and three oblique tones at an end, are
let pass. One licence is common enough to have a name (特拗): an oblique line may end 平平仄平仄
instead of 平平平仄仄; `check_form` allows it on demand.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from aigc_apps.poetry.prosody.books import RhymeBook, load_book

RULES = ("lines", "length", "unknown", "alternation", "couplet", "between", "ends", "rhyme",
         "rhyme word", "three level", "lone level")  # fmt: skip


@dataclass(frozen=True)
class FormFault:
    """One broken rule.

    Attributes:
        rule: one of `RULES`.
        line: 1 to 4, or 0 for the whole poem.
        message: what is wrong, in words.
    """

    rule: str
    line: int
    message: str


def check_form(
    quatrain: Sequence[str], book: RhymeBook | None = None, *, licence: bool = False
) -> list[FormFault]:
    """The rules that a quatrain breaks; an empty list for a regulated one.

    A character with two readings counts as whichever serves; the rules must hold together for
    one choice of readings in each line.

    Args:
        quatrain: four lines without punctuation.
        book: the Guangyun unless another is given.
        licence: whether 平平仄平仄 passes.
    """
    book = book or load_book("guangyun")
    if len(quatrain) != 4:
        return [FormFault("lines", 0, f"{len(quatrain)} lines instead of 4")]
    size = len(quatrain[0])
    if size not in (5, 7) or any(len(line) != size for line in quatrain):
        lengths = ", ".join(str(len(line)) for line in quatrain)
        return [FormFault("length", 0, f"lines of {lengths} characters instead of 5 or 7 each")]
    unknown = [
        FormFault("unknown", i, f"{c} is not in the {book.name}")
        for i, line in enumerate(quatrain, 1)
        for c in line
        if not book.tone(c)
    ]
    if unknown:
        return unknown
    # What place two of line 1 is decides it of all others; what line 1 ends in is free.
    readings = [_judge(quatrain, book, second, first_end, licence)
                for second in "平仄" for first_end in "平仄"]  # fmt: skip
    return min(readings, key=len)


def is_regulated(
    quatrain: Sequence[str], book: RhymeBook | None = None, *, licence: bool = False
) -> bool:
    """Whether a quatrain breaks no rule."""
    return not check_form(quatrain, book, licence=licence)


def _judge(
    quatrain, book: RhymeBook, second: str, first_end: str, licence: bool
) -> list[FormFault]:
    """The broken rules if place two of line 1 and its end were meant to have these tones."""
    found: list[FormFault] = []
    wanted_second = [second, _other(second), _other(second), second]
    wanted_end = [first_end, "平", "仄", "平"]
    for number, line in enumerate(quatrain, 1):
        tones = wanted_second[number - 1], wanted_end[number - 1]
        if not (licence and _has_licence(line, *tones, book)):
            found += _judge_line(line, number, *tones, book)
    found += _judge_rhyme(quatrain, book, first_end == "平")
    return found


def _other(tone: str) -> str:
    return "仄" if tone == "平" else "平"


def _has_licence(line: str, second: str, end: str, book: RhymeBook) -> bool:
    """Whether a line ends 平平仄平仄 where its kind ends 平平平仄仄."""
    wanted_second = "平" if len(line) == 5 else "仄"
    if second != wanted_second or end != "仄":
        return False
    tail = all(t in book.tone(c) for t, c in zip("平平仄平仄", line[-5:], strict=True))
    return tail and second in book.tone(line[1])


def _judge_line(line: str, number: int, second: str, end: str, book) -> list[FormFault]:
    found = []
    tones = [set(book.tone(c)) for c in line]
    if second not in tones[1]:
        rule = {1: "alternation", 2: "couplet", 3: "between", 4: "couplet"}[number]
        found.append(FormFault(rule, number, f"{line[1]} at place 2 is not {second}"))
    for place in range(3, len(line), 2):
        wanted = second if place % 4 == 1 else _other(second)
        if wanted not in tones[place]:
            found.append(
                FormFault(
                    "alternation", number, f"{line[place]} at place {place + 1} is not {wanted}"
                )
            )
    if end not in tones[-1]:
        found.append(FormFault("ends", number, f"{line[-1]} at the end is not {end}"))
    if found:
        return found
    # The even places and the end have one reading now; the rest may have two.
    for place in range(1, len(line), 2):
        tones[place] = {second if place % 4 == 1 else _other(second)}
    tones[-1] = {end}
    faults = [_tail_faults("".join(choice)) for choice in itertools.product(*tones)]
    return [FormFault(rule, number, f"{line}: {why}") for rule, why in min(faults, key=len)]


def _tail_faults(tones: str) -> list[tuple[str, str]]:
    if tones.endswith("平平平"):
        return [("three level", "three level tones at the end")]
    if tones.endswith("仄平") and "平平" not in tones[-5:-1]:
        return [("lone level", "no two level tones side by side before the rhyme")]
    return []


def _judge_rhyme(quatrain, book: RhymeBook, first_rhymes: bool) -> list[FormFault]:
    ends = [line[-1] for line in quatrain]
    rhyming = [0, 1, 3] if first_rhymes else [1, 3]
    words = "".join(ends[i] for i in rhyming)
    common = frozenset.intersection(*(frozenset(book.rhyme(c)) for c in words))
    if not common:
        return [FormFault("rhyme", 0, f"{'、'.join(words)} have no rhyme in common")]
    if len(set(words)) < len(words):
        return [FormFault("rhyme word", 0, f"a rhyme word comes twice: {'、'.join(words)}")]
    return []
