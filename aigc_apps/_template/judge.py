"""How the claims about the template are measured: on the things of ``trial.yml``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from aigc_apps.common import texts
from aigc_apps.contract import Artifact, Scenario
from aigc_apps.evaluation.items import Items
from aigc_apps.evaluation.trials import Measured, Trial, answer_all, measure_all


class TemplateTrial(Trial):
    """What is in ``trial.yml``: besides what every trial has, the things to write about."""

    things: tuple[str, ...]


def measure_template(
    scenario: Scenario, number: int, seed: int, say: Callable[[str], Any] | None
) -> Measured:
    """The claims of ``claims.yml``, measured; see `Scenario.measure`."""
    requests = scenario.trial_requests(number)
    drawn, seconds = answer_all(scenario.generate, requests, seed, say, "texts")
    plain, _ = answer_all(scenario.baseline, requests, seed)
    items = Items()
    arms = {"generated": drawn, "strong_simple": plain}
    measure_all(items, "names", arms, _names)
    for arm, answers in arms.items():
        uses = Counter(sentence for made in answers.values() for sentence in _used(made[0]))
        for thing, (text,) in answers.items():
            own = _used(text)
            fresh = sum(uses[sentence] == own.count(sentence) for sentence in own)
            items.add("fresh", arm, thing, [fresh / len(own)])
    return Measured(
        items=items,
        requests={name: request.model_dump(mode="json") for name, request in requests.items()},
        model=scenario.card.model,
        seconds=seconds,
    )


def _names(text: Artifact) -> bool:
    return texts.occurs(text.provenance.request["thing"], text.text)


def _used(text: Artifact) -> list[str]:
    """The sentences of a text without the thing and without the foot."""
    body = text.text.split("\n")[0].replace(text.provenance.request["thing"], "")
    return texts.sentences(body)
