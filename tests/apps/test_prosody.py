"""Tones, rhymes, forms: masks and checker against each other and against famous poems."""

from __future__ import annotations

import random
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_apps.common.texts import content_words
from aigc_apps.poetry import prosody
from aigc_apps.poetry.corpus import load_corpus
from aigc_apps.poetry.prosody import english, themes
from aigc_apps.poetry.prosody.books import read_table
from aigc_utils import data

# Regulated quatrains that every schoolchild in China knows; simplified, without punctuation.
REGULATED = {
    "登鹳雀楼": "白日依山尽 黄河入海流 欲穷千里目 更上一层楼",
    "相思": "红豆生南国 春来发几枝 愿君多采撷 此物最相思",
    "早发白帝城": "朝辞白帝彩云间 千里江陵一日还 两岸猿声啼不住 轻舟已过万重山",
    "枫桥夜泊": "月落乌啼霜满天 江枫渔火对愁眠 姑苏城外寒山寺 夜半钟声到客船",
    "凉州词": "黄河远上白云间 一片孤城万仞山 羌笛何须怨杨柳 春风不度玉门关",
    "芙蓉楼送辛渐": "寒雨连江夜入吴 平明送客楚山孤 洛阳亲友如相问 一片冰心在玉壶",
    "夜上受降城闻笛": "回乐峰前沙似雪 受降城外月如霜 不知何处吹芦管 一夜征人尽望乡",
}
# Old-style quatrains, as famous: they were never meant to keep the rules.
OLD_STYLE = {
    "春晓": "春眠不觉晓 处处闻啼鸟 夜来风雨声 花落知多少",
    "静夜思": "床前明月光 疑是地上霜 举头望明月 低头思故乡",
    "江雪": "千山鸟飞绝 万径人踪灭 孤舟蓑笠翁 独钓寒江雪",
}
LETTERS = sorted(
    {c for poem in (*REGULATED.values(), *OLD_STYLE.values()) for c in poem if c != " "}
    | set("东风同中红空公工通江窗双时诗知枝期微归飞书居鱼如无湖图鸡西低齐街来开回杯真人春新云文"
          "君闻魂门村寒安难看间关山颜天年前边烟萧桥遥朝高刀毛桃歌多河何花家沙霞长香光阳乡庭清明"
          "声城青星灵听蒸冰灯秋流楼愁林深心音南三谈岩帘严添古旧水月日石玉雪落叶客竹木大小不与"
          "草好老远近去上下夜路处事字意志地泪外会爱梦动影静有酒手柳里水起喜雨语")
)  # fmt: skip


@pytest.fixture(scope="module")
def guangyun():
    return prosody.load_book("guangyun")


@pytest.fixture(scope="module")
def pingshui():
    return prosody.load_book("pingshui")


@pytest.mark.parametrize("name", REGULATED)
def test_famous_regulated_poems_pass(name):
    lines = REGULATED[name].split()
    # 凉州词 ends line 3 in 平平仄平仄, which is why the licence is there.
    assert prosody.check_form(lines, licence=True) == []


@pytest.mark.parametrize("name", OLD_STYLE)
def test_famous_poems_of_the_old_style_do_not(name):
    assert prosody.check_form(OLD_STYLE[name].split(), licence=True)


def test_the_licence_is_one_and_must_be_asked_for():
    lines = REGULATED["凉州词"].split()
    assert [f.rule for f in prosody.check_form(lines)] == ["alternation"]
    assert prosody.is_regulated(lines, licence=True)


def test_tones_that_mandarin_has_lost_are_those_of_the_books(guangyun, pingshui):
    entering = "白一入尺国石竹月发合黑福节急答"  # level or rising-falling in Mandarin today
    for book in (guangyun, pingshui):
        assert {c: set(book.tone(c)) for c in entering} == {c: {"仄"} for c in entering}
        assert book.tone("看") == {"平", "仄"}
        assert book.rhyme("东") == {"一東"}
        assert not book.rhyme("冬") & book.rhyme("东")  # the same sound in Mandarin
        assert book.rhyme("斜") & book.rhyme("家")  # no rhyme in Mandarin
        # 听, short for 聽, was once a word of its own in another rhyme: 聽 counts.
        assert book.rhyme("听") == {"九青"}


