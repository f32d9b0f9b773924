"""The course's hidden tests, beside every solution, every untouched stub and every wrong answer.

The solutions also run in real sandboxes, with the limits of memory, processes and output that
`aigc grade` has by itself. All else asks the same questions in this process, through the agent that answers them in a sandbox.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import hostile
import numpy as np
import pytest

from aigc_course.checks.exercises import NOTEBOOKS, chapter
from aigc_course.checks.graders import Function, Number
from aigc_course.grading import (
    Kept,
    NoAnswer,
    Student,
    grader,
    hidden,
    near,
    notebooks,
    wire,
    wrong_entries,
)
from aigc_course.grading.inside import agent
from aigc_course.grading.limits import Limits
from aigc_course.grading.sandbox import Ended, Sandbox

ROOT = Path(__file__).resolve().parents[3]
TESTS = ROOT / "workbook" / "hidden_tests"
SOLVED, UNTOUCHED = ROOT / "workbook" / "solutions", ROOT / "notebooks" / "workbook"
sys.path.insert(0, str(ROOT / "workbook"))

from wrong_answers import WRONG  # noqa: E402  (found on the path that was just set)

# From the name that `--assignment` takes to the prefix of the exercises' ids.
ASSIGNMENTS = {re.match(r"\d+(_\d+)?", name)[0]: prefix for prefix, name in NOTEBOOKS.items()}
EXERCISES = {e.id: (a, e) for a, prefix in ASSIGNMENTS.items() for e in chapter(prefix)}
FULL = {a: float(sum(e.points for e in chapter(p))) for a, p in ASSIGNMENTS.items()}
each_assignment = pytest.mark.parametrize("assignment", ASSIGNMENTS)
each_exercise = pytest.mark.parametrize("exercise", EXERCISES)


def notebook(folder: Path, assignment: str) -> bytes:
    return (folder / f"{NOTEBOOKS[ASSIGNMENTS[assignment]]}.ipynb").read_bytes()


@functools.cache
def hidden_tests_of(assignment: str) -> hidden.TestSet:
    return hidden.load_tests(TESTS, assignment)


@functools.cache
def variables(folder: Path, assignment: str) -> dict[str, object]:
    """What a notebook's cells define, run in this process; its checks are left out."""
    names: dict[str, object] = {"__name__": "submission"}
    for source in notebooks.code_cells(notebook(folder, assignment)):
        if "%pip" not in source and not source.startswith(("check(", "checks.")):
            exec(compile(source, assignment, "exec"), names)
    return names


@functools.cache
def variable_of(exercise: str) -> str:
    """The name under which an exercise's answer is checked."""
    assignment, _ = EXERCISES[exercise]
    cells = "\n".join(notebooks.code_cells(notebook(UNTOUCHED, assignment)))
    return re.search(rf'check\("{exercise}", (\w+)\)', cells)[1]


def judged(
    assignment: str, names: dict[str, object], exercise: str = "", asked: list | None = None
) -> list[hidden.Result]:
    """The hidden tests' results on variables; only one exercise's, if it is named."""

    def ask(request: dict) -> dict:
        request = json.loads(json.dumps(request))  # as through the pipe
        if asked is not None:
            asked.append(request)
        return json.loads(json.dumps(agent.reply(request, names)))

    chosen = [t for t in hidden_tests_of(assignment).tests if exercise in ("", t.exercise)]
    with np.errstate(all="ignore"):  # wrong answers overflow
        return [hidden.judge_submission(test, Student(ask)) for test in chosen]


# ---- solved, untouched, wrong ----------------------------------------------------------


def test_every_workbook_has_hidden_tests():
    assert {path.stem for path in TESTS.glob("*.py")} == set(ASSIGNMENTS)


@each_assignment
def test_functions_are_tested_more_than_once(assignment):
    titles: dict[str, list[str]] = {}
    for test in hidden_tests_of(assignment).tests:
        titles.setdefault(test.exercise, []).append(test.title)
    for exercise, found in titles.items():
        one_answer = variable_is_data(exercise)
        # vae-05 has one function with one rule, and gives half of its points for half of it.
        assert one_answer or len(found) >= 2 or exercise == "vae-05", exercise
        assert len(set(found)) == len(found)


def variable_is_data(exercise: str) -> bool:
    return not callable(variables(UNTOUCHED, EXERCISES[exercise][0])[variable_of(exercise)])


@each_assignment
def test_the_solution_gets_full_marks(assignment):
    results = judged(assignment, variables(SOLVED, assignment))
    assert [r for r in results if r.points != r.of or r.says or r.broken] == []
    assert sum(r.points for r in results) == FULL[assignment]


@each_assignment
def test_an_untouched_notebook_gets_nothing_and_is_told_why(assignment):
    for result in judged(assignment, variables(UNTOUCHED, assignment)):
        assert (result.points, result.broken) == (0, ""), result
        assert result.says.endswith("."), result
        assert "stops with" not in result.says, result


