"""Typed parameters: what a notebook's ``parameters`` cell allows, read without executing it.

A parameter is one annotated line; its comment is its help, and square brackets at the end
of the comment limit its values::

    LATENT_DIM: int = 16  # latent dimensions [1 to 512]
    DECODER: str = "bernoulli"  # what a pixel is drawn from [one of: bernoulli, gaussian]
    LEARNING_RATE: float = 0.004  # the peak of the schedule [more than 0 and at most 1]
    HIDDEN_UNITS: list[int] = [256, 128]  # widths of the hidden layers [each 1 to 4096]

Types: ``bool``, ``int``, ``float``, ``str``, ``Literal[...]``, ``list``, ``tuple`` and ``dict``
with or without the type of what is inside, and any of these ``| None``. The limits are comments
because an annotation is evaluated where the cell runs: in Jupyter, Colab and papermill the cell
needs no import. The grammar of a limit, with ``each`` in front for what is inside a container::

    one of: A, B, C
    a path           (of a file or folder whose contents belong to what decides the results)
    A to B | at least A | more than A | at most B | less than B      (joined by "and")
"""

from __future__ import annotations

import ast
import difflib
import io
import json
import math
import re
import reprlib
import tokenize
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Optional

from pydantic import AfterValidator, AllowInfNan, Field, Strict, TypeAdapter

from aigc_utils.runtime import PROFILES


class ParameterError(ValueError):
    """Values that a template does not take; one line for each problem.

    Attributes:
        problems: the sentences, each naming its parameter.
    """

    def __init__(self, problems: Iterable[str]):
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class Parameter:
    """One parameter of a template.

    Attributes:
        name: as in the notebook.
        annotation: its type, as written there.
        default: the value when none is given.
        help: the comment beside it, without the limit.
        wanted: what may be given, in words.
        paths: whether it is a path, or holds paths. One that is given is relative to the folder
            at hand, and becomes absolute; the template's own is relative to the template.
    """

    name: str
    annotation: str
    default: Any
    help: str
    wanted: str
    paths: bool
    _parse: Callable[[str], Any] = field(repr=False, compare=False)
    _adapter: TypeAdapter = field(repr=False, compare=False)

    def parse(self, text: str) -> Any:
        """The value that ``text`` from a command line stands for.

        Raises:
            ValueError: if it stands for none of this type.
        """
        return self._parse(text)

    def check(self, value: Any) -> Any:
        """``value`` as this parameter's type: whole numbers become floats where asked.

        Raises:
            ValueError: if it is of another type, or out of range.
        """
        # NumPy's scalars and arrays, of which a sweep in Python is often made.
        if hasattr(value, "dtype") and hasattr(value, "tolist"):
            value = value.tolist()
        return self._adapter.validate_python(value)

    def refusal(self, value: Any) -> str:
        """The sentence that says why ``value`` is not taken."""
        return f"{self.name} is {shown(value)}: give {self.wanted}."


