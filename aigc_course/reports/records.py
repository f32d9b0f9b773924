"""Run records: what ``run.json`` holds, how it is read, and when it is not believed.

`history` finds the records of a folder, `folders` makes new ones.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from aigc_course.reports.identities import Identity
from aigc_course.reports.notation import as_json, as_text, shown
from aigc_utils.files import atomic_path, sha256

RECORD, RESULTS = "run.json", "results.json"
DEFAULT_FOLDER = Path("out/reports")
NO_RESULTS = (
    "No results were recorded: a notebook hands them over with "
    "aigc_course.reports.record(name=value)."
)
MOST_BYTES = 1 << 26
"""Of a record: what is larger is none."""


class DamagedRecord(ValueError):
    """A record that cannot be read, or not be believed.

    Attributes:
        folder: the run's.
        reason: what is wrong, in words.
    """

    def __init__(self, folder: Path, reason: str):
        self.folder, self.reason = folder, reason
        super().__init__(
            f"{folder} is damaged ({reason}): look at it or delete it; the same command makes the "
            f"run again."
        )


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Machine(_Strict):
    """Where a run was made, without names of hosts or users."""

    system: str
    processor: str
    cores: int
    memory_bytes: int


class OwnCell(_Strict):
    """A cell as its author finds it: in the notebook itself, which lacks what a run adds to it.

    Attributes:
        number: counted from 1; of a cell that a run adds, that of the one whose names it sets.
        line: its first line that is not empty, cut short.
    """

    number: int
    line: str = ""

    def __str__(self) -> str:
        return f"cell {self.number} ({self.line})" if self.line else f"cell {self.number}"


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
        return f"{self.name}: {self.message}" if self.name else self.message


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
        own_cells: what people are told of these cells and of the one that failed, by position.
        not_made: files that could not be made once the cells had ended, and why; the same run
            again makes them. A run may be done and have some.
        parameters: all of them; `changed` names those that are not the defaults.
        inputs: SHA-256 of the course's data that each parameter names. (In records of before
            2026-12 also of files.)
        data: SHA-256 of the course's data that its code names; see `identities.data_of`.
        reads: SHA-256 of each file that it read as it was then, by its path from the notebook's
            folder if it is there; empty for a file that was not there; of a folder that the code
            names, behind a slash, over its files. None if that is not known, as of records of
            before 2026-12.
        listed: SHA-256 of the names in each folder that it listed, without those that runs of the
            notebook have written.
        held: of these folders, and those of `reads`, what was in them, unless it was much.
        writes: files and folders that it changed; with the SHA-256 at its end if it read them, too,
            else None.
        notes: sentences on what a reader of the results should know.
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
    data: dict[str, str] = {}
    reads: dict[str, str] | None = None
    listed: dict[str, str] = {}
    held: dict[str, dict[str, str]] = {}
    writes: dict[str, str | None] = {}
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
    own_cells: dict[int, OwnCell] = {}
    not_made: dict[str, str] = {}
    notes: list[str] = []
    files: dict[str, str]

    @property
    def why(self) -> str:
        """Why the run failed, and in which cell of its notebook; empty if it did not."""
        if self.failure is None:
            return ""
        where = f"{self.own_cell(self.failure.cell)}: " if self.failure.cell else ""
        return f"{where}{self.failure}"

    def own_cell(self, position: int) -> OwnCell:
        """A cell as people know it, by its position in ``executed.ipynb``."""
        return self.own_cells.get(position, OwnCell(number=position))

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not name or name != PurePosixPath(name).name or name in (".", ".."):
            raise ValueError("no name of a folder")
        return name

    @field_validator("parameters")
    @classmethod
    def _has_plain_values(cls, values: dict[str, Any]) -> dict[str, Any]:
        as_json(values)  # which refuses not-a-number
        return values

    @field_validator("started")
    @classmethod
    def _is_utc(cls, started: datetime) -> datetime:
        if started.tzinfo is None:
            return started.replace(tzinfo=UTC)
        try:
            return started.astimezone(UTC)
        except OverflowError:  # of the year 1 or 9999
            raise ValueError("no time") from None

    @field_validator("files")
    @classmethod
    def _are_inside(cls, files: dict[str, str]) -> dict[str, str]:
        for name in files:
            parts = PurePosixPath(name).parts
            if not parts or parts[0] == "/" or ".." in parts or re.search(r"[\\:\0]", name):
                raise ValueError("a file outside the run's folder")
        return files


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
        given = (name for name in record.changed if name in record.parameters)
        return " ".join(f"{name}={as_text(record.parameters[name])}" for name in given)

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
        ValueError: if there is no finished run; a `DamagedRecord` if there is one that cannot be
            read, or whose results are not those in ``results.json``.
    """
    folder = Path(folder)
    if not has_record(folder):
        raise ValueError(f"{folder} holds no finished run: run it again.")
    text = _read(folder, RECORD)
    try:
        # Not pydantic's reader of JSON: it refuses half an emoji, which a result may hold.
        run = Run(folder, Record.model_validate(json.loads(text)))
    except ValidationError as error:
        raise DamagedRecord(folder, _reason(error)) from None
    except (ValueError, RecursionError):
        raise DamagedRecord(folder, f"{RECORD} is not JSON") from None
    if (folder / RESULTS).is_file():
        _check_results(run)
    return run


