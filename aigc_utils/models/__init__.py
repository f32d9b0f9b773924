"""Generative models: ordinary ``keras.Model``s that train with ``compile`` and ``fit``.

Each file says which chapter builds its model; chapters 1, 3 and 5 train and compare them.
"""

from aigc_utils.models.autoregressive import MADE
from aigc_utils.models.classifier import ImageClassifier
from aigc_utils.models.deep_pixelcnn import DeepPixelCNN
from aigc_utils.models.ensemble import PixelCNNEnsemble
from aigc_utils.models.flow import FlowMatching, LatentGenerator, latents
from aigc_utils.models.flow_prior import FlowPriorPixelVAE, FlowPriorVAE
from aigc_utils.models.gan import GAN
from aigc_utils.models.pixel_vae import PixelVAE
from aigc_utils.models.pixelcnn import BlockPixelCNN
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
