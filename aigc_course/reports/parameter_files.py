"""Files of parameters, YAML or JSON: for one run, or for a sweep.

Scalars are read as YAML 1.2 reads them, and as a reader does: ``no``, ``010``, ``12:30`` and
``2026-01-02`` are texts, which the parameter's type then takes or refuses as on a command line.
"""

from __future__ import annotations

import difflib
import functools
import json
import re
from pathlib import Path
from typing import Any

from aigc_course.reports.kinds import each_once
from aigc_course.reports.notation import MOST_PARTS, is_too_large, shown
from aigc_course.reports.parameters import Parameters
from aigc_course.reports.ranges import expand
from aigc_utils.files import read_utf8

MOST_BYTES = 1 << 20
"""Of a file."""
_DEEPEST = 100  # levels


def read_set(file: Path, parameters: Parameters) -> dict[str, Any]:
    """The parameters of one run in a file, not yet checked.

    Args:
        file: a mapping of names and values, alone, below ``fixed``, or as the only one of a list.
        parameters: of the template; a name of theirs is never read as another thing.

    Raises:
        ValueError: if there are none, or those of more than one run.
        OSError: if it cannot be read.
    """
    content = read_data(file)
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    if _is_sweep(content, parameters):
        if content.get("grid"):
            raise ValueError(f"{file} has a grid, which is many runs: use `aigc sweep --params`.")
        content = content.get("fixed")
    if isinstance(content, dict) and content:
        return content
    many = isinstance(content, list) and len(content) > 1
    raise ValueError(
        f"{file} has the parameters of {len(content)} runs: use `aigc sweep --params`."
        if many
        else f"{file} says nothing to run: write a line `NAME: value` for each parameter."
    )


def read_sets(
    file: Path, parameters: Parameters, fixed: bool = False
) -> tuple[list[dict], dict[str, list]]:
    """The sets of parameters of a sweep in a file, and its grid; neither is checked yet.

    Args:
        file: a list of mappings, one a run, or a mapping of ``grid`` and ``fixed``.
        parameters: of the template, whose numbers may be ranges in the grid.
        fixed: whether names and values alone, as of one run, are taken for all runs.

    Raises:
        ValueError: if it is neither.
        OSError: if it cannot be read.
    """
    content = read_data(file)
    if isinstance(content, list) and content and all(isinstance(s, dict) for s in content):
        return content, {}
    if _is_sweep(content, parameters):
        grid, fixed = content.get("grid") or {}, content.get("fixed") or {}
        if "grid" in content and not grid:
            raise ValueError(f"{file} has an empty grid: write `NAME: [A, B]` below it.")
        if isinstance(grid, dict) and isinstance(fixed, dict) and (grid or fixed):
            return [fixed], {name: _values(parameters, name, v) for name, v in grid.items()}
    alone = isinstance(content, dict) and any(name in parameters for name in content)
    if fixed and alone:
        return [content], {}
    if alone and not {"grid", "fixed"} & content.keys():
        raise ValueError(
            f"{file} has the parameters of one run: add --grid, or use `aigc run --params`."
        )
    hint = ""
    if isinstance(content, dict) and content:
        odd = [str(name) for name in content if name not in ("grid", "fixed")]
        near = [difflib.get_close_matches(name, ("grid", "fixed"), 1, 0.7) for name in odd]
        hint = next((f", did you mean {found[0]}?" for found in near if found), "")
        hint = f" (it has {', '.join(map(shown, odd[:6]))}{hint})" if odd else hint
    raise ValueError(
        f"{file} says nothing to run{hint}: write a list with the parameters of each run, "
        f"or `grid:` and `fixed:`."
    )


def read_data(file: Path) -> Any:
    """What a YAML or JSON file holds, in plain values.

    Raises:
        ValueError: if it is too large, no YAML or JSON, or has a name twice.
        OSError: if it cannot be read.
    """
    if not file.exists():
        raise ValueError(f"There is no file {file}: check the path.")
    if not file.is_file():
        raise ValueError(f"{file} is no file: give one with parameters, YAML or JSON.")
    if (size := file.stat().st_size) > MOST_BYTES:
        raise ValueError(f"{file} has {size:,} bytes: give at most {MOST_BYTES:,}.")
    import yaml

    text = read_utf8(file)
    try:
        if file.suffix.lower() == ".json":
            content = json.loads(text, object_pairs_hook=each_once, parse_constant=_no_number)
        else:
            _check_shape(text)
            content = yaml.load(text, Loader=_plain_loader())
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{file} cannot be read ({_reason(error)}): mend it.") from None
    if is_too_large(content):
        raise ValueError(
            f"{file} holds more than {MOST_PARTS:,} characters and values, with what aliases stand "
            f"for: give less."
        )
    return content


