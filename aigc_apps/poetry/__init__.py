"""A poet in regulated verse: a theme, a form, a style, first characters; poems that scan.

The essay's 诗歌生成器 (§3.4.1), taught in chapter 6.2: "poems of a given style and metre". The
metre is kept by construction: `prosody.QuatrainMask` leaves the writer only characters that the
form allows. It is judged by `prosody.check_form`, which knows no mask and reads another rhyme
book. English haiku are gathered from a model's prose instead, where they come by accident, and
their syllables are counted twice, by a dictionary and by a rule over letters.
`request` says what can be asked, `make` answers it, `judge` measures the answers.

It is longer than the 1,000 lines of an application because of `prosody`, nearly half of it: the
rules of verse stand there twice, once for the masks and once for a judge that shares none.
"""

from __future__ import annotations

from typing import ClassVar

from aigc_apps.contract import Artifact, Card, Scenario, Verdict
from aigc_apps.poetry import make
from aigc_apps.poetry.prosody import themes
from aigc_apps.poetry.request import PoetryRequest
from aigc_apps.poetry.writing import punctuated


class Poetry(make.Poet, Scenario):
    """Writes regulated quatrains, and English haiku; see the module and `make.Poet`."""

    card: ClassVar[Card] = Card.beside(__file__)
    Request: ClassVar[type[PoetryRequest]] = PoetryRequest
    record_samples = 512
    examples = (
        {"theme": "秋夜", "form": "五绝"},
        {"theme": "farewell on a river", "form": "七绝", "style": "李白", "number": 2},
        {"theme": "morning rain", "form": "haiku", "number": 2},
        {"theme": "春", "heads": "春江花月"},
    )

    def suffix(self, request: PoetryRequest) -> str:
        return ".txt"

    def generate(self, request: PoetryRequest, seed: int = 0) -> Artifact:
        """The best of sixteen drafts (see `choose`); or haiku.

        Raises:
            ValueError: as `drafts`; or if the model's prose holds too few haiku.
        """
        if request.form == "haiku":
            found = self.find_haiku(request, seed)
            return make.haiku_file(found, self.provenance(request, seed, model=self.prose[2]))
        details = self.choose(request, *self.drafts(request, seed))
        return make.verse_file(details, self.provenance(request, seed, model=self.writer.name))

    def baseline(self, request: PoetryRequest) -> Artifact:
        """A look-up: a real quatrain (see `look_up`); for haiku, those that stand in novels."""
        if request.form == "haiku":
            where = self.provenance(request, 0, model="look-up in novels", by_model=False)
            return make.haiku_file(make.haiku_of_novels(request), where)
        theme = themes.understand(request.theme, self.corpus.companions)
        poem = self.look_up(request, theme)
        where = self.provenance(request, 0, model="look-up of a real poem", by_model=False)
        text = f"{punctuated(poem.lines)}\n\n{poem.author}，{poem.title}\n"
        details = {"poems": [list(poem.lines)], "theme": theme, "source": poem}
        return Artifact(text.encode(), "text/plain", ".txt", where, details)

    def evaluate(self, num_samples: int, seed: int = 0) -> Verdict:
        """Form, copies, theme, style, fluency and seconds; see `judge.Trial`.

        Args:
            num_samples: about how many quatrains; rounded up to sixteens for each of two forms.
            seed: of the drafts.
        """
        from aigc_apps.poetry import judge  # making needs no judge

        measured = judge.verdict_fields(judge.try_poet(self, num_samples, seed))
        return self.verdict(training_seconds=self.writer.training_seconds, **measured)
