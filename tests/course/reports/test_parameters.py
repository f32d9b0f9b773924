"""Typed parameters: what a cell says is what is taken, and all else is refused in words."""

from __future__ import annotations

import os
import string

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aigc_course import reports
from aigc_course.reports import commands, parameters, ranges, templates
from aigc_course.reports.notation import shown, split
from aigc_course.reports.parameters import ParameterError

ALL_KINDS = """\
\"\"\"A remark.\"\"\"
from typing import Literal

# A comment of its own.
PROFILE: str = "cpu"  # smoke, cpu or full
SEED: int = 0  # of everything
LATENT_DIM: int = 16  # latent dimensions [1 to 512]
RATE: float = 0.004  # the peak [more than 0 and at most 1]
DECODER: str = "bernoulli"  # of a pixel [one of: bernoulli, gaussian]
KIND: Literal["a", "b", 3] = "a"
WIDTHS: list[int] = [
    256,
    128,
]  # of the hidden layers [each 1 to 4096]
NAMES: tuple[str, ...] = ("x", "y")
WARM: bool = True  # whether to begin slowly
LIMIT: "int | None" = None  # at most so many [at least 1]
COUNTS: dict = {"a": (12, 20)}
SHARES: dict[str, float] = {"a": 0.5}  # [each 0 to 1]
TITLE: str = "Report"  # a text; in intensity (0 to 1)"""


@pytest.fixture(scope="module")
def declared():
    return parameters.read_parameters(ALL_KINDS, "t")


