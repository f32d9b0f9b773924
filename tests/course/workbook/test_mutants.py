"""Do the checks notice a small change of a right solution?

Every sign, factor, mean and sum in the solutions' code is changed, one at a time, and the
check must no longer say "right".
"""

from __future__ import annotations

import ast
import copy
from collections import Counter

import nbformat
import pytest
from conftest import SOLUTIONS, play, run

from aigc_course.checks import grade
from aigc_course.checks.exercises import NOTEBOOKS

# Mutants that compute the same as the solution, with the reason; they prove nothing.
EQUIVALENT: dict[tuple[str, str], str] = {
    ("build-04", "sign: -1"): "the last axis of a matrix is axis 1",
    ("build-09", "sign: -1"): "the last axis of a matrix is axis 1",
    ("build-06", "sign: mean + ops.exp(0.5 * log_var) * noise"): "-noise is noise",
    ("build-09", "sign: mean + ops.exp(0.5 * log_var) * noise"): "-noise is noise",
}
SWAPPED = {"mean": "sum", "sum": "mean"}


def mutants(code: str) -> list[tuple[str, ast.Module]]:
    """All programs that differ from a cell in one sign, factor, mean or sum of its solution."""
    lines = code.splitlines()
    first = next(i for i, line in enumerate(lines, 1) if "### BEGIN SOLUTION" in line)
    last = next(i for i, line in enumerate(lines, 1) if "### END SOLUTION" in line)
    tree = ast.parse(code)
    nodes = list(ast.walk(tree))
    found = []
    for index, node in enumerate(nodes):
        if not first < getattr(node, "lineno", 0) < last:
            continue
        for kind, change in changes(node):
            mutant = copy.deepcopy(tree)
            twin = list(ast.walk(mutant))[index]
            change(twin, mutant)
            text = f"{kind}: {ast.unparse(node)}"
            found.append((text, ast.fix_missing_locations(mutant)))
    return found


def changes(node):
    """What can be done to one node: a name, and a function that does it in place."""
    if isinstance(node, ast.BinOp | ast.AugAssign):
        if isinstance(node.op, ast.Add):
            yield "sign", lambda n, _: setattr(n, "op", ast.Sub())
        if isinstance(node.op, ast.Sub):
            yield "sign", lambda n, _: setattr(n, "op", ast.Add())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign", lambda n, _: setattr(n, "op", ast.UAdd())
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        yield "factor on the right dropped", lambda n, t: replace(t, n, n.left)
        if isinstance(node.op, ast.Mult):
            yield "factor on the left dropped", lambda n, t: replace(t, n, n.right)
    if isinstance(node, ast.Attribute) and node.attr in SWAPPED:
        yield "mean and sum", lambda n, _: setattr(n, "attr", SWAPPED[n.attr])


def replace(tree, old, new):
    """Put a node in the place of another."""
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
                return
            if isinstance(value, list) and any(v is old for v in value):
                value[next(i for i, v in enumerate(value) if v is old)] = new
                return


def survives(exercise: str, attempt, mutant: ast.Module) -> bool:
    """Whether a mutated cell still makes a right answer."""
    namespace = dict(attempt.before)
    try:
        run(mutant, namespace, exercise)
    except Exception:
        return False
    return grade(exercise, namespace[attempt.name]).right


def test_mutants_of_the_solutions_are_caught(solved):
    outcome, alive = Counter(), []
    for notebook in NOTEBOOKS.values():
        for exercise, attempt in solved(notebook).attempts.items():
            for text, mutant in mutants(attempt.code):
                if (exercise, text) in EQUIVALENT:
                    continue
                lives = survives(exercise, attempt, mutant)
                outcome[lives, text.split(":")[0]] += 1
                alive += [f"{exercise}: {text}"] if lives else []
    total, caught = sum(outcome.values()), sum(n for (lives, _), n in outcome.items() if not lives)
    print(
        f"\n{caught} of {total} mutants caught ({caught / total:.1%}), {len(EQUIVALENT)} equivalent"
    )
    for kind in sorted({kind for _, kind in outcome}):
        print(f"  {kind}: {outcome[False, kind]} of {outcome[False, kind] + outcome[True, kind]}")
    print(*alive, sep="\n")
    assert total > 200, "the mutation finds the solutions' code"
    assert caught / total >= 0.95, alive


def test_the_equivalent_mutants_exist(solved):
    for exercise, text in EQUIVALENT:
        attempt = solved(NOTEBOOKS[exercise.rpartition("-")[0]]).attempts[exercise]
        assert text in [name for name, _ in mutants(attempt.code)], f"{exercise}: {text}"


def test_a_mutant_of_each_kind_is_made():
    code = "### BEGIN SOLUTION\ny = -a + b * c / d - x.mean()\n### END SOLUTION"
    made = [ast.unparse(mutant) for _, mutant in mutants(code)]
    assert sorted(made) == sorted(
        [
            "y = -a + b * c / d + x.mean()",
            "y = -a - b * c / d - x.mean()",
            "y = +a + b * c / d - x.mean()",
            "y = -a + b * c - x.mean()",
            "y = -a + b / d - x.mean()",
            "y = -a + c / d - x.mean()",
            "y = -a + b * c / d - x.sum()",
        ]
    )


@pytest.mark.parametrize("notebook", NOTEBOOKS.values())
def test_answers_stand_between_markers(notebook):
    cells = nbformat.read(SOLUTIONS / f"{notebook}.ipynb", as_version=4).cells
    sources = [cell.source for cell in cells if "nbgrader" in cell.metadata]
    assert len(sources) >= 16
    for source in sources[::2]:
        assert source.count("### BEGIN SOLUTION") == source.count("### END SOLUTION") == 1


def test_play_runs_what_it_is_given(tmp_path, own_progress):
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("check = print"),
            nbformat.v4.new_code_cell("a = 1"),
            nbformat.v4.new_code_cell('check("vae-01", a)'),
        ]
    )
    nbformat.write(notebook, tmp_path / "n.ipynb")
    attempt = play(tmp_path / "n.ipynb").attempts["vae-01"]
    assert (attempt.name, attempt.answer) == ("a", 1)
    assert "a" not in attempt.before
