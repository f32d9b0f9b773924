"""Four families of generators at equal cost: a recipe each, one judge for all, and records.

A recipe fixes the work, not the time, so that a seed gives the same model wherever it is run on
the same kind of machine; the seconds are measured. They were made about equal, 45 s, on
the two cores that made the records. Chapter 3.5 trains one, and reads the records.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from aigc_utils import checkpoints, data, metrics, models, sample_metrics, training
from aigc_utils.runtime import independent_seed, seed_everything


@dataclass(frozen=True)
class Part:
    """A model of `aigc_utils.models`, and how `training.train` is to train it.

    Where whole epochs of all 60,000 images miss the budget by far, ``num_images`` are taken.
    """

    model: str
    arguments: dict[str, Any]
    settings: dict[str, Any]
    num_images: int = 60_000

    def epochs(self, share: float = 1.0) -> int:
        """A share of the recipe's epochs, at least one."""
        return max(1, round(share * self.settings["epochs"]))


@dataclass(frozen=True)
class Family:
    """A kind of generator, and what is trained of it within the budget.

    Attributes:
        title, title_zh: its name.
        part: what learns to generate.
        autoencoder: trained first, if ``part`` makes latents and not images.
        likelihood: how log p(x) of binary images can be had: ``"exact"``, ``"bound"`` (estimated
            by importance sampling) or ``""`` (not at all).
    """

    title: str
    title_zh: str
    part: Part
    autoencoder: Part | None = None
    likelihood: str = ""


def _autoencoder(epochs: int) -> Part:
    return Part(
        "VAE",
        {"latent_dim": 16, "activation": "silu"},
        {"epochs": epochs, "batch_size": 256, "learning_rate": 0.004, "kl_warmup_epochs": 2},
    )


FAMILIES: dict[str, Family] = {
    "vae": Family("VAE", "变分自编码器", _autoencoder(20), likelihood="bound"),
    "gan": Family(
        "GAN",
        "生成对抗网络",
        Part(
            "GAN",
            {"latent_dim": 64, "channels": 32, "r1_weight": 0.2},
            {
                "epochs": 2,
                "batch_size": 128,
                "learning_rate": 0.002,
                "beta_1": 0.5,
                "average": 0.995,
            },
            num_images=40_000,
        ),
    ),
    "autoregressive": Family(
        "autoregressive",
        "自回归",
        Part(
            "BlockPixelCNN",
            {"hidden_units": [512, 512], "channels": 32, "num_convs": 3},
            {"epochs": 2, "batch_size": 128, "learning_rate": 0.003},
            num_images=42_000,
        ),
        likelihood="exact",
    ),
    "flow": Family(
        "flow matching",
        "流匹配",
        Part(
            "FlowMatching",
            {"num_dims": 16, "hidden_units": [256, 256, 256]},
            {"epochs": 30, "batch_size": 256, "learning_rate": 0.002, "average": 0.999},
        ),
        autoencoder=_autoencoder(10),
    ),
}


@dataclass(frozen=True)
class Trained:
    """A generator after training.

    Attributes:
        generator: has ``generate(num_samples, seed=)``; images as intensities from 0 to 1.
        seconds: that its training took, all parts together.
        num_weights: numbers that generating needs and training changed.
        nll: gives the negative log-likelihood of binary images, where there is one.
    """

    generator: Any
    seconds: float
    num_weights: int
    nll: Callable[[np.ndarray], metrics.Estimate] | None = field(default=None, repr=False)


def train_family(
    name: str, x_train: np.ndarray, *, seed: int = 0, share: float = 1.0, progress: bool = False
) -> Trained:
    """Train a family by its recipe.

    Args:
        name: one of `FAMILIES`.
        x_train: intensities from 0 to 1, shape (N, 28, 28).
        seed: of weights, noise and shuffling.
        share: of the recipe's epochs, more than 0; each part is trained for at least one.
        progress: show each part's training.

    Raises:
        ValueError: if there is no such family, or ``share`` or the images do not fit.
    """
    if name not in FAMILIES:
        raise ValueError(f"There is no family {name!r}: choose one of: {', '.join(FAMILIES)}.")
    if not share > 0:
        raise ValueError(f"share is {share!r}: give more than 0; 1 trains the whole recipe.")
    family = FAMILIES[name]
    if family.autoencoder is None:
        model, seconds = _train_part(family.part, x_train, seed, share, progress)
        nll = {"exact": metrics.exact_nll, "bound": _bound_nll}.get(family.likelihood)
        return Trained(
            model, seconds, count_weights(model), nll and (lambda images: nll(model, images))
        )
    autoencoder, first = _train_part(family.autoencoder, x_train, seed, share, progress)
    start = time.perf_counter()
    codes = models.latents(autoencoder, x_train)
    first += time.perf_counter() - start
    flow, seconds = _train_part(family.part, codes, seed, share, progress)
    generator = models.LatentGenerator(autoencoder, flow)
    return Trained(
        generator, first + seconds, count_weights(flow) + count_weights(autoencoder.decoder)
    )


def _bound_nll(model, images: np.ndarray) -> metrics.Estimate:
    return metrics.importance_weighted_nll(model, images, num_samples=500)


def _train_part(part: Part, inputs, seed: int, share: float, progress: bool) -> tuple[Any, float]:
    inputs = inputs[: part.num_images]
    seed_everything(seed)
    model = checkpoints.build(part.model, {**part.arguments, "seed": seed})
    model.adapt(inputs)
    settings = part.settings | {"epochs": part.epochs(share)}
    history = training.train(model, inputs, progress=progress, title=part.model, **settings)
    return model, sum(history["seconds"])


