"""`aigc scenarios` and `aigc generate APP`: words become a request, an artefact a file.

Chapters 6.1 to 6.4 end with such a call, and the report template shows an application's fields.
"""

from __future__ import annotations

import difflib
import json
import os
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import aigc_apps
from aigc_apps import saving
from aigc_apps.contract import Request, Scenario
from aigc_utils import runtime

SEQUENCES = (list, tuple, set, frozenset)


@dataclass
class Call:
    """What a command line asks for.

    Attributes:
        fields: of the request, as texts or lists of texts.
        out: the file to write; None takes the scenario's name and the artefact's suffix.
        seed: of the generation.
        help: whether only the fields were asked for.
        problems: sentences about words that mean nothing.
        given: names of the options that were read.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    out: Path | None = None
    seed: int = 0
    help: bool = False
    problems: list[str] = field(default_factory=list)
    given: set[str] = field(default_factory=set)


def overview() -> str:
    """The scenarios: name, title and need, one below the other; no code of theirs is run.

    Of one whose card is wrong, it says what is.
    """
    return "\n\n".join(
        f"{name}: {card.title}, {card.title_zh}\n    {card.need}"
        if isinstance(card, aigc_apps.Card)
        else f"{name}: {card}"
        for name, card in aigc_apps.read_cards().items()
    )


def describe_application(name: str) -> str:
    """A scenario's card and the fields of its request: types, limits, defaults, help.

    Raises:
        ValueError: if there is no such scenario.
    """
    scenario = aigc_apps.load_application(name)
    card, request = scenario.card, type(scenario).Request
    lines = [f"{card.name}: {card.title}, {card.title_zh}", f"    {card.need}", ""]
    for key, info in request.model_fields.items():
        option = f"--{key.replace('_', '-')}"
        default = "needed" if info.is_required() else f"default {_shown(_default(info))}"
        lines.append(f"  {option:<20} {field_in_words(info)}; {default}")
        if info.description:
            lines.append(f"  {'':<20} {info.description}")
    lines += [
        f"  {'--seed':<20} a whole number, 0 to 4294967295; default 0",
        f"  {'--out, -o':<20} the file to write; default out/{name} and its suffix",
        "",
        *(f"Not for: {use}" for use in card.not_for),
    ]
    return "\n".join(lines)


def generate_artifact(name: str, arguments: list[str], say: Callable[[str], Any]) -> None:
    """Make one artefact and write it, with its provenance beside it.

    Args:
        name: of a scenario.
        arguments: what stands after it: ``--field value``, ``--field=value``, ``--seed``, ``-o``.
        say: prints a line.

    Raises:
        ValueError: one line for each problem, all at once, before anything is made.
        OSError: if the file cannot be written.
    """
    scenario = aigc_apps.load_application(name)
    call = parse_request(arguments, type(scenario).Request)
    if call.help:
        say(describe_application(name))
        return
    request = _ask(scenario, call)
    suffix = scenario.suffix(request)
    out = call.out or Path("out") / f"{name}{suffix}"
    saving.check_writable(out)
    if not out.name.endswith(suffix) or out.name == suffix:
        raise ValueError(f"{out} is to hold what {name} makes: end its name in {suffix}.")
    saving.check_writable(saving.beside(out))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with runtime.quiet_native_logs():  # TensorFlow and llama.cpp write past sys.stderr
        artifact = scenario.generate(request, call.seed)
    artifact.save(out)
    say(f"{out}: {artifact.provenance.made_by} ({name}, seed {call.seed})")


def parse_request(arguments: Iterable[str], request: type[Request]) -> Call:
    """Read the words after a scenario's name; problems are gathered and not raised.

    A list is given with commas (``--words sea,storm``), by repeating its option, or both; or in
    JSON (``--words '["sea, wide", "storm"]'``), whose texts stay as they are. Any other option is
    given once. Two dashes begin an option, so a value that begins with them is written
    ``--field=--value``.
    """
    call, words = Call(), list(arguments)
    while words:
        word = words.pop(0)
        if word == "--help":
            call.help = True
            continue
        if not word.startswith("-") or word == "-":
            call.problems.append(f"{word!r} belongs to no option: write --FIELD {word}.")
            continue
        option, equals, value = word.partition("=")
        name = {"-o": "out"}.get(option, option.lstrip("-").replace("-", "_"))
        flag = _flag(name, request)
        if not equals and flag is not None and not _is_truth(words):
            _take(call, *flag, request)
            continue
        if not equals and (not words or words[0].startswith("--")):
            call.problems.append(f"{option} has no value: write {option} VALUE.")
            continue
        _take(call, name, value if equals else words.pop(0), request)
    return call


def field_in_words(info: FieldInfo) -> str:
    """What a field takes, such as ``"a whole number, 1 to 3"``."""
    low = high = ""
    for limit in info.metadata:
        for kind, words in (("ge", "at least"), ("gt", "more than"), ("min_length", "at least")):
            if getattr(limit, kind, None) is not None:
                low = f"{words} {getattr(limit, kind)}"
        for kind, words in (("le", "at most"), ("lt", "less than"), ("max_length", "at most")):
            if getattr(limit, kind, None) is not None:
                high = f"{words} {getattr(limit, kind)}"
    unit = ""
    if any(getattr(limit, "max_length", None) is not None for limit in info.metadata):
        unit = " of them" if _origin(info.annotation) in SEQUENCES else " characters"
    if low.startswith("at least") and high.startswith("at most"):
        limits = f"{low.removeprefix('at least ')} to {high.removeprefix('at most ')}"
    else:
        limits = " and ".join(filter(None, (low, high)))
    return ", ".join(filter(None, (_kind(info.annotation), limits and limits + unit)))


def refuse_near_miss(name: str) -> None:
    """Say which scenario is meant, for a name that is no checkpoint and nearly a scenario's.

    Raises:
        ValueError: if there is such a one.
    """
    near = difflib.get_close_matches(name, aigc_apps.names(), n=1)
    if not near:
        return
    from aigc_utils import checkpoints

    if name not in checkpoints.available():
        raise ValueError(f"There is no scenario or checkpoint {name!r}: did you mean {near[0]}?")


def _ask(scenario: Scenario, call: Call) -> Request:
    problems = list(call.problems)
    if not 0 <= call.seed < 2**32:
        problems.append(f"The seed is {call.seed}: give a whole number from 0 to 4294967295.")
    try:
        request = scenario.ask(**call.fields)
    except ValueError as error:
        # What was given and could not be read has been said, and is not missing.
        unread = tuple(f"{name} is missing: " for name in call.given - set(call.fields))
        problems += [line for line in str(error).split("\n") if not line.startswith(unread)]
    if problems:
        raise ValueError("\n".join(problems))
    return request


def _take(call: Call, name: str, value: str | bool, request: type[Request]) -> None:
    """Put one option's value where it belongs, or say what is wrong with it."""
    info = request.model_fields.get(name)
    many = info is not None and _origin(info.annotation) in SEQUENCES
    if name in call.given and not many:
        call.problems.append(f"{name} is given twice: give it once.")
        return
    call.given.add(name)
    try:
        if info is None and name == "out":
            call.out = Path(value)
        elif info is None and name == "seed":
            call.seed = int(_digits(value))
        elif many:
            call.fields[name] = [*call.fields.get(name, []), *_items(value, info.annotation)]
        elif info is not None and _nested(info.annotation):
            call.fields[name] = _from_json(value)
        elif info is not None and _bare(info.annotation) in (int, float):
            call.fields[name] = _digits(value)
        else:
            call.fields[name] = value
    except _OtherDigits:
        what = name if info is not None else "The seed"
        call.problems.append(f"{what} is {value[:60]!r}: write it with the digits 0 to 9.")
    except ValueError as error:
        wrong = f"The seed is {value[:60]!r}: give a whole number."
        if info is not None:
            wrong = f"{name} is {value[:60]!r}: write it as JSON ({error})."
        call.problems.append(wrong)


