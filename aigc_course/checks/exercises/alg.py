"""Exercises on chapter 3, the families of generative models."""

from __future__ import annotations

import numpy as np

from aigc_course.checks.exercises import Exercise
from aigc_course.checks.matchers import Case, Mistake, function, number, several

ENTROPY_OF_CHOICE = -(0.5 * np.log(0.5) + 0.3 * np.log(0.3) + 0.2 * np.log(0.2))
ENTROPY_OF_ISLAND = np.log(2 * np.pi * np.e * 0.2**2)


def table_score(table, first, second, width) -> np.ndarray:
    """log p(x1, x2) of points in bars, from probabilities of shape (K + 1, K)."""
    return np.log(table[-1, first]) + np.log(table[first, second]) - 2 * np.log(width)


def _tables() -> list[Case]:
    rng = np.random.default_rng([3, 3])
    cases = []
    for bars, points, width in ((4, 6, 0.5), (7, 3, 0.05), (3, 9, 1.0)):
        table = rng.dirichlet(np.ones(bars), bars + 1)
        first, second = rng.integers(0, bars, (2, points))
        about = f"{bars} bars of width {width}"
        cases.append(Case((table, first, second, width), about))
    return cases


def flow_pair(noise, x, t) -> tuple:
    """Where a straight line from noise to x is at time t, and its direction."""
    return (1 - t) * noise + t * x, x - noise


def _pairs() -> list[Case]:
    rng = np.random.default_rng([3, 5])
    cases = [(rng.normal(size=(n, d)), rng.normal(size=(n, d)), rng.random((n, 1))) for n, d in
             ((5, 2), (3, 7))]  # fmt: skip
    ends = (np.ones((2, 2)), np.full((2, 2), 3.0), np.array([[0.0], [1.0]]))
    return [*(Case(c) for c in cases), Case(ends, "the two ends, t = 0 and t = 1")]


def heun(velocity, x, start, end) -> np.ndarray:
    """One step of Heun's method."""
    first = velocity(x, start)
    second = velocity(x + (end - start) * first, end)
    return x + (end - start) * (first + second) / 2


def _winds() -> list[Case]:
    x = np.random.default_rng([3, 6]).normal(size=(4, 2))
    return [
        Case((lambda x, t: -x + 3 * t, x, 0.2, 0.5), "a wind that changes with place and time"),
        Case((lambda x, t: np.sin(x) * (1 + t), x, 0.0, 0.25), "a curved wind"),
        Case((lambda x, t: np.cos(5 * t) + 0 * x, x, 1.0, 0.9), "a step backwards in time"),
    ]


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x)) without overflow."""
    return np.logaddexp(0, x)


def gan_losses(real, fake) -> tuple:
    """The critic's and the generator's loss, non-saturating; nats."""
    return np.mean(softplus(-real)) + np.mean(softplus(fake)), np.mean(softplus(-fake))


def _logits() -> list[Case]:
    rng = np.random.default_rng([3, 7])
    return [
        Case((rng.normal(1, 2, 9), rng.normal(-1, 2, 9)), "a batch of 9"),
        Case((rng.normal(size=5), rng.normal(size=12)), "batches of 5 and 12"),
        Case((np.array([900.0, -2.0]), np.array([-900.0, 1000.0])), "logits of ±1000"),
    ]


def weight_error(x, centres, weights) -> float:
    """The largest difference between an island's share of the points and its weight."""
    nearest = np.linalg.norm(x[:, None] - centres, axis=-1).argmin(axis=1)
    return np.abs(np.bincount(nearest, minlength=len(weights)) / len(x) - weights).max()


def _points() -> list[Case]:
    rng = np.random.default_rng([3, 8])
    centres, weights = rng.normal(size=(4, 2)) * 3, np.array([0.4, 0.3, 0.2, 0.1])
    few = centres[rng.choice(4, 50, p=[0.7, 0.1, 0.1, 0.1])] + rng.normal(size=(50, 2)) * 0.1
    return [
        Case((rng.normal(size=(200, 2)) * 3, centres, weights), "200 points in the sea"),
        Case((few, centres, weights), "an island that is visited too often"),
        Case((centres[1:].repeat(5, axis=0), centres, weights), "an island that no point visits"),
    ]


