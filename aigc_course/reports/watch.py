"""Which files a run reads and writes: noted in its kernel while it does, by an audit hook.

Python tells its audit hooks of each file before it opens it. Here that becomes a line of JSON in a
file: ``[kind, path, facts]``. A forked process goes on writing to the same file, so the lines are
in the order in which things happened; what they mean is for `traces`. A path that leads over a link
is noted as it was opened, too: the link may lead elsewhere another day.

=========  ===========================================  ==========================================
kind       of what                                      facts
=========  ===========================================  ==========================================
``read``   a file that is opened to be read             `digest`, if this is the first that is
                                                        done with it
``add``    one whose content is kept and written to     the same
``write``  one that is made, emptied, moved or removed  None
``list``   a folder                                     its files, as of `listing`; None if there
                                                        are too many
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
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.util import source_from_cache
from pathlib import Path

import aigc_utils
from aigc_course.reports import audits
from aigc_utils.files import sha256

FILE = "trace"
MOST_BYTES = 1 << 30
"""A larger file counts with its size and time of change."""
MOST_LISTED = 200_000
"""Files of a folder; beyond them nothing can be said of it."""
ROUGH = "size and time "
"""In front of what stands for a content that was not read."""

TEMPORARY = (tempfile.gettempdir(), "/tmp", "/var/tmp")
"""Folders in which counts what was there before the run."""

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
    path = str(folder / FILE)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))

    def write(line: bytes) -> None:
        # No number is kept: the notebook may close it, and another file would have it then.
        number = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            if os.write(number, line) < len(line):
                raise OSError(f"{path} lacks a part of a line")
        finally:
            os.close(number)

    # Of a trace that lacks something there is rather none; that needs no room on the disk.
    sys.addaudithook(FileWatch(os.getcwd(), write, str(folder), lambda: os.unlink(path)))


def digest(path: str) -> str | None:
    """SHA-256 of a file's content; of a large one its size and time; empty if there is none.

    None is for what is no file: a folder, a device.
    """
    try:
        facts = os.stat(path)
        if not stat.S_ISREG(facts.st_mode):
            return None
        if facts.st_size > MOST_BYTES:
            return size_and_time(facts)
        return sha256(path)
    except OSError:
        return ""


def listing(folder: str, home: str) -> dict[str, str] | None:
    """The names in a folder, of files with size and time of change; hidden ones are left out.

    In the notebook's own folder, and those around it, other things are edited: there it is names
    alone. Of a folder that is not there it is nothing, and None if it holds too many.
    """
    own = f"{home}{os.sep}".startswith(os.path.join(os.path.realpath(folder), ""))
    found = {}
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith((".", "__pycache__")):
                continue
            found[entry.name] = "" if own or not entry.is_file() else size_and_time(entry.stat())
            if len(found) > MOST_LISTED:
                return None
    return dict(sorted(found.items()))


def size_and_time(facts: os.stat_result) -> str:
    """What stands for a content that is not read."""
    return f"{ROUGH}{facts.st_size} {facts.st_mtime_ns}"


def is_hidden(path: str, home: str) -> bool:
    """Whether a path, seen from the notebook's folder, is hidden or in a hidden folder."""
    try:
        parts = os.path.relpath(path, home).split(os.sep)
    except ValueError:  # on another drive of Windows
        parts = path.split(os.sep)
    return any(part.startswith((".", "__pycache__")) and part.strip(".") for part in parts)


