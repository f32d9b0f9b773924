"""Words that strangers chose, made fit for a line, a page and a cell of a spreadsheet."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

MAX_CELL = 2_000  # of a spreadsheet's 32,767, which some count in bytes
_FORMULA = "=+-@\u2212"  # how a formula begins; the last is the sign that superscript minus means
_CUTS = re.compile(r"(\A\s*|[;,|\t\r\n]\s*)")  # what programs in other countries split a line at
JOINERS = "\u200c\u200d"  # between letters of Persian, and in emoji of several people


def plain_text(text: str, most: int = MAX_CELL) -> str:
    """One printable line of at most ``most`` characters, in normal form C.

    Marks that turn the direction of writing, control characters, half characters and bytes that
    are no text are left out or shown as a question mark.
    """
    kept = []
    # More than this is never shown, however many characters it normalizes to.
    for character in unicodedata.normalize("NFC", text[: 20 * most]):
        kind = unicodedata.category(character)
        if character.isspace() or kind in ("Zl", "Zp"):
            kept.append(" ")
        elif kind in ("Cs", "Co", "Cn"):
            kept.append("?")
        elif kind[0] != "C" or character in JOINERS:
            kept.append(character)
    line = " ".join("".join(kept).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def table_cell(text: str, most: int = MAX_CELL) -> str:
    """`plain_text` that no spreadsheet takes for a formula, at its start or behind a separator.

    The signs count in all their widths and heights: a full-width ``＝`` is one too.
    """
    return without_formulas(plain_text(text, most))


def without_formulas(text: str, harmless: str = "(?!)") -> str:
    """A text with a ``'`` before each formula, at its start or behind a separator.

    Args:
        text: of a cell, on as many lines as it likes.
        harmless: a pattern of what may stand there all the same.
    """
    pieces = _CUTS.split(text)
    return "".join(
        "'" + piece if _begins_formula(piece) and not re.fullmatch(harmless, piece) else piece
        for piece in pieces
    )


def names_listed(names: Sequence[str], most: int = 5) -> str:
    """Names that strangers chose, as code and in one sentence: the first few, and how many more."""
    shown = ["`" + plain_text(name, 80).replace("`", "'") + "`" for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _begins_formula(text: str) -> bool:
    first = unicodedata.normalize("NFKC", text[:1])
    return first[:1] != "" and first[0] in _FORMULA
