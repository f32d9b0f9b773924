"""The records' command still works, and goes on where it was stopped. Never a speed."""

from __future__ import annotations

import pytest
import records


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_small_record_is_kept_run_by_run_and_not_made_twice(tmp_path, capsys):
    out = tmp_path / "families.json"
    words = ["--small", "--seeds", "1", "--out", str(out), "--only"]
    first = records.make(records.parse([*words, "flow"]))
    assert [run.name for run in first.runs] == ["flow"]
    assert set(first.floor) == {"grey", "binary"}
    assert "left" in capsys.readouterr().out
    longer = records.make(records.parse([*words, "flow", "dcgan"]))
    assert longer.runs[:1] == first.runs  # seconds and all: this was not made again
    assert [run.name for run in longer.runs[1:]] == ["dcgan"]
