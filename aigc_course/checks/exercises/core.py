"""Exercises on chapter 2, the core concepts: fit, sample, score."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from aigc_course.checks.exercises import Exercise
from aigc_course.checks.matchers import Case, Mistake, function, number


def bar_of(values: np.ndarray, bars: int) -> np.ndarray:
    """The bar that each value from 0 to 1 falls into; 1 itself belongs to the last."""
    return np.minimum((np.asarray(values) * bars).astype(int), bars - 1)


def fit(values: np.ndarray, bars: int, smoothing: float = 0.1) -> np.ndarray:
    """Heights of equally wide bars on 0 to 1; their area is 1."""
    counts = np.bincount(bar_of(values, bars), minlength=bars) + smoothing
    return counts / counts.sum() * bars


def score(values: np.ndarray, heights: np.ndarray) -> float:
    """The mean log density of the values under a histogram, nats."""
    return np.log(heights[bar_of(values, len(heights))]).mean()


def _histograms() -> list[Case]:
    rng = np.random.default_rng([2, 2])
    return [
        Case((rng.random(30), fit(rng.random(50), 4)), "4 bars"),
        Case((rng.beta(2, 5, 80), fit(rng.beta(2, 5, 50), 10)), "10 bars"),
        Case((np.array([0.0, 1.0, 0.5]), fit(rng.random(20), 5)), "the values 0 and 1"),
        Case((np.array([0.3]), np.array([1.0])), "one bar, the uniform density"),
    ]


def best_bars(train: np.ndarray, held: np.ndarray, candidates: list) -> int:
    """The number of bars that held-out data prefer."""
    scores = [score(held, fit(train, bars)) for bars in candidates]
    return candidates[int(np.argmax(scores))]


def _choices() -> list[Case]:
    rng = np.random.default_rng([2, 4])
    candidates = [3, 10, 40, 200]
    even = (np.arange(400) + 0.5) / 400
    return [
        # Here the training data want few bars, and the held-out data, if fitted, many.
        Case((even, rng.beta(30, 90, 900), candidates), "evenly spread training values"),
        Case((rng.beta(5, 20, 300), rng.beta(5, 20, 900), candidates), "300 values"),
        Case((rng.beta(2, 2, 40), rng.beta(2, 2, 900), candidates), "40 values"),
        Case((rng.beta(30, 90, 4000), rng.beta(30, 90, 900), candidates[::-1]), "4,000 values"),
    ]


def bigram(text: str, alphabet: str) -> np.ndarray:
    """p(next | last) of order 1 that falls back on order 0; rows are the last character."""
    of = {c: i for i, c in enumerate(alphabet)}
    single, pairs = np.zeros(len(alphabet)), np.zeros((len(alphabet), len(alphabet)))
    for c in text:
        single[of[c]] += 1
    for a, b in pairwise(text):
        pairs[of[a], of[b]] += 1
    lower = single / single.sum()
    return (pairs + 2 * lower) / (pairs.sum(axis=1, keepdims=True) + 2)


def _texts() -> list[Case]:
    return [
        Case(("abracadabra", "abcdr"), "the text 'abracadabra'"),
        Case(("aabbbbabab" * 3, "ab"), "an alphabet of two"),
        Case(("banana", "abnz"), "a character that never occurs"),
    ]


def _bigram(change):
    """`bigram` with another rule from counts to probabilities."""

    def mistaken(text, alphabet):
        of = {c: i for i, c in enumerate(alphabet)}
        codes = np.array([of[c] for c in text])
        pairs = np.zeros((len(alphabet), len(alphabet)))
        np.add.at(pairs, (codes[:-1], codes[1:]), 1)
        return change(pairs, np.bincount(codes, minlength=len(alphabet)) / len(codes))

    return mistaken


def responsibilities(x, weights, means, sds) -> np.ndarray:
    """p(component | x) of a one-dimensional mixture, shape (N, K)."""
    density = weights / sds * np.exp(-0.5 * ((x[:, None] - means) / sds) ** 2)
    return density / density.sum(axis=1, keepdims=True)


def _mixtures() -> list[Case]:
    rng = np.random.default_rng([2, 8])
    three = np.array([0.5, 0.3, 0.2]), np.array([-1.0, 0.0, 2.0]), np.array([0.5, 1.0, 2.0])
    two = np.array([0.9, 0.1]), np.array([0.0, 0.5]), np.array([1.0, 0.3])
    return [
        Case((rng.normal(size=6), *three), "three components"),
        Case((rng.normal(size=2), *two), "two components"),
    ]


def reweighted(log_p: np.ndarray, weights: np.ndarray, rounds: int) -> np.ndarray:
    """Mixture weights after some rounds of EM that leave the components as they are."""
    for _ in range(rounds):
        joint = log_p + np.log(weights)
        share = np.exp(joint - np.logaddexp.reduce(joint, axis=1)[:, None])
        weights = share.mean(axis=0)
    return weights


def _pools() -> list[Case]:
    rng = np.random.default_rng([2, 9])
    return [
        Case((rng.normal(-2, 1.5, (12, 3)), np.array([0.2, 0.5, 0.3]), 4), "three hills"),
        Case((rng.normal(-40, 3, (30, 5)), np.full(5, 0.2), 10), "five hills, far away"),
        Case((rng.normal(-900, 3, (8, 2)), np.array([0.6, 0.4]), 1), "densities of exp(-900)"),
    ]


def _hard(log_p, weights, rounds):
    for _ in range(rounds):
        best = (log_p + np.log(weights)).argmax(axis=1)
        weights = np.bincount(best, minlength=len(weights)) / len(best)
    return weights


EXERCISES = (
    Exercise(
        "core-01",
        "The height of a bar",
        "by hand",
        5,
        number(
            4.1 / 5.4 * 4,
            Mistake(
                "probability for density",
                4.1 / 5.4,
                "That is the bar's probability.",
                "A density is probability per unit of brightness: how wide is the bar?",
            ),
            Mistake(
                "no smoothing",
                4 / 5 * 4,
                "The tenth of a value that each bar is given beforehand is missing.",
                "Which two numbers of the fraction does the smoothing change?",
            ),
            Mistake(
                "smoothing above only",
                4.1 / 5 * 4,
                "The counts were smoothed and their total was not: the area is above 1.",
                "How many values, real and pretended, are there in all four bars?",
            ),
            Mistake(
                "divided by the bars",
                4.1 / 5.4 / 4,
                "The probability was multiplied by the width, and must be divided by it.",
                "Narrow bars with the same probability are higher. Which way does K go in?",
            ),
            Mistake(
                "smoothed once",
                4.1 / 5.1 * 4,
                "The total contains the smoothing of one bar, and four bars have it.",
                "The areas of all four bars must add up to 1: check that.",
            ),
            rtol=0.002,
            praise="Above 1, as a density may be.",
        ),
        "The first bar holds 4 of 5 values: p = (4 + 0.1)/(5 + 4 · 0.1), and the height is p "
        "divided by the width 1/4.",
    ),
    Exercise(
        "core-02",
        "Score a histogram",
        "build it",
        7,
        function(
            score,
            _histograms,
            Mistake(
                "probability for density",
                lambda v, h: score(v, h) - np.log(len(h)),
                "These are the bars' log probabilities.",
                "The heights are densities already; nothing need be divided by the number of bars.",
            ),
            Mistake(
                "sum for mean",
                lambda v, h: score(v, h) * len(v),
                "The sum over the values, which grows with their number.",
                "A score in nats an image must not depend on how many images there are.",
            ),
            Mistake(
                "mean before the logarithm",
                lambda v, h: np.log(h[bar_of(v, len(h))].mean()),
                "The logarithm of the mean density.",
                "The likelihood of the data is a product over values. What is the logarithm "
                "of a product?",
            ),
            Mistake(
                "sign",
                lambda v, h: -score(v, h),
                "That is minus the score: here more is better.",
                "A uniform density scores 0, and a good model more than that.",
            ),
            Mistake(
                "base 2",
                lambda v, h: score(v, h) / np.log(2),
                "The score is in bits.",
                "Which logarithm gives nats?",
            ),
            praise="It even knows what to do with a value of exactly 1.",
        ),
        "The bar of a value is int(value · K), and the last bar for value 1. Look the heights up, "
        "take the natural logarithm of each, and average.",
    ),
    Exercise(
        "core-03",
        "The same model in percent",
        "predict, then run",
        3,
        number(
            0.682 - np.log(100),
            Mistake(
                "wrong direction",
                0.682 + np.log(100),
                "The size of the step is right and its direction is not.",
                "The same probability is now spread over an axis 100 times as long: is the "
                "density higher or lower?",
            ),
            Mistake(
                "unchanged",
                0.682,
                "You have left the score as it is.",
                "The bars are 100 times as wide now and their areas still add up to 1. What "
                "happens to their heights?",
            ),
            Mistake(
                "density divided, not its logarithm",
                0.682 / 100,
                "The score itself was divided by 100.",
                "The density is divided. The score is its logarithm.",
            ),
            Mistake(
                "decimal logarithm",
                0.682 - 2,
                "log 100 = 2 holds for decimal logarithms.",
                "Scores in nats need natural logarithms.",
            ),
            Mistake(
                "another unit",
                0.682 - np.log(255),
                "That is the chapter's example, grey levels from 0 to 255.",
                "Here the axis runs from 0 to 100.",
            ),
            praise="Every model of these data loses the same, so comparisons stand.",
        ),
        "Each density is divided by 100, so each logarithm, and their mean, falls by log 100.",
    ),
    Exercise(
        "core-04",
        "How many bars?",
        "fix the bug",
        6,
        function(
            best_bars,
            _choices,
            Mistake(
                "as given",
                lambda t, h, c: c[int(np.argmax([score(t, fit(t, b)) for b in c]))],
                "This is the function as it was handed out: it always takes the finest bars.",
                "Which data say how good a fit is to data that it has not seen?",
                given=True,
            ),
            Mistake(
                "fitted on the held-out data",
                lambda t, h, c: c[int(np.argmax([score(h, fit(h, b)) for b in c]))],
                "Now the held-out data are fitted as well: they are no longer held out.",
                "One of the two sets fits, the other one judges.",
            ),
            Mistake(
                "worst for best",
                lambda t, h, c: c[int(np.argmin([score(h, fit(t, b)) for b in c]))],
                "That picks the worst score.",
                "A higher log-likelihood is better.",
            ),
            Mistake(
                "position for number",
                lambda t, h, c: int(np.argmax([score(h, fit(t, b)) for b in c])),
                "That is a position in the list of candidates.",
                "The function is to return a number of bars.",
            ),
            Mistake(
                "roles exchanged",
                lambda t, h, c: c[int(np.argmax([score(t, fit(h, b)) for b in c]))],
                "The two sets have changed places.",
                "Fit on `train`, judge on `held`.",
            ),
            praise="Fitted on one set and judged by the other.",
        ),
        "Fit on `train` and score on `held`; return the candidate whose held-out score is highest.",
    ),
    Exercise(
        "core-05",
        "What a word is worth at most",
        "by hand",
        4,
        number(
            np.log(40),
            Mistake(
                "decimal logarithm",
                np.log10(40),
                "The right idea with the decimal logarithm.",
                "The bound is asked for in nats.",
            ),
            Mistake(
                "sign",
                -np.log(40),
                "Negative: but naming the scenario can only help its images.",
                "Which of the two densities is at least 1/40 of the other?",
            ),
            Mistake(
                "weighted by the share",
                np.log(40) / 40,
                "That is averaged over the whole catalogue.",
                "The question is about one image of the scenario.",
            ),
            Mistake(
                "the chapter's ten classes",
                np.log(10),
                "That is the bound for ten equally frequent categories.",
                "Here the scenario's share is 2.5 %: one article in how many?",
            ),
            unit="nats",
            praise="The rarer the scenario, the more it is worth to name it.",
        ),
        "The general density contains a fortieth of the scenario's, so it is at least 1/40 of it "
        "everywhere: the difference of the logarithms is at most log 40.",
    ),
    Exercise(
        "core-06",
        "How many bytes?",
        "predict, then run",
        4,
        number(
            2000 * 1.455 / np.log(2) / 8,
            Mistake(
                "nats for bits",
                2000 * 1.455 / 8,
                "Nats were counted as if they were bits.",
                "One nat is more than one bit. By which factor?",
            ),
            Mistake(
                "bits for bytes",
                2000 * 1.455 / np.log(2),
                "That is the number of bits.",
                "How many bits are in a byte?",
            ),
            Mistake(
                "wrong conversion",
                2000 * 1.455 * np.log(2) / 8,
                "The conversion goes the wrong way.",
                "log₂ p = ln p / ln 2, and ln 2 is less than 1: is the number of bits larger or "
                "smaller?",
            ),
            Mistake(
                "uniform",
                2000 * np.log2(96) / 8,
                "That is what a uniform model of 96 characters needs.",
                "The model's mean log-likelihood is given: use that.",
            ),
            rtol=0.01,
            praise="A likelihood is a length: the best file size that this model allows.",
        ),
        "1.455 nats a character are 1.455/ln 2 = 2.10 bits; times 2,000 characters, divided by 8 "
        "bits a byte.",
    ),
    Exercise(
        "core-07",
        "A language model of order 1",
        "build it",
        12,
        function(
            bigram,
            _texts,
            Mistake(
                "transposed",
                lambda t, a: bigram(t, a).T,
                "The matrix is transposed.",
                "The row says what came last, the column what comes next; each row adds up to 1.",
            ),
            Mistake(
                "uniform below",
                _bigram(
                    lambda pairs, p: (pairs + 2 / len(p)) / (pairs.sum(axis=1, keepdims=True) + 2)
                ),
                "The two imagined observations are spread evenly over the alphabet.",
                "They are to be spread as order 0 predicts: by how frequent each character is.",
            ),
            Mistake(
                "no smoothing",
                _bigram(lambda pairs, p: pairs / pairs.sum(axis=1, keepdims=True)),
                "Unseen pairs have probability 0, and unseen characters no probabilities at all.",
                "Add two imagined observations to each row before dividing.",
            ),
            Mistake(
                "one imagined observation",
                _bigram(lambda pairs, p: (pairs + p) / (pairs.sum(axis=1, keepdims=True) + 1)),
                "One imagined observation in each row, and the chapter takes two.",
                "Put the 2 of the formula in both places.",
            ),
            Mistake(
                "divided by the row above only",
                _bigram(lambda pairs, p: (pairs + 2 * p) / pairs.sum(axis=1, keepdims=True)),
                "The rows do not add up to 1: the denominator lacks the imagined observations.",
                "How many observations, real and imagined, does a row have?",
            ),
            Mistake(
                "joint for conditional",
                _bigram(lambda pairs, p: (pairs + 2 * p) / (pairs + 2 * p).sum()),
                "The whole matrix adds up to 1: these are probabilities of pairs.",
                "The model predicts the next character when the last one is known.",
            ),
            praise="Every row is a distribution, even that of a character never seen.",
        ),
        "Count pairs (row: last, column: next) and single characters. With p₀ the frequencies of "
        "single characters, the rows are (pairs + 2 p₀)/(row sum + 2).",
    ),
    Exercise(
        "core-08",
        "Which hill did it come from?",
        "derive",
        8,
        function(
            responsibilities,
            _mixtures,
            Mistake(
                "weights forgotten",
                lambda x, w, m, s: responsibilities(x, np.ones_like(w), m, s),
                "All components count alike.",
                "A rare component must be surprising before it is believed: where do the πₖ go?",
            ),
            Mistake(
                "constant forgotten",
                lambda x, w, m, s: responsibilities(x, w * s, m, s),
                "The densities lack their normalising constants, which differ.",
                "A Gaussian with a larger sd is wider and also lower: by which factor?",
            ),
            Mistake(
                "normalised over the points",
                lambda x, w, m, s: (
                    (w / s * np.exp(-0.5 * ((x[:, None] - m) / s) ** 2))
                    / (w / s * np.exp(-0.5 * ((x[:, None] - m) / s) ** 2)).sum(axis=0)
                ),
                "The columns add up to 1.",
                "Each point came from one of the components: what must add up to 1 for a point?",
            ),
            Mistake(
                "variance for sd",
                lambda x, w, m, s: responsibilities(x, w, m, np.sqrt(s)),
                "The standard deviations were used as variances.",
                "The density divides the distance by the sd before squaring.",
            ),
            Mistake(
                "no half",
                lambda x, w, m, s: responsibilities(x, w * np.sqrt(2), m, s / np.sqrt(2)),
                "The exponent lacks a factor.",
                "Compare your exponent with that of a Gaussian density.",
            ),
            Mistake(
                "not normalised",
                lambda x, w, m, s: (
                    w / s * np.exp(-0.5 * ((x[:, None] - m) / s) ** 2) / np.sqrt(2 * np.pi)
                ),
                "These are joint densities; they do not add up to 1.",
                "Bayes' rule divides by the probability of the point under all components.",
            ),
            praise="Bayes' rule: the prior πₖ, times the likelihood, divided by the evidence.",
        ),
        "For each point and component πₖ/σₖ · exp(−½((x − μₖ)/σₖ)²), divided by the sum over "
        "components (axis 1).",
    ),
    Exercise(
        "core-09",
        "Adapt a general mixture",
        "stretch",
        12,
        function(
            reweighted,
            _pools,
            Mistake(
                "hard assignment",
                _hard,
                "Each point is given wholly to its best hill.",
                "EM shares a point out: how much of it goes to each hill?",
            ),
            Mistake(
                "old weights ignored",
                lambda p, w, r: reweighted(p, np.full_like(w, 1 / len(w)), r),
                "The weights that you are given play no part.",
                "In Bayes' rule they are the prior; only later rounds replace them.",
            ),
            Mistake(
                "weights not renewed",
                lambda p, w, r: reweighted(p, w, 1),
                "However many rounds are asked for, you do one.",
                "The shares of each round must use the weights of the round before.",
            ),
            Mistake(
                "sum for mean",
                lambda p, w, r: reweighted(p, w, r) * len(p),
                "The weights add up to the number of points.",
                "A distribution adds up to 1: sum or mean?",
            ),
            Mistake(
                "underflow",
                lambda p, w, r: _plain(p, w, r),
                "Right for large densities; at densities of exp(-900) everything is 0.",
                "Stay with logarithms: `np.logaddexp.reduce` adds what is given as logarithms.",
            ),
            praise="With 20 sneakers this was worth 1.63 nats in the chapter.",
        ),
        "In each round: joint = log p + log weights; the share of hill k in point n is "
        "exp(joint − logsumexp of joint over hills); the new weights are the mean shares.",
    ),
)


def _plain(log_p, weights, rounds):
    for _ in range(rounds):
        joint = np.exp(log_p) * weights
        weights = (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0)
    return weights
