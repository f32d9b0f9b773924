"""The plan of a story: which keyword comes in which chapter, and how long each is (6.1)."""

from __future__ import annotations

from dataclasses import dataclass

from aigc_apps.common import texts


@dataclass(frozen=True)
class ChapterPlan:
    """What one chapter must have.

    Attributes:
        number: from 1.
        keywords: that must occur in it.
        words: about how many it is to have.
    """

    number: int
    keywords: tuple[str, ...]
    words: int

    @property
    def title(self) -> str:
        """Named after its first keyword; one without is called by its number alone."""
        return f"The {self.keywords[0]}" if self.keywords else ""


@dataclass(frozen=True)
class StoryPlan:
    """A story before it is written.

    Attributes:
        theme, genre: as asked.
        subjects: the theme's content words.
        keywords: all of them.
        chapters: in order.
    """

    theme: str
    genre: str
    subjects: tuple[str, ...]
    keywords: tuple[str, ...]
    chapters: tuple[ChapterPlan, ...]


def plan_story(
    theme: str, genre: str, keywords: tuple[str, ...], chapters: int, words: int
) -> StoryPlan:
    """Deal the keywords out to the chapters in order, as evenly as it goes."""
    counts = [len(keywords[k::chapters]) for k in range(chapters)]
    dealt, begin = [], 0
    for number, count in enumerate(counts, start=1):
        dealt.append(ChapterPlan(number, keywords[begin : begin + count], words // chapters))
        begin += count
    subjects = tuple(dict.fromkeys(texts.content_words(theme)))
    return StoryPlan(theme, genre, subjects, keywords, tuple(dealt))


@dataclass(frozen=True)
class Chapter:
    """A chapter as it was written.

    Attributes:
        plan: what it was to have.
        text: paragraphs, with an empty line between them.
        ours: words in it that the product planted: openings, begun sentences, keywords.
        begun: keywords, and words of the theme, that the writer did not bring in by itself.
        opening: what it begins with that is ours; all of it where there is nothing else.
        source: where its sentences were looked up; empty where they were not.
    """

    plan: ChapterPlan
    text: str
    ours: int
    begun: tuple[str, ...] = ()
    opening: str = ""
    source: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """Keywords of the plan that do not occur."""
        return tuple(k for k in self.plan.keywords if not texts.occurs(k, self.text))
