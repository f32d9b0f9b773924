"""Marks stay: rows, pages, a teacher's own marks and what late work costs."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from classes import graded_class, handed, hidden_in, put, row_of

from aigc_course.grading import commands
from aigc_course.grading.adjustments import read_adjustments
from aigc_course.grading.book import Book
from aigc_course.grading.lateness import LateRule, read_rule
from aigc_course.grading.limits import Limits
from aigc_course.grading.marks import read_grades
from aigc_course.grading.names import Names
from aigc_course.grading.roster import read_roster
from aigc_course.grading.sheets import number_in, read_sheet, sheet_number, write_sheet
from aigc_course.grading.submissions import Found
from aigc_course.grading.telling import say_after, say_before

ANNA, BO, CY = (handed(name) for name in ("anna", "bo", "cy"))


def table(tmp_path: Path) -> dict[str, dict[str, str]]:
    text = (tmp_path / "marks" / "grades.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len({row["student"] for row in rows}) == len(rows)
    return {row["student"]: row for row in rows}


def page(tmp_path: Path, key: str) -> str:
    return (tmp_path / "marks" / "feedback" / f"{key}.html").read_text(encoding="utf-8")


def told(book: Book) -> str:
    lines: list[str] = []
    say_after(book, lines.append)
    return "\n".join(lines)


def test_what_stops_half_of_the_class_is_told_once(tmp_path):
    people = [handed(name) for name in ("anna", "bo", "cem", "dan")]
    book = graded_class(tmp_path, dict.fromkeys(people, 10))
    rows = list(book.rows.values())
    slow = "Code cell 3 ran longer than 30 seconds and was interrupted."
    assert "have this" not in told(book)
    rows[0].notes.append(slow)
    assert "have this" not in told(book)  # one of four is a student's own
    rows[1].notes += [slow, slow]
    assert f"2 of 4 have this: {slow} If that is not their doing" in told(book)
    rows[0].here = rows[1].here = False
    assert "have this" not in told(book)


def test_marks_are_no_submissions(tmp_path):
    out = tmp_path / "marks"
    graded_class(tmp_path, {ANNA: 10})
    with pytest.raises(ValueError, match=r"holds marks .*name the folder or zip of submissions"):
        commands.grade(out, "04", tmp_path / "other", commands.GradeOptions(), print)


# ---- rows ------------------------------------------------------------------------------


def test_another_class_adds_rows_and_takes_none_away(tmp_path):
    graded_class(tmp_path, {ANNA: 10, BO: 9}, source="a")
    book = graded_class(tmp_path, {CY: 8}, source="b")
    rows = table(tmp_path)
    assert {name: row["total"] for name, row in rows.items()} == {
        "anna": "10",
        "bo": "9",
        "cy": "8",
    }
    assert rows["bo"]["state"] == "not in the last folder"
    assert rows["cy"]["state"] == ""
    assert "kept in the table: anna 10, bo 9." in told(book)
    assert "New: cy 8." in told(book)
    assert "9 of 10 points" in page(tmp_path, "bo")


def test_late_work_of_the_same_student_is_one_row_that_names_both(tmp_path):
    graded_class(tmp_path, {ANNA: 4, BO: 9}, source="a")
    better = handed("anna", content="better")
    put(tmp_path, "class.txt", "anna\nbo\n")
    book = graded_class(
        tmp_path, {better: 10}, source="late", roster=tmp_path / "marks" / "class.txt"
    )
    row = table(tmp_path)["anna"]
    assert row["total"] == "10"
    assert "Replaces 4 of 10 points from a." in row["note"]
    assert "Marks that changed: anna 4 -> 10." in told(book)


def test_equal_names_in_two_folders_are_said_to_be_taken_for_one(tmp_path):
    graded_class(tmp_path, {ANNA: 8, BO: 9})
    same, other = handed("bo"), handed("anna", content="of another Anna")
    lines: list[str] = []
    tests = hidden_in(tmp_path / "hidden")
    roster = read_roster(put(tmp_path, "class.txt", "anna\nbo\n"))
    book = Book(tmp_path / "marks", tests, [same, other], "b", roster)
    say_before(book, Found(()), tests.sha256, Limits(), lines.append)
    assert [line for line in lines if "another folder" in line] == [
        "Taken for the student of that name in another folder, as the roster has one: anna. If "
        "they are two, give one of them another name."
    ]


def test_a_page_that_the_teacher_edited_or_deleted_is_not_written_in_silence(tmp_path):
    graded_class(tmp_path, {ANNA: 10, BO: 9})
    folder = tmp_path / "marks" / "feedback"
    (folder / "anna.html").write_text("see me", encoding="utf-8")
    (folder / "bo.html").unlink()
    said = told(graded_class(tmp_path, {ANNA: 10, BO: 9}))
    assert page(tmp_path, "anna") == "see me"
    assert "feedback/bo.html was gone, and is written again." in said
    assert "9 of 10" in page(tmp_path, "bo")
    said = told(graded_class(tmp_path, {handed("anna", content="new"): 4, BO: 9}))
    assert "feedback/anna.html was edited: it is kept in anna.edited-1.html." in said
    assert page(tmp_path, "anna.edited-1") == "see me"
    assert "4 of 10" in page(tmp_path, "anna")
    assert "nobody" not in told(graded_class(tmp_path, {BO: 9}))


def test_an_edited_page_is_kept_when_its_student_is_renamed(tmp_path):
    graded_class(tmp_path, {ANNA: 7, BO: 9})
    folder = tmp_path / "marks" / "feedback"
    (folder / "anna.html").write_text("see me", encoding="utf-8")
    (folder / "anna-li.html").write_text("for Li", encoding="utf-8")  # nobody's until now
    renamed = handed("Anna Li", key="anna-li", content="of anna")
    said = told(graded_class(tmp_path, {renamed: 7, BO: 9}))
    assert "feedback/anna.html was edited: it is kept in anna.edited-1.html." in said
    assert "feedback/anna-li.html was there already: it is kept in" in said
    assert page(tmp_path, "anna.edited-1") == "see me"
    assert page(tmp_path, "anna-li.edited-1") == "for Li"
    assert "7 of 10" in page(tmp_path, "anna-li")
    assert not (folder / "anna.html").exists()


@pytest.mark.parametrize("late", ["late 1", "late 2", "late 3"])
def test_edited_pages_are_kept_when_rows_become_one(tmp_path, late):
    graded_class(tmp_path, {ANNA: 4}, source="a")
    work = {name: handed("anna", content=name) for name in ("late 1", "late 2", "late 3")}
    for name in ("late 1", "late 2"):
        graded_class(tmp_path, {work[name]: 5}, source=name)
    pages = sorted((tmp_path / "marks" / "feedback").iterdir())
    for path in pages:
        path.write_text(f"see me, {path.name}", encoding="utf-8")
    file = put(tmp_path, "class.txt", "anna\n")
    said = told(graded_class(tmp_path, {work[late]: 5}, source=late, roster=file))
    assert len(pages) == 3
    for path in pages:
        kept = path.with_name(f"{path.stem}.edited-1.html")
        assert kept.read_text(encoding="utf-8") == f"see me, {path.name}"
        assert f"feedback/{path.name} was edited: it is kept in {kept.name}." in said
    assert "5 of 10" in page(tmp_path, "anna")
    assert "Pages of nobody" not in said


def test_when_a_mark_changed_is_kept(tmp_path):
    for points in (8, 8, 6, 9):
        graded_class(tmp_path, {handed("anna", content=f"{points}"): points})
    (*_, before, last) = read_grades(tmp_path / "marks", "04").students["anna"].changes
    assert before.endswith(": 8 -> 6")
    assert last.endswith(": 6 -> 9")


@pytest.mark.parametrize("roster", ["", "Bo\n", "Anna\nANNA\n"])
def test_one_name_in_two_folders_is_two_students_unless_a_roster_says_it_is_one(tmp_path, roster):
    put(tmp_path, "adjustments.csv", "student,points\nfile:anna,1\n")
    graded_class(tmp_path, {ANNA: 8, BO: 9}, source="/x/a")
    other = handed("anna", content="of another")
    put(tmp_path, "class.txt", roster)
    file = tmp_path / "marks" / "class.txt" if roster else None
    for _ in range(2):
        book = graded_class(tmp_path, {other: 3, CY: 5}, source="/x/b", roster=file)
        rows = {name: row["total"] for name, row in table(tmp_path).items() if "nn" in name}
        assert rows.pop("anna") == "9"
        assert rows.pop("anna [b]") == "3"
        assert not any(rows.values())
    lines: list[str] = []
    say_before(book, Found(()), "", Limits(), lines.append)
    assert any("anna [b]" in line and "--roster" in line for line in lines)
    graded_class(tmp_path, {ANNA: 8, BO: 9}, source="/x/a")
    assert table(tmp_path)["anna [b]"]["total"] == "3"
    third = handed("anna", content="of a third")
    graded_class(tmp_path, {third: 4}, source="/y/b")
    totals = sorted(row["total"] for name, row in table(tmp_path).items() if "anna" in name)
    assert totals[-3:] == ["3", "4", "9"]


def test_rows_that_were_kept_apart_become_one_once_a_roster_says_so(tmp_path):
    graded_class(tmp_path, {ANNA: 4}, source="a")
    better = handed("anna", content="better")
    graded_class(tmp_path, {better: 10}, source="late")
    put(tmp_path, "class.txt", "anna\n")
    file = tmp_path / "marks" / "class.txt"
    book = graded_class(tmp_path, {better: 10}, source="late", roster=file)
    assert {name: row["total"] for name, row in table(tmp_path).items()} == {"anna": "10"}
    assert "Replaces 4 of 10 points from a." in table(tmp_path)["anna"]["note"]
    assert "Marks that changed: anna 4 -> 10." in told(book)
    assert book.strays() == []


def test_all_rows_that_were_kept_apart_become_one_in_a_third_folder(tmp_path):
    graded_class(tmp_path, {ANNA: 4, BO: 9}, source="a")
    file = put(tmp_path, "class.txt", "anna\nbo\n")
    for number, source in enumerate(("late 1", "late 2")):
        graded_class(tmp_path, {handed("anna", content=source): 5 + number}, source=source)
    assert set(table(tmp_path)) == {"anna", "anna [late 1]", "anna [late 2]", "bo"}
    last = handed("anna", content="late 3")
    book = graded_class(tmp_path, {last: 7}, source="late 3", roster=file)
    row = table(tmp_path)["anna"]
    assert set(table(tmp_path)) == {"anna", "bo"}
    assert row["total"] == "7"
    for points, source in ((4, "a"), (5, "late 1"), (6, "late 2")):
        assert f"Replaces {points} of 10 points from {source}." in row["note"]
    assert book.strays() == []
    assert book.apart == [
        f"anna [late {number}] is anna of the roster: it is one row from now on."
        for number in (1, 2)
    ]


DAN = handed("dan")
CLASS_A, CLASS_B = "anna\nbo\n", "anna\ndan\n"


def two_classes(tmp_path: Path, first: str) -> None:
    """Class "a" with an Anna who has 4 points, class "b" with one who has 9; +1 for each by hand."""
    classes = {
        "a": {ANNA: 4, BO: 5},
        "b": {handed("anna", content="of another"): 9, DAN: 8},
    }
    second = "b" if first == "a" else "a"
    for source in (first, second):
        graded_class(tmp_path, classes[source], source=source)
    lines = f"student,points,comment\nfile:anna,1,for {first}\nanna [{second}],1,for {second}\n"
    put(tmp_path, "adjustments.csv", lines)
    graded_class(tmp_path, classes[second], source=second)


@pytest.mark.parametrize("first", ["a", "b"])
@pytest.mark.parametrize("late", ["a", "b"])
@pytest.mark.parametrize("lists", [[], [CLASS_A, CLASS_B]])
def test_late_work_of_one_class_takes_nothing_of_the_same_name_in_another(
    tmp_path, first, late, lists
):
    two_classes(tmp_path, first)
    names = {first: "anna", "b" if first == "a" else "a": f"anna [{'b' if first == 'a' else 'a'}]"}
    other = "b" if late == "a" else "a"
    before = table(tmp_path)[names[other]]
    their_page = page(tmp_path, "anna")
    for text in lists:  # rosters that were given before
        graded_class(tmp_path, {CY: 1}, source="c", roster=put(tmp_path, "old.txt", text + "cy\n"))
    file = put(tmp_path, "class.txt", CLASS_A if late == "a" else CLASS_B)
    work = handed("anna", content="late")
    book = Book(
        tmp_path / "marks", hidden_in(tmp_path / "hidden"), [work], "late", read_roster(file)
    )
    book.begin()  # and no more, as if the grading was stopped
    assert table(tmp_path)[names[other]]["total"] == before["total"]
    for points in (7, 7, 6):
        book = graded_class(tmp_path, {work: points}, source="late", roster=file)
        row = table(tmp_path)[names[other]]
        for column in ("total", "by hand", "comment"):
            assert row[column] == before[column]
        assert "Replaces" not in row["note"]
        mine = [line for line in book.lines().values() if line.row and line.row.here]
        assert [line.row.earned for line in mine] == [points]
        assert mine[0].person is not None  # whose mark goes to the platform
        if late == first:
            assert mine[0].name == "anna"
        else:
            assert mine[0].name == "anna [late]"
            assert "not on the roster" in " ".join(book.apart)
            assert page(tmp_path, "anna") == their_page


def test_a_line_by_hand_is_of_the_same_student_whichever_class_is_graded(tmp_path):
    first = handed("ada_lovelace")
    other = handed("ada_lovelace", content="of another")
    file = put(tmp_path, "class.txt", 'student\n"Lovelace, Ada"\n"bo"\n')
    put(tmp_path, "adjustments.csv", 'student,points\n"Lovelace, Ada",2\nADA_LOVELACE,1\n')
    graded_class(tmp_path, {first: 4, BO: 5}, source="a", roster=file)
    for text, source, work in (
        ('student\n"Lovelace, Ada"\n"dan"\n', "b", {other: 6, DAN: 8}),
        ('student\n"Lovelace, Ada"\n"bo"\n', "a", {first: 4, BO: 5}),
        ("", "b", {other: 6, DAN: 8}),
    ):
        file.write_text(text, encoding="utf-8")
        graded_class(tmp_path, work, source=source, roster=file if text else None)
        totals = sorted(row["total"] for name, row in table(tmp_path).items() if "ov" in name)
        assert totals == ["6", "7"]


def test_late_work_before_takes_no_row_to_another_class(tmp_path):
    """Once she has handed in late, Anna is alone in the folder that her row is from."""
    graded_class(tmp_path, {ANNA: 4, BO: 5}, source="a")
    file = put(tmp_path, "class.txt", CLASS_A)
    for content in ("of anna", "better"):  # the same again, and other work
        graded_class(
            tmp_path, {handed("anna", content=content): 6}, source=f"late {content}", roster=file
        )
    put(tmp_path, "class.txt", CLASS_B)
    other = handed("anna", content="of another")
    book = graded_class(tmp_path, {other: 9, DAN: 8}, source="b", roster=file)
    totals = {name: row["total"] for name, row in table(tmp_path).items()}
    assert totals == {"anna": "6", "anna [b]": "9", "bo": "5", "dan": "8"}
    (said,) = book.apart
    assert "bo" in said
    assert "not on the roster" in said


def test_rows_of_a_folder_at_hand_become_one_and_those_of_another_class_stay(tmp_path):
    two_classes(tmp_path, "a")
    better = handed("anna", content="better")
    graded_class(tmp_path, {better: 6}, source="late")
    graded_class(tmp_path, {handed("anna", content="x"): 10}, source="b late")  # whose may it be?
    file = put(tmp_path, "class.txt", CLASS_A)
    said = graded_class(tmp_path, {better: 6}, source="late", roster=file).apart
    totals = {name: row["total"] for name, row in table(tmp_path).items() if "anna" in name}
    assert totals == {"anna": "7", "anna [b]": "10", "anna [b late]": "10"}
    joined, stay = said
    assert joined == "anna [late] is anna of the roster: it is one row from now on."
    for words in ("anna [b late], anna [b]", "dan", "not on the roster"):
        assert words in stay


@pytest.mark.parametrize("late", ["late", "still later"])
@pytest.mark.parametrize("line", ["anna,,2,", "anna,vae-03,,9", "anna [late],,2,"])
def test_points_by_hand_go_with_their_submission_when_rows_become_one(tmp_path, late, line):
    graded_class(tmp_path, {ANNA: 4}, source="a")
    better = handed("anna", content="better")
    graded_class(tmp_path, {better: 5}, source="late")
    put(tmp_path, "adjustments.csv", f"student,exercise,points,set\n{line}\n")
    for source in ("a", "late"):  # judged with what was there then
        graded_class(tmp_path, {ANNA if source == "a" else better: 5}, source=source)
    file = put(tmp_path, "class.txt", "anna\n")
    new = better if late == "late" else handed("anna", content="best")
    said = told(graded_class(tmp_path, {new: 5}, source=late, roster=file))
    theirs = "[late]" in line and late == "late"
    assert ("earlier submission, look again: anna" in said) != theirs


@pytest.mark.parametrize("seen", [True, False])  # by a call between
def test_points_for_both_of_two_rows_that_become_one_are_named(tmp_path, seen):
    graded_class(tmp_path, {ANNA: 4}, source="a")
    better = handed("anna", content="better")
    graded_class(tmp_path, {better: 5}, source="late")
    put(tmp_path, "adjustments.csv", "student,points\nanna,2\nanna [late],1\n")
    if seen:
        assert "earlier" not in told(graded_class(tmp_path, {better: 5}, source="late"))
    file = put(tmp_path, "class.txt", "anna\n")
    for _ in range(2):
        said = told(graded_class(tmp_path, {better: 5}, source="late", roster=file))
        assert table(tmp_path)["anna"]["total"] == "8"
        assert "earlier submission, look again: anna" in said
    text = "student,points,comment\nanna,2,both\nanna [late],1,both\n"  # looked at again
    put(tmp_path, "adjustments.csv", text)
    said = told(graded_class(tmp_path, {better: 5}, source="late", roster=file))
    assert "earlier submission" not in said


def test_the_same_work_in_a_folder_that_moved_is_one_row(tmp_path):
    blank = handed("cy", content="blank", answered=False)
    graded_class(tmp_path, {ANNA: 4, BO: 9, blank: 0}, source="a")
    graded_class(tmp_path, {ANNA: 4, BO: 9, blank: 0}, source="moved")
    assert set(table(tmp_path)) == {"anna", "bo", "cy"}


@pytest.mark.parametrize(
    "what", [{"problem": "The folder holds no notebook."}, {"answered": False}]
)
@pytest.mark.parametrize("others", [[BO], [], [BO, handed("cy", content="new")]])
def test_two_of_one_name_without_answers_are_two_students(tmp_path, what, others):
    put(tmp_path, "adjustments.csv", "student,excused\nfile:anna,yes\n")
    empty = handed("anna", content="empty", **what)
    graded_class(tmp_path, {empty: 0, CY: 9}, source="a")
    for _ in range(2):
        book = graded_class(tmp_path, {empty: 0, **dict.fromkeys(others, 8)}, source="b")
        assert table(tmp_path)["anna"]["state"] == "excused, not in the last folder"
        assert table(tmp_path)["anna [b]"]["total"] == "0"
    (said,) = [text for text in book.apart if "anna" in text]
    assert "with no answers either" in said
    assert "--roster" in said
    file = put(tmp_path, "class.txt", "anna\nbo\ncy\n")
    graded_class(tmp_path, {empty: 0}, source="b", roster=file)
    assert "anna [b]" not in table(tmp_path)


@pytest.mark.parametrize(
    "what", [{"problem": "The folder holds no notebook."}, {"answered": False}]
)
def test_what_anybody_may_hand_in_says_nothing_of_who_it_is(tmp_path, what):
    empty = handed("ada", content="empty", **what)
    graded_class(tmp_path, {empty: 0, BO: 9})
    ada = handed("ada2", key="ada--2", content="answers")
    cem = handed("cem", content="empty", **what)
    book = graded_class(tmp_path, {ada: 8, cem: 0, BO: 9})
    assert book.renamed == {}
    assert set(table(tmp_path)) == {"ada", "ada2", "cem", "bo"}


def test_one_number_of_two_platforms_is_of_two_students(tmp_path):
    graded_class(tmp_path, {handed("A", key="k1", lms="moodle", number="77"): 4})
    graded_class(tmp_path, {handed("B", key="k2", lms="canvas", number="77"): 8}, source="b")
    assert {n: r["total"] for n, r in table(tmp_path).items()} == {"A": "4", "B": "8"}


def test_a_table_of_which_nobody_is_here_may_be_last_year_s(tmp_path):
    def before(students: dict, source: str) -> str:
        lines: list[str] = []
        book = graded_class(tmp_path, students, source=source)
        say_before(book, Found(()), book.rows[next(iter(book.rows))].tests, Limits(), lines.append)
        return "\n".join(lines)

    rule = "deadline: 2019-11-20\ntime_zone: UTC\npercent_a_day: 10\n"
    assert "last year" not in before({ANNA: 9, BO: 8}, "a")
    assert "another year" not in before({ANNA: 9}, "a")
    put(tmp_path, "late.yml", rule)
    said = before({CY: 8}, "b")
    assert "None of the 2 students in the table is among the submissions" in said
    assert "The deadline in late.yml is 2019-11-20 23:59 (UTC): is it of another year?" in said
    assert "last year" not in before({CY: 8, ANNA: 9}, "b")


def test_a_lower_mark_is_told_too_and_an_equal_one_is_not(tmp_path):
    graded_class(tmp_path, {ANNA: 10, BO: 9})
    book = graded_class(
        tmp_path, {handed("anna", content="worse"): 7, handed("bo", content="x"): 9}
    )
    assert "Marks that changed: anna 10 -> 7." in told(book)
    assert "No mark has changed." in told(graded_class(tmp_path, {BO: 9}))


def test_whoever_renames_a_file_keeps_the_row_and_leaves_no_page(tmp_path):
    graded_class(tmp_path, {ANNA: 7, BO: 9})
    put(tmp_path, "adjustments.csv", "student,points\nanna,2\n")
    renamed = handed("Anna Li", key="anna-li", content="of anna")
    book = graded_class(tmp_path, {renamed: 7, BO: 9})
    assert book.renamed == {"anna-li": "anna"}
    assert set(table(tmp_path)) == {"Anna Li", "bo"}
    assert table(tmp_path)["Anna Li"]["total"] == "9"
    pages = {path.name for path in (tmp_path / "marks" / "feedback").iterdir()}
    assert pages == {"anna-li.html", "bo.html"}


def test_a_copy_in_another_folder_is_not_taken_for_the_same_student(tmp_path):
    graded_class(tmp_path, {ANNA: 7}, source="a")
    book = graded_class(tmp_path, {handed("eve", content="of anna"): 7}, source="b")
    assert book.renamed == {}
    assert set(table(tmp_path)) == {"anna", "eve"}


def test_two_equal_notebooks_under_new_names_are_not_guessed_at(tmp_path):
    graded_class(tmp_path, {handed("a", content="x"): 0, handed("b", content="x"): 0})
    book = graded_class(tmp_path, {handed("c", content="x"): 0, handed("d", content="x"): 0})
    assert book.renamed == {}
    assert set(table(tmp_path)) == {"a", "b", "c", "d"}


def test_the_platform_s_number_says_who_it_is(tmp_path):
    graded_class(tmp_path, {handed("A", key="k1", lms="moodle", number="77"): 4})
    later = handed("A B", key="k2", lms="moodle", number="77", content="new")
    graded_class(tmp_path, {later: 8}, source="elsewhere")
    assert {n: r["total"] for n, r in table(tmp_path).items()} == {"A B": "8"}
    assert table(tmp_path)["A B"]["id"] == "77"


def test_nothing_is_written_anew_if_nothing_changed(tmp_path):
    graded_class(tmp_path, {ANNA: 7, BO: 9})
    files = [path for path in (tmp_path / "marks").rglob("*") if path.is_file()]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}
    graded_class(tmp_path, {ANNA: 7, BO: 9})
    for path in files:
        content, time = before[path]
        assert path.read_bytes() == content, path
        if path.name != "grades.json":
            assert path.stat().st_mtime_ns == time, path


def test_a_page_of_nobody_is_named(tmp_path):
    book = graded_class(tmp_path, {ANNA: 7})
    (tmp_path / "marks" / "feedback" / "old.html").write_text("x")
    assert "Pages of nobody in the table, which you may delete: old.html." in told(book)


@pytest.mark.parametrize("change", [("10", "12"), ("anna", "anna!"), ("\n", "\n\n")])
def test_an_edited_table_is_kept_and_named(tmp_path, change):
    graded_class(tmp_path, {ANNA: 10})
    file = tmp_path / "marks" / "grades.csv"
    edited = file.read_bytes().replace(*(text.encode() for text in change))
    file.write_bytes(edited)
    tests = hidden_in(tmp_path / "hidden")
    for _ in range(2):  # the second time it is as it was written
        book = Book(tmp_path / "marks", tests, [ANNA], "a")
        kept = book.begin()
        if kept is None:
            break
        assert kept.read_bytes() == edited
        assert kept.name == "grades.edited-1.csv"
    assert kept is None
    assert table(tmp_path)["anna"]["total"] == "10"


def test_a_kill_between_the_two_files_is_not_taken_for_an_edit(tmp_path):
    book = graded_class(tmp_path, {ANNA: 10})
    file, tests = tmp_path / "marks" / "grades.csv", hidden_in(tmp_path / "hidden")
    old = file.read_bytes()
    book.record(BO.submission, row_of(BO, tests, 9))
    file.write_bytes(old)  # as if the kill had come after grades.json
    assert Book(tmp_path / "marks", tests, [ANNA, BO], "a").begin() is None
    assert set(table(tmp_path)) == {"anna", "bo"}


def test_a_table_that_cannot_be_written_loses_no_mark(tmp_path):
    book = graded_class(tmp_path, {ANNA: 10})
    file = tmp_path / "marks" / "grades.csv"
    file.unlink()
    file.mkdir()  # as hard to replace as a file that a spreadsheet holds
    book.record(BO.submission, row_of(BO, hidden_in(tmp_path / "hidden"), 9))
    assert "grades.csv" in str(book.table_trouble)
    assert set(read_grades(tmp_path / "marks", "04").students) == {"anna", "bo"}


def test_a_table_that_a_spreadsheet_held_for_long_is_not_taken_for_an_edit(tmp_path):
    book = graded_class(tmp_path, {ANNA: 10})
    tests, file = hidden_in(tmp_path / "hidden"), tmp_path / "marks" / "grades.csv"
    old = file.read_bytes()
    file.unlink()
    file.mkdir()
    for points in range(4):
        book.record(BO.submission, row_of(BO, tests, points))
    file.rmdir()
    file.write_bytes(old)
    again = Book(tmp_path / "marks", tests, [ANNA, BO], "a")
    assert again.begin() is None


def test_who_could_not_be_graded_is_in_the_table_and_keeps_a_mark(tmp_path):
    book = graded_class(tmp_path, {ANNA: 10})
    again = Book(tmp_path / "marks", hidden_in(tmp_path / "hidden"), [ANNA, BO], "a")
    again.begin()
    for one in (ANNA, BO):
        again.fail(one.submission, "The machine is too busy.")
    again.write()
    rows = table(tmp_path)
    assert [(r["student"], r["total"], r["state"]) for r in rows.values()] == [
        ("anna", "10", "not graded"),
        ("bo", "", "not graded"),
    ]
    assert all("The machine is too busy." in row["note"] for row in rows.values())
    assert "Handed in nothing" not in told(again)
    assert book.rows.keys() == again.rows.keys()


@pytest.mark.parametrize("text", ["{", "[]", '{"assignment": 4}', "[" * 100_000, "\x00"])
def test_damaged_grades_are_named_and_left_alone(tmp_path, text, one_sentence):
    file = put(tmp_path, "grades.json", text)
    with pytest.raises(ValueError, match="damaged") as caught:
        read_grades(tmp_path / "marks", "04")
    one_sentence(caught.value, file)
    assert file.read_text() == text


def test_another_assignment_goes_into_another_folder(tmp_path, one_sentence):
    graded_class(tmp_path, {ANNA: 10})
    with pytest.raises(ValueError, match="04") as caught:
        read_grades(tmp_path / "marks", "03")
    one_sentence(caught.value, "another folder for 03")


# ---- a teacher's own marks ---------------------------------------------------------------


def test_points_by_hand_survive_and_show_on_the_page(tmp_path):
    graded_class(tmp_path, {ANNA: 7, BO: 9})
    text = "student,exercise,points,comment\nanna,vae-03,2,good idea\nbo,,-0.5,\n"
    file = put(tmp_path, "adjustments.csv", text)
    for _ in range(2):
        book = graded_class(tmp_path, {ANNA: 7, BO: 9})
    row = table(tmp_path)["anna"]
    assert (row["vae-03"], row["by hand"], row["total"], row["comment"]) == (
        "6", "2", "9", "good idea",
    )  # fmt: skip
    assert table(tmp_path)["bo"]["total"] == "8.5"
    for words in (
        "9 of 10 points",
        "Hidden tests: 7 of 10.",
        "From your teacher: +2.",
        "good idea",
    ):
        assert words in page(tmp_path, "anna")
    assert "By hand, from adjustments.csv: anna +2, bo -0.5." in told(book)
    assert file.read_text() == text


def test_points_for_an_older_submission_are_kept_and_named(tmp_path):
    graded_class(tmp_path, {ANNA: 7})
    put(tmp_path, "adjustments.csv", "student,points\nanna,2\n")
    graded_class(tmp_path, {ANNA: 7})
    better = handed("anna", content="better")
    book = graded_class(tmp_path, {better: 10})
    assert table(tmp_path)["anna"]["total"] == "12"
    assert "given to an earlier submission" in table(tmp_path)["anna"]["note"]
    assert "earlier submission, look again: anna" in told(book)
    put(tmp_path, "adjustments.csv", "student,points,comment\nanna,2,still\n")  # looked at again
    graded_class(tmp_path, {better: 10})
    assert "earlier submission" not in table(tmp_path)["anna"]["note"]


@pytest.mark.parametrize(
    ("lines", "hashed"),
    [
        ("anna,,2,,", [("", 2.0, None, "")]),
        ("anna,vae-03,,9,fine\nanna,,-1,,", [("vae-03", 0.0, 9.0, "fine"), ("", -1.0, None, "")]),
    ],
)
def test_what_a_folder_of_before_knows_of_points_by_hand_still_counts(tmp_path, lines, hashed):
    """One hash of all lines stood for what is a hash of each now."""
    graded_class(tmp_path, {ANNA: 7})
    put(tmp_path, "adjustments.csv", f"student,exercise,points,set,comment\n{lines}\n")
    better = handed("anna", content="better")
    for content in ("of anna", "better"):
        graded_class(tmp_path, {better: 10})
        file = tmp_path / "marks" / "grades.json"
        grades = json.loads(file.read_text(encoding="utf-8"))
        whole = hashlib.sha256(repr(hashed).encode()).hexdigest()[:16]
        grades["students"]["anna"]["judged"] = {whole: content}
        file.write_text(json.dumps(grades), encoding="utf-8")
        for _ in range(2):
            said = told(graded_class(tmp_path, {better: 10}))
            assert ("earlier submission, look again: anna" in said) == (content == "of anna")


@pytest.mark.parametrize(
    ("lines", "total", "words"),
    [
        ("anna,,5,,,", "15", "15 of 10 points"),
        ("anna,,-30,,,", "0", "0 of 10 points"),
        ("anna,,,2,copied,", "2", "Set by your teacher to 2."),
        ("anna,vae-03,,9,,", "10", "10 of 10 points"),
        ("anna,vae-03,1,,a,\nanna,vae-02,1,,b,", "12", "vae-02 (A KL by hand): b"),
        ("anna,,,,very well,", "10", "very well"),
        ("anna,,,,,yes", "", "Excused: no mark."),
        ("ANNA,,1,,,no", "11", "11 of 10"),
        ("'anna,VAE-02,1,,,", "11", "11 of 10"),
    ],
)
def test_what_a_line_may_say(tmp_path, lines, total, words):
    put(tmp_path, "adjustments.csv", "student,exercise,points,set,comment,excused\n" + lines)
    graded_class(tmp_path, {ANNA: 10, BO: 9})
    assert table(tmp_path)["anna"]["total"] == total
    assert words in page(tmp_path, "anna")
    assert table(tmp_path)["bo"]["total"] == "9"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("student,points\nana,2", ["line 2", "'ana'", "did you mean 'anna'?"]),
        ("student,points\nanna,two", ["line 2", "'two'"]),
        ("student,points\nanna,nan", ["'nan'"]),
        ("student,points\nanna,1e9", ["'1e9'"]),
        ("student,points\nanna,＋2", ["'＋2'"]),
        ("student,points\nanna,1O", ["'1O'"]),
        ("student,points\nanna,2000", ["2000", "1000"]),
        ("student,points,comment\nanna,1,5", ["'5'", "decimal comma"]),
        ("student,comment\nanna,good, but late", ["line 2", "3 cells", "quotes"]),
        ("student,exercise,points\nanna,vae-33,1", ["'vae-33'", "vae-02, vae-03"]),
        ("student,points,set\nanna,1,2", ["either"]),
        (f"student,comment\nanna,ok\nanna,{'ab ' * 667}x", ["line 3", "2002 char", "2000"]),
        ("student,set\nanna,-1", ["points to have"]),
        ("student,excused\nanna,perhaps", ["'perhaps'"]),
        ("student,exercise,excused\nanna,vae-02,yes", ["vae-02 alone"]),
        ("student,point\nanna,1", ["'point'", "points"]),
        ("student,points,points\nanna,1,1", ["twice"]),
        ("points\n1", ["no column student"]),
        ("student,points\n,1", ["no student"]),
        ('student,points\n"anna,1', ["line 2", "quotes"]),
        ("", ["empty"]),
    ],
)
def test_a_line_that_is_wrong_is_named_before_anything_is_written(
    tmp_path, text, words, one_sentence
):
    file = put(tmp_path, "adjustments.csv", text)
    with pytest.raises(ValueError, match=r".") as caught:
        graded_class(tmp_path, {ANNA: 10})
    one_sentence(caught.value, file.name, *words)
    assert [path.name for path in file.parent.iterdir()] == ["adjustments.csv"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("adjustments.xlsx", "CSV UTF-8"),
        ("Adjustments.ods", "CSV UTF-8"),
        ("Adjustments.csv", "small letters"),
        ("adjustments.CSV", "small letters"),
    ],
)
def test_a_teacher_s_file_of_another_name_is_not_overlooked(tmp_path, name, words, one_sentence):
    put(tmp_path, name, "PK")
    with pytest.raises(ValueError, match="adjustments") as caught:
        read_adjustments(tmp_path / "marks", ["vae-02"])
    one_sentence(caught.value, name, words)


def test_all_of_the_longest_comments_is_on_the_page_and_in_the_table(tmp_path):
    words = [("word " * 400)[:1999] + end for end in "xyz"]
    lines = "".join(f"anna,vae-03,{text}\n" for text in words)
    put(tmp_path, "adjustments.csv", "student,exercise,comment\n" + lines)
    graded_class(tmp_path, {ANNA: 7})
    assert all(text in page(tmp_path, "anna") for text in words)
    assert all(text in table(tmp_path)["anna"]["comment"] for text in words)


@pytest.mark.parametrize(
    "content",
    [
        "student;points\r\nanna;1,5\r\n".encode("utf-8-sig"),
        "student\tpoints\nanna\t1.5\n".encode("utf-16"),
        b"sep=;\nstudent;points\nanna;1.5\n",
        b'"student","points",,\n"anna","1,5",,\n,,,\n',
    ],
)
def test_what_spreadsheets_save_is_read(tmp_path, content):
    put(tmp_path, "adjustments.csv", "").write_bytes(content)
    assert [each.points for each in read_adjustments(tmp_path / "marks", ["vae-02"])] == [1.5]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("student\nJürgen".encode("cp1252"), ["not in UTF-8", "line 2"]),
        ("student\n王伟".encode("gbk"), ["not in UTF-8"]),
        (b"PK\x03\x04", ["CSV UTF-8"]),
        (b"student\n\x00", ["no text"]),
    ],
)
def test_what_cannot_be_read_is_said_to_be_so(tmp_path, content, words, one_sentence):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r".") as caught:
        read_sheet(tmp_path / "x.csv")
    one_sentence(caught.value, "x.csv", *words)


def test_a_number_that_lost_its_zeros_in_a_spreadsheet_is_still_found():
    names = Names()
    names.add("k", "Wang Wei", ["0012345"])
    assert names.find("12345") == "k"
    assert names.find(" WANG  wei ") == "k"
    names.add("j", "wang wei")
    with pytest.raises(LookupError, match="any of 2"):
        names.find("Wang Wei")


def test_a_name_that_two_have_is_refused_as_two(tmp_path, one_sentence):
    two = [handed(f"Li Wei ({n})", key=f"m{n}", lms="moodle", number=str(n)) for n in (21, 22)]
    for student, total in (("21", ["10", "9"]), ("Li Wei (22)", ["9", "10"])):
        put(tmp_path, "adjustments.csv", f"student,points\n{student},1\n")
        graded_class(tmp_path, dict.fromkeys(two, 9))
        assert [row["total"] for row in table(tmp_path).values()] == total
    put(tmp_path, "adjustments.csv", "student,points\nLi Wei,1\n")
    with pytest.raises(ValueError, match="Li Wei") as caught:
        graded_class(tmp_path, dict.fromkeys(two, 9))
    one_sentence(caught.value, "any of 2 students", "id")


def test_the_teacher_s_file_is_begun_once(tmp_path):
    graded_class(tmp_path, {ANNA: 10})
    file = tmp_path / "marks" / "adjustments.csv"
    assert read_sheet(file).header == ["student", "exercise", "points", "set", "comment", "excused"]
    file.write_text("student\n")
    graded_class(tmp_path, {ANNA: 10})
    assert file.read_text() == "student\n"


# ---- late work -----------------------------------------------------------------------------

RULE = """
deadline: 2026-03-13 23:59
time_zone: Europe/Berlin
percent_a_day: 10
at_most_percent: 50
grace_minutes: 10
"""


def rule_of(tmp_path: Path, text: str) -> LateRule:
    names = Names()
    names.add("c", "Cy", ["1003"])
    return LateRule(put(tmp_path, "late.yml", text), names)


@pytest.mark.parametrize(
    ("submitted", "points"),
    [
        ("2026-03-13 23:59", 18),
        ("2026-03-14 00:09", 18),  # grace
        ("2026-03-14 00:10", 16.2),
        ("2026-03-14 23:59", 16.2),
        ("2026-03-15 01:59", 14.4),
        ("2026-04-13 08:00", 9),  # no more than the half
        ("2026-03-13 22:59:00+00:00", 18),  # the same in another zone
        ("2026-03-14 07:10+08:00", 16.2),
    ],
)
def test_each_day_that_has_begun_costs_its_part(tmp_path, submitted, points):
    rule = rule_of(tmp_path, RULE)
    late = rule.late("a", datetime.fromisoformat(submitted), 18, 19)
    assert 18 - late.points == pytest.approx(points)


def test_the_night_of_summer_time_is_a_day_like_others(tmp_path):
    rule = rule_of(tmp_path, RULE.replace("03-13", "03-28"))
    for submitted, percent in (("2026-03-29 23:58", 10), ("2026-03-30 00:30", 20)):
        assert rule.late("a", datetime.fromisoformat(submitted), 10, 10).percent == percent


@pytest.mark.parametrize(
    ("submitted", "words"),
    [("2026-03-13 23:59", "in time for the deadline"), ("2026-03-14 00:09", "10 minutes after the"),
     ("2026-03-14 00:10", "11 minutes after the")],
)  # fmt: skip
def test_the_page_says_that_the_grace_was_used(tmp_path, submitted, words):
    rule = "deadline: 2026-03-13 23:59\ntime_zone: UTC\npercent_a_day: 10\ngrace_minutes: 10\n"
    put(tmp_path, "late.yml", f"{rule}submitted:\n  anna: {submitted}\n")
    graded_class(tmp_path, {ANNA: 10})
    text = page(tmp_path, "anna")
    assert words in text
    assert ("nothing is taken off" in text) == (words == "10 minutes after the")


def test_extensions_times_by_hand_and_work_that_comes_too_late(tmp_path):
    rule = rule_of(
        tmp_path,
        RULE + "refused_after_hours: 24\nextensions:\n  1003: 2026-03-16\n"
        "submitted:\n  Cy: 2026-03-17 00:30\n",
    )
    late = rule.late("c", None, 18, 19)
    assert (late.percent, late.extended, late.due.hour) == (10, True, 23)
    assert "your own deadline of 2026-03-16 23:59 (Europe/Berlin): 10%" in late.sentence("x")
    for hours in (0, 0.1):
        (tmp_path / "x").mkdir(exist_ok=True)
        strict = rule_of(tmp_path / "x", RULE + f"refused_after_hours: {hours}\n")
        for minutes, cost in ((0, 0), (9, 0), (10, 0), (11, 18)):
            when = datetime(2026, 3, 13, 23, 59) + timedelta(minutes=minutes)
            assert strict.late("a", when, 18, 19).points == cost
    refused = rule.late("a", datetime(2026, 3, 15, 1), 18, 19)
    assert refused.points == 18
    assert "too late to count" in refused.sentence("x")
    assert rule.late("a", None, 18, 19) is None


def test_percents_may_be_of_all_points_but_take_no_more_than_there_is(tmp_path):
    rule = rule_of(tmp_path, RULE + "percent_of: possible\n")
    assert rule.late("a", datetime(2026, 3, 14, 1), 10, 19).points == pytest.approx(1.9)
    assert rule.late("a", datetime(2026, 3, 14, 1), 1, 19).points == 1


def test_the_page_and_the_table_show_what_lateness_costs(tmp_path):
    put(tmp_path, "late.yml", RULE + "submitted: {anna: 2026-03-14 00:10}\n")
    put(tmp_path, "adjustments.csv", "student,points\nanna,2\n")
    book = graded_class(tmp_path, {ANNA: 10, BO: 9})
    row = table(tmp_path)["anna"]
    assert (row["late"], row["total"], row["submitted"]) == (
        "-1", "11", "2026-03-14 00:10 (Europe/Berlin)",
    )  # fmt: skip
    for words in ("Taken off for lateness: 1.", "11 minutes after the deadline", "11 of 10 points"):
        assert words in page(tmp_path, "anna")
    assert "No time is known, so nothing is taken off for lateness: bo." in told(book)
    put(tmp_path, "late.yml", RULE.replace("10\nat", "5\nat") + "submitted: {anna: 2026-03-15}\n")
    said = told(graded_class(tmp_path, {ANNA: 10, BO: 9}))
    assert "Marks that changed: anna 11 -> 10.5" in said


def test_times_of_files_count_only_if_the_teacher_says_so(tmp_path):
    tests = hidden_in(tmp_path / "hidden")
    late = row_of(ANNA, tests)
    late.submitted = datetime.fromisoformat("2026-03-14T00:00:00+00:00") + timedelta(hours=30)
    totals, said = [], []
    for line in ("", "file_times: true\n", "submitted: {anna: 2026-03-15 05:00}\n"):
        put(tmp_path, "late.yml", RULE + line)
        book = Book(tmp_path / "marks", tests, [ANNA], "a")
        book.begin()
        book.record(ANNA.submission, late.model_copy(deep=True))
        book.write()
        totals.append(table(tmp_path)["anna"]["total"])
        said.append("by the times of files, as late.yml says: anna." in told(book))
    assert totals == ["10", "8", "8"]
    assert said == [False, True, False]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("deadline: 2026-13-03", ["2026-13-03", "deadline"]),
        ("deadline: 13.03.26", ["deadline", "'13.03.26'"]),
        ("deadline: soon", ["deadline", "'soon'"]),
        ("percent_a_day: 110", ["percent_a_day", "110"]),
        ("percent_a_day: -5", ["percent_a_day", "-5"]),
        ("percent_a_day: '10'", ["percent_a_day"]),
        ("grace_minutes: yes", ["grace_minutes"]),
        ("graze: 3", ["no entry 'graze'"]),
        ("dedline: 2026-03-13", ["no entry 'dedline'", "did you mean deadline?"]),
        ("grace_minute: 3", ["no entry 'grace_minute'", "did you mean grace_minutes?"]),
        ("3: 3", ["no entry '3'", "percent_a_day"]),
        ("deadline: 20260313", ["deadline", "no time", "2026-11-20 23:59"]),
        ("deadline: 23:59", ["deadline", "no time"]),
        ("deadline: 2026.11", ["deadline", "no time"]),
        ("deadline:", ["deadline", "no time"]),
        ("extensions: {Cy: 20260320}", ["extensions > Cy", "no time"]),
        ("submitted: {Cy: 20260320}", ["submitted > Cy", "no time"]),
        ("time_zone: Europe/Berln", ["'Europe/Berln'"]),
        ("time_zone: ../../etc/passwd", ["time zone"]),
        ("time_zone: ''", ["time zone", "Europe/Berlin"]),
        ("extensions: {Zoe: 2026-03-20}", ["extensions", "'Zoe'"]),
        ("extensions: {Cy: 2026-03-01}", ["'Cy'", "before the deadline"]),
        ("extensions: {Cy: 2026-03-20, 1003: 2026-03-21}", ["twice"]),
        ("submitted: {Cy: later}", ["'later'", "submitted"]),
        ("deadline: 2026-03-14\ndeadline: 2026-03-15", ["twice"]),
    ],
)
def test_a_rule_that_is_wrong_is_named(tmp_path, change, words, one_sentence):
    kept = [line for line in RULE.splitlines() if line.split(":")[0] != change.split(":")[0]]
    with pytest.raises(ValueError, match=r".") as caught:
        rule_of(tmp_path, "\n".join([*kept, change]))
    one_sentence(caught.value, "late.yml", *words)


def test_an_empty_rule_and_one_of_another_name_are_not_overlooked(tmp_path, one_sentence):
    with pytest.raises(ValueError, match="empty") as caught:
        rule_of(tmp_path, "")
    one_sentence(caught.value, "late.yml", "deadline")
    for name in ("deadline", "percent_a_day"):
        with pytest.raises(ValueError, match=f"no {name}") as caught:
            rule_of(tmp_path, re.sub(f"{name}.*", "", RULE))
        one_sentence(caught.value, f"{name}: ")
    for name in ("late.yaml", "Late.yml", "LATE.YML.txt"):
        path = put(tmp_path, name, RULE)
        with pytest.raises(ValueError, match=r"(?i)late\.y") as caught:
            read_rule(tmp_path / "marks", Names())
        one_sentence(caught.value, str(path), "call it late.yml")
        path.unlink()


@pytest.mark.parametrize("zone", ["+01:00", "UTC+1", "+0100", "Europe/Berlin"])
def test_a_zone_has_a_name_or_hours(tmp_path, zone):
    rule = rule_of(tmp_path, RULE.replace("Europe/Berlin", f"'{zone}'"))
    assert rule.deadline.isoformat().endswith("23:59:00+01:00")


# ---- numbers and cells ---------------------------------------------------------------------


def test_numbers_are_written_as_every_platform_reads_them():
    shown = [sheet_number(value) for value in (None, 0, -0.001, 18.05, 94.736842, 12345.678, 2.50)]
    assert shown == ["", "0", "0", "18.05", "94.74", "12345.68", "2.5"]
    assert [number_in(text) for text in ("1,5", " 2", "-.5", "+3.", "100.00")] == [
        1.5,
        2,
        -0.5,
        3,
        100,
    ]


def test_a_table_reads_back_as_it_was_written(tmp_path):
    rows = [["student", "a b"], ['say "hi"', "x, y"], ["王伟", ""]]
    for separator in ",;\t":
        write_sheet(tmp_path / "x.csv", rows, separator=separator)
        sheet = read_sheet(tmp_path / "x.csv")
        assert [sheet.header, *sheet.rows] == rows
        assert sheet.lines == [2, 3]
        assert sheet.mark


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "＝", "\t=", " ="])
def test_no_cell_of_the_table_begins_a_formula(tmp_path, sign):
    student = handed(f"{sign}cmd|' /C calc'!A0", key="k")
    put(tmp_path, "adjustments.csv", f'student,comment\nk,"{sign}1+1"\n')
    graded_class(tmp_path, {student: 7})
    text = (tmp_path / "marks" / "grades.csv").read_text(encoding="utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert any("cmd" in cell for cell in cells)
    assert not [cell for cell in cells if cell[:1] in "=+-@＝\t " and cell not in ("", "-")]


def test_the_page_of_full_marks_is_friendly_and_of_nothing_short(tmp_path):
    tests = hidden_in(tmp_path / "hidden")
    book = graded_class(tmp_path, {ANNA: 10, BO: 9})
    assert "Well done" in page(tmp_path, "anna")
    assert "Well done" not in page(tmp_path, "bo")
    row = row_of(CY, tests, 0)
    result = row.results[0]
    row.results = [
        result.model_copy(update={"exercise": f"vae-0{n}", "says": "`x` is not answered yet, or gives nothing."})
        for n in range(1, 5)
    ]  # fmt: skip
    book = Book(tmp_path / "marks", tests, [ANNA, BO, CY], "a")
    book.record(CY.submission, row)
    text = page(tmp_path, "cy")
    assert text.count("not answered yet") + text.count("Nothing is answered") == 1
    assert "Begin with vae-01" in text
    assert "Well done" not in text


def test_a_thousand_notes_fit_into_a_cell_and_on_a_page(tmp_path):
    tests = hidden_in(tmp_path / "hidden")
    row = row_of(ANNA, tests)
    row.notes = [f"Code cell {n} stopped with a ValueError: {'x' * 200}." for n in range(1500)]
    book = Book(tmp_path / "marks", tests, [ANNA], "a")
    book.begin()
    book.record(ANNA.submission, row)
    assert max(map(len, table(tmp_path)["anna"].values())) < 32_767
    assert "And 1488 more cells." in page(tmp_path, "anna")
    assert len(page(tmp_path, "anna")) < 20_000
    stored = json.loads((tmp_path / "marks" / "grades.json").read_text())
    assert len(stored["students"]["anna"]["notes"]) == 1500
