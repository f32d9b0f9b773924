"""The language model: causal, exact, the same with and without a cache, and obedient to masks."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aigc_utils
from aigc_apps.common import corpora, sampling, tokens, trained
from aigc_apps.common.language import LanguageModel, RowReader
from aigc_apps.common.ngrams import factor_pairs
from aigc_apps.common.rows import END, pack_texts, whereabouts
from aigc_utils import checkpoints, data, training

pytestmark = pytest.mark.usefixtures("seeded")

ON_JAX = Path(sys.prefix) / "on-jax"
VOCAB, FORMS = 40, (5, 7, 5, 7)


def small(line_lengths=FORMS, **changes) -> LanguageModel:
    arguments = {"context": 32, "width": 16, "num_layers": 2, "num_heads": 4, "dropout": 0.0}
    return LanguageModel(VOCAB, line_lengths=line_lengths, **arguments | changes)


def verses(num_rows: int, seed: int = 0) -> np.ndarray:
    """Rows with a poem of 20 characters, its end, and the beginning of another poem."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(5, VOCAB, (num_rows, 30))
    rows[:, 0], rows[:, 21], rows[:, 22] = 1, END, 2
    return rows.astype(np.int32)


def shaken(model: LanguageModel) -> LanguageModel:
    """The model with weights so large that whatever it attends to shows."""
    rng = np.random.default_rng(1)
    model.set_weights([w + rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def verse_model(started):
    """A model of verse that no test changes: its graphs are made once."""
    aigc_utils.seed_everything(0)
    return shaken(small())


@pytest.fixture(scope="module")
def prose_model(started):
    """As `verse_model`, of prose."""
    aigc_utils.seed_everything(0)
    return shaken(small(line_lengths=()))


# ---- one pass ------------------------------------------------------------------------


def test_a_later_token_changes_no_earlier_logit(verse_model):
    rows = verses(4)
    before = np.asarray(verse_model(rows))
    for place in (1, 9, 21, 29):
        changed = rows.copy()
        changed[:, place] = np.where(rows[:, place] == 7, 8, 7)
        after = np.asarray(verse_model(changed))
        np.testing.assert_array_equal(after[:, : place + 1], before[:, : place + 1])
        if place + 1 < rows.shape[1]:
            assert np.abs(after[:, place + 1 :] - before[:, place + 1 :]).max() > 1e-3


def test_a_text_behind_an_end_is_as_likely_as_alone(verse_model):
    rows = verses(4)
    alone = verse_model.log_likelihood(rows[:, 22:])
    np.testing.assert_allclose(verse_model.log_likelihood(rows)[:, 22:], alone, atol=1e-4)


def test_lines_and_places_are_those_of_the_form(verse_model):
    rows = verses(1)
    begun = np.concatenate([np.zeros((1, 1), np.int32), rows[:, :-1]], axis=1)
    texts, position, line, place = map(np.asarray, whereabouts(begun, verse_model.line_lengths))
    assert texts[0].tolist() == [1] * 22 + [2] * 8
    assert position[0, 22:].tolist() == list(range(8))
    assert line[0, :22].tolist() == [0] + [1] * 5 + [2] * 5 + [3] * 5 + [4] * 5 + [5]
    assert place[0, :11].tolist() == [0, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5]
    # The second poem has lines of seven, whose places come after the five.
    assert place[0, 22:].tolist() == [0, 6, 7, 8, 9, 10, 11, 12]


def test_probabilities_sum_to_one_and_the_likelihood_is_theirs(verse_model):
    rows = verses(3)
    logits = np.asarray(verse_model(rows), np.float64)
    logs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    own = np.take_along_axis(logs, rows[..., None].astype(int), axis=-1)[..., 0]
    np.testing.assert_allclose(verse_model.log_likelihood(rows), own, atol=1e-4)


def test_filling_costs_nothing(verse_model):
    rows = verses(2)
    rows[:, 15:] = END
    likely = verse_model.log_likelihood(rows)
    assert (likely[:, :16] < 0).all()  # the END itself is predicted
    assert (likely[:, 16:] == 0).all()


def test_attention_sums_to_one_and_looks_at_no_other_text(verse_model):
    shares = verse_model.attention(verses(2))
    assert shares.shape == (2, 2, 4, 30, 30)
    np.testing.assert_allclose(shares.sum(axis=-1), 1, atol=1e-5)
    assert np.triu(shares, 1).max() < 1e-8
    assert shares[:, :, :, 22:, :22].max() < 1e-8
    assert shares[:, :, :, 5, 1:5].max() > 0.1


# ---- writing -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["verse", "prose"])
def test_with_a_cache_and_without_it_the_logits_are_the_same(kind, verse_model, prose_model):
    model = verse_model if kind == "verse" else prose_model
    rows = verses(3)[:, :20]
    whole = np.asarray(model(verses(3)))
    reader = RowReader(model, 3)
    for length in (2, 3, 4, 9, 20):  # several tokens at once, and one after another
        found = reader.read(rows[:, :length])
        np.testing.assert_allclose(found, whole[:, length], atol=1e-4)
        np.testing.assert_allclose(model.predict_next(rows[:, :length]), found, atol=1e-4)


def test_greedy_writing_takes_the_likeliest_token_each_time(prose_model):
    made = prose_model.generate(np.full((2, 1), 5), num_tokens=12, temperature=0)
    likeliest = np.asarray(prose_model(made)).argmax(axis=-1)
    for row, wanted in zip(made, likeliest, strict=True):
        end = row.tolist().index(0) + 1 if 0 in row else len(row)
        assert row[1:end].tolist() == wanted[1:end].tolist()


def test_the_same_seed_writes_the_same_and_another_does_not(prose_model):
    start = np.full((4, 1), 5)
    first = prose_model.generate(start, num_tokens=20, seed=1)
    assert first.shape == (4, 21)
    np.testing.assert_array_equal(first, prose_model.generate(start, num_tokens=20, seed=1))
    assert (first != prose_model.generate(start, num_tokens=20, seed=2)).any()


def test_writing_begins_from_nothing_too(prose_model):
    assert prose_model.generate(np.zeros((2, 0), int), num_tokens=3).shape == (2, 3)


def test_prose_may_be_longer_than_the_context_and_verse_may_not(prose_model, verse_model):
    never_end = lambda rows: np.arange(VOCAB)[None].repeat(len(rows), 0) > 0  # noqa: E731
    made = prose_model.generate(np.full((2, 1), 5), num_tokens=80, constrain=never_end)
    assert made.shape == (2, 81)
    assert made.min() > 0
    with pytest.raises(ValueError, match="ask for fewer"):
        verse_model.generate(np.full((2, 1), 1), num_tokens=40)


def test_a_finished_row_is_filled_and_no_longer_constrained(prose_model):
    def only_end_for_the_first(rows):
        allowed = np.ones((len(rows), VOCAB), bool)
        allowed[:, 0] = False
        allowed[0] = np.arange(VOCAB) == 0 if rows.shape[1] == 3 else rows.shape[1] < 3
        return allowed

    made = prose_model.generate(
        np.full((2, 2), 5), num_tokens=6, constrain=only_end_for_the_first, seed=3
    )
    assert made[0, 3:].tolist() == [0] * 5
    assert (made[1, 3:] > 0).all()


@settings(max_examples=15)
@given(seed=st.integers(0, 2**16), temperature=st.sampled_from([0.0, 0.5, 1.0, 20.0]))
def test_constrained_writing_never_leaves_the_mask(verse_model, seed, temperature):
    rng = np.random.default_rng(seed)
    masks = rng.random((30, 3, VOCAB)) < 0.1
    masks[..., 7] |= ~masks.any(axis=-1)
    asked = []

    def constrain(rows):
        asked.append(rows.copy())
        return masks[rows.shape[1]]

    made = verse_model.generate(
        np.full((3, 1), 2),
        num_tokens=12,
        temperature=temperature,
        top_p=0.9,
        constrain=constrain,
        seed=seed,
    )
    for row in range(3):
        for place in range(1, 13):
            assert masks[place, row, made[row, place]]
            if made[row, place] == 0:
                break
    for rows in asked:
        np.testing.assert_array_equal(rows, made[:, : rows.shape[1]])


def test_a_mask_that_allows_nothing_is_refused_with_the_row_and_the_place(
    prose_model, one_sentence
):
    def constrain(rows):
        allowed = np.ones((len(rows), VOCAB), bool)
        allowed[1] = rows.shape[1] < 4
        allowed[:, 0] = False
        return allowed

    with pytest.raises(ValueError, match="allows row 1 no token at place 4") as caught:
        prose_model.generate(np.full((2, 1), 5), num_tokens=9, constrain=constrain)
    one_sentence(caught.value, "row 1", "place 4")


def test_a_mask_of_another_shape_is_refused(prose_model):
    with pytest.raises(ValueError, match="constrain gave shape"):
        prose_model.generate(
            np.full((2, 1), 5), num_tokens=2, constrain=lambda rows: np.ones(VOCAB, bool)
        )


# ---- drawing from a known distribution -----------------------------------------------

KNOWN = np.array([[0.4, 0.1, 0.3, 0.2]])


def test_temperature_sharpens_and_zero_takes_the_likeliest():
    logits = np.log(KNOWN)
    np.testing.assert_allclose(sampling.next_probabilities(logits), KNOWN)
    half = sampling.next_probabilities(logits, temperature=0.5)
    np.testing.assert_allclose(half, KNOWN**2 / (KNOWN**2).sum())
    zero = sampling.next_probabilities(logits, temperature=0)
    np.testing.assert_array_equal(zero, [[1, 0, 0, 0]])


def test_large_logits_of_either_sign_are_no_trouble():
    # exp(900) is infinite, and exp(-900) is 0: only their differences may count.
    for shift in (900, -900):
        found = sampling.next_probabilities(np.array([[0.0, 1.0]]) + shift, temperature=1.0)
        np.testing.assert_allclose(found[0, 1], np.e / (1 + np.e))


def test_top_k_and_nucleus_keep_what_they_should():
    logits = np.log(KNOWN)
    two = sampling.next_probabilities(logits, top_k=2)
    np.testing.assert_allclose(two, [[4 / 7, 0, 3 / 7, 0]])
    # 0.4 + 0.3 reach 0.69 but not 0.71, for which the third is needed.
    np.testing.assert_allclose(sampling.next_probabilities(logits, top_p=0.69), two)
    three = sampling.next_probabilities(logits, top_p=0.71)
    np.testing.assert_allclose(three, [[4 / 9, 0, 3 / 9, 2 / 9]])
    np.testing.assert_allclose(sampling.next_probabilities(logits, top_p=1e-9), [[1, 0, 0, 0]])


def test_the_mask_comes_before_the_nucleus():
    allowed = np.array([[False, True, False, True]])
    found = sampling.next_probabilities(np.log(KNOWN), top_p=0.6, allowed=allowed)
    np.testing.assert_allclose(found, [[0, 0, 0, 1]])


def test_draws_are_as_frequent_as_they_should_be():
    coins = np.random.default_rng(0).random(20_000)
    drawn = sampling.draw(np.repeat(KNOWN, 20_000, axis=0), coins)
    # Four standard errors of a share of at most 0.5 over 20,000 draws.
    np.testing.assert_allclose(np.bincount(drawn) / 20_000, KNOWN[0], atol=0.0142)


def test_what_has_no_chance_is_never_drawn():
    chances = np.array([[0.0, 1.0, 0.0]])
    for coin in (0.0, 0.5, np.nextafter(1, 0)):
        assert sampling.draw(chances, np.array([coin])) == [1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"temperature": -1}, "temperature is -1"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"top_k": 0}, "top_k is 0"),
        ({"top_p": 0}, "top_p is 0"),
        ({"top_p": 1.1}, "top_p is 1.1"),
        ({"num_tokens": 0}, "num_tokens is 0"),
    ],
)
def test_settings_out_of_range_are_refused(prose_model, one_sentence, changes, words):
    with pytest.raises(ValueError, match=words) as caught:
        prose_model.generate(np.full((1, 1), 5), **{"num_tokens": 2} | changes)
    one_sentence(caught.value, "give")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (np.zeros((2, 40), int), "cut them"),
        (np.full((2, 4), VOCAB), "encode with"),
        (np.full((2, 4), -1), "encode with"),
        (np.zeros((2, 4)), "whole numbers"),
        (np.zeros(4, int), "give \\(N, T\\)"),
        (np.zeros((0, 4), int), "give \\(N, T\\)"),
    ],
)
def test_rows_that_are_no_tokens_are_refused(prose_model, rows, words):
    with pytest.raises(ValueError, match=words):
        prose_model.log_likelihood(rows)


