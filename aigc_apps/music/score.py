"""A piece of music in four voices, written as MIDI or MusicXML: what chapter 6.3 makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aigc_apps.music.chorales import REST, STEPS_A_BEAT, VOICES
from aigc_apps.music.counterpoint import NAMES, beats, chord_name, numeral

BAR = 4 * STEPS_A_BEAT  # steps; pieces are in 4/4


@dataclass(frozen=True)
class Piece:
    """Four voices on a grid of sixteenth notes, in 4/4.

    Attributes:
        pitches: MIDI numbers or 0 for a rest, shape (4, T), highest voice first.
        onsets: where a note is struck; bool, shape (4, T).
        fermatas: whether a phrase ends here; bool, shape (T,).
        tempo: quarter notes a minute.
        tonic: pitch class, 0 (C) to 11 (B).
        minor: the mode.
        upbeat: quarter notes before the first bar line, 0 to 3.
    """

    pitches: np.ndarray
    onsets: np.ndarray
    fermatas: np.ndarray
    tempo: float
    tonic: int
    minor: bool
    upbeat: int = 0

    @property
    def num_steps(self) -> int:
        """Sixteenth notes from start to end."""
        return self.pitches.shape[1]

    @property
    def places(self) -> np.ndarray:
        """Steps since the beginning of the bar, shape (T,)."""
        return places(self.num_steps, self.upbeat)

    @property
    def step_seconds(self) -> float:
        """How long a sixteenth note lasts."""
        return 60 / self.tempo / STEPS_A_BEAT

    @property
    def seconds(self) -> float:
        """How long the piece lasts, played in time."""
        return self.num_steps * self.step_seconds

    @property
    def key(self) -> str:
        """Such as ``"G major"``."""
        return f"{NAMES[self.tonic]} {'minor' if self.minor else 'major'}"

    def notes(self) -> list[tuple[int, int, int, int]]:
        """(voice, MIDI number, first step, number of steps) of every note, by voice and time."""
        return [
            (voice, *note)
            for voice in range(len(self.pitches))
            for note in line_notes(self.pitches[voice], self.onsets[voice])
        ]

    def timed(self) -> list[tuple[int, float, float]]:
        """(MIDI number, start, length) of every note, in seconds."""
        step = self.step_seconds
        return [(midi, start * step, length * step) for _, midi, start, length in self.notes()]

    def chords(self) -> list[str]:
        """The name of the chord at each beat; ``"?"`` where it has none."""
        return [chord_name(sounding) for sounding in beats(self.pitches, STEPS_A_BEAT).T]

    def numerals(self) -> list[str]:
        """The same as Roman numerals in the piece's key, such as ``"V65"``."""
        return [
            numeral(sounding, self.tonic, self.minor)
            for sounding in beats(self.pitches, STEPS_A_BEAT).T
        ]

    def describe(self) -> str:
        """The chords bar by bar, for those who do not see the score."""
        names, first = self.chords(), self.upbeat
        bars = [names[:first]] if first else []
        bars += [names[i : i + 4] for i in range(first, len(names), 4)]
        return " | ".join(" ".join(bar) for bar in bars)


def places(num_steps: int, upbeat: int) -> np.ndarray:
    """Each step's place in a bar of 4/4, after an upbeat of so many quarter notes."""
    return (np.arange(num_steps) - STEPS_A_BEAT * upbeat) % BAR


