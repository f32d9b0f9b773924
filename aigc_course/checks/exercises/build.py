"""Exercises on chapter 5.1, building a VAE."""

from __future__ import annotations

import numpy as np

from aigc_course.checks.exercises import Exercise
from aigc_course.checks.matchers import Case, Mistake, function, is_blank, number
from aigc_course.checks.verdict import Verdict, not_yet, right, wrong


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)) without overflow."""
    return np.logaddexp(0, x)


def bernoulli_nll(x, logits) -> np.ndarray:
    """-log p(x | logits), summed over all axes but the first; nats an image."""
    return (softplus(logits) - x * logits).reshape(len(x), -1).sum(axis=1)


def kl(mean, log_var) -> np.ndarray:
    """KL from N(0, I), summed over the last axis; nats."""
    return 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=-1)


def negative_elbo(x, logits, mean, log_var) -> float:
    """Summed over pixels and latents, averaged over the batch; nats an image."""
    return np.mean(bernoulli_nll(x, logits) + kl(mean, log_var))


def _batches() -> list[Case]:
    rng = np.random.default_rng([5, 4])
    cases = []
    for batch, side, latents in ((6, 4, 3), (2, 5, 8), (1, 3, 2)):
        x = (rng.random((batch, side, side)) < 0.4).astype(float)
        codes = rng.normal(size=(2, batch, latents))
        about = f"{batch} image(s) of {side} x {side}, {latents} latents"
        cases.append(Case((x, rng.normal(0, 2, x.shape), *codes), about))
    return cases


def _pixels() -> list[Case]:
    rng = np.random.default_rng([5, 7])
    x = (rng.random((4, 3, 3)) < 0.5).astype(float)
    sure = np.array([[[0.0, 1.0]], [[1.0, 0.0]]]), np.array([[[800.0, -800.0]], [[30.0, 40.0]]])
    return [
        Case((x, rng.normal(0, 3, x.shape)), "ordinary logits"),
        Case((rng.random((5, 2, 6)), rng.normal(size=(5, 2, 6))), "grey pixels"),
        Case(sure, "a decoder that is sure and wrong, logits of ±800"),
    ]


def _clipped(x, logits):
    p = np.clip(1 / (1 + np.exp(-logits)), 1e-7, 1 - 1e-7)
    return -(x * np.log(p) + (1 - x) * np.log(1 - p)).reshape(len(x), -1).sum(axis=1)


def _unclipped(x, logits):
    p = 1 / (1 + np.exp(-logits))
    return -(x * np.log(p) + (1 - x) * np.log(1 - p)).reshape(len(x), -1).sum(axis=1)


def nats_kept(variances, noise) -> float:
    """What the best linear VAE tells about an image, nats."""
    return 0.5 * np.log(np.maximum(variances / noise**2, 1)).sum()


def _spectra() -> list[Case]:
    return [
        Case((np.array([9.0, 4.0, 1.0, 0.2]), 1.5), "noise 1.5"),
        Case((np.array([30.0, 12.0, 3.0]), 0.7), "noise 0.7, all directions kept"),
        Case((np.array([0.5, 0.1, 0.01]), 3.5), "noise 3.5, where nothing is kept"),
    ]


def grade_decoder(answer: object) -> Verdict:
    """Judge a function that builds a decoder: pictures of 28 x 28 x 1, logits."""
    if is_blank(answer):
        return not_yet()
    if not callable(answer) or hasattr(answer, "layers"):
        return wrong(
            "not a function",
            "The check wants the function that builds a decoder.",
            "Hand over `decoder` itself, without brackets.",
        )
    shapes = []
    for latents in (10, 3):
        try:
            network = answer(latents)
        except Exception as error:  # whatever Keras says of a wrong network
            return wrong(
                f"raises {type(error).__name__}",
                f"Building stopped with {type(error).__name__}: {str(error).splitlines()[0][:140]}",
                "Build it yourself layer by layer and print each `output_shape`.",
            )
        if is_blank(network):
            return not_yet("The function returns nothing yet.")
        if not hasattr(network, "output_shape"):
            return wrong(
                "not a network",
                f"The function returns {type(network).__name__}, not a Keras network.",
                "Return the `keras.Sequential`.",
            )
        shapes.append((network.input_shape, network.output_shape))
    side, channels = shapes[0][1][1], shapes[0][1][-1]
    if shapes[0][0] != (None, 10) or shapes[1][0] != (None, 3):
        return wrong(
            "latents fixed",
            f"For 10 latents the network takes inputs of shape {shapes[0][0]}.",
            "Latents are rows: the input of the network is (latent_dim,), whatever that is.",
        )
    if side == 13:
        return Verdict(
            "not yet",
            "This decoder, as it was handed out, still ends with 13 x 13.",
            "A transposed convolution without stride adds two pixels. What does a stride of 2 do?",
            "as given",
        )
    if side != 28:
        return wrong(
            "side",
            f"The pictures are {side} x {side}, not 28 x 28.",
            "From 7 to 28 is a factor of 4: how many strides of 2 is that, and with which padding "
            "does the side come out exactly?",
        )
    if channels != 1:
        return wrong(
            "channels",
            f"The last axis is {channels}; a grey picture has one channel.",
            "How many filters does the last layer need?",
        )
    activation = getattr(getattr(network.layers[-1], "activation", None), "__name__", "linear")
    if activation != "linear":
        return wrong(
            "activation",
            f"The size is right, and the last layer ends in {activation}.",
            "The loss of this course takes logits: any real number. What squeezes them?",
        )
    return right("28 x 28 x 1, and nothing squeezes the logits.")


def grade_sampling(answer: object) -> Verdict:
    """Judge a sampling layer: its class is built with a seed and called on mean and log_var."""
    if is_blank(answer):
        return not_yet()
    if not isinstance(answer, type):
        return wrong(
            "not a class",
            "The check wants the class, so that it can build layers with seeds of its own.",
            "Hand over `Sampling`, without brackets.",
        )
    rows, log_vars = 4000, np.array([-4.0, 0.0, 2.0])
    mean = np.full((rows, 3), 5.0, dtype="float32")
    log_var = np.broadcast_to(log_vars, mean.shape).astype("float32")
    try:
        layers = answer(seed=3), answer(seed=3)
        draws = [layers[0](mean, log_var), layers[0](mean, log_var), layers[1](mean, log_var)]
    except Exception as error:  # whatever a learner's layer may raise
        return wrong(
            f"raises {type(error).__name__}",
            f"The layer stopped with {type(error).__name__}: {str(error).splitlines()[0][:140]}",
            "Build it with `Sampling(seed=3)` and call it on two arrays of shape (4, 2).",
        )
    if any(is_blank(draw) for draw in draws):
        return not_yet("`call` gives nothing yet.")
    first, second, twin = (np.asarray(draw, dtype=float) for draw in draws)
    if first.shape != mean.shape:
        return wrong(
            "shape",
            f"For means of shape {mean.shape} the layer gives {first.shape}.",
            "The noise has the shape of the means.",
        )
    spread, wanted = first.std(axis=0), np.exp(log_vars / 2)
    if np.all(spread < 1e-6):
        if np.allclose(first, mean):
            return wrong(
                "no noise",
                "The layer gives the means back: nothing is drawn.",
                "z = mean + σ · noise; where does the noise come from?",
            )
        return wrong(
            "one draw for all",
            "All images of the batch get the same noise.",
            "Ask for noise in the shape of the whole array of means, batch and all.",
        )
    if not np.allclose(spread, wanted, rtol=0.1):
        if np.allclose(spread, np.exp(log_vars), rtol=0.1):
            return wrong(
                "variance for sd",
                "The noise is stretched by the variance.",
                "exp(log_var) is σ². Which exponent gives σ?",
            )
        if np.allclose(spread, np.exp(-log_vars / 2), rtol=0.1):
            return wrong(
                "sign in the exponent",
                "Wide and narrow have changed places.",
                "A larger log_var means a wider q.",
            )
        return wrong(
            "width",
            f"For log_var = -4, 0, 2 the draws have sd {', '.join(f'{s:.3f}' for s in spread)}.",
            "Compute the three standard deviations that they should have, and compare.",
        )
    if abs(first.mean(axis=0) - 5).max() > 0.3:
        return wrong(
            "mean",
            f"The draws average {first.mean():.2f} where the mean is 5.",
            "The noise has mean 0: what else is added, or left out?",
        )
    if np.array_equal(first, second):
        return wrong(
            "the same every time",
            "A second call draws the very same noise.",
            "A whole number as seed starts afresh at each call. Which Keras object counts on?",
        )
    if not np.allclose(first, twin, atol=1e-5):
        return wrong(
            "seed ignored",
            "Two layers with the same seed draw differently.",
            "The seed has to reach the generator from which the noise is drawn.",
        )
    return right("Right width, new noise at each call, and the seed repeats the sequence.")


def grade_vae(answer: object) -> Verdict:
    """Judge a VAE class whose `compute_loss` is the negative ELBO, by three hidden networks."""
    if is_blank(answer):
        return not_yet()
    if not isinstance(answer, type):
        return wrong(
            "not a class",
            "The check wants the class, so that it can put networks of its own in.",
            "Hand over `TinyVAE`, without brackets.",
        )
    rng = np.random.default_rng([5, 9])
    x = (rng.random((8, 6)) < 0.5).astype("float32")
    mean, log_var = rng.normal(size=(2, 8, 3)).astype("float32")
    weight = rng.normal(size=(3, 6)).astype("float32")

    def loss_of(images, mean, log_var, decoder):
        codes = np.concatenate([mean, log_var], axis=-1)
        return answer(lambda _: codes, decoder).compute_loss(x=images)

    narrow = np.full_like(log_var, -40.0)
    try:
        found = loss_of(x, mean, narrow, lambda z: np.asarray(z) @ weight)
    except Exception as error:  # whatever a learner's model may raise
        return wrong(
            f"raises {type(error).__name__}",
            f"`compute_loss` stopped with {type(error).__name__}: {_first_line(error)}",
            "Call it yourself as in the cell below the class.",
        )
    if is_blank(found):
        return not_yet("`compute_loss` gives nothing yet.")
    if np.size(found) != 1:
        return wrong(
            "not one number",
            f"`compute_loss` gives {np.size(found)} numbers, and Keras wants one.",
            "Average over the batch at the end, and over nothing else.",
        )
    found = float(np.asarray(found).reshape(()))
    nll, price = bernoulli_nll(x, mean @ weight).mean(), kl(mean, narrow).mean()
    candidates = {
        "": nll + price,
        "sign": -nll - price,
        "KL sign": nll - price,
        "KL forgotten": nll,
        "mean over pixels": nll / 6 + price,
        "mean over latents": nll + price / 3,
        "two means": nll / 6 + price / 3,
        "batch summed": 8 * (nll + price),
    }
    names = [name for name, value in candidates.items() if np.isclose(found, value, rtol=1e-3)]
    if not names:
        return wrong(
            "another loss",
            f"With a q of width almost 0 the loss is {found:.2f} and not {nll + price:.2f}.",
            "Then z is the mean, and both terms can be computed by hand: print them one by one.",
        )
    if names[0]:
        return wrong(names[0], *_LOSS_HINTS[names[0]])
    centred = np.zeros((4000, 6), dtype="float32")
    images, wide = np.ones_like(centred), np.full_like(centred, np.log(4.0))
    drawn = float(np.asarray(loss_of(images, centred, wide, lambda z: np.asarray(z))))
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    for name, sigma in {"": 2.0, "no noise": 0.0, "variance for sd": 4.0}.items():
        expected = 6 * weights @ softplus(-sigma * nodes) + kl(centred[0], wide[0])
        # One image scatters by about 2.5 nats, the mean of 4,000 by 0.04.
        if abs(drawn - expected) < 0.25:
            return wrong(name, *_LOSS_HINTS[name]) if name else right("An ELBO that Keras can fit.")
    return wrong(
        "noise",
        f"With a wide q the loss is {drawn:.2f}: the noise is not what it should be.",
        "z = mean + exp(0.5 · log_var) · noise, with noise from N(0, 1) in the shape of the means.",
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:140]


_LOSS_HINTS = {
    "sign": (
        "That is the ELBO, and it would be minimised.",
        "Keras makes the loss small. Which of the ELBO and its negative should become small?",
    ),
    "KL sign": (
        "The KL has the wrong sign: this model is paid for information.",
        "The loss is the negative ELBO: reconstruction cost plus KL.",
    ),
    "KL forgotten": (
        "The KL is missing: that is an autoencoder.",
        "What is the price of a code?",
    ),
    "mean over pixels": (
        "The reconstruction is averaged over the pixels.",
        "Sum over the event, average over the batch: which axes are the event?",
    ),
    "mean over latents": (
        "The KL is averaged over the latents.",
        "KLs of independent latents add.",
    ),
    "two means": (
        "Both terms are averaged: the essay's loss, with its hidden weight.",
        "Neither pixels nor latents are averaged; only the images are.",
    ),
    "batch summed": (
        "The loss is summed over the batch and grows with its size.",
        "Average over the images, so that the learning rate need not change with the batch.",
    ),
    "no noise": (
        "The decoder gets the mean of q: nothing is drawn.",
        "The ELBO averages over z drawn from q. Where does the noise come in?",
    ),
    "variance for sd": (
        "The noise is stretched by the variance.",
        "exp(log_var) is σ²; half of the exponent gives σ.",
    ),
}


EXERCISES = (
    Exercise(
        "build-01",
        "The weight that nobody wrote down",
        "by hand",
        5,
        number(
            3072 / 2 / 64,
            Mistake(
                "no half",
                3072 / 64,
                "That is counted from SSE + β KL.",
                "The question counts from ½ SSE: by what must the mean error be multiplied to "
                "become half a sum?",
            ),
            Mistake(
                "inverse",
                2 * 64 / 3072,
                "That is one over β.",
                "Multiply the whole loss until the error reads ½ SSE; what stands before the KL?",
            ),
            Mistake(
                "channels forgotten",
                1024 / 2 / 64,
                "The pixels were counted and not their colours.",
                "Over how many numbers does the mean squared error of a colour picture run?",
            ),
            Mistake(
                "latents forgotten",
                3072 / 2,
                "The KL is a mean too, over the latents.",
                "Multiply the KL's mean by its number of latents to get the sum.",
            ),
            Mistake(
                "the chapter's picture",
                784 / 2 / 32,
                "That is the chapter's β, for 784 pixels and 32 latents.",
                "Here the picture has another size, three colours, and 64 latents.",
            ),
            praise="Larger pictures make the essay's loss collapse more, not less.",
        ),
        "loss = SSE/3072 + KL/64. Times 1536: ½ SSE + (1536/64) KL.",
    ),
    Exercise(
        "build-02",
        "How long is the flattened picture?",
        "predict, then run",
        5,
        number(
            6 * 6 * 64,
            Mistake(
                "padding same",
                8 * 8 * 64,
                "That would be so with padding 'same'.",
                "Without padding a 3 x 3 convolution cannot stand on the rim: how many pixels does "
                "a side lose?",
            ),
            Mistake(
                "filters forgotten",
                36,
                "That is the area of one map.",
                "How many maps does the second convolution make?",
            ),
            Mistake(
                "pooling rounds up",
                7 * 7 * 64,
                "A side of 13 was pooled to 7.",
                "Pooling by twos drops what is left over.",
            ),
            Mistake(
                "half a pixel",
                6.5**2 * 64,
                "A side came out with a fraction.",
                "Do it step by step in whole numbers: convolution, pooling, and both again.",
            ),
            Mistake(
                "filters of both layers",
                6 * 6 * 96,
                "The maps of both convolutions were counted.",
                "The second convolution replaces the maps of the first.",
            ),
            rtol=1e-6,
            praise="32, 30, 15, 13, 6: and the thirteenth row and column were lost on the way.",
        ),
        "Sides: 32 → 30 → 15 → 13 → 6 (rounded down), so 6 · 6 places with 64 maps each.",
    ),
    Exercise(
        "build-03",
        "A decoder that ends too small",
        "fix the bug",
        8,
        grade_decoder,
        "Two transposed convolutions with strides=2 and padding='same' double the side twice, 7 to "
        "28; the last keeps it, has one filter and no activation.",
    ),
    Exercise(
        "build-04",
        "Means where sums belong",
        "fix the bug",
        7,
        function(
            negative_elbo,
            _batches,
            Mistake(
                "as given",
                lambda x, lo, m, v: (
                    np.mean(softplus(lo) - x * lo) + 0.5 * np.mean(m**2 + np.exp(v) - 1 - v)
                ),
                "This is the function as it was handed out: two means over different numbers of "
                "things.",
                "Over which axes should be summed, and over which one averaged?",
                given=True,
            ),
            Mistake(
                "mean over pixels",
                lambda x, lo, m, v: np.mean(softplus(lo) - x * lo) + kl(m, v).mean(),
                "The KL is mended; the reconstruction is still averaged over the pixels.",
                "The likelihood of an image is a product over its pixels.",
            ),
            Mistake(
                "mean over latents",
                lambda x, lo, m, v: (
                    bernoulli_nll(x, lo).mean() + 0.5 * np.mean(m**2 + np.exp(v) - 1 - v)
                ),
                "The reconstruction is mended; the KL is still averaged over the latents.",
                "KLs of independent latents add.",
            ),
            Mistake(
                "batch summed",
                lambda x, lo, m, v: negative_elbo(x, lo, m, v) * len(x),
                "Now everything is summed, the images too.",
                "The loss must not depend on the batch size.",
            ),
            Mistake(
                "one number an image",
                lambda x, lo, m, v: bernoulli_nll(x, lo) + kl(m, v),
                "One number an image: the mean over the batch is missing.",
                "A loss is a single number.",
            ),
            Mistake(
                "KL sign",
                lambda x, lo, m, v: (bernoulli_nll(x, lo) - kl(m, v)).mean(),
                "The KL has changed its sign.",
                "The negative ELBO is the reconstruction's cost *plus* the KL.",
            ),
            praise="Nats an image, comparable between models of any size.",
        ),
        "Sum the reconstruction over axes 1 and 2 and the KL over the last axis; add them; "
        "take the mean over the images.",
    ),
    Exercise(
        "build-05",
        "What a transposed convolution costs",
        "by hand",
        5,
        number(
            7 * 7 * 3 * 3 * 64 * 32,
            Mistake(
                "output places",
                14 * 14 * 3 * 3 * 64 * 32,
                "You counted the places of the output; that is the rule for ordinary convolutions.",
                "A transposed convolution spreads each *input* place over a 3 x 3 field.",
            ),
            Mistake(
                "weights",
                3 * 3 * 64 * 32,
                "That is the number of weights.",
                "Each weight is used again at every place. How many places are there?",
            ),
            Mistake(
                "kernel forgotten",
                7 * 7 * 64 * 32,
                "The nine weights of the kernel are missing.",
                "For one pair of maps and one place: how many products?",
            ),
            Mistake(
                "output maps forgotten",
                7 * 7 * 3 * 3 * 64,
                "One output map was counted.",
                "Each of the 32 output maps has a kernel for every input map.",
            ),
            rtol=1e-6,
            praise="Nearly as much as the whole dense model of the chapter.",
        ),
        "Input places 7 · 7, times the kernel 3 · 3, times 64 input maps, times 32 output maps.",
    ),
    Exercise(
        "build-06",
        "A sampling layer",
        "build it",
        10,
        grade_sampling,
        "Keep a keras.random.SeedGenerator(seed) in the layer; in call draw keras.random.normal in "
        "the shape of the mean with it, and return mean + exp(0.5 · log_var) · noise.",
    ),
    Exercise(
        "build-07",
        "A likelihood that survives being wrong",
        "build it",
        8,
        function(
            bernoulli_nll,
            _pixels,
            Mistake(
                "via a clipped sigmoid",
                _clipped,
                "Right for small logits; where the decoder is sure and wrong, the loss stops at 16 "
                "nats a pixel.",
                "Clipping hides the error just where it is largest. Stay with the logit: "
                "log sigmoid(l) = l − softplus(l).",
            ),
            Mistake(
                "via a sigmoid",
                _unclipped,
                "Right for small logits, and not finite where the decoder is sure.",
                "The sigmoid is exactly 0 or 1 there. Can you do without it?",
            ),
            Mistake(
                "overflow",
                lambda x, lo: (np.log(1 + np.exp(lo)) - x * lo).reshape(len(x), -1).sum(axis=1),
                "The formula is right, and exp(800) overflows.",
                "log(eᵃ + eᵇ) has a safe function in NumPy.",
            ),
            Mistake(
                "sign",
                lambda x, lo: -bernoulli_nll(x, lo),
                "That is the log-likelihood, not minus it.",
                "A cost is never negative for pixels of 0 and 1.",
            ),
            Mistake(
                "mean over pixels",
                lambda x, lo: bernoulli_nll(x, lo) / x[0].size,
                "The pixels are averaged.",
                "Nats an *image*: the pixels' costs add.",
            ),
            Mistake(
                "pixels exchanged",
                lambda x, lo: bernoulli_nll(1 - x, lo),
                "Black and white have changed places.",
                "A large logit should be cheap where the pixel is 1.",
            ),
            praise="800 nats for a pixel that deserves them, and a gradient to go with it.",
        ),
        "−x log p − (1 − x) log(1 − p) with p = sigmoid(l) becomes softplus(l) − x · l; "
        "softplus(l) = np.logaddexp(0, l). Sum over axes 1 and 2.",
    ),
    Exercise(
        "build-08",
        "What a linear VAE lets through",
        "derive",
        7,
        function(
            nats_kept,
            _spectra,
            Mistake(
                "noise not squared",
                lambda v, s: 0.5 * np.log(np.maximum(v / s, 1)).sum(),
                "The noise went in without its square.",
                "Variances are compared with a variance.",
            ),
            Mistake(
                "no half",
                lambda v, s: 2 * nats_kept(v, s),
                "Twice as many nats as there are.",
                "A ratio of variances is the square of a ratio of widths.",
            ),
            Mistake(
                "losses counted",
                lambda v, s: 0.5 * np.log(v / s**2).sum(),
                "Directions below the noise are counted with negative nats.",
                "What does the model do with a direction that does not pay?",
            ),
            Mistake(
                "base 2",
                lambda v, s: nats_kept(v, s) / np.log(2),
                "These are bits.",
                "Natural logarithms give nats.",
            ),
            Mistake(
                "number of directions",
                lambda v, s: (v > s**2).sum(),
                "That counts the directions that are kept.",
                "Each of them carries half a logarithm.",
            ),
            Mistake(
                "channel capacity",
                lambda v, s: 0.5 * np.log1p(v / s**2).sum(),
                "½ log(1 + λ/σ²) is a channel's capacity, where λ is the signal without noise.",
                "Here λ is the data's whole variance, noise included.",
            ),
            praise="0 for the essay's σ = 3.5 if no direction varies by more than 12.25.",
        ),
        "A direction with variance λ is kept if λ > σ² and then carries ½ log(λ/σ²); the others "
        "carry nothing: ½ Σ log max(λ/σ², 1).",
    ),
    Exercise(
        "build-09",
        "A VAE in one method",
        "stretch",
        20,
        grade_vae,
        "In compute_loss: split encoder(x) into mean and log_var; z = mean + exp(0.5 log_var) · "
        "noise; logits = decoder(z); sum softplus(logits) − x · logits over pixels, add the KL "
        "summed over latents, take the mean over images.",
    ),
)