@pytest.fixture(scope="module")
def template(write_template, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    return write_template(folder / "kinds.ipynb", ALL_KINDS, "print(1)")


# ---- reading a cell ------------------------------------------------------------------


def test_a_cell_is_read_with_types_defaults_help_and_limits(declared):
    assert list(declared)[:3] == ["PROFILE", "SEED", "LATENT_DIM"]
    latent = declared["LATENT_DIM"]
    assert (latent.annotation, latent.default, latent.help) == ("int", 16, "latent dimensions")
    assert latent.wanted == "a whole number, 1 to 512"
    assert declared["WIDTHS"].default == [256, 128]
    assert declared["WIDTHS"].wanted.startswith("a list of whole numbers, each 1 to 4096")
    assert declared["RATE"].wanted == "a number, more than 0 and at most 1"
    assert declared["DECODER"].wanted == "one of: bernoulli, gaussian"
    assert declared["TITLE"].wanted == "a text"  # round brackets limit nothing
    assert declared["LIMIT"].wanted == "a whole number, at least 1, or None"


def test_profile_and_seed_mean_the_same_in_every_notebook(declared):
    assert declared["PROFILE"].wanted == "one of: smoke, cpu, full"
    assert declared["SEED"].wanted == "a whole number, 0 to 4294967295"


def test_every_notebook_of_the_course_is_a_template():
    folder = templates.find_template("vae_run").path.parents[1]
    paths = [p for p in sorted(folder.rglob("*.ipynb")) if ".ipynb_checkpoints" not in p.parts]
    assert len(paths) >= 12
    for path in paths:
        declared = templates.find_template(str(path)).parameters
        assert declared.check({"PROFILE": "smoke", "SEED": 1})["PROFILE"] == "smoke"
        with pytest.raises(ParameterError, match="PROFILE"):
            declared.check({"PROFILE": "fast"})


def test_nothing_in_the_cell_is_executed(tmp_path):
    (tmp_path / "kept").write_text("x")
    source = f"A: int = __import__('os').unlink({str(tmp_path / 'kept')!r})"
    with pytest.raises(ValueError, match="A no plain value"):
        parameters.read_parameters(source, "t")
    source = f"A: __import__('os').unlink({str(tmp_path / 'kept')!r}) = 1"
    with pytest.raises(ValueError, match="cannot be checked"):
        parameters.read_parameters(source, "t")
    assert (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x: int", ["line 1", "give it a value"]),
        ("x: int = f()", ["x", "plain value"]),
        ("x: int = 3  # a [1 too 3]", ["x", "[1 too 3]", "[A to B]"]),
        ("x: int = 3  # a [at least 1 and]", ["x", "cannot be read"]),
        ("x: int = 3  # a [1_ to 3.3.3]", ["x", "no number"]),
        ("x: str = 'a'  # [one of: a,, b]", ["x", "empty choice"]),
        ("x: int = 3  # [one of: a, b]", ["x", "choice"]),
        ("x: foo = 3", ["x", "foo", "bool, int"]),
        ("x: int | str = 3", ["x", "int | str"]),
        ("x: 'int[' = 3", ["x", "'int['", "not Python"]),
        ("x: list['int['] = [3]", ["x", "'int['", "not Python"]),
        ("x: Literal[f(1)] = 1", ["x", "f(1)", "numbers and texts"]),
        ("x: Literal['a', b] = 'a'", ["x", "('a', b)", "numbers and texts"]),
        ("x: list[int] = [1]  # [1 to 2]", ["x", "each 1 to 2"]),
        ("x: list = [1]  # [each 1 to 2]", ["x", "list[...]"]),
        ("x: int = 1  # [each 1 to 2]", ["x", "each"]),
        ("x: int = 0  # [1 to 2]", ["x is 0", "1 to 2"]),
        ("x: int = 1.5", ["x is 1.5", "whole number"]),
        ("x: str = 'a'  # [1 to 2]", ["x", "[one of: A, B]"]),
        ("x: int = 1  # [a path]", ["x is a whole number", "no such limit"]),
        ("x: int = (", ["not Python"]),
        ("x: int = 1\nx: int = 2", ["x twice"]),
        ("x: int = 1\nx = 2", ["x twice"]),
        ("x = 1\ny: bool = True\nif y:\n    x = 5", ["x again", "line 3"]),
        ("x = 1\nfor x in range(3):\n    pass", ["x again", "line 2"]),
        ("x: Annotated[int, '1 to 3'] = 4", ["x is 4", "1 to 3"]),
        ("x: Annotated[int, Gt(3)] = 4", ["x", "Gt(3)", "'1 to 9'"]),
        ("x: Annotated[int, '1 to 3'] = 2  # [1 to 5]", ["x", "none in the comment"]),
        ("x: list[int] = []  # [1 to 3 items, each 0 to 9]", ["x is []", "1 to 3 whole numbers"]),
        ("x: int = 1  # [1 to 3 items]", ["x", "items"]),
        ("x: int = 1  # [an application]", ["x is a whole number"]),
        ("x: float = 1.0  # [0, or 5 to 9]", ["x is 1.0", "0, or 5 to 9"]),
        ("x: Any = 1  # [1 to 3]", ["x", "anything"]),
        ("x: str = 'a'  # [a result of RUNS]", ["x", "RUNS", "no parameter"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_cell_that_cannot_be_trusted_is_refused(source, words, one_sentence):
    with pytest.raises(ValueError, match="parameters cell") as caught:
        parameters.read_parameters(source, "my_template")
    one_sentence(caught.value, "my_template", *words)


def test_a_template_without_a_parameters_cell_takes_none(write_template, tmp_path, one_sentence):
    path = write_template(tmp_path / "none.ipynb", None, "print(1)")
    with pytest.raises(ParameterError) as caught:
        templates.find_template(path).parameters.check({"A": 1})
    one_sentence(caught.value, "'A'", "tag `parameters`", "JupyterLab", "VS Code")


# ---- values --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "given_value", "taken"),
    [
        ("RATE", 1, 1.0),
        ("WIDTHS", (1, 2), [1, 2]),
        ("NAMES", ["a"], ("a",)),
        ("LIMIT", None, None),
        ("LIMIT", 5, 5),
        ("KIND", 3, 3),
        ("SHARES", {"b": 1}, {"b": 1.0}),
        ("COUNTS", {"b": [1, None, "x", True]}, {"b": [1, None, "x", True]}),
        ("TITLE", "<script>", "<script>"),
        ("TITLE", "../../x", "../../x"),
    ],
)
def test_good_values_are_taken(declared, name, given_value, taken):
    full = declared.check({name: given_value})
    assert full[name] == taken
    assert type(full[name]) is type(taken)
    assert set(full) == set(declared)


def test_numpy_values_are_taken_as_the_numbers_they_are(declared):
    import numpy as np

    full = declared.check(
        {"LATENT_DIM": np.int64(3), "RATE": np.float32(0.5), "WIDTHS": np.arange(1, 3)}
    )
    assert (full["LATENT_DIM"], full["RATE"], full["WIDTHS"]) == (3, 0.5, [1, 2])
    assert type(full["LATENT_DIM"]) is int


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("LATENT_DIM=8", 8),
        ("RATE=1e-3", 0.001),
        ("WARM=false", False),
        ("LIMIT=None", None),
        ("LIMIT=7", 7),
        ("KIND=3", 3),
        ("WIDTHS=[64, 32,]", [64, 32]),
        ("WIDTHS=[]", []),
        ("NAMES=(a,'b,c')", ("a", "b,c")),
        ("COUNTS={'a': (1, 2)}", {"a": (1, 2)}),
        ('COUNTS={"a": null}', {"a": None}),
        ("TITLE=a=b", "a=b"),
        ("TITLE='quoted'", "'quoted'"),
        ("TITLE=", ""),
        ("TITLE=3", "3"),
    ],
)
def test_texts_of_the_command_line_are_read_by_their_type(declared, text, value):
    name = text.partition("=")[0]
    assert ranges.parse_assignments(declared, [text]) == {name: value}


@pytest.mark.parametrize("text", ["WIDTHS=[8,'8']", 'WIDTHS=["8"]', "LATENT_DIM='8'"])
def test_a_number_in_quotes_is_a_text(declared, text, one_sentence):
    with pytest.raises(ParameterError) as caught:
        ranges.parse_assignments(declared, [text])
    one_sentence(caught.value, text.partition("=")[0], "whole number")
    with pytest.raises(ParameterError):
        ranges.parse_grid(declared, [text])


def test_grids_part_at_commas_outside_brackets_and_quotes(declared):
    texts = ["WIDTHS=[1,2],[3]", "RATE=1,1e-3", "TITLE='a,b',c d, it's", "LIMIT=None,2"]
    assert ranges.parse_grid(declared, texts) == {
        "WIDTHS": [[1, 2], [3]],
        "RATE": [1.0, 0.001],
        "TITLE": ["a,b", "c d", "it's"],
        "LIMIT": [None, 2],
    }


@given(st.lists(st.text("ab1.'é -", max_size=4), min_size=1, max_size=5))
def test_no_character_beside_a_comma_is_lost(parts):
    parts = [part.strip().lstrip("'") for part in parts]  # a quote in front would hide a comma
    assert split(",".join(parts)) == [part.strip() for part in parts]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1,2", ["1", "2"]),
        ("a, b ,c", ["a", "b", "c"]),
        ("", [""]),
        ("a,", ["a", ""]),
        ("[1,2],{'x': (3, 4)}", ["[1,2]", "{'x': (3, 4)}"]),
        ("'a,b',\"c,'d\",e", ["'a,b'", '"c,\'d"', "e"]),
        ("it's,so", ["it's", "so"]),
        ("],1", ["]", "1"]),
    ],
)
def test_texts_part_at_their_outermost_commas(text, parts):
    assert split(text) == parts


