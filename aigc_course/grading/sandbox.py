"""Where a submission runs: a process that can reach nothing, hold little and last a while.

With bubblewrap the submission sees a read-only system and Python, an empty home of its own in
memory, no network and no other process. It is an unprivileged user even when the teacher is
root, and what it has written is gone when it ends. Without bubblewrap only the limits are left.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import psutil

from aigc_course.grading.bubblewrap import (
    FIRST_UID,
    NUM_UIDS,
    TRY_SECONDS,
    bubblewrap_command,
    driver_command,
    variables_inside,
)
from aigc_course.grading.inside import driver
from aigc_course.grading.inside.clock import PATIENCE, Clock
from aigc_course.grading.limits import MIB, Limits, MachineTrouble
from aigc_course.grading.plain import plain_text
from aigc_course.grading.processes import (
    descendants,
    hold_more_than,
    kill_family,
    still_there,
)

TICK = 0.2  # seconds between two looks at memory and processes
END_SECONDS = 10.0  # for what was killed to be gone
BUSY = (
    "The machine is too busy: a submission was kept waiting for a processor longer than it would "
    "have run. Grade again with a smaller --jobs, or when less else runs."
)
UNPROTECTED = (
    "Without a sandbox a submission can read your files, hidden tests and other submissions "
    "included, change what its user may write, use the network and leave programs behind; only "
    "time, memory and the number of processes are limited."
)


class Ended(Exception):
    """The sandbox is gone; the sentence says why, and fits after "it"."""


class Sandbox:
    """One running sandbox with a kernel in it. Use it as a context manager.

    Args:
        limits: what it may use.
        slot: tells sandboxes apart that run at a time.
        bubblewrap: False for none.
        on_close: is told when it is gone.

    Attributes:
        had: seconds that it has had so far.

    Raises:
        Ended: if the kernel does not start.
        MachineTrouble: if the machine is too busy for it.
    """

    def __init__(
        self,
        limits: Limits,
        slot: int = 0,
        *,
        bubblewrap: bool = True,
        on_close: Callable[[Sandbox], object] = lambda _: None,
    ) -> None:
        self._limits = limits
        self._on_close = on_close
        self._buffer = b""
        self.had = 0.0
        self._family: list[psutil.Process] = []  # as last seen
        uid = FIRST_UID + (8 * os.getpid() + slot) % NUM_UIDS if os.geteuid() == 0 else None
        self._uid = None if bubblewrap else uid
        self._scratch = None if bubblewrap else _make_scratch(uid)
        self._process = self._launch(uid)
        os.set_blocking(self._process.stdout.fileno(), False)
        first = {
            "rlimits": limits.rlimits(),
            "uid": uid,
            "max_output": limits.output_chars,
        }
        try:
            self._say(first)
            busy = f"gave no answer in {driver.START_SECONDS:g} s, as on a machine that is too busy"
            self._hear(driver.START_SECONDS, busy)
        except Ended as ended:
            why = self._last_words()
            self.close()
            raise Ended(f"{ended}{why}") from None
        except BaseException:
            self.close()
            raise
        self._family = still_there(descendants(self._process.pid))
        self._process.stderr.close()  # from now on words are the submission's

    def _launch(self, uid: int | None) -> subprocess.Popen:
        """Start the driver, inside bubblewrap if there is to be one."""
        passed: list[int] = []
        if self._scratch is None:
            command, passed = bubblewrap_command(self._limits, uid)
            variables = {}  # the command line sets those that are seen inside
        else:
            command = driver_command()
            temporary = os.path.join(self._scratch, "tmp")
            variables = variables_inside(self._limits, self._scratch, temporary)
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=variables,
                cwd=self._scratch,
                pass_fds=passed,
                start_new_session=True,
            )
        finally:
            for handle in passed:
                os.close(handle)

    def run(self, code: str, seconds: float) -> dict:
        """Run a cell; see `aigc_course.grading.inside.driver.Kernel.run` for what it gives.

        Nothing in the answer can be relied on but that it is a dict of JSON.

        Raises:
            Ended: if the sandbox is gone, by itself or because it went past a limit.
            MachineTrouble: if the machine is too busy to tell whether it would go past one.
        """
        self._say({"code": code, "seconds": seconds})
        reply = self._hear(seconds + 3 * driver.GRACE)
        self._inspect()  # what a cell has left behind is its own
        return reply

    def watch(self, seconds: float) -> dict:
        """Wait and see whether the kernel ends by itself: ``status`` is "ok" or "dead".

        Raises:
            Ended: as `run` does.
        """
        self._say({"code": None, "seconds": seconds})
        reply = self._hear(seconds + 3 * driver.GRACE)
        self._inspect()
        return reply

    def kill(self) -> None:
        """Kill all that is in it; whoever waits for it is told that it has ended."""
        if self._scratch is not None:
            kill_family(self._process, self._uid)
            return
        # The first process of the namespace: it ends only when all others in there have.
        first: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            first = psutil.Process(self._process.pid).children()
        for process in first:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if not first:
            self._process.kill()

    def close(self) -> None:
        """Kill all that is in it, wait until that has happened, and clean up."""
        self.kill()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.stderr.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # and bubblewrap's death takes the rest along
            # Only a system that is stuck keeps a killed process; grading goes on without it.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        self._on_close(self)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _last_words(self) -> str:
        """Why it did not start, in brackets: the last line of what it printed, as our own."""
        pipe = self._process.stderr.fileno()
        os.set_blocking(pipe, False)
        try:
            printed = os.read(pipe, 2**16).decode("utf-8", "replace")
        except OSError:
            printed = ""
        last = plain_text((printed.strip().splitlines() or [""])[-1], 200)
        if "No module named 'aigc_" in last:
            last += (
                ": install the course into this Python, since PYTHONPATH does not reach a sandbox"
            )
        return f" ({last})" if last else ""

    def _say(self, request: dict) -> None:
        """Send one line, while looking after the sandbox: it may have stopped reading."""
        line = json.dumps(request).encode() + b"\n"
        pipe = self._process.stdin.fileno()
        os.set_blocking(pipe, False)
        deadline = time.monotonic() + driver.START_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_WRITE)
            while line:
                if time.monotonic() > deadline:
                    raise Ended("stopped listening")
                if not selector.select(TICK):
                    self._inspect()
                    continue
                try:
                    line = line[os.write(pipe, line) :]
                except BlockingIOError:
                    continue
                except OSError:
                    raise Ended("ended its own process") from None

    def _hear(
        self, seconds: float, too_late: str = "took too long and could not be interrupted"
    ) -> dict:
        """The next line, as a dict."""
        clock = Clock(self._family, lambda: self._family)  # each turn has looked for them
        try:
            return self._heard(seconds, clock, too_late)
        finally:
            self.had += clock.had()

    def _heard(self, seconds: float, clock: Clock, too_late: str) -> dict:
        """The same; ``clock`` says how long it has been waited for."""
        pipe = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            next_look = 0.0
            while b"\n" not in self._buffer:
                now = time.monotonic()
                if now > next_look:  # before the clock: too many processes may be why it is late
                    self._inspect()
                    next_look = time.monotonic() + TICK
                if clock.passed() > seconds and clock.had() > seconds:
                    raise Ended(too_late)
                if clock.passed() > PATIENCE * seconds:
                    raise MachineTrouble(BUSY)
                if not selector.select(TICK):
                    continue
                piece = os.read(pipe, 2**16)
                if not piece:
                    raise Ended("ended its own process")
                self._buffer += piece
                if len(self._buffer) > driver.MAX_ANSWER + 2**16:
                    raise Ended("sent more than the grader takes")
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise Ended("sent nonsense in place of answers")
        return reply

    def _inspect(self) -> None:
        """Look at what the sandbox's processes use together.

        Raises:
            Ended: if it is too much.
        """
        pids = descendants(self._process.pid)
        if len(pids) > self._limits.processes:
            raise Ended(f"started more than {self._limits.processes} processes")
        self._family = still_there(pids)
        if hold_more_than(self._family, 1.1 * self._limits.memory_mib * MIB):
            raise Ended(f"used more than {self._limits.memory_mib} MB of memory")


def can_drop_root() -> bool:
    """Whether an unprivileged user may run this Python, which is needed without bubblewrap."""
    command = [sys.executable, "-I", "-c", "import aigc_utils, ipykernel"]
    try:
        done = subprocess.run(
            command, capture_output=True, cwd="/", timeout=TRY_SECONDS,
            user=FIRST_UID, group=FIRST_UID, extra_groups=[],
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _make_scratch(uid: int | None) -> str:
    """A folder with a ``tmp`` in it, for a submission that has no file system of its own."""
    scratch = tempfile.mkdtemp(prefix="aigc-grade-")
    os.mkdir(os.path.join(scratch, "tmp"))
    if uid is not None:
        os.chown(scratch, uid, uid)
        os.chown(os.path.join(scratch, "tmp"), uid, uid)
    return scratch
