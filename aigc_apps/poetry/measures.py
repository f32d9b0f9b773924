"""What can be counted of a quatrain: form, copies, the poets' pairs of characters, style (6.2).

`judge` puts the counts of many together.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from aigc_apps.poetry import prosody, writing
from aigc_apps.poetry.corpus import Corpus
from aigc_apps.poetry.writing import Writer, split_lines


class Verse(NamedTuple):
    """A poem as it is measured.

    Attributes:
        lines: its four.
        keys: characters of which one names the theme that it was asked for.
        drafts: what it was chosen from, characters of each; itself if from nothing.
        apart: for each line, how many changes take it to a real line of another poem.
    """

    lines: list[str]
    keys: str
    drafts: list[str]
    apart: list[int]

    @classmethod
    def made(cls, details: dict[str, Any], keys: str) -> Verse:
        """What `make.Poet.choose` chose, by its details."""
        (lines,), (nearest,) = details["poems"], details["nearest"]
        return cls(lines, keys, details["drafts"], [near[1] for near in nearest])

    @classmethod
    def real(cls, text: str, keys: str, others: Corpus) -> Verse:
        """A poem that exists, beside others."""
        lines = split_lines(text)
        return cls(lines, keys, [text], [others.nearest_line(line)[1] for line in lines])

    @property
    def text(self) -> str:
        """All characters."""
        return "".join(self.lines)


def keeps_form(poem: str) -> bool:
    """Whether a quatrain is regulated, by the independent checker and the Guangyun."""
    return prosody.is_regulated(split_lines(poem))


def shares_a_line(poem: str, corpus: Corpus) -> bool:
    """Whether one of the lines is a line of a real poem."""
    known = corpus.lines[len(poem) // 4]
    return any(line in known for line in split_lines(poem))


def first_feet(poem: str) -> list[str]:
    """The pairs of characters that the rhythm keeps together, but for the line's last three."""
    return [line[i : i + 2] for line in split_lines(poem) for i in range(0, len(line) - 3, 2)]


def attested(poem: str, pairs: set[str]) -> float:
    """The share of a poem's first feet that real poets used side by side."""
    feet = first_feet(poem)
    return sum(foot in pairs for foot in feet) / len(feet)


@functools.cache
def pairs_of(corpus: Corpus) -> set[str]:
    """All pairs of neighbours in the lines that were learnt from."""
    lines = (line for poem in corpus.train for line in poem.lines)
    return {line[i : i + 2] for line in lines for i in range(len(line) - 1)}


def bits_of(writer: Writer, form: str, poems: Sequence[str]) -> np.ndarray:
    """-log2 p a character of whole poems by a writer, shape (len(poems),).

    Args:
        writer: whose probabilities; all characters of the poems must be its own.
        form: of the poems.
        poems: characters, lines one after another.
    """
    if isinstance(writer, writing.TransformerWriter):
        return writer.bits(form, poems)  # all places at once
    number = {c: i for i, c in enumerate(writer.characters) if c}
    total, size = np.zeros(len(poems)), 4 * prosody.FORMS[form]
    for place in range(size):
        logs = writer.log_probabilities(form, [p[:place] for p in poems])
        total -= logs[np.arange(len(poems)), [number[p[place]] for p in poems]]
    return total / size / math.log(2)


@dataclasses.dataclass(frozen=True)
class StyleJudge:
    """Which of some poets a poem is by, by its characters alone (naive Bayes).

    Attributes:
        poets: their names.
        logs: for each, log p of each character.
    """

    poets: tuple[str, ...]
    logs: tuple[dict[str, float], ...]

    @classmethod
    def learn(cls, corpus: Corpus, poets: Sequence[str]) -> StyleJudge:
        """Count each poet's characters in the poems that were learnt from."""
        every = Counter(c for p in corpus.train for c in p.text)
        number = every.total()
        logs = []
        for poet in poets:
            own = Counter(c for p in corpus.train if p.author == poet for c in p.text)
            num_own = own.total()
            logs.append(
                {
                    c: math.log((own[c] + 5000 * k / number) / (num_own + 5000))
                    for c, k in every.items()
                }
            )
        return cls(tuple(poets), tuple(logs))

    def guess(self, poem: str) -> str:
        """The poet under whom a poem is likeliest."""
        scores = [sum(logs.get(c, -12.0) for c in poem) for logs in self.logs]
        return self.poets[int(np.argmax(scores))]