def test_a_number_too_long_to_be_printed_is_refused_in_words(declared, one_sentence):
    for name in ("SEED", "RATE", "LIMIT", "COUNTS"):
        value = {"a": 10**5000} if name == "COUNTS" else 10**5000
        with pytest.raises(ParameterError) as caught:
            declared.check({name: value})
        one_sentence(caught.value, name, "very long")


def test_all_problems_are_named_at_once_with_the_nearest_name(declared):
    texts = ["LATNT_DIM=3", "seed=1", "RATE=nan", "WIDTHS=[0]", "QQQ=1", "SEED", "WARM=1", "WARM=2"]
    with pytest.raises(ParameterError) as caught:
        ranges.parse_assignments(declared, texts)
    problems = caught.value.problems
    assert len(problems) == len(texts)
    text = "\n".join(problems)
    assert "'LATNT_DIM' in t: did you mean LATENT_DIM?" in text
    assert "'seed' in t: did you mean SEED?" in text
    assert "'QQQ' in t: choose from PROFILE, SEED" in text
    assert "RATE is nan: give a finite number, more than 0 and at most 1." in text
    assert "WARM is given twice" in text


def test_a_path_is_made_absolute_and_must_exist(tmp_path, monkeypatch, one_sentence):
    source = 'A: str = ""  # [a path]\nB: list[str] = ["../x"]  # folders [each a path]'
    declared = parameters.read_parameters(source, "t")
    assert (declared["A"].default, declared["B"].default) == ("", ["../x"])
    assert declared["A"].wanted == "the path of a file or folder that exists"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    full = ranges.parse_assignments(declared, ["A=here", "B=[here,.]"])
    assert full == {"A": str(tmp_path / "here"), "B": [str(tmp_path / "here"), str(tmp_path)]}
    assert declared.check(full) == full
    assert declared.check({"A": ""})["A"] == ""  # the template's own stays as it is
    for bad in ("gone", "a\0", "x" * 5000, 3):
        with pytest.raises(ParameterError, match="A is") as caught:
            declared.check({"A": bad})
        one_sentence(caught.value, "path")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ('ONE: str = "a.csv"  # [a path]', "a.csv"),
        ('ONE: list[str] = ["a.csv"]  # [each a path]', "[a.csv]"),
    ],
)
def test_a_path_that_is_given_is_one_from_here_even_if_the_template_says_the_same(
    line, text, tmp_path, monkeypatch, one_sentence
):
    declared = parameters.read_parameters(line, "t")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParameterError, match="ONE is") as caught:
        ranges.parse_assignments(declared, [f"ONE={text}"])
    one_sentence(caught.value, "path")
    (tmp_path / "a.csv").write_text("x")
    here = str(tmp_path / "a.csv")
    given_value = ranges.parse_assignments(declared, [f"ONE={text}"])["ONE"]
    assert given_value in (here, [here])
    assert declared.check({})["ONE"] == declared["ONE"].default


