"""Kneser-Ney counts and the compressor: exact probabilities, and better with more to see."""

from __future__ import annotations

import lzma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_apps.common import ngrams, tokens
from aigc_utils import data

TEXTS = st.lists(st.lists(st.integers(1, 4), max_size=12), min_size=1, max_size=8)


@settings(max_examples=60)
@given(TEXTS, st.integers(1, 5), st.lists(st.integers(1, 4), max_size=6))
def test_probabilities_of_all_tokens_sum_to_one_in_any_context(texts, order, context):
    model = ngrams.KneserNey(texts, 5, order)
    chances = model.next_probabilities(context)
    assert chances.sum() == pytest.approx(1, abs=1e-12)
    assert (chances > 0).all()


@pytest.fixture(scope="module")
def poems():
    texts = data.load_texts("tang_poems")
    train, held_out = texts.train[:3000], texts.test[:200]
    characters = tokens.CharacterTokenizer.train(t.text for t in [*train, *held_out])
    return characters, [[characters.encode(t.text) for t in p] for p in (train, held_out)]


def test_they_sum_to_one_on_real_poems_too(poems):
    characters, (train, held_out) = poems
    model = ngrams.KneserNey(train, characters.vocab_size)
    for text in held_out[:5]:
        for length in (0, 1, 3, 9):
            assert model.next_probabilities(text[:length]).sum() == pytest.approx(1, abs=1e-9)


def by_hand(texts, order, token, context, vocab_size):
    """The same from dictionaries, one string after another, as the paper writes it."""
    padded = [[0] * max(1, order - 1) + list(text) + [0] for text in texts]

    def strings(length):
        for text in padded:
            for end in range(max(1, order - 1), len(text)):
                if end - length + 1 >= 0:
                    yield tuple(text[end - length + 1 : end + 1])

    def counts(length):
        found = {}
        if length == order:
            for string in strings(length):
                found[string] = found.get(string, 0) + 1
        else:
            for string in set(strings(length + 1)):
                found[string[1:]] = found.get(string[1:], 0) + 1
        return found

    def chance(length, context):
        if length == 0:
            return 1 / vocab_size
        table = counts(length)
        discounts = ngrams._discounts(np.array(list(table.values())))
        here = {s: c for s, c in table.items() if s[:-1] == context}
        lower = chance(length - 1, context[1:])
        if not here:
            return lower
        total = sum(here.values())
        free = sum(discounts[min(c, 3)] for c in here.values()) / total
        own = here.get((*context, token), 0)
        return (own - discounts[min(own, 3)]) / total + free * lower

    context = tuple(([0] * order + list(context))[len(context) + 1 :])
    return chance(order, context)


@settings(max_examples=40)
@given(TEXTS, st.integers(1, 4), st.integers(0, 4), st.lists(st.integers(1, 4), max_size=5))
def test_arrays_give_what_the_formula_gives(texts, order, token, context):
    model = ngrams.KneserNey(texts, 5, order)
    wanted = by_hand(texts, order, token, context, 5)
    assert model.next_probabilities(context)[token] == pytest.approx(wanted, rel=1e-9)


def test_a_unigram_without_discounts_to_estimate_is_easy_to_check():
    # Counts 2 (of token 1), 1 (of token 2) and 1 (END); discounts of one half each.
    model = ngrams.KneserNey([[1, 1, 2]], 3, order=1)
    np.testing.assert_allclose(
        model.next_probabilities([]), [0.5 / 4 + 0.125, 1.5 / 4 + 0.125, 0.5 / 4 + 0.125]
    )


def test_bits_of_a_text_are_those_of_its_tokens(poems):
    characters, (train, held_out) = poems
    model = ngrams.KneserNey(train[:500], characters.vocab_size, 3)
    text = held_out[0]
    each = [-np.log2(model.next_probabilities(text[:i])[t]) for i, t in enumerate([*text, 0])]
    assert model.bits([text, text])[1] == pytest.approx(sum(each), rel=1e-9)


def test_what_was_seen_is_likelier_than_what_was_not():
    model = ngrams.KneserNey([[1, 2, 3, 4]] * 5 + [[4, 3, 2, 1]], 5, 3)
    seen, unseen = model.bits([[1, 2, 3, 4], [2, 4, 1, 3]])
    assert seen < unseen / 2


def test_longer_strings_help_on_real_poems(poems):
    characters, (train, held_out) = poems
    length = sum(map(len, held_out))
    one, two = (
        ngrams.KneserNey(train, characters.vocab_size, order).bits(held_out).sum() / length
        for order in (1, 2)
    )
    assert two < one - 0.5


def test_more_texts_help(poems):
    characters, (train, held_out) = poems
    few, many = (
        ngrams.KneserNey(train[:number], characters.vocab_size).bits(held_out).sum()
        for number in (300, 3000)
    )
    assert many < 0.97 * few


@pytest.mark.parametrize(
    ("texts", "order", "words"),
    [
        ([[5]], 3, "give 1 to 4"),
        ([[0]], 3, "give 1 to 4"),
        ([], 3, "no texts"),
        ([[1]], 0, "order"),
    ],
)
def test_what_cannot_be_counted_is_refused(texts, order, words):
    with pytest.raises(ValueError, match=words):
        ngrams.KneserNey(texts, 5, order)


def test_strings_too_long_for_64_bits_are_refused():
    with pytest.raises(ValueError, match="choose a lower order"):
        ngrams.KneserNey([[1, 2]], 2**16, 6).next_probabilities([1])


# ---- the compressor ------------------------------------------------------------------


def test_xz_needs_little_for_what_it_has_read():
    text = "".join(t.text for t in data.load_texts("tang_poems").test[:100])
    again, new = ngrams.xz_bits(text, text), ngrams.xz_bits("", text)
    assert 0 < again < 0.1 * new


def test_xz_alone_is_what_the_format_gives():
    text = "".join(t.text for t in data.load_texts("english_prose").test[:2])
    whole = 8 * len(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
    # The container of an .xz file adds some 64 bytes to the raw stream.
    assert whole - 8 * 100 < ngrams.xz_bits("", text) < whole
