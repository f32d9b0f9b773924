"""Moodle's worksheet and feedback zip, Canvas's gradebook, and who handed in nothing."""

from __future__ import annotations

import csv
import html.parser
import io
import re
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from classes import graded_class, handed, hidden_in, row_of

from aigc_course.grading import canvas, moodle, submissions, work
from aigc_course.grading.book import Book, Handed
from aigc_course.grading.limits import Limits
from aigc_course.grading.names import spellings
from aigc_course.grading.roster import read_roster, time_in
from aigc_course.grading.sheets import cell_as_it_came
from aigc_course.grading.telling import say_after

HEADER = (
    "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,"
    "Last modified (submission),Last modified (grade),Feedback comments\r\n"
)
ANNA = handed("Mueller Anna", key="anna", lms="moodle", number="123456")
MIA = handed("Weber Mia", key="mia", lms="moodle", number="123457")


def sheet_row(number: int, name: str, grade: str = "", most: str = "10.00", **other: str) -> str:
    """A row of Moodle's worksheet, as it writes them."""
    comment = other.get("comment", "")
    submitted = other.get("submitted", '"Friday, 13 March 2026, 10:59 PM"')
    changeable = other.get("changeable", "Yes")
    return (
        f'Participant {number},"{name}",a@x,Submitted for grading - ,{grade},{most},{changeable},'
        f'{submitted},-,"{comment}"\r\n'
    )


def worksheet(tmp_path: Path, *rows: str, header: str = HEADER, mark: bool = False) -> Path:
    path = tmp_path / "worksheet.csv"
    path.write_bytes((header + "".join(rows)).encode("utf-8-sig" if mark else "utf-8"))
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def exported(tmp_path: Path, name: str) -> list[dict[str, str]]:
    return read_csv(tmp_path / "marks" / name)


def told(book) -> str:
    lines: list[str] = []
    say_after(book, lines.append)
    return "\n".join(lines)


# ---- Moodle ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [True, False])
def test_the_worksheet_comes_back_with_grades_and_comments_and_else_as_it_was(tmp_path, mark):
    file = worksheet(
        tmp_path,
        sheet_row(123456, "Mueller Anna"),
        sheet_row(123457, "Weber Mia"),
        sheet_row(123458, "Peters, Finja", submitted="-"),
        mark=mark,
    )
    book = graded_class(tmp_path, {ANNA: 10, MIA: 9}, roster=file)
    assert book.export() == []
    rows = exported(tmp_path, "moodle.csv")
    before = read_csv(file)
    assert [row["Grade"] for row in rows] == ["10", "9", ""]
    assert rows[0]["Feedback comments"].startswith("Marked with hidden tests.<br>10 of 10 points.")
    assert "vae-02" not in rows[0]["Feedback comments"]
    assert "vae-03 (The KL as a function): 8 of 9." in rows[1]["Feedback comments"]
    assert rows[2] == before[2]
    for row, old in zip(rows, before, strict=True):
        own = ("Grade", "Feedback comments")
        assert {k: v for k, v in row.items() if k not in own} == {
            k: v for k, v in old.items() if k not in own
        }
    written = (tmp_path / "marks" / "moodle.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbf") is mark
    assert "Handed in nothing: Peters, Finja (123458)." in told(book)


def test_moodle_s_maximum_is_what_grades_are_of_and_that_is_said(tmp_path):
    file = worksheet(
        tmp_path, sheet_row(123456, "A", most="100,00"), sheet_row(123457, "B", most="100.00")
    )
    said = graded_class(tmp_path, {ANNA: 10, MIA: 9}, roster=file).export()
    assert [row["Grade"] for row in exported(tmp_path, "moodle.csv")] == ["100", "90"]
    assert said == ["moodle.csv: grades are scaled from 10 points to Moodle's maximum of 100."]


def test_what_moodle_would_pass_over_is_cut_or_left_and_said(tmp_path):
    file = worksheet(
        tmp_path,
        sheet_row(123456, "Mueller Anna", grade="7.00"),
        sheet_row(123457, "Weber Mia", grade="3.00", changeable="No"),
    )
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "adjustments.csv").write_text("student,points\n123456,5\n")
    said = " ".join(graded_class(tmp_path, {ANNA: 10, MIA: 9}, roster=file).export())
    assert [row["Grade"] for row in exported(tmp_path, "moodle.csv")] == ["10", "3.00"]
    assert "no more than the maximum, for Mueller Anna." in said
    assert "had other grades: Mueller Anna 7.00 -> 10" in said
    assert "locked the grades of Weber Mia" in said


