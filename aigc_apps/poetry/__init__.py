"""A poet in regulated verse: a theme, a form, a style, first characters; poems that scan.

The essay's 诗歌生成器 (§3.4.1): "poems of a given style and metre". The metre is kept by
construction: `prosody.QuatrainMask` leaves the writer only characters that the form
allows. It is judged by `prosody.check`, which knows no mask and reads another rhyme
book. English haiku are gathered from a model's prose instead, where they come by accident, and
their syllables are counted twice, by a dictionary and by a rule over letters.
"""

from __future__ import annotations

import functools
import statistics
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from aigc_apps.contract import Artifact, Card, Request, Scenario, Verdict
from aigc_apps.poetry import corpus as corpora
from aigc_apps.poetry import haiku, judging, prosody, writing
from aigc_apps.poetry.prosody import english, themes
from aigc_apps.poetry.writing import NUM_CANDIDATES, Drafts, Writer
from aigc_apps.safety import Policy, Provenance, made_by_line

Form = Literal["五绝", "七绝", "haiku"]
PROSE = "english_prose"  # the checkpoint in whose prose haiku are found
Style = Literal["", "李白", "杜甫", "白居易", "李商隐", "杜牧", "刘禹锡"]
STYLES = ("李白", "杜甫", "白居易", "李商隐", "杜牧", "刘禹锡")

THEME = Policy(max_chars=60)
HEADS = Policy(max_chars=4, scripts=("CJK",))

# Nats added to a character's log-probability: to a key of the theme, and for each bit that a
# related character shares with it; times the poet's log ratio for a style.
KEY_NATS, NATS_A_BIT, MOST_BITS, STYLE_NATS = 3.0, 0.7, 2.5, 1.0

TRIAL_THEMES = (
    "秋夜", "春雨", "边塞", "离别", "江上月", "snow", "farewell to a friend", "temple bell",
    "plum blossom", "an old sword",
)  # fmt: skip


class PoetryRequest(Request):
    """What a poem is to be about, and in which form."""

    theme: str = Field("秋夜", description="what it is about, in Chinese or a few English words")
    form: Form = Field(
        "七绝",
        description="four lines of five (五绝) or seven (七绝) characters; or an English haiku",
    )
    style: Style = Field("", description="a poet whose words are preferred; empty for none")
    heads: str = Field(
        "", description="first characters of the lines (藏头), two to four; empty for any"
    )
    number: int = Field(1, ge=1, le=4, description="how many poems")
    temperature: float = Field(
        0.9, ge=0.2, le=1.5, description="below 1 the likely is preferred, above 1 the unlikely"
    )

    @field_validator("theme")
    @classmethod
    def _check_theme(cls, theme: str) -> str:
        return THEME.check("theme", theme)

    @field_validator("heads")
    @classmethod
    def _check_heads(cls, heads: str) -> str:
        if not heads:
            return heads
        heads = HEADS.check("heads", heads)
        if len(heads) < 2 or len(set(heads)) < len(heads):
            raise ValueError(f"heads is {heads!r}: give two to four different characters.")
        return heads

    @model_validator(mode="after")
    def _check_haiku(self) -> PoetryRequest:
        if self.form != "haiku":
            return self
        if not self.theme.isascii():
            raise ValueError(
                f"theme is {self.theme!r}: a haiku is English here, so name the theme in English."
            )
        for name in ("style", "heads"):
            if value := getattr(self, name):
                raise ValueError(f"{name} is {value!r}: leave it out, it is for quatrains only.")
        return self


