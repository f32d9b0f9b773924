"""Finding submissions and reading notebooks that anybody may have written."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

MAX_BYTES = 20 * 2**20
MAX_CELLS = 2000


class Unreadable(Exception):
    """A submission that cannot be graded; the sentence is for the student."""


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    Attributes:
        key: for files of ours: letters, digits, ``_``, ``.`` and ``-`` only, unlike any other
            student's, also where case does not count, and the same next time.
        name: as shown: printable, one line.
        path: the notebook that counts; None if there is none.
        entry: what it is called in the folder or zip, such as ``Ada Byron_123_assignsubmission_file_``.
        lms: "moodle" or "canvas" if the name is one of their export.
        lms_id: the number in that name.
        submitted_at: with a time zone; of the file in an LMS's zip, else of the file itself.
        notes: sentences for the teacher: what else was handed in, and why it does not count.
        problem: a sentence on why nothing can be graded; None if something can.
    """

    key: str
    name: str
    path: Path | None
    entry: str = ""
    lms: str | None = None
    lms_id: str | None = None
    submitted_at: datetime | None = None
    notes: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class Found:
    """What lies in a teacher's folder or zip.

    Attributes:
        submissions: one a student, by name.
        notes: sentences for the teacher on what belongs to no student, and why it is not read.
    """

    submissions: tuple[Submission, ...]
    notes: tuple[str, ...] = ()


def find(
    place: Path, assignment: str, *, scratch: Path, leave_out: Sequence[Path] = ()
) -> Found:
    """The submissions in a folder or a zip: notebooks, zips and folders, also of an LMS.

    Args:
        place: the teacher's folder, or a zip as Moodle or Canvas gives it.
        assignment: such as "04": where a student has several notebooks, it tells which counts.
        scratch: an empty folder for what comes out of zips; keep it until all are graded.
        leave_out: folders that are no student's: the grader's own output.

    Raises:
        ValueError: if there is no such place, or nothing in it.
    """
    raise NotImplementedError


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
