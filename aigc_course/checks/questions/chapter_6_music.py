"""The self-check of chapter 6.3, music."""

from __future__ import annotations

from aigc_course.checks.quizzes import Question

QUESTIONS: dict[str, tuple[Question, ...]] = {
    "06_03_music": (
        Question(
            "Why is a given melody always kept, note for note?",
            {
                "The loss punishes changes to it.": "No loss is looked at when music is written "
                "(section 4).",
                "Its cells are never written to.": "What is not erased is not drawn, whatever the "
                "weights are.",
                "The best of several candidates is chosen.": "The choice is by parallels and "
                "likelihood; all candidates keep the melody (section 5).",
            },
            "Its cells are never written to.",
        ),
        Question(
            "A chain that knows only the step before does well in nats a cell. Why?",
            {
                "It has understood harmony.": "It does not even see the other voices (section 2).",
                "At sixteenths most notes just stay.": "Predicting that nothing happens is nearly "
                "always right, and says nothing of harmony.",
                "It was measured on what it counted.": "The chorales that judge it are held out, "
                "whole tunes (section 1).",
            },
            "At sixteenths most notes just stay.",
        ),
        Question(
            "Why were whole tunes held out, and not single chorales?",
            {
                "Bach set many tunes more than once.": "Who learnt one setting knows the melody "
                "and half of the other's chords.",
                "There are too few chorales.": "There are hundreds (section 1).",
                "Tunes are protected by copyright.": "They are in the public domain; the files are "
                "what somebody else made (section 1).",
            },
            "Bach set many tunes more than once.",
        ),
        Question(
            "Where do the few parallels of the delivered pieces come from?",
            {
                "The network has learnt the rule.": "Look at the row of one draw: it has learnt it "
                "badly (section 5).",
                "A low temperature forbids them altogether.": "It makes the usual likelier and "
                "forbids nothing (section 6).",
                "Offending notes are drawn again.": "Counting, redrawing and choosing do what the "
                "weights do not.",
            },
            "Offending notes are drawn again.",
        ),
        Question(
            "Which of these preferences does the network hear of?",
            {
                "The listener's taste.": "Nothing in a request or in the data says what anybody "
                "likes (section 6).",
                "The tempo.": "It is only written into the file; the notes do not know of it "
                "(section 6).",
                "The mode, major or minor.": "It is an input of the network, and how often it is "
                "obeyed can be counted.",
            },
            "The mode, major or minor.",
        ),
    ),
}
