"""What a parameter names, checked before a kernel starts: applications, requests, runs.

A limit such as ``[an application]`` or ``[a result of RUNS]`` says where to look; the types and
other limits are checked before (`parameters`). A template's own values are taken as they are, but
for a path at which there is nothing.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc_course.reports import inputs, places
from aigc_course.reports.limits import Reference
from aigc_course.reports.notation import as_json, nearest, shown
from aigc_course.reports.parameters import Parameter, ParameterError
from aigc_course.reports.templates import Template

_MOST_ENTRIES = 20_000  # of a folder, looked into for a record: twice what one sweep may make


@dataclass(frozen=True)
class _Known:
    """What the records of a folder's finished runs name.

    Attributes:
        names: by the kind of reference; empty if there is no record.
        whole: whether all entries of the folder were looked into: else there may be more.
    """

    names: dict[str, set[str]]
    whole: bool


# Signs, in lines with a variable's name, that its file is read, or written.
_READS = re.compile(r"\bopen\(|read|load|glob")
_WRITES = re.compile(
    r"save|write|dump|\bto_|[\"'][wax][bt+]{0,2}[\"']|mkdir|copy|move|replace|rename|connect"
)
_LookUp = Callable[[str], _Known]


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
    look_into = functools.cache(_known_in)  # a folder once, whatever is asked of it
    looked_up = set()
    files = [p for p in template.parameters.values() if _is_own_file(template, p)]
    for values in sets if concerned or own_paths or files else ():
        for parameter in files:
            value = values.get(parameter.name)
            problems.update(dict.fromkeys(_no_files(template, parameter, value)))
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
                problems.update(dict.fromkeys(_problems(template, parameter, values, look_into)))
    if problems:
        raise ParameterError(problems)


def _problems(
    template: Template, parameter: Parameter, values: Mapping[str, Any], look_into: _LookUp
) -> Iterable[str]:
    reference, value = parameter.reference, values[parameter.name]
    other = template.parameters.get(reference.of)
    own = other is None or values.get(reference.of) == other.default
    if own and value == parameter.default:
        return []
    look_up: dict[str, Callable[[str, Any, Any, Reference], Iterable[str]]] = {
        "application": _application,
        "request": _request,
        "runs": functools.partial(_runs, look_into),
        "parameter": functools.partial(_in_runs, look_into),
        "result": functools.partial(_in_runs, look_into),
    }
    return look_up[reference.kind](parameter.name, value, values.get(reference.of), reference)


def _is_own_file(template: Template, parameter: Parameter) -> bool:
    """Whether a template's own value is the path of a file, or paths, that it is seen to read."""
    texts = [text for text in places.texts_in(parameter.default) if text]
    paths = [inputs.existing(text, template.path.parent) for text in texts]
    return (
        not parameter.paths
        and parameter.reference is None
        and bool(texts)
        and all(path is not None and path.is_file() for path in paths)
        and all(map(places.is_written_as_a_path, texts))
        and _is_read(parameter.name, template.code)
    )


def _is_read(name: str, code: str) -> bool:
    """Whether code seems to read the file that a variable names, and not to write it."""
    lines = [line for line in code.splitlines() if re.search(rf"\b{re.escape(name)}\b", line)]
    return any(map(_READS.search, lines)) and not any(map(_WRITES.search, lines))


def _no_files(template: Template, parameter: Parameter, value: Any) -> Iterable[str]:
    """What is given in place of a file, and is none; an address or a pattern may be meant so."""
    for text in places.texts_in(value):
        told = places.is_written_as_a_path(text)  # a word may stand for something else
        path = places.expanded(text)
        there = template.path.parent / path
        if told and "://" not in text and not set("*?[") & {*text} and not places.is_there(there):
            yield (
                f"{parameter.name} is {shown(text)}, and there is nothing at "
                f"{os.path.abspath(path)}: give the path of a file that exists, as "
                f"{shown(parameter.default)} is."
            )


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
        yield f"{name} is {shown(value)}: {nearest(value, known)}"


def _request(name: str, value: dict, of: str, reference: Reference) -> Iterable[str]:
    import aigc_apps

    if not value or of not in aigc_apps.names():  # its own example; said of the other parameter
        return
    try:
        aigc_apps.load_application(of).ask(**value)
    except (ValueError, OSError) as error:
        yield from (f"{name}: {line}" for line in str(error).splitlines())


def _runs(
    look_into: _LookUp, name: str, value: str, of: Any, reference: Reference
) -> Iterable[str]:
    if not value:
        return
    known = look_into(value)
    if known.whole and not known.names:
        yield (
            f"{name} is {shown(value)}: give a folder with a finished run, such as the one "
            f"that `aigc sweep -o` filled; there is none."
        )


def _in_runs(
    look_into: _LookUp, name: str, value: str, of: str, reference: Reference
) -> Iterable[str]:
    """A name must be in a record: those of other notebooks in the same folder are not drawn."""
    known = look_into(of or str(_course_sweep()))
    if not known.names or not value:
        return  # said of the folder; whether it may be empty is said by the limit
    names = known.names[reference.kind]
    if value not in names and known.whole:
        yield f"{name} is {shown(value)}: {nearest(value, sorted(names))}"


def _course_sweep() -> Path:
    """What an empty folder of runs stands for, in compare_runs."""
    from aigc_utils.data import data_root

    return data_root() / "records" / "beta"


def _known_in(folder: str) -> _Known:
    """The names in the records of a folder's finished runs; damaged ones are left out.

    Only folders in it are looked into, so that the root of a system is no long walk.
    """
    try:
        places = list(itertools.islice(Path(folder).iterdir(), _MOST_ENTRIES + 1))
    except OSError:
        return _Known({}, whole=True)
    names: dict[str, set[str]] = {}
    for place in places[:_MOST_ENTRIES]:
        if place.name.startswith("."):
            continue
        try:
            record = json.loads((place / "run.json").read_text(encoding="utf-8"))
            if record["status"] != "done":
                continue
            found = {kind: dict(record[f"{kind}s"]) for kind in ("parameter", "result")}
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            continue
        names.setdefault("parameter", set()).update(found["parameter"])
        # Every run has seconds.
        names.setdefault("result", {"seconds"}).update(found["result"])
    return _Known(names, whole=len(places) <= _MOST_ENTRIES)