def test_a_comment_is_escaped_and_what_was_there_stays(tmp_path):
    file = worksheet(tmp_path, sheet_row(123456, "A", comment="<p>My own words</p>"))
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "adjustments.csv").write_text(
        "student,comment\n123456,很好！ see §4.2 <b>& more</b>\n", encoding="utf-8"
    )
    for _ in range(2):
        graded_class(tmp_path, {ANNA: 9}, roster=file).export()
        comment = exported(tmp_path, "moodle.csv")[0]["Feedback comments"]
        assert comment.startswith("<p>My own words</p><br>Marked with hidden tests.")
        assert [comment.count(mark) for mark in (moodle.OURS, moodle.END)] == [1, 1]
        assert "很好！ see §4.2 &lt;b&gt;&amp; more&lt;/b&gt;" in comment
        file.write_bytes((tmp_path / "marks" / "moodle.csv").read_bytes())  # exported anew


@pytest.mark.parametrize(
    ("above", "below"),
    [("", "See me."), ("Well done.", "<p>See me.</p>"), ("", ""), ("<br>a", "b<br />c")],
)
def test_a_teacher_s_words_stay_above_and_below_ours(tmp_path, above, below):
    line = f'student,comment\n123456,"{moodle.END} No."\n'  # our mark amid ours changes nothing
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "adjustments.csv").write_text(line, encoding="utf-8")
    comment = first = last = ""
    for points in (9, 7, 10):
        file = worksheet(tmp_path, sheet_row(123456, "A", comment=comment))
        graded_class(tmp_path, {ANNA: points}, roster=file).export()
        comment = exported(tmp_path, "moodle.csv")[0]["Feedback comments"]
        assert comment.startswith(f"{first}{moodle.OURS}<br>{points} of 10")
        assert comment.endswith(f"No.<br>{moodle.END}{last}")
        assert comment.count(moodle.OURS) == 1
        if points == 9:
            comment = f"{above}<br />{comment}<br/>{below}"
            first, last = f"{above}<br>" * bool(above), f"<br>{below}" * bool(below)


def test_an_excused_student_gets_a_comment_and_no_grade(tmp_path):
    file = worksheet(tmp_path, sheet_row(123456, "A"), sheet_row(9, "B", submitted="-"))
    (tmp_path / "marks").mkdir()
    lines = "student,excused,comment\n123456,yes,ill\n9,yes,\n"
    (tmp_path / "marks" / "adjustments.csv").write_text(lines)
    book = graded_class(tmp_path, {ANNA: 9}, roster=file)
    book.export()
    rows = exported(tmp_path, "moodle.csv")
    assert [row["Grade"] for row in rows] == ["", ""]
    assert rows[0]["Feedback comments"].endswith(f"Excused.<br>ill<br>{moodle.END}")
    assert "Handed in nothing" not in told(book)


def test_who_could_not_be_graded_costs_nobody_the_export(tmp_path):
    file = worksheet(
        tmp_path, sheet_row(123456, "A", grade="7.00", comment="seen"), sheet_row(123457, "B")
    )
    tests = hidden_in(tmp_path / "hidden")
    book = Book(tmp_path / "marks", tests, [ANNA, MIA], "a", read_roster(file))
    book.begin()
    book.record(MIA.submission, row_of(MIA, tests, 9))  # of Anna's the sandbox has failed
    book.export()
    rows = exported(tmp_path, "moodle.csv")
    assert [row["Grade"] for row in rows] == ["7.00", "9"]
    assert rows[0]["Feedback comments"] == "seen"


def test_who_could_not_be_graded_costs_nobody_the_gradebook(tmp_path):
    file = gradebook(tmp_path, old="7")
    tests = hidden_in(tmp_path / "hidden")
    book = Book(tmp_path / "marks", tests, [C_ANNA, C_MIA], "a", read_roster(file))
    book.begin()
    book.record(C_MIA.submission, row_of(C_MIA, tests, 9))
    book.export()
    marks = {row["ID"]: row["Workbook 4 (778123)"] for row in exported(tmp_path, "canvas.csv")}
    assert (marks["9001"], marks["9002"]) == ("7", "9")


@pytest.mark.parametrize(
    ("cell", "back"),
    [
        ("a;=HYPERLINK(1)", "a;'=HYPERLINK(1)"), ("a, @b|+c", "a, '@b|'+c"), ("a\n=1+1", "a\n'=1+1"),
        (" =1", " '=1"), ("a\t－1+1", "a\t'－1+1"), ("-1,5", "-1,5"), ("-", "-"), (" - ", " - "),
        ("+3.50", "+3.50"), ("Weber, Mia; x - y", "Weber, Mia; x - y"), ("a=b", "a=b"), ("", ""),
        ("Friday, 13 March 2026, 10:59 PM", "Friday, 13 March 2026, 10:59 PM"),
    ],
)  # fmt: skip
def test_a_cell_comes_back_as_it_was_but_for_formulas_anywhere_in_it(cell, back):
    assert cell_as_it_came(cell) == back


def test_a_formula_in_a_name_stays_a_text(tmp_path):
    names = ("=HYPERLINK(1)", "@x", "a;=HYPERLINK(1)")
    file = worksheet(tmp_path, *(sheet_row(n, name) for n, name in enumerate(names, 123456)))
    graded_class(tmp_path, {ANNA: 9}, roster=file).export()
    for row in exported(tmp_path, "moodle.csv"):
        assert row["Full name"].removeprefix("a;")[0] == "'"
        assert not [cell for cell in row.values() if cell[:1] in tuple("=+@")]