@pytest.mark.parametrize("prompt", [np.array([[3, 0, 4]]), np.array([3]), np.zeros((0, 2), int)])
def test_prompts_that_cannot_be_gone_on_with_are_refused(prose_model, prompt):
    with pytest.raises(ValueError, match=r"prompt"):
        prose_model.generate(prompt, num_tokens=2)


@pytest.mark.parametrize(
    "changes", [{"width": 18}, {"num_layers": 0}, {"dropout": 1}, {"line_lengths": (0,)}]
)
def test_a_model_that_cannot_be_is_refused(changes):
    with pytest.raises(ValueError, match=r"give|divisible"):
        small(**changes)


# ---- learning ------------------------------------------------------------------------


def test_adapted_it_predicts_each_tokens_share():
    rows = verses(50)
    model = small(tied=True)
    model.embedding.assign(np.zeros(model.embedding.shape))
    model.adapt(rows)
    found = sampling.next_probabilities(model.predict_next(rows[:1, :3]))[0]
    counts = np.bincount(rows.ravel(), minlength=VOCAB) + 0.5
    np.testing.assert_allclose(found, counts / counts.sum(), rtol=1e-3)


def test_the_factors_of_neighbours_are_their_smoothed_frequencies():
    rng = np.random.default_rng(0)
    table = rng.dirichlet(np.full(VOCAB, 0.1), VOCAB)
    before = rng.integers(0, VOCAB, 20_000)
    after = np.array([rng.choice(VOCAB, p=table[b]) for b in before[:20_000]])
    share = (np.bincount(after, minlength=VOCAB) + 0.5) / (20_000 + VOCAB / 2)
    left, right = factor_pairs(before, after, share, rank=VOCAB - 1, imagined=1.0)
    found = sampling.next_probabilities(left @ right.T + np.log(share))
    counts = np.zeros((VOCAB, VOCAB))
    np.add.at(counts, (before, after), 1)
    wanted = (counts + share) / (counts.sum(axis=1, keepdims=True) + 1)
    assert np.abs(found - wanted).max() < 0.02
    assert np.abs(found - share).max() > 0.3  # which is what knowing nothing would give


