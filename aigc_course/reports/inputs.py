"""Which files a run reads because a parameter's value is their path.

A text that is the path of an existing file or folder, from the notebook's own folder, counts with
what it holds, at any depth of a list or dict. What the notebook writes does not: a run would
rename itself. Whether it writes is read from its code, without executing it: a parameter that
reaches ``open(..., "w")``, ``to_csv``, ``savefig``, ``mkdir`` or the like is where results go, and
so is one that is called ``OUT...`` or the like. One whose limit is ``[a path]`` always counts.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aigc_course.reports.declarations import UNREADABLE, without_commands

MOST_BYTES = 1 << 30
MOST_FILES = 10_000
"""A parameter whose files are larger, or more, counts with their sizes and times of change."""
MOST_LISTED = 200_000
"""Files; a folder with more is refused."""

# Where results go, by the name of what writes them: what it is called on, or what it is given.
_ON = {"write_text", "write_bytes", "mkdir", "touch", "unlink", "rmdir"}
_GIVEN = re.compile(
    r"to_[a-z]+|save[a-z_]*|dump|write_[a-z]+|imsave|imwrite|mkdir|makedirs|rmtree|unlink"
    r"|ExcelWriter|SummaryWriter"
)
_SAME = {"Path", "PurePath", "str", "fspath", "abspath", "resolve", "absolute", "expanduser"}
_BESIDE = {"join", "joinpath", "with_suffix", "with_name", "format"}
_PLACES = re.compile(r"(^|_)(out|output|save|dest|cache|tmp)s?(_|$)", re.I)


@dataclass
class Written:
    """Parameters whose values are places to write to: `itself`, or what is beside or in it."""

    itself: set[str] = field(default_factory=set)
    inside: set[str] = field(default_factory=set)

    def add(self, other: Written) -> None:
        """Take in what another has."""
        self.itself |= other.itself
        self.inside |= other.inside

    def has(self, name: str, path: Path) -> bool:
        """Whether the notebook writes what is at the path that a parameter gives."""
        return name in self.itself or (name in self.inside and path.is_dir())


def written_to(cells: Sequence[str], names: Iterable[str]) -> Written:
    """What of its parameters a notebook takes as places to write to.

    Args:
        cells: the texts of its code cells.
        names: of its parameters.
    """
    names = set(names)
    nodes: list[ast.AST] = []
    for source in cells:
        try:
            nodes += ast.walk(ast.parse(without_commands(source)))
        except UNREADABLE:
            continue
    origins = {name: Written({name}) for name in names}  # of variables, from which parameters
    for _ in range(4):  # longer chains of variables are rare
        for node in nodes:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    came = _origin(value, origins)
                    origins.setdefault(name, Written()).add(came)
    found = Written({name for name in names if _PLACES.search(name)})
    for node in nodes:
        if isinstance(node, ast.Call):
            for place in _places_of(node):
                found.add(_origin(place, origins))
    return found


def _origin(node: ast.expr, origins: dict[str, Written]) -> Written:
    """From which parameters a path comes; of what was read from a file, none."""
    match node:
        case ast.Name(id=name):
            return origins.get(name, Written())
        case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in _SAME:
            return _origin(first, origins)
        case ast.Call(func=ast.Attribute(value=on, attr=name), args=args) if name in _SAME:
            return _origin(args[0] if args else on, origins)
        case ast.Call(func=ast.Attribute(value=on, attr=name), args=args) if name in _BESIDE:
            parts = [on, *args]
        case ast.BinOp(left=left, right=right):
            parts = [left, right]
        case ast.JoinedStr(values=values):
            parts = [value.value for value in values if isinstance(value, ast.FormattedValue)]
        case ast.Attribute(value=on):  # its parent, its stem
            parts = [on]
        case _:
            return Written()
    beside = Written()
    for part in parts:
        came = _origin(part, origins)
        beside.inside |= came.itself | came.inside
    return beside


def _places_of(call: ast.Call) -> Iterator[ast.expr]:
    """The expressions that say where a call writes to."""
    given = [*call.args, *(word.value for word in call.keywords)]
    match call.func:
        case ast.Name(id="open") if _is_to_write(given[1:]):
            yield from given[:1]
        case ast.Attribute(value=on, attr="open") if _is_to_write(given):
            yield from [on, *given[:1]]  # Path("x").open("w"), gzip.open("x", "w")
        case ast.Attribute(value=on, attr=name) if name in _ON:
            yield from [on, *given[:1]] if name == "mkdir" else [on]
        case ast.Name(id=name) | ast.Attribute(attr=name) if _GIVEN.fullmatch(name):
            yield from given


def _is_to_write(given: list[ast.expr]) -> bool:
    modes = [mode.value for mode in given if isinstance(mode, ast.Constant)]
    texts = [mode for mode in modes if isinstance(mode, str) and len(mode) <= 4]
    return any(re.fullmatch(r"[rwxabt+]+", text) and set(text) & set("wxa+") for text in texts)


def existing(text: str, folder: Path) -> Path | None:
    """What is at the path that a text may be, from a folder; None if there is nothing.

    A folder that holds the given one is none: it holds the notebook, and what its runs write.
    """
    if not text.strip(". ") or len(text) > 4096 or "\n" in text or "\0" in text:
        return None
    path = folder / text
    try:
        if path.is_file():
            return path
        if path.is_dir() and not folder.resolve().is_relative_to(path.resolve()):
            return path
    except (OSError, ValueError, RuntimeError):
        pass
    return None


def files_at(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The files at a path, sorted, with their facts; hidden ones and caches are left out.

    Raises:
        ValueError: if there are more than `MOST_LISTED`.
        OSError: if it cannot be read.
    """
    if not path.is_dir():
        yield path, path.stat()
        return
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
        found += [Path(folder, name) for name in names if not name.startswith(".")]
        if len(found) > MOST_LISTED:
            raise ValueError(
                f"{path} holds more than {MOST_LISTED:,} files, too many to see whether one has "
                f"changed: give a smaller folder."
            )
    for file in sorted(found, key=lambda file: file.relative_to(path).as_posix()):
        if file.is_file():
            yield file, file.stat()


def is_at_home(text: str, home: Path | None) -> bool:
    """Whether a path from the template's folder leads to something, and from here to no other."""
    try:
        if home is None or not (home / text).exists():
            return False
        return not Path(text).exists() or Path(text).resolve() == (home / text).resolve()
    except (OSError, ValueError, RuntimeError):
        return False


def looks_like_a_path(text: str, home: Path | None) -> bool:
    """Whether a template's own text is a path: something exists there, or it is written so."""
    try:
        if text and home is not None and (home / text).exists():
            return True
    except (OSError, ValueError):
        return False
    return bool(re.fullmatch(r"(?!\w+://)[^\s]*(/[^\s]*|\w\.[A-Za-z]\w{0,8})", text))
