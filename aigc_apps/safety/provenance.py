"""Where an artefact of chapter 6 comes from, in words and fields; `saving.py` writes and checks."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

MADE_BY = "made by a generative model"
MADE_WITHOUT = "made without a generative model"
PRODUCER = "aigc-workbook"  # nobody's registered service: whoever offers one writes its own name

Origin = Literal["model", "rule", "template", "source", "person"]


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
        parts: where each part comes from: a model, a rule (counts are one), a template, a source
            that was looked up, or a person.
        chosen: of how many drafts it was chosen, and by what; empty if it was the only one.
        repairs: what was changed in it afterwards, a few words each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    made_by: Literal["made by a generative model", "made without a generative model"] = MADE_BY
    scenario: str
    model: str
    data: str
    request: dict[str, Any]
    seed: int
    version: str
    parts: dict[str, Origin] = {}
    chosen: str = ""
    repairs: tuple[str, ...] = ()


def made_by_line(provenance: Provenance) -> str:
    """One line for the foot of a text or a file's comment; labels.yml says what it is worth."""
    sign = " (AI生成)" if provenance.made_by == MADE_BY else ""
    what = f"{provenance.scenario}, {provenance.model}, seed {provenance.seed}"
    return f"{provenance.made_by}{sign}: {what}"


def file_comment(provenance: Provenance) -> str:
    """`made_by_line`, and behind it the field AIGC of GB 45438-2025 as JSON, if a model made it.

    ``Label`` 1 says that a file is generated. ``ProduceID`` is the beginning of the SHA-256 of
    the provenance; who spreads a file fills the rest.
    """
    line = made_by_line(provenance)
    if provenance.made_by != MADE_BY:
        return line
    number = hashlib.sha256(provenance.model_dump_json().encode("utf-8")).hexdigest()[:16]
    field = {
        "Label": "1", "ContentProducer": PRODUCER, "ProduceID": number, "ReservedCode1": "",
        "ContentPropagator": "", "PropagateID": "", "ReservedCode2": "",
    }  # fmt: skip
    return f"{line} {json.dumps({'AIGC': field})}"
