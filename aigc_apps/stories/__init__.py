"""A writer of short stories: a theme, keywords, a genre; one to three chapters in Markdown.

The essay's 小说生成器 (§3.4.1). Four writers answer the same request: the course's own small
language model, a pretrained one, a template, and an endpoint of one's own.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, StringConstraints, field_validator, model_validator

from aigc_apps import pretrained
from aigc_apps.common import texts
from aigc_apps.contract import Artifact, Card, Measure, Request, Scenario, Verdict, standard_error
from aigc_apps.safety import Policy, made_by_line
from aigc_apps.stories import plan as planning
from aigc_apps.stories import small, template, told
from aigc_apps.stories.plan import Chapter, Plan

# The stories are English, whichever the writer.
THEME = Policy(max_chars=100, scripts=("LATIN",))
KEYWORD = Policy(max_chars=24, scripts=("LATIN",))

Genre = Literal["adventure", "mystery", "romance", "fairy tale"]
Writer = Literal["small", "pretrained", "template", "endpoint"]
Keyword = Annotated[str, StringConstraints(strip_whitespace=True)]

TEMPLATE = "a template"
TRIAL_THEMES = (
    "a lighthouse keeper",
    "a girl who repairs clocks",
    "two brothers and a lost ship",
    "the last train of the year",
    "a garden behind a wall",
    "a doctor in a small village",
    "a letter that came too late",
    "a winter in the mountains",
)
TRIAL_KEYWORDS = (
    "storm letter whale fox violin snow river candle mirror key bridge horse ring window garden "
    "boat clock bread stone mother money dance silver dog winter book door song sister road"
)


class StoryRequest(Request):
    """What a story is to be about."""

    theme: str = Field(description="what it is about, in a few English words")
    keywords: tuple[Keyword, ...] = Field(
        (), max_length=5, description="words that must occur, as they are written here"
    )
    genre: Genre = Field("mystery", description="what kind of story")
    chapters: int = Field(1, ge=1, le=3, description="how many")
    words: int = Field(300, ge=60, le=600, description="about how many in all")
    writer: Writer = Field(
        "small",
        description="small: the course's own model; pretrained: SmolLM2; template: no model; "
        "endpoint: yours, by AIGC_LLM_URL",
    )

    @field_validator("theme")
    @classmethod
    def _check_theme(cls, theme: str) -> str:
        return THEME.check("theme", theme)

    @field_validator("keywords")
    @classmethod
    def _check_keywords(cls, keywords: tuple[str, ...]) -> tuple[str, ...]:
        keywords = KEYWORD.check_all("A keyword", keywords)
        for keyword in keywords:
            if texts.WORD.sub("", keyword).strip():
                raise ValueError(f"The keyword {keyword!r} holds more than letters: give words.")
        folded = [keyword.lower() for keyword in keywords]
        twice = next((k for k in keywords if folded.count(k.lower()) > 1), None)
        if twice is not None:
            raise ValueError(f"The keyword {twice!r} is given twice: give it once.")
        return keywords

    @model_validator(mode="after")
    def _check_room(self) -> StoryRequest:
        if self.words < 60 * self.chapters:
            raise ValueError(
                f"{self.words} words are too few for {self.chapters} chapters: give at least "
                f"{60 * self.chapters}, or fewer chapters."
            )
        return self


class Stories(Scenario):
    """Writes stories; see the module."""

    card: ClassVar[Card] = Card.beside(__file__)
    Request: ClassVar[type[StoryRequest]] = StoryRequest
    record_samples = 100
    examples = (
        {"theme": "a lighthouse keeper", "keywords": ["storm", "letter"], "writer": "template"},
        {"theme": "a girl who repairs clocks", "keywords": ["fox"], "genre": "fairy tale"},
    )

    def generate(self, request: StoryRequest, seed: int = 0) -> Artifact:
        """Write a story.

        Raises:
            ValueError: if the writer's packages, checkpoint or endpoint are missing; the
                sentence says what to do.
        """
        model, write = self._writer(request.writer)
        return self._artifact(request, seed, model, write(_plan(request), seed))

    def baseline(self, request: StoryRequest, seed: int = 0) -> Artifact:
        """The same request answered by a template."""
        written = template.write(_plan(request), seed)
        return self._artifact(request, seed, TEMPLATE, written)

    def evaluate(
        self,
        num_samples: int,
        seed: int = 0,
        writer: Writer | None = None,
        words: int = 300,
    ) -> Verdict:
        """Measure a writer against the template and against novels.

        Args:
            num_samples: stories, each of a theme and three keywords of its own.
            seed: of the requests and the stories.
            writer: which; by default the pretrained one where it is installed, else the small.
            words: of each story.
        """
        writer = writer or ("pretrained" if pretrained.is_installed() else "small")
        requests = trial_requests(num_samples, seed, writer, words)
        stories, seconds = [], []
        for number, request in enumerate(requests):
            begin = time.process_time()  # what one waits where nothing else runs
            stories.append(self.generate(request, seed + number))
            seconds.append(time.process_time() - begin)
        if len(seconds) > 1:
            seconds = seconds[1:]  # the first loads the model
        plain = [self.baseline(request, seed + n) for n, request in enumerate(requests)]
        measures = measure(stories, plain, people(num_samples, words, seed), small.load())
        return self._verdict(writer, measures, statistics.median(seconds))

    # ---- inside --------------------------------------------------------------------------

    def _writer(self, name: str) -> tuple[str, Callable[[Plan, int], list[Chapter]]]:
        """The model's name, and what writes a plan with a seed."""
        if name == "template":
            return TEMPLATE, template.write
        if name == "pretrained":
            model = pretrained.SmolLM()
            return model.name, lambda plan, seed: told.write_on(model, plan, seed)
        if name == "endpoint":
            endpoint = pretrained.Endpoint.from_environment()
            return endpoint.name, lambda plan, seed: told.write_by_chat(endpoint, plan, seed)
        writer = small.load()
        return writer.name, writer.write

    def _artifact(
        self, request: StoryRequest, seed: int, model: str, chapters: Sequence[Chapter]
    ) -> Artifact:
        provenance = self.provenance(request, seed, model, by_model=model != TEMPLATE)
        begun = [keyword for chapter in chapters for keyword in chapter.begun]
        missing = [keyword for chapter in chapters for keyword in chapter.missing]
        body = "\n\n".join(chapter.text for chapter in chapters)
        details = {
            "chapters": [chapter.text for chapter in chapters],
            "words": len(texts.words(body)),
            "words_by_template": sum(chapter.ours for chapter in chapters),
            "begun": begun,
            "missing": missing,
        }
        content = _markdown(request, chapters, _foot(made_by_line(provenance), details))
        return Artifact(content.encode(), "text/markdown", ".md", provenance, details)

    def _verdict(self, writer: str, measures: tuple[Measure, ...], seconds: float) -> Verdict:
        by = {measure.name: measure for measure in measures}
        keywords, repeats, variety = by[KEYWORDS], by[REPEATS], by[VARIETY]
        keeps_form = keywords.generated >= 95 and repeats.generated <= 1.5 * repeats.people
        better = variety.generated > variety.baseline
        answer = "ore" if keeps_form and better else "bubble"
        return self.verdict(
            answer=answer,
            because=f"The writer {writer!r} brings the keywords into "
            f"{keywords.generated:.0f} % of the stories, repeats {repeats.generated:.2f} % of its "
            f"runs of four words (novels: {repeats.people:.2f} %), and of its pairs of words "
            f"{variety.generated:.0f} % are different (template: {variety.baseline:.0f} %), but "
            "nothing here measures whether anybody would read on, so it is raw material at best.",
            measures=measures,
            seconds_each=seconds,
            training_seconds=_training_seconds(writer),
            review_minutes=5.0,
            assumed="reading 300 words takes 1.5 minutes and mending them more; not measured. "
            "The seconds are of processor time, and of training only what this course did",
            risks=(
                "sentences that contradict the one before",
                "content that no filter reads: only requests are filtered",
                "runs of words from the novels it was trained on (small)",
            ),
        )


