"""Worker processes as their driver sees them: started when needed, replaced when killed."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aigc_utils

Event = dict[str, Any]


# Seconds that a process has to end once it has closed its pipes, or has been told to.
PATIENCE = 5


class WorkerDied(OSError):
    """A worker ended before it answered, or answers no more."""


class Worker:
    """One worker process; see `aigc_course.reports.worker`."""

    def __init__(self):
        folder = str(Path(aigc_utils.__file__).parents[1])
        paths = filter(None, [folder, os.environ.get("PYTHONPATH")])
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed in `close`)
        self.runs = 0
        self._process = subprocess.Popen(
            # -P: what lies in the folder at hand must not stand in for a library.
            [sys.executable, "-P", "-m", "aigc_course.reports.worker"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the driver, who then ends its workers
        )

    def make(self, job: str, say: Callable[[Event], None]) -> Event:
        """Have a run made.

        Args:
            job: a `runner.Job` as JSON, in one line.
            say: called with each event before the last.

        Returns:
            The last event: made, recognised or refused.

        Raises:
            WorkerDied: if the process ended instead, or said what is no answer.
        """
        self.runs += 1
        while (event := self._exchange(job)) is not None:
            if event["event"] in ("made", "recognised", "refused"):
                return event
            say(event)
            job = ""
        raise WorkerDied(self._last_words())

    def _exchange(self, job: str) -> Event | None:
        """Send a job, if there is one; the next event, or None if there will be none.

        A run may take a day, so this waits as long; the pipe ends with the process.
        """
        try:
            if job:
                self._process.stdin.write(job + "\n")
                self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())
        except (BrokenPipeError, ValueError):  # ended, amidst a line or before; or no JSON
            return None

    def close(self) -> None:
        """End the process and its kernel."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._ended()
        self._process.stdout.close()
        self._errors.close()

    def _ended(self) -> bool:
        """Wait a little for the process to end by itself, else kill it; whether it did."""
        try:
            self._process.wait(timeout=PATIENCE)
            return True
        except subprocess.TimeoutExpired:
            self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # the system may be busy
            self._process.wait(timeout=PATIENCE)
        return False

    def _last_words(self) -> str:
        if not self._ended():
            return "A worker process lived but answered no more, and was killed: run it again."
        code = self._process.returncode
        try:
            self._errors.seek(0)
            lines = self._errors.read().decode("utf-8", "replace").split("\n")
        except ValueError:  # closed by another thread, who stops everything
            lines = []
        words = next((line.strip() for line in reversed(lines) if line.strip()), "no last words")
        return f"A worker process ended (code {code}; {words[:300]}): run it again."


class Workers:
    """As many worker processes as there are runs at a time.

    Args:
        lives: how often a run is tried when its worker is killed.
        runs_each: after how many runs a worker is replaced, so that none grows for ever.
    """

    def __init__(self, lives: int = 3, runs_each: int = 25):
        self._lives, self._runs_each = lives, runs_each
        self._idle: queue.LifoQueue[Worker] = queue.LifoQueue()
        self._all: set[Worker] = set()
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def make(self, job: str, say: Callable[[Event], None] = lambda event: None) -> Event:
        """As `Worker.make`, with the next idle worker or a new one, and another if it dies.

        Raises:
            WorkerDied: if one worker after another did.
        """
        for life in range(1, self._lives + 1):
            worker = self._take()
            try:
                answer = worker.make(job, say)
            except WorkerDied:
                self._drop(worker)
                if life == self._lives or self._closed:
                    raise
                continue
            except BaseException:  # whoever is told of events has failed; the worker is at work
                self._drop(worker)
                raise
            if worker.runs >= self._runs_each:
                self._drop(worker)
            else:
                self._idle.put(worker)
            return answer
        raise AssertionError("a run has at least one life")

    def close(self) -> None:
        """End all workers, also those at work."""
        with self._lock:
            self._closed = True
            workers, self._all = self._all, set()
        for worker in workers:
            worker.close()

    def _take(self) -> Worker:
        with self._lock:
            if self._closed:
                raise WorkerDied("The run was stopped before it began: run it again.")
            with contextlib.suppress(queue.Empty):
                return self._idle.get_nowait()
            worker = Worker()
            self._all.add(worker)
            return worker

    def _drop(self, worker: Worker) -> None:
        with self._lock:
            if worker not in self._all:
                return
            self._all.discard(worker)
        worker.close()


def make_alone(job: str) -> Event:
    """Make one run in a worker process of its own: what a Dask worker does for each task."""
    with Workers() as workers:
        return workers.make(job)
