"""Music in four voices: a given melody harmonised, or a short chorale composed, in a mood.

Chapter 6.3 builds it::

    from aigc_apps.music import Music
    music = Music()
    artifact = music.generate(music.ask(mood="calm", bars=6, format="wav"), seed=0)
    heard = artifact.details["samples"]  # float32 mono, artifact.details["rate"] a second

`aigc_apps.music.make` fills a grid of four voices by Gibbs sampling, and
`aigc_apps.music.judge` compares what it makes with a rule's and Bach's own.
"""

from __future__ import annotations

import functools

from aigc_apps.contract import Artifact, Card, Scenario, Verdict
from aigc_apps.music import make
from aigc_apps.music.request import MusicRequest
from aigc_apps.safety import made_by_line


class Music(Scenario):
    """Harmonises a melody in four voices, or composes one too."""

    card = Card.beside(__file__)
    Request = MusicRequest
    record_samples = 62
    examples = (
        {"mood": "calm", "bars": 2},
        {"melody": "ode_to_joy", "mood": "bright", "format": "musicxml"},
        {"melody": "G4 A4 B4:2^ | C5 B4 A4 F#4 | G4:4^", "format": "wav"},
    )

    @functools.cached_property
    def model(self):
        """The trained model, loaded when first needed."""
        from aigc_apps.music.chorale_model import ChoraleModel
        from aigc_utils import checkpoints

        return checkpoints.load_model(make.CHECKPOINT, also=[ChoraleModel])

    def suffix(self, request: MusicRequest) -> str:
        return make.MEDIA[request.format][1]

    def generate(self, request: MusicRequest, seed: int = 0) -> Artifact:
        """One piece, as a file.

        Its ``details`` have the ``piece``, its ``chords`` in words, how many ``parallels`` it
        has and had before repairs, its ``nats`` a cell, and of a WAV file the ``samples`` and
        their ``rate``: see `make.compose_piece` and `make.music_file`.
        """
        blank, melody = make.blank_piece(request)
        piece, details = make.compose_piece(
            self.model, blank, keep_melody=melody, temperature=request.temperature, seed=seed
        )
        return self._artifact(request, seed, piece, details)

    def baseline(self, request: MusicRequest) -> Artifact:
        """The same melody over the chords I, IV and V by rule; Ode to Joy if there is none."""
        blank, melody = make.blank_piece(request)
        piece = make.block_chords(blank if melody else make.ode_to_joy(blank))
        return self._artifact(request, 0, piece, {}, rule="chords I, IV, V by rule")

    def evaluate(self, num_samples: int = 24, seed: int = 0) -> Verdict:
        """Harmonise the first phrases of chorales that the model never saw, beside their makers.

        Args:
            num_samples: phrases, at least 2; the chorales are taken in turn.
            seed: of the first; the others follow it.

        Returns:
            A comparison of the model's harmonisations with the rule's (`baseline`) and Bach's
            own, of the same melodies.

        Raises:
            ValueError: if ``num_samples`` is less than 2.
            ImportError: if music21 is not installed, from which Bach's chorales are read.
        """
        from aigc_apps.music import judge

        trial = judge.try_music(self.model, num_samples, seed)
        return self.verdict(**judge.music_verdict(trial))

    def _artifact(self, request, seed, piece, details, rule=None) -> Artifact:
        provenance = self.provenance(request, seed, rule, by_model=rule is None)
        content, sound = make.music_file(piece, request, made_by_line(provenance))
        details = {**details, "piece": piece, "chords": piece.describe(), **sound}
        return Artifact(content, *make.MEDIA[request.format], provenance, details)
