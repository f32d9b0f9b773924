"""The student notebooks are what their solutions make of them."""

from __future__ import annotations

import re

import nbformat
import pytest
from conftest import ROOT, SOLUTIONS, STUDENTS

import workbook
from aigc_course.checks import exercise
from aigc_course.checks.exercises import NOTEBOOKS, chapter

NAMES = list(NOTEBOOKS.values())


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def read(folder, name):
    return nbformat.read(folder / f"{name}.ipynb", as_version=4)


def test_no_notebook_too_many():
    assert sorted(p.stem for p in SOLUTIONS.glob("*.ipynb")) == sorted(NAMES)
    assert sorted(p.stem for p in STUDENTS.glob("*.ipynb")) == sorted(NAMES)


def test_the_solutions_are_in_order(name):
    solutions = read(SOLUTIONS, name)
    assert nbformat.writes(workbook.in_order(solutions)) == nbformat.writes(solutions), (
        "run `python tools/workbook.py build`"
    )


def test_the_student_notebook_is_what_the_solutions_make(name):
    made = nbformat.writes(workbook.student(read(SOLUTIONS, name))) + "\n"
    assert (STUDENTS / f"{name}.ipynb").read_text(encoding="utf-8") == made, (
        "run `python tools/workbook.py build`"
    )


def test_a_generated_folder_says_so_and_where_to_edit():
    marker = (STUDENTS / "GENERATED.md").read_text(encoding="utf-8")
    assert marker == workbook.MARKER, "run `python tools/workbook.py build`"
    for place in re.findall(r"`([a-z/]+)/`", marker):
        assert (ROOT / place).is_dir(), place
    assert {p.name for p in STUDENTS.iterdir() if p.is_file()} == {
        "GENERATED.md",
        *(f"{name}.ipynb" for name in NAMES),
    }


def test_the_first_line_of_a_student_notebook_says_where_to_edit(name):
    first = read(STUDENTS, name).cells[0].source.splitlines()[0]
    assert first == workbook.GENERATED
    for word in ("workbook/solutions", "workbook/exercises", "tools/workbook.py build"):
        assert word in first
    assert "Generated" not in read(SOLUTIONS, name).cells[0].source


def test_what_the_texts_say_goes_into_the_solutions(name):
    # Were a heading, a number of minutes or a quiz not derived, a change here would stay.
    solutions = read(SOLUTIONS, name)
    spoilt = nbformat.from_dict(solutions)
    for cell in spoilt.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(
                r"^## (\d+) · .*$", r"## \1 · Another title", cell.source, flags=re.M
            )
            cell.source = re.sub(r"about \d+ minutes", "about 999 minutes", cell.source)
            cell.source = re.sub(r"\d points?$", "99 points", cell.source, flags=re.M)
            cell.source = cell.source.replace("Answer</summary>", "Reply</summary>")
        cell.metadata.pop("nbgrader", None)
    assert nbformat.writes(spoilt) != nbformat.writes(solutions)
    assert nbformat.writes(workbook.in_order(spoilt)) == nbformat.writes(solutions)


def test_students_see_no_solution_and_no_hidden_test(name):
    students = (STUDENTS / f"{name}.ipynb").read_text(encoding="utf-8")
    for word in (
        "SOLUTION",
        "HIDDEN",
        "checks.grade" if name != "05_2_train_a_vae" else "nbgrader",
    ):
        assert word not in students
    solutions = read(SOLUTIONS, name)
    for cell in solutions.cells:
        for block in re.findall(
            r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", cell.source, re.DOTALL
        ):
            for line in map(str.strip, block.splitlines()):
                long = len(line) > 25 and not line.startswith(("for ", "seen = []"))
                in_given_code = any(
                    line in part.source.replace(block, "") for part in solutions.cells
                )
                assert not long or in_given_code or line not in students, line


def test_a_stub_replaces_what_it_should():
    cells = [
        nbformat.v4.new_markdown_cell("# T"),
        nbformat.v4.new_code_cell(
            "def f(x):\n    ### BEGIN SOLUTION\n    y = x\n    return y\n    ### END SOLUTION\n"
            "    return ..."
        ),
        nbformat.v4.new_code_cell("a = ...\n### BEGIN SOLUTION\na = 1\n### END SOLUTION"),
        nbformat.v4.new_code_cell(
            'check("vae-01", a)\n### BEGIN HIDDEN TESTS\nassert a\n### END HIDDEN TESTS'
        ),
    ]
    made = workbook.student(nbformat.v4.new_notebook(cells=cells)).cells
    assert made[1].source == "def f(x):\n    # your code here\n    return ..."
    assert made[2].source == "a = ..."
    assert made[3].source == 'check("vae-01", a)'


def test_nbgrader_can_read_every_exercise(name):
    prefix = next(p for p, notebook in NOTEBOOKS.items() if notebook == name)
    facts = [
        c.metadata["nbgrader"] for c in read(SOLUTIONS, name).cells if "nbgrader" in c.metadata
    ]
    ids = [fact["grade_id"] for fact in facts]
    wanted = [f"{e.id}{suffix}" for e in chapter(prefix) for suffix in ("", "-check")]
    assert ids == wanted
    for fact in facts:
        assert fact["schema_version"] == 3
        assert fact["solution"] != fact["grade"] == fact["locked"]
        if fact["grade"]:
            assert fact["points"] == exercise(fact["grade_id"].removesuffix("-check")).points


def test_the_anatomy_of_a_student_notebook(name):
    cells = read(STUDENTS, name).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    first = cells[0].source.removeprefix(f"{workbook.GENERATED}\n\n")
    assert re.match(r"# Workbook .*[\u4e00-\u9fff]", first)
    for part in ("**Essay:**", "**You will be able to**", "**Before:**", "**Time:**"):
        assert part in first
    assert re.search(r"\*\*Compute card:\*\* \d+ s ", first)
    assert f"/blob/main/notebooks/workbook/{name}.ipynb)" in first
    assert [c.metadata.get("tags") for c in code[:2]] == [["bootstrap"], ["parameters"]]
    assert "aigc_utils.start(seed=SEED)" in code[2].source
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    lengths = [len(cell.source.splitlines()) for cell in code]
    assert max(lengths) <= 40
    assert sum(lengths) <= 300
    minutes = int(re.search(r"about (\d+) minutes", first)[1])
    prefix = next(p for p, notebook in NOTEBOOKS.items() if notebook == name)
    assert abs(minutes - sum(e.minutes for e in chapter(prefix))) <= 15, "the sum of its exercises"
    prose = "\n".join(c.source for c in cells if c.cell_type == "markdown")
    assert "**The essay says" in prose
    assert "**We found**" in prose
