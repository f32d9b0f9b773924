"""Hidden tests of workbook 2, the core concepts: fit, sample, score.

They run in the grader and never beside a submission. Inputs differ from those of the notebook's
checks; the references are written out here, so that a mistake in the checks would show.
"""

import numpy as np

from aigc_course.grading import Student, agrees, hidden_test, near

SEED = 20_402  # each test draws from it anew, so that everybody gets the same inputs


@hidden_test("core-01", points=1, title="the height of the first bar")
def bar_height(student: Student):
    got = student.number("height")
    probability = (4 + 0.1) / (5 + 4 * 0.1)
    assert not near(got, probability), "That is the bar's probability; its height is a density."
    assert not near(got, 4 / 5 * 4), "The bars were not given anything beforehand."
    assert near(got, 4 * probability), "With such bars the areas do not add up to 1."


def reference_bars(values, bars):
    """Which bar of 0 to 1 each value falls into; 1 itself belongs to the last."""
    edges = np.linspace(0, 1, bars + 1)
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bars - 1)


def reference_heights(values, bars):
    counts = np.bincount(reference_bars(values, bars), minlength=bars) + 0.1
    return bars * counts / counts.sum()


def reference_score(values, heights):
    return np.mean(np.log(heights[reference_bars(values, len(heights))]))


@hidden_test("core-02", points=2, title="several histograms")
def score_of_histograms(student: Student):
    rng = np.random.default_rng(SEED)
    for bars in (3, 8, 17):
        values = rng.beta(2, 4, size=40)
        heights = reference_heights(rng.beta(3, 3, size=60), bars)
        got = student.numbers("score", values, heights)
        wanted = reference_score(values, heights)
        assert np.shape(got) == (), "One number is wanted for all values together."
        assert not agrees(got, 40 * wanted), "The score grows with the number of values."
        if agrees(got, wanted - np.log(bars)):
            return 1, "These are logarithms of probabilities; the heights are densities."
        assert agrees(got, wanted), (
            "Is it the mean log of the height of the bar that each value is in?"
        )
    return None


@hidden_test("core-02", points=1, title="values at the rim")
def score_at_the_rim(student: Student):
    heights = np.array([0.5, 1.0, 2.5, 0.8, 0.2])
    values = np.array([0.0, 1.0, 1.0, 0.45])
    got = student.numbers("score", values, heights)
    assert agrees(got, reference_score(values, heights)), (
        "A value at an end is in no bar, or in another."
    )


@hidden_test("core-03", points=1, title="the score in percent")
def score_in_percent(student: Student):
    got = student.number("score_in_percent")
    wanted = 0.682 - np.log(100)
    assert not near(got, 0.682), "The score depends on the unit of the brightness."
    assert not near(got, 0.682 + np.log(100)), "The score goes the other way."
    assert near(got, wanted), "All densities change by one factor: what becomes of the logarithms?"


def reference_choice(train, held, candidates):
    scores = [reference_score(held, reference_heights(train, bars)) for bars in candidates]
    return candidates[int(np.argmax(scores))]


def judge_choice(student, train, held, candidates):
    """Whoever judges by the data that were fitted takes the finest bars here, always."""
    got = student.numbers("best_bars", train, held, candidates)
    wanted = reference_choice(train, held, candidates)
    assert got.shape == (), "One number is wanted."
    assert got in candidates, "One of the candidates is wanted."
    assert got != max(candidates), "It still recommends bars that are far too fine."
    assert got == wanted, "Fit on one set only, and judge by the other."


@hidden_test("core-04", points=1, title="few images to learn from")
def bars_for_few_images(student: Student):
    rng = np.random.default_rng(SEED)
    judge_choice(student, rng.beta(6, 9, size=30), rng.beta(6, 9, size=1500), [2, 6, 25, 150])


@hidden_test("core-04", points=1, title="many images, and the finest candidate first")
def bars_for_many_images(student: Student):
    rng = np.random.default_rng(SEED)
    train, held = rng.beta(20, 70, size=2500), rng.beta(20, 70, size=400)
    judge_choice(student, train, held, [1600, 25, 4])


@hidden_test("core-05", points=1, title="the bound, in nats")
def worth_at_most(student: Student):
    got = student.number("worth_at_most")
    wanted = np.log(1 / 0.025)
    assert not near(got, -wanted), "Naming the scenario cannot make its images less likely."
    wrong_base = near(got, wanted / np.log(10)) or near(got, wanted / np.log(2))
    assert not wrong_base, "That is not in nats."
    assert near(got, wanted), "How small can the catalogue's density be at a picture of this kind?"


@hidden_test("core-06", points=1, title="the size in bytes")
def compressed_bytes(student: Student):
    got = student.number("compressed_bytes")
    wanted = 2000 * 1.455 / np.log(2) / 8
    assert not near(got, 8 * wanted), "These are bits."
    assert not near(got, wanted * np.log(2)), "The nats were taken for bits."
    assert near(got, wanted), "Two units change on the way: check each of the factors."


