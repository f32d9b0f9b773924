"""The self-checks of chapters 3.1 to 3.6."""

from __future__ import annotations

from aigc_course.checks.quizzes import Question

QUESTIONS: dict[str, tuple[Question, ...]] = {
    "03_1_algorithms": (
        Question(
            "You let the autoregressive model write x₂ first and x₁ second. Which of its numbers "
            "must change much?",
            {
                "Its likelihood: a dependence gets lost.": "The product rule leaves nothing out, "
                "in either order (section 2).",
                "None of them.": "Both orders factorise the same density, and these islands look "
                "alike from both sides.",
                "Its passes a sample.": "Two numbers take two passes, whichever comes first "
                "(section 2).",
            },
            "None of them.",
        ),
        Question(
            "You subtract the VAE's ELBO from the flow's log-likelihood. By how much is the flow "
            "ahead?",
            {
                "By exactly that difference.": "That takes a bound for the value itself "
                "(section 3).",
                "By less than that difference.": "The ELBO is only a lower bound, and the tighter "
                "one is 0.45 nats above it.",
                "Perhaps not at all.": "With a quarter of its samples in the sea, the VAE loses at "
                "least 0.29 nats by that alone (section 3).",
            },
            "By less than that difference.",
        ),
        Question(
            "The lines of flow matching's training are straight. Why are the sampled trajectories "
            "1.39 times as long as straight ones?",
            {
                "The trajectories cross each other.": "One place at one time has one wind, so they "
                "never meet (section 4).",
                "Heun's method errs at each step.": "32 passes and 80 give nearly the same "
                "samples: the bend is in the wind (section 4).",
                "Fresh noise comes in at each step.": "Only the start is random; the rest follows "
                "the wind (section 4).",
                "The wind is the average over many lines.": "It first points to the middle of the "
                "data and later to an island.",
            },
            "The wind is the average over many lines.",
        ),
        Question(
            "A plain GAN shows three of eight islands. What did it show some hundreds of steps "
            "before?",
            {
                "The same three, less sharply.": "That would be a GAN that settles, and the plain "
                "one never does (section 5).",
                "All eight, early on.": "None of the plain runs had more than four at any time "
                "(section 5).",
                "Other islands.": "The generator moves on when the discriminator has learned, and "
                "forgets where it was.",
                "Fewer of the same ones.": "It does not collect islands; later in a run it may "
                "have as few as one (section 5).",
            },
            "Other islands.",
        ),
        Question(
            "Which family can go from island to island without leaving strays in the sea?",
            {
                "Flow matching, with enough passes.": "A continuous wind must part the points "
                "somewhere: 2.48% strays (section 4).",
                "The VAE, with a better decoder.": "As long as the decoder is continuous, codes in "
                "between become points in between (section 3).",
                "The autoregressive model.": "It picks bars and may jump: 0.3% strays, where the "
                "other three have 2.5% or more.",
                "The GAN, once it is calmed.": "Its generator is continuous too: a thin thread "
                "remains, 11.3% strays (section 6).",
            },
            "The autoregressive model.",
        ),
    ),
    "03_2_adversarial": (
        Question(
            "A forgery is bad: its score is −6. Which loss teaches the forger more there?",
            {
                "log(1 − σ(D)), the judge's loss turned round.": "Its slope is 0.0025 there: where "
                "the judge is sure it saturates (section 1).",
                "Both alike, as both fall when the score rises.": "Their slopes agree at a score "
                "of 0 only (section 1).",
                "−log σ(D), the non-saturating one.": "Its slope is 0.9975: it teaches most when "
                "the forgery is worst.",
            },
            "−log σ(D), the non-saturating one.",
        ),
        Question(
            "A colleague's judge has a loss of 1.386 from the first step to the last. What do you "
            "suspect?",
            {
                "The forgeries are perfect.": "At the last step perhaps; at the first step the "
                "forger knows nothing (section 1).",
                "The judge has learnt nothing.": "2 ln 2 is the loss of one that cannot tell, and "
                "at the start forgeries cannot be perfect.",
                "The judge sees through each forgery.": "Then its loss would be near 0 "
                "(section 1).",
            },
            "The judge has learnt nothing.",
        ),
        Question(
            "The averaged judge's loss on test images is 1.141. What follows for the JSD?",
            {
                "It is 0.123 nats.": "That holds for the best possible judge only, which this one "
                "need not be (section 1).",
                "Nothing, without the best judge.": "Any judge on unseen pictures gives a bound on "
                "one side (section 1).",
                "It is at most 0.123 nats.": "A better judge might see more, so no upper bound "
                "follows but log 2 (section 1).",
                "It is at least 0.123 nats.": "The best judge would do no worse, and its loss is "
                "2 ln 2 less twice the JSD.",
            },
            "It is at least 0.123 nats.",
        ),
        Question(
            "To be more exact, you shrink the step of the slope penalty from s = 0.05 to 10⁻⁷. "
            "What happens to the estimate?",
            {
                "It comes nearer to the exact slope.": "On paper, yes; in float32 the two scores "
                "differ by less than it can hold (section 3).",
                "It stays at 1.01 times the slope.": "From 0.05 down to 10⁻⁵ it stays near 1, and "
                "then rounding sets in (section 3).",
                "It leaves the region of real pictures.": "That is the fault of large steps such "
                "as s = 0.2 (section 3).",
                "It becomes 23 times too large.": "What remains is rounding, and it is divided by "
                "the square of s.",
            },
            "It becomes 23 times too large.",
        ),
        Question(
            "Trained without the slope penalty the judge is 72% sure, with it 63%. Which of the "
            "two is right more often?",
            {
                "The surer one.": "It is right in 73% of the cases: steep is not the same as good "
                "(section 6).",
                "The one with the penalty.": "It is right in 85% of the cases, though its forger "
                "is the better one.",
                "Both alike.": "85% and 73% were measured over the last 100 steps (section 6).",
            },
            "The one with the penalty.",
        ),
    ),
    "03_3_autoregressive": (
        Question(
            "In MADE's second mask `<` has become `<=`. How can one tell without any training?",
            {
                "One cannot: random weights show nothing.": "8 of 45 forbidden gradients are not "
                "zero with random weights (section 2).",
                "The likelihood is worse than it was.": "A leak makes it look better, far below "
                "the floor once trained (section 2).",
                "The probabilities add up to 0.9118.": "With right masks they add up to 1 for any "
                "weights, so the sum shows the leak.",
            },
            "The probabilities add up to 0.9118.",
        ),
        Question(
            "240.23 ± 1.71 and 235.80 ± 1.71 nats, on the same 2,000 images. May one call the "
            "second model better?",
            {
                "No, the errors are too large.": "Most of each error is that some images are "
                "harder, for both models alike (section 3).",
                "Yes, the smaller number wins.": "A difference needs an error of its own before it "
                "means anything (section 3).",
                "Only after training both again.": "That is the question of other seeds; about "
                "these two trainings no doubt is left (section 3).",
                "Yes, by the paired difference.": "Image by image it is 4.43 ± 0.14 nats, thirty "
                "times its error.",
            },
            "Yes, by the paired difference.",
        ),
        Question(
            "Keeping what cannot change saves 784 times the arithmetic. Why is drawing only 43 "
            "times faster?",
            {
                "The 784 steps still stand in a row.": "Each pixel waits for the coin before it, "
                "and each step is too small to keep a processor busy.",
                "Many units are still computed twice.": "With kept units each is computed once, "
                "together one pass (section 4).",
                "Throwing the coins takes the rest.": "Both programs throw the same 784 coins, the "
                "fast one in 0.07 s with all else (section 4).",
            },
            "The 784 steps still stand in a row.",
        ),
        Question(
            "Which half of a boot can the shipped model draw exactly, given the other half?",
            {
                "Either, as any order of pixels is exact.": "That holds of the tables; a trained "
                "network answers in one order (section 6).",
                "The lower, given the upper.": "The upper rows come first in its order, so their "
                "questions are already answered.",
                "Neither without more training.": "Nothing was trained for completion: the given "
                "pixels are loaded coins (section 6).",
                "The upper, given the lower.": "It would have to weigh all upper halves, for which "
                "it has no cheap exact way (section 6).",
            },
            "The lower, given the upper.",
        ),
        Question(
            "The shipped model's FID-28 is 1.30; five lots of real images have 0.94 to 1.93. What "
            "does that show?",
            {
                "A thousand draws cannot tell them apart.": "More samples would lower the floor "
                "and might show a difference.",
                "Its draws are better than real ones.": "It is one number with chance in it, among "
                "floors that scatter (section 5).",
                "It has copied its training images.": "This ruler cannot see copies; it compares "
                "clouds of features (section 5).",
            },
            "A thousand draws cannot tell them apart.",
        ),
    ),
    "03_4_flow_matching": (
        Question(
            "On the two hills the network's loss ends at 1.47. What would a perfect network reach?",
            {
                "0, as in any regression.": "Lines cross, so the velocity of a single line cannot "
                "be known from its place (section 1).",
                "2.00.": "That is the loss of always answering 0 (section 1).",
                "1.571, which is π/2.": "That is the floor of one Gaussian of variance 1; two "
                "hills have more structure (section 5).",
                "1.45.": "That is the mean variance of x − n given the place, and no function of "
                "the place removes it.",
            },
            "1.45.",
        ),
        Question(
            "The lines between noise and data cross, the paths along the mean velocity do not. "
            "Why?",
            {
                "A place and a time have one velocity.": "Two paths that met would be one path "
                "from then on, and before.",
                "Heun's steps keep them apart.": "Steps only approximate paths that do not cross "
                "by themselves (section 1).",
                "The network is too smooth for crossings.": "The exact formula has the same "
                "property, without any network (section 1).",
            },
            "A place and a time have one velocity.",
        ),
        Question(
            "In each coordinate the aggregated posterior has a variance of 0.86 to 1.07. Why do "
            "draws from the prior decode so badly?",
            {
                "They fall into a hole between islands.": "17% of the probability in one plane is "
                "in the wrong place, which no variance shows.",
                "The 18 unused coordinates add noise.": "The decoder ignores these (section 4).",
                "The decoder blurs too much.": "Its blur explains 0.16 to 1.72, and the prior's "
                "draws score 12.90 (section 4).",
                "A variance of 0.86 is too far from 1.": "By the first two moments the two can "
                "hardly be told apart (section 4).",
            },
            "They fall into a hole between islands.",
        ),
        Question(
            "You have an hour to improve the pictures. Which of these is worth least?",
            {
                "A longer training of the flow.": "The shipped one, trained longer, stands at 7.95 "
                "and ours at 9.94 (section 6).",
                "32 steps in place of 8.": "They bring FID-28 from 9.97 to 9.65, and no lower.",
                "A better autoencoder.": "The 1.72 of reconstructions is the end of the road, and "
                "only this moves it (last section).",
            },
            "32 steps in place of 8.",
        ),
        Question(
            "At t = 0, where do the six walkers of section 7 aim?",
            {
                "At the noise that they started from.": "That is where they stand, in the upper "
                "row (section 7).",
                "Each at a garment of its own.": "By t = 0.3 they do; at the start the place tells "
                "nothing about the end (section 7).",
                "All at the mean of the latents.": "From pure noise the best guess is E[x] − x, so "
                "the lower row shows one grey shape.",
            },
            "All at the mean of the latents.",
        ),
    ),
    "03_5_side_by_side": (
        Question(
            "In grey, the VAE's FID-28 is 27.1 ± 1.0 and the GAN's 29.3 ± 1.6. A colleague trains "
            "one of each. Will her VAE win?",
            {
                "As likely as not.": "Then half of the pairs would say so (section 4).",
                "Probably: 84% of pairs say so.": "That is counted over all pairs of seeds, and "
                "the rest name the wrong winner.",
                "Certainly, as 27.1 is less.": "These are means of five seeds, and single runs "
                "scatter by one to two points (section 4).",
            },
            "Probably: 84% of pairs say so.",
        ),
        Question(
            "The flow's precision is 0.93, that of real images 0.91. Why is the flow ahead?",
            {
                "It draws better than a camera.": "Its FID-28 is 9.1 where real images have 0.16 "
                "(section 2).",
                "It was judged in its own features.": "The judge is a classifier that none of the "
                "four has met (section 1).",
                "It was trained on test images.": "No model of the match was trained on one "
                "(section 1).",
                "It prefers typical images.": "These lie among real ones more often than odd ones "
                "do, and the price is a recall of 0.77.",
            },
            "It prefers typical images.",
        ),
        Question(
            "By likelihood VAE and autoregressive model differ by less than 1 nat, by FID-28 of "
            "draws twofold. How can that be?",
            {
                "One of the two measures must be wrong.": "They ask for different things: every "
                "pixel, or the features of a set (section 5).",
                "The VAE's number is only a bound.": "A bound can only make it look worse, and it "
                "is ahead all the same (section 5).",
                "Most nats are paid for coins.": "190 of 234 nats are the coins' noise; what a "
                "classifier cares for is in the rest.",
            },
            "Most nats are paid for coins.",
        ),
        Question(
            "At temperature 0.25 the GAN's pictures are those of temperature 1.0. Why?",
            {
                "A GAN has no noise to scale.": "Noise goes in and is scaled (section 9).",
                "A normalization divides the scale out.": "It follows the first layer, so what the "
                "noise is multiplied with is gone.",
                "It has dropped all other classes.": "All ten classes are there in every run "
                "(section 3).",
                "Its pictures are typical at any rate.": "Its precision is 0.78, the lowest of the "
                "four (section 10).",
            },
            "A normalization divides the scale out.",
        ),
        Question(
            "The autoregressive model has 11.7 in binary draws and 23.7 in grey. Which one is its "
            "FID-28?",
            {
                "23.7, as the GAN is judged in grey.": "Its grey intensities are chances given "
                "pixels that were drawn (section 2).",
                "11.7, on its native ground.": "It is the fairer ground for this model, and still "
                "one of two protocols (section 2).",
                "Each, with its protocol named.": "Without the protocol neither number can stand "
                "beside another one.",
            },
            "Each, with its protocol named.",
        ),
    ),
    "03_6_pipeline": (
        Question(
            "Why must copies go before wrong labels are looked for?",
            {
                "The copies of an error vouch for it.": "A wrong label with ten copies has ten "
                "nearest neighbours on its side.",
                "They make the search for neighbours slow.": "That costs seconds; what it does to "
                "the vote costs wrong labels (step 1).",
                "The labels of copies are always wrong.": "A copy carries the label of its "
                "original, right or wrong (step 1).",
            },
            "The copies of an error vouch for it.",
        ),
        Question(
            "A colleague doubts labels by a classifier that was trained on all of them, the wrong "
            "ones included. What is amiss?",
            {
                "Its accuracy may be too low.": "The shipped classifier is far better than "
                "neighbours, and would remember answers too (step 1).",
                "Only neighbours can find errors.": "A classifier can too, if it is trained on "
                "other rows than it judges (step 1).",
                "Nothing, if it has seen all kinds.": "What it has seen with its label it will "
                "confirm (step 1).",
                "It has learnt what it should doubt.": "A label may only be doubted by a "
                "prediction that was made without it.",
            },
            "It has learnt what it should doubt.",
        ),
        Question(
            "The cleaned table brings 78.3% right, a perfectly clean one 77.2%. What may one "
            "claim?",
            {
                "The cleaning improves on the truth.": "Each share has a standard error of 0.6 "
                "points, and there was one run each (step 2).",
                "The perfect table holds more errors.": "It has none of ours; the cleaner also "
                "threw out honest, untypical shirts (step 2).",
                "The cleaned table is clean enough.": "The gap is within chance, and a judge who "
                "rewards the typical favours it.",
            },
            "The cleaned table is clean enough.",
        ),
        Question(
            "The sieve lets pass 81% of real pictures, and 42% of real shirts. What does it ask?",
            {
                "Is this a shirt that I am sure of?": "It keeps what it gives more than one half "
                "to, and of shirts it is seldom so sure.",
                "Is this a shirt?": "Then most real shirts would pass (step 3).",
                "Is this a real picture?": "It has never learnt to tell real from generated: it is "
                "a classifier of garments (step 3).",
                "Is this a clean picture?": "No picture was shown to it as dirty; it was trained "
                "on the cleaned table (step 3).",
            },
            "Is this a shirt that I am sure of?",
        ),
        Question(
            "Sharpened pictures have a sharpness of 0.091, and real ones 0.089. Why was sharpening "
            "not shipped?",
            {
                "0.091 is too sharp.": "Of all treatments it comes nearest to 0.089; the number is "
                "met and the pictures are not (step 4).",
                "It harms real pictures.": "These need nothing, and it drives their FID-28 from "
                "0.56 to 5.56.",
                "Contrast gives more right answers.": "Contrast, 94.5% right, gains nothing there "
                "over the untouched 94.8% (step 4).",
            },
            "It harms real pictures.",
        ),
    ),
}
