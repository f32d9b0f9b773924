"""The libraries that a notebook imports are in its runs' names, with their versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from aigc_course.reports import identities, libraries, templates

REPORTS = Path(__file__).parents[3] / "notebooks" / "reports"


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("import yaml, numpy.linalg\nfrom PIL import Image", ["numpy", "pillow", "pyyaml"]),
        ("import json, no_such, aigc_utils\nfrom . import x", []),
        ("def f():\n    import idna", ["idna"]),
        ("import importlib\nimportlib.import_module('idna.core')", ["idna"]),
        ("%load_ext IPython\n!ls", ["ipython"]),
        ("this is no Python\nimport idna", ["idna"]),
        ("x = " + " + ".join(["'a'"] * 3000) + "\nimport idna", ["idna"]),
    ],
)
def test_imported_distributions_are_found(code, names):
    assert list(libraries.libraries_of([code])) == names


def test_another_version_is_another_run(write_template, tmp_path, monkeypatch):
    def name() -> str:
        template = templates.find_template(
            write_template(tmp_path / "t.ipynb", "N = 1", "import yaml")
        )
        return identities.name_of(template, identities.identify(template), {"N": 1})

    before, real = name(), libraries.importlib.metadata.version
    monkeypatch.setattr(
        libraries.importlib.metadata, "version", lambda n: "0.1" if n == "pyyaml" else real(n)
    )
    assert name() != before


def test_no_module_beside_the_notebook_costs_a_look_at_all_distributions(monkeypatch):
    monkeypatch.setattr(libraries, "_all_distributions", lambda: pytest.fail("it looked"))
    assert libraries.libraries_of(["import helpers_of_mine"]) == {}


@pytest.mark.parametrize("template", ["vae_run", "scenario"])
def test_the_courses_own_templates_import_no_further_library(template):
    found = templates.find_template(REPORTS / f"{template}.ipynb")
    assert set(libraries.libraries_of(found.run_cells)) <= set(identities.LIBRARIES)
