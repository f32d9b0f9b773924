"""Judging films (chapter 6.4): decoded again, looked at, listened to, beside a slide show.

A `FilmTrial` holds what was made; `film_measures` and `film_verdict` say what follows from it,
and `film_answer` alone decides. Who recognises a subject is not who chose the keyframes.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from aigc_apps.contract import Artifact, Measure, standard_error
from aigc_apps.video import container, hearing
from aigc_apps.video.rates import RATE
from aigc_apps.video.request import Storyboard, article_names, storyboards

# What the measures must reach for a film to count as sound; see `film_answer`. The last is of
# the processor and not of the clock, so that a busy machine changes little: 40 s of it are at
# most 40 s on one core, and 20 to 40 s on two. It is no part of a verdict's ``seconds_each``.
LIMITS = {
    "apart_ms": 40.0,
    "word_errors": 40.0,
    "start_ms": 100.0,
    "processor_seconds_for_20": 40.0,
}
LEAST_SEEN = -5.0
"""Points by which subjects may be recognised more seldom than in real pictures."""
LEAST_DETAIL = 0.9
"""Share of real pictures' detail that a film as good as they are has."""


@dataclasses.dataclass(frozen=True)
class FilmTrial:
    """Films of some storyboards, the slide shows that they are compared with, and their cost.

    Attributes:
        requests, films, rivals: storyboards, and what was made of each by model and by copying.
        seconds: that each film took by the clock on the wall, as a user waits.
        processor_seconds_for_20: that 20 seconds of each film took of the processor, with the
            programs that were run.
    """

    requests: Sequence[Storyboard]
    films: Sequence[Artifact]
    rivals: Sequence[Artifact]
    seconds: Sequence[float]
    processor_seconds_for_20: Sequence[float]


def try_films(scenario, num_samples: int, seed: int) -> FilmTrial:
    """Make the first storyboards of the trial; arguments and errors as `Video.evaluate`."""
    boards = storyboards().trial
    if not 1 <= num_samples <= len(boards):
        raise ValueError(
            f"num_samples is {num_samples}: there are {len(boards)} storyboards, so give 1 to 10."
        )
    requests = [scenario.ask(**board) for board in boards[:num_samples]]
    # Models load and graphs compile: not counted.
    scenario.generate(scenario.ask(**storyboards().quick), seed)
    films, seconds, work = [], [], []
    for request in requests:
        start, before = time.perf_counter(), processor_seconds()
        films.append(scenario.generate(request, seed))
        seconds.append(time.perf_counter() - start)
        work.append(20 * (processor_seconds() - before) / request.seconds)
    rivals = [scenario.baseline(request) for request in requests]
    return FilmTrial(requests, films, rivals, seconds, work)


def film_answer(
    *,
    plays: float,
    apart_ms: float,
    word_errors: float,
    start_ms: float,
    processor_seconds_for_20: float,
    seen: float,
    real_seen: float,
    crisp: float,
    real_crisp: float,
) -> str:
    """``"gold"``, ``"ore"`` if only the pictures fall short, else ``"bubble"``.

    Args:
        plays: percent of films that are whole; all must be.
        apart_ms, word_errors, start_ms, processor_seconds_for_20: at most their `LIMITS`.
        seen, real_seen: percent of frames read as their subject, of films and of slide shows;
            films may lack 5 points.
        crisp, real_crisp: detail; films must have nine tenths of the slide shows'.
    """
    reached = {
        "apart_ms": apart_ms,
        "word_errors": word_errors,
        "start_ms": start_ms,
        "processor_seconds_for_20": processor_seconds_for_20,
    }
    if plays != 100 or not all(reached[name] <= limit for name, limit in LIMITS.items()):
        return "bubble"
    as_good = seen >= real_seen + LEAST_SEEN and crisp >= LEAST_DETAIL * real_crisp
    return "gold" if as_good else "ore"


