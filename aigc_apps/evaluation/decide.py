"""One answer for all applications: what is claimed, what was measured, what people said.

- ``"unsuitable"``: a gate is broken, or what must hardly ever happen does.
- ``"bubble"``: at a claim that decides it is no better than the strong simple way, by what matters;
  or what people must add costs more than it brings.
- ``"ore"``: better, and worth the work that people must add.
- ``"gold"``: better, and accepted by people so often that it pays.
- ``"undecided"``: too few requests, or people were not asked; the reason says what is missing.

A smaller sample never makes gold easier: the whole interval must lie beyond what matters, and
fewer requests make it wider.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aigc_apps.evaluation import statistics
from aigc_apps.evaluation.claims import Claim
from aigc_apps.evaluation.items import Items
from aigc_apps.evaluation.statistics import Interval

Answer = Literal["unsuitable", "bubble", "ore", "gold", "undecided"]
FEWEST_REQUESTS = 20  # requests; of fewer alike, one in seven unseen ones may be otherwise
ERROR = 0.025  # of saying "better" where it is not, on one side


@dataclass(frozen=True)
class ClaimResult:
    """What a claim came to.

    Attributes:
        claim: the claim.
        state: ``"holds"``, ``"fails"``, ``"open"`` (more data would tell) or ``"shown"`` (of a
            diagnostic, which decides nothing).
        generated: of the arm that is judged.
        other: of the arm it is compared with.
        difference: over the same requests, positive where ours is better.
        p: that it holds by chance, by Holm over all claims that decide by comparison.
    """

    claim: Claim
    state: Literal["holds", "fails", "open", "shown"]
    generated: Interval
    other: Interval | None = None
    difference: Interval | None = None
    p: float | None = None


@dataclass(frozen=True)
class People:
    """What people said, and what it is worth.

    Attributes:
        accepted: the share of items that they would use as they are.
        break_even: the share from which it pays, see `aigc_apps.economics`.
        repaired: minutes that an item saves, with those who accept it as it is, who would mend
            it, and who would not, and with the minutes of review; None if nobody was asked so.
    """

    accepted: Interval
    break_even: float
    repaired: Interval | None = None


@dataclass(frozen=True)
class Decision:
    """The answer.

    Attributes:
        answer: one of the five.
        because: one sentence with the numbers that decide.
        missing: what would change it, a sentence each.
        findings: of all claims, in their order.
    """

    answer: Answer
    because: str
    missing: tuple[str, ...]
    findings: tuple[ClaimResult, ...]


def decide(claims: Sequence[Claim], items: Items, people: People | None = None) -> Decision:
    """The answer for an application.

    Raises:
        ValueError: if a claim that decides was not measured, or on other requests than its
            baseline.
    """
    findings = judge_claims(claims, items)
    broken = [f for f in findings if f.state == "fails" and f.claim.role in ("gate", "safety")]
    if broken:
        return Decision("unsuitable", _says(broken[0]), (), findings)
    lost = [f for f in findings if f.state == "fails"]
    if lost:
        return Decision("bubble", _says(lost[0]), (), findings)
    missing = tuple(_lacks(f) for f in findings if f.state == "open")
    if missing:
        first = next(f for f in findings if f.state == "open")
        return Decision("undecided", _says(first), missing, findings)
    shown = [_says(f) for f in findings if f.state == "holds" and f.difference]
    held = "; ".join(shown) or "what is claimed holds"
    return _with_people(held, people, findings)


def judge_claims(claims: Sequence[Claim], items: Items) -> tuple[ClaimResult, ...]:
    """What each claim came to; see `decide`."""
    compared = [c for c in claims if c.decides and c.against]
    p_values = {}
    for claim in compared:
        threshold = claim.margin if claim.by == "superiority" else -claim.margin
        p_values[claim.name] = statistics.p_above(_paired(claim, items), threshold)
    adjusted = dict(zip(p_values, statistics.holm(list(p_values.values())), strict=True))
    return tuple(
        _compared(claim, items, adjusted.get(claim.name))
        if claim.against
        else _bounded(claim, items)
        for claim in claims
    )


def _paired(claim: Claim, items: Items) -> dict[str, list[float]]:
    """Differences by request, positive where ours is better."""
    ours, theirs = items.of(claim.name, "generated"), items.of(claim.name, claim.against)
    if not ours or not theirs:
        arm = claim.against if ours else "generated"
        raise ValueError(f"The claim {claim.name!r} was not measured for {arm!r}: measure it.")
    found = statistics.differences(ours, theirs)
    return {name: [claim.sign * value for value in values] for name, values in found.items()}


def _interval(claim: Claim, by_request: dict[str, list[float]]) -> Interval:
    if claim.unit:
        return statistics.mean_interval(by_request)
    return statistics.share_of_requests(by_request)


def _compared(claim: Claim, items: Items, p: float | None) -> ClaimResult:
    paired = _paired(claim, items)
    difference = statistics.mean_interval(paired)
    ours = _interval(claim, items.of(claim.name, "generated"))
    theirs = _interval(claim, items.of(claim.name, claim.against))
    if not claim.decides:
        return ClaimResult(claim, "shown", ours, theirs, difference)
    threshold = claim.margin if claim.by == "superiority" else -claim.margin
    if difference.number >= FEWEST_REQUESTS and p is not None and p <= ERROR:
        state = "holds"
    elif difference.number >= FEWEST_REQUESTS and difference.high <= threshold:
        state = "fails"
    else:
        state = "open"
    return ClaimResult(claim, state, ours, theirs, difference, p)


def _bounded(claim: Claim, items: Items) -> ClaimResult:
    """A gate or what is about safety: the interval lies on the right side of the bound, or not."""
    by_request = items.of(claim.name, "generated")
    if not by_request and claim.decides:
        raise ValueError(f"The claim {claim.name!r} was not measured for 'generated': measure it.")
    if not by_request:
        return ClaimResult(claim, "shown", Interval(math.nan, -math.inf, math.inf, 0, "nothing"))
    found = _interval(claim, by_request)
    if not claim.decides:
        return ClaimResult(claim, "shown", found)
    low, high = (claim.sign * end for end in (found.low, found.high))
    low, high, bound = min(low, high), max(low, high), claim.sign * claim.bound
    if found.number >= FEWEST_REQUESTS and low >= bound:
        state = "holds"
    else:
        state = "fails" if high < bound else "open"
    return ClaimResult(claim, state, found)


def _with_people(held: str, people: People | None, findings: tuple[ClaimResult, ...]) -> Decision:
    if people is None:
        missing = (
            "nobody was asked: `aigc judge` asks, and `aigc verdict --ratings` takes the answers"
        )
        because = f"{held}; nobody was asked whether it is of use."
        return Decision("undecided", because, (missing,), findings)
    accepted = people.accepted
    words = (
        f"people accept {accepted.estimate:.0%} ({accepted.low:.0%} to {accepted.high:.0%}), and "
        f"from {people.break_even:.0%} it pays"
    )
    if accepted.low > people.break_even:
        return Decision("gold", f"{held}; {words}.", (), findings)
    if accepted.high >= people.break_even:
        missing = (f"more ratings: the break-even of {people.break_even:.0%} lies in the interval",)
        return Decision("undecided", f"{held}; {words}.", missing, findings)
    if people.repaired is None:
        missing = ("whether people would mend an item: let them judge single items",)
        return Decision("undecided", f"{held}; {words}.", missing, findings)
    brought = f"with mending, an item saves {people.repaired.estimate:+.1f} minutes"
    if people.repaired.low > 0:
        return Decision("ore", f"{held}; {words}; {brought}.", (), findings)
    if people.repaired.high < 0:
        return Decision("bubble", f"{held}; {words}; {brought}.", (), findings)
    missing = ("more ratings: whether mending pays is within the noise",)
    return Decision("undecided", f"{held}; {words}; {brought}.", missing, findings)


def as_value(claim: Claim, value: float) -> str:
    """A value of a claim's measure in words: a share in percent, else with its unit."""
    return f"{value:.3g} {claim.unit}" if claim.unit else f"{100 * value:.3g}%"


