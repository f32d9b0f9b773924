"""Stories without a model: sentences with gaps, drawn by lot. The baseline."""

from __future__ import annotations

import numpy as np

from aigc_apps.common import texts
from aigc_apps.stories.plan import Chapter, ChapterPlan, Plan

HEROES = ("Mara", "Ines", "Clara", "Lucy", "Ruth", "Edith", "Hanna", "Nora", "Greta", "Alma")
OPENINGS = {
    "adventure": (
        "{hero} had packed before dawn, for this was to be a story of {theme}.",
        "Nobody in the harbour spoke of anything but {theme}, and {hero} meant to see for herself.",
        "The map was old, and on its back somebody had written: {theme}.",
    ),
    "mystery": (
        "It began with {theme}, and with a door that had been locked from the inside.",
        "{hero} had never believed what was said of {theme}, until the night of the first frost.",
        "Three people knew the truth about {theme}, and two of them had left the town.",
    ),
    "romance": (
        "{hero} had not meant to speak that evening, and least of all of {theme}.",
        "They met on a bridge, and what they had in common was {theme}.",
        "In the spring {hero} still thought of {theme}, and of one face.",
    ),
    "fairy tale": (
        "Once upon a time, in a country behind the hills, there was {theme}.",
        "When wishing still helped, {hero} dreamt every night of {theme}.",
        "Far away, where the road ends, people still tell of {theme}.",
    ),
}
WITH_KEYWORD = (
    "On the table lay what {hero} had looked for all along: the {keyword}.",
    "It was the {keyword} that changed everything.",
    "Nobody had thought of the {keyword}, and so nobody had hidden it.",
    "{hero} turned round, and there was the {keyword}.",
    'The old woman said one word only, and the word was "{keyword}".',
    "All night {hero} could think of nothing but the {keyword}.",
    "What remained in the end was the {keyword}, and a long silence.",
    "She had been warned of the {keyword}, but warnings are soon forgotten.",
)
BETWEEN = (
    "The rain had stopped an hour ago, and the roofs were shining.",
    "Somebody had lit a fire, although it was not yet cold.",
    "{hero} counted the steps to the gate, as she had done when she was a child.",
    "A dog barked twice and then thought better of it.",
    "The innkeeper put down two glasses and asked no questions.",
    "Far off a bell was ringing, late as always.",
    "There was a smell of bread in the street, and of tar.",
    "{hero} waited until the last window had gone dark.",
    "The wind came from the sea and brought voices with it.",
    "A stranger sat by the stove and carved a spoon.",
    "It would be a lie to say that {hero} was not afraid.",
    "By noon the whole village knew, or said that it did.",
    "The key turned, which surprised her more than if it had broken.",
    "On the stairs lay a glove that belonged to nobody.",
    "Her brother had always told her to look at the hands and not at the face.",
    "Two boys ran past and shouted a name that she did not know.",
    "The path went down between walls that were older than the church.",
    "She wrote down what she had seen, and then she burnt the page.",
    "Morning came slowly, as it does in that part of the country.",
    "The ferryman would take no money, and he would not say why.",
    "For a while they walked side by side without a word.",
    "A lamp went from room to room on the upper floor.",
    "{hero} laughed, since there was nothing else to be done.",
    "Behind the hedge the horses moved, and were quiet again.",
    "The clock in the hall had been wrong for thirty years and nobody minded.",
    "He had his father's coat on, and it was too large for him.",
    "Snow lay on the hills, but in the valley the apples were ripe.",
    "That was the first lie, and the smallest.",
    "They shared the cheese and kept the bread for the evening.",
    "The letter was short, and it was not signed.",
)
ENDINGS = {
    "adventure": ("And when the ship came in at last, {hero} was the first ashore.",),
    "mystery": ("So it was solved, and {hero} never told how.",),
    "romance": ("After that neither of them had to speak of it again.",),
    "fairy tale": ("And if they have not died, they are living there still.",),
}


def write(plan: Plan, seed: int) -> list[Chapter]:
    """Fill the gaps of sentences that are drawn without repetition.

    A chapter may be shorter than was asked where the sentences give out: the baseline does not
    say anything twice in one story.
    """
    rng = np.random.default_rng(seed)
    hero = str(rng.choice(HEROES))
    between, about = list(rng.permutation(BETWEEN)), list(rng.permutation(WITH_KEYWORD))
    return [_chapter(plan, chapter, hero, between, about, rng) for chapter in plan.chapters]


def _chapter(
    plan: Plan,
    chapter: ChapterPlan,
    hero: str,
    between: list[str],
    about: list[str],
    rng: np.random.Generator,
) -> Chapter:
    first, last = chapter.number == 1, chapter.number == len(plan.chapters)
    lines = [str(rng.choice(OPENINGS[plan.genre]))] if first else []
    end = [str(rng.choice(ENDINGS[plan.genre]))] if last else []
    keys = [about.pop().replace("{keyword}", keyword) for keyword in chapter.keywords]
    room = chapter.words - sum(len(texts.words(s)) for s in (*lines, *keys, *end))
    fill = []
    while between and room > 0:
        fill.append(str(between.pop()))
        room -= len(texts.words(fill[-1]))
    # Keywords stand at even distances among the others.
    places = np.linspace(0, len(fill), len(keys) + 2)[1:-1].round().astype(int)
    for place, sentence in sorted(zip(places, keys, strict=True), reverse=True):
        fill.insert(int(place), sentence)
    lines = [s.format(hero=hero, theme=plan.theme) for s in (*lines, *fill, *end)]
    text = "\n\n".join(" ".join(lines[i : i + 5]) for i in range(0, len(lines), 5))
    return Chapter(chapter, text, len(texts.words(text)), chapter.keywords)
