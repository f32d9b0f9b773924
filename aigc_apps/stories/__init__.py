"""A writer of short stories: a theme, keywords, a genre; one to three chapters in Markdown.

The essay's 小说生成器 (§3.4.1), taught in chapter 6.1. Four writers answer the same request: the
course's own small language model, a pretrained one, a template, and an endpoint of one's own.
`request` says what can be asked, `make` answers it, `judge` measures the answers.
"""

from __future__ import annotations

from typing import ClassVar

from aigc_apps.contract import Artifact, Card, Scenario, Verdict
from aigc_apps.stories import make
from aigc_apps.stories.request import StoryRequest, WriterName


class Stories(Scenario):
    """Writes stories; see the module."""

    card: ClassVar[Card] = Card.beside(__file__)
    Request: ClassVar[type[StoryRequest]] = StoryRequest
    record_samples = 100
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
        """The same request answered by a template."""
        return self._written(request, seed, "template")

    def evaluate(
        self,
        num_samples: int,
        seed: int = 0,
        writer: WriterName | None = None,
        words: int = 300,
    ) -> Verdict:
        """Measure a writer against the template and against novels.

        Args:
            num_samples: stories, each of a theme and three keywords of its own; at least 1.
            seed: of the requests and the stories.
            writer: which; by default the pretrained one where it is installed, else the small.
            words: of each story.
        """
        from aigc_apps.stories import judge  # making needs no judge

        return self.verdict(**judge.judge_stories(self, num_samples, seed, writer, words))

    def _written(self, request: StoryRequest, seed: int, writer: WriterName) -> Artifact:
        model, write = make.choose_writer(writer)
        by_model = model != make.TEMPLATE
        provenance = self.provenance(request, seed, model, by_model=by_model)
        return make.story_file(request, write(make.planned(request), seed), provenance)
