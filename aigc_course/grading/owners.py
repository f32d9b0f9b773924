"""Whose a file is: by the names that Moodle, Canvas, nbgrader and copies of files have."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from aigc_course.grading.plain import names_listed
from aigc_course.grading.trees import Item, is_zip, suffix

# "Ada Byron_123_assignsubmission_file_", or with the file's name behind it; since Moodle 4.1
# without the last "_". Moodle's own names hold no "_", but some translations of "Participant" do.
_MOODLE = re.compile(r"(?P<name>.*?)_?(?P<id>\d+)_assignsubmission_(?P<what>[a-z]+)(?:_|$)", re.S)
# "byronada_LATE_9001_555001_04_vae_math-1.ipynb": the user's number, then the file's.
_CANVAS = re.compile(
    r"(?P<name>.*?[^\W\d_].*?)(?P<late>_LATE)?_(?P<id>[1-9]\d*)_(?P<file>[1-9]\d{2,})_.", re.S
)
_COPY_OF = "copy of|copia di|copia de|copie de|kopie von|cópia de|kopia"
_COPY_WORD = "copy|kopie|copie|copia|cópia|kopia|副本"
_COPY = re.compile(
    rf"(?:{_COPY_OF}) (?P<after>.+)"
    rf"|(?P<before>.+?)(?: ?[-_–]? ?(?:{_COPY_WORD})(?: ?\(?\d+\)?)?|的副本)",
    re.IGNORECASE | re.DOTALL,
)
_NUMBERED = re.compile(r"(?P<base>.+?)(?: ?\((?P<number>\d+)\))", re.DOTALL)
_WRAPPERS = {"submitted", "submissions", "submission", "abgaben", "作业"}


@dataclass(frozen=True)
class Owner:
    """Whose something is.

    Attributes:
        lms: "moodle", "canvas", or None if the name is all there is.
        number: the LMS's, or "".
        name: of the student.
        late: the LMS says so in the name.
    """

    lms: str | None
    number: str
    name: str
    late: bool = False


def owner_of(entry: str, canvas: bool) -> Owner | None:
    """Whose an entry of a folder is by an LMS's name; None if it has none.

    Args:
        entry: the name of a file or folder.
        canvas: whether names like those of Canvas are taken for them; see `is_canvas`.
    """
    if match := _MOODLE.match(entry):
        return Owner("moodle", match["id"], match["name"])
    if canvas and (match := _CANVAS.match(entry)):
        return Owner("canvas", match["id"], match["name"], match["late"] is not None)
    return None


def is_canvas(entries: Sequence[str]) -> bool:
    """Whether names that look like those of Canvas are: no two students' files have one number.

    The same file may be there twice, as when a browser loads it again. Names such as
    ``ada_12_2026_hw.ipynb`` and ``bob_12_2026_hw.ipynb`` look like it too.
    """
    found = [match for entry in entries if (match := _CANVAS.match(entry))]
    files = Counter(file for file, _ in {(m["file"], m["id"]) for m in found})
    names: dict[str, str] = {}
    same_name = all(names.setdefault(m["id"], m["name"]) == m["name"] for m in found)
    return bool(found) and max(files.values()) == 1 and same_name


def original_stem(stem: str) -> str | None:
    """What a file is a copy of, by its name; None if it calls itself no copy."""
    match = _COPY.fullmatch(stem)
    return (match["after"] or match["before"]).strip() if match else None


def without_number(stem: str) -> tuple[str, int]:
    """A name without the number that browsers add, and the number: ``("04", 2)`` of "04 (2)"."""
    match = _NUMBERED.fullmatch(stem)
    return (match["base"], int(match["number"])) if match else (stem, 0)


def stem_of(name: str) -> str:
    """A file name without what says that it is a notebook or a zip."""
    # Not by small letters of the whole, which may be more: "ß" has two.
    if match := re.fullmatch(r"(.*)\.ipynb.*", name, re.IGNORECASE | re.ASCII | re.DOTALL):
        return match[1] or name
    return name.rpartition(".")[0] or name if "." in name else name


def look_alike(name: str) -> str:
    """The same for names that a reader takes for one."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def names_assignment(parts: Sequence[str], assignment: str) -> bool:
    """Whether the name of a file, or of a folder around it, names the assignment.

    "05_1" is in "05_1_build_a_vae" and not in "05_10".
    """
    before = r"(?<!\d)" if assignment[:1].isdigit() else r"(?<![^\W\d_])"
    after = r"(?!\d)" if assignment[-1:].isdigit() else r"(?![^\W\d_])"
    pattern = re.compile(before + re.escape(assignment) + after, re.IGNORECASE)
    return any(pattern.search(part) for part in parts)


