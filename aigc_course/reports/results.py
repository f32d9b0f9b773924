"""How a notebook hands over its results: by displaying them, under a media type of their own.

So a template needs no folder to write to, and gives the same results in Jupyter, Colab,
papermill and `aigc run`; the runner reads them from the executed notebook.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aigc_course.reports.notation import shown

RESULTS_TYPE = "application/vnd.aigc.results+json"
METRICS_TYPE = "application/vnd.aigc.metrics+json"

Result = bool | int | float | str


def record(**results: Result) -> None:
    """Hand over what this notebook found; call it in the notebook, once or more often.

    Shows the results as a table and puts them into the run's ``results.json``. A name that
    is recorded again has the later value.

    Args:
        results: each a finite number, a text, or True or False; scalars of NumPy and TensorFlow
            too.

    Raises:
        ValueError: if one is none of these, once the others are handed over; not-a-number is no
            result.
    """
    checked: dict[str, Result] = {}
    refused = None
    for name, value in results.items():
        try:
            checked |= check_results({name: value})
        except ValueError as error:
            refused = refused or error
    width = max(map(len, checked), default=0)
    _display(RESULTS_TYPE, checked, "\n".join(f"{n:>{width}}  {v}" for n, v in checked.items()))
    if refused is not None:  # the others are kept: what was computed is not lost
        raise refused


def record_metrics(columns: Mapping[str, Sequence[float]]) -> None:
    """Hand over numbers by step, such as a training history, for the run's ``metrics.csv``.

    Args:
        columns: as many finite numbers for each name, one a step (an epoch, for example).

    Raises:
        ValueError: if the lengths differ, or one is no finite number.
    """
    checked = check_metrics(columns)
    length = len(next(iter(checked.values()), []))
    _display(METRICS_TYPE, checked, f"{length} steps of {', '.join(checked)}")


def check_results(results: Mapping[str, Any]) -> dict[str, Result]:
    """The results as plain Python values; see `record`."""
    checked = {}
    for name, value in results.items():
        value = _plain(value)
        if not isinstance(value, Result) or not _finite(value):
            raise ValueError(
                f"The result {name} is {shown(value)}: record a finite number, or a text such as "
                f"'diverged'."
            )
        checked[str(name)] = value
    return checked


def check_metrics(columns: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """The columns as lists of plain Python numbers; see `record_metrics`."""
    checked = {}
    for name, values in columns.items():
        values = [_plain(value) for value in values]
        for step, value in enumerate(values, start=1):
            if isinstance(value, bool | str) or not isinstance(value, Result) or not _finite(value):
                raise ValueError(
                    f"The metric {name} is {shown(value)} at step {step}: record finite numbers."
                )
        checked[str(name)] = values
    lengths = {name: len(values) for name, values in checked.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"The metrics have different numbers of steps: {lengths}.")
    return checked


def collect_results(cells: Iterable[dict]) -> tuple[dict[str, Result], dict[str, list[float]]]:
    """The results and metrics that an executed notebook displayed, checked again.

    Raises:
        ValueError: if somebody else wrote under these media types, and wrongly.
    """
    results: dict[str, Result] = {}
    metrics: dict[str, list[float]] = {}
    for cell in cells:
        for output in cell.get("outputs", []):
            bundle = output.get("data", {})
            results |= check_results(_mapping(bundle.get(RESULTS_TYPE, {})))
            metrics |= check_metrics(_mapping(bundle.get(METRICS_TYPE, {})))
    return results, check_metrics(metrics)


def _mapping(value: Any) -> Mapping:
    if not isinstance(value, Mapping):
        raise ValueError(
            f"The results are a {type(value).__name__}: use aigc_course.reports.record."
        )
    return value


def _plain(value: Any) -> Any:
    """Scalars of NumPy, TensorFlow and others as Python's; what is none stays as it is."""
    if isinstance(value, str) or not hasattr(value, "__array__"):
        return value
    import numpy as np

    try:
        array = np.asarray(value)
        number = array.item()  # refused of many numbers
    except (TypeError, ValueError, NotImplementedError, RuntimeError):  # or of a symbol
        return value
    # The shortest text that means this number in 32 bits: 0.1, and not 0.10000000149011612.
    return float(str(array.ravel()[0])) if array.dtype.kind in "fV" else number


def _finite(value: Result) -> bool:
    try:
        return isinstance(value, str) or math.isfinite(value)
    except OverflowError:  # a whole number that is larger than any float
        return False


def _display(media_type: str, value: dict, text: str) -> None:
    from IPython.display import display

    display({media_type: value, "text/plain": text}, raw=True)
