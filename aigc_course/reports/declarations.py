"""What a ``parameters`` cell says: its parameters, and what it computes; nothing is executed."""

from __future__ import annotations

import ast
import io
import operator
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HOW_TO_TAG = (
    "give the cell that sets it the tag `parameters` (in JupyterLab with the cogs at the upper "
    "right, in VS Code with the cell's ... and Add Cell Tag)"
)
UNREADABLE = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError)
_COMMAND = re.compile(r"^(\s*)[%!].*", re.MULTILINE)
_PATHS = {"Path", "PurePath", "PosixPath", "WindowsPath"}
_ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}
_LARGEST = 1e6  # of a number that is computed with, so that no power takes a minute


@dataclass(frozen=True)
class Declaration:
    """One parameter, as its line declares it.

    Attributes:
        annotation: its type; None if it has none.
        value: what stands behind the equals sign.
        comment: beside it, without the sign.
    """

    name: str
    annotation: ast.expr | None
    value: ast.expr
    comment: str


@dataclass(frozen=True)
class Step:
    """A statement that computes something.

    Attributes:
        source: its text.
        line: where it begins, counted from 1.
        reads, writes: the names of variables.
    """

    source: str
    line: int
    reads: frozenset[str]
    writes: frozenset[str]


@dataclass(frozen=True)
class ParametersCell:
    """A ``parameters`` cell: what it declares, and what it computes besides."""

    declarations: tuple[Declaration, ...]
    steps: tuple[Step, ...]

    def assignments(self, changed: Mapping[str, Any], paths: Iterable[str]) -> str:
        """The text of the cell that sets changed parameters, as papermill would put it in.

        A statement that computes something from one of them is repeated: else it would stand as
        computed from the template's own.

        Args:
            changed: values by name; of those, this cell's are set. They are plain Python ones,
                checked before, so their ``repr`` is their literal: a text stays a text.
            paths: the parameters that are `pathlib.Path` objects.

        Returns:
            Python; empty if none of them is of this cell.
        """
        own = [name for name in (d.name for d in self.declarations) if name in changed]
        if not own:
            return ""
        lines = ["# Parameters"]
        for name in own:
            value = repr(changed[name])
            lines.append(
                f"{name} = type({name})({value})" if name in paths else f"{name} = {value}"
            )
        new = set(own)
        for step in self.steps:
            if step.reads & new:
                lines.append(step.source)
                new |= step.writes
        return "\n".join(lines)


def without_commands(source: str) -> str:
    """A cell's text with ``pass`` in place of IPython's commands, ``%magic`` and ``!shell``."""
    return _COMMAND.sub(r"\1pass", source)


def read_cell(source: str, where: str) -> ParametersCell:
    """Take a ``parameters`` cell apart.

    Args:
        source: its text.
        where: what messages call it.

    Raises:
        ValueError: if it is not Python, or sets one thing twice.
    """
    source = without_commands(source)
    try:
        statements = ast.parse(source).body
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (*UNREADABLE, tokenize.TokenError) as error:
        line = getattr(error, "lineno", None) or "?"
        raise ValueError(f"{where} is not Python (line {line}): mend it.") from None
    comments = {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }
    declared: dict[str, Declaration] = {}
    steps = []
    for statement in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass) or _is_remark(statement):
            continue
        if isinstance(statement, ast.AnnAssign) and statement.value is None:
            raise ValueError(
                f"{where} has a line {statement.lineno} that is no parameter: "
                f"give it a value, or move it to another cell."
            )
        found = list(_declarations(statement, comments.get(statement.end_lineno, "")))
        for declaration in found:
            if declaration.name in declared:
                raise ValueError(f"{where} has {declaration.name} twice: remove one.")
            declared[declaration.name] = declaration
        if not found:
            steps.append(_step(statement))
    for step in steps:
        for name in sorted(step.writes & declared.keys() - step.reads):
            raise ValueError(
                f"{where} sets {name} again in line {step.line}, so that what is given would not "
                f"be what runs: remove that line."
            )
    return ParametersCell(tuple(declared.values()), tuple(steps))


