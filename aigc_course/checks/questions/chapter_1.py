"""The self-check of chapter 1."""

from __future__ import annotations

from aigc_course.checks.quizzes import Question

QUESTIONS: dict[str, tuple[Question, ...]] = {
    "01_gold_mine_or_bubble": (
        Question(
            "Our shop gets a generator whose acceptance lies between 0.851 and 0.954. What pays "
            "best?",
            {
                "Publishing unread, which breaks even at 0.851.": "Above 0.851 unread items earn "
                "something, but up to 0.954 the reviewed ones earn more (section 2).",
                "Leaving it until it is above 0.954.": "Not using it is best only below 0.435, the "
                "break-even with a reviewer (section 2).",
                "Having each item reviewed.": "Reading pays from 0.435 up to 0.954, since a missed "
                "error costs 27.39 coins and a look 1.00.",
            },
            "Having each item reviewed.",
        ),
        Question(
            "The provider halves the price of generation. What changes for our shop?",
            {
                "Hardly anything.": "Generation costs 0.10 coins where a look costs 1.00, and "
                "knowing its price is worth 0.00 (section 3).",
                "More items may be published unread.": "The price of generation cancels out of "
                "that limit, which stays at 0.954 (section 2).",
                "Missed errors are paid for.": "One missed error costs 27.39 coins; half of 0.10 "
                "does not show beside it (section 2).",
            },
            "Hardly anything.",
        ),
        Question(
            "In the middle of all inputs an item earns +1.06 coins, and on average over all worlds "
            "it loses 0.39. Why?",
            {
                "Most worlds make a loss.": "57% of them make a profit; the mean is not a vote "
                "(section 3).",
                "Reworking stopped items wastes money.": "The freedom not to rework lifts the mean "
                "from −0.51 to −0.39 (section 3).",
                "Rare dear errors move the mean alone.": "An error costs 27 coins in the middle "
                "and 46.7 on average, because a few are very dear.",
                "Too few worlds were drawn.": "More draws make a mean more certain and not larger; "
                "this one follows from the ranges (section 3).",
            },
            "Rare dear errors move the mean alone.",
        ),
        Question(
            "A classifier trained on 20% wrong labels loses a point and a half. How did our "
            "conditional generator fare?",
            {
                "It lost about as little.": "Wrong labels in nine directions are outvoted in a "
                "classifier; a generator imitates them (section 5).",
                "It lost what a perfect one loses.": "That is the ceiling, which fell to 0.670; "
                "ours fell much farther (section 5).",
                "It lost nothing: a VAE needs no labels.": "It learns images without labels, and a "
                "request for a class needs them (section 5).",
                "It all but stopped listening to labels.": "From 0.484 right it fell to 0.197: a "
                "signal that is sometimes false is the easiest to drop.",
            },
            "It all but stopped listening to labels.",
        ),
        Question(
            "60,000 rows are made of 6,000 images, a few of them repeated very often. What helps "
            "the score most?",
            {
                "Removing the uneven copies.": "The same 6,000 images, evenly, score 247.01 and "
                "not 251.85, and no picture has to be bought.",
                "Adding more rows of the same kind.": "A row count says nothing: these 60,000 rows "
                "are worth 634 different images (section 5).",
                "Buying 54,000 images in place of even copies.": "From evenly repeated rows that "
                "brings 0.72 nats, and the uneven copies cost 4.84 (section 5).",
            },
            "Removing the uneven copies.",
        ),
    ),
}
