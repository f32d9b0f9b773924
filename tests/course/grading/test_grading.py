"""`aigc grade`: right marks for everybody, and nothing that a submission does reaches anything.

The sandbox and the kernels are real. Where there is no bubblewrap, what needs it is skipped, or
fails if it is required (see the fixture `bubblewrap`).
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import html.parser
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import hostile
import numpy as np
import psutil
import pytest
import toy_assignment
from toy_assignment import LIMITS, SQUARE

from aigc_course.grading import (
    NoAnswer,
    Student,
    adjustments,
    agrees,
    bubblewrap,
    commands,
    feedback,
    grader,
    hidden,
    hidden_test,
    marks,
    sandbox,
    wire,
    work,
)

ROOT = Path(__file__).resolve().parents[3]
needs_bubblewrap = pytest.mark.usefixtures("bubblewrap")


@pytest.fixture
def toy_tests(tmp_path) -> Path:
    folder = tmp_path / "hidden"
    folder.mkdir()
    (folder / "toy.py").write_text(toy_assignment.TESTS)
    return folder


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "aigc_course.cli", "grade", *map(str, arguments)]


def table(out: Path) -> dict[str, dict[str, str]]:
    text = (out / "grades.csv").read_text(encoding="utf-8-sig")
    return {row["student"]: row for row in csv.DictReader(io.StringIO(text))}


def tree(*folders: Path) -> dict[str, str]:
    """Every file below the folders with its hash, mode and, for links, target."""
    found = {}
    for folder in folders:
        for path in sorted([folder, *folder.rglob("*")]):
            if "__pycache__" in path.parts:
                continue
            what = str(path.lstat().st_mode)
            if path.is_symlink():
                what += os.readlink(path)
            elif path.is_file():
                what += hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path)] = what
    return found


# ---- thirty submissions ----------------------------------------------------------------


@pytest.fixture(scope="module")
def graded(tmp_path_factory, bubblewrap):
    """Thirty submissions of chapter 4, graded once by the command."""
    teacher = tmp_path_factory.mktemp("teacher")
    handed_in, out, secret = teacher / "submissions", teacher / "out", teacher / "secret"
    tests = ROOT / "workbook" / "hidden_tests"
    secret.mkdir()
    (secret / "grades_of_last_year.txt").write_text("all")
    cases = hostile.thirty(handed_in, out, tests, secret)
    hostile.hand_in(cases, handed_in)
    watched = [handed_in, secret, tests, ROOT / "aigc_utils", ROOT / "workbook"]
    before = tree(*watched)
    done = subprocess.run(
        command(handed_in, "--assignment", "04", "-o", out, "--jobs", 2, "--timeout", 20),
        capture_output=True,
        text=True,
        timeout=800,
    )
    return cases, out, done, before, tree(*watched), teacher


@pytest.mark.slow
def test_all_thirty_are_graded(graded):
    cases, out, done, *_ = graded
    assert len(cases) == 30
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"30 of 30 graded: {out / 'grades.csv'}" in done.stdout
    assert set(table(out)) == {case.name for case in cases}


@pytest.mark.slow
def test_everybody_gets_the_right_marks(graded):
    cases, out, *_ = graded
    got = {name: (float(row["total"]), row["of"]) for name, row in table(out).items()}
    assert got == {case.name: (case.points, "19") for case in cases}


@pytest.mark.slow
def test_every_page_says_plainly_what_went_wrong(graded):
    cases, out, *_ = graded
    rows = json.loads((out / "grades.json").read_text())["students"].values()
    pages = {row["student"]: out / "feedback" / row["page"] for row in rows}
    for case in cases:
        page = pages[case.name].read_text(encoding="utf-8")
        assert case.says in page, (case.name, page[page.index("<h1") :])
        assert f"{case.points:g} of 19 points" in page


@pytest.mark.slow
def test_no_page_holds_a_script_or_loads_anything(graded):
    _, out, *_ = graded
    pages = list((out / "feedback").iterdir())
    assert len(pages) == 30
    for page in pages:
        Harmless().feed(page.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_nothing_outside_the_output_folder_is_touched(graded):
    *_, before, after, teacher = graded
    assert before == after
    assert {path.name for path in teacher.iterdir()} == {"submissions", "out", "secret"}
    assert {path.name for path in (teacher / "out").iterdir()} == {
        "adjustments.csv",
        "grades.csv",
        "grades.json",
        "feedback",
    }


@pytest.mark.slow
def test_no_process_is_left(graded):
    assert processes_of_submissions() == []


@pytest.mark.slow
def test_no_hidden_test_stopped(graded):
    _, out, done, *_ = graded
    rows = json.loads((out / "grades.json").read_text())["students"].values()
    assert [row["broken"] for row in rows if row["broken"]] == []
    assert "Look at this hidden test" not in done.stdout


class Harmless(html.parser.HTMLParser):
    """Fails on anything that could run or load."""

    def handle_starttag(self, tag, attrs):
        assert tag not in {"script", "img", "link", "iframe", "object", "svg", "form", "base"}
        for name, _ in attrs:
            assert name in {
                "lang", "charset", "name", "http-equiv", "content", "class", "scope",
            }, name  # fmt: skip


def processes_of_submissions() -> list[str]:
    """Those of this test, and orphans; tests beside it in another process look after their own."""
    users = range(bubblewrap.FIRST_UID, bubblewrap.FIRST_UID + bubblewrap.NUM_UIDS)
    beside = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else None
    found = []
    for process in psutil.process_iter(["pid", "uids", "cmdline"]):
        words = process.info["cmdline"] or []
        ours = process.info["uids"] is not None and process.info["uids"].real in users
        if ours or "aigc_course.grading.inside.driver" in words:
            with contextlib.suppress(psutil.NoSuchProcess):
                above = {parent.pid for parent in process.parents()}
                if beside not in above or os.getpid() in above:
                    found.append(" ".join(words)[:80])
    return found


# ---- the command -----------------------------------------------------------------------


@pytest.fixture
def three(tmp_path) -> Path:
    folder = tmp_path / "submissions"
    folder.mkdir()
    for name, answer in {"ada": 42, "bob": 41, "cid": 40}.items():
        content = hostile.notebook([SQUARE, f"answer = {answer}"])
        (folder / f"{name}.ipynb").write_bytes(content)
    return folder


@needs_bubblewrap
def test_what_is_graded_is_not_graded_again_unless_it_changed(three, toy_tests, tmp_path):
    said: list[str] = []
    out = tmp_path / "out"
    options = commands.GradeOptions(tests=toy_tests, jobs=1, limits=LIMITS)
    assert commands.grade(three, "toy", out, options, said.append) == 0
    assert [row["total"] for row in table(out).values()] == ["3", "2", "2"]
    first = (out / "grades.json").read_bytes()
    (three / "bob.ipynb").write_bytes(hostile.notebook([SQUARE, "answer = 42"]))
    (out / "feedback" / "cid.html").unlink()
    said.clear()
    assert commands.grade(three, "toy", out, options, said.append) == 0
    assert said[0].endswith("ada: as before")
    assert said[1].endswith("bob: 3 of 3 (was 2)")
    assert said[2].endswith("cid: as before")
    assert said[3] == "Marks that changed: bob 2 -> 3."
    assert "2 of 3 points" in (out / "feedback" / "cid.html").read_text()  # from what is known
    assert (out / "grades.json").read_bytes() != first
    said.clear()
    (toy_tests / "toy.py").write_text(toy_assignment.TESTS.replace("== 42", "== 41"))
    (three / "cid.ipynb").unlink()
    assert commands.grade(three, "toy", out, options, said.append) == 0
    assert said[0] == "The hidden tests have changed since the last time: all are graded again."
    assert said[-2] == "Not in this folder, and kept in the table: cid 2."
    assert [row["total"] for row in table(out).values()] == ["2", "2", "2"]
    replaced = f"Replaces 2 of 3 points from {three}."
    note = "Graded with other hidden tests than the last."
    assert [row["note"] for row in table(out).values()] == ["", replaced, note]


@needs_bubblewrap
def test_a_sandbox_that_does_not_start_is_said_once(three, toy_tests, tmp_path, monkeypatch):
    for number in range(5):
        (three / f"s{number}.ipynb").write_bytes(hostile.notebook(["x = 1"]))

    def refuse(*_: object, **__: object) -> None:
        raise sandbox.Ended("has no memory")

    monkeypatch.setattr(work, "Sandbox", refuse)
    said: list[str] = []
    options = commands.GradeOptions(tests=toy_tests, jobs=1, limits=LIMITS)
    assert commands.grade(three, "toy", tmp_path / "out", options, said.append) == 1
    assert len([line for line in said if "has no memory" in line]) == 1
    assert said[1] == "Not graded, for the reason above: ada, bob, cid, s0, s1, s2, s3, s4."
    assert said[2].startswith("Nobody could be graded any more, so the others were not tried")
    assert said[3].startswith("0 of 8 graded")
    rows = table(tmp_path / "out").values()
    assert [(row["total"], row["state"]) for row in rows] == [("", "not graded")] * 8


@needs_bubblewrap
def test_a_fault_of_the_grader_stops_no_class(three, toy_tests, tmp_path, monkeypatch):
    def fault(content, tests, *_):
        if b"answer = 41" in content:
            raise KeyError("ours")
        return grader.zero_grade(tests, "Nothing was run.")

    monkeypatch.setattr(grader, "grade_notebook", fault)
    said: list[str] = []
    options = commands.GradeOptions(tests=toy_tests, jobs=2, limits=LIMITS)
    assert commands.grade(three, "toy", tmp_path / "out", options, said.append) == 1
    assert "Not graded, for the reason above: bob." in said
    states = {name: row["state"] for name, row in table(tmp_path / "out").items()}
    assert states == {"ada": "", "bob": "not graded", "cid": ""}


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only: bytes in names")
def test_folders_whose_names_are_no_utf_8_are_graded(toy_tests, tmp_path):
    begin = os.fsencode(tmp_path) + b"/\xb1\xa8"
    place, out = Path(os.fsdecode(begin + b"1")), Path(os.fsdecode(begin + b"2"))
    for student in ("ada", "bob"):
        (place / student).mkdir(parents=True)
        (place / student / "work.pdf").write_bytes(b"%PDF")
    options = commands.GradeOptions(tests=toy_tests, jobs=1)
    for _ in range(2):
        assert commands.grade(place, "toy", out, options, lambda _: None) == 0
    assert {name: row["total"] for name, row in table(out).items()} == {"ada": "0", "bob": "0"}


def test_two_at_a_time_do_not_write_to_one_folder(three, toy_tests, tmp_path, one_sentence):
    out = tmp_path / "out"
    options = commands.GradeOptions(tests=toy_tests)
    with commands._alone(out), pytest.raises(ValueError, match="Another") as caught:
        commands.grade(three, "toy", out, options, lambda _: None)
    one_sentence(caught.value, out)
    assert not out.exists()


@pytest.mark.parametrize("where", [".", "sub/..", "link"])
def test_the_output_is_not_written_among_submissions(three, toy_tests, where, one_sentence):
    (three / "sub").mkdir()
    (three / "link").symlink_to(three)
    options = commands.GradeOptions(tests=toy_tests)
    before = tree(three)
    with pytest.raises(ValueError, match="folder of submissions") as caught:
        commands.grade(three, "toy", three / where, options, lambda _: None)
    one_sentence(caught.value, "-o is")
    assert tree(three) == before


def test_an_output_that_is_a_file_is_left_alone(three, toy_tests, tmp_path, one_sentence):
    (tmp_path / "marks").write_text("keep")
    options = commands.GradeOptions(tests=toy_tests)
    for out in (tmp_path / "marks", tmp_path / "marks" / "deeper"):
        with pytest.raises(ValueError, match=r"-o is") as caught:
            commands.grade(three, "toy", out, options, lambda _: None)
        one_sentence(caught.value, tmp_path / "marks")
    assert (tmp_path / "marks").read_text() == "keep"


@needs_bubblewrap
@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on(three, toy_tests, tmp_path, how):
    out = tmp_path / "out"
    (three / "zed.ipynb").write_bytes(hostile.notebook(["import time; time.sleep(60)", SQUARE]))
    arguments = command(three, "--assignment", "toy", "-o", out, "--tests", toy_tests, "--jobs", 2)
    # A process group of its own, because Ctrl-C goes to all of it.
    process = subprocess.Popen(
        [sys.executable, "-c", RESET_SIGINT, *arguments], stdout=subprocess.PIPE, text=True
    )
    with killed_after(process, 200):  # which ends the lines
        seen = [process.stdout.readline() for _ in range(3)]
        assert [line.split()[:1] for line in seen] == [["1/4"], ["2/4"], ["3/4"]]
    process.send_signal(how)
    rest = process.communicate(timeout=100)[0]
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    if how == signal.SIGINT:
        assert "Stopped with 3 of 4 graded" in rest
    deadline = time.monotonic() + 60
    while processes_of_submissions() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_of_submissions() == []
    assert len(table(out)) == 3
    (three / "zed.ipynb").write_bytes(hostile.notebook([SQUARE]))
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=200)
    assert done.stdout.count("as before") == 3
    assert "zed: 2 of 3" in done.stdout


@contextlib.contextmanager
def killed_after(process: subprocess.Popen, seconds: float):
    """Kill a process if the block takes longer."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    except BaseException:
        process.kill()
        raise
    finally:
        timer.cancel()


