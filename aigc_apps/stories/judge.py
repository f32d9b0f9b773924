"""Judging stories: requests to try, what can be counted of them, and the verdict (6.1).

Nothing here is needed to make a story. Read `decide_stories` for what an answer hangs on.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel

from aigc_apps import pretrained
from aigc_apps.common import texts
from aigc_apps.contract import Artifact, Measure, Scenario, standard_error, timed
from aigc_apps.stories import small
from aigc_apps.stories.request import Genre, StoryRequest, WriterName
from aigc_utils import data
from aigc_utils.files import read_yaml

KEYWORDS = "stories with all their keywords"
BY_ITSELF = "keywords that the model brought in by itself"
THEMED = "stories that name a thing of their theme twice"
LENGTH = "words more or less than asked for"
REPEATS = "runs of four words that stood in the story before"
VARIETY = "pairs of words that are different, over all stories"
LINKED = "sentences that share a content word with the one before"
ORDERED = "what the small model gains from the sentence before, over another one"
OURS = "words from a template"


class _Trial(BaseModel, extra="forbid", frozen=True):
    """What is in trial.yml: what is tried, and what the verdict says besides numbers."""

    themes: tuple[str, ...]
    keywords: tuple[str, ...]
    verdict: dict[str, Any]


@cache
def _trial() -> _Trial:
    return read_yaml(Path(__file__).with_name("trial.yml"), _Trial)


def judge_stories(
    stories: Scenario,
    num_samples: int,
    seed: int = 0,
    writer: WriterName | None = None,
    words: int = 300,
) -> dict[str, Any]:
    """The measured fields of a `Verdict` on a writer: see `Stories.evaluate`."""
    writer = writer or ("pretrained" if pretrained.is_installed() else "small")
    requests = trial_requests(num_samples, seed, writer, words)
    tries = [timed(stories.generate, request, seed + n) for n, request in enumerate(requests)]
    made, seconds = zip(*tries, strict=True)
    plain = [stories.baseline(request, seed + n) for n, request in enumerate(requests)]
    human = novel_passages(num_samples, words, seed)
    measures = measure_stories(made, plain, human, small.load_prose_writer())
    return {
        "answer": decide_stories(measures),
        "because": _because(writer, measures),
        "measures": measures,
        "seconds_each": statistics.median(seconds[1:] or seconds),  # the first loads the model
        "training_seconds": _training_seconds(writer),
        **_trial().verdict,
    }


def decide_stories(measures: Iterable[Measure]) -> Literal["ore", "bubble"]:
    """The answer by three of the measures; there is no gold, since nobody read the stories.

    Ore if at least 95% of the stories have all their keywords, repeats are at most half as many
    again as in novels, and more pairs of words are different than in the template's stories.
    """
    by = {measure.name: measure for measure in measures}
    repeats, variety = by[REPEATS], by[VARIETY]
    keeps_form = by[KEYWORDS].generated >= 95 and repeats.generated <= 1.5 * repeats.people
    return "ore" if keeps_form and variety.generated > variety.baseline else "bubble"


def _because(writer: str, measures: Iterable[Measure]) -> str:
    by = {measure.name: measure for measure in measures}
    repeats, variety = by[REPEATS], by[VARIETY]
    return (
        f"The writer {writer!r} brings the keywords into "
        f"{by[KEYWORDS].generated:.0f} % of the stories, repeats {repeats.generated:.2f} % of its "
        f"runs of four words (novels: {repeats.people:.2f} %), and of its pairs of words "
        f"{variety.generated:.0f} % are different (template: {variety.baseline:.0f} %), but "
        "nothing here measures whether anybody would read on, so it is raw material at best."
    )


def trial_requests(
    number: int, seed: int, writer: WriterName, num_words: int = 300
) -> list[StoryRequest]:
    """Requests of so many words each: themes in turn, three keywords by lot.

    Raises:
        ValueError: if ``number`` is not at least 1.
    """
    if number < 1:
        raise ValueError(f"num_samples is {number}: give at least 1.")
    rng = np.random.default_rng(seed)
    genres, nouns, themes = Genre.__args__, _trial().keywords, _trial().themes
    requests = []
    for n in range(number):
        theme, genre = themes[n % len(themes)], genres[n % len(genres)]
        chosen = tuple(str(w) for w in rng.permutation(nouns) if w not in theme)[:3]
        asked = {"theme": theme, "keywords": chosen, "genre": genre, "words": num_words}
        requests.append(StoryRequest(**asked, writer=writer))
    return requests


def measure_stories(
    stories: Sequence[Artifact],
    plain: Sequence[Artifact],
    human: Sequence[str],
    judge: small.SmallWriter | None = None,
) -> tuple[Measure, ...]:
    """What can be counted of stories, of the template's, and of passages by people.

    Args:
        stories, plain: answers to the same requests, by a model and by the template.
        human: passages of novels, about as long.
        judge: a model whose sense of order is asked; None leaves that measure out.
    """
    made, base = ([_body(a) for a in artifacts] for artifacts in (stories, plain))
    # Variety falls with length: everybody is measured on as many words.
    size = min(sum(len(texts.words(t)) for t in group) for group in (made, base, human))

    def of_artifacts(name: str, better: str, share: Callable[[Artifact], float]) -> Measure:
        return _measure(name, better, map(share, stories), map(share, plain))

    def of_texts(name: str, better: str, share: Callable[[str], float], **unit) -> Measure:
        return _measure(name, better, *(map(share, g) for g in (made, base, human)), **unit)

    def variety(group: Sequence[str]) -> float:
        return 100 * texts.distinct_share([" ".join(_first_words(group, size))])

    rows = [
        of_artifacts(KEYWORDS, "higher", lambda a: not a.details["missing"]),
        of_artifacts(BY_ITSELF, "higher", _by_itself),
        of_artifacts(THEMED, "higher", _themed),
        of_artifacts(LENGTH, "lower", _off_length),
        of_artifacts(OURS, "lower", _template_share),
        of_texts(REPEATS, "lower", texts.repeated_share),
        Measure(
            name=VARIETY,
            unit="%",
            better="higher",
            number=len(stories),
            generated=variety(made),
            baseline=variety(base),
            people=variety(human),
        ),
        of_texts(LINKED, "higher", texts.linked_share),
    ]
    if judge is not None:
        rows.append(of_texts(ORDERED, "higher", judge.order_gain, unit="nats a token"))
    return tuple(rows)


def _measure(
    name: str,
    better: Literal["higher", "lower"],
    generated: Iterable[float],
    baseline: Iterable[float],
    human: Iterable[float] | None = None,
    unit: str = "%",
) -> Measure:
    """The means of shares or other numbers, one for each text; shares become percent."""
    scale = 100 if unit == "%" else 1
    made = scale * np.array([float(value) for value in generated])
    return Measure(
        name=name,
        unit=unit,
        better=better,
        number=len(made),
        generated=float(made.mean()),
        standard_error=standard_error(made),
        baseline=scale * statistics.fmean(map(float, baseline)),
        people=None if human is None else scale * statistics.fmean(map(float, human)),
    )


def novel_passages(number: int, num_words: int = 300, seed: int = 0) -> list[str]:
    """Passages of novels that the small model was not trained on."""
    held_out = data.load_texts("english_prose").test
    return texts.passages("\n\n".join(t.text for t in held_out), num_words, number, seed)


def _body(artifact: Artifact) -> str:
    return "\n\n".join(artifact.details["chapters"])


def _first_words(group: Sequence[str], size: int) -> list[str]:
    """As many words of each text as make ``size`` together."""
    each = -(-size // len(group))
    return [word for text in group for word in texts.words(text)[:each]][:size]


def _by_itself(artifact: Artifact) -> float:
    asked = artifact.provenance.request["keywords"]
    return 1 - len(artifact.details["begun"]) / len(asked) if asked else 1.0


def _themed(artifact: Artifact) -> bool:
    """Whether a content word of the theme occurs twice: once it is in every opening."""
    spoken = texts.words(_body(artifact))
    subjects = texts.content_words(artifact.provenance.request["theme"])
    return any(spoken.count(subject) > 1 for subject in subjects)


def _off_length(artifact: Artifact) -> float:
    return abs(artifact.details["words"] / artifact.provenance.request["words"] - 1)


def _template_share(artifact: Artifact) -> float:
    return artifact.details["words_by_template"] / max(1, artifact.details["words"])


def _training_seconds(writer: str) -> float:
    """What the course's own training took; somebody else's is not on any card here."""
    if writer != "small":
        return 0.0
    from aigc_utils import checkpoints

    return float(checkpoints.load_card("english_prose").seconds)
