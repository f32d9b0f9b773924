"""Whether what is installed can be imported, for `aigc doctor`: a version number does not tell it.

A wheel of another system, a library that is missing or a half-finished update are found only by
trying. It is tried in processes of their own, which may end as they like.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

SECONDS = 120  # TensorFlow takes ten on a slow disk
# What a module prints goes to descriptor 2, so that descriptor 1 holds the answers alone.
PROGRAM = """
import importlib, json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
        told = ""
    except BaseException as error:
        told = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    print(json.dumps([name, told]), file=answers, flush=True)
os._exit(0)
"""


def broken_imports(*groups: Iterable[str]) -> dict[str, str]:
    """Which distributions cannot be imported, and why, in a few words.

    Args:
        groups: names of installed distributions; each group is tried beside the others. One
            whose module is not named after it is passed over.
    """
    with ThreadPoolExecutor() as pool:
        found: dict[str, str] = {}
        for one in pool.map(_try, groups):
            found |= one
    return found


def _try(names: Iterable[str]) -> dict[str, str]:
    """One group, in one process; a new one goes on after a module that ended it."""
    modules = {module: name for name in names if (module := _module(name))}
    rest, broken, until = list(modules), {}, time.monotonic() + SECONDS
    while rest:
        answers, end = _answers(rest, until - time.monotonic())
        broken |= {modules[module]: told for module, told in answers if told}
        rest = rest[len(answers) :]
        if rest and end:
            broken[modules[rest.pop(0)]] = end
        if time.monotonic() > until:
            break
    return broken


def _module(name: str) -> str | None:
    """The module of a distribution: that of its name, or of its name's first word."""
    whole = name.lower().replace("-", "_")
    try:
        return next(filter(find_spec, (whole, whole.partition("_")[0])), None)
    except (ImportError, ValueError):
        return whole


def _answers(modules: Sequence[str], seconds: float) -> tuple[list[list[str]], str]:
    """What the process told of the first modules, and how it ended at the next, if it did."""
    # -P: a file random.py in the working folder is not what `aigc` itself would import.
    command = [sys.executable, "-P", "-c", PROGRAM, *modules]
    try:
        done = subprocess.run(command, capture_output=True, timeout=max(seconds, 1), check=False)
        told, code = done.stdout, done.returncode
        end = f"its import ends Python with code {code}" if code else ""
        if code < 0:
            end = f"its import ends Python: {signal.strsignal(-code) or f'signal {-code}'}"
    except subprocess.TimeoutExpired as error:
        told, end = error.stdout or b"", f"its import takes more than {SECONDS} s"
    except OSError as error:
        told, end = b"", f"Python does not start ({error.strerror})"
    return list(_lines(told)), end


def _lines(told: bytes) -> Iterator[list[str]]:
    for line in told.decode("utf-8", "replace").splitlines():
        yield json.loads(line)
