"""Plausible wrong answers to every exercise, for the tests of the workbook.

For each exercise: the name of the mistake that the check should see, and the answer that
somebody who makes it would give. They are written as a learner would write them, apart from
the checks' own lists, so that the two can disagree. Teachers may read them as a list of what
to expect; learners should not.
"""

from __future__ import annotations

import numpy as np

WRONG: dict[str, dict[str, object]] = {}

# ---------------------------------------------------------------- chapter 4

WRONG["vae-01"] = {"variance for sd": 0.2, "no prior": 0.5, "noise not squared": 0.378}
WRONG["vae-02"] = {"no half": 4.636, "sd for variance": 2.097, "sign of the logarithm": 0.932}


def kl_mean(mean, log_var):
    return 0.5 * np.mean(np.square(mean) + np.exp(log_var) - 1 - log_var, axis=-1)


def kl_essay_sign(mean, log_var):
    return 0.5 * np.sum(1 + log_var - np.square(mean) - np.exp(log_var), axis=-1)


def kl_with_sigma(mean, log_var):
    sigma = np.exp(log_var / 2)
    return 0.5 * np.sum(mean**2 + sigma - 1 - log_var, axis=-1)


WRONG["vae-03"] = {
    "mean for sum": kl_mean,
    "sign": kl_essay_sign,
    "sd for variance": kl_with_sigma,
    "no half": lambda mean, log_var: (mean**2 + np.exp(log_var) - 1 - log_var).sum(-1),
    "summed over the batch too": lambda m, v: 0.5 * np.sum(m**2 + np.exp(v) - 1 - v),
}
WRONG["vae-04"] = {
    "wrong direction": lambda mean, log_var, noise: mean + np.exp(log_var) ** 2 * noise,
    "half the variance": lambda mean, log_var, noise: mean + 0.5 * np.exp(log_var) * noise,
    "no log_var": lambda mean, log_var, noise: mean + noise,
}
WRONG["vae-05"] = {
    "slope in the variance": lambda log_var: 0.5 - 0.5 / np.exp(log_var),
    "slope in log sigma": lambda log_var: np.exp(log_var) - 1,
    "constant kept": lambda log_var: np.exp(log_var) / 2,
}
WRONG["vae-06"] = {"KL to the prior": 0.818, "KL reversed": 0.258, "no half": 0.761}
WRONG["vae-07"] = {
    "mean of the logarithms": lambda log_w: np.mean(log_w, axis=0),
    "overflow": lambda log_w: np.log(np.mean(np.exp(log_w), axis=0)),
    "sum for mean": lambda log_w: (
        log_w.max(axis=0) + np.log(np.exp(log_w - log_w.max(axis=0)).sum(axis=0))
    ),
}
WRONG["vae-08"] = {
    "marginal variances": lambda precision: (
        0.5 * np.log(np.diag(np.linalg.inv(precision))).sum()
        + 0.5 * np.log(np.linalg.det(precision))
    ),
    "no half": lambda p: np.log(np.diag(p)).sum() - np.linalg.slogdet(p)[1],
    "trace": lambda p: 0.5 * (np.log(np.trace(p)) - np.linalg.slogdet(p)[1]),
}


def score_without_sigma(f, mean, log_var, eps):
    values = f(mean + np.exp(log_var / 2) * eps)
    return (values * eps).mean(), (values * (eps**2 - 1)).mean() / 2


def score_in_log_sigma(f, mean, log_var, eps):
    sigma = np.exp(log_var / 2)
    values = f(mean + sigma * eps)
    return (values * eps).mean() / sigma, (values * (eps**2 - 1)).mean()


WRONG["vae-09"] = {"eps not divided": score_without_sigma, "no half": score_in_log_sigma}

# ---------------------------------------------------------------- chapter 2

WRONG["core-01"] = {"probability for density": 0.759, "no smoothing": 3.2, "smoothed once": 3.216}


def bar(values, bars):
    return np.minimum((np.asarray(values) * bars).astype(int), bars - 1)


