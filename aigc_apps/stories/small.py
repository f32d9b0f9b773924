"""Stories by the course's own language model, which knows no instructions, only novels (6.1).

It can do one thing: say what may come next. Keywords are therefore planted. The model writes
several continuations, at every place between two words it is asked how likely the keyword would
be there, and the story goes on from the likeliest place of all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from pydantic import BaseModel
from scipy.special import log_softmax

from aigc_apps.common import texts
from aigc_apps.common.prose import ProseConstraint
from aigc_apps.common.reading import ProseReader
from aigc_apps.stories.plan import Chapter, ChapterPlan, StoryPlan
from aigc_apps.stories.request import Genre
from aigc_utils.files import read_yaml

CHECKPOINT = "english_prose"
CONTINUATIONS = 8  # from which the best place for a keyword is chosen
TRIES = 48  # places that are asked for a whole keyword
TEMPERATURE, TOP_P = 0.7, 0.9
_LETTERS = re.compile(r"[^\W\d_]+")


class _Beginnings(BaseModel, extra="forbid", frozen=True):
    """What is in small.yml: how stories of each genre begin, and how a next chapter does."""

    openings: dict[Genre, tuple[str, ...]]
    next_chapter: tuple[str, ...]


@cache
def _beginnings() -> _Beginnings:
    return read_yaml(Path(__file__).with_name("small.yml"), _Beginnings)


@dataclass(frozen=True)
class SmallWriter(ProseReader):
    """A language model with its tokens, and what it takes to write a story.

    Args:
        model, encode: of `ProseReader`.
        pieces: what each token stands for, ``""`` for the end.
        name: for the provenance.
        lexicon: words in lower case; where there are any, no other word is written, except
            keywords.
    """

    pieces: tuple[str, ...]
    name: str
    lexicon: frozenset[str] = frozenset()

    def write(self, plan: StoryPlan, seed: int) -> list[Chapter]:
        """Write each chapter; a word of the theme is planted like the first keyword."""
        rng, beginnings = np.random.default_rng(seed), _beginnings()
        chapters = []
        for chapter in plan.chapters:
            first = chapter.number == 1
            begun = beginnings.openings[plan.genre] if first else beginnings.next_chapter
            opening = str(rng.choice(begun))
            known = [s for s in plan.subjects[:1] if s not in chapter.keywords] if first else []
            wanted = (*known, *chapter.keywords)
            chapters.append(self._chapter(chapter, opening, wanted, rng))
        return chapters

    def _chapter(
        self, chapter: ChapterPlan, opening: str, wanted: tuple[str, ...], rng: np.random.Generator
    ) -> Chapter:
        tokens, planted = list(self.encode(opening)), []
        share = chapter.words / (len(wanted) + 1)
        for number, word in enumerate(wanted, start=1):
            rest = [w for w in wanted[number - 1 :] if not texts.occurs(w, self._text(tokens))]
            if word not in rest:
                continue  # the model came to it by itself
            missing = share * number - len(texts.words(self._text(tokens)))
            rows = self._go_on(tokens, max(8.0, missing), CONTINUATIONS, rng)
            tokens = self._plant(rows, len(tokens), word)
            planted.append(word)
        missing = chapter.words - len(texts.words(self._text(tokens)))
        ending = self._go_on(tokens, max(15.0, missing), 1, rng)[0]
        text = texts.finish(self._text(ending)) or self._text(ending)
        # What was cut must not take the last keyword along.
        while any(not texts.occurs(w, text) for w in planted) and len(ending) < 4096:
            ending = self._go_on(list(ending), 40.0, 1, rng)[0]
            text = texts.finish(self._text(ending)) or self._text(ending) + "."
        ours = len(texts.words(opening)) + sum(len(texts.words(w)) for w in planted)
        return Chapter(chapter, _paragraphs(text), ours, tuple(planted), opening)

    def _text(self, tokens: Sequence[int]) -> str:
        return "".join(self.pieces[token] for token in tokens)

    def _go_on(
        self, tokens: list[int], num_words: float, num_rows: int, rng: np.random.Generator
    ) -> list[list[int]]:
        """Rows of all tokens so far and a continuation of about as many words."""
        num_tokens = max(4, round(num_words * self._tokens_a_word))
        kept = tokens[-max(1, self.model.context // 2) :]
        written = self.model.generate(
            np.tile(np.array(kept, np.int32), (num_rows, 1)),
            num_tokens=num_tokens,
            temperature=TEMPERATURE,
            top_p=TOP_P,
            constrain=self._constraint.going_on(tokens, len(kept)),
            seed=int(rng.integers(2**31)),
        )
        return [tokens + row[len(kept) :].tolist() for row in written]

    def places(self, row: Sequence[int], first: int) -> list[int]:
        """Places from ``first`` on at which a word could be put in: between two words."""
        return [
            place
            for place in range(max(1, first), len(row))
            if self._begins_a_word[row[place]] and not self._ends_a_sentence(row[:place])
        ]

    def _plant(self, rows: list[list[int]], begin: int, word: str) -> list[int]:
        """The row, cut where the word is likeliest to come next, and the word behind it.

        Not in the first third of what was written, so that keywords do not crowd. Only the
        places where its first token is likeliest are asked for the whole word.
        """
        key = list(self.encode(f" {word}"))
        width = len(rows[0])
        seen = min(width, self.model.context)
        cut = width - seen  # what the model no longer sees
        first = max(begin + (width - begin) // 3, cut + 1)
        logits = np.asarray(self.model(np.array(rows, np.int32)[:, cut:]))
        log_p = log_softmax(logits, axis=-1)[:, :, key[0]]  # of token t, given those before it
        found = [
            (float(log_p[row, place - cut]), row, place)
            for row, tokens in enumerate(rows)
            for place in self.places(tokens, first)
        ]
        if not found:
            return rows[0] + key
        best = [rows[row][:place] for _, row, place in sorted(found, reverse=True)[:TRIES]]
        return best[int(np.argmax(self.log_p_of(word, best)))] + key

    @cached_property
    def _constraint(self) -> ProseConstraint:
        return ProseConstraint(self.pieces, self.lexicon)

    def _ends_a_sentence(self, tokens: Sequence[int]) -> bool:
        return self._text(tokens[-3:]).rstrip(" \"'”’").endswith((".", "!", "?"))

    @cached_property
    def _begins_a_word(self) -> np.ndarray:
        """Whether a token begins with a space, so that the word before it is whole."""
        return np.array([piece.startswith(" ") for piece in self.pieces])

    @cached_property
    def _tokens_a_word(self) -> float:
        sample = "It was the best of times when they walked along the river to the old bridge."
        return len(self.encode(sample)) / len(texts.words(sample)) + 0.1


@cache
def load_prose_writer() -> SmallWriter:
    """The writer with the shipped model.

    Raises:
        ValueError: if the checkpoint is missing or damaged.
    """
    from aigc_apps.common import trained
    from aigc_utils import checkpoints, data

    model = trained.load_language_model(CHECKPOINT)
    novels = data.load_texts(CHECKPOINT).train
    counts = Counter(w for text in novels for w in _LETTERS.findall(text.text.lower()))
    # A word that occurs once or twice is often a name, a slip or French.
    lexicon = frozenset(word for word, count in counts.items() if count > 2)
    tokenizer = trained.load_tokenizer(CHECKPOINT)
    pieces = ("", *(tokenizer.decode([token]) for token in range(1, model.vocab_size)))
    name = checkpoints.load_card(CHECKPOINT).label
    return SmallWriter(model, tokenizer.encode, pieces, name, lexicon)


def _paragraphs(text: str) -> str:
    """Five sentences each."""
    all_sentences = texts.sentences(" ".join(text.split()))
    return "\n\n".join(" ".join(all_sentences[i : i + 5]) for i in range(0, len(all_sentences), 5))
