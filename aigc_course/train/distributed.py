"""Training on several machines: each takes a share of every batch, all take the same step.

``tf.distribute.MultiWorkerMirroredStrategy`` connects the machines and adds up gradients. Keras's
own ``fit`` does not support it (keras-team/keras, issue 20585), so `Cluster.fit` is a loop of ours
that `aigc_utils.training.train` calls in its place. ``aigc train NAME --workers`` uses it; chapter
5.2 trains on one machine, with the same `train`.

Data parallelism with equal weights: the mean gradient of a batch is the mean of the shares' mean
gradients, weighted by their sizes, so that n machines take the step that one would take with the
whole batch (Goyal et al., 2017, section 2; only noise drawn by the model differs).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aigc_course.train.rendezvous import check_workers, meet
from aigc_utils.runtime import quiet_native_logs

if TYPE_CHECKING:
    import keras


class Cluster:
    """Several processes that train one model. Make it before TensorFlow computes anything.

    Args:
        workers: ``"host:port"`` of each, the same list in the same order on all machines. The
            first is the chief: it keeps the state of a run, and its word counts.
        index: which of them this process is, from 0.
        say: told who is waited for; see `rendezvous.meet`.

    Raises:
        ValueError: if an address or the index does not fit.
        OSError: if the others do not come in time.
        RuntimeError: if TensorFlow has computed something before.
    """

    def __init__(
        self,
        workers: Sequence[str],
        index: int,
        say: Callable[[str], None] = lambda words: None,
    ):
        check_workers(workers, index)
        meet(workers, index, say=say)
        self.workers = tuple(workers)
        self.index = index
        os.environ["TF_CONFIG"] = json.dumps(
            {"cluster": {"worker": self.workers}, "task": {"type": "worker", "index": index}}
        )
        with quiet_native_logs():
            import tensorflow as tf

            self.strategy = tf.distribute.MultiWorkerMirroredStrategy()

    @property
    def is_chief(self) -> bool:
        """Whether this process writes what is kept."""
        return self.index == 0

    def fit(
        self,
        model: keras.Model,
        inputs: Any,
        *,
        epochs: int,
        initial_epoch: int,
        batch_size: int,
        callbacks: Sequence[keras.callbacks.Callback],
        validation_data: Any = None,
        verbose: int = 0,
    ) -> None:
        """What ``model.fit`` does on one machine, with its arguments.

        All workers must call it alike. ``batch_size`` is that of all shares together. The chief's
        weights, optimizer state and ``initial_epoch`` are copied to the others first.

        Raises:
            OSError: if a worker is lost; what the chief has saved is unchanged.
        """
        import keras
        import tensorflow as tf

        if batch_size < len(self.workers):
            raise ValueError(
                f"batch_size is {batch_size}: give at least {len(self.workers)}, one a worker."
            )
        model.optimizer.build(model.trainable_variables)
        listed = keras.callbacks.CallbackList([*callbacks], model=model)
        try:
            initial_epoch = self._agree(model, initial_epoch)
            step = self._step(model)
            listed.on_train_begin()
            for epoch in range(initial_epoch, epochs):
                listed.on_epoch_begin(epoch)
                model.reset_metrics()
                logs = self._epoch(model, step, inputs, batch_size, epoch, listed)
                if validation_data is not None:
                    held_out = model.evaluate(validation_data[0], verbose=0, return_dict=True)
                    logs |= {f"val_{name}": value for name, value in held_out.items()}
                listed.on_epoch_end(epoch, logs)
            model.optimizer.finalize_variable_values(model.trainable_variables)
            listed.on_train_end()
        except (
            tf.errors.UnavailableError,
            tf.errors.AbortedError,
            tf.errors.InternalError,
        ) as error:
            others = ", ".join(w for i, w in enumerate(self.workers) if i != self.index)
            raise OSError(
                f"The connection to another worker ({others}) was lost: start all of them again; "
                "training goes on after the last epoch that the chief kept."
            ) from error

    def _epoch(self, model, step, inputs, batch_size: int, epoch: int, listed) -> dict[str, float]:
        import keras

        losses, sizes = [], []
        num_images = len(keras.tree.flatten(inputs)[0])
        num_workers = len(self.workers)
        for number, rows in enumerate(shuffled_batches(num_images, batch_size, epoch, num_workers)):
            listed.on_train_batch_begin(number)
            mine = rows[self.index :: num_workers]
            share = keras.tree.map_structure(lambda array, mine=mine: array[mine], inputs)
            losses.append(step(share, np.float32(len(mine) / len(rows))))
            sizes.append(len(rows))
            listed.on_train_batch_end(number)
        mean = float(np.average([loss.numpy() for loss in losses], weights=sizes))
        # The model's further trackers have seen this worker's share only.
        return {**{k: float(v) for k, v in model.get_metrics_result().items()}, "loss": mean}

    def _step(self, model):
        """One step of all workers: (share of the batch, weight of the share) to the mean loss."""
        import tensorflow as tf

        strategy, weights = self.strategy, model.trainable_variables

        def summed_gradients(share, weight):
            with tf.GradientTape() as tape:
                loss = weight * model.compute_loss(x=share, training=True)
            gradients = tape.gradient(loss, [w.value for w in weights])
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, [loss, *gradients])

        # Keras's optimizer would add gradients up once more inside `strategy.run`; Adam hides
        # a factor, other optimizers do not. Outside it takes them as they are.
        @tf.function(reduce_retracing=True)
        def step(share, weight):
            loss, *gradients = strategy.run(summed_gradients, args=(share, weight))
            model.optimizer.apply(gradients, weights)
            return loss

        return step

    def _agree(self, model, initial_epoch: int) -> int:
        """Copy the chief's variables to all, give each its own noise, and share the epoch."""
        import tensorflow as tf

        variables = [*model.variables, *model.optimizer.variables]

        @tf.function
        def from_chief(arrays):
            def summed(mine):
                context = tf.distribute.get_replica_context()
                placed = [tf.identity(array) for array in mine]  # arguments have no device yet
                return context.all_reduce(tf.distribute.ReduceOp.SUM, placed)

            return self.strategy.run(summed, args=(arrays,))

        # 64-bit floats hold float32, counters and 32-bit seeds without loss.
        own = [np.float64(initial_epoch), *(v.numpy().astype(np.float64) for v in variables)]
        told = own if self.is_chief else [np.zeros_like(array) for array in own]
        epoch, *arrays = from_chief([tf.constant(array) for array in told])
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(tf.cast(array, variable.dtype))
        generator = getattr(model, "seed_generator", None)
        if generator is not None:
            seed = generator.state.numpy()
            seed[0] = (int(seed[0]) + 1_000_003 * self.index) % 2**32
            generator.state.assign(seed)
        return int(epoch)


def shuffled_batches(
    num_images: int, batch_size: int, epoch: int, num_workers: int = 1
) -> Iterator[np.ndarray]:
    """Indices of an epoch's batches, the same on all machines.

    The last batch may be smaller; where it has fewer rows than there are workers, it joins the
    one before it.
    """
    order = np.random.default_rng([epoch, num_images]).permutation(num_images)
    starts = list(range(0, num_images, batch_size))
    if len(starts) > 1 and num_images - starts[-1] < num_workers:
        starts.pop()
    for start, end in zip(starts, [*starts[1:], num_images], strict=True):
        yield order[start:end]
