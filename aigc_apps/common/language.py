"""A language model (语言模型): each token's probability, given the tokens before it.

A decoder-only transformer (Vaswani et al., "Attention Is All You Need", 2017) in the form of
GPT-2 (Radford et al., 2019), with the norms before the layers.
p(text) = prod_t p(token_t | tokens before t) is exact. Written with ``keras.ops`` for TensorFlow
and JAX.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import KerasTensor, layers, ops

from aigc_utils.models.base import (
    CourseModel,
    ProductType,
    check_dropout,
    check_whole,
)
from aigc_utils.models.layers import Dense, product

END = 0  # ends a text, and stands for "nothing yet" before its first token
Constraint = Callable[[np.ndarray], np.ndarray]

LOGITS_AT_ONCE = 2**24  # numbers, 64 MB: more would not fit into caches anyway


@keras.saving.register_keras_serializable(package="aigc_utils")
class LanguageModel(CourseModel):
    """A decoder-only transformer over rows of token numbers.

    Trained by ``compile(optimizer)`` and ``fit(tokens)``; the loss is the mean negative
    log-likelihood, nats a token. Token 0, `END`, ends a text. A row may hold several texts one
    after another: nothing is seen across an `END`. What follows an `END` that is followed by
    another is filling and is not learnt. `adapt` is to be called first: the untrained model
    then knows how often each token is, and which follow which.

    With ``line_lengths`` texts are verse: the first token of a text, from 1 to
    ``len(line_lengths)``, is its form, and says how many tokens each of its lines has. The model
    then knows of each token which line it stands in, and where in that line.

    ``model(tokens)`` gives the logits of each token given those before it.

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
        num_sampled: in training, compare each token with so many drawn by their frequency,
            in place of all (sampled softmax: Jean et al., 2015), which saves time where there
            are many tokens; 0 for all. Likelihoods are always those of all tokens.
        seed: seeds dropout and what is sampled.

    Raises:
        ValueError: if an argument is out of range, or the tokens do not fit.
    """

    loss_label = "negative log-likelihood (nats a token)"

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
        num_sampled: int = 0,
        seed: int = 0,
        **kwargs,
    ):
        check_dropout(dropout)
        for name, value, least in (
            ("vocab_size", vocab_size, 2 + len(line_lengths)),
            ("context", context, 2),
            ("width", width, 1),
            ("num_layers", num_layers, 1),
            ("num_heads", num_heads, 1),
            ("num_sampled", num_sampled, 0),
            *(("each of line_lengths", length, 1) for length in line_lengths),
        ):
            check_whole(name, value, least)
        if width % num_heads:
            raise ValueError(f"The width {width} is not divisible by num_heads {num_heads}.")
        super().__init__(seed, **kwargs)
        self.vocab_size, self.context = vocab_size, context
        self.width, self.num_layers, self.num_heads = width, num_layers, num_heads
        self.line_lengths = tuple(line_lengths)
        self.dropout, self.tied, self.num_sampled = dropout, tied, num_sampled
        self.product_type: ProductType = "float32"

        def table(name: str, rows: int, scale: float) -> keras.Variable:
            initializer = keras.initializers.RandomNormal(stddev=scale)
            return self.add_weight(name=name, shape=(rows, width), initializer=initializer)

        self.embedding = table("embedding", vocab_size, 0.02)
        self.predicted = self.embedding if tied else table("predicted", vocab_size, 0.02)
        self.bias = self.add_weight(name="bias", shape=(vocab_size,), initializer="zeros")
        # How often tokens up to each one were seen, which `adapt` counts.
        self.running_share = self.add_weight(
            name="running_share", shape=(vocab_size,), initializer="zeros", trainable=False
        )
        # Places are told loudly: attention first learns where to look, then at what.
        self.positions = table("positions", context, 0.2)
        if line_lengths:
            # Row 0 is the form's own; each length has rows of its own for places in a line.
            self.lines = table("lines", 1 + math.ceil(context / min(line_lengths)), 0.2)
            self.places = table("places", 1 + sum(set(line_lengths)), 0.2)

        def norm() -> layers.Layer:
            return layers.RMSNormalization()

        def dense(units: int, gain: float = 1.0) -> Dense:
            initializer = keras.initializers.VarianceScaling(gain)
            return Dense(units, use_bias=False, kernel_initializer=initializer)

        each, deep = range(num_layers), 0.5 / num_layers  # so that depth adds no variance
        self.norms_1 = [norm() for _ in each]
        self.norms_2 = [norm() for _ in each]
        self.looks = [dense(3 * width) for _ in each]  # queries, keys and values
        self.gathers = [dense(width, deep) for _ in each]
        self.widens = [dense(4 * width) for _ in each]
        self.narrows = [dense(width, deep) for _ in each]
        self.last_norm = norm()
        self.leave_out = layers.Dropout(dropout, seed=seed)
        for layer in (*self.norms_1, *self.norms_2, *self.looks, *self.gathers, *self.widens):
            layer.build((None, None, width))
        for layer in self.narrows:
            layer.build((None, None, 4 * width))
        self.last_norm.build((None, None, width))
        self._compile()
        self.built = True

    def _compile(self) -> None:
        """Make graphs of what is called with many shapes, on TensorFlow: one for all of them."""
        kept = (2, self.num_layers, None, self.num_heads, None, self.width // self.num_heads)
        rows = ((None, None), "int32")
        self._graph_of_losses = for_all_shapes(self.token_losses, rows)
        self._graph_of_next = for_all_shapes(self._next_logits, rows, (kept, "float32"))

    # ---- one pass ------------------------------------------------------------------------

    def call(self, tokens, training: bool = False) -> KerasTensor:
        """Logits of each token given those before it, shape (B, T, vocab_size)."""
        return self._logits(self._hidden(tokens, training))

    def _hidden(self, tokens, training: bool) -> KerasTensor:
        """What is known where each token is predicted, shape (B, T, width)."""
        return self._read(self._behind_end(ops.cast(tokens, "int32")), training=training)[0]

    @staticmethod
    def _behind_end(tokens) -> KerasTensor:
        """What is given where each token is predicted: an `END`, then all but the last token."""
        return ops.concatenate([ops.full_like(tokens[:, :1], END), tokens[:, :-1]], axis=1)

    def _logits(self, hidden) -> KerasTensor:
        """Hidden vectors (..., width) as logits (..., vocab_size)."""
        table = ops.transpose(ops.convert_to_tensor(self.predicted))
        return product(hidden, table, self.product_type) + ops.convert_to_tensor(self.bias)

    def _read(
        self, given, past=None, training: bool = False, shares: list | None = None
    ) -> tuple[KerasTensor, ...]:
        """Read tokens, of which the first ``P`` were read before.

        Args:
            given: each text behind an `END`, int32, shape (B, T).
            past: keys and values kept of P tokens, shape (2, layers, B, heads, P, width / heads).
            training: whether to leave units out.
            shares: if given, each layer's shares of attention are appended to it.

        Returns:
            Hidden vectors of the new tokens, shape (B, T - P, width); keys and values of all,
            as ``past``.
        """
        num_old = 0 if past is None else ops.shape(past)[4]
        texts, position, line, place = self._whereabouts(given)
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
        kept = []
        for number in range(self.num_layers):
            old = None if past is None else past[:, number]
            looks = self.looks[number](self.norms_1[number](x))
            found, both, attended = self._attend(looks, old, seen)
            if shares is not None:
                shares.append(attended)
            x = x + self.leave_out(self.gathers[number](found), training=training)
            wide = ops.square(ops.relu(self.widens[number](self.norms_2[number](x))))
            x = x + self.leave_out(self.narrows[number](wide), training=training)
            kept.append(both)
        return self.last_norm(x), ops.stack(kept, axis=1)

    def _next_logits(self, given, past) -> tuple[KerasTensor, KerasTensor]:
        """Logits of what follows the last token, (B, vocab_size), and what is kept; see `_read`."""
        hidden, past = self._read(given, past)
        return self._logits(hidden[:, -1]), past

    def _attend(self, looks, old, seen) -> tuple[KerasTensor, ...]:
        """Scaled dot-product attention (Vaswani et al., 2017, equation 1).

        Args:
            looks: queries, keys and values, shape (B, new, 3 * width).
            old: keys and values kept, shape (2, B, heads, P, width / heads), or None.
            seen: what may be attended to, bool, shape (B or 1, 1, new, P + new).

        Returns:
            What was found, (B, new, width); keys and values of all, as ``old``; the shares of
            attention, (B, heads, new, P + new).
        """
        batch, new = ops.shape(looks)[0], ops.shape(looks)[1]
        size = self.width // self.num_heads
        parts = ops.reshape(looks, (batch, new, 3, self.num_heads, size))
        parts = ops.transpose(parts, (2, 0, 3, 1, 4))
        queries, both = parts[0] / math.sqrt(size), parts[1:]
        if old is not None:
            both = ops.concatenate([old, both], axis=3)
        scores = ops.matmul(queries, ops.swapaxes(both[0], -1, -2))
        shares = ops.softmax(ops.where(seen, scores, -1e9))
        found = ops.transpose(ops.matmul(shares, both[1]), (0, 2, 1, 3))
        return ops.reshape(found, (batch, new, self.width)), both, shares

    def _whereabouts(self, given) -> tuple[KerasTensor | None, ...]:
        """Of each token: which text of the row, its position there, its line, its place in it.

        They are those of the token that is predicted there, the one after the given one. All
        int32, shape (B, T); line and place are None for prose.
        """
        order = ops.broadcast_to(ops.arange(ops.shape(given)[1]), ops.shape(given))
        starts = given == END
        texts = ops.cumsum(ops.cast(starts, "int32"), axis=1)
        # The last start at or before each token; a row begins with one.
        begun = ops.max(
            ops.where(
                ops.logical_and(starts[:, None, :], order[:, None, :] <= order[:, :, None]),
                order[:, None, :],
                0,
            ),
            axis=2,
        )
        position = order - begun
        if not self.line_lengths:
            return texts, position, None, None
        # The form is the token after the start; where it is still to come, none is needed.
        last = ops.shape(given)[1] - 1
        form = ops.take_along_axis(given, ops.minimum(begun + 1, last), axis=1)
        form = ops.clip(form, 1, len(self.line_lengths)) - 1
        length = ops.take(ops.convert_to_tensor(self.line_lengths, dtype="int32"), form)
        first_row = ops.take(ops.convert_to_tensor(self._first_rows(), dtype="int32"), form)
        written = ops.maximum(position - 1, 0)
        is_form = position == 0
        line = ops.where(is_form, 0, 1 + written // length)
        place = ops.where(is_form, 0, first_row + written % length)
        return texts, position, line, place

    def _first_rows(self) -> list[int]:
        """For each form, the row of ``places`` for the first place of its lines."""
        kinds = sorted(set(self.line_lengths))
        return [1 + sum(k for k in kinds if k < length) for length in self.line_lengths]

    # ---- learning and judging ------------------------------------------------------------

    def adapt(self, tokens: np.ndarray) -> None:
        """Start from counts, so that no epoch is spent on learning them.

        The last biases are set to the logarithms of the tokens' shares. If the two matrices are
        not tied, they become a factorization of what pairs of neighbours add to that: of
        log(1 + count(a, b) / (s p(b))), whose softmax with the shares is the pairs' frequency
        after a, smoothed with ``s`` imagined tokens (Levy & Goldberg, 2014, factorize so too).

        Args:
            tokens: training rows, int, shape (N, T).

        Raises:
            ValueError: see `check_inputs`.
        """
        self.check_inputs(tokens)
        text = is_text(tokens)
        counts = np.bincount(tokens[text], minlength=self.vocab_size) + 0.5
        share = counts / counts.sum()
        self.bias.assign(np.log(share))
        self.running_share.assign(np.cumsum(share))
        if not self.tied:
            before = np.pad(tokens[:, :-1], ((0, 0), (1, 0)), constant_values=END)
            left, right = neighbours(before[text], tokens[text], share, self.width)
            # The last norm makes vectors of length sqrt(width); so long are these on average.
            scale = np.sqrt(np.average((left**2).sum(axis=1), weights=share))
            self.embedding.assign(left / scale)
            self.predicted.assign(right * scale / math.sqrt(self.width))

    def token_losses(self, tokens, training: bool = False) -> KerasTensor:
        """-log p of each token given those before it; nats, shape (B, T); filling gives 0."""
        tokens = ops.cast(tokens, "int32")
        hidden = self._hidden(tokens, training)
        if training and self.num_sampled:
            losses = self._sampled_losses(hidden, tokens)
        else:
            losses = ops.sparse_categorical_crossentropy(
                tokens, self._logits(hidden), from_logits=True
            )
        return losses * ops.cast(is_text(tokens, ops), "float32")

    def _sampled_losses(self, hidden, tokens) -> KerasTensor:
        """An estimate of -log p that looks at few of the tokens, shape (B, T).

        What is drawn with probability q stands for all: its weight is 1 / (num_sampled q).
        """
        coins = keras.random.uniform((self.num_sampled,), seed=self.seed_generator)
        running = ops.convert_to_tensor(self.running_share)
        drawn = ops.cast(ops.searchsorted(running, coins * 0.999999), "int32")
        table, bias = ops.convert_to_tensor(self.predicted), ops.convert_to_tensor(self.bias)
        share = running - ops.concatenate([ops.zeros((1,)), running[:-1]])
        weight = -ops.log(self.num_sampled * ops.maximum(ops.take(share, drawn), 1e-9))
        others = product(hidden, ops.transpose(ops.take(table, drawn, axis=0)), self.product_type)
        others = others + ops.take(bias, drawn) + weight
        others = ops.where(tokens[:, :, None] == drawn, -1e9, others)
        own = ops.sum(hidden * ops.take(table, tokens, axis=0), axis=-1) + ops.take(bias, tokens)
        return ops.logsumexp(ops.concatenate([own[..., None], others], axis=-1), axis=-1) - own

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The mean of `token_losses` over what is not filling; works on every backend."""
        counted = ops.cast(is_text(ops.cast(x, "int32"), ops), "float32")
        return ops.sum(self.token_losses(x, training)) / ops.maximum(ops.sum(counted), 1.0)

    def log_likelihood(self, tokens: np.ndarray) -> np.ndarray:
        """Exact log p of each token given those before it in its row.

        Args:
            tokens: int, shape (B, T), T at most ``context``.

        Returns:
            Nats, float32, shape (B, T); 0 for filling behind an `END`.

        Raises:
            ValueError: see `check_inputs`.
        """
        tokens = np.asarray(tokens)
        self.check_inputs(tokens)
        size = max(1, LOGITS_AT_ONCE // (tokens.shape[1] * self.vocab_size))
        parts = []
        for start in range(0, len(tokens), size):
            part = ops.convert_to_tensor(tokens[start : start + size], "int32")
            parts.append(-ops.convert_to_numpy(self._graph_of_losses(part)))
        return np.concatenate(parts)

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
        shares: list = []
        self._read(self._behind_end(ops.convert_to_tensor(tokens, "int32")), shares=shares)
        return np.stack([ops.convert_to_numpy(each) for each in shares], axis=1)

    # ---- writing -------------------------------------------------------------------------

    def generate(
        self,
        prompts: np.ndarray,
        *,
        num_tokens: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        constrain: Constraint | None = None,
        seed: int = 0,
    ) -> np.ndarray:
        """Go on with texts, token by token; keys and values of what was read are kept.

        A row that has drawn `END` is finished, and is filled with `END`. Prose may be longer
        than ``context``: the older half of what is seen is then dropped.

        Args:
            prompts: how each text begins, int, shape (B, P) without `END`; P may be 0.
            num_tokens: how many to draw for each row, at least 1.
            temperature: divides the logits; 0 always takes the likeliest token.
            top_k: draw from so many likeliest tokens (Fan et al., 2018); None for all.
            top_p: draw from the likeliest tokens that together have so much probability
                (nucleus sampling: Holtzman et al., 2020); None for all.
            constrain: takes all tokens so far, prompts included, shape (B, t), and gives
                what may come next, bool, shape (B, vocab_size). It is applied first. What
                it says of finished rows is not looked at.
            seed: the same seed gives the same tokens on one machine.

        Returns:
            Prompts and what follows, int32, shape (B, P + num_tokens).

        Raises:
            ValueError: if an argument is out of range, a text would leave the context of a
                model of verse, or ``constrain`` allows a row nothing.
        """
        check_whole("num_tokens", num_tokens)
        check_sampling(temperature, top_k, top_p)
        prompts = np.asarray(prompts)
        if prompts.ndim != 2 or not len(prompts):
            raise ValueError(f"The prompts have shape {prompts.shape}: give (B, P), B at least 1.")
        if prompts.shape[1]:
            self._check_tokens(prompts)
            if (prompts == END).any():
                raise ValueError(f"A prompt contains {END}, which ends a text: leave it out.")
        total = prompts.shape[1] + num_tokens
        if self.line_lengths and total > self.context:
            raise ValueError(
                f"Prompt and num_tokens come to {total}, but this model of verse sees "
                f"{self.context} tokens: ask for fewer."
            )
        coins = np.random.default_rng(seed).random((len(prompts), num_tokens))
        tokens = prompts.astype(np.int32)
        finished = np.zeros(len(prompts), bool)
        reader = _Reader(self, len(prompts))
        for step in range(num_tokens):
            allowed = None
            if constrain is not None:
                allowed = self._allowed(constrain, tokens, finished)
            logits = reader.read(tokens)
            chances = next_probabilities(
                logits, temperature=temperature, top_k=top_k, top_p=top_p, allowed=allowed
            )
            drawn = np.where(finished, END, draw(chances, coins[:, step])).astype(np.int32)
            finished |= drawn == END
            tokens = np.concatenate([tokens, drawn[:, None]], axis=1)
            if finished.all():
                break
        rest = total - tokens.shape[1]
        return np.pad(tokens, ((0, 0), (0, rest)), constant_values=END)

    def predict_next(self, tokens: np.ndarray) -> np.ndarray:
        """Logits of the token that follows each row.

        Args:
            tokens: all tokens so far, int, shape (B, T); T may be 0.

        Returns:
            float32, shape (B, vocab_size); `next_probabilities` makes probabilities of them.
        """
        tokens = np.asarray(tokens, np.int32)
        if tokens.shape[1]:
            self._check_tokens(tokens)
        return _Reader(self, len(tokens)).read(tokens)

    def _allowed(self, constrain: Constraint, tokens: np.ndarray, finished: np.ndarray):
        """What ``constrain`` allows, checked; bool, shape (B, vocab_size)."""
        allowed = np.asarray(constrain(tokens), bool)
        wanted = (len(tokens), self.vocab_size)
        if allowed.shape != wanted:
            raise ValueError(f"constrain gave shape {allowed.shape}: it must give {wanted}.")
        stuck = np.flatnonzero(~allowed.any(axis=1) & ~finished)
        if len(stuck):
            raise ValueError(
                f"constrain allows row {stuck[0]} no token at place {tokens.shape[1]}: allow at "
                f"least one (of {self.vocab_size}), or begin with another prompt or seed."
            )
        return np.where(finished[:, None], True, allowed)

    def take_products_in(self, product_type: ProductType) -> None:
        """As `CourseModel.take_products_in`, for the product with the embeddings too."""
        super().take_products_in(product_type)
        self.product_type = product_type
        self._compile()

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
        self._check_tokens(inputs)

    def _check_tokens(self, tokens: np.ndarray) -> None:
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
            "num_sampled": self.num_sampled,
        }