WRONG["core-02"] = {
    "sum for mean": lambda values, heights: np.log(heights[bar(values, len(heights))]).sum(),
    "probability for density": lambda values, heights: np.log(
        (heights / len(heights))[bar(values, len(heights))]
    ).mean(),
    "mean before the logarithm": lambda values, heights: np.log(
        np.mean(heights[bar(values, len(heights))])
    ),
}
WRONG["core-03"] = {"wrong direction": 5.287, "unchanged": 0.682, "decimal logarithm": -1.318}


def histogram(values, bars):
    counts = np.bincount(bar(values, bars), minlength=bars) + 0.1
    return counts / counts.sum() * bars


def judged_by(fitted, judging):
    def choose(train, held, candidates):
        sets, scores = {"train": train, "held": held}, []
        for bars in candidates:
            heights = histogram(sets[fitted], bars)
            scores.append(np.log(heights[bar(sets[judging], bars)]).mean())
        return candidates[int(np.argmax(scores))]

    return choose


WRONG["core-04"] = {
    "fitted on the held-out data": judged_by("held", "held"),
    "roles exchanged": judged_by("held", "train"),
}
WRONG["core-05"] = {"decimal logarithm": 1.602, "bits": 5.322, "the chapter's ten classes": 2.303}
WRONG["core-06"] = {"nats for bits": 363.75, "bits for bytes": 4198, "wrong conversion": 252.1}


def counted(text, alphabet):
    pairs = np.array([[sum(a + b == text[i : i + 2] for i in range(len(text) - 1))
                       for b in alphabet] for a in alphabet])  # fmt: skip
    return pairs, np.array([text.count(c) for c in alphabet]) / len(text)


def bigram_transposed(text, alphabet):
    pairs, p0 = counted(text, alphabet)
    return ((pairs + 2 * p0) / (pairs.sum(axis=1, keepdims=True) + 2)).T


def bigram_uniform(text, alphabet):
    pairs, _ = counted(text, alphabet)
    return (pairs + 2 / len(alphabet)) / (pairs.sum(axis=1, keepdims=True) + 2)


def bigram_unsmoothed(text, alphabet):
    pairs, _ = counted(text, alphabet)
    with np.errstate(all="ignore"):
        return pairs / pairs.sum(axis=1, keepdims=True)


WRONG["core-07"] = {
    "transposed": bigram_transposed,
    "uniform below": bigram_uniform,
    "no smoothing": bigram_unsmoothed,
}


def gaussians(x, means, sds):
    return np.exp(-((x[:, None] - means) ** 2) / (2 * sds**2)) / np.sqrt(2 * np.pi * sds**2)


def shared_without_weights(x, weights, means, sds):
    density = gaussians(x, means, sds)
    return density / density.sum(axis=1, keepdims=True)


def shared_over_points(x, weights, means, sds):
    density = weights * gaussians(x, means, sds)
    return density / density.sum(axis=0)


WRONG["core-08"] = {
    "weights forgotten": shared_without_weights,
    "normalised over the points": shared_over_points,
    "not normalised": lambda x, weights, means, sds: weights * gaussians(x, means, sds),
}


def adapt_hard(log_p, weights, rounds):
    for _ in range(rounds):
        winner = np.argmax(log_p + np.log(weights), axis=1)
        weights = np.bincount(winner, minlength=len(weights)) / len(winner)
    return weights


def adapt_once(log_p, weights, rounds):
    joint = log_p + np.log(weights)
    shares = np.exp(joint - joint.max(axis=1, keepdims=True))
    return (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)


def adapt_underflowing(log_p, weights, rounds):
    for _ in range(rounds):
        joint = weights * np.exp(log_p)
        weights = np.mean(joint / joint.sum(axis=1, keepdims=True), axis=0)
    return weights


WRONG["core-09"] = {
    "hard assignment": adapt_hard,
    "weights not renewed": adapt_once,
    "underflow": adapt_underflowing,
}

