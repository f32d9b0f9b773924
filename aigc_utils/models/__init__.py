"""Generative models: ordinary ``keras.Model``s that train with ``compile`` and ``fit``."""

from aigc_utils.models.autoregressive import MADE, BlockPixelCNN
from aigc_utils.models.classifier import ImageClassifier
from aigc_utils.models.deep_pixelcnn import DeepPixelCNN
from aigc_utils.models.ensemble import PixelCNNEnsemble
from aigc_utils.models.flow import FlowMatching, LatentGenerator, latents
from aigc_utils.models.flow_prior import FlowPriorPixelVAE, FlowPriorVAE
from aigc_utils.models.gan import GAN
from aigc_utils.models.pixel_vae import PixelVAE
from aigc_utils.models.vae import VAE, ConditionalVAE

__all__ = [
    "GAN",
    "MADE",
    "VAE",
    "BlockPixelCNN",
    "ConditionalVAE",
    "DeepPixelCNN",
    "FlowMatching",
    "FlowPriorPixelVAE",
    "FlowPriorVAE",
    "ImageClassifier",
    "LatentGenerator",
    "PixelCNNEnsemble",
    "PixelVAE",
    "latents",
]
