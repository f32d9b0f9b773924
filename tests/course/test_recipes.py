"""Recipes: each shipped model can be trained again, by name, to a folder that loads."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest
import yaml

from aigc_course.train import recipes
from aigc_utils import checkpoints, data, training
from aigc_utils.files import read_yaml, sha256

pytestmark = pytest.mark.usefixtures("seeded")

RECIPES = recipes.read_recipes()

TINY = recipes.Recipe(
    model="VAE",
    arguments={"latent_dim": 2, "hidden_units": [16]},
    stages=(
        {"epochs": 1, "batch_size": 500, "learning_rate": 0.01},
        {"epochs": 1, "batch_size": 500, "learning_rate": 0.001, "importance_samples": 2},
    ),
    judge="likelihood",
    nll_samples=2,
    trained_on="Fashion-MNIST, one visit",
    limits=("It has learnt next to nothing.",),
)


def use(patch: pytest.MonkeyPatch, **known: recipes.Recipe) -> None:
    """Put these recipes in the place of those in the folder."""
    patch.setattr(recipes, "read_recipes", lambda: known)


@pytest.fixture(scope="module")
def made(started, tmp_path_factory):
    """A tiny recipe, trained on the whole data set in two stages, and what it said."""
    folder, said = tmp_path_factory.mktemp("made"), []
    with pytest.MonkeyPatch.context() as patch:
        use(patch, tiny=TINY)
        card = recipes.train_checkpoint(
            "tiny", folder / "out", work_dir=folder / "work", say=said.append
        )
    return folder, card, said


def test_a_trained_recipe_is_a_folder_that_loads(made):
    folder, card, _ = made
    model = checkpoints.load_model("tiny", root=folder / "out")
    assert model.latent_dim == 2
    assert model.importance_samples == 1
    assert checkpoints.load_card("tiny", root=folder / "out") == card
    assert sorted(p.name for p in (folder / "out" / "tiny").iterdir()) == [
        "card.json",
        "model.weights.h5",
    ]


def test_the_card_holds_the_hash_the_stages_and_the_way_back(made):
    folder, card, _ = made
    assert card.weights_sha256 == sha256(folder / "out" / "tiny" / "model.weights.h5")
    assert card.recipe["stages"] == list(TINY.stages)
    assert card.retrain == "aigc train tiny"
    assert card.seconds > 0


def test_the_cards_likelihood_is_that_of_a_model_that_has_learnt(made):
    _, card, _ = made
    nll = card.results["test_nll_nats_iw2_10000_images"]
    # The noise floor is 189.9 and the mean image alone scores some 390 nats; two epochs of
    # sixteen units come to about 320.
    assert 260 < nll < 370
    # Two samples against one: never worse in expectation, and close.
    assert nll - 0.5 < card.results["test_negative_elbo_nats_10000_images"] < nll + 10
    assert 0.2 < card.results["test_nll_standard_error_iw2"] < 2


def test_the_result_is_said_in_plain_words(made):
    _, card, said = made
    assert len(said) == 2
    assert "10,000 test images" in said[0]
    assert f"{card.results['test_nll_nats_iw2_10000_images']:.2f}" in said[1]


def test_each_stage_keeps_a_state_of_its_own(made):
    folder, _, _ = made
    for stage in ("1", "2"):
        assert (folder / "work" / "tiny" / stage / "training-state.npz").is_file()


def test_an_interrupted_recipe_writes_no_checkpoint(few_images, tmp_path, monkeypatch, ctrl_c):
    use(monkeypatch, tiny=TINY)
    monkeypatch.setattr(training.TrainingProgress, "on_epoch_begin", lambda *_: ctrl_c())
    with pytest.raises(training.TrainingInterrupted, match="0 of 1 epochs"):
        recipes.train_checkpoint("tiny", tmp_path / "out", work_dir=tmp_path / "work")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["vae_fashoin", ""])
def test_an_unknown_recipe_is_refused_with_the_known_ones(name, tmp_path, one_sentence):
    with pytest.raises(ValueError, match="no recipe") as caught:
        recipes.train_checkpoint(name, tmp_path, work_dir=tmp_path)
    one_sentence(caught.value, repr(name), "vae_fashion", "cvae_fashion")


def test_every_shipped_checkpoint_has_a_recipe_of_its_model():
    for name in checkpoints.available():
        card, recipe = checkpoints.load_card(name), RECIPES[name]
        assert (card.model, card.arguments) == (recipe.model, recipe.arguments)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_builds_its_model_and_names_only_known_settings(name):
    recipe = RECIPES[name]
    model = recipes.build_model(recipe, recipe.arguments)
    built = json.loads(json.dumps(model.arguments()))
    assert built | recipe.arguments == built
    known = set(recipes.TRAIN_SETTINGS)
    for stage in recipe.stages:
        changed = {name: stage[name] for name in stage if name not in known}
        assert set(changed) <= set(recipes.STAGE_ARGUMENTS)
        assert (
            model.arguments() | changed
            == recipes.build_model(recipe, recipe.arguments | changed).arguments()
        )


def test_an_ensembles_recipe_builds_what_its_members_recipes_build():
    for recipe in RECIPES.values():
        members = [RECIPES[name] for name in recipe.members]
        assert recipe.arguments.get("members", []) == [
            {"model": member.model, "arguments": member.arguments} for member in members
        ]


def test_what_a_recipe_says_is_what_its_card_says():
    for name in checkpoints.available():
        card, recipe = checkpoints.load_card(name), RECIPES[name]
        assert card.trained_on == recipe.trained_on
        assert card.limits == list(recipe.limits)
        assert card.recipe["stages"] == list(recipe.stages)


def test_settings_of_a_stage_are_arguments_of_training():
    assert set(recipes.TRAIN_SETTINGS) < set(inspect.signature(training.train).parameters)
    assert not set(recipes.TRAIN_SETTINGS) & set(recipes.STAGE_ARGUMENTS)


FINE = {
    "model": "VAE",
    "arguments": {"latent_dim": 2},
    "stages": [{"epochs": 1, "learning_rate": 0.01}],
    "judge": "likelihood",
    "nll_samples": 2,
    "trained_on": "images",
    "limits": ["It is a toy."],
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "VEA"}, ["model", "'VEA'", "ConditionalVAE", "ChoraleModel"]),
        ({"model": "latents"}, ["no model 'latents'"]),
        (
            {"stages": [{"epochs": 1, "learning_rte": 1}]},
            ["stages > 0", "'learning_rte'", "beta_1"],
        ),
        ({"stages": [{"epochs": 1}, {"batch_size": 2}]}, ["stages > 1", "epochs"]),
        ({"stages": [{"epochs": "many"}]}, ["stages > 0 > epochs", "'many'"]),
        ({"averaged_stages": 0}, ["averaged_stages"]),
        ({"nll_samples": 0}, ["nll_samples"]),
        ({"limits": []}, ["limits"]),
        ({"judge": "taste"}, ["judge", "'taste'"]),
        ({"epochs": 3}, ["epochs"]),
        ({"start": "tinny"}, ["'tinny'", "tiny"]),
        ({"members": ["tiny", "teeny"], "stages": []}, ["'teeny'", "tiny"]),
        ({"members": ["tiny"]}, ["either stages or members"]),
        ({"stages": []}, ["either stages or members"]),
        ({"averaged_stages": 9}, ["averaged_stages is 9"]),
        ({"start": "tiny"}, ["needs itself", "tiny"]),
    ],
    ids=str,
)
def test_a_recipe_that_cannot_be_is_refused_with_its_file(
    change, words, tmp_path, monkeypatch, one_sentence
):
    monkeypatch.setenv("AIGC_DATA", str(tmp_path))
    path = tmp_path / "recipes" / "tiny.yml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(FINE))
    assert recipes.read_recipes() == {"tiny": recipes.Recipe(**FINE)}
    path.write_text(yaml.safe_dump(FINE | change))
    with pytest.raises(ValueError, match=r".") as caught:
        recipes.read_recipes()
    one_sentence(caught.value, path, *words)


def test_an_author_changes_a_learning_rate_in_a_file(tmp_path):
    real = recipes.recipe_folder() / "gan_fashion.yml"
    copy = tmp_path / "recipes" / real.name
    copy.parent.mkdir()
    changed = real.read_text(encoding="utf-8").replace(
        "learning_rate: 0.002", "learning_rate: 0.001"
    )
    copy.write_text(changed, encoding="utf-8")
    assert read_yaml(copy, recipes.Recipe).stages[0] == {
        **RECIPES["gan_fashion"].stages[0],
        "learning_rate": 0.001,
    }


def test_training_sees_grey_images_and_the_test_is_binarized_once(fashion):
    x_train, x_test = recipes.fashion_inputs("VAE", fashion)
    assert len(np.unique(x_train[:100])) > 100
    assert set(np.unique(x_test)) == {0.0, 1.0}
    np.testing.assert_array_equal(x_test, data.binarize(data.to_unit(fashion.x_test), seed=777))


def test_a_conditional_recipe_trains_with_labels(fashion):
    train_inputs, test_inputs = recipes.fashion_inputs("ConditionalVAE", fashion)
    np.testing.assert_array_equal(train_inputs["labels"], fashion.y_train)
    np.testing.assert_array_equal(test_inputs["labels"], fashion.y_test)


@pytest.mark.slow
def test_a_recipe_may_begin_with_the_weights_of_another(monkeypatch, tmp_path, fashion):
    still = {"epochs": 1, "batch_size": 500, "learning_rate": 1e-9}
    arguments = {**TINY.arguments, "num_couplings": 2, "coupling_units": 4}
    second = TINY.model_copy(
        update={
            "model": "FlowPriorVAE",
            "arguments": arguments,
            "stages": (still,),
            "start": "tiny",
        }
    )
    use(monkeypatch, tiny=TINY, second=second)
    inputs = data.to_unit(fashion.x_train[:500])
    first, first_seconds = recipes.train_stages("tiny", inputs, tmp_path)
    model, seconds = recipes.train_stages("second", inputs, tmp_path)
    assert seconds > first_seconds  # the first one's are read from its state, and counted
    weights = first.get_weights()
    for kept, begun in zip(model.get_weights(), weights, strict=False):
        np.testing.assert_allclose(kept, begun, atol=1e-6)
    assert len(model.get_weights()) > len(weights)


def test_an_ensemble_is_trained_member_by_member_and_ships_no_weights_of_its_own(
    few_images, tmp_path, monkeypatch, one_sentence
):
    widths = {"channels": 4, "num_convs": 1, "hidden_units": [16], "features": 2, "head_units": 4}
    stage = {"epochs": 2, "batch_size": 50, "learning_rate": 0.01}
    member = TINY.model_copy(
        update={
            "model": "BlockPixelCNN",
            "arguments": widths,
            "stages": (stage,),
            "nll_samples": None,
        }
    )
    members = [{"model": "BlockPixelCNN", "arguments": widths}] * 2
    both = member.model_copy(
        update={
            "model": "PixelCNNEnsemble",
            "arguments": {"members": members},
            "members": ("one", "other"),
            "stages": (),
        }
    )
    use(monkeypatch, one=member, other=member.model_copy(update={"seed": 1}), both=both)
    out = tmp_path / "out"
    card = recipes.train_checkpoint("both", out, work_dir=tmp_path / "work")
    assert [path.name for path in (out / "both").iterdir()] == ["card.json"]
    cards = [checkpoints.load_card(name, out) for name in both.members]
    assert card.seconds == pytest.approx(sum(each.seconds for each in cards), abs=0.1)
    nlls = [each.results["test_nll_nats_exact_10000_images"] for each in (card, *cards)]
    assert nlls[0] < np.mean(nlls[1:])
    loaded = checkpoints.load_model("both", out)
    for index, name in enumerate(both.members):
        twin = checkpoints.load_model(name, out)
        for array, same in zip(
            loaded.members[index].get_weights(), twin.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(array, same)
    changed = cards[1].model_copy(update={"weights_sha256": "0" * 64})
    (out / "other" / "card.json").write_text(changed.model_dump_json())
    with pytest.raises(ValueError, match="one, other") as caught:
        checkpoints.load_model("both", out)
    one_sentence(caught.value, "both", "aigc train both")
