"""The variational autoencoder (变分自编码器) and its class-conditional form.

Kingma & Welling, "Auto-Encoding Variational Bayes", 2014; Rezende, Mohamed & Wierstra,
2014; conditional form: Sohn, Lee & Yan, 2015. Chapter 5.1 builds a VAE by hand; 1, 5.2 and 5.2b
train this one. Written with ``keras.ops``, so the same file runs on TensorFlow, JAX and PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import keras
import numpy as np
from keras import KerasTensor, layers, ops

from aigc_utils import data, objectives
from aigc_utils.models.base import ImageModel, check_whole, check_widths, draw_noise, log_odds
from aigc_utils.models.layers import Dense

Decoder = Literal["bernoulli", "gaussian"]


@keras.saving.register_keras_serializable(package="aigc_utils")
class VAE(ImageModel):
    """A VAE with dense networks, trained by ``compile(optimizer)`` and ``fit(images)``.

    Prior p(z) = N(0, I); encoder q(z|x) = N(mean(x), exp(log_var(x))); decoder p(x|z) either
    Bernoulli per pixel (the network gives logits) or Gaussian with one learned variance
    (Rybkin et al., "sigma-VAE", 2021). The loss is the negative ELBO in nats an image: summed over
    pixels and latents, averaged over the batch. Grey images under the Bernoulli decoder are
    binarized anew each time they are seen (Salakhutdinov & Murray, 2008); images that are
    already 0 or 1 stay as they are, so a test set drawn once is evaluated as drawn.

    ``model(images)`` and ``model.predict`` give reconstructions, intensities from 0 to 1;
    ``model.evaluate`` gives the negative ELBO.

    Args:
        latent_dim: number of latent dimensions, at least 1.
        image_shape: shape of one image, without the batch axis.
        hidden_units: widths of the encoder's hidden layers; the decoder mirrors them.
        activation: of the hidden layers, a name that Keras knows.
        decoder_distribution: ``"bernoulli"`` or ``"gaussian"``.
        importance_samples: draws of z for each image in the training objective: 1 gives the
            ELBO, more give the tighter importance-weighted bound (Burda et al., 2016).
        seed: seeds the sampling layers (weights follow `aigc_utils.seed_everything`).

    Raises:
        ValueError: if an argument is out of range, or, from ``fit``, ``evaluate`` and
            ``predict``, if the images do not fit (see `aigc_utils.data.check_images`).
    """

    loss_label = "negative ELBO (nats an image)"

    def __init__(
        self,
        latent_dim: int = 32,
        *,
        image_shape: Sequence[int] = (28, 28),
        hidden_units: Sequence[int] = (512, 256),
        activation: str = "relu",
        decoder_distribution: Decoder = "bernoulli",
        importance_samples: int = 1,
        seed: int = 0,
        **kwargs,
    ):
        check_whole("latent_dim", latent_dim)
        check_whole("importance_samples", importance_samples)
        check_widths(hidden_units)
        if decoder_distribution not in ("bernoulli", "gaussian"):
            raise ValueError(
                f"There is no decoder distribution {decoder_distribution!r}: "
                'choose "bernoulli" or "gaussian".'
            )
        super().__init__(image_shape, seed, **kwargs)
        self.latent_dim = latent_dim
        self.hidden_units = tuple(hidden_units)
        self.activation = activation
        self.decoder_distribution = decoder_distribution
        self.importance_samples = importance_samples
        self.encoder = self._build_encoder()
        self.decoder = self._build_decoder()
        # A variable, so that a KL warm-up changes it without retracing the graph.
        self.kl_weight = self.add_weight(
            name="kl_weight", shape=(), initializer="ones", trainable=False
        )
        self.mean_image = self.add_weight(
            name="mean_image", shape=(self.num_pixels,), initializer="zeros", trainable=False
        )
        if decoder_distribution == "gaussian":
            self.decoder_log_var = self.add_weight(
                name="decoder_log_var", shape=(), initializer="zeros"
            )
        self.kl_tracker = keras.metrics.Mean(name="kl")
        self.log_likelihood_tracker = keras.metrics.Mean(name="log_likelihood")
        self.built = True

    @property
    def condition_dim(self) -> int:
        """How many numbers tell encoder and decoder what to make; 0 without condition."""
        return 0

    def _predict(self, mean: np.ndarray) -> None:
        bernoulli = self.decoder_distribution == "bernoulli"
        self.decoder.layers[-1].bias.assign(log_odds(mean) if bernoulli else mean)

    def _build_encoder(self) -> keras.Sequential:
        size = self.num_pixels
        hidden = [Dense(units, self.activation) for units in self.hidden_units]
        return keras.Sequential(
            [
                layers.Input((size + self.condition_dim,)),
                *hidden,
                # Keras's own: mean and log_var are never rounded.
                layers.Dense(2 * self.latent_dim),
            ],
            name="encoder",
        )

    @property
    def decoder_outputs(self) -> int:
        """Numbers that the decoder network gives for one image."""
        return self.num_pixels

    def _build_decoder(self) -> keras.Sequential:
        size = self.decoder_outputs
        hidden = [Dense(units, self.activation) for units in reversed(self.hidden_units)]
        return keras.Sequential(
            [layers.Input((self.latent_dim + self.condition_dim,)), *hidden, Dense(size)],
            name="decoder",
        )

    # ---- the two networks, as distributions -------------------------------------------

    def condition(self, inputs) -> tuple[KerasTensor, KerasTensor | None]:
        """Split model inputs into flat images (B, pixels) and a condition (B, C) or None."""
        return self.flatten(inputs), None

    def encode(self, inputs) -> tuple[KerasTensor, KerasTensor]:
        """Parameters of q(z|x): mean and log_var, each of shape (B, latent_dim)."""
        return self._posterior(*self.condition(inputs))

    def decode(self, z, condition=None) -> KerasTensor:
        """Mean images p(x|z), intensities from 0 to 1, shape (B, *image_shape).

        Args:
            z: latents, shape (B, latent_dim).
            condition: for conditional models, as `condition` returns it.
        """
        output = self.decoder(_join(ops.convert_to_tensor(z, dtype="float32"), condition))
        bernoulli = self.decoder_distribution == "bernoulli"
        intensities = ops.sigmoid(output) if bernoulli else ops.clip(output, 0.0, 1.0)
        return ops.reshape(intensities, (-1, *self.image_shape))

    def _posterior(self, flat_images, condition):
        centred = flat_images - ops.convert_to_tensor(self.mean_image)
        mean, log_var = ops.split(self.encoder(_join(centred, condition)), 2, axis=-1)
        return mean, log_var

    def _log_likelihood(self, flat_images, decoder_output):
        if self.decoder_distribution == "bernoulli":
            return objectives.bernoulli_log_likelihood(flat_images, decoder_output)
        return objectives.gaussian_log_likelihood(
            flat_images, decoder_output, ops.convert_to_tensor(self.decoder_log_var)
        )

    def _observe(self, flat_images):
        """What the likelihood sees: a binary draw for a Bernoulli decoder, else x itself."""
        if self.decoder_distribution == "gaussian":
            return flat_images
        return self.binarize(flat_images)

    # ---- objectives --------------------------------------------------------------------

    def elbo_terms(self, inputs) -> tuple[KerasTensor, KerasTensor]:
        """log p(x|z) at one z ~ q(z|x), and KL(q(z|x) || p(z)); nats, each of shape (B,)."""
        images, condition = self.condition(inputs)
        images = self._observe(images)
        mean, log_var = self._posterior(images, condition)
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        z = objectives.reparameterize(mean, log_var, noise)
        log_likelihood = self._log_likelihood(images, self.decoder(_join(z, condition)))
        return log_likelihood, self._kl(mean, log_var, noise, z)

    def log_prior(self, z) -> KerasTensor:
        """log p(z) of latents (..., latent_dim); nats, shape (...)."""
        return objectives.standard_normal_log_prob(z)

    def _kl(self, mean, log_var, noise, z):
        """KL(q(z|x) || p(z)), shape (B,), or an estimate at each z = mean + sigma * noise."""
        return objectives.kl_divergence(mean, log_var)

    def log_importance_weights(self, inputs, num_samples: int) -> KerasTensor:
        """log p(x, z_i) - log q(z_i|x) for ``num_samples`` draws z_i ~ q(z|x).

        Unlike `elbo_terms`, images are taken as they are: binarize grey ones beforehand
        (`aigc_utils.data.binarize`), or the likelihood of a Bernoulli decoder has no meaning.

        Returns:
            Nats, shape (num_samples, B).
        """
        images, condition = self.condition(inputs)
        return self._log_weights(images, condition, num_samples)[0]

    def _log_weights(self, images, condition, num_samples: int):
        """Log importance weights (num_samples, B), their log-likelihoods, and the KL."""
        mean, log_var = self._posterior(images, condition)
        shape = (num_samples, ops.shape(mean)[0], self.latent_dim)
        noise = keras.random.normal(shape, seed=self.seed_generator)
        z = objectives.reparameterize(mean, log_var, noise)
        if condition is not None:
            condition = ops.tile(condition, (num_samples, 1))
        flat_z = ops.reshape(z, (-1, self.latent_dim))
        output = self.decoder(_join(flat_z, condition))
        output = ops.reshape(output, (num_samples, -1, self.decoder_outputs))
        log_likelihood = self._log_likelihood(images, output)
        log_ratio = self.log_prior(z) - objectives.reparameterized_log_prob(noise, log_var)
        return log_likelihood + log_ratio, log_likelihood, self._kl(mean, log_var, noise, z)

    # ---- what Keras calls --------------------------------------------------------------

    def call(self, inputs):
        """Reconstruct: decode the posterior mean. Shape (B, *image_shape)."""
        images, condition = self.condition(inputs)
        mean, _ = self._posterior(images, condition)
        return self.decode(mean, condition)

    def image_losses(self, inputs, training: bool) -> KerasTensor:
        """The negative bound of each image; nats, shape (B,)."""
        if self.importance_samples == 1:
            log_likelihood, kl = self.elbo_terms(inputs)
            weight = ops.convert_to_tensor(self.kl_weight)
            bound = objectives.elbo(log_likelihood, kl, weight)
        else:
            images, condition = self.condition(inputs)
            log_weights, log_likelihood, kl = self._log_weights(
                self._observe(images), condition, self.importance_samples
            )
            bound = objectives.importance_weighted_bound(log_weights)
        self.log_likelihood_tracker.update_state(log_likelihood)
        self.kl_tracker.update_state(kl)
        return -bound

    # ---- generation --------------------------------------------------------------------

    def sample_latents(self, num_samples: int, *, temperature: float = 1.0, seed: int = 0):
        """Draw from the prior, its standard deviation multiplied by ``temperature``.

        Returns:
            float32 array, shape (num_samples, latent_dim); the same seed gives the same
            latents on every backend and machine.
        """
        return draw_noise(num_samples, self.latent_dim, temperature, seed)

    def generate(self, num_samples: int, *, temperature: float = 1.0, seed: int = 0) -> np.ndarray:
        """New images: latents from the prior, decoded.

        Returns:
            Intensities from 0 to 1, float32, shape (num_samples, *image_shape).
        """
        latents = self.sample_latents(num_samples, temperature=temperature, seed=seed)
        return ops.convert_to_numpy(self.decode(latents))

    def arguments(self) -> dict:
        return {
            **super().arguments(),
            "latent_dim": self.latent_dim,
            "hidden_units": self.hidden_units,
            "activation": self.activation,
            "decoder_distribution": self.decoder_distribution,
            "importance_samples": self.importance_samples,
        }


@keras.saving.register_keras_serializable(package="aigc_utils")
class ConditionalVAE(VAE):
    """A VAE whose encoder and decoder are told the class: p(x|z, y), q(z|x, y), p(z) = N(0, I).

    Inputs are ``{"images": ..., "labels": ...}``, labels being whole numbers of shape (B,).

    Args:
        latent_dim: as in `VAE`.
        num_classes: how many classes there are, at least 2.
        **kwargs: as in `VAE`.
    """

    def __init__(self, latent_dim: int = 32, *, num_classes: int = 10, **kwargs):
        check_whole("num_classes", num_classes, least=2)
        # Set first, since building the networks in VAE.__init__ asks for condition_dim.
        object.__setattr__(self, "_num_classes", num_classes)
        super().__init__(latent_dim, **kwargs)

    @property
    def condition_dim(self) -> int:
        return self._num_classes

    def condition(self, inputs):
        images, _ = super().condition(inputs["images"])
        return images, ops.one_hot(inputs["labels"], self.condition_dim, dtype="float32")

    def check_inputs(self, inputs) -> None:
        self.check_labelled(inputs, self.condition_dim)

    def generate(
        self, num_samples: int, *, label: int, temperature: float = 1.0, seed: int = 0
    ) -> np.ndarray:
        """New images of one class.

        Args:
            num_samples: how many.
            label: which class, from 0 to ``num_classes - 1``.
            temperature: multiplies the prior's standard deviation.
            seed: the same seed gives the same latents, whatever the label.

        Returns:
            Intensities from 0 to 1, float32, shape (num_samples, *image_shape).
        """
        latents = self.sample_latents(num_samples, temperature=temperature, seed=seed)
        labels = np.full(num_samples, label)
        data.check_labels(labels, self.condition_dim, num_samples)
        condition = ops.one_hot(labels, self.condition_dim, dtype="float32")
        return ops.convert_to_numpy(self.decode(latents, condition))

    def arguments(self) -> dict:
        return {**super().arguments(), "num_classes": self.condition_dim}


def _join(tensor, condition):
    return tensor if condition is None else ops.concatenate([tensor, condition], axis=-1)