def folders_moodle_finds(names: list[str]) -> list[str]:
    """The number that Moodle's importer reads from each path: mod/assign/feedback/file."""
    numbers = []
    for name in names:
        parts = name.split("/")[0].split("_", 4)
        assert len(parts) >= 4, name
        assert parts[1].isdecimal(), name
        assert parts[2:4] == ["assignsubmission", "file"], name
        numbers.append(parts[1])
    return numbers


@pytest.mark.parametrize(
    "name", ["Mueller Anna", "o_neill_77_x", "R2-D2 778", "王 伟", "a/b\\c:d", "..", "_"]
)
def test_moodle_finds_each_student_in_the_zip_of_pages(tmp_path, name):
    file = worksheet(tmp_path, sheet_row(123456, name), sheet_row(123457, "Weber Mia"))
    book = graded_class(tmp_path, {ANNA: 10, MIA: 9}, roster=file)
    book.export()
    with zipfile.ZipFile(tmp_path / "marks" / "moodle_feedback.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        pages = [archive.read(each).decode() for each in names]
    assert folders_moodle_finds(names) == ["123456", "123457"]
    assert all(each.count("/") == 1 and each.endswith("/feedback_04.html") for each in names)
    assert ["10 of 10" in pages[0], "9 of 10" in pages[1]] == [True, True]


def test_times_that_are_not_understood_or_odd_are_named(tmp_path):
    times = ["gestern", '"Thursday, 1 January 1970, 1:00 AM"', "-"]
    rows = [sheet_row(n, f"S{n}", submitted=time) for n, time in enumerate(times, 1)]
    students = {handed(f"S{n}", key=f"s{n}", lms="moodle", number=str(n)): 9 for n in (1, 2, 3)}
    file = worksheet(tmp_path, *rows)
    assert "gestern" not in told(graded_class(tmp_path, students, roster=file))  # of no matter
    rule = "deadline: 2026-03-13\ntime_zone: UTC\npercent_a_day: 10\n"
    (tmp_path / "marks" / "late.yml").write_text(rule, encoding="utf-8")
    said = told(graded_class(tmp_path, students, roster=file))
    assert "line 2: the time 'gestern' of S1 is not understood" in said
    assert "The time of S2 is odd, look at it: 1970-01-01 01:00" in said
    assert "the time '-'" not in said


def test_whoever_could_not_be_graded_has_no_grade_in_the_worksheet(tmp_path):
    file = worksheet(tmp_path, sheet_row(123456, "Mueller Anna"), sheet_row(123457, "Weber Mia"))
    tests = hidden_in(tmp_path / "hidden")
    book = Book(tmp_path / "marks", tests, [ANNA, MIA], "a", read_roster(file))
    book.begin()
    book.record(ANNA.submission, row_of(ANNA, tests, 9))
    book.fail(MIA.submission, "The machine is too busy.")
    book.export()
    assert [row["Grade"] for row in exported(tmp_path, "moodle.csv")] == ["9", ""]


def test_blind_marking_has_numbers_only(tmp_path):
    header = "Identifier,Status,Grade,Maximum grade,Last modified (grade)\n"
    file = worksheet(tmp_path, "Participant 123457,x,,10.00,-\n", header=header)
    said = " ".join(graded_class(tmp_path, {MIA: 9}, roster=file).export())
    assert exported(tmp_path, "moodle.csv")[0]["Grade"] == "9"
    assert "no column Feedback comments" in said


def test_the_table_has_the_number_and_one_row_a_person(tmp_path):
    file = worksheet(
        tmp_path,
        sheet_row(123456, "Mueller Anna"),
        sheet_row(8, "Peters, Finja", submitted="-"),
    )
    graded_class(tmp_path, {ANNA: 10}, roster=file)
    graded_class(tmp_path, {ANNA: 10})  # the roster is remembered
    rows = exported(tmp_path, "grades.csv")
    assert [(r["student"], r["id"], r["total"], r["state"]) for r in rows] == [
        ("Mueller Anna", "123456", "10", ""),
        ("Peters, Finja", "8", "", "nothing handed in"),
    ]
    finja = handed("Peters, Finja", key="finja", lms="moodle", number="8")
    book = graded_class(tmp_path, {finja: 5}, source="late")
    assert "Handed in nothing" not in told(book)
    assert [row["total"] for row in exported(tmp_path, "grades.csv")] == ["10", "5"]


def test_a_worksheet_takes_no_grade_of_the_same_name_in_another_class(tmp_path):
    anna, bo, dan = (handed(name) for name in ("anna", "bo", "dan"))
    other = handed("anna", content="of another")
    put = tmp_path / "marks" / "adjustments.csv"
    graded_class(tmp_path, {anna: 4, bo: 5}, source="a")
    put.write_text("student,points\nanna,1\n", encoding="utf-8")
    file = worksheet(tmp_path, sheet_row(5, "Anna"), sheet_row(6, "Dan"))
    graded_class(tmp_path, {other: 9, dan: 8}, source="b", roster=file).export()
    assert [row["Grade"] for row in exported(tmp_path, "moodle.csv")] == ["9", "8"]
    put.write_text("student,points\nanna,1\n5,-2\nanna [b],-1\n", encoding="utf-8")
    for roster in (None, file):  # the number is hers from then on
        graded_class(tmp_path, {other: 9, dan: 8}, source="b", roster=roster)
        rows = {row["student"]: row for row in exported(tmp_path, "grades.csv")}
        assert (rows["anna"]["total"], rows["anna"]["id"]) == ("5", "file:anna")
        assert (rows["anna [b]"]["total"], rows["anna [b]"]["id"]) == ("6", "5")
    late = handed("anna", content="late")
    graded_class(tmp_path, {late: 10}, source="late", roster=file).export()
    rows = {row["student"]: row["total"] for row in exported(tmp_path, "grades.csv")}
    assert rows == {"anna": "5", "bo": "5", "anna [late]": "7", "Dan": "8"}
    assert [row["Grade"] for row in exported(tmp_path, "moodle.csv")] == ["7", "8"]


def test_an_older_export_is_said_to_be_old(tmp_path):
    file = worksheet(tmp_path, sheet_row(123456, "Mueller Anna"))
    graded_class(tmp_path, {ANNA: 10}, roster=file).export()
    said = graded_class(tmp_path, {ANNA: 10}).export()
    assert said == ["moodle.csv is as it was: give --roster again to renew it."]


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("Friday, 20 November 2026, 11:14 PM", (2026, 11, 20, 23, 14)),
        ("Friday, November 20, 2026, 11:14 PM", (2026, 11, 20, 23, 14)),
        ("Saturday, 14 March 2026, 12:10 AM", (2026, 3, 14, 0, 10)),
        ("Saturday, 14 March 2026, 12:10\u202fPM", (2026, 3, 14, 12, 10)),
        ("20 Nov 2026, 23:14", (2026, 11, 20, 23, 14)),
        ("2026-11-20 23:14:05", (2026, 11, 20, 23, 14, 5)),
        ("2026年11月20日 星期五 23:14", (2026, 11, 20, 23, 14)),
        ("2026年11月20日 下午11:14", (2026, 11, 20, 23, 14)),
        ("-", None), ("", None), ("Freitag, 20. März 2026, 23:14", None), ("soon", None),
        ("Friday, 31 February 2026, 1:00 AM", None), ("25:99", None),
    ],
)  # fmt: skip
def test_moodle_s_times_are_read_or_unknown(text, when):
    assert time_in(text) == (datetime(*when) if when else None)


