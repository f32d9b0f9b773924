"""A policy by kind of field: a beta-blocker, ``2+2`` and ``{1,2}`` are welcome where they belong.

`POLICY` judges a theme, a few plain words. Where people work (a discharge letter, an indictment, a
program, a table) a mention is not a request: what is refused there is a request to do harm, an
order to the model, and what runs or hides where the text is shown. ``fields.yml`` says for each
kind how long a text may be and which markup is dangerous in it, ``orders.yml`` how a model is given
orders, ``harm.yml`` what is a request to do harm. The same lists look at what goes out.

They are lists of rules, wrong in ways that anybody can see. They refuse the lesson that quotes an
attack word for word. They let through whoever asks in other words, hides a text in an
acrostic, an image or a cipher that `unwrapped` does not know, or writes in a language that the
lists do not. Every application of chapter 6 uses one of the kinds in its request.
"""

from __future__ import annotations

import base64
import functools
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aigc_apps.safety.instructions import Phrases
from aigc_apps.safety.policy import POLICY, Policy, Refused, cited, readings
from aigc_utils.files import read_yaml

# A joiner or a variation selector after a symbol belongs to an emoji, as the letters of a flag do.
EMOJI = re.compile(
    "\U0001f3f4[\U000e0030-\U000e007a]{1,6}\U000e007f|[0-9#*]\ufe0f?\u20e3"
    "|[\u00a9\u00ae\u203c\u2049\u2122-\u3299\U0001f000-\U0001faff][\ufe0e\ufe0f]?"
    "(?:\u200d[\u2190-\u2bff\U0001f000-\U0001faff]\ufe0f?)*"
)
HIDDEN = ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp")
# More marks on one letter than any writing has, or selectors, which can carry a text unseen.
PILED = re.compile("[\u0300-\u036f\u0483-\u0489]{4,}|[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# Between two letters that stand alone.
SPACED = re.compile(r"(?<=(?<!\w)\w)[ .*_·・•-](?=\w(?!\w))")
NUMBER = re.compile(
    r"(?<![A-Za-z\d.])(?<!\d[ -])\d(?:[ -]?\d){11,17}[ -]?[\dXx](?![A-Za-z]|[ -]?\d)"
)
CYRILLIC, GREEK = "аеіорсухѕјԁһԛԝАВЕІКМНОРСТХЅЈ", "αοινρτυΑΒΕΗΙΚΜΝΟΡΤΧ"
ALIKE = str.maketrans(CYRILLIC + GREEK, "aeiopcyxsjdhqwABEIKMHOPCTXSJ" + "aoivptuABEHIKMNOPTX")


class FieldPolicy(BaseModel):
    """What a kind of field takes, an entry of ``fields.yml``.

    Attributes:
        longest, lines: characters and lines at most.
        markup: names of what is dangerous there, of those that ``fields.yml`` explains.
        orders, harm, numbers: whether it refuses orders to the model, requests to do harm, and
            numbers of cards and persons.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    longest: int = Field(ge=1, le=100_000)
    lines: int = Field(ge=1)
    markup: tuple[str, ...]
    orders: bool
    harm: bool
    numbers: bool = False

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules in the order in which they are applied."""
        return ("too long", "empty", *self._looks)

    def check(self, name: str, text: str) -> str:
        """The text in Unicode's composed form, if nothing is against it.

        In one line spaces are single; several lines stay as they are, ended by line feeds.

        Args:
            name: of the field, for the message.
            text: what somebody wrote, or what is to go out.

        Raises:
            Refused: with the first rule that it breaks.
        """
        if len(text) > self.longest:
            much = f"has {len(text):,} characters: give at most {self.longest:,}."
            raise Refused("too long", f"{name} {much}")
        text = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).rstrip(" \n\t").lstrip("\n")
        if not text.strip():
            raise Refused("empty", f"{name} is empty: write something into it.")
        for rule, look in self._looks.items():
            if message := look(text):
                raise Refused(rule, f"{name} {message}")
        return text if self.lines > 1 else " ".join(text.split())

    @property
    def _looks(self) -> dict[str, Callable[[str], str]]:
        looks = {"lines": self._long, "control characters": _hidden, "markup": self._markup}
        asked = {"command": self.orders, "topic": self.harm, "number": self.numbers}
        more = {"command": _order, "topic": _harm, "number": _number}
        return looks | {rule: more[rule] for rule, is_asked in asked.items() if is_asked}

    def _long(self, text: str) -> str:
        lines = text.count("\n") + 1
        return f"has {lines:,} lines: give at most {self.lines:,}." if lines > self.lines else ""

    def _markup(self, text: str) -> str:
        for kind in self.markup:
            for reading in unwrapped(text):
                if found := read_fields().patterns[kind].search(reading):
                    return f"holds {kind} ({cited(found[0])}): take it out."
        return ""


