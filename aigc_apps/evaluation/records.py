"""What the course knows of an application: what was measured, of what, when, and the answer.

A record is a JSON file with a table of items beside it; anybody can compute the one from the
other. Chapters 6.1 to 6.4 make small ones, chapter 8.9 reads those of the course.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from aigc_apps.evaluation.claims import Claim, claims_sha256
from aigc_apps.evaluation.decide import Answer, ClaimResult, Decision, People, decide
from aigc_apps.evaluation.items import Items
from aigc_apps.evaluation.trials import Measured, Minutes, Trial
from aigc_utils.files import atomic_path


class Verdict(BaseModel):
    """One application as it was measured.

    Attributes:
        application, title: of its card.
        answer, because, missing: see `decide.Decision`; nobody was asked.
        findings: what each claim came to.
        claims_sha256: of the claims that it was measured under.
        items_sha256: of the values in the table beside it.
        requests: what was asked, by name; requests_sha256 is their hash.
        model, model_sha256, settings, seed: of the generation.
        code: the version of the code that made and measured, see `contract.code_version`.
        date: of the measurement, such as ``"2026-11-30"``.
        machine: that it ran on.
        seconds_each: wall seconds of one artefact, models loaded: the median.
        training_seconds: that the model took.
        work: people's minutes; break_even is the acceptance from which they are saved.
        risks, not_for: of its trial and its card.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    application: str
    title: str
    answer: Answer
    because: str
    missing: tuple[str, ...]
    findings: tuple[ClaimResult, ...]
    claims_sha256: str
    items_sha256: str
    requests: dict[str, dict[str, Any]]
    requests_sha256: str
    model: str
    model_sha256: str
    settings: dict[str, Any]
    seed: int
    code: str
    date: str
    machine: str
    seconds_each: float
    training_seconds: float
    work: Minutes
    break_even: float
    risks: tuple[str, ...]
    not_for: tuple[str, ...]

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What was claimed."""
        return tuple(finding.claim for finding in self.findings)

    def finding(self, claim: str) -> ClaimResult:
        """Of a claim, by name.

        Raises:
            ValueError: if there is none of that name.
        """
        for found in self.findings:
            if found.claim.name == claim:
                return found
        names = ", ".join(c.name for c in self.claims)
        raise ValueError(f"There is no claim {claim!r} of {self.application}: choose from {names}.")


def make_record(
    measured: Measured, claims: Sequence[Claim], trial: Trial, seed: int, **known: Any
) -> Verdict:
    """The record of a measurement.

    Args:
        measured: what was measured.
        claims: that it was measured under.
        trial: of the application.
        seed: of the first artefact.
        known: ``application``, ``title``, ``code``, ``machine`` and ``not_for``.

    Raises:
        ValueError: if a claim that decides was not measured.
    """
    decision = decide(claims, measured.items)
    return Verdict(
        **known,
        answer=decision.answer,
        because=decision.because,
        missing=decision.missing,
        findings=decision.findings,
        claims_sha256=claims_sha256(claims),
        items_sha256=measured.items.sha256(),
        requests=measured.requests,
        requests_sha256=_requests_sha256(measured.requests),
        model=measured.model,
        model_sha256=measured.model_sha256,
        settings=measured.settings,
        seed=seed,
        date=datetime.date.today().isoformat(),
        seconds_each=round(statistics.median(measured.seconds), 4),
        training_seconds=measured.training_seconds,
        work=trial.work,
        break_even=trial.work.break_even,
        risks=trial.risks,
    )


def items_path(path: str | os.PathLike) -> Path:
    """The table beside a record: ``poetry.items.csv.gz`` beside ``poetry.json``."""
    return Path(path).with_suffix(".items.csv.gz")


def write_verdict(record: Verdict, items: Items, folder: str | os.PathLike) -> Path:
    """Write a record and its table; the record is written last, and names the table's hash.

    Returns:
        The record's file.

    Raises:
        ValueError: if the table is another's.
        OSError: if one cannot be written.
    """
    if items.sha256() != record.items_sha256:
        raise ValueError(f"These are not the items of the record of {record.application!r}.")
    path = Path(folder) / f"{record.application}.json"
    items.write(items_path(path))
    with atomic_path(path) as temporary:
        temporary.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return path


def read_record(path: str | os.PathLike, claims: Sequence[Claim] | None = None) -> Verdict:
    """The record in a file.

    Args:
        path: of the JSON file.
        claims: of today; a record under others says nothing of them.

    Raises:
        ValueError: if it is damaged, or was measured under other claims.
        OSError: if it cannot be read.
    """
    path = Path(path)
    try:
        record = Verdict.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors()[0]
        where = " > ".join(map(str, first["loc"])) or "the file"
        raise ValueError(
            f"{path} is damaged at {where} ({first['msg'].lower()}): restore it with git."
        ) from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is damaged: restore it with git. ({error})") from None
    if claims is not None and record.claims_sha256 != claims_sha256(claims):
        raise ValueError(
            f"{path} was measured under other claims than those of today: type make verdicts "
            f"ARGS={record.application}."
        )
    return record


def read_items(path: str | os.PathLike, record: Verdict) -> Items:
    """The table of a record.

    Args:
        path: of the record.
        record: as it was read from there.

    Raises:
        ValueError: if it is damaged, or not this record's.
        OSError: if it cannot be read.
    """
    table = items_path(path)
    items = Items.read(table)
    if items.sha256() != record.items_sha256:
        raise ValueError(f"{table} is not the table of its record: restore both with git.")
    return items


def decide_again(record: Verdict, items: Items, people: People | None = None) -> Decision:
    """The answer from the items, with what people said."""
    return decide(record.claims, items, people)


def _requests_sha256(requests: dict[str, dict[str, Any]]) -> str:
    text = json.dumps(requests, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
