"""The same VAE in PyTorch, eager or through `torch.compile`.

As quick as plain PyTorch is: images are one tensor that is indexed, not a DataLoader's items,
and Adam is the fused one. Initial weights are PyTorch's own.
"""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import torch
from common import HIDDEN_UNITS, arguments, read_images, serve, shuffled_batches
from torch import nn
from torch.nn import functional


def dense(*sizes: int) -> nn.Sequential:
    """Linear layers of these sizes with ReLU in between."""
    stack = []
    for inputs, outputs in pairwise(sizes):
        stack += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*stack[:-1])


class VAE(nn.Module):
    def __init__(self, latent_dim: int, hidden_units: tuple[int, ...], grey: bool):
        super().__init__()
        self.encoder = dense(784, *hidden_units, 2 * latent_dim)
        self.decoder = dense(latent_dim, *reversed(hidden_units), 784)
        self.grey = grey

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Negative ELBO, nats an image, averaged over a batch (B, 784)."""
        x = images if self.grey else (torch.rand_like(images) < images).float()
        mean, log_var = self.encoder(x).chunk(2, dim=-1)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        cross_entropy = functional.binary_cross_entropy_with_logits(
            self.decoder(z), x, reduction="sum"
        )
        kl = 0.5 * (log_var.exp() + mean**2 - 1 - log_var).sum()
        return (cross_entropy + kl) / len(x)


class Torch:
    def __init__(self, options):
        torch.manual_seed(options.seed)
        self.grey = options.grey
        self.latent_dim = options.latent_dim
        self.versions = {"torch": torch.__version__}
        self.images = torch.from_numpy(read_images("train").reshape(-1, 784))
        self.batches = shuffled_batches(len(self.images), options.batch_size, options.seed)
        hidden_units = tuple(int(units) for units in options.hidden_units.split(","))
        self.model = VAE(options.latent_dim, hidden_units, options.grey)
        self.loss = torch.compile(self.model) if options.compile else self.model
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3, fused=True)

    def train(self, steps: int) -> tuple[float, float]:
        start = time.perf_counter()
        total = torch.zeros(())
        for _ in range(steps):
            loss = self.loss(self.images[torch.from_numpy(next(self.batches))])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.detach()
        return float(total) / steps, time.perf_counter() - start

    @torch.no_grad()
    def encode(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, log_var = self.model.encoder(torch.from_numpy(images).reshape(-1, 784)).chunk(2, -1)
        return mean.numpy(), log_var.numpy()

    @torch.no_grad()
    def decode(self, z: np.ndarray) -> np.ndarray:
        return self.model.decoder(torch.from_numpy(z)).numpy()


if __name__ == "__main__":
    options = arguments(
        compile=False, grey=False, hidden_units=",".join(str(units) for units in HIDDEN_UNITS)
    )
    serve(Torch(options), options.started)
