"""The ``aigc`` command: thin shells, no logic of their own, one file for each kind of user."""

from __future__ import annotations

import typer

from aigc_course.cli import everyday, grading, reports

app = typer.Typer(
    help="Tools of the AIGC workbook.", no_args_is_help=True, pretty_exceptions_enable=False
)
for commands in (everyday, reports, grading):
    app.add_typer(commands.app)


def main() -> None:
    """Run `app`; expected failures end in one sentence on standard error, exit code 2.

    Exit codes: 0 done; 1 `doctor` found something to mend, or a report run failed or was lost;
    2 an input or a file is wrong, and nothing was begun; 130 stopped by hand.
    """
    try:
        app()
    except (ValueError, OSError) as error:
        for line in str(error).splitlines():  # several if several parameters are wrong
            typer.echo(f"aigc: {line}", err=True)
        raise SystemExit(2) from None
