"""What a ``parameters`` cell says: its parameters, and what it computes; nothing is executed."""

from __future__ import annotations

import ast
import io
import operator
import re
import tokenize
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aigc_course.reports.notation import check_plain, is_too_large

HOW_TO_TAG = (
    "give the cell that sets it the tag `parameters` (in JupyterLab with the cogs at the upper "
    "right, in VS Code with the cell's ... and Add Cell Tag)"
)
UNREADABLE = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError)
# With the lines that a backslash joins to it.
_COMMAND = re.compile(r"^([ \t]*)[%!].*(?:(?<=\\)\n.*)*", re.MULTILINE)
_PATHS = {"Path", "PurePath", "PosixPath", "WindowsPath"}
_ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}
# What finds variables by their names, or runs what a text says.
_BY_TEXT = {"globals", "locals", "vars", "eval", "exec"}
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
        place: where it begins: the line, counted from 1, and the column.
        reads, writes: the names of variables.
        changes: the variables that it may change in place, or sets by what they were.
    """

    source: str
    place: tuple[int, int]
    reads: frozenset[str]
    writes: frozenset[str]
    changes: frozenset[str]


@dataclass(frozen=True)
class ParametersCell:
    """A ``parameters`` cell: what it declares, and what it computes besides."""

    declarations: tuple[Declaration, ...]
    steps: tuple[Step, ...]

    def assignments(self, changed: Mapping[str, Any], paths: Iterable[str]) -> str:
        """The text of the cell that sets changed parameters, as papermill would put it in.

        A statement that computes something from one of them is repeated: else it would stand as
        computed from the template's own. If one that is repeated changes what the cell has made,
        such as a sum or a list, the whole cell is, so that it begins with what it began with.

        Args:
            changed: values by name; of those, this cell's are set. They are plain Python ones,
                checked before, so their ``repr`` is their literal: a text stays a text.
            paths: the parameters that are `pathlib.Path` objects.

        Returns:
            Python; empty if none of them is of this cell.
        """
        own = {name for name in (d.name for d in self.declarations) if name in changed}
        if not own:
            return ""
        new, repeated = set(own), []
        for step in self.steps:
            if step.reads & new:
                repeated.append(step)
                new |= step.writes
        whole = any(step.changes & self._changeable for step in repeated)
        lines = {step.place: step.source for step in (self.steps if whole else repeated)}
        texts = []
        for declaration in self.declarations:
            name, value = declaration.name, declaration.value
            if name in own:
                said = repr(changed[name])
                text = f"{name} = type({name})({said})" if name in paths else f"{name} = {said}"
            elif whole:
                text = f"{name} = {ast.unparse(value)}"
            else:
                continue
            texts.append(((value.lineno, value.col_offset), text))
        ordered = sorted([*texts, *lines.items()], key=lambda pair: pair[0])
        return "\n".join(["# Parameters", *(text for _, text in ordered)])

    def set_again(self, names: Collection[str]) -> Iterator[tuple[str, int]]:
        """Which of these names the cell sets without reading them, each with the line."""
        for step in self.steps:
            for name in sorted((step.writes & set(names)) - step.reads):
                yield name, step.place[0]

    @property
    def _changeable(self) -> set[str]:
        """The variables of the cell that would not be what they were if a line ran twice."""
        fixed = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.Call)
        names = {d.name for d in self.declarations if not isinstance(d.value, fixed)}
        return names.union(*(step.writes for step in self.steps))


def commands_of(source: str) -> list[re.Match[str]]:
    """IPython's commands in a cell, ``%magic`` and ``!shell``: where a statement can begin, and so
    not within a text or a bracket; the first group is what they are indented by."""
    found, before, end = [], "", 0
    for match in _COMMAND.finditer(source):
        before += source[end : match.start()]
        end = match.start()
        if not _is_open(before):
            found.append(match)
            before += f"{match[1]}pass"
            end = match.end()
    return found


def _is_open(text: str) -> bool:
    """Whether code ends within a text, a bracket or a line that goes on."""
    if text.endswith("\\\n"):
        return True
    try:
        for _ in tokenize.generate_tokens(io.StringIO(text).readline):
            pass
    except tokenize.TokenError as error:
        return bool(re.search("multi-line|triple-quoted", str(error)))
    except SyntaxError:
        pass
    return False


def without_commands(source: str) -> str:
    """A cell's text with ``pass`` in place of IPython's commands; its lines stay where they are."""
    for match in reversed(commands_of(source)):
        line = f"{match[1]}pass" + "\n" * match[0].count("\n")
        source = source[: match.start()] + line + source[match.end() :]
    return source


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
    cell = ParametersCell(tuple(declared.values()), tuple(steps))
    for name, line in cell.set_again(declared):
        raise ValueError(
            f"{where} sets {name} again in line {line}, so that what is given would not be what "
            f"runs: remove that line."
        )
    return cell


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
        check_plain(value)
    except ValueError:
        return False
    return not is_too_large(value)


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
        for command in commands_of(source):  # which may read any of them
            left -= set(re.findall(r"\w+", command[0]))
        try:
            statements = ast.parse(without_commands(source)).body
        except UNREADABLE:
            left -= set(re.findall(r"\w+", source))  # IPython may know what it means
            continue
        for reads, writes in _in_order(statements):
            left -= reads
            for name in sorted(left & writes):
                yield name, position
            left -= writes


def _in_order(statements: Iterable[ast.stmt]) -> Iterator[tuple[set[str], set[str]]]:
    """What statements read, and then set in every case, one after another."""
    for statement in statements:
        match statement:  # what is not set in every case is read by some run
            case ast.If(test=ast.Constant(value=value), body=body, orelse=other):
                yield from _in_order(body if value else other)
            case ast.For(target=target, iter=iterable, body=body, orelse=other):
                yield _read(iterable), set(_stored(target))
                yield set().union(*map(_read, [*body, *other])), set()
            case ast.With(items=items, body=body):
                for item in items:
                    stored = set(_stored(item.optional_vars)) if item.optional_vars else set()
                    yield _read(item.context_expr), stored
                yield from _in_order(body)
            case (
                ast.Assign()
                | ast.AnnAssign(value=ast.expr())
                | ast.Import()
                | ast.ImportFrom()
                | ast.FunctionDef()
                | ast.ClassDef()
            ):
                yield _read(statement), set(_stored(statement))
            case _:
                yield _read(statement), set()


def _step(statement: ast.stmt) -> Step:
    reads, writes = _read(statement), set(_stored(statement))
    changes = reads & writes
    for node in ast.walk(statement):
        for part in _used_in_place(node):
            changes |= {name.id for name in ast.walk(part) if isinstance(name, ast.Name)}
    place = (statement.lineno, statement.col_offset)
    return Step(
        ast.unparse(statement), place, frozenset(reads), frozenset(writes), frozenset(changes)
    )


def _read(root: ast.AST) -> set[str]:
    """The variables that code reads, or may read by their names in a text."""
    reads, keys = set(), set()
    for node in ast.walk(root):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.AugAssign(target=ast.Name(id=name)):
                reads.add(name)
            case ast.Constant(value=str(text)):
                # A query may read several; a name alone is mostly a key, as of os.environ.
                (keys if text.isidentifier() else reads).update(re.findall(r"\w+", text))
    return reads | keys if reads & _BY_TEXT else reads


def _stored(node: ast.AST) -> Iterator[str]:
    """The variables that code sets, but for those that are a function's own."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
            return
        case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.alias(name=name, asname=other):
            yield other or name.partition(".")[0]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name
    for child in ast.iter_child_nodes(node):
        yield from _stored(child)


def _used_in_place(node: ast.AST) -> Iterator[ast.expr]:
    """What a part of a statement may change: parts of it, what it is called on, or is given."""
    match node:
        case ast.Subscript(value=on, ctx=ast.Store() | ast.Del()):
            yield on
        case ast.Attribute(value=on, ctx=ast.Store() | ast.Del()):
            yield on
        case ast.Call(func=func, args=args, keywords=words):
            if isinstance(func, ast.Attribute):
                yield func.value
            yield from args
            yield from (word.value for word in words)
