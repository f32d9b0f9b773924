"""Run records: a folder a run, whose ``run.json`` is written last.

A folder is named by a hash of all that decides a run's results, so the same run has the same
folder, and is recognised. It is built beside its place, under a hidden name, and moved there
when it is complete: whatever is killed at whatever moment, a folder is a whole record or none.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import json
import os
import platform
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

import aigc_apps
import aigc_course
import aigc_utils
from aigc_course.reports.parameters import as_json
from aigc_course.reports.templates import Template
from aigc_utils.files import atomic_path, sha256

RECORD = "run.json"
FAILED = ".failed-{}"  # beside an earlier success of the same run
DEFAULT_FOLDER = Path("out/reports")
PACKAGES = ("tensorflow", "keras", "numpy")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Identity(_Strict):
    """What, besides the parameters, decides a run's results.

    Attributes:
        notebook: SHA-256 of the cells' texts.
        data: SHA-256 over all files of the data folder.
        package: SHA-256 over the source files of ``aigc_utils``.
        versions: of Python and the libraries that compute.
    """

    notebook: str
    data: str
    package: str
    versions: dict[str, str]


class Machine(_Strict):
    """Where a run was made, without names of hosts or users."""

    system: str
    processor: str
    cores: int
    memory_bytes: int


class Failure(_Strict):
    """Why a run failed.

    Attributes:
        kind: an exception in a cell, a kernel that died, a run that took too long, or
            results that are none.
        cell: the position of the cell in ``executed.ipynb``, counted from 1, if it is known.
        name, message: of the exception, or what happened in words.
    """

    kind: Literal["error", "died", "timeout", "results"]
    cell: int | None
    name: str = ""
    message: str

    def __str__(self) -> str:
        where = f"cell {self.cell}: " if self.cell else ""
        return f"{where}{self.name}: {self.message}" if self.name else f"{where}{self.message}"


class Record(_Strict):
    """What ``run.json`` holds.

    Attributes:
        name: of the run and its folder.
        template: the notebook's name.
        status: ``"done"``, or ``"failed"`` with a `failure`.
        parameters: all of them; `changed` names those that are not the defaults.
        inputs: SHA-256 of what each parameter points to that is a path.
        results: what the notebook recorded.
        started: when, in UTC.
        seconds: from the first cell's start to the last one's end.
        total_seconds: with starting the kernel and writing the report.
        threads: how many the kernel was told to use; None is as many as it likes.
        files: SHA-256 of each file of the folder, by its path there.
    """

    format: Literal[1] = 1
    name: str
    template: str
    status: Literal["done", "failed"]
    parameters: dict[str, Any]
    changed: list[str]
    inputs: dict[str, str] = {}
    results: dict[str, bool | int | float | str]
    identity: Identity
    started: datetime
    seconds: float
    total_seconds: float
    threads: int | None
    machine: Machine
    failure: Failure | None = None
    files: dict[str, str]


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and what its record says."""

    folder: Path
    record: Record

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def done(self) -> bool:
        return self.record.status == "done"

    @property
    def parameters(self) -> dict[str, Any]:
        return self.record.parameters

    @property
    def results(self) -> dict[str, bool | int | float | str]:
        return self.record.results

    def label(self) -> str:
        """The parameters that were changed, as one types them."""
        record = self.record
        return " ".join(f"{n}={as_text(record.parameters[n])}" for n in record.changed)

    def damaged(self) -> list[str]:
        """The files of the record that are missing, or not as they were written."""
        return [
            name
            for name, digest in self.record.files.items()
            if not (self.folder / name).is_file() or sha256(self.folder / name) != digest
        ]


def as_text(value: Any) -> str:
    """A parameter's value as one types it: texts bare, all else in Python's notation."""
    text = value if isinstance(value, str) and value else repr(value)
    return " ".join(text.split())


