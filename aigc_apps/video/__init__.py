"""Films from a storyboard: pictures that turn into each other, a voice, music, and titles.

The essay promises "视频和音频生成：根据剧本和主题，生成相应的视频和音频内容" (§3.4.2: video and
audio from a script and a theme). Here the script is a storyboard of shots, each a subject or two to
morph between, some seconds, and a sentence. Everything is made on this machine (chapter 6.4)::

    video = Video()
    film = video.generate(video.ask(**storyboard), seed=0)
    make.save_film(film, "film.mp4")     # and film.srt, and where it comes from
"""

from __future__ import annotations

from aigc_apps.contract import Artifact, Card, Scenario, Verdict
from aigc_apps.video import container, make
from aigc_apps.video.frames import PathGenerator
from aigc_apps.video.request import Storyboard, storyboards


class Video(Scenario):
    """A storyboard becomes a film with pictures, voice, music and subtitles."""

    card = Card.beside(__file__)
    Request = Storyboard
    record_samples = 10
    examples = (storyboards().quick, *storyboards().trial[:2])

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
        parts = make.gather_parts(self.generator(request.model), request, seed)
        origin = self.provenance(request, seed, make.makers(request, parts))
        details = {
            "srt": make.subtitles(parts.lines),
            "lines": parts.lines,
            "clips": parts.clips,
            "voice": parts.voice,
            "pictures": parts.pictures,
        }
        return self._artifact(request, make.film_file(request, origin, parts), origin, details)

    def baseline(self, request: Storyboard) -> Artifact:
        """A slide show of real pictures from the test set with a title, silent and unmoving."""
        pictures = make.real_slides(request)
        model = "none: pictures of the test set, one after another"
        origin = self.provenance(request, 0, model, by_model=False)
        details = {"srt": "", "lines": [], "pictures": pictures}
        return self._artifact(request, make.slides_file(request, pictures), origin, details)

    def evaluate(self, num_samples: int = 10, seed: int = 0) -> Verdict:
        """Make the first storyboards, decode the files again, look, listen, and compare.

        What decides is in `aigc_apps.video.judge`.

        Args:
            num_samples: how many storyboards, 1 to 10.
            seed: of the films.

        Raises:
            ValueError: if the number is out of range or the recogniser is not installed.
        """
        from aigc_apps.video import judge

        trial = judge.try_films(self, num_samples, seed)
        return self.verdict(**judge.film_verdict(trial))

    @staticmethod
    def _artifact(request: Storyboard, film: bytes, origin, details) -> Artifact:
        media_type = container.MEDIA_TYPES[request.format]
        return Artifact(film, media_type, f".{request.format}", origin, details)
