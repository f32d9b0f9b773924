"""What a teacher's folder holds is found, whoever named it, and what is not read is named."""

from __future__ import annotations

import io
import json
import os
import re
import resource
import subprocess
import sys
import unicodedata
import zipfile
from pathlib import Path

import hostile
import pytest

from aigc_course.grading import attempts, notebooks, owners, submissions, trees
from aigc_course.grading.submissions import Found, Submission

ANSWERED = hostile.notebook(["def kl(mean): return mean + 1", "gap = 1"])
BLANK = hostile.notebook(["def kl(mean):\n    return ...", "gap = ...  # nats"])
OTHER = hostile.notebook(["def kl(mean): return mean + 2", "gap = 2"])
DAY = 86_400
JAN_2026 = 1_767_268_800  # 1 January 2026, noon in Greenwich


def put(path: Path, content: bytes = ANSWERED, day: int = 0) -> Path:
    """Write a file, as of some day of January 2026."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (JAN_2026 + day * DAY,) * 2)
    return path


def zipped(files: dict[str, bytes], day: int = 1, **changes: int) -> bytes:
    """A zip with files of some day; ``changes`` are set on each member."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            member = zipfile.ZipInfo(name, (2026, 1, day + 1, 12, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            for attribute, value in changes.items():
                setattr(member, attribute, value)
            archive.writestr(member, data)
    return content.getvalue()


def encrypted() -> bytes:
    """A zip that says that a password is needed."""
    content = bytearray(zipped({"04.ipynb": ANSWERED}))
    content[6] |= 1  # of the file
    content[content.index(b"PK\x01\x02") + 8] |= 1  # in the list at the end
    return bytes(content)


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "handed in").mkdir()
    return tmp_path / "handed in"


@pytest.fixture
def look(folder, tmp_path):
    """Finds what is in the folder, or in another place."""
    numbers = iter(range(100))

    def find(place: Path = folder, assignment: str = "04", leave_out: tuple = ()) -> Found:
        scratch = tmp_path / f"scratch{next(numbers)}"
        scratch.mkdir()
        return submissions.find(place, assignment, scratch=scratch, leave_out=leave_out)

    return find


def by_name(found: Found) -> dict[str, Submission]:
    names = {each.name: each for each in found.submissions}
    assert len(names) == len(found.submissions)
    return names


def code(submission: Submission) -> list[str]:
    return notebooks.code_cells(submissions.read_submission(submission))


def only(found: Found) -> Submission:
    assert len(found.submissions) == 1, found
    return found.submissions[0]


# ---- one student -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["ada.ipynb", "ada.IPYNB", "ada.Ipynb", "ada.ipynb.txt", "ada.ipynb.json", "ada.json",
     "ada.txt", "ada", "ada/04.IPYNB", "ada/04/nb.ipynb", "ada/a/b/c/04.ipynb", "ada/nb.ipynb.txt",
     "ada.ipynb/04.ipynb"],
)  # fmt: skip
def test_a_notebook_is_read_whatever_it_is_called(folder, look, name):
    put(folder / name)
    found = only(look())
    assert code(found) == notebooks.code_cells(ANSWERED)
    assert found.problem is None
    assert found.name in ("ada", "ada.ipynb")


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8"]
)
def test_a_notebook_is_read_in_every_encoding_of_json(folder, look, encoding):
    text = hostile.notebook(["word = 'Grüße 你好 🙂'"]).decode()
    text = json.dumps(json.loads(text), ensure_ascii=False)
    put(folder / "ada.ipynb", text.encode(encoding))
    assert code(only(look())) == ["word = 'Grüße 你好 🙂'"]


