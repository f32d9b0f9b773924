"""An application for tests of commands, found as all are: by its folder's card."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, field_validator

from aigc_apps.contract import Artifact, Card, Request, Scenario
from aigc_apps.evaluation.items import Items
from aigc_apps.evaluation.trials import Measured
from aigc_apps.safety import POLICY


class Part(BaseModel):
    text: str
    size: int = 1


class ToyRequest(Request):
    theme: str = Field(description="what it is about")
    words: tuple[str, ...] = Field((), max_length=3, description="words that must occur")
    kind: Literal["short", "long"] = Field("short", description="how long")
    times: int = Field(2, ge=1, le=5, description="how often")
    heat: float | None = Field(None, gt=0, description="how wild")
    loud: bool = Field(False, description="in capitals")
    extra: dict[str, int] = Field(default_factory=dict, description="anything else")
    parts: tuple[Part, ...] = Field((), description="texts, each with a size")
    label: str = Field("none", description="a name that a checkpoint's option has too")

    @field_validator("theme")
    @classmethod
    def _plain(cls, text: str) -> str:
        return POLICY.check("theme", text)


class Toy(Scenario):
    """Says the theme a number of times."""

    card = Card.beside(__file__)
    Request = ToyRequest
    examples = ({"theme": "sea"},)

    def suffix(self, request):
        return ".txt"

    def generate(self, request, seed=0):
        text = f"{request.theme} {seed}\n" * request.times + " ".join(request.words) + "\n"
        text = text.upper() if request.loud else text
        where = self.provenance(request, seed)
        return Artifact(text.encode(), "text/plain", ".txt", where)

    baseline = generate

    def trial_requests(self, number):
        return {theme: self.ask(theme=theme) for theme in self.trial.first(("sea", "sun"), number)}

    def measure(self, number, seed=0, say=None):
        items, requests = Items(), self.trial_requests(number)
        for name in requests:
            for arm in ("generated", "strong_simple"):
                items.add("said", arm, name, [1])
        asked = {name: request.model_dump() for name, request in requests.items()}
        return Measured(items, asked, "none", [0.1])
