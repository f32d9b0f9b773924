"""How the files beside this script were made, once: `python build.py RDATA ALICE`.

RDATA is the path, without its ending, of `Rdata.rdb` and `Rdata.rdx` in the folder
`usr/lib/R/site-library/janeaustenr/data` of Debian's package r-cran-janeaustenr 1.0.0-1, unpacked;
ALICE is `tests/testdata/alice29.txt` in the source archive of the Python package brotli 1.2.1.
Needs the Python package rdata, which the course itself does not. Nothing is downloaded.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import re
import sys
import zlib
from pathlib import Path

HERE = Path(__file__).parent
HEADING = re.compile(r"\s*CHAPTER\s+([IVXLC]+|\d+)\.?\s*", re.IGNORECASE)
VOLUME = re.compile(r"\s*VOLUME\s+([IVX]+)\s*", re.IGNORECASE)
AUTHORS_END = re.compile(r"\s*(FINIS|THE END|A NOTE ON THE TEXT)\s*", re.IGNORECASE)
TITLES = {
    "emma": "Emma",
    "mansfieldpark": "Mansfield Park",
    "northangerabbey": "Northanger Abbey",
    "persuasion": "Persuasion",
    "prideprejudice": "Pride and Prejudice",
    "sensesensibility": "Sense and Sensibility",
}
HELD_OUT, VALIDATION = 9, 4  # of 100 chapters


def read_austen(stem: str) -> dict[str, list[str]]:
    """The lines of the six novels, from R's data base of compressed objects."""
    import rdata

    def value(compressed: bytes):
        return rdata.conversion.convert(rdata.parser.parse_data(compressed))

    index = value(Path(stem + ".rdx").read_bytes())["variables"]
    store = Path(stem + ".rdb").read_bytes()
    novels = {}
    for name, title in TITLES.items():
        offset, size = (int(number) for number in index[name])
        chunk = store[offset : offset + size]  # four bytes of length, then a compressed object
        novels[title] = [str(line) for line in value(unpack(chunk[4:]))]
    return novels


def unpack(packed: bytes) -> bytes:
    """What R packed: plain zlib, or a letter that names another method first."""
    if packed[:1] == b"Z":
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 6}]
        return lzma.decompress(packed[1:], lzma.FORMAT_RAW, filters=filters)
    if packed[:1] == b"2":
        import bz2

        return bz2.decompress(packed[1:])
    return zlib.decompress(packed)


def chapters(book: str, lines: list[str], has_titles: bool) -> list[tuple[str, str]]:
    """(title, text) of each chapter; what stands before the first one is left out."""
    found, volume, last = [], "", None
    for line in lines:
        if AUTHORS_END.fullmatch(line):
            break
        if match := VOLUME.fullmatch(line):
            volume = f"volume {match[1]}, "
        elif match := HEADING.fullmatch(line):
            last = []
            found.append((f"{book}, {volume}chapter {match[1]}", last))
        elif last is not None:
            last.append(line)
    return [(title, flow(body[3:] if has_titles else body)) for title, body in found]


def flow(lines: list[str]) -> str:
    """Paragraphs, each on one line; lines set far in, as verse is, stay alone."""
    paragraphs, open_ = [], False
    for line in lines:
        text = " ".join(line.split())
        verse = line.startswith("      ")
        if not text or set(text) <= {"*", " "}:
            open_ = False
        elif open_ and not verse:
            paragraphs[-1] += " " + text
        else:
            paragraphs.append(text)
            open_ = not verse
    return "".join(paragraph + "\n" for paragraph in paragraphs)


def part(title: str) -> str:
    """The part that a chapter belongs to, which depends on nothing but its name."""
    place = int(hashlib.sha256(title.encode()).hexdigest(), 16) % 100
    return (
        "test" if place < HELD_OUT else "validation" if place < HELD_OUT + VALIDATION else "train"
    )


def main() -> None:
    texts = [
        {"title": title, "author": "Jane Austen", "text": text}
        for book, lines in read_austen(sys.argv[1]).items()
        for title, text in chapters(book, lines, has_titles=False)
    ]
    alice = Path(sys.argv[2]).read_text(encoding="latin1").replace("\r", "").replace("\x1a", "")
    texts += [
        {"title": title, "author": "Lewis Carroll", "text": text}
        for title, text in chapters("Alice's Adventures in Wonderland", alice.split("\n"), True)
    ]
    for name in ("train", "validation", "test"):
        rows = [text for text in texts if part(text["title"]) == name]
        joined = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        path = HERE / f"{name}.jsonl.xz"
        path.write_bytes(lzma.compress(joined.encode(), preset=9 | lzma.PRESET_EXTREME))
        size = sum(len(row["text"]) for row in rows)
        print(name, len(rows), f"{size:,} characters, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
