"""Data: whole, as its makers published it, and refused in one sentence when it is not."""

from __future__ import annotations

import hashlib
import shutil

import numpy as np
import pytest

from aigc_utils import data, metrics

SMALL = "t10k-labels-idx1-ubyte.gz"  # 5 kB, the quickest to copy


def flip_a_byte(content: bytes) -> bytes:
    return content[:100] + bytes([content[100] ^ 1]) + content[101:]


# ---- the real thing ------------------------------------------------------------------


def test_the_training_images_are_60000_of_28_by_28_bytes(fashion):
    assert fashion.x_train.shape == (60_000, 28, 28)
    assert fashion.x_train.dtype == np.uint8
    assert (fashion.x_train.min(), fashion.x_train.max()) == (0, 255)


def test_the_test_images_are_10000_of_28_by_28_bytes(fashion):
    assert fashion.x_test.shape == (10_000, 28, 28)
    assert fashion.x_test.dtype == np.uint8
    assert (fashion.x_test.min(), fashion.x_test.max()) == (0, 255)


def test_every_class_has_6000_training_and_1000_test_images(fashion):
    assert np.bincount(fashion.y_train).tolist() == [6000] * 10
    assert np.bincount(fashion.y_test).tolist() == [1000] * 10
    assert fashion.y_train.dtype == fashion.y_test.dtype == np.uint8


def test_every_class_has_a_name_in_both_languages(fashion):
    assert len(set(fashion.card.class_names)) == 10
    assert len(set(fashion.card.class_names_zh)) == 10


def test_ankle_boots_come_first_as_everyone_knows_this_data_set(fashion):
    # The first labels of the published files; a reordering would be another data set.
    assert fashion.y_train[:5].tolist() == [9, 0, 0, 3, 0]
    assert fashion.y_test[:5].tolist() == [9, 2, 1, 1, 6]
    assert fashion.card.class_names[9] == "Ankle boot"


def test_the_noise_floor_of_the_test_set_is_the_published_entropy(fashion):
    # A sum of entropies of fixed pixels, so nothing but rounding can move it.
    floor = metrics.noise_floor(data.to_unit(fashion.x_test))
    assert floor.mean == pytest.approx(189.86, abs=0.01)


def test_the_files_are_those_that_upstream_published(fashion):
    folder = data.data_root() / "fashion_mnist"
    assert len(fashion.card.files) == 4
    for name, facts in fashion.card.files.items():
        assert hashlib.md5((folder / name).read_bytes()).hexdigest() == facts.upstream_md5


def test_the_card_carries_source_licence_and_biases(fashion):
    card = fashion.card
    assert "MIT" in card.licence
    assert "Zalando" in card.made_by
    assert len(card.known_biases) >= 1
    assert data.load_data_card("fashion_mnist") == card


def test_data_sets_are_listed_and_checkpoints_are_not():
    assert {"fashion_mnist", "injections"} <= set(data.data_sets())
    assert {"checkpoints", "records"}.isdisjoint(data.data_sets())


# ---- damage --------------------------------------------------------------------------


def test_an_undamaged_copy_elsewhere_loads_the_same(data_copy, fashion):
    loaded = data.load_images("fashion_mnist")
    assert data.data_root() == data_copy
    np.testing.assert_array_equal(loaded.y_test, fashion.y_test)


def test_a_flipped_byte_is_refused_with_the_file_and_a_cure(data_copy, replace_bytes, one_sentence):
    path = data_copy / "fashion_mnist" / SMALL
    replace_bytes(path, flip_a_byte)
    with pytest.raises(ValueError, match="has changed") as caught:
        data.load_images("fashion_mnist")
    one_sentence(caught.value, path, "git checkout")


def test_a_truncated_file_is_refused_with_both_sizes(data_copy, replace_bytes, one_sentence):
    path = data_copy / "fashion_mnist" / SMALL
    replace_bytes(path, lambda content: content[:-1])
    with pytest.raises(ValueError, match="bytes instead of") as caught:
        data.load_images("fashion_mnist")
    one_sentence(caught.value, path, "5,147", "5,148", "git checkout")


def test_a_missing_file_is_refused_by_name(data_copy, one_sentence):
    path = data_copy / "fashion_mnist" / SMALL
    path.unlink()
    with pytest.raises(FileNotFoundError) as caught:
        data.load_images("fashion_mnist")
    one_sentence(caught.value, path, "missing", "git checkout")


@pytest.mark.parametrize("name", ["fashion-mnist", "", "checkpoints", "../data/fashion_mnist"])
def test_an_unknown_name_is_refused_with_the_known_ones(name, one_sentence):
    with pytest.raises(ValueError, match="no data set") as caught:
        data.load_images(name)
    one_sentence(caught.value, repr(name), "choose one of: ", "fashion_mnist")


