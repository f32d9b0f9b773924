"""Shipped weights: 8 bits of each number, compressed, less than half the size."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import h5py
import keras
import numpy as np

from aigc_utils import checkpoints
from aigc_utils.files import atomic_path


def save_in_halves(model: keras.Model, path: str | os.PathLike) -> None:
    """`aigc_utils.checkpoints.save_weights` in float16; loading makes float32 of them.

    Raises:
        ValueError: if the name does not end in ``.weights.h5``.
        OSError: if writing fails; an older file of that name is then unchanged.
    """
    with tempfile.TemporaryDirectory() as scratch:
        whole, packed = Path(scratch) / Path(path).name, Path(scratch) / "packed.h5"
        checkpoints.save_weights(model, whole)
        _halve(whole, packed)
        with atomic_path(path) as temporary:
            shutil.copyfile(packed, temporary)


def _halve(whole: Path, packed_file: Path) -> None:
    """Write the arrays of an HDF5 file in half precision, compressed."""

    def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Group):
            target.require_group(name).attrs.update(item.attrs)
            return
        array = item[...]
        halved = _rounded(array)
        fits = array.dtype == np.float32 and np.isfinite(halved).all()
        # One piece, for each piece brings a code table of its own: a tenth of the file.
        packed = (
            {"compression": "gzip", "compression_opts": 9, "shuffle": True, "chunks": array.shape}
            if array.ndim
            else {}
        )
        target.create_dataset(name, data=halved if fits else array, **packed)

    with h5py.File(whole) as source, h5py.File(packed_file, "w") as target:
        target.attrs.update(source.attrs)
        source.visititems(copy)


def _rounded(array: np.ndarray) -> np.ndarray:
    """The array as float16 with 7 of its 10 fractional bits: zeros at the end compress well."""
    with np.errstate(over="ignore"):
        bits = array.astype(np.float16).view(np.uint16).astype(np.uint32)
    return ((bits + 4) & 0xFFF8).astype(np.uint16).view(np.float16)