# ---- measuring -----------------------------------------------------------------------

KEYWORDS = "stories with all their keywords"
BY_ITSELF = "keywords that the model brought in by itself"
THEMED = "stories that name a thing of their theme twice"
LENGTH = "words more or less than asked for"
REPEATS = "runs of four words that stood in the story before"
VARIETY = "pairs of words that are different, over all stories"
LINKED = "sentences that share a content word with the one before"
ORDERED = "what the small model gains from the sentence before, over another one"
OURS = "words from a template"


def trial_requests(
    number: int, seed: int, writer: Writer, num_words: int = 300
) -> list[StoryRequest]:
    """Requests of so many words each: themes in turn, three keywords by lot.

    Raises:
        ValueError: if ``number`` is not at least 1.
    """
    if number < 1:
        raise ValueError(f"num_samples is {number}: give at least 1.")
    rng = np.random.default_rng(seed)
    genres, nouns = Genre.__args__, TRIAL_KEYWORDS.split()
    requests = []
    for n in range(number):
        theme = TRIAL_THEMES[n % len(TRIAL_THEMES)]
        chosen = tuple(str(w) for w in rng.permutation(nouns) if w not in theme)[:3]
        requests.append(
            StoryRequest(
                theme=theme, keywords=chosen, genre=genres[n % 4], words=num_words, writer=writer
            )
        )
    return requests


