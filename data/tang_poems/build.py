"""How the files beside this script were made, once: `python build.py PACKAGE`.

PACKAGE is the unpacked folder of the npm package chinese-poetry 2.0.1. Needs
opencc-python-reimplemented 0.1.7, which the course itself does not. Nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import re
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
LINE_LENGTHS, LINE_COUNTS = (5, 7), (4, 8)
HELD_OUT, VALIDATION = 11, 5  # of 100 quatrains


def read_poems(package: Path) -> list[dict]:
    """The package's Tang poems, in its order, in simplified characters."""
    from opencc import OpenCC

    folder = package / "dist" / "quantangshi"
    files = sorted(folder.glob("poet.tang.*.json"), key=lambda path: int(path.stem.split(".")[-1]))
    raw = [poem for path in files for poem in json.loads(path.read_text(encoding="utf-8"))]
    fields = [[p["title"], p["author"], "".join(p["paragraphs"])] for p in raw]
    # All at once: a call for each poem takes minutes.
    simple = OpenCC("t2s").convert("\x01".join("\x02".join(poem) for poem in fields))
    return [
        dict(zip(("title", "author", "text"), poem.split("\x02"), strict=True))
        for poem in simple.split("\x01")
    ]


def lines_of(text: str) -> tuple[str, ...]:
    """A poem's lines, without punctuation."""
    return tuple(line for line in re.split("[，。？！；：、\\s]+", text) if line)


def is_wanted(lines: tuple[str, ...]) -> bool:
    """Whether these are four or eight lines, all of five or all of seven plain characters."""
    return (
        len(lines) in LINE_COUNTS
        and len({len(line) for line in lines}) == 1
        and len(lines[0]) in LINE_LENGTHS
        and all(re.fullmatch("[\u4e00-\u9fff]+", line) for line in lines)
    )


def patterns(line: str) -> list[str]:
    """The line with each of its characters blotted out in turn."""
    return [line[:i] + "*" + line[i + 1 :] for i in range(len(line))]


def bucket(lines: tuple[str, ...]) -> int:
    """A number below 100 that depends on nothing but the poem."""
    return int(hashlib.sha256("".join(lines).encode()).hexdigest(), 16) % 100


def without_echoes(poems: list[dict], others: list[dict]) -> list[dict]:
    """Those that share no line with ``others``, nor two lines that differ in one character."""
    exact = {line for poem in others for line in poem["lines"]}
    near = {pattern for line in exact for pattern in patterns(line)}
    return [
        poem
        for poem in poems
        if exact.isdisjoint(poem["lines"])
        and sum(not near.isdisjoint(patterns(line)) for line in poem["lines"]) < 2
    ]


def split(poems: list[dict]) -> dict[str, list[dict]]:
    """Held-out and validation poems are quatrains; nothing in training echoes them."""
    places = [bucket(p["lines"]) if len(p["lines"]) == 4 else 100 for p in poems]
    parts = {"test": [], "validation": [], "train": []}
    for poem, place in zip(poems, places, strict=True):
        name = "test" if place < HELD_OUT else "validation"
        parts[name if place < HELD_OUT + VALIDATION else "train"].append(poem)
    parts["validation"] = without_echoes(parts["validation"], parts["test"])
    parts["train"] = without_echoes(parts["train"], [*parts["test"], *parts["validation"]])
    return parts


def main() -> None:
    kept, seen, dropped = [], set(), Counter()
    for poem in read_poems(Path(sys.argv[1])):
        lines = lines_of(poem["text"])
        if not is_wanted(lines):
            dropped["another form, gaps or notes"] += 1
        elif not seen.isdisjoint(lines):
            dropped["shares a line with an earlier poem"] += 1
        else:
            seen.update(lines)
            kept.append({**poem, "lines": lines})
    parts = split(kept)
    dropped["echoes a held-out or validation poem"] = len(kept) - sum(map(len, parts.values()))
    print(dict(dropped))
    for name, poems in parts.items():
        rows = [
            {
                "title": p["title"],
                "author": p["author"],
                "text": "".join(f"{x}\n" for x in p["lines"]),
            }
            for p in poems
        ]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        path = HERE / f"{name}.jsonl.xz"
        path.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
        forms = Counter((len(p["lines"][0]), len(p["lines"])) for p in poems)
        print(name, len(poems), dict(forms), f"{path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