# ---- three hundred bad sets ----------------------------------------------------------

not_numbers = st.one_of(
    st.text(max_size=5), st.none(), st.booleans(), st.lists(st.integers(), max_size=2),
    st.sampled_from([object(), 1j, b"x", float("nan"), float("inf"), -float("inf"), {}, set()]),
)  # fmt: skip
not_texts = st.one_of(
    st.integers(), st.floats(), st.none(), st.booleans(),
    st.sampled_from(["\ud800", "a\0b", b"x", ["x"], {"x": 1}]),
)  # fmt: skip
not_whole = st.one_of(not_numbers, st.floats())
BAD = {
    "PROFILE": st.one_of(not_texts, st.text(max_size=9).filter(lambda t: t not in ("smoke", "cpu", "full"))),
    "SEED": st.one_of(not_whole, st.integers(max_value=-1), st.integers(min_value=2**32)),
    "LATENT_DIM": st.one_of(not_whole, st.integers(max_value=0), st.integers(min_value=513)),
    "RATE": st.one_of(not_numbers, st.floats(max_value=0), st.floats(min_value=1.0001), st.just(10**400)),
    "DECODER": st.one_of(not_texts, st.text(max_size=9).filter(lambda t: t not in ("bernoulli", "gaussian"))),
    "KIND": st.one_of(st.none(), st.booleans(), st.floats(), st.integers(max_value=2), st.lists(st.text())),
    "WIDTHS": st.one_of(
        st.none(), st.integers(), st.text(), st.lists(st.integers(max_value=0), min_size=1),
        st.lists(not_whole, min_size=1), st.dictionaries(st.text(), st.integers()),
    ),
    "NAMES": st.one_of(st.none(), st.integers(), st.text(), st.lists(not_texts, min_size=1)),
    "WARM": st.one_of(st.integers(), st.floats(), st.none(), st.text(max_size=5), st.lists(st.booleans())),
    "LIMIT": st.one_of(not_whole.filter(lambda v: v is not None), st.integers(max_value=0)),
    "COUNTS": st.one_of(
        st.none(), st.integers(), st.text(), st.lists(st.integers()),
        st.dictionaries(st.text(), st.sampled_from([object(), float("nan"), b"x", 1j, {1: 2}]), min_size=1),
    ),
    "SHARES": st.one_of(st.none(), st.integers(), st.dictionaries(st.text(), not_numbers, min_size=1)),
    "TITLE": not_texts,
}  # fmt: skip
unknown = st.text(string.ascii_letters + string.digits + "_-. é<>\n", max_size=12).filter(
    lambda n: n not in BAD
)
bad_sets = st.tuples(
    st.fixed_dictionaries({}, optional=BAD),
    st.dictionaries(unknown, st.one_of(st.integers(), st.text(max_size=4)), max_size=2),
).filter(lambda pair: pair[0] or pair[1])


def names_every_problem(error: ParameterError, names) -> None:
    assert len(error.problems) == len(names)
    for name in names:
        word = name if name in BAD else shown(name)
        assert any(word in problem for problem in error.problems), (name, error.problems)
    for problem in error.problems:
        assert "\n" not in problem
        assert problem.endswith((".", "?"))
        assert "Traceback" not in problem
        assert len(problem) < 700


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(bad_sets)
def test_300_bad_sets_are_refused_by_name_before_a_kernel_starts(template, tmp_path_factory, pair):
    known, others = pair
    out = tmp_path_factory.getbasetemp() / "never"
    before = psutil.Process().children()  # of tests that ran in this process before
    with pytest.raises(ParameterError) as caught:
        reports.run(template, {**known, **others}, out=out)
    names_every_problem(caught.value, [*known, *others])
    assert not out.exists()
    assert psutil.Process().children() == before


