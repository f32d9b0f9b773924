"""What `compare_runs` draws of anybody's runs: axes, lines, and which setting is best."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from aigc_course import reports
from aigc_course.reports import history, views


@pytest.fixture
def compared(tmp_path, put):
    """A function that compares runs: (parameters, results) each."""

    def make(*facts, template="demand"):
        for parameters, results in facts:
            name = f"{template}-{len(list(tmp_path.iterdir())):012x}"
            put(tmp_path, name, parameters=parameters, results=results)
        return reports.compare(history.load_runs(tmp_path))

    return make


def grid(**more):
    return [
        ({"alpha": a, "product": p, "seed": s}, {"mape": 10 * a + s / 10, "note": "x"} | more)
        for a in (0.1, 0.5, 0.9)
        for p in ("screws", "washers")
        for s in (0, 1)
    ]


def test_axes_choose_themselves(compared):
    found = views.choose_axes(compared(*grid(fit_seconds=2.0)))
    assert found == views.Axes("alpha", ("product",), "mape", "fit_seconds")
    assert views.choose_axes(compared(*grid()[:0])).cost == "fit_seconds"


def test_axes_may_be_chosen_and_the_runs_own_seconds_are_a_result(compared):
    comparison = compared(*grid())
    found = views.choose_axes(comparison, "product", "alpha", "seconds", "mape")
    assert found == views.Axes("product", ("alpha",), "seconds", "mape")
    assert views.choose_axes(comparison).cost == "seconds"
    assert [*views.lines_of(comparison, found)] == ["alpha=0.1", "alpha=0.5", "alpha=0.9"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"x": "alhpa"}, ["X is 'alhpa'", "alpha"]),
        ({"line": "mape"}, ["LINES is 'mape'", "product"]),
        ({"metric": "note"}, ["METRIC is 'note'", "mape, seconds"]),
        ({"cost": "nope"}, ["COST is 'nope'", "mape, seconds"]),
    ],
)
def test_what_is_not_there_is_refused(compared, options, words, one_sentence):
    with pytest.raises(ValueError, match="choose from") as caught:
        views.choose_axes(compared(*grid()), **options)
    one_sentence(caught.value, *words)


def test_one_setting_and_no_results_can_be_drawn(compared):
    comparison = compared(({"rows": []}, {}))
    axes = views.choose_axes(comparison)
    assert axes == views.Axes("", (), "seconds", "seconds")
    assert [*views.lines_of(comparison, axes)] == [""]
    assert "there is one setting" in views.verdict(comparison, "seconds", True)


def test_texts_and_lists_have_places_too(compared):
    comparison = compared(*[({"start": v}, {"a": 1.0}) for v in (None, [1], "x", 3, 2)])
    axes = views.choose_axes(comparison)
    places = [views.place_of(row, axes.x) for row in views.lines_of(comparison, axes)[""]]
    assert places[:2] == [2, 3]
    assert {*places[2:]} == {"None", "[1]", "x"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((3, 0.5), [0.5, 3]),
        ((None, 3, 5), ["3", "5", "None"]),
        ((3, [1], True, "x"), ["3", "True", "[1]", "x"]),
        ((), ["all"]),
        ((3, 5, ...), ["3", "5", "all"]),  # of an older version of the notebook, without it
    ],
)
def test_places_can_be_drawn_whatever_they_are(compared, values, expected):
    facts = [({} if v is ... else {"max_depth": v}, {"a": 1.0}) for v in values or (...,)]
    comparison = compared(*facts)
    axes = views.choose_axes(comparison)
    place = views.placing(comparison, axes.x)
    places = [place(row) for row in views.lines_of(comparison, axes)[""]]
    assert sorted(places, key=str) == expected
    assert {type(p) for p in places} in ({str}, {int, float})
    Figure().subplots().errorbar(places, [1.0] * len(places), [0.1] * len(places))


def test_a_verdict_says_whether_chance_could_make_it(compared):
    comparison = compared(*grid())
    text = views.verdict(comparison, "mape", True)
    assert text.startswith("Least mape: 1.05 ± 0.05 (over 2 seeds) with alpha=0.1")
    assert "no more than chance could make" in text  # two products have the same
    clear = compared(
        *[({"alpha": 3.0, "product": "screws", "seed": s}, {"mape": 50.0 + s}) for s in (0, 1)]
    )
    assert views.verdict(clear, "mape", False).endswith("more than chance.")
    single = compared(({"alpha": 9.0, "product": "screws", "seed": 0}, {"mape": 99.0}))
    assert "one run of either" in views.verdict(single, "mape", False)


def test_a_folder_of_several_notebooks_shows_the_one_with_the_most_runs(
    compared, tmp_path, one_sentence
):
    compared(*grid())
    compared(({"k": 1}, {"b": 1}), template="other")
    (tmp_path / "demand-000000000000" / "run.json").write_text("{")
    runs, said = views.runs_of(tmp_path)
    assert len(runs) == 11
    assert "11 runs of demand that were done, 0 that failed" in said
    assert "Not shown are runs of other (1)" in said
    assert "is damaged" in said
    assert len(views.runs_of(tmp_path, "other")[0]) == 1
    with pytest.raises(ValueError, match="TEMPLATE is") as caught:
        views.runs_of(tmp_path, "nope")
    one_sentence(caught.value, "demand, other")
    with pytest.raises(ValueError, match="no finished run"):
        views.runs_of(tmp_path / "gone")
