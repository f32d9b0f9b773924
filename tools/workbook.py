"""Make the student notebooks of the workbook from their solutions, which are the source.

    python tools/workbook.py build       # after an edit of solutions, exercises or quizzes
    python tools/workbook.py run         # executes the student notebooks, writes compute cards

``build`` first puts the solutions in order: titles, kinds and minutes stand in
`workbook/exercises`, points follow from kinds, questions stand in `notebooks/quizzes`, and all are
written into the solutions' headings from there; the check cells get the hidden test and the
metadata that nbgrader reads.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import nbformat
import typer
from nbclient import NotebookClient

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from notebook import CARD, PeakMemory, card_line, quieten, save

from aigc_course.checks import exercise, quiz
from aigc_course.checks.exercises import NOTEBOOKS, chapter
from aigc_utils.files import atomic_path

ROOT = Path(__file__).resolve().parents[1]
SOLUTIONS = ROOT / "workbook" / "solutions"
STUDENTS = ROOT / "notebooks" / "workbook"

SOLUTION = re.compile(
    r"^([ ]*)### BEGIN SOLUTION\n.*?^\1### END SOLUTION\n?", re.MULTILINE | re.DOTALL
)
HIDDEN = re.compile(r"\n### BEGIN HIDDEN TESTS\n.*?^### END HIDDEN TESTS", re.MULTILINE | re.DOTALL)
CHECK = re.compile(r'^check\("([a-z]+-\d\d)", (\w+)\)', re.MULTILINE)
# A heading, and under it the line that carries the id.
HEADING = re.compile(r"^## .*\n\n`([a-z]+-\d\d)`.*$", re.MULTILINE)
QUIZ = re.compile(r"\A<!-- quiz ([a-z]+) -->.*", re.DOTALL)
MINUTES = re.compile(r"(\*\*Time:\*\* about )\d+( minutes)")
GENERATED = (
    "<!-- Generated: edit workbook/solutions and workbook/exercises, and run "
    "`python tools/workbook.py build`. -->"
)
MARKER = """# Generated: do not edit here

`tools/workbook.py` makes the notebooks of this folder, and this file. Edit

- `workbook/solutions/` for texts, cells and solutions;
- `workbook/exercises/` for titles, kinds, minutes and hints;
- `notebooks/quizzes/workbook/` for the questions at the end;

then run `python tools/workbook.py build`. A test compares what is here with what that makes.
"""

app = typer.Typer(no_args_is_help=True)


@app.command()
def build() -> None:
    """Put the solutions in order and write the student notebooks."""
    for name in NOTEBOOKS.values():
        source = SOLUTIONS / f"{name}.ipynb"
        solutions = in_order(nbformat.read(source, as_version=4))
        save(solutions, source)
        save(student(solutions), STUDENTS / f"{name}.ipynb")
        typer.echo(f"notebooks/workbook/{name}.ipynb")
    with atomic_path(STUDENTS / "GENERATED.md") as temporary:
        temporary.write_text(MARKER, encoding="utf-8")


@app.command()
def run() -> None:
    """Execute the student notebooks, write their compute cards, and build."""
    for name in NOTEBOOKS.values():
        source = SOLUTIONS / f"{name}.ipynb"
        solutions = nbformat.read(source, as_version=4)
        client = NotebookClient(
            student(solutions),
            timeout=600,
            kernel_name="python3",
            resources={"metadata": {"path": STUDENTS}},
        )
        peak, start = PeakMemory(client), time.perf_counter()
        with peak:
            client.execute()
        seconds = time.perf_counter() - start
        first = solutions.cells[0]
        card = card_line(seconds, peak.bytes)
        first.source = CARD.sub(lambda _, card=card: card, first.source)
        save(solutions, source)
        typer.echo(f"{name}: {seconds:.0f} s, {peak.bytes / 1e9:.1f} GB")
    build()


def in_order(solutions: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The solutions, their headings, quizzes, hidden tests and nbgrader metadata renewed."""
    ordered = nbformat.from_dict(solutions)
    quieten(ordered)
    prefixes = [
        found[1].rpartition("-")[0] for c in ordered.cells if (found := CHECK.search(c.source))
    ]
    ordered.cells[0].source = MINUTES.sub(
        lambda m: f"{m[1]}{minutes(prefixes[0])}{m[2]}", ordered.cells[0].source
    )
    for cell in ordered.cells:
        if cell.cell_type == "markdown":
            cell.source = HEADING.sub(lambda m: heading(m[1]), cell.source)
            cell.source = QUIZ.sub(lambda m: folded_quiz(m[1]), cell.source)
            continue
        cell.outputs, cell.execution_count = [], None
        if found := CHECK.search(cell.source):
            cell.source = f"{found[0]}\n{hidden_test(*found.groups())}"
    for answer, test in zip(ordered.cells, ordered.cells[1:], strict=False):
        if test.cell_type == "code" and (found := CHECK.search(test.source)):
            asked = exercise(found[1])
            answer.metadata["nbgrader"] = nbgrader(asked.id, solution=True)
            test.metadata["nbgrader"] = nbgrader(f"{asked.id}-check", points=asked.points)
    return ordered


def student(solutions: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The student notebook: no solutions, no hidden tests, no outputs, quiet metadata."""
    notebook = nbformat.from_dict(solutions)
    quieten(notebook)
    notebook.cells[0].source = f"{GENERATED}\n\n{notebook.cells[0].source}"
    for cell in notebook.cells:
        if cell.cell_type == "code":
            source = SOLUTION.sub(stub, cell.source)
            cell.source = HIDDEN.sub("", source).rstrip("\n")
            cell.outputs, cell.execution_count = [], None
    return notebook


def stub(solution: re.Match) -> str:
    """What stands in a solution's place: a comment in a function, nothing after ``name = ...``."""
    return f"{solution[1]}# your code here\n" if solution[1] else ""


def minutes(prefix: str) -> int:
    """How long a notebook takes: the sum of its exercises, rounded to tens."""
    return (sum(asked.minutes for asked in chapter(prefix)) + 5) // 10 * 10


def heading(exercise_id: str) -> str:
    """An exercise's heading, and the line under it, from `workbook/exercises`."""
    asked = exercise(exercise_id)
    points = "1 point" if asked.points == 1 else f"{asked.points} points"
    number = int(exercise_id[-2:])
    return (
        f"## {number} · {asked.title}\n\n"
        f"`{asked.id}` · *{asked.kind}* · about {asked.minutes} minutes · {points}"
    )


def folded_quiz(prefix: str) -> str:
    """The chapter's quiz as Markdown, for pages on which no widget lives."""
    return (
        f"<!-- quiz {prefix} -->\n"
        "<details><summary>The same questions as text, for where nothing runs</summary>\n\n"
        f"{quiz(prefix).markdown()}\n\n</details>"
    )


def hidden_test(exercise_id: str, answer: str) -> str:
    """What nbgrader runs and the student does not see."""
    return (
        "### BEGIN HIDDEN TESTS\n"
        f'assert checks.grade("{exercise_id}", {answer}).right\n'
        "### END HIDDEN TESTS"
    )


def nbgrader(grade_id: str, *, solution: bool = False, points: int = 0) -> dict:
    """nbgrader's metadata of a cell with an answer, or of one that grades it."""
    facts = {
        "schema_version": 3,
        "grade_id": grade_id,
        "solution": solution,
        "grade": not solution,
        "locked": not solution,
        "task": False,
    }
    return facts if solution else {**facts, "points": points}


if __name__ == "__main__":
    app()
