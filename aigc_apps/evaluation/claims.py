"""What is claimed of an application before anything is measured: ``claims.yml`` in its folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aigc_utils.files import read_yaml

ARMS = ("generated", "alternative", "strong_simple", "people")


class Claim(BaseModel):
    """One claim: what somebody needs, how it is measured, and what would show it.

    Attributes:
        name: short and unique, such as ``"theme"``; stored items carry it.
        need: what the user needs, in a sentence.
        measure: what is counted for each item, in a sentence.
        unit: such as ``"bits a pair"``; empty for a share, whose items are yes or no.
        role: ``"gate"`` (holds by construction, or the product is broken), ``"quality"``,
            ``"safety"`` (what must hardly ever happen) or ``"diagnostic"`` (for the chapter; it
            decides nothing).
        better: which way is better. With ``"target"`` items are distances from what was asked,
            and less is better.
        against: the arm that it is compared with; None where a bound decides.
        bound: of the mean, where nothing is compared: at least, or at most if lower is better.
        margin: the smallest difference that matters, in the unit.
        by: ``"superiority"`` (better by more than the margin) or ``"non-inferiority"`` (worse by
            less than the margin).
        deciding: whether the answer hangs on it; gates and safety always decide.
        cheap: what the cheapest trick is that might earn it, and why it does not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{1,30}$")
    need: str = Field(min_length=10)
    measure: str = Field(min_length=10)
    unit: str = ""
    role: Literal["gate", "quality", "safety", "diagnostic"]
    better: Literal["higher", "lower", "target"]
    against: Literal["alternative", "strong_simple", "people"] | None = None
    bound: float | None = None
    margin: float | None = Field(default=None, gt=0)
    by: Literal["superiority", "non-inferiority"] = "superiority"
    deciding: bool = False
    cheap: str = ""

    @model_validator(mode="after")
    def _holds_together(self) -> Claim:
        if self.role in ("gate", "safety") and self.bound is None:
            raise ValueError(f"the claim {self.name!r} is a {self.role} without a bound: write one")
        if self.role == "quality" and self.deciding and (self.against is None or not self.margin):
            raise ValueError(
                f"the claim {self.name!r} decides without a baseline: write `against` and `margin`"
            )
        if self.role == "diagnostic" and self.deciding:
            raise ValueError(f"the claim {self.name!r} is a diagnostic, which decides nothing")
        return self

    @property
    def decides(self) -> bool:
        """Whether the answer hangs on it."""
        return self.deciding or self.role in ("gate", "safety")

    @property
    def sign(self) -> int:
        """1 where higher is better, else -1."""
        return 1 if self.better == "higher" else -1


def read_claims(path: str | os.PathLike) -> tuple[Claim, ...]:
    """The claims in a file.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if something in it is wrong, in a sentence that says what.
    """
    claims = read_yaml(path, tuple[Claim, ...])
    names = [claim.name for claim in claims]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{path} has two claims {name!r}: give each a name of its own.")
    if not any(claim.decides for claim in claims):
        raise ValueError(f"{path} has no claim that decides: mark one with `deciding: true`.")
    return claims


def claims_sha256(claims: Sequence[Claim]) -> str:
    """What a record carries, so that it is not believed under other claims.

    The words count too: who rewords a need measures again.
    """
    text = "\n".join(claim.model_dump_json() for claim in claims)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