def holds_class(top: str, entries: Sequence[str]) -> bool:
    """Whether a folder or zip is of a whole class, by the names that a platform gives."""
    canvas = is_canvas(entries)
    return not owner_of(top, canvas=True) and any(owner_of(each, canvas) for each in entries)


def without_wrappers(items: list[Item], assignment: str, whole: str | None) -> list[Item]:
    """The items without folders and zips that hold the whole class.

    Args:
        items: of the teacher's folder.
        assignment: such as "04".
        whole: the name of a zip that is the class's by itself, or None.

    Raises:
        ValueError: if something of the class cannot be read: some students would be lost.
    """
    for _ in range(4):
        children: dict[str, list[Item]] = {}
        for item in items:
            if not item.litter:
                children.setdefault(item.parts[0], []).append(item)
        wrapping = {
            top
            for top, inside in children.items()
            if _wraps(top, inside, assignment, alone=len(children) == 1, whole=whole)
        }
        if not wrapping:
            return items
        for item in items:
            if item.kind == "fault" and len(item.parts) == 1 and item.name in wrapping:
                below = Counter(i.parts[1] for i in children[item.name] if len(i.parts) > 1)
                most = names_listed([name for name, _ in below.most_common(1)])
                raise ValueError(
                    f"{item.within}{item.name} is the folder of the whole class and {item.why}, "
                    f"most of it in {most}: leave nothing there but submissions."
                )
        items = [
            _lifted(item) if item.parts[0] in wrapping else item
            for item in items
            if len(item.parts) > 1 or item.parts[0] not in wrapping
        ]
        whole = stem_of(whole) if whole and is_zip(whole) else None
    return items


def _lifted(item: Item) -> Item:
    """The item without the folder or zip around it; a zip's own date does not count then."""
    top, *parts = item.parts
    dates = item.dates[1:] if is_zip(top) and len(item.dates) > 1 else item.dates
    return replace(item, parts=tuple(parts), dates=dates, within=f"{item.within}{top}/")


def _wraps(
    top: str, inside: list[Item], assignment: str, *, alone: bool, whole: str | None
) -> bool:
    """Whether a folder or zip holds the whole class and not one student's work."""
    below = [item for item in inside if len(item.parts) > 1]
    if not below:
        return False
    if top == whole:
        return True
    entries = sorted({item.parts[1] for item in below})
    if owner_of(top, canvas=True):
        return False
    if holds_class(top, entries):
        return True
    if not alone:
        return False
    if len(entries) == 1:
        lifted = [_lifted(item) for item in below]
        return _wraps(entries[0], lifted, assignment, alone=True, whole=None)
    handed_in = {
        item.parts[1] for item in below if suffix(item.name) == ".ipynb" or is_zip(item.name)
    }
    if top.casefold() in _WRAPPERS and handed_in:
        return True
    different = {without_number(stem_of(entry))[0] for entry in handed_in}
    of_this = [entry for entry in handed_in if names_assignment((entry,), assignment)]
    return len(different) >= (2 if is_zip(top) else 3) and len(of_this) != 1
