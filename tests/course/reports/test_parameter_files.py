"""Parameters from files and ranges: read as on the command line, with limits that are said."""

from __future__ import annotations

import itertools

import pytest

from aigc_course import reports
from aigc_course.reports import commands, plans, ranges, templates
from aigc_course.reports.notation import as_text, is_too_large
from aigc_course.reports.parameters import ParameterError

CELL = """\
N: int = 3  # [-1000000000000 to 1000000000000]
RATE: float = 0.5
TEXT: str = "hello"
FLAG: bool = True
SEED: int = 0
WIDTHS: list[int] = [1]
SIZE: int | None = None
ANY = None"""


@pytest.fixture(scope="module")
def template(write_template, tmp_path_factory):
    path = write_template(tmp_path_factory.mktemp("files") / "t.ipynb", CELL, "print(N)")
    return templates.find_template(path)


@pytest.fixture
def file(tmp_path):
    """A function that writes a file of parameters."""

    def write(content: str | bytes, name: str = "p.yaml"):
        content = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


# ---- one run -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("N: 7\nTEXT: x", "p.yaml"),
        ('{"N": 7, "TEXT": "x"}', "p.json"),
        ('{"N":\t7, "TEXT": "x"}', "p.JSON"),
        ("fixed:\n  N: 7\n  TEXT: x", "p.yml"),
        ("- {N: 7, TEXT: x}", "p.yaml"),
        ("\ufeffN: 7\r\nTEXT: x\r\n", "p.yaml"),
        ("N: '7'\nTEXT: \"x\"", "p.txt"),
    ],
)
def test_a_file_gives_the_parameters_of_one_run(template, file, content, name):
    found = plans.parse_run(template, file=file(content, name))
    assert found["N"] == 7
    assert set(found) == set(template.parameters)


def test_what_the_command_line_says_stands_above_the_file(template, file):
    path = file("N: 7\nTEXT: x")
    found = plans.parse_run(template, ["N=8"], path)
    assert (found["N"], found["TEXT"]) == (8, "x")
    (swept,) = plans.parse_sweep(template, ["N=8"], file=file("- {N: 7, TEXT: x}"))
    assert swept == found


def test_all_problems_of_a_file_and_a_line_are_named_with_the_file(template, file):
    path = file("n: 0.2\nRATE: fast\nWIDTHS: [x]\nEXTRA: [1]")
    with pytest.raises(ParameterError) as caught:
        plans.parse_run(template, ["SEED=-1"], path)
    assert len(caught.value.problems) == 5
    assert all("p.yaml" in problem for problem in caught.value.problems[:4])
    assert "did you mean N?" in caught.value.problems[0]
    assert "p.yaml" not in caught.value.problems[4]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("grid: {N: [1, 2]}", ["grid", "aigc sweep"]),
        ("- {N: 1}\n- {N: 2}", ["2 runs", "aigc sweep"]),
        ("", ["nothing to run"]),
        ("{}", ["nothing to run"]),
        ("fixed: {}", ["nothing to run"]),
        ("3", ["nothing to run"]),
        ("[[1]]", ["nothing to run"]),
    ],
)
def test_a_file_of_no_run_or_of_many_is_refused(template, file, content, words, one_sentence):
    with pytest.raises(ValueError, match=r"p\.yaml") as caught:
        plans.parse_run(template, file=file(content))
    one_sentence(caught.value, *words)


@pytest.mark.parametrize("coding", ["utf-16", "latin-1"])
def test_a_file_that_is_not_utf_8_is_told_how_to_save_it(template, file, coding, one_sentence):
    for name in ("p.yaml", "p.json"):
        path = file('{"TEXT": "é"}'.encode(coding), name)
        with pytest.raises(ValueError, match="not written in UTF-8") as caught:
            plans.parse_sweep(template, file=path)
        one_sentence(caught.value, path, "save it anew")


def test_a_template_that_is_not_utf_8_is_told_how_to_save_it(
    write_template, tmp_path, one_sentence
):
    path = write_template(tmp_path / "w.ipynb", "A = 1")
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-16")
    with pytest.raises(ValueError, match="not written in UTF-8") as caught:
        templates.find_template(path)
    one_sentence(caught.value, path)


def test_a_name_that_is_also_one_of_the_course_is_told_apart(write_template, tmp_path, monkeypatch):
    for name in ("reports/vae_run", "mine"):
        write_template(tmp_path / "notebooks" / f"{name}.ipynb", "A = 1")
    monkeypatch.chdir(tmp_path)
    said = []
    for name in ("vae_run", "reports/vae_run", "mine", "compare_runs", "notebooks/mine.ipynb"):
        assert commands._found(name, True, said.append).path.is_file()
        assert said == []  # JSON for a program
        commands._found(name, False, said.append)
        hides = "vae_run" in name
        assert ["notebooks/reports/vae_run.ipynb" in line for line in said] == [True] * hides
        said.clear()


