"""Making a story: which writer, by which plan, and the Markdown file that comes of it (6.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aigc_apps import pretrained
from aigc_apps.common import texts
from aigc_apps.common.novels import commonest_forms
from aigc_apps.contract import Artifact
from aigc_apps.safety import Provenance, made_by_line
from aigc_apps.safety.provenance import Origin
from aigc_apps.stories import retrieval, small, template, told
from aigc_apps.stories.plan import Chapter, StoryPlan, plan_story
from aigc_apps.stories.request import LEVELS, Level, StoryRequest, WriterName

# Where each writer's words come from; what the product plants stands in it besides.
ORIGIN: dict[str, Origin] = {
    "small": "model", "pretrained": "model", "endpoint": "model",
    "template": "template", "retrieval": "source",
}  # fmt: skip
CHOSEN = {
    "pretrained": "of up to three drafts the one with the most asked words",
    "endpoint": "of three answers the first with all keywords, or with the most",
    "retrieval": "of all passages the one with most of the theme and the keywords",
}
WITHOUT_MODEL = {"template": "a template", "retrieval": "passages that were looked up"}
# What each writer learnt from, or draws from.
DATA = {
    "small": "novels in the public domain",
    "pretrained": "SmolLM2's own training data",
    "endpoint": "unknown: what the endpoint's model was trained on",
    "template": "sentences written for this course",
    "retrieval": "novels in the public domain",
}


def choose_writer(name: WriterName) -> tuple[str, Callable[[StoryPlan, int], list[Chapter]]]:
    """The model's name, and what writes a plan with a seed.

    Raises:
        ValueError: if its packages, checkpoint or endpoint are missing.
    """
    if name == "template":
        return WITHOUT_MODEL[name], template.write_from_template
    if name == "retrieval":
        return WITHOUT_MODEL[name], retrieval.write_passages
    if name == "pretrained":
        model = pretrained.SmolLM()
        return model.name, lambda plan, seed: told.write_on(model, plan, seed)
    if name == "endpoint":
        endpoint = pretrained.Endpoint.from_environment()
        return endpoint.name, lambda plan, seed: told.write_by_chat(endpoint, plan, seed)
    writer = small.load_prose_writer()
    return writer.name, writer.write


def planned(request: StoryRequest) -> StoryPlan:
    """The plan of what a request asks for."""
    return plan_story(
        request.theme, request.genre, request.keywords, request.chapters, request.words
    )


def story_file(
    request: StoryRequest, chapters: Sequence[Chapter], provenance: Provenance
) -> Artifact:
    """Chapters as a Markdown file that says what made it and how many words are ours."""
    begun = [keyword for chapter in chapters for keyword in chapter.begun]
    missing = [keyword for chapter in chapters for keyword in chapter.missing]
    body = "\n\n".join(chapter.text for chapter in chapters)
    details = {
        "chapters": [chapter.text for chapter in chapters],
        "words": len(texts.words(body)),
        "words_by_template": sum(chapter.ours for chapter in chapters),
        "begun": begun,
        "missing": missing,
        "opening": chapters[0].opening,
        "sources": [chapter.source for chapter in chapters if chapter.source],
    }
    if request.level != "any":
        details["within_level"] = within(request.level, body)
    content = _markdown(request, chapters, _foot(made_by_line(provenance), details))
    return Artifact(content.encode(), "text/markdown", ".md", provenance, details)


def story_making(writer: WriterName, chapters: Sequence[Chapter]) -> dict[str, Any]:
    """What a provenance says of a story's making: its parts, the choice, what was planted."""
    parts: dict[str, Origin] = {"text": ORIGIN[writer]}
    if any(chapter.ours for chapter in chapters):
        parts["openings and planted words"] = "template"
    planted = dict.fromkeys(word for chapter in chapters for word in chapter.begun)
    return {
        "parts": parts,
        "chosen": CHOSEN.get(writer, ""),
        "repairs": tuple(f"planted: {word}" for word in planted),
    }


def within(level: Level, text: str) -> float:
    """The share of a text's words that are in a level, as the novels count: names are words too."""
    spoken, known = texts.words(text), commonest_forms(LEVELS[level])
    return sum(word in known for word in spoken) / max(1, len(spoken))


def _markdown(request: StoryRequest, chapters: Sequence[Chapter], foot: str) -> str:
    """A title, chapters under headings of their own if there are several, and the foot."""
    theme = request.theme[0].upper() + request.theme[1:]
    parts = [f"# {theme}"]
    for chapter in chapters:
        if len(chapters) > 1:
            title = f": {chapter.plan.title}" if chapter.plan.title else ""
            parts.append(f"## Chapter {chapter.plan.number}{title}")
        parts.append(chapter.text)
    return "\n\n".join([*parts, "---", foot]) + "\n"


def _foot(line: str, details: dict) -> str:
    ours = details["words_by_template"]
    kept = f"{ours} of {details['words']} words are from a template."
    if details["missing"]:
        kept += f" Not brought in: {', '.join(details['missing'])}."
    if details["sources"]:
        kept += f" From {'; '.join(dict.fromkeys(details['sources']))}."
    if "within_level" in details:
        kept += f" {details['within_level']:.0%} of its words are in the level."
    return f"*{line[0].upper()}{line[1:]}. {kept}*"