def test_the_two_books_agree_on_what_both_have(guangyun, pingshui):
    shared = [c for c in LETTERS if guangyun.tone(c) and pingshui.tone(c)]
    assert len(shared) > 200
    assert [c for c in shared if not guangyun.tone(c) & pingshui.tone(c)] == []
    both = prosody.agreed()
    assert all(both.tone(c) <= guangyun.tone(c) for c in LETTERS)


def test_what_rhymes_is_level_and_what_is_level_rhymes():
    # 并 was caught here: oblique as 並, which it stands for, and level as itself.
    for book in (*map(prosody.load_book, prosody.BOOKS), prosody.agreed()):
        assert [c for c in book.tones if book.rhyme(c) and "平" not in book.tone(c)] == []
    for book in map(prosody.load_book, prosody.BOOKS):
        silent = [c for c in book.tones if "平" in book.tone(c) and not book.rhyme(c)]
        assert set(silent) <= set("栘臡")


def test_marks_name_every_case(guangyun):
    assert guangyun.marks("山月看x") == "平仄通？"


def test_every_pattern_obeys_the_rules_that_the_checker_asks():
    # Tones only: a level, an oblique character and the star as either, written as characters.
    for length, patterns in prosody.PATTERNS.items():
        for lines in patterns.values():
            for line in lines:
                assert len(line) == length
                for star in "平仄":
                    tones = line.replace("*", star)
                    assert not tones.endswith("平平平")
                    if tones.endswith("仄平"):
                        assert "平平" in tones[-5:-1]
            evens = [line[1::2].replace("*", "") for line in lines]
            assert all(
                line[1] != other[1] for line, other in zip(lines[::2], lines[1::2], strict=True)
            )
            assert lines[1][1] == lines[2][1]
            assert all("平平" not in e and "仄仄" not in e for e in evens)


def draw_one(mask: prosody.QuatrainMask, rng: random.Random) -> list[str]:
    text = ""
    while len(text) < mask.size:
        text += mask.characters[rng.choice(np.flatnonzero(mask.allowed(text)))]
    return [text[i : i + mask.length] for i in range(0, mask.size, mask.length)]


@pytest.fixture(scope="module", params=prosody.FORMS)
def mask(request):
    return prosody.QuatrainMask(LETTERS, request.param, min_rhymes=6)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32))
def test_whatever_is_drawn_behind_the_masks_passes_the_checker(mask, seed):
    lines = draw_one(mask, random.Random(seed))
    assert prosody.check_form(lines) == []
    other = prosody.load_book("pingshui")
    if all(map(other.tone, "".join(lines))):  # it lacks a few, such as 啼
        assert prosody.check_form(lines, other) == []
    assert prosody.names_of(lines)


def test_what_one_table_lacks_can_still_be_written(guangyun, pingshui):
    for character in "溪啼堤棹":
        assert not pingshui.tone(character)
        assert prosody.agreed().tone(character) == guangyun.tone(character) != frozenset()
        assert prosody.agreed().rhyme(character) == guangyun.rhyme(character)


def test_without_masks_next_to_nothing_passes(mask):
    rng = random.Random(0)
    known = [c for c in LETTERS if prosody.load_book("guangyun").tone(c)]
    poems = [["".join(rng.choices(known, k=mask.length)) for _ in range(4)] for _ in range(300)]
    # Fourteen places and more have a tone that is asked for: one poem in thousands has it.
    assert not any(prosody.is_regulated(lines) for lines in poems)


def test_masks_by_one_book_alone_fail_by_the_other():
    # So the checker is no echo: where the books differ, it says so.
    mask = prosody.QuatrainMask(
        sorted(prosody.load_book("pingshui").tones), "七绝", book=prosody.load_book("pingshui")
    )
    rng = random.Random(1)
    passed = np.mean([prosody.is_regulated(draw_one(mask, rng)) for _ in range(40)])
    assert 0.4 < passed < 0.7  # 22 of 40, with a standard error of 0.08


