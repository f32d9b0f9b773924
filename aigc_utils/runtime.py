"""Starting quietly and reproducibly: the backend, the seed, the profile; and what the machine is.

Every chapter begins with `start`. Nothing here imports TensorFlow or Keras until a function that
needs it is called.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from numbers import Integral
from typing import TypeVar

T = TypeVar("T")

PROFILES = ("smoke", "cpu", "full")


@contextlib.contextmanager
def quiet_native_logs() -> Iterator[None]:
    """Send file descriptor 2 to the void inside the block.

    TensorFlow's C++ side writes time-stamped lines to descriptor 2 directly, past
    ``sys.stderr``; a kernel stores them in the notebook, where they can never match
    again. Python exceptions still rise as usual.
    """
    saved = os.dup(2)
    void = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(void, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(void)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and the Keras backend, and ask TensorFlow for determinism.

    The same machine then gives the same numbers; another processor or another
    version of TensorFlow may differ in the last digits, and training amplifies that.

    Args:
        seed: a whole number from 0 to 4,294,967,295.

    Raises:
        ValueError: if ``seed`` is not such a number.
    """
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= seed < 2**32:
        raise ValueError(f"The seed is {seed!r}: give a whole number from 0 to 4294967295.")
    import keras

    keras.utils.set_random_seed(int(seed))  # a NumPy number is welcome too
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def independent_seed(seed: int) -> int:
    """A seed whose draws have nothing to do with those of ``seed``, and that follows from it.

    Two things drawn with one seed are one thing drawn twice: where the noise of an image is
    high, so are the coins thrown for its pixels.

    Args:
        seed: 0 or more.

    Returns:
        A whole number from 0 to 18,446,744,073,709,551,615.
    """
    import numpy as np

    return int(np.random.SeedSequence(seed).spawn(1)[0].generate_state(1, np.uint64)[0])


def start(seed: int = 0) -> None:
    """Begin a notebook: load Keras without log noise, seed it, set the plotting style.

    Args:
        seed: see `seed_everything`.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_native_logs():
        import keras

        keras.ops.zeros(1)  # the first operation is what makes the backend talk
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            # A lesson builds many small models on purpose; TensorFlow warns of each
            # ("triggered tf.function retracing") as if they were one that is misused.
            tf.get_logger().setLevel("ERROR")
    seed_everything(seed)
    from aigc_utils import plots

    plots.apply_style()


def multiplies_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 natively, about twice as fast as float32.

    Read from what Linux says of an x86 processor (``avx512_bf16`` or ``amx_bf16``), never
    timed: a choice that depended on the load would not be the same choice twice.
    """
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = next((line for line in file if line.startswith("flags")), "")
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags.split())


def in_notebook() -> bool:
    """Whether a Jupyter kernel (JupyterLab, Colab) runs this; IPython is not imported to see."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython and hasattr(ipython, "get_ipython") else None
    return shell is not None and hasattr(shell, "kernel")


def compiled(function: Callable) -> Callable:
    """The function as a TensorFlow graph, on that backend; elsewhere as it is."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    return tf.function(function, reduce_retracing=True)


def by_profile(profile: str, *, smoke: T, cpu: T, full: T) -> T:
    """Choose a value for the profile that the notebook's parameters cell names.

    Args:
        profile: ``"smoke"`` (seconds, for tests), ``"cpu"`` (two cores, what is
            committed) or ``"full"`` (as long as it takes).
        smoke, cpu, full: the value for each.

    Raises:
        ValueError: if there is no such profile.
    """
    choices = {"smoke": smoke, "cpu": cpu, "full": full}
    if profile not in choices:
        raise ValueError(f"There is no profile {profile!r}: choose one of {', '.join(PROFILES)}.")
    return choices[profile]
