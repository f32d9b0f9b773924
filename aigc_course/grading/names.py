"""Who is meant: students as teachers, files and learning platforms write them."""

from __future__ import annotations

import difflib
import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from aigc_course.grading.plain import JOINERS, plain_text

MOST_NAMES = 60  # in a line


def plain_name(name: str) -> str:
    """A name for comparing: one form of each letter, small letters, one blank between words."""
    text = plain_text(unicodedata.normalize("NFKC", name)).casefold()
    return text.removeprefix("'").strip()  # the mark that keeps a cell from being a formula


def spellings(name: str) -> set[str]:
    """The ways in which files and tables write a name.

    "Lovelace, Ada" is also "Ada Lovelace", "ada_lovelace", "ada.lovelace" and "lovelaceada".
    """
    text = plain_name(name)
    words = [word for word in re.split(r"[\W_]+", text) if word]
    last, comma, first = text.partition(",")
    turned = re.split(r"[\W_]+", f"{first} {last}") if comma else words
    found = {text, "".join(words), "".join(word for word in turned if word)}
    if len(words) == 2:  # given name and surname, in either order
        found.add(words[1] + words[0])
    return found - {""}


@functools.lru_cache(10_000)
def spelled(*names: str) -> frozenset[str]:
    """The spellings of names, also without what tells them from an equal one."""
    short = [without_addition(name) for name in names]
    bare = [name.rpartition(" [")[0] for name in short if name.endswith("]")]
    return frozenset().union(*map(spellings, [*short, *bare]))


def without_addition(name: str) -> str:
    """A name without what tells it from an equal one: "Ada Byron" of "Ada Byron (123)"."""
    return re.sub(r" \([0-9a-f]+\)$", "", name)


def odd_letters(name: str) -> str:
    """A sentence on letters of a name that look like others, or like nothing; "" if none do."""
    hidden = [c for c in name if unicodedata.category(c) in ("Cf", "Cc") and c not in JOINERS]
    mixed: list[str] = []
    for word in re.findall(r"[^\W\d_]+", name):
        alphabets = [unicodedata.name(c, "").partition(" ")[0] for c in word]
        if len({"LATIN", "CYRILLIC", "GREEK"} & set(alphabets)) > 1:
            mixed += [c for c, a in zip(word, alphabets, strict=True) if a in ("CYRILLIC", "GREEK")]
    said = []
    if hidden:
        said.append(f"The name holds letters that are not seen: {_numbered(hidden)}.")
    if mixed:
        said.append(f"The name mixes alphabets that look alike: {_numbered(mixed)}.")
    return " ".join(said)


def _numbered(letters: Iterable[str]) -> str:
    """Letters by their numbers in Unicode, each once."""
    shown = dict.fromkeys(f"U+{ord(c):04X} {unicodedata.name(c, '')}".strip() for c in letters)
    return ", ".join(list(shown)[:5])


class Names:
    """Finds a student by any name that the class has for them."""

    def __init__(self) -> None:
        self._exact: dict[str, set[str]] = defaultdict(set)
        self._numbers: dict[str, set[str]] = defaultdict(set)
        self._shown: dict[str, str] = {}
        self._ids: dict[str, str] = {}

    def add(self, key: str, shown: str, others: Iterable[str] = (), shown_id: str = "") -> None:
        """Make a student known.

        Args:
            key: what `find` gives.
            shown: the name in messages.
            others: further names: a login, a former name.
            shown_id: what tells the student from all others.
        """
        self._ids[key] = shown_id or key
        for name in (shown, *others, key, shown_id):
            plain = plain_name(name)
            if not plain:
                continue
            self._exact[plain].add(key)
            self._shown.setdefault(plain, plain_text(name))
            if plain.isdecimal():  # spreadsheets drop the zeros in front
                self._numbers[plain.lstrip("0")].add(key)

    def find(self, name: str) -> str:
        """The key of the student who is called so.

        Raises:
            LookupError: if there is none or more than one; the text goes on after the name.
        """
        plain = plain_name(name)
        keys = self._exact.get(plain) or self._numbers.get(plain.lstrip("0") or "-", set())
        if len(keys) == 1:
            return next(iter(keys))
        if keys:
            ids = sorted({plain_text(self._ids[key]) for key in keys})
            if len(ids) < len(keys):  # one number on two platforms
                ids = sorted(keys)
            ids[8:] = []
            raise LookupError(
                f"may be any of {len(keys)} students: give the id in its place, "
                f"{', '.join(ids[:-1])} or {ids[-1]}."
            )
        near = difflib.get_close_matches(plain, self._exact, 1)
        hint = f"did you mean {self._shown[near[0]]!r}?" if near else "take the name of the table."
        raise LookupError(f"is nobody in the table, in the folder or on a roster: {hint}")


def names_line(names: Iterable[str]) -> str:
    """Names in a line, in order, and not more of them than one reads.

    Semicolons are between them if one of them holds a comma, as "Lovelace, Ada" does.
    """
    ordered = sorted(plain_text(name, 200) for name in names)
    rest = len(ordered) - MOST_NAMES
    between = "; " if any("," in name for name in ordered) else ", "
    shown = between.join(ordered[:MOST_NAMES])
    return shown + (f" and {rest} more" if rest > 0 else "")