def test_an_empty_data_root_is_refused_by_its_path(tmp_path, monkeypatch, one_sentence):
    monkeypatch.setenv("AIGC_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="no data set") as caught:
        data.load_images("fashion_mnist")
    one_sentence(caught.value, tmp_path / "nowhere", "none")


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"{}",
        lambda content: b"",
        lambda content: b"\xff\xfe" + content,
        lambda content: content.replace(b'"sha256"', b'"sha255"'),
    ],
    ids=["cut in half", "without fields", "empty", "not UTF-8", "misspelt field"],
)
def test_a_damaged_card_is_refused_in_one_sentence(data_copy, replace_bytes, one_sentence, change):
    path = data_copy / "fashion_mnist" / "card.json"
    replace_bytes(path, change)
    with pytest.raises(ValueError, match="damaged") as caught:
        data.load_images("fashion_mnist")
    one_sentence(caught.value, path, "git")


def test_a_folder_without_a_card_is_no_data_set(data_copy):
    shutil.copytree(data_copy / "fashion_mnist", data_copy / "other", symlinks=True)
    (data_copy / "other" / "card.json").unlink()
    assert "fashion_mnist" in data.data_sets()
    assert "other" not in data.data_sets()


# ---- texts ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sizes"), [("tang_poems", (31_488, 695, 1_500)), ("english_prose", (237, 17, 27))]
)
def test_texts_come_in_three_parts_that_share_none(name, sizes):
    texts = data.load_texts(name)
    parts = [{text.text for text in part} for part in (texts.train, texts.validation, texts.test)]
    assert tuple(map(len, parts)) == sizes  # so no text is there twice either
    assert parts[0].isdisjoint(parts[1])
    assert parts[2].isdisjoint(parts[0] | parts[1])
    assert "public domain" in texts.card.licence
    for text in texts.test:
        assert text.title
        assert text.author
        assert text.text.endswith("\n")


def test_no_line_of_verse_is_in_two_poems():
    texts = data.load_texts("tang_poems")
    lines = [
        line
        for part in (texts.train, texts.validation, texts.test)
        for poem in part
        for line in poem.text.splitlines()
    ]
    assert len(set(lines)) == len(lines)
    assert {len(line) for line in lines} == {5, 7}


def test_held_out_poems_are_quatrains():
    texts = data.load_texts("tang_poems")
    assert {poem.text.count("\n") for poem in texts.test} == {4}


def test_chapters_hold_no_titles_and_no_words_of_editors():
    texts = data.load_texts("english_prose")
    everything = [*texts.train, *texts.validation, *texts.test]
    assert len({text.title for text in everything}) == 281
    for text in everything:
        for word in ("CHAPTER", "Gutenberg", "THE END", "Signet", "copyright"):
            assert word not in text.text


@pytest.mark.parametrize(
    ("function", "name"), [(data.load_images, "tang_poems"), (data.load_texts, "fashion_mnist")]
)
def test_the_wrong_kind_of_data_set_is_refused(function, name, one_sentence):
    with pytest.raises(ValueError, match="holds no") as caught:
        function(name)
    one_sentence(caught.value, repr(name))


# ---- grey levels and binary draws ----------------------------------------------------


GREY = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)


@pytest.mark.parametrize(
    "images",
    [
        GREY, GREY.astype(np.int64), GREY.astype(np.float32), GREY.astype(np.float64),
        GREY.astype(np.uint16), GREY.tolist(), (GREY / 255).astype(np.float32), GREY / 255,
    ],
    ids=["uint8", "int64", "float32", "float64", "uint16", "list", "unit", "unit float64"],
)  # fmt: skip
def test_grey_levels_of_any_type_become_intensities_and_intensities_stay(images):
    unit = data.to_unit(images)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, GREY / 255, atol=1e-6)
    np.testing.assert_array_equal(data.to_unit(unit), unit)


def test_truth_values_are_black_and_white():
    assert data.to_unit(np.array([[[True, False]]])).tolist() == [[[1.0, 0.0]]]


def test_no_images_stay_none():
    assert data.to_unit(np.zeros((0, 28, 28), np.uint8)).shape == (0, 28, 28)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (GREY / 127.5 - 1, ["from -1 to 1", "(images + 1) / 2"]),
        (GREY.astype(np.uint16) * 257, ["from 0 to 65535", "(images - low) / (high - low)"]),
        ((GREY.astype(int) - 128).astype(np.int8), ["from -128 to 127", "(high - low)"]),
        (np.full((2, 2, 2), np.nan), ["Image 0 contains NaN"]),
        (np.full((1, 2, 2), np.inf), ["Image 0 contains infinity"]),
        (np.full((1, 2, 2), "x"), ["type <U1"]),
        (GREY.astype(">f4"), ["type >f4"]),
    ],
    ids=["-1 to 1", "uint16", "int8", "nan", "inf", "texts", "big-endian"],
)
def test_what_are_no_grey_levels_is_refused_with_a_cure_that_works(images, words, one_sentence):
    with pytest.raises(ValueError, match=r"[:.]") as caught:
        data.to_unit(images)
    one_sentence(caught.value, *words)
    assert "to_unit" not in str(caught.value)


def test_the_cure_for_images_from_minus_one_cures():
    images = GREY / 127.5 - 1
    np.testing.assert_allclose(data.to_unit((images + 1) / 2), GREY / 255, atol=1e-6)


