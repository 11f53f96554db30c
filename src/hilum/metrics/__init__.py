"""Arrays in, numbers out; an unknown target (NaN) is left out, an undefined number is NaN, never 0."""

from hilum.metrics.bootstrap import (
    RankReplicates,
    RateReplicates,
    bootstrap_auroc,
    bootstrap_average_precision,
    bootstrap_ranks,
    bootstrap_rates,
)
from hilum.metrics.calibration import (
    Reliability,
    brier_score,
    calibration_error,
    reliability_curve,
)
from hilum.metrics.classification import ClassificationTable, Scores, classification_table
from hilum.metrics.comparison import Difference, paired_difference
from hilum.metrics.curve import Counts, PrCurve, RocCurve, count_called, pr_curve, roc_curve, thin_curve
from hilum.metrics.interval import MacroMean, macro_mean, mean_over_findings, percentile_interval, wilson_interval
from hilum.metrics.known import keep_known
from hilum.metrics.level import LevelMeasures, PatientDraws, draw_patients, measure_levels
from hilum.metrics.no_finding import derive_no_finding, no_finding_target
from hilum.metrics.ranking import Ranking, auroc, average_precision
from hilum.metrics.resample import Resamples

__all__ = [
    "ClassificationTable",
    "Counts",
    "Difference",
    "LevelMeasures",
    "MacroMean",
    "PatientDraws",
    "PrCurve",
    "RankReplicates",
    "Ranking",
    "RateReplicates",
    "Reliability",
    "Resamples",
    "RocCurve",
    "Scores",
    "auroc",
    "average_precision",
    "bootstrap_auroc",
    "bootstrap_average_precision",
    "bootstrap_ranks",
    "bootstrap_rates",
    "brier_score",
    "calibration_error",
    "classification_table",
    "count_called",
    "derive_no_finding",
    "draw_patients",
    "keep_known",
    "macro_mean",
    "mean_over_findings",
    "measure_levels",
    "no_finding_target",
    "paired_difference",
    "percentile_interval",
    "pr_curve",
    "reliability_curve",
    "roc_curve",
    "thin_curve",
    "wilson_interval",
]