def test_sampled_losses_are_near_the_whole_ones():
    model = shaken(small(num_sampled=2000))
    rows = verses(20)
    model.adapt(rows)
    whole = np.asarray(model.token_losses(rows)).mean()
    sampled = np.asarray(model.token_losses(rows, training=True)).mean()
    # 2,000 draws of 40 tokens: each is drawn some 50 times, so their sum is known to a few percent.
    assert sampled == pytest.approx(whole, abs=0.1)
    assert sampled != whole


@pytest.fixture(scope="module")
def poems(started):
    """700 real quatrains as rows, and 60 held-out ones."""
    texts = data.load_texts("tang_poems")
    quatrains = [t for t in texts.train if t.text.count("\n") == 4][:700]
    held_out = texts.test[:60]
    tokenizer = tokens.VerseTokenizer.train(
        corpora.FORMS, [t.text for t in [*quatrains, *held_out]]
    )
    return tokenizer, quatrains, held_out


@pytest.mark.slow
def test_a_tiny_model_learns_more_from_real_poems_than_how_often_characters_are(poems):
    tokenizer, quatrains, held_out = poems
    rows = pack_texts([tokenizer.encode(t.text) for t in quatrains], 60)
    model = LanguageModel(
        tokenizer.vocab_size, context=60, width=32, num_layers=1, num_heads=2,
        line_lengths=tokenizer.line_lengths, dropout=0.1, tied=False,
    )  # fmt: skip
    model.adapt(rows)
    training.train(model, rows, epochs=5, batch_size=16, learning_rate=0.004, progress=False)
    found = corpora.model_bits(model, tokenizer, held_out)
    # What a unigram needs that knows no form, line ends told for nothing.
    unigram = corpora.counts_bits(quatrains, held_out, order=1)
    assert found.mean < unigram.mean - 0.3
    assert 0 < found.standard_error < 0.3


