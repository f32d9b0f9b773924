"""Parameters cells as people write them, and runs whose parameters are what their records say."""

from __future__ import annotations

import json
import shutil

import nbformat
import pytest
from nbformat import v4

from aigc_course import reports
from aigc_course.reports import parameters, ranges, templates
from aigc_course.reports.parameters import ParameterError, is_seed

UNTYPED = """\
'''Settings of the nightly report.'''
import os
from datetime import date
from pathlib import Path

%matplotlib inline
csv = "demand.csv"  # the input
horizon = 14  # days [calendar days]
alpha = .3  # smoothing [0 to 1]
seasonal = True
products = ["A", "B"]
weights = [1, 0.5]
pair = (1, 2)
day_seconds = 24 * 60 * 60
start = None  # the first day
options = {}
notes = []
folder = Path("data")
x = y = 3
low, high = 0, -10
mode = "fast"  # [one of: fast, slow]
today = date.today()
half = horizon // 2
print(f"over {horizon} days")"""


@pytest.fixture(scope="module")
def untyped():
    return parameters.read_parameters(UNTYPED, "nightly")


@pytest.fixture
def write_cells(tmp_path):
    """A function that writes a notebook of (tags, code) pairs, and gives its template."""

    def write(*cells: tuple[list | str | None, str], name: str = "t.ipynb") -> templates.Template:
        notebook = v4.new_notebook(cells=[v4.new_code_cell(code) for _, code in cells])
        for cell, (tags, _) in zip(notebook.cells, cells, strict=True):
            cell.metadata["tags"] = tags
        (tmp_path / name).write_text(json.dumps(notebook), encoding="utf-8")
        return templates.find_template(str(tmp_path / name))

    return write


def computed(template: templates.Template, **given) -> dict:
    """The variables after all cells of a run with these parameters, in the order of its cells."""
    changed = template.parameters.changed(template.parameters.check(given))
    injections = template.injections(changed)
    variables: dict = {}
    for place, cell in enumerate(template.cells):
        for source in (templates.source_of(cell), injections.get(place, "")):
            exec(source, variables)
    return variables


# ---- types from values ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "annotation", "default", "wanted"),
    [
        ("csv", "str", "demand.csv", "a text, such as 'demand.csv'"),
        ("horizon", "int", 14, "a whole number, such as 14"),
        ("alpha", "float", 0.3, "a number, 0 to 1"),
        ("seasonal", "bool", True, "True or False"),
        ("products", "list[str]", ["A", "B"], "a list of texts, written [A, B]"),
        ("weights", "list[float]", [1.0, 0.5], "a list of numbers"),
        ("pair", "tuple[int, ...]", (1, 2), "a tuple of whole numbers"),
        ("day_seconds", "int", 86400, "a whole number, such as 86400"),
        ("start", "Any", None, "a number, a text, True, False, None"),
        ("options", "dict", {}, "a dict"),
        ("notes", "list", [], "a list of numbers and texts"),
        ("folder", "Path", "data", "a path, such as 'data'"),
        ("y", "int", 3, "a whole number, such as 3"),
        ("high", "int", -10, "a whole number, such as -10"),
        ("mode", "str", "fast", "one of: fast, slow"),
    ],
)
def test_a_type_is_that_of_the_value(untyped, name, annotation, default, wanted):
    parameter = untyped[name]
    assert (parameter.annotation, parameter.default) == (annotation, default)
    assert parameter.wanted.startswith(wanted)


