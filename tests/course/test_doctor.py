"""The doctor finds what is broken, says how to mend it, and starts no TensorFlow."""

from __future__ import annotations

import json

import pytest

from aigc_course import doctor as diagnosis
from aigc_course.doctor import Finding

NO_TENSORFLOW = """
import sys
from aigc_course import doctor as diagnosis
found = diagnosis.examine()
print(len(found), *sorted({"tensorflow", "keras"} & set(sys.modules)))
"""


def about(findings, word) -> list[Finding]:
    return [finding for finding in findings if word in finding.subject]


@pytest.fixture(scope="module")
def healthy():
    return diagnosis.examine()


def test_on_this_machine_everything_needed_is_good(healthy):
    assert [finding for finding in healthy if finding.needed and not finding.good] == []


@pytest.mark.parametrize(
    "subject",
    ["Python", "tensorflow", "keras", "backend", "fashion_mnist", "Checkpoints", "memory", "cores",
     "Room to write", "Chinese"],
)  # fmt: skip
def test_every_thing_the_course_needs_is_looked_at(healthy, subject):
    (finding,) = [f for f in about(healthy, subject) if subject != "keras" or f.subject == "keras"]
    assert finding.found


def test_whatever_may_be_missing_has_a_cure(healthy):
    assert [f.subject for f in healthy if not f.good and not f.cure] == []


def test_examining_loads_neither_tensorflow_nor_keras(fresh_python):
    done = fresh_python(NO_TENSORFLOW)
    assert done.returncode == 0, done.stderr
    number, *loaded = done.stdout.split()
    assert int(number) >= 10
    assert loaded == []


def test_a_damaged_data_set_is_found_with_its_file_and_cure(data_copy, replace_bytes):
    path = data_copy / "fashion_mnist" / "t10k-labels-idx1-ubyte.gz"
    replace_bytes(path, lambda content: content[:-1])
    (finding,) = about(diagnosis.examine(), "fashion_mnist")
    assert finding.needed
    assert not finding.good
    assert str(path) in finding.found
    assert "git checkout" in finding.found


def test_missing_checkpoints_are_found(data_copy):
    for path in (data_copy / "checkpoints").glob("*/model.weights.h5"):
        path.unlink()
    (finding,) = about(diagnosis.examine(), "Checkpoints")
    assert not finding.good
    assert "clone" in finding.cure


def test_weights_cut_short_are_found(data_copy, replace_bytes):
    path = data_copy / "checkpoints" / "vae_fashion_2d" / "model.weights.h5"
    replace_bytes(path, lambda content: content[:1000])
    broken = [f for f in diagnosis.examine() if f.needed and not f.good]
    assert any("vae_fashion_2d" in finding.subject + finding.found for finding in broken)


def test_an_ensemble_is_as_good_as_the_hashes_of_its_members(data_copy, replace_bytes):
    root = data_copy / "checkpoints"
    (finding,) = about(diagnosis.examine(), "Checkpoints")
    assert "pixelcnn_ensemble_fashion" in finding.found
    card = root / "second_pixelcnn_fashion" / "card.json"
    digest = json.loads(card.read_text(encoding="utf-8"))["weights_sha256"]
    replace_bytes(card, lambda content: content.replace(digest.encode(), b"0" * 64))
    (finding,) = about(diagnosis.examine(), "Checkpoints")
    assert not finding.good
    assert finding.found.endswith("pixelcnn_ensemble_fashion, second_pixelcnn_fashion")


def test_another_backend_is_a_note_and_no_fault(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    (finding,) = about(diagnosis.examine(), "backend")
    assert (finding.good, finding.needed, finding.found) == (False, False, "jax")
    assert "KERAS_BACKEND" in finding.cure


def test_a_package_that_is_not_installed_is_found():
    finding = diagnosis._package("no-such-package-here")
    assert not finding.good
    assert "make lab" in finding.cure


def test_a_read_only_folder_is_a_note(disk, make_read_only):
    folder = disk(64)
    make_read_only(folder)
    finding = diagnosis._writable(folder)
    assert not finding.good
    assert not finding.needed
    assert finding.found == "read-only"


GOOD = Finding("Python", True, "3.12.1", "install another")
BROKEN = Finding("Data", False, "nothing", "clone it")
NOTE = Finding("Font", False, "none", "install one", needed=False)


def test_a_report_marks_what_is_missing_and_how_to_mend_it():
    lines = diagnosis.report([GOOD, BROKEN, NOTE]).splitlines()
    assert lines[0] == "ok       Python: 3.12.1"
    assert lines[1] == "MISSING  Data: nothing -> clone it"
    assert lines[2] == "note     Font: none -> install one"
    assert lines[-1].startswith("1 thing")


def test_notes_alone_leave_everything_here():
    assert diagnosis.report([GOOD, NOTE]).endswith("Everything the course needs is here.")
