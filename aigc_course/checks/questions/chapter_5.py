"""The self-checks of chapters 5.1, 5.2, 5.2b and 5.3."""

from __future__ import annotations

from aigc_course.checks.quizzes import Question

QUESTIONS: dict[str, tuple[Question, ...]] = {
    "05_1_build_a_vae": (
        Question(
            "The essay minimises SSE/784 + KL/32. Of which decoder is this the negative ELBO?",
            {
                "One whose pixels miss by σ = 1.": "That is ½SSE + KL with sums (section 5).",
                "None: means are no likelihood.": "A constant factor changes no minimum, so the "
                "means hide a σ and do not abolish it (section 5).",
                "One whose pixels miss by σ = 3.5.": "Multiplied by 32, which moves no minimum, it "
                "is SSE/(2σ²) + KL with σ² = 12.25.",
            },
            "One whose pixels miss by σ = 3.5.",
        ),
        Question(
            "Why were `mean` and `logvar` deleted before the faulty loss was shown?",
            {
                "A global would be used in silence.": "Each step would have had the KL of the same "
                "old batch, without an error.",
                "Keras keeps only one of each name.": "Keras does not see the notebook's variables "
                "(defect 9).",
                "To give their memory back.": "They are a few numbers; what matters is their names "
                "(defect 9).",
            },
            "A global would be used in silence.",
        ),
        Question(
            "A convolution complains: `expected min_ndim=4, found ndim=3`. Which axis is missing?",
            {
                "The batch.": "The message shows it: the `None` in `(None, 28, 28)` (section 2).",
                "The channels.": "A grey image has one, so the shape must be (28, 28, 1).",
                "The latents.": "They leave the encoder's last layer, far behind this error "
                "(defect 7).",
            },
            "The channels.",
        ),
        Question(
            "The convolutional VAE has 893,057 weights and the dense one 1,091,920. Which works "
            "more for an image?",
            {
                "Both about alike.": "Weights are about alike, and work is not (section 9).",
                "The dense one, by its weights.": "A dense layer multiplies and adds once for each "
                "weight; count the others too (section 9).",
                "The convolutional one, nine times over.": "It uses each weight at every position: "
                "10,298,368 multiply-adds against 1,089,536.",
            },
            "The convolutional one, nine times over.",
        ),
        Question(
            "You want `fit` and `evaluate` to use your loss, on every backend. What do you "
            "override?",
            {
                "`train_step`": "There you write the gradient yourself, once for each backend, and "
                "a `test_step` for `evaluate` (section 8).",
                "`call`": "It is the forward pass, which `predict` uses (section 8).",
                "`adapt`": "It sets the mean image and leaves the objective the same (section 8).",
                "`compute_loss`": "Keras asks for the loss there and does the rest itself.",
            },
            "`compute_loss`",
        ),
    ),
    "05_2_train_a_vae": (
        Question(
            "A loss averages the KL over the latents. You change `latent_dim` from 2 to 32. What "
            "else has changed?",
            {
                "The noise floor.": "It belongs to the coins of the images, whatever the model "
                "(section 5).",
                "Nothing: a mean keeps the scale.": "The mean is what changes: the same nat counts "
                "a thirty-second and not a half (section 7b).",
                "β, the price of a nat.": "In Chollet's example it is 0.5 as published and 0.03 "
                "with 32 latents.",
            },
            "β, the price of a nat.",
        ),
        Question(
            "All samples are the same grey cloud, the KL is near 0 nats, no unit is active. Where "
            "do you look?",
            {
                "At the code that samples.": "With a KL near 0 the encoder says nothing, so "
                "samples cannot differ (section 7a).",
                "At a mean over the pixels.": "It makes β = 784, so that a latent costs more than "
                "it can ever give.",
                "At the learning rate.": "The loss looks calm and is met; it asks for this "
                "(section 7a).",
            },
            "At a mean over the pixels.",
        ),
        Question(
            "After some epochs the loss is negative, and the KL has risen to hundreds of nats. "
            "What has happened?",
            {
                "The model has become very good.": "No model of these coins can go below a floor "
                "of about 190 nats (section 7c).",
                "The pixels were not divided by 255.": "That goes below the floor by the other "
                "term; here it is the KL that grows (section 7f).",
                "Test images leaked into training.": "A leak is worth tens of nats, and the score "
                "stays above the floor (section 7e).",
                "The KL has lost its sign.": "It grows without bound because it is rewarded, and "
                "takes the loss below the floor.",
            },
            "The KL has lost its sign.",
        ),
        Question(
            "With k = 500 the NLL is two to three nats better than with k = 1, and each has an "
            "error as large. What is better?",
            {
                "The model.": "Its weights are untouched (section 5).",
                "Nothing is.": "The errors say how images differ, which is the same for both "
                "numbers (section 5).",
                "The bound.": "More draws tighten it: taken image by image, the gain is many times "
                "its error.",
            },
            "The bound.",
        ),
        Question(
            "Why does `train` evaluate `watched` after each epoch and not `scored`?",
            {
                "It is the smaller set.": "It is the larger one, 2,000 images to 1,000 (start of "
                "the chapter).",
                "The model has seen `scored` before.": "It has been trained on neither; that is "
                "why they are kept (start of the chapter).",
                "It was binarized with other coins.": "Both come from one draw, with seed 777 "
                "(start of the chapter).",
                "Who watches a curve decides by it.": "A score on images that took part in "
                "decisions is a mild leak.",
            },
            "Who watches a curve decides by it.",
        ),
    ),
    "05_2b_better_likelihoods": (
        Question(
            "Trained on with k = 8 and not 1, a VAE has a worse ELBO and a better NLL. Is it the "
            "better model?",
            {
                "No, the ELBO is what one trains.": "The ELBO also measures the encoder, which is "
                "no part of p(x) (section 2).",
                "It cannot be told: the errors overlap.": "Those of the two differences do not "
                "reach 0 (section 2).",
                "Yes, the NLL says so.": "It is nearly log p(x) itself, whatever the encoder has "
                "learnt.",
            },
            "Yes, the NLL says so.",
        ),
        Question(
            "A learned mean and variance of the prior bring 0.000000 nats. Why does a flow as "
            "prior bring more?",
            {
                "It has many more weights.": "Weights that the decoder can absorb bring nothing, "
                "however many (section 3).",
                "It is trained together with the decoder.": "So were the mean and the variance "
                "(section 3).",
                "It makes the KL exact.": "On the contrary, the KL loses its closed form and is "
                "estimated (section 3).",
                "It changes the density's shape.": "Clumps and gaps cannot be absorbed by the "
                "decoder's first, affine layer.",
            },
            "It changes the density's shape.",
        ),
        Question(
            "The PixelVAE's KL is 8.0 nats, that of the plain VAE 16.3. Has its posterior "
            "collapsed?",
            {
                "No: the KL is only the encoder's gap.": "The gap is the KL from the posterior, "
                "and this one is from the prior (section 1).",
                "Yes, as half of the nats are gone.": "A collapsed one has a KL near 0, and here 9 "
                "latents are active (section 4).",
                "No: neighbours say what latents said.": "Its decoder sees near pixels, so the "
                "latents need only carry the rest.",
            },
            "No: neighbours say what latents said.",
        ),
        Question(
            "With random weights, MADE's probabilities of 512 images add up to 1.00000. What will "
            "training do to the sum?",
            {
                "It drifts, so check it again at the end.": "No weight can move it, as each "
                "factor is a probability (section 5).",
                "Nothing, it is in the masks.": "The sum is a property of the structure, which "
                "training cannot break.",
                "It rises as the likelihood rises.": "Likelihood moves from some images to others "
                "while the sum stays (section 5).",
            },
            "Nothing, it is in the masks.",
        ),
        Question(
            "DeepPixelCNN beats the plain VAE by 3.50 ± 0.17 nats, though each has a ± of three "
            "quarters of a nat. How can that be?",
            {
                "The difference was taken image by image.": "A hard image is hard for both, and in "
                "the difference that cancels.",
                "The 0.17 is of other training runs.": "Each model here was trained once; runs are "
                "what the published ± is about (section 6).",
                "The exact model has no error.": "Exact means without a bound; other test images "
                "would still change its mean (section 6).",
            },
            "The difference was taken image by image.",
        ),
    ),
    "05_3_generate_images": (
        Question(
            "Fresh real images have a small Fréchet distance to the test images, and not 0. Why?",
            {
                "The classifier errs on some of them.": "It errs alike on both sets; the distance "
                "compares its features (section 2).",
                "They hold other kinds of clothing.": "Both hold the same ten, about equally "
                "frequent (section 2).",
                "Both sets are finite.": "Their means and covariances differ by chance, the more "
                "so the fewer the images.",
            },
            "Both sets are finite.",
        ),
        Question(
            "Half-way along a straight line the latent's mean length is 2.33, at its ends 3.27. "
            "What does the picture there look like?",
            {
                "Like two ghosts at once.": "That is the cross-fade of pixels (section 6).",
                "Like the ends: the decoder sees direction.": "Its Fréchet distance is many times "
                "that of the ends (section 6).",
                "Sharper, being more typical.": "Confidence falls there, since it is an average "
                "(section 6).",
                "Grey, as at a low temperature.": "The chord passes near the origin, where all "
                "classes meet.",
            },
            "Grey, as at a low temperature.",
        ),
        Question(
            "Sleeves added to pixels convince the classifier as well as sleeves added to latents. "
            "Which are nearer to real pullovers?",
            {
                "Those made in latent space.": "Their Fréchet distance to pullovers is by far the "
                "smaller one.",
                "Those made from pixels.": "A ghost of sleeves passes the test of the share and "
                "not that of the distance (section 8).",
                "Both, since both convince it.": "A share is a weak test: look at the distance to "
                "real pullovers (section 8).",
            },
            "Those made in latent space.",
        ),
        Question(
            "Samples are ranked within their class by the classifier's confidence. Which number "
            "shows what is gained?",
            {
                "The classifier's agreement.": "Who selected agrees with himself, which proves "
                "nothing (section 10).",
                "The nearest neighbour's agreement.": "That judge had no part in the choice, so "
                "what it gains is the gain.",
                "The Fréchet distance of the set.": "It rises: that is the price in variety "
                "(section 10).",
            },
            "The nearest neighbour's agreement.",
        ),
        Question(
            "To look for copies, why are samples compared with reconstructions of test images too?",
            {
                "Blurred pictures are close to everything.": "Beside sharp images an honest, "
                "blurred sample could look like a copy.",
                "Test images might be copies themselves.": "No model was trained on them "
                "(section 11).",
                "Their distances are the smallest of all.": "They are, and what counts is why "
                "(section 11).",
                "Reconstructions are the decoder's targets.": "Its targets are the training "
                "images; these are of test images (section 11).",
            },
            "Blurred pictures are close to everything.",
        ),
    ),
}
