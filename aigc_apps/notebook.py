"""Artefacts and records in a notebook: shown, put in a table, kept and read again.

Chapters 6.1 to 6.4 and the report template use it; chapter 8.9 reads the records.
"""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

import aigc_apps
from aigc_apps.contract import Artifact
from aigc_apps.evaluation.decide import as_value, in_words
from aigc_apps.evaluation.items import Items
from aigc_apps.evaluation.records import Verdict, read_record, write_verdict
from aigc_utils import data, plots


def show_artifact(artifact: Artifact, alt: str) -> None:
    """Display an artefact: text as text, a PNG as a picture, sound and film with a player.

    Args:
        artifact: what to show; other kinds are named with their size.
        alt: what it shows, in a sentence, for who cannot see or hear it.

    Raises:
        ValueError: if ``alt`` does not describe anything; see `plots.check_alt`.
    """
    plots.check_alt(alt)
    from IPython.display import Audio, Video, display

    kind = artifact.media_type
    if kind.startswith("text/"):
        print(artifact.text)
    elif kind == "image/png":
        display(plots.png_bundle(artifact.content, alt), raw=True)
    elif kind.startswith("audio/") and "midi" not in kind:
        display(Audio(artifact.content))
    elif kind.startswith("video/"):
        display(Video(artifact.content, embed=True, mimetype=kind))
    else:
        print(f"{alt} ({kind}, {len(artifact.content):,} bytes)")


COLUMNS = ("claim", "generated", "compared with", "better by", "comes to")


def verdict_table(record: Verdict) -> str:
    """A record as a Markdown table with a row for each claim, its answer below it."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *_finding_rows(record)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines[1] = "|" + "---|" * len(COLUMNS)
    answer, because, work, listed = _record_words(record)
    lines += ["", f"**{answer}** {because}", "", work, "", *(f"- {line}" for line in listed)]
    return "\n".join(lines)


def show_verdict(record: Verdict) -> None:
    """Display a record: as HTML whose table scrolls where it is too wide, or `verdict_table`."""
    from IPython.display import display

    *texts, listed = _record_words(record)
    answer, because, work = map(escape, texts)
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f'<td style="white-space: nowrap">{escape(cell)}</td>' for cell in rest)
        + "</tr>"
        for first, *rest in _finding_rows(record)
    )
    page = (
        f'<div style="overflow-x: auto" tabindex="0" role="group" aria-label="Claims of '
        f'{escape(record.title)}"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>'
        f"</table></div><p><strong>{answer}</strong> {because}</p><p>{work}</p>"
        f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in listed)}</ul>"
    )
    display({"text/html": page, "text/plain": verdict_table(record)}, raw=True)


def _finding_rows(record: Verdict) -> list[tuple[str, ...]]:
    """The cells of `verdict_table`, as they are shown; intervals are of 95%."""
    rows = []
    for found in record.findings:
        claim, gap, other = found.claim, found.difference, found.other
        against = "" if other is None else f"{claim.against}: {in_words(claim, other)}"
        if other is None and claim.bound is not None:
            word = "at most" if claim.sign < 0 else "at least"
            against = f"{word} {as_value(claim, claim.bound)}"
        better = ""
        if gap is not None:
            better = in_words(claim, gap)
            better += (
                f", of {gap.number}; {as_value(claim, claim.margin)} matters"
                if claim.margin
                else ""
            )
        name = f"{claim.name}: {claim.measure}"
        rows.append((name, in_words(claim, found.generated), against, better, found.state))
    return rows


def _record_words(record: Verdict) -> tuple[str, str, str, list[str]]:
    """What stands below the table: the answer, why, the work, what is missing, risks."""
    work = record.work
    words = (
        f"Seconds each: {_number(record.seconds_each)} on {record.machine}. "
        f"Training: {_number(record.training_seconds)} s. Without generation: {work.alternative} "
        f"Minutes: {_number(work.alternative_minutes)} by hand, {_number(work.review_minutes)} to "
        f"review ({work.assumed}). Break-even: {record.break_even:.0%} accepted; acceptance: not "
        f"measured."
    )
    listed = [f"Missing: {what}" for what in record.missing]
    listed += [f"Risk: {risk}" for risk in record.risks]
    listed += [f"Not for: {use}" for use in record.not_for]
    return f"{record.title}: {record.answer}.", record.because, words, listed


def keep_verdict(
    record: Verdict, items: Items, folder: str | os.PathLike = Path("out", "verdicts")
) -> Path:
    """Write a record with its items, by default beside your other outputs.

    The course's own lie in ``data/records/verdicts``; ``make verdicts`` makes them, of more
    requests than a chapter has time for, so reading or testing a chapter changes none.

    Returns:
        The record's file.
    """
    return write_verdict(record, items, folder)


def load_verdict(name: str) -> Verdict:
    """The course's record of an application.

    Raises:
        ValueError: if there is none, it is damaged, or was measured under other claims than those
            of today.
    """
    path = record_folder() / f"{name}.json"
    if not path.is_file():
        raise ValueError(f"There is no record {path}: type make verdicts ARGS={name}.")
    return read_record(path, aigc_apps.load_application(name).claims)


def load_verdicts() -> list[Verdict]:
    """All records of applications that the course has, in the order of the chapters.

    Raises:
        ValueError: as `load_record`.
    """
    found = {path.stem for path in record_folder().glob("*.json")}
    return [load_verdict(name) for name in aigc_apps.names() if name in found]


def record_folder() -> Path:
    """Where the course's own verdicts lie."""
    return data.data_root() / "records" / "verdicts"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
