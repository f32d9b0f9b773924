"""Finding submissions and reading notebooks that anybody may have written."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 20 * 2**20
MAX_CELLS = 2000


class Unreadable(Exception):
    """A submission that cannot be graded; the sentence is for the student."""


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    Attributes:
        student: the name of the file or folder.
        key: the name for files of ours, unlike that of any other student.
        path: the notebook; None if there is none.
        problem: why there is none.
    """

    student: str
    key: str
    path: Path | None
    problem: str = ""


def find_submissions(folder: Path, assignment: str, *, leave_out: Path) -> list[Submission]:
    """The submissions in a folder: one notebook a student, or one folder a student.

    Args:
        folder: the teacher's.
        assignment: where a student's folder holds several notebooks, the one counts whose name
            begins with this.
        leave_out: a folder that is no student's: the grader's own.

    Raises:
        ValueError: if there is no folder, or nothing in it.
    """
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}: name the one with the submissions.")
    found: list[tuple[str, str, Path | None, str]] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.resolve() == leave_out.resolve():
            continue
        if path.is_dir() and not path.is_symlink():
            found.append((path.name, path.name, *_in_folder(path, assignment)))
        elif path.suffix == ".ipynb":
            found.append((path.name, path.stem, path, ""))
    if not found:
        raise ValueError(
            f"There are no submissions in {folder}: put one notebook or folder a student there."
        )
    taken: set[str] = set()
    submissions = []
    for entry, name, path, problem in found:
        student = name.encode("utf-8", "replace").decode("utf-8")
        key = _safe(name)
        if key != name or key.casefold() in taken:
            key += "-" + hashlib.sha256(os.fsencode(entry)).hexdigest()[:8]
        taken.add(key.casefold())
        submissions.append(Submission(student, key, path, problem))
    return submissions


def read_submission(submission: Submission) -> bytes:
    """The notebook's bytes.

    Raises:
        Unreadable: if there is none, it is a link or no file, or it is too large.
    """
    if submission.path is None:
        raise Unreadable(submission.problem)
    try:
        handle = os.open(submission.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Unreadable("The notebook is a link to another file, which is not read.") from None
        raise Unreadable(f"The notebook cannot be opened ({error.strerror}).") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Unreadable("The notebook is not an ordinary file.")
    with open(handle, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise Unreadable(f"The notebook is larger than {MAX_BYTES // 2**20} MB: clear its outputs.")
    return content


def code_cells(content: bytes) -> list[str]:
    """The code cells of a notebook.

    Raises:
        Unreadable: if it is empty, no JSON, or no notebook of format 4.
    """
    if not content.strip():
        raise Unreadable("The file is empty.")
    try:
        notebook = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Unreadable("The file is damaged: it is not the JSON of a notebook.") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or notebook.get("nbformat") != 4:
        raise Unreadable("The file is not a notebook of format 4.")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"The notebook has more than {MAX_CELLS} cells.")
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


def _in_folder(folder: Path, assignment: str) -> tuple[Path | None, str]:
    """The notebook of a student's folder, or why none counts."""
    notebooks = sorted(
        path for path in folder.iterdir() if path.suffix == ".ipynb" and path.name[0] != "."
    )
    if len(notebooks) > 1:
        notebooks = [path for path in notebooks if path.name.startswith(assignment)] or notebooks
    if not notebooks:
        return None, "The folder holds no notebook."
    if len(notebooks) > 1:
        return None, "The folder holds several notebooks: hand in one."
    return notebooks[0], ""


def _safe(name: str) -> str:
    """A name for files, from any name."""
    text = unicodedata.normalize("NFKC", name.encode("utf-8", "replace").decode("utf-8"))
    return re.sub(r"[^\w.-]", "_", text).lstrip(".")[:60] or "student"