def test_letters_in_another_encoding_cost_nothing_but_themselves(folder, look):
    put(folder / "ada.ipynb", ANSWERED.replace(b"gap", "größe".encode("latin-1")))
    found = only(look())
    assert found.problem is None
    assert "not in UTF-8" in found.notes[0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"%PDF-1.7 ...", "not a notebook but a PDF"),
        (b"PK\x03\x04....", "a zip or an Office document"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><title>04.ipynb</title>", "a web page"),
        (b"\x89PNG\r\n", "a picture"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (ANSWERED[:30] + b"\n<<<<<<< HEAD\n" + ANSWERED[30:], "merge conflict"),
        (b'{"nbformat": 3, "worksheets": []}', "format 4 but of 3"),
        (b"  \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"{", "damaged"),
        (b"\xff\xfe\x00", "damaged"),
        (b"[" * 100_000, "damaged"),
        (ANSWERED[:-20], "damaged"),
        (b"3", "not a notebook"),
        (b'{"cells": {}, "nbformat": 4}', "not a notebook"),
        (b'{"cells": [3], "nbformat": 4}', "not a notebook"),
        (b'{"cells": [{"cell_type": "code", "source": 3}], "nbformat": 4}', "no text"),
        (b'{"cells": [{"cell_type": "code", "source": ["a", 3]}], "nbformat": 4}', "no text"),
        (hostile.notebook(["1"] * 10_001), "more than 10000 cells"),
    ],
)
def test_what_is_called_a_notebook_and_is_none_is_said_to_be_none(folder, look, content, says):
    put(folder / "ada.ipynb", content)
    found = only(look())
    assert says in found.problem
    with pytest.raises(notebooks.Unreadable, match=re.escape(found.problem)):
        submissions.read_submission(found)


def test_only_code_cells_count():
    cells = [
        {"cell_type": "markdown", "source": "x"},
        {"cell_type": "code", "source": ["a = 1\n", "b"]},
        {"cell_type": "code"},
    ]
    content = json.dumps({"cells": cells, "nbformat": 4}).encode()
    assert notebooks.code_cells(content) == ["a = 1\nb", ""]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "no notebook"),
        ({"report.pdf": b"%PDF"}, "`report.pdf` (a PDF)"),
        ({"04.py": b"x = 1"}, "`04.py` (a Python script)"),
        ({"04.ipynb.pdf": b"%PDF"}, "(a PDF)"),
        ({".04.ipynb.icloud": b"bplist"}, "(a placeholder of iCloud)"),
        ({"04.url": b"[InternetShortcut]"}, "(a link to a web page)"),
        ({"04.ipynb.crdownload": b"{"}, "(a download that was not finished)"),
        ({"04.rar": b"Rar!"}, "(a RAR archive)"),
        ({".ipynb_checkpoints/04-checkpoint.ipynb": ANSWERED}, "Jupyter's own copy"),
        ({f"{n}.csv": b"1" for n in range(30)}, "and 25 more"),
        ({"04.zip": b"PK\x03\x04 broken"}, "`04.zip` is damaged, perhaps cut off"),
        ({"04.zip": b""}, "`04.zip` is an empty file"),
        ({"04.zip": b"%PDF"}, "`04.zip` is no zip"),
        ({"04.zip": encrypted()}, "is encrypted"),
    ],
)
def test_a_student_without_a_notebook_is_a_row_that_says_what_is_there(folder, look, files, says):
    (folder / "ada").mkdir()
    for name, content in files.items():
        put(folder / "ada" / name, content)
    found = only(look())
    assert (found.name, found.path) == ("ada", None)
    assert says in found.problem
    assert len(found.problem) < 600


def test_other_files_are_named(folder, look):
    put(folder / "ada" / "04.ipynb")
    for name in ("report.pdf", "plot.png", "data.csv", ".DS_Store", "__pycache__/x.pyc"):
        put(folder / "ada" / name, b"x")
    (note,) = only(look()).notes
    for word in ("`data.csv`", "`plot.png` (a picture)", "`report.pdf` (a PDF)"):
        assert word in note
    assert "DS_Store" not in note
    assert "pyc" not in note


def test_files_of_nobody_are_named_and_those_of_a_student_go_to_the_student(folder, look):
    put(folder / "ada.ipynb")
    for name in ("ada.pdf", "roster.csv", "notes.txt", ".hidden.ipynb", "Thumbs.db"):
        put(folder / name, b"x")
    found = look()
    assert "`ada.pdf` (a PDF)" in only(found).notes[0]
    said = " ".join(found.notes)
    assert all(f"`{name}`" in said for name in ("roster.csv", "notes.txt", ".hidden.ipynb"))
    assert "Thumbs" not in said


# ---- several attempts ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "counts", "why"),
    [  # name: content and day
        ({"04_vae_math.ipynb": (BLANK, 0), "Copy of 04_vae_math.ipynb": (ANSWERED, 0)},
         "Copy of 04_vae_math.ipynb", "has fewer answers"),
        ({"04_vae_math.ipynb": (ANSWERED, 0), "Copy of 04_vae_math.ipynb": (BLANK, 5)},
         "04_vae_math.ipynb", "has fewer answers"),
        ({"04.ipynb": (ANSWERED, 0), "04 (1).ipynb": (OTHER, 3)}, "04 (1).ipynb", "is earlier"),
        ({"04.ipynb": (ANSWERED, 3), "04 (1).ipynb": (OTHER, 0)}, "04.ipynb", "is earlier"),
        ({"04.ipynb": (ANSWERED, 0), "04 (2).ipynb": (OTHER, 0), "04 (10).ipynb": (OTHER, 0)},
         "04 (10).ipynb", "by name"),
        ({"04-Copy1.ipynb": (ANSWERED, 0), "04.ipynb": (b"{", 9)}, "04-Copy1.ipynb",
         "cannot be read"),
        ({"05_1.ipynb": (OTHER, 9), "04.ipynb": (ANSWERED, 0)}, "04.ipynb", "is not called 04"),
        ({"05/nb.ipynb": (OTHER, 9), "04/nb.ipynb": (ANSWERED, 0)}, "04/nb.ipynb",
         "is not called 04"),
        ({"homework.ipynb": (ANSWERED, 0), "04.ipynb": (BLANK, 9)}, "homework.ipynb",
         "has fewer answers"),
        ({"a.ipynb": (ANSWERED, 0), "b.ipynb": (ANSWERED, 1)}, "b.ipynb", "has the same code"),
        ({"04.zip": (zipped({"04.ipynb": ANSWERED}), 0), "04.ipynb": (OTHER, 5)}, "04.ipynb",
         "is earlier"),
    ],
)  # fmt: skip
def test_of_several_attempts_one_counts_and_all_are_named(folder, look, files, counts, why):
    for name, (content, day) in files.items():
        put(folder / "ada" / name, content, day)
    found = only(look())
    assert found.path == folder / "ada" / counts
    (note,) = found.notes
    assert f"`{counts}` counts" in note
    assert why in note
    for name in files:
        assert f"`{name}" in note, note


