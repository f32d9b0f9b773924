"""Templates: the notebooks that can be run with other parameters, found by name or path."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import aigc_utils
from aigc_course.reports import parameters


@dataclass(frozen=True)
class Template:
    """A notebook as it stands in its file: read, not executed.

    Attributes:
        name: what messages and run folders call it.
        path: its file; a run works in the file's folder.
        text: what the file holds; it is read once, so that what is checked is what is run.
        cells: the notebook's cells, as in the file.
    """

    name: str
    path: Path
    text: str
    cells: tuple[dict, ...]

    @cached_property
    def parameters(self) -> parameters.Parameters:
        """What its ``parameters`` cell allows; a notebook without one takes none.

        Raises:
            ValueError: if the cell cannot be read, or there are two.
        """
        sources = [source_of(cell) for cell in self.cells if is_parameters_cell(cell)]
        if len(sources) > 1:
            raise ValueError(f"{self.name} has {len(sources)} parameters cells: keep one.")
        return parameters.read_parameters("".join(sources), self.name)

    @property
    def code_cells(self) -> list[str]:
        """The texts of its code cells."""
        return [source_of(cell) for cell in self.cells if cell.get("cell_type") == "code"]

    @cached_property
    def code(self) -> str:
        """The text of its code cells, each beginning on a new line."""
        return "\n".join(self.code_cells)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what the cells say; outputs and the file's formatting do not count."""
        parts = [
            [cell.get("cell_type"), source_of(cell), cell.get("metadata", {}).get("tags", [])]
            for cell in self.cells
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def source_of(cell: dict) -> str:
    """A cell's text; a notebook file may hold it in lines."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def is_parameters_cell(cell: dict) -> bool:
    """Whether this is the cell that declares the parameters."""
    return "parameters" in cell.get("metadata", {}).get("tags", [])


def find_template(template: str | os.PathLike) -> Template:
    """The template of this name.

    Args:
        template: a path to an ``.ipynb`` file, or a name in the course's ``notebooks`` folder,
            with or without its folder there: ``vae_run``, ``reports/vae_run``.

    Raises:
        ValueError: if there is none, or more than one, or it is no notebook.
        OSError: if the file cannot be read.
    """
    name = os.fspath(template)
    if name.endswith(".ipynb"):
        path = Path(name).resolve()
        if not path.is_file():
            raise ValueError(f"There is no notebook {name}: check the path.")
    else:
        path = _named(name)
    try:
        text = path.read_text(encoding="utf-8")
        notebook = json.loads(text)
        version, cells = notebook["nbformat"], notebook["cells"]
        name = re.sub(r"[^\w.-]+", "_", path.stem).strip("._") or "notebook"
        read = Template(name, path, text, tuple(cells))
        read.digest  # noqa: B018  (fails here if the cells are none)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError(f"{path} is no notebook of format 4: save it anew in Jupyter.") from None
    if version != 4:
        raise ValueError(f"{path} has notebook format {version!r}: save it anew in Jupyter.")
    return read


def _named(name: str) -> Path:
    found: dict[str, Path] = {}
    for folder in (Path.cwd() / "notebooks", Path(aigc_utils.__file__).parents[1] / "notebooks"):
        for path in sorted(folder.rglob("*.ipynb")):
            if ".ipynb_checkpoints" not in path.parts:
                found.setdefault(path.relative_to(folder).with_suffix("").as_posix(), path)
        if found:
            break  # the folder at hand, and else the checkout that this package belongs to
    fitting = [key for key in found if key == name]
    fitting = fitting or [key for key in found if key.rsplit("/", 1)[-1] == name]
    if len(fitting) == 1:
        return found[fitting[0]].resolve()
    if fitting:
        raise ValueError(f"There are several templates {name!r}: say {' or '.join(fitting)}.")
    stems = {key.rsplit("/", 1)[-1]: key for key in found}
    if near := difflib.get_close_matches(name.rsplit("/", 1)[-1], stems, 1, 0.4):
        raise ValueError(f"There is no template {name!r}: did you mean {near[0]}?")
    raise ValueError(f"There is no template {name!r}: give the path of an .ipynb file.")