def reference_bigram(text, alphabet):
    last = np.array(list(text[:-1]))[:, None] == np.array(list(alphabet))
    following = np.array(list(text[1:]))[:, None] == np.array(list(alphabet))
    pairs = last.astype(float).T @ following
    order_0 = np.array([text.count(c) for c in alphabet]) / len(text)
    return (pairs + 2 * order_0) / (pairs.sum(axis=1)[:, None] + 2)


@hidden_test("core-07", points=2, title="texts in which every character occurs")
def bigram_of_texts(student: Student):
    for text, alphabet in (("she sells sea shells", " aehls"), ("0110100110010110", "10")):
        got = student.numbers("bigram", text, alphabet)
        wanted = reference_bigram(text, alphabet)
        assert np.shape(got) == wanted.shape, "One row and one column for each character, please."
        if agrees(got, wanted.T):
            return 1, "Rows and columns have changed places."
        assert np.allclose(np.sum(got, axis=1), 1), "The rows do not add up to 1."
        assert agrees(got, wanted), "Check one row by hand: pairs counted, and imagined."
    return None


@hidden_test("core-07", points=1, title="characters without a successor")
def bigram_of_the_unseen(student: Student):
    for text, alphabet in (("tartar sauce", "zyuts rcea"), ("aaab", "abc")):
        got = student.numbers("bigram", text, alphabet)
        assert np.isfinite(got).all(), "A character that nothing follows gets no probabilities."
        assert agrees(got, reference_bigram(text, alphabet)), "Check the row of a rare character."


def reference_shares(x, weights, means, sds):
    joint = np.log(weights) - np.log(sds) - (x[:, None] - means) ** 2 / (2 * sds**2)
    return np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True))


def judge_shares(student, x, weights, means, sds):
    got = student.numbers("responsibilities", x, weights, means, sds)
    wanted = reference_shares(x, weights, means, sds)
    assert np.shape(got) == wanted.shape, "One row a point and one column a hill are wanted."
    assert np.allclose(np.sum(got, axis=1), 1), "The shares of a point do not add up to 1."
    equal = reference_shares(x, np.ones_like(weights), means, sds)
    assert not agrees(got, equal), "Rare hills are believed as readily as frequent ones."
    assert agrees(got, wanted), (
        "Share times density of a hill, by the sum over the hills: which is it not?"
    )


@hidden_test("core-08", points=1, title="hills of one width")
def shares_of_equal_hills(student: Student):
    x = np.random.default_rng(SEED).normal(size=9) * 2
    weights, means = np.array([0.7, 0.2, 0.1]), np.array([-1.5, 0.4, 2.2])
    judge_shares(student, x, weights, means, np.full(3, 0.8))


@hidden_test("core-08", points=1, title="narrow and wide hills")
def shares_of_unequal_hills(student: Student):
    x = np.random.default_rng(SEED).normal(size=7)
    weights, means = np.array([0.15, 0.35, 0.3, 0.2]), np.array([0.0, 0.5, -0.5, 1.0])
    judge_shares(student, x, weights, means, np.array([0.3, 0.7, 1.4, 3.0]))


def reference_adapted(log_p, weights, rounds):
    for _ in range(rounds):
        joint = log_p + np.log(weights)
        weights = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True)).mean(axis=0)
    return weights


def judge_weights(got, wanted, otherwise):
    assert np.shape(got) == wanted.shape, "One weight for each hill is wanted."
    assert np.isclose(np.sum(got), 1), "The weights do not add up to 1."
    assert agrees(got, wanted), otherwise


@hidden_test("core-09", points=1, title="one round")
def adapted_once(student: Student):
    rng = np.random.default_rng(SEED)
    log_p, weights = rng.normal(-3, 1, size=(15, 4)), np.array([0.1, 0.2, 0.3, 0.4])
    wanted = reference_adapted(log_p, weights, 1)
    got = student.numbers("adapt", log_p, weights, 1)
    judge_weights(got, wanted, "The images are not shared out as Bayes' rule does it.")


@hidden_test("core-09", points=1, title="several rounds")
def adapted_often(student: Student):
    rng = np.random.default_rng(SEED)
    log_p, weights = rng.normal(-6, 2, size=(25, 3)), np.array([0.6, 0.1, 0.3])
    wanted = reference_adapted(log_p, weights, 7)
    got = student.numbers("adapt", log_p, weights, 7)
    judge_weights(got, wanted, "Each round starts from the weights of the round before.")


@hidden_test("core-09", points=1, title="densities of real images")
def adapted_far_away(student: Student):
    rng = np.random.default_rng(SEED)
    log_p, weights = rng.normal(-1300, 5, size=(10, 3)), np.array([0.5, 0.25, 0.25])
    got = student.numbers("adapt", log_p, weights, 3)
    assert np.isfinite(got).all(), "Very small densities give weights that are no numbers."
    judge_weights(got, reference_adapted(log_p, weights, 3), "Small densities are not handled.")
