"""An ear that writes down what it heard, without a network (chapter 6.4): it judges the voice.

It is `pocketsphinx` (BSD), with the American English model that it carries: a recogniser of the
2000s, which no voice of today can flatter.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

import numpy as np

from aigc_apps.video.rates import RATE
from aigc_apps.video.speech import resample, words_of

_EAR_RATE = 16_000
# Cepstral means of pocketsphinx before it heard anything.
_UNADAPTED = "40,3,-1,0,0,0,0,0,0,0,0,0,0"


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
