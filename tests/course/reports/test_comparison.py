"""Runs beside each other: identities are kept apart, and an error says what it is."""

from __future__ import annotations

import json
import math
import shutil

import pytest
from toy_identity import IDENTITY

from aigc_course import reports
from aigc_course.reports import commands, comparison, history


@pytest.fixture
def fill(tmp_path, put):
    """A function that puts runs into a folder: (parameters, results, more of the record) each."""

    def make(*facts, template="toy"):
        for parameters, results, *more in facts:
            number = len(list(tmp_path.iterdir()))
            changes = more[0] if more else {}
            put(
                tmp_path,
                changes.get("name", f"{template}-{number:012x}"),
                template=template,
                parameters=parameters,
                results=results,
                **{name: value for name, value in changes.items() if name != "name"},
            )
        return history.load_runs(tmp_path)

    return make


def identity(**changes):
    """Another identity: ``numpy="1.26.4"`` or ``notebook="d"``."""
    parts = {n: v * 64 for n, v in changes.items() if n in ("notebook", "data", "package")}
    versions = {n: v for n, v in changes.items() if n not in parts}
    return {"identity": {**IDENTITY, **parts, "versions": IDENTITY["versions"] | versions}}


# ---- rows ----------------------------------------------------------------------------


def test_a_comparison_groups_seeds_and_gives_mean_and_errors(fill):
    facts = [
        ({"N": n, "SEED": seed}, {"score": n * 10 + seed, "text": "x" if n == 1 else f"y{seed}"})
        for n in (2, 1)
        for seed in (0, 1, 2)
    ]
    found = reports.compare(fill(*facts))
    assert found.parameters == ("N",)
    assert [row.parameters for row in found.rows] == [{"N": 1}, {"N": 2}]
    assert {row.over for row in found.rows} == {"3 seeds"}
    score = found.rows[0].results["score"]
    assert (score.mean, score.spread, score.count) == (11, 1, 3)
    assert score.error == pytest.approx(1 / math.sqrt(3))
    assert found.rows[0].results["text"] == "x"
    assert found.rows[1].results["text"] == "y0, y1, y2"
    line = str(found).splitlines()[2]
    assert line.split()[:6] == ["1", "3", "seeds", "11.0", "±", "0.6"]
    assert "± is the standard error of the mean over the seeds" in str(found)
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert plain["rows"][0]["results"]["score"]["mean"] == 11.0
    assert plain["rows"][0]["results"]["score"]["standard_error"] == pytest.approx(0.57735, 1e-4)


@pytest.mark.parametrize("name", ["seed", "SEED", "random_state", "randomSeed", "np_seed"])
def test_any_name_of_a_seed_is_one(fill, name):
    found = reports.compare(fill(*[({"n": 1, name: s}, {"a": s}) for s in (0, 1, 2)]))
    assert [row.over for row in found.rows] == ["3 seeds"]
    assert found.parameters == ()


def test_two_seeds_are_both_seeds_and_a_number_of_seeds_is_none(fill):
    facts = [
        ({"data_seed": a, "model_seed": b, "n_seeds": n}, {"a": a + b})
        for a, b, n in [(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 2)]
    ]
    found = reports.compare(fill(*facts))
    assert found.parameters == ("n_seeds",)
    assert [row.over for row in found.rows] == ["3 seeds", ""]


def test_rows_of_one_run_are_said_to_have_no_error(fill):
    found = reports.compare(
        fill(({"N": 1, "SEED": 0}, {"a": 1.5}), ({"N": 2, "SEED": 0}, {"a": 2}))
    )
    assert "±" not in str(found).splitlines()[2]
    assert "Each row is one run and has no ±" in found.notes[-1]
    more = reports.compare(fill(({"N": 2, "SEED": 1}, {"a": 3})))
    assert "Rows of one run have no ±" in more.notes[-1]


def test_a_mean_over_fewer_runs_than_the_row_has_says_so(fill):
    found = reports.compare(
        fill(*[({"SEED": s}, {"a": 1.0, "b": float(s)} if s else {"a": 1.0}) for s in range(3)])
    )
    assert "1.5 ± 0.5 (of 2)" in str(found)


# ---- identities ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        (identity(notebook="d"), "notebook"),
        (identity(data="d"), "data"),
        (identity(package="d"), "code"),
        (identity(numpy="1.26.4"), "numpy"),
        (identity(python="3.13.0"), "python"),
        (identity(torch="2.9"), "torch"),  # of a library that was not there before
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_runs_of_another_identity_share_no_row(fill, changes, column):
    later = {"started": "2026-02-01T12:00:00Z"}
    found = reports.compare(
        fill(
            ({"SEED": 0}, {"nll": 110.0}),
            ({"SEED": 1}, {"nll": 111.0}),
            ({"SEED": 0}, {"nll": 252.0}, changes | later),
        )
    )
    assert [row.over for row in found.rows] == ["2 seeds", ""]
    assert {name for row in found.rows for name in row.made_with} == {column}
    assert len({row.made_with[column] for row in found.rows}) == 2
    assert f"[{column}]" in str(found).splitlines()[0]
    assert any(n.startswith(f"[{column}] differs") for n in found.notes)
    assert "2026-02-01 12:00" in " ".join(found.notes)


