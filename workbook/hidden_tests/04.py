"""Hidden tests of workbook 4, the mathematics of the VAE.

They run in the grader and never beside a submission. Inputs differ from those of the notebook's
checks; the references are written out here, so that a mistake in the checks would show.
"""

import numpy as np

from aigc_course.grading import Student, agrees, hidden_test, near

SEED = 20_404  # each test draws from it anew, so that everybody gets the same inputs


@hidden_test("vae-01", points=1, title="the posterior's standard deviation")
def posterior_width(student: Student):
    got = student.number("posterior_sd")
    wanted = (1 + 3**2 / 1.5**2) ** -0.5
    assert not near(got, wanted**2), "That is the variance; the standard deviation was asked for."
    assert near(got, wanted), "Precisions add: what the prior says, and what the pixel says."


@hidden_test("vae-02", points=1, title="the KL, in nats")
def kl_by_hand(student: Student):
    got = student.number("kl_by_hand")
    wanted = (2**2 + 0.25 - 1 - np.log(0.25)) / 2
    assert not near(got, 2 * wanted), "Twice the KL: a factor is missing."
    assert near(got, wanted), "Four terms and a factor: check each with mean 0 and variance 1."


def reference_kl(mean, log_var):
    return 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=-1)


@hidden_test("vae-03", points=1, title="one image")
def kl_of_one_image(student: Student):
    rng = np.random.default_rng(SEED)
    mean, log_var = rng.normal(size=(2, 5))
    got = student.numbers("kl", mean, log_var)
    wanted = reference_kl(mean, log_var)
    assert agrees(np.shape(got), np.shape(wanted)), "One image must give one number."
    assert not agrees(got, wanted / 5), "The KL is averaged over the latents, and it adds up."
    assert agrees(got, wanted), "Four terms for each latent, and a half: check one latent by hand."


@hidden_test("vae-03", points=1, title="a batch, and batches of batches")
def kl_of_batches(student: Student):
    rng = np.random.default_rng(SEED)
    for shape in ((7, 3), (2, 4, 6)):
        mean, log_var = rng.normal(size=(2, *shape))
        got = student.numbers("kl", mean, log_var)
        assert agrees(got, reference_kl(mean, log_var)), "One number an image is wanted, any batch."


@hidden_test("vae-03", points=1, title="far from the standard normal")
def kl_far_away(student: Student):
    rng = np.random.default_rng(SEED)
    mean, log_var = np.full((2, 4), 3.0), rng.uniform(-8, 4, size=(2, 4))
    got = student.numbers("kl", mean, log_var)
    assert agrees(got, reference_kl(mean, log_var)), "Very narrow or wide q give another value."


@hidden_test("vae-04", points=1, title="narrow and wide q")
def width_of_samples(student: Student):
    rng = np.random.default_rng(SEED)
    for level in (-5.0, 2.5):
        mean, noise = rng.normal(size=(2, 6))
        got = student.numbers("draw", mean, np.full(6, level), noise)
        wanted = mean + np.exp(level / 2) * noise
        too_wide = mean + np.exp(level) * noise
        assert not agrees(got, too_wide), "The noise is stretched by the variance, not by its root."
        assert agrees(got, wanted), "The samples do not have the width that log_var says."


@hidden_test("vae-04", points=1, title="a batch, each latent with its own width")
def batch_of_samples(student: Student):
    rng = np.random.default_rng(SEED)
    mean, log_var, noise = rng.normal(size=(3, 8, 2))
    got = student.numbers("draw", mean, log_var, noise)
    assert np.shape(got) == mean.shape, "One sample for each mean is wanted."
    too_wide = mean + np.exp(log_var) * noise
    assert not agrees(got, too_wide), "The noise is stretched by the variance, and not by its root."
    assert not agrees(got, mean + np.exp(log_var / 2)), "The noise is not used."
    right = np.isclose(got, mean + np.exp(log_var / 2) * noise, rtol=1e-4, atol=1e-7)
    assert right.any(), "No sample is the mean and the noise times the width that log_var says."
    assert right.all(), "Some latents get the width, or the noise, of another one."


