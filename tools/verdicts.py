"""Judge applications on all requests of their trials, and write the records with their items.

    python tools/verdicts.py [NAME ...]

Chapters judge a few requests, in the time that a reader has. What chapter 8 reads is measured
here, on an idle machine: seconds are part of it.
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
    number: Annotated[int, typer.Option(min=0, help="Requests; 0: all of the trial.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the requests and what answers them.")] = 0,
) -> None:
    """Measure one application after another; each record is written when it is done."""
    aigc_utils.start(seed)
    chosen = [aigc_apps.load_application(name) for name in names or aigc_apps.names()]
    for scenario in chosen:
        asked = number or scenario.trial.number
        typer.echo(f"{scenario.card.name}: judging on {asked} requests")
        start = time.monotonic()
        record, items = scenario.judge(asked, seed, typer.echo)
        path = notebook.keep_verdict(record, items, notebook.record_folder())
        typer.echo(f"  {time.monotonic() - start:,.0f} s, {record.answer}: {path}")


if __name__ == "__main__":
    typer.run(main)
