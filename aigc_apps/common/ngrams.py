"""What a language model must beat: counts of short strings, and a file compressor.

Kneser-Ney n-grams (Kneser & Ney, 1995) in the interpolated form with three discounts of Chen &
Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling", 1999, and xz
(LZMA) primed with the training text. Pure NumPy; nothing here knows of other models. The cards of
the models of chapters 6.1 and 6.2 compare with both; chapter 6.2 ranks drafts by the counts.
"""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aigc_apps.common.rows import END


@dataclass(frozen=True)
class _Order:
    """Counts of all strings of one length.

    Attributes:
        keys: sorted; the number of the string without its last token, times the vocabulary's
            size, plus that token. A string's number is its place in this array.
        kept: each count less its discount.
        shares: for each context (a string one shorter): the part of its probability that
            all discounts together set free; NaN where nothing was counted.
        totals: for each context: the sum of its counts.
    """

    keys: np.ndarray
    kept: np.ndarray
    shares: np.ndarray
    totals: np.ndarray


class KneserNey:
    """An interpolated Kneser-Ney n-gram over token numbers; `END` is token 0.

    p_n(w | context) = max(count - discount, 0) / total + share * p_{n-1}(w | shorter context),
    down to the same probability for each of the vocabulary. Below the highest order a string's
    count is the number of different tokens that it was seen behind. Probabilities of all tokens
    sum to 1 in any context.

    Args:
        texts: token numbers from 1 on, without `END`; each text is a sequence of its own.
        vocab_size: how many tokens there are, `END` included.
        order: length of the longest strings counted, at least 1.

    Raises:
        ValueError: if there is no text, or a number is out of range.
    """

    def __init__(self, texts: Sequence[Sequence[int]], vocab_size: int, order: int = 5):
        if order < 1:
            raise ValueError(f"The order is {order}: give at least 1.")
        if not len(texts):
            raise ValueError("There are no texts to count in: give at least one.")
        self.vocab_size, self.order = vocab_size, order
        tokens, is_start = self._joined(texts)
        windows = self._windows(tokens, order)[~is_start]
        self.orders: list[_Order] = []
        counted = []  # for each order: its keys, counts, and the strings themselves
        for length in range(1, order + 1):
            strings, counts = _unique_rows(windows[:, order - length :])
            if length < order:
                # Continuation counts come from the next order's different strings.
                longer, _ = _unique_rows(windows[:, order - length - 1 :])
                strings, counts = _unique_rows(longer[:, 1:])
            counted.append((strings, counts))
        for length, (strings, counts) in enumerate(counted, start=1):
            self.orders.append(self._count(length, strings, counts))

    def _joined(self, texts) -> tuple[np.ndarray, np.ndarray]:
        """All texts in one row, each behind ``order - 1`` times `END` (but one at least)."""
        pad = [END] * max(1, self.order - 1)
        parts, marks = [], []
        for text in texts:
            text = np.asarray(text, np.int64)
            if len(text) and (text.min() < 1 or text.max() >= self.vocab_size):
                raise ValueError(
                    f"A text has tokens from {text.min()} to {text.max()}: give 1 to "
                    f"{self.vocab_size - 1}, without the {END} that ends it."
                )
            parts += [pad, text, [END]]
            marks += [np.ones(len(pad), bool), np.zeros(len(text) + 1, bool)]
        return np.concatenate(parts).astype(np.int64), np.concatenate(marks)

    @staticmethod
    def _windows(tokens: np.ndarray, order: int) -> np.ndarray:
        """Each token with the ``order - 1`` before it, shape (N, order)."""
        padded = np.concatenate([np.full(order - 1, END), tokens])
        return np.lib.stride_tricks.sliding_window_view(padded, order)

    def _count(self, length: int, strings: np.ndarray, counts: np.ndarray) -> _Order:
        context = np.zeros(len(strings), np.int64)
        num_contexts = 1
        if length > 1:
            # Contexts are numbered by their own sorted list: not each is a string of its order.
            contexts, repeats = _unique_rows(strings[:, :-1])
            num_contexts = len(contexts)
            context = np.repeat(np.arange(num_contexts), repeats)  # strings are in lexical order
            self.contexts.append(_as_keys(contexts, self.vocab_size))
        else:
            self.contexts: list[np.ndarray] = []
        discounts = _discounts(counts)
        discount = discounts[np.minimum(counts, 3)]
        totals = np.bincount(context, counts, num_contexts)
        shares = np.bincount(context, discount, num_contexts) / totals
        keys = context * self.vocab_size + strings[:, -1]
        order = np.argsort(keys)
        return _Order(keys[order], (counts - discount)[order], shares, totals)

    def probabilities(self, contexts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """p(token | context) for pairs of both.

        Args:
            contexts: the ``order - 1`` tokens before each, `END` before a text's first; int,
                shape (N, order - 1).
            tokens: int, shape (N,).

        Returns:
            float64, shape (N,), each more than 0.
        """
        chances = np.full(len(tokens), 1.0 / self.vocab_size)
        for length in range(1, self.order + 1):
            counts = self.orders[length - 1]
            number = np.zeros(len(tokens), np.int64)
            known = np.ones(len(tokens), bool)
            if length > 1:
                near = contexts[:, contexts.shape[1] - length + 1 :]
                number, known = _find(self.contexts[length - 2], _as_keys(near, self.vocab_size))
            place, seen = _find(counts.keys, number * self.vocab_size + tokens)
            seen &= known
            kept = np.where(seen, counts.kept[place], 0.0)
            longer = kept / counts.totals[number] + counts.shares[number] * chances
            chances = np.where(known, longer, chances)
        return chances

    def next_probabilities(self, tokens: Sequence[int]) -> np.ndarray:
        """The probability of each token after these, shape (vocab_size,)."""
        tail = [END] * (self.order - 1) + list(tokens)
        context = np.array([tail[len(tail) - self.order + 1 :]], np.int64)
        chances = np.full(self.vocab_size, 1.0 / self.vocab_size)
        for length in range(1, self.order + 1):
            counts, number, known = self.orders[length - 1], 0, True
            if length > 1:
                near = context[:, context.shape[1] - length + 1 :]
                found, is_known = _find(self.contexts[length - 2], _as_keys(near, self.vocab_size))
                number, known = int(found[0]), bool(is_known[0])
            if not known:  # nor is any longer one
                break
            # What was seen behind one context stands together.
            ends = np.array([number, number + 1]) * self.vocab_size
            seen = slice(*np.searchsorted(counts.keys, ends))
            chances = counts.shares[number] * chances
            chances[counts.keys[seen] - ends[0]] += counts.kept[seen] / counts.totals[number]
        return chances

    def bits(self, texts: Sequence[Sequence[int]]) -> np.ndarray:
        """-log2 p of each whole text, its `END` included; shape (texts,)."""
        tokens, is_start = self._joined(texts)
        windows = self._windows(tokens, self.order)[~is_start]
        bits = -np.log2(self.probabilities(windows[:, :-1], windows[:, -1]))
        owner = np.repeat(np.arange(len(texts)), [len(text) + 1 for text in texts])
        return np.bincount(owner, bits, len(texts))


def _discounts(counts: np.ndarray) -> np.ndarray:
    """What is taken from counts of 0, 1, 2, and 3 or more (Chen & Goodman, 1999, equation 26)."""
    n = np.bincount(np.minimum(counts, 5), minlength=6).astype(float)
    if not n[1:5].all():  # too few counts to estimate from
        return np.array([0.0, 0.5, 0.5, 0.5])
    y = n[1] / (n[1] + 2 * n[2])
    found = [0.0] + [k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3)]
    # On odd counts the estimates leave (0, k): a discount must keep all probabilities positive.
    return np.clip(found, [0, 0.05, 0.05, 0.05], [0, 0.95, 1.95, 2.95])


