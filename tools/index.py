"""Write INDEX.md: what each file of Python is for, in the first sentence of its docstring.

python tools/index.py     # `make format` calls it
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("aigc_utils", "aigc_apps", "aigc_course", "tools", "tests")
HEAD = """# Index of files

What each file of Python is for, by folder, in the first sentence of its docstring. `make format`
writes this file; edit the docstrings. Questions, words, forms and tables are not in Python: the
table of the README says where.
"""


def index() -> str:
    """The text of INDEX.md."""
    lines = [HEAD]
    folders: dict[Path, list[Path]] = {}
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*.py")):
            folders.setdefault(path.parent.relative_to(ROOT), []).append(path)
    for folder, files in folders.items():
        lines.append(f"## {folder.as_posix()}/\n")
        # The package's own file first: it says what the folder is.
        for path in sorted(files, key=lambda p: (p.name != "__init__.py", p.name)):
            said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            sentence = " ".join(said.split("\n\n")[0].split())
            name = "(the folder)" if path.name == "__init__.py" else f"`{path.name}`"
            lines.append(f"- {name}: {sentence}")
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    (ROOT / "INDEX.md").write_text(index(), encoding="utf-8")