# ---------------------------------------------------------------- chapter 3

PASSES = {"autoregressive": 3072, "vae": 1, "flow": 50, "gan": 1}
WRONG["alg-01"] = {
    "autoregressive: channels forgotten": {**PASSES, "autoregressive": 1024},
    "flow: one pass a step": {**PASSES, "flow": 25},
    "gan: critic counted": {**PASSES, "gan": 2},
}
WRONG["alg-02"] = {"sign": 0.6487, "choice forgotten": 0.381, "one dimension": -0.8392}
WRONG["alg-03"] = {
    "no width": lambda table, first, second, width: np.log(table[-1, first] * table[first, second]),
    "independent": lambda table, first, second, width: np.log(
        table[-1, first] * table[-1, second] / width**2
    ),
    "one width": lambda table, first, second, width: (
        np.log(table[-1, first]) + np.log(table[first, second] / width)
    ),
}
WRONG["alg-04"] = {"the share itself": 1.609, "share for nats": 0.2, "decimal logarithm": 0.0969}
WRONG["alg-05"] = {
    "place turned round": lambda noise, x, t: ((1 - t) * x + t * noise, noise - x),
    "the end for the direction": lambda noise, x, t: ((1 - t) * noise + t * x, x),
    "direction to go": lambda noise, x, t: (
        (1 - t) * noise + t * x,
        (1 - t) * (x - noise),
    ),
}


def euler(velocity, x, start, end):
    return x + (end - start) * velocity(x, start)


def heun_at_the_old_time(velocity, x, start, end):
    h = end - start
    k1 = velocity(x, start)
    k2 = velocity(x + h * k1, start)
    return x + h / 2 * (k1 + k2)


def heun_doubled(velocity, x, start, end):
    h = end - start
    k1 = velocity(x, start)
    return x + h * k1 + h * velocity(x + h * k1, end)


WRONG["alg-06"] = {
    "Euler": euler,
    "time of the second look": heun_at_the_old_time,
    "sum for mean": heun_doubled,
}


def plus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


WRONG["alg-07"] = {
    "roles exchanged": lambda real, made: (
        plus(real).mean() + plus(-made).mean(),
        plus(made).mean(),
    ),
    "saturating": lambda real, made: (
        plus(-real).mean() + plus(made).mean(),
        -plus(made).mean(),
    ),
    "overflow": lambda real, made: (
        np.log(1 + np.exp(-real)).mean() + np.log(1 + np.exp(made)).mean(),
        np.log(1 + np.exp(-made)).mean(),
    ),
}


def shares(x, centres):
    at = ((x[:, None] - centres) ** 2).sum(axis=-1).argmin(axis=1)
    return np.bincount(at, minlength=len(centres)) / len(x)


WRONG["alg-08"] = {
    "mean for largest": lambda x, centres, weights: np.mean(abs(shares(x, centres) - weights)),
    "signed": lambda x, centres, weights: np.max(shares(x, centres) - weights),
    "counts for shares": lambda x, centres, weights: np.max(
        abs(shares(x, centres) * len(x) - weights)
    ),
}


def velocity_without_noise(place, t, mean, sd):
    return mean + t * sd**2 / ((1 - t) ** 2 + (t * sd) ** 2) * (place - t * mean)


def velocity_uncentred(place, t, mean, sd):
    return mean + (t * sd**2 - 1 + t) / ((1 - t) ** 2 + (t * sd) ** 2) * place


WRONG["alg-09"] = {
    "noise forgotten": velocity_without_noise,
    "not centred": velocity_uncentred,
    "not conditioned": lambda place, t, mean, sd: np.full_like(place, mean),
}

# ---------------------------------------------------------------- chapter 5.1

WRONG["build-01"] = {"no half": 48, "channels forgotten": 8, "latents forgotten": 1536}
WRONG["build-02"] = {"padding same": 4096, "filters forgotten": 36, "pooling rounds up": 3136}


