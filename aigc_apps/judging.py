"""People judge what an application makes, however few: blind sheets, and what ratings say.

`aigc judge` and chapter 8.9 show a `RatingSheet`; `aigc verdict` reads the ratings.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from aigc_apps.contract import Scenario, code_version
from aigc_apps.evaluation import ratings as said
from aigc_apps.evaluation.decide import Decision, People
from aigc_apps.evaluation.items import Items
from aigc_apps.evaluation.ratings import Choice, Rater, Rating, Ratings, Shown
from aigc_apps.evaluation.records import Verdict, decide_again
from aigc_apps.evaluation.sitting import Sitting, open_sitting
from aigc_apps.evaluation.statistics import Interval
from aigc_utils.files import atomic_path, read_utf8

ARMS = ("generated", "strong_simple")
BROKEN, TOLD = "broken", "told"  # what attention checks show
MOST = 200  # items of a sheet


class SheetFile(BaseModel):
    """What ``sheet.json`` says of the files beside it, so that they are made once.

    Attributes:
        made_from: application, number, seed and version of the code.
        files: names by item and arm.
        media_type: of all of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    made_from: tuple[str, int, int, str]
    files: dict[str, dict[str, str]]
    media_type: str


class RatingSheet(NamedTuple):
    """What can be shown to raters: for each request an artefact of each arm.

    Attributes:
        application: its name.
        need: what the user of the application wants, from its card.
        items: the requests in words; `Shown.item` is one of them.
        files: by item and arm; their names say nothing of the arm.
        media_type: of all of them.
        sha256: of all that is in them.
    """

    application: str
    need: str
    items: tuple[str, ...]
    files: dict[tuple[str, str], Path]
    media_type: str
    sha256: str

    def text(self, shown: Shown, side: str) -> str | None:
        """What is on one side, if it is a text: also the words of an attention check."""
        arm = getattr(shown, side)
        if arm == TOLD:
            return f"This one only asks whether you look: please answer {shown.right_answer!r}."
        item = shown.item.removeprefix("check: ")
        if arm == BROKEN:
            return _broken(self.files[item, ARMS[0]].read_text(encoding="utf-8"))
        if self.media_type.startswith("text/"):
            return self.files[item, arm].read_text(encoding="utf-8")
        return None

    def file(self, shown: Shown, side: str) -> Path | None:
        """What is on one side, if it is no text."""
        if self.text(shown, side) is not None:
            return None
        return self.files[shown.item, getattr(shown, side)]


def prepare_sheet(
    scenario: Scenario,
    folder: Path,
    number: int = 20,
    seed: int = 0,
    say: Callable[[str], Any] | None = None,
) -> RatingSheet:
    """Make what is to be judged, or take what lies in the folder from last time.

    Args:
        scenario: whose trial's first requests are answered in both arms.
        folder: for the files.
        number: of requests, 1 to 200.
        seed: of the first artefact.
        say: told of the progress.

    Raises:
        ValueError: if the number is wrong.
        OSError: if the folder cannot be written.
    """
    if not 1 <= number <= MOST:
        raise ValueError(f"{number} items are asked for: give 1 to {MOST}.")
    requests = scenario.trial_requests(number)
    made_from = (scenario.card.name, number, seed, code_version())
    index = folder / "sheet.json"
    if (known := _read_index(index)) is None or known.made_from != made_from:
        known = _make(scenario, requests, folder, seed, made_from, say)
        with atomic_path(index) as temporary:
            temporary.write_text(known.model_dump_json(indent=1), encoding="utf-8")
    files = {
        (item, arm): folder / name for item, by in known.files.items() for arm, name in by.items()
    }
    contents = [(f"{item}:{arm}", path.read_bytes()) for (item, arm), path in files.items()]
    return RatingSheet(
        scenario.card.name, scenario.card.need, tuple(known.files), files, known.media_type,
        said.sheet_sha256(contents),
    )  # fmt: skip


def _read_index(path: Path) -> SheetFile | None:
    """What is known; None if there is nothing, or it is damaged and so made again."""
    try:
        found = SheetFile.model_validate_json(read_utf8(path))
    except (OSError, ValueError):
        return None
    names = [name for by in found.files.values() for name in by.values()]
    whole = all(Path(name).name == name and (path.parent / name).is_file() for name in names)
    return found if whole else None


