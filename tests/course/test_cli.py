"""The `aigc` command: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

COMMAND = "from aigc_course.cli import main; main()"


@pytest.fixture
def aigc(aigc_command, started):
    """The command, in a process whose Keras is started."""
    return aigc_command


@pytest.fixture
def tiny_recipe(monkeypatch, few_images):
    """A recipe of seconds, on 300 images, under the name `tiny`."""
    from aigc_course.train import names, recipes

    tiny = recipes.Recipe(
        model="VAE", arguments={"latent_dim": 2, "hidden_units": [16]},
        stages=({"epochs": 3, "batch_size": 100},), nll_samples=2, limits=("none",),
        judge="likelihood", trained_on="300 images",
    )  # fmt: skip
    monkeypatch.setattr(recipes, "read_recipes", lambda: {"tiny": tiny})
    monkeypatch.setattr(names, "recipe_names", lambda: ["tiny"])


# ---- doctor --------------------------------------------------------------------------


def test_doctor_finds_everything_here_and_ends_with_0(fresh_python):
    done = fresh_python(COMMAND, "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything the course needs is here." in done.stdout
    assert "70,000 images, every byte as it should be" in done.stdout
    assert "vae_fashion" in done.stdout
    assert done.stderr == ""


def test_doctor_with_a_broken_data_root_ends_with_1_and_says_what_to_do(fresh_python, tmp_path):
    done = fresh_python(COMMAND, "doctor", AIGC_DATA=str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert "MISSING" in done.stdout
    assert str(tmp_path / "nowhere") in done.stdout
    assert "to mend" in done.stdout
    assert done.stderr == ""


# ---- generate ------------------------------------------------------------------------


def test_generate_writes_a_picture_of_as_many_images(aigc, tmp_path):
    path = tmp_path / "x.png"
    code, out, err = aigc("generate", "vae_fashion", "-n", 4, "-o", path)
    assert (code, err) == (0, "")
    picture = Image.open(path)
    assert picture.format == "PNG"
    assert picture.size == (8 * 28 * 3, 28 * 3)  # eight columns, three screen pixels each
    tiles = np.asarray(picture).reshape(84, 8, 84)
    assert all(tiles[:, i].max() > 100 for i in range(4))
    assert tiles[:, 4:].max() == 0  # four places stay black
    assert "generative model" in out
    assert str(path) in out


def test_generate_with_the_same_seed_writes_the_same_bytes(aigc, tmp_path):
    for name, seed in (("a.png", 1), ("b.png", 1), ("c.png", 2)):
        aigc("generate", "vae_fashion_2d", "-n", 2, "-o", tmp_path / name, "--seed", seed)
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_generate_with_a_label_draws_from_the_conditional_model(aigc, tmp_path):
    code, _, err = aigc("generate", "cvae_fashion", "--label", 1, "-n", 2, "-o", tmp_path / "x.png")
    assert (code, err) == (0, "")
    assert Image.open(tmp_path / "x.png").size == (672, 84)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no_such_model"], ["'no_such_model'", "vae_fashion"]),
        (["cvae_fashion"], ["no --label", "0 to 9", "3 Dress"]),
        (["vae_fashion", "--label", 3], ["no --label"]),
        (["cvae_fashion", "--label", 10], ["'10'", "0 to 9", "9 Ankle boot"]),
        (["cvae_fashion", "--label", "Dress"], ["'Dress'", "3 Dress"]),
        (["vae_fashon"], ["did you mean vae_fashion?"]),
        (["vae_fashion_2d", "-n", 0], ["number of images is '0'"]),
        (["vae_fashion_2d", "-n", 100_000_000], ["number of images is '100000000'", "10000"]),
        (["vae_fashion_2d", "-n", "1e3"], ["'1e3'", "from 1 to 10000"]),
        (["vae_fashion_2d", "-n", "9" * 5000], ["'999999", "from 1 to 10000"]),
        (["../checkpoints/vae_fashion"], ["no checkpoint '../checkpoints/vae_fashion'"]),
        (["./vae_fashion"], ["no checkpoint './vae_fashion'"]),
        (["vae_fashion/"], ["no checkpoint 'vae_fashion/'"]),
        (["vae\x00fashion"], ["'vae\\x00fashion'"]),
        (["\x1b[31mvae"], ["'\\x1b[31mvae'"]),
        (["cvae_fashion", "--label", 3, "-n", 0], ["number of images is '0'"]),
        (["vae_fashion_2d", "--temperature", -1], ["temperature", "'-1'", "0 to 100"]),
        (["vae_fashion_2d", "--temperature", "1e300"], ["temperature", "'1e300'"]),
        (["vae_fashion_2d", "--temperature", "warm"], ["temperature", "'warm'"]),
        (["vae_fashion_2d", "--seed", -1], ["seed", "'-1'", "4294967295"]),
        (["vae_fashion_2d", "--seed", "1.5"], ["seed", "'1.5'"]),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_a_wrong_argument_ends_with_2_and_one_line(aigc, tmp_path, arguments, words, one_sentence):
    code, out, err = aigc("generate", *arguments, "-o", tmp_path / "x.png")
    assert (code, out) == (2, "")
    assert err.startswith("aigc: ")
    one_sentence(err, *words)
    assert not (tmp_path / "x.png").exists()


def test_a_picture_that_cannot_be_written_ends_with_2_and_one_line(aigc, tmp_path, one_sentence):
    (tmp_path / "file").write_bytes(b"old")
    code, _, err = aigc("generate", "vae_fashion_2d", "-n", 1, "-o", tmp_path / "file" / "x.png")
    assert code == 2
    one_sentence(err, "x.png", "choose a folder")


@pytest.fixture
def no_work(monkeypatch):
    """Nothing may be loaded or made: the file was to be looked at first."""
    from aigc_utils import runtime

    monkeypatch.setattr(runtime, "start", lambda seed: pytest.fail("work was begun"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x.jpg", [".png"]),
        ("x", [".png"]),
        (".png", [".png"]),
        ("folder.png", ["it is a folder"]),
        ("file/x.png", ["x.png", "Not a directory"]),
        ("a" * 300 + ".png", ["too long"]),
    ],
)
def test_where_the_picture_goes_is_looked_at_before_anything_is_loaded(
    aigc, no_work, tmp_path, name, words, one_sentence
):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "folder.png").mkdir()
    code, out, err = aigc("generate", "vae_fashion", "-o", tmp_path / name)
    assert (code, out) == (2, "")
    one_sentence(err, "aigc: ", *words)
    assert "[Errno" not in err


# ---- train ---------------------------------------------------------------------------


def test_train_writes_a_checkpoint_that_loads(aigc, tiny_recipe, tmp_path):
    from aigc_utils import checkpoints

    code, out, _ = aigc("train", "tiny", "--out", tmp_path)  # a progress bar goes to stderr
    assert code == 0
    assert "saved in" in out
    assert checkpoints.load_model("tiny", root=tmp_path).latent_dim == 2


def test_ctrl_c_during_training_ends_with_130_and_one_line(
    aigc, tiny_recipe, tmp_path, monkeypatch, ctrl_c, one_sentence
):
    from aigc_utils import training

    monkeypatch.setattr(training.TrainingProgress, "on_epoch_begin", lambda *_: ctrl_c())
    code, _, err = aigc("train", "tiny", "--out", tmp_path)
    assert code == 130
    one_sentence(err, "aigc: ", "0 of 3 epochs", "same call again")


def test_where_a_checkpoint_goes_is_looked_at_before_the_training(
    aigc, tiny_recipe, tmp_path, monkeypatch, one_sentence
):
    from aigc_utils import training

    (tmp_path / "file").write_bytes(b"old")
    monkeypatch.setattr(training, "train", lambda *_, **__: pytest.fail("it was trained"))
    code, out, err = aigc("train", "tiny", "--out", tmp_path / "file")
    assert (code, out) == (2, "")
    one_sentence(err, "Could not write", str(tmp_path / "file"))


def test_an_unknown_recipe_ends_with_2_and_one_line(aigc, tmp_path, one_sentence):
    code, out, err = aigc("train", "no_such_recipe", "--out", tmp_path)
    assert (code, out) == (2, "")
    one_sentence(err, "aigc: ", "'no_such_recipe'", "vae_fashion")


# ---- the shell itself ----------------------------------------------------------------


def test_help_lists_the_commands(aigc):
    code, out, _ = aigc("--help")
    assert code == 0
    assert all(word in out for word in ("doctor", "train", "generate"))


def test_an_unknown_command_ends_with_2_and_no_traceback(aigc):
    code, _, err = aigc("fly")
    assert code == 2
    assert "fly" in err
    assert "Traceback" not in err


# ---- provenance ----------------------------------------------------------------------


def test_where_a_file_comes_from_is_told_or_refused(aigc_command, tmp_path, one_sentence):
    from aigc_apps import saving
    from aigc_apps.safety import Provenance

    path = tmp_path / "poem.txt"
    where = Provenance(scenario="toy", model="m", data="d", request={}, seed=7, version="1")
    saving.save_with_provenance(path, b"words", where)
    code, out, err = aigc_command("provenance", path)
    assert (code, err) == (0, "")
    assert '"seed": 7' in out
    path.write_bytes(b"others")
    code, out, err = aigc_command("provenance", path)
    assert (code, out) == (2, "")
    one_sentence(err, "was changed after it was made")
