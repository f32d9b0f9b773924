"""Making music (chapter 6.3): a blank piece, four voices written on it, chords by rule, sound.

The model is not left alone. Counts propose the chords under a melody, its own belief weighed in
(`harmony`); no note is shorter than an eighth unless that is asked for; parallel fifths and
octaves and wide leaps are drawn again; and of several candidates the one with the fewest is kept,
the likeliest of those.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from aigc_apps.music import counterpoint, harmony, score, sound
from aigc_apps.music.chorales import STEPS_A_BEAT
from aigc_apps.music.grid import clock
from aigc_apps.music.melodies import read_melody, tune_melody, tunes
from aigc_apps.music.request import KEYS, MusicRequest, moods
from aigc_apps.music.score import BAR, Piece

CHECKPOINT = "bach_chorales"
CANDIDATES, PASSES, REPAIRS = 4, 56, 6
GRAIN = {"eighth": 2, "sixteenth": 1}  # steps of the shortest note that is written
AGAINST = 14.0  # nats by which a tone outside the proposed chord is less likely, when a beat begins
MEDIA = {
    "midi": ("audio/midi", ".mid"),
    "musicxml": ("application/vnd.recordare.musicxml+xml", ".musicxml"),
    "wav": ("audio/wav", ".wav"),
}


def blank_piece(request: MusicRequest) -> tuple[Piece, bool]:
    """The piece before it is composed, and whether its melody is given.

    Of a piece without a melody only the last bass note is given, the tonic.
    """
    mood = moods()[request.mood]
    tempo, minor = mood.tempo, mood.minor
    if request.melody is None:
        tonic = 7 if request.key is None else KEYS[request.key]
        minor = minor if request.mode is None else request.mode == "minor"
        # As chorales do, a phrase begins with an upbeat and ends on the third beat.
        steps = request.bars * BAR
        beat = np.arange(steps) // STEPS_A_BEAT % 8
        pitches = np.zeros((4, steps), int)
        onsets = np.zeros(pitches.shape, bool)
        # The network does not see far enough to come home by itself every time.
        pitches[3, -STEPS_A_BEAT:] = _bass_note(tonic)
        onsets[3, -STEPS_A_BEAT] = True
        return Piece(pitches, onsets, beat == 7, tempo, tonic, minor, upbeat=1), False
    melody = read_melody(request.melody)
    sounding = melody.pitches[melody.pitches > 0]
    tonic = int(sounding[-1]) % 12 if request.key is None else KEYS[request.key]
    if request.mode is not None:
        minor = request.mode == "minor"
    else:
        thirds = [(sounding % 12 == (tonic + third) % 12).sum() for third in (3, 4)]
        minor = minor if thirds[0] == thirds[1] else bool(thirds[0] > thirds[1])
    pitches = np.zeros((4, len(melody.pitches)), int)
    onsets = np.zeros(pitches.shape, bool)
    pitches[0], onsets[0] = melody.pitches, melody.onsets
    return Piece(pitches, onsets, melody.fermatas, tempo, tonic, minor, melody.upbeat), True


def compose_piece(
    model,
    blank: Piece,
    *,
    keep_melody: bool,
    temperature: float = 0.5,
    seed: int = 0,
    candidates: int = CANDIDATES,
    passes: int = PASSES,
    repairs: int = REPAIRS,
    grain: int = 2,
    counted: bool = True,
) -> tuple[Piece, dict[str, Any]]:
    """Fill the lower voices, or all four, of a piece.

    Args:
        model: a trained `aigc_apps.music.chorale_model.ChoraleModel`.
        blank: with a melody or without.
        keep_melody: whether the soprano stays as it is, its rests too, and every cell of
            the lower voices is written; otherwise what is empty is written in all four.
        temperature: of the draws; above 0.5 the proposed chords are drawn too.
        seed: the same seed gives the same piece on one machine.
        candidates: pieces drawn at once, of which one is kept.
        passes: of Gibbs sampling.
        repairs: rounds in which notes that make parallels or leap are drawn again.
        grain: steps of the shortest note that is written.
        counted: whether counts propose the chords under a kept melody.

    Returns:
        The piece, and ``parallels``, ``parallels_before`` (without repairs, of the first
        candidate), ``nats`` (what its cells cost given all others), ``departures`` (beats whose
        root is another than was proposed; 0 where nothing was), and ``faults``: these, leaps of
        the lower voices, and parallels.
    """
    from aigc_apps.music.gibbs import cell_surprise, fill_cells

    whole = _in_whole_beats(blank)
    length = whole.num_steps
    clocks = clock(score.places(length, blank.upbeat), np.full(length, 4), whole.fermatas)
    # Beside a melody nothing is looked at: an excerpt brings its maker's lower voices along.
    empty = np.ones((4, length), bool) if keep_melody else whole.pitches == 0
    free = np.repeat(empty[None], candidates, axis=0)
    heard = np.full(length, -1.0)
    if keep_melody:
        free[:, 0] = False
        heard = whole.onsets[0].astype(float)
    key = {"tonic": blank.tonic, "minor": blank.minor}
    wish, roots = None, []
    if keep_melody and counted:
        belief = model.belief(whole.pitches, free[0].astype(float), heard, clocks, **key)
        chords = harmony.choose_chords(whole, belief, max(0.0, temperature - 0.5), seed)
        wish = _wish(whole, chords)
        roots = [(chord.root + blank.tonic) % 12 for chord in chords]
    fill = functools.partial(
        fill_cells, model, onsets=heard, clocks=clocks, temperature=temperature, grain=grain,
        wish=wish, **key,
    )  # fmt: skip
    grids = np.repeat(whole.pitches[None], candidates, axis=0)
    grids, onsets = fill(grids, free, num_passes=passes, seed=seed)
    before = len(counterpoint.parallels(grids[0]))
    _repair(fill, grids, onsets, free, repairs, seed)
    nats = cell_surprise(model, grids, onsets, clocks, **key)
    ranks = [_rank(grid, roots, cost) for grid, cost in zip(grids, nats, strict=True)]
    best = min(range(candidates), key=ranks.__getitem__)
    cut = np.s_[best, :, : blank.num_steps]
    piece = dataclasses.replace(blank, pitches=grids[cut].astype(int), onsets=onsets[cut])
    found = dict(zip(("parallels", "faults", "nats", "departures"), ranks[best], strict=True))
    return piece, found | {"parallels_before": before}


def _rank(grid: np.ndarray, roots: list[int], nats: float) -> tuple[int, int, float, int]:
    """What candidates are compared by: parallels, then all faults, then nats; and departures."""
    away = _departures(grid, roots)
    return len(counterpoint.parallels(grid)), len(_offences(grid)) + away, float(nats), away


def _in_whole_beats(blank: Piece) -> Piece:
    """The piece with rests up to the end of its last beat: the network looks at whole beats."""
    short = (0, -blank.num_steps % STEPS_A_BEAT)
    return dataclasses.replace(
        blank,
        pitches=np.pad(blank.pitches, ((0, 0), short)),
        onsets=np.pad(blank.onsets, ((0, 0), short)),
        fermatas=np.pad(blank.fermatas, short),
    )


def _wish(blank: Piece, chords: list[harmony.Chord]) -> np.ndarray:
    """`AGAINST` the tones that the proposed chords do not have, for each beat's first eighth."""
    wish = np.zeros((4, blank.num_steps, 128))
    above = (np.arange(128) - blank.tonic) % 12
    for beat, chord in enumerate(chords):
        here = slice(beat * STEPS_A_BEAT, beat * STEPS_A_BEAT + 2)
        wish[1:3, here, ~np.isin(above, list(chord.tones))] = -AGAINST
        wish[3, here, above != chord.bass] = -AGAINST
    wish[:, :, 0] = -AGAINST * bool(chords)  # a rest is no chord
    return wish


