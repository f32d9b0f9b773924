"""Tokenizers: whatever is encoded comes back exactly, and pieces are joined as they should be."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_apps.common import corpora, tokens
from aigc_apps.common.rows import cut_texts, pack_texts
from aigc_utils import data

QUATRAIN = "白日依山尽\n黄河入海流\n欲穷千里目\n更上一层楼\n"


@pytest.fixture(scope="module")
def prose():
    return [text.text for text in data.load_texts("english_prose").train[:12]]


@pytest.fixture(scope="module")
def byte_pairs(prose):
    return tokens.BytePairTokenizer.train(prose, 400)


# ---- characters ----------------------------------------------------------------------


@given(st.text())
def test_characters_come_back(text):
    tokenizer = tokens.CharacterTokenizer.train([text])
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert 0 not in tokenizer.encode(text)


def test_frequent_characters_come_first():
    assert tokens.CharacterTokenizer.train(["abbccc"]).characters == "cba"


def test_an_unknown_character_is_refused(one_sentence):
    with pytest.raises(ValueError, match="'x'") as caught:
        tokens.CharacterTokenizer("abc").encode("abx")
    one_sentence(caught.value, "'x'", "leave it out")


def test_what_follows_an_end_is_not_read():
    assert tokens.CharacterTokenizer("abc").decode([1, 2, 0, 3]) == "ab"


@pytest.mark.parametrize("wrong", [[4], [-1], [1, 99]])
def test_a_number_that_is_no_token_is_refused(wrong):
    with pytest.raises(ValueError, match="there are only 0 to 3"):
        tokens.CharacterTokenizer("abc").decode(wrong)


def test_a_character_that_is_there_twice_is_refused():
    with pytest.raises(ValueError, match="'a' is there twice"):
        tokens.CharacterTokenizer("aba")


# ---- verse ---------------------------------------------------------------------------


def test_a_quatrain_is_its_form_and_its_characters():
    tokenizer = tokens.VerseTokenizer.train(corpora.FORMS, [QUATRAIN])
    found = tokenizer.encode(QUATRAIN)
    assert len(found) == 21
    assert found[0] == tokenizer.form_token("五绝") == 1
    assert tokenizer.decode([*found, 0, 0]) == QUATRAIN
    assert found[1] == tokenizer.token("白")
    assert tokenizer.token("x") is None


def test_every_poem_of_the_collection_comes_back():
    texts = data.load_texts("tang_poems")
    poems = [text.text for part in (texts.train, texts.validation, texts.test) for text in part]
    tokenizer = tokens.VerseTokenizer.train(corpora.FORMS, poems)
    for poem in poems:
        assert tokenizer.decode(tokenizer.encode(poem)) == poem


def test_an_unfinished_line_has_no_line_end():
    tokenizer = tokens.VerseTokenizer.train(corpora.FORMS, [QUATRAIN])
    assert tokenizer.decode(tokenizer.encode(QUATRAIN)[:8]) == "白日依山尽\n黄河"
    assert tokenizer.decode([]) == ""


@pytest.mark.parametrize(
    "poem", ["白日依山尽\n", "白日依山\n黄河入海\n欲穷千里\n更上一层\n", QUATRAIN[:-2] + "\n", ""]
)
def test_another_form_is_refused_with_the_known_ones(poem, one_sentence):
    tokenizer = tokens.VerseTokenizer.train(corpora.FORMS, [QUATRAIN])
    with pytest.raises(ValueError, match="a form that is not known") as caught:
        tokenizer.encode(poem)
    one_sentence(caught.value, "五绝", "choose one of")


@pytest.mark.parametrize("wrong", [[7, 8], [1, 1], [1, 9, 2]])
def test_tokens_that_are_no_poem_are_refused(wrong):
    tokenizer = tokens.VerseTokenizer.train(corpora.FORMS, [QUATRAIN])
    with pytest.raises(ValueError, match="no poem"):
        tokenizer.decode(wrong)


# ---- byte pairs ----------------------------------------------------------------------


@settings(max_examples=200)
@given(st.text())
def test_any_text_comes_back(byte_pairs, text):
    assert byte_pairs.decode(byte_pairs.encode(text)) == text


@given(st.text(alphabet=" \n\t\u3000ab,.'_1é"))
def test_pieces_leave_nothing_out(text):
    assert "".join(tokens.PIECES.findall(text)) == text


def test_the_whole_collection_comes_back(byte_pairs):
    for text in data.load_texts("english_prose").test:
        assert byte_pairs.decode(byte_pairs.encode(text.text)) == text.text


def test_the_most_frequent_pair_is_joined_first():
    # "lo" is there 9 times, "ow" 7 times, "er" 4 times.
    texts = ["low"] * 5 + ["lower"] * 2 + ["lo"] * 2 + ["er"] * 2
    tokenizer = tokens.BytePairTokenizer.train(texts, 259)
    low = [ord(c) + 1 for c in "low"]
    assert tokenizer.merges[0] == (low[0], low[1])
    assert tokenizer.merges[1] == (257, low[2])
    assert tokenizer.encode("low") == [258]
    assert tokenizer.pieces[258] == b"low"


def test_incremental_counts_are_those_of_counting_anew(prose):
    """The tokenizer keeps counts of pairs up to date; here each merge is found from nothing."""
    text = prose[0][:3000]
    tokenizer = tokens.BytePairTokenizer.train([text], 300)
    words = [[b + 1 for b in word.encode()] for word in re.findall(tokens.PIECES, text)]
    for number, merge in enumerate(tokenizer.merges):
        counts = {}
        for word in words:
            for pair in pairwise(word):
                counts[pair] = counts.get(pair, 0) + 1
        assert merge == max(counts, key=lambda pair: (counts[pair], pair))
        words = [tokens.join_pair(word, merge, 257 + number) for word in words]
    assert [t for word in words for t in word] == tokenizer.encode(text)


def test_more_pieces_make_shorter_texts(prose, byte_pairs):
    bigger = tokens.BytePairTokenizer.train(prose, 800)
    text = prose[3]
    assert len(bigger.encode(text)) < len(byte_pairs.encode(text)) < len(text)


def test_bytes_that_are_no_text_are_shown_as_such(byte_pairs):
    assert byte_pairs.decode([0xE7 + 1]) == "\ufffd"


def test_too_few_tokens_are_refused():
    with pytest.raises(ValueError, match="at least 257"):
        tokens.BytePairTokenizer.train(["a"], 100)


# ---- files ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["characters", "verse", "byte_pairs"])
def test_a_saved_tokenizer_reads_the_same(tmp_path, kind, byte_pairs):
    tokenizer = {
        "characters": tokens.CharacterTokenizer.train([QUATRAIN]),
        "verse": tokens.VerseTokenizer.train(corpora.FORMS, [QUATRAIN]),
        "byte_pairs": byte_pairs,
    }[kind]
    tokens.save_tokenizer(tokenizer, tmp_path / "tokens.json")
    loaded = tokens.read_tokenizer(tmp_path / "tokens.json")
    assert loaded.to_json() == tokenizer.to_json()
    assert loaded.encode(QUATRAIN) == tokenizer.encode(QUATRAIN)
    assert loaded.vocab_size == tokenizer.vocab_size


@pytest.mark.parametrize("content", ["", "{", "{}", '{"kind": "verse"}', '{"kind": "words"}'])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "tokens.json").write_text(content)
    with pytest.raises(ValueError, match="restore"):
        tokens.read_tokenizer(tmp_path / "tokens.json")


def test_a_file_runs_nothing_and_is_plain_text(tmp_path, byte_pairs):
    tokens.save_tokenizer(byte_pairs, tmp_path / "tokens.json")
    assert json.loads((tmp_path / "tokens.json").read_text())["kind"] == "byte_pairs"


# ---- rows ----------------------------------------------------------------------------


@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=9), min_size=1))
def test_packed_rows_hold_every_text_once(texts):
    rows = pack_texts(texts, 10)
    found = [
        [int(t) for t in part]
        for row in rows
        for part in np.split(row, np.flatnonzero(row == 0) + 1)
    ]
    assert sorted(part[:-1] for part in found if len(part) > 1) == sorted(texts)


def test_a_text_that_fits_no_row_is_refused():
    with pytest.raises(ValueError, match="choose rows of 6 or more"):
        pack_texts([[1] * 5], 5)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.integers(1, 8))
def test_windows_cover_a_text_to_its_end(text, step):
    rows = cut_texts([text], 8, step)
    assert rows[0, 0] == text[0]
    assert sum(0 in row for row in rows) >= 1
    whole = [*text, 0]
    last = rows[-1][: len(whole)].tolist()
    assert last == whole[-8:]