def test_a_character_with_the_wrong_tone_in_a_decisive_place_is_caught(guangyun):
    single = {t: [c for c in LETTERS if guangyun.tone(c) == {t}] for t in "平仄"}
    rng, caught, number = random.Random(2), 0, 0
    for poem in ("登鹳雀楼", "枫桥夜泊", "芙蓉楼送辛渐", "夜上受降城闻笛"):
        lines = REGULATED[poem].split()
        for row in range(4):
            for place in range(1, len(lines[0]), 2):
                tone = next(iter(guangyun.tone(lines[row][place])))
                if len(guangyun.tone(lines[row][place])) == 2:
                    continue
                wrong = rng.choice(single["仄" if tone == "平" else "平"])
                changed = list(lines)
                changed[row] = lines[row][:place] + wrong + lines[row][place + 1 :]
                number += 1
                caught += bool(prosody.check_form(changed))
    assert number > 30
    assert caught == number


@pytest.mark.parametrize(
    ("line", "text", "rule"),
    [
        (1, "黄河入海月", "ends"),  # line 2 must end level
        (3, "更上一层山", "rhyme"),
        (3, "更上一层流", "rhyme word"),
        (1, "黄河入天流", "alternation"),
        (0, "白日依山x", "unknown"),
        (1, "黄河入海", "length"),
        (3, "欲入山江楼", "three level"),
    ],
)
def test_each_fault_has_its_name(line, text, rule):
    lines = REGULATED["登鹳雀楼"].split()
    lines[line] = text
    assert rule in {f.rule for f in prosody.check_form(lines)}


def test_a_lone_level_tone_is_caught():
    # 仄平仄仄平: the only level tone before the rhyme stands alone.
    lines = ["白日依山尽", "月河入海流", "欲穷千里目", "更上一层楼"]
    assert [f.rule for f in prosody.check_form(lines)] == ["lone level"]


def test_three_lines_are_no_quatrain():
    assert [f.rule for f in prosody.check_form(["白日依山尽"] * 3)] == ["lines"]


def test_first_characters_stand_first_and_nowhere_else():
    mask = prosody.QuatrainMask(LETTERS, "七绝", heads="春江花月", min_rhymes=6)
    for seed in range(10):
        lines = draw_one(mask, random.Random(seed))
        assert "".join(line[0] for line in lines) == "春江花月"
        assert all("".join(lines).count(c) == 1 for c in "春江花月")
        assert prosody.check_form(lines) == []


def test_taken_lines_are_not_written_again():
    heads = "白日"
    free = prosody.QuatrainMask(list("白日依山尽黄河入海流"), "五绝", min_rhymes=1)
    assert free.allowed("白日依山")[free.characters.index("尽")]
    kept = prosody.QuatrainMask(free.characters, "五绝", min_rhymes=1, taken=["白日依山尽"])
    assert not kept.allowed("白日依山")[kept.characters.index("尽")]
    assert kept.allowed(heads)[kept.characters.index("山")]


def test_only_a_character_doubled_at_once_comes_again():
    mask = prosody.QuatrainMask(LETTERS, "七绝", min_rhymes=6)
    allowed = mask.allowed("山")
    assert allowed[LETTERS.index("山")]
    assert not mask.allowed("山月")[LETTERS.index("山")]
    assert not mask.allowed("山山")[LETTERS.index("山")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"form": "六绝"}, "no form '六绝': choose one of 五绝, 七绝"),
        ({"form": "五绝", "pattern": "x"}, "no pattern 'x'"),
        ({"form": "五绝", "heads": "春x"}, "'x' is not one"),
        # Line 2 or 1 of any pattern of five begins with a fixed level tone.
        ({"form": "五绝", "heads": "月月月月"}, "No pattern"),
    ],
)
def test_what_cannot_be_is_said(arguments, words):
    with pytest.raises(ValueError, match=words):
        prosody.QuatrainMask(LETTERS, arguments.pop("form"), **arguments)


def test_one_pattern_can_be_asked_for():
    name = "仄起，首句不入韵"
    mask = prosody.QuatrainMask(LETTERS, "五绝", pattern=name, min_rhymes=6)
    assert all(name in prosody.names_of(draw_one(mask, random.Random(i))) for i in range(10))


