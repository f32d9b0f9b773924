"""Music for the eye (chapter 6.3): a piano roll whose voices have colours and labels."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from aigc_apps.music.chorales import STEPS_A_BEAT, VOICES
from aigc_apps.music.counterpoint import NAMES
from aigc_apps.music.score import Piece
from aigc_utils import plots

COLOURS = ("vermillion", "green", "sky", "blue")  # tell voices apart for the colour-blind too


def roll(
    pieces: dict[str, Piece], marks: dict[str, list[tuple[int, int, int]]] | None = None
) -> Figure:
    """Piano rolls below each other: time runs right, pitch up, chords are named on top.

    Args:
        pieces: by title.
        marks: what `aigc_apps.music.counterpoint.parallels` found, by title: circled.
    """
    marks = marks or {}
    figure = Figure(figsize=(7.6, 2.5 * len(pieces) + 0.3), layout="constrained")
    for axis, (title, piece) in zip(
        np.atleast_1d(figure.subplots(len(pieces), 1)), pieces.items(), strict=True
    ):
        sounding = piece.pitches[piece.pitches > 0]
        low, high = int(sounding.min()) - 2, int(sounding.max()) + 2
        for voice, pitch, start, length in piece.notes():
            axis.add_patch(
                Rectangle(
                    (start / STEPS_A_BEAT + 0.03, pitch - 0.4), length / STEPS_A_BEAT - 0.06, 0.8,
                    color=plots.COLOURS[COLOURS[voice]], linewidth=0,
                )
            )  # fmt: skip
        beats = piece.num_steps / STEPS_A_BEAT
        for voice, name in enumerate(VOICES):
            line = piece.pitches[voice]
            if (line > 0).any():
                first = line[np.flatnonzero(line > 0)[0]]
                axis.text(-0.15, first, name, ha="right", va="center", fontsize=8)
        for beat, name in enumerate(piece.chords()):
            axis.text(beat + 0.05, high - 0.6, name, fontsize=6)
        for step, upper, lower in marks.get(title, ()):
            heights = piece.pitches[[upper, lower], step]
            axis.plot(
                [step / STEPS_A_BEAT] * 2, heights, "o-", color="black", fillstyle="none",
                markersize=9, linewidth=0.8,
            )  # fmt: skip
        for bar in np.arange(piece.upbeat, beats, 4):
            axis.axvline(bar, color="0.6", linewidth=0.7, zorder=0)
        octaves = [pitch for pitch in range(low, high) if pitch % 12 == piece.tonic]
        axis.set_yticks(octaves, [f"{NAMES[p % 12]}{p // 12 - 1}" for p in octaves])
        axis.tick_params(axis="y", pad=42, length=0)
        axis.set(xlim=(0, beats), ylim=(low, high + 1), title=f"{title}, {piece.key}")
        axis.grid(axis="x", visible=False)
    axis.set_xlabel("quarter notes")
    return figure


def roll_in_words(piece: Piece, title: str = "A piano roll") -> str:
    """Alternative text for a roll: key, tempo, and the chords bar by bar."""
    beats = piece.num_steps // STEPS_A_BEAT
    return (
        f"{title} of four voices in {piece.key}, {beats} quarter notes at {piece.tempo:g} "
        "a minute. "
        f"Chords by bar: {piece.describe()}."
    )


def grey_roll(pitches: np.ndarray, low: int = 38, high: int = 80) -> np.ndarray:
    """A roll as intensities for `aigc_utils.widgets.Explorer`, shape (high - low, T).

    White is silence; the melody is black and each lower voice a little lighter.
    """
    picture = np.ones((high - low, pitches.shape[1]), np.float32)
    for voice in range(len(pitches) - 1, -1, -1):
        steps = np.flatnonzero((pitches[voice] >= low) & (pitches[voice] < high))
        picture[high - 1 - pitches[voice, steps].astype(int), steps] = 0.18 * voice
    return picture
