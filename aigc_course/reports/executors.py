"""Who makes the runs of a sweep: processes on this machine, or the workers of a Dask cluster.

Either is a `concurrent.futures.Executor`, and the runs are the same.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from aigc_course.reports import export, workers
from aigc_course.reports.cluster import Makers, check_address, makers_on_cluster
from aigc_course.reports.workers import Event


@dataclass(frozen=True)
class SweepOptions:
    """How runs are made; none of it changes what they find.

    Attributes:
        jobs: runs at a time on this machine; None is one a core, at most one a run.
        threads: of each run; None shares the cores out evenly.
        scheduler: the address of a Dask scheduler, which then takes the place of `jobs`.
        again: make also the runs that are done.
        timeout: seconds for each notebook, and for waiting until one can begin (for a worker of
            the scheduler, or for another process that makes the same run); None is no limit.
        show_code: whether reports show the code.
        pdf: whether reports are printed to PDF as well.
    """

    jobs: int | None = None
    threads: int | None = None
    scheduler: str | None = None
    again: bool = False
    timeout: float | None = None
    show_code: bool = False
    pdf: bool = False

    def __post_init__(self):
        for name in ("jobs", "threads", "timeout"):
            value = getattr(self, name)
            if value is None:
                continue
            if not value > 0:
                raise ValueError(f"{name} is {value!r}: give more than 0.")
            if not math.isfinite(value):
                raise ValueError(f"{name} is {value!r}: give a number, or nothing for no limit.")
            if name != "timeout" and value != int(value):
                raise ValueError(f"{name} is {value!r}: give a whole number.")
        if self.scheduler is not None:
            check_address(self.scheduler)
        if self.pdf:
            export.find_browser()


def makers_for(
    options: SweepOptions, num_runs: int, on_event: Callable[[Event], None]
) -> contextlib.AbstractContextManager[Makers]:
    """Those who make so many runs: a cluster's workers if a scheduler is named, else this machine.

    Raises:
        ValueError: on entering, if Dask is asked for and not installed.
        OSError: on entering, if there is no scheduler.
    """
    if options.scheduler is None:
        return makers_here(options, num_runs, on_event)
    return makers_on_cluster(options.scheduler, options.threads, options.timeout, on_event)


@contextlib.contextmanager
def makers_here(
    options: SweepOptions, num_runs: int, on_event: Callable[[Event], None]
) -> Iterator[Makers]:
    """Worker processes on this machine, as many as there are cores or runs."""
    cores = num_cores()
    jobs = min(options.jobs or cores, num_runs)
    # Alone, a run computes as it would in Jupyter; beside others each has its share of cores.
    threads = options.threads or (max(1, cores // jobs) if jobs > 1 else None)
    pool = workers.Workers()
    executor = ThreadPoolExecutor(jobs, thread_name_prefix="aigc-run")
    try:
        yield Makers(executor, lambda job: pool.make(job, on_event), threads, lambda: "")
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        pool.close()


def num_cores() -> int:
    """The cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def as_completed(
    futures: Mapping[Future, str], lost: Callable[[], str]
) -> Iterator[tuple[str, Future]]:
    """As `concurrent.futures.as_completed`, but ends when the executor is lost.

    Yields:
        The text of each future and the future, which has ended; at latest when all of them have,
        which is when their runs have, or when whoever makes them is gone.
    """
    pending = set(futures)
    while pending:
        finished, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
        if not finished and (reason := lost()):
            for future in pending:
                future.cancel()
                broken: Future = Future()
                broken.set_exception(OSError(reason))
                yield futures[future], broken
            return
        for future in finished:
            yield futures[future], future
