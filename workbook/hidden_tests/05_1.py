"""Hidden tests of workbook 5.1, building a VAE.

They run in the grader and never beside a submission. Inputs differ from those of the notebook's
checks; the references are written out here, so that a mistake in the checks would show. Networks
that a test puts into a submission's model are layers made over there, with weights from here.
"""

import numpy as np

from aigc_course.grading import Kept, Student, agrees, hidden_test, near

SEED = 20_451  # each test draws from it anew, so that everybody gets the same inputs


@hidden_test("build-01", points=1, title="the hidden weight")
def hidden_beta(student: Student):
    got = student.number("beta")
    wanted = 32 * 32 * 3 / (2 * 64)
    assert not near(got, 1 / wanted), "That is the weight of the other term."
    assert not near(got, wanted / 3), "A colour picture has more numbers than pixels."
    assert not near(got, 2 * wanted), "It is half of the squared error that stands alone."
    assert near(got, wanted), "Turn both means into sums first."


@hidden_test("build-02", points=1, title="the length after flattening")
def flattened(student: Student):
    got = student.number("flattened")
    side = 32
    for _ in range(2):
        side = (side - 2) // 2
    assert got != side**2, "That is one map."
    assert got == 64 * side**2, "Follow the side through the layers, in whole numbers."


@hidden_test("build-03", points=1, title="the size of the pictures")
def decoder_size(student: Student):
    rng = np.random.default_rng(SEED)
    for latents in (6, 17):
        network = student.make("decoder", latents)
        got = student.numbers(network, rng.normal(size=(3, latents)).astype("float32"))
        assert np.ndim(got) == 4, "Pictures have a height, a width and a channel axis."
        assert np.shape(got)[:1] == (3,), "One picture for each latent is wanted."
        assert np.shape(got)[1:3] == (28, 28), "The pictures have another size."
        assert np.shape(got)[3] == 1, "A grey picture has a single channel."


@hidden_test("build-03", points=1, title="nothing squeezes the logits")
def decoder_logits(student: Student):
    # Far from the origin even an untrained network gives numbers of either sign, and large ones.
    z = 1e4 * np.random.default_rng(SEED).normal(size=(20, 5)).astype("float32")
    got = student.numbers(student.make("decoder", 5), z)
    assert got.size, "There are no logits."
    assert np.isfinite(got).all(), "The logits are not finite."
    assert got.min() < -1.01, "The numbers never become as negative as logits may."
    assert got.max() > 1.01, "The numbers never become as large as logits may."


def reference_cost(x, logits):
    """-log p(x | logits), nats an image: log1p takes what is small, and a sum what is large."""
    pixels = np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits))) - x * logits
    return np.array([image.sum() for image in pixels])


def reference_kl(mean, log_var):
    return ((mean**2 + np.exp(log_var) - 1 - log_var) / 2).sum(axis=1)


@hidden_test("build-04", points=1, title="the reconstruction alone")
def elbo_fit(student: Student):
    rng = np.random.default_rng(SEED)
    for shape in ((1, 6, 3), (7, 4, 5)):
        x, logits = rng.integers(0, 2, size=shape).astype(float), rng.normal(size=shape) * 3
        codes = np.zeros((shape[0], 4))  # for which the KL is 0
        got = student.numbers("negative_elbo", x, logits, codes, codes)
        wanted = reference_cost(x, logits)
        assert np.shape(got) == (), "One number for the whole batch is wanted."
        averaged = wanted.mean() / x[0].size
        assert not agrees(got, averaged), "The costs of pixels are averaged, and they add up."
        assert agrees(got, wanted.mean()), (
            "Pixels are added, and images averaged: check one image by hand."
        )


@hidden_test("build-04", points=1, title="the KL alone")
def elbo_kl(student: Student):
    rng = np.random.default_rng(SEED)
    for batch, latents in ((1, 5), (9, 3)):
        x = rng.integers(0, 2, size=(batch, 3, 3)).astype(float)
        logits = 200 * (x - 0.5)  # so sure and right that nothing is left to pay
        mean, log_var = rng.normal(size=(2, batch, latents))
        got = student.numbers("negative_elbo", x, logits, mean, log_var)
        wanted = reference_kl(mean, log_var)
        assert np.shape(got) == (), "One number for the whole batch is wanted."
        assert not agrees(got, -wanted.mean()), "The KL has the wrong sign."
        averaged = wanted.mean() / latents
        assert not agrees(got, averaged), "The KLs of latents are averaged, and they add up."
        assert agrees(got, wanted.mean()), (
            "Latents are added, and images averaged: check one image by hand."
        )


