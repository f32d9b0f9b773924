"""Where there is no home folder to write to, the workbook checks all the same, and says so."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from aigc_course import checks
from aigc_course.checks import store


@pytest.fixture(params=["unset", "empty", "missing", "a file", "the root", "unknown"])
def homeless(request, monkeypatch, tmp_path):
    """A user without a home, in each way that containers know; a temporary folder of its own."""
    for name in ("AIGC_PROGRESS", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.chdir(tmp_path)
    values = {"empty": "", "missing": tmp_path / "gone", "a file": tmp_path / "file"}
    if request.param in ("unset", "unknown"):
        monkeypatch.delenv("HOME", raising=False)

        def no_home(cls):
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr(Path, "home", classmethod(no_home))
    else:
        monkeypatch.setenv("HOME", str(values.get(request.param, "/")))
    return tmp_path


def test_answers_are_checked_and_counted(homeless):
    assert checks.check("vae-02", 2.318) is not None
    assert (
        store.load_progress()[0]["vae-02"]["wrong"] + store.load_progress()[0]["vae-02"]["solved"]
    )
    assert list(homeless.glob("tmp/aigc-workbook-*/progress.json"))


def test_progress_says_how_long_it_is_kept_and_what_to_set(homeless, capsys):
    table = checks.progress()
    assert "There is no home folder to write to" in table.text()
    assert "AIGC_PROGRESS" in table.text()
    assert "There is no home folder" in table._repr_html_()


def test_it_can_be_forgotten(homeless, capsys):
    checks.check("vae-02", 1)
    checks.forget()
    assert "Deleted" in capsys.readouterr().out
    assert not list(homeless.glob("tmp/aigc-workbook-*/progress.json"))


def test_no_folder_called_tilde_appears(homeless):
    checks.check("vae-02", 1)
    assert sorted(p.name for p in homeless.iterdir()) == ["file", "tmp"]


def test_a_home_that_nobody_may_write_to_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store.home_folder() == tmp_path
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert store.home_folder() is None


def test_a_chosen_file_needs_no_home(homeless, monkeypatch):
    monkeypatch.setenv("AIGC_PROGRESS", str(homeless / "mine.json"))
    assert store.path() == homeless / "mine.json"
    assert store.is_lasting()
    assert "no home folder" not in checks.progress().text()
