"""The toy assignment's hidden tests, loaded once."""

from __future__ import annotations

import pytest
import toy_assignment

from aigc_course.grading import hidden


@pytest.fixture(scope="session")
def toy(tmp_path_factory) -> hidden.TestSet:
    folder = tmp_path_factory.mktemp("hidden")
    (folder / "toy.py").write_text(toy_assignment.TESTS)
    return hidden.load_tests(folder, "toy")
