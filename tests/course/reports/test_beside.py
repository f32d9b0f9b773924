"""What a notebook uses beside it: a change there is another run, and results are no change."""

from __future__ import annotations

import shutil
from pathlib import Path

import idna
import pytest

from aigc_course.reports import beside, identities, templates

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
        ("TARGET = 'demand.csv'\ndf.to_csv(TARGET)\npd.read_csv(TARGET)", "demand.csv"),
        ("np.load(f'data/{NAME}.npy')\nplt.savefig('data/b.csv')", "data/b.csv"),
        ("pd.read_csv(f'data/{N}.csv')\ndf.to_csv(f'data/result-{N}.csv')", "data/result-1.csv"),
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


@pytest.mark.parametrize("template", ["vae_run", "scenario"])
def test_the_courses_own_templates_use_nothing_beside_them(template):
    found = beside.look_beside(templates.find_template(REPORTS / f"{template}.ipynb"))
    assert (found.code, found.files) == ({}, {})
    assert set(found.libraries) <= set(identities.LIBRARIES)
