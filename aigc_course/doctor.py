"""What `aigc doctor` and the first notebook tell about this machine, in plain words."""

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

from aigc_utils import data, runtime
from aigc_utils.files import joined_sha256, sha256

GIGABYTE = 1024**3


@dataclass(frozen=True)
class Finding:
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


def examine() -> list[Finding]:
    """Look at everything the course needs; takes a second, imports no TensorFlow."""
    return list(_findings())


def report(findings: list[Finding]) -> str:
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


def _findings() -> Iterator[Finding]:
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding(
        "Python", supported, platform.python_version(), "install Python 3.11, 3.12 or 3.13"
    )
    for package in ("tensorflow", "keras", "numpy", "matplotlib", "ipywidgets"):
        yield _package(package)
    yield _backend()
    yield from _data()
    memory = psutil.virtual_memory()
    yield Finding(
        "Free memory",
        memory.available > 2 * GIGABYTE,
        f"{memory.available / GIGABYTE:.1f} of {memory.total / GIGABYTE:.1f} GB",
        "close other programs; a notebook uses up to 2 GB",
        needed=False,
    )
    yield Finding("Processor cores", True, str(psutil.cpu_count(logical=True)))
    products = (
        "bfloat16" if runtime.multiplies_bfloat16() else "float32, in halves (no native bfloat16)"
    )
    yield Finding("Matrix products in training", True, products)
    yield _writable(Path.cwd())
    from aigc_utils import plots

    font = plots.chinese_font()
    yield Finding(
        "A font with Chinese characters",
        font is not None,
        font or "none",
        "install Noto Sans CJK to see Chinese in figures; English labels are used until then",
        needed=False,
    )


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, version(name))
    except PackageNotFoundError:
        return Finding(name, False, "not installed", "run `make lab` in the course's folder")


def _backend() -> Finding:
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    return Finding(
        "Keras backend",
        backend == "tensorflow",
        backend,
        "chapters that teach TensorFlow need it: unset KERAS_BACKEND",
        needed=False,
    )


def _data() -> Iterator[Finding]:
    names = data.data_sets()
    if not names:
        cure = "clone the whole repository, data folder included"
        yield Finding("Data", False, f"nothing in {data.data_root()}", cure)
    for name in names:
        try:
            data.verified(name)
        except (ValueError, OSError) as error:
            yield Finding(f"Data set {name}", False, str(error))
        else:
            items = data.load_card(name).items or "files whole"
            yield Finding(f"Data set {name}", True, f"{items}, every byte as it should be")
    yield _checkpoints(data.data_root() / "checkpoints")


def _checkpoints(root: Path) -> Finding:
    """Compare weights with their cards; `aigc_utils.checkpoints` would load Keras for it."""
    found, broken = [], []
    for card in sorted(root.glob("*/card.json")):
        try:
            told = _read_card(card)
            if told.get("members"):
                cards = [_read_card(root / member / "card.json") for member in told["members"]]
                weights = joined_sha256(member["weights_sha256"] for member in cards)
            else:
                weights = sha256(card.parent / "model.weights.h5")
            good = weights == told["weights_sha256"]
        except (OSError, ValueError, KeyError):
            good = False
        (found if good else broken).append(card.parent.name)
    cure = "restore them with `git checkout -- data`, or clone the whole repository"
    if broken:
        return Finding("Checkpoints", False, f"missing or damaged: {', '.join(broken)}", cure)
    return Finding("Checkpoints", bool(found), ", ".join(found) or "none", cure)


def _read_card(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def _writable(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    good = os.access(folder, os.W_OK) and free > GIGABYTE
    return Finding(
        f"Room to write in {folder.name or folder}",
        good,
        f"{free / GIGABYTE:.0f} GB free" if os.access(folder, os.W_OK) else "read-only",
        "copy the course to a folder that can be written to",
        needed=False,
    )
