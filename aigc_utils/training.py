"""Training with `fit`: schedules, a curve that grows, and resuming after an interrupt.

Nothing here knows which model it trains: anything with `compile` and `fit` whose loss is
tracked as ``loss`` will do; KL warm-up additionally needs a ``kl_weight`` variable.
"""

from __future__ import annotations

import functools
import json
import math
import os
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import keras
import numpy as np

from aigc_utils import plots
from aigc_utils.files import atomic_path
from aigc_utils.optimizers import FusedAdam
from aigc_utils.runtime import multiplies_bfloat16


class TrainingInterrupted(KeyboardInterrupt):
    """Training was stopped by hand; the message says what is kept and how to go on."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a page of frames: the one sentence that matters."""
        return [str(self)]


def train(
    model: keras.Model,
    inputs,
    *,
    epochs: int,
    batch_size: int = 256,
    learning_rate: float = 2e-3,
    beta_1: float = 0.9,
    average: float | None = None,
    kl_warmup_epochs: float = 0.0,
    validation_inputs=None,
    resume_dir: str | os.PathLike | None = None,
    products: Literal["auto", "float32", "bfloat16"] = "auto",
    progress: bool = True,
    title: str = "Training",
    callbacks: Sequence[keras.callbacks.Callback] = (),
    loop: Callable[..., None] | None = None,
) -> dict[str, list[float]]:
    """Train with Adam on a cosine schedule, showing progress, and resume if asked to.

    The learning rate climbs for the first half epoch, then falls along a cosine to a
    hundredth of its peak (Loshchilov & Hutter, 2017).

    Args:
        model: an untrained model, or the same model as in an interrupted run.
        inputs: as for ``model.fit``.
        epochs: passes over the data, at least 1.
        batch_size: images a step, at least 1.
        learning_rate: the peak, more than 0.
        beta_1: Adam's momentum, 0 or more and less than 1; players that learn against each
            other want less than the usual 0.9 (Radford et al., 2016, take 0.5).
        average: if given, the model ends with an exponential moving average of its weights that
            keeps so much of itself at each step, such as 0.999 (Polyak & Juditsky, 1992).
        kl_warmup_epochs: the KL weight rises linearly from 0 to what it is now over so
            many epochs (Bowman et al., 2016); 0 keeps it as it is.
        validation_inputs: evaluated after each epoch, if given.
        resume_dir: a folder for the state after each epoch. The same call with the same
            folder goes on after the last finished epoch; a finished run is not repeated.
        products: how matrix products are taken while training (see
            `aigc_utils.models.base.ImageModel.take_products_in`); ``"auto"`` is bfloat16 on
            TensorFlow where the processor multiplies it natively. Afterwards float32 again.
        progress: show a curve (notebook), a bar (terminal) or a line an epoch (a file).
        title: what the progress display calls this.
        callbacks: further ones, called after those of this function.
        loop: takes the model and what ``model.fit`` takes, and does its work in its place, such
            as `aigc_course.train.distributed.Cluster.fit`.

    Returns:
        Each metric's values, one an epoch, including those of an interrupted run, and
        the epochs' ``"seconds"``.

    Raises:
        ValueError: if a number is out of range, the inputs do not fit the model, or the
            folder holds a run with other settings.
        TrainingInterrupted: on Ctrl-C or "interrupt the kernel".
        OSError: if the folder cannot be written to; nothing saved before is lost.
    """
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if not value >= 1 or value % 1:
            raise ValueError(f"{name} is {value!r}: give a whole number, at least 1.")
    if not kl_warmup_epochs >= 0:
        raise ValueError(f"kl_warmup_epochs is {kl_warmup_epochs!r}: give 0 or more.")
    if not 0 < learning_rate < math.inf:
        raise ValueError(
            f"learning_rate is {learning_rate!r}: give a number above 0, such as 0.001."
        )
    if not 0 <= beta_1 < 1:
        raise ValueError(f"beta_1 is {beta_1!r}: give 0 or more, and less than 1.")
    if average is not None and not 0 <= average < 1:
        raise ValueError(f"average is {average!r}: give 0 or more, and less than 1, or None.")
    if hasattr(model, "check_inputs"):
        model.check_inputs(inputs)
    product_type = choose_products(model, products)
    halves = choose_halves(model, product_type)
    num_images = len(keras.tree.flatten(inputs)[0])
    steps = math.ceil(num_images / batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.1 * learning_rate,
        warmup_target=learning_rate,
        warmup_steps=max(1, steps // 2),
        decay_steps=max(1, steps * epochs - steps // 2),
        alpha=0.01,
    )
    # Several steps a call spare Python's share of each; callbacks see every 20th batch.
    # The PyTorch backend runs step by step and takes no other number.
    together = 1 if keras.backend.backend() == "torch" else min(20, steps)
    averaging = {} if average is None else {"use_ema": True, "ema_momentum": average}
    optimizer = FusedAdam(schedule, beta_1=beta_1, **averaging)
    model.compile(optimizer, steps_per_execution=together)
    history = History()  # first, so that the others find it up to date
    ours: list[keras.callbacks.Callback] = [history]
    if kl_warmup_epochs:
        target = float(model.kl_weight)
        ours.append(KLWarmUp(kl_warmup_epochs, steps, target))
    if progress:
        how = f" with products in {product_type}" + (", in halves" if halves else "")
        ours.append(Progress(epochs, title, history, how))
    resume = None
    if resume_dir is not None:
        settings = {
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "beta_1": beta_1,
            "average": average,
            "kl_warmup_epochs": kl_warmup_epochs,
            "num_images": num_images,
            "model": model.arguments() if hasattr(model, "arguments") else {},
        }
        resume = Resume(resume_dir, settings, history)
        ours.append(resume)
        resume.restore(model)
    try:
        if product_type != "float32":
            model.take_products_in(product_type)
        model.in_halves = halves
        if history.num_epochs == epochs and loop is None:
            optimizer.finalize_variable_values(model.trainable_variables)  # as `fit` ends
        else:
            fit = model.fit if loop is None else functools.partial(loop, model)
            fit(
                inputs,
                epochs=epochs,
                initial_epoch=history.num_epochs,
                batch_size=batch_size,
                validation_data=None if validation_inputs is None else (validation_inputs,),
                verbose=0,
                callbacks=[*ours, *callbacks],
            )
    except KeyboardInterrupt:
        raise TrainingInterrupted(_interrupt_message(history, epochs, resume)) from None
    finally:
        model.in_halves = False
        if product_type != "float32":
            model.take_products_in("float32")
        if kl_warmup_epochs:
            model.kl_weight.assign(target)  # an interrupt must not leave a half-risen weight
    return history.values


def choose_products(model: keras.Model, products: str = "auto") -> str:
    """How `train` takes this model's matrix products: ``"float32"`` or ``"bfloat16"``.

    Raises:
        ValueError: if ``products`` is neither of these nor ``"auto"``.
    """
    if products not in ("auto", "float32", "bfloat16"):
        raise ValueError(
            f"There are no products in {products!r}: choose auto, float32 or bfloat16."
        )
    if not hasattr(model, "take_products_in"):
        return "float32"
    if products == "auto":
        fast = keras.backend.backend() == "tensorflow" and multiplies_bfloat16()
        return "bfloat16" if fast else "float32"
    return products


def choose_halves(model: keras.Model, product_type: str) -> bool:
    """Whether `train` computes a batch's halves beside each other, on two cores or more.

    TensorFlow runs small products on one core, and shares out large ones badly; two halves
    without a need of each other keep both cores at work, and take a tenth to a quarter less
    time. Products in bfloat16 are too quick for that, as are graphics cards.
    """
    if keras.backend.backend() != "tensorflow" or product_type != "float32":
        return False
    import tensorflow as tf

    alone = (os.cpu_count() or 1) < 2 or tf.config.list_physical_devices("GPU")
    return hasattr(model, "in_halves") and not alone


def _interrupt_message(history: History, epochs: int, resume: Resume | None) -> str:
    num_done = history.num_epochs if resume is None else resume.saved_epochs
    done = f"Training was stopped after {num_done} of {epochs} epochs"
    if resume is None:
        return f"{done}: the model keeps what it has learnt; call train again to start anew."
    return f"{done}, which are kept in {resume.path.parent}: make the same call again to go on."


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


class KLWarmUp(keras.callbacks.Callback):
    """Raise ``model.kl_weight`` linearly from 0 to a target (Bowman et al., 2016).

    Args:
        epochs: how many epochs the rise takes; may be a fraction.
        steps_per_epoch: batches in an epoch.
        target: where the rise ends; held-out data is always evaluated with it.
    """

    def __init__(self, epochs: float, steps_per_epoch: int, target: float = 1.0):
        super().__init__()
        self.target = target
        self.total_steps = epochs * steps_per_epoch
        self.steps_per_epoch = steps_per_epoch
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        step = self.epoch * self.steps_per_epoch + batch
        self.model.kl_weight.assign(self.target * min(1.0, step / self.total_steps))

    def on_test_begin(self, logs=None):
        # Held-out numbers mean the same in each epoch, whatever training optimises now.
        self._training_weight = float(self.model.kl_weight)
        self.model.kl_weight.assign(self.target)

    def on_test_end(self, logs=None):
        self.model.kl_weight.assign(self._training_weight)


class Resume(keras.callbacks.Callback):
    """Keep the whole training state in one file, replaced by renaming after each epoch.

    The file is a plain NumPy archive (nothing in it is ever executed): weights, the seed
    generators' counters, the optimizer's moments, the history and the settings. Keras's
    own ``BackupAndRestore`` writes weights and epoch number to two files in place, so a
    kill between or during the writes can lose the run; this cannot.

    Args:
        folder: where ``training-state.npz`` is kept.
        settings: what must be equal for a run to be the same run.
        history: saved and restored with the state.
    """

    def __init__(self, folder: str | os.PathLike, settings: dict, history: History):
        super().__init__()
        self.path = Path(folder) / "training-state.npz"
        self.settings = json.loads(json.dumps(settings))  # tuples become lists, as when read
        self.history = history
        self.saved_epochs = 0

    def restore(self, model: keras.Model) -> None:
        """Put a saved state into ``model`` and the history, if there is one.

        Raises:
            ValueError: if the file is damaged, or belongs to other settings or a
                model of another shape.
        """
        if not self.path.exists():
            return
        other = f"give another resume_dir, or delete {self.path} to start anew."
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                note = json.loads(str(archive["note"]))
                arrays = [archive[f"variable_{i}"] for i in range(note["num_variables"])]
        except _DAMAGE as error:
            cause = f"{error}"[:200]  # zipfile quotes raw bytes of any length
            raise ValueError(f"The saved training state is damaged ({cause}): {other}") from error
        # Runs saved before these two could be chosen had them so.
        saved = {"beta_1": 0.9, "average": None, **note["settings"]}
        unequal = [name for name in self.settings if saved.get(name) != self.settings[name]]
        if unequal:
            theirs = ", ".join(f"{name} {saved.get(name)}" for name in unequal)
            ours = ", ".join(f"{name} {self.settings[name]}" for name in unequal)
            raise ValueError(f"The saved run has other settings, {theirs}, not {ours}: {other}")
        model.optimizer.build(model.trainable_variables)
        variables = self._variables(model)
        shapes = [tuple(variable.shape) for variable in variables]
        if shapes != [array.shape for array in arrays]:
            raise ValueError(f"The saved run is of a model of another shape: {other}")
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)
        self.history.values = note["history"]
        self.saved_epochs = self.history.num_epochs

    def on_epoch_end(self, epoch, logs=None):
        variables = self._variables(self.model)
        arrays = {f"variable_{i}": v.numpy() for i, v in enumerate(variables)}
        note = {
            "settings": self.settings,
            "history": self.history.values,
            "num_variables": len(variables),
        }
        with atomic_path(self.path) as temporary, open(temporary, "wb") as file:
            np.savez(file, note=np.array(json.dumps(note)), **arrays)
        self.saved_epochs = self.history.num_epochs

    @staticmethod
    def _variables(model: keras.Model) -> list[keras.Variable]:
        return [*model.variables, *model.optimizer.variables]


# What NumPy and zipfile raise on files with missing or changed bytes.
_DAMAGE = (
    OSError,
    KeyError,
    ValueError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
)


class Progress(keras.callbacks.Callback):
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
        bundle, metadata = plots.png_bundle(plots.to_png(figure), line)
        if self._display is None:
            self._display = DisplayHandle()
            self._display.display(bundle, metadata=metadata, raw=True)
        else:
            self._display.update(bundle, metadata=metadata, raw=True)


def in_notebook() -> bool:
    """Whether output goes to a Jupyter front end, which can redraw a figure."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")
