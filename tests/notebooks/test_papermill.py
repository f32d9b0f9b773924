"""Every notebook runs with other parameters, in Colab's place: the smoke profile, by papermill.

nbval runs the same files with the parameters they are committed with, in the course's own
environment. Here a kernel has what Colab has (``tools/colab_door.sh``), the package comes from the
classroom's zip by way of the bootstrap cell, and nothing of the checkout is in reach.
"""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path

import nbformat
import papermill
import pytest

from aigc_course import classroom

ROOT = Path(__file__).resolve().parents[2]
COLAB = ROOT / ".venv-colab"
FAKE = Path(__file__).parent / "colab"
NOTEBOOKS = classroom.notebooks_of(ROOT)
STUDENTS = [path for path in NOTEBOOKS if "reports" not in path.parts]
# Chapters whose bootstrap cell asks for more than Colab has find it in a layer over Colab's.
LAYER = COLAB / "scenarios"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (COLAB / ".ready").exists(), reason="needs .venv-colab: `make test` makes it"
    ),
]


def installed() -> dict[str, str]:
    """What the simulated Colab has, by name."""
    listed = subprocess.run(
        [COLAB / "bin" / "python", "-m", "pip", "list", "--format=json", "--no-index"],
        capture_output=True, check=True, timeout=120, env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    ).stdout  # fmt: skip
    return {package["name"].replace("_", "-"): package["version"] for package in json.loads(listed)}


@pytest.fixture(scope="session")
def drive(tmp_path_factory) -> Path:
    """The drive of a classroom: the zip, unpacked; the package is not installed yet."""
    drive = tmp_path_factory.mktemp("drive") / "MyDrive"
    package = classroom.build_package(ROOT, drive / "aigc.zip", mount_point=os.fspath(drive.parent))
    with zipfile.ZipFile(package) as archive:
        archive.extractall(drive)
    for environment in (COLAB, LAYER):
        python = environment / "bin" / "python"
        command = [python, "-m", "pip", "uninstall", "-q", "-y", "aigc-utils"]
        subprocess.run(command, check=True, timeout=120)
    return drive / classroom.DRIVE_FOLDER


def run_in_colab(path: Path, output: Path, monkeypatch, **parameters) -> nbformat.NotebookNode:
    """Execute a notebook in the simulated Colab, in a folder of its own."""
    monkeypatch.setenv("JUPYTER_PATH", str(COLAB / "share" / "jupyter"))
    monkeypatch.setenv("PYTHONPATH", str(FAKE))
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # what the bootstrap needs lies in the drive
    papermill.execute_notebook(
        path,
        output,
        parameters=parameters,
        cwd=output.parent,
        progress_bar=False,
        kernel_name="colab-scenarios" if asks_for_more(path) else "colab",
        execution_timeout=300,
    )
    return nbformat.read(output, as_version=4)


def asks_for_more(path: Path) -> bool:
    """Whether a notebook's bootstrap cell names the extra of the layer."""
    cells = nbformat.read(path, as_version=4).cells
    boot = next(cell for cell in cells if "bootstrap" in cell.metadata.get("tags", []))
    return "[scenarios]" in boot.source


def test_the_bootstrap_installs_exactly_one_package(drive, tmp_path, monkeypatch):
    before = installed()
    path = drive / "notebooks" / "00_start_here.ipynb"
    run_in_colab(path, tmp_path / path.name, monkeypatch, PROFILE="smoke")
    after = installed()
    assert set(after) - set(before) == {"aigc-utils"}
    assert {name: after[name] for name in before} == before, "a package of Colab's was replaced"


@pytest.mark.parametrize("path", STUDENTS, ids=[p.stem for p in STUDENTS])
def test_student_notebook_runs_in_colab_in_the_smoke_profile(path, drive, tmp_path, monkeypatch):
    copy = drive / path.relative_to(ROOT)
    check_run(run_in_colab(copy, tmp_path / path.name, monkeypatch, PROFILE="smoke", SEED=1))


def test_some_chapters_ask_for_more_than_colab_has_and_most_do_not():
    more = [path.stem for path in STUDENTS if asks_for_more(path)]
    assert "06_03_music" in more
    assert 0 < len(more) < len(STUDENTS) / 2


def check_run(done: nbformat.NotebookNode) -> None:
    """The parameters were injected, and every cell ran, in order."""
    injected = [c for c in done.cells if "injected-parameters" in c.metadata.get("tags", [])]
    assert len(injected) == 1  # without the tag, papermill would run the defaults unnoticed
    assert '"smoke"' in injected[0].source
    # Papermill calls a notebook finished even where a kernel died: count what ran.
    counts = [c.execution_count for c in done.cells if c.cell_type == "code" and c.source.strip()]
    assert counts == list(range(1, len(counts) + 1))