def _shares(x, centres) -> np.ndarray:
    nearest = np.linalg.norm(x[:, None] - centres, axis=-1).argmin(axis=1)
    return np.bincount(nearest, minlength=len(centres)) / len(x)


def gaussian_velocity(place, t, mean, sd) -> np.ndarray:
    """E[x - n | x_t] for data N(mean, sd**2) and standard normal noise."""
    covariance, variance = t * sd**2 - (1 - t), t**2 * sd**2 + (1 - t) ** 2
    return mean + covariance / variance * (place - t * mean)


def _places() -> list[Case]:
    places = np.linspace(-2, 3, 5)
    return [
        Case((places, 0.3, 1.0, 0.5), "t = 0.3"),
        Case((places, 0.8, -2.0, 2.0), "t = 0.8, wide data"),
        Case((places, 0.0, 1.5, 0.7), "t = 0, where the place is noise"),
        Case((places, 1.0, 1.5, 0.7), "t = 1, where the place is data"),
    ]


def _passes(value: int, *mistakes: Mistake):
    return number(value, *mistakes, rtol=1e-9)


EXERCISES = (
    Exercise(
        "alg-01",
        "How many passes for one picture?",
        "predict, then run",
        5,
        several(
            {
                "autoregressive": _passes(
                    3072,
                    Mistake(
                        "channels forgotten",
                        1024,
                        "That counts the pixels, and each pixel has three numbers.",
                        "One pass for each number that is drawn: red, green and blue are three.",
                    ),
                    Mistake(
                        "training for sampling",
                        1,
                        "One pass scores a picture that is there. Drawing a new one is different.",
                        "The second number needs the first as an input: can both be drawn at once?",
                    ),
                ),
                "vae": _passes(
                    1,
                    Mistake(
                        "encoder counted",
                        2,
                        "The encoder has nothing to do when a new picture is drawn.",
                        "Which of the two networks does sampling use?",
                    ),
                ),
                "flow": _passes(
                    50,
                    Mistake(
                        "one pass a step",
                        25,
                        "That is one pass a step, which would be Euler's method.",
                        "How often does Heun's method ask for the wind in one step?",
                    ),
                    Mistake(
                        "a pass a number",
                        50 * 3072,
                        "The network gives the velocity of all numbers at once.",
                        "Passes count steps here, not pixels.",
                    ),
                ),
                "gan": _passes(
                    1,
                    Mistake(
                        "critic counted",
                        2,
                        "The discriminator is needed in training only.",
                        "Which network turns noise into a picture?",
                    ),
                ),
            },
            praise="The same picture, from 1 pass to 3,072.",
        ),
        "Autoregressive: one pass a number, 32 · 32 · 3. VAE and GAN: the decoder, or generator, "
        "once. Flow: two passes for each of 25 steps of Heun's method.",
    ),
    Exercise(
        "alg-02",
        "The best score there is",
        "by hand",
        6,
        number(
            -(ENTROPY_OF_CHOICE + ENTROPY_OF_ISLAND),
            Mistake(
                "sign",
                ENTROPY_OF_CHOICE + ENTROPY_OF_ISLAND,
                "That is the entropy.",
                "The best score is a mean log density. How is it related to the entropy?",
            ),
            Mistake(
                "one dimension",
                -(ENTROPY_OF_CHOICE + ENTROPY_OF_ISLAND / 2),
                "The islands were taken as one-dimensional.",
                "A point is two numbers: how often does ½ log(2πeσ²) count?",
            ),
            Mistake(
                "choice forgotten",
                -ENTROPY_OF_ISLAND,
                "That would be the score if you knew the island of each point.",
                "The entropy of the choice between three islands is missing.",
            ),
            Mistake(
                "island forgotten",
                -ENTROPY_OF_CHOICE,
                "Only the choice of an island is counted, not the place on it.",
                "What is the entropy of a round Gaussian in two dimensions?",
            ),
            Mistake(
                "sd for variance",
                -(ENTROPY_OF_CHOICE + np.log(2 * np.pi * np.e * 0.2)),
                "The 0.2 went in without its square.",
                "0.2 is the standard deviation; the entropy contains the variance.",
            ),
            unit="nats",
            praise="No model can score higher on held-out points, except by luck.",
        ),
        "Minus the entropy: that of the choice, −Σ w log w = 1.030, plus that of one island in two "
        "dimensions, log(2πe · 0.04) = −0.381.",
    ),
    Exercise(
        "alg-03",
        "Score a point, number by number",
        "build it",
        8,
        function(
            table_score,
            _tables,
            Mistake(
                "no width",
                lambda t, a, b, w: np.log(t[-1, a]) + np.log(t[a, b]),
                "These are log probabilities of bars.",
                "A density is probability per unit. Each of the two numbers has such bars.",
            ),
            Mistake(
                "one width",
                lambda t, a, b, w: np.log(t[-1, a]) + np.log(t[a, b]) - np.log(w),
                "One width is missing.",
                "A box in the plane has two sides.",
            ),
            Mistake(
                "independent",
                lambda t, a, b, w: np.log(t[-1, a]) + np.log(t[-1, b]) - 2 * np.log(w),
                "The second number is scored as if the first were not known.",
                "Which row of the table knows the first bar?",
            ),
            Mistake(
                "order reversed",
                lambda t, a, b, w: np.log(t[-1, b]) + np.log(t[b, a]) - 2 * np.log(w),
                "The second number is written first.",
                "This network has been trained on x1, then x2.",
            ),
            Mistake(
                "conditional transposed",
                lambda t, a, b, w: np.log(t[-1, a]) + np.log(t[b, a]) - 2 * np.log(w),
                "Row and column of the second factor have changed places.",
                "The row says what has been written already.",
            ),
            Mistake(
                "width added",
                lambda t, a, b, w: np.log(t[-1, a]) + np.log(t[a, b]) + 2 * np.log(w),
                "The widths go in the wrong way.",
                "Narrower bars with the same probability have a higher density.",
            ),
            praise="A product of two conditionals, nothing left out.",
        ),
        "log p(x1) from the last row, log p(x2 | x1) from the row of the first bar, and each "
        "divided by the width: minus 2 log width.",
    ),
    Exercise(
        "alg-04",
        "What the sea costs",
        "derive",
        4,
        number(
            -np.log(0.8),
            Mistake(
                "the share itself",
                -np.log(0.2),
                "That is the cost of having only a fifth left for the islands.",
                "How much probability is left where the data are?",
            ),
            Mistake(
                "share for nats",
                0.2,
                "That is the probability that is lost, not yet what it costs in nats.",
                "All densities on the islands are smaller by the same factor. Take its logarithm.",
            ),
            Mistake(
                "decimal logarithm",
                -np.log10(0.8),
                "That is a decimal logarithm.",
                "Nats need the natural one.",
            ),
            Mistake(
                "sign",
                np.log(0.8),
                "The question asks for a loss, as a positive number.",
                "By how much is the score *below* the best one?",
            ),
            unit="nats",
            praise="At least that much; a VAE with a quarter in the sea lost at least 0.29.",
        ),
        "On the islands at most 80 % of the true density is left, so each log density is lower by "
        "at least −log 0.8.",
    ),
    Exercise(
        "alg-05",
        "A wind that blows the wrong way",
        "fix the bug",
        5,
        function(
            flow_pair,
            _pairs,
            Mistake(
                "as given",
                lambda n, x, t: ((1 - t) * n + t * x, n - x),
                "This is the function as it was handed out: its place and its direction disagree.",
                "Let t grow a little: in which direction does the place move?",
                given=True,
            ),
            Mistake(
                "place turned round",
                lambda n, x, t: (t * n + (1 - t) * x, n - x),
                "Now both agree, and time runs from data to noise.",
                "In this course noise is at t = 0 and data at t = 1, and sampling starts at 0.",
            ),
            Mistake(
                "the end for the direction",
                lambda n, x, t: ((1 - t) * n + t * x, x),
                "The target is the end of the line, not its direction.",
                "Differentiate the place by t: two terms depend on t.",
            ),
            Mistake(
                "direction to go",
                lambda n, x, t: ((1 - t) * n + t * x, x - ((1 - t) * n + t * x)),
                "The target is the way that is left, and shrinks as t grows.",
                "On a straight line with constant speed the velocity is the same at all times.",
            ),
            Mistake(
                "turned twice",
                lambda n, x, t: (t * n + (1 - t) * x, x - n),
                "The place was turned round, the direction too: they disagree as before.",
                "Change one of the two, and test with t = 0: where are you then?",
            ),
            praise="The place is noise at t = 0 and data at t = 1, and moves along x − noise.",
        ),
        "The place is (1 − t) · noise + t · x. Its derivative by t is x − noise.",
    ),
    Exercise(
        "alg-06",
        "One step of Heun's method",
        "build it",
        7,
        function(
            heun,
            _winds,
            Mistake(
                "Euler",
                lambda v, x, a, b: x + (b - a) * v(x, a),
                "That is Euler's step: it knows the wind at the start only.",
                "Ask once more for the wind, at the provisional end, and go along the average.",
            ),
            Mistake(
                "midpoint",
                lambda v, x, a, b: x + (b - a) * v(x + (b - a) / 2 * v(x, a), (a + b) / 2),
                "That is the midpoint method, just as exact and another one.",
                "Heun looks at both ends of the step and not at its middle.",
            ),
            Mistake(
                "time of the second look",
                lambda v, x, a, b: x + (b - a) * (v(x, a) + v(x + (b - a) * v(x, a), a)) / 2,
                "The second look goes to the right place at the wrong time.",
                "When the provisional end is reached, the clock shows another time.",
            ),
            Mistake(
                "place of the second look",
                lambda v, x, a, b: x + (b - a) * (v(x, a) + v(x, b)) / 2,
                "The second look stays at the old place.",
                "Go the whole step along the first wind, then ask.",
            ),
            Mistake(
                "sum for mean",
                lambda v, x, a, b: x + (b - a) * (v(x, a) + v(x + (b - a) * v(x, a), b)),
                "The two winds are added and not averaged: the step is twice too long.",
                "With a constant wind, how far should one step go?",
            ),
            Mistake(
                "second only",
                lambda v, x, a, b: x + (b - a) * v(x + (b - a) * v(x, a), b),
                "Only the second wind is used.",
                "Heun goes along the average of both.",
            ),
            praise="Two passes a step, and an error that falls with the square of the step.",
        ),
        "first = v(x, start); second = v(x + h · first, end) with h = end − start; the result is "
        "x + h · (first + second)/2.",
    ),
    Exercise(
        "alg-07",
        "The losses of forger and critic",
        "build it",
        8,
        function(
            gan_losses,
            _logits,
            Mistake(
                "roles exchanged",
                lambda r, f: (
                    np.mean(softplus(r)) + np.mean(softplus(-f)),
                    np.mean(softplus(f)),
                ),
                "Both signs are turned: this critic calls made points real.",
                "A loss falls when the player does well. Should the critic's number be high or "
                "low for real points?",
            ),
            Mistake(
                "saturating",
                lambda r, f: (gan_losses(r, f)[0], -np.mean(softplus(f))),
                "That is the saturating loss of the generator.",
                "Where the critic is sure, its slope is 0. Which loss asks to be called real?",
            ),
            Mistake(
                "sum for mean",
                lambda r, f: (
                    np.sum(softplus(-r)) + np.sum(softplus(f)),
                    np.sum(softplus(-f)),
                ),
                "The losses are summed over the batch.",
                "With batches of other sizes the two parts would weigh differently.",
            ),
            Mistake(
                "averaged together",
                lambda r, f: (
                    np.mean(np.concatenate([softplus(-r), softplus(f)])),
                    np.mean(softplus(-f)),
                ),
                "Real and made points are averaged together.",
                "Take the mean of each, and add the two means.",
            ),
            Mistake(
                "overflow",
                lambda r, f: (
                    np.mean(np.log1p(np.exp(-r))) + np.mean(np.log1p(np.exp(f))),
                    np.mean(np.log1p(np.exp(-f))),
                ),
                "Right for small logits, and infinite for a logit of 1000.",
                "softplus is a log of a sum of exponentials: `np.logaddexp` does that safely.",
            ),
            praise="The critic's loss at undecided logits is 2 log 2, and nothing overflows.",
        ),
        "softplus(x) = np.logaddexp(0, x). Critic: mean softplus(−real) + mean softplus(fake). "
        "Generator: mean softplus(−fake).",
    ),
    Exercise(
        "alg-08",
        "Judge a generator",
        "build it",
        7,
        function(
            weight_error,
            _points,
            Mistake(
                "mean for largest",
                lambda x, c, w: np.abs(_shares(x, c) - w).mean(),
                "That averages over the islands.",
                "One forgotten island must not be hidden by seven right ones.",
            ),
            Mistake(
                "signed",
                lambda x, c, w: (_shares(x, c) - w).max(),
                "An island with too few points does not count here.",
                "Too much and too little are both errors.",
            ),
            Mistake(
                "counts for shares",
                lambda x, c, w: np.abs(_shares(x, c) * len(x) - w).max(),
                "Counts are compared with weights.",
                "Weights add up to 1. What must the counts be divided by?",
            ),
            Mistake(
                "squares",
                lambda x, c, w: np.square(_shares(x, c) - w).max(),
                "The differences are squared.",
                "The chapter reports the difference itself, so that 0.01 means one per cent.",
            ),
            Mistake(
                "farthest island",
                lambda x, c, w: np.abs(
                    np.bincount(
                        np.linalg.norm(x[:, None] - c, axis=-1).argmax(axis=1), minlength=len(w)
                    )
                    / len(x)
                    - w
                ).max(),
                "Each point is given to the island farthest away.",
                "Which of `argmin` and `argmax` finds the nearest?",
            ),
            praise="It also counts the islands on which no sample lies.",
        ),
        "Distances of shape (N, K), argmin over K, bincount with minlength=K, divided by N; then "
        "the largest absolute difference from the weights.",
    ),
    Exercise(
        "alg-09",
        "A velocity that needs no network",
        "stretch",
        15,
        function(
            gaussian_velocity,
            _places,
            Mistake(
                "not conditioned",
                lambda x, t, m, s: m + 0 * x,
                "That is the average direction of all pairs, wherever they are.",
                "The place says something about the pair: how much of x − n can be told from it?",
            ),
            Mistake(
                "noise forgotten",
                lambda x, t, m, s: m + t * s**2 / (t**2 * s**2 + (1 - t) ** 2) * (x - t * m),
                "The covariance of x − n with the place lacks the part of the noise.",
                "n is in the direction with −1 and in the place with 1 − t.",
            ),
            Mistake(
                "sign of the noise",
                lambda x, t, m, s: (
                    m + (t * s**2 + (1 - t)) / (t**2 * s**2 + (1 - t) ** 2) * (x - t * m)
                ),
                "The noise enters the covariance with the wrong sign.",
                "n is subtracted in x − n and added in the place. Which sign has their product?",
            ),
            Mistake(
                "not centred",
                lambda x, t, m, s: m + (t * s**2 - (1 - t)) / (t**2 * s**2 + (1 - t) ** 2) * x,
                "The place was not compared with its own mean.",
                "A regression looks at the deviation. What is the mean of the place at time t?",
            ),
            Mistake(
                "sd for variance",
                lambda x, t, m, s: gaussian_velocity(x, t, m, np.sqrt(s)),
                "The standard deviation is used as a variance.",
                "Variances add, with the squares of the factors t and 1 − t.",
            ),
            Mistake(
                "factors not squared",
                lambda x, t, m, s: m + (t * s**2 - (1 - t)) / (t * s**2 + (1 - t)) * (x - t * m),
                "The variance of the place has factors without squares.",
                "Var(a·x + b·n) with independent x and n is what?",
            ),
            praise="What a network learns by regression, in closed form.",
        ),
        "x − n and x_t are jointly Gaussian, so E[x − n | x_t] = m + Cov/Var · (x_t − t·m), "
        "with Cov = t·s² − (1 − t) and Var = t²s² + (1 − t)².",
    ),
)
