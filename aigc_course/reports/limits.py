"""The limits of a parameter: how a comment or `Annotated` writes them, and what they check.

The grammar, where NAME is another parameter; a list may say how many it takes, and of what::

    one of: A, B, C
    A to B | at least A | more than A | at most B | less than B      (joined by "and")
    0, or A to B                        (one number besides, which often means "choose for me")
    a path                              (of a file or folder whose contents decide the results)
    an application | a request to NAME  (its name; the fields of a request to it)
    a folder of runs | a parameter of NAME | a result of NAME      (of records, and what is in them)
    ..., or empty                       (the empty text besides)
    each ... | A to B items | A to B items, each ...               (of a list, tuple or dict)
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from aigc_utils.runtime import PROFILES


@dataclass(frozen=True)
class Reference:
    """What a value names, and the parameter that says where: see `references`.

    Attributes:
        kind: ``"application"``, ``"request"``, ``"runs"``, ``"parameter"`` or ``"result"``.
        of: the other parameter's name; empty if none is needed.
    """

    kind: str
    of: str = ""


@dataclass(frozen=True)
class Limit:
    """What may be given: its words, and what is checked.

    Attributes:
        words: for messages.
        within: raises ValueError unless a number lies where it must; None if any may be given.
        choices: as texts; empty if any may be given.
        path: whether it is the path of something that exists.
        reference: what it names, if it names something.
        or_empty: whether the empty text may be given besides.
        each: whether all this is about what is inside a container.
        items: how many things a container holds, as a limit of its own.
    """

    words: str = ""
    within: Callable[[Any], Any] | None = None
    choices: tuple[str, ...] = ()
    path: bool = False
    reference: Reference | None = None
    or_empty: bool = False
    each: bool = False
    items: Limit | None = None

    @property
    def inside(self) -> Limit | None:
        """The limit of what is inside a container; None if there is none."""
        return replace(self, each=False, items=None) if self.each else None


def usual_limit(name: str, annotation: str, default: Any) -> Limit | None:
    """Limits of the two parameters that mean the same in every notebook of the course."""
    if (name, annotation) == ("PROFILE", "str") and default in PROFILES:
        return read_limit(f"one of: {', '.join(PROFILES)}")
    if (name, annotation) == ("SEED", "int"):
        return read_limit(f"0 to {2**32 - 1}")
    return None


_NUMBER = r"(-?[\d_.]+(?:e[+-]?\d+)?)"
_BOUNDS = (
    (rf"{_NUMBER} to {_NUMBER}", (operator.ge, operator.le)),
    (rf"at least {_NUMBER}", (operator.ge,)),
    (rf"more than {_NUMBER}", (operator.gt,)),
    (rf"at most {_NUMBER}", (operator.le,)),
    (rf"less than {_NUMBER}", (operator.lt,)),
)
_REFERENCES = (
    (r"an application", "application", "the name of an application"),
    (r"a request to (\w+)", "request", "fields of a request to {}"),
    (r"a folder of runs", "runs", "the path of a folder of runs"),
    (r"a parameter of (\w+)", "parameter", "the name of a parameter of {}"),
    (r"a result of (\w+)", "result", "the name of a result of {}"),
)


def read_limit(text: str) -> Limit:
    """Read what stands between square brackets; strictly, so that a slip does not pass.

    Raises:
        ValueError: if it is none of the limits; the sentence lacks the parameter's name.
    """
    words = " ".join(text.split())
    if match := re.fullmatch(r"(.+?) items?(?:, (each .+))?", words):
        items = _read_bounds(match[1], text)
        return replace(read_limit(match[2]) if match[2] else Limit(), items=items)
    body = words.removeprefix("each ")
    found = _read_body(body.removesuffix(", or empty"), text)
    if body.endswith(", or empty"):
        found = replace(found, words=body if found.choices else f"{found.words}, or an empty text")
    return replace(found, each=body != words, or_empty=body.endswith(", or empty"))


def _read_body(body: str, text: str) -> Limit:
    if body == "a path":
        return Limit("the path of a file or folder that exists", path=True)
    for pattern, kind, words in _REFERENCES:
        if match := re.fullmatch(pattern, body):
            of = "".join(match.groups())
            return Limit(words.format(of), path=kind == "runs", reference=Reference(kind, of))
    if match := re.fullmatch(r"one of: (.+)", body):
        choices = tuple(choice.strip() for choice in match[1].split(","))
        if not all(choices):
            raise ValueError(f"has the limit [{text}] with an empty choice: remove a comma.")
        return Limit(body, choices=choices)
    return _read_bounds(body, text)


def _read_bounds(body: str, text: str) -> Limit:
    besides, bounds = None, []
    ranges = body
    if match := re.fullmatch(rf"{_NUMBER}, or (.+)", body):
        besides, ranges = _number(match[1], text), match[2]
    for part in ranges.split(" and "):
        for pattern, comparisons in _BOUNDS:
            if match := re.fullmatch(pattern, part):
                numbers = [_number(number, text) for number in match.groups()]
                bounds += zip(comparisons, numbers, strict=True)
                break
        else:
            raise ValueError(
                f"has the limit [{text}], which cannot be read: write [A to B], [at least A], "
                f"[more than A], [at most B], [less than B], [one of: A, B] or [a path]."
            )

    def within(value: Any) -> Any:
        if value != besides and not all(holds(value, number) for holds, number in bounds):
            raise ValueError(body)
        return value

    return Limit(body, within)


def _number(text: str, limit: str) -> float:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise ValueError(f"has the limit [{limit}], where {text} is no number.") from None