def _is_remark(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _declarations(statement: ast.stmt, comment: str) -> Iterator[Declaration]:
    """The parameters that a statement declares: ``a = b = 1`` and ``a, b = 1, 2`` are two."""
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), value=value):
            yield Declaration(name, statement.annotation, value, comment)
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
            pairs = list(zip(names, values, strict=False))
            whole = len(names) == len(values) and all(isinstance(n, ast.Name) for n in names)
            if whole and all(can_be_given(value) for value in values):
                yield from (Declaration(n.id, None, value, comment) for n, value in pairs)
        case ast.Assign(targets=targets, value=value) if can_be_given(value):
            if all(isinstance(target, ast.Name) for target in targets):
                yield from (Declaration(t.id, None, value, comment) for t in targets)


def plain_value(node: ast.expr) -> Any:
    """The value that is written: a literal, simple arithmetic such as ``60 * 60``, or a path.

    Raises:
        ValueError: if it is another thing.
    """
    match node:
        case ast.Call() if (text := path_text(node)) is not None:
            return text
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _ARITHMETIC:
            numbers = [plain_value(left), plain_value(right)]
            if all(type(n) in (int, float) and abs(n) <= _LARGEST for n in numbers):
                try:
                    if isinstance(op, ast.Pow) and abs(numbers[1]) > 64:
                        raise ValueError("a large power")
                    return _ARITHMETIC[type(op)](*numbers)
                except ArithmeticError:
                    raise ValueError("no number") from None
            raise ValueError("no small numbers")
    try:
        return ast.literal_eval(node)
    except UNREADABLE:
        raise ValueError("no plain value") from None


def path_text(node: ast.expr) -> str | None:
    """The text in ``Path("text")`` or ``pathlib.Path("text")``; None if it is another thing."""
    match node:
        case ast.Call(
            func=ast.Name(id=name) | ast.Attribute(attr=name),
            args=[ast.Constant(value=str(text))],
            keywords=[],
        ) if name in _PATHS:
            return text
    return None


def can_be_given(node: ast.expr) -> bool:
    """Whether a line without a type is a parameter: a value of those that JSON can hold too."""
    try:
        value = plain_value(node)
    except ValueError:
        return False
    return value is None or isinstance(value, bool | int | float | str | list | tuple | dict)


def overwritten(cells: Sequence[str], names: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Which parameters some cell sets anew before anything has read them.

    Args:
        cells: the texts of the cells behind the one that declares them.
        names: of the parameters.

    Yields:
        A name and the place of the cell among ``cells``.
    """
    left = set(names)
    for position, source in enumerate(cells):
        for command in _COMMAND.finditer(source):  # which may read any of them
            left -= set(re.findall(r"\w+", command[0]))
        try:
            statements = ast.parse(without_commands(source)).body
        except UNREADABLE:
            left -= set(re.findall(r"\w+", source))  # IPython may know what it means
            continue
        for statement in statements:
            step = _step(statement)
            left -= step.reads
            match statement:  # what is not set in every case is read by some run
                case ast.Assign() | ast.AnnAssign(value=ast.expr()):
                    for name in sorted(left & step.writes):
                        yield name, position
                    left -= step.writes


def _step(statement: ast.stmt) -> Step:
    reads, writes = set(), set()
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                reads.add(name)
            case ast.Name(id=name):
                writes.add(name)
            case ast.AugAssign(target=ast.Name(id=name)):
                reads.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                writes.add(name)
            case ast.Constant(value=str(text)):
                reads |= set(re.findall(r"\w+", text))  # of a query, or of globals()["NAME"]
    return Step(ast.unparse(statement), statement.lineno, frozenset(reads), frozenset(writes))
