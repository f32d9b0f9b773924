"""Many runs of one template: the plan is written first, then whatever of it is missing is made.

A run is a process of its own, so whoever waits for it may be a thread here or a task of a Dask
cluster: both are a `concurrent.futures.Executor`, and the runs are the same. Who is killed takes
nothing along but the runs that he was making; the same call again makes those.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from aigc_course.reports import export, records, templates, workers
from aigc_course.reports.parameters import ParameterError, as_json, parse_assignments, parse_grid
from aigc_utils.files import atomic_path

PLAN = "sweep-{}.json"
Event = dict[str, Any]


class PlannedRun(BaseModel):
    """One run of a plan: its name and its full parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    parameters: dict[str, Any]


class Plan(BaseModel):
    """What a sweep is to make, as ``sweep-….json`` holds it.

    Attributes:
        template: the notebook's name; `path` is its file.
        runs: without repetition.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    template: str
    path: Path
    identity: records.Identity
    runs: list[PlannedRun]

    @property
    def file_name(self) -> str:
        """The same runs, the same name: two sweeps into one folder keep both plans."""
        text = as_json([run.name for run in self.runs])
        return PLAN.format(hashlib.sha256(text.encode()).hexdigest()[:12])


@dataclass(frozen=True)
class Outcome:
    """How one run of a sweep ended.

    Attributes:
        name: the run's.
        status: done, failed (with a record), or lost (without: its worker or the cluster was).
        recognised: whether it was done before.
        run: the record, if there is one.
        message: why it failed or was lost.
    """

    name: str
    status: Literal["done", "failed", "lost"]
    recognised: bool
    run: records.Run | None
    message: str = ""


@dataclass(frozen=True)
class Options:
    """How runs are made; none of it changes what they find.

    Attributes:
        jobs: runs at a time on this machine; None is one a core, at most one a run.
        threads: of each run; None shares the cores out evenly.
        scheduler: the address of a Dask scheduler, which then takes the place of `jobs`.
        again: make also the runs that are done.
        timeout: seconds for each notebook; None is no limit.
        show_code: whether reports show the code.
        pdf: whether reports are printed to PDF as well.
    """

    jobs: int | None = None
    threads: int | None = None
    scheduler: str | None = None
    again: bool = False
    timeout: float | None = None
    show_code: bool = False
    pdf: bool = False

    def __post_init__(self):
        for name in ("jobs", "threads", "timeout"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value!r}: give more than 0.")
        if self.pdf:
            export.find_browser()


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
        template: a name or a path; see `templates.find`.
        parameters: those that are not to be the template's own.
        out: the folder for the run's folder.
        on_event: told what happens; see `sweep`.
        options: see `Options`.

    Returns:
        The run. It may have failed: see its ``done`` and ``record.failure``.

    Raises:
        ParameterError: naming every bad parameter, before anything starts.
        ValueError: if the template or an option is wrong.
        OSError: if the folder cannot be written to, or the worker was lost.
    """
    found = templates.find(template)
    values = found.parameters.check(parameters or {})
    chosen = Options(**options)
    (outcome,) = execute(plan(found, [values]), Path(out), chosen, on_event)
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
        template: a name or a path; see `templates.find`.
        params: parameters of each run.
        grid: values of each parameter, all combined, and with each of ``params``.
        out: the folder for the runs' folders and the plan.
        on_event: called with a dict whose ``event`` is ``planned``, ``finished`` (a run),
            ``cell`` (a run began one) or ``waiting`` (for another process); from several
            threads, but one at a time.
        options: see `Options`.

    Returns:
        How each run of the plan ended, in the plan's order.

    Raises:
        ParameterError: naming every bad parameter, before anything starts.
        ValueError: if the template or an option is wrong, or Dask is not installed.
        OSError: if the folder cannot be written to, or there is no scheduler.
    """
    found = templates.find(template)
    sets = combine(found, params, grid)
    chosen = Options(**options)
    planned = plan(found, sets)
    write_plan(planned, Path(out))
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
        ValueError: if there is no plan, or the template, the data or a version has changed.
        OSError: as `sweep`.
    """
    found = templates.find(template)
    chosen = Options(**options)
    return execute(replan(found, Path(out)), Path(out), chosen, on_event)


