"""What comes out: a page for each student, one table for the teacher.

Everything that a student can choose (names, exceptions' texts) is escaped: pages hold no script
and load nothing, and no cell of the table begins like a formula.
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Mapping, Sequence

from aigc_course.grading.hidden import Result

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1b1b;background:#fff}table{border-collapse:collapse;width:100%;margin:1rem 0}"
    "th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #ccc}"
    "td.points{white-space:nowrap;text-align:right}th.points{text-align:right}"
    "code{background:#f1f1f1;padding:0 .2em}.total{font-size:1.25rem}"
)
# No script, no picture, no font from anywhere, whatever a page may come to hold.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def feedback_page(
    student: str, assignment: str, results: Sequence[Result], notes: Sequence[str]
) -> str:
    """The feedback page of one student.

    Args:
        student: the name, as handed in.
        assignment: such as "04".
        results: of all hidden tests, in order.
        notes: on the submission as a whole.
    """
    total, of = sum(r.points for r in results), sum(r.of for r in results)
    title = f"Assignment {html.escape(assignment)}: {html.escape(student)}"
    lines = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>{title}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
        f'<p class="total"><strong>{total:g} of {of:g} points</strong></p>',
    ]
    if notes:
        lines.append("<h2>When the notebook was run</h2><ul>")
        lines += [f"<li>{_prose(note)}</li>" for note in notes]
        lines.append("</ul>")
    lines.append("<h2>Exercises</h2>")
    for exercise in dict.fromkeys(result.exercise for result in results):
        rows = [result for result in results if result.exercise == exercise]
        points, most = sum(r.points for r in rows), sum(r.of for r in rows)
        lines += [
            f"<h3>{html.escape(exercise)}: {points:g} of {most:g}</h3>",
            '<table><thead><tr><th scope="col">What was tested</th>'
            '<th scope="col">Result</th><th scope="col" class="points">Points</th></tr></thead>'
            "<tbody>",
        ]
        for row in rows:
            verdict = (
                "Right."
                if row.points == row.of
                else "Partly right."
                if row.points
                else "Not right."
            )
            lines.append(
                f"<tr><td>{_prose(row.title)}</td><td>{verdict} {_prose(row.says)}</td>"
                f'<td class="points">{row.points:g} of {row.of:g}</td></tr>'
            )
        lines.append("</tbody></table>")
    lines.append(
        "<p>Hidden tests call your functions with other inputs than the notebook does.</p>"
    )
    return "\n".join([*lines, "</body></html>", ""])


def grades_table(rows: Sequence[Mapping[str, object]], exercises: Mapping[str, float]) -> str:
    """The CSV of all students.

    Args:
        rows: with ``student``, ``points`` by exercise, and ``notes``.
        exercises: what each is worth, in order.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["student", *exercises, "total", "of", "note"])
    for row in rows:
        points = row["points"]
        writer.writerow(
            [
                _cell(str(row["student"])),
                *(f"{points.get(exercise, 0):g}" for exercise in exercises),
                f"{sum(points.values()):g}",
                f"{sum(exercises.values()):g}",
                _cell(" ".join(row["notes"])),
            ]
        )
    return text.getvalue()


def _prose(text: str) -> str:
    """HTML of a sentence in which `backticks` mark code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


def _cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = " ".join(text.split())
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text
