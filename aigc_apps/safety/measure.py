"""How often the policy is wrong, both ways, counted on texts with a label.

Chapter 6.1 prints both rates.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from aigc_apps.safety.fields import FieldPolicy
from aigc_apps.safety.policy import POLICY, Policy, Refused
from aigc_utils import data


@dataclass(frozen=True)
class Injection:
    """One text of ``data/injections``.

    Attributes:
        id: its name there.
        text: what it says; data, and nothing to follow.
        malicious: whether its maker meant it as an attack; else it only looks like one.
        category: of attack or trap.
        language: a two-letter code.
    """

    id: str
    text: str
    malicious: bool
    category: str
    language: str


@dataclass(frozen=True)
class Refusals:
    """What a policy did with a number of texts.

    Attributes:
        number: of texts.
        by_rule: how many each rule refused.
        passed: the texts that none refused.
    """

    number: int
    by_rule: dict[str, int]
    passed: tuple[str, ...]

    @property
    def share(self) -> float:
        """Of texts that were refused, 0 to 1."""
        return 1 - len(self.passed) / self.number


def injections() -> list[Injection]:
    """The 181 labelled texts, every byte checked."""
    path = data.verified("injections") / "injections.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Injection(r["id"], r["text"], r["label"] == "malicious", r["category"], r["lang"])
        for r in rows
    ]


def count_refusals(texts: Iterable[str], policy: Policy | FieldPolicy = POLICY) -> Refusals:
    """Put texts to a policy and count what it refuses, by rule.

    Raises:
        ValueError: if there is no text.
    """
    rules: Counter[str] = Counter()
    passed, number = [], 0
    for text in texts:
        number += 1
        try:
            policy.check("text", text)
        except Refused as refusal:
            rules[refusal.rule] += 1
        else:
            passed.append(text)
    if not number:
        raise ValueError("There are no texts to count: give at least one.")
    return Refusals(number, dict(rules), tuple(passed))
