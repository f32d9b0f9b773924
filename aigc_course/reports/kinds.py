"""What a parameter's type and its limit allow, in words, for pydantic and from a command line.

The types are those of `parameters`, the grammar of limits is that of `limits`.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Optional

from pydantic import AfterValidator, AllowInfNan, Strict

from aigc_course.reports.declarations import UNREADABLE
from aigc_course.reports.limits import Limit, read_limit
from aigc_course.reports.notation import (
    check_plain,
    check_text,
    check_whole_number,
    shown,
    split,
    unquote,
)
from aigc_course.reports.places import expanded

ANYTHING = "a number, a text, True, False, None, or a list or dict of these"

_WHOLE = AfterValidator(check_whole_number)


@dataclass(frozen=True)
class Kind:
    """A type: in words (one, many), for pydantic, and read from a command line.

    Attributes:
        number: int or float, if it is one: then a grid takes ranges.
    """

    one: str
    many: str
    type: Any
    parse: Callable[[str], Any]
    number: type | None = field(default=None)


def annotation_of(value: Any) -> ast.expr:
    """The type of a parameter that states none, from its value: ``list[int]`` of ``[1, 2]``."""
    return ast.parse(_type_of(value), mode="eval").body


def _type_of(value: Any) -> str:
    if value is None:
        return "Any"
    name = type(value).__name__
    if isinstance(value, list | tuple) and value:
        inside = {type(item) for item in value}
        if inside == {int, float}:
            inside = {float}
        if len(inside) == 1 and inside <= {bool, int, float, str}:
            return f"{name}[{inside.pop().__name__}{', ...' * (name == 'tuple')}]"
    return name


def read_kind(node: ast.expr, limit: Limit | None, home: Path | None = None) -> Kind:
    """What an annotation and a limit allow.

    Args:
        node: the annotation, parsed; nothing in it is executed.
        limit: of the value, or of what is inside a container.
        home: the folder of the template, from where its own paths are.

    Raises:
        ValueError: if they cannot be checked; the sentence lacks the parameter's name.
    """
    match node:
        case ast.Constant(value=str(text)):
            return read_kind(_parsed(text), limit, home)
        case ast.Attribute(value=ast.Name(id="typing"), attr=name):
            return read_kind(ast.Name(name), limit, home)
        case ast.Subscript(value=ast.Attribute(value=ast.Name(id="typing"), attr=name)):
            return read_kind(ast.Subscript(ast.Name(name), node.slice), limit, home)
        case ast.BinOp(op=ast.BitOr(), left=inner, right=ast.Constant(value=None)):
            return _optional(read_kind(inner, limit, home))
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _optional(read_kind(inner, limit, home))
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, *notes])):
            return read_kind(inner, _limit_among(notes, limit), home)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=inner):
            if limit is not None:
                raise ValueError("has choices in its type and a limit: remove the limit.")
            return _choice(_plain_choices(inner))
        case ast.Name(id="Any"):
            if limit is not None:
                raise ValueError("may be anything, but has a limit: give it a type.")
            return Kind(ANYTHING, "values", Annotated[Any, AfterValidator(check_plain)], _parse_any)
        case ast.Name(id="bool" | "int" | "float" | "str" as name):
            return _scalar(name, limit, home)
        case ast.Name(id="list" | "tuple" | "dict" as name):
            return _container(name, limit)
        case ast.Subscript(value=ast.Name(id="list"), slice=inner):
            return _sequence("list", inner, limit, home)
        case ast.Subscript(
            value=ast.Name(id="tuple"),
            slice=ast.Tuple(elts=[inner, ast.Constant(value=value)]),
        ) if value is ...:
            return _sequence("tuple", inner, limit, home)
        case ast.Subscript(
            value=ast.Name(id="dict"), slice=ast.Tuple(elts=[ast.Name(id="str"), inner])
        ):
            return _dictionary(inner, limit, home)
        case _:
            raise ValueError(
                f"has the type {ast.unparse(node)}, which cannot be checked: use bool, int, float, "
                f"str, Literal[...], list[...], tuple[..., ...] or dict[str, ...]."
            )


def _parsed(text: str) -> ast.expr:
    """An annotation that is written in quotes."""
    try:
        return ast.parse(text, mode="eval").body
    except UNREADABLE:
        raise ValueError(f"has the type {shown(text)}, which is not Python: mend it.") from None


def _limit_among(notes: list[ast.expr], limit: Limit | None) -> Limit | None:
    """The limit that ``Annotated[int, "1 to 9"]`` holds beside its type."""
    for note in notes:
        match note:
            case ast.Constant(value=str(text)) if limit is None:
                limit = read_limit(text)
            case _:
                raise ValueError(
                    f"has {ast.unparse(note)} in its type: give one limit as a text, such as "
                    f"Annotated[int, '1 to 9'], and none in the comment."
                )
    return limit


def _plain_choices(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except UNREADABLE:
        raise ValueError(
            f"has the choices {ast.unparse(node)}, not all of them plain: write numbers and texts."
        ) from None


def _scalar(name: str, limit: Limit | None, home: Path | None) -> Kind:
    one, many, parse, checks = {
        "bool": ("True or False", "True or False", _parse_bool, ()),
        "int": (
            "a whole number",
            "whole numbers",
            _parse_int,
            (AfterValidator(check_whole_number),),
        ),
        "float": ("a number", "numbers", _parse_float, (AllowInfNan(False),)),
        "str": ("a text", "texts", str, (AfterValidator(check_text),)),
    }[name]
    python = {"bool": bool, "int": int, "float": float, "str": str}[name]
    number = python if python in (int, float) else None
    if limit is None:
        return Kind(one, many, Annotated[python, Strict(), *checks], parse, number)
    if limit.each or limit.items:
        raise ValueError(f"is one {name}, but its limit says each or items: remove the word.")
    if limit.choices:
        choices = (*limit.choices, "") if limit.or_empty else limit.choices
        try:
            return _choice(tuple(parse(choice) for choice in choices), limit.words)
        except ValueError:
            raise ValueError(f"has the limit [{limit.words}] with a choice of no {name}.") from None
    if limit.within is not None and number is not None and not limit.or_empty:
        return Kind(
            f"{one}, {limit.words}",
            f"{many}, each {limit.words}",
            Annotated[python, Strict(), *checks, AfterValidator(limit.within)],
            parse,
            number,
        )
    named = limit.path or (limit.reference is not None and limit.reference.kind != "request")
    if not named or name != "str":
        raise ValueError(f"is {one}, which has no such limit: write [one of: A, B].")
    check = _existing(home, limit.or_empty) if limit.path else check_text
    if not limit.path and not limit.or_empty and limit.reference.kind != "application":
        check = _some_text  # of an application that is none, all that there are are said
    return Kind(
        limit.words,
        f"texts, each {limit.words}",
        Annotated[str, Strict(), AfterValidator(check)],
        parse,
    )


def _choice(choices: Any, words: str = "") -> Kind:
    choices = choices if isinstance(choices, tuple) else (choices,)
    words = words or "one of: " + ", ".join(map(str, choices))

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
    return Kind(
        f"{kind.one}, or None",
        f"{kind.many}, or None",
        Optional[kind.type],  # noqa: UP045
        parse,
        kind.number,
    )


def _sequence(name: str, inner: ast.expr, limit: Limit | None, home: Path | None) -> Kind:
    item = read_kind(inner, _inside(limit, name), home)

    def parse(text: str) -> list:
        stripped = text.strip()
        if stripped[:1] + stripped[-1:] not in ("[]", "()"):
            raise ValueError("no brackets")
        parts = split(stripped[1:-1])
        if parts[-1] == "":  # [] and a comma at the end
            parts.pop()
        # What stands in quotes is a text, and no number.
        return [item.parse(part if item.number else unquote(part)) for part in parts]

    python = list[item.type] if name == "list" else tuple[item.type, ...]
    bracket = "[A, B]" if name == "list" else "(A, B)"
    words = f"{name} of {_counted(limit)}{item.many}, written {bracket}"
    return Kind(f"a {words}", f"{name}s of {item.many}", _sized(python, limit), parse)


def _dictionary(inner: ast.expr, limit: Limit | None, home: Path | None) -> Kind:
    item = read_kind(inner, _inside(limit, "dict"), home)
    words = f"of {_counted(limit)}texts to {item.many}"
    return Kind(
        f"a dict {words}, written {{'A': B}}",
        f"dicts {words}",
        _sized(dict[str, item.type], limit),
        _parse_plain,
    )


def _counted(limit: Limit | None) -> str:
    return f"{limit.items.words} " if limit and limit.items else ""


def _sized(python: Any, limit: Limit | None) -> Any:
    """A container's type with the limit on how many things it holds."""
    if limit is None or limit.items is None:
        return python

    def check(value: Any) -> Any:
        limit.items.within(len(value))
        return value

    return Annotated[python, AfterValidator(check)]


