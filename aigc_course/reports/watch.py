"""Which files a run reads and writes: noted in its kernel while it does, by an audit hook.

Python tells its audit hooks of each file before it opens it. Here that becomes a line of JSON in a
file: ``[kind, path, facts]``. A forked process goes on writing to the same file, so the lines are
in the order in which things happened; what they mean is for `traces`.

=========  ===========================================  ==========================================
kind       of what                                      facts
=========  ===========================================  ==========================================
``read``   a file that is opened to be read             `digest`, if this is the first that is
                                                        done with it
``add``    one whose content is kept and written to     the same
``write``  one that is made, emptied, moved or removed  None
``list``   a folder                                     its files, as of `listing`
``lost``   something that could not be noted            None
=========  ===========================================  ==========================================
"""

from __future__ import annotations

import contextlib
import json
import os
import site
import stat
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import wraps
from importlib.util import source_from_cache
from pathlib import Path

import aigc_utils
from aigc_utils.files import sha256

FILE = "trace"
MOST_BYTES = 1 << 30
"""A larger file counts with its size and time of change."""
MOST_LISTED = 200_000
"""Files of a folder; beyond them nothing can be said of it."""
ROUGH = "size and time "
"""In front of what stands for a content that was not read."""

_Noted = Iterator[tuple[str, str]]
_OURS = ("aigc_utils", "aigc_apps", "aigc_course")  # their code is in a run's name
_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/usr", "/bin", "/lib", "/System", "/Library")
# Where programs keep caches and settings, if not in hidden folders.
_SETTINGS = ("MPLCONFIGDIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA",
    "SYSTEMROOT")  # fmt: skip


def begin(folder: Path) -> None:
    """Note from now on, in `FILE` in a folder, what this process does with files.

    Its own folder is the notebook's now.
    """
    log = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sys.addaudithook(FileWatch(os.getcwd(), lambda line: os.write(log, line), str(folder)))


def digest(path: str) -> str | None:
    """SHA-256 of a file's content; of a large one its size and time; empty if there is none.

    None is for what is no file: a folder, a device.
    """
    try:
        facts = os.stat(path)
        if not stat.S_ISREG(facts.st_mode):
            return None
        if facts.st_size > MOST_BYTES:
            return f"{ROUGH}{facts.st_size} {facts.st_mtime_ns}"
        return sha256(path)
    except OSError:
        return ""


def listing(folder: str, home: str) -> list[list]:
    """The names in a folder, sorted, files with size and time of change; hidden ones are left out.

    In the notebook's own folder, and those around it, other things are edited: there it is names
    alone. Of a folder that is not there it is nothing.
    """
    own = f"{home}{os.sep}".startswith(os.path.join(folder, ""))
    found = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith((".", "__pycache__")):
                continue
            facts = [] if own or not entry.is_file() else _changed(entry)
            found.append([entry.name, *facts])
            if len(found) > MOST_LISTED:
                break
    return sorted(found)


def _changed(entry: os.DirEntry) -> list[int]:
    facts = entry.stat()
    return [facts.st_size, facts.st_mtime_ns]


