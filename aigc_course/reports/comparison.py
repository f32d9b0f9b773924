"""Runs beside each other: what differs in their parameters, and what they found."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aigc_course.reports import history, records
from aigc_course.reports.notation import as_json, as_text
from aigc_course.reports.sweeps import Outcome

SEED = "SEED"


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

    def __str__(self) -> str:
        if self.count == 1:
            return f"{self.mean:.6g}"
        return f"{self.mean:.6g} ± {self.spread:.2g}"


@dataclass(frozen=True)
class RunRow:
    """Runs that differ by their seed only.

    Attributes:
        parameters: those that differ between the rows.
        results: a `Summary` for numbers; what all runs found, joined, for texts.
        runs: the runs.
    """

    parameters: dict[str, Any]
    results: dict[str, Summary | str]
    runs: tuple[records.Run, ...]


@dataclass(frozen=True)
class Comparison:
    """Runs of one or more templates, grouped by parameters; printed as a table."""

    parameters: tuple[str, ...]
    metrics: tuple[str, ...]
    rows: tuple[RunRow, ...]

    def __str__(self) -> str:
        header = [*self.parameters, "runs", *self.metrics]
        lines = [
            [
                *(as_text(row.parameters.get(name, "")) for name in self.parameters),
                str(len(row.runs)),
                *(str(row.results.get(name, "")) for name in self.metrics),
            ]
            for row in self.rows
        ]
        return as_table(header, lines)

    def as_dict(self) -> dict[str, Any]:
        """The comparison in plain values, for JSON."""
        return {
            "parameters": list(self.parameters),
            "metrics": list(self.metrics),
            "rows": [
                {
                    "parameters": row.parameters,
                    "runs": [run.name for run in row.runs],
                    "results": {name: _plain(value) for name, value in row.results.items()},
                }
                for row in self.rows
            ],
        }


def compare(runs: Iterable[records.Run | Outcome | str], out=records.DEFAULT_FOLDER) -> Comparison:
    """Put runs beside each other; those that differ by ``SEED`` only share a row.

    Args:
        runs: runs, what a sweep gave, or names or folders of runs.
        out: where runs given by name are.

    Returns:
        The parameters that differ, and mean and spread of the results.

    Raises:
        ValueError: if there is no run that was done, or a name fits none.
    """
    done = []
    for run in runs:
        if isinstance(run, Outcome):
            run = run.run
        elif not isinstance(run, records.Run):
            run = history.find_run(run, out)
        if run is not None and run.done:
            done.append(run)
    if not done:
        raise ValueError("There is no run that was done: nothing to compare.")
    described = [{"template": run.record.template, **run.parameters} for run in done]
    names = list(dict.fromkeys(name for values in described for name in values))
    differing = [
        name
        for name in names
        if name != SEED and len({as_json(values.get(name)) for values in described}) > 1
    ]
    groups: dict[str, list[int]] = {}
    for index, values in enumerate(described):
        groups.setdefault(as_json([values.get(name) for name in differing]), []).append(index)
    rows = []
    for members in groups.values():
        chosen = [done[index] for index in members]
        first = described[members[0]]
        parameters = {name: first[name] for name in differing if name in first}
        rows.append(RunRow(parameters, _summaries(chosen), tuple(chosen)))
    rows.sort(key=lambda row: [_order(row.parameters.get(name)) for name in differing])
    metrics = dict.fromkeys(name for row in rows for name in row.results)
    return Comparison(tuple(differing), tuple(metrics), tuple(rows))


def as_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Texts in columns, each as wide as its widest."""
    rows = [list(header), *(list(line) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _summaries(runs: Sequence[records.Run]) -> dict[str, Summary | str]:
    names = dict.fromkeys(name for run in runs for name in run.results)
    found: dict[str, Summary | str] = {}
    for name in names:
        values = [run.results[name] for run in runs if name in run.results]
        if any(isinstance(value, bool | str) for value in values):
            found[name] = ", ".join(dict.fromkeys(as_text(value) for value in values))
        else:
            found[name] = summarise(values)
    # A template may record seconds of its own, and means them.
    found.setdefault("seconds", summarise([run.record.seconds for run in runs]))
    return found


def summarise(values: Sequence[float]) -> Summary:
    """Mean and standard deviation of one number or more."""
    spread = statistics.stdev(values) if len(values) > 1 else math.nan
    return Summary(statistics.fmean(values), spread, len(values))


def _order(value: Any) -> tuple:
    """Numbers by size, then all else by its text."""
    if isinstance(value, int | float):
        return (0, value, "")
    return (1, 0, as_json(value))


def _plain(value: Summary | str) -> Any:
    if isinstance(value, str):
        return value
    spread = None if math.isnan(value.spread) else value.spread
    return {"mean": value.mean, "spread": spread, "count": value.count}
