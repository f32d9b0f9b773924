"""What decides the results of a run, and so its name. A student needs none of it.

A run is named by its notebook, its parameters, the course's data that it can read, the course's
code that computes it, and the versions of the libraries. The user's own files are in no name: which
of them a run reads is seen while it runs, and stands in its record (`traces`). What does not
compute (quizzes, exercises, grading, the handling of runs), data sets that nobody names, and
whether the course is a checkout or a wheel decide nothing: with any of them changed, runs keep
their names and a sweep goes on.

What a run *can* read is found by names, without executing anything: a data set, a checkpoint or a
record counts if its name stands in quotes in the notebook's code cells or in the code that they
import, if it is the value of a parameter, or if the card of one that counts names it. A notebook
that loads by a name which only its run knows can read all data sets, or all checkpoints (`loads`).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import platform
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

import aigc_utils
from aigc_course.reports import loads, places
from aigc_course.reports.libraries import libraries_of
from aigc_course.reports.notation import as_json
from aigc_course.reports.templates import Template
from aigc_utils.files import sha256

LIBRARIES = ("tensorflow", "keras", "numpy")
# Folders of the data folder whose own folders count one by one.
SHELVES = ("checkpoints", "records")

# In code that is quoted, with the parts of a path; not what a docstring gives as ``"an example"``.
_QUOTED = re.compile(r"(?<!`)[\"'/]([^\"'/\n]+)(?=[\"'/])")
_WORD = re.compile(r"[\w-]+(?:\.[\w-]+)*")
# What a notebook says that computes with applications, or trains, in Python or by a command.
_ASIDE = "(?:reports|checks|doctor|classroom)"  # of the course, what neither trains nor applies
_TRAINS = re.compile(
    rf"\baigc_course\b(?!\.{_ASIDE}\b| import {_ASIDE}(?:, {_ASIDE})*$)|(?<!`)\baigc ", re.MULTILINE
)
_APPLIES = re.compile(rf"\baigc_apps\b|{_TRAINS.pattern}", re.MULTILINE)


class Identity(BaseModel):
    """What, besides the parameters, decides a run's results.

    Attributes:
        notebook: SHA-256 of the cells' texts.
        data: SHA-256 over the data sets, checkpoints and records that the notebook can read.
        package: SHA-256 over the code and texts of the course that compute runs.
        versions: of Python, the libraries that compute, and those that the notebook imports.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    notebook: str
    data: str
    package: str
    versions: dict[str, str]


def identify(template: Template, data: Mapping[str, str] | None = None) -> Identity:
    """What decides the results of a run of this template, now and here.

    Args:
        template: the notebook.
        data: as of `data_of`, if it is known.

    Raises:
        OSError: if a file of the data or the code cannot be read.
    """
    versions = {"python": platform.python_version(), "aigc_utils": aigc_utils.__version__}
    for library in LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[library] = importlib.metadata.version(library)
    return Identity(
        notebook=template.digest,
        data=_sha256_of(data_of(template) if data is None else data),
        package=code_digest(),
        versions=versions | libraries_of(template.run_cells),
    )


def data_of(template: Template) -> dict[str, str]:
    """SHA-256 of the course's data that a notebook can read, by their places in its folder.

    Raises:
        OSError: if the course's data cannot be read.
    """
    return {place: _digest(path) for place, path in readable(template).items()}


def name_of(template: Template, identity: Identity, values: Mapping[str, Any]) -> str:
    """The name of a run: its template's, and 12 digits of a hash of all that is in names.

    Raises:
        OSError: if the course's data cannot be read.
    """
    ordered = {name: _in_order(value) for name, value in values.items()}
    everything = [identity.model_dump(), ordered, inputs_of(values)]
    return f"{template.name}-{_sha256_of(everything)[:12]}"


def code_digest() -> str:
    """SHA-256 over what computes runs: all of `aigc_utils` and `aigc_apps`, the training of
    `aigc_course`, and how results are handed over; the same for a checkout and a wheel."""
    from aigc_apps.origins import code_sha256  # the applications' package is slow to import

    digests = {name: code_sha256(folder) for name, folder in _computing().items()}
    handing_over = Path(__file__).with_name("results.py").read_bytes().replace(b"\r\n", b"\n")
    return _sha256_of([digests, hashlib.sha256(handing_over).hexdigest()])