def test_lateness_goes_by_the_worksheet(tmp_path):
    file = worksheet(
        tmp_path,
        sheet_row(123456, "A", submitted='"Saturday, 14 March 2026, 12:10 AM"'),
        sheet_row(123457, "B", submitted="-"),
    )
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "late.yml").write_text(
        "deadline: 2026-03-13\ntime_zone: Europe/Berlin\npercent_a_day: 10\nfile_times: true\n"
    )
    book = graded_class(tmp_path, {ANNA: 10, MIA: 9}, roster=file)
    book.export()
    assert [row["Grade"] for row in exported(tmp_path, "moodle.csv")] == ["9", "9"]
    assert "taken off for lateness: B." in told(book)


def test_a_time_is_of_the_submission_that_it_was_read_for(tmp_path):
    (tmp_path / "marks").mkdir()
    (tmp_path / "marks" / "late.yml").write_text(
        "deadline: 2026-03-13 23:59\ntime_zone: UTC\npercent_a_day: 10\n", encoding="utf-8"
    )
    in_time, late = '"Friday, 13 March 2026, 10:59 PM"', '"Sunday, 15 March 2026, 10:59 PM"'
    file = worksheet(tmp_path, sheet_row(123456, "Anna A", submitted=in_time))
    graded_class(tmp_path, {ANNA: 10, MIA: 9}, roster=file)
    assert "lateness: Anna A" not in told(graded_class(tmp_path, {ANNA: 10}))  # remembered
    newer = handed("Mueller Anna", key="anna", lms="moodle", number="123456", content="newer")
    book = graded_class(tmp_path, {newer: 10}, source="later")
    assert "No time is known, so nothing is taken off for lateness: Anna A" in told(book)
    assert exported(tmp_path, "grades.csv")[0]["submitted"] == ""
    file = worksheet(tmp_path, sheet_row(123456, "Anna A", submitted=late))
    graded_class(tmp_path, {newer: 10}, source="later", roster=file)
    assert exported(tmp_path, "grades.csv")[0]["total"] == "8"
    # A later time that the platform has of something that is not here is not the row's.
    file = worksheet(tmp_path, sheet_row(123456, "Anna A", submitted=late.replace("15", "16")))
    graded_class(tmp_path, {MIA: 9}, roster=file)
    assert exported(tmp_path, "grades.csv")[0]["total"] == "8"


