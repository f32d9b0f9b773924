"""Writing files so that nothing saved before is ever lost or half-written."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic_path(target: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside ``target``; rename it over ``target`` on success.

    A full disk, a read-only folder or an interrupt leaves the old file as it was.

    Args:
        target: the file to be replaced. Its folder is made if missing.

    Yields:
        A path in the same folder, with the same suffixes, to write to.

    Raises:
        OSError: in one sentence that names the file, when writing fails.
    """
    target = Path(target)
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            prefix=".part-", suffix="-" + target.name, dir=target.parent
        )
        os.close(handle)
        temporary = Path(name)
        temporary.chmod(_usual_mode())  # mkstemp makes files that only their owner may read
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, target)
    except OSError as error:
        reason = (error.strerror or str(error)).splitlines()[0]
        raise OSError(
            error.errno,
            f"Could not write {target.name} in {target.parent} ({reason}): free some space or "
            f"choose a folder that can be written to; what was saved there before is unchanged.",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _usual_mode() -> int:
    """The permissions that an ordinary new file would get here."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def sha256(path: str | os.PathLike) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def joined_sha256(hashes: Iterable[str]) -> str:
    """The SHA-256 of several files' hexadecimal SHA-256, one after another, in hexadecimal."""
    return hashlib.sha256("".join(hashes).encode("ascii")).hexdigest()
