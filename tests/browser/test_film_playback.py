"""A real browser plays a film from start to end: pictures, sound, and nothing from the network."""

from __future__ import annotations

import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
]
# What the page saw of the film, once it has ended or failed.
PLAY = """async () => {
    const film = document.querySelector('video');
    const done = new Promise((resolve) => {
        film.onended = () => resolve('ended');
        film.onerror = () => resolve(film.error.message);
        setTimeout(() => resolve('still playing'), 20000);
        film.play().catch((error) => resolve(error.message));  // its answer is not waited for
    });
    return {
        how: await done, width: film.videoWidth, height: film.videoHeight,
        length: film.duration, reached: film.currentTime,
        frames: film.getVideoPlaybackQuality().totalVideoFrames,
        sound: film.webkitAudioDecodedByteCount,
    };
}"""
STORYBOARD = {
    "title": "Played in a browser",
    "height": 180,
    "shots": [{"subject": "Bag", "seconds": 2, "narration": "This is a bag."}],
}

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("kind", ["mp4", "webm"])
def test_chromium_plays_a_film_to_its_end(kind, started, tmp_path):
    if not CHROMIUM:
        pytest.skip("chromium is not installed: type 'sudo apt-get install chromium'")
    from playwright.sync_api import sync_playwright

    from aigc_apps.video import Video
    from aigc_apps.video.make import save_film

    video = Video()
    save_film(video.generate(video.ask(**STORYBOARD, format=kind)), tmp_path / f"film.{kind}")
    page_file = tmp_path / "page.html"
    page_file.write_text(f'<video src="film.{kind}"></video>', encoding="utf-8")
    asked = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        seen = page.evaluate(PLAY)
        browser.close()
    assert seen["how"] == "ended", seen
    assert (seen["width"], seen["height"]) == (320, 180)
    assert abs(seen["length"] - 2) <= 0.04
    assert seen["reached"] >= 1.95
    assert seen["frames"] >= 25, "a busy machine may drop frames, but not half of them"
    assert seen["sound"] > 1000
    assert all(url.startswith("file:") for url in asked)
