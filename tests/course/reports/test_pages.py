"""A report's page: what was asked and found comes first, tags choose, nothing is hidden by width."""

from __future__ import annotations

import base64
from html.parser import HTMLParser

import pytest
from nbformat import v4

from aigc_course.reports import export, figures, pages, results
from aigc_utils import plots

RED = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def text(source: str, *tags: str):
    return v4.new_markdown_cell(source, metadata={"tags": list(tags)})


def code(*outputs, tags=(), source="1"):
    return v4.new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})


def shown(**data):
    return v4.new_output("display_data", {k.replace("_", "/", 1): v for k, v in data.items()})


def drawn(alt: str):
    return v4.new_output("display_data", plots.png_bundle(RED, alt))


def printed(text: str):
    return v4.new_output("stream", text=text)


class Reading(HTMLParser):
    """What a reader gets of a page: its text in order, its pictures, its boxes."""

    def __init__(self, page: str):
        super().__init__()
        self.text, self.images, self.boxes, self._silent = "", [], [], 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag in ("style", "title"):
            self._silent += 1
        if tag == "img":
            self.images.append(attributes)
            self.text += f"[{attributes['alt']}]"
        if "tabindex" in attributes:
            self.boxes.append(attributes)

    def handle_endtag(self, tag):
        self._silent -= tag in ("style", "title")
        self.text += " "

    def handle_data(self, data):
        self.text += "" if self._silent else data


@pytest.fixture
def read(tmp_path):
    """A function that writes the page of some cells and reads it."""

    def write(*cells, show_code=False, failure="", found=None, parameters=None, changed=()):
        export.write_page(
            v4.new_notebook(cells=list(cells)), tmp_path / "page.html", title="demand-0123",
            parameters=parameters or {}, changed=changed, results=found or {}, failure=failure,
            origin="Run demand-0123, 3 s.", show_code=show_code, beside=tmp_path,
        )  # fmt: skip
        return Reading((tmp_path / "page.html").read_text("utf-8"))

    return write


def in_order(text: str, *pieces: str) -> None:
    places = [text.find(piece) for piece in pieces]
    assert -1 not in places, [piece for piece in pieces if piece not in text]
    assert places == sorted(places), pieces


OWN = (
    text("# Will the stock last?\n\nDoes it run out before Friday?\n\n## Where from\n\nThe tills."),
    code(source="days = 14  # until the truck comes [1 to 99]", tags=["parameters"]),
    code(printed("a long log")),
    code(drawn("A first look at the data of all shops.")),
    code(drawn("Stock falls to zero on day nine.")),
)


def test_an_untagged_notebook_opens_with_question_results_and_its_last_figure(read):
    page = read(*OWN, found={"risk": 0.12345, "risk_standard_error_over_shops": 0.0067}).text
    in_order(
        page, "Will the stock last?", "Does it run out", "0.1235", "0.0067",
        "standard error over shops", "[Stock falls to zero", "Run demand-0123",
        "Where from", "a long log", "[A first look", "Shown at the top",
    )  # fmt: skip
    for once in ("Will the stock last?", "Does it run out", "[Stock falls to zero"):
        assert page.count(once) == 1


def test_a_picture_that_markdown_takes_from_a_file_is_in_the_page(read, tmp_path):
    (tmp_path / "dot.gif").write_bytes(b"GIF89a-of-a-dot")
    read(text("# Ours\n\nWhy?"), text("![a dot](dot.gif) and ![none](gone.gif)"))
    page = (tmp_path / "page.html").read_text("utf-8")
    assert base64.b64encode(b"GIF89a-of-a-dot").decode() in page
    assert "dot.gif" not in page


def test_what_was_changed_stands_beside_the_question_and_comments_explain_it(read):
    page = read(*OWN, parameters={"shop": "all", "days": 9}, changed=["days"]).text
    in_order(page, "Does it run out", "days = 9", "Made with", "until the truck comes", "shop")
    assert "[1 to 99]" not in page


def test_tags_choose_question_and_figure(read):
    page = read(
        text("# A chapter\n\nOpen this in Colab. You will be able to.", "front-matter"),
        text("Some words before."),
        text("## What we ask\n\nWhich is **better**?", "question"),
        code(drawn("The one that matters most to us."), tags=["main-figure"]),
        code(drawn("A later one that does not.")),
    ).text
    in_order(page, "A chapter", "Which is", "[The one that matters", "Some words", "[A later one")
    assert "Colab" not in page
    assert "What we ask" not in page, "the heading would stand below 'Question'"


@pytest.mark.parametrize("tag", ["not-in-report", "bootstrap", "remove-cell", "hide-cell"])
@pytest.mark.parametrize("show_code", [True, False])
def test_a_tag_leaves_a_cell_out_of_the_page_and_not_out_of_the_notebook(read, tag, show_code):
    cells = [
        text("# SECRET title", tag),
        code(printed("SECRET"), drawn("A SECRET that nobody sees."), tags=[tag], source="SECRET"),
        text("# Plain\n\nText."),
    ]
    assert "SECRET" not in read(*cells, show_code=show_code).text
    assert "SECRET" in str(cells)