class StopBeforeTheSecondEpoch(keras.callbacks.Callback):
    """Ctrl-C, as far as the training can see."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_an_interrupted_training_goes_on(tmp_path):
    rows = verses(40)

    def run(folder, *callbacks):
        aigc_utils.seed_everything(0)
        model = small(num_layers=1, num_sampled=20, dropout=0.1)
        model.adapt(rows)
        history = training.train(
            model, rows, epochs=2, batch_size=10, resume_dir=tmp_path / folder, progress=False,
            callbacks=callbacks,
        )  # fmt: skip
        return history["loss"], model.get_weights()

    losses, weights = run("whole")
    with pytest.raises(training.TrainingInterrupted):
        run("stopped", StopBeforeTheSecondEpoch())
    resumed_losses, resumed_weights = run("stopped")
    assert resumed_losses == losses
    for resumed, whole in zip(resumed_weights, weights, strict=True):
        np.testing.assert_array_equal(resumed, whole)


def test_it_can_be_built_again_from_its_arguments(verse_model):
    twin = type(verse_model).from_config(verse_model.get_config())
    twin.set_weights(verse_model.get_weights())
    np.testing.assert_array_equal(np.asarray(twin(verses(2))), np.asarray(verse_model(verses(2))))


# ---- the shipped ones ----------------------------------------------------------------

SHIPPED = ("tang_poems", "english_prose")


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_tokenizer_is_the_one_that_the_data_gives(name):
    card, shipped = checkpoints.load_card(name), trained.load_tokenizer(name)
    assert shipped.vocab_size == card.arguments["vocab_size"]
    if name == "tang_poems":  # learning the pieces of prose takes half a minute
        assert (
            corpora.load_collection(name, shipped.vocab_size).tokenizer.to_json()
            == shipped.to_json()
        )


# Bits a character of the first test texts, when the cards were written; the cards have the means
# over all of them.
BITS = {
    "tang_poems": [7.5877, 8.3907, 8.5275, 10.369, 8.9376, 6.0686, 6.4765, 7.2289],
    "english_prose": [1.4131, 1.4536],
}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_needs_for_each_text_what_it_needed(name):
    model, tokenizer = trained.load_language_model(name), trained.load_tokenizer(name)
    for text, wanted in zip(data.load_texts(name).test, BITS[name], strict=False):
        found = corpora.model_bits(model, tokenizer, [text])
        # Another machine adds in another order, which moves the last digits of float32.
        assert found.mean == pytest.approx(wanted, abs=0.002)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_saved_model_has_the_layout_of_the_shipped_file(name, tmp_path):
    model = trained.load_language_model(name)
    path = tmp_path / "model.weights.h5"
    checkpoints.save_weights(model, path)
    shipped = arrays(checkpoints.checkpoint_root() / name / path.name)
    saved = arrays(path)
    assert saved.keys() == shipped.keys()
    for place, array in shipped.items():
        np.testing.assert_array_equal(saved[place], array.astype(np.float32), place)


def arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file of weights, by their places in it."""
    found = {}

    def take(place, item):
        if isinstance(item, h5py.Dataset):
            found[place] = item[...]

    with h5py.File(path) as file:
        file.visititems(take)
    return found


