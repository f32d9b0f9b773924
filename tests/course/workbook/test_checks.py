"""The engine: feedback, hints, tries, the progress file; quizzes have three to five questions."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import ipywidgets
import numpy as np
import pytest

import aigc_course.checks as checks
from aigc_course.checks import answers, checking, feedback, store
from aigc_course.checks.answers import Case
from aigc_course.checks.exercises import NOTEBOOKS, chapter
from aigc_course.checks.graders import Function, Mistake, Number, function, option, several
from aigc_course.checks.questions import (
    Question,
    chapter_quizzes,
    questions_of,
    workbook_quizzes,
)
from aigc_course.checks.quizzes import Quiz

ROOT = Path(__file__).resolve().parents[3]
CHAPTERS = {name: questions_of(name) for name in chapter_quizzes()}
WORKBOOK = {name: questions_of(name) for name in workbook_quizzes()}
QUESTIONS = {**WORKBOOK, **CHAPTERS}


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    """A progress file of each test's own."""
    path = tmp_path / "folder" / "progress.json"
    monkeypatch.setenv("AIGC_PROGRESS", str(path))
    return path


# ------------------------------------------------------------------ numbers

TWO = Number(2.5, (Mistake("doubled and one", 6.0, "You added one.", "Do not add."),), "nats")


@pytest.mark.parametrize(
    "answer", [2.5, np.float32(2.5), np.array(2.5), [2.5], np.array([[2.5]]), 2.51]
)
def test_a_number_may_come_in_many_forms(answer):
    assert TWO(answer).right


@pytest.mark.parametrize(
    ("answer", "mistake"),
    [
        (6, "doubled and one"),
        (-2.5, "sign"),
        (5, "twice as large"),
        (1.25, "half as large"),
        (2.5 / np.log(2), "bits"),
        (2.56, "rounded"),
        (77, "another number"),
        (-77, "another number"),
        ("2.5", "not a number"),
        (True, "not a number"),
        (print, "not a number"),
        ({}, "not a number"),
        ([1, 2], "several numbers"),
        (float("nan"), "not finite"),
        (np.inf, "not finite"),
        (1j, "not a number"),
    ],
)
def test_a_wrong_number_gets_a_diagnosis(answer, mistake):
    found = TWO(answer)
    assert (found.state, found.mistake) == ("wrong", mistake)
    assert found.says
    assert found.hint


@pytest.mark.parametrize(
    ("answer", "size"),
    [
        (7, "is too large"),
        (77, "is more than ten times too large"),
        (1, "is too small"),
        (0.1, "is more than ten times too small"),
        (-77, "has the wrong sign, and another size too"),
    ],
)
def test_a_number_that_nothing_explains_is_told_its_size(answer, size):
    assert TWO(answer).says == f"The answer {size}."


@pytest.mark.parametrize("blank", [..., None])
@pytest.mark.parametrize("prefix", NOTEBOOKS)
def test_nothing_is_no_try(blank, prefix, file):
    for exercise in chapter(prefix):
        assert checks.check(exercise.id, blank).state == "not yet"
    assert not file.exists()


# ---------------------------------------------------------------- functions


def row_sums(x):
    return x.sum(axis=1)


SUMS = Function(
    row_sums,
    lambda: [Case((np.arange(6.0).reshape(2, 3),), "a small one"), Case((np.eye(3) + 1,), "eye")],
    (
        Mistake("mean for sum", lambda x: x.mean(axis=1), "That is the mean.", "Think of the sum."),
        Mistake(
            "given", lambda x: x.sum(axis=1) + 1, "As handed out.", "Take one away.", given=True
        ),
    ),
)


def in_place(x):
    x += 1
    return (x - 1).sum(axis=1)