def test_who_is_not_in_the_download_is_not_said_to_have_handed_in_nothing(tmp_path):
    when = '"Friday 20 November 7:30 PM"'  # without a year, as some themes have it
    rows = [
        sheet_row(123456, "Mueller Anna"),
        sheet_row(1005, "Carla", submitted=when),
        sheet_row(1006, "Dan", submitted="-"),
        sheet_row(1007, "Eve", submitted=when).replace("Submitted for grading", "No submission"),
        sheet_row(1008, "Fee", submitted=when).replace("Submitted for grading", "Draft"),
    ]
    said = told(graded_class(tmp_path, {ANNA: 10}, roster=worksheet(tmp_path, *rows)))
    assert "among the submissions (is the download complete?): Carla (1005)." in said
    assert "Handed in nothing: Dan (1006), Eve (1007), Fee (1008)." in said
    states = {row["student"]: row["state"] for row in exported(tmp_path, "grades.csv")}
    assert states["Carla"] == "handed in, but not among the submissions"
    carla = handed("Carla", key="carla", lms="moodle", number="1005")
    assert "Carla (1005)" not in told(graded_class(tmp_path, {ANNA: 10, carla: 3}))


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        (["moodle--id123456", "A--5f5f"], "moodle--id123456"),
        (["A--5f5f", "A--6f6f"], None),
    ],
)
def test_of_two_rows_of_one_number_one_is_taken_or_that_is_said(tmp_path, rows, chosen):
    two = [handed(f"A {key}", key=key, lms="moodle", number="123456") for key in rows]
    file = worksheet(tmp_path, sheet_row(123456, "Anna A"))
    book = graded_class(tmp_path, {two[0]: 10, two[1]: 4}, roster=file)
    book.export()
    assert exported(tmp_path, "moodle.csv")[0]["Grade"] == ("10" if chosen else "")
    assert bool(book.unclear) is not bool(chosen)
    assert all("Anna A (123456)" in text for text in book.unclear)
    # Where one of them is from before, the one that is here counts.
    book = graded_class(tmp_path, {two[1]: 4}, roster=file)
    book.export()
    assert exported(tmp_path, "moodle.csv")[0]["Grade"] == ("10" if chosen else "4")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (HEADER.encode() + b"Teilnehmer,A,,,,10,Yes,,-,\n", ["line 2", "'Teilnehmer'"]),
        (HEADER.encode() + sheet_row(1, "A").encode() * 2, ["1 2 times"]),
        (HEADER.encode(), ["names nobody"]),
        (b"Identifikator,Bewertung\nTeilnehmer/in 3,\n", ["Identifikator", "English"]),
        (b"ID,Section\n,\n", ["Student and ID"]),
        (b"a,b,c\n1,2,3\n", ["a, b, c", "student"]),
        (b"name\n\n,\n", ["names nobody"]),
        (b"name,email\n,x@y\n", ["line 2", "no name"]),
        (b"PK\x03\x04", ["CSV UTF-8"]),
        (b"", ["empty"]),
    ],
)
def test_a_roster_that_is_none_is_said_to_be_none(tmp_path, content, words, one_sentence):
    file = tmp_path / "class.csv"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r".") as caught:
        read_roster(file)
    one_sentence(caught.value, "class.csv", *words)


def test_a_maximum_that_is_a_scale_is_refused(tmp_path, one_sentence):
    file = worksheet(tmp_path, sheet_row(123456, "A", most="Scale"))
    with pytest.raises(ValueError, match="Scale") as caught:
        graded_class(tmp_path, {ANNA: 10}, roster=file)
    one_sentence(caught.value, "line 2", "points")
    assert not (tmp_path / "marks").exists()


# ---- Canvas ----------------------------------------------------------------------------------

GRADEBOOK = """Student,ID,SIS User ID,SIS Login ID,Section,Workbook 3 (778001),Workbook 4 (778123),Current Score
,,,,,Manual Posting,Manual Posting,(read only)
    Points Possible,,,,,18,{most},(read only)
"Mueller, Anna",9001,S1,a1,AIGC,17,{old},90.1
"Weber, Mia",9002,S2,m2,"AIGC and X",,,
"Peters, Finja",9003,S3,f3,AIGC,12,,60
"Student, Test",9999,,t,AIGC,,,
"""
C_ANNA = handed("muelleranna", key="anna", lms="canvas", number="9001")
C_MIA = handed("webermia", key="mia", lms="canvas", number="9002")


def gradebook(tmp_path: Path, text: str = GRADEBOOK, most: str = "10", old: str = "") -> Path:
    path = tmp_path / "gradebook.csv"
    path.write_text(text.format(most=most, old=old), encoding="utf-8")
    return path


