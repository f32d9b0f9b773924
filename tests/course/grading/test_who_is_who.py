"""Which row a submission and a person have: nobody gets the mark or the points of another."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from pathlib import Path

import pytest
from classes import graded_class, handed, hidden_in, put, row_of

from aigc_course.grading.book import Book
from aigc_course.grading.limits import Limits
from aigc_course.grading.marks import read_grades
from aigc_course.grading.roster import read_roster
from aigc_course.grading.submissions import Found
from aigc_course.grading.telling import say_after, say_before

ANNA, BO, CY, DAN = (handed(name) for name in ("anna", "bo", "cy", "dan"))
OTHER = handed("anna", content="of another")
CLASS_A, CLASS_B = "student\nanna\nbo\n", "student\nanna\ncy\n"


def table(tmp_path: Path) -> dict[str, dict[str, str]]:
    """The rows of grades.csv by name and id."""
    text = (tmp_path / "marks" / "grades.csv").read_text(encoding="utf-8-sig")
    return {f"{row['student']} {row['id']}": row for row in csv.DictReader(io.StringIO(text))}


def totals(tmp_path: Path) -> dict[str, str]:
    """The totals of those who have one, by name."""
    rows = [row for row in table(tmp_path).values() if row["total"]]
    found = {row["student"]: row["total"] for row in rows}
    assert len(found) == len(rows)
    return found


def told(book: Book) -> str:
    lines: list[str] = []
    say_before(book, Found(()), "", Limits(), lines.append)
    say_after(book, lines.append)
    return "\n".join(lines)


def by_hand(tmp_path: Path, *lines: str) -> None:
    put(tmp_path, "adjustments.csv", "student,exercise,points,set,excused\n" + "\n".join(lines))


def worksheet(tmp_path: Path, *people: tuple[int, str]) -> Path:
    """Moodle's worksheet; who has a number below 100 has handed in nothing."""
    header = "Identifier,Full name,Status,Grade,Maximum grade,Last modified (submission)\n"
    when = '"Friday, 13 March 2026, 10:59 PM"'
    rows = [
        f'Participant {number},"{name}",x,,10,{when if number > 99 else "-"}\n'
        for number, name in people
    ]
    return put(tmp_path, "worksheet.csv", header + "".join(rows))


def gradebook(tmp_path: Path, *people: tuple[int, str]) -> Path:
    """Canvas's gradebook."""
    rows = [f'"{name}",{number},S,\n' for number, name in people]
    return put(tmp_path, "gradebook.csv", "Student,ID,Section,Workbook 4 (7)\n" + "".join(rows))


def exported(tmp_path: Path, name: str) -> list[str]:
    """The marks that a platform takes back."""
    text = (tmp_path / "marks" / name).read_text(encoding="utf-8-sig")
    column = "Grade" if name == "moodle.csv" else "Workbook 4 (7)"
    return [row[column] for row in csv.DictReader(io.StringIO(text))]


# ---- one name in two classes ---------------------------------------------------------------


@pytest.mark.parametrize("lms", ["moodle", "canvas", ""])
@pytest.mark.parametrize("first", ["student\nAnna Li\nbo\n", ""])
def test_who_handed_in_nothing_gets_no_row_of_another_class(tmp_path, lms, first):
    li, cy = handed("Anna Li"), handed("cy", key="c", lms=lms, number="102" if lms else "")
    before = put(tmp_path, "a.csv", first) if first else None
    graded_class(tmp_path, {li: 4, BO: 5}, roster=before)
    by_hand(tmp_path, "Anna Li,,1,,")
    people = (9, "Anna Li"), (102, "cy")
    if lms:
        file = (worksheet if lms == "moodle" else gradebook)(tmp_path, *people)
    else:
        file = put(tmp_path, "b.csv", "student,number\nAnna Li,9\ncy,102\n")
    for _ in range(2):
        book = graded_class(tmp_path, {cy: 7}, source="b", roster=file)
        book.export()
        if lms:
            assert exported(tmp_path, f"{lms}.csv") == ["", "7"]
        if lms or not first:  # without numbers, names must differ across classes
            assert "Anna Li of the roster has no row" in told(book)
            assert re.search(r"Handed in nothing: Anna Li \(", told(book))
        assert totals(tmp_path) == {"Anna Li": "5", "bo": "5", "cy": "7"}