# Under `make` in the background SIGINT may be ignored, and a child then ignores it too.
RESET_SIGINT = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@needs_bubblewrap
@pytest.mark.slow
def test_an_ordinary_user_can_grade_too(three, toy_tests, tmp_path, ordinary_user):
    out = tmp_path / "out"
    (three / "dan.ipynb").write_bytes(
        hostile.notebook(["import os\nanswer = 42 if os.getuid() == 65000 else 0", SQUARE])
    )
    (three / "eve.ipynb").write_bytes(
        hostile.notebook(["import os\nwhile True: os.fork()", SQUARE])
    )
    arguments = command(three, "--assignment", "toy", "-o", out, "--tests", toy_tests)
    done = subprocess.run([*ordinary_user, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    totals = {name: row["total"] for name, row in table(out).items()}
    assert totals == {"ada": "3", "bob": "2", "cid": "2", "dan": "3", "eve": "2"}


@pytest.mark.slow
def test_without_a_sandbox_limits_are_left_and_the_danger_is_said(
    three, toy_tests, tmp_path, ordinary_user
):
    out = tmp_path / "out"
    (three / "hog.ipynb").write_bytes(
        hostile.notebook(["x = []\nwhile True: x.append(bytearray(10**8))", SQUARE])
    )
    (three / "bomb.ipynb").write_bytes(
        hostile.notebook(
            [
                "import subprocess\nps = [subprocess.Popen(['sleep', '98']) for _ in range(60)]",
                SQUARE,
            ]
        )
    )
    arguments = command(
        three,
        "--assignment",
        "toy",
        "-o",
        out,
        "--tests",
        toy_tests,
        "--memory",
        800,
        "--no-sandbox",
    )
    done = subprocess.run([*ordinary_user, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "can read your files, hidden tests and other submissions included" in done.stdout
    totals = {name: row["total"] for name, row in table(out).items()}
    assert totals == {"ada": "3", "bob": "2", "cid": "2", "hog": "2", "bomb": "2"}
    names = [p.info["cmdline"] for p in psutil.process_iter(["cmdline"])]
    assert ["sleep", "98"] not in names


def test_without_bubblewrap_it_refuses_and_says_why(three, toy_tests, tmp_path, one_sentence):
    arguments = command(three, "--assignment", "toy", "-o", tmp_path / "out", "--tests", toy_tests)
    done = subprocess.run(
        arguments,
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "PATH": "/nowhere"},
    )
    assert done.returncode == 2
    one_sentence(done.stderr, "bubblewrap is not installed", "--no-sandbox", "use the network")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_root_without_a_sandbox_shows_nobody_the_tests(three, toy_tests, tmp_path, one_sentence):
    options = commands.GradeOptions(tests=toy_tests, bubblewrap=False)
    words = ["chmod"] if sandbox.can_drop_root() else ["install bubblewrap"]
    with pytest.raises(ValueError, match=r".") as caught:
        commands.grade(three, "toy", tmp_path / "out", options, lambda _: None)
    one_sentence(caught.value, *words)


@needs_bubblewrap
def test_tests_that_every_submission_could_read_are_refused(three, tmp_path, one_sentence):
    inside = ROOT / "aigc_course" / "grading"
    options = commands.GradeOptions(tests=inside)
    with pytest.raises(ValueError, match="every submission can read") as caught:
        commands._check_isolation(options, {"hidden tests": inside}, lambda _: None)
    one_sentence(caught.value, inside)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "--assignment", "04"], ["no folder nowhere"]),
        ([".", "--assignment", "99"], ["no hidden tests", "99.py"]),
        ([".", "--assignment", "../04"], ["'../04'"]),
        ([".", "--assignment", "04", "--jobs", "0"], ["--jobs is 0"]),
        ([".", "--assignment", "04", "--timeout", "nan"], ["--timeout is nan"]),
        ([".", "--assignment", "04", "--memory", "3"], ["--memory is 3"]),
        ([".", "--assignment", "04", "--memory", "3GB"], ["--memory is 3GB", "whole MB"]),
        ([".", "--assignment", "04", "--memory", "３０００"], ["３０００"]),
        ([".", "--assignment", "04", "--timeout", "30s"], ["--timeout is 30s"]),
        ([".", "--assignment", "04", "-j", "1.5"], ["--jobs is 1.5"]),
        ([".", "--assignment", "04", "--roster", "none.csv"], ["none.csv"]),
        ([".", "--assignment", "04"], ["no submissions"]),
    ],
)
def test_what_is_wrong_is_said_before_anything_starts(tmp_path, arguments, words, one_sentence):
    done = subprocess.run(
        command(*arguments, "-o", "out"), cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 2
    one_sentence(done.stderr, *words)
    assert list(tmp_path.iterdir()) == []


def test_damaged_or_foreign_grades_are_not_overwritten(three, toy_tests, tmp_path, one_sentence):
    out = tmp_path / "out"
    out.mkdir()
    for text, words in {
        '{"assignment": "toy", "students": {"ada"': ["damaged"],
        '{"assignment": "04"}': ["assignment 04"],
    }.items():
        (out / "grades.json").write_text(text)
        with pytest.raises(ValueError, match=r".") as caught:
            marks.read_grades(out, "toy")
        one_sentence(caught.value, *words)
        assert (out / "grades.json").read_text() == text


# ---- values ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, -2.5, float("inf"), "text", [1, [2.0, "x"]], (1, 2), {"a": (None, [])}, ...,
        np.cos, np.arange(6.0).reshape(2, 3), np.float32(1.5), np.zeros((0, 3), np.int64),
        np.array(2 + 1j), np.array([True, False]), np.arange(4, dtype=">f4"),
    ],
)  # fmt: skip
def test_values_survive_the_pipe(value):
    back = wire.decode_value(json.loads(json.dumps(wire.encode_value(value), allow_nan=False)))
    if isinstance(value, np.ndarray | np.generic):
        assert back.shape == value.shape
        assert back.dtype == value.dtype.newbyteorder("<")
        assert np.array_equal(back, value)
    else:
        assert back == value
        assert type(back) is type(value)


