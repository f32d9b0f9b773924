"""How tests are written: no wait without a bound, no machine's speed, no generator for several.

A test that waits for ever costs a whole run; one that fails on a busy machine is soon believed by
nobody; one whose numbers hang on which tests ran before it cannot be run alone.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "tests").rglob("*.py"))

WAITING = {"wait", "join", "communicate"}  # without arguments they wait for ever
RUNNING = {"run", "call", "check_call", "check_output"}  # of subprocess
GENERATORS = {"default_rng", "RandomState", "Random"}
CLOCKS = ("seconds", "elapsed", "perf_counter")

# Assertions that look like a machine's speed and are meant: file, function, and why.
MEANT = {
    ("apps/test_video.py", "test_the_file_holds_what_was_asked_for"): "seconds of a film",
    ("apps/test_video.py", "test_webm_holds_the_same_film_in_free_formats"): "seconds of a film",
    (
        "course/reports/test_runs.py",
        "test_a_run_that_takes_too_long_is_stopped_and_says_so",
    ): "less than the cell would have taken",
}


def name_of(node: ast.AST) -> str:
    """The last part of a name such as ``subprocess.run``, or nothing."""
    return getattr(node, "attr", getattr(node, "id", ""))


def has(call: ast.Call, keyword: str) -> bool:
    """Whether a call gives an argument by that name, or may do so by ``**``."""
    return any(k.arg in (keyword, None) for k in call.keywords)


def unbounded_waits(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name = node.func.attr
        if name in WAITING and not node.args and not has(node, "timeout"):
            yield node.lineno, f".{name}() without a timeout"
        runs = name in RUNNING and name_of(node.func.value) == "subprocess"
        if runs and not has(node, "timeout"):
            yield node.lineno, f"subprocess.{name} without a timeout"


def own_deadlines(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node.func) == "settings":
            for keyword in node.keywords:
                if keyword.arg == "deadline":
                    yield node.lineno, "settings(deadline=...): the profile in conftest.py has none"


def shared_generators(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
            name = name_of(node.value.func)
            if name in GENERATORS:
                yield node.lineno, f"a module's {name}: make one in each test"


def speeds(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Assertions that something which is called a time is below a number."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assert):
            continue
        for compared in ast.walk(node.test):
            if isinstance(compared, ast.Compare) and _bounds_a_time(compared):
                yield node.lineno, "asserts a machine's speed"
                break


def _bounds_a_time(compared: ast.Compare) -> bool:
    sides = [compared.left, *compared.comparators]
    for low, operator, high in zip(sides, compared.ops, sides[1:], strict=False):
        if isinstance(operator, ast.Gt | ast.GtE):
            low, high = high, low
        elif not isinstance(operator, ast.Lt | ast.LtE):
            continue
        if _is_time(low) and _is_number(high):
            return True
    return False


def _is_time(node: ast.AST) -> bool:
    names = [name_of(each) for each in ast.walk(node)]
    names += [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
    return any(clock in str(name) for name in names for clock in CLOCKS)


def _is_number(node: ast.AST) -> bool:
    return all(
        isinstance(each, ast.Constant | ast.operator | ast.unaryop | ast.BinOp | ast.UnaryOp)
        for each in ast.walk(node)
    )


def silent_skips(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (name_of(node.value), node.attr) == ("mark", "skip"):
            yield node.lineno, "pytest.mark.skip: say under which condition, with skipif"
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        called = f"{name_of(node.func.value)}.{node.func.attr}"
        said = has(node, "reason") or (called == "pytest.skip" and node.args)
        if called in ("pytest.skip", "mark.skipif") and not said:
            yield node.lineno, f"{called} without a reason"


RULES = [unbounded_waits, own_deadlines, shared_generators, speeds, silent_skips]


def faults(source: str) -> list[tuple[int, str]]:
    """Lines of a test file that break a rule, and which."""
    tree = ast.parse(source)
    return sorted({found for rule in RULES for found in rule(tree)})


@pytest.mark.parametrize(
    "path", FILES, ids=[p.relative_to(ROOT / "tests").as_posix() for p in FILES]
)
def test_a_test_file_keeps_the_rules(path):
    source = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT / "tests").as_posix()
    meant = [
        range(node.lineno, node.end_lineno + 1)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and (name, node.name) in MEANT
    ]
    found = [
        f"{path}:{line}: {what}"
        for line, what in faults(source)
        if "speed" not in what or not any(line in lines for lines in meant)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("name", "function"), MEANT)
def test_what_is_meant_is_still_there(name, function):
    tree = ast.parse((ROOT / "tests" / name).read_text(encoding="utf-8"))
    (found,) = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == function]
    assert list(speeds(found))


@pytest.mark.parametrize(
    ("variables", "code", "words"),
    [
        ({}, 0, "1 passed, 2 skipped, 1 xfailed"),
        ({"AIGC_STRICT": "0"}, 0, "1 passed, 2 skipped, 1 xfailed"),
        ({"AIGC_STRICT": "1"}, 1, "1 failed, 1 passed, 1 xfailed, 1 error"),
        ({"CI": "true"}, 1, "1 failed, 1 passed, 1 xfailed, 1 error"),
    ],
    ids=str,
)
def test_a_skipped_test_fails_where_none_may_pass_unnoticed(variables, code, words, tmp_path):
    (tmp_path / "test_skips.py").write_text(
        "import pytest\n"
        "def test_inside(): pytest.skip('no moon')\n"
        "@pytest.mark.skipif(True, reason='no sun')\n"
        "def test_before(): pass\n"
        "@pytest.mark.xfail\n"
        "def test_known(): assert False\n"
        "def test_fine(): pass\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "AIGC_STRICT")}
    environment |= {"PYTHONPATH": str(ROOT / "tests"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conftest", "test_skips.py"],
        cwd=tmp_path,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stdout
    assert (
        "was skipped, which CI and AIGC_STRICT=1 forbid (Skipped: no moon)" in done.stdout
    ) == bool(code)
    assert (
        "was skipped, which CI and AIGC_STRICT=1 forbid (Skipped: no sun)" in done.stdout
    ) == bool(code)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("p.wait()", ".wait() without"),
        ("p.communicate(input=1)", ".communicate() without"),
        ("t.join()", ".join() without"),
        ("subprocess.run(['true'], check=True)", "subprocess.run without"),
        ("subprocess.check_output(['true'])", "check_output without"),
        ("@settings(max_examples=3, deadline=None)\ndef f(): pass", "deadline"),
        ("RNG = np.random.default_rng(0)", "default_rng"),
        ("assert seconds < 0.2", "speed"),
        ("assert min(seconds) < 0.2, 'slow'", "speed"),
        ("assert 0 < run.total_seconds < 2 * 30", "speed"),
        ("assert 60 > row['seconds_each']", "speed"),
        ("assert time.perf_counter() - begun < 1.5", "speed"),
        ("pytest.skip()", "skip without"),
        ("@pytest.mark.skip\ndef f(): pass", "skipif"),
        ("@pytest.mark.skipif(True)\ndef f(): pass", "skipif without"),
    ],
)
def test_the_rules_see_what_they_forbid(code, words):
    ((_, found),) = faults(code)
    assert words in found


@pytest.mark.parametrize(
    "code",
    [
        "p.wait(30)",
        "', '.join(names)",
        "p.communicate(timeout=3)",
        "subprocess.run(['true'], timeout=9)",
        "box.run(code)",
        "settings(max_examples=3)",
        "def f():\n    rng = np.random.default_rng(0)",
        "IMAGES = np.random.default_rng(0).random((3, 4))",
        "assert card.seconds > 0",
        "assert first.seconds < second.seconds",
        "pytest.skip('needs root')",
        "@pytest.mark.skipif(True, reason='no')\ndef f(): pass",
    ],
)
def test_the_rules_leave_the_rest_alone(code):
    assert faults(code) == []
