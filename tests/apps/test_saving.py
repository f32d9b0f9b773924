"""A file and its provenance: never of each other's makers, whatever happens between the writes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aigc_apps import saving
from aigc_apps.contract import Artifact
from aigc_apps.safety import Provenance
from aigc_utils import files

SAVER = """
import sys
from aigc_apps import saving
from aigc_apps.safety import Provenance
base, number, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
print("ready", flush=True)
for seed in range(base, base + number):
    where = Provenance(scenario="toy", model="m", data="d", request={}, seed=seed, version="1")
    saving.save_with_provenance(path, f"{seed}\\n".encode() * 50, where)
"""


def provenance(seed: int) -> Provenance:
    return Provenance(
        scenario="toy", model="m", data="d", request={"theme": "月"}, seed=seed, version="1"
    )


def save(path: Path, seed: int) -> None:
    saving.save_with_provenance(path, f"{seed}\n".encode() * 50, provenance(seed))


def agree(path: Path) -> bool:
    """Whether the provenance is of what the file holds, by the seed that both name."""
    told = json.loads(saving.beside(path).read_text(encoding="utf-8"))
    return told["seed"] == int(path.read_bytes().split()[0])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "poem.txt"


@pytest.fixture
def savers(path):
    """A function that starts processes which save again and again to one name."""
    started = []

    def start(number: int, times: int) -> list[subprocess.Popen]:
        for base in range(number):
            command = [sys.executable, "-c", SAVER, str(1000 * base), str(times), str(path)]
            started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        for process in started:
            process.stdout.readline()
        return started

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=60)


def test_a_provenance_is_read_back_and_names_the_files_hash(path):
    save(path, 7)
    assert saving.read_provenance(path) == provenance(7)
    told = json.loads(saving.beside(path).read_text(encoding="utf-8"))
    assert told["sha256"] == files.sha256(path)
    assert sorted(p.name for p in path.parent.iterdir()) == ["poem.txt", "poem.txt.provenance.json"]


def test_two_savers_at_a_time_leave_a_file_and_its_own_provenance(path, savers):
    for process in savers(2, 25):
        assert process.wait(timeout=120) == 0
    assert agree(path)  # only now: while one of them saves, two names change one after another
    assert sorted(p.name for p in path.parent.iterdir()) == ["poem.txt", "poem.txt.provenance.json"]


def test_threads_of_one_process_wait_for_each_other_too(path):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda seed: save(path, seed), range(40)))
    assert agree(path)


LONG = "vae_fashion-latent16-beta1-seed0-temperature0.7-best-of-three-of-each-class.png"


@pytest.mark.parametrize(
    "names",
    [
        [f"run01-{LONG}", f"run02-{LONG}"],
        [LONG, f"y-{LONG}"],
        ["诗" * 60 + "一.txt", "词" + "诗" * 60 + "一.txt"],
        ["a" * 57 + ".md", "b" + "a" * 57 + ".md"],  # their provenances are longer than they
    ],
    ids=["prefix", "contained", "chinese", "provenance"],
)
def test_two_files_whose_names_end_alike_are_saved_at_once(tmp_path, names, monkeypatch):
    first, second = (tmp_path / name for name in names)
    save(first, 1)
    save(second, 1)
    replace, pool = files.replace_file, ThreadPoolExecutor(1)

    def replace_while_another_saves(source, target):
        monkeypatch.setattr(saving, "replace_file", replace)  # for the other, and later
        replace(source, target)  # the first's old provenance is aside, its new files are parts
        pool.submit(save, second, 3).result(timeout=60)

    monkeypatch.setattr(saving, "WAIT_SECONDS", 2)
    monkeypatch.setattr(saving, "replace_file", replace_while_another_saves)
    with pool:
        save(first, 2)
    assert [saving.read_provenance(path).seed for path in (first, second)] == [2, 3]
    expected = sorted([*names, *(f"{name}.provenance.json" for name in names)])
    assert sorted(path.name for path in tmp_path.iterdir()) == expected


def test_a_file_that_vanished_hides_no_error(path, monkeypatch, one_sentence):
    save(path, 1)
    replace = files.replace_file

    def remove_too(source, target):
        replace(source, target)
        path.unlink()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(saving, "replace_file", remove_too)
    with pytest.raises(OSError, match="No space left") as caught:
        save(path, 2)
    one_sentence(caught.value, "poem.txt", "free some space")
    assert list(path.parent.iterdir()) == []


def test_who_waits_for_another_saver_in_vain_is_told_so(path, monkeypatch, one_sentence):
    monkeypatch.setattr(saving, "WAIT_SECONDS", 0.2)
    with saving._only_saver(path), ThreadPoolExecutor(1) as pool:
        with pytest.raises(TimeoutError, match="Could not write") as caught:
            pool.submit(save, path, 1).result(timeout=60)
        one_sentence(caught.value, "poem.txt", "another program has been saving it", "wait for it")
    save(path, 2)
    assert agree(path)


def test_without_the_library_for_locks_a_new_folder_is_made_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "filelock", None)
    save(tmp_path / "new" / "poem.txt", 1)
    assert agree(tmp_path / "new" / "poem.txt")


def test_whoever_is_killed_leaves_a_file_with_its_own_provenance_or_none(path, savers):
    processes = savers(2, 100_000)
    for number, process in enumerate(processes):
        time.sleep(0.3 + 0.1 * number)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
    assert not saving.beside(path).exists() or agree(path)
    save(path, 5)  # the next one finds no lock and sweeps up
    assert agree(path)
    assert sorted(p.name for p in path.parent.iterdir()) == ["poem.txt", "poem.txt.provenance.json"]


@pytest.mark.parametrize("step", range(4))
def test_a_failure_at_any_step_leaves_what_was_there(path, step, monkeypatch):
    save(path, 1)
    before = {p.name: p.read_bytes() for p in path.parent.iterdir()}
    real, count = os.replace, iter(range(10))

    def replace(source, target):
        if next(count) == step:
            raise OSError(5, "a strange disk")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    if step == 3:  # there are three names to change, so nothing fails
        save(path, 2)
        assert agree(path)
        return
    with pytest.raises(OSError, match="a strange disk"):
        save(path, 2)
    monkeypatch.undo()
    if step < 2:
        assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == before
    else:  # the new file is there, and the old words are not said of it
        assert not saving.beside(path).exists()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(b"other"), "was changed after it was made"),
        (lambda path: path.unlink(), "There is no file"),
        (lambda path: saving.beside(path).unlink(), "There is no file"),
        (lambda path: saving.beside(path).write_text("{"), "is damaged"),
        (lambda path: saving.beside(path).write_text("[]"), "is damaged"),
        (lambda path: saving.beside(path).write_text('{"sha256": 3}'), "is damaged"),
    ],
)
def test_what_does_not_belong_together_is_refused(path, damage, words, one_sentence):
    save(path, 1)
    damage(path)
    with pytest.raises((ValueError, OSError), match=words) as caught:
        saving.read_provenance(path)
    one_sentence(caught.value, "poem.txt")


def test_an_artefact_saves_both(path):
    Artifact(b"words", "text/plain", ".txt", provenance(3)).save(path)
    assert saving.read_provenance(path).seed == 3


# ---- asked before the work -----------------------------------------------------------


def test_a_file_that_can_be_written_is_not_made(tmp_path):
    saving.check_writable(tmp_path / "a" / "b" / "x.txt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("folder", "it is a folder"),
        ("file/x.png", "Not a directory"),
        ("file/a/b/x.png", "Not a directory"),
        ("y" * 300, "too long"),
        ("a\0b", "null"),
        ("/proc/x.png", "Could not write"),
        ("/dev/null/x.png", "Could not write"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_in_a_sentence(
    tmp_path, name, words, one_sentence
):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OSError, match="Could not write") as caught:
        saving.check_writable(tmp_path / name)
    one_sentence(caught.value, words, "choose a folder")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_a_read_only_disk_is_noticed_before_the_work(disk, make_read_only, one_sentence):
    folder = disk(64)
    make_read_only(folder)
    with pytest.raises(OSError, match="Read-only") as caught:
        saving.check_writable(folder / "a" / "x.png")
    one_sentence(caught.value, "x.png")
