"""Answers to the exercises that ask for a network, a layer or a model, one for each mistake.

They are made of NumPy, so that every branch of `aigc_course.checks.exercises.judges` is tried
in milliseconds; `workbook/wrong_answers.py` has some of them in Keras, as learners write them.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np


def fails(*arguments, **settings):
    """What a learner's code does that does not run."""
    raise RuntimeError("a first line\nand a second")


def sigmoid(x):
    """Named as Keras names it."""
    return 1 / (1 + np.exp(-x))


# ---- build-03: a function that builds a decoder ------------------------------------------


def builder(side=28, channels=1, activation=None, latents=None):
    """A function that "builds" a network: an object with the shapes that a check looks at."""

    def decoder(latent_dim):
        return SimpleNamespace(
            input_shape=(None, latents or latent_dim),
            output_shape=(None, side, side, channels),
            layers=[SimpleNamespace(activation=activation)],
        )

    return decoder


DECODERS = {
    "": builder(),
    "not a function": builder()(10),
    "raises RuntimeError": fails,
    "not a network": lambda latent_dim: "a decoder",
    "latents fixed": builder(latents=10),
    "as given": builder(side=13),
    "side": builder(side=56),
    "channels": builder(channels=3),
    "activation": builder(activation=sigmoid),
}


# ---- build-06: a class of sampling layers ------------------------------------------------


def layers_by(draw, fixed=False, unseeded=False):
    """A class of layers; ``draw`` makes z from mean, log_var and noise of the mean's shape."""

    class Sampling:
        made = 0

        def __init__(self, seed):
            Sampling.made += unseeded
            self.seed = seed + Sampling.made
            self.generator = np.random.default_rng(self.seed)

        def __call__(self, mean, log_var):
            if fixed:
                self.generator = np.random.default_rng(self.seed)
            return draw(mean, log_var, self.generator.normal(size=np.shape(mean)))

    return Sampling


SAMPLINGS = {
    "": layers_by(lambda m, v, e: m + np.exp(v / 2) * e),
    "not a class": layers_by(lambda m, v, e: m)(3),
    "raises RuntimeError": layers_by(fails),
    "shape": layers_by(lambda m, v, e: (m + np.exp(v / 2) * e)[:, :2]),
    "no noise": layers_by(lambda m, v, e: m),
    "one draw for all": layers_by(lambda m, v, e: m + np.exp(v / 2) * e[:1]),
    "variance for sd": layers_by(lambda m, v, e: m + np.exp(v) * e),
    "sign in the exponent": layers_by(lambda m, v, e: m + np.exp(-v / 2) * e),
    "width": layers_by(lambda m, v, e: m + 3 * np.exp(v / 2) * e),
    "mean": layers_by(lambda m, v, e: np.exp(v / 2) * e),
    "the same every time": layers_by(lambda m, v, e: m + np.exp(v / 2) * e, fixed=True),
    "seed ignored": layers_by(lambda m, v, e: m + np.exp(v / 2) * e, unseeded=True),
}


# ---- build-09: a class of VAEs -----------------------------------------------------------


def total(nll, kl):
    """The right loss, from costs of shapes (batch, pixels) and (batch, latents)."""
    return (nll.sum(axis=1) + kl.sum(axis=1)).mean()


def vaes_by(loss, width=lambda log_var: np.exp(log_var / 2)):
    """A class of models; ``loss`` combines the costs, ``width`` stretches the noise."""

    class TinyVAE:
        def __init__(self, encoder, decoder):
            self.encoder, self.decoder = encoder, decoder
            self.generator = np.random.default_rng(0)

        def compute_loss(self, x):
            mean, log_var = np.split(np.asarray(self.encoder(x), dtype=float), 2, axis=-1)
            z = mean + width(log_var) * self.generator.normal(size=mean.shape)
            logits = np.asarray(self.decoder(z), dtype=float)
            nll = np.logaddexp(0, logits) - x * logits
            return loss(nll, 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var))

    return TinyVAE


VAES = {
    "": vaes_by(total),
    "not a class": vaes_by(total)(None, None),
    "raises RuntimeError": vaes_by(fails),
    "not one number": vaes_by(lambda nll, kl: nll.sum(axis=1) + kl.sum(axis=1)),
    "sign": vaes_by(lambda nll, kl: -total(nll, kl)),
    "KL sign": vaes_by(lambda nll, kl: total(nll, -kl)),
    "KL forgotten": vaes_by(lambda nll, kl: total(nll, 0 * kl)),
    "mean over pixels": vaes_by(lambda nll, kl: total(nll / nll.shape[1], kl)),
    "mean over latents": vaes_by(lambda nll, kl: total(nll, kl / kl.shape[1])),
    "two means": vaes_by(lambda nll, kl: nll.mean() + kl.mean()),
    "batch summed": vaes_by(lambda nll, kl: len(nll) * total(nll, kl)),
    "another loss": vaes_by(lambda nll, kl: total(nll, kl) + 7),
    "no noise": vaes_by(total, lambda log_var: 0.0),
    "variance for sd": vaes_by(total, np.exp),
    "noise": vaes_by(total, lambda log_var: 3 * np.exp(log_var / 2)),
}

# By exercise, and within it by the name of the mistake; "" is right.
HANDMADE = {"build-03": DECODERS, "build-06": SAMPLINGS, "build-09": VAES}
