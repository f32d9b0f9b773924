"""What the kernel of a run and the process that started it agree on."""

from __future__ import annotations

import contextlib
from pathlib import Path

_FILE, BEGUN, ENDED = "cells", b"(", b")"


class EndedEarly(SystemExit):
    """A cell has ended the notebook, and all is well: the name under which a client is told."""


def mark(folder: Path, what: bytes) -> None:
    """Note that a cell has `BEGUN` or `ENDED`, at once: the kernel may be gone the next moment.

    Args:
        folder: where the kernel's connection file is.
        what: one of the two.
    """
    # A notebook may have emptied the folder of temporary files: that is no reason to fail.
    with contextlib.suppress(OSError), open(folder / _FILE, "ab", buffering=0) as file:
        file.write(what)


def count(folder: Path) -> tuple[int, int]:
    """How many cells have begun, and how many of them ended; none if that is not known."""
    try:
        found = (folder / _FILE).read_bytes()
    except OSError:
        return 0, 0
    return found.count(BEGUN), found.count(ENDED)
