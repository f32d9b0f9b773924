"""Several processes train one model: equal weights, one machine's losses, and a lost worker."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from aigc_course.train.distributed import shuffled_batches
from aigc_course.train.rendezvous import check_workers
from aigc_utils import data, models, runtime
from aigc_utils.optimizers import FusedAdam

# What each worker runs. MADE draws no noise, so that one machine must get the same losses;
# each worker begins with another seed, so that equal weights are the chief's doing.
WORKER = """
import json, sys
import numpy as np
from aigc_course.train import distributed
options = json.loads(sys.argv[1])
cluster = distributed.Cluster(options["workers"], options["index"])
import aigc_utils
aigc_utils.start(seed=options["index"])
from aigc_utils import data, models, training
x = data.binarize(data.to_unit(data.load_images("fashion_mnist").x_train[:301]), seed=1)
model = models.MADE((32,))
model.adapt(x)
try:
    history = training.train(
        model, x, epochs=options["epochs"], batch_size=50, products="float32", progress=False,
        resume_dir=options["resume_dir"] if cluster.is_chief else None, loop=cluster.fit,
    )
except OSError as error:
    print(error, file=sys.stderr)
    sys.exit(7)
np.savez(options["out"], loss=history["loss"], **{str(i): w for i, w in enumerate(model.get_weights())})
"""


def free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start_workers(folder, epochs: int) -> list[subprocess.Popen]:
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
    return [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                WORKER,
                json.dumps(
                    {
                        "workers": workers,
                        "index": index,
                        "epochs": epochs,
                        "resume_dir": str(folder / "state"),
                        "out": str(folder / f"worker_{index}.npz"),
                    }
                ),
            ],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]


def finish(workers: list[subprocess.Popen]) -> list[int]:
    try:
        for worker in workers:
            worker.communicate(timeout=200)
    finally:
        for worker in workers:
            worker.kill()
    return [worker.returncode for worker in workers]


def results(folder) -> list[dict[str, np.ndarray]]:
    found = []
    for index in range(2):
        with np.load(folder / f"worker_{index}.npz") as archive:
            found.append(dict(archive))
    return found


def losses_of_one_machine(epochs: int) -> list[float]:
    """Adam on whole batches, written out once more: what the workers together must do."""
    import keras
    import tensorflow as tf

    runtime.seed_everything(0)  # the chief's
    x = data.binarize(data.to_unit(data.load_images("fashion_mnist").x_train[:301]), seed=1)
    model = models.MADE((32,))
    model.adapt(x)
    steps = 7
    schedule = keras.optimizers.schedules.CosineDecay(
        2e-4, warmup_target=2e-3, warmup_steps=3, decay_steps=steps * epochs - 3, alpha=0.01
    )
    optimizer, means = FusedAdam(schedule), []
    for epoch in range(epochs):
        losses, sizes = [], []
        for rows in shuffled_batches(301, 50, epoch, num_workers=2):
            with tf.GradientTape() as tape:
                loss = model.compute_loss(x=x[rows])
            weights = model.trainable_weights
            optimizer.apply(tape.gradient(loss, [w.value for w in weights]), weights)
            losses.append(float(loss))
            sizes.append(len(rows))
        means.append(np.average(losses, weights=sizes))
    return means


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_two_workers_have_equal_weights_and_the_losses_of_one(tmp_path):
    assert finish(start_workers(tmp_path, epochs=3)) == [0, 0]
    chief, other = results(tmp_path)
    for name, array in chief.items():
        np.testing.assert_array_equal(array, other[name])
    # Sums of float32 in another order; three epochs do not amplify it beyond this.
    np.testing.assert_allclose(chief["loss"], losses_of_one_machine(3), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_lost_worker_ends_the_others_in_a_sentence_and_the_run_goes_on_later(tmp_path):
    chief, other = start_workers(tmp_path, epochs=60)
    state = tmp_path / "state" / "training-state.npz"
    deadline = time.monotonic() + 200
    while not state.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    other.send_signal(signal.SIGKILL)
    try:
        _, message = chief.communicate(timeout=200)
    finally:
        chief.kill()
        other.kill()
    assert chief.returncode == 7
    assert "another worker (127.0.0.1:" in message.splitlines()[-1]
    with np.load(state) as archive:
        note = json.loads(str(archive["note"]))
    kept = len(note["history"]["loss"])
    assert 1 <= kept < 60
    assert finish(start_workers(tmp_path, epochs=60)) == [0, 0]
    resumed, joined = results(tmp_path)
    np.testing.assert_array_equal(resumed["0"], joined["0"])
    assert len(resumed["loss"]) == 60
    np.testing.assert_array_equal(resumed["loss"][:kept], note["history"]["loss"])
    assert resumed["loss"][-1] < resumed["loss"][0]


@pytest.mark.parametrize(
    ("workers", "index", "sentence"),
    [
        (["a:1"], 0, "give at least two different ones"),
        (["a:1", "a:1"], 0, "give at least two different ones"),
        (["a:1", "b"], 0, "'b' is no address: give host:port"),
        (["a:1", "b:70000"], 0, "'b:70000' is no address"),
        (["a:1", "b;rm:2"], 0, "is no address"),
        (["a:1", "b:2"], 2, "index is 2: give 0 to 1"),
        (["a:1", "b:2"], -1, "index is -1: give 0 to 1"),
    ],
)
def test_workers_that_cannot_be_a_cluster_are_refused(workers, index, sentence):
    with pytest.raises(ValueError, match=sentence):
        check_workers(workers, index)


@pytest.mark.parametrize(
    ("images", "batch", "workers"), [(301, 50, 2), (100, 100, 3), (101, 50, 2)]
)
def test_batches_hold_every_image_once_and_give_each_worker_something(images, batch, workers):
    batches = list(shuffled_batches(images, batch, 4, workers))
    assert sorted(np.concatenate(batches)) == list(range(images))
    assert min(map(len, batches)) >= workers
    assert not np.array_equal(batches[0], next(shuffled_batches(images, batch, 5, workers)))