@pytest.mark.parametrize(
    ("answer", "state", "mistake"),
    [
        (row_sums, "right", ""),
        (lambda x: list(x.sum(axis=1)), "right", ""),
        (lambda x: x.astype("float32").sum(axis=1), "right", ""),
        (lambda x: x.mean(axis=1), "wrong", "mean for sum"),
        (lambda x: x.sum(axis=1) + 1, "not yet", "given"),
        (lambda x: ..., "not yet", ""),
        (lambda x: None, "not yet", ""),
        (lambda x: (..., ...), "not yet", ""),
        (lambda x: -x.sum(axis=1), "wrong", "sign"),
        (lambda x: 3 * x.sum(axis=1), "wrong", "factor"),
        (lambda x: x.sum(axis=0), "wrong", "shape"),
        (lambda x: (x.sum(axis=1), 1), "wrong", "number of results"),
        (lambda x: x.sum(axis=1) / 0, "wrong", "not finite"),
        (lambda x: x.sum(axis=1) * (len(x) == 2), "wrong", "some inputs"),
        (lambda x: x.sum(axis=1) ** 2 + 0.1, "wrong", "another function"),
        (lambda x: x.nothing, "wrong", "raises AttributeError"),
        (lambda: 1, "wrong", "raises TypeError"),
        (lambda x: "text", "wrong", "not numbers"),
        (lambda x: {"a": 1}, "wrong", "not numbers"),
        (in_place, "wrong", "changes its input"),
        (3.0, "wrong", "not a function"),
    ],
)
def test_a_function_is_tried_and_diagnosed(answer, state, mistake):
    found = SUMS(answer)
    assert (found.state, found.mistake) == (state, mistake)
    assert found.says


def test_a_transposed_result_is_recognised():
    grader = function(lambda x: x @ x, lambda: [Case((np.arange(4.0).reshape(2, 2),))], {})
    assert grader(lambda x: (x @ x).T).mistake == "transposed"
    wide = function(lambda x: 2 * x, lambda: [Case((np.arange(6.0).reshape(2, 3),))], {})
    assert wide(lambda x: 2 * x.T).mistake == "transposed"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: 3 * x.sum(axis=1), "On a small one, the result is 3 times"),
        (lambda x: x.sum(axis=1) * (len(x) == 2), "Right on 1 of 2 hidden inputs, wrong on eye."),
        (
            lambda x: x.sum(axis=0),
            "For an array of shape (2, 3), the result has shape (3,), not (2,).",
        ),
        (lambda x: x.sum(axis=1) ** 2 + 0.1, "the result is off: 144.1 where 12 was wanted."),
    ],
)
def test_a_diagnosis_says_where_and_by_how_much(answer, words):
    assert words in SUMS(answer).says


def test_of_several_results_the_wrong_one_is_named():
    grader = function(lambda x: (x, x + 1), lambda: [Case((np.arange(3.0),))], {})
    assert "result number 2 is right but the sign" in grader(lambda x: (x, -x - 1)).says
    assert "result number 1 is right but the sign" in grader(lambda x: (-x, x + 1)).says


def test_hidden_inputs_reach_the_function_unchanged_each_time():
    seen = []
    for _ in range(2):
        SUMS(lambda x: seen.append(x.copy()) or x.sum(axis=1))
    assert np.array_equal(seen[0], seen[2])
    assert np.array_equal(seen[1], seen[3])


def test_nothing_agrees_with_nothing_and_gaps_are_no_change():
    # Relative to 0 no difference is small, so there is a little room at 0.
    assert answers.close(0.0, 0.0, rtol=0.01)
    gaps = np.array([np.nan, 1.0])
    assert answers._unchanged(gaps, gaps.copy())
    assert not answers._unchanged(gaps, np.array([np.nan, 2.0]))
    assert answers._unchanged(np.array(["a"]), np.array(["a"]))


def test_several_answers_and_options():
    parts = {"a": TWO, "b": option("cat", {"dog": ("It barks.", "What purrs?")})}
    grader = several(parts)
    assert grader({"a": 2.5, "b": " Cat "}).right
    assert grader({"a": 2.5, "b": "dog"}).hint == "What purrs?"
    assert "1 of 2" in grader({"a": 2.5, "b": "dog"}).says
    assert grader({"a": 2.5, "b": "cow"}).mistake == "b: not an option"
    assert grader({"a": 2.5, "b": 3}).mistake == "b: not an option"
    assert grader({"a": 2.5, "b": []}).mistake == "b: not an option"
    assert "'b'" in grader({"a": 2.5, "b": ...}).says
    assert grader({"a": 2.5}).mistake == "a key is missing"
    assert grader([2.5, "cat"]).mistake == "not a dict"
    assert grader(...).state == "not yet"


