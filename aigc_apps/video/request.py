"""What may be asked of the film maker (6.4): a storyboard of shots, a mood, a frame's height."""

from __future__ import annotations

import difflib
import functools
import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from aigc_apps.contract import Request
from aigc_apps.safety import POLICY
from aigc_apps.video.container import Container
from aigc_apps.video.rates import FRAME_RATE
from aigc_apps.video.slides import check_picture
from aigc_apps.video.speech import words_of
from aigc_utils.files import read_utf8, read_yaml

LONGEST = 60.0
"""Seconds of the longest film."""
MOST_SHOTS = 8
_LARGEST_FILE = 64_000  # bytes of a storyboard file


@functools.cache
def article_names() -> tuple[str, ...]:
    """The articles that can be drawn, in the order of their labels."""
    from aigc_utils import data

    return tuple(data.load_data_card("fashion_mnist").class_names)


def _subjects(value: Any) -> Any:
    """Class names from ``"Bag"``, ``"Shirt to Dress"`` or a list; unknown ones are refused."""
    parts = value.split(" to ") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(p, str) for p in parts):
        return value  # pydantic says what is wrong
    if not 1 <= len(parts) <= 2:
        raise ValueError(
            f"The subject {str(value)[:60]!r} names {len(parts)} articles: name one or two."
        )
    known = {name.lower(): name for name in article_names()}
    shirt = article_names()[0]
    known |= {"t-shirt": shirt, "top": shirt, "trousers": "Trouser", "boot": "Ankle boot"}
    chosen = []
    for part in parts:
        if (name := part.strip().lower()) not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = (
                f"did you mean {known[near[0]]}?"
                if near
                else f"choose of {', '.join(article_names())}."
            )
            raise ValueError(f"There is no subject {part[:40]!r}: {hint}")
        chosen.append(known[name])
    return tuple(chosen)


def _whole_number(value: Any) -> Any:
    """A number from a command line's text; `Literal` takes no text for one."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


class Shot(BaseModel):
    """A part of a film.

    Attributes:
        subject: a class of Fashion-MNIST, or two to morph between, such as ``"Shirt to Dress"``;
            empty where a picture of one's own is shown.
        picture: a file of one's own that is shown in place of a drawn subject; or empty.
        seconds: its length.
        narration: a sentence in English that is read aloud and shown; may be empty.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: Annotated[tuple[str, ...], BeforeValidator(_subjects)] = ()
    picture: str = ""
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
        if "seconds" not in value or not {"subject", "picture"} & value.keys():
            lacks = "subject" if "seconds" in value else "seconds"
            raise ValueError(f"A shot lacks its {lacks}: give subject, seconds and narration.")
        if value.get("subject") and value.get("picture"):
            raise ValueError("A shot has a subject and a picture: give one of the two.")
        return value

    @field_validator("picture")
    @classmethod
    def _picture(cls, path: str) -> str:
        if path:
            check_picture(path)
        return path

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
        if not words_of(text):
            raise ValueError(f"narration is {text!r}, without a word: write a sentence.")
        return text


class Storyboard(Request):
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
        description="one to eight shots, each with subject (or picture, a file of yours), "
        "seconds and narration"
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
        if isinstance(value, str):  # a form or a cell's parameter gives all shots in one text
            try:
                value = json.loads(value)
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
    import yaml

    text = read_utf8(path)
    try:
        found = yaml.safe_load(text) if path.suffix in (".yaml", ".yml") else json.loads(text)
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(f"The storyboard {path} cannot be read: repair it. ({reason})") from error
    if not isinstance(found, dict):
        raise ValueError(f"The storyboard {path} holds no names with values: see Storyboard.")
    return {str(name): value for name, value in found.items()}


class Storyboards(BaseModel):
    """Plain values of storyboards: the least one, and one that a reader would make."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quick: dict[str, Any]
    example: dict[str, Any]


@functools.cache
def storyboards() -> Storyboards:
    """The storyboards in ``storyboards.yml``."""
    return read_yaml(Path(__file__).with_name("storyboards.yml"), Storyboards)
