"""Hidden tests of workbook 5.3, generating images.

They run in the grader and never beside a submission. Inputs differ from those of the notebook's
checks; the references are written out here, so that a mistake in the checks would show.
"""

import numpy as np

from aigc_course.grading import Student, agrees, hidden_test, near

SEED = 20_453  # each test draws from it anew, so that everybody gets the same inputs


@hidden_test("gen-01", points=1, title="the distance by hand")
def distance(student: Student):
    got = student.number("distance")
    wanted = (4 - 1) ** 2 + (3 - 2) ** 2
    assert not near(got, np.sqrt(wanted)), "The squared distance was asked for."
    assert not near(got, 9 + (9 - 4) ** 2), "Variances are compared as if they were widths."
    assert not near(got, 9 + 4 + 9), "With this formula a set has a distance from itself."
    assert near(got, wanted), "Means and widths both count: check each term."


@hidden_test("gen-02", points=1, title="the mean length")
def length(student: Student):
    got = student.number("length")
    wanted = 0.3 * np.sqrt(32)
    assert not near(got, wanted**2), "That is the mean of the squared length."
    assert not near(got, np.sqrt(32)), "The temperature plays no part."
    # The mean length is a little below the root of the mean square, and both are taken.
    assert near(got, wanted, rtol=0.02), "Squares of coordinates add up, and not the coordinates."


