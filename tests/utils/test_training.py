"""Training: what is refused, what is recorded, and that stopping loses nothing."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import aigc_utils
from aigc_utils import data, metrics, models, training, training_progress, training_state

pytestmark = pytest.mark.usefixtures("seeded")

EPOCHS = 6
# A program that trains in tiny steps for some seconds: its child is stopped in the middle.
PROGRAM = """
import signal, sys
import numpy as np
import aigc_utils
signal.signal(signal.SIGINT, signal.default_int_handler)
aigc_utils.start(0)
from aigc_utils import models, training
images = np.random.default_rng(0).random((4096, 4, 4), dtype=np.float32)
model = models.VAE(2, image_shape=(4, 4), hidden_units=(8,))
history = training.train(
    model, images, epochs=int(sys.argv[2]), batch_size=64, resume_dir=sys.argv[1], title="Tiny"
)
"""
LONG = 25


def tiny_images() -> np.ndarray:
    return np.random.default_rng(0).random((96, 4, 4), dtype=np.float32)


def tiny_vae(latent_dim: int = 2) -> models.VAE:
    return models.VAE(latent_dim, image_shape=(4, 4), hidden_units=(8,))


def train_tiny(model, folder, **changes):
    settings = {"epochs": EPOCHS, "batch_size": 32, "resume_dir": folder} | changes
    return training.train(model, tiny_images(), **settings)


def compiled(model):
    """As `train` compiles: with a schedule, which decides what the optimizer keeps."""
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, 100)))
    return model


def saved_arrays(folder):
    with np.load(folder / "training-state.npz", allow_pickle=False) as archive:
        note = json.loads(str(archive["note"]))
        return note, [archive[f"variable_{i}"] for i in range(note["num_variables"])]


def stop_at(monkeypatch, press, method: str, epoch: int) -> None:
    """Press Ctrl-C when the progress display is told of an epoch."""
    original = getattr(training_progress.TrainingProgress, method)

    def pressing(self, number, logs=None):
        original(self, number, logs)
        if number == epoch:
            press()

    monkeypatch.setattr(training_progress.TrainingProgress, method, pressing)


@pytest.fixture(scope="module")
def interrupted(started, tmp_path_factory):
    """Training stopped by Ctrl-C as its third epoch begins, then called again."""
    folder = tmp_path_factory.mktemp("interrupted")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, lambda: os.kill(os.getpid(), signal.SIGINT), "on_epoch_begin", 2)
        try:
            with pytest.raises(training.TrainingInterrupted) as caught:
                train_tiny(tiny_vae(), folder)
        finally:
            signal.signal(signal.SIGINT, before)
    note, arrays = saved_arrays(folder)
    model, seen = tiny_vae(), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            training_progress.TrainingProgress,
            "on_train_begin",
            lambda self, logs=None: (
                seen.extend(v.numpy() for v in training_state.Resume._variables(model)),
                setattr(self, "started_at", self.history.num_epochs),
            ),
        )
        history = train_tiny(model, folder)
    return SimpleNamespace(
        message=caught.value, folder=folder, note=note, arrays=arrays, at_resume=seen,
        model=model, history=history,
    )  # fmt: skip


@pytest.fixture
def finished(interrupted, tmp_path):
    """A copy of the finished run's folder, to be damaged at will."""
    folder = tmp_path / "finished"
    folder.mkdir()
    (folder / "training-state.npz").write_bytes(
        (interrupted.folder / "training-state.npz").read_bytes()
    )
    return folder


# ---- refusing ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", -1),
        ("epochs", 2.5),
        ("epochs", math.nan),
        ("batch_size", 0),
        ("batch_size", 0.5),
        ("learning_rate", 0),
        ("learning_rate", -0.1),
        ("learning_rate", math.nan),
        ("kl_warmup_epochs", -1),
        ("kl_warmup_epochs", math.nan),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(name, value, one_sentence):
    with pytest.raises(ValueError, match=name) as caught:
        train_tiny(tiny_vae(), None, **{name: value})
    one_sentence(caught.value, repr(value))


