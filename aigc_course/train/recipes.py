"""How each shipped checkpoint was trained: one recipe a name, run by ``aigc train NAME``.

The recipes are ``data/recipes/NAME.yml``; chapters 3 and 5 use the models that they make, and
chapters 6.1 to 6.3 those of prose, poems and chorales.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aigc_apps.common import tokens
from aigc_apps.common.language import LanguageModel
from aigc_apps.music.chorale_model import ChoraleModel
from aigc_course.train import judges, packing
from aigc_course.train.distributed import Cluster
from aigc_course.train.names import check_training, recipe_folder
from aigc_utils import checkpoints, data, models, training
from aigc_utils.files import atomic_path, read_yaml, sha256
from aigc_utils.runtime import describe_machine, seed_everything

# What a stage may say: settings of `aigc_utils.training.train`, and arguments of models that
# change how they learn, not what weights they have.
TRAIN_SETTINGS = (
    "epochs",
    "batch_size",
    "learning_rate",
    "kl_warmup_epochs",
    "beta_1",
    "average",
)
STAGE_ARGUMENTS = ("importance_samples", "dropout", "num_sampled", "in_c")
# Models that applications bring, beside those of `aigc_utils.models`.
APPLICATION_MODELS = (LanguageModel, ChoraleModel)


def _known_model(name: str) -> str:
    known = [each for each in models.__all__ if each[0].isupper()]
    known += [kind.__name__ for kind in APPLICATION_MODELS]
    if name not in known:
        raise ValueError(f"there is no model {name!r}, choose one of {', '.join(known)}")
    return name


def _known_settings(stage: dict[str, Any]) -> dict[str, Any]:
    known = (*TRAIN_SETTINGS, *STAGE_ARGUMENTS)
    if unknown := ", ".join(repr(name) for name in stage if name not in known):
        raise ValueError(f"a stage has no setting {unknown}, choose among {', '.join(known)}")
    if "epochs" not in stage:
        raise ValueError("a stage says for how many epochs it trains, and this one does not")
    return stage


class Recipe(BaseModel):
    """A model, its data, and the settings that train it.

    Attributes:
        model: a class of `aigc_utils.models`, or one that an application brings.
        arguments: what it is built with.
        stages: what `aigc_utils.training.train` is called with, one stage after another;
            a stage may also change an argument of the model that is in `STAGE_ARGUMENTS`.
        start: another recipe, whose weights it begins with; what the model has beyond them
            comes last and begins as it is built.
        members: recipes of an ensemble's members, each trained by itself; the model's weights are
            theirs, one after another, and it has no stages of its own.
        averaged_stages: the weights that are kept are the mean over the ends of so many
            last stages (stochastic weight averaging: Izmailov et al., 2018); 1 keeps the last.
        trained_on: what it learns from, in words, for the card.
        judge: what is measured in the end: the test images' ``"likelihood"``, the quality of
            ``"samples"``, ``"accuracy"``, or the likelihood of held-out ``"chorales"`` or
            ``"texts"``, which then are also what is learnt from.
        nll_samples: importance samples of the likelihood; None where it is exact.
        latents_of: a checkpoint whose latents are what is learnt, instead of images.
        limits: what the model must not be used for, or does badly.
        seed: of weights, noise and shuffling.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Annotated[str, AfterValidator(_known_model)]
    arguments: dict[str, Any]
    stages: tuple[
        Annotated[dict[str, bool | int | float], AfterValidator(_known_settings)], ...
    ] = ()
    trained_on: str
    judge: Literal["likelihood", "samples", "accuracy", "chorales", "texts"]
    limits: Annotated[tuple[str, ...], Field(min_length=1)]
    nll_samples: Annotated[int | None, Field(gt=0)] = None
    latents_of: str | None = None
    start: str | None = None
    members: tuple[str, ...] = ()
    averaged_stages: Annotated[int, Field(gt=0)] = 1
    seed: int = 0

    @model_validator(mode="after")
    def _learns_somehow(self) -> Recipe:
        if bool(self.stages) == bool(self.members):
            raise ValueError("a recipe has either stages or members, and this one has not")
        if self.averaged_stages > max(len(self.stages), 1):
            raise ValueError(
                f"averaged_stages is {self.averaged_stages}, more than the stages there are"
            )
        return self


def read_recipes() -> dict[str, Recipe]:
    """All recipes by name, in alphabetical order.

    Raises:
        ValueError: in one sentence, if a file is damaged, or names a model, a setting of a stage
            or another recipe that is not there.
    """
    paths = sorted(recipe_folder().glob("*.yml"))
    found = {path.stem: read_yaml(path, Recipe) for path in paths}
    for path in paths:
        recipe = found[path.stem]
        for other in (*recipe.members, *([recipe.start] if recipe.start else [])):
            if other not in found:
                raise ValueError(
                    f"{path} builds on the recipe {other!r}, which is not there: choose one of: "
                    f"{', '.join(found)}."
                )
    if circle := _circle(found):
        first = recipe_folder() / f"{circle[0]}.yml"
        raise ValueError(f"{first} needs itself, by way of {', '.join(circle)}: break the circle.")
    return found


