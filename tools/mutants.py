"""Can the tests fail? Faults are put into the core files, one at a time, and their tests run.

make mutants                                  200 faults, seed 0
make mutants ARGS="--number 50 --seed 3 --only aigc_utils/models"

Each fault is put into a copy of the checkout. What no test of its file notices has survived: mend
the test, or list the fault with a reason in tests/mutants_equivalent.yml if nothing observable
changes. Results are kept in out/mutants, and a call that was stopped goes on; a fault is tried
again once its file or one of its tests has changed.

TensorFlow is imported once: a fault is tried in a fork of this process. It needs Linux or macOS.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mutations import Mutation, mutations, sample
from trials import ROOT, Trial, warm_up

EQUIVALENT = "tests/mutants_equivalent.yml"

# The core: what faults are put into. What starts grading's processes is tested by attacks.
CORE = [
    "aigc_utils/**/*.py",
    "aigc_apps/contract.py",
    "aigc_apps/command.py",
    "aigc_apps/common/**/*.py",
    "aigc_apps/safety/**/*.py",
    "aigc_course/checks/*.py",
    "aigc_course/reports/*.py",
    "aigc_course/grading/*.py",
    "aigc_course/train/*.py",
]
NOT_CORE = {"__init__.py", "__main__.py"}
NOT_CORE |= {"bubblewrap.py", "processes.py", "sandbox.py", "seccomp.py"}

# The tests of a file are test_NAME.py; else those of the first line here that fits.
TESTS_OF = {
    "aigc_utils/sample_metrics/*": ["utils/test_sample_metrics.py"],
    "aigc_utils/training*": ["utils/test_training.py"],
    "aigc_utils/optimizers.py": ["utils/test_training.py"],
    "aigc_utils/models/base.py": ["utils/test_vae.py", "utils/test_checkpoints.py"],
    "aigc_utils/models/*": ["utils/test_autoregressive.py"],
    "aigc_apps/command.py": ["apps/test_command*.py"],
    "aigc_apps/common/texts.py": ["apps/test_stories.py"],
    "aigc_apps/common/prose.py": ["apps/test_stories.py"],
    "aigc_apps/common/*": ["apps/test_language.py", "apps/test_tokens.py", "apps/test_ngrams.py"],
    "aigc_apps/safety/*": ["apps/test_safety.py", "apps/test_fields.py"],
    "aigc_course/checks/*": ["course/workbook/test_checks.py", "course/workbook/test_texts.py"],
    "aigc_course/reports/kinds.py": ["course/reports/test_parameters.py"],
    "aigc_course/reports/notation.py": ["course/reports/test_parameters.py"],
    "aigc_course/reports/limits.py": ["course/reports/test_parameters.py"],
    "aigc_course/reports/ranges.py": [
        "course/reports/test_parameters.py",
        "course/reports/test_parameter_files.py",
    ],
    "aigc_course/reports/declarations.py": [
        "course/reports/test_parameters.py",
        "course/reports/test_untyped_parameters.py",
    ],
    "aigc_course/reports/plans.py": ["course/reports/test_sweeps.py"],
    "aigc_course/reports/executors.py": ["course/reports/test_sweeps.py"],
    "aigc_course/reports/cluster.py": ["course/reports/test_sweeps.py"],
    "aigc_course/reports/worker*.py": ["course/reports/test_sweeps.py"],
    "aigc_course/reports/choosing.py": ["course/reports/test_comparison.py"],
    "aigc_course/reports/loads.py": ["course/reports/test_identities.py"],
    "aigc_course/reports/inputs.py": ["course/reports/test_traces.py"],
    "aigc_course/reports/traces.py": ["course/reports/test_traces.py"],
    "aigc_course/reports/watch.py": ["course/reports/test_watch.py"],
    "aigc_course/reports/libraries.py": ["course/reports/test_libraries.py"],
    "aigc_course/reports/places.py": ["course/reports/test_file_inputs.py"],
    "aigc_course/reports/cells.py": [
        "course/reports/test_run_parts.py",
        "course/reports/test_untyped_parameters.py",
        "course/reports/test_run_endings.py",
    ],
    "aigc_course/reports/parts.py": [
        "course/reports/test_run_parts.py",
        "course/reports/test_pages.py",
    ],
    "aigc_course/reports/export.py": [
        "course/reports/test_pages.py",
        "course/reports/test_run_parts.py",
    ],
    "aigc_course/reports/figures.py": ["course/reports/test_pages.py"],
    "aigc_course/reports/folders.py": [
        "course/reports/test_run_folders.py",
        "course/reports/test_runs.py",
    ],
    "aigc_course/reports/scratch.py": ["course/reports/test_run_folders.py"],
    "aigc_course/reports/commands.py": ["course/reports/test_report_cli.py"],
    "aigc_course/reports/progress.py": [
        "course/reports/test_report_cli.py",
        "course/reports/test_runs.py",
    ],
    "aigc_course/reports/*": ["course/reports/test_runs.py", "course/reports/test_run_endings.py"],
    "aigc_course/grading/hidden.py": ["course/grading/test_hidden_tests.py"],
    "aigc_course/grading/limits.py": [
        "course/grading/test_grading.py",
        "course/grading/test_causes.py",
    ],
    "aigc_course/grading/grader.py": [
        "course/grading/test_kernel_ends.py",
        "course/grading/test_grading.py",
    ],
    "aigc_course/grading/book.py": [
        "course/grading/test_marks.py",
        "course/grading/test_platforms.py",
    ],
    "aigc_course/grading/identity.py": [
        "course/grading/test_who_is_who.py",
        "course/grading/test_marks.py",
        "course/grading/test_platforms.py",
    ],
    "aigc_course/grading/lateness.py": ["course/grading/test_marks.py"],
    "aigc_course/grading/adjustments.py": ["course/grading/test_marks.py"],
    "aigc_course/grading/sheets.py": [
        "course/grading/test_marks.py",
        "course/grading/test_platforms.py",
    ],
    "aigc_course/grading/tables.py": ["course/grading/test_marks.py"],
    "aigc_course/grading/telling.py": [
        "course/grading/test_marks.py",
        "course/grading/test_platforms.py",
    ],
    "aigc_course/grading/canvas.py": ["course/grading/test_platforms.py"],
    "aigc_course/grading/moodle.py": ["course/grading/test_platforms.py"],
    "aigc_course/grading/roster.py": [
        "course/grading/test_platforms.py",
        "course/grading/test_submissions.py",
    ],
    "aigc_course/grading/names.py": [
        "course/grading/test_submissions.py",
        "course/grading/test_marks.py",
        "course/grading/test_platforms.py",
    ],
    "aigc_course/grading/attempts.py": ["course/grading/test_submissions.py"],
    "aigc_course/grading/owners.py": ["course/grading/test_submissions.py"],
    "aigc_course/grading/notebooks.py": ["course/grading/test_submissions.py"],
    "aigc_course/grading/trees.py": ["course/grading/test_submissions.py"],
    "aigc_course/grading/plain.py": [
        "course/grading/test_causes.py",
        "course/grading/test_submissions.py",
    ],
    "aigc_course/grading/feedback.py": [
        "course/grading/test_platforms.py",
        "course/grading/test_grading.py",
    ],
    "aigc_course/grading/*": ["course/grading/test_sandbox.py", "course/grading/test_grading.py"],
    "aigc_course/train/judges.py": ["course/test_recipes.py"],
    "aigc_course/train/names.py": ["course/test_recipes.py"],
}


def core_files(root: Path = ROOT) -> list[str]:
    """The files that faults are put into."""
    found = {path for pattern in CORE for path in root.glob(pattern)}
    return sorted(p.relative_to(root).as_posix() for p in found if p.name not in NOT_CORE)


def files_testing(name: str, root: Path = ROOT) -> tuple[str, ...]:
    """The test files of a source file: of its own name, or those that TESTS_OF gives."""
    tests = root / "tests"
    side = tests / name.split("/")[0].removeprefix("aigc_")
    mirrored = tests / Path(name.removeprefix("aigc_")).parent
    side = mirrored if mirrored.is_dir() else side
    found = sorted(side.rglob(f"test_{Path(name).name}"))
    if not found:
        lines = (globs for line, globs in TESTS_OF.items() if fnmatch.fnmatch(name, line))
        found = [path for glob in next(lines, ()) for path in sorted(tests.glob(glob))]
    return tuple(path.relative_to(root).as_posix() for path in found)


def equivalents(root: Path = ROOT) -> list[dict[str, str]]:
    """Faults that change nothing that can be observed: file, line, mutation, why."""
    import yaml

    return yaml.safe_load((root / EQUIVALENT).read_text(encoding="utf-8")) or []


def line_of(name: str, mutation: Mutation, root: Path = ROOT) -> str:
    """The text of the line that a fault is in."""
    return (root / name).read_text(encoding="utf-8").split("\n")[mutation.line - 1].strip()


def key_of(name: str, tests: Sequence[str], mutation: Mutation) -> str:
    """Names a fault, with what its outcome hangs on: its file and its tests."""
    parts = [(ROOT / path).read_bytes() for path in (name, *tests)]
    parts.append(f"{name} {mutation.start} {mutation.kind} {mutation}".encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def tried(chosen: list[tuple[str, Mutation]], results: Path) -> Iterator[dict]:
    """The outcome of each fault, from an earlier call or from a trial."""
    lines = results.read_text(encoding="utf-8").splitlines() if results.is_file() else []
    known = {row["key"]: row for row in map(json.loads, lines)}
    listed = {(e["file"], e["line"], e["mutation"]) for e in equivalents()}
    left = []
    for name, mutation in chosen:
        key, text = key_of(name, files_testing(name), mutation), line_of(name, mutation)
        row = {"key": key, "file": name, "line": mutation.line, "kind": mutation.kind}
        row |= {"text": text, "mutation": str(mutation)}
        if (name, text, str(mutation)) in listed:
            yield row | {"outcome": "equivalent", "by": ""}
        elif key in known:
            yield known[key]
        else:
            left.append((name, mutation.start, mutation.new, mutation, row))
    if not left:
        return
    warm_up()
    with tempfile.TemporaryDirectory(prefix="aigc-mutants-") as folder:
        trial, begun = Trial(Path(folder)), time.monotonic()
        for number, (name, _, _, mutation, row) in enumerate(sorted(left, key=lambda x: x[:3]), 1):
            row |= trial.verdict(name, files_testing(name), mutation)
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            minutes = (time.monotonic() - begun) / number * (len(left) - number) / 60
            print(
                f"{number}/{len(left)}, {minutes:.0f} min left: {row['outcome']:8} "
                f"{name}:{mutation.line}: {mutation}",
                flush=True,
            )
            yield row


def table(rows: list[dict]) -> str:
    """Counts by file, the share that was noticed, and each fault that nothing noticed."""
    outcomes = ("killed", "timeout", "survived", "equivalent")
    names = sorted({row["file"] for row in rows})
    counts = {n: Counter(row["outcome"] for row in rows if row["file"] == n) for n in names}
    lines = [f"{'file':46}" + "".join(f"{outcome:>11}" for outcome in outcomes)]
    for name, count in counts.items():
        lines.append(f"{name:46}" + "".join(f"{count[outcome]:11}" for outcome in outcomes))
    total = sum(counts.values(), Counter())
    lines.append(f"{'together':46}" + "".join(f"{total[outcome]:11}" for outcome in outcomes))
    real = sum(total.values()) - total["equivalent"]
    noticed = total["killed"] + total["timeout"]
    share = noticed / max(1, real)
    lines.append(f"{noticed} of {real} that are not equivalent were noticed: {share:.0%}.")
    for row in rows:
        if row["outcome"] == "survived":
            lines += ["", f"{row['file']}:{row['line']}: {row['kind']}, survived"]
            lines += [f"    {row['text']}", f"    {row['mutation']}"]
    return "\n".join(lines)


def main() -> None:
    """Draw faults, try them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--number", type=int, default=200, help="how many faults")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument("--only", default="", help="faults in files whose path begins so")
    chosen = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    names = [name for name in core_files() if name.startswith(chosen.only)]
    sites = {name: mutations((ROOT / name).read_bytes()) for name in names}
    drawn = sample(sites, chosen.number, chosen.seed)
    results = ROOT / "out" / "mutants" / "results.jsonl"
    results.parent.mkdir(parents=True, exist_ok=True)
    print(table(list(tried(drawn, results))))


if __name__ == "__main__":
    main()
