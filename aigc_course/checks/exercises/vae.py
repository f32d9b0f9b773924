"""Exercises on chapter 4, the mathematics of the VAE."""

from __future__ import annotations

import numpy as np

from aigc_course.checks.exercises import Exercise
from aigc_course.checks.matchers import Case, Mistake, function, number


def _latents(seed: int) -> list[Case]:
    """Means and log-variances: a batch, a single image, one latent, large log-variances."""
    rng = np.random.default_rng([4, seed])
    shapes = {"a batch": (5, 3), "one image without a batch axis": (4,), "one latent": (6, 1)}
    cases = [
        Case((rng.normal(size=shape), rng.normal(size=shape)), about)
        for about, shape in shapes.items()
    ]
    return [*cases, Case((np.zeros((2, 3)), np.full((2, 3), 3.0)), "means of 0, wide q")]


def kl(mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """KL( N(mean, exp(log_var)) || N(0, I) ), summed over the last axis; nats."""
    return 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var).sum(axis=-1)


def _samples() -> list[Case]:
    rng = np.random.default_rng([4, 4])
    arrays = [tuple(rng.normal(size=(3, *shape))) for shape in ((4,), (5, 2))]
    narrow = np.ones(3), np.full(3, -4.0), np.ones(3)
    return [*(Case(a) for a in arrays), Case(narrow, "narrow q")]


def _slopes() -> list[Case]:
    return [
        Case((np.random.default_rng([4, 5]).normal(size=7),)),
        Case((np.array([[-3.0, 0.5], [2.0, 1.0]]),), "a batch"),
    ]


def bound(log_w: np.ndarray) -> np.ndarray:
    """log of the mean importance weight over the first axis, without overflow."""
    largest = log_w.max(axis=0)
    return largest + np.log(np.exp(log_w - largest).mean(axis=0))


def _log_weights() -> list[Case]:
    rng = np.random.default_rng([4, 7])
    return [
        Case((rng.normal(-2, 2, (10, 4)),), "10 draws for 4 images"),
        Case((rng.normal(-230, 5, (5, 3)),), "weights of real images, about exp(-230)"),
        Case((rng.normal(-900, 5, (6, 6)),), "weights of about exp(-900)"),
        Case((rng.normal(size=(1, 3)),), "a single draw"),
    ]


def score_gradient(f, mean: float, log_var: float, eps: np.ndarray) -> tuple:
    """The score-function estimates of d/d mean and d/d log_var of E f(z)."""
    sigma = np.exp(0.5 * log_var)
    values = f(mean + sigma * eps)
    return np.mean(values * eps / sigma), np.mean(values * 0.5 * (eps**2 - 1))


def _estimates() -> list[Case]:
    rng = np.random.default_rng([4, 9])
    return [
        Case((np.square, 0.5, -1.0, rng.normal(size=40)), "f(z) = z squared"),
        Case((np.cos, -1.0, 0.8, rng.normal(size=40)), "f(z) = cos z"),
        Case((np.exp, 0.3, 0.0, rng.normal(size=9)), "q of variance 1"),
    ]


def diagonal_gap(precision: np.ndarray) -> float:
    """What the best diagonal q leaves of log p(x), for a Gaussian posterior; nats."""
    return 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])


def _precisions() -> list[Case]:
    rng = np.random.default_rng([4, 8])
    weights = [rng.normal(size=shape) for shape in ((3, 2), (6, 4), (5, 1))]
    about = ("two latents", "four latents", "one latent, where no gap is left")
    return [Case((np.eye(w.shape[1]) + w.T @ w,), a) for w, a in zip(weights, about, strict=True)]