@dataclass(frozen=True)
class Parameters(Mapping[str, Parameter]):
    """All parameters of a template, by name, in the order of the cell."""

    template: str
    items_: tuple[Parameter, ...]

    def __getitem__(self, name: str) -> Parameter:
        for parameter in self.items_:
            if parameter.name == name:
                return parameter
        raise KeyError(name)

    def __iter__(self):
        return (parameter.name for parameter in self.items_)

    def __len__(self) -> int:
        return len(self.items_)

    def check(self, values: Mapping[str, Any], *, texts: bool = False) -> dict[str, Any]:
        """The full set of values: those given, checked, and the others' defaults.

        Args:
            values: any of the parameters.
            texts: read a text as on the command line where another type is asked.

        Raises:
            ParameterError: naming every problem at once.
        """
        full = {name: parameter.default for name, parameter in self.items()}
        problems = []
        for name, value in values.items():
            if name not in full:
                problems.append(self.unknown(name))
                continue
            parameter = self[name]
            if parameter.paths and value == parameter.default:
                continue
            try:
                if texts and isinstance(value, str):
                    value = parameter.parse(value)
                full[name] = parameter.check(value)
            except (ValueError, RecursionError, OverflowError):
                problems.append(parameter.refusal(value))
        if problems:
            raise ParameterError(problems)
        return full

    def unknown(self, name: Any) -> str:
        """The sentence for a name that this template does not have, with the nearest one."""
        sentence = f"There is no parameter {shown(name)} in {self.template}"
        if not self.items_:
            return f"{sentence}, which takes none: leave it out."
        near = difflib.get_close_matches(str(name).upper(), [n.upper() for n in self], 1, 0.5)
        if near:
            return f"{sentence}: did you mean {next(n for n in self if n.upper() == near[0])}?"
        return f"{sentence}: choose from {', '.join(self)}."

    def changed(self, full: Mapping[str, Any]) -> dict[str, Any]:
        """Those values of a full set that are not the defaults."""
        return {n: full[n] for n, p in self.items() if as_json(full[n]) != as_json(p.default)}


