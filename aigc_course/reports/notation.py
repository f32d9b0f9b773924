"""Values and texts: how reports show values, hash them, and take texts of a command line apart."""

from __future__ import annotations

import difflib
import json
import math
import reprlib
from collections.abc import Iterable
from typing import Any

MOST_PARTS = 100_000
"""Characters, numbers and names together that one parameter's value may have."""
LONGEST_TEXT = 250
"""Characters of a value in a table."""
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 8


def shown(value: Any) -> str:
    """A value as a message shows it: its repr, cut short, on one line."""
    try:
        return " ".join(_SHORT.repr(value).split())
    except ValueError:  # Python writes no whole number of more than 4300 digits
        return f"a very long {type(value).__name__}"


def is_number(value: Any) -> bool:
    """Whether a value is one: True and False are none here, though Python counts with them."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def nearest(name: str, known: Iterable[str]) -> str:
    """What a name that is not known may have meant, and the first 20 that are known."""
    known = list(known)
    folded = {other.lower(): other for other in known}
    near = difflib.get_close_matches(name.strip(" /").lower(), folded, 1, 0.6)
    hint = f"did you mean {folded[near[0]]}? There are" if near else "choose from"
    return f"{hint} {', '.join(known[:20])}."


def is_too_large(value: Any) -> bool:
    """Whether a value has more than `MOST_PARTS` characters and parts, or holds itself.

    What stands in several places, as an alias of YAML lets it, counts in each.
    """
    left, stack = MOST_PARTS, [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            left -= len(item)
        elif isinstance(item, list | tuple | set | frozenset):
            left -= len(item)  # now, so that no list of a million is put on the stack
            stack += item if left >= 0 else ()
        elif isinstance(item, dict):
            left -= len(item)
            stack += [*item, *item.values()] if left >= 0 else ()
        if left < 0:
            return True
    return False


def check_whole_number(value: int) -> int:
    """Pass a number of at most 1024 bits: what a float holds, and far from what is not printed.

    Raises:
        ValueError: if it has more.
    """
    if value.bit_length() > 1024:
        raise ValueError("too many digits")
    return value


def check_text(value: str) -> str:
    """Pass a text that a file can hold.

    Raises:
        ValueError: if it holds half a character, or a NUL.
    """
    value.encode("utf-8")  # a lone surrogate can be written to no file
    if "\0" in value:
        raise ValueError("a NUL is in no text")
    return value


def check_plain(value: Any) -> Any:
    """Pass what JSON can hold, at any depth, with tuples besides.

    Raises:
        ValueError: if it is, or holds, another thing.
    """
    match value:
        case None | bool():
            return value
        case int():
            return check_whole_number(value)
        case float() if math.isfinite(value):
            return value
        case str():
            return check_text(value)
        case list() | tuple():
            for item in value:
                check_plain(item)
            return value
        case dict() if all(isinstance(key, str) for key in value):
            for key, item in value.items():
                check_plain(key), check_plain(item)
            return value
        case _:
            raise ValueError("neither a number nor a text")


def as_text(value: Any) -> str:
    """A parameter's value as one types it: texts bare, all else in Python's notation.

    For tables: on one line, and cut where it is longer than `LONGEST_TEXT` characters.
    """
    text = value if isinstance(value, str) and value else repr(value)
    text = " ".join(text.split())
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]}... ({len(text):,} characters)"


def plain_number(value: float) -> str:
    """A number without an error: whole ones in full, others to six digits or to the point."""
    if isinstance(value, int):
        return str(value)
    return f"{value:.0f}" if 1e6 <= abs(value) < 1e15 else f"{value:.6g}"


def result_text(value: Any) -> str:
    """A result for a reader: a number to six digits (JSON has all of them), all else `as_text`."""
    return plain_number(value) if isinstance(value, float) else as_text(value)


def as_json(value: Any, *, in_order: bool = False) -> str:
    """The one JSON text of a value: what identities are made of.

    Args:
        value: plain.
        in_order: whether names stand in the order that the value has, as for a parameter's: a
            notebook may go through a dict. Else they stand by the alphabet.
    """
    return json.dumps(value, sort_keys=not in_order, ensure_ascii=True, allow_nan=False)


def by_size(value: Any) -> tuple:
    """A key to sort values: numbers by size, then all else by its text."""
    if isinstance(value, int | float):
        return (0, value, "")
    return (1, 0, as_json(value))


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