def test_verse_shows_which_reading_it_uses():
    book = prosody.RhymeBook(
        "toy", {"甲": frozenset("平仄"), "乙": frozenset("仄"), "丙": frozenset("平")}, {}
    )
    lines = ["乙乙丙丙乙", "丙丙乙乙丙", "丙丙丙乙乙", "乙乙乙丙丙"]
    assert prosody.names_of(lines, book) == ["仄起，首句不入韵"]
    lines[0] = "乙乙甲丙乙"  # 甲 at place three of *仄平平仄: level
    narrow = prosody.narrowed(book, [lines] * 12)
    assert narrow.tone("甲") == {"平"}
    assert prosody.narrowed(book, [lines] * 5).tone("甲") == {"平", "仄"}  # seen too seldom


def test_a_changed_table_is_refused(tmp_path, monkeypatch):
    shutil.copytree(data.data_root() / "prosody", tmp_path / "prosody")
    table = tmp_path / "prosody" / "pingshui.tsv"
    table.write_text(table.read_text(encoding="utf-8").replace("東", "西"), encoding="utf-8")
    monkeypatch.setenv("AIGC_DATA", str(tmp_path))
    prosody.load_book.cache_clear()
    try:
        with pytest.raises(ValueError, match=r"pingshui\.tsv has changed"):
            prosody.load_book("pingshui")
    finally:
        prosody.load_book.cache_clear()
    with pytest.raises(ValueError, match="no rhyme book 'x'"):
        prosody.load_book("x")


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("", ["tables.json is missing", "git"]),
        ("tables.json", ["tables.json is missing", "git"]),
        ("guangyun.tsv", ["guangyun.tsv is missing", "git checkout"]),
        ("cmudict.txt.xz", ["cmudict.txt.xz is missing", "git checkout"]),
    ],
)
def test_a_missing_table_is_named_with_the_cure(data_copy, gone, words, one_sentence):
    for path in (data_copy / "prosody").glob(gone or "*"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="is missing") as caught:
        read_table(gone if gone not in ("", "tables.json") else "pingshui.tsv")
    one_sentence(caught.value, data_copy / "prosody", *words)


def test_a_card_of_tables_that_is_no_card_is_named(data_copy, replace_bytes, one_sentence):
    replace_bytes(data_copy / "prosody" / "tables.json", lambda content: content[:-5])
    with pytest.raises(ValueError, match="is damaged") as caught:
        read_table("pingshui.tsv")
    one_sentence(caught.value, data_copy / "prosody" / "tables.json", "git")


# ---- themes ----------------------------------------------------------------------------------

POEMS = ["秋月霜", "秋月雁", "秋霜雁", "秋月"] * 30 + ["春花鸟", "春花", "春鸟", "花鸟"] * 30


def test_related_characters_are_those_that_keep_company():
    companions = themes.Companions(POEMS)
    assert set(companions.related("秋")) == {"月", "霜", "雁"}
    assert companions.poems_with("秋") == 120
    bits, both = companions.information("秋")
    place = companions.characters.index("月")
    # p(both) / (p p) = (90/240) / (120/240 * 90/240) = 2: one bit.
    assert bits[place] == pytest.approx(1, abs=1e-6)
    assert both[place] == 90
    assert companions.coherence(["秋", "月"]) > companions.coherence(["秋", "花"])


def test_themes_are_understood_in_both_languages_and_scripts():
    companions = themes.Companions(POEMS)
    assert themes.understand("autumn moons", companions).keys == "秋月"
    theme = themes.understand("a 秋 of bytes", companions)
    assert theme.keys == "秋"
    assert theme.ignored == ("a", "of", "bytes")
    assert theme.carried_by("xx秋")
    assert not theme.carried_by("月霜")
    assert not theme.carried_by("月霜雁")  # kindred, and no name of it
    with pytest.raises(ValueError, match="Nothing in the theme 'byte'"):
        themes.understand("byte", companions)


@pytest.fixture(scope="module")
def of_tang():
    return load_corpus().companions


