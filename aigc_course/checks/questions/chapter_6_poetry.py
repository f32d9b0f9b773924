"""The self-check of chapter 6.2, on verse behind masks."""

from __future__ import annotations

from aigc_course.checks.quizzes import Question

QUESTIONS: dict[str, tuple[Question, ...]] = {
    "06_02_poetry": (
        Question(
            "Why may the tones not be read off Mandarin?",
            {
                "Mandarin has no tones.": "It has four; but they are not those of the Tang "
                "(section 1).",
                "It lost the entering tone, so some oblique ones sound level.": "白 and 石 "
                "are such; only the rhyme books still know it (section 1).",
                "The poems are in simplified characters.": "That is a matter of writing; the "
                "tables lead back to the traditional ones (section 1).",
            },
            "It lost the entering tone, so some oblique ones sound level.",
        ),
        Question(
            "Every masked draft keeps the form. Why measure it at all?",
            {
                "A mask may forget a rule, or its table may be wrong.": "So the judge has rules of "
                "its own and another book; with masks by one book alone it found drafts that fail "
                "(section 4).",
                "The model may overrule a mask.": "It cannot: what is masked has probability 0 "
                "(section 4).",
                "Form is a matter of degree.": "A quatrain keeps it or does not (section 2).",
            },
            "A mask may forget a rule, or its table may be wrong.",
        ),
        Question(
            "What does the mean of -log2 Z say?",
            {
                "How unlikely the model finds a line.": "That is -log2 p of the characters; Z sums "
                "over all that is allowed (section 4).",
                "How many characters are forbidden.": "Many unlikely ones cost next to nothing; it "
                "is their probability that counts (section 4).",
                "How much of the model's probability the rules take away.": "It is the divergence "
                "of the masked writer from the free one, in bits a character (section 4).",
            },
            "How much of the model's probability the rules take away.",
        ),
        Question(
            "Why does the haiku need no masks?",
            {
                "It comes by accident; the rest can be thrown away.": "A page "
                "of prose holds one or so; a form that nearly never comes by itself needs masks "
                "(section 8).",
                "English verse has no rules that a mask could hold.": "It has; syllables are "
                "counted twice here (section 8).",
                "The English model was trained on haiku.": "It was prose, and nothing was trained "
                "here (section 8).",
            },
            "It comes by accident; the rest can be thrown away.",
        ),
        Question(
            "An n-gram behind the same masks keeps the form as well. What is it that it lacks?",
            {
                "New lines.": "The bar on real lines holds for it too (section 7).",
                "Lines that speak of the same things.": "It sees three characters at a time; the "
                "information between characters of different lines shows it (section 9).",
                "Rhyme.": "The mask sees to it, whoever writes (section 4).",
            },
            "Lines that speak of the same things.",
        ),
    ),
}
