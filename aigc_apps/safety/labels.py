"""What the labelling rules of China and the EU ask of generated files, and what ours do (6.4)."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from aigc_utils.files import read_yaml

RULES = {
    "visible": "GB 45438-2025, a visible or audible sign",
    "hidden": "GB 45438-2025, a hidden label",
    "machine": "EU AI Act, Art. 50(2)",
}


class Met(BaseModel):
    """What is done about one rule, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: Literal["met", "partly", "not met"]
    how: str


class FormatLabels(BaseModel):
    """What is done in one format.

    Attributes:
        example: an application and the fields of a request that give such a file.
        visible, hidden, machine: the rules, see `RULES`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    example: tuple[str, dict[str, Any]]
    visible: Met
    hidden: Met
    machine: Met


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    formats: dict[str, FormatLabels]


@functools.cache
def read_labels() -> dict[str, FormatLabels]:
    """The table in ``labels.yml``, by format."""
    return read_yaml(Path(__file__).with_name("labels.yml"), _Table).formats