def count_weights(model) -> int:
    """Numbers of a model that training changes."""
    return int(sum(np.prod(weight.shape) for weight in model.trainable_weights))


# ---- judging -------------------------------------------------------------------------------


class Judgement(BaseModel):
    """What one judge found in one trained generator.

    Attributes:
        num_samples: generated images, and real ones.
        grey: numbers of a `sample_metrics.SampleReport` on images as intensities.
        binary: the same on binary draws of the images; for autoregressive models, on the pixels
            that were drawn.
        class_shares: of the classes, by the classifier, on the images as ``grey`` has them.
        memorisation: `sample_metrics.memorisation_ratio`; about 1 for images not copied.
        first_image_seconds: from the call to one image, median of five.
        image_seconds: of an image where many are made at once.
        nll_nats: of binary test images; None where there is no likelihood.
        nll_standard_error: of that mean.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    num_samples: int
    grey: dict[str, float]
    binary: dict[str, float]
    class_shares: list[float]
    memorisation: float
    first_image_seconds: float
    image_seconds: float
    nll_nats: float | None = None
    nll_standard_error: float | None = None


def judge_family(
    trained: Trained, images: data.Images, classifier, *, num_samples: int = 10_000, seed: int = 1
) -> Judgement:
    """Generate images, and compare them with as many test images.

    Args:
        trained: see `train_family`.
        images: the data set; training images are used for `sample_metrics.memorisation_ratio`.
        classifier: such as the checkpoint ``classifier_fashion``.
        num_samples: at most the number of test images.
        seed: of the generated images.

    Raises:
        ValueError: if there are fewer test images.
    """
    if not 100 <= num_samples <= len(images.x_test):
        raise ValueError(
            f"num_samples is {num_samples}: give 100 to {len(images.x_test):,}, as many as there "
            "are test images."
        )
    x_test = data.to_unit(images.x_test[:num_samples])
    x_drawn = data.binarize(x_test, seed=data.TEST_SEED)
    generator = trained.generator
    first = _seconds_of_one(generator)
    start = time.perf_counter()
    grey, drawn = _draw(generator, num_samples, seed)
    seconds = time.perf_counter() - start
    pairs = {"grey": (x_test, grey), "binary": (x_drawn, drawn)}
    reports = sample_metrics.reports(classifier.look, pairs)
    few = min(1000, num_samples)
    half = len(images.x_train) // 2
    known = data.to_unit(images.x_train[:half])
    nll = trained.nll(x_drawn[:2000]) if trained.nll else None
    return Judgement(
        num_samples=num_samples,
        grey=reports["grey"].as_numbers(),
        binary=reports["binary"].as_numbers(),
        class_shares=[round(float(share), 4) for share in reports["grey"].class_shares],
        memorisation=round(sample_metrics.memorisation_ratio(grey[:few], known, x_test[:few]), 4),
        first_image_seconds=first,
        image_seconds=seconds / num_samples,
        nll_nats=nll and round(nll.mean, 3),
        nll_standard_error=nll and round(nll.standard_error, 3),
    )


def _draw(generator, num_samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images as intensities, and binary draws of them."""
    if hasattr(generator, "sample"):  # its pixels are drawn one by one, each given the last
        return generator.sample(num_samples, seed=seed)
    grey = generator.generate(num_samples, seed=seed)
    return grey, data.binarize(grey, seed=independent_seed(seed))


def _seconds_of_one(generator) -> float:
    generator.generate(1)  # traces its graph, once
    seconds = []
    for seed in range(5):
        start = time.perf_counter()
        generator.generate(1, seed=seed)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


# ---- records -------------------------------------------------------------------------------


class FamilyRun(BaseModel):
    """One training and what came of it.

    Attributes:
        name: one of `FAMILIES`, or of the outside models that the records' command knows.
        seed: of the training.
        epochs: passes over the training images; for two parts, of the second.
        seconds: that training took.
        memory_mb: the most that the process held while training, less what it held before.
        num_weights: see `Trained`.
        judgement: see `judge_family`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    seed: int
    epochs: int
    seconds: float
    memory_mb: float
    num_weights: int
    judgement: Judgement


class Records(BaseModel):
    """Runs of one machine, and the floor of real images against other real images.

    Attributes:
        machine: what it was, without its name.
        versions: of the libraries.
        floor: numbers of a `sample_metrics.SampleReport` of training images against test images,
            ``"grey"`` and ``"binary"``.
        runs: in the order in which they were made.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    machine: str
    versions: dict[str, str]
    floor: dict[str, dict[str, float]]
    runs: list[FamilyRun]


def load_records() -> Records:
    """The shipped records.

    Raises:
        ValueError: if the file is damaged.
        OSError: if it is not there.
    """
    path = data.data_root() / "records" / "families.json"
    try:
        return Records.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path} is damaged ({reason}): restore it with git.") from error


def real_floor(images: data.Images, classifier, num_samples: int = 10_000) -> dict[str, dict]:
    """What the judge says of real training images: no generator can expect to do better."""
    x_train = data.to_unit(images.x_train[:num_samples])
    x_test = data.to_unit(images.x_test[:num_samples])
    pairs = {
        "grey": (x_test, x_train),
        "binary": (data.binarize(x_test, seed=data.TEST_SEED), data.binarize(x_train, seed=1)),
    }
    reports = sample_metrics.reports(classifier.look, pairs)
    return {kind: report.as_numbers() for kind, report in reports.items()}