@pytest.mark.parametrize("use", [lambda x: data.binarize(x, seed=0), metrics.noise_floor])
@pytest.mark.parametrize(
    ("bad", "words"), [(np.nan, "Image 3 contains NaN"), (-0.5, "from -0.5"), (2.0, "to 2")]
)
def test_pixels_that_are_no_intensities_are_never_taken_in_silence(use, bad, words, one_sentence):
    images = np.full((8, 4, 4), 0.5)
    images[3, 1, 1] = bad
    with pytest.raises(ValueError, match=r"[:.]") as caught:
        use(images)
    one_sentence(caught.value, words)


def test_to_unit_maps_0_to_0_and_255_to_1():
    unit = data.to_unit(np.array([[0, 51, 255]], dtype=np.uint8))
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, [[0, 0.2, 1]], atol=1e-7)


def test_binarization_gives_only_zeros_and_ones(grey):
    drawn = data.binarize(grey, seed=1)
    assert drawn.dtype == np.float32
    assert drawn.shape == grey.shape
    assert set(np.unique(drawn)) == {0.0, 1.0}


def test_the_same_seed_draws_the_same_pixels_and_another_does_not(grey):
    first = data.binarize(grey, seed=1)
    np.testing.assert_array_equal(first, data.binarize(grey, seed=1))
    assert (first != data.binarize(grey, seed=2)).any()


def test_the_mean_of_many_draws_is_the_intensity(grey):
    draws = np.mean([data.binarize(grey[:20], seed=s) for s in range(200)], axis=0)
    # The standard error of a pixel is sqrt(p (1 - p) / 200) <= 0.035; six of them for
    # the worst of 15,680 pixels, and a far smaller error for the mean of all.
    assert np.abs(draws - grey[:20]).max() < 6 * 0.0354
    assert abs(draws.mean() - grey[:20].mean()) < 0.001


def test_black_stays_black_and_white_stays_white():
    ends = np.array([0.0, 1.0], dtype=np.float32).repeat(10_000)
    np.testing.assert_array_equal(data.binarize(ends, seed=0), ends)


# ---- refusing images and labels ------------------------------------------------------

GOOD = np.full((3, 4, 5), 0.5, dtype=np.float32)


def with_nan() -> np.ndarray:
    images = GOOD.copy()
    images[1, 2, 3] = np.nan
    return images


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (with_nan(), ["Image 1", "NaN", "repair"]),
        (GOOD[0], ["(4, 5)", "(N, 4, 5)", "reshape"]),
        (GOOD.reshape(3, 5, 4), ["(3, 5, 4)", "(N, 4, 5)", "reshape"]),
        (np.zeros((3, 8, 10)), ["(3, 8, 10)", "(N, 4, 5)", "crop or resize"]),
        (np.zeros((3, 4, 5, 3)), ["(3, 4, 5, 3)", "(N, 4, 5)", "crop or resize"]),
        (GOOD[..., None], ["(3, 4, 5, 1)", "reshape"]),
        (GOOD * 510, ["0 to 1", "255", "to_unit"]),
        (GOOD - 1, ["-0.5", "0 to 1"]),
        (np.where(GOOD > 0, np.inf, 0), ["Image 0 contains infinity"]),
        (GOOD.astype(str), ["type", "float32"]),
        (GOOD.astype(complex), ["complex128", "float32"]),
        (GOOD.astype(object), ["object", "float32"]),
        (GOOD[:0], ["no images", "(N, 4, 5)"]),
    ],
    ids=[
        "NaN", "one image", "turned", "larger", "colours", "channel", "grey levels", "negative", "infinite", "text",
        "complex", "objects", "empty",
    ],
)  # fmt: skip
def test_images_that_no_model_could_learn_from_are_refused(images, words, one_sentence):
    with pytest.raises(ValueError, match=r"[Ii]mage|pixels") as caught:
        data.check_images(images, (4, 5))
    one_sentence(caught.value, *words)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.uint8, bool, np.int64])
def test_images_of_zeros_and_ones_pass_in_every_numeric_type(dtype):
    data.check_images(np.eye(4, dtype=dtype).reshape(1, 4, 4), (4, 4))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, 1], ["(2,)", "(3,)"]),
        ([[0, 1, 2]], ["(1, 3)", "(3,)"]),
        ([0, 1, 10], ["0 to 10", "classes 0 to 9"]),
        ([-1, 1, 2], ["-1 to 2", "num_classes"]),
        ([0.0, 1.0, 2.0], ["float64", "whole numbers"]),
        (["a", "b", "c"], ["whole numbers"]),
        ([True, False, True], ["bool", "whole numbers"]),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, words, one_sentence):
    with pytest.raises(ValueError, match="labels") as caught:
        data.check_labels(np.array(labels), 10, 3)
    one_sentence(caught.value, *words)


def test_labels_from_first_to_last_class_pass():
    data.check_labels(np.array([0, 9], dtype=np.uint8), 10, 2)


def test_bare_images_become_a_mapping_and_a_mapping_stays_itself():
    assert list(data.as_mapping(GOOD)) == ["images"]
    both = {"images": GOOD, "labels": np.arange(3)}
    assert data.as_mapping(both) is both
