"""What a notebook uses beside it: a change there is another run, and results are no change."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import idna
import pytest

from aigc_course.reports import beside, identities, inputs, plans, runner, sweeps, templates
from aigc_course.reports.executors import SweepOptions

REPORTS = Path(__file__).parents[3] / "notebooks" / "reports"


@pytest.fixture
def project(write_template, tmp_path):
    """A function that writes a notebook beside code and data, and gives its template."""
    home = tmp_path / "home"
    for name, text in {
        "helpers.py": "import deeper\nimport json\n",
        "deeper.py": "ROWS = open('deep.csv').read()\n",
        "deep.csv": "1",
        "demand.csv": "1",
        "script.py": "x = 1\n",
        "other.ipynb": '{"cells": [{"cell_type": "code", "source": "import helpers"}]}',
        "package/__init__.py": "",
        "package/inner/part.py": "x = 1\n",
        "data/a.csv": "1",
        "data/b.csv": "1",
        "../library/far.py": "x = 1\n",
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)

    def write(*codes: str) -> templates.Template:
        path = write_template(home / "t.ipynb", "N = 1", *codes)
        return templates.find_template(path)

    return write


def name_of(template: templates.Template) -> str:
    found = templates.find_template(template.path)
    identity = identities.identify(found)
    return identities.name_of(found, identity, found.parameters.check({}))


USED = [
    ("import helpers", "helpers.py"),
    ("import helpers", "deeper.py"),
    ("def f():\n    from helpers import deeper", "deep.csv"),
    ("import importlib\nimportlib.import_module('helpers')", "helpers.py"),
    ("import package.inner.part as part", "package/inner/part.py"),
    ("import sys\nsys.path.insert(0, '../library')\nimport far", "../library/far.py"),
    ("%run script", "script.py"),
    ("%run -i script.py --x 3", "script.py"),
    ("%run other.ipynb", "deeper.py"),
    ("!python script.py > out.txt", "script.py"),
    ("%%bash\nsort demand.csv", "demand.csv"),
    ("found = !cat x\nimport helpers", "helpers.py"),
    ("open('demand.csv')", "demand.csv"),
    ("my_own_reader('./demand.csv', N)", "demand.csv"),
    ("SOURCE = 'demand.csv'\npd.read_csv(SOURCE)\ndf.to_csv('result.csv')", "demand.csv"),
    ("pd.read_csv(f'data/{N}.csv')", "data/a.csv"),
    ("from pathlib import Path\nfor p in Path('data').glob('*'):\n    print(p)", "data/new.csv"),
    ("import glob\nglob.glob('data/*.csv')", "data/a.csv"),
    ("for p in Path('data').rglob('*.csv'):\n    print(p)", "data/a.csv"),
    ("glob.glob('*.csv', root_dir='data')", "data/a.csv"),
    ("Path('.').glob('demand.csv*')", "demand.csv"),
    ("old = pd.read_csv('data/a.csv')\nnew.to_csv('a.csv')", "data/a.csv"),
    ("open(f'data/{N}', 'w')\npd.read_csv('data/a.csv')", "data/a.csv"),
    ("df.to_csv(f'data/{N}.csv')\npd.read_csv('data/a.csv')", "data/a.csv"),
    ("os.makedirs('data', exist_ok=True)\nos.listdir('data')", "data/a.csv"),
    ("text.replace('x', 'demand.csv')\nopen('demand.csv')", "demand.csv"),
    ("h5py.File('demand.csv', 'r')", "demand.csv"),
    ("if N:\n    urlretrieve(U, 'demand.csv')\nopen('demand.csv')", "demand.csv"),
    ("flow.flow_from_directory('data')", "data/a.csv"),
    ("text_dataset_from_directory('data')", "data/new.csv"),
    ("ImageFolder(root='data')", "data/a.csv"),
    ("SimpleDirectoryReader('data')", "data/a.csv"),
    ("get_image_files('data')", "data/a.csv"),
    ("np.load(os.path.join('data', NAME))\ndf.to_csv('data/b.csv')", "data/a.csv"),
]


@pytest.mark.parametrize(("code", "file"), USED)
def test_what_the_code_uses_beside_the_notebook_decides_its_runs(project, code, file):
    template = project(code)
    before = name_of(template)
    path = template.path.parent / file
    path.write_text("# changed\n")
    assert name_of(template) != before
    words = ", ".join(identities.looked_at(template))
    assert file.removeprefix("../library/") in words or file.partition("/")[0] in words


@pytest.mark.parametrize(
    ("code", "file"),
    [
        ("open('demand.csv', 'w')", "demand.csv"),
        ("ModelCheckpoint('demand.csv')", "demand.csv"),
        ("fit(callbacks=[CSVLogger('demand.csv')])", "demand.csv"),
        ("logging.FileHandler('demand.csv')", "demand.csv"),
        ("logging.basicConfig(filename='demand.csv')", "demand.csv"),
        ("urlretrieve(U, 'demand.csv')\nopen('demand.csv')", "demand.csv"),
        ("with h5py.File('demand.csv', 'w') as file:\n    pass", "demand.csv"),
        ("ZipFile('demand.csv', mode='a')", "demand.csv"),
        ("shutil.copy(x, 'demand.csv')", "demand.csv"),
        ("os.replace(x, 'demand.csv')", "demand.csv"),
        ("Path(x).rename('demand.csv')", "demand.csv"),
        ("Path('data').glob('**/*.csv')", "demand.csv"),
        ("Path('data').glob('*.csv')\nplt.savefig(f'data/{N}.png')", "data/1.png"),
        ("TARGET = 'demand.csv'\ndf.to_csv(TARGET)\npd.read_csv(TARGET)", "demand.csv"),
        ("np.load(f'data/{NAME}.npy')\nplt.savefig('data/b.csv')", "data/b.csv"),
        ("import glob\nglob.glob('*.csv')\ndf.to_csv('result.csv')", "result.csv"),
        ("!sort demand.csv >sorted.csv\nopen('sorted.csv')", "sorted.csv"),
        ("%%writefile script.py\nx = 1", "script.py"),
        ("x = {'data': 3, 'helpers': 'package'}", "data/a.csv"),
        ("'''Reads demand.csv.'''\n# open('demand.csv')", "demand.csv"),
        ("import deeper", "helpers.py"),
        ("import this", "demand.csv"),
    ],
)
def test_what_it_writes_or_does_not_use_does_not(project, code, file):
    template = project(code)
    before = name_of(template)
    (template.path.parent / file).write_text("# changed\n")
    assert name_of(template) == before


def test_the_libraries_that_are_imported_count_with_their_versions(project, monkeypatch):
    template = project("import yaml, numpy.linalg\nfrom PIL import Image", "import json, no_such")
    assert set(beside.look_beside(template).libraries) == {"pyyaml", "numpy", "pillow"}
    assert "pyyaml" in identities.looked_at(template)[-1]
    before = name_of(template)
    real = beside.importlib.metadata.version
    changed = {"pyyaml": "0.1"}
    monkeypatch.setattr(
        beside.importlib.metadata, "version", lambda name: changed.get(name) or real(name)
    )
    assert name_of(template) != before
    assert name_of(project("import json")) == name_of(project("import json"))


@pytest.mark.parametrize(
    "code",
    [
        "open('/proc/self/mem')\nopen('bad')",
        "import bad",
        "import sys\nsys.path.append('x' * 3)\nx = '" + "y" * 300 + "/z'\nimport no_such",
        r"open('a\0b*')" + "\nimport glob\nglob.glob('[')\nglob.glob('a\\0*')",
        "%run no_such\n!cat 'it",
        "%run broken.ipynb",
        "from . import helpers",
    ],
)
def test_what_cannot_be_read_is_left_to_the_notebook(project, code):
    template = project(code)
    home = template.path.parent
    (home / "bad").symlink_to("/proc/self/mem")
    (home / "bad.py").symlink_to("/proc/self/mem")
    (home / "broken.ipynb").write_text("{")
    assert name_of(template) == name_of(template)


def test_a_library_that_is_worked_in_counts_with_its_code(project, tmp_path, monkeypatch):
    (tmp_path / "aigc_edited.py").write_text("x = 1\n")
    facts = tmp_path / "aigc_edited-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: aigc-edited\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    template = project("import aigc_edited")
    assert beside.look_beside(template).libraries == {"aigc-edited": "1.0"}
    installed = name_of(template)
    (facts / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {"editable": true}}')
    before = name_of(template)
    (tmp_path / "aigc_edited.py").write_text("x = 2\n")
    assert len({installed, before, name_of(template)}) == 3


def test_libraries_on_pythonpath_as_a_worker_of_a_wheel_has_them_are_no_code(
    project, tmp_path, monkeypatch
):
    template = project("import psutil, yaml\nfrom PIL import Image\nimport loose")
    before = name_of(template)
    site = Path(idna.__file__).parents[1]
    monkeypatch.setenv("PYTHONPATH", str(site))
    assert name_of(template) == before
    shelf = tmp_path / "shelf"  # as `pip install --target` leaves it
    shutil.copytree(site / "idna", shelf / "idna")
    (facts,) = site.glob("idna-*.dist-info")
    shutil.copytree(facts, shelf / facts.name)
    template = project("import idna, loose")
    before = name_of(template)
    monkeypatch.setenv("PYTHONPATH", str(shelf))
    assert name_of(template) == before
    (shelf / "loose.py").write_text("x = 1\n")  # nobody installed it: it is the user's own
    assert name_of(template) != before


def test_a_pattern_finds_no_records_of_the_notebooks_own_runs(project, put):
    template = project("glob.glob('**/*.json', recursive=True)")
    home = template.path.parent
    (home / "mine.json").write_text("1")
    before = name_of(template)
    put(home / "out" / "reports", "t-0123456789ab")
    (home / "out" / "reports" / "sweep-0123456789ab.json").write_text("{}")
    assert name_of(template) == before
    put(home / "out" / "reports", "toy-0123456789ab")
    assert name_of(template) != before


def test_a_pattern_is_bounded_like_a_folder(project, monkeypatch):
    template = project("glob.glob('data/*.csv')")
    home = template.path.parent
    monkeypatch.setattr(inputs, "MOST_BYTES", 1)
    before = name_of(template)
    os.utime(home / "data" / "a.csv", (1, 1))
    assert name_of(template) != before  # of much, sizes and times count
    monkeypatch.setattr(inputs, "MOST_LISTED", 1)
    for pattern in ("data/*.csv", "**/*.csv"):
        template = project(f"glob.glob('{pattern}', recursive=True)")
        assert {p.is_dir() for p in beside.look_beside(template).files[pattern]} == {True}
        assert name_of(template) == name_of(template)


CHANGING = [
    # By what is not known to write, a file that was not there, and one that was.
    "with my_store('log.db', N):\n    pass",
    "with my_store('demand.csv', N):\n    pass",
    "glob.glob('*.csv')\nwith my_store('new.csv', N):\n    pass",
    "list(Path('data').iterdir())\nPath(f'data/{N}').write_text('x')",
    "list(Path('./data').iterdir())\nPath(f'data/{N % 2}.csv').write_text('x' * N)",
    "pd.read_csv(f'data/{N}.csv')\ndf.to_csv(f'data/result-{N}.csv')",
    "glob.glob('*.csv')\ndf.to_csv(f'{N}.csv')",
]


@pytest.mark.parametrize("code", CHANGING)
def test_what_its_own_runs_make_or_change_ends_no_sweep(project, code):
    template = project(code)
    planned = plans.plan_runs(template, [template.parameters.check({"N": n}) for n in (1, 2)])
    home = template.path.parent
    made = ("log.db", "new.csv", "data/3", "data/3.csv")
    made = ("data/3.csv",) if "N % 2" in code else made
    made = ("data/result-1.csv",) if "result" in code else made
    made = ("1.csv",) if "'{N}.csv" in code else made
    for name in made:
        (home / name).write_text("by the first run")
    if "store('demand" in code:
        (home / "demand.csv").write_text("by the first run")
    if "write_text" in code:
        (home / "data" / "a.csv").write_text("by the first run")
    (job,) = [
        runner.Job.model_validate_json(sweeps._job(planned, run, home, SweepOptions(), 1))
        for run in planned.runs[1:]
    ]
    data = identities.data_of(template)
    identity = runner._as_planned(job, template, job.parameters, data)
    assert identity == identities.identify(template)  # as it is now, not as it was planned


@pytest.mark.parametrize(
    ("code", "file"),
    [
        ("open('demand.csv')", "demand.csv"),
        ("glob.glob('data/*.csv')", "data/a.csv"),
        ("list(Path('data').iterdir())", "data/a.csv"),
    ],
)
def test_an_input_that_changed_since_a_sweep_was_planned_is_named(
    project, code, file, one_sentence
):
    template = project(code)
    planned = plans.plan_runs(template, [template.parameters.check({})])
    (template.path.parent / file).write_text("tomorrow's")
    text = sweeps._job(planned, planned.runs[0], template.path.parent, SweepOptions(), 1)
    job = runner.Job.model_validate_json(text)
    with pytest.raises(ValueError, match="planned with") as caught:
        runner._as_planned(job, template, job.parameters, identities.data_of(template))
    one_sentence(caught.value, f"'{code.split(chr(39))[1]}'", "begins with OUT")


@pytest.mark.parametrize("template", ["vae_run", "scenario"])
def test_the_courses_own_templates_use_nothing_beside_them(template):
    found = beside.look_beside(templates.find_template(REPORTS / f"{template}.ipynb"))
    assert (found.code, found.files) == ({}, {})
    assert set(found.libraries) <= set(identities.LIBRARIES)
