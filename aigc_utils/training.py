"""Training with `fit`: Adam, a schedule, KL warm-up, whether bfloat16 is used, interrupts.

Nothing here knows which model it trains: anything with `compile` and `fit` whose loss is
tracked as ``loss`` will do; KL warm-up additionally needs a ``kl_weight`` variable.
Chapters 1, 3.2 to 3.6, 5.1, 5.2 and 5.2b train with it; 5.2 explains it.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import keras

from aigc_utils.batches import in_batches
from aigc_utils.optimizers import FusedAdam
from aigc_utils.runtime import multiplies_bfloat16
from aigc_utils.training_progress import History, TrainingProgress
from aigc_utils.training_state import Resume


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
    settings = {
        "epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate,
        "beta_1": beta_1, "average": average, "kl_warmup_epochs": kl_warmup_epochs,
    }  # fmt: skip
    _check(model, inputs, **settings)
    product_type = choose_products(model, products)
    halves = choose_halves(model, product_type)
    num_images = len(keras.tree.flatten(inputs)[0])
    steps = math.ceil(num_images / batch_size)
    _compile(model, climb_and_fall(learning_rate, steps, epochs), beta_1, average, steps)
    history = History()  # first of the callbacks, so that the others find it up to date
    ours: list[keras.callbacks.Callback] = [history]
    warm_up = resume = None
    if kl_warmup_epochs:
        warm_up = KLWarmUp(kl_warmup_epochs, steps, float(model.kl_weight))
        ours.append(warm_up)
    if progress:
        how = f" with products in {product_type}" + (", in halves" if halves else "")
        ours.append(TrainingProgress(epochs, title, history, how))
    if resume_dir is not None:
        resume = Resume(resume_dir, _told(model, settings, num_images), history)
        ours.append(resume)
        resume.restore(model)
    try:
        with _computing(model, product_type, halves, warm_up):
            _fit(
                model, loop, inputs, validation_inputs, history, epochs,
                batch_size=batch_size, callbacks=[*ours, *callbacks],
            )  # fmt: skip
    except KeyboardInterrupt:
        raise TrainingInterrupted(_interrupt_message(history, epochs, resume)) from None
    return history.values


def _check(
    model, inputs, *, epochs, batch_size, learning_rate, beta_1, average, kl_warmup_epochs
) -> None:
    """Raise a ValueError unless all numbers are in their ranges, and the inputs fit the model."""
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


def _compile(model: keras.Model, schedule, beta_1: float, average: float | None, steps: int):
    """Compile with Adam, and several steps a call, which spare Python's share of each.

    Callbacks then see every 20th batch. The PyTorch backend takes no other number than 1.
    """
    averaging = {} if average is None else {"use_ema": True, "ema_momentum": average}
    together = 1 if keras.backend.backend() == "torch" else min(20, steps)
    optimizer = FusedAdam(schedule, beta_1=beta_1, **averaging)
    model.compile(optimizer, steps_per_execution=together)


def climb_and_fall(
    learning_rate: float, steps_per_epoch: int, epochs: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate of each step: a climb of half an epoch, then a fall along a cosine.

    Args:
        learning_rate: the peak; it begins at a tenth of it and ends at a hundredth.
        steps_per_epoch: batches in an epoch.
        epochs: after how many the end is reached.
    """
    climb = steps_per_epoch // 2
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.1 * learning_rate,
        warmup_target=learning_rate,
        warmup_steps=max(1, climb),
        decay_steps=max(1, steps_per_epoch * epochs - climb),
        alpha=0.01,
    )


def _told(model: keras.Model, settings: dict, num_images: int) -> dict:
    """All that must be equal for a run to be the same run."""
    arguments = model.arguments() if hasattr(model, "arguments") else {}
    return {**settings, "num_images": num_images, "model": arguments}


def _fit(model: keras.Model, loop, inputs, held_out, history, epochs: int, **how) -> None:
    """`fit`, or the loop in its place, from where the history ends."""
    if history.num_epochs == epochs and loop is None:  # a finished run: end as `fit` ends
        model.optimizer.finalize_variable_values(model.trainable_variables)
        return
    fit = model.fit if loop is None else functools.partial(loop, model)
    held_out = None if held_out is None else (held_out,)
    if loop is None:  # a loop deals the arrays out itself
        fed = in_batches(inputs, how["batch_size"], shuffle=True)
        how["shuffle"] = fed is inputs  # else it is done, and Keras would warn
        inputs, held_out = fed, held_out and in_batches(held_out, how["batch_size"])
    begin = history.num_epochs
    fit(inputs, epochs=epochs, initial_epoch=begin, validation_data=held_out, verbose=0, **how)


@contextlib.contextmanager
def _computing(
    model: keras.Model, product_type: str, halves: bool, warm_up: KLWarmUp | None
) -> Iterator[None]:
    """Let the model compute so inside the block; an interrupt leaves nothing half changed."""
    try:
        if product_type != "float32":
            model.take_products_in(product_type)
        model.in_halves = halves
        yield
    finally:
        model.in_halves = False
        if product_type != "float32":
            model.take_products_in("float32")
        if warm_up is not None:
            model.kl_weight.assign(warm_up.target)


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
    kept = f"which are kept in {resume.path.parent}" if num_done else "so nothing is kept yet"
    return f"{done}, {kept}: make the same call again to go on."


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
