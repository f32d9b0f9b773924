"""What late work costs, by a rule in a file."""

from __future__ import annotations

import difflib
import math
import re
import zoneinfo
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from aigc_course.grading.names import Names
from aigc_utils.files import check_yaml, read_yaml

FILE = "late.yml"
DAY = timedelta(days=1)


def _no_number(value: Any) -> Any:
    """A number is no time: pydantic would count it as seconds since 1970."""
    if not isinstance(value, datetime | date | str):
        raise ValueError("no time, write it as 2026-11-20 23:59")
    return value


Written = Annotated[datetime | date | str, BeforeValidator(_no_number)]
Percent = Annotated[float, Field(ge=0, le=100, strict=True)]


class LateText(BaseModel):
    """The file as it is written."""

    model_config = ConfigDict(extra="forbid")

    deadline: Written
    time_zone: str = ""
    grace_minutes: Annotated[float, Field(ge=0, le=100_000, strict=True)] = 0
    percent_a_day: Percent
    percent_of: Literal["earned", "possible"] = "earned"
    at_most_percent: Percent = 100
    refused_after_hours: Annotated[float, Field(ge=0, le=100_000, strict=True)] | None = None
    extensions: dict[str | int, Written] = {}
    submitted: dict[str | int, Written] = {}
    file_times: bool = False


@dataclass(frozen=True)
class Late:
    """How late a submission is, and what it costs.

    Attributes:
        submitted, due: in the rule's time zone.
        percent: taken off.
        points: taken off, 0 or more.
        extended: the deadline is this student's own.
        refused: too late to count at all.
    """

    submitted: datetime
    due: datetime
    percent: float
    points: float
    extended: bool
    refused: bool = False

    def sentence(self, of: str) -> str:
        """What happened, in words; ``of`` says what the percents are of."""
        due = f"{'your own ' if self.extended else 'the '}deadline of {shown_time(self.due)}"
        handed_in = f"Handed in {shown_time(self.submitted)}"
        if self.submitted <= self.due:
            return f"{handed_in}, in time for {due}."
        late = _shown_span(self.submitted - self.due)
        if not self.percent:
            return f"{handed_in}, {late} after {due}: nothing is taken off."
        if self.refused:
            return f"{handed_in}, {late} after {due}: too late to count."
        return f"{handed_in}, {late} after {due}: {self.percent:g}% of {of} are taken off."


class LateRule:
    """The rule of ``late.yml``.

    Args:
        path: the file.
        names: the students, for those who have more time.

    Raises:
        ValueError: in one sentence, if something in the file is wrong.
    """

    def __init__(self, path: Path, names: Names) -> None:
        text = _read(path)
        self._path, self._text = path, text
        self._zone = _zone(text.time_zone, path)
        self.deadline = self._time(text.deadline, "deadline")
        self._extensions = self._by_student(text.extensions, "extensions", names)
        self._submitted = self._by_student(text.submitted, "submitted", names)
        for name, due in zip(text.extensions, self._extensions.values(), strict=False):
            if due < self.deadline:
                raise ValueError(
                    f"{path}: the extension of {name!r} ends before the deadline: give a later one."
                )

    @property
    def percent_of(self) -> str:
        """What the percents are of, in words."""
        return {"earned": "the points", "possible": "all possible points"}[self._text.percent_of]

    @property
    def file_times(self) -> bool:
        """Whether the times of files say when they were handed in."""
        return self._text.file_times

    def time_of(self, key: str) -> datetime | None:
        """When this student handed in, as the teacher says; None if nothing is said."""
        return self._submitted.get(key)

    def late(
        self, key: str, submitted: datetime | None, earned: float, possible: float, own: bool = True
    ) -> Late | None:
        """How late a student is.

        Args:
            key: the student's.
            submitted: when; without a zone it is in the rule's.
            earned: points that hidden tests gave.
            possible: points that they give at most.
            own: the time under ``submitted`` in the file counts, if there is one.

        Returns:
            None if it is not known when the work was handed in.
        """
        submitted = self._submitted.get(key, submitted) if own else submitted
        if submitted is None:
            return None
        submitted = self._placed(submitted)
        due = self._extensions.get(key, self.deadline)
        late = submitted - due
        percent = 0.0
        if late > timedelta(minutes=self._text.grace_minutes):
            last = self._text.refused_after_hours
            if last is not None and late > timedelta(hours=last):
                return Late(submitted, due, 100, earned, key in self._extensions, refused=True)
            days = math.ceil(late / DAY)
            percent = min(days * self._text.percent_a_day, self._text.at_most_percent)
        base = earned if self._text.percent_of == "earned" else possible
        points = min(earned, base * percent / 100)
        return Late(submitted, due, percent, points, key in self._extensions)

    def _placed(self, when: datetime) -> datetime:
        """The same time in the rule's zone."""
        if when.tzinfo is None:
            return when.replace(tzinfo=self._zone or self.deadline.tzinfo)
        return when.astimezone(self._zone or self.deadline.tzinfo)

    def _by_student(
        self, times: dict[str | int, Written], what: str, names: Names
    ) -> dict[str, datetime]:
        found: dict[str, datetime] = {}
        for name, written in times.items():
            try:
                key = names.find(str(name))
            except LookupError as error:
                raise ValueError(f"{self._path}, {what}: {str(name)!r} {error}") from None
            if key in found:
                raise ValueError(f"{self._path}, {what}: {str(name)!r} stands there twice.")
            found[key] = self._time(written, f"{what} of {str(name)!r}")
        return found

    def _time(self, written: Written, what: str) -> datetime:
        """A time with its zone; a date alone means the end of that day."""
        when = written
        if isinstance(written, str):
            try:
                when = datetime.fromisoformat(written.strip())
                if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", written.strip()):
                    when = when.date()
            except ValueError:
                raise ValueError(
                    f"{self._path}: the {what} is {written!r}: write it as 2026-11-20 23:59."
                ) from None
        if not isinstance(when, datetime):
            when = datetime(when.year, when.month, when.day, 23, 59, 59)
        if when.tzinfo is None:
            if self._zone is None:
                raise ValueError(
                    f"{self._path}: the {what} has no time zone: add a line such as "
                    "time_zone: Europe/Berlin."
                )
            return when.replace(tzinfo=self._zone)
        return when.astimezone(self._zone) if self._zone else when


