"""People judge: sheets, sittings, opinions, the verdict with them; all raters are simulated."""

from __future__ import annotations

import dataclasses
import html

import numpy as np
import pytest
from typer.testing import CliRunner

import aigc_apps
from aigc_apps import _template, judging, notebook
from aigc_apps.evaluation import ratings, records
from aigc_apps.panel import JudgePanel
from aigc_course.cli import app, verdicts

TEMPLATE = _template.TemplateApplication()


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    return judging.prepare_sheet(TEMPLATE, tmp_path_factory.mktemp("sheet"), 20)


@pytest.fixture(scope="module")
def record():
    return TEMPLATE.judge()


class Watch:
    """A clock that a test turns."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def judge_all(sheet, path, rater, pairs=False, seed=0, likes=(0.8, 0.2), looks=True, seconds=30):
    """A simulated rater, who accepts or prefers the two arms so often."""
    rng, watch = np.random.default_rng(seed), Watch()
    sitting = judging.begin_judging(sheet, path, rater, pairs, watch)
    while (shown := sitting.current) is not None:
        sitting.begin()
        watch.now += seconds
        like = likes[shown.left == "strong_simple"]
        choice = "yes" if rng.random() < like else rng.choice(["mend", "no"])
        if pairs:
            choice = "left" if rng.random() < like / sum(likes) else "right"
        if shown.right_answer and looks:
            choice = shown.right_answer
        sitting.answer(str(choice))
    return sitting.kept


def test_a_sheet_is_made_once_and_its_files_tell_no_arm(sheet):
    folder = next(iter(sheet.files.values())).parent
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = judging.prepare_sheet(TEMPLATE, folder, 20)
    assert again.sha256 == sheet.sha256
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert len(sheet.files) == 40
    for path in sheet.files.values():
        assert not {"generated", "simple"} & set(path.name.split("_"))
        assert "made" not in path.read_text(encoding="utf-8")
    assert judging.prepare_sheet(TEMPLATE, folder, 20, seed=5).sha256 != sheet.sha256


def test_a_sheet_with_a_lost_file_is_made_again(tmp_path):
    first = judging.prepare_sheet(TEMPLATE, tmp_path, 2)
    next(iter(first.files.values())).unlink()
    assert judging.prepare_sheet(TEMPLATE, tmp_path, 2).sha256 == first.sha256
    (tmp_path / "sheet.json").write_text("{}", encoding="utf-8")
    assert judging.prepare_sheet(TEMPLATE, tmp_path, 2).sha256 == first.sha256


@pytest.mark.parametrize("number", [0, -1, 201])
def test_a_sheet_of_no_such_size_is_refused_before_anything_is_made(number, tmp_path, one_sentence):
    with pytest.raises(ValueError, match="items are asked for") as caught:
        judging.prepare_sheet(TEMPLATE, tmp_path, number)
    one_sentence(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_sitting_goes_on_where_it_stopped_and_counts_no_pause(sheet, tmp_path):
    watch, path = Watch(), tmp_path / "r.json"
    sitting = judging.begin_judging(sheet, path, "Ann", clock=watch)
    first = sitting.current
    sitting.begin()
    watch.now = 10
    sitting.pause()
    watch.now = 500
    sitting.begin()
    watch.now = 505
    sitting.answer("cannot tell")
    again = judging.begin_judging(sheet, path, "Ann", clock=watch)
    assert (again.done, again.shown) == (1, sitting.shown)
    assert again.kept.ratings[0].seconds == 15
    other = judging.begin_judging(sheet, path, "Bo", clock=watch)
    assert (other.done, other.shown == again.shown) == (0, False)
    assert again.take_back()
    assert again.current == first
    assert not again.take_back()
    with pytest.raises(ValueError, match="'left' is no answer here: choose one of yes, mend"):
        again.answer("left")


def test_who_began_with_single_items_takes_another_name_for_pairs(sheet, tmp_path, one_sentence):
    path = tmp_path / "r.json"
    sitting = judging.begin_judging(sheet, path, "Ann")
    sitting.begin()
    sitting.answer(sitting.current.right_answer or "no")
    with pytest.raises(ValueError, match="Ann has begun to judge other items") as caught:
        judging.begin_judging(sheet, path, "Ann", pairs=True)
    one_sentence(caught.value, path)


@pytest.mark.parametrize("rater", ["", "  ", "x" * 41, "a\nb", "a\x1b[31m"])
def test_a_rater_has_a_name_that_can_be_printed(rater, sheet, tmp_path):
    with pytest.raises(ValueError, match="1 to 40 characters"):
        judging.begin_judging(sheet, tmp_path / "r.json", rater)


def test_opinions_take_who_looked_and_the_verdict_takes_them(sheet, record, tmp_path):
    kept = [judge_all(sheet, tmp_path / f"{i}.json", f"r{i}", seed=i) for i in range(4)]
    kept.append(judge_all(sheet, tmp_path / "x.json", "x", seed=9, looks=False))
    found = judging.opinions_of(record[0], kept)
    assert [rater.looks for rater in found.raters] == [True] * 4 + [False]
    assert "x passed" in found.notes[0]
    assert found.accepted.low < 0.8 < found.accepted.high
    assert found.rival.low < 0.2 < found.rival.high
    assert found.minutes.estimate == pytest.approx(0.5)
    assert found.saved.estimate < 3 - 0.5
    assert found.preferred is None
    text = judging.opinions_text(found)
    assert "5 raters, 4 of whom looked." in text
    # Made surer than 24 things can make it: what people said decides now.
    held = [dataclasses.replace(f, state="holds") for f in record[0].findings]
    sure = record[0].model_copy(update={"findings": tuple(held)})
    assert judging.decide_with(sure, record[1], found).answer == "undecided"


def test_pairs_give_a_preference(sheet, record, tmp_path):
    kept = [judge_all(sheet, tmp_path / f"{i}.json", f"r{i}", True, seed=i) for i in range(3)]
    found = judging.opinions_of(record[0], kept)
    assert found.accepted is None
    assert found.preferred.number == 20
    assert judging.decide_with(record[0], record[1], found).answer == record[0].answer


def test_ratings_of_different_sheets_or_one_rater_twice_are_refused(
    sheet, record, tmp_path, one_sentence
):
    kept = judge_all(sheet, tmp_path / "a.json", "a")
    with pytest.raises(ValueError, match="'a' is in two of the files") as caught:
        judging.opinions_of(record[0], [kept, kept])
    one_sentence(caught.value)
    other = kept.model_copy(update={"sheet": "0" * 64})
    with pytest.raises(ValueError, match="rate different items") as caught:
        judging.opinions_of(record[0], [kept, other])
    one_sentence(caught.value)


def test_minutes_of_ones_own_take_the_place_of_the_assumed(record):
    own = judging.with_minutes(record[0], 0.5, 10)
    assert own.break_even == pytest.approx(0.05)
    assert "yours" in own.work.assumed
    assert judging.with_minutes(record[0], None, None) is record[0]
    for review, by_hand in ((-1, None), (None, 0), (float("nan"), None)):
        with pytest.raises(ValueError, match="The minutes are"):
            judging.with_minutes(record[0], review, by_hand)


def test_a_record_comes_back_and_says_the_same_of_its_items(record, tmp_path):
    path = records.write_verdict(*record, tmp_path)
    read = records.read_record(path, TEMPLATE.claims)
    assert read == record[0]
    decided = records.decide_again(read, records.read_items(path, read))
    assert (decided.answer, decided.because) == (read.answer, read.because)
    assert decided.findings == read.findings


def damage_record(path):
    path.write_text(path.read_text(encoding="utf-8").replace('"undecided"', '"splendid"'))


def damage_items(path):
    records.items_path(path).write_bytes(b"no table")


def other_items(path):
    items = TEMPLATE.judge(12)[1]
    items.write(records.items_path(path))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (damage_record, "damaged at answer"),
        (damage_items, "damaged: restore it"),
        (other_items, "is not the table of its record"),
    ],
)
def test_a_damaged_record_is_refused(damage, words, record, tmp_path, one_sentence):
    path = records.write_verdict(*record, tmp_path)
    damage(path)
    with pytest.raises(ValueError, match=words) as caught:
        records.read_items(path, records.read_record(path))
    one_sentence(caught.value, path.stem)


def test_a_record_of_other_claims_is_refused(record, tmp_path, one_sentence):
    path = records.write_verdict(*record, tmp_path)
    claims = TEMPLATE.claims
    changed = (claims[0].model_copy(update={"bound": 0.5}), *claims[1:])
    with pytest.raises(ValueError, match="measured under other claims") as caught:
        records.read_record(path, changed)
    one_sentence(caught.value, path)


# ---- the commands --------------------------------------------------------------------


@pytest.fixture
def course(monkeypatch, tmp_path, record):
    """The template as an application that the commands know, with a record."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(aigc_apps, "load_application", lambda name: TEMPLATE)
    monkeypatch.setattr(notebook, "record_folder", lambda: tmp_path / "records")
    card = record[0].model_copy(update={"application": "_template"})
    records.write_verdict(card, record[1], tmp_path / "records")
    return tmp_path


