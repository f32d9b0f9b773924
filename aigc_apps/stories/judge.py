"""How the claims about stories are measured: on the requests of ``trial.yml`` (6.1).

Nothing here is needed to make a story.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from aigc_apps import pretrained
from aigc_apps.common import novels, texts
from aigc_apps.common.reading import ProseReader
from aigc_apps.contract import Artifact, Scenario
from aigc_apps.evaluation.items import Items
from aigc_apps.evaluation.trials import Answers, Measured, answer_all, measure_all
from aigc_apps.stories import small
from aigc_apps.stories.request import Genre, StoryRequest, WriterName
from aigc_utils import checkpoints

COPIED = 8  # words in a row that nobody writes again by chance; claims.yml says it in words


def measure_stories(
    stories: Scenario,
    number: int,
    seed: int = 0,
    say: Callable[[str], Any] | None = None,
    writer: WriterName | None = None,
) -> Measured:
    """The claims of ``claims.yml``, measured for a writer: see `Stories.measure`."""
    writer = writer or writer_to_measure()
    requests = trial_requests(stories, number, writer)
    made, seconds = answer_all(stories.generate, requests, seed, say, "stories")
    plain, _ = answer_all(stories.baseline, requests, seed)
    words = stories.trial.words
    passages = novels.held_out_passages(number, words, seed)
    people = {name: [text] for name, text in zip(requests, passages, strict=True)}
    size = first_words(made, plain, people)
    by_small = writer == "small"
    card = checkpoints.load_card(small.CHECKPOINT) if by_small else None
    return Measured(
        items=measure_claims(made, plain, people, size, small.load_prose_writer()),
        requests={name: request.model_dump(mode="json") for name, request in requests.items()},
        model=next(iter(made.values()))[0].provenance.model,
        model_sha256=card.weights_sha256 if card else "",
        settings={"writer": writer, "words": words, "first words that are compared": size},
        seconds=seconds,
        training_seconds=float(card.seconds) if card else 0.0,
    )


def writer_to_measure() -> WriterName:
    """The pretrained writer where it is installed, else the small one."""
    return "pretrained" if pretrained.is_installed() else "small"


def trial_requests(stories: Scenario, number: int, writer: WriterName) -> dict[str, StoryRequest]:
    """So many requests of ``trial.yml`` by their themes, with genres in turn.

    Raises:
        ValueError: if ``number`` is not at least 1, or more than there are.
    """
    trial, genres = stories.trial, Genre.__args__
    fixed = {"words": trial.words, "writer": writer}
    return {
        tried.theme: stories.ask(**tried.model_dump(), genre=genres[n % len(genres)], **fixed)
        for n, tried in enumerate(trial.first(trial.requests, number))
    }


def measure_claims(
    made: Answers, plain: Answers, people: Answers, size: int, judge: ProseReader
) -> Items:
    """One value an item of each claim.

    Args:
        made, plain: stories by request, of a writer and of the strong simple way.
        people: passages of novels by request.
        size: words of each text whose pairs are compared, see `first_words`.
        judge: a model of novels, which says whether a word is in its place.
    """
    items, stories = Items(), {"generated": made, "strong_simple": plain}
    everybody = stories | {"people": people}
    runs = novels.known_runs(COPIED)
    measure_all(items, "keywords", stories, lambda a: not a.details["missing"])
    measure_all(items, "used", stories, lambda a: _used(a, judge))
    measure_all(items, "by_itself", stories, _by_itself)
    measure_all(items, "themed", stories, _themed)
    measure_all(items, "length", stories, lambda a: abs(_words(a) / _request(a)["words"] - 1))
    measure_all(items, "planted", stories, lambda a: a.details["words_by_template"] / _words(a))
    measure_all(items, "repeats", everybody, lambda a: texts.repeated_share(body(a)))
    measure_all(items, "order", everybody, lambda a: judge.order_gain(body(a)))
    measure_all(items, "copied", everybody, lambda a: texts.shared_runs(body(a), runs, COPIED))
    for arm, answers in everybody.items():
        told = {name: body(answer) for name, (answer,) in answers.items()}
        for name, share in texts.fresh_shares(told, size).items():
            items.add("fresh", arm, name, [share])
            items.add("links", arm, name, [texts.linked_share(told[name], _asked(made[name][0]))])
    return items


def body(answer: Artifact | str) -> str:
    """The text of a story, or a passage as it is."""
    return answer if isinstance(answer, str) else "\n\n".join(answer.details["chapters"])


def first_words(*arms: Answers) -> int:
    """As many words as the shortest text of all arms has."""
    return min(len(texts.words(body(text))) for arm in arms for (text,) in arm.values())


def _request(story: Artifact) -> dict[str, Any]:
    return story.provenance.request


def _words(story: Artifact) -> int:
    return max(1, story.details["words"])


def _asked(story: Artifact) -> tuple[str, ...]:
    """The words that a request asks for: its keywords, and what its theme is about."""
    asked = (*_request(story)["keywords"], *texts.content_words(_request(story)["theme"]))
    return tuple(dict.fromkeys(word.lower() for word in asked))


def _told(story: Artifact) -> str:
    """A story without its opening, which is ours."""
    return body(story).removeprefix(story.details["opening"])


def _own(story: Artifact) -> list[str]:
    """The asked words that the writer brought in: not planted, nor in the opening alone."""
    begun, text = {word.lower() for word in story.details["begun"]}, _told(story)
    return [word for word in _asked(story) if word not in begun and texts.occurs(word, text)]


def _used(story: Artifact, judge: ProseReader) -> float:
    return sum(judge.fits(_told(story), w) for w in _own(story)) / len(_asked(story))


def _by_itself(story: Artifact) -> float:
    asked, own = _request(story)["keywords"], _own(story)
    return float(np.mean([word.lower() in own for word in asked]))


def _themed(story: Artifact) -> bool:
    spoken = texts.words(body(story))
    themes = texts.content_words(_request(story)["theme"])
    return any(spoken.count(word) > 1 for word in themes)