def test_a_parameter_may_be_called_grid(write_template, tmp_path, file):
    path = write_template(tmp_path / "g.ipynb", "grid = 1\nfixed = 2")
    found = plans.parse_run(templates.find_template(path), file=file("grid: 5\nfixed: 6"))
    assert found == {"grid": 5, "fixed": 6}


# ---- the same text, the same value ---------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("N", "010"),
        ("N", "-010"),
        ("N", "1_000"),
        ("N", "+5"),
        ("N", "0"),
        ("RATE", "1e-3"),
        ("RATE", "1e3"),
        ("RATE", ".5"),
        ("RATE", "5."),
        ("RATE", "010"),
        ("TEXT", "no"),
        ("TEXT", "2026-01-02"),
        ("TEXT", "12:30"),
        ("TEXT", "0123"),
        ("TEXT", "on"),
        ("TEXT", "1_000"),
        ("TEXT", "0x1F"),
        ("FLAG", "false"),
        ("SIZE", "null"),
        ("SIZE", "7"),
        ("ANY", "no"),
        ("ANY", "12"),
    ],
)
def test_a_file_means_what_a_command_line_means(template, file, name, text):
    said = ranges.parse_assignments(template.parameters, [f"{name}={text}"])[name]
    for content in (f"{name}: {text}", f"- {{{name}: {text}}}"):
        written = plans.parse_run(template, file=file(content))[name]
        assert written == said
        assert type(written) is type(said)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("N", "0x1F"), ("N", "12:30"), ("N", "1.0"), ("N", "no"), ("N", "１２"), ("N", "1e3"),
        ("RATE", ".inf"), ("RATE", "nan"), ("RATE", "1:30"), ("RATE", "０.５"),
        ("FLAG", "yes"), ("FLAG", "on"), ("FLAG", "1"),
        ("WIDTHS", "3"), ("SIZE", "~x"),
    ],
)  # fmt: skip
def test_a_file_refuses_what_a_command_line_refuses(template, file, name, text, one_sentence):
    with pytest.raises(ParameterError):
        ranges.parse_assignments(template.parameters, [f"{name}={text}"])
    with pytest.raises(ParameterError, match=f"{name} is") as caught:
        plans.parse_run(template, file=file(f"{name}: {text}"))
    one_sentence(caught.value, "p.yaml", "give")


@pytest.mark.parametrize("text", ["3", "1.10", "true", "~", "", "null"])
def test_a_text_that_yaml_reads_as_another_thing_is_to_be_quoted(
    template, file, text, one_sentence
):
    with pytest.raises(ParameterError, match="TEXT is") as caught:
        plans.parse_run(template, file=file(f"TEXT: {text}"))
    one_sentence(caught.value, "a text, in quotes")
    assert plans.parse_run(template, file=file(f"TEXT: '{text}'"))["TEXT"] == text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("N: 1\nN: 2", ["'N' stands there twice", "line 2"]),
        ("- {N: 1, TEXT: a, N: 2}", ["'N' stands there twice"]),
        ("grid:\n  N: [1]\ngrid:\n  N: [2]", ["'grid' stands there twice"]),
        ("'N': 1\nN: 2", ["'N' stands there twice"]),
        ("a: b: c", ["second colon", "line 1, column 5"]),
        ("N: [1", ["a bracket [ is not closed", "line 1"]),
        ("N: 1\nTEXT: {a: 1", ["a brace { is not closed", "line 2"]),
        ("N: 1\nTEXT: 'a", ["a quote is not closed", "line 2"]),
        ("N: 1\n TEXT: a\n", ["second colon", "line 2"]),
        ("N:\n  - 1\n - 2\n", ["indented unlike", "line 3"]),
        ("N: *a", ["without its &NAME", "line 1"]),
        ("TEXT: @home", ["cannot begin a value", "line 1, column 7"]),
        ("!!python/object/apply:os.system ['true']", ["only plain values are read"]),
        ("--- {N: 1}\n--- {N: 2}", ["several documents"]),
        ("a: &a [*a]", ["holds itself", "line 1"]),
        ("? [1, 2]\n: 3", ["cannot be read"]),
        ("N: 1\n\tTEXT: a", ["a tab", "line 2, column 1"]),
        ("N: !!int x", ["cannot be read"]),
        ("d: !!timestamp 2020-99-99", ["cannot be read"]),
        (b"N: \xff", ["not written in UTF-8", "save it anew as UTF-8"]),
        ("N: 7".encode("utf-16"), ["not written in UTF-8"]),
        ("N: \x01", ["control character U+0001"]),
        ("[" * 30_000, ["100 levels"]),
        ("- " * 30_000 + "x", ["100 levels"]),
        ("? " * 3_000 + "x", ["100 levels"]),
        ("N: 1\n" * 300_000, ["1,500,000 bytes", "1,048,576"]),
        ("N: " + "x" * 200_000, ["100,000"]),
    ],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
