"""What a picture of runs shows: whose runs, which axes, which setting is best and by how much.

`compare_runs` uses it. Nothing here knows what the runs are about.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aigc_course.reports import history
from aigc_course.reports.comparison import Comparison, RunRow, Summary, by_size
from aigc_course.reports.notation import as_text, is_number, shown
from aigc_course.reports.records import DamagedRecord, Run


@dataclass(frozen=True)
class Axes:
    """What is drawn.

    Attributes:
        x: the parameter on the horizontal axis; empty if no parameter differs.
        lines: the other parameters that differ: a line for each of their combinations.
        metric, cost: results, or ``"seconds"``.
    """

    x: str
    lines: tuple[str, ...]
    metric: str
    cost: str


def runs_of(folder: str | os.PathLike, template: str = "") -> tuple[list[Run], str]:
    """The runs of one notebook in a folder that were done.

    Args:
        folder: of the runs' folders.
        template: the notebook's name; empty takes the one with the most runs.

    Returns:
        The runs, and sentences on what is there and is not among them.

    Raises:
        ValueError: if there is none.
    """
    damaged: list[DamagedRecord] = []
    found = history.load_runs(folder, damaged.append)
    counts = Counter(run.record.template for run in found if run.done)
    if not counts:
        raise ValueError(f"There is no finished run in {folder}: give RUNS a folder of records.")
    chosen = template or counts.most_common(1)[0][0]
    if chosen not in counts:
        raise ValueError(
            f"TEMPLATE is {shown(chosen)}: choose from {', '.join(sorted(counts))}, whose runs are "
            f"in {folder}."
        )
    runs = [run for run in found if run.record.template == chosen and run.done]
    failed = sum(run.record.template == chosen and not run.done for run in found)
    said = [f"{len(runs)} runs of {chosen} that were done, {failed} that failed"]
    others = [f"{name} ({count})" for name, count in sorted(counts.items()) if name != chosen]
    if others:
        said.append(f"Not shown are runs of {', '.join(others)}: TEMPLATE chooses.")
    return runs, "\n".join([*said, *map(str, damaged)])


def choose_axes(
    comparison: Comparison, x: str = "", line: str = "", metric: str = "", cost: str = ""
) -> Axes:
    """The axes that are asked for; what is empty is chosen by what differs and what was recorded.

    Args:
        comparison: of runs of one notebook.
        x: a parameter; by default the number with the most values.
        line: a parameter; by default all others that differ have lines.
        metric: a result; by default the first number that all settings have.
        cost: a result; by default the first in seconds, else the seconds of the runs.

    Raises:
        ValueError: if one is none of these, in a sentence with the known ones.
    """
    rows = comparison.rows
    known = dict.fromkeys(name for row in rows for run in row.runs for name in run.parameters)
    numbers = [
        name
        for name in comparison.metrics
        if all(isinstance(row.results.get(name), Summary) for row in rows)
    ]
    for option, name in (("X", x), ("LINES", line)):
        if name and name not in known:
            raise ValueError(f"{option} is {shown(name)}: choose from {', '.join(known)}.")
    for option, name in (("METRIC", metric), ("COST", cost)):
        if name and name not in numbers:
            raise ValueError(
                f"{option} is {shown(name)}, which is no number in every run: choose from "
                f"{', '.join(numbers)}."
            )
    differing = [name for name in comparison.parameters if name not in (x, line)]
    if not x and differing:
        x = max(differing, key=lambda name: _num_numbers(rows, name))
        differing.remove(x)
    lines = [line, *differing] if line in comparison.parameters else differing
    in_seconds = [name for name in numbers if name.endswith("seconds")]
    recorded = [name for name in numbers if name not in in_seconds]
    return Axes(
        x, tuple(lines), metric or [*recorded, *numbers][0], cost or [*in_seconds, "seconds"][0]
    )


def lines_of(comparison: Comparison, axes: Axes) -> dict[str, list[RunRow]]:
    """The rows by the line that they are points of, in the order of the horizontal axis."""
    lines: dict[str, list[RunRow]] = {}
    for row in sorted(comparison.rows, key=lambda row: by_size(place_of(row, axes.x))):
        lines.setdefault(setting_of(row, axes.lines), []).append(row)
    return dict(
        sorted(lines.items(), key=lambda item: [by_size(v) for v in _values(item[1][0], axes)])
    )


def place_of(row: RunRow, x: str) -> Any:
    """Where a row stands on the horizontal axis: a number, or a text for what is none."""
    value = row.runs[0].parameters.get(x, "")
    return value if is_number(value) else as_text(value) if value != "" else "all"


def placing(comparison: Comparison, x: str) -> Callable[[RunRow], Any]:
    """`place_of` for a drawing, whose axis takes numbers or texts: all places are one or other."""
    places = [place_of(row, x) for row in comparison.rows]
    if all(map(is_number, places)):
        return lambda row: place_of(row, x)
    return lambda row: str(place_of(row, x))


def setting_of(row: RunRow, names: Iterable[str] | None = None) -> str:
    """The parameters of a row in words, all that differ or those that are named; with what else
    tells it from other rows."""
    chosen = row.parameters if names is None else [n for n in names if n in row.parameters]
    parts = [f"{name}={as_text(row.parameters[name])}" for name in chosen]
    parts += [f"{name} {value}" for name, value in row.made_with.items()]
    return ", ".join(parts)


def verdict(comparison: Comparison, metric: str, lower_is_better: bool) -> str:
    """Which setting is best, and whether chance could have made it so, in sentences."""
    sign = 1 if lower_is_better else -1
    rows = sorted(comparison.rows, key=lambda row: sign * row.results[metric].mean)
    best, word = rows[0], "Least" if lower_is_better else "Most"
    if len(rows) == 1:
        return f"{metric} is {best.results[metric]}{_over(best)}: there is one setting."
    second = rows[1]
    said = [
        f"{word} {metric}: {best.results[metric]}{_over(best)} with {setting_of(best)}.",
        f"Next: {second.results[metric]}{_over(second)} with {setting_of(second)}.",
    ]
    errors = [row.results[metric].error for row in (best, second)]
    difference = abs(best.results[metric].mean - second.results[metric].mean)
    if any(map(math.isnan, errors)):
        said.append(
            f"They differ by {difference:.3g}; with one run of either, nobody knows whether other "
            f"seeds would turn it round."
        )
    else:
        error = math.hypot(*errors)
        chance = "no more than chance could make" if difference < 2 * error else "more than chance"
        said.append(
            f"They differ by {difference:.3g}, with a standard error of {error:.2g}: {chance}."
        )
    return "\n".join(said)


def _over(row: RunRow) -> str:
    return f" (over {row.over})" if row.over else " (one run)"


def _values(row: RunRow, axes: Axes) -> list[Any]:
    return [row.parameters.get(name) for name in axes.lines]


def _num_numbers(rows: Iterable[RunRow], name: str) -> int:
    """How many numbers a parameter takes; none if it takes anything else."""
    values = [row.parameters.get(name) for row in rows]
    return len({*values}) if all(map(is_number, values)) else 0
