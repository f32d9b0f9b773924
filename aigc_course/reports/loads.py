"""What a template's code loads by a name that only the run knows. A student needs none of it.

A name that is put together, listed or looked up stands nowhere in quotes. Whoever loads by one can
read any data set, or any checkpoint, so `identities` counts the whole shelf.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from aigc_course.reports.declarations import without_commands

DATA_SETS, CHECKPOINTS = "data sets", "checkpoints"
# What loads something by its name, the first argument; from which shelf.
_BY_NAME = {
    "load_images": DATA_SETS,
    "load_texts": DATA_SETS,
    "load_data_card": DATA_SETS,
    "verified": DATA_SETS,
    "load_collection": DATA_SETS,
    "load_model": CHECKPOINTS,
    "load_card": CHECKPOINTS,
    "load_generator": CHECKPOINTS,
    "load_language_model": CHECKPOINTS,
    "load_tokenizer": CHECKPOINTS,
    "load_verse_writer": CHECKPOINTS,
}
_LOADERS = {**_BY_NAME, "data_sets": DATA_SETS, "available": CHECKPOINTS}


def whole_shelves(cells: list[str]) -> set[str]:
    """The shelves any part of which these code cells can read; nothing in them is executed.

    A name that is settled where it stands counts by itself: a text, or a variable that is nothing
    but plain values, such as a parameter.

    Args:
        cells: their texts, as in the notebook.

    Returns:
        Of `DATA_SETS` and `CHECKPOINTS`.
    """
    trees, shelves = [], set()
    for text in cells:
        try:
            trees.append(ast.parse(without_commands(text)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            # IPython may know what it means: here any word may be a call.
            shelves |= {_LOADERS[word] for word in re.findall(r"\w+", text) if word in _LOADERS}
    nodes = [node for tree in trees for node in ast.walk(tree)]
    plain = _plain_variables(nodes)
    settled = {id(call.func) for call in nodes if _is_settled(call, plain)}
    for node in nodes:
        # Not only calls: `map(load_model, names)` is none.
        if id(node) not in settled:
            shelves |= {_LOADERS[name] for name in _mentions(node) if name in _LOADERS}
    return shelves


def _mentions(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name):
            yield name
        case ast.ImportFrom(names=names):
            yield from (alias.name for alias in names if alias.asname not in (None, alias.name))


def _is_settled(node: ast.AST, plain: set[str]) -> bool:
    """Whether it is a call that loads by a name which can be read here, or by its default."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in _BY_NAME:
            named = [word.value for word in node.keywords if word.arg in ("name", None)]
            for argument in [*node.args, *named][:1]:
                variable = isinstance(argument, ast.Name) and argument.id in plain
                if not (variable or _is_plain(argument)):
                    return False
            return True
    return False


def _plain_variables(nodes: list[ast.AST]) -> set[str]:
    """The variables that are given plain values only, wherever they are given one."""
    given: Counter[str] = Counter()
    plain: Counter[str] = Counter()
    for node in nodes:
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                given[name] += 1
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=value)
            ) if _is_plain(value):
                plain[name] += 1
    return {name for name in plain if plain[name] == given[name]}


def _is_plain(node: ast.AST | None) -> bool:
    """Whether it is a value, and a text if in one piece: ``"gan" "_fashion"`` is in two."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        written = node.end_col_offset - node.col_offset  # in bytes, as Python counts columns
        return written == len(node.value.encode("utf-8", "replace")) + len("''")
    return isinstance(node, ast.Constant)
