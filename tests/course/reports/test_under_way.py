"""An input that changed gives no old record, and what runs make themselves loses no sweep."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aigc_course import reports
from aigc_course.reports import (
    beside,
    commands,
    history,
    identities,
    plans,
    records,
    runner,
    sweeps,
    templates,
)
from aigc_course.reports.executors import SweepOptions


@pytest.fixture
def project(write_template, tmp_path):
    """A function that writes a notebook beside data, and gives its template."""
    home = tmp_path / "home"
    for name in ("d.csv", "data/train_set.csv", "data/b.csv"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("1")

    def write(cell: str, *codes: str) -> templates.Template:
        path = write_template(home / "t.ipynb", f"N = 1\n{cell}", *codes)
        return templates.find_template(path)

    return write


def name_of(template: templates.Template) -> str:
    found = templates.find_template(template.path)
    return identities.name_of(found, identities.identify(found), found.parameters.check({}))


def goes_on(template: templates.Template, planned: plans.SweepPlan) -> identities.Identity:
    """What the second run of a plan is made with; it raises if the run is lost."""
    home = template.path.parent
    text = sweeps._job(planned, planned.runs[1], home / "out", SweepOptions(), 1)
    job = runner.Job.model_validate_json(text)
    data = identities.data_of(template)
    return runner._as_planned(job, template, job.parameters, data)


def plan(template: templates.Template) -> plans.SweepPlan:
    return plans.plan_runs(template, [template.parameters.check({"N": n}) for n in (1, 2)])


# ---- inputs ----------------------------------------------------------------------------

READ = [
    # What is copied, renamed or replaced may be no path at all.
    ('C = {"in": "d.csv"}', "cfg = copy.copy(C)\npd.read_csv(cfg['in'])", "d.csv"),
    ('C = "d.csv"', "pd.read_csv(copy.copy(C))", "d.csv"),
    ('C = ["d.csv"]', "df = df.rename(C)\nfor c in C:\n    print(pd.read_csv(c))", "d.csv"),
    ('C = "d.csv"', "cfg = replace(cfg, data=C)\npd.read_csv(cfg.data)", "d.csv"),
    ('C = {"in": "d.csv"}', "yaml.dump(C, file)\npd.read_csv(C['in'])", "d.csv"),
    # What has the letters of a mode need be none.
    ("", "TextReader('d.csv', 'raw')", "d.csv"),
    ("", "Corpus('d.csv', 'tab')", "d.csv"),
    ("", "Chart('d.csv', mode='bar')", "d.csv"),
    ('C = "d.csv"', "Corpus(C, 'rawtext')", "d.csv"),
    ("", "h5py.File('d.csv', 'r+')", "d.csv"),
    # A name that is put together tells nothing of what is there.
    ("", "pd.read_csv('data/train_set.csv')\nr.to_csv(f'data/{m}_{N}.csv')", "data/train_set.csv"),
    ("", "Path('data').glob('*.csv')\nr.to_csv(f'data/{m}_{N}.csv')", "data/train_set.csv"),
    ("", "Path('data').glob('*.csv')\nr.to_csv(f'data/train_{N}.csv')", "data/train_set.csv"),
    ('D = "data"', "open(f'{D}/{N}.csv')\nr.to_csv(f'{D}/{m}_{N}.csv')", "data/train_set.csv"),
    ('D = "data"', "p = Path(D) / 'b.csv'\nmine(p)\nr.to_csv(f'{D}/r.csv')", "data/b.csv"),
    # What is read, too, is no result, whoever reads it.
    ("", "pd.read_csv('d.csv')\ndf.to_csv('d.csv')", "d.csv"),
    ("", "mine('d.csv')\ndf.to_csv('d.csv')", "d.csv"),
    ("", "class C:\n    path = 'd.csv'\nmine(C.path)\ndf.to_csv('d.csv')", "d.csv"),
    ("", "files = {'in': 'd.csv'}\nmine(files)\ndf.to_csv('d.csv')", "d.csv"),
    ("", "save_summary('d.csv', 'summary.txt')", "d.csv"),
    ("", "save_summary('d.csv', 'summary.txt')\nglob.glob('*.csv')", "d.csv"),
    ("", "print(mine('d.csv'))\ndf.to_csv('d.csv')", "d.csv"),
    ("", "glob.glob('*.csv')\nnp.save(Path(D).joinpath('d.csv'), x)", "d.csv"),
    ("", "for u in us:\n    urlretrieve(u, 'data/b.csv')\nopen(f'data/{N}.csv')", "data/b.csv"),
]


@pytest.mark.parametrize(("cell", "code", "file"), READ)
def test_an_input_that_changed_is_another_run(project, cell, code, file):
    template = project(cell, code)
    before = name_of(template)
    (template.path.parent / file).write_text("tomorrow's")
    assert name_of(template) != before


WRITTEN = [
    "imageio.get_writer('d.csv')",
    "np.lib.format.open_memmap('d.csv', mode='w+')",
    "tarfile.open('d.csv', 'w:gz')",
    "for n in range(3):\n    os.replace('tmp.npy', 'd.csv')",
    "def keep(x):\n    os.replace(x, 'd.csv')\nkeep('tmp.npy')",
    "if best:\n    shutil.move('tmp.npy', 'd.csv')",
    "wavfile.write('d.csv', rate, sound)",
    "def keep(path, x):\n    x.to_csv(path)\nkeep('d.csv', df)",
    "print('into', 'd.csv')\ndf.to_csv('d.csv')",
    "with Path('d.csv').open('w') as file:\n    pass",
    "df.to_csv(path_or_buf='d.csv', mode='w')",
    "plt.savefig('d.csv', 'tight')",
    "os.unlink('d.csv')",
]


@pytest.mark.parametrize("code", WRITTEN)
def test_what_is_only_written_is_a_result(project, code):
    template = project("", code)
    before = name_of(template)
    (template.path.parent / "d.csv").write_text("by a run")
    assert name_of(template) == before


# ---- a sweep under way -----------------------------------------------------------------

REFUSED = [
    ("", "def clean(p):\n    return pd.read_csv(p)\nd = clean('d.csv')", "d.csv"),
    ('C = "d.csv"', "pd.read_csv(C)\nd.to_csv(Path(C).with_suffix('.out.csv'))", "d.csv"),
    ("", "list(Path('data').iterdir())\nplt.savefig(f'data/{N}.png')", "data/b.csv"),
    ("", "Path('data').glob('*.csv')", "data/added.csv"),
    ("", "open('data/b.csv')\nr.to_csv(f'data/{m}_{N}.csv')\nmine('x.csv')", "data/b.csv"),
]


@pytest.mark.parametrize(("cell", "code", "file"), REFUSED)
def test_an_input_that_changes_under_way_ends_the_sweep_and_is_named(
    project, cell, code, file, one_sentence
):
    template = project(cell, code)
    home, planned = template.path.parent, plan(template)
    (home / file).write_text("edited")
    (home / "x.csv").write_text("by a run")
    with pytest.raises(ValueError, match="planned with") as caught:
        goes_on(templates.find_template(template.path), planned)
    one_sentence(caught.value, file.partition("/")[0], "plan it again")
    assert "x.csv" not in str(caught.value)


GOES_ON = [
    ("", "zarr.open('d.csv')"),
    ("", "sqlite3.connect('d.csv')"),
    ("", "if exists('d.csv'):\n    np.load('d.csv')\nelse:\n    np.savez('d.csv')"),
    ("", "for n in range(2):\n    shutil.copy('tmp', 'd.csv')\nopen('d.csv')"),
    ("", "open('d.csv', 'r+')"),
    ('D = "data"', "Path(D).glob('*.csv')\ndf.to_csv(f'{D}/{title}.csv')"),
    ('C = "gone.csv"', "mine(C)"),
    ('C = "d.csv"', "mine(C)\ndf.to_csv(C)"),
]


@pytest.mark.parametrize(("cell", "code"), GOES_ON)
def test_what_its_runs_may_have_made_ends_no_sweep(project, cell, code):
    template = project(cell, code)
    home, planned = template.path.parent, plan(template)
    for name in ("d.csv", "gone.csv", "data/b.csv") if cell.startswith("D") else (
        "d.csv", "gone.csv",
    ):  # fmt: skip
        (home / name).write_text("by the first run")
    now = templates.find_template(template.path)
    assert goes_on(now, planned) == identities.identify(now)


STORE = """\
from pathlib import Path
from aigc_course import reports
def store(name):
    getattr(Path(name), "write" + "_text")(str(N))
