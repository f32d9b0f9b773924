"""Exercises on chapter 5.3, generating images."""

from __future__ import annotations

import numpy as np

from aigc_course.checks.exercises import Exercise
from aigc_course.checks.matchers import Case, Mistake, function, number


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """The Fréchet distance of two sets of features, shape (N, d)."""
    cov_a, cov_b = np.atleast_2d(np.cov(a.T)), np.atleast_2d(np.cov(b.T))
    roots = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).real.clip(min=0)).sum()
    means = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    return means + np.trace(cov_a) + np.trace(cov_b) - 2 * roots


def _features() -> list[Case]:
    rng = np.random.default_rng([53, 3])
    mix = rng.normal(size=(4, 4))
    a, b = rng.normal(size=(200, 4)) @ mix, rng.normal(size=(150, 4)) + 0.5
    return [
        Case((a, b), "slanted features"),
        Case((b, b + np.array([1.0, 2.0, 2.0, 0.0])), "the same points, shifted"),
        Case((rng.normal(size=(80, 2)) * 3, rng.normal(size=(90, 2))), "wide and narrow"),
    ]


def _frechet(change):
    """`frechet` with another rule from means and covariances to the distance."""

    def mistaken(a, b):
        gap = a.mean(axis=0) - b.mean(axis=0)
        cov_a, cov_b = np.cov(a.T), np.cov(b.T)
        roots = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).real.clip(min=0)).sum()
        return change(gap @ gap, np.trace(cov_a) + np.trace(cov_b), roots, cov_a, cov_b)

    return mistaken


def slerp(a, b, t) -> np.ndarray:
    """Spherical interpolation between two latents, shape (d,)."""
    cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    omega = np.arccos(cosine)
    return (np.sin((1 - t) * omega) * a + np.sin(t * omega) * b) / np.sin(omega)


def _ends() -> list[Case]:
    rng = np.random.default_rng([53, 4])
    return [
        Case((rng.normal(size=8), 2 * rng.normal(size=8), 0.3), "ends of different length"),
        Case((rng.normal(size=32), rng.normal(size=32), 0.5), "half-way in 32 dimensions"),
        Case((np.array([3.0, 0.0]), np.array([0.0, 3.0]), 0.25), "a quarter of a right angle"),
    ]


def direction(z, labels, plus, minus) -> np.ndarray:
    """The mean latent of one class minus that of another, shape (d,)."""
    return z[labels == plus].mean(axis=0) - z[labels == minus].mean(axis=0)


def _latents() -> list[Case]:
    rng = np.random.default_rng([53, 5])
    labels = rng.integers(0, 4, 60)
    z = rng.normal(size=(60, 5)) + labels[:, None] * np.array([1.0, 0, -0.5, 0, 2])
    few = np.array([0, 0, 1, 2, 2, 2]), rng.normal(size=(6, 3))
    return [
        Case((z, labels, 2, 0), "four classes"),
        Case((z, labels, 1, 3), "other classes"),
        Case((few[1], few[0], 2, 1), "a class with a single image"),
    ]


def kinds(labels: np.ndarray) -> float:
    """The effective number of classes: e to the entropy of their frequencies."""
    shares = np.bincount(labels) / len(labels)
    shares = shares[shares > 0]
    return np.exp(-np.sum(shares * np.log(shares)))


def _labels() -> list[Case]:
    rng = np.random.default_rng([53, 6])
    return [
        Case((rng.choice(10, 500, p=np.arange(1, 11) / 55),), "ten classes"),
        Case((np.repeat([1, 4, 7], [50, 30, 20]),), "classes that do not occur"),
        Case((np.full(12, 3),), "a single class"),
        Case((np.arange(40) % 8,), "eight equal classes"),
    ]


def psnr(originals: np.ndarray, images: np.ndarray) -> float:
    """The mean over images of the peak signal-to-noise ratio, decibels."""
    errors = np.square(originals - images).reshape(len(images), -1).mean(axis=1)
    return np.mean(-10 * np.log10(errors))