def identify(template: Template) -> Identity:
    """What decides the results of a run of this template, now and here.

    Raises:
        OSError: if a file of the data cannot be read.
    """
    # The data room loads NumPy, which refusing a bad parameter can do without.
    from aigc_utils.data import data_root

    versions = {"python": platform.python_version(), "aigc_utils": aigc_utils.__version__}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    root = data_root()
    return Identity(
        notebook=template.digest,
        data=_digest(root, "*") if root.is_dir() else "",
        package=code_digest(),
        versions=versions,
    )


def code_digest() -> str:
    """SHA-256 over the source files of the three packages."""
    folders = [Path(module.__file__).parent for module in (aigc_utils, aigc_apps, aigc_course)]
    return hashlib.sha256(as_json([_digest(f, "*.py") for f in folders]).encode()).hexdigest()


def name_of(template: Template, identity: Identity, values: Mapping[str, Any]) -> str:
    """The name of a run: the template's, and 12 digits of a hash of all that decides it."""
    text = as_json([identity.model_dump(), dict(values), inputs_of(template, values)])
    return f"{template.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def inputs_of(template: Template, values: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of the files that a run reads because a parameter points to them.

    Raises:
        OSError: if one cannot be read.
    """
    found = {}
    for name, parameter in template.parameters.items():
        if parameter.paths:
            texts = [values[name]] if isinstance(values[name], str) else values[name]
            paths = [template.path.parent / text for text in texts if text]
            digests = [_digest(p, "*") if p.is_dir() else sha256(p) for p in paths if p.exists()]
            found[name] = hashlib.sha256(as_json(digests).encode()).hexdigest()
    return found


def describe_machine() -> Machine:
    """This machine, without names of hosts or users."""
    import psutil

    return Machine(
        system=platform.system(),
        processor=platform.machine(),
        cores=os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
    )


def load_run(folder: str | os.PathLike) -> Run:
    """Read a run's record.

    Args:
        folder: the run's folder.

    Raises:
        ValueError: if there is no finished run, or its record is damaged.
    """
    folder = Path(folder)
    try:
        text = (folder / RECORD).read_text(encoding="utf-8")
        return Run(folder, Record.model_validate_json(text))
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"{folder} holds no finished run: run it again.") from None
    except (ValidationError, ValueError):
        raise ValueError(f"{folder / RECORD} is damaged: delete the folder, run again.") from None


def load_runs(out: str | os.PathLike = DEFAULT_FOLDER) -> list[Run]:
    """All finished runs of a folder, the oldest first. Only ``run.json`` is read of each.

    Raises:
        ValueError: if a record is damaged.
    """
    out = Path(out)
    folders = [path.parent for path in out.glob(f"*/{RECORD}") if path.parent.name[0] != "."]
    return sorted(map(load_run, folders), key=lambda run: (run.record.started, run.name))


def find(run: str | os.PathLike, out: str | os.PathLike = DEFAULT_FOLDER) -> Run:
    """A run by its folder, its name, or the beginning of its name or hash.

    Raises:
        ValueError: if there is none, or more than one.
    """
    text = os.fspath(run)
    if (Path(text) / RECORD).is_file():
        return load_run(text)
    fitting = [
        path.parent
        for path in Path(out).glob(f"*/{RECORD}")
        if path.parent.name[0] != "."
        and (path.parent.name.startswith(text) or path.parent.name.split("-")[-1].startswith(text))
    ]
    exact = [folder for folder in fitting if folder.name == text]
    if len(exact or fitting) == 1:
        return load_run((exact or fitting)[0])
    if fitting:
        raise ValueError(f"{len(fitting)} runs in {out} begin with {text}: give more of the name.")
    raise ValueError(f"There is no finished run {text} in {out}: `aigc runs -o {out}` lists them.")


def finished(out: Path, name: str) -> Run | None:
    """The run of this name if it was done, else None."""
    try:
        run = load_run(out / name)
    except ValueError:
        return None
    return run if run.done else None


# ---- writing -------------------------------------------------------------------------


@contextlib.contextmanager
def lock(out: Path, name: str, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the only right to make this run; wait while another process holds it.

    The operating system releases the lock when its holder ends, however it ends.

    Args:
        out: where the run's folder will be.
        name: the run's.
        waiting: called once if somebody else holds it.

    Raises:
        OSError: if the folder cannot be written to.
    """
    path = out / ".locks" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        told = False
        while True:
            handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The last holder removes the file; a lock on a removed one excludes nobody.
                if os.path.exists(path) and os.path.samestat(os.fstat(handle), os.stat(path)):
                    break
            except BlockingIOError:
                if not told:
                    waiting()
                    told = True
                time.sleep(0.1)
            except FileNotFoundError:
                pass
            os.close(handle)
    except OSError as error:
        raise _cannot_write(out, error) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


