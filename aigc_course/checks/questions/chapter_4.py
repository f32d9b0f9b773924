"""The self-check of chapter 4."""

from __future__ import annotations

from aigc_course.checks.quizzes import Question

QUESTIONS: dict[str, tuple[Question, ...]] = {
    "04_vae_math": (
        Question(
            "The mean of q = N(μ, 1) moves twice as far from 0. What does its KL from N(0, 1) do?",
            {
                "It doubles.": "The mean enters as ½μ², not as a distance (section 3).",
                "It grows fourfold.": "With σ = 1 the closed form leaves ½μ² and nothing else.",
                "It grows by log 2.": "Only the variance stands under a logarithm (section 3).",
            },
            "It grows fourfold.",
        ),
        Question(
            "What is q(z|x) to approximate in a VAE?",
            {
                "The posterior p(z|x).": "The gap below log p(x) is the KL from q to it, and it is "
                "0 when the two agree.",
                "The joint p(x, z), as §4.2 says.": "As a function of z its area is 0.081 for our "
                "image, and that of q is 1 (section 2).",
                "The prior p(z).": "That q ignores the image, and its gap is 6.9375 nats "
                "(section 4).",
                "The likelihood p(x|z).": "That is a density of x and belongs to the decoder "
                "(section 1).",
            },
            "The posterior p(z|x).",
        ),
        Question(
            "An encoder gives log σ, and the KL function takes it for log σ². When does the error "
            "not show?",
            {
                "When the batch is large.": "The error is the same for each image, so no average "
                "removes it (section 3).",
                "When q is as narrow as the posterior.": "There the KL comes out as 0.152 and not "
                "0.479 nats (section 3).",
                "At the start of training.": "A fresh network gives outputs near 0, where σ and "
                "σ² are both 1, and the error grows as q narrows.",
            },
            "At the start of training.",
        ),
        Question(
            "One draw of z gives an 'ELBO' above the known log p(x). What follows?",
            {
                "Nothing at all.": "67% of the single draws at the best q lay above; only the "
                "average is bounded.",
                "The closed form of log p(x) is wrong.": "A grid that knows no algebra gave the "
                "same −2.5141 (section 2).",
                "The decoder has overfitted.": "A bound holds for every model, an overfitted one "
                "too (section 4).",
                "The q that is sampled is too narrow.": "That shows in an average over many draws, "
                "not in one (section 4).",
            },
            "Nothing at all.",
        ),
        Question(
            "When would you take the score function and not reparameterization?",
            {
                "When its bias does no harm.": "Neither is biased: both met the exact +8.000 "
                "within chance (section 5).",
                "When there are many latents.": "At 32 latents its variance is about 3,900 times "
                "as large (section 5).",
                "When a baseline is at hand.": "At 32 latents a baseline still leaves a factor of "
                "about a hundred (section 5).",
                "When f wiggles faster than q is wide.": "Then the slope is large and the value is "
                "not, and reparameterization uses the slope.",
            },
            "When f wiggles faster than q is wide.",
        ),
    ),
}