def _pictures() -> list[Case]:
    rng = np.random.default_rng([53, 8])
    clean = rng.random((6, 5, 5))
    noise = rng.normal(size=clean.shape) * np.linspace(0.01, 0.4, 6)[:, None, None]
    return [
        Case((clean, clean + noise), "images with little and with much noise"),
        Case((clean[:1], clean[:1] + 0.1), "one image, off by 0.1 everywhere"),
        Case((clean[:3], np.zeros((3, 5, 5))), "black pictures"),
    ]


def best_of_each(scores, labels, keep) -> np.ndarray:
    """Positions of the ``keep`` best of each class, classes in order, best first."""
    chosen = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        chosen.append(members[np.argsort(-scores[members])][:keep])
    return np.concatenate(chosen)


def _scores() -> list[Case]:
    rng = np.random.default_rng([53, 9])
    labels = rng.integers(0, 3, 30)
    skewed = np.repeat([0, 1], [20, 4])
    scores = rng.permutation(24) + np.where(skewed == 0, 100.0, 0.0)
    return [
        Case((rng.random(30), labels, 4), "three classes"),
        Case((scores, skewed, 3), "a class whose images all score higher"),
        Case((rng.random(12), np.arange(12) % 4, 1), "one of each class"),
    ]


def _each(pick):
    """Positions chosen class by class by ``pick`` (members, scores)."""

    def mistaken(scores, labels, keep):
        parts = []
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            parts.append(pick(members, scores[members])[:keep])
        return np.concatenate(parts)

    return mistaken


