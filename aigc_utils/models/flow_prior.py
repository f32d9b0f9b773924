"""A VAE that learns its prior too: an invertible network makes it from Gaussian noise.

Real NVP is Dinh, Sohl-Dickstein & Bengio, "Density estimation using Real NVP", 2017; as the
prior of a VAE: Chen et al., "Variational Lossy Autoencoder", 2017, section 3.2. Chapter 5.2b
measures what it wins.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import KerasTensor, layers, ops

from aigc_utils import objectives
from aigc_utils.models.base import check_whole
from aigc_utils.models.pixel_vae import PixelVAE
from aigc_utils.models.vae import VAE


class Coupling(keras.Model):
    """Scale and shift one half of a vector by what a small network reads in the other half.

    The half that is read stays as it is, so the step can be undone exactly, and the
    logarithm of its Jacobian's determinant is a sum of log-scales.

    Args:
        num_dims: length of the vector, at least 2.
        hidden_units: width of the network's two hidden layers.
        swapped: read the second half and change the first, instead of the reverse.
    """

    def __init__(self, num_dims: int, hidden_units: int, swapped: bool, **kwargs):
        super().__init__(**kwargs)
        self.swapped = swapped
        first = num_dims // 2
        self.num_first = first
        read, changed = (num_dims - first, first) if swapped else (first, num_dims - first)
        # Keras's own layers, which are never rounded; the last begins at 0: no change at all.
        self.network = keras.Sequential(
            [
                layers.Input((read,)),
                layers.Dense(hidden_units, "silu"),
                layers.Dense(hidden_units, "silu"),
                layers.Dense(2 * changed, kernel_initializer="zeros"),
            ],
            name="network",
        )
        self.built = True

    def undo(self, z) -> tuple[KerasTensor, KerasTensor]:
        """What `do` was given, and log |det dnoise/dz|; shapes (N, num_dims) and (N,)."""
        read, changed = self._halves(z)
        log_scale, shift = self._scale_and_shift(read)
        noise = self._join(read, (changed - shift) * ops.exp(-log_scale))
        return noise, -ops.sum(log_scale, axis=-1)

    def do(self, noise) -> KerasTensor:
        """The vector with one half scaled and shifted, shape (N, num_dims)."""
        read, changed = self._halves(noise)
        log_scale, shift = self._scale_and_shift(read)
        return self._join(read, changed * ops.exp(log_scale) + shift)

    def _scale_and_shift(self, read):
        log_scale, shift = ops.split(self.network(read), 2, axis=-1)
        return 2.0 * ops.tanh(0.5 * log_scale), shift  # a factor of e^2 at most

    def _halves(self, vector):
        first, second = vector[:, : self.num_first], vector[:, self.num_first :]
        return (second, first) if self.swapped else (first, second)

    def _join(self, read, changed):
        halves = (changed, read) if self.swapped else (read, changed)
        return ops.concatenate(halves, axis=-1)


@keras.saving.register_keras_serializable(package="aigc_utils")
class FlowPriorVAE(VAE):
    """A VAE whose prior p(z) is a normalizing flow (标准化流), trained with all the rest.

    The ELBO is the plain VAE's with another p(z). Its KL has no closed form, so it is
    estimated by log q(z|x) - log p(z) at the z that was drawn, which has the right mean.

    Args:
        latent_dim: number of latent dimensions, at least 2.
        num_couplings: steps of the flow; each changes half of the dimensions.
        coupling_units: width of the two hidden layers in each step.
        **kwargs: as in `VAE`.

    Raises:
        ValueError: as `VAE`.
    """

    def __init__(
        self, latent_dim: int = 32, *, num_couplings: int = 6, coupling_units: int = 128, **kwargs
    ):
        check_whole("latent_dim", latent_dim, least=2)
        check_whole("num_couplings", num_couplings)
        check_whole("coupling_units", coupling_units)
        super().__init__(latent_dim, **kwargs)
        self.coupling_units = coupling_units
        self.couplings = [
            Coupling(latent_dim, coupling_units, swapped=bool(i % 2), name=f"coupling_{i}")
            for i in range(num_couplings)
        ]

    def log_prior(self, z) -> KerasTensor:
        noise, log_det = ops.reshape(z, (-1, self.latent_dim)), 0.0
        for coupling in reversed(self.couplings):
            noise, more = coupling.undo(noise)
            log_det = log_det + more
        return ops.reshape(objectives.standard_normal_log_prob(noise) + log_det, ops.shape(z)[:-1])

    def _kl(self, mean, log_var, noise, z):
        return objectives.reparameterized_log_prob(noise, log_var) - self.log_prior(z)

    def sample_latents(self, num_samples: int, *, temperature: float = 1.0, seed: int = 0):
        """As `VAE.sample_latents`; ``temperature`` multiplies the noise that the flow is given."""
        noise = super().sample_latents(num_samples, temperature=temperature, seed=seed)
        z = ops.convert_to_tensor(noise)
        for coupling in self.couplings:
            z = coupling.do(z)
        return np.asarray(ops.convert_to_numpy(z))

    def arguments(self) -> dict:
        return {
            **super().arguments(),
            "num_couplings": len(self.couplings),
            "coupling_units": self.coupling_units,
        }


@keras.saving.register_keras_serializable(package="aigc_utils")
class FlowPriorPixelVAE(FlowPriorVAE, PixelVAE):
    """A `PixelVAE` with the learned prior of a `FlowPriorVAE`.

    Args:
        latent_dim: number of latent dimensions, at least 2.
        **kwargs: as in `FlowPriorVAE` and `PixelVAE`.

    Raises:
        ValueError: as these.
    """
