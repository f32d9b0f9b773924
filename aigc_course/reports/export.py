"""What a run's record shows of an executed notebook: pictures, a page, a PDF."""

from __future__ import annotations

import base64
import csv
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from aigc_course.reports.notation import as_text
from aigc_utils.files import atomic_path

PAGE, PDF = "report.html", "report.pdf"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PICTURES = {"image/png": "png", "image/jpeg": "jpg", "image/svg+xml": "svg"}
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
            bundle = output.get("data", {})
            media_type = next((kind for kind in PICTURES if kind in bundle), None)
            if media_type is None:
                continue
            name = f"figures/figure-{len(found) + 1:02d}.{PICTURES[media_type]}"
            content = bundle[media_type]
            picture = content.encode() if "svg" in media_type else base64.b64decode(content)
            with atomic_path(folder / name) as temporary:
                temporary.write_bytes(picture)
            described = output.get("metadata", {}).get(media_type, {})
            alt = described.get("alt", "") if isinstance(described, Mapping) else ""
            found.append({"file": name, "alt": alt, "cell": number})
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
    show_code: bool,
) -> None:
    """Write the notebook as one HTML file that needs no network and runs no script.

    Args:
        notebook: the executed notebook, an ``nbformat`` node.
        path: of the file.
        title: of the page.
        parameters, results: shown in tables at the top, every character as text.
        changed: the names of parameters to be set in bold.
        failure: why the run failed; empty if it did not.
        origin: a sentence on how the run was made.
        show_code: whether the page has the code cells' inputs too.

    Raises:
        OSError: if the file cannot be written.
    """
    shown = {
        "parameters": [(n, as_text(v), n in changed) for n, v in parameters.items()],
        "results": [(name, as_text(value)) for name, value in results.items()],
        "failure": failure,
        "origin": origin,
    }
    text, _ = exporter(show_code).from_notebook_node(
        notebook, resources={"aigc": shown, "metadata": {"name": title}}
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
        display_data_priority=list(SHOWN),
    )


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
