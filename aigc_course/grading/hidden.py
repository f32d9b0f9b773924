"""Hidden tests: how a teacher writes them, and how they are loaded and judged."""

from __future__ import annotations

import hashlib
import importlib.util
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from aigc_course.grading import causes, wire
from aigc_course.grading.limits import MachineTrouble

MAX_SENTENCE = 600
UNANSWERED = "is not answered yet, or gives nothing"
_FAILURES = {"slow": "took too long", "uncallable": "is no function"}


class NoAnswer(Exception):
    """There is nothing to judge: the sentence, for the student, says why."""


class Ask(Protocol):
    """How a `Student` reaches the submission: sends a request, gets what it answered."""

    def __call__(self, request: dict) -> dict:
        """One probe.

        Raises:
            NoAnswer: if nothing came back.
        """


class Kept(str):
    """The name of something that `Student.make` has made in the submission's kernel."""

    __slots__ = ()


class Student:
    """A submission as a hidden test sees it: names that can be called or read.

    Args:
        ask: sends one probe.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._made: dict[str, str] = {}  # what each `Kept` was made of

    def call(self, name: str, *args: object, **kwargs: object) -> Any:
        """Call what the submission calls ``name`` and get the result as data.

        Args:
            name: a function, a class, a Keras layer or model; ``"model.encode"`` is a method.
            args, kwargs: numbers, texts, arrays, lists, dicts, ufuncs such as ``np.cos``, or what
                `make` has given.

        Returns:
            Numbers, texts, lists, tuples, dicts; arrays and tensors as NumPy arrays.

        Raises:
            NoAnswer: if there is no such name, nothing is returned, it raises or hangs, or it
                gives something that is no data or too large.
        """
        return self._value(name, self._request(name, args, kwargs))

    def value(self, name: str) -> Any:
        """The value of a variable, as data; raises `NoAnswer` as `call` does."""
        return self._value(name, {**self._request(name, (), {}), "call": False})

    def make(self, name: str, *args: object, **kwargs: object) -> Kept:
        """Call a class or function and keep what it gives inside the submission's kernel.

        Returns:
            A name for it: ``student.call(layer, x)`` calls it, ``student.call(layer + ".f", x)``
            its method, and ``student.make("Model", layer)`` hands it over.
        """
        kept = Kept(f"#{len(self._made) + 1}")
        self._made[kept] = f"{self._plain(name)}(...)"
        self._checked(name, self._ask({**self._request(name, args, kwargs), "keep": kept}))
        return kept

    def numbers(self, name: str, *args: object, **kwargs: object) -> np.ndarray:
        """`call` for a function that gives numbers: the result as an array of floats.

        Raises:
            NoAnswer: as `call` does, and for texts, ragged lists and whatever else is no array.
        """
        return self._floats(name, self.call(name, *args, **kwargs))

    def parts(self, name: str, count: int, *args: object) -> list[np.ndarray]:
        """`numbers` for a function that gives a tuple of ``count`` results."""
        got = self.call(name, *args)
        if not isinstance(got, tuple | list) or len(got) != count:
            raise NoAnswer(f"{self._shown(name)} is to give {count} results, as its cell says.")
        return [self._floats(name, part) for part in got]

    def number(self, name: str) -> float:
        """The value of a variable, which must be one finite number; else `NoAnswer`."""
        value = self.value(name)
        try:
            number = float(value.reshape(())) if hasattr(value, "reshape") else float(value)
        except (TypeError, ValueError):
            raise NoAnswer(f"`{name}` is not a single number.") from None
        if isinstance(value, str | bool) or not math.isfinite(number):
            raise NoAnswer(f"`{name}` is not a finite number.")
        return number

    def _request(self, name: str, args: tuple, kwargs: dict) -> dict:
        return {
            "name": name,
            "shown": self._plain(name),
            "call": True,
            "args": [_encode(a) for a in args],
            "kwargs": {k: _encode(v) for k, v in kwargs.items()},
            "keep": None,
        }

    def _floats(self, name: str, value: object) -> np.ndarray:
        try:
            array = np.asarray(value)
        except ValueError:  # lists that are no rectangle
            array = np.array(None)
        if array.dtype.kind not in "fiub":
            raise NoAnswer(f"{self._shown(name)} gives something that is no array of numbers.")
        return array.astype(float)

    def _plain(self, name: str) -> str:
        """A name as the student knows it: ``Layer(...).call`` for ``#1.call``."""
        first, dot, rest = name.partition(".")
        return self._made.get(first, first) + dot + rest

    def _shown(self, name: str) -> str:
        return f"`{self._plain(name)}`"

    def _value(self, name: str, request: dict) -> Any:
        reply = self._checked(name, self._ask(request))
        try:
            value = wire.decode_value(reply.get("value"))
        except wire.NotData as error:
            raise NoAnswer(f"{self._shown(name)} gives {error}.") from None
        parts = value if isinstance(value, tuple) else (value,)
        if any(part is None or part is Ellipsis for part in parts):
            raise NoAnswer(f"{self._shown(name)} {UNANSWERED}.")
        return value

    def _checked(self, name: str, reply: dict) -> dict:
        if "missing" in reply:
            raise NoAnswer(f"There is no {self._shown(name)}: keep the names that the cells use.")
        if "raised" in reply:
            raise NoAnswer(
                f"{self._shown(name)} stops with {causes.exception_name(reply['raised'])}."
            )
        if "failed" in reply:
            raise NoAnswer(f"{self._shown(name)} {_failure(reply['failed'])}.")
        return reply