def measure(
    stories: Sequence[Artifact],
    plain: Sequence[Artifact],
    human: Sequence[str],
    judge: small.SmallWriter | None = None,
) -> tuple[Measure, ...]:
    """What can be counted of stories, of the template's, and of passages by people.

    Args:
        stories, plain: answers to the same requests, by a model and by the template.
        human: passages of novels, about as long.
        judge: a model whose sense of order is asked; None leaves that measure out.
    """
    made, base = ([_body(a) for a in artifacts] for artifacts in (stories, plain))
    # Variety falls with length: everybody is measured on as many words.
    size = min(sum(len(texts.words(t)) for t in group) for group in (made, base, human))

    def of_artifacts(name: str, better: str, share: Callable[[Artifact], float]) -> Measure:
        return _measure(name, better, map(share, stories), map(share, plain))

    def of_texts(name: str, better: str, share: Callable[[str], float], **unit) -> Measure:
        return _measure(name, better, *(map(share, g) for g in (made, base, human)), **unit)

    def variety(group: Sequence[str]) -> float:
        return 100 * texts.distinct_share([" ".join(_first_words(group, size))])

    rows = [
        of_artifacts(KEYWORDS, "higher", lambda a: not a.details["missing"]),
        of_artifacts(BY_ITSELF, "higher", _by_itself),
        of_artifacts(THEMED, "higher", _themed),
        of_artifacts(LENGTH, "lower", lambda a: abs(_length(a) - 1)),
        of_artifacts(OURS, "lower", _ours),
        of_texts(REPEATS, "lower", texts.repeated_share),
        Measure(
            name=VARIETY,
            unit="%",
            better="higher",
            number=len(stories),
            generated=variety(made),
            baseline=variety(base),
            people=variety(human),
        ),
        of_texts(LINKED, "higher", texts.linked_share),
    ]
    if judge is not None:
        rows.append(of_texts(ORDERED, "higher", judge.order_gain, unit="nats a token"))
    return tuple(rows)


def _measure(
    name: str,
    better: Literal["higher", "lower"],
    generated: Iterable[float],
    baseline: Iterable[float],
    human: Iterable[float] | None = None,
    unit: str = "%",
) -> Measure:
    """The means of shares or other numbers, one for each text; shares become percent."""
    scale = 100 if unit == "%" else 1
    made = scale * np.array([float(value) for value in generated])
    return Measure(
        name=name,
        unit=unit,
        better=better,
        number=len(made),
        generated=float(made.mean()),
        standard_error=standard_error(made),
        baseline=scale * statistics.fmean(map(float, baseline)),
        people=None if human is None else scale * statistics.fmean(map(float, human)),
    )


def people(number: int, num_words: int = 300, seed: int = 0) -> list[str]:
    """Passages of novels that the small model was not trained on."""
    from aigc_utils import data

    held_out = data.load_texts("english_prose").test
    return texts.passages("\n\n".join(t.text for t in held_out), num_words, number, seed)


def _body(artifact: Artifact) -> str:
    return "\n\n".join(artifact.details["chapters"])


def _first_words(group: Sequence[str], size: int) -> list[str]:
    """As many words of each text as make ``size`` together."""
    each = -(-size // len(group))
    return [word for text in group for word in texts.words(text)[:each]][:size]


def _by_itself(artifact: Artifact) -> float:
    asked = artifact.provenance.request["keywords"]
    return 1 - len(artifact.details["begun"]) / len(asked) if asked else 1.0


def _themed(artifact: Artifact) -> bool:
    """Whether a content word of the theme occurs twice: once it is in every opening."""
    spoken = texts.words(_body(artifact))
    subjects = texts.content_words(artifact.provenance.request["theme"])
    return any(spoken.count(subject) > 1 for subject in subjects)


def _length(artifact: Artifact) -> float:
    return artifact.details["words"] / artifact.provenance.request["words"]


def _ours(artifact: Artifact) -> float:
    return artifact.details["words_by_template"] / max(1, artifact.details["words"])


def _training_seconds(writer: str) -> float:
    """What the course's own training took; somebody else's is not on any card here."""
    if writer != "small":
        return 0.0
    from aigc_utils import checkpoints

    return float(checkpoints.load_card("english_prose").seconds)


# ---- the file ------------------------------------------------------------------------


def _plan(request: StoryRequest) -> Plan:
    return planning.make(
        request.theme, request.genre, request.keywords, request.chapters, request.words
    )


def _markdown(request: StoryRequest, chapters: Sequence[Chapter], foot: str) -> str:
    """A title, chapters under headings of their own if there are several, and the foot."""
    theme = request.theme[0].upper() + request.theme[1:]
    parts = [f"# {theme}"]
    for chapter in chapters:
        if len(chapters) > 1:
            title = f": {chapter.plan.title}" if chapter.plan.title else ""
            parts.append(f"## Chapter {chapter.plan.number}{title}")
        parts.append(chapter.text)
    return "\n\n".join([*parts, "---", foot]) + "\n"


def _foot(line: str, details: dict) -> str:
    ours = details["words_by_template"]
    kept = f"{ours} of {details['words']} words are from a template."
    if details["missing"]:
        kept += f" Not brought in: {', '.join(details['missing'])}."
    return f"*{line[0].upper()}{line[1:]}. {kept}*"
