"""What can be said of four voices by counting: parallels, dissonance, chords, ranges.

All functions take a grid of MIDI numbers (0 is a rest), shape (voices, T), highest voice first.
Nothing here is learnt, and nothing here generated what it judges. Chapter 6.3 counts
with it, and so does the verdict.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
# Semitones above the root, by the ending of the chord's name.
CHORDS = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7b5": (0, 3, 6, 10),
    "dim7": (0, 3, 6, 9),
}
DEGREES = ("I", "bII", "II", "bIII", "III", "IV", "#IV", "V", "bVI", "VI", "bVII", "VII")
IN_MINOR = {3: "III", 8: "VI", 10: "VII"}  # whose own degrees they are
ENDINGS = {"dim": "°", "m7b5": "ø", "dim7": "°", "aug": "+", "maj7": "maj"}
FIGURES = (("", "6", "64"), ("7", "65", "43", "42"))  # of triads and sevenths, by what is lowest
DISSONANT = (1, 2, 6, 10, 11)  # intervals within the octave, in semitones
FIFTH, OCTAVE = 7, 0


def parallels(pitches: np.ndarray) -> list[tuple[int, int, int]]:
    """Where two voices move in the same direction from a fifth to a fifth or octave to octave.

    Unisons count as octaves, and compound intervals as simple ones. Both voices must move, at
    the same step: what lies between two notes of one voice is not skipped.

    Returns:
        (step of arrival, upper voice, lower voice), in the order of steps.
    """
    pitches = np.asarray(pitches, int)
    before, after = pitches[:, :-1], pitches[:, 1:]
    found = []
    for upper, lower in combinations(range(len(pitches)), 2):
        moves = after[[upper, lower]] - before[[upper, lower]]
        sounding = (before[[upper, lower]] > 0).all(axis=0) & (after[[upper, lower]] > 0).all(
            axis=0
        )
        same_way = sounding & (np.sign(moves[0]) == np.sign(moves[1])) & (moves[0] != 0)
        first, second = (np.mod(side[upper] - side[lower], 12) for side in (before, after))
        perfect = (first == second) & ((first == FIFTH) | (first == OCTAVE))
        found += [(int(step) + 1, upper, lower) for step in np.flatnonzero(same_way & perfect)]
    return sorted(found)


def leaps(pitches: np.ndarray) -> list[tuple[int, int, int]]:
    """Where a voice moves by more than a fifth without a rest: (step of arrival, voice, voice)."""
    pitches = np.asarray(pitches, int)
    before, after = pitches[:, :-1], pitches[:, 1:]
    wide = (np.abs(after - before) > FIFTH) & (before > 0) & (after > 0)
    return sorted((int(step) + 1, int(voice), int(voice)) for voice, step in np.argwhere(wide))


def dissonant_share(pitches: np.ndarray) -> float:
    """The share of pairs of sounding voices, over all steps, that form a dissonance.

    Seconds, sevenths and the tritone are called dissonances here, whatever is done with them.
    """
    pitches = np.asarray(pitches, int)
    bad = total = 0
    for one, other in combinations(pitches, 2):
        sounding = (one > 0) & (other > 0)
        # Whichever lies above: an interval is as dissonant as its inversion.
        bad += np.isin((one - other)[sounding] % 12, DISSONANT).sum()
        total += sounding.sum()
    return float(bad / max(1, total))


def pitch_classes(pitches: np.ndarray, tonic: int) -> np.ndarray:
    """How often each of the twelve tones above the tonic sounds: shares, shape (12,)."""
    sounding = np.asarray(pitches, int)
    counts = np.bincount((sounding[sounding > 0] - tonic) % 12, minlength=12)
    return counts / max(1, counts.sum())


def in_range(pitches: np.ndarray, ranges) -> float:
    """The share of sounding cells that lie in their voice's range, pairs of MIDI numbers."""
    pitches = np.asarray(pitches, int)
    low, high = np.asarray(ranges, int).T
    sounding = pitches > 0
    inside = sounding & (pitches >= low[:, None]) & (pitches <= high[:, None])
    return float(inside.sum() / max(1, sounding.sum()))


def crossed_share(pitches: np.ndarray) -> float:
    """The share of steps at which some voice lies above the next higher one."""
    pitches = np.asarray(pitches, int)
    both = (pitches[:-1] > 0) & (pitches[1:] > 0)
    return float((both & (pitches[1:] > pitches[:-1])).any(axis=0).mean())


def chord(sounding) -> tuple[int, str] | None:
    """The root and kind of what sounds, such as (7, "7") for G7; None if it is neither.

    A missing fifth is forgiven, and the lowest tone decides where two names fit.

    Args:
        sounding: MIDI numbers, 0 for a rest.
    """
    notes = [int(note) for note in sounding if note > 0]
    tones = {note % 12 for note in notes}
    if len(tones) < 2:
        return None
    bass = min(notes) % 12
    roots = sorted(tones, key=lambda root: (root - bass) % 12)
    for complete in (True, False):
        for kind, members in CHORDS.items():
            for root in roots:
                wanted = {(root + member) % 12 for member in members}
                fifthless = wanted - {(root + 7) % 12}
                if tones == wanted or (
                    not complete and tones == fifthless and kind in ("", "m", "7")
                ):
                    return root, kind
    return None


def chord_name(sounding) -> str:
    """`chord` in letters, such as ``"Am7"`` or ``"D7"``; ``"?"`` for what has no name here."""
    found = chord(sounding)
    return "?" if found is None else NAMES[found[0]] + found[1]


def numeral(sounding, tonic: int, minor: bool) -> str:
    """`chord` as a Roman numeral with its figures, such as ``"V65"`` or ``"ii6"``; else ``"?"``."""
    found = chord(sounding)
    if found is None:
        return "?"
    root, kind = found
    place, members = (root - tonic) % 12, CHORDS[kind]
    name = (IN_MINOR if minor else {}).get(place, DEGREES[place])
    lowest = members.index((min(int(n) for n in sounding if n > 0) - root) % 12)
    if members[1] == 3:
        name = name[: -len(name.lstrip("b#"))] + name.lstrip("b#").lower()
    return name + ENDINGS.get(kind, "") + FIGURES[len(members) - 3][lowest]


def beats(pitches: np.ndarray, steps_a_beat: int = 4) -> np.ndarray:
    """What sounds when each beat begins, shape (voices, beats)."""
    return np.asarray(pitches)[:, ::steps_a_beat]


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """The share of beats at which two harmonisations have the same root, of those with one."""
    roots = [
        [None if (found := chord(sounding)) is None else found[0] for sounding in beats(grid).T]
        for grid in (one, other)
    ]
    pairs = [(a, b) for a, b in zip(*roots, strict=True) if b is not None]
    return float(np.mean([a == b for a, b in pairs])) if pairs else float("nan")