def test_the_course_s_own_hand_out_has_no_answers_and_its_solution_has(folder, look):
    put(folder / "ada" / "04_vae_math.ipynb", hostile.STUBS.read_bytes(), 9)
    put(folder / "ada" / "final.ipynb", hostile.with_answers(), 0)
    assert only(look()).path.name == "final.ipynb"


@pytest.mark.parametrize(("content", "answered"), [(ANSWERED, True), (BLANK, False), (b"", False)])
def test_whether_there_are_answers_is_known(folder, look, content, answered):
    put(folder / "ada.ipynb", content)
    assert only(look()).answered == answered


def test_a_copy_beside_its_original_is_the_same_student(folder, look):
    put(folder / "ada.ipynb", BLANK, 3)
    put(folder / "Copy of ada.ipynb", ANSWERED)
    put(folder / "bob.ipynb", ANSWERED)
    put(folder / "bob - Kopie.ipynb", ANSWERED)
    names = by_name(look())
    assert names.keys() == {"ada", "bob"}
    assert code(names["ada"]) == notebooks.code_cells(ANSWERED)
    assert "`Copy of ada.ipynb` counts" in names["ada"].notes[0]


def test_a_copy_with_other_answers_takes_nobody_s_row(folder, look):
    put(folder / "bob.ipynb", ANSWERED)
    put(folder / "Copy of bob.ipynb", OTHER, 9)
    put(folder / "bob (1).ipynb", OTHER, 9)
    names = by_name(look())
    assert names.keys() == {"bob", "Copy of bob", "bob (1)"}
    assert code(names["bob"]) == notebooks.code_cells(ANSWERED)
    assert all("graded" in " ".join(each.notes) for each in names.values())


@pytest.mark.parametrize(
    ("blank", "answered"),
    [
        (["bob", "bob_copy"], "bob_copy_copy"),
        (["bob", "bob的副本"], "bob的副本的副本"),
        (["bob", "Copy of bob", "Copy of Copy of bob"], "Copy of Copy of Copy of bob"),
        (["bob"], "Copy of bob - Kopie"),  # the copy in between is gone
    ],
)
def test_answers_in_a_copy_of_a_copy_count(folder, look, blank, answered):
    for name in blank:
        put(folder / f"{name}.ipynb", BLANK, 5)
    put(folder / f"{answered}.ipynb", ANSWERED)
    found = only(look())
    assert (found.name, code(found)) == ("bob", notebooks.code_cells(ANSWERED))
    assert all(f"`{name}.ipynb`" in found.notes[0] for name in [*blank, answered])


def test_of_three_copies_none_is_dropped(folder, look):
    put(folder / "bob.ipynb", ANSWERED)
    put(folder / "bob_copy.ipynb", BLANK)
    put(folder / "bob_copy_copy.ipynb", OTHER)
    names = by_name(look())
    assert code(names["bob"]) == notebooks.code_cells(ANSWERED)
    assert code(names["bob_copy"]) == notebooks.code_cells(OTHER)
    assert "`bob_copy_copy.ipynb` counts" in " ".join(names["bob_copy"].notes)


def test_only_so_much_code_is_looked_into_for_blanks():
    def blanks(size: int, times: int) -> int:
        cell = f"# {'.' * size}\ny = ..."
        return notebooks.read_notebook(hostile.notebook([cell] * times)).num_blanks

    assert blanks(10, 50) == 50
    assert blanks(99_000, 1) == 1
    assert blanks(100_000, 3) == 0
    assert blanks(50_000, 100) == 5


# ---- zips ------------------------------------------------------------------------------


def test_zips_are_read_also_in_zips_and_nothing_is_left_beside_them(folder, look):
    inner = zipped({"mine/04.ipynb": ANSWERED, "__MACOSX/mine/._04.ipynb": b"x"})
    put(folder / "ada.zip", inner)
    put(folder / "bob" / "hand in.ZIP", zipped({"deeper.zip": inner}))
    before = sorted(folder.rglob("*"))
    names = by_name(look())
    assert names.keys() == {"ada", "bob"}
    assert all(code(each) == notebooks.code_cells(ANSWERED) for each in names.values())
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["../../evil.ipynb", "/evil.ipynb", "..\\..\\evil.ipynb", "C:\\evil.ipynb",
             "a/../../evil.ipynb"],
)  # fmt: skip
def test_no_name_in_a_zip_leads_out_of_it(folder, look, tmp_path, name):
    put(folder / "ada" / "04.zip", zipped({name: ANSWERED, "04.ipynb": OTHER}))
    found = only(look())
    assert code(found) == notebooks.code_cells(OTHER)
    assert "leads out of the zip" in " ".join(found.notes)
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name]


