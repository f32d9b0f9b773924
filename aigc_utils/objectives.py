"""The quantities of variational inference, as pure functions on tensors.

Every function works on any Keras backend, in any floating-point type, on tensors whose
last axes are the event (pixels or latent dimensions) and whose first axes are a batch.
Results are natural logarithms or nats, **summed** over the event, never averaged:
averaging over pixels or latents silently changes the objective (see `05_2_train_a_vae`).
Chapter 4 derives them; 3.1, 5.1 and 5.2 use them.

Sources: Kingma & Welling, "Auto-Encoding Variational Bayes", 2014 (ELBO, eq. 3; Gaussian
KL, appendix B); Burda, Grosse & Salakhutdinov, "Importance Weighted Autoencoders", 2016
(the bound, eq. 8).
"""

from __future__ import annotations

import math

from keras import KerasTensor, ops

LOG_2PI = math.log(2 * math.pi)


def bernoulli_log_likelihood(x, logits, event_ndim: int = 1) -> KerasTensor:
    """log p(x | logits) of independent Bernoulli pixels, stable for any logit.

    Args:
        x: values from 0 to 1, shape (..., *event). Grey values give the cross-entropy.
        logits: log-odds of a pixel being 1, same shape (or one that broadcasts).
        event_ndim: how many last axes make one event, and are summed over.

    Returns:
        Nats, shape (...).
    """
    # log sigmoid(l) = l - softplus(l) and log(1 - sigmoid(l)) = -softplus(l).
    return _sum_event(x * logits - ops.softplus(logits), event_ndim)


def gaussian_log_likelihood(x, mean, log_var, event_ndim: int = 1) -> KerasTensor:
    """log N(x; mean, exp(log_var)) with a diagonal covariance.

    Args:
        x: values, shape (..., *event).
        mean: means, same shape or broadcasting.
        log_var: natural logarithm of the variances, same shape or broadcasting.
        event_ndim: how many last axes make one event, and are summed over.

    Returns:
        Nats, shape (...). A density, so it may be positive.
    """
    squared = ops.square(x - mean) * ops.exp(-log_var)
    return _sum_event(-0.5 * (LOG_2PI + log_var + squared), event_ndim)


def standard_normal_log_prob(z, event_ndim: int = 1) -> KerasTensor:
    """log N(z; 0, I), summed over the last ``event_ndim`` axes; nats, shape (...)."""
    return _sum_event(-0.5 * (LOG_2PI + ops.square(z)), event_ndim)


def kl_divergence(mean, log_var) -> KerasTensor:
    """KL( N(mean, exp(log_var)) || N(0, I) ) in closed form.

    Args:
        mean: shape (..., latent_dim).
        log_var: natural logarithm of the variances, shape (..., latent_dim).

    Returns:
        Nats, never negative, shape (...); 0 only where mean = 0 and log_var = 0.
        Kingma & Welling (2014), appendix B, with the sign turned.
    """
    return 0.5 * ops.sum(ops.square(mean) + ops.exp(log_var) - 1.0 - log_var, axis=-1)


def reparameterize(mean, log_var, noise) -> KerasTensor:
    """z = mean + sigma * noise: a sample through which gradients flow.

    Args:
        mean: shape (..., latent_dim).
        log_var: natural logarithm of the variances; sigma is exp(log_var / 2).
        noise: draws from N(0, I), same shape or broadcasting.

    Returns:
        Draws from N(mean, exp(log_var)). Kingma & Welling (2014), section 2.4.
    """
    return mean + ops.exp(0.5 * log_var) * noise


def reparameterized_log_prob(noise, log_var) -> KerasTensor:
    """log q(z) of the z that `reparameterize` made of this noise.

    Args:
        noise: shape (..., latent_dim).
        log_var: natural logarithm of the variances, same shape or broadcasting.

    Returns:
        log N(z; mean, exp(log_var)): that of the noise, less log sigma; nats, shape (...).
    """
    return standard_normal_log_prob(noise) - 0.5 * ops.sum(log_var, axis=-1)


def elbo(log_likelihood, kl, kl_weight=1.0) -> KerasTensor:
    """The evidence lower bound, log p(x|z) - kl_weight * KL, in nats.

    Args:
        log_likelihood: log p(x | z) at one z drawn from q(z | x), shape (...).
        kl: KL(q(z | x) || p(z)), shape (...).
        kl_weight: 1 for the bound; other values give the beta-VAE objective
            (Higgins et al., 2017), which is a bound on log p(x) only from 1 upwards.

    Returns:
        Nats, shape (...). Kingma & Welling (2014), equation 3.
    """
    return log_likelihood - kl_weight * kl


def importance_weighted_bound(log_weights, axis: int = 0) -> KerasTensor:
    """log of the mean importance weight: a bound on log p(x) that tightens with k.

    Args:
        log_weights: log p(x, z_i) - log q(z_i | x) for z_i from q, k of them on ``axis``.
        axis: the axis that holds the k samples.

    Returns:
        Nats, ``log_weights`` without ``axis``. Burda et al. (2016), equation 8.
    """
    num_samples = log_weights.shape[axis]
    return ops.logsumexp(log_weights, axis=axis) - math.log(num_samples)


def _sum_event(values, event_ndim: int):
    return ops.sum(values, axis=tuple(range(-event_ndim, 0)))
