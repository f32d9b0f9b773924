"""A poet in regulated verse: a theme, a form, a style, first characters; poems that scan.

The essay's 诗歌生成器 (§3.4.1), taught in chapter 6.2: "poems of a given style and metre". The
metre is kept by construction: `prosody.QuatrainMask` leaves the writer only characters that the
form allows, and `prosody.NamingMask` sees to it that each poem has a character that names its
theme. It is judged by `prosody.check_form`, which has rules of its own. English haiku are gathered
from a model's prose instead, where they come by accident, and their syllables are counted twice, by
a dictionary and by a rule over letters.
`request` says what can be asked, `make` answers it, `judge` measures the answers.

It is longer than the 1,000 lines of an application because of `prosody`, nearly half of it: the
rules of verse stand there twice, once for the masks and once for a judge that shares none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from aigc_apps.contract import Artifact, Card, Scenario
from aigc_apps.evaluation.trials import Measured
from aigc_apps.poetry import make
from aigc_apps.poetry.judge import PoetryTrial, measure_poetry
from aigc_apps.poetry.request import PoetryRequest
from aigc_apps.safety import Provenance


class Poetry(make.Poet, Scenario):
    """Writes regulated quatrains, and English haiku; see the module and `make.Poet`."""

    card: ClassVar[Card] = Card.beside(__file__)
    Request: ClassVar[type[PoetryRequest]] = PoetryRequest
    Trial: ClassVar[type[PoetryTrial]] = PoetryTrial
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
            found, where = self.find_haiku(request, seed), self.prose[2]
            begun = make.with_article(request.theme)
            return make.haiku_file(found, self.provenance(request, seed, model=where), begun)
        details = self.choose(request, *self.drafts(request, seed))
        where = self.provenance(request, seed, model=self.writer.name)
        return make.verse_file(details, where)

    def baseline(self, request: PoetryRequest, seed: int = 0) -> Artifact:
        """Counts behind the same masks, led and chosen the same way; for haiku, those in novels."""
        if request.form == "haiku":
            where = self.provenance(request, seed, model="look-up in novels", by_model=False)
            return make.haiku_file(make.haiku_of_novels(request), where)
        poet = self.counting
        details = poet.choose(request, *poet.drafts(request, seed))
        name = poet.writer.name
        return make.verse_file(details, self.provenance(request, seed, model=name, by_model=False))

    def provenance(
        self, request: PoetryRequest, seed: int, model: str | None = None, *, by_model: bool = True
    ) -> Provenance:
        """As of every scenario, with the data and the ways of what wrote in this form alone."""
        verse, _, english = self.card.data.partition("; for haiku, ")
        made = super().provenance(request, seed, model, by_model=by_model)
        known = {"data": english if request.form == "haiku" else verse}
        return made.model_copy(update=known | make.verse_making(request, by_model))

    def trial_requests(self, number: int) -> dict[str, PoetryRequest]:
        """A quatrain for each theme that is understood, in the two forms by turns."""
        asked = self.trial.first(list(self.trial.themes), number)
        names = [name for name in asked if self.knows(name)]
        forms = ("五绝", "七绝")
        return {name: self.ask(theme=name, form=forms[i % 2]) for i, name in enumerate(names)}

    def measure(
        self, number: int, seed: int = 0, say: Callable[[str], Any] | None = None
    ) -> Measured:
        return measure_poetry(self, number, seed, say)
