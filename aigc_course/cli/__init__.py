"""The ``aigc`` command: thin shells; a new command goes into the file of its kind of user."""

from __future__ import annotations

import sys

import typer

from aigc_course.cli import everyday, grading, reports, terminal, verdicts

app = typer.Typer(
    help="Tools of the AIGC workbook.", no_args_is_help=True, pretty_exceptions_enable=False
)
for commands in (everyday, reports, grading, verdicts):
    app.add_typer(commands.app)


def main() -> None:
    """Run `app`; expected failures end in one sentence on standard error, exit code 2.

    Exit codes: 0 done; 1 `doctor` found something to mend, or a report run failed or was lost;
    2 an input or a file is wrong, and nothing was begun; 130 stopped by hand, or by SIGTERM.
    """
    terminal.prepare_streams()
    terminal.end_as_by_hand()
    try:
        for word in sys.argv[1:]:  # typer would print an unknown one as it is
            option = word.partition("=")[0]
            if option.startswith("-") and option != terminal.printable(option):
                raise ValueError(f"There is no option {option!r}: see aigc --help.")
        try:
            app()
        finally:
            terminal.finish()
    except BrokenPipeError:  # who reads has enough
        raise SystemExit(1) from None
    except (ValueError, OSError, ImportError, MemoryError) as error:
        terminal.complain(error)
        raise SystemExit(2) from None