def _items(value: str, annotation: Any) -> list:
    """What one value brings to a list: the items of one in JSON, or texts between commas.

    Raises:
        ValueError: if the items are objects and the value is no JSON.
    """
    objects = any(_nested(inner) for inner in typing.get_args(_bare(annotation)))
    if objects or value.lstrip().startswith("["):
        try:
            read = _from_json(value)
            return read if isinstance(read, list) else [read]
        except ValueError:
            if objects:
                raise
    return [part.strip() for part in value.replace("，", ",").split(",")]


def _from_json(value: str) -> Any:
    """What a text in JSON says.

    Raises:
        ValueError: with the place and the cure, also if a key is given twice, if there are more
            brackets than can be followed, or for a number that is none.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [key for key, _ in pairs]
        if twice := next((key for key in names if names.count(key) > 1), None):
            raise ValueError(f"{twice!r} is given twice")
        return dict(pairs)

    def no_number(name: str) -> None:
        raise ValueError(f"{name} is no number")

    try:
        return json.loads(value, object_pairs_hook=once, parse_constant=no_number)
    except json.JSONDecodeError as error:
        quotes = "; texts stand in double quotes" if "'" in value else ""
        place = f"{error.msg[:1].lower()}{error.msg[1:]} at character {error.pos + 1}"
        raise ValueError(place + quotes) from None
    except RecursionError:
        raise ValueError("it has too many brackets within brackets") from None


class _OtherDigits(ValueError):
    """A number in other digits than 0 to 9."""


def _digits(value: str) -> str:
    """A number's text, stripped: Python takes the digits of every script, JSON and reports none.

    Raises:
        _OtherDigits: if it has such.
    """
    if not value.isascii() and any(sign.isdecimal() for sign in value):
        raise _OtherDigits(value)
    return value.strip()


def _flag(name: str, request: type[Request]) -> tuple[str, bool] | None:
    """The field that ``--name`` or ``--no-name`` switches, if it is one of those."""
    for key, value in ((name, True), (name.removeprefix("no_"), False)):
        info = request.model_fields.get(key)
        if info is not None and _bare(info.annotation) is bool:
            return key, value
    return None


def _is_truth(words: list[str]) -> bool:
    return bool(words) and words[0].lower() in ("true", "false", "yes", "no", "1", "0")


def _bare(annotation: Any) -> Any:
    """A type without ``| None`` and without what ``Annotated`` adds."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _bare(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        rest = [a for a in typing.get_args(annotation) if a is not type(None)]
        return _bare(rest[0]) if len(rest) == 1 else annotation
    return annotation


