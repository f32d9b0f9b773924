"""The ``aigc`` command: a thin shell, no logic of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import typer.core

app = typer.Typer(
    help="Tools of the AIGC workbook.", no_args_is_help=True, pretty_exceptions_enable=False
)


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


@app.command()
def doctor() -> None:
    """Check this machine: Python, packages, extras, data, models, memory, GPU, fonts, folders."""
    from aigc_course import doctor as diagnosis

    findings = diagnosis.examine()
    typer.echo(diagnosis.findings_text(findings))
    if not all(finding.good for finding in findings if finding.needed):
        raise SystemExit(1)


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="A recipe, for example vae_fashion.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for NAME/.")] = Path(
        "out/checkpoints"
    ),
    workers: Annotated[
        str | None,
        typer.Option(help="host:port,host:port of machines that each run this command."),
    ] = None,
    index: Annotated[int, typer.Option(help="Which of the workers this machine is, from 0.")] = 0,
) -> None:
    """Train one of the shipped checkpoints again; stop and go on as you like."""
    from aigc_utils import runtime

    cluster = None
    if workers is not None:  # before anything else computes
        from aigc_course.train import distributed, rendezvous

        addresses = [worker.strip() for worker in workers.split(",")]
        distributed.check_workers(addresses, index)
        most = f"{rendezvous.MEETING_SECONDS / 60:g} minutes at most"
        typer.echo(f"Worker {index} of {len(addresses)}: waiting for the others, {most}.")
        cluster = distributed.Cluster(addresses, index)
    runtime.start()
    from aigc_course.train import recipes

    try:
        recipes.train_checkpoint(
            name, out, work_dir=out / ".training", say=typer.echo, cluster=cluster
        )
    except KeyboardInterrupt as error:  # typer would end without the sentence
        typer.echo(f"aigc: {error}", err=True)
        raise typer.Exit(130) from None


class GenerateCommand(typer.core.TyperCommand):
    """`generate`: a scenario's options are its request's fields, so its words pass as they are."""

    def parse_args(self, context, arguments: list[str]) -> list[str]:
        """Keep the words after a scenario's name; read a checkpoint's options as usual."""
        import aigc_apps

        if arguments and arguments[0] in aigc_apps.names():
            context.meta["scenario"] = arguments[1:]
            arguments = arguments[:1]
        elif arguments:
            from aigc_apps import command

            command.refuse_near_miss(arguments[0])
        return super().parse_args(context, arguments)


@app.command(cls=GenerateCommand)
def generate(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A scenario (see `aigc scenarios`) or a checkpoint.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .png file.")] = Path(
        "out/generated.png"
    ),
    num_samples: Annotated[int, typer.Option("--num", "-n", help="How many images.")] = 64,
    temperature: Annotated[float, typer.Option(help="1 is the prior; less is safer.")] = 1.0,
    label: Annotated[int | None, typer.Option(help="Class, for conditional models.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same images.")] = 0,
) -> None:
    """Make something new: for a scenario by `--field value`, or images with a shipped model.

    `aigc generate NAME --help` lists a scenario's fields; the options below are a checkpoint's.
    """
    from aigc_utils import runtime

    if (words := context.meta.get("scenario")) is not None:
        from aigc_apps import command

        command.generate_artifact(name, words, typer.echo)
        return
    runtime.start(seed)
    from aigc_utils import checkpoints, plots, widgets
    from aigc_utils.files import atomic_path

    model = checkpoints.load_generator(name)
    num_classes = getattr(model, "condition_dim", 0)
    conditional = num_classes > 0
    if conditional != (label is not None):
        wanted = f"--label 0..{num_classes - 1}" if conditional else "no --label"
        raise ValueError(f"The label is {label}, but {name} takes {wanted}.")
    extra = {"label": label} if conditional else {}
    images = model.generate(num_samples, temperature=temperature, seed=seed, **extra)
    with atomic_path(out) as temporary:
        temporary.write_bytes(widgets.picture(plots.tile(images, columns=8), scale=3))
    typer.echo(f"{num_samples} images, made by a generative model ({name}, seed {seed}): {out}")


@app.command("scenarios")
def list_scenarios(
    name: Annotated[str | None, typer.Argument(help="One of them: shows its fields.")] = None,
) -> None:
    """List the applications, or the fields of one: types, limits, defaults."""
    from aigc_apps import command

    typer.echo(command.overview() if name is None else command.describe_application(name))


@app.command()
def classroom(
    repo: Annotated[str | None, typer.Option(help="OWNER/NAME of your copy on GitHub.")] = None,
    ref: Annotated[str, typer.Option(help="The branch or tag that the links open.")] = "main",
    package: Annotated[
        Path | None, typer.Option(help="A .zip file to write, for a drive folder.")
    ] = None,
    root: Annotated[Path, typer.Option(help="The course's folder.")] = Path(),
) -> None:
    """Prepare the course for a class: links into Colab, a zip that needs no repository, or both."""
    from aigc_course import classroom

    if repo is None and package is None:
        raise ValueError("There is nothing to do: give --repo OWNER/NAME, or --package FILE.zip.")
    if repo is not None:
        changed = classroom.set_links(root, repo, ref)
        typer.echo(f"{len(changed)} files now open {repo} at {ref} in Colab.")
    if package is not None:
        out = classroom.build_package(root, package)
        size = out.stat().st_size / 1e6
        typer.echo(f"{out}: {size:.0f} MB; unpack it in your drive, its README.txt says how.")


# ---- reports -------------------------------------------------------------------------

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
Out = Annotated[Path, typer.Option("--out", "-o", help="The folder of the runs' folders.")]
Again = Annotated[bool, typer.Option("--again", help="Make runs that are done once more.")]
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

    Exit codes: 0 done, now or before; 1 failed (the record says in which cell); 2 refused before
    anything started; 130 stopped by hand.
    """
    if _helped(context, template, show_help):
        return
    from aigc_course.reports import commands

    code = commands.run(
        template, parameter or [], out=out, as_json=json_lines, say=typer.echo,
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
        typer.Option(metavar="NAME=A,B,C", help="Values to combine with all others; repeat."),
    ] = None,
    params: Annotated[
        Path | None, typer.Option(help="YAML: a list of parameter sets, or grid and fixed.")
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
        as_json=json_lines, say=typer.echo, jobs=jobs, scheduler=scheduler, again=again,
        threads=threads, timeout=timeout, show_code=show_code, pdf=pdf,
    )  # fmt: skip
    raise typer.Exit(code)


