"""What the learner has solved, in one local file that can be read and deleted.

The workbook's `check` counts in it, and `checks.progress()` and `checks.forget()` are its owner's.

The file is JSON: for each exercise the number of wrong answers and whether it is solved.
It holds no answers, no names and no times, and it never leaves the machine.
"""

from __future__ import annotations

import html
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aigc_course.checks.exercises import NOTEBOOKS, chapter
from aigc_course.checks.feedback import show_result
from aigc_utils.files import atomic_path, replace_file

Records = dict[str, dict]


def path() -> Path:
    """The progress file: ``AIGC_PROGRESS``, or progress.json in the user's data folder.

    Without a home folder that can be written to, as in some containers, it is a temporary one.
    """
    if chosen := os.environ.get("AIGC_PROGRESS"):
        return Path(chosen)
    if base := os.environ.get("XDG_DATA_HOME"):
        return Path(base) / "aigc-workbook" / "progress.json"
    if (home := home_folder()) is not None:
        return home / ".local" / "share" / "aigc-workbook" / "progress.json"
    user = getattr(os, "getuid", lambda: "user")()
    return Path(tempfile.gettempdir()) / f"aigc-workbook-{user}" / "progress.json"


def home_folder() -> Path | None:
    """The user's home folder; None where there is none that can be written to."""
    try:
        home = Path.home()
    except RuntimeError:  # this user stands in no list of the system's, and HOME is not set
        return None
    usable = home.is_dir() and home != Path(home.anchor) and os.access(home, os.W_OK)
    return home if usable else None


def load_progress() -> tuple[Records, str]:
    """The records, and a sentence if the file could not be used as it was.

    A damaged file is kept beside the new one, with ``.bak`` behind its name.
    """
    file = path()
    try:
        records = _validated(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}, ""
    # Not JSON, or JSON of something else.
    except (ValueError, TypeError, AttributeError, LookupError):
        backup = file.with_name(file.name + ".bak")
        try:
            replace_file(file, backup)
        except OSError:
            return {}, f"The progress file {file} is damaged and could not be moved: delete it."
        return {}, (
            f"The progress file was damaged, so counting starts afresh; the old one is kept as "
            f"{backup}."
        )
    except OSError as error:
        return (
            {},
            f"The progress file {file} could not be read ({error.strerror}): see who owns it.",
        )
    return records, ""


def count_answer(exercise_id: str, *, solved: bool) -> tuple[int, str]:
    """Count one answer.

    Returns:
        The number of wrong answers so far, and a sentence if something went wrong with
        the file: a check must answer even where nothing can be written.
    """
    records, note = load_progress()
    entry = records.setdefault(exercise_id, {"wrong": 0, "solved": False})
    entry["solved"] = entry["solved"] or solved
    entry["wrong"] += not solved
    try:
        with atomic_path(path()) as temporary:
            text = json.dumps({"version": 1, "exercises": records}, indent=1, sort_keys=True)
            temporary.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        note = note or f"{error} The verdict above holds all the same."
    return entry["wrong"], note


@dataclass(frozen=True)
class CourseProgress:
    """A table of what is solved.

    Attributes:
        rows: for each chapter its notebook, exercises solved, exercises in all, minutes of
            what is left, and the id of the next one ("" if none).
        note: a sentence if the file was damaged.
    """

    rows: tuple[tuple[str, int, int, int, str], ...]
    note: str = ""

    def text(self) -> str:
        """The table as lines of text."""
        lines = [f"{'workbook':22}{'solved':>9}{'minutes left':>14}   next"]
        for name, solved, total, minutes, following in self.rows:
            lines.append(f"{name:22}{solved:>4} of {total}{minutes:>14}   {following or '-'}")
        lines += [self.note] if self.note else []
        return "\n".join([*lines, _where()])

    def __repr__(self) -> str:
        return f"CourseProgress({sum(row[1] for row in self.rows)} solved)"

    def _repr_html_(self) -> str:
        head = "".join(
            f'<th scope="col">{name}</th>'
            for name in ("workbook", "solved", "minutes left", "next")
        )
        body = "".join(
            f'<tr><th scope="row" style="text-align: left">{name}</th><td>{solved} of {total}</td>'
            f"<td>{minutes}</td><td>{following or '-'}</td></tr>"
            for name, solved, total, minutes, following in self.rows
        )
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"{table}{note}<p>{html.escape(_where())}</p>"

    def _ipython_display_(self) -> None:
        """Nothing: `progress` has shown it."""


def progress() -> CourseProgress:
    """Show what is solved in each chapter of the workbook, and give the table."""
    records, note = load_progress()
    rows = []
    for prefix, notebook in NOTEBOOKS.items():
        exercises = chapter(prefix)
        left = [e for e in exercises if not records.get(e.id, {}).get("solved")]
        minutes, following = sum(e.minutes for e in left), left[0].id if left else ""
        rows.append((notebook, len(exercises) - len(left), len(exercises), minutes, following))
    table = CourseProgress(tuple(rows), note)
    show_result(table)
    return table


def forget() -> None:
    """Delete the progress file, and the damaged one if there is one.

    Raises:
        OSError: if the file is there and cannot be deleted.
    """
    file = path()
    there = [f for f in (file, file.with_name(file.name + ".bak")) if f.exists()]
    for each in there:
        each.unlink()
    print(f"Deleted {file}." if there else f"There was nothing to delete: {file} does not exist.")


def shown_path() -> str:
    """The progress file as it is told: a notebook that is handed on names no author's folder."""
    file, home = path(), home_folder()
    return f"~/{file.relative_to(home).as_posix()}" if home in file.parents else str(file)


def is_lasting() -> bool:
    """Whether progress is kept where it stays, and not in a temporary folder."""
    chosen = os.environ.get("AIGC_PROGRESS") or os.environ.get("XDG_DATA_HOME")
    return bool(chosen) or home_folder() is not None


def _where() -> str:
    kept = f"Kept in {shown_path()}; nothing is sent anywhere, and checks.forget() deletes it."
    if is_lasting():
        return kept
    return (
        "There is no home folder to write to, so progress lasts as long as a temporary folder: "
        f"let AIGC_PROGRESS name a file to keep it. {kept}"
    )


def _validated(stored: dict) -> Records:
    """The records of a progress file.

    Raises:
        ValueError, TypeError, AttributeError, LookupError: if it is anything else.
    """
    records = {}
    for name, entry in stored["exercises"].items():
        wrong, solved = entry["wrong"], entry["solved"]
        if type(wrong) is not int or wrong < 0 or type(solved) is not bool:
            raise ValueError(f"The record of {name} is {entry!r}.")
        records[name] = {"wrong": wrong, "solved": solved}
    return records
