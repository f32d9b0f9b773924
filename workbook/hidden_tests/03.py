"""Hidden tests of workbook 3, the families of generative models.

They run in the grader and never beside a submission. Inputs differ from those of the notebook's
checks; the references are written out here, so that a mistake in the checks would show.
"""

import numpy as np

from aigc_course.grading import Student, agrees, hidden_test, near, wrong_entries

SEED = 20_403  # each test draws from it anew, so that everybody gets the same inputs


@hidden_test("alg-01", points=1, title="passes of four families")
def passes(student: Student):
    wanted = {"autoregressive": 3 * 32**2, "vae": 1, "flow": 25 + 25, "gan": 1}
    wrong = wrong_entries(student.value("passes"), wanted)
    if len(wrong) == 1:
        return 0.5, f"The passes of one family are not right: {wrong[0]}."
    assert not wrong, f"The passes of these are not right: {', '.join(wrong)}."
    return None


@hidden_test("alg-02", points=1, title="the best score, in nats")
def best_score(student: Student):
    got = student.number("best_score")
    choice = -sum(w * np.log(w) for w in (0.5, 0.3, 0.2))
    place = 1 + np.log(2 * np.pi) + 2 * np.log(0.2)  # of a round Gaussian in the plane
    assert not near(got, choice + place), "That is an entropy, and a score is asked for."
    assert not near(got, -place), "That is the score of somebody who is told the island."
    assert not near(got, -choice - place / 2), "A point of the plane is two numbers."
    assert near(got, -choice - place), "Two uncertainties add: which island, and where on it."


def draw_table(rng, bars, points):
    """A table of probabilities (K + 1, K), and the bars of some points."""
    table = rng.dirichlet(np.full(bars, 2.0), size=bars + 1)
    return table, rng.integers(0, bars, points), rng.integers(0, bars, points)


def reference_table_score(table, first, second, width):
    both = [table[-1, i] * table[i, j] for i, j in zip(first, second, strict=True)]
    return np.log(both) - 2 * np.log(width)


@hidden_test("alg-03", points=1, title="bars as wide as the unit")
def table_lookup(student: Student):
    table, first, second = draw_table(np.random.default_rng(SEED), 5, 11)
    got = student.numbers("table_score", table, first, second, 1.0)
    assert np.shape(got) == (11,), "One number for each point is wanted."
    wanted = reference_table_score(table, first, second, 1.0)
    assert agrees(got, wanted), "The probabilities are not taken from the right rows and columns."


@hidden_test("alg-03", points=2, title="narrow and wide bars")
def table_widths(student: Student):
    rng = np.random.default_rng(SEED)
    for bars, width in ((6, 0.2), (9, 1.7)):
        table, first, second = draw_table(rng, bars, 8)
        got = student.numbers("table_score", table, first, second, width)
        wanted = reference_table_score(table, first, second, width)
        if agrees(got, wanted + np.log(width)):
            return 1, "The width counts once, and a box in the plane has two sides."
        assert not agrees(got, wanted + 2 * np.log(width)), "These are probabilities of boxes."
        assert agrees(got, wanted), (
            "Check one box: its probability by its area, then the logarithm."
        )
    return None


@hidden_test("alg-04", points=2, title="the loss, in nats")
def sea(student: Student):
    got = student.number("loss_at_least")
    wanted = -np.log(0.8)
    if near(got, -wanted):
        return 1, "A loss was asked for, as a positive number."
    if near(got, wanted / np.log(10)) or near(got, wanted / np.log(2)):
        return 1, "The idea is right, and the unit is not nats."
    assert not near(got, -np.log(0.2)), "That is what it costs to have only the sea's share left."
    assert near(got, wanted), "How much probability is left for the islands, and what does it cost?"
    return None


@hidden_test("alg-05", points=1, title="places and directions")
def pairs(student: Student):
    rng = np.random.default_rng(SEED)
    for shape in ((6, 3), (4, 1)):
        noise, x = rng.normal(size=(2, *shape)) * 2
        t = rng.uniform(0.1, 0.9, size=(shape[0], 1))
        place, direction = student.parts("flow_pair", 2, noise, x, t)
        assert agrees(place, noise + t * (x - noise)), (
            "It starts at the noise and ends at the point."
        )
        assert agrees(direction, x - noise), "The direction leads from the noise to the point."


