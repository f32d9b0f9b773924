"""Make a new application from the one in aigc_apps/_template: `make app NAME=demo`.

    python tools/app.py NAME

The new folder runs as it is: `aigc scenarios` lists it, `aigc generate NAME` and `aigc run scenario
-p SCENARIO=NAME` take it, and the tests of the contract find it. No other file is touched.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

import aigc_apps
from aigc_utils import checkpoints

APPS = Path(__file__).resolve().parents[1] / "aigc_apps"
PACKAGES = ("aigc_utils", "aigc_apps", "aigc_course")
LONGEST = 18  # letters: longer names break lines that are as wide as a line may be


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
    words = (name, _kind(name))
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or any(map(keyword.iskeyword, words)):
        raise ValueError(
            f"The name {name!r} is none of a module and a class: give lower-case letters, "
            "digits and _, such as NAME=game_characters."
        )
    if len(name) > LONGEST:
        raise ValueError(f"The name {name!r} has {len(name)} letters: give at most {LONGEST}.")
    # The name becomes an attribute of `aigc_apps`, and must not overwrite a function of it.
    here = (apps / name).exists() or (apps / f"{name}.py").exists() or hasattr(aigc_apps, name)
    if here or name == "template":
        raise ValueError(f"The name {name!r} is taken in {apps}: choose another.")
    if name in checkpoints.available():
        raise ValueError(
            f"The name {name!r} is taken: `aigc generate {name}` draws with that checkpoint; "
            "choose another."
        )
    files = {
        path.name: filled_in(path.read_text(encoding="utf-8"), name, path.suffix)
        for path in sorted((apps / "_template").iterdir())
        if path.is_file()
    }
    made = {n for file, text in files.items() if file.endswith(".py") for n in public_names(text)}
    if twice := sorted(made & (_names_of_the_course() | set(dir(builtins)))):
        raise ValueError(
            f"The name {name!r} would make a second {twice[0]}, and a public name is there once: "
            "choose another."
        )
    # Made beside its place and renamed, so that nobody lists half an application.
    half = Path(tempfile.mkdtemp(prefix="_part-", dir=apps))
    try:
        for file, text in files.items():
            (half / file).write_text(text, encoding="utf-8")
        half.chmod(0o755)  # mkdtemp lets nobody else in
        os.replace(half, apps / name)
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return apps / name


def filled_in(text: str, name: str, suffix: str) -> str:
    """A file of the template as one of the application ``name``."""
    title = name.replace("_", " ").capitalize()
    kind = _kind(name)
    into = {
        "aigc_apps._template": f"aigc_apps.{name}",
        "Template, made by": f"{title}, made by",
        "TemplateApplication": kind,
        "the template": title,
        "Template": kind if suffix == ".py" else title,
        "template": name,
    }
    # At once and not one after another: the name itself may hold one of the words.
    pattern = "|".join(map(re.escape, into))
    return _sorted_imports(re.sub(pattern, lambda found: into[found[0]], text))


def _kind(name: str) -> str:
    """The name of an application's class, such as ``"GameCharacters"``."""
    return "".join(part.capitalize() for part in name.split("_"))


def public_names(code: str) -> set[str]:
    """The names of the classes and functions of a module that do not begin with ``_``."""
    kinds = (ast.ClassDef, ast.FunctionDef)
    found = {node.name for node in ast.parse(code).body if isinstance(node, kinds)}
    return {name for name in found if not name.startswith("_")}


def _names_of_the_course() -> set[str]:
    paths = (p for package in PACKAGES for p in (APPS.parent / package).rglob("*.py"))
    return {
        name
        for path in paths
        if "_template" not in path.parts
        for name in public_names(path.read_text(encoding="utf-8"))
    }


def _sorted_imports(text: str) -> str:
    """The course's own imports in the order that ruff wants, which depends on the name."""
    lines = text.split("\n")
    ours = [i for i, line in enumerate(lines) if line.startswith("from aigc_")]
    for place, line in zip(ours, sorted(lines[i] for i in ours), strict=True):
        lines[place] = line
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
