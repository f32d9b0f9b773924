"""Which runs are compared, and what besides the parameters tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from aigc_course.reports import history
from aigc_course.reports.notation import as_json
from aigc_course.reports.records import DamagedRecord, Run, has_record, load_run

# What a reader calls the parts of an identity.
_PARTS = {"notebook": "notebook", "data": "data", "package": "code"}
_DIGITS = 6


def choose_runs(
    given: Iterable[Run | str],
    out: Path,
    repeats: bool,
    on_damaged: Callable[[DamagedRecord], None],
) -> tuple[list[Run], list[str]]:
    """The runs to compare.

    Args:
        given: runs, or names as `comparison.compare` takes them.
        out: where those given by name are.
        repeats: whether all records of a run count, or the newest.
        on_damaged: as of `history.load_runs`, for a template's runs.

    Returns:
        Runs that were done, each once, in order; sentences on what was left out.

    Raises:
        ValueError: if a name fits no run.
    """
    found: list[Run] = []
    in_full: set[Path] = set()  # whoever gives the whole name of a repeat means it
    for item in given:
        if isinstance(item, Run):
            found.append(item)
            continue
        if has_record(Path(item)) or has_record(out / item):
            found.append(history.find_run(item, out))
            in_full.add(found[-1].folder.resolve())
            continue
        named = [r for r in history.load_runs(out, on_damaged) if r.record.template == item]
        if not named:  # the newest that was done, if any was
            folder = history.find_folder(item, out)
            named = [history.finished(folder.parent, folder.name) or load_run(folder)]
        found += named
    done = [run for run in found if run.done]
    notes = _left_out("failed", [run for run in found if not run.done])
    once: dict[tuple, Run] = {}
    copies: list[Run] = []
    for run in sorted(done, key=history.is_copy):  # of which the others are copies comes first
        known = once.setdefault((run.name, run.record.started), run)
        if known is not run and known.folder.resolve() != run.folder.resolve():
            copies.append(run)
    notes += _left_out("a copy of another record", copies)
    first = set(map(id, once.values()))
    chosen = [run for run in done if id(run) in first]
    if not repeats:
        read = contents_of(chosen)
        what = {id(run): as_json([_experiment(run), read[run.folder]]) for run in chosen}
        newest = {what[id(run)]: run for run in sorted(chosen, key=_made)}
        kept = [
            run for run in chosen if newest[what[id(run)]] is run or run.folder.resolve() in in_full
        ]
        older = [run for run in chosen if not any(run is other for other in kept)]
        notes += _left_out("made again since; --repeats counts all", older)
        chosen = kept
    return chosen, notes


def identity_of(run: Run) -> str:
    """What a run's name is made of besides its parameters, as one text."""
    record = run.record
    return as_json([record.template, record.identity.model_dump(), record.inputs])


def made_with(runs: Sequence[Run]) -> dict[Path, dict[str, str]]:
    """What differs between runs of one template besides their parameters.

    Returns:
        By the run's folder: the first digits of hashes, and versions, by what they are of. All
        have the same names.
    """
    facts = [_facts(run) for run in runs]
    names = dict.fromkeys(name for fact in facts for name in fact)
    differing = [name for name in names if len({fact.get(name) for fact in facts}) > 1]
    contents = contents_of(runs)
    differing += dict.fromkeys(f"contents of {n}" for found in contents.values() for n in found)
    found = {}
    for run, fact in zip(runs, facts, strict=True):
        inputs = {f"contents of {n}": digits for n, digits in contents[run.folder].items()}
        found[run.folder] = {name: {**fact, **inputs}.get(name, "none") for name in differing}
    return found


def contents_of(runs: Sequence[Run]) -> dict[Path, dict[str, str]]:
    """The files that were others for some of the runs than for others, of one template.

    Files that runs of the template write are none: they need not differ in more than their order.

    Returns:
        By the run's folder, the first digits of hashes by the file's path.
    """
    found: dict[Path, dict[str, str]] = {run.folder: {} for run in runs}
    for template in {run.record.template for run in runs}:
        own = [run for run in runs if run.record.template == template]
        written = {path for run in own for path in run.record.writes}
        contents: dict[str, set[str]] = {}
        for run in own:
            for path, digest in (run.record.reads or {}).items():
                contents.setdefault(path, set()).add(digest)
        differing = [p for p, ds in contents.items() if len(ds) > 1 and p not in written]
        for run in own:
            read = run.record.reads or {}
            found[run.folder] = {p: _digits(read[p]) for p in differing if p in read}
    return found


def _facts(run: Run) -> dict[str, str]:
    identity = run.record.identity
    parts = {words: _digits(getattr(identity, part)) for part, words in _PARTS.items()}
    return {**parts, **identity.versions}


def _digits(digest: str) -> str:
    """The first digits of a hash; of rough ones too, which have words in front."""
    return digest.split()[-1][:_DIGITS] if digest else "none"


def _left_out(why: str, runs: Sequence[Run]) -> list[str]:
    if not runs:
        return []
    names = [run.folder.name for run in runs]
    listed = ", ".join(names[:4]) + f" and {len(names) - 4} more" * (len(names) > 4)
    return [f"Left out ({why}): {listed}."]


def _experiment(run: Run) -> str:
    """All that a run's name is made of, as one text."""
    parameters = dict(sorted(run.parameters.items()))
    return as_json([identity_of(run), parameters], in_order=True)


def _made(run: Run) -> tuple:
    return run.record.started, history.number_of(run.folder)
