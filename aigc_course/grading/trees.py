"""What lies in a teacher's folder, zips included, as one flat list; nothing is left out of it.

Links are not followed. What comes out of a zip goes to files with names of ours, so that no name
in a zip leads anywhere; sizes are limited, for each student's zip by itself.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import lzma
import os
import stat
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aigc_course.grading import notebooks
from aigc_course.grading.plain import names_listed

MIB = 2**20
MAX_DEPTH = 12  # of folders, and of zips in zips together
MAX_ITEMS = 5_000  # of one student
MAX_WALK = 100_000  # below one folder, which may hold the class
MAX_RATIO = 200  # unpacked to packed, of what is larger than...
SMALL = 20 * MIB
# What stops a file from being written, whatever is in it.
_FULL = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
)  # fmt: skip
HoldsClass = Callable[[str, Sequence[str]], bool]
READ_ALSO = ("", ".json", ".txt")  # what a notebook is called after a download or a mail
# Machines leave these behind; nobody hands them in.
LITTER = frozenset(
    [
        "__macosx", ".ds_store", "thumbs.db", "desktop.ini", "icon\r", ".ipynb_checkpoints",
        ".virtual_documents", ".git", "__pycache__", ".pytest_cache", ".venv", "venv",
        "node_modules", ".idea", ".vscode",
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Item:
    """A file, a folder, or something that cannot be read.

    Attributes:
        parts: its place below the teacher's folder; a zip is a folder here.
        kind: "file", "folder" or "fault".
        path: the file, where its content may be needed.
        dates: when the file that holds it was written, seconds, from the outermost zip to itself;
            0 where that is not known.
        why: for a fault, what goes after "it".
        ours: the fault is this machine's and no student's.
        within: the folders and zips of a whole class that were around it, each with a "/".
    """

    parts: tuple[str, ...]
    kind: str
    path: Path | None = None
    dates: tuple[float, ...] = (0.0,)
    why: str = ""
    within: str = ""
    ours: bool = False

    @property
    def name(self) -> str:
        """Its own name."""
        return self.parts[-1]

    @property
    def litter(self) -> bool:
        """Whether a machine has left it behind."""
        return any(p.casefold() in LITTER or p.startswith(("._", "~$")) for p in self.parts)


@dataclass
class _Room:
    """How much may still come out of zips."""

    files: int
    num_bytes: int


def class_room() -> _Room:
    """What a whole class may hand in."""
    return _Room(50_000, 4096 * MIB)


def student_room() -> _Room:
    """What may be in the zips of one student."""
    return _Room(1_000, 200 * MIB)


def all_room() -> _Room:
    """What may come out of all zips together, those in zips included."""
    return _Room(100_000, 8192 * MIB)


def suffix(name: str) -> str:
    """A file name's suffix in small letters; of ``.ipynb`` alone it is that."""
    return "." + name.rpartition(".")[2].casefold() if "." in name else ""


def is_zip(name: str) -> bool:
    """Whether a name says that it is a zip."""
    return suffix(name) == ".zip"


def may_be_notebook(name: str) -> bool:
    """Whether a name leaves open that it is a notebook."""
    return ".ipynb" in name.casefold() or suffix(name) in READ_ALSO


def items_below(
    folder: Path, scratch: Path, leave_out: Sequence[Path], holds_class: HoldsClass
) -> list[Item]:
    """Everything below a folder.

    Args:
        folder: the teacher's.
        scratch: for what comes out of zips.
        leave_out: folders that are not looked into.
        holds_class: tells from the name of a zip and its entries whether it is a whole class's.

    Raises:
        OSError: if the folder itself cannot be read.
        ValueError: if zips hold more than there is room for.
    """
    out = {os.path.realpath(path) for path in leave_out}
    unpacker = _Unpacker(scratch, holds_class)
    found: list[Item] = []
    entries = _entries(folder)
    alone = sum(not Item((entry.name,), "file").litter for entry in entries) == 1
    for entry in entries:
        top = itertools.islice(_walk(Path(entry.path), (entry.name,), out), MAX_WALK + 1)
        items = list(top)
        if len(items) > MAX_WALK:
            items[-1] = _too_many(entry.name, MAX_WALK)
        for item in items:
            found += unpacker.opened(item, whole=alone if len(item.parts) == 1 else False)
    return found


def cut_short(items: list[Item]) -> list[Item]:
    """The items, of each student no more than `MAX_ITEMS`, notebooks first.

    Args:
        items: without folders and zips of a whole class.
    """
    tops: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        tops.setdefault((item.within, item.parts[0]), []).append(item)
    found = []
    for (within, name), inside in tops.items():
        if len(inside) > MAX_ITEMS:
            inside.sort(key=lambda item: suffix(item.name) != ".ipynb" or item.litter)
            inside[MAX_ITEMS:] = [replace(_too_many(name, MAX_ITEMS), within=within)]
        found += inside
    return found