@contextlib.contextmanager
def building(out: Path, name: str) -> Iterator[Path]:
    """A new folder to build a run in; on success it becomes ``out/name`` in one step.

    Call it under `lock`. What earlier attempts left is removed; an older record of the same
    name stays in its place until the new one is complete. A failed run does not take the place
    of one that was done: its evidence becomes ``out/.failed-name``.

    Raises:
        OSError: if the folder cannot be made or moved.
    """
    final = out / name
    _clear(out, name)
    folder = out / f".building-{name}-{secrets.token_hex(4)}"
    try:
        folder.mkdir()
    except OSError as error:
        raise _cannot_write(out, error) from error
    try:
        yield folder
        if not (folder / RECORD).is_file():
            raise ValueError(f"The run {name} was not completed.")  # a slip of the caller
        if finished(out, name) and not load_run(folder).done:
            final = out / FAILED.format(name)
            shutil.rmtree(final, ignore_errors=True)
        aside = out / f".replaced-{name}"
        if final.exists():
            os.rename(final, aside)
        os.rename(folder, final)
        _sync(out)
        shutil.rmtree(aside, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write(folder: Path, record: Record) -> None:
    """Write ``run.json``: the last file of a run's folder.

    Raises:
        OSError: if it cannot be written.
    """
    with atomic_path(folder / RECORD) as temporary:
        temporary.write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write plain values as JSON that is the same for the same values.

    Raises:
        OSError: if it cannot be written.
    """
    with atomic_path(path) as temporary:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file in a run's folder but its record."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): sha256(path) for path in paths if path.name != RECORD
    }


def _clear(out: Path, name: str) -> None:
    """Remove what a killed attempt left; put back what it had moved aside."""
    for folder in out.glob(f".building-{name}-*"):
        shutil.rmtree(folder, ignore_errors=True)
    aside = out / f".replaced-{name}"
    if aside.exists() and not (out / name).exists():
        os.rename(aside, out / name)
    shutil.rmtree(aside, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Have the file system keep the names in a folder, as they are now."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _cannot_write(out: Path, error: OSError) -> OSError:
    reason = (error.strerror or str(error)).splitlines()[0]
    return OSError(
        error.errno, f"Could not write to {out} ({reason}): choose another folder with -o."
    )


def _digest(root: Path, pattern: str) -> str:
    """SHA-256 over the names and contents of a folder's files."""
    files = (path for path in sorted(root.rglob(pattern)) if path.is_file())
    total = hashlib.sha256()
    for path in files:
        relative = path.relative_to(root)
        if not any(part.startswith(".") for part in relative.parts):
            facts = path.stat()
            content = _sha256_of_unchanged(path, facts.st_size, facts.st_mtime_ns)
            total.update(f"{relative.as_posix()}\0{content}\n".encode())
    return total.hexdigest()


@lru_cache(maxsize=1000)
def _sha256_of_unchanged(path: Path, size: int, changed_ns: int) -> str:
    """A worker makes many runs, whose data need be read only once while it stays as it is."""
    del size, changed_ns
    return sha256(path)