@hidden_test("vae-05", points=2, title="the slope, element by element")
def slope(student: Student):
    rng = np.random.default_rng(SEED)
    log_var = rng.normal(size=(4, 3)) * 2
    got = student.numbers("kl_slope", log_var)
    wanted = 0.5 * (np.exp(log_var) - 1)
    assert np.shape(got) == np.shape(wanted), "There is one slope for each element."
    if agrees(got, 2 * wanted):
        return 1, "Twice the slope: a factor is missing."
    if agrees(got, -wanted):
        return 1, "The slope has the wrong sign."
    assert agrees(got, wanted), "A finite difference of the KL gives something else."
    return None


@hidden_test("vae-06", points=2, title="the gap, in nats")
def gap(student: Student):
    got = student.number("gap")
    ratio = (1 / 4) / (1 / 6)
    wanted = 0.5 * ((1 / 3) ** 2 * 6 + ratio - 1 - np.log(ratio))
    if near(got, 2 * wanted):
        return 1, "Twice the gap: a factor is missing."
    assert near(got, wanted), "The gap is the KL of q from the posterior, in this order."
    return None


def reference_bound(log_w):
    largest = log_w.max(axis=0)
    return largest + np.log(np.mean(np.exp(log_w - largest), axis=0))


@hidden_test("vae-07", points=2, title="weights of ordinary size")
def bound(student: Student):
    rng = np.random.default_rng(SEED)
    log_w = rng.normal(-1, 1.5, size=(12, 5))
    got = student.numbers("importance_bound", log_w)
    wanted = reference_bound(log_w)
    assert np.shape(got) == (5,), "One bound an image is wanted; the draws are on the first axis."
    assert not agrees(got, log_w.mean(axis=0)), "That is the mean of the log weights: the ELBO."
    if agrees(got, wanted + np.log(12)):
        return 1, "The weights are added and not averaged."
    assert agrees(got, wanted), "Weights are averaged over the draws before the logarithm is taken."
    return None


@hidden_test("vae-07", points=1, title="weights of real images, and smaller")
def stable_bound(student: Student):
    rng = np.random.default_rng(SEED)
    for level in (-240, -1500):
        log_w = rng.normal(level, 4, size=(8, 3))
        got = student.numbers("importance_bound", log_w)
        assert agrees(got, reference_bound(log_w)), "Very small weights give something else."


@hidden_test("vae-08", points=1, title="several latents")
def diagonal_gap(student: Student):
    rng = np.random.default_rng(SEED)
    for shape in ((4, 3), (8, 5)):
        weights = rng.normal(size=shape)
        precision = np.eye(shape[1]) + weights.T @ weights
        wanted = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
        got = student.numbers("diagonal_gap", precision)
        assert agrees(got, wanted), "The best diagonal q leaves another gap."


@hidden_test("vae-08", points=1, title="latents that do not share a pixel")
def no_gap(student: Student):
    rng = np.random.default_rng(SEED)
    got = student.numbers("diagonal_gap", np.diag(rng.uniform(1, 9, size=4)))
    assert agrees(got, 0.0, atol=1e-6), "Then the posterior is diagonal itself, and no gap is left."


def reference_gradients(f, mean, log_var, eps):
    sigma = np.exp(log_var / 2)
    values = f(mean + sigma * eps)
    return np.mean(values * eps) / sigma, np.mean(values * (eps**2 - 1)) / 2


@hidden_test("vae-09", points=2, title="q of several widths")
def score_gradients(student: Student):
    rng = np.random.default_rng(SEED)
    right = np.ones(2, bool)
    for f, mean, log_var in ((np.square, 0.7, -1.5), (np.sin, -0.4, 1.1)):
        eps = rng.normal(size=50)
        got = student.parts("score_gradient", 2, f, mean, log_var, eps)
        wanted = reference_gradients(f, mean, log_var, eps)
        right &= [agrees(g, w) for g, w in zip(got, wanted, strict=True)]
    which = ("the mean", "log σ²")
    if right.sum() == 1:
        return 1, f"The estimate by {which[int(right.argmin())]} is another: derive log q by it."
    assert right.all(), "Neither of the two estimates is right."
    return None


@hidden_test("vae-09", points=1, title="q of variance 1")
def standard_scores(student: Student):
    rng = np.random.default_rng(SEED)
    eps = rng.normal(size=30)
    got = student.parts("score_gradient", 2, np.exp, 0.2, 0.0, eps)
    assert agrees(got, reference_gradients(np.exp, 0.2, 0.0, eps)), (
        "Something is missing at variance 1."
    )
