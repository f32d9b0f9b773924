"""What a report's page says first: the question, the results with their errors, the main figure.

Tags of cells choose (CONTRIBUTING.md lists them). A notebook without any is read as people write
them: its first heading is the title, the first text the question, the last picture the main one.
"""

from __future__ import annotations

import io
import math
import re
import tokenize
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aigc_course.reports.figures import Picture, pictures_of
from aigc_course.reports.notation import as_text, is_number, result_text
from aigc_course.reports.results import METRICS_TYPE, RESULTS_TYPE

# What begins with "remove" or "hide" is nbconvert's and Jupyter Book's word for the same.
LEFT_OUT = {"not-in-report", "remove-cell", "hide-cell", "bootstrap"}
FRONT_MATTER = "front-matter"
WITHOUT_INPUT = {"remove-input", "hide-input"}
WITHOUT_OUTPUT = {"remove-output", "hide-output"}
QUESTION, MAIN_FIGURE = "question", "main-figure"
_SHOWN_ABOVE = {
    "output_type": "display_data",
    "metadata": {},
    "data": {"text/html": '<p><a href="#main-figure">Shown at the top.</a></p>'},
}

_HEADING = re.compile(r"#{1,6}[ \t]+(.*?)[ \t#]*")
_ERRORS = {
    "standard_error": "standard error",
    "stderr": "standard error",
    "sem": "standard error",
    "spread": "standard deviation",
    "standard_deviation": "standard deviation",
    "std": "standard deviation",
    "sd": "standard deviation",
}
_ERROR = re.compile(rf"(?:(?P<of>.+?)_)?(?P<kind>{'|'.join(_ERRORS)})(?:_over_(?P<over>.+))?")


@dataclass(frozen=True)
class Finding:
    """A result as a page shows it.

    Attributes:
        name: as it was recorded.
        value: rounded to two digits of its error, if it has one.
        error: such as "2.4"; empty if there is none.
        of: what the error is, such as "standard error over images".
        number: whether the value is a number.
    """

    name: str
    value: str
    number: bool
    error: str = ""
    of: str = ""


@dataclass(frozen=True)
class Page:
    """An executed notebook, taken apart for reading.

    Attributes:
        title: its first heading, or the name given.
        question: a Markdown cell with what was asked, or None.
        figure: the main picture, or None.
        table: where a cell tagged as the main figure draws none, its last output; or None.
        rest: a copy of the notebook without these, and without what a report leaves out.
    """

    title: str
    question: dict | None
    figure: Picture | None
    table: dict | None
    rest: Any


def take_apart(notebook, name: str) -> Page:
    """Find what a report of an executed notebook begins with.

    Args:
        notebook: an ``nbformat`` node; it stays as it is.
        name: the title of a notebook that has none.
    """
    rest = deepcopy(notebook)
    rest.cells = [cell for cell in rest.cells if not _tags_of(cell) & LEFT_OUT]
    title = _title(rest.cells) or name
    rest.cells = [cell for cell in rest.cells if FRONT_MATTER not in _tags_of(cell)]
    _leave_out_parts(rest.cells)
    question = _take_question(rest.cells)
    for cell in rest.cells:
        if cell.cell_type == "code":
            cell.outputs = _joined_streams([o for o in cell.outputs if not _is_record(o)])
    figure, table = _take_figure(rest.cells)
    rest.cells = [cell for cell in rest.cells if cell.source.strip() or cell.get("outputs")]
    return Page(title, question, figure, table, rest)