def test_what_was_not_answered_keeps_its_words_and_its_hint():
    said = feedback.not_yet("Choose one.", "Read cell 3.")
    assert (said.state, said.says, said.hint) == ("not yet", "Choose one.", "Read cell 3.")
    assert feedback.not_yet().says.startswith("Put your answer")


# -------------------------------------------------------------------- check


def test_an_unknown_exercise_is_refused_in_one_sentence(one_sentence):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        checks.check("vae-3", 1)
    one_sentence(error.value, "'vae-3'", "'vae-03'")
    with pytest.raises(ValueError) as error:  # noqa: PT011
        checks.grade("vea-03", 1)
    one_sentence(error.value, "'vea-03'")
    with pytest.raises(ValueError):  # noqa: PT011
        chapter("nothing")


def test_the_worked_idea_comes_after_three_wrong_answers_and_not_before(capsys):
    idea = checks.exercise("vae-02").worked
    for tries in (1, 2, 3, 4):
        found = checks.check("vae-02", 99)
        shown = capsys.readouterr().out.replace("\n  ", " ")
        assert found.tries == tries
        assert (found.worked == idea) == (tries >= 3)
        assert (idea in shown) == (tries >= 3)
    assert checks.check("vae-03", lambda mean, log_var: 0 * mean[..., 0]).worked == ""  # its own
    solved = checks.check("vae-02", 2.318)
    assert solved.right
    assert solved.worked == ""


def test_a_verdict_before_three_tries_does_not_contain_the_idea():
    for prefix in NOTEBOOKS:
        for exercise in chapter(prefix):
            found = checks.grade(exercise.id, 12345.678)
            assert exercise.worked not in found.text() + found._repr_html_()


def test_grade_shows_and_records_nothing(file, capsys):
    assert checks.grade("vae-02", 2.318).right
    assert capsys.readouterr().out == ""
    assert not file.exists()


# ----------------------------------------------------------------- progress


def test_progress_is_kept_readable_and_can_be_deleted(file, capsys):
    checks.check("vae-02", 1)
    checks.check("vae-02", 2.318)
    checks.check("core-05", np.log(40))
    stored = json.loads(file.read_text())
    assert stored["exercises"] == {
        "core-05": {"solved": True, "wrong": 0},
        "vae-02": {"solved": True, "wrong": 1},
    }
    rows = {row[0]: row for row in checks.progress().rows}
    assert rows["04_vae_math"][1:3] == (1, len(chapter("vae")))
    assert rows["04_vae_math"][4] == "vae-01"
    assert rows["02_core_concepts"][1] == 1
    capsys.readouterr()
    checks.forget()
    assert str(file) in capsys.readouterr().out
    assert not file.exists()
    checks.forget()
    assert "nothing to delete" in capsys.readouterr().out
    assert all(row[1] == 0 for row in checks.progress().rows)


def test_a_solved_exercise_stays_solved():
    checks.check("vae-02", 2.318)
    assert checks.check("vae-02", 1).tries == 1
    assert store.load_progress()[0]["vae-02"]["solved"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        '{"exercises": 3}',
        '{"exercises": {"vae-02": 3}}',
        '{"exercises": {"vae-02": {}}}',
        '{"exercises": {"vae-02": {"wrong": "many", "solved": false}}}',
        '{"exercises": {"vae-02": {"wrong": -1, "solved": false}}}',
        '{"exercises": {"vae-02": {"wrong": 1, "solved": 1}}}',
        "\ud800",
    ],
)
def test_a_damaged_file_is_kept_and_counting_starts_afresh(file, text):
    file.parent.mkdir()
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    found = checks.check("vae-02", 1)
    assert found.tries == 1
    assert ".bak" in found.note
    assert file.with_name("progress.json.bak").read_bytes() == text.encode("utf-8", "surrogatepass")
    assert checks.check("vae-02", 1).note == ""
    assert checks.check("vae-02", 1).tries == 3


def test_a_check_answers_even_where_nothing_can_be_written(tmp_path, monkeypatch, one_sentence):
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    monkeypatch.setenv("AIGC_PROGRESS", str(blocked / "progress.json"))
    found = checks.check("vae-02", 2.318)
    assert found.right
    assert "progress.json" in found.note
    assert "\n" not in found.note


