"""Run chapter notebooks in place, measure them, and keep their files quiet in diffs.

    python tools/notebook.py run notebooks/04_vae_math.ipynb ...
    python tools/notebook.py card

``run`` executes from top to bottom in a fresh kernel, writes the compute card and removes
noise. ``card`` rewrites the tables of measured times in README.md and 00_start_here.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import nbformat
import psutil
import typer
from nbclient import NotebookClient

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from aigc_course.classroom import notebooks_of
from aigc_utils.files import atomic_path

ROOT = Path(__file__).resolve().parents[1]
CARD = re.compile(r"^\*\*Compute card:\*\*.*$", re.MULTILINE)
CARD_NUMBERS = re.compile(r"\*\*Compute card:\*\* ([\d.]+) s .*?, ([\d.]+) GB")
COLAB = re.compile(r"\((https://colab\.research\.google\.com/[^)]+)\)")
TABLE = re.compile(r"(<!-- measured times -->\n).*?(<!-- end -->)", re.DOTALL)
# Views of live widgets mean nothing in a stored file; their plain text stays.
LIVE_ONLY = ("application/vnd.jupyter.widget-view+json",)

app = typer.Typer(no_args_is_help=True)


@app.command()
def run(notebooks: Annotated[list[Path], typer.Argument(exists=True)]) -> None:
    """Execute notebooks in place and write their compute cards."""
    for path in notebooks:
        seconds, peak = execute(path)
        typer.echo(
            f"{path}: {seconds:.0f} s, {peak / 1e9:.1f} GB, {path.stat().st_size / 1e3:.0f} kB"
        )


@app.command()
def clean(notebooks: Annotated[list[Path], typer.Argument(exists=True)]) -> None:
    """Remove noise from notebooks without executing them."""
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        quieten(notebook)
        save(notebook, path)


@app.command()
def card() -> None:
    """Rewrite the tables of measured times from the notebooks' own compute cards."""
    readme = ROOT / "README.md"
    text = TABLE.sub(
        lambda m: m[1] + times_table("notebooks/", colab=True) + m[2], readme.read_text("utf-8")
    )
    with atomic_path(readme) as temporary:
        temporary.write_text(text, encoding="utf-8")
    path = ROOT / "notebooks" / "00_start_here.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = TABLE.sub(lambda m: m[1] + times_table("") + m[2], cell.source)
    save(notebook, path)


def execute(path: Path) -> tuple[float, float]:
    """Run one notebook in place; seconds and the kernel's peak memory in bytes."""
    notebook = nbformat.read(path, as_version=4)
    # Papermill's and the reader's own kernel is called python3 everywhere.
    client = NotebookClient(
        notebook, timeout=1800, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    )
    peak = PeakMemory(client)
    start = time.perf_counter()
    with peak:
        client.execute()
    seconds = time.perf_counter() - start
    first = notebook.cells[0]
    first.source = CARD.sub(lambda _: card_line(seconds, peak.bytes), first.source)
    quieten(notebook)
    save(notebook, path)
    return seconds, peak.bytes


def card_line(seconds: float, peak_bytes: float) -> str:
    """The compute card: what the notebook costs, as just measured."""
    return (
        f"**Compute card:** {seconds:.0f} s from start to end on {os.cpu_count()} cores without a "
        f"GPU, {peak_bytes / 1e9:.1f} GB peak memory, 0 bytes from the network; measured with "
        f"Python {sys.version_info[0]}.{sys.version_info[1]}, TensorFlow {version('tensorflow')}, "
        f"Keras {version('keras')}."
    )


def times_table(prefix: str, colab: bool = False) -> str:
    """A Markdown table of all notebooks: title, seconds, memory, and a link into Colab."""
    rows = ["| notebook | seconds on 2 cores | peak memory |", "|---|---|---|"]
    if colab:
        rows = [f"{rows[0]} in Colab |", f"{rows[1]}---|"]
    for path in notebooks_of(ROOT):
        first = nbformat.read(path, as_version=4).cells[0].source
        title = next(line for line in first.splitlines() if line.startswith("# ")).lstrip("# ")
        relative = path.relative_to(ROOT / "notebooks").as_posix()
        numbers = CARD_NUMBERS.search(first)
        seconds, memory = numbers.groups() if numbers else ("?", "?")
        row = f"| [{relative[:-6]}]({prefix}{relative}): {title} | {seconds} | {memory} GB |"
        if colab:
            link = COLAB.search(first)
            row += f" [open]({link[1]}) |" if link else " |"
        rows.append(row)
    return "\n".join(rows) + "\n"


def quieten(notebook: nbformat.NotebookNode) -> None:
    """Remove what changes from run to run and says nothing: timings, ids of live widgets."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index:03d}"
        kept = {key: cell.metadata[key] for key in ("tags",) if cell.metadata.get(key)}
        cell.metadata = nbformat.from_dict(kept)
        for output in cell.get("outputs", []):
            for mime in LIVE_ONLY:
                output.get("data", {}).pop(mime, None)


def save(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Validate, then replace the file in one step."""
    nbformat.validate(notebook)
    with atomic_path(path) as temporary:
        temporary.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


class PeakMemory:
    """Watch the kernel's resident memory, twenty times a second."""

    def __init__(self, client: NotebookClient):
        self.client = client
        self.bytes = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *exception) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            for child in psutil.Process().children(recursive=True):
                try:
                    self.bytes = max(self.bytes, child.memory_info().rss)
                except psutil.Error:
                    continue


if __name__ == "__main__":
    app()
