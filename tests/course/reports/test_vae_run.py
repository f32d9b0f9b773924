"""The report template: parameters from outside, a record, and a page that opens offline."""

from __future__ import annotations

import re
from pathlib import Path

import papermill
import pytest

from aigc_course import reports

TEMPLATE = Path(__file__).resolve().parents[3] / "notebooks" / "reports" / "vae_run.ipynb"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> reports.Run:
    """One run in the smoke profile, of a very small model."""
    run = reports.run(
        "vae_run",
        {"PROFILE": "smoke", "LATENT_DIM": 3, "HIDDEN_UNITS": [32], "EPOCHS": 2},
        out=tmp_path_factory.mktemp("report"),
    )
    assert run.done, run.record.failure
    return run


def test_the_record_holds_the_settings_and_plausible_numbers(report):
    assert report.parameters["LATENT_DIM"] == 3
    assert report.parameters["EPOCHS"] == 2
    assert report.parameters["DECODER"] == "bernoulli"  # the defaults are recorded as well
    results = report.results
    # Above the noise floor (190), below independent pixels (385): see the data card.
    assert 195 < results["nll_nats_iw10"] < 400
    assert results["nll_nats_iw10"] <= results["negative_elbo_nats"] + 1
    assert 0 <= results["active_units"] <= 3
    # 784*32+32 + 32*6+6 weights in the encoder, 3*32+32 + 32*784+784 in the decoder.
    assert results["parameters"] == 25_120 + 198 + 128 + 25_872


def test_the_losses_of_the_epochs_are_a_table(report):
    lines = (report.folder / "metrics.csv").read_text().splitlines()
    assert {"step", "loss", "kl"} <= set(lines[0].split(","))
    assert len(lines) == 1 + 2


def test_the_page_hides_code_keeps_alt_text_and_carries_its_pictures(report):
    page = (report.folder / "report.html").read_text(encoding="utf-8")
    assert "training.train(" not in page
    images = re.findall(r"<img[^>]*>", page)
    assert len(images) == 2
    for image in images:
        assert "data:image/png;base64," in image
        assert re.search(r'alt="[^"]{20,}"', image)
        assert "No description has been provided" not in image


def test_by_hand_a_bad_parameter_ends_the_run_in_one_sentence(tmp_path):
    # `aigc run` refuses it before a kernel starts; papermill and Jupyter check nothing.
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        papermill.execute_notebook(
            TEMPLATE,
            tmp_path / "bad.ipynb",
            parameters={"PROFILE": "smoke", "LATENT_DIM": 0},
            cwd=TEMPLATE.parent,
            progress_bar=False,
            kernel_name="python3",
        )
    assert caught.value.evalue == "latent_dim is 0: give a whole number, at least 1."