@pytest.mark.parametrize("lists", [[CLASS_A, CLASS_B], ["", ""]])
def test_another_class_in_the_same_folder_takes_no_row(tmp_path, lists):
    by_hand(tmp_path, "file:anna,,2,,")
    files = [put(tmp_path, f"{n}.csv", text) if text else None for n, text in enumerate(lists)]
    classes = {ANNA: 8, BO: 5}, {OTHER: 3, CY: 4}
    for number in (0, 1, 1):
        book = graded_class(tmp_path, classes[number], source="/in", roster=files[number])
    assert totals(tmp_path) == {"anna": "10", "bo": "5", "anna [in]": "3", "cy": "4"}
    assert "this one is kept as anna [in]" in told(book)
    late = handed("anna", content="late")
    if all(lists):  # and each goes on as before
        graded_class(tmp_path, {late: 9, CY: 4}, source="/in", roster=files[1])
        assert totals(tmp_path)["anna [in]"] == "9"
        book = graded_class(tmp_path, {handed("anna", content="x"): 6, BO: 5}, source="/in",
                            roster=files[0])  # fmt: skip
        assert "/in holds another class than before" in told(book)
        assert totals(tmp_path) == {"anna": "8", "bo": "5", "anna [in]": "9", "cy": "4"}


def test_a_folder_in_which_some_hand_in_anew_is_of_the_same_class(tmp_path):
    graded_class(tmp_path, {ANNA: 8, BO: 5, CY: 4})
    book = graded_class(tmp_path, {OTHER: 3, BO: 5, DAN: 7})  # cy is gone, dan is new
    assert totals(tmp_path) == {"anna": "3", "bo": "5", "cy": "4", "dan": "7"}
    assert "Replaces 8 of 10 points from a." in table(tmp_path)["anna file:anna"]["note"]
    assert not book.apart


@pytest.mark.parametrize("roster", [CLASS_B, ""])
def test_the_points_of_a_row_kept_apart_go_with_the_folder_that_moves(tmp_path, roster):
    graded_class(tmp_path, {ANNA: 4, BO: 5}, source="/x/a")
    graded_class(tmp_path, {OTHER: 6, CY: 5}, source="/x/b")
    by_hand(tmp_path, "anna [b],,3,,")
    file = put(tmp_path, "b.csv", roster) if roster else None
    book = graded_class(tmp_path, {OTHER: 6, CY: 5}, source="/x/class_b", roster=file)
    expected = {"anna": "4", "bo": "5", "anna [class_b]": "9", "cy": "5"}
    assert totals(tmp_path) == expected
    assert "anna [b] is now called anna [class_b]: it is the same student." in told(book)
    assert book.strays() == []


@pytest.mark.parametrize("roster", ["student\nanna\ncy\ndan\n", ""])
def test_a_class_s_folder_that_moved_goes_on_without_who_has_left(tmp_path, roster):
    empty = handed("dan", content="empty", answered=False)
    graded_class(tmp_path, {ANNA: 4, CY: 6, BO: 5, empty: 0}, source="/x/a")
    file = put(tmp_path, "new.csv", roster) if roster else None
    for source in ("/x/a2", "/x/a3"):
        book = graded_class(tmp_path, {ANNA: 4, CY: 6, empty: 0}, source=source, roster=file)
        assert totals(tmp_path) == {"anna": "4", "bo": "5", "cy": "6", "dan": "0"}
        assert "Handed in nothing" not in told(book)
        assert not book.apart
    # Who was not in the folder that moved is still known to be of the class.
    file = put(tmp_path, "b.csv", "student\nbo\nfay\n")
    graded_class(
        tmp_path, {handed("bo", content="x"): 9, handed("fay"): 8}, source="b", roster=file
    )
    assert totals(tmp_path)["bo"] == "5"
    assert totals(tmp_path)["bo [b]"] == "9"


