"""What travels with the course, compared with what should: data sets, models, records, texts.

`aigc doctor` tells it; nothing here imports TensorFlow. What is needed, and by whom, is in
``doctor.yml``.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

import aigc_apps
from aigc_apps.evaluation import records
from aigc_course.checks.texts import texts_folder
from aigc_utils import data
from aigc_utils.files import joined_sha256, read_yaml, sha256

RESTORE = "restore {} with `git checkout -- {}`, or clone the whole repository"
# What a data set is described by: what chapters load whole, and tables that one application reads.
CARDS = ("card.json", "tables.json")
# What lies in a file's place where a download went wrong.
IMPOSTORS = {b"version https://git-lfs": "a pointer of git-lfs", b"<": "a web page"}
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class DoctorFinding:
    """One thing looked at.

    Attributes:
        subject: what was looked at.
        good: whether it is as it should be.
        found: what was found.
        cure: what to do when it is not good.
        needed: whether the course cannot run without it.
    """

    subject: str
    good: bool
    found: str
    cure: str = ""
    needed: bool = True


class Extra(BaseModel):
    """An extra of the installation, which the course can do without.

    Attributes:
        packages: what it installs.
        never_imported: those of them whose files are read, and no module is loaded.
        needed_by: the chapters and commands that do not run without it.
        type: what to type to have it, line by line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    packages: list[str]
    never_imported: list[str] = []
    needed_by: str
    type: list[str]


class WantedRecords(BaseModel):
    """Records of measurements.

    Attributes:
        number: how many files there are.
        needed_by: the chapters and reports that read them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int
    needed_by: str


class Needs(BaseModel):
    """The file ``doctor.yml``: who needs which data set, checkpoint, record (a pattern), extra."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_sets: dict[str, str]
    checkpoints: dict[str, str]
    records: dict[str, WantedRecords]
    extras: dict[str, Extra]


def load_needs() -> Needs:
    """What the course needs, or can use, beside Python and its own packages."""
    return read_yaml(Path(__file__).with_name("doctor.yml"), Needs)


class CardFacts(BaseModel):
    """What a checkpoint's card must say; `aigc_utils.checkpoints` would load Keras to read it."""

    name: str
    model: str
    arguments: dict[str, Any]
    weights_sha256: Digest
    results: Annotated[dict[str, FiniteFloat], Field(min_length=1)]
    members: list[str] = []
    tokens_sha256: Digest | None = None


def belongings(needs: Needs) -> Iterator[DoctorFinding]:
    """A finding on each data set, and on all checkpoints, tokenizers, recipes, records, texts."""
    yield from _data_sets(needs.data_sets)
    root = data.data_root()
    cards = _cards(root / "checkpoints", needs.checkpoints)
    yield _all_good("Checkpoints", root / "checkpoints", cards, _wrong_weights, needs.checkpoints)
    readers = [card for card in cards if card.with_name("tokens.json").exists() or _reads(card)]
    yield _all_good("Tokenizers", root / "checkpoints", readers, _wrong_tokens, needs.checkpoints)
    recipes = {root / "recipes" / f"{name}.yml" for name in needs.checkpoints}
    recipes |= set((root / "recipes").glob("*.yml"))
    yield _all_good("Recipes", root / "recipes", sorted(recipes), _wrong_yaml)
    yield _records(root / "records", needs.records)
    yield _as_committed(root)
    yield _texts()


def _data_sets(wanted: dict[str, str]) -> Iterator[DoctorFinding]:
    """Each data set that the course has, and each that somebody has put beside them."""
    root = data.data_root()
    there = {path.parent.name: path for name in CARDS for path in root.glob(f"*/{name}")}
    if not there:
        cure = "clone the whole repository, data folder included"
        yield DoctorFinding("Data", False, f"nothing in {root}", cure)
        return
    for name in sorted({*wanted, *there}):
        cure = RESTORE.format("it", f"data/{name}")
        if name in there:
            yield _data_set(name, there[name], cure)
        else:
            found = f"not in {root}; {wanted[name]} cannot run"
            yield DoctorFinding(f"Data set {name}", False, found, cure)