def test_a_full_disk_loses_nothing_that_was_saved(file, file_size_limit):
    checks.check("vae-02", 2.318)
    before = file.read_bytes()
    with file_size_limit(8):  # pytest's own files too, so nothing may be printed here
        tries, note = store.count_answer("vae-03", solved=False)
    assert file.read_bytes() == before
    assert (tries, bool(note)) == (1, True)
    assert sorted(p.name for p in file.parent.iterdir()) == ["progress.json"]


def test_the_file_lies_where_the_user_keeps_data(monkeypatch, tmp_path):
    monkeypatch.delenv("AIGC_PROGRESS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert store.path() == tmp_path / "aigc-workbook" / "progress.json"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store.path() == tmp_path / ".local" / "share" / "aigc-workbook" / "progress.json"


# ------------------------------------------------------------------ display


def test_plain_python_prints_and_a_notebook_displays_once(monkeypatch, capsys):
    found = checks.check("vae-02", 1)
    assert capsys.readouterr().out == found.text() + "\n"
    assert repr(found) == "Feedback('vae-02', 'wrong')"
    shown = []
    monkeypatch.setattr(feedback, "in_notebook", lambda: True)
    import IPython.display

    monkeypatch.setattr(IPython.display, "display", lambda data, raw: shown.append(data))
    checks.check("vae-02", 1)
    assert capsys.readouterr().out == ""
    assert len(shown) == 1
    assert 'role="status"' in shown[0]["text/html"]
    assert "Not right" in shown[0]["text/plain"]
    assert found._ipython_display_() is None


def test_a_learners_text_cannot_become_html():
    found = checks.grade("train-02", {"A": "<script>", "B": "", "C": "", "D": "", "E": ""})
    assert "<script>" not in found._repr_html_()
    assert "&lt;script&gt;" in found._repr_html_()


def test_progress_is_a_table_with_headings():
    html = checks.progress()._repr_html_()
    assert html.count("<tr>") == 1 + len(NOTEBOOKS)
    assert 'scope="col"' in html
    assert 'scope="row"' in html


def test_checking_needs_no_tensorflow_and_is_quick_to_import(fresh_python, tmp_path):
    program = (
        "import sys; from aigc_course.checks import check; check('vae-02', 1); "
        "print(*sorted({'tensorflow', 'keras', 'matplotlib', 'ipywidgets', 'IPython'} "
        "& set(sys.modules)), sep=',')"
    )
    done = fresh_python(program, AIGC_PROGRESS=str(tmp_path / "p.json"))
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == ""


def test_a_real_kernel_shows_the_verdict_once(tmp_path):
    import nbclient
    import nbformat

    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    sources = (
        "from aigc_course import checks\nchecks.check('vae-02', 1)\nchecks.check('vae-01', 0.4472)",
        "checks.quiz('vae')",
        "checks.progress()",
    )
    notebook.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbclient.NotebookClient(notebook, timeout=120).execute()
    first, quizzed, progress = (cell.outputs for cell in notebook.cells)
    assert ["vae-02" in o.data["text/html"] for o in first] == [True, False]
    assert ["Right" in o.data["text/html"] for o in first] == [False, True]
    assert "application/vnd.jupyter.widget-view+json" in quizzed[0].data
    assert "<details>" in quizzed[0].data["text/html"]
    assert "<table>" in progress[0].data["text/html"]


def test_in_a_real_kernel_a_click_is_answered():
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    models: dict[str, dict] = {}  # what a browser would hold: each widget's state, by its id

    def follow(request: str) -> None:
        """Read what the kernel publishes for a request until it is idle again."""
        ends = time.monotonic() + 120
        while time.monotonic() < ends:
            message = client.get_iopub_msg(timeout=60)
            content = message["content"]
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] in ("comm_open", "comm_msg"):
                state = content["data"].get("state", {})
                models.setdefault(content["comm_id"], {}).update(state)
            elif content.get("execution_state") == "idle":
                return
        raise TimeoutError("the kernel is busy still")

    try:
        follow(client.execute("from aigc_course import checks\nchecks.quiz('03_2_adversarial')"))
        kind = "RadioButtonsModel"
        buttons = next(i for i, state in models.items() if state["_model_name"] == kind)
        question = CHAPTERS["03_2_adversarial"][0]
        for index, answer in enumerate(question.options):
            data = {"method": "update", "state": {"index": index}, "buffer_paths": []}
            click = client.session.msg("comm_msg", {"comm_id": buttons, "data": data})
            client.shell_channel.send(click)
            follow(click["header"]["msg_id"])
            shown = " ".join(str(state.get("value", "")) for state in models.values())
            assert feedback.prose(question.feedback(answer)) in shown
            assert shown.count("<b>Right ") == (answer == question.answer)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


