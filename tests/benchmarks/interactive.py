"""How long a reader waits: for the first picture, for a slider, and for what is not the model.

``make bench-interactive`` prints three tables and writes them as JSON. The last one says of
each chapter how much of its time went into imports, reading data and drawing, by a
profiler that looks a hundred times a second at what the kernel does.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parents[2]

FIRST_PICTURE = {
    "start TensorFlow": "import aigc_utils\naigc_utils.start(seed=0)",
    "load a checkpoint": "model = aigc_utils.checkpoints.load_model('vae_fashion')",
    "generate a picture": "picture = model.generate(1)",
    "show it": (
        "from aigc_utils import plots\n"
        "plots.show(plots.image_grid(picture), alt='One garment that a VAE has made.')"
    ),
}
# In this order, for a stack of calls from the outermost inwards: where the first match says.
MODULES = {
    "imports": ("importlib._bootstrap",),
    "pictures": ("/aigc_utils/plots.py", "/aigc_utils/widgets.py", "/matplotlib/"),
    "data": ("/aigc_utils/data.py", "/aigc_utils/checkpoints.py"),
}
WAITING = ("/asyncio/", "/selectors.py", "/ipykernel/", "/tornado/", "/zmq/")


def first_picture(repeats: int) -> dict[str, list[float]]:
    """Seconds of each step from a new kernel to a picture, once a kernel."""
    import nbformat

    steps: dict[str, list[float]] = {}
    for _ in range(repeats):
        cells = [nbformat.v4.new_code_cell(source) for source in FIRST_PICTURE.values()]
        notebook = nbformat.v4.new_notebook(cells=cells)
        begun = time.time()
        execute(notebook, ROOT / "notebooks")
        spans = [timing(cell) for cell in notebook.cells]
        taken = [spans[0][0] - begun, *(end - start for start, end in spans)]
        names = ["start a kernel", *FIRST_PICTURE]
        for name, seconds in zip(names, taken, strict=True):
            steps.setdefault(name, []).append(seconds)
        steps.setdefault("all together", []).append(spans[-1][1] - begun)
    return steps


def execute(notebook, folder: Path) -> None:
    """Run a notebook object in a fresh kernel; cells know afterwards when they ran."""
    from nbclient import NotebookClient

    NotebookClient(
        notebook, timeout=1800, kernel_name="python3", resources={"metadata": {"path": folder}}
    ).execute()


def timing(cell) -> tuple[float, float]:
    """When a cell's work began and ended, in seconds since 1970."""
    stamps = cell.metadata.execution
    return tuple(
        datetime.fromisoformat(stamps[name]).timestamp()
        for name in ("iopub.status.busy", "iopub.status.idle")
    )


def slider_moves(moves: int) -> list[float]:
    """Seconds from a slider's new value to the new picture's bytes."""
    import aigc_utils

    aigc_utils.start(seed=0)
    import numpy as np

    from aigc_utils import checkpoints, widgets

    model = checkpoints.load_model("vae_fashion_2d")
    sliders = {name: widgets.latent_slider(name) for name in ("z1", "z2")}
    widgets.Explorer(
        lambda z1, z2: np.asarray(model.decode([[z1, z2]]))[0], sliders, "{z1} {z2}".format
    )
    seconds = []
    for value in np.random.default_rng(0).uniform(-3, 3, moves).round(1):
        start = time.perf_counter()
        sliders["z1"].value = float(value)
        seconds.append(time.perf_counter() - start)
    return seconds


def shares(path: Path) -> dict[str, float]:
    """Seconds of a notebook's time by kind, and ``"all"``, from a kernel's start to its end."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "seconds.json"
        first = (
            f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
            "import interactive, pyinstrument\n"
            "profiler = pyinstrument.Profiler(interval=0.01, async_mode='disabled')\n"
            "profiler.start()"
        )
        last = f"interactive.write_seconds(profiler.stop(), {str(result)!r})"
        notebook.cells.insert(0, nbformat.v4.new_code_cell(first))
        notebook.cells.append(nbformat.v4.new_code_cell(last))
        begun = time.perf_counter()
        execute(notebook, path.parent)
        whole = time.perf_counter() - begun
        seconds = json.loads(result.read_text(encoding="utf-8"))
    # Starting the kernel, and what lies between cells, is all that the profiler did not see.
    return {"all": whole, **seconds, "kernel": whole - sum(seconds.values())}


def write_seconds(session, path: str) -> None:
    """Called in the kernel: sum a profile by kind, as `kind` names it, and write it as JSON."""
    total = dict.fromkeys((*MODULES, "model and other"), 0.0)

    def add(frame, inside: str | None) -> None:
        found = inside if inside in MODULES else kind(frame.file_path or "", inside)
        if found:
            total[found] += frame.time - sum(child.time for child in frame.children)
        for child in frame.children:
            add(child, found)

    root = session.root_frame()
    if root is not None:
        add(root, None)
    Path(path).write_text(json.dumps(total), encoding="utf-8")


def kind(file: str, inside: str | None) -> str | None:
    """What a call in ``file`` is, called by something of kind ``inside``; None is waiting."""
    for name, parts in MODULES.items():
        if any(part in file for part in parts):
            return name
    if inside is None and (not file or any(part in file for part in WAITING)):
        return None
    return "model and other"


def main(words: Sequence[str] | None = None) -> dict:
    """Measure, print, write, and give what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="kernels for the first picture")
    parser.add_argument("--moves", type=int, default=200, help="of a slider")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "bench")
    parser.add_argument("notebooks", type=Path, nargs="*", help="all chapters unless given")
    settings = parser.parse_args(words)
    sys.path.insert(0, str(ROOT))
    from aigc_utils.files import atomic_path

    report = {"first_picture": first_picture(settings.repeats)}
    print("Seconds to the first picture, median (range) of", settings.repeats)
    for name, seconds in report["first_picture"].items():
        print(f"  {name:20s}{median(seconds):7.2f}  ({min(seconds):.2f} to {max(seconds):.2f})")
    report["slider_seconds"] = slider_moves(settings.moves)
    late = quantiles(report["slider_seconds"], n=20)[-1]
    middle = median(report["slider_seconds"])
    print(f"A slider's move: median {1e3 * middle:.1f} ms, 95% within {1e3 * late:.1f} ms")
    report["notebooks"] = {}
    chapters = settings.notebooks or sorted((ROOT / "notebooks").glob("*.ipynb"))
    for path in chapters:
        report["notebooks"][path.stem] = seconds = shares(path)
        kinds = ", ".join(f"{k} {s:.1f}" for k, s in seconds.items() if k != "all")
        print(f"{path.stem}: {seconds['all']:.1f} s: {kinds}", flush=True)
    with atomic_path(settings.out / "interactive.json") as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


if __name__ == "__main__":
    main()
