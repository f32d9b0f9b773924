"""What the template can be asked; no chapter uses it yet."""

from __future__ import annotations

from pydantic import Field, field_validator

from aigc_apps.contract import Request
from aigc_apps.safety import field_policy


class TemplateRequest(Request):
    """A thing, and how many sentences about it."""

    thing: str = Field(description="what the sentences are about, in a few words")
    sentences: int = Field(2, ge=1, le=5, description="how many sentences")

    @field_validator("thing")
    @classmethod
    def _served(cls, text: str) -> str:
        # A theme is a few plain words; other kinds: prose, name, code, formula, table, document.
        return field_policy("theme").check("thing", text)
