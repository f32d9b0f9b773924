"""What all image models share: checked inputs, binarization, and how products are taken.

No chapter teaches it; 5.1 builds a model without it.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Literal

import keras
import numpy as np
from keras import KerasTensor, ops

from aigc_utils import data
from aigc_utils.batches import in_batches
from aigc_utils.models.layers import layers_of

ProductType = Literal["float32", "bfloat16"]


class CourseModel(keras.Model):
    """A model that looks at its inputs before long work, and chooses how products are taken.

    Args:
        seed: seeds what the model draws (weights follow `aigc_utils.seed_everything`).

    Raises:
        ValueError: if the seed is no whole number, or Keras is set to another type than float32.
    """

    loss_label = "loss"  # what is minimized, for a curve's axis

    def __init_subclass__(cls, **kwargs):
        """Let NumPy's numbers be arguments of every model: Keras refuses them, and so does JSON."""
        super().__init_subclass__(**kwargs)
        if build := vars(cls).get("__init__"):

            @functools.wraps(build)
            def build_of_plain_numbers(self, *args, **kwargs):
                check_float32(keras.config.floatx(), keras.config.dtype_policy().name)
                build(self, *map(_plain, args), **{k: _plain(v) for k, v in kwargs.items()})

            # Keras reads the names of arguments from it.
            build_of_plain_numbers.__signature__ = inspect.signature(build)
            cls.__init__ = build_of_plain_numbers

    def __init__(self, seed: int, **kwargs):
        check_whole("seed", seed, 0, math.inf)
        super().__init__(**kwargs)
        check_float32(self.dtype_policy.name)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def take_products_in(self, product_type: ProductType) -> None:
        """Choose how layers of `aigc_utils.models.layers` multiply, from now on.

        Args:
            product_type: ``"float32"``, or ``"bfloat16"`` for matrix products whose factors
                and result are rounded to 8 bits. Biases, activations, sampling, losses,
                weights and the optimizer's state are float32 either way.

        Raises:
            ValueError: if ``product_type`` is another.
        """
        if product_type not in ("float32", "bfloat16"):
            raise ValueError(
                f"There are no products in {product_type!r}: choose float32 or bfloat16."
            )
        for layer in layers_of(self):
            if hasattr(layer, "product_type"):
                layer.product_type = product_type
        # Compiled functions hold the products that they were traced with.
        self.train_function = self.test_function = self.predict_function = None

    # ---- what Keras calls, after a look at the input ------------------------------------

    def fit(self, x=None, *args, **kwargs):
        """As ``keras.Model.fit``, after checking arrays: bad input fails before long work."""
        check_float32(keras.config.floatx())
        self.check_inputs(x)
        held_out = kwargs.get("validation_data")
        if held_out is not None:
            self.check_inputs(held_out[0] if isinstance(held_out, tuple) else held_out)
        return super().fit(x, *args, **kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        """As ``keras.Model.evaluate``, after checking arrays."""
        self.check_inputs(x)
        if not args and set(kwargs) <= {"batch_size", "verbose", "return_dict"}:
            x = in_batches(x, kwargs.get("batch_size"))
        return super().evaluate(x, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        """As ``keras.Model.predict``, after checking arrays."""
        self.check_inputs(x)
        return super().predict(x, *args, **kwargs)

    def check_inputs(self, inputs) -> None:
        """Refuse arrays that the model could not learn from (data sets pass unchecked).

        Raises:
            ValueError: in one sentence, with the offending value and the cure.
        """
        raise NotImplementedError

    def arguments(self) -> dict:
        """What the model was built with: ``type(model)(**model.arguments())`` is its twin."""
        return {"seed": self.seed}

    def get_config(self) -> dict:
        return {**super().get_config(), **self.arguments()}


class ImageModel(CourseModel):
    """A model of images whose intensities run from 0 to 1.

    Args:
        image_shape: shape of one image, without the batch axis.
        seed: seeds what the model draws (weights follow `aigc_utils.seed_everything`).
    """

    loss_label = "loss (nats an image)"  # what is minimized, for a curve's axis
    in_halves = False  # whether training computes a batch's halves beside each other
    mean_image: keras.Variable  # made by each model, in the place that its weights files know

    def __init__(self, image_shape: Sequence[int], seed: int, **kwargs):
        super().__init__(seed, **kwargs)
        if not isinstance(image_shape, Sequence) or not image_shape:
            raise ValueError(f"The image_shape is {image_shape!r}: give sizes, such as (28, 28).")
        for size in image_shape:
            check_whole("each of image_shape", size)
        self.image_shape = tuple(image_shape)

    @property
    def num_pixels(self) -> int:
        """Numbers in one image."""
        return math.prod(self.image_shape)

    def flatten(self, images) -> KerasTensor:
        """Images (B, *image_shape) as rows of float32, shape (B, pixels)."""
        images = ops.convert_to_tensor(images, dtype="float32")
        return ops.reshape(images, (-1, self.num_pixels))

    def adapt(self, images: np.ndarray) -> None:
        """Start from the mean image, as Keras's preprocessing layers `adapt` to data.

        The network then sees images less their mean, and its last biases are set so that an
        untrained model predicts the mean. It changes no objective, and saves the epochs in
        which a model learns nothing but the mean. Call it once, before training.

        Args:
            images: training images, intensities from 0 to 1, shape (N, *image_shape).

        Raises:
            ValueError: see `aigc_utils.data.check_images`.
        """
        data.check_images(images, self.image_shape)
        mean = images.reshape(len(images), -1).mean(axis=0)
        self.mean_image.assign(mean)
        self._predict(mean)

    def _predict(self, mean: np.ndarray) -> None:
        """Set the last biases so that an untrained model predicts ``mean``, shape (pixels,)."""
        raise NotImplementedError

    def binarize(self, flat_images) -> KerasTensor:
        """One draw of each pixel, 0 or 1, whose probability of 1 is its intensity.

        Pixels that are already 0 or 1 stay as they are (Salakhutdinov & Murray, 2008).
        """
        noise = keras.random.uniform(ops.shape(flat_images), seed=self.seed_generator)
        return ops.cast(noise < flat_images, "float32")

    def image_losses(self, inputs, training: bool) -> KerasTensor:
        """What is minimized, for each image: nats, shape (B,). Updates the model's trackers."""
        raise NotImplementedError

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """`image_losses` averaged; works on every backend, in ``fit`` and ``evaluate``.

        ``y_pred`` is not needed; compiled graphs drop what computed it.
        """
        if not (training and self.in_halves):
            return ops.mean(self.image_losses(x, training))
        middle = ops.shape(keras.tree.flatten(x)[0])[0] // 2
        parts = (slice(None, middle), slice(middle, None))
        halves = [keras.tree.map_structure(lambda a, part=part: a[part], x) for part in parts]
        return ops.mean(ops.concatenate([self.image_losses(half, True) for half in halves]))

    def check_inputs(self, inputs) -> None:
        if isinstance(inputs, (np.ndarray, list, tuple)):
            data.check_images(inputs, self.image_shape)

    def check_labelled(self, inputs, num_classes: int) -> None:
        """`check_inputs` for ``{"images": ..., "labels": ...}``.

        Raises:
            ValueError: as `aigc_utils.data.check_images` and `aigc_utils.data.check_labels`;
                or if there are no labels.
        """
        missing = not isinstance(inputs, dict) or {"images", "labels"} - set(inputs)
        if isinstance(inputs, (np.ndarray, dict)) and missing:
            raise ValueError(
                'This model needs labels too: give {"images": images, "labels": labels}.'
            )
        if isinstance(inputs, dict) and isinstance(inputs["images"], np.ndarray):
            data.check_images(inputs["images"], self.image_shape)
            data.check_labels(np.asarray(inputs["labels"]), num_classes, len(inputs["images"]))

    def arguments(self) -> dict:
        return {**super().arguments(), "image_shape": self.image_shape}


def log_odds(mean: np.ndarray) -> np.ndarray:
    """Log-odds of intensities from 0 to 1, kept away from infinity; same shape."""
    mean = np.clip(mean, 0.001, 0.999)
    return np.log(mean) - np.log1p(-mean)


def check_whole(name: str, value, least: int = 1, most: float = 1_000_000) -> None:
    """Raise a ValueError unless ``value`` is a whole number in its limits; more fills memories."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not least <= value <= most:
        limits = f"at least {least}" if not whole or value < least else f"from {least} to {most}"
        raise ValueError(f"{name} is {value!r}: give a whole number, {limits}.")


def check_float32(*types: str) -> None:
    """Raise a ValueError unless all of Keras's types or dtype policies are ``"float32"``."""
    if other := [name for name in types if name != "float32"]:
        raise ValueError(
            f"Keras is set to compute in {other[0]}, and the course's models compute in float32: "
            'call keras.config.set_dtype_policy("float32") and keras.config.set_floatx("float32"); '
            'for speed, aigc_utils.training.train takes products="bfloat16".'
        )


def _plain(value):
    """NumPy's numbers and arrays as Python's, in sequences too; anything else as it is."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value


def check_widths(hidden_units: Sequence[int]) -> None:
    """Raise a ValueError unless there is at least one layer width, each at least 1."""
    if not isinstance(hidden_units, Sequence) or not hidden_units:
        raise ValueError(f"hidden_units is {hidden_units!r}: give layer widths, such as (256,).")
    for units in hidden_units:
        check_whole("each of hidden_units", units)


def check_dropout(dropout: float) -> None:
    """Raise a ValueError unless ``dropout`` is a share of units that may be left out."""
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout!r}: give 0 or more, and less than 1.")


def check_divisible(image_shape: Sequence[int], by: int) -> None:
    """Raise a ValueError unless an image is so many blocks high and wide."""
    wrong = not isinstance(image_shape, Sequence) or len(image_shape) != 2
    if wrong or any(size % by for size in image_shape):
        raise ValueError(
            f"The image_shape is {image_shape}: give a height and a width divisible by {by}."
        )


def draw_noise(num_samples: int, num_dims: int, temperature: float, seed: int) -> np.ndarray:
    """Draws from N(0, I), multiplied by ``temperature``.

    Returns:
        float32, shape (num_samples, num_dims); the same seed gives the same on every machine.

    Raises:
        ValueError: if ``num_samples`` or ``temperature`` is out of range.
    """
    check_whole("num_samples", num_samples, most=math.inf)
    check_whole("seed", seed, 0, math.inf)
    if not 0 <= temperature < math.inf:
        raise ValueError(f"The temperature is {temperature}: give 0 or more (1 is the prior).")
    noise = np.random.default_rng(seed).standard_normal((num_samples, num_dims))
    return (temperature * noise).astype(np.float32)


def by_parts(function: Callable, rows: np.ndarray, size: int) -> np.ndarray:
    """``function`` of ``size`` rows at a time, since all at once may not fit into memory."""
    parts = [function(rows[start : start + size]) for start in range(0, len(rows), size)]
    return np.concatenate([ops.convert_to_numpy(part) for part in parts])
