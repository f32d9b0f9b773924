"""The files of a run besides its record: each is made by itself, once the cells have ended.

So one that cannot be made, because the disk is full or a picture is none, costs that one only. The
record says which and why, and the same run again makes it, from the executed notebook.
"""

from __future__ import annotations

import contextlib
import hashlib
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from aigc_course.reports import export, folders, results
from aigc_course.reports.records import Record, Run
from aigc_utils.files import atomic_path, sha256

NOTEBOOK, RESULTS, METRICS = "executed.ipynb", "results.json", "metrics.csv"
FIGURES = "figures.json"
CHANGED = f"{NOTEBOOK} is missing or was changed"
"""Why nothing can be made again of a run: all else is made of its executed notebook."""
ALL = (NOTEBOOK, RESULTS, METRICS, FIGURES, export.PAGE)


def missing(run: Run, pdf: bool) -> list[str]:
    """The files that a run that is done should have and has not.

    Args:
        run: the run.
        pdf: whether it should have a PDF.
    """
    record, folder = run.record, run.folder
    wanted = [name for name in record.not_made if name != export.PDF]
    gone = [name for name in record.files if not (folder / name).is_file()]
    gone = [FIGURES if name.startswith("figures/") else name for name in gone]
    if not (folder / export.PAGE).is_file():
        gone.append(export.PAGE)
    wanted += [name for name in ALL if name in gone and name not in wanted]
    if pdf and not (folder / export.PDF).is_file():
        wanted.append(export.PDF)
    return wanted


def collect(notebook) -> tuple[dict[str, Any], dict[str, list[float]], str]:
    """The results and the metrics of an executed notebook, and what is wrong with one of them.

    What else was recorded is kept.
    """
    found: dict[str, Any] = {}
    columns: dict[str, list[float]] = {}
    wrong = ""
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        try:
            recorded, metrics = results.collect_results([{"outputs": [output]}])
            columns = results.check_metrics(columns | metrics)
        except ValueError as error:
            wrong = wrong or str(error)
        else:
            found |= recorded
    return {_plain(name): _plain(value) for name, value in found.items()}, columns, _plain(wrong)


def make(
    names: list[str],
    notebook,
    record: Record,
    folder: Path,
    *,
    show_code: bool,
    log: BinaryIO,
    beside: Path | None = None,
) -> dict[str, str]:
    """Make files of a run.

    Args:
        names: of `ALL`, and ``report.pdf``.
        notebook: the executed one.
        record: what the page shows.
        folder: where they are made.
        show_code: of the page.
        beside: the folder of the template, whose pictures the page takes in.
        log: takes what went wrong at length.

    Returns:
        Those that could not be made, and why.
    """
    found, columns, _ = collect(notebook)
    makers: dict[str, Callable[[], None]] = {
        NOTEBOOK: lambda: _write_notebook(notebook, folder / NOTEBOOK),
        RESULTS: lambda: folders.write_json(folder / RESULTS, found),
        METRICS: lambda: _write_metrics(columns, folder),
        FIGURES: lambda: _write_figures(notebook, folder),
        export.PAGE: lambda: _write_page(notebook, record, folder, show_code, beside),
        export.PDF: lambda: export.print_pdf(folder / export.PAGE, folder / export.PDF),
    }
    not_made = {}
    for name, maker in makers.items():
        if name not in names:
            continue
        try:
            if name == export.PDF and export.PAGE in not_made:
                raise OSError(f"it is printed from {export.PAGE}")
            maker()
        except Exception as error:  # whatever it is, what has run is kept
            note(log, traceback.format_exc())
            not_made[name] = _reason(error)
    return not_made


def _reason(error: Exception) -> str:
    """Why a file could not be made: of the system's refusals only that, for many may be alike."""
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    words = str(getattr(cause, "strerror", None) or error)
    return _plain(" ".join(words.split()) or type(error).__name__)[:500]


def executed_notebook(run: Run):
    """The executed notebook of a run, as it was written.

    Raises:
        ValueError: if it is missing or was changed.
    """
    import nbformat

    path = run.folder / NOTEBOOK
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != run.record.files.get(NOTEBOOK):
        raise ValueError(CHANGED)
    return nbformat.reads(content.decode("utf-8"), as_version=4)


def note(log: BinaryIO, text: str) -> None:
    """Add lines to a log; a full disk is no reason to fail."""
    with contextlib.suppress(OSError):
        log.write((text.rstrip() + "\n").encode("utf-8", "backslashreplace"))


def refreshed(record: Record, folder: Path, names: list[str], not_made: dict[str, str]) -> Record:
    """The record once files were made again: their digests, and what is still missing."""
    made = [name for name in names if name not in not_made]
    gone = tuple(f"{name}/" for name in made)  # a folder may have stood in a file's place
    files = {name: of for name, of in record.files.items() if not name.startswith(gone)}
    for name in made:
        for path in [folder / name, *sorted((folder / "figures").glob("*"))]:
            if path.is_file() and (path.name == name or name == FIGURES):
                files[path.relative_to(folder).as_posix()] = sha256(path)
    left = {name: why for name, why in record.not_made.items() if name not in made}
    ordered = dict(sorted(files.items()))
    return record.model_copy(update={"files": ordered, "not_made": left | not_made})


def _write_notebook(notebook, path: Path) -> None:
    import nbformat

    with atomic_path(path) as temporary:
        # Half an emoji becomes the escape that JSON has for it.
        text = nbformat.writes(notebook, version=nbformat.NO_CONVERT)
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def _write_metrics(columns: dict[str, list[float]], folder: Path) -> None:
    if columns:
        export.write_metrics(columns, folder / METRICS)


def _write_figures(notebook, folder: Path) -> None:
    if pictures := export.write_figures(notebook.cells, folder):
        folders.write_json(folder / FIGURES, pictures)


def _write_page(
    notebook, record: Record, folder: Path, show_code: bool, beside: Path | None
) -> None:
    versions = ", ".join(f"{name} {v}" for name, v in record.identity.versions.items())
    early = str(record.own_cell(record.ended_early)) if record.ended_early else ""
    from aigc_course.reports import cells  # loads Jupyter's libraries, which a driver has not

    export.write_page(
        cells.explained(notebook, record),
        folder / export.PAGE,
        title=record.name,
        parameters=record.parameters,
        changed=record.changed,
        results=record.results,
        failure=record.why,
        early=early,
        origin=f"Run {record.name} of {record.template}, {record.started:%Y-%m-%d %H:%M} UTC, "
        f"{record.seconds:.1f} s, with {versions}.",
        show_code=show_code,
        beside=beside,
    )


def _plain(value: Any) -> Any:
    """A value that every reader of UTF-8 takes: half an emoji as its escape."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode("utf-8")