EXERCISES = (
    Exercise(
        "gen-01",
        "A Fréchet distance by hand",
        "by hand",
        5,
        number(
            10.0,
            Mistake(
                "variances for sds",
                9 + (4 - 9) ** 2,
                "You compared variances where standard deviations belong.",
                "v₁ + v₂ − 2√(v₁v₂) is the square of a difference. Of what?",
            ),
            Mistake(
                "mean not squared",
                4.0,
                "The distance of the means went in without its square.",
                "Look at the first term of the formula.",
            ),
            Mistake(
                "cross term forgotten",
                9 + 4 + 9,
                "The term with the root is missing: two equal Gaussians would be far apart.",
                "What is subtracted from the sum of the variances?",
            ),
            Mistake(
                "root",
                np.sqrt(10),
                "That is the root of the distance.",
                "The number that is reported is d² itself.",
            ),
            Mistake(
                "cross term once",
                9 + 4 + 9 - 6,
                "The term with the root was subtracted once.",
                "Two equal Gaussians must have the distance 0. Have they?",
            ),
            Mistake(
                "means only",
                9.0,
                "Only the means are compared.",
                "One set scatters more than the other: that costs something too.",
            ),
            rtol=0.001,
            praise="The means differ by 3 and the sds by 1: 9 + 1.",
        ),
        "(1 − 4)² + 4 + 9 − 2√(4 · 9): in one dimension (m₁ − m₂)² + (s₁ − s₂)².",
    ),
    Exercise(
        "gen-02",
        "How far from the origin?",
        "predict, then run",
        4,
        number(
            0.3 * np.sqrt(32),
            Mistake(
                "squared length",
                0.09 * 32,
                "That is the mean *squared* length.",
                "A length is the root of a sum of squares.",
            ),
            Mistake(
                "temperature forgotten",
                np.sqrt(32),
                "That is the length at temperature 1.",
                "The temperature multiplies every coordinate. And the length?",
            ),
            Mistake(
                "dimensions added",
                0.3 * 32,
                "The coordinates' sizes were added.",
                "Coordinates at right angles: Pythagoras.",
            ),
            Mistake(
                "one dimension",
                0.3,
                "That is the size of one coordinate.",
                "There are 32 of them, and all contribute.",
            ),
            Mistake(
                "temperature squared",
                0.09 * np.sqrt(32),
                "The temperature counts once too often.",
                "It multiplies the standard deviation here, not the variance.",
            ),
            rtol=0.02,  # the mean length is 0.8 % below the root of the mean square
            praise="Draws lie on a thin shell, and cooling shrinks the shell towards the middle.",
        ),
        "Each coordinate has the mean square T² = 0.09; 32 of them add up to 2.88; the length is "
        "the root, T√32.",
    ),
    Exercise(
        "gen-03",
        "The Fréchet distance",
        "build it",
        10,
        function(
            frechet,
            _features,
            Mistake(
                "means only",
                _frechet(lambda gap, spread, roots, ca, cb: gap),
                "Only the means are compared.",
                "A generator that always draws the mean image must not score perfectly.",
            ),
            Mistake(
                "no cross term",
                _frechet(lambda gap, spread, roots, ca, cb: gap + spread),
                "The term with the matrix root is missing.",
                "The distance of a set from itself must be 0.",
            ),
            Mistake(
                "cross term once",
                _frechet(lambda gap, spread, roots, ca, cb: gap + spread - roots),
                "The term with the matrix root is subtracted once.",
                "For equal covariances C: C + C minus how many C?",
            ),
            Mistake(
                "root element by element",
                _frechet(
                    lambda gap, spread, roots, ca, cb: (
                        gap + spread - 2 * np.trace(np.sqrt(np.abs(ca @ cb)))
                    )
                ),
                "The root is taken of each entry of the matrix.",
                "The trace of a matrix root is the sum of the roots of the *eigenvalues*.",
            ),
            Mistake(
                "entrywise product",
                _frechet(
                    lambda gap, spread, roots, ca, cb: (
                        gap
                        + spread
                        - 2 * np.sqrt(np.linalg.eigvals(ca * cb).real.clip(min=0)).sum()
                    )
                ),
                "The covariances are multiplied entry by entry.",
                "C₁C₂ is a product of matrices: which sign multiplies those in NumPy?",
            ),
            Mistake(
                "mean not squared",
                _frechet(lambda gap, spread, roots, ca, cb: np.sqrt(gap) + spread - 2 * roots),
                "The distance of the means is not squared.",
                "A shift by (1, 2, 2) must cost exactly 9.",
            ),
            Mistake(
                "diagonal only",
                lambda a, b: (
                    np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
                    + np.sum((a.std(axis=0, ddof=1) - b.std(axis=0, ddof=1)) ** 2)
                ),
                "The features are treated as if they were independent.",
                "How features go together is in the rest of the covariance matrix.",
            ),
            praise="A shift by (1, 2, 2) costs 9, and nothing costs nothing.",
        ),
        "‖m₁ − m₂‖² + tr C₁ + tr C₂ − 2 Σ√λ, where λ are the eigenvalues of C₁C₂ (real part, not "
        "below 0).",
    ),
    Exercise(
        "gen-04",
        "Along the arc",
        "build it",
        7,
        function(
            slerp,
            _ends,
            Mistake(
                "straight line",
                lambda a, b, t: (1 - t) * a + t * b,
                "That is the chord, the linear interpolation.",
                "The two weights are ratios of sines of parts of the angle.",
            ),
            Mistake(
                "lengths not divided out",
                lambda a, b, t: _slerp_with(np.arccos(a @ b), a, b, t),
                "The cosine was taken from the plain product of the two latents.",
                "a·b = |a| |b| cos ω: what must be divided out?",
            ),
            Mistake(
                "turned round",
                lambda a, b, t: slerp(b, a, t),
                "The path runs from b to a.",
                "At t = 0 the result must be a.",
            ),
            Mistake(
                "not divided by the sine",
                lambda a, b, t: slerp(a, b, t) * np.sin(_angle(a, b)),
                "Something is missing at the end: at t = 0 the result is shorter than a.",
                "sin((1 − t) ω) is not 1 at t = 0, but sin ω.",
            ),
            Mistake(
                "on the unit sphere",
                lambda a, b, t: slerp(a / np.linalg.norm(a), b / np.linalg.norm(b), t),
                "The result has length 1.",
                "The latents keep their lengths; only the angle is computed from unit vectors.",
            ),
            Mistake(
                "cosines for sines",
                lambda a, b, t: (
                    (np.cos((1 - t) * _angle(a, b)) * a + np.cos(t * _angle(a, b)) * b)
                    / np.sin(_angle(a, b))
                ),
                "Cosines stand where sines belong.",
                "Which function is 0 for an angle of 0?",
            ),
            praise="It keeps its distance from the grey middle.",
        ),
        "cos ω = a·b/(|a||b|); then (sin((1 − t)ω) a + sin(tω) b)/sin ω.",
    ),
    Exercise(
        "gen-05",
        "A direction that points elsewhere",
        "fix the bug",
        5,
        function(
            direction,
            _latents,
            Mistake(
                "as given",
                lambda z, y, p, m: z[y == p].mean(axis=0) - z.mean(axis=0),
                "This is the function as it was handed out: it starts from the mean of everything.",
                "From which class does the direction lead to which? Is `minus` used at all?",
                given=True,
            ),
            Mistake(
                "turned round",
                lambda z, y, p, m: -direction(z, y, p, m),
                "The direction takes the attribute away.",
                "Added to a T-shirt it should lead *to* the class `plus`.",
            ),
            Mistake(
                "all but the class",
                lambda z, y, p, m: z[y == p].mean(axis=0) - z[y != p].mean(axis=0),
                "It starts from all other classes together.",
                "Only the class `minus` is the starting point.",
            ),
            Mistake(
                "one number",
                lambda z, y, p, m: z[y == p].mean() - z[y == m].mean(),
                "That is one number; a direction has one for every latent.",
                "Along which axis are the images?",
            ),
            Mistake(
                "sum for mean",
                lambda z, y, p, m: z[y == p].sum(axis=0) - z[y == m].sum(axis=0),
                "The latents are summed: the result depends on how many images there are.",
                "A class is represented by its average latent.",
            ),
            Mistake(
                "unit length",
                lambda z, y, p, m: direction(z, y, p, m) / np.linalg.norm(direction(z, y, p, m)),
                "The direction has been scaled to length 1.",
                "Its length says how far apart the classes are: one whole step.",
            ),
            praise="From the mean of one class to the mean of the other.",
        ),
        "The mean latent of the class `plus` (over images, axis 0) minus that of `minus`.",
    ),
    Exercise(
        "gen-06",
        "How many kinds?",
        "build it",
        6,
        function(
            kinds,
            _labels,
            Mistake(
                "entropy",
                lambda y: np.log(kinds(y)),
                "That is the entropy, in nats.",
                "The number of kinds is 10 for ten equal classes: what makes 10 of log 10?",
            ),
            Mistake(
                "bases mixed",
                lambda y: 2 ** np.log(kinds(y)),
                "A power of 2 of an entropy in nats.",
                "The same base in the logarithm and in the power.",
            ),
            Mistake(
                "classes counted",
                lambda y: len(np.unique(y)),
                "That counts the classes that occur at all.",
                "A class with a single image should hardly count.",
            ),
            Mistake(
                "Simpson",
                lambda y: 1 / np.sum((np.bincount(y) / len(y)) ** 2),
                "That is one over the sum of squares: a good measure, and another one.",
                "The chapter takes e to the power of the entropy.",
            ),
            Mistake(
                "0 log 0",
                lambda y: np.exp(
                    -np.sum(np.bincount(y) / len(y) * np.log(np.bincount(y) / len(y)))
                ),
                "A class that does not occur gives nan.",
                "Leave out the classes with share 0 before the logarithm.",
            ),
            Mistake(
                "sign",
                lambda y: 1 / kinds(y),
                "Below 1: the entropy has lost its minus.",
                "Logarithms of shares are negative, the entropy is not.",
            ),
            praise="10 for ten equal classes, 1 for a single one.",
        ),
        "Shares of the labels that occur, entropy −Σ p log p, and e to that power.",
    ),
    Exercise(
        "gen-07",
        "What a gap of 1.2 nats means",
        "derive",
        4,
        number(
            100 * np.exp(-1.2),
            Mistake(
                "the holes",
                100 * (1 - np.exp(-1.2)),
                "That is the share that falls into the holes.",
                "The question asks for the other part.",
            ),
            Mistake(
                "share for percent",
                np.exp(-1.2),
                "That is the share; the question asks for per cent.",
                "How many of 100 draws?",
            ),
            Mistake(
                "base 2",
                100 * 2**-1.2,
                "1.2 was taken as bits.",
                "The gap is in nats: which base undoes a natural logarithm?",
            ),
            Mistake(
                "draws for one",
                np.exp(1.2),
                "That is how many draws are needed for one good one.",
                "Out of 100 draws, how many are good?",
            ),
            praise="Two draws of three fall into holes.",
        ),
        "If q fills a part r of the prior evenly, its density there is 1/r times the prior's, and "
        "the KL is log 1/r = 1.2: r = e^(−1.2).",
    ),
    Exercise(
        "gen-08",
        "Decibels",
        "build it",
        6,
        function(
            psnr,
            _pictures,
            Mistake(
                "pooled error",
                lambda a, b: -10 * np.log10(np.mean((a - b) ** 2)),
                "The error was averaged over all images before the logarithm.",
                "One bad picture then decides. Take the decibels of each image first.",
            ),
            Mistake(
                "20 for 10",
                lambda a, b: 2 * psnr(a, b),
                "Twice the decibels: 20 goes with amplitudes.",
                "The mean squared error is a power. Which factor goes with powers?",
            ),
            Mistake(
                "natural logarithm",
                lambda a, b: psnr(a, b) * np.log(10),
                "That is a natural logarithm.",
                "Decibels use the logarithm to base 10.",
            ),
            Mistake(
                "sign",
                lambda a, b: -psnr(a, b),
                "Here a better picture has a lower value.",
                "The ratio is peak over error: a small error makes it large.",
            ),
            Mistake(
                "sum of squares",
                lambda a, b: psnr(a, b) - 10 * np.log10(a[0].size),
                "The squared errors of an image are summed.",
                "The value must not depend on the size of the picture.",
            ),
            Mistake(
                "absolute error",
                lambda a, b: np.mean(
                    -10 * np.log10(np.abs(a - b).reshape(len(a), -1).mean(axis=1))
                ),
                "The error is not squared.",
                "Mean *squared* error: off by 0.1 everywhere gives 20 dB.",
            ),
            praise="Off by 0.1 everywhere is 20 dB, as it should be.",
        ),
        "For each image the mean squared error e over its pixels, then −10 log₁₀ e, then the mean "
        "over images.",
    ),
    Exercise(
        "gen-09",
        "The best of each kind",
        "stretch",
        12,
        function(
            best_of_each,
            _scores,
            Mistake(
                "best of all",
                lambda s, y, k: np.argsort(-s)[: k * len(np.unique(y))],
                "The best of all were taken: easy classes crowd out the others.",
                "Choose within one class at a time.",
            ),
            Mistake(
                "worst first",
                _each(lambda members, s: members[np.argsort(s)]),
                "The worst of each class were kept.",
                "`argsort` sorts upwards: how do you turn that round?",
            ),
            Mistake(
                "positions within the class",
                _each(lambda members, s: np.argsort(-s)),
                "These positions count within a class.",
                "They are to point into the whole array: which members stand there?",
            ),
            Mistake(
                "first of each class",
                _each(lambda members, s: members),
                "The first of each class were taken, whatever they score.",
                "Sort the members of a class by their scores before cutting.",
            ),
            Mistake(
                "best last",
                lambda s, y, k: np.concatenate(
                    [
                        m[np.argsort(s[m])][-k:]
                        for m in (np.flatnonzero(y == c) for c in np.unique(y))
                    ]
                ),
                "The right ones, in the wrong order.",
                "The best of a class comes first.",
            ),
            praise="Every kind is kept; what is lost is variety within a kind.",
        ),
        "For each class in order: its positions (flatnonzero), sorted by falling score, the first "
        "`keep`; then concatenate.",
    ),
)


def _angle(a, b) -> float:
    return np.arccos(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def _slerp_with(omega, a, b, t) -> np.ndarray:
    return (np.sin((1 - t) * omega) * a + np.sin(t * omega) * b) / np.sin(omega)
