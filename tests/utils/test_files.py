"""Writing by renaming: whatever goes wrong, the old file stays as it was."""

from __future__ import annotations

import errno
import hashlib
import os

import pytest

from aigc_utils.files import atomic_path, sha256


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
