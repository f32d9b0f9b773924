"""Figures: described in words, the same bytes each time, colours that can be told apart."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from bs4 import BeautifulSoup
from IPython.utils.capture import capture_output
from PIL import Image

from aigc_utils import plots

ALT = "Losses fall from 300 to 240 nats over ten epochs."


def some_curves():
    return plots.curves({"training": [3.0, 2.0, 1.5]}, xlabel="epoch", ylabel="nats")


def opened(figure) -> Image.Image:
    return Image.open(io.BytesIO(plots.to_png(figure)))


@pytest.fixture
def displayed(monkeypatch):
    """What reaches the front end, as IPython's own publisher would send it."""
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.instance()
    with capture_output() as captured:
        yield captured
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("alt", [ALT, "Losses \"fall\" <b>&amp; rise</b> again,\nfrom '1' to 2."])
def test_a_shown_figure_is_an_image_with_its_alt_text(displayed, alt):
    plots.show(some_curves(), alt=alt)
    (output,) = displayed.outputs
    (image,) = BeautifulSoup(output.data["text/html"], "html.parser").find_all("img")
    assert image["alt"] == output.data["text/plain"] == alt
    kind, _, content = image["src"].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(content).startswith(b"\x89PNG")
    # A second copy of the picture would double the size of every notebook.
    assert set(output.data) == {"text/html", "text/plain"}


def test_a_figure_stands_on_a_light_card_of_its_own_under_any_theme():
    (image,) = BeautifulSoup(plots.png_bundle(b"", ALT)["text/html"], "html.parser").find_all("img")
    assert "background: #fff" in image["style"]
    assert "max-width: 100%" in image["style"]


@pytest.mark.parametrize(
    "alt",
    [
        ALT,
        "Two lines.\nOne rises, one falls.",
        "两条曲线：训练损失下降，验证损失先降后升。",
        "损失在十轮内减半。",
        "VAE 的损失在十轮内减半。",
        "損失は十回の反復で半分になる。",
        "손실은 열 번의 반복 뒤에 절반으로 줄어든다.",
        "ค่าความสูญเสียลดลงครึ่งหนึ่ง",
        "Потери падают вдвое за десять эпох.",
        "A fan 👩‍🔬 of four curves.",
    ],
)
def test_a_sentence_in_any_script_says_enough(displayed, alt):
    plots.show(some_curves(), alt=alt)
    assert displayed.outputs[0].data["text/plain"] == alt


@pytest.mark.parametrize(
    "alt",
    [
        "", "Figure", "A loss curve", "   \n ", "图", "图表", "损失曲线", "\u3000" * 9, "figure 1",
        "?" * 12, "- - - - -", "。" * 12, None, 5,
        "Losses\x00 over ten epochs fall by half.", "Losses \x1b[31m over ten epochs fall.",
        "Losses \udc80 over ten epochs fall by half.",
        "Losses \u202ereversed\u202c over ten epochs.", "word " * 4000,
    ],
)  # fmt: skip
def test_an_alt_text_that_says_nothing_is_refused(alt, one_sentence):
    with pytest.raises(ValueError, match="alt text") as caught:
        plots.show(some_curves(), alt=alt)
    quoted = f"{alt!a}" if "\u202e" in str(alt) else f"{alt!r}"
    one_sentence(caught.value, quoted[:40], "describe what is shown")
    assert len(str(caught.value)) < 200


def test_showing_closes_a_figure_that_pyplot_knows(displayed):
    from matplotlib import pyplot

    figure = pyplot.figure()
    plots.show(figure, alt=ALT)
    assert not pyplot.fignum_exists(figure.number)


def test_the_same_figure_gives_the_same_bytes():
    figure = some_curves()
    assert plots.to_png(figure) == plots.to_png(figure)
    assert plots.to_png(some_curves()) == plots.to_png(figure)


def test_another_figure_gives_other_bytes():
    other = plots.curves({"training": [3.0, 2.0, 1.0]}, xlabel="epoch", ylabel="nats")
    assert plots.to_png(other) != plots.to_png(some_curves())


def test_ten_classes_have_ten_different_colours():
    assert len(plots.CLASS_COLOURS) == len({colour.lower() for colour in plots.CLASS_COLOURS}) == 10
    assert all(re.fullmatch("#[0-9A-F]{6}", colour) for colour in plots.CLASS_COLOURS)


