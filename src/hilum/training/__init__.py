"""Training: recipes, the loop, and the bundle it ends in."""

from hilum.training.recipe import Recipe, list_recipes, load_recipe
from hilum.training.section import TrainingSection
from hilum.training.train import train

__all__ = ["Recipe", "TrainingSection", "list_recipes", "load_recipe", "train"]