@pytest.mark.parametrize("name", SHIPPED)
def test_a_damaged_tokenizer_is_refused(name, tmp_path):
    shutil.copytree(checkpoints.checkpoint_root() / name, tmp_path / name)
    path = tmp_path / name / "tokens.json"
    path.write_text(path.read_text(encoding="utf-8")[:-1], encoding="utf-8")
    with pytest.raises(ValueError, match="changed or is cut short"):
        trained.load_tokenizer(name, root=tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="missing"):
        trained.load_tokenizer(name, root=tmp_path)


def test_models_of_images_have_no_tokenizer_and_those_of_texts_make_no_images():
    with pytest.raises(ValueError, match="reads no texts"):
        trained.load_tokenizer("vae_fashion_2d")
    with pytest.raises(ValueError, match="writes texts"):
        checkpoints.load_generator("tang_poems")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_models_beat_counts_and_compression_by_a_tenth(name):
    results = checkpoints.load_card(name).results
    others = [v for k, v in results.items() if k.startswith("test_bits_a_character_")]
    assert len(others) == 2
    assert results["test_bits_a_character"] < 0.9 * min(others)


def test_a_written_quatrain_has_the_lines_of_its_form():
    model = trained.load_language_model("tang_poems")
    tokenizer = trained.load_tokenizer("tang_poems")
    for form, length in (("五绝", 5), ("七绝", 7)):
        start = np.full((8, 1), tokenizer.form_token(form))
        made = model.generate(start, num_tokens=4 * length + 1, temperature=0.7, seed=0)
        lines = [tokenizer.decode(row).splitlines() for row in made]
        # Where a poem ends is learnt, not given: nearly all must have learnt it.
        assert sum([len(line) for line in poem] == [length] * 4 for poem in lines) >= 7


