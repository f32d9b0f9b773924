"""Runs beside each other: what differs in their parameters, and what they found.

Only runs of one identity share a row: the same notebook, data, code, versions, files that they
read, and parameters but for seeds. What differs besides the parameters is a column of its own.
"""

from __future__ import annotations

import html
import math
import os
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aigc_course.reports import choosing, history, records
from aigc_course.reports.notation import as_json, as_text, by_size, plain_number
from aigc_course.reports.parameters import is_seed
from aigc_course.reports.sweeps import Outcome
from aigc_course.reports.tables import as_html, as_table, shorten, shorten_middle

# Of a text in a table, in columns; JSON has all of it.
_MOST = 40


@dataclass(frozen=True)
class Summary:
    """A number that several runs found.

    Attributes:
        mean: of the runs.
        spread: their standard deviation (with n - 1); not-a-number for one run.
        count: of the runs.
    """

    mean: float
    spread: float
    count: int

    @property
    def error(self) -> float:
        """The standard error of the mean; not-a-number for one run."""
        return self.spread / math.sqrt(self.count)

    def __str__(self) -> str:
        if self.count == 1:
            return plain_number(self.mean)
        return " ± ".join(_rounded(self.mean, self.error))


@dataclass(frozen=True)
class RunRow:
    """Runs of one identity that differ by seeds only, or not at all.

    Attributes:
        template: whose runs they are.
        parameters: those that differ between the rows of the template.
        made_with: what else differs between them, such as ``{"notebook": "8c1f0a"}``: digits of a
            hash, or a version.
        results: a `Summary` for numbers; what all runs found, joined, for texts.
        runs: the runs.
        over: what ± is over, such as ``"3 seeds"`` or ``"2 repeats"``; empty for one run.
    """

    template: str
    parameters: dict[str, Any]
    made_with: dict[str, str]
    results: dict[str, Summary | str]
    runs: tuple[records.Run, ...]
    over: str


@dataclass(frozen=True, repr=False)
class Comparison:
    """Runs of one or more templates, grouped; shown as a table for each template.

    Attributes:
        parameters: names of those that differ.
        metrics: names of results.
        rows: by template, then by parameters.
        notes: sentences on what a reader must know: what was left out, what ± is.
    """

    parameters: tuple[str, ...]
    metrics: tuple[str, ...]
    rows: tuple[RunRow, ...]
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        parts = [as_html(header, lines, title) for title, header, lines in self._tables()]
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return "".join(parts) + notes

    def table(self, width: int | None = None) -> str:
        """The tables and the notes, for a terminal of so many columns; None is no limit."""
        parts = [
            (f"{title}:\n" if title else "") + as_table(header, lines, width)
            for title, header, lines in self._tables()
        ]
        if self.notes:
            parts.append("\n".join(self.notes))
        return "\n\n".join(parts)

    def _tables(self) -> Iterator[tuple[str, list[str], list[list[str]]]]:
        """A title, the names of columns and the texts below them for each template."""
        templates = list(dict.fromkeys(row.template for row in self.rows))
        for template in templates:
            rows = [row for row in self.rows if row.template == template]
            yield (template if len(templates) > 1 else "", *self._texts(rows))

    def _texts(self, rows: Sequence[RunRow]) -> tuple[list[str], list[list[str]]]:
        parameters = [n for n in self.parameters if any(n in row.parameters for row in rows)]
        made_with = list(dict.fromkeys(name for row in rows for name in row.made_with))
        metrics = [n for n in self.metrics if any(n in row.results for row in rows)]
        lines = [
            [
                *(_text(row.parameters[n]) if n in row.parameters else "" for n in parameters),
                *(row.made_with.get(name, "") for name in made_with),
                row.over or "1",
                *(_cell(row, name) for name in metrics),
            ]
            for row in rows
        ]
        header = [*parameters, *(f"[{name}]" for name in made_with), "runs", *metrics]
        return header, lines

    def as_dict(self) -> dict[str, Any]:
        """The comparison in plain values, for JSON."""
        return {
            "parameters": list(self.parameters),
            "metrics": list(self.metrics),
            "rows": [
                {
                    "template": row.template,
                    "parameters": row.parameters,
                    "made_with": row.made_with,
                    "runs": [run.folder.name for run in row.runs],
                    "over": row.over,
                    "results": {name: _plain(value) for name, value in row.results.items()},
                }
                for row in self.rows
            ],
            "notes": list(self.notes),
        }


