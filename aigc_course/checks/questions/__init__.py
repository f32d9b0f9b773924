"""What the quizzes ask: of the workbook by prefix ("vae"), of a chapter by its notebook's name.

Numbers in the questions of a chapter are those of its text and outputs; a lint compares them.
"""

from __future__ import annotations

from aigc_course.checks.questions import (
    chapter_1,
    chapter_2,
    chapter_3,
    chapter_4,
    chapter_5,
    chapter_6_music,
    chapter_6_poetry,
    chapter_6_stories,
    chapter_6_video,
    chapter_8,
)
from aigc_course.checks.questions.workbook import WORKBOOK
from aigc_course.checks.quizzes import Question

CHAPTERS: dict[str, tuple[Question, ...]] = {
    **chapter_1.QUESTIONS,
    **chapter_2.QUESTIONS,
    **chapter_3.QUESTIONS,
    **chapter_4.QUESTIONS,
    **chapter_5.QUESTIONS,
    **chapter_6_stories.QUESTIONS,
    **chapter_6_poetry.QUESTIONS,
    **chapter_6_music.QUESTIONS,
    **chapter_6_video.QUESTIONS,
    **chapter_8.QUESTIONS,
}
QUESTIONS: dict[str, tuple[Question, ...]] = {**WORKBOOK, **CHAPTERS}

__all__ = ["CHAPTERS", "QUESTIONS", "WORKBOOK"]
