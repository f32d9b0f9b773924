"""Finding submissions: one a student, in a folder or a zip, of an LMS or as they came by mail.

Everything in the place is read, or named with the reason why it is not.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from aigc_course.grading import attempts, owners, trees
from aigc_course.grading.names import odd_letters
from aigc_course.grading.notebooks import NotHere, Unreadable, read_file
from aigc_course.grading.plain import names_listed, plain_text
from aigc_course.grading.trees import Item, is_zip, suffix

OUTPUT = ("grades.csv", "grades.json")  # what shows that a folder is one of the grader's own
MAX_NAME = 80
# A key of these letters is the name itself; any other key has "--" in it, and no name of these has.
_SIMPLE = re.compile(
    r"(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))[a-z0-9_](?:[a-z0-9_.-]{0,58}[a-z0-9_])?"
)


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    Attributes:
        key: for files of ours: letters, digits, ``_``, ``.`` and ``-`` only, unlike any other
            student's, also where case does not count, and the same next time.
        name: as shown: printable, one line, unlike any other student's.
        path: the notebook that counts; None if there is none.
        entry: its name in the folder or zip, such as ``Ada Byron_123_assignsubmission_file_``.
        lms: "moodle" or "canvas" if the name is one of their export.
        lms_id: the number in that name.
        submitted_at: with a time zone; of the file in an LMS's zip, else of the file itself.
        notes: sentences for the teacher: what else was handed in, and why it does not count.
        problem: a sentence on why nothing can be graded; None if something can.
        ours: the problem is this machine's and no student's.
        answered: it holds answers, by which it may be told from those of others.
    """

    key: str
    name: str
    path: Path | None
    entry: str = ""
    lms: str | None = None
    lms_id: str | None = None
    submitted_at: datetime | None = None
    notes: tuple[str, ...] = ()
    problem: str | None = None
    ours: bool = False
    answered: bool = True

    @property
    def tells_who(self) -> bool:
        """Whether what is handed in is one student's own: what has no answers may be anybody's."""
        return self.answered and not self.problem


@dataclass(frozen=True)
class Found:
    """What lies in a teacher's folder or zip.

    Attributes:
        submissions: one a student, by name.
        notes: sentences for the teacher on what belongs to no student, and why it is not read.
    """

    submissions: tuple[Submission, ...]
    notes: tuple[str, ...] = ()


@dataclass
class _Group:
    """What belongs to one student."""

    entry: str
    owner: owners.Owner
    items: list[Item]
    kind: str  # "file", "folder" or "zip"
    notes: list[str]


def find(place: Path, assignment: str, *, scratch: Path, leave_out: Sequence[Path] = ()) -> Found:
    """The submissions in a folder or a zip: notebooks, zips and folders, also of an LMS.

    Args:
        place: the teacher's folder, or a zip as Moodle or Canvas gives it.
        assignment: such as "04": where a student has several notebooks, it tells which counts.
        scratch: an empty folder for what comes out of zips; keep it until all are graded.
        leave_out: folders that are no student's: the grader's own output.

    Raises:
        ValueError: if there is no such place, it cannot be read, nothing is in it, or so much that
            students would be lost.
    """
    whole = None
    if place.is_dir():
        try:
            items = trees.items_below(place, scratch, leave_out, owners.holds_class)
        except OSError as error:
            raise ValueError(
                f"The folder {place} cannot be read ({error.strerror}): mend its permissions."
            ) from None
    elif place.is_file() and is_zip(place.name):
        items, whole = trees.items_of_zip(place, scratch), place.name
    elif place.is_file():
        raise ValueError(f"{place} is neither a folder nor a zip: name what holds the submissions.")
    else:
        raise ValueError(f"There is no folder {place}: name the one with the submissions.")
    items, own = _without_output(items)
    items = trees.cut_short(owners.without_wrappers(items, assignment, whole))
    groups, notes = _groups(items)
    groups = _without_copies(groups)
    if not groups:
        raise ValueError(
            f"There are no submissions in {place}: put one notebook or folder a student there. "
            + " ".join(own + notes)
        )
    found, said = _each_once(groups, assignment)
    return Found(tuple(_told_apart(found)), tuple(own + notes + said))


def read_submission(submission: Submission) -> bytes:
    """The notebook's bytes.

    Raises:
        Unreadable: if there is none, it is a link or no file, or it is too large.
        NotHere: if this machine does not let it be read.
    """
    if submission.problem and submission.ours:
        raise NotHere(submission.problem)
    if submission.path is None or submission.problem:
        raise Unreadable(submission.problem or "There is no notebook.")
    return read_file(submission.path)