def test_nan_survives_the_pipe():
    assert np.isnan(wire.decode_value(json.loads(json.dumps(wire.encode_value(float("nan"))))))


@pytest.mark.parametrize(
    "value",
    [
        np.array([{}], object), np.array(["text"]), np.zeros(2**20), "x" * 200_000,
        list(range(20_000)), {(1, 2): 3}, np.zeros(3, "V8"), np.array(["2020"], "M8[Y]"),
    ],
)  # fmt: skip
def test_what_is_no_data_or_too_large_does_not_leave(value):
    with pytest.raises(wire.NotData):
        wire.encode_value(value)


def test_a_list_in_itself_does_not_hang():
    endless: list = []
    endless.append(endless)
    with pytest.raises(wire.NotData):
        wire.encode_value(endless)


ARRAY = {"$": "array", "dtype": "<f8", "shape": [1], "bytes": "AAAAAAAA8D8="}


@pytest.mark.parametrize(
    "data",
    [
        [], [1], {}, {"$": "pickle", "bytes": "gASVAAA="}, {"$": "list"}, {"$": "list", "items": 3},
        {"$": "list", "items": [0] * 20_000}, {"$": "dict", "items": [[1, 2]]},
        {"$": "ufunc", "name": "load"}, {"$": "ufunc", "name": "__dict__"},
        {"$": "float", "value": "__import__('os')"},
        {**ARRAY, "dtype": "|O"}, {**ARRAY, "dtype": ["<f8"]}, {**ARRAY, "dtype": "<U9"},
        {**ARRAY, "shape": [2]}, {**ARRAY, "shape": [-1]}, {**ARRAY, "shape": [True]},
        {**ARRAY, "shape": [10**9] * 3}, {**ARRAY, "shape": None}, {**ARRAY, "bytes": "%%%"},
        {**ARRAY, "bytes": "é"}, {**ARRAY, "bytes": 3}, {**ARRAY, "shape": [1] * 99},
    ],
)  # fmt: skip
def test_nothing_but_data_comes_in(data):
    with pytest.raises(wire.NotData):
        wire.decode_value(data)


