"""Judges of what workbook 5.1 asks to be built: a decoder, a sampling layer, a whole VAE.

A judge puts things of its own into what it is given and looks at what comes out, so that it
needs no Keras itself. What it says of each mistake is in `workbook/exercises/build.yml`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aigc_course.checks.answers import is_blank
from aigc_course.checks.feedback import Feedback, not_yet
from aigc_course.checks.graders import Says

# ---- build-03: a function that builds a decoder ------------------------------------------


def judge_decoder(answer: object, says: Says) -> Feedback:
    """Judge a function that builds a decoder: pictures of 28 x 28 x 1, logits."""
    if not callable(answer) or hasattr(answer, "layers"):
        return says.wrong("not a function")
    networks = []
    for latents in (10, 3):
        try:
            network = answer(latents)
        except Exception as error:  # whatever Keras says of a wrong network
            return says.raised(error)
        if is_blank(network):
            return not_yet("The function returns nothing yet.")
        if not hasattr(network, "output_shape"):
            return says.wrong("not a network", kind=type(network).__name__)
        networks.append(network)
    return _judge_shapes(networks, says)


def _judge_shapes(networks: list[Any], says: Says) -> Feedback:
    """Judge networks that were built for 10 and for 3 latents."""
    if [network.input_shape for network in networks] != [(None, 10), (None, 3)]:
        return says.wrong("latents fixed", shape=networks[0].input_shape)
    side, channels = networks[0].output_shape[1], networks[0].output_shape[-1]
    if side == 13:
        return says.wrong("as given")
    if side != 28:
        return says.wrong("side", side=side)
    if channels != 1:
        return says.wrong("channels", channels=channels)
    last = networks[-1].layers[-1]
    activation = getattr(getattr(last, "activation", None), "__name__", "linear")
    if activation != "linear":
        return says.wrong("activation", activation=activation)
    return says.right()


# ---- build-06: a class of sampling layers ------------------------------------------------

_LOG_VARS = np.array([-4.0, 0.0, 2.0])


def judge_sampling(answer: object, says: Says) -> Feedback:
    """Judge a sampling layer: its class is built with a seed and called on mean and log_var."""
    if not isinstance(answer, type):
        return says.wrong("not a class")
    mean = np.full((4000, 3), 5.0, dtype="float32")
    log_var = np.broadcast_to(_LOG_VARS, mean.shape).astype("float32")
    try:
        layers = answer(seed=3), answer(seed=3)
        draws = [layers[0](mean, log_var), layers[0](mean, log_var), layers[1](mean, log_var)]
    except Exception as error:  # whatever a learner's layer may raise
        return says.raised(error)
    if any(is_blank(draw) for draw in draws):
        return not_yet("`call` gives nothing yet.")
    first, second, twin = (np.asarray(draw, dtype=float) for draw in draws)
    if first.shape != mean.shape:
        return says.wrong("shape", wanted=mean.shape, shape=first.shape)
    if bad := _judge_width(first, mean, says):
        return bad
    if abs(first.mean(axis=0) - 5).max() > 0.3:
        return says.wrong("mean", average=first.mean())
    if np.array_equal(first, second):
        return says.wrong("the same every time")
    if not np.allclose(first, twin, atol=1e-5):
        return says.wrong("seed ignored")
    return says.right()


def _judge_width(drawn: np.ndarray, mean: np.ndarray, says: Says) -> Feedback | None:
    """Feedback if draws of shape (N, 3) do not scatter as `_LOG_VARS` say."""
    spread = drawn.std(axis=0)
    if np.all(spread < 1e-6):
        return says.wrong("no noise" if np.allclose(drawn, mean) else "one draw for all")
    if np.allclose(spread, np.exp(_LOG_VARS / 2), rtol=0.1):
        return None
    if np.allclose(spread, np.exp(_LOG_VARS), rtol=0.1):
        return says.wrong("variance for sd")
    if np.allclose(spread, np.exp(-_LOG_VARS / 2), rtol=0.1):
        return says.wrong("sign in the exponent")
    return says.wrong("width", sds=", ".join(f"{sd:.3f}" for sd in spread))


# ---- build-09: a class of VAEs -----------------------------------------------------------


def judge_vae(answer: object, says: Says) -> Feedback:
    """Judge a VAE class whose `compute_loss` is the negative ELBO, by three hidden networks."""
    if not isinstance(answer, type):
        return says.wrong("not a class")
    rng = np.random.default_rng([5, 9])
    x = (rng.random((8, 6)) < 0.5).astype("float32")
    mean, _ = rng.normal(size=(2, 8, 3)).astype("float32")
    weight = rng.normal(size=(3, 6)).astype("float32")
    narrow = np.full_like(mean, -40.0)
    try:
        found = _loss_of(answer, x, mean, narrow, lambda z: np.asarray(z) @ weight)
    except Exception as error:  # whatever a learner's model may raise
        return says.raised(error)
    if is_blank(found):
        return not_yet("`compute_loss` gives nothing yet.")
    if np.size(found) != 1:
        return says.wrong("not one number", count=np.size(found))
    logits = mean @ weight
    nll = np.logaddexp(0, logits) - x * logits
    bad = _judge_terms(
        float(np.asarray(found).reshape(())), nll.sum(axis=1).mean(), _kl_of(mean, narrow), says
    )
    return bad or _judge_noise(answer, says)


def _judge_terms(found: float, nll: float, price: float, says: Says) -> Feedback | None:
    """Feedback if a loss, without noise in it, is not ``nll + price``: 6 pixels, 3 latents."""
    if np.isclose(found, nll + price, rtol=1e-3):
        return None
    mistakes = {
        "sign": -nll - price,
        "KL sign": nll - price,
        "KL forgotten": nll,
        "mean over pixels": nll / 6 + price,
        "mean over latents": nll + price / 3,
        "two means": nll / 6 + price / 3,
        "batch summed": 8 * (nll + price),
    }
    for name, value in mistakes.items():
        if np.isclose(found, value, rtol=1e-3):
            return says.wrong(name)
    return says.wrong("another loss", found=found, wanted=nll + price)


def _judge_noise(answer: type, says: Says) -> Feedback:
    """Judge the draws from a wide q: their mean loss says how far the noise is stretched."""
    centred = np.zeros((4000, 6), dtype="float32")
    images, wide = np.ones_like(centred), np.full_like(centred, np.log(4.0))
    try:
        drawn = float(np.asarray(_loss_of(answer, images, centred, wide, np.asarray)))
    except Exception as error:  # a model may stand one batch and not another
        return says.raised(error)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    for name, sigma in {"": 2.0, "no noise": 0.0, "variance for sd": 4.0}.items():
        expected = 6 * weights @ np.logaddexp(0, -sigma * nodes) + _kl_of(centred, wide)
        # One image scatters by about 2.5 nats, the mean of 4,000 by 0.04.
        if abs(drawn - expected) < 0.25:
            return says.wrong(name) if name else says.right()
    return says.wrong("noise", found=drawn)


def _loss_of(answer: type, images, mean, log_var, decoder) -> object:
    """The loss of a model whose encoder gives these codes, whatever the images."""
    codes = np.concatenate([mean, log_var], axis=-1)
    return answer(lambda _: codes, decoder).compute_loss(x=images)


def _kl_of(mean: np.ndarray, log_var: np.ndarray) -> float:
    """The mean over images of the KL from N(0, I); nats."""
    return 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=-1).mean()
