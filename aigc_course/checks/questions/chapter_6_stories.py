"""The self-check of chapter 6.1, stories."""

from __future__ import annotations

from aigc_course.checks.quizzes import Question

QUESTIONS: dict[str, tuple[Question, ...]] = {
    "06_01_stories": (
        Question(
            "All writers bring in all keywords. What does that say of the models?",
            {
                "That they understand the request.": "The template has them all too, and "
                "understands nothing (section 6).",
                "Nothing: the product puts them in.": "A promise kept by construction holds for "
                "any writer.",
                "That they were trained on these words.": "A random model keeps the promise as "
                "well; see how the words get in (sections 4 and 5).",
            },
            "Nothing: the product puts them in.",
        ),
        Question(
            "The rules refuse every attack of the file. Why is that share no forecast?",
            {
                "They were written after reading it.": "Rules fit what their author has seen.",
                "The file is too small to say anything.": "A larger one would have the same fault "
                "(section 1).",
                "Some of its texts are harmless.": "Those are counted apart (section 1).",
            },
            "They were written after reading it.",
        ),
        Question(
            "What does a temperature near 0 do to the next word?",
            {
                "It is drawn evenly from all.": "A very high one tends to that (section 3).",
                "It is taken from the theme.": "The temperature knows of no theme (section 3).",
                "It is the likeliest, nearly always.": "The logits are divided by a small number, "
                "so that the largest wins.",
            },
            "It is the likeliest, nearly always.",
        ),
        Question(
            "A text says its sentences twice. Which measure does it fool?",
            {
                "The share of linked sentences.": "Each sentence takes up the words of its twin; "
                "read that row beside the repeats.",
                "The share of repeated runs.": "That one counts just this (section 6).",
                "The share of different pairs.": "It falls, as it should (section 6).",
            },
            "The share of linked sentences.",
        ),
        Question(
            "Why can this verdict not be gold?",
            {
                "The models are too small.": "A larger one would meet the same bar (section 8).",
                "No measure asks whether one reads on.": "What the user needs has no row in the "
                "table, so the honest answer stops at ore.",
                "The template does as well on every row.": "It does not, in variety (section 6).",
            },
            "No measure asks whether one reads on.",
        ),
    ),
}