@hidden_test("alg-05", points=1, title="a step along the direction stays on the line")
def pairs_agree(student: Student):
    rng = np.random.default_rng(SEED)
    noise, x = rng.normal(size=(2, 5, 2))
    early, late = rng.uniform(0, 0.4, size=(5, 1)), rng.uniform(0.5, 1, size=(5, 1))
    place, direction = student.parts("flow_pair", 2, noise, x, early)
    later, _ = student.parts("flow_pair", 2, noise, x, late)
    for part in (place, direction, later):
        assert part.shape == x.shape, "Place and direction have not the shape of the points."
    moved = place + (late - early) * direction
    assert agrees(later, moved), "Whoever follows the direction leaves the line."


def reference_heun(velocity, x, start, end):
    step = end - start
    there = x + step * velocity(x, start)
    return x + step * 0.5 * (velocity(x, start) + velocity(there, end))


@hidden_test("alg-06", points=2, title="curved winds")
def heun_forward(student: Student):
    rng = np.random.default_rng(SEED)
    for wind, start, end in ((np.hypot, 0.1, 0.6), (np.arctan2, 0.3, 1.0)):
        x = rng.normal(size=(6, 2))
        got = student.numbers("heun", wind, x, start, end)
        wanted = reference_heun(wind, x, start, end)
        assert np.shape(got) == x.shape, "One new place for each old one is wanted."
        first = x + (end - start) * wind(x, start)
        assert not agrees(got, first), "That is Euler's step: the wind is asked once."
        one_clock = x + (end - start) * (wind(x, start) + wind(first, start)) / 2
        if agrees(got, one_clock):
            return 1, "The second look is at the right place and at the wrong time."
        middle = x + (end - start) * wind((x + first) / 2, (start + end) / 2)
        if agrees(got, middle):
            return 1, "That is the midpoint method, which looks once at half the way."
        assert not agrees(got, 2 * wanted - x), "The step is twice too long."
        assert agrees(got, wanted), (
            "One step with the mean of two winds is wanted: here, and there."
        )
    return None


@hidden_test("alg-06", points=1, title="a step back in time")
def heun_backward(student: Student):
    x = np.random.default_rng(SEED).normal(size=(3, 4))
    got = student.numbers("heun", np.multiply, x, 0.9, 0.5)
    wanted = reference_heun(np.multiply, x, 0.9, 0.5)
    assert agrees(got, wanted), "A step back in time ends elsewhere."


def reference_gan(real, made):
    def cost(logits):  # of calling made what has these logits
        return np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits)))

    return cost(-real).mean() + cost(made).mean(), cost(-made).mean()


@hidden_test("alg-07", points=1, title="the critic's loss")
def critic_loss(student: Student):
    rng = np.random.default_rng(SEED)
    for real, made in ((14, 14), (3, 20)):
        logits = rng.normal(0.5, 1.5, size=real), rng.normal(-0.2, 2, size=made)
        got = student.parts("gan_losses", 2, *logits)[0]
        wanted = reference_gan(*logits)[0]
        turned = reference_gan(-logits[0], -logits[1])[0]
        assert not agrees(got, turned), "This critic is rewarded for calling made points real."
        assert agrees(got, wanted), "Two costs: real points called made, made points called real."


@hidden_test("alg-07", points=1, title="the generator's loss")
def generator_loss(student: Student):
    rng = np.random.default_rng(SEED)
    real, made = rng.normal(size=6), rng.normal(-1, 2, size=10)
    got = student.parts("gan_losses", 2, real, made)[1]
    saturating = -reference_gan(real, -made)[1]
    assert not agrees(got, saturating), "That is the loss that saturates."
    assert agrees(got, reference_gan(real, made)[1]), (
        "What does it cost that made ones are called made?"
    )