def test_images_that_do_not_fit_are_refused_before_a_state_is_written(tmp_path, one_sentence):
    with pytest.raises(ValueError, match="shape") as caught:
        training.train(tiny_vae(), np.zeros((5, 3, 3)), epochs=1, resume_dir=tmp_path / "run")
    one_sentence(caught.value, "(5, 3, 3)")
    assert not (tmp_path / "run").exists()


# ---- what is recorded ----------------------------------------------------------------


def test_history_has_one_value_an_epoch_of_each_metric(trained):
    assert {"loss", "kl", "log_likelihood", "val_loss", "seconds"} <= set(trained.history)
    assert {len(values) for values in trained.history.values()} == {12}
    assert all(math.isfinite(v) for values in trained.history.values() for v in values)
    assert min(trained.history["seconds"]) > 0


def test_training_lowers_training_and_held_out_loss(trained):
    # From the mean image on, 60 steps gain some 50 nats; half of that is safe.
    assert trained.history["loss"][-1] < trained.history["loss"][0] - 25
    assert trained.history["val_loss"][-1] < trained.history["val_loss"][0] - 20


def test_the_optimizer_counts_every_step_and_ends_at_a_hundredth_of_the_rate(trained):
    optimizer = trained.model.optimizer
    assert int(optimizer.iterations) == 12 * 5  # 320 images in batches of 64
    assert float(optimizer.learning_rate) == pytest.approx(0.01 * 0.01, rel=0.05)


def test_progress_in_a_file_is_one_line_an_epoch(interrupted, capsys):
    history = training_progress.History()
    history.values = {"loss": [300.0], "seconds": [2.0]}
    progress = training_progress.TrainingProgress(3, "Tiny", history)
    progress.set_model(tiny_vae())  # which says that its loss is in nats
    progress.on_train_begin()
    history.values = {"loss": [300.0, 290.0], "seconds": [2.0, 2.0]}
    progress.on_epoch_end(1, {"loss": 290.0, "val_loss": 295.0})
    assert capsys.readouterr().out == (
        "Tiny: epoch 2 of 3, loss 290.0 nats, held-out 295.0 nats, 2.0 s an epoch, about 2 s left\n"
    )


@pytest.fixture(scope="module")
def warmed(started):
    """A run whose KL weight climbs over two of four epochs, as training and validation saw it."""
    model, training_weights, validation_weights = tiny_vae(), [], []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            training_weights.append(float(model.kl_weight))

        def on_test_batch_begin(self, batch, logs=None):
            validation_weights.append(float(model.kl_weight))

    # Batch by batch, where `train` runs several batches a call, so that each weight is seen.
    model.compile("adam")
    history = model.fit(
        tiny_images(), epochs=4, batch_size=32, validation_data=(tiny_images(),), verbose=0,
        callbacks=[training.KLWarmUp(2, steps_per_epoch=3), Watch()],
    ).history  # fmt: skip
    return SimpleNamespace(
        model=model, history=history, training=training_weights, validation=validation_weights
    )


def test_the_kl_weight_climbs_in_a_line_from_0_to_1(warmed):
    expected = [0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, *[1] * 6]  # three batches an epoch
    np.testing.assert_allclose(warmed.training, expected, atol=1e-6)


def test_validation_is_always_the_elbo_itself(warmed):
    assert set(warmed.validation) == {1.0}
    h = warmed.history
    np.testing.assert_allclose(
        h["val_loss"], np.subtract(h["val_kl"], h["val_log_likelihood"]), atol=0.001
    )


def test_after_training_the_kl_weight_is_1(warmed):
    assert float(warmed.model.kl_weight) == 1.0


def rates(optimizer, steps) -> list[float]:
    """The learning rate that an optimizer takes in some of its steps."""
    found = []
    for step in steps:
        optimizer.iterations.assign(step)
        found.append(float(optimizer.learning_rate))
    return found


