"""How the claims about the poet are measured: on the themes and names of ``trial.yml`` (6.2).

A request is a theme, answered once in each form; its items are the two poems, or all drafts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field

from aigc_apps.contract import Artifact, Scenario
from aigc_apps.evaluation.items import Items
from aigc_apps.evaluation.trials import Answers, Measured, Trial, answer_all, measure_all
from aigc_apps.poetry import measures
from aigc_apps.poetry.corpus import Corpus
from aigc_apps.poetry.make import Poet
from aigc_apps.poetry.measures import Verse
from aigc_apps.poetry.prosody import FORMS, themes
from aigc_apps.poetry.request import PoetryRequest
from aigc_apps.poetry.writing import NUM_CANDIDATES, split_lines

ACROSTICS_IN = "七绝"  # of seven characters: there any tone may begin a line
Asked = dict[str, dict[str, PoetryRequest]]


class PoetryTrial(Trial):
    """What is in ``trial.yml``, besides what every trial has.

    Attributes:
        themes: to write about, each with the characters of which one names it.
        acrostics: first characters that are asked for.
    """

    themes: dict[str, str] = Field(min_length=1)
    acrostics: tuple[str, ...]


def measure_poetry(
    poet: Scenario, number: int, seed: int, say: Callable[[str], Any] | None
) -> Measured:
    """The claims of ``claims.yml``, measured; see `Scenario.measure`."""
    trial = poet.trial
    names = trial.first(list(trial.themes), number)
    keys = {name: trial.themes[name] for name in names if poet.knows(name)}
    asked = {name: {f: poet.ask(theme=name, form=f) for f in FORMS} for name in keys}
    poet.drafts(asked[next(iter(keys))]["五绝"], seed)  # compiled before it is timed
    own, seconds = answer_each(poet.generate, asked, seed, say, "poems")
    counted, _ = answer_each(poet.baseline, asked, seed, say, "poems by counts")

    def chosen(made: Answers) -> dict[str, list[Verse]]:
        return {t: [Verse.made(poem.details, keys[t]) for poem in made[t]] for t in keys}

    arms = {
        "generated": chosen(own),
        "strong_simple": chosen(counted),
        "alternative": {t: [look_up(poet, r, keys[t]) for r in asked[t].values()] for t in keys},
        "people": held_out(poet.corpus, keys),
    }
    items = Items()
    measure_verses(items, arms, poet.corpus)
    for name in names:
        items.add("understood", "generated", name, [name in keys])
    begin = trial.acrostics[:number]
    served = {heads: ask for i, heads in enumerate(begin) if (ask := _served(poet, heads, i))}
    for heads in begin:
        items.add("served", "generated", heads, [heads in served])
    begun, _ = answer_all(poet.generate, served, seed, say, "acrostics")
    for heads, (poem,) in begun.items():
        firsts = ("".join(line[0] for line in split_lines(d)) for d in poem.details["drafts"])
        items.add("acrostic", "generated", heads, [f.startswith(heads) for f in firsts])
    requests = {
        t: {f: r.model_dump(mode="json") for f, r in its.items()} for t, its in asked.items()
    }
    return Measured(
        items=items,
        requests=requests | {heads: r.model_dump(mode="json") for heads, r in served.items()},
        model=poet.writer.name,
        model_sha256=poet.writer.weights_sha256,
        seconds=seconds,
        settings={"drafts": NUM_CANDIDATES, "strong_simple": poet.counting.writer.name},
        training_seconds=poet.writer.training_seconds,
    )


def measure_verses(
    items: Items, arms: Mapping[str, Mapping[str, list[Verse]]], corpus: Corpus
) -> None:
    """Put what is claimed of poems on themes into a table, for each arm that a claim names."""
    together, pairs = corpus.judged_by.coherence, measures.pairs_of(corpus)

    def beside(arm: str) -> dict[str, Mapping[str, list[Verse]]]:
        return {name: arms[name] for name in ("generated", arm) if name in arms}

    for arm, answers in arms.items():
        for theme, verses in answers.items():
            drafts = [(poem, verse.keys) for verse in verses for poem in verse.drafts]
            items.add("form", arm, theme, [measures.keeps_form(poem) for poem, _ in drafts])
            named = [not set(poem).isdisjoint(keys) for poem, keys in drafts]
            items.add("theme", arm, theme, named)
    measure_all(items, "new", arms, lambda verse: min(verse.apart) >= 2)
    lines = {"coherent": "strong_simple", "as_real": "people", "as_found": "alternative"}
    for claim, arm in lines.items():
        measure_all(items, claim, beside(arm), lambda verse: together(verse.lines))
    for claim, arm in {"words": "people", "words_counted": "strong_simple"}.items():
        measure_all(items, claim, beside(arm), lambda verse: measures.attested(verse.text, pairs))
    measure_all(items, "apart", beside("people"), lambda v: sum(v.apart) / len(v.text))


def answer_each(
    make: Callable[[PoetryRequest, int], Artifact], asked: Asked, seed: int, say, word: str
) -> tuple[Answers, list[float]]:
    """Poems by theme, one a form, and the wall seconds of each; see `answer_all`."""
    flat = {f"{theme}, {form}": r for theme, its in asked.items() for form, r in its.items()}
    made, seconds = answer_all(make, flat, seed, say, word)
    return {t: [made[f"{t}, {form}"][0] for form in its] for t, its in asked.items()}, seconds


def look_up(poet: Poet, request: PoetryRequest, keys: str) -> Verse:
    """What is found in the collection; its lines are nobody's own."""
    theme = themes.understand(request.theme, poet.corpus.companions)
    text = poet.look_up(request, theme).text
    return Verse(split_lines(text), keys, [text], [0] * 4)


def held_out(corpus: Corpus, keys: Mapping[str, str]) -> dict[str, list[Verse]]:
    """Real quatrains by each theme's title, else with most of its keys, one a form.

    None stands twice, none was learnt from; that it names the theme is measured like all else.
    """
    left = {form: list(corpus.quatrains(form, "test")) for form in FORMS}
    others = Corpus(corpus.train, corpus.validation, [])
    found: dict[str, list[Verse]] = {theme: [] for theme in keys}
    for theme, its in keys.items():
        for poems in left.values():
            best = max(poems, key=lambda p: (p.title == theme, len(set(p.text) & set(its))))
            poems.remove(best)
            found[theme].append(Verse.real(best.text, its, others))
    return found


def _served(poet: Scenario, heads: str, number: int) -> PoetryRequest | None:
    """The request for an acrostic on one of the themes; None if it is refused."""
    known = [name for name in poet.trial.themes if poet.knows(name)]
    on = known[number % len(known)]
    try:
        poet.mask(ACROSTICS_IN, heads)
    except ValueError:
        return None
    return poet.ask(theme=on, form=ACROSTICS_IN, heads=heads)
