"""A voice that reads aloud and an ear that writes down what it heard, both without a network.

The voice is `hibari-tts` (Apache-2.0, its voice distilled from Kokoro-82M); where it is not
installed, the program `espeak-ng` reads. The ear is `pocketsphinx` (BSD), with the American
English model that it carries: a recogniser of the 2000s, which no voice of today can flatter.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import signal

from aigc_apps.video.rates import RATE

FASTEST = 1.35
"""How much faster than its own pace the voice may read to fit a shot."""

_ESPEAK_WORDS_A_MINUTE = 150
_EAR_RATE = 16_000
_UNADAPTED = (
    "40,3,-1,0,0,0,0,0,0,0,0,0,0"  # cepstral means of pocketsphinx before it heard anything
)


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


def listen(samples: np.ndarray, rate: int = RATE) -> str:
    """What a recogniser makes of speech, in small letters.

    Args:
        samples: one channel, -1 to 1, shape (N,).
        rate: samples a second.

    Raises:
        ValueError: if pocketsphinx is not installed.
    """
    heard = resample(samples, rate, _EAR_RATE)
    # The recogniser expects a little silence around the words, and speech at a usual level.
    level = max(float(np.abs(heard).max()), 1e-4)
    quiet = np.zeros(_EAR_RATE // 4, np.float32)
    heard = np.concatenate([quiet, heard * (0.4 / level), quiet])
    decoder = _ear()
    # It goes on adapting to what it hears: each utterance is to begin from the same state.
    decoder.set_cmn(_UNADAPTED)
    decoder.start_utt()
    decoder.process_raw((heard * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return re.sub(r"\(\d+\)", "", found.hypstr) if found else ""


@functools.cache
def _ear():
    """The recogniser, which takes seconds to load."""
    try:
        from pocketsphinx import Decoder
    except ImportError as error:
        raise ValueError(
            "Listening needs a recogniser, which is not installed: type 'pip install pocketsphinx'."
        ) from error
    return Decoder(samprate=_EAR_RATE, loglevel="FATAL")


def words_of(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower().replace("’", "'"))


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """Words substituted, left out or put in (Levenshtein, 1966), and words said.

    Their quotient is the word error rate, which passes 1 where many words were put in.
    """
    return _edits(words_of(said), words_of(heard)), len(words_of(said))


def _edits(one: Sequence[str], other: Sequence[str]) -> int:
    row = list(range(len(other) + 1))
    for number, word in enumerate(one, 1):
        diagonal, row[0] = row[0], number
        for place, found in enumerate(other, 1):
            least = min(row[place] + 1, row[place - 1] + 1, diagonal + (word != found))
            diagonal, row[place] = row[place], least
    return row[-1]
