"""The report on an application: any scenario, its artefact and its verdict, as a record."""

from __future__ import annotations

import re
from pathlib import Path

import papermill
import pytest

import aigc_apps
from aigc_course import reports

TEMPLATE = Path(__file__).resolve().parents[3] / "notebooks" / "reports" / "scenario.ipynb"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> reports.Run:
    """One run in the smoke profile, of the stories, whose quickest request needs no model."""
    values = {
        "PROFILE": "smoke",
        "NUM_SAMPLES": 2,
        "REQUEST": {"theme": "a fox", "writer": "template"},
    }
    run = reports.run("scenario", values, out=tmp_path_factory.mktemp("report"))
    assert run.done, run.record.failure
    return run


def test_the_record_holds_the_answer(report):
    results = report.results
    assert results["scenario"] == "stories"
    assert results["answer"] == "undecided"  # of two requests
    assert results["requests"] == 2
    assert results["keywords"] == 1
    assert 0 < results["break_even"] < 1
    assert results["seconds_each"] > 0


def test_the_page_shows_card_artefact_and_table(report):
    page = (report.folder / "report.html").read_text(encoding="utf-8")
    card = aigc_apps.load_application("stories").card
    assert card.title in page
    assert "A fox" in page
    assert re.search(r"<th[^>]*>\s*compared with\s*</th>", page)
    assert "Not for" in page
    assert "scenario.judge(" not in page  # the code is hidden


def test_by_hand_an_unknown_scenario_ends_the_run_in_one_sentence(tmp_path):
    # `aigc run` refuses it before a kernel starts; papermill and Jupyter check nothing.
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        papermill.execute_notebook(
            TEMPLATE,
            tmp_path / "bad.ipynb",
            parameters={"PROFILE": "smoke", "SCENARIO": "nonsense"},
            cwd=TEMPLATE.parent,
            progress_bar=False,
            kernel_name="python3",
        )
    assert "There is no scenario 'nonsense'" in caught.value.evalue


def test_the_smallest_profile_takes_another_application(tmp_path):
    run = reports.run("scenario", {"PROFILE": "smoke", "SCENARIO": "music"}, out=tmp_path)
    assert run.done, run.record.failure
    assert run.results["requests"] == 2