@pytest.mark.parametrize("word", ["remove", "hide"])
def test_tags_leave_out_only_the_input_or_only_the_output(read, word):
    cells = [
        code(printed("ONE"), tags=[f"{word}-input"], source="'two'"),
        code(printed("THREE"), tags=[f"{word}-output"], source="'four'"),
    ]
    page = read(*cells, show_code=True).text
    assert [name in page for name in ("ONE", "'two'", "THREE", "'four'")] == [1, 0, 0, 1]


def test_the_table_of_a_tagged_cell_may_take_the_figures_place(read):
    table = shown(text_markdown="| measure | value |\n|---|---|\n| good | 7 |")
    page = read(text("Ask."), code(printed("log")), code(table, tags=["main-figure"])).text
    in_order(page, "Ask.", "measure", "good", "Made with", "log", "Shown at the top")


def test_what_a_cell_prints_bit_by_bit_is_one_text_as_a_terminal_shows_it(read):
    bits = [printed("1%\r50%\r"), printed("100%\r\nroun"), printed("d\nlast\r")]
    error = v4.new_output("stream", name="stderr", text="warned\n")
    found = pages.take_apart(v4.new_notebook(cells=[code(*bits, error, printed("x"))]), "t")
    texts = [output.text for output in found.rest.cells[0].outputs]
    assert texts == ["100%\nround\nlast", "warned\n", "x"]
    table = [printed("name  n\n"), printed("a     1\n")]
    page = read(text("Ask."), code(*table, tags=["main-figure"])).text
    assert page.index("name  n") < page.index("a     1") < page.index("Shown at the top")


def test_a_long_line_beside_a_line_that_is_written_over_takes_its_length(read):
    # Its square takes a quarter of an hour: the limit of a test would meet it.
    page = read(text("Ask."), code(printed("1%\r2%\n" + "x" * 1_000_000)))
    assert "2%\nxxx" in page.text


def test_recorded_results_are_not_shown_twice(read):
    outputs = [
        v4.new_output("display_data", {results.RESULTS_TYPE: {"a": 1}, "text/plain": "recorded"}),
        v4.new_output("display_data", {results.METRICS_TYPE: {"b": [1]}, "text/plain": "1 step"}),
    ]
    page = read(code(*outputs), found={"a": 1}).text
    assert "recorded" not in page
    assert "1 step" not in page


@pytest.mark.parametrize(
    "cells",
    [(), (code(),), (text(""),), (text("## Only a heading"),), (text("```\n# no title\n```"),)],
)
def test_a_notebook_that_says_little_still_has_a_page(read, cells):
    assert "demand-0123" in read(*cells).text


def test_a_page_without_results_says_that_none_were_recorded(read):
    said = "This notebook recorded no results: it hands them over with"
    page = read(text("# Title"), code(printed("hello")))
    assert said in page.text
    assert "Table of results" not in page.text
    assert said not in read(text("# Title"), found={"a": 1}).text
    assert said not in read(text("# Title"), failure="Cell 2 failed.").text


def test_a_failed_run_says_so_first_and_shows_what_was_recorded(read):
    error = v4.new_output("error", ename="FileNotFoundError", evalue="x", traceback=["TRACE"])
    page = read(
        text("# Nightly\n\nAsk."), code(error), failure="cell 2: no prices.csv", found={"rows": 120}
    ).text
    in_order(page, "Nightly", "This run failed.", "no prices.csv", "120", "TRACE")


def test_hostile_text_is_text(read):
    evil = "<script>alert(1)</script>\"'&{{ 7*7 }}"
    reading = read(
        text(f"# {evil}"),
        code(source=f"x = 1  # {evil}", tags=["parameters"]),
        code(drawn(f"A curve {evil} that falls by half.")),
        found={evil: evil},
        parameters={"x": evil},
        changed=["x"],
        failure=evil,
    )
    assert reading.text.count(evil) >= 6, reading.text
    assert reading.images[0]["alt"] == f"A curve {evil} that falls by half."


# ---- errors of results ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("recorded", "shown"),
    [
        ({"nll_nats": 241.214, "nll_standard_error": 2.402}, ("241.2", "2.4", "standard error")),
        ({"rmse": 0.700301, "rmse_std_over_seeds": 0.04}, ("0.700", "0.040", "standard deviation over seeds")),
        ({"p": 0.123, "standard_error": 0.004}, ("0.123", "0.004", "standard error")),
        ({"cost": 12345.6, "cost_spread_over_all_runs": 480.2}, ("12350", "480", "standard deviation over all runs")),
        ({"a": 5, "a_stderr": 2}, ("5", "2", "standard error")),
        ({"a": 5.25, "a_sem": 0.0}, ("5.25", "0.0", "standard error")),
        ({"tiny": 1e-12, "tiny_sd": 1e-13}, ("1e-12", "1e-13", "standard deviation")),
    ],
)  # fmt: skip
def test_an_error_stands_beside_its_result_rounded_and_named(recorded, shown):
    (found,) = pages.findings(recorded)
    assert (found.value, found.error, found.of) == shown


