"""The libraries that a notebook's code imports, with their versions; nothing is executed."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Iterable
from functools import cache

from aigc_course.reports import declarations

OURS = {"aigc_utils", "aigc_apps", "aigc_course"}  # counted by `identities`
_IMPORTS = re.compile(r"^\s*(?:import|from)\s+(\w+)", re.MULTILINE)


def libraries_of(sources: Iterable[str]) -> dict[str, str]:
    """The versions of the distributions that some texts of code import, by their names."""
    modules = {name for source in sources for name in _modules(source)}
    names = modules - OURS - set(sys.stdlib_module_names)
    found = {library for name in names for library in _distributions(name)}
    return {library: importlib.metadata.version(library) for library in sorted(found)}


def _modules(source: str) -> set[str]:
    """The first names of what a text of code imports."""
    try:
        tree = ast.parse(declarations.without_commands(source))
    except declarations.UNREADABLE:
        return set(_IMPORTS.findall(source))
    names = set(re.findall(r"^\s*%load_ext\s+(\w+)", source, re.MULTILINE))
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                names |= {alias.name for alias in aliases}
            case ast.ImportFrom(module=str(name), level=0):
                names.add(name)
            case ast.Call(
                func=ast.Name(id=called) | ast.Attribute(attr=called),
                args=[ast.Constant(value=str(name)), *_],
            ) if called in ("import_module", "__import__"):
                names.add(name)
    return {name.partition(".")[0] for name in names if not name.startswith(".")}


@cache
def _distributions(name: str) -> tuple[str, ...]:
    """The distributions that install a module; mostly there is one, of the same name."""
    try:
        return (importlib.metadata.metadata(name)["Name"].lower(),)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        pass
    try:
        if importlib.util.find_spec(name) is None:  # the user's own, or none
            return ()
    except (ImportError, ValueError):
        return ()
    found = _all_distributions().get(name, [])
    return tuple(sorted({library.lower() for library in found}))


@cache
def _all_distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())  # takes a second