@hidden_test("build-05", points=1, title="the multiply-adds")
def multiply_adds(student: Student):
    got = student.number("multiply_adds")
    places, kernel = 7**2, 3**2
    assert got != 4 * places * kernel * 64 * 32, "That is counted as for an ordinary convolution."
    assert got != kernel * 64 * 32, "Those are the weights, each of which is used many times."
    assert got == places * kernel * 64 * 32, "Places, kernel and both numbers of maps: is all in?"


ROWS = 4000  # the standard deviation of so many draws is known to 1.1 %


def draws(student, layer, log_vars, centre):
    """What a sampling layer gives for many images with the same q, shape (ROWS, d)."""
    log_var = np.broadcast_to(log_vars, (ROWS, len(log_vars))).astype("float32")
    mean = np.full_like(log_var, centre)
    got = student.numbers(layer, mean, log_var)
    assert got.shape == mean.shape, "One z for each mean is wanted."
    return got


@hidden_test("build-06", points=1, title="the width and the middle of the draws")
def sampling_width(student: Student):
    log_vars = np.array([-5.0, -1.0, 0.5, 3.0])
    got = draws(student, student.make("Sampling", seed=41), log_vars, -2.0)
    spread, sigma = got.std(axis=0), np.exp(log_vars / 2)
    assert not np.allclose(spread, sigma**2, rtol=0.06), "The noise is stretched by the variance."
    assert np.allclose(spread, sigma, rtol=0.06), "The draws have not the width of q."
    off = np.abs(got.mean(axis=0) + 2) / sigma
    assert off.max() < 0.08, "The draws do not lie around the means."  # 5 standard errors


@hidden_test("build-06", points=1, title="new noise everywhere")
def sampling_anew(student: Student):
    layer = student.make("Sampling", seed=8)
    first, second = (draws(student, layer, np.zeros(3), 1.0) for _ in range(2))
    assert first.std(axis=0).min() > 0.01, "All images get the same noise, or none."
    between = np.corrcoef(first.T)[np.triu_indices(3, 1)]
    assert np.abs(between).max() < 0.1, "Latents of an image share their noise."
    assert not np.allclose(first, second), "A second call draws the same again."


@hidden_test("build-06", points=1, title="what a seed is for")
def sampling_seed(student: Student):
    layers = [student.make("Sampling", seed=seed) for seed in (5, 5, 6)]
    sequences = [[draws(student, layer, np.zeros(2), 0.0) for _ in range(2)] for layer in layers]
    assert np.std(sequences[0]) > 0.01, "Nothing is drawn."
    assert np.allclose(sequences[0], sequences[1], atol=1e-5), "The seed does not repeat the draws."
    assert not np.allclose(sequences[0], sequences[2]), "Another seed draws the same."


@hidden_test("build-07", points=1, title="black and white pixels")
def cost_of_binary(student: Student):
    rng = np.random.default_rng(SEED)
    for shape in ((5, 4, 2), (1, 7, 7)):
        x, logits = rng.integers(0, 2, size=shape).astype(float), rng.normal(size=shape) * 2
        got = student.numbers("image_cost", x, logits)
        wanted = reference_cost(x, logits)
        assert np.shape(got) == wanted.shape, "One number for each image is wanted."
        assert not agrees(got, -wanted), "That is the log-likelihood, and its negative is wanted."
        assert not agrees(got, wanted / x[0].size), "The costs of pixels are averaged."
        assert agrees(got, wanted), "Check one pixel by hand: what does a logit of 0 cost?"


@hidden_test("build-07", points=1, title="grey pixels")
def cost_of_grey(student: Student):
    rng = np.random.default_rng(SEED)
    x, logits = rng.uniform(size=(3, 3, 5)), rng.normal(size=(3, 3, 5))
    got = student.numbers("image_cost", x, logits)
    assert agrees(got, reference_cost(x, logits)), "Pixels between black and white cost otherwise."


@hidden_test("build-07", points=1, title="sure and wrong")
def cost_of_sure(student: Student):
    x = np.array([[[1.0, 0.0, 1.0]], [[0.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]]])
    logits = np.array([[[-950.0, 1100.0, 2.0]], [[45.0, -38.0, 1.0]], [[720.0, -900.0, 0.5]]])
    got = student.numbers("image_cost", x, logits)
    assert np.isfinite(got).all(), "Where the decoder is sure, the cost is not finite."
    assert agrees(got, reference_cost(x, logits)), "Where the decoder is sure, the cost is wrong."


