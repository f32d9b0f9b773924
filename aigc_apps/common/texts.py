"""Words and sentences of stories: cut, counted and compared (chapters 6.1 and 6.2)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
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
    gap = r"\s+".join(re.escape(part) for part in word.split())
    return re.search(rf"(?<![\w-]){gap}(?![\w-])", text, re.IGNORECASE) is not None


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


def linked_share(text: str) -> float:
    """Of a text's sentences from the second on, how many share a content word with the last.

    A text that repeats itself scores high as well: read it beside `repeated_share`.
    """
    sets = [set(content_words(s)) for s in sentences(text)]
    pairs = list(pairwise(sets))
    return float(np.mean([bool(a & b) for a, b in pairs])) if pairs else 0.0


def shared_runs(text: str, source_runs: set[tuple[str, ...]], n: int = 8) -> float:
    """Of a text's runs of n words, the share that stands in a source as well."""
    runs = ngrams(words(text), n)
    return float(np.mean([run in source_runs for run in runs])) if runs else 0.0


def passages(text: str, num_words: int, number: int, seed: int = 0) -> list[str]:
    """Passages of whole sentences from a long text, each of about as many words.

    Raises:
        ValueError: if the text has fewer words than one passage.
    """
    all_sentences = sentences(" ".join(text.split()))
    lengths = np.array([len(words(s)) for s in all_sentences])
    before = np.concatenate([[0], np.cumsum(lengths)])
    if before[-1] < num_words:
        raise ValueError(f"The text has {before[-1]} words: give at least {num_words}.")
    last = int(np.searchsorted(before, before[-1] - num_words, side="right"))
    starts = np.random.default_rng(seed).integers(0, max(1, last), number)
    found = []
    for start in starts:
        stop = int(np.searchsorted(before, before[start] + num_words))
        found.append(" ".join(all_sentences[start:stop]))
    return found


def commonest(text: str, number: int) -> list[tuple[str, int]]:
    """The commonest content words, each with its count."""
    return Counter(content_words(text)).most_common(number)
