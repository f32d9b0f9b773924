"""Machines that train together find each other first: TensorFlow would wait for them for ever.

For `aigc train --workers`; no chapter teaches it.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Sequence

MEETING_SECONDS = 600.0  # time to type the command on every machine
_TICK = 0.2
_HELLO = re.compile(rb"aigc worker (\d{1,5})\n")


def meet(workers: Sequence[str], index: int, seconds: float = MEETING_SECONDS) -> None:
    """Return once every worker has been reached and has been heard; their ports are free again.

    Args:
        workers: ``"host:port"`` of each, as `aigc_course.train.distributed.check_workers` takes
            them.
        index: which of them this process is.
        seconds: how long to wait for the others.

    Raises:
        OSError: if this worker's port is taken, or if others do not come in time; the sentence
            names them.
    """
    others = {i for i in range(len(workers)) if i != index}
    heard: set[int] = set()
    reached: set[int] = set()
    deadline = time.monotonic() + seconds
    with _listen(_host_and_port(workers[index])[1]) as listener:
        while heard != others or reached != others:
            if time.monotonic() > deadline:
                missing = ", ".join(
                    workers[i] for i in sorted((others - heard) | (others - reached))
                )
                raise OSError(
                    f"After {seconds:g} seconds {missing} did not answer: start this command on "
                    "every machine within that time, with the same list and its own --index."
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
