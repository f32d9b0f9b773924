"""The benchmark still works: everybody trains, and everything is written. Never a speed."""

from __future__ import annotations

import json
import math

import bench
import pytest

FIELDS = {
    "name", "status", "versions", "flops_per_image", "images_per_second",
    "share_of_product_rate", "ratio_to_pytorch_eager", "seconds_to_first_batch",
    "peak_memory_mb", "seconds_to_target", "losses", "call_seconds", "held_out",
}  # fmt: skip


def positive(value) -> bool:
    return math.isfinite(value) and value > 0


def test_training_flops_are_counted_as_by_hand():
    # 2 inputs, 3 units, 1 output: 9 multiply-adds forward, 9 for the weights, and 3 for the
    # gradient of the hidden units; the inputs' gradient, 6, is not taken.
    assert bench.training_flops((6, 3)) == 2 * (9 + 9 + 3)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a dozen starts of TensorFlow, PyTorch and JAX
def test_a_small_run_reports_everybody(tmp_path):
    words = (
        "--steps 3 --rounds 1 --products 1 --max-epochs 3 --published --published-steps 3 "
        "--published-images 100 --max-steps 40 --repeats 1"
    )
    settings = bench.parse([*words.split(), "--out", str(tmp_path)])
    report = bench.run(settings)
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "bench.json").read_text(encoding="utf-8")) == report
    assert positive(report["product_rate_gflops"]["median"])
    competitors = {c["name"]: c for c in report["competitors"]}
    assert len(competitors) == len(bench.COMPETITORS) + len(bench.PUBLISHED)
    for competitor in (*bench.COMPETITORS, *bench.PUBLISHED):
        c = competitors[competitor.name]
        assert set(c) == FIELDS
        if competitor.peer and c["status"] == "not installed":
            continue
        assert c["status"] == "ok", competitor.name
        assert len(c["images_per_second"]["rounds"]) == settings.rounds
        assert all(positive(speed) for speed in c["images_per_second"]["rounds"])
        assert all(positive(loss) for loss in c["losses"])
        for name in ("share_of_product_rate", "seconds_to_first_batch", "peak_memory_mb"):
            assert positive(c[name])
        if competitor.epochs is None:
            # Untrained networks are at 784 log 2 = 543 nats; nobody gets far in nine steps.
            assert all(300 < point["negative_elbo"] < 600 for point in c["held_out"])
            assert len(c["held_out"]) == settings.max_epochs
    for example in report["published"]:
        if example["status"] == "not installed":
            continue
        assert example["status"] == "ok"
        assert positive(example["seconds"])
        assert positive(example["negative_elbo"])
        held = {"keras.io example": 2, "PyTorch example": 20}[example["name"]]
        assert [ours["latent_dim"] for ours in example["ours"]] == [16, held]
        # Ours begins at the mean image, which is better than three steps from nothing.
        assert all(positive(ours["ratio"]) for ours in example["ours"])
    text = bench.summary(report)
    assert all(name in text for name in competitors)


def test_who_is_not_installed_is_said_to_be(tmp_path):
    settings = bench.parse(["--peers-python", str(tmp_path / "nobody")])
    settings.cache_dir = str(tmp_path)
    with pytest.raises(bench.WorkerError, match=r"^not installed$"):
        bench.Worker(bench.PUBLISHED[1], settings)


def test_a_library_that_is_missing_is_told_from_a_failure(tmp_path):
    for last, expected in (
        ("raise ModuleNotFoundError('No module named torch')", "^not installed$"),
        ("raise ValueError('nan')", "^failed: ValueError: nan$"),
    ):
        script = tmp_path / "worker.py"
        script.write_text(last + "\n", encoding="utf-8")
        settings = bench.parse([])
        settings.cache_dir = str(tmp_path)
        with pytest.raises(bench.WorkerError, match=expected):
            bench.Worker(bench.Competitor("x", str(script)), settings)