def _data_set(name: str, card_file: Path, cure: str) -> DoctorFinding:
    """Compare each byte with the card; where it is damaged, say which file."""
    try:
        card = data.DataCard.model_validate_json(card_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Its other files cannot be compared with it any more, but git may know them.
        changed = _changed_since_commit(card_file.parent) or []
        others = [file for file in changed if file != card_file]
        found = ", ".join(map(str, [card_file, *others]))
        return DoctorFinding(f"Data set {name}", False, f"damaged: {found}", cure)
    files = {card_file.parent / file: facts.sha256 for file, facts in card.files.items()}
    wrong = [f"{file}{_why(file)}" for file, digest in files.items() if not _is(file, digest)]
    if wrong:
        found = f"missing or changed: {', '.join(wrong)}"
        return DoctorFinding(f"Data set {name}", False, found, cure)
    items = card.items or f"{len(files)} files"
    return DoctorFinding(f"Data set {name}", True, f"{items}, every byte as it should be")


def _changed_since_commit(folder: Path) -> list[Path] | None:
    """The files of a folder that are not as they were committed; None where git cannot tell."""
    command = ["git", "diff", "--name-only", "--relative", "-z", "HEAD", "--", "."]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return [folder / name for name in done.stdout.split("\0") if name]


def _cards(root: Path, wanted: Iterable[str]) -> list[Path]:
    """The cards that are there, and those that should be."""
    return sorted({*root.glob("*/card.json"), *(root / name / "card.json" for name in wanted)})


def _wrong_weights(card: Path) -> str:
    """What is wrong with a card or its weights; nothing if all is well."""
    if not card.is_file():
        return "not there"
    try:
        told = _facts(card)
        members = [_facts(card.parents[1] / name / "card.json") for name in told.members]
    except (OSError, ValueError) as error:
        return f"its card is damaged: {str(error).splitlines()[0][:100]}"
    if told.name != card.parent.name:
        return f"its card is that of {told.name}"
    if members and joined_sha256(m.weights_sha256 for m in members) != told.weights_sha256:
        return "its members are not those of its card"
    weights = card.with_name("model.weights.h5")
    if not members and not _is(weights, told.weights_sha256):
        return f"{weights.name} is missing or not that of its card{_why(weights)}"
    return ""


def _reads(card: Path) -> bool:
    try:
        return _facts(card).tokens_sha256 is not None
    except (OSError, ValueError):
        return False


def _wrong_tokens(card: Path) -> str:
    tokens = card.with_name("tokens.json")
    try:
        good = _is(tokens, _facts(card).tokens_sha256)
    except (OSError, ValueError):
        return "its card is damaged"
    return "" if good else f"{tokens.name} is missing or not that of its card{_why(tokens)}"


def _wrong_yaml(path: Path) -> str:
    try:
        read_yaml(path, dict | list)
    except (OSError, ValueError) as error:
        return " ".join(str(error).split()).rstrip(".")[:200]
    return ""


def _all_good(
    subject: str,
    root: Path,
    paths: list[Path],
    wrong: Callable[[Path], str],
    needed_by: dict[str, str] | None = None,
) -> DoctorFinding:
    """One finding on several things in a folder, which names those that are not good."""
    names = [path.parent.name if path.name == "card.json" else path.stem for path in paths]
    found = {name: wrong(path) for name, path in zip(names, paths, strict=True)}
    cure = RESTORE.format("them", f"data/{root.name}")
    if broken := {name: why for name, why in found.items() if why}:
        needs = {name: f"; needed by {by}" for name, by in (needed_by or {}).items()}
        listed = ", ".join(f"{name} ({why}{needs.get(name, '')})" for name, why in broken.items())
        return DoctorFinding(subject, False, f"missing or damaged in {root}: {listed}", cure)
    return DoctorFinding(subject, bool(found), ", ".join(found) or f"none in {root}", cure)


def _records(root: Path, wanted: dict[str, WantedRecords]) -> DoctorFinding:
    """Records of measurements have no checksums: they must be there, whole and of numbers."""
    wrong, number = [], 0
    for pattern, facts in wanted.items():
        found = sorted(root.glob(pattern))
        number += len(found)
        if len(found) < facts.number:
            what = f"{len(found)} of {facts.number} {root / pattern}"
            wrong.append(f"{what}, needed by {facts.needed_by}")
    for path in sorted(root.rglob("*.json")):
        try:
            read = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
            if path.parent.name == "verdicts":
                records.read_items(path, records.read_record(path))
            elif not isinstance(read, dict) or not read:
                raise ValueError("it holds no entries")
        except (OSError, ValueError, RecursionError):
            wrong.append(f"{path} is damaged")
    cure = RESTORE.format("them", "data/records")
    return DoctorFinding(
        "Records of measurements", not wrong, "; ".join(wrong) or f"{number}, all readable", cure
    )


def _as_committed(root: Path) -> DoctorFinding:
    """Numbers on cards and in records have no checksums; git knows whether they were edited."""
    changed = _changed_since_commit(root)
    found = "as they were committed"
    if changed is None:
        found = "all can be read; there is no git here to say whether a number was edited"
    elif changed:
        found = f"changed since they were committed: {', '.join(map(str, changed))}"
    return DoctorFinding(
        "Numbers on cards and in records",
        not changed,
        found,
        RESTORE.format("them", "data") + ", unless you have changed them yourself",
        needed=False,
    )


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _texts() -> DoctorFinding:
    """Quizzes, exercises and applications' words: each is YAML, and each chapter has its quiz."""
    quizzes, exercises = texts_folder("quizzes"), texts_folder("exercises")
    files = {*quizzes.rglob("*.yml"), *exercises.glob("*.yml")}
    chapters = quizzes.parent.glob("[0-9]*.ipynb")  # none in an installed package
    files |= {quizzes / f"{chapter.stem}.yml" for chapter in chapters} - {
        quizzes / "00_start_here.yml"
    }
    # Each part of the workbook has both.
    parts = {path.name for path in [*exercises.glob("*.yml"), *quizzes.glob("workbook/*.yml")]}
    files |= {folder / name for folder in (exercises, quizzes / "workbook") for name in parts}
    files |= {file for folder in aigc_apps.__path__ for file in Path(folder).rglob("*.yml")}
    wrong = list(filter(None, map(_wrong_yaml, sorted(files))))
    found = "; ".join(wrong) or f"{len(files)} that can be read"
    return DoctorFinding("Quizzes, exercises and words", not wrong, found, "see the line named")


def _facts(card: Path) -> CardFacts:
    return CardFacts.model_validate_json(card.read_text(encoding="utf-8"))


def _is(path: Path, digest: str | None) -> bool:
    try:
        return sha256(path) == digest
    except OSError:
        return False


def _why(path: Path) -> str:
    """What lies in a file's place, if that can be seen."""
    try:
        with open(path, "rb") as file:
            start = file.read(30)
    except OSError:
        return ""
    if not start.strip():
        return " (empty)"
    for beginning, what in IMPOSTORS.items():
        if start.startswith(beginning):
            return f" ({what} lies in its place: download it again)"
    return ""
