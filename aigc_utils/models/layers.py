"""Layers whose products may be taken in bfloat16 (training.py chooses), all else in float32.

Keras's own ``mixed_bfloat16`` policy rounds all that a layer computes, and near a loss of
230 nats bfloat16 has one number a nat. Here only a product is rounded, its factors and its
result; biases, activations, sampling, logits and losses are float32 sums of such products.
Only between convolutions that say ``stays_rounded`` are biases and activations rounded too.
No chapter teaches it; all models of the course are made of these layers.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="aigc_utils")
class Dense(keras.layers.Dense):
    """``keras.layers.Dense`` with a ``product_type``, "float32" unless a model sets it."""

    product_type = "float32"

    def call(self, inputs, training=None):
        if self.product_type == "float32":
            return super().call(inputs, training=training)
        output = product(inputs, self.kernel, self.product_type)
        if self.use_bias:
            output = ops.add(output, self.bias)
        return output if self.activation is None else self.activation(output)


class MaskedDense(Dense):
    """A dense layer in which some inputs reach only some outputs (Germain et al., 2015).

    Args:
        mask: 1 where input i may reach output j, shape (inputs, units).
        activation: as for ``keras.layers.Dense``.
    """

    def __init__(self, mask: np.ndarray, activation: str | None = None, **kwargs):
        # Weights are drawn for the inputs that a unit sees on average, not for all.
        gain = (2.0 if activation else 1.0) * mask.size / max(1.0, mask.sum())
        initializer = keras.initializers.VarianceScaling(gain, mode="fan_in")
        super().__init__(mask.shape[1], activation, kernel_initializer=initializer, **kwargs)
        self.mask = mask.astype("float32")

    def build(self, input_shape):
        super().build(input_shape)
        # Their gradient is zero, so they stay zero, and files compress to half.
        self.kernel.assign(self.kernel * self.mask)

    def call(self, inputs, training=None):
        output = product(inputs, self.kernel * self.mask, self.product_type)
        output = ops.add(output, self.bias)
        return output if self.activation is None else self.activation(output)


class CausalConv2D(keras.layers.Conv2D):
    """A convolution that sees what comes before in raster order (van den Oord et al., 2016).

    Its kernel covers the rows above and the row itself; the part of that row to the right is
    masked, and so is the place itself unless ``sees_itself``.

    Args:
        filters: channels given out.
        kernel_size: (rows, columns), columns odd; the last row is the place's own.
        activation: as for ``keras.layers.Conv2D``.
        sees_itself: no in a first layer, yes after it.
        stays_rounded: give out the product type, bias added, and not float32: what goes from
            one convolution to the next then takes half the memory, whose speed is the limit.
    """

    product_type = "float32"

    def __init__(
        self,
        filters: int,
        kernel_size: tuple[int, int],
        activation: str | None = None,
        *,
        sees_itself: bool = True,
        stays_rounded: bool = False,
        **kwargs,
    ):
        rows, columns = kernel_size
        mask = np.ones((rows, columns, 1, 1), "float32")
        mask[-1, columns // 2 + sees_itself :] = 0
        gain = 2.0 * mask.size / mask.sum()
        initializer = keras.initializers.VarianceScaling(gain, mode="fan_in")
        super().__init__(
            filters, kernel_size, activation=activation, kernel_initializer=initializer, **kwargs
        )
        self.mask = mask
        self.stays_rounded = stays_rounded
        self.padding_before = ((0, 0), (rows - 1, 0), (columns // 2, columns // 2), (0, 0))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)  # `call` pads, whatever Conv2D thinks

    def call(self, inputs):
        factors = (ops.pad(inputs, self.padding_before), self.kernel * self.mask)
        factors = (ops.cast(factor, self.product_type) for factor in factors)
        output_type = self.product_type if self.stays_rounded else "float32"
        output = ops.cast(self.convolution_op(*factors), output_type)
        output = output + ops.cast(self.bias, output_type)
        return output if self.activation is None else self.activation(output)


@keras.saving.register_keras_serializable(package="aigc_utils")
class Conv2D(keras.layers.Conv2D):
    """``keras.layers.Conv2D`` with a ``product_type``, "float32" unless a model sets it."""

    product_type = "float32"

    def call(self, inputs):
        factors = (ops.cast(factor, self.product_type) for factor in (inputs, self.kernel))
        output = ops.cast(self.convolution_op(*factors), "float32") + self.bias
        return output if self.activation is None else self.activation(output)


@keras.saving.register_keras_serializable(package="aigc_utils")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """``keras.layers.Conv2DTranspose`` with a ``product_type``, as `Conv2D` has it."""

    product_type = "float32"

    def call(self, inputs):
        factors = (ops.cast(factor, self.product_type) for factor in (inputs, self.kernel))
        output = ops.conv_transpose(
            *factors, strides=list(self.strides), padding=self.padding, data_format=self.data_format
        )
        output = ops.cast(output, "float32") + self.bias
        return output if self.activation is None else self.activation(output)


def product(inputs, kernel, product_type: str):
    """``inputs @ kernel``, factors and result rounded to ``product_type``; given as float32."""
    if product_type == "float32":
        return ops.matmul(inputs, kernel)
    rounded = (ops.cast(factor, product_type) for factor in (inputs, kernel))
    return ops.cast(ops.matmul(*rounded), "float32")


def layers_of(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """All layers of a model, those of the models inside it too."""
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)
