"""Write INDEX.md: what each file of Python is for and what it offers, and each chapter's sections.

python tools/index.py     # `make format` calls it
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

from aigc_course.classroom import notebooks_of

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("aigc_utils", "aigc_apps", "aigc_course", "tools", "tests")
HEAD = """# Index of files

What each file of Python is for, by folder, in the first sentence of its docstring, with the names
that others may use; at the end the sections of each chapter. Search it for a word. `make format`
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
            tree = ast.parse(path.read_text(encoding="utf-8"))
            said = ast.get_docstring(tree) or ""
            sentence = " ".join(said.split("\n\n")[0].split())
            name = "(the folder)" if path.name == "__init__.py" else f"`{path.name}`"
            lines.append(f"- {name}: {sentence}")
            if folder.parts[0] != "tests" and (names := list(public_names(tree))):
                lines.append(f"  {', '.join(names)}")
        lines.append("")
    lines.append("## notebooks/\n")
    for path in notebooks_of(ROOT):
        title, *sections = headings(path)
        name = path.relative_to(ROOT / "notebooks").as_posix()
        lines += [f"* `{name}`: {title}", f"  {'; '.join(sections)}"]
    return "\n".join([*lines, ""])


def public_names(tree: ast.Module) -> Iterator[str]:
    """Functions, classes and constants of a module that others may use, in their order."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            # Several constants may stand in one line: a, b = 1, 2.
            found = [part for target in node.targets for part in ast.walk(target)]
            names = [part.id for part in found if isinstance(part, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            names = []
        yield from (f"`{name}`" for name in names if not name.startswith("_"))


def headings(path: Path) -> list[str]:
    """A notebook's title, then its sections."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    lines = [line for text in texts for line in text.splitlines()]
    return [line.lstrip("# ") for line in lines if line.startswith(("# ", "## "))]


if __name__ == "__main__":
    (ROOT / "INDEX.md").write_text(index(), encoding="utf-8")