def test_the_example_array_above_is_one():
    assert wire.decode_value(ARRAY) == np.ones(1)


# ---- hidden tests ----------------------------------------------------------------------


def replying(reply: dict) -> Student:
    return Student(lambda request: reply)


def judged(judge, reply: dict) -> hidden.Result:
    mark = hidden_test("x-01", points=2, title="t")
    return hidden.judge_submission(mark(judge).hidden_test, replying(reply))


def test_a_test_gives_all_none_or_some_points():
    assert judged(lambda s: None, {}).points == 2
    assert judged(lambda s: (1, "half"), {}).points == 1
    assert judged(lambda s: (99, "too many"), {}).points == 2
    assert judged(lambda s: (-1, "too few"), {}).points == 0
    assert judged(lambda s: s.value("a"), {"missing": "a"}).says.startswith("There is no `a`")


def test_a_test_that_stops_costs_the_points_and_tells_the_teacher():
    result = judged(lambda s: 1 / 0, {})
    assert result.points == 0
    assert "ZeroDivisionError" in result.broken
    assert "ZeroDivisionError" not in result.says
    assert judged(lambda s: (float("nan"), ""), {}).broken


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("0.5", "not a finite number"), (True, "not a finite number"), (float("nan"), "finite"),
        ([1.0], "single number"), (np.zeros(2), "single number"), (None, "not answered"),
        (..., "not answered"), ({"a": 1}, "single number"),
    ],
)  # fmt: skip
def test_a_number_is_a_number(value, says):
    with pytest.raises(NoAnswer, match=says):
        replying({"value": wire.encode_value(value)}).number("a")


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.array([0.5]), np.array(0.5)])
def test_what_numpy_calls_a_number_is_one_too(value):
    assert replying({"value": wire.encode_value(value)}).number("a") == 0.5


