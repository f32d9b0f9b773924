"""What a submission sees of `aigc_course.checks` while it is graded.

The sandbox shows this folder in the place of the real one: its checkers contain reference
answers. Every public name is there, does nothing, and may be called or looped over.
"""

from __future__ import annotations


class NotChecked:
    """Stands for a check, a verdict, a quiz."""

    def __call__(self, *args: object, **kwargs: object) -> NotChecked:
        """Nothing is checked here."""
        return self

    def __getattr__(self, name: str) -> NotChecked:
        if name.startswith("_"):  # IPython asks for _repr_html_ and the like
            raise AttributeError(name)
        return self

    def __bool__(self) -> bool:
        return False

    def __iter__(self):
        return iter(())

    def __repr__(self) -> str:
        return "not checked while it is graded"


def __getattr__(name: str) -> NotChecked:
    if name.startswith("_"):
        raise AttributeError(name)
    return NotChecked()
