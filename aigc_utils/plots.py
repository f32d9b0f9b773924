"""Every figure of the course: one style, colour-blind-safe, with alt text.

A function here takes arrays and gives a matplotlib ``Figure``; `show` puts it into a
notebook together with a sentence for those who cannot see it. All chapters draw with it.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import html
import io
import math
import re
import unicodedata
import warnings
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text

from aigc_utils import data

# Okabe & Ito (2008): eight colours that people with colour-blindness tell apart.
COLOURS = {
    "black": "#000000", "orange": "#E69F00", "sky": "#56B4E9", "green": "#009E73",
    "yellow": "#F0E442", "blue": "#0072B2", "vermillion": "#D55E00", "purple": "#CC79A7",
}  # fmt: skip
CYCLE = [COLOURS[c] for c in ("blue", "vermillion", "green", "orange", "purple", "sky", "black")]
# Ten classes need ten colours: the seven above and three greys and browns apart from them.
CLASS_COLOURS = [*CYCLE, "#999999", "#7B3F00", "#F0E442"]

STYLE = {
    "figure.dpi": 100,
    "figure.figsize": (6.4, 3.6),
    "figure.constrained_layout.use": True,
    "axes.prop_cycle": mpl.cycler(color=CYCLE),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.titlesize": "medium",
    "legend.frameon": False,
    "image.cmap": "gray",
    "font.size": 10,
    "font.sans-serif": ["DejaVu Sans"],
    "axes.unicode_minus": False,
}
CHINESE_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei",
    "PingFang SC", "Microsoft YaHei", "SimHei",
)  # fmt: skip
# Figures are drawn on white. Under a dark theme the frame makes a card of that.
FRAME = (
    "background: #fff; padding: 6px; border: 1px solid #bbb; border-radius: 6px; "
    "box-sizing: border-box; max-width: 100%; height: auto"
)
LONGEST_ALT = 2_000
# Scripts that put no spaces between words: Thai to Khmer, Chinese, Japanese.
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
TURNS_TEXT = re.compile("[\u202a-\u202e\u2066-\u2069]")


def apply_style() -> None:
    """Set the course's style for all figures that follow in this process."""
    mpl.rcParams.update(STYLE | {"font.family": _with_chinese(["sans-serif"])})