# ------------------------------------------------------------------ quizzes

ASKED = Question("2 + `2`?", {"3": "One less.", "4": "Indeed.", "<5>": "One more."}, "4")


def test_every_option_of_the_widget_answers_back():
    row = Quiz([ASKED]).widget().children[0]
    title, buttons, said = row.children
    assert "<code>2</code>" in title.value
    assert buttons.value is None
    for option_ in ASKED.options:
        buttons.value = option_
        assert ASKED.options[option_] in said.value
        assert ("Yes." in said.value) == (option_ == "4")
    buttons.value = None
    assert said.value == '<div role="status"></div>'


def test_right_and_wrong_differ_by_word_sign_colour_and_line():
    _, buttons, said = Quiz([ASKED]).widget().children[0].children
    found = []
    for option_ in ("4", "3"):
        buttons.value = option_
        (word, sign) = re.search(
            r"<b>(.*?) <span aria-hidden=.true.>(.)</span></b>", said.value
        ).groups()
        (line, colour) = re.search(r"border-left: 6px (\w+) (#\w+)", said.value).groups()
        found.append((word, sign, line, colour))
    assert found == [("Right", "✓", "solid", "#0072B2"), ("Not right", "✗", "dashed", "#D55E00")]
    assert 'role="status"' in said.value


@pytest.mark.parametrize("state", ["right", "not yet", "wrong"])
def test_a_check_says_its_word_first(state):
    page = feedback.Feedback(state, "It is <so>.", exercise="vae-03")._repr_html_()
    words = re.sub("<[^>]*>", "", page)
    assert words.startswith(("Right ✓ vae-03", "Not right ✗ vae-03", "Not answered yet … vae-03"))
    assert page.count('role="status"') == 1
    assert "&lt;so&gt;" in page


def test_the_fallbacks_carry_everything():
    asked = Quiz([ASKED])
    for text in (asked.text(), asked.markdown()):
        assert all(o in text and f in text for o, f in ASKED.options.items())
    assert asked.markdown().count("<details>") == 1
    assert "&lt;5&gt;" in asked._repr_html_()
    assert asked.text().index("Indeed") > asked.text().index("c) <5>"), "answers come last"
    assert asked.text().startswith("1. ")
    assert asked.markdown().startswith("**1.**")
    assert "<b>1.</b>" in asked._repr_html_()


def test_in_plain_python_a_quiz_is_printed(capsys):
    Quiz([ASKED])._ipython_display_()
    assert capsys.readouterr().out == Quiz([ASKED]).text() + "\n"


def test_two_widgets_of_a_quiz_do_not_share_answers():
    asked = Quiz([ASKED])
    one, two = asked.widget(), asked.widget()
    one.children[0].children[1].value = "3"
    assert two.children[0].children[1].value is None


def test_only_widgets_that_colab_has():
    def kinds(widget):
        yield type(widget).__name__
        for child in getattr(widget, "children", ()):
            yield from kinds(child)

    assert set(kinds(Quiz([ASKED]).widget())) == {"VBox", "HTML", "RadioButtons", "Output"}
    assert issubclass(ipywidgets.RadioButtons, ipywidgets.Widget)


@pytest.mark.parametrize(
    "arguments",
    [
        ("?", {"a": "x", "b": "y"}, "c"),
        ("?", {"a": "x"}, "a"),
        ("?", {"a": "x", "b": " "}, "a"),
    ],
)
def test_a_question_without_sense_is_refused(arguments, one_sentence):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        Question(*arguments)
    one_sentence(error.value)


def test_quiz_by_name_by_list_and_neither(one_sentence):
    assert checks.quiz("vae").questions == QUESTIONS["vae"]
    assert checks.quiz([ASKED]).questions == (ASKED,)
    for wrong in ("nothing", []):
        with pytest.raises(ValueError) as error:  # noqa: PT011
            checks.quiz(wrong)
        one_sentence(error.value)


