"""Melodies from note names, and the tunes that chapter 6.3 harmonises."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from aigc_apps.music.chorales import REST, STEPS_A_BEAT
from aigc_apps.music.score import BAR, line_notes
from aigc_utils.files import read_yaml

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
NOTE = re.compile(r"(?:([A-Ga-g])([#b]?)(-?\d)|([Rr]))(?::(\d+(?:\.\d+)?))?(\^?)")


@dataclass(frozen=True)
class Melody:
    """One voice: pitches and onsets (T,), phrase ends (T,), upbeat in quarter notes."""

    pitches: np.ndarray
    onsets: np.ndarray
    fermatas: np.ndarray
    upbeat: int = 0


class Tune(BaseModel):
    """A melody that everybody may use.

    Attributes:
        notes: as `parse_melody` reads them.
        upbeat: quarter notes before the first bar line, 0 to 3.
        tonic: pitch class, 0 (C) to 11 (B).
        credit: where it comes from, and when.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    notes: str
    upbeat: int = Field(ge=0, le=3)
    tonic: int = Field(ge=0, le=11)
    credit: str


@functools.cache
def tunes() -> dict[str, Tune]:
    """The tunes in ``tunes.yml`` by name, such as ``"ode_to_joy"``."""
    return read_yaml(Path(__file__).with_name("tunes.yml"), dict[str, Tune])


def parse_melody(text: str) -> Melody:
    """A melody from scientific note names.

    Notes are separated by spaces: a name such as ``C5``, ``F#4`` or ``Bb4``, or ``R`` for a
    rest; then, if it is no quarter note, a colon and its length in quarter notes, such as
    ``:0.5``; then ``^`` if a phrase ends on it. Where no ``^`` is written, phrases end on the
    last note and on notes of two quarters or more. Bar lines ``|`` are passed over.

    Raises:
        ValueError: if a word is no note, or a length is no multiple of a sixteenth note.
    """
    pitches: list[int] = []
    onsets: list[bool] = []
    marks: list[bool] = []
    for word in text.replace("|", " ").split():
        found = NOTE.fullmatch(word)
        if found is None:
            raise ValueError(
                f"{word[:40]!r} is no note: write a name such as C5, F#4:2 or R:0.5, lengths in "
                "quarter notes."
            )
        letter, sign, octave, _, length, mark = found.groups()
        steps = Fraction(length or "1") * STEPS_A_BEAT
        if steps.denominator != 1 or not 0 < steps <= 4 * BAR:
            raise ValueError(
                f"{word[:40]!r} lasts {length[:20]} quarter notes: give a multiple of "
                "0.25, at most 16."
            )
        midi = REST
        if letter:
            midi = 12 * (int(octave) + 1) + LETTERS[letter.upper()] + {"#": 1, "b": -1}.get(sign, 0)
        pitches += [midi] * int(steps)
        onsets += [midi != REST] + [False] * (int(steps) - 1)
        marks += [bool(mark)] * int(steps)
    grid, struck, ends = np.array(pitches, int), np.array(onsets, bool), np.array(marks, bool)
    if not (grid > 0).any():
        raise ValueError(f"The melody {text[:40]!r} has no note: give some, such as G4 A4 B4:2.")
    if not ends.any():
        notes = list(line_notes(grid, struck))
        for number, (_, start, length) in enumerate(notes):
            if number == len(notes) - 1 or length >= 2 * STEPS_A_BEAT:
                ends[start : start + length] = True
    return Melody(grid, struck, ends)


def tune_melody(name: str) -> Melody:
    """The melody of one of `tunes`.

    Raises:
        ValueError: if there is none of that name.
    """
    if name not in tunes():
        raise ValueError(f"There is no tune {name!r}: choose one of {', '.join(tunes())}.")
    read = parse_melody(tunes()[name].notes)
    return Melody(read.pitches, read.onsets, read.fermatas, tunes()[name].upbeat)


def read_melody(text: str) -> Melody:
    """A bundled tune by name, or a melody in note names.

    Raises:
        ValueError: if it is neither.
    """
    return tune_melody(text) if text in tunes() else parse_melody(text)
