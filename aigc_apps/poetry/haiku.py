"""English verse by throwing away: prose is written, and what scans by accident is kept (6.2).

What comes by itself now and then can be waited for: five, seven and five syllables stand in any
prose, one haiku in some two hundred words, so here nothing is masked and every haiku is checked. Of
free quatrains one in seven keeps tones and rhyme as well; masks are needed for what hardly ever
comes, such as the things of a theme and first characters of one's own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from aigc_apps.common.texts import content_words, occurs
from aigc_apps.poetry.prosody import english

Haiku = tuple[str, str, str]
ROWS, TOKENS = 64, 32  # texts that a model writes at once, and tokens of each: a haiku has 20 or so
CALLS = 6  # of the model, at most, for one request


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


def about(theme: str, prose: Iterator[str], wanted: int) -> list[Haiku]:
    """Haiku of some prose, read until enough of them have a content word of the theme.

    Args:
        theme: in English.
        prose: texts that begin with the theme; `CALLS` times `ROWS` of them are read at most.
        wanted: how many with a word of the theme are enough.

    Returns:
        All that were found: those with such a word first, then those that end a sentence.
    """
    subjects = content_words(theme)

    def strays(lines: Haiku) -> bool:
        return not any(occurs(subject, " ".join(lines)) for subject in subjects)

    found: dict[Haiku, None] = {}
    for _ in range(CALLS):
        found |= dict.fromkeys(gather(itertools.islice(prose, ROWS)).haiku)
        if sum(not strays(lines) for lines in found) >= wanted:
            break
    return sorted(found, key=lambda lines: (strays(lines), lines[-1][-1] not in ".!?"))


def prose_of(
    model,
    tokenizer,
    seed: int = 0,
    *,
    start: str = "The",
    temperature: float = 0.9,
) -> Iterator[str]:
    """Prose by a language model, one text after another, without end.

    Args:
        model: an `aigc_apps.common.language.LanguageModel` of English.
        tokenizer: that it was trained with.
        seed: of the first texts; the next ones count on.
        start: what each of them begins with.
        temperature: below 1 the likely is preferred, above 1 the unlikely.
    """
    begun = np.tile(tokenizer.encode(start), (ROWS, 1))
    for number in itertools.count(seed):
        drawn = model.generate(
            begun, num_tokens=TOKENS, temperature=temperature, top_p=0.95, seed=number
        )
        yield from map(tokenizer.decode, drawn)
