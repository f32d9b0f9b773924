"""Which files a run reads because a parameter's value is their path.

A text that is the path of an existing file or folder, from the notebook's own folder, counts with
what it holds, at any depth of a list or dict. What the notebook writes does not (`flows`): a run
would rename itself. One whose limit is ``[a path]`` always counts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

MOST_BYTES = 1 << 30
MOST_FILES = 10_000
"""A parameter whose files are larger, or more, counts with their sizes and times of change."""
MOST_LISTED = 200_000
"""Files; a folder with more is refused."""

# What a sweep leaves in a folder besides its runs.
PLAN = re.compile(r"sweep-[0-9a-f]{12}\.json")


def existing(text: str, folder: Path) -> Path | None:
    """What is at the path that a text may be, from a folder; None if there is nothing.

    A folder that holds the given one is none: it holds the notebook, and what its runs write.
    """
    if not text.strip(". ") or len(text) > 4096 or "\n" in text or "\0" in text:
        return None
    path = folder / (os.path.expanduser(text) if text.startswith("~/") else text)
    try:
        if path.is_file():
            return path
        if path.is_dir() and not folder.resolve().is_relative_to(path.resolve()):
            return path
    except (OSError, ValueError, RuntimeError):
        pass
    return None


def is_own(path: Path, template: str) -> bool:
    """Whether a folder is a run of a template."""
    own = re.fullmatch(rf"{re.escape(template)}-[0-9a-f]{{12}}(\.[0-9]+)?", path.name)
    return bool(own) and (path / "run.json").is_file()


def files_at(
    path: Path,
    template: str = "",
    results: re.Pattern[str] | None = None,
) -> Iterator[tuple[Path, os.stat_result]]:
    """The files at a path, sorted, with their facts; hidden ones and caches are left out.

    Args:
        path: of a file or a folder.
        template: a notebook whose own runs in the folder are left out, and plans of sweeps: who
            reads the folder that his runs go to would change what he reads.
        results: paths of files that are left out.

    Raises:
        ValueError: if there are more than `MOST_LISTED`.
        OSError: if it cannot be read.
    """
    if not path.is_dir():
        yield path, path.stat()
        return
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = [
            name
            for name in folders
            if not name.startswith((".", "__pycache__"))
            and not (template and is_own(Path(folder, name), template))
        ]
        found += [
            Path(folder, name)
            for name in names
            if not name.startswith(".")
            and not (template and PLAN.fullmatch(name))
            and not (results and results.fullmatch(Path(folder, name).as_posix()))
        ]
        if len(found) > MOST_LISTED:
            raise ValueError(
                f"{path} holds more than {MOST_LISTED:,} files, too many to see whether one has "
                f"changed: give a smaller folder."
            )
    for file in sorted(found, key=lambda file: file.relative_to(path).as_posix()):
        if file.is_file():
            yield file, file.stat()
