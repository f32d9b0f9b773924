"""Reading notebooks that anybody may have written, with anything, under any name."""

from __future__ import annotations

import ast
import errno
import itertools
import json
import os
import re
import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from aigc_course.grading.causes import MAX_SOURCE

MAX_BYTES = 20 * 2**20
MAX_CELLS = 10_000
MAX_DOTTED = 300_000  # characters of cells with dots that are looked into
# No link is followed, no pipe waited for; Windows has neither, and texts to be told from bytes.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
# How files begin that are handed in under a notebook's name.
_SIGNS = (
    (b"%pdf", "a PDF"),
    (b"pk\x03\x04", "a zip or an Office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\xd0\xcf\x11\xe0", "an Office document"),
    (b"{\\rtf", "a text in RTF"),
    (b"\x89png", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"gif8", "a picture"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML file"),
    (b"version https://git-lfs", "a pointer of Git LFS"),
)
_DOTS = re.compile(r"\.\.\.|NotImplementedError")
_CHECKED = re.compile(r"""\bcheck\(\s*["']([\w-]+)["']""")


class Unreadable(Exception):
    """A submission that cannot be graded; the sentence is for the student."""


class NotHere(Unreadable):
    """It cannot be read on this machine, which is no student's fault."""


@dataclass(frozen=True)
class Notebook:
    """The code of a notebook.

    Attributes:
        cells: the code cells, from the first.
        remark: a sentence for the teacher on how it had to be read; empty if as usual.
    """

    cells: tuple[str, ...]
    remark: str = ""

    @cached_property
    def num_blanks(self) -> int:
        """How many cells still give the dots that an answer replaces, or `NotImplementedError`.

        Cells past `MAX_DOTTED` characters of such cells are not looked into.
        """
        dotted = [cell for cell in self.cells if len(cell) <= MAX_SOURCE and _DOTS.search(cell)]
        sizes = itertools.accumulate(map(len, dotted))
        return sum(
            _is_blank(cell) for cell, size in zip(dotted, sizes, strict=True) if size <= MAX_DOTTED
        )

    def num_exercises(self) -> int:
        """How many exercises are checked in it; 0 if the course's checks are not used."""
        return len({name for cell in self.cells for name in _CHECKED.findall(cell)})


def read_file(path: Path) -> bytes:
    """The bytes of a file that a student handed in.

    Raises:
        Unreadable: if it is a link or no file, or is too large.
        NotHere: if this machine does not let it be read.
    """
    try:
        handle = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Unreadable("The notebook is a link to another file, which is not read.") from None
        if error.errno == errno.ENXIO:
            raise Unreadable("The notebook is not an ordinary file.") from None
        raise NotHere(f"{path} cannot be opened ({error.strerror}).") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Unreadable("The notebook is not an ordinary file.")
    try:
        with open(handle, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise NotHere(f"{path} cannot be read ({error.strerror}).") from None
    if len(content) > MAX_BYTES:
        raise Unreadable(f"The notebook is larger than {MAX_BYTES // 2**20} MB: clear its outputs.")
    return content


def read_notebook(content: bytes) -> Notebook:
    """The code of a notebook of format 4, in UTF-8, UTF-16 or UTF-32.

    Raises:
        Unreadable: if it is empty, no JSON, or no notebook of format 4.
    """
    if not content.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise Unreadable("The file is empty.")
    begin = content[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for sign, kind in _SIGNS:
        if begin.startswith(sign):
            raise Unreadable(f"The file is not a notebook but {kind}: hand in the .ipynb itself.")
    text, remark = _decode(content)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        if "<<<<<<< " in text:
            raise Unreadable(
                "The file is damaged: Git has left the marks of a merge conflict in it."
            ) from None
        raise Unreadable("The file is damaged: it is not the JSON of a notebook.") from None
    return Notebook(tuple(_sources(_cells(data))), remark)


def code_cells(content: bytes) -> list[str]:
    """The code cells of a notebook; raises `Unreadable` as `read_notebook` does."""
    return list(read_notebook(content).cells)


def _is_blank(source: str) -> bool:
    """Whether a cell with dots is still without its answer."""
    try:
        return _has_dots(ast.parse(source).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _has_dots(body: list[ast.stmt]) -> bool:
    """Whether a block ends with dots, or with a name that stands for them.

    What a learner has written above ``return ...`` returns first, and counts.
    """
    dots: dict[str, bool] = {}
    for node in body:
        if isinstance(node, ast.Return):
            return _are_dots(node.value)
        if isinstance(node, ast.Raise):
            return "NotImplementedError" in ast.dump(node)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and _has_dots(node.body):
            return True
        if isinstance(node, ast.Assign):
            dots |= {ast.dump(target): _are_dots(node.value) for target in node.targets}
        elif isinstance(node, ast.Expr) and _are_dots(node.value):
            dots[""] = len(body) == 1
    return any(dots.values())


def _are_dots(value: ast.expr | None) -> bool:
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    return any(isinstance(part, ast.Constant) and part.value is ... for part in parts)


def _decode(content: bytes) -> tuple[str, str]:
    """The text, and a remark if it is in no encoding of JSON."""
    encoding = json.detect_encoding(content)
    try:
        return content.decode(encoding), ""
    except UnicodeDecodeError:
        remark = "The file is not in UTF-8: letters that could not be read are shown as �."
        return content.decode("utf-8", "replace"), remark


def _cells(data: object) -> list:
    """The cells of a notebook of format 4."""
    version = data.get("nbformat") if isinstance(data, dict) else None
    if version in (1, 2, 3):
        raise Unreadable(
            f"The file is not a notebook of format 4 but of {version}: open it in Jupyter, save it."
        )
    cells = data.get("cells") if isinstance(data, dict) else None
    if not isinstance(cells, list) or version != 4:
        raise Unreadable("The file is not a notebook of format 4.")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"The notebook has more than {MAX_CELLS} cells.")
    return cells


def _sources(cells: list) -> list[str]:
    """The code of the code cells."""
    sources = []
    for cell in cells:
        if not isinstance(cell, dict):
            raise Unreadable("The file is not a notebook: one of its cells is none.")
        if cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str):
            raise Unreadable("The file is not a notebook: the code of a cell is no text.")
        sources.append(source)
    return sources