@hidden_test("build-08", points=1, title="directions that all pay")
def nats_of_all(student: Student):
    for variances, noise in (([7.0, 2.5, 5.0], 1.2), ([0.9, 0.4], 0.3)):
        got = student.numbers("nats_kept", np.array(variances), noise)
        wanted = np.log(np.sqrt(variances) / noise).sum()
        assert np.shape(got) == (), "One number is wanted."
        assert not agrees(got, 2 * wanted), "Twice the nats: a factor is missing."
        assert not agrees(got, wanted / np.log(2)), "These are bits."
        assert agrees(got, wanted), (
            "Check one direction: how often does the noise fit into the signal?"
        )


@hidden_test("build-08", points=1, title="directions that do not pay")
def nats_of_some(student: Student):
    for variances, noise in (([0.3, 16.0, 2.0, 3.9, 0.0], 2.0), ([1.0, 0.2], 2.5)):
        got = student.numbers("nats_kept", np.array(variances), noise)
        wanted = sum(np.log(np.sqrt(v) / noise) for v in variances if v > noise**2)
        assert agrees(got, wanted), "A direction below the noise is left out, and costs nothing."


def tiny_vae(student, mean, log_var, weight, pixels):
    """A TinyVAE whose q is N(mean, exp(log_var)) for every image, and whose decoder is linear."""
    encoder = dense(student, pixels, np.zeros((pixels, 2 * len(mean))), [*mean, *log_var])
    decoder = dense(student, *weight.shape[:1], weight, np.zeros(pixels))
    return student.make("TinyVAE", encoder, decoder)


def dense(student, inputs, weight, bias) -> Kept:
    """A dense layer over there with these weights."""
    layer = student.make("layers.Dense", len(bias))
    student.call(layer, np.zeros((1, inputs), "float32"))  # a layer has weights once it is called
    weights = [np.asarray(weight, "float32"), np.asarray(bias, "float32")]
    student.make(layer + ".set_weights", weights)
    return layer


@hidden_test("build-09", points=2, title="both terms, with almost no noise")
def vae_terms(student: Student):
    rng = np.random.default_rng(SEED)
    pixels, latents, batch = 7, 2, 5
    mean, log_var = rng.normal(size=latents) * 2, np.full(latents, -30.0)
    weight = rng.normal(size=(latents, pixels))
    x = rng.integers(0, 2, size=(batch, pixels)).astype("float32")
    model = tiny_vae(student, mean, log_var, weight, pixels)
    got = student.numbers(model + ".compute_loss", x=x)
    fit = reference_cost(x, np.broadcast_to(mean @ weight, x.shape)).mean()
    price = reference_kl(mean[None], log_var[None])[0]
    assert np.size(got) == 1, "Keras wants one number."
    got = np.reshape(got, ())
    for wrong, says in {
        fit / pixels + price: "The costs of pixels are averaged, and they add up.",
        fit + price / latents: "The KLs of latents are averaged, and they add up.",
        batch * (fit + price): "The loss grows with the number of images.",
    }.items():
        if agrees(got, wrong, rtol=1e-3):
            return 1, says
    averaged = fit / pixels + price / latents
    assert not agrees(got, averaged, rtol=1e-3), "Both terms are averaged where they add up."
    assert not agrees(got, fit - price, rtol=1e-3), "The model is paid for the KL."
    assert not agrees(got, fit, rtol=1e-3), "The KL is missing."
    assert agrees(got, fit + price, rtol=1e-3), "The loss is not the negative ELBO."
    return None


@hidden_test("build-09", points=1, title="the noise of a wide q")
def vae_noise(student: Student):
    rng = np.random.default_rng(SEED)
    pixels, latents = 6, 3
    mean, log_var = rng.normal(size=latents), np.log([1.0, 4.0, 2.25])
    weight = rng.choice([-1.5, 1.5], size=(latents, pixels))
    x = np.tile([1, 0, 0, 1, 1, 0], (5000, 1)).astype("float32")
    model = tiny_vae(student, mean, log_var, weight, pixels)
    got = student.numbers(model + ".compute_loss", x=x)
    # A logit is Gaussian, so each pixel's cost is an integral over a line.
    nodes, shares = np.polynomial.hermite_e.hermegauss(80)
    width = np.sqrt(np.exp(log_var) @ weight**2)[:, None]
    logits = (mean @ weight)[:, None] + width * nodes
    costs = np.logaddexp(0, logits) - x[0][:, None] * logits
    fit = (costs @ shares / shares.sum()).sum()
    wanted = fit + reference_kl(mean[None], log_var[None])[0]
    assert got.size == 1, "Keras wants one number."
    # One image scatters by about 7 nats, the mean of 5,000 by 0.1.
    assert np.abs(got - wanted).max() < 0.5, "z is not drawn from q, or not for each image anew."
