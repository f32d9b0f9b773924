"""What a parameter names is looked up before a kernel starts."""

from __future__ import annotations

import json
import shutil

import pytest

from aigc_course import reports
from aigc_course.reports import plans, references, templates
from aigc_course.reports.parameters import ParameterError

COMPARING = """\
RUNS: str = ""  # a folder of records [a folder of runs, or empty]
X: str = "KL_WEIGHT"  # across [a parameter of RUNS]
LINES: str = "LATENT_DIM"  # a line each [a parameter of RUNS, or empty]
METRIC: str = "nll_nats_iw200"  # up [a result of RUNS]"""


@pytest.fixture(scope="module")
def comparing(write_template, tmp_path_factory):
    path = write_template(tmp_path_factory.mktemp("comparing") / "c.ipynb", COMPARING)
    return templates.find_template(path)


@pytest.fixture
def runs(tmp_path):
    """A folder of records: two that were done, one that failed, one damaged, and other things."""
    records = {
        "a": ("done", {"alpha": 1, "seed": 0, "only": 1}, {"mape": 2.0, "extra": 1}),
        "b": ("done", {"alpha": 2, "seed": 0}, {"mape": 3.0}),
        "failed": ("failed", {"alpha": 3}, {}),
    }
    for name, (status, parameters, results) in records.items():
        (tmp_path / "runs" / name).mkdir(parents=True)
        record = {"status": status, "parameters": parameters, "results": results}
        (tmp_path / "runs" / name / "run.json").write_text(json.dumps(record))
    (tmp_path / "runs" / "damaged").mkdir()
    (tmp_path / "runs" / "damaged" / "run.json").write_text("[" * 100_000)
    (tmp_path / "runs" / "x.txt").write_text("x")
    return tmp_path / "runs"


def refused(template: templates.Template, **values) -> ParameterError:
    with pytest.raises(ParameterError) as caught:
        plans.plan_runs(template, [template.parameters.check(values)])
    return caught.value


# ---- applications --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("storeis", ["did you mean stories?", "music"]),
        ("Stories", ["did you mean stories?"]),
        ("stories ", ["did you mean stories?"]),
        ("../poetry", ["did you mean poetry?"]),
        ("", ["choose from stories"]),
        ("common", ["choose from"]),
        ("_template", ["choose from"]),
        ("诗", ["choose from"]),
        ("x" * 90_000, ["choose from"]),
    ],
)
def test_an_application_that_is_none_is_refused(name, words, one_sentence):
    one_sentence(refused(templates.find_template("scenario"), SCENARIO=name), "SCENARIO", *words)


@pytest.mark.parametrize(
    ("application", "request_", "words"),
    [
        ("poetry", {"them": "rain"}, ["'them'", "did you mean theme?"]),
        ("poetry", {"number": 9}, ["number is 9"]),
        ("poetry", {"form": "sonnet"}, ["form is 'sonnet'"]),
        ("poetry", {"theme": ""}, ["theme is empty"]),
        ("poetry", {"theme": 5}, ["theme is 5"]),
        ("music", {"bars": 3}, ["bars is 3"]),
        ("music", {"theme": "rain"}, ["'theme'"]),
        ("stories", {"theme": "a fox", "words": 1}, ["words is 1"]),
        ("video", {"title": "x", "shots": []}, ["shots has 0 shots"]),
    ],
)
def test_a_request_is_one_that_its_application_takes(
    application, request_, words, one_sentence, tmp_path
):
    error = refused(templates.find_template("scenario"), SCENARIO=application, REQUEST=request_)
    one_sentence(error, "REQUEST: ", *words)
    values = {"SCENARIO": application, "REQUEST": request_}
    with pytest.raises(ParameterError):
        reports.run("scenario", values, out=tmp_path / "out")
    with pytest.raises(ParameterError):
        reports.sweep("scenario", [values], grid={"SEED": [0, 1]}, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_good_requests_and_every_problem_of_a_bad_one_pass():
    template = templates.find_template("scenario")
    check = template.parameters.check
    good = {"SCENARIO": "poetry", "REQUEST": {"theme": "秋夜", "form": "五绝"}}
    assert len(plans.plan_runs(template, [check(good), check({}), check({"SEED": 1})]).runs) == 3
    error = refused(template, SCENARIO="poetry", REQUEST={"them": "x", "number": 9})
    assert len(error.problems) == 2


@pytest.mark.parametrize("samples", [1, -1, 10_001])
def test_fewer_samples_than_every_application_takes_are_refused(samples, one_sentence):
    with pytest.raises(ParameterError) as caught:
        templates.find_template("scenario").parameters.check({"NUM_SAMPLES": samples})
    one_sentence(caught.value, "NUM_SAMPLES", "0, or 2 to 10000")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HIDDEN_UNITS", []), ("HIDDEN_UNITS", [1] * 9), ("HIDDEN_UNITS", [0]),
        ("KL_WEIGHT", 1e308), ("KL_WEIGHT", -1), ("LEARNING_RATE", 1e-320),
        ("LEARNING_RATE", 0), ("TRAIN_IMAGES", 1), ("TRAIN_IMAGES", 99),
        ("TRAIN_IMAGES", 60_001), ("EPOCHS", -1), ("LATENT_DIM", 0),
    ],
)  # fmt: skip
def test_a_training_that_cannot_be_one_is_refused(name, value, one_sentence):
    with pytest.raises(ParameterError) as caught:
        templates.find_template("vae_run").parameters.check({name: value})
    one_sentence(caught.value, name, "give")


