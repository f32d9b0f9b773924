"""Judging music (chapter 6.3): held-out melodies set by the model, by rule, and by Bach himself.

A `MusicTrial` holds what was made and measured; `music_measures` and `music_verdict` say what
follows from it, and nothing else decides.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from aigc_apps.contract import Measure, standard_error
from aigc_apps.music import counterpoint, score
from aigc_apps.music.chorales import STEPS_A_BEAT, read_chorales
from aigc_apps.music.grid import RANGES, chorale_windows
from aigc_apps.music.make import CHECKPOINT, block_chords, compose_piece
from aigc_apps.music.request import moods
from aigc_apps.music.score import BAR, Piece

# What a piece must reach to be worth a person's work: see `is_worth_mending`.
MOST_PARALLELS = 2.0
"""Times as many parallels in 100 beats as Bach has."""
CLEARLY = 2.0
"""Standard errors by which it must agree with Bach more often than the rule does."""


@dataclass(frozen=True)
class MusicTrial:
    """What was made of held-out melodies, and what a likelihood and a clock said of it.

    Attributes:
        generated, ruled, bach: the same melodies set by the model, by `block_chords`, by Bach.
        bach_parallels: of all held-out chorales, in 100 beats: the phrases alone hold too few.
        nats: a cell of Bach's lower voices given the melody, shape (draws, windows).
        nats_markov: the same of a chain of single voices, from the checkpoint's card.
        seconds: that each piece of ``generated`` took until it was a file, by the clock on the
            wall, as a user waits.
        training_seconds: that the model took.
    """

    generated: list[Piece]
    ruled: list[Piece]
    bach: list[Piece]
    bach_parallels: float
    nats: np.ndarray
    nats_markov: float
    seconds: list[float]
    training_seconds: float

    @property
    def sets(self) -> dict[str, list[Piece]]:
        """The pieces by the fields of a `Measure`."""
        return {"generated": self.generated, "baseline": self.ruled, "people": self.bach}

    def agreed(self, name: str) -> list[float]:
        """Percent of beats with the root that Bach chose, for each piece of a set."""
        pairs = zip(self.sets[name], self.bach, strict=True)
        return [100 * counterpoint.agreement(a.pitches, b.pitches) for a, b in pairs]


def try_music(model, num_samples: int, seed: int) -> MusicTrial:
    """Set the first phrases of held-out chorales; arguments and errors as `Music.evaluate`."""
    if num_samples < 2:
        raise ValueError(f"num_samples is {num_samples}: give at least 2.")
    from aigc_utils import checkpoints

    held_out = read_chorales("held_out")
    phrases = [piece for chorale in held_out if (piece := first_phrases(chorale))]
    bach = [phrases[i % len(phrases)] for i in range(num_samples)]
    made, seconds = [], []
    model.network()
    for number, piece in enumerate(bach):
        start = time.perf_counter()
        made.append(compose_piece(model, piece, keep_melody=True, seed=seed + number)[0])
        score.to_midi(made[-1], "timed")
        seconds.append(time.perf_counter() - start)
    card = checkpoints.load_card(CHECKPOINT)
    windows = chorale_windows(held_out, length=64, stride=64)
    return MusicTrial(
        generated=made,
        ruled=[block_chords(piece) for piece in bach],
        bach=bach,
        bach_parallels=parallel_rate([chorale.pitches for chorale in held_out]),
        nats=model.nll(windows, melody_given=True, num_draws=4, seed=seed),
        nats_markov=card.results["held_out_nats_a_cell_lower_voices_markov"],
        seconds=seconds,
        training_seconds=card.seconds,
    )


def music_measures(trial: MusicTrial) -> tuple[Measure, ...]:
    """What a trial says of the model's pieces, the rule's and Bach's, in eight measures."""
    number, roots = len(trial.bach), trial.agreed("generated")

    def each(function) -> dict[str, float]:
        return {name: float(function(pieces)) for name, pieces in trial.sets.items()}

    kept = each(
        lambda pieces: 100 * np.mean([_kept(*p) for p in zip(pieces, trial.bach, strict=True)])
    )
    ranges = each(
        lambda pieces: 100 * np.mean([counterpoint.in_range(p.pitches, RANGES) for p in pieces])
    )
    offences = each(lambda pieces: parallel_rate([p.pitches for p in pieces]))
    # Five or so in the phrases alone would make a poor ruler: Bach's rate is that of all.
    offences["people"] = trial.bach_parallels
    harsh = each(
        lambda pieces: 100 * np.mean([counterpoint.dissonant_share(p.pitches) for p in pieces])
    )
    named = each(lambda pieces: 100 * np.mean([name != "?" for p in pieces for name in p.chords()]))
    tones = {name: _tones(pieces) for name, pieces in trial.sets.items()}
    apart = {name: 50 * float(np.abs(tones[name] - tones["people"]).sum()) for name in tones}

    def measure(name, unit, better, generated, baseline, people=None, error=None, count=number):
        return Measure(
            name=name, unit=unit, better=better, generated=generated, baseline=baseline,
            people=people, standard_error=error, number=count,
        )  # fmt: skip

    return (
        measure("melodies kept note for note", "%", "higher", kept["generated"], kept["baseline"]),
        measure("notes in their voice's range", "%", "higher", **ranges),
        measure("parallel fifths and octaves in 100 beats", "", "lower", **offences),
        measure("beats with the root that Bach chose", "%", "higher", float(np.mean(roots)),
                float(np.mean(trial.agreed("baseline"))), error=standard_error(roots)),
        measure("dissonant pairs of voices, difference to Bach", "% points", "lower",
                abs(harsh["generated"] - harsh["people"]),
                abs(harsh["baseline"] - harsh["people"])),
        measure("beats with a chord that has a name", "%", "higher", **named),
        measure("lower voices' tones, distance to Bach", "%", "lower",
                apart["generated"], apart["baseline"]),
        measure("log-likelihood of Bach's lower voices given the melody", "nats lost a cell",
                "lower", float(trial.nats.mean()), trial.nats_markov,
                error=standard_error(trial.nats.mean(axis=0)), count=trial.nats.shape[1]),
    )  # fmt: skip


