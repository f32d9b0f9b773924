"""Which of the notebooks that one student handed in counts, and what is said of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aigc_course.grading import notebooks, owners
from aigc_course.grading.notebooks import Notebook, Unreadable
from aigc_course.grading.plain import names_listed
from aigc_course.grading.trees import Item, is_zip, may_be_notebook, suffix

OTHER_FORMS = 2  # exercises of a workbook without dots: there is a mistake to be found
ITSELF = "hand in the .ipynb itself"
# What is handed in for a notebook, by the end of its name.
_KINDS = {
    ".pdf": "a PDF", ".py": "a Python script", ".html": "a web page", ".htm": "a web page",
    ".docx": "a Word document", ".doc": "a Word document", ".odt": "a text document",
    ".rar": "a RAR archive", ".7z": "a 7z archive", ".gz": "a gzip archive",
    ".tgz": "a gzip archive", ".tar": "a tar archive", ".bz2": "a bzip2 archive",
    ".xz": "an xz archive", ".icloud": "a placeholder of iCloud",
    ".url": "a link to a web page", ".webloc": "a link to a web page",
    ".desktop": "a link to a web page", ".gdoc": "a link to Google Drive",
    ".crdownload": "a download that was not finished", ".part": "a download that was not finished",
    ".download": "a download that was not finished", ".md": "a text", ".txt": "a text",
    ".png": "a picture", ".jpg": "a picture", ".jpeg": "a picture", ".heic": "a picture",
}  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """What counts of what a student handed in.

    Attributes:
        item: the notebook; None if there is none.
        problem: a sentence on why nothing can be graded; None if something can.
        notes: sentences on what else there is.
        ours: the problem is this machine's and no student's.
        answered: the notebook holds answers.
    """

    item: Item | None
    problem: str | None
    notes: tuple[str, ...]
    ours: bool = False
    answered: bool = False


@dataclass(frozen=True)
class _Attempt:
    """A file that is, or calls itself, a notebook."""

    item: Item
    notebook: Notebook | None
    problem: str
    ours: bool = False

    def blank(self, most: int) -> bool:
        """Whether it is as it was handed out, when some attempt has ``most`` blanks."""
        if self.notebook is None or not any(cell.strip() for cell in self.notebook.cells):
            return True
        blanks = self.notebook.num_blanks
        return blanks > 0 and blanks >= max(most, self.notebook.num_exercises() - OTHER_FORMS)


def choose_attempt(items: Sequence[Item], assignment: str) -> Chosen:
    """The notebook that counts: one with answers, of this assignment, the latest.

    Args:
        items: all that a student handed in.
        assignment: such as "04".
    """
    attempts, others, faults = _sorted_out(items)
    notes = []
    if not attempts:
        ours = any(fault.ours for fault in faults)
        return Chosen(None, _no_notebook(items, others, faults), (), ours)
    most = max(a.notebook.num_blanks if a.notebook else 0 for a in attempts)

    def rank(attempt: _Attempt) -> tuple:
        item = attempt.item
        number = owners.without_number(owners.stem_of(item.name))[1]
        copied = owners.original_stem(owners.stem_of(item.name)) is not None
        return (
            attempt.notebook is not None,
            not attempt.blank(most),
            owners.names_assignment(_inside(item), assignment),
            item.dates[0],
            item.dates[-1],
            (number, copied, item.name),
        )

    ordered = sorted(attempts, key=rank, reverse=True)
    best = ordered[0]
    if len(ordered) > 1:
        notes.append(_which_counts(ordered, most, assignment))
    if best.notebook is not None and best.notebook.remark:
        notes.append(best.notebook.remark)
    if suffix(best.item.name) != ".ipynb":
        notes.append(f"{names_listed([best.item.name])} was read as the notebook that it is.")
    if others:
        notes.append(f"Not counted, since no notebook: {_kinds_listed(others)}.")
    notes += _faults_said(faults)
    answered = not best.blank(0)
    return Chosen(best.item, best.problem or None, tuple(notes), best.ours, answered)


def only_one_answered(items: Sequence[Item]) -> bool:
    """Whether at most one of several notebooks has answers, or those that have are the same."""
    attempts, *_ = _sorted_out(items)
    most = max((a.notebook.num_blanks if a.notebook else 0 for a in attempts), default=0)
    return len({a.notebook.cells for a in attempts if a.notebook and not a.blank(most)}) <= 1


def file_kind(name: str) -> str:
    """What a file that is no notebook is, by its name, with an article."""
    return _KINDS.get(suffix(name), "no notebook")


def _sorted_out(items: Sequence[Item]) -> tuple[list[_Attempt], list[Item], list[Item]]:
    """Notebooks, other files, and what cannot be read."""
    attempts, others, faults = [], [], []
    for item in items:
        if item.litter or item.kind == "folder":
            continue
        if item.kind == "fault":
            faults.append(item)
        elif attempt := _attempt(item):
            attempts.append(attempt)
        else:
            others.append(item)
    return attempts, others, faults


def _attempt(item: Item) -> _Attempt | None:
    """What a file has of a notebook; None if nothing, not even the name."""
    named = suffix(item.name) == ".ipynb" and not item.name.startswith(".")
    if item.path is None or not (named or may_be_notebook(item.name)):
        return None
    try:
        return _Attempt(item, notebooks.read_notebook(_content(item.path, named)), "")
    except Unreadable as error:
        ours = isinstance(error, notebooks.NotHere)
        return _Attempt(item, None, str(error), ours) if named else None


def _content(path: Path, named: bool) -> bytes:
    content = notebooks.read_file(path)
    if not named and b"nbformat" not in content.replace(b"\0", b""):
        raise Unreadable("The file is not a notebook.")
    return content


def _which_counts(ordered: Sequence[_Attempt], most: int, assignment: str) -> str:
    """A sentence on several attempts, the one that counts first."""
    best, *rest = ordered
    reasons: dict[str, list[str]] = {}
    for attempt in rest:
        if attempt.notebook is None:
            why = "cannot be read"
        elif attempt.notebook.cells == (best.notebook.cells if best.notebook else None):
            why = "has the same code"
        elif attempt.blank(most) and not best.blank(most):
            why = "has fewer answers"
        elif owners.names_assignment(
            _inside(best.item), assignment
        ) and not owners.names_assignment(_inside(attempt.item), assignment):
            why = f"is not called {assignment}"
        elif attempt.item.dates != best.item.dates:
            why = "is earlier"
        else:
            why = "comes after it by name"
        reasons.setdefault(why, []).append(_place(attempt.item))
    said = "; ".join(f"not {names_listed(names)}, which {why}" for why, names in reasons.items())
    return f"Of {len(ordered)} notebooks {names_listed([_place(best.item)])} counts; {said}."


def _no_notebook(items: Sequence[Item], others: Sequence[Item], faults: Sequence[Item]) -> str:
    """Why there is nothing to grade, in one sentence."""
    if faults:
        advice = [] if any(f.ours for f in faults) else [f"There is no other notebook: {ITSELF}."]
        return " ".join([*_faults_said(faults), *advice])
    if others:
        return f"There is no notebook, only {_kinds_listed(others)}: {ITSELF}."
    if any(".ipynb_checkpoints" in item.parts for item in items):
        return f"The folder holds no notebook but Jupyter's own copy of one: {ITSELF}."
    if len(items) == 1 and is_zip(items[0].parts[0]):
        return f"The zip is empty and holds no notebook: {ITSELF}."
    return f"The folder holds no notebook: {ITSELF}."


def _kinds_listed(others: Sequence[Item]) -> str:
    """Files and what they are: "`a.pdf` (a PDF)"."""
    shown = [f"{names_listed([_place(item)])} ({file_kind(item.name)})" for item in others[:5]]
    more = f" and {len(others) - 5} more" if len(others) > 5 else ""
    return ", ".join(shown) + more


def _faults_said(faults: Sequence[Item]) -> list[str]:
    said = [f"{names_listed([_place(item)])} {item.why}." for item in faults[:3]]
    if len(faults) > 3:
        said.append(f"{len(faults) - 3} more files cannot be read.")
    return said


def _inside(item: Item) -> tuple[str, ...]:
    """Where a file is, without the name of the student's folder or zip."""
    return item.parts[1:] or item.parts


def _place(item: Item) -> str:
    """The name of a file, with the folders inside the student's own."""
    return "/".join(_inside(item))
