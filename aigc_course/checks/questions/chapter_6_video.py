"""The self-check of chapter 6.4, on films from a storyboard."""

from __future__ import annotations

from aigc_course.checks.quizzes import Question

QUESTIONS: dict[str, tuple[Question, ...]] = {
    "06_04_video_and_audio": (
        Question(
            "Why do the frames between two keyframes follow an arc?",
            {
                "An arc is the shorter way.": "The straight line is; that is its fault: it cuts "
                "through the inside, where |z| is smaller (section 2).",
                "On a line z gets short: nearer to the average picture.": "Noise of 32 "
                "dimensions lies near a sphere, and inside it the decoder draws averages, which "
                "are blurred.",
                "The decoder refuses a z off the sphere.": "It decodes any z; what it makes there "
                "is the point (section 2).",
            },
            "On a line z gets short: nearer to the average picture.",
        ),
        Question(
            "What does a recogniser's word error rate say about a voice?",
            {
                "What share of it people misunderstand.": "No person listened: people understand "
                "far more than this recogniser (section 3).",
                "How natural it sounds.": "A robot can be understood and a charming mumble cannot: "
                "it measures understanding only.",
                "What an ear that has not read the script makes of it.": "That is its worth: who "
                "has read the sentence hears it, whatever was said.",
            },
            "What an ear that has not read the script makes of it.",
        ),
        Question(
            "A narration contains `[hello](/goodbye/)`. Why is it refused?",
            {
                "The words shown and spoken would differ.": "This voice takes it as an instruction "
                "how to pronounce, so a text could say one thing and show another (section 1).",
                "Brackets cannot be drawn by the font.": "They can; the danger is what the voice "
                "does with them (section 1).",
                "It would break the subtitle file.": "Other signs are dangerous there; brackets "
                "mean something to the voice (section 1).",
            },
            "The words shown and spoken would differ.",
        ),
        Question(
            "A signed film verifies as intact. What follows?",
            {
                "What it shows happened.": "The manifest declares the contrary, that a trained "
                "model made it (section 6).",
                "It was signed by who is named in it.": "Our certificate was made here and vouches "
                "for nobody; hence `signingCredential.untrusted` (section 6).",
                "Picture and sound are as they were when it was signed.": "A changed bit of them "
                "breaks a hash; who signed is another question.",
            },
            "Picture and sound are as they were when it was signed.",
        ),
    ),
}
