"""The texts in YAML: all there, each belonging to something, and refused in one sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from handmade_answers import HANDMADE

from aigc_course.checks import exercises, grade, questions, quiz, texts
from aigc_course.checks.exercises import NOTEBOOKS, chapter
from aigc_course.checks.graders import Function, Judged, Number, Option, Several

ROOT = Path(__file__).resolve().parents[3]
QUIZZES, EXERCISES = ROOT / "notebooks" / "quizzes", ROOT / "workbook" / "exercises"
FILES = sorted([*QUIZZES.rglob("*"), *EXERCISES.rglob("*")])
TEXTS = [path for path in FILES if path.is_file()]


def test_the_folders_hold_what_they_should_and_nothing_else():
    assert {path.name for path in EXERCISES.iterdir()} == {f"{p}.yml" for p in NOTEBOOKS}
    assert {p.name for p in (QUIZZES / "workbook").iterdir()} == {f"{p}.yml" for p in NOTEBOOKS}
    chapters = {path.stem for path in (ROOT / "notebooks").glob("0[1-9]*.ipynb")}
    assert {path.name for path in QUIZZES.iterdir() if path.is_file()} == {
        f"{name}.yml" for name in chapters
    }


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_file_says_what_it_is_and_reads_well(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# "), "the first line says what the file is"
    assert max(map(len, lines)) <= 101
    assert not any("\\u" in line or "\t" in line for line in lines)


@pytest.mark.parametrize("prefix", NOTEBOOKS)
def test_every_exercise_has_its_texts_and_every_mistake_its_hint(prefix):
    written = texts.read_exercises(prefix)
    assert [e.id for e in chapter(prefix)] == list(written)
    for asked in chapter(prefix):
        text, grader = written[asked.id], asked.grade
        assert (asked.title, asked.kind, asked.minutes, asked.worked) == (
            text.title, text.kind, text.minutes, text.worked,
        )  # fmt: skip
        assert text.praise
        if isinstance(grader, Number | Function):
            assert not text.parts
            assert not text.signs
            assert mistakes_of(grader) == pairs(text.mistakes), asked.id
            assert grader.praise == text.praise
        elif isinstance(grader, Several):
            assert set(grader.parts) == set(text.parts) | set(text.signs)
            for name, part in grader.parts.items():
                if isinstance(part, Option):
                    assert set(part.feedback) == set(text.mistakes) - {part.correct}
                    assert all(text.signs[name] in says for says, _ in part.feedback.values())
                else:
                    assert mistakes_of(part) == pairs(text.parts[name]), asked.id
        else:
            assert isinstance(grader, Judged)
            assert grader.says.text.mistakes == text.mistakes


def mistakes_of(grader) -> dict[str, tuple[str, str]]:
    return {m.name: (m.says, m.hint) for m in grader.mistakes}


def pairs(hints) -> dict[str, tuple[str, str]]:
    return {name: (hint.says, hint.hint) for name, hint in hints.items()}


@pytest.mark.parametrize("exercise", HANDMADE)
def test_a_judge_finds_every_mistake_that_has_a_text(exercise):
    found = {name: grade(exercise, answer) for name, answer in HANDMADE[exercise].items()}
    for name, said in found.items():
        assert said.mistake == name
        assert said.state == {"": "right", "as given": "not yet"}.get(name, "wrong")
        assert "{" not in said.says + said.hint
    prefix = exercise.rpartition("-")[0]
    written = texts.read_exercises(prefix)[exercise].mistakes
    assert {name.split(" Runtime")[0] for name in found} - {""} == set(written)
    assert len({said.hint for name, said in found.items() if name}) == len(found) - 1


@pytest.mark.parametrize("exercise", HANDMADE)
@pytest.mark.parametrize("nothing", [..., None, lambda *arguments: None])
def test_a_judge_is_polite_to_who_has_not_begun(exercise, nothing):
    if callable(nothing) and exercise != "build-03":
        nothing = {"build-06": type("S", (), {"__init__": lambda s, seed: None, "__call__": nothing}),
                   "build-09": type("V", (), {"__init__": lambda s, e, d: None,
                                              "compute_loss": lambda s, x: None})}[exercise]  # fmt: skip
    assert grade(exercise, nothing).state == "not yet"


# ---- files that are wrong ----------------------------------------------------------------


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of all texts, which the checks read in place of the real ones."""
    for name, folder in {"quizzes": QUIZZES, "exercises": EXERCISES}.items():
        shutil.copytree(folder, tmp_path / name)
    monkeypatch.setattr(texts, "texts_folder", lambda name: tmp_path / name)
    monkeypatch.setattr(questions, "texts_folder", lambda name: tmp_path / name)
    chapter.cache_clear()
    yield tmp_path
    chapter.cache_clear()


def edited(path: Path, change) -> None:
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(yaml.safe_dump(value, allow_unicode=True, sort_keys=False), encoding="utf-8")


