"""The package's rooms: light to enter, imports one way, nothing dangerous anywhere."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import aigc_utils

PACKAGE = Path(aigc_utils.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if "_data" not in path.parts
}
EVERYTHING = {name.split(".")[0] for name in MODULES}

# Each room and the rooms that it may use. A row longer than this needs a reason in DESIGN.
MAY_USE = {
    "__init__": {"runtime"},
    "files": set(),
    "objectives": set(),
    "postprocess": set(),
    "plots": set(),
    "runtime": {"plots"},  # start() sets the plotting style
    "data": {"files"},
    "models": {"data", "objectives"},
    "metrics": {"data"},
    "sample_metrics": {"metrics"},  # for its Estimate
    "widgets": {"plots"},
    "optimizers": set(),
    "training": {"plots", "files", "optimizers", "runtime"},
    "tokens": {"files"},
    "ngrams": set(),
    "corpora": {"data", "ngrams", "tokens"},
    "checkpoints": {"data", "files", "models", "tokens"},
    "distributed": {"runtime"},
    "recipes": {
        "checkpoints",
        "corpora",
        "data",
        "distributed",
        "files",
        "metrics",
        "models",
        "music",
        "runtime",
        "sample_metrics",
        "tokens",
        "training",
    },
    "families": {
        "checkpoints",
        "data",
        "metrics",
        "models",
        "runtime",
        "sample_metrics",
        "training",
    },
    "checks": {"files"},
    "classroom": {"files"},
    "diagnosis": {"data", "plots", "files", "runtime"},
    "grading": {"__init__", "files"},
    "reports": {"data", "files", "runtime"},
    "safety": {"data"},
    "pretrained": {"runtime"},
    "music": {"files", "plots"},
    "prosody": {"data", "files"},
    "scenarios": {
        "__init__",
        "checkpoints",
        "data",
        "files",
        "metrics",
        "models",
        "music",
        "plots",
        "pretrained",
        "runtime",
        "safety",
        "ngrams",
        "postprocess",
        "prosody",
        "tokens",
    },
    "cli": EVERYTHING,
}
NETWORK = {"urllib", "urllib3", "requests", "socket", "http", "httpx", "aiohttp", "ftplib", "ssl"}
# Whoever names an endpoint of their own wants it to be reached; the module says the rest.
MAY_REACH_OUT = {"pretrained.endpoint": {"urllib", "http"}}
UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def imported(path: Path) -> set[str]:
    """Full names of all that a file imports, in functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inside = path.parent.relative_to(PACKAGE.parent).parts
            base = inside[: len(inside) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def rooms_used(path: Path) -> set[str]:
    """The first-level rooms of ours that a file imports."""
    parts = [name.split(".") for name in imported(path)]
    return {p[1] for p in parts if p[0] == "aigc_utils" and len(p) > 1 and p[1] in EVERYTHING}


@pytest.mark.parametrize("module", MODULES)
def test_a_room_uses_only_the_rooms_below_it(module):
    room = module.split(".")[0]
    assert rooms_used(MODULES[module]) - {room} <= MAY_USE[room]


def test_the_table_has_no_circle_and_no_room_that_is_gone():
    assert set(MAY_USE) == EVERYTHING
    rooms, placed = {r: u - {r} for r, u in MAY_USE.items() if r != "cli"}, set()
    while ready := {r for r, used in rooms.items() if r not in placed and used <= placed}:
        placed |= ready
    assert placed == set(rooms)


def test_the_reader_of_imports_sees_what_it_should():
    # Were it blind, the tests above could not fail.
    assert rooms_used(MODULES["recipes"]) == MAY_USE["recipes"]
    assert "data" in rooms_used(MODULES["models.vae"])
    assert {"plots", "recipes"} <= rooms_used(MODULES["cli"])  # imported inside functions


@pytest.mark.parametrize("module", MODULES)
def test_no_room_imports_the_network_or_a_format_that_runs_code(module):
    tops = {name.split(".")[0] for name in imported(MODULES[module])}
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
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_importing_the_package_takes_less_than_a_fifth_of_a_second():
    program = (
        "import time; t = time.perf_counter(); import aigc_utils; print(time.perf_counter() - t)"
    )
    seconds = [
        float(
            subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
        )
        for _ in range(5)
    ]
    # The least of five is the import itself; the others may have waited for a busy machine.
    assert min(seconds) < 0.2, seconds


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