def _circle(recipes: dict[str, Recipe]) -> list[str]:
    """Recipes that need each other, or themselves; none, as it should be, if all can be trained."""
    needs = {name: {*each.members, each.start} - {None} for name, each in recipes.items()}
    while ready := [name for name, needed in needs.items() if not needed & needs.keys()]:
        needs = {name: needed for name, needed in needs.items() if name not in ready}
    return sorted(needs)


def fashion_inputs(model: str, images: data.Images) -> tuple[Any, Any]:
    """Training inputs (grey) and test inputs (binarized once), as the model takes them."""
    x_train = data.to_unit(images.x_train)
    x_test = data.binarize(data.to_unit(images.x_test), seed=data.TEST_SEED)
    if model not in ("ConditionalVAE", "ImageClassifier"):
        return x_train, x_test
    return (
        {"images": x_train, "labels": images.y_train.astype(np.int32)},
        {"images": x_test, "labels": images.y_test.astype(np.int32)},
    )


@dataclass(frozen=True)
class RecipeInputs:
    """What a recipe learns from, and what its model is judged on.

    Attributes:
        train: as `aigc_utils.training.train` takes it.
        test: as the recipe's judge takes it.
        number: how much of it the judge sees, in words.
        grey: the test images as grey levels, 0 to 1, shape (N, 28, 28); None without images.
        tokenizer: of texts.
    """

    train: Any
    test: Any
    number: str
    grey: np.ndarray | None = None
    tokenizer: tokens.Tokenizer | None = None


def recipe_inputs(name: str, recipe: Recipe) -> RecipeInputs:
    """Read what a recipe learns from; latents are computed elsewhere."""
    if recipe.judge == "chorales":
        train, test = judges.chorale_inputs()
        return RecipeInputs(train, test, f"{len(test['chorales'])} held-out chorales")
    if recipe.judge == "texts":
        train, test = judges.text_inputs(name, recipe.arguments)
        number = f"{len(test.texts.test):,} held-out texts"
        return RecipeInputs(train, test, number, tokenizer=test.tokenizer)
    images = data.load_images("fashion_mnist")
    train, test = fashion_inputs(recipe.model, images)
    number = f"{len(images.x_test):,} test images"
    return RecipeInputs(train, test, number, grey=data.to_unit(images.x_test))


def train_checkpoint(
    name: str,
    out: str | os.PathLike,
    *,
    work_dir: str | os.PathLike,
    say: Callable[[str], None] = print,
    cluster: Cluster | None = None,
) -> checkpoints.ModelCard | None:
    """Train a recipe from nothing (or from where it was stopped), evaluate it, save it.

    Args:
        name: one of `read_recipes`.
        out: a folder of checkpoints; ``out/NAME`` is written when all is done.
        work_dir: keeps the state of a run that may be interrupted.
        say: told each stage.
        cluster: the machines that train together, if there are several; each calls this.

    Returns:
        The card, with measured results; None from a worker that is not the chief, which writes
        nothing.

    Raises:
        ValueError: if there is no such recipe.
        OSError: before anything is trained, if a folder cannot be written to.
        TrainingInterrupted: on Ctrl-C; the same call goes on.
    """
    known = read_recipes()
    check_training(name, known, Path(out), Path(work_dir))
    recipe = known[name]
    for member in recipe.members:
        train_checkpoint(member, out, work_dir=work_dir, say=say, cluster=cluster)
    inputs = recipe_inputs(name, recipe)
    decoder = None if recipe.latents_of is None else checkpoints.load_model(recipe.latents_of)
    learnt = inputs.train if decoder is None else models.latents(decoder, inputs.train)
    is_chief = cluster is None or cluster.is_chief
    if recipe.members:
        model, seconds = join_trained(recipe, out) if is_chief else (None, 0.0)
    else:
        model, seconds = train_stages(name, learnt, work_dir, cluster)
    if not is_chief:
        say(f"Trained in {seconds:.0f} s; the chief, {cluster.workers[0]}, does the rest.")
        return None
    say(f"Trained in {seconds:.0f} s; now the {recipe.judge}: {inputs.number}.")
    folder = Path(out) / name
    hashes = save_trained(model, recipe, folder, inputs.tokenizer)
    judged = model if decoder is None else models.LatentGenerator(decoder, model)
    results, verdict = judges.JUDGES[recipe.judge](
        judged, inputs.test, grey=inputs.grey, num_samples=recipe.nll_samples, seed=recipe.seed
    )
    card = card_of(name, recipe, known.get(recipe.start), hashes, seconds, results)
    with atomic_path(folder / "card.json") as temporary:
        temporary.write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    say(f"{name}: {verdict}; saved in {folder}.")
    return card


