"""The workers of a Dask cluster as makers of runs, and what is waited for if there are none."""

from __future__ import annotations

import contextlib
import logging
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

from aigc_course.reports import workers
from aigc_course.reports.workers import Event

CONNECTING = 10  # seconds in which a scheduler has to answer
SLOW = 3  # seconds after which it is said that one is waited for
LOOK, EVERY = 2, 60  # seconds between looks at the cluster, and between words about it
_ADDRESS = re.compile(
    r"(?:(?:tcp|tls|ucx|ucxx|ws|wss)://)?(?:[\w.-]+|\[[\da-fA-F:.%]+\]):(\d{1,5})/?"
)


@dataclass(frozen=True)
class Makers:
    """Those who make runs.

    Attributes:
        executor: what runs are given to.
        task: what the executor calls for each `runner.Job`, as JSON; its answer is an event.
        threads: for each run; None is as many as it likes.
        lost: says why the executor is lost, or given up; an empty text if it is not. It is called
            again and again while runs are waited for, and tells those who watch what it waits for.
    """

    executor: Executor
    task: Callable[[str], Event]
    threads: int | None
    lost: Callable[[], str]


def check_address(address: str) -> None:
    """Refuse what cannot be a scheduler's address, before it is asked for.

    Raises:
        ValueError: in one sentence, if it is none.
    """
    found = _ADDRESS.fullmatch(address)
    if not found or not 0 < int(found[1]) < 2**16:
        raise ValueError(
            f"The scheduler {address[:100]!r} is no address: give one such as tcp://host:8786."
        )


@contextlib.contextmanager
def makers_on_cluster(
    address: str,
    threads: int | None,
    timeout: float | None,
    on_event: Callable[[Event], None],
) -> Iterator[Makers]:
    """The workers of a Dask cluster.

    Args:
        address: of its scheduler.
        threads: for each run; None is one, for which a slot of a Dask worker is meant.
        timeout: seconds after which waiting for a first worker, or a next, is given up.
        on_event: told what is waited for.

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
    with _silent("distributed", "distributed.client", "tornado.application"):
        client = _connect(Client, address, on_event)
        try:
            # The same job twice is two tasks (not pure); one whose worker died is tried anew.
            executor = client.get_executor(pure=False, retries=2)
            watch = Watch(client, address, timeout, on_event)
            yield Makers(executor, workers.make_alone, threads or 1, watch)
        finally:
            with contextlib.suppress(TimeoutError):
                client.close(timeout=5)


def _connect(make_client, address: str, on_event: Callable[[Event], None]):
    """Dask's client of a scheduler, or the reason why there is none, in a time that has an end.

    In a thread, for Dask waits without end for who takes its connection and never speaks.
    """
    answers: queue.SimpleQueue = queue.SimpleQueue()

    def connect() -> None:
        try:
            answers.put(make_client(address, timeout=CONNECTING, set_as_default=False))
        except Exception as error:  # whatever answers there
            answers.put(error)

    threading.Thread(target=connect, daemon=True).start()
    answer = None
    with contextlib.suppress(queue.Empty):
        answer = answers.get(timeout=SLOW)
    if answer is None:
        words = f"Waiting for the scheduler at {address} to answer, for up to {CONNECTING} s."
        on_event({"event": "waiting", "message": words})
        with contextlib.suppress(queue.Empty):
            answer = answers.get(timeout=CONNECTING)
    if answer is None:
        answer = TimeoutError(f"no answer within {SLOW + CONNECTING} s")
    if isinstance(answer, Exception):
        reason = (str(answer) or type(answer).__name__).splitlines()[0][:200]
        raise OSError(f"There is no Dask scheduler at {address} ({reason}): start one.")
    return answer


class Watch:
    """Sees whether a cluster has workers, and says when it has none: at once, then every minute.

    Args:
        client: Dask's.
        address: of the scheduler.
        timeout: seconds without a worker, or without an answer, after which it is given up.
        on_event: told.
    """

    def __init__(self, client, address: str, timeout: float | None, on_event):
        self.client, self.address = client, address
        self.timeout, self.on_event = timeout, on_event
        self._next_look = self._next_word = 0.0
        self._since: float | None = None  # when there was none for the first time

    def __call__(self) -> str:
        """Why nothing more is to be expected; an empty text if something is."""
        if self.client.status not in ("running", "connecting"):
            return f"the scheduler at {self.address} was lost"
        now = time.monotonic()
        if now < self._next_look:
            return ""
        state = self._state()
        now = time.monotonic()
        self._next_look = now + LOOK
        if not state:
            self._since, self._next_word = None, 0.0
            return ""
        if self._since is None:
            self._since = now
        waited = now - self._since
        if self.timeout is not None and waited >= self.timeout:
            return f"given up after {waited:.0f} s, for {state}"
        if now >= self._next_word:
            self._next_word = now + EVERY
            self.on_event({"event": "waiting", "message": self._words(state, waited)})
        return ""

    def _state(self) -> str:
        """What keeps the runs from being made; an empty text if nothing does."""
        try:
            found = self.client.sync(
                self.client.scheduler.identity, n_workers=0, callback_timeout=CONNECTING
            )
        except TimeoutError:
            return f"the scheduler at {self.address} does not answer"
        except OSError:  # whether it is lost, its status will say
            return ""
        num = found["n_workers"]
        return "" if num else f"the scheduler at {self.address} has 0 workers"

    def _words(self, state: str, waited: float) -> str:
        so_far = f" ({waited:.0f} s so far)" if waited >= 1 else ""
        return (
            f"Waiting for a worker: {state}{so_far}. Start one with `dask worker {self.address}`, "
            f"or stop with Ctrl-C; what is done is kept."
        )


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