def decoder_with(strides, last, channels):
    def decoder(latent_dim):
        import keras
        from keras import layers

        network = keras.Sequential(
            [
                layers.Input((latent_dim,)),
                layers.Dense(7 * 7 * 16, "relu"),
                layers.Reshape((7, 7, 16)),
            ]
        )
        for stride in strides:
            network.add(layers.Conv2DTranspose(8, 3, stride, "same", activation="relu"))
        network.add(layers.Conv2DTranspose(channels, 3, 1, "same", activation=last))
        return network

    return decoder


WRONG["build-03"] = {
    "side": decoder_with((2, 1), None, 1),
    "activation": decoder_with((2, 2), "sigmoid", 1),
    "channels": decoder_with((2, 2), None, 28),
}


def pixel_costs(x, logits):
    return np.logaddexp(0, logits) - x * logits


def latent_costs(mean, log_var):
    return 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var)


WRONG["build-04"] = {
    "mean over pixels": lambda x, logits, mean, log_var: (
        pixel_costs(x, logits).mean() + latent_costs(mean, log_var).sum(axis=1).mean()
    ),
    "mean over latents": lambda x, logits, mean, log_var: (
        pixel_costs(x, logits).sum(axis=(1, 2)).mean() + latent_costs(mean, log_var).mean()
    ),
    "batch summed": lambda x, logits, mean, log_var: (
        pixel_costs(x, logits).sum() + latent_costs(mean, log_var).sum()
    ),
}
WRONG["build-05"] = {"output places": 3612672, "weights": 18432, "kernel forgotten": 100352}


def sampling_with(draw):
    """A class as `build-06` asks for; ``draw`` makes z from what a layer has."""
    import keras
    from keras import layers

    class Sampling(layers.Layer):
        def __init__(self, seed):
            super().__init__()
            self.seed = seed
            self.seed_generator = keras.random.SeedGenerator(seed)

        def call(self, mean, log_var):
            return draw(self, mean, log_var)

    return Sampling


def late(make):
    """An answer that is made only when it is needed: Keras takes seconds to load."""
    make.late = True
    return make


def sampling_by_variance():
    from keras import ops, random

    return sampling_with(
        lambda layer, mean, log_var: (
            mean + ops.exp(log_var) * random.normal(ops.shape(mean), seed=layer.seed_generator)
        )
    )


def sampling_with_fixed_seed():
    from keras import ops, random

    return sampling_with(
        lambda layer, mean, log_var: (
            mean + ops.exp(0.5 * log_var) * random.normal(ops.shape(mean), seed=layer.seed)
        )
    )


def sampling_one_for_all():
    from keras import ops, random

    return sampling_with(
        lambda layer, mean, log_var: (
            mean
            + ops.exp(0.5 * log_var) * random.normal((1, mean.shape[-1]), seed=layer.seed_generator)
        )
    )


WRONG["build-06"] = {
    "variance for sd": late(sampling_by_variance),
    "the same every time": late(sampling_with_fixed_seed),
    "one draw for all": late(sampling_one_for_all),
}


def cost_via_sigmoid(x, logits):
    with np.errstate(all="ignore"):
        p = np.clip(1 / (1 + np.exp(-logits)), 1e-7, 1 - 1e-7)
    return -np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=(1, 2))


def cost_overflowing(x, logits):
    with np.errstate(all="ignore"):
        return np.sum(np.log(1 + np.exp(logits)) - x * logits, axis=(1, 2))


WRONG["build-07"] = {
    "via a clipped sigmoid": cost_via_sigmoid,
    "overflow": cost_overflowing,
    "sign": lambda x, logits: -np.sum(pixel_costs(x, logits), axis=(1, 2)),
    "mean over pixels": lambda x, logits: np.mean(pixel_costs(x, logits), axis=(1, 2)),
}
WRONG["build-08"] = {
    "noise not squared": lambda variances, noise: (
        0.5 * np.log(np.maximum(variances / noise, 1)).sum()
    ),
    "losses counted": lambda variances, noise: 0.5 * np.log(variances / noise**2).sum(),
    "channel capacity": lambda variances, noise: 0.5 * np.log(1 + variances / noise**2).sum(),
}