def _tags_of(cell: Mapping) -> set[str]:
    """The tags of a cell, whatever its metadata hold."""
    tags = cell.get("metadata", {}).get("tags", [])
    return {tag for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()


def findings(results: Mapping[str, Any]) -> list[Finding]:
    """The results, each with its error where one is recorded under a name that says so.

    ``nll_standard_error`` is the error of ``nll``, or else of the first result whose name begins
    with ``nll_``; ``rmse_spread_over_seeds`` says over what as well. A mere ``standard_error`` is
    that of the only other number.
    """
    numbers = {n: v for n, v in results.items() if is_number(v)}
    errors: dict[str, tuple[float, str]] = {}
    shown_elsewhere = set()
    for name, value in numbers.items():
        parts = _ERROR.fullmatch(name)
        if parts is None or value < 0:
            continue
        candidates = _in_error(parts["of"], numbers)
        if candidates and candidates[0] not in errors:
            over = f" over {parts['over'].replace('_', ' ')}" if parts["over"] else ""
            errors[candidates[0]] = (value, _ERRORS[parts["kind"]] + over)
            shown_elsewhere.add(name)
    found = []
    for name, value in results.items():
        if name in errors:
            error, of = errors[name]
            rounded, its_error = _rounded(value, error)
            found.append(Finding(name, rounded, True, its_error, of))
        elif name not in shown_elsewhere:
            found.append(Finding(name, result_text(value), is_number(value)))
    return found


def _in_error(of: str | None, numbers: Mapping[str, float]) -> list[str]:
    """The names of the results that an error recorded for ``of`` can be the error of."""
    plain = [name for name in numbers if not _ERROR.fullmatch(name)]
    if of is None:
        return plain if len(plain) == 1 else []
    return [n for n in numbers if n == of] or [n for n in plain if n.startswith(f"{of}_")]


def comments_of(cells: Sequence[Mapping]) -> dict[str, str]:
    """What the parameters cell says of each parameter, in the comment behind its value."""
    found: dict[str, str] = {}
    for cell in cells:
        if "parameters" in _tags_of(cell):
            found |= _comments_in("".join(cell.get("source", "")))
    return found


def _comments_in(source: str) -> dict[str, str]:
    lines = source.splitlines()
    found, name = {}, ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            line = lines[token.start[0] - 1] if token.start[0] <= len(lines) else ""
            if token.type == tokenize.NAME and token.start[1] == 0:
                name = token.string
            elif token.type == tokenize.COMMENT and name and line[: token.start[1]].strip():
                # What stands in brackets at the end are limits, which a reader need not know.
                text = token.string.lstrip("#").strip()
                found.setdefault(name, re.sub(r"\s*\[[^\[\]]*\]$", "", text))
    except (tokenize.TokenError, SyntaxError):
        pass  # the run itself says what is wrong with the cell
    return found


def _rounded(value: float, error: float) -> tuple[str, str]:
    """A number and its error, both to the error's second digit, or to all that there are."""
    if error == 0 or not math.isfinite(error):
        return as_text(value), as_text(error)
    places = 1 - math.floor(math.log10(error))
    if not -6 <= places <= 9:
        return as_text(value), as_text(error)
    written = [-Decimal(repr(x)).normalize().as_tuple().exponent for x in (value, error)]
    places = min(places, max(*written, 0))
    return tuple(f"{round(x, places):.{max(places, 0)}f}" for x in (value, error))


def _leave_out_parts(cells: Sequence) -> None:
    """Take away the inputs and outputs that a tag leaves out."""
    for cell in cells:
        if cell.cell_type == "code" and _tags_of(cell) & WITHOUT_OUTPUT:
            cell.outputs = []
        if _tags_of(cell) & WITHOUT_INPUT:
            cell.metadata["transient"] = {"remove_source": True}  # nbconvert's own mark


def _is_record(output: Mapping) -> bool:
    """Whether this is what `record` shows: the page has it at its top."""
    return not {RESULTS_TYPE, METRICS_TYPE}.isdisjoint(output.get("data", {}))


def _joined_streams(outputs: Sequence) -> list:
    """Outputs in which what was printed bit by bit is one text, as a terminal would show it."""
    found: list = []
    for output in outputs:
        before = found[-1] if found else {}
        if output.output_type == "stream" and before.get("name") == output.get("name"):
            before.text.append(output.text)
            continue
        found.append(output)
        if output.output_type == "stream":
            output.text = [output.text]
    for output in found:
        if output.output_type == "stream":
            # Of a line that was written over, the last; nbconvert's own search for it takes a
            # time that grows as the square of the line's length.
            lines = "".join(output.text).split("\n")
            output.text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
    return found


def _parts(source: str) -> list[tuple[str, str]]:
    """A Markdown text cut before its headings: pairs of heading (or "") and text below it."""
    parts, fence = [("", [])], ""
    for line in source.splitlines():
        mark = re.match(r" {0,3}(```+|~~~+)", line)
        if mark:
            fence = "" if fence and line.strip().startswith(fence) else fence or mark[1]
        heading = None if fence else _HEADING.fullmatch(line)
        if heading:
            parts.append((line, []))
        else:
            parts[-1][1].append(line)
    return [(heading, "\n".join(lines).strip()) for heading, lines in parts]


def _title(cells: Sequence) -> str:
    """The text of the notebook's first `# heading`, which is removed from its cell, or ""."""
    for cell in cells:
        if cell.cell_type != "markdown":
            continue
        parts = _parts(cell.source)
        for index, (heading, text) in enumerate(parts):
            if heading.startswith("# "):
                parts[index] = ("", text)
                cell.source = _joined(parts)
                # Marks of emphasis and code mean nothing in the title of a page.
                return re.sub(r"[*`]", "", _HEADING.fullmatch(heading)[1])
    return ""


def _joined(parts: Sequence[tuple[str, str]]) -> str:
    return "\n\n".join(piece for part in parts for piece in part if piece)


def _take_question(cells: list) -> dict | None:
    """Remove the question from the cells and return it as a Markdown cell of its own."""
    texts = [cell for cell in cells if cell.cell_type == "markdown"]
    if tagged := [cell for cell in texts if QUESTION in _tags_of(cell)]:
        question = deepcopy(tagged[0])
        question.source = "\n\n".join(_below_first_heading(cell.source) for cell in tagged)
        cells[:] = [cell for cell in cells if not any(cell is other for other in tagged)]
        return question
    for cell in texts:
        parts = _parts(cell.source)
        asked = next((index for index, (_, text) in enumerate(parts) if text), None)
        if asked is not None:
            question = deepcopy(cell)
            question.source = parts[asked][1]
            cell.source = _joined(parts[asked + 1 :])
            return question
    return None


def _below_first_heading(source: str) -> str:
    parts = [part for part in _parts(source) if any(part)]
    return _joined([("", parts[0][1]), *parts[1:]]) if parts else ""


def _take_figure(cells: Sequence) -> tuple[Picture | None, dict | None]:
    """The main figure or table; where it stood a line says where it went."""
    from nbformat import from_dict  # late: a command that only reads records need not wait

    drawn = [
        (cell, index, picture)
        for cell in cells
        for index, output in enumerate(cell.get("outputs", []))
        for picture in pictures_of(output)
    ]
    tagged = [cell for cell in cells if MAIN_FIGURE in _tags_of(cell) and cell.get("outputs")]
    chosen = [found for found in drawn if any(found[0] is cell for cell in tagged)]
    if tagged and not chosen:
        table = tagged[-1].outputs[-1]
        tagged[-1].outputs[-1] = from_dict(_SHOWN_ABOVE)
        return None, table
    if not drawn:
        return None, None
    cell, index, picture = (chosen or drawn)[-1]
    if picture.alone:
        cell.outputs[index] = from_dict(_SHOWN_ABOVE)
    return picture, None
