"""Grading a folder of submissions with hidden tests, each in a sandbox of its own.

A hidden test runs here, in the grader's process, and the submission over there. The test sends
inputs through a `Student` and gets plain data back, so that a submission can neither read the
tests nor forge what is judged:

    from aigc_course.grading import Student, agrees, hidden_test

    @hidden_test("vae-03", points=2, title="a batch")
    def batch(student: Student):
        got = student.call("kl", mean, log_var)
        assert agrees(got, expected), "The values of a batch are not right."
"""

import importlib

__all__ = ["Kept", "NoAnswer", "Student", "agrees", "hidden_test", "near", "wrong_entries"]


def __getattr__(name: str):
    """Import these on first use: the first program of each sandbox needs neither them nor NumPy."""
    if name in __all__:
        return getattr(importlib.import_module("aigc_course.grading.hidden"), name)
    raise AttributeError(f"module 'aigc_course.grading' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
