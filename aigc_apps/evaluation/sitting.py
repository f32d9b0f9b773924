"""One rater at work: what comes next, a watch that can be stopped, each answer kept at once.

`aigc judge` and the notebook's buttons are two faces of it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aigc_apps.evaluation.ratings import (
    LONGEST_SECONDS,
    OF_PAIRS,
    OF_SINGLES,
    Choice,
    Rating,
    Ratings,
    Shown,
    read_ratings,
    write_ratings,
)


@dataclass
class Sitting:
    """A rater, what is shown to him or her, and the file of answers; see `open_sitting`.

    Attributes:
        path: of the file.
        rater: the name of the rater's own choice.
        shown: what is to be judged, in order.
        kept: what the file holds, of this rater and of others.
        clock: seconds, for tests another.
    """

    path: Path
    rater: str
    shown: Sequence[Shown]
    kept: Ratings
    clock: Callable[[], float] = time.monotonic
    _since: float | None = field(default=None, init=False)
    _before: float = field(default=0.0, init=False)

    @property
    def done(self) -> int:
        """How many this rater has answered."""
        return sum(rating.rater == self.rater for rating in self.kept.ratings)

    @property
    def current(self) -> Shown | None:
        """What is to be judged now; None when all is done."""
        return self.shown[self.done] if self.done < len(self.shown) else None

    @property
    def choices(self) -> tuple[Choice, ...]:
        """What may be answered now; nothing when all is done."""
        if self.current is None:
            return ()
        return OF_SINGLES if self.current.right is None else OF_PAIRS

    def begin(self) -> None:
        """Start the watch, or go on after a pause; called when the item is to be seen."""
        if self._since is None:
            self._since = self.clock()

    def pause(self) -> None:
        """Stop the watch."""
        if self._since is not None:
            self._before += self.clock() - self._since
            self._since = None

    def answer(self, choice: str) -> None:
        """Keep an answer to the current item, and go to the next.

        Raises:
            ValueError: if all is answered, or the choice is none.
            OSError: if the file cannot be written; the answer can be given again then.
        """
        if choice not in self.choices:
            raise ValueError(
                f"{choice!r} is no answer here: choose one of {', '.join(self.choices)}."
                if self.choices
                else "All is judged: there is nothing to answer."
            )
        self.pause()
        seconds = min(self._before, LONGEST_SECONDS)
        rating = Rating(rater=self.rater, shown=self.current, choice=choice, seconds=seconds)
        kept = self.kept.model_copy(update={"ratings": (*self.kept.ratings, rating)})
        write_ratings(self.path, kept)
        self.kept, self._before = kept, 0.0

    def take_back(self) -> bool:
        """Take this rater's last answer back, to give it again; False if there is none."""
        own = [i for i, rating in enumerate(self.kept.ratings) if rating.rater == self.rater]
        if not own:
            return False
        rest = (*self.kept.ratings[: own[-1]], *self.kept.ratings[own[-1] + 1 :])
        kept = self.kept.model_copy(update={"ratings": rest})
        write_ratings(self.path, kept)
        self.kept, self._since, self._before = kept, None, 0.0
        return True


def open_sitting(
    path: str | os.PathLike,
    rater: str,
    shown: Sequence[Shown],
    application: str,
    sheet: str,
    code: str,
    clock: Callable[[], float] = time.monotonic,
) -> Sitting:
    """Begin to judge, or go on where this rater has stopped.

    Args:
        path: of the file of ratings, which may hold those of others.
        rater: 1 to 40 characters.
        shown: for this rater, in order; the same each time.
        application, sheet, code: what is judged, see `Ratings`.
        clock: for tests.

    Raises:
        ValueError: if the file is of other items, or the rater began with another order or kind.
        OSError: if it cannot be read.
    """
    if not rater.strip() or len(rater) > 40 or not rater.isprintable():
        raise ValueError(f"The rater is {rater[:60]!r}: give a name of 1 to 40 characters.")
    path = Path(path)
    if path.exists():
        kept = read_ratings(path, application, sheet)
    else:
        kept = Ratings(application=application, sheet=sheet, code=code)
    answered = [rating.shown for rating in kept.ratings if rating.rater == rater]
    if answered != list(shown[: len(answered)]):
        raise ValueError(
            f"{rater} has begun to judge other items or in another way in {path}: take another "
            f"name, or another file by --ratings."
        )
    return Sitting(path, rater, shown, kept, clock)
