"""INDEX.md says what each file is for: as the docstrings say today, each in one short sentence."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import index  # noqa: E402


def test_the_index_is_what_the_docstrings_say():
    written = (ROOT / "INDEX.md").read_text(encoding="utf-8")
    assert written == index.index(), "type `make format`"


def test_every_file_says_what_it_is_for_in_a_line():
    for line in index.index().splitlines():
        if line.startswith("- "):
            name, _, words = line.partition(": ")
            assert 20 < len(words) < 130, name
            assert words.endswith((".", "?")), name