@pytest.mark.parametrize(
    ("theme", "named", "unnamed"),
    [
        ("a ferry", "渡", "船"),
        ("two donkeys", "驴", "马"),
        ("new shoes", "新鞋", "新履"),
        ("homesickness", "乡愁", "愁"),  # neither character says it alone
        ("a widow", "寡妇", "妇"),
        ("weaving", "织", "丝"),
        ("a fly", "蝇", "飞"),
        ("flying", "飞", "蝇"),
        ("wolves", "狼", "犬"),
        ("fireflies", "萤", "火"),
        ("country temples", "国寺", "国鬓"),  # the list's temple, and not those of a head
        ("the news", "信", "新"),
        ("walls", "垣", "城"),
    ],
)
def test_ordinary_english_words_are_named_by_the_dictionary(of_tang, theme, named, unnamed):
    understood = themes.understand(theme, of_tang)
    assert understood.lost == ()
    assert understood.carried_by(named)
    assert not understood.carried_by(unnamed)


@pytest.mark.parametrize("word", ["robes", "cares", "staring", "earrings", "bearing", "wares"])
def test_what_only_looks_like_a_word_of_the_dictionary_is_told(of_tang, word):
    # Not rob, car, star, ear, bear, war.
    understood = themes.understand(f"{word} and the moon", of_tang)
    assert understood.things == ("月",)
    assert understood.lost == (word,)


@pytest.mark.parametrize(
    "words", ["very", "go on doing things", "positive movies", "the television"]
)
def test_what_names_nothing_in_a_poem_is_not_understood(of_tang, words):
    with pytest.raises(ValueError, match="Nothing in the theme"):
        themes.understand(words, of_tang)


def test_each_character_of_an_english_word_is_known_to_the_poems(of_tang):
    words = themes.english_words()
    assert len(words) > 1900
    assert min(of_tang.poems_with(c) for its in words.values() for c in "".join(its)) >= 20
    assert {word for word in words if not content_words(word)} == {"well", "year"}  # the list's
    assert all(themes.understand(word, of_tang).lost == () for word in list(words)[::100])


def test_a_changed_table_of_english_words_is_refused(data_copy, replace_bytes, one_sentence):
    path = data_copy / "english_words" / "words.tsv"
    replace_bytes(path, lambda content: content.replace("驴".encode(), "马".encode()))
    with pytest.raises(ValueError, match="has changed") as caught:
        themes.understand("a donkey", themes.Companions(POEMS))
    one_sentence(caught.value, path, "git checkout")


# ---- English ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "number"),
    [("moon", 1), ("river", 2), ("wanted", 2), ("walked", 1), ("table", 2), ("boxes", 2),
     ("Alice", 2), ("likely", 2), ("isn't", 2), ("curiosity", 5), ("going", 2), ("horses", 2)],
)  # fmt: skip
def test_dictionary_and_rule_count_alike(word, number):
    assert english.dictionary_counts(word) == {number}
    assert english.rule_count(word) == number


def test_rhymes_begin_at_the_last_stressed_vowel():
    assert english.rhymes("moon", "June")
    assert english.rhymes("delight", "night")
    assert not english.rhymes("time", "tide")
    assert not english.rhymes("night", "Night")


def test_a_haiku_is_found_and_its_faults_are_named():
    # Bashō's pond, in words of our own.
    good = ["An old silent pond;", "A frog jumps into the pond.", "The sound of water."]
    assert (
        english.check_haiku(good) == ["line 3: 5 syllables by rule instead of 5"]
        or english.check_haiku(good) == []
    )
    assert english.haiku_in("Well. " + " ".join(good)) == [tuple(good)]
    assert english.check_haiku(good[:2]) == ["2 lines instead of 3"]
    faults = english.check_haiku([good[0], "A frog jumps in.", "Xqzt."])
    assert faults[0] == "line 2: 4 syllables instead of 7"
    assert "Xqzt is not in the dictionary" in faults[-1]


def test_no_haiku_begins_or_ends_in_the_middle_of_a_clause():
    text = "Old: so an old silent pond; a frog jumps into the pond, the sound of water."
    assert english.haiku_in(text) == []
    text = "An old silent pond; a frog jumps into the pond, the sound of water there."
    assert english.haiku_in(text) == []  # it would end in the middle of one