def in_words(claim: Claim, found: Interval) -> str:
    """An estimate with its interval in words."""
    unit, scale = (f" {claim.unit}", 1) if claim.unit else ("%", 100)
    low, high = (f"{scale * end:.3g}" for end in (found.low, found.high))
    return f"{scale * found.estimate:.3g} ({low} to {high}){unit}"


def _says(finding: ClaimResult) -> str:
    """A finding in words, with its numbers."""
    claim, found = finding.claim, finding.generated
    value = as_value(claim, found.estimate)
    ends = f"{as_value(claim, found.low)} to {as_value(claim, found.high)}"
    if finding.difference is None:
        word = "at most" if claim.sign < 0 else "at least"
        bound = as_value(claim, claim.bound) if claim.bound is not None else ""
        return f"{claim.name}: {value} ({ends} of {found.number}), {word} {bound} is asked"
    gap = finding.difference
    ends = f"{as_value(claim, gap.low)} to {as_value(claim, gap.high)}"
    return (
        f"{claim.name}: {value}, {claim.against} {as_value(claim, finding.other.estimate)}, better "
        f"by {as_value(claim, gap.estimate)} ({ends}, {gap.number} requests); "
        f"{as_value(claim, claim.margin)} matters"
    )


def _lacks(finding: ClaimResult) -> str:
    """What would settle a claim that is open."""
    claim, gap = finding.claim, finding.difference or finding.generated
    if gap.number < FEWEST_REQUESTS:
        needed = f"an answer takes at least {FEWEST_REQUESTS}"
        return f"{claim.name}: {gap.number} requests, and {needed}"
    if finding.difference is None:
        return f"{claim.name}: more requests, for the bound lies in the interval"
    apart = gap.estimate - (claim.margin if claim.by == "superiority" else -claim.margin)
    if apart > 0:
        needed = math.ceil(gap.number * (gap.half_width / apart) ** 2)
        return f"{claim.name}: about {needed:,} requests, if the difference stays as it is"
    if gap.half_width > claim.margin:
        needed = math.ceil(gap.number * (gap.half_width / claim.margin) ** 2)
        return f"{claim.name}: about {needed:,} requests, to see what matters"
    return f"{claim.name}: more requests, or better answers: what matters lies in the interval"
