"""The self-checks of chapter 8."""

from __future__ import annotations

from aigc_course.checks.quizzes import Question

QUESTIONS: dict[str, tuple[Question, ...]] = {
    "08_9_verdict": (
        Question(
            "A record's baseline is a look-up, and the look-up copies whole lines. Which measure "
            "shows that it is no rival?",
            {
                "Seconds each.": "A look-up is quick; speed is not what is wrong with it.",
                "The share of poems with a line of a real poem.": "A copy keeps every rule, and "
                "only a measure of copying sees that it is one.",
                "The share of poems that keep the form.": "What it copies keeps the form as often "
                "as real poems do.",
            },
            "The share of poems with a line of a real poem.",
        ),
        Question(
            "The machine becomes ten times faster. What happens to the price of an item?",
            {
                "It falls to a tenth.": "That takes the small part of the price for the whole.",
                "It falls by about a half.": "The machine's part is far below a half.",
                "Next to nothing.": "Nearly all of the price is the minutes of whoever reviews.",
            },
            "Next to nothing.",
        ),
        Question(
            "Which of the numbers behind the prices was assumed and not measured?",
            {
                "The minutes of review.": "Each record says why that many; a shop would use a "
                "watch.",
                "The seconds that one item takes.": "Each chapter times them.",
                "The number of artefacts judged.": "It stands in the record, beside each measure.",
            },
            "The minutes of review.",
        ),
        Question(
            "A generator is ahead of its baseline by one and a half standard errors. What does "
            "the chapter call that?",
            {
                "Better.": "It asks for two standard errors, so that chance does not answer.",
                "Gold.": "One measure makes no answer, and this one is not even decided.",
                "Worse.": "It is ahead, though not by enough to tell from chance.",
                "Level.": "Two standard errors are asked for; this may be chance.",
            },
            "Level.",
        ),
    ),
}
