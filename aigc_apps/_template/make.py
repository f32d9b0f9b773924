"""How the template makes sentences: a pattern and words, drawn from ``words.yml``."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from aigc_apps._template.request import TemplateRequest
from aigc_utils.files import read_yaml


class TemplateWords(BaseModel):
    """What ``words.yml`` holds.

    Attributes:
        patterns: sentences with ``{thing}``, ``{quality}`` and ``{place}``.
        qualities, places: what fills the last two.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    patterns: tuple[str, ...] = Field(min_length=1)
    qualities: tuple[str, ...] = Field(min_length=1)
    places: tuple[str, ...] = Field(min_length=1)

    @field_validator("patterns")
    @classmethod
    def _can_be_filled(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                pattern.format(thing="", quality="", place="")
            except (LookupError, ValueError, AttributeError):
                raise ValueError(
                    f"the pattern {pattern!r} may have {{thing}}, {{quality}} and {{place}} in "
                    "braces and nothing else"
                ) from None
        return patterns


@functools.cache
def read_template_words() -> TemplateWords:
    """The words, read once and checked."""
    return read_yaml(Path(__file__).with_name("words.yml"), TemplateWords)


def write_template(request: TemplateRequest, seed: int) -> str:
    """Sentences whose patterns and words are drawn; the same seed draws the same."""
    words, rng = read_template_words(), np.random.default_rng(seed)
    return " ".join(
        str(rng.choice(words.patterns)).format(
            thing=request.thing,
            quality=rng.choice(words.qualities),
            place=rng.choice(words.places),
        )
        for _ in range(request.sentences)
    )


def repeat_template(request: TemplateRequest) -> str:
    """What one would do without drawing: the first pattern and the first words each time."""
    words = read_template_words()
    sentence = words.patterns[0].format(
        thing=request.thing, quality=words.qualities[0], place=words.places[0]
    )
    return " ".join([sentence] * request.sentences)
