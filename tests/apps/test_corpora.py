"""Collections of texts: rows to train on, and bits a character of what was held out."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_apps.common import corpora, tokens
from aigc_apps.common.rows import END, is_text
from aigc_utils import data

QUATRAINS = (
    "白日依山尽\n黄河入海流\n欲穷千里目\n更上一层楼\n",
    "床前明月光\n疑是地上霜\n举头望明月\n低头思故乡\n",
)


def collection(texts: list[str], tokenizer: tokens.Tokenizer) -> corpora.Collection:
    """One whose parts share no text: training has all but the last, which is validation's."""
    card = data.load_data_card("tang_poems")
    parts = [data.Text("", "", text) for text in texts]
    return corpora.Collection(data.Texts(card, parts[:-1], parts[-1:], []), tokenizer)


def test_verse_stays_whole_and_lies_side_by_side():
    tokenizer = tokens.VerseTokenizer.train(corpora.FORMS, list(QUATRAINS))
    poems = collection([*QUATRAINS, QUATRAINS[0]], tokenizer)
    length = len(tokenizer.encode(QUATRAINS[0])) + 1
    rows = poems.rows("train", 2 * length)
    assert rows.shape == (1, 2 * length)
    assert (rows == END).sum() == 2
    assert len(poems.rows("train", 2 * length - 1)) == 2
    assert len(poems.rows("validation", 2 * length)) == 1
    with pytest.raises(ValueError, match="choose rows of"):
        poems.rows("train", length - 1)


def test_prose_is_cut_where_a_row_is_full():
    tokenizer = tokens.CharacterTokenizer("abc")
    prose = collection(["abcabcabcab", "c"], tokenizer)
    rows = prose.rows("train", 4)
    assert rows.shape == (3, 4)
    assert tokenizer.decode(rows[1]) == "bcab"
    assert rows[2, -1] == END
    assert prose.rows("validation", 4).shape == (1, 4)


def test_verse_gets_the_tokens_that_the_recipe_says_or_is_refused():
    with pytest.raises(ValueError, match="tokens and not 7: change the recipe"):
        corpora.load_collection("tang_poems", 7)


class Fair:
    """A model for which each of 4 tokens is as likely as another, whatever came before."""

    context = 6

    def log_likelihood(self, rows):
        counted = is_text(rows)
        return np.where(counted, -np.log(4.0), 0.0)


@pytest.mark.parametrize("length", [1, 4, 5, 6, 7, 8, 9, 20, 31])
def test_each_token_is_paid_for_once_however_long_the_text(length):
    tokenizer = tokens.CharacterTokenizer("abc")
    text = data.Text("", "", "abc" * length)
    found = corpora.model_bits(Fair(), tokenizer, [text, text])
    # Two bits for each character and for the end.
    assert found.mean == pytest.approx(2 * (3 * length + 1) / (3 * length))
    assert found.standard_error == pytest.approx(0, abs=1e-9)


def test_a_part_that_is_read_again_is_not_paid_for_again():
    """Each token costs by its place in the text: what is summed is each place once."""

    class ByPlace(Fair):
        def log_likelihood(self, rows):
            return np.where(is_text(rows), -np.log(2.0) * rows, 0.0)

    tokenizer = tokens.CharacterTokenizer("abcdefgh")
    texts = [data.Text("", "", "abcdefghgfedcba"), data.Text("", "", "hh")]
    found = corpora.model_bits(ByPlace(), tokenizer, texts)
    paid = [sum(tokenizer.encode(text.text)) + END for text in texts]
    assert found.mean == pytest.approx(sum(paid) / 17)


def test_the_error_is_that_of_a_ratio_of_sums():
    texts = [data.Text("", "", "x" * length) for length in (10, 20, 30)]
    found = corpora.summary(np.array([20.0, 30.0, 100.0]), texts)
    assert found.mean == pytest.approx(2.5)
    # Residuals -5, -20 and 25 over a mean length of 20, by hand.
    spread = np.sqrt((0.25**2 + 1 + 1.25**2) / 2)
    assert found.standard_error == pytest.approx(spread / np.sqrt(3))
    assert str(found) == "2.500 ± 0.661 bits a character"
    assert np.isnan(corpora.summary(np.array([20.0]), texts[:1]).standard_error)


def test_bits_a_character_of_real_prose_are_between_what_is_known_of_english():
    texts = data.load_texts("english_prose")
    known, held_out = texts.train[:20], texts.validation[:3]
    counted = corpora.counts_bits(known, held_out, order=4)
    packed = corpora.compressor_bits(known, held_out)
    # Shannon (1951) guessed 0.6 to 1.3 bits a letter for readers; letters alone need over 4.
    assert 1.5 < counted.mean < packed < 4
    assert 0.005 < counted.standard_error < 0.1
    assert corpora.counts_bits(known, held_out).mean < counted.mean
    # Less was read, so more is new; no byte costs more than its 8 bits.
    assert packed < corpora.compressor_bits(known[:1], held_out) < 8