@app.command("runs")
def list_runs(out: Out = RUNS, json_lines: Json = False) -> None:
    """List the finished runs of a folder, the oldest first."""
    from aigc_course.reports import commands

    typer.echo(commands.list_runs(out, as_json=json_lines))


@app.command("show")
def show_run(
    run: Annotated[str, typer.Argument(help="A run's folder, name, or the beginning of one.")],
    out: Out = RUNS,
    json_lines: Json = False,
) -> None:
    """Show one run: parameters, results, how it ended, and whether its files are whole.

    Exit codes: 0 it is done; 1 it failed or a file is damaged; 2 there is no such run.
    """
    from aigc_course.reports import commands

    text, code = commands.show(run, out, as_json=json_lines)
    typer.echo(text)
    raise typer.Exit(code)


@app.command("compare")
def compare_runs(
    runs: Annotated[
        list[str] | None, typer.Argument(help="Runs, as for `show`; none is all of the folder.")
    ] = None,
    out: Out = RUNS,
    json_lines: Json = False,
) -> None:
    """Compare runs: parameters that differ, and mean and spread of results over seeds."""
    from aigc_course.reports import commands

    typer.echo(commands.compare(runs or [], out, as_json=json_lines))


# ---- the classroom -------------------------------------------------------------------


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


def _helped(context: typer.Context, template: str, asked: bool) -> bool:
    """Show help if asked to; with the parameters of the template, if one is named."""
    if not asked and not template:
        raise ValueError("Which notebook? Give a template, such as vae_run.")
    if asked:
        typer.echo(context.get_help())
        if template:
            from aigc_course.reports import commands

            typer.echo("\n" + commands.describe(template))
    return asked


if __name__ == "__main__":
    main()
