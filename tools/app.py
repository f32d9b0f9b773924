"""Make a new application from the one in aigc_apps/_template: `make app NAME=demo`.

    python tools/app.py NAME

The new folder runs as it is: `aigc scenarios` lists it, `aigc generate NAME` and `aigc run scenario
-p SCENARIO=NAME` take it, and the tests of the contract find it. No other file is touched.
"""

from __future__ import annotations

import keyword
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

APPS = Path(__file__).resolve().parents[1] / "aigc_apps"
LONGEST = 30  # letters: lines of code with the name in them keep to the width of all code


def main(name: Annotated[str, typer.Argument(help="Such as game_characters.")]) -> None:
    """Make aigc_apps/NAME."""
    try:
        folder = make_application(name)
    except (ValueError, OSError) as error:
        typer.echo(f"app: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"{folder}: begin with its card.yml, and try `aigc generate {name} --help`.")


def make_application(name: str, apps: Path = APPS) -> Path:
    """Copy the template, with the name filled in.

    Args:
        name: of the folder, and of the application on a command line.
        apps: the folder of applications.

    Returns:
        The new folder.

    Raises:
        ValueError: in one sentence, if the name is none for a folder of code, or is taken.
        OSError: if the folder cannot be written; there is then none of that name.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise ValueError(
            f"The name {name!r} is no name of a module: give lower-case letters, digits and _, "
            "such as NAME=game_characters."
        )
    if len(name) > LONGEST:
        raise ValueError(f"The name {name!r} has {len(name)} letters: give at most {LONGEST}.")
    if (apps / name).exists() or (apps / f"{name}.py").exists() or name == "template":
        raise ValueError(f"The name {name!r} is taken in {apps}: choose another.")
    # Made beside its place and renamed, so that nobody lists half an application.
    half = Path(tempfile.mkdtemp(prefix="_part-", dir=apps))
    try:
        for path in sorted((apps / "_template").iterdir()):
            if path.is_file():
                text = filled_in(path.read_text(encoding="utf-8"), name, path.suffix)
                (half / path.name).write_text(text, encoding="utf-8")
        half.chmod(0o755)  # mkdtemp lets nobody else in
        os.replace(half, apps / name)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return apps / name


def filled_in(text: str, name: str, suffix: str) -> str:
    """A file of the template as one of the application ``name``."""
    title = name.replace("_", " ").capitalize()
    kind = "".join(part.capitalize() for part in name.split("_"))
    text = text.replace("aigc_apps._template", f"aigc_apps.{name}")
    text = text.replace("Template, made by", f"{title}, made by")
    text = text.replace("TemplateApplication", kind)
    text = text.replace("the template", title)
    text = text.replace("Template", kind if suffix == ".py" else title)
    return _sorted_imports(text.replace("template", name))


def _sorted_imports(text: str) -> str:
    """The course's own imports in the order that ruff wants, which depends on the name."""
    lines = text.split("\n")
    ours = [i for i, line in enumerate(lines) if line.startswith("from aigc_")]
    for place, line in zip(ours, sorted(lines[i] for i in ours), strict=True):
        lines[place] = line
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
