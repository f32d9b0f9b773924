"""Records as tables, recomputed from their items, and the command that makes the course's own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from bs4 import BeautifulSoup
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from scipy import stats

import aigc_apps
from aigc_apps import _template, notebook
from aigc_apps.contract import Artifact
from aigc_apps.evaluation import records

ROOT = Path(__file__).resolve().parents[2]


TEMPLATE = _template.TemplateApplication()


@pytest.fixture(scope="module")
def judged():
    """A record with its items."""
    return TEMPLATE.judge()


def test_a_table_has_a_row_for_each_claim_and_the_answer_below(judged):
    lines = notebook.verdict_table(judged[0]).splitlines()
    assert lines[0] == "| claim | generated | compared with | better by | comes to |"
    assert lines[2] == (
        "| names: whether a text names the thing | 100 (85.8 to 100)% | at least 90% |  | open |"
    )
    assert "strong_simple: 0 (0 to 14.2)%" in lines[3]
    assert lines[3].endswith("of 24; 10% matters | holds |")
    assert lines[5].startswith("**Template: undecided.** names: 100%")
    assert "Break-even: 33% accepted; acceptance: not measured." in lines[7]
    assert lines[-1].startswith("- Not for: texts of fact")


def test_a_record_is_shown_as_a_table_that_scrolls_and_as_text(judged):
    odd = judged[0].model_copy(update={"because": "<script>1 & 2</script>", "title": 'A "poet"'})
    InteractiveShell.instance()  # without one, what is displayed is printed
    with capture_output() as captured:
        notebook.show_verdict(odd)
    InteractiveShell.clear_instance()
    (output,) = captured.outputs
    assert output.data["text/plain"] == notebook.verdict_table(odd)
    page = BeautifulSoup(output.data["text/html"], "html.parser")
    assert page.find("script") is None
    assert "<script>1 & 2</script>" in page.get_text()
    assert [th.get_text() for th in page.thead.find_all("th")] == list(notebook.COLUMNS)
    first = page.tbody.tr
    assert (first.th["scope"], first.th.get_text()[:6]) == ("row", "names:")
    assert [td.get_text() for td in first.find_all("td")][-1] == "open"
    box = page.table.parent
    assert "overflow-x: auto" in box["style"]
    assert (box["tabindex"], box["aria-label"]) == ("0", 'Claims of A "poet"')


def test_a_reader_s_record_leaves_the_course_s_alone(judged, tmp_path, monkeypatch):
    before = notebook.load_verdict("poetry")
    monkeypatch.chdir(tmp_path)
    mine = judged[0].model_copy(update={"application": "poetry"})
    path = notebook.keep_verdict(mine, judged[1])
    assert path == Path("out", "verdicts", "poetry.json")
    assert records.read_record(path) == mine
    assert notebook.load_verdict("poetry") == before


def test_records_come_in_the_order_of_the_chapters():
    kept = {path.stem for path in (ROOT / "data" / "records" / "verdicts").glob("*.json")}
    names = [record.application for record in notebook.load_verdicts()]
    assert names == [name for name in aigc_apps.names() if name in kept]
    assert len(names) >= 4


@pytest.mark.parametrize("name", ["stories", "poetry", "music", "video"])
def test_a_record_of_the_course_says_what_its_items_say(name):
    # Each number anew by NumPy and SciPy alone, as a stranger would.
    record = notebook.load_verdict(name)
    table = records.read_items(notebook.record_folder() / f"{name}.json", record)
    numbers = 0
    for found in record.findings:
        claim, gap = found.claim, found.difference
        ours = {r: np.mean(v) for r, v in table.of(claim.name, "generated").items()}
        if not ours:
            continue
        assert found.generated.estimate == pytest.approx(np.mean(list(ours.values())))
        numbers += 1
        if gap is None:
            continue
        theirs = {r: np.mean(v) for r, v in table.of(claim.name, claim.against).items()}
        assert found.other.estimate == pytest.approx(np.mean(list(theirs.values())))
        gaps = claim.sign * np.array([ours[r] - theirs[r] for r in ours])
        half = stats.t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / len(gaps) ** 0.5
        wanted = (gaps.mean(), gaps.mean() - half, gaps.mean() + half, len(gaps))
        assert (gap.estimate, gap.low, gap.high, gap.number) == pytest.approx(wanted)
        numbers += 4
    assert numbers >= 10
    again = records.decide_again(record, table)
    assert (again.answer, again.because, again.missing) == (
        record.answer,
        record.because,
        record.missing,
    )


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
    spec = importlib.util.spec_from_file_location("verdicts_tool", path)
    command = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(command)
    command.main(["music"], number=2, seed=1)
    assert "music: judging on 2 requests" in capsys.readouterr().out
    assert len(notebook.load_verdict("music").requests) == 2