Judged = Callable[[Student], "tuple[float, str] | None"]


@dataclass(frozen=True)
class HiddenTest:
    """One hidden test.

    Attributes:
        exercise: such as "vae-03".
        points: for passing it.
        title: what is tested, in words that the student may read.
        judge: the function.
    """

    exercise: str
    points: float
    title: str
    judge: Judged


@dataclass(frozen=True)
class Result:
    """What one hidden test said of one submission.

    Attributes:
        points: out of ``of``.
        says: a sentence for the student; empty if nothing is to be said.
        broken: the test itself stopped; the sentence is for the teacher.
        judged: False if there was nothing that the test could look at: no notebook.
    """

    exercise: str
    title: str
    points: float
    of: float
    says: str = ""
    broken: str = ""
    judged: bool = True


def hidden_test(exercise: str, *, points: float, title: str) -> Callable[[Judged], Judged]:
    """Mark a function of a hidden-test file as a test.

    The function gets a `Student`. It passes by returning None; fails by an assertion, whose
    message the student reads; and gives some of the points by returning ``(points, sentence)``.
    No sentence should say what the inputs were.

    Args:
        exercise: the id; its tests' points add up.
        points: for passing.
        title: a few words that the student reads.
    """
    if not math.isfinite(points) or points <= 0:
        raise ValueError(f"A hidden test of {exercise} gives {points} points: give more than 0.")

    def mark(judge: Judged) -> Judged:
        judge.hidden_test = HiddenTest(exercise, points, title, judge)  # type: ignore[attr-defined]
        return judge

    return mark


@dataclass(frozen=True)
class TestSet:
    """The hidden tests of an assignment, and the hash of their file."""

    __test__ = False  # pytest takes it for a class of tests

    assignment: str
    tests: tuple[HiddenTest, ...]
    sha256: str

    def exercises(self) -> dict[str, float]:
        """The exercises and their points, in the order of the file."""
        points: dict[str, float] = {}
        for test in self.tests:
            points[test.exercise] = points.get(test.exercise, 0) + test.points
        return points


def load_tests(folder: Path, assignment: str) -> TestSet:
    """Run the hidden-test file of an assignment, which is the teacher's and trusted.

    Args:
        folder: holds ``04.py`` for the assignment "04".
        assignment: letters, digits, ``-`` and ``_``.

    Raises:
        ValueError: if there is no such file, it does not run, or it holds no test.
    """
    named = re.fullmatch(r"[A-Za-z0-9_-]+", assignment) is not None
    path = folder / f"{assignment}.py"
    if not named or not path.is_file():
        there = sorted(file.stem for file in folder.glob("*.py")) if folder.is_dir() else []
        has = f"{folder} has {', '.join(there) or 'none'}; choose one or name --tests"
        if named:
            raise ValueError(f"There are no hidden tests {path.name}: {has}.")
        raise ValueError(f"--assignment is {assignment[:60]!r}, which is no name of tests: {has}.")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    loader = _Loader(f"aigc_hidden_tests_{assignment.replace('-', '_')}", str(path))
    spec = importlib.util.spec_from_file_location(loader.name, path, loader=loader)
    module = importlib.util.module_from_spec(spec)
    try:
        loader.exec_module(module)
    except Exception as error:
        raise ValueError(
            f"The hidden tests {path} stop with {type(error).__name__} ({str(error)[:200]}): "
            "run them with Python and mend that first."
        ) from error
    marked = [getattr(value, "hidden_test", None) for value in vars(module).values()]
    tests = tuple(test for test in marked if isinstance(test, HiddenTest))
    if not tests:
        raise ValueError(f"{path} holds no hidden test: mark functions with @hidden_test.")
    return TestSet(assignment, tests, digest)


