"""The ``aigc`` command: a thin shell, no logic of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Tools of the AIGC workbook.", no_args_is_help=True, pretty_exceptions_enable=False
)


def main() -> None:
    """Run `app`; expected failures end in one sentence on standard error, exit code 2.

    Exit codes: 0 done; 1 `doctor` found something to mend; 2 an input or a file is wrong;
    130 stopped by hand.
    """
    try:
        app()
    except (ValueError, OSError) as error:
        typer.echo(f"aigc: {error}", err=True)
        raise SystemExit(2) from None


@app.command()
def doctor() -> None:
    """Check this machine: Python, packages, data, checkpoints, memory, fonts, folders."""
    from aigc_utils import diagnosis

    findings = diagnosis.examine()
    typer.echo(diagnosis.report(findings))
    if not all(finding.good for finding in findings if finding.needed):
        raise SystemExit(1)


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="A recipe, for example vae_fashion.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for NAME/.")] = Path(
        "out/checkpoints"
    ),
) -> None:
    """Train one of the shipped checkpoints again; stop and go on as you like."""
    from aigc_utils import runtime

    runtime.start()
    from aigc_utils import recipes

    try:
        recipes.train_checkpoint(name, out, work_dir=out / ".training", say=typer.echo)
    except KeyboardInterrupt as error:  # typer would end without the sentence
        typer.echo(f"aigc: {error}", err=True)
        raise typer.Exit(130) from None


@app.command()
def generate(
    name: Annotated[str, typer.Argument(help="A checkpoint, for example vae_fashion.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .png file.")] = Path(
        "out/generated.png"
    ),
    num_samples: Annotated[int, typer.Option("--num", "-n", help="How many images.")] = 64,
    temperature: Annotated[float, typer.Option(help="1 is the prior; less is safer.")] = 1.0,
    label: Annotated[int | None, typer.Option(help="Class, for conditional models.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same images.")] = 0,
) -> None:
    """Make new images with a shipped model and save them as one picture."""
    from aigc_utils import runtime

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


if __name__ == "__main__":
    main()