@each_exercise
def test_each_wrong_answer_loses_points(exercise):
    assignment, entry = EXERCISES[exercise]
    for mistake, answer in WRONG[exercise].items():
        if getattr(answer, "late", False):
            answer = answer()  # what needs Keras is made only now
        names = {**variables(SOLVED, assignment), variable_of(exercise): answer}
        results = judged(assignment, names, exercise)
        assert sum(r.points for r in results) < sum(r.of for r in results), mistake
        for result in results:
            assert result.broken == "", mistake
            assert (result.points == result.of) != bool(result.says), (mistake, result)
            if isinstance(entry.grade, Number) and not float(entry.grade.value).is_integer():
                assert f"{abs(entry.grade.value):.3g}" not in result.says


ODD = [
    "text", [], {}, (), [[1], [1, 2]], ["a", "b"], float("nan"), 1e400, np.full((2, 2), np.nan),
    np.zeros(0), np.zeros((0, 3)), np.zeros((3, 0)), np.ones((2, 3, 4, 5)), 1 + 2j, len, True,
    (np.ones(2), "text"), ([[1], [1, 2]], 3), (1, 2, 3), {"a": 1}, [None, None], object(),
]  # fmt: skip


class Odd:
    """What can be called, built and asked for any attribute, and always gives the same thing."""

    def __init__(self, gives: object) -> None:
        self.gives = gives

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self.gives

    def __getattr__(self, name: str) -> Odd:
        return self


@each_exercise
def test_no_answer_is_too_odd_to_be_judged(exercise):
    assignment, _ = EXERCISES[exercise]
    for thing in ODD:
        for answer in (thing, Odd(thing)):
            names = {**variables(SOLVED, assignment), variable_of(exercise): answer}
            for result in judged(assignment, names, exercise):
                assert result.broken == "", (thing, result)
                assert result.points < result.of, (thing, result)


@each_assignment
def test_the_inputs_are_not_those_of_the_checks(assignment):
    asked: list[dict] = []
    judged(assignment, variables(SOLVED, assignment), asked=asked)
    used = {json.dumps(request["args"]) for request in asked if request["call"]}
    assert used
    for exercise in chapter(ASSIGNMENTS[assignment]):
        if isinstance(exercise.grade, Function):
            for case in exercise.grade.cases():
                assert json.dumps([wire.encode_value(a) for a in case.arguments]) not in used, (
                    exercise.id
                )


# ---- in the sandbox --------------------------------------------------------------------

# Chapter 4 is in test_grading. One untouched notebook is enough here: it hands out Keras classes.
IN_SANDBOXES = {(a, SOLVED) for a in ASSIGNMENTS if a != "04"} | {("05_1", UNTOUCHED)}


def as_handed_in(folder: Path, assignment: str) -> bytes:
    """A notebook without what only teachers' copies have behind the checks."""
    cells = notebooks.code_cells(notebook(folder, assignment))
    return hostile.notebook([cell.split("### BEGIN HIDDEN TESTS")[0] for cell in cells])


class Lent(Sandbox):
    """A sandbox for one notebook after another, which finds no names of those before it.

    What is loaded stays, and TensorFlow takes eight of the ten seconds of each. All limits hold
    for the notebooks together, which is less room than each has by itself.
    """

    returned = False

    def close(self) -> None:
        """Make room for the next; whatever is wrong with it is then in a new sandbox."""
        with contextlib.suppress(Ended, OSError):
            self.returned = self.run("get_ipython().reset()", 60)["status"] == "ok"
        if not self.returned:
            super().close()

    def __exit__(self, *_: object) -> None:
        if self.returned:
            super().close()


@pytest.fixture(scope="module")
def in_sandboxes(bubblewrap):
    """The grades of `IN_SANDBOXES`, two at a time, with the limits that are there by default.

    Seconds are the machine's, which may have other work: there are four times as many.
    """
    usual = Limits()
    limits = dataclasses.replace(
        usual,
        cell_seconds=4 * usual.cell_seconds,
        probe_seconds=4 * usual.probe_seconds,
        total_seconds=4 * usual.total_seconds,
    )

    def grade(slot):
        found = {}
        with ExitStack() as stack:
            boxes: list[Lent] = []

            def start():
                if not boxes or not boxes[-1].returned:
                    boxes.append(stack.enter_context(Lent(limits, slot)))
                boxes[-1].returned = False
                return boxes[-1]

            for assignment, folder in sorted(IN_SANDBOXES)[slot::2]:
                content, tests = as_handed_in(folder, assignment), hidden_tests_of(assignment)
                found[assignment, folder] = grader.grade_notebook(content, tests, limits, start)
        return found

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(grade, range(2))
    return first | second


