"""Judging the poet: against real poems, a look-up, a writer without masks, and counts (6.2).

Nothing here is needed to make a poem. `try_poet` lets a poet write, `Trial` holds what was
measured of it item by item, and `decide_poetry` says what the answer hangs on.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel

from aigc_apps.contract import Measure, timed
from aigc_apps.poetry import measures
from aigc_apps.poetry.make import Poet
from aigc_apps.poetry.prosody import FORMS, QuatrainMask
from aigc_apps.poetry.request import STYLES, PoetryRequest
from aigc_apps.poetry.writing import (
    NUM_CANDIDATES,
    CountingWriter,
    Drafts,
    compose_many,
    compose_quatrains,
    split_lines,
)
from aigc_utils.files import read_yaml

COUNTED_ORDER = 3  # of the n-gram that writes behind the same masks
PLAIN_ROUNDS = 4  # sixteens of poems without a theme, for each form
Values = Sequence[float]


class _Said(BaseModel, extra="forbid", frozen=True):
    """What is in trial.yml: the themes to try, and what the verdict says besides numbers."""

    themes: tuple[str, ...]
    verdict: dict[str, Any]


@functools.cache
def _said() -> _Said:
    return read_yaml(Path(__file__).with_name("trial.yml"), _Said)


# ---- what was measured ---------------------------------------------------------------


class Mean(NamedTuple):
    """A mean with its standard error, as if the values had been drawn at random."""

    value: float
    error: float

    @classmethod
    def of(cls, values: Values) -> Mean:
        """Of some values, at least one."""
        return cls(float(np.mean(values)), float(np.std(values)) / math.sqrt(len(values)))


@dataclasses.dataclass(frozen=True)
class Trial:
    """What was measured of a poet: in each list one value an item, a yes or no as 1 or 0.

    Attributes:
        kept: whether a quatrain keeps the form; written on the trial's themes, written by the same
            writer without masks or themes at temperature 1, real held-out ones.
        copied: whether each poem shares a line with a real poem.
        themed: whether each carries its theme; of poems on a theme, of unled ones, of look-ups.
        styled: whether each is taken for the style's poet; of led ones, of unled, of real ones.
        attested: shares of first feet that poets used; of poems without a theme behind masks, of
            an n-gram's behind the same masks, of real ones.
        coherent: bits by which the lines go together (`Companions.coherence`), of the same.
        once: whether each line was written once.
        bits: the writer's bits a character; of its poems behind masks, of its free ones, of real
            ones (one mean a form).
        removed: bits a character that the masks remove from each poem behind them: the mean is an
            estimate of the Kullback-Leibler divergence of the masked writer from the free one.
        seconds: of wall time, for each request for sixteen drafts and the choice of one.
        counter: the n-gram's name.
    """

    kept: tuple[Values, Values, Values]
    copied: Values
    themed: tuple[Values, Values, Values]
    styled: tuple[Values, Values, Values]
    attested: tuple[Values, Values, Values]
    coherent: tuple[Values, Values, Values]
    once: Values
    bits: tuple[Values, Values, Values]
    removed: Values
    seconds: list[float]
    counter: str

    def measures(self) -> tuple[Measure, ...]:
        """All of it in the contract's form."""
        led, unled, looked_up = self.themed
        counter = f"(baseline: {self.counter}, masked)"
        bits = {"unit": "bits a character", "better": "lower", "counted_out": True}
        return (
            _measure(
                "quatrains that keep length, tones and rhyme (baseline: no masks)",
                *self.kept,
                counted_out=True,
            ),
            _measure(
                "poems with a line of a real poem (baseline: look-up)",
                self.copied,
                [1.0],
                better="lower",
            ),
            _measure("poems that carry the theme (baseline: look-up)", led, looked_up),
            _measure("the same, no theme given", unled),
            _measure("poems taken for the poet of the style (baseline: no style)", *self.styled),
            _measure(f"first feet that poets used {counter}", *self.attested),
            _measure(
                f"how much its lines speak of the same {counter}",
                *self.coherent,
                unit="bits a pair",
            ),
            _measure("lines that were written once", self.once, counted_out=True),
            _measure(
                "what the writer thinks of its poems, masked (baseline: no masks)",
                *self.bits,
                **bits,
            ),
            _measure("probability that the masks remove", self.removed, **bits),
        )

    def answer(self) -> Literal["gold", "ore", "bubble"]:
        """See `decide_poetry`."""
        return decide_poetry(
            kept=float(np.mean(self.kept[0])),
            kept_without_masks=float(np.mean(self.kept[1])),
            copied=float(np.mean(self.copied)),
            themed=float(np.mean(self.themed[0])),
            themed_by_chance=float(np.mean(self.themed[1])),
            together=tuple(map(Mean.of, self.coherent)),
        )

    def because(self) -> str:
        """One sentence with the numbers that decide."""
        kept, free_kept, real_kept = (100 * float(np.mean(values)) for values in self.kept)
        own, counted, real = (float(np.mean(bits)) for bits in self.coherent)
        copied, themed = (100 * float(np.mean(a)) for a in (self.copied, self.themed[0]))
        return (
            f"{kept:.0f}% of {len(self.kept[0])} quatrains keep the form "
            f"({free_kept:.0f}% without masks, {real_kept:.0f}% of real ones), "
            f"{copied:.0f}% copy a line and {themed:.0f}% carry the theme, but their lines go "
            f"together by {own:.2f} bits a pair, real ones by {real:.2f} and an n-gram's by "
            f"{counted:.2f}: whether one says anything, a person must judge."
        )


