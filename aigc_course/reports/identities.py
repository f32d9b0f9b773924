"""What decides the results of a run, and so its name. A student needs none of it.

A run is decided by its notebook, its parameters, the data that it can read, the code that computes
it, and the versions of the libraries; code and files beside the notebook count as it names them
(`beside`). What does not compute (quizzes, exercises, grading, the
handling of runs), data sets that nobody names, and whether the course is a checkout or a wheel
decide nothing: with any of them changed, runs keep their names and a sweep goes on.

What a run *can* read is found by names, without executing anything: a data set, a checkpoint or a
record counts if its name stands in quotes in the notebook's code cells or in the code that they
import, if it is the value of a parameter, or if the card of one that counts names it. A notebook
that loads by a name which only its run knows can read all data sets, or all checkpoints (`loads`).
Files of the user's own count if a parameter's value is their path (`inputs`).
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

import aigc_utils
from aigc_course.reports import flows, inputs, loads, places
from aigc_course.reports.beside import look_beside
from aigc_course.reports.notation import as_json, shown
from aigc_course.reports.parameters import Parameter
from aigc_course.reports.templates import Template
from aigc_utils.files import sha256

LIBRARIES = ("tensorflow", "keras", "numpy")
# Folders of the data folder whose own folders count one by one.
SHELVES = ("checkpoints", "records")

ROUGH = "sizes and times "
"""In front of the SHA-256 of inputs whose contents were not read."""

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
        data: SHA-256 over the data sets, checkpoints and records that the notebook can read, and
            over the files whose paths stand in its code.
        package: SHA-256 over the code and texts that compute runs, also those beside the notebook.
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
    found = look_beside(template)
    code = {name: _code_sha256(path) for name, path in sorted(found.code.items())}
    return Identity(
        notebook=template.digest,
        data=_sha256_of(data_of(template) if data is None else data),
        package=_sha256_of([code_digest(), code]) if code else code_digest(),
        versions=versions | found.libraries,
    )


def data_of(template: Template, held: bool = False) -> dict[str, str]:
    """SHA-256 of the data that a notebook can read by what stands in its code.

    Args:
        template: the notebook.
        held: without the files that its own runs may have made or changed, as far as can be seen;
            a sweep goes on while this is as it was planned.

    Returns:
        Of the course's data by their places in its folder; of the user's own files and folders by
        their texts in the code, behind ``./``. Of what cannot be read, only that.

    Raises:
        OSError: if the course's data cannot be read.
    """
    found, home = look_beside(template), template.path.parent
    data = {place: _digest(path) for place, path in readable(template).items()}
    results = found.may_write if held else found.results
    for text, paths in sorted(found.files.items()):
        wild = not {*"*?["}.isdisjoint(text)
        if held and wild and results:
            paths = [p for p in paths if p.is_dir() or not results.fullmatch(p.as_posix())]
        elif held and text in found.own and paths[0].is_file():
            continue
        try:
            digest = _digest_of_input(paths, template.name, results, home if wild else None)
        except (ValueError, OSError) as error:
            digest = type(error).__name__
        data[f"./{text}"] = digest
    return data


def looked_at(template: Template) -> list[str]:
    """What besides its parameters tells whether a run is the same, in words."""
    found = look_beside(template)
    named = [*found.code, *found.files]
    more = [f"{len(named) - 8} more files"] if len(named) > 8 else []
    libraries = dict.fromkeys(["Python", *LIBRARIES, *found.libraries])
    return [
        *named[:8],
        *more,
        "the course's data and code that it can use",
        f"the versions of {', '.join(libraries)}",
    ]


def name_of(
    template: Template,
    identity: Identity,
    values: Mapping[str, Any],
    known: dict[str, str] | None = None,
) -> str:
    """The name of a run, see `named`.

    Raises:
        ValueError, OSError: as `inputs_of`, which takes `known`.
    """
    return named(template.name, identity, values, inputs_of(template, values, known))


def named(
    template: str, identity: Identity, values: Mapping[str, Any], inputs: Mapping[str, str]
) -> str:
    """The template's name, and 12 digits of a hash of all that decides a run."""
    ordered = {name: _in_order(value) for name, value in values.items()}
    everything = [identity.model_dump(), ordered, dict(inputs)]
    return f"{template}-{_sha256_of(everything)[:12]}"


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