def _departures(grid: np.ndarray, roots: list[int]) -> int:
    """Beats whose chord has another root than was proposed, or none."""
    found = map(counterpoint.chord, counterpoint.beats(grid).T)
    return sum(c is None or c[0] != root for c, root in zip(found, roots, strict=False))


def _offences(grid: np.ndarray) -> list[tuple[int, int, int]]:
    """What is drawn again: parallels, and leaps of the lower voices."""
    return counterpoint.parallels(grid) + [
        (step, voice + 1, voice + 1) for step, voice, _ in counterpoint.leaps(grid[1:])
    ]


def _repair(fill, grids, onsets, free, rounds: int, seed: int) -> None:
    """Draw notes that make parallels or leap again, in place, and keep what is no worse."""
    for number in range(rounds):
        found = [_offences(grid) for grid in grids]
        if not any(found):
            return
        again = np.stack([_around(*pair) for pair in zip(grids, found, strict=True)]) & free
        drawn, struck = fill(grids, again, num_passes=6, seed=seed + 1000 * (number + 1))
        for index, grid in enumerate(drawn):
            fewer = len(counterpoint.parallels(grid)) <= len(counterpoint.parallels(grids[index]))
            if fewer and len(_offences(grid)) <= len(found[index]):
                grids[index], onsets[index] = grid, struck[index]


