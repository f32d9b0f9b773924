"""What the template is worth: measured on its own examples, against the plain sentence."""

from __future__ import annotations

import statistics
from typing import Any

from aigc_apps.common import texts
from aigc_apps.contract import Artifact, Measure, Scenario, standard_error, timed


def judge_template(scenario: Scenario, num_samples: int, seed: int) -> dict[str, Any]:
    """The fields of a `Verdict` that are measured, on so many texts of each kind.

    Args:
        scenario: the application itself.
        num_samples: how many texts to make, at least 1.
        seed: of the first text; each has the next one.

    Raises:
        ValueError: if no text is to be made.
    """
    if num_samples < 1:
        raise ValueError(f"num_samples is {num_samples}: give at least 1.")
    requests = [
        scenario.ask(**scenario.examples[i % len(scenario.examples)]) for i in range(num_samples)
    ]
    made = [timed(scenario.generate, request, seed + i) for i, request in enumerate(requests)]
    drawn = [artifact for artifact, _ in made]
    plain = [scenario.baseline(request) for request in requests]
    named = [100.0 * _names(a, r) for a, r in zip(drawn, requests, strict=True)]
    named_plainly = [100.0 * _names(a, r) for a, r in zip(plain, requests, strict=True)]
    new, old = _share_of_different(drawn), _share_of_different(plain)
    return {
        "answer": "ore" if new > old else "bubble",
        "because": f"Of its sentences {new:.0f}% are different, of the plain ones {old:.0f}%.",
        "measures": (
            Measure(
                name="texts that name the thing", unit="%", better="higher", number=num_samples,
                generated=statistics.mean(named), standard_error=standard_error(named),
                baseline=statistics.mean(named_plainly),
            ),
            Measure(
                name="different sentences", unit="%", better="higher", number=num_samples,
                generated=new, baseline=old,
            ),
        ),
        "seconds_each": statistics.median(seconds for _, seconds in made),
        "training_seconds": 0.0,
        "review_minutes": 1.0,
        "assumed": "a person reads two sentences in a minute; nobody was timed",
        "risks": ("It praises whatever it is given.",),
    }  # fmt: skip


def _names(artifact: Artifact, request: Any) -> bool:
    return texts.occurs(request.thing, artifact.text)


def _share_of_different(artifacts: list[Artifact]) -> float:
    """Of all sentences in some texts, without their feet, the percentage that is different."""
    found = [s for a in artifacts for s in texts.sentences(a.text.split("\n")[0])]
    return 100.0 * len(set(found)) / len(found)
