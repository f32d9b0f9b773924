"""The folder of a kernel's sockets: among the system's temporary files, with a path that is short.

A socket's path may have about 100 characters, and the folder for temporary files of a batch job
may have as many by itself.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "aigc-run-"
CONNECTION = "kernel.json"
# Jupyter's names for them: those of the connection file and a number.
_LONGEST = "kernel-ipc-5"
_ALIVE = "alive"
# Seconds after which a folder without a holder is one that was left, and not one that is begun.
_YOUNG = 60


class Scratch:
    """A folder for the sockets of one kernel, in the first place that will do.

    Args:
        limit: bytes that a socket's path may have.

    Attributes:
        path: the folder; nobody else may read it.
        short: whether sockets in it have paths that are short enough.

    Raises:
        OSError: if there is no folder for temporary files.
    """

    def __init__(self, limit: int):
        first = Path(tempfile.gettempdir())
        places = [first, *(Path(place) for place in ("/tmp", "/dev/shm") if Path(place) != first)]
        room = limit - len(f"/{PREFIX}12345678/{_LONGEST}") - 1
        self.short = os.name != "nt"
        for place in places:
            if len(os.fsencode(place)) <= room and os.access(place, os.W_OK | os.X_OK):
                break
        else:
            place, self.short = first, False
        sweep_scratch(place)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        # Held as long as this process lives, whatever ends it: so others know whose is left.
        self._alive = FileLock(self.path / _ALIVE)
        with contextlib.suppress(OSError, NotImplementedError, Timeout):
            self._alive.acquire(blocking=False)

    def remove(self) -> None:
        """Remove the folder."""
        self._alive.release()
        shutil.rmtree(self.path, ignore_errors=True)


def sweep_scratch(place: Path) -> None:
    """Remove the folders that killed processes of this user have left in a place."""
    for folder in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, NotImplementedError, Timeout):
            facts = folder.stat(follow_symlinks=False)
            mine = not hasattr(os, "getuid") or facts.st_uid == os.getuid()
            if not mine or time.time() - facts.st_mtime < _YOUNG:
                continue
            with FileLock(folder / _ALIVE).acquire(blocking=False):
                shutil.rmtree(folder, ignore_errors=True)