def test_the_gradebook_comes_back_with_one_column(tmp_path):
    book = graded_class(tmp_path, {C_ANNA: 10, C_MIA: 9}, roster=gradebook(tmp_path))
    assert book.export() == ["canvas.csv: marks are in the column 'Workbook 4 (778123)'."]
    assert (tmp_path / "marks" / "canvas.csv").read_text().splitlines() == [
        "Student,ID,SIS User ID,SIS Login ID,Section,Workbook 4 (778123)",
        ",,,,,Manual Posting",
        "    Points Possible,,,,,10",
        '"Mueller, Anna",9001,S1,a1,AIGC,10',
        '"Weber, Mia",9002,S2,m2,AIGC and X,9',
        '"Peters, Finja",9003,S3,f3,AIGC,',
        '"Student, Test",9999,,t,AIGC,',
    ]
    assert "Handed in nothing: Peters, Finja (9003)." in told(book)
    assert "Test" not in told(book)


def test_canvas_scales_excuses_and_says_what_it_replaces(tmp_path):
    (tmp_path / "marks").mkdir()
    lines = "student,points,excused\nmuelleranna,1,\nWeber Mia,,\n9003,,yes\n"
    (tmp_path / "marks" / "adjustments.csv").write_text(lines.replace("Weber Mia", "webermia"))
    file = gradebook(tmp_path, most="100", old="12")
    said = " ".join(graded_class(tmp_path, {C_ANNA: 10, C_MIA: 9}, roster=file).export())
    rows = {row["ID"]: row["Workbook 4 (778123)"] for row in exported(tmp_path, "canvas.csv")}
    assert (rows["9001"], rows["9002"], rows["9003"]) == ("110", "90", "EX")
    assert "scaled from 10 points to Canvas's 100" in said
    assert "Mueller, Anna 12 -> 110" in said


@pytest.mark.parametrize(
    ("titles", "assignment", "wanted", "chosen"),
    [
        (["Workbook 3", "Workbook 4"], "04", None, "Workbook 4"),
        (["Workbook 5.1", "Workbook 5.2", "Week 5"], "05_2", None, "Workbook 5.2"),
        (["Essay"], "04", None, "Essay"),
        (["Workbook 3"], "04", None, None),
        (["Workbook 4.1"], "04", None, None),
        (["Essay 2026"], "04", "Essay 2026", "Essay 2026"),
        (["Workbook 4", "Quiz"], "04", "Quiz", "Quiz"),
        (["Workbook 4", "Quiz"], "04", "Quiz (2)", "Quiz"),
        (["Workbook 14", "Workbook 4 part 2"], "04", None, None),
        (["Workbook 4", "Quiz 4"], "04", None, None),
        (["Workbook 4"], "04", "quizz", None),
        ([], "04", None, None),
    ],
)
def test_the_column_is_found_named_or_asked_for(tmp_path, titles, assignment, wanted, chosen, one_sentence):  # fmt: skip
    names = [f"{title} ({number})" for number, title in enumerate(titles, 1)]
    path = tmp_path / "g.csv"
    path.write_text(
        ",".join(["Student,ID,SIS Login ID,Section", *names, "Final Score"]) + "\nA,1,a,S\n"
    )
    sheet = read_roster(path).sheet
    if chosen is not None:
        at = canvas.chosen_column(sheet, assignment, wanted)
        assert sheet.header[at].startswith(f"{chosen} (")
        return
    with pytest.raises(ValueError, match="--column") as caught:
        canvas.chosen_column(sheet, assignment, wanted)
    one_sentence(caught.value, *names)


@pytest.mark.parametrize(
    ("one", "text", "words"),
    [
        (C_ANNA, HEADER + sheet_row(1, "Anna A"), ["is Moodle's", "give Canvas's gradebook"]),
        (
            ANNA,
            GRADEBOOK.format(most=19, old=""),
            ["is Canvas's gradebook", "give Moodle's grading worksheet"],
        ),
    ],
)
def test_the_other_platform_s_export_is_refused(tmp_path, one, text, words, one_sentence):
    path = tmp_path / "export.csv"
    path.write_text(text.replace("Mueller, Anna", "Other, Anna"), encoding="utf-8")
    with pytest.raises(ValueError, match="export") as caught:
        graded_class(tmp_path, {one: 9}, roster=path)
    one_sentence(caught.value, *words, "--roster")
    assert not (tmp_path / "marks").exists()


def test_semicolons_and_first_names_of_canvas_are_taken(tmp_path):
    text = GRADEBOOK.replace(",", ";").replace("Student;ID", "LastName;FirstName;ID", 1)
    text = text.replace('"Mueller; Anna"', "Mueller;Anna").replace('"Weber; Mia"', "Weber;Mia")
    text = text.replace('"Peters; Finja"', "Peters;Finja").replace(
        '"Student; Test"', "Student;Test"
    )
    text = text.replace(";;;;;M", ";;;;;;M").replace("Possible;", "Possible;;")
    book = graded_class(tmp_path, {C_ANNA: 10, C_MIA: 9}, roster=gradebook(tmp_path, text))
    book.export()
    lines = (tmp_path / "marks" / "canvas.csv").read_text().splitlines()
    assert lines[0].startswith("LastName;FirstName;ID;")
    assert lines[3] == "Mueller;Anna;9001;S1;a1;AIGC;10"