@pytest.mark.parametrize(
    "recorded",
    [
        {"loss": 1.0, "other_standard_error": 0.1},
        {"a": 1.0, "b": 2.0, "standard_error": 0.1},
        {"a": "text", "a_std": 0.1},
        {"a": True, "a_std": 0.1},
        {"a": 1.0, "a_std": -0.1},
        {"std": 0.1},
    ],
)
def test_a_number_that_is_no_ones_error_stays_a_result(recorded):
    found = pages.findings(recorded)
    assert [each.name for each in found] == list(recorded)
    assert not any(each.of for each in found)


# ---- pictures ------------------------------------------------------------------------

IN_BASE64 = base64.b64encode(RED).decode()


@pytest.mark.parametrize(
    ("data", "kinds"),
    [
        (plots.png_bundle(RED, "Four words are enough."), ["image/png"]),
        ({"image/png": IN_BASE64}, ["image/png"]),
        ({"image/svg+xml": "<svg/>"}, ["image/svg+xml"]),
        ({"text/html": "<img src='data:image/svg+xml,%3Csvg/%3E'>"}, ["image/svg+xml"]),
        ({"text/html": f"<p><img src='data:image/gif;base64,{IN_BASE64}'><img src=x.png>"}, ["image/gif"]),
        ({"text/html": f"<img src='data:image/png;base64,{IN_BASE64}'>" * 2}, ["image/png"] * 2),
        ({"image/png": "not base64"}, []),
        ({"text/html": "<img src='data:image/png;base64,A'>"}, []),
        ({"text/html": "<img src='https://example.org/x.png'>"}, []),
        ({"text/plain": "<img>"}, []),
    ],
)  # fmt: skip
def test_pictures_are_found_in_every_form_that_shows_them(data, kinds):
    output = v4.new_output("display_data", data)
    assert [picture.media_type for picture in figures.pictures_of(output)] == kinds


def test_pictures_of_pages_are_written_with_their_alt_text(tmp_path):
    cells = [code(), code(drawn('Losses "fall" <b>&</b> rise again.'))]
    (figure,) = export.write_figures(cells, tmp_path)
    assert figure == {
        "file": "figures/figure-01.png", "alt": 'Losses "fall" <b>&</b> rise again.', "cell": 2,
    }  # fmt: skip
    assert (tmp_path / figure["file"]).read_bytes() == RED


def test_a_picture_without_a_description_says_that(read):
    output = v4.new_output("display_data", {"image/png": IN_BASE64, "text/plain": "<Figure>"})
    first, second = read(code(output), code(output)).images
    assert "does not describe" in first["alt"]
    assert "does not describe" in second["alt"]


# ---- wide things ---------------------------------------------------------------------

WIDE = "<table><tr><th>a</th><th>b</th></tr><tr><td>123</td><td>45</td></tr></table>"


def test_a_table_gets_a_box_that_a_keyboard_can_scroll_and_a_head_that_repeats():
    framed = export.frame_tables(f"<p>x</p>{WIDE}<p>y</p>{WIDE}")
    assert framed.count('class="wide" tabindex="0"') == framed.count("</table></div>") == 2
    assert "--columns: 9" in framed
    assert "<thead><tr><th>a</th><th>b</th></tr></thead>" in framed
    assert framed.startswith("<p>x</p>")


@pytest.mark.parametrize(
    "page", ["<p>no</p>", "<!-- <table> -->", "<p title='<table>'>", "<table><tr><td>1</td></tr></table>"]
)  # fmt: skip
def test_pages_with_odd_tables_or_none_keep_their_text(page):
    framed = export.frame_tables(page)
    assert Reading(framed).text.strip() == Reading(page).text.strip()
    assert "<thead>" not in framed


@pytest.mark.parametrize(
    ("text", "columns"),
    [("", 0), ("abc", 3), ("a\nabcd\nb", 4), ("中文", 4), ("\x1b[31mred\x1b[0m", 3), ("\tx", 9)],
)
def test_columns_are_those_of_a_terminal(text, columns):
    assert export.columns_of(text) == columns


def test_long_lines_scroll_by_keyboard_and_prose_is_wrapped(read):
    reading = read(code(printed("short\n")), code(printed("x" * 100)), code(printed("y" * 500)))
    assert sum(box.get("aria-label") == "Output" for box in reading.boxes) == 1
