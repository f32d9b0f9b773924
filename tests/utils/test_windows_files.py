"""Files as Windows treats them, on a stand-in: the course has not been run on Windows itself.

There `fcntl` and its like are missing, a file that is open for reading is not synced, and one that
another program holds is neither replaced nor removed.
"""

from __future__ import annotations

import ast
import errno
import fcntl
import os
from collections import Counter
from pathlib import Path

import pytest

import aigc_utils
from aigc_course.checks import store
from aigc_utils.files import atomic_path, atomic_paths

ROOT = Path(aigc_utils.__file__).parents[1]
SOURCES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for package in ("aigc_utils", "aigc_apps", "aigc_course")
    for path in sorted((ROOT / package).rglob("*.py"))
}
MISSING = {"fcntl", "resource", "pwd", "grp", "termios", "pty", "syslog", "crypt"}
# Runs within the sandbox of `aigc grade`, which is of Linux.
LINUX = "aigc_course/grading/inside/"
# Who changes names on the disk: the one place for files, and the one for the folders of runs.
CHANGERS = {"aigc_utils/files.py", "aigc_course/reports/folders.py"}


@pytest.fixture
def windows(monkeypatch):
    """`os` as on Windows; it counts the replaces, of which the first two of a name fail."""
    sync, replace, unlink = os.fsync, os.replace, os.unlink
    tried = Counter()

    def fsync(handle):
        if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        sync(handle)

    def refuse_held(path):
        if os.fspath(path).endswith(".held"):
            raise PermissionError(errno.EACCES, "used by another process", os.fspath(path))

    def replace_later(source, target):
        tried[os.fspath(target)] += 1
        refuse_held(target)
        if tried[os.fspath(target)] % 3:
            raise PermissionError(errno.EACCES, "Access is denied", os.fspath(target))
        replace(source, target)

    def unlink_free(path, **rest):
        refuse_held(path)
        unlink(path, **rest)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace_later)
    monkeypatch.setattr(os, "unlink", unlink_free)
    return tried


def test_the_stand_in_refuses_what_windows_refuses(windows, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with open(path, "rb") as file, pytest.raises(OSError, match="Bad file"):
        os.fsync(file.fileno())
    with pytest.raises(PermissionError):
        os.replace(path, tmp_path / "y.held")


def test_a_file_that_is_held_for_a_moment_is_replaced_all_the_same(windows, tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"old")
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"new")
    assert path.read_bytes() == b"new"
    assert windows[str(path)] == 3
    assert [p.name for p in tmp_path.iterdir()] == ["x.txt"]


def test_a_file_that_stays_held_is_named_in_a_sentence_and_stays(windows, tmp_path, one_sentence):
    path = tmp_path / "x.held"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="Could not write") as caught, atomic_path(path) as temporary:
        temporary.write_bytes(b"new")
    one_sentence(caught.value, "x.held", "used by another process", "close what has it open")
    assert path.read_bytes() == b"old"


def test_a_temporary_file_that_cannot_be_removed_hides_no_error(windows, tmp_path, monkeypatch):
    def never(self, missing_ok=False):
        raise PermissionError(errno.EACCES, "used by another process")

    monkeypatch.setattr(Path, "unlink", never)
    with pytest.raises(RuntimeError, match="ours"), atomic_path(tmp_path / "x.txt"):
        raise RuntimeError("ours")


def test_several_files_change_together_or_not_at_all(windows, tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_bytes(b"old")

    def stop():
        assert [path.read_bytes() for path in paths] == [b"old", b"old"]
        raise RuntimeError("stop")

    def save(**how):
        with atomic_paths(*paths, **how) as temporaries:
            for temporary in temporaries:
                temporary.write_bytes(b"new")

    with pytest.raises(RuntimeError, match="stop"):
        save(ready=stop)
    assert [path.read_bytes() for path in paths] == [b"old", b"old"]
    save()
    assert [path.read_bytes() for path in paths] == [b"new", b"new"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_what_is_solved_is_counted(windows, tmp_path, monkeypatch):
    monkeypatch.setenv("AIGC_PROGRESS", str(tmp_path / "progress.json"))
    assert store.count_answer("vae-01", solved=False) == (1, "")
    (tmp_path / "progress.json").write_text("{", encoding="utf-8")  # is moved aside
    assert "kept as" in store.count_answer("vae-01", solved=False)[1]
    assert (tmp_path / "progress.json.bak").read_text(encoding="utf-8") == "{"


@pytest.mark.parametrize("length", [200, 240, 255])
def test_a_name_may_be_as_long_as_the_system_lets_it(length, tmp_path):
    path = tmp_path / ("x" * (length - 4) + ".txt")
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"new")
        assert temporary.suffix == ".txt"
    assert path.read_bytes() == b"new"


# ---- what the sources may say --------------------------------------------------------


def calls(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    """The calls of functions of modules, such as ``os.replace``, and of methods, ``.open``."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Attribute):
                owner = function.value.id if isinstance(function.value, ast.Name) else ""
                found.append((f"{owner}.{function.attr}", node))
            elif isinstance(function, ast.Name):
                found.append((function.id, node))
    return found


@pytest.fixture(scope="module")
def called():
    """The calls of each file."""
    return {name: calls(tree) for name, tree in SOURCES.items()}


def test_no_file_imports_at_its_top_what_windows_lacks():
    found = set()
    for name, tree in SOURCES.items():
        for node in tree.body if not name.startswith(LINUX) else []:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                found |= {(name, missing) for missing in names & MISSING}
    assert found == set()


def test_names_on_the_disk_are_changed_in_one_place(called):
    wanted = {"os.replace", "os.rename", "os.renames", "os.link", "os.fsync", "shutil.move"}
    found = {name for name, those in called.items() for call, _ in those if call in wanted}
    assert found <= CHANGERS


def test_texts_are_read_and_written_as_utf_8_and_never_as_the_system_would(called):
    found = []
    for name, those in called.items():
        for call, node in those:
            method = call.rpartition(".")[2]
            keywords = {keyword.arg for keyword in node.keywords}
            modes = [a.value for a in node.args[1:2] if isinstance(a, ast.Constant)]
            binary = any("b" in str(mode) for mode in modes)
            is_text = method in ("read_text", "write_text") or (call == "open" and not binary)
            if (
                method == "read_text" and node.args
            ):  # an encoding; or a distribution's, which is UTF-8
                continue
            if is_text and "encoding" not in keywords and not name.startswith(LINUX):
                found.append(f"{name}:{node.lineno}")
    assert found == []