def test_the_rate_climbs_from_a_tenth_for_half_an_epoch_and_falls_along_a_cosine():
    model = tiny_vae()
    images = np.tile(tiny_images(), (2, 1, 1))[:160]  # 40 steps an epoch
    training.train(model, images, epochs=1, batch_size=4, learning_rate=0.004, progress=False)
    # The climb takes 20 steps; the fall, 20 more: halfway it is at (1 + 0.01) / 2 of the peak.
    found = rates(model.optimizer, (0, 5, 10, 20, 30, 40))
    np.testing.assert_allclose(
        found, 0.004 * np.array([0.1, 0.325, 0.55, 1, 0.505, 0.01]), rtol=1e-4
    )


def test_more_epochs_lengthen_the_fall_and_not_the_climb():
    schedule = training.climb_and_fall(0.002, steps_per_epoch=40, epochs=3)
    found = [float(schedule(step)) for step in (0, 10, 20, 70, 120)]
    np.testing.assert_allclose(found, 0.002 * np.array([0.1, 0.55, 1, 0.505, 0.01]), rtol=1e-4)


def test_an_epoch_of_one_step_climbs_too():
    found = [float(training.climb_and_fall(0.002, 1, 4)(step)) for step in (0, 1, 5)]
    np.testing.assert_allclose(found, [0.0002, 0.002, 0.00002], rtol=1e-4)


def test_adam_is_given_the_momentum_that_was_asked_for():
    model = tiny_vae()
    train_tiny(model, None, epochs=1, beta_1=0.5, progress=False)  # 0.9 would be the usual one
    assert model.optimizer.beta_1 == 0.5


def test_train_ends_with_the_average_of_its_weights(tmp_path):
    """With an average that forgets at once, it is the weights themselves; else it is not."""

    def weights(average, folder=None):
        keras.utils.set_random_seed(0)
        model = tiny_vae()
        train_tiny(
            model, folder, epochs=2, learning_rate=0.02, beta_1=0.5, average=average,
            progress=False,
        )  # fmt: skip
        return model.get_weights()

    plain, at_once, slowly = weights(None), weights(0.0), weights(0.9, tmp_path)
    for a, b in zip(plain, at_once, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(plain, slowly, strict=True))
    # A finished run that is asked for again is read, not trained, and is the same.
    for a, b in zip(slowly, weights(0.9, tmp_path), strict=True):
        np.testing.assert_array_equal(a, b)


def test_in_train_too_the_kl_weight_climbs_step_by_step_to_what_it_was():
    """90 steps of a climb to 0.5; `train` lets callbacks see each twentieth."""
    model, seen = tiny_vae(), []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append((batch, float(model.kl_weight)))

    model.kl_weight.assign(0.5)
    training.train(
        model, tiny_images()[:45], epochs=3, batch_size=1, kl_warmup_epochs=2, progress=False,
        callbacks=[Watch()],
    )  # fmt: skip
    assert [batch for batch, _ in seen] == [0, 20, 40] * 3
    expected = [
        0.5 * min(1, (45 * epoch + batch) / 90) for epoch in range(3) for batch in (0, 20, 40)
    ]
    np.testing.assert_allclose([weight for _, weight in seen], expected, atol=1e-6)
    assert float(model.kl_weight) == 0.5


# ---- stopping and going on -----------------------------------------------------------


def test_ctrl_c_says_in_one_sentence_what_is_kept_and_how_to_go_on(interrupted, one_sentence):
    one_sentence(interrupted.message, "2 of 6 epochs", interrupted.folder, "same call again")


