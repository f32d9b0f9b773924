"""The contract that every application of chapter 6 follows: a small product, a measured verdict.

A scenario says what it is for (`Card`), takes a typed request, gives an `Artifact` that carries
where it comes from, knows the strong simple way to the same (`Scenario.baseline`), and measures
itself (`Scenario.measure`); `aigc_apps.evaluation` decides for all alike. Notebook, command line,
report and service call the same object, so none of them has rules of its own.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

import aigc_utils
from aigc_apps import saving
from aigc_apps.evaluation.claims import Claim, read_claims
from aigc_apps.evaluation.items import Items
from aigc_apps.evaluation.records import Verdict, make_record
from aigc_apps.evaluation.trials import Measured, Trial
from aigc_apps.origins import code_sha256, describe_machine
from aigc_apps.safety import Provenance
from aigc_apps.safety.provenance import MADE_BY, MADE_WITHOUT
from aigc_utils.files import check_yaml, joined_sha256, read_yaml


class Card(BaseModel):
    """What a scenario is for, and what it must not be used for.

    Attributes:
        name: as on the command line.
        title, title_zh: in English and Chinese.
        essay: the sections of the essay that name it, such as ``"3.4.1, 6.2"``.
        need: what somebody wants, in one sentence.
        user: who that is.
        model: what generates.
        data: what the model learnt from, with its licence.
        not_for: uses that are refused or unwise, each with the reason.
        notebook: the chapter that builds it, such as ``"06_01_stories"``; None until there is one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    title_zh: str
    essay: str
    need: str
    user: str
    model: str
    data: str
    not_for: tuple[str, ...]
    notebook: str | None

    @classmethod
    def read(cls, path: str | os.PathLike) -> Card:
        """The card in a file ``card.yml``; the application's name is that of its folder.

        Raises:
            FileNotFoundError: if there is none.
            ValueError: if something in it is wrong, in a sentence that says what.
        """
        path = Path(path)
        written = read_yaml(path, dict[str, Any])
        return check_yaml({"name": path.parent.name, **written}, cls, path)

    @classmethod
    def beside(cls, module_file: str) -> Card:
        """The card in the folder of a module: ``Card.beside(__file__)``."""
        return cls.read(Path(module_file).with_name("card.yml"))


