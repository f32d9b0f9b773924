"""The runs of a folder: which is the newest of the same, how one is found, that none is replaced."""

from __future__ import annotations

import filecmp
import shutil

import pytest

from aigc_course import reports
from aigc_course.reports import history, records

# ---- names ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("toy-0a1b", "toy-0a1b"),
        ("toy-0a1b.2", "toy-0a1b"),
        ("toy-0a1b.12", "toy-0a1b"),
        ("model-1.5-0a1b", "model-1.5-0a1b"),  # of a notebook with a dot in its name
        ("model-1.5-0a1b.3", "model-1.5-0a1b"),
        ("toy-0a1b.bak", "toy-0a1b.bak"),
        ("toy-0a1b.02", "toy-0a1b.02"),
    ],
)
def test_repeats_have_the_name_of_the_run(name, identity):
    assert history.identity_name(name) == identity


@pytest.mark.parametrize(
    ("there", "following"),
    [
        ([], "toy-0a1b"),
        (["toy-0a1b"], "toy-0a1b.2"),
        (["toy-0a1b", "toy-0a1b.2"], "toy-0a1b.3"),
        (["toy-0a1b", "toy-0a1b.9"], "toy-0a1b.10"),  # some were deleted: never one between
        (["toy-0a1b.2"], "toy-0a1b.3"),
        (["toy-0a1b2", "my-toy-0a1b", "toy-0a1b.old"], "toy-0a1b"),  # others
    ],
    ids=str,
)
def test_the_next_name_is_higher_than_all(tmp_path, there, following):
    for name in there:
        (tmp_path / name).mkdir()  # taken, also without a record
    assert history.next_name(tmp_path, "toy-0a1b") == following
    assert history.next_name(tmp_path, "toy-0a1b.2") == following


# ---- finding -------------------------------------------------------------------------


@pytest.fixture
def three_runs(put, tmp_path):
    """A folder with three records whose names begin alike."""
    for name in ("toy-ab12", "toy-ab1234", "tiny-ab9"):
        put(tmp_path, name)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("toy-ab1234", "toy-ab1234"),
        ("toy-ab123", "toy-ab1234"),  # the beginning of a name
        ("toy-ab12", "toy-ab12"),  # a whole name, although another begins with it
        ("ab9", "tiny-ab9"),  # the beginning of a hash
        ("ab123", "toy-ab1234"),
        ("ti", "tiny-ab9"),
    ],
)
def test_a_run_is_found_by_a_beginning_that_only_it_has(three_runs, given, found):
    assert history.find_run(given, three_runs).name == found
    assert history.find_run(three_runs / found).name == found


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("toy", ["2 runs", "toy-ab12, toy-ab1234"]),
        ("toy-ab1", ["2 runs", "toy-ab1234"]),
        ("ab", ["3 runs", "tiny-ab9"]),
        ("ab1", ["2 runs", "toy-ab12"]),
        ("t", ["3 runs", "toy-ab1234"]),
    ],
)
def test_a_beginning_that_several_runs_have_is_refused_with_their_names(
    three_runs, given, words, one_sentence
):
    with pytest.raises(ValueError, match="begin with") as caught:
        history.find_run(given, three_runs)
    one_sentence(caught.value, *words, given, "give more of the name")


@pytest.mark.parametrize("given", ["", "  "])
def test_a_run_needs_a_name(three_runs, given, one_sentence):
    with pytest.raises(ValueError, match="Which run") as caught:
        history.find_run(given, three_runs)
    one_sentence(caught.value, repr(given), "aigc runs")


@pytest.mark.parametrize("given", ["toy-ab12345", "b12", "ab1235", "my-toy", "\0"])
def test_what_begins_no_runs_name_or_hash_is_refused(three_runs, given, one_sentence):
    (three_runs / ".failed-toy-ab12").mkdir()  # what is hidden is no run to be found
    with pytest.raises(ValueError, match="no finished run") as caught:
        history.find_run(given, three_runs)
    one_sentence(caught.value, given, "aigc runs")


def test_of_a_run_made_more_than_once_the_newest_is_found(put, tmp_path):
    for number in ("", ".2", ".10", ".9"):
        put(tmp_path, f"toy-ab12{number}")
    put(tmp_path, "toy-cd34")
    for given in ("toy-a", "ab", "ab12", "toy-ab12."):
        assert history.find_run(given, tmp_path).name == "toy-ab12.10"
    assert history.find_run("toy-ab12", tmp_path).name == "toy-ab12"  # the whole name of one
    assert history.find_run("toy-ab12.9", tmp_path).name == "toy-ab12.9"
    names = [folder.name for folder in history.repeats(tmp_path, "toy-ab12.2")]
    assert names == ["toy-ab12", "toy-ab12.2", "toy-ab12.9", "toy-ab12.10"]


def test_the_newest_that_was_done_and_is_whole_is_recognised(put, tmp_path):
    failure = {"kind": "error", "cell": 2, "message": "no"}
    put(tmp_path, "toy-ab12")
    put(tmp_path, "toy-ab12.2")
    put(tmp_path, "toy-ab12.3", status="failed", failure=failure)
    (put(tmp_path, "toy-ab12.4") / "run.json").write_text("{")
    put(tmp_path, "toy-cd34", status="failed", failure=failure)
    assert history.finished(tmp_path, "toy-ab12").name == "toy-ab12.2"
    names = ["toy-ab12", "toy-cd34", "toy-ef56"]
    assert [*history.finished_among(tmp_path, names)] == ["toy-ab12"]


# ---- real runs -----------------------------------------------------------------------


def test_no_record_is_replaced(write_template, tmp_path):
    flag = tmp_path / "flag"
    template = write_template(
        tmp_path / "sometimes.ipynb",
        "A: int = 1",
        f"from pathlib import Path\nassert Path({str(flag)!r}).exists(), 'no flag'",
    )
    out = tmp_path / "out"
    failed = reports.run(template, out=out)
    assert "no flag" in failed.record.failure.message
    flag.touch()
    done = reports.run(template, out=out)
    assert (done.done, done.name) == (True, f"{failed.name}.2")
    assert done.folder == out / done.name
    shutil.copytree(out, tmp_path / "before")
    flag.unlink()
    again = reports.run(template, out=out, again=True)
    assert (again.done, again.name) == (False, f"{failed.name}.3")
    for name in (failed.name, done.name):
        assert not filecmp.dircmp(tmp_path / "before" / name, out / name).diff_files
        assert reports.load_run(out / name).damaged() == []
    flag.touch()
    assert reports.run(template, out=out).name == done.name  # recognised, whatever came after
    assert [run.name for run in reports.load_runs(out)] == [failed.name, done.name, again.name]


def test_a_damaged_record_stays_beside_the_one_that_is_made_again(toy, tmp_path):
    first = reports.run(toy, out=tmp_path)
    (first.folder / "run.json").write_text("{")
    (first.folder / "left.txt").write_text("evidence")
    again = reports.run(toy, out=tmp_path)
    assert again.name == f"{first.name}.2"
    assert (first.folder / "left.txt").read_text() == "evidence"
    with pytest.raises(records.DamagedRecord):
        reports.load_run(first.folder)