def test_an_edited_hint_is_what_a_learner_reads(copied):
    path = copied / "exercises" / "vae.yml"
    edited(path, lambda v: v["vae-02"]["mistakes"]["no half"].update(hint="Think again."))
    assert grade("vae-02", 4.636).hint == "Think again."


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v["vae-02"]["mistakes"].pop("no half"), ["vae-02", "'no half'", "write one"]),
        (lambda v: v["vae-02"]["mistakes"].update({"x": {"says": "a", "hint": "b"}}), ["vae-02", "'x'"]),
        (lambda v: v["vae-02"]["mistakes"]["no half"].pop("hint"), ["vae-02", "no half", "hint"]),
        (lambda v: v["vae-02"]["mistakes"]["no half"].update(hint=" "), ["vae-02", "no half"]),
        (lambda v: v["vae-02"]["mistakes"]["no half"].update(hnt="b"), ["vae-02", "no half", "hnt"]),
        (lambda v: v["vae-02"].update(kind="by foot"), ["vae-02", "kind", "by hand"]),
        (lambda v: v["vae-02"].update(minutes=0), ["vae-02", "minutes"]),
        (lambda v: v["vae-02"].update(title=""), ["vae-02", "title"]),
        (lambda v: v["vae-02"].update(points=3), ["vae-02", "points"]),
        (lambda v: v["vae-02"].pop("worked"), ["vae-02", "worked"]),
        (lambda v: v.pop("vae-02"), ["'vae-02'", "write one"]),
        (lambda v: v.update({"vae-99": v["vae-02"]}), ["'vae-99'", "delete it"]),
    ],
)  # fmt: skip
def test_wrong_texts_of_an_exercise_are_refused(copied, change, words, one_sentence):
    edited(copied / "exercises" / "vae.yml", change)
    with pytest.raises(ValueError) as error:  # noqa: PT011
        exercises.chapter("vae")
    one_sentence(error.value, copied / "exercises" / "vae.yml", *words)


@pytest.mark.parametrize(
    ("prefix", "change", "words"),
    [
        ("alg", lambda v: v["alg-01"]["parts"].pop("flow"), ["alg-01", "'flow'"]),
        ("alg", lambda v: v["alg-01"]["parts"]["flow"].pop("one pass a step"), ["'one pass a step'"]),
        ("train", lambda v: v["train-02"]["signs"].pop("C"), ["train-02", "'C'"]),
        ("train", lambda v: v["train-02"]["mistakes"].pop("leak"), ["train-02", "'leak'"]),
        ("train", lambda v: v["train-02"]["mistakes"]["leak"].update(says="{sgns}"), ["{sgns}", "{signs}"]),
    ],
)  # fmt: skip
def test_wrong_texts_of_parts_are_refused(copied, prefix, change, words, one_sentence):
    edited(copied / "exercises" / f"{prefix}.yml", change)
    with pytest.raises(ValueError) as error:  # noqa: PT011
        exercises.chapter(prefix)
    one_sentence(error.value, copied / "exercises" / f"{prefix}.yml", *words)


def test_an_exercise_that_stands_twice_is_refused_with_its_line(copied, one_sentence):
    path = copied / "exercises" / "gen.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "\ngen-01:\n  title: Another\n", encoding="utf-8")
    with pytest.raises(ValueError) as error:  # noqa: PT011
        exercises.chapter("gen")
    one_sentence(error.value, path, "'gen-01'", f"line {len(text.splitlines()) + 2}")


def test_an_edited_question_is_what_a_chapter_asks(copied):
    path = copied / "quizzes" / "04_vae_math.yml"
    edited(path, lambda v: v[0].update(question="What now?"))
    assert quiz("04_vae_math").questions[0].text == "What now?"
    (copied / "quizzes" / "07_new.yml").write_text(path.read_text(encoding="utf-8"))
    assert quiz("07_new").questions == quiz("04_vae_math").questions


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v[1]["options"][0].update(right="x", wrong="y"), ["1 > options > 0", "`right`"]),
        (lambda v: [o.update(wrong=o.pop("right")) for o in v[1]["options"] if "right" in o], ["1", "exactly one"]),
        (lambda v: [o.update(right=o.pop("wrong")) for o in v[1]["options"] if "wrong" in o], ["1", "exactly one"]),
        (lambda v: v[1]["options"][0].pop("because"), ["1 > options > 0 > because"]),
        (lambda v: v[1]["options"][0].update(because=" "), ["1 > options > 0", "`because`"]),
        (lambda v: v[1]["options"].append(v[1]["options"][0] | {}), ["1"]),
        (lambda v: v[1].update(answer="x"), ["1 > answer"]),
        (lambda v: v[1].pop("question"), ["1 > question"]),
        (lambda v: v[1]["options"][0].update(because=2), ["1 > options > 0 > because", "quotes"]),
    ],
)  # fmt: skip
def test_wrong_questions_are_refused(copied, change, words, one_sentence):
    path = copied / "quizzes" / "04_vae_math.yml"
    edited(path, change)
    with pytest.raises(ValueError) as error:  # noqa: PT011
        quiz("04_vae_math")
    one_sentence(error.value, path, *words)


def test_an_installed_package_reads_the_texts_that_it_carries(tmp_path):
    # As the wheel lays them out: see force-include in pyproject.toml.
    shutil.copytree(ROOT / "aigc_course", tmp_path / "aigc_course")
    shutil.copytree(QUIZZES, tmp_path / "aigc_course" / "checks" / "_quizzes")
    shutil.copytree(EXERCISES, tmp_path / "aigc_course" / "checks" / "_exercises")
    program = (
        "from aigc_course.checks import quiz, exercise; import aigc_course; "
        "print(aigc_course.__file__, quiz('vae'), quiz('04_vae_math'), exercise('core-01').title)"
    )
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120,
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout
    assert "The height of a bar" in done.stdout
