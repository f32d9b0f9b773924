"""How texts speak to a model instead of naming a theme, in five languages and in Chinese.

An order counts only together with what it is an order about: "ignore the rain", "love without
limits" and "act as a tutor" are themes. The phrases lie beside this file in ``instructions.yml``.
They were written after reading the texts in ``data/injections``, so what they catch there is no
measure of what they would catch elsewhere; what they refuse wrongly is measured on other texts
(`aigc_apps.safety.measure`). Every application of chapter 6 passes what people write through them.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from aigc_utils.files import read_yaml

CHINESE = re.compile("[\u4e00-\u9fff]+")


class Phrases(BaseModel):
    """What ``instructions.yml`` holds.

    Attributes:
        parts: whole words and phrases by the name of what they do, as regular expressions.
        patterns: regular expressions by what they find; ``<name>`` stands for a part.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    parts: dict[str, list[str]]
    patterns: dict[str, list[str]]

    def compiled(self) -> re.Pattern:
        """One pattern that finds what any of the patterns finds, whatever the case."""
        return re.compile("|".join(p.pattern for p in self.by_name().values()), re.IGNORECASE)

    def by_name(self) -> dict[str, re.Pattern]:
        """A pattern for each name, with its parts filled in."""
        found = {}
        for name, several in self.patterns.items():
            whole = "|".join(f"(?:{one})" for one in several)
            for part, phrases in self.parts.items():
                either = "|".join(map(anywhere_or_whole, phrases))
                whole = whole.replace(f"<{part}>", f"(?:{either})")
            found[name] = re.compile(whole, re.IGNORECASE)
        return found


def anywhere_or_whole(phrase: str) -> str:
    """A pattern that finds a phrase: Chinese anywhere, any other as whole words."""
    return phrase if CHINESE.search(phrase) else rf"\b(?:{phrase})\b"


@functools.cache
def instruction_pattern() -> re.Pattern:
    """What finds texts that speak to a model."""
    return read_yaml(Path(__file__).with_name("instructions.yml"), Phrases).compiled()
