"""Tables of text for a terminal or a pipe: no value is cut in two, and no character does harm."""

from __future__ import annotations

import bisect
import html
import itertools
import os
import shutil
import sys
import unicodedata
from collections.abc import Sequence

_GAP, _INDENT = "  ", " " * 4
_MARKS = 8  # characters that one column may have, most of them marks above and below its letter
# Of characters that change the terminal or the direction of writing, or are none by themselves.
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def terminal_width() -> int | None:
    """The columns of the terminal, or what ``COLUMNS`` says; None where nobody's eyes limit it."""
    if os.environ.get("COLUMNS", "").isdecimal() or (sys.stdout and sys.stdout.isatty()):
        return max(shutil.get_terminal_size().columns, 20)
    return None


def harmless(text: str) -> str:
    """The text with what a terminal would act upon as escapes; lines stay lines."""
    return "".join(
        ascii(c)[1:-1] if unicodedata.category(c) in _HIDDEN and c not in "\n\u200d" else c
        for c in text
    )


def one_line(text: str) -> str:
    """The text on one line, and `harmless`."""
    return harmless(" ".join(text.split()))


def shorten(text: str, most: int) -> str:
    """The text on one line in at most so many columns, with … where something is left out."""
    whole = " ".join(text.split())
    # A text may be a book. Marks above letters take no column, so there may be more of them.
    text = harmless(whole[: _MARKS * most])
    used = list(itertools.accumulate(map(_column, text)))
    if len(whole) <= _MARKS * most and (not used or used[-1] <= most):
        return text
    return text[: bisect.bisect_right(used, most - 1)].rstrip() + "…"


def shorten_middle(text: str, most: int) -> str:
    """As `shorten`, but with … in the middle: paths that begin alike differ at their ends."""
    whole = " ".join(text.split())
    if len(whole) <= most and columns(harmless(whole)) <= most:
        return harmless(whole)
    end = harmless(whole[-most:])
    used = list(itertools.accumulate(map(_column, reversed(end))))
    kept = bisect.bisect_right(used, most - most // 3 - 1)
    return shorten(whole, most // 3 + 1).removesuffix("…") + "…" + end[len(end) - kept :]


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: Chinese two each, marks and joiners none."""
    return sum(map(_column, text))


def _column(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def as_table(
    header: Sequence[str], lines: Sequence[Sequence[str]], width: int | None = None
) -> str:
    """Texts in columns, each as wide as its widest.

    Args:
        header: a name for each column.
        lines: as many texts each.
        width: columns of the terminal. Where a line is wider, what does not fit goes on below,
            indented; between values, and inside texts between words. None is no limit.
    """
    rows = [[one_line(text) for text in row] for row in (header, *lines)]
    widths = [max(columns(row[place]) for row in rows) for place in range(len(header))]
    groups = _groups(widths, width)
    shown = [_shown(row, widths, groups, width) for row in rows]
    if len(groups) == 1:
        rule = _GAP.join("-" * w for w in widths)
    else:
        rule = "-" * max(columns(line) for part in shown for line in part)
    return "\n".join([*shown[0], rule, *(line for part in shown[1:] for line in part)])


def as_html(header: Sequence[str], lines: Sequence[Sequence[str]], caption: str = "") -> str:
    """The same as an HTML table, every character as text; its box scrolls where it is too wide."""

    def row(texts: Sequence[str], tag: str) -> str:
        cells = "".join(f"<{tag}>{html.escape(one_line(text))}</{tag}>" for text in texts)
        return f"<tr>{cells}</tr>"

    title = f"<caption>{html.escape(one_line(caption))}</caption>" if caption else ""
    body = "".join(row(line, "td") for line in lines)
    table = f"<table>{title}<thead>{row(header, 'th')}</thead><tbody>{body}</tbody></table>"
    return f'<div style="overflow-x: auto">{table}</div>'


def _groups(widths: Sequence[int], width: int | None) -> list[list[int]]:
    """Which columns stand beside each other: as many as fit into each line."""
    groups: list[list[int]] = [[]]
    used = 0
    for place, wide in enumerate(widths):
        more = wide + len(_GAP) * bool(groups[-1])
        if width is not None and groups[-1] and used + more > width:
            groups.append([])
            used, more = len(_INDENT), wide
        groups[-1].append(place)
        used += more
    return groups


def _shown(
    row: Sequence[str], widths: Sequence[int], groups: list[list[int]], width: int | None
) -> list[str]:
    lines = []
    for number, group in enumerate(groups):
        indent = _INDENT * bool(number)
        cells = [row[place] + " " * (widths[place] - columns(row[place])) for place in group]
        line = indent + _GAP.join(cells).rstrip()
        if width is None or columns(line) <= width:
            lines += [line] if line.strip() or not number else []
        else:
            lines += _wrapped(line.split(), indent, width)
    return lines


def _wrapped(words: Sequence[str], indent: str, width: int) -> list[str]:
    lines = [indent + words[0]]
    for word in words[1:]:
        if columns(lines[-1]) + 1 + columns(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(_INDENT + word)
    return lines
