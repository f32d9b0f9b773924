"""The frame of evaluation: claims before measuring, intervals by request, one decision for all."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from scipy import stats

from aigc_apps.evaluation import claims, decide, items, statistics

THEME = {
    "name": "theme",
    "need": "a poem on what was asked",
    "measure": "whether a poem carries its theme",
    "role": "quality",
    "better": "higher",
    "against": "strong_simple",
    "margin": 0.1,
    "deciding": True,
}
FORM = {
    "name": "form",
    "need": "a poem that scans",
    "measure": "whether a poem keeps the form",
    "role": "gate",
    "better": "higher",
    "bound": 0.95,
}
BAD = {**FORM, "name": "bad", "role": "safety", "better": "lower", "bound": 0.05}
ENOUGH = decide.People(statistics.share_interval(90, 100), 0.5)


def claim(fields: dict, **changes) -> claims.Claim:
    return claims.Claim(**fields | changes)


def measured(ours, theirs, form=1.0, requests=100, each=4, seed=0) -> items.Items:
    """Items of requests that differ: shares for two arms, drawn by a seed."""
    rng, found = np.random.default_rng(seed), items.Items()
    for request in map(str, range(requests)):
        shift = rng.normal(0, 0.1)
        for arm, share in (("generated", ours), ("strong_simple", theirs)):
            found.add("theme", arm, request, rng.random(each) < share + shift)
        found.add("form", "generated", request, rng.random(each) < form)
    return found


# ---- claims --------------------------------------------------------------------------


def test_claims_are_read_and_their_hash_knows_each_word(tmp_path):
    path = tmp_path / "claims.yml"
    text = "\n".join(f"- {fields}".replace("True", "true") for fields in (THEME, FORM))
    path.write_text(text, encoding="utf-8")
    read = claims.read_claims(path)
    assert [c.name for c in read] == ["theme", "form"]
    assert [c.decides for c in read] == [True, True]
    assert claims.claims_sha256(read) == claims.claims_sha256(read[:])
    for changes in (
        {"margin": 0.11},
        {"need": "a poem on what was wanted"},
        {"by": "non-inferiority"},
    ):
        changed = (claim(THEME, **changes), read[1])
        assert claims.claims_sha256(changed) != claims.claims_sha256(read)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({**THEME, "against": None}, "without a baseline"),
        ({**THEME, "margin": None}, "without a baseline"),
        ({**FORM, "bound": None}, "gate without a bound"),
        ({**BAD, "bound": None}, "safety without a bound"),
        ({**THEME, "role": "diagnostic"}, "decides nothing"),
        ({**THEME, "against": "nobody"}, "against"),
        ({**THEME, "margin": 0}, "margin"),
        ({**THEME, "name": "Two words"}, "name"),
        ({**THEME, "nothing": 1}, "nothing"),
    ],
)
def test_a_claim_that_could_not_decide_is_refused(fields, words, tmp_path):
    path = tmp_path / "claims.yml"
    path.write_text(f"- {fields}".replace("True", "true").replace("None", "null"), "utf-8")
    with pytest.raises(ValueError, match=words):
        claims.read_claims(path)


def test_two_claims_of_one_name_and_none_that_decides_are_refused(tmp_path, one_sentence):
    path = tmp_path / "claims.yml"
    for fields, words in (
        ([FORM, FORM], "two claims"),
        ([{**THEME, "deciding": False}], "no claim"),
    ):
        text = "\n".join(f"- {one}".replace("False", "false") for one in fields)
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=words) as caught:
            claims.read_claims(path)
        one_sentence(caught.value, path)


# ---- items ---------------------------------------------------------------------------


def test_items_come_back_and_the_same_ones_are_the_same_bytes(tmp_path):
    found = measured(0.6, 0.4, requests=5)
    found.add("theme", "people", "秋夜, 霜", [0.1234567])
    found.write(tmp_path / "a.csv.gz")
    back = items.Items.read(tmp_path / "a.csv.gz")
    assert back.values == found.values
    back.write(tmp_path / "b.csv.gz")
    assert (tmp_path / "a.csv.gz").read_bytes() == (tmp_path / "b.csv.gz").read_bytes()
    first = gzip.decompress((tmp_path / "a.csv.gz").read_bytes()).decode().splitlines()[0]
    assert first == "claim,arm,request,item,value"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no gzip", "damaged"),
        (
            gzip.compress(b"claim,arm,request,item,value\na,generated,r,0,1\n", mtime=0)[:-9],
            "damaged",
        ),
        (gzip.compress(b"\xff\xfe", mtime=0), "damaged"),
        (gzip.compress(b"a,b\n", mtime=0), "does not begin with claim,arm"),
        (gzip.compress(b"claim,arm,request,item,value\na,generated,r,0\n", mtime=0), "Line 2"),
        (
            gzip.compress(b"claim,arm,request,item,value\na,nobody,r,0,1\n", mtime=0),
            "no arm 'nobody'",
        ),
        (gzip.compress(b"claim,arm,request,item,value\na,people,r,0,nan\n", mtime=0), "is nan"),
    ],
)
def test_damaged_items_are_refused(content, words, tmp_path, one_sentence):
    (tmp_path / "x.csv.gz").write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        items.Items.read(tmp_path / "x.csv.gz")
    one_sentence(caught.value, tmp_path / "x.csv.gz")


# ---- statistics ----------------------------------------------------------------------


def test_a_share_is_wilsons_and_exact_where_nothing_failed():
    some = statistics.share_interval(8, 20)
    z = stats.norm.ppf(0.975)
    middle, spread = (8 + z**2 / 2) / (20 + z**2), z / (20 + z**2) * np.sqrt(8 * 12 / 20 + z**2 / 4)
    assert (some.low, some.high) == pytest.approx((middle - spread, middle + spread))
    none = statistics.share_interval(0, 100)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 100))
    assert statistics.share_interval(100, 100).low == pytest.approx(1 - none.high)
    with pytest.raises(ValueError, match="3 of 2 is no share"):
        statistics.share_interval(3, 2)


def test_sixteen_drafts_for_one_request_are_no_sixteen_witnesses():
    rng = np.random.default_rng(0)
    by_request = {str(i): [p] * 16 for i, p in enumerate(rng.random(30))}
    wide = statistics.mean_interval(by_request)
    flat = {f"{name} {j}": [v] for name, values in by_request.items() for j, v in enumerate(values)}
    assert wide.number == 30
    assert wide.half_width > 3.5 * statistics.mean_interval(flat).half_width


def test_intervals_cover_what_is_true_with_few_and_many_items_a_request():
    rng = np.random.default_rng(3)
    for each in (2, 20):
        covered = 0
        for _ in range(400):
            rates = np.clip(rng.normal(0.5, 0.15, 40), 0, 1)
            ours = {str(i): rng.random(each) < p for i, p in enumerate(rates)}
            theirs = {str(i): rng.random(each) < p for i, p in enumerate(rates)}
            found = statistics.mean_interval(statistics.differences(ours, theirs))
            covered += found.low <= 0 <= found.high
        assert 0.92 <= covered / 400 <= 0.98  # 95% within three standard errors of 400 tries


def test_different_requests_are_not_compared(one_sentence):
    with pytest.raises(ValueError, match="answered by one arm only") as caught:
        statistics.differences({"a": [1], "b": [1]}, {"a": [1]})
    one_sentence(caught.value, "'b'")


def test_holm_is_what_its_inventor_says():
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.9, 0.8]) == [1.0, 1.0]


# ---- the decision --------------------------------------------------------------------

CLAIMS = (claim(THEME), claim(FORM))


def test_gold_takes_a_difference_that_matters_and_people():
    strong = measured(0.8, 0.5)
    assert decide.decide(CLAIMS, strong, ENOUGH).answer == "gold"
    unasked = decide.decide(CLAIMS, strong)
    assert (unasked.answer, "aigc judge" in unasked.missing[0]) == ("undecided", True)
    few = decide.People(statistics.share_interval(6, 10), 0.5)
    assert decide.decide(CLAIMS, strong, few).answer == "undecided"
    disliked = decide.People(statistics.share_interval(10, 100), 0.5)
    assert "minutes" in decide.decide(CLAIMS, strong, disliked).missing[0]
    for coins, answer in ((2.0, "ore"), (-2.0, "bubble"), (0.0, "undecided")):
        mended = statistics.Interval(coins, coins - 1, coins + 1, 40, "Student")
        asked = disliked._replace(repaired=mended)
        assert decide.decide(CLAIMS, strong, asked).answer == answer


def test_what_is_no_better_by_what_matters_is_a_bubble():
    for ours in (0.5, 0.3):
        found = decide.decide(CLAIMS, measured(ours, 0.5, requests=400), ENOUGH)
        assert found.answer == "bubble"
        assert "theme" in found.because
        assert "10% matters" in found.because


def test_a_broken_gate_is_unsuitable_however_good_the_rest():
    found = decide.decide(CLAIMS, measured(0.9, 0.5, form=0.7), ENOUGH)
    assert found.answer == "unsuitable"
    assert "form" in found.because
    often = measured(0.9, 0.5)
    for request in often.requests():
        often.add("bad", "generated", request, [float(int(request) % 3 == 0)])
    assert decide.decide((*CLAIMS, claim(BAD)), often, ENOUGH).answer == "unsuitable"


def test_few_requests_decide_nothing_and_it_says_how_many_would():
    found = decide.decide(CLAIMS, measured(0.9, 0.4, requests=12), ENOUGH)
    assert found.answer == "undecided"
    assert "12 requests, and an answer takes at least 20" in found.missing[0]
    more = decide.decide(CLAIMS[:1], measured(0.65, 0.5, requests=40, each=2), ENOUGH)
    assert more.answer == "undecided"
    assert "requests, to see what matters" in more.missing[0]


def test_not_worse_is_shown_by_an_interval_within_the_margin():
    level = (claim(THEME, by="non-inferiority"), claim(FORM))
    assert decide.decide(level, measured(0.5, 0.5, requests=300), ENOUGH).answer == "gold"
    assert decide.decide(level, measured(0.2, 0.5, requests=300), ENOUGH).answer == "bubble"


def test_less_is_better_where_a_claim_says_so():
    fewer = claim(THEME, better="lower")
    assert decide.decide((fewer,), measured(0.2, 0.5), ENOUGH).answer == "gold"
    assert decide.decide((fewer,), measured(0.8, 0.5), ENOUGH).answer == "bubble"


def test_more_data_never_makes_gold_rarer_where_it_is_true_nor_commoner_where_not():
    sizes, tries = (8, 32, 128, 512), 25
    shares = {}
    for ours in (0.5, 0.75):
        shares[ours] = [
            np.mean([
                decide.decide(CLAIMS, measured(ours, 0.5, requests=n, seed=s), ENOUGH).answer == "gold"
                for s in range(tries)
            ])
            for n in sizes
        ]  # fmt: skip
    assert shares[0.5] == [0, 0, 0, 0]
    assert shares[0.75] == sorted(shares[0.75])
    assert shares[0.75][0] == 0  # eight requests decide nothing
    assert shares[0.75][-1] == 1


def test_a_claim_that_was_not_measured_is_named(one_sentence):
    empty = measured(0.8, 0.5)
    empty.values.pop(("theme", "strong_simple"))
    for wanted, word in ((CLAIMS, "strong_simple"), ((claim(FORM, name="other"),), "generated")):
        with pytest.raises(ValueError, match="was not measured") as caught:
            decide.decide(wanted, empty)
        one_sentence(caught.value, word)
