"""Grading with an installed course, as a teacher without a checkout does, and data of one's own.

What is installed here is what a wheel holds: the three packages, with quizzes and exercises inside
the checks. It lies in an environment of its own, which borrows all other packages from this one.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import hostile
import pytest

from aigc_course.grading import bubblewrap, commands
from aigc_course.grading.limits import Limits

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("aigc_utils", "aigc_apps", "aigc_course")
CANARY = "canary_of_the_answers.yml"

HIDDEN_TESTS = """
from aigc_course.grading import hidden_test

@hidden_test("in-01", points=1, title="the data")
def data(student):
    assert student.number("poems") == 1500, "Not the poems."

@hidden_test("in-02", points=1, title="what can be seen")
def seen(student):
    assert student.number("looked_at") > 50, "The walk saw nothing."
    assert student.value("answers") == [], "Answers can be seen."
    assert student.value("checks") == ["__init__.py"], "The checks can be seen."

@hidden_test("in-03", points=1, title="checks do nothing")
def checks(student):
    assert student.value("checked") == "not checked while it is graded", "Something was checked."
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The Python of an environment in which the course is installed, and no checkout."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True, timeout=120
    )
    paths = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    site = Path(sysconfig.get_path("purelib", "venv", vars=paths))
    for name in PACKAGES:
        shutil.copytree(ROOT / name, site / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("_quizzes", "_exercises"):
        (site / "aigc_course" / "checks" / name).mkdir(exist_ok=True)
        (site / "aigc_course" / "checks" / name / CANARY).write_text("answer: 42\n")
    (site / "aigc_utils" / "_data").mkdir()  # a wheel's data, which AIGC_DATA stands in for
    others = [entry for entry in sys.path if entry.endswith("-packages")]
    (site / "borrowed.pth").write_text("\n".join(others) + "\n")
    return folder / "venv" / "bin" / "python"


def submission(*tops: Path) -> bytes:
    look = f"""
import os
import aigc_course
checks = os.listdir(os.path.join(os.path.dirname(aigc_course.__file__), "checks"))
files = [os.path.join(folder, name) for top in {[str(top) for top in tops]}
         for folder, _, names in os.walk(top) for name in names]
looked_at, answers = len(files), [file for file in files if {CANARY!r} in file]
"""
    read = 'from aigc_utils import data\npoems = len(data.load_texts("tang_poems").test)'
    checked = "from aigc_course.checks import check, quiz\nchecked = repr(check('vae-01', 3))"
    return hostile.notebook([read, look, checked])


@pytest.mark.slow
@pytest.mark.usefixtures("bubblewrap")
def test_data_of_one_s_own_are_seen_inside_and_answers_are_not(installed, tmp_path):
    shutil.copytree(ROOT / "data" / "tang_poems", tmp_path / "our data" / "tang_poems")
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "in.py").write_text(HIDDEN_TESTS)
    (tmp_path / "submissions").mkdir()
    (tmp_path / "submissions" / "ada.ipynb").write_bytes(submission(installed.parents[2], ROOT))
    (site,) = installed.parents[1].glob("lib/*/site-packages")
    assert len(list(site.rglob(CANARY))) == 2

    done = subprocess.run(
        [installed, "-m", "aigc_course.cli", "grade", "submissions", "--assignment", "in",
         "--tests", "hidden", "-o", "out"],
        cwd=tmp_path,
        env={**os.environ, "AIGC_DATA": "our data"},  # as typed, from where the teacher stands
        capture_output=True,
        text=True,
        timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "out" / "feedback" / "ada.html").read_text(encoding="utf-8")
    with open(tmp_path / "out" / "grades.csv", encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["in-01"], row["in-02"], row["in-03"]) == ("1", "1", "1"), page


def test_the_folder_and_the_variable_go_in_together(tmp_path, monkeypatch):
    monkeypatch.delenv("AIGC_DATA", raising=False)
    assert "AIGC_DATA" not in bubblewrap.variables_inside(Limits(), "/home", "/tmp")
    (tmp_path / "own").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIGC_DATA", "own")
    named = Path(bubblewrap.variables_inside(Limits(), "/home", "/tmp")["AIGC_DATA"])
    assert named == (tmp_path / "own").resolve()
    assert named in bubblewrap.shown_folders()


@pytest.mark.parametrize(
    ("data", "words"),
    [("nowhere", "no folder: correct AIGC_DATA"), (str(ROOT), "holds the course itself")],
)
def test_data_that_cannot_be_shown_are_refused(data, words, monkeypatch, one_sentence):
    monkeypatch.setenv("AIGC_DATA", data)
    with pytest.raises(ValueError, match=words) as caught:
        commands._check_isolation(commands.GradeOptions(), {}, print)
    one_sentence(caught.value, data)