@functools.cache
def chinese_font() -> str | None:
    """The name of an installed font that draws Chinese, or None: then use English labels."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    for found in ([], findSystemFonts()):  # matplotlib keeps a list, which new fonts are not in
        for path in {*found} - {font.fname for font in fontManager.ttflist}:
            with contextlib.suppress(OSError, RuntimeError):  # of a font that it cannot read
                fontManager.addfont(path)
        installed = {font.name for font in fontManager.ttflist}
        if name := next((name for name in CHINESE_FONTS if name in installed), None):
            return name
    return None


def _with_chinese(families: Sequence[str]) -> list[str]:
    """Families of fonts, and behind them the one to draw what the first does not have."""
    return list(dict.fromkeys([*families, *filter(None, [chinese_font()])]))


def to_png(figure: Figure) -> bytes:
    """The figure as PNG bytes; the same figure gives the same bytes."""
    buffer, how = io.BytesIO(), {"format": "png", "metadata": {"Software": None}}
    for text in (texts := figure.findobj(Text)):  # drawn with the style or without
        text.set_fontfamily(_with_chinese(text.get_fontfamily()))
    new = {"font.family": _with_chinese(mpl.rcParams["font.family"])}  # for ticks made by drawing
    with mpl.rc_context(new), warnings.catch_warnings():
        if chinese_font() is None and any(UNSPACED.search(t.get_text()) for t in texts):
            warnings.warn("No font here draws Chinese: see `aigc doctor`.", stacklevel=3)
            warnings.filterwarnings("ignore", r"Glyph \d+ ")  # one for each character
        figure.savefig(buffer, bbox_inches="tight", pad_inches=0.05, **how)
    return buffer.getvalue()


def show(figure: Figure, alt: str) -> None:
    """Display a figure with alternative text, for screen readers and plain text.

    Args:
        figure: what to show; it is closed afterwards.
        alt: what the figure shows, in a sentence or two.

    Raises:
        ValueError: if ``alt`` does not describe anything; see `check_alt`.
    """
    check_alt(alt)
    from IPython.display import display

    display(png_bundle(to_png(figure), alt), raw=True)
    _close(figure)


def check_alt(alt: str) -> None:
    """Refuse a text that cannot tell what a picture shows to who does not see it.

    Raises:
        ValueError: if it has fewer than four words (eight characters, in a script without
            spaces), more than 2,000 characters, or characters that control a terminal.
    """
    wish = "describe what is shown in a sentence or two."
    if not isinstance(alt, str):
        raise ValueError(f"The alt text is {alt!r}: {wish}")
    if len(alt) > LONGEST_ALT:
        raise ValueError(
            f"The alt text {alt[:40]!r}... has {len(alt):,} characters, and at most "
            f"{LONGEST_ALT:,} are read out: {wish}"
        )
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\r\n" for c in alt):
        raise ValueError(f"The alt text {alt!r} holds a control character: {wish}")
    if TURNS_TEXT.search(alt):
        raise ValueError(f"The alt text {alt!a} holds a mark that turns text around: {wish}")
    unspaced = len(UNSPACED.findall(alt))
    words = [word for word in UNSPACED.sub("", alt).split() if any(map(str.isalnum, word))]
    if len(words) + unspaced / 2 < 4:
        raise ValueError(f"The alt text {alt!r} says too little: {wish}")


def png_bundle(png: bytes, alt: str) -> dict[str, str]:
    """The MIME bundle of a picture with alternative text.

    The picture is an ``img`` element, since JupyterLab and Colab show no ``alt`` that stands
    in an output's metadata; the plain text is what a terminal shows.
    """
    image = base64.b64encode(png).decode("ascii")
    described = html.escape(alt)
    return {
        "text/html": f'<img alt="{described}" style="{FRAME}" src="data:image/png;base64,{image}">',
        "text/plain": alt,
    }


def image_grid(
    images: np.ndarray,
    *,
    columns: int = 10,
    titles: Sequence[str] | None = None,
    row_labels: Sequence[str] | None = None,
    scale: float = 0.75,
    title: str | None = None,
) -> Figure:
    """Images side by side, black is 0 and white is 1.

    Args:
        images: intensities from 0 to 1, shape (N, height, width) or (N, height, width, 1).
        columns: images in a row.
        titles: a short text above each image.
        row_labels: a text at the left of each row.
        scale: inches an image.
        title: above everything.

    Raises:
        ValueError: if the images are something else, or the texts are not one for each.
    """
    images = _intensities(images)
    num_images, height, width = images.shape
    columns = min(columns, num_images)
    if columns < 1:
        raise ValueError(f"columns is {columns}: give a whole number, at least 1.")
    rows = math.ceil(num_images / columns)
    for name, texts, wanted in (("titles", titles, num_images), ("row_labels", row_labels, rows)):
        if texts is not None and len(texts) != wanted:
            raise ValueError(f"There are {len(texts)} {name}, and {wanted} are needed: one each.")
    # One canvas instead of one pair of axes an image: a hundred axes take seconds to draw.
    gap_x = max(1, width // 16)
    gap_y = gap_x if titles is None else round(0.32 * height)
    canvas = np.full((rows * (height + gap_y) - gap_y, columns * (width + gap_x) - gap_x), np.nan)
    figure = Figure(
        figsize=(
            canvas.shape[1] / width * scale + (1.4 if row_labels is not None else 0.1),
            (canvas.shape[0] + (gap_y if titles is not None else 0)) / width * scale
            + (0.35 if title else 0.05),
        ),
        layout="constrained",
    )
    axis = figure.subplots()
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        top, left = row * (height + gap_y), column * (width + gap_x)
        canvas[top : top + height, left : left + width] = image
        if titles is not None:
            middle = left + width / 2
            axis.text(middle, top - 1.5, titles[index], ha="center", va="bottom", fontsize=8)
    greys = mpl.colormaps["gray"].with_extremes(bad="white")
    axis.imshow(canvas, cmap=greys, vmin=0, vmax=1, interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    if row_labels is not None:
        axis.set_yticks([height / 2 + row * (height + gap_y) for row in range(rows)], row_labels)
        axis.tick_params(length=0)
    axis.grid(False)
    axis.spines[:].set_visible(False)
    if title:
        figure.suptitle(title)
    return figure


def _intensities(images: np.ndarray) -> np.ndarray:
    """The images as a stack; grey levels, which would all be white, are refused."""
    images = data.as_stack(images)
    if images.dtype.kind not in "fiub" or images.max() > 2:  # samples may overshoot a little
        data.check_range(images)
    return images


def curves(
    series: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    ylabel: str,
    title: str | None = None,
    floor: tuple[str, float] | None = None,
    x: Sequence[float] | None = None,
) -> Figure:
    """Lines over epochs (or over ``x``), each labelled; ``floor`` draws a dashed bound."""
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axis = figure.subplots()
    for name, values in series.items():
        positions = np.arange(1, len(values) + 1) if x is None else x
        # Dots mark epochs; on a curve of hundreds of points they would look like beads.
        axis.plot(positions, values, marker="." if len(values) <= 60 else None, label=name)
    if floor is not None:
        axis.axhline(floor[1], color=COLOURS["black"], linestyle="--", linewidth=1, label=floor[0])
    axis.set(xlabel=xlabel, ylabel=ylabel, title=title or "")
    axis.legend()
    return figure


def latent_scatter(
    latents: np.ndarray, labels: np.ndarray, class_names: Sequence[str], *, title: str | None = None
) -> Figure:
    """Two-dimensional latents coloured by class, every class also named at its median.

    Args:
        latents: shape (N, 2).
        labels: whole numbers, shape (N,).
        class_names: one a class.
        title: above the axes.
    """
    figure = Figure(figsize=(6.4, 5.2), layout="constrained")
    axis = figure.subplots()
    for index, name in enumerate(class_names):
        chosen = latents[labels == index]
        colour = CLASS_COLOURS[index % len(CLASS_COLOURS)]
        axis.scatter(*chosen.T, s=4, color=colour, alpha=0.5, label=name, rasterized=True)
    for index, name in enumerate(class_names):
        x, y = np.median(latents[labels == index], axis=0)
        axis.annotate(
            name, (x, y), ha="center", fontsize=8, weight="bold",
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "alpha": 0.8, "lw": 0},
        )  # fmt: skip
    axis.set(xlabel="$z_1$", ylabel="$z_2$", title=title or "", aspect="equal")
    return figure


def tile(images: np.ndarray, columns: int) -> np.ndarray:
    """Images as one large image, row by row: (N, h, w) -> (rows*h, columns*w); pads with 0."""
    num_images, height, width = images.shape
    rows = math.ceil(num_images / columns)
    padded = np.zeros((rows * columns, height, width), images.dtype)
    padded[:num_images] = images
    grid = padded.reshape(rows, columns, height, width).transpose(0, 2, 1, 3)
    return grid.reshape(rows * height, columns * width)


def _close(figure: Figure) -> None:
    """Release a figure that pyplot may know; one made by `Figure` needs nothing."""
    if getattr(figure, "number", None) is not None:
        from matplotlib import pyplot

        pyplot.close(figure)
