"""Train one family, or an outside model, with one seed; judge it; print its run as JSON."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

from common import peak_memory_mb

import aigc_utils
from aigc_course.train.families import (
    FAMILIES,
    FamilyRun,
    Trained,
    count_weights,
    judge_family,
    real_floor,
    train_family,
)
from aigc_utils import checkpoints, data

# Epochs that fit into the families' budget, and those of the models' own recipes.
OUTSIDERS = {
    "keras_io_vae": {"latent_dim": 16, "epochs": 2},
    "keras_io_vae_published": {"latent_dim": 2, "epochs": 30},
    "dcgan": {"latent_dim": 64, "epochs": 2},
    "dcgan_long": {"latent_dim": 64, "epochs": 24},  # as many as gan_fashion was trained for
}


def train_outsider(name: str, images, seed: int, share: float) -> tuple[Trained, int]:
    """The model trained as its makers wrote it, by `fit` as it comes, and its epochs."""
    import keras

    settings = OUTSIDERS[name]
    epochs = max(1, round(settings["epochs"] * share))
    keras.utils.set_random_seed(seed)
    build = _dcgan if name.startswith("dcgan") else _keras_io_vae
    model, inputs, decode = build(settings["latent_dim"], seed, images)
    keras.utils.set_random_seed(seed)
    start = time.perf_counter()
    model.fit(inputs, epochs=epochs, batch_size=128, verbose=0)
    seconds = time.perf_counter() - start
    generator = Decoder(decode, settings["latent_dim"])
    return Trained(generator, seconds, count_weights(model)), epochs


def _keras_io_vae(latent_dim: int, seed: int, images):
    import keras
    from keras_io import ConvolutionalVAE

    model = ConvolutionalVAE(latent_dim, seed)
    model.compile(keras.optimizers.Adam(1e-3))
    return model, images, model.decoder


def _dcgan(latent_dim: int, seed: int, images):
    from dcgan import DCGAN

    model = DCGAN(latent_dim, seed=seed)
    model.compile()
    return model, 2 * images[..., None] - 1, model.decode


class Decoder:
    """Images (N, 28, 28) of a network that makes (N, 28, 28, 1) of draws from N(0, I)."""

    def __init__(self, decode: Callable, latent_dim: int):
        self.decode, self.latent_dim = decode, latent_dim

    def generate(self, num_samples: int, seed: int = 0):
        from aigc_utils.models.base import by_parts, draw_noise

        noise = draw_noise(num_samples, self.latent_dim, 1.0, seed)
        return by_parts(self.decode, noise, size=1000)[..., 0]


def main() -> None:
    """Obey the command line; one line of JSON on standard output."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=[*FAMILIES, *OUTSIDERS, "floor"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of the recipe's epochs")
    parser.add_argument("--train-images", type=int, default=60_000)
    parser.add_argument("--num-samples", type=int, default=10_000)
    options = parser.parse_args()
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no reply
    aigc_utils.start(seed=options.seed)
    images = data.load_images("fashion_mnist")
    classifier = checkpoints.load_model("classifier_fashion")
    if options.name == "floor":
        import json

        replies.write(json.dumps(real_floor(images, classifier, options.num_samples)) + "\n")
        return
    x_train = data.to_unit(images.x_train[: options.train_images])
    before = peak_memory_mb()
    if options.name in FAMILIES:
        trained = train_family(options.name, x_train, seed=options.seed, share=options.share)
        epochs = FAMILIES[options.name].part.epochs(options.share)
    else:
        trained, epochs = train_outsider(options.name, x_train, options.seed, options.share)
    run = FamilyRun(
        name=options.name,
        seed=options.seed,
        epochs=epochs,
        seconds=round(trained.seconds, 2),
        memory_mb=round(peak_memory_mb() - before, 1),
        num_weights=trained.num_weights,
        judgement=judge_family(trained, images, classifier, num_samples=options.num_samples),
    )
    replies.write(run.model_dump_json() + "\n")


if __name__ == "__main__":
    main()
