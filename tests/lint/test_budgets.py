"""The house stays small: lines of a package, a file, a function, an application; one meaning a name.

What cannot fit is listed in ``budgets.yml`` beside this file, each with its reason.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

import aigc_utils
from aigc_utils.files import read_yaml

ROOT = Path(aigc_utils.__file__).parents[1]
PACKAGES = ("aigc_utils", "aigc_apps", "aigc_course")
FILES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if not any(part.startswith("_") for part in path.parent.relative_to(ROOT).parts)
}
LONGEST_FILE, LONGEST_FUNCTION, LONGEST_APPLICATION = 400, 50, 1_000
# Commands are called like what they call: `aigc sweep` calls `sweep`.
COMMANDS = ("commands.py", "aigc_apps/command.py")
COMMAND_LINE = "aigc_course/cli/"
ENTRIES = {"main"}  # what a process begins with


class Exceptions(BaseModel):
    """What ``budgets.yml`` holds: how many lines a package may have, and reasons by place."""

    model_config = ConfigDict(extra="forbid")

    lines: dict[str, int]
    files: dict[str, str]
    functions: dict[str, str]
    applications: dict[str, str]
    names: dict[str, str]


ALLOWED = read_yaml(Path(__file__).with_name("budgets.yml"), Exceptions)


def lines_of(text: str) -> int:
    return len(text.splitlines())


def functions_of(text: str) -> dict[str, int]:
    """Lines of each function and method without its docstring, by its name with its class."""
    found = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}{child.name}"
                if not isinstance(child, ast.ClassDef):
                    length = child.end_lineno - child.lineno + 1
                    if ast.get_docstring(child):
                        length -= child.body[0].end_lineno - child.body[0].lineno + 1
                    found[name] = length
                visit(child, f"{name}.")
            else:
                visit(child, prefix)

    visit(ast.parse(text), "")
    return found


def over(sizes: dict[str, int], limit: int) -> dict[str, int]:
    return {name: size for name, size in sizes.items() if size > limit}


@pytest.mark.parametrize("package", ALLOWED.lines)
def test_a_package_is_as_small_as_promised(package):
    lines = sum(lines_of(text) for name, text in FILES.items() if name.startswith(f"{package}/"))
    assert lines <= ALLOWED.lines[package]


def test_files_are_short_but_for_those_with_a_reason():
    long = over({name: lines_of(text) for name, text in FILES.items()}, LONGEST_FILE)
    assert long.keys() == ALLOWED.files.keys(), long
    assert len(ALLOWED.files) <= 8


def test_functions_are_short_but_for_those_with_a_reason():
    sizes = {
        f"{n}:{f}": size for n, text in FILES.items() for f, size in functions_of(text).items()
    }
    long = over(sizes, LONGEST_FUNCTION)
    assert long.keys() == ALLOWED.functions.keys(), long
    assert len(ALLOWED.functions) <= 5


def test_applications_are_short_but_for_those_with_a_reason():
    sizes: dict[str, int] = defaultdict(int)
    for card in sorted((ROOT / "aigc_apps").glob("[!_]*/card.yml")):
        sizes[card.parent.name] = sum(
            lines_of(text)
            for name, text in FILES.items()
            if name.startswith(f"aigc_apps/{card.parent.name}/")
        )
    long = over(sizes, LONGEST_APPLICATION)
    assert long.keys() == ALLOWED.applications.keys(), long


def test_a_public_name_means_one_thing():
    homes = defaultdict(list)
    for name, text in FILES.items():
        if name.endswith(COMMANDS) or name.startswith(COMMAND_LINE):
            continue
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(name)
    twice = {n: places for n, places in homes.items() if len(places) > 1 and n not in ENTRIES}
    assert twice.keys() == ALLOWED.names.keys(), twice


def test_every_exception_has_a_reason():
    for reasons in (ALLOWED.files, ALLOWED.functions, ALLOWED.applications, ALLOWED.names):
        assert all(len(reason.split()) >= 5 for reason in reasons.values())


def test_the_rulers_measure():
    # Were they blind, nothing above could fail.
    text = 'class A:\n    def f(self):\n        """One.\n\n        Two.\n        """\n        return 1\n'
    assert functions_of(text) == {"A.f": 2}
    assert over({"a": 3, "b": 4}, 3) == {"b": 4}
    assert lines_of(text) == 7
    assert "aigc_utils/models/vae.py" in FILES
