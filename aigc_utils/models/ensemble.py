"""Several autoregressive models that read in the same order, as one: an ensemble (集成).

Each conditional probability is that of the mean of the members' logits, which for a coin is the
normalized geometric mean of their probabilities (a logarithmic opinion pool; Heskes, "Selecting
Weighting Factors in Logarithmic Opinion Pools", 1997). The product of these conditionals is a
probability again, so the likelihood stays exact; and for every image its logarithm is at least
the mean of the members'. What they disagree on is won. Chapter 5.2b measures how much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import KerasTensor

from aigc_utils.models.autoregressive import AutoregressiveModel
from aigc_utils.models.block_sampling import draw_blocks
from aigc_utils.models.deep_pixelcnn import DeepPixelCNN
from aigc_utils.models.pixelcnn import BlockPixelCNN, block_order

MEMBERS = {kind.__name__: kind for kind in (BlockPixelCNN, DeepPixelCNN)}


class PixelCNNEnsemble(AutoregressiveModel):
    """The mean of the logits of several models that read blocks of 2 x 2 pixels.

    Train the members each by itself, so that they err in different ways, and then set this
    model's weights to theirs, one after another.

    Args:
        members: for each, ``{"model": "BlockPixelCNN" or "DeepPixelCNN", "arguments": {...}}``.
        image_shape: (height, width), both even.
        seed: seeds binarization.

    Raises:
        ValueError: if there are no members, or one is of another kind or cannot be built.
    """

    def __init__(
        self,
        members: Sequence[Mapping[str, Any]],
        *,
        image_shape: Sequence[int] = (28, 28),
        seed: int = 0,
        **kwargs,
    ):
        if not members:
            raise ValueError("members is empty: give at least one model and its arguments.")
        for member in members:
            if set(member) != {"model", "arguments"} or member["model"] not in MEMBERS:
                raise ValueError(
                    f"{dict(member)} cannot be a member: give its model, one of "
                    f"{', '.join(MEMBERS)}, and its arguments."
                )
        super().__init__(image_shape, seed, **kwargs)
        self.given = [dict(member) for member in members]
        self.members = [
            MEMBERS[member["model"]](**{**member["arguments"], "image_shape": self.image_shape})
            for member in members
        ]
        self.built = True

    @property
    def order(self) -> np.ndarray:
        return block_order(self.image_shape)

    def adapt(self, images: np.ndarray) -> None:
        """As `ImageModel.adapt`, for each member."""
        for member in self.members:
            member.adapt(images)

    def logits(self, flat_images, training: bool = False) -> KerasTensor:
        told = [member.logits(flat_images, training) for member in self.members]
        return sum(told) / len(told)

    def _draw_part(self, coins: np.ndarray, temperature: float) -> tuple[np.ndarray, np.ndarray]:
        readers = [member.reader(len(coins)) for member in self.members]
        return draw_blocks(readers, coins, self.order, temperature)

    def arguments(self) -> dict:
        return {**super().arguments(), "members": self.given}
