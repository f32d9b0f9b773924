"""The package's rooms: light to enter, imports one way, nothing dangerous anywhere."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import aigc_utils

ROOT = Path(aigc_utils.__file__).parents[1]
# Each package and those of ours that it may import.
MAY_USE = {
    "aigc_utils": set(),
    "aigc_apps": {"aigc_utils"},
    "aigc_course": {"aigc_apps", "aigc_utils"},
}
# What lies beside the applications in their package and serves them all.
SHARED = {"contract", "origins", "saving", "notebook", "command", "common", "safety", "pretrained"}
SHARED |= {"evaluation", "economics", "judging", "panel"}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    _name(path): path
    for package in MAY_USE
    for path in sorted((ROOT / package).rglob("*.py"))
    if "_data" not in path.parts
}
NETWORK = {"urllib", "urllib3", "requests", "socket", "http", "httpx", "aiohttp", "ftplib", "ssl"}
# Whoever names an endpoint of their own wants it to be reached; the module says the rest.
MAY_REACH_OUT = {
    "aigc_apps.pretrained.endpoint": {"urllib", "http"},
    "aigc_course.train.rendezvous": {"socket"},  # the machines that `aigc train --workers` names
}
UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def imported(path: Path) -> set[str]:
    """Full names of all that a file imports, in functions too; none of ours is relative."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports by dots: write the name out."
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def uses(module: str, modules: dict[str, Path] = MODULES) -> set[str]:
    """The files of ours that a file imports, as names of modules."""
    found = set()
    for name in imported(modules[module]):
        while name and name not in modules:
            name = name.rpartition(".")[0]
        found.add(name)
    return found - {"", module}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """What is left when all that reaches no circle, or is reached by none, has been taken away."""
    left = {name: set(used) for name, used in graph.items()}
    while ended := {n for n, used in left.items() if not used & left.keys()}:
        left = {n: used for n, used in left.items() if n not in ended}
    while left and (begun := {n for n in left if not any(n in used for used in left.values())}):
        left = {n: used for n, used in left.items() if n not in begun}
    return sorted(sorted(used & left.keys() | {n}) for n, used in left.items())


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    package = module.split(".")[0]
    assert {used.split(".")[0] for used in uses(module)} - {package} <= MAY_USE[package]


def test_no_application_imports_another():
    for module in MODULES:
        package, _, rest = module.partition(".")
        room = rest.split(".")[0]
        if package != "aigc_apps" or not room:
            continue
        rooms = {used.split(".")[1] for used in uses(module) if used.startswith("aigc_apps.")}
        others = rooms - {room} - SHARED
        assert not others, f"{module} imports {others}: ask for it through the contract."


def test_no_two_files_import_each_other_by_any_way_round():
    assert circles({module: uses(module) for module in MODULES}) == []


def test_the_reader_of_imports_sees_what_it_should():
    # Were it blind, the tests above could not fail.
    assert {"aigc_utils.data", "aigc_utils.objectives"} <= uses("aigc_utils.models.vae")
    assert {"aigc_course.train.recipes", "aigc_course.pictures"} <= uses("aigc_course.cli.everyday")
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"], ["b", "c"]]
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []


@pytest.mark.parametrize("module", MODULES)
def test_no_room_imports_the_network_or_a_format_that_runs_code(module):
    harmless = {"urllib.parse"}  # it takes addresses apart and reaches none
    tops = {name.split(".")[0] for name in imported(MODULES[module]) - harmless}
    assert tops.isdisjoint((NETWORK - MAY_REACH_OUT.get(module, set())) | UNSAFE)


def test_the_exceptions_are_needed():
    for module, libraries in MAY_REACH_OUT.items():
        assert libraries <= {name.split(".")[0] for name in imported(MODULES[module])}


@pytest.mark.parametrize("module", MODULES)
def test_no_room_allows_pickles_or_runs_text(module):
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            assert getattr(node.func, "id", "") not in {"eval", "exec"}
            for keyword in node.keywords:
                if keyword.arg in {"allow_pickle", "safe_mode"}:
                    value = getattr(keyword.value, "value", None)
                    assert value is (keyword.arg == "safe_mode")


def test_importing_the_package_loads_no_heavy_library():
    program = (
        "import sys, aigc_utils; "
        "print(*sorted({'tensorflow', 'keras', 'matplotlib', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.strip() == ""


def test_importing_the_package_loads_nothing_but_the_standard_library():
    # Which is why it takes a hundredth of a second; `make bench-interactive` measures it.
    program = (
        "import sys; before = set(sys.modules); import aigc_utils; "
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert set(done.stdout.split()) - set(sys.stdlib_module_names) == {"aigc_utils"}


def test_every_public_function_and_class_says_what_it_does():
    silent = [
        f"{module}.{node.name}"
        for module, path in MODULES.items()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert silent == []