def _around(grid: np.ndarray, found: list[tuple[int, int, int]]) -> np.ndarray:
    """All voices' cells during the notes that make parallels; bool, shape (4, T)."""
    again = np.zeros(grid.shape, bool)
    for step, upper, lower in found:
        start, end = step - 1, step + 1
        for voice in (upper, lower):
            line = grid[voice]
            first, last = step - 1, step
            while first > 0 and line[first - 1] == line[step - 1]:
                first -= 1
            while last + 1 < len(line) and line[last + 1] == line[step]:
                last += 1
            start, end = min(start, first), max(end, last + 1)
        # Whole eighths, which may be drawn as one.
        again[:, start - start % 2 : end + end % 2] = True
    return again


def _bass_note(tone: int) -> int:
    """The pitch of a pitch class from F2 to E3."""
    return next(note for note in range(41, 53) if note % 12 == tone)


def block_chords(blank: Piece) -> Piece:
    """The melody of a piece over I, IV and V in close position, one chord a beat, by rule.

    A beat takes the first of V, I and IV that holds the melody's note there (I first at a
    phrase's end and beginning), and keeps the last chord where none does.
    """
    third = 3 if blank.minor else 4
    triads = {
        "I": (0, third, 7),
        "IV": (5, 5 + third, 12),
        "V": (7, 11, 14),
    }
    pitches, onsets = blank.pitches.copy(), blank.onsets.copy()
    chosen = "I"
    for start in range(0, blank.num_steps, STEPS_A_BEAT):
        here = slice(start, start + STEPS_A_BEAT)
        melody = int(pitches[0, start])
        if melody:
            quiet = start == 0 or blank.fermatas[start]
            for name in ("I", "IV", "V") if quiet else ("V", "I", "IV"):
                if (melody - blank.tonic) % 12 in [tone % 12 for tone in triads[name]]:
                    chosen = name
                    break
        tones = [(blank.tonic + tone) % 12 for tone in triads[chosen]]
        top = melody or 72
        below = [note for note in range(min(top - 1, 74), 47, -1) if note % 12 in tones]
        pitches[1:, here] = np.array([below[0], below[1], _bass_note(tones[0])])[:, None]
        onsets[1:, here] = False
        onsets[1:, start] = True
    return dataclasses.replace(blank, pitches=pitches, onsets=onsets)


def ode_to_joy(blank: Piece) -> Piece:
    """Ode to Joy in the key and mode of a piece without a melody."""
    ode = tune_melody("ode_to_joy")
    pitches = np.zeros((4, len(ode.pitches)), int)
    onsets = np.zeros(pitches.shape, bool)
    shift = (blank.tonic - tunes()["ode_to_joy"].tonic + 6) % 12 - 6
    line = ode.pitches + shift
    if blank.minor:  # the third of the scale is lowered; the tune has no sixth
        line = line - ((line - blank.tonic) % 12 == 4)
    pitches[0], onsets[0] = line, ode.onsets
    return Piece(pitches, onsets, ode.fermatas, blank.tempo, blank.tonic, blank.minor)


def music_making(request: MusicRequest, details: dict[str, Any], counted: bool) -> dict[str, Any]:
    """What a provenance says of a piece's making: its parts, the choice, and the repairs."""
    tune = "source" if request.melody in tunes() else "person"
    melody = tune if request.melody else "source" if counted else "model"
    parts = {"melody": melody, "lower voices": "rule" if counted else "model"}
    if request.melody or counted:
        parts["chords"] = "rule"
    if counted:
        return {"parts": parts}
    before, after = details["parallels_before"], details["parallels"]
    return {
        "parts": parts,
        "chosen": f"of {CANDIDATES} pieces the one with the fewest parallels, faults and nats",
        "repairs": (f"parallels drawn again: {before} before, {after} after",) if before else (),
    }


def music_file(piece: Piece, request: MusicRequest, comment: str) -> tuple[bytes, dict[str, Any]]:
    """A piece in the format that was asked for.

    Args:
        piece: what to write.
        request: its format and mood.
        comment: where the piece comes from, which is written into the file.

    Returns:
        The file's bytes; and for sound, ``samples`` (float32, one channel, -0.9 to 0.9, the room
        sounding on for a second after the last note) and their ``rate`` a second.
    """
    if request.format == "midi":
        return score.to_midi(piece, comment), {}
    if request.format == "musicxml":
        return score.to_musicxml(piece, comment, f"{request.mood.title()}, in {piece.key}"), {}
    samples = sound.render(piece.timed(), piece.seconds)
    return sound.to_wav(samples, comment), {"samples": samples, "rate": sound.RATE}