def test_a_shared_folder_of_late_work_mixes_no_two_of_one_name(tmp_path):
    files = [put(tmp_path, f"{n}.csv", text) for n, text in enumerate((CLASS_A, CLASS_B))]
    graded_class(tmp_path, {ANNA: 4, BO: 5}, source="a", roster=files[0])
    late = handed("anna", content="late")
    graded_class(tmp_path, {late: 6}, source="late", roster=files[0])
    for _ in range(2):  # the file of the other Anna has replaced it
        graded_class(tmp_path, {OTHER: 9, CY: 8}, source="late", roster=files[1])
        assert totals(tmp_path) == {"anna": "6", "bo": "5", "anna [late]": "9", "cy": "8"}
    graded_class(tmp_path, {late: 6}, source="late", roster=files[0])
    assert totals(tmp_path)["anna"] == "6"
    assert totals(tmp_path)["anna [late]"] == "9"


# ---- the same work -------------------------------------------------------------------------


@pytest.mark.parametrize("again", [True, False])  # the roster is given again
def test_pair_work_that_comes_one_after_the_other_is_of_two(tmp_path, again):
    file = put(tmp_path, "a.csv", CLASS_A)
    graded_class(tmp_path, {handed("anna", content="pair"): 7}, roster=file)
    by_hand(tmp_path, "anna,,-2,,")
    book = graded_class(tmp_path, {handed("bo", content="pair"): 7}, roster=file if again else None)
    assert totals(tmp_path) == {"anna": "5", "bo": "7"}
    assert book.renamed == {}
    assert "bo has the work that anna had" in told(book)


@pytest.mark.parametrize(
    ("roster", "one"), [("student\nanna\nBo Jensen\n", True), (CLASS_A, False), ("", False)]
)
def test_a_copy_of_pair_work_under_a_new_name_is_the_one_whom_the_roster_lacks(
    tmp_path, roster, one
):
    pair = {name: handed(name, content="pair") for name in ("anna", "bo", "Bo Jensen")}
    file = put(tmp_path, "a.csv", roster) if roster else None
    graded_class(tmp_path, {pair["anna"]: 4, pair["bo"]: 4}, roster=file)
    by_hand(tmp_path, "bo,,3,,")
    graded_class(tmp_path, {pair["anna"]: 4, pair["Bo Jensen"]: 4}, roster=file)
    theirs = {"Bo Jensen": "7"} if one else {"bo": "7", "Bo Jensen": "4"}
    assert totals(tmp_path) == {"anna": "4", **theirs}


# ---- late work -----------------------------------------------------------------------------

LI = handed("Anna Li", key="m1", lms="moodle", number="101")
PEOPLE = (101, "Anna Li"), (102, "bo")


def test_late_work_by_mail_is_of_the_one_whom_the_platform_has(tmp_path):
    file = worksheet(tmp_path, *PEOPLE)
    graded_class(tmp_path, {LI: 4, handed("bo", key="m2", lms="moodle", number="102"): 5},
                 roster=file)  # fmt: skip
    by_hand(tmp_path, "Anna Li,,1,,")
    mail = handed("anna_li", content="late")
    book = graded_class(tmp_path, {mail: 9}, source="late", roster=file)
    book.export()
    assert totals(tmp_path) == {"Anna Li": "10", "bo": "5"}
    assert exported(tmp_path, "moodle.csv") == ["10", "5"]
    assert "as the roster has one: Anna Li." in told(book)
    assert "On no roster" not in told(book)
    for work, source in ((mail, "late"), (handed("anna_li", content="new"), "late"), (LI, "a")):
        book = graded_class(tmp_path, {work: 6}, source=source)  # known without the roster too
        assert len(totals(tmp_path)) == 2
    assert totals(tmp_path)["Anna Li"] == "7"


