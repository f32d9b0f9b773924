"""Where the paths in a notebook's code go: into what writes, or into what reads.

It is read from the code, without executing it. What is only given to ``open(..., "w")``,
``to_csv``, ``savefig`` or the like is a result; whatever else is done with a path, it may be read.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aigc_course.reports.calls import called_name, read_by, updates, written_by
from aigc_course.reports.declarations import UNREADABLE, without_commands

# Who fetches data may do so only if they are not there.
_FETCHES = re.compile(r"copy(file|tree|2)?|urlretrieve")
# A folder is made where there may be one with files to be read.
_MAKES_FOLDERS = {"mkdir", "makedirs"}
_LISTS = {"glob", "iglob", "rglob", "iterdir", "listdir", "scandir", "walk"}
_SAME = {"Path", "PurePath", "str", "fspath", "abspath", "resolve", "absolute", "expanduser"}
_BESIDE = {"join", "joinpath", "with_suffix", "with_name", "format"}
_PLACES = re.compile(r"(out|output|save|dest|cache|tmp)s?(_|$)", re.I)
_NOT_ALWAYS = (
    ast.If, ast.For, ast.While, ast.Try, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef,
    ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.IfExp, ast.BoolOp,
    ast.Match,
)  # fmt: skip
_ANY = ".*"  # in a pattern, for what is no text


@dataclass
class Places:
    """Names whose values are paths: of the thing `itself`, or of what is `inside` or beside it."""

    itself: set[str] = field(default_factory=set)
    inside: set[str] = field(default_factory=set)

    def add(self, other: Places) -> None:
        """Take in what another has."""
        self.itself |= other.itself
        self.inside |= other.inside

    @property
    def names(self) -> set[str]:
        """All of them."""
        return self.itself | self.inside


@dataclass
class Written(Places):
    """The places that a notebook writes to.

    Attributes:
        read: names of those, and of others, with which it does anything else before it has written
            there: it may read them.
        reached: names that reach what reads for certain.
        files: the paths of files that it writes inside, as regular expressions, by name; also of
            those that it writes by a quoted text.
        got: the paths that it does anything else with, in the same form.
        globs: patterns of files that it lists in a folder, from its own.
    """

    read: set[str] = field(default_factory=set)
    reached: set[str] = field(default_factory=set)
    files: dict[str, set[str]] = field(default_factory=dict)
    got: set[str] = field(default_factory=set)
    globs: set[str] = field(default_factory=set)

    def has(self, name: str, path: Path) -> bool:
        """Whether what is at the path of a name is only results; what is read, too, is not."""
        there = name in self.itself or (name in self.inside and path.is_dir())
        return there and name not in self.read

    def patterns(self, name: str = "", held: bool = False) -> set[str]:
        """The paths of files that it writes into the folder of a parameter, or by its texts.

        Args:
            name: the parameter's; without one, those of all `quoted` texts.
            held: also those that it may write: a part of their names is computed, so they cannot
                be told from inputs.
        """
        names = [name] if name else [each for each in self.files if not each.isidentifier()]
        found = set().union(*(self.files.get(each, set()) for each in names))
        folder = f"{_ANY}/" if name else "/"  # where they are for certain
        if not held:
            return {p for p in found - self.got if _ANY not in p.removeprefix(folder)}
        return {p for p in found if p.startswith(folder) or _is_telling(p)}


def _is_telling(pattern: str) -> bool:
    """Whether a letter or digit of a path is fixed; in the notebook's folder an ending will do."""
    whole, ending = re.subn(r"\\\.\w+$", "", pattern)
    fixed = re.search(r"[^\W_]", whole.replace(_ANY, ""))
    return bool(fixed or (ending and "/" not in pattern))


def is_place(name: str) -> bool:
    """Whether a parameter is called as a place to write to is."""
    return bool(_PLACES.match(name))