def line_notes(pitches: np.ndarray, onsets: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """(MIDI number, first step, number of steps) of one voice's notes."""
    begins = onsets | np.concatenate([[True], pitches[1:] != pitches[:-1]])
    starts = np.flatnonzero(begins)
    for start, end in zip(starts, [*starts[1:], len(pitches)], strict=True):
        if pitches[start] != REST:
            yield int(pitches[start]), int(start), int(end - start)


# ---- files ------------------------------------------------------------------------------------


def to_midi(piece: Piece, comment: str) -> bytes:
    """The piece as a MIDI file of one track a voice, the comment as a text event in the first."""
    from music21 import midi

    file = midi.MidiFile()
    file.ticksPerQuarterNote = 480
    tick = file.ticksPerQuarterNote // STEPS_A_BEAT
    for voice, name in enumerate(VOICES):
        track = midi.MidiTrack(voice)
        timed = [(0, 0, _meta(midi, track, "SEQUENCE_TRACK_NAME", name.encode()))]
        if voice == 0:
            microseconds = round(60_000_000 / piece.tempo).to_bytes(3, "big")
            timed += [
                (0, 0, _meta(midi, track, "TEXT_EVENT", comment.encode())),
                (0, 0, _meta(midi, track, "SET_TEMPO", microseconds)),
                (0, 0, _meta(midi, track, "TIME_SIGNATURE", bytes([4, 2, 24, 8]))),
            ]
        for midi_number, start, length in line_notes(piece.pitches[voice], piece.onsets[voice]):
            for time, kind in ((start, "NOTE_ON"), (start + length, "NOTE_OFF")):
                event = midi.MidiEvent(track, type=getattr(midi.ChannelVoiceMessages, kind))
                event.channel, event.pitch = voice + 1, midi_number
                event.velocity = 80 if kind == "NOTE_ON" else 0
                # A note ends before the next of the same pitch begins.
                timed.append((time * tick, 1 if kind == "NOTE_OFF" else 2, event))
        timed.append((piece.num_steps * tick, 3, _meta(midi, track, "END_OF_TRACK", b"")))
        now = 0
        for time, _, event in sorted(timed, key=lambda entry: entry[:2]):
            track.events += [midi.DeltaTime(track, time=time - now), event]
            now = time
        file.tracks.append(track)
    return file.writestr()


def _meta(midi, track, kind: str, content: bytes):
    event = midi.MidiEvent(track, type=getattr(midi.MetaEvents, kind))
    event.data = content
    return event


def to_musicxml(piece: Piece, comment: str, title: str) -> bytes:
    """The piece as MusicXML with four staves, chord names, fermatas, and the comment inside."""
    from music21 import metadata
    from music21.musicxml.m21ToXml import GeneralObjectExporter

    score = to_score(piece)
    score.metadata = metadata.Metadata(title=title)
    score.metadata.add("composer", comment.partition(":")[0])
    score.metadata.addCustom("provenance", comment)
    written = GeneralObjectExporter(score).parse().decode("utf-8")
    # The date of writing and names drawn at random would make the same music different bytes.
    written = re.sub(r"\s*<encoding-date>.*?</encoding-date>", "", written)
    for number, drawn in enumerate(dict.fromkeys(re.findall(r'<part id="(\w+)"', written)), 1):
        written = written.replace(drawn, f"P{number}")
    return written.encode("utf-8")


def to_score(piece: Piece):
    """The piece as a music21 ``Score``, spelled in its key, notes tied over bar lines."""
    from music21 import clef, expressions, key, meter, stream, tempo

    signature = key.Key(NAMES[piece.tonic].replace("b", "-"), "minor" if piece.minor else "major")
    spelled = _spelling(signature)
    score = stream.Score()
    for voice, name in enumerate(VOICES):
        part = stream.Part(id=name)
        part.partName = name
        bounds = [0, *range(STEPS_A_BEAT * piece.upbeat or BAR, piece.num_steps, BAR)]
        for number, (start, end) in enumerate(
            zip(bounds, [*bounds[1:], piece.num_steps], strict=True)
        ):
            measure = stream.Measure(number=number + (piece.upbeat == 0))
            if number == 0:
                measure.append([
                    clef.BassClef() if name == "bass" else
                    clef.Treble8vbClef() if name == "tenor" else clef.TrebleClef(),
                    signature.__deepcopy__(), meter.TimeSignature("4/4"),
                ])  # fmt: skip
                if voice == 0:
                    measure.insert(0, tempo.MetronomeMark(number=piece.tempo))
                if piece.upbeat:
                    measure.paddingLeft = 4 - piece.upbeat
            for written in _written(piece, voice, start, end, spelled):
                measure.append(written)
            part.append(measure)
        _mark_fermatas(part, piece, expressions)
        score.insert(0, part)
    return score


def _written(piece: Piece, voice: int, start: int, end: int, spelled: dict[int, str]):
    """The notes and rests of one bar, those that cross its ends tied."""
    from music21 import note, pitch, tie

    sounding = list(line_notes(piece.pitches[voice], piece.onsets[voice]))
    now = start
    for midi, first, length in sounding:
        begin, finish = max(first, start), min(first + length, end)
        if begin >= finish:
            continue
        if begin > now:
            yield note.Rest(quarterLength=(begin - now) / STEPS_A_BEAT)
        written = note.Note(quarterLength=(finish - begin) / STEPS_A_BEAT)
        octave = midi // 12 - 1
        named = pitch.Pitch(f"{spelled[midi % 12]}{octave}")
        named.octave += (midi - named.midi) // 12  # B# and Cb lie across the octave's border
        written.pitch = named
        before, after = first < begin, first + length > finish
        if before or after:
            written.tie = tie.Tie("continue" if before and after else "stop" if before else "start")
        yield written
        now = finish
    if now < end:
        yield note.Rest(quarterLength=(end - now) / STEPS_A_BEAT)


def _spelling(signature) -> dict[int, str]:
    """How each pitch class is written in a key: as in its scale, else as in neighbouring keys."""
    names = dict(enumerate(NAMES))
    if signature.sharps >= 3:
        names |= {3: "D#", 8: "G#", 10: "A#"}
    elif signature.sharps >= 1:
        names |= {3: "D#", 8: "G#"}
    elif signature.sharps <= -2:
        names |= {1: "Db"}
    names |= {p.pitchClass: p.name.replace("-", "b") for p in signature.pitches}
    return {tone: name.replace("b", "-") for tone, name in names.items()}


def _mark_fermatas(part, piece: Piece, expressions) -> None:
    """A fermata on each note at whose first step a phrase's end begins."""
    ends = piece.fermatas & ~np.concatenate([[False], piece.fermatas[:-1]])
    for note in part.flatten().notes:
        if ends[round(note.getOffsetInHierarchy(part) * STEPS_A_BEAT)]:
            note.expressions.append(expressions.Fermata())