def _measure(
    name: str,
    generated: Values,
    baseline: Values | None = None,
    people: Values | None = None,
    *,
    better: Literal["higher", "lower"] = "higher",
    unit: str = "%",
    counted_out: bool = False,
) -> Measure:
    """The means of some values; shares become percent; no error of what was counted out."""
    scale = 100 if unit == "%" else 1

    def mean(values: Values | None) -> float | None:
        return None if values is None else scale * float(np.mean(values))

    error = scale * float(np.std(generated)) / math.sqrt(len(generated))
    return Measure(
        name=name,
        unit=unit,
        better=better,
        generated=mean(generated),
        standard_error=None if counted_out else error,
        baseline=mean(baseline),
        people=mean(people),
        number=len(generated),
    )


def decide_poetry(
    *,
    kept: float,
    kept_without_masks: float,
    copied: float,
    themed: float,
    themed_by_chance: float,
    together: tuple[Mean, Mean, Mean],
) -> Literal["gold", "ore", "bubble"]:
    """The answer by numbers; nobody was asked whether the poems say anything.

    Gold if form, newness and theme are kept and lines go together as real ones. Bubble if masks
    add nothing, lines are copied, a theme changes nothing, or lines go together no better than
    those of an n-gram.

    Args:
        kept, kept_without_masks: shares of quatrains that keep the form: all must, and without
            masks fewer than 90% may.
        copied: the share of poems with a line of a real one, at most 5%.
        themed, themed_by_chance: shares that carry the theme: of poems that were led by it, and of
            others, of which there must be fewer.
        together: bits by which lines go together: the poet's, an n-gram's and real poems'. The
            poet's must be two standard errors of the difference above the n-gram's, and for gold
            not as far below those of real poems.
    """
    useful = kept == 1 and kept_without_masks < 0.9 and copied <= 0.05
    if not useful or themed <= themed_by_chance:
        return "bubble"
    own, counted, real = together
    if own.value < counted.value + 2 * math.hypot(own.error, counted.error):
        return "bubble"
    return "gold" if own.value >= real.value - 2 * math.hypot(own.error, real.error) else "ore"


def verdict_fields(trial: Trial) -> dict[str, Any]:
    """What a trial says, as the measured fields of a `Verdict`."""
    return {
        "answer": trial.answer(),
        "because": trial.because(),
        "measures": trial.measures(),
        "seconds_each": statistics.median(trial.seconds),
        **_said().verdict,
    }


# ---- trying --------------------------------------------------------------------------


