"""Chords by counting (chapter 6.3): which one Bach sets to a note of a melody, and voices for it.

The counts are in ``chords.yml``. `choose_chords` looks the chords of a melody up in them, with or
without the network's opinion; `set_chords` writes three voices for them by search, which is the
strong simple way to harmonise that the network has to beat.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aigc_apps.music import counterpoint
from aigc_apps.music.chorales import STEPS_A_BEAT, Chorale
from aigc_apps.music.grid import RANGES
from aigc_apps.music.markov import Context, PrefixCounts
from aigc_apps.music.score import Piece
from aigc_utils.files import read_yaml

REST, NOTHING = -1, -2  # in the place of a degree: no note, and before or after the piece
HALF = STEPS_A_BEAT // 2
OPINION = 0.5  # how much the network's belief weighs beside the counts
LIKED = (0, 66, 60, 51)  # where the lower voices lie in the mean
COSTS = {"parallel": 60.0, "leap": 6.0, "incomplete": 8.0, "doubled": 6.0, "away": 0.15}
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))  # major, minor


class Chord(NamedTuple):
    """A chord: ``root`` and ``bass`` in semitones above the tonic, ``kind`` of `counterpoint`."""

    root: int
    kind: str
    bass: int

    @property
    def tones(self) -> frozenset[int]:
        """Its tones above the tonic."""
        return frozenset((self.root + tone) % 12 for tone in counterpoint.CHORDS[self.kind])


def contexts(line: np.ndarray, fermatas: np.ndarray, tonic: int, minor: bool) -> list[Context]:
    """What a chord is looked up by, for each beat of a melody.

    Args:
        line: the soprano's pitches when the beats begin, shape (N,).
        fermatas: whether a phrase ends on the beat, shape (N,).
        tonic, minor: the key.

    Returns:
        (minor, degree, fermata, degree before, degree after), degrees in semitones above the
        tonic; each later part is left out first where it was seen too seldom.
    """
    degrees = [(int(note) - tonic) % 12 if note else REST for note in line]
    near = zip(degrees, fermatas, [NOTHING, *degrees], [*degrees[1:], NOTHING], strict=False)
    return [(int(minor), own, int(end), before, after) for own, end, before, after in near]


def count_chords(chorales: Iterable[Chorale]) -> Counter[tuple[Context, Chord]]:
    """How often Bach set each chord in each context, at the beginnings of beats."""
    found: Counter[tuple[Context, Chord]] = Counter()
    for chorale in chorales:
        beats = np.flatnonzero(chorale.places % STEPS_A_BEAT == 0)
        sounding = chorale.pitches[:, beats].astype(int)
        asked = contexts(sounding[0], chorale.fermatas[beats], chorale.tonic, chorale.minor)
        for context, notes in zip(asked, sounding.T, strict=True):
            if named := counterpoint.chord(notes):
                tones = [(int(n) - chorale.tonic) % 12 for n in (named[0], min(notes[notes > 0]))]
                found[context, Chord(tones[0], named[1], tones[1])] += 1
    return found


class ChordTable:
    """Chances of chords by counting.

    Args:
        counts: from `count_chords`.
    """

    def __init__(self, counts: Mapping[tuple[Context, Chord], int]):
        self.chords = sorted({chord for _, chord in counts})
        place = {chord: number for number, chord in enumerate(self.chords)}
        self.counts = PrefixCounts(len(self.chords), range(1, 6))
        for (context, chord), number in counts.items():
            self.counts.add(context, place[chord], number)
        self.members = np.array([[t in c.tones for t in range(12)] for c in self.chords], float)
        self.basses = np.array([[t == c.bass for t in range(12)] for c in self.chords], float)

    def log_chances(self, asked: Sequence[Context]) -> np.ndarray:
        """Of each chord in each context, (N, chords); slight if it lacks the melody's note."""
        chances = np.stack([self.counts.chances(context) for context in asked])
        notes = [context[1] for context in asked]
        fits = [np.ones(len(self.chords)) if n == REST else self.members[:, n] for n in notes]
        return np.log(chances * np.stack(fits) + 1e-12)


@functools.cache
def chord_table() -> ChordTable:
    """The counts of the training chorales, in ``chords.yml``, read once."""
    lines = read_yaml(Path(__file__).with_name("chords.yml"), dict[str, str])["counts"]
    counts = {}
    for line in lines.split("\n"):
        *context, root, kind, bass, number = line.split(",")
        chord = Chord(int(root), kind, int(bass))
        counts[tuple(map(int, context)), chord] = int(number)
    return ChordTable(counts)


def choose_chords(
    blank: Piece, belief: np.ndarray | None = None, noise: float = 0.0, seed: int = 0
) -> list[Chord]:
    """A chord for each beat of a melody.

    Args:
        blank: with a melody; its other voices are not looked at.
        belief: of the network that knows the melody, from `ChoraleModel.belief`, shape
            (4, T, 128); None for the counts alone.
        noise: 0 takes the likeliest; 1 draws each root with its probability.
        seed: of the draws.
    """
    table, starts = chord_table(), np.arange(0, blank.num_steps, STEPS_A_BEAT)
    line, ends = blank.pitches[0, starts], blank.fermatas[starts]
    scores = table.log_chances(contexts(line, ends, blank.tonic, blank.minor))
    if belief is not None:
        tones = np.zeros((*belief.shape[:2], 12))
        for note in range(1, 128):
            tones[..., (note - blank.tonic) % 12] += belief[..., note]
        tones = tones[:, starts] + 1e-6
        inner = np.log(tones[1] @ table.members.T) + np.log(tones[2] @ table.members.T)
        scores = scores + OPINION * (inner + np.log(tones[3] @ table.basses.T))
    # First the root, which all chords on it vote for, then the likeliest chord on that root.
    on_root = np.array([chord.root for chord in table.chords])[:, None] == np.arange(12)
    votes = np.log(np.exp(scores - scores.max(axis=1, keepdims=True)) @ on_root + 1e-12)
    drawn = np.random.default_rng(seed).gumbel(size=votes.shape)
    roots = (votes + noise * drawn).argmax(axis=1)
    best = np.where(on_root.T[roots], scores, -np.inf).argmax(axis=1)
    return [table.chords[number] for number in best]


