"""`make app`: a new folder runs, and everything that lists applications takes it as it is."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import aigc_apps
from aigc_apps import _template
from aigc_apps._template.make import TemplateWords
from aigc_apps.contract import Card
from aigc_utils.files import read_yaml

ROOT = Path(__file__).resolve().parents[2]
NAME = "zz_made_by_my_test"  # as long as may be; people make applications of any other name


def maker():
    spec = importlib.util.spec_from_file_location("app_tool", ROOT / "tools" / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of the course's code, to which `tools/app.py` has added one application.

    Gives a function that runs Python in it, with a bound on its time.
    """
    folder = tmp_path_factory.mktemp("course")
    for package in ("aigc_utils", "aigc_apps", "aigc_course"):
        leave_out = shutil.ignore_patterns("_data", "__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=leave_out)
    for file in (
        "tools/app.py",
        "pyproject.toml",
        "tests/conftest.py",
        "tests/apps/test_contract.py",
    ):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, folder / file)
    for linked in ("data", "notebooks"):
        (folder / linked).symlink_to(ROOT / linked)

    def run(*arguments, timeout=300):
        variables = os.environ | {"PYTHONPATH": str(folder), "MPLBACKEND": "agg"}
        return subprocess.run(
            [sys.executable, *map(str, arguments)], cwd=folder, env=variables,
            capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip

    run.folder = folder
    before = contents(folder)
    done = run("tools/app.py", NAME)
    assert done.returncode == 0, done.stderr
    run.added = set(contents(folder).items()) ^ set(before.items())
    return run


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of the three packages, by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for package in ("aigc_utils", "aigc_apps", "aigc_course")
        for path in (folder / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_it_is_one_folder_and_no_other_file_is_touched(course):
    wanted = {
        f"aigc_apps/{NAME}/{path.name}" for path in (ROOT / "aigc_apps/_template").glob("*.*")
    }
    assert {path for path, _ in course.added} == wanted
    assert len(wanted) == 8
    assert not [path for path, content in course.added if b"emplate" in content]


def test_its_code_is_in_order(course):
    ruff = shutil.which("ruff", path=Path(sys.executable).parent)
    for action in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [ruff, *action, "--no-cache", f"aigc_apps/{NAME}"], cwd=course.folder,
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_command_line_lists_it_last_and_makes_something(course):
    done = course("-m", "aigc_course.cli", "scenarios")
    assert done.returncode == 0, done.stderr
    listed = [line.split(":")[0] for line in done.stdout.splitlines() if line[:1].strip()]
    # Other new applications may lie beside it; in a chapter is none of them.
    assert [name for name in listed if name != NAME] == aigc_apps.names()
    chapters = {
        name
        for name in listed
        if Card.read(course.folder / "aigc_apps" / name / "card.yml").notebook
    }
    assert {"stories", "video"} <= chapters == set(listed[: len(chapters)])
    assert NAME not in chapters
    done = course("-m", "aigc_course.cli", "generate", NAME, "--thing", "my bicycle", "--seed", 3)
    assert done.returncode == 0, done.stderr
    assert "my bicycle" in (course.folder / "out" / f"{NAME}.txt").read_text(encoding="utf-8")
    beside = course.folder / "out" / f"{NAME}.txt.provenance.json"
    assert json.loads(beside.read_text(encoding="utf-8"))["scenario"] == NAME


def test_the_contract_s_own_tests_take_it(course):
    done = course(
        "-m", "pytest", "tests/apps/test_contract.py", "-k", NAME, "-n", 0, "-o", "addopts="
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-500:]
    # Three of a scenario and a baseline, and of its one field of text seven kinds of hostile ones.
    assert int(done.stdout.split(" passed")[0].split()[-1]) >= 15, done.stdout[-500:]


@pytest.mark.slow
def test_the_report_takes_it(course):
    out = course.folder / "runs"
    done = course(
        "-m", "aigc_course.cli", "run", "scenario", "-p", f"SCENARIO={NAME}", "-p", "PROFILE=smoke",
        "-p", "NUM_SAMPLES=4", "-o", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (found,) = out.glob("*/results.json")
    results = json.loads(found.read_text(encoding="utf-8"))
    assert results["scenario"] == NAME
    assert results["names"] == 1
    assert results["answer"] == "undecided"  # four requests show nothing


@pytest.mark.parametrize("number", [0, -3, 25])
def test_a_trial_of_no_such_size_is_refused(number, one_sentence):
    with pytest.raises(ValueError, match=f"{number} requests are asked for") as caught:
        _template.TemplateApplication().judge(number)
    one_sentence(caught.value)


def test_its_baseline_is_made_without_a_model_whatever_makes_its_texts():
    # A student changes one line of `generate`, as its comment says; the baseline stays what it is.
    code = (ROOT / "aigc_apps" / "_template" / "__init__.py").read_text(encoding="utf-8")
    assert "by_model=True" in code
    changed = code.replace("by_model=False", "by_model=True", 1)
    module = {"__name__": "aigc_apps._template", "__file__": _template.__file__}
    exec(compile(changed, _template.__file__, "exec"), module)
    template = module["TemplateApplication"]()
    request = template.ask(thing="the sea")
    assert template.generate(request).provenance.made_by.startswith("made by a")
    assert template.baseline(request).provenance.made_by.startswith("made without a")


@pytest.mark.parametrize("pattern", ["{thing} is {colour}.", "{thing} {}", "{thing", "{thing.x}"])
def test_a_pattern_that_cannot_be_filled_is_refused_when_the_words_are_read(pattern, tmp_path):
    words = {"patterns": [pattern], "qualities": ["quiet"], "places": ["here"]}
    (tmp_path / "words.yml").write_text(json.dumps(words), encoding="utf-8")  # JSON is YAML too
    with pytest.raises(ValueError, match="wrong at patterns") as caught:
        read_yaml(tmp_path / "words.yml", TemplateWords)
    assert repr(pattern) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_begins_with_a_line_is_no_application():
    assert "_template" not in aigc_apps.names()
    with pytest.raises(ValueError, match="no scenario '_template'"):
        aigc_apps.load_application("_template")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "lower-case letters"),
        ("Demo", "lower-case letters"),
        ("_demo", "lower-case letters"),
        ("2d", "lower-case letters"),
        ("my-app", "lower-case letters"),
        ("../demo", "lower-case letters"),
        ("class", "lower-case letters"),
        ("a" * 19, "at most 18"),
        ("stories", "taken"),
        ("common", "taken"),
        ("contract", "taken"),
        ("template", "taken"),
        ("names", "taken"),  # a function of aigc_apps
        ("load_application", "taken"),
        ("vae_fashion", "draws with that checkpoint"),
        ("artifact", "a second Artifact"),
        ("story", "a second StoryRequest"),
        ("none", "lower-case letters"),  # its class would be None
        ("warning", "a second Warning"),
    ],
)
def test_a_name_that_cannot_be_is_refused_in_one_sentence(tmp_path, name, words, one_sentence):
    for taken in ("stories", "common"):
        (tmp_path / taken).mkdir()
    shutil.copytree(ROOT / "aigc_apps" / "_template", tmp_path / "_template")
    (tmp_path / "contract.py").touch()
    with pytest.raises(ValueError, match=words) as caught:
        maker().make_application(name, tmp_path)
    one_sentence(caught.value, repr(name))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "_template", "common", "contract.py", "stories",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "title"), [("yes", "Yes"), ("off", "Off"), ("story_template", "Story template")]
)
def test_a_name_that_means_something_elsewhere_makes_an_application(tmp_path, name, title):
    shutil.copytree(ROOT / "aigc_apps" / "_template", tmp_path / "_template")
    folder = maker().make_application(name, tmp_path)
    assert Card.read(folder / "card.yml").title == title  # and no boolean of YAML
    kind = title.title().replace(" ", "")
    code = (folder / "__init__.py").read_text(encoding="utf-8")
    assert f"from aigc_apps.{name}.make import repeat_{name}, write_{name}\n" in code
    assert f"class {kind}(Scenario):" in code
    assert f"Request = {kind}Request\n" in code


def test_a_copy_that_breaks_off_leaves_nothing(tmp_path):
    (tmp_path / "_template").mkdir()
    (tmp_path / "_template" / "broken.py").write_bytes(b"\xff")  # no UTF-8
    with pytest.raises(ValueError, match="utf-8"):
        maker().make_application(NAME, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["_template"]