def compare(
    runs: Iterable[records.Run | Outcome | str] | str | os.PathLike,
    out: str | os.PathLike = records.DEFAULT_FOLDER,
    *,
    repeats: bool = False,
    on_damaged: Callable[[records.DamagedRecord], None] = history.warn,
) -> Comparison:
    """Put runs beside each other; those that differ by seeds only share a row.

    Args:
        runs: runs, what a sweep gave, or names: of runs, of their folders, or of a template, which
            stands for all of its runs. A path of a folder of runs by itself is all of them.
        out: where runs given by name are.
        repeats: whether all records count of a run that was made more than once; else it is the
            newest of them, and those that are named in full.
        on_damaged: as of `history.load_runs`, where a template is named.

    Returns:
        What differs, and mean and spread of the results.

    Raises:
        ValueError: if there is no run that was done, or a name fits none.
    """
    if isinstance(runs, str | os.PathLike):
        alone = Path(runs).is_dir() and not records.has_record(Path(runs))
        runs = history.load_runs(runs, on_damaged) if alone else [os.fspath(runs)]
    given = [run.run if isinstance(run, Outcome) else run for run in runs]
    given = [run for run in given if run is not None]
    chosen, notes = choosing.choose_runs(given, Path(out), repeats, on_damaged)
    if not chosen:
        raise ValueError("There is no run that was done: nothing to compare.")
    rows: list[RunRow] = []
    for template in sorted({run.record.template for run in chosen}):
        found = _rows([run for run in chosen if run.record.template == template])
        rows += found
        notes += _notes_on_identities(template, found)
    parameters = dict.fromkeys(name for row in rows for name in row.parameters)
    metrics = dict.fromkeys(name for row in rows for name in row.results)
    metrics = sorted(metrics, key=lambda name: name == "seconds")  # those of the run come last
    notes += _notes_on_errors(rows)
    if not any(run.results for run in chosen):
        notes.append(records.NO_RESULTS)
    return Comparison(tuple(parameters), tuple(metrics), tuple(rows), tuple(notes))


def _rows(runs: Sequence[records.Run]) -> list[RunRow]:
    """The rows of one template."""
    names = list(dict.fromkeys(name for run in runs for name in run.parameters))
    given = {
        name: [run.parameters[name] for run in runs if name in run.parameters] for name in names
    }
    seeds = [name for name in names if all(is_seed(name, value) for value in given[name])]
    differing = [
        name for name in names if name not in seeds and len({_key(run, name) for run in runs}) > 1
    ]
    made_with = choosing.made_with(runs)
    groups: dict[str, list[records.Run]] = {}
    for run in runs:
        values = [_key(run, name) for name in differing]
        besides = [choosing.identity_of(run), made_with[run.folder]]
        groups.setdefault(as_json([*values, *besides]), []).append(run)
    rows = []
    for members in groups.values():
        first = members[0]
        parameters = {
            name: first.parameters[name] for name in differing if name in first.parameters
        }
        rows.append(
            RunRow(
                first.record.template,
                parameters,
                made_with[first.folder],
                _summaries(members),
                tuple(members),
                _over(members, seeds),
            )
        )
    rows.sort(key=lambda row: [by_size(row.parameters.get(name)) for name in differing])
    return rows


def _over(runs: Sequence[records.Run], seeds: Sequence[str]) -> str:
    """What runs of one row differ by, in words."""
    num_seeds = len({as_json([run.parameters.get(name) for name in seeds]) for run in runs})
    if len(runs) == 1:
        return ""
    if num_seeds == len(runs):
        return f"{num_seeds} seeds"
    repeated = f"{len(runs)} repeats"
    return repeated if num_seeds == 1 else f"{repeated} of {num_seeds} seeds"


