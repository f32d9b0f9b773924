"""One notebook in one kernel of its own, and how that ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import zmq
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import ValidationError

from aigc_course.reports import cells, export, marks, scratch, watch
from aigc_course.reports.records import Failure

# Who reads these decides how many threads to compute with: OpenMP, the linear algebra below
# NumPy and SciPy, and TensorFlow.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
TERMINAL_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# Seconds that outputs may be on their way once a cell has ended: far more than any take.
OUTPUTS_LATE = 60


@dataclass
class Kernels:
    """The kernel that is at work now, so that another thread can end it."""

    _pid: int | None = field(default=None)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def started(self, pid: int) -> None:
        """Remember a kernel; it leads a process group of its own."""
        with self._lock:
            self._pid = pid

    def kill(self) -> None:
        """End the kernel and all that it started; does nothing if there is none."""
        with self._lock:
            if self._pid is not None:
                _kill_with_children(self._pid)
                self._pid = None


def _kill_with_children(pid: int) -> None:
    """End a process and its group; Windows has no groups, there it is the process's family."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        return
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for member in [*process.children(recursive=True), process]:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()


class Execution:
    """One notebook in one kernel.

    Args:
        notebook: its outputs are put into it.
        folder: what the kernel works in.
        log: a file that takes what the kernel and its libraries print past the notebook.
        kernels: told of the kernel.
        say: told of each cell that begins.
        threads: how many the kernel may use; None is as many as it likes.
        timeout: seconds after which it is stopped; None is never.
        show_code: of the page that will be made, for which libraries are loaded meanwhile.

    Attributes:
        seconds: from the first cell's start to the last one's end.
        traceback: of the cell that failed, as IPython prints it.
        ended_early: the cell that ended the run, well, before the last; counted from 1.
    """

    def __init__(
        self,
        notebook,
        folder: Path,
        log: BinaryIO,
        kernels: Kernels,
        say: Callable[[dict[str, Any]], None],
        *,
        threads: int | None = None,
        timeout: float | None = None,
        show_code: bool = False,
    ):
        self.notebook, self.folder = notebook, folder
        self.log, self.kernels, self.say = log, kernels, say
        self.threads, self.timeout, self.show_code = threads, timeout, show_code
        self.seconds = 0.0
        self.traceback = ""
        self.ended_early: int | None = None
        self._late = False
        self._cell: int | None = None
        self._begun: float | None = None
        self._places = [i for i, cell in enumerate(notebook.cells) if cells.is_executed(cell)]
        self._scratch = scratch.Scratch(zmq.IPC_PATH_MAX_LEN)
        self._manager = self._make_manager()

    def run(self) -> Failure | None:
        """Execute the cells in the notebook given; None, or why they did not all succeed.

        Raises:
            OSError: if no kernel could be started; no cell has run then.
        """
        try:
            return asyncio.run(self._run())
        finally:
            if self._begun is not None:
                self.seconds = time.perf_counter() - self._begun
            cells.shorten_outputs(self.notebook)

    def wait(self) -> Path:
        """Give the kernel its time to end, which `run` has asked it to; the trace of `watch`."""
        with contextlib.suppress(Exception):  # as below
            asyncio.run(self._wait())
        self.kernels.kill()
        return self._scratch.path / watch.FILE

    def end(self) -> None:
        """As `wait`, and put away what the kernel needed."""
        try:
            asyncio.run(self._end())
        except Exception:  # what has run is kept, however its kernel ends
            self.kernels.kill()
            with contextlib.suppress(OSError):
                self.log.write(traceback.format_exc().encode("utf-8", "backslashreplace"))

    async def _run(self) -> Failure | None:
        client = NotebookClient(
            self.notebook,
            km=self._manager,
            on_cell_execute=self._on_cell,
            on_cell_executed=self._on_reply,
            record_timing=False,  # times of day would make the file differ from run to run
            iopub_timeout=OUTPUTS_LATE,
            raise_on_iopub_timeout=True,  # rather than a run that has lost some of them
        )
        try:
            await self._manager.start_kernel(
                cwd=str(self.folder),
                env=self._environment(),
                stdout=self.log,
                stderr=self.log,
                # Kernels beside each other would wait for one another's history file.
                extra_arguments=["--HistoryManager.hist_file=:memory:"],
            )
            self.kernels.started(self._manager.provisioner.pid)
            if self.timeout is not None:
                asyncio.get_running_loop().call_later(self.timeout, self._stop_late)
            # Without a limit of the user's it takes as long as the cells do; a kernel that dies,
            # or does not start within a minute, is noticed.
            await client.async_execute()
        except CellExecutionError as error:
            return self._error(error)
        except CellTimeoutError:
            message = f"its outputs did not arrive within {OUTPUTS_LATE} s after it had ended"
            return self._failure("died", message)
        except (DeadKernelError, RuntimeError) as error:
            return await self._death(error)
        except ValidationError as error:
            reason = str(error).splitlines()[0][:200]
            message = f"it displays what no notebook can hold ({reason})"
            return self._failure("error", message)
        except Exception as error:  # whatever it is, what has run is kept
            if self._begun is None:
                raise
            self.traceback = traceback.format_exc()
            return self._failure("died", _one_line(error))
        finally:
            if client.kc is not None:
                client.kc.shutdown()  # only asks: the results are collected meanwhile
                client.kc.stop_channels()
        return None

    async def _wait(self) -> None:
        deadline = time.monotonic() + 5
        while await self._manager.is_alive() and time.monotonic() < deadline:
            await asyncio.sleep(0.02)

    async def _end(self) -> None:
        await self._wait()
        self.kernels.kill()
        await self._manager.cleanup_resources()
        self._scratch.remove()

    def _stop_late(self) -> None:
        self._late = True
        self.kernels.kill()  # which the client then notices

    def _make_manager(self) -> AsyncKernelManager:
        # Sockets in a folder of our own: no ports to run out of or to share, and nobody else
        # on the machine can reach them. Where they cannot be, ports of this machine and a key.
        short = self._scratch.short
        manager = AsyncKernelManager(
            connection_file=str(self._scratch.path / scratch.CONNECTION),
            transport="ipc" if short else "tcp",
        )
        if not short and os.name != "nt":
            with contextlib.suppress(OSError):
                self.log.write(
                    b"The kernel is reached by ports of 127.0.0.1: no folder for temporary files "
                    b"has a path that is short enough for sockets.\n"
                )
        # This very interpreter, whatever kernels are installed: the record names its versions.
        manager._kernel_spec = KernelSpec(
            argv=[sys.executable, "-m", "aigc_course.reports.kernel", "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
        )
        return manager

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        if self.threads is not None:
            environment |= dict.fromkeys(THREAD_VARIABLES, str(self.threads))
        return environment

    def _on_cell(self, cell, cell_index: int) -> None:
        self._cell = cell_index
        if self._begun is None:
            self._begun = time.perf_counter()
            # A second of imports, done while the kernel works.
            threading.Thread(target=export.exporter, args=[self.show_code]).start()
        number = self._places.index(cell_index) + 1
        self.say({"event": "cell", "cell": number, "of": len(self._places)})

    def _on_reply(self, cell, cell_index: int, execute_reply: dict[str, Any]) -> None:
        status = execute_reply["content"]["status"]
        if status not in ("ok", "error"):  # a kernel that is about to end may leave a cell out
            raise DeadKernelError(f"the kernel answered {status!r}")

    def _error(self, error: CellExecutionError) -> Failure | None:
        """What a cell's exception means for the run."""
        if error.ename == marks.EndedEarly.__name__:
            if self._cell != self._places[-1]:  # below which nothing was to run
                self.ended_early = self._cell + 1
            return None
        self.traceback = TERMINAL_COLOURS.sub("", error.traceback)
        # A message may be a page long; all of it is in log.txt and in the notebook.
        message = TERMINAL_COLOURS.sub("", str(error.evalue)).strip()[:2000]
        if error.ename == "SystemExit" and re.fullmatch(r"-?[1-9]\d*|True", message):
            message = f"the cell ended the run with exit code {message}"
        if error.ename == "ModuleNotFoundError":  # there may be several Pythons on a machine
            message += f" (this Python would have to have it: {sys.executable})"
        return self._failure("error", message, name=error.ename)

    async def _death(self, error: Exception) -> Failure:
        """How the kernel ended, or why it does not answer."""
        if self._late:
            message = f"stopped, for the run took longer than {self.timeout:g} s"
            return self._failure("timeout", message)
        code = await self._manager.provisioner.poll()
        if code is None:
            message = f"the kernel did not answer ({error})"
        elif code < 0:
            known = -code in set(signal.Signals)
            how = signal.Signals(-code).name if known else f"signal {-code}"
            why = ", as the system does when memory runs out" if how == "SIGKILL" else ""
            message = f"the kernel was killed by {how}{why}"
        else:
            message = f"the kernel ended by itself with exit code {code}"
        if code is not None and self._between_cells():
            message += ", once the cell had answered and before the next one began"
        return self._failure("died", message)

    def _between_cells(self) -> bool:
        """Whether the kernel had begun no further cell; then it is the last one that is named."""
        num_begun, num_ended = marks.count(self._scratch.path)
        if not num_begun or num_begun != num_ended:
            return False
        self._cell = self._places[min(num_begun, len(self._places)) - 1]
        return True

    def _failure(self, kind: str, message: str, name: str = "") -> Failure:
        cell = None if self._cell is None else self._cell + 1
        message = message.encode("utf-8", "backslashreplace").decode()  # half an emoji
        return Failure(kind=kind, cell=cell, name=name, message=message)


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]
