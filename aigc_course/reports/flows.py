"""Where the paths in a notebook's code go: into what writes, or into what reads.

It is read from the code, without executing it. A text or a parameter that reaches
``open(..., "w")``, ``to_csv``, ``savefig``, ``mkdir`` or the like is a place where results go; what
reaches ``open``, ``read_csv``, ``load`` or ``glob`` is read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aigc_course.reports.declarations import UNREADABLE, without_commands

# What writes, by its name, to what it is called on; to its first argument; to one of the first two.
_ON = {"write_text", "write_bytes", "mkdir", "touch", "unlink", "rmdir"}
_TO = "csv|parquet|excel|json|html|pickle|feather|hdf|hdf5|stata|latex|markdown|string|xml|orc"
_FIRST = re.compile(
    rf"to_({_TO}|netcdf|zarr|file|text|yaml|toml|disk|npz)|mkdir|makedirs|rmtree|unlink"
    r"|rmdir|[A-Z]\w*Writer|ModelCheckpoint|BackupAndRestore|CSVLogger|\w*FileHandler"
    r"|basicConfig"
)
_FIRST_TWO = re.compile(r"save[a-z_]*|dump|write_[a-z]+|imsave|imwrite")
# What writes to its second argument; without one, as a method, to its first: Path.rename.
_SECOND = re.compile(r"copy(file|tree|2)?|move|renames?|replace|urlretrieve|link|symlink")
# A folder is made where there may be one with files to be read.
_MAKES_FOLDERS = {"mkdir", "makedirs"}
_READS = re.compile(
    r"open[a-z_]*|i?read[a-z_]*|imread|load[a-z_]*|from(file|_csv|_file|_path|_json|_parquet|_disk)"
    r"|scan_[a-z]+|genfromtxt|i?glob|rglob|iterdir|listdir|scandir|walk|copy[a-z0-9]*"
    r"|\w*from_[a-z_]+|(get|list|find|scan|index)_[a-z_]+|\w+_(files|images|dataset|reader)"
    r"|[A-Z]\w*(File|Files|Folder|Folders|Directory|Dataset|Reader|Loader|Loaders|Corpus)"
)
_LISTS = {"glob", "iglob", "rglob", "iterdir", "listdir", "scandir", "walk"}
# Keywords that take a path, such as path_or_buf or excel_writer.
_PATH_WORD = re.compile(
    r"(.*_)?(path|file|filename|fname|f|fp|dir|directory|folder|buf|buffer|uri|io|store|writer"
    r"|where|dst|dest|name|out|output)(_or_[a-z]+)?"
)
_SAME = {"Path", "PurePath", "str", "fspath", "abspath", "resolve", "absolute", "expanduser"}
_BESIDE = {"join", "joinpath", "with_suffix", "with_name", "format"}
_PLACES = re.compile(r"(out|output|save|dest|cache|tmp)s?(_|$)", re.I)
_NOT_ALWAYS = (
    ast.If, ast.For, ast.While, ast.Try, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
    ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.IfExp, ast.BoolOp,
    ast.Match,
)  # fmt: skip


@dataclass
class Places:
    """Names whose values are paths: of the thing `itself`, or of what is `inside` or beside it."""

    itself: set[str] = field(default_factory=set)
    inside: set[str] = field(default_factory=set)

    def add(self, other: Places) -> None:
        """Take in what another has."""
        self.itself |= other.itself
        self.inside |= other.inside


@dataclass
class Written(Places):
    """The places that a notebook writes to.

    Attributes:
        read: names of those, and of others, that it reads before it has written there.
        files: the paths of files that it writes inside, as regular expressions, by name; also of
            those that it writes by a quoted text.
        endings: of the files that it reads there, by name; "" if it may read any.
    """

    read: set[str] = field(default_factory=set)
    files: dict[str, set[str]] = field(default_factory=dict)
    endings: dict[str, set[str]] = field(default_factory=dict)

    def has(self, name: str, path: Path) -> bool:
        """Whether what is at the path of a name is only results; what is read, too, is not."""
        there = name in self.itself or (name in self.inside and path.is_dir())
        return there and name not in self.read

    def results_in(self, name: str, home: Path) -> re.Pattern[str] | None:
        """The paths of what it writes into the folder of a parameter that it reads, too."""
        return _any_of(self._telling(name), home)

    def results(self, home: Path) -> re.Pattern[str] | None:
        """The paths of all files that it writes, as far as they can be read from the code."""
        patterns = set().union(*map(self._telling, self.files))
        return _any_of({pattern for pattern in patterns if not pattern.startswith(".*")}, home)

    def may_write(self, name: str) -> bool:
        """Whether it writes inside a folder by names that only its run knows."""
        return self._telling(name) != self.files.get(name, set())

    def _telling(self, name: str) -> set[str]:
        """The patterns of files that say enough of their names to tell them from inputs."""
        read = self.endings.get(name, {""})
        if not name.isidentifier():  # a text, which may be part of what another one names
            read = set().union(*(e for n, e in self.endings.items() if not n.isidentifier()))
        return {p for p in self.files.get(name, set()) if not _is_any(p, read)}


def _is_any(pattern: str, read: set[str]) -> bool:
    """Whether a pattern fits files that may be inputs, of which the endings are known, or ""."""
    match = re.fullmatch(r"(?:.*/)?(?:\.\*)+(?:\\(\.\w+))?", pattern)
    return bool(match) and (match[1] is None or not read.isdisjoint(("", match[1])))


def _any_of(patterns: set[str], home: Path) -> re.Pattern[str] | None:
    """Any of some patterns; those that begin neither with / nor with anything, from a folder."""
    here = re.escape(home.as_posix())
    whole = [p if p.startswith(("/", ".*")) else f"{here}/{p}" for p in sorted(patterns)]
    return re.compile("|".join(f"(?:{pattern})" for pattern in whole)) if whole else None


def quoted(text: str) -> str:
    """The name of a text that stands in the code; no variable is called so."""
    return repr(text)


def written_to(cells: Sequence[str], names: Iterable[str]) -> Written:
    """What of its parameters and texts a notebook takes as places to write to, or reads.

    One that is called ``OUT...`` or the like is a place to write to, unless it is only read.

    Args:
        cells: the texts of its code cells.
        names: of its parameters, and `quoted` texts.
    """
    names = set(names)
    nodes, calls, always = _calls(cells)
    origins = {name: Places({name}) for name in names}  # of variables
    assigned: dict[str, ast.expr] = {}
    for _ in range(4):  # longer chains of variables are rare
        for node in nodes:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    origins.setdefault(name, Places()).add(_origin(value, origins))
                    assigned |= {name: value} if name not in names else {}
    found, read, opened, written_before = Written(), set(), set(), set()
    for call in calls:
        for place in _places_of(call):
            if _SECOND.fullmatch(_name_of(call)) and call not in always:
                continue  # as who fetches data unless they are there
            came = _origin(place, origins)
            found.add(came)
            if _name_of(call) not in _MAKES_FOLDERS:
                spelt = _spelt(place, assigned, 4).removeprefix(r"\./")
                texts = {name for name in came.itself if not name.isidentifier()}
                for name in came.inside | texts:
                    found.files.setdefault(name, set()).add(spelt)
            if call in always and _name_of(call) not in _MAKES_FOLDERS:
                written_before.add(ast.dump(place))
        for place in _read_by(call, origins):
            came = _origin(place, origins)
            if ast.dump(place) not in written_before:
                read |= came.itself | came.inside
                ending = _ending(_pattern_of(call) or place, assigned)
                for name in came.itself | came.inside:
                    found.endings.setdefault(name, set()).add(ending)
                if _name_of(call) not in _LISTS:  # as who tidies up where results go does
                    opened |= came.itself | came.inside
    only_opened = opened - found.itself - found.inside
    called = {name for name in names if _PLACES.match(name)} - only_opened
    found.read = read - called
    found.itself |= called
    return found


def _calls(cells: Sequence[str]) -> tuple[list[ast.AST], list[ast.Call], set[ast.Call]]:
    """All parts of the code; its calls in the order of the text; those that every run makes."""
    nodes: list[ast.AST] = []
    calls: list[ast.Call] = []
    always: set[ast.Call] = set()
    for source in cells:
        try:
            tree = ast.parse(without_commands(source))
        except UNREADABLE:
            continue
        found = list(ast.walk(tree))
        nodes += found
        here = [node for node in found if isinstance(node, ast.Call)]
        # A call stands behind what it is given: open(x) in load(open(x)) comes first.
        calls += sorted(here, key=lambda call: (call.end_lineno, call.end_col_offset))
        left: list[ast.AST] = [tree]
        while left:
            node = left.pop()
            if isinstance(node, ast.Call):
                always.add(node)
            if not isinstance(node, _NOT_ALWAYS):
                left += ast.iter_child_nodes(node)
    return nodes, calls, always


def _origin(node: ast.expr, origins: dict[str, Places]) -> Places:
    """From which names a path comes; of what was read from a file, none."""
    match node:
        case ast.Name(id=name):
            return origins.get(name, Places())
        case ast.Constant(value=str(text)):
            return origins.get(quoted(text), Places())
        case ast.Call(func=ast.Name(id=name), args=[first]) if name in _SAME:
            return _origin(first, origins)
        case ast.Call(func=ast.Name(id=name), args=parts) if name in _SAME:
            pass
        case ast.Call(func=ast.Attribute(value=on, attr=name), args=args) if name in _SAME:
            return _origin(args[0] if args else on, origins)
        case ast.Call(func=ast.Attribute(value=on, attr=name), args=args) if name in _BESIDE:
            parts = [on, *args]
        case ast.BinOp(left=left, right=right):
            parts = [left, right]
        case ast.JoinedStr(values=values):
            parts = [v.value if isinstance(v, ast.FormattedValue) else v for v in values]
        case ast.Attribute(value=on):  # its parent, its stem
            parts = [on]
        case _:
            return Places()
    beside = Places()
    for part in parts:
        came = _origin(part, origins)
        beside.inside |= came.itself | came.inside
    return beside


def _places_of(call: ast.Call) -> Iterator[ast.expr]:
    """The expressions that say where a call writes to."""
    words = [word.value for word in call.keywords if _PATH_WORD.fullmatch(word.arg or "")]
    given = [*call.args, *(word.value for word in call.keywords)]
    name = _name_of(call)
    match call.func:
        case ast.Attribute(value=on, attr="open") if _is_to_write(given):
            yield from [on, *given[:1]]  # Path("x").open("w"), gzip.open("x", "w")
        case ast.Attribute(value=on) if name in _ON:
            yield on
        case ast.Attribute(value=on) if name == "replace" and len(given) > 1:
            # Of two arguments it is that of os, or one of texts.
            yield from given[1:2] if isinstance(on, ast.Name) and on.id == "os" else ()
            return
    if _opens_to_write(call):
        yield from given[:1]  # h5py.File("x", "w"), ZipFile("x", mode="w")
    elif isinstance(call.func, ast.Name) and name == "open" and _is_to_write(given[1:]):
        yield from given[:1]
    elif _SECOND.fullmatch(name):
        yield from given[1:2] or (given[:1] if isinstance(call.func, ast.Attribute) else ())
    elif _FIRST.fullmatch(name):
        yield from [*call.args[:1], *words]
    elif _FIRST_TWO.fullmatch(name):
        yield from [*call.args[:2], *words]


def _opens_to_write(call: ast.Call) -> bool:
    """Whether a call makes what a file is opened by, as classes do, and asks to write to it."""
    modes = [word.value for word in call.keywords if word.arg == "mode"] or call.args[1:2]
    return _name_of(call)[:1].isupper() and _is_to_write(modes)


def _read_by(call: ast.Call, origins: dict[str, Places]) -> Iterator[ast.expr]:
    """The expressions that may say where a call reads."""
    name, given = _name_of(call), [*call.args, *(word.value for word in call.keywords)]
    to_write = _opens_to_write(call) or (name == "open" and _is_to_write(given))
    if to_write or not _READS.fullmatch(name):
        return
    if _pattern_of(call):  # the pattern is none from the notebook's folder
        roots = [word.value for word in call.keywords if word.arg == "root_dir"]
        roots = roots or [call.func.value] * isinstance(call.func, ast.Attribute)
        here = {quoted(text) for text in ("", ".", "./")}
        came = [_origin(root, origins) for root in roots]
        if any((c.itself | c.inside) - here for c in came):
            yield from roots
            return
    if isinstance(call.func, ast.Attribute):
        yield call.func.value
    yield from given[:1] if name.startswith(("open", "copy")) else given


def _pattern_of(call: ast.Call) -> ast.expr | None:
    """What a call that lists files asks of their names."""
    return call.args[0] if call.args and _name_of(call) in ("glob", "iglob", "rglob") else None


def _ending(place: ast.expr, assigned: dict[str, ast.expr]) -> str:
    match = re.search(r"\\(\.\w+)$", _spelt(place, assigned, 4))
    return match[1] if match else ""


def _name_of(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _is_to_write(given: list[ast.expr]) -> bool:
    modes = [mode.value for mode in given if isinstance(mode, ast.Constant)]
    texts = [mode for mode in modes if isinstance(mode, str) and len(mode) <= 4]
    return any(re.fullmatch(r"[rwxabt+]+", text) and set(text) & set("wxa+") for text in texts)


def _spelt(node: ast.expr, assigned: dict[str, ast.expr], depth: int) -> str:
    """A path in code as a regular expression: what is no text may be anything."""

    def spelt(parts: Iterable[ast.expr], between: str = "") -> str:
        return between.join(_spelt(part, assigned, depth) for part in parts)

    match node:
        case ast.Constant(value=str(text)):
            return re.escape(text)
        case ast.Name(id=name) if name in assigned and depth:
            return _spelt(assigned[name], assigned, depth - 1)
        case ast.JoinedStr(values=values):
            return spelt(values)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return spelt([left, right])
        case ast.BinOp(op=ast.Div(), left=left, right=right):
            return spelt([left, right], "/")
        case ast.Call(func=ast.Name(id=name), args=parts) if name in _SAME and parts:
            return spelt(parts, "/")
        case ast.Call(func=ast.Attribute(attr=name), args=parts) if name in _SAME and parts:
            return spelt(parts, "/")
        case ast.Call(func=ast.Attribute(attr="join" | "joinpath"), args=parts) if parts:
            return spelt(parts, "/")
    return ".*"