def test_judging_in_the_terminal_stops_goes_on_and_ends_in_a_verdict(course):
    run = CliRunner().invoke
    args = ["judge", "_template", "--rater", "Ann", "-n", "4"]
    first = run(app, args, input="what\np\n\ny\nb\nc\nq\n")
    assert first.exit_code == 0, first.output
    assert "'what' is no answer" in first.output
    assert "The watch stands" in first.output
    assert "taken back" in first.output
    assert "1 of 5 are judged and kept" in first.output
    second = run(app, args, input="y\nm\nn\nc\n")
    assert "All 5 are judged" in second.output
    done = run(app, ["verdict", "_template", "--ratings", "out/ratings/_template.json"])
    assert done.exit_code == 0, done.output
    assert "1 raters" in done.output
    assert "undecided" in done.output


def test_an_end_of_input_stops_and_keeps(course):
    answers = iter(["y"])

    def read(_):
        for word in answers:
            return word
        raise EOFError

    sheet = judging.prepare_sheet(TEMPLATE, course / "sheet", 3)
    sitting = judging.begin_judging(sheet, course / "r.json", "Bo")
    assert not verdicts._ask_all(sheet, sitting, read)
    assert len(ratings.read_ratings(course / "r.json", "_template").ratings) <= 1


# ---- in a notebook -------------------------------------------------------------------


