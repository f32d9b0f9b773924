"""What may be asked of the composer of chapter 6.3, and what its moods mean."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from aigc_apps.contract import Request
from aigc_apps.music.chorales import STEPS_A_BEAT
from aigc_apps.music.counterpoint import NAMES
from aigc_apps.music.melodies import read_melody
from aigc_apps.music.score import BAR
from aigc_utils.files import read_yaml

KEYS = {name: tone for tone, name in enumerate(NAMES)} | {
    "Db": 1, "D#": 3, "Gb": 6, "G#": 8, "A#": 10,
}  # fmt: skip
KeyName = Literal[
    "C", "C#", "Db", "D", "D#", "Eb", "E", "F", "F#", "Gb", "G", "G#", "Ab", "A", "A#", "Bb", "B"
]  # fmt: skip
SOPRANO = (57, 81)  # MIDI numbers of the lowest and the highest note that is taken
LONGEST = 16  # bars


class Mood(BaseModel):
    """A tempo in quarter notes a minute, and whether the mode is minor."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tempo: int = Field(gt=0)
    minor: bool


@functools.cache
def moods() -> dict[str, Mood]:
    """The moods in ``moods.yml`` by name, such as ``"calm"``."""
    return read_yaml(Path(__file__).with_name("moods.yml"), dict[str, Mood])


class MusicRequest(Request):
    """What is asked of `aigc_apps.music.Music`."""

    mood: Literal["calm", "bright", "solemn", "sad", "restless"] = Field(
        "calm", description="decides the tempo, and the mode where none is given"
    )
    mode: Literal["major", "minor"] | None = Field(
        None, description="major or minor; by default the melody's, else the mood's"
    )
    key: KeyName | None = Field(
        None, description="the tonic, such as G or Bb; by default the melody's last note, else G"
    )
    melody: str | None = Field(
        None,
        max_length=2000,
        description="a bundled tune's name, or notes such as 'G4 A4 B4:2 R D5:0.5'; it is kept",
    )
    bars: int = Field(
        4, ge=2, le=LONGEST, description="bars to compose; a melody has its own length"
    )
    temperature: float = Field(
        0.5, ge=0.1, le=2.0, description="below 1 the usual is preferred, above 1 the unusual"
    )
    shortest: Literal["eighth", "sixteenth"] = Field(
        "eighth", description="the shortest note of the voices that are written"
    )
    format: Literal["midi", "musicxml", "wav"] = Field("midi", description="of the file")

    @field_validator("melody")
    @classmethod
    def _readable_melody(cls, value: str | None) -> str | None:
        if value is None:
            return None
        read = read_melody(value)
        sounding = read.pitches[read.pitches > 0]
        if sounding.min() < SOPRANO[0] or sounding.max() > SOPRANO[1]:
            raise ValueError(
                f"The melody runs from {sounding.min()} to {sounding.max()} (MIDI), but a soprano "
                f"sings from {SOPRANO[0]} (A3) to {SOPRANO[1]} (A5): transpose it."
            )
        if len(read.pitches) > LONGEST * BAR:
            raise ValueError(
                f"The melody lasts {len(read.pitches) / STEPS_A_BEAT:g} quarter notes: give at "
                f"most {LONGEST * 4}."
            )
        return value

    @model_validator(mode="after")
    def _whole_phrases(self) -> MusicRequest:
        if self.melody is None and self.bars % 2:
            raise ValueError(f"bars is {self.bars}: give an even number, a phrase has two.")
        return self
