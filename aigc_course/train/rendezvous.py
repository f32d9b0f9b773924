"""Machines that train together find each other first: TensorFlow would wait for them for ever.

For `aigc train --workers`; no chapter teaches it.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Callable, Sequence

MEETING_SECONDS = 600.0  # time to type the command on every machine
_TICK = 0.2
_FIRST, _EVERY = 2, 60  # seconds until it is said who is waited for, and between such words
_ADDRESS = re.compile(r"[A-Za-z0-9_.\-]+:\d{1,5}|\[[0-9A-Fa-f:.]+\]:\d{1,5}")
_HELLO = re.compile(rb"aigc worker (\d{1,5})\n")


def check_workers(workers: Sequence[str], index: int) -> None:
    """Refuse a list of workers that cannot be one cluster.

    Raises:
        ValueError: in one sentence.
    """
    for worker in workers:
        if not _ADDRESS.fullmatch(worker) or not 0 < int(worker.rpartition(":")[2]) < 65_536:
            raise ValueError(
                f"The worker {worker!r} is no address: give host:port, as in pc1:4000."
            )
    if len(workers) < 2 or len(set(workers)) < len(workers):
        listed = ", ".join(workers)
        raise ValueError(f"The workers are {listed}: give at least two different ones.")
    if not 0 <= index < len(workers):
        raise ValueError(f"The worker's index is {index}: give 0 to {len(workers) - 1}.")


def meet(
    workers: Sequence[str],
    index: int,
    seconds: float = MEETING_SECONDS,
    say: Callable[[str], None] = lambda words: None,
) -> None:
    """Return once every worker has been reached and has been heard; their ports are free again.

    Args:
        workers: ``"host:port"`` of each, as `check_workers` takes them.
        index: which of them this process is.
        seconds: how long to wait for the others.
        say: told who is waited for: after a moment, then every minute.

    Raises:
        OSError: if this worker's port is taken, or if others do not come in time; the sentence
            names them.
    """
    others = {i for i in range(len(workers)) if i != index}
    heard: set[int] = set()
    reached: set[int] = set()
    begun = time.monotonic()
    next_word = begun + _FIRST
    with _listen(_host_and_port(workers[index])[1]) as listener:
        while heard != others or reached != others:
            missing = ", ".join(workers[i] for i in sorted((others - heard) | (others - reached)))
            now = time.monotonic()
            if now > begun + seconds:
                raise OSError(
                    f"After {seconds:g} seconds {missing} did not answer: start this command on "
                    "every machine within that time, with the same list and its own --index."
                )
            if now >= next_word:
                next_word = now + _EVERY
                say(
                    f"Waiting for {missing} ({now - begun:.0f} s of at most {seconds:g}): start "
                    "this command there with its own --index, or stop with Ctrl-C."
                )
            reached |= {i for i in others - reached if _greets(workers[i], index)}
            heard |= _callers(listener) & others


def _listen(port: int) -> socket.socket:
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:
        return socket.create_server(("", port), family=family, dualstack_ipv6=both)
    except OSError as error:
        raise OSError(
            f"Port {port} cannot be used here ({error.strerror}): end what uses it, or give all "
            "workers another port for this machine."
        ) from None


def _greets(worker: str, index: int) -> bool:
    """Tell another worker who is here; False if it does not listen yet."""
    try:
        with socket.create_connection(_host_and_port(worker), timeout=1) as connection:
            connection.sendall(b"aigc worker %d\n" % index)
    except OSError:
        return False
    return True


def _callers(listener: socket.socket) -> set[int]:
    """Who has called since the last time; a moment passes if nobody has."""
    found = set()
    listener.settimeout(_TICK)
    with contextlib.suppress(TimeoutError):
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(1)
                if told := _HELLO.fullmatch(connection.recv(64)):
                    found.add(int(told[1]))
    return found


def _host_and_port(worker: str) -> tuple[str, int]:
    host, _, port = worker.rpartition(":")
    return host.strip("[]"), int(port)
