"""An assignment of two exercises, for tests in which a chapter's own would take long."""

from aigc_course.grading.limits import Limits

TESTS = """
import numpy as np
from aigc_course.grading import agrees, hidden_test

@hidden_test("toy-01", points=2, title="squares")
def squares(student):
    x = np.arange(4.0)
    assert agrees(student.call("square", x), x**2), "Not squares."

@hidden_test("toy-02", points=1, title="a number")
def number(student):
    assert student.number("answer") == 42, "Not the answer."
"""
# A busy machine may take ten times as long for a cell; only what has no end meets these seconds.
LIMITS = Limits(cell_seconds=60, probe_seconds=60, total_seconds=600, memory_mib=800)
SQUARE = "def square(x):\n    return x * x"  # the first answer
