"""How the claims about music are measured (chapter 6.3): phrases that the model never heard.

A request is a melody: settings of the same phrase, by Bach, are items of one request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from aigc_apps.evaluation.items import Items
from aigc_apps.evaluation.trials import Answers, Measured, Trial, answer_all, measure_all
from aigc_apps.music import counterpoint, harmony, make, score
from aigc_apps.music.chorales import STEPS_A_BEAT
from aigc_apps.music.grid import RANGES
from aigc_apps.music.held_out import melodies_held_out
from aigc_apps.music.score import Piece

Set = tuple[Piece, Piece]  # a setting, and Bach's of the same melody


class MusicTrial(Trial):
    """What is in ``trial.yml``: besides what every trial has, most ``settings`` of a melody.

    Attributes:
        settings: of a melody that are asked for, at most.
        left_out: held-out chorales that are not asked for.
    """

    settings: int
    left_out: tuple[str, ...]


def measure_music(scenario, number: int, seed: int, say: Callable[[str], Any] | None) -> Measured:
    """The claims of ``claims.yml``, measured; see `Scenario.measure`."""
    from aigc_utils import checkpoints

    melodies = melodies_held_out(scenario.trial.settings, scenario.trial.left_out)
    asked = {name: melodies[name] for name in scenario.trial.first(list(melodies), number)}
    scenario.model.network()

    def compose(given: Piece, seed: int) -> Piece:
        piece, _ = make.compose_piece(scenario.model, given, keep_melody=True, seed=seed)
        score.to_midi(piece, "timed")
        return piece

    flat = {label: piece for settings in asked.values() for label, piece in settings.items()}
    made, seconds = answer_all(compose, flat, seed, say, "phrases")
    card = checkpoints.load_card(make.CHECKPOINT)
    return Measured(
        items=measure_settings(asked, {label: piece for label, (piece,) in made.items()}),
        requests={
            name: {"settings": [*settings], "beats": [p.num_steps // 4 for p in settings.values()],
                   "keys": [p.key for p in settings.values()]}
            for name, settings in asked.items()
        },
        model=make.CHECKPOINT,
        model_sha256=card.weights_sha256,
        settings={"temperature": 0.5, "candidates": make.CANDIDATES, "passes": make.PASSES,
                  "repairs": make.REPAIRS, "shortest": "eighth"},
        seconds=seconds,
        training_seconds=card.seconds,
    )  # fmt: skip


def measure_settings(asked: Mapping[str, Mapping[str, Piece]], made: Mapping[str, Piece]) -> Items:
    """All claims, of settings by label, beside counted ones (`harmony`) and Bach's own."""

    def answers(setting: Callable[[str, Piece], Piece]) -> Answers:
        return {name: [(setting(label, bach), bach) for label, bach in settings.items()]
                for name, settings in asked.items()}  # fmt: skip

    arms = {
        "generated": answers(lambda label, bach: made[label]),
        "strong_simple": answers(lambda label, bach: harmony.set_by_counts(bach)),
        "people": answers(lambda label, bach: bach),
    }
    items = Items()
    for claim, value in VALUES.items():
        measure_all(items, claim, arms, lambda pair, value=value: value(*pair))
    return items


def parallel_rate(grids: Sequence[np.ndarray]) -> float:
    """Parallel fifths and octaves in 100 beats of all grids together."""
    beats = sum(grid.shape[1] for grid in grids) / STEPS_A_BEAT
    return 100 * sum(len(counterpoint.parallels(grid)) for grid in grids) / beats


def lower_lines(piece: Piece) -> list[list[tuple[int, int, int]]]:
    """(MIDI number, first step, steps) of the notes of the three lower voices, voice by voice."""
    return [[*score.line_notes(piece.pitches[v], piece.onsets[v])] for v in (1, 2, 3)]


def kept(piece: Piece, bach: Piece) -> bool:
    """Whether the soprano is the given one, pitches and strokes."""
    return np.array_equal(piece.pitches[0], bach.pitches[0]) and np.array_equal(
        piece.onsets[0], bach.onsets[0]
    )


def single_sixteenths(piece: Piece) -> float:
    """The share of the lower voices' notes that last one step."""
    lengths = [length for line in lower_lines(piece) for *_, length in line]
    return float(np.mean(np.equal(lengths, 1))) if lengths else 0.0


def wide_moves(piece: Piece) -> float:
    """The share of the lower voices' moves, from note to note, that are wider than a fifth."""
    moves = [abs(a[0] - b[0]) for line in lower_lines(piece) for a, b in pairwise(line)]
    return float(np.mean(np.greater(moves, counterpoint.FIFTH))) if moves else 0.0


def between_beats(piece: Piece) -> set[tuple[int, int, int]]:
    """(voice, MIDI number, step) of the lower voices' notes that begin between two beats."""
    return {(voice, note, start) for voice, line in enumerate(lower_lines(piece))
            for note, start, _ in line if start % STEPS_A_BEAT}  # fmt: skip


def moves_found(piece: Piece, bach: Piece) -> float:
    """F1 of `between_beats` against Bach's."""
    ours, his = between_beats(piece), between_beats(bach)
    return 2 * len(ours & his) / (len(ours) + len(his)) if ours or his else 1.0


def apart(count: Callable[[Piece], float]) -> Callable[[Piece, Piece], float]:
    """The distance of a count from Bach's."""
    return lambda piece, bach: abs(count(piece) - count(bach))


VALUES: dict[str, Callable[[Piece, Piece], float]] = {
    "melody": kept,
    "ranges": lambda piece, _: counterpoint.in_range(piece.pitches, RANGES) == 1,
    "parallels": lambda piece, _: parallel_rate([piece.pitches]),
    "sixteenths": lambda piece, _: single_sixteenths(piece),
    "leaps": lambda piece, _: wide_moves(piece),
    "roots": lambda piece, bach: counterpoint.agreement(piece.pitches, bach.pitches),
    "notes": lambda piece, bach: float((piece.pitches == bach.pitches)[1:, ::2].mean()),
    "moves": moves_found,
    "dissonance": apart(lambda piece: counterpoint.dissonant_share(piece.pitches)),
    "moving": apart(lambda piece: len(between_beats(piece)) * STEPS_A_BEAT / piece.num_steps),
    "named": lambda piece, _: float(np.mean([name != "?" for name in piece.chords()])),
}