def vae_with(loss):
    """A class as `build-09` asks for; ``loss`` combines costs of shapes (B, pixels), (B, d)."""
    import keras
    from keras import ops

    class TinyVAE(keras.Model):
        def __init__(self, encoder, decoder):
            super().__init__()
            self.encoder, self.decoder = encoder, decoder
            self.seed_generator = keras.random.SeedGenerator(0)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            mean, log_var = ops.split(self.encoder(x), 2, axis=-1)
            noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
            z = mean + ops.exp(0.5 * log_var) * noise * (loss is not without_noise)
            logits = self.decoder(z)
            kl = 0.5 * (ops.square(mean) + ops.exp(log_var) - 1 - log_var)
            return loss(ops, ops.softplus(logits) - x * logits, kl)

    return TinyVAE


def without_noise(ops, fit, kl):
    return ops.mean(ops.sum(fit, axis=-1) + ops.sum(kl, axis=-1))


WRONG["build-09"] = {
    "two means": late(lambda: vae_with(lambda ops, fit, kl: ops.mean(fit) + ops.mean(kl))),
    "KL sign": late(
        lambda: vae_with(
            lambda ops, fit, kl: ops.mean(ops.sum(fit, axis=-1) - ops.sum(kl, axis=-1))
        )
    ),
    "no noise": late(lambda: vae_with(without_noise)),
    "batch summed": late(lambda: vae_with(lambda ops, fit, kl: ops.sum(fit) + ops.sum(kl))),
}

# ---------------------------------------------------------------- chapter 5.2

WRONG["train-01"] = {"once an epoch": 3, "last batch forgotten": 234, "every epoch": 2370}
CHART = {"A": "collapse", "B": "kl sign", "C": "leak", "D": "saturation", "E": "healthy"}
WRONG["train-02"] = {
    "B: unscaled": {**CHART, "B": "unscaled"},
    "C: healthy": {**CHART, "C": "healthy"},
    "D: collapse": {**CHART, "D": "collapse"},
}
WRONG["train-03"] = {"latents forgotten": 392, "pixels forgotten": 0.03125, "factor forgotten": 49}
WRONG["train-04"] = {
    "turned round": lambda epoch, warmup: max(1 - epoch / warmup, 0) if warmup else 1,
    "at least 1": lambda epoch, warmup: max(epoch / warmup, 1) if warmup else 1,
    "0 without warm-up": lambda epoch, warmup: min(1, epoch / warmup) if warmup else 0,
}
WRONG["train-05"] = {
    "mean square for variance": lambda means, threshold: np.sum(
        np.mean(means**2, axis=0) > threshold
    ),
    "sd for variance": lambda means, threshold: np.sum(np.std(means, axis=0) > threshold),
    "over the latents": lambda means, threshold: np.sum(np.var(means, axis=1) > threshold),
}
WRONG["train-06"] = {
    "unpaired": lambda a, b: (
        a.mean() - b.mean(),
        np.hypot(a.std(ddof=1), b.std(ddof=1)) / np.sqrt(len(a)),
    ),
    "sd for standard error": lambda a, b: (np.mean(a - b), np.std(a - b, ddof=1)),
    "divided by n": lambda a, b: (np.mean(a - b), np.std(a - b, ddof=1) / len(a)),
}


def floor_with_nan(images):
    with np.errstate(all="ignore"):
        coins = images * np.log(images) + (1 - images) * np.log(1 - images)
    return -coins.sum(axis=(1, 2))


def floor_of_white(images):
    return -(images * np.log(np.where(images > 0, images, 1))).sum(axis=(1, 2))


WRONG["train-07"] = {"0 log 0": floor_with_nan, "white only": floor_of_white}
WRONG["train-08"] = {"variance for sd": 0.784, "no two": 1.2522, "sum for mean": 0.0316}


