"""What the poet can be asked for: theme, form, style, first characters, temperature (6.2)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from aigc_apps.contract import Request
from aigc_apps.safety import Policy

Form = Literal["五绝", "七绝", "haiku"]
# The quatrains' forms are those of prosody/forms.yml; a style is an author of the poems.
Style = Literal["", "李白", "杜甫", "白居易", "李商隐", "杜牧", "刘禹锡"]
STYLES: tuple[str, ...] = Style.__args__[1:]

THEME = Policy(max_chars=60)
HEADS = Policy(max_chars=4, scripts=("CJK",))


class PoetryRequest(Request):
    """What a poem is to be about, and in which form."""

    theme: str = Field("秋夜", description="what it is about, in Chinese or a few English words")
    form: Form = Field(
        "七绝",
        description="four lines of five (五绝) or seven (七绝) characters; or an English haiku",
    )
    style: Style = Field("", description="a poet whose words are preferred; empty for none")
    heads: str = Field(
        "", description="first characters of the lines (藏头), two to four; empty for any"
    )
    number: int = Field(1, ge=1, le=4, description="how many poems")
    temperature: float = Field(
        0.9, ge=0.2, le=1.5, description="below 1 the likely is preferred, above 1 the unlikely"
    )

    @field_validator("theme")
    @classmethod
    def _check_theme(cls, theme: str) -> str:
        return THEME.check("theme", theme)

    @field_validator("heads")
    @classmethod
    def _check_heads(cls, heads: str) -> str:
        if not heads:
            return heads
        heads = HEADS.check("heads", heads)
        if len(heads) < 2 or len(set(heads)) < len(heads):
            raise ValueError(f"heads is {heads!r}: give two to four different characters.")
        return heads

    @model_validator(mode="after")
    def _check_haiku(self) -> PoetryRequest:
        if self.form != "haiku":
            return self
        if not self.theme.isascii():
            raise ValueError(
                f"theme is {self.theme!r}: a haiku is English here, so name the theme in English."
            )
        for name in ("style", "heads"):
            if value := getattr(self, name):
                raise ValueError(f"{name} is {value!r}: leave it out, it is for quatrains only.")
        return self
