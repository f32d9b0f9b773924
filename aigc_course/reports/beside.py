"""What a notebook's code uses besides the course: code and files beside it, and libraries.

It is read from the code, without executing it: modules that it imports from its own folder (or one
that it adds to ``sys.path``) with what those import, what it gives to ``%run``, files whose paths
stand in quotes, folders whose paths reach what reads (`flows`), and the libraries that it imports.
A path that is put together from other things than texts is not found.
"""

from __future__ import annotations

import ast
import glob
import importlib.metadata
import importlib.util
import itertools
import json
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import aigc_utils
from aigc_course.reports import declarations, flows, inputs, places
from aigc_course.reports.templates import Template, source_of

OURS = {"aigc_utils", "aigc_apps", "aigc_course"}  # counted by `identities`
_IMPORTS = re.compile(r"^\s*(?:import|from)\s+(\w+)", re.MULTILINE)
_WILD = re.compile(r"[*?\[]")
_MOST_CODE = 5_000  # files of one package


@dataclass
class Beside:
    """What decides the results of a notebook besides the course.

    Attributes:
        code: files of code, by what the notebook calls them.
        files: files and folders that it can read, by their texts in the code; of a pattern all
            that fit it.
        results: the paths of files that it only writes.
        own, may_write: the texts of files, and the paths of files in folders, that it may have
            written, as far as can be seen.
        libraries: the distributions that it imports, with their versions.
    """

    code: dict[str, Path] = field(default_factory=dict)
    files: dict[str, list[Path]] = field(default_factory=dict)
    results: re.Pattern[str] | None = None
    own: set[str] = field(default_factory=set)
    may_write: re.Pattern[str] | None = None
    libraries: dict[str, str] = field(default_factory=dict)


def look_beside(template: Template) -> Beside:
    """Find what a notebook uses besides the course; nothing is executed."""
    home, found = template.path.parent, Beside()
    sources, imported = [], set()
    left = template.run_cells[::-1]
    while left:
        source = left.pop()
        new = _modules(source) - imported
        imported |= new
        read, written = _scripts(source)
        sources += [*(f"open({name!r}, 'w')" for name in sorted(written)), source]
        scripts = {name: _script(name, home) for name in sorted(read)}
        modules = [_module(name, _roots(template, sources)) for name in sorted(new - OURS)]
        for name, path in itertools.chain(scripts.items(), *(m.items() for m in modules)):
            if path and path.suffix not in (".py", ".ipynb"):
                found.files[name] = [path]
            elif path and name not in found.code:
                found.code[name] = path
                left.append(_code_of(path))
    beside = {Path(name).parts[0].removesuffix(".py") for name in found.code}
    for name in sorted(imported - OURS - beside - set(sys.stdlib_module_names)):
        for library in _distributions(name):
            found.libraries[library] = importlib.metadata.version(library)
            found.code |= _editable(library, name)
    _find_files(template, sources, found)
    return found