def try_poet(poet: Poet, num_samples: int, seed: int = 0) -> Trial:
    """Let a poet write and measure it.

    Args:
        poet: whose writer and corpus are used.
        num_samples: about how many quatrains, both forms together; at least 1.
        seed: of the drafts.
    """
    rounds = max(1, math.ceil(num_samples / (NUM_CANDIDATES * len(FORMS))))
    plain = min(rounds, PLAIN_ROUNDS)
    poet.drafts(PoetryRequest(theme=_said().themes[0]), seed)  # compiled before it is timed
    free = [compose_many(poet.writer, f, plain, None, seed) for f in FORMS]
    masked = [compose_many(poet.writer, f, plain, poet.mask(f), seed + 1) for f in FORMS]
    counter = _counter(poet, num_samples)
    counted = [_count_on(poet, counter, form, seed) for form in FORMS]
    real = [_held_out(poet, form) for form in FORMS]
    led = [_lead(poet, d, rounds, seed) for d in masked]
    poems = [poem for its in led for poem in its.poems]
    groups = (_poems(masked), _poems(counted), [p for texts in real for p in texts])
    pairs, together = measures.pairs_of(poet.corpus), poet.corpus.companions.coherence
    lines = [line for poem in poems for line in split_lines(poem)]
    times = Counter(lines)
    real_bits = [
        float(measures.bits_of(poet.writer, form, texts[:128]).mean())
        for form, texts in zip(FORMS, real, strict=True)
    ]
    return Trial(
        kept=tuple([measures.keeps_form(p) for p in g] for g in (poems, _poems(free), groups[2])),
        copied=[measures.shares_a_line(p, poet.corpus) for p in poems],
        themed=tuple([v for its in led for v in its.themed[i]] for i in range(3)),
        styled=_try_styles(poet, rounds, seed),
        attested=tuple([measures.attested(p, pairs) for p in group] for group in groups),
        coherent=tuple([together(split_lines(p)) for p in group] for group in groups),
        once=[times[line] == 1 for line in lines],
        bits=(*(np.concatenate([d.bits_each() for d in g]) for g in (masked, free)), real_bits),
        removed=np.concatenate([-d.log_allowed.mean(axis=1) / math.log(2) for d in masked]),
        seconds=[s for its in led for s in its.seconds],
        counter=counter.name,
    )


def _poems(drafts: Sequence[Drafts]) -> list[str]:
    return [poem for some in drafts for poem in some.poems]


class _Led(NamedTuple):
    """What a poet wrote on the trial's themes in one form: see `Trial` for the lists."""

    poems: list[str]
    themed: tuple[list[bool], list[bool], list[bool]]
    seconds: list[float]


def _lead(poet: Poet, unled: Drafts, rounds: int, seed: int) -> _Led:
    """Sixteen drafts on each of so many themes, in the form of some without a theme."""
    led, themes = _Led([], ([], [], []), []), _said().themes
    for i in range(rounds):
        request = PoetryRequest(theme=themes[i % len(themes)], form=unled.form)
        (drafts, theme), drawing = timed(poet.drafts, request, seed + 1000 + i)
        _, choosing = timed(poet.choose, request, drafts, theme)
        led.seconds.append(drawing + choosing)
        led.poems.extend(drafts.poems)
        led.themed[0].extend(theme.carried_by(p) for p in drafts.poems)
        # The same unled poems against each theme, so that some carry one by chance.
        led.themed[1].extend(theme.carried_by(p) for p in unled.poems)
        led.themed[2].append(theme.carried_by(poet.look_up(request, theme).text))
    return led


def _try_styles(poet: Poet, rounds: int, seed: int) -> tuple[list[bool], list[bool], list[bool]]:
    """Whether poems are taken for each style's poet: led ones, unled ones, the poet's own."""
    judge, theme = measures.StyleJudge.learn(poet.corpus, STYLES), _said().themes[0]
    plain, _ = poet.drafts(PoetryRequest(theme=theme), seed + 2000)
    styled = ([], [], [])
    for i, style in enumerate(STYLES[: max(1, min(len(STYLES), rounds))], 1):
        led, _ = poet.drafts(PoetryRequest(theme=theme, style=style), seed + 2000 + i)
        own = [p.text for p in poet.corpus.quatrains("七绝", "test") if p.author == style]
        for group, its in zip(styled, (led.poems, plain.poems, own), strict=True):
            group.extend(judge.guess(p) == style for p in its)
    return styled


def _held_out(poet: Poet, form: str) -> list[str]:
    """The real quatrains that nothing was learnt from, of characters that the writer knows."""
    known = set(poet.writer.characters)
    return [p.text for p in poet.corpus.quatrains(form, "test") if set(p.text) <= known]


def _counter(poet: Poet, num_samples: int) -> CountingWriter:
    learnt = [p.text for form in FORMS for p in poet.corpus.quatrains(form)]
    learnt = learnt[:: max(1, len(learnt) // (40 * num_samples))]  # few for a quick look
    return CountingWriter(learnt, COUNTED_ORDER)


def _count_on(poet: Poet, counter: CountingWriter, form: str, seed: int) -> Drafts:
    """Sixteen quatrains by counts, behind masks like the poet's."""
    mask = QuatrainMask(
        counter.characters, form, book=poet.book, taken=poet.corpus.lines[FORMS[form]]
    )
    return compose_quatrains(counter, form, NUM_CANDIDATES, mask=mask, seed=seed)