def replan(template: templates.Template, out: Path) -> Plan:
    """All runs of all plans of a template in a folder.

    Raises:
        ValueError: if there is no plan, or its runs would not be the same now.
        OSError: if a file of the data cannot be read.
    """
    plans = [old for old in read_plans(out) if old.template == template.name]
    if not plans:
        raise ValueError(f"There is no sweep of {template.name} in {out}: leave --resume out.")
    sets = {run.name: run.parameters for old in plans for run in old.runs}
    planned = plan(template, sets.values())
    if {run.name for run in planned.runs} != set(sets):
        changed = dict.fromkeys(part for old in plans for part in _changes(old, planned))
        raise ValueError(
            f"The runs of {template.name} would not be the same as planned (changed: "
            f"{', '.join(changed)}): give the parameters anew instead of --resume."
        )
    return planned


def combine(
    template: templates.Template,
    params: Iterable[Mapping[str, Any]] | None = None,
    grid: Mapping[str, Iterable[Any]] | None = None,
    *,
    texts: bool = False,
) -> list[dict[str, Any]]:
    """All full sets of parameters that a grid and a list of sets stand for, checked.

    Args:
        template: whose parameters they are.
        params: sets; None is one empty set.
        grid: values of each parameter.
        texts: read texts as on the command line where another type is asked.

    Raises:
        ParameterError: naming every problem once.
    """
    declared = template.parameters
    sets = [dict(values) for values in params] if params is not None else [{}]
    grid = {name: list(values) for name, values in (grid or {}).items()}
    problems: dict[str, None] = {}  # in order, each once
    for name, values in grid.items():
        if not values:
            problems[f"{name} has no value in the grid: give one or more."] = None
        if any(name in given for given in sets):
            problems[f"{name} is in the grid and among the parameters: leave one out."] = None
    # Each value once, and not each combination: a grid may have thousands.
    singles = [{name: value} for name, values in grid.items() for value in values]
    for given in [*sets, *singles]:
        try:
            declared.check(given, texts=texts)
        except ParameterError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise ParameterError(problems)
    return [
        declared.check({**given, **dict(zip(grid, combination, strict=True))}, texts=texts)
        for given in sets
        for combination in itertools.product(*grid.values())
    ]


def parse(
    template: templates.Template,
    assignments: Sequence[str] = (),
    grid: Sequence[str] = (),
    file: Path | None = None,
) -> list[dict[str, Any]]:
    """All full sets of parameters that a command line stands for, checked.

    Args:
        template: whose parameters they are.
        assignments: ``NAME=VALUE``, for all runs.
        grid: ``NAME=A,B,C``, all combined.
        file: YAML: a list of mappings, one a run, or a mapping of ``grid`` and ``fixed``.

    Raises:
        ParameterError: naming every problem once.
        ValueError: if the file is neither.
        OSError: if it cannot be read.
    """
    sets, file_grid = _read_params(file) if file is not None else ([{}], {})
    problems: list[str] = []
    given: list[dict] = []
    for read, texts in ((parse_assignments, assignments), (parse_grid, grid)):
        try:
            given.append(read(template.parameters, texts))
        except ParameterError as error:
            problems += error.problems
            given.append({})
    fixed, combined = given
    for name in combined:
        if name in file_grid:
            problems.append(f"{name} is in the file's grid and in --grid: leave one out.")
    try:
        # What the file says as a text may stand for a number: YAML reads 1e-3 as a text.
        combine(template, sets, file_grid, texts=True)
        sets = [{**values, **fixed} for values in sets]
        found = combine(template, sets, {**file_grid, **combined}, texts=True)
    except ParameterError as error:
        problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise ParameterError(problems)
    return found


