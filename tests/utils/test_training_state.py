"""A saved training state with a wrong note or header is refused, and changes nothing."""

from __future__ import annotations

import io
import json
import zipfile

import keras
import numpy as np
import pytest

from aigc_utils import models, training_progress, training_state

pytestmark = pytest.mark.usefixtures("seeded")

SETTINGS = {"epochs": 2, "batch_size": 8}


def tiny() -> keras.Model:
    model = models.VAE(1, hidden_units=(2,), image_shape=(2, 2))
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    return model


def resume(folder) -> training_state.Resume:
    history = training_progress.History()
    history.values = {"loss": [1.0], "seconds": [0.1]}
    return training_state.Resume(folder, SETTINGS, history)


@pytest.fixture
def saved(tmp_path):
    """A state that was saved after one epoch: its file."""
    state = resume(tmp_path)
    state.set_model(tiny())
    state.on_epoch_end(0)
    return state.path


def contents(path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def refusal(folder) -> str:
    """The words with which a state is refused; all variables stay as they were."""
    model = tiny()
    variables = [*model.variables, *model.optimizer.variables]
    before = [np.array(v) for v in variables]
    with pytest.raises(ValueError, match=r"^The saved") as caught:
        resume(folder).restore(model)
    for old, variable in zip(before, variables, strict=True):
        np.testing.assert_array_equal(old, np.array(variable))
    return str(caught.value)


def test_what_was_saved_is_restored(saved):
    resume(saved.parent).restore(tiny())


NOTES = {
    "no object": [1, 2],
    "text": "epochs",
    "number of variables missing": {"settings": SETTINGS, "history": {}},
    "number of variables a text": {"settings": SETTINGS, "history": {}, "num_variables": "3"},
    "number of variables negative": {"settings": SETTINGS, "history": {}, "num_variables": -1},
    "number of variables huge": {"settings": SETTINGS, "history": {}, "num_variables": 10**9},
    "settings a list": {"settings": [1], "history": {}, "num_variables": 1},
    "history a number": {"settings": SETTINGS, "history": 3, "num_variables": 1},
    "history of texts": {"settings": SETTINGS, "history": {"loss": ["a"]}, "num_variables": 1},
    "more than was saved": {"settings": SETTINGS, "history": {}, "num_variables": 1, "run": "x"},
    "null": None,
}


@pytest.mark.parametrize("name", NOTES)
def test_a_whole_archive_with_a_wrong_note_is_refused(saved, name, one_sentence):
    arrays = contents(saved) | {"note": np.array(json.dumps(NOTES[name]))}
    np.savez(saved, **arrays)
    one_sentence(refusal(saved.parent), "is damaged", "delete")


@pytest.mark.parametrize(
    "note", [np.array("{"), np.array("[" * 20_000), np.array(3), np.array([1, 2]), np.array(b"{}")]
)
def test_a_note_that_is_no_json_is_refused(saved, note, one_sentence):
    np.savez(saved, **(contents(saved) | {"note": note}))
    one_sentence(refusal(saved.parent), "is damaged", "delete")


@pytest.mark.parametrize(
    "change",
    [
        lambda array: array.astype("U8"),
        lambda array: array.astype(np.float64),
        lambda array: array.astype(complex),
        lambda array: array[..., None],
    ],
    ids=["texts", "float64", "complex", "another shape"],
)
def test_an_array_of_another_kind_is_refused_before_any_is_taken(saved, change, one_sentence):
    arrays = contents(saved)
    last = f"variable_{len(arrays) - 2}"
    np.savez(saved, **(arrays | {last: change(arrays[last])}))
    one_sentence(refusal(saved.parent), "another shape", "delete")


HEADER = {
    "a bracket lost": (b"(2,", b"[2,"),
    "a quote lost": (b"'descr'", b"'descr "),
    "code": (b"'descr'", b"print()"),
    "a huge shape": (b"(2,", b"(9e9"),
    "no NumPy": (b"\x93NUMPY", b"\x93NUMPX"),
}


@pytest.mark.parametrize("name", HEADER)
def test_a_header_that_is_damaged_is_refused(saved, name, one_sentence, capsys):
    old, new = HEADER[name]
    changed = io.BytesIO()
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(changed, "w") as target:
        for entry in source.namelist():
            target.writestr(entry, source.read(entry).replace(old, new.ljust(len(old)), 1))
    saved.write_bytes(changed.getvalue())
    one_sentence(refusal(saved.parent), "is damaged", "delete")
    assert capsys.readouterr().out == ""


def test_no_flipped_byte_of_a_header_ends_in_another_error(saved, one_sentence):
    content = saved.read_bytes()
    start = content.index(b"\x93NUMPY", content.index(b"variable_0"))
    for position in range(start, start + 80, 11):
        for flip in (0x01, 0xFF):
            damaged = bytearray(content)
            damaged[position] ^= flip
            saved.write_bytes(damaged)
            one_sentence(refusal(saved.parent), "delete")