def test_a_zip_that_would_fill_the_disk_is_refused_with_its_size(folder, look, tmp_path):
    put(folder / "bomb.zip", zipped({f"{n}.ipynb": bytes(2**20) for n in range(60)}))
    put(folder / "many" / "04.zip", zipped({f"{n}.txt": b"" for n in range(1001)}))
    put(folder / "ada.ipynb")
    nest = ANSWERED
    for _ in range(20):
        nest = zipped({"in.zip": nest})
    put(folder / "nest.zip", nest)
    link = zipped({"04.ipynb": b"/etc/passwd"}, external_attr=0o120777 << 16)
    put(folder / "link.zip", link)
    names = by_name(look())
    assert "more than 200 times its size" in names["bomb"].problem
    assert "more than 1000 files" in names["many"].problem
    assert "folders deep" in names["nest"].problem
    assert "is a link" in names["link"].problem
    assert names["ada"].problem is None
    assert sum(p.stat().st_size for p in tmp_path.glob("scratch*/*")) < 2**20


def test_a_zip_s_limits_are_each_student_s_own(folder, look, monkeypatch):
    monkeypatch.setattr(trees, "student_room", lambda: trees._Room(3, 2**20))
    two = zipped({"in.zip": zipped({"04.ipynb": ANSWERED, "a.txt": b"", "b.txt": b""})})
    files = {f"A {n}_{n}_assignsubmission_file_/04.zip": two for n in range(9)}
    put(folder / "class.zip", zipped(files))
    found = look()
    assert len(found.submissions) == 9
    # The zip and the one inside it share the room of one student: 1 and 3 files are too many.
    assert all("more than 2 files" in each.problem for each in found.submissions)
    for number in range(5):  # so many are no class's
        put(folder / f"s{number}.zip", zipped({f"{n}.txt": b"" for n in range(4)}))
    (folder / "class.zip").unlink()
    assert all("more than 3 files" in each.problem for each in look().submissions)


def large(number: int = 1) -> bytes:
    """A zip of 1 KB that holds a notebook of 0.9 MB."""
    return zipped({f"{number}.ipynb": ANSWERED + b" " * 900_000})


def scratch_size(tmp_path: Path) -> int:
    return sum(path.stat().st_size for path in tmp_path.glob("scratch*/*"))


@pytest.mark.parametrize("name", ["eve.zip", "eve/all.zip", "Eve_7_assignsubmission_file_a.zip"])
def test_zips_in_a_student_s_zip_share_its_room(folder, look, tmp_path, monkeypatch, name):
    monkeypatch.setattr(trees, "student_room", lambda: trees._Room(100, 2**20))
    inside = {f"Eve_{n}_assignsubmission_file_{n}.zip": large(n) for n in range(8)}
    put(folder / name, zipped(inside if "_7_" in name else {f"{n}.zip": large() for n in range(8)}))
    put(folder / "frank.zip", zipped({"04.ipynb": OTHER}))
    put(folder / "ada.ipynb")
    names = {each.name.casefold(): each for each in look().submissions}
    assert names.keys() == {"ada", "eve", "frank"}
    assert code(names["frank"]) == notebooks.code_cells(OTHER)
    assert "holds more than" in " ".join(names["eve"].notes)
    assert scratch_size(tmp_path) < 2**20


@pytest.mark.parametrize("beside", [[], ["roster.csv"], ["ada.ipynb", "b.zip", "c.zip", "d.zip"]])
def test_a_class_s_zip_has_a_class_s_room_whatever_lies_beside_it(
    folder, look, monkeypatch, beside
):
    monkeypatch.setattr(trees, "student_room", lambda: trees._Room(3, 2**20))
    files = {f"A {n}_{n}_assignsubmission_file_/04.ipynb": ANSWERED for n in range(9)}
    put(folder / "class.zip", zipped(files))
    for name in beside:
        put(folder / name, zipped({"04.ipynb": OTHER}) if ".zip" in name else OTHER)
    found = look()
    assert len([each for each in found.submissions if each.lms == "moodle"]) == 9
    assert all(each.problem is None for each in found.submissions)


@pytest.mark.parametrize("place", [".", "class.zip"])
def test_all_zips_together_have_one_room_and_none_is_called_damaged(
    folder, look, tmp_path, monkeypatch, place, one_sentence
):
    monkeypatch.setattr(trees, "all_room", lambda: trees._Room(1000, 3 * 2**20))
    files = {f"A {n}_{n}_assignsubmission_file_/04.zip": large(n) for n in range(6)}
    put(folder / "class.zip", zipped(files))
    put(folder / "zoe.ipynb")
    with pytest.raises(ValueError, match="3 MB") as caught:
        look(folder / place)
    one_sentence(caught.value, "`class.zip`", "take that out")
    assert scratch_size(tmp_path) < 4 * 2**20


