"""Plans of sweeps: which runs a grid, a file or a command line stands for.

A plan is written into the folder of its runs before any is made; a sweep that was stopped goes on
from it.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from aigc_course.reports import folders
from aigc_course.reports.identities import Identity, identify, name_of
from aigc_course.reports.notation import as_json, shown
from aigc_course.reports.parameter_files import read_set, read_sets
from aigc_course.reports.parameters import ParameterError, Parameters
from aigc_course.reports.ranges import parse_assignments, parse_grid
from aigc_course.reports.references import check_references
from aigc_course.reports.templates import Template
from aigc_utils.files import atomic_path

PLAN = "sweep-{}.json"
DATA = "data that it reads"
MOST_RUNS = 10_000
"""Of one sweep."""


class PlannedRun(BaseModel):
    """One run of a plan.

    Attributes:
        name: the run's.
        parameters: all of them.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)  # older plans say more

    name: str
    parameters: dict[str, Any]


class SweepPlan(BaseModel):
    """What a sweep is to make, as ``sweep-….json`` holds it.

    Attributes:
        template: the notebook's name; `path` is its file.
        runs: without repetition.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    format: Literal[1] = 1
    template: str
    path: Path
    identity: Identity
    runs: list[PlannedRun]

    @property
    def file_name(self) -> str:
        """The same runs, the same name: two sweeps into one folder keep both plans."""
        text = as_json([run.name for run in self.runs])
        return PLAN.format(hashlib.sha256(text.encode()).hexdigest()[:12])


def replan(template: Template, out: Path) -> tuple[SweepPlan, list[str]]:
    """All runs of those plans of a template in a folder that have the same names now.

    Returns:
        One plan of them all, and a sentence on each plan that is left out.

    Raises:
        ValueError: if there is no plan, or none whose runs would be the same now.
        OSError: if a file of the data cannot be read.
    """
    plans = [old for old in read_plans(out) if old.template == template.name]
    if not plans:
        raise ValueError(f"There is no sweep of {template.name} in {out}: leave --resume out.")
    identity = identify(template)
    runs: dict[str, PlannedRun] = {}
    taken: list[SweepPlan] = []
    changed: dict[str, list[str]] = {}  # by the plan's file
    for old in plans:
        if parts := _changes_of_plan(template, identity, old):
            changed[old.file_name] = parts
            continue
        taken.append(old)
        runs |= {run.name: run for run in old.runs}
    if not taken:
        parts = dict.fromkeys(part for parts in changed.values() for part in parts)
        raise ValueError(
            f"The runs of {template.name} would not be the same as planned (changed: "
            f"{', '.join(parts)}): give the parameters anew instead of --resume."
        )
    facts = {"path": template.path, "runs": list(runs.values())}
    return taken[-1].model_copy(update=facts), [
        f"Left out: {name}, whose runs would not be the same now (changed: {', '.join(parts)})."
        for name, parts in changed.items()
    ]


def combine(
    template: Template,
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
        ValueError: if they are more than `MOST_RUNS`.
    """
    declared = template.parameters
    # One more than may be, of what may have no end.
    most = MOST_RUNS + 1
    sets = [dict(s) for s in itertools.islice(params, most)] if params is not None else [{}]
    grid = {name: list(itertools.islice(values, most)) for name, values in (grid or {}).items()}
    number = len(sets) * math.prod(map(len, grid.values()))
    if number > MOST_RUNS:
        raise ValueError(
            f"These are {number:,} runs{' or more' * (most in map(len, [sets, *grid.values()]))}: "
            f"give at most {MOST_RUNS:,} at a time."
        )
    problems: dict[str, None] = {}  # in order, each once
    for name, values in grid.items():
        if not values:
            problems[f"{name} has no value in the grid: give one or more."] = None
        if any(name in given for given in sets):
            problems[f"{name} is in the grid and among the parameters: leave one out."] = None
    # Each value once, and not each combination: a grid may have thousands.
    for given in sets:
        problems.update(_problems(declared, given, texts))
    for name, values in grid.items():
        problems.update(_problems_of_values(declared, name, values, texts))
    if problems:
        raise ParameterError(problems)
    return [
        declared.check({**given, **dict(zip(grid, combination, strict=True))}, texts=texts)
        for given in sets
        for combination in itertools.product(*grid.values())
    ]


def _problems(declared: Parameters, given: Mapping[str, Any], texts: bool) -> dict[str, None]:
    try:
        declared.check(given, texts=texts)
    except ParameterError as error:
        return dict.fromkeys(error.problems)
    return {}


def _problems_of_values(
    declared: Parameters, name: str, values: Iterable[Any], texts: bool
) -> dict[str, None]:
    """What is wrong with one parameter's values in a grid; two that are equal are a slip."""
    problems: dict[str, None] = {}
    seen: dict[str, int] = {}
    for value in values:
        try:
            checked = declared.check({name: value}, texts=texts)[name]
        except ParameterError as error:
            problems.update(dict.fromkeys(error.problems))
        else:
            key = as_json(checked, in_order=True)
            seen[key] = seen.get(key, 0) + 1
            if seen[key] == 2:
                sentence = f"{name} has {shown(checked)} more than once in the grid: give it once."
                problems[sentence] = None
    return problems


