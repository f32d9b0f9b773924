"""The families' recipes, their judge, and the records that the course quotes."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from aigc_course.train import families
from aigc_utils import checkpoints, data


@pytest.fixture(scope="module")
def images():
    return data.load_images("fashion_mnist")


@pytest.fixture(scope="module")
def classifier():
    return checkpoints.load_model("classifier_fashion")


@pytest.mark.parametrize("name", families.FAMILIES)
def test_each_family_trains_generates_and_has_the_likelihood_that_it_promises(name, images):
    x = data.to_unit(images.x_train[:300])
    trained = families.train_family(name, x, seed=3, share=0.01)
    made = trained.generator.generate(4, seed=1)
    assert made.shape == (4, 28, 28)
    assert 0 <= made.min() <= made.max() <= 1
    assert trained.seconds > 0
    assert trained.num_weights > 10_000
    assert (trained.nll is not None) == bool(families.FAMILIES[name].likelihood)
    if trained.nll:
        drawn = data.binarize(data.to_unit(images.x_test[:20]), seed=777)
        # Above the noise floor (190 nats), below coins of probability 1/2 (784 ln 2 = 543).
        assert 190 < trained.nll(drawn).mean < 543


def test_a_seed_gives_the_same_model_and_another_seed_another(images):
    x = data.to_unit(images.x_train[:300])
    first, again, other = (
        families.train_family("flow", x, seed=seed, share=0.01).generator.generate(2)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


class Copies:
    """A generator that hands out training images: what a judge must see through."""

    def __init__(self, images):
        self.images = images

    def generate(self, num_samples, seed=0):
        return self.images[:num_samples]


def test_the_judge_finds_real_images_good_and_sees_that_they_are_copies(images, classifier):
    copies = Copies(data.to_unit(images.x_train[:500]))
    found = families.judge_family(
        families.Trained(copies, 1.0, 0), images, classifier, num_samples=500
    )
    floor = families.real_floor(images, classifier, 500)
    assert found.grey == floor["grey"]  # the same images in another road
    assert found.memorisation < 0.5
    assert found.nll_nats is None
    assert math.isclose(sum(found.class_shares), 1, abs_tol=0.001)
    noise = Copies(np.random.default_rng(0).random((500, 28, 28), dtype=np.float32))
    worse = families.judge_family(
        families.Trained(noise, 1.0, 0), images, classifier, num_samples=500
    )
    assert worse.grey["fid_28"] > 20 * found.grey["fid_28"]


class Uniform:
    """A generator whose intensities are what NumPy draws from the seed."""

    def generate(self, num_samples, seed=0):
        return np.random.default_rng(seed).random((num_samples, 28, 28), dtype=np.float32)


def test_the_coins_of_binary_draws_know_nothing_of_the_images():
    grey, drawn = families._draw(Uniform(), 20, seed=5)
    assert 0.4 < grey.mean() < 0.6
    # Coins of the same seed would be the intensities: none is less than itself, and all were 0.
    # Of 15,680 fair ones the mean strays by 0.004; four times that.
    assert drawn.mean() == pytest.approx(0.5, abs=0.016)


def test_what_cannot_be_trained_or_judged_is_refused_in_a_sentence(images, classifier):
    x = data.to_unit(images.x_train[:10])
    with pytest.raises(ValueError, match="no family 'diffusion': choose one of: vae, gan"):
        families.train_family("diffusion", x)
    with pytest.raises(ValueError, match=r"share is 0: give more than 0"):
        families.train_family("vae", x, share=0)
    with pytest.raises(ValueError, match="num_samples is 20000: give 100 to 10,000"):
        families.judge_family(families.Trained(None, 1, 1), images, classifier, num_samples=20_000)


def test_the_shipped_records_hold_five_seeds_of_each_family():
    records = families.load_records()
    for name in (*families.FAMILIES, "keras_io_vae", "dcgan"):
        runs = [run for run in records.runs if run.name == name]
        assert sorted(run.seed for run in runs) == [0, 1, 2, 3, 4]
        assert all(run.judgement.num_samples == 10_000 for run in runs)
    for name, family in families.FAMILIES.items():
        epochs = {run.epochs for run in records.runs if run.name == name}
        assert epochs == {family.part.settings["epochs"]}, "made by another recipe: make records"


def test_damaged_records_are_refused_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("AIGC_DATA", str(tmp_path))
    with pytest.raises(OSError, match=r"families\.json"):
        families.load_records()
    path = tmp_path / "records" / "families.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"machine": "?"}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"families\.json is damaged .* restore it with git"):
        families.load_records()