def test_a_disk_that_takes_no_more_is_no_student_s_fault(folder, look, one_sentence):
    put(folder / "ada.zip", large())
    put(folder / "bob.zip", zipped({"in.zip": large()}))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(ValueError, match="TMPDIR") as caught:
            look()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    one_sentence(caught.value, "File too large")


# ---- learning platforms ----------------------------------------------------------------

MOODLE = {
    "Mueller Anna_123456_assignsubmission_file_/04.ipynb": ("Mueller Anna", "123456"),
    "Weber Mia_123457_assignsubmission_file/04.ipynb": ("Weber Mia", "123457"),
    "R2-D2 778_123471_assignsubmission_file_/2024.ipynb": ("R2-D2 778", "123471"),
    "Gruppe B 2-Koch Ben_123460_assignsubmission_file_/a.ipynb": ("Gruppe B 2-Koch Ben", "123460"),
    "王 伟_200001_assignsubmission_file_/作业.ipynb": ("王 伟", "200001"),
    "Teilnehmer_in123458_assignsubmission_file_/a.ipynb": ("Teilnehmer_in", "123458"),
    "Flat Zoë_5_assignsubmission_file_04_vae_math.ipynb": ("Flat Zoë", "5"),
    "Sly_6_assignsubmission_file_x_5_assignsubmission_file_.ipynb": ("Sly", "6"),
    "Zip Per_7_assignsubmission_file_/hw.zip/04.ipynb": ("Zip Per", "7"),
}
CANVAS = {
    "muelleranna_9001_555001_04_vae_math.ipynb": ("muelleranna", "9001"),
    "webermia_LATE_9002_555002_04_vae_math-1.ipynb": ("webermia", "9002"),
    "late_9005_555005_04.ipynb": ("late", "9005"),
    "o_neill_9004_555004_my_04_vae_math.ipynb": ("o_neill", "9004"),
    "group12_812_555006_04.ipynb": ("group12", "812"),
    "王伟_9003_555003_04.ipynb": ("王伟", "9003"),
    "zip_9006_555007_hw.zip/04.ipynb": ("zip", "9006"),
}


@pytest.mark.parametrize("lms", ["moodle", "canvas"])
@pytest.mark.parametrize("how", ["folder", "zip", "zip in the folder", "zip of a folder", "nested"])
def test_an_export_is_read_as_it_was_given(folder, look, lms, how):
    wanted = MOODLE if lms == "moodle" else CANVAS
    files: dict[str, bytes] = {}
    for name in wanted:
        outer, is_zip, inner = name.partition(".zip/")
        files[outer + ".zip" * bool(is_zip)] = zipped({inner: ANSWERED}, 5) if is_zip else ANSWERED
    place = folder
    if how in ("folder", "nested"):
        below = folder / "unpacked" / "by hand" if how == "nested" else folder
        for name, content in files.items():
            put(below / name, content, 1)
    else:
        inside = "submissions/" if how == "zip of a folder" else ""
        place = put(folder / "all.zip", zipped({inside + n: c for n, c in files.items()}, 1), 9)
        place = folder if how == "zip in the folder" else place
    found = look(place)
    got = {(each.name, each.lms_id) for each in found.submissions}
    assert got == set(wanted.values())
    assert {each.lms for each in found.submissions} == {lms}
    assert all(each.problem is None for each in found.submissions)
    days = {each.submitted_at.astimezone().strftime("%d") for each in found.submissions}
    assert days == {"02"}  # of the files themselves, not of the zip around them, nor of one inside
    late = [each.name for each in found.submissions if "late" in " ".join(each.notes)]
    assert late == (["webermia"] if lms == "canvas" else [])


def test_what_one_student_handed_in_on_a_platform_is_one_row(folder, look):
    put(folder / "Weber Mia_7_assignsubmission_file_Lösung_v2.ipynb", ANSWERED, 1)
    put(folder / "Weber Mia_7_assignsubmission_file_04_vae_math.ipynb", BLANK, 3)
    put(folder / "Weber Mia_7_assignsubmission_onlinetext_/onlinetext.html", b"<p>see file")
    put(folder / "Koch Ben_8_assignsubmission_onlinetext_/onlinetext.html", b"<p>http://x")
    names = by_name(look())
    assert names.keys() == {"Weber Mia", "Koch Ben"}
    assert names["Weber Mia"].path.name.endswith("v2.ipynb")
    for word in ("Lösung_v2", "04_vae_math", "onlinetext.html"):
        assert word in " ".join(names["Weber Mia"].notes)
    assert "`onlinetext.html` (a web page)" in names["Koch Ben"].problem


