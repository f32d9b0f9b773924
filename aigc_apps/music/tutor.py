"""A tutor of four-part writing (chapter 6.3): what a teacher would mark in a pupil's own setting.

Rules alone: nothing here is learnt. The key must be told, for a leading note is one in a key only.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aigc_apps.music import counterpoint
from aigc_apps.music.chorales import VOICES
from aigc_apps.music.request import KEYS

# What a pupil's voices may sing: narrower than Bach's own, see `aigc_apps.music.grid.RANGES`.
SUNG = ((60, 79), (55, 74), (48, 67), (40, 62))
LONGEST = 256  # chords


class Fault(NamedTuple):
    """One fault: the chord at which it is heard, counted from 1, its kind, who, and in words."""

    beat: int
    kind: str
    voices: tuple[str, ...]
    says: str


def mark_setting(
    soprano: Sequence[int],
    alto: Sequence[int],
    tenor: Sequence[int],
    bass: Sequence[int],
    key: str = "C major",
) -> list[Fault]:
    """The faults of a setting, one chord a beat, in the order of the beats.

    Args:
        soprano, alto, tenor, bass: MIDI numbers, 60 is middle C; no rests.
        key: such as ``"G major"`` or ``"A minor"``.

    Raises:
        ValueError: if voices differ in length, a note is none, or there is no such key.
    """
    grid = _checked((soprano, alto, tenor, bass))
    tonic, minor = _key(key)
    found = [*_at_once(grid), *_in_motion(grid), *_of_the_dominant(grid, tonic, minor)]
    return sorted(found)


def _checked(voices: tuple[Sequence[int], ...]) -> np.ndarray:
    lengths = [len(voice) for voice in voices]
    if len(set(lengths)) > 1 or not 1 <= lengths[0] <= LONGEST:
        raise ValueError(
            f"The voices have {', '.join(map(str, lengths))} notes: give each as many, 1 to "
            f"{LONGEST}."
        )
    for name, voice in zip(VOICES, voices, strict=True):
        for note in voice:
            if isinstance(note, bool) or not isinstance(note, int) or not 21 <= note <= 108:
                raise ValueError(
                    f"The {name} has the note {note!r}: give MIDI numbers from 21 to 108."
                )
    return np.array(voices, int)


def _key(key: str) -> tuple[int, bool]:
    name, _, mode = key.partition(" ")
    if name not in KEYS or mode not in ("major", "minor"):
        raise ValueError(f"There is no key {key[:40]!r}: write such as G major or A minor.")
    return KEYS[name], mode == "minor"


def _at_once(grid: np.ndarray) -> list[Fault]:
    """Ranges, crossed voices, and gaps between the upper three."""
    found = []
    for beat, chord in enumerate(grid.T.tolist(), start=1):
        for name, note, (low, high) in zip(VOICES, chord, SUNG, strict=True):
            if not low <= note <= high:
                found.append(Fault(beat, "range", (name,), f"the {name} cannot sing {note}"))
        for upper, lower in itertools.pairwise(range(4)):
            pair, gap = (VOICES[upper], VOICES[lower]), chord[upper] - chord[lower]
            if gap < 0:
                found.append(Fault(beat, "voice_crossing", pair, f"{pair[0]} below {pair[1]}"))
            elif gap > 12 and lower < 3:
                found.append(Fault(beat, "spacing", pair, "more than an octave apart"))
    return found


def _in_motion(grid: np.ndarray) -> list[Fault]:
    """Parallels, hidden octaves of the outer voices, and voices that overlap."""
    found = []
    for step, upper, lower in counterpoint.parallels(grid):
        fifth = (grid[upper, step] - grid[lower, step]) % 12 == counterpoint.FIFTH
        kind = "parallel_fifths" if fifth else "parallel_octaves"
        says = f"{VOICES[upper]} and {VOICES[lower]} move as one"
        found.append(Fault(step + 1, kind, (VOICES[upper], VOICES[lower]), says))
    for step, (before, now) in enumerate(itertools.pairwise(grid.T.tolist()), start=2):
        top, low = now[0] - before[0], now[3] - before[3]
        into, octave = (now[0] - now[3]) % 12 == 0, (before[0] - before[3]) % 12 == 0
        if top * low > 0 and abs(top) > 2 and into and not octave:
            says = "the outer voices leap into an octave"
            found.append(Fault(step, "direct_octaves", (VOICES[0], VOICES[3]), says))
        for upper, lower in itertools.pairwise(range(4)):
            if now[upper] < before[lower] or now[lower] > before[upper]:
                pair = VOICES[upper], VOICES[lower]
                found.append(Fault(step, "voice_overlap", pair, "one goes where the other was"))
    return found


def _of_the_dominant(grid: np.ndarray, tonic: int, minor: bool) -> list[Fault]:
    """The leading note, the seventh, and in minor the augmented second."""
    found = []
    chords = [counterpoint.chord(notes) for notes in grid.T]
    above = (grid - tonic) % 12
    for step, named in enumerate(chords):
        dominant = named is not None and (named[0] - tonic) % 12 == 7 and named[1] in ("", "7")
        leading = tuple(v for v, tone in zip(VOICES, above[:, step], strict=True) if tone == 11)
        if dominant and len(leading) > 1:
            found.append(Fault(step + 1, "doubled_leading_tone", leading, "both want to rise"))
        if step + 1 == len(chords):
            break
        moves, after = grid[:, step + 1] - grid[:, step], chords[step + 1]
        changes = after is None or after[0] != (named or (None,))[0]
        home = after is not None and (after[0] - tonic) % 12 == 0
        for voice, (tone, move) in enumerate(zip(above[:, step], moves, strict=True)):
            name, beat = (VOICES[voice],), step + 2
            allowed = (1,) if voice == 0 else (1, -4)
            if dominant and home and tone == 11 and voice < 3 and move not in allowed:
                says = "the leading note does not rise"
                found.append(Fault(beat, "leading_tone_unresolved", name, says))
            if dominant and named[1] == "7" and tone == 5 and changes and move not in (-1, -2):
                says = "the seventh does not fall by a step"
                found.append(Fault(beat, "seventh_unresolved", name, says))
            pair = {int(tone), int(above[voice, step + 1])}
            if minor and pair == {8, 11} and abs(move) == 3:
                says = "from the sixth degree to the raised seventh"
                found.append(Fault(beat, "augmented_second", name, says))
    return found
