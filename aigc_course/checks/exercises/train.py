"""Exercises on chapter 5.2, training a VAE and the clinic."""

from __future__ import annotations

import math

import numpy as np

from aigc_course.checks.exercises import Exercise
from aigc_course.checks.matchers import Case, Mistake, function, number, option, several


def kl_weight(epoch: float, warmup: float) -> float:
    """The KL's weight: from 0 to 1 over the warm-up, 1 after it and without one."""
    return min(epoch / warmup, 1.0) if warmup else 1.0


def _epochs() -> list[Case]:
    return [
        Case((2, 8), "epoch 2 of a warm-up of 8"),
        Case((0, 5), "the very beginning"),
        Case((8, 8), "the end of the warm-up"),
        Case((20, 8), "an epoch long after the warm-up"),
        Case((3, 0), "no warm-up"),
        Case((1.5, 6), "the middle of an epoch"),
    ]


def active_units(means: np.ndarray, threshold: float) -> int:
    """How many latents have a mean that varies over images by more than the threshold."""
    return int((means.var(axis=0) > threshold).sum())


def _means() -> list[Case]:
    rng = np.random.default_rng([52, 5])
    spread = np.array([1.0, 0.5, 0.2, 0.05, 0.02, 0.0])
    shifted = rng.normal(size=(300, 6)) * spread + np.array([0, 0, 0, 0, 2.0, 3.0])
    few = rng.normal(size=(40, 4)) * np.array([0.05, 0.15, 0.9, 0.0])
    wide = rng.normal(size=(9, 20)) * np.linspace(0.02, 0.4, 20)
    return [
        Case((shifted, 0.01), "latents whose mean is far from 0 and never moves"),
        Case((few, 0.01), "40 images, four latents"),
        Case((wide, 0.02), "more latents than images"),
    ]


def paired(a: np.ndarray, b: np.ndarray) -> tuple:
    """The mean of a - b and its standard error, image by image."""
    difference = a - b
    return difference.mean(), difference.std(ddof=1) / np.sqrt(len(a))


def _scores() -> list[Case]:
    rng = np.random.default_rng([52, 6])
    cases = []
    for n, gap in ((400, 0.9), (25, -2.0), (1000, 0.1)):
        hard = rng.normal(232, 75, n)
        cases.append(
            Case((hard + rng.normal(gap, 1, n), hard + rng.normal(0, 1, n)), f"{n} images")
        )
    return cases


def noise_floor(images: np.ndarray) -> np.ndarray:
    """The entropy of the coins that binarize an image, summed over pixels; nats, shape (B,)."""
    p = np.clip(images, 1e-300, 1)
    q = np.clip(1 - images, 1e-300, 1)
    return -(images * np.log(p) + (1 - images) * np.log(q)).reshape(len(images), -1).sum(axis=1)


def _greys() -> list[Case]:
    rng = np.random.default_rng([52, 7])
    return [
        Case((rng.random((3, 4, 4)),), "grey images"),
        Case((rng.random((5, 3, 6)) * (rng.random((5, 3, 6)) < 0.5),), "images with black pixels"),
        Case((np.array([[[0.0, 1.0], [0.5, 0.5]]]),), "pixels of exactly 0 and 1"),
    ]


def twins(train: np.ndarray, test: np.ndarray) -> list[int]:
    """The positions of the test images that are in the training set too, in order."""
    seen = {image.tobytes() for image in train}
    return [i for i, image in enumerate(test) if image.tobytes() in seen]


def _leaky() -> list[Case]:
    rng = np.random.default_rng([52, 9])
    train = rng.integers(0, 256, (60, 5, 5), dtype=np.uint8)
    test = rng.integers(0, 256, (20, 5, 5), dtype=np.uint8)
    test[[3, 11, 12]] = train[[40, 7, 7]]
    turned = test.copy()
    turned[5] = train[9].T  # the same pixels in another order: no twin
    turned[6] = train[0]
    turned[6, 0, 0] ^= 1  # one grey level off: no twin
    clean = rng.integers(0, 256, (4, 5, 5), dtype=np.uint8)
    return [
        Case((train, test), "three twins"),
        Case((train, turned), "images that only resemble training images"),
        Case((train, clean), "no twin at all"),
    ]


