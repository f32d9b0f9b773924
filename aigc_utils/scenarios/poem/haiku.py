"""English verse by throwing away: prose is written, and what scans by accident is kept.

Where a form is rare, masks are needed: of the quatrains that the model of verse writes freely, few
keep tones and rhyme. Five, seven and five syllables are not so rare, and any source of prose will
do, so here nothing is masked and every haiku is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from aigc_utils.prosody import english

Haiku = tuple[str, str, str]


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


def prose_of(name: str = "english_prose", seed: int = 0, rows: int = 8) -> Callable[[], str]:
    """Prose by a shipped language model, some more at each call.

    Args:
        name: of a checkpoint with a tokenizer.
        seed: of the first call; the next ones count on.
        rows: texts written at once.

    Raises:
        ValueError: if there is no such checkpoint.
    """
    from aigc_utils import checkpoints  # and with it TensorFlow, late

    model = checkpoints.load(name)
    tokenizer = checkpoints.load_tokenizer(name)
    calls = iter(range(seed, seed + 10**6))

    def write() -> str:
        start = tokenizer.encode("The")
        drawn = model.generate(
            np.tile(start, (rows, 1)), num_tokens=120, temperature=0.9, top_p=0.95, seed=next(calls)
        )
        return "\n".join(tokenizer.decode(row) for row in drawn)

    return write
