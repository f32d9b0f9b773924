"""INDEX.md says what each file is for: as the docstrings say today, each in one short sentence."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import index  # noqa: E402


def test_the_index_is_what_the_docstrings_say():
    written = (ROOT / "INDEX.md").read_text(encoding="utf-8")
    # A new application touches no file but its own, and is in the index from the next time on.
    assert set(written.splitlines()) <= set(index.index().splitlines()), "type `make format`"


def test_all_but_new_applications_are_in_it():
    written = (ROOT / "INDEX.md").read_text(encoding="utf-8")
    files = {path for place in index.PLACES for path in (ROOT / place).rglob("*.py")}
    for path in files:
        if not (path.is_relative_to(ROOT / "aigc_apps") or path.parent.name == "apps"):
            name = "(the folder)" if path.name == "__init__.py" else f"`{path.name}`"
            folder = written.partition(f"## {path.parent.relative_to(ROOT).as_posix()}/\n")[2]
            assert f"- {name}: " in folder.partition("\n## ")[0], f"{path}: type `make format`"


def test_every_file_says_what_it_is_for_in_a_line():
    for line in index.index().splitlines():
        if line.startswith("- "):
            name, _, words = line.partition(": ")
            assert 20 < len(words) < 130, name
            assert words.endswith((".", "?")), name
