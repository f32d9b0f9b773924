"""Buttons for whoever judges items in a notebook (8.9): as `aigc judge`, into the same file."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

from aigc_apps.evaluation.sitting import Sitting
from aigc_apps.judging import RatingSheet, begin_judging

WORDS = {"yes": "use it as it is", "mend": "use it once mended", "no": "would not use it"}


class JudgePanel(ipywidgets.VBox):
    """Shows one item after another, with a button for each answer and a watch that can be stopped.

    The watch starts with a click on "show" and stands while nothing is shown. Each answer is kept
    at once in the file of ratings, and a panel that is opened again goes on.

    Attributes:
        sitting: who judges, and what is kept.
    """

    def __init__(self, sheet: RatingSheet, rater: str, path: Path, pairs: bool = False):
        """Make the panel.

        Args:
            sheet: what is judged.
            rater: a name of your choice.
            path: of the file of ratings.
            pairs: two side by side, in place of single items.

        Raises:
            ValueError, OSError: as `begin_judging`.
        """
        self.sheet = sheet
        self.sitting: Sitting = begin_judging(sheet, path, rater, pairs)
        self._said = ipywidgets.HTML()
        self._item = ipywidgets.HBox()
        self._answers = ipywidgets.HBox()
        self._more = ipywidgets.HBox(
            [self._button("pause", self._pause), self._button("take the last back", self._back)]
        )
        super().__init__([self._said, self._item, self._answers, self._more])
        self._pause()

    def _button(self, words: str, action) -> ipywidgets.Button:
        button = ipywidgets.Button(description=words, layout={"width": "auto"})
        button.on_click(lambda _: action())
        return button

    def _pause(self) -> None:
        """Show nothing, and a button that shows the item."""
        self.sitting.pause()
        self._say()
        self._item.children = ()
        ended = self.sitting.current is None
        self._answers.children = () if ended else (self._button("show", self._show),)

    def _show(self) -> None:
        shown = self.sitting.current
        if shown is None:
            self._pause()
            return
        sides = ("left",) if shown.right is None else ("left", "right")
        self._item.children = tuple(self._content(shown, side) for side in sides)
        self._answers.children = tuple(
            self._button(WORDS.get(choice, choice), lambda choice=choice: self._answer(choice))
            for choice in self.sitting.choices
        )
        self._say(shown.item.removeprefix("check: "))
        self.sitting.begin()

    def _content(self, shown, side: str) -> Any:
        text = self.sheet.text(shown, side)
        if text is not None:
            style = "white-space: pre-wrap; line-height: 1.4; max-width: 40em; margin: 0 1em"
            return ipywidgets.HTML(f'<div style="{style}">{escape(text)}</div>')
        content = self.sheet.file(shown, side).read_bytes()
        kind, _, form = self.sheet.media_type.partition("/")
        widget = {"audio": ipywidgets.Audio, "video": ipywidgets.Video, "image": ipywidgets.Image}
        options = {} if kind == "image" else {"autoplay": False, "loop": False}
        return widget[kind](value=content, format=form, **options)

    def _answer(self, choice: str) -> None:
        self.sitting.answer(choice)
        self._show()

    def _back(self) -> None:
        self.sitting.take_back()
        self._pause()

    def _say(self, item: str = "") -> None:
        done, number = self.sitting.done, len(self.sitting.shown)
        words = f"<b>{done} of {number}</b> judged, kept in {escape(str(self.sitting.path))}."
        if item:
            words += f" Asked for: <b>{escape(item)}</b>. You need: {escape(self.sheet.need)}."
        self._said.value = words if done < number else f"{words} All is judged: thank you."