PATIENTS = {
    "A": ("collapse", "KL 0.00, no active unit, and a reconstruction of 385 nats"),
    "B": ("kl sign", "a loss that falls below the floor of 190 nats while the KL passes 10,000"),
    "C": ("leak", "equal training and test scores, in a model that has memorised 1,000 images"),
    "D": ("saturation", "single pixels that have stayed white for ever, after one large step"),
    "E": ("healthy", "training and held-out curves that fall together, 12 active units"),
}
ILLNESSES = {
    "collapse": (
        "Collapse would show in the KL and in the active units.",
        "Look at the KL of this patient: is it near 0?",
    ),
    "kl sign": (
        "A wrong sign rewards the KL, so it would grow without bound.",
        "Look at the size of this patient's KL, and at the floor.",
    ),
    "leak": (
        "A leak shows where training and test agree although the model has overfitted.",
        "Compare this patient's training and test scores, and ask whether a gap is missing.",
    ),
    "saturation": (
        "Saturation kills single pixels: their gradient is exactly 0.",
        "Is anything said of single pixels here?",
    ),
    "healthy": (
        "Something is wrong with this patient.",
        "Which of its numbers is impossible, or too good, or does not move?",
    ),
    "unscaled": (
        "Pixels up to 255 make a cross-entropy negative.",
        "The pixels of all five were between 0 and 1.",
    ),
}


def _patient(name: str):
    illness, symptom = PATIENTS[name]
    feedback = {
        other: (f"{says} This patient has {symptom}.", hint)
        for other, (says, hint) in ILLNESSES.items()
        if other != illness
    }
    return option(illness, feedback)


