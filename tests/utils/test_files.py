"""Writing by renaming: whatever goes wrong, the old file stays as it was. Reading with checks."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pydantic
import pytest

from aigc_utils.files import (
    atomic_path,
    joined_sha256,
    read_utf8,
    read_yaml,
    sha256,
    short_name,
)


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "note.txt"
    path.write_bytes(b"old")
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_success_replaces_the_file(old):
    with atomic_path(old) as temporary:
        temporary.write_bytes(b"new")
        assert old.read_bytes() == b"old"  # until the block ends
    assert old.read_bytes() == b"new"
    assert names(old.parent) == ["note.txt"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit, MemoryError])
def test_a_failure_inside_the_block_leaves_the_old_file(old, failure):
    def write_half():
        with atomic_path(old) as temporary:
            temporary.write_bytes(b"half of the n")
            raise failure

    with pytest.raises(failure):
        write_half()
    assert old.read_bytes() == b"old"
    assert names(old.parent) == ["note.txt"]  # and no .part- file stays behind


def test_the_folder_is_made(tmp_path):
    with atomic_path(tmp_path / "a" / "b" / "c.txt") as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == b"new"


def test_the_temporary_path_keeps_all_suffixes(tmp_path):
    # Keras refuses to save weights to a name that does not end in .weights.h5.
    with atomic_path(tmp_path / "model.weights.h5") as temporary:
        assert temporary.name.endswith(".weights.h5")
        assert temporary.parent == tmp_path


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_file_gets_the_permissions_that_any_new_file_gets(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        with atomic_path(tmp_path / "x") as temporary:
            temporary.write_bytes(b"new")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == mode


def test_a_full_disk_leaves_the_old_file(disk, one_sentence):
    folder = disk(64)
    path = folder / "note.txt"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="No space left") as caught, atomic_path(path) as temporary:
        temporary.write_bytes(bytes(100_000))
    one_sentence(caught.value, "note.txt", folder, "free some space", "unchanged")
    assert caught.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old"
    assert names(folder) == ["note.txt"]


def test_a_write_that_the_kernel_cuts_short_leaves_the_old_file(old, file_size_limit, one_sentence):
    with (
        file_size_limit(1000),
        pytest.raises(OSError, match="too large") as caught,
        atomic_path(old) as temporary,
    ):
        temporary.write_bytes(bytes(2000))
    one_sentence(caught.value, "note.txt", "unchanged")
    assert old.read_bytes() == b"old"
    assert names(old.parent) == ["note.txt"]


def test_a_read_only_disk_is_one_sentence_and_leaves_the_old_file(
    disk, make_read_only, one_sentence
):
    path = disk(64) / "note.txt"
    path.write_bytes(b"old")
    make_read_only(path.parent)
    with pytest.raises(OSError, match="Read-only") as caught, atomic_path(path):
        raise AssertionError("the block must not run")
    one_sentence(caught.value, "note.txt", "choose a folder")
    assert path.read_bytes() == b"old"


def test_a_folder_that_is_a_file_is_one_sentence(old, one_sentence):
    with pytest.raises(OSError, match="Could not write") as caught, atomic_path(old / "x.txt"):
        raise AssertionError("the block must not run")
    one_sentence(caught.value, "x.txt", "choose a folder")
    assert old.read_bytes() == b"old"


def test_sha256_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes(range(256)) * 5000)
    assert sha256(path) == hashlib.sha256(bytes(range(256)) * 5000).hexdigest()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "x"), "(No space left on device): free"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "x"), "(Disk quota exceeded): free some"),
        (OSError(errno.EIO, "Input/output error", "x"), "(Input/output error): choose a folder"),
        (OSError(errno.EROFS, "Read-only file system"), "(Read-only file system): choose a folder"),
        (PermissionError(errno.EACCES, "Access is denied"), "(Access is denied): close what has"),
        (OSError("a strange disk"), "(a strange disk): choose a folder"),
    ],
)
def test_the_reason_is_said_in_the_systems_words_with_a_cure_that_fits(
    old, monkeypatch, error, reason, one_sentence
):
    def fail(*_):
        raise error

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="Could not write") as caught, atomic_path(old):
        pass
    one_sentence(caught.value, reason, "choose a folder")
    assert names(old.parent) == ["note.txt"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("note.txt/x", "(File exists): choose a folder"),
        ("note.txt/a/x", "(Not a directory): choose a folder"),
        ("y" * 300, "(File name too long): give it a shorter name or choose a folder"),
    ],
)
def test_a_full_disk_is_not_blamed_for_a_name(old, name, reason, one_sentence):
    # A name of 300 letters has a part that is short enough, so its own turn comes last.
    with pytest.raises(OSError, match="Could not write") as caught, atomic_path(old.parent / name):
        pass
    one_sentence(caught.value, reason)
    assert names(old.parent) == ["note.txt"]


def test_a_folder_that_nobody_may_write_to_is_not_said_to_be_open(
    tmp_path, ordinary_user, one_sentence
):
    tmp_path.chmod(0o555)
    program = (
        "import sys; from pathlib import Path; from aigc_utils.files import atomic_path\n"
        "try:\n    with atomic_path(Path(sys.argv[1]) / 'x.txt'): pass\n"
        "except OSError as error: print(error.strerror)"
    )
    command = [*ordinary_user, sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    one_sentence(done.stdout, "x.txt", "(Permission denied): choose a folder")


@pytest.mark.parametrize("name", ["x.weights.h5", "y" * 60 + ".weights.h5", "诗" * 80 + ".h5"])
def test_a_short_name_has_room_its_suffixes_and_is_no_other_files(name):
    short = short_name(f"a/folder/{name}")
    assert len(os.fsencode(f".part-12345678-{short}")) <= 255
    assert short.endswith(name[name.index(".") :])
    others = [name, f"1-{name}", f"2-{name}", f"{name}.json"]
    assert len({*map(short_name, others)}) == 4


# ---- texts of the course ---------------------------------------------------------------


class Word(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    text: str
    tones: list[int] = []


def test_a_text_is_read_as_what_it_should_be(tmp_path):
    path = tmp_path / "words.yml"
    path.write_text("# Words.\n- text: 金矿\n  tones: [1, 4]\n- text: 'yes'\n", encoding="utf-8")
    assert read_yaml(path, list[Word]) == [Word(text="金矿", tones=[1, 4]), Word(text="yes")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"- text: a\n  text: b\n", ["line 2", "'text' stands there twice"]),
        (b"- text: [1\n- text: 2\n", ["line 2"]),
        (b"- text: a\n- text: yes\n", ["1 > text, counted from 0", "found 'True'"]),
        (b"- text: a\n  tone: [1]\n", ["0 > tone, counted from 0"]),
        (b"text: a\n", ["the top", "found \"{'text': 'a'}\""]),
    ],
)
def test_a_text_that_is_not_what_it_should_be_is_refused_at_its_place(
    content, words, tmp_path, one_sentence
):
    path = tmp_path / "words.yml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="mend it there") as caught:
        read_yaml(path, list[Word])
    one_sentence(caught.value, path, *words)


def test_a_place_without_numbers_is_not_said_to_be_counted(tmp_path, one_sentence):
    path = tmp_path / "word.yml"
    path.write_text("text: 3\n")
    with pytest.raises(ValueError, match="wrong at text") as caught:
        read_yaml(path, Word)
    assert "counted" not in str(caught.value)
    one_sentence(caught.value, path, "found '3'")


@pytest.mark.parametrize(
    "content", ["- text: a\n".encode("utf-16"), b"- text: \xff\n", "- text: é\n".encode("latin-1")]
)
def test_a_text_that_is_not_utf_8_is_refused_in_plain_words(content, tmp_path, one_sentence):
    path = tmp_path / "words.yml"
    path.write_bytes(content)
    for read in (read_utf8, lambda path: read_yaml(path, list[Word])):
        with pytest.raises(ValueError, match="not written in UTF-8") as caught:
            read(path)
        one_sentence(caught.value, path, "save it anew")
        assert "codec" not in str(caught.value)


def test_the_mark_that_windows_writes_in_front_is_no_part_of_a_text(tmp_path):
    path = tmp_path / "words.yml"
    path.write_bytes(b"\xef\xbb\xbf- text: a\r\n")
    assert read_yaml(path, list[Word]) == [Word(text="a")]


def test_a_text_that_is_missing_is_named(tmp_path, one_sentence):
    with pytest.raises(FileNotFoundError, match="restore it with git") as caught:
        read_yaml(tmp_path / "none.yml", Word)
    one_sentence(caught.value, tmp_path / "none.yml")


# ---- hashes ----------------------------------------------------------------------------


def test_several_hashes_are_joined_in_their_order():
    one, other = "0" * 64, "f" * 64
    assert joined_sha256([one, other]) == hashlib.sha256((one + other).encode()).hexdigest()
    assert joined_sha256([one, other]) != joined_sha256([other, one])


@pytest.mark.parametrize("text", ["{{a: 1}: 2}\n", "day: 2024-02-30\n", "day: !!timestamp abc\n"])
def test_what_yaml_itself_stumbles_over_is_told_in_a_sentence(text, tmp_path):
    path = tmp_path / "odd.yml"
    path.write_text(text)
    with pytest.raises(ValueError, match="cannot be read") as caught:
        read_yaml(path, dict[str, str])
    assert str(path) in str(caught.value)


def test_threads_that_save_leave_the_permissions_as_they_were(tmp_path):
    before = os.umask(0o022)
    try:

        def save(number: int) -> None:
            with atomic_path(tmp_path / str(number)) as temporary:
                temporary.write_text("x")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(save, range(200)))
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
