"""Recipes: hilum's own, the user's, and mistakes in them."""

import pytest

from hilum.config import dump, load
from hilum.errors import ConfigError, UnknownNameError
from hilum.training import Recipe, list_recipes, load_recipe


def test_every_recipe_of_hilums_own_is_valid_and_says_what_it_is():
    recipes = list_recipes()
    assert recipes
    for name, recipe in recipes.items():
        assert recipe.name == name
        assert recipe.about
        assert load(Recipe, dump(recipe)) == recipe


def test_a_recipe_by_name_takes_overrides():
    name = next(iter(list_recipes()))
    assert load_recipe(name, overrides=["training.epochs=3", "training.seed=9"]).training.seed == 9


def test_an_unknown_name_names_the_nearest():
    name = next(iter(list_recipes()))
    with pytest.raises(UnknownNameError, match=f"unknown recipe '{name}x'. Did you mean '{name}'"):
        load_recipe(f"{name}x")


def test_a_file_is_read_and_its_mistakes_carry_its_name(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("training: {epochs: 4}\n")
    assert load_recipe(str(path)).training.epochs == 4
    path.write_text("training: {epoch: 4}\n")
    with pytest.raises(ConfigError, match=r"mine.yaml key training.epoch is unknown. Nearest: training.epochs \(int"):
        load_recipe(str(path))
    with pytest.raises(ConfigError, match="there is no recipe file"):
        load_recipe(str(tmp_path / "none.yaml"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("training: {learning_rat: 1}", "Nearest: training.learning_rate"),
        ("training: {epochs: 0}", "training.epochs: input should be greater than or equal to 1, got 0"),
        ("training: {seed: -1}", "training.seed"),
        (f"training: {{seed: {2**63}}}", "training.seed"),
        ("training: {ema_decay: 1}", "training.ema_decay"),
        ("training: {schedule: step}", "training.schedule: input should be 'cosine' or 'plateau'"),
        ("model: {backbone: resnet10t_slim}\nsize_px: 17", "recipe: resnet10t.* takes square films"),
        ("findings: [Mass, Nodule, Mass]", "findings name Mass more than once"),
        ("loss: {gamma: 3}", "loss: gamma=3 is a setting of the loss focal"),
    ],
)
def test_mistakes_are_named(text, words):
    with pytest.raises(ConfigError, match=words):
        load(Recipe, text)


@pytest.mark.parametrize(
    ("text", "near"),
    [("findings: [Masss]", "Mass"), ("model: {backbone: densenet12}", "densenet121"), ("loss: {name: bcee}", "bce")],
)
def test_names_are_checked_before_anything_starts(text, near):
    with pytest.raises(UnknownNameError, match=f"Did you mean '{near}'"):
        load(Recipe, text)


def test_a_recipe_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "own.yaml").write_bytes("about: Lungenfl\u00fcgel\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"own\.yaml is not text in UTF-8 .*byte 15"):
        load_recipe(str(tmp_path / "own.yaml"))