def _is_sweep(content: Any, parameters: Parameters) -> bool:
    names = {"grid", "fixed"}
    return isinstance(content, dict) and bool(content) and content.keys() <= names - {*parameters}


def _values(parameters: Parameters, name: Any, value: Any) -> list:
    """The values of one parameter in a grid; a single one needs no brackets."""
    values = value if isinstance(value, list) else [value]
    if name not in parameters:
        return values
    found: list = []
    for item in values:
        found += expand(parameters[name], item) if isinstance(item, str) else [item]
    return found


# What PyYAML's readers, in C and in Python, say of what people do; behind it what it is in words.
_SLIPS = (
    (r"tab character", "blanks may indent a line, and a tab may not"),
    (r"that cannot start any token", "a tab or a sign such as @ or % cannot begin a value"),
    (r"expected ',' or '\]'", "a bracket [ is not closed, or a comma is missing in it"),
    (r"expected ',' or '\}'", "a brace { is not closed, or a comma is missing in it"),
    (r"mapping values are not allowed", "a second colon in a line needs quotes around the text"),
    (r"unexpected end of stream|EOF while scanning a quoted", "a quote is not closed"),
    (r"expected key|expected <block end>|expected '-'", "a line is indented unlike those above it"),
    (r"recursive", "a value holds itself"),
    (r"undefined alias", "there is an alias *NAME without its &NAME"),
    (r"could not determine a constructor", "only plain values are read, and no tags such as !!x"),
    (r"expected a single document", "it holds several documents, parted by ---"),
)


def _reason(error: Exception) -> str:
    """What is wrong with a file, in words, and where."""
    if (sign := getattr(error, "character", None)) is not None:  # of yaml.reader.ReaderError
        code = sign if isinstance(sign, int) else ord(sign)
        return f"it holds the control character U+{code:04X}, as no text does"
    reason = getattr(error, "problem", None) or str(error) or type(error).__name__
    known = f"{getattr(error, 'context', '')} {reason}"
    marks = [getattr(error, "problem_mark", None), getattr(error, "context_mark", None)]
    if re.match("while (parsing a flow|scanning a quoted)", known):  # where it was opened
        marks.reverse()
    mark = marks[0] or marks[1]
    reason = next((words for slip, words in _SLIPS if re.search(slip, known)), reason)
    where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"{' '.join(reason.split())[:200]}{where}"


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _check_shape(text: str) -> None:
    """Refuse YAML that is too deep or too much before anything is built of it.

    PyYAML's parser in C gives one event after the other, but what builds values of them calls
    itself for each level, and ends the process at some ten thousand.
    """
    import yaml

    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_plain_loader())):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise ValueError(f"it is more than {_DEEPEST} levels deep")
        if count > MOST_PARTS:
            raise ValueError(f"it has more than {MOST_PARTS:,} values")


@functools.cache
def _plain_loader() -> type:
    """A loader of YAML whose scalars are those of version 1.2, and whose names stand once."""
    import yaml

    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class PlainLoader(base):
        """Reads data only."""

        yaml_implicit_resolvers = {}  # noqa: RUF012  (PyYAML's own way)

    def mapping(loader: PlainLoader, node: yaml.MappingNode) -> dict:
        seen = set()
        for key, _ in node.value:
            # By its text: what is merged in (<<) may come more than once, and is set after.
            name = key.value if isinstance(key, yaml.ScalarNode) else id(key)
            if name in seen and name != "<<":
                reason = f"{shown(name)} stands there twice"
                raise yaml.constructor.ConstructorError(None, None, reason, key.start_mark)
            seen.add(name)
        loader.flatten_mapping(node)
        return loader.construct_mapping(node, deep=True)

    for tag, pattern in {
        "bool": r"true|True|TRUE|false|False|FALSE",
        "int": r"[-+]?(0|[1-9][0-9]*)",
        "float": r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
        "null": r"~|null|Null|NULL|",
        "merge": r"<<",
    }.items():
        PlainLoader.add_implicit_resolver(
            f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), None
        )
    PlainLoader.add_constructor("tag:yaml.org,2002:map", mapping)
    return PlainLoader
