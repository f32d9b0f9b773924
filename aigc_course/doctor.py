"""What `aigc doctor` and the first notebook tell about this machine, in plain words.

Which data sets and extras there are, and which chapters need them, is in ``doctor.yml``.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

from aigc_utils import data, runtime
from aigc_utils.files import joined_sha256, read_yaml, sha256

GIGABYTE = 1024**3
RESTORE = "restore it with `git checkout -- data`, or clone the whole repository"
# What a data set is described by: what chapters load whole, and tables that one application reads.
CARDS = ("card.json", "tables.json")


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
        needed_by: the chapters and commands that do not run without it.
        type: what to type to have it, line by line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    packages: list[str]
    needed_by: str
    type: list[str]


class Needs(BaseModel):
    """The file ``doctor.yml``: chapters by data set, and the extras by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_sets: dict[str, str]
    extras: dict[str, Extra]


def load_needs() -> Needs:
    """What the course needs, or can use, beside Python and its own packages."""
    return read_yaml(Path(__file__).with_name("doctor.yml"), Needs)


def examine() -> list[DoctorFinding]:
    """Look at everything the course needs; takes a second, imports no TensorFlow."""
    return list(_findings())


def findings_text(findings: list[DoctorFinding]) -> str:
    """The findings as lines of text, and a closing sentence."""
    lines = []
    for finding in findings:
        mark = "ok     " if finding.good else ("MISSING" if finding.needed else "note   ")
        cure = f" -> {finding.cure}" if not finding.good and finding.cure else ""
        lines.append(f"{mark}  {finding.subject}: {finding.found}{cure}")
    broken = sum(not finding.good and finding.needed for finding in findings)
    closing = (
        "Everything the course needs is here."
        if not broken
        else f"{broken} thing(s) to mend; each line marked MISSING says how."
    )
    return "\n".join([*lines, "", closing])


def _findings() -> Iterator[DoctorFinding]:
    needs = load_needs()
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield DoctorFinding(
        "Python", supported, platform.python_version(), "install Python 3.11, 3.12 or 3.13"
    )
    for package in ("tensorflow", "keras", "numpy", "matplotlib", "ipywidgets"):
        yield _package(package)
    yield _backend()
    yield from _data_sets(needs.data_sets)
    root = data.data_root() / "checkpoints"
    yield _all_good(
        "Checkpoints", root, {c.parent.name: _weights_are_good(c) for c in _cards(root)}
    )
    tokenizers = {c.parent.name: _tokens_are_good(c) for c in _cards(root)}
    tokenizers = {name: good for name, good in tokenizers.items() if good is not None}
    yield _all_good("Tokenizers", root, tokenizers)
    yield _records(data.data_root() / "records")
    for name, extra in needs.extras.items():
        yield _extra(name, extra)
    yield from _machine()


def _machine() -> Iterator[DoctorFinding]:
    memory = psutil.virtual_memory()
    yield DoctorFinding(
        "Free memory",
        memory.available > 2 * GIGABYTE,
        f"{memory.available / GIGABYTE:.1f} of {memory.total / GIGABYTE:.1f} GB",
        "close other programs; a notebook uses up to 2 GB",
        needed=False,
    )
    yield DoctorFinding("Processor cores and GPU", True, runtime.describe_machine())
    products = (
        "bfloat16" if runtime.multiplies_bfloat16() else "float32, in halves (no native bfloat16)"
    )
    yield DoctorFinding("Matrix products in training", True, products)
    yield _writable(Path.cwd())
    from aigc_utils import plots

    font = plots.chinese_font()
    yield DoctorFinding(
        "A font with Chinese characters",
        font is not None,
        font or "none",
        "install Noto Sans CJK to see Chinese in figures; English labels are used until then",
        needed=False,
    )


def _package(name: str) -> DoctorFinding:
    if (found := _version(name)) is None:
        return DoctorFinding(name, False, "not installed", "run `make lab` in the course's folder")
    return DoctorFinding(name, True, found)


def _extra(name: str, extra: Extra) -> DoctorFinding:
    missing = [package for package in extra.packages if _version(package) is None]
    found = f"without {', '.join(missing)}" if missing else "installed"
    lines = ", then ".join(f"`{line}`" for line in extra.type)
    return DoctorFinding(
        f"Extra {name}",
        not missing,
        f"{found}; needed by {extra.needed_by}",
        f"type {lines}; `make lab` in the course's folder installs all extras",
        needed=False,
    )


