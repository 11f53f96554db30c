"""How good the network is on validation, and the rules that validation gives each finding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import nn

from hilum.data import PixelStore, batches
from hilum.errors import RunError
from hilum.findings import NIH_FINDINGS, NO_FINDING
from hilum.losses import Loss
from hilum.metrics import (
    PlattFit,
    apply_platt,
    auroc,
    choose_threshold,
    derive_no_finding,
    fit_platt,
    wilson_interval,
)
from hilum.records import FindingRule, Interval

__all__ = ["Validation", "finding_rules", "no_finding_rule", "validate"]


@dataclass(frozen=True, eq=False)
class Validation:
    """What a look at the validation split gave.

    Attributes:
        logits: Raw outputs.
        targets: 1 present, 0 absent, NaN unknown.
        loss: Mean over the known labels, in nats.
        aurocs: Per finding; NaN where a side is missing.
    """

    logits: Float64[np.ndarray, "image finding"]
    targets: Float64[np.ndarray, "image finding"]
    loss: float
    aurocs: dict[str, float]

    @property
    def mean_auroc(self) -> float:
        """Mean over the findings that have one; NaN if none has."""
        defined = [value for value in self.aurocs.values() if value == value]
        return float(np.mean(defined)) if defined else float("nan")


def validate(
    model: nn.Module,
    store: PixelStore,
    rows: Int64[np.ndarray, " image"],
    targets: Float64[np.ndarray, "image finding"],
    *,
    findings: Sequence[str],
    loss: Loss,
    batch_size: int,
    device: torch.device,
) -> Validation:
    """Run the model, in evaluation mode, over the validation films.

    Raises:
        RunError: An answer is not finite: training went astray.
    """
    model.eval()
    reader = batches(store, rows, targets.astype(np.float32), batch_size=batch_size)
    with torch.inference_mode():
        outputs = [model(batch.images.to(device)).float().cpu() for batch in reader]
        logits = torch.cat(outputs)
        value = float(loss(logits.to(device), torch.from_numpy(targets).float().to(device)))
    numbers = logits.numpy().astype(np.float64)
    n_wild = int((~np.isfinite(numbers)).any(axis=1).sum())
    if n_wild:
        raise RunError(
            f"the network's answers for {n_wild:,} of {len(numbers):,} validation films are not finite: lower "
            "training.learning_rate, or set training.precision=fp32, and start anew"
        )
    aurocs = {name: auroc(numbers[:, i], targets[:, i]) for i, name in enumerate(findings)}
    return Validation(numbers, targets, value, aurocs)


def finding_rules(validation: Validation) -> dict[str, FindingRule]:
    """Fit calibration and threshold of every finding on validation.

    Source: Platt, "Probabilistic Outputs for Support Vector Machines", 1999, for the calibration; Youden, "Index for
    Rating Diagnostic Tests", 1950, for the threshold; Wilson, 1927, for the intervals.
    """
    return {name: _rule(validation.logits[:, i], validation.targets[:, i]) for i, name in enumerate(validation.aurocs)}


def no_finding_rule(validation: Validation, rules: Mapping[str, FindingRule]) -> FindingRule | None:
    """Choose the threshold of the derived ``No Finding`` on validation.

    Args:
        validation: The same that gave the rules.
        rules: Of :func:`finding_rules`.

    Returns:
        None where it is not derived: a finding of the fourteen is missing, or ``No Finding`` is trained itself.
    """
    if NO_FINDING in rules or not set(NIH_FINDINGS) <= set(rules):
        return None
    places = [list(rules).index(name) for name in NIH_FINDINGS]
    columns = [(validation.logits[:, place], rules[name]) for place, name in zip(places, NIH_FINDINGS, strict=True)]
    findings = np.stack([apply_platt(logits, rule.slope, rule.intercept) for logits, rule in columns], axis=1)
    probabilities, targets = derive_no_finding(findings, validation.targets[:, places])
    n_nothing, n_something = int((targets == 1).sum()), int((targets == 0).sum())
    reason = "" if n_nothing and n_something else f"{n_nothing} films without any finding, {n_something} with one"
    return _judged(probabilities, targets, PlattFit(1.0, 0.0, reason))


def _rule(logits: Float64[np.ndarray, " image"], targets: Float64[np.ndarray, " image"]) -> FindingRule:
    fit = fit_platt(logits, targets)
    return _judged(apply_platt(logits, fit.slope, fit.intercept), targets, fit)


def _judged(
    probabilities: Float64[np.ndarray, " image"], targets: Float64[np.ndarray, " image"], fit: PlattFit
) -> FindingRule:
    threshold = choose_threshold(probabilities, targets)
    present, absent = probabilities[targets == 1], probabilities[targets == 0]
    return FindingRule(
        slope=fit.slope,
        intercept=fit.intercept,
        threshold=threshold,
        sensitivity=_share(present >= threshold, threshold),
        specificity=_share(absent < threshold, threshold),
        n_positive=len(present),
        n_negative=len(absent),
        reason=fit.reason,
    )


def _share(hits: Bool[np.ndarray, " image"], threshold: float) -> Interval:
    """Return a share with its interval; without films, or without a threshold to call them at, there is none."""
    if len(hits) == 0 or np.isnan(threshold):
        return Interval()
    low, high = wilson_interval(int(hits.sum()), len(hits))
    return Interval(value=float(hits.mean()), low=low, high=high)