@pytest.mark.parametrize(
    "again",
    ["webermia_9002_555002_04 (1)", "webermia_9002_555002_04-1", "webermia_9002_555002_old"],
)
def test_a_file_that_was_loaded_twice_leaves_canvas_s_names_as_they_are(folder, look, again):
    for name in ("ada_9001_555001_04", "webermia_9002_555002_04", again):
        put(folder / f"{name}.ipynb")
    found = look().submissions
    assert [(each.name, each.lms_id) for each in found] == [("ada", "9001"), ("webermia", "9002")]


def test_a_name_with_numbers_is_not_taken_for_one_of_canvas(folder, look):
    for name in ("2026_04_120_ada", "ada_12_2026_hw", "bob_12_2026_hw", "hw_12_3_cid"):
        put(folder / f"{name}.ipynb")
    found = look()
    assert len(found.submissions) == 4
    assert {each.lms_id for each in found.submissions} == {None}


def test_a_zip_beside_what_came_out_of_it_counts_once(folder, look):
    files = {f"A {n}_{n}_assignsubmission_file_/04.ipynb": ANSWERED for n in (1, 2)}
    put(folder / "all.zip", zipped(files, 1))
    for name, content in files.items():
        put(folder / "all" / name, content, 1)
    found = look()
    assert sorted(each.lms_id for each in found.submissions) == ["1", "2"]
    assert "second time" in found.notes[0]


def test_a_student_s_folder_hijacks_no_number_of_another(folder, look):
    put(folder / "Ada_1_assignsubmission_file_/04.ipynb", ANSWERED)
    put(folder / "mallory" / "Ada_1_assignsubmission_file_" / "04.ipynb", OTHER, 9)
    found = look()
    first = next(each for each in found.submissions if each.key == "moodle--id1")
    assert code(first) == notebooks.code_cells(ANSWERED)
    assert len({each.key for each in found.submissions}) == 2


def test_nbgrader_s_tree_is_read(folder, look):
    for student in ("ada", "bob"):
        put(folder / "submitted" / student / "04" / "nb.ipynb", ANSWERED)
        put(folder / "submitted" / student / "05" / "nb.ipynb", OTHER, 9)
        put(folder / "submitted" / student / "04" / "timestamp.txt", b"2026-01-01 10:00:00 UTC")
    for place in (folder, folder / "submitted"):
        names = by_name(look(place))
        assert names.keys() == {"ada", "bob"}
        assert all(each.path.parts[-2] == "04" for each in names.values())


# ---- names and keys --------------------------------------------------------------------


def test_keys_differ_whatever_names_are_chosen(folder, look):
    names = [
        "ada", "ADA", "Ada", "li~na", "li_na", "王 小明", "王_小明", "a b", "a\tb", "a\nb\\c;d", "..",
        "CON", "aux", "nul.x", "com1", "x" * 240, "x" * 239, "--", "-", "a--b", "moodle--id1",
        "Müller", unicodedata.normalize("NFD", "Müller"), "é" * 60, "=cmd", "ada--folder",
        "ada--zip", "\u202egnp.exe", "ada ", "ada.", "．", "<b>x", "student",
    ]  # fmt: skip
    for name in names:
        put(folder / f"{name}.ipynb")
    put(folder / "ada" / "04.ipynb")
    put(folder / "moodle" / "id1" / "04.ipynb")
    put(folder / "ada.zip", zipped({"04.ipynb": OTHER}))
    put(folder / "Bo_1_assignsubmission_file_" / "04.ipynb")
    os.makedirs(os.fsencode(folder) + b"/\xff\xfe")
    first = look()
    # Whoever takes the key of another as a name gets another key, also when named first.
    for each in first.submissions:
        put(folder / f"{each.key}.ipynb")
    second = look()
    keys = [each.key for each in second.submissions]
    entries = {each.entry for each in second.submissions}
    assert len({key.casefold() for key in keys}) == len(keys)
    assert len({each.name for each in second.submissions}) == len(keys)
    assert len(entries) >= len(names) + 5
    assert all(re.fullmatch(r"\w[\w.-]*", key) for key in keys), keys
    assert all(len(f"{key}.html".encode()) < 200 for key in keys)
    reserved = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
    assert not [key for key in keys if reserved.match(key) or key[-1] in ". "]
    now = {each.entry: each.key for each in second.submissions}
    assert all(now[each.entry] == each.key for each in first.submissions if each.entry != "ada.zip")
    for each in second.submissions:
        each.name.encode("utf-8")
        assert each.name.isprintable()


def test_a_key_does_not_depend_on_who_else_is_there(folder, look):
    put(folder / "ADA.ipynb")
    alone = only(look()).key
    put(folder / "ada.ipynb")
    put(folder / "Ada.ipynb")
    assert by_name(look())["ADA"].key == alone
    assert by_name(look())["ada"].key == "ada"