def _too_many(name: str, most: int) -> Item:
    why = f"holds more than {most} files, of which the others were not looked at"
    return Item((name,), "fault", why=why)


def items_of_zip(path: Path, scratch: Path) -> list[Item]:
    """Everything in a zip of a class; its name is the first part of each place.

    Raises:
        ValueError: if it cannot be read, or holds more than there is room for.
    """
    item = Item((path.name,), "file", path, (path.stat().st_mtime,))
    found = _Unpacker(scratch, lambda *_: True).opened(item, whole=True)
    if found[0].kind == "fault" and len(found[0].parts) == 1:
        raise ValueError(
            f"{path} {found[0].why}: download it again, or unpack it and name the folder."
        )
    return found


def _entries(folder: Path) -> list[os.DirEntry]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: os.fsencode(entry.name))


def _walk(path: Path, parts: tuple[str, ...], out: set[str]) -> Iterator[Item]:
    """What is at a path and below it."""
    try:
        about = path.lstat()
    except OSError as error:
        yield Item(parts, "fault", why=f"cannot be read ({error.strerror})", ours=True)
        return
    dates = (about.st_mtime,)
    if stat.S_ISLNK(about.st_mode):
        yield Item(parts, "fault", why="is a link, which is not followed: put a copy there")
    elif stat.S_ISREG(about.st_mode):
        yield Item(parts, "file", path, dates)
    elif not stat.S_ISDIR(about.st_mode):
        yield Item(parts, "fault", why="is not an ordinary file")
    elif os.path.realpath(path) in out:
        return
    elif len(parts) > MAX_DEPTH:
        yield Item(parts, "fault", why=f"lies more than {MAX_DEPTH} folders deep")
    else:
        folder = Item(parts, "folder", path, dates)
        yield folder
        try:
            entries = _entries(path)
        except OSError as error:
            yield Item(parts, "fault", why=f"cannot be read ({error.strerror})", ours=True)
            return
        if folder.litter:
            return
        for entry in entries:
            yield from _walk(Path(entry.path), (*parts, entry.name), out)


