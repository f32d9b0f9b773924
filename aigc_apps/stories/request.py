"""What a story can be asked for: theme, keywords, genre, length and writer (chapter 6.1)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, field_validator, model_validator

from aigc_apps.common import texts
from aigc_apps.contract import Request
from aigc_apps.evaluation.trials import Trial
from aigc_apps.safety import Policy

# The stories are English, whichever the writer.
THEME = Policy(max_chars=100, scripts=("LATIN",))
KEYWORD = Policy(max_chars=24, scripts=("LATIN",))

# A new genre also needs its openings in small.yml, and openings and endings in template.yml.
Genre = Literal["adventure", "mystery", "romance", "fairy tale"]
WriterName = Literal["small", "pretrained", "retrieval", "template", "endpoint"]
# How many of the commonest word forms of the novels each level has; see `make.within`.
LEVELS = {"common": 1000, "middle": 3000}
Level = Literal["any", "common", "middle"]
Keyword = Annotated[str, StringConstraints(strip_whitespace=True)]


class StoryRequest(Request):
    """What a story is to be about."""

    theme: str = Field(description="what it is about, in a few English words")
    keywords: tuple[Keyword, ...] = Field(
        (), max_length=5, description="words that must occur, as they are written here"
    )
    genre: Genre = Field("mystery", description="what kind of story")
    chapters: int = Field(1, ge=1, le=3, description="how many")
    words: int = Field(300, ge=60, le=600, description="about how many in all")
    level: Level = Field(
        "any", description="report the share of words among the 1,000 or 3,000 commonest of novels"
    )
    writer: WriterName = Field(
        "small",
        description="small: the course's own model; pretrained: SmolLM2; retrieval: a passage of "
        "novels; template: a form; endpoint: yours, by AIGC_LLM_URL",
    )

    @field_validator("theme")
    @classmethod
    def _check_theme(cls, theme: str) -> str:
        return THEME.check("theme", theme)

    @field_validator("keywords")
    @classmethod
    def _check_keywords(cls, keywords: tuple[str, ...]) -> tuple[str, ...]:
        keywords = KEYWORD.check_all("A keyword", keywords)
        for keyword in keywords:
            if texts.WORD.sub("", keyword).strip():
                raise ValueError(f"The keyword {keyword!r} holds more than letters: give words.")
        folded = [keyword.lower() for keyword in keywords]
        twice = next((k for k in keywords if folded.count(k.lower()) > 1), None)
        if twice is not None:
            raise ValueError(f"The keyword {twice!r} is given twice: give it once.")
        return keywords

    @model_validator(mode="after")
    def _check_room(self) -> StoryRequest:
        if self.words < 60 * self.chapters:
            raise ValueError(
                f"{self.words} words are too few for {self.chapters} chapters: give at least "
                f"{60 * self.chapters}, or fewer chapters."
            )
        return self


class TriedRequest(BaseModel, extra="forbid", frozen=True):
    """What ``trial.yml`` says of one request; genres take turns."""

    theme: str
    keywords: tuple[str, ...]


class StoryTrial(Trial):
    """What is in ``trial.yml``: besides what every trial has, the requests, of ``words`` each."""

    words: int
    requests: tuple[TriedRequest, ...]
