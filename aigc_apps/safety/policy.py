"""The stated policy: what may be asked of a scenario, and the sentences of a refusal.

The filter reads requests and not results. It is a list of rules that anybody can read, so it
is wrong in ways that anybody can see: it refuses the harmless sentence that quotes a blocked
word, and it lets through the harmful one that avoids all of them. `aigc_apps.safety.measure`
counts both, and chapter 8 discusses them.

A theme is a few plain words. That is most of the protection: what is long, hidden, marked up,
addressed to somebody or encoded is no theme, whatever it says. Fields in which people work have
other rules, see `aigc_apps.safety.fields`. The rest are two lists beside this
file: ``instructions.yml``, ways in which texts speak to a model, in the five languages of the
injections in ``data/injections``, and ``topics.yml``, what is not served whoever asks.
"""

from __future__ import annotations

import codecs
import functools
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aigc_apps.safety.instructions import CHINESE, anywhere_or_whole, instruction_pattern
from aigc_utils.files import read_yaml

MARKUP = re.compile(
    r"<[^>]*>|[{}\[\]\\`|]|&\w+;|\$\(|^#+ |---|==="  # tags, brackets, rules
    r"|https?:|www\.|%[0-9a-f]{2}|\w@\w|\B/\w+/|\w_\w",  # addresses, folders, functions
    re.IGNORECASE,
)
# No word is so long; Chinese has no spaces and is left out. Then bits, and Morse.
ENCODED = re.compile(r"[!-~]{36,}|\b[01]{8}( [01]{8})+\b|([.-]{1,5} (/ )?){5,}")
_LEET = str.maketrans("0134578@$", "oieastbas")


class Refused(ValueError):
    """A request that the policy refuses; its message says why, and what to ask instead.

    Attributes:
        rule: the name of the rule, one of `Policy.rules`.
    """

    def __init__(self, rule: str, message: str):
        super().__init__(message)
        self.rule = rule


@dataclass(frozen=True)
class Policy:
    """What texts a scenario takes.

    Attributes:
        max_chars: the longest text that is read.
        scripts: names of writing systems as Unicode's character names begin, such as
            ``"LATIN"`` and ``"CJK"``.
        blocked_topics: a pattern for each topic; None for those of ``topics.yml``.
    """

    max_chars: int = 200
    scripts: tuple[str, ...] = ("LATIN", "CJK")
    blocked_topics: dict[str, str] | None = None

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules in the order in which they are applied."""
        return ("too long", "empty", *self._looks)

    def check(self, name: str, text: str) -> str:
        """The text in Unicode's composed form and with single spaces, if nothing is against it.

        Args:
            name: of the field, for the message.
            text: what somebody asked for.

        Raises:
            Refused: with the first rule that it breaks.
        """
        if len(text) > self.max_chars:
            raise Refused(
                "too long",
                f"{name} has {len(text):,} characters: give at most {self.max_chars:,}.",
            )
        text = unicodedata.normalize("NFC", text).strip()
        if not text:
            raise Refused("empty", f"{name} is empty: say in a few words what it is to be about.")
        for rule, look in self._looks.items():
            if message := look(text):
                raise Refused(rule, f"{name} {message}")
        return " ".join(text.split())  # wide and unbreakable spaces become plain ones

    def check_all(self, name: str, texts: Iterable[str]) -> tuple[str, ...]:
        """`check` for each of several texts."""
        return tuple(self.check(name, text) for text in texts)

    @property
    def _looks(self) -> dict[str, Callable[[str], str]]:
        """What looks at a text that has words, by rule; each gives a message, or nothing."""
        return {
            "control characters": self._control,
            "markup": self._markup,
            "script": self._script,
            "encoded": self._encoded,
            "command": self._command,
            "topic": self._topic,
        }

    def _control(self, text: str) -> str:
        # Cf are joiners and direction marks, Cs half characters, Zl and Zp ends of lines; M are
        # marks that no composed letter took up, of which any number fits on one letter.
        kinds = ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp", "Mn", "Me")
        hidden = next((c for c in text if unicodedata.category(c) in kinds), "")
        return f"holds the invisible character U+{ord(hidden):04X}: remove it." if hidden else ""

    def _markup(self, text: str) -> str:
        found = MARKUP.search(text)
        return f"holds markup or an address, {cited(found[0])}: give plain words." if found else ""

    def _script(self, text: str) -> str:
        letters = [c for c in text if unicodedata.category(c).startswith(("L", "So"))]
        names = ((c, unicodedata.name(c, "UNKNOWN")) for c in letters)
        other = next(((c, n) for c, n in names if not n.startswith(self.scripts)), None)
        if other is None and not letters:
            return f"is {cited(text)}, without a letter: say in words what it is to be about."
        if other is None:
            return ""
        return (
            f"holds {other[0]!r} ({other[1].lower()}), which is not written here: use another word."
        )

    def _encoded(self, text: str) -> str:
        found = ENCODED.search(text)
        return f"holds {cited(found[0])}, which is no word: give plain words." if found else ""

    def _command(self, text: str) -> str:
        for reading in readings(text):
            if found := instruction_pattern().search(reading):
                return f"speaks to the model ({cited(found[0])}): name a theme instead."
        return ""

    def _topic(self, text: str) -> str:
        topics = read_topics() if self.blocked_topics is None else self.blocked_topics
        for reading in readings(text):
            for topic, pattern in topics.items():
                if found := re.search(pattern, reading, re.IGNORECASE):
                    return (
                        f"names {cited(found[0])}, of a topic that is not served ({topic}): "
                        "choose another."
                    )
        return ""


@functools.cache
def read_topics() -> dict[str, str]:
    """The topics that no application serves, each with one regular expression."""
    phrases = read_yaml(Path(__file__).with_name("topics.yml"), dict[str, list[str]])
    return {topic: "|".join(map(anywhere_or_whole, found)) for topic, found in phrases.items()}


def readings(text: str) -> Iterator[str]:
    """A text as it stands, and as a person reads it who sees through four disguises.

    ``1gn0re`` for ignore, ``i g n o r e``, letters moved by 13 places, and backwards. What is
    disguised more deeply than that is not found: a rule list cannot decode everything. Chinese is
    not read backwards, since two characters mean something in either order too often.
    """
    yield text
    folded = re.sub(
        r"\b\w*[a-zA-Z@$]\w*\b|\b\d+\w*\b",
        lambda word: word[0].translate(_LEET) if re.search("[a-zA-Z]", word[0]) else word[0],
        text,
    )
    if folded != text:
        yield folded
        yield folded.replace("i", "l")
    joined = re.sub(r"\b(?:\w[ .-]){3,}\w\b", lambda run: re.sub("[ .-]", "", run[0]), text)
    if joined != text:
        yield joined
    yield codecs.encode(text, "rot13")
    yield CHINESE.sub(" ", text)[::-1]


def cited(text: str) -> str:
    """A text in quotes for a message, the end of a long one left out."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


POLICY = Policy()
