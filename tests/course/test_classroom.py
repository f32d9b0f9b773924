"""The classroom door: links that open the right file, and a zip that needs no repository."""

from __future__ import annotations

import json
import shutil
import tomllib
import zipfile
from pathlib import Path

import pytest

from aigc_course import classroom

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A copy of what `set_links` may change."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    for name in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_all_links_and_bootstrap_cells_name_the_repository_and_nothing_else_changes(checkout):
    before = {path: path.read_text("utf-8") for path in classroom.notebooks_of(checkout)}
    classroom.set_links(checkout, "school-7/aigc.2027", "v1.2/autumn")
    for path, old in before.items():
        new = path.read_text("utf-8")
        relative = path.relative_to(checkout).as_posix()
        assert f"github/school-7/aigc.2027/blob/v1.2/autumn/{relative}" in new
        assert "git+https://github.com/school-7/aigc.2027@v1.2/autumn" in new
        assert "OWNER/aigc-workbook" not in json.dumps(json.loads(new)["cells"][:2])
        changed = [
            (a, b) for a, b in zip(old.splitlines(), new.splitlines(), strict=True) if a != b
        ]
        assert all("github" in a for a, _ in changed)
    project = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))
    assert project["tool"]["aigc"] == {"repository": "school-7/aigc.2027", "ref": "v1.2/autumn"}
    readme = (checkout / "README.md").read_text("utf-8")
    assert "github/school-7/aigc.2027/blob/v1.2/autumn/notebooks/04_vae_math.ipynb" in readme


def test_links_can_be_set_again_and_setting_them_twice_changes_nothing(checkout):
    classroom.set_links(checkout, "a/b", "x/y")
    assert classroom.set_links(checkout, "a/b", "x/y") == []
    classroom.set_links(checkout, "OWNER/aigc-workbook", "main")
    for path in classroom.notebooks_of(checkout):
        assert path.read_bytes() == (ROOT / path.relative_to(checkout)).read_bytes()


@pytest.mark.parametrize(
    ("repo", "ref", "sentence"),
    [
        ("school", "main", "The repository is 'school': give OWNER/NAME"),
        ("https://github.com/a/b", "main", "give OWNER/NAME"),
        ("a/b.git", "main", "give OWNER/NAME"),
        ('a/b"', "main", "give OWNER/NAME"),
        ("a/b", "", "The reference is ''"),
        ("a/b", "../x", "give a branch or a tag"),
        ("a/b", 'v1" --evil', "give a branch or a tag"),
    ],
)
def test_what_is_no_repository_or_reference_is_refused(checkout, repo, ref, sentence):
    before = (checkout / "README.md").read_bytes()
    with pytest.raises(ValueError, match=sentence):
        classroom.set_links(checkout, repo, ref)
    assert (checkout / "README.md").read_bytes() == before


def test_a_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(ValueError, match="There are no notebooks in"):
        classroom.build_package(tmp_path, tmp_path / "out.zip")


def test_the_zip_holds_student_notebooks_one_wheel_and_no_solutions(tmp_path):
    package = classroom.build_package(ROOT, tmp_path / "class.zip", folder="class-7")
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        assert all(name.startswith("class-7/") and ".." not in name for name in names)
        (wheel,) = (name for name in names if name.endswith(".whl"))
        notebook = json.loads(archive.read("class-7/notebooks/04_vae_math.ipynb"))
        music = json.loads(archive.read("class-7/notebooks/06_03_music.ipynb"))
        archive.extract(wheel, tmp_path)
    assert f'{wheel}[scenarios]"' in "".join(music["cells"][1]["source"])  # what it needs besides
    assert not any("solutions" in name or "hidden" in name for name in names)
    bootstrap = "".join(notebook["cells"][1]["source"])
    assert f'%pip install -q "/content/drive/MyDrive/{wheel}"' in bootstrap
    assert "github" not in bootstrap
    with zipfile.ZipFile(tmp_path / wheel) as archive:
        inside = archive.namelist()
    assert any(name.endswith("_data/fashion_mnist/card.json") for name in inside)
    assert any(name.endswith("checks/_quizzes/04_vae_math.yml") for name in inside)
    assert any(name.endswith("checks/_exercises/vae.yml") for name in inside)
    assert any(name.endswith("vae_fashion/model.weights.h5") for name in inside)
    teachers = [name for name in inside if "/_quizzes/" not in name]  # those have one of its name
    assert not any(name.startswith("workbook/") or "/workbook/" in name for name in teachers)
    assert not any("solutions" in name or "hidden_tests" in name for name in inside)


def test_a_drive_folder_with_an_odd_name_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"The folder is '\.\./x': give letters"):
        classroom.build_package(ROOT, tmp_path / "class.zip", folder="../x")
