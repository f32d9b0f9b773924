"""Arrays as batches for TensorFlow, without the tuner that makes the end of an epoch wait.

`keras.Model.fit` turns arrays into a `tf.data` pipeline with a tuner of its own, which sleeps for
ever longer. In TensorFlow 2.20 the end of an epoch may wait until that sleep is over, with all
cores idle: 5 s after 5.5 s of work, as measured. The batches here are Keras's, draw for draw.
`aigc_utils.training` and `aigc_utils.models.base` use them; no chapter teaches this.
"""

from __future__ import annotations

import math

import keras
import numpy as np


def in_batches(inputs, batch_size: int | None = None, *, shuffle: bool = False):
    """A pipeline of batches of the arrays, or the inputs as they are where Keras serves them well.

    Args:
        inputs: NumPy arrays of one length, alone, or in a tuple or dict. Anything else, and
            everything on another backend than TensorFlow, is returned as it is.
        batch_size: rows in a batch, 32 if it is not given, as in Keras; the last may have fewer.
        shuffle: draw an order from TensorFlow's global seed. Where one is set, each pass has the
            same order, as in Keras.

    Returns:
        A ``tf.data.Dataset`` of batches of the same structure; arrays of floats become float32.
    """
    arrays = keras.tree.flatten(inputs)
    plain = arrays and all(isinstance(array, np.ndarray) and array.ndim for array in arrays)
    even = plain and len({len(array) for array in arrays}) == 1 and len(arrays[0]) > 0
    if keras.backend.backend() != "tensorflow" or not even or isinstance(inputs, list):
        return inputs
    import tensorflow as tf

    num_rows, batch_size = len(arrays[0]), batch_size or 32
    num_batches = math.ceil(num_rows / batch_size)

    def order(_):
        rows = tf.range(num_rows, dtype=tf.int64)
        return tf.random.shuffle(rows) if shuffle else rows

    def parts(rows):
        starts = tf.data.Dataset.range(0, num_rows, batch_size)
        return starts.map(lambda start: rows[start : start + batch_size])

    def pick(rows, tensors):
        return keras.tree.map_structure(lambda tensor: tf.gather(tensor, rows), tensors)

    tensors = keras.tree.map_structure(_tensor, inputs)
    rows = tf.data.Dataset.range(1).map(order).prefetch(1).flat_map(parts)
    pairs = tf.data.Dataset.zip(rows, tf.data.Dataset.from_tensors(tensors).repeat())
    batches = pairs.map(pick, num_parallel_calls=2).prefetch(2)
    return batches.apply(tf.data.experimental.assert_cardinality(num_batches)).with_options(
        _options(tf)
    )


def _tensor(array: np.ndarray):
    """The array as a tensor, floats in the type that models compute in."""
    floating = np.issubdtype(array.dtype, np.floating)
    return keras.ops.convert_to_tensor(array, dtype=keras.config.floatx() if floating else None)


def _options(tf):
    """No tuner, and nothing rewritten: a pipeline of four steps gains less than that costs."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    ignore = tf.data.experimental.ExternalStatePolicy.IGNORE
    options.experimental_external_state_policy = ignore  # the order is drawn, not restored
    by_rows = tf.data.experimental.AutoShardPolicy.DATA
    options.experimental_distribute.auto_shard_policy = by_rows
    return options
