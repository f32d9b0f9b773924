"""What people say: arranged fairly, kept, refused when it is another's; all raters are simulated."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aigc_apps.evaluation import ratings

ARMS = ("generated", "alternative")
CHECKS = tuple(
    ratings.Shown(item=f"check {answer}", left="told", right="told", right_answer=answer)
    for answer in ratings.OF_PAIRS
)


def simulated(rng, num_items=100, num_raters=3, preference=0.6, tosses_coins=()):
    """Ratings by simulated raters who prefer "generated" so often; some do not look at all."""
    given = []
    for number in range(num_raters):
        blind = number in tosses_coins
        names = [f"item {i}" for i in range(num_items)]
        for shown in ratings.arrange(names, ARMS, CHECKS, int(rng.integers(2**31))):
            choice = "left" if rng.random() < 0.5 else "right"
            if shown.right_answer and not blind:
                choice = shown.right_answer if rng.random() < 0.95 else "left"
            elif not blind:
                choice = (
                    "left"
                    if (rng.random() < preference) == (shown.left == "generated")
                    else "right"
                )
            seconds = float(rng.gamma(4, 5))
            given.append(
                ratings.Rating(rater=f"{number}", shown=shown, choice=choice, seconds=seconds)
            )
    return given


def one(item: str, rater: str, choice: str) -> ratings.Rating:
    shown = ratings.Shown(item=item, left="generated")
    return ratings.Rating(rater=rater, shown=shown, choice=choice, seconds=30)


def test_sides_are_balanced_and_orders_are_each_raters_own():
    names = [f"item {i}" for i in range(40)]
    first, second = (ratings.arrange(names, ARMS, CHECKS, seed) for seed in (1, 2))
    pairs = [shown for shown in first if shown.right_answer is None]
    assert sorted(shown.item for shown in pairs) == sorted(names)
    assert sum(shown.left == "generated" for shown in pairs) == 20
    assert [s.item for s in first] != [s.item for s in second]
    assert first == ratings.arrange(names, ARMS, CHECKS, 1)
    assert [i for i, shown in enumerate(first) if shown.right_answer] == [
        4,
        9,
        14,
        19,
        24,
        29,
        34,
        39,
        44,
        49,
    ]


def test_a_true_preference_is_found_with_its_interval_and_a_random_rater_is_noticed():
    rng = np.random.default_rng(5)
    covered = noticed = 0
    for _ in range(60):
        given = simulated(rng, tosses_coins={2})
        noticed += not {rater.name: rater for rater in ratings.raters(given)}["2"].looks
        looking = ratings.attentive(given)
        assert {rating.rater for rating in looking} <= {"0", "1", "2"}
        assert not [rating for rating in looking if rating.shown.right_answer]
        found = ratings.preference([r for r in looking if r.rater != "2"], "generated")
        covered += found.low <= 0.6 <= found.high
    assert covered >= 52  # 95% of 60 are 57; three standard errors are five
    assert noticed >= 55


def test_alpha_is_that_of_krippendorffs_example():
    # Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", C: nominal data of four
    # observers, with missing ones: 0.743.
    table = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    arms = dict(enumerate("abcde", start=1))
    given = [
        ratings.Rating(
            rater=str(rater), choice="left", seconds=1,
            shown=ratings.Shown(item=str(unit), left=arms[value], right="z"),
        )
        for rater, row in enumerate(table) for unit, value in enumerate(row) if value
    ]  # fmt: skip
    assert ratings.krippendorff_alpha(given) == pytest.approx(0.743, abs=0.0005)
    assert np.isnan(ratings.krippendorff_alpha(given[:9]))  # a single rater


def test_acceptance_counts_items_and_not_who_cannot_tell():
    given = [one("a", "x", "yes"), one("a", "y", "no"), one("b", "x", "yes"), one("b", "y", "yes")]
    given += [one("c", "x", "cannot tell")]
    found = ratings.acceptance(given, "generated")
    assert (found.estimate, found.number) == (0.75, 2)
    with pytest.raises(ValueError, match="Nobody has judged"):
        ratings.acceptance(given, "people")
    with pytest.raises(ValueError, match="Nobody has decided"):
        ratings.preference(given, "generated")


def test_minutes_are_those_of_the_watch_with_their_interval():
    given = [one(str(i), "x", "yes") for i in range(30)]
    found = ratings.minutes(given)
    assert (found.estimate, found.number) == (0.5, 30)


def kept(**changes) -> ratings.Ratings:
    fields = {"application": "poetry", "sheet": "s" * 64, "ratings": (one("a", "x", "yes"),)}
    return ratings.Ratings(**fields | changes)


def test_ratings_come_back(tmp_path):
    path = tmp_path / "ratings.json"
    ratings.write_ratings(path, kept())
    assert ratings.read_ratings(path, "poetry", "s" * 64) == kept()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v.update(version=2), "is of version 2"),
        (lambda v: v.update(application="music"), "rates 'music' and not 'poetry'"),
        (lambda v: v.update(sheet="t" * 64), "rates other items"),
        (lambda v: v["ratings"][0].update(choice="maybe"), "damaged at ratings > 0 > choice"),
        (lambda v: v["ratings"][0].update(seconds=-1), "damaged at ratings > 0 > seconds"),
        (lambda v: v["ratings"][0].pop("rater"), "damaged at ratings > 0 > rater"),
        (lambda v: v.update(extra=1), "damaged at extra"),
    ],
)
def test_ratings_of_something_else_are_refused(change, words, tmp_path, one_sentence):
    path = tmp_path / "ratings.json"
    ratings.write_ratings(path, kept())
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(ValueError, match=words) as caught:
        ratings.read_ratings(path, "poetry", "s" * 64)
    one_sentence(caught.value, path)


def test_what_is_no_json_is_refused(tmp_path, one_sentence):
    path = tmp_path / "ratings.json"
    path.write_bytes(b"\xff{")
    with pytest.raises(ValueError, match="damaged at the file") as caught:
        ratings.read_ratings(path, "poetry", "s" * 64)
    one_sentence(caught.value, path)


def written(tmp_path, change=lambda text: text, encoding="utf-8"):
    path = tmp_path / "ratings.json"
    path.write_bytes(change(kept().model_dump_json()).encode(encoding))
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text[:-20], "damaged at the file"),
        (lambda text: "", "damaged at the file"),
        (lambda text: text.replace('"version":1', '"version":1,"version":1'), "'version' stands"),
        (lambda text: "[" * 100_000, "too many brackets"),
        (lambda text: "[]", "damaged at the file"),
        (lambda text: text.replace('"rater":"x"', '"rater":"\\u001b[2J"'), "rater"),
        (lambda text: text.replace('"seconds":30.0', '"seconds":NaN'), "seconds"),
        (lambda text: text.replace('"seconds":30.0', '"seconds":1e999'), "seconds"),
    ],
)
def test_damaged_ratings_are_refused_with_the_place(change, words, tmp_path, one_sentence):
    path = written(tmp_path, change)
    with pytest.raises(ValueError, match=words) as caught:
        ratings.read_ratings(path, "poetry")
    one_sentence(caught.value, path)


def test_two_answers_of_one_rater_to_one_item_are_refused(tmp_path, one_sentence):
    path = tmp_path / "ratings.json"
    ratings.write_ratings(path, kept(ratings=(one("a", "x", "yes"), one("a", "x", "no"))))
    with pytest.raises(ValueError, match="two answers of 'x' to 'a'") as caught:
        ratings.read_ratings(path, "poetry")
    one_sentence(caught.value, path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device")
def test_what_has_no_end_is_not_read(tmp_path):
    link = tmp_path / "ratings.json"
    link.symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="no file"):
        ratings.read_ratings(link, "poetry")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8"])
def test_a_mark_and_line_ends_of_windows_do_no_harm(encoding, tmp_path):
    path = written(tmp_path, lambda text: text.replace(",", ",\r\n") + "\r\n", encoding)
    assert ratings.read_ratings(path, "poetry") == kept()


def test_a_sheet_is_known_by_what_was_shown():
    first = ratings.sheet_sha256([("a", b"1"), ("b", b"2")])
    assert first == ratings.sheet_sha256([("b", b"2"), ("a", b"1")])
    assert first != ratings.sheet_sha256([("a", b"1"), ("b", b"3")])


def test_singles_show_each_item_once_half_of_them_of_each_arm():
    names = [f"item {i}" for i in range(40)]
    check = ratings.Shown(item="check", left="told", right_answer="no")
    shown = ratings.arrange_singles(names, ARMS, [check], 3)
    alone = [s for s in shown if s.right_answer is None]
    assert sorted(s.item for s in alone) == sorted(names)
    assert [s.right for s in shown] == [None] * len(shown)
    assert sum(s.left == "generated" for s in alone) == 20
    assert sum(s == check for s in shown) == 10


def test_minutes_saved_are_what_the_answer_is_worth_less_the_watch():
    given = [one(str(i), "x", choice) for i, choice in enumerate(["yes", "mend", "no"] * 10)]
    found = ratings.minutes_saved(given, "generated", alternative=10, rework=4)
    assert found.estimate == pytest.approx((10 + 6 + 0) / 3 - 0.5)
    assert ratings.minutes_saved(given, "generated", 10, None).estimate == pytest.approx(
        10 / 3 - 0.5
    )
    assert ratings.acceptance(given, "generated").estimate == pytest.approx(1 / 3)
