"""The self-check of chapter 2."""

from __future__ import annotations

from aigc_course.checks.quizzes import Question

QUESTIONS: dict[str, tuple[Question, ...]] = {
    "02_core_concepts": (
        Question(
            "A bar of the 20-bar histogram has the height 3.23. What does the height say?",
            {
                "A twentieth of it is the bar's probability.": "Height is probability per unit of "
                "brightness, and the bar is 1/20 wide.",
                "It is the bar's share of the images, in percent.": "Then the heights would add up "
                "to 100; it is the area that adds up to 1 (section 2).",
                "Something is wrong: it exceeds 1.": "A density may exceed 1, a probability may "
                "not (section 2).",
            },
            "A twentieth of it is the bar's probability.",
        ),
        Question(
            "You score brightness from 0 to 1 and get +0.682 nats; a colleague scores it from 0 to "
            "255 and gets −4.859. Whose model is better?",
            {
                "Yours, since its score is higher.": "The same probability, spread over 255 times "
                "as many units, scores lower by the logarithm of 255 (section 2).",
                "The colleague's, since its unit is finer.": "A finer unit changes the number and "
                "not the model (section 2).",
                "Neither: the units differ.": "The difference is log 255 = 5.541, which "
                "says nothing of the models.",
            },
            "Neither: the units differ.",
        ),
        Question(
            "Without smoothing, 0.32% of the held-out images fall into empty ones of the 20 bars. "
            "What is the held-out score then?",
            {
                "Minus infinity.": "The score is a mean of logarithms, and one image of "
                "probability 0 is enough.",
                "Lower by 0.32%.": "A share of images is not a share of nats: each of these scores "
                "minus infinity (section 2).",
                "Undefined: the area is not 1.": "The area is 1 with empty bars too; what is "
                "missing is any probability there (section 2).",
            },
            "Minus infinity.",
        ),
        Question(
            "The n-gram of order 10 writes the most fluent text. Where does the fluency come from?",
            {
                "It predicts new text best.": "Held-out text costs it 2.48 bits a character, and "
                "order 4 only 1.98 (section 4).",
                "Repeats were left in its data.": "They were removed before the split; left in, "
                "they change the score and not the copying (section 4).",
                "It has learnt the grammar.": "It has counted strings of eleven characters; ask "
                "what share of its text is old (section 4).",
                "Much of it is copied.": "32% of its windows of 20 characters stand in the "
                "training text, against 10% for held-out text.",
            },
            "Much of it is copied.",
        ),
        Question(
            "There are 20 pictures of sneakers, and a general mixture that was fitted to 5,000 "
            "images. Which way scores best on new sneakers?",
            {
                "Take the general mixture as it is.": "At −6.18 nats it pays for nine other "
                "categories, up to 2.303 nats (section 6).",
                "Fit a mixture to the 20 alone.": "That scored −8.32 nats, less than the general "
                "mixture's −6.18; it wins only with more pictures (section 6).",
                "Let the 20 reweigh the general mixture.": "The adapted mixture scored −4.55: it "
                "keeps its hills and learns how often to use each.",
            },
            "Let the 20 reweigh the general mixture.",
        ),
    ),
}
