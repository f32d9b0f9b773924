"""What a check says of an answer, and how that is shown.

The workbook's check cells end in one of these; a quiz uses `prose`.
"""

from __future__ import annotations

import html
import re
import textwrap
from dataclasses import dataclass
from typing import Literal

from aigc_utils.runtime import in_notebook

State = Literal["right", "not yet", "wrong"]

TRIES_BEFORE_HELP = 3
_NAMES = {"right": "Right", "not yet": "Not answered yet", "wrong": "Not right"}
_SIGNS = {"right": "\u2713", "not yet": "\u2026", "wrong": "\u2717"}  # a tick, an ellipsis, a cross
# Told apart by the colour-blind, seen on white and on black, and without colours by their lines.
_BARS = {"right": "solid #0072B2", "not yet": "dotted #808080", "wrong": "dashed #D55E00"}


@dataclass(frozen=True)
class Feedback:
    """The outcome of one check.

    Attributes:
        state: "right"; "not yet", if nothing was answered; or "wrong".
        says: what was found, in a sentence or two.
        hint: what to think of next; empty if the answer is right.
        mistake: a short name of the mistake that explains the answer, or "".
        exercise: the id, such as "vae-03".
        tries: wrong answers to this exercise so far, this one counted.
        worked: the idea of the solution; empty before three wrong answers.
        note: what else the learner should know, such as a progress file that was damaged.
    """

    state: State
    says: str
    hint: str = ""
    mistake: str = ""
    exercise: str = ""
    tries: int = 0
    worked: str = ""
    note: str = ""

    @property
    def right(self) -> bool:
        """Whether the answer is right."""
        return self.state == "right"

    def text(self) -> str:
        """The feedback in plain text, lines of at most 88 characters."""
        parts = [f"{self.exercise}: {_NAMES[self.state]}. {self.says}"]
        parts += [f"Hint: {self.hint}"] if self.hint else []
        if self.worked:
            parts.append(f"After {self.tries} tries, the idea worked out: {self.worked}")
        parts += [f"Note: {self.note}"] if self.note else []
        return "\n".join(textwrap.fill(part, 88, subsequent_indent="  ") for part in parts)

    def __repr__(self) -> str:
        return f"Feedback({self.exercise!r}, {self.state!r})"

    def _repr_html_(self) -> str:
        lines = [f"<b>{self.exercise}</b> {prose(self.says)}"]
        lines += [f"<i>Hint:</i> {prose(self.hint)}"] if self.hint else []
        if self.worked:
            lines.append(
                f"<details><summary>After {self.tries} tries: the idea, worked out</summary>"
                f"{prose(self.worked)}</details>"
            )
        lines += [f"<i>Note:</i> {prose(self.note)}"] if self.note else []
        return announced(self.state, "".join(f"<div>{line}</div>" for line in lines))

    def _ipython_display_(self) -> None:
        """Nothing: `check` has shown it, and the cell's last value would show it twice."""


def right(says: str = "") -> Feedback:
    """The feedback on a right answer."""
    return Feedback("right", says or "That is it.")


def not_yet(says: str = "", hint: str = "") -> Feedback:
    """The feedback where nothing was answered."""
    return Feedback("not yet", says or "Put your answer in the place of the dots (...).", hint)


def wrong(mistake: str, says: str, hint: str) -> Feedback:
    """The feedback on a wrong answer: the mistake's short name, a diagnosis, a hint."""
    return Feedback("wrong", says, hint, mistake)


def show_result(shown) -> None:
    """Display an object that has ``text()`` and ``_repr_html_``: rich in a notebook, else text."""
    if in_notebook():
        from IPython.display import display

        display({"text/html": shown._repr_html_(), "text/plain": shown.text()}, raw=True)
    else:
        print(shown.text())


def announced(state: State, body: str) -> str:
    """HTML that a screen reader says by itself: the state in a word, a sign and a bar, then a body.

    Args:
        state: of an answer.
        body: HTML.
    """
    style = f"border-left: 6px {_BARS[state]}; padding: 2px 10px;"
    sign = f'<span aria-hidden="true">{_SIGNS[state]}</span>'
    return f'<div role="status" style="{style}"><b>{_NAMES[state]} {sign}</b> {body}</div>'


def prose(text: str) -> str:
    """HTML of a sentence in which `backticks` mark code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text, quote=False))