def _read_params(file: Path) -> tuple[list[dict], dict[str, list]]:
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{file} is no YAML ({reason}): mend it.") from None
    match content:
        case list() if content and all(isinstance(values, dict) for values in content):
            return content, {}
        case dict() if content and set(content) <= {"grid", "fixed"}:
            grid, fixed = content.get("grid") or {}, content.get("fixed") or {}
            if isinstance(grid, dict) and isinstance(fixed, dict):
                lists = {n: v if isinstance(v, list) else [v] for n, v in grid.items()}
                return [fixed], lists
    raise ValueError(
        f"{file} says nothing to run: write a list with the parameters of each run, "
        f"or `grid:` and `fixed:`."
    )


def plan(template: templates.Template, sets: Iterable[Mapping[str, Any]]) -> Plan:
    """The plan of runs with these full, checked sets; the same set twice is one run.

    Raises:
        ValueError: if there is no set.
        OSError: if a file of the data cannot be read.
    """
    identity = records.identify(template)
    runs = {}
    for values in sets:
        name = records.name_of(template, identity, values)
        runs.setdefault(name, PlannedRun(name=name, parameters=dict(values)))
    if not runs:
        raise ValueError("There is nothing to run: give a grid or parameters.")
    return Plan(
        template=template.name, path=template.path, identity=identity, runs=list(runs.values())
    )


