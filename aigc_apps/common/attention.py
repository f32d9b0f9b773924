"""The pieces of a transformer: `Attention` and `MLP`, joined in a `Block`, of which it has a stack.

Chapters 6.1 and 6.2 write with models made of them. After Vaswani et al., "Attention Is All You
Need", 2017, in the form of GPT-2 (Radford et al., 2019), whose norms come before the layers.
B is the number of rows, T of tokens that are read, P of tokens that were read before them.
"""

from __future__ import annotations

import math

import keras
from keras import KerasTensor, layers, ops

from aigc_utils.models.layers import Dense


class Attention(layers.Layer):
    """Each token asks all that it may see, and takes from each a share of what that one tells.

    Args:
        width: length of the vectors that stand for tokens; divisible by ``num_heads``.
        num_heads: how many questions a token asks at once, each of its own part of the vectors.
        gain: of the last weights; less than 1 where many blocks add to one sum.
    """

    def __init__(self, width: int, num_heads: int, gain: float):
        super().__init__()
        self.width, self.num_heads = width, num_heads
        self.look = dense(3 * width)  # queries, keys and values
        self.gather = dense(width, gain)

    def build(self, input_shape):
        """Make the weights, for inputs of shape (B, T, width)."""
        for layer in (self.look, self.gather):
            layer.build((None, None, self.width))
        self.built = True

    def call(self, x, past, seen) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
        """Scaled dot-product attention (Vaswani et al., 2017, equation 1).

        Args:
            x: the tokens, shape (B, T, width).
            past: keys and values kept of earlier ones, shape (2, B, heads, P, width / heads),
                or None.
            seen: what may be attended to, bool, shape (B or 1, 1, T, P + T).

        Returns:
            What was found, (B, T, width); keys and values of all, as ``past``; the shares of
            attention, (B, heads, T, P + T), which sum to 1 over the last axis.
        """
        batch, new = ops.shape(x)[0], ops.shape(x)[1]
        size = self.width // self.num_heads
        parts = ops.reshape(self.look(x), (batch, new, 3, self.num_heads, size))
        parts = ops.transpose(parts, (2, 0, 3, 1, 4))
        queries, kept = parts[0] / math.sqrt(size), parts[1:]
        if past is not None:
            kept = ops.concatenate([past, kept], axis=3)
        scores = ops.matmul(queries, ops.swapaxes(kept[0], -1, -2))
        shares = ops.softmax(ops.where(seen, scores, -1e9))
        found = ops.transpose(ops.matmul(shares, kept[1]), (0, 2, 1, 3))
        return self.gather(ops.reshape(found, (batch, new, self.width))), kept, shares


class MLP(layers.Layer):
    """A dense network with one hidden layer, four times as wide, for each token by itself.

    Its activation is the square of a ReLU (So et al., "Primer", 2021).

    Args:
        width: length of the vectors that stand for tokens.
        gain: of the last weights; less than 1 where many blocks add to one sum.
    """

    def __init__(self, width: int, gain: float):
        super().__init__()
        self.width = width
        self.widen = dense(4 * width)
        self.narrow = dense(width, gain)

    def build(self, input_shape):
        """Make the weights, for inputs of shape (B, T, width)."""
        self.widen.build((None, None, self.width))
        self.narrow.build((None, None, 4 * self.width))
        self.built = True

    def call(self, x) -> KerasTensor:
        """Shape (B, T, width), as what goes in."""
        return self.narrow(ops.square(ops.relu(self.widen(x))))


class Block(layers.Layer):
    """Attention, then the dense network; each adds to what goes in, which stays as it is.

    Args:
        width: length of the vectors that stand for tokens; divisible by ``num_heads``.
        num_heads: of the attention.
        num_layers: how many blocks add to one sum, so that depth adds no variance.
        leave_out: a dropout layer, the same for all blocks: two with one seed would leave out
            the same units.
    """

    def __init__(self, width: int, num_heads: int, num_layers: int, leave_out: layers.Dropout):
        super().__init__()
        self.width = width
        self.norm_1 = layers.RMSNormalization()
        self.attention = Attention(width, num_heads, gain=0.5 / num_layers)
        self.norm_2 = layers.RMSNormalization()
        self.mlp = MLP(width, gain=0.5 / num_layers)
        self.leave_out = leave_out

    def build(self, input_shape):
        """Make the weights, for inputs of shape (B, T, width)."""
        for layer in (self.norm_1, self.attention, self.norm_2, self.mlp):
            layer.build((None, None, self.width))
        self.built = True

    def call(self, x, past, seen, training: bool = False) -> tuple[KerasTensor, ...]:
        """As `Attention.call`, whose keys, values and shares are given back too."""
        found, kept, shares = self.attention(self.norm_1(x), past, seen)
        x = x + self.leave_out(found, training=training)
        x = x + self.leave_out(self.mlp(self.norm_2(x)), training=training)
        return x, kept, shares


def dense(units: int, gain: float = 1.0) -> Dense:
    """A dense layer without biases, whose outputs vary ``gain`` times as much as its inputs."""
    initializer = keras.initializers.VarianceScaling(gain)
    return Dense(units, use_bias=False, kernel_initializer=initializer)
