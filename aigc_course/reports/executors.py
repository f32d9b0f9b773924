"""Who makes the runs of a sweep: processes on this machine, or the workers of a Dask cluster.

Either is a `concurrent.futures.Executor`, and the runs are the same.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from aigc_course.reports import export, workers
from aigc_course.reports.workers import Event


@dataclass(frozen=True)
class SweepOptions:
    """How runs are made; none of it changes what they find.

    Attributes:
        jobs: runs at a time on this machine; None is one a core, at most one a run.
        threads: of each run; None shares the cores out evenly.
        scheduler: the address of a Dask scheduler, which then takes the place of `jobs`.
        again: make also the runs that are done.
        timeout: seconds for each notebook; None is no limit.
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
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value!r}: give more than 0.")
        if self.pdf:
            export.find_browser()


@dataclass(frozen=True)
class Makers:
    """Those who make runs.

    Attributes:
        executor: what runs are given to.
        task: what the executor calls for each `runner.Job`, as JSON; its answer is an event.
        threads: for each run; None is as many as it likes.
        lost: says why the executor is lost; an empty text if it is not.
    """

    executor: Executor
    task: Callable[[str], Event]
    threads: int | None
    lost: Callable[[], str]


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
    return makers_on_cluster(options, on_event)


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


@contextlib.contextmanager
def makers_on_cluster(options: SweepOptions, on_event: Callable[[Event], None]) -> Iterator[Makers]:
    """The workers of a Dask cluster.

    Raises:
        ValueError: if Dask is not installed.
        OSError: if there is no scheduler.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ValueError(
            "A scheduler needs Dask, which is not installed: pip install 'aigc-utils[cluster]'."
        ) from None
    address = options.scheduler
    with _silent("distributed", "distributed.client", "tornado.application"):
        try:
            client = Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0][:200]
            raise OSError(
                f"There is no Dask scheduler at {address} ({reason}): start one."
            ) from None

        def lost() -> str:
            there = client.status in ("running", "connecting")
            return "" if there else f"the scheduler at {address} was lost"

        try:
            if not client.scheduler_info()["workers"]:  # a batch system may start them later
                words = f"Waiting for a worker: the scheduler at {address} has none yet."
                on_event({"event": "waiting", "message": words})
            # The same job twice is two tasks (not pure); one whose worker died is tried anew.
            executor = client.get_executor(pure=False, retries=2)
            # A slot of a Dask worker is meant for one thread's work.
            yield Makers(executor, workers.make_alone, options.threads or 1, lost)
        finally:
            client.close(timeout=5)


@contextlib.contextmanager
def _silent(*names: str) -> Iterator[None]:
    """Keep what a lost connection makes Dask log, pages of it, from those who only watch runs."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


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