def _inside(limit: Limit | None, name: str) -> Limit | None:
    if limit is None:
        return None
    if not limit.each and not limit.items:
        raise ValueError(f"is a {name}, so its limit must begin with each: [each {limit.words}].")
    return limit.inside


def _container(name: str, limit: Limit | None) -> Kind:
    python = Annotated[
        {"list": list, "tuple": tuple, "dict": dict}[name], AfterValidator(check_plain)
    ]
    words = "fields and their values" if name == "dict" else "numbers and texts"
    one = f"a {name} of {_counted(limit)}{words}, in Python's notation"
    if name == "dict" and limit and limit.reference and limit.reference.kind == "request":
        one = f"{limit.words}, each once, as a dict such as {{'A': 1}}"
    elif limit and (limit.each or not limit.items):
        raise ValueError(f"has a limit, but says not what is inside: write {name}[...].")
    return Kind(one, f"{name}s", _sized(python, limit), _parse_plain)


def _parse_bool(text: str) -> bool:
    try:
        return {"true": True, "false": False}[text.strip().lower()]
    except KeyError:
        raise ValueError(text) from None


def _parse_int(text: str) -> int:
    return int(_digits(text))


def _parse_float(text: str) -> float:
    return float(_digits(text))


def _digits(text: str) -> str:
    """Python takes the digits of every script; nothing else here does, JSON and YAML neither."""
    if not text.isascii():
        raise ValueError("write numbers in the digits 0 to 9")
    return text