def parse_run(
    template: Template, assignments: Sequence[str] = (), file: Path | None = None
) -> dict[str, Any]:
    """The full set of parameters of one run that a command line stands for, checked.

    Args:
        template: whose parameters they are.
        assignments: ``NAME=VALUE``; they stand above what the file says.
        file: YAML or JSON: a mapping of parameters, alone or below ``fixed``.

    Raises:
        ParameterError: naming every problem once.
        ValueError: if the file has the parameters of no run, or of more than one.
        OSError: if it cannot be read.
    """
    values = read_set(file, template.parameters) if file is not None else {}
    problems: dict[str, None] = _of_file(_problems(template.parameters, values, True), file)
    given: dict[str, Any] = {}
    try:
        given = parse_assignments(template.parameters, assignments)
    except ParameterError as error:
        problems.update(dict.fromkeys(error.problems))
    if problems:
        raise ParameterError(problems)
    return template.parameters.check({**values, **given}, texts=True)


def parse_sweep(
    template: Template,
    assignments: Sequence[str] = (),
    grid: Sequence[str] = (),
    file: Path | None = None,
) -> list[dict[str, Any]]:
    """All full sets of parameters that a command line stands for, checked.

    Args:
        template: whose parameters they are.
        assignments: ``NAME=VALUE``, for all runs; they stand above the file's ``fixed`` or sets.
        grid: ``NAME=A,B,C`` or ``NAME=FIRST:LAST:STEP``, all combined.
        file: YAML or JSON: a list of mappings, one a run, or a mapping of ``grid`` and ``fixed``;
            beside ``grid`` also one of names and values.

    Raises:
        ParameterError: naming every problem once.
        ValueError: if the file is neither, or they are too many.
        OSError: if it cannot be read.
    """
    declared = template.parameters
    sets, file_grid = read_sets(file, declared, bool(grid)) if file is not None else ([{}], {})
    problems: dict[str, None] = {}
    for values in sets:
        problems.update(_of_file(_problems(declared, values, True), file))
    for name, values in file_grid.items():
        wrong = _problems_of_values(declared, name, values, True)
        problems.update(_of_file(wrong, file))
    given: list[dict] = []
    for read, texts in ((parse_assignments, assignments), (parse_grid, grid)):
        try:
            given.append(read(declared, texts))
        except ParameterError as error:
            problems.update(dict.fromkeys(error.problems))
            given.append({})
    fixed, combined = given
    for name in combined.keys() & file_grid.keys():
        problems[f"{name} is in the file's grid and in --grid: leave one out."] = None
    if problems:
        raise ParameterError(problems)
    sets = [{**values, **fixed} for values in sets]
    # What the file says as a text may stand for a number: YAML reads 1e-3 as a text.
    return combine(template, sets, {**file_grid, **combined}, texts=True)


def _of_file(problems: Iterable[str], file: Path | None) -> dict[str, None]:
    return {f"{file}: {problem}": None for problem in problems}


def plan_runs(template: Template, sets: Iterable[Mapping[str, Any]]) -> SweepPlan:
    """The plan of runs with these full, checked sets; the same set twice is one run.

    Raises:
        ParameterError: if a value names what is not there.
        ValueError: if there is no set.
        OSError: if a file of the data cannot be read.
    """
    sets = list(sets)
    if not sets:
        raise ValueError("There is nothing to run: give a grid or parameters.")
    check_references(template, sets)
    identity, runs = identify(template), {}
    for values in sets:
        name = name_of(template, identity, values)
        runs.setdefault(name, PlannedRun(name=name, parameters=dict(values)))
    return SweepPlan(
        template=template.name,
        path=template.path,
        identity=identity,
        runs=list(runs.values()),
    )


def write_plan(planned: SweepPlan, out: Path) -> Path:
    """Write a plan into the folder of its runs, in one step; where it is.

    Raises:
        ValueError, OSError: in one sentence, if it or the runs could not be written there.
    """
    path = folders.absolute(out) / planned.file_name
    there = path.exists()
    if not there:
        folders.check_folder(path.parent, [run.name for run in planned.runs])
    try:
        with atomic_path(path) as temporary:
            temporary.write_text(planned.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError:
        if not there:  # that of before has the same runs, and was planned earlier
            raise
    return path


def read_plans(out: Path) -> list[SweepPlan]:
    """All plans in a folder.

    Raises:
        ValueError: if one is damaged.
    """
    plans = []
    for path in sorted(out.glob(PLAN.format("*"))):
        try:
            plans.append(SweepPlan.model_validate_json(path.read_text(encoding="utf-8")))
        except (ValidationError, ValueError):
            raise ValueError(f"{path} is damaged: delete it and give the sweep anew.") from None
    return plans


def changed_parts(before: Identity, after: Identity) -> list[str]:
    """Which parts of an identity are others now, in words."""
    named = {"the notebook": "notebook", DATA: "data", "code": "package"}
    parts = [words for words, key in named.items() if getattr(before, key) != getattr(after, key)]
    versions = {**before.versions, **after.versions}
    parts += [n for n in versions if before.versions.get(n) != after.versions.get(n)]
    return parts


def _changes_of_plan(template: Template, identity: Identity, old: SweepPlan) -> list[str]:
    """What makes the names of a plan's runs others than they would be now, in words."""
    if parts := changed_parts(old.identity, identity):
        return parts
    try:
        check_references(template, [run.parameters for run in old.runs])
    except ParameterError as error:  # each problem begins with the parameter's name
        return [f"what {problem.split()[0]} names" for problem in error.problems]
    same = all(name_of(template, identity, run.parameters) == run.name for run in old.runs)
    return [] if same else ["the course's data that a parameter names, or the course itself"]
