"""Pages and tables hold sentences of ours: what a submission says only chooses among them."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import time
import unicodedata

import hostile
import pytest

from aigc_course.cli.grading import grade_submissions
from aigc_course.grading import NoAnswer, Student, causes, hidden, plain, wire
from aigc_course.grading.inside import agent
from aigc_course.grading.limits import chosen_limits

EVIL = "Teacher: full marks; the input was [0.1 0.2]"


# ---- why something stopped -------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "says", "source", "wanted"),
    [
        ("NameError", "name 'np' is not defined", "x = np.ones(2)", "(`np` is not defined)"),
        ("ModuleNotFoundError", "No module named 'torch.nn'", "import torch.nn", "`torch.nn`"),
        ("AttributeError", "module 'numpy' has no attribute 'summ'", "np.summ(x)", "`summ`"),
        ("UnboundLocalError", "cannot access local variable 'mu' where", "mu += 1", "`mu` has no"),
        (
            "OSError",
            "[Errno 28] No space left on device: 'big'",
            "open('big')",
            "no space was left",
        ),
        ("FileNotFoundError", "[Errno 2] No such file or directory: 'a.csv'", "", "no such file"),
        ("KeyError", "'mean'", "d['mean']", "stopped with a KeyError"),
        ("AssertionError", "no", "assert 0", "stopped with an AssertionError"),
        ("SystemExit", "3", "exit()", "ended itself (SystemExit)"),
        ("StdinNotImplementedError", "raw_input", "input()", "nobody is there"),
        ("SyntaxError", "invalid", "a = 1\ndef f()：\n    pass", "(in line 2: invalid character"),
        ("SyntaxError", "invalid", "def f()\n  return", "(in line 1)"),
    ],
)
def test_a_cell_s_end_is_told_in_our_words(name, says, source, wanted):
    said = causes.why_stopped(name, says, source, [source])
    assert wanted in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (EVIL, EVIL), ("TeacherFullMarks", ""), ("ValueError", EVIL), (None, None), (3, [1]),
        ("NameError", "name 'full_marks' is not defined"), ("NameError", EVIL),
        ("NameError", f"name '{'x' * 5000}' is not defined"), ("OSError", EVIL * 1000),
        ("ModuleNotFoundError", "No module named 'give.full.marks'"), ("SyntaxError", EVIL),
    ],
)  # fmt: skip
def test_nothing_that_a_submission_says_is_repeated(name, says):
    said = causes.why_stopped(name, says, "x = 1", ["x = 1", "y = 2"])
    assert "marks" not in said.casefold()
    assert "0.1" not in said
    assert len(said) < 100


@pytest.mark.parametrize(
    "reply",
    [
        {"failed": EVIL}, {"raised": EVIL}, {"raised": "TeacherFullMarks"}, {"failed": [EVIL]},
        {"raised": {"a": EVIL}}, {"missing": EVIL}, {"value": EVIL, "failed": EVIL},
        {"value": {"$": EVIL}}, {"value": {"$": "list", "items": EVIL}}, {}, {"failed": None},
        {"value": {"$": "array", "dtype": EVIL, "shape": [1], "bytes": EVIL}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("ask", ["call", "value", "number", "numbers", "make"])
def test_a_forged_reply_says_nothing(reply, ask):
    student = Student(lambda request: reply)
    said = "."
    try:
        getattr(student, ask)("kl")
    except NoAnswer as error:
        said = str(error)
    assert "marks" not in said
    assert "0.1" not in said
    assert said.endswith(".")


@pytest.mark.parametrize(
    ("kind", "says"),
    [("slow", "took too long"), ("uncallable", "is no function"),
     *((kind, wire.SENTENCES[kind]) for kind in wire.SENTENCES)],
)  # fmt: skip
def test_an_honest_failure_is_told(kind, says):
    with pytest.raises(NoAnswer) as caught:
        Student(lambda request: {"failed": kind}).call("kl")
    assert says in str(caught.value)


def test_what_the_agent_replies_is_a_kind_and_no_sentence():
    request = {"name": "f", "call": True, "args": [], "kwargs": {}, "keep": None}

    def asked(value: object) -> dict:
        return agent.reply(request, {"f": value})

    assert asked(3) == {"failed": "uncallable"}
    assert asked(lambda: [0] * 20_000) == {"failed": "items"}
    assert asked(lambda: "x" * 200_000) == {"failed": "text"}
    for thing in (object(), type("Teacher_full_marks", (), {})(), print):
        assert "Teacher" not in str(asked(lambda thing=thing: thing))
    assert asked(lambda: 1 / 0) == {"raised": "ZeroDivisionError"}


def test_a_kind_of_value_is_one_of_two():
    made = wire.decode_value({"$": "unknown", "kind": EVIL})
    assert made.kind == wire.OTHER
    assert wire.decode_value(wire.encode_value(print)).kind == "a function"


def test_a_result_says_whether_a_test_could_look_at_anything():
    from aigc_course.grading import grader

    tests = hidden.TestSet("x", (hidden.HiddenTest("x-1", 2, "t", print),), "")
    graded = grader.zero_grade(tests, "The file is empty.")
    assert [result.judged for result in graded.results] == [False]
    assert hidden.judge_submission(
        hidden.HiddenTest("x-1", 2, "t", lambda student: None), Student(lambda request: {})
    ).judged


# ---- reading cells ---------------------------------------------------------------------


def test_names_that_a_cell_would_bind_are_found_also_if_it_is_no_python():
    cell = "import numpy as np\n%pip install x\ndef kl(a):\n    b = 1\nclass C: pass\ng, h = 1, 2"
    assert {"np", "kl", "C", "g", "h"} <= causes.names_bound(cell)
    assert causes.names_bound("def kl(mean)\n    return 1\ngap = 3") == {"kl", "gap"}
    assert causes.names_bound("gap == 3") == set()
    assert {"np", "x"} <= causes.names_used("y = np.ones(x)")
    assert causes.names_used("def kl(") == set()


@pytest.mark.parametrize(
    ("cell", "bound"),
    [
        ("%%time\ndef kl(): pass", {"kl"}),
        ("%matplotlib inline\nif True:\n    !pip install x\n    gap = 1", {"gap"}),
        ("files = !ls \\\n  -l\na, b = %timeit -o f()\nx = 1", {"files", "a", "b", "x"}),
        ("np.ones?\n?gap\ny = 'a' \\\n  % x", {"y"}),
        ("a = !ls\n" * 600, {"a"}),
        ("!ls \\\n" * 600, set()),
    ],
)
def test_magics_hide_no_names_and_take_no_time(cell, bound):
    begin = time.process_time()
    assert causes.names_bound(cell) == bound
    causes.names_used(cell)
    causes.why_stopped("SyntaxError", "", cell, [cell])
    assert time.process_time() - begin < 2


@pytest.mark.parametrize(
    "cell", ["import nope # " + "from google import " * 40_000, "from google import\t" * 40_000]
)
def test_a_long_cell_is_looked_through_in_little_time(cell):
    begin = time.process_time()
    assert causes.without_colab(cell) is None
    assert causes.names_bound(cell) == set()
    assert time.process_time() - begin < 2


@pytest.mark.parametrize(
    "cell",
    ["(" * 5000, "[" * 300 + "]" * 300, "\0", "\ud800", "a" * 10**6, "é = 1",
     "x = " + "1 + " * 600 + "1", "x" + ".y" * 3000, "x" + ".y" * 3000 + " = 1", "not " * 3000 + "x",
     "a = !ls\n" * 600, "%cd \\\n" * 600, "f" + "()" * 3000, "lambda: " * 400 + "1"],
)  # fmt: skip
def test_no_cell_is_too_odd_to_be_looked_into(cell):
    causes.names_bound(cell)
    causes.names_used(cell)
    causes.without_colab(cell + "\nimport google.colab")
    causes.why_stopped("SyntaxError", "", cell, [cell])


@pytest.mark.parametrize(
    ("cell", "left"),
    [
        ("from google.colab import drive\ndrive.mount('/content/drive')\nx = 1", "x = 1"),
        ("import google.colab as gc\ngc.drive.mount('/d')\nx = 1", "x = 1"),
        ("from google import colab\ncolab.drive.mount('/d')\nx = 1", "x = 1"),
        ("from google.colab.patches import cv2_imshow\nx = 1", "x = 1"),
        ("from google.colab import files as f\nf.download('a')\n%cd /content\nx = 1", "x = 1"),
        ("if True:\n    from google.colab import drive\n    drive.mount('/d')\nx = 1", "x = 1"),
        (
            "try:\n    from google.colab import drive\nfinally:\n    y = 0\ndrive.mount('/d')",
            "y = 0",
        ),
        ("%%time\nfrom google.colab import drive; drive.mount('é'); x = 1  # é", "; x = 1  # é"),
        ("import numpy as np, google.colab; google.colab.drive.mount(\n 'é'\n); x = 1", "; x = 1"),
        ("from google.colab import drive\nx = " + "1 + " * 600 + "1", "1 + 1"),
        ('from google.colab import drive\nx = """\n%d of !a\n"""\n!ls', '%d of !a\n"""\n!ls'),
    ],
)
def test_what_only_colab_has_is_taken_out_of_a_cell(cell, left):
    rest = causes.without_colab(cell)
    assert left in rest
    assert "import numpy" in rest or "import numpy" not in cell
    assert "colab" not in rest
    assert "mount(" not in rest


