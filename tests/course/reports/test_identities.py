"""Names of runs: they survive what does not compute a run, and change with what does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import aigc_utils
from aigc_course.reports import identities, loads, plans, sweeps, templates, workers
from aigc_course.reports.executors import SweepOptions

ROOT = Path(aigc_utils.__file__).parents[1]
PACKAGES = ("aigc_utils", "aigc_apps", "aigc_course")
REPORTS = ROOT / "notebooks" / "reports"
# The names of a template's run, as it is and after a line more in each of the files named.
NAMES = """\
import json, sys
from pathlib import Path
from aigc_course.reports import identities, templates

def name():
    found = templates.find_template(sys.argv[1])
    return identities.name_of(found, identities.identify(found), found.parameters.check({}))

names = {"": name()}
for edited in map(Path, sys.argv[2:]):
    text = edited.read_bytes()
    edited.write_bytes(text + b"\\n# One line more.\\n")
    names[str(edited)] = name()
    edited.write_bytes(text)
print(json.dumps([identities.__file__, names]))
"""


def names_there(packages: Path, template: Path, *edited: Path, data: Path | None) -> dict[str, str]:
    """What `NAMES` prints with the packages of a folder, and the data of another or their own."""
    environment = {k: v for k, v in os.environ.items() if k != "AIGC_DATA"}
    environment |= {"PYTHONPATH": str(packages)} | ({"AIGC_DATA": str(data)} if data else {})
    done = subprocess.run(
        [sys.executable, "-c", NAMES, str(template), *map(str, edited)],
        capture_output=True, text=True, env=environment, cwd=packages, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    module, names = json.loads(done.stdout)
    assert Path(module).is_relative_to(packages)
    return names


def name_here(template: str | Path, **values) -> str:
    found = templates.find_template(template)
    identity = identities.identify(found)
    return identities.name_of(found, identity, found.parameters.check(values))


@pytest.fixture
def course(tmp_path_factory) -> Path:
    """A copy of the three packages, to be edited."""
    folder = tmp_path_factory.mktemp("course")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "_data")
        )
    return folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A folder with what a wheel of the course installs, its data with it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    zipfile.ZipFile(built).extractall(folder / "installed")
    return folder / "installed"


def texts(folder: Path) -> list[Path]:
    return [p for kind in ("*.py", "*.yml", "*.md") for p in sorted(folder.rglob(kind))]


# ---- code and texts ------------------------------------------------------------------


def test_an_edited_quiz_exercise_check_grader_or_command_changes_no_name(course):
    package = course / "aigc_course"
    computing = {*texts(package / "train"), package / "reports" / "results.py"}
    others = [path for path in texts(package) if path not in computing]
    parts = {path.relative_to(package).parts[0] for path in others}
    assert {"checks", "grading", "reports", "cli"} <= parts
    before = names_there(course, REPORTS / "scenario.ipynb", data=ROOT / "data")
    for path in others:
        path.write_bytes(path.read_bytes() + b"\n# One line more.\n")
    assert names_there(course, REPORTS / "scenario.ipynb", data=ROOT / "data") == before


def test_edited_code_and_texts_that_compute_change_every_name(course):
    edited = [
        course / "aigc_utils" / "models" / "vae.py",
        course / "aigc_utils" / "training.py",
        course / "aigc_course" / "reports" / "results.py",
        *texts(course / "aigc_course" / "train")[-2:],
        course / "aigc_apps" / "contract.py",
        # Cards, word lists and whatever else an application takes its words from; a folder that
        # begins with _ is none.
        *(p for p in sorted((course / "aigc_apps").rglob("*.yml")) if "/_" not in str(p)),
    ]
    names = names_there(course, REPORTS / "scenario.ipynb", *edited, data=ROOT / "data")
    assert len(set(names.values())) == len(edited) + 1


def test_line_ends_of_windows_change_no_name(course):
    before = names_there(course, REPORTS / "vae_run.ipynb", data=ROOT / "data")
    for path in (course / "aigc_utils" / "training.py", course / "aigc_course/reports/results.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert names_there(course, REPORTS / "vae_run.ipynb", data=ROOT / "data") == before


def test_what_editors_and_systems_leave_beside_the_code_refuses_and_renames_no_run(course):
    before = names_there(course, REPORTS / "scenario.ipynb", data=ROOT / "data")
    for folder in (course / "aigc_utils", course / "aigc_apps", course / "aigc_course" / "train"):
        (folder / "._a.py").write_bytes(b"\x00\x05\x16\x07\xff")
        (folder / ".#a.py").symlink_to("me@here.1:2")
        (folder / ".ipynb_checkpoints").mkdir()
        (folder / ".ipynb_checkpoints" / "a-checkpoint.py").write_text('NAME = "tang_poems"')
    assert names_there(course, REPORTS / "scenario.ipynb", data=ROOT / "data") == before


@pytest.mark.slow
@pytest.mark.parametrize("template", ["vae_run", "scenario", "compare_runs"])
def test_a_wheel_gives_the_names_that_its_checkout_gives(wheel, template):
    path = REPORTS / f"{template}.ipynb"
    assert (wheel / "aigc_utils" / "_data").is_dir()
    assert names_there(wheel, path, data=None) == {"": name_here(path)}


@pytest.mark.slow
def test_a_worker_with_the_wheel_makes_a_run_that_was_planned_in_the_checkout(wheel, toy, tmp_path):
    found = templates.find_template(toy)
    planned = plans.plan_runs(found, [found.parameters.check({})])
    job = sweeps._job(planned, planned.runs[0], tmp_path / "out", SweepOptions(), 1)
    program = (  # what a worker of a Dask cluster does with its task
        "import json, sys, aigc_utils; from aigc_course.reports import workers\n"
        "print(json.dumps([aigc_utils.__file__, workers.make_alone(sys.argv[1])]))"
    )
    environment = {k: v for k, v in os.environ.items() if k != "AIGC_DATA"}
    done = subprocess.run(
        [sys.executable, "-c", program, job], cwd=wheel, capture_output=True, text=True,
        env={**environment, "PYTHONPATH": str(wheel)}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    module, answer = json.loads(done.stdout)
    assert Path(module).is_relative_to(wheel)
    assert answer["event"] == "made", answer
    assert answer["record"]["name"] == planned.runs[0].name
    with workers.Workers() as pool:
        assert pool.make(job)["event"] == "recognised"


# ---- data ----------------------------------------------------------------------------


def test_an_added_data_set_checkpoint_or_record_changes_no_name(data_copy):
    here = ["vae_run", "scenario", "compare_runs"]
    before = [name_here(template) for template in here]
    for kept, added in (
        ("fashion_mnist", "added_images"),
        ("checkpoints/vae_fashion", "checkpoints/vae_added"),
        ("records/beta", "records/added"),
    ):
        shutil.copytree(data_copy / kept, data_copy / added)
    (data_copy / "README.md").write_text("One data set more.")
    assert [name_here(template) for template in here] == before


@pytest.mark.parametrize(
    ("template", "values", "changed"),
    [
        ("vae_run", {}, "fashion_mnist/train-images-idx3-ubyte.gz"),
        ("scenario", {}, "english_prose/test.jsonl.xz"),
        ("scenario", {"SCENARIO": "poetry"}, "prosody/guangyun.tsv"),
        ("scenario", {"SCENARIO": "music"}, "checkpoints/bach_chorales/model.weights.h5"),
    ],
)
def test_a_changed_byte_of_data_that_a_run_reads_changes_its_name(
    data_copy, replace_bytes, template, values, changed
):
    before = name_here(template, **values)
    replace_bytes(data_copy / changed, lambda content: content[:-1] + bytes([content[-1] ^ 1]))
    assert name_here(template, **values) != before


def test_a_changed_record_changes_the_name_of_a_run_that_reads_records(data_copy, monkeypatch):
    copy = data_copy / "copied"  # `data_copy` has links to folders here
    shutil.copytree(ROOT / "data" / "records", copy / "records")
    monkeypatch.setenv("AIGC_DATA", str(copy))
    compared, trained = name_here("compare_runs"), name_here("vae_run")
    record = sorted((copy / "records" / "beta").glob("*/run.json"))[0]
    record.write_bytes(record.read_bytes() + b"\n")
    assert name_here("compare_runs") != compared
    assert name_here("vae_run") == trained


def test_changed_data_that_a_run_cannot_read_leaves_its_name(data_copy, replace_bytes):
    before = name_here("vae_run")
    for unread in ("tang_poems/test.jsonl.xz", "checkpoints/gan_fashion/model.weights.h5"):
        replace_bytes(data_copy / unread, lambda content: content + b"!")
    assert name_here("vae_run") == before


def test_what_the_card_of_a_checkpoint_names_is_read_with_it(
    data_copy, replace_bytes, write_template, tmp_path
):
    template = write_template(
        tmp_path / "draws.ipynb", None,
        "from aigc_utils import checkpoints\ncheckpoints.load_model('pixelcnn_ensemble_fashion')",
    )  # fmt: skip
    before = name_here(template)
    member = data_copy / "checkpoints" / "second_pixelcnn_fashion" / "model.weights.h5"
    replace_bytes(member, lambda content: content + b"!")
    assert name_here(template) != before


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('DATA: str = ""  # a data set', "tang_poems"),
        ('DATA: str = ""  # a place', "checkpoints/tang_poems/model.weights.h5"),
        ("DATA: list = []  # data sets", ["english_prose", "tang_poems"]),
        ("DATA: dict = {}  # a request", {"writer": {"name": ["tang_poems"]}}),
    ],
)
def test_data_named_by_a_parameter_count_for_the_runs_that_name_them(
    data_copy, replace_bytes, write_template, tmp_path, line, value
):
    template = write_template(tmp_path / "reads.ipynb", line, "print(DATA)")
    before, without = name_here(template, DATA=value), name_here(template)
    for folder in ("tang_poems", "checkpoints/tang_poems"):
        replace_bytes(data_copy / folder / "card.json", lambda content: content + b"\n")
    assert name_here(template, DATA=value) != before
    assert name_here(template) == without


PARAMETER = 'MODEL: str = "vae_fashion"  # a checkpoint\n'


@pytest.mark.parametrize(
    ("code", "shelves"),
    [
        ('checkpoints.load_model("vae_fashion", HERE)', []),
        ('load_images(name="fashion_mnist")', []),
        ("writing.load_verse_writer()", []),
        ('NAME = "a"\nload_card(NAME)', []),
        ("load_card(MODEL)", []),  # the parameter
        ("from aigc_utils.checkpoints import load_model", []),
        ('"load_model(name)"  # load_model(name)', []),
        ('load_model(f"{FAMILY}_fashion")', ["checkpoints"]),
        ('load_model("gan" + "_fashion")', ["checkpoints"]),
        ('load_model("gan" "_fashion")', ["checkpoints"]),
        ('NAME = "gan" "_fashion"\nload_model(NAME)', ["checkpoints"]),
        ("[data.load_texts(name) for name in names]", ["data sets"]),
        ("data.load_data_card(**wanted)", ["data sets"]),
        ("map(load_tokenizer, names)", ["checkpoints"]),
        ("load_generator(make.CHECKPOINT)", ["checkpoints"]),
        ("from aigc_utils.data import load_images as images", ["data sets"]),
        ("[*checkpoints.available(), *data.data_sets()]", ["checkpoints", "data sets"]),
        ('NAME = "a"\nfor NAME in names:\n    load_card(NAME)', ["checkpoints"]),
        ('MODEL += "_2d"\nload_card(MODEL)', ["checkpoints"]),
        ('if HERE:\n    %pip list\nload_model("vae_fashion")', []),
        ("!ls\nload_model(name)", ["checkpoints"]),
        ("found = !ls\nload_texts(found[0])", ["data sets"]),
    ],
)
def test_a_name_that_only_the_run_knows_can_be_any(code, shelves):
    assert sorted(loads.whole_shelves([PARAMETER, code])) == shelves


def test_who_loads_by_a_name_put_together_reads_the_whole_shelf(
    data_copy, replace_bytes, write_template, tmp_path
):
    def write(name, code):
        return write_template(tmp_path / name, 'FAMILY: str = "gan"', code)

    weights = write("weights.ipynb", 'checkpoints.load_model(f"{FAMILY}_fashion")')
    texts_ = write("texts.ipynb", "[data.load_texts(name) for name in data.data_sets()]")
    before = name_here(weights), name_here(texts_)
    replace_bytes(data_copy / "checkpoints/gan_fashion/card.json", lambda content: content + b"\n")
    assert (name_here(weights) != before[0], name_here(texts_)) == (True, before[1])
    before = name_here(weights), name_here(texts_)
    shutil.copytree(data_copy / "fashion_mnist", data_copy / "added_images")
    assert (name_here(weights), name_here(texts_) != before[1]) == (before[0], True)


def test_what_a_template_can_read_is_found_in_what_it_says_and_imports(write_template, tmp_path):
    def found(*codes: str) -> set[str]:
        path = write_template(tmp_path / "t.ipynb", None, *codes)
        return set(identities.readable(templates.find_template(path)))

    alone = found("from aigc_course import reports", "x = 'see `aigc runs`'")
    assert "tang_poems" not in alone
    assert found("data.load_texts('tang_poems')") - alone == {
        "tang_poems",
        "checkpoints/tang_poems",
    }
    assert found('open("data/records/families.json")') - alone == {"records/families.json"}
    assert found("# tang_poems, prosody") == alone
    assert found("from aigc_course.checks import check, quiz") == alone
    assert found("from aigc_course import checks, reports") == alone
    assert found("import aigc_course.doctor, aigc_course.classroom") == alone
    assert found("from aigc_course import checks, train") > alone
    applied = found("import aigc_apps")
    assert {"prosody", "injections", "records/verdicts", "checkpoints/bach_chorales"} <= applied
    assert found("!aigc generate stories") >= applied
    assert "records/families.json" in found("from aigc_course.train import families")