class FileWatch:
    """An audit hook.

    Args:
        home: the notebook's folder.
        write: takes the lines.
        left_out: a folder that is left out, too.
    """

    def __init__(
        self,
        home: str,
        write: Callable[[bytes], object] = len,
        left_out: str = tempfile.gettempdir(),
    ):
        self._home, self._write = os.path.realpath(home), write
        self._left_out = tuple(_left_out(self._home, left_out))
        self._folders: dict[str, str] = {}  # without links; empty for those that are left out
        self._told: set[tuple] = set()
        self._known: dict[str, set[str]] = {}  # the kinds that were noted, by path
        self._at_work = threading.local()
        self._hears_h5py = False

    def __call__(self, event: str, arguments: tuple) -> None:
        """Note what an event tells of; nothing is raised whatever goes wrong."""
        if (told := _EVENTS.get(event)) is None or getattr(self._at_work, "now", False):
            return
        self._at_work.now = True
        try:
            self._hears_h5py = self._hears_h5py or _tell_of_h5py()
            for kind, what in told(*arguments):
                self._note(kind, what)
            if event in _RENAMING:  # a link may lead elsewhere now
                self._folders.clear()
                self._told.clear()
        except Exception:
            with contextlib.suppress(Exception):
                self._say("lost", event)
        finally:
            self._at_work.now = False

    def _note(self, kind: str, what: str | bytes | int | None) -> None:
        if isinstance(what, int) or "\0" in str(what):  # a file that is open already, or none
            return
        told = kind, what, os.getcwd()
        if told in self._told:
            return
        self._told.add(told)
        path = self.place(what or ".", kind)
        kind = "write" if kind == "name" else kind
        known = self._known.setdefault(path, set())
        if not path or kind in known:
            return
        if kind == "move":
            if os.path.isdir(path) and "write" not in known:  # what is in it gets other names
                self._say("lost", path)
            return
        facts = None
        if kind == "list":
            facts = listing(path, self._home)
        elif kind in ("read", "add") and known <= {"list"}:
            facts = digest(path)
            if facts is None:
                return
        known.add(kind)
        self._say(kind, path, facts)

    def _say(self, kind: str, what: str, facts: object = None) -> None:
        self._write(json.dumps([kind, what, facts]).encode() + b"\n")

    def place(self, path: str | os.PathLike | bytes, kind: str = "read") -> str:
        """A path without links, of a compiled module its source; empty if it is left out.

        What is done to a ``name`` is not done to what a link of that name leads to.
        """
        whole = os.path.join(os.getcwd(), os.fsdecode(path)).rstrip(os.sep)
        folder, name = os.path.split(whole)
        if name in (".", ".."):
            return self.place(os.path.realpath(whole), kind)
        if folder not in self._folders:
            self._folders[folder] = self._place_of_folder(folder)
        folder = self._folders[folder]
        whole = os.path.join(folder, name)
        if not folder or name.startswith((".", "__pycache__")):
            return ""
        if os.path.join(whole, "").startswith(self._left_out):
            return ""
        if os.path.basename(folder) == "__pycache__":
            return _source_of(whole) if kind == "read" else ""
        if kind != "name" and os.path.islink(whole):
            target = os.path.realpath(whole)
            return "" if target == whole else self.place(target, kind)
        return whole

    def _place_of_folder(self, folder: str) -> str:
        folder = os.path.realpath(folder)
        try:
            parts = os.path.relpath(folder, self._home).split(os.sep)
        except ValueError:  # on another drive of Windows
            parts = folder.split(os.sep)
        hidden = any(part.startswith(".") and part.strip(".") for part in parts)
        return "" if hidden or os.path.join(folder, "").startswith(self._left_out) else folder


def _tell_of_h5py() -> bool:
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


def _left_out(home: str, besides: str) -> Iterator[str]:
    """The beginnings of paths that are no files of the user's."""
    places = [sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values()]
    places += [*site.getsitepackages(), site.getusersitepackages(), *_SYSTEM]
    places += [besides, tempfile.gettempdir(), "/tmp", "/var/tmp", *map(os.environ.get, _SETTINGS)]
    course = Path(aigc_utils.__file__).parents[1]
    for place in [*filter(None, places), *(course / name for name in _OURS)]:
        whole = os.path.join(os.path.realpath(place), "")
        if not os.path.join(home, "").startswith(whole):  # else the notebook's own are there
            yield whole


def _source_of(path: str) -> str:
    try:
        return source_from_cache(path)
    except ValueError:
        return ""


# ---- what the events say; see Python's table of audit events ---------------------------
# They come before the deed: what will fail is left out, for it changes nothing.


def _open(path, mode, flags) -> _Noted:
    if flags:
        access, emptied = flags & 3, flags & os.O_TRUNC
        made = flags & os.O_EXCL and flags & os.O_CREAT
    else:  # by a function of C, which says the mode only
        access = 2 if "+" in (mode or "") else int(not (mode or "r").startswith("r"))
        emptied, made = (mode or "").startswith("w"), (mode or "").startswith("x")
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


def _list(path) -> _Noted:
    # An import, or a look for a version, goes through all folders of sys.path.
    asking = sys._getframe(2).f_globals.get("__name__", "")
    if not asking.startswith(("_frozen_importlib", "importlib", "pkgutil", "pkg_resources")):
        yield "list", path


def _rename(source, target, *folders) -> _Noted:
    full = os.path.isdir(target) and not _is_empty(target)
    if set(folders) <= {-1} and os.path.lexists(source) and not full:
        yield "move", source
        yield "read", source
        yield "name", source
        yield "name", target


def _link(source, target, *folders) -> _Noted:
    if set(folders) <= {-1} and not os.path.lexists(target):
        yield "read", source
        yield "name", target


def _symlink(source, target, folder=-1) -> _Noted:
    if folder == -1 and not os.path.lexists(target):
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
    if folder == -1 and not os.path.lexists(path):
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


_RENAMING = ("os.rename", "os.symlink", "os.remove", "shutil.rmtree")
_EVENTS: dict[str, Callable[..., _Noted]] = {
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