def film_measures(trial: FilmTrial) -> tuple[Measure, ...]:
    """What a trial says of its films and, for the last four, of the slide shows."""
    requests, films, rivals = trial.requests, trial.films, trial.rivals
    number = len(films)

    def measure(name, unit, better, generated, baseline=None, error=None, count=number):
        return Measure(
            name=name, unit=unit, better=better, generated=float(generated),
            baseline=None if baseline is None else float(baseline),
            standard_error=error, number=count,
        )  # fmt: skip

    def both(function) -> list[np.ndarray]:
        return [
            np.array([function(f, r) for f, r in zip(group, requests, strict=True)])
            for group in (films, rivals)
        ]

    probes = [container.probe(film.content) for film in films]
    plays = 100 * np.mean([sound_file(p, r) for p, r in zip(probes, requests, strict=True)])
    apart = max(round(1000 * abs(p.video_seconds - p.audio_seconds), 3) for p in probes)
    checked = [check_sound(film) for film in films]
    alone, mixed = (
        np.array([pair for c in checked for pair in getattr(c, name)], float)
        for name in ("errors_alone", "errors_mixed")
    )
    rate_alone, rate_mixed = (100 * e[:, 0].sum() / e[:, 1].sum() for e in (alone, mixed))
    late, words = max(abs(t) for c in checked for t in c.start_errors_ms), int(alone[:, 1].sum())
    steps, moves = both(lambda f, _: largest_step(f)), both(lambda f, _: moving(f))
    seen, crisp = both(subjects_seen), both(lambda f, _: detail(f))
    return (
        measure("films that decode whole, with picture, sound and text", "%", "higher", plays),
        measure("largest difference of lengths, picture and sound", "ms", "lower", apart),
        measure("word errors of a recogniser, narration alone", "%", "lower", rate_alone,
                error=_ratio_error(alone), count=words),
        measure("word errors of a recogniser, with music, decoded", "%", "lower", rate_mixed,
                error=_ratio_error(mixed), count=words),
        measure("largest error of a narration's start", "ms", "lower", late, count=len(alone)),
        measure("processor seconds for 20 seconds of film", "s", "lower",
                np.median(trial.processor_seconds_for_20)),
        measure("largest step between neighbouring frames", "grey levels", "lower",
                *(step.mean() for step in steps)),
        measure("pairs of neighbouring frames that differ", "%", "higher",
                *(move.mean() for move in moves)),
        measure("frames that nearest neighbours read as their subject", "%", "higher",
                *(share.mean() for share in seen), error=standard_error(seen[0])),
        measure("detail, mean change from a pixel to the next", "of 1", "higher",
                *(share.mean() for share in crisp), error=standard_error(crisp[0])),
    )  # fmt: skip


def film_verdict(trial: FilmTrial) -> dict[str, Any]:
    """The fields of a `Verdict` that a trial decides; ``seconds_each`` is by the clock."""
    measures = film_measures(trial)
    plays, apart, alone, mixed, late, work, _, _, seen, crisp = measures
    answer = film_answer(
        plays=plays.generated,
        apart_ms=apart.generated,
        word_errors=max(alone.generated, mixed.generated),
        start_ms=late.generated,
        processor_seconds_for_20=work.generated,
        seen=seen.generated,
        real_seen=seen.baseline,
        crisp=crisp.generated,
        real_crisp=crisp.baseline,
    )
    return {
        "answer": answer,
        "because": (
            f"{plays.generated:.0f}% of {plays.number} films play, and a recogniser misses "
            f"{mixed.generated:.0f}% "
            f"of the words through the music; {seen.generated:.0f}% of the frames are read as "
            f"their subject (real pictures: {seen.baseline:.0f}%), and they have "
            f"{crisp.generated / crisp.baseline:.0%} of the detail of real pictures, which "
            "are 28 pixels wide themselves."
        ),
        "measures": measures,
        "seconds_each": float(np.median(trial.seconds)),
        "training_seconds": _training_seconds(trial.requests),
        "review_minutes": 2.0,
        "assumed": "That a person watches each film twice and reads its script once: two "
        "minutes. No person rated the films. The voice was not trained here.",
        "risks": (
            "A voice that sounds human can be taken for a person's.",
            "The label in the corner can be cropped and metadata stripped.",
            "Articles that do not exist may be taken for goods.",
        ),
    }


def _training_seconds(requests: Sequence[Storyboard]) -> float:
    from aigc_utils import checkpoints

    names = {request.model for request in requests}
    cards = [checkpoints.load_card(name) for name in names]
    cards += [checkpoints.load_card(c.decodes_with) for c in cards if c.decodes_with]
    return sum(card.seconds for card in cards)


def processor_seconds() -> float:
    """What this process and the programs that it ran have used of the processor so far."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


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


def _ratio_error(pairs: np.ndarray) -> float:
    """Standard error, in percent, of summed errors over summed words (delta method)."""
    errors, words = pairs.T
    if len(pairs) < 2:
        return 0.0
    residual = errors - errors.sum() / words.sum() * words
    return float(100 * residual.std(ddof=1) * np.sqrt(len(pairs)) / words.sum())