@pytest.mark.slow
@pytest.mark.parametrize("assignment", [a for a in ASSIGNMENTS if a != "04"])
def test_solutions_run_within_the_limits_of_the_sandbox(in_sandboxes, assignment):
    graded = in_sandboxes[assignment, SOLVED]
    assert graded.notes == ()
    assert [r for r in graded.results if r.points != r.of or r.broken] == []
    assert sum(r.points for r in graded.results) == FULL[assignment]


@pytest.mark.slow
def test_untouched_layers_are_not_answered_in_the_sandbox_either(in_sandboxes):
    graded = in_sandboxes["05_1", UNTOUCHED]
    assert graded.notes == ()
    assert {(r.points, r.broken) for r in graded.results} == {(0.0, "")}
    says = {r.exercise: r.says for r in graded.results}
    assert says["build-06"] == "`Sampling(...)` is not answered yet, or gives nothing."
    assert says["build-09"].startswith("`TinyVAE(...).compute_loss` is not answered yet")


NO_BUBBLEWRAP = {"PATH": "/nowhere"}


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ({}, pytest.skip.Exception),
        ({"AIGC_SANDBOX": "optional"}, pytest.skip.Exception),
        ({"AIGC_SANDBOX": "required"}, pytest.fail.Exception),
        ({"CI": "true"}, pytest.fail.Exception),
        ({"CI": "true", "AIGC_SANDBOX": "optional"}, pytest.fail.Exception),
    ],
    ids=str,
)
def test_a_missing_sandbox_is_skipped_or_fails(given, outcome, monkeypatch, skip_or_fail):
    for name in ("CI", "AIGC_SANDBOX"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**NO_BUBBLEWRAP, **given}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(outcome, match="bubblewrap is not installed"):
        skip_or_fail()


@pytest.mark.slow
def test_no_test_of_the_sandbox_passes_without_one():
    tests = [
        "tests/course/grading/test_sandbox.py::test_a_right_answer_gets_its_points",
        "tests/course/grading/test_grading.py::test_all_thirty_are_graded",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rE", *tests],
        cwd=ROOT,
        env={**os.environ, **NO_BUBBLEWRAP, "AIGC_SANDBOX": "required"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 1, done.stdout
    for name in tests:
        assert f"ERROR {name}" in done.stdout


def test_make_test_requires_the_sandbox():
    make = (ROOT / "Makefile").read_text()
    (command,) = [line for line in make.splitlines() if "tools/offline.sh" in line]
    assert command.strip().startswith("AIGC_SANDBOX=$(SANDBOX) ")
    assert "tools/offline.sh $(BIN)/python -m pytest" in command
    assert "make test" in (ROOT / ".ci" / "run").read_text()


# ---- what tests are written with -------------------------------------------------------


def test_what_is_made_over_there_can_be_handed_over():
    class Layer:
        def __call__(self, x):
            return 2 * x

    class Model:
        def __init__(self, layer):
            self.layer = layer

        def run(self, x):
            return self.layer(x) + 1

    names = {"Layer": Layer, "Model": Model}
    student = Student(lambda request: agent.reply(json.loads(json.dumps(request)), names))
    layer = student.make("Layer")
    model = student.make("Model", layer=layer)
    assert isinstance(model, Kept)
    assert student.call(model + ".run", 3) == 7
    assert student.call(student.make("Model", layer) + ".run", 4) == 9
    with pytest.raises(NoAnswer, match=r"`Model\(\.\.\.\)\.run` stops with a TypeError"):
        student.call(model + ".run", None)


def test_a_text_is_not_taken_for_what_was_made():
    names = {"Layer": object, "same": lambda x: x}
    student = Student(lambda request: agent.reply(json.loads(json.dumps(request)), names))
    kept = student.make("Layer")
    assert student.call("same", str(kept)) == "#1"


def test_a_dict_of_answers_is_compared_key_by_key():
    wanted = {"a": 3, "b": "leak"}
    assert wrong_entries({"a": 3.0, "b": " Leak"}, wanted) == []
    assert wrong_entries({"a": "3", "b": "leak"}, wanted) == ["a"]
    assert wrong_entries({"a": ..., "b": 3}, wanted) == ["a", "b"]
    assert wrong_entries({"b": "leak"}, wanted) == ["a"]
    assert wrong_entries({"a": np.ones(2), "b": np.ones(2)}, wanted) == ["a", "b"]
    with pytest.raises(NoAnswer, match="answered"):
        wrong_entries({"a": ..., "b": None}, wanted)
    with pytest.raises(NoAnswer, match="no dict"):
        wrong_entries([3, "leak"], wanted)


def test_near_forgives_rounding_and_no_more():
    assert near(0.67, 0.6667)
    assert not near(0.66, 0.6667)
    assert not near(-0.667, 0.667)
    assert not near(float("nan"), 1.0)
