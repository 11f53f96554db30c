"""On a public model's predictions for real films: fitted on half of the patients, judged on the others."""

import csv
import gzip

import numpy as np
import pytest
from scipy.special import logit

from hilum.calibration import CalibrationSection, calibrate, fit_rules
from hilum.findings import NIH_FINDINGS
from hilum.metrics import calibration_error


def read(path):
    with gzip.open(path, "rt", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def halves(shared_data):
    predictions = read(shared_data / "predictions" / "reproduce-chexnet-densenet121.csv.gz")
    labels = {row["Image Index"]: row for row in read(shared_data / "nih-metadata" / "Data_Entry_2017_v2020.csv.gz")}
    known = [labels[row["Image Index"]] for row in predictions]
    patients = np.array([int(row["Patient ID"]) for row in known])
    targets = np.array([[name in row["Finding Labels"].split("|") for name in NIH_FINDINGS] for row in known], float)
    scores = np.array([[float(row[f"prob_{name}"]) for name in NIH_FINDINGS] for row in predictions])
    first = np.isin(patients, np.random.default_rng(0).permutation(np.unique(patients))[::2])
    logits = logit(np.clip(scores, 1e-7, 1 - 1e-7))
    return [(logits[part], targets[part], patients[part]) for part in (first, ~first)]


@pytest.mark.shared
@pytest.mark.slow
def test_probabilities_are_calibrated_and_promises_kept_on_other_patients(halves):
    (logits, targets, patients), (others, truth, whose) = halves
    rules = fit_rules(
        logits, targets, patients.tolist(), findings=NIH_FINDINGS, section=CalibrationSection(method="beta")
    )
    probabilities = calibrate(rules, others)
    errors = [calibration_error(probabilities[:, place], truth[:, place]) for place in range(len(rules))]
    assert max(errors) <= 0.03
    assert np.mean(errors) <= 0.01
    kept, losses = 0, []
    for place, rule in enumerate(rules.values()):
        zone = rule.refer
        for kind, wrong, n_behind in (
            (1, probabilities[:, place] < zone.low, zone.n_patients_with),
            (0, probabilities[:, place] >= zone.high, zone.n_patients_without),
        ):
            there = truth[:, place] == kind
            member = np.unique(whose[there], return_inverse=True)[1]
            films = np.bincount(member)
            share = wrong[there].mean()
            # Chance in these patients, whose films come together, and in those behind the zone.
            variance = np.sum((np.bincount(member, weights=wrong[there]) - share * films) ** 2) / films.sum() ** 2
            noise = np.sqrt(variance * (1 + len(films) / n_behind))
            losses.append(share)
            kept += losses[-1] <= 0.1 + 1.96 * noise
    assert kept >= 27, f"{kept} of 28 promises kept"
    assert np.mean(losses) <= 0.105
