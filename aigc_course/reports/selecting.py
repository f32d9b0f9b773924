"""Which runs of a folder are listed: by time, by template, by values of theirs."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aigc_course.reports.notation import as_json, as_text, by_size, is_number, nearest, shown
from aigc_course.reports.records import Run

_CONDITION = re.compile(r"\s*([^<>=!]*[^<>=!\s])\s*(<=|>=|!=|==|=|<|>)(.*)", re.DOTALL)
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_AGO = {"h": "hours", "d": "days", "w": "weeks"}
_NONE = object()


@dataclass(frozen=True)
class Condition:
    """One ``--where``: a name, an operator, and the text to compare with."""

    name: str
    operator: str
    text: str

    def __str__(self) -> str:
        return f"{self.name}{self.operator}{self.text}"

    def fits(self, run: Run) -> bool:
        """Whether a run has this value; one without the name never has."""
        value = _value(run, self.name)
        if value is _NONE:
            return False
        compare = _OPERATORS[self.operator]
        if is_number(value):
            number = _number(self.text)
            return number is not None and compare(value, number)
        if compare not in (operator.eq, operator.ne):
            return False
        texts = {as_text(value), as_json(value), str(value)}
        return compare(self.text.strip() in texts or self.text in texts, True)


@dataclass(frozen=True)
class Selection:
    """What is asked for.

    Attributes:
        since: runs that began then or later; None is all.
        until: runs that began before; None is all.
        template: the notebook's name; empty is all.
        where: all of these hold.
        sort: the parameter or result whose values order the runs; empty is by time.
        reverse: whether the last come first.
    """

    since: datetime | None = None
    until: datetime | None = None
    template: str = ""
    where: tuple[Condition, ...] = ()
    sort: str = ""
    reverse: bool = False

    def __str__(self) -> str:
        parts = [f"of {self.template}"] if self.template else []
        parts += ["with " + " and ".join(map(str, self.where))] if self.where else []
        parts += [f"since {self.since:%Y-%m-%d %H:%M} UTC"] if self.since else []
        parts += [f"before {self.until:%Y-%m-%d %H:%M} UTC"] if self.until else []
        return "".join(f" {part}" for part in parts)

    def of(self, runs: Sequence[Run]) -> list[Run]:
        """Those of some runs that are asked for, in order; what lacks what it names comes last.

        Raises:
            ValueError: if no run is of the template, or has what a condition or the order names,
                or its value cannot be compared.
        """
        if self.template and runs:
            known = sorted({run.record.template for run in runs})
            if self.template not in known:
                raise ValueError(
                    f"No run is of {shown(self.template)}: {nearest(self.template, known)}"
                )
            runs = [run for run in runs if run.record.template == self.template]
        for condition in self.where:
            _check(condition, runs)
        chosen = [
            run
            for run in runs
            if (self.since is None or run.record.started >= self.since)
            and (self.until is None or run.record.started < self.until)
            and all(condition.fits(run) for condition in self.where)
        ]
        if self.sort and runs:
            _values_of(self.sort, runs)
            have = [run for run in chosen if _value(run, self.sort) is not _NONE]
            lack = [run for run in chosen if _value(run, self.sort) is _NONE]
            have.sort(key=lambda run: by_size(_value(run, self.sort)), reverse=self.reverse)
            return have + lack
        return chosen


def read_selection(
    since: str | None = None,
    template: str | None = None,
    where: Iterable[str] = (),
    now: datetime | None = None,
    *,
    until: str | None = None,
    sort: str | None = None,
) -> Selection:
    """Read the options of `aigc runs`.

    Args:
        since: a day or a time, UTC unless it says otherwise, or ``today``, ``yesterday``, ``12h``,
            ``7d``, ``2w``; None is no limit.
        template: a notebook's name or path; None is all.
        where: ``NAME=VALUE``, and != < <= > >= in place of =.
        now: the time; None is the clock's.
        until: as ``since``; a day counts whole, a time not.
        sort: a parameter or result, ``started``, ``seconds`` or ``status``; with - in front the
            largest comes first.

    Raises:
        ValueError: if one cannot be read.
    """
    now = now or datetime.now(UTC)
    name = Path(template or "").name.removesuffix(".ipynb")
    if template is not None and not name:
        raise ValueError(f"--template is {shown(template)}: give a notebook's name or path.")
    order = (sort or "").strip()
    if sort is not None and not order.removeprefix("-"):
        raise ValueError(f"--sort is {shown(sort)}: give a parameter or result, such as seconds.")
    return Selection(
        None if since is None else _read_time(since, now, "--since"),
        None if until is None else _read_time(until, now, "--until", whole=True),
        name,
        tuple(map(_read_condition, where)),
        order.removeprefix("-"),
        order.startswith("-"),
    )


def _read_time(text: str, now: datetime, option: str, *, whole: bool = False) -> datetime:
    """A time; of a day its begin, or its end if it counts whole."""
    day = re.fullmatch(r"today|yesterday|[0-9]{4}-[0-9]{2}-[0-9]{2}", text)
    rest = timedelta(days=1 if day and whole else 0)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        if text in ("today", "yesterday"):
            return midnight - timedelta(days=text == "yesterday") + rest
        if match := re.fullmatch(r"([0-9]{1,6})([hdw])", text):
            return now - timedelta(**{_AGO[match[2]]: int(match[1])})
        if re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            found = datetime.fromisoformat(text) + rest
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(
        f"{option} is {shown(text)}: give a day or a time in UTC, such as 2026-01-31 or "
        f"2026-01-31T18:00, or today, yesterday, 12h, 7d or 2w."
    )


def _read_condition(text: str) -> Condition:
    match = _CONDITION.fullmatch(text)
    if not match or not match[3].strip():
        raise ValueError(
            f"--where is {shown(text)}: write NAME=VALUE, or != < <= > >= in place of =."
        )
    return Condition(*match.groups())


def _check(condition: Condition, runs: Sequence[Run]) -> None:
    if not runs:
        return
    values = _values_of(condition.name, runs)
    if all(map(is_number, values)):
        if _number(condition.text) is None:
            raise ValueError(
                f"{condition.name} is a number in these runs, and {shown(condition.text)} is none: "
                f"give a number."
            )
    elif condition.name == "started" and not any(
        "started" in run.parameters or "started" in run.results for run in runs
    ):
        raise ValueError("Runs are chosen by when they were started with --since and --until.")
    elif not any(map(is_number, values)) and condition.operator not in ("=", "==", "!="):
        raise ValueError(f"{condition.name} is no number in these runs: use = or !=.")


def _values_of(name: str, runs: Sequence[Run]) -> list[Any]:
    """All values of a name; refused if there is none."""
    values = [value for run in runs if (value := _value(run, name)) is not _NONE]
    if not values:
        known = dict.fromkeys(n for run in runs for n in [*run.parameters, *run.results])
        hint = nearest(name, [*known, "status", "seconds", "started"])
        raise ValueError(f"No run has a parameter or result {shown(name)}: {hint}")
    return values


def _value(run: Run, name: str) -> Any:
    record = run.record
    started = f"{record.started:%Y-%m-%d %H:%M:%S}"
    facts = {"status": record.status, "seconds": record.seconds, "started": started}
    return next((d[name] for d in (run.parameters, run.results, facts) if name in d), _NONE)


def _number(text: str) -> int | float | None:
    text = text.strip()
    if not re.fullmatch(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?", text) or len(text) > 400:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None