def test_any_two_class_colours_are_far_apart():
    rgb = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in plots.CLASS_COLOURS])
    distances = np.abs(rgb[:, None] - rgb[None]).sum(axis=2) + 999 * np.eye(10, dtype=int)
    # Of 765; the nearest of Okabe and Ito's own colours are about 100 apart.
    assert distances.min() > 60


# ---- grids ---------------------------------------------------------------------------

TWELVE = np.linspace(0, 1, 12)[:, None, None] * np.ones((12, 28, 28))


def drawn(figure) -> np.ndarray:
    return figure.axes[0].images[0].get_array()


@pytest.mark.parametrize(("columns", "rows", "shown"), [(10, 2, 10), (12, 1, 12), (4, 3, 4), (50, 1, 12)])  # fmt: skip
def test_a_grid_has_as_many_rows_as_its_columns_need(columns, rows, shown):
    canvas = drawn(plots.image_grid(TWELVE, columns=columns))
    assert canvas.shape == (rows * 29 - 1, shown * 29 - 1)  # a pixel of 28 // 16 between images


def test_a_grid_shows_the_images_in_reading_order():
    canvas = drawn(plots.image_grid(TWELVE, columns=4))
    middles = canvas[14::29, 14::29]
    np.testing.assert_allclose(middles.ravel(), np.linspace(0, 1, 12))


def test_black_is_0_and_white_is_1_whatever_the_images_hold():
    image = plots.image_grid(np.full((2, 4, 4), 0.5)).axes[0].images[0]
    assert image.get_clim() == (0, 1)


def test_the_size_follows_the_scale():
    figure = plots.image_grid(TWELVE, columns=12, scale=1.0)
    # 12 columns of 29 pixels less one, by 28 pixels an image, and a little for the border.
    np.testing.assert_allclose(figure.get_size_inches(), [347 / 28 + 0.1, 1.05])
    half = plots.image_grid(TWELVE, columns=12, scale=0.5)
    # Borders are cut away when drawn, which takes less than a twentieth.
    assert opened(figure).width == pytest.approx(100 * 347 / 28, rel=0.05)
    assert opened(half).width == pytest.approx(opened(figure).width / 2, rel=0.05)


def test_titles_and_row_labels_are_written():
    figure = plots.image_grid(
        TWELVE,
        columns=6,
        titles=[f"t{i}" for i in range(12)],
        row_labels=["one", "two"],
        title="All",
    )
    axis = figure.axes[0]
    assert [text.get_text() for text in axis.texts] == [f"t{i}" for i in range(12)]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["one", "two"]
    assert figure.get_suptitle() == "All"


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 4, 40), (3, 2, 2)])
def test_small_and_oblong_images_can_be_shown(shape):
    assert min(opened(plots.image_grid(np.zeros(shape))).size) > 5


@pytest.mark.parametrize(
    "same",
    [TWELVE[..., None], list(TWELVE), TWELVE.tolist(), TWELVE.astype(np.float16)],
    ids=["one channel", "a list of arrays", "lists", "float16"],
)
def test_a_grid_takes_images_as_they_come(same):
    np.testing.assert_allclose(
        drawn(plots.image_grid(same)), drawn(plots.image_grid(TWELVE)), atol=1e-3
    )


@pytest.mark.parametrize(
    ("images", "more", "words"),
    [
        (np.zeros((0, 28, 28)), {}, ["shape (0, 28, 28)", "N at least 1"]),
        (np.zeros((28, 28)), {}, ["shape (28, 28)", "images[None]"]),
        (np.zeros((2, 28, 28, 3)), {}, ["shape (2, 28, 28, 3)"]),
        ([np.zeros((2, 2)), np.zeros((3, 3))], {}, ["different shapes"]),
        (None, {}, ["shape ()"]),
        (255 * TWELVE, {}, ["from 0 to 255", "to_unit"]),
        ((255 * TWELVE).astype(np.uint8), {}, ["from 0 to 255", "to_unit"]),
        (np.full((1, 2, 2), "x"), {}, ["give numbers"]),
        (TWELVE, {"titles": ["a"] * 11}, ["11 titles", "12"]),
        (TWELVE, {"titles": ["a"] * 13}, ["13 titles", "12"]),
        (TWELVE, {"row_labels": ["a"]}, ["1 row_labels", "2"]),
        (TWELVE, {"columns": 0}, ["columns is 0"]),
    ],
)
def test_what_makes_no_grid_is_refused_in_a_sentence(images, more, words, one_sentence):
    with pytest.raises(ValueError, match=re.escape(words[0])) as caught:
        plots.image_grid(images, **more)
    one_sentence(caught.value, *words)


