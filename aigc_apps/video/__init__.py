"""Films from a storyboard: pictures that turn into each other, a voice, music, and titles.

The essay promises "视频和音频生成：根据剧本和主题，生成相应的视频和音频内容" (§3.4.2: video and
audio from a script and a theme). Here the script is a storyboard of shots, each a subject or two to
morph between, some seconds, and a sentence. Everything is made on this machine::

    film = Video().generate(Video.Request(**storyboard), seed=0)
    save_film(film, "film.mp4")     # and film.srt, and where it comes from
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import itertools
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from aigc_apps import contract
from aigc_apps.safety import POLICY, made_by_line
from aigc_apps.video import container, frames, sound, speech
from aigc_apps.video.container import Container
from aigc_apps.video.frames import Caption, PathGenerator
from aigc_apps.video.rates import FRAME_RATE, RATE
from aigc_apps.video.storyboards import STORYBOARDS
from aigc_utils.files import atomic_path

LEAD_IN = 0.4
"""Seconds from the beginning of a shot to its first word."""
LONGEST = 60.0
"""Seconds of the longest film."""
MOST_SHOTS = 8
TITLE_SECONDS = 2.5
LONGEST_MUSIC = 16.0
"""Seconds of music that are composed; a longer film hears them again."""
_TAIL = 0.2  # seconds that a sentence leaves free at the end of its shot
_LARGEST_FILE = 64_000  # bytes of a storyboard file

# What the measures must reach for the film to count as sound; see `Video.evaluate`.
# Seconds are of the processor, so that a busy machine changes little: 40 of them are at most
# 40 s on one core, and 20 to 40 s on two.
LIMITS = {"apart_ms": 40.0, "word_errors": 40.0, "start_ms": 100.0, "seconds_for_20": 40.0}


@functools.cache
def classes() -> tuple[str, ...]:
    """The articles that can be drawn, in the order of their labels."""
    from aigc_utils import data

    return tuple(data.load_card("fashion_mnist").class_names)


def _subjects(value: Any) -> Any:
    """Class names from ``"Bag"``, ``"Shirt to Dress"`` or a list; unknown ones are refused."""
    parts = value.split(" to ") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(p, str) for p in parts):
        return value  # pydantic says what is wrong
    if not 1 <= len(parts) <= 2:
        raise ValueError(
            f"The subject {str(value)[:60]!r} names {len(parts)} articles: name one or two."
        )
    known = {name.lower(): name for name in classes()}
    shirt = classes()[0]
    known |= {"t-shirt": shirt, "top": shirt, "trousers": "Trouser", "boot": "Ankle boot"}
    chosen = []
    for part in parts:
        if (name := part.strip().lower()) not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = (
                f"did you mean {known[near[0]]}?" if near else f"choose of {', '.join(classes())}."
            )
            raise ValueError(f"There is no subject {part[:40]!r}: {hint}")
        chosen.append(known[name])
    return tuple(chosen)


def _listed(value: Any) -> list:
    return list(value) if isinstance(value, list | tuple) else [None]


def _whole_number(value: Any) -> Any:
    """A number from a command line's text; `Literal` takes no text for one."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


