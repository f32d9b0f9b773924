"""Generative models: ordinary ``keras.Model``s that train with ``compile`` and ``fit``."""

from aigc_utils.models.vae import VAE, ConditionalVAE

__all__ = ["VAE", "ConditionalVAE"]
