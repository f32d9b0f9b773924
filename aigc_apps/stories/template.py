"""Stories from a form: sentences with gaps, drawn by lot. For comparison in chapter 6.1."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from aigc_apps.common import texts
from aigc_apps.stories.plan import Chapter, ChapterPlan, StoryPlan
from aigc_apps.stories.request import Genre
from aigc_utils.files import read_yaml


class _Sentences(BaseModel, extra="forbid", frozen=True):
    """What is in template.yml: a hero's names, and sentences with gaps, some by genre."""

    heroes: tuple[str, ...]
    openings: dict[Genre, tuple[str, ...]]
    with_keyword: tuple[str, ...]
    between: tuple[str, ...]
    endings: dict[Genre, tuple[str, ...]]


@cache
def _sentences() -> _Sentences:
    return read_yaml(Path(__file__).with_name("template.yml"), _Sentences)


def write_from_template(plan: StoryPlan, seed: int) -> list[Chapter]:
    """Fill the gaps of sentences that are drawn without repetition.

    A chapter may be shorter than was asked where the sentences give out: the baseline does not
    say anything twice in one story.
    """
    rng, drawn_from = np.random.default_rng(seed), _sentences()
    hero = str(rng.choice(drawn_from.heroes))
    between = list(rng.permutation(drawn_from.between))
    about = list(rng.permutation(drawn_from.with_keyword))
    return [_chapter(plan, chapter, hero, between, about, rng) for chapter in plan.chapters]


def _chapter(
    plan: StoryPlan,
    chapter: ChapterPlan,
    hero: str,
    between: list[str],
    about: list[str],
    rng: np.random.Generator,
) -> Chapter:
    first, last = chapter.number == 1, chapter.number == len(plan.chapters)
    sentences = _sentences()
    lines = [str(rng.choice(sentences.openings[plan.genre]))] if first else []
    end = [str(rng.choice(sentences.endings[plan.genre]))] if last else []
    keys = [about.pop().replace("{keyword}", keyword) for keyword in chapter.keywords]
    room = chapter.words - sum(len(texts.words(s)) for s in (*lines, *keys, *end))
    fill = []
    while between and room > 0:
        fill.append(str(between.pop()))
        room -= len(texts.words(fill[-1]))
    # Keywords stand at even distances among the others.
    places = np.linspace(0, len(fill), len(keys) + 2)[1:-1].round().astype(int)
    for place, sentence in sorted(zip(places, keys, strict=True), reverse=True):
        fill.insert(int(place), sentence)
    lines = [s.format(hero=hero, theme=plan.theme) for s in (*lines, *fill, *end)]
    text = "\n\n".join(" ".join(lines[i : i + 5]) for i in range(0, len(lines), 5))
    return Chapter(chapter, text, len(texts.words(text)), chapter.keywords, opening=text)
