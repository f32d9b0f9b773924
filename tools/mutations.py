"""Faults that can be put into a source file, one at a time; used by tools/mutants.py.

Each replaces a piece of text, so that the lines of the rest stay where they are. None is made of
what no test should notice: docstrings, annotations, decorators, the texts of errors, f-strings,
``__repr__`` and ``__str__``.
"""

from __future__ import annotations

import ast
import copy
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}
PATHS = re.compile(r"path|folder|root|target|package|Path|__file__|'")
SILENT = {"__repr__", "__str__", "__all__"}
NODES_WITH_TEXTS = (ast.JoinedStr, ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Mutation:
    """One fault: bytes ``start`` to ``end`` of the source are replaced by ``new``."""

    kind: str
    line: int
    start: int
    end: int
    old: str
    new: str

    def apply(self, source: bytes) -> bytes:
        """The source with the fault in it."""
        return source[: self.start] + self.new.encode() + source[self.end :]

    def __str__(self) -> str:
        old, new = (" ".join(text.split()) for text in (self.old, self.new))
        return f"{old} -> {new}"


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What a node may become: the kind of the fault, and the node in its place."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for operator in COMPARISONS[type(node.ops[0])]:
            yield "comparison", _changed(node, ops=[operator()])
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
        if not _joins_texts_or_paths(node):
            yield "arithmetic", _changed(node, op=ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        yield "constant", ast.Constant(_other_constant(node.value))
    elif isinstance(node, ast.BoolOp):
        yield "boolean", _changed(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not removed", node.operand
    elif isinstance(node, ast.Return) and node.value and not _is_none(node.value):
        yield "return", ast.Return(ast.Constant(None))
    if isinstance(node, ast.If | ast.While | ast.IfExp) and _says_little(node.test):
        yield "boolean", ast.UnaryOp(ast.Not(), node.test)
    if isinstance(node, ast.Call):
        if node.keywords:
            for index in range(len(node.keywords)):
                kept = node.keywords[:index] + node.keywords[index + 1 :]
                yield "argument", _changed(node, keywords=kept)
        elif len(node.args) > 1:
            yield "argument", _changed(node, args=node.args[:-1])
    deleted = isinstance(node, ast.Raise | ast.AugAssign | ast.Break | ast.Continue)
    deleted |= isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    deleted |= isinstance(node, ast.Assign) and isinstance(
        node.targets[0], ast.Attribute | ast.Subscript
    )
    if deleted:
        yield "statement", ast.Pass()


def _changed(node: ast.AST, **fields) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _other_constant(value: bool | int | float) -> bool | int | float:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else 1.5 * value or 1.0


def _says_little(test: ast.AST) -> bool:
    """Whether no other fault turns this condition around."""
    return isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.Subscript)


def _joins_texts_or_paths(node: ast.BinOp | ast.AugAssign) -> bool:
    """Whether another operator would fail at once, and tell nothing about the tests."""
    sides = [getattr(node, name, None) for name in ("left", "right", "value", "target")]
    for side in filter(None, sides):
        if isinstance(side, ast.JoinedStr | ast.List | ast.Tuple):
            return True
        if isinstance(side, ast.Constant) and isinstance(side.value, str | bytes):
            return True
        if isinstance(node.op, ast.Div) and PATHS.search(ast.unparse(side)):
            return True
    return False


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def mutable(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what is below it, but for what no test should notice."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params", "keywords") and (
            name != "keywords" or isinstance(node, ast.ClassDef)
        ):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_left_alone(child):
                yield from mutable(child)


def _is_left_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Raise):  # it may be deleted, but its text is nobody's business
        node.exc = node.cause = None
        return False
    named = getattr(node, "name", None) or getattr(getattr(node, "target", None), "id", None)
    if isinstance(node, ast.Assign):
        named = getattr(node.targets[0], "id", None)
    is_typing = isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
    return isinstance(node, NODES_WITH_TEXTS) or named in SILENT or is_typing


def mutations(source: bytes) -> list[Mutation]:
    """All faults of a file, in the order of its lines."""
    lines = source.splitlines(keepends=True)
    begins = [0]
    for line in lines:
        begins.append(begins[-1] + len(line))
    found = []
    for node in mutable(ast.parse(source)):
        if not hasattr(node, "lineno"):
            continue
        start = begins[node.lineno - 1] + node.col_offset
        end = begins[node.end_lineno - 1] + node.end_col_offset
        old = source[start:end].decode()
        for kind, new in changes(node):
            if isinstance(node, ast.If | ast.While | ast.IfExp):
                start = begins[node.test.lineno - 1] + node.test.col_offset
                end = begins[node.test.end_lineno - 1] + node.test.end_col_offset
                old = source[start:end].decode()
            text = ast.unparse(ast.fix_missing_locations(new))
            if isinstance(new, ast.expr) and not isinstance(
                new, ast.Constant | ast.Call | ast.Name
            ):
                text = f"({text})"
            found.append(Mutation(kind, node.lineno, start, end, old, text))
    return sorted(set(found), key=lambda m: (m.start, m.end, m.kind, m.new))


def sample(
    sites: dict[str, Sequence[Mutation]], number: int, seed: int
) -> list[tuple[str, Mutation]]:
    """Draw faults without repeating one, from all files and of all kinds.

    Args:
        sites: the faults of each file.
        number: how many to draw; fewer where there are fewer.
        seed: the same seed, the same faults.

    A file is drawn with the root of its number of faults as its weight, so that a long one does not
    crowd out the others; then a kind, then a fault of that kind.
    """
    chance = random.Random(seed)
    left = {name: list(found) for name, found in sorted(sites.items()) if found}
    drawn = []
    while left and len(drawn) < number:
        names = list(left)
        (name,) = chance.choices(names, weights=[len(left[n]) ** 0.5 for n in names])
        kind = chance.choice(sorted({m.kind for m in left[name]}))
        chosen = chance.choice([m for m in left[name] if m.kind == kind])
        left[name].remove(chosen)
        if not left[name]:
            del left[name]
        drawn.append((name, chosen))
    return drawn
