"""Writing and reading films with the ffmpeg program that `imageio-ffmpeg` carries.

MP4 holds H.264, AAC and timed text (``mov_text``); WebM holds VP9, Opus and WebVTT. The program
is called with lists of arguments and never through a shell, so that a title is only a title.
Chapter 6.4 writes its film with it and looks into the file again.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
import threading
import wave
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from aigc_apps.video.rates import FRAME_RATE, RATE

Container = Literal["mp4", "webm"]
MEDIA_TYPES: dict[str, str] = {"mp4": "video/mp4", "webm": "video/webm"}
# Two threads and bit-exact muxing: the same frames give the same bytes on every day.
_VIDEO: dict[str, list[str]] = {
    "mp4": ["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high"],
    "webm": ["-c:v", "libvpx-vp9", "-b:v", "0", "-deadline", "realtime", "-cpu-used", "7"],
}
_SOUND: dict[str, list[str]] = {
    "mp4": ["-c:a", "aac"],
    "webm": ["-c:a", "libopus"],
}
_TEXT: dict[str, str] = {"mp4": "mov_text", "webm": "webvtt"}
_COLOURS = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]


@dataclass(frozen=True)
class Probe:
    """What a film turned out to hold when it was decoded from start to end.

    Attributes:
        streams: codec by kind of stream (``"video"``, ``"audio"``, ``"subtitle"``).
        num_frames: of the video.
        video_seconds, audio_seconds: lengths of what was decoded; 0 where there is none.
        size: width and height, pixels.
        metadata: of the file, such as title and comment.
        problems: what the decoder complained of; empty for a sound file.
    """

    streams: dict[str, str]
    num_frames: int
    video_seconds: float
    audio_seconds: float
    size: tuple[int, int]
    metadata: dict[str, str]
    problems: tuple[str, ...]


def ffmpeg() -> str:
    """The path of an ffmpeg program.

    Raises:
        ValueError: if none is installed.
    """
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise ValueError(
            "Films are written by ffmpeg, which is not installed: type "
            "'pip install imageio-ffmpeg'."
        ) from error
    return imageio_ffmpeg.get_ffmpeg_exe()


def encode_film(
    frames: Iterable[np.ndarray],
    size: tuple[int, int],
    *,
    container: Container = "mp4",
    sound: np.ndarray | None = None,
    subtitles: str = "",
    metadata: dict[str, str] | None = None,
    quality: int = 23,
    sound_bits: int = 96_000,
) -> bytes:
    """A film as bytes.

    Args:
        frames: uint8 arrays of shape (height, width, 3), `FRAME_RATE` a second.
        size: width and height, even numbers.
        container: ``"mp4"`` or ``"webm"``.
        sound: one channel at `RATE`, -1 to 1, shape (N,); None for a silent film.
        subtitles: the text of an ``.srt`` file, or nothing.
        metadata: of the whole file, such as title and comment.
        quality: the encoder's constant rate factor: lower is better and larger.
        sound_bits: bits a second of sound.

    Raises:
        ValueError: if a size is odd, or ffmpeg is missing.
        RuntimeError: if ffmpeg fails, with its last line.
    """
    width, height = size
    if width % 2 or height % 2:
        raise ValueError(f"The frames are {width} x {height}: both must be even numbers.")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        target = folder / f"film.{container}"
        command = [ffmpeg(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        command += ["-s", f"{width}x{height}", "-r", str(FRAME_RATE), "-i", "pipe:0"]
        maps, kinds = ["-map", "0:v"], list(_VIDEO[container])
        if sound is not None:
            write_wav(folder / "sound.wav", sound)
            command += ["-i", str(folder / "sound.wav")]
            maps += ["-map", "1:a"]
            kinds += [*_SOUND[container], "-b:a", str(sound_bits)]
        if subtitles:
            (folder / "text.srt").write_text(subtitles, encoding="utf-8")
            command += ["-i", str(folder / "text.srt")]
            maps += ["-map", f"{1 + (sound is not None)}:s"]
            # Not shown by default: the words are drawn into the picture already.
            kinds += ["-c:s", _TEXT[container], "-metadata:s:s:0", "language=eng"]
            kinds += ["-disposition:s:0", "0"]
        command += [*maps, *kinds, "-crf", str(quality), "-pix_fmt", "yuv420p", *_COLOURS]
        command += ["-vf", "scale=out_color_matrix=bt709:out_range=tv", "-threads", "2"]
        command += ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]
        for name, value in (metadata or {}).items():
            command += ["-metadata", f"{name}={value}"]
        command += ["-movflags", "+faststart"] if container == "mp4" else []
        _feed([*command, str(target)], frames, folder / "log")
        return target.read_bytes()


def _feed(
    command: Sequence[str], frames: Iterable[np.ndarray], log: Path, seconds: float = 900
) -> None:
    """Run ffmpeg, for at most so long, and write frames to it; its complaints go to a file."""
    with open(log, "wb") as complaints:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaints
        )
    too_long = threading.Event()

    def stop() -> None:
        too_long.set()
        process.kill()

    watch = threading.Timer(seconds, stop)  # writing to a program that hangs would wait for ever
    watch.start()
    try:
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            for frame in frames:
                pipe.write(np.ascontiguousarray(frame).data)
    except BaseException:
        process.kill()
        raise
    finally:
        status = process.wait(timeout=seconds + 60)
        watch.cancel()
    if too_long.is_set():
        raise RuntimeError(
            f"ffmpeg took more than {seconds:g} s to write the film: make it shorter or smaller."
        )
    if status:
        raise RuntimeError(f"ffmpeg could not write the film: {_last_line(log.read_bytes())}.")


def write_wav(path: Path, sound: np.ndarray) -> None:
    """Sound of shape (N,), -1 to 1, as a 16-bit file at `RATE`."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


