"""The cells of a run's notebook: made ready for the kernel; afterwards, which did not run."""

from __future__ import annotations

import copy
import html
import json
import re
from collections.abc import Mapping
from typing import Any

import nbformat

from aigc_course.reports import templates
from aigc_course.reports.records import Failure, OwnCell, Record
from aigc_course.reports.tables import shorten

_MOST_OF_A_LINE = 60  # columns
MOST_PRINTED = 1_000_000
"""Characters of what one cell prints that are kept."""


def prepare(template: templates.Template, changed: Mapping[str, Any]) -> nbformat.NotebookNode:
    """The template without outputs, and with cells that set the changed parameters.

    There is one behind each cell that declares some of them; its tag is papermill's.

    Raises:
        ValueError: if the notebook is none that could be written again once it has run.
    """
    notebook = _read(template)
    for place, text in sorted(template.injections(changed).items(), reverse=True):
        injected = nbformat.v4.new_code_cell(text, metadata={"tags": [templates.INJECTED]})
        if notebook.nbformat_minor < 5:
            del injected["id"]
        notebook.cells.insert(place + 1, injected)
    if _wrong(notebook):
        _reduce(notebook)
    if reason := _wrong(notebook):
        raise ValueError(
            f"{template.path} is no whole notebook ({reason}): save it anew in Jupyter."
        )
    return notebook


def is_executed(cell: nbformat.NotebookNode) -> bool:
    """Whether the kernel is to be given this cell."""
    return _is_code(cell) and templates.SKIPPED not in cell.metadata.get("tags", [])


def skipped(notebook: nbformat.NotebookNode) -> list[int]:
    """The code cells that are not to run by their tag, counted from 1."""
    cells = enumerate(notebook.cells, start=1)
    return [number for number, cell in cells if _is_code(cell) and not is_executed(cell)]


def own_cells(
    template: templates.Template,
    notebook: nbformat.NotebookNode,
    ended_early: int | None,
    failure: Failure | None,
) -> dict[int, OwnCell]:
    """What people are told of the cells that a record names, by their positions.

    Args:
        template: which it was prepared from.
        notebook: the one that is executed.
        ended_early, failure: of the record; the cells that are skipped are added.
    """
    positions = {*skipped(notebook), ended_early, failure and failure.cell}
    found, numbers = {}, iter(template.numbers)
    number = 0
    for position, cell in enumerate(notebook.cells, start=1):
        if templates.INJECTED not in cell.metadata.get("tags", []):
            number = next(numbers)
        if position in positions:
            line = next(filter(None, map(str.strip, cell.source.splitlines())), "")
            found[position] = OwnCell(number=number, line=shorten(line, _MOST_OF_A_LINE))
    return found


def explained(notebook: nbformat.NotebookNode, record: Record) -> nbformat.NotebookNode:
    """A copy that says in each code cell that did not run why: none just seems to show nothing.

    Args:
        notebook: the executed one.
        record: of the run.
    """
    notebook = copy.deepcopy(notebook)
    last, why = len(notebook.cells), ""
    if record.ended_early:
        last = record.ended_early
        why = f"the run ended early in cell {record.own_cell(last).number}"
    elif record.failure and record.failure.kind != "results":
        last = record.failure.cell or 0
        where = f"in cell {record.own_cell(last).number}" if last else "before"
        why = f"the run failed {where}"
    for number, cell in enumerate(notebook.cells, start=1):
        if number in record.skipped:
            own = record.own_cell(number)
            cell.outputs = [_note(f"Skipped: {own} is tagged {templates.SKIPPED}.")]
        elif number > last and _is_code(cell):
            cell.outputs = [_note(f"Not run: {why}.")]
        elif number == record.ended_early:
            cell.outputs.append(_note("The run ended early in this cell, which asked for it."))
    return notebook


def _is_code(cell: nbformat.NotebookNode) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip())


def _note(text: str) -> nbformat.NotebookNode:
    data = {"text/html": f"<p><em>{html.escape(text)}</em></p>", "text/plain": text}
    return nbformat.v4.new_output("display_data", data)


def _read(template: templates.Template) -> nbformat.NotebookNode:
    """The notebook with all that decides a run, and nothing that some tool wrote wrongly."""
    whole = json.loads(template.text)
    minor, metadata = whole.get("nbformat_minor"), whole.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    # What it was saved under, and widgets of outputs that are gone. It runs in this interpreter.
    for name in ("widgets", "language_info"):
        metadata.pop(name, None)
    metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    minor = minor if isinstance(minor, int) else 5
    known: set[str] = set()
    return nbformat.from_dict(
        {
            "cells": [_read_cell(cell, minor, known) for cell in template.cells],
            "metadata": metadata,
            "nbformat": 4,
            "nbformat_minor": minor,
        }
    )


def _read_cell(cell: Mapping[str, Any], minor: int, known: set[str]) -> dict[str, Any]:
    metadata = dict(cell["metadata"])  # there, with tags that are texts: `find_template` sees to it
    tags = metadata.pop("tags", [])
    if "parameters" in tags:  # without its values no other cell could run
        tags = [tag for tag in tags if tag != templates.SKIPPED]
    if tags:
        metadata["tags"] = tags
    kind = cell["cell_type"] if cell["cell_type"] in ("code", "markdown") else "raw"
    read = {"cell_type": kind, "metadata": metadata, "source": templates.source_of(cell)}
    if kind == "code":
        read |= {"outputs": [], "execution_count": None}
    elif isinstance(cell.get("attachments"), dict):
        read["attachments"] = cell["attachments"]
    if minor >= 5:
        read["id"] = _id_of(cell, known)
    return read


def _id_of(cell: Mapping[str, Any], known: set[str]) -> str:
    """The cell's own name, or another if it is none or another cell has it."""
    name = cell.get("id")
    if not isinstance(name, str) or not re.fullmatch(r"[\w-]{1,64}", name, re.A) or name in known:
        name = f"cell-{len(known) + 1}"
        while name in known:
            name += "x"
    known.add(name)
    return name


def _wrong(notebook: nbformat.NotebookNode) -> str:
    """What the format of notebooks forbids in this one; an empty text if nothing."""
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        return str(error).splitlines()[0][:200]
    return ""


def _reduce(notebook: nbformat.NotebookNode) -> None:
    """Leave out all that is neither a cell's text nor its tags."""
    notebook.metadata = nbformat.from_dict({"kernelspec": notebook.metadata.kernelspec})
    for cell in notebook.cells:
        cell.pop("attachments", None)
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})


def shorten_outputs(notebook) -> None:
    """Of what a cell has printed, keep the beginning and the end, and say how much is left out.

    A page with 200 MB of lines opens in no browser, and takes minutes to write.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "stream" and len(output.text) > MOST_PRINTED:
                half, left_out = MOST_PRINTED // 2, len(output.text) - MOST_PRINTED
                said = f"\n[... {left_out:,} characters that this cell printed are left out ...]\n"
                output.text = output.text[:half] + said + output.text[-half:]
