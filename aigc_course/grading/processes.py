"""The processes of a submission, seen from outside: what they hold, and how all of them end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence

import psutil


def descendants(pid: int) -> list[int]:
    """The ids of all processes that one has started, by itself or through others, as of one look.

    On Linux those count, too, that end before anything more is asked about them: on a machine with
    hundreds of busy processes that is seconds later, and most of a fork bomb may be over by then.
    """
    if sys.platform != "linux":
        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children(recursive=True)]
        return []
    children: dict[int, list[int]] = defaultdict(list)
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb", 0) as file:
            # A name in brackets, which may hold anything; then the state and the parent.
            parent = file.read(2048).rpartition(b")")[2].split(None, 2)[1]
            children[int(parent)].append(int(name))
    found = [pid]
    for each in found:  # which grows on the way
        # Each child once: a number that is given anew meanwhile can make a circle of parents.
        found += [child for child in children.pop(each, ()) if child != pid]
    return found[1:]


def still_there(pids: Iterable[int]) -> list[psutil.Process]:
    """Those of the processes that have not ended."""
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            found.append(psutil.Process(pid))
    return found


def kill_family(process: subprocess.Popen, uid: int | None) -> None:
    """Kill a process, its descendants, its group and, if it has a user of its own, all of those.

    Args:
        process: the first of them.
        uid: the user whose every process goes; None if others may be that user's too.
    """
    found: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        found = psutil.Process(process.pid).children(recursive=True)
    if uid is not None:
        found += [p for p in psutil.process_iter() if _owner(p) == uid]
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    for other in found:
        with contextlib.suppress(psutil.Error):
            other.kill()
    process.kill()


def hold_more_than(processes: Sequence[psutil.Process], num_bytes: float) -> bool:
    """Whether processes hold more memory together.

    What forked processes share is counted once, but only the slower way, which comes second.
    """
    return (
        sum(map(_resident, processes)) > num_bytes and sum(map(_own_share, processes)) > num_bytes
    )


def threads_of(uid: int) -> int:
    """How many threads a user's processes have now."""
    total = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            total += process.num_threads() if process.uids().real == uid else 0
    return total


def _resident(process: psutil.Process) -> int:
    """Bytes in memory, shared ones included."""
    with contextlib.suppress(psutil.Error):
        return process.memory_info().rss
    return 0


def _own_share(process: psutil.Process) -> int:
    """Bytes in memory, those that several processes share divided among them."""
    with contextlib.suppress(psutil.Error, AttributeError):  # macOS counts otherwise
        return process.memory_full_info().pss
    return _resident(process)


def _owner(process: psutil.Process) -> int | None:
    with contextlib.suppress(psutil.Error):
        return process.uids().real
    return None
