"""The tutor of four-part writing marks what is wrong, where, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_apps.music import counterpoint
from aigc_apps.music.chorales import VOICES
from aigc_apps.music.tutor import SUNG, mark_setting

# One chord a beat, from the soprano down, written and judged by another hand.
SETTINGS = {
    "parallel_fifths": (
        "C major",
        [72, 72, 71, 69, 69, 71, 72], [67, 69, 67, 64, 62, 62, 64],
        [64, 60, 62, 60, 62, 62, 60], [48, 53, 55, 57, 53, 55, 60],
        [(3, "parallel_fifths", ("tenor", "bass"))],
    ),
    "parallel_octaves": (
        "G major",
        [71, 71, 72, 74, 74, 69, 67], [67, 67, 67, 66, 67, 66, 67],
        [62, 64, 64, 57, 55, 57, 59], [55, 52, 48, 50, 47, 50, 55],
        [(4, "parallel_octaves", ("soprano", "bass"))],
    ),
    "voice_crossing": (
        "F major",
        [69, 70, 65, 67, 65, 70, 69], [65, 65, 65, 60, 65, 65, 65],
        [60, 62, 60, 64, 57, 62, 60], [53, 46, 45, 48, 50, 46, 53],
        [(4, "voice_crossing", ("alto", "tenor"))],
    ),
    "spacing": (
        "D major",
        [78, 79, 78, 73, 71, 69, 69], [66, 62, 66, 64, 62, 64, 62],
        [57, 59, 57, 57, 54, 52, 54], [50, 55, 50, 45, 47, 49, 50],
        [(2, "spacing", ("soprano", "alto"))],
    ),
    "leading_tone": (
        "C major",
        [64, 65, 67, 69, 71, 67], [60, 60, 64, 62, 62, 64],
        [55, 57, 60, 57, 55, 55], [48, 41, 40, 41, 43, 48],
        [(6, "leading_tone_unresolved", ("soprano",))],
    ),
    "correct": (
        "C major",
        [64, 64, 65, 65, 62, 64], [60, 60, 60, 62, 62, 60],
        [55, 57, 57, 57, 59, 60], [48, 45, 41, 41, 43, 48],
        [],
    ),
    # Ours: two notes of the dominant, one after the other, each with one thing wrong.
    "seventh": ("C major", [65, 67], [59, 60], [55, 55], [43, 48],
                [(2, "seventh_unresolved", ("soprano",))]),
    "doubled": ("C major", [71, 72], [67, 67], [59, 55], [43, 48],
                [(1, "doubled_leading_tone", ("soprano", "tenor"))]),
    "hidden": ("C major", [67, 72], [62, 64], [59, 55], [47, 48],
               [(1, "doubled_leading_tone", ("tenor", "bass")),
                (2, "direct_octaves", ("soprano", "bass"))]),
    "overlap": ("C major", [67, 72], [64, 69], [60, 60], [48, 50],
                   [(2, "voice_overlap", ("soprano", "alto"))]),
    "augmented": ("A minor", [74, 71], [65, 68], [62, 62], [50, 52],
                  [(2, "augmented_second", ("alto",))]),
    "range": ("C major", [84, 84], [76, 76], [67, 67], [48, 48],
              [(1, "range", ("alto",)), (1, "range", ("soprano",)),
               (2, "range", ("alto",)), (2, "range", ("soprano",))]),
}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_wrong_is_marked_and_nothing_else(name):
    key, *voices, faults = SETTINGS[name]
    found = mark_setting(*voices, key=key)
    assert [mark[:3] for mark in found] == sorted(faults)
    assert all(mark.says for mark in found)


@pytest.mark.parametrize("semitones", range(-5, 6))
def test_faults_are_the_same_in_every_key(semitones):
    """But for ranges, which do not move with the key."""
    key, *voices, _ = SETTINGS["leading_tone"]
    tonic = counterpoint.NAMES[semitones % 12]
    moved = mark_setting(*[[n + semitones for n in v] for v in voices], key=f"{tonic} major")
    there = mark_setting(*voices, key=key)
    without = [[m[:3] for m in found if m.kind != "range"] for found in (moved, there)]
    assert without[0] == without[1]


NOTES = [st.integers(low, high) for low, high in SUNG]


@given(st.lists(st.tuples(*NOTES), min_size=1, max_size=6))
def test_parallels_are_those_that_are_counted(chords):
    grid = np.array(chords).T
    found = [m for m in mark_setting(*grid.tolist()) if m.kind.startswith("parallel")]
    expected = {(s + 1, VOICES[u], VOICES[lo]) for s, u, lo in counterpoint.parallels(grid)}
    assert {(m.beat, *m.voices) for m in found} == expected


@pytest.mark.parametrize(
    ("voices", "key", "words"),
    [
        (([60, 60], [60], [60], [48]), "C major", ("2, 1, 1, 1", "as many")),
        (([], [], [], []), "C major", ("0, 0", "1 to 256")),
        (([60] * 300,) * 4, "C major", ("300", "1 to 256")),
        ((["C5"], [60], [55], [48]), "C major", ("soprano", "'C5'", "MIDI")),
        (([72], [60], [0], [48]), "C major", ("tenor", "0")),
        (([72], [60], [55], [True]), "C major", ("bass", "True")),
        (([72], [60], [55], [48]), "H major", ("'H major'", "G major")),
        (([72], [60], [55], [48]), "C", ("'C'",)),
    ],
)
def test_what_is_no_setting_is_refused_in_a_sentence(one_sentence, voices, key, words):
    with pytest.raises(ValueError, match=r".") as caught:
        mark_setting(*voices, key=key)
    one_sentence(caught.value, *words)


@pytest.mark.parametrize(
    ("notes", "minor", "numeral"),
    [
        ((72, 67, 64, 48), False, "I"),
        ((67, 64, 60, 52), False, "I6"),
        ((65, 62, 59, 55), False, "V7"),
        ((67, 65, 62, 59), False, "V65"),
        ((69, 65, 62, 53), False, "ii6"),
        ((71, 65, 62, 62), False, "vii°6"),
        ((67, 63, 60, 48), True, "i"),
        ((68, 63, 60, 56), True, "VI"),
        ((69, 66, 62, 50), False, "II"),
        ((68, 65, 61, 53), False, "bII6"),
        ((60, 62, 64, 65), False, "?"),
    ],
)
def test_numerals_are_those_of_the_textbook(notes, minor, numeral):
    assert counterpoint.numeral(notes, 0, minor) == numeral
