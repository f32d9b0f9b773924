"""What an item earns: the formulas of chapter 1, by playing them out and by their special cases."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_apps import economics

WORLD = {
    "missed": 0.1, "wrongly": 0.05, "repaired": 0.8, "value": 4.9, "generate": 0.1, "review": 1.0,
    "rework": 2.74, "error": 27.39,
}  # fmt: skip


def test_the_profit_is_the_mean_of_items_that_are_played_out():
    rng, number = np.random.default_rng(0), 400_000
    good = rng.random(number) < 0.6
    stopped = rng.random(number) < np.where(good, WORLD["wrongly"], 1 - WORLD["missed"])
    mended = (rng.random(number) < WORLD["repaired"]) * WORLD["value"] - WORLD["rework"]
    earned = np.where(stopped, mended, np.where(good, WORLD["value"], -WORLD["error"]))
    played = earned - WORLD["generate"] - WORLD["review"]
    error = played.std() / np.sqrt(number)
    assert abs(played.mean() - economics.profit(accept=0.6, **WORLD)) < 4 * error


def test_the_thresholds_are_where_the_best_choice_changes():
    low, high, alone = economics.thresholds({**WORLD, "accept": 0.6})
    assert economics.profit(accept=low, **WORLD) == pytest.approx(0)
    assert economics.unread(accept=alone, **WORLD) == pytest.approx(0)
    assert economics.profit(accept=high, **WORLD) == pytest.approx(
        economics.unread(accept=high, **WORLD)
    )
    assert 0 < low < alone < high < 1


def test_by_minutes_it_is_what_looking_costs_over_what_one_saves():
    assert economics.break_even_by_minutes(3, 12) == pytest.approx(0.25)
    # Mending takes 6 of 12 minutes: p 12 + (1 - p) 6 = 3 is met by any item, so it always pays.
    assert economics.break_even_by_minutes(3, 12, 6) == pytest.approx(-0.5)
    assert economics.break_even_by_minutes(3, 12, 12) == pytest.approx(0.25)
    reviewers = economics.break_even_by_minutes(np.array([3, 12, 24]), 12)
    np.testing.assert_allclose(reviewers, [0.25, 1, 2])  # 2: it never pays


@pytest.mark.parametrize("minutes", [(-1, 12, None), (3, 0, None), (3, 12, -1)])
def test_times_that_are_none_are_refused(minutes, one_sentence):
    with pytest.raises(ValueError, match="minutes are") as caught:
        economics.break_even_by_minutes(*minutes)
    one_sentence(caught.value)