def test_an_exception_with_a_strange_name_is_not_repeated():
    with pytest.raises(NoAnswer) as caught:
        replying({"raised": "input was <b>3</b>"}).value("a")
    assert str(caught.value) == "`a` stops with an exception."


@pytest.mark.parametrize(
    ("got", "wanted", "right"),
    [
        (np.ones(2, np.float32), np.ones(2), True),
        ([1, 1], np.ones(2), True),
        (np.ones((2, 1)), np.ones(2), False),
        (1.0, np.ones(1), False),
        (np.ones(2) * 1.001, np.ones(2), False),
        ((1, 2), (1, 2), True),
        ((1, 2, 3), (1, 2), False),
        (3, (1, 2), False),
        ("1", 1, False),
        ([[1], [1, 2]], np.ones(2), False),
        (wire.Unknown("a function"), 1.0, False),
        (np.array(1 + 1j), np.array(1.0), False),
    ],
)
def test_agreement_is_of_shape_and_numbers(got, wanted, right):
    assert agrees(got, wanted) is right


@pytest.mark.parametrize(
    ("text", "words"),
    [("x = 1", ["no hidden test"]), ("1 / 0", ["ZeroDivisionError"]), ("(", ["SyntaxError"]),
     ("from aigc_course.grading import hidden_test\nhidden_test('a', points=0, title='')",
      ["0 points"])],
)  # fmt: skip
def test_a_bad_file_of_hidden_tests_is_said_to_be_one(tmp_path, text, words, one_sentence):
    (tmp_path / "t.py").write_text(text)
    with pytest.raises(ValueError, match=r".") as caught:
        hidden.load_tests(tmp_path, "t")
    one_sentence(caught.value, *words)