def test_what_was_in_a_file_is_a_column_where_it_has_changed(fill):
    def inputs(digest):
        return {"reads": {"d.csv": digest * 64, "same.csv": "0"}}

    facts = [
        ({"csv": "d.csv", "seed": 0}, {"a": 1.0}, inputs("1")),
        ({"csv": "d.csv", "seed": 1}, {"a": 100.0}, inputs("2")),
    ]
    found = reports.compare(fill(*facts))
    assert [row.made_with for row in found.rows] == [
        {"contents of d.csv": "111111"},
        {"contents of d.csv": "222222"},
    ]


def test_made_again_with_another_file_is_no_repeat(fill):
    facts = [({"N": 1}, {"a": n}, {"reads": {"d.csv": f"{n}" * 64}}) for n in (1, 2)]
    found = reports.compare(fill(*facts))
    assert [row.made_with for row in found.rows] == [
        {"contents of d.csv": "1" * 6},
        {"contents of d.csv": "2" * 6},
    ]


def test_what_runs_leave_for_each_other_keeps_none_apart(fill):
    facts = [
        ({"seed": n}, {"a": n}, {"reads": {"log": f"{n}" * 64}, "writes": {"log": ""}})
        for n in (1, 2)
    ] + [({"seed": 3}, {"a": 3}, {"reads": {}})]
    (row,) = reports.compare(fill(*facts)).rows
    assert (row.over, row.made_with) == ("3 seeds", {})


def test_paths_that_differ_need_no_column_for_their_contents(fill):
    facts = [({"csv": f"{n}.csv"}, {"a": n}, {"reads": {f"{n}.csv": n * 64}}) for n in "12"]
    found = reports.compare(fill(*facts))
    assert found.parameters == ("csv",)
    assert [row.made_with for row in found.rows] == [{}, {}]


def test_templates_have_tables_of_their_own(fill):
    fill(({"N": 1}, {"a": 1}), ({"N": 2}, {"a": 2}))
    found = reports.compare(fill(({"K": 1}, {"b": 1}), template="other"))
    tables = str(found).split("\n\n")
    assert tables[0].splitlines()[:2] == ["other:", "runs  b  seconds"]
    assert tables[1].splitlines()[:2] == ["toy:", "N  runs  a  seconds"]
    assert {row["template"] for row in found.as_dict()["rows"]} == {"toy", "other"}


def test_a_parameter_called_template_is_one(fill):
    found = reports.compare(fill(*[({"template": t}, {"a": 1}) for t in "xy"]))
    assert [row.parameters for row in found.rows] == [{"template": "x"}, {"template": "y"}]


# ---- repeats -------------------------------------------------------------------------


@pytest.fixture
def repeated(fill):
    """Three times the same run, the second seed once."""
    names = ["toy-00000000aaaa", "toy-00000000aaaa.2", "toy-00000000aaaa.3"]
    facts = [
        ({"SEED": 0}, {"a": float(i)}, {"name": name, "started": f"2026-01-0{i + 1}T00:00:00Z"})
        for i, name in enumerate(names)
    ]
    return fill(*facts, ({"SEED": 1}, {"a": 4.0}))


def test_the_newest_of_the_same_run_counts(repeated):
    found = reports.compare(repeated)
    (row,) = found.rows
    assert (row.over, row.results["a"].mean) == ("2 seeds", 3.0)
    assert "Left out (made again since" in found.notes[0]
    assert "toy-00000000aaaa, toy-00000000aaaa.2" in found.notes[0]


def test_repeats_are_no_seeds(repeated):
    (row,) = reports.compare(repeated, repeats=True).rows
    assert (row.over, row.results["a"].count) == ("4 repeats of 2 seeds", 4)
    (row,) = reports.compare(repeated[:3], repeats=True).rows
    assert row.over == "3 repeats"
    assert (
        "Repeats of one seed say nothing of other seeds."
        in reports.compare(repeated[:3], repeats=True).notes
    )


def test_a_repeat_that_is_named_in_full_counts(repeated, tmp_path):
    (row,) = reports.compare(["toy-00000000aaaa", "toy-00000000aaaa.2"], tmp_path).rows
    assert (row.over, row.results["a"].mean) == ("2 repeats", 0.5)


@pytest.mark.parametrize("newest", ["failed", "damaged"])
@pytest.mark.parametrize("given", ["toy-00000000aa", "00000000aaaa"])
def test_the_beginning_of_a_name_stands_for_the_newest_that_was_done(
    repeated, tmp_path, put, newest, given
):
    failure = {"kind": "error", "cell": 2, "message": "no"}
    put(tmp_path, "toy-00000000aaaa.4", status="failed", failure=failure)
    if newest == "damaged":
        (tmp_path / "toy-00000000aaaa.4" / "run.json").write_text("{")
    (row,) = reports.compare([given], tmp_path, on_damaged=lambda error: None).rows
    assert [run.name for run in row.runs] == ["toy-00000000aaaa.3"]