def save_trained(
    model, recipe: Recipe, folder: Path, tokenizer: tokens.Tokenizer | None
) -> dict[str, str | None]:
    """Write weights and tokens, and give the model the weights as they are shipped, in halves.

    Returns:
        ``weights_sha256`` and ``tokens_sha256`` of the card; an ensemble's weights are its
        members'.
    """
    if recipe.members:
        weights = checkpoints.hash_of_members(recipe.members, folder.parent)
    else:
        packing.save_in_halves(model, folder / "model.weights.h5")
        checkpoints.load_weights(model, folder / "model.weights.h5")
        weights = sha256(folder / "model.weights.h5")
    if tokenizer is None:
        return {"weights_sha256": weights, "tokens_sha256": None}
    tokens.save_tokenizer(tokenizer, folder / "tokens.json")
    return {"weights_sha256": weights, "tokens_sha256": sha256(folder / "tokens.json")}


def card_of(
    name: str,
    recipe: Recipe,
    start: Recipe | None,
    hashes: dict[str, str | None],
    seconds: float,
    results: dict[str, float],
) -> checkpoints.ModelCard:
    """The card of a checkpoint that was trained and judged; ``start`` is what it began with."""
    return checkpoints.ModelCard(
        name=name,
        model=recipe.model,
        arguments=recipe.arguments,
        **hashes,
        trained_on=recipe.trained_on,
        recipe={
            "optimizer": "Adam, cosine schedule, half an epoch of warm-up",
            "stages": list(recipe.stages),
            "averaged_stages": recipe.averaged_stages,
            "start": recipe.start,
            "stages_of_start": list(start.stages) if start else [],
        },
        seed=recipe.seed,
        seconds=round(seconds, 1),
        machine=describe_machine(),
        results=results,
        limits=list(recipe.limits),
        licence="MIT",
        retrain=f"aigc train {name}",
        decodes_with=recipe.latents_of,
        members=list(recipe.members),
    )


def build_model(recipe: Recipe, arguments: dict[str, Any]) -> Any:
    """An untrained model of a recipe, also where an application brings its class."""
    return checkpoints.build(recipe.model, arguments, also=APPLICATION_MODELS)


def train_stages(
    name: str, train_inputs, work_dir: str | os.PathLike, cluster: Cluster | None = None
) -> tuple[Any, float]:
    """The model of a recipe after its last stage, and the seconds that all stages took.

    Those of the recipe that it starts from are counted, and trained first where their state
    is not in ``work_dir``.
    """
    recipe = read_recipes()[name]
    begun, seconds = [], 0.0
    if recipe.start is not None:
        start, seconds = train_stages(recipe.start, train_inputs, work_dir, cluster)
        begun = start.get_weights()
    seed_everything(recipe.seed)
    model = build_model(recipe, recipe.arguments)
    if hasattr(model, "adapt"):
        model.adapt(data.as_mapping(train_inputs)["images"])  # or latents
    model.set_weights([*begun, *model.get_weights()[len(begun) :]])
    stage_ends = []
    # The chief alone keeps the state of a run, and tells the others.
    kept = None if cluster is not None and not cluster.is_chief else Path(work_dir) / name
    for number, stage in enumerate(recipe.stages, start=1):
        settings = dict(stage)
        changed = {key: settings.pop(key) for key in STAGE_ARGUMENTS if key in settings}
        staged = build_model(recipe, recipe.arguments | changed)
        staged.set_weights(model.get_weights())
        history = training.train(
            staged,
            train_inputs,
            resume_dir=kept and kept / str(number),
            loop=cluster and cluster.fit,
            title=f"{name}, stage {number} of {len(recipe.stages)}",
            **settings,
        )
        seconds += sum(history["seconds"])
        model.set_weights(staged.get_weights())
        stage_ends.append(staged.get_weights())
    last = stage_ends[-recipe.averaged_stages :]
    model.set_weights([np.mean(arrays, axis=0) for arrays in zip(*last, strict=True)])
    return model, seconds


def join_trained(recipe: Recipe, out: str | os.PathLike) -> tuple[Any, float]:
    """An ensemble of the checkpoints in ``out``, and the seconds that these trained for."""
    model = checkpoints.join_members(recipe.model, recipe.arguments, recipe.members, out)
    cards = [checkpoints.load_card(member, out) for member in recipe.members]
    return model, sum(card.seconds for card in cards)
