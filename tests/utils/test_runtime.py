"""Starting: quiet, seeded, and with the right profile."""

from __future__ import annotations

import os
import random
import sys
import types

import numpy as np
import pytest

import aigc_utils
from aigc_utils import runtime

FIRST_FIT = """
import numpy as np
import aigc_utils
aigc_utils.start(seed=0)
from aigc_utils import models, training
model = models.VAE(2, image_shape=(4, 4), hidden_units=(8,))
images = np.random.default_rng(0).random((64, 4, 4), dtype=np.float32)
training.train(model, images, epochs=1, validation_inputs=images)
model.predict(images, verbose=0)
print("shape", model.generate(3).shape)
"""


def test_start_and_a_first_fit_write_nothing_to_descriptor_2(fresh_python):
    done = fresh_python(FIRST_FIT)
    assert done.returncode == 0, done.stderr
    assert "shape (3, 4, 4)" in done.stdout  # it did run to the end
    assert done.stderr == ""


def test_native_logs_are_silenced_only_inside_the_block(capfd):
    os.write(2, b"before\n")
    with runtime.quiet_native_logs():
        os.write(2, b"inside\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "before\nafter\n"


def test_native_logs_come_back_after_an_exception(capfd):
    with pytest.raises(KeyError), runtime.quiet_native_logs():
        raise KeyError("x")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_silencing_leaves_no_descriptor_open():
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with runtime.quiet_native_logs():
            pass
    assert len(os.listdir("/proc/self/fd")) == before


def draw_from_all_three():
    import keras

    return (
        random.random(),
        float(np.random.rand()),  # noqa: NPY002 - the old global generator is what is seeded
        keras.ops.convert_to_numpy(keras.random.normal((3,))).tolist(),
    )


def test_the_same_seed_seeds_python_numpy_and_keras(started):
    runtime.seed_everything(5)
    first = draw_from_all_three()
    runtime.seed_everything(5)
    assert draw_from_all_three() == first


def test_another_seed_gives_other_numbers(started):
    runtime.seed_everything(5)
    first = draw_from_all_three()
    runtime.seed_everything(6)
    assert all(a != b for a, b in zip(first, draw_from_all_three(), strict=True))


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, True, "0", None])
def test_a_seed_that_is_no_such_number_is_refused(seed, one_sentence):
    with pytest.raises(ValueError, match="seed") as caught:
        runtime.seed_everything(seed)
    one_sentence(caught.value, repr(seed), "whole number")


def test_an_independent_seed_follows_from_its_seed_and_shares_no_draw_with_it():
    seeds = [runtime.independent_seed(seed) for seed in range(1000)]
    assert seeds == [runtime.independent_seed(seed) for seed in range(1000)]
    assert len({*seeds, *range(1000)}) == 2000
    pairs = [
        (np.random.default_rng(a).random(), np.random.default_rng(b).random())
        for a, b in enumerate(seeds)
    ]
    # Four standard errors of a correlation of 0 over 1,000 pairs.
    assert abs(np.corrcoef(np.transpose(pairs))[0, 1]) < 0.13


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_the_smallest_and_largest_seed_are_taken(seed, started):
    runtime.seed_everything(seed)
    assert np.isfinite(draw_from_all_three()[1])


def test_a_notebook_is_known_by_its_kernel(monkeypatch):
    def shell(**parts):
        ipython = types.ModuleType("IPython")
        ipython.get_ipython = lambda: types.SimpleNamespace(**parts)
        return ipython

    monkeypatch.setitem(sys.modules, "IPython", shell(kernel=object()))
    assert runtime.in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", shell())  # IPython in a terminal
    assert not runtime.in_notebook()
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: None  # imported by a program, and not running
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert not runtime.in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not runtime.in_notebook()


# ---- profiles and rooms ------------------------------------------------------------------


@pytest.mark.parametrize(("profile", "size"), [("smoke", 1), ("cpu", 20), ("full", 200)])
def test_a_profile_chooses_its_own_value(profile, size):
    assert aigc_utils.by_profile(profile, smoke=1, cpu=20, full=200) == size


def test_an_unknown_profile_is_refused_by_name(one_sentence):
    with pytest.raises(ValueError, match="profile") as caught:
        aigc_utils.by_profile("gpu", smoke=1, cpu=2, full=3)
    one_sentence(caught.value, "'gpu'", "smoke, cpu, full")


def test_an_unknown_room_is_an_attribute_error():
    with pytest.raises(AttributeError, match="attic"):
        _ = aigc_utils.attic


def test_every_room_that_dir_lists_can_be_entered(started):
    assert all(getattr(aigc_utils, name) is not None for name in dir(aigc_utils))