# ---- lists -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Ada Lovelace\nBo Li\n王伟\n",
        "name,email\nAda Lovelace,ada@x\nBo Li,b@x\n王伟,w@x\n",
        "姓名;学号\nAda Lovelace;1\nBo Li;2\n王伟;3\n",
        "First name,Last name,ID number\nAda,Lovelace,1\nBo,Li,2\n王伟,,3\n",
        '"Student"\n"Lovelace, Ada"\n"Li, Bo"\n"王伟"\n',
    ],
)
def test_a_list_says_who_handed_in_nothing(tmp_path, text):
    path = tmp_path / "class.csv"
    path.write_text(text, encoding="utf-8")
    files = {handed("lovelace_ada"): 10, handed("eve"): 3, handed("王伟", key="w"): 8}
    book = graded_class(tmp_path, files, roster=path)
    said = told(book)
    assert "Handed in nothing: Bo Li." in said or "Handed in nothing: Li, Bo." in said
    assert "On no roster: eve." in said
    assert book.export() == []


def test_equal_names_are_not_guessed_at(tmp_path):
    path = tmp_path / "class.txt"
    path.write_text("Wang Wei\nWang Wei\nBo Li\n")
    book = graded_class(tmp_path, {handed("wangwei"): 10, handed("bo li", key="b"): 2}, roster=path)
    assert book.unclear
    assert all("Wang Wei" in text for text in book.unclear)
    rows = [row["total"] for row in exported(tmp_path, "grades.csv") if row["student"] == "wangwei"]
    assert rows == ["10"]


def test_the_same_name_with_another_number_is_another_student(tmp_path):
    rows = sheet_row(555, "Mueller Anna", submitted="-"), sheet_row(123457, "Weber Mia")
    file = worksheet(tmp_path, *rows)
    book = graded_class(tmp_path, {ANNA: 10, MIA: 9}, roster=file)
    assert "Handed in nothing: Mueller Anna (555)." in told(book)
    assert "On no roster: Mueller Anna." in told(book)


MOODLE_LIST = HEADER + "".join(
    sheet_row(number, name, submitted="-")
    for number, name in enumerate(("Ada Lovelace", "Li Wei", "王伟"), 1)
)
PEOPLE = {
    handed("Ada Lovelace", key="ada", lms="moodle", number="1"): 10,
    handed("Li Wei", key="li", lms="moodle", number="2"): 9,
}


@pytest.mark.parametrize(
    "rosters",
    [
        [MOODLE_LIST, "Ada Lovelace\nLi Wei\n王伟\n"],
        ['student\n"Lovelace, Ada"\n"Wei, Li"\n王伟\n', MOODLE_LIST],
        ["Ada Lovelace\nWei Li\n王伟", MOODLE_LIST, "name,email\nada_lovelace,a@x\nLi Wei,a@y\n王伟,"],
        ["Ada Lovelace\nLi Wei\n王伟\n", 'student\n"Lovelace, Ada"\n"Li, Wei"\n王伟\n'],
    ],
)  # fmt: skip
def test_people_are_the_same_on_every_roster(tmp_path, rosters):
    for text in rosters * 2:
        path = tmp_path / "class.csv"
        path.write_text(text, encoding="utf-8")
        said = told(graded_class(tmp_path, PEOPLE, roster=path))
        assert re.search(r"Handed in nothing: 王伟( \(3\))?\.", said), said
        assert "On no roster" not in said
        assert len(exported(tmp_path, "grades.csv")) == 3


def test_several_of_one_name_are_as_many_as_the_roster_has(tmp_path):
    path = tmp_path / "class.csv"
    twice = "student\nWang Wei\nWang Wei\nWei Wang\nBo Li\n"
    numbers = "student,number\nWang Wei,11\nWang Wei,12\nWei Wang,13\nBo Li,14\n"
    for text in (twice, twice, numbers, twice, numbers):
        path.write_text(text, encoding="utf-8")
        graded_class(tmp_path, {handed("bo li", key="b"): 2}, roster=path)
        rows = exported(tmp_path, "grades.csv")
        missing = [row for row in rows if row["state"] == "nothing handed in"]
        assert [row["student"] for row in missing] == ["Wang Wei", "Wang Wei", "Wei Wang"]
        assert len({row["id"] for row in rows}) == 4
    path.write_text("student,number\nBo Li,99\n", encoding="utf-8")  # another one
    graded_class(tmp_path, {handed("bo li", key="b"): 2}, roster=path)
    assert len(exported(tmp_path, "grades.csv")) == 6