class FileWatch:
    """An audit hook.

    Args:
        home: the notebook's folder.
        write: takes the lines.
        left_out: a folder that is left out, too.
        spoil: called if a line could not be written.
    """

    def __init__(
        self,
        home: str,
        write: Callable[[bytes], object] = len,
        left_out: str = "",
        spoil: Callable[[], object] = lambda: None,
    ):
        self._home, self._write, self._spoil = os.path.realpath(home), write, spoil
        self._left_out = tuple(_left_out(self._home, left_out))
        self._temporary = tuple(beginnings(self._home, TEMPORARY))
        self._begun = time.time_ns()
        self._folders: dict[str, str] = {}  # without links
        self._told: set[tuple] = set()
        self._known: dict[str, set[str]] = {}  # the kinds that were noted, by path
        self._at_work = threading.local()
        self._hears_h5py = False

    def __call__(self, event: str, arguments: tuple) -> None:
        """Note what an event tells of; nothing is raised whatever goes wrong."""
        if (told := audits.EVENTS.get(event)) is None or getattr(self._at_work, "now", False):
            return
        self._at_work.now = True
        try:
            self._hears_h5py = self._hears_h5py or audits.tell_of_h5py()
            for kind, what in told(*arguments):
                self._note(kind, what)
            if event in audits.RENAMING:  # a link may lead elsewhere now
                self._folders.clear()
                self._told.clear()
        except Exception:
            try:
                self._say("lost", event)
            except Exception:
                with contextlib.suppress(Exception):
                    self._spoil()
        finally:
            self._at_work.now = False

    def _note(self, kind: str, what: str | bytes | int | None) -> None:
        if isinstance(what, int) or "\0" in str(what):  # a file that is open already, or none
            return
        told = kind, what, os.getcwd()
        if told in self._told:
            return
        for path in self._places(what or ".", kind):
            self._note_place("write" if kind == "name" else kind, path)
        self._told.add(told)

    def _note_place(self, kind: str, path: str) -> None:
        known = self._known.setdefault(path, set())
        if kind in known:
            return
        if kind == "move":
            if os.path.isdir(path) and "write" not in known:  # what is in it gets other names
                self._say("lost", path)
            return
        hidden, facts = is_hidden(path, self._home), None
        if kind in ("read", "list") and not known - {"list"} and (hidden or self._came(path)):
            return
        if kind == "list":
            facts = listing(path, self._home)
        elif kind in ("read", "add") and known <= {"list"} and not hidden:
            facts = digest(path)
            if facts is None:
                return
        self._say(kind, path, facts)
        known.add(kind)

    def _say(self, kind: str, what: str, facts: object = None) -> None:
        self._write(json.dumps([kind, what, facts]).encode() + b"\n")

    def _came(self, path: str) -> bool:
        """Whether something among temporary files has come, or has changed, since this began."""
        if not os.path.join(path, "").startswith(self._temporary):
            return False
        return os.path.exists(path) and os.stat(path).st_ctime_ns >= self._begun

    def _places(self, path: str | os.PathLike | bytes, kind: str) -> Iterator[str]:
        """A path without links, of a compiled module its source, and as it was given, if it is not.

        What is done to a ``name`` is not done to what a link of that name leads to. There are none
        of what is left out.
        """
        given = os.path.join(os.getcwd(), os.fsdecode(path)).rstrip(os.sep) or os.sep
        folder, name = os.path.split(given)
        if name in (".", ".."):
            folder, name = os.path.split(os.path.realpath(given))
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        whole = os.path.join(self._folders[folder], name)
        if kind != "name" and os.path.islink(whole):
            whole = os.path.realpath(whole)
        if os.path.basename(os.path.dirname(whole)) == "__pycache__":
            given = whole = _source_of(whole) if kind == "read" else ""
        if whole and not self.leaves_out(whole):
            yield whole
            if os.path.normpath(given) != whole:
                yield given if ".." in given else os.path.normpath(given)

    def leaves_out(self, path: str) -> bool:
        """Whether a path without links is none of the user's."""
        return os.path.join(path, "").startswith(self._left_out)


def _left_out(home: str, besides: str) -> Iterator[str]:
    """The beginnings of paths that are no files of the user's."""
    places = [sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values()]
    places += [*site.getsitepackages(), site.getusersitepackages(), besides]
    places += [place for place in _SYSTEM if not f"{TEMPORARY[0]}/".startswith(f"{place}/")]
    course = Path(aigc_utils.__file__).parents[1]
    places += [*map(os.environ.get, _SETTINGS), *(course / name for name in _OURS)]
    return beginnings(home, filter(None, places))


def beginnings(home: str, places: Iterable[str | Path]) -> Iterator[str]:
    """Of paths in some folders, but for those that the notebook is in."""
    for place in places:
        whole = os.path.join(os.path.realpath(place), "")
        if not os.path.join(home, "").startswith(whole):
            yield whole


def _source_of(path: str) -> str:
    try:
        return source_from_cache(path)
    except ValueError:
        return ""
