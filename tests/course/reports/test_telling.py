"""What people are told of runs: results that lack, time that is left, what has changed, a slip."""

from __future__ import annotations

import re

import pytest

from aigc_course import reports
from aigc_course.reports import history, inputs, plans, progress, records, selecting, templates
from aigc_course.reports.parameters import ParameterError


def event(number: int, status: str = "done", **more) -> dict:
    ended = {"event": "finished", "run": f"toy-{number:012x}", "status": status, "message": "m"}
    more = {"seconds": 5.0, "total_seconds": 10.0, "results": {"a": 1}} | more
    return ended | {"recognised": False, "label": "", "ended_in": ""} | more


# ---- while a sweep goes on -------------------------------------------------------------


def told(monkeypatch, beside: int, *events) -> list[str]:
    """The lines of a sweep of eight, so many runs at a time, of which each takes ten seconds."""
    now, said = [0.0], []
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    lines = progress.Lines(said.append)
    lines({"event": "planned", "runs": 8})
    begun = 0
    for count, ended in enumerate(events, start=1):
        while begun < min(count - 1 + beside, 8):
            begun += 1
            lines({"event": "cell", "run": f"toy-{begun:012x}", "cell": 1, "of": 2})
        now[0] = 10.0 * -(-count // beside)
        lines(ended)
    return said


@pytest.mark.parametrize(("beside", "left"), [(1, 60), (2, 30), (4, 15)])
def test_what_is_left_is_said_once_two_runs_were_made_and_counts_those_beside_each_other(
    monkeypatch, beside, left
):
    first, second = told(monkeypatch, beside, event(1), event(2))
    assert "left" not in first
    assert second.endswith(f"(5.0 s of it in its cells); about {left} s left")


def test_nothing_is_said_to_be_left_by_runs_that_were_given_up_or_done_before(monkeypatch):
    given_up = [event(n, "lost") for n in (1, 2, 3)]
    before = [event(n, recognised=True) for n in (4, 5, 6)]
    assert not any(" left" in line for line in told(monkeypatch, 1, *given_up, *before, event(7)))
    said = told(monkeypatch, 1, event(1), event(2), event(3, "lost"))
    assert [" left" in line for line in said] == [False, True, False]


def test_a_sweep_without_results_says_at_its_first_run_how_they_are_recorded(monkeypatch):
    none = [event(n, results={}) for n in (1, 2, 3)]
    failed = event(1, "failed", results={})
    early = event(1, results={}, ended_in="cell 2")
    for first in ([], [failed], [early], [event(1)]):
        said = told(monkeypatch, 1, *first, *none)
        assert said.count(records.NO_RESULTS) == 1
        assert said.index(records.NO_RESULTS) == len(first) + 1


def test_an_untyped_sweep_is_told_of_results_everywhere_and_its_page_is_plain(
    write_template, tmp_path, aigc_command
):
    loop = "for n in range(3):\n    print('step', n, flush=True)\n    __import__('time').sleep(.3)"
    template = write_template(tmp_path / "untyped.ipynb", "rate = 1.0", loop)
    out = ["-o", tmp_path / "out"]
    code, said, _ = aigc_command("sweep", template, "--grid", "rate=2,0.5", *out)
    assert code == 0
    assert said.count(records.NO_RESULTS) == 2  # at the first run, and below the table
    assert "(rate=2.0) done in " in said
    for command in ("runs", "compare"):
        assert aigc_command(command, *out)[1].count(records.NO_RESULTS) == 1
    assert "  rate=2.0\n" in aigc_command("runs", *out)[1]
    page = next((tmp_path / "out").glob("*/report.html")).read_text("utf-8")
    assert "aigc_course.reports.record(name=value)" in page
    assert "what it is" not in page
    assert len(re.findall(r"<pre[^>]*>step 0\nstep 1\nstep 2", page)) == 1


# ---- what has changed, and what is gone ------------------------------------------------


def test_a_file_that_changes_in_mid_sweep_loses_no_run_and_a_lost_notebook_asks_for_again(
    write_template, tmp_path, one_sentence
):
    (tmp_path / "data.csv").write_text("1")
    (tmp_path / "other.csv").write_text("1")
    template = write_template(
        tmp_path / "reads.ipynb",
        'CSV = "data.csv"\nOTHER = "other.csv"\nSEED = 0',
        "from aigc_course import reports\nreports.record(a=open(CSV).read() + open(OTHER).read())",
    )

    def on_event(event):
        if event["event"] == "finished":
            (tmp_path / "data.csv").write_text("2")

    grid = {"SEED": [0, 1]}
    first, second = reports.sweep(
        template, grid=grid, out=tmp_path / "out", jobs=1, on_event=on_event
    )
    assert [outcome.run.results["a"] for outcome in (first, second)] == ["11", "21"]
    (tmp_path / "data.csv").write_text("1")
    (first.run.folder / "executed.ipynb").unlink()
    (again,) = reports.sweep(template, grid={"SEED": [0]}, out=tmp_path / "out")
    one_sentence(again.message, "executed.ipynb is missing or was changed", "(no -p) and --again")
    assert "tries again" not in again.message


def test_runs_of_a_changed_file_are_told_apart(put, tmp_path, aigc_command):
    for number, digest in enumerate(("aaaaaa11", "aaaaaa11", "bbbbbb22")):
        put(
            tmp_path, f"toy-{number:012x}", parameters={"CSV": "d.csv", "S": number}, changed=["S"],
            reads={"d.csv": digest}, results={"a": 1 / 3},
        )  # fmt: skip
    said = aigc_command("runs", "-o", tmp_path)[1]
    assert said.count("d.csv[aaaaaa]") == 2
    assert said.count("d.csv[bbbbbb]") == 1
    assert "a=0.333333\n" in said
    assert "the first digits of a hash" in said
    assert "a  0.333333\n" in aigc_command("show", "toy-000000000000", "-o", tmp_path)[1]
    said = aigc_command("runs", "--where", "S<2", "-o", tmp_path)[1]
    assert "d.csv" not in said


# ---- which runs, in which order --------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"until": "2026-01-02"}, "12"),  # a day counts whole
        ({"until": "2026-01-02T10:00"}, "1"),
        ({"until": "yesterday"}, "123"),
        ({"until": "1d", "since": "2d"}, "2"),
        ({"sort": "loss"}, "3142"),  # what lacks it comes last
        ({"sort": "-loss"}, "4132"),
        ({"sort": "-started"}, "4321"),
        ({"sort": "NAME"}, "2143"),
    ],
)
def test_last_weeks_best_can_be_asked_for(put, tmp_path, asked, names):
    for number, (loss, name) in enumerate([(2.0, "b"), (None, "a"), (1.0, "d"), (3, "c")], start=1):
        put(
            tmp_path, f"toy-{number:012x}", started=f"2026-01-0{number}T10:00:00Z",
            parameters={"NAME": name}, results={} if loss is None else {"loss": loss},
        )  # fmt: skip
    now = history.load_runs(tmp_path)[3].record.started
    chosen = selecting.read_selection(now=now, **asked).of(history.load_runs(tmp_path))
    assert "".join(run.name[-1] for run in chosen) == names


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--until", "soon"], ["--until is 'soon'", "7d"]),
        (["--sort", "los"], ["'los'", "did you mean loss?"]),
        (["--sort", "-"], ["--sort is '-'"]),
        (["--where", "started>2026-01-01"], ["--since and --until"]),
    ],
)
def test_an_order_or_a_time_that_is_none_is_refused(
    put, tmp_path, aigc_command, options, words, one_sentence
):
    put(tmp_path, "toy-000000000000", results={"loss": 1.5})
    code, out, err = aigc_command("runs", *options, "-o", tmp_path)
    assert (code, out) == (2, "")
    one_sentence(err, *words)


