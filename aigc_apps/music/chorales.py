"""Bach's four-part chorales, read from the installed music21 package and never copied.

The music is in the public domain. The encodings that music21 carries are there "with the
permission of the encoders", and some exclude commercial use, so they are not part of this
project: `read_chorales` takes them from the package on the reader's own machine, and what it
found is kept in the user's cache folder, so that only the first time takes long.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from aigc_utils.files import atomic_path, read_yaml

VOICES = ("soprano", "alto", "tenor", "bass")
STEPS_A_BEAT = 4  # a step is a sixteenth note
READER = 1  # to be raised when `parse_chorale` gives something else than before
REST = 0  # a pitch that is none; all others are MIDI numbers, 60 is middle C


@dataclass(frozen=True)
class Chorale:
    """One chorale as a grid of four voices, highest first, and T steps of a sixteenth note.

    Attributes:
        name: of the file that it was read from, such as ``"bwv269"``.
        pitches: MIDI numbers, or `REST`; int8, shape (4, T).
        onsets: where a note begins; bool, shape (4, T).
        places: steps since the beginning of the bar; uint8, shape (T,).
        beats: quarter notes in the bar at each step; uint8, shape (T,).
        fermatas: whether the soprano's note ends a phrase; bool, shape (T,).
        tonic: pitch class of the last bass note, 0 (C) to 11 (B).
        minor: whether the third above the tonic is more often minor than major.
    """

    name: str
    pitches: np.ndarray
    onsets: np.ndarray
    places: np.ndarray
    beats: np.ndarray
    fermatas: np.ndarray
    tonic: int
    minor: bool

    @property
    def num_steps(self) -> int:
        """Sixteenth notes from start to end."""
        return self.pitches.shape[1]


@functools.cache
def held_out_names() -> tuple[str, ...]:
    """The chorales that nothing is trained on, as `aigc_apps.music.held_out` chose them."""
    return read_yaml(Path(__file__).with_name("held_out.yml"), tuple[str, ...])


def folder() -> Path:
    """Where the installed music21 keeps its Bach files.

    Raises:
        ImportError: if music21 is not installed, or was installed without its music.
    """
    found = find_spec("music21")
    bach = Path(found.origin).parent / "corpus" / "bach" if found else None
    if bach is None or not bach.is_dir():
        raise ImportError(
            "The chorales are read from the package music21, which is not installed or came "
            "without its corpus: install it with `pip install music21`."
        )
    return bach


def cache_folder() -> Path:
    """The user's cache folder of this package; the variable AIGC_CACHE overrules it.

    A user without a home folder, as in many containers, has it among the temporary files.
    """
    if chosen := os.environ.get("AIGC_CACHE"):
        return Path(chosen)
    places = {"win32": ("LOCALAPPDATA", "AppData/Local"), "darwin": ("", "Library/Caches")}
    variable, inside = places.get(sys.platform, ("XDG_CACHE_HOME", ".cache"))
    if base := os.environ.get(variable):
        return Path(base) / "aigc_utils"
    with contextlib.suppress(RuntimeError):  # of a user whom the system does not know
        if (home := Path.home()).is_dir():
            return home / inside / "aigc_utils"
    user = getattr(os, "getuid", lambda: "user")()
    return Path(tempfile.gettempdir()) / f"aigc_utils-{user}"


def read_chorales(split: str = "all") -> list[Chorale]:
    """The chorales of a split, from the cache if they are there.

    Args:
        split: ``"train"``, ``"held_out"`` (a tenth, and no tune of it is in ``"train"``), or
            ``"all"``.

    Returns:
        In the order of their names.

    Raises:
        ValueError: if there is no such split.
        ImportError: see `folder`.
    """
    if split not in ("train", "held_out", "all"):
        raise ValueError(f"There is no split {split!r}: choose train, held_out or all.")
    # The held-out tenth has a file of its own: a chapter that only judges reads no more.
    parts = ("train", "held_out") if split == "all" else (split,)
    found = [chorale for part in parts for chorale in _read_part(part)]
    return sorted(found, key=lambda chorale: chorale.name)


def _read_part(split: str) -> list[Chorale]:
    bach = folder()
    cached = cache_folder() / f"chorales-{split}-music21-{_version()}-{_fingerprint()}.npz"
    if cached.is_file():
        try:
            return _unpack(cached)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass  # a damaged cache is made anew
    paths = [
        path
        for path in sorted(bach.glob("*.mxl"))
        if (path.stem in held_out_names()) == (split == "held_out")
    ]
    chorales = parse_all(paths)
    try:
        with atomic_path(cached) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **_pack(chorales))
    except OSError:
        pass  # a cache that cannot be written costs time and nothing else
    return chorales


def _version() -> str:
    try:
        return version("music21")
    except PackageNotFoundError:
        return "unknown"


def _fingerprint() -> str:
    """Changes with the split and the reader's format, so that an old cache is left alone."""
    return hashlib.sha256(f"{READER} {held_out_names()}".encode()).hexdigest()[:8]


