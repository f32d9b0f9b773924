"""What an application is tried on (``trial.yml``), and what came of it, before anybody decides."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from aigc_apps import economics
from aigc_apps.evaluation.items import Items

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
Answers = dict[str, list[Answer]]


class Minutes(BaseModel):
    """What people's work costs, generated or not; minutes that nobody has timed are assumed.

    Attributes:
        alternative: what the user does today, in a sentence.
        alternative_minutes: that it takes for each item.
        review_minutes: to read or hear a generated item and to decide.
        rework_minutes: to mend one that is not accepted; None if it is thrown away.
        assumed: where the minutes come from, in a sentence.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    alternative: str = Field(min_length=10)
    alternative_minutes: float = Field(gt=0)
    review_minutes: float = Field(ge=0)
    rework_minutes: float | None = Field(default=None, ge=0)
    assumed: str = Field(min_length=10)

    @property
    def break_even(self) -> float:
        """The share of accepted items from which generation saves time; above 1 it never does."""
        return float(
            economics.break_even_by_minutes(
                self.review_minutes, self.alternative_minutes, self.rework_minutes
            )
        )


class Trial(BaseModel):
    """What is in a ``trial.yml``; an application adds its own themes, words or tunes.

    Attributes:
        number: of requests for the course's record.
        work: see `Minutes`.
        risks: what can go wrong, a sentence each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int = Field(ge=1)
    work: Minutes
    risks: tuple[str, ...]

    def first(self, things: Sequence[Asked], number: int) -> Sequence[Asked]:
        """The first of what is tried, so many.

        Raises:
            ValueError: if ``number`` is not at least 1, or more than there are.
        """
        if not 1 <= number <= len(things):
            raise ValueError(
                f"{number} requests are asked for, and there are {len(things)}: give 1 to "
                f"{len(things)}."
            )
        return things[:number]


@dataclass
class Measured:
    """What was measured of an application.

    Attributes:
        items: values by claim, arm and request.
        requests: what was asked, by the names that `items` has: plain fields.
        model: what generated, such as a checkpoint's name.
        model_sha256: of its weights; empty where there are none or they are somebody else's.
        settings: of the generation and of the measures, as plain values.
        seconds: of wall time, of each artefact, models loaded.
        training_seconds: that the model took; 0 where it is somebody else's.
    """

    items: Items
    requests: dict[str, dict[str, Any]]
    model: str
    seconds: list[float]
    model_sha256: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    training_seconds: float = 0.0


def answer_all(
    make: Callable[[Asked, int], Answer],
    requests: Mapping[str, Asked],
    seed: int,
    say: Callable[[str], Any] | None = None,
    word: str = "",
) -> tuple[Answers, list[float]]:
    """One answer to each request, each with a seed of its own, and the wall seconds of each.

    Args:
        make: takes a request and a seed.
        requests: by name.
        seed: of the first; the next ones count on.
        say: told how many are done, every half minute, with an estimate.
        word: what is made, for `say`.
    """
    answers: Answers = {}
    seconds: list[float] = []
    told = begun = time.monotonic()
    for number, (name, request) in enumerate(requests.items()):
        start = time.perf_counter()
        answers[name] = [make(request, seed + number)]
        seconds.append(time.perf_counter() - start)
        if say and time.monotonic() - told > 30:
            told = time.monotonic()
            left = (told - begun) / (number + 1) * (len(requests) - number - 1) / 60
            say(f"  {word}: {number + 1} of {len(requests)}, about {left:.0f} min left")
    return answers, seconds


def measure_all(
    items: Items,
    claim: str,
    answers: Mapping[str, Mapping[str, Sequence[Answer]]],
    value: Callable[[Answer], float],
) -> None:
    """Put a value of each answer of each arm into the table.

    Args:
        items: the table.
        claim: by its name.
        answers: by arm, then by request.
        value: of one answer; a yes or no counts as 1 or 0.
    """
    for arm, by_request in answers.items():
        for request, made in by_request.items():
            items.add(claim, arm, request, [float(value(answer)) for answer in made])