def test_ctrl_c_before_the_first_epoch_ends_promises_nothing(monkeypatch, tmp_path, one_sentence):
    def press(self, epoch, logs=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(training_progress.TrainingProgress, "on_epoch_begin", press)
    with pytest.raises(training.TrainingInterrupted) as caught:
        train_tiny(tiny_vae(), tmp_path / "states")
    one_sentence(caught.value, "0 of 6 epochs, so nothing is kept yet", "same call again")
    assert str(tmp_path) not in str(caught.value)


def test_a_notebook_shows_the_sentence_in_place_of_a_traceback(interrupted):
    assert interrupted.message._render_traceback_() == [str(interrupted.message)]


def test_the_state_after_ctrl_c_holds_the_finished_epochs(interrupted):
    assert len(interrupted.note["history"]["loss"]) == 2


def test_resuming_starts_from_exactly_the_saved_weights(interrupted):
    assert len(interrupted.at_resume) == len(interrupted.arrays) > 10
    for now, saved in zip(interrupted.at_resume, interrupted.arrays, strict=True):
        np.testing.assert_array_equal(now, saved)


def test_resuming_goes_on_after_the_last_finished_epoch(interrupted):
    assert {len(values) for values in interrupted.history.values()} == {EPOCHS}
    assert interrupted.history["loss"][:2] == interrupted.note["history"]["loss"]


def test_after_resuming_the_optimizer_has_taken_the_steps_of_one_whole_run(interrupted):
    assert int(interrupted.model.optimizer.iterations) == EPOCHS * 3  # 96 images by 32


def test_a_finished_run_is_not_repeated(interrupted, monkeypatch):
    def never(*_, **__):
        raise AssertionError("a finished run was trained again")

    monkeypatch.setattr(models.VAE, "fit", never)
    model = tiny_vae()
    assert train_tiny(model, interrupted.folder) == interrupted.history
    for one, other in zip(model.get_weights(), interrupted.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_finished_run_with_unfinished_warm_up_comes_back_with_kl_weight_1(tmp_path):
    settings = {"epochs": 2, "kl_warmup_epochs": 5, "progress": False}
    first, again = tiny_vae(), tiny_vae()
    train_tiny(first, tmp_path, **settings)
    train_tiny(again, tmp_path, **settings)
    assert float(first.kl_weight) == 1.0
    assert float(again.kl_weight) == 1.0  # so both report the same loss


def test_stopping_during_a_warm_up_leaves_the_elbo_as_objective(monkeypatch, ctrl_c):
    stop_at(monkeypatch, ctrl_c, "on_epoch_begin", 1)
    model = tiny_vae()
    with pytest.raises(training.TrainingInterrupted):
        train_tiny(model, None, kl_warmup_epochs=4)
    assert float(model.kl_weight) == 1.0  # evaluate() is documented to give the negative ELBO


def test_without_a_folder_ctrl_c_says_that_nothing_is_kept_on_disk(
    monkeypatch, ctrl_c, one_sentence
):
    stop_at(monkeypatch, ctrl_c, "on_epoch_begin", 1)
    with pytest.raises(training.TrainingInterrupted) as caught:
        train_tiny(tiny_vae(), None)
    one_sentence(caught.value, "1 of 6 epochs", "start anew")


def test_ctrl_c_before_an_epoch_is_saved_does_not_count_that_epoch(tmp_path, monkeypatch, ctrl_c):
    # Drawing the curve takes longer than saving: this is where Ctrl-C often falls.
    stop_at(monkeypatch, ctrl_c, "on_epoch_end", 1)
    with pytest.raises(training.TrainingInterrupted) as caught:
        train_tiny(tiny_vae(), tmp_path)
    kept = len(saved_arrays(tmp_path)[0]["history"]["loss"])
    assert f" {kept} of 6 epochs" in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": EPOCHS + 1},
        {"batch_size": 16},
        {"learning_rate": 0.1},
        {"kl_warmup_epochs": 1.0},
    ],
    ids=str,
)
def test_other_settings_are_refused_with_the_cure(interrupted, change, one_sentence):
    with pytest.raises(ValueError, match="settings") as caught:
        train_tiny(tiny_vae(), interrupted.folder, **change)
    one_sentence(caught.value, *change, "another resume_dir", "delete")