def read(source: str, template: str) -> Parameters:
    """Read a ``parameters`` cell; nothing in it is executed.

    Args:
        source: the cell's text.
        template: what messages call the notebook.

    Raises:
        ValueError: if a line is no parameter, or its type, default or limit cannot be read.
    """
    where = f"The parameters cell of {template}"
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or "?"
        raise ValueError(f"{where} is not Python (line {line}): mend it.") from None
    comments = {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found: dict[str, Parameter] = {}
    for statement in statements:
        match statement:
            case ast.ImportFrom(module="typing") | ast.Expr(value=ast.Constant()):
                continue  # for Literal; a remark in quotes
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
                parameter = _parameter(statement, comments.get(statement.end_lineno, ""), where)
            case ast.Assign(targets=[ast.Name(id=name)]):
                raise ValueError(
                    f"{where} gives {name} no type: write {name}: int = ..., for example."
                )
            case _:
                raise ValueError(
                    f"{where} has a line {statement.lineno} that is no parameter: "
                    f"move it to another cell."
                )
        if name in found:
            raise ValueError(f"{where} has {name} twice: remove one.")
        found[name] = parameter
    return Parameters(template, tuple(found.values()))


def table(parameters: Parameters) -> str:
    """All parameters as text: name, type, default, help and what may be given."""
    if not parameters:
        return f"{parameters.template} takes no parameters."
    lines = [f"Parameters of {parameters.template}:", ""]
    for parameter in parameters.values():
        default = shown(parameter.default)
        lines.append(f"  {parameter.name}: {parameter.annotation} = {default}")
        text = f"{parameter.help}. " if parameter.help else ""
        lines.append(f"      {text}Give {parameter.wanted}.")
    return "\n".join(lines)


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
            problems.append(f"{name} is given twice: leave one out.")
        elif name not in parameters:
            problems.append(parameters.unknown(name))
        else:
            values[name] = text
    for name, text in values.items():
        try:
            parameters.check({name: text}, texts=True)
        except ParameterError as error:
            problems += error.problems
    if problems:
        raise ParameterError(problems)
    full = parameters.check(values, texts=True)
    return {name: full[name] for name in values}


def parse_grid(parameters: Parameters, assignments: Sequence[str]) -> dict[str, list[Any]]:
    """What ``--grid NAME=A,B,C`` options give: the values of each name, checked.

    Commas inside brackets or quotes do not part values: ``HIDDEN_UNITS=[256,128],[64]``.

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
                try:
                    grid[name].append(parameters.check({name: unquote(part)}, texts=True)[name])
                except ParameterError as error:
                    problems += error.problems
    if problems:
        raise ParameterError(problems)
    return grid


def shown(value: Any) -> str:
    """A value as a message shows it: its repr, cut short, on one line."""
    try:
        return " ".join(_SHORT.repr(value).split())
    except ValueError:  # Python writes no whole number of more than 4300 digits
        return f"a very long {type(value).__name__}"


def as_json(value: Any) -> str:
    """The one JSON text of a value: what identities are made of."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=False)


def split(text: str) -> list[str]:
    """The parts of ``a, [b, c], "d,e"`` between its outermost commas, stripped."""
    parts, depth, quote, start = [], 0, "", 0
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'" and not text[start:position].strip():
            quote = character  # an apostrophe inside a word opens nothing
        elif character in "[({":
            depth += 1
        elif character in "])}":
            depth -= 1
        elif character == "," and depth <= 0:
            parts.append(text[start:position].strip())
            start = position + 1
    parts.append(text[start:].strip())
    return parts


def unquote(text: str) -> str:
    """``text`` without the quotes around it, if there are any."""
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text


# ---- what a type and a limit allow ---------------------------------------------------

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 8


@dataclass(frozen=True)
class Limit:
    """What a bracket in a comment allows: its words, and what pydantic checks."""

    words: str
    checks: tuple[Any, ...]
    each: bool = False
    choices: tuple[str, ...] = ()
    path: bool = False


@dataclass(frozen=True)
class Kind:
    """A type: in words (one, many), for pydantic, and read from a command line."""

    one: str
    many: str
    type: Any
    parse: Callable[[str], Any]


def _parameter(statement: ast.AnnAssign, comment: str, where: str) -> Parameter:
    name = statement.target.id
    annotation = ast.unparse(statement.annotation)
    try:
        default = ast.literal_eval(statement.value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"{where} gives {name} no plain value: write it out.") from None
    text, bracket = re.fullmatch(r"(.*?)\s*(?:\[([^\[\]]*)\])?", comment, re.DOTALL).groups()
    try:
        limit = _limit(bracket) if bracket is not None else _usual(name, annotation, default)
        kind = _kind(statement.annotation, limit)
    except ValueError as error:
        raise ValueError(f"{where}: {name} {error}") from None
    parameter = Parameter(
        name,
        annotation,
        default,
        text.rstrip(" .;:,"),
        kind.one,
        limit is not None and limit.path,
        kind.parse,
        TypeAdapter(kind.type),
    )
    if parameter.paths:
        return parameter  # what it points to may not be there yet
    try:
        return replace(parameter, default=parameter.check(default))
    except (ValueError, RecursionError, OverflowError):
        raise ValueError(f"{where}: by default {parameter.refusal(default)}") from None


def _usual(name: str, annotation: str, default: Any) -> Limit | None:
    """Limits of the two parameters that mean the same in every notebook of the course."""
    if (name, annotation) == ("PROFILE", "str") and default in PROFILES:
        return _limit(f"one of: {', '.join(PROFILES)}")
    if (name, annotation) == ("SEED", "int"):
        return _limit(f"0 to {2**32 - 1}")
    return None


_NUMBER = r"(-?[\d_.]+(?:e[+-]?\d+)?)"
_BOUNDS = (
    (rf"{_NUMBER} to {_NUMBER}", ("ge", "le")),
    (rf"at least {_NUMBER}", ("ge",)),
    (rf"more than {_NUMBER}", ("gt",)),
    (rf"at most {_NUMBER}", ("le",)),
    (rf"less than {_NUMBER}", ("lt",)),
)


def _limit(text: str) -> Limit:
    """Read what stands between square brackets; strictly, so that a slip does not pass."""
    words = " ".join(text.split())
    body = words.removeprefix("each ")
    each = body != words
    if body == "a path":
        return Limit("of a file or folder that exists", (), each, path=True)
    if match := re.fullmatch(r"one of: (.+)", body):
        choices = tuple(choice.strip() for choice in match[1].split(","))
        if not all(choices):
            raise ValueError(f"has the limit [{text}] with an empty choice: remove a comma.")
        return Limit(body, (), each, choices)
    bounds: dict[str, float] = {}
    for part in body.split(" and "):
        for pattern, names in _BOUNDS:
            if match := re.fullmatch(pattern, part):
                for bound, number in zip(names, match.groups(), strict=True):
                    bounds[bound] = _number(number, text)
                break
        else:
            raise ValueError(
                f"has the limit [{text}], which cannot be read: write [A to B], [at least A], "
                f"[more than A], [at most B], [less than B], [one of: A, B] or [a path]."
            )
    return Limit(body, (Field(**bounds),), each)


def _number(text: str, limit: str) -> float:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise ValueError(f"has the limit [{limit}], where {text} is no number.") from None


def _kind(node: ast.expr, limit: Limit | None) -> Kind:
    match node:
        case ast.Constant(value=str(text)):
            return _kind(ast.parse(text, mode="eval").body, limit)
        case ast.Attribute(value=ast.Name(id="typing"), attr=name):
            return _kind(ast.Name(name), limit)
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id="typing"), attr=name)):
            return _kind(ast.Subscript(ast.Name(name), node.slice), limit)
        case ast.BinOp(op=ast.BitOr(), left=inner, right=ast.Constant(value=None)):
            return _optional(_kind(inner, limit))
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _optional(_kind(inner, limit))
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            if limit is not None:
                raise ValueError("has choices in its type and a limit: remove the limit.")
            return _choice(ast.literal_eval(inner))
        case ast.Name(id="bool" | "int" | "float" | "str" as name):
            return _scalar(name, limit)
        case ast.Name(id="list" | "tuple" | "dict" as name):
            if limit is not None:
                raise ValueError(f"has a limit, but says not what is inside: write {name}[...].")
            return _container(name)
        case ast.Subscript(value=ast.Name(id="list"), slice=inner):
            return _sequence("list", inner, limit)
        case ast.Subscript(
            value=ast.Name(id="tuple"),
            slice=ast.Tuple(elts=[inner, ast.Constant(value=value)]),
        ) if value is ...:
            return _sequence("tuple", inner, limit)
        case ast.Subscript(
            value=ast.Name(id="dict"), slice=ast.Tuple(elts=[ast.Name(id="str"), inner])
        ):
            return _dictionary(inner, limit)
        case _:
            raise ValueError(
                f"has the type {ast.unparse(node)}, which cannot be checked: use bool, int, float, "
                f"str, Literal[...], list[...], tuple[..., ...] or dict[str, ...]."
            )


