"""How good the poet is: against real poems, a look-up, a writer without masks, and counts."""

from __future__ import annotations

import dataclasses
import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from aigc_apps.contract import Measure
from aigc_apps.poetry import prosody, writing
from aigc_apps.poetry.writing import NUM_CANDIDATES, Drafts, Writer

if TYPE_CHECKING:
    from aigc_apps.poetry import Poetry
    from aigc_apps.poetry.corpus import Corpus

COUNTED_ORDER = 3  # of the n-gram that writes behind the same masks
PLAIN_ROUNDS = 4  # sixteens of poems without a theme, for each form


def split_lines(poem: str) -> list[str]:
    """Four lines of a quatrain's characters."""
    length = len(poem) // 4
    return [poem[i : i + length] for i in range(0, 4 * length, length)]


def keeps_form(poem: str) -> bool:
    """Whether a quatrain is regulated, by the independent checker and the Guangyun."""
    return prosody.is_regulated(split_lines(poem))


def shares_a_line(poem: str, corpus: Corpus) -> bool:
    """Whether one of the lines is a line of a real poem."""
    known = corpus.lines[len(poem) // 4]
    return any(line in known for line in split_lines(poem))


def first_feet(poem: str) -> list[str]:
    """The pairs of characters that the rhythm keeps together, but for the line's last three."""
    return [line[i : i + 2] for line in split_lines(poem) for i in range(0, len(line) - 3, 2)]


def attested(poem: str, pairs: set[str]) -> float:
    """The share of a poem's first feet that real poets used side by side."""
    feet = first_feet(poem)
    return sum(foot in pairs for foot in feet) / len(feet)


def pairs_of(corpus: Corpus) -> set[str]:
    """All pairs of neighbours in the lines that were learnt from."""
    return {
        line[i : i + 2]
        for poem in corpus.train
        for line in poem.lines
        for i in range(len(line) - 1)
    }


def bits_of(writer: Writer, form: str, poems: Sequence[str]) -> np.ndarray:
    """-log2 p a character of whole poems by a writer, shape (len(poems),).

    Args:
        writer: whose probabilities; all characters of the poems must be its own.
        form: of the poems.
        poems: characters, lines one after another.
    """
    if isinstance(writer, writing.TransformerWriter):
        return writer.bits(form, poems)  # all places at once
    number = {c: i for i, c in enumerate(writer.characters) if c}
    total, size = np.zeros(len(poems)), 4 * prosody.FORMS[form]
    for place in range(size):
        logs = writer.log_probabilities(form, [p[:place] for p in poems])
        total -= logs[np.arange(len(poems)), [number[p[place]] for p in poems]]
    return total / size / math.log(2)


@dataclasses.dataclass(frozen=True)
class StyleJudge:
    """Which of some poets a poem is by, by its characters alone (naive Bayes).

    Attributes:
        poets: their names.
        logs: for each, log p of each character.
    """

    poets: tuple[str, ...]
    logs: tuple[dict[str, float], ...]

    @classmethod
    def learn(cls, corpus: Corpus, poets: Sequence[str]) -> StyleJudge:
        """Count each poet's characters in the poems that were learnt from."""
        every = Counter(c for p in corpus.train for c in p.text)
        number = every.total()
        logs = []
        for poet in poets:
            own = Counter(c for p in corpus.train if p.author == poet for c in p.text)
            num_own = own.total()
            logs.append(
                {
                    c: math.log((own[c] + 5000 * k / number) / (num_own + 5000))
                    for c, k in every.items()
                }
            )
        return cls(tuple(poets), tuple(logs))

    def guess(self, poem: str) -> str:
        """The poet under whom a poem is likeliest."""
        scores = [sum(logs.get(c, -12.0) for c in poem) for logs in self.logs]
        return self.poets[int(np.argmax(scores))]


@dataclasses.dataclass(frozen=True)
class Trial:
    """What was measured of a poet.

    Attributes:
        poems: by form, what it wrote on the trial's themes.
        free: by form, the same writer without masks or themes, at temperature 1.
        masked: by form, behind masks, without themes, at temperature 1.
        counted: by form, an n-gram behind the same masks.
        real: by form, held-out poems.
        themed: whether each poem carries its theme; of `poems`, of unled ones, of look-ups.
        styled: whether each poem led by a style is taken for that poet's; of led ones, unled, real.
        copied: whether each shares a line with a real poem.
        attested: shares of first feet that poets used: of `masked`, `counted`, `real`.
        coherent: bits by which the lines go together (`Companions.coherence`), of the same.
        real_bits: bits a character of held-out poems, by form.
        seconds: of each request for sixteen drafts.
        names: of the writers.
    """

    poems: dict[str, list[str]]
    free: dict[str, Drafts]
    masked: dict[str, Drafts]
    counted: dict[str, Drafts]
    real: dict[str, list[str]]
    themed: tuple[list[bool], list[bool], list[bool]]
    styled: tuple[list[bool], list[bool], list[bool]]
    copied: list[bool]
    attested: tuple[list[float], list[float], list[float]]
    coherent: tuple[list[float], list[float], list[float]]
    real_bits: dict[str, float]
    seconds: list[float]
    names: tuple[str, str]

    @property
    def all_poems(self) -> list[str]:
        """What it wrote, both forms."""
        return [p for poems in self.poems.values() for p in poems]

    def form_kept(self) -> tuple[float, float, float]:
        """Shares that keep the form: written, written without masks, real."""
        free = [p for d in self.free.values() for p in d.poems]
        real = [p for poems in self.real.values() for p in poems]
        return tuple(
            float(np.mean([keeps_form(p) for p in g])) for g in (self.all_poems, free, real)
        )

    def price(self) -> tuple[float, float, float]:
        """Bits a character, at temperature 1: free poems, masked poems, and what masks remove.

        The last is the Kullback-Leibler divergence of the masked writer from the free one,
        estimated on the masked one's poems.
        """
        free = np.concatenate([d.bits_each() for d in self.free.values()])
        masked = np.concatenate([d.bits_each() for d in self.masked.values()])
        removed = np.concatenate(
            [-d.log_allowed.mean(axis=1) / math.log(2) for d in self.masked.values()]
        )
        return float(free.mean()), float(masked.mean()), float(removed.mean())

    def distinct_lines(self) -> float:
        """The share of all lines that were written once."""
        counts = Counter(line for p in self.all_poems for line in split_lines(p))
        return sum(k == 1 for k in counts.values()) / sum(counts.values())

    def measures(self) -> tuple[Measure, ...]:
        """All of it in the contract's form."""
        kept, free_kept, real_kept = self.form_kept()
        free_bits, masked_bits, removed = self.price()
        number, n_masked = len(self.all_poems), sum(len(d.poems) for d in self.masked.values())

        def share(name: str, better: str, values, baseline=None, people=None) -> Measure:
            p = float(np.mean(values))
            return Measure(
                name=name,
                unit="%",
                better=better,
                generated=100 * p,
                standard_error=100 * float(np.std(values)) / math.sqrt(len(values)),
                baseline=None if baseline is None else 100 * float(np.mean(baseline)),
                people=None if people is None else 100 * float(np.mean(people)),
                number=len(values),
            )

        return (
            Measure(
                name="quatrains that keep length, tones and rhyme (baseline: no masks)",
                unit="%",
                better="higher",
                generated=100 * kept,
                baseline=100 * free_kept,
                people=100 * real_kept,
                number=number,
            ),
            share("poems with a line of a real poem (baseline: look-up)", "lower",
                  self.copied, [1.0]),
            share("poems that carry the theme (baseline: look-up)", "higher",
                  self.themed[0], self.themed[2]),
            share("the same, no theme given", "higher", self.themed[1]),
            share("poems taken for the poet of the style (baseline: no style)", "higher",
                  self.styled[0], self.styled[1], self.styled[2]),
            share(f"first feet that poets used (baseline: {self.names[1]}, masked)", "higher",
                  self.attested[0], self.attested[1], self.attested[2]),
            Measure(
                name=f"how much its lines speak of the same (baseline: {self.names[1]}, masked)",
                unit="bits a pair",
                better="higher",
                generated=float(np.mean(self.coherent[0])),
                standard_error=float(np.std(self.coherent[0]) / math.sqrt(len(self.coherent[0]))),
                baseline=float(np.mean(self.coherent[1])),
                people=float(np.mean(self.coherent[2])),
                number=len(self.coherent[0]),
            ),
            Measure(
                name="lines that were written once",
                unit="%",
                better="higher",
                generated=100 * self.distinct_lines(),
                number=4 * number,
            ),
            Measure(
                name="what the writer thinks of its poems, masked (baseline: no masks)",
                unit="bits a character",
                better="lower",
                generated=masked_bits,
                baseline=free_bits,
                people=float(np.mean(list(self.real_bits.values()))),
                number=n_masked,
            ),
            Measure(
                name="probability that the masks remove",
                unit="bits a character",
                better="lower",
                generated=removed,
                number=n_masked,
            ),
        )  # fmt: skip

    def answer(self) -> str:
        """By numbers: gold if form, newness and theme are kept and lines go together as real ones.

        Bubble if masks add nothing, lines are copied, a theme changes nothing, or lines go together
        no better than those of an n-gram.
        """
        kept, free_kept, _ = self.form_kept()
        useful = kept == 1 and free_kept < 0.9 and np.mean(self.copied) <= 0.05
        if not useful or np.mean(self.themed[0]) <= np.mean(self.themed[1]):
            return "bubble"
        own, counted, real = (float(np.mean(bits)) for bits in self.coherent)
        errors = [float(np.std(bits)) / math.sqrt(len(bits)) for bits in self.coherent]
        if own < counted + 2 * math.hypot(errors[0], errors[1]):
            return "bubble"
        return "gold" if own >= real - 2 * math.hypot(errors[0], errors[2]) else "ore"

    def because(self) -> str:
        """One sentence with the numbers that decide."""
        kept, free_kept, real_kept = self.form_kept()
        own, counted, real = (float(np.mean(bits)) for bits in self.coherent)
        copied, themed = (100 * float(np.mean(a)) for a in (self.copied, self.themed[0]))
        return (
            f"{100 * kept:.0f}% of {len(self.all_poems)} quatrains keep the form "
            f"({100 * free_kept:.0f}% without masks, {100 * real_kept:.0f}% of real ones), "
            f"{copied:.0f}% copy a line and {themed:.0f}% carry the theme, but their lines go "
            f"together by {own:.2f} bits a pair, real ones by {real:.2f} and an n-gram's by "
            f"{counted:.2f}: whether one says anything, a person must judge."
        )


def run(
    poet: Poetry,
    num_samples: int,
    seed: int,
    trial_themes: Sequence[str],
    styles: Sequence[str],
) -> Trial:
    """Let a poet write and measure it.

    Args:
        poet: the scenario.
        num_samples: about how many quatrains, both forms together.
        seed: of the drafts.
        trial_themes, styles: what is asked for, in turn.
    """
    corpus, forms = poet.corpus, list(prosody.FORMS)
    rounds = max(1, math.ceil(num_samples / (NUM_CANDIDATES * len(forms))))
    poems = {form: [] for form in forms}
    copied, seconds = [], []
    themed, styled = ([], [], []), ([], [], [])
    judge = StyleJudge.learn(corpus, styles)
    known_by = {form: set(poet.writer.characters) for form in forms}
    real = {
        form: [p for p in corpus.quatrains(form, "test") if set(p.text) <= known_by[form]]
        for form in forms
    }
    poet.drafts(poet.ask(theme=trial_themes[0]), seed)  # compiled before it is timed
    free, masked = {}, {}
    for form in forms:
        mask = poet.mask(form)
        free[form] = compose_many(poet.writer, form, min(rounds, PLAIN_ROUNDS), None, seed)
        masked[form] = compose_many(poet.writer, form, min(rounds, PLAIN_ROUNDS), mask, seed + 1)
        for i in range(rounds):
            request = poet.ask(theme=trial_themes[i % len(trial_themes)], form=form)
            start = time.perf_counter()
            drafts, theme = poet.drafts(request, seed + 1000 + i)
            poet.choose(request, drafts, theme, seed + 1000 + i)
            seconds.append(time.perf_counter() - start)
            poems[form] += drafts.poems
            copied += [shares_a_line(p, corpus) for p in drafts.poems]
            themed[0].extend(theme.carried_by(p) for p in drafts.poems)
            # The same unled poems against each theme, so that some carry one by chance.
            themed[1].extend(theme.carried_by(p) for p in masked[form].poems)
            themed[2].append(theme.carried_by("".join(poet.baseline(request).details["poems"][0])))
    plain, _ = poet.drafts(poet.ask(theme=trial_themes[0]), seed + 2000)
    for i, style in enumerate(styles[: max(1, min(len(styles), rounds))], 1):
        led, _ = poet.drafts(poet.ask(theme=trial_themes[0], style=style), seed + 2000 + i)
        own = [p for p in corpus.quatrains("七绝", "test") if p.author == style]
        for group, its in zip(styled, (led.poems, plain.poems, [p.text for p in own]), strict=True):
            group.extend(judge.guess(p) == style for p in its)
    learnt = [p.text for form in forms for p in corpus.quatrains(form)]
    learnt = learnt[:: max(1, len(learnt) // (40 * num_samples))]  # few for a quick look
    counter = writing.CountingWriter(learnt, COUNTED_ORDER)
    counted = {form: _counted(poet, counter, form, seed) for form in forms}
    pairs = pairs_of(corpus)
    real_bits = {
        form: float(bits_of(poet.writer, form, [p.text for p in real[form][:128]]).mean())
        for form in forms
    }
    texts = {form: [p.text for p in real[form]] for form in forms}
    written = [[p for d in group.values() for p in d.poems] for group in (masked, counted)]
    groups = [*written, [p for its in texts.values() for p in its]]
    feet = tuple([attested(p, pairs) for p in group] for group in groups)
    together = corpus.companions.coherence
    coherent = tuple([together(split_lines(p)) for p in group] for group in groups)
    return Trial(poems, free, masked, counted, texts, themed, styled, copied, feet, coherent,
                 real_bits, seconds, (poet.writer.name, counter.name))  # fmt: skip


def compose_many(
    writer: Writer,
    form: str,
    rounds: int,
    mask: prosody.QuatrainMask | None = None,
    seed: int = 0,
) -> Drafts:
    """So many sixteens of drafts at temperature 1, as one; see `writing.compose`."""
    parts = [
        writing.compose(writer, form, NUM_CANDIDATES, mask=mask, seed=seed + 7919 * i)
        for i in range(rounds)
    ]
    return Drafts(
        form,
        [p for part in parts for p in part.poems],
        np.concatenate([part.log_chosen for part in parts]),
        np.concatenate([part.log_allowed for part in parts]),
    )


def _counted(poet: Poetry, counter: Writer, form: str, seed: int) -> Drafts:
    mask = prosody.QuatrainMask(
        counter.characters, form, book=poet.book, taken=poet.corpus.lines[prosody.FORMS[form]]
    )
    return writing.compose(counter, form, NUM_CANDIDATES, mask=mask, seed=seed)
