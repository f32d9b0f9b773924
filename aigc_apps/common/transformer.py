"""A decoder-only transformer over rows of token numbers: tables, a stack of blocks, logits.

The network of chapters 6.1 and 6.2, whose learning and writing is in
`aigc_apps.common.language`; the blocks are those of `aigc_apps.common.attention`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import KerasTensor, ops

from aigc_apps.common.attention import Block
from aigc_apps.common.rows import END, whereabouts
from aigc_utils.models.base import CourseModel, ProductType, check_dropout, check_whole
from aigc_utils.models.layers import product


class Transformer(CourseModel):
    """Logits of each token of a row, given those before it: ``model(tokens)``.

    A row may hold several texts one after another, each with an `END`: nothing is seen across
    an `END`. With ``line_lengths`` texts are verse: the first token of a text, from 1 to
    ``len(line_lengths)``, is its form, and says how many tokens each of its lines has. The model
    then knows of each token which line it stands in, and where in that line.

    Args:
        vocab_size: how many tokens there are, `END` included.
        context: how many tokens are seen at once, at least 2.
        width: length of the vectors that stand for tokens; divisible by ``num_heads``.
        num_layers: blocks of attention and a dense network.
        num_heads: how many places a block can attend to at once.
        line_lengths: tokens in a line, for each form; empty for prose.
        dropout: share of units left out at each training step.
        tied: whether one matrix serves for tokens read and tokens predicted (Press & Wolf,
            2017), which saves weights.
        seed: seeds dropout.

    Raises:
        ValueError: if an argument is out of range, or the tokens do not fit.
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        context: int,
        width: int = 128,
        num_layers: int = 3,
        num_heads: int = 4,
        line_lengths: Sequence[int] = (),
        dropout: float = 0.1,
        tied: bool = True,
        seed: int = 0,
        **kwargs,
    ):
        check_dropout(dropout)
        _check_sizes(vocab_size, context, width, num_layers, num_heads, line_lengths)
        super().__init__(seed, **kwargs)
        self.vocab_size, self.context = vocab_size, context
        self.width, self.num_layers, self.num_heads = width, num_layers, num_heads
        self.line_lengths = tuple(line_lengths)
        self.dropout, self.tied = dropout, tied
        self.product_type: ProductType = "float32"
        self._make_tables()
        self.leave_out = keras.layers.Dropout(dropout, seed=seed)
        self.stack = [
            Block(width, num_heads, num_layers, self.leave_out) for _ in range(num_layers)
        ]
        self.last_norm = keras.layers.RMSNormalization()
        for layer in (*self.stack, self.last_norm):
            layer.build((None, None, width))
        self.built = True

    def _make_tables(self) -> None:
        """Weights that are looked up by a token's number or by its place."""

        def table(name: str, rows: int, scale: float) -> keras.Variable:
            initializer = keras.initializers.RandomNormal(stddev=scale)
            return self.add_weight(name=name, shape=(rows, self.width), initializer=initializer)

        size = self.vocab_size
        self.embedding = table("embedding", size, 0.02)
        self.predicted = self.embedding if self.tied else table("predicted", size, 0.02)
        self.bias = self.add_weight(name="bias", shape=(size,), initializer="zeros")
        # Places are told loudly: attention first learns where to look, then at what.
        self.positions = table("positions", self.context, 0.2)
        if self.line_lengths:
            # Row 0 is the form's own; each length has rows of its own for places in a line.
            num_lines = math.ceil(self.context / min(self.line_lengths))
            self.lines = table("lines", 1 + num_lines, 0.2)
            self.places = table("places", 1 + sum(set(self.line_lengths)), 0.2)

    # A file of weights has the layers by kind, in the two lists below. Keras goes through a
    # model's attributes in alphabetical order, so it meets them before the `stack` of blocks.

    @property
    def gathers(self) -> list[keras.layers.Layer]:
        """The last layer of each block's attention."""
        return [block.attention.gather for block in self.stack]

    @property
    def layers(self) -> list[keras.layers.Layer]:
        """All layers that have weights, by kind and not by block, and the dropout."""
        blocks = self.stack
        return [
            *(block.norm_1 for block in blocks),
            *(block.norm_2 for block in blocks),
            *(block.attention.look for block in blocks),
            *self.gathers,
            *(block.mlp.widen for block in blocks),
            *(block.mlp.narrow for block in blocks),
            self.last_norm,
            self.leave_out,
        ]

    def call(self, tokens, training: bool = False) -> KerasTensor:
        """Logits of each token given those before it, shape (B, T, vocab_size)."""
        return self.logits(self.hidden(tokens, training))

    def hidden(self, tokens, training: bool) -> KerasTensor:
        """What is known where each token is predicted, shape (B, T, width)."""
        return self.read(self.behind_end(ops.cast(tokens, "int32")), training=training)[0]

    @staticmethod
    def behind_end(tokens) -> KerasTensor:
        """What is given where each token is predicted: an `END`, then all but the last token."""
        return ops.concatenate([ops.full_like(tokens[:, :1], END), tokens[:, :-1]], axis=1)

    def logits(self, hidden) -> KerasTensor:
        """Hidden vectors (..., width) as logits (..., vocab_size)."""
        table = ops.transpose(ops.convert_to_tensor(self.predicted))
        return product(hidden, table, self.product_type) + ops.convert_to_tensor(self.bias)

    def read(
        self, given, past=None, training: bool = False
    ) -> tuple[KerasTensor, KerasTensor, list[KerasTensor]]:
        """Read tokens, of which the first ``P`` were read before.

        Args:
            given: each text behind an `END`, int32, shape (B, T).
            past: keys and values kept of P tokens, shape (2, layers, B, heads, P, width / heads).
            training: whether to leave units out.

        Returns:
            Hidden vectors of the new tokens, shape (B, T - P, width); keys and values of all,
            as ``past``; each block's shares of attention, (B, heads, T - P, T).
        """
        num_old = 0 if past is None else ops.shape(past)[4]
        texts, position, line, place = whereabouts(given, self.line_lengths)
        later = slice(num_old, None)
        x = ops.take(ops.convert_to_tensor(self.embedding), given[:, later], axis=0)
        x = x * math.sqrt(self.width) + ops.take(self.positions, position[:, later], axis=0)
        if self.line_lengths:
            x = x + ops.take(self.lines, line[:, later], axis=0)
            x = x + ops.take(self.places, place[:, later], axis=0)
        x = self.leave_out(x, training=training)
        order = ops.arange(ops.shape(given)[1])
        seen = (order[None, :] <= order[later, None])[None]
        seen = ops.logical_and(seen, texts[:, later, None] == texts[:, None, :])[:, None]
        kept, shares = [], []
        for number, block in enumerate(self.stack):
            old = None if past is None else past[:, number]
            x, both, attended = block(x, old, seen, training=training)
            kept.append(both)
            shares.append(attended)
        return self.last_norm(x), ops.stack(kept, axis=1), shares

    def attention(self, tokens: np.ndarray) -> np.ndarray:
        """Where each token, when it is predicted, is looked for.

        Args:
            tokens: int, shape (B, T).

        Returns:
            Shares that sum to 1 over the last axis, shape (B, layers, heads, T, T). Row t is
            for the prediction of token t; column s is the token before s, column 0 the start.
        """
        tokens = np.asarray(tokens)
        self.check_inputs(tokens)
        _, _, shares = self.read(self.behind_end(ops.convert_to_tensor(tokens, "int32")))
        return np.stack([ops.convert_to_numpy(each) for each in shares], axis=1)

    def take_products_in(self, product_type: ProductType) -> None:
        """As `CourseModel.take_products_in`, for the product with the embeddings too."""
        super().take_products_in(product_type)
        self.product_type = product_type

    def check_inputs(self, inputs) -> None:
        """Refuse arrays that are no rows of tokens (data sets pass unchecked).

        Raises:
            ValueError: in one sentence, with the offending value and the cure.
        """
        if not isinstance(inputs, np.ndarray):
            return
        if inputs.ndim != 2 or not inputs.size:
            raise ValueError(f"The tokens have shape {inputs.shape}: give (N, T), none of them 0.")
        if inputs.shape[1] > self.context:
            raise ValueError(
                f"The rows have {inputs.shape[1]} tokens, but this model sees {self.context}: "
                "cut them."
            )
        self.check_tokens(inputs)

    def check_tokens(self, tokens: np.ndarray) -> None:
        """As `check_inputs`, for tokens of any shape but an empty one."""
        if tokens.dtype.kind not in "iu":
            raise ValueError(f"The tokens are of type {tokens.dtype}: give whole numbers.")
        if tokens.min() < 0 or tokens.max() >= self.vocab_size:
            raise ValueError(
                f"The tokens run from {tokens.min()} to {tokens.max()}, but this model knows 0 "
                f"to {self.vocab_size - 1}: encode with the tokenizer that it was trained with."
            )

    def arguments(self) -> dict:
        return {
            **super().arguments(),
            "vocab_size": self.vocab_size,
            "context": self.context,
            "width": self.width,
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "line_lengths": list(self.line_lengths),
            "dropout": self.dropout,
            "tied": self.tied,
        }


def _check_sizes(
    vocab_size: int,
    context: int,
    width: int,
    num_layers: int,
    num_heads: int,
    line_lengths: Sequence[int],
) -> None:
    for name, value, least in (
        ("vocab_size", vocab_size, 2 + len(line_lengths)),
        ("context", context, 2),
        ("width", width, 1),
        ("num_layers", num_layers, 1),
        ("num_heads", num_heads, 1),
        *(("each of line_lengths", length, 1) for length in line_lengths),
    ):
        check_whole(name, value, least)
    if width % num_heads:
        raise ValueError(f"The width {width} is not divisible by num_heads {num_heads}.")