@pytest.mark.parametrize(
    "change", [{"latent_dim": 3}, {"seed": 1}, {"importance_samples": 2}], ids=str
)
def test_a_model_built_otherwise_is_refused_and_unchanged(interrupted, change, one_sentence):
    model = models.VAE(**{"latent_dim": 2, "image_shape": (4, 4), "hidden_units": (8,)} | change)
    weights = model.get_weights()
    with pytest.raises(ValueError, match="other settings") as caught:
        train_tiny(model, interrupted.folder)
    one_sentence(caught.value, *change, "another resume_dir")
    for before, now in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, now)


def test_other_images_in_number_are_refused(interrupted, one_sentence):
    with pytest.raises(ValueError, match="num_images 96, not num_images 95") as caught:
        training.train(
            tiny_vae(), tiny_images()[1:], epochs=EPOCHS, batch_size=32,
            resume_dir=interrupted.folder,
        )  # fmt: skip
    one_sentence(caught.value, "another resume_dir")


def test_a_state_of_another_shape_is_refused_and_changes_nothing(interrupted, one_sentence):
    model = compiled(tiny_vae(latent_dim=3))
    weights = model.get_weights()
    with pytest.raises(ValueError, match="another shape") as caught:
        training_state.Resume(interrupted.folder, {}, training_progress.History()).restore(model)
    one_sentence(caught.value, "another resume_dir")
    for before, now in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, now)


def flipped(content: bytes, position: float) -> bytes:
    at = int(position * (len(content) - 1))
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


DAMAGE = {
    "empty": lambda content: b"",
    "no archive": lambda content: b"not an archive at all",
    "a pickle": lambda content: b"\x80\x04N.",
    "cut after the first byte": lambda content: content[:1],
    "cut in half": lambda content: content[: len(content) // 2],
    "last byte missing": lambda content: content[:-1],
    "a byte changed in the note": lambda content: content.replace(
        "history".encode("utf-32-le"), "hisTory".encode("utf-32-le"), 1
    ),
    # Within an array: zip itself does not notice a changed time in a header.
    "a byte changed in an array": lambda content: flipped(
        content, (content.rindex(b"\x93NUMPY") + 130) / (len(content) - 1)
    ),
    "zeros in the second half": lambda content: content[: len(content) // 2].ljust(len(content), b"\0"),
}  # fmt: skip


def refuse_or_restore(folder, model):
    """Restore without training: None, or the words of a refusal that changed nothing."""
    weights = model.get_weights()
    try:
        training_state.Resume(folder, {"epochs": EPOCHS}, training_progress.History()).restore(
            model
        )
    except ValueError as error:
        for before, now in zip(weights, model.get_weights(), strict=True):
            np.testing.assert_array_equal(before, now)
        return str(error)
    return None


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_state_is_refused_in_one_sentence(finished, damage, one_sentence):
    path = finished / "training-state.npz"
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    error = refuse_or_restore(finished, compiled(tiny_vae()))
    assert error is not None
    one_sentence(error, "damaged", path, "delete")


def test_no_changed_byte_anywhere_ends_in_another_error_or_other_weights(
    finished, interrupted, one_sentence
):
    path = finished / "training-state.npz"
    content = path.read_bytes()
    # The directory of the archive is its last part and the most fragile: look there closely.
    positions = [*range(0, len(content), 331), *range(len(content) - 300, len(content), 3)]
    directory = content.index(b"PK\x01\x02")
    positions += range(directory, directory + 46)
    refused, model = 0, compiled(tiny_vae())
    for position in positions:
        path.write_bytes(
            content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]
        )
        error = refuse_or_restore(finished, model)
        if error is not None:
            refused += 1
            one_sentence(error, "another resume_dir")
        else:  # a byte that does not matter, such as a date: then all is as it was saved
            for now, saved in zip(
                model.get_weights(), interrupted.model.get_weights(), strict=True
            ):
                np.testing.assert_array_equal(now, saved)
    assert refused > 0.5 * len(positions)


def test_an_archive_with_pickled_objects_is_never_opened(finished):
    path = finished / "training-state.npz"

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(finished / "exploded"),)

    with open(path, "wb") as file:
        np.savez(file, note=np.array(Bomb(), dtype=object))
    assert "damaged" in refuse_or_restore(finished, compiled(tiny_vae()))
    assert not (finished / "exploded").exists()


