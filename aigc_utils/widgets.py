"""Sliders: thin ipywidgets shells over functions that turn numbers into a picture.

Only what ipywidgets 7.7.1 has is used, because that is what Colab runs. The picture is an
``ipywidgets.Image`` that receives PNG bytes: drawing a matplotlib figure for each
movement would cost several times the model itself. Chapters 0 to 6 and 8.9 have sliders.
"""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Mapping
from pathlib import Path

import ipywidgets
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from aigc_utils import plots


def naming() -> ipywidgets.Output:
    """A widget that shows nothing, and gives the controls beside it names for screen readers.

    ipywidgets names neither a slider's handle and readout nor a group of buttons, and has no
    trait for it, so the page is told to take the text that stands beside them.
    """
    code = Path(__file__).with_name("name_controls.js").read_text(encoding="utf-8")
    script = {"application/javascript": code, "text/plain": ""}
    shown = {"output_type": "display_data", "data": script, "metadata": {}}
    return ipywidgets.Output(outputs=(shown,), layout=ipywidgets.Layout(height="0"))


def picture(intensities: np.ndarray, scale: int = 6) -> bytes:
    """PNG bytes of a grey image, each pixel drawn as a square.

    Args:
        intensities: 0 to 1, shape (height, width).
        scale: screen pixels a side for each image pixel.
    """
    grey = np.rint(np.clip(intensities, 0, 1) * 255).astype(np.uint8)
    image = Image.fromarray(grey)
    size = (image.width * scale, image.height * scale)
    buffer = io.BytesIO()
    image.resize(size, Image.Resampling.NEAREST).save(buffer, "png", compress_level=1)
    return buffer.getvalue()


class Explorer(ipywidgets.VBox):
    """Sliders, and the picture that a function makes of their values.

    Args:
        render: takes the sliders' values by name; gives intensities, shape (height, width).
        sliders: a widget with a ``value`` for each of ``render``'s arguments.
        describe: takes the same values; gives a sentence on what is shown, which screen
            readers announce. By default it lists the values.
        scale: screen pixels a side for each image pixel.
    """

    def __init__(
        self,
        render: Callable[..., np.ndarray],
        sliders: Mapping[str, ipywidgets.Widget],
        describe: Callable[..., str] | None = None,
        scale: int = 6,
    ):
        self.render = render
        self.sliders = dict(sliders)
        self.describe = describe or _list_values
        self.scale = scale
        self.image = ipywidgets.Image(format="png")
        self.caption = ipywidgets.HTML()
        # A box stretches its children by default; a picture must keep its own size.
        layout = ipywidgets.Layout(align_items="flex-start")
        children = [*self.sliders.values(), self.image, self.caption, naming()]
        super().__init__(children, layout=layout)
        for name, slider in self.sliders.items():
            slider.description = slider.description or name
            slider.observe(self.refresh, names="value")
        self.refresh()

    @property
    def values(self) -> dict[str, float]:
        """The sliders' present values, by name."""
        return {name: slider.value for name, slider in self.sliders.items()}

    def __repr__(self) -> str:
        """What a stored notebook shows in place of the live sliders."""
        return f"Sliders ({', '.join(self.sliders)}): run the notebook to move them."

    def refresh(self, change=None) -> None:
        """Draw the picture anew; runs after each movement."""
        self.image.value = picture(self.render(**self.values), self.scale)
        self.caption.value = (
            f'<span role="status">{html.escape(self.describe(**self.values))}</span>'
        )


def latent_slider(name: str, value: float = 0.0, limit: float = 3.0) -> ipywidgets.FloatSlider:
    """A slider for one latent coordinate, in standard deviations of the prior."""
    return ipywidgets.FloatSlider(
        value=value, min=-limit, max=limit, step=0.1, description=name, readout_format=".1f"
    )


def strip(
    render: Callable[..., np.ndarray],
    name: str,
    positions: list,
    fixed: Mapping[str, float] | None = None,
    title: str | None = None,
    scale: float = 1.0,
) -> Figure:
    """What a slider shows at some positions, side by side, for readers who cannot move it.

    Args:
        render: as for `Explorer`.
        name: the argument that varies.
        positions: its values.
        fixed: the other arguments.
        title: above the pictures.
        scale: inches a picture.
    """
    images = [render(**{**(fixed or {}), name: position}) for position in positions]
    labels = [f"{name} = {_signed(p)}" for p in positions]
    return plots.image_grid(
        np.stack(images), columns=len(images), titles=labels, title=title, scale=scale
    )


def _signed(position) -> str:
    """A slider's position with its sign: one decimal, or as many as it has."""
    if not isinstance(position, float):
        return str(position)
    return f"{position:+.1f}" if position == round(position, 1) else f"{position:+g}"


def _list_values(**values: float) -> str:
    return "Shown: " + ", ".join(f"{name} = {value:g}" for name, value in values.items())
