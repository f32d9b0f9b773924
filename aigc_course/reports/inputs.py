"""Files that a notebook names: in its code, or by a parameter's value. Nothing is executed.

`watch` sees what Python opens. What a library of C or a command opens is not seen, so each word of
the code that is the name of an existing file, or of a folder, counts as read.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from aigc_course.reports import places, watch
from aigc_course.reports.templates import Template, is_parameters_cell, source_of

MOST_BYTES = watch.MOST_BYTES
MOST_FILES = 10_000
"""A folder whose files are larger, or more, counts with their sizes and times of change."""
MOST_NAMED = 1_000
"""Files and folders that the code names; further ones are not looked at."""
TOO_MANY = "too many files"
"""What stands for a folder that holds more than `watch.MOST_LISTED`."""

# What a sweep leaves in a folder besides its runs.
PLAN = re.compile(r"sweep-[0-9a-f]{12}\.json")
_RUN = re.compile(r"(.+)-[0-9a-f]{12}(\.[0-9]+)?", re.DOTALL)
_WORD = re.compile(r"[^\s\"'`=,;()\[\]<>|&]+")
_QUOTED = re.compile(r"[\"']([^\"'\n]+)[\"']")
_CUT = re.compile(r"[{*?%]")  # behind it a name is computed, or a pattern
_PLACES = re.compile(r"(out|output|save|dest|cache|tmp)s?(_|$)", re.I)


class NamedFiles:
    """The files and folders that the code of a template, or its parameters, name, and that exist.

    Hidden and temporary ones count, too, but for the folder of all temporary files.
    A parameter that is called as a place to write to, such as ``OUT`` or ``CACHE_DIR``, names none.
    """

    def __init__(self, template: Template):
        self._home = template.path.parent.resolve()
        self._watch = watch.FileWatch(str(self._home))
        self._texts = {text for cell in template.cells for text in _words_of(template, cell)}
        self._found: dict[str, str] = {}

    def of(self, values: Mapping[str, Any]) -> list[str]:
        """Those that count for a run with these parameters, sorted; a folder's ends in a slash."""
        given = (v for name, v in values.items() if not _PLACES.match(name))
        texts = self._texts.union(*map(places.texts_in, given))
        return sorted({path for path in map(self._path, texts) if path})[:MOST_NAMED]

    def _path(self, text: str) -> str:
        if text not in self._found:
            path = existing(text, self._home)
            self._found[text] = self._counting(path) if path else ""
        return self._found[text]

    def _counting(self, path: Path) -> str:
        real, end = os.path.realpath(path), "/" * path.is_dir()
        if self._watch.leaves_out(real) or real in map(os.path.realpath, watch.TEMPORARY):
            return ""
        return Path(real if ".." in path.parts else os.path.abspath(path)).as_posix() + end


def _words_of(template: Template, cell: Mapping[str, Any]) -> Iterator[str]:
    """What may be names in a cell's code; a template's own values are not, for others are given."""
    if cell.get("cell_type") != "code":
        return
    source, own = source_of(cell), set()
    if is_parameters_cell(cell):
        for parameter in template.parameters.values():
            for text in places.texts_in(parameter.default):
                own |= {text, *_WORD.findall(text)}
    for text in {*_QUOTED.findall(source), *_words(source)} - own:
        fixed = _CUT.split(text)[0]
        yield text if fixed == text else fixed.rpartition("/")[0]
        yield text.rpartition(":///")[2]  # the address of a data base


def _words(source: str) -> Iterator[str]:
    """Its words, but for names of variables: those that stand alone and in no command."""
    commands = source.lstrip().startswith("%%")
    for line in source.splitlines():
        command = commands or not {*"!%"}.isdisjoint(line)
        for match in _WORD.finditer(line):
            around = line[max(0, match.start() - 1) : match.start()] + line[match.end() :][:1]
            if command or not match[0].isidentifier() or not {*"\"'"}.isdisjoint(around):
                yield match[0]
                if command:  # python -m NAME
                    yield f"{match[0]}.py"


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


def is_run(path: Path, template: str = "") -> bool:
    """Whether a folder is that of a run, of one template or of any."""
    run = _RUN.fullmatch(path.name)
    return bool(run) and template in ("", run[1]) and os.path.isfile(path / "run.json")


def content_at(path: Path) -> str:
    """What tells whether a file is the same: a hash of its content, empty if there is none."""
    facts = _facts(str(path))
    return _digest_of_unchanged(str(path), facts.st_size, facts.st_mtime_ns) if facts else ""


def contents_in(
    path: Path, left_out: Collection[str] = (), by_size: bool = False
) -> dict[str, str] | None:
    """What tells whether the files in a folder are the same, by their paths in it.

    Args:
        path: of a folder, or of nothing.
        left_out: paths of files in it that are left out; runs always are.
        by_size: take sizes and times of change, as of a folder that holds much.

    Returns:
        As `content_at`; None if there are more than `watch.MOST_LISTED`.
    """
    files = _files_at(path, left_out)
    if files is None:
        return None
    by_size = by_size or len(files) > MOST_FILES
    by_size = by_size or sum(facts.st_size for facts in files.values()) > MOST_BYTES
    return {
        Path(file).relative_to(path).as_posix(): watch.size_and_time(facts)
        if by_size
        else content_at(Path(file))
        for file, facts in sorted(files.items())
    }


def hash_of_names(entries: Mapping[str, str]) -> str:
    """A hash over the names in a folder and what is at each."""
    total = hashlib.sha256()
    for name, said in entries.items():
        total.update(f"{name}\0{said}\n".encode("utf-8", "surrogateescape"))
    by_size = bool(entries) and all(said.startswith(watch.ROUGH) for said in entries.values())
    return watch.ROUGH * by_size + total.hexdigest()


def _files_at(path: Path, written: Collection[str]) -> dict[str, os.stat_result] | None:
    """The files in a folder; hidden ones and caches are left out. None if there are too many."""
    found: dict[str, os.stat_result] = {}
    entered = set()
    for folder, folders, names in os.walk(path, followlinks=True):
        facts = _facts(folder)
        if facts is None or (facts.st_dev, facts.st_ino) in entered:  # links in a circle
            folders.clear()
            continue
        entered.add((facts.st_dev, facts.st_ino))
        folders[:] = [n for n in folders if not n.startswith((".", "__pycache__"))]
        folders[:] = [n for n in folders if not is_run(Path(folder, n))]
        for name in names:
            file = os.path.join(folder, name)
            if name.startswith(".") or PLAN.fullmatch(name) or file in written:
                continue
            if facts := _facts(file):
                found[file] = facts
        if len(found) > watch.MOST_LISTED:
            return None
    return found


def _facts(file: str) -> os.stat_result | None:
    try:
        return os.stat(file)
    except OSError:  # a link to nothing
        return None


@lru_cache(maxsize=20_000)
def _digest_of_unchanged(path: str, size: int, changed_ns: int) -> str:
    """A worker makes many runs, whose data need be read only once while it stays as it is."""
    del size, changed_ns
    return watch.digest(path) or ""
