"""Paths among parameters: where they begin, and which are refused; `test_traces` has the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from aigc_course import reports
from aigc_course.reports import inputs, templates
from aigc_course.reports.parameters import ParameterError


@pytest.fixture
def project(write_template, tmp_path):
    """A function that writes a notebook beside some data, and gives its template."""
    (tmp_path / "demand.csv").write_text("day,units\n1,5\n")
    (tmp_path / "mean").write_text("x")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("1")

    def write(cell: str, code: str = "print(open(PATH).read())") -> templates.Template:
        return templates.find_template(write_template(tmp_path / "t.ipynb", cell, code))

    return write


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        "../",
        "/",
        "gone.csv",
        "~",
        "a\nb",
        "x" * 5000,
        "demand.csv/x",
        "a fox",
        "data/..",
    ],
)
def test_a_text_that_is_no_file_of_the_runs_own_is_a_text(project, value):
    template = project("PATH = 'x'", "pass")
    assert inputs.NamedFiles(template).of({"PATH": value}) == []


def test_a_path_that_is_given_is_one_from_here(project, tmp_path, monkeypatch):
    template = project('PATH = "demand.csv"\nTEXT = "hello"')
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.csv").write_text("mine")
    (elsewhere / "hello2").write_text("x")
    (elsewhere / "demand.csv").write_text("mine too")
    monkeypatch.chdir(elsewhere)
    check = template.parameters.check
    assert check({"PATH": "mine.csv"})["PATH"] == str(elsewhere / "mine.csv")
    assert check({"PATH": Path("mine.csv")})["PATH"] == str(elsewhere / "mine.csv")
    assert check({"PATH": "demand.csv"})["PATH"] == str(elsewhere / "demand.csv")
    assert check({"PATH": "gone.csv"})["PATH"] == "gone.csv"
    assert check({"PATH": "data/a.csv"})["PATH"] == "data/a.csv"  # of the notebook's folder
    assert check({"TEXT": "hello2"})["TEXT"] == "hello2"  # no path, as the template's own is none


def test_the_parameters_of_a_record_can_be_given_back(project, tmp_path, monkeypatch):
    cell = 'A: str = "demand.csv"  # [a path]\nB: list[str] = ["data"]  # [each a path]\nC = "mean"'
    template = project(cell)
    monkeypatch.chdir("/")
    recorded = template.parameters.check({})
    assert recorded == {"A": "demand.csv", "B": ["data"], "C": "mean"}
    assert template.parameters.check(recorded) == recorded
    assert template.parameters.check(recorded, texts=True) == recorded
    monkeypatch.chdir(tmp_path)  # from the notebook's own folder it is the same run too
    assert template.parameters.check(recorded) == recorded
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "demand.csv").write_text("another")
    monkeypatch.chdir(tmp_path / "elsewhere")  # here the same words are another file
    assert template.parameters.check(recorded)["A"] == str(tmp_path / "elsewhere" / "demand.csv")
    monkeypatch.chdir("/")
    with pytest.raises(ParameterError, match="A is 'gone'") as caught:
        template.parameters.check({"A": "gone"})
    assert "there is none at '/gone'" in str(caught.value)


@pytest.mark.parametrize(
    "cell",
    [
        'PATH: str = "gone.csv"  # [a path]',
        'PATH: list[str] = ["mean", "gone.csv"]  # [each a path]',
    ],
)
def test_a_path_of_the_templates_own_at_which_nothing_is_is_refused(
    project, tmp_path, cell, one_sentence, monkeypatch
):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "gone.csv").touch()  # a template's own are not from the folder at hand
    monkeypatch.chdir(tmp_path / "here")
    template = project(cell)
    with pytest.raises(ParameterError) as caught:
        reports.run(template.path, out=tmp_path / "out")
    one_sentence(caught.value, "PATH is 'gone.csv' in t", tmp_path / "gone.csv", "that exists")
    given = ["gone.csv"] if "list" in cell else "gone.csv"
    assert reports.run(template.path, {"PATH": given}, out=tmp_path / "out").record.reads


# ---- paths in lists, and for empty values --------------------------------------------


def test_paths_in_lists_and_for_empty_values_are_from_here_too(project, tmp_path, monkeypatch):
    template = project(
        'FILES = ["demand.csv", "data/a.csv"]\nEMPTY = ""\nNONE = None\nLIST = []\nDICT = {}\n'
        'MIXED = ["mean value", "demand.csv"]\nWORDS = ["a", "b"]'
    )
    here = tmp_path / "here"
    here.mkdir()
    for name in ("mine.csv", "my file.csv", "demand.csv", "a", "words"):
        (here / name).write_text("mine")
    monkeypatch.chdir(here)
    check = template.parameters.check
    mine, spaced = str(here / "mine.csv"), str(here / "my file.csv")
    given = {"FILES": ["mine.csv", "a"], "EMPTY": "my file.csv", "NONE": "mine.csv"}
    given |= {"LIST": ["mine.csv"], "DICT": {"in": ["mine.csv"]}, "MIXED": ["a", "mine.csv"]}
    found = check(given | {"WORDS": ["a"]})
    assert found["FILES"] == [mine, str(here / "a")]
    assert (found["EMPTY"], found["NONE"]) == (spaced, mine)
    assert (found["LIST"], found["DICT"]) == ([mine], {"in": [mine]})
    assert (found["MIXED"], found["WORDS"]) == (["a", mine], ["a"])  # words are no paths
    assert check({})["FILES"] == ["demand.csv", "data/a.csv"]  # the template's own, from its folder
    assert check({"NONE": "words"})["NONE"] == "words"
    assert check(found) == found


def test_a_word_that_is_a_file_here_and_another_at_the_notebooks_is_refused(
    project, tmp_path, monkeypatch, one_sentence
):
    template = project("NONE = None\nN = 3")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "mean").write_text("mine")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ParameterError) as caught:
        template.parameters.check({"NONE": "mean"})
    one_sentence(caught.value, "NONE is 'mean'", tmp_path, "write './mean' or its whole path")
    assert template.parameters.check({"NONE": "./mean"})["NONE"] == str(tmp_path / "here" / "mean")
    monkeypatch.chdir(tmp_path)
    assert template.parameters.check({"NONE": "mean"})["NONE"] == "mean"
