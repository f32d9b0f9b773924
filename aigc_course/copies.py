"""A learner's own copy of the notebooks, so that running them changes nothing that git keeps.

JupyterLab saves a notebook that was only run, and the next `git pull` then finds two versions.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from aigc_course.classroom import notebooks_of
from aigc_utils.files import atomic_path, sha256

PICTURES = (".svg", ".png")


@dataclass(frozen=True)
class Copied:
    """What `copy_notebooks` did.

    Attributes:
        new: the files that were copied.
        kept: those that were there already and differ from the course's: a learner's work.
    """

    new: list[Path]
    kept: list[Path]


def copy_notebooks(root: Path, folder: Path) -> Copied:
    """Copy the notebooks, the glossary and the drawings to a folder; no file there is replaced.

    Links between notebooks, drawings and the glossary lead to the copies; quizzes, exercises,
    data and models are found where the course is installed.

    Args:
        root: the checkout.
        folder: made if missing; called again, it adds what has come to the course since.

    Raises:
        ValueError: if there are no notebooks, or ``folder`` lies in those of the course.
        OSError: if a file cannot be written; those before it are complete.
    """
    texts = sorted((root / "notebooks").rglob("*.md"))
    drawings = sorted(path for path in (root / "assets").glob("*") if path.suffix in PICTURES)
    sources = [*notebooks_of(root), *texts, *drawings]
    folder = folder.resolve()
    if any(folder.is_relative_to((root / name).resolve()) for name in ("notebooks", "assets")):
        raise ValueError(f"{folder} lies within the course's own: give another, such as out/mine.")
    new, kept = [], []
    for source in sources:
        target = folder / source.relative_to(root)
        if target.exists():
            kept += [target] if sha256(target) != sha256(source) else []
            continue
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
        new.append(target)
    return Copied(new, kept)
