"""What a submission may use: `--timeout` and `--memory` set it, the sandbox holds it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from aigc_course.grading.processes import threads_of

MIB = 2**20
LEAST_MIB, MOST_MIB = 256, 2**20  # a bare kernel; more than any machine for a class has


class MachineTrouble(OSError):
    """A submission cannot be graded here and now, which is no student's fault."""


@dataclass(frozen=True)
class Limits:
    """What one submission may use. Seconds are those of `aigc_course.grading.inside.clock`.

    Attributes:
        cell_seconds: for one cell.
        probe_seconds: for one call by a hidden test.
        total_seconds: for the whole submission.
        memory_mib: of all its processes together.
        disk_mib: of its home and of its /tmp, each, which are in memory.
        processes: at a time.
        output_chars: that one cell may print or show.
        threads: that libraries are asked to compute with.
    """

    cell_seconds: float = 30.0
    probe_seconds: float = 10.0
    total_seconds: float = 300.0
    memory_mib: int = 3000
    disk_mib: int = 64
    processes: int = 32
    output_chars: int = 20_000_000
    threads: int = 1

    def rlimits(self) -> dict[str, int]:
        """The system's own limits, for each process. DATA makes a hog meet MemoryError."""
        num_threads = 256 + 8 * (os.cpu_count() or 1)
        if os.geteuid() != 0:  # then the user's own programs may count too
            num_threads += threads_of(os.getuid())
        return {
            "CORE": 0,
            "CPU": int(self.total_seconds) + 1,
            "DATA": self.memory_mib * MIB,
            "FSIZE": self.disk_mib * MIB,
            "NOFILE": 1024,
            "NPROC": num_threads,
        }


def chosen_limits(cell_seconds: float, memory_mib: int) -> Limits:
    """Limits from the two that a teacher sets: seconds for a cell, MB for a submission.

    Raises:
        ValueError: if one is too small for any notebook, or too large for any machine.
    """
    if not 1 <= cell_seconds <= 36_000:
        raise ValueError(f"--timeout is {cell_seconds:g}: give 1 to 36000 seconds.")
    if not LEAST_MIB <= memory_mib <= MOST_MIB:
        raise ValueError(f"--memory is {memory_mib}: give {LEAST_MIB} to {MOST_MIB} MB.")
    return Limits(
        cell_seconds=cell_seconds,
        probe_seconds=min(10.0, cell_seconds),
        total_seconds=10 * cell_seconds,
        memory_mib=memory_mib,
    )
