"""Tables of text: they fit the terminal, cut no value in two, and send it no commands."""

from __future__ import annotations

import pytest

from aigc_course.reports import tables

HEADER = ["run", "status", "A", "results"]
LINES = [
    ["toy-0123456789ab", "done", "0.123456789", "mape=0.123457 note=a long text of many words"],
    ["toy-0123456789cd.2", "failed in cell 3", "[256, 128]", ""],
]


def test_without_a_limit_each_row_is_one_line():
    text = tables.as_table(HEADER, LINES).splitlines()
    assert len(text) == 4
    assert text[2].endswith("of many words")
    assert [line.index("done") for line in text if "done" in line] == [text[0].index("status")]


@pytest.mark.parametrize("width", [30, 40, 60, 80])
def test_a_narrow_terminal_gets_more_lines_and_no_broken_values(width):
    text = tables.as_table(HEADER, LINES, width)
    assert all(len(line) <= width for line in text.splitlines())
    for value in ("toy-0123456789ab", "0.123456789", "mape=0.123457", "toy-0123456789cd.2"):
        assert value in text
    assert [line[0] for line in text.splitlines() if line[0] != " "] == ["r", "-", "t", "t"]


def test_a_word_that_is_wider_than_the_terminal_stays_whole():
    name = "x" * 50
    assert name in tables.as_table(["run", "a"], [[name, "1"]], 20).split()


def test_chinese_takes_two_columns_and_marks_above_letters_none():
    assert [tables.columns(text) for text in ("ab", "王", "e\u0301", "")] == [2, 2, 1, 0]
    # Joiners, marks of direction, and marks that go around a letter.
    texts = ("👩\u200d🔬", "a\u200fb", "a\u20dd", "क\u094d\u0937")
    assert [tables.columns(text) for text in texts] == [4, 2, 1, 2]
    text = tables.as_table(["n", "a"], [["王小明", "1"], ["x", "2"]]).splitlines()
    assert text[2] == "王小明  1"
    assert text[3] == "x       2"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\nb\tc", "a b c"),
        ("\u202eabc", "\\u202eabc"),
        ("\ud83d", "\\ud83d"),
        ("\x00", "\\x00"),
        ("<b>ü王</b>", "<b>ü王</b>"),
    ],
)
def test_nothing_acts_upon_a_terminal(text, shown):
    assert tables.one_line(text) == shown
    assert shown in tables.as_table(["n"], [[text]])


def test_long_texts_are_cut_with_a_mark():
    assert tables.shorten("short", 10) == "short"
    assert tables.shorten("a long text of words", 10) == "a long te…"
    assert tables.shorten("王王王王王王", 6) == "王王…"


@pytest.mark.parametrize("most", [12, 20, 33])
def test_what_begins_alike_is_told_apart_by_its_end(most):
    long = "/home/an/a/long/way/to/the/spring/term/"
    shown = [tables.shorten_middle(f"{long}series_{k}", most) for k in "abc"]
    assert len(set(shown)) == 3
    for text, k in zip(shown, "abc", strict=True):
        assert tables.columns(text) <= most
        assert text.startswith("/home"[: most // 3])
        assert text.endswith(f"s_{k}")
        assert text.count("…") == 1
    assert tables.shorten_middle("short", most) == "short"
    assert tables.columns(tables.shorten_middle("王" * 40, most)) <= most
    assert "\x1b" not in tables.shorten_middle("a" * 40 + "\x1b[2J", most)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ab" * 50_000, "ab" * 4 + "a…"),
        ("诗" * 50_000, "诗诗诗诗…"),
        ("e" + "\u0301" * 50_000, "e" + "\u0301" * 79 + "…"),
        ("\x1b" * 50_000, "\\x1b\\x1b\\…"),
        (" a\n" * 50_000, "a a a a a…"),
        (" " * 50_000 + "a", "a"),
        ("", ""),
        ("abcdefghij", "abcdefghij"),
    ],
    ids=lambda text: ascii(text[:3]),
)
def test_a_text_of_any_length_is_cut_at_once(text, shown, monkeypatch):
    looked_at = []
    monkeypatch.setattr(
        tables, "_column", lambda c, real=tables._column: looked_at.append(c) or real(c)
    )
    assert tables.shorten(text, 10) == shown
    assert len(looked_at) < 500  # and not once for each of its beginnings


def test_html_escapes_everything():
    text = tables.as_html(["<th>"], [["<script>alert(1)</script>"]], "a & b")
    assert "<script>" not in text
    assert "a &amp; b" in text


def test_the_width_is_what_is_said(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert tables.terminal_width() == 100
    monkeypatch.setenv("COLUMNS", "many")
    assert tables.terminal_width() is None  # standard output of a test is no terminal