def _unique_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different rows in lexical order, and how often each is there."""
    base = int(rows.max()) + 1
    if base ** rows.shape[1] < 2**62:  # rows as numbers are sorted several times as fast
        order = np.argsort(_as_keys(rows, base), kind="stable")
    else:
        order = np.lexsort(rows.T[::-1])
    ordered = rows[order]
    new = np.ones(len(ordered), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    starts = np.flatnonzero(new)
    return ordered[starts], np.diff(np.append(starts, len(ordered)))


def _find(keys: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places in sorted keys, and whether each wanted one is there."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return place, keys[place] == wanted


def _as_keys(rows: np.ndarray, base: int) -> np.ndarray:
    """Rows as whole numbers that sort as the rows do."""
    if base ** rows.shape[1] >= 2**63:
        raise ValueError(
            f"Strings of {rows.shape[1] + 1} tokens out of {base} are too many to count: "
            "choose a lower order or fewer tokens."
        )
    keys = np.zeros(len(rows), np.int64)
    for column in rows.T:
        keys = keys * base + column
    return keys


def factor_pairs(
    before: np.ndarray, after: np.ndarray, share: np.ndarray, rank: int, imagined: float = 400.0
) -> tuple[np.ndarray, np.ndarray]:
    """Two vectors for each token, whose products say how much one makes the other follow.

    Args:
        before, after: pairs of neighbours, int, shape (N,).
        share: of each token among all, shape (V,).
        rank: length of the vectors.
        imagined: smoothing, as many tokens, imagined after each one, have the shares of all.

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


def xz_bits(train: str, held_out: str) -> int:
    """Bits that xz needs for ``held_out`` after ``train``: both compressed, less the first alone.

    So the whole training text lies in the compressor's window, as a preset dictionary would.
    The strongest setting (9, extreme) has a window of 64 MiB.
    """
    return 8 * (_xz_bytes(train + held_out) - _xz_bytes(train))


def _xz_bytes(text: str) -> int:
    # The raw stream: a container's headers and checksums are no part of the text.
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
    return len(lzma.compress(text.encode("utf-8"), lzma.FORMAT_RAW, filters=filters))
