"""What people said of blind pairs and single items: arranged fairly, kept in one file, summed up.

The file is JSON on this machine. It holds a name that the rater chose, what was shown, what was
answered, and how long it took; its owner can read it and delete it, and nothing sends it anywhere.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from aigc_apps.evaluation import statistics
from aigc_apps.evaluation.statistics import Interval
from aigc_utils.files import atomic_path

VERSION = 1
MOST_BYTES = 2**24
LONGEST_SECONDS = 3600.0  # of one item: who was longer away had not paused
CHECK_EVERY = 4  # items
GUESSED = (
    0.25  # of checks that ask for each of four answers in turn, passed by whoever does not look
)

Choice = Literal["left", "right", "same", "cannot tell", "yes", "mend", "no"]
OF_PAIRS: tuple[Choice, ...] = ("left", "right", "same", "cannot tell")
OF_SINGLES: tuple[Choice, ...] = ("yes", "mend", "no", "cannot tell")


class Shown(BaseModel):
    """One thing to judge: a pair, or a single item.

    Attributes:
        item: its id; the same for all raters.
        left, right: the arms on the two sides; the right one is None of a single item.
        right_answer: of an attention check, what anybody who looks says; else None.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    item: str
    left: str
    right: str | None = None
    right_answer: Choice | None = None


class Rating(BaseModel):
    """What one rater said of one thing.

    Attributes:
        rater: a name of the rater's own choice.
        shown: what was on the screen.
        choice: the answer.
        seconds: by the watch, without pauses.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rater: str = Field(min_length=1, max_length=40)
    shown: Shown
    choice: Choice
    seconds: float = Field(ge=0, le=LONGEST_SECONDS)

    @field_validator("rater")
    @classmethod
    def _can_be_printed(cls, name: str) -> str:
        if not name.strip() or not name.isprintable():
            raise ValueError("a rater's name holds signs that cannot be printed")
        return name


class Ratings(BaseModel):
    """A file of ratings.

    Attributes:
        version: of this format.
        application: whose items they are.
        sheet: the SHA-256 of what was shown, see `sheet_sha256`.
        code: the version of the code that made it, see `aigc_apps.contract.code_version`.
        ratings: in the order in which they were given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = VERSION
    application: str
    sheet: str
    code: str = ""
    ratings: tuple[Rating, ...] = ()


