"""`make mutants`: which faults it makes and which not, and that it sees what tests notice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tools():
    """The modules of the tool, from tools/."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools")
        import mutants
        import mutations
        import trials

        yield mutants, mutations, trials
    for name in ("mutants", "mutations", "trials"):
        del sys.modules[name]


def texts(tools, source: str) -> list[tuple[str, str]]:
    return [(m.kind, str(m)) for m in tools[1].mutations(source.encode())]


@pytest.mark.parametrize(
    ("source", "kind", "changes"),
    [
        ("x = a < b", "comparison", ["a < b -> (a <= b)", "a < b -> (a >= b)"]),
        ("x = a in b", "comparison", ["a in b -> (a not in b)"]),
        ("x = a + b", "arithmetic", ["a + b -> (a - b)"]),
        ("x += 1.0", "arithmetic", ["x += 1.0 -> x -= 1.0"]),
        ("x = 3", "constant", ["3 -> 4"]),
        ("x = 0.5", "constant", ["0.5 -> 0.75"]),
        ("x = 0.0", "constant", ["0.0 -> 1.0"]),
        ("x = True", "constant", ["True -> False"]),
        ("x = a and b", "boolean", ["a and b -> (a or b)"]),
        ("if a: b", "boolean", ["a -> (not a)"]),
        ("x = not a", "not removed", ["not a -> a"]),
        ("def f():\n    return a", "return", ["return a -> return None"]),
        ("x = f(a, b=c)", "argument", ["f(a, b=c) -> f(a)"]),
        ("x = f(a, b)", "argument", ["f(a, b) -> f(a)"]),
        ("f(a)", "statement", ["f(a) -> pass"]),
        ("a.b = c", "statement", ["a.b = c -> pass"]),
        ("raise ValueError('no')", "statement", ["raise ValueError('no') -> pass"]),
    ],
)
def test_each_kind_of_fault_is_made(source, kind, changes, tools):
    assert [text for found, text in texts(tools, source) if found == kind] == changes


@pytest.mark.parametrize(
    "source",
    [
        '"""Says 3 < 4."""',
        "def f(a: int = b) -> Literal[3]:\n    '''3 < 4.'''",
        "x: Annotated[int, Field(gt=3)]",
        "@cache(maxsize=3)\ndef f(): g",
        "def __repr__(self):\n    return 3 + 4",
        "x = f'{3 + 4}'",
        "x = 'a' + b",
        "x = folder / name",
        "from a import b",
        "__all__ = [f(3)]",
        "return_value = None",
    ],
)
def test_what_no_test_should_notice_is_left_alone(source, tools):
    assert texts(tools, source) == []


def test_the_text_of_an_error_is_left_alone_and_its_condition_is_not(tools):
    source = "if a < 3:\n    raise ValueError(f(a + 1, 4))"
    kinds = Counter(kind for kind, _ in texts(tools, source))
    assert kinds == {"comparison": 2, "constant": 1, "statement": 1}


def test_a_fault_changes_its_own_text_alone_also_after_other_alphabets(tools):
    source = "a = '金矿'; b = c < d\ne = 1\n"
    changed = tools[1].mutations(source.encode())[0].apply(source.encode()).decode()
    assert changed == "a = '金矿'; b = (c <= d)\ne = 1\n"


def test_every_fault_of_the_core_is_python(tools):
    mutants, mutations, _ = tools
    for name in mutants.core_files():
        source = (ROOT / name).read_bytes()
        for mutation in mutations.mutations(source)[::7]:
            compile(mutation.apply(source), name, "exec")


