"""The glossary: each row's links lead to chapters that use the term, in its Chinese."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in (NOTEBOOKS / "glossary.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| term")
]


def text_of(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def test_the_glossary_is_sorted_and_says_each_term_once():
    terms = [row[0] for row in ROWS]
    assert len(terms) > 50
    assert len(set(terms)) == len(terms)
    assert terms == sorted(terms, key=str.lower)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_each_term_is_built_where_the_glossary_says(row):
    _, chinese, meaning, links = row
    paths = [NOTEBOOKS / link for link in re.findall(r"\]\(([^)]+)\)", links)]
    assert meaning
    assert paths
    text = "\n".join(map(text_of, paths))  # fails if a link is broken
    for word in chinese.split("、"):
        assert word in text, f"{word} is in none of {links}"
