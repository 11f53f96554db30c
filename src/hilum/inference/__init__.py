"""Answers: a bundle and a film give a prediction."""

from hilum.inference.calibration import calibrate
from hilum.inference.film_file import collect_files
from hilum.inference.predictor import Predictor

__all__ = ["Predictor", "calibrate", "collect_files"]
