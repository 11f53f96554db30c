"""Predictions and labels in, one Evaluation out: numbers with intervals, warnings and a pedigree."""

from hilum.evaluation.attribute import film_attributes, quality_attributes, store_attributes
from hilum.evaluation.comparison import compare_models
from hilum.evaluation.from_bundle import evaluate_bundle
from hilum.evaluation.from_file import evaluate_predictions
from hilum.evaluation.learning_curve import TrainedPart, measure_growth
from hilum.evaluation.localisation import (
    ExplainerLike,
    LocalisationSettings,
    LocalisedFilm,
    evaluate_localisation,
)
from hilum.evaluation.origin import Origin
from hilum.evaluation.prediction_file import PredictionTable, read_predictions, write_predictions
from hilum.evaluation.recalibration import RecalibrationStudy, recalibrate_bundle
from hilum.evaluation.study import evaluate_arrays
from hilum.evaluation.subgroup import evaluate_subgroups

__all__ = [
    "ExplainerLike",
    "LocalisationSettings",
    "LocalisedFilm",
    "Origin",
    "PredictionTable",
    "RecalibrationStudy",
    "TrainedPart",
    "compare_models",
    "evaluate_arrays",
    "evaluate_bundle",
    "evaluate_localisation",
    "evaluate_predictions",
    "evaluate_subgroups",
    "film_attributes",
    "measure_growth",
    "quality_attributes",
    "read_predictions",
    "recalibrate_bundle",
    "store_attributes",
    "write_predictions",
]
