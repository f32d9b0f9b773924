"""Many runs of one template: the plan is written first, then whatever of it is missing is made.

A run is a process of its own, so whoever waits for it may be a thread here or a task of a Dask
cluster: both are a `concurrent.futures.Executor`, and the runs are the same. Who is killed takes
nothing along but the runs that he was making; the same call again makes those.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aigc_course.reports import executors, folders, parts, plans, records, traces
from aigc_course.reports.notation import as_json, as_text
from aigc_course.reports.tables import shorten
from aigc_course.reports.templates import find_template
from aigc_course.reports.workers import Event


@dataclass(frozen=True)
class Outcome:
    """How one run of a sweep ended.

    Attributes:
        name: the run's, as planned; that of its record ends in the number of the repeat.
        status: done; failed, with a record, which may be that of a run that is done but for some of
            its files (see its ``not_made``); or lost, without: its worker or the cluster was.
        recognised: whether it was done before.
        run: the record, if there is one.
        message: why it failed or was lost; of a run that was done before, what was made again.
    """

    name: str
    status: Literal["done", "failed", "lost"]
    recognised: bool
    run: records.Run | None
    message: str = ""


def run(
    template: str | os.PathLike,
    parameters: Mapping[str, Any] | None = None,
    *,
    out: str | os.PathLike = records.DEFAULT_FOLDER,
    on_event: Callable[[Event], None] = lambda event: None,
    **options,
) -> records.Run:
    """Run a template once, unless the same run is done already.

    Args:
        template: a name or a path; see `find_template`.
        parameters: those that are not to be the template's own.
        out: the folder for the run's folder.
        on_event: told what happens; see `sweep`.
        options: see `executors.SweepOptions`.

    Returns:
        The run. It may have failed: see its ``done`` and ``record.failure``.

    Raises:
        ParameterError: naming every bad parameter, before anything starts.
        ValueError: if the template or an option is wrong.
        OSError: if the folder cannot be written to, or the worker was lost.
    """
    found = find_template(template)
    values = found.parameters.check(parameters or {})
    chosen = executors.SweepOptions(**options)
    (outcome,) = execute(plans.plan_runs(found, [values]), Path(out), chosen, on_event)
    if outcome.run is None:
        raise OSError(outcome.message)
    return outcome.run


def sweep(
    template: str | os.PathLike,
    params: Iterable[Mapping[str, Any]] | None = None,
    *,
    grid: Mapping[str, Sequence[Any]] | None = None,
    out: str | os.PathLike = records.DEFAULT_FOLDER,
    on_event: Callable[[Event], None] = lambda event: None,
    **options,
) -> list[Outcome]:
    """Run a template many times; the same call again makes what is missing.

    Args:
        template: a name or a path; see `find_template`.
        params: parameters of each run.
        grid: values of each parameter, all combined, and with each of ``params``.
        out: the folder for the runs' folders and the plan.
        on_event: called with a dict whose ``event`` is ``planned``, ``finished`` (a run),
            ``cell`` (a run began one), ``waiting`` (for another process, or for what its
            ``message`` says), ``left out`` (a plan, of which its ``message`` says why),
            ``changed`` (files, for which runs are made anew, as its ``message`` says) or
            ``noted`` (what a reader of a run's results should know, as its ``message`` says);
            from several threads, but one at a time.
        options: see `executors.SweepOptions`.

    Returns:
        How each run of the plan ended, in the plan's order.

    Raises:
        ParameterError: naming every bad parameter, before anything starts.
        ValueError: if the template or an option is wrong, or Dask is not installed.
        OSError: if the folder cannot be written to, or there is no scheduler.
    """
    found = find_template(template)
    sets = plans.combine(found, params, grid)
    chosen = executors.SweepOptions(**options)
    planned = plans.plan_runs(found, sets)
    plans.write_plan(planned, Path(out))
    return execute(planned, Path(out), chosen, on_event)


def resume(
    template: str | os.PathLike,
    *,
    out: str | os.PathLike = records.DEFAULT_FOLDER,
    on_event: Callable[[Event], None] = lambda event: None,
    **options,
) -> list[Outcome]:
    """Finish all sweeps of a template that were begun in a folder, from their plans there.

    Args:
        template, out, on_event, options: see `sweep`.

    Returns:
        How each run of the plans ended.

    Raises:
        ValueError: if there is no plan, or the template, the data or a version has changed since
            each of them was made. A plan of which that holds, beside others, is left out.
        OSError: as `sweep`.
    """
    found = find_template(template)
    chosen = executors.SweepOptions(**options)
    planned, left_out = plans.replan(found, Path(out))
    for message in left_out:
        on_event({"event": "left out", "message": message})
    return execute(planned, Path(out), chosen, on_event)


def execute(
    planned: plans.SweepPlan,
    out: Path,
    options: executors.SweepOptions,
    on_event: Callable[[Event], None] = lambda event: None,
) -> list[Outcome]:
    """Make all runs of a plan that are not done.

    Args:
        planned: the runs.
        out: the folder for their folders.
        options: how.
        on_event: see `sweep`.

    Returns:
        How each ended, in the plan's order.

    Raises:
        ValueError: if Dask is asked for and not installed, a path is not UTF-8, or the notebook
            is there no more.
        OSError: if there is no scheduler, or the folder cannot be written to; no run has begun.
        KeyboardInterrupt: on Ctrl-C, once the workers have ended.
    """
    out = folders.absolute(out)
    on_event = _one_at_a_time(on_event)
    lacking: dict[str, list[str]] = {}  # what a run that is done lacks; of others, all
    outcomes: dict[str, Outcome] = {}
    names = [] if options.again else [run.name for run in planned.runs]
    changes: dict[str, list[str]] = {}  # what has changed, and since which runs were made
    known = traces.Surroundings(find_template(planned.path), out).finished(
        names, lambda run, what: changes.setdefault(what, []).append(run.name)
    )
    for run in planned.runs:
        done = known.get(run.name)
        lacks = parts.missing(done, options.pdf) if done else ["all"]
        if lacks:
            lacking[run.name] = lacks if done else []
        else:
            outcomes[run.name] = Outcome(run.name, "done", True, done)
    missing = [run for run in planned.runs if run.name in lacking]
    if missing:
        folders.check_path(planned.path, "give the notebook and its folders other names")
        folders.check_folder(out, lacking)
    on_event({"event": "planned", "runs": len(planned.runs), "out": str(out)})
    for what, since in changes.items():
        on_event({"event": "changed", "message": _made_anew(what, since)})
    for outcome in outcomes.values():
        on_event(_finished(outcome))
    if missing:
        with executors.makers_for(options, len(missing), on_event) as makers:
            futures = {
                makers.executor.submit(
                    makers.task, _job(planned, run, out, options, makers.threads)
                ): run.name
                for run in missing
            }
            for name, future in executors.as_completed(futures, makers.lost):
                outcomes[name] = _outcome(name, future, out, lacking[name])
                on_event(_finished(outcomes[name]))
                made = None if outcomes[name].recognised else outcomes[name].run
                for note in made.record.notes if made else ():
                    on_event({"event": "noted", "message": f"{made.name}: {note}"})
    return [outcomes[run.name] for run in planned.runs]


def _made_anew(what: str, since: list[str]) -> str:
    """That something has changed, or what else is the matter, so that runs are made once more."""
    if len(since) == 1:
        return f"{what} since {since[0]} was made, so it is made anew."
    return f"{what} since {since[0]} and {len(since) - 1} more were made, so they are made anew."


def _one_at_a_time(function: Callable[[Event], None]) -> Callable[[Event], None]:
    lock = threading.Lock()

    def call(event: Event) -> None:
        with lock:
            function(event)

    return call


def _job(
    planned: plans.SweepPlan,
    run: plans.PlannedRun,
    out: Path,
    options: executors.SweepOptions,
    threads: int | None,
) -> str:
    return as_json(
        {
            "template": str(planned.path),
            "parameters": run.parameters,
            "out": str(out),
            "name": run.name,
            "identity": planned.identity.model_dump(),
            "threads": threads,
            "timeout": options.timeout,
            "again": options.again,
            "show_code": options.show_code,
            "pdf": options.pdf,
        },
        in_order=True,
    )


def _outcome(name: str, future: Future, out: Path, lacking: list[str]) -> Outcome:
    """What a task's answer, or its lack, means; the record itself has the last word."""
    try:
        answer = future.result()
    except CancelledError:
        answer = {"event": "refused", "message": "the scheduler was lost, or gave it up"}
    except Exception as error:  # whatever a cluster may raise, the other runs go on
        answer = {"event": "refused", "message": str(error) or type(error).__name__}
    if answer["event"] == "refused":
        return Outcome(name, "lost", False, None, f"{name}: {answer['message']}")
    record = records.Record.model_validate(answer["record"])
    run = records.Run(out / record.name, record)
    if not records.has_record(run.folder):
        message = f"{name}: it was made, but not in {out}: workers need the same folder."
        return Outcome(name, "lost", False, None, message)
    if record.status == "failed":
        return Outcome(name, "failed", False, run, record.why)
    recognised = answer["event"] == "recognised"
    if record.not_made:
        return Outcome(name, "failed", recognised, run, _not_made(record))
    again = f"{', '.join(lacking)} made again" if recognised and lacking else ""
    return Outcome(name, "done", recognised, run, again)


def _not_made(record: records.Record) -> str:
    """What to tell of a run that is done but for some of its files."""
    if len(set(record.not_made.values())) == 1:
        reasons = f"{', '.join(record.not_made)} ({next(iter(record.not_made.values()))})"
    else:
        reasons = ", ".join(f"{name} ({why})" for name, why in record.not_made.items())
    kept = f"could not make {reasons}; the cells ended well and their results are kept"
    if parts.CHANGED in record.not_made.values():
        given = ", ".join(
            f"{name}={as_text(record.parameters.get(name))}" for name in record.changed
        )
        return (
            f"{kept}: to make this run anew, beside them, give `aigc run` its parameters "
            f"({shorten(given, 300) or 'no -p'}) and --again."
        )
    return f"{kept}, and the same command tries again to make what is missing."


def _finished(outcome: Outcome) -> Event:
    event = {
        "event": "finished",
        "run": outcome.run.name if outcome.run else outcome.name,
        "status": outcome.status,
        "recognised": outcome.recognised,
        "message": outcome.message,
    }
    if outcome.run is not None:
        record = outcome.run.record
        event |= {
            "label": outcome.run.label(),
            "started": record.started.isoformat(timespec="seconds"),
            "folder": str(outcome.run.folder),
            "parameters": record.parameters,
            "results": record.results,
            "seconds": record.seconds,
            "total_seconds": record.total_seconds,
            "ended_early": record.ended_early,
            "ended_in": str(record.own_cell(record.ended_early)) if record.ended_early else "",
            "not_made": record.not_made,
        }
    return event
