"""What a run read, listed and wrote, and whether that is still the same.

A run's name says which notebook it is of, with which parameters; what it read besides is seen while
it runs (`watch`), and stands in its record. A record is current, and its run not made anew, while
all that it read is the same.

What runs of the notebook write themselves is no change: in a folder that is listed their files are
left out, and a file that a run reads and writes (a log, a table that grows) may be as any of them
has left it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from aigc_course.reports import history, inputs, watch
from aigc_course.reports.records import Record, Run
from aigc_course.reports.templates import Template

MOST_READ = 100_000
"""Files; of a run that reads more it is not known what it read."""
Lines = list[tuple[str, str, Any]]


@dataclass
class Trace:
    """What a run did with files, as its record holds it; see `records.Record`."""

    reads: dict[str, str] | None = field(default_factory=dict)
    listed: dict[str, str] = field(default_factory=dict)
    writes: dict[str, str | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Surroundings:
    """The files that runs of a template read and write, as they are now; each is read once.

    Args:
        template: the notebook.
        out: the folder of its runs.
    """

    def __init__(self, template: Template, out: Path):
        from aigc_utils.data import data_root  # the module loads NumPy

        self.template, self._out = template, out
        self._home, self._path_of_it = template.path.parent.resolve(), template.path.resolve()
        self._data = data_root().resolve()
        self._now: dict[str, str] = {}
        self._names_now: dict[str, str] = {}

    def finished(
        self, names: Iterable[str], on_changed: Callable[[Run, str], None] = lambda run, why: None
    ) -> dict[str, Run]:
        """The newest runs of some names that were done, are whole and current, by name.

        Args:
            names: of runs.
            on_changed: told of the newest run of a name that has none, and what has changed.
        """
        return history.finished_among(self._out, names, self.changed, on_changed)

    def named(self, values: Mapping[str, Any]) -> dict[str, str]:
        """The digests of what the code or the parameters of a run name."""
        return {key: self._digest(key) for key in self._named(values)}

    def _named(self, values: Mapping[str, Any]) -> list[str]:
        found = self._names.of(values)
        return [self._key(path) for path in found if not self._is_ours(Path(path))]

    @cached_property
    def _names(self) -> inputs.NamedFiles:
        return inputs.NamedFiles(self.template)

    def changed(self, record: Record) -> str:
        """What has changed since a run was made, in words; empty if its record is current."""
        if record.reads is None:
            return "what it read is not known"
        for key, digest in record.reads.items():
            left = self._left.get(key, ()) if key in record.writes else ()
            if digest == inputs.TOO_MANY:
                return f"{key} holds more than {watch.MOST_LISTED:,} files, too many to look at"
            if (now := self._digest(key)) != digest and now not in left:
                return f"{key} has changed"
        for key, digest in record.listed.items():
            if key not in self._names_now:
                path = str(self._path(key))
                names = watch.listing(path, str(self._home))
                self._names_now[key] = self._digest_of_names(path, names, self._written)
            if self._names_now[key] != digest:
                return f"there are other files in {key}"
        for key in self._named(record.parameters):
            if key not in record.reads and key.rstrip("/") not in self._left:
                return f"{key} has come"
        return ""

    def traced(self, lines: Lines | None, named: Mapping[str, str]) -> Trace:
        """What a run did that has just ended.

        Args:
            lines: as of `read_lines`.
            named: as of `named`, before it began.
        """
        try:
            if lines is not None and not any(kind == "lost" for kind, *_ in lines):
                return self._traced(lines, named)
        except OSError:  # of the folder of runs: what has run is kept
            pass
        return Trace(reads=None, notes=["Not all that it did with files could be noted."])

    def _traced(self, lines: Lines, named: Mapping[str, str]) -> Trace:
        first: dict[str, str | None] = {}  # what was there before the run; None if it made it
        trace, listed, written = Trace(), {}, set()
        for kind, path, facts in lines:
            around = (path, *map(str, Path(path).parents))
            if self._is_ours(Path(path)):
                continue
            made = any(first.get(each, "") is None for each in around)
            if kind == "list":
                if not made:
                    listed.setdefault(path, facts)
                continue
            first.setdefault(path, None if made else facts)
            if kind != "read":
                written.add(path)
            elif first[path] is not None:
                trace.reads[self._key(path)] = first[path]
        unseen = {key: each for key, each in named.items() if str(self._path(key)) not in written}
        trace.reads = unseen | trace.reads
        now = {key: inputs.content_at(self._path(key)) for key in trace.reads if key[-1] != "/"}
        for path in sorted(written):
            trace.writes[self._key(path)] = now.get(self._key(path))
        names = self._written | written
        for path, facts in listed.items():
            trace.listed[self._key(path)] = self._digest_of_names(path, facts, names)
        trace.notes = [
            f"{key} changed while the notebook ran, and the notebook was not seen to write it: its "
            f"results may be of either."
            for key, digest in now.items()
            if digest != trace.reads[key] and key not in trace.writes
        ]
        if len(trace.reads) > MOST_READ:
            trace.reads, trace.notes = None, [f"It read more than {MOST_READ:,} files."]
        return trace

    @cached_property
    def _left(self) -> dict[str, set[str | None]]:
        """As what the runs of the template have left the files that they wrote."""
        found: dict[str, set[str | None]] = {}
        for writes in history.written(self._out, self.template.name):
            for key, digest in writes.items():
                found.setdefault(key, set()).add(digest)
        return found

    @cached_property
    def _written(self) -> set[str]:
        return {str(self._path(key)) for key in self._left}

    def _digest(self, key: str) -> str:
        if key not in self._now:
            written = self._written if key.endswith("/") else ()
            self._now[key] = inputs.content_at(self._path(key), written)
        return self._now[key]

    def _digest_of_names(self, folder: str, entries: list[list], written: set[str]) -> str:
        """A hash of a folder's names without those that runs of the template have written."""
        kept = [e for e in entries if str(Path(folder, e[0])) not in written]
        kept = [e for e in kept if not self._is_ours(Path(folder, e[0]))]
        return hashlib.sha256(json.dumps(kept).encode()).hexdigest()

    def _is_ours(self, path: Path) -> bool:
        """Whether it is the notebook itself, or of its runs, or data that its name counts."""
        around = (path, *path.parents)
        runs = any(inputs.is_run(each, self.template.name) for each in around)
        plan = inputs.PLAN.fullmatch(path.name)
        return bool(runs or plan or self._data in around or path == self._path_of_it)

    def _key(self, path: str) -> str:
        """A path from the notebook's folder, if it is there."""
        end = "/" * path.endswith("/")
        whole = Path(path)
        own = whole.is_relative_to(self._home)
        return (whole.relative_to(self._home) if own else whole).as_posix() + end

    def _path(self, key: str) -> Path:
        return self._home / key


def read_lines(path: Path) -> Lines | None:
    """What `watch` has noted, in order; None if not all of it is there."""
    try:
        return [tuple(json.loads(line)) for line in path.read_bytes().splitlines()]
    except (OSError, ValueError):
        return None