def is_worth_mending(
    kept: float, parallels: float, bach_parallels: float, better: float, error: float
) -> bool:
    """Whether pieces hold what was promised and beat the rule, so that mending them pays.

    Args:
        kept: percent of melodies that were kept note for note; all must be.
        parallels, bach_parallels: in 100 beats; at most `MOST_PARALLELS` times Bach's.
        better: by how many percent of beats it agrees with Bach's roots more often than the rule.
        error: the standard error of ``better``, which must be `CLEARLY` times as large.
    """
    return kept == 100 and parallels <= MOST_PARALLELS * bach_parallels and better > CLEARLY * error


def music_verdict(trial: MusicTrial) -> dict[str, Any]:
    """The fields of a `Verdict` that a trial decides; ``seconds_each`` is by the clock."""
    measures = music_measures(trial)
    kept, _, offences, roots = measures[:4]
    better = np.subtract(trial.agreed("generated"), trial.agreed("baseline"))  # by melody
    good = is_worth_mending(
        kept.generated,
        offences.generated,
        offences.people,
        float(better.mean()),
        standard_error(better),
    )
    return {
        # Gold would need somebody who listened, and that was not measured.
        "answer": "ore" if good else "bubble",
        "because": (
            f"In {len(trial.bach)} settings of melodies that it never heard it agrees with Bach's "
            f"root at {roots.generated:.0f}% of beats (three chords by rule: "
            f"{roots.baseline:.0f}%), with {offences.generated:.2f} parallels "
            f"in 100 beats (Bach {offences.people:.2f}, the rule "
            f"{offences.baseline:.1f}), and keeps {kept.generated:.0f}% of the melodies."
        ),
        "measures": measures,
        "seconds_each": statistics.median(trial.seconds),
        "training_seconds": trial.training_seconds,
        "review_minutes": 5.0,
        "assumed": "Five minutes: somebody who reads music plays it twice and mends a bar or two; "
        "nobody was asked how it sounds, so whether people like it was not measured.",
        "risks": (
            "It may come near to a chorale that it learnt from.",
            "Bach's rules are held where they were counted: parallels, ranges, the melody. "
            "Others, such as resolving a seventh, are held only as far as they were learnt.",
            "A listener may take it for Bach: the file says that it is not.",
        ),
    }


def first_phrases(chorale, most: int = 80, least: int = 32) -> Piece | None:
    """The beginning of one of `aigc_apps.music.chorales`, up to the end of a phrase.

    Returns:
        The phrases that end within ``most`` steps, as Bach set them; None where there are none
        of at least ``least`` steps, or the chorale is not in 4/4.
    """
    marked = chorale.fermatas[:most]
    ends = np.flatnonzero(marked & ~np.append(marked[1:], False)) + 1
    ends = ends[(ends >= least) & (ends < most)]
    if not len(ends) or (chorale.beats[:most] != 4).any():
        return None
    upbeat, odd = divmod(-int(chorale.places[0]) % BAR, STEPS_A_BEAT)
    if odd:
        return None
    here = slice(0, int(ends[-1]))
    return Piece(
        chorale.pitches[:, here].astype(int), chorale.onsets[:, here], chorale.fermatas[here],
        moods()["calm"].tempo, chorale.tonic, chorale.minor, upbeat,
    )  # fmt: skip


def parallel_rate(grids) -> float:
    """Parallel fifths and octaves in 100 beats of all grids together."""
    total = sum(grid.shape[1] for grid in grids) / STEPS_A_BEAT
    return 100 * sum(len(counterpoint.parallels(grid)) for grid in grids) / total


def _kept(piece: Piece, given: Piece) -> bool:
    """Whether the soprano is the given one, pitches and strokes."""
    return np.array_equal(piece.pitches[0], given.pitches[0]) and np.array_equal(
        piece.onsets[0], given.onsets[0]
    )


def _tones(pieces) -> np.ndarray:
    """Shares of the twelve tones above the tonic in the lower voices, shape (12,)."""
    return np.mean([counterpoint.pitch_classes(p.pitches[1:], p.tonic) for p in pieces], axis=0)
