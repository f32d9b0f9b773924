"""What the `aigc` commands for reports print, and their exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from aigc_course.reports import (
    comparison,
    executors,
    export,
    history,
    listing,
    parameters,
    plans,
    progress,
    records,
    selecting,
    sweeps,
    tables,
    templates,
    traces,
)
from aigc_course.reports.notation import as_text, result_text, shown

Say = Callable[[str], None]
DONE, FAILED, STOPPED = 0, 1, 130


def describe(template: str) -> str:
    """The parameters of a template, as ``aigc run TEMPLATE --help`` shows them.

    Raises:
        ValueError: if there is no such template.
    """
    return parameters.parameter_table(templates.find_template(template).parameters)


def run(
    template: str,
    assignments: Sequence[str],
    file: Path | None = None,
    *,
    out: Path,
    as_json: bool,
    say: Say,
    **options,
) -> int:
    """Run a template once; the exit code. See `executors.SweepOptions` for the options.

    Raises:
        ValueError, OSError: as `sweeps.run` and `plans.parse_run`.
    """
    found = _found(template, as_json, say)
    values = plans.parse_run(found, assignments, file)
    chosen = executors.SweepOptions(**options)
    outcomes = _execute(plans.plan_runs(found, [values]), out, chosen, as_json, say)
    if outcomes is None:
        return STOPPED
    (outcome,) = outcomes
    if not as_json and outcome.run is not None:
        if outcome.recognised:
            say(_unchanged(outcome.run))
        say(_results(outcome.run))
        if (outcome.run.folder / export.PAGE).is_file():
            say(f"The report is {_shown(outcome.run.folder / export.PAGE)}")
    return _code(outcomes)


def _found(template: str, as_json: bool, say: Say) -> templates.Template:
    """The template; said is which is taken of two of a name, and a kernelspec that is not used."""
    found = templates.find_template(template)
    if not as_json and templates.hides(template, found.path):
        say(f"{template} is {_shown(found.path)}, and not the course's own of that name.")
    if not as_json and found.kernelspec:
        say(
            f"Runs of {found.name} do not use its kernelspec {shown(found.kernelspec)}, but this "
            f"Python, {sys.executable}."
        )
    return found


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
    if resume and (assignments or grid or file):
        raise ValueError(
            "--resume finishes what was planned, with its own parameters: leave out -p, --grid and "
            "--params, or --resume."
        )
    found = _found(template, as_json, say)
    left_out: list[str] = []
    if assignments or grid or file:
        sets = plans.parse_sweep(found, assignments, grid, file)
        chosen = executors.SweepOptions(**options)
        planned = plans.plan_runs(found, sets)
        plans.write_plan(planned, out)
        if (num_runs := len(planned.runs)) < len(sets) and not as_json:
            say(f"{len(sets)} sets of parameters were given: equal ones are made once, {num_runs}.")
    elif resume:
        chosen = executors.SweepOptions(**options)
        planned, left_out = plans.replan(found, out)
    else:
        raise ValueError("There is nothing to sweep: give --grid, --params or --resume.")
    outcomes = _execute(planned, out, chosen, as_json, say, left_out)
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
            say(comparison.compare(outcomes).table(tables.terminal_width()))
    return _code(outcomes)


def list_runs(
    out: Path,
    *,
    as_json: bool,
    complain: Say,
    **asked,
) -> tuple[str, int]:
    """A table of the finished runs of a folder, and the exit code.

    Args:
        out: the folder of the runs' folders.
        as_json: whether to give JSON, with all of each record.
        complain: told of each damaged record, which is left out.
        asked: see `selecting.read_selection`; all by default.

    Raises:
        ValueError: if what is asked for cannot be read, or there is none of that name.
    """
    selection = selecting.read_selection(**asked)
    damaged: list[records.DamagedRecord] = []
    found = history.load_runs(out, damaged.append)
    for error in damaged:  # before the selection is refused for want of them
        complain(tables.one_line(str(error)))
    runs = selection.of(found)
    code = FAILED if damaged else DONE
    if as_json:
        return json.dumps([_facts(run) for run in runs]), code
    if not runs:
        if not found:
            return f"There are no finished runs in {_shown(out)}.", code
        text = f"There is no run{selection} among the {len(found)} in {_shown(out)}."
        return tables.one_line(text), code
    return listing.as_text_of(runs, tables.terminal_width()), code


def show(name: str, out: Path, *, as_json: bool) -> tuple[str, int]:
    """One run in words, and the exit code.

    Raises:
        ValueError: if there is no such run.
    """
    folder = history.find_folder(name, out)
    try:
        run = records.load_run(folder)
    except records.DamagedRecord as error:
        if as_json:
            return json.dumps({"folder": str(folder), "damaged": [error.reason]}), FAILED
        return tables.harmless(str(error)), FAILED
    damaged = run.damaged()
    code = DONE if run.done and not damaged else FAILED
    if as_json:
        return json.dumps({**_facts(run), "damaged": damaged}), code
    return tables.harmless("\n".join([*_described(run), *_others(run)])), code


def compare(
    names: Sequence[str], out: Path, *, repeats: bool = False, as_json: bool, complain: Say
) -> tuple[str, int]:
    """A table of runs beside each other, all of the folder if none is named; and the exit code.

    Args:
        names: of runs or of templates.
        out: the folder of the runs' folders.
        repeats: whether all records of a run count, or the newest.
        as_json: whether to give JSON.
        complain: told of each damaged record, which is left out.

    Raises:
        ValueError: if there is nothing to compare.
    """
    damaged: dict[Path, records.DamagedRecord] = {}

    def note(error: records.DamagedRecord) -> None:
        if error.folder not in damaged:
            damaged[error.folder] = error
            complain(tables.one_line(str(error)))

    runs = names or history.load_runs(out, note)
    found = comparison.compare(runs, out, repeats=repeats, on_damaged=note)
    text = json.dumps(found.as_dict()) if as_json else found.table(tables.terminal_width())
    return text, FAILED if damaged else DONE


def _execute(
    planned: plans.SweepPlan,
    out: Path,
    options: executors.SweepOptions,
    as_json: bool,
    say: Say,
    left_out: Sequence[str] = (),
) -> list[sweeps.Outcome] | None:
    """The outcomes, or None if stopped by hand, which is then said; first what is left out."""
    shown = progress.choose(as_json, say)
    ended: list[str] = []  # well, in this call

    def on_event(event: progress.Event) -> None:
        if event["event"] == "finished" and event["status"] == "done":
            ended.append(event["run"])
        shown(event)

    try:
        for message in left_out:
            on_event({"event": "left out", "message": message})
        return sweeps.execute(planned, out, options, on_event)
    except KeyboardInterrupt:
        shown.close()
        names = [run.name for run in planned.runs]
        # With --again those that were done before are none of this call's.
        around = traces.Surroundings(templates.find_template(planned.path), out)
        num_done = len(ended if options.again else around.finished(names))
        say(_stopped(num_done, len(names), out, as_json))
        return None
    finally:
        shown.close()


def _stopped(num_done: int, num_runs: int, out: Path, as_json: bool) -> str:
    """What to say after Ctrl-C."""
    if as_json:
        return json.dumps(
            {"event": "stopped", "done": num_done, "runs": num_runs, "out": str(out.resolve())}
        )
    return tables.one_line(
        f"Stopped with {num_done} of {num_runs} runs done, which are kept in {_shown(out)}: give "
        f"the same command again to go on."
    )


def _code(outcomes: Sequence[sweeps.Outcome]) -> int:
    return DONE if all(outcome.status == "done" for outcome in outcomes) else FAILED


def _facts(run: records.Run) -> dict:
    return {"folder": str(run.folder), **run.record.model_dump(mode="json")}


def _results(run: records.Run) -> str:
    if not run.results:
        return records.NO_RESULTS
    width = max(map(tables.columns, run.results))
    return "\n".join(
        f"  {tables.harmless(name)}{' ' * (width - tables.columns(name))}  "
        f"{tables.one_line(result_text(value))}"
        for name, value in run.results.items()
    )


def _described(run: records.Run) -> list[str]:
    record = run.record
    lines = [
        f"{run.folder.name}: {record.status}, {record.started:%Y-%m-%d %H:%M} UTC, "
        f"{record.seconds:.1f} s ({record.total_seconds:.1f} s with the report)"
    ]
    if record.failure:
        where = "Failed in " if record.failure.cell else ""
        lines.append(where + record.why)
    if record.ended_early:
        lines.append(f"Ended early, and well, in {record.own_cell(record.ended_early)}")
    if record.skipped:
        skipped = ", ".join(str(record.own_cell(position)) for position in record.skipped)
        lines.append(f"Skipped by their tags: {skipped}")
    width = max(map(len, record.parameters), default=0)
    lines += ["", "Parameters (* not the template's own):"]
    for key, value in record.parameters.items():
        mark = "*" if key in record.changed else " "
        lines.append(f"{mark} {key:<{width}}  {as_text(value)}")
    lines += ["", _results(run), ""]
    versions = ", ".join(f"{key} {value}" for key, value in record.identity.versions.items())
    lines += [f"Made with {versions}", f"Files in {_shown(run.folder)}: {', '.join(record.files)}"]
    if record.reads:
        lines.append(f"Read {_listed(record.reads)}")
    lines += record.notes
    for name, why in record.not_made.items():
        lines.append(f"Not made: {name} ({why})")
    if damaged := run.damaged():
        lines.append(f"Damaged or missing: {', '.join(damaged)}")
    return lines


def _others(run: records.Run) -> list[str]:
    """What to say of other records of the same run."""
    same = [folder.name for folder in history.repeats(run.folder.parent, run.folder.name)]
    if len(same) < 2 or run.folder.name not in same:
        return []
    if same[-1] == run.folder.name:
        return [f"This is the newest of {len(same)} records of this run: {', '.join(same)}"]
    return [f"There is a newer record of this run: {same[-1]}"]


def _unchanged(run: records.Run) -> str:
    """What a run was recognised by."""
    record = run.record
    versions = [name for name in record.identity.versions if name not in ("python", "aigc_utils")]
    read = [_listed(record.reads)] if record.reads else []
    looked_at = ["the notebook", "its parameters", *read]
    return (
        f"Nothing has changed since {record.started:%Y-%m-%d %H:%M} UTC, so this is the record of "
        f"then. Looked at: {', '.join(looked_at)}, the course's data and code that it can use, the "
        f"versions of {', '.join(['Python', *versions])}. Not looked at: what came from a network, "
        f"and what a command or a library in C read by a path that does not stand in the code. "
        f"With --again it is made once more, beside it."
    )


def _listed(files: Collection[str]) -> str:
    """Some files by their names, the others by their number."""
    more = f" and {len(files) - 8} more files" * (len(files) > 8)
    return tables.one_line(", ".join([*files][:8]) + more)


def _shown(path: Path) -> str:
    """A path as short as it can be said here, on one line."""
    path, here = path.resolve(), Path.cwd()
    text = str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
    return tables.harmless(text).replace("\n", "\\n")