def test_the_id_of_the_table_names_one_of_several(tmp_path, one_sentence):
    path = tmp_path / "class.csv"
    path.write_text("student\nWang Wei\nWang Wei\n", encoding="utf-8")
    graded_class(tmp_path, {ANNA: 2}, roster=path)
    rows = [row for row in exported(tmp_path, "grades.csv") if row["student"] == "Wang Wei"]
    file = tmp_path / "marks" / "adjustments.csv"
    file.write_text("student,set\nWang Wei,3\n", encoding="utf-8")
    with pytest.raises(ValueError, match="Wang Wei") as caught:
        graded_class(tmp_path, {ANNA: 2})
    one_sentence(caught.value, *(row["id"] for row in rows), "any of 2")
    file.write_text(f"student,set\n{rows[1]['id']},3\n", encoding="utf-8")
    said = told(graded_class(tmp_path, {ANNA: 2}))
    assert f"By hand, from adjustments.csv: Wang Wei ({rows[1]['id']}) set to 3." in said
    assert [r["total"] for r in exported(tmp_path, "grades.csv")] == ["2", "", "3"]


@pytest.mark.parametrize("name", ["adjustments.csv", "late.yml"])
def test_one_of_two_with_a_name_is_asked_for_by_number_before_the_first_run(
    tmp_path, name, one_sentence
):
    file = worksheet(tmp_path, sheet_row(1001, "Anna S"), sheet_row(1002, "Anna S"))
    rule = (
        "deadline: 2026-03-13\ntime_zone: UTC\npercent_a_day: 10\nextensions:\n  WHO: 2026-03-20\n"
    )
    text = rule if name == "late.yml" else "student,points\nWHO,1\n"
    (tmp_path / "marks").mkdir()
    path = tmp_path / "marks" / name
    path.write_text(text.replace("WHO", "Anna S"), encoding="utf-8")
    two = {
        handed(f"Anna S ({n})", key=f"m{n}", lms="moodle", number=str(n)): 9 for n in (1001, 1002)
    }
    with pytest.raises(ValueError, match="Anna S") as caught:
        graded_class(tmp_path, two, roster=file)
    one_sentence(caught.value, name, "1001 or 1002")
    path.write_text(text.replace("WHO", "1002"), encoding="utf-8")
    graded_class(tmp_path, two, roster=file)


def test_of_several_with_one_name_the_number_is_told(tmp_path):
    file = worksheet(tmp_path, sheet_row(1001, "Schmidt, Anna"), sheet_row(1002, "Schmidt, Anna"))
    keys = [("1001", "m1"), ("1002", "m2")]
    two = [handed(f"Anna ({n})", key=k, lms="moodle", number=n) for n, k in keys]
    graded_class(tmp_path, dict.fromkeys(two, 0), roster=file)
    new = [replace(one, content="new") for one in two]
    said = told(graded_class(tmp_path, {new[0]: 10, new[1]: 7}, roster=file))
    assert "Marks that changed: Schmidt, Anna (1001) 0 -> 10; Schmidt, Anna (1002) 0 -> 7." in said


def test_spellings_are_those_of_files_and_tables():
    wanted = spellings("Lovelace, Ada")
    for name in ("Ada Lovelace", "ada_lovelace", "lovelaceada", "ADA.LOVELACE", "Lovelace Ada"):
        assert wanted & spellings(name), name
    assert not wanted & spellings("Ada Love")


def test_a_folder_s_name_is_one_that_moodle_and_every_system_take():
    for name in ("a_b", 'x/y\\z:*?"<>|', "..", "", "CON.", "\u202eabc", "x" * 300):
        folder = moodle._folder_name(name)
        assert folder
        assert "_" not in folder
        assert not set(folder) & set('/\\:*?"<>|')
        assert len(folder) <= 80


class Plain(html.parser.HTMLParser):
    """Fails on a tag that a comment of ours does not have."""

    def handle_starttag(self, tag, attrs):
        assert tag == "br"


def test_no_tag_of_a_student_reaches_moodle(tmp_path):
    place = tmp_path / "in" / "Mueller Anna_123456_assignsubmission_file_"
    place.mkdir(parents=True)
    (place / "<img src=x onerror=alert(1)>.pdf").write_bytes(b"%PDF")
    (found,) = submissions.find(tmp_path / "in", "04", scratch=tmp_path).submissions
    file = worksheet(tmp_path, sheet_row(123456, "<script>x</script>"))
    tests = hidden_in(tmp_path / "hidden")
    book = Book(tmp_path / "marks", tests, [Handed(found, "x")], "a", read_roster(file))
    book.begin()
    work.Work(tests, Limits(), book, "a", lambda _: None).run([Handed(found, "x")], 1)
    book.export()
    comment = exported(tmp_path, "moodle.csv")[0]["Feedback comments"]
    assert "&lt;img src=x onerror=alert(1)&gt;.pdf" in comment
    Plain().feed(comment)
