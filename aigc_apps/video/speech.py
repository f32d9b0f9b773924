"""A voice that reads aloud without a network (chapter 6.4).

It is `hibari-tts` (Apache-2.0, its voice distilled from Kokoro-82M); where that is not
installed, the program `espeak-ng` reads.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
from scipy import signal

from aigc_apps.video.rates import RATE

FASTEST = 1.35
"""How much faster than its own pace the voice may read to fit a shot."""

_ESPEAK_WORDS_A_MINUTE = 150


@dataclass(frozen=True)
class Voice:
    """Which voice there is.

    Attributes:
        name: with its version, for the provenance.
        native_rate: samples a second that it gives.
    """

    name: str
    native_rate: int


@functools.cache
def find_voice() -> Voice:
    """The best voice that is installed.

    Raises:
        ValueError: if there is none.
    """
    from importlib import metadata
    from importlib.util import find_spec

    if find_spec("hibari") is not None:
        return Voice(f"hibari-tts {metadata.version('hibari-tts')}, voice heart", 24_000)
    if shutil.which("espeak-ng"):
        return Voice("espeak-ng, voice en-us", 22_050)
    raise ValueError(
        "No voice is installed that could read the narration: type 'pip install hibari-tts', "
        "install espeak-ng, or leave the narration out."
    )


def speak(text: str, *, seed: int = 0, speed: float = 1.0) -> np.ndarray:
    """Read English text aloud.

    Args:
        text: a sentence.
        seed: of the voice's breath, its noise; espeak-ng has none.
        speed: 1 is the voice's own pace.

    Returns:
        float32 at `RATE`, shape (N,), without the silence before and after.

    Raises:
        ValueError: if no voice is installed, or nothing in the text can be read.
    """
    voice = find_voice()
    if voice.name.startswith("hibari"):
        samples = _hibari()(text, speed=speed, seed=seed)
    else:
        samples = _espeak(text, speed)
    if not len(samples) or not np.abs(samples).max():
        raise ValueError(f"The voice finds nothing to read in {text!r}: write words.")
    return trim(resample(samples, voice.native_rate, RATE))


def speak_within(text: str, seconds: float, *, seed: int = 0) -> tuple[np.ndarray, float]:
    """Read a text in at most so many seconds, faster if need be.

    Returns:
        The samples, and the pace at which they were read.

    Raises:
        ValueError: if it would have to be read faster than `FASTEST`, with the time it needs.
    """
    samples, pace = speak(text, seed=seed), 1.0
    while len(samples) > seconds * RATE:
        if pace == FASTEST:
            raise ValueError(
                f"Reading {text!r} takes {len(samples) / RATE:.1f} s at the fastest, and the shot "
                f"leaves {max(seconds, 0):.1f} s: make the shot longer or the sentence shorter."
            )
        # Sounds do not shrink in proportion, so the right pace is found by trying.
        pace = min(FASTEST, pace * max(1.04, len(samples) / RATE / max(seconds, 0.1)))
        samples = speak(text, seed=seed, speed=pace)
    return samples, pace


def trim(samples: np.ndarray, threshold: float = 0.03) -> np.ndarray:
    """Cut silence off both ends: up to 20 ms before the first sound, 80 ms after the last."""
    loud = np.flatnonzero(np.abs(samples) > threshold * np.abs(samples).max())
    start = max(0, loud[0] - RATE // 50)
    return samples[start : loud[-1] + RATE * 8 // 100]


def resample(samples: np.ndarray, rate: int, to: int) -> np.ndarray:
    """Samples at another rate: float32, shape (N,)."""
    if rate == to:
        return np.asarray(samples, np.float32)
    common = np.gcd(rate, to)
    return signal.resample_poly(samples, to // common, rate // common).astype(np.float32)


@functools.cache
def _hibari():
    from hibari import Hibari

    return Hibari()


def _espeak(text: str, speed: float) -> np.ndarray:
    """Text goes in by a pipe, so that nothing in it can be taken for an option."""
    words = round(_ESPEAK_WORDS_A_MINUTE * speed)
    command = ["espeak-ng", "-v", "en-us", "-s", str(words), "--stdin", "--stdout"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=60, check=True)
    return np.frombuffer(done.stdout[44:], "<i2").astype(np.float32) / 32768


def words_of(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower().replace("’", "'"))
