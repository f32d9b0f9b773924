"""What `aigc doctor` and the first notebook tell about this machine, in plain words.

Which data sets and extras there are, and which chapters need them, is in ``doctor.yml``.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from aigc_apps import origins
from aigc_course import importing
from aigc_course.checks import store
from aigc_course.inventory import DoctorFinding, Extra, Needs, belongings, load_needs
from aigc_utils import data, runtime

GIGABYTE = 1024**3
PACKAGES = ("tensorflow", "keras", "numpy", "matplotlib", "ipywidgets")


def examine(imports: bool = False) -> list[DoctorFinding]:
    """Look at everything the course needs; takes a second, imports no TensorFlow.

    Args:
        imports: also try to import the packages, in other processes, which takes some seconds.
    """
    return list(_findings(imports))


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


def _findings(imports: bool) -> Iterator[DoctorFinding]:
    needs = load_needs()
    broken = _broken(needs) if imports else {}
    yield DoctorFinding(
        "This course", True, f"{Path(__file__).parents[1]}; its data: {data.data_root()}"
    )
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield DoctorFinding(
        "Python", supported, platform.python_version(), "install Python 3.11, 3.12 or 3.13"
    )
    for package in PACKAGES:
        yield _package(package, broken)
    yield _backend()
    yield from belongings(needs)
    for name, extra in needs.extras.items():
        yield _extra(name, extra, broken)
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
    yield DoctorFinding("Processor cores and GPU", True, origins.describe_machine())
    products = (
        "bfloat16" if runtime.multiplies_bfloat16() else "float32, in halves (no native bfloat16)"
    )
    yield DoctorFinding("Matrix products in training", True, products)
    yield _writable(Path.cwd())
    yield _temporary()
    yield _progress()
    yield _browser()
    from aigc_utils import plots

    font = plots.chinese_font()
    yield DoctorFinding(
        "A font with Chinese characters",
        font is not None,
        font or "none",
        "install Noto Sans CJK to see Chinese in figures; English labels are used until then",
        needed=False,
    )


def _broken(needs: Needs) -> dict[str, str]:
    """Which packages are installed and cannot be imported, and why."""
    extras = [name for extra in needs.extras.values() for name in extra.packages]
    unread = {name for extra in needs.extras.values() for name in extra.never_imported}
    first, second = PACKAGES[:2], [*PACKAGES[2:], *(name for name in extras if name not in unread)]
    installed = (filter(_version, names) for names in (first, second))
    return importing.broken_imports(*installed)


def _package(name: str, broken: Mapping[str, str]) -> DoctorFinding:
    if (found := _version(name)) is None:
        return DoctorFinding(name, False, "not installed", "run `make lab` in the course's folder")
    if name in broken:
        found = f"{found} is installed and cannot be imported ({broken[name]})"
        return DoctorFinding(name, False, found, _again(name))
    return DoctorFinding(name, True, found)


def _again(*names: str) -> str:
    return f"install again what is broken: `pip install --force-reinstall {' '.join(names)}`"


def _extra(name: str, extra: Extra, broken: Mapping[str, str]) -> DoctorFinding:
    missing = [package for package in extra.packages if _version(package) is None]
    dead = [package for package in extra.packages if package in broken]
    found = f"without {', '.join(missing)}" if missing else "installed"
    lines = ", then ".join(f"`{line}`" for line in extra.type)
    cure = f"type {lines}; `make lab` in the course's folder installs all extras"
    if dead:
        found += ", but " + ", ".join(f"{it} cannot be imported ({broken[it]})" for it in dead)
        cure = f"{cure}; {_again(*dead)}" if missing else _again(*dead)
    good = not missing and not dead
    return DoctorFinding(
        f"Extra {name}", good, f"{found}; needed by {extra.needed_by}", cure, needed=False
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


def _writable(folder: Path) -> DoctorFinding:
    free = shutil.disk_usage(folder).free
    # Where commands write when nothing else is said: made if it is not there.
    closed = [
        path
        for path in (folder, folder / "out")
        if path.exists() and not os.access(path, os.W_OK | os.X_OK)
    ]
    return DoctorFinding(
        "Room to write here",
        not closed and free > GIGABYTE,
        f"{closed[-1]} is read-only" if closed else f"{free / GIGABYTE:.0f} GB free in {folder}",
        "copy the course to a folder that can be written to, or name one to commands with -o",
        needed=False,
    )


def _browser() -> DoctorFinding:
    """What prints reports to PDF."""
    from aigc_course.reports import export

    try:
        return DoctorFinding("A browser for --pdf", True, export.find_browser())
    except ValueError:
        return DoctorFinding(
            "A browser for --pdf",
            False,
            "no Chromium; needed by `aigc run --pdf`, and by nothing else",
            "install it (apt-get install chromium), or print report.html from any browser",
            needed=False,
        )


def _temporary() -> DoctorFinding:
    """Whether the temporary folder that was asked for is the one that is used."""
    wanted = next(
        (os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if name in os.environ), ""
    )
    cure = "let TMPDIR name a folder that can be written to"
    try:
        used = tempfile.gettempdir()
    except OSError:
        return DoctorFinding("Temporary folder", False, "none can be written to", cure)
    good = not wanted or Path(wanted).resolve() == Path(used).resolve()
    found = used if good else f"{used}, since {wanted} cannot be used"
    return DoctorFinding("Temporary folder", good, found, cure, needed=False)


def _progress() -> DoctorFinding:
    """Where the workbook keeps what is solved; without a home folder, not for long."""
    good = store.is_lasting()
    found = f"kept in {store.shown_path()}"
    if not good:
        found = f"there is no home folder to write to, so it is {found} for as long as that stays"
    cure = "let HOME name a folder that can be written to, or AIGC_PROGRESS a file in one"
    return DoctorFinding("Progress of the workbook", good, found, cure, needed=False)