def test_tiles_are_laid_row_by_row_and_padded_with_black():
    tiled = plots.tile(np.arange(1.0, 4.0)[:, None, None] * np.ones((3, 2, 2)), columns=2)
    np.testing.assert_array_equal(tiled[::2, ::2], [[1, 2], [3, 0]])
    assert tiled.shape == (4, 4)


# ---- curves and latents --------------------------------------------------------------


def test_curves_are_named_and_start_at_epoch_1():
    figure = plots.curves(
        {"training": [3, 2], "held-out": [4, 3]},
        xlabel="epoch",
        ylabel="nats",
        floor=("floor", 1.0),
    )
    axis = figure.axes[0]
    assert [t.get_text() for t in axis.get_legend().get_texts()] == [
        "training",
        "held-out",
        "floor",
    ]
    assert axis.lines[0].get_xdata().tolist() == [1, 2]
    assert set(axis.lines[2].get_ydata()) == {1.0}
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("epoch", "nats")


def test_every_class_is_named_at_its_own_median():
    labels = np.repeat([0, 1], 5)
    latents = np.stack([labels * 10.0, np.tile(np.arange(5.0), 2)], axis=1)
    axis = plots.latent_scatter(latents, labels, ["shirt", "boot"]).axes[0]
    assert axis.get_aspect() == 1  # a unit is as long in either direction
    assert {t.get_text(): t.xy for t in axis.texts} == {"shirt": (0.0, 2.0), "boot": (10.0, 2.0)}
    colours = [c.get_facecolor()[0].tolist() for c in axis.collections]
    assert colours[0] != colours[1]


def test_the_style_is_set_for_all_figures_that_follow():
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        plots.apply_style()
        assert mpl.rcParams["axes.spines.top"] is False
        assert mpl.rcParams["axes.prop_cycle"].by_key()["color"] == plots.CYCLE
        assert mpl.rcParams["font.sans-serif"][0] == "DejaVu Sans"


def test_the_chinese_font_if_any_is_one_that_is_installed():
    from matplotlib import font_manager

    plots.chinese_font.cache_clear()
    font = plots.chinese_font()
    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    if font is None:
        assert installed.isdisjoint(plots.CHINESE_FONTS)
    else:
        assert font in installed


@pytest.fixture
def fonts(monkeypatch):
    """A function that says which fonts matplotlib's list has, and which the system has."""
    from matplotlib import font_manager

    known = font_manager.fontManager.ttflist

    def there(names, found):
        entries = [entry for entry in known if entry.name.startswith("DejaVu")]
        entries += [font_manager.FontEntry(fname=f"{name}.ttf", name=name) for name in names]
        monkeypatch.setattr(font_manager.fontManager, "ttflist", entries)
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda: found)
        plots.chinese_font.cache_clear()

    yield there
    plots.chinese_font.cache_clear()


def test_a_font_that_was_installed_after_matplotlibs_list_was_made_is_found(fonts, monkeypatch):
    from matplotlib import font_manager

    def add(path):
        if path == "damaged.ttf":
            raise RuntimeError("no font")
        font_manager.fontManager.ttflist.append(font_manager.FontEntry(fname=path, name="SimHei"))

    monkeypatch.setattr(font_manager.fontManager, "addfont", add)
    fonts([], ["damaged.ttf", "new.ttf"])
    assert plots.chinese_font() == "SimHei"
    fonts(["Noto Sans CJK JP"], [])  # what apt's package of Noto is called in matplotlib
    assert plots.chinese_font() == "Noto Sans CJK JP"


def test_a_figure_that_no_font_can_label_is_shown_with_one_warning(fonts):
    fonts([], [])
    figure = plots.curves({"潜变量": [3.0, 2.0]}, xlabel="轮次", ylabel="负一 −1, β")
    with pytest.warns(UserWarning, match="aigc doctor") as told:
        assert opened(figure).width > 100
    assert len(told) == 1


def test_chinese_is_drawn_without_a_word_also_where_no_style_was_set(recwarn):
    plots.chinese_font.cache_clear()
    if plots.chinese_font() is None:
        pytest.skip("no font here draws Chinese")
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        figure = plots.curves({"潜变量": [3.0, 2.0]}, xlabel="轮次", ylabel="负一")
        figure.axes[0].bar(["甲", "乙"], [1, 2])  # ticks that are only made by drawing
        opened(figure)
        plots.apply_style()
        opened(plots.curves({"潜变量": [3.0, 2.0]}, xlabel="轮次", ylabel="负一"))
    assert [str(warning.message) for warning in recwarn] == []
