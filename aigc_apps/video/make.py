"""Making films (chapter 6.4): voice, pictures, music and titles of a storyboard, in one file."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import aigc_apps
from aigc_apps.contract import Artifact
from aigc_apps.safety import Provenance, file_comment
from aigc_apps.safety.provenance import Origin
from aigc_apps.video import container, frames, sound, speech
from aigc_apps.video.frames import Caption, PathGenerator
from aigc_apps.video.moods import film_moods
from aigc_apps.video.rates import FRAME_RATE, RATE
from aigc_apps.video.request import Storyboard, article_names
from aigc_apps.video.slides import Slide, fitted
from aigc_utils.files import atomic_path, sha256

LEAD_IN = 0.4
"""Seconds from the beginning of a shot to its first word."""
TITLE_SECONDS = 2.5
LONGEST_MUSIC = 16.0
"""Seconds of music that are composed; a longer film hears them again."""
COMPOSER = "bach_chorales"
"""The checkpoint that the music application composes with; without it chords are played by rule."""
MOST_BARS = 16
"""Of music that can be asked for at once."""
_TAIL = 0.2  # seconds that a sentence leaves free at the end of its shot


@dataclasses.dataclass(frozen=True)
class Line:
    """A sentence in a film: when it is read, in seconds from the start, and how fast."""

    start: float
    end: float
    text: str
    pace: float


@dataclasses.dataclass(frozen=True)
class FilmParts:
    """What a film is put together from.

    Attributes:
        lines: the sentences, in order.
        clips: each sentence's voice, float32 at `RATE`.
        voice: all of them on one track, float32, shape (seconds * RATE,).
        sound: voice and music, of the same shape.
        composer: who made the music.
        pictures: of all frames, 0 to 1, shape (N, 28, 28).
    """

    lines: list[Line]
    clips: list[np.ndarray]
    voice: np.ndarray
    sound: np.ndarray
    composer: str
    pictures: np.ndarray


def gather_parts(
    request: Storyboard, seed: int, draw: Callable[[Storyboard, int], np.ndarray]
) -> FilmParts:
    """All that a storyboard needs, made one after another from a seed.

    Args:
        request: the storyboard.
        seed: of voice, pictures and music.
        draw: the pictures of all frames, 0 to 1, shape (N, 28, 28).
    """
    clips, lines = read_aloud(request, seed)
    pictures = draw(request, seed)
    voice = sound.voice_track(
        [(line.start, clip) for line, clip in zip(lines, clips, strict=True)], request.seconds
    )
    music, composer = background(request.mood, request.seconds, seed)
    mixed = sound.mix(voice, music, [(line.start, line.end) for line in lines])
    return FilmParts(lines, clips, voice, mixed, composer, pictures)


def makers(pictures: str, parts: FilmParts) -> str:
    """What made a film, for its provenance: who made the pictures, the voice, the music."""
    voice = speech.find_voice().name if parts.lines else "no voice"
    return ", ".join([pictures, voice, parts.composer])


def own_slides(request: Storyboard) -> list[Slide]:
    """One's own pictures with the frames in which they are shown."""
    box = frames.slide_box(request.height)
    return [
        Slide(first, last, fitted(shot.picture, *box))
        for shot, (first, last) in zip(
            request.shots, itertools.pairwise(request.bounds), strict=True
        )
        if shot.picture
    ]


def without_paths(asked: dict[str, Any]) -> dict[str, Any]:
    """What was asked, with names of pictures in place of folders, which are nobody's business."""
    shots = [shot | {"picture": Path(shot["picture"]).name} for shot in asked["shots"]]
    return asked | {"shots": shots}


def film_making(request: Storyboard, parts: FilmParts, draws: bool) -> dict[str, Origin]:
    """Where the parts of a film come from; its music is by rule where no model for it is there."""
    pictures: dict[str, Origin] = {}
    if any(shot.subject for shot in request.shots):
        pictures["pictures"] = "model" if draws else "source"
    for shot in request.shots:
        if shot.picture:
            name = f"{Path(shot.picture).name} ({sha256(shot.picture)[:12]})"
            pictures[name] = "person"
    voice: dict[str, Origin] = {"voice": "model"} if parts.lines else {}
    music: Origin = "rule" if parts.composer.endswith("by rule") else "model"
    return {**pictures, **voice, "music": music, "words": "person"}


def read_aloud(request: Storyboard, seed: int = 0) -> tuple[list[np.ndarray], list[Line]]:
    """The voice's clips, and when each is heard; a pace above 1 was needed to fit.

    Raises:
        ValueError: if a sentence does not fit into its shot.
    """
    clips, lines = [], []
    parts = zip(request.shots, itertools.pairwise(request.bounds), strict=True)
    for shot, (first, end) in parts:
        if not shot.narration:
            continue
        start = first / FRAME_RATE + LEAD_IN
        clip, pace = speech.speak_within(
            shot.narration, end / FRAME_RATE - _TAIL - start, seed=seed
        )
        clips.append(clip)
        lines.append(Line(start, start + len(clip) / RATE, shot.narration, pace))
    return clips, lines


