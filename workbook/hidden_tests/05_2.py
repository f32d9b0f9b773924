"""Hidden tests of workbook 5.2, training a VAE.

They run in the grader and never beside a submission. Inputs differ from those of the notebook's
checks; the references are written out here, so that a mistake in the checks would show.
"""

import numpy as np

from aigc_course.grading import Student, agrees, hidden_test, near, wrong_entries

SEED = 20_452  # each test draws from it anew, so that everybody gets the same inputs


@hidden_test("train-01", points=1, title="how many lines")
def lines(student: Student):
    got = student.number("lines")
    batches, epochs = -(-10_000 // 128), len(range(0, 30, 10))
    assert got != epochs, "One line an epoch: but the condition stands inside the inner loop."
    assert got != 30 * batches, "Not every epoch prints."
    assert got != epochs * (batches - 1), "Some images are in none of your batches."
    assert got == epochs * batches, "Count the epochs that print, and the batches of an epoch."


@hidden_test("train-02", points=1, title="five diagnoses")
def patients(student: Student):
    wanted = {"A": "collapse", "B": "kl sign", "C": "leak", "D": "saturation", "E": "healthy"}
    wrong = wrong_entries(student.value("diagnosis"), wanted)
    if len(wrong) == 1:
        return 0.5, f"One diagnosis is not right: that of patient {wrong[0]}."
    assert not wrong, f"These patients have something else: {', '.join(wrong)}."
    return None


@hidden_test("train-03", points=1, title="the hidden weight")
def published_beta(student: Student):
    got = student.number("beta")
    wanted = 784 * 0.5 / 16
    assert not near(got, 1 / wanted), "That is the weight of the other term."
    assert not near(got, 2 * wanted), "The program's own factor is missing."
    assert near(got, wanted), "Turn both means into sums, and multiply until one stands alone."


def judge_weights(student, cases, otherwise):
    for epoch, warmup, wanted in cases:
        got = student.numbers("kl_weight", epoch, warmup)
        assert agrees(got, float(wanted)), otherwise if wanted < 1 else "A weight of 1 was due."


@hidden_test("train-04", points=1, title="the rise, and what comes after it")
def rise(student: Student):
    cases = ((0, 4, 0), (3, 12, 0.25), (4.5, 6, 0.75), (6, 6, 1), (50, 6, 1), (7.5, 5, 1))
    judge_weights(student, cases, "During the warm-up the weight rises in a straight line.")


@hidden_test("train-04", points=1, title="no warm-up, and a very short one")
def no_rise(student: Student):
    cases = ((0, 0, 1), (12, 0, 1), (0.25, 0.5, 0.5), (9, 0.5, 1))
    judge_weights(student, cases, "What if the warm-up is over before the first epoch is?")


@hidden_test("train-05", points=1, title="active latents among silent ones")
def active_around_zero(student: Student):
    rng = np.random.default_rng(SEED)
    spread = np.array([0.9, 0.4, 0.06, 0.03, 0.0, 0.7, 0.05])
    means = spread * rng.normal(size=(250, 7))
    got = student.numbers("active_units", means, 0.01)
    assert np.shape(got) == (), "One whole number is wanted."
    assert not agrees(got, 4), "Those are the silent ones."
    assert not agrees(got, 6), "The threshold is one for variances."
    assert agrees(got, 3), "Whose mean changes from image to image by more than the threshold?"


@hidden_test("train-05", points=1, title="latents far from 0")
def active_elsewhere(student: Student):
    rng = np.random.default_rng(SEED)
    spread, centre = np.array([0.5, 0.01, 0.02, 0.8]), np.array([1.0, -2.5, 4.0, 0.0])
    means = centre + spread * rng.normal(size=(120, 4))
    got = student.numbers("active_units", means, 0.01)
    assert not agrees(got, 4), "A latent that never changes counts as active."
    assert agrees(got, 2), "A latent is active if it changes, wherever it lies."


@hidden_test("train-05", points=1, title="another threshold, and few images")
def active_above(student: Student):
    signs = np.where(np.arange(8) % 2, 1.0, -1.0)[:, None]  # the variance is the square
    means = signs * np.sqrt([0.01, 0.05, 0.09, 0.3, 0.4, 0.5, 0.02, 0.6, 0.7, 0.9, 0.11, 2.0])
    got = student.numbers("active_units", means, 0.1)
    assert agrees(got, 8), "The threshold that is given does not decide."


def reference_paired(a, b):
    difference = a - b
    scatter = np.sqrt(np.square(difference - difference.mean()).sum() / (len(a) - 1))
    return difference.mean(), scatter / np.sqrt(len(a))


def draw_scores(size, gap):
    """Nats of two models on the same images, most of whose scatter is the images' own."""
    rng = np.random.default_rng(SEED)
    hard = rng.gamma(9, 25, size=size)
    return hard + rng.normal(gap, 1.5, size=size), hard + rng.normal(0, 1.5, size=size)


@hidden_test("train-06", points=1, title="the mean difference")
def mean_difference(student: Student):
    a, b = draw_scores(600, -1.2)
    got = student.parts("paired", 2, a, b)[0]
    wanted = reference_paired(a, b)[0]
    assert not agrees(got, -wanted), "The difference is taken the other way round."
    assert agrees(got, wanted), "The difference is taken image by image, and then averaged."


@hidden_test("train-06", points=1, title="its standard error")
def error_of_difference(student: Student):
    a, b = draw_scores(500, 0.4)
    got = student.parts("paired", 2, a, b)[1]
    wanted = reference_paired(a, b)[1]
    root = np.sqrt(500)
    unpaired = np.sqrt(a.var() + b.var()) / root
    assert not agrees(got, unpaired, rtol=0.02), "What makes images hard blurs the comparison."
    assert not agrees(got, wanted * root, rtol=0.02), "That is the scatter of single images."
    assert not agrees(got, wanted / root, rtol=0.02), "It falls too fast with the number of images."
    assert agrees(got, wanted, rtol=0.02), "The scatter of what, by the root of what?"  # any ddof


@hidden_test("train-06", points=1, title="few images")
def few_images(student: Student):
    a, b = draw_scores(40, 2.0)
    got = student.parts("paired", 2, a, b)
    assert agrees(tuple(got), reference_paired(a, b), rtol=0.03), "With few images it differs."


def reference_floor(images):
    floors = []
    for image in images:
        coins = [(g, 1 - g) for g in image.ravel().tolist()]
        floors.append(-sum(p * np.log(p) for coin in coins for p in coin if p > 0))
    return np.array(floors)


@hidden_test("train-07", points=1, title="grey pixels")
def floor_of_grey(student: Student):
    rng = np.random.default_rng(SEED)
    for shape in ((2, 5, 3), (6, 2, 2)):
        images = rng.uniform(0.05, 0.95, size=shape)
        got = student.numbers("noise_floor", images)
        wanted = reference_floor(images)
        assert np.shape(got) == wanted.shape, "One number for each image is wanted."
        assert not agrees(got, -wanted), "No image can cost less than nothing."
        assert not agrees(got, wanted / images[0].size), "Costs of pixels add up."
        assert not agrees(got, wanted / np.log(2)), "These are bits."
        assert agrees(got, wanted), (
            "A grey pixel is a coin: what does it cost on average to tell its side?"
        )


@hidden_test("train-07", points=1, title="black and white pixels")
def floor_of_black_and_white(student: Student):
    rng = np.random.default_rng(SEED)
    images = rng.choice([0.0, 1.0, 0.3, 0.85], size=(4, 4, 4))
    images[2] = 0
    got = student.numbers("noise_floor", images)
    assert np.isfinite(got).all(), "Where a pixel is certain, the floor is no number."
    assert agrees(got, reference_floor(images)), "A pixel that is certain costs nothing."


@hidden_test("train-08", points=2, title="the standard deviation")
def sigma(student: Student):
    got = student.number("sigma")
    variance = 784 / 500 / 2
    if near(got, variance):
        return 1, "That is the variance; the standard deviation was asked for."
    if near(got, np.sqrt(2 * variance)):
        return 1, "A factor of the Gaussian's exponent is missing."
    if near(got, 1 / np.sqrt(variance)):
        return 1, "That is one over the standard deviation."
    assert near(got, np.sqrt(variance)), "Compare what stands before the sum of squares."
    return None


def reference_twins(train, test):
    return [i for i, x in enumerate(test) if (train == x).all(axis=(1, 2)).any()]


def judge_twins(student, train, test, wanted, otherwise):
    got = student.numbers("twins", train, test)
    assert np.ndim(got) == 1, "A list of positions is wanted."
    assert agrees(got, np.array(wanted, int)), otherwise


@hidden_test("train-09", points=1, title="twins among strangers")
def some_twins(student: Student):
    rng = np.random.default_rng(SEED)
    train = rng.integers(0, 256, size=(90, 4, 6), dtype=np.uint8)
    test = rng.integers(0, 256, size=(30, 4, 6), dtype=np.uint8)
    test[[28, 2, 17, 18]] = train[[3, 55, 55, 89]]
    wanted = reference_twins(train, test)
    judge_twins(student, train, test, wanted, "These are not the twins' positions in `test`.")


@hidden_test("train-09", points=1, title="images that only look like twins")
def false_twins(student: Student):
    rng = np.random.default_rng(SEED)
    train = rng.integers(1, 255, size=(40, 5, 5), dtype=np.uint8)
    test = rng.integers(1, 255, size=(9, 5, 5), dtype=np.uint8)
    test[1] = train[4][::-1]  # the same pixels elsewhere
    test[3] = train[20]
    test[5] = train[30]
    test[5, 4, 4] += 1
    judge_twins(student, train, test, reference_twins(train, test), "Only exact copies count.")


@hidden_test("train-09", points=1, title="many images")
def many_images(student: Student):
    rng = np.random.default_rng(SEED)
    train = rng.integers(0, 256, size=(12_000, 4, 4), dtype=np.uint8)
    test = rng.integers(0, 256, size=(2_000, 4, 4), dtype=np.uint8)
    test[1234] = train[11_999]
    judge_twins(student, train, test, [1234], "Among many images it goes wrong.")
