"""What Python's audit events say that is done with files; `watch` notes it.

The events come before the deed: what will fail is left out, for it changes nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import wraps

_Noted = Iterator[tuple[str, str]]


def tell_of_h5py() -> bool:
    """Have h5py tell of the files that it opens in C, once it is imported; whether it does.

    Keras keeps weights in such files, which training writes over and over.
    """
    files = sys.modules.get("h5py._hl.files")
    if not hasattr(files, "File"):  # the last thing that is in it
        return False
    make = files.make_fid

    @wraps(make)
    def telling(name, mode, *rest, **options):
        if not os.fsdecode(name).startswith("<"):  # a file in memory
            sys.audit("open", name, {None: "r", "a": "r+", "w-": "x"}.get(mode, mode), 0)
        return make(name, mode, *rest, **options)

    files.make_fid = telling
    return True


def _open(path, mode, flags) -> _Noted:
    if flags:
        access, emptied = flags & 3, flags & os.O_TRUNC
        made = flags & os.O_EXCL and flags & os.O_CREAT
    else:  # by a function of C, which says the mode only
        access = 2 if "+" in (mode or "") else int(not (mode or "r").startswith("r"))
        emptied, made = (mode or "").startswith("w"), (mode or "").startswith("x")
    gone = mode is None and not (flags & os.O_CREAT or os.path.isabs(path) or os.path.lexists(path))
    if gone and _asking() not in ("os", "shutil"):  # which list the folder
        raise ValueError("this may be a path from an open folder: Python does not say from which")
    if made:
        if not os.path.lexists(path):
            yield "write", path
    elif emptied:
        if not os.path.exists(path) or (os.path.isfile(path) and os.access(path, os.W_OK)):
            yield "write", path
    else:
        if access != 1:
            yield "read", path
        if access:
            yield "add", path


def _asking() -> str:
    """The module whose code does what an event says."""
    return sys._getframe(3).f_globals.get("__name__", "")


def _at(path, folder=-1) -> str | bytes:
    """A path from an open folder as one by itself; the system knows where that is."""
    if folder in (None, -1):
        return path
    return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), os.fsdecode(path))


def _list(path) -> _Noted:
    # An import, or a look for a version, goes through all folders of sys.path.
    asking = _asking()
    if isinstance(path, int):
        if asking != "shutil":  # `rmtree` is told of by itself
            yield "list", _at("", path)
    elif not asking.startswith(("_frozen_importlib", "importlib", "pkgutil", "pkg_resources")):
        yield "list", path


def _rename(source, target, source_folder=-1, target_folder=-1) -> _Noted:
    source, target = _at(source, source_folder), _at(target, target_folder)
    full = os.path.isdir(target) and not _is_empty(target)
    if os.path.lexists(source) and not full:
        yield "move", source
        yield "read", source
        yield "name", source
        yield "name", target


def _link(source, target, source_folder=-1, target_folder=-1) -> _Noted:
    source, target = _at(source, source_folder), _at(target, target_folder)
    if not os.path.lexists(target):
        yield "read", source
        yield "name", target


def _symlink(source, target, folder=-1) -> _Noted:
    target = _at(target, folder)
    if not os.path.lexists(target):
        yield "name", target


def _remove(path, folder=-1) -> _Noted:
    # Else the path begins in an open folder, and `rmtree` is told of by itself.
    if folder == -1 and (os.path.islink(path) or os.path.isfile(path)):
        yield "name", path


def _remove_folder(path, folder=-1) -> _Noted:
    if folder == -1 and os.path.isdir(path) and _is_empty(path):
        yield "name", path


def _remove_tree(path, folder=None) -> _Noted:
    if folder in (None, -1) and os.path.isdir(path):
        yield "name", path


def _mkdir(path, mode, folder=-1) -> _Noted:
    path = _at(path, folder)
    if not os.path.lexists(path):
        yield "name", path


def _is_empty(folder) -> bool:
    with os.scandir(folder) as entries:
        return next(entries, None) is None


def _truncate(path, length) -> _Noted:
    yield "add", path


def _connect(database) -> _Noted:
    text = os.fsdecode(database)
    if text.startswith("file:"):
        text = text.removeprefix("file:").partition("?")[0]
        if "%" in text:
            raise ValueError("a path that is written as in an address")
    if text and text != ":memory:":
        yield "read", text
        yield "add", text


RENAMING = ("os.rename", "os.symlink", "os.remove", "shutil.rmtree")
EVENTS: dict[str, Callable[..., _Noted]] = {
    "open": _open,
    "os.listdir": _list,
    "os.scandir": _list,
    "os.rename": _rename,
    "os.link": _link,
    "os.symlink": _symlink,
    "os.remove": _remove,
    "os.rmdir": _remove_folder,
    "shutil.rmtree": _remove_tree,
    "os.mkdir": _mkdir,
    "os.truncate": _truncate,
    "sqlite3.connect": _connect,
}