def inputs_of(
    template: Template,
    values: Mapping[str, Any],
    known: dict[str, str] | None = None,
    held: bool = False,
) -> dict[str, str]:
    """What a run reads because a parameter points to it: a path, or a name of data.

    Args:
        template: whose parameters they are.
        values: the full, checked set.
        known: what was found for other runs of the same plan, which is added to.
        held: see `data_of`; `known` is another then.

    Returns:
        SHA-256 by the parameter's name; behind ``"sizes and times "`` where there was too much to
        be read.

    Raises:
        ValueError: if a folder holds more files than can be looked at.
        OSError: if something cannot be read.
    """
    known = {} if known is None else known
    found = {}
    for name, parameter in template.parameters.items():
        if name not in values:
            continue  # of a plan that is older than the parameter; it gives another name anyway
        key = as_json([name, values[name]])
        if key not in known:
            try:
                known[key] = _read_by(template, parameter, values[name], held)
            except OSError as error:
                raise OSError(
                    f"{name} is {shown(values[name])}, which cannot be read ({error.strerror}): "
                    f"give another path."
                ) from error
        if known[key]:
            found[name] = known[key]
    return found


def _read_by(template: Template, parameter: Parameter, value: Any, held: bool) -> str:
    """SHA-256 of what the texts of a parameter's value point to; empty if to nothing."""
    home, name, written = template.path.parent, template.name, template.written
    texts = [text for text in places.texts_in(value) if text]
    declared = parameter.paths
    # Of many paths, or other texts, that are given to what writes not each is written to.
    one = isinstance(value, str) or flows.is_place(parameter.name)
    results = flows.any_of(written.patterns(parameter.name, held), home)
    if declared:
        results = results if held else None
        named, files = {}, [home / text for text in texts if (home / text).exists()]
    else:
        named = _named({part for text in texts for part in text.split("/")}) if texts else {}
        files = [path for path in (inputs.existing(text, home) for text in texts) if path]
        files = [p for p in files if not (one and written.has(parameter.name, p))]
        # An empty folder is as good as none: the one for the runs is made before the first.
        files = [p for p in files if any(inputs.files_at(p, name, results))]
    if held and one and parameter.name in written.itself:
        files = [path for path in files if path.is_dir()]
    digests = [*map(_digest, named.values())]
    digests += [_digest_of_input([path], name, results) for path in files]
    if not digests and not declared:
        return ""
    rough = any(digest.startswith(ROUGH) for digest in digests)
    return ROUGH * rough + _sha256_of(digests)


def _code_sha256(path: Path) -> str:
    """SHA-256 of code, the same with the line ends of Windows."""
    try:
        return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    except OSError as error:  # as the notebook will say
        return type(error).__name__


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


def _digest_of_input(
    paths: list[Path],
    template: str,
    results: re.Pattern[str] | None,
    home: Path | None = None,
) -> str:
    """SHA-256 over what is at some paths, with their names from a folder, if one is given.

    Of a folder it is over the names and contents of its files.

    See `inputs.files_at`. Of very large or very many files it is over their sizes and times of
    change instead.
    """
    files = [(path, *found) for path in paths for found in inputs.files_at(path, template, results)]
    size = sum(facts.st_size for *_, facts in files)
    by_content = size <= inputs.MOST_BYTES and len(files) <= inputs.MOST_FILES
    total = hashlib.sha256()
    for path, file, facts in files:
        said = (
            _sha256_of_unchanged(file, facts.st_size, facts.st_mtime_ns)
            if by_content
            else f"{facts.st_size} {facts.st_mtime_ns}"
        )
        name = Path(os.path.relpath(path, home)).as_posix() if home else ""
        name += "" if file == path else file.relative_to(path).as_posix()
        total.update(f"{name}\0{said}\n".encode("utf-8", "surrogateescape"))
    return ROUGH * (not by_content) + total.hexdigest()


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
