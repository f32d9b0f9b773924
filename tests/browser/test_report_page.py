"""A report in a real browser: on a wide and a narrow screen, in both themes, and on paper."""

from __future__ import annotations

import os
import shutil

import pytest
from nbformat import v4

from aigc_course.reports import export
from aigc_utils import plots

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# What scrolls without a place for the keyboard, and what is wider than where it stands.
LOST = """() => [...document.querySelectorAll('body *')].filter((part) => {
    const style = getComputedStyle(part);
    const wider = part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0;
    return wider && style.overflowX !== 'visible' && part.tabIndex < 0;
}).map((part) => part.outerHTML.slice(0, 80))"""
PAST_THE_EDGE = """() => [...document.querySelectorAll('body *')]
    .filter((part) => part.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map((part) => part.outerHTML.slice(0, 80))"""
# By the formula of WCAG 2: a text's colour against the first background behind it.
FAINT = """() => {
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => {
        const [r, g, b] = numbers(colour).map((x) => x / 255)
            .map((x) => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (part) => {
        for (let here = part; here; here = here.parentElement) {
            const colour = getComputedStyle(here).backgroundColor;
            if (numbers(colour)[3] !== 0) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    return [...document.querySelectorAll('main *')]
        .filter((part) => [...part.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
        .filter((part) => {
            const pair = [light(getComputedStyle(part).color), light(behind(part))];
            return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05) < 4.5;
        }).map((part) => part.outerHTML.slice(0, 80));
}"""
TABLE = (
    "<table><tr>" + "".join(f"<th>column {i}</th>" for i in range(30)) + "</tr>"
    + ("<tr>" + "<td>123456.789</td>" * 30 + "</tr>") * 40 + "</table>"
)  # fmt: skip
CODE = "```\naigc run ./demand.ipynb -p csv_path=data/2026/november/demand_of_all_stores.csv\n```"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """A page of all that is wide, hostile or failed."""
    figure = plots.curves({"training": [3.0, 2.0, 1.5]}, xlabel="epoch", ylabel="nats")
    outputs = [
        v4.new_output("display_data", {"text/html": TABLE}),
        v4.new_output("stream", text="  ".join(f"week{i:02d}" for i in range(16)) + "\n"),
        v4.new_output("stream", text="x" * 400),
        v4.new_output("stream", name="stderr", text="3 rows were dropped"),
        v4.new_output("error", ename="E", evalue="x", traceback=["\x1b[31mTraceback\x1b[0m" * 30]),
    ]
    drawn = v4.new_output(
        "display_data",
        plots.png_bundle(plots.to_png(figure), "Losses fall by half in three epochs."),
    )
    cells = [
        v4.new_markdown_cell(
            f"# Will it <script>alert(1)</script> last?\n\nUntil Friday?\n\n{CODE}"
        ),
        v4.new_code_cell("1", outputs=outputs),
        v4.new_code_cell("2", outputs=[drawn]),
    ]
    path = tmp_path_factory.mktemp("report") / "report.html"
    export.write_page(
        v4.new_notebook(cells=cells), path, title="demand-0123",
        parameters={"path": "a/long/path/" * 20, "n": 3}, changed=["path"],
        results={"risk": 0.123, "risk_standard_error_over_shops": 0.004, "best": "wide " * 40},
        failure="cell 2: E: x", origin="Run demand-0123, 3.1 s, with python.", show_code=True,
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM and not os.environ.get("CI"):
        pytest.skip("chromium is not installed: type 'sudo apt-get install chromium'")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_screen_only_what_is_wide_scrolls_and_all_can_be_read(
    browser, page_file, width, scheme
):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said = []
    page.on("dialog", lambda dialog: said.append(dialog.message) or dialog.dismiss())
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: said.append(request.url))
    page.goto(page_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(LOST) == []
    assert page.evaluate(FAINT) == []
    assert page.locator("img").count() == page.locator("img[alt*='Losses fall']").count() == 1
    first = page.evaluate("document.querySelector('#main-figure').getBoundingClientRect().top")
    assert first < 2200 if width == 390 else first < 900, "the figure is not near the top"
    assert [text for text in said if not text.startswith(("file:", "data:"))] == []
    page.close()


def test_on_paper_nothing_is_cut_off_and_nothing_scrolls(browser, page_file):
    # A4 less its margins is 174 mm, at 96 points of a style sheet to an inch.
    page = browser.new_page(viewport={"width": 658, "height": 1000}, color_scheme="dark")
    page.goto(page_file.as_uri())
    page.emulate_media(media="print")
    assert page.evaluate(PAST_THE_EDGE) == []
    assert page.evaluate(LOST) == []
    scrolling = page.evaluate(
        "() => [...document.querySelectorAll('.wide, pre')]"
        ".filter((part) => getComputedStyle(part).overflowX !== 'visible').length"
    )
    assert scrolling == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('thead')).display") == (
        "table-header-group"
    )
    page.close()
