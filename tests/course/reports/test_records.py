"""What a record is, and when it is not believed: each is named, and the others are still read."""

from __future__ import annotations

import json
import os

import pytest

from aigc_course import reports
from aigc_course.reports import history, records

CONTENTS = {
    "empty": b"",
    "zeros": b"\0" * 4096,  # what a crash may leave of a file
    "half": b'{"format": 1, "name": "toy-0',
    "list": b"[]",
    "null": b"null",
    "text": b'"done"',
    "latin1": b'{"name": "caf\xe9"}',
    "utf16": b"\xff\xfe{\0}\0",
    "newer": b'{"format": 2}',
    "deep": b"[" * 100_000,
    "long": b"1" * 5000,
}


def edited(folder, **changes) -> None:
    """Change fields of a record by hand; one whose value is `...` is removed."""
    path = folder / "run.json"
    facts = json.loads(path.read_text(encoding="utf-8")) | changes
    facts = {name: value for name, value in facts.items() if value is not ...}
    path.write_text(json.dumps(facts), encoding="utf-8")


@pytest.fixture
def told(tmp_path, put):
    """A function that reads a folder of one good run and others; what is said of the others."""
    put(tmp_path, "toy-00000000aaaa", results={"a": 1.0})

    def read() -> list[records.DamagedRecord]:
        damaged = []
        runs = history.load_runs(tmp_path, damaged.append)
        assert "toy-00000000aaaa" in [run.name for run in runs]
        return damaged

    return read


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_damaged_record_is_named_and_the_others_are_read(tmp_path, told, content, one_sentence):
    folder = tmp_path / "toy-00000000bbbb"
    folder.mkdir()
    (folder / "run.json").write_bytes(content)
    (error,) = told()
    assert error.folder == folder
    one_sentence(error, folder, "run.json", "look at it or delete it")
    with pytest.raises(ValueError, match="is damaged"):
        reports.load_run(folder)
    with pytest.warns(UserWarning, match="toy-00000000bbbb is damaged"):
        assert len(reports.load_runs(tmp_path)) == 1


def test_a_place_that_is_no_file_is_named(tmp_path, told):
    kinds = {"folder": os.mkdir, "pipe": os.mkfifo}
    kinds["loop"] = lambda path: os.symlink("run.json", path)
    kinds["nothing"] = lambda path: os.symlink("gone", path)
    for number, make in enumerate(kinds.values()):
        folder = tmp_path / f"toy-{number:012d}"
        folder.mkdir()
        make(folder / "run.json")
    assert [error.reason for error in told()] == [
        "run.json is no file",
        "run.json is no file",
        "run.json is a link to itself",
        "run.json is a link to nothing",
    ]


FIELDS = ["name", "template", "status", "parameters", "changed", "results", "identity", "started"]
FIELDS += ["seconds", "total_seconds", "threads", "machine", "files"]


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_field_is_named(tmp_path, put, told, field):
    edited(put(tmp_path, "toy-00000000bbbb"), **{field: ...})
    assert [error.reason for error in told()] == [f"run.json lacks {field}"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("parameters", [1]),
        ("parameters", {"A": float("nan")}),
        ("parameters", {"A": [1, {"b": float("inf")}]}),
        ("results", {"a": None}),
        ("results", {"a": float("-inf")}),
        ("results", {"a": [1]}),
        ("seconds", "long"),
        ("seconds", float("nan")),
        ("started", "yesterday"),
        ("started", "0001-01-01T00:00:00+14:00"),
        ("status", "<b>done</b>"),
        ("name", "../../etc"),
        ("name", "/etc"),
        ("name", ".."),
        ("name", ""),
        ("files", {"../../../etc/passwd": "0"}),
        ("files", {"/etc/passwd": "0"}),
        ("files", {"a/../../b": "0"}),
        ("files", {"C:\\x": "0"}),
        ("failure", 7),
        ("identity", {"notebook": "x"}),
        ("more", 1),
    ],
    ids=str,
)
def test_a_field_that_cannot_be_is_named(tmp_path, put, told, field, value, one_sentence):
    edited(put(tmp_path, "toy-00000000bbbb"), **{field: value})
    (error,) = told()
    assert field in error.reason
    one_sentence(error, "toy-00000000bbbb")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"a": 99.0, "b": "x"}, "a is 99.0 in the one and 3.0 in the other"),
        ({"a": 3.0, "b": "y"}, "b is 'y' in the one and 'x' in the other"),
        ({"a": 3.0}, "b is missing in the one and 'x' in the other"),
        ({"a": 3.0, "b": "x", "c": True}, "c is True in the one and missing in the other"),
    ],
    ids=["number", "text", "less", "more"],
)
def test_results_that_were_edited_in_one_place_are_not_believed(
    tmp_path, put, told, changes, words
):
    folder = put(tmp_path, "toy-00000000bbbb", results={"a": 3.0, "b": "x"})
    edited(folder, results=changes)
    (error,) = told()
    assert words in error.reason
    assert history.finished(tmp_path, "toy-00000000bbbb") is None  # so it is made again


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_results_that_cannot_be_read_are_not_believed_either(tmp_path, put, told, content):
    folder = put(tmp_path, "toy-00000000bbbb")
    (folder / "results.json").write_bytes(content)
    (error,) = told()
    assert "results.json" in error.reason


def test_a_record_is_enough_where_its_files_were_left_behind(tmp_path, put, told):
    # As those that travel with the course.
    (put(tmp_path, "toy-00000000bbbb", results={"a": 3}) / "results.json").unlink()
    assert told() == []
    assert reports.load_run(tmp_path / "toy-00000000bbbb").damaged() == ["results.json"]


@pytest.mark.parametrize("text", ["王\u0301", "\ud83d", "caf\udce9", 'quo"te\n\t\\', "😀"])
def test_a_record_holds_any_text(tmp_path, put, text):
    put(tmp_path, "toy-00000000bbbb", parameters={"A": text, "B": [text]})
    assert reports.load_run(tmp_path / "toy-00000000bbbb").parameters == {"A": text, "B": [text]}
    (tmp_path / "toy-00000000bbbb" / "run.json").read_text(encoding="utf-8")


def test_a_time_without_a_zone_is_utc(tmp_path, put):
    folder = put(tmp_path, "toy-00000000bbbb", started="2026-03-29T01:30:00")
    edited(put(tmp_path, "toy-00000000cccc"), started="2026-03-29T03:30:00+02:00")
    times = {run.record.started.isoformat() for run in reports.load_runs(folder.parent)}
    assert times == {"2026-03-29T01:30:00+00:00"}


def test_a_folder_that_is_none_is_refused(tmp_path, one_sentence):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="is no folder") as caught:
        reports.load_runs(tmp_path / "file")
    one_sentence(caught.value, "give the folder")
    assert reports.load_runs(tmp_path / "gone") == []