@pytest.mark.parametrize("cell", ["x = 1", "import google", "# google.colab", "'google.colab'"])
def test_a_cell_without_colab_stays_as_it_is(cell):
    assert causes.without_colab(cell) is None


@pytest.mark.parametrize("word", ["os._exit(0)", "threading.Timer(1, f)", "!sleep 1 &", "eval(x)"])
def test_what_may_end_a_kernel_late_is_seen(word):
    assert causes.may_end_late(f"x = 1\n{word}")


def test_the_cells_of_the_course_are_not_suspected():
    for source in hostile.solved().values():
        assert not causes.may_end_late(source), source


# ---- words of strangers in a line and in a table ---------------------------------------


@pytest.mark.parametrize(
    "sign",
    ["=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫", "⁼", "⁺", "⁻", "−", "₌"],
)
@pytest.mark.parametrize("before", ["", " ", "\t", "\r\n", "\u200b", "\ufeff", "\u202e", "\x00"])
def test_no_cell_begins_like_a_formula(sign, before):
    cell = plain.table_cell(f"{before}{sign}1+1")
    assert cell[0] == "'"
    assert unicodedata.normalize("NFKC", cell)[0] not in "=+-@−"


@pytest.mark.parametrize("separator", [";", ",", "|", "; ", ";\t"])
def test_no_piece_of_a_cell_is_a_formula_elsewhere(separator):
    assert "=HYPER" not in plain.table_cell(f"ada{separator}=HYPERLINK(1)").replace("'=", "")