# ---- slips -----------------------------------------------------------------------------


@pytest.fixture
def reader(write_template, tmp_path):
    """A template that reads a file, and writes another."""
    (tmp_path / "data.csv").write_text("1")
    (tmp_path / "table.csv").write_text("1")
    path = write_template(
        tmp_path / "reader.ipynb",
        'csv_path = "data.csv"\nmany = ["data.csv"]\ntable = "table.csv"\nrate = 0.5\nSEED = 0\n'
        'KIND: str = "a"  # [one of: a, b]\nfeatures = "table.csv"',
        "open(csv_path), [open(m) for m in many]\nopen(table, 'w')\n"
        "if exists(features):\n    np.load(features)\nelse:\n    np.save(features, x)",
    )
    return templates.find_template(path)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["csv_path=nope.csv"], ["csv_path is 'nope.csv'", "a file that exists", "'data.csv' is"]),
        (["many=[data.csv, gone.csv]"], ["many is 'gone.csv'", "a file that exists"]),
        (["SEED=0:3"], ["'0:3'", "`aigc sweep` with --grid SEED=0:3"]),
        (["SEED=0,1,2"], ["--grid SEED=0,1,2"]),
        (["KIND=a,b"], ["--grid KIND=a,b"]),
        (["SEED=x:3"], ["give a whole number"]),
        (["rate=inf"], ["rate is inf: give a finite number, such as 0.5"]),
        (["rate=1e400"], ["give a finite number"]),
        (["rate=" + ",".join(f"0.00{n}" for n in range(1, 10))], ["0.004,0.005,0.006,", "0.009."]),
        (["SEED=" + ",".join(map(str, range(200)))], ["with --grid in place of -p."]),
    ],
)
def test_what_is_no_value_is_refused_before_a_kernel(reader, given, words, one_sentence):
    with pytest.raises(ParameterError) as caught:
        plans.plan_runs(reader, plans.parse_sweep(reader, given))
    one_sentence(caught.value, *words)


