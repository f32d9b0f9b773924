"""A learner's own copy: complete, with links that lead somewhere, and never written over."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from aigc_course import classroom, copies
from aigc_course.checks import questions

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(([^)#\s]+?)(?:#[^)]*)?\)")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learner") / "mine"
    return folder, copies.copy_notebooks(ROOT, folder)


def test_every_notebook_is_copied_byte_for_byte(copy):
    folder, copied = copy
    for source in classroom.notebooks_of(ROOT):
        assert (folder / source.relative_to(ROOT)).read_bytes() == source.read_bytes()
    assert copied.kept == []


def test_what_leads_somewhere_in_the_course_leads_somewhere_in_the_copy(copy):
    folder, _ = copy
    checked = 0
    for source in classroom.notebooks_of(ROOT):
        for target in LINK.findall(source.read_text(encoding="utf-8")):
            if "://" in target or not (source.parent / target).is_file():
                continue
            checked += 1
            assert ((folder / source.relative_to(ROOT)).parent / target).is_file(), (source, target)
    assert checked > 100


def test_quizzes_are_found_by_name_from_anywhere(copy, monkeypatch):
    folder, _ = copy
    monkeypatch.chdir(folder)
    quizzes = {path.stem for path in folder.glob("notebooks/*.ipynb")} - {"00_start_here"}
    assert quizzes <= set(questions.chapter_quizzes())


def test_called_again_it_adds_what_is_new_and_leaves_what_was_worked_on(tmp_path):
    root, mine = tmp_path / "course", tmp_path / "mine"
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    copies.copy_notebooks(root, mine)
    worked_on = mine / "notebooks" / "04_vae_math.ipynb"
    worked_on.write_text("mine", encoding="utf-8")
    (root / "notebooks" / "09_faq.ipynb").write_text("{}", encoding="utf-8")
    again = copies.copy_notebooks(root, mine)
    assert again.new == [mine / "notebooks" / "09_faq.ipynb"]
    assert again.kept == [worked_on]
    assert worked_on.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("place", ["notebooks", "notebooks/workbook/x", "assets"])
def test_the_courses_own_folders_are_no_place_for_a_copy(place, one_sentence):
    with pytest.raises(ValueError, match="within the course's own") as caught:
        copies.copy_notebooks(ROOT, ROOT / place)
    one_sentence(caught.value, place, "out/mine")


def test_a_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(ValueError, match="There are no notebooks in"):
        copies.copy_notebooks(tmp_path, tmp_path / "mine")


def test_the_command_says_what_to_open_and_what_was_kept(aigc_command, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    code, out, err = aigc_command("copy", tmp_path / "mine")
    assert (code, err) == (0, "")
    assert str(Path("mine", "notebooks", "00_start_here.ipynb")) in out
    (tmp_path / "mine" / "notebooks" / "04_vae_math.ipynb").write_text("mine", encoding="utf-8")
    code, out, _ = aigc_command("copy", tmp_path / "mine")
    assert code == 0
    assert "0 files copied" in out
    assert "04_vae_math.ipynb" in out


def test_the_first_notebook_says_how_to_have_one():
    text = (ROOT / "notebooks" / "00_start_here.ipynb").read_text(encoding="utf-8")
    assert "aigc copy" in text
    assert str(Path("out", "mine")) in text