# ---- runs ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"X": "KL_WIEGHT"}, ["did you mean KL_WEIGHT?"]),
        ({"X": "kl_weight"}, ["did you mean KL_WEIGHT?"]),
        ({"METRIC": "nope"}, ["choose from", "nll_nats_iw200"]),
        ({"METRIC": "KL_WEIGHT"}, ["METRIC is 'KL_WEIGHT'"]),
    ],
)
def test_a_name_that_the_courses_records_lack_is_refused(comparing, values, words, one_sentence):
    one_sentence(refused(comparing, **values), *words)


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"X": "alpha", "METRIC": "mape", "LINES": ""}, []),
        ({"X": "alpha", "METRIC": "mape", "LINES": "seed"}, []),
        ({"X": "alpah", "METRIC": "mape", "LINES": ""}, ["X"]),
        ({"X": "only", "METRIC": "mape", "LINES": ""}, []),  # one run has it: those are drawn
        ({"X": "alpha", "METRIC": "extra", "LINES": "seed"}, []),
        ({}, ["X", "LINES", "METRIC"]),  # the template's own are those of other records
    ],
)
def test_names_are_those_of_the_folder_that_is_given(comparing, runs, values, wrong):
    full = comparing.parameters.check({"RUNS": str(runs), **values})
    if not wrong:
        assert plans.plan_runs(comparing, [full]).runs
        return
    problems = refused(comparing, RUNS=str(runs), **values).problems
    assert [problem.split()[0] for problem in problems] == wrong


@pytest.fixture
def many_runs(tmp_path):
    """A folder of 1,100 records, each with a parameter and a result of its own."""
    for number in range(1100):
        (tmp_path / f"r{number}").mkdir()
        record = {"status": "done", "parameters": {f"p{number}": 1}, "results": {f"m{number}": 1}}
        (tmp_path / f"r{number}" / "run.json").write_text(json.dumps(record))
    return tmp_path


def test_a_name_in_any_of_very_many_records_is_taken(comparing, many_runs):
    values = {"RUNS": str(many_runs), "LINES": ""}
    sets = [
        comparing.parameters.check({**values, "X": f"p{n}", "METRIC": f"m{n}"})
        for n in range(0, 1100, 10)
    ]
    assert len(plans.plan_runs(comparing, sets).runs) == 110
    problems = refused(comparing, **values, X="p1100", METRIC="q").problems
    assert [problem.split()[0] for problem in problems] == ["X", "METRIC"]


def test_what_was_not_looked_into_refuses_nothing(comparing, many_runs, monkeypatch):
    monkeypatch.setattr(references, "_MOST_ENTRIES", 100)
    values = {"RUNS": str(many_runs), "X": "alpha", "METRIC": "mape", "LINES": ""}
    assert plans.plan_runs(comparing, [comparing.parameters.check(values)]).runs
    for path in many_runs.glob("*/run.json"):
        path.unlink()  # nor says the folder of what was not looked into that it has no run
    assert plans.plan_runs(comparing, [comparing.parameters.check(values)]).runs


def test_a_folder_is_read_once_for_a_whole_sweep(comparing, runs, monkeypatch):
    read, reads = references.json.loads, []
    monkeypatch.setattr(references.json, "loads", lambda text: reads.append(text) or read(text))
    values = {"RUNS": str(runs), "METRIC": "mape"}
    sets = plans.combine(comparing, [values], {"X": ["alpha", "seed"], "LINES": ["", "seed"]})
    assert len(plans.plan_runs(comparing, sets).runs) == 4
    assert len(reads) == len(list(runs.glob("*/run.json")))


def test_an_empty_text_is_taken_only_where_the_limit_says_so(comparing):
    assert comparing.parameters.check({"LINES": ""})["LINES"] == ""
    assert comparing.parameters.check({"RUNS": ""})["RUNS"] == ""
    with pytest.raises(ParameterError, match="X is ''"):
        comparing.parameters.check({"X": ""})


@pytest.mark.parametrize("place", ["empty", "file", "other", "gone", "loop", "/etc", "/"])
def test_a_folder_without_runs_is_refused(comparing, tmp_path, place, one_sentence):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.txt").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    one_sentence(refused(comparing, RUNS=str(tmp_path / place)), "RUNS", place)


def test_each_name_is_looked_up_once_for_a_whole_sweep(comparing, runs):
    values = {"RUNS": str(runs), "X": "alpha", "METRIC": "mape"}
    sets = plans.combine(comparing, [values], {"LINES": ["", "seed", "sede"]})
    shutil.rmtree(runs / "damaged")
    with pytest.raises(ParameterError) as caught:
        plans.plan_runs(comparing, sets * 50)
    (problem,) = caught.value.problems
    assert "did you mean seed?" in problem
