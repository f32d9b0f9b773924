"""Templates: the notebooks that can be run with other parameters, found by name or path."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import aigc_utils
from aigc_course.reports import declarations, parameters
from aigc_course.reports.notation import shown
from aigc_utils.files import read_utf8

INJECTED = "injected-parameters"
"""The tag, papermill's too, of the cell that sets what was given for one run."""
SKIPPED = "skip-execution"
"""The tag of nbclient, nbconvert and Jupyter Book; of a cell for parameters it is taken off."""
_LONGEST_NAME = 80  # characters; a run's folder adds some, and a file's name has 255 bytes


@dataclass(frozen=True)
class Template:
    """A notebook as it stands in its file, but for what a run put in: read, not executed.

    Attributes:
        name: what messages and run folders call it.
        path: its file; a run works in the file's folder.
        text: the notebook that is run, as JSON; the file is read once, so that what is checked
            is what is run. Cells that set the parameters of a past run are not in it.
        cells: the notebook's cells, as in `text`.
        numbers: where each of these stands in the file, counted from 1.
        kernelspec: that of the file, if it is another than ``python3``: runs do not use it.
    """

    name: str
    path: Path
    text: str
    cells: tuple[dict, ...]
    numbers: tuple[int, ...]
    kernelspec: str

    @cached_property
    def parameters(self) -> parameters.Parameters:
        """What its ``parameters`` cells allow; a notebook without one takes none.

        Raises:
            ValueError: if a cell cannot be read, a name stands twice, or another cell sets a
                parameter before anything reads it.
        """
        places = self._parameters_cells
        if not places and any("parameters" in tags_of(cell) for cell in self.cells):
            raise ValueError(
                f"The cell tagged parameters in {self.name} is no code: tag a code cell instead."
            )
        found = parameters.read_parameters(
            [source_of(self.cells[place]) for place in places], self.name, self.path.parent
        )
        known: list[str] = []
        for place in places:
            cell = self._parts_of(place)
            for name, line in cell.set_again(known):
                raise ValueError(
                    f"Cell {self.numbers[place]} of {self.name} sets {name} again in line {line}, "
                    f"so that what is given would not be what runs: remove that line."
                )
            declared = [declaration.name for declaration in cell.declarations]
            known += declared
            later = [i for i in range(place + 1, len(self.cells)) if self._runs(i)]
            sources = [source_of(self.cells[i]) for i in later]
            for name, position in declarations.overwritten(sources, declared):
                raise ValueError(
                    f"Cell {self.numbers[later[position]]} of {self.name} sets {name} before "
                    f"anything reads it, so that what is given would not be what runs: remove that "
                    f"line."
                )
        return found

    def injections(self, changed: Mapping[str, Any]) -> dict[int, str]:
        """The cells that set changed parameters, each to stand behind the one that declares them.

        Args:
            changed: some of the parameters, checked before.

        Returns:
            Texts by the position in `cells` of the cell in front.
        """
        paths = {name for name, parameter in self.parameters.items() if parameter.is_path}
        found = {
            place: self._parts_of(place).assignments(changed, paths)
            for place in self._parameters_cells
        }
        return {place: text for place, text in found.items() if text}

    @property
    def code_cells(self) -> list[str]:
        """The texts of its code cells."""
        return [source_of(cell) for cell in self.cells if cell.get("cell_type") == "code"]

    @property
    def run_cells(self) -> list[str]:
        """The texts of those code cells that a run does not skip."""
        return [source_of(cell) for place, cell in enumerate(self.cells) if self._runs(place)]

    @cached_property
    def code(self) -> str:
        """The text of its code cells, each beginning on a new line."""
        return "\n".join(self.code_cells)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what the cells say; outputs and the file's formatting do not count."""
        said = [
            [cell.get("cell_type"), source_of(cell), list(tags_of(cell))] for cell in self.cells
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    @property
    def _parameters_cells(self) -> list[int]:
        return [i for i, cell in enumerate(self.cells) if is_parameters_cell(cell)]

    def _parts_of(self, place: int) -> declarations.ParametersCell:
        where = f"The parameters cell of {self.name}"
        return declarations.read_cell(source_of(self.cells[place]), where)

    def _runs(self, place: int) -> bool:
        cell = self.cells[place]
        skipped = SKIPPED in tags_of(cell) and not is_parameters_cell(cell)
        return cell.get("cell_type") == "code" and not skipped


def source_of(cell: dict) -> str:
    """A cell's text; a notebook file may hold it in lines."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def tags_of(cell: dict) -> tuple[str, ...]:
    """A cell's tags."""
    return tuple((cell.get("metadata") or {}).get("tags") or ())


def is_parameters_cell(cell: dict) -> bool:
    """Whether this is a cell that declares parameters."""
    return "parameters" in tags_of(cell) and cell.get("cell_type") == "code"


def find_template(template: str | os.PathLike) -> Template:
    """The template of this name.

    Args:
        template: a path to an ``.ipynb`` file, or a name in a ``notebooks`` folder, with or
            without its folder there: ``vae_run``, ``reports/vae_run``. The folder at hand is
            looked into first, and then the course's.

    Raises:
        ValueError: if there is none, or more than one, or it is no notebook, or one of another
            language than Python.
        OSError: if the file cannot be read.
    """
    name = os.fspath(template)
    path = _at(name) if name.lower().endswith(".ipynb") else _named(name)
    text = read_utf8(path)
    try:
        notebook = json.loads(text)
        version, cells = notebook["nbformat"], notebook["cells"]
        if version == 4 and not isinstance(cells, list):
            raise TypeError(cells)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError(f"{path} is no notebook of format 4: save it anew in Jupyter.") from None
    if version != 4:
        raise ValueError(f"{path} has notebook format {version!r}: save it anew in Jupyter.")
    for number, cell in enumerate(cells, start=1):
        if wrong := _what_is_wrong(cell):
            raise ValueError(f"Cell {number} of {path} {wrong}: save it anew in Jupyter.")
    kernelspec = _kernelspec(notebook.get("metadata"), path)
    kept = _mended(cells)
    mended = [*kept.values()]
    if mended != cells:
        text = json.dumps({**notebook, "cells": mended}, ensure_ascii=False)
    stem = re.sub(r"[^\w.-]+", "_", path.stem).strip("._")[:_LONGEST_NAME] or "notebook"
    return Template(stem, path, text, tuple(mended), tuple(kept), kernelspec)


def _kernelspec(metadata: Any, path: Path) -> str:
    """The name of a notebook's kernelspec, whatever its metadata hold; empty for ``python3``.

    Raises:
        ValueError: if it is of another language than Python.
    """
    metadata = metadata if isinstance(metadata, dict) else {}
    spec, info = metadata.get("kernelspec"), metadata.get("language_info")
    spec, info = (part if isinstance(part, dict) else {} for part in (spec, info))
    language = spec.get("language") or info.get("name")
    if isinstance(language, str) and not re.match(r"i?python", language.strip(), re.IGNORECASE):
        raise ValueError(
            f"{path} is in the language {shown(language)}: give a notebook in Python, for a run "
            f"uses this Python."
        )
    name = spec.get("name")
    return name if isinstance(name, str) and name not in ("", "python3") else ""


def _what_is_wrong(cell: Any) -> str:
    """Why a cell cannot be run, in words; empty if it can."""
    if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
        return "is no cell of a notebook"
    source = cell.get("source", "")
    lines = source if isinstance(source, list) else [source]
    if not all(isinstance(line, str) for line in lines):
        return "has a source that is no text"
    if not isinstance(cell.get("metadata", {}), dict):
        return "has metadata without names"
    tags = cell.get("metadata", {}).get("tags")
    if isinstance(tags, list):
        wrong = not all(tag is None or isinstance(tag, str) for tag in tags)
    else:
        wrong = tags is not None and not isinstance(tags, str)
    return f"has the tags {shown(tags)}, which are no list of texts" if wrong else ""


def _mended(cells: list[dict]) -> dict[int, dict]:
    """The cells without what a past run put in, and with tags and notes as Jupyter writes them.

    A notebook that has been run has a cell that set its parameters then: behind one of today it
    would win, and the record would name values that were not used. One without any other cell for
    parameters keeps it, as the one that declares them. They stand by their numbers in the file.
    """
    mended = {i: _with_plain_metadata(cell) for i, cell in enumerate(cells, start=1)}
    if any(is_parameters_cell(cell) for cell in mended.values()):
        return {i: cell for i, cell in mended.items() if INJECTED not in tags_of(cell)}
    return {i: _declaring(c) if INJECTED in tags_of(c) else c for i, c in mended.items()}


def _with_plain_metadata(cell: dict) -> dict:
    metadata = dict(cell.get("metadata", {}))
    if "tags" in metadata:
        tags = metadata["tags"]
        metadata["tags"] = [t for t in ([tags] if isinstance(tags, str) else tags or []) if t]
    if not isinstance(metadata.get("jupyter", {}), dict):
        del metadata["jupyter"]  # how Jupyter shows the cell; what makes the page would stumble
    return {**cell, "metadata": metadata}


def _declaring(cell: dict) -> dict:
    return {**cell, "metadata": {**cell["metadata"], "tags": ["parameters"]}}


def _at(name: str) -> Path:
    """A notebook's file, by its path."""
    try:
        path = Path(name).resolve()
        there = path.is_file()
        str(path).encode("utf-8")  # what cannot be written so stands in no record
    except UnicodeEncodeError:
        raise ValueError(f"The path {str(path)!r} is no UTF-8: rename it.") from None
    except (ValueError, OSError, RuntimeError):  # a NUL, too long a name, links in a circle
        there = False
    if not there:
        raise ValueError(f"There is no notebook {name!r}{_instead(name)}: check the path.")
    return path


def _instead(name: str) -> str:
    """What is at a path that is no notebook's, in words; nothing is fetched from an address."""
    if re.match(r"[a-z][a-z0-9+.-]*://", name, re.IGNORECASE):
        return ", for nothing is fetched from an address"
    with contextlib.suppress(ValueError, OSError):
        path = Path(name)
        if path.is_dir():
            return ", but a folder of that name"
        if path.is_file():
            return ", but a file that does not end in .ipynb"
        if path.with_name(f"{path.name}.ipynb").is_file():
            return f", but {os.path.join('.', name)}.ipynb, which needs its path"
    return ""


def hides(template: str | os.PathLike, found: Path) -> bool:
    """Whether a name means a notebook of the folder at hand and one of the course, too."""
    name, course = os.fspath(template), _course()
    if name.lower().endswith(".ipynb") or not course.is_dir() or found.is_relative_to(course):
        return False
    return any(name in (key, key.rsplit("/", 1)[-1]) for key in _notebooks_in(course))


def _course() -> Path:
    return Path(aigc_utils.__file__).resolve().parents[1] / "notebooks"


def _named(name: str) -> Path:
    """A notebook of the folder at hand, or else of the course, by its name."""
    places = [
        place for place in dict.fromkeys((Path.cwd() / "notebooks", _course())) if place.is_dir()
    ]
    known: list[str] = []
    for folder in places:
        found = _notebooks_in(folder)
        fitting = [key for key in found if key == name]
        fitting = fitting or [key for key in found if key.rsplit("/", 1)[-1] == name]
        if len(fitting) == 1:
            return _at(str(found[fitting[0]]))
        if fitting:
            raise ValueError(f"There are several templates {name!r}: say {' or '.join(fitting)}.")
        known += found
    looked = " and ".join(map(str, places)) or f"{Path.cwd() / 'notebooks'}, which is not there"
    stems = dict.fromkeys(key.rsplit("/", 1)[-1] for key in known)
    if there := _instead(name):
        raise ValueError(f"There is no template {name!r}{there}: give the path of an .ipynb file.")
    if near := difflib.get_close_matches(name.rsplit("/", 1)[-1], stems, 1, 0.4):
        raise ValueError(f"There is no template {name!r} in {looked}: did you mean {near[0]}?")
    raise ValueError(f"There is no template {name!r} in {looked}: give the path of an .ipynb file.")


def _notebooks_in(folder: Path) -> dict[str, Path]:
    """Notebooks by their names in a folder, such as ``"reports/vae_run"``."""
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in sorted(folder.rglob("*.ipynb"))
        if ".ipynb_checkpoints" not in path.parts
    }
