"""What a story can be asked for: theme, keywords, genre, length and writer (chapter 6.1)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from aigc_apps.common import texts
from aigc_apps.contract import Request
from aigc_apps.safety import Policy

# The stories are English, whichever the writer.
THEME = Policy(max_chars=100, scripts=("LATIN",))
KEYWORD = Policy(max_chars=24, scripts=("LATIN",))

# A new genre also needs its openings in small.yml, and openings and endings in template.yml.
Genre = Literal["adventure", "mystery", "romance", "fairy tale"]
WriterName = Literal["small", "pretrained", "template", "endpoint"]
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
    writer: WriterName = Field(
        "small",
        description="small: the course's own model; pretrained: SmolLM2; template: no model; "
        "endpoint: yours, by AIGC_LLM_URL",
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
