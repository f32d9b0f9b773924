"""`aigc runs --since --template --where`: what is chosen, and what is refused in a sentence."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aigc_course.reports import history, selecting

NOW = datetime(2026, 3, 29, 12, 30, tzinfo=UTC)


@pytest.fixture
def runs(put, tmp_path):
    """Four runs of two notebooks; the last of T failed before it recorded anything."""
    days = ["2025-12-31T10:00:00Z", "2026-01-05T23:30:00Z", "2026-03-29T01:30:00Z"]
    for number, day in enumerate(days, start=1):
        more = {"results": {"err": number / 10, "ok": number > 1}} if number < 3 else {}
        failure = {"kind": "error", "cell": 2, "message": "no"}
        put(
            tmp_path,
            f"T-00000000000{number}",
            parameters={"A": float(number), "NAME": "王" if number == 2 else "x", "L": [1, 2]},
            started=day,
            status="done" if more else "failed",
            failure=None if more else failure,
            **more,
        )
    put(tmp_path, "T2-000000000009", parameters={"K": None, "A": 2}, started="2026-03-28T00:00:00Z")
    return history.load_runs(tmp_path)


def chosen(runs, since=None, template=None, where=()):
    found = selecting.read_selection(since, template, where, NOW).of(runs)
    return "".join(run.name[-1] for run in found)


@pytest.mark.parametrize(
    ("since", "names"),
    [
        ("2026-01-01", "293"),
        ("2026-01-05", "293"),
        ("2026-01-06", "93"),
        ("2026-03-29T01:30", "3"),
        ("2026-03-29T01:30:01", ""),
        ("2026-03-29T03:30+02:00", "3"),
        ("2026-03-29 01:30Z", "3"),
        ("today", "3"),
        ("yesterday", "93"),
        ("12h", "3"),
        ("2d", "93"),
        ("52w", "1293"),
        ("999999d", None),
        ("2030-01-01", ""),
        ("01/05/2026", None),
        ("2026-13-01", None),
        ("2026-01", None),
        ("", None),
        ("7", None),
        ("-7d", None),
        ("９d", None),
        ("2026-01-01; rm", None),
    ],
)
def test_since_a_day_a_time_or_a_while(runs, since, names, one_sentence):
    if names is not None:
        assert chosen(runs, since=since) == names
        return
    with pytest.raises(ValueError, match="--since is") as caught:
        chosen(runs, since=since)
    one_sentence(caught.value, repr(since), "2026-01-31", "7d")


@pytest.mark.parametrize(
    ("where", "names"),
    [
        (["A=2"], "29"),
        (["A=2.0"], "29"),
        (["A == 2e0"], "29"),
        (["A!=2"], "13"),
        (["A>1"], "293"),
        (["A>=2", "A<3"], "29"),
        (["NAME=王"], "2"),
        (["NAME!=王"], "13"),
        (["err<0.15"], "1"),
        (["err<=0.2"], "12"),
        (["ok=True"], "2"),
        (["ok=true"], "2"),
        (["K=None"], "9"),
        (["L=[1, 2]"], "123"),
        (["status=failed"], "3"),
        (["seconds>1", "status=done"], "129"),
        (["NAME=a=b"], ""),
    ],
    ids=str,
)
def test_where_values_are_compared_as_what_they_are(runs, where, names):
    assert chosen(runs, where=where) == names


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("B=1", ["'B'", "choose from A, NAME"]),
        ("NAMES=x", ["'NAMES'", "did you mean NAME?"]),
        ("A=two", ["A is a number", "'two'"]),
        ("A=1 or True", ["A is a number"]),
        ("A=nan", ["A is a number"]),
        ("A=", ["write NAME=VALUE"]),
        ("A", ["write NAME=VALUE"]),
        ("=1", ["write NAME=VALUE"]),
        ("", ["write NAME=VALUE"]),
        ("__import__('os')", ["write NAME=VALUE"]),
        ("NAME<x", ["NAME is no number", "= or !="]),
        ("status>1", ["status is no number"]),
        ("started=2026-01-01", ["--since and --until"]),
    ],
)
def test_where_refuses_what_it_cannot_compare(runs, where, words, one_sentence):
    with pytest.raises(ValueError, match=r".") as caught:
        chosen(runs, where=[where])
    one_sentence(caught.value, *words)


def test_a_parameter_that_is_called_started_is_compared(put, tmp_path):
    for number, day in enumerate(("2026-01-01", "soon"), start=1):
        put(tmp_path, f"T-{number:012x}", parameters={"started": day})
    runs = history.load_runs(tmp_path)
    assert chosen(runs, where=["started=soon"]) == "2"


@pytest.mark.parametrize("option", ["since", "until"])
@pytest.mark.parametrize("text", ["9999-12-31", "9999-12-31T23:00-08:00", "0001-01-01T00:00+08:00"])
def test_a_time_at_the_end_of_all_times_is_taken_or_refused_in_words(option, text, one_sentence):
    try:
        selecting.read_selection(**{option: text})
    except ValueError as error:
        one_sentence(error, f"--{option}", text)


def test_a_template_by_name_or_path(runs, one_sentence):
    assert chosen(runs, template="T") == "123"
    assert chosen(runs, template="./x/T2.ipynb") == "9"
    assert chosen(runs, template="T", where=["A=2"]) == "2"
    with pytest.raises(ValueError, match="No run is of") as caught:
        chosen(runs, template="nope")
    one_sentence(caught.value, "'nope'", "choose from T, T2")
    for nothing in ("", ".", "/", ".ipynb"):  # of which all runs would be
        with pytest.raises(ValueError, match="--template is") as caught:
            chosen(runs, template=nothing)
        one_sentence(caught.value, repr(nothing), "a notebook's name")
    with pytest.raises(ValueError, match="No run has"):  # a name of another template's runs
        chosen(runs, template="T", where=["K=None"])


def test_an_empty_folder_refuses_nothing_but_what_cannot_be_read(one_sentence):
    assert chosen([], template="T", where=["A=1"]) == ""
    with pytest.raises(ValueError, match="--where"):
        chosen([], where=["A"])
