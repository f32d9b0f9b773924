"""A class is graded to its end, or ends when the teacher says so: without a sandbox, so in little time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import hostile
import pytest
from classes import hidden_in

from aigc_course.grading import grader, sandbox, work
from aigc_course.grading.book import Book, Handed
from aigc_course.grading.limits import Limits
from aigc_course.grading.submissions import Submission


def class_of(tmp_path: Path, number: int) -> list[Handed]:
    """Students whose notebooks hold their number."""
    handed = []
    for name in map(str, range(number)):
        path = tmp_path / f"{name}.ipynb"
        path.write_bytes(hostile.notebook([f"number = {name}"]))
        handed.append(Handed(Submission(name, name, path), name))
    return handed


def work_on(tmp_path: Path, handed: list[Handed], said: list[str]) -> work.Work:
    tests = hidden_in(tmp_path / "hidden")
    book = Book(tmp_path / "marks", tests, handed, "a")
    book.begin()
    return work.Work(tests, Limits(), book, "a", said.append, bubblewrap=False)


def fails_at_first(error: Exception):
    """Grades all but the first five, at which it stops."""

    def grade(content: bytes, tests, *_) -> grader.Grade:
        if any(b"number = %d" % number in content for number in range(5)):
            raise error
        return grader.zero_grade(tests, "Nothing was run.")

    return grade


def test_faults_of_the_grader_in_a_row_stop_no_class(tmp_path, monkeypatch):
    monkeypatch.setattr(grader, "grade_notebook", fails_at_first(RecursionError("too deep")))
    said: list[str] = []
    handed = class_of(tmp_path, 8)
    outcome = work_on(tmp_path, handed, said).run(handed, 1)
    assert (outcome.num_graded, outcome.untried) == (3, [])
    assert list(outcome.failed.values()) == [["0", "1", "2", "3", "4"]]
    assert len([line for line in said if "too deep" in line]) == 1


def test_sandboxes_that_do_not_start_in_a_row_do(tmp_path, monkeypatch):
    monkeypatch.setattr(grader, "grade_notebook", fails_at_first(OSError("No sandbox.")))
    handed = class_of(tmp_path, 8)
    outcome = work_on(tmp_path, handed, []).run(handed, 1)
    assert outcome.failed == {"No sandbox.": ["0", "1", "2"]}
    assert outcome.untried == ["3", "4", "5", "6", "7"]


def test_after_a_stop_no_sandbox_is_started(tmp_path, monkeypatch):
    handed = class_of(tmp_path, 2)
    marker = work_on(tmp_path, handed, [])
    ends: list[str] = []
    runs = threading.Event()

    def grade(content: bytes, tests, limits, start) -> grader.Grade:
        if b"number = 0" in content:
            assert runs.wait(60)
            raise KeyboardInterrupt
        runs.set()
        deadline = time.monotonic() + 60
        while not marker._stopped.is_set() and time.monotonic() < deadline:
            time.sleep(0.01)
        for _ in range(3):
            try:
                start()
            except sandbox.Ended as ended:
                ends.append(str(ended))
        return grader.zero_grade(tests, "Nothing was run.")

    def begun(*_: object, **__: object) -> None:
        raise sandbox.Ended("was begun")

    monkeypatch.setattr(grader, "grade_notebook", grade)
    monkeypatch.setattr(work, "Sandbox", begun)
    with pytest.raises(KeyboardInterrupt):
        marker.run(handed, 2)
    assert ends == ["was stopped"] * 3
