"""What a run's record shows of an executed notebook: pictures, a page, a PDF."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from aigc_course.reports.figures import PICTURES, pictures_of
from aigc_course.reports.notation import as_text
from aigc_course.reports.pages import comments_of, findings, take_apart
from aigc_course.reports.tables import columns
from aigc_utils.files import atomic_path

PAGE, PDF = "report.html", "report.pdf"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Rather a picture's plain text than a widget or a script, which a page without scripts has not.
SHOWN = (
    "text/html",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "text/markdown",
    "text/latex",
    "text/plain",
)


def write_figures(cells: Sequence[dict], folder: Path) -> list[dict[str, Any]]:
    """Write the pictures of an executed notebook; what each is, shows, and where it was.

    Args:
        cells: of the notebook.
        folder: where ``figures`` is made, if there is a picture.

    Returns:
        For each picture its ``file``, its ``alt`` text and its ``cell``, counted from 1.

    Raises:
        OSError: if a picture cannot be written.
    """
    found = []
    for number, cell in enumerate(cells, start=1):
        for output in cell.get("outputs", []):
            for picture in pictures_of(output):
                name = f"figures/figure-{len(found) + 1:02d}.{PICTURES[picture.media_type]}"
                with atomic_path(folder / name) as temporary:
                    temporary.write_bytes(picture.content)
                found.append({"file": name, "alt": picture.alt, "cell": number})
    return found


def write_metrics(columns: Mapping[str, Sequence[float]], path: Path) -> None:
    """Write numbers by step as a table with a header and a ``step`` from 1.

    Raises:
        OSError: if it cannot be written.
    """
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["step", *columns])
        rows = zip(*columns.values(), strict=True)
        writer.writerows([step, *row] for step, row in enumerate(rows, start=1))


def write_page(
    notebook,
    path: Path,
    *,
    title: str,
    parameters: Mapping[str, Any],
    changed: Sequence[str],
    results: Mapping[str, Any],
    failure: str,
    origin: str,
    early: str = "",
    show_code: bool,
    beside: Path | None = None,
) -> None:
    """Write the notebook as one HTML file that needs no network and runs no script.

    The question, the results and the main figure come first (`pages`), then the parameters,
    then the rest of the notebook.

    Args:
        notebook: the executed notebook, an ``nbformat`` node.
        path: of the file.
        title: of the page, if the notebook has none; the run's name.
        parameters, results: shown in tables, every character as text.
        changed: the names of parameters to be set in bold.
        failure: why the run failed; empty if it did not.
        early: the cell that ended the run, well, before the last; empty if none did.
        origin: a sentence on how the run was made.
        show_code: whether the page has the code cells' inputs too.
        beside: the folder to which pictures in Markdown are relative; they are taken into the
            page. None if there are none.

    Raises:
        OSError: if the file cannot be written.
    """
    page = take_apart(notebook, title)
    comments = comments_of(notebook.cells)
    names = [*changed, *(name for name in parameters if name not in changed)]
    shown = {
        "title": page.title,
        "question": page.question,
        "figure": page.figure,
        "table": page.table,
        "findings": findings(results),
        "parameters": [
            (name, as_text(parameters[name]), name in changed, comments.get(name, ""))
            for name in names
            if name in parameters
        ],
        "failure": failure,
        "early": early,
        "origin": origin,
        # Without code, a cell that printed nothing leaves nothing.
        "more": any(show_code or c.cell_type != "code" or c.outputs for c in page.rest.cells),
    }
    text, _ = exporter(show_code).from_notebook_node(
        page.rest, resources={"aigc": shown, "metadata": {"name": title, "path": str(beside or "")}}
    )
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


@lru_cache(maxsize=2)
def exporter(show_code: bool):
    """The exporter of `write_page`; it takes a second to load, and a worker needs it many times."""
    from nbconvert import HTMLExporter

    here = Path(__file__).parent
    return HTMLExporter(
        extra_template_basedirs=[str(here)],
        template_name="html",
        exclude_input=not show_code,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        embed_images=True,  # those that Markdown takes from files beside the notebook
        display_data_priority=list(SHOWN),
        filters={"columns": columns_of, "frame": frame_tables},
    )


def columns_of(text: str) -> int:
    """How many columns of a terminal the longest line of a text takes; Chinese takes two each."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).expandtabs(8)
    return max(map(columns, plain.splitlines()), default=0)


def frame_tables(page: str) -> str:
    """HTML with each table in a box of its own: it scrolls on a screen, and shrinks on paper.

    Code scrolls too, and both by keyboard. The box says how many characters the longest row has,
    where long cells are broken, so that the style sheet can choose a size of type that fits.
    """
    page = page.replace("<pre>", '<pre tabindex="0">')
    if "<table" not in page.lower():
        return page
    from bs4 import BeautifulSoup

    tables = BeautifulSoup(page, "html.parser").find_all("table")
    widths = [
        max((sum(min(columns_of(cell.get_text()), 32) + 2 for cell in row.find_all(["td", "th"]))
             for row in table.find_all("tr")), default=0)
        for table in tables
    ]  # fmt: skip
    pieces = re.split(r"(?i)(?=<table\b)", page)
    if len(pieces) - 1 != len(tables):
        return page  # "<table" stands in a comment or an attribute, too
    framed = [
        f'<div class="wide" tabindex="0" role="group" aria-label="Table {number}" '
        f'style="--columns: {width}">{_with_head(piece)}'
        for number, (width, piece) in enumerate(zip(widths, pieces[1:], strict=True), start=1)
    ]
    return re.sub(r"(?i)</table\s*>", "</table></div>", pieces[0] + "".join(framed))


def _with_head(table: str) -> str:
    """A table's HTML in which a first row of headings is a head, which each page repeats."""
    row = re.search(r"(?is)<tr\b.*?</tr\s*>", table)
    if row is None or re.search(r"(?i)<thead\b", table) or re.search(r"(?i)<td\b", row[0]):
        return table
    return f"{table[: row.start()]}<thead>{row[0]}</thead>{table[row.end() :]}"


def find_browser() -> str:
    """The Chromium that prints pages to PDF.

    Raises:
        ValueError: if there is none.
    """
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise ValueError(
        "A PDF needs Chromium, and there is none: install it (apt-get install chromium), "
        "or print report.html from any browser."
    )


def print_pdf(source: Path, path: Path, timeout: float = 120) -> None:
    """Print a page to a PDF.

    Args:
        source: an HTML file.
        path: of the PDF.
        timeout: seconds after which the browser is given up.

    Raises:
        ValueError: if there is no browser.
        OSError: if it wrote nothing.
    """
    browser = find_browser()
    with atomic_path(path) as temporary, tempfile.TemporaryDirectory() as profile:
        command = [
            browser,
            "--headless",
            "--no-sandbox",  # which root has not; the page has no script to keep in
            "--disable-gpu",
            "--no-pdf-header-footer",
            f"--user-data-dir={profile}",
            f"--print-to-pdf={temporary.resolve()}",
            source.resolve().as_uri(),
        ]
        try:
            subprocess.run(command, capture_output=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            raise OSError(f"{browser} printed no PDF within {timeout:.0f} s: try again.") from None
        if temporary.stat().st_size == 0:
            raise OSError(f"{browser} printed no PDF: print {source.name} from a browser.")
