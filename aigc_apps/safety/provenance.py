"""Where an artefact of chapter 6 comes from, in words and fields; `saving.py` writes and checks."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

MADE_BY = "made by a generative model"
MADE_WITHOUT = "made without a generative model"


class Provenance(BaseModel):
    """What made an artefact, of what, and how it can be made again.

    Attributes:
        made_by: always one of two sentences, so that it can be searched for; the second is
            for baselines, which have a provenance too.
        scenario: the scenario's name.
        model: the checkpoint or model, with the beginning of its weights' SHA-256 where it has one.
        data: what the model was trained on.
        request: what was asked.
        seed: with the same request, model, seed and version the same artefact is made again.
        version: of the code, see `aigc_apps.contract.code_version`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    made_by: Literal["made by a generative model", "made without a generative model"] = MADE_BY
    scenario: str
    model: str
    data: str
    request: dict[str, Any]
    seed: int
    version: str


def made_by_line(provenance: Provenance) -> str:
    """One line for the foot of a text or a file's comment."""
    return (
        f"{provenance.made_by}: {provenance.scenario}, {provenance.model}, seed {provenance.seed}"
    )
