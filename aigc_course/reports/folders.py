"""Building a run's folder: by one process at a time, and whole or not at all.

A folder is built beside its place, under a hidden name, its ``run.json`` last, and moved there when
it is complete: whatever is killed at whatever moment, a folder is a whole record or none.

The right to build one is a lock of the operating system (the library ``filelock``: ``flock`` on
Linux and macOS, ``LockFileEx`` on Windows), which ends with its holder however that ends. Tested
with killed holders on Linux; on macOS and Windows the course has not been run, and the library's
own tests stand in.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from aigc_course.reports.notation import as_text
from aigc_course.reports.records import RECORD, load_run
from aigc_utils.files import atomic_path, sha256

# Bytes kept free while a run is made, for its record: a disk that fills up costs no run.
RESERVE = 32 * 1024
_RESERVE_FILE = ".reserve"
# What a plan is before it is whole, and a folder that `check_folder` made.
_PART = re.compile(r"\.part-[a-z0-9_]{8}-sweep-[0-9a-f]{12}\.json")
_CHECKING = re.compile(r"\.checking-.+-[0-9a-f]{8}", re.DOTALL)
# Seconds after which a part of a file is one that was left by a kill: each is written in less.
_WRITING = 10
_EVERY = 60  # seconds between words of who waits


def check_folder(out: Path, names: Iterable[str]) -> None:
    """Refuse a folder before any work if runs of these names could not be written to it.

    It is made if missing, and a small folder as of a run is written there and removed.

    Raises:
        ValueError: if its name cannot be told to a worker.
        OSError: in one sentence, if it cannot be written to.
    """
    check_path(out, "choose another folder with -o")
    longest = max(names, key=lambda name: len(os.fsencode(name)))
    probe = out / f".checking-{longest}-{secrets.token_hex(4)}"  # as long as those of `building`
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.mkdir()
        (probe / "figures").mkdir()
        _write_reserve(probe / "figures" / ".part-12345678-figure-123.png")
        now = probe.stat().st_mtime  # of the clock that dates the files there
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise OSError(
                error.errno,
                f"Could not write to {out} (the name of the folder {longest} would be too long): "
                f"give -o or the notebook a shorter name.",
            ) from error
        raise _cannot_write(out, error) from error
    finally:
        shutil.rmtree(probe, ignore_errors=True)
    _sweep(out, now)


def absolute(out: Path) -> Path:
    """A folder's path from the root on, without links.

    Raises:
        OSError: in one sentence, if it is a link to itself, too long or no path.
    """
    try:
        path = out.resolve()
        path.exists()  # which fails for a name that is too long
        return path
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path, or a link to itself"
        raise OSError(
            errno.EINVAL,
            f"Could not write to {str(out)!r} ({reason}): choose another folder with -o.",
        ) from None


def check_path(path: Path, advice: str) -> None:
    """Refuse a path that is not UTF-8, as no record and no message could name it.

    Raises:
        ValueError: in one sentence that ends with the advice.
    """
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        shown = str(path).encode("utf-8", "backslashreplace").decode()
        raise ValueError(f"The name of {shown} is not UTF-8: {advice}.") from None


@contextlib.contextmanager
def lock(
    out: Path,
    name: str,
    waiting: Callable[[float, str], None] = lambda seconds, holder: None,
    timeout: float | None = None,
    process: int | None = None,
) -> Iterator[None]:
    """Hold the only right to make this run; wait while another process holds it.

    The wait ends when its holder does, for a run may take a day, or after ``timeout``.

    Args:
        out: where the run's folder will be.
        name: the run's.
        waiting: called with the seconds waited so far, and with who holds it (see `_told`), if
            somebody else does: at once and then every minute.
        timeout: seconds after which the wait is given up; None is never.
        process: the number of the process that others are told of; None is this one.

    Raises:
        OSError: if the folder cannot be written to, or the wait was given up.
    """
    from filelock import FileLock

    path = out / ".locks" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A lock that is only a file would outlive a killed holder: rather none than that.
        held = FileLock(path, fallback_to_soft=False)
        teller = path.with_name(f"{name}.holder")
        got = _acquire(held, lambda seconds: waiting(seconds, _told(teller)), timeout)
    except OSError as error:
        raise _cannot_write(out, error) from error
    if not got:
        raise TimeoutError(
            f"Gave up after {timeout:g} s, for {_told(teller)} is still making {name}: wait for "
            f"it, or give a longer --timeout."
        )
    try:
        with contextlib.suppress(OSError):
            number = os.getpid() if process is None else process
            teller.write_text(f"{number} {platform.node()}", encoding="utf-8")
        yield
    finally:
        # Before it is released: who waited for a removed file notices, and makes a new one.
        # Windows removes no open file; there the library does so afterwards, if nobody waits.
        with contextlib.suppress(OSError):
            teller.unlink()
        with contextlib.suppress(OSError):
            path.unlink()
        held.release()


def _told(teller: Path) -> str:
    """Who holds a lock, in words, as far as it has said so."""
    try:
        number, host = teller.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return "another process"
    return f"process {number}" if host == platform.node() else f"process {number} on {host}"


def _acquire(held, waiting: Callable[[float], None], timeout: float | None) -> bool:
    """Get a lock, and say each minute that it is waited for; whether it was got in time."""
    from filelock import Timeout

    begun = time.monotonic()
    with contextlib.suppress(Timeout):
        held.acquire(blocking=False)
        return True
    while timeout is None or time.monotonic() - begun < timeout:
        waited = time.monotonic() - begun
        waiting(waited)
        with contextlib.suppress(Timeout):
            rest = _EVERY if timeout is None else min(_EVERY, max(0, timeout - waited))
            held.acquire(timeout=rest, poll_interval=0.1)
            return True
    return False


def waiting_words(name: str, seconds: float, holder: str) -> str:
    """What to tell who waits for a lock."""
    so_far = f" ({seconds:.0f} s so far)" if seconds >= 1 else ""
    return f"Waiting for {holder}, which is making the same run, {name}{so_far}."


@contextlib.contextmanager
def building(out: Path, name: str) -> Iterator[Path]:
    """A new folder to build a run in; on success it gets the name in its record, in one step.

    Call it under `lock`. What earlier attempts left is removed; records never are. The name in
    the new one is of `history.next_name`. Before the record is written `free_reserve` makes room
    for it.

    Args:
        out: where the run's folder will be.
        name: the run's, whichever time it is made.

    Raises:
        OSError: if the folder cannot be made or moved.
    """
    _clear(out, name)
    folder = _building(out, name)
    try:
        folder.mkdir()
        _write_reserve(folder / _RESERVE_FILE)
    except OSError as error:
        raise _cannot_write(out, error) from error
    try:
        yield folder
        if not (folder / RECORD).is_file():
            raise ValueError(f"The run {name} was not completed.")  # a slip of the caller
        _move(folder, out)
        _sync(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def place_to_write(folder: Path, name: str, results: dict[str, Any]) -> tuple[Path, str]:
    """Where a run whose cells have ended can be kept: its folder, or else one for what is saved.

    A notebook may remove the folder of runs, and a disk may be read-only meanwhile. A full one is
    no reason: some of the files fit, and `building` has kept room for the record.

    Args:
        folder: as `building` gave it.
        name: the run's.
        results: what a refusal tells, for nothing else is left of the run then.

    Returns:
        The folder, and why it is not the one given; an empty text if it is.

    Raises:
        OSError: in one sentence with the results, if there is no place at all.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for place in (folder.parent, folder):
            with tempfile.TemporaryFile(dir=place, prefix=".part-"):
                pass
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return folder, ""
        return _elsewhere(folder, name, error, _told_results(results))
    return folder, ""