def test_a_file_that_cannot_be_trusted_is_refused_in_words(
    template, file, content, words, one_sentence
):
    with pytest.raises(ValueError, match=r"p\.yaml") as caught:
        plans.parse_run(template, file=file(content))
    one_sentence(caught.value, *words)


@pytest.mark.parametrize(
    "content", ['{"N": 1, "N": 2}', '{"RATE": NaN}', "{'N': 1}", '{"N":' * 9_000]
)
def test_json_is_read_strictly_too(template, file, content, one_sentence):
    with pytest.raises(ValueError, match=r"p\.json cannot be read") as caught:
        plans.parse_run(template, file=file(content, "p.json"))
    one_sentence(caught.value)


def test_aliases_are_read_but_do_not_multiply(template, file, one_sentence):
    shared = "- &base {N: 1, RATE: 0.25}\n- {<<: *base, N: 2}\n- {<<: [*base], TEXT: x}"
    found = plans.parse_sweep(template, file=file(shared))
    assert [(s["N"], s["RATE"], s["TEXT"]) for s in found] == [
        (1, 0.25, "hello"), (2, 0.25, "hello"), (1, 0.25, "x"),
    ]  # fmt: skip
    lines = ["grid:", "  a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    with pytest.raises(ValueError, match="aliases") as caught:
        plans.parse_sweep(template, file=file("\n".join(lines)))
    one_sentence(caught.value, "100,000")


@pytest.mark.parametrize("name", ["gone.yaml", ".", "a\0b", "x" * 200])
def test_a_file_that_is_not_there_is_named(template, tmp_path, name, one_sentence):
    with pytest.raises(ValueError, match="file") as caught:
        plans.parse_sweep(template, file=tmp_path / name)
    one_sentence(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("grid: {}", ["empty grid"]),
        ("grid:", ["empty grid"]),
        ("grid: {N: []}", ["N has no value"]),
        ("{}", ["nothing to run"]),
        ("fixed:", ["nothing to run"]),
        ("gird: {N: [1]}", ["did you mean grid"]),
        ("grids: {N: [1]}\nfixed: {}", ["did you mean grid"]),
        ("base: {N: 1}\nfixed: {N: 1}\ngrid: {}", ["nothing to run (it has 'base')"]),
        ("grid: [N]", ["nothing to run"]),
        ("- [1, 2]", ["nothing to run"]),
        ("grid: {N: '1,2'}", ["N is '1,2'"]),
        ("grid: {N: [2, 2.0]}", ["N is 2.0"]),
        ("grid: {N: [2, '2']}", ["N has 2 more than once"]),
        ("fixed: {N: 1}\ngrid: {N: [2, 3]}", ["N is in the grid and among"]),
    ],
)
def test_a_sweep_of_nothing_or_of_slips_is_refused(template, file, content, words, one_sentence):
    with pytest.raises(ValueError, match=r"p\.yaml|^N (is in|has no value)") as caught:
        plans.parse_sweep(template, file=file(content))
    one_sentence(caught.value, *words)