def _make(
    scenario: Scenario,
    requests: dict[str, Any],
    folder: Path,
    seed: int,
    made_from: tuple[str, int, int, str],
    say: Callable[[str], Any] | None,
) -> SheetFile:
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, dict[str, str]] = {}
    media_type = "text/plain"
    for place, (item, request) in enumerate(requests.items()):
        if say:
            say(f"making {place + 1} of {len(requests)}: {item}")
        for arm, make in zip(ARMS, (scenario.generate, scenario.baseline), strict=True):
            artifact = scenario.blind(make(request, seed + place))
            # Whoever looks into the folder learns nothing of the arm.
            name = hashlib.sha256(f"{seed} {item} {arm}".encode()).hexdigest()[:12]
            name += artifact.suffix
            with atomic_path(folder / name) as temporary:
                temporary.write_bytes(artifact.content)
            files.setdefault(item, {})[arm] = name
            media_type = artifact.media_type
    return SheetFile(made_from=made_from, files=files, media_type=media_type)


def begin_judging(
    sheet: RatingSheet,
    path: Path,
    rater: str,
    pairs: bool = False,
    clock: Callable[[], float] | None = None,
) -> Sitting:
    """A rater's sitting over a sheet: single items, or pairs; see `open_sitting`.

    The order and the sides are the rater's own, by the name, so that going on finds the same.
    """
    digest = hashlib.sha256(f"{rater} {pairs}".encode()).digest()
    checks = _checks(sheet, said.OF_PAIRS if pairs else said.OF_SINGLES, pairs)
    turn = digest[4] % len(checks)
    checks = checks[turn:] + checks[:turn]
    arrange = said.arrange if pairs else said.arrange_singles
    shown = arrange(sheet.items, ARMS, checks, int.from_bytes(digest[:4]))
    given = {} if clock is None else {"clock": clock}
    return open_sitting(
        path, rater, shown, sheet.application, sheet.sha256, code_version(), **given
    )


def _checks(sheet: RatingSheet, choices: Sequence[Choice], pairs: bool) -> list[Shown]:
    """Attention checks, each with another right answer, so that no habit passes many of them."""
    checks = [
        Shown(
            item=f"check: please {choice}",
            left=TOLD,
            right=TOLD if pairs else None,
            right_answer=choice,
        )
        for choice in choices
    ]
    if sheet.media_type.startswith("text/"):  # one of them shows what nobody would take
        item = f"check: {sheet.items[-1]}"
        if pairs:
            checks[1] = Shown(item=item, left=BROKEN, right=ARMS[0], right_answer=choices[1])
        else:
            checks[2] = Shown(item=item, left=BROKEN, right_answer=choices[2])
    return checks


def _broken(text: str) -> str:
    """A text that nobody who looks would take: each line says its first word again and again."""
    lines = []
    for line in text.splitlines():
        words = line.split()
        unit = words[0] if len(words) > 1 else line[:1]
        glue, times = (" ", len(words)) if len(words) > 1 else ("", len(line))
        lines.append(glue.join([unit] * times))
    return "\n".join(lines)


# ---- what people said ----------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Opinions:
    """What ratings come to; see `opinions_of`.

    Attributes:
        raters: each with the checks that were passed; who did not look counts nowhere else.
        accepted: the share of generated items that people would use as they are; None without
            single items.
        rival: the same of the strong simple way.
        preferred: the share of pairs in which the generated one was chosen; None without pairs.
        minutes: of review by the watch.
        saved: minutes that an item saves; None without single items.
        alpha: Krippendorff's; not-a-number where no two people judged one thing.
        notes: what must be known with the numbers, a sentence each.
    """

    raters: tuple[Rater, ...]
    accepted: Interval | None
    rival: Interval | None
    preferred: Interval | None
    minutes: Interval | None
    saved: Interval | None
    alpha: float
    notes: tuple[str, ...]