def test_the_same_seed_draws_the_same_and_no_file_crowds_out_the_rest(tools):
    mutants, mutations, _ = tools
    sites = {n: mutations.mutations((ROOT / n).read_bytes()) for n in mutants.core_files()}
    drawn = mutations.sample(sites, 200, seed=0)
    assert drawn == mutations.sample(sites, 200, seed=0)
    assert drawn != mutations.sample(sites, 200, seed=1)
    assert len(set(drawn)) == 200
    files = Counter(name for name, _ in drawn)
    assert max(files.values()) <= 12
    assert len(files) > len(sites) / 2
    assert len({mutation.kind for _, mutation in drawn}) == 8
    assert len(mutations.sample({"a": sites["aigc_utils/files.py"][:3]}, 200, seed=0)) == 3


def test_every_core_file_has_tests(tools):
    names = tools[0].core_files()
    assert len(names) > 40
    assert [name for name in names if not tools[0].files_testing(name)] == []


def test_what_is_listed_as_equivalent_is_a_fault_that_is_made(tools):
    mutants, mutations, _ = tools
    for entry in mutants.equivalents():
        assert set(entry) == {"file", "line", "mutation", "why"}
        source = (ROOT / entry["file"]).read_bytes()
        made = {(mutants.line_of(entry["file"], m), str(m)) for m in mutations.mutations(source)}
        assert (entry["line"], entry["mutation"]) in made, entry


CODE = """
def at_least(x, y):
    return x >= y


def unseen(x):
    return x + 1


def forever(x):
    while x > 0:
        x -= 1
    return True
"""
TESTS = """
import code_of_ours as ours
import pytest

def test_it():
    assert ours.at_least(2, 1) and not ours.at_least(1, 2)

@pytest.mark.slow
def test_equal():
    assert ours.at_least(1, 1)

def test_it_ends():
    assert ours.forever(3)

def test_that_fails_anyway():
    assert False
"""


FAULTS = (
    "x >= y -> (x < y)",
    "x >= y -> (x > y)",
    "x + 1 -> (x - 1)",
    "x -= 1 -> pass",
    "return True -> return None",
)
# In a process of its own, as the tool is: this one has threads, which a fork would lose.
TRY_ALL = """
import json, sys
from pathlib import Path
import pytest
import mutations, trials
trials.copy_of_checkout, trials.WAIT = (lambda target: None), 20
folder, code = Path(sys.argv[1]), "code_of_ours.py"
trial = trials.Trial(folder)
found = {
    str(m): trial.verdict(code, ("test_ours.py",), m)
    for m in mutations.mutations((trial.copy / code).read_bytes())
    if str(m) in sys.argv[2:]
}
print(json.dumps(found))
"""


@pytest.mark.slow
def test_faults_are_killed_survive_or_never_end(tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "code_of_ours.py").write_text(CODE)
    (copy / "test_ours.py").write_text(TESTS)
    (copy / "pytest.ini").write_text("[pytest]\nmarkers = slow\n  browser\n")
    done = subprocess.run(
        [sys.executable, "-c", TRY_ALL, str(tmp_path), *FAULTS],
        env=os.environ | {"PYTHONPATH": str(ROOT / "tools"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["x >= y -> (x < y)"] == {"outcome": "killed", "by": "test_ours.py::test_it"}
    assert found["x >= y -> (x > y)"] == {"outcome": "killed", "by": "test_ours.py::test_equal"}
    assert found["x + 1 -> (x - 1)"] == {"outcome": "survived", "by": ""}
    assert found["x -= 1 -> pass"]["outcome"] == "timeout"
    assert found["return True -> return None"]["by"] == "test_ours.py::test_it_ends"
    assert (copy / "code_of_ours.py").read_text() == CODE


def test_the_table_counts_without_what_is_equivalent(tools):
    row = {"file": "a.py", "line": 3, "kind": "constant", "text": "x = 1", "mutation": "1 -> 2"}
    outcomes = ["killed", "killed", "timeout", "survived", "equivalent"]
    table = tools[0].table([row | {"outcome": outcome, "by": ""} for outcome in outcomes])
    assert "3 of 4 that are not equivalent were noticed: 75%." in table
    assert "a.py:3: constant, survived\n    x = 1\n    1 -> 2" in table
