"""What the `aigc` commands for reports print, and their exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from aigc_course.reports import (
    comparison,
    executors,
    export,
    history,
    parameters,
    plans,
    progress,
    records,
    sweeps,
    templates,
)
from aigc_course.reports.notation import as_text

Say = Callable[[str], None]
DONE, FAILED, STOPPED = 0, 1, 130


def describe(template: str) -> str:
    """The parameters of a template, as ``aigc run TEMPLATE --help`` shows them.

    Raises:
        ValueError: if there is no such template.
    """
    return parameters.parameter_table(templates.find_template(template).parameters)


def run(
    template: str, assignments: Sequence[str], *, out: Path, as_json: bool, say: Say, **options
) -> int:
    """Run a template once; the exit code. See `executors.SweepOptions` for the options.

    Raises:
        ValueError, OSError: as `sweeps.run`.
    """
    found = templates.find_template(template)
    values = found.parameters.check(parameters.parse_assignments(found.parameters, assignments))
    chosen = executors.SweepOptions(**options)
    outcomes = _execute(plans.plan_runs(found, [values]), out, chosen, as_json, say)
    if outcomes is None:
        return STOPPED
    (outcome,) = outcomes
    if not as_json and outcome.run is not None:
        say(_results(outcome.run))
        say(f"The report is {_shown(outcome.run.folder / export.PAGE)}")
    return _code(outcomes)


def sweep(
    template: str,
    assignments: Sequence[str],
    grid: Sequence[str],
    file: Path | None,
    *,
    resume: bool,
    out: Path,
    as_json: bool,
    say: Say,
    **options,
) -> int:
    """Make a sweep, or what is missing of it; the exit code.

    Raises:
        ValueError, OSError: as `sweeps.sweep`.
    """
    found = templates.find_template(template)
    if assignments or grid or file:
        sets = plans.parse_sweep(found, assignments, grid, file)
        chosen = executors.SweepOptions(**options)
        planned = plans.plan_runs(found, sets)
        plans.write_plan(planned, out)
    elif resume:
        chosen = executors.SweepOptions(**options)
        planned = plans.replan(found, out)
    else:
        raise ValueError("There is nothing to sweep: give --grid, --params or --resume.")
    outcomes = _execute(planned, out, chosen, as_json, say)
    if outcomes is None:
        return STOPPED
    counts = dict.fromkeys(("done", "failed", "lost"), 0)
    for outcome in outcomes:
        counts[outcome.status] += 1
    if as_json:
        say(json.dumps({"event": "ended", **counts}))
    else:
        say(", ".join(f"{n} {status}" for status, n in counts.items() if n) + f" in {_shown(out)}")
        if counts["done"]:
            say(str(comparison.compare(outcomes)))
    return _code(outcomes)


def list_runs(out: Path, *, as_json: bool) -> str:
    """A table of all finished runs of a folder.

    Raises:
        ValueError: if a record is damaged.
    """
    runs = history.load_runs(out)
    if as_json:
        return json.dumps([_facts(run) for run in runs])
    if not runs:
        return f"There are no finished runs in {_shown(out)}."
    return comparison.as_table(
        ["run", "status", "seconds", "started (UTC)", "parameters"],
        [
            [
                run.name,
                run.record.status,
                f"{run.record.seconds:.1f}",
                f"{run.record.started:%Y-%m-%d %H:%M}",
                run.label(),
            ]
            for run in runs
        ],
    )


def show(name: str, out: Path, *, as_json: bool) -> tuple[str, int]:
    """One run in words, and the exit code.

    Raises:
        ValueError: if there is no such run.
    """
    run = history.find_run(name, out)
    damaged = run.damaged()
    code = DONE if run.done and not damaged else FAILED
    if as_json:
        return json.dumps({**_facts(run), "damaged": damaged}), code
    record = run.record
    lines = [
        f"{run.name}: {record.status}, {record.started:%Y-%m-%d %H:%M} UTC, "
        f"{record.seconds:.1f} s ({record.total_seconds:.1f} s with the report)"
    ]
    if record.failure:
        lines.append(f"Failed in {record.failure}" if record.failure.cell else str(record.failure))
    width = max(map(len, record.parameters), default=0)
    lines += ["", "Parameters (* not the template's own):"]
    for key, value in record.parameters.items():
        mark = "*" if key in record.changed else " "
        lines.append(f"{mark} {key:<{width}}  {as_text(value)}")
    lines += ["", _results(run), ""]
    versions = ", ".join(f"{key} {value}" for key, value in record.identity.versions.items())
    lines += [f"Made with {versions}", f"Files in {_shown(run.folder)}: {', '.join(record.files)}"]
    if damaged:
        lines.append(f"Damaged or missing: {', '.join(damaged)}")
    return "\n".join(lines), code


def compare(names: Sequence[str], out: Path, *, as_json: bool) -> str:
    """A table of runs beside each other; all of the folder if none is named.

    Raises:
        ValueError: if there is nothing to compare.
    """
    found = comparison.compare(names or history.load_runs(out), out)
    return json.dumps(found.as_dict()) if as_json else str(found)


def _execute(
    planned: plans.SweepPlan, out: Path, options: executors.SweepOptions, as_json: bool, say: Say
) -> list[sweeps.Outcome] | None:
    """The outcomes, or None if stopped by hand, which is then said."""
    shown = progress.choose(as_json, say)
    try:
        return sweeps.execute(planned, out, options, shown)
    except KeyboardInterrupt:
        shown.close()
        num_done = sum(history.finished(out, run.name) is not None for run in planned.runs)
        say(
            f"Stopped with {num_done} of {len(planned.runs)} runs done, which are kept in "
            f"{_shown(out)}: give the same command again to go on."
        )
        return None
    finally:
        shown.close()


def _code(outcomes: Sequence[sweeps.Outcome]) -> int:
    return DONE if all(outcome.status == "done" for outcome in outcomes) else FAILED


def _facts(run: records.Run) -> dict:
    return {"folder": str(run.folder), **run.record.model_dump(mode="json")}


def _results(run: records.Run) -> str:
    if not run.results:
        return "No results were recorded."
    width = max(map(len, run.results))
    return "\n".join(f"  {k:<{width}}  {as_text(v)}" for k, v in run.results.items())


def _shown(path: Path) -> str:
    """A path as short as it can be said here."""
    path, here = path.resolve(), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
