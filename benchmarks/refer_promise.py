"""How often do refer zones keep their promises, judged again and again on real predictions?

:func:`promises` takes an evaluation's ``predictions.csv``. A random half of its patients have zones fitted on them, the
other half judge these zones; a hundred times. What is missed should be at most what was allowed, on average, and lie in
its band in at least 95 of 100 studies.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.special import logit

from hilum.calibration import calibrate, fit_rules
from hilum.evaluation import evaluate_arrays, read_predictions

N_STUDIES, N_REPLICATES = 100, 200
_ENDS = 1e-9


class Promise(NamedTuple):
    """What became of a finding's promises, on average over the studies that had a zone for it.

    Attributes:
        n_images: Films with the finding behind a zone.
        missed: Share missed.
        missed_kept: Share of studies in whose band it lay.
        false_alarms: Share of false alarms.
        false_alarms_kept: Likewise.
    """

    n_images: float
    missed: float
    missed_kept: float
    false_alarms: float
    false_alarms_kept: float


def promises(path: Path) -> dict[str, Promise]:
    """Return what became of the promises of zones, per finding."""
    table = read_predictions(path)
    logits, groups = logit(np.clip(table.probabilities, _ENDS, 1 - _ENDS)), np.array(table.groups)
    found: dict[str, list[Promise]] = {name: [] for name in table.findings}
    for study in range(N_STUDIES):
        patients = np.random.default_rng([study, 5]).permutation(np.unique(groups))
        behind = np.isin(groups, patients[: len(patients) // 2])
        rules = fit_rules(logits[behind], table.targets[behind], list(groups[behind]), findings=table.findings)
        judged = evaluate_arrays(
            calibrate(rules, logits[~behind]),
            table.targets[~behind],
            findings=table.findings,
            groups=groups[~behind],
            thresholds={name: rule.threshold for name, rule in rules.items()},
            refer={name: rule.refer for name, rule in rules.items() if rule.refer},
            bootstrap=N_REPLICATES,
        )
        for name, finding in judged.findings.items():
            zone = finding.refer
            if name in found and zone and zone.in_band is not None:
                alarms = zone.false_alarms.value, zone.false_alarms_in_band
                found[name].append(Promise(zone.n_calibration_images, zone.missed.value, zone.in_band, *alarms))
    return {name: Promise(*np.mean(studies, axis=0)) for name, studies in found.items() if studies}
