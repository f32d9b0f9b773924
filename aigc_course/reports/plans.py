"""Plans of sweeps: which runs a grid, a file or a command line stands for.

A plan is written into the folder of its runs before any is made; a sweep that was stopped goes on
from it.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from aigc_course.reports.identities import Identity, identify, name_of
from aigc_course.reports.notation import as_json
from aigc_course.reports.parameters import ParameterError, parse_assignments, parse_grid
from aigc_course.reports.templates import Template
from aigc_utils.files import atomic_path

PLAN = "sweep-{}.json"


class PlannedRun(BaseModel):
    """One run of a plan: its name and its full parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    parameters: dict[str, Any]


class SweepPlan(BaseModel):
    """What a sweep is to make, as ``sweep-….json`` holds it.

    Attributes:
        template: the notebook's name; `path` is its file.
        runs: without repetition.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

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


def replan(template: Template, out: Path) -> SweepPlan:
    """All runs of all plans of a template in a folder.

    Raises:
        ValueError: if there is no plan, or its runs would not be the same now.
        OSError: if a file of the data cannot be read.
    """
    plans = [old for old in read_plans(out) if old.template == template.name]
    if not plans:
        raise ValueError(f"There is no sweep of {template.name} in {out}: leave --resume out.")
    sets = {run.name: run.parameters for old in plans for run in old.runs}
    planned = plan_runs(template, sets.values())
    if {run.name for run in planned.runs} != set(sets):
        changed = dict.fromkeys(part for old in plans for part in _changes(old, planned))
        raise ValueError(
            f"The runs of {template.name} would not be the same as planned (changed: "
            f"{', '.join(changed)}): give the parameters anew instead of --resume."
        )
    return planned


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


def parse_sweep(
    template: Template,
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


def plan_runs(template: Template, sets: Iterable[Mapping[str, Any]]) -> SweepPlan:
    """The plan of runs with these full, checked sets; the same set twice is one run.

    Raises:
        ValueError: if there is no set.
        OSError: if a file of the data cannot be read.
    """
    identity = identify(template)
    runs = {}
    for values in sets:
        name = name_of(template, identity, values)
        runs.setdefault(name, PlannedRun(name=name, parameters=dict(values)))
    if not runs:
        raise ValueError("There is nothing to run: give a grid or parameters.")
    return SweepPlan(
        template=template.name, path=template.path, identity=identity, runs=list(runs.values())
    )


def write_plan(planned: SweepPlan, out: Path) -> Path:
    """Write a plan into the folder of its runs, in one step; where it is.

    Raises:
        OSError: if it cannot be written.
    """
    path = out / planned.file_name
    if not path.exists():
        with atomic_path(path) as temporary:
            temporary.write_text(planned.model_dump_json(indent=1) + "\n", encoding="utf-8")
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


def _changes(old: SweepPlan, new: SweepPlan) -> list[str]:
    """Which parts of two plans' identities differ, in words."""
    before, after = old.identity, new.identity
    named = {"the notebook": "notebook", "data that it reads": "data", "code": "package"}
    parts = [words for words, key in named.items() if getattr(before, key) != getattr(after, key)]
    versions = {**before.versions, **after.versions}
    parts += [n for n in versions if before.versions.get(n) != after.versions.get(n)]
    return parts or ["the parameters"]