def _without_output(items: list[Item]) -> tuple[list[Item], list[str]]:
    """The items without folders that a grader has written, and sentences that say so."""
    inside: dict[str, set[str]] = defaultdict(set)
    for item in items:
        if len(item.parts) == 2:
            inside[item.parts[0]].add(item.name)
    own = {top for top, names in inside.items() if names.issuperset(OUTPUT)}
    said = [f"{names_listed([top])} holds grades and was left out." for top in sorted(own)]
    return [item for item in items if item.parts[0] not in own], said


def _groups(items: list[Item]) -> tuple[list[_Group], list[str]]:
    """The items of each student, and sentences on files that are nobody's."""
    tops: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        if not (item.litter and len(item.parts) == 1):
            tops[item.within, item.parts[0]].append(item)
    canvas = owners.is_canvas([top for _, top in tops])
    groups: dict[tuple, _Group] = {}
    strays: list[tuple[str, list[Item]]] = []
    for (within, top), inside in tops.items():
        owner = owners.owner_of(top, canvas)
        kind = _kind(top, inside)
        if owner is None and kind == "stray":
            strays.append((top, inside))
            continue
        identity = (owner.lms, owner.number, within) if owner else (kind, top, within)
        name = owners.stem_of(top) if kind != "folder" else top
        group = _Group(top, owner or owners.Owner(None, "", name), [], kind, [])
        groups.setdefault(identity, group).items.extend(inside)
    return list(groups.values()), _strays_said(strays, list(groups.values()))


def _kind(top: str, inside: list[Item]) -> str:
    """What an entry of the folder is: a student's file, folder or zip, or nobody's."""
    first = inside[0]
    if is_zip(top):
        return "zip"
    if first.kind == "folder" or len(first.parts) > 1:
        return "folder"
    if suffix(top) == ".ipynb" and not top.startswith("."):
        return "file"
    if first.kind == "fault":  # a link: to a student's folder, unless it is called like a file
        return "stray" if re.fullmatch(r"\.[a-z0-9]{1,6}", suffix(top)) else "folder"
    looks_it = attempts.choose_attempt(inside, "").item is not None
    return "file" if looks_it else "stray"


def _strays_said(strays: list[tuple[str, list[Item]]], groups: list[_Group]) -> list[str]:
    """Notes on files that are no submissions; those with a student's name go to the student."""
    by_name = {owners.look_alike(group.owner.name): group for group in groups}
    left = []
    for top, inside in strays:
        group = by_name.get(owners.look_alike(owners.stem_of(top)))
        if group is not None:
            group.items.extend(inside)
        elif inside[0].kind == "fault":
            left.append(f"{names_listed([top])} {inside[0].why}")
        else:
            left.append(f"{names_listed([top])} is {attempts.file_kind(top)}")
    said = [f"{text}: not read." for text in left[:20]]
    if len(left) > 20:
        said.append(f"{len(left) - 20} more files are no notebooks: not read.")
    return said


def _without_copies(groups: list[_Group]) -> list[_Group]:
    """The groups, a copy put to its original unless both have answers of their own."""
    kept, files = [], []
    for group in groups:
        (files if group.owner.lms is None and group.kind == "file" else kept).append(group)
    by_stem = {group.owner.name: group for group in files}
    # A copy's name is longer than the original's: a copy of a copy is put away before the copy is.
    for group in sorted(files, key=lambda group: len(group.owner.name), reverse=True):
        stem = owners.original_stem(group.owner.name)
        while stem and stem not in by_stem:
            stem = owners.original_stem(stem)
        original = by_stem.get(stem) if stem else None
        if original is None:
            kept.append(group)
        elif attempts.only_one_answered([*original.items, *group.items]):
            original.items.extend(group.items)
            original.notes.extend(group.notes)
        else:
            kept.append(group)
            for one, other in ((group, original), (original, group)):
                name = names_listed([other.entry])
                one.notes.append(
                    f"Perhaps of the same student as {name}: each is graded by itself."
                )
    return kept


def _each_once(groups: list[_Group], assignment: str) -> tuple[list[Submission], list[str]]:
    """The submissions, without what is there a second time, and a sentence on that.

    A teacher who unpacks an LMS's zip beside the zip has everybody twice.
    """
    found: list[Submission] = []
    first: dict[tuple, Submission] = {}
    twice: list[str] = []
    for group in sorted(groups, key=lambda group: group.items[0].within):
        number = (group.owner.lms, group.owner.number)
        before = first.get(number) if group.owner.lms else None
        each = _submission(group, assignment, again=before is not None)
        if before is not None and _content(each) == _content(before):
            twice.append(group.items[0].within + group.entry)
            continue
        first.setdefault(number, each)
        found.append(each)
    said = [f"There a second time with the same content: {names_listed(twice)}."] if twice else []
    return found, said