def test_who_was_graded_by_mail_is_the_same_on_the_platform(tmp_path):
    file = worksheet(tmp_path, *PEOPLE)
    graded_class(tmp_path, {handed("Anna Li", key="Anna_Li--1"): 4}, source="mail", roster=file)
    by_hand(tmp_path, "101,,1,,", "file:Anna_Li--1,,1,,")
    new = handed("Anna Li", key="m1", lms="moodle", number="101", content="new")
    book = graded_class(tmp_path, {new: 7}, roster=file)
    assert totals(tmp_path) == {"Anna Li": "9"}
    assert "as the roster has one: Anna Li." in told(book)


def test_an_earlier_folder_brings_nothing_back(tmp_path):
    files = [put(tmp_path, f"{n}.csv", text) for n, text in enumerate((CLASS_A, "student\ncy\n"))]
    graded_class(tmp_path, {ANNA: 4, BO: 5}, source="a", roster=files[0])
    late = handed("anna", content="late")
    graded_class(tmp_path, {late: 9, CY: 3}, source="late", roster=files[0])
    graded_class(tmp_path, {late: 9, CY: 3}, source="late", roster=files[1])  # cy is of another
    for file in (files[0], None):
        book = graded_class(tmp_path, {ANNA: 4, BO: 6}, source="a", roster=file)
        assert totals(tmp_path) == {"anna": "9", "bo": "6", "cy": "3"}
        assert "anna's work in late came later and counts, not that in a" in told(book)
        assert "Handed in nothing" not in told(book)
    graded_class(tmp_path, {handed("anna", content="last"): 8, BO: 6}, source="a")
    assert totals(tmp_path)["anna"] == "8"


@pytest.mark.parametrize(
    ("first", "second", "source"),
    [("Anna Li", "anna_li", "late"), ("anna", "Anna", "a"), ("Li, Anna", "anna li", "a")],
)
def test_another_spelling_is_one_with_a_roster_and_apart_without(tmp_path, first, second, source):
    old, new = handed(first, key="k1"), handed(second, key="k2", content="new")
    graded_class(tmp_path, {old: 4, BO: 5})
    by_hand(tmp_path, f'"{first}",,1,,')
    book = graded_class(tmp_path, {new: 9, BO: 5}, source=source)
    name = f"{second} [{source}]"
    assert totals(tmp_path) == {first: "5", name: "9", "bo": "5"}
    assert f"this one is kept as {name}; if it is the same student, give --roster" in told(book)
    file = put(tmp_path, "a.csv", f'student\n"{first}"\nbo\n')
    book = graded_class(tmp_path, {new: 9, BO: 5}, source=source, roster=file)
    assert totals(tmp_path) == {first: "10", "bo": "5"}
    assert "Handed in nothing" not in told(book)


def test_who_may_have_one_of_two_rows_is_said_to_be_unclear(tmp_path):
    two = {handed(name): 4 for name in ("Anna Li", "li_anna")}
    by_hand(tmp_path, "Anna Li,,1,,")
    file = put(tmp_path, "a.csv", "student\nAnna Li\n")
    book = graded_class(tmp_path, two, roster=file)
    assert totals(tmp_path) == {"Anna Li": "5", "li_anna": "4"}
    assert table(tmp_path)["Anna Li list:anna li"]["state"] == "unclear which row"
    assert "Handed in nothing" not in told(book)
    assert "Anna Li of the roster may be any of Anna Li, li_anna" in told(book)