def test_names_that_look_alike_are_told_apart_and_said_to_be(folder, look):
    put(folder / "Zoë.ipynb")
    put(folder / (unicodedata.normalize("NFD", "Zoë") + ".ipynb"), OTHER)
    put(folder / "bob.ipynb")
    put(folder / "bob" / "04.ipynb", OTHER)
    put(folder / "Wang_1_assignsubmission_file_" / "04.ipynb")
    put(folder / "Wang_2_assignsubmission_file_" / "04.ipynb")
    names = by_name(look())
    assert {"bob", "bob (folder)", "Zoë", "Wang (1)", "Wang (2)"} < names.keys()
    assert "same name" in names["bob"].notes[0]
    assert all("same name" in each.notes[0] for n, each in names.items() if n.startswith("Zoë"))


# ---- what cannot be read ---------------------------------------------------------------


def test_links_pipes_and_loops_are_one_row_each(folder, look, tmp_path):
    secret = put(tmp_path / "secret.ipynb", OTHER)
    put(folder / "ada.ipynb")
    (folder / "loop.ipynb").symlink_to("loop.ipynb")
    (folder / "gone.ipynb").symlink_to("nowhere")
    (folder / "secret.ipynb").symlink_to(secret)
    (folder / "dr. folder").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.ipynb")
    (folder / "inside").mkdir()
    (folder / "inside" / "up").symlink_to("..")
    (folder / "inside" / "04.ipynb").symlink_to(secret)
    names = by_name(look())
    assert names.keys() == {
        "ada", "loop", "gone", "secret", "dr. folder", "pipe", "inside"
    }  # fmt: skip
    for name, each in names.items():
        assert each.path is None or name == "ada"
        if name not in ("ada", "pipe"):
            assert "is a link" in each.problem
    assert "not an ordinary file" in names["pipe"].problem


def test_a_folder_without_permission_is_one_row(folder, tmp_path, ordinary_user):
    put(folder / "ada.ipynb")
    put(folder / "eve" / "04.ipynb")
    put(folder / "cid" / "04.ipynb")
    (folder / "eve").chmod(0)
    (folder / "cid" / "04.ipynb").chmod(0)
    code_ = (
        "import sys, tempfile; from pathlib import Path; from aigc_course.grading import submissions\n"
        "with tempfile.TemporaryDirectory() as scratch:\n"
        "    found = submissions.find(Path(sys.argv[1]), '04', scratch=Path(scratch))\n"
        "    print([(s.name, s.problem) for s in found.submissions])\n"
        "    print([s.name for s in found.submissions if s.ours])"
    )
    try:
        done = subprocess.run(
            [*ordinary_user, sys.executable, "-c", code_, str(folder)],
            capture_output=True, text=True, timeout=100,
        )  # fmt: skip
    finally:
        (folder / "eve").chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert "('ada', None)" in done.stdout
    assert "['cid', 'eve']" in done.stdout
    assert str(folder / "cid" / "04.ipynb") in done.stdout
    assert "cannot be read (Permission denied)" in done.stdout
    assert "cannot be opened (Permission denied)" in done.stdout


@pytest.mark.parametrize("name", ["Strauß", "İpek", "ŉ ﬁx", "A.IPYNB.x", "ß (2)"])
def test_letters_that_grow_in_small_are_no_part_of_the_ending(folder, look, name):
    put(folder / f"{name}.IPYNB")
    assert only(look()).name == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    ("name", "says"),
    [("b\u043eb", "U+043E CYRILLIC SMALL LETTER O"), ("Ann\u03b1 Byron", "U+03B1 GREEK"),
     ("bob\u200b", "U+200B ZERO WIDTH SPACE"), ("bo\u00adb", "U+00AD"),
     ("Иванов Пётр", ""), ("Ελένη Smith", ""), ("王伟 Wang", ""), ("Zoë Müller", "")],
)  # fmt: skip
def test_letters_that_are_not_what_they_seem_are_named(folder, look, name, says):
    put(folder / f"{name}.ipynb")
    notes = " ".join(only(look()).notes)
    assert (says in notes) if says else notes == ""


@pytest.mark.parametrize(
    ("raw", "name"),
    [(b"\xcd\xf5\xce\xb0", "王伟"), (b"M\xfcller", "Müller"), (b"\xcd\xf5", "王"),
     (b"\x81\xff\x00"[:2], "??")],
)  # fmt: skip
@pytest.mark.skipif(
    os.name == "nt" or sys.platform == "darwin", reason="Linux only: bytes in names"
)
def test_names_that_are_no_utf_8_are_read(folder, look, raw, name):
    put(Path(os.fsdecode(os.fsencode(folder) + b"/" + raw + b".ipynb")))
    assert only(look()).name == name


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("gbk", "王伟"), ("gbk", "李 小龙"), ("cp437", "Müller, Zoë"), ("cp437", "Señor ß"),
     ("utf-8", "赵 敏"), ("utf-8", "Müller")],
)  # fmt: skip
def test_names_in_a_zip_that_says_no_encoding_are_read(folder, look, encoding, name):
    raw = f"{name}.ipynb".encode(encoding)
    content = zipped({"p" * len(raw): ANSWERED, "other.ipynb": OTHER})
    put(folder / "class.zip", content.replace(b"p" * len(raw), raw))
    assert name in by_name(look(folder / "class.zip"))