def probe(film: bytes) -> Probe:
    """Decode a film from start to end and say what was there.

    Raises:
        ValueError: if it is no film at all.
    """
    with as_file(film) as path:
        # What is decoded is listed with the length of each piece, in units of "#tb".
        wanted = ["-map", "0:v:0", "-map", "0:a:0?", "-f", "framecrc", "-"]
        done = _run(["-hide_banner", "-i", str(path), *wanted])
        strict = _run(["-v", "error", "-i", str(path), "-f", "null", "-"])
    said = done.stderr.decode("utf-8", "replace")
    if done.returncode:
        raise ValueError(f"These {len(film):,} bytes are no film: {_last_line(done.stderr)}.")
    heard = done.stdout.decode()
    kinds = dict(re.findall(r"#media_type (\d): (\w+)", heard))
    clocks = {n: int(a) / int(b) for n, a, b in re.findall(r"#tb (\d): (\d+)/(\d+)", heard)}
    lengths = {"video": 0.0, "audio": 0.0}
    num_frames = 0
    for stream, duration in re.findall(r"^(\d), *-?\d+, *-?\d+, *(\d+),", heard, re.MULTILINE):
        lengths[kinds[stream]] += int(duration) * clocks[stream]
        num_frames += kinds[stream] == "video"
    before = said.split("Stream mapping:")[0]
    size = re.search(r"Video:.*? (\d{2,5})x(\d{2,5})", before)
    streams = {k.lower(): c for k, c in re.findall(r"(Video|Audio|Subtitle): (\w+)", before)}
    return Probe(
        streams=streams,
        num_frames=num_frames,
        video_seconds=lengths["video"],
        audio_seconds=lengths["audio"],
        size=(int(size[1]), int(size[2])),
        metadata=read_metadata(film),
        problems=tuple(strict.stderr.decode("utf-8", "replace").splitlines()),
    )


def read_metadata(film: bytes) -> dict[str, str]:
    """The metadata of the whole file, names in lower case."""
    with as_file(film) as path:
        listed = _run(["-v", "error", "-i", str(path), "-f", "ffmetadata", "-"]).stdout
    text = listed.decode("utf-8").split("\n[STREAM]")[0].split("\n[CHAPTER]")[0]
    found = re.findall(r"^(\w+)=((?:\\.|[^\\\n]|\\\n)*)$", text, re.MULTILINE)
    brands = {"major_brand", "minor_version", "compatible_brands", "encoder"}  # no metadata of ours
    return {
        name.lower(): re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
        for name, value in found
        if name.lower() not in brands
    }


def read_subtitles(film: bytes) -> str:
    """The first subtitle track as the text of an ``.srt`` file; empty if there is none."""
    with as_file(film) as path:
        return _run(
            ["-v", "quiet", "-i", str(path), "-map", "0:s:0", "-f", "srt", "-"]
        ).stdout.decode()


def read_sound(film: bytes, rate: int = RATE) -> np.ndarray:
    """The film's sound: float32, one channel, shape (N,); empty if there is none."""
    with as_file(film) as path:
        wanted = ["-map", "0:a:0", "-ac", "1", "-ar", str(rate), "-f", "f32le", "-"]
        done = _run(["-v", "quiet", "-i", str(path), *wanted])
    return np.frombuffer(done.stdout, np.float32)


def read_frames(film: bytes, height: int = 90) -> np.ndarray:
    """The film's frames in grey, 0 to 255: uint8, shape (N, height, width), width even."""
    width = 2 * round(height * 16 / 9 / 2)
    with as_file(film) as path:
        wanted = ["-map", "0:v:0", "-vf", f"scale={width}:{height},format=gray"]
        done = _run(["-v", "quiet", "-i", str(path), *wanted, "-f", "rawvideo", "-"])
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width)


@contextlib.contextmanager
def as_file(content: bytes) -> Iterator[Path]:
    """A temporary file with this content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film"
        path.write_bytes(content)
        yield path


def _run(arguments: Sequence[str]) -> subprocess.CompletedProcess:
    command = [ffmpeg(), "-nostdin", *arguments]
    return subprocess.run(command, capture_output=True, timeout=300)


def _last_line(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return lines[-1].rstrip(".") if lines else "it did not say why"
