"""What a run read, listed and wrote, and whether that is still the same.

A run's name says which notebook it is of, with which parameters; what it read besides is seen while
it runs (`watch`), and stands in its record. A record is current, and its run not made anew, while
all that it read is the same.

What runs of the notebook write themselves is no change. In a folder to which a run writes, and
where it reads nothing of the others, their files are left out. A file that runs read and write (a
log, a table that grows) may be as one of them has left it, if each found it as another had left it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from aigc_course.reports import history, identities, inputs, watch
from aigc_course.reports.notation import as_json
from aigc_course.reports.records import Record, Run
from aigc_course.reports.templates import Template

MOST_READ = 100_000
"""Files; of a run that reads more it is not known what it read."""
MOST_HELD = 2_000
"""Names in a folder; of one that holds more it is only their hash that is kept."""
LOST = "Not all that it did with files could be noted, so it is made anew each time."
Lines = list[tuple[str, str, Any]]
Content = str | dict[str, str] | None
"""A hash of a file's content; or of a folder, as of `inputs.contents_in`."""


@dataclass
class Trace:
    """What a run did with files, as its record holds it; see `records.Record`."""

    reads: dict[str, str] | None = field(default_factory=dict)
    listed: dict[str, str] = field(default_factory=dict)
    held: dict[str, dict[str, str]] = field(default_factory=dict)
    writes: dict[str, str | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class Surroundings:
    """The files that runs of a template read and write, as they are now.

    Args:
        template: the notebook.
        out: the folder of its runs.
    """

    def __init__(self, template: Template, out: Path):
        self.template, self._out = template, out
        self._home, self._path_of_it = template.path.parent.resolve(), template.path.resolve()
        self._temporary = tuple(watch.beginnings(str(self._home), watch.TEMPORARY))
        self._entries_now: dict[tuple, dict[str, str] | None] = {}
        self._counted: dict[str, tuple[str, ...]] = {}

    def finished(
        self, names: Iterable[str], on_changed: Callable[[Run, str], None] = lambda run, why: None
    ) -> dict[str, Run]:
        """The newest runs of some names that were done, are whole and current, by name.

        Args:
            names: of runs.
            on_changed: told of the newest run of a name that has none, and what has changed.
        """
        return history.finished_among(self._out, names, self.changed, on_changed)

    def named(self, values: Mapping[str, Any]) -> dict[str, Content]:
        """What is in the files and folders that the code or the parameters of a run name."""
        look = {True: inputs.contents_in, False: inputs.content_at}
        return {key: look[key[-1] == "/"](self._path(key)) for key in self._named(values)}

    def _named(self, values: Mapping[str, Any]) -> list[str]:
        found = self._names.of(values)
        return [self._key(path) for path in found if not self._is_ours(path, values)]

    @cached_property
    def _names(self) -> inputs.NamedFiles:
        return inputs.NamedFiles(self.template)

    def changed(self, record: Record) -> str:
        """What has changed since a run was made, in words; empty if its record is current."""
        if record.reads is None:
            return "what it read is not known"
        read_back = [key for key, end in record.writes.items() if end is not None]
        for key in dict.fromkeys([*record.reads, *read_back]):
            if not key.endswith("/") and self._is_changed(record, key):
                return f"{key} has changed"
        folders = [(key, digest) for key, digest in record.reads.items() if key.endswith("/")]
        for key, digest in [*folders, *record.listed.items()]:
            if why := self._changed_in(record, key, digest):
                return why
        for key in self._named(record.parameters):
            if key not in record.reads and key.rstrip("/") not in self._steps:
                return f"{key} has come"
        return ""

    def _is_changed(self, record: Record, key: str) -> bool:
        """Whether a file is not as it was, nor as runs have left it that came after this one."""
        now, end = inputs.content_at(self._path(key)), record.writes.get(key)
        if now == record.reads.get(key, ""):  # what a run has made may be gone
            return False
        # Of what it made itself the runs may begin anew.
        found = {end} if key in record.reads else {end, None}
        steps = self._steps.get(key, set()) if end is not None else set()
        while further := {after for before, after in steps if before in found} - found:
            found |= further
        return end is None or now not in found

    def _changed_in(self, record: Record, key: str, digest: str) -> str:
        """What has changed in a folder that a run listed, or whose files its code names."""
        left_out = self._left_out_in(key, record.reads, record.writes)
        given = record.reads, record.parameters, left_out
        by_size = digest.startswith(watch.ROUGH)
        now = None if digest == inputs.TOO_MANY else self._entries(key, left_out, by_size)
        if now is None:
            return f"{key} holds more than {watch.MOST_LISTED:,} files, too many to look at"
        now = self._counting(key, now, *given)
        same, same_names = inputs.hash_of_names(now) == digest, key.endswith("/")
        if key in record.held:
            before = self._counting(key, record.held[key], *given)
            same, same_names = now == before, now.keys() == before.keys()
        if same:
            return ""
        return f"{key} has changed" if same_names else f"there are other files in {key}"

    def traced(
        self, lines: Lines | None, named: Mapping[str, Content], values: Mapping, started: datetime
    ) -> Trace:
        """What a run did that has just ended.

        Args:
            lines: as of `read_lines`.
            named: as of `named`, before it began.
            values: its parameters.
            started: when, with a time zone.
        """
        try:
            if lines is not None and not any(kind == "lost" for kind, *_ in lines):
                trace = self._traced(lines, named, values)
                trace.notes += self._beside(trace, started)
                return trace
        except OSError:  # of the folder of runs: what has run is kept
            pass
        return Trace(reads=None, notes=[LOST])

    def _traced(self, lines: Lines, named: Mapping[str, Content], values) -> Trace:
        first: dict[str, str | None] = {}  # what was there before the run; None if it made it
        trace, folders, written, read_back = Trace(), {}, set(), set()
        for kind, path, facts in lines:
            around = (path, *map(str, Path(path).parents))
            if self._is_ours(path, values):
                continue
            made = any(first.get(each, "") is None for each in around)
            if kind == "list":
                if not made:
                    folders.setdefault(self._key(path), facts)
                continue
            first.setdefault(path, None if made else facts)
            if kind != "read":
                written.add(path)
            elif first[path] is None:
                read_back.add(self._key(path))
            else:
                trace.reads[self._key(path)] = first[path]
        for key, each in named.items():
            path = str(self._path(key))
            if path in written and not watch.is_hidden(path, str(self._home)):
                continue
            if key.endswith("/"):
                folders[key] = each
            else:
                trace.reads.setdefault(key, each)
        self._add_writes(trace, written, read_back)
        for key, entries in folders.items():
            self._add_folder(trace, key, entries, values)
        if len(trace.reads) > MOST_READ:
            trace.reads, trace.notes = None, [f"It read more than {MOST_READ:,} files."]
        return trace

    def _add_writes(self, trace: Trace, written: set[str], read_back: set[str]) -> None:
        """What a run changed, not what it only opened to write; and notes of what others did."""
        now = {key: inputs.content_at(self._path(key)) for key in {*trace.reads, *read_back}}
        for path in sorted(written):
            key = self._key(path)
            if now.get(key, "") == trace.reads.get(key):
                continue
            if key not in trace.reads and self._is_passing(path):
                continue
            trace.writes[key] = now.get(key)
        trace.notes += [
            f"{key} changed while the notebook ran, and the notebook was not seen to write it: its "
            f"results may be of either."
            for key, digest in trace.reads.items()
            if digest != now[key] and key not in trace.writes
        ]

    def _is_passing(self, path: str) -> bool:
        """Whether what a run wrote is of no use to others: hidden elsewhere, or temporary."""
        if watch.is_hidden(path, str(self._home)):
            return not Path(path).is_relative_to(self._home)
        return path.startswith(self._temporary) and not os.path.lexists(path)

    def _add_folder(self, trace: Trace, key: str, entries: dict[str, str] | None, values) -> None:
        told = trace.reads if key.endswith("/") else trace.listed
        if entries is None:
            told[key] = inputs.TOO_MANY
            return
        left_out = self._left_out_in(key, trace.reads, trace.writes)
        counting = self._counting(key, entries, trace.reads, values, left_out)
        told[key] = inputs.hash_of_names(counting)
        if len(entries) <= MOST_HELD:
            trace.held[key] = entries

    def _beside(self, trace: Trace, started: datetime) -> list[str]:
        """Sentences on files that another run wrote at the same time, if either read them."""
        found = []
        others = history.records_of(self._out, self.template.name, started.timestamp())
        for other in others if trace.writes else ():
            if other.started + timedelta(seconds=other.total_seconds) < started:
                continue
            for key in sorted(trace.writes.keys() & other.writes.keys()):
                if {trace.writes[key], other.writes[key]} != {None}:
                    found.append(
                        f"{key} was written by {other.name}, too, while this run went on, so the "
                        f"results of both may be of either's: give each a file of its own, or make "
                        f"them one after the other."
                    )
        return found

    @cached_property
    def _steps(self) -> dict[str, set[tuple[str | None, str | None]]]:
        """Of the files that runs of the template wrote, as what each found them and left them."""
        found: dict[str, set[tuple[str | None, str | None]]] = {}
        for record in history.records_of(self._out, self.template.name):
            for key, end in record.writes.items():
                found.setdefault(key, set()).add(((record.reads or {}).get(key), end))
        return found

    @cached_property
    def _written(self) -> set[str]:
        return {str(self._path(key)) for key in self._steps}

    def _entries(self, key: str, left_out: frozenset[str], by_size: bool) -> dict[str, str] | None:
        """What is in a folder now: of one with a slash the files below it, else names."""
        asked = (key, left_out, by_size) if key.endswith("/") else (key,)
        if asked not in self._entries_now:
            if key.endswith("/"):
                found = inputs.contents_in(self._path(key), left_out, by_size)
            else:
                found = watch.listing(str(self._path(key)), str(self._home))
            self._entries_now[asked] = found
        return self._entries_now[asked]

    def _left_out_in(self, key: str, reads, writes) -> frozenset[str]:
        """The files in a folder that do not count for a run: its own, and those of other runs.

        The latter count if it reads one of them, or writes nothing there: so it gathers them.
        """
        folder, below = str(self._path(key)), key.endswith("/")

        def inside(path: str) -> bool:
            return path.startswith(folder + os.sep) if below else os.path.dirname(path) == folder

        own = {path for path in map(str, map(self._path, writes)) if inside(path)}
        if all(map(os.path.isdir, own)):
            return frozenset(own)
        files = (self._path(each) for each in reads if not each.endswith("/"))
        read = {path for path in map(str, files) if inside(path)}
        others = {path for path in self._written if inside(path)}
        return frozenset(own if read & (others - own) else own | others)

    def _counting(self, key: str, entries, reads, values, left_out) -> dict[str, str]:
        """What counts of the files in a folder; of those that were read by themselves the name."""
        folder, data, found = self._path(key), self._data(values), {}
        real = os.path.realpath(folder)
        for name, said in entries.items():
            path = str(folder / name)
            if path not in left_out and not self._is_own(os.path.join(real, name), data):
                found[name] = "" if self._key(path) in reads else said
        return found

    def _is_ours(self, path: str, values: Mapping[str, Any]) -> bool:
        """Whether it is the notebook itself, or of its runs, or data that a run's name counts."""
        whole = os.path.realpath(path)
        runs = any(inputs.is_run(each, self.template.name) for each in Path(whole).parents)
        return runs or self._is_own(whole, self._data(values))

    def _is_own(self, path: str, data: tuple[str, ...]) -> bool:
        if path == str(self._path_of_it) or os.path.join(path, "").startswith(data):
            return True
        plan = inputs.PLAN.fullmatch(os.path.basename(path))
        return bool(plan) or inputs.is_run(Path(path), self.template.name)

    def _data(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """The beginnings of paths of the course's data that is in the name of a run."""
        given = as_json(values)
        if given not in self._counted:
            paths = identities.counted(self.template, values)
            self._counted[given] = tuple(os.path.join(path, "") for path in paths)
        return self._counted[given]

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
