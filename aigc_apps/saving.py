"""A file and its provenance on the disk: saved together, read back, refused if changed since.

Chapters 6.1 to 6.4 save with it, through `aigc_apps.contract.Artifact.save`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from aigc_apps.safety import Provenance
from aigc_utils.files import atomic_paths, cannot_write, replace_file, sha256, short_name

WAIT_SECONDS = 60  # for another saver of the same file, which needs a fraction of one


def check_writable(target: str | os.PathLike) -> None:
    """Refuse a file that could not be written, before the work whose result it is to hold.

    Nothing is left behind, neither a file nor a folder.

    Raises:
        OSError: in one sentence that names the file.
    """
    target = Path(target)
    if not target.name.strip():
        raise OSError(f"{str(target)!r} names no file: give the name of one, such as out/NAME.")
    try:
        with contextlib.suppress(FileNotFoundError):
            os.lstat(target)  # a name that is too long, or goes through a file
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder, so name a file in it")
        folder = next(above for above in target.absolute().parents if above.exists())
        with tempfile.TemporaryFile(dir=folder):  # asking for rights is not enough on Windows
            pass
    except (OSError, ValueError) as error:  # a ValueError is of a name that holds a NUL
        raise cannot_write(target, error) from error


def beside(path: str | os.PathLike) -> Path:
    """Where the provenance of a file lies: ``PATH.provenance.json``."""
    return Path(f"{os.fspath(path)}.provenance.json")


def save_with_provenance(path: str | os.PathLike, content: bytes, provenance: Provenance) -> None:
    """Write a file and its provenance, which names the file's SHA-256, as ``sha256``.

    Two names cannot be changed in one step, so the old provenance leaves before the new file
    comes: whatever is killed at whatever moment, a file has its own provenance or none. One
    saver of a name at a time, for which the library ``filelock`` keeps the others waiting.

    Raises:
        OSError: if it cannot be written; what was there before is unchanged.
    """
    path, described = Path(path), beside(path)
    aside = described.with_name(f".before-{short_name(described)}")
    told = provenance.model_dump(mode="json") | {"sha256": hashlib.sha256(content).hexdigest()}

    def move_aside() -> None:
        if described.exists():
            replace_file(described, aside)

    with _only_saver(path):
        for left in [aside, *_parts(path), *_parts(described)]:  # by killed savers
            left.unlink(missing_ok=True)
        before = _sha256_or_none(path)
        try:
            with atomic_paths(path, described, ready=move_aside) as (file, words):
                file.write_bytes(content)
                words.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        except BaseException:
            if aside.exists() and _sha256_or_none(path) == before:
                replace_file(aside, described)
            raise
        finally:
            aside.unlink(missing_ok=True)


def read_provenance(path: str | os.PathLike) -> Provenance:
    """The provenance of a file, if it is of this very file.

    Raises:
        FileNotFoundError: if the file or its provenance is missing.
        ValueError: if the provenance is damaged, or of other bytes than the file's.
    """
    described = beside(path)
    for wanted in (Path(path), described):
        if not wanted.is_file():
            raise FileNotFoundError(f"There is no file {wanted}: make {Path(path).name} again.")
    try:
        told = json.loads(described.read_text(encoding="utf-8"))
        digest = told.pop("sha256")
        provenance = Provenance.model_validate(told)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{described} is damaged: make {Path(path).name} again.") from error
    if digest != sha256(path):
        raise ValueError(
            f"{path} was changed after it was made, or {described.name} is of another file: make "
            "it again."
        )
    return provenance


def _sha256_or_none(path: Path) -> str | None:
    """Of a file that is missing or cannot be read, None: whatever failed before is the error."""
    try:
        return sha256(path)
    except OSError:
        return None


def _parts(path: Path) -> list[Path]:
    """What `atomic_paths` writes to before it is ``path``: no other saver has one now."""
    name = re.compile(rf"\.part-.{{8}}-{re.escape(short_name(path))}")
    return [part for part in path.parent.iterdir() if name.fullmatch(part.name)]


@contextlib.contextmanager
def _only_saver(path: Path) -> Iterator[None]:
    """Hold the only right to save this file; it ends with its holder, however that ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        from filelock import FileLock
    except ImportError:  # an installation without extras: readers compare the hash all the same
        yield
        return
    name = path.with_name(f".saving-{short_name(path)}")
    try:
        held = FileLock(name, timeout=WAIT_SECONDS, fallback_to_soft=False)
        held.acquire()
    except TimeoutError as error:
        raise TimeoutError(
            errno.ETIMEDOUT,
            f"Could not write {path.name} in {path.parent} (another program has been saving it for "
            f"{WAIT_SECONDS} s): wait for it, or choose another name.",
        ) from error
    except (OSError, NotImplementedError) as error:
        raise cannot_write(path, error) from error
    try:
        yield
    finally:
        # Before it is released: who waited for a removed file notices, and makes a new one.
        with contextlib.suppress(OSError):
            name.unlink()
        held.release()