def _scalar(name: str, limit: Limit | None) -> Kind:
    one, many, parse, checks = {
        "bool": ("True or False", "True or False", _parse_bool, ()),
        "int": ("a whole number", "whole numbers", int, (AfterValidator(_short),)),
        "float": ("a number", "numbers", float, (AllowInfNan(False),)),
        "str": ("a text", "texts", str, (AfterValidator(_text),)),
    }[name]
    python = {"bool": bool, "int": int, "float": float, "str": str}[name]
    if limit is None:
        return Kind(one, many, Annotated[python, Strict(), *checks], parse)
    if limit.each:
        raise ValueError(f"is one {name}, but its limit says each: remove the word.")
    if limit.choices:
        try:
            return _choice(tuple(parse(choice) for choice in limit.choices))
        except ValueError:
            raise ValueError(f"has the limit [{limit.words}] with a choice of no {name}.") from None
    if limit.path and name == "str":
        path = Annotated[str, Strict(), AfterValidator(_path)]
        return Kind(f"the path {limit.words}", f"paths, each {limit.words}", path, parse)
    if limit.path or name not in ("int", "float"):
        raise ValueError(f"is a {name}, which has no such limit: write [one of: A, B].")
    return Kind(
        f"{one}, {limit.words}",
        f"{many}, each {limit.words}",
        Annotated[python, Strict(), *checks, *limit.checks],
        parse,
    )