def _find_files(template: Template, sources: list[str], found: Beside) -> None:
    """Add what is at the paths that stand in quotes, but for what the notebook writes."""
    home = template.path.parent
    defaults = [parameter.default for parameter in template.parameters.values()]
    own = set(itertools.chain.from_iterable(map(places.texts_in, defaults)))
    texts = {t for source in sources for t in _texts(source) if re.fullmatch("[^\0\n]{1,4096}", t)}
    texts -= own
    written = flows.written_to(sources, map(flows.quoted, texts))
    read = {text for text in texts if flows.quoted(text) in written.reached} | written.globs
    texts |= written.globs
    made = {text for text in texts if flows.quoted(text) in written.itself}
    found.own = ((texts - read) | made) - found.files.keys()  # which commands read
    used = {re.escape(text) for text in texts if flows.quoted(text) in written.read}
    found.results = flows.any_of(written.patterns() - used, home)
    files = {re.escape(t) for t in found.own if places.is_written_as_a_path(t)}
    found.may_write = flows.any_of(written.patterns(held=True) | files, home)
    found.code = {n: p for n, p in found.code.items() if not _is_result(p, found)}
    found.files = {n: p for n, p in found.files.items() if not _is_result(p[0], found)}
    code = {path.resolve() for path in [template.path, *found.code.values()]}
    for text in sorted(texts):
        here = inputs.existing(text, home)
        if text in made and flows.quoted(text) not in written.read:
            continue
        if _WILD.search(text):
            paths = _fitting(text, template) if text in read else []
            paths = [path for path in paths if path.is_dir() or not _is_result(path, found)]
        elif here is None:  # f"data/{name}.csv" may be any file of its folder
            here = inputs.existing(text.rpartition("/")[0], home)
            paths = [here] if here and here.is_dir() and text in read else []
        else:
            paths = [here] if not here.is_dir() or text in read else []
        kept = [path for path in paths if path.is_dir() or _counts(path, code)]
        if kept:
            found.files[text] = kept


def _counts(path: Path, code: set[Path]) -> bool:
    return bool(path.stat().st_size) and path.resolve() not in code  # 0 as files of /proc say


def _is_result(path: Path, found: Beside) -> bool:
    return bool(found.results and found.results.fullmatch(path.as_posix()))


def _fitting(pattern: str, template: Template) -> list[Path]:
    """The files that fit a pattern, but for records of the template's runs and for plans.

    Of more than can be looked at it is the folder in which they are.
    """
    home, most = template.path.parent, inputs.MOST_LISTED
    head = _WILD.split(pattern)[0]
    above = home / head[: head.rfind("/") + 1]
    if "**" in pattern:  # which may be a walk through the whole disk
        names = itertools.chain.from_iterable(dirs + files for _, dirs, files in os.walk(above))
        if sum(1 for _ in itertools.islice(names, most + 1)) > most:
            return [above]
    found = list(itertools.islice(glob.iglob(pattern, root_dir=home, recursive=True), most + 1))
    if len(found) > most:
        return [above]
    paths = [home / name for name in sorted(found)]
    own = {p for p in {p for f in paths for p in f.parents} if inputs.is_own(p, template.name)}
    paths = [p for p in paths if own.isdisjoint(p.parents) and not inputs.PLAN.fullmatch(p.name)]
    return [path for path in paths if path.is_file()]


def _tree(source: str) -> ast.Module | None:
    try:
        return ast.parse(declarations.without_commands(source))
    except declarations.UNREADABLE:
        return None


def _modules(source: str) -> set[str]:
    """The first names of what a text of code imports."""
    tree = _tree(source)
    if tree is None:
        return set(_IMPORTS.findall(source))
    names = set(re.findall(r"^\s*%load_ext\s+(\w+)", source, re.MULTILINE))
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                names |= {alias.name for alias in aliases}
            case ast.ImportFrom(module=str(name), level=0):
                names.add(name)
            case ast.Call(
                func=ast.Name(id=called) | ast.Attribute(attr=called),
                args=[ast.Constant(value=str(name)), *_],
            ) if called in ("import_module", "__import__"):
                names.add(name)
    return {name.partition(".")[0] for name in names if not name.startswith(".")}


def _scripts(source: str) -> tuple[set[str], set[str]]:
    """Words of a cell's commands: which may be names of files that they read, and write."""
    lines = [match[0] for match in declarations.commands_of(source)]
    read, written = set(), set()
    if source.lstrip().startswith("%%"):
        first, *rest = source.lstrip().splitlines()
        if write := re.match(r"%%(?:writefile|file)\s+(?:-a\s+)?(\S+)", first):
            return set(), {write[1]}
        lines += [first, *rest]
    for line in lines:
        try:
            words = shlex.split(line.lstrip("%! \t").replace(">", " > "))
        except ValueError:  # a quote that is not closed
            words = line.split()
        run = re.match(r"\s*%run\b", line)
        for before, word in itertools.pairwise(["", *words]):
            name = f"{word}.py" if run and not Path(word).suffix else word
            (written if before == ">" else read).add(name)
    return read, written


