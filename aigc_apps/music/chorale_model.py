"""An orderless model of four voices: any cells of the grid, given any others.

A grid has four voices and T steps; a cell holds a pitch or a rest. `ChoraleModel` is trained to
predict cells that were erased at random from those that were left, so that one network holds
the conditionals of every order in which the cells could be written (Uria, Murray & Larochelle,
"A Deep and Tractable Density Estimator", 2014; for chorales Huang et al., "Counterpoint by
Convolution", 2017). Here the convolutions run over time alone, so keys are not learnt from one
another; instead each piece may be shown as if it stood in C. Chapter 6.3 shows what it believes;
`aigc_apps.music.gibbs` writes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import KerasTensor, ops
from scipy.special import log_softmax

from aigc_apps.music.grid import (
    CHUNK,
    CLOCK_FEATURES,
    HIGHEST,
    INPUTS,
    LOWEST,
    NUM_SYMBOLS,
    NUM_VOICES,
    to_pitches,
)
from aigc_utils.models.base import CourseModel, check_dropout, check_whole
from aigc_utils.models.layers import Dense
from aigc_utils.runtime import compiled


def to_symbols(pitches, above):
    """MIDI numbers, 0 for a rest, as symbols; NumPy arrays or tensors.

    Args:
        pitches: shape (B, 4, T).
        above: by how many semitones the piece lies above what the network is shown, shape (B,).
    """
    return ops.where(pitches > 0, pitches - above[:, None, None] - (LOWEST - 7), 0)


@keras.saving.register_keras_serializable(package="aigc_utils")
class ChoraleModel(CourseModel):
    """Erased cells of a four-voice grid from the others, trained by ``compile`` and ``fit``.

    Its inputs are a mapping with, for N windows of T steps (T a multiple of `CHUNK`):
    ``pitches`` (int, (N, 4, T), MIDI or 0), ``onsets`` (0 or 1, (N, 4, T)), ``clock`` (float,
    (N, T, `CLOCK_FEATURES`), all zero outside the piece), ``tonic`` (0 to 11, (N,)), ``minor``
    (0 or 1, (N,)) and ``lowest`` and ``highest`` (int, (N,)): by how many semitones it may be
    transposed. The loss is the mean negative log-likelihood of an erased cell's pitch plus that
    of a repeated pitch being struck anew, in nats; `nll` measures the first alone.

    Args:
        channels: width.
        dilations: of the residual convolutions over time, three steps wide each.
        dropout: share of hidden units left out at each training step.
        in_c: whether every piece is moved to the nearest C before the network sees it, and the
            tonic is not told, so that what is learnt in one key is known in all.
        seed: seeds erasing, transposing and dropout.

    Raises:
        ValueError: if an argument is out of range, or inputs do not fit.
    """

    loss_label = "loss (nats a cell)"

    def __init__(
        self,
        *,
        channels: int = 112,
        dilations: Sequence[int] = (1, 2, 4, 8, 16, 32, 1, 4, 16, 1),
        dropout: float = 0.0,
        in_c: bool = True,
        seed: int = 0,
        **kwargs,
    ):
        check_whole("channels", channels)
        for dilation in dilations:
            check_whole("each of dilations", dilation)
        check_dropout(dropout)
        super().__init__(seed, **kwargs)
        self.channels = channels
        self.dilations = tuple(dilations)
        self.dropout = dropout
        self.in_c = in_c
        num_inputs = NUM_VOICES * (NUM_SYMBOLS + 1) + 2 + CLOCK_FEATURES + 12 + 2
        self.first = Dense(channels)
        self.first.build((None, num_inputs))
        # Each residual convolution begins as a small change.
        small = keras.initializers.VarianceScaling(0.25)
        self.convs = [Dense(channels, kernel_initializer=small) for _ in dilations]
        for conv in self.convs:
            conv.build((None, 3 * channels))
        self.last = Dense(NUM_VOICES * (NUM_SYMBOLS + 1))
        self.last.build((None, channels))
        self.built = True

    # ---- the network ------------------------------------------------------------------------

    def logits(self, symbols, erased, onsets, told, training=False) -> KerasTensor:
        """Logits of each cell's symbol, and of its pitch being struck and not held.

        Args:
            symbols: from `to_symbols`, int, shape (B, 4, T); erased cells are not looked at.
            erased: 1 where a cell is unknown, float, shape (B, 4, T).
            onsets: of the soprano, 1 struck, 0 held, -1 unknown; float, shape (B, T).
            told: clock, tonic and mode of each step, from `told`; shape (B, T, features).
            training: whether to leave out units.

        Returns:
            shape (B, T, 4, 59); the last is the logit of being struck.
        """
        length = ops.shape(symbols)[2]
        known = (1.0 - erased)[..., None]
        cells = ops.one_hot(symbols, NUM_SYMBOLS, dtype="float32") * known
        cells = ops.transpose(ops.concatenate([cells, known], axis=-1), (0, 2, 1, 3))
        cells = ops.reshape(cells, (-1, length, NUM_VOICES * (NUM_SYMBOLS + 1)))
        heard = ops.stack(
            [ops.cast(onsets >= 0, "float32"), ops.cast(onsets > 0, "float32")], axis=-1
        )
        inputs = ops.concatenate([cells, heard, told], axis=-1)
        hidden = self._rows(self.first, inputs, length)
        for dilation, conv in zip(self.dilations, self.convs, strict=True):
            scale = ops.rsqrt(ops.mean(ops.square(hidden), axis=-1, keepdims=True) + 1e-6)
            active = ops.silu(hidden * scale)
            if training and self.dropout:
                active = keras.random.dropout(active, self.dropout, seed=self.seed_generator)
            padded = ops.pad(active, ((0, 0), (dilation, dilation), (0, 0)))
            near = [padded[:, shift * dilation :][:, :length] for shift in range(3)]
            hidden = hidden + self._rows(conv, ops.concatenate(near, axis=-1), length)
        output = self._rows(self.last, hidden, length)
        return ops.reshape(output, (-1, length, NUM_VOICES, NUM_SYMBOLS + 1))

    @staticmethod
    def _rows(layer: Dense, inputs, length) -> KerasTensor:
        """A dense layer on every step: as one matrix product, which three axes would not be."""
        output = layer(ops.reshape(inputs, (-1, inputs.shape[-1])))
        return ops.reshape(output, (-1, length, output.shape[-1]))

    @staticmethod
    def told(clocks, tonic, minor) -> KerasTensor:
        """Clock (B, T, .), tonic (B,) and mode (B,) as features of each step."""
        key = ops.concatenate(
            [
                ops.one_hot(ops.cast(tonic, "int32"), 12, dtype="float32"),
                ops.one_hot(ops.cast(minor, "int32"), 2, dtype="float32"),
            ],
            axis=-1,
        )
        # Outside the piece the clock's last feature is 0, and so is the key.
        return ops.concatenate([clocks, key[:, None, :] * clocks[..., -1:]], axis=-1)

    def shown(self, tonic):
        """How far pieces are above what the network is shown, and the tonic that it is told.

        Args:
            tonic: pitch classes, 0 (C) to 11 (B), shape (B,).

        Returns:
            Semitones, -5 to 6 (all 0 if not ``in_c``), and pitch classes; shape (B,) each.
        """
        if not self.in_c:
            return tonic * 0, tonic
        return (tonic + 5) % 12 - 5, tonic * 0

    def call(self, inputs):
        """Logits when nothing is erased; ``fit`` needs `compute_loss` only."""
        above, tonic = self.shown(ops.cast(inputs["tonic"], "int32"))
        symbols = to_symbols(ops.cast(inputs["pitches"], "int32"), above)
        told = self.told(ops.cast(inputs["clock"], "float32"), tonic, inputs["minor"])
        onsets = ops.cast(inputs["onsets"], "float32")[:, 0]
        return self.logits(symbols, ops.zeros(ops.shape(symbols)), onsets, told)

    # ---- training ---------------------------------------------------------------------------

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The mean over windows; works on every backend, in ``fit`` and ``evaluate``."""
        clocks = ops.cast(x["clock"], "float32")
        pitches, tonic = ops.cast(x["pitches"], "int32"), ops.cast(x["tonic"], "int32")
        if training:
            pitches, tonic = self._transposed(pitches, tonic, x["lowest"], x["highest"])
        above, tonic = self.shown(tonic)
        symbols = to_symbols(pitches, above)
        inside = ops.broadcast_to(clocks[:, None, :, -1], ops.shape(symbols))
        erased, kept = self._erase(symbols)
        onsets = ops.cast(x["onsets"], "float32")
        heard = ops.where(kept, onsets[:, 0], -1.0)
        told = self.told(clocks, tonic, x["minor"])
        logits = ops.transpose(
            self.logits(symbols, ops.maximum(erased, 1.0 - inside), heard, told, training),
            (0, 2, 1, 3),
        )
        pitch = mean_where(-log_probability(logits, symbols), erased * inside)
        # A pitch is struck anew or held only where it stays the same.
        before = ops.pad(symbols[..., :-1], ((0, 0), (0, 0), (1, 0)))
        stays = ops.cast(ops.logical_and(symbols == before, symbols > 0), "float32") * inside
        struck = ops.binary_crossentropy(onsets, logits[..., -1], from_logits=True)
        return ops.mean(pitch) + ops.mean(mean_where(struck, stays))

    def _transposed(self, pitches, tonic, lowest, highest):
        lowest, highest = (ops.cast(limit, "float32") for limit in (lowest, highest))
        drawn = keras.random.uniform(ops.shape(lowest), seed=self.seed_generator)
        shift = ops.cast(ops.floor(lowest + drawn * (highest - lowest + 1.0)), "int32")
        moved = ops.where(pitches > 0, pitches + shift[:, None, None], 0)
        return moved, ops.mod(tonic + shift, 12)

    def _erase(self, symbols):
        """Cells to predict, and windows (B, 1) whose soprano is kept as a given melody is."""
        size, _, length = ops.shape(symbols)

        def draw(*shape):
            return keras.random.uniform(shape, seed=self.seed_generator)

        cells = draw(size, NUM_VOICES, length)
        chunks = ops.repeat(draw(size, NUM_VOICES, length // CHUNK), CHUNK, axis=2)
        noise = ops.where(draw(size, 1, 1) < 0.5, cells, chunks)
        erased = ops.cast(noise < draw(size, 1, 1), "float32")
        kept = draw(size, 1) < 0.5
        soprano = ops.cast(ops.logical_not(kept), "float32") * erased[:, 0]
        return ops.concatenate([soprano[:, None], erased[:, 1:]], axis=1), kept

    # ---- measuring --------------------------------------------------------------------------

    def nll(
        self, inputs, *, melody_given: bool = False, num_draws: int = 8, seed: int = 0
    ) -> np.ndarray:
        """The negative log-likelihood of a cell under a random order, estimated without bias.

        In an order drawn at random, the next cell is one of the unknown ones, and how many are
        known is uniform; so the mean over erased cells, with a uniform number of them, has the
        chain rule's mean as its expectation (Uria et al., 2014, equation 9).

        Args:
            inputs: as for ``fit``; not transposed.
            melody_given: whether the soprano is known from the start, and is not counted.
            num_draws: subsets drawn for each window.
            seed: of the subsets.

        Returns:
            nats a cell, float64, shape (num_draws, N).
        """
        rng = np.random.default_rng(seed)
        pitches = np.asarray(inputs["pitches"])
        clocks = np.asarray(inputs["clock"], np.float32)
        inside = np.repeat(clocks[:, None, :, -1] > 0, NUM_VOICES, axis=1)
        free = inside.copy()
        free[:, 0] &= not melody_given
        heard = np.asarray(inputs["onsets"], np.float32)[:, 0] if melody_given else None
        if heard is None:
            heard = np.full(pitches[:, 0].shape, -1, np.float32)
        above, tonic = self.shown(np.asarray(inputs["tonic"], np.int32))
        symbols = ops.convert_to_numpy(to_symbols(pitches.astype(np.int32), above))
        told = ops.convert_to_numpy(self.told(clocks, tonic, inputs["minor"]))
        network = self.network()
        found = []
        for _ in range(num_draws):
            order = np.where(free, rng.random(free.shape), 2.0).reshape(len(free), -1)
            number = free.reshape(len(free), -1).sum(axis=1)
            erased = 1 + np.floor(rng.random(len(free)) * number)  # 1 to all, uniformly
            cut = np.sort(order, axis=1)[np.arange(len(free)), erased.astype(int) - 1]
            hidden = (order <= cut[:, None]).reshape(free.shape)
            parts = []
            for part in range(0, len(free), 64):
                rows = slice(part, part + 64)
                unknown = (hidden | ~inside)[rows].astype(np.float32)
                logits = network(symbols[rows], unknown, heard[rows], told[rows])
                parts.append(ops.convert_to_numpy(logits)[..., :NUM_SYMBOLS])
            nats = -log_softmax(np.concatenate(parts).transpose(0, 2, 1, 3), axis=-1)
            nats = np.take_along_axis(nats, symbols[..., None], axis=-1)[..., 0]
            found.append((nats * hidden).sum(axis=(1, 2)) / erased)
        return np.array(found, np.float64)

    def belief(
        self,
        pitches: np.ndarray,
        erased: np.ndarray,
        onsets: np.ndarray,
        clocks: np.ndarray,
        *,
        tonic: int,
        minor: bool,
    ) -> np.ndarray:
        """The probability of every pitch in every cell, given the cells that are not erased.

        Args:
            pitches: MIDI numbers or 0, shape (4, T); erased cells are not looked at.
            erased: 1 where a cell is unknown, shape (4, T).
            onsets: of the soprano, 1 struck, 0 held, -1 unknown, shape (T,).
            clocks: from `aigc_apps.music.grid.clock`, shape (T, `CLOCK_FEATURES`).
            tonic: pitch class.
            minor: the mode.

        Returns:
            float64, shape (4, T, 128), by MIDI number; 0 stands for the rest.
        """
        symbols, told, above = self.prepared(pitches[None], clocks, tonic, minor)
        heard = np.asarray(onsets, np.float32)[None]
        logits = self.network()(symbols, np.asarray(erased, np.float32)[None], heard, told)
        logits = ops.convert_to_numpy(logits)[0, ..., :NUM_SYMBOLS].transpose(1, 0, 2)
        shares = np.zeros((*erased.shape, 128))
        shares[..., to_pitches(np.arange(NUM_SYMBOLS), above)] = np.exp(
            log_softmax(logits, axis=-1)
        )
        return shares

    def prepared(self, pitches, clocks, tonic: int, minor: bool):
        """What `network` is given of pieces in one key, and how far above C they are shown.

        Args:
            pitches: MIDI numbers or 0, shape (B, 4, T).
            clocks: from `aigc_apps.music.grid.clock`, shape (T, `CLOCK_FEATURES`).
            tonic: pitch class, 0 (C) to 11 (B).
            minor: the mode.

        Returns:
            Symbols (B, 4, T), what each step is told (B, T, features), and semitones.
        """
        above, told_tonic = self.shown(np.full(len(pitches), tonic, np.int32))
        symbols = ops.convert_to_numpy(to_symbols(np.asarray(pitches).astype(np.int32), above))
        told = self.told(clocks[None], told_tonic[:1], np.array([int(minor)]))
        told = np.repeat(ops.convert_to_numpy(told), len(symbols), axis=0)
        return symbols, told, int(above[0])

    def network(self) -> Callable:
        """`logits` as a compiled function of NumPy arrays; made once."""
        if getattr(self, "_network", None) is None:
            self._network = compiled(lambda *arrays: self.logits(*arrays))
        return self._network

    def check_inputs(self, inputs) -> None:
        if not isinstance(inputs, dict):
            return
        if missing := set(INPUTS) - set(inputs):
            raise ValueError(f"The inputs lack {', '.join(sorted(missing))}: see ChoraleModel.")
        pitches = np.asarray(inputs["pitches"])
        if pitches.ndim != 3 or pitches.shape[1] != NUM_VOICES or pitches.shape[2] % CHUNK:
            raise ValueError(
                f"The pitches have shape {pitches.shape}, but this model takes (N, 4, T), T a "
                f"multiple of {CHUNK}: cut or pad them."
            )
        sounding = pitches[pitches != 0]
        if sounding.size and (sounding.min() < LOWEST or sounding.max() > HIGHEST):
            raise ValueError(
                f"The pitches run from {sounding.min()} to {sounding.max()}: use MIDI numbers "
                f"from {LOWEST} to {HIGHEST}, or 0 for a rest."
            )

    def arguments(self) -> dict:
        return {
            **super().arguments(),
            "channels": self.channels,
            "dilations": self.dilations,
            "dropout": self.dropout,
            "in_c": self.in_c,
        }


def log_probability(logits, symbols) -> KerasTensor:
    """log p of each cell's symbol, shape (B, 4, T), from logits (B, 4, T, 59)."""
    logits = logits[..., :NUM_SYMBOLS]
    chosen = ops.sum(ops.one_hot(symbols, NUM_SYMBOLS, dtype="float32") * logits, axis=-1)
    return chosen - ops.logsumexp(logits, axis=-1)


def mean_where(values, weights) -> KerasTensor:
    """The weighted mean over voices and steps, shape (B,); 0 where all weights are."""
    total = ops.sum(values * weights, axis=(1, 2))
    return total / ops.maximum(ops.sum(weights, axis=(1, 2)), 1.0)
