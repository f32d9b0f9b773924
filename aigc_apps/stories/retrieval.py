"""Stories that are looked up: the passage of the novels that fits a request best (6.1).

The strong simple way: it reads the books that the small model was trained on, and keeps its
promises by the same words of ours as `told.write_on`.
"""

from __future__ import annotations

import numpy as np

from aigc_apps.common import texts
from aigc_apps.common.novels import load_shelf
from aigc_apps.common.shelf import Shelf
from aigc_apps.stories import told
from aigc_apps.stories.plan import Chapter, ChapterPlan, StoryPlan

OVER = 12  # words: half a sentence of these novels


def write_passages(plan: StoryPlan, seed: int, shelf: Shelf | None = None) -> list[Chapter]:
    """The best passage for each chapter, with the policy for keywords of `told.write_on`.

    The story begins with "This is the story of THEME." A keyword that the passage lacks gets a
    paragraph that is begun with "Then the KEYWORD" and goes on as the novels do behind "the
    KEYWORD"; where they never say that, the sentence ends there, and the passage goes on. A
    passage is the shorter, the more such paragraphs it needs, and goes on behind them up to the
    length asked for. No sentence comes twice.
    """
    shelf = load_shelf() if shelf is None else shelf
    allowed = np.ones(len(shelf.sentences), bool)
    return [_chapter(shelf, plan, chapter, allowed, seed) for chapter in plan.chapters]


def _chapter(
    shelf: Shelf, plan: StoryPlan, chapter: ChapterPlan, allowed: np.ndarray, seed: int
) -> Chapter:
    """One chapter; its sentences are no longer allowed afterwards."""
    opening = told.phrase("opening", theme=plan.theme) if chapter.number == 1 else ""
    room = chapter.words - len(texts.words(opening))
    asked = [shelf.uses(w) for w in dict.fromkeys((*chapter.keywords, *plan.subjects))]
    each = min(told.EACH, chapter.words // (len(chapter.keywords) + 1))
    for paragraphs in range(len(chapter.keywords) + 1):
        most = max(min(told.EACH, chapter.words // 2), room - each * paragraphs)
        passage = shelf.best(asked, most - min(25, most // 5), most, allowed, seed)
        text = f"{opening} {shelf.text(passage)}".strip()
        begun = [k for k in chapter.keywords if not texts.occurs(k, text)]
        if len(begun) <= paragraphs:
            break
    looked_up, rest = [passage], passage.stop
    last = int(shelf.last[passage.start]) if passage else 0
    allowed[passage.start : passage.stop] = False
    planted = []
    for keyword in begun:
        if texts.occurs(keyword, text):
            continue  # the paragraph before brought it
        planted.append(keyword)
        begin, said = told.phrase("keyword_opening", keyword=keyword), f"the {keyword}"
        found = shelf.best(asked, 1, told.EACH, allowed, seed, shelf.uses(said) > 0)
        if found:
            line, more = shelf.sentences[found[0]], found[1:]
            begin += line[texts.whole_word(said).search(line).end() :]
        else:
            begin, more = f"{begin}.", shelf.on(rest, last, each, allowed)
            found, rest = more, more.stop
        looked_up.append(found)
        allowed[found.start : found.stop] = False
        text = f"{text}\n\n{begin} {shelf.text(more)}".strip()
    left = chapter.words - len(texts.words(text))
    if left >= min(25, chapter.words // 5):  # half a sentence more is nearer than one less
        looked_up.append(shelf.on(rest, last, left + OVER, allowed))
        allowed[looked_up[-1].start : looked_up[-1].stop] = False
        text = f"{text}\n\n{shelf.text(looked_up[-1])}".strip()
    ours = " ".join([opening, *(told.phrase("keyword_opening", keyword=k) for k in planted)])
    sources = dict.fromkeys(shelf.titles[shelf.chapters[part.start]] for part in looked_up if part)
    return Chapter(
        chapter, text, len(texts.words(ours)), tuple(planted), opening, "; ".join(sources)
    )