@hidden_test("alg-07", points=1, title="a critic that is very sure")
def sure_critic(student: Student):
    real, made = np.array([-950.0, 3.0, 1200.0]), np.array([1100.0, -820.0])
    got = student.parts("gan_losses", 2, real, made)
    wanted = reference_gan(real, made)
    assert all(np.isfinite(loss).all() for loss in got), "Large logits give no finite losses."
    assert agrees(got, wanted), "Large logits give something else."


def reference_shares(x, centres):
    distances = np.square(x[:, None, :] - centres[None]).sum(axis=2)
    return (distances.argmin(axis=1)[:, None] == np.arange(len(centres))).mean(axis=0)


@hidden_test("alg-08", points=2, title="islands visited too often or too rarely")
def weight_errors(student: Student):
    rng = np.random.default_rng(SEED)
    centres = np.array([[0.0, 4.0], [4.0, 0.0], [-4.0, 0.0], [0.0, -4.0], [0.0, 0.0]])
    weights = np.array([0.3, 0.25, 0.2, 0.15, 0.1])
    # First one island has far too many points, then one far too few and none far too many.
    for shares in ([0.1, 0.2, 0.15, 0.1, 0.45], [0.02, 0.32, 0.27, 0.22, 0.17]):
        at = rng.choice(5, size=300, p=shares)
        x = centres[at] + 0.4 * rng.normal(size=(300, 2))
        got = student.numbers("weight_error", x, centres, weights)
        difference = reference_shares(x, centres) - weights
        wanted = np.abs(difference).max()
        if agrees(got, np.abs(difference).mean()):
            return 1, "That is an average, in which one forgotten island hardly shows."
        if not agrees(got, wanted) and agrees(got, difference.max()):
            return 1, "An island with too few samples does not count."
        assert agrees(got, wanted), (
            "The largest gap is wanted, between an island's share and its weight."
        )
    return None


@hidden_test("alg-08", points=1, title="an island without samples")
def forgotten_island(student: Student):
    rng = np.random.default_rng(SEED)
    centres, weights = np.array([[1.0, 1.0], [6.0, 2.0], [3.0, 8.0]]), np.array([0.2, 0.3, 0.5])
    x = centres[rng.choice(2, size=60)] + 0.3 * rng.normal(size=(60, 2))
    got = student.numbers("weight_error", x, centres, weights)
    wanted = np.abs(reference_shares(x, centres) - weights).max()
    assert agrees(got, wanted), "An island that no sample visits has the share 0, and counts."


def reference_velocity(place, t, mean, sd):
    """x and n given x_t: regression of each on the place."""
    variance = (1 - t) ** 2 + (t * sd) ** 2
    deviation = (place - t * mean) / variance
    return mean + t * sd**2 * deviation - (1 - t) * deviation


def judge_velocity(student, places, cases, otherwise):
    for t, mean, sd in cases:
        got = student.numbers("gaussian_velocity", places, t, mean, sd)
        assert np.shape(got) == places.shape, "One velocity for each place is wanted."
        wanted = reference_velocity(places, t, mean, sd)
        if mean:
            alike = np.full_like(places, mean)
            assert not agrees(got, alike), "The velocity does not depend on the place."
        assert agrees(got, wanted), otherwise


@hidden_test("alg-09", points=1, title="data around the origin")
def velocity_at_origin(student: Student):
    places = np.random.default_rng(SEED).normal(size=7)
    says = "How x - n goes with the place: a covariance, by the variance of the place."
    judge_velocity(student, places, ((0.2, 0.0, 0.4), (0.7, 0.0, 1.8)), says)


@hidden_test("alg-09", points=1, title="data elsewhere")
def velocity_elsewhere(student: Student):
    places = np.random.default_rng(SEED).normal(size=6) * 3
    says = "Data that do not lie around 0 give something else."
    judge_velocity(student, places, ((0.4, 2.5, 0.6), (0.65, -1.3, 1.5)), says)


@hidden_test("alg-09", points=1, title="the first moment and the last")
def velocity_at_the_ends(student: Student):
    places = np.random.default_rng(SEED).normal(size=5)
    says = "At one of the two ends the place is pure noise, at the other pure data."
    judge_velocity(student, places, ((0.0, -0.8, 1.3), (1.0, 0.9, 0.5)), says)