store('x.db')
reports.record(n=N)"""


def test_a_sweep_goes_on_beside_what_its_runs_make_also_when_it_is_resumed(project, one_sentence):
    template = project("", STORE)
    home = template.path.parent
    out, grid = home / "out", {"N": [1, 2, 3]}
    planned = plans.plan_runs(template, plans.combine(template, grid=grid))
    first, second, _ = sweeps.execute(planned, out, SweepOptions(jobs=1))
    plans.write_plan(planned, out)
    assert (first.status, second.status) == ("done", "done")
    assert first.run.record.is_as_named
    assert not second.run.record.is_as_named  # x.db was there when it began
    assert second.run.record.identity != planned.identity
    events = []
    again = reports.resume(template.path, out=out, on_event=events.append)
    assert [outcome.recognised for outcome in again] == [True] * 3
    (said,) = [event["message"] for event in events if event["event"] == "left out"]
    one_sentence(said, "'x.db' changed since sweep-", "give the parameters anew")
    # Asked anew, no record is taken that was made with another file than there is.
    (made,) = reports.sweep(template.path, grid={"N": [2]}, out=out, on_event=events.append)
    assert not made.recognised
    (said,) = [event["message"] for event in events if event["event"] == "changed"]
    one_sentence(said, "'x.db' changed since t-", "made anew")
    (home / "x.db").unlink()
    names = [run.name for run in planned.runs]
    assert [*history.finished_among(out, names, planned.since)] == names
    now = plans.plan_runs(template, plans.combine(template, grid=grid))
    assert [*history.finished_among(out, names, now.since)] == names[:1]


# ---- where is looked -------------------------------------------------------------------


def test_driver_and_worker_find_the_same_module(project, tmp_path, monkeypatch):
    course, fork = tmp_path / "course", tmp_path / "fork"
    for root, files in (
        (course, ["yaml/__init__.py", "tools/a.py"]),
        (fork, ["yaml/__init__.py", "tools.py"]),
    ):
        for name in files:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("x = 1\n")
    monkeypatch.setattr(beside.aigc_utils, "__file__", str(course / "aigc_utils" / "__init__.py"))
    template = project("", "import yaml, tools")
    found = []
    for roots in ([fork], [course, fork]):  # of the driver, and of a worker of its
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, roots)))
        found.append(beside.look_beside(template).code)
    assert found[0] == found[1]
    assert found[0] == {
        "yaml/__init__.py": course / "yaml" / "__init__.py",
        "tools.py": fork / "tools.py",  # which Python takes before a folder that is no package
    }


def test_no_file_of_an_installed_library_is_listed(project, monkeypatch):
    site = Path(beside.importlib.metadata.distribution("idna").locate_file(""))
    monkeypatch.setenv("PYTHONPATH", str(site))
    listed = []
    package = beside._package
    monkeypatch.setattr(beside, "_package", lambda path: listed.append(path) or package(path))
    assert beside.look_beside(project("", "import idna")).code == {}
    assert [path for path in listed if path.parent == site] == []


def test_a_pattern_at_the_root_is_bounded(project, monkeypatch):
    walked = []
    monkeypatch.setattr(beside.inputs, "MOST_LISTED", 50)  # more than beside the notebook
    monkeypatch.setattr(beside.glob, "iglob", lambda *a, **k: walked.append(a) or iter(()))
    for pattern in ("/**/*.csv", "/*/**/x.csv"):
        beside.look_beside(project("", f"glob.glob('{pattern}', recursive=True)"))
    assert walked == []


def test_what_is_not_looked_at_is_said_of_an_unchanged_run(project, put, tmp_path):
    template = project("", "collect('data/*.csv')")
    said = commands._unchanged(template, records.load_run(put(tmp_path, "t-0123456789ab")))
    assert "in a folder, or by a pattern, that it gives to a function of its own" in said


def test_a_plan_that_does_not_say_what_it_was_held_against_is_not_resumed(
    project, tmp_path, one_sentence
):
    template = project("", "pass")
    path = plans.write_plan(plan(template), tmp_path)
    old = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in old.items() if k not in ("since", "held")}))
    with pytest.raises(ValueError, match="same as planned") as caught:
        plans.replan(template, tmp_path)
    one_sentence(caught.value, "the course", "give the parameters anew")