# ---- another backend -----------------------------------------------------------------

PROGRAM = """
import json
import aigc_utils
aigc_utils.start(0)
import keras, numpy as np
from aigc_apps.common.language import LanguageModel
from aigc_utils import training

rng = np.random.default_rng(0)
rows = rng.integers(5, 40, (60, 22)).astype("int32")
rows[:, 0], rows[:, 21] = 1, 0
model = LanguageModel(40, context=24, width=16, num_layers=1, num_heads=2,
                             line_lengths=[5, 7], tied=False, num_sampled=10)
model.adapt(rows)
history = training.train(model, rows, epochs=3, batch_size=20, progress=False)
made = model.generate(np.ones((2, 1), int), num_tokens=10, seed=1)
again = np.asarray(model(made))[:, 5]
print(json.dumps({
    "backend": keras.backend.backend(), "loss": history["loss"], "shape": made.shape,
    "cache": float(abs(again - model.predict_next(made[:, :5])).max()),
}))
"""


@pytest.mark.slow
def test_it_learns_and_writes_on_jax(fresh_python):
    if not (ON_JAX / "jax").is_dir():
        pytest.fail(f"JAX is not in {ON_JAX}: `make test` puts it there.")
    done = fresh_python(
        PROGRAM,
        KERAS_BACKEND="jax",
        PYTHONPATH=str(ON_JAX),
        JAX_DISABLE_MOST_OPTIMIZATIONS="1",  # compiling is most of the time, and not ours
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["backend"] == "jax"
    assert found["loss"][-1] < found["loss"][0]
    assert found["shape"] == [2, 11]
    assert found["cache"] < 1e-4