def _choice(choices: Any) -> Kind:
    choices = choices if isinstance(choices, tuple) else (choices,)
    words = "one of: " + ", ".join(map(str, choices))

    def belongs(value: Any) -> Any:
        # 1 == True == 1.0 in Python, but not here.
        for choice in choices:
            same = type(value) is type(choice) or (type(value), type(choice)) == (int, float)
            if same and value == choice:
                return choice
        raise ValueError(words)

    def parse(text: str) -> Any:
        return next((choice for choice in choices if str(choice) == text), text)

    return Kind(words, f"any of: {words[8:]}", Annotated[Any, AfterValidator(belongs)], parse)


def _optional(kind: Kind) -> Kind:
    def parse(text: str) -> Any:
        return None if text in ("None", "null") else kind.parse(text)

    # Not `kind.type | None`: what pydantic annotates knows no such operator.
    return Kind(f"{kind.one}, or None", f"{kind.many}, or None", Optional[kind.type], parse)  # noqa: UP045


def _sequence(name: str, inner: ast.expr, limit: Limit | None) -> Kind:
    item = _kind(inner, _inside(limit, name))

    def parse(text: str) -> list:
        stripped = text.strip()
        if stripped[:1] + stripped[-1:] not in ("[]", "()"):
            raise ValueError("no brackets")
        parts = split(stripped[1:-1])
        if parts[-1] == "":  # [] and a comma at the end
            parts.pop()
        return [item.parse(unquote(part)) for part in parts]

    python = list[item.type] if name == "list" else tuple[item.type, ...]
    bracket = "[A, B]" if name == "list" else "(A, B)"
    words = f"a {name} of {item.many}, written {bracket}"
    return Kind(words, f"{name}s of {item.many}", python, parse)


def _dictionary(inner: ast.expr, limit: Limit | None) -> Kind:
    item = _kind(inner, _inside(limit, "dict"))
    words = f"of texts to {item.many}"
    return Kind(
        f"a dict {words}, written {{'A': B}}", f"dicts {words}", dict[str, item.type], _parse_plain
    )


def _inside(limit: Limit | None, name: str) -> Limit | None:
    if limit is None:
        return None
    if not limit.each:
        raise ValueError(f"is a {name}, so its limit must begin with each: [each {limit.words}].")
    return replace(limit, each=False)


def _container(name: str) -> Kind:
    python = {"list": list, "tuple": tuple, "dict": dict}[name]
    words = f"a {name} of numbers and texts, in Python's notation"
    return Kind(words, f"{name}s", Annotated[python, AfterValidator(_plain)], _parse_plain)


def _parse_bool(text: str) -> bool:
    try:
        return {"true": True, "false": False}[text.strip().lower()]
    except KeyError:
        raise ValueError(text) from None


def _parse_plain(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return json.loads(text)  # true, false and null are JSON's


def _short(value: int) -> int:
    if value.bit_length() > 1024:  # what a float holds, and far from what cannot be printed
        raise ValueError("too many digits")
    return value


def _text(value: str) -> str:
    value.encode("utf-8")  # a lone surrogate can be written to no file
    if "\0" in value:
        raise ValueError("a NUL is in no text")
    return value


def _path(value: str) -> str:
    try:
        if value and Path(_text(value)).exists():
            return str(Path(value).resolve())
    except OSError:
        pass  # too long a name, or a folder that may not be looked into
    raise ValueError("no file or folder")


def _plain(value: Any) -> Any:
    """Pass what JSON can hold, with tuples besides."""
    match value:
        case None | bool():
            return value
        case int():
            return _short(value)
        case float() if math.isfinite(value):
            return value
        case str():
            return _text(value)
        case list() | tuple():
            for item in value:
                _plain(item)
            return value
        case dict() if all(isinstance(key, str) for key in value):
            for key, item in value.items():
                _plain(key), _plain(item)
            return value
        case _:
            raise ValueError("neither a number nor a text")