def test_a_name_that_changes_in_the_file_and_on_the_roster_is_one_student(tmp_path):
    file = put(tmp_path, "a.csv", "student\nAnna Li\nbo\n")
    graded_class(tmp_path, {handed("Anna Li", content="hers"): 4, BO: 5}, roster=file)
    by_hand(tmp_path, "Anna Berg,,1,,", "Anna Li,,2,,")
    file = put(tmp_path, "a.csv", "student\nAnna Berg\nbo\n")
    for roster in (file, None):
        book = graded_class(tmp_path, {handed("Anna Berg", content="hers"): 4, BO: 5},
                            roster=roster)  # fmt: skip
        assert totals(tmp_path) == {"Anna Berg": "7", "bo": "5"}
        assert len(table(tmp_path)) == 2
        assert not book.unclear


def test_an_id_of_before_still_names_the_row(tmp_path):
    graded_class(tmp_path, {ANNA: 4, BO: 5})
    graded_class(tmp_path, {OTHER: 6}, source="late")
    row = next(row["id"] for row in table(tmp_path).values() if row["student"] == "anna [late]")
    by_hand(tmp_path, f"{row},,1,,", "file:bo,,2,,")
    file = put(tmp_path, "a.csv", CLASS_A)
    graded_class(tmp_path, {OTHER: 6}, source="late", roster=file)  # becomes one row
    assert totals(tmp_path) == {"anna": "7", "bo": "7"}
    renamed = handed("Bo Jensen", content="of bo")
    book = graded_class(tmp_path, {ANNA: 4, renamed: 5}, source="a")
    assert totals(tmp_path) == {"anna": "7", "bo": "7"}
    assert book.renamed == {"Bo Jensen": "bo"}


# ---- what was given before -----------------------------------------------------------------


@pytest.mark.parametrize(("line", "total"), [("anna,,,0,", "0"), ("anna,,-1,,", "9")])
@pytest.mark.parametrize("first", [CLASS_A, ""])
def test_points_given_before_anything_was_handed_in_are_named(tmp_path, line, total, first):
    file = put(tmp_path, "a.csv", CLASS_A)
    graded_class(tmp_path, {BO: 5}, roster=file)
    by_hand(tmp_path, line)
    graded_class(tmp_path, {BO: 5}, roster=file if first else None)
    for _ in range(2):
        said = told(graded_class(tmp_path, {ANNA: 10, BO: 5}, roster=file))
        assert totals(tmp_path)["anna"] == total
        assert "earlier submission, look again: anna" in said


def test_an_excuse_of_before_is_named(tmp_path):
    by_hand(tmp_path, "anna,,,,yes", "bo,,1,,")
    file = put(tmp_path, "a.csv", CLASS_A)
    graded_class(tmp_path, {BO: 5}, roster=file)
    said = told(graded_class(tmp_path, {ANNA: 10, BO: 5}, roster=file))
    assert "earlier submission, look again: anna." in said
    assert "anna" not in totals(tmp_path)


def test_a_time_by_hand_is_of_the_submission_that_it_was_given_to(tmp_path):
    rule = "deadline: 2026-03-13\ntime_zone: UTC\npercent_a_day: 10\nsubmitted:\n  bo: "
    put(tmp_path, "late.yml", f"{rule}2026-03-14 20:00\n")
    assert "taken off for lateness: bo" not in told(graded_class(tmp_path, {BO: 10}))
    new = handed("bo", content="new")
    for _ in range(2):
        said = told(graded_class(tmp_path, {new: 10}))
        assert totals(tmp_path) == {"bo": "10"}
        assert "The time of bo under submitted in late.yml was given to an earlier" in said
        assert "nothing is taken off for lateness: bo" in said
    put(tmp_path, "late.yml", f"{rule}2026-03-14 21:00\n")
    assert "earlier submission" not in told(graded_class(tmp_path, {new: 10}))
    assert totals(tmp_path) == {"bo": "9"}


