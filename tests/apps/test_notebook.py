"""Verdicts as tables and records, and the command that makes the course's own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import aigc_apps
from aigc_apps import notebook
from aigc_apps.contract import Artifact, Measure, Verdict

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def verdict():
    """A verdict with a measure that has every value, and one that has the fewest."""
    full = Measure(
        name="poems that scan", unit="%", better="higher", generated=97.25, standard_error=0.5,
        baseline=14, people=65, number=512,
    )  # fmt: skip
    least = Measure(name="cost", unit="", better="lower", generated=12_345, number=3)
    return Verdict(
        scenario="poetry", title="A poet", answer="ore", because="It scans.",
        measures=(full, least), seconds_each=0.5, training_seconds=1566, review_minutes=3,
        assumed="nobody's time was taken", risks=("It may say nothing.",),
        not_for=("publishing unread",), machine="a machine",
    )  # fmt: skip


def test_a_table_has_a_row_for_each_measure_and_the_answer_below(verdict):
    lines = notebook.verdict_table(verdict).splitlines()
    assert lines[2] == "| poems that scan, % | 97.2 ± 0.5 | 14 | 65 | higher | 512 |"
    assert lines[3] == "| cost | 12,345 |  |  | lower | 3 |"
    assert lines[5] == "**A poet: ore.** It scans."
    assert lines[-2:] == ["- Risk: It may say nothing.", "- Not for: publishing unread"]


def test_a_verdict_is_shown_as_a_table_that_scrolls_and_as_text(verdict):
    odd = verdict.model_copy(update={"because": "<script>1 & 2</script>", "title": 'A "poet"'})
    InteractiveShell.instance()  # without one, what is displayed is printed
    with capture_output() as captured:
        notebook.show_table(odd)
    InteractiveShell.clear_instance()
    (output,) = captured.outputs
    assert output.data["text/plain"] == notebook.verdict_table(odd)
    page = BeautifulSoup(output.data["text/html"], "html.parser")
    assert page.find("script") is None
    assert "<script>1 & 2</script>" in page.get_text()
    assert [th.get_text() for th in page.thead.find_all("th")] == [
        "measure", "generated", "baseline", "people", "better", "of",
    ]  # fmt: skip
    first = page.tbody.tr
    assert (first.th["scope"], first.th.get_text()) == ("row", "poems that scan, %")
    assert [td.get_text() for td in first.find_all("td")] == [
        "97.2 ± 0.5",
        "14",
        "65",
        "higher",
        "512",
    ]
    box = page.table.parent
    assert "overflow-x: auto" in box["style"]
    assert (box["tabindex"], box["aria-label"]) == ("0", 'Measures of A "poet"')


def test_a_reader_s_record_leaves_the_course_s_alone(verdict, tmp_path, monkeypatch):
    before = notebook.load_verdict("poetry")
    monkeypatch.chdir(tmp_path)
    path = notebook.keep(verdict)
    assert path == Path("out", "verdicts", "poetry.json")
    assert Verdict.model_validate_json(path.read_text(encoding="utf-8")) == verdict
    assert notebook.load_verdict("poetry") == before


def test_records_come_in_the_order_of_the_chapters(verdict, data_copy):
    another = verdict.model_copy(update={"scenario": "another"})
    notebook.keep(another, notebook.record_folder())
    names = [kept.scenario for kept in notebook.load_verdicts()]
    kept = {path.stem for path in (ROOT / "data" / "records" / "verdicts").glob("*.json")}
    assert names == [*(name for name in aigc_apps.names() if name in kept), "another"]
    assert len(names) > 4


def test_a_missing_or_damaged_record_says_what_to_do(data_copy, replace_bytes, one_sentence):
    with pytest.raises(ValueError, match="make verdicts ARGS=poem") as missing:
        notebook.load_verdict("poem")
    one_sentence(missing.value, "poem.json")
    replace_bytes(data_copy / "records" / "verdicts" / "poetry.json", lambda old: old[:100])
    with pytest.raises(ValueError, match="restore it with git") as damaged:
        notebook.load_verdict("poetry")
    one_sentence(damaged.value, "poetry.json")


def test_what_is_shown_needs_words_for_who_cannot_see_it(started):
    scenario = aigc_apps.load_application("stories")
    where = scenario.provenance(scenario.ask(**scenario.examples[0]), 0)
    with pytest.raises(ValueError, match="describe what is shown"):
        notebook.show_artifact(Artifact(b"", "image/png", ".png", where), alt="a picture")


@pytest.mark.slow
def test_the_command_makes_the_course_s_record(data_copy, capsys):
    path = ROOT / "tools" / "verdicts.py"
    spec = importlib.util.spec_from_file_location("verdicts", path)
    command = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(command)
    command.main(["music"], samples=2, seed=1)
    written = capsys.readouterr().out
    assert "music: judging 2, about 1 min" in written
    assert notebook.load_verdict("music").measures[0].number == 2
    assert aigc_apps.load_application("music").record_samples > 2