def sheet_sha256(contents: Iterable[tuple[str, bytes]]) -> str:
    """Of what can be shown: ids with the bytes behind them, in any order."""
    digest = hashlib.sha256()
    for name, content in sorted(contents):
        digest.update(f"{name}:{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def arrange(
    items: Sequence[str], arms: tuple[str, str], checks: Sequence[Shown], seed: int
) -> list[Shown]:
    """Pairs in a rater's own order: each arm as often left as right, checks in between.

    Args:
        items: ids, each shown once.
        arms: the two that are compared.
        checks: pairs with a right answer; one behind each `CHECK_EVERY` items, used in turn.
        seed: of the order and the sides; another for each rater.
    """
    rng = np.random.default_rng(seed)
    # As many each way, in an order that says nothing.
    turned = rng.permutation(np.arange(len(items)) % 2)
    ordered = [
        Shown(item=items[i], left=arms[turn], right=arms[1 - turn])
        for i, turn in zip(rng.permutation(len(items)), turned, strict=True)
    ]
    shown: list[Shown] = []
    for number, pair in enumerate(ordered, start=1):
        shown.append(pair)
        if checks and number % CHECK_EVERY == 0:
            shown.append(checks[(number // CHECK_EVERY - 1) % len(checks)])
    return shown


def arrange_singles(
    items: Sequence[str], arms: tuple[str, str], checks: Sequence[Shown], seed: int
) -> list[Shown]:
    """Single items in a rater's own order: half of them of each arm, so that nobody knows which.

    Args:
        items: ids, each shown once, in one of the arms.
        arms, checks, seed: as of `arrange`; a check is a single item here.
    """
    pairs = arrange(items, arms, checks, seed)
    return [
        pair if pair.right_answer else pair.model_copy(update={"right": None}) for pair in pairs
    ]


def read_ratings(path: str | os.PathLike, application: str, sheet: str | None = None) -> Ratings:
    """The ratings in a file.

    Args:
        path: of the file.
        application: whose items they must be.
        sheet: the SHA-256 of what must have been shown; None takes any.

    Raises:
        ValueError: if it is damaged, of another version, application or sheet.
        OSError: if it cannot be read.
    """
    path = Path(path)
    try:
        found = Ratings.model_validate(_read_once(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = " > ".join(map(str, first["loc"])) or "the file"
        if first["loc"] == ("version",):
            raise ValueError(
                f"{path} is of version {first['input']!r}, and this course reads {VERSION}: use "
                f"the course that wrote it."
            ) from None
        raise ValueError(
            f"{path} is damaged at {where} ({first['msg'].lower()}): restore it, or delete it."
        ) from None
    if found.application != application:
        raise ValueError(f"{path} rates {found.application!r} and not {application!r}.")
    if sheet is not None and found.sheet != sheet:
        raise ValueError(
            f"{path} rates other items than those of today: judge these, or check out the course "
            f"as it was then."
        )
    seen: dict[tuple[str, str], Choice] = {}
    for rating in found.ratings:
        key, alone = (rating.rater, rating.shown.item), rating.shown.right_answer is None
        if alone and key in seen:
            raise ValueError(
                f"{path} has two answers of {rating.rater!r} to {rating.shown.item!r} "
                f"({seen[key]!r} and {rating.choice!r}): delete one of them."
            )
        seen[key] = rating.choice
    return found


def _read_once(path: Path) -> Any:
    """What a JSON file says; no more than `MOST_BYTES` of it are ever read.

    Raises:
        ValueError: if it is no file of that kind, too large, no JSON, or says one thing twice.
        OSError: if it cannot be read.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [key for key, _ in pairs]
        if twice := next((key for key in names if names.count(key) > 1), None):
            raise ValueError(f"{twice!r} stands twice in one place")
        return dict(pairs)

    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is no file: give one that `aigc judge` wrote.")
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"{path} has more than {MOST_BYTES:,} bytes: it is no file of ratings.")
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=once)
    except RecursionError:
        reason = "too many brackets within brackets"
    except ValueError as error:
        reason = str(error)
    raise ValueError(f"{path} is damaged at the file ({reason}): restore it, or delete it.")


def write_ratings(path: str | os.PathLike, ratings: Ratings) -> None:
    """Write the file; called after each answer, so that no answer is lost.

    Raises:
        OSError: if it cannot be written; what was there before is unchanged.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(ratings.model_dump_json(indent=1) + "\n", encoding="utf-8")


# ---- what they come to ---------------------------------------------------------------


class Rater(NamedTuple):
    """How attentive a rater was.

    Attributes:
        name: the rater's.
        checks, passed: attention checks that were answered, and rightly.
        looks: whether that many would hardly be passed by guessing.
    """

    name: str
    checks: int
    passed: int
    looks: bool


def raters(ratings: Iterable[Rating]) -> list[Rater]:
    """Of each rater, whether the checks show that he or she looked."""
    from scipy import stats

    counts: dict[str, list[bool]] = {}
    for rating in ratings:
        found = counts.setdefault(rating.rater, [])
        if rating.shown.right_answer is not None:
            found.append(rating.choice == rating.shown.right_answer)
    result = []
    for name, passed in counts.items():
        number, right = len(passed), sum(passed)
        p = stats.binomtest(right, number, GUESSED, "greater").pvalue if number else 1.0
        result.append(Rater(name, number, right, bool(p <= 0.02)))
    return result


def attentive(ratings: Sequence[Rating]) -> list[Rating]:
    """Ratings of things that are no checks, by raters who looked."""
    looking = {rater.name for rater in raters(ratings) if rater.looks}
    return [r for r in ratings if r.rater in looking and r.shown.right_answer is None]


def preference(ratings: Sequence[Rating], arm: str) -> Interval:
    """The share of choices for an arm, over pairs; "same" is half a choice.

    Raises:
        ValueError: if no pair was decided.
    """
    by_item: dict[str, list[float]] = {}
    for rating in ratings:
        sides = {"left": rating.shown.left, "right": rating.shown.right}
        if rating.shown.right is not None and rating.choice != "cannot tell":
            worth = 0.5 if rating.choice == "same" else float(sides.get(rating.choice) == arm)
            by_item.setdefault(rating.shown.item, []).append(worth)
    if not by_item:
        raise ValueError("Nobody has decided on a pair yet: judge some.")
    return statistics.share_of_requests(by_item)


def acceptance(ratings: Sequence[Rating], arm: str) -> Interval:
    """The share of single items of an arm that people would use as they are.

    Raises:
        ValueError: if none was judged.
    """
    by_item: dict[str, list[float]] = {}
    for rating in ratings:
        alone = rating.shown.right is None and rating.shown.left == arm
        if alone and rating.choice != "cannot tell":
            by_item.setdefault(rating.shown.item, []).append(float(rating.choice == "yes"))
    if not by_item:
        raise ValueError(f"Nobody has judged an item of {arm!r} yet: judge some.")
    return statistics.share_of_requests(by_item)


def minutes_saved(
    ratings: Sequence[Rating], arm: str, alternative: float, rework: float | None
) -> Interval:
    """The minutes that a generated item saves, over items: by its answers and by the watch.

    Args:
        ratings: of single items; who could not tell says nothing.
        arm: whose items.
        alternative: minutes to make one by hand: what an accepted item saves.
        rework: minutes to mend one; None counts an item to be mended as lost.

    Raises:
        ValueError: if none was judged.
    """
    worth = {"yes": alternative, "no": 0.0}
    worth["mend"] = 0.0 if rework is None else max(0.0, alternative - rework)
    by_item: dict[str, list[float]] = {}
    for rating in ratings:
        alone = rating.shown.right is None and rating.shown.left == arm
        if alone and rating.choice in worth:
            saved = worth[rating.choice] - rating.seconds / 60
            by_item.setdefault(rating.shown.item, []).append(saved)
    if not by_item:
        raise ValueError(f"Nobody has judged an item of {arm!r} yet: judge some.")
    return statistics.mean_interval(by_item)


def minutes(ratings: Sequence[Rating]) -> Interval:
    """Minutes of review, over items."""
    by_item: dict[str, list[float]] = {}
    for rating in ratings:
        by_item.setdefault(rating.shown.item, []).append(rating.seconds / 60)
    return statistics.mean_interval(by_item)


def krippendorff_alpha(ratings: Sequence[Rating]) -> float:
    """How far raters agree beyond chance: 1 they do, 0 they might as well toss coins.

    Nominal, after Krippendorff (2004), over the arm that was chosen or the answer that was given.
    Things that a single rater judged say nothing of agreement.

    Returns:
        Not-a-number if there are no two raters of one thing, or all answers are the same.
    """
    by_item: dict[tuple[str, str], list[str]] = {}
    for rating in ratings:
        shown, alone = rating.shown, rating.shown.right is None
        answer = {"left": shown.left, "right": shown.right}.get(rating.choice) or rating.choice
        if answer != "cannot tell":
            # Two arms of a pair are one question; two single ones are two.
            by_item.setdefault((shown.item, shown.left if alone else ""), []).append(answer)
    units = [answers for answers in by_item.values() if len(answers) > 1]
    values = sorted({answer for answers in units for answer in answers})
    if len(values) < 2:
        return float("nan")
    together = np.zeros((len(values), len(values)))  # of pairs within a unit
    for answers in units:
        counts = np.array([answers.count(value) for value in values], float)
        together += (np.outer(counts, counts) - np.diag(counts)) / (len(answers) - 1)
    margins = together.sum(axis=0)
    total = margins.sum()
    observed = total - np.trace(together)
    expected = (total**2 - (margins**2).sum()) / (total - 1)
    return float(1 - observed / expected)