def kept_elsewhere(out: Path, place: Path, reason: str, results: dict[str, Any]) -> OSError:
    """The sentence on a run that is not among the others."""
    return OSError(
        f"{out} could not be written to when the cells had ended ({reason}): what ran is kept in "
        f"{place}, with {_told_results(results)}; move it, or run it again."
    )


def _told_results(results: dict[str, Any]) -> str:
    """Results in a sentence."""
    if not results:
        return "no results"
    listed = ", ".join(f"{key} = {as_text(value)}" for key, value in list(results.items())[:8])
    return f"the results {listed}" + f" and {len(results) - 8} more" * (len(results) > 8)


def _elsewhere(folder: Path, name: str, error: OSError, results: str) -> tuple[Path, str]:
    """A new folder among the system's temporary ones, with what was written so far."""
    reason = error.strerror or str(error)
    try:
        place = Path(tempfile.mkdtemp(prefix="aigc-kept-"), name)
        place.mkdir()
        for path in folder.rglob("*"):  # without their rights: they may not be written to
            if path.is_file() and path.name != _RESERVE_FILE:
                copy = place / path.relative_to(folder)
                copy.parent.mkdir(exist_ok=True)
                shutil.copyfile(path, copy)
    except OSError as second:
        raise OSError(
            f"{folder.parent} could not be written to when the cells had ended ({reason}), and "
            f"nothing else either ({second.strerror}): {name} found {results}; run it again."
        ) from error
    return place, reason


