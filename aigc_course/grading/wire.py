"""Values as plain JSON, for the pipe between the grader and a submission.

What comes out of a submission is data and nothing else: numbers, texts, lists, dicts and
arrays of numbers, each with a cap on its size. Arrays travel as raw bytes with a dtype out of a
short list, so that no reader of any format (npy, pickle) ever meets a submission's bytes.
"""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

MAX_ARRAY_BYTES = 4 * 2**20
MAX_ITEMS = 10_000
MAX_TEXT = 100_000
MAX_DEPTH = 8
DTYPES = (
    "|b1",
    "|i1",
    "|u1",
    "<i2",
    "<u2",
    "<i4",
    "<u4",
    "<i8",
    "<u8",
    "<f2",
    "<f4",
    "<f8",
    "<c16",
)


A_FUNCTION, OTHER = "a function", "something that is no data"
# All that is ever said of a value that does not travel; what fits after "it gives".
SENTENCES = {
    "deep": "containers nested too deep",
    "text": f"a text of more than {MAX_TEXT} characters",
    "items": f"more than {MAX_ITEMS} items",
    "keys": "a dict with keys that are no texts",
    "dtype": "an array of something that is no numbers",
    "bytes": f"an array of more than {MAX_ARRAY_BYTES} bytes",
    "value": "something that is no value",
    "array": "something that is no array",
}


class NotData(ValueError):
    """A value that does not travel; ``kind`` is a key of `SENTENCES`."""

    def __init__(self, kind: str) -> None:
        super().__init__(SENTENCES[kind])
        self.kind = kind


class Unknown:
    """What stands for a value that is no data, such as a function; ``kind`` says what it was."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"Unknown({self.kind!r})"


def encode_value(value: object, depth: int = 0) -> Any:
    """A value as what `json.dumps` takes.

    Args:
        value: None, ``...``, numbers, texts, lists, tuples, dicts, NumPy arrays and scalars,
            tensors (anything with ``__array__``), NumPy's ufuncs by their name.
        depth: of the containers around it.

    Raises:
        NotData: if it is something else or too large.
    """
    if depth > MAX_DEPTH:
        raise NotData("deep")
    if value is None or type(value) in (bool, str):
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise NotData("text")
        return value
    if value is Ellipsis:
        return {"$": "blank"}
    if type(value) is int and abs(value) < 2**63:
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"$": "float", "value": repr(value)}
    if isinstance(value, np.ufunc):
        return {"$": "ufunc", "name": value.__name__}
    if isinstance(value, list | tuple):
        _count(value)
        kind = "list" if isinstance(value, list) else "tuple"
        return {"$": kind, "items": [encode_value(item, depth + 1) for item in value]}
    if isinstance(value, dict):
        _count(value)
        if not all(isinstance(key, str | int) for key in value):
            raise NotData("keys")
        items = [[str(key)[:MAX_TEXT], encode_value(v, depth + 1)] for key, v in value.items()]
        return {"$": "dict", "items": items}
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__"):
        return _encode_array(np.asarray(value))
    return {"$": "unknown", "kind": A_FUNCTION if callable(value) else OTHER}


def decode_value(data: Any, depth: int = 0) -> Any:
    """The value that `encode_value` made JSON of; tensors come back as arrays.

    Raises:
        NotData: if ``data`` is not what `encode_value` makes, whoever made it.
    """
    if depth > MAX_DEPTH:
        raise NotData("deep")
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if not isinstance(data, dict):
        raise NotData("value")
    kind = data.get("$")
    if kind == "blank":
        return Ellipsis
    if kind == "float" and data.get("value") in ("inf", "-inf", "nan"):
        return float(data["value"])
    if kind == "unknown":
        return Unknown(A_FUNCTION if data.get("kind") == A_FUNCTION else OTHER)
    if kind == "ufunc":
        found = getattr(np, str(data.get("name")), None)
        if isinstance(found, np.ufunc):
            return found
    if kind == "array":
        return _decode_array(data)
    items = data.get("items")
    if kind in ("list", "tuple", "dict") and isinstance(items, list) and len(items) <= MAX_ITEMS:
        if kind == "dict":
            if not all(
                isinstance(i, list) and len(i) == 2 and isinstance(i[0], str) for i in items
            ):
                raise NotData("value")
            return {key: decode_value(item, depth + 1) for key, item in items}
        values = [decode_value(item, depth + 1) for item in items]
        return values if kind == "list" else tuple(values)
    raise NotData("value")


def _count(items: object) -> None:
    if len(items) > MAX_ITEMS:  # type: ignore[arg-type]
        raise NotData("items")


def _encode_array(array: np.ndarray) -> dict:
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if array.dtype.name == "bfloat16":
        array = array.astype("<f4")
    if array.dtype.str not in DTYPES:
        raise NotData("dtype")
    if array.nbytes > MAX_ARRAY_BYTES:
        raise NotData("bytes")
    raw = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
    return {"$": "array", "dtype": array.dtype.str, "shape": list(array.shape), "bytes": raw}


def _decode_array(data: dict) -> np.ndarray:
    dtype, shape, raw = data.get("dtype"), data.get("shape"), data.get("bytes")
    good = (
        dtype in DTYPES
        and isinstance(raw, str)
        and isinstance(shape, list)
        and len(shape) <= MAX_DEPTH
        and all(type(n) is int and 0 <= n <= MAX_ARRAY_BYTES for n in shape)
    )
    if not good:
        raise NotData("array")
    if len(raw) > 1.4 * MAX_ARRAY_BYTES:
        raise NotData("bytes")
    try:
        content = base64.b64decode(raw, validate=True)
    except ValueError:
        raise NotData("array") from None
    if math.prod(shape) * np.dtype(dtype).itemsize != len(content):
        raise NotData("array")
    return np.frombuffer(content, dtype).reshape(shape).copy()