def write_plan(planned: Plan, out: Path) -> Path:
    """Write a plan into the folder of its runs, in one step; where it is.

    Raises:
        OSError: if it cannot be written.
    """
    path = out / planned.file_name
    if not path.exists():
        with atomic_path(path) as temporary:
            temporary.write_text(planned.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return path


def read_plans(out: Path) -> list[Plan]:
    """All plans in a folder.

    Raises:
        ValueError: if one is damaged.
    """
    plans = []
    for path in sorted(out.glob(PLAN.format("*"))):
        try:
            plans.append(Plan.model_validate_json(path.read_text(encoding="utf-8")))
        except (ValidationError, ValueError):
            raise ValueError(f"{path} is damaged: delete it and give the sweep anew.") from None
    return plans


def execute(
    planned: Plan,
    out: Path,
    options: Options,
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
        ValueError: if Dask is asked for and not installed.
        OSError: if there is no scheduler.
        KeyboardInterrupt: on Ctrl-C, once the workers have ended.
    """
    out = out.resolve()
    on_event = _one_at_a_time(on_event)
    on_event({"event": "planned", "runs": len(planned.runs), "out": str(out)})
    outcomes: dict[str, Outcome] = {}
    missing = []
    for run in planned.runs:
        done = None if options.again else records.finished(out, run.name)
        if done is None or (options.pdf and export.PDF not in done.record.files):
            missing.append(run)
        else:
            outcomes[run.name] = Outcome(run.name, "done", True, done)
            on_event(_finished(outcomes[run.name]))
    if missing:
        local = options.scheduler is None
        makers = _local(options, len(missing), on_event) if local else _dask(options)
        with makers as (executor, task, threads, lost):
            futures = {
                executor.submit(task, _request(planned, run, out, options, threads)): run.name
                for run in missing
            }
            for name, future in _as_completed(futures, lost):
                outcomes[name] = _outcome(name, future, out)
                on_event(_finished(outcomes[name]))
    return [outcomes[run.name] for run in planned.runs]


# ---- the executors -------------------------------------------------------------------

# An executor, what it does with a request, threads for each run, and why it is lost, if it is.
Makers = tuple[Executor, Callable[[str], workers.Event], int | None, Callable[[], str]]


@contextlib.contextmanager
def _local(options: Options, num_runs: int, on_event: Callable[[Event], None]) -> Iterator[Makers]:
    cores = num_cores()
    jobs = min(options.jobs or cores, num_runs)
    # Alone, a run computes as it would in Jupyter; beside others each has its share of cores.
    threads = options.threads or (max(1, cores // jobs) if jobs > 1 else None)
    pool = workers.Workers()
    executor = ThreadPoolExecutor(jobs, thread_name_prefix="aigc-run")
    try:
        yield executor, lambda request: pool.make(request, on_event), threads, lambda: ""
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        pool.close()


@contextlib.contextmanager
def _dask(options: Options) -> Iterator[Makers]:
    try:
        from distributed import Client
    except ImportError:
        raise ValueError(
            "A scheduler needs Dask, which is not installed: pip install 'aigc-utils[cluster]'."
        ) from None
    address = options.scheduler
    with _silent("distributed", "distributed.client", "tornado.application"):
        try:
            client = Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0][:200]
            raise OSError(
                f"There is no Dask scheduler at {address} ({reason}): start one."
            ) from None

        def lost() -> str:
            there = client.status in ("running", "connecting")
            return "" if there else f"the scheduler at {address} was lost"

        try:
            # The same request twice is two tasks (not pure); one whose worker died is tried anew.
            executor = client.get_executor(pure=False, retries=2)
            # A slot of a Dask worker is meant for one thread's work.
            yield executor, workers.make_alone, options.threads or 1, lost
        finally:
            client.close(timeout=5)


@contextlib.contextmanager
def _silent(*names: str) -> Iterator[None]:
    """Keep what a lost connection makes Dask log, pages of it, from those who only watch runs."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def num_cores() -> int:
    """The cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _one_at_a_time(function: Callable[[Event], None]) -> Callable[[Event], None]:
    lock = threading.Lock()

    def call(event: Event) -> None:
        with lock:
            function(event)

    return call


def _as_completed(
    futures: Mapping[Future, str], lost: Callable[[], str]
) -> Iterator[tuple[str, Future]]:
    """As `concurrent.futures.as_completed`, but ends when the executor is lost."""
    pending = set(futures)
    while pending:
        finished, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
        if not finished and (reason := lost()):
            for future in pending:
                future.cancel()
                broken: Future = Future()
                broken.set_exception(OSError(reason))
                yield futures[future], broken
            return
        for future in finished:
            yield futures[future], future


def _request(
    planned: Plan, run: PlannedRun, out: Path, options: Options, threads: int | None
) -> str:
    return as_json(
        {
            "template": str(planned.path),
            "parameters": run.parameters,
            "out": str(out),
            "name": run.name,
            "threads": threads,
            "timeout": options.timeout,
            "again": options.again,
            "show_code": options.show_code,
            "pdf": options.pdf,
        }
    )


def _outcome(name: str, future: Future, out: Path) -> Outcome:
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
    if record.status == "failed":
        kept = records.finished(out, name)  # an earlier success stays in its place
        folder = out / (records.FAILED.format(name) if kept else name)
        return Outcome(name, "failed", False, records.Run(folder, record), str(record.failure))
    if (run := records.finished(out, name)) is None:
        message = f"{name}: it was made, but not in {out}: workers need the same folder."
        return Outcome(name, "lost", False, None, message)
    return Outcome(name, "done", answer["event"] == "recognised", run)


def _finished(outcome: Outcome) -> Event:
    event = {
        "event": "finished",
        "run": outcome.name,
        "status": outcome.status,
        "recognised": outcome.recognised,
        "message": outcome.message,
    }
    if outcome.run is not None:
        record = outcome.run.record
        event |= {
            "label": outcome.run.label(),
            "folder": str(outcome.run.folder),
            "parameters": record.parameters,
            "results": record.results,
            "seconds": record.seconds,
            "total_seconds": record.total_seconds,
        }
    return event


def _changes(old: Plan, new: Plan) -> list[str]:
    """Which parts of two plans' identities differ, in words."""
    before, after = old.identity, new.identity
    named = {"the notebook": "notebook", "the data": "data", "aigc_utils": "package"}
    parts = [words for words, key in named.items() if getattr(before, key) != getattr(after, key)]
    versions = {**before.versions, **after.versions}
    parts += [n for n in versions if before.versions.get(n) != after.versions.get(n)]
    return parts or ["the parameters"]
