"""English verse by throwing away: prose is written, and what scans by accident is kept.

Where a form is rare, masks are needed: of the quatrains that the model of verse writes freely, few
keep tones and rhyme. Five, seven and five syllables are not so rare, and any source of prose will
do, so here nothing is masked and every haiku is checked.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from aigc_utils.prosody import english
from aigc_utils.scenarios.story.texts import content_words, occurs

Haiku = tuple[str, str, str]
TEXTS = 96  # that a model of prose writes, at most, for one request
SPARE = 4  # haiku that are gathered beyond what is asked for, to choose from


@dataclass(frozen=True)
class Harvest:
    """What a search gave.

    Attributes:
        haiku: what was found and passed `english.check_haiku`, each once.
        words: that were read.
    """

    haiku: list[Haiku]
    words: int


def gather(texts: Iterable[str], wanted: int | None = None) -> Harvest:
    """Read prose until enough haiku are found.

    Args:
        texts: English prose, read one after another.
        wanted: how many haiku are enough; all texts are read if None.
    """
    found: dict[Haiku, None] = {}
    words = 0
    for text in texts:
        words += len(english.WORD.findall(text))
        for lines in english.haiku_in(text):
            if not english.check_haiku(lines):
                found[lines] = None
        if wanted is not None and len(found) >= wanted:
            break
    return Harvest(list(found)[:wanted], words)


def chosen(found: Iterable[Haiku], theme: str) -> list[Haiku]:
    """Haiku with a content word of the theme first, then those that end a sentence."""
    subjects = content_words(theme)

    def lacks(lines: Haiku) -> tuple[bool, bool]:
        strays = not any(occurs(subject, " ".join(lines)) for subject in subjects)
        return strays, lines[-1][-1] not in ".!?"

    return sorted(found, key=lacks)


def prose_of(
    model,
    tokenizer,
    seed: int = 0,
    rows: int = 8,
    *,
    start: str = "The",
    temperature: float = 0.9,
) -> Iterator[str]:
    """Prose by a language model, one text after another, without end.

    Args:
        model: an `aigc_utils.models.LanguageModel` of English.
        tokenizer: that it was trained with.
        seed: of the first texts; the next ones count on.
        rows: texts written at once.
        start: what each of them begins with.
        temperature: below 1 the likely is preferred, above 1 the unlikely.
    """
    begun = np.tile(tokenizer.encode(start), (rows, 1))
    for number in itertools.count(seed):
        drawn = model.generate(
            begun, num_tokens=100, temperature=temperature, top_p=0.95, seed=number
        )
        yield from map(tokenizer.decode, drawn)
