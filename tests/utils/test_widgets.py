"""Sliders redraw their picture, say what it shows, and leave a short line in a stored notebook."""

from __future__ import annotations

import io

import ipywidgets
import numpy as np
import pytest
from PIL import Image

from aigc_utils import widgets


def render(x: float, y: float) -> np.ndarray:
    image = np.zeros((5, 7))
    image[int(y), int(x)] = 1.0
    return image


@pytest.fixture
def explorer():
    sliders = {name: widgets.latent_slider(name, value=1.0) for name in ("x", "y")}
    return widgets.Explorer(render, sliders)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_moving_a_slider_redraws_the_picture(explorer):
    before = explorer.image.value
    explorer.sliders["x"].value = 3.0
    assert explorer.image.value != before
    np.testing.assert_array_equal(
        pixels(explorer.image.value), pixels(widgets.picture(render(3, 1)))
    )


def test_moving_a_slider_back_brings_the_same_bytes_back(explorer):
    before = explorer.image.value
    explorer.sliders["y"].value = 2.0
    explorer.sliders["y"].value = 1.0
    assert explorer.image.value == before


def test_the_picture_is_there_before_anything_moves(explorer):
    np.testing.assert_array_equal(
        pixels(explorer.image.value), pixels(widgets.picture(render(1, 1)))
    )


def test_the_caption_tells_screen_readers_the_new_values(explorer):
    explorer.sliders["x"].value = 2.5
    assert 'role="status"' in explorer.caption.value
    assert "x = 2.5, y = 1" in explorer.caption.value


def test_a_description_is_escaped(explorer):
    explorer.describe = lambda x, y: "<b>x & y</b>"
    explorer.refresh()
    assert "&lt;b&gt;x &amp; y&lt;/b&gt;" in explorer.caption.value
    assert "<b>" not in explorer.caption.value


def test_a_stored_notebook_shows_a_short_sentence_and_no_bytes(explorer):
    assert len(repr(explorer)) < 200
    assert "b'" not in repr(explorer)
    assert "x, y" in repr(explorer)
    assert repr(explorer).endswith(".")


def test_sliders_picture_and_caption_are_shown_in_this_order(explorer):
    kinds = [type(child) for child in explorer.children]
    assert kinds == [
        ipywidgets.FloatSlider, ipywidgets.FloatSlider, ipywidgets.Image, ipywidgets.HTML,
        ipywidgets.Output,
    ]  # fmt: skip


def test_a_slider_without_a_description_gets_its_name(explorer):
    sliders = {"x": ipywidgets.IntSlider(1, 0, 6), "y": ipywidgets.IntSlider(1, 0, 4)}
    sliders["y"].description = "row"
    widgets.Explorer(render, sliders)
    assert [slider.description for slider in sliders.values()] == ["x", "row"]


def test_controls_are_named_by_a_script_that_leaves_nothing_in_the_notebook(explorer):
    (output,) = explorer.children[-1].outputs
    assert set(output["data"]) == {"application/javascript", "text/plain"}
    assert "aria-label" in output["data"]["application/javascript"]
    assert "aria-label" not in repr(explorer)


def test_values_follow_the_sliders(explorer):
    explorer.sliders["x"].value = -2.0
    assert explorer.values == {"x": -2.0, "y": 1.0}


@pytest.mark.parametrize("scale", [1, 6])
def test_a_picture_is_a_png_with_each_pixel_a_square(scale):
    picture = Image.open(io.BytesIO(widgets.picture(np.zeros((5, 7)), scale)))
    assert picture.format == "PNG"
    assert picture.size == (7 * scale, 5 * scale)
    assert picture.mode == "L"


def test_a_picture_holds_the_intensities_clipped_to_what_can_be_shown():
    found = pixels(widgets.picture(np.array([[-1.0, 0.0, 0.5, 1.0, 2.0]]), scale=1))
    assert found.tolist() == [[0, 0, 128, 255, 255]]


def test_a_latent_slider_runs_over_three_standard_deviations():
    slider = widgets.latent_slider("z1")
    assert (slider.min, slider.max, slider.value, slider.step) == (-3.0, 3.0, 0.0, 0.1)
    assert slider.description == "z1"


def test_a_strip_shows_each_position_under_its_value():
    figure = widgets.strip(render, "x", [0.0, 2.0, 4.0], fixed={"y": 1}, title="Moving x")
    axis = figure.axes[0]
    assert [t.get_text() for t in axis.texts] == ["x = +0.0", "x = +2.0", "x = +4.0"]
    canvas = np.nan_to_num(axis.images[0].get_array())
    assert canvas.shape == (5, 3 * 8 - 1)
    assert np.argwhere(canvas == 1).tolist() == [[1, 0], [1, 8 + 2], [1, 16 + 4]]
    assert figure.get_suptitle() == "Moving x"


def test_a_strip_of_whole_numbers_shows_them_whole():
    figure = widgets.strip(render, "x", [0, 2], fixed={"y": 1})
    assert [t.get_text() for t in figure.axes[0].texts] == ["x = 0", "x = 2"]
