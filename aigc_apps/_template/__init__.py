"""Template, made by `make app`: sentences about a thing, from a list of words.

No chapter builds it yet. Write what it is for into ``card.yml``, what it can be asked into
``request.py``, how it makes that into ``make.py`` with words beside it, what is claimed of it into
``claims.yml``, what it is tried on into ``trial.yml``, and how the claims are measured into
``judge.py``. Load models late, in functions: a list of applications, a form and a refusal must
come at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aigc_apps._template.judge import TemplateTrial, measure_template
from aigc_apps._template.make import repeat_template, write_template
from aigc_apps._template.request import TemplateRequest
from aigc_apps.contract import Artifact, Card, Scenario
from aigc_apps.evaluation.trials import Measured
from aigc_apps.safety import Provenance, made_by_line


class TemplateApplication(Scenario):
    """Sentences about a thing."""

    card = Card.beside(__file__)
    Request = TemplateRequest
    examples = ({"thing": "an old train"}, {"thing": "the sea", "sentences": 3})
    Trial = TemplateTrial

    def suffix(self, request: TemplateRequest) -> str:
        return ".txt"

    def generate(self, request: TemplateRequest, seed: int = 0) -> Artifact:
        # Say `by_model=True` as soon as a model makes the text.
        origin = self.provenance(request, seed, by_model=False)
        return self._text(write_template(request, seed), origin)

    def baseline(self, request: TemplateRequest, seed: int = 0) -> Artifact:
        origin = self.provenance(request, 0, by_model=False)
        return self._text(repeat_template(request), origin)

    def trial_requests(self, number: int) -> dict[str, TemplateRequest]:
        return {
            thing: self.ask(thing=thing) for thing in self.trial.first(self.trial.things, number)
        }

    def measure(
        self, number: int, seed: int = 0, say: Callable[[str], Any] | None = None
    ) -> Measured:
        return measure_template(self, number, seed, say)

    def _text(self, text: str, origin: Provenance) -> Artifact:
        content = f"{text}\n\n{made_by_line(origin)}\n".encode()
        return Artifact(content, "text/plain", ".txt", origin)
