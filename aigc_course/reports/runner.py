"""Making one run: the notebook is executed in a kernel of its own and its record is written.

This is what a worker process does (`aigc_course.reports.worker`); it loads Jupyter's libraries.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from pydantic import BaseModel, ConfigDict

from aigc_course.reports import export, folders, identities, records, results, templates
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


class Job(BaseModel):
    """One run to be made, as it goes to a worker.

    Attributes:
        template: the notebook's path.
        parameters: the full, checked set.
        out: the folder for the run's folder.
        name: the run's, as planned; other versions or data on the worker are noticed by it.
        threads: how many the kernel may use; None is as many as it likes.
        timeout: seconds after which the notebook is stopped; None is never.
        again: make the run even if it is done.
        show_code, pdf: of the report.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    template: Path
    parameters: dict[str, Any]
    out: Path
    name: str
    threads: int | None = None
    timeout: float | None = None
    again: bool = False
    show_code: bool = False
    pdf: bool = False


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


def make_run(
    job: Job,
    kernels: Kernels,
    say: Callable[[dict[str, Any]], None] = lambda event: None,
) -> tuple[records.Record, bool]:
    """Make a run, unless it is done.

    Args:
        job: what to run.
        kernels: told of the kernel.
        say: called with what happens: waiting for another process, cells begun.

    Returns:
        The run's record, and whether it was there already.

    Raises:
        ValueError: if the template, the data or a version is not what was planned with.
        OSError: if the folder cannot be written to.
    """
    template = templates.find_template(job.template)
    # The defaults are left out: a path that is given is one from the folder at hand.
    values = template.parameters.check(template.parameters.changed(job.parameters))
    identity = identities.identify(template)
    if identities.name_of(template, identity, values) != job.name:
        raise ValueError(
            f"{template.name} is not what the run was planned with (its text, the data or a "
            f"version has changed, or is another on this machine): plan it again."
        )
    with folders.lock(job.out, job.name, lambda: say({"event": "waiting"})):
        if not job.again and (run := records.finished(job.out, job.name)):
            return _with_pdf(run) if job.pdf else run.record, True
        with folders.building(job.out, job.name) as folder:
            record = _build(template, values, identity, job, folder, kernels, say)
            records.write_record(folder, record)
        return record, False


def _with_pdf(run: records.Run) -> records.Record:
    """The record of a run that was done, with a PDF if it had none."""
    if export.PDF in run.record.files or run.damaged():
        return run.record
    export.print_pdf(run.folder / export.PAGE, run.folder / export.PDF)
    record = run.record.model_copy(update={"files": folders.digests(run.folder)})
    records.write_record(run.folder, record)
    return record


def _build(
    template: templates.Template,
    values: dict[str, Any],
    identity: identities.Identity,
    job: Job,
    folder: Path,
    kernels: Kernels,
    say: Callable[[dict[str, Any]], None],
) -> records.Record:
    """Execute the notebook and write all of the record but ``run.json``."""
    started, clock = datetime.now(UTC), time.perf_counter()
    changed = template.parameters.changed(values)
    inputs = identities.inputs_of(template, values)
    notebook = prepare(template, changed)
    with open(folder / "log.txt", "w", encoding="utf-8") as log:
        execution = Execution(notebook, template.path.parent, job, log, kernels, say)
        try:
            failure = execution.run()
            found, wrong = _write_findings(notebook, folder)
            failure = failure or wrong
            if failure:
                print(TERMINAL_COLOURS.sub("", execution.traceback or str(failure)), file=log)
            shown = {
                "parameters": values,
                "changed": list(changed),
                "results": found,
                "failure": str(failure or ""),
                "origin": _origin(job, template, identity, started, execution.seconds),
            }
            _write_report(notebook, shown, job, folder, log)
        finally:
            execution.end()
    return records.Record(
        name=job.name,
        template=template.name,
        status="failed" if failure else "done",
        parameters=values,
        changed=list(changed),
        inputs=inputs,
        results=found,
        identity=identity,
        started=started,
        seconds=round(execution.seconds, 3),
        total_seconds=round(time.perf_counter() - clock, 3),
        threads=job.threads,
        machine=records.machine_facts(),
        failure=failure,
        files=folders.digests(folder),
    )


def _write_findings(notebook, folder: Path) -> tuple[dict[str, Any], Failure | None]:
    """Write the executed notebook, and what it recorded and drew; its results, or why not."""
    found, columns, wrong = {}, {}, None
    try:
        found, columns = results.collect_results(notebook.cells)
    except ValueError as error:
        wrong = Failure(kind="results", cell=None, message=str(error))
    nbformat.write(notebook, folder / "executed.ipynb")
    folders.write_json(folder / "results.json", found)
    if columns:
        export.write_metrics(columns, folder / "metrics.csv")
    if pictures := export.write_figures(notebook.cells, folder):
        folders.write_json(folder / "figures.json", pictures)
    return found, wrong


def _write_report(notebook, shown: dict[str, Any], job: Job, folder: Path, log) -> None:
    """The page, and the PDF if it is asked for."""
    page = folder / export.PAGE
    export.write_page(notebook, page, title=job.name, show_code=job.show_code, **shown)
    if job.pdf:
        try:
            export.print_pdf(page, folder / export.PDF)
        except OSError as error:  # no reason to lose the run
            print(error, file=log)


