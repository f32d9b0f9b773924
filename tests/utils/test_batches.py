"""Batches of arrays: Keras's own, draw for draw, without the tuner that holds up an epoch's end."""

import keras
import numpy as np
import pytest

from aigc_utils.batches import in_batches

IMAGES = np.sin(np.arange(103 * 5.0)).reshape(103, 5)
LABELS = np.arange(103)


def all_rows(pipeline) -> np.ndarray:
    return np.concatenate([np.asarray(batch) for batch in pipeline])


def test_every_row_comes_once_in_order_and_the_last_batch_is_short():
    pipeline = in_batches(IMAGES, 20)
    sizes = [len(batch) for batch in pipeline]
    assert sizes == [20] * 5 + [3]
    assert len(pipeline) == 6
    rows = all_rows(pipeline)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, IMAGES.astype(np.float32))


def test_images_stay_with_their_labels_when_shuffled():
    keras.utils.set_random_seed(3)
    pipeline = in_batches({"images": IMAGES, "labels": LABELS}, 10, shuffle=True)
    labels = np.concatenate([batch["labels"] for batch in pipeline])
    images = np.concatenate([batch["images"] for batch in pipeline])
    assert sorted(labels) == list(LABELS)
    assert list(labels) != list(LABELS)
    np.testing.assert_array_equal(images, IMAGES[labels].astype(np.float32))
    rows = all_rows(in_batches((IMAGES,), 64).map(lambda row: row))
    assert rows.shape == IMAGES.shape  # a tuple of one, as for held-out data


class Watcher(keras.Model):
    """Keeps the rows that it is trained on, in their order."""

    def __init__(self):
        super().__init__()
        self.weight = self.add_weight(shape=(), name="weight")
        self.seen = []

    def call(self, inputs):
        return inputs * self.weight

    def train_step(self, data):
        self.seen.extend(np.asarray(data)[:, 0].tolist())
        return {"loss": keras.ops.zeros(())}


def test_the_order_of_three_epochs_is_that_of_keras():
    seen = []
    for prepare in (lambda rows: rows, lambda rows: in_batches(rows, 16, shuffle=True)):
        keras.utils.set_random_seed(7)
        model = Watcher()
        model.compile("adam", run_eagerly=True)
        rows = prepare(IMAGES.astype(np.float32))
        plain = isinstance(rows, np.ndarray)
        model.fit(rows, batch_size=16, epochs=3, verbose=0, shuffle=plain)
        seen.append(model.seen)
    first, second = seen
    assert len(first) == 3 * len(IMAGES)
    assert first == second
    assert first[:103] != IMAGES[:, 0].astype(np.float32).tolist()


@pytest.mark.parametrize(
    "inputs",
    [[1.0, 2.0], [IMAGES], (IMAGES, LABELS[:-1]), None, np.float32(3), IMAGES[:0]],
    ids=["numbers", "a list", "unequal lengths", "nothing", "a scalar", "no rows"],
)
def test_what_keras_should_look_at_itself_is_returned_as_it_is(inputs):
    assert in_batches(inputs, 8) is inputs


def test_no_tuner_holds_up_the_end_of_a_pass():
    pipeline = in_batches(IMAGES, 8, shuffle=True)
    assert pipeline.options().autotune.enabled is False
    assert in_batches(pipeline, 8) is pipeline
