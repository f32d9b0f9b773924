"""How long a submission has had: what passed, less the time for which a busy machine kept it.

Ten submissions at a time on two processors, or a machine that others use too, are no student's
fault. Linux says for each thread how long it waited for a processor; where a system does not say,
all that passes counts.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

PATIENCE = 10.0  # times the limit is what a submission may take by the clock on the wall


class Clock:
    """Measures from when it is made.

    Args:
        known: the submission's processes now; what a later one had before it is found counts too.
        family: finds them, which takes a while.
    """

    def __init__(
        self, known: Sequence[psutil.Process], family: Callable[[], Sequence[psutil.Process]]
    ) -> None:
        self._family = family
        self._waited, self._used = _waited(known), _used(known)
        self._began = time.monotonic()

    def passed(self) -> float:
        """Seconds on the wall."""
        return time.monotonic() - self._began

    def had(self) -> float:
        """Seconds that count; of less than one all do.

        Waiting for a processor does not, unless for its own processes: then what they computed
        counts, shared out among the processors.
        """
        if self.passed() < 1:
            return self.passed()
        family = list(self._family())
        waited = (now - self._waited.get(task, 0) for task, now in _waited(family).items())
        computed = (_used(family) - self._used) / _processors()
        return max(self.passed() - max(waited, default=0) / 1e9, computed)


def _processors() -> int:
    """How many this process, and so its children, may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _waited(family: Sequence[psutil.Process]) -> dict[Path, int]:
    """Nanoseconds for which each thread has waited for a processor, so far."""
    found = {}
    for process in family:
        for task in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError, ValueError, IndexError):  # it may have ended
                found[task] = int(task.read_text(encoding="ascii").split()[1])
    return found


def _used(family: Sequence[psutil.Process]) -> float:
    """Seconds of a processor that processes have used, so far."""
    total = 0.0
    for process in family:
        with contextlib.suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])  # with those of children that have ended
    return total
