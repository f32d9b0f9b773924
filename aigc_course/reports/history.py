"""The runs of a folder: which there are, which is the newest of the same, and how one is found.

A run is named by a hash of what decides its results and is known before it (`identities`), so the
same run has the same name, and is recognised while what it read is the same (`traces`). No record
is ever replaced: made once more, a run's folder is ``NAME.2``, then ``NAME.3``, and the highest
number is the newest.

A record that is damaged is named and left out: the others are read all the same.
"""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from aigc_course.reports.records import (
    DEFAULT_FOLDER,
    RECORD,
    DamagedRecord,
    Record,
    Run,
    has_record,
    load_run,
)

# What a run is named by, and which time it was made.
_NAME = re.compile(r"(?P<identity>.+-[0-9a-f]+)\.(?P<number>[1-9][0-9]{0,8})", re.DOTALL)


def warn(error: DamagedRecord) -> None:
    """Say in Python's way that a record is damaged and left out."""
    warnings.warn(str(error), stacklevel=3)


def load_runs(
    out: str | os.PathLike = DEFAULT_FOLDER,
    on_damaged: Callable[[DamagedRecord], None] = warn,
) -> list[Run]:
    """All finished runs of a folder, the oldest first; of each only its numbers are read.

    Args:
        out: the folder of the runs' folders.
        on_damaged: called for each record that is damaged, and left out; by default it warns.

    Raises:
        OSError: if the folder is none, or cannot be read.
    """
    runs, out = [], Path(out)
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"{out} is no folder: give the folder of the runs' folders.")
    for folder in _folders(out):
        try:
            runs.append(load_run(folder))
        except DamagedRecord as error:
            on_damaged(error)
        except ValueError:  # it has been removed meanwhile
            continue
    return sorted(runs, key=lambda run: (run.record.started, number_of(run.folder), run.name))


def find_folder(run: str | os.PathLike, out: str | os.PathLike = DEFAULT_FOLDER) -> Path:
    """The folder of a run by itself, its name, or the beginning of its name or hash.

    Of a run that was made more than once it is the newest, unless the whole name is given.

    Raises:
        ValueError: if there is none, or more than one.
    """
    text, out = os.fspath(run), Path(out)
    if not text.strip():
        raise ValueError(f"Which run? {text!r} names none: `aigc runs -o {out}` lists them.")
    if has_record(Path(text)):
        return Path(text)
    folders = list(_folders(out))
    fitting = [folder for folder in folders if folder.name == text] or [
        folder
        for folder in folders
        if folder.name.startswith(text) or folder.name.split("-")[-1].startswith(text)
    ]
    names = sorted({identity_name(folder.name) for folder in fitting})
    if len(names) == 1:
        return max(fitting, key=number_of)
    if fitting:
        listed = ", ".join(names[:6]) + f" and {len(names) - 6} more" * (len(names) > 6)
        raise ValueError(
            f"{len(names)} runs in {out} begin with {text} ({listed}): give more of the name."
        )
    raise ValueError(f"There is no finished run {text} in {out}: `aigc runs -o {out}` lists them.")


def find_run(run: str | os.PathLike, out: str | os.PathLike = DEFAULT_FOLDER) -> Run:
    """A run as `find_folder` finds it.

    Raises:
        ValueError: if there is none, or more than one, or its record is damaged.
    """
    return load_run(find_folder(run, out))


def finished(out: Path, name: str) -> Run | None:
    """The newest run of this name, made at whatever time, that was done and is whole; else None."""
    return finished_among(out, [name]).get(name)


def finished_among(
    out: Path,
    names: Iterable[str],
    changed: Callable[[Record], str] = lambda record: "",
    on_changed: Callable[[Run, str], None] = lambda run, why: None,
) -> dict[str, Run]:
    """As `finished`, of many names with one look at the folder; without those that have none.

    Args:
        out: the folder of the runs' folders.
        names: of runs.
        changed: what has changed since a record was made, in words; it is left out then.
        on_changed: told of the newest run of a name whose records are all left out, and why.
    """
    folders: dict[str, list[Path]] = {}
    for folder in _folders(out):
        folders.setdefault(identity_name(folder.name), []).append(folder)
    found = {}
    for name in names:
        left_out: list[tuple[Run, str]] = []
        for folder in sorted(folders.get(identity_name(name), []), key=number_of, reverse=True):
            try:
                run = load_run(folder)
            except ValueError:
                continue
            if not run.done:
                continue
            if why := changed(run.record):
                left_out.append((run, why))
                continue
            found[name] = run
            break
        if name not in found and left_out:
            on_changed(*left_out[0])
    return found


def records_of(out: Path, template: str, since: float = 0) -> Iterator[Record]:
    """The records of a template's runs, written since a time; damaged ones are left out."""
    for folder in _folders(out):
        with contextlib.suppress(ValueError, OSError):
            if not folder.name.startswith(f"{template}-"):  # those of another may, too
                continue
            if not since or os.stat(folder / RECORD).st_mtime >= since:
                record = load_run(folder).record
                if record.template == template:
                    yield record


def repeats(out: Path, name: str) -> list[Path]:
    """The folders of all times that a run was made, the oldest first, damaged ones included."""
    same = [f for f in _folders(out) if identity_name(f.name) == identity_name(name)]
    return sorted(same, key=number_of)


def identity_name(name: str) -> str:
    """The name that a run has whenever it is made: ``toy-0a1b`` of ``toy-0a1b.3``."""
    match = _NAME.fullmatch(name)
    return match["identity"] if match else name


def next_name(out: Path, name: str) -> str:
    """The name for a run that is made now: one that no folder has, and higher than all.

    Call it under `folders.lock`.
    """
    name = identity_name(name)
    taken = list(out.iterdir()) if out.is_dir() else []
    numbers = [number_of(path) for path in taken if identity_name(path.name) == name]
    return f"{name}.{max(numbers) + 1}" if numbers else name


def _folders(out: Path) -> Iterator[Path]:
    """The folders with a record, whole or not, by name; what is hidden is being made."""
    for path in sorted(out.iterdir()) if out.is_dir() else []:
        if not path.name.startswith(".") and has_record(path):
            yield path


def is_copy(run: Run) -> bool:
    """Whether a run's folder has another name than the run: it was copied, or renamed."""
    return run.folder.name != run.name


def number_of(folder: Path) -> int:
    """Which time a run was made."""
    match = _NAME.fullmatch(folder.name)
    return int(match["number"]) if match else 1