def _origin(annotation: Any) -> Any:
    bare = _bare(annotation)
    return typing.get_origin(bare) or bare


def _nested(annotation: Any) -> bool:
    origin = _origin(annotation)
    return origin is dict or (isinstance(origin, type) and issubclass(origin, BaseModel))


def _kind(annotation: Any, many: bool = False) -> str:
    bare, origin = _bare(annotation), _origin(annotation)
    if origin is Literal:
        return "one of " + ", ".join(map(str, typing.get_args(bare)))
    if origin in SEQUENCES:
        inner = [a for a in typing.get_args(bare) if a is not Ellipsis]
        if any(map(_nested, inner)):
            return "a list of objects in JSON"
        return f"{_kind(inner[0], many=True)}, with commas" if inner else "texts, with commas"
    if _nested(annotation):
        return "an object in JSON"
    one, several = {
        bool: ("yes or no", "yes or no"),
        int: ("a whole number", "whole numbers"),
        float: ("a number", "numbers"),
        str: ("a text", "texts"),
    }.get(origin, ("a value", "values"))
    return several if many else one


def _default(info: FieldInfo) -> Any:
    value = info.get_default(call_default_factory=True)
    return None if value is PydanticUndefined else value


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, SEQUENCES):
        return ",".join(map(str, value)) or "none"
    return str(value)
