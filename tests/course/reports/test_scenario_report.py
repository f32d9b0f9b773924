"""The report on an application: any scenario, its artefact and its verdict, as a record."""

from __future__ import annotations

import re

import pytest

import aigc_apps
from aigc_course import reports

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> reports.Run:
    """One run in the smoke profile, of the stories, whose quickest request needs no model."""
    values = {
        "PROFILE": "smoke",
        "NUM_SAMPLES": 1,
        "REQUEST": {"theme": "a fox", "writer": "template"},
    }
    run = reports.run("scenario", values, out=tmp_path_factory.mktemp("report"))
    assert run.done, run.record.failure
    return run


def test_the_record_holds_the_verdict(report):
    results = report.results
    assert results["scenario"] == "stories"
    assert results["answer"] in ("gold", "ore", "bubble")
    assert results["samples"] == 1
    assert results["stories with all their keywords"] == 100
    assert results["seconds_each"] > 0


def test_the_page_shows_card_artefact_and_table(report):
    page = (report.folder / "report.html").read_text(encoding="utf-8")
    card = aigc_apps.load_application("stories").card
    assert card.title in page
    assert "A fox" in page
    assert re.search(r"<th>\s*baseline\s*</th>", page)
    assert "Not for" in page
    assert "scenario.evaluate(" not in page  # the code is hidden


def test_an_unknown_scenario_ends_the_run_in_one_sentence(tmp_path):
    run = reports.run("scenario", {"PROFILE": "smoke", "SCENARIO": "nonsense"}, out=tmp_path)
    assert not run.done
    assert "There is no scenario 'nonsense'" in str(run.record.failure)