class Fields(BaseModel):
    """What ``fields.yml`` holds: patterns for each kind of markup, and the kinds of fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    markup: dict[str, list[str]]
    fields: dict[str, FieldPolicy]

    @model_validator(mode="after")
    def _explained(self) -> Fields:
        used = {kind for policy in self.fields.values() for kind in policy.markup}
        if unknown := sorted(used - self.markup.keys()):
            raise ValueError(f"no patterns are given for {unknown[0]}: write them under markup")
        return self

    @functools.cached_property
    def patterns(self) -> dict[str, re.Pattern]:
        """A pattern for each kind of markup."""
        return Phrases(parts={}, patterns=self.markup).by_name()


@functools.cache
def read_fields() -> Fields:
    """The kinds of fields, read once and checked."""
    return read_yaml(Path(__file__).with_name("fields.yml"), Fields)


def field_policy(kind: str) -> Policy | FieldPolicy:
    """The policy of a kind of field: theme, prose, name, code, formula, table or document.

    Raises:
        KeyError: if there is no such kind.
    """
    kinds = {"theme": POLICY, **read_fields().fields}
    if kind not in kinds:
        raise KeyError(f"There is no kind of field {kind!r}: take one of {', '.join(kinds)}.")
    return kinds[kind]


def check_output(name: str, text: str) -> str:
    """Prose that goes out of an application, if nothing is against it; see `FieldPolicy.check`."""
    return field_policy("output").check(name, text)


@functools.lru_cache(maxsize=8)
def unwrapped(text: str) -> tuple[str, ...]:
    """A text as it stands, and what is found in its wrappings.

    Escapes of pages, addresses and programs; wide, accented and look-alike letters; and runs of
    base64, base32, base85, hex and bits.
    """
    plain = re.sub(r"\\(?:u|x)\{?([0-9a-fA-F]{2,4})\}?", lambda c: chr(int(c[1], 16)), text)
    plain = re.sub("(?:%[0-9a-fA-F]{2})+", _percent, plain)
    plain = unicodedata.normalize("NFKD", html.unescape(html.unescape(plain)))
    plain = "".join(c for c in plain if not unicodedata.combining(c)).translate(ALIKE)
    return text, plain, *_decoded(text)


def _percent(escape: re.Match) -> str:
    return bytes.fromhex(escape[0].replace("%", "")).decode(errors="replace")


def _decoded(text: str) -> Iterator[str]:
    for bits in re.findall(r"\b[01]{8}(?:\s?[01]{8}){3,}\b", text):
        whole = re.sub(r"\s", "", bits)
        yield bytes(int(whole[i : i + 8], 2) for i in range(0, len(whole), 8)).decode("latin1")
    runs = re.findall(r"[\w+/-]{16,}={0,6}", text, re.ASCII) + re.findall(r"[!-~]{20,}", text)
    for run in runs:
        even = run.rstrip("=").translate(str.maketrans("-_", "+/"))
        for decode, code in (
            (bytes.fromhex, run),
            (base64.b64decode, even + "=" * (-len(even) % 4)),
            (base64.b32decode, even.upper() + "=" * (-len(even) % 8)),
            (base64.b85decode, run),
            (functools.partial(base64.a85decode, adobe=run.startswith("<~")), run),
        ):
            try:
                found = decode(code).decode()
            except ValueError:  # so it is not that
                continue
            if found.isprintable():
                yield found


def _hidden(text: str) -> str:
    bare = EMOJI.sub("", text)
    found = next((c for c in bare if unicodedata.category(c) in HIDDEN and c not in "\n\t"), "")
    found = found or (piled[0][-1] if (piled := PILED.search(bare)) else "")
    return f"holds the invisible character U+{ord(found):04X}: remove it." if found else ""


@functools.cache
def _patterns(file: str) -> dict[str, re.Pattern]:
    return read_yaml(Path(__file__).with_name(file), Phrases).by_name()


@functools.cache
def _closed(pattern: str) -> re.Pattern:
    """A pattern for letters that are spelled out, with no space between words for certain."""
    # What must not stand before would have no fixed length.
    pattern = re.sub(r"\(\?<!\w+'?\w*(?: \w+)* \)", "", pattern)
    return re.compile(pattern.replace(" ", " ?").replace(r"\b", ""), re.IGNORECASE)


def _find(file: str, text: str) -> tuple[str, str]:
    """The name of the first pattern that finds something in any reading, and what it finds."""
    spelled = len(SPACED.findall(text)) > 15
    for reading in _worded(text):
        for name, whole in _patterns(file).items():
            found = whole.search(reading)
            if found or (spelled and (found := _closed(whole.pattern).search(reading))):
                return name, cited(found[0])
    return "", ""


def _order(text: str) -> str:
    name, found = _find("orders.yml", text)
    return f"gives the model an order ({found}): say what you want made instead." if name else ""


def _harm(text: str) -> str:
    topic, found = _find("harm.yml", text)
    return f"asks for {topic} ({found}), which is not served: leave it out." if topic else ""


@functools.lru_cache(maxsize=8)
def _worded(text: str) -> tuple[str, ...]:
    """What a text says, in every reading that we know: without lines, comments and emphasis too."""
    _, plain, *_ = found = unwrapped(text)
    closed = SPACED.sub("", plain) if len(SPACED.findall(plain)) > 5 else plain
    spaced = re.sub(r"[\s#*/>_~`-]+", " ", closed)
    return tuple(dict.fromkeys((*found, *readings(spaced))))


def _number(text: str) -> str:
    for found in NUMBER.finditer(unicodedata.normalize("NFKC", text)):
        bare = re.sub("[ -]", "", found[0]).upper()
        if _is_person(bare) or _is_card(bare):
            return f"holds {cited(found[0])}, the number of a card or a person: take it out."
    return ""


def _is_person(number: str) -> bool:
    """Whether the last of 18 signs is the check sign of GB 11643."""
    weighed = sum(int(digit) * 2 ** (17 - i) for i, digit in enumerate(number[:17]))
    return len(number) == 18 and "10X98765432"[weighed % 11] == number[17]


def _is_card(number: str) -> bool:
    """Whether a number begins as cards do and its digits have Luhn's sum."""
    if not number.isdigit() or number[0] not in "3456":
        return False
    digits = [int(d) for d in number[::-1]]
    return sum(digits[::2] + [sum(divmod(2 * d, 10)) for d in digits[1::2]]) % 10 == 0
