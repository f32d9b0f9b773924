"""A language model (语言模型): each token's probability, given the tokens before it.

Chapters 6.1 (stories) and 6.2 (poetry) look into one and write with it. The network is
`aigc_apps.common.transformer`; here it learns, says how likely texts are, and goes on with them.
p(text) = prod_t p(token_t | tokens before t) is exact. Written with ``keras.ops`` for TensorFlow
and JAX.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import numpy as np
from keras import KerasTensor, ops

from aigc_apps.common import sampling
from aigc_apps.common.ngrams import factor_pairs
from aigc_apps.common.rows import END, is_text
from aigc_apps.common.transformer import Transformer
from aigc_utils.models.base import ProductType, check_whole
from aigc_utils.models.layers import product

LOGITS_AT_ONCE = 2**24  # numbers, 64 MB: more would not fit into caches anyway


@keras.saving.register_keras_serializable(package="aigc_utils")
class LanguageModel(Transformer):
    """A transformer that learns texts, says how likely they are, and writes.

    Trained by ``compile(optimizer)`` and ``fit(tokens)``; the loss is the mean negative
    log-likelihood, nats a token. Token 0, `END`, ends a text. What follows an `END` that is
    followed by another is filling and is not learnt. `adapt` is to be called first: the untrained
    model then knows how often each token is, and which follow which.

    Args:
        vocab_size: how many tokens there are, `END` included.
        num_sampled: in training, compare each token with so many drawn by their frequency,
            in place of all (sampled softmax: Jean et al., 2015), which saves time where there
            are many tokens; 0 for all. Likelihoods are always those of all tokens.
        seed: seeds dropout and what is sampled.
        **arguments: ``context`` and the others of a `Transformer`.

    Raises:
        ValueError: if an argument is out of range, or the tokens do not fit.
    """

    loss_label = "negative log-likelihood (nats a token)"

    def __init__(self, vocab_size: int, *, num_sampled: int = 0, seed: int = 0, **arguments):
        check_whole("num_sampled", num_sampled, 0)
        super().__init__(vocab_size, seed=seed, **arguments)
        self.num_sampled = num_sampled
        # How often tokens up to each one were seen, which `adapt` counts.
        self.running_share = self.add_weight(
            name="running_share", shape=(vocab_size,), initializer="zeros", trainable=False
        )
        self._compile()

    def _compile(self) -> None:
        """Make graphs of what is called with many shapes, on TensorFlow: one for all of them."""
        kept = (2, self.num_layers, None, self.num_heads, None, self.width // self.num_heads)
        rows = ((None, None), "int32")
        self._graph_of_losses = for_all_shapes(self.token_losses, rows)
        self._graph_of_next = for_all_shapes(self._next_logits, rows, (kept, "float32"))

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
            left, right = factor_pairs(before[text], tokens[text], share, self.width)
            # The last norm makes vectors of length sqrt(width); so long are these on average.
            scale = np.sqrt(np.average((left**2).sum(axis=1), weights=share))
            self.embedding.assign(left / scale)
            self.predicted.assign(right * scale / math.sqrt(self.width))

    def token_losses(self, tokens, training: bool = False) -> KerasTensor:
        """-log p of each token given those before it; nats, shape (B, T); filling gives 0."""
        tokens = ops.cast(tokens, "int32")
        hidden = self.hidden(tokens, training)
        if training and self.num_sampled:
            losses = self._sampled_losses(hidden, tokens)
        else:
            losses = ops.sparse_categorical_crossentropy(
                tokens, self.logits(hidden), from_logits=True
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

    # ---- writing -------------------------------------------------------------------------

    def generate(
        self,
        prompts: np.ndarray,
        *,
        num_tokens: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        constrain: sampling.Constraint | None = None,
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
        sampling.check_sampling(temperature, top_k, top_p)
        prompts = np.asarray(prompts)
        if prompts.ndim != 2 or not len(prompts):
            raise ValueError(f"The prompts have shape {prompts.shape}: give (B, P), B at least 1.")
        if prompts.shape[1]:
            self.check_tokens(prompts)
            if (prompts == END).any():
                raise ValueError(f"A prompt contains {END}, which ends a text: leave it out.")
        total = prompts.shape[1] + num_tokens
        if self.line_lengths and total > self.context:
            raise ValueError(
                f"Prompt and num_tokens come to {total}, but this model of verse sees "
                f"{self.context} tokens: ask for fewer."
            )
        return sampling.sample_tokens(
            RowReader(self, len(prompts)),
            prompts,
            num_tokens,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            constrain=constrain,
            seed=seed,
        )

    def predict_next(self, tokens: np.ndarray) -> np.ndarray:
        """Logits of the token that follows each row.

        Args:
            tokens: all tokens so far, int, shape (B, T); T may be 0.

        Returns:
            float32, shape (B, vocab_size); `aigc_apps.common.sampling.next_probabilities` makes
            probabilities of them.
        """
        tokens = np.asarray(tokens, np.int32)
        if tokens.shape[1]:
            self.check_tokens(tokens)
        return RowReader(self, len(tokens)).read(tokens)

    def _next_logits(self, given, past) -> tuple[KerasTensor, KerasTensor]:
        """Logits of what follows the last token, (B, vocab_size), and what is kept; see `read`."""
        hidden, past, _ = self.read(given, past)
        return self.logits(hidden[:, -1]), past

    def take_products_in(self, product_type: ProductType) -> None:
        """As `Transformer.take_products_in`; its graphs are made anew."""
        super().take_products_in(product_type)
        self._compile()

    def arguments(self) -> dict:
        return {**super().arguments(), "num_sampled": self.num_sampled}


class RowReader:
    """Reads rows that grow, each token once, and keeps its keys and values.

    Args:
        model: whose `read` is used.
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