def test_loading_leaves_nothing_beside_the_tests(toy_tests):
    hidden.load_tests(toy_tests, "toy")
    assert [path.name for path in toy_tests.iterdir()] == ["toy.py"]


@pytest.mark.parametrize("path", sorted((ROOT / "workbook" / "hidden_tests").glob("*.py")), ids=str)
def test_the_course_s_hidden_tests_give_the_points_of_the_workbook(path):
    from aigc_course.checks import exercises

    tests = hidden.load_tests(path.parent, path.stem)
    prefix = next(iter(tests.exercises())).rpartition("-")[0]
    assert tests.exercises() == {e.id: e.points for e in exercises.chapter(prefix)}


# ---- what comes out --------------------------------------------------------------------


def test_a_page_escapes_everything():
    nasty = '<script>alert("x")</script>`<img src=x onerror=y>`&'
    result = marks.TestRow(exercise=nasty, title=nasty, points=0.5, of=1, says=nasty)
    row = marks.GradeRow(
        student=nasty, sha256="", results=[result], points={nasty: 0.5}, total=None, of=1,
        notes=[nasty], broken=[], seconds=1, page="",
    )  # fmt: skip
    comment = adjustments.Adjustment(nasty, nasty, 1, None, nasty)
    mark = marks.mark_of("k", row, None, 1, None, [comment])
    for judged in (True, False):
        result.judged = judged
        page = feedback.feedback_page(nasty, nasty, row, mark, None, {nasty: nasty})
        Harmless().feed(page)
        assert "<script" not in page
        assert "<img" not in page


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a `b` c", "a <code>b</code> c"), ("`b`", "<code>b</code>"), ("a ` b", "a ` b"),
        ("`a` b ` c", "<code>a</code> b ` c"), ("`<`", "<code>&lt;</code>"), ("", ""), ("``", "<code></code>"),
    ],
)  # fmt: skip
def test_backticks_mark_code_and_a_lone_one_stays(text, html):
    result = marks.TestRow(exercise="x-01", title="t", points=0, of=1, says=f"({text})")
    row = marks.GradeRow(
        student="s", sha256="", results=[result], points={}, total=None, of=1, notes=[], broken=[],
        seconds=1, page="",
    )  # fmt: skip
    mark = marks.mark_of("k", row, None, 1, None, [])
    assert f"({html})" in feedback.feedback_page("04", "s", row, mark, None, {})