def test_every_chapter_has_a_quiz_and_no_option_gives_itself_away():
    assert set(WORKBOOK) == set(NOTEBOOKS)
    assert set(CHAPTERS) == {path.stem for path in (ROOT / "notebooks").glob("0[1-9]*.ipynb")}
    assert len(QUESTIONS) == len(WORKBOOK) + len(CHAPTERS)
    for questions in QUESTIONS.values():
        assert len(questions) >= 3
        for question in questions:
            assert len(question.options) >= 3


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapters_options_differ_and_fit_on_a_line(name):
    questions = CHAPTERS[name]
    assert len(questions) <= 5
    for question in questions:
        assert len(question.options) <= 4
        alike = {re.sub(r"\W", "", option_).lower() for option_ in question.options}
        assert len(alike) == len(question.options), question.text
        assert len(set(question.options.values())) == len(question.options), question.text
        assert max(map(len, question.options)) <= 60, "radio buttons do not break lines"
        said = [question.text, *question.options, *question.options.values()]
        assert not any(re.search(r"[$\\]", text) for text in said), "no TeX: it is not typeset"
        assert all(text.count("`") % 2 == 0 for text in said)


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_place_of_the_right_option_varies_within_a_chapter(name):
    places = [list(question.options).index(question.answer) for question in CHAPTERS[name]]
    assert len(set(places)) >= 3
    assert max(places.count(place) for place in places) <= 2


def test_neither_place_nor_length_gives_the_right_options_away():
    asked = [question for questions in CHAPTERS.values() for question in questions]
    places = [list(question.options).index(question.answer) for question in asked]
    longest = [max(map(len, q.options)) == len(q.answer) for q in asked]
    shortest = [min(map(len, q.options)) == len(q.answer) for q in asked]
    # With three or four options, guessing is right in 25% to 33%; no rule may do much better.
    assert max(places.count(place) for place in range(4)) <= 0.4 * len(asked)
    assert sum(longest) <= 0.45 * len(asked)
    assert sum(shortest) <= 0.45 * len(asked)


def test_no_question_is_asked_twice():
    asked = [question.text for questions in QUESTIONS.values() for question in questions]
    assert len(set(asked)) == len(asked)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapters_fallbacks_carry_every_option_and_its_feedback(name):
    asked = checks.quiz(name)
    page, text = asked._repr_html_(), asked.text()
    assert page.count("<details>") == len(asked.questions)
    for question in asked.questions:
        for answer in question.options:
            assert f"<li>{feedback.prose(answer)}</li>" in page
            assert f"<i>{feedback.prose(answer)}</i>" in page
            assert feedback.prose(question.feedback(answer)) in page
            assert answer in text
            assert question.feedback(answer) in text


def test_code_is_typeset_on_the_page_and_plain_on_a_button():
    question = Question("?", {"`fit`": "It trains.", "`call`": "It does not."}, "`fit`")
    _, buttons, said = Quiz([question]).widget().children[0].children
    assert [label for label, _ in buttons.options] == ["fit", "call"]
    buttons.value = "`fit`"
    assert "It trains." in said.value
    assert "<li><code>fit</code></li>" in Quiz([question])._repr_html_()


def test_while_graded_a_quiz_is_passed_over():
    from aigc_course.grading.inside import no_checks

    for name in checks.__all__:
        assert callable(getattr(no_checks, name))
    for name in QUESTIONS:
        assert repr(no_checks.quiz(name)) == "not checked while it is graded"
        assert not hasattr(no_checks.quiz(name), "_ipython_display_")


# ------------------------------------------------------- what it never does


def test_no_check_opens_a_connection(monkeypatch):
    import socket

    def refuse(*arguments, **settings):
        raise AssertionError("a check opened a connection")

    monkeypatch.setattr(socket, "socket", refuse)
    for prefix in NOTEBOOKS:
        checks.check(f"{prefix}-01", 1)
    checks.progress()


def test_the_parts_that_need_nothing_of_the_rest():
    # The room may use `files` and nothing else of the package: a check must stay light.
    code = "import sys, aigc_course.checks; print(*[m for m in sys.modules if 'aigc_utils' in m])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
        timeout=120,
    )
    rooms = {m.split(".")[1] for m in done.stdout.split() if m.count(".")}
    assert rooms <= {"checks", "files", "runtime"}
    assert checking.check is checks.check