class Shot(BaseModel):
    """A part of a film.

    Attributes:
        subject: a class of Fashion-MNIST, or two to morph between, such as ``"Shirt to Dress"``.
        seconds: its length.
        narration: a sentence in English that is read aloud and shown; may be empty.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: Annotated[tuple[str, ...], BeforeValidator(_subjects)]
    seconds: float = Field(ge=1, le=30)
    narration: str = ""

    @model_validator(mode="before")
    @classmethod
    def _whole(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for name in value:
            if name not in cls.model_fields:
                raise ValueError(
                    f"A shot has no field {str(name)[:40]!r}: it has {', '.join(cls.model_fields)}."
                )
        for name in ("subject", "seconds"):
            if name not in value:
                raise ValueError(f"A shot lacks its {name}: give subject, seconds and narration.")
        return value

    @field_validator("narration")
    @classmethod
    def _readable(cls, text: str) -> str:
        if not text.strip():
            return ""
        text = POLICY.check("narration", text)
        strange = next((c for c in text if c.isalpha() and not c.isascii()), None)
        if strange:
            raise ValueError(
                f"narration holds {strange!r}, which the voice cannot read: write it in English."
            )
        if not speech.words_of(text):
            raise ValueError(f"narration is {text!r}, without a word: write a sentence.")
        return text


class Storyboard(contract.Request):
    """What a film is to show and say.

    Attributes:
        title: shown in the first seconds; English or Chinese.
        mood: of music and colours.
        shots: one to eight, `LONGEST` seconds together at most.
        model: which checkpoint draws.
        height: of a frame, pixels; frames are 16 to 9.
        format: ``"mp4"`` (H.264, AAC) or ``"webm"`` (VP9, Opus).
    """

    title: str = Field(description="the title, shown in the first seconds", max_length=80)
    mood: Literal["calm", "bright", "solemn", "sad", "restless"] = Field(
        "calm", description="the mood of music and colours"
    )
    shots: tuple[Shot, ...] = Field(
        description="one to eight shots in a list, each with subject, seconds and narration"
    )
    model: Literal["cvae_fashion", "flow_fashion"] = Field(
        "cvae_fashion", description="which checkpoint draws"
    )
    height: Annotated[Literal[180, 360, 720], BeforeValidator(_whole_number)] = Field(
        360, description="height of a frame in pixels"
    )
    format: Container = Field("mp4", description="mp4 (H.264, AAC) or webm (VP9, Opus)")

    @field_validator("shots", mode="before")
    @classmethod
    def _few_enough(cls, value: Any) -> Any:
        if isinstance(value, str) or (value and all(isinstance(v, str) for v in _listed(value))):
            # A command line gives JSON, which it may have parted at the commas.
            try:
                value = json.loads(value if isinstance(value, str) else ", ".join(value))
            except ValueError:
                raise ValueError(
                    f"shots is {str(value)[:60]!r}: write it as JSON, such as "
                    '[{"subject": "Bag", "seconds": 3, "narration": "A bag."}].'
                ) from None
        # Before the shots are read: a limit on what was read would complain of each refused one.
        if isinstance(value, list | tuple) and not 1 <= len(value) <= MOST_SHOTS:
            raise ValueError(
                f"shots has {len(value)} shots: give one to {MOST_SHOTS}, each with subject, "
                "seconds and narration."
            )
        return value

    @field_validator("title")
    @classmethod
    def _served(cls, text: str) -> str:
        return POLICY.check("title", text)

    @model_validator(mode="after")
    def _short_enough(self):
        if self.seconds > LONGEST:
            raise ValueError(
                f"The shots take {self.seconds:g} s together: make it {LONGEST:g} s at most."
            )
        return self

    @property
    def seconds(self) -> float:
        """The length of the film, in whole frames."""
        return self.bounds[-1] / FRAME_RATE

    @property
    def bounds(self) -> tuple[int, ...]:
        """Numbers of the frames at which shots begin, and of the one after the last."""
        ends = np.cumsum([shot.seconds for shot in self.shots])
        return (0, *(round(float(end) * FRAME_RATE) for end in ends))

    @classmethod
    def from_file(cls, path: str | os.PathLike) -> Storyboard:
        """A storyboard from a JSON or YAML file.

        Raises:
            ValueError: if it is no such file, or says something that a storyboard cannot.
            FileNotFoundError: if there is none.
        """
        return Video().ask(**read_storyboard(path))


def read_storyboard(path: str | os.PathLike) -> dict[str, Any]:
    """The plain values in a storyboard file, not yet checked.

    Raises:
        ValueError: if the file is too long, or neither JSON nor YAML of names and values.
        FileNotFoundError: if there is none.
    """
    path = Path(path)
    if path.stat().st_size > _LARGEST_FILE:
        raise ValueError(
            f"The storyboard {path} has more than {_LARGEST_FILE:,} bytes: shorten it."
        )
    text = path.read_text(encoding="utf-8")
    try:
        if path.suffix in (".yaml", ".yml"):
            import yaml

            found = yaml.safe_load(text)
        else:
            found = json.loads(text)
    except ImportError as error:
        raise ValueError(
            f"Reading {path} needs PyYAML: type 'pip install pyyaml', or write it as JSON."
        ) from error
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(f"The storyboard {path} cannot be read: repair it. ({reason})") from error
    if not isinstance(found, dict):
        raise ValueError(f"The storyboard {path} holds no names with values: see Storyboard.")
    return {str(name): value for name, value in found.items()}


@dataclasses.dataclass(frozen=True)
class Line:
    """A sentence in a film: when it is read, in seconds from the start, and how fast."""

    start: float
    end: float
    text: str
    pace: float


class Video(contract.Scenario):
    """A storyboard becomes a film with pictures, voice, music and subtitles."""

    card = contract.Card.beside(__file__)
    Request = Storyboard
    record_samples = 10
    examples = (
        {
            "title": "A bag",
            "height": 180,
            "shots": [{"subject": "Bag", "seconds": 2, "narration": "This is a bag."}],
        },
        *STORYBOARDS[:2],
    )

    def __init__(self):
        self._generators: dict[str, PathGenerator] = {}

    def generator(self, name: str) -> PathGenerator:
        """The model that draws, loaded when first asked for."""
        if name not in self._generators:
            self._generators[name] = PathGenerator(name)
        return self._generators[name]

    # ---- making ------------------------------------------------------------------------

    def generate(self, request: Storyboard, seed: int = 0) -> contract.Artifact:
        """A film; ``details`` hold its subtitles, lines, sound without music, and stills.

        Args:
            request: the storyboard.
            seed: of pictures, music and the voice's noise.

        Raises:
            ValueError: if a sentence does not fit its shot, or a program or font is missing.
        """
        clips, lines = self.read_aloud(request, seed)
        pictures = self.draw(request, seed)
        intervals = [(line.start, line.end) for line in lines]
        voice = sound.voice_track(
            [(line.start, clip) for line, clip in zip(lines, clips, strict=True)], request.seconds
        )
        music, composer = background(request.mood, request.seconds, seed)
        mixed = sound.mix(voice, music, intervals)
        model = ", ".join(
            [
                _checkpoint(request.model),
                speech.find_voice().name if lines else "no voice",
                composer,
            ]
        )
        origin = self.provenance(request, seed, model)
        srt = subtitles(lines)
        composed = frames.compose(
            pictures,
            height=request.height,
            mood=request.mood,
            title=Caption(0, round(TITLE_SECONDS * FRAME_RATE), request.title),
            captions=[
                Caption(round(o.start * FRAME_RATE), round(o.end * FRAME_RATE) + 5, o.text)
                for o in lines
            ],
        )
        film = _encode(composed, request, origin, sound=mixed, subtitles=srt)
        middles = [(a + b) // 2 for a, b in itertools.pairwise(request.bounds)]
        details = {
            "srt": srt,
            "lines": lines,
            "clips": clips,
            "voice": voice,
            "composer": composer,
            "pictures": pictures,
            "stills": pictures[middles],
        }
        return _artifact(film, request, origin, details)

    def read_aloud(self, request: Storyboard, seed: int = 0) -> tuple[list[np.ndarray], list[Line]]:
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

    def draw(self, request: Storyboard, seed: int = 0) -> np.ndarray:
        """The pictures of all frames, shots melted into each other: (N, 28, 28), 0 to 1."""
        generator = self.generator(request.model)
        shots = []
        for number, shot in enumerate(request.shots):
            labels = [classes().index(name) for name in shot.subject]
            length = request.bounds[number + 1] - request.bounds[number]
            shots.append(generator.shot(labels, length, seed=1000 * seed + number))
        return frames.joined(shots)

    def baseline(self, request: Storyboard) -> contract.Artifact:
        """A slide show of real pictures from the test set with a title, silent and unmoving."""
        real = _real_pictures()
        slides = []
        for number, shot in enumerate(request.shots):
            length = request.bounds[number + 1] - request.bounds[number]
            share = np.linspace(0, len(shot.subject), length, endpoint=False).astype(int)
            slides.append(np.stack([real[shot.subject[s]][number] for s in share]))
        pictures = np.concatenate(slides)
        origin = self.provenance(
            request, 0, "none: pictures of the test set, one after another", by_model=False
        )
        composed = frames.compose(
            pictures,
            height=request.height,
            mood=request.mood,
            title=Caption(0, round(TITLE_SECONDS * FRAME_RATE), request.title),
            label="",
            fade=False,
        )
        film = _encode(composed, request, None)
        return _artifact(film, request, origin, {"srt": "", "lines": [], "pictures": pictures})

    # ---- judging -----------------------------------------------------------------------

    def evaluate(self, num_samples: int = len(STORYBOARDS), seed: int = 0) -> contract.Verdict:
        """Make the first storyboards, decode the files again, look, listen, and compare.

        The answer is ``"gold"`` if every film plays, the four `LIMITS` hold, and the pictures are
        as good as the real ones of a slide show: their subjects recognised as often (within 5
        points) and their detail nine tenths of it. It is ``"ore"`` if only the pictures fall
        short, ``"bubble"`` otherwise. Who recognises is not who chose the keyframes.

        Args:
            num_samples: how many storyboards, 1 to 10.
            seed: of the films.

        Raises:
            ValueError: if the number is out of range or the recogniser is not installed.
        """
        if not 1 <= num_samples <= len(STORYBOARDS):
            raise ValueError(
                f"num_samples is {num_samples}: there are {len(STORYBOARDS)} storyboards, "
                "so give 1 to 10."
            )
        requests = [self.ask(**board) for board in STORYBOARDS[:num_samples]]
        # Models load and graphs compile: not counted.
        self.generate(self.ask(**self.examples[0]), seed)
        films, seconds, work = [], [], []
        for request in requests:
            start, before = time.perf_counter(), processor_seconds()
            films.append(self.generate(request, seed))
            seconds.append(time.perf_counter() - start)
            work.append(20 * (processor_seconds() - before) / request.seconds)
        rivals = [self.baseline(request) for request in requests]
        return self._verdict(requests, films, rivals, seconds, work)

    def _verdict(self, requests, films, rivals, seconds, work) -> contract.Verdict:
        probes = [container.probe(film.content) for film in films]
        plays = 100 * np.mean([sound_file(p, r) for p, r in zip(probes, requests, strict=True)])
        apart = max(round(1000 * abs(p.video_seconds - p.audio_seconds), 3) for p in probes)
        checked = [check_sound(film) for film in films]
        alone, mixed = (
            np.array([pair for c in checked for pair in getattr(c, name)], float)
            for name in ("errors_alone", "errors_mixed")
        )
        late = max(abs(t) for c in checked for t in c.start_errors_ms)
        for_20 = float(np.median(work))
        steps, rival_steps = (
            np.mean([largest_step(f) for f in group]) for group in (films, rivals)
        )
        moves, rival_moves = (np.mean([moving(f) for f in group]) for group in (films, rivals))
        seen, rival_seen = (
            np.array([subjects_seen(f, r) for f, r in zip(group, requests, strict=True)])
            for group in (films, rivals)
        )
        crisp, rival_crisp = (np.array([detail(f) for f in group]) for group in (films, rivals))
        number, words = len(films), int(alone[:, 1].sum())

        def measure(name, unit, better, generated, baseline=None, error=None, count=number):
            return contract.Measure(
                name=name, unit=unit, better=better, generated=float(generated),
                baseline=None if baseline is None else float(baseline),
                standard_error=error, number=count,
            )  # fmt: skip

        rate_alone, rate_mixed = (100 * e[:, 0].sum() / e[:, 1].sum() for e in (alone, mixed))
        measures = (
            measure("films that decode whole, with picture, sound and text", "%", "higher", plays),
            measure("largest difference of lengths, picture and sound", "ms", "lower", apart),
            measure("word errors of a recogniser, narration alone", "%", "lower", rate_alone,
                    error=_ratio_error(alone), count=words),
            measure("word errors of a recogniser, with music, decoded", "%", "lower", rate_mixed,
                    error=_ratio_error(mixed), count=words),
            measure("largest error of a narration's start", "ms", "lower", late, count=len(alone)),
            measure("processor seconds for 20 seconds of film", "s", "lower", for_20),
            measure("largest step between neighbouring frames", "grey levels", "lower",
                    steps, rival_steps),
            measure("pairs of neighbouring frames that differ", "%", "higher", moves, rival_moves),
            measure("frames that nearest neighbours read as their subject", "%", "higher",
                    seen.mean(), rival_seen.mean(), error=contract.standard_error(seen)),
            measure("detail, mean change from a pixel to the next", "of 1", "higher",
                    crisp.mean(), rival_crisp.mean(), error=contract.standard_error(crisp)),
        )  # fmt: skip
        holds = (
            plays == 100
            and apart <= LIMITS["apart_ms"]
            and max(rate_alone, rate_mixed) <= LIMITS["word_errors"]
            and late <= LIMITS["start_ms"]
            and for_20 <= LIMITS["seconds_for_20"]
        )
        as_good = seen.mean() >= rival_seen.mean() - 5 and crisp.mean() >= 0.9 * rival_crisp.mean()
        return self.verdict(
            answer="bubble" if not holds else "gold" if as_good else "ore",
            because=(
                f"{plays:.0f}% of {number} films play, and a recogniser misses {rate_mixed:.0f}% "
                f"of the words through the music; {seen.mean():.0f}% of the frames are read as "
                f"their subject (real pictures: {rival_seen.mean():.0f}%), and they have "
                f"{crisp.mean() / rival_crisp.mean():.0%} of the detail of real pictures, which "
                "are 28 pixels wide themselves."
            ),
            measures=measures,
            seconds_each=float(np.median(seconds)),
            training_seconds=_training_seconds(requests),
            review_minutes=2.0,
            assumed="That a person watches each film twice and reads its script once: two minutes. "
            "No person rated the films. The voice was not trained here.",
            risks=(
                "A voice that sounds human can be taken for a person's.",
                "The label in the corner can be cropped and metadata stripped.",
                "Articles that do not exist may be taken for goods.",
            ),
        )


# ---- the pieces ------------------------------------------------------------------------


def background(mood: str, seconds: float, seed: int) -> tuple[np.ndarray, str]:
    """Music for a mood, and who made it: the music scenario if it can, else chords by rule.

    Returns:
        float32 at `RATE`, shape (round(seconds * RATE),), and a name for the provenance.
    """
    from aigc_utils import checkpoints

    if "bach_chorales" not in checkpoints.available():
        return sound.pad(mood, seconds, seed), "music: chords by rule"
    from aigc_apps import music

    composer = _composer()
    bars = music.bars_for(min(seconds, LONGEST_MUSIC), mood)
    piece = composer.generate(composer.ask(mood=mood, bars=bars), seed)
    heard = speech.resample(music.samples(piece), 22_050, RATE)
    return sound.looped(heard, seconds), f"music: {_checkpoint(music.CHECKPOINT)}"


@functools.cache
def _composer():
    from aigc_apps.music import Music

    return Music()


def subtitles(lines: Sequence[Line]) -> str:
    """The text of an ``.srt`` file."""
    blocks = []
    for number, line in enumerate(lines, 1):
        # An arrow in the text could pass for a time line.
        text = line.text.replace("-->", "->")
        blocks.append(f"{number}\n{_clock(line.start)} --> {_clock(line.end)}\n{text}\n")
    return "\n".join(blocks)


def save_film(film: contract.Artifact, path: str | os.PathLike) -> None:
    """Write a film, its subtitles beside it as ``.srt``, and its provenance.

    Raises:
        ValueError: if the suffix is another than the film's.
        OSError: if a file cannot be written.
    """
    film.save(path)
    with atomic_path(Path(path).with_suffix(".srt")) as temporary:
        temporary.write_text(film.details["srt"], encoding="utf-8")


def _encode(composed, request: Storyboard, origin, **streams) -> bytes:
    """A film whose metadata say where it comes from; without origin, only its title."""
    metadata = {"title": request.title}
    if origin is not None:
        metadata |= {"comment": made_by_line(origin), "description": origin.model_dump_json()}
    return container.encode(
        composed,
        (request.height * 16 // 9, request.height),
        container=request.format,
        metadata=metadata,
        quality=23 if request.format == "mp4" else 36,
        sound_bits=48_000 if request.height == 180 else 96_000,
        **streams,
    )


def _artifact(film: bytes, request: Storyboard, origin, details) -> contract.Artifact:
    media_type, suffix = container.MEDIA_TYPES[request.format], f".{request.format}"
    return contract.Artifact(film, media_type, suffix, origin, details)


def _clock(seconds: float) -> str:
    milliseconds = round(1000 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"00:{minutes:02}:{rest // 1000:02},{rest % 1000:03}"


def _checkpoint(name: str) -> str:
    from aigc_utils import checkpoints

    return checkpoints.load_card(name).label


def _training_seconds(requests: Sequence[Storyboard]) -> float:
    from aigc_utils import checkpoints

    names = {request.model for request in requests}
    cards = [checkpoints.load_card(name) for name in names]
    cards += [checkpoints.load_card(c.decodes_with) for c in cards if c.decodes_with]
    return sum(card.seconds for card in cards)


@functools.cache
def _real_pictures() -> dict[str, np.ndarray]:
    """The first eight test images of each class, by name."""
    from aigc_utils import data

    fashion = data.load_images("fashion_mnist")
    return {
        name: data.to_unit(fashion.x_test[np.flatnonzero(fashion.y_test == label)[:8]])
        for label, name in enumerate(classes())
    }


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


def check_sound(film: contract.Artifact) -> SoundCheck:
    """Listen to each line of a film, alone and as it plays, and find where it begins.

    Raises:
        ValueError: if the recogniser is not installed.
    """
    played, voice = container.read_sound(film.content), film.details["voice"]
    alone, mixed, late = [], [], []
    for line, clip in zip(film.details["lines"], film.details["clips"], strict=True):
        here = slice(round((line.start - 0.2) * RATE), round((line.end + 0.15) * RATE))
        alone.append(speech.word_errors(line.text, speech.listen(voice[here])))
        mixed.append(speech.word_errors(line.text, speech.listen(played[here])))
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


def frame_steps(film: contract.Artifact) -> np.ndarray:
    """Mean change of each frame from the one before, grey levels of 255, in the decoded file.

    Only the middle of the frame is looked at, without title and subtitles: shape (N - 1,).
    """
    grey = container.read_frames(film.content, height=90).astype(np.float32)
    middle = grey[:, 16:72, 52:108]
    return np.abs(np.diff(middle, axis=0)).mean(axis=(1, 2))


def largest_step(film: contract.Artifact) -> float:
    """The largest of `frame_steps`, which a cut makes large and a morph keeps small."""
    return float(frame_steps(film).max())


def moving(film: contract.Artifact, threshold: float = 0.2) -> float:
    """Percent of `frame_steps` above a threshold that an encoder's noise does not reach."""
    return 100 * float((frame_steps(film) > threshold).mean())


def subjects_seen(film: contract.Artifact, request: Storyboard) -> float:
    """Percent of a film's pictures that `neighbours` read as a subject of their shot."""
    read = neighbours().predict(film.details["pictures"].reshape(-1, 784))
    hits = [
        np.isin(read[first:end], [classes().index(name) for name in shot.subject])
        for shot, (first, end) in zip(
            request.shots, itertools.pairwise(request.bounds), strict=True
        )
    ]
    return 100 * float(np.concatenate(hits).mean())


def detail(film: contract.Artifact) -> float:
    """Mean change of intensity from a pixel to the next in a film's pictures, 0 to 1."""
    pictures = film.details["pictures"]
    changes = (np.abs(np.diff(pictures, axis=axis)).mean() for axis in (1, 2))
    return float(sum(changes)) / 2


@functools.cache
def neighbours():
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


__all__ = [
    "STORYBOARDS",
    "Line",
    "Shot",
    "Storyboard",
    "Video",
    "check_sound",
    "read_storyboard",
    "save_film",
    "start_error",
    "subtitles",
]
