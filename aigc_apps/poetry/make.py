"""Making verse: drafts behind masks, the best of them, haiku, and look-ups to compare (6.2)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from aigc_apps.contract import Artifact
from aigc_apps.poetry import corpus as corpora
from aigc_apps.poetry import haiku, prosody, writing
from aigc_apps.poetry.prosody import english, themes
from aigc_apps.poetry.request import PoetryRequest
from aigc_apps.poetry.writing import NUM_CANDIDATES, Drafts, Writer, punctuated, split_lines
from aigc_apps.safety import Provenance, made_by_line

PROSE = "english_prose"  # the checkpoint in whose prose haiku are found

# Nats added to a character's log-probability: to a key of the theme, and for each bit that a
# related character shares with it; times the poet's log ratio for a style.
KEY_NATS, NATS_A_BIT, MOST_BITS, STYLE_NATS = 3.0, 0.7, 2.5, 1.0


class Poet:
    """Writes regulated quatrains, and finds English haiku in what a model of prose writes.

    Args:
        writer: what proposes characters; the checkpoint ``tang_poems`` if None.
        corpus: what exists already; the data set ``tang_poems`` if None.
    """

    def __init__(self, writer: Writer | None = None, corpus: corpora.Corpus | None = None):
        self._writer, self._corpus = writer, corpus
        self._masks = functools.lru_cache(maxsize=16)(self._make_mask)

    @functools.cached_property
    def writer(self) -> Writer:
        """What proposes characters, loaded when first asked for."""
        return self._writer or writing.load_verse_writer()

    @functools.cached_property
    def prose(self) -> tuple:
        """What writes English: model, tokenizer and label, loaded when first asked for."""
        from aigc_apps.common import trained  # and with it TensorFlow, late
        from aigc_utils import checkpoints

        label = checkpoints.load_card(PROSE).label
        return trained.load_language_model(PROSE), trained.load_tokenizer(PROSE), label

    @functools.cached_property
    def corpus(self) -> corpora.Corpus:
        """What exists already, loaded when first asked for."""
        return self._corpus or corpora.load_corpus()

    @functools.cached_property
    def counting(self) -> Poet:
        """The strong simple way: counts in the same poems, behind the same masks, led the same."""
        return Poet(writing.CountingWriter([p.lines for p in self.corpus.train]), self.corpus)

    @property
    def book(self) -> prosody.RhymeBook:
        """What the masks go by: readings of both books, as verse uses them."""
        return self.corpus.book

    def mask(self, form: str, heads: str = "") -> prosody.QuatrainMask:
        """What may come next in a form, lines of real poems barred; the last ones are kept."""
        return self._masks(form, heads)

    def _make_mask(self, form: str, heads: str) -> prosody.QuatrainMask:
        return prosody.QuatrainMask(
            self.writer.characters,
            form,
            book=self.book,
            heads=heads,
            taken=self.corpus.lines[prosody.FORMS[form]],
        )

    def leaning(self, theme: themes.Theme, style: str) -> np.ndarray:
        """Nats to add to each character of the writer, for a theme and a style."""
        bits = np.array([min(theme.related.get(c, 0), MOST_BITS) for c in self.writer.characters])
        nats = NATS_A_BIT * bits
        named = set(theme.keys).union(*theme.things)
        nats[[c in named for c in self.writer.characters]] = KEY_NATS
        if style:
            nats += STYLE_NATS * self.corpus.leanings(style, self.writer.characters)
        return nats

    def knows(self, theme: str) -> bool:
        """Whether anything of a theme is understood; if not, it is refused."""
        try:
            themes.understand(theme, self.corpus.companions)
        except ValueError:
            return False
        return True

    def drafts(self, request: PoetryRequest, seed: int = 0) -> tuple[Drafts, themes.Theme]:
        """Sixteen quatrains that name the theme, unranked, and how it was understood.

        Raises:
            ValueError: if nothing of the theme is known, or no pattern allows the first characters.
        """
        theme = themes.understand(request.theme, self.corpus.companions)
        drafts = writing.compose_quatrains(
            self.writer,
            request.form,
            NUM_CANDIDATES,
            mask=prosody.NamingMask(self.mask(request.form, request.heads), theme.things),
            leaning=self.leaning(theme, request.style),
            temperature=request.temperature,
            seed=seed,
        )
        return drafts, theme

    def choose(self, request: PoetryRequest, drafts: Drafts, theme: themes.Theme) -> dict[str, Any]:
        """The best of some drafts, with what is known of them, as details of an artefact.

        Those that keep the form come first; of these the likelier half, and in it those whose
        lines speak most of the same things, by every other poem of the collection.
        """
        bits = drafts.bits_each()
        lines = [split_lines(poem) for poem in drafts.poems]
        unlikely = bits > np.median(bits)
        order = sorted(
            range(len(lines)),
            key=lambda i: (
                not prosody.is_regulated(lines[i]),
                bool(unlikely[i]),
                -self.corpus.chosen_by.coherence(lines[i]),
            ),
        )[: request.number]
        poems = [lines[i] for i in order]
        return {
            "poems": poems,
            "theme": theme,
            "drafts": drafts.poems,
            "bits": [float(bits[i]) for i in order],
            "patterns": [prosody.names_of(lines, self.book) for lines in poems],
            "faults": [prosody.check_form(lines) for lines in poems],
            "nearest": [[self.corpus.nearest_line(line) for line in lines] for lines in poems],
        }

    def look_up(self, request: PoetryRequest, theme: themes.Theme) -> corpora.Poem:
        """The real quatrain of the form that names the theme and has most of its characters.

        First characters that were asked for count more than all the theme, a poem by the poet
        of the style a little.
        """

        def points(poem: corpora.Poem) -> float:
            letters = set(poem.text)
            heads = sum(a == line[0] for a, line in zip(request.heads, poem.lines, strict=False))
            return (
                100 * heads
                + 50 * theme.carried_by(poem.text)
                + 3 * len(letters & set(theme.keys))
                + len(letters & set(theme.related))
                + 2 * (poem.author == request.style)
            )

        return max(self.corpus.quatrains(request.form), key=points)

    def find_haiku(self, request: PoetryRequest, seed: int) -> list[haiku.Haiku]:
        """Haiku of prose that begins with the theme; those with a word of the theme first.

        Raises:
            ValueError: if the model's prose holds too few.
        """
        model, tokenizer, _ = self.prose
        prose = haiku.prose_of(
            model,
            tokenizer,
            1000 * seed,
            start=with_article(request.theme),
            temperature=request.temperature,
        )
        found = haiku.about(request.theme, prose, request.number)
        if len(found) < request.number:
            raise ValueError(
                f"number is {request.number}: the model came to {len(found)} haiku on this theme, "
                "so ask for fewer, with another seed, or at another temperature."
            )
        return found[: request.number]


def haiku_of_novels(request: PoetryRequest) -> list[haiku.Haiku]:
    """Haiku that stand in novels by accident, those with a word of the theme first."""
    from aigc_utils import data

    novels = data.load_texts(PROSE).test
    found = haiku.about(request.theme, (chapter.text for chapter in novels), request.number)
    return found[: request.number]


def verse_file(details: dict[str, Any], where: Provenance) -> Artifact:
    """The quatrains in `Poet.choose`'s details; what of the theme is lost, and what made them."""
    text = "\n".join(f"{punctuated(lines)}\n" for lines in details["poems"])
    if lost := details["theme"].lost:
        text += f"\nnot understood in the theme: {', '.join(lost)}\n"
    content = f"{text}\n{made_by_line(where)}\n".encode()
    return Artifact(content, "text/plain", ".txt", where, details)