@pytest.mark.parametrize(
    "given",
    [
        "csv_path=https://a.org/b.csv",
        "csv_path=*.csv",
        "csv_path=",
        "csv_path=none",
        "table=new.csv",
        "features=other.npz",
    ],
)
def test_an_address_a_pattern_and_what_is_written_need_not_be_there(reader, given):
    assert plans.plan_runs(reader, plans.parse_sweep(reader, [given])).runs


def test_what_is_not_finite_is_called_so_only_where_a_number_may_be(
    write_template, tmp_path, one_sentence
):
    cell = "T: str = 'x'\nL: list[int] = [1]\nI = 1\nKIND: str = 'a'  # [one of: a, b]"
    declared = templates.find_template(write_template(tmp_path / "t.ipynb", cell)).parameters
    infinite = float("inf")
    for value, words in (
        ({"T": infinite}, "in quotes."),
        ({"L": [infinite]}, "whole numbers"),
        ({"I": infinite}, "give a whole number, such as 1."),
        ({"KIND": infinite}, "give one of: a, b."),
    ):
        with pytest.raises(ParameterError) as caught:
            declared.check(value)
        one_sentence(caught.value, words)
        assert "finite" not in str(caught.value)


@pytest.mark.parametrize("limit", ["", "  # [a path]"])
def test_a_path_below_the_users_home_is_taken_and_counts(
    write_template, tmp_path, monkeypatch, limit, one_sentence
):
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    (tmp_path / "user").mkdir()
    (tmp_path / "user" / "mine.csv").write_text("1")
    (tmp_path / "data.csv").write_text("1")
    cell = f'csv: str = "data.csv"{limit}\nOWN = "~/mine.csv"'
    path = write_template(tmp_path / "t.ipynb", cell, "print(open(csv), OWN)")
    template = templates.find_template(path)
    values = template.parameters.check({"csv": "~/mine.csv"})
    assert values["csv"] == str(tmp_path / "user" / "mine.csv")
    assert (tmp_path / "user" / "mine.csv").as_posix() in inputs.NamedFiles(template).of(values)
    own = {"csv": "data.csv", "OWN": "~/mine.csv"}
    assert (tmp_path / "user" / "mine.csv").as_posix() in inputs.NamedFiles(template).of(own)
    with pytest.raises(ParameterError, match="csv") as caught:
        plans.plan_runs(template, plans.parse_sweep(template, ["csv=~/gone.csv"]))
    one_sentence(caught.value, "~/gone.csv")


@pytest.mark.parametrize(
    ("kind", "value"),
    [("float", "1e400"), ("list[float]", "[1.5, 1e400]"), ("dict", "{'a': 1e400}")],
)
def test_a_value_of_the_notebooks_own_that_is_not_finite_is_called_so(
    write_template, tmp_path, kind, value, one_sentence
):
    path = write_template(tmp_path / "big.ipynb", f"big: {kind} = {value}")
    with pytest.raises(ValueError, match="by default big") as caught:
        _ = templates.find_template(path).parameters
    one_sentence(caught.value, "finite number")
    assert "such as" not in str(caught.value)


def test_a_file_of_names_and_values_is_fixed_beside_a_grid(reader, tmp_path, one_sentence):
    file = tmp_path / "settings.yaml"
    file.write_text("rate: 0.25\ncsv_path: data.csv\n")
    sets = plans.parse_sweep(reader, ["KIND=b"], ["SEED=0:1"], file)
    assert [(s["SEED"], s["rate"], s["KIND"]) for s in sets] == [(0, 0.25, "b"), (1, 0.25, "b")]
    with pytest.raises(ValueError, match="of one run") as caught:
        plans.parse_sweep(reader, file=file)
    one_sentence(caught.value, "--grid", "`aigc run --params`")
    file.write_text("rate: 0.25\nrat: 1\n")
    with pytest.raises(ParameterError, match="'rat'"):
        plans.parse_sweep(reader, [], ["SEED=0:1"], file)


@pytest.mark.parametrize("name", ["", "  ", ".", "/"])
def test_a_file_without_a_name_is_called_one(aigc_command, name, one_sentence):
    for what in (["stories", "--theme", "the sea"], ["vae_fashion"]):
        code, out, err = aigc_command("generate", *what, "-o", name)
        assert (code, out) == (2, "")
        one_sentence(err, "names no file")