def test_a_page_begins_with_what_was_lost_and_names_exercises():
    ids = ["vae-01", "vae-02"]
    results = [
        marks.TestRow(exercise=ids[0], title="t1", points=1, of=1),
        marks.TestRow(exercise=ids[1], title="t2", points=0, of=1, says="Halve it."),
    ]
    row = marks.GradeRow(
        student="s", sha256="", results=results, points={ids[0]: 1}, total=None, of=2, notes=[],
        broken=[], seconds=1, page="",
    )  # fmt: skip
    mark = marks.mark_of("k", row, None, 2, None, [])
    page = feedback.feedback_page("04", "s", row, mark, None, feedback.exercise_titles(ids))
    order = [
        "1 of 2 points",
        "vae-02 (A KL by hand): 1 point lost",
        "t2: Halve it.",
        "All exercises",
    ]
    places = [page.index(words) for words in order]
    assert places == sorted(places)
    assert "How narrow is the posterior?" in page[places[-1] :]
    assert 'content="width=device-width, initial-scale=1"' in page


def test_what_could_not_be_run_is_said_once():
    results = [
        marks.TestRow(exercise=f"x-0{n}", title="t", points=0, of=1, judged=False) for n in range(9)
    ]
    row = marks.GradeRow(
        student="s", sha256="", results=results, points={}, total=None, of=9,
        notes=["The file is a PDF: hand in the notebook."], broken=[], seconds=1, page="",
    )  # fmt: skip
    mark = marks.mark_of("k", row, None, 9, None, [])
    page = feedback.feedback_page("04", "s", row, mark, None, {})
    assert page.count("The file is a PDF") == 1
    assert "0 of 9 points" in page
    assert "x-0" not in page