@pytest.mark.parametrize("entry", ["extensions:\n  010: 2026-03-20", "submitted: {07: 2026-03-14}"])
def test_a_number_that_yaml_takes_for_another_needs_quotes(tmp_path, entry, one_sentence):
    rule = f"deadline: 2026-03-13\ntime_zone: UTC\npercent_a_day: 10\n{entry}\n"
    put(tmp_path, "late.yml", rule)
    with pytest.raises(ValueError, match="quotes") as caught:
        graded_class(tmp_path, {handed("010"): 9, handed("07"): 8, handed("8"): 7})
    one_sentence(caught.value, "late.yml", "07" if "07" in entry else "010")
    put(tmp_path, "late.yml", re.sub(r"(0\d+):", r"'\1':", rule))
    graded_class(tmp_path, {handed("010"): 9, handed("07"): 8, handed("8"): 7})


# ---- files that do not fit -----------------------------------------------------------------


def test_the_worksheet_of_another_assignment_is_refused(tmp_path, one_sentence):
    file = worksheet(tmp_path, (501, "Anna Li"), (502, "bo"))
    mail = handed("bo")
    with pytest.raises(ValueError, match="numbers") as caught:
        graded_class(tmp_path, {LI: 4, mail: 3}, roster=file)
    one_sentence(caught.value, file, "another assignment", "--roster")
    assert [path.name for path in (tmp_path / "marks").iterdir()] == [file.name]


def test_marks_of_a_newer_version_are_not_called_damaged(tmp_path, one_sentence):
    graded_class(tmp_path, {ANNA: 4})
    file = tmp_path / "marks" / "grades.json"
    grades = json.loads(file.read_text(encoding="utf-8"))
    grades["students"]["anna"]["colour"] = "red"
    file.write_text(json.dumps(grades), encoding="utf-8")
    with pytest.raises(ValueError, match="newer") as caught:
        read_grades(tmp_path / "marks", "04")
    one_sentence(caught.value, file, "'colour'")


def test_marks_of_an_older_version_go_on(tmp_path):
    graded_class(tmp_path, {ANNA: 4, BO: 5}, source="/x/a")
    graded_class(tmp_path, {OTHER: 6}, source="/x/b")
    file = tmp_path / "marks" / "grades.json"
    grades = json.loads(file.read_text(encoding="utf-8"))
    rows = grades["students"]
    apart = next(key for key in rows if "--" in key)
    rows[f"anna--{hashlib.sha256(b'/x/b').hexdigest()[:16]}"] = rows.pop(apart)
    for row in rows.values():
        row["sources"] = ["/x/old"] if row["student"] == "bo" else []
        for new in ("apart", "older", "keys"):
            del row[new]
    file.write_text(json.dumps(grades), encoding="utf-8")
    book = graded_class(tmp_path, {OTHER: 6}, source="/x/b")
    assert totals(tmp_path) == {"anna": "4", "bo": "5", "anna [b]": "6"}
    assert book.rows["bo"].folders == {"/x/a", "/x/old"}


@pytest.mark.parametrize(
    "text",
    ["Name,First name\nLi,Anna\n", "Names\nAnna Li\n", "Student,ID,Section\nAnna Li,1,10a\n"],
)
def test_ordinary_lists_are_read(tmp_path, text):
    put(tmp_path, "adjustments.csv~", "of an editor")
    file = put(tmp_path, "class.csv", text)
    said = told(graded_class(tmp_path, {handed("anna_li"): 4}, roster=file))
    for words in ("Handed in nothing", "On no roster"):
        assert words not in said


def test_a_stop_before_anything_is_graded_changes_no_row(tmp_path):
    files = [put(tmp_path, f"{n}.csv", text) for n, text in enumerate((CLASS_A, CLASS_B))]
    tests = hidden_in(tmp_path / "hidden")
    graded_class(tmp_path, {ANNA: 4, BO: 5}, source="/in", roster=files[0])
    for _ in range(2):
        book = Book(tmp_path / "marks", tests, [OTHER, CY], "/in", read_roster(files[1]))
        book.begin()
        assert totals(tmp_path) == {"anna": "4", "bo": "5"}
    for one in book.handed:
        book.record(one.submission, row_of(one, tests, 8, "/in"))
    assert totals(tmp_path) == {"anna": "4", "bo": "5", "anna [in]": "8", "cy": "8"}