def draw_shots(generator: PathGenerator, request: Storyboard, seed: int = 0) -> np.ndarray:
    """The pictures of all frames, shots melted into each other: (N, 28, 28), 0 to 1."""
    shots = []
    for number, shot in enumerate(request.shots):
        labels = [article_names().index(name) for name in shot.subject]
        length = request.bounds[number + 1] - request.bounds[number]
        if shot.picture:
            shots.append(np.zeros((length, 28, 28), np.float32))
            continue
        shots.append(generator.shot(labels, length, seed=1000 * seed + number))
    return frames.joined(shots)


def real_slides(request: Storyboard, seed: int = 0) -> np.ndarray:
    """Real pictures of a storyboard's subjects, standing still: (N, 28, 28), 0 to 1."""
    del seed  # they are always the same
    real = _real_pictures()
    slides = []
    for number, shot in enumerate(request.shots):
        length = request.bounds[number + 1] - request.bounds[number]
        if shot.picture:
            slides.append(np.zeros((length, 28, 28), np.float32))
            continue
        share = np.linspace(0, len(shot.subject), length, endpoint=False).astype(int)
        slides.append(np.stack([real[shot.subject[s]][number] for s in share]))
    return np.concatenate(slides)


def background(mood: str, seconds: float, seed: int) -> tuple[np.ndarray, str]:
    """Music for a mood, and who made it: the music application if it can, else chords by rule.

    Returns:
        float32 at `RATE`, shape (round(seconds * RATE),), and a name for the provenance.
    """
    from aigc_utils import checkpoints

    if COMPOSER not in checkpoints.available():
        return sound.pad(mood, seconds, seed), "music: chords by rule"
    composer = _composer()
    bars = bars_for(min(seconds, LONGEST_MUSIC), mood)
    piece = composer.generate(composer.ask(mood=mood, bars=bars, format="wav"), seed)
    heard = speech.resample(piece.details["samples"], piece.details["rate"], RATE)
    return sound.looped(heard, seconds), f"music: {checkpoint_label(COMPOSER)}"


def bars_for(seconds: float, mood: str) -> int:
    """How many bars of music last at least so long in a mood: even, 2 to `MOST_BARS`."""
    bars = seconds * film_moods()[mood].tempo / 60 / 4
    return min(MOST_BARS, max(2, 2 * math.ceil(bars / 2)))


@functools.cache
def _composer():
    return aigc_apps.load_application("music")


def subtitles(lines: Sequence[Line]) -> str:
    """The text of an ``.srt`` file."""
    blocks = []
    for number, line in enumerate(lines, 1):
        # An arrow in the text could pass for a time line.
        text = line.text.replace("-->", "->")
        blocks.append(f"{number}\n{srt_time(line.start)} --> {srt_time(line.end)}\n{text}\n")
    return "\n".join(blocks)


def srt_time(seconds: float) -> str:
    """A time as an ``.srt`` file writes it, such as ``"00:00:01,250"``."""
    milliseconds = round(1000 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"00:{minutes:02}:{rest // 1000:02},{rest % 1000:03}"


def film_file(request: Storyboard, origin: Provenance, parts: FilmParts) -> bytes:
    """A film with pictures, title, captions, sound, subtitles, and where it comes from."""
    composed = frames.draw_frames(
        parts.pictures,
        height=request.height,
        mood=request.mood,
        title=_title(request),
        slides=own_slides(request),
        captions=[
            Caption(round(o.start * FRAME_RATE), round(o.end * FRAME_RATE) + 5, o.text)
            for o in parts.lines
        ],
    )
    metadata = {"comment": file_comment(origin), "description": origin.model_dump_json()}
    return _encode(composed, request, metadata, sound=parts.sound, subtitles=subtitles(parts.lines))


def save_film(film: Artifact, path: str | os.PathLike) -> None:
    """Write a film, its subtitles beside it as ``.srt``, and its provenance.

    Raises:
        ValueError: if the suffix is another than the film's.
        OSError: if a file cannot be written.
    """
    film.save(path)
    with atomic_path(Path(path).with_suffix(".srt")) as temporary:
        temporary.write_text(film.details["srt"], encoding="utf-8")


def checkpoint_label(name: str) -> str:
    """A checkpoint's name with its hash."""
    from aigc_utils import checkpoints

    return checkpoints.load_card(name).label


def _title(request: Storyboard) -> Caption:
    return Caption(0, round(TITLE_SECONDS * FRAME_RATE), request.title)


def _encode(composed, request: Storyboard, metadata: dict[str, str], **streams) -> bytes:
    return container.encode_film(
        composed,
        (request.height * 16 // 9, request.height),
        container=request.format,
        metadata={"title": request.title} | metadata,
        quality=23 if request.format == "mp4" else 36,
        sound_bits=48_000 if request.height == 180 else 96_000,
        **streams,
    )


@functools.cache
def _real_pictures() -> dict[str, np.ndarray]:
    """The first eight test images of each class, by name."""
    from aigc_utils import data

    fashion = data.load_images("fashion_mnist")
    return {
        name: data.to_unit(fashion.x_test[np.flatnonzero(fashion.y_test == label)[:8]])
        for label, name in enumerate(article_names())
    }
