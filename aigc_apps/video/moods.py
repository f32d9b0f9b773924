"""What the moods of a film mean (chapter 6.4): colours, the music to ask for, chords by rule."""

from __future__ import annotations

import functools
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from aigc_utils.files import read_yaml

Colour = tuple[int, int, int]


class FilmMood(BaseModel):
    """One mood.

    Attributes:
        dark, light: the darkest and the lightest colour of a picture and of the frame around it.
        tempo: quarter notes a minute of composed music.
        tonic_hertz: of chords by rule.
        chord_seconds: how long each is held.
        chords: semitones above the tonic, four chords to a round.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dark: Colour
    light: Colour
    tempo: int = Field(gt=0)
    tonic_hertz: float = Field(gt=0)
    chord_seconds: float = Field(gt=0.5)
    chords: tuple[tuple[int, ...], ...] = Field(min_length=4, max_length=4)


@functools.cache
def film_moods() -> dict[str, FilmMood]:
    """The moods in ``moods.yml`` by name, such as ``"calm"``."""
    return read_yaml(Path(__file__).with_name("moods.yml"), dict[str, FilmMood])