def test_a_folder_of_too_many_files_and_one_too_deep_are_one_row_each(folder, look, monkeypatch):
    monkeypatch.setattr(trees, "MAX_ITEMS", 50)
    put(folder / "ada.ipynb")
    for number in range(60):
        put(folder / "many" / f"{number}.csv", b"")
    put(folder / "deep" / "/".join("x" * 20) / "04.ipynb")
    names = by_name(look())
    assert "more than 50 files" in names["many"].problem
    assert "folders deep" in names["deep"].problem
    assert names["ada"].problem is None


@pytest.mark.parametrize(
    "student", ["Abgaben/{}", "a/b/submissions/{}", "x/{0}_{0}_assignsubmission_file_", "{}"]
)
def test_files_are_counted_for_each_student_whatever_folders_are_around(
    folder, look, monkeypatch, student
):
    monkeypatch.setattr(trees, "MAX_ITEMS", 10)
    for number in range(1, 9):
        for name in ("data.csv", "04.ipynb", "plot.png"):
            put(folder / student.format(number) / name)
    for number in range(30):
        put(folder / student.format(8) / f"{number}.csv", b"")
    found = {each.entry[0]: each for each in look().submissions}
    assert len(found) == 8
    assert all(each.problem is None for each in found.values())
    assert "more than 10 files" in " ".join(found["8"].notes)
    assert "more than" not in " ".join(note for n in "1234567" for note in found[n].notes)


@pytest.mark.parametrize("top", ["Abgaben", "x/submissions", "Moodle"])
def test_no_student_is_left_out_of_a_class_that_is_too_large(
    folder, look, monkeypatch, top, one_sentence
):
    monkeypatch.setattr(trees, "MAX_WALK", 40)
    student = "{0}_{1}_assignsubmission_file_" if top == "Moodle" else "{}.ipynb"
    for number, name in enumerate(["ada", "eve", "zoe"]):
        path = folder / top / student.format(name, number)
        put(path / "04.ipynb" if top == "Moodle" else path)
    many = "eve_1_assignsubmission_file_" if top == "Moodle" else "eve"
    for number in range(60):
        put(folder / top / many / f"{number}.csv", b"")
    with pytest.raises(ValueError, match="more than 40 files") as caught:
        look()
    one_sentence(caught.value, top.partition("/")[0], "whole class", "nothing there but")


def test_a_giant_is_not_read(folder, look):
    with open(folder / "ada.ipynb", "wb") as file:
        file.truncate(notebooks.MAX_BYTES + 1)
    assert "larger than 20 MB" in only(look()).problem


def test_the_grader_s_own_output_is_no_student(folder, look):
    put(folder / "ada.ipynb")
    for name in ("old", "now/deeper"):
        for file in ("grades.csv", "grades.json", "feedback/ada.html"):
            put(folder / name / file, b"x")
    found = look(leave_out=(folder / "now" / "deeper",))
    assert by_name(found).keys() == {"ada", "now"}
    assert "`old` holds grades" in found.notes[0]
    found = look(leave_out=(folder / "now",))
    assert by_name(found).keys() == {"ada"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda place: None, ["no folder", "place"]),
        (lambda place: place.mkdir(), ["no submissions"]),
        (lambda place: place.write_bytes(ANSWERED), ["neither a folder nor a zip"]),
        (lambda place: put(place / "roster.csv", b"x"), ["no submissions", "roster.csv"]),
    ],
)
def test_a_place_without_submissions_is_refused(tmp_path, look, make, words, one_sentence):
    make(tmp_path / "place")
    with pytest.raises(ValueError, match=r".") as caught:
        look(tmp_path / "place")
    one_sentence(caught.value, *words)


def test_a_damaged_zip_of_a_class_is_refused(tmp_path, look, one_sentence):
    place = put(tmp_path / "class.zip", b"PK\x03\x04 no zip")
    with pytest.raises(ValueError, match=r".") as caught:
        look(place)
    one_sentence(caught.value, "class.zip", "damaged")


@pytest.mark.parametrize(
    ("name", "assignment", "does"),
    [
        ("04_vae_math.ipynb", "04", True), ("HW04.ipynb", "04", True), ("2004.ipynb", "04", False),
        ("05_10.ipynb", "05_1", False), ("05_1_build.ipynb", "05_1", True), ("toys", "toy", False),
        ("my toy.ipynb", "toy", True),
    ],
)  # fmt: skip
def test_a_name_names_an_assignment(name, assignment, does):
    assert owners.names_assignment((name,), assignment) is does


def test_every_kind_of_file_has_an_article():
    assert attempts.file_kind("x.pdf") == "a PDF"
    assert attempts.file_kind("x.unheard") == "no notebook"