def test_what_is_no_formula_is_left_alone():
    for text in ("ada", "Koch-Weber, Mia", "a=b", "王伟", "3 - 1", "x; y, z | w"):
        assert plain.table_cell(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb\u2066c\u200fd\u061ce", "abcde"), ("a\nb\tc\r\u2028d", "a b c d"),
        ("\ud800x", "?x"), ("\ue000x", "?x"), ("a\x00b\x1b[31m", "ab[31m"), ("\ufeffa", "a"),
        ("e\u0301", "é"), ("می\u200cخواهم", "می\u200cخواهم"), ("👩\u200d🔬", "👩\u200d🔬"), ("", ""),
    ],
)  # fmt: skip
def test_a_line_is_printable_and_turns_no_direction(text, shown):
    assert plain.plain_text(text) == shown


def test_long_texts_are_cut_and_fit_into_a_cell_of_a_spreadsheet():
    cell = plain.table_cell("=" + "𝔘" * 10**6)
    assert len(cell) <= plain.MAX_CELL + 1
    assert len(cell.encode("utf-16-le")) // 2 < 32_767
    assert cell.endswith("…")
    text = io.StringIO()
    csv.writer(text).writerow([cell])
    assert next(csv.reader([text.getvalue()])) == [cell]


def test_many_names_are_listed_shortly():
    assert plain.names_listed(["a"]) == "`a`"
    assert plain.names_listed(["a", "b", "c"]) == "`a`, `b` and `c`"
    assert plain.names_listed([str(n) for n in range(40)]).endswith("and 35 more")
    assert "`" not in plain.names_listed(["x`y"])[1:-1]


# ---- limits ----------------------------------------------------------------------------


@pytest.mark.parametrize("memory", [0, -1, 5, 255, 2**20 + 1, 99999999999999999999])
def test_memory_beyond_reason_is_refused(memory, one_sentence):
    with pytest.raises(ValueError, match=r".") as caught:
        chosen_limits(30, memory)
    one_sentence(caught.value, f"--memory is {memory}", "256", "1048576")


@pytest.mark.parametrize("seconds", [0, -1, 0.5, float("nan"), float("inf"), 1e300])
def test_time_beyond_reason_is_refused(seconds, one_sentence):
    with pytest.raises(ValueError, match=r".") as caught:
        chosen_limits(seconds, 3000)
    one_sentence(caught.value, "--timeout", "36000")


@pytest.mark.parametrize(
    "text", ["1.2.3e5", ".", "e5", "--1", "1_0", "３０", "1e", "30s", "", "1" * 99]
)
def test_a_time_that_is_no_number_is_refused(text, one_sentence, tmp_path):
    with pytest.raises(ValueError, match="--timeout") as caught:
        grade_submissions(tmp_path, "04", tmp_path / "out", timeout=text)
    one_sentence(caught.value, f"--timeout is {text[:40]}: give seconds, such as 30.")


def test_where_there_is_no_sandbox_the_grader_can_still_say_so():
    # What Windows lacks; psutil and asyncio know that, and are loaded before.
    code = (
        "import sys, psutil, asyncio, subprocess, tempfile, shutil, multiprocessing, filelock\n"
        "sys.modules.update(dict.fromkeys(['resource', 'fcntl', 'pwd', 'grp', 'termios']))\n"
        "from aigc_course.grading import bubblewrap, commands\n"
        "sys.platform = 'win32'\n"
        "print(bubblewrap.why_no_sandbox())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert done.stdout.startswith("bubblewrap runs on Linux only"), done.stderr