def _move(folder: Path, out: Path) -> None:
    """Give a whole run its name; if it cannot have it, nothing of it is lost."""
    run = load_run(folder)
    try:
        os.rename(folder, out / run.name)
    except OSError as error:
        place, reason = _elsewhere(folder, run.name, error, _told_results(run.results))
        raise kept_elsewhere(out, place, reason, run.results) from error


def free_reserve(folder: Path) -> None:
    """Give back what `building` kept free on the disk."""
    (folder / _RESERVE_FILE).unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write plain values as JSON that is the same for the same values.

    Raises:
        OSError: if it cannot be written.
    """
    with atomic_path(path) as temporary:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file in a run's folder but its record."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): sha256(path) for path in paths if path.name != RECORD
    }


def _building(out: Path, name: str) -> Path:
    return out / f".building-{name}-{secrets.token_hex(4)}"


def _write_reserve(path: Path) -> None:
    """Take some of the disk; bytes by chance, for some file systems store no zeros."""
    with open(path, "wb") as file:
        file.write(os.urandom(RESERVE))
        file.flush()
        os.fsync(file.fileno())


def _sweep(out: Path, now: float) -> None:
    """Remove what killed processes left in a folder of runs, whatever they were making."""
    from filelock import FileLock, Timeout

    for part in [*out.glob(".part-*"), *out.glob(".checking-*")]:
        with contextlib.suppress(OSError):
            if now - part.lstat().st_mtime < _WRITING:
                continue
            if _PART.fullmatch(part.name) and part.is_file():
                part.unlink()
            elif _CHECKING.fullmatch(part.name) and not part.is_symlink():
                shutil.rmtree(part)
    left = [path.name.removeprefix(".building-")[:-9] for path in out.glob(".building-*")]
    for name in dict.fromkeys(left):
        path = out / ".locks" / name
        with contextlib.suppress(OSError, Timeout):
            path.parent.mkdir(exist_ok=True)
            with FileLock(path, fallback_to_soft=False).acquire(blocking=False):
                _clear(out, name)
                path.unlink()


def _clear(out: Path, name: str) -> None:
    """Remove what a killed attempt left."""
    for folder in out.glob(f".building-{name}-{'[0-9a-f]' * 8}"):
        shutil.rmtree(folder, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Have the folder's new names on the disk; Windows opens no folder, and writes them itself."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _cannot_write(out: Path, error: OSError) -> OSError:
    reason = (error.strerror or str(error)).splitlines()[0]
    if isinstance(error, FileExistsError | NotADirectoryError):
        reason = "it is a file, or in one"
    return OSError(
        error.errno, f"Could not write to {out} ({reason}): choose another folder with -o."
    )