def test_a_copied_folder_counts_once(fill, tmp_path):
    runs = fill(({"SEED": 0}, {"a": 1.0}), ({"SEED": 1}, {"a": 3.0}))
    for name in ("best run", "zz"):
        shutil.copytree(runs[0].folder, tmp_path / name)
    (tmp_path / "zz").rename(tmp_path / "a run")
    found = reports.compare(history.load_runs(tmp_path), repeats=True)
    assert found.rows[0].over == "2 seeds"
    assert found.notes[0] == "Left out (a copy of another record): a run, best run."
    assert [run.folder for run in found.rows[0].runs] == [run.folder for run in runs]
    said, code = commands.list_runs(tmp_path, as_json=False, complain=print)
    assert code == 0
    first = runs[0].name
    assert (
        f"Copies, which `aigc compare` leaves out: a run of {first}, best run of {first}." in said
    )


# ---- what is given -------------------------------------------------------------------


def test_a_text_is_one_name_or_a_folder_of_runs(fill, tmp_path, monkeypatch):
    runs = fill(*[({"N": n}, {"a": n}) for n in (1, 2)])
    assert len(reports.compare(str(tmp_path)).rows) == 2
    assert len(reports.compare(tmp_path).rows) == 2
    assert len(reports.compare("toy", tmp_path).rows) == 2
    assert len(reports.compare(runs[0].name, tmp_path).rows) == 1
    assert len(reports.compare(str(runs[0].folder)).rows) == 1


def test_a_template_stands_for_all_of_its_runs(fill, tmp_path):
    fill(*[({"N": n}, {"a": n}) for n in (1, 2)])
    fill(({"N": 1}, {"b": 1}), template="toys")
    assert {row.template for row in reports.compare(["toy"], tmp_path).rows} == {"toy"}
    assert len(reports.compare(["toy", "toys"], tmp_path).rows) == 3


def test_what_failed_is_named(fill):
    failed = {"status": "failed", "failure": {"kind": "error", "cell": 1, "message": "no"}}
    found = reports.compare(fill(({}, {"a": 1}), ({"N": 1}, {}, failed)))
    assert found.notes[0].startswith("Left out (failed): toy-")
    assert len(found.rows) == 1


def test_a_damaged_record_is_told(fill, tmp_path):
    runs = fill(({"N": 1}, {"a": 1}), ({"N": 2}, {"a": 1}))
    (runs[0].folder / "run.json").write_text("{")
    told = []
    assert len(reports.compare(["toy"], tmp_path, on_damaged=told.append).rows) == 1
    assert [error.folder.name for error in told] == [runs[0].name]


# ---- numbers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "error", "text"),
    [
        (0.700301, 0.04, "0.70 ± 0.04"),
        (20.5, 0.5, "20.5 ± 0.5"),
        (20.5, 0.1234, "20.50 ± 0.12"),  # one digit of 0.1 would be a rough one
        (255.4123, 0.096, "255.41 ± 0.10"),
        (1234567.0, 8900.0, "1235000 ± 9000"),
        (3.0, 40.0, "0 ± 40"),
        (-3.27, 2.04, "-3 ± 2"),
        (1.2345e-9, 3.1e-11, "1.235e-09 ± 3e-11"),
        (5.0, 0.0, "5 ± 0"),
    ],
)
def test_a_mean_is_rounded_to_its_error(mean, error, text):
    assert str(comparison.Summary(mean, 2 * error, 4)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.0, "3"), (12345678, "12345678"), (12345678.9, "12345679"), (0.1234567, "0.123457")],
)
def test_one_run_has_no_spread(value, text):
    one = comparison.summarise([value])
    assert (one.count, math.isnan(one.spread), str(one)) == (1, True, text)


def test_numbers_that_are_too_large_for_a_mean_stay_what_they_are(fill):
    found = reports.compare(fill(*[({"SEED": s}, {"a": 10**400 + s, "b": 1e308}) for s in (0, 1)]))
    assert str(10**400) in found.rows[0].results["a"]
    assert found.rows[0].results["b"].mean == 1e308
    json.dumps(found.as_dict(), allow_nan=False)


def test_the_own_seconds_of_a_template_stand(fill):
    (row,) = reports.compare(fill(({}, {"seconds": 7.0}))).rows
    assert row.results["seconds"].mean == 7.0
    row = reports.compare(fill(({"N": 1}, {}))).rows[0]
    assert row.results["seconds"].mean == 1.5


def test_many_records_are_read_from_their_numbers_alone(fill):
    runs = fill(*[({"N": i % 30, "SEED": i}, {"score": i}) for i in range(60)])
    assert {p.name for run in runs for p in run.folder.iterdir()} == {"run.json", "results.json"}
    assert len(reports.compare(runs).rows) == 30
