"""The values of ``-p``, and of ``--grid``: lists, and ranges of numbers such as ``SEED=0:9``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from aigc_course.reports.notation import shown, split, unquote
from aigc_course.reports.parameters import Parameter, ParameterError, Parameters

MOST_VALUES = 10_000
"""Of one range."""

_NUMBER = r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)\s*"
_RANGE = re.compile(rf"{_NUMBER}:{_NUMBER}(?::{_NUMBER})?")


def parse_assignments(parameters: Parameters, assignments: Sequence[str]) -> dict[str, Any]:
    """What ``-p NAME=VALUE`` options give: the values of these names, checked.

    Raises:
        ParameterError: naming every problem at once.
    """
    values: dict[str, Any] = {}
    problems = []
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            problems.append(f"{shown(assignment)} has no value: write NAME=VALUE.")
        elif name in values:
            twice = f"{shown(values[name])} and {shown(text)}"
            problems.append(f"{name} is given twice, {twice}: leave one out.")
        elif name not in parameters:
            problems.append(parameters.unknown(name))
        else:
            values[name] = text
    for name, text in values.items():
        try:
            parameters.check({name: text}, texts=True)
        except ParameterError as error:
            problems += _several(parameters[name], text) or error.problems
    if problems:
        raise ParameterError(problems)
    full = parameters.check(values, texts=True)
    return {name: full[name] for name in values}


def _several(parameter: Parameter, text: str) -> list[str]:
    """What to say of a text that is no value of a parameter, but several; else nothing."""
    try:
        values = parse_grid(Parameters("", (parameter,)), [f"{parameter.name}={text}"])
    except ParameterError:
        return []
    if len(values[parameter.name]) < 2:
        return []
    given = f"--grid {parameter.name}={text}"
    if len(given) > 300 or not given.isprintable():
        given = "--grid in place of -p"
    return [
        f"{parameter.name} is {shown(text)}, which is several values: use `aigc sweep` with "
        f"{given}."
    ]


def parse_grid(parameters: Parameters, assignments: Sequence[str]) -> dict[str, list[Any]]:
    """What ``--grid NAME=A,B,C`` options give: the values of each name, checked.

    Commas inside brackets or quotes do not part values: ``HIDDEN_UNITS=[256,128],[64]``. Of a
    number, ``FIRST:LAST`` and ``FIRST:LAST:STEP`` stand for all from the first to the last, which
    is one of them if the steps meet it: ``SEED=0:9`` is ten seeds. A text keeps its colons.

    Raises:
        ParameterError: naming every problem at once.
    """
    grid: dict[str, list[Any]] = {}
    problems = []
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not text.strip():
            problems.append(f"{shown(assignment)} has no values: write NAME=A,B,C.")
        elif name in grid:
            problems.append(f"{name} is given twice: write {name}=A,B,C once.")
        elif name not in parameters:
            problems.append(parameters.unknown(name))
        else:
            grid[name] = []
            for part in split(text):
                bare = part if parameters[name].number else unquote(part)
                try:
                    texts = expand(parameters[name], bare)
                    grid[name] += [parameters.check({name: t}, texts=True)[name] for t in texts]
                except ParameterError as error:
                    problems += error.problems
                except ValueError as error:
                    problems.append(str(error))
    if problems:
        raise ParameterError(problems)
    return grid


def expand(parameter: Parameter, text: str) -> list[str]:
    """The values in a range, as texts; of what is no range, or no number, the text itself.

    Raises:
        ValueError: if the range is empty, its step is 0, or it has more than `MOST_VALUES`.
    """
    match = _RANGE.fullmatch(text)
    if parameter.number is None or match is None:
        return [text]
    first, last = Decimal(match[1]), Decimal(match[2])
    step = Decimal(match[3] or 1)
    if step == 0 or (last - first) * step < 0:
        raise ValueError(
            f"{parameter.name} is {shown(text)}, which holds no number: write FIRST:LAST or "
            f"FIRST:LAST:STEP, with a step below 0 to count down."
        )
    if abs(last - first) / abs(step) >= MOST_VALUES:
        raise ValueError(
            f"{parameter.name} is {shown(text)}: give a range of at most {MOST_VALUES:,} numbers."
        )
    # Of decimals: 0.1:0.3:0.1 is 0.1, 0.2, 0.3, which binary steps would not meet.
    number = int((last - first) / step) + 1
    return [_as_text(first + i * step) for i in range(number)]


def _as_text(value: Decimal) -> str:
    return str(int(value)) if value == value.to_integral_value() else str(value)