def read_rule(out: Path, names: Names) -> LateRule | None:
    """The rule in the output folder; None if there is none. Raises as `LateRule` does."""
    names_like_it = (FILE, "late.yaml", "late.yml.txt")
    for path in sorted(out.iterdir()) if out.is_dir() else ():
        if path.name != FILE and path.name.casefold() in names_like_it:
            raise ValueError(f"{path} is not read: call it {FILE}.")
    return LateRule(out / FILE, names) if (out / FILE).exists() else None


def shown_time(when: datetime) -> str:
    """A time that means the same everywhere, with its zone if it has one."""
    if when.tzinfo is None:
        return f"{when:%Y-%m-%d %H:%M}"
    zone = getattr(when.tzinfo, "key", None) or f"UTC{when:%z}".replace("UTC+0000", "UTC")
    return f"{when:%Y-%m-%d %H:%M} ({zone})"


def _read(path: Path) -> LateText:
    """The file, checked. YAML's own error does not say where the date is that there is not."""
    if not path.read_bytes().strip():
        raise ValueError(f"{path} is empty: give a deadline, a time_zone and percent_a_day.")
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        if number := re.search(r"(?m)(?:^|[{,])\s*(0[0-7_]+)\s*:", text):
            raise ValueError(f"{path}: YAML takes {number[1]} for another: put it in quotes.")
        written = read_yaml(path, dict)
        _check_entries(path, written)
        return check_yaml(written, LateText, path)
    except ValueError:
        for number, line in enumerate(text.splitlines(), 1):
            for year, month, day in re.findall(r"\b(\d{4})-(\d\d?)-(\d\d?)\b", line):
                try:
                    date(int(year), int(month), int(day))
                except ValueError as error:
                    raise ValueError(
                        f"{path}, line {number}: {line.strip()!r} holds no date ({error}): "
                        "write year-month-day, such as 2026-11-20."
                    ) from None
        raise


def _check_entries(path: Path, written: dict) -> None:
    """Refuse entries that there are not, and the lack of those that there must be."""
    known = LateText.model_fields
    for name in written:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            hint = f"did you mean {near[0]}?" if near else f"give some of {', '.join(known)}."
            raise ValueError(f"{path}: there is no entry {str(name)!r}: {hint}")
    examples = {"deadline": "2026-11-20 23:59", "percent_a_day": "10"}
    for name, example in examples.items():
        if name not in written:
            raise ValueError(f"{path} has no {name}: add a line such as {name}: {example}.")


def _zone(name: str, path: Path) -> tzinfo | None:
    """A time zone by its name, or by its hours before UTC; None for "" """
    if not name:
        return None
    if match := re.fullmatch(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?([0-5]\d))?", name):
        span = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        if span <= timedelta(hours=14):
            return timezone(span if match[1] == "+" else -span)
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{path}: there is no time zone {name!r}: give one such as Europe/Berlin or +08:00."
        ) from None


def _shown_span(span: timedelta) -> str:
    """A time span in words."""
    minutes = math.ceil(span / timedelta(minutes=1))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "day"), (hours, "hour"), (minutes, "minute")]
    words = [f"{number} {unit}{'s' * (number != 1)}" for number, unit in parts if number]
    return " ".join(words[:2])
