"""Make ``data/records/families.json``: four families and two outside models, five seeds each.

Each run is a process of its own, one at a time, and is kept as soon as it is done: stopped and
called again, the command goes on. Run it by ``make records`` on an idle machine: the seconds in
it are part of what it records. About an hour on two cores.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from aigc_apps.origins import describe_machine
from aigc_course.train.families import FAMILIES, FamilyRun, Records
from aigc_utils.files import atomic_path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUTSIDERS_IN_BUDGET = ("keras_io_vae", "dcgan")
OUTSIDERS_BY_RECIPE = ("keras_io_vae_published", "dcgan_long")


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "records" / "families.json")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", help="names, where not all are wanted")
    parser.add_argument("--again", action="store_true", help="begin anew, whatever is there")
    parser.add_argument("--small", action="store_true", help="minutes, to see that all works")
    return parser.parse_args(words)


def plan(num_seeds: int) -> list[tuple[str, int]]:
    """Names and seeds, seed by seed, so that a slow hour falls on all alike."""
    everybody = [*FAMILIES, *OUTSIDERS_IN_BUDGET]
    runs = [(name, seed) for seed in range(num_seeds) for name in everybody]
    return [*runs, *((name, 0) for name in OUTSIDERS_BY_RECIPE)]


def ask(name: str, seed: int, small: bool) -> dict:
    """What a worker answers."""
    command = [sys.executable, str(HERE / "workers" / "one_family.py"), name, "--seed", str(seed)]
    if small:
        command += ["--share", "0.01", "--train-images", "1000", "--num-samples", "200"]
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, env=quiet, text=True, check=True, timeout=7200
    )
    return json.loads(done.stdout)


def begin(small: bool) -> Records:
    """Records without a run."""
    versions = {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "numpy")}
    return Records(
        machine=describe_machine(),
        versions={"python": platform.python_version(), **versions},
        floor=ask("floor", 0, small),
        runs=[],
    )


def save(records: Records, path: Path) -> None:
    """Replace the file in one step."""
    with atomic_path(path) as temporary:
        temporary.write_text(records.model_dump_json(indent=1) + "\n", encoding="utf-8")


def make(settings: argparse.Namespace) -> Records:
    """Make the runs that are missing; each is saved when it is done."""
    if settings.out.exists() and not settings.again:
        records = Records.model_validate_json(settings.out.read_text(encoding="utf-8"))
    else:
        records = begin(settings.small)
        save(records, settings.out)
    wanted = [run for run in plan(settings.seeds) if not settings.only or run[0] in settings.only]
    present = {(run.name, run.seed) for run in records.runs}
    start = time.monotonic()
    missing = [pair for pair in wanted if pair not in present]
    for number, (name, seed) in enumerate(missing):
        run = FamilyRun.model_validate(ask(name, seed, settings.small))
        records = records.model_copy(update={"runs": [*records.runs, run]})
        save(records, settings.out)
        left = (time.monotonic() - start) / (number + 1) * (len(missing) - number - 1)
        print(
            f"{name}, seed {seed}: {run.seconds:.0f} s, FID-28 {run.judgement.grey['fid_28']:.2f} "
            f"grey, {run.judgement.binary['fid_28']:.2f} binary; about {left / 60:.0f} min left",
            flush=True,
        )
    return records


if __name__ == "__main__":
    make(parse())