def test_what_is_computed_is_no_parameter_and_help_says_so(untyped, one_sentence):
    assert {"today", "half"} == untyped.computed
    assert "horizon" in untyped
    with pytest.raises(ParameterError) as caught:
        untyped.check({"half": 3})
    one_sentence(caught.value, "half", "computed in nightly")
    text = parameters.parameter_table(untyped)
    assert "horizon: int = 14\n      days [calendar days]. Give a whole number" in text
    assert text.endswith("Computed in the notebook, and no parameters: half, today.")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("start=2026-01-02", "2026-01-02"),
        ("start=5", 5),
        ("start=None", None),
        ("start=[1, 'a']", [1, "a"]),
        ("start=yesterday", "yesterday"),
        ("notes=[1, 2]", [1, 2]),
        ("products=[C]", ["C"]),
        ("alpha=1", 1.0),
        ("horizon=-7", -7),
        ("csv=3", "3"),
        ("folder=3", "3"),
        ("options={'a': None}", {"a": None}),
    ],
)
def test_untyped_parameters_are_given_like_typed_ones(untyped, text, value):
    name = text.partition("=")[0]
    found = ranges.parse_assignments(untyped, [text])[name]
    assert found == value
    assert type(found) is type(value)


def test_wrong_values_are_all_named_with_right_examples(untyped):
    texts = ["horizon=two", "alpha=1.5", "horzon=3", "products=C", "mode=fats", "seasonal=1"]
    with pytest.raises(ParameterError) as caught:
        ranges.parse_assignments(untyped, texts)
    said = str(caught.value)
    assert "horizon is 'two': give a whole number, such as 14." in said
    assert "alpha is '1.5': give a number, 0 to 1." in said or "alpha is 1.5" in said
    assert "'horzon' in nightly: did you mean horizon?" in said
    assert "products is 'C': give a list of texts, written [A, B], such as ['A', 'B']." in said
    assert "mode is 'fats': give one of: fast, slow." in said
    assert len(caught.value.problems) == len(texts)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SEED", 0, True),
        ("seed", 3, True),
        ("Seed", None, True),
        ("RANDOM_SEED", 1, True),
        ("random_state", 1, True),
        ("randomState", 1, True),
        ("RandomState", 1, True),
        ("randomseed", 1, True),
        ("np_seed", 1, True),
        ("SEED_NP", 1, True),
        ("seed2", 1, True),
        ("trainSeed", 1, True),
        ("随机种子", 1, True),
        ("N_SEEDS", 5, False),
        ("num_seed", 5, False),
        ("seed_text", "once", False),
        ("seed", "once", False),
        ("seed", 0.5, False),
        ("use_seed", True, False),
        ("seedling", 1, False),
        ("seed_length", 8, False),
        ("state", 1, False),
        ("EPOCHS", 1, False),
    ],
)
def test_a_seed_is_known_by_any_name(name, value, expected):
    assert is_seed(name, value) is expected


# ---- what runs is what the record says -----------------------------------------------


def test_an_executed_notebook_runs_again_with_what_is_given(write_template, tmp_path):
    template = write_template(
        tmp_path / "t.ipynb", "A: float = 1.0",
        "from aigc_course import reports\nreports.record(a=A)",
    )  # fmt: skip
    first = reports.run(template, {"A": 5}, out=tmp_path / "out")
    shutil.copy(first.folder / "executed.ipynb", tmp_path / "again.ipynb")
    again = reports.run(tmp_path / "again.ipynb", {"A": 7}, out=tmp_path / "out")
    assert (again.parameters["A"], again.results["a"]) == (7, 7)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize("tags", [["injected-parameters"], ["a", "injected-parameters"]])
def test_what_a_past_run_set_is_left_out_wherever_it_stands(write_cells, place, tags):
    cells = [(["parameters"], "A = 1\nB = 2"), ([], "C = A + B"), ([], "D = C")]
    cells.insert(place, (tags, "A = 5"))
    template = write_cells(*cells, (["injected-parameters"], "A = 6"))
    assert computed(template)["D"] == 3
    assert computed(template, A=7)["D"] == 9
    assert (
        template.digest == write_cells(*[c for c in cells if c[0] != tags], name="o.ipynb").digest
    )


def test_a_notebook_that_only_a_past_run_gave_parameters_keeps_them(write_cells):
    template = write_cells((["injected-parameters"], "# Parameters\nA = 5"), ([], "B = A"))
    assert computed(template)["B"] == 5
    assert computed(template, A=7)["B"] == 7


