"""A small classifier (分类器) of images, whose features judge what generators make.

It is no generator. Distances between sets of images mean something only in features that
tell apart what people tell apart; the usual ones are Inception's, of photographs of 299 x 299
pixels (Heusel et al., 2017). These are of the course's own 28 x 28 images, so distances in
them carry other names: see `aigc_utils.sample_metrics`. Chapters 3.2 to 3.6 look through its eyes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import KerasTensor, layers, ops

from aigc_utils import data
from aigc_utils.models.base import ImageModel, by_parts, check_divisible, check_dropout, check_whole
from aigc_utils.models.layers import Conv2D, Dense


@dataclass(frozen=True)
class Look:
    """What a classifier sees in images.

    Attributes:
        features: its last hidden layer, float32, shape (N, num_features).
        probabilities: of each class, float32, rows that add up to 1, shape (N, num_classes).
    """

    features: np.ndarray
    probabilities: np.ndarray


@keras.saving.register_keras_serializable(package="aigc_utils")
class ImageClassifier(ImageModel):
    """Two convolutions and a dense layer; trained by ``fit({"images": ..., "labels": ...})``.

    The loss is the cross-entropy, nats an image. While training, half of the images are
    binarized (each pixel 1 with a probability equal to its intensity), so that features mean
    something for grey pictures and for binary draws alike.

    ``model(inputs)`` gives class probabilities, shape (B, num_classes).

    Args:
        num_classes: how many classes there are, at least 2.
        image_shape: (height, width), each divisible by 4.
        channels: width of the first convolution; the second is twice as wide.
        num_features: width of the dense layer, whose outputs are the features.
        dropout: share of features left out at each training step.
        seed: seeds binarization and dropout.

    Raises:
        ValueError: if an argument is out of range, or the images or labels do not fit.
    """

    loss_label = "cross-entropy (nats an image)"

    def __init__(
        self,
        num_classes: int = 10,
        *,
        image_shape: Sequence[int] = (28, 28),
        channels: int = 32,
        num_features: int = 64,
        dropout: float = 0.3,
        seed: int = 0,
        **kwargs,
    ):
        check_whole("num_classes", num_classes, least=2)
        check_whole("channels", channels)
        check_whole("num_features", num_features)
        check_divisible(image_shape, 4)
        check_dropout(dropout)
        super().__init__(image_shape, seed, **kwargs)
        self.num_classes = num_classes
        self.channels = channels
        self.num_features = num_features
        self.dropout = dropout
        self.mean_image = self.add_weight(
            name="mean_image", shape=(self.num_pixels,), initializer="zeros", trainable=False
        )
        self.network = keras.Sequential(
            [
                layers.Input((*self.image_shape, 1)),
                Conv2D(channels, 3, padding="same", activation="silu"),
                layers.MaxPooling2D(),
                Conv2D(2 * channels, 3, padding="same", activation="silu"),
                layers.MaxPooling2D(),
                layers.Flatten(),
                Dense(num_features, "silu"),
            ],
            name="network",
        )
        # Keras's own: class scores are never rounded.
        self.scores = layers.Dense(num_classes, name="scores")
        self.scores.build((None, num_features))
        self.accuracy_tracker = keras.metrics.Mean(name="accuracy")
        self.built = True

    def _predict(self, mean: np.ndarray) -> None:
        """Nothing to set: class scores do not follow from the mean image."""

    def features(self, images) -> KerasTensor:
        """The last hidden layer, shape (B, num_features)."""
        centred = self.flatten(images) - ops.convert_to_tensor(self.mean_image)
        return self.network(ops.reshape(centred, (-1, *self.image_shape, 1)))

    def call(self, inputs):
        images = inputs["images"] if isinstance(inputs, dict) else inputs
        return ops.softmax(self.scores(self.features(images)))

    def image_losses(self, inputs, training: bool) -> KerasTensor:
        """The cross-entropy of each image's label; nats, shape (B,)."""
        images, labels = self.flatten(inputs["images"]), inputs["labels"]
        if training:
            chosen = keras.random.uniform((ops.shape(images)[0], 1), seed=self.seed_generator)
            images = ops.where(chosen < 0.5, images, self.binarize(images))
        features = self.features(images)
        if training and self.dropout:
            features = keras.random.dropout(features, self.dropout, seed=self.seed_generator)
        scores = self.scores(features)
        right = ops.cast(ops.argmax(scores, axis=-1), "int32") == ops.cast(labels, "int32")
        self.accuracy_tracker.update_state(ops.cast(right, "float32"))
        return ops.sparse_categorical_crossentropy(labels, scores, from_logits=True)

    def look(self, images: np.ndarray, *, batch_size: int = 1000) -> Look:
        """Features and class probabilities of images.

        Args:
            images: intensities from 0 to 1, shape (N, *image_shape).
            batch_size: images at once.

        Raises:
            ValueError: see `aigc_utils.data.check_images`.
        """
        data.check_images(images, self.image_shape)
        features = by_parts(self.features, images, batch_size)
        probabilities = ops.convert_to_numpy(ops.softmax(self.scores(features)))
        return Look(features, probabilities)

    def check_inputs(self, inputs) -> None:
        if isinstance(inputs, dict):
            self.check_labelled(inputs, self.num_classes)
        else:  # bare images can be classified
            super().check_inputs(inputs)

    def arguments(self) -> dict:
        return {
            **super().arguments(),
            "num_classes": self.num_classes,
            "channels": self.channels,
            "num_features": self.num_features,
            "dropout": self.dropout,
        }
