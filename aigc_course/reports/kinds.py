"""What a parameter's type and its limit allow, in words, for pydantic and from a command line.

The types and the grammar of limits are those of `parameters`.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Optional

from pydantic import AfterValidator, AllowInfNan, Field, Strict

from aigc_course.reports.notation import shown, split, unquote
from aigc_utils.runtime import PROFILES


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


def usual_limit(name: str, annotation: str, default: Any) -> Limit | None:
    """Limits of the two parameters that mean the same in every notebook of the course."""
    if (name, annotation) == ("PROFILE", "str") and default in PROFILES:
        return read_limit(f"one of: {', '.join(PROFILES)}")
    if (name, annotation) == ("SEED", "int"):
        return read_limit(f"0 to {2**32 - 1}")
    return None


_NUMBER = r"(-?[\d_.]+(?:e[+-]?\d+)?)"
_BOUNDS = (
    (rf"{_NUMBER} to {_NUMBER}", ("ge", "le")),
    (rf"at least {_NUMBER}", ("ge",)),
    (rf"more than {_NUMBER}", ("gt",)),
    (rf"at most {_NUMBER}", ("le",)),
    (rf"less than {_NUMBER}", ("lt",)),
)


def read_limit(text: str) -> Limit:
    """Read what stands between square brackets; strictly, so that a slip does not pass.

    Raises:
        ValueError: if it is none of the limits; the sentence lacks the parameter's name.
    """
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


def read_kind(node: ast.expr, limit: Limit | None) -> Kind:
    """What an annotation and a limit allow.

    Args:
        node: the annotation, parsed; nothing in it is executed.
        limit: of the value, or of what is inside a container.

    Raises:
        ValueError: if they cannot be checked; the sentence lacks the parameter's name.
    """
    match node:
        case ast.Constant(value=str(text)):
            return read_kind(_parsed(text), limit)
        case ast.Attribute(value=ast.Name(id="typing"), attr=name):
            return read_kind(ast.Name(name), limit)
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id="typing"), attr=name)):
            return read_kind(ast.Subscript(ast.Name(name), node.slice), limit)
        case ast.BinOp(op=ast.BitOr(), left=inner, right=ast.Constant(value=None)):
            return _optional(read_kind(inner, limit))
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _optional(read_kind(inner, limit))
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            if limit is not None:
                raise ValueError("has choices in its type and a limit: remove the limit.")
            return _choice(_plain_choices(inner))
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


_UNREADABLE = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError)


def _parsed(text: str) -> ast.expr:
    """An annotation that is written in quotes."""
    try:
        return ast.parse(text, mode="eval").body
    except _UNREADABLE:
        raise ValueError(f"has the type {shown(text)}, which is not Python: mend it.") from None


def _plain_choices(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except _UNREADABLE:
        raise ValueError(
            f"has the choices {ast.unparse(node)}, not all of them plain: write numbers and texts."
        ) from None


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
    item = read_kind(inner, _inside(limit, name))

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
    item = read_kind(inner, _inside(limit, "dict"))
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
    except _UNREADABLE:
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