def judge_submission(test: HiddenTest, student: Student) -> Result:
    """Let one test judge one submission; whatever happens is a result, but `MachineTrouble`."""
    points, says, broken = test.points, "", ""
    try:
        outcome = test.judge(student)
        if outcome is not None:
            points, says = float(outcome[0]), str(outcome[1])
    except NoAnswer as error:
        points, says = 0.0, str(error)
    except AssertionError as error:
        points, says = 0.0, str(error) or "The result is not right."
    except MachineTrouble:
        raise
    except Exception as error:  # a test that meets an answer which its author did not think of
        points, says = 0.0, "This answer could not be judged; your teacher is told."
        broken = f"{test.exercise}, {test.title}: the test stops with {type(error).__name__}"
    if not math.isfinite(points):
        points, broken = 0.0, f"{test.exercise}, {test.title}: the test gives {points} points"
    points = min(max(points, 0.0), test.points)
    return Result(test.exercise, test.title, points, test.points, says[:MAX_SENTENCE], broken)


def agrees(got: object, wanted: object, *, rtol: float = 1e-4, atol: float = 1e-7) -> bool:
    """Whether an answer has the shape and the numbers of what is wanted.

    Args:
        got: from `Student`.
        wanted: an array, a number, or a tuple of them.
        rtol, atol: tolerances; 1e-4 lets 32-bit arithmetic pass.
    """
    if isinstance(wanted, tuple):
        return (
            isinstance(got, tuple | list)
            and len(got) == len(wanted)
            and all(agrees(g, w, rtol=rtol, atol=atol) for g, w in zip(got, wanted, strict=True))
        )
    try:
        mine, theirs = np.asarray(got), np.asarray(wanted)
    except ValueError:  # lists that are no rectangle
        return False
    if mine.dtype.kind not in "fiub" or mine.shape != theirs.shape:
        return False
    return bool(np.allclose(mine.astype(float), theirs, rtol=rtol, atol=atol, equal_nan=True))


def near(got: float, wanted: float, *, rtol: float = 0.005) -> bool:
    """Whether a number is what is wanted; 0.005 forgives rounding to three digits."""
    return abs(got - wanted) <= rtol * abs(wanted)


def wrong_entries(got: object, wanted: dict[str, object]) -> list[str]:
    """Where a dict of answers says something else than is wanted.

    Args:
        got: from `Student.value`.
        wanted: numbers, or words in small letters, by the keys of the cell.

    Returns:
        The keys, in the order of ``wanted``.

    Raises:
        NoAnswer: if there is no dict, or nothing is answered.
    """
    if not isinstance(got, dict):
        raise NoAnswer("The answer is no dict: keep the form of the cell.")
    if all(got.get(key) is None or got[key] is Ellipsis for key in wanted):
        raise NoAnswer("Nothing in the dict is answered yet.")
    return [key for key, value in wanted.items() if not _is(got.get(key), value)]


def _is(got: object, wanted: object) -> bool:
    if isinstance(wanted, str):
        return isinstance(got, str) and got.strip().lower() == wanted
    return agrees(got, wanted)


class _Loader(SourceFileLoader):
    """Reads Python, and writes no compiled copy beside the tests."""

    def set_data(self, path: str, data: bytes, *, _mode: int = 0o666) -> None:
        """Write nothing."""


def _encode(value: object) -> object:
    """An argument as JSON: data, or the name of what is kept over there."""
    return {"$": "kept", "name": value} if isinstance(value, Kept) else wire.encode_value(value)


def _failure(kind: object) -> str:
    """What a failure is called; a submission can choose among these sentences, and say no other."""
    if isinstance(kind, str) and kind in wire.SENTENCES:
        return f"gives {wire.SENTENCES[kind]}"
    return _FAILURES.get(str(kind), "brought no answer that can be read")
