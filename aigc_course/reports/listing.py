"""The table of `aigc runs`: what was changed, what was found, how it ended."""

from __future__ import annotations

from collections.abc import Sequence

from aigc_course.reports import choosing, history, records, tables
from aigc_course.reports.notation import as_text, result_text

_HEADER = ("run", "status", "seconds", "started (UTC)", "parameters", "results")
_MOST = 24  # columns of a value


def as_text_of(runs: Sequence[records.Run], width: int | None) -> str:
    """Runs as a table, in their order, with sentences on what it does not say.

    Args:
        runs: at least one.
        width: columns of the terminal; None is no limit.
    """
    contents = choosing.contents_of(runs)
    lines = [
        [
            run.folder.name,
            _status(run.record),
            f"{run.record.seconds:.1f}",
            f"{run.record.started:%Y-%m-%d %H:%M}",
            _parameters(run, contents.get(run.folder, {})),
            " ".join(f"{n}={_short(result_text(v))}" for n, v in run.results.items()),
        ]
        for run in runs
    ]
    notes = []
    if any(contents.values()):
        notes.append(
            "In brackets behind a file: the first digits of a hash of what was in it, which "
            "differs between these runs."
        )
    if not any(run.results for run in runs) and any(run.done for run in runs):
        notes.append(records.NO_RESULTS)
    return "\n\n".join([tables.as_table(_HEADER, lines, width), *notes, *_copies(runs)])


def _short(text: str) -> str:
    return tables.shorten_middle(text, _MOST)


def _parameters(run: records.Run, contents: dict[str, str]) -> str:
    """Those that were changed, and the files that have changed."""
    given = [f"{n}={_short(as_text(run.parameters.get(n)))}" for n in run.record.changed]
    return " ".join([*given, *(f"{file}[{digits}]" for file, digits in contents.items())])


def _status(record: records.Record) -> str:
    if record.failure and record.failure.cell:
        return f"{record.status} in cell {record.own_cell(record.failure.cell).number}"
    if record.ended_early:
        return f"{record.status}, ended early in cell {record.own_cell(record.ended_early).number}"
    return record.status


def _copies(runs: Sequence[records.Run]) -> list[str]:
    """A sentence on folders that hold a copy of the record of another one."""
    originals = {(r.name, r.record.started) for r in runs if not history.is_copy(r)}
    copies = [
        f"{run.folder.name} of {run.name}"
        for run in runs
        if history.is_copy(run) and (run.name, run.record.started) in originals
    ]
    if not copies:
        return []
    listed = ", ".join(copies[:4]) + f" and {len(copies) - 4} more" * (len(copies) > 4)
    return [tables.harmless(f"Copies, which `aigc compare` leaves out: {listed}.")]