class Request(BaseModel):
    """What is asked of a scenario; a subclass has the fields, with limits and descriptions.

    Each text that people write passes `aigc_apps.safety.field_policy` of its kind in a field
    validator: theme, prose, name, code, formula, table or document.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclasses.dataclass(frozen=True)
class Artifact:
    """What a scenario made.

    Attributes:
        content: the file's bytes, with `provenance` in them where the format has a place for it.
        media_type: such as ``"text/plain"``, ``"audio/midi"``, ``"video/mp4"``.
        suffix: of a file that holds it, such as ``".txt"``.
        provenance: where it comes from.
        details: what the scenario knows about it besides, for tests and notebooks.
    """

    content: bytes
    media_type: str
    suffix: str
    provenance: Provenance
    details: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def text(self) -> str:
        """The content of a text.

        Raises:
            ValueError: if it is none.
        """
        if not self.media_type.startswith("text/"):
            raise ValueError(f"This is {self.media_type} and no text: use `content` or `save`.")
        return self.content.decode("utf-8")

    def save(self, path: str | os.PathLike) -> None:
        """Write the content, and beside it ``PATH.provenance.json``.

        Raises:
            ValueError: if the file's name ends in another suffix than the artefact's.
            OSError: if it cannot be written; what was there before is unchanged.
        """
        if not str(path).endswith(self.suffix):
            raise ValueError(
                f"The file {path} would hold {self.media_type}: end it in {self.suffix}."
            )
        saving.save_with_provenance(path, self.content, self.provenance)


class Scenario(abc.ABC):
    """A small product. A subclass loads its models when first asked, and keeps them.

    Attributes:
        card: what it is for.
        Request: what it can be asked.
        Trial: what its ``trial.yml`` holds.
        examples: plain fields of requests that it takes, the quickest first; reports show what
            comes of them, and the tests put hostile texts in their place.
    """

    card: ClassVar[Card]
    Request: ClassVar[type[Request]]
    Trial: ClassVar[type[Trial]] = Trial
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)

    @abc.abstractmethod
    def suffix(self, request: Request) -> str:
        """The suffix of the artefacts that answer a request, such as ``".txt"``.

        It is known before one is made, so that a file's name can be checked first.
        """

    @abc.abstractmethod
    def generate(self, request: Request, seed: int = 0) -> Artifact:
        """Make one artefact.

        Args:
            request: of the scenario's own ``Request``.
            seed: the same seed gives the same artefact on one machine.
        """

    @abc.abstractmethod
    def baseline(self, request: Request, seed: int = 0) -> Artifact:
        """The strong simple way: retrieval, counts or a rule that knows as much as the model."""

    @abc.abstractmethod
    def measure(
        self, number: int, seed: int = 0, say: Callable[[str], Any] | None = None
    ) -> Measured:
        """Answer so many requests in all arms, and measure what ``claims.yml`` claims.

        Args:
            number: of requests.
            seed: of the first answer.
            say: told of the progress.

        Raises:
            ValueError: if ``number`` is not at least 1, or more than there are requests.
        """

    @abc.abstractmethod
    def trial_requests(self, number: int) -> dict[str, Request]:
        """The first requests of its trial, by names that say what is asked, without refused ones.

        Raises:
            ValueError: if ``number`` is not at least 1, or more than there are.
        """

    def blind(self, artifact: Artifact) -> Artifact:
        """What raters see: the same without the words that tell its origin.

        Here: of a text all above the line that says what made it. What else tells, a subclass
        takes away.
        """
        if not artifact.media_type.startswith("text/"):
            return artifact
        # The line may begin with a capital, behind the star of a text in italics.
        line = re.compile(re.escape(artifact.provenance.made_by), re.IGNORECASE)
        above = line.split(artifact.text, maxsplit=1)[0]
        above = above.rstrip("*\n ").removesuffix("---").rstrip()
        return dataclasses.replace(artifact, content=f"{above}\n".encode())

    def judge(
        self, number: int | None = None, seed: int = 0, say: Callable[[str], Any] | None = None
    ) -> tuple[Verdict, Items]:
        """Measure, and decide: a record, and the items that it was computed from.

        Args:
            number: of requests; by default as many as the course's record has.
            seed, say: as of `measure`.
        """
        measured = self.measure(self.trial.number if number is None else number, seed, say)
        record = make_record(
            measured, self.claims, self.trial, seed,
            application=self.card.name, title=self.card.title, code=code_version(),
            machine=describe_machine(), not_for=self.card.not_for,
        )  # fmt: skip
        return record, measured.items

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What is claimed: ``claims.yml`` in the application's folder."""
        return read_claims(self._beside("claims.yml"))

    @property
    def trial(self) -> Trial:
        """What it is tried on: ``trial.yml`` in the application's folder."""
        return read_yaml(self._beside("trial.yml"), self.Trial)

    def _beside(self, name: str) -> Path:
        return Path(inspect.getfile(type(self))).with_name(name)

    def ask(self, **fields) -> Request:
        """A checked request from plain values, such as those of a command line.

        Raises:
            ValueError: one line for each field that is wrong, all at once.
        """
        try:
            return type(self).Request(**fields)
        except ValidationError as error:
            raise ValueError(
                "\n".join(_sentence(type(self).Request, e) for e in error.errors())
            ) from None

    def provenance(
        self, request: Request, seed: int, model: str | None = None, *, by_model: bool = True
    ) -> Provenance:
        """The provenance of what answers a request; with ``by_model=False``, of a baseline."""
        return Provenance(
            made_by=MADE_BY if by_model else MADE_WITHOUT,
            scenario=self.card.name,
            model=model or self.card.model,
            data=self.card.data,
            request=request.model_dump(mode="json"),
            seed=seed,
            version=code_version(),
        )


@functools.cache
def code_version() -> str:
    """The version that provenances name, such as ``"0.1.0+4f1c09a2b6d3"``.

    Behind the number come 12 digits of the SHA-256 over the code and texts of `aigc_utils` and
    `aigc_apps`, in which all that makes artefacts lies. So a changed line shows.
    """
    folders = (Path(aigc_utils.__file__).parent, Path(__file__).parent)
    return f"{aigc_utils.__version__}+{joined_sha256(map(code_sha256, folders))[:12]}"


def _sentence(request: type[Request], error: dict) -> str:
    """One of pydantic's errors as a sentence with the value and what to do."""
    import difflib

    loc = error["loc"]
    parts = [f"item {part + 1}" if isinstance(part, int) else str(part) for part in loc]
    name, nested = ", ".join(parts) or "The request", len(loc) > 1
    if error["type"] == "extra_forbidden" and nested:
        return f"There is no field {name!r}: leave it out."
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, request.model_fields, n=1)
        hint = (
            f"did you mean {near[0]}?"
            if near
            else f"choose from {', '.join(request.model_fields)}."
        )
        return f"There is no field {name!r}: {hint}"
    if error["type"] == "missing":
        said = None if nested else request.model_fields[name].description
        return f"{name} is missing: {said or 'give it'}."
    if error["type"] == "value_error":  # ours, a whole sentence already
        return str(error["ctx"]["error"])
    value, message = repr(error["input"]), error["msg"]
    if error["type"] in ("too_long", "too_short"):
        word, limit = ("most", "max") if error["type"] == "too_long" else ("least", "min")
        limit = error["ctx"][f"{limit}_length"]
        message = f"give at {word} {limit} and not {error['ctx']['actual_length']}"
    # Only its first letter: permitted values may follow, in capitals.
    message = message[:1].lower() + message[1:]
    return f"{name} is {value[:60]}{'...' if len(value) > 60 else ''}: {message}."