def parse_all(paths: Sequence[Path], seconds: float = 1800) -> list[Chorale]:
    """`parse_chorale` each file, on up to two processes.

    Args:
        paths: the files; what is no four-part chorale is left out.
        seconds: how long to wait for all of them.

    Raises:
        TimeoutError: if that was not enough.
    """
    # A fresh process and no fork: TensorFlow's threads do not survive being forked.
    pool = ProcessPoolExecutor(min(2, os.cpu_count() or 1), get_context("spawn"))
    try:
        found = pool.map(parse_chorale, map(str, paths), chunksize=16, timeout=seconds)
        return [chorale for chorale in found if chorale is not None]
    except TimeoutError as error:
        raise TimeoutError(
            f"Reading {len(paths)} chorales took more than {seconds:g} s: close other programs "
            "and try again."
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def parse_chorale(path: str) -> Chorale | None:
    """One MusicXML file as a chorale; None if it has not exactly four parts with notes."""
    from music21 import converter

    # Without storePickle music21 would leave a pickle in the temporary folder, and trust it.
    score = converter.parse(path, forceSource=True, storePickle=False)
    parts = [part for part in score.parts if part.recurse().notes]
    if len(parts) != len(VOICES):
        return None
    num_steps = round(score.highestTime * STEPS_A_BEAT)
    pitches = np.full((len(VOICES), num_steps), REST, np.int8)
    onsets = np.zeros(pitches.shape, bool)
    fermatas = np.zeros(num_steps, bool)
    for voice, part in enumerate(parts):
        for note in part.flatten().notes:
            # What lies between two steps, such as the second of two 32nds, is not heard.
            start, end = (
                int(np.ceil(time * STEPS_A_BEAT - 1e-6))
                for time in (note.offset, note.offset + note.quarterLength)
            )
            if start >= min(end, num_steps):
                continue
            pitches[voice, start:end] = max(pitch.midi for pitch in note.pitches)
            onsets[voice, start] = note.tie is None or note.tie.type == "start"
            if voice == 0 and any("Fermata" in mark.classes for mark in note.expressions):
                fermatas[start:end] = True
    places, beats = _clock(parts[0], num_steps)
    tonic, minor = tonality(pitches)
    name = Path(path).stem
    return Chorale(name, pitches, onsets, places, beats, fermatas, tonic, minor)


def _clock(part, num_steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Each step's place in its bar, and the length of that bar in quarter notes."""
    places, beats = np.zeros(num_steps, np.uint8), np.full(num_steps, 4, np.uint8)
    for measure in part.getElementsByClass("Measure"):
        start = round(measure.offset * STEPS_A_BEAT)
        missing = round(measure.paddingLeft * STEPS_A_BEAT)  # of an upbeat
        steps = np.arange(num_steps - start) + missing
        bar = measure.barDuration.quarterLength
        places[start:] = steps % max(1, round(bar * STEPS_A_BEAT))
        beats[start:] = round(bar)
    return places, beats


def tonality(pitches: np.ndarray) -> tuple[int, bool]:
    """The pitch class of the last bass note, and whether the third above it is minor.

    This is a rule and no analysis: it calls a chorale in a church mode minor or major by its
    third, and a Picardy third at the end does not confuse it.
    """
    sounding = pitches[-1][pitches[-1] != REST]
    tonic = int(sounding[-1]) % 12
    heard = pitches[pitches != REST] % 12
    return tonic, bool(np.sum(heard == (tonic + 3) % 12) > np.sum(heard == (tonic + 4) % 12))


FIELDS = ("pitches", "onsets", "places", "beats", "fermatas")


def _pack(chorales: Sequence[Chorale]) -> dict[str, np.ndarray]:
    """Plain arrays that hold all chorales end to end."""
    joined = {f: np.concatenate([getattr(c, f) for c in chorales], axis=-1) for f in FIELDS}
    return joined | {
        "names": np.array([c.name for c in chorales]),
        "lengths": np.array([c.num_steps for c in chorales]),
        "tonics": np.array([c.tonic for c in chorales]),
        "minors": np.array([c.minor for c in chorales]),
    }


def _unpack(path: Path) -> list[Chorale]:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    ends = np.cumsum(arrays["lengths"])[:-1]
    pieces = {field: np.split(arrays[field], ends, axis=-1) for field in FIELDS}
    return [
        Chorale(
            name=str(arrays["names"][i]),
            **{field: pieces[field][i] for field in FIELDS},
            tonic=int(arrays["tonics"][i]),
            minor=bool(arrays["minors"][i]),
        )
        for i in range(len(arrays["lengths"]))
    ]