def write_record(folder: Path, record: Record) -> None:
    """Write ``run.json``: the last file of a run's folder.

    Raises:
        OSError: if it cannot be written.
    """
    text = json.dumps(record.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(folder / RECORD) as temporary:
        # Half an emoji, and a byte that was no UTF-8, become the escapes that JSON has for them.
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def has_record(folder: Path) -> bool:
    """Whether there is a ``run.json``, whatever is in it."""
    try:
        os.lstat(folder / RECORD)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:  # it cannot be looked into: that is for the reader to say
        return True
    return True


def _read(folder: Path, name: str) -> str:
    """The text of a file of a record, which may be anything."""
    path = folder / name
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise DamagedRecord(folder, f"{name} is no file")
        if facts.st_size > MOST_BYTES:
            raise DamagedRecord(folder, f"{name} is too large for one, {facts.st_size:,} bytes")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DamagedRecord(folder, f"{name} is not UTF-8") from None
    except OSError as error:
        known = {errno.ELOOP: "is a link to itself", errno.ENOENT: "is a link to nothing"}
        reason = known.get(error.errno, f"cannot be read, {error.strerror}")
        raise DamagedRecord(folder, f"{name} {reason}") from None
    if not text.strip("\0 \r\n\t"):
        raise DamagedRecord(folder, f"{name} is empty")
    return text


def _reason(error: ValidationError) -> str:
    """What is wrong with a record, in words: the first thing."""
    wrong = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, wrong["loc"][:2]))  # behind them stands which type was tried
    match wrong["type"], place:
        case "missing", _:
            return f"{RECORD} lacks {place}"
        case "extra_forbidden", _:
            return f"{RECORD} has {shown(place)}, which this version of the course does not know"
        case _, "format":
            return f"{RECORD} is of another version of the course, update it"
        case _, "":
            return f"{RECORD} holds no record but {shown(wrong['input'])}"
        case _:
            return f"in {RECORD} {place} is {shown(wrong['input'])}"


def _check_results(run: Run) -> None:
    """Compare the two places that hold the results: a number may have been edited in one."""
    try:
        found = json.loads(_read(run.folder, RESULTS))
    except (ValueError, RecursionError) as error:
        reason = error.reason if isinstance(error, DamagedRecord) else f"{RESULTS} is not JSON"
        raise DamagedRecord(run.folder, reason) from None
    if not isinstance(found, dict):
        raise DamagedRecord(run.folder, f"{RESULTS} holds no results")
    names = dict.fromkeys([*run.results, *found])
    nothing = object()
    differing = [n for n in names if run.results.get(n, nothing) != found.get(n, nothing)]
    if differing:
        name = differing[0]
        values = [shown(d[name]) if name in d else "missing" for d in (run.results, found)]
        raise DamagedRecord(
            run.folder,
            f"{RECORD} and {RESULTS} disagree: {name} is {values[0]} in the one and {values[1]} in "
            f"the other",
        )