class Poetry(Scenario):
    """Writes regulated quatrains, and English haiku; see the module.

    Args:
        writer: what proposes characters; the checkpoint ``tang_poems`` if None.
        corpus: what exists already; the data set ``tang_poems`` if None.
    """

    card: ClassVar[Card] = Card.beside(__file__)
    Request: ClassVar[type[PoetryRequest]] = PoetryRequest
    record_samples = 512
    examples = (
        {"theme": "秋夜", "form": "五绝"},
        {"theme": "farewell on a river", "form": "七绝", "style": "李白", "number": 2},
        {"theme": "morning rain", "form": "haiku", "number": 2},
        {"theme": "春", "heads": "春江花月"},
    )

    def __init__(self, writer: Writer | None = None, corpus: corpora.Corpus | None = None):
        self._writer, self._corpus = writer, corpus
        self._masks = functools.lru_cache(maxsize=16)(self._make_mask)

    @functools.cached_property
    def writer(self) -> Writer:
        """What proposes characters, loaded when first asked for."""
        return self._writer or writing.load_writer()

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
    def book(self) -> prosody.RhymeBook:
        """What the masks go by: readings of both books, as verse uses them."""
        poems = [p.lines for form in prosody.FORMS for p in self.corpus.quatrains(form)]
        return prosody.narrowed(prosody.agreed(), poems)

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
        nats[[c != "" and c in theme.keys for c in self.writer.characters]] = KEY_NATS
        if style:
            nats += STYLE_NATS * self.corpus.leanings(style, self.writer.characters)
        return nats

    def drafts(self, request: PoetryRequest, seed: int = 0) -> tuple[Drafts, themes.Theme]:
        """Sixteen quatrains for a request, unranked, and how its theme was understood.

        Raises:
            ValueError: if nothing of the theme is known, or no pattern allows the first characters.
        """
        theme = themes.understand(request.theme, self.corpus.companions)
        drafts = writing.compose(
            self.writer,
            request.form,
            NUM_CANDIDATES,
            mask=self.mask(request.form, request.heads),
            leaning=self.leaning(theme, request.style),
            temperature=request.temperature,
            seed=seed,
        )
        return drafts, theme

    def generate(self, request: PoetryRequest, seed: int = 0) -> Artifact:
        """The best of sixteen drafts (see `choose`); or haiku.

        Raises:
            ValueError: as `drafts`; or if the model's prose holds too few haiku.
        """
        if request.form == "haiku":
            return self._haiku(request, seed)
        return self.choose(request, *self.drafts(request, seed), seed)

    def choose(
        self, request: PoetryRequest, drafts: Drafts, theme: themes.Theme, seed: int
    ) -> Artifact:
        """The best of some drafts: those that carry the theme come first, then the likeliest."""
        bits = drafts.bits_each()
        order = sorted(
            range(len(drafts.poems)),
            key=lambda i: (
                not prosody.is_regulated(lines_of(drafts.poems[i], request.form)),
                not theme.carried_by(drafts.poems[i]),
                bits[i],
            ),
        )
        poems = [lines_of(drafts.poems[i], request.form) for i in order[: request.number]]
        where = self.provenance(request, seed, model=self.writer.name)
        text = "\n".join(f"{punctuated(lines)}\n" for lines in poems)
        details = {
            "poems": poems,
            "theme": theme,
            "bits": [float(bits[i]) for i in order[: request.number]],
            "patterns": [prosody.names_of(lines, self.book) for lines in poems],
            "findings": [prosody.check(lines) for lines in poems],
            "nearest": [[self.corpus.nearest_line(line) for line in lines] for lines in poems],
        }
        content = f"{text}\n{made_by_line(where)}\n".encode()
        return Artifact(content, "text/plain", ".txt", where, details)

    def _haiku(self, request: PoetryRequest, seed: int) -> Artifact:
        """Haiku of prose that begins with the theme; those with a word of the theme first."""
        model, tokenizer, label = self.prose
        prose = haiku.prose_of(
            model,
            tokenizer,
            1000 * seed,
            start=_with_article(request.theme),
            temperature=request.temperature,
        )
        found = haiku.about(request.theme, prose, request.number)
        if len(found) < request.number:
            raise ValueError(
                f"number is {request.number}: the model came to {len(found)} haiku on this theme, "
                "so ask for fewer, with another seed, or at another temperature."
            )
        where = self.provenance(request, seed, model=label)
        return _haiku_file(found[: request.number], where)

    def _real_haiku(self, request: PoetryRequest) -> Artifact:
        """Haiku that stand in novels by accident, those with a word of the theme first."""
        from aigc_utils import data

        novels = data.load_texts(PROSE).test
        found = haiku.about(request.theme, (chapter.text for chapter in novels), request.number)
        where = self.provenance(request, 0, model="look-up in novels", by_model=False)
        return _haiku_file(found[: request.number], where)

    def baseline(self, request: PoetryRequest) -> Artifact:
        """A look-up: the real quatrain of the form that has most of the theme's characters.

        First characters that were asked for count more than all the theme, a poem by the poet
        of the style a little. For haiku, those that stand in novels.
        """
        if request.form == "haiku":
            return self._real_haiku(request)
        theme = themes.understand(request.theme, self.corpus.companions)

        def points(poem: corpora.Poem) -> float:
            letters = set(poem.text)
            heads = sum(a == line[0] for a, line in zip(request.heads, poem.lines, strict=False))
            return (
                100 * heads
                + 3 * len(letters & set(theme.keys))
                + len(letters & set(theme.related))
                + 2 * (poem.author == request.style)
            )

        poem = max(self.corpus.quatrains(request.form), key=points)
        where = self.provenance(request, 0, model="look-up of a real poem", by_model=False)
        text = f"{punctuated(poem.lines)}\n\n{poem.author}，{poem.title}\n"
        details = {"poems": [list(poem.lines)], "theme": theme, "source": poem}
        return Artifact(text.encode(), "text/plain", ".txt", where, details)

    def evaluate(self, num_samples: int, seed: int = 0) -> Verdict:
        """Form, copies, theme, style, fluency and seconds; see `judging.Trial`.

        Args:
            num_samples: about how many quatrains; rounded up to sixteens for each of two forms.
            seed: of the drafts.
        """
        trial = judging.run(self, num_samples, seed, TRIAL_THEMES, STYLES)
        measures = trial.measures()
        return self.verdict(
            answer=trial.answer(),
            because=trial.because(),
            measures=measures,
            seconds_each=statistics.median(trial.seconds),
            training_seconds=self.writer.training_seconds,
            review_minutes=3,
            assumed="Three minutes to read four lines, look up the nearest real line and change or "
            "refuse the poem; nobody's time was taken.",
            risks=(
                "Lines that scan and say nothing: form is judged here, sense is not.",
                "A line near a famous one: whole lines of the corpus are barred, and one of "
                "another's with a character changed is not.",
                "Taken for a real poem of the Tang: the text says what made it, a copy may not.",
                "Tang verse is written by men of one class and period, and so are these lines.",
            ),
        )


def _haiku_file(poems: Sequence[haiku.Haiku], where: Provenance) -> Artifact:
    text = "\n\n".join("\n".join(lines) for lines in poems)
    details = {
        "poems": [list(lines) for lines in poems],
        "findings": [english.check_haiku(lines) for lines in poems],
    }
    content = f"{text}\n\n{made_by_line(where)}\n".encode()
    return Artifact(content, "text/plain", ".txt", where, details)


def _with_article(theme: str) -> str:
    """A theme as the beginning of a sentence: "The rain", "A friend"."""
    first = theme.split()[0].lower()
    whole = theme if first in ("a", "an", "the") else f"the {theme}"
    return whole[0].upper() + whole[1:]


def lines_of(poem: str, form: str) -> list[str]:
    """Four lines of a poem's characters."""
    length = prosody.FORMS[form]
    return [poem[i : i + length] for i in range(0, 4 * length, length)]


def punctuated(lines: Sequence[str]) -> str:
    """Four lines as they are printed, a comma after the first of each couplet."""
    return "\n".join(f"{line}{'，。'[i % 2]}" for i, line in enumerate(lines))
