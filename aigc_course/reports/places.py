"""Paths among the values of parameters: who gives one means it from the folder at hand.

The notebook runs in its own folder, so a path that is given becomes absolute. A template's own
values stay as they are written: they are from the template's folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aigc_course.reports.notation import shown


class AmbiguousPath(ValueError):
    """A text that may be one of two paths."""


def from_here(value: Any, default: Any, home: Path | None, is_path: bool) -> Any:
    """A value whose texts that are paths are absolute, if something exists there from here.

    Whether texts are paths is known by the template's own value. If that has none, as an empty
    text, None or an empty list, those are which look so.

    Args:
        value: as it is given; texts in lists and dicts count one by one.
        default: the template's own.
        home: its folder.
        is_path: whether the notebook has it as a `pathlib.Path`.

    Raises:
        AmbiguousPath: if a text may be a path, from here and from ``home``, and they differ.
    """
    own = [text for text in texts_in(default) if text]
    like = [looks_like_a_path(text, home) for text in own]
    if own and not is_path and not any(like):
        return value

    def convert(text: str) -> str:
        if not text or (text in own and is_at_home(text, home)):
            return text
        if is_path or (own and all(like)) or is_written_as_a_path(text):
            path = expanded(text)
            return str(path.resolve()) if is_there(path) else text
        here, there = Path(text), home and home / text
        two = not own and there and is_there(here) and is_there(there)
        if two and not is_at_home(text, home):
            raise AmbiguousPath(
                f"{shown(text)}, which is in the folder at hand and, another, in {home}: write "
                f"{shown(f'./{text}')} or its whole path"
            )
        return text

    return _converted(value, convert)


def _converted(value: Any, convert: Callable[[str], str]) -> Any:
    match value:
        case str():
            return convert(value)
        case list() | tuple():
            return type(value)(_converted(item, convert) for item in value)
        case dict():
            return {key: _converted(item, convert) for key, item in value.items()}
    return value


def expanded(text: str) -> Path:
    """A path in which ~ is the user's home, as a shell would have made it."""
    return Path(os.path.expanduser(text))


def texts_in(value: Any) -> Iterator[str]:
    """All texts in a parameter's value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from texts_in([*value, *value.values()])
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item)


def is_at_home(text: str, home: Path | None) -> bool:
    """Whether a path from the template's folder leads to something, and from here to no other."""
    try:
        if home is None or not (home / text).exists():
            return False
        return not Path(text).exists() or Path(text).resolve() == (home / text).resolve()
    except (OSError, ValueError, RuntimeError):
        return False


def looks_like_a_path(text: str, home: Path | None) -> bool:
    """Whether a template's own text is a path: something exists there, or it is written so."""
    if text and home is not None and is_there(home / text):
        return True
    return bool(re.fullmatch(r"(?!\w+://)[^\s]*(/[^\s]*|\w\.[A-Za-z]\w{0,8})", text))


def is_written_as_a_path(text: str) -> bool:
    """Whether a text has a slash, or an ending as files have."""
    return bool(re.search(r"[/\\]|\w\.[A-Za-z]\w{0,8}$", text))


def is_there(path: Path) -> bool:
    """Whether there is something at a path; none if it cannot be looked at."""
    try:
        return path.exists()
    except (OSError, ValueError, RuntimeError):  # too long a name, or links in a circle
        return False
