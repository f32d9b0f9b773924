"""Commands for everybody: doctor, train, generate, provenance, scenarios, copy, classroom."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import typer.core

from aigc_course.cli.terminal import complain, say

app = typer.Typer()
UsageError = typer.BadParameter.__base__  # its name in typer is not a public one


@app.command()
def doctor() -> None:
    """Check this machine: Python, packages, extras, data, models, memory, GPU, fonts, folders."""
    from aigc_course import doctor as diagnosis

    findings = diagnosis.examine(imports=True)
    say(diagnosis.findings_text(findings))
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
    from aigc_course.train import names
    from aigc_utils import runtime

    work_dir = out / ".training"
    names.check_training(name, names.recipe_names(), out, work_dir)
    cluster = None
    if workers is not None:  # before anything else computes
        from aigc_course.train import distributed

        addresses = [worker.strip() for worker in workers.split(",")]
        cluster = distributed.Cluster(addresses, index, say)
    try:
        runtime.start()
        from aigc_course.train import recipes

        recipes.train_checkpoint(name, out, work_dir=work_dir, say=say, cluster=cluster)
    except KeyboardInterrupt as error:  # typer would end without the sentence
        complain(error)
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
        try:
            return super().parse_args(context, arguments)
        except UsageError as error:  # else a frame of several lines that hides what is meant
            reason = error.format_message().rstrip(".")
            raise ValueError(
                f"{reason}: `aigc generate --help` lists a checkpoint's options, and "
                "`aigc scenarios NAME` those of an application."
            ) from None


@app.command(cls=GenerateCommand)
def generate(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A scenario (see `aigc scenarios`) or a checkpoint.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .png file.")] = Path(
        "out/generated.png"
    ),
    # Texts, since a sentence with the limits says more than typer's own refusal of a number.
    number: Annotated[str, typer.Option("--num", "-n", help="How many images.")] = "64",
    temperature: Annotated[str, typer.Option(help="1 is the prior; less is safer.")] = "1",
    label: Annotated[str | None, typer.Option(help="Class, for conditional models.")] = None,
    seed: Annotated[str, typer.Option(help="The same seed gives the same images.")] = "0",
) -> None:
    """Make something new: for a scenario by `--field value`, or images with a shipped model.

    `aigc generate NAME --help` lists a scenario's fields; the options below are a checkpoint's.
    """
    if (words := context.meta.get("scenario")) is not None:
        from aigc_apps import command

        command.generate_artifact(name, words, say)
        return
    from aigc_course import pictures

    pictures.generate_pictures(name, out, pictures.Wish(number, temperature, label, seed), say)


@app.command()
def provenance(
    file: Annotated[Path, typer.Argument(help="A file that `aigc generate SCENARIO` made.")],
) -> None:
    """Tell where a generated file comes from, and refuse one that was changed since."""
    from aigc_apps import saving

    say(saving.read_provenance(file).model_dump_json(indent=2))


@app.command("scenarios")
def list_scenarios(
    name: Annotated[str | None, typer.Argument(help="One of them: shows its fields.")] = None,
) -> None:
    """List the applications, or the fields of one: types, limits, defaults."""
    from aigc_apps import command

    say(command.overview() if name is None else command.describe_application(name))


@app.command("copy")
def copy_course(
    folder: Annotated[Path, typer.Argument(help="A folder for your own notebooks.")] = Path(
        "out/mine"
    ),
    root: Annotated[Path, typer.Option(help="The course's folder.")] = Path(),
) -> None:
    """Copy the notebooks to work in, so that `git pull` finds its own unchanged.

    Called again after a pull, it adds new notebooks; yours are never replaced.
    """
    from aigc_course import copies

    copied = copies.copy_notebooks(root, folder)
    say(f"{len(copied.new)} files copied: open {folder / 'notebooks' / '00_start_here.ipynb'}.")
    for path in copied.kept:
        say(f"Kept as it is, though the course's own differs: {path}")


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
        say(f"{len(changed)} files now open {repo} at {ref} in Colab.")
    if package is not None:
        out = classroom.build_package(root, package)
        size = out.stat().st_size / 1e6
        say(f"{out}: {size:.0f} MB; unpack it in your drive, its README.txt says how.")