EXERCISES = (
    Exercise(
        "vae-01",
        "How narrow is the posterior?",
        "predict, then run",
        4,
        number(
            1 / np.sqrt(5),
            Mistake(
                "variance for sd",
                1 / 5,
                "That is the posterior's variance.",
                "The question asks for the width in the units of z: how do you get from a "
                "variance to a standard deviation?",
            ),
            Mistake(
                "no prior",
                0.5,
                "You have counted what the pixel says and left out what the prior says.",
                "Precisions add: the pixel gives 4. How much does a standard normal prior give?",
            ),
            Mistake(
                "noise not squared",
                1 / np.sqrt(7),
                "The noise s went in as it is, and its square belongs there.",
                "s is a standard deviation. What stands under W² in the posterior's precision?",
            ),
            Mistake(
                "precision",
                5.0,
                "That is the posterior's precision, one over its variance.",
                "Two steps are left: from the precision to the variance, then to the sd.",
            ),
            praise="The posterior is less than half as wide as the prior: one pixel says a lot.",
        ),
        "The precisions of prior and pixel add: 1 + W²/s² = 1 + 9/2.25 = 5. The variance is 1/5 "
        "and the standard deviation its root.",
    ),
    Exercise(
        "vae-02",
        "A KL by hand",
        "by hand",
        5,
        number(
            0.5 * (4 + 0.25 - 1 - np.log(0.25)),
            Mistake(
                "no half",
                4 + 0.25 - 1 - np.log(0.25),
                "Twice the KL: the factor in front is missing.",
                "Both log densities carry a ½ before their squares. What becomes of it in step 4?",
            ),
            Mistake(
                "log sigma for log variance",
                0.5 * (4 + 0.25 - 1 - np.log(0.5)),
                "The last term is log σ, and log σ² belongs there.",
                "Look at the first line of the derivation: which power of σ is in the logarithm?",
            ),
            Mistake(
                "sd for variance",
                0.5 * (4 + 0.5 - 1 - np.log(0.5)),
                "You have put σ = 0.5 in both places where σ² belongs.",
                "The question gives the variance. Which of the two does the formula contain?",
            ),
            Mistake(
                "sign of the logarithm",
                0.5 * (4 + 0.25 - 1 + np.log(0.25)),
                "The logarithm has the wrong sign.",
                "A narrower q must cost more. Does your formula say so?",
            ),
            Mistake(
                "no minus one",
                0.5 * (4 + 0.25 - np.log(0.25)),
                "The KL of q = p would not be 0 with this formula.",
                "Put mean 0 and variance 1 in: which constant is missing?",
            ),
            unit="nats",
            praise="Most of it, 2 nats, is paid for the mean.",
        ),
        "½(μ² + σ² − 1 − log σ²) with μ = 2 and σ² = 0.25: ½(4 + 0.25 − 1 + 1.386).",
    ),
    Exercise(
        "vae-03",
        "The KL as a function",
        "build it",
        8,
        function(
            kl,
            lambda: _latents(3),
            Mistake(
                "mean for sum",
                lambda m, v: 0.5 * (m**2 + np.exp(v) - 1 - v).mean(axis=-1),
                "The KL is averaged over the latents, and it adds up.",
                "Independent latents: their log densities add. What does a mean over 32 of them "
                "do to the objective?",
            ),
            Mistake(
                "sign",
                lambda m, v: -kl(m, v),
                "Everything is right but the sign: this KL is negative.",
                "What is the smallest value that a KL can have, and when does it have it?",
            ),
            Mistake(
                "no half",
                lambda m, v: 2 * kl(m, v),
                "Twice the KL.",
                "Compare with the number that you computed by hand in vae-02.",
            ),
            Mistake(
                "log variance for variance",
                lambda m, v: 0.5 * (m**2 + v - 1 - np.log(np.abs(v))).sum(axis=-1),
                "log_var is used as if it were the variance.",
                "log_var may be negative, a variance may not. How do you get one from the other?",
            ),
            Mistake(
                "log variance unlogged once",
                lambda m, v: 0.5 * (m**2 + v - 1 - v).sum(axis=-1),
                "The variance itself is missing: log_var stands in its place.",
                "The formula contains both σ² and log σ². The function is given only one of them.",
            ),
            Mistake(
                "sd for variance",
                lambda m, v: 0.5 * (m**2 + np.exp(0.5 * v) - 1 - v).sum(axis=-1),
                "exp(0.5 * log_var) is the standard deviation, and the KL contains the variance.",
                "Try mean 0 and log_var = log 4 by hand.",
            ),
            Mistake(
                "log sigma for log variance",
                lambda m, v: 0.5 * (m**2 + np.exp(2 * v) - 1 - 2 * v).sum(axis=-1),
                "log_var is treated as log σ.",
                "exp(log_var) is already a square: of what?",
            ),
            Mistake(
                "summed over the batch too",
                lambda m, v: kl(m, v).sum(),
                "One number for the whole batch: every axis is summed.",
                "Each image has its own KL. Which axis holds the latents of one image?",
            ),
            Mistake(
                "summed over the batch",
                lambda m, v: 0.5 * (m**2 + np.exp(v) - 1 - v).sum(axis=0),
                "The sum runs over the images and keeps the latents.",
                "The batch comes first, the latents last: which axis is to disappear?",
            ),
            Mistake(
                "no minus one",
                lambda m, v: 0.5 * (m**2 + np.exp(v) - v).sum(axis=-1),
                "At mean 0 and log_var 0 this is not 0.",
                "Which constant makes the KL of a distribution from itself vanish?",
            ),
            praise="Summed over latents, one number an image, for any batch shape.",
        ),
        "Turn log_var into a variance with exp, form ½(μ² + σ² − 1 − log σ²) element by element, "
        "and sum over the last axis only.",
    ),
    Exercise(
        "vae-04",
        "Samples of the wrong width",
        "fix the bug",
        5,
        function(
            lambda m, v, e: m + np.exp(0.5 * v) * e,
            _samples,
            Mistake(
                "as given",
                lambda m, v, e: m + np.exp(v) * e,
                "This is the function as it was handed out; its samples have the wrong width.",
                "Put log_var = -4 in: which standard deviation should the samples have, and "
                "which do they have?",
                given=True,
            ),
            Mistake(
                "wrong direction",
                lambda m, v, e: m + np.exp(2 * v) * e,
                "Now the exponent is doubled, which makes narrow samples narrower still.",
                "σ = √σ². What does a root do to an exponent?",
            ),
            Mistake(
                "half the variance",
                lambda m, v, e: m + 0.5 * np.exp(v) * e,
                "The ½ stands in front of the exponential.",
                "A root of exp(a) is not half of exp(a). Where does the ½ go?",
            ),
            Mistake(
                "root of the logarithm",
                lambda m, v, e: m + np.sqrt(np.abs(v)) * e,
                "That is the root of the logarithm.",
                "First undo the logarithm, then take the root; or do both at once in the exponent.",
            ),
            Mistake(
                "no log_var",
                lambda m, v, e: m + e,
                "The width no longer depends on log_var.",
                "The encoder's second output must still stretch the noise.",
            ),
            praise="σ = exp(½ log σ²); the bug would have shown only where q is not of width 1.",
        ),
        "log_var is the logarithm of σ². The standard deviation is exp(0.5 * log_var), and that "
        "is what stretches the noise.",
    ),
    Exercise(
        "vae-05",
        "The slope of the KL",
        "derive",
        6,
        function(
            lambda v: 0.5 * (np.exp(v) - 1),
            _slopes,
            Mistake(
                "slope in the variance",
                lambda v: 0.5 * (1 - np.exp(-v)),
                "That is the derivative by the variance.",
                "The network gives log σ². Use the chain rule once more, or write the KL with "
                "v = log σ² before differentiating.",
            ),
            Mistake(
                "slope in log sigma",
                lambda v: np.exp(v) - 1,
                "That is twice the slope; it would be right for log σ in place of log σ².",
                "Which of the two is the variable here, and what becomes of the ½?",
            ),
            Mistake(
                "sign",
                lambda v: 0.5 * (1 - np.exp(v)),
                "The slope has the wrong sign.",
                "For a very wide q, does the KL grow or fall when log_var grows?",
            ),
            Mistake(
                "constant kept",
                lambda v: 0.5 * np.exp(v),
                "The term -log_var of the KL has disappeared in differentiating.",
                "Where must the slope be 0? Put that value in.",
            ),
            Mistake(
                "the KL itself",
                lambda v: 0.5 * (np.exp(v) - 1 - v),
                "That is the KL for mean 0, not its slope.",
                "Differentiate it once by log_var, term by term.",
            ),
            praise="It vanishes at log_var = 0, and the finite difference below confirms it.",
        ),
        "With v = log σ² the KL is ½(μ² + exp(v) − 1 − v). Differentiate term by term: "
        "½(exp(v) − 1).",
    ),
    Exercise(
        "vae-06",
        "What the bound leaves out",
        "derive",
        8,
        number(
            0.5 * (6 / 9 + 1.5 - 1 - np.log(1.5)),
            Mistake(
                "KL to the prior",
                0.5 * (1 + 0.25 - 1 - np.log(0.25)),
                "That is KL(q || prior), the price that the ELBO charges.",
                "The gap compares q with another distribution: the one that the encoder tries "
                "to hit.",
            ),
            Mistake(
                "KL reversed",
                0.5 * (4 / 9 + 2 / 3 - 1 + np.log(1.5)),
                "The two distributions have changed places.",
                "The average is taken under q. Which of the two variances is then divided by the "
                "other?",
            ),
            Mistake(
                "no half",
                6 / 9 + 1.5 - 1 - np.log(1.5),
                "Twice the gap.",
                "The KL of two Gaussians begins with a factor.",
            ),
            Mistake(
                "distance not squared",
                0.5 * (2 + 1.5 - 1 - np.log(1.5)),
                "The distance of the means went in without its square.",
                "In units of the posterior's sd the means are (1/3)/√(1/6) apart. And then?",
            ),
            Mistake(
                "means ignored",
                0.5 * (1.5 - 1 - np.log(1.5)),
                "Only the widths are compared; the means differ too.",
                "How far is q's mean from the posterior's, in posterior standard deviations?",
            ),
            unit="nats",
            praise="log p(x) is the ELBO plus exactly this, whatever q is.",
        ),
        "The gap is KL(q || posterior). In units of the posterior q has mean (1 − 4/3)/√(1/6), "
        "whose square is 2/3, and variance 0.25 · 6 = 1.5: ½(2/3 + 1.5 − 1 − log 1.5).",
    ),
    Exercise(
        "vae-07",
        "The importance-weighted bound",
        "build it",
        9,
        function(
            bound,
            _log_weights,
            Mistake(
                "mean of the logarithms",
                lambda w: w.mean(axis=0),
                "The mean of the log weights: that is the ELBO, the loosest of these bounds.",
                "In the formula the average stands inside the logarithm. Which weights does it "
                "average?",
            ),
            Mistake(
                "sum for mean",
                lambda w: bound(w) + np.log(len(w)),
                "Too large by log k everywhere: the weights are added and not averaged.",
                "With one draw both agree. What does the factor 1/k become under the logarithm?",
            ),
            Mistake(
                "overflow",
                lambda w: np.log(np.exp(w).mean(axis=0)),
                "Right for small weights, and infinite for weights of about exp(-900).",
                "Take the largest log weight out before the exponential, and add it at the end.",
            ),
            Mistake(
                "largest not added",
                lambda w: np.log(np.exp(w - w.max(axis=0)).mean(axis=0)),
                "What was taken out before the exponential was not put back.",
                "log mean exp(l) = M + log mean exp(l - M). Which M?",
            ),
            Mistake(
                "wrong axis",
                lambda w: bound(w.T),
                "The average runs over the images and not over the draws.",
                "The draws are on the first axis: one bound an image is to remain.",
            ),
            Mistake(
                "one number",
                lambda w: bound(w.reshape(-1)),
                "All images share one bound here.",
                "Give the maximum and the mean an `axis`.",
            ),
            praise="Stable at any size, and equal to the ELBO's estimate for a single draw.",
        ),
        "Let M be the largest log weight of each image (axis 0). Then M + log of the mean over "
        "axis 0 of exp(log_w − M).",
    ),
    Exercise(
        "vae-08",
        "What the diagonal q costs",
        "derive",
        8,
        function(
            diagonal_gap,
            _precisions,
            Mistake(
                "marginal variances",
                lambda p: 0.5 * (np.log(np.diag(np.linalg.inv(p))).sum() + np.linalg.slogdet(p)[1]),
                "These are the variances of the posterior, latent by latent, and they make q too "
                "wide.",
                "The best diagonal q has the variances 1/Λᵢᵢ. Is the diagonal of Λ⁻¹ the same?",
            ),
            Mistake(
                "no half",
                lambda p: 2 * diagonal_gap(p),
                "Twice the gap.",
                "Where does the ½ of the Gaussian log density go?",
            ),
            Mistake(
                "sign",
                lambda p: -diagonal_gap(p),
                "Negative: but a gap is a KL.",
                "By Hadamard's inequality det Λ is at most the product of the diagonal. Which is "
                "subtracted from which?",
            ),
            Mistake(
                "no logarithm of the determinant",
                lambda p: 0.5 * (np.log(np.diag(p)).sum() - np.linalg.det(p)),
                "The determinant itself is subtracted.",
                "log det Λ belongs there; `np.linalg.slogdet` gives it safely.",
            ),
            Mistake(
                "trace",
                lambda p: 0.5 * (np.log(np.trace(p)) - np.linalg.slogdet(p)[1]),
                "The logarithm of the trace is not the sum of the logarithms.",
                "Take the logarithm of each diagonal entry first, then add.",
            ),
            praise="0 for a single latent, and for latents that do not share a pixel.",
        ),
        "KL of N(m, diag(1/Λᵢᵢ)) from N(m, Λ⁻¹): the traces cancel, and what remains is "
        "½(Σ log Λᵢᵢ − log det Λ).",
    ),
    Exercise(
        "vae-09",
        "The other gradient",
        "stretch",
        12,
        function(
            score_gradient,
            _estimates,
            Mistake(
                "eps not divided",
                lambda f, m, v, e: (
                    np.mean(f(m + np.exp(0.5 * v) * e) * e),
                    score_gradient(f, m, v, e)[1],
                ),
                "The first estimate is right only for q of variance 1.",
                "∂ log q/∂μ = (z − μ)/σ². How much is z − μ in terms of ε?",
            ),
            Mistake(
                "divided by the variance",
                lambda f, m, v, e: (
                    np.mean(f(m + np.exp(0.5 * v) * e) * e / np.exp(v)),
                    score_gradient(f, m, v, e)[1],
                ),
                "The first estimate divides ε by the variance.",
                "(z − μ)/σ² = σε/σ²: what is left?",
            ),
            Mistake(
                "no half",
                lambda f, m, v, e: (
                    score_gradient(f, m, v, e)[0],
                    2 * score_gradient(f, m, v, e)[1],
                ),
                "The second estimate is twice too large: it belongs to log σ.",
                "log q contains −½ log σ². What is its derivative by log σ²?",
            ),
            Mistake(
                "no minus one",
                lambda f, m, v, e: (
                    score_gradient(f, m, v, e)[0],
                    np.mean(f(m + np.exp(0.5 * v) * e) * 0.5 * e**2),
                ),
                "The normalising constant of q depends on log σ² too.",
                "A score must average to 0 under q. Does ½ε² do so?",
            ),
            Mistake(
                "width",
                lambda f, m, v, e: (
                    np.mean(f(m + np.exp(v) * e) * e / np.exp(0.5 * v)),
                    np.mean(f(m + np.exp(v) * e) * 0.5 * (e**2 - 1)),
                ),
                "The z at which f is evaluated have the wrong width.",
                "You mended the same mistake in vae-04.",
            ),
            Mistake(
                "log q of one draw",
                lambda f, m, v, e: (
                    np.mean(f(e) * e / np.exp(0.5 * v)),
                    np.mean(f(e) * 0.5 * (e**2 - 1)),
                ),
                "f is evaluated at the noise and not at z.",
                "Make z = μ + σε first.",
            ),
            praise="Unbiased, without any derivative of f; the cell below shows what that costs.",
        ),
        "With z = μ + σε: ∂ log q/∂μ = ε/σ and ∂ log q/∂ log σ² = ½(ε² − 1). Multiply each by "
        "f(z) and average.",
    ),
)