def readable(template: Template) -> dict[str, Path]:
    """What of the data folder a run of the template can read, whatever its parameters.

    Returns:
        Folders (and single files of records) by their places in the data folder, such as
        ``"fashion_mnist"`` or ``"checkpoints/vae_fashion"``.

    Raises:
        OSError: if a file of the code cannot be read.
    """
    imported = {
        "aigc_utils": True,
        "aigc_apps": _APPLIES.search(template.code),
        "aigc_course/train": _TRAINS.search(template.code),
    }
    names = set(_QUOTED.findall(template.code))
    for package, folder in _computing().items():
        names |= _names_in(folder) if imported[package] else set()
    for shelf in loads.whole_shelves(template.code_cells):
        names |= _cards_on(shelf)
    return _named(names)


def inputs_of(values: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of the course's data that a run's parameters name, by their names.

    Raises:
        OSError: if the course's data cannot be read.
    """
    found = {}
    for name, value in values.items():
        if data := _named_by(value):
            found[name] = _sha256_of([_digest(path) for path in data.values()])
    return found


def counted(template: Template, values: Mapping[str, Any]) -> set[Path]:
    """What of the data folder is in the name of a run, as files and folders without links.

    Raises:
        OSError: if the course's code or data cannot be read.
    """
    found = [readable(template), *map(_named_by, values.values())]
    return {path.resolve() for each in found for path in each.values()}


def _named_by(value: Any) -> dict[str, Path]:
    words = {part for text in places.texts_in(value) for part in text.split("/") if part}
    return _named(words) if words else {}


def _computing() -> dict[str, Path]:
    """The folders of code and texts that compute; the rest of `aigc_course` handles them only."""
    apps = importlib.util.find_spec("aigc_apps")  # importing it would load NumPy
    return {
        "aigc_utils": Path(aigc_utils.__file__).parent,
        "aigc_apps": Path(apps.origin).parent,
        "aigc_course/train": Path(__file__).parents[1] / "train",
    }


def _names_in(package: Path) -> set[str]:
    """What a package's code has in quotes, and all words of its YAML, which needs no quotes."""
    from aigc_apps.origins import code_files  # as above

    patterns = {".py": _QUOTED, ".yml": _WORD}
    names: set[str] = set()
    for path in code_files(package):
        if path.suffix in patterns:
            names.update(patterns[path.suffix].findall(path.read_text(encoding="utf-8")))
    return names


def _cards_on(shelf: str) -> set[str]:
    """The names of all data sets, or of all checkpoints."""
    from aigc_utils.data import data_root, data_sets  # late, as below

    # Not `checkpoints.available`: that module loads Keras.
    found = (data_root() / "checkpoints").glob("*/card.json")
    return {path.parent.name for path in found} if shelf == loads.CHECKPOINTS else {*data_sets()}


def _named(names: set[str]) -> dict[str, Path]:
    """What of the data folder has one of these names, or is named by the card of what has."""
    # The module loads NumPy, which refusing a bad parameter can do without.
    from aigc_utils.data import data_root

    root = data_root()
    places = [root, *(root / shelf for shelf in SHELVES)]
    there = [path for place in places if place.is_dir() for path in sorted(place.iterdir())]
    there = [p for p in there if p not in places and (p.is_dir() or p.suffix == ".json")]
    found: dict[str, Path] = {}
    while names:
        new = {p.relative_to(root).as_posix(): p for p in there if p.name in names}
        new = {place: path for place, path in new.items() if place not in found}
        found |= new
        cards = [path / "card.json" for path in new.values()]
        texts = [card.read_text(encoding="utf-8") for card in cards if card.is_file()]
        names = {name for text in texts for name in _QUOTED.findall(text)}
    return found


def _digest(path: Path) -> str:
    """SHA-256 of a file, or over the names and contents of a folder's files."""
    if path.is_file():
        return sha256(path)
    total = hashlib.sha256()
    files = [file.relative_to(path) for file in path.rglob("*") if file.is_file()]
    for relative in sorted(files, key=Path.as_posix):
        if not any(part.startswith((".", "__pycache__")) for part in relative.parts):
            facts = (path / relative).stat()
            content = _sha256_of_unchanged(path / relative, facts.st_size, facts.st_mtime_ns)
            total.update(f"{relative.as_posix()}\0{content}\n".encode())
    return total.hexdigest()


@lru_cache(maxsize=20_000)
def _sha256_of_unchanged(path: Path, size: int, changed_ns: int) -> str:
    """A worker makes many runs, whose data need be read only once while it stays as it is."""
    del size, changed_ns
    return sha256(path)


def _in_order(value: Any) -> Any:
    """What is equal exactly for equal values, and for dicts if their names stand in one order."""
    text = as_json(value, in_order=True)
    return value if text == as_json(value) else ["in this order", text]


def _sha256_of(value: Any) -> str:
    return hashlib.sha256(as_json(value).encode()).hexdigest()
