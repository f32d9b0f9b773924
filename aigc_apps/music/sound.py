"""A small organ (chapter 6.3): sound from notes by adding sine waves, without a sound font."""

from __future__ import annotations

import io
import struct
import wave

import numpy as np
from scipy import signal

RATE = 22_050  # samples a second
HARMONICS = (1.0, 0.5, 0.33, 0.16, 0.1, 0.05)  # how loud each multiple of the pitch is
ATTACK, RELEASE = 0.03, 0.12  # seconds to full loudness, and back to silence
REVERBERATION = 0.9  # seconds until the room is a thousand times quieter


def tone(midi: float, seconds: float, rate: int = RATE) -> np.ndarray:
    """One organ tone, float32 mono, fading in and out; partials beyond hearing are left out."""
    pitch = 440.0 * 2 ** ((midi - 69) / 12)
    time = np.arange(round((seconds + RELEASE) * rate)) / rate
    partials = [
        loud * np.sin(2 * np.pi * pitch * number * time + number)
        for number, loud in enumerate(HARMONICS, start=1)
        if pitch * number < 0.45 * rate
    ]
    swell = np.minimum(1, time / ATTACK) * np.clip((seconds + RELEASE - time) / RELEASE, 0, 1)
    # Organ pipes are balanced by ear: low notes need more to be heard as loud.
    return (np.sum(partials, axis=0) * swell * 2 ** ((60 - midi) / 36)).astype(np.float32)


def render(notes, seconds: float, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """Notes as sound in a room.

    Args:
        notes: (MIDI number, start, length) in seconds, any number of them.
        seconds: where the last note ends; the room sounds on for `REVERBERATION`.
        rate: samples a second.
        seed: of the room's echoes.

    Returns:
        float32 mono from -0.9 to 0.9.
    """
    mixed = np.zeros(round((seconds + RELEASE + 0.05) * rate) + 1, np.float32)
    for midi, start, length in notes:
        # A repeated pitch must be heard to begin again.
        sound = tone(midi, max(0.05, length - RELEASE / 2), rate)
        first = round(start * rate)
        mixed[first : first + len(sound)] += sound[: len(mixed) - first]
    time = np.arange(round(REVERBERATION * rate)) / rate
    echoes = np.random.default_rng(seed).standard_normal(len(time))
    room = (0.02 * echoes * 10 ** (-3 * time / REVERBERATION)).astype(np.float32)
    room[0] = 1.0
    heard = signal.fftconvolve(mixed, room)
    return (0.9 * heard / max(1e-9, np.abs(heard).max())).astype(np.float32)


def to_wav(samples: np.ndarray, comment: str = "", rate: int = RATE) -> bytes:
    """Samples from -1 to 1 as a 16-bit WAV file, with a comment in its INFO list."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    if not comment:
        return buffer.getvalue()
    text = comment.encode("utf-8") + b"\0"
    text += b"\0" * (len(text) % 2)
    info = b"INFO" + b"ICMT" + struct.pack("<I", len(text)) + text
    whole = buffer.getvalue() + b"LIST" + struct.pack("<I", len(info)) + info
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]  # the new length


def to_mp3(samples: np.ndarray, rate: int = RATE) -> bytes:
    """Samples from -1 to 1 as an MP3 of about 2.6 kB a second, small enough for a notebook."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="MP3", compression_level=0.9)
    return buffer.getvalue()
