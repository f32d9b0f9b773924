"""The command for a class: grade."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command("grade")
def grade_submissions(
    submissions: Annotated[
        Path,
        typer.Argument(help="A folder or zip: one notebook, or one folder with one, a student."),
    ],
    assignment: Annotated[str, typer.Option(help="Such as 04: the tests' file is 04.py.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="For the table and the pages.")],
    tests: Annotated[
        Path | None, typer.Option(help="A folder of hidden tests; else the course's own.")
    ] = None,
    roster: Annotated[
        Path | None,
        typer.Option(help="The class: a list, Moodle's grading worksheet, Canvas's gradebook."),
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="The assignment's column in Canvas's gradebook.")
    ] = None,
    jobs: Annotated[
        str | None,
        typer.Option("--jobs", "-j", metavar="NUMBER", help="Submissions at a time, 1 to 64."),
    ] = None,
    timeout: Annotated[
        str, typer.Option(metavar="SECONDS", help="For a cell; ten times that in all.")
    ] = "30",
    memory: Annotated[str, typer.Option(metavar="MB", help="For a submission.")] = "3000",
    again: Annotated[bool, typer.Option("--again", help="Grade also what is as before.")] = False,
    no_sandbox: Annotated[
        bool, typer.Option("--no-sandbox", help="Run submissions with no protection from them.")
    ] = False,
) -> None:
    """Grade submissions with hidden tests, each in a sandbox of its own.

    Writes grades.csv, grades.json and feedback/STUDENT.html into the folder -o, with Moodle's
    worksheet moodle.csv and moodle_feedback.zip, or Canvas's canvas.csv; the same call again goes
    on, and another class adds its rows. Reads adjustments.csv (your own marks and words) and
    late.yml (what late work costs) there, and never changes them.
    Exit codes: 0 all are graded; 1 some could not be, which is no student's fault; 2 refused
    before anything started; 130 stopped by hand.
    """
    from aigc_course.grading import commands
    from aigc_course.grading.limits import chosen_limits

    options = commands.GradeOptions(
        tests=tests, jobs=_whole(jobs, "--jobs") if jobs is not None else None,
        bubblewrap=not no_sandbox, again=again, roster=roster, column=column,
        limits=chosen_limits(_number(timeout, "--timeout"), _whole(memory, "--memory")),
    )  # fmt: skip
    raise typer.Exit(commands.grade(submissions, assignment, out, options, typer.echo))


def _whole(text: str, option: str) -> int:
    """A whole number in ASCII digits; what range is right is said elsewhere."""
    if not re.fullmatch(r"-?[0-9]{1,30}", text):
        unit = "whole MB, such as 3000" if option == "--memory" else "a whole number"
        raise ValueError(f"{option} is {text[:40]}: give {unit}.")
    return int(text)


def _number(text: str, option: str) -> float:
    """A number of seconds, without a unit."""
    if re.fullmatch(r"[-+.0-9a-zA-Z]{1,60}", text):  # no digits but ASCII's, and no "1_000"
        with suppress(ValueError):
            return float(text)
    raise ValueError(f"{option} is {text[:40]}: give seconds, such as 30.")
