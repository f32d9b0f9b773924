"""What a person or a script sees of runs while they are made."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

from aigc_course.reports.records import NO_RESULTS
from aigc_course.reports.tables import one_line
from aigc_course.reports.workers import Event


class Lines:
    """A line for each run that ends, with an estimate of the time left.

    Args:
        say: prints a line.
    """

    def __init__(self, say: Callable[[str], None] = print):
        self.say = say
        self.total = self.ended = self.made = 0
        self.start = time.monotonic()
        self._seconds = 0.0  # of the runs that were made
        self._at_work: set[str] = set()
        self._beside = 1  # the most runs at a time so far
        self._told = False  # that results are lacking

    def __call__(self, event: Event) -> None:
        """Take note of an event of `sweeps.execute`."""
        if event["event"] == "planned":
            self.total = event["runs"]
            self.start = time.monotonic()
        elif event["event"] == "finished":
            self.ended += 1
            self._count(event)
            self.say(f"{self.ended} of {self.total}: {sentence(event)}{self._left(event)}")
            self.remark(event, self.say)
        elif event["event"] == "cell":
            self._at_work.add(event["run"])
            self._beside = max(self._beside, len(self._at_work))
        elif event["event"] in ("waiting", "left out", "changed", "noted"):
            self.say(one_line(event["message"]))

    def close(self) -> None:
        """Nothing to be put away."""

    def remark(self, event: Event, say: Callable[[str], None]) -> None:
        """Say once in a sweep, at its first run without any, how results are recorded."""
        well = event["status"] == "done" and not event.get("ended_in")
        if self.total > 1 and well and not event.get("results") and not self._told:
            self._told = True
            say(NO_RESULTS)

    def _count(self, event: Event) -> None:
        self._at_work = {name for name in self._at_work if not name.startswith(event["run"])}
        if event["status"] != "lost" and not event["recognised"]:
            self.made += 1
            self._seconds += event["total_seconds"]

    def _left(self, event: Event) -> str:
        """An estimate once two runs were made: the first of them took part of the second's time."""
        to_do = self.total - self.ended
        if self.made < 2 or not to_do or event["status"] == "lost":
            return ""
        by_clock = (time.monotonic() - self.start) / self.made
        each = min(by_clock, self._seconds / self.made / self._beside)
        return f"; about {each * to_do:.0f} s left"


class Bar(Lines):
    """A bar on a terminal: runs of a sweep, or the cells of a single run."""

    def __init__(self, say: Callable[[str], None] = print):
        from tqdm import tqdm

        super().__init__(say)
        self._bar = tqdm(total=0, unit="run", file=sys.stderr, leave=False)

    def __call__(self, event: Event) -> None:
        """Take note of an event of `sweeps.execute`."""
        if event["event"] == "planned":
            self.total = event["runs"]
            self._bar.reset(self.total)
        elif event["event"] == "cell" and self.total == 1:
            self._bar.unit = "cell"
            self._bar.total = event["of"]
            self._bar.update(event["cell"] - 1 - self._bar.n)
        elif event["event"] == "finished":
            if self.total > 1:
                self._bar.update()
            if event["status"] != "done":
                self._bar.write(sentence(event), file=sys.stderr)
            self.remark(event, lambda text: self._bar.write(text, file=sys.stderr))
        elif event["event"] in ("waiting", "left out", "changed", "noted"):
            self._bar.write(one_line(event["message"]), file=sys.stderr)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()


class Json(Lines):
    """Each event as a line of JSON."""

    def __call__(self, event: Event) -> None:
        """Print an event of `sweeps.execute`."""
        self.say(json.dumps(event))


def choose(as_json: bool, say: Callable[[str], None]) -> Lines:
    """JSON if asked for, a bar on a terminal, else lines."""
    if as_json:
        return Json(say)
    return Bar(say) if sys.stderr.isatty() else Lines(say)


def sentence(event: Event) -> str:
    """How a run ended, in words: on one line, with nothing that a terminal would act upon."""
    return one_line(_ending(event))


def _ending(event: Event) -> str:
    what = f"{event['run']} ({event['label']})" if event.get("label") else event["run"]
    cell, message = event.get("ended_in"), event["message"]
    early = f", ended early in {cell}" if cell else ""
    match event["status"], event["recognised"]:
        case "lost", _:
            return f"lost {message}"
        case "failed", _:
            return f"{what} failed: {message}"
        case _, True:
            return f"{what} was done before{early}{f'; {message}' if message else ''}"
        case _:
            cells = f"{event['seconds']:.1f} s of it in its cells"
            return f"{what} done in {event['total_seconds']:.1f} s ({cells}){early}"