# ---- disks that are full or read-only ------------------------------------------------


def save_again(folder):
    """What happens after each epoch: save the whole state."""
    model = compiled(tiny_vae())
    model.optimizer.build(model.trainable_variables)
    resume = training_state.Resume(folder, {"epochs": EPOCHS}, training_progress.History())
    resume.set_model(model)
    resume.on_epoch_end(0)


def test_a_full_disk_keeps_the_state_that_was_there(disk, finished, one_sentence):
    old = (finished / "training-state.npz").read_bytes()
    folder = disk(len(old) // 1024 * 3 // 2)  # one state fits, two do not
    (folder / "training-state.npz").write_bytes(old)
    with pytest.raises(OSError, match="No space left") as caught:
        save_again(folder)
    one_sentence(caught.value, "training-state.npz", "unchanged")
    assert (folder / "training-state.npz").read_bytes() == old
    assert [path.name for path in folder.iterdir()] == ["training-state.npz"]


def test_a_write_cut_short_keeps_the_state_that_was_there(finished, file_size_limit, one_sentence):
    old = (finished / "training-state.npz").read_bytes()
    with file_size_limit(4000), pytest.raises(OSError, match="too large") as caught:
        save_again(finished)
    one_sentence(caught.value, "training-state.npz", "unchanged")
    assert (finished / "training-state.npz").read_bytes() == old
    assert [path.name for path in finished.iterdir()] == ["training-state.npz"]


def test_a_read_only_disk_keeps_the_state_that_was_there(
    disk, make_read_only, finished, one_sentence
):
    folder = disk(256)
    old = (finished / "training-state.npz").read_bytes()
    (folder / "training-state.npz").write_bytes(old)
    make_read_only(folder)
    with pytest.raises(OSError, match="Read-only") as caught:
        save_again(folder)
    one_sentence(caught.value, "training-state.npz", "choose a folder")
    assert (folder / "training-state.npz").read_bytes() == old


def test_training_into_a_folder_that_cannot_be_made_ends_in_one_sentence(tmp_path, one_sentence):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OSError, match="Could not write") as caught:
        train_tiny(tiny_vae(), tmp_path / "file" / "run", epochs=1)
    one_sentence(caught.value, "training-state.npz", "choose a folder")
    assert (tmp_path / "file").read_bytes() == b"old"


# ---- other processes, really stopped -------------------------------------------------