def _content(submission: Submission) -> bytes | str:
    """What tells whether two submissions are the same."""
    try:
        return read_submission(submission)
    except Unreadable as error:
        return str(error)


def _text(name: str) -> str:
    """A name from a file system as text, also if it is in GB 2312 or in Windows' Latin letters.

    Bytes that are no text become question marks.
    """
    try:
        raw = name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half characters, of Windows
        return name.encode("utf-8", "replace").decode("utf-8")
    for encoding in ("utf-8", "gb2312", "cp1252"):
        with contextlib.suppress(UnicodeDecodeError):
            return raw.decode(encoding)
    return raw.decode("utf-8", "replace").replace("\ufffd", "?")


def _submission(group: _Group, assignment: str, again: bool) -> Submission:
    chosen = attempts.choose_attempt(group.items, assignment)
    notes = [*group.notes, *chosen.notes]
    if odd := odd_letters(_text(group.owner.name)):
        notes.append(odd)
    if group.owner.late:
        notes.append("Canvas marks it as late.")
    dated = [chosen.item] if chosen.item else [i for i in group.items if i.kind == "file"]
    when = max((item.dates[0] for item in dated), default=0.0)
    return Submission(
        key=_key(group, again),
        name=plain_text(_text(group.owner.name), MAX_NAME) or "student",
        path=chosen.item.path if chosen.item else None,
        entry=group.entry,
        lms=group.owner.lms,
        lms_id=group.owner.number or None,
        submitted_at=datetime.fromtimestamp(when).astimezone() if when > 0 else None,
        notes=tuple(notes),
        problem=chosen.problem,
        ours=chosen.ours,
        answered=chosen.answered,
    )


def _key(group: _Group, again: bool = False) -> str:
    """A name for files that depends on nothing but the name of the student's entry.

    Args:
        group: the student's.
        again: another group has the same number of the same LMS.
    """
    name, entry = group.owner.name, group.entry
    if group.owner.lms and not again:
        return f"{group.owner.lms}--id{group.owner.number}"
    if _SIMPLE.fullmatch(name) and "--" not in name and not again:
        if entry == f"{name}.ipynb":
            return name
        if entry in (name, f"{name}.zip"):
            return f"{name}--{group.kind}"
    identity = f"{group.kind}/{group.items[0].within if again else ''}/{entry}"
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{_safe(name)}--{digest}"


def _safe(name: str) -> str:
    """A beginning for a file name, from any name; not empty."""
    text = unicodedata.normalize("NFKC", name.encode("utf-8", "replace").decode("utf-8"))
    return re.sub(r"[^\w-]|--+", "_", text).lstrip("-")[:30] or "student"


def _told_apart(found: list[Submission]) -> list[Submission]:
    """The submissions by name, with names that differ, and a note on each that looks like another.

    What tells two apart is a number of the LMS, or what was handed in.
    """
    alike: dict[str, list[Submission]] = defaultdict(list)
    numbered: dict[str, list[Submission]] = defaultdict(list)
    for each in found:
        alike[owners.look_alike(each.name)].append(each)
        numbered[_numbered(each)].append(each)
    taken: set[str] = set()
    told = []
    for each in sorted(found, key=lambda s: (s.name.casefold(), s.key)):
        notes, name = each.notes, each.name
        others = [s for s in alike[owners.look_alike(name)] if s is not each]
        copies = [s for s in numbered[_numbered(each)] if s is not each]
        if others and each.lms_id:
            name = f"{name} ({each.lms_id})"
        elif others:
            entries = names_listed([s.entry for s in others])
            notes += (f"Another submission has the same name, or looks so: {entries}.",)
        elif copies and not each.lms_id:
            entries = names_listed([s.entry for s in copies])
            notes += (f"Perhaps of the same student as {entries}: each is graded by itself.",)
        if name in taken:
            name = f"{name} ({each.key.rpartition('--')[2][:6]})"
        taken.add(name)
        told.append(replace(each, name=name, notes=notes))
    return told


def _numbered(submission: Submission) -> str:
    """What a name has in common with those to which a browser adds a number."""
    return owners.look_alike(owners.without_number(submission.name)[0])
