"""Stories by a model that follows instructions: SmolLM2 or an endpoint of one's own (6.1)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Protocol

from aigc_apps.common import texts
from aigc_apps.stories.plan import Chapter, ChapterPlan, StoryPlan
from aigc_utils.files import read_yaml

TRIES = 3
EACH = 40  # words left for each keyword
TOKENS_A_WORD = 1.4  # of SmolLM2's tokenizer on its own stories, with a little room


class Completes(Protocol):
    """What goes on with a text: `aigc_apps.pretrained.SmolLM`."""

    def complete(
        self, prompt: str, *, num_tokens: int, temperature: float, seed: int, anew: bool
    ) -> str:
        """Go on with a text."""


class Chats(Protocol):
    """What answers messages: `aigc_apps.pretrained.Endpoint`."""

    def chat(self, messages: list[dict], *, num_tokens: int, temperature: float, seed: int) -> str:
        """Answer the last message."""


@cache
def _words() -> dict[str, str]:
    """What is in told.yml: prompts and words of ours, with gaps."""
    return read_yaml(Path(__file__).with_name("told.yml"), dict[str, str])


def phrase(name: str, **gaps: object) -> str:
    """A prompt, or words of ours, with its gaps filled."""
    return _words()[name].format(**gaps)


def write_on(model: Completes, plan: StoryPlan, seed: int) -> list[Chapter]:
    """A story by going on with a text, with a stated policy for keywords.

    The theme and all keywords stand in the request, and the story begins with a sentence of ours,
    "This is the story of THEME.", because the model else loses it from sight. The model writes a
    chapter in its whole length up to three times, and the draft with the most of the asked words
    is kept, as a passage that is looked up is the one with the most. It is cut to whole sentences
    only as far as the keywords that it lacks need room, 40 words each (or an equal share of a short
    chapter). For each of them a paragraph is begun with "Then the KEYWORD", and the model goes on
    with it, again if it made another word of the keyword ("lamps" of a lamp); after three such
    answers the sentence ends there. These three words count as ours, like the first sentence. The
    rest, up to the length asked for, is the model's own.
    """
    asked = [phrase("story", genre=plan.genre, theme=plan.theme), phrase("story_only")]
    if plan.keywords:
        asked.insert(1, phrase("story_keywords", keywords=", ".join(plan.keywords)))
    head = (
        f"<|im_start|>system\n{phrase('system')}<|im_end|>\n<|im_start|>user\n{' '.join(asked)}"
        "<|im_end|>\n<|im_start|>assistant\n"
    )
    chapters: list[Chapter] = []
    for number, chapter in enumerate(plan.chapters):
        before = "\n\n".join(c.text for c in chapters)
        # The whole story has room in the model's 2,048 tokens: at most 600 words, thrice.
        told = f"{before}\n\n" if before else ""
        opening = "" if number else phrase("opening", theme=plan.theme)
        asked = tuple(dict.fromkeys((*chapter.keywords, *plan.subjects)))
        first = seed * 1000 + number * 100
        chapters.append(_go_on(model, head + told, chapter, asked, opening, first))
    return chapters


def _go_on(
    model: Completes,
    before: str,
    chapter: ChapterPlan,
    asked: tuple[str, ...],
    opening: str,
    seed: int,
) -> Chapter:
    text, begun, calls = opening, [], 0

    def more(begin: str, num_words: int) -> str:
        """The text with a beginning and what the model adds, up to a whole sentence."""
        nonlocal calls
        start = f"{text}\n\n{begin}".strip("\n")
        added = model.complete(
            before + start,
            num_tokens=max(48, round(TOKENS_A_WORD * num_words)),
            temperature=0.8,
            seed=seed + calls,
            anew=calls == 0,
        )
        calls += 1
        if not begin and start and not added.startswith((" ", "\n")):
            added = " " + added
        whole = texts.finish(texts.plain(start + added))
        return whole if len(whole) > len(start) else start + ("." if begin else "")

    def bring_in(keyword: str) -> str:
        """The text with a paragraph that has the keyword; the model may make "lamps" of a lamp."""
        begin = phrase("keyword_opening", keyword=keyword)
        for _ in range(TRIES):
            paragraph = texts.first_sentences(more(begin, each)[len(text) :].strip(), each)
            if texts.occurs(keyword, paragraph):
                return f"{text}\n\n{paragraph}"
        return f"{text}\n\n{begin}."

    each = min(EACH, chapter.words // (len(chapter.keywords) + 1))
    text = with_room(_best_draft(lambda: more("", chapter.words), asked, opening), chapter, each)
    for keyword in chapter.keywords:
        if not texts.occurs(keyword, text):
            begun.append(keyword)
            text = bring_in(keyword)
    for _ in range(TRIES):
        left = chapter.words - len(texts.words(text))
        if left < min(25, chapter.words // 5):  # less is not worth another sentence
            break
        text = more("", left)
    ours = " ".join([opening, *(phrase("keyword_opening", keyword=k) for k in begun)])
    return Chapter(chapter, text, len(texts.words(ours)), tuple(begun), opening)


def _best_draft(draw: Callable[[], str], asked: tuple[str, ...], opening: str) -> str:
    """The draft with the most asked words behind its opening; the first that has them all."""
    best, most = opening, -1
    for _ in range(TRIES):
        draft = draw()
        has = sum(texts.occurs(word, draft.removeprefix(opening)) for word in asked)
        if draft != opening and has > most:
            best, most = draft, has
        if most == len(asked):
            break
    return best


def with_room(text: str, chapter: ChapterPlan, each: int) -> str:
    """As much of a text as leaves room for a paragraph of each keyword that is then missing.

    Args:
        text: an opening and more, in whole sentences.
        chapter: what it must have.
        each: words of such a paragraph.
    """
    for paragraphs in range(len(chapter.keywords) + 1):
        most = max(min(EACH, chapter.words // 2), chapter.words - each * paragraphs)
        kept = texts.first_sentences(text, most, least=2)  # the opening and one more
        if sum(not texts.occurs(k, kept) for k in chapter.keywords) <= paragraphs:
            break
    return kept


def write_by_chat(model: Chats, plan: StoryPlan, seed: int) -> list[Chapter]:
    """A story by asking for each chapter; for models that take messages and nothing else.

    A chapter without one of its keywords is asked for again, up to three times in all; of the
    three the one that lacks fewest is taken. What is still missing gets a closing sentence from a
    template, which counts as ours.
    """
    chapters: list[Chapter] = []
    for chapter in plan.chapters:
        text = _ask(model, plan, chapter, chapters, seed * 1000 + chapter.number * 100)
        missing = tuple(k for k in chapter.keywords if not texts.occurs(k, text))
        closing = " ".join(phrase("keyword_closing", keyword=keyword) for keyword in missing)
        whole = "\n\n".join(part for part in (text, closing) if part)
        chapters.append(Chapter(chapter, whole, len(texts.words(closing)), missing))
    return chapters


def _ask(
    model: Chats, plan: StoryPlan, chapter: ChapterPlan, before: list[Chapter], seed: int
) -> str:
    """The best of a few answers: the first with all its keywords, or with the most."""
    where = {"number": chapter.number, "chapters": len(plan.chapters), "words": chapter.words}
    wanted = [phrase("chapter", genre=plan.genre, theme=plan.theme, **where)]
    if chapter.keywords:
        wanted.append(phrase("chapter_keywords", keywords=", ".join(chapter.keywords)))
    if before:
        wanted.append(phrase("chapter_before", before=before[-1].text))
    messages = [
        {"role": "system", "content": phrase("system")},
        {"role": "user", "content": " ".join([*wanted, phrase("chapter_only")])},
    ]
    best, lacking = "", len(chapter.keywords) + 1
    for number in range(TRIES):
        tokens = round(1.6 * chapter.words)
        answer = model.chat(messages, num_tokens=tokens, temperature=0.8, seed=seed + number)
        text = texts.finish(texts.plain(answer))
        missing = sum(not texts.occurs(k, text) for k in chapter.keywords)
        if text and missing < lacking:
            best, lacking = text, missing
        if best and not lacking:
            break
    return best
