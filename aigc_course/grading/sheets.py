"""Tables as spreadsheets and learning platforms write them: read with checks, written harmless.

Whatever comes from a submission or a platform may stand in a cell: what is written here went
through `aigc_course.grading.plain.table_cell`, or is a number.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aigc_course.grading.plain import without_formulas
from aigc_utils.files import atomic_path

MAX_BYTES = 20 * 2**20
_SEPARATORS = ",;\t"
_OWN_FORMATS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods; .xls


@dataclass(frozen=True)
class Sheet:
    """A table that was read.

    Attributes:
        path: where it is.
        header: the names of the columns.
        rows: the other rows, each as long as the header; empty ones are left out.
        raw: the same with the blanks around cells.
        lines: of each row the line in the file.
        separator: what stands between cells.
        mark: whether the file begins with a byte order mark.
    """

    path: Path
    header: list[str]
    rows: list[list[str]]
    raw: list[list[str]]
    lines: list[int]
    separator: str
    mark: bool

    def column(self, *names: str) -> int | None:
        """The first column that has one of the names, in any case; None if there is none."""
        wanted = {name.casefold() for name in names}
        found = (at for at, name in enumerate(self.header) if name.casefold() in wanted)
        return next(found, None)


def read_sheet(path: Path) -> Sheet:
    """Read a table of text, with commas, semicolons or tabs between its cells.

    Args:
        path: UTF-8 with or without a byte order mark, or UTF-16 with one.

    Raises:
        ValueError: in one sentence, if there is no such file, or it is no table of text.
    """
    text, mark = _text(path)
    if match := re.match(r"sep=(.)\r?\n", text):  # a line that Excel understands and writes
        separators, text, before = match[1], text[match.end() :], 1
    else:
        separators, before = _SEPARATORS, 0
    first = text.lstrip().splitlines()[:1]
    if not first:
        raise ValueError(f"{path} is empty: the first line is to name the columns.")
    separator = max(separators, key=lambda each: len(next(csv.reader(first, delimiter=each))))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows, lines, begin = [], [], 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                lines.append(begin + before)
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path} is no table at line {reader.line_num + before} ({error}): mend its quotes."
        ) from None
    header = [cell.strip() for cell in rows.pop(0)]
    while header and not header[-1]:
        header.pop()
    for row, line in zip(rows, lines[1:], strict=True):
        while len(row) > len(header) and not row[-1].strip():
            row.pop()
        if len(row) > len(header):
            raise ValueError(
                f"{path} has {len(row)} cells in line {line} and {len(header)} columns: put quotes "
                "around a text that holds a comma or a semicolon."
            )
        row += [""] * (len(header) - len(row))
    stripped = [[cell.strip() for cell in row] for row in rows]
    return Sheet(path, header, stripped, rows, lines[1:], separator, mark)


def write_sheet(
    path: Path, rows: Iterable[Sequence[str]], *, separator: str = ",", mark: bool = True
) -> None:
    """Write a table in UTF-8, whole or not at all.

    Args:
        path: the file.
        rows: cells, which `table_cell` or `sheet_number` has made.
        separator: what stands between cells.
        mark: begin with the byte order mark by which Excel knows UTF-8.

    Raises:
        OSError: in one sentence, if it cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(sheet_bytes(rows, separator=separator, mark=mark))


def sheet_bytes(rows: Iterable[Sequence[str]], *, separator: str = ",", mark: bool = True) -> bytes:
    """What `write_sheet` writes."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8-sig" if mark else "utf-8")


def cell_as_it_came(text: str) -> str:
    """A cell to be given back unchanged but for what a spreadsheet would take for a formula.

    A number is none, nor is the dash for nothing.
    """
    return without_formulas(text, r"-\s*|[+-]?[0-9.]+\s*")


def sheet_number(value: float | None) -> str:
    """A number with at most two decimals and a point, as every platform reads it; "" for None."""
    if value is None:
        return ""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def number_in(text: str) -> float:
    """The number that a cell holds, with a point or a comma.

    Raises:
        ValueError: if it is none.
    """
    if not re.fullmatch(r"[+-]?([0-9]{1,9}([.,][0-9]{0,9})?|[.,][0-9]{1,9})", text.strip()):
        raise ValueError(f"{text[:40]!r} is no number")
    return float(text.replace(",", "."))


def _text(path: Path) -> tuple[str, bool]:
    """A file's text, and whether it began with a byte order mark."""
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}): name a file that can."
        ) from None
    if len(content) > MAX_BYTES:
        raise ValueError(f"{path} is larger than {MAX_BYTES // 2**20} MB: that is no class.")
    if content.startswith(_OWN_FORMATS):
        raise ValueError(
            f"{path} is in a spreadsheet's own format: save it as CSV UTF-8 (comma delimited)."
        )
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{path} is not in UTF-8 at line {line}: save it as CSV UTF-8 (comma delimited)."
        ) from None
    if "\0" in text:
        raise ValueError(f"{path} is no text: save it as CSV UTF-8 (comma delimited).")
    return text, wide or content.startswith(b"\xef\xbb\xbf")
