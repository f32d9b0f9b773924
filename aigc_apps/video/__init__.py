"""Films from a storyboard: pictures that turn into each other, a voice, music, and titles.

The essay promises "视频和音频生成：根据剧本和主题，生成相应的视频和音频内容" (§3.4, 娱乐和媒体:
video and audio from a script and a theme). Here the script is a storyboard of shots, each a subject
or two to morph between, some seconds, and a sentence. Everything is made on this machine (6.4)::

    video = Video()
    film = video.generate(video.ask(**storyboard), seed=0)
    make.save_film(film, "film.mp4")     # and film.srt, and where it comes from
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from aigc_apps.contract import Artifact, Card, Scenario
from aigc_apps.evaluation.trials import Measured, Trial
from aigc_apps.video import container, make
from aigc_apps.video.frames import PathGenerator
from aigc_apps.video.request import Storyboard, storyboards

SLIDES = "real pictures of the test set"


class FilmTrial(Trial):
    """What is in ``trial.yml``: besides what every trial has, the storyboards by their fields."""

    boards: tuple[dict[str, Any], ...]


class Video(Scenario):
    """A storyboard becomes a film with pictures, voice, music and subtitles."""

    card = Card.beside(__file__)
    Request = Storyboard
    Trial: ClassVar[type[FilmTrial]] = FilmTrial
    examples = (storyboards().quick, storyboards().example)

    def __init__(self):
        self._generators: dict[str, PathGenerator] = {}

    def generator(self, name: str) -> PathGenerator:
        """The model that draws, loaded when first asked for."""
        if name not in self._generators:
            self._generators[name] = PathGenerator(name)
        return self._generators[name]

    def suffix(self, request: Storyboard) -> str:
        return f".{request.format}"

    def generate(self, request: Storyboard, seed: int = 0) -> Artifact:
        """A film, as a file.

        Its ``details`` hold the subtitles (``srt``), the `make.Line`s and their ``clips``, the
        ``voice`` without music, and the ``pictures`` of all frames.

        Args:
            request: the storyboard.
            seed: of pictures, music and the voice's noise.

        Raises:
            ValueError: if a sentence does not fit its shot, or a program or font is missing.
        """
        draw = functools.partial(make.draw_shots, self.generator(request.model))
        return self._film(request, seed, draw, make.checkpoint_label(request.model))

    def baseline(self, request: Storyboard, seed: int = 0) -> Artifact:
        """One's own slides: real pictures that stand still, with the same voice, music and words.

        A model made the voice, so the file says that one did.
        """
        return self._film(request, seed, make.real_slides, SLIDES)

    def trial_requests(self, number: int) -> dict[str, Storyboard]:
        """Storyboards by their titles."""
        boards = self.trial.first(self.trial.boards, number)
        return {board["title"]: self.ask(**board) for board in boards}

    def measure(
        self, number: int, seed: int = 0, say: Callable[[str], Any] | None = None
    ) -> Measured:
        """Make films and slides, decode the files again, look and listen: see `judge`."""
        from aigc_apps.video import judge

        return judge.measure_films(self, number, seed, say)

    def _film(
        self,
        request: Storyboard,
        seed: int,
        draw: Callable[[Storyboard, int], np.ndarray],
        painter: str,
    ) -> Artifact:
        parts = make.gather_parts(request, seed, draw)
        origin = self.provenance(request, seed, make.makers(painter, parts))
        known = {
            "parts": make.film_making(request, parts, draws=painter != SLIDES),
            "request": make.without_paths(origin.request),
        }
        origin = origin.model_copy(update=known)
        details = {
            "srt": make.subtitles(parts.lines),
            "lines": parts.lines,
            "clips": parts.clips,
            "voice": parts.voice,
            "pictures": parts.pictures,
        }
        return self._artifact(request, make.film_file(request, origin, parts), origin, details)

    @staticmethod
    def _artifact(request: Storyboard, film: bytes, origin, details) -> Artifact:
        media_type = container.MEDIA_TYPES[request.format]
        return Artifact(film, media_type, f".{request.format}", origin, details)