def _notes_on_identities(template: str, rows: Sequence[RunRow]) -> list[str]:
    """What the columns besides parameters mean, with since when there are runs of each."""
    notes = []
    for name in dict.fromkeys(name for row in rows for name in row.made_with):
        runs: dict[str, list[records.Run]] = {}
        for row in rows:
            runs.setdefault(row.made_with[name], []).extend(row.runs)
        since = {
            value: min(run.record.started for run in members) for value, members in runs.items()
        }
        listed = ", ".join(
            f"{value} since {since[value]:%Y-%m-%d %H:%M}" for value in sorted(since, key=since.get)
        )
        notes.append(
            f"[{name}] differs between runs of {template} ({listed} UTC), so they share no row."
        )
    return notes


def _notes_on_errors(rows: Sequence[RunRow]) -> list[str]:
    """What ± is, where there is one, and where there is none."""
    over = [row.over for row in rows if row.over]
    notes = []
    if over:
        of = " and ".join(
            words
            for words in ("seeds", "repeats")
            if any(text.endswith(words) or f"{words} of" in text for text in over)
        )
        notes.append(
            f"± is the standard error of the mean over the {of} that the column runs counts."
        )
    if any("repeats" in text for text in over):
        notes.append("Repeats of one seed say nothing of other seeds.")
    if len(over) < len(rows):
        which = "Rows of one run have" if over else "Each row is one run and has"
        notes.append(f"{which} no ±: only more seeds could say how far to trust them.")
    return notes


def _summaries(runs: Sequence[records.Run]) -> dict[str, Summary | str]:
    names = dict.fromkeys(name for run in runs for name in run.results)
    found: dict[str, Summary | str] = {}
    for name in names:
        values = [run.results[name] for run in runs if name in run.results]
        try:
            if any(isinstance(value, bool | str) for value in values):
                raise TypeError
            found[name] = summarise(values)
        except (TypeError, OverflowError):  # a whole number may be larger than any float
            found[name] = ", ".join(dict.fromkeys(map(str, values)))
    # A template may record seconds of its own, and means them.
    found.setdefault("seconds", summarise([run.record.seconds for run in runs]))
    return found


def summarise(values: Sequence[float]) -> Summary:
    """Mean and standard deviation of one number or more."""
    if len(values) == 1:
        return Summary(values[0] if abs(values[0]) < 2**53 else float(values[0]), math.nan, 1)
    # Not `fmean`, whose sum of large numbers is larger than any float.
    return Summary(float(statistics.mean(values)), statistics.stdev(values), len(values))


def _rounded(value: float, error: float) -> tuple[str, str]:
    """A number and its error to the error's first digit, or to its second behind a 1."""
    if error == 0:
        return f"{value:.6g}", "0"
    power = math.floor(math.log10(error))
    places = (1 if error / 10.0**power < 1.95 else 0) - power
    if not -7 <= places <= 9:
        return f"{value:.4g}", f"{error:.1g}"
    return tuple(f"{round(x, places):.{max(places, 0)}f}" for x in (value, error))


def _cell(row: RunRow, name: str) -> str:
    value = row.results.get(name, "")
    if isinstance(value, str):
        return shorten(value, _MOST)
    lacking = f" (of {value.count})" if value.count < len(row.runs) else ""
    return f"{value}{lacking}"


def _text(value: Any) -> str:
    return shorten_middle(as_text(value), _MOST)


def _key(run: records.Run, name: str) -> str:
    """What is equal exactly if two runs have the same value of a parameter, or both have none."""
    return as_json([run.parameters[name]] if name in run.parameters else [], in_order=True)


def _plain(value: Summary | str) -> Any:
    if isinstance(value, str):
        return value
    one = value.count == 1
    return {
        "mean": value.mean,
        "spread": None if one else value.spread,
        "standard_error": None if one else value.error,
        "count": value.count,
    }