def set_by_counts(blank: Piece) -> Piece:
    """The strong simple way: the likeliest counted chords, and `set_chords`."""
    return set_chords(blank, choose_chords(blank))


def set_chords(blank: Piece, chords: Sequence[Chord]) -> Piece:
    """A melody over chords: the three voices that move least, without parallels where possible.

    A voice that moves by a third from beat to beat takes the tone of the scale between them on
    the way, as Bach's do four times of five.

    Args:
        blank: with a melody; its other voices are not looked at.
        chords: one a beat.
    """
    starts = np.arange(0, blank.num_steps, STEPS_A_BEAT)
    line = blank.pitches[0]
    choices = [_voicings(c, int(line[s]), blank) for c, s in zip(chords, starts, strict=True)]
    total = _cost_alone(choices[0], chords[0], blank)
    back = []
    for number in range(1, len(starts)):
        before = choices[number - 1].copy()
        before[:, 0] = line[starts[number] - 1]  # the melody may have moved within the beat
        costs = total[:, None] + _cost_of_moves(before, choices[number])
        back.append(costs.argmin(axis=0))
        total = costs.min(axis=0) + _cost_alone(choices[number], chords[number], blank)
    best = [int(total.argmin())]
    for came_from in reversed(back):
        best.append(int(came_from[best[-1]]))
    voices = np.stack([c[i] for c, i in zip(choices, reversed(best), strict=True)], axis=1)
    pitches = np.repeat(voices, STEPS_A_BEAT, axis=1)[:, : blank.num_steps]
    pitches[0] = line
    onsets = np.zeros(pitches.shape, bool)
    onsets[1:, starts] = True
    onsets[0] = blank.onsets[0]
    _fill_thirds(pitches, onsets, blank)
    return dataclasses.replace(blank, pitches=pitches, onsets=onsets)


def _voicings(chord: Chord, top: int, blank: Piece) -> np.ndarray:
    """All ways to sing a chord under a note of the melody: pitches, shape (ways, 4)."""
    lines = [
        [n for n in range(low, high + 1) if (n - blank.tonic) % 12 in tones]
        for (low, high), tones in zip(
            RANGES[1:], (chord.tones, chord.tones, {chord.bass}), strict=True
        )
    ]
    ways = np.array([(top or RANGES[0][1], *way) for way in itertools.product(*lines)])
    gaps = ways[:, :-1] - ways[:, 1:]
    near = (gaps >= 0).all(axis=1) & (gaps[:, 1] <= 12) & ((gaps[:, 0] <= 12) | (top == 0))
    return ways[near] if near.any() else ways


def _cost_alone(ways: np.ndarray, chord: Chord, blank: Piece) -> np.ndarray:
    """What a chord costs by itself: far from where voices lie, tones missing, leading notes."""
    above = (ways - blank.tonic) % 12
    needed = {(chord.root + tone) % 12 for tone in counterpoint.CHORDS[chord.kind] if tone != 7}
    missing = sum((above != tone).all(axis=1) for tone in needed)
    away = np.abs(ways[:, 1:] - LIKED[1:]).sum(axis=1)
    doubled = (above == 11).sum(axis=1) > 1
    return COSTS["incomplete"] * missing + COSTS["away"] * away + COSTS["doubled"] * doubled


def _cost_of_moves(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """What it costs to go from each of some chords to each of others, shape (before, after)."""
    moves = after[None] - before[:, None]
    far = np.abs(moves[..., 1:])
    costs = far.sum(axis=-1) + COSTS["leap"] * (far > counterpoint.FIFTH).sum(axis=-1)
    for upper, lower in itertools.combinations(range(4), 2):
        first = (before[:, upper] - before[:, lower])[:, None] % 12
        second = (after[:, upper] - after[:, lower])[None] % 12
        perfect = (first == second) & ((first == counterpoint.FIFTH) | (first == 0))
        same_way = moves[..., upper] * moves[..., lower] > 0
        sounding = (before[:, upper] > 0)[:, None]
        costs = costs + COSTS["parallel"] * (perfect & same_way & sounding)
    return costs


def _fill_thirds(pitches: np.ndarray, onsets: np.ndarray, blank: Piece) -> None:
    """Passing notes on the second eighth, in place, where they make no parallels."""
    scale = SCALES[int(blank.minor)]
    for start in range(0, pitches.shape[1] - STEPS_A_BEAT, STEPS_A_BEAT):
        for voice in (3, 2, 1):
            here, there = int(pitches[voice, start]), int(pitches[voice, start + STEPS_A_BEAT])
            low, high = sorted((here, there))
            between = [n for n in range(low + 1, high) if (n - blank.tonic) % 12 in scale]
            if high - low not in (3, 4) or not between:
                continue
            cut = np.s_[:, max(0, start - 1) : start + STEPS_A_BEAT + 1]
            count = len(counterpoint.parallels(pitches[cut]))
            pitches[voice, start + HALF : start + STEPS_A_BEAT] = between[0]
            if len(counterpoint.parallels(pitches[cut])) > count:
                pitches[voice, start + HALF : start + STEPS_A_BEAT] = here
            else:
                onsets[voice, start + HALF] = True
