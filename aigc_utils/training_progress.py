"""What is seen of a training: each epoch's numbers, and a curve, a bar or a line of them.

`aigc_utils.training.train` uses it, in every chapter that trains: 1, 3.2 to 3.6, 5.1, 5.2 and 5.2b.
"""

from __future__ import annotations

import math
import sys
import time

import keras
import numpy as np

from aigc_utils import plots
from aigc_utils.runtime import in_notebook


class History(keras.callbacks.Callback):
    """Each metric's value, and the seconds taken, for each epoch, across interruptions."""

    def __init__(self):
        super().__init__()
        self.values: dict[str, list[float]] = {}

    @property
    def num_epochs(self) -> int:
        return len(self.values.get("loss", ()))

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        measured = {**(logs or {}), "seconds": time.perf_counter() - self._start}
        for name, value in measured.items():
            self.values.setdefault(name, []).append(float(value))


class TrainingProgress(keras.callbacks.Callback):
    """How far training is, how it goes, and how long it will take.

    In a notebook: one figure that is redrawn after each epoch, whose plain-text form is a
    sentence. In a terminal: a bar. Written to a file: one line an epoch.

    Args:
        epochs: how many there will be.
        title: what is being trained.
        history: what to draw; it must come before this one in the list of callbacks.
        how: said after the time of an epoch: how it is computed.
    """

    def __init__(self, epochs: int, title: str, history: History, how: str = ""):
        super().__init__()
        self.how = how
        self.epochs = epochs
        self.title = title
        self.history = history
        self.started_at = 0
        self._display = None
        self._bar = None

    def on_train_begin(self, logs=None):
        self.started_at = self.history.num_epochs
        self._display = self._bar = None
        if not in_notebook() and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=self.epochs, desc=self.title, unit="epoch")

    def on_epoch_begin(self, epoch, logs=None):
        if self._bar is not None and self._bar.n != epoch:
            self._bar.update(epoch - self._bar.n)

    def on_epoch_end(self, epoch, logs=None):
        line = self.line(epoch + 1, logs or {})
        if in_notebook():
            self._redraw(line)
        elif self._bar is not None:
            self._bar.set_postfix_str(f"loss {self._number((logs or {}).get('loss', math.nan))}")
            self._bar.update(1)
        else:
            print(line, flush=True)

    def on_train_end(self, logs=None):
        if self._bar is not None:
            self._bar.close()

    def line(self, done: int, logs: dict) -> str:
        """One sentence: epoch, training and held-out loss, seconds left."""
        # The first epoch includes building the graph, so it says little of the others.
        seconds = self.history.values["seconds"][self.started_at :]
        typical = float(np.median(seconds[1:] or seconds))
        left = typical * (self.epochs - done)
        held_out = f", held-out {self._number(logs['val_loss'])}" if "val_loss" in logs else ""
        time_left = f", about {left:.0f} s left" if done < self.epochs else ""
        loss = self._number(logs.get("loss", math.nan))
        return (
            f"{self.title}: epoch {done} of {self.epochs}, loss {loss}{held_out}, "
            f"{typical:.1f} s an epoch{self.how}{time_left}"
        )

    def _number(self, loss: float) -> str:
        unit = " nats" if "nats" in self._loss_label else ""
        return f"{loss:.1f}{unit}" if abs(loss) >= 10 else f"{loss:.3f}{unit}"

    @property
    def _loss_label(self) -> str:
        return getattr(self.model, "loss_label", "loss")

    def _redraw(self, line: str) -> None:
        from IPython.display import DisplayHandle

        history = self.history.values
        series = {"training": history["loss"]}
        if "val_loss" in history:
            series["held-out"] = history["val_loss"]
        figure = plots.curves(series, xlabel="epoch", ylabel=self._loss_label, title=line)
        figure.axes[0].title.set_fontsize(8)
        bundle = plots.png_bundle(plots.to_png(figure), line)
        if self._display is None:
            self._display = DisplayHandle()
            self._display.display(bundle, raw=True)
        else:
            self._display.update(bundle, raw=True)
