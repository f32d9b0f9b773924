"""The classroom door: Colab links to a teacher's repository, and a package for a drive folder."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from aigc_utils.files import atomic_path

WHEEL_SECONDS = 600  # a few are enough where nothing is wrong
DRIVE_FOLDER = "aigc-classroom"
MOUNT_POINT = "/content/drive"  # where Colab puts a drive, by custom
_REPO = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}")
# What git allows in a name of a branch or tag, less what would need quoting somewhere.
_REF = re.compile(r"(?!.*(?:\.\.|//))[A-Za-z0-9][A-Za-z0-9._/-]{0,200}(?<![./])")
_COLAB = re.compile(
    r"(https://colab\.research\.google\.com/github/)[^/\s\"]+/[^/\s\"]+/blob/[^\s\"]+?/(?=notebooks/)"
)
_INSTALL = re.compile(
    r"(aigc-utils(\[[a-z,]+\])? @ git\+https://github\.com/)[^/\s\"]+/[^@\s\"]+@[^\s\"\\]+"
)
# Not for students: what a teacher needs, and what only runs from a checkout.
_LEFT_OUT = ("reports",)

READ_ME = """\
The AIGC workbook, for a drive folder
=====================================

In Colab: put this folder, as {folder}, into "My Drive", open a notebook in notebooks/ with Colab,
and run its first code cell: it asks for leave to read the drive and installs the one package that
lies beside this file. Up to chapter 5 nothing else is fetched; chapter 6 fetches what it names.

On your own machine, with Python 3.11 to 3.13 (in this folder):

    python -m venv course
    course/bin/pip install "{wheel}[lab]"
    course/bin/jupyter lab notebooks/00_start_here.ipynb

(on Windows: course\\Scripts\\pip and course\\Scripts\\jupyter). The package holds data and models.
"""

BOOTSTRAP = """\
import sys

if "google.colab" in sys.modules:
    from google.colab import drive

    drive.mount("{mount_point}")
    %pip install -q "{mount_point}/MyDrive/{folder}/{wheel}{extras}"
"""


def set_links(root: Path, repo: str, ref: str) -> list[Path]:
    """Point the Colab links and bootstrap cells of a checkout to a repository.

    Args:
        root: the checkout; its README, its notebooks, and the lines of ``pyproject.toml`` that
            say what their links should be, are rewritten where they differ.
        repo: ``OWNER/NAME`` on GitHub.
        ref: a branch or tag there.

    Returns:
        The files that were changed.

    Raises:
        ValueError: if the repository or the reference has no such form, or there are no notebooks.
        OSError: if a file cannot be written; those before it are complete.
    """
    if not _REPO.fullmatch(repo) or repo.endswith(".git"):
        raise ValueError(f"The repository is {repo!r}: give OWNER/NAME, as in its GitHub address.")
    if not _REF.fullmatch(ref):
        raise ValueError(f"The reference is {ref!r}: give a branch or a tag, such as v1.2.")
    changed = []
    project = root / "pyproject.toml"
    for path in [root / "README.md", project, *notebooks_of(root)]:
        old = path.read_text(encoding="utf-8")
        new = _COLAB.sub(rf"\g<1>{repo}/blob/{ref}/", old)
        new = _INSTALL.sub(rf"\g<1>{repo}@{ref}", new)
        if path == project:
            new = re.sub(r'^repository = ".*"$', f'repository = "{repo}"', new, flags=re.MULTILINE)
            new = re.sub(r'^ref = ".*"$', f'ref = "{ref}"', new, flags=re.MULTILINE)
        if new != old:
            with atomic_path(path) as temporary:
                temporary.write_text(new, encoding="utf-8")
            changed.append(path)
    return changed


def notebooks_of(root: Path) -> list[Path]:
    """All notebooks of a checkout, in order.

    Raises:
        ValueError: if there are none.
    """
    found = sorted((root / "notebooks").rglob("*.ipynb"))
    found = [path for path in found if ".ipynb_checkpoints" not in path.parts]
    if not found:
        raise ValueError(f"There are no notebooks in {root}: run this in the course's folder.")
    return found


def build_package(
    root: Path, out: Path, folder: str = DRIVE_FOLDER, mount_point: str = MOUNT_POINT
) -> Path:
    """A zip for a drive folder: student notebooks, the glossary, and one wheel with all data.

    Args:
        root: the checkout; ``hatchling`` builds the wheel from it.
        out: the zip file.
        folder: what the folder in the drive is called.
        mount_point: where the notebooks find the drive.

    Returns:
        ``out``.

    Raises:
        ValueError: if ``folder`` is no plain name, or there are no notebooks.
        OSError: if the wheel cannot be built or the zip cannot be written.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,60}", folder):
        raise ValueError(f"The folder is {folder!r}: give letters, digits, - and _ only.")
    students = [
        path
        for path in notebooks_of(root)
        if path.relative_to(root / "notebooks").parts[0] not in _LEFT_OUT
    ]
    with tempfile.TemporaryDirectory() as scratch, atomic_path(out) as temporary:
        wheel = _build_wheel(root, Path(scratch))
        places = {"folder": folder, "wheel": wheel.name, "mount_point": mount_point}
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as package:
            package.write(wheel, f"{folder}/{wheel.name}", zipfile.ZIP_STORED)
            package.writestr(
                f"{folder}/README.txt", READ_ME.format(folder=folder, wheel=wheel.name)
            )
            package.write(root / "LICENSE", f"{folder}/LICENSE.txt")
            package.write(root / "notebooks" / "glossary.md", f"{folder}/notebooks/glossary.md")
            for path in students:
                name = f"{folder}/{path.relative_to(root).as_posix()}"
                text = path.read_text(encoding="utf-8")
                package.writestr(name, with_bootstrap(text, **places))
    return out


def with_bootstrap(notebook: str, **places: str) -> str:
    """A notebook's JSON with `BOOTSTRAP` as its bootstrap cell, for the same extras."""
    content = json.loads(notebook)
    for cell in content["cells"]:
        if "bootstrap" in cell.get("metadata", {}).get("tags", []):
            asked = _INSTALL.search("".join(cell["source"]))
            source = BOOTSTRAP.format(extras=(asked and asked[2]) or "", **places)
            cell["source"] = source.rstrip("\n").splitlines(keepends=True)
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _build_wheel(root: Path, out: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    try:
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, check=False, timeout=WHEEL_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise OSError(
            f"The wheel was not built within {WHEEL_SECONDS} seconds: look whether {root} is on a "
            "slow disk, and try again."
        ) from None
    wheels = list(out.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise OSError(f"The wheel could not be built ({reason}): run `make lab` once, then again.")
    return wheels[0]
