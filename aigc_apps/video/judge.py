"""Judging films (chapter 6.4): decoded again, looked at, listened to, beside one's own slides.

`measure_films` measures what ``claims.yml`` claims. Who recognises a subject is not who chose the
keyframes.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from aigc_apps.contract import Artifact, Scenario
from aigc_apps.evaluation.items import Items
from aigc_apps.evaluation.trials import Measured, answer_all, measure_all
from aigc_apps.video import container, hearing
from aigc_apps.video.rates import RATE
from aigc_apps.video.request import Storyboard, article_names, storyboards

LATE_MS = 100.0
"""How far a sentence may begin from its subtitle; people notice more."""


def measure_films(
    scenario: Scenario, number: int, seed: int, say: Callable[[str], Any] | None
) -> Measured:
    """The claims of ``claims.yml``, measured; see `Scenario.measure`.

    Raises:
        ValueError: also if the recogniser is not installed.
    """
    from aigc_utils import checkpoints

    requests = scenario.trial_requests(number)
    # Models load and graphs compile: not counted.
    scenario.generate(scenario.ask(**storyboards().quick), seed)
    films, seconds = answer_all(scenario.generate, requests, seed, say, "films")
    slides, _ = answer_all(scenario.baseline, requests, seed, say, "slides")
    items, arms = Items(), {"generated": films, "strong_simple": slides}
    heard = {name: check_sound(film) for name, (film,) in films.items()}
    for name, (film,) in films.items():
        items.add(
            "plays", "generated", name, [sound_file(container.probe(film.content), requests[name])]
        )
        items.add(
            "in_time", "generated", name, [max(map(abs, heard[name].start_errors_ms)) <= LATE_MS]
        )
        missed, words = map(sum, zip(*heard[name].errors_mixed, strict=True))
        items.add("understood", "generated", name, [missed / words])
    for arm, made in arms.items():
        for name, (film,) in made.items():
            items.add("seen", arm, name, [subjects_seen(film, requests[name]) / 100])
    measure_all(items, "detail", arms, detail)
    measure_all(items, "jumps", arms, largest_step)
    measure_all(items, "moves", arms, lambda film: moving(film) / 100)
    names = {request.model for request in requests.values()}
    cards = [checkpoints.load_card(name) for name in names]
    cards += [checkpoints.load_card(c.decodes_with) for c in cards if c.decodes_with]
    return Measured(
        items=items,
        requests={name: request.model_dump(mode="json") for name, request in requests.items()},
        model=next(iter(films.values()))[0].provenance.model,
        settings={"late_ms": LATE_MS},
        seconds=seconds,
        training_seconds=sum(card.seconds for card in cards),
    )


# ---- measures --------------------------------------------------------------------------


def sound_file(found: container.Probe, request: Storyboard) -> bool:
    """Whether a film decodes without complaint and holds all that its storyboard asks for."""
    kinds = {"video", "audio"} | (
        {"subtitle"} if any(s.narration for s in request.shots) else set()
    )
    return (
        not found.problems
        and kinds <= set(found.streams)
        and found.num_frames == request.bounds[-1]
        and found.size == (request.height * 16 // 9, request.height)
    )


@dataclasses.dataclass(frozen=True)
class SoundCheck:
    """What a recogniser and a correlation found in a film's decoded sound.

    Attributes:
        errors_alone, errors_mixed: word errors and words, by line: of the voice without music,
            and of what the file plays.
        start_errors_ms: by line, how late the voice begins; negative if early.
    """

    errors_alone: tuple[tuple[int, int], ...]
    errors_mixed: tuple[tuple[int, int], ...]
    start_errors_ms: tuple[float, ...]


def check_sound(film: Artifact) -> SoundCheck:
    """Listen to each line of a film, alone and as it plays, and find where it begins.

    Raises:
        ValueError: if the recogniser is not installed.
    """
    played, voice = container.read_sound(film.content), film.details["voice"]
    alone, mixed, late = [], [], []
    for line, clip in zip(film.details["lines"], film.details["clips"], strict=True):
        here = slice(round((line.start - 0.2) * RATE), round((line.end + 0.15) * RATE))
        alone.append(hearing.word_errors(line.text, hearing.listen(voice[here])))
        mixed.append(hearing.word_errors(line.text, hearing.listen(played[here])))
        late.append(1000 * start_error(played, clip, line.start))
    return SoundCheck(tuple(alone), tuple(mixed), tuple(late))


def start_error(played: np.ndarray, clip: np.ndarray, start: float, within: float = 0.5) -> float:
    """How many seconds after ``start`` a spoken clip is heard in decoded sound.

    The clip is slid over what is played; the lag of the largest cross-correlation is the
    answer, to a sample.
    """
    from scipy import signal

    reach, first = round(within * RATE), round(start * RATE)
    window = np.pad(played, reach)[first : first + len(clip) + 2 * reach]
    return (int(np.argmax(signal.correlate(window, clip, mode="valid"))) - reach) / RATE


def frame_steps(film: Artifact) -> np.ndarray:
    """Mean change of each frame from the one before, grey levels of 255, in the decoded file.

    Only the middle of the frame is looked at, without title and subtitles: shape (N - 1,).
    """
    grey = container.read_frames(film.content, height=90).astype(np.float32)
    middle = grey[:, 16:72, 52:108]
    return np.abs(np.diff(middle, axis=0)).mean(axis=(1, 2))


def largest_step(film: Artifact) -> float:
    """The largest of `frame_steps`, which a cut makes large and a morph keeps small."""
    return float(frame_steps(film).max())


def moving(film: Artifact, threshold: float = 0.2) -> float:
    """Percent of `frame_steps` above a threshold that an encoder's noise does not reach."""
    return 100 * float((frame_steps(film) > threshold).mean())


def subjects_seen(film: Artifact, request: Storyboard) -> float:
    """Percent of a film's pictures that `picture_judge` reads as a subject of their shot."""
    read = picture_judge().predict(film.details["pictures"].reshape(-1, 784))
    hits = [
        np.isin(read[first:end], [article_names().index(name) for name in shot.subject])
        for shot, (first, end) in zip(
            request.shots, itertools.pairwise(request.bounds), strict=True
        )
        if shot.subject
    ]
    return 100 * float(np.concatenate(hits).mean())


def detail(film: Artifact) -> float:
    """Mean change of intensity from a pixel to the next in a film's pictures, 0 to 1."""
    pictures = film.details["pictures"]
    changes = (np.abs(np.diff(pictures, axis=axis)).mean() for axis in (1, 2))
    return float(sum(changes)) / 2


@functools.cache
def picture_judge():
    """A judge of pictures that chose none: the five nearest of 10,000 training images vote."""
    from sklearn.neighbors import KNeighborsClassifier

    from aigc_utils import data

    fashion = data.load_images("fashion_mnist")
    judge = KNeighborsClassifier(n_neighbors=5, algorithm="brute")
    images = data.to_unit(fashion.x_train[:10_000]).reshape(-1, 784)
    return judge.fit(images, fashion.y_train[:10_000])