@pytest.fixture(scope="module")
def children(tmp_path_factory):
    """Two trainings in processes of their own: one gets Ctrl-C, one is killed as it saves."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("stopped", "killed")}
    running = {}

    def start(name: str) -> subprocess.Popen:
        running[name] = subprocess.Popen(
            [sys.executable, "-u", "-c", PROGRAM, str(folders[name]), str(LONG)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        return running[name]

    try:
        child = start("stopped")
        assert wait_for(child, "epoch 2 of")
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=120)
        # Not beside the first: on a busy machine it would have ended before anybody looked.
        caught_saving = kill_while_saving(start("killed"), folders["killed"])
        running["killed"].communicate(timeout=120)
    finally:
        for child in running.values():
            child.kill()
    return SimpleNamespace(
        folders=folders, errors=errors, caught_saving=caught_saving,
        codes={name: child.returncode for name, child in running.items()},
    )  # fmt: skip


def wait_for(child, words: str, seconds: float = 200) -> bool:
    """Read what a child says until it says these words; it is killed if that takes too long."""
    clock = threading.Timer(seconds, child.kill)
    clock.start()
    try:
        return any(words in line for line in child.stdout)
    finally:
        clock.cancel()


def kill_while_saving(child, folder) -> bool:
    """Kill as soon as a half-written file shows itself beside a finished one."""
    deadline = time.monotonic() + 120
    while child.poll() is None and time.monotonic() < deadline:
        names = os.listdir(folder)
        if len(names) > 1:
            child.kill()
            return True
    return False


def test_ctrl_c_in_a_terminal_ends_with_one_sentence(children, one_sentence):
    assert children.codes["stopped"] != 0
    last = children.errors.strip().splitlines()[-1]
    assert last.startswith("aigc_utils.training.TrainingInterrupted: Training was stopped")
    one_sentence(last, f"of {LONG} epochs", children.folders["stopped"], "same call again")


def test_the_file_that_ctrl_c_leaves_can_be_loaded(children):
    note, arrays = saved_arrays(children.folders["stopped"])
    assert 1 <= len(note["history"]["loss"]) < LONG
    assert f"{len(note['history']['loss'])} of {LONG} epochs" in children.errors
    assert all(np.isfinite(array).all() for array in arrays)


def test_running_the_stopped_program_again_completes_it(children):
    images = np.random.default_rng(0).random((4096, 4, 4), dtype=np.float32)
    history = training.train(
        tiny_vae(), images, epochs=LONG, batch_size=64, progress=False,
        resume_dir=children.folders["stopped"],
    )  # fmt: skip
    assert {len(values) for values in history.values()} == {LONG}


def test_a_kill_while_saving_leaves_a_state_that_can_be_loaded(children):
    assert children.caught_saving
    assert children.codes["killed"] == -signal.SIGKILL
    note, arrays = saved_arrays(children.folders["killed"])
    assert 1 <= len(note["history"]["loss"]) < LONG
    assert len(arrays) == note["num_variables"]


def test_the_killed_run_can_be_restored(children):
    model = compiled(tiny_vae())
    history = training_progress.History()
    training_state.Resume(children.folders["killed"], {"epochs": LONG}, history).restore(model)
    assert history.num_epochs >= 1
    assert int(model.optimizer.iterations) == history.num_epochs * 64


# ---- a killed run ends where an uninterrupted one ends --------------------------------

LEARN = """
import sys
import aigc_utils
aigc_utils.start(0)
from aigc_utils import data, models, training
images = data.to_unit(data.load_images("fashion_mnist").x_train[:3000])
model = models.VAE(8, hidden_units=(64,))
model.adapt(images)
training.train(model, images, epochs=12, batch_size=50, resume_dir=sys.argv[1], title="Real")
"""


def learn(folder, images) -> models.VAE:
    """What LEARN does, in this process."""
    aigc_utils.seed_everything(0)
    model = models.VAE(8, hidden_units=(64,))
    model.adapt(images)
    training.train(model, images, epochs=12, batch_size=50, resume_dir=folder, progress=False)
    return model


@pytest.mark.slow
def test_a_run_killed_twice_ends_within_half_a_nat_of_an_uninterrupted_one(
    tmp_path, fashion, seeded
):
    for epoch in (2, 7):
        child = subprocess.Popen(
            [sys.executable, "-c", LEARN, str(tmp_path / "killed")],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        try:
            assert wait_for(child, f"epoch {epoch} of")
            time.sleep(0.05)  # into the next epoch
        finally:
            child.kill()
            child.communicate(timeout=60)
        assert child.returncode == -signal.SIGKILL
    images = data.to_unit(fashion.x_train[:3000])
    held_out = data.binarize(data.to_unit(fashion.x_test[:1000]), 777)
    resumed = learn(tmp_path / "killed", images)
    whole = learn(tmp_path / "whole", images)
    scores = [metrics.negative_elbo(m, held_out, num_samples=5) for m in (resumed, whole)]
    assert scores[0].mean == pytest.approx(scores[1].mean, abs=0.5)
    # It did learn: the independent pixels, where both began, are at 385 nats.
    assert scores[0].mean < 300
