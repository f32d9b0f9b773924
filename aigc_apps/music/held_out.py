"""Which chorales share a tune: how the held-out tenth was chosen, and its melodies (6.3)."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from aigc_apps.music.chorales import REST, STEPS_A_BEAT, Chorale, read_chorales
from aigc_apps.music.request import moods
from aigc_apps.music.score import BAR, Piece


def steps_of_tune(chorale: Chorale) -> tuple[int, ...]:
    """The soprano's intervals on the beat, in semitones: the same in every key and rhythm."""
    beats = chorale.pitches[0][chorale.places % STEPS_A_BEAT == 0].astype(int)
    beats = beats[beats != REST]
    moves = np.diff(beats)
    return tuple(moves[moves != 0])


def share_a_tune(one: Sequence[int], other: Sequence[int], length: int = 12) -> bool:
    """Whether so many intervals in a row, of `steps_of_tune`, occur in both."""
    windows = {tuple(one[i : i + length]) for i in range(len(one) - length + 1)}
    return any(tuple(other[i : i + length]) in windows for i in range(len(other) - length + 1))


def tune_groups(
    chorales: Iterable[Chorale], titles: dict[str, str], length: int = 12
) -> list[set[str]]:
    """The names of chorales, those together that share a tune or a title.

    Args:
        chorales: what to group.
        titles: by name, where one is known.
        length: of `share_a_tune`; all of a tune that is shorter.
    """
    groups: list[tuple[set[str], list[tuple[int, ...]], set[str]]] = []
    for chorale in chorales:
        tune, title = steps_of_tune(chorale), titles.get(chorale.name)
        joined = {chorale.name}, [tune], {title} - {None}
        apart = []
        for group in groups:
            if group[2] & joined[2] or any(
                share_a_tune(tune, known, min(length, len(tune), len(known))) for known in group[1]
            ):
                joined = joined[0] | group[0], joined[1] + group[1], joined[2] | group[2]
            else:
                apart.append(group)
        groups = [*apart, joined]
    return [names for names, _, _ in groups]


def chorale_titles() -> dict[str, str]:
    """The titles that music21 lists for its chorales, letters only, by file name."""
    from music21.corpus import chorales

    listed = chorales.ChoraleListRKBWV().byBWV
    return {
        f"bwv{number}": "".join(c for c in entry["title"].casefold() if c.isalpha())
        for number, entry in listed.items()
    }


def choose_held_out(chorales: Sequence[Chorale]) -> tuple[str, ...]:
    """The held-out names: a tenth of the chorales, whole tunes, in the order of a hash."""
    chosen: list[str] = []
    groups = tune_groups(chorales, chorale_titles())
    for names in sorted(groups, key=lambda group: hashlib.sha256(min(group).encode()).digest()):
        if len(chosen) + len(names) <= len(chorales) / 10:
            chosen += names
    return tuple(sorted(chosen))


def cut_phrases(chorale: Chorale, least: int = 32, most: int = 80) -> list[Chorale]:
    """A chorale's phrases, those shorter than ``least`` steps joined to the next.

    Returns:
        What is in 4/4, begins on a beat, ends a phrase and has at most ``most`` steps; named by
        the first beat, as ``"bwv10.7:16"``.
    """
    ends = np.flatnonzero(chorale.fermatas & ~np.append(chorale.fermatas[1:], False)) + 1
    found, start = [], 0
    while len(later := ends[ends >= start + least]) and (chorale.beats == 4).all():
        here = slice(start, int(later[0]))
        if chorale.places[start] % STEPS_A_BEAT == 0 and here.stop - start <= most:
            cut = {f: getattr(chorale, f)[..., here] for f in
                   ("pitches", "onsets", "places", "beats", "fermatas")}  # fmt: skip
            name = f"{chorale.name}:{start // STEPS_A_BEAT}"
            found.append(dataclasses.replace(chorale, name=name, **cut))
        start = here.stop
    return found


def as_piece(phrase: Chorale) -> Piece:
    """What `cut_phrases` gave, as Bach set it."""
    upbeat = -int(phrase.places[0]) % BAR // STEPS_A_BEAT
    return Piece(
        phrase.pitches.astype(int), phrase.onsets, phrase.fermatas, moods()["calm"].tempo,
        phrase.tonic, phrase.minor, upbeat,
    )  # fmt: skip


def melodies_held_out(settings: int, left_out: Sequence[str] = ()) -> dict[str, dict[str, Piece]]:
    """Bach's settings of each melody that is asked for, by the melody's first and their names.

    Phrases that share eight steps of their tune, or all of a shorter one, are one melody.

    Args:
        settings: at most so many of a melody.
        left_out: names of chorales.
    """
    chorales = [c for c in read_chorales("held_out") if c.name not in left_out]
    phrases = {p.name: p for chorale in chorales for p in cut_phrases(chorale)}
    groups = tune_groups(phrases.values(), {}, length=8)
    ordered = sorted([n for n in phrases if n in group] for group in groups)
    return {names[0]: {n: as_piece(phrases[n]) for n in names[:settings]} for names in ordered}