def _origin(job, template, identity, started: datetime, seconds: float) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in identity.versions.items())
    return (
        f"Run {job.name} of {template.name}, {started:%Y-%m-%d %H:%M} UTC, {seconds:.1f} s, "
        f"with {versions}."
    )


def prepare(template: templates.Template, changed: dict[str, Any]) -> nbformat.NotebookNode:
    """The template without outputs, and with a cell that sets the changed parameters.

    The values are plain Python ones, checked before, so their ``repr`` is their literal: a
    text stays a text whatever it holds. The cell's tag is papermill's.
    """
    notebook = nbformat.reads(template.text, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    if changed:
        lines = ["# Parameters", *(f"{name} = {value!r}" for name, value in changed.items())]
        injected = nbformat.v4.new_code_cell(
            "\n".join(lines), metadata={"tags": ["injected-parameters"]}
        )
        if notebook.nbformat_minor < 5:
            del injected["id"]
        places = [i for i, cell in enumerate(notebook.cells) if templates.is_parameters_cell(cell)]
        notebook.cells.insert(places[0] + 1, injected)
    return notebook


class Execution:
    """One notebook in one kernel.

    Attributes:
        seconds: from the first cell's start to the last one's end.
        traceback: of the cell that failed, as IPython prints it.
    """

    def __init__(self, notebook, folder: Path, job: Job, log, kernels: Kernels, say):
        self.notebook, self.folder, self.job = notebook, folder, job
        self.log, self.kernels, self.say = log, kernels, say
        self.seconds = 0.0
        self.traceback = ""
        self._late = False
        self._cell: int | None = None
        self._begun: float | None = None
        self._num_cells = sum(map(_is_executed, notebook.cells))
        self._sockets = tempfile.TemporaryDirectory(prefix="aigc-")
        self._manager = self._make_manager()

    def run(self) -> Failure | None:
        """Execute the cells in the notebook given; None, or why they did not all succeed."""
        try:
            return asyncio.run(self._run())
        finally:
            if self._begun is not None:
                self.seconds = time.perf_counter() - self._begun

    def end(self) -> None:
        """Give the kernel its time to end in order, which `run` has asked it to; then kill it."""
        asyncio.run(self._end())

    async def _run(self) -> Failure | None:
        client = NotebookClient(
            self.notebook,
            km=self._manager,
            on_cell_execute=self._on_cell,
            record_timing=False,  # times of day would make the file differ from run to run
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
            if self.job.timeout is not None:
                asyncio.get_running_loop().call_later(self.job.timeout, self._stop_late)
            # Without a limit of the user's it takes as long as the cells do; a kernel that dies,
            # or does not start within a minute, is noticed.
            await client.async_execute()
        except CellExecutionError as error:
            self.traceback = error.traceback
            # A message may be a page long; all of it is in log.txt and in the notebook.
            message = TERMINAL_COLOURS.sub("", str(error.evalue)).strip()[:2000]
            return self._failure("error", message, name=error.ename)
        except (DeadKernelError, RuntimeError) as error:
            if self._late:
                message = f"stopped, for the run took longer than {self.job.timeout:g} s"
                return self._failure("timeout", message)
            return self._failure("died", await self._cause_of_death(error))
        finally:
            if client.kc is not None:
                client.kc.shutdown()  # only asks: the report is written meanwhile
                client.kc.stop_channels()
        left_out = [i for i, cell in enumerate(self.notebook.cells) if _left_out(cell)]
        if left_out:
            self._cell = left_out[0]
            return self._failure("died", "the kernel did not execute it, and did not say so")
        return None

    async def _end(self) -> None:
        deadline = time.monotonic() + 5
        while await self._manager.is_alive() and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        self.kernels.kill()
        await self._manager.cleanup_resources()
        self._sockets.cleanup()

    def _stop_late(self) -> None:
        self._late = True
        self.kernels.kill()  # which the client then notices

    def _make_manager(self) -> AsyncKernelManager:
        # Sockets in a folder of our own: no ports to run out of or to share, and nobody else
        # on the machine can reach them. Windows has ports only.
        manager = AsyncKernelManager(
            connection_file=str(Path(self._sockets.name) / "kernel.json"),
            transport="tcp" if os.name == "nt" else "ipc",
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
        if self.job.threads is not None:
            environment |= dict.fromkeys(THREAD_VARIABLES, str(self.job.threads))
        return environment

    def _on_cell(self, cell, cell_index: int) -> None:
        self._cell = cell_index
        if self._begun is None:
            self._begun = time.perf_counter()
            # A second of imports, done while the kernel works.
            threading.Thread(target=export.exporter, args=[self.job.show_code]).start()
        number = sum(map(_is_executed, self.notebook.cells[:cell_index])) + 1
        self.say({"event": "cell", "cell": number, "of": self._num_cells})

    def _failure(self, kind: str, message: str, name: str = "") -> Failure:
        cell = None if self._cell is None else self._cell + 1
        return Failure(kind=kind, cell=cell, name=name, message=message)

    async def _cause_of_death(self, error: Exception) -> str:
        code = await self._manager.provisioner.poll()
        if code is None:
            return f"the kernel did not answer ({error})"
        if code < 0:
            how = signal.Signals(-code).name
            why = ", as the system does when memory runs out" if how == "SIGKILL" else ""
            return f"the kernel was killed by {how}{why}"
        return f"the kernel ended by itself with exit code {code}"


def _is_executed(cell) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip())


def _left_out(cell) -> bool:
    return _is_executed(cell) and cell.execution_count is None
