"""A writer of short stories: a theme, keywords, a genre; one to three chapters in Markdown.

The essay's 小说生成器 (§3.4.1), taught in chapter 6.1. Five writers answer the same request: the
course's own small language model, a pretrained one, an endpoint of one's own, and two without a
model: passages of novels that are looked up, and a form. `request` says what can be asked, `make`
answers it, `judge` measures the answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from aigc_apps.contract import Artifact, Card, Scenario
from aigc_apps.evaluation.trials import Measured, Trial
from aigc_apps.stories import make
from aigc_apps.stories.request import StoryRequest, StoryTrial, WriterName


class Stories(Scenario):
    """Writes stories; see the module."""

    card: ClassVar[Card] = Card.beside(__file__)
    Request: ClassVar[type[StoryRequest]] = StoryRequest
    Trial: ClassVar[type[Trial]] = StoryTrial
    examples = (
        {"theme": "a lighthouse keeper", "keywords": ["storm", "letter"], "writer": "template"},
        {"theme": "a girl who repairs clocks", "keywords": ["fox"], "genre": "fairy tale"},
    )

    def suffix(self, request: StoryRequest) -> str:
        return ".md"

    def generate(self, request: StoryRequest, seed: int = 0) -> Artifact:
        """Write a story.

        Raises:
            ValueError: if the writer's packages, checkpoint or endpoint are missing; the
                sentence says what to do.
        """
        return self._written(request, seed, request.writer)

    def baseline(self, request: StoryRequest, seed: int = 0) -> Artifact:
        """The passage of the novels that fits best, with the same policy for keywords."""
        return self._written(request, seed, "retrieval")

    def trial_requests(self, number: int) -> dict[str, StoryRequest]:
        """Stories by the writer that is measured: the pretrained one where it is installed."""
        from aigc_apps.stories import judge

        return judge.trial_requests(self, number, judge.writer_to_measure())

    def measure(
        self,
        number: int,
        seed: int = 0,
        say: Callable[[str], Any] | None = None,
        writer: WriterName | None = None,
    ) -> Measured:
        """See `Scenario.measure`.

        Args:
            number, seed, say: as there.
            writer: which; by default the pretrained one where it is installed, else the small.
        """
        from aigc_apps.stories import judge  # making needs no judge

        return judge.measure_stories(self, number, seed, say, writer)

    def _written(self, request: StoryRequest, seed: int, writer: WriterName) -> Artifact:
        model, write = make.choose_writer(writer)
        by_model = writer not in make.WITHOUT_MODEL
        provenance = self.provenance(request, seed, model, by_model=by_model)
        chapters = write(make.planned(request), seed)
        known = {"data": make.DATA[writer]} | make.story_making(writer, chapters)
        return make.story_file(request, chapters, provenance.model_copy(update=known))
