"""Run records: what ``run.json`` holds, and how finished runs are found and read.

A folder is named by a hash of all that decides a run's results (`identities`), so the same run has
the same folder, and is recognised. `folders` writes them.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from aigc_course.reports.identities import Identity
from aigc_course.reports.notation import as_text
from aigc_utils.files import atomic_path, sha256

RECORD = "run.json"
FAILED = ".failed-{}"  # beside an earlier success of the same run
DEFAULT_FOLDER = Path("out/reports")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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
        status: ``"done"`` if all cells that were to run ended well, else ``"failed"`` with a
            `failure`.
        ended_early: the cell that ended the run, well, before the last cell (``sys.exit(0)``), as
            its position in ``executed.ipynb``, counted from 1; None if none did.
        skipped: the cells that were not to run, for they are tagged ``skip-execution``, counted so.
        not_made: files that could not be made once the cells had ended, and why; the same run
            again makes them. A run may be done and have some.
        parameters: all of them; `changed` names those that are not the defaults.
        inputs: SHA-256 of what each parameter points to, by a path or a name of data.
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
    ended_early: int | None = None
    skipped: list[int] = []
    not_made: dict[str, str] = {}
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


def machine_facts() -> Machine:
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


def find_run(run: str | os.PathLike, out: str | os.PathLike = DEFAULT_FOLDER) -> Run:
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


def write_record(folder: Path, record: Record) -> None:
    """Write ``run.json``: the last file of a run's folder.

    Raises:
        OSError: if it cannot be written.
    """
    with atomic_path(folder / RECORD) as temporary:
        temporary.write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
