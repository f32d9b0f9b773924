"""The novels of the data set ``english_prose``: looked up, counted, and held out (chapter 6.1)."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np

from aigc_apps.common import texts
from aigc_apps.common.shelf import Shelf
from aigc_utils import data

NAME = "english_prose"


@cache
def load_shelf() -> Shelf:
    """The novels that the small model was trained on, to look passages up in."""
    novels = data.load_texts(NAME).train
    cut = [texts.sentences(" ".join(novel.text.split())) for novel in novels]
    chapters = np.repeat(np.arange(len(cut)), [len(lines) for lines in cut])
    titles = tuple(f"{novel.title}, by {novel.author}" for novel in novels)
    return Shelf(tuple(s for lines in cut for s in lines), chapters, titles)


@cache
def commonest_forms(number: int) -> frozenset[str]:
    """So many of the commonest word forms of the training novels, in lower case; names are some."""
    novels = data.load_texts(NAME).train
    counts = Counter(word for novel in novels for word in texts.words(novel.text))
    return frozenset(word for word, _ in counts.most_common(number))


@cache
def known_runs(length: int) -> frozenset[tuple[str, ...]]:
    """All runs of so many words in the training novels."""
    spoken = (texts.words(novel.text) for novel in data.load_texts(NAME).train)
    return frozenset(run for words in spoken for run in texts.ngrams(words, length))


def held_out_passages(number: int, num_words: int, seed: int = 0) -> list[str]:
    """Passages that no model of this course was trained on, by lot; no two share a sentence.

    Raises:
        ValueError: if ``number`` is not at least 1, or more than there are.
    """
    chapters = data.load_texts(NAME).test
    found = [p for chapter in chapters for p in texts.passages(chapter.text, num_words)]
    if not 1 <= number <= len(found):
        raise ValueError(
            f"{number} passages are asked for, and the held-out novels have {len(found)} of "
            f"{num_words} words: give 1 to {len(found)}."
        )
    return [found[i] for i in np.random.default_rng(seed).permutation(len(found))[:number]]