def opinions_of(record: Verdict, files: Sequence[Ratings]) -> Opinions:
    """What all ratings of an application's items come to.

    Raises:
        ValueError: if they are of different items, hold nothing, or a rater is in two files.
    """
    if len({ratings.sheet for ratings in files}) > 1:
        raise ValueError(
            "These files rate different items: judge the same sheet, which is the same number and "
            "seed with the same code and machine."
        )
    given: list[Rating] = []
    for ratings in files:
        names = {rating.rater for rating in ratings.ratings}
        if twice := names & {rating.rater for rating in given}:
            raise ValueError(f"The rater {min(twice)!r} is in two of the files: give each once.")
        given += ratings.ratings
    if not given:
        raise ValueError("Nobody has judged anything in these files yet: judge some.")
    raters = tuple(said.raters(given))
    used = said.attentive(given)
    notes = [
        f"{rater.name} passed {rater.passed} of {rater.checks} checks and is left out."
        for rater in raters
        if not rater.looks
    ]
    if other := {r.code for r in files} - {record.code}:
        notes.append(
            f"What was judged was made by the code {min(other) or 'of an unknown version'}, and "
            f"the record by {record.code}."
        )
    singles = [r for r in used if r.shown.right is None]
    decided = [r for r in singles if r.choice != "cannot tell"]
    pairs = [r for r in used if r.shown.right is not None and r.choice != "cannot tell"]
    of_arm = {arm: [r for r in decided if r.shown.left == arm] for arm in ARMS}
    own, work = of_arm[ARMS[0]], record.work
    return Opinions(
        raters=raters,
        accepted=said.acceptance(own, ARMS[0]) if own else None,
        rival=said.acceptance(of_arm[ARMS[1]], ARMS[1]) if of_arm[ARMS[1]] else None,
        preferred=said.preference(pairs, ARMS[0]) if pairs else None,
        minutes=said.minutes(own or pairs) if own or pairs else None,
        saved=said.minutes_saved(own, ARMS[0], work.alternative_minutes, work.rework_minutes)
        if own
        else None,
        alpha=said.krippendorff_alpha(used),
        notes=tuple(notes),
    )


def decide_with(record: Verdict, items: Items, opinions: Opinions) -> Decision:
    """The answer with what people said; their minutes take the place of the assumed ones."""
    if opinions.accepted is None:
        return decide_again(record, items)
    work = record.work.model_copy(update={"review_minutes": opinions.minutes.estimate})
    people = People(opinions.accepted, work.break_even, opinions.saved)
    return decide_again(record, items, people)


def with_minutes(record: Verdict, review: float | None, by_hand: float | None) -> Verdict:
    """The record with minutes of the reader's own in place of the assumed ones.

    Raises:
        ValueError: if one is negative, or none is taken by hand.
    """
    given = {"review_minutes": review, "alternative_minutes": by_hand}
    given = {name: minutes for name, minutes in given.items() if minutes is not None}
    if not given:
        return record
    if not all(0 <= minutes < 1e6 for minutes in given.values()) or by_hand == 0:
        raise ValueError(
            f"The minutes are {review} to review and {by_hand} by hand: give 0 or more, and more "
            f"than 0 by hand."
        )
    work = record.work.model_copy(update=given | {"assumed": "Some minutes are yours."})
    return record.model_copy(update={"work": work, "break_even": work.break_even})


def opinions_text(opinions: Opinions) -> str:
    """Opinions in lines, with their intervals."""
    lines = [
        f"{len(opinions.raters)} raters, {sum(r.looks for r in opinions.raters)} of whom looked."
    ]
    for words, found in (
        ("would use a generated one as it is", opinions.accepted),
        ("would use one of the strong simple way as it is", opinions.rival),
        ("prefer the generated one of a pair", opinions.preferred),
    ):
        if found is not None:
            ends = f"{found.low:.0%} to {found.high:.0%} of {found.number} items"
            lines.append(f"{found.estimate:.0%} {words} ({ends}).")
    for words, found in (("Review takes", opinions.minutes), ("An item saves", opinions.saved)):
        if found is not None:
            ends = f"{found.low:.2f} to {found.high:.2f}"
            lines.append(f"{words} {found.estimate:.2f} minutes ({ends}).")
    agreement = "unknown, since no two who looked judged one thing, or all answers are alike"
    if opinions.alpha == opinions.alpha:
        agreement = f"Krippendorff's alpha {opinions.alpha:.2f} (1: all agree, 0: by chance)"
    return "\n".join([*lines, f"Agreement: {agreement}.", *opinions.notes])
