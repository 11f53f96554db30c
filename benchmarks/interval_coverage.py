"""How often do 95 % intervals of an AUROC hold the truth, where each patient has nine films?

Run: ``python benchmarks/interval_coverage.py [studies [patients]]``; rows go to ``benchmarks/results/``.
Made-up studies (1,000, of 250 patients with 9 films each, unless said otherwise): half of a score's variance is the
patient's, how often a patient's films show the finding is the patient's, too. The truth is known: the AUROC of films of
two patients.
"""

import platform
import sys
from time import perf_counter

import numpy as np
from result_row import append_row
from scipy.special import ndtr

from hilum.metrics import auroc_interval, bootstrap_ranks, clustered_delong, count_patients, delong, delong_interval

N_STUDIES, N_PATIENTS, N_FILMS, N_REPLICATES = 1_000, 250, 9, 1_000
SHIFT, SHARED = 1.2, 0.5
TRUTH = ndtr(SHIFT / np.sqrt(2))


def made_up(seed, n_patients=N_PATIENTS):
    """Draw scores, targets and patients of one study."""
    generator = np.random.default_rng([seed, 9])
    patients = np.repeat(np.arange(n_patients), N_FILMS)
    prevalence = generator.beta(0.4, 1.6, n_patients)[patients]
    targets = (generator.random(len(patients)) < prevalence).astype(float)
    own, shared = generator.normal(size=len(patients)), generator.normal(size=n_patients)[patients]
    return np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own + SHIFT * targets, targets, patients


def by_bootstrap(scores, targets, groups, seed):
    spread = bootstrap_ranks(scores[:, None], targets[:, None], groups, n_replicates=N_REPLICATES, seed=seed).auroc[
        :, 0
    ]
    n_positive, n_negative = count_patients(targets, groups)
    value = delong(scores, targets).value
    return auroc_interval(value, spread, n_positive=n_positive, n_negative=n_negative)


INTERVALS = {
    "bootstrap by patient": by_bootstrap,
    "DeLong by patient (Obuchowski)": lambda *study: delong_interval(clustered_delong(*study[:3])),
    "bootstrap by image": lambda scores, targets, _, seed: by_bootstrap(scores, targets, np.arange(len(scores)), seed),
    "DeLong by image": lambda *study: delong_interval(delong(*study[:2])),
}


def main():
    n_studies = int(sys.argv[1]) if len(sys.argv) > 1 else N_STUDIES
    n_patients = int(sys.argv[2]) if len(sys.argv) > 2 else N_PATIENTS
    ends, seconds = {name: [] for name in INTERVALS}, dict.fromkeys(INTERVALS, 0.0)
    for seed in range(n_studies):
        study = made_up(seed, n_patients)
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
            covered_percent=f"{100 * np.mean((low <= TRUTH) & (high >= TRUTH)):.1f}",
            truth_below_percent=f"{100 * np.mean(low > TRUTH):.1f}",
            truth_above_percent=f"{100 * np.mean(high < TRUTH):.1f}",
            mean_width=f"{np.mean(high - low):.4f}",
            milliseconds=f"{1000 * seconds[name] / n_studies:.1f}",
        )


if __name__ == "__main__":
    main()