BAD_TEXTS = {
    "PROFILE": ["", "CPU", "fast", "smoke "],
    "SEED": ["", "-1", "1.0", "x", "4294967296", "0x1", "9" * 5000, "１２", "٣"],
    "LATENT_DIM": ["0", "513", "1e2", "[1]", "True", "nan"],
    "RATE": ["0", "-1", "1.01", "nan", "inf", "1e999", "a", "0,5", "", "０.５"],
    "DECODER": ["", "Bernoulli", "gauss", "None"],
    "KIND": ["c", "", "3.0"],
    "WIDTHS": ["", "1", "1,2", "[0]", "[1, x]", "[4097]", "[1", "[[1]]", "[" * 10000],
    "NAMES": ["a", "", "(", "a,b"],
    "WARM": ["1", "yes", "", "None"],
    "LIMIT": ["0", "-1", "none", "1.5", ""],
    "COUNTS": [
        "",
        "[1]",
        "{1: 2}",
        "{'a': nan}",
        "{'a': 1e999}",
        "x",
        "{" * 100000,
        "{'a': open('x')}",
        "{'a': 1, 'a': 2}",
        '{"b": {"a": true, "a": 2}}',
    ],
    "SHARES": ["{'a': 2}", "{'a': 'x'}", "[]", ""],
    "TITLE": ["\0", "\ud800"],
}
bad_texts = st.lists(st.sampled_from(list(BAD_TEXTS)), min_size=1, max_size=6, unique=True).flatmap(
    lambda names: st.tuples(*[st.sampled_from([f"{n}={t}" for t in BAD_TEXTS[n]]) for n in names])
)


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(bad_texts)
def test_bad_texts_of_the_command_line_are_refused_by_name(template, tmp_path_factory, texts):
    out = tmp_path_factory.getbasetemp() / "never"
    with pytest.raises(ParameterError) as caught:
        commands.run(str(template), texts, out=out, as_json=False, say=print)
    names_every_problem(caught.value, [text.partition("=")[0] for text in texts])
    assert not out.exists()


# ---- finding a template --------------------------------------------------------------


@pytest.mark.parametrize("name", ["vae_run", "reports/vae_run", "04_vae_math"])
def test_a_template_is_found_by_name_from_any_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert templates.find_template(name).path.stem == os.path.basename(name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["format 4"]),
        (b"\xff\xfe", ["UTF-8"]),
        (b"[]", ["format 4"]),
        (b'{"nbformat": 3, "worksheets": []}', ["format 4"]),
        (b'{"nbformat": 3, "cells": []}', ["format 3"]),
        (b'{"nbformat": 4, "cells": {}}', ["format 4"]),
        (b'{"nbformat": 4, "cells": [1]}', ["Cell 1"]),
        (b'{"nbformat": 4, "cells": [{"cell_type": 3}]}', ["Cell 1"]),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": null}]}', ["source"]),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": [1]}]}', ["source"]),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "metadata": null}]}', ["metadata"]),
    ],
)
def test_what_is_no_notebook_is_refused(content, words, tmp_path, one_sentence):
    (tmp_path / "x.ipynb").write_bytes(content)
    with pytest.raises(ValueError, match="save it anew") as caught:
        templates.find_template(tmp_path / "x.ipynb")
    one_sentence(caught.value, "x.ipynb", *words)


def test_a_template_that_is_not_there_is_named_with_the_nearest_one(tmp_path, one_sentence):
    with pytest.raises(ValueError, match="no template") as caught:
        templates.find_template("vae_rum")
    one_sentence(caught.value, "'vae_rum'", "vae_run")
    with pytest.raises(ValueError, match="no notebook") as caught:
        templates.find_template(tmp_path / "gone.ipynb")
    one_sentence(caught.value, "gone.ipynb")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("d.ipynb", "a folder of that name"),
        ("d", "a folder of that name"),
        ("a.txt", "a file that does not end in .ipynb"),
        ("mine", "./mine.ipynb, which needs its path"),
        ("https://example.org/T.ipynb", "nothing is fetched"),
        ("file:///T", "nothing is fetched"),
    ],
)
def test_what_is_there_in_place_of_a_notebook_is_said(
    write_template, tmp_path, monkeypatch, name, words, one_sentence
):
    for folder in ("d", "d.ipynb"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a.txt").touch()
    write_template(tmp_path / "mine.ipynb", None, "print(1)")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="There is no") as caught:
        templates.find_template(name)
    one_sentence(caught.value, repr(name), words)


def test_a_name_that_two_templates_have_needs_its_folder(write_template, tmp_path, monkeypatch):
    for folder in ("a", "b"):
        write_template(tmp_path / "notebooks" / folder / "same.ipynb", "A: int = 1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="a/same or b/same"):
        templates.find_template("same")
    assert templates.find_template("a/same").path.parent.name == "a"
