"""What a reader waits for is measured, and time is booked where it was spent. Never a speed."""

from __future__ import annotations

import json

import interactive
import nbformat
import pytest

# Seconds that a cell spends, on purpose, in reading data and in drawing.
READS = """
import time
from aigc_utils import data
end = time.perf_counter() + 1.5
while time.perf_counter() < end:
    data.load_images("fashion_mnist")
"""
DRAWS = """
from matplotlib.figure import Figure
from aigc_utils import plots
end = time.perf_counter() + 1.5
while time.perf_counter() < end:
    plots.to_png(Figure())
"""
COMPUTES = "end = time.perf_counter() + 1.5\nwhile time.perf_counter() < end:\n    sum(range(1000))"


@pytest.fixture
def chapter(tmp_path):
    cells = [nbformat.v4.new_code_cell(source) for source in (READS, DRAWS, COMPUTES)]
    path = tmp_path / "chapter.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@pytest.mark.slow
def test_a_report_has_all_three_parts_and_books_time_where_it_was_spent(chapter, tmp_path):
    words = ["--repeats", "1", "--moves", "20", "--out", str(tmp_path), str(chapter)]
    report = interactive.main(words)
    assert json.loads((tmp_path / "interactive.json").read_text(encoding="utf-8")) == report
    steps = report["first_picture"]
    assert set(steps) == {"start a kernel", *interactive.FIRST_PICTURE, "all together"}
    assert all(seconds > 0 for (seconds,) in steps.values())
    assert len(report["slider_seconds"]) == 20
    spent = report["notebooks"]["chapter"]
    # Each loop runs 1.5 s by the clock; a sample more or less at either end is noise.
    for kind in ("data", "pictures", "model and other"):
        assert spent[kind] == pytest.approx(1.5, abs=0.5), kind
    assert spent["imports"] > 0.1
    assert sum(s for kind, s in spent.items() if kind != "all") == pytest.approx(spent["all"])


def test_a_call_is_of_the_outermost_kind():
    assert interactive.kind("/x/aigc_utils/plots.py", None) == "pictures"
    assert interactive.kind("<frozen importlib._bootstrap>", "model and other") == "imports"
    assert interactive.kind("/x/asyncio/base_events.py", None) is None
    assert interactive.kind("/x/keras/layer.py", None) == "model and other"
