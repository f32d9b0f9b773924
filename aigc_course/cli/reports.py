"""Commands for report runs: run, sweep, runs, show, compare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from aigc_course.cli import terminal

app = typer.Typer()

# Help is an option like any other here, because it shows the template's parameters too.
OWN_HELP = {"help_option_names": []}
Template = Annotated[
    str,
    typer.Argument(
        metavar="TEMPLATE",
        help="A notebook: vae_run, reports/vae_run, or a path.",
        show_default=False,
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="A parameter; repeat."),
]


def _folder(text: str | Path) -> Path:
    """A folder that somebody names: not by chance the one at hand, and never one called ``~``."""
    if not str(text).strip():
        raise OSError(f"-o is {str(text)!r}, which names no folder: give one, or . for this one.")
    return Path(text).expanduser()


Out = Annotated[
    Path,
    typer.Option(
        "--out", "-o", metavar="<path>", parser=_folder, help="The folder of the runs' folders."
    ),
]
Again = Annotated[
    bool, typer.Option("--again", help="Make runs that are done once more, beside the old records.")
]
Threads = Annotated[int | None, typer.Option(help="Threads of each run; else shared out evenly.")]
Timeout = Annotated[float | None, typer.Option(help="Seconds after which a run is stopped.")]
ShowCode = Annotated[bool, typer.Option("--show-code", help="Show the code in report.html.")]
Pdf = Annotated[bool, typer.Option("--pdf", help="Print report.pdf too; needs Chromium.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Help = Annotated[
    bool, typer.Option("--help", help="Show this message and the template's parameters.")
]
RUNS = Path("out/reports")


@app.command("run", context_settings=OWN_HELP)
def run_template(
    context: typer.Context,
    template: Template = "",
    parameter: Parameters = None,
    params: Annotated[
        Path | None,
        typer.Option(help="YAML or JSON: a line NAME: VALUE each; -p stands above it."),
    ] = None,
    out: Out = RUNS,
    again: Again = False,
    threads: Threads = None,
    timeout: Timeout = None,
    show_code: ShowCode = False,
    pdf: Pdf = False,
    json_lines: Json = False,
    show_help: Help = False,
) -> None:
    """Run a notebook once with other parameters, and keep a record of it.

    A run of which nothing has changed is recognised, and not made again.

    Exit codes: 0 done, now or before; 1 failed (the record says in which cell); 2 refused before
    anything started; 130 stopped by hand.
    """
    if _helped(context, template, show_help):
        return
    from aigc_course.reports import commands

    code = commands.run(
        template, parameter or [], params, out=out, as_json=json_lines, say=_say(json_lines),
        again=again, threads=threads, timeout=timeout, show_code=show_code, pdf=pdf,
    )  # fmt: skip
    raise typer.Exit(code)


@app.command("sweep", context_settings=OWN_HELP)
def sweep_template(
    context: typer.Context,
    template: Template = "",
    parameter: Parameters = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=A,B,C",
            help='Values to combine with all others (0:9 is a range, "a,b" one text); repeat.',
        ),
    ] = None,
    params: Annotated[
        Path | None, typer.Option(help="YAML or JSON: a list of parameter sets, or grid and fixed.")
    ] = None,
    out: Out = RUNS,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", help="Runs at a time.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="A Dask scheduler, such as tcp://host:8786.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Finish this template's sweeps in the folder.")
    ] = False,
    again: Again = False,
    threads: Threads = None,
    timeout: Timeout = None,
    show_code: ShowCode = False,
    pdf: Pdf = False,
    json_lines: Json = False,
    show_help: Help = False,
) -> None:
    """Run a notebook for each combination of parameters; the same call again goes on.

    Exit codes: 0 all runs are done; 1 some failed or were lost; 2 refused before anything started;
    130 stopped by hand.
    """
    if _helped(context, template, show_help):
        return
    from aigc_course.reports import commands

    code = commands.sweep(
        template, parameter or [], grid or [], params, resume=resume, out=out,
        as_json=json_lines, say=_say(json_lines), jobs=jobs, scheduler=scheduler, again=again,
        threads=threads, timeout=timeout, show_code=show_code, pdf=pdf,
    )  # fmt: skip
    raise typer.Exit(code)


@app.command("runs")
def list_runs(
    out: Out = RUNS,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Begun then or later, UTC: 2026-01-31, 2026-01-31T18:00, today, yesterday, 7d.",
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Begun before; of a day, by its end.")
    ] = None,
    template: Annotated[
        str | None, typer.Option(metavar="NAME", help="Runs of this notebook.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Runs with this parameter or result; also != < <= > >=; repeat.",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="By this parameter or result; -NAME is the largest first."
        ),
    ] = None,
    json_lines: Json = False,
) -> None:
    """List the finished runs of a folder, the oldest first, with their results.

    Exit codes: 0 all were read; 1 a record is damaged, and named; 2 what is asked for is not there.
    """
    from aigc_course.reports import commands

    text, code = commands.list_runs(
        out, since=since, until=until, template=template, where=where or [], sort=sort,
        as_json=json_lines, complain=_complain,
    )  # fmt: skip
    _say(json_lines)(text)
    raise typer.Exit(code)


@app.command("show")
def show_run(
    run: Annotated[str, typer.Argument(help="A run's folder, name, or the beginning of one.")],
    out: Out = RUNS,
    json_lines: Json = False,
) -> None:
    """Show one run: parameters, results, how it ended, and whether its files are whole.

    Of a run that was made more than once it is the newest record, unless a whole name is given.

    Exit codes: 0 it is done; 1 it failed or a file is damaged; 2 there is no such run.
    """
    from aigc_course.reports import commands

    text, code = commands.show(run, out, as_json=json_lines)
    _say(json_lines)(text)
    raise typer.Exit(code)


@app.command("compare")
def compare_runs(
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="Runs, as for `show`, or notebooks' names; none is all of the folder."),
    ] = None,
    out: Out = RUNS,
    repeats: Annotated[
        bool, typer.Option("--repeats", help="Count all records of a run, not its newest only.")
    ] = False,
    json_lines: Json = False,
) -> None:
    """Compare runs: what differs, and means of results with their standard errors over seeds.

    Runs of another version of the notebook, the data, the code or a library stand in rows of
    their own. Exit codes: as of `runs`.
    """
    from aigc_course.reports import commands

    text, code = commands.compare(
        runs or [], out, repeats=repeats, as_json=json_lines, complain=_complain
    )
    _say(json_lines)(text)
    raise typer.Exit(code)


def _complain(text: str) -> None:
    typer.echo(f"aigc: {terminal.printable(text)}", err=True)


def _say(as_json: bool) -> Callable[[str], None]:
    """What prints: JSON has escaped, in its own way, all that a terminal acts upon, but DEL."""
    if as_json:
        return lambda text: typer.echo(text.replace("\x7f", "\\u007f"))
    return terminal.say


def _helped(context: typer.Context, template: str, asked: bool) -> bool:
    """Show help if asked to; with the parameters of the template, if one is named."""
    if not asked and not template:
        raise ValueError("Which notebook? Give a template, such as vae_run.")
    if asked:
        typer.echo(context.get_help())
        if template:
            from aigc_course.reports import commands

            terminal.say("\n" + commands.describe(template))
    return asked
