"""Words and sentences of stories: cut, counted and compared (chapters 6.1 and 6.2)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import pairwise

import numpy as np

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
SENTENCE_END = re.compile(r"[.!?…][\"'”’)]*(?=\s|$)")
# After these a full stop ends no sentence.
_SHORT = re.compile(r"\b(Mr|Mrs|Ms|Dr|St|Esq|Capt|Rev|No)\.$")
# What says little of what a sentence is about: the commonest words of English prose.
COMMON = frozenset(
    """a about after again all also am an and any are as at away be because been before being but
    by came can come could day did do does done down each even ever every far few first for from
    get go going good got great had has have he her here herself him himself his how i if in into
    is it its itself just know last less let like little long made make man many may me might mr
    mrs more most much must my myself never no nor not nothing now of off old on once one only or
    other our out over own part people perhaps quite rather said same saw say see seem seemed shall
    she should so some soon still such tell than that the their them then there these they thing
    things think this those though thought three through till time to too took two under until up
    upon us very was way we well went were what when where whether which while who whole whom why
    will with without woman would year yet you your""".split()  # noqa: SIM905
)


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return [word.lower() for word in WORD.findall(text)]


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order; a rest without an end is the last."""
    found, begin = [], 0
    for end in SENTENCE_END.finditer(text):
        piece = text[begin : end.end()]
        if not _SHORT.search(piece):
            found.append(piece.strip())
            begin = end.end()
    rest = text[begin:].strip()
    return [s for s in (*found, rest) if s]


def finish(text: str) -> str:
    """The text up to its last whole sentence; nothing if it has none."""
    ends = [e.end() for e in SENTENCE_END.finditer(text) if not _SHORT.search(text[: e.end()])]
    return text[: ends[-1]].rstrip() if ends else ""


def first_sentences(text: str, most: int, least: int = 1) -> str:
    """The whole sentences that a text begins with: so many words at most, sentences at least."""
    end, kept = 0, ""
    for number, sentence in enumerate(sentences(text)):
        end = text.index(sentence, end) + len(sentence)
        if number >= least and len(words(text[:end])) > most:
            break
        kept = text[:end]
    return kept


def plain(text: str) -> str:
    """A model's text as paragraphs of plain words: no markup, nothing invisible.

    Headings, lists and emphasis of Markdown go, and what could be read as a tag or a link.
    """
    text = re.sub(r"<\|[^|]*\|>|[<>\[\]{}`\\|~^]", "", text)
    text = re.sub(r"^\s*(#+|[-*+]|\d+\.|>)\s+", "", text, flags=re.MULTILINE)
    text = re.sub(r"[*_#]+", "", text)
    text = "".join(c for c in text if c == "\n" or c.isprintable())
    paragraphs = (" ".join(p.split()) for p in re.split(r"\n+", text))
    return "\n\n".join(p for p in paragraphs if p)


def occurs(word: str, text: str) -> bool:
    """Whether a word or phrase stands in a text as it is, in whatever case.

    ``storm`` occurs in "The storm's end" and not in "stormy" or "storms".
    """
    return whole_word(word).search(text) is not None


def whole_word(word: str) -> re.Pattern:
    """What finds a word or phrase as `occurs` does."""
    gap = r"\s+".join(re.escape(part) for part in word.split())
    return re.compile(rf"(?<![\w-]){gap}(?![\w-])", re.IGNORECASE)


def content_words(text: str) -> list[str]:
    """Words that say what a text is about: three letters or more, and not common."""
    return [w for w in words(text) if len(w) > 2 and w not in COMMON]


# ---- measures ------------------------------------------------------------------------


def ngrams(tokens: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """All runs of n words."""
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def repeated_share(text: str, n: int = 4) -> float:
    """Of a text's runs of n words, the share that stood in it before (Welleck et al., 2020)."""
    runs = ngrams(words(text), n)
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def distinct_share(texts: Iterable[str], n: int = 2) -> float:
    """Of all runs of n words in several texts, the share that is different (Li et al., 2016).

    It falls with the number of words, so compare equal amounts.
    """
    runs = [run for text in texts for run in ngrams(words(text), n)]
    return len(set(runs)) / len(runs) if runs else 0.0


def linked_share(text: str, without: Iterable[str] = ()) -> float:
    """Of a text's sentences from the second on, how many share a content word with the last.

    A text that repeats itself scores high as well: read it beside `repeated_share`.

    Args:
        text: of any length.
        without: words in lower case that do not count, such as those that were asked for.
    """
    sets = [set(content_words(s)) - set(without) for s in sentences(text)]
    pairs = list(pairwise(sets))
    return float(np.mean([bool(a & b) for a, b in pairs])) if pairs else 0.0


def shared_runs(text: str, source_runs: Set[tuple[str, ...]], n: int = 8) -> float:
    """Of a text's runs of n words, the share that stands in a source as well."""
    runs = ngrams(words(text), n)
    return float(np.mean([run in source_runs for run in runs])) if runs else 0.0


def fresh_shares(told: Mapping[str, str], size: int) -> dict[str, float]:
    """Of the pairs among each text's first words, the share that stands in no other of them.

    Args:
        told: texts by name; as many of each group that is compared.
        size: words of each text; the same for all groups.
    """
    pairs = {name: ngrams(words(text)[:size], 2) for name, text in told.items()}
    uses = Counter(pair for own in pairs.values() for pair in set(own))
    return {name: float(np.mean([uses[p] == 1 for p in own] or [0])) for name, own in pairs.items()}


def passages(text: str, num_words: int) -> list[str]:
    """A long text cut into passages of whole sentences; no sentence stands in two of them.

    Args:
        text: of any length.
        num_words: that each has at least; the rest, which is shorter, is left out.
    """
    found, begun, size = [], [], 0
    for sentence in sentences(" ".join(text.split())):
        begun.append(sentence)
        size += len(words(sentence))
        if size >= num_words:
            found.append(" ".join(begun))
            begun, size = [], 0
    return found


def commonest(text: str, number: int) -> list[tuple[str, int]]:
    """The commonest content words, each with its count."""
    return Counter(content_words(text)).most_common(number)
