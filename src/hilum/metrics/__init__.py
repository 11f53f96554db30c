"""Arrays in, numbers out; an unknown target (NaN) is left out, an undefined number is NaN, never 0."""

from hilum.metrics.bootstrap import (
    HeldRates,
    RankReplicates,
    RateReplicates,
    bootstrap_auroc,
    bootstrap_average_precision,
    bootstrap_ranks,
    bootstrap_rates,
    pool_findings,
)
from hilum.metrics.calibration import (
    Bins,
    Reliability,
    brier_score,
    brier_terms,
    calibration_error,
    calibration_error_terms,
    ece_by_chance,
    log_likelihood_terms,
    negative_log_likelihood,
    reliability_curve,
    reliability_terms,
)
from hilum.metrics.calibration_slope import CalibrationSlope, Coefficient, calibration_slope
from hilum.metrics.classification import ClassificationTable, Scores, classification_table, f1_terms
from hilum.metrics.comparison import Difference, holm, paired_difference
from hilum.metrics.curve import Counts, PrCurve, RocCurve, count_called, pr_curve, roc_curve, thin_curve
from hilum.metrics.delong import (
    AurocVariance,
    auroc_interval,
    clustered_delong,
    count_patients,
    delong,
    delong_interval,
)
from hilum.metrics.film_scores import (
    label_ranking_loss,
    label_ranking_terms,
    subset_accuracy,
    subset_accuracy_terms,
)
from hilum.metrics.film_terms import FilmTerms
from hilum.metrics.interval import (
    MacroMean,
    exact_interval,
    macro_mean,
    mean_over_findings,
    percentile_interval,
    wilson_interval,
)
from hilum.metrics.known import keep_known
from hilum.metrics.level import LevelMeasures, PatientDraws, draw_patients, measure_levels
from hilum.metrics.net_benefit import NetBenefit, net_benefit, net_benefit_terms
from hilum.metrics.no_finding import derive_no_finding, no_finding_target
from hilum.metrics.predictive_value import PredictiveValues, Rate, RateLike, predictive_values
from hilum.metrics.ranking import (
    Ranking,
    auroc,
    average_precision,
    partial_auroc,
    sensitivity_at_specificity,
    specificity_at_sensitivity,
)
from hilum.metrics.resample import Resamples

__all__ = [
    "AurocVariance",
    "Bins",
    "CalibrationSlope",
    "ClassificationTable",
    "Coefficient",
    "Counts",
    "Difference",
    "FilmTerms",
    "HeldRates",
    "LevelMeasures",
    "MacroMean",
    "NetBenefit",
    "PatientDraws",
    "PrCurve",
    "PredictiveValues",
    "RankReplicates",
    "Ranking",
    "Rate",
    "RateLike",
    "RateReplicates",
    "Reliability",
    "Resamples",
    "RocCurve",
    "Scores",
    "auroc",
    "auroc_interval",
    "average_precision",
    "bootstrap_auroc",
    "bootstrap_average_precision",
    "bootstrap_ranks",
    "bootstrap_rates",
    "brier_score",
    "brier_terms",
    "calibration_error",
    "calibration_error_terms",
    "calibration_slope",
    "classification_table",
    "clustered_delong",
    "count_called",
    "count_patients",
    "delong",
    "delong_interval",
    "derive_no_finding",
    "draw_patients",
    "ece_by_chance",
    "exact_interval",
    "f1_terms",
    "holm",
    "keep_known",
    "label_ranking_loss",
    "label_ranking_terms",
    "log_likelihood_terms",
    "macro_mean",
    "mean_over_findings",
    "measure_levels",
    "negative_log_likelihood",
    "net_benefit",
    "net_benefit_terms",
    "no_finding_target",
    "paired_difference",
    "partial_auroc",
    "percentile_interval",
    "pool_findings",
    "pr_curve",
    "predictive_values",
    "reliability_curve",
    "reliability_terms",
    "roc_curve",
    "sensitivity_at_specificity",
    "specificity_at_sensitivity",
    "subset_accuracy",
    "subset_accuracy_terms",
    "thin_curve",
    "wilson_interval",
]