EXERCISES = (
    Exercise(
        "train-01",
        "How many lines are printed?",
        "predict, then run",
        4,
        number(
            3 * 79,
            Mistake(
                "once an epoch",
                3,
                "That would be one line for each of those epochs.",
                "The `if` stands inside the loop over batches: how many batches has an epoch?",
            ),
            Mistake(
                "every epoch",
                30 * 79,
                "Those are the batches of all epochs.",
                "In which epochs, counted from 0, is epoch % 10 equal to 0?",
            ),
            Mistake(
                "last batch forgotten",
                3 * 78,
                "The last, smaller batch of each epoch is missing.",
                "10,000 images are not a whole number of batches. What happens to the rest?",
            ),
            Mistake(
                "epoch 30 counted",
                4 * 79,
                "Four epochs were counted.",
                "range(30) ends with 29.",
            ),
            rtol=1e-6,
            praise="Each of them the loss of one batch, and none of them held out.",
        ),
        "Epochs 0, 10 and 20 print; each has 79 batches (78 of 128 images and one of 16).",
    ),
    Exercise(
        "train-02",
        "Five patients",
        "by hand",
        7,
        several(
            {name: _patient(name) for name in PATIENTS},
            praise="All five, and from numbers alone.",
        ),
        "A: KL 0 and no active unit is collapse. B: below the floor with a huge KL is the sign. C: "
        "no gap in a model that memorises is a leak. D: dead pixels are saturation. E is well.",
    ),
    Exercise(
        "train-03",
        "The β of a published loss",
        "by hand",
        5,
        number(
            0.5 * 784 / 16,
            Mistake(
                "as written",
                0.5,
                "That is the factor that the program shows.",
                "β compares *sums*. Turn both means into sums first.",
            ),
            Mistake(
                "latents forgotten",
                0.5 * 784,
                "The KL is a mean over 16 latents.",
                "What does a mean divide by that a sum does not?",
            ),
            Mistake(
                "pixels forgotten",
                0.5 / 16,
                "The cross-entropy is a mean over 784 pixels.",
                "Multiply the whole loss until the cross-entropy is a sum.",
            ),
            Mistake(
                "factor forgotten",
                784 / 16,
                "The factor 0.5 before the KL was left out.",
                "Two means and a factor: all three enter.",
            ),
            Mistake(
                "inverse",
                16 / (0.5 * 784),
                "That is one over β.",
                "β stands before the KL when the error stands alone.",
            ),
            praise="A model with this loss will collapse; the 0.5 looked harmless.",
        ),
        "loss = CE/784 + 0.5 · KL/16. Times 784: CE + (0.5 · 784/16) KL.",
    ),
    Exercise(
        "train-04",
        "A warm-up that does not end",
        "fix the bug",
        5,
        function(
            kl_weight,
            _epochs,
            Mistake(
                "as given",
                lambda e, w: e / w if w else 1.0,
                "This is the function as it was handed out: after the warm-up the weight goes on "
                "rising.",
                "What should the weight be long after the warm-up? Try epoch 20 of a warm-up of 8.",
                given=True,
            ),
            Mistake(
                "turned round",
                lambda e, w: max(1 - e / w, 0.0) if w else 1.0,
                "The weight falls from 1 to 0.",
                "At first the latents are free, later they must be paid for.",
            ),
            Mistake(
                "back to 0",
                lambda e, w: (e / w if e < w else 0.0) if w else 1.0,
                "After the warm-up the KL is not counted at all.",
                "From then on the loss should be the negative ELBO. With which weight is it that?",
            ),
            Mistake(
                "at least 1",
                lambda e, w: max(e / w, 1.0) if w else 1.0,
                "There is no warm-up left: the weight is never below 1.",
                "Try epoch 2 of a warm-up of 8 by hand: `min` or `max`?",
            ),
            Mistake(
                "0 without warm-up",
                lambda e, w: min(e / w, 1.0) if w else 0.0,
                "With no warm-up at all the KL is never counted.",
                "A warm-up of 0 epochs is over before the first one.",
            ),
            praise="From 0 to 1, and then it stays: the loss is the negative ELBO again.",
        ),
        "min(epoch / warmup, 1), and 1 if there is no warm-up.",
    ),
    Exercise(
        "train-05",
        "Count the active units",
        "build it",
        6,
        function(
            active_units,
            _means,
            Mistake(
                "mean square for variance",
                lambda m, t: ((m**2).mean(axis=0) > t).sum(),
                "A latent whose mean is 3 for every image counts as active here.",
                "Active means that it differs from image to image.",
            ),
            Mistake(
                "sd for variance",
                lambda m, t: (m.std(axis=0) > t).sum(),
                "The standard deviation is compared with a threshold for variances.",
                "The published threshold of 0.01 is a variance.",
            ),
            Mistake(
                "over the latents",
                lambda m, t: (m.var(axis=1) > t).sum(),
                "The variance runs over the latents of one image.",
                "Images are on the first axis: over which axis must it run?",
            ),
            Mistake(
                "inactive ones",
                lambda m, t: (m.var(axis=0) <= t).sum(),
                "Those are the silent ones.",
                "Above or below the threshold?",
            ),
            Mistake(
                "mask for count",
                lambda m, t: m.var(axis=0) > t,
                "That says which are active, not how many.",
                "True counts as 1 in a sum.",
            ),
            praise="A constant code carries nothing, however far from 0 it is.",
        ),
        "Variance over images (axis 0) for each latent, compared with the threshold, summed.",
    ),
    Exercise(
        "train-06",
        "Is A better than B?",
        "build it",
        7,
        function(
            paired,
            _scores,
            Mistake(
                "unpaired",
                lambda a, b: (
                    (a - b).mean(),
                    np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)),
                ),
                "That error treats the two models as if they had seen different images.",
                "Most of the scatter is in the images and common to both: subtract first.",
            ),
            Mistake(
                "sd for standard error",
                lambda a, b: ((a - b).mean(), (a - b).std(ddof=1)),
                "That is the scatter of single images.",
                "How much does the *mean* of n differences scatter?",
            ),
            Mistake(
                "divided by n",
                lambda a, b: ((a - b).mean(), (a - b).std(ddof=1) / len(a)),
                "The scatter is divided by n.",
                "A mean of n scatters less by the root of n.",
            ),
            Mistake(
                "absolute differences",
                lambda a, b: (
                    np.abs(a - b).mean(),
                    np.abs(a - b).std(ddof=1) / np.sqrt(len(a)),
                ),
                "The differences were made positive.",
                "If A wins on half of the images and B on the others, what should come out?",
            ),
            Mistake(
                "order",
                lambda a, b: ((b - a).mean(), paired(a, b)[1]),
                "The difference has the wrong sign.",
                "The text asks for a minus b.",
            ),
            rtol=0.03,  # forgives ddof=0 with 25 images
            praise="Many times smaller than the two error bars side by side suggest.",
        ),
        "difference = a − b; its mean, and its standard deviation divided by √n.",
    ),
    Exercise(
        "train-07",
        "The floor under every model",
        "derive",
        8,
        function(
            noise_floor,
            _greys,
            Mistake(
                "white only",
                lambda x: -(x * np.log(np.clip(x, 1e-300, 1))).reshape(len(x), -1).sum(axis=1),
                "The coin's other side is missing.",
                "A pixel falls on 0 with probability 1 − g, and that too is a surprise.",
            ),
            Mistake(
                "0 log 0",
                lambda x: (
                    -(x * np.log(x) + (1 - x) * np.log(1 - x)).reshape(len(x), -1).sum(axis=1)
                ),
                "Pixels of exactly 0 or 1 give nan.",
                "A coin that always falls the same way has an entropy of 0: keep log(0) away.",
            ),
            Mistake(
                "mean over pixels",
                lambda x: noise_floor(x) / x[0].size,
                "The pixels' entropies are averaged.",
                "Nats an *image*: independent coins add their entropies.",
            ),
            Mistake(
                "base 2",
                lambda x: noise_floor(x) / np.log(2),
                "These are bits.",
                "Natural logarithms give nats.",
            ),
            Mistake(
                "sign",
                lambda x: -noise_floor(x),
                "Negative: but no coin is less than certain.",
                "Logarithms of probabilities are negative; what makes an entropy positive?",
            ),
            Mistake(
                "one number",
                lambda x: noise_floor(x).mean(),
                "All images share one number here.",
                "One floor for each image, shape (B,).",
            ),
            praise="Over the test set of Fashion-MNIST this averages 189.86 nats.",
        ),
        "Each pixel is a coin with probability g and entropy −g log g − (1 − g) log(1 − g), where "
        "0 log 0 = 0; sum over the pixels.",
    ),
    Exercise(
        "train-08",
        "The σ in a squared error",
        "derive",
        6,
        number(
            math.sqrt(0.784),
            Mistake(
                "variance for sd",
                0.784,
                "That is the variance.",
                "The question asks for the standard deviation.",
            ),
            Mistake(
                "no two",
                math.sqrt(1.568),
                "A factor 2 is missing in the Gaussian's exponent.",
                "−log N(x; x̂, v) contains (x − x̂)² divided by what?",
            ),
            Mistake(
                "sum for mean",
                math.sqrt(0.001),
                "The 500 multiplies a *mean* over 784 pixels.",
                "Write the first term as a factor times the sum of squares.",
            ),
            Mistake(
                "factor forgotten",
                math.sqrt(392),
                "The factor 500 plays no part in your answer.",
                "500 times the mean is how many times the sum?",
            ),
            Mistake(
                "inverse",
                1 / math.sqrt(0.784),
                "That is 1/σ.",
                "A large factor before the error means that small errors matter: is σ small or "
                "large then?",
            ),
            praise="Still far wider than the errors of a good VAE, about 0.2: too little is asked "
            "of the picture.",
        ),
        "500 · SSE/784 = SSE/(2σ²), so σ² = 784/1000.",
    ),
    Exercise(
        "train-09",
        "Find the leak",
        "stretch",
        10,
        function(
            twins,
            _leaky,
            Mistake(
                "training positions",
                lambda a, b: [
                    i for i, x in enumerate(a) if x.tobytes() in {y.tobytes() for y in b}
                ],
                "Those are positions in the training set.",
                "The test images are to be removed: where do they stand in `test`?",
            ),
            Mistake(
                "count",
                lambda a, b: len(twins(a, b)),
                "That is how many there are.",
                "Return their positions, so that they can be taken out.",
            ),
            Mistake(
                "mask",
                lambda a, b: np.array([i in twins(a, b) for i in range(len(b))]),
                "That is a mask of true and false.",
                "`np.flatnonzero` turns it into positions.",
            ),
            Mistake(
                "same sum",
                lambda a, b: [
                    i for i, x in enumerate(b) if int(x.sum()) in {int(y.sum()) for y in a}
                ],
                "Images with the same sum of pixels are taken for twins.",
                "The same pixels in another order are another image.",
            ),
            Mistake(
                "nearly alike",
                lambda a, b: [
                    i
                    for i, x in enumerate(b)
                    if (np.abs(a.astype(int) - x).max(axis=(1, 2)) <= 1).any()
                ],
                "One grey level of difference still counts as a twin here.",
                "This exercise asks for exact copies.",
            ),
            praise="One hash an image, and no loop over pairs.",
        ),
        "Put the bytes of every training image into a set; a test image whose bytes are in it is a "
        "twin. `image.tobytes()` gives them.",
    ),
)