def twins_by_sum(train, test):
    sums = set(train.sum(axis=(1, 2)).tolist())
    return [i for i, total in enumerate(test.sum(axis=(1, 2)).tolist()) if total in sums]


def twins_in_train(train, test):
    seen = {image.tobytes() for image in test}
    return np.flatnonzero([image.tobytes() in seen for image in train])


WRONG["train-09"] = {"same sum": twins_by_sum, "training positions": twins_in_train}

# ---------------------------------------------------------------- chapter 5.3

WRONG["gen-01"] = {"variances for sds": 34, "cross term forgotten": 22, "root": 3.1623}
WRONG["gen-02"] = {"squared length": 2.88, "dimensions added": 9.6, "temperature forgotten": 5.657}


def frechet_rooted_by_entry(a, b):
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    gap = a.mean(axis=0) - b.mean(axis=0)
    return gap @ gap + np.trace(cov_a + cov_b - 2 * np.sqrt(np.abs(cov_a @ cov_b)))


def frechet_of_independent(a, b):
    gap = a.mean(axis=0) - b.mean(axis=0)
    return gap @ gap + ((a.std(axis=0, ddof=1) - b.std(axis=0, ddof=1)) ** 2).sum()


WRONG["gen-03"] = {
    "means only": lambda a, b: np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2),
    "root element by element": frechet_rooted_by_entry,
    "diagonal only": frechet_of_independent,
}


def angle(a, b):
    return np.arccos(a @ b / np.sqrt(a @ a) / np.sqrt(b @ b))


WRONG["gen-04"] = {
    "straight line": lambda a, b, t: a + t * (b - a),
    "turned round": lambda a, b, t: (
        (np.sin(t * angle(a, b)) * a + np.sin((1 - t) * angle(a, b)) * b) / np.sin(angle(a, b))
    ),
    "not divided by the sine": lambda a, b, t: (
        np.sin((1 - t) * angle(a, b)) * a + np.sin(t * angle(a, b)) * b
    ),
}
WRONG["gen-05"] = {
    "turned round": lambda z, labels, plus, minus: (
        z[labels == minus].mean(axis=0) - z[labels == plus].mean(axis=0)
    ),
    "one number": lambda z, labels, plus, minus: (
        z[labels == plus].mean() - z[labels == minus].mean()
    ),
    "all but the class": lambda z, labels, plus, minus: (
        z[labels == plus].mean(axis=0) - z[labels != plus].mean(axis=0)
    ),
}


def entropy_of(labels):
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return -(shares * np.log(shares)).sum()


WRONG["gen-06"] = {
    "entropy": entropy_of,
    "bases mixed": lambda labels: 2 ** entropy_of(labels),
    "classes counted": lambda labels: len(set(labels.tolist())),
}
WRONG["gen-07"] = {"the holes": 69.88, "share for percent": 0.3012, "base 2": 43.53}
WRONG["gen-08"] = {
    "pooled error": lambda originals, images: 10 * np.log10(1 / np.mean((originals - images) ** 2)),
    "20 for 10": lambda originals, images: np.mean(
        20 * np.log10(1 / np.mean((originals - images) ** 2, axis=(1, 2)))
    ),
    "natural logarithm": lambda originals, images: np.mean(
        10 * np.log(1 / np.mean((originals - images) ** 2, axis=(1, 2)))
    ),
}


def best_positions_in_class(scores, labels, keep):
    return np.concatenate(
        [np.argsort(-scores[labels == label])[:keep] for label in np.unique(labels)]
    )


def worst_of_each(scores, labels, keep):
    parts = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        parts.append(members[scores[members].argsort()[:keep]])
    return np.concatenate(parts)


WRONG["gen-09"] = {
    "best of all": lambda scores, labels, keep: np.argsort(-scores)[
        : keep * len(np.unique(labels))
    ],
    "worst first": worst_of_each,
    "positions within the class": best_positions_in_class,
}