def _script(name: str, home: Path) -> Path | None:
    path = inputs.existing(name, home)
    return path if path and path.is_file() else None


def _roots(template: Template, sources: Iterable[str]) -> list[Path]:
    """Where modules are looked for that no distribution installs, the notebook's folder first.

    The folder of the course is the next, whether PYTHONPATH has it or not: so it is for a worker.
    """
    home = template.path.parent
    course = str(Path(aigc_utils.__file__).parents[1])
    given = [course, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    for source in sources:
        if "sys.path" in source:
            given += _texts(source)
    folders = [home / text for text in given if text.strip()]
    return list(dict.fromkeys([home, *(f for f in folders if os.path.isdir(f))]))


def _module(name: str, roots: Iterable[Path]) -> dict[str, Path]:
    """The files of a module or package in the first of some folders that has it.

    None if a distribution installs it there: a library counts with its version.
    """
    # A folder without __init__.py is one only if there is nothing else of its name.
    for root in sorted(roots, key=lambda root: not _is_whole(root / name)):
        alone = root / f"{name}.py"
        if (alone.is_file() or (root / name).is_dir()) and _is_installed(name, root):
            return {}
        found = {alone.name: alone} if alone.is_file() else _package(root / name)
        if found:
            return found
    return {}


def _is_whole(path: Path) -> bool:
    return path.with_name(f"{path.name}.py").is_file() or (path / "__init__.py").is_file()


def _is_installed(name: str, root: Path) -> bool:
    """Whether a distribution that installs a module lies in a folder."""
    if not any(itertools.chain(root.glob("*.dist-info"), root.glob("*.egg-info"))):
        return False
    finds = importlib.metadata.distributions
    return any(any(finds(name=lib, path=[str(root)])) for lib in _distributions(name))


def _package(folder: Path) -> dict[str, Path]:
    files = itertools.islice(folder.rglob("*.py"), _MOST_CODE) if folder.is_dir() else ()
    named = {f"{folder.name}/{path.relative_to(folder).as_posix()}": path for path in files}
    return {name: p for name, p in sorted(named.items()) if "/." not in name and p.is_file()}


def _code_of(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix != ".ipynb":
            return text
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        return "\n".join(map(source_of, cells))
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return ""  # the notebook will say what is wrong with it


def _texts(source: str) -> Iterator[str]:
    """The texts that stand in quotes in code, but for those that explain it."""
    tree = _tree(source)
    if tree is None:
        yield from re.findall(r"[\"']([^\"'\n]+)[\"']", source)
        return
    remarks = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in remarks:
            yield from [node.value] if isinstance(node.value, str) else []


@cache
def _distributions(name: str) -> tuple[str, ...]:
    """The distributions that install a module; mostly there is one, of the same name."""
    try:
        return (importlib.metadata.metadata(name)["Name"].lower(),)
    except importlib.metadata.PackageNotFoundError:
        found = _all_distributions().get(name, [])
        return tuple(sorted({library.lower() for library in found}))


@cache
def _all_distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())  # takes a second


def _editable(library: str, name: str) -> dict[str, Path]:
    """The files of a module whose distribution is a link to a folder that is worked in."""
    told = importlib.metadata.distribution(library).read_text("direct_url.json")
    if not told or not json.loads(told).get("dir_info", {}).get("editable"):
        return {}
    spec = importlib.util.find_spec(name)
    if spec is None:
        return {}
    folders = [Path(place) for place in spec.submodule_search_locations or ()]
    found = [_package(folder) for folder in folders]
    found += [{f"{name}.py": Path(spec.origin)}] if spec.origin and not folders else []
    return {key: path for files in found for key, path in files.items()}