def root_of(matrix):
    """The symmetric root of a covariance matrix."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(min=0))) @ vectors.T


def reference_frechet(a, b):
    """The distance, and its three terms: means, covariances, root."""
    root = root_of(np.cov(a, rowvar=False))
    cross = np.trace(root_of(root @ np.cov(b, rowvar=False) @ root))
    gap = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    spread = a.var(axis=0, ddof=1).sum() + b.var(axis=0, ddof=1).sum()
    return gap + spread - 2 * cross, gap, spread, cross


@hidden_test("gen-03", points=1, title="a set and its copy, moved and not")
def moved_copy(student: Student):
    rng = np.random.default_rng(SEED)
    a = rng.normal(size=(70, 3)) @ rng.normal(size=(3, 3))
    for shift in (np.zeros(3), np.array([-2.0, 1.0, 0.5])):
        got = student.numbers("frechet", a, a + shift)
        assert np.shape(got) == (), "One number is wanted."
        # The roots of eigenvalues that are 0 but for rounding are about 1e-7.
        assert agrees(got, np.sum(shift**2), atol=1e-5), "Only the way between the means may cost."


@hidden_test("gen-03", points=2, title="features that go together")
def slanted_sets(student: Student):
    rng = np.random.default_rng(SEED)
    for d, sizes in ((2, (150, 90)), (5, (80, 260))):
        a = rng.normal(size=(sizes[0], d)) @ rng.normal(size=(d, d)) * 1.5
        b = rng.normal(size=(sizes[1], d)) @ rng.normal(size=(d, d)) - 0.7
        got = student.numbers("frechet", a, b)
        wanted, gap, spread, cross = reference_frechet(a, b)
        if agrees(got, gap + spread - cross):
            return 1, "One term is counted too rarely."
        if agrees(got, wanted - gap):
            return 1, "The means play no part."
        assert not agrees(got, gap), "Only the means are compared."
        assert agrees(got, wanted), (
            "Check the term with the root: a product of two covariance matrices."
        )
    return None


def reference_slerp(a, b, t):
    """Turn a towards b in their plane, with lengths as the two sine weights give them."""
    cosine = np.dot(a, b) / np.sqrt(np.dot(a, a) * np.dot(b, b))
    angle = np.arctan2(np.sqrt(1 - cosine**2), cosine)
    weights = np.sin(angle * np.array([1 - t, t])) / np.sin(angle)
    return weights[0] * a + weights[1] * b


@hidden_test("gen-04", points=1, title="the two ends")
def arc_ends(student: Student):
    rng = np.random.default_rng(SEED)
    a, b = rng.normal(size=(2, 6)) * np.array([[1.0], [3.0]])
    for t, wanted, other in ((0.0, a, b), (1.0, b, a)):
        got = student.numbers("slerp", a, b, t)
        assert not agrees(got, other), "The path runs the other way."
        assert agrees(got, wanted, atol=1e-6), "At one end the latent itself does not come out."


@hidden_test("gen-04", points=2, title="between the ends")
def arc_between(student: Student):
    rng = np.random.default_rng(SEED)
    for d, t, factor in ((4, 0.2, 1.0), (16, 0.7, 2.5), (3, 0.45, 0.4)):
        a, b = rng.normal(size=(2, d))
        b *= factor
        got = student.numbers("slerp", a, b, t)
        assert np.shape(got) == (d,), "One latent is wanted."
        assert not agrees(got, a + t * (b - a)), "That is the straight line."
        wanted = reference_slerp(a, b, t)
        unit = reference_slerp(a / np.linalg.norm(a), b / np.linalg.norm(b), t)
        if agrees(got, unit):
            return 1, "The latents have lost their lengths."
        assert agrees(got, wanted), "On the way something else comes out."
    return None


def judge_direction(student, z, labels, plus, minus):
    got = student.numbers("direction", z, labels, plus, minus)
    to, start = np.zeros(z.shape[1]), np.zeros(z.shape[1])
    for latent, label in zip(z, labels, strict=True):
        to += latent * (label == plus) / np.sum(labels == plus)
        start += latent * (label == minus) / np.sum(labels == minus)
    assert np.shape(got) == to.shape, "A direction has one number for each latent."
    assert not agrees(got, to - z.mean(axis=0)), "It still starts from the mean of everything."
    assert not agrees(got, start - to), "It leads from `plus` to `minus`."
    assert agrees(got, to - start), "It does not lead from the one class to the other."


@hidden_test("gen-05", points=1, title="several classes")
def direction_of_several(student: Student):
    rng = np.random.default_rng(SEED)
    labels = rng.permutation(np.repeat([0, 3, 5, 9], [12, 30, 8, 21]))
    z = rng.normal(size=(71, 6)) + np.outer(labels, [0.3, 0, -0.2, 0.1, 0, 0])
    judge_direction(student, z, labels, 9, 3)
    judge_direction(student, z, labels, 0, 5)


@hidden_test("gen-05", points=1, title="two classes, one of them rare")
def direction_of_two(student: Student):
    rng = np.random.default_rng(SEED)
    labels = rng.permutation(np.repeat([1, 2], [3, 40]))
    judge_direction(student, rng.normal(size=(43, 4)) + labels[:, None], labels, 1, 2)


def reference_kinds(labels):
    shares = np.array([np.mean(labels == label) for label in set(labels.tolist())])
    return np.prod(shares**-shares)


def judge_kinds(student, labels, otherwise):
    got = student.numbers("kinds", labels)
    wanted = reference_kinds(labels)
    assert np.shape(got) == (), "One number is wanted."
    assert np.isfinite(got).all(), "The result is no number."
    assert not agrees(got, np.log(wanted)), "That is an entropy."
    assert agrees(got, wanted), otherwise


@hidden_test("gen-06", points=1, title="classes equally frequent")
def equal_kinds(student: Student):
    labels = np.random.default_rng(SEED).permutation(np.repeat(np.arange(6), 15))
    judge_kinds(student, labels, "Classes that are equally frequent must count fully.")


@hidden_test("gen-06", points=1, title="frequent and rare classes")
def unequal_kinds(student: Student):
    labels = np.repeat(np.arange(5), [70, 5, 20, 1, 34])
    got = student.numbers("kinds", labels)
    shares = np.bincount(labels) / len(labels)
    assert not agrees(got, 5), "That counts classes, however rare."
    assert not agrees(got, 1 / np.sum(shares**2)), "That is another measure of variety."
    judge_kinds(student, labels, "The rarer a class, the less it adds.")


@hidden_test("gen-06", points=1, title="classes that do not occur")
def missing_kinds(student: Student):
    labels = np.repeat([2, 7, 11], [9, 14, 40])
    judge_kinds(student, labels, "Classes that do not occur change the result.")


@hidden_test("gen-07", points=2, title="good draws of a hundred")
def good_draws(student: Student):
    got = student.number("draws_of_100")
    share = 1 / np.exp(1.2)
    if near(got, share):
        return 1, "That is a share; draws of a hundred were asked for."
    if near(got, 100 * (1 - share)):
        return 1, "Those are the draws that fall into holes."
    assert not near(got, 100 * 2**-1.2), "The gap is in nats."
    assert near(got, 100 * share), "In the filled part q is higher than the prior by one factor."
    return None


def reference_psnr(originals, images):
    errors = [np.square(o - i).sum() / o.size for o, i in zip(originals, images, strict=True)]
    return -10 * np.mean(np.log10(errors))


@hidden_test("gen-08", points=1, title="one image")
def decibels_of_one(student: Student):
    rng = np.random.default_rng(SEED)
    for size in ((3, 8), (12, 4)):
        clean = rng.uniform(size=(1, *size))
        noisy = clean + 0.07 * rng.normal(size=clean.shape)
        got = student.numbers("psnr", clean, noisy)
        wanted = reference_psnr(clean, noisy)
        assert np.shape(got) == (), "One number is wanted."
        assert not agrees(got, -wanted), "A better picture must get a higher value."
        assert not agrees(got, 2 * wanted), "The error is a power, and no amplitude."
        assert not agrees(got, wanted * np.log(10)), "Decibels use another logarithm."
        assert agrees(got, wanted), "Check one image: its mean squared error, then the logarithm."


@hidden_test("gen-08", points=2, title="good and bad images together")
def decibels_of_many(student: Student):
    rng = np.random.default_rng(SEED)
    clean = rng.uniform(size=(8, 6, 7))
    noisy = clean + rng.normal(size=clean.shape) * np.geomspace(0.005, 0.3, 8)[:, None, None]
    got = student.numbers("psnr", clean, noisy)
    if agrees(got, -10 * np.log10(np.square(clean - noisy).mean())):
        return 1, "The images' errors are pooled, so that the worst one decides."
    assert agrees(got, reference_psnr(clean, noisy)), (
        "Each image has decibels of its own, and these are averaged."
    )
    return None


def reference_best(scores, labels, keep):
    chosen = []
    for label in sorted(set(labels.tolist())):
        members = [i for i in range(len(labels)) if labels[i] == label]
        chosen += sorted(members, key=lambda i: scores[i], reverse=True)[:keep]
    return np.array(chosen)


@hidden_test("gen-09", points=2, title="several classes")
def best_of_several(student: Student):
    rng = np.random.default_rng(SEED)
    for classes, keep in ((4, 3), (3, 5)):
        labels = rng.permutation(np.repeat(np.arange(classes), 9))
        scores = rng.normal(size=len(labels))
        got = student.numbers("best_of_each", scores, labels, keep)
        wanted = reference_best(scores, labels, keep)
        assert np.shape(got) == wanted.shape, "As many of each class as were asked for, please."
        if not agrees(got, wanted) and agrees(np.sort(got), np.sort(wanted)):
            return 1, "The right ones are chosen, and they stand in another order."
        assert agrees(got, wanted), "These are not the best of each class."
    return None


@hidden_test("gen-09", points=1, title="a class that always scores lower")
def best_of_the_weak(student: Student):
    rng = np.random.default_rng(SEED)
    labels = rng.permutation(np.repeat([1, 4, 8], [5, 25, 10]))
    scores = rng.normal(size=40) - 50.0 * (labels == 8)
    got = student.numbers("best_of_each", scores, labels, 4)
    wanted = reference_best(scores, labels, 4)
    assert agrees(got, wanted), "A class that scores low must be kept as well as the others."