def test_each_of_several_cells_declares_parameters_and_code_between_sees_them(write_cells):
    template = write_cells(
        (["parameters"], "A = 1"), ([], "B = A * 10"), (["parameters"], "C: int = 2  # [1 to 9]"),
        ([], "D = B + C"),
    )  # fmt: skip
    assert list(template.parameters) == ["A", "C"]
    assert computed(template, A=3, C=4)["D"] == 34
    assert computed(template, C=4)["D"] == 14
    twice = write_cells((["parameters"], "A = 1"), (["parameters"], "A: int = 3"))
    with pytest.raises(ValueError, match="A twice"):
        twice.parameters  # noqa: B018


@pytest.mark.parametrize(
    ("cell", "given", "name", "value"),
    [
        ("A = 2\nB = A * 10", {"A": 7}, "B", 70),
        ("A = 2\nB = A * 10\nC = B + 1", {"A": 7}, "C", 71),
        ("A = 2\nif A > 5:\n    B = 1\nelse:\n    B = 0", {"A": 7}, "B", 1),
        ("A = 2\nB = [A + i for i in range(2)]", {"A": 7}, "B", [7, 8]),
        ("A = 'x'\nA = A.upper()", {"A": "y"}, "A", "Y"),
        ("A = 2\nA += 1", {"A": 7}, "A", 8),
        ("A = 2\nC = 5\nB = A * C", {"C": 1}, "B", 2),
        ("A = 2\ndef double(n):\n    return n * A", {"A": 7}, "double", None),
        ("from pathlib import Path\nA = Path('a')\nB = A / 'b'", {"A": "c"}, "B", "c/b"),
        ("import pathlib\nA = pathlib.Path('a')", {"A": "c"}, "A", "c"),
        ("A = B = 3", {"A": 5}, "B", 3),
        ("A, B = 0, 10", {"B": 1}, "B", 1),
        # What is changed, and not set, begins with what it began with.
        ("A = 5\nB = 0\nB += A", {"A": 7}, "B", 7),
        ("A = 5\nB = 0\nB += A", {"B": 1}, "B", 6),
        ("A = 5\nB = 0\nB = B + A", {"A": 7}, "B", 7),
        ("A = 5\nB = []\nB.append(A)", {"A": 7}, "B", [7]),
        ("A = 5\nB = {'a': []}\nB['a'].append(A)", {"A": 7}, "B", {"a": [7]}),
        ("A = 5\nB = {}\nB['n'] = B.get('n', 0) + A", {"A": 7}, "B", {"n": 7}),
        ("A = 5\nB = list()\nfor i in range(2):\n    B.append(A)", {"A": 7}, "B", [7, 7]),
        ("A = 5\nB = []\nlist.append(B, A)", {"A": 7}, "B", [7]),
        ("A = 5\nB = []\nC = B\nC.append(A)", {"A": 7}, "C", [7]),
        ("A = [1, 2]\nA.append(3)", {"A": [4]}, "A", [4, 3]),
        ("import sys\nA = 5\nB = 0\nsys.stdout.write(str(A))\nB += 1", {"A": 7}, "B", 1),
    ],
)
def test_what_the_cell_computes_follows_what_is_given(write_cells, cell, given, name, value):
    found = computed(write_cells((["parameters"], cell), ([], "")), **given)[name]
    if name == "double":
        assert found(2) == 14
    elif isinstance(value, str) and "import" in cell:
        assert type(found).__name__.endswith("Path")
        assert found.as_posix() == value
    else:
        assert found == value


@pytest.mark.parametrize(
    "later",
    [
        "A = 5",
        "A: int = 5",
        "x = 1\nA = 5\nprint(A)",
        "A, b = 5, 6",
        "%time x = 1\nA = 5",
        "for A in range(3):\n    print(A)",
        "with open('x') as A:\n    print(A)",
        "with open('x'):\n    A = 5",
        "import os as A",
        "from os import path as A",
        "if True:\n    A = 5",
        "def A():\n    pass",
        "A = int(os.environ.get('A', 5))",
        'text = """\n!echo\n%d\n"""\nA = 5',
        "A = [a for a in range(3)]",
    ],
)
def test_a_parameter_that_a_later_cell_sets_unread_is_refused(write_cells, later, one_sentence):
    template = write_cells((["parameters"], "A = 1"), ([], "import os"), ([], later))
    with pytest.raises(ValueError, match="Cell 3 of t sets A") as caught:
        template.parameters  # noqa: B018
    one_sentence(caught.value, "remove that line")


