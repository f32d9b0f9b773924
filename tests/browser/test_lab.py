"""A real browser, a real JupyterLab: open, run all cells, move a slider, see a new picture.

Debian's chromium is driven by Playwright; every request that leaves the machine is a failure.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
KERNEL_IDLE = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    const kernel = context?.session?.kernel;
    return context?.isReady && kernel?.connectionStatus === 'connected' && kernel?.status === 'idle';
}"""

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_chromium_is_there_under_ci():
    if not CHROMIUM and not os.environ.get("CI"):
        pytest.skip("chromium is not installed: type 'sudo apt-get install chromium'")
    assert CHROMIUM


@pytest.fixture
def lab(tmp_path):
    """A JupyterLab server on a copy of the notebooks, so that running them changes nothing."""
    if not CHROMIUM:
        pytest.skip("chromium is not installed: type 'sudo apt-get install chromium'")
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    for path in (tmp_path / "notebooks").glob("*.ipynb"):  # the whole profile is for other tests
        text = path.read_text(encoding="utf-8").replace(
            'PROFILE: str = \\"cpu\\"', 'PROFILE: str = \\"smoke\\"'
        )
        path.write_text(text, encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    homes = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    homes += ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    environment = os.environ | {name: str(tmp_path / name.lower()) for name in homes}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=",
        f"--ServerApp.root_dir={tmp_path}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with open(tmp_path / "lab.log", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        _wait_until_up(f"http://127.0.0.1:{port}/api/status", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def _wait_until_up(address: str, server: subprocess.Popen) -> None:
    for _ in range(300):
        assert server.poll() is None, "JupyterLab ended at once"
        try:
            urllib.request.urlopen(address, timeout=1)
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail("JupyterLab did not answer within a minute")


@pytest.mark.parametrize("name", ["00_start_here", "05_3_generate_images"])
def test_run_all_cells_then_move_a_slider_by_keyboard(lab, name, tmp_path):
    from playwright.sync_api import expect, sync_playwright

    requests: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"{lab}/doc/tree/notebooks/{name}.ipynb?reset")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        page.wait_for_function(KERNEL_IDLE, timeout=90_000)
        finished = page.evaluate(
            "async () => await window.jupyterapp.commands.execute('notebook:run-all-cells')"
            " ?? 'done'"
        )
        assert finished is not None
        # Only live sliders have a handle; the stored notebook has none.
        handle = page.locator(".widget-slider .noUi-handle").first
        handle.scroll_into_view_if_needed(timeout=240_000)
        picture = page.locator("img.widget-image").first
        expect(picture).to_be_visible(timeout=30_000)
        page.wait_for_function(KERNEL_IDLE, timeout=240_000)
        assert page.locator(".jp-OutputArea-output[data-mime-type*='error']").count() == 0
        # A chapter may have moved the slider by code: let the page catch up with the kernel.
        expect(page.locator(".widget-readout").first).to_have_text("0.0", timeout=60_000)
        # What has no name or description does not exist for a screen reader.
        expect(handle).to_have_attribute("aria-label", re.compile(r"\w"), timeout=30_000)
        expect(picture).to_have_attribute("alt", re.compile(r"\w{3}"), timeout=30_000)
        assert page.locator(".jp-OutputArea-output img:not([alt])").count() == 0
        assert page.locator(".jp-OutputArea-output img[alt='']").count() == 0
        before = _pixels(picture)
        handle.focus()
        for _ in range(8):
            handle.press("ArrowRight")
        caption = page.locator("[role=status]").first
        expect(caption).to_contain_text("0.8", timeout=15_000)
        page.wait_for_function(KERNEL_IDLE, timeout=30_000)
        assert _pixels(picture) != before, "the picture did not change"
        width = picture.bounding_box()["width"]
        assert 100 <= width <= 400, f"the picture is {width} pixels wide: stretched or lost"
        assert page.get_by_text("Jupyter news").count() == 0, "Lab asks to use the network"
        if folder := os.environ.get("AIGC_SCREENSHOTS"):
            page.screenshot(path=f"{folder}/{name}.png")
        browser.close()
    outside = [
        url
        for url in requests
        if not url.startswith((lab, "data:", "blob:", lab.replace("http", "ws")))
    ]
    assert outside == []
    assert len(requests) > 20  # the listener did listen


def _pixels(picture) -> bytes:
    """The image's bytes, fetched by the page from the blob that the widget made of them."""
    return bytes(
        picture.evaluate(
            "async image => Array.from(new Uint8Array(await (await fetch(image.src)).arrayBuffer()))"
        )
    )
