"""The folder of runs: refused before any work, swept of what kills left, waited for in words."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest
import zmq

from aigc_course import reports
from aigc_course.reports import execution, folders, plans, runner, scratch, templates


def _file(folder: Path) -> Path:
    (folder / "file").write_text("notes")
    return folder / "file"


def _below_a_file(folder: Path) -> Path:
    return _file(folder) / "out"


def _loop(folder: Path) -> Path:
    (folder / "loop").symlink_to("loop")
    return folder / "loop"


def _link_to_a_file(folder: Path) -> Path:
    (folder / "link").symlink_to(_file(folder))
    return folder / "link"


def _long(folder: Path) -> Path:
    return folder / ("o" * 300)


REFUSED = [_file, _below_a_file, _loop, _link_to_a_file, _long]


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__[1:])
def test_a_folder_that_cannot_be_one_is_refused_before_anything_starts(
    toy, tmp_path, make, one_sentence
):
    events = []
    with pytest.raises(OSError, match="Could not write") as caught:
        reports.run(toy, out=make(tmp_path), on_event=events.append)
    one_sentence(caught.value, tmp_path, "-o")
    assert events == []
    if (tmp_path / "file").exists():
        assert (tmp_path / "file").read_text() == "notes"


def test_a_folder_whose_name_is_not_utf_8_is_refused_before_anything_starts(
    toy, tmp_path, one_sentence
):
    events = []
    out = tmp_path / os.fsdecode(b"\xb1\xa8")
    with pytest.raises(ValueError, match="not UTF-8") as caught:
        reports.run(toy, out=out, on_event=events.append)
    one_sentence(caught.value, "\\udcb1", "choose another folder with -o")
    assert events == []
    assert list(tmp_path.iterdir()) == []


def test_a_full_or_a_read_only_disk_is_refused_before_anything_starts(
    toy, disk, make_read_only, one_sentence
):
    full, closed = disk(8), disk(1000)
    make_read_only(closed)
    for folder in (full, closed):
        events = []
        with pytest.raises(OSError, match="Could not write") as caught:
            reports.run(toy, out=folder, on_event=events.append)
        one_sentence(caught.value, folder, "choose another folder with -o")
        assert (events, list(folder.iterdir())) == ([], [])


def test_a_notebook_with_a_long_name_runs_under_the_beginning_of_it(write_template, tmp_path):
    template = write_template(tmp_path / f"{'n' * 240}.ipynb", None, "print(1)")
    run = reports.run(template, out=tmp_path / "out")
    assert run.name.startswith("n" * 50)
    assert len(run.name) < 200  # a system takes 255, and there are names made from it


def test_runs_that_are_done_are_found_in_a_folder_that_cannot_be_written_to(
    toy, disk, make_read_only
):
    folder = disk(4000)
    first = reports.run(toy, out=folder)
    make_read_only(folder)
    assert reports.run(toy, out=folder).record == first.record


# ---- what kills left -----------------------------------------------------------------


def test_what_kills_left_is_swept_and_what_is_at_work_is_not(tmp_path):
    old = time.time() - 3600
    plan = "sweep-0123456789ab.json"
    kept = {"mine.txt", f".part-abc-{plan}", ".part-12345678-mine.txt", ".checking-01234567"}
    for name in (f".part-abc_1234-{plan}", *kept):
        (tmp_path / name).write_text("x")
    folders_kept = {".part-backup", f".part-abcdefgh-{plan}", ".checking-mine"}
    for name in (".checking-toy-0123456789ab-01234567", *folders_kept):
        (tmp_path / name / "figures").mkdir(parents=True)
    for path in tmp_path.iterdir():
        os.utime(path, (old, old))
    (tmp_path / ".part-young").write_text("being written")
    (tmp_path / ".building-gone-01234567" / "figures").mkdir(parents=True)
    (tmp_path / ".building-held-89abcdef").mkdir()
    with folders.lock(tmp_path, "held"):
        folders.check_folder(tmp_path, ["any"])
        left = {path.name for path in tmp_path.iterdir()}
    young = {".locks", ".part-young", ".building-held-89abcdef"}
    assert left == young | kept | folders_kept


def test_folders_of_sockets_are_swept_once_their_holders_are_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    held = scratch.Scratch(zmq.IPC_PATH_MAX_LEN)
    (tmp_path / f"{scratch.PREFIX}left").mkdir()
    (tmp_path / f"{scratch.PREFIX}new").mkdir()
    (tmp_path / "other").mkdir()
    old = time.time() - 3600
    for path in tmp_path.iterdir():
        if path.name != f"{scratch.PREFIX}new":
            os.utime(path, (old, old))
    scratch.sweep_scratch(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        held.path.name, f"{scratch.PREFIX}new", "other",
    }  # fmt: skip
    held.remove()
    assert not held.path.exists()


# ---- sockets -------------------------------------------------------------------------


def test_sockets_go_where_their_paths_are_short_enough(tmp_path, monkeypatch):
    deep = tmp_path / ("slurm_job_tmp/" * 8)
    deep.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    found = scratch.Scratch(zmq.IPC_PATH_MAX_LEN)
    assert found.short
    assert len(os.fsencode(found.path / "kernel-ipc-5")) < zmq.IPC_PATH_MAX_LEN
    found.remove()


def test_without_a_short_path_the_kernel_has_ports_and_the_log_says_so(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(zmq, "IPC_PATH_MAX_LEN", 20)  # as if every folder's path were long
    template = templates.find_template(toy)
    (planned,) = plans.plan_runs(template, [template.parameters.check({})]).runs
    job = runner.Job(template=toy, parameters=planned.parameters, out=tmp_path, name=planned.name)
    record, _ = runner.make_run(job, execution.Kernels())
    assert record.status == "done"
    assert "ports of 127.0.0.1" in (tmp_path / planned.name / "log.txt").read_text()


# ---- waiting for a lock --------------------------------------------------------------


def test_who_waits_for_a_lock_says_for_whom_again_and_again_and_gives_up_in_time(
    holder, tmp_path, monkeypatch, one_sentence
):
    monkeypatch.setattr(folders, "_EVERY", 0.2)
    waited, holders = [], set()

    def waiting(seconds: float, by: str) -> None:
        waited.append(seconds)
        holders.add(by)

    with (
        pytest.raises(OSError, match="Gave up") as caught,
        folders.lock(tmp_path, "x", waiting, timeout=1),
    ):
        pass
    one_sentence(caught.value, "after 1 s", f"process {holder.pid} is still making x", "--timeout")
    assert len(waited) > 1
    assert waited == sorted(waited)
    assert holders == {f"process {holder.pid}"}
    words = folders.waiting_words("x", 60, "process 7 on gpu3")
    assert words == "Waiting for process 7 on gpu3, which is making the same run, x (60 s so far)."


def test_a_lock_tells_of_the_process_that_it_is_given_and_leaves_nothing(tmp_path):
    with folders.lock(tmp_path, "x", process=12):
        told = (tmp_path / ".locks" / "x.holder").read_text()
    assert told.split()[0] == "12"
    assert list((tmp_path / ".locks").iterdir()) == []