def _version(package: str) -> str | None:
    """The version that is installed, read without importing it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _backend() -> DoctorFinding:
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    return DoctorFinding(
        "Keras backend",
        backend == "tensorflow",
        backend,
        "chapters that teach TensorFlow need it: unset KERAS_BACKEND",
        needed=False,
    )


def _data_sets(wanted: dict[str, str]) -> Iterator[DoctorFinding]:
    """Each data set that the course has, and each that somebody has put beside them."""
    root = data.data_root()
    there = {path.parent.name: path for name in CARDS for path in root.glob(f"*/{name}")}
    if not there:
        cure = "clone the whole repository, data folder included"
        yield DoctorFinding("Data", False, f"nothing in {root}", cure)
        return
    for name in sorted({*wanted, *there}):
        if name in there:
            yield _data_set(name, there[name])
        else:
            found = f"not in {root}; {wanted[name]} cannot run"
            yield DoctorFinding(f"Data set {name}", False, found, RESTORE)


def _data_set(name: str, card_file: Path) -> DoctorFinding:
    """Compare each byte with the card; where it is damaged, say which file."""
    try:
        card = data.DataCard.model_validate_json(card_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return DoctorFinding(f"Data set {name}", False, f"{card_file} is damaged", RESTORE)
    files = [card_file.parent / file for file in card.files]
    damaged = [str(f) for f in files if not _is_file_of(f, card.files[f.name].sha256)]
    if damaged:
        found = f"missing or changed: {', '.join(damaged)}"
        return DoctorFinding(f"Data set {name}", False, found, RESTORE)
    items = card.items or f"{len(files)} files"
    return DoctorFinding(f"Data set {name}", True, f"{items}, every byte as it should be")


def _cards(root: Path) -> list[Path]:
    return sorted(root.glob("*/card.json"))


def _weights_are_good(card: Path) -> bool:
    """Compare weights with their card; `aigc_utils.checkpoints` would load Keras for it."""
    try:
        told = _read_json(card)
        if not told.get("members"):
            return _is_file_of(card.with_name("model.weights.h5"), told["weights_sha256"])
        members = [_read_json(card.parents[1] / name / "card.json") for name in told["members"]]
        return joined_sha256(m["weights_sha256"] for m in members) == told["weights_sha256"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def _tokens_are_good(card: Path) -> bool | None:
    """Compare a tokenizer with its checkpoint's card; None for a model that reads no text."""
    tokens = card.with_name("tokens.json")
    try:
        wanted = _read_json(card).get("tokens_sha256")
    except (OSError, ValueError, AttributeError):
        return False if tokens.exists() else None
    return None if wanted is None else _is_file_of(tokens, wanted)


def _all_good(subject: str, root: Path, good: dict[str, bool]) -> DoctorFinding:
    """One finding on several things in a folder, which names those that are not good."""
    broken = [name for name, is_good in good.items() if not is_good]
    cure = RESTORE.replace("it", "them", 1)
    if broken:
        found = f"missing or damaged in {root}: {', '.join(broken)}"
        return DoctorFinding(subject, False, found, cure)
    return DoctorFinding(subject, bool(good), ", ".join(good) or "none", cure)


def _records(root: Path) -> DoctorFinding:
    """Records of measurements have no checksums: they must be there, and be JSON."""
    files, damaged = sorted(root.rglob("*.json")), []
    for path in files:
        try:
            _read_json(path)
        except (OSError, ValueError):
            damaged.append(str(path))
    if damaged:
        found = f"damaged: {', '.join(damaged)}"
        return DoctorFinding("Records of measurements", False, found, RESTORE)
    found = f"{len(files)} that can be read" if files else f"none in {root}"
    return DoctorFinding("Records of measurements", bool(files), found, RESTORE)


def _is_file_of(path: Path, digest: str) -> bool:
    try:
        return sha256(path) == digest
    except OSError:
        return False


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def _writable(folder: Path) -> DoctorFinding:
    free = shutil.disk_usage(folder).free
    good = os.access(folder, os.W_OK) and free > GIGABYTE
    return DoctorFinding(
        f"Room to write in {folder.name or folder}",
        good,
        f"{free / GIGABYTE:.0f} GB free" if os.access(folder, os.W_OK) else "read-only",
        "copy the course to a folder that can be written to",
        needed=False,
    )
