"""Files: written so that nothing saved before is lost, and texts of the course read with checks.

Every chapter that saves or loads something uses it, mostly without naming it.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any


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
    with atomic_paths(target) as (temporary,):
        yield temporary


@contextlib.contextmanager
def atomic_paths(
    *targets: str | os.PathLike, ready: Callable[[], None] = lambda: None
) -> Iterator[list[Path]]:
    """`atomic_path` for several files, whose names change one after another within a moment.

    ``ready`` is called when all their bytes are on the disk and no name has changed yet.
    """
    targets = [Path(target) for target in targets]
    target, temporaries, replacing = targets[0], [], False
    try:
        for each in targets:
            each.parent.mkdir(parents=True, exist_ok=True)
            part = each.parent / f".part-{secrets.token_hex(4)}-{short_name(each)}"
            part.touch(exist_ok=False)  # not `tempfile`, which makes files for their owner alone
            temporaries.append(part)
        yield temporaries
        for temporary in temporaries:
            with open(temporary, "r+b") as written:  # Windows syncs no file open for reading
                os.fsync(written.fileno())
        ready()
        replacing = True
        for temporary, target in zip(temporaries, targets, strict=True):
            replace_file(temporary, target)
    except OSError as error:
        raise cannot_write(target, error, replacing) from error
    finally:
        for temporary in temporaries:
            with contextlib.suppress(OSError):  # Windows removes no file that is still open
                temporary.unlink(missing_ok=True)


def short_name(path: str | os.PathLike) -> str:
    """A file's name for what lies beside it, ``.part-…-NAME``: of a long one a hash and the end."""
    name = Path(path).name
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:12]
    return name if len(name) <= 60 else f"{digest}-{name[-47:]}"


def replace_file(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """`os.replace`, for a second if need be: Windows replaces no file that a program has open."""
    for pause in (0.02, 0.08, 0.3, 0.6):  # a look for viruses takes no longer
        try:
            return os.replace(source, target)
        except PermissionError:
            time.sleep(pause)
    return os.replace(source, target)


def cannot_write(target: Path, error: Exception, replacing: bool = False) -> OSError:
    """The error in one sentence that says what to do; ``replacing``: of a name, not of bytes."""
    reason = (getattr(error, "strerror", None) or str(error)).splitlines()[0]
    number = getattr(error, "errno", None) or errno.EINVAL
    cure = {errno.ENAMETOOLONG: "give it a shorter name or "}.get(number, "")
    cure = "free some space or " if number in (errno.ENOSPC, errno.EDQUOT) else cure
    if replacing and isinstance(error, PermissionError):  # Windows keeps the name of an open file
        cure = "close what has it open or "
    return OSError(
        number,
        f"Could not write {target.name} in {target.parent} ({reason}): {cure}choose a folder that "
        f"can be written to; what was saved there before is unchanged.",
    )


def sha256(path: str | os.PathLike) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def joined_sha256(hashes: Iterable[str]) -> str:
    """The SHA-256 of several files' hexadecimal SHA-256, one after another, in hexadecimal."""
    return hashlib.sha256("".join(hashes).encode("ascii")).hexdigest()


def read_utf8(path: str | os.PathLike) -> str:
    """The text of a file in UTF-8, without the mark that Windows may write in front.

    Raises:
        ValueError: if it is written otherwise, as PowerShell writes.
        OSError: if it cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not written in UTF-8: save it anew as UTF-8.") from error


def read_yaml(path: str | os.PathLike, kind: Any) -> Any:
    """Read a text of the course, such as a quiz, a card or a list of words, and check it.

    Args:
        path: a YAML file in UTF-8.
        kind: what must be in it: a pydantic model, or a type such as ``dict[str, list[str]]``.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: in one sentence that names the file and the line or the entry, if it is not
            YAML, names a thing twice, or holds something else than ``kind``.
    """
    import yaml

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"The file {path} is missing: restore it with git.")
    text = read_utf8(path)
    try:
        value = yaml.load(text, Loader=_strict_loader())
    except (yaml.YAMLError, ValueError, TypeError, AttributeError) as error:
        # The last three are PyYAML's own, for a date that there is not, or a key that is a list.
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else "its text"
        reason = getattr(error, "problem", None) or str(error).strip().splitlines()[0]
        raise ValueError(f"{path} cannot be read at {place} ({reason}): mend it there.") from error
    return check_yaml(value, kind, path)


def check_yaml(value: Any, kind: Any, path: str | os.PathLike) -> Any:
    """What was read from a file, as ``kind``; errors are those of `read_yaml`."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = " > ".join(map(str, first["loc"])) or "the top"
        if any(isinstance(part, int) for part in first["loc"]):
            place += ", counted from 0"
        raise ValueError(
            f"{path} is wrong at {place} ({first['msg']}; found {str(first['input'])[:60]!r}): "
            f"mend it there, with quotes around a text that looks like a number or yes or no."
        ) from error


@functools.cache
def _strict_loader() -> type:
    """PyYAML's safe loader, which refuses a key that stands twice instead of taking the last."""
    import yaml

    class StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        """Reads data only, and each key once."""

    def mapping(loader: StrictLoader, node: yaml.MappingNode) -> dict:
        seen = set()
        for key, _ in node.value:
            name = loader.construct_object(key, deep=True)
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{name!r} stands there twice", key.start_mark
                )
            seen.add(name)
        loader.flatten_mapping(node)
        return loader.construct_mapping(node, deep=True)

    StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    return StrictLoader
