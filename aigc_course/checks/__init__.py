"""Exercises that check themselves: at once, on this machine, for nobody else's eyes.

    from aigc_course.checks import check
    check("vae-03", my_function)      # right, or what is wrong and a hint that leads on

`progress` shows what is solved, `forget` deletes that record, `quiz` asks questions with
feedback for every option. Nothing here uses a network, an account or TensorFlow. The texts are
YAML: `notebooks/quizzes` and `workbook/exercises`.
"""

from aigc_course.checks.checking import check, exercise, grade
from aigc_course.checks.feedback import Feedback
from aigc_course.checks.questions import Question
from aigc_course.checks.quizzes import quiz
from aigc_course.checks.store import forget, progress

__all__ = ["Feedback", "Question", "check", "exercise", "forget", "grade", "progress", "quiz"]
