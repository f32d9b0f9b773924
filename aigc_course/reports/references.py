"""What a parameter names, checked before a kernel starts: applications, requests, runs.

A limit such as ``[an application]`` or ``[a result of RUNS]`` says where to look; the types and
other limits are checked before (`parameters`). A template's own values are taken as they are, but
for a path at which there is nothing.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from aigc_course.reports.limits import Reference
from aigc_course.reports.notation import as_json, shown
from aigc_course.reports.parameters import Parameter, ParameterError
from aigc_course.reports.templates import Template

_MOST_RECORDS = 1000  # of a folder, to know the names in them


def check_references(template: Template, sets: Iterable[Mapping[str, Any]]) -> None:
    """Look up what the values of some full, checked sets name.

    Args:
        template: whose parameters they are.
        sets: each combination of the parameters concerned is looked up once.

    Raises:
        ParameterError: naming every problem once.
    """
    concerned = [p for p in template.parameters.values() if p.reference is not None]
    own_paths = [p for p in template.parameters.values() if p.paths and p.reference is None]
    problems: dict[str, None] = {}
    looked_up = set()
    for values in sets if concerned or own_paths else ():
        for parameter in own_paths:
            if values.get(parameter.name) == parameter.default:
                problems.update(dict.fromkeys(_missing(template, parameter)))
        for parameter in concerned:
            if parameter.name not in values:
                continue  # of a plan that is older than the parameter
            of = parameter.reference.of
            pair = as_json([parameter.name, values[parameter.name], values.get(of)])
            if pair not in looked_up:
                looked_up.add(pair)
                problems.update(dict.fromkeys(_problems(template, parameter, values)))
    if problems:
        raise ParameterError(problems)


def _problems(template: Template, parameter: Parameter, values: Mapping[str, Any]) -> Iterable[str]:
    reference, value = parameter.reference, values[parameter.name]
    other = template.parameters.get(reference.of)
    own = other is None or values.get(reference.of) == other.default
    if own and value == parameter.default:
        return []
    look_up: dict[str, Callable[[str, Any, Any, Reference], Iterable[str]]] = {
        "application": _application,
        "request": _request,
        "runs": _runs,
        "parameter": _in_runs,
        "result": _in_runs,
    }
    return look_up[reference.kind](parameter.name, value, values.get(reference.of), reference)


def _missing(template: Template, parameter: Parameter) -> Iterable[str]:
    """What of a template's own paths, which begin in its folder, is not there."""
    own = parameter.default
    for text in [own] if isinstance(own, str) else own or ():
        path = template.path.parent / text
        if text and not path.exists():
            yield (
                f"{parameter.name} is {shown(text)} in {template.name}, and there is nothing at "
                f"{path}: give the path of a file or folder that exists."
            )


def _application(name: str, value: str, of: Any, reference: Reference) -> Iterable[str]:
    import aigc_apps

    known = aigc_apps.names()
    if value not in known:
        yield f"{name} is {shown(value)}: {_nearest(value, known)}"


def _request(name: str, value: dict, of: str, reference: Reference) -> Iterable[str]:
    import aigc_apps

    if not value or of not in aigc_apps.names():  # its own example; said of the other parameter
        return
    try:
        aigc_apps.load_application(of).ask(**value)
    except (ValueError, OSError) as error:
        yield from (f"{name}: {line}" for line in str(error).splitlines())


def _runs(name: str, value: str, of: Any, reference: Reference) -> Iterable[str]:
    if value and not _records_in(value):
        yield (
            f"{name} is {shown(value)}: give a folder with a finished run, such as the one "
            f"that `aigc sweep -o` filled; there is none."
        )


def _in_runs(name: str, value: str, of: str, reference: Reference) -> Iterable[str]:
    """A name must be in a record: those of other notebooks in the same folder are not drawn."""
    records = _records_in(of) if of else _records_in(str(_course_sweep()))
    if not records or not value:
        return  # said of the folder; whether it may be empty is said by the limit
    known = {known for record in records for known in record[f"{reference.kind}s"]}
    known |= {"seconds"} if reference.kind == "result" else set()  # which every run has
    if value not in known:
        yield f"{name} is {shown(value)}: {_nearest(value, sorted(known))}"


def _nearest(value: str, known: Collection[str]) -> str:
    folded = {name.lower(): name for name in known}
    near = difflib.get_close_matches(value.strip(" /").lower(), folded, 1, 0.6)
    hint = f"did you mean {folded[near[0]]}? There are" if near else "choose from"
    return f"{hint} {', '.join(list(known)[:20])}."


def _course_sweep() -> Path:
    """What an empty folder of runs stands for, in compare_runs."""
    from aigc_utils.data import data_root

    return data_root() / "records" / "beta"


def _records_in(folder: str) -> tuple[dict[str, dict], ...]:
    """The names in the records of a folder's finished runs; damaged ones are left out.

    Only folders in it are looked into, so that the root of a system is no long walk.
    """
    found = []
    try:
        places = [path for path in Path(folder).iterdir() if not path.name.startswith(".")]
    except OSError:
        return ()
    for place in places[:_MOST_RECORDS]:
        try:
            record = json.loads((place / "run.json").read_text(encoding="utf-8"))
            if record["status"] == "done":
                found.append({kind: dict(record[kind]) for kind in ("parameters", "results")})
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            continue
    return tuple(found)
