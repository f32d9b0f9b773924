"""The report template: parameters from outside, a record, and a page that opens offline."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import papermill
import pytest

TEMPLATE = Path(__file__).resolve().parents[2] / "notebooks" / "reports" / "vae_run.ipynb"

pytestmark = pytest.mark.slow


def run(output: Path, **parameters) -> None:
    papermill.execute_notebook(
        TEMPLATE,
        output,
        parameters={"PROFILE": "smoke", **parameters},
        cwd=TEMPLATE.parent,
        progress_bar=False,
        kernel_name="python3",
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    run(folder / "run.ipynb", LATENT_DIM=3, HIDDEN_UNITS=[32], EPOCHS=2, OUT_DIR=str(folder))
    return folder


def test_the_record_holds_the_settings_and_plausible_numbers(report):
    record = json.loads((report / "results.json").read_text(encoding="utf-8"))
    assert record["settings"]["latent_dim"] == 3
    assert record["settings"]["epochs"] == 2
    results = record["results"]
    # Above the noise floor (190), below independent pixels (385): see the data card.
    assert 195 < results["nll_nats_iw10"] < 400
    assert results["nll_nats_iw10"] <= results["negative_elbo_nats"] + 1
    assert 0 <= results["active_units"] <= 3
    # 784*32+32 + 32*6+6 weights in the encoder, 3*32+32 + 32*784+784 in the decoder.
    assert results["parameters"] == 25_120 + 198 + 128 + 25_872


def test_the_page_hides_code_keeps_alt_text_and_carries_its_pictures(report):
    subprocess.run(
        [
            sys.executable,
            "-m",
            "nbconvert",
            "--to",
            "html",
            "--template=classic",  # as `make report`: the default template drops the alt text
            "--no-input",
            str(report / "run.ipynb"),
        ],
        check=True,
        capture_output=True,
    )
    page = (report / "run.html").read_text(encoding="utf-8")
    assert "training.train(" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    images = re.findall(r"<img[^>]*>", page)
    assert len(images) == 2
    for image in images:
        assert "data:image/png;base64," in image
        assert re.search(r'alt="[^"]{20,}"', image)
        assert "No description has been provided" not in image


def test_a_bad_parameter_ends_the_run_in_one_sentence(tmp_path):
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        run(tmp_path / "bad.ipynb", LATENT_DIM=0)
    assert caught.value.evalue == "latent_dim is 0: give a whole number, at least 1."
