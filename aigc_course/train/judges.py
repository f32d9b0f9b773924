"""What a checkpoint's card says of it: likelihoods, samples, accuracy, chorales and texts.

`aigc_course.train.recipes` asks the judge that a recipe names. Each takes the trained model and
what it is tested on, and gives the card's results and one line on them. Chapters 3, 5 and 6 quote
the cards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from aigc_apps.common import corpora
from aigc_utils import checkpoints, data, metrics, sample_metrics

Judged = tuple[dict[str, float], str]


def judge_likelihood(model, test_inputs, *, num_samples: int | None, **_) -> Judged:
    """The negative log-likelihood of binarized test images.

    Args:
        model: of `aigc_utils.models`, with a likelihood.
        test_inputs: as `aigc_course.train.recipes.fashion_inputs` gives them.
        num_samples: importance samples; None for models whose likelihood is exact.
    """
    if num_samples is None:
        nll = metrics.exact_nll(model, test_inputs)
        results = {
            "test_nll_nats_exact_10000_images": round(nll.mean, 3),
            "test_nll_standard_error_exact": round(nll.standard_error, 3),
        }
        return results, f"{nll} nats"
    nll = metrics.importance_weighted_nll(
        model, test_inputs, num_samples=num_samples, progress=True
    )
    bound = metrics.negative_elbo(model, test_inputs)
    results = {
        f"test_nll_nats_iw{num_samples}_10000_images": round(nll.mean, 3),
        f"test_nll_standard_error_iw{num_samples}": round(nll.standard_error, 3),
        "test_negative_elbo_nats_10000_images": round(bound.mean, 3),
    }
    return results, f"{nll} nats"


def judge_accuracy(model, test_inputs, *, grey: np.ndarray, **_) -> Judged:
    """The share of test images put into their class, as grey levels and as binary draws."""
    results = {
        f"test_accuracy_{kind}_10000_images": round(
            float((model.look(x).probabilities.argmax(axis=1) == test_inputs["labels"]).mean()), 4
        )
        for kind, x in (("grey", grey), ("binary", test_inputs["images"]))
    }
    return results, f"{results['test_accuracy_grey_10000_images']:.1%} right"


def judge_samples(generator, test_inputs, *, grey: np.ndarray, seed: int, **_) -> Judged:
    """How 10,000 generated images compare with the test images, in the classifier's features."""
    classifier = checkpoints.load_model("classifier_fashion")
    generated = generator.generate(len(test_inputs), seed=seed)
    pairs = {
        "grey": (grey, generated),
        "binary": (test_inputs, data.binarize(generated, seed=data.TEST_SEED)),
    }
    results = {
        f"{name}_{kind}_10000": value
        for kind, report in sample_metrics.reports(classifier.look, pairs).items()
        for name, value in report.as_numbers().items()
    }
    return results, f"FID-28 {results['fid_28_grey_10000']:.2f}"


def chorale_inputs() -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Training windows of chorales; and held-out ones, whole and in windows, beside counts."""
    from aigc_apps.music import markov
    from aigc_apps.music.chorales import read_chorales
    from aigc_apps.music.grid import chorale_windows

    known, held_out = read_chorales("train"), read_chorales("held_out")
    return chorale_windows(known), {
        "chorales": held_out,
        "windows": chorale_windows(held_out, length=64, stride=64),
        "unigram": markov.MarkovVoices(known, order=0),
        "markov": markov.MarkovVoices(known, order=1),
    }


def judge_chorales(model, held_out: dict[str, Any], **_) -> Judged:
    """nats a cell of held-out chorales, all voices and the lower three given the melody.

    Both for the model, whose windows of 64 steps do not hear each other, and for counts of each
    voice by itself, which hear the step before.
    """
    results = {}
    for voices, given in (("four_voices", False), ("lower_voices", True)):
        nats = model.nll(held_out["windows"], melody_given=given, num_draws=32)
        found = metrics.Estimate.of(nats.mean(axis=0))
        results[f"held_out_nats_a_cell_{voices}"] = round(found.mean, 4)
        results[f"held_out_standard_error_{voices}"] = round(found.standard_error, 4)
        for name in ("unigram", "markov"):
            cells = [held_out[name].nll(chorale)[given:] for chorale in held_out["chorales"]]
            results[f"held_out_nats_a_cell_{voices}_{name}"] = round(
                float(np.concatenate(cells, axis=1).mean()), 4
            )
    return results, f"{results['held_out_nats_a_cell_lower_voices']:.3f} nats a cell"


def text_inputs(name: str, arguments: dict[str, Any]) -> tuple[np.ndarray, corpora.Collection]:
    """Training rows of a collection of texts; and the collection, to be scored on."""
    collection = corpora.load_collection(name, arguments["vocab_size"])
    return collection.rows("train", arguments["context"]), collection


def judge_texts(model, collection: corpora.Collection, **_) -> Judged:
    """Bits a character of held-out texts: the model, 5-grams and xz, learnt from the same texts."""
    known, held_out = collection.texts.train, collection.texts.test
    found = corpora.model_bits(model, collection.tokenizer, held_out)
    counted = corpora.counts_bits(known, held_out)
    results = {
        "test_bits_a_character": round(found.mean, 4),
        "test_standard_error": round(found.standard_error, 4),
        "test_bits_a_character_kneser_ney_5": round(counted.mean, 4),
        "test_bits_a_character_xz": round(corpora.compressor_bits(known, held_out), 4),
    }
    return results, str(found)


JUDGES: dict[str, Callable[..., Judged]] = {
    "likelihood": judge_likelihood,
    "samples": judge_samples,
    "accuracy": judge_accuracy,
    "chorales": judge_chorales,
    "texts": judge_texts,
}