@pytest.mark.parametrize(
    "later",
    [
        "A = int(os.environ.get('A', 5))",
        "B = 1\nif B:\n    A = 5",
        "for A in range(3):\n    B = 1",
        "import os as A",
        "A = len('x')",
    ],
)
def test_nor_may_a_second_cell_of_parameters_set_one_of_the_first(write_cells, later, one_sentence):
    template = write_cells((["parameters"], "A = 1"), ([], "import os"), (["parameters"], later))
    with pytest.raises(ValueError, match="Cell 3 of t sets A") as caught:
        template.parameters  # noqa: B018
    one_sentence(caught.value, "remove that line")


def test_cells_that_are_skipped_set_and_read_nothing(write_cells, one_sentence):
    first, skip = (["parameters"], "A = 1"), ["skip-execution"]
    assert "A" in write_cells(first, (skip, "A = 5"), ([], "print(A)")).parameters
    with pytest.raises(ValueError, match="Cell 3 of t sets A") as caught:
        write_cells(first, (skip, "print(A)"), ([], "A = 5")).parameters  # noqa: B018
    one_sentence(caught.value, "remove that line")
    # One that declares parameters runs all the same.
    with pytest.raises(ValueError, match="Cell 2 of t sets A"):
        write_cells(first, (["parameters", *skip], "A = len('x')")).parameters  # noqa: B018


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('A = """a\n%d items\n"""', "a\n%d items\n"),
        ("A = '''\n!echo\n  %s\n'''", "\n!echo\n  %s\n"),
        ("x = (7\n% 4)\nA = 2", 2),
        ("x = 7 \\\n% 4\nA = 2", 2),
        ("A = [\n    1,\n]\n%matplotlib inline", [1]),
        ("!echo it's\n%time x = (1\nA = 2", 2),
        ("!pip install \\\n  a \\\n  b\nA = 2  # [1 to 3]", 2),
        ("if True:\n    %pip list\nA = 2", 2),
    ],
)
def test_a_line_is_a_command_only_where_a_statement_begins(cell, value):
    assert parameters.read_parameters(cell, "t")["A"].default == value


@pytest.mark.parametrize(
    "line",
    [
        "labels = {0: 'cat', 1: 'dog'}",
        "x = [b'a']",
        "x = {'a': [{2: 3}]}",
        "x = [1j]",
        "x = 1e999",
        r"x = '\0'",
        "x = [{'a': {1}}]",
        f"x = '{'a' * 100_001}'",
    ],
)
def test_a_line_whose_value_json_cannot_hold_is_computed_and_refuses_no_notebook(line):
    found = parameters.read_parameters(f"{line}\ntimes = 3", "t")
    assert (list(found), found.computed) == (["times"], {line.split()[0]})


@pytest.mark.parametrize(
    "later",
    [
        "A = A or 5",
        "x = [A for A in range(3)]",
        "def f():\n    A = 5",
        "globals()['A']\nA = 5",
        "print(A)\nA = 5",
        "if not A:\n    A = 5",
        "def f():\n    return A\nA = 5",
        "!echo {A}\nA = 5",
        "%%bash\necho A",
        "df.query('x > @A')\nA = 5",
        "A += 1",
    ],
)
def test_a_parameter_that_is_read_first_may_be_set_anew(write_cells, later):
    assert "A" in write_cells((["parameters"], "A = 1"), ([], later)).parameters


# ---- tags and files as other tools leave them ----------------------------------------


@pytest.mark.parametrize("tags", ["parameters", ["parameters", None], ["parameters", "parameters"]])
def test_tags_that_are_plainly_meant_are_taken(write_cells, tags):
    assert computed(write_cells((tags, "A = 1"), (None, "B = A")), A=2)["B"] == 2


