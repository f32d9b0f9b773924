"""Texts as rows of token numbers: cut or packed side by side, and where each token stands in them.

A language model (chapters 6.1 and 6.2) is trained on rows of one length, in which a text, a part
of one, or several lie. Token 0, `END`, ends a text, and fills what is left of a row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

END = 0  # ends a text, and stands for "nothing yet" before its first token


def pack_texts(texts: Iterable[Sequence[int]], length: int) -> np.ndarray:
    """Whole texts, each with its `END`, side by side in rows: long ones first, where they fit.

    Args:
        texts: tokens without `END`.
        length: of a row.

    Returns:
        int32, shape (rows, length), filled with `END`.

    Raises:
        ValueError: if a text does not fit into a row.
    """
    rows: list[list[int]] = []
    by_room = defaultdict(list)  # rows that have so much room left
    for text in sorted(texts, key=len, reverse=True):
        needed = len(text) + 1
        if needed > length:
            raise ValueError(f"A text has {len(text)} tokens: choose rows of {needed} or more.")
        room = next((room for room in range(needed, length + 1) if by_room[room]), None)
        row = [] if room is None else by_room[room].pop()
        if room is None:
            rows.append(row)
        row += [*text, END]
        by_room[length - len(row)].append(row)
    packed = np.full((len(rows), length), END, np.int32)
    for number, row in enumerate(rows):
        packed[number, : len(row)] = row
    return packed


def cut_texts(texts: Iterable[Sequence[int]], length: int, step: int) -> np.ndarray:
    """Texts of any length, cut into rows that begin every ``step`` tokens.

    Args:
        texts: tokens without `END`.
        length: of a row.
        step: from one row's beginning to the next's; less than ``length`` makes rows overlap.

    Returns:
        int32, shape (rows, length); each text ends with `END`, and is filled with it.
    """
    rows = []
    for text in texts:
        whole = np.array([*text, END], np.int32)
        last = max(0, len(whole) - length)
        for begin in [*range(0, last, step), last]:
            row = np.full(length, END, np.int32)
            part = whole[begin : begin + length]
            row[: len(part)] = part
            rows.append(row)
    return np.stack(rows)


def is_text(tokens, numpy=np):
    """Where rows hold text, its `END` included, and not filling; bool, shape (B, T).

    Args:
        tokens: int, shape (B, T).
        numpy: ``numpy``, or ``keras.ops`` for tensors.
    """
    text = tokens != END
    before = numpy.concatenate([numpy.zeros_like(text[:, :1]), text[:, :-1]], axis=1)
    return numpy.logical_or(text, before)


def whereabouts(given, line_lengths: Sequence[int]) -> tuple:
    """Of each token: which text of the row, its position there, its line, its place in it.

    They are those of the token that is predicted there, the one after the given one.

    Args:
        given: what is known where each token is predicted: an `END`, then all tokens but the
            last; int32 tensor, shape (B, T).
        line_lengths: tokens in a line, for each form of verse; empty for prose.

    Returns:
        Four int32 tensors of shape (B, T); line and place are None for prose. Place counts
        through the lines of all forms, see `first_places`.
    """
    from keras import ops

    order = ops.broadcast_to(ops.arange(ops.shape(given)[1]), ops.shape(given))
    starts = given == END
    texts = ops.cumsum(ops.cast(starts, "int32"), axis=1)
    # The last start at or before each token; a row begins with one.
    earlier = ops.logical_and(starts[:, None, :], order[:, None, :] <= order[:, :, None])
    begun = ops.max(ops.where(earlier, order[:, None, :], 0), axis=2)
    position = order - begun
    if not line_lengths:
        return texts, position, None, None
    # The form is the token after the start; where it is still to come, none is needed.
    last = ops.shape(given)[1] - 1
    form = ops.take_along_axis(given, ops.minimum(begun + 1, last), axis=1)
    form = ops.clip(form, 1, len(line_lengths)) - 1
    length = ops.take(ops.convert_to_tensor(line_lengths, dtype="int32"), form)
    first = ops.take(ops.convert_to_tensor(first_places(line_lengths), dtype="int32"), form)
    written = ops.maximum(position - 1, 0)
    is_form = position == 0
    line = ops.where(is_form, 0, 1 + written // length)
    place = ops.where(is_form, 0, first + written % length)
    return texts, position, line, place


def first_places(line_lengths: Sequence[int]) -> list[int]:
    """For each form the number of the first place of its lines: 0 is the form's own place.

    Lines of one length have the same places, so lengths of 5, 7 and 5 give 1, 6 and 1.
    """
    kinds = sorted(set(line_lengths))
    return [1 + sum(k for k in kinds if k < length) for length in line_lengths]
