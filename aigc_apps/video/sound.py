"""Voice and music on one track: music steps back under the voice, and nothing clips (6.4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage, signal

from aigc_apps.video.moods import film_moods
from aigc_apps.video.rates import RATE

VOICE_LEVEL = 10 ** (-20 / 20)
"""Root mean square of the voice while it speaks: -20 dB of full scale."""
MUSIC_LEVEL = 10 ** (-24 / 20)
"""Root mean square of the music where nobody speaks."""
DUCKED = 10 ** (-24 / 20)
"""What the music is multiplied by under the voice: 28 dB below it, for chapter 6.4 measures that
a recogniser loses words long before a person would."""
CEILING = 10 ** (-1.5 / 20)
"""The loudest sample; encoders may overshoot by a decibel."""


def pad(mood: str, seconds: float, seed: int = 0) -> np.ndarray:
    """Chords by rule, held and faded into each other: the music where there is no model.

    Args:
        mood: one of `aigc_apps.video.moods.film_moods`.
        seconds: how long.
        seed: chooses which chord begins, the octave of each tone, and the phases.

    Returns:
        float32 at `RATE`, -1 to 1, shape (round(seconds * RATE),).

    Raises:
        ValueError: if there is no such mood.
    """
    if (known := film_moods().get(mood)) is None:
        raise ValueError(f"There is no mood {mood!r}: choose one of {', '.join(film_moods())}.")
    rng = np.random.default_rng(seed)
    chords = known.chords
    first = int(rng.integers(len(chords)))
    length, total = round(known.chord_seconds * RATE), round(seconds * RATE)
    overlap = RATE // 2
    swell = np.sin(np.linspace(0, np.pi / 2, overlap)) ** 2
    envelope = np.concatenate([swell, np.ones(length - overlap), swell[::-1]])
    time = np.arange(length + overlap) / RATE
    track = np.zeros(total + length + overlap)
    for number, start in enumerate(range(0, total, length)):
        for semitones in (*chords[(first + number) % len(chords)], -12):
            pitch = known.tonic_hertz * 2 ** (semitones / 12)
            pitch *= 2.0 if rng.random() < 0.25 and semitones > 0 else 1.0
            for partial in range(1, 5):
                turn = 2 * np.pi * (pitch * partial * time + rng.random())
                track[start : start + len(time)] += envelope * np.sin(turn) / partial**2
    track = track[:total]
    return (0.5 * track / max(np.abs(track).max(), 1e-9)).astype(np.float32)


def looped(samples: np.ndarray, seconds: float) -> np.ndarray:
    """Samples made as long as asked: cut, or repeated with half a second of crossfade."""
    total, overlap = round(seconds * RATE), RATE // 2
    if len(samples) <= 2 * overlap:
        raise ValueError(f"The music has {len(samples) / RATE:.1f} s: give more than 1 s of it.")
    track = np.asarray(samples, np.float32)
    fade = np.linspace(0, 1, overlap, dtype=np.float32)
    while len(track) < total:
        joint = track[-overlap:] * (1 - fade) + samples[:overlap] * fade
        track = np.concatenate([track[:-overlap], joint, samples[overlap:]])
    return track[:total]


def ducking(intervals: Sequence[tuple[float, float]], seconds: float) -> np.ndarray:
    """The music's gain: 1 where nobody speaks, `DUCKED` during the intervals, smooth between.

    Args:
        intervals: start and end of each narration, seconds.
        seconds: of the whole.

    Returns:
        float32 at `RATE`, shape (round(seconds * RATE),).
    """
    step = RATE // 100  # a hundred values a second are enough for a gain
    speaking = np.zeros(round(seconds * RATE) // step + 2, np.float32)
    for start, end in intervals:
        # It steps back before the word, so that the first syllable is not lost.
        speaking[max(0, round((start - 0.25) * 100)) : round((end + 0.15) * 100)] = 1
    smooth = ndimage.gaussian_filter1d(speaking, 6, mode="nearest")
    gain = DUCKED**smooth  # a straight line in decibels
    times = np.arange(round(seconds * RATE)) / step
    return np.interp(times, np.arange(len(gain)), gain).astype(np.float32)


def voice_track(clips: Sequence[tuple[float, np.ndarray]], seconds: float) -> np.ndarray:
    """Speech clips, each at `VOICE_LEVEL`, at their starts on a silent track of so many seconds."""
    track = np.zeros(round(seconds * RATE), np.float32)
    for start, clip in clips:
        loud = np.abs(clip) > 0.05 * np.abs(clip).max()
        level = np.sqrt(np.mean(np.square(clip[loud])))
        place = round(start * RATE)
        part = clip[: len(track) - place] * (VOICE_LEVEL / level)
        track[place : place + len(part)] += part
    return track


def mix(
    voice: np.ndarray, music: np.ndarray | None, intervals: Sequence[tuple[float, float]]
) -> np.ndarray:
    """Voice and music together, faded at both ends, at most `CEILING`.

    Args:
        voice: what `voice_track` gives, shape (N,).
        music: of the same length, or None.
        intervals: when the voice speaks, for `ducking`.

    Returns:
        float32, shape (N,).

    Raises:
        ValueError: if voice and music differ in length.
    """
    seconds = len(voice) / RATE
    track = voice.copy()
    if music is not None:
        if len(music) != len(voice):
            raise ValueError(
                f"Voice and music have {len(voice):,} and {len(music):,} samples: make them equal."
            )
        # No rumble, and nothing where consonants live.
        band = signal.butter(2, (80, 6000), "bandpass", fs=RATE, output="sos")
        music = signal.sosfilt(band, music)
        level = max(float(np.sqrt(np.mean(np.square(music)))), 1e-6)
        track = track + music * (MUSIC_LEVEL / level) * ducking(intervals, seconds)
    track = track * _fades(len(track))
    # One factor for the whole: a limiter would pump.
    return (track * min(1.0, CEILING / max(float(np.abs(track).max()), 1e-9))).astype(np.float32)


def _fades(length: int, start: float = 0.15, end: float = 0.8) -> np.ndarray:
    """1 with a rise at the start and a fall at the end, seconds."""
    gain = np.ones(length, np.float32)
    rise, fall = (min(round(s * RATE), length // 2) for s in (start, end))
    gain[:rise] *= np.linspace(0, 1, rise, dtype=np.float32)
    gain[length - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)
    return gain