def any_of(patterns: Iterable[str], home: Path) -> re.Pattern[str] | None:
    """Any of some patterns, which begin in a folder unless they begin with / or any folder."""
    here = re.escape(home.as_posix())
    patterns = [p if "/" in p else p.replace(_ANY, "[^/]*") for p in sorted(patterns)]
    whole = [p if p.startswith(("/", f"{_ANY}/")) else f"{here}/{p}" for p in patterns]
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
    origins, assigned, settled = _variables(nodes, names)
    found, opened, before = Written(), set(), set()

    def names_in(node: ast.expr) -> set[str]:
        return _origin(node, origins).names

    for call in calls:
        called, places = called_name(call), [*written_by(call)]
        on = [call.func.value] if isinstance(call.func, ast.Attribute) else []
        for part in [*on, *call.args, *(word.value for word in call.keywords)]:
            if called == "print" or (names_in(part) and ast.dump(part) in before):
                settled.update(_parts_of(part))
            elif part not in places and names_in(part):
                found.got.add(_spelt(part, assigned, 4).removeprefix(r"\./"))
        if pattern := _glob_of(call, origins, assigned):
            found.globs.add(pattern)
            settled.update(n for place in read_by(call, names_in) for n in _parts_of(place))
        reads = [place for place in read_by(call, names_in) if place not in settled]
        for place in reads:
            found.reached |= names_in(place)
            if called not in _LISTS:  # as who tidies up where results go does
                opened |= names_in(place)
        came = {place: _origin(place, origins) for place in places}
        told = sum(map(_has_path, came.values())) <= 1
        told &= call in always or not _FETCHES.fullmatch(called)
        told &= not updates(call)
        for place, each in came.items():
            found.add(each)
            spelt = _spelt(place, assigned, 4).removeprefix(r"\./")
            if told and place not in reads:
                settled.update(_parts_of(place))
            else:
                found.got.add(spelt)
            if called in _MAKES_FOLDERS:
                continue
            for name in each.inside | {n for n in each.itself if not n.isidentifier()}:
                found.files.setdefault(name, set()).add(spelt)
            before |= {ast.dump(place)} if call in always else set()
    for node in set(nodes) - settled:
        found.read |= names_in(node) if _is_used(node) else set()
    found.read |= found.reached
    places = {name for name in names if is_place(name)} - (opened - found.names)
    found.read -= places
    found.itself |= places
    return found


def _has_path(places: Places) -> bool:
    return any(name.isidentifier() or {*name} & {*"./"} for name in places.names)


def _parts_of(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a path, but for what is given to other calls in it."""
    yield node
    if not isinstance(node, ast.Call) or called_name(node) in _SAME | _BESIDE:
        for part in ast.iter_child_nodes(node):
            yield from _parts_of(part)


def _is_used(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) or (
        isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    )


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
        for function in reversed([n for n in found if isinstance(n, ast.FunctionDef)]):
            own = {arg.arg for arg in function.args.args}
            for node in ast.walk(function):
                if isinstance(node, ast.Name) and node.id in own:
                    node.id = f"{function.name}.{node.id}"  # a name of its own; see `_bound`
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


def _variables(
    nodes: list[ast.AST], names: set[str]
) -> tuple[dict[str, Places], dict[str, ast.expr], set[ast.AST]]:
    """Where variables come from; the values of those that have one; the nodes that are that."""
    origins = {name: Places({name}) for name in names}
    bound = [*_bound(nodes)]
    for _ in range(4):  # longer chains of variables are rare
        for name, value in bound:
            origins.setdefault(name, Places()).add(_origin(value, origins))
    stored = [n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    times = Counter(stored) + Counter(name for name, _ in bound if "." in name)
    assigned = {name: value for name, value in bound if times[name] == 1 and name not in names}
    elsewhere = {node.attr for node in nodes if isinstance(node, ast.Attribute)}  # module.NAME
    known = [v for name, v in bound if name not in elsewhere and _origin(v, origins).names]
    return origins, assigned, {node for value in known for node in _parts_of(value)}


def _bound(nodes: list[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """Variables with the values that they are given, also those of the notebook's functions."""
    own = {node.name: node.args.args for node in nodes if isinstance(node, ast.FunctionDef)}
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.Call(func=ast.Name(id=called), args=args, keywords=words) if called in own:
                given = dict(zip((arg.arg for arg in own[called]), args, strict=False))
                given |= {word.arg: word.value for word in words if word.arg}
                names = {arg.arg for arg in own[called]}
                yield from ((f"{called}.{n}", value) for n, value in given.items() if n in names)


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


def _glob_of(call: ast.Call, origins: dict[str, Places], assigned: dict[str, ast.expr]) -> str:
    """The pattern of the files that a call lists, if its folder and it are fixed texts."""
    roots = [word.value for word in call.keywords if word.arg == "root_dir"]
    match call:
        case ast.Call(
            func=ast.Attribute(value=on, attr="glob" | "rglob" as name),
            args=[ast.Constant(value=str(pattern))],
        ):
            root = _spelt(roots[0] if roots else on, assigned, 4)
            known = _origin(roots[0] if roots else on, origins).names and _ANY not in root
            if known and re.search(r"\.\w+$", pattern):  # folders have no ending
                inner = "**/" * (name == "rglob")
                return "/".join([re.sub(r"\\(.)", r"\1", root), inner + pattern])
    return ""


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
        case ast.Call(func=ast.Attribute(attr="join"), args=parts) if parts:
            return spelt(parts, "/")
        case ast.Call(func=ast.Attribute(value=on, attr="joinpath"), args=parts):
            return spelt([on, *parts], "/")
    return _ANY
