"""Answers: a bundle and a film give a prediction."""

from hilum.inference.film_file import collect_files
from hilum.inference.predictor import Predictor

__all__ = ["Predictor", "collect_files"]
