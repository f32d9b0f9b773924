"""Making one run: the notebook is executed in a kernel of its own and its record is written.

This is what a worker process does (`aigc_course.reports.worker`); it loads Jupyter's libraries.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import BaseModel, ConfigDict

from aigc_course.reports import (
    cells,
    execution,
    export,
    folders,
    history,
    identities,
    parts,
    plans,
    records,
    templates,
    traces,
)
from aigc_course.reports.records import Failure

Say = Callable[[dict[str, Any]], None]


class Job(BaseModel):
    """One run to be made, as it goes to a worker.

    Attributes:
        template: the notebook's path.
        parameters: the full, checked set.
        out: the folder for the run's folder.
        name: the run's, as planned, whichever time it is made; other versions or data on the
            worker are noticed by it.
        identity: of its plan, to say what differs.
        threads: how many the kernel may use; None is as many as it likes.
        timeout: seconds after which the notebook is stopped; None is never.
        again: make the run even if it is done; the record of then stays.
        show_code, pdf: of the report.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    template: Path
    parameters: dict[str, Any]
    out: Path
    name: str
    identity: identities.Identity | None = None
    threads: int | None = None
    timeout: float | None = None
    again: bool = False
    show_code: bool = False
    pdf: bool = False


def make_run(
    job: Job, kernels: execution.Kernels, say: Say = lambda event: None
) -> tuple[records.Record, bool]:
    """Make a run, unless it is done; of one that is, the files that it lacks.

    Args:
        job: what to run.
        kernels: told of the kernel.
        say: called with what happens: waiting for another process, cells begun.

    Returns:
        The run's record, and whether it was there already.

    Raises:
        ValueError: if the template, the data or a version is not what was planned with.
        OSError: if the folder cannot be written to, or another process makes the run for longer
            than the job's ``timeout``.
    """
    template = templates.find_template(job.template)
    # The defaults are left out: a path that is given is one from the folder at hand.
    values = template.parameters.check(template.parameters.changed(job.parameters))
    data, identity = _as_planned(job, template, values)
    waited: list[float] = []

    def waiting(seconds: float, holder: str) -> None:
        waited.append(seconds)
        words = folders.waiting_words(job.name, seconds, holder)
        say({"event": "waiting", "run": job.name, "message": words})

    # Others are told of the command, or the Dask worker, that started this process.
    with folders.lock(job.out, job.name, waiting, job.timeout, os.getppid()):
        if waited:  # as long as a run takes
            data, identity = _as_planned(job, template, values)
        around = traces.Surroundings(template, job.out)
        run = None if job.again else around.finished([job.name]).get(job.name)
        if run and parts.NOTEBOOK not in run.record.not_made:
            return _completed(run, job), True
        made = job.model_copy(update={"name": history.next_name(job.out, job.name)})
        with folders.building(job.out, job.name) as folder:
            told = _about(made.name, say)
            record, place, why = _build(around, values, identity, made, folder, kernels, told)
            folders.free_reserve(place)
            record = record.model_copy(update={"data": data, "files": folders.digests(place)})
            records.write_record(place, record)
            if why:
                raise folders.kept_elsewhere(job.out, place, why, record.results)
        return record, False


def _as_planned(
    job: Job, template: templates.Template, values: dict[str, Any]
) -> tuple[dict[str, str], identities.Identity]:
    """The course's data and what names the run, now: what it was planned with.

    Raises:
        ValueError: if it is not.
    """
    data = identities.data_of(template)
    now = identities.identify(template, data)
    if identities.name_of(template, now, values) == job.name:
        return data, now
    changes = plans.changed_parts(job.identity, now) if job.identity else []
    changes = changes or ["its text, the course's data or a version"]
    raise ValueError(
        f"{template.name} is not what the run was planned with ({' and '.join(changes)} changed, "
        f"or is another on this machine): plan it again."
    )


def _about(name: str, say: Say) -> Say:
    """`say`, with the run that it is about."""
    return lambda event: say({**event, "run": name})


def _completed(run: records.Run, job: Job) -> records.Record:
    """The record of a run that was done, with the files that it lacked."""
    wanted = parts.missing(run, job.pdf)
    if not wanted:
        return run.record
    try:
        notebook = parts.executed_notebook(run)
    except ValueError as error:  # told, and not written: what is there stays as it is
        return run.record.model_copy(update={"not_made": dict.fromkeys(wanted, str(error))})
    not_made = _make_parts(job, wanted, notebook, run.record, run.folder, io.BytesIO())
    record = parts.refreshed(run.record, run.folder, wanted, not_made)
    records.write_record(run.folder, record)
    return record


def _make_parts(job: Job, names, notebook, record, folder: Path, log: BinaryIO) -> dict[str, str]:
    """Files of a run, all if none is named, with what the job says of them; see `parts.make`."""
    return parts.make(
        names or [*parts.ALL, *[export.PDF] * job.pdf], notebook, record, folder,
        show_code=job.show_code, log=log,
        beside=job.template.parent,
    )  # fmt: skip


def _build(
    around: traces.Surroundings,
    values: dict[str, Any],
    identity: identities.Identity,
    job: Job,
    folder: Path,
    kernels: execution.Kernels,
    say: Say,
) -> tuple[records.Record, Path, str]:
    """Execute the notebook and make all files of the run but ``run.json``.

    Returns:
        The record, where the files are, and why they are not in the folder given.
    """
    template, named = around.template, around.named(values)
    started, clock = datetime.now(UTC), time.perf_counter()
    notebook = cells.prepare(template, template.parameters.changed(values))
    with open(folder / "log.txt", "wb", buffering=0) as log:
        executed = execution.Execution(
            notebook, template.path.parent, log, kernels, say,
            threads=job.threads, timeout=job.timeout, show_code=job.show_code,
        )  # fmt: skip
        try:
            failure = executed.run()
            found, _, wrong = parts.collect(notebook)
            failure = failure or _unfit(wrong)
            record = records.Record(
                name=job.name,
                template=template.name,
                status="failed" if failure else "done",
                parameters=values,
                changed=list(template.parameters.changed(values)),
                inputs=identities.inputs_of(values),
                **vars(around.traced(traces.read_lines(executed.wait()), named, values, started)),
                results=found,
                identity=identity,
                started=started,
                seconds=round(executed.seconds, 3),
                total_seconds=0,
                threads=job.threads,
                machine=records.machine_facts(),
                failure=failure,
                ended_early=executed.ended_early,
                skipped=cells.skipped(notebook),
                own_cells=cells.own_cells(template, notebook, executed.ended_early, failure),
                files={},
            )
            if failure:
                parts.note(log, executed.traceback or record.why)
            place, why = folders.place_to_write(folder, job.name, found)
            not_made = _make_parts(job, [], notebook, record, place, log)
        finally:
            executed.end()
    total = round(time.perf_counter() - clock, 3)
    return record.model_copy(update={"not_made": not_made, "total_seconds": total}), place, why


def _unfit(message: str) -> Failure | None:
    """Why the results of cells that ended well are none, if there is a reason."""
    return Failure(kind="results", cell=None, message=message) if message else None