class _Unpacker:
    """Takes out of zips what may be a notebook, to numbered files."""

    def __init__(self, scratch: Path, holds_class: HoldsClass) -> None:
        self._scratch, self._holds_class = scratch, holds_class
        self._numbers = itertools.count()
        self._left = all_room()
        self._taken: Counter[str] = Counter()  # bytes, by the entry of the teacher's folder

    def opened(self, item: Item, *, whole: bool, room: _Room | None = None) -> list[Item]:
        """The item; if it is a zip, a folder with what is in it; a fault if that cannot be.

        Args:
            item: any.
            whole: whether it may hold what a whole class handed in, whatever is called how.
            room: for zips inside the zip of a student; None for room of its own.

        Raises:
            _Full: if there is no room left, for whatever is in it.
        """
        if item.kind != "file" or item.litter or not is_zip(item.name):
            return [item]
        if len(item.parts) > MAX_DEPTH:
            return [replace(item, kind="fault", why=f"lies more than {MAX_DEPTH} folders deep")]
        try:
            with zipfile.ZipFile(item.path) as archive:
                members = archive.infolist()
                if len(item.parts) == 1:
                    names = [_name_of(m).replace("\\", "/").partition("/")[0] for m in members]
                    whole = whole or self._holds_class(item.name, sorted(set(names)))
                room = room or (class_room() if whole else student_room())
                self._check(members, item, room)
                found = [self._member(archive, m, item) for m in members]
        except _Full:
            raise
        except _Refused as refused:
            return [replace(item, kind="fault", path=None, why=str(refused))]
        except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError):
            return [replace(item, kind="fault", path=None, why=_why_no_zip(item.path))]
        except OSError as error:
            self._stop_if_full(error)
            why = f"cannot be read ({error.strerror or error})"
            return [replace(item, kind="fault", path=None, why=why, ours=bool(error.errno))]
        opened = [replace(item, kind="folder", path=None)]
        for inner in found:
            # In a zip of the class each file is a student's, and has room of its own.
            opened += self.opened(inner, whole=False, room=None if whole else room)
        return opened

    def _check(self, members: list[zipfile.ZipInfo], item: Item, room: _Room) -> None:
        """Refuse a zip that would fill memory or disk."""
        packed = os.path.getsize(item.path)
        unpacked = sum(m.file_size for m in members if _is_wanted(m.filename))
        if len(members) > room.files:
            raise _Refused(f"holds more than {room.files} files")
        if unpacked > room.num_bytes:
            raise _Refused(f"holds more than {room.num_bytes // MIB} MB of notebooks and zips")
        if unpacked > max(SMALL, MAX_RATIO * packed):
            raise _Refused(f"unpacks to more than {MAX_RATIO} times its size")
        self._taken[item.parts[0]] += unpacked
        for each in (room, self._left):
            each.files -= len(members)
            each.num_bytes -= unpacked
        if self._left.files < 0 or self._left.num_bytes < 0:
            largest = self._taken.most_common(1)[0][0]
            raise _Full(
                f"The zips hold more than {all_room().num_bytes // MIB} MB or {all_room().files} "
                f"files, {names_listed([largest])} most of it: take that out, and grade it alone."
            )

    def _stop_if_full(self, error: Exception) -> None:
        """Stop where nothing can be written, whatever zip it is of."""
        if isinstance(error, OSError) and error.errno in _FULL:
            raise _Full(
                f"Zips cannot be unpacked to {self._scratch.parent} ({error.strerror}): free space "
                "there, or set TMPDIR to another folder."
            ) from None

    def _member(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, item: Item) -> Item:
        name = _name_of(member).replace("\\", "/")
        inside = tuple(part for part in name.split("/") if part not in ("", "."))
        dates = (*item.dates, _date_of(member))
        here = (*item.parts, *(inside or ("?",)))
        if name.startswith("/") or ".." in inside or _is_drive(inside[:1]):
            safe = tuple(part for part in inside if part != "..") or ("?",)
            return Item((*item.parts, *safe), "fault", why="has a name that leads out of the zip")
        if len(here) > MAX_DEPTH + 2:
            return Item(here[:MAX_DEPTH], "fault", why=f"lies more than {MAX_DEPTH} folders deep")
        if stat.S_ISLNK(member.external_attr >> 16):
            return Item(here, "fault", why="is a link, which is not followed")
        if name.endswith("/"):
            return Item(here, "folder", dates=dates)
        if not _is_wanted(name):
            return Item(here, "file", dates=dates)
        if member.flag_bits & 1:
            return Item(here, "fault", why="is encrypted: a zip without a password is needed")
        path = self._scratch / f"{next(self._numbers):06d}"
        try:
            self._copy(archive, member, path)
        except _Refused as refused:
            return Item(here, "fault", why=str(refused))
        except (
            zipfile.BadZipFile, OSError, ValueError, EOFError, RuntimeError, zlib.error,
            lzma.LZMAError,
        ) as error:  # fmt: skip
            path.unlink(missing_ok=True)
            self._stop_if_full(error)
            if isinstance(error, OSError) and error.errno:  # of this machine
                return Item(here, "fault", why=f"cannot be read ({error.strerror})", ours=True)
            return Item(here, "fault", why="is damaged: it does not come out of its zip")
        return Item(here, "file", path, dates)

    def _copy(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
        """Take out one file, or its beginning if it is too large for a notebook."""
        most = member.file_size if is_zip(member.filename) else notebooks.MAX_BYTES + 1
        with archive.open(member) as packed, open(path, "xb") as file:
            while most > 0 and (piece := packed.read(min(most, MIB))):
                file.write(piece)
                most -= len(piece)


class _Refused(Exception):
    """A zip that is not opened; the words go after "it"."""


class _Full(ValueError):
    """No zip can be opened any more; a sentence for the teacher."""


def _is_wanted(name: str) -> bool:
    last = name.replace("\\", "/").rpartition("/")[2]
    return bool(last) and (is_zip(last) or may_be_notebook(last))


def _is_drive(first: tuple[str, ...]) -> bool:
    return bool(first) and first[0].endswith(":")


def _why_no_zip(path: Path) -> str:
    """What is wrong with a zip that does not open; goes after "it"."""
    with open(path, "rb") as file:
        begin = file.read(4)
    if not begin:
        return "is an empty file"
    if begin[:2] != b"PK":
        return "is no zip, whatever its name says"
    return "is damaged, perhaps cut off: it is no zip that opens"


def _name_of(member: zipfile.ZipInfo) -> str:
    """A name in a zip that does not say which encoding it is in.

    Many programs write UTF-8, Windows in China GBK: a name whose letters are all in its first
    part, GB 2312, is no likely name in cp437, which other systems write.
    """
    if not member.flag_bits & 0x800:
        for encoding in ("utf-8", "gb2312"):
            with contextlib.suppress(UnicodeError):
                return member.filename.encode("cp437").decode(encoding)
    return member.filename


def _date_of(member: zipfile.ZipInfo) -> float:
    """When a file in a zip was written, as this machine's clock tells it; 0 if it does not say."""
    if member.date_time[0] <= 1980:
        return 0.0
    try:
        return time.mktime((*member.date_time, 0, 0, -1))
    except (ValueError, OverflowError):
        return 0.0
