"""Calls that are known to write, or to read, by their names: where they do it.

Nothing is executed: a call is what it is called, such as ``to_csv``, ``savefig`` or ``read_csv``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

# What writes, by its name, to what it is called on; to its first argument; to one of the first two.
_ON = {"write_text", "write_bytes", "mkdir", "touch", "unlink", "rmdir"}
_TO = "csv|parquet|excel|json|html|pickle|feather|hdf|hdf5|stata|latex|markdown|string|xml|orc"
_FIRST = re.compile(
    rf"to_({_TO}|netcdf|zarr|file|text|yaml|toml|disk|npz)|mkdir|makedirs|rmtree|unlink"
    r"|rmdir|[A-Z]\w*Writer|get_writer|ModelCheckpoint|BackupAndRestore|CSVLogger"
    r"|\w*FileHandler|basicConfig"
)
_FIRST_TWO = re.compile(r"save[a-z_]*|dump|write_[a-z]+|imsave|imwrite")
# What writes to its second argument.
_SECOND = re.compile(r"copy(file|tree|2)?|move|renames?|replace|urlretrieve|link|symlink")
_ONLY_WRITES = re.compile(r"[wax](?:[bt+]{0,2}|:\w*)")  # modes
_WRITES = re.compile(rf"{_ONLY_WRITES.pattern}|r[bt]?\+[bt]?")
_READS = re.compile(
    r"open[a-z_]*|i?read[a-z_]*|imread|load[a-z_]*|from(file|_csv|_file|_path|_json|_parquet|_disk)"
    r"|scan_[a-z]+|genfromtxt|i?glob|rglob|iterdir|listdir|scandir|walk|copy[a-z0-9]*"
    r"|\w*from_[a-z_]+|(get|list|find|scan|index)_[a-z_]+|\w+_(files|images|dataset|reader)"
    r"|[A-Z]\w*(File|Files|Folder|Folders|Directory|Dataset|Reader|Loader|Loaders|Corpus)"
)
# Keywords that take a path, such as path_or_buf or excel_writer.
_PATH_WORD = re.compile(
    r"(.*_)?(path|file|filename|fname|f|fp|dir|directory|folder|buf|buffer|uri|io|store|writer"
    r"|where|dst|dest|name|out|output)(_or_[a-z]+)?"
)


def called_name(call: ast.Call) -> str:
    """The last part of the name of what is called; empty if it has none."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def written_by(call: ast.Call) -> Iterator[ast.expr]:
    """The expressions that say where a call writes to."""
    words = {word.arg or "": word.value for word in call.keywords}
    name = called_name(call)
    on = call.func.value if isinstance(call.func, ast.Attribute) else None
    module = on.id if isinstance(on, ast.Name) else ""
    paths = [value for word, value in words.items() if _PATH_WORD.fullmatch(word)]
    if on is not None and name in _ON and module != "os":
        yield on
    elif _opens(call, _WRITES) or (module, name) == ("zarr", "open"):
        first = call.args[0] if call.args else None
        mode = isinstance(first, ast.Constant) and _WRITES.fullmatch(str(first.value))
        if name == "open" and on is not None and (mode or not [*call.args, *paths]):
            yield on  # Path("x").open("w")
        else:  # gzip.open("x", "w"), h5py.File("x", "w"), open_memmap("x", mode="w+")
            yield from [*call.args[:1], *paths]
    elif name == "replace" and module != "os" and len(call.args) > 1:
        return  # of texts
    elif _SECOND.fullmatch(name):
        yield from call.args[1:2]
        yield from (words[word] for word in ("dst", "target", "filename") if word in words)
        alone = name in ("rename", "replace") and on is not None and isinstance(on, ast.Call)
        yield from call.args[:1] if alone and len(call.args) == 1 else ()  # Path("x").rename("y")
    elif _FIRST.fullmatch(name) or (name == "write" and len(call.args) > 1):
        yield from [*call.args[:1], *paths]
    elif _FIRST_TWO.fullmatch(name):
        yield from [*call.args[:2], *paths]


def updates(call: ast.Call) -> bool:
    """Whether a call opens a file both to read and to write it."""
    return _opens(call, _WRITES) and not _opens(call, _ONLY_WRITES)


def _opens(call: ast.Call, modes: re.Pattern[str]) -> bool:
    """Whether a call opens a file in one of some modes."""
    name, given = called_name(call), [word.value for word in call.keywords if word.arg == "mode"]
    if name == "open":
        given += call.args[isinstance(call.func, ast.Name) :]
    elif name[:1].isupper():
        given += call.args[1:2]
    texts = [mode.value for mode in given if isinstance(mode, ast.Constant)]
    return any(isinstance(text, str) and modes.fullmatch(text) for text in texts)


def read_by(call: ast.Call, names_in: Callable[[ast.expr], set[str]]) -> Iterator[ast.expr]:
    """The expressions that may say where a call reads; `names_in` gives the names in one."""
    name, given = called_name(call), [*call.args, *(word.value for word in call.keywords)]
    on = [call.func.value] if isinstance(call.func, ast.Attribute) else []
    if _opens(call, _ONLY_WRITES) or _FIRST.fullmatch(name) or not _READS.fullmatch(name):
        return
    if call.args and name in ("glob", "iglob", "rglob"):  # a pattern, from what it is called on
        roots = [word.value for word in call.keywords if word.arg == "root_dir"] or on
        here = {repr(text) for text in ("", ".", "./")}
        came = [(root, names_in(root)) for root in roots]
        if any(names - here or (not names and getattr(root, "args", ())) for root, names in came):
            yield from roots
            return
    yield from on
    yield from given[:1] if name.startswith(("open", "copy")) else given
