"""Music in four voices: a given melody harmonised, or a short chorale composed, in a mood.

Chapter 6.3 builds it::

    from aigc_apps.music import Music
    music = Music()
    artifact = music.generate(music.ask(mood="calm", bars=6, format="wav"), seed=0)
    heard = artifact.details["samples"]  # float32 mono, artifact.details["rate"] a second

`aigc_apps.music.make` fills a grid of four voices by Gibbs sampling, over chords that
`aigc_apps.music.harmony` proposes; `aigc_apps.music.judge` measures it beside counting and Bach.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from aigc_apps.contract import Artifact, Card, Scenario
from aigc_apps.evaluation.trials import Measured
from aigc_apps.music import harmony, judge, make
from aigc_apps.music.melodies import tunes
from aigc_apps.music.request import MusicRequest, moods
from aigc_apps.safety import file_comment


class Music(Scenario):
    """Harmonises a melody in four voices, or composes one too."""

    card = Card.beside(__file__)
    Request = MusicRequest
    Trial = judge.MusicTrial
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

        Its ``details`` have the ``piece``, its ``chords`` in words and as ``numerals``, how many
        ``parallels`` it has and had before repairs, its ``nats`` a cell, and of a WAV file the
        ``samples`` and their ``rate``: see `make.compose_piece` and `make.music_file`.
        """
        blank, melody = make.blank_piece(request)
        piece, details = make.compose_piece(
            self.model, blank, keep_melody=melody, temperature=request.temperature, seed=seed,
            grain=make.GRAIN[request.shortest],
        )  # fmt: skip
        return self._artifact(request, seed, piece, details)

    def baseline(self, request: MusicRequest, seed: int = 0) -> Artifact:
        """The same melody over the chords that Bach set most often to such notes, by counting.

        Without a melody it is Ode to Joy in the key that was asked for.
        """
        blank, melody = make.blank_piece(request)
        piece = harmony.set_by_counts(blank if melody else make.ode_to_joy(blank))
        return self._artifact(request, 0, piece, {}, counted=True)

    def trial_requests(self, number: int) -> dict[str, MusicRequest]:
        """Tunes to listen to: people hear no held-out phrase, which only Bach's own would judge."""
        asked = [
            (f"{tune}, {mood}, take {take}", {"melody": tune, "mood": mood, "format": "wav"})
            for take in (1, 2, 3)
            for mood in moods()
            for tune in tunes()
        ]
        return {name: self.ask(**fields) for name, fields in self.trial.first(asked, number)}

    def measure(
        self, number: int, seed: int = 0, say: Callable[[str], Any] | None = None
    ) -> Measured:
        return judge.measure_music(self, number, seed, say)

    def _made_by(self, request: MusicRequest) -> str:
        """The model with what is added to it: proposed chords, and the repairs."""
        chords = " over counted chords" if request.melody else ""
        return f"{self.card.model}{chords}, best of {make.CANDIDATES}, repaired"

    def _artifact(self, request, seed, piece, details, counted=False) -> Artifact:
        model = "counted chords" if counted else self._made_by(request)
        provenance = self.provenance(request, seed, model, by_model=not counted)
        known = make.music_making(request, details, counted)
        provenance = provenance.model_copy(update=known)
        content, sound = make.music_file(piece, request, file_comment(provenance))
        details = {**details, "piece": piece, "chords": piece.describe(),
                   "numerals": piece.numerals(), **sound}  # fmt: skip
        return Artifact(content, *make.MEDIA[request.format], provenance, details)
