"""Post-processing keeps images images, and does what its name says."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_utils import data, metrics, postprocess


@pytest.fixture(scope="module")
def articles(fashion):
    return data.to_unit(fashion.x_test[:12])


STEPS = {
    "denoise": postprocess.denoise,
    "enhance": postprocess.enhance,
    "stretch_contrast": postprocess.stretch_contrast,
    "upscale": lambda images: postprocess.upscale(images, 2),
}


@pytest.mark.parametrize("step", STEPS)
def test_every_step_gives_intensities_of_type_float32(step, articles):
    changed = STEPS[step](articles)
    size = 56 if step == "upscale" else 28
    assert changed.shape == (12, size, size)
    assert changed.dtype == np.float32
    assert 0 <= changed.min() < changed.max() <= 1


@pytest.mark.parametrize("step", STEPS)
def test_no_step_changes_the_images_it_is_given(step, articles):
    before = articles.copy()
    STEPS[step](articles)
    np.testing.assert_array_equal(articles, before)


@pytest.mark.parametrize("step", STEPS)
def test_images_are_treated_one_by_one(step, articles):
    np.testing.assert_array_equal(STEPS[step](articles)[3], STEPS[step](articles[3:4])[0])


def test_denoising_brings_a_noisy_image_nearer_to_the_clean_one(articles):
    noisy = np.clip(articles + 0.1 * np.random.default_rng(0).standard_normal(articles.shape), 0, 1)
    before, after = (
        metrics.peak_signal_to_noise(articles, images).mean
        for images in (noisy, postprocess.denoise(noisy, weight=0.05))
    )
    # Noise of 0.1, half of it clipped on black, is about 22 dB; the filter gains about 1.5.
    assert 19 < before < 25
    assert after > before + 0.5


def test_more_weight_smooths_more(articles):
    def roughness(images):
        return np.abs(np.diff(images, axis=2)).mean()

    weak, strong = (postprocess.denoise(articles, weight=w) for w in (0.02, 0.3))
    assert roughness(strong) < roughness(weak) < roughness(articles)


def test_enhancing_steepens_edges(articles):
    soft = postprocess.denoise(articles, weight=0.2)
    sharp = postprocess.enhance(soft, amount=2.0)
    assert np.abs(np.diff(sharp, axis=2)).mean() > 1.1 * np.abs(np.diff(soft, axis=2)).mean()


def test_an_amount_of_zero_changes_nothing(articles):
    np.testing.assert_allclose(postprocess.enhance(articles, amount=0), articles, atol=1e-6)


def test_stretching_maps_the_darkest_to_0_and_the_brightest_to_1(articles):
    stretched = postprocess.stretch_contrast(0.3 + 0.2 * articles)
    np.testing.assert_allclose(stretched.min(axis=(1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(stretched.max(axis=(1, 2)), 1, atol=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_a_flat_image_stays_as_it_is(level):
    flat = np.full((1, 8, 8), level, dtype=np.float32)
    np.testing.assert_allclose(postprocess.stretch_contrast(flat), flat)


def test_upscaling_keeps_the_picture(articles):
    large = postprocess.upscale(articles, 4)
    assert large.shape == (12, 112, 112)
    blocks = large.reshape(12, 28, 4, 28, 4).mean(axis=(2, 4))
    # Bicubic weights overshoot at edges, so block means differ a little from the pixels.
    assert np.abs(blocks - articles).mean() < 0.03


def test_a_factor_of_one_changes_nothing(articles):
    np.testing.assert_allclose(postprocess.upscale(articles, 1), articles, atol=1e-6)


@pytest.mark.parametrize("factor", [0, -2])
def test_a_factor_below_one_is_refused(factor, articles, one_sentence):
    with pytest.raises(ValueError, match="factor") as caught:
        postprocess.upscale(articles, factor)
    one_sentence(caught.value, factor, "at least 1")


def test_the_best_come_first():
    images = np.arange(5.0).reshape(5, 1, 1)
    chosen = postprocess.select_best(images, np.array([0.1, 0.9, 0.5, 0.7, 0.0]), keep=3)
    assert chosen.ravel().tolist() == [1, 3, 2]


def test_equal_scores_keep_their_order():
    chosen = postprocess.select_best(np.arange(4.0).reshape(4, 1, 1), np.zeros(4), keep=4)
    assert chosen.ravel().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("keep", [0, 6, -1])
def test_keeping_more_or_less_than_there_is_is_refused(keep, one_sentence):
    with pytest.raises(ValueError, match="keep") as caught:
        postprocess.select_best(np.zeros((5, 1, 1)), np.zeros(5), keep=keep)
    one_sentence(caught.value, keep, "from 1 to 5")


def test_scores_that_are_not_one_an_image_are_refused(one_sentence):
    with pytest.raises(ValueError, match="scores") as caught:
        postprocess.select_best(np.zeros((5, 1, 1)), np.zeros(4), keep=1)
    one_sentence(caught.value, "5 images", "4 scores")


@pytest.mark.parametrize("step", STEPS)
def test_images_with_one_channel_keep_it(step, articles):
    with_channel = STEPS[step](articles[..., None])
    np.testing.assert_array_equal(with_channel[..., 0], STEPS[step](articles))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "shape", [(28, 28), (5, 28, 28, 3), (5, 1, 28, 28), (5, 784), (0, 28, 28), (5, 0, 28), (5,), ()]
)
def test_any_other_shape_is_refused_with_the_shape(step, shape, one_sentence):
    with pytest.raises(ValueError, match="have shape") as caught:
        STEPS[step](np.zeros(shape))
    one_sentence(caught.value, shape, "(N, height, width)")
    assert ("images[None]" in str(caught.value)) == (len(shape) == 2)


@pytest.mark.parametrize("step", STEPS)
def test_grey_levels_are_not_clipped_to_white_in_silence(step, articles):
    with pytest.raises(ValueError, match="to_unit"):
        STEPS[step]((255 * articles).astype(np.uint8))


@pytest.mark.parametrize("factor", [np.nan, 1.5])
def test_a_factor_that_is_no_whole_number_is_refused(factor, articles, one_sentence):
    with pytest.raises(ValueError, match="factor") as caught:
        postprocess.upscale(articles, factor)
    one_sentence(caught.value, factor, "whole number")


@pytest.mark.parametrize("step", STEPS)
def test_a_list_of_images_is_as_good_as_an_array(step, articles):
    np.testing.assert_array_equal(STEPS[step](list(articles[:2])), STEPS[step](articles[:2]))
    with pytest.raises(ValueError, match="different shapes"):
        STEPS[step]([np.zeros((2, 2)), np.zeros((3, 3))])


def test_what_would_fill_the_memory_is_refused_before_it_does(articles, one_sentence):
    with pytest.raises(ValueError, match="pixels") as caught:
        postprocess.upscale(articles, 1000)
    one_sentence(caught.value, "1000", "9,408,000,000", "100,000,000")


def test_scores_that_are_no_numbers_choose_nothing(one_sentence):
    images = np.arange(3.0).reshape(3, 1, 1)
    with pytest.raises(ValueError, match="NaN") as caught:
        postprocess.select_best(images, [0.1, np.nan, 0.2], keep=1)
    one_sentence(caught.value, "Score 1 ")
    assert postprocess.select_best(list(images), [1, 3, 2], keep=1).item() == 1


@pytest.mark.parametrize(
    ("step", "numbers"),
    [
        (postprocess.denoise, {"weight": -1}),
        (postprocess.denoise, {"weight": 0}),
        (postprocess.enhance, {"amount": np.inf}),
        (postprocess.enhance, {"amount": np.nan}),
        (postprocess.enhance, {"radius": -1}),
    ],
)
def test_strengths_that_make_no_sense_are_refused(step, numbers, articles, one_sentence):
    ((name, value),) = numbers.items()
    with pytest.raises(ValueError, match=f"The {name} is") as caught:
        step(articles, **numbers)
    one_sentence(caught.value, value, "not infinite")
