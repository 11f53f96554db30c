"""The records that cross rooms: each validates itself, turns into JSON and has a schema version."""

from hilum.records.base import Interval, Number, Record
from hilum.records.bundle import BUNDLE_SCHEMA, BundleSpec, FindingRule, InputRules
from hilum.records.description import Description, SampleFilm
from hilum.records.doctor import (
    DOCTOR_SCHEMA,
    DoctorCheck,
    DoctorReport,
    MeasurableFinding,
    Severity,
    ShortcutProbe,
    SuspectFilm,
)
from hilum.records.evaluation import (
    EVALUATION_SCHEMA,
    MEASURABLE_POSITIVES,
    Averages,
    Curve,
    Evaluation,
    FindingEvaluation,
    MacroMetric,
    OperatingPoint,
    Pedigree,
    RankMetric,
    TableRow,
)
from hilum.records.explanation import Explanation
from hilum.records.image import Image, ImageFacts
from hilum.records.prediction import PREDICTION_SCHEMA, Call, FindingAnswer, Prediction

__all__ = [
    "BUNDLE_SCHEMA",
    "DOCTOR_SCHEMA",
    "EVALUATION_SCHEMA",
    "MEASURABLE_POSITIVES",
    "PREDICTION_SCHEMA",
    "Averages",
    "BundleSpec",
    "Call",
    "Curve",
    "Description",
    "DoctorCheck",
    "DoctorReport",
    "Evaluation",
    "Explanation",
    "FindingAnswer",
    "FindingEvaluation",
    "FindingRule",
    "Image",
    "ImageFacts",
    "InputRules",
    "Interval",
    "MacroMetric",
    "MeasurableFinding",
    "Number",
    "OperatingPoint",
    "Pedigree",
    "Prediction",
    "RankMetric",
    "Record",
    "SampleFilm",
    "Severity",
    "ShortcutProbe",
    "SuspectFilm",
    "TableRow",
]