def haiku_file(poems: Sequence[haiku.Haiku], where: Provenance, begun: str = "") -> Artifact:
    """Haiku as a text that says what made or found them, and what they were begun with."""
    text = "\n\n".join("\n".join(lines) for lines in poems)
    details = {
        "poems": [list(lines) for lines in poems],
        "faults": [english.check_haiku(lines) for lines in poems],
    }
    given = f"begun for the model with: {begun}\n\n" if begun else ""
    content = f"{text}\n\n{given}{made_by_line(where)}\n".encode()
    return Artifact(content, "text/plain", ".txt", where, details)


def verse_making(request: PoetryRequest, by_model: bool) -> dict[str, Any]:
    """What a provenance says of the making of verse, or of haiku: its parts, and the choice."""
    if request.form == "haiku":
        return {
            "parts": {"words": "model" if by_model else "source", "beginning": "person"},
            "chosen": "what falls into 5, 7 and 5 syllables; first what has a word of the theme",
        }
    parts = {"characters": "model" if by_model else "rule", "tones and rhymes": "rule"}
    return {
        "parts": parts | ({"first characters": "person"} if request.heads else {}),
        "chosen": f"{request.number} of {NUM_CANDIDATES} drafts: of likely ones the most coherent",
    }


def with_article(theme: str) -> str:
    """A theme as the beginning of a sentence: "The rain", "A friend"."""
    first = theme.split()[0].lower()
    whole = theme if first in ("a", "an", "the") else f"the {theme}"
    return whole[0].upper() + whole[1:]
