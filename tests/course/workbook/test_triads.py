"""Every exercise three times over: solved, untouched, and wrong in the ways that people are."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from handmade_answers import HANDMADE
from wrong_answers import WRONG

from aigc_course.checks import grade
from aigc_course.checks.exercises import NOTEBOOKS, chapter
from aigc_course.checks.graders import Function, Number, Several

EXERCISES = [exercise for prefix in NOTEBOOKS for exercise in chapter(prefix)]
IDS = [exercise.id for exercise in EXERCISES]


def notebook_of(exercise) -> str:
    return NOTEBOOKS[exercise.id.rpartition("-")[0]]


@pytest.fixture(params=EXERCISES, ids=IDS)
def exercise(request):
    return request.param


def test_there_are_exercises_enough_of_every_kind():
    assert len(EXERCISES) >= 48
    for prefix in NOTEBOOKS:
        kinds = [exercise.kind for exercise in chapter(prefix)]
        assert len(kinds) >= 8
        assert kinds.count("stretch") == 1
        assert {"predict, then run", "fix the bug", "build it"} <= set(kinds)


def test_ids_count_up(exercise):
    prefix, _, number = exercise.id.rpartition("-")
    assert chapter(prefix)[int(number) - 1].id == exercise.id


def test_the_solution_passes(exercise, solved):
    verdict = grade(exercise.id, solved(notebook_of(exercise)).attempts[exercise.id].answer)
    assert verdict.right, verdict.text()


def test_the_untouched_stub_fails_politely(exercise, untouched):
    verdict = grade(exercise.id, untouched(notebook_of(exercise)).attempts[exercise.id].answer)
    assert verdict.state == "not yet", verdict.text()
    assert verdict.says


def test_untouched_notebooks_leave_no_trace(untouched, tmp_path, monkeypatch):
    # Reading a notebook, or testing it, must not count as trying.
    from conftest import STUDENTS, play

    monkeypatch.setenv("AIGC_PROGRESS", str(tmp_path / "none.json"))
    for notebook in NOTEBOOKS.values():
        play(STUDENTS / f"{notebook}.ipynb")
    assert list(tmp_path.iterdir()) == []


def test_plausible_wrong_answers_fail_each_with_its_own_hint(exercise, started):
    made = WRONG[exercise.id]
    # What needs Keras is made late, when it is asked for.
    answers = {k: a() if getattr(a, "late", False) else a for k, a in made.items()}
    assert len(answers) >= 2
    verdicts = {name: grade(exercise.id, answer) for name, answer in answers.items()}
    for name, verdict in verdicts.items():
        assert (verdict.state, verdict.mistake) == ("wrong", name), verdict.text()
        assert verdict.says
    hints = [verdict.hint for verdict in verdicts.values()]
    assert all(hints)
    assert len(set(hints)) == len(hints), "two mistakes with one hint"


def listed_mistakes(grader) -> list:
    if isinstance(grader, Several):
        return [m for part in grader.parts.values() for m in listed_mistakes(part)]
    return list(getattr(grader, "mistakes", ()))


# The mistakes of other graders are tested through WRONG alone.
LISTING = [exercise for exercise in EXERCISES if isinstance(exercise.grade, Number | Function)]


@pytest.mark.parametrize("exercise", LISTING, ids=[exercise.id for exercise in LISTING])
def test_every_listed_mistake_is_recognised_as_itself(exercise):
    # Two mistakes that the hidden inputs cannot tell apart would hide one of the hints.
    grader = exercise.grade
    for mistake in grader.mistakes:
        verdict = grader(mistake.result)
        assert not verdict.right, mistake.name
        assert verdict.mistake == mistake.name, f"{mistake.name} is taken for {verdict.mistake}"
    hints = [mistake.hint for mistake in grader.mistakes]
    assert len(set(hints)) == len(hints)


def test_hints_do_not_contain_the_number(exercise):
    if isinstance(exercise.grade, Number):
        digits = f"{abs(exercise.grade.value):.3g}"
        if len(digits.replace(".", "").strip("0")) < 3:
            return  # a round number may well occur in a sentence
        for mistake in exercise.grade.mistakes:
            assert digits not in mistake.says + mistake.hint, mistake.name


def test_the_worked_idea_and_the_texts_are_there(exercise):
    assert len(exercise.worked.split()) >= 5
    assert 2 <= exercise.minutes <= 30
    for mistake in listed_mistakes(exercise.grade):
        assert len(mistake.hint.split()) >= 4, mistake.name
        assert "$" not in mistake.says + mistake.hint, "formulas are not drawn in a verdict"


def test_a_check_is_little_work(exercise, solved):
    """Work is counted, not timed: a busy machine must not fail a test, nor a fast one hide it."""
    answer = solved(notebook_of(exercise)).attempts[exercise.id].answer
    answer = HANDMADE.get(exercise.id, {}).get("", answer)  # what Keras does is not the check's
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found = grade(exercise.id, answer)
    finally:
        sys.setprofile(before)
    assert found.right
    assert 10 < calls < 3000, "the dearest today makes 1,440 calls, in 2 ms"
    if isinstance(exercise.grade, Function):
        given = [a for case in exercise.grade.cases() for a in case.arguments]
        assert sum(a.size for a in given if isinstance(a, np.ndarray)) < 20_000


def test_headings_hints_and_stubs_of_the_student_notebooks(exercise, untouched):
    import nbformat
    from conftest import STUDENTS

    cells = nbformat.read(STUDENTS / f"{notebook_of(exercise)}.ipynb", as_version=4).cells
    at = next(i for i, c in enumerate(cells) if re.search(rf"^`{exercise.id}` ", c.source, re.M))
    text = cells[at].source
    assert exercise.title in text
    assert f"about {exercise.minutes} minutes" in text
    assert text.count("<details><summary>Hint") >= 2, "hints come in steps"
    stub = cells[at + 1].source
    assert "SOLUTION" not in "".join(cell.source for cell in cells)
    assert "..." in stub or "# your code here" in stub
    assert cells[at + 2].source.startswith(f'check("{exercise.id}", ')
