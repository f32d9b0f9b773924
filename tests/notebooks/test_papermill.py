"""Every notebook runs with other parameters: the smoke profile, through papermill.

nbval runs the same files with the parameters they are committed with.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import papermill
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted(
    path for path in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts
)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=[p.stem for p in NOTEBOOKS])
def test_notebook_runs_in_the_smoke_profile(path, tmp_path):
    output = tmp_path / path.name
    papermill.execute_notebook(
        path,
        output,
        parameters={"PROFILE": "smoke", "SEED": 1},
        cwd=path.parent,
        progress_bar=False,
        kernel_name="python3",
        execution_timeout=300,
    )
    done = nbformat.read(output, as_version=4)
    injected = [c for c in done.cells if "injected-parameters" in c.metadata.get("tags", [])]
    assert len(injected) == 1  # without the tag, papermill would run the defaults unnoticed
    assert '"smoke"' in injected[0].source
    # Papermill calls a notebook finished even where a kernel died: count what ran.
    counts = [c.execution_count for c in done.cells if c.cell_type == "code" and c.source.strip()]
    assert counts == list(range(1, len(counts) + 1))
