"""What a card says is what its judge measured: with models and counts whose answers are known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from aigc_course.train import judges
from aigc_utils import checkpoints, data, metrics, sample_metrics


def estimate(*values: float) -> metrics.Estimate:
    return metrics.Estimate.of(np.array(values))


def test_an_exact_likelihood_is_told_with_its_error(monkeypatch):
    monkeypatch.setattr(metrics, "exact_nll", lambda model, x: estimate(220.0, 224.0, *x))
    results, says = judges.judge_likelihood("model", [222.0004], num_samples=None)
    # The error of three values two apart is 2 / sqrt(3).
    assert results == {
        "test_nll_nats_exact_10000_images": 222.0,
        "test_nll_standard_error_exact": 1.155,
    }
    assert says == "222.00 ± 1.15 nats"


def test_a_bounded_likelihood_is_told_with_its_samples_and_the_elbo(monkeypatch):
    asked = {}

    def weighted(model, x, *, num_samples, progress):
        asked.update(model=model, x=x, num_samples=num_samples)
        return estimate(228.0, 230.0)

    monkeypatch.setattr(metrics, "importance_weighted_nll", weighted)
    monkeypatch.setattr(metrics, "negative_elbo", lambda model, x: estimate(231.0, 234.0))
    results, says = judges.judge_likelihood("model", "x", num_samples=50)
    assert asked == {"model": "model", "x": "x", "num_samples": 50}
    assert results == {
        "test_nll_nats_iw50_10000_images": 229.0,
        "test_nll_standard_error_iw50": 1.0,
        "test_negative_elbo_nats_10000_images": 232.5,
    }
    assert says == "229.00 ± 1.00 nats"


def test_accuracy_is_the_share_that_is_right_grey_and_binary_apart():
    probabilities = {
        "grey": [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]],
        "binary": [[0.9, 0.1], [0.7, 0.3], [0.6, 0.4], [0.3, 0.7]],
    }
    model = SimpleNamespace(look=lambda x: SimpleNamespace(probabilities=np.array(x)))
    inputs = {"images": probabilities["binary"], "labels": np.array([0, 1, 0, 0])}
    results, says = judges.judge_accuracy(model, inputs, grey=probabilities["grey"])
    assert results == {
        "test_accuracy_grey_10000_images": 0.75,
        "test_accuracy_binary_10000_images": 0.5,
    }
    assert says == "75.0% right"


def test_samples_are_compared_grey_with_grey_and_binary_with_binary(monkeypatch):
    rng = np.random.default_rng(0)
    grey, test_inputs, made = rng.random((3, 6, 4, 4))
    seen = {}

    def reports(look, pairs):
        seen.update(pairs, look=look)
        numbers = {"grey": {"fid_28": 4.256}, "binary": {"fid_28": 5.0}}
        return {k: SimpleNamespace(as_numbers=lambda k=k: numbers[k]) for k in pairs}

    def generate(number, seed):
        seen.update(number=number, seed=seed)
        return made

    classifier = SimpleNamespace(look="look")
    monkeypatch.setattr(
        checkpoints, "load_model", lambda name: {"classifier_fashion": classifier}[name]
    )
    monkeypatch.setattr(sample_metrics, "reports", reports)
    generator = SimpleNamespace(generate=generate)
    results, says = judges.judge_samples(generator, test_inputs, grey=grey, seed=9)
    assert (seen["number"], seen["seed"], seen["look"]) == (6, 9, "look")
    assert seen["grey"] == (grey, made)
    assert seen["binary"][0] is test_inputs
    np.testing.assert_array_equal(seen["binary"][1], data.binarize(made, seed=777))
    assert results == {"fid_28_grey_10000": 4.256, "fid_28_binary_10000": 5.0}
    assert says == "FID-28 4.26"


class FourVoices:
    """Counts that give the melody one number a cell and the lower voices another."""

    def __init__(self, melody: float, lower: float):
        self.each = np.array([[melody], [lower], [lower], [lower]])

    def nll(self, chorale):
        return np.tile(self.each, (1, chorale))  # a chorale of so many steps


def test_chorales_are_scored_whole_and_without_their_melody():
    asked = []

    def nll(windows, *, melody_given, num_draws):
        asked.append((windows, melody_given, num_draws))
        # Two draws of three windows: the mean over draws comes before the error over windows.
        return np.array([[0.2, 0.4, 0.6], [0.4, 0.6, 0.8]]) + melody_given

    held_out = {
        "chorales": [2, 6],
        "windows": "windows",
        "unigram": FourVoices(3.0, 1.0),
        "markov": FourVoices(2.0, 0.5),
    }
    results, says = judges.judge_chorales(SimpleNamespace(nll=nll), held_out)
    assert asked == [("windows", False, 32), ("windows", True, 32)]
    error = round(0.2 / 3**0.5, 4)
    assert results == {
        "held_out_nats_a_cell_four_voices": 0.5,
        "held_out_standard_error_four_voices": error,
        "held_out_nats_a_cell_four_voices_unigram": 1.5,
        "held_out_nats_a_cell_four_voices_markov": 0.875,
        "held_out_nats_a_cell_lower_voices": 1.5,
        "held_out_standard_error_lower_voices": error,
        "held_out_nats_a_cell_lower_voices_unigram": 1.0,
        "held_out_nats_a_cell_lower_voices_markov": 0.5,
    }
    assert says == "1.500 nats a cell"


def test_texts_are_scored_by_the_model_by_counts_and_by_a_compressor(monkeypatch):
    asked = []

    def answer(name, value):
        def ask(*given):
            asked.append((name, *given))
            return value

        monkeypatch.setattr(judges.corpora, name, ask)

    bits = SimpleNamespace(mean=2.34567, standard_error=0.01234)
    answer("model_bits", bits)
    answer("counts_bits", SimpleNamespace(mean=2.5))
    answer("compressor_bits", 3.00001)
    collection = SimpleNamespace(
        texts=SimpleNamespace(train="train", validation="validation", test="test"),
        tokenizer="tokenizer",
    )
    results, says = judges.judge_texts("model", collection)
    assert asked == [
        ("model_bits", "model", "tokenizer", "test"),
        ("counts_bits", "train", "test"),
        ("compressor_bits", "train", "test"),
    ]
    assert results == {
        "test_bits_a_character": 2.3457,
        "test_standard_error": 0.0123,
        "test_bits_a_character_kneser_ney_5": 2.5,
        "test_bits_a_character_xz": 3.0,
    }
    assert says == str(bits)


def test_texts_are_learnt_from_the_training_part_in_rows_of_the_models_context(monkeypatch):
    collection = SimpleNamespace(rows=lambda part, length: (part, length))
    monkeypatch.setattr(
        judges.corpora,
        "load_collection",
        lambda name, size: collection if (name, size) == ("x", 9) else None,
    )
    arguments = {"vocab_size": 9, "context": 12}
    assert judges.text_inputs("x", arguments) == (("train", 12), collection)


def test_every_judge_that_a_recipe_may_name_is_there():
    from typing import get_args

    from aigc_course.train.recipes import Recipe

    assert set(judges.JUDGES) == set(get_args(Recipe.model_fields["judge"].annotation))
    assert judges.JUDGES["texts"] is judges.judge_texts
    assert judges.JUDGES["samples"] is judges.judge_samples


@pytest.mark.slow
def test_chorales_are_learnt_from_the_known_and_scored_on_the_held_out():
    train_inputs, held_out = judges.chorale_inputs()
    assert len(held_out["chorales"]) == 36
    assert held_out["windows"]["pitches"].shape[-1] == 64
    assert len(train_inputs["pitches"]) > len(held_out["windows"]["pitches"])
    costs = {
        name: np.mean([held_out[name].nll(each).mean() for each in held_out["chorales"][:5]])
        for name in ("unigram", "markov")
    }
    assert 0 < costs["markov"] < costs["unigram"]