def _parse_plain(text: str) -> Any:
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        found = ast.literal_eval(tree)
    except UNREADABLE:
        return json.loads(text, object_pairs_hook=each_once)  # true, false and null are JSON's
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            each_once([(ast.literal_eval(key), None) for key in node.keys])
    return found


def each_once(pairs: list[tuple[Any, Any]]) -> dict:
    """A dict of these names and values, as JSON's reader gives them.

    Raises:
        ValueError: if a name stands there twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{shown(twice)} stands there twice")
    return found


def _parse_any(text: str) -> Any:
    try:
        return check_plain(_parse_plain(text))
    except UNREADABLE:
        return text


def _some_text(value: str) -> str:
    if not value:
        raise ValueError("empty")
    return check_text(value)


def _existing(home: Path | None, or_empty: bool) -> Callable[[str], str]:
    """A check that something exists at a path, from the folder at hand; it makes it absolute.

    What does not, and does in the template's folder, is the template's own, as a record has it:
    then it stays as it is, so that what a record holds can be given back.
    """

    def check(value: str) -> str:
        if value == "" and or_empty:
            return value
        try:
            if value and expanded(check_text(value)).exists():
                return str(expanded(value).resolve())
            if value and home is not None and (home / value).exists():
                return value
        except OSError:
            pass  # too long a name, or a folder that may not be looked into
        raise ValueError("no file or folder")

    return check