@pytest.mark.parametrize("tags", [7, True, {}, {"parameters": 1}, [["parameters"]], [3], 1.5])
def test_tags_that_are_none_are_named_with_their_cell(write_cells, tags, one_sentence):
    with pytest.raises(ValueError, match="Cell 2") as caught:
        write_cells((None, "x = 1"), (tags, "A = 1"))
    one_sentence(caught.value, "tags", "no list of texts")


def test_a_tag_on_a_cell_that_is_no_code_is_named(tmp_path, one_sentence):
    cells = [v4.new_markdown_cell("A = 1", metadata={"tags": ["parameters"]})]
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "t.ipynb")
    with pytest.raises(ValueError, match="no code") as caught:
        templates.find_template(tmp_path / "t.ipynb").parameters  # noqa: B018
    one_sentence(caught.value, "tag a code cell")


@pytest.mark.parametrize(
    "name", ["x.IPYNB", "报告 1.ipynb", "a" * 200 + ".ipynb", "..ipynb", "-.ipynb"]
)
def test_odd_names_of_files_give_names_of_runs(write_template, tmp_path, name):
    write_template(tmp_path / "t.ipynb", "A = 1").rename(tmp_path / name)
    found = templates.find_template(str(tmp_path / name))
    assert 0 < len(found.name) <= 80
    assert "/" not in found.name
    assert not found.name.startswith((".", "_"))


def test_a_mark_that_windows_puts_in_front_is_read_over(write_template, tmp_path):
    path = write_template(tmp_path / "t.ipynb", "A = 1")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert list(templates.find_template(path).parameters) == ["A"]


@pytest.mark.parametrize(
    "name", ["a\0.ipynb", "x" * 5000 + ".ipynb", "loop.ipynb", "\udcb1.ipynb", "d.ipynb"]
)
def test_what_is_at_no_path_is_refused_in_words(tmp_path, monkeypatch, name, one_sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop.ipynb").symlink_to("loop.ipynb")
    (tmp_path / "d.ipynb").mkdir()
    with pytest.raises(ValueError, match="ipynb") as caught:
        templates.find_template(name[-300:] if len(name) > 300 else name)
    one_sentence(caught.value)


def test_the_courses_names_are_found_from_a_project_with_notebooks_of_its_own(
    write_template, tmp_path, monkeypatch, one_sentence
):
    write_template(tmp_path / "notebooks" / "mine.ipynb", "A = 1")
    write_template(tmp_path / "notebooks" / "vae_run.ipynb", "A = 1")
    monkeypatch.chdir(tmp_path)
    assert templates.find_template("mine").path.parent == tmp_path / "notebooks"
    assert "SCENARIO" in templates.find_template("scenario").parameters
    assert list(templates.find_template("vae_run").parameters) == ["A"]  # the folder at hand first
    with pytest.raises(ValueError, match="no template") as caught:
        templates.find_template("scenariu")
    one_sentence(caught.value, tmp_path / "notebooks", "did you mean scenario")


def test_a_dict_reaches_the_notebook_in_the_order_in_which_it_was_given(write_template, tmp_path):
    template = write_template(
        tmp_path / "settings.ipynb",
        "SETTINGS: dict = {'a': 1, 'b': {'x': 1, 'y': 2}}",
        "from aigc_course import reports\n"
        "reports.record(order=' '.join([*SETTINGS, *SETTINGS['b']]))",
    )
    given = [
        {"a": 1, "b": {"x": 1, "y": 2}},
        {"b": {"y": 2, "x": 1}, "a": 1},
        {"a": 1, "b": {"y": 2, "x": 1}},
    ]
    outcomes = reports.sweep(template, grid={"SETTINGS": given}, out=tmp_path / "out", jobs=1)
    assert [o.run.results["order"] for o in outcomes] == ["a b x y", "b a y x", "a b y x"]
    assert [list(o.run.parameters["SETTINGS"]) for o in outcomes] == [[*"ab"], [*"ba"], [*"ab"]]
    again = reports.run(template, {"SETTINGS": given[1]}, out=tmp_path / "out")
    assert again.record == outcomes[1].run.record
