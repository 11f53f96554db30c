"""How often do 95 % intervals of an AUROC hold the truth, where each patient has nine films?

Run: ``OMP_NUM_THREADS=1 python benchmarks/interval_coverage.py [studies]``; rows go to ``benchmarks/results/``.
Made-up studies (1,000 of each kind, unless said otherwise) of 100, 250 and 1,000 patients with 9 films each, where one
film in five shows the finding, and of 250 where one in a hundred does (about ten patients). Half of a score's variance
is the patient's; how often a patient's films show the finding is the patient's, too. The truth is known: the AUROC of
films of two patients. Intervals by bootstrap are those of an evaluation, which is checked on the first study.
"""

import platform
import sys
from time import perf_counter

import numpy as np
from result_row import append_row
from scipy.special import ndtr

from hilum.evaluation import evaluate_arrays
from hilum.metrics import (
    auroc,
    auroc_interval,
    bootstrap_ranks,
    clustered_delong,
    count_patients,
    delong,
    delong_interval,
)

N_STUDIES, N_FILMS, N_REPLICATES = 1_000, 9, 1_000
KINDS = ((100, 0.2), (250, 0.2), (1_000, 0.2), (250, 0.01))
"""Patients, and the share of films with the finding."""

ALIKE = 2.0
"""How alike a patient's films are: 1 / (1 + ALIKE) of the variance of "has the finding" is the patient's."""

SHIFT, SHARED = 1.2, 0.5
TRUTH = ndtr(SHIFT / np.sqrt(2))


def made_up(seed, n_patients, share):
    """Draw scores, targets and patients of one study."""
    generator = np.random.default_rng([seed, 9])
    patients = np.repeat(np.arange(n_patients), N_FILMS)
    prevalence = generator.beta(ALIKE * share, ALIKE * (1 - share), n_patients)[patients]
    targets = (generator.random(len(patients)) < prevalence).astype(float)
    own, shared = generator.normal(size=len(patients)), generator.normal(size=n_patients)[patients]
    return np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own + SHIFT * targets, targets, patients


def by_bootstrap(scores, targets, groups, seed):
    spread = bootstrap_ranks(scores[:, None], targets[:, None], groups, n_replicates=N_REPLICATES, seed=seed).auroc
    n_positive, n_negative = count_patients(targets, groups)
    return auroc_interval(auroc(scores, targets), spread[:, 0], n_positive=n_positive, n_negative=n_negative)


def check(scores, targets, patients):
    """Stop unless an evaluation gives these two intervals by bootstrap."""
    found = evaluate_arrays(
        ndtr(scores)[:, None], targets[:, None], findings=["Mass"], groups=patients, bootstrap=N_REPLICATES
    ).findings["Mass"]
    for groups, given in ((patients, found.auroc), (np.arange(len(scores)), found.rank.by_image)):
        np.testing.assert_allclose(by_bootstrap(scores, targets, groups, 0), (given.low, given.high), atol=1e-12)


INTERVALS = {
    "bootstrap by patient": by_bootstrap,
    "DeLong by patient (Obuchowski)": lambda *study: delong_interval(clustered_delong(*study[:3])),
    "bootstrap by image": lambda scores, targets, _, seed: by_bootstrap(scores, targets, np.arange(len(scores)), seed),
    "DeLong by image": lambda *study: delong_interval(delong(*study[:2])),
}


def main():
    n_studies = int(sys.argv[1]) if len(sys.argv) > 1 else N_STUDIES
    for n_patients, share in KINDS:
        check(*made_up(0, n_patients, share))
        measure(n_studies, n_patients, share)


def measure(n_studies, n_patients, share):
    ends, seconds, with_it = {name: [] for name in INTERVALS}, dict.fromkeys(INTERVALS, 0.0), []
    for seed in range(n_studies):
        study = made_up(seed, n_patients, share)
        with_it.append(count_patients(*study[1:])[0])
        for name, interval in INTERVALS.items():
            start = perf_counter()
            ends[name].append(interval(*study, seed))
            seconds[name] += perf_counter() - start
    for name, found in ends.items():
        low, high = np.array(found).T
        append_row(
            "interval_coverage.csv",
            machine=f"{platform.machine()}, 1 thread",
            interval=name,
            studies=n_studies,
            patients=n_patients,
            patients_with_finding=f"{np.mean(with_it):.0f}",
            covered_percent=f"{100 * np.mean((low <= TRUTH) & (high >= TRUTH)):.1f}",
            truth_below_percent=f"{100 * np.mean(low > TRUTH):.1f}",
            truth_above_percent=f"{100 * np.mean(high < TRUTH):.1f}",
            mean_width=f"{np.nanmean(high - low):.4f}",
            milliseconds=f"{1000 * seconds[name] / n_studies:.1f}",
        )


if __name__ == "__main__":
    main()
