"""The command for a class: grade."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command("grade")
def grade_submissions(
    submissions: Annotated[
        Path, typer.Argument(help="A folder: one notebook, or one folder with one, a student.")
    ],
    assignment: Annotated[str, typer.Option(help="Such as 04: the tests' file is 04.py.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="For the table and the pages.")],
    tests: Annotated[
        Path | None, typer.Option(help="A folder of hidden tests; else the course's own.")
    ] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", help="Submissions at a time.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds for a cell; ten times that in all.")] = 30,
    memory: Annotated[int, typer.Option(help="MB for a submission.")] = 3000,
    again: Annotated[bool, typer.Option("--again", help="Grade also what is as before.")] = False,
    no_sandbox: Annotated[
        bool, typer.Option("--no-sandbox", help="Run submissions with no protection from them.")
    ] = False,
) -> None:
    """Grade a folder of submissions with hidden tests, each in a sandbox of its own.

    Writes grades.csv, grades.json and feedback/STUDENT.html; the same call again goes on.
    Exit codes: 0 all are graded; 1 some could not be, which is no student's fault; 2 refused
    before anything started; 130 stopped by hand.
    """
    from aigc_course.grading import commands
    from aigc_course.grading.limits import chosen_limits

    options = commands.GradeOptions(
        tests=tests, jobs=jobs, bubblewrap=not no_sandbox, again=again,
        limits=chosen_limits(timeout, memory),
    )  # fmt: skip
    raise typer.Exit(commands.grade(submissions, assignment, out, options, typer.echo))
