"""Judge applications on as many artefacts as their records need, and write the records.

    python tools/verdicts.py [NAME ...]

Chapters judge a few artefacts, in the time that a reader has. What chapter 8 reads is measured
here, on ``record_samples`` of each application, on an idle machine: seconds are part of it.
"""

from __future__ import annotations

import time
from typing import Annotated

import typer

import aigc_apps
import aigc_utils
from aigc_apps import notebook


def main(
    names: Annotated[list[str] | None, typer.Argument(help="All of them by default.")] = None,
    samples: Annotated[int, typer.Option(min=0, help="0: as many as the record needs.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the requests and what answers them.")] = 0,
) -> None:
    """Measure one application after another; each record is written when it is done."""
    aigc_utils.start(seed)
    chosen = [aigc_apps.load_application(name) for name in names or aigc_apps.names()]
    for scenario in chosen:
        number = samples or scenario.record_samples
        typer.echo(f"{scenario.card.name}: judging {number}{expected(scenario.card.name, number)}")
        start = time.monotonic()
        verdict = scenario.evaluate(number, seed)
        path = notebook.keep(verdict, notebook.record_folder())
        typer.echo(f"  {time.monotonic() - start:,.0f} s, {verdict.answer}: {path}")


def expected(name: str, number: int) -> str:
    """What the last record lets one expect, in words; empty where there is none."""
    try:
        seconds = number * notebook.load_verdict(name).seconds_each
    except ValueError:
        return ""
    return f", about {max(1, round(seconds / 60))} min to make them, and more to judge"


if __name__ == "__main__":
    typer.run(main)