def click(panel, words: str) -> None:
    """Click the button with these words."""
    boxes = (panel._answers, panel._more)
    (button,) = [b for box in boxes for b in box.children if b.description == words]
    button.click()


def test_a_panel_shows_asks_keeps_and_goes_on(sheet, tmp_path):
    path = tmp_path / "r.json"
    panel = JudgePanel(sheet, "Ann", path)
    assert panel._item.children == ()
    assert not path.exists()
    click(panel, "show")
    first = panel.sitting.current
    assert html.escape(sheet.text(first, "left").split("\n")[0]) in panel._item.children[0].value
    click(panel, "use it as it is")
    assert ratings.read_ratings(path, sheet.application).ratings[0].choice == "yes"
    click(panel, "take the last back")
    assert panel.sitting.current == first
    while panel.sitting.current is not None:
        if panel._item.children == ():
            click(panel, "show")
        click(panel, "cannot tell")
    assert "All is judged" in panel._said.value
    assert [b.description for b in panel._answers.children] == []
    assert JudgePanel(sheet, "Ann", path).sitting.current is None


def test_a_panel_shows_pairs_side_by_side(sheet, tmp_path):
    panel = JudgePanel(sheet, "Bo", tmp_path / "r.json", pairs=True)
    click(panel, "show")
    assert len(panel._item.children) == 2
    assert [b.description for b in panel._answers.children] == list(ratings.OF_PAIRS)