# ---- nbgrader --------------------------------------------------------------------------


NBGRADER = Path(sys.prefix) / "nbgrader"  # where `make test` keeps it, away from readers' lab


@pytest.mark.slow
def test_nbgrader_reads_the_same_source(tmp_path):
    """The whole way: a release without solutions, and full marks for the solutions only."""
    if not (NBGRADER / "nbgrader").is_dir():
        pytest.fail(f"nbgrader is not in {NBGRADER}: `make test` puts it there.")
    name = "04_vae_math.ipynb"
    course = tmp_path / "course"
    (course / "source" / "vae").mkdir(parents=True)
    (course / "source" / "vae" / name).write_bytes(hostile.SOLUTIONS.read_bytes())
    (course / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'aigc'\n"
        "c.ExecutePreprocessor.timeout = 120\n"
        "c.ClearSolutions.code_stub = {'python': '# your code here'}\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(NBGRADER),
        "PATH": f"{NBGRADER / 'bin'}:{os.environ['PATH']}",  # it starts alembic
        "HOME": str(tmp_path),  # it would read what a teacher has set there
    }

    def run(*arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments],
            cwd=course,
            env=environment,
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert done.returncode == 0, done.stderr[-2000:]

    run("generate_assignment", "vae", "--create")
    released = (course / "release" / "vae" / name).read_text(encoding="utf-8")
    assert "BEGIN SOLUTION" not in released
    assert "BEGIN HIDDEN TESTS" not in released
    for student, content in {
        "good": hostile.SOLUTIONS.read_text("utf-8"),
        "blank": released,
    }.items():
        folder = course / "submitted" / student / "vae"
        folder.mkdir(parents=True)
        (folder / name).write_text(content, encoding="utf-8")
    run("autograde", "vae", "--create")
    run("export")
    with open(course / "grades.csv", newline="") as file:
        scores = {
            row["student_id"]: (row["score"], row["max_score"]) for row in csv.DictReader(file)
        }
    assert scores == {"good": ("19.0", "19.0"), "blank": ("0.0", "19.0")}
