"""Commands for whoever judges an application: judge, verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from aigc_course.cli.terminal import say

app = typer.Typer()
KEYS = {
    "l": "left", "r": "right", "s": "same", "c": "cannot tell",
    "y": "yes", "m": "mend", "n": "no",
}  # fmt: skip
HELP = "p pause, b take the last answer back, q stop (all is kept)"


@app.command()
def judge(
    name: Annotated[str, typer.Argument(help="An application, see `aigc scenarios`.")],
    rater: Annotated[str, typer.Option(help="A name of your choice.")] = "me",
    number: Annotated[int, typer.Option("--num", "-n", help="Items to judge, 1 to 200.")] = 20,
    pairs: Annotated[
        bool, typer.Option("--pairs", help="Two side by side, in place of single items.")
    ] = False,
    ratings: Annotated[
        Path | None, typer.Option(help="The file of answers; default out/ratings/NAME.json.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what is made for you to judge.")] = 0,
) -> None:
    """Judge blind what an application makes, and what the strong simple way makes.

    Answers stay in one file on this machine, which you can read and delete. The watch runs while
    you look; stop whenever you like, and the same call goes on.
    """
    import aigc_apps
    from aigc_apps import judging, saving
    from aigc_utils import runtime

    path = ratings or Path("out", "ratings", f"{name}.json")
    scenario = aigc_apps.load_application(name)
    saving.check_writable(path)
    with runtime.quiet_native_logs():
        folder = Path("out", "judge", name)
        sheet = judging.prepare_sheet(scenario, folder, number, seed, say)
    sitting = judging.begin_judging(sheet, path, rater, pairs)
    say(f"The need: {sheet.need}. {HELP}.")
    if _ask_all(sheet, sitting):
        say(f"All {sitting.done} are judged: {path}. `aigc verdict {name} --ratings {path}`")
    else:
        say(f"{sitting.done} of {len(sitting.shown)} are judged and kept in {path}; go on later.")


def _ask_all(sheet, sitting, read: Callable[[str], str] = input) -> bool:
    """Show one after another until all is judged, or the rater stops; True if all is."""
    while (shown := sitting.current) is not None:
        _show(sheet, sitting, shown)
        sitting.begin()
        try:
            word = read("> ").strip().lower()
        except (EOFError, KeyboardInterrupt):
            word = "q"
        if word == "q":
            return False
        if word == "b":
            say("The last answer is taken back." if sitting.take_back() else "There is none.")
        elif word == "p":
            sitting.pause()
            say("The watch stands; Enter goes on.")
            try:
                read("")
            except (EOFError, KeyboardInterrupt):
                return False
        elif KEYS.get(word) in sitting.choices:
            sitting.answer(KEYS[word])
        else:
            sitting.pause()
            say(f"{word!r} is no answer: {_choices(sitting)}.")
    return True


def _show(sheet, sitting, shown) -> None:
    say(f"\n--- {sitting.done + 1} of {len(sitting.shown)}: {shown.item.removeprefix('check: ')}")
    sides = ("left",) if shown.right is None else ("left", "right")
    for side in sides:
        if len(sides) > 1:
            say(f"[{side}]")
        text = sheet.text(shown, side)
        say(text.rstrip() if text is not None else f"open {sheet.file(shown, side)}")
    question = "Which would you rather use?" if len(sides) > 1 else "Would you use it as it is?"
    say(f"{question} {_choices(sitting)}; {HELP}")


def _choices(sitting) -> str:
    return ", ".join(f"{key} {word}" for key, word in KEYS.items() if word in sitting.choices)


@app.command()
def verdict(
    name: Annotated[str, typer.Argument(help="An application, see `aigc scenarios`.")],
    ratings: Annotated[
        list[Path] | None, typer.Option(help="A file that `aigc judge` wrote; several if given so.")
    ] = None,
    review: Annotated[
        float | None, typer.Option(help="Your minutes to review an item; else as assumed.")
    ] = None,
    by_hand: Annotated[
        float | None, typer.Option(help="Your minutes without generation; else as assumed.")
    ] = None,
) -> None:
    """Say whether an application is gold, ore or a bubble: from its record, and from ratings."""
    from aigc_apps import judging, notebook
    from aigc_apps.evaluation import ratings as said
    from aigc_apps.evaluation import records

    record = notebook.load_verdict(name)
    items = records.read_items(notebook.record_folder() / f"{name}.json", record)
    record = judging.with_minutes(record, review, by_hand)
    say(notebook.verdict_table(record))
    if not ratings:
        return
    opinions = judging.opinions_of(record, [said.read_ratings(path, name) for path in ratings])
    decision = judging.decide_with(record, items, opinions)
    say("\n" + judging.opinions_text(opinions))
    say(f"\n{record.title}: {decision.answer}. {decision.because}")
    for missing in decision.missing:
        say(f"- Missing: {missing}")
