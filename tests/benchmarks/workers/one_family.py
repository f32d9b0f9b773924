"""Train one family, or an outside model, with one seed; judge it; print its run as JSON."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

from common import peak_memory_mb

import aigc_utils
from aigc_utils import checkpoints, data
from aigc_utils.families import FAMILIES, Run, Trained, judge, real_floor, train_family

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
    build, fit = (_dcgan, _scaled) if name.startswith("dcgan") else (_keras_io_vae, _as_they_are)
    model, generator = build(settings["latent_dim"], seed)
    keras.utils.set_random_seed(seed)
    start = time.perf_counter()
    model.fit(fit(images), epochs=epochs, batch_size=128, verbose=0)
    seconds = time.perf_counter() - start
    num_weights = sum(w.shape.num_elements() for w in model.trainable_weights)
    return Trained(generator, seconds, num_weights), epochs


def _as_they_are(images):
    return images


def _scaled(images):
    return 2 * images[..., None] - 1


def _keras_io_vae(latent_dim: int, seed: int):
    import keras
    from keras_io import ConvolutionalVAE

    keras.utils.set_random_seed(seed)
    model = ConvolutionalVAE(latent_dim, seed)
    model.compile(keras.optimizers.Adam(1e-3))
    return model, Decoder(model.decoder, latent_dim)


def _dcgan(latent_dim: int, seed: int):
    import keras
    from dcgan import DCGAN

    keras.utils.set_random_seed(seed)
    model = DCGAN(latent_dim, seed=seed)
    model.compile()
    return model, model


class Decoder:
    """Images of a decoder fed with draws of the prior."""

    def __init__(self, decoder: Callable, latent_dim: int):
        self.decoder, self.latent_dim = decoder, latent_dim

    def generate(self, num_samples: int, seed: int = 0):
        import numpy as np

        z = np.random.default_rng(seed).standard_normal((num_samples, self.latent_dim))
        parts = [self.decoder(z[i : i + 1000].astype("float32")) for i in range(0, len(z), 1000)]
        return np.concatenate(parts)[..., 0]


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
    images = data.load("fashion_mnist")
    classifier = checkpoints.load("classifier_fashion")
    if options.name == "floor":
        import json

        replies.write(json.dumps(real_floor(images, classifier, options.num_samples)) + "\n")
        return
    x_train = data.to_unit(images.x_train[: options.train_images])
    before = peak_memory_mb()
    if options.name in FAMILIES:
        trained = train_family(options.name, x_train, seed=options.seed, share=options.share)
        epochs = max(1, round(options.share * FAMILIES[options.name].part.settings["epochs"]))
    else:
        trained, epochs = train_outsider(options.name, x_train, options.seed, options.share)
    run = Run(
        name=options.name,
        seed=options.seed,
        epochs=epochs,
        seconds=round(trained.seconds, 2),
        memory_mb=round(peak_memory_mb() - before, 1),
        num_weights=trained.num_weights,
        judgement=judge(trained, images, classifier, num_samples=options.num_samples),
    )
    replies.write(run.model_dump_json() + "\n")


if __name__ == "__main__":
    main()
