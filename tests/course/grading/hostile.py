"""Thirty submissions of chapter 4, honest and hostile, with the marks that each deserves.

A hostile one does its worst and holds right answers besides, unless the attack is meant to earn
the points: so what it should cost, and what not, shows in the total.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOLUTIONS = ROOT / "workbook" / "solutions" / "04_vae_math.ipynb"
STUBS = ROOT / "notebooks" / "workbook" / "04_vae_math.ipynb"
FULL = 19


@dataclass(frozen=True)
class Case:
    """A submission.

    Attributes:
        name: the student.
        points: the right total.
        content: the notebook's bytes; None for a folder without one.
        says: words that must be on the feedback page.
        as_folder: handed in as a folder with a notebook.
        link: handed in as a link to this path.
    """

    name: str
    points: float
    content: bytes | None = b""
    says: str = ""
    as_folder: bool = False
    link: Path | None = None


def notebook(cells: list[str]) -> bytes:
    """A notebook of code cells."""
    return json.dumps(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
            "cells": [
                {"cell_type": "code", "metadata": {}, "outputs": [], "source": c} for c in cells
            ],
        }
    ).encode()


def solved(whole: bool = False) -> dict[str, str]:
    """The code cells of the solved workbook; answers by exercise, the others by number.

    Args:
        whole: with all that a student runs besides. Else the answers and NumPy: an attack needs no
            TensorFlow, which the chapter's `objectives` loads, three quarters of a kernel's time.
    """
    cells = {}
    for number, cell in enumerate(json.loads(SOLUTIONS.read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] != "code":
            continue
        source = "".join(cell["source"])
        if "### BEGIN HIDDEN TESTS" in source:
            source = source.split("### BEGIN HIDDEN TESTS")[0].rstrip()
        about = cell["metadata"].get("nbgrader", {})
        if about.get("solution"):
            cells[about["grade_id"]] = source
        elif whole:
            cells[str(number)] = source
        elif source.startswith("import numpy"):
            cells[str(number)] = "import numpy as np"
    return cells


def with_answers(before: str = "", after: str = "", **changed: str) -> bytes:
    """The solved workbook with a cell put before or after, or answers changed.

    Args:
        before: goes in front of the first answer.
        after: goes behind the last cell.
        changed: ``vae_03="..."`` replaces an answer.
    """
    cells = solved()
    for name, source in changed.items():
        assert name.replace("_", "-") in cells
        cells[name.replace("_", "-")] = source
    ordered = []
    for name, source in cells.items():
        if name == "vae-01" and before:
            ordered.append(before)
        ordered.append(source)
    return notebook([*ordered, after])


def thirty(submissions: Path, out: Path, tests: Path, secret: Path) -> list[Case]:
    """The submissions.

    Args:
        submissions, out, tests, secret: the teacher's folders, which some of them are after.
    """
    delete = "".join(f"!rm -rf {path}\n" for path in (submissions, out, tests, secret, ROOT))
    wrong_kl = "def kl(mean, log_var):\n    return 0.5 * (mean**2 + np.exp(log_var) - 1).mean(-1)\n"
    return [
        Case("ada", FULL, notebook(list(solved(whole=True).values()))),
        Case("bob", FULL, with_answers(), as_folder=True),
        Case(
            "mean_for_sum",
            FULL - 3,
            with_answers(vae_03=solved()["vae-03"].replace(".sum(", ".mean(")),
            "averaged over the latents",
        ),
        Case(
            "half_done",
            9,
            notebook(list(solved().values())[: list(solved()).index("vae-06")]),
            "There is no <code>gap</code>",
        ),
        Case("twice_the_slope", FULL - 1, with_answers(
            vae_05="def kl_slope(log_var):\n    return np.exp(log_var) - 1"), "1 point lost"),
        Case("untouched", 0, STUBS.read_bytes(), "not answered yet"),
        Case("empty", 0, b"", "empty"),
        Case("broken_json", 0, with_answers()[:-100], "damaged"),
        Case("a_list", 0, b"[1, 2, 3]", "not a notebook"),
        Case("binary", 0, os.urandom(3000), "damaged"),
        Case("no_notebook", 0, None, "no notebook", as_folder=True),
        Case("copycat", 0, link=submissions / "ada.ipynb", says="link"),
        Case(
            "syntax_error",
            FULL - 2,
            with_answers(vae_05="def kl_slope(log_var)\n    return"),
            "SyntaxError",
        ),
        Case("endless", FULL, with_answers(before="while True: pass"), "ran longer than"),
        Case(
            "stubborn",
            FULL,
            with_answers(
                before="import time\nwhile True:\n    try:\n        time.sleep(1)\n"
                "        x = 1\n    except BaseException:\n        x = 2"
            ),
            "could not be interrupted",
        ),
        Case(
            "endless_function",
            FULL - 3,
            with_answers(vae_03="def kl(mean, log_var):\n    while True: x = 1"),
            "<code>kl</code> ran longer than",
        ),
        Case(
            "memory_hog",
            FULL,
            with_answers(before="hog = []\nwhile True: hog.append(bytearray(10**8))"),
            "MemoryError",
        ),
        Case(
            "file_deleter",
            FULL,
            with_answers(before=delete + "import shutil\nshutil.rmtree('/', ignore_errors=True)"),
        ),
        Case(
            "network_caller",
            FULL - 2,
            with_answers(
                vae_06="import urllib.request\n"
                "gap = float(urllib.request.urlopen('http://192.0.2.1/gap', timeout=9).read())"
            ),
            "URLError",
        ),
        Case("flooder", FULL, with_answers(before="while True: print('x' * 10000)"), "printed"),
        Case(
            "test_reader",
            FULL - 2,
            with_answers(
                vae_06=f"text = open({str(tests / '04.py')!r}).read()\ngap = (1 / 3) ** 2 * 3"
            ),
            "FileNotFoundError",
        ),
        Case(
            "other_students_reader",
            FULL - 3,
            with_answers(
                vae_03=f"import json\ntheirs = json.load(open({str(submissions / 'ada.ipynb')!r}))\n"
                "def kl(mean, log_var): return 0"
            ),
            "FileNotFoundError",
        ),
        Case(
            "writer",
            FULL,
            with_answers(before=f"open({str(out / 'grades.csv')!r}, 'w').write('writer,19')"),
            "FileNotFoundError",
        ),
        Case("fork_bomb", FULL, with_answers(before="import os\nwhile True: os.fork()"), "processes"),
        Case("exit", FULL, with_answers(before="import os\nos._exit(0)"), "ended its own kernel"),
        Case(
            "exit_in_function",
            FULL - 2,
            with_answers(vae_04="import os\ndef draw(mean, log_var, noise): os._exit(0)"),
            "<code>draw</code> ended its own kernel",
        ),
        Case(
            "patcher",
            FULL - 3,
            with_answers(
                after="np.allclose = np.isclose = np.array_equal = lambda *a, **k: True",
                vae_03=wrong_kl,
            ),
        ),
        Case(
            "always_equal",
            FULL - 3,
            with_answers(
                after="class Yes:\n    __eq__ = __le__ = __lt__ = lambda *a: True\n"
                "    def __float__(self): return 1.0\n"
                "gap = posterior_sd = Yes()"
            ),
            "not a single number",
        ),
        Case(
            "checker_importer",
            FULL - 3,
            with_answers(vae_03="from aigc_course.checks.exercises.vae import _kl as kl"),
            "ModuleNotFoundError",
        ),
        Case(
            "<script>alert(1)<",
            FULL - 3,
            with_answers(
                after="import os, signal\nfor fd in range(64):\n    try:\n"
                "        os.write(os.open(f'/proc/{os.getppid()}/fd/{fd}', os.O_WRONLY), b'x' * 9)\n"
                "    except OSError:\n        pass\n"
                "print('{\"points\": 19}')\nraise ValueError('<script>alert(1)</script>')",
                vae_03=wrong_kl,
            ),
        ),
    ]  # fmt: skip


def hand_in(cases: list[Case], submissions: Path) -> None:
    """Write the submissions as students would."""
    submissions.mkdir(parents=True)
    for case in cases:
        path = submissions / f"{case.name}.ipynb"
        if case.as_folder:
            (submissions / case.name).mkdir()
            path = submissions / case.name / "04_vae_math.ipynb"
        if case.link is not None:
            path.symlink_to(case.link)
        elif case.content is not None:
            path.write_bytes(case.content)
