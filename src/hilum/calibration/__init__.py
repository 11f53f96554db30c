"""From logits to probabilities to calls, fitted on films that are not judged; arrays and records, no files."""

from hilum.calibration.calibrator import CALIBRATORS, CalibrationFit, Calibrator, fit_calibration, get_calibrator
from hilum.calibration.map import apply_map, probability_interval
from hilum.calibration.prevalence import shift_prevalence
from hilum.calibration.refer import refer_zone
from hilum.calibration.rule import calibrate, call, call_share, fit_rules, no_finding_rule
from hilum.calibration.section import CalibrationSection
from hilum.calibration.threshold import THRESHOLD_RULES, choose_threshold

__all__ = [
    "CALIBRATORS",
    "THRESHOLD_RULES",
    "CalibrationFit",
    "CalibrationSection",
    "Calibrator",
    "apply_map",
    "calibrate",
    "call",
    "call_share",
    "choose_threshold",
    "fit_calibration",
    "fit_rules",
    "get_calibrator",
    "no_finding_rule",
    "probability_interval",
    "refer_zone",
    "shift_prevalence",
]
