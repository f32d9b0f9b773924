"""Bach's four-part chorales, read from the installed music21 package and never copied.

The music is in the public domain. The encodings that music21 carries are there "with the
permission of the encoders", and some exclude commercial use, so they are not part of this
project: `read` takes them from the package on the reader's own machine, and what it found is
kept in the user's cache folder, so that only the first time takes long.
"""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from aigc_utils.files import atomic_path

VOICES = ("soprano", "alto", "tenor", "bass")
STEPS_A_BEAT = 4  # a step is a sixteenth note
READER = 1  # to be raised when `parse` gives something else than before
REST = 0  # a pitch that is none; all others are MIDI numbers, 60 is middle C

# The chorales that nothing is trained on, as `choose_held_out` chose them: no tune of these is
# among the others.
_HELD_OUT = """
    bwv10.7 bwv103.6 bwv111.6 bwv114.7 bwv14.5 bwv144.3 bwv144.6 bwv178.7 bwv20.11 bwv20.7
    bwv244.25 bwv248.28 bwv256 bwv257 bwv258 bwv306 bwv311 bwv312 bwv314 bwv324 bwv329
    bwv36.4-2 bwv364 bwv397 bwv401 bwv411 bwv420 bwv421 bwv436 bwv47.5 bwv57.8 bwv64.2 bwv65.7
    bwv69.6-a bwv72.6 bwv92.9
"""
HELD_OUT: tuple[str, ...] = tuple(_HELD_OUT.split())


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
    """The user's cache folder of this package; the variable AIGC_CACHE overrules it."""
    if chosen := os.environ.get("AIGC_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "aigc_utils"


def read(split: str = "all") -> list[Chorale]:
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
        if (path.stem in HELD_OUT) == (split == "held_out")
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
    return hashlib.sha256(f"{READER} {HELD_OUT}".encode()).hexdigest()[:8]


def parse_all(paths: Sequence[Path]) -> list[Chorale]:
    """`parse` each file, on up to two processes; what is no four-part chorale is left out."""
    # A fresh process and no fork: TensorFlow's threads do not survive being forked.
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1), get_context("spawn")) as pool:
        found = pool.map(parse, map(str, paths), chunksize=16)
        return [chorale for chorale in found if chorale is not None]


def parse(path: str) -> Chorale | None:
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


# ---- which chorales share a tune --------------------------------------------------------------


def steps_of_tune(chorale: Chorale) -> tuple[int, ...]:
    """The soprano's intervals on the beat, in semitones: the same in every key and rhythm."""
    beats = chorale.pitches[0][chorale.places % STEPS_A_BEAT == 0].astype(int)
    beats = beats[beats != REST]
    moves = np.diff(beats)
    return tuple(moves[moves != 0])


def share_a_tune(one: Sequence[int], other: Sequence[int], length: int = 12) -> bool:
    """Whether so many intervals in a row, of `steps_of_tune`, occur in both."""
    windows = {tuple(one[i : i + length]) for i in range(len(one) - length + 1)}
    return any(tuple(other[i : i + length]) in windows for i in range(len(other) - length + 1))


def tune_groups(chorales: Iterable[Chorale], titles: dict[str, str]) -> list[set[str]]:
    """The names of chorales, those together that share a tune or a title.

    Args:
        chorales: what to group.
        titles: by name, where one is known.
    """
    groups: list[tuple[set[str], list[tuple[int, ...]], set[str]]] = []
    for chorale in chorales:
        tune, title = steps_of_tune(chorale), titles.get(chorale.name)
        joined = {chorale.name}, [tune], {title} - {None}
        apart = []
        for group in groups:
            if group[2] & joined[2] or any(share_a_tune(tune, known) for known in group[1]):
                joined = joined[0] | group[0], joined[1] + group[1], joined[2] | group[2]
            else:
                apart.append(group)
        groups = [*apart, joined]
    return [names for names, _, _ in groups]


def titles() -> dict[str, str]:
    """The titles that music21 lists for its chorales, letters only, by file name."""
    from music21.corpus import chorales

    listed = chorales.ChoraleListRKBWV().byBWV
    return {
        f"bwv{number}": "".join(c for c in entry["title"].casefold() if c.isalpha())
        for number, entry in listed.items()
    }


def choose_held_out(chorales: Sequence[Chorale]) -> tuple[str, ...]:
    """The held-out names: a tenth of the chorales, whole tunes, in the order of a hash."""
    chosen: list[str] = []
    groups = tune_groups(chorales, titles())
    for names in sorted(groups, key=lambda group: hashlib.sha256(min(group).encode()).digest()):
        if len(chosen) + len(names) <= len(chorales) / 10:
            chosen += names
    return tuple(sorted(chosen))
