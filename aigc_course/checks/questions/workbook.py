"""The quizzes of the workbook, by the prefix of a chapter's exercises."""

from __future__ import annotations

from aigc_course.checks.quizzes import Question

WORKBOOK: dict[str, tuple[Question, ...]] = {
    "core": (
        Question(
            "A histogram with 5,000 bars scores 1.8 nats on the 500 images that it was fitted to. "
            "What follows for new images?",
            {
                "They score 1.8 nats too.": "Nothing that was fitted is a witness for the unseen.",
                "They score better with more bars still.": "The fitted score rises with every "
                "bar; the held-out score turned round at about 20.",
                "Nothing.": "Only images that the fit has not seen can tell; here they scored "
                "below the uniform density.",
                "The density is wrong, since it exceeds 1.": "A density may exceed 1; a "
                "probability may not.",
            },
            "Nothing.",
        ),
        Question(
            "Labels changed the held-out score by -0.08 nats an image. What are they good for?",
            {
                "For nothing.": "One cannot ask for a sneaker without knowing which images are "
                "sneakers.",
                "They are a handle: they say which images belong to the scenario.": "And that is "
                "worth up to 2.303 nats there.",
                "They make the samples sharper.": "The held-out score did not gain from them.",
            },
            "They are a handle: they say which images belong to the scenario.",
        ),
        Question(
            "Held-out text of an order-10 model costs 1.97 bits a character with repeated "
            "paragraphs left in, and 2.48 without. Which number is right?",
            {
                "1.97: more data are better data.": "The repeats stand on both sides of the "
                "split: they are remembered, not predicted.",
                "Both, for different texts.": "The first is a property of the split, not of the "
                "model.",
                "2.48.": "Repeats must go before the split; otherwise the test has leaked.",
            },
            "2.48.",
        ),
    ),
    "alg": (
        Question(
            "Why does a VAE leave a mist between the islands?",
            {
                "Its likelihood is only a bound.": "A bound need not make mist; the reason is "
                "geometric.",
                "The prior has no gaps, the codes of the data have, and the decoder is "
                "continuous.": "Codes from a gap must become points between two islands: 25 % of "
                "the samples.",
                "It was trained for too short a time.": "A steeper crossing would come with time, "
                "and a crossing it would remain.",
            },
            "The prior has no gaps, the codes of the data have, and the decoder is continuous.",
        ),
        Question(
            "One plain step of the flow from t = 0 to t = 1: where do all samples land?",
            {
                "On the islands, a little blurred.": "At t = 0 the place says nothing about the "
                "island to come.",
                "Near the mean of the data.": "The best guess of x - n there is the mean of the "
                "data minus n; added to n it gives the mean.",
                "Where they started.": "The wind at t = 0 is not zero.",
            },
            "Near the mean of the data.",
        ),
        Question(
            "A GAN run with a slope penalty finds all eight islands. What does that prove about "
            "the penalty?",
            {
                "That it cures mode dropping.": "Without momentum and without the penalty, one "
                "seed of three found all eight as well.",
                "Nothing yet: other seeds and the ingredients one by one are missing.": "Four "
                "recipes and several seeds showed that both ingredients were needed here.",
                "That the learning rate was right.": "That too would need a comparison.",
            },
            "Nothing yet: other seeds and the ingredients one by one are missing.",
        ),
    ),
    "vae": (
        Question(
            "A program's 'ELBO', averaged over a million draws, is above the known log p(x). What "
            "is the likeliest explanation?",
            {
                "The model is very good.": "A bound is a bound for every model: its average may "
                "not exceed log p(x).",
                "One draw of z is not enough.": "Single draws may lie above; the average of a "
                "million may not.",
                "The q that is sampled is not the q whose KL is paid.": "Narrower samples flatter "
                "the reconstruction, and the price stays the same: 0.35 nats in chapter 4.",
                "log p(x) is negative.": "Both are negative as often as not; the order holds all "
                "the same.",
            },
            "The q that is sampled is not the q whose KL is paid.",
        ),
        Question(
            "Which q gives the better L_1000: the prior, 6.9 nats below log p(x), or one that is "
            "far too narrow and 0.9 nats below?",
            {
                "The narrow one: it starts closer.": "It almost never visits the sides of the "
                "posterior, so its weights have infinite variance and it hardly climbs.",
                "The prior.": "Its weights have a finite variance, so the gap falls like 1/k; it "
                "overtakes between k = 5 and k = 10.",
                "Both are the same, since both are unbiased.": "The average weight is unbiased for "
                "p(x); its logarithm is not, and the bias depends on the variance.",
            },
            "The prior.",
        ),
        Question(
            "Why does the encoder give log σ² and not σ²?",
            {
                "The KL contains no variance, only its logarithm.": "It contains both.",
                "It is more precise in 32 bits.": "That may be so, and it is not the reason.",
                "Any real number is a logarithm of some variance.": "A network's output is not "
                "bounded, a variance is; the exponential makes the one from the other.",
                "Because σ² would be the standard deviation.": "σ is the standard deviation, and "
                "σ² the variance, whatever the essay calls them.",
            },
            "Any real number is a logarithm of some variance.",
        ),
    ),
    "build": (
        Question(
            "Which fault of the essay's listing is the most dangerous?",
            {
                "The missing channel axis.": "It stops the program at once, and says so.",
                "`latent_dim` is not defined.": "A NameError is loud.",
                "The means in the loss.": "No error, a falling loss, and one picture for ever.",
                "The unused import.": "It does no harm.",
            },
            "The means in the loss.",
        ),
        Question(
            "Why does the loss take logits and not probabilities?",
            {
                "They are quicker.": "A little; that is not why.",
                "A sure and wrong decoder still gets a gradient.": "Behind a clipped sigmoid the "
                "gradient is exactly 0 beyond a logit of about 16.",
                "Probabilities do not add up to 1.": "Bernoulli pixels are independent; they need "
                "not add up.",
            },
            "A sure and wrong decoder still gets a gradient.",
        ),
        Question(
            "Trained on with the essay's loss, a good VAE's KL falls below 1 nat in one epoch. "
            "What does that show?",
            {
                "The learning rate is too high.": "A lower one would only take longer.",
                "The collapse is what the loss asks for.": "More training reaches a wrong goal "
                "sooner.",
                "The data are too few.": "The same data made the good VAE.",
            },
            "The collapse is what the loss asks for.",
        ),
    ),
    "train": (
        Question(
            "An NLL of 150 nats on binarized Fashion-MNIST: what is the first question?",
            {
                "How long was it trained?": "No training can pass the floor.",
                "How were the images made binary?": "With coins the floor is 189.86 nats, so 150 "
                "would be impossible; with a cut at 0.5 the floor is 0.",
                "How many latents has it?": "The floor does not depend on the model.",
            },
            "How were the images made binary?",
        ),
        Question(
            "The training loss rises in the first epochs of a run with KL warm-up. Is it ill?",
            {
                "Yes, lower the learning rate.": "The weight of the KL rises during the warm-up, "
                "and the loss with it.",
                "No; look at the held-out curve, which counts the whole KL.": "The training curve "
                "is not yet the negative ELBO.",
                "Yes, the KL has the wrong sign.": "Then the loss would fall below the floor.",
            },
            "No; look at the held-out curve, which counts the whole KL.",
        ),
        Question(
            "Model A: 231.0 ± 2.4 nats, model B: 231.9 ± 2.4, on the same images. Is A better?",
            {
                "No, the error bars overlap.": "They measure how the images differ, which is the "
                "same for both models.",
                "Yes, its number is smaller.": "Perhaps; a difference needs an error of its own.",
                "One has to subtract image by image first.": "The error of such a difference is "
                "often below 0.1.",
            },
            "One has to subtract image by image first.",
        ),
    ),
    "gen": (
        Question(
            "The same decoder gives poor samples from N(0, I) and good ones from a fitted mixture. "
            "Why?",
            {
                "The mixture is sharper.": "It has no pixels; it says where latents come from.",
                "The prior has holes where the decoder was never trained.": "Each dimension looks "
                "standard normal; jointly they are not.",
                "The mixture has seen labels.": "It has not.",
            },
            "The prior has holes where the decoder was never trained.",
        ),
        Question(
            "A colleague lowers the temperature to 0.3 'for quality'. What happens with this VAE?",
            {
                "Fewer but better images.": "That is the folk wisdom; here confidence fell too.",
                "Grey garments of no kind.": "Near z = 0 all classes meet, and the decoder draws "
                "their average.",
                "Nothing, the decoder is deterministic.": "It is, and its input changes.",
            },
            "Grey garments of no kind.",
        ),
        Question(
            "You keep the best quarter of all samples by confidence. What has got worse?",
            {
                "Nothing: each kept image scores higher.": "The set has lost kinds: easy classes "
                "crowd out shirts and coats.",
                "The number of kinds, and the Fréchet distance of the set.": "Rank within a class, "
                "if at all.",
                "The sharpness.": "Selecting changes no pixel.",
            },
            "The number of kinds, and the Fréchet distance of the set.",
        ),
    ),
}