# ---- ranges --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("SEED=0:9", [*range(10)]),
        ("SEED=5:5", [5]),
        ("N=0:10:2", [0, 2, 4, 6, 8, 10]),
        ("N=0:10:4", [0, 4, 8]),
        ("N=3:-3:-2", [3, 1, -1, -3]),
        ("N=-2:1", [-2, -1, 0, 1]),
        ("N=1, 4:6 ,9", [1, 4, 5, 6, 9]),
        ("RATE=0.1:0.5:0.1", [0.1, 0.2, 0.3, 0.4, 0.5]),
        ("RATE=1:3", [1.0, 2.0, 3.0]),
        ("RATE=1e-1:0.3:.1", [0.1, 0.2, 0.3]),
        ("SIZE=None,1:3", [None, 1, 2, 3]),
        ("TEXT=0:9", ["0:9"]),
        ("TEXT=12:30,a:b", ["12:30", "a:b"]),
        ("ANY=0:2", ["0:2"]),
        ("WIDTHS=[1],[2]", [[1], [2]]),
    ],
)
def test_a_grid_takes_ranges_of_numbers(template, text, values):
    (found,) = ranges.parse_grid(template.parameters, [text]).values()
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SEED=9:0", ["'9:0'", "FIRST:LAST:STEP"]),
        ("N=0:9:-1", ["'0:9:-1'"]),
        ("N=0:9:0", ["'0:9:0'"]),
        ("N=0:1000000000", ["at most 10,000"]),
        ("RATE=0:1:1e-300", ["at most 10,000"]),
        ("SEED=-1:1", ["SEED is -1", "0 to"]),
        ("N=0:1:0.5", ["N is '0.5'"]),
        ("N=0:", ["N is '0:'"]),
        ("N=:9", ["N is ':9'"]),
        ("N=a:b", ["N is 'a:b'"]),
        ("N=1:2:3:4", ["N is '1:2:3:4'"]),
        ("N=０:９", ["N is '０:９'"]),
    ],
)
def test_a_range_that_is_none_is_refused(template, text, words, one_sentence):
    with pytest.raises(ParameterError) as caught:
        ranges.parse_grid(template.parameters, [text])
    one_sentence(caught.value, *words)


def test_a_file_has_ranges_in_its_grid_only(template, file):
    found = plans.parse_sweep(template, file=file("grid: {SEED: '0:2', N: [1, 5:7], TEXT: 1:2}"))
    assert len(found) == 3 * 4
    assert {values["TEXT"] for values in found} == {"1:2"}
    with pytest.raises(ParameterError, match="SEED is '0:2'"):
        plans.parse_sweep(template, file=file("- {SEED: 0:2}"))


@pytest.mark.parametrize(
    "text", ["N=2,2", "RATE=2,2.0,2e0", "SEED=0:4,3", "TEXT=a,a", "SIZE=None,null"]
)
def test_equal_values_in_a_grid_are_said(template, text, one_sentence):
    with pytest.raises(ParameterError, match="more than once") as caught:
        plans.parse_sweep(template, grid=[text])
    one_sentence(caught.value, text.partition("=")[0])


# ---- limits that are said ------------------------------------------------------------


def test_a_sweep_of_a_million_runs_is_refused_at_once(template, file, one_sentence, tmp_path):
    many = ",".join(map(str, range(100)))
    for call in (
        lambda: plans.parse_sweep(template, grid=[f"{n}={many}" for n in ("N", "SEED", "RATE")]),
        lambda: plans.parse_sweep(template, grid=["N=0:999", "SEED=0:999"]),
        lambda: reports.sweep(template.path, grid={"N": range(10**12)}, out=tmp_path / "out"),
        lambda: reports.sweep(template.path, grid={"N": itertools.count()}, out=tmp_path / "out"),
        lambda: reports.sweep(template.path, ({"N": n} for n in itertools.count())),
    ):
        with pytest.raises(ValueError, match="at most 10,000") as caught:
            call()
        one_sentence(caught.value, "runs")
    assert not (tmp_path / "out").exists()


def test_a_plan_may_have_the_most_runs(template):
    assert len(plans.combine(template, grid={"N": range(100), "SEED": range(100)})) == 10_000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TEXT", "x" * 100_001),
        ("ANY", [0] * 1_000_000),
        ("ANY", {"a": ["x" * 60_000, "y" * 60_000]}),
        ("WIDTHS", [1] * 200_000),
    ],
)
def test_a_value_that_is_too_large_is_refused_with_the_limit(template, name, value, one_sentence):
    with pytest.raises(ParameterError) as caught:
        template.parameters.check({name: value})
    one_sentence(caught.value, name, "100,000 characters")
    assert is_too_large(value)


def test_a_value_that_holds_itself_is_too_large(template, one_sentence):
    value: list = []
    value.append(value)
    with pytest.raises(ParameterError) as caught:
        template.parameters.check({"ANY": value})
    one_sentence(caught.value, "ANY")


def test_the_longest_text_is_taken_and_shown_short(template):
    longest = "x" * 100_000
    assert template.parameters.check({"TEXT": longest})["TEXT"] == longest
    assert as_text(longest).endswith("... (100,000 characters)")
    assert len(as_text(longest)) < 300


def test_of_ten_thousand_problems_some_are_shown_and_all_counted(template):
    with pytest.raises(ParameterError) as caught:
        plans.combine(template, grid={"N": [f"x{i}" for i in range(5000)]})
    assert len(caught.value.problems) == 5000
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "There are 4,980 more such problems: mend these first."