class _Reader:
    """Reads rows that grow, each token once, and keeps its keys and values.

    Args:
        model: whose `_read` is used.
        num_rows: how many rows there are.
    """

    def __init__(self, model: LanguageModel, num_rows: int):
        self.model = model
        self.num_rows = num_rows
        self.dropped = 0  # tokens at the beginning that are seen no more
        self.forget()

    def forget(self) -> None:
        """Begin anew, with nothing kept."""
        model = self.model
        shape = (2, model.num_layers, self.num_rows, model.num_heads, 0)
        self.past = ops.zeros((*shape, model.width // model.num_heads), "float32")

    def read(self, tokens: np.ndarray) -> np.ndarray:
        """Logits of the token after each row, shape (B, vocab_size)."""
        context = self.model.context
        if tokens.shape[1] - self.dropped >= context:
            self.dropped = tokens.shape[1] - context // 2
            self.forget()
        begin = np.full((len(tokens), 1), END, np.int32)
        given = np.concatenate([begin, tokens[:, self.dropped :]], axis=1)
        logits, self.past = self.model._graph_of_next(ops.convert_to_tensor(given), self.past)
        return ops.convert_to_numpy(logits)


def for_all_shapes(function: Callable, *inputs: tuple[tuple, str]) -> Callable:
    """The function as one TensorFlow graph, on that backend; elsewhere as it is.

    Args:
        function: of tensors.
        inputs: shape and type of each; None for sizes that change from call to call.
    """
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    signature = [tf.TensorSpec(shape, dtype) for shape, dtype in inputs]
    return tf.function(function, input_signature=signature, autograph=False)


def neighbours(
    before: np.ndarray, after: np.ndarray, share: np.ndarray, rank: int, imagined: float = 400.0
) -> tuple[np.ndarray, np.ndarray]:
    """Two vectors for each token, whose products say how much one makes the other follow.

    Args:
        before, after: pairs of neighbours, int, shape (N,).
        share: of each token among all, shape (V,).
        rank: length of the vectors.
        imagined: smoothing, see `LanguageModel.adapt`.

    Returns:
        For the token before and the one after; float64, each of shape (V, rank).
    """
    from scipy import sparse
    from sklearn.utils.extmath import randomized_svd

    size = len(share)
    pairs = sparse.coo_matrix((np.ones(len(before)), (before, after)), (size, size)).tocsr()
    weight = np.sqrt(np.asarray(pairs.sum(axis=1))[:, 0] + 1)  # frequent tokens matter more
    pairs = pairs.tocoo()
    gains = np.log1p(pairs.data / (imagined * share[pairs.col]))
    root = np.sqrt(share)
    weighted = weight[pairs.row] * gains * root[pairs.col]
    matrix = sparse.csr_matrix((weighted, (pairs.row, pairs.col)), (size, size))
    rank_here = min(rank, size - 1)
    left, strengths, right = randomized_svd(matrix, rank_here, n_iter=4, random_state=0)
    half = np.sqrt(strengths)
    left, right = left * half / weight[:, None], right.T * half / root[:, None]
    spare = ((0, 0), (0, rank - rank_here))
    return np.pad(left, spare), np.pad(right, spare)


def is_text(tokens, numpy=np):
    """Where rows hold text, its `END` included, and not filling; bool, shape (B, T).

    Args:
        tokens: int, shape (B, T).
        numpy: ``numpy``, or ``keras.ops`` for tensors.
    """
    text = tokens != END
    before = numpy.concatenate([numpy.zeros_like(text[:, :1]), text[:, :-1]], axis=1)
    return numpy.logical_or(text, before)


def next_probabilities(
    logits: np.ndarray,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    allowed: np.ndarray | None = None,
) -> np.ndarray:
    """The probabilities from which the next token is drawn.

    Args:
        logits: shape (B, vocab).
        temperature: divides the logits; at 0 the likeliest token has probability 1.
        top_k: keeps so many likeliest tokens.
        top_p: then keeps the fewest likeliest tokens that have this much probability together.
        allowed: bool, shape (B, vocab), each row with at least one True; applied first.

    Returns:
        float64, shape (B, vocab); rows sum to 1.
    """
    logits = np.asarray(logits, np.float64)
    if allowed is not None:
        logits = np.where(allowed, logits, -np.inf)
    if temperature == 0:
        return np.eye(logits.shape[1])[logits.argmax(axis=1)]
    chances = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    chances /= chances.sum(axis=1, keepdims=True)
    if top_k is None and top_p is None:
        return chances
    order = np.argsort(-chances, axis=1, kind="stable")
    falling = np.take_along_axis(chances, order, axis=1)
    if top_k is not None:
        falling[:, top_k:] = 0
        falling /= falling.sum(axis=1, keepdims=True)
    if top_p is not None:
        before = np.cumsum(falling, axis=1) - falling
        falling[before >= top_p] = 0
        falling /= falling.sum(axis=1, keepdims=True)
    np.put_along_axis(chances, order, falling, axis=1)
    return chances


def draw(chances: np.ndarray, coins: np.ndarray) -> np.ndarray:
    """One token a row: where the running sum of its chances passes its coin.

    Args:
        chances: shape (B, vocab); rows sum to 1.
        coins: uniform from 0 to 1, 1 excluded; shape (B,).

    Returns:
        int, shape (B,); never a token whose chance is 0.
    """
    running = np.cumsum(chances, axis=1)
    passed = running > coins[:, None] * running[:, -1:]
    return passed.argmax(axis=1)


def check_sampling(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Raise a ValueError unless tokens can be drawn so."""
    if not 0 <= temperature < math.inf:
        raise ValueError(f"The temperature is {temperature}: give 0 or more.")
    if top_k is not None:
        check_whole("top_k", top_k)
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}: give more than 0, at most 1, or None.")
