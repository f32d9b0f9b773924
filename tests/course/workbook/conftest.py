"""The workbook's notebooks, run in this process, cell by cell."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[3]
SOLUTIONS, STUDENTS = ROOT / "workbook" / "solutions", ROOT / "notebooks" / "workbook"
sys.path.insert(0, str(ROOT / "tools"))
sys.path.insert(0, str(ROOT / "workbook"))

from workbook import CHECK  # noqa: E402  (found on the path that was just set)


@dataclass
class Attempt:
    """One exercise of a notebook that was run.

    Attributes:
        name: the variable that is checked.
        code: the cell that answers.
        before: all variables as they were before that cell.
        answer: what the cell made.
    """

    name: str
    code: str
    before: dict
    answer: object


@dataclass
class Played:
    """A notebook that was run: its attempts, by exercise."""

    attempts: dict[str, Attempt] = field(default_factory=dict)


def play(path: Path) -> Played:
    """Run a notebook's code cells in order, without a kernel."""
    cells = [
        cell.source
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code" and "bootstrap" not in cell.metadata.get("tags", [])
    ]
    namespace, played = {"__name__": "workbook"}, Played()
    for source, following in zip(cells, [*cells[1:], ""], strict=True):
        before = dict(namespace) if CHECK.search(following) else {}
        run(source, namespace, path.name)
        if before:
            exercise, name = CHECK.search(following).groups()
            played.attempts[exercise] = Attempt(name, source, before, namespace[name])
    return played


def run(source: str | ast.Module, namespace: dict, name: str) -> None:
    """Execute a cell of ours in a namespace."""
    exec(compile(source, name, "exec"), namespace)


@pytest.fixture(scope="session")
def own_progress(tmp_path_factory):
    """A progress file of the tests' own, so that nobody's real one is touched."""
    file = tmp_path_factory.mktemp("progress") / "progress.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIGC_PROGRESS", str(file))
        yield file


def played_once(folder: Path) -> Callable[[str], Played]:
    """A function that gives a notebook of a folder, run; each is run once."""
    return functools.cache(lambda notebook: play(folder / f"{notebook}.ipynb"))


@pytest.fixture(scope="session")
def solved(started, own_progress):
    """A function that gives a solution notebook, run."""
    return played_once(SOLUTIONS)


@pytest.fixture(scope="session")
def untouched(started, own_progress):
    """A function that gives a student notebook, run as it is handed out."""
    return played_once(STUDENTS)
