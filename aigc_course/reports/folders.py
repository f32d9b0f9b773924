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
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aigc_course.reports.records import FAILED, RECORD, finished, load_run
from aigc_utils.files import atomic_path, sha256


@contextlib.contextmanager
def lock(out: Path, name: str, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the only right to make this run; wait while another process holds it.

    The wait has no limit of its own, for a run may take a day; it ends when its holder does.

    Args:
        out: where the run's folder will be.
        name: the run's.
        waiting: called once if somebody else holds it.

    Raises:
        OSError: if the folder cannot be written to.
    """
    from filelock import FileLock, Timeout

    path = out / ".locks" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A lock that is only a file would outlive a killed holder: rather none than that.
        held = FileLock(path, fallback_to_soft=False)
        try:
            held.acquire(blocking=False)
        except Timeout:
            waiting()
            held.acquire(poll_interval=0.1)
    except OSError as error:
        raise _cannot_write(out, error) from error
    try:
        yield
    finally:
        # Before it is released: who waited for a removed file notices, and makes a new one.
        # Windows removes no open file; there the library does so afterwards, if nobody waits.
        with contextlib.suppress(OSError):
            path.unlink()
        held.release()


@contextlib.contextmanager
def building(out: Path, name: str) -> Iterator[Path]:
    """A new folder to build a run in; on success it becomes ``out/name`` in one step.

    Call it under `lock`. What earlier attempts left is removed; an older record of the same
    name stays in its place until the new one is complete. A failed run does not take the place
    of one that was done: its evidence becomes ``out/.failed-name``.

    Raises:
        OSError: if the folder cannot be made or moved.
    """
    final = out / name
    _clear(out, name)
    folder = out / f".building-{name}-{secrets.token_hex(4)}"
    try:
        folder.mkdir()
    except OSError as error:
        raise _cannot_write(out, error) from error
    try:
        yield folder
        if not (folder / RECORD).is_file():
            raise ValueError(f"The run {name} was not completed.")  # a slip of the caller
        if finished(out, name) and not load_run(folder).done:
            final = out / FAILED.format(name)
            shutil.rmtree(final, ignore_errors=True)
        aside = out / f".replaced-{name}"
        if final.exists():
            os.rename(final, aside)
        os.rename(folder, final)
        _sync(out)
        shutil.rmtree(aside, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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


def _clear(out: Path, name: str) -> None:
    """Remove what a killed attempt left; put back what it had moved aside."""
    for folder in out.glob(f".building-{name}-*"):
        shutil.rmtree(folder, ignore_errors=True)
    aside = out / f".replaced-{name}"
    if aside.exists() and not (out / name).exists():
        os.rename(aside, out / name)
    shutil.rmtree(aside, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Have the folder's new names on the disk; Windows opens no folder, and writes them itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cannot_write(out: Path, error: OSError) -> OSError:
    reason = (error.strerror or str(error)).splitlines()[0]
    return OSError(
        error.errno, f"Could not write to {out} ({reason}): choose another folder with -o."
    )
