"""Bootstrap by patient: hilum's one sort per finding against scikit-learn called on every resample.

Run: ``python benchmarks/bench_metrics.py``. Appends rows to ``benchmarks/results/metrics.csv`` and ``bootstrap.csv``.
Two sizes: that of the public predictions of ChestX-ray14, 22,433 films, 14 findings, 1,000 resamples, beside
scikit-learn; that of its official test list, 25,596 films of 2,797 patients, 10,000 resamples, with memory.
"""

import platform
import resource
from time import perf_counter

import numpy as np
from result_row import append_row
from sklearn.metrics import average_precision_score, roc_auc_score

from hilum.metrics import HeldRates, bootstrap_ranks

N_IMAGES, N_FINDINGS, N_PATIENTS, N_REPLICATES = 22_433, 14, 6_187, 1_000
N_NAIVE = 5
OFFICIAL = {"n_images": 25_596, "n_patients": 2_797}
N_OFFICIAL_REPLICATES = 10_000
PREVALENCE = [0.13, 0.042, 0.18, 0.24, 0.068, 0.063, 0.022, 0.10, 0.071, 0.036, 0.043, 0.017, 0.045, 0.0034]
KIB_PER_GIB = 2**20


def made_up(n_images=N_IMAGES, n_patients=N_PATIENTS, prevalence=0.05):
    generator = np.random.default_rng(0)
    targets = (generator.random((n_images, N_FINDINGS)) < prevalence).astype(float)
    scores = generator.normal(size=targets.shape) + targets
    return scores, targets, generator.integers(0, n_patients, n_images)


def naive(scores, targets, groups, *, n_replicates):
    """Draw patients, gather their films, call scikit-learn."""
    generator = np.random.default_rng(0)
    films = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    measured = np.empty((2, n_replicates, N_FINDINGS))
    for replicate in range(n_replicates):
        rows = np.concatenate([films[group] for group in generator.integers(0, len(films), len(films))])
        for finding in range(N_FINDINGS):
            truth, score = targets[rows, finding], scores[rows, finding]
            measured[:, replicate, finding] = roc_auc_score(truth, score), average_precision_score(truth, score)
    return measured


def seconds(function):
    start = perf_counter()
    result = function()
    return perf_counter() - start, result


def official():
    """Time the official test list's size, and tell the most memory that the process ever held."""
    films = made_up(**OFFICIAL, prevalence=PREVALENCE)
    ours, _ = seconds(lambda: bootstrap_ranks(*films, n_replicates=N_OFFICIAL_REPLICATES))
    held, _ = seconds(lambda: bootstrap_ranks(*films, n_replicates=N_OFFICIAL_REPLICATES, held=HeldRates()))
    append_row(
        "bootstrap.csv",
        machine=f"{platform.machine()}, 1 thread",
        what=f"{OFFICIAL['n_images']} films, {OFFICIAL['n_patients']} patients, {N_FINDINGS} findings, "
        f"{N_OFFICIAL_REPLICATES} resamples",
        auroc_and_auprc_seconds=f"{ours:.2f}",
        with_partial_and_held_rates_seconds=f"{held:.2f}",
        peak_gib=f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_GIB:.2f}",
    )


def main():
    official()
    scores, targets, groups = made_up()
    ours, ranks = seconds(lambda: bootstrap_ranks(scores, targets, groups, n_replicates=N_REPLICATES))
    theirs, reference = seconds(lambda: naive(scores, targets, groups, n_replicates=N_NAIVE))
    np.testing.assert_allclose(np.stack(ranks[:2])[:, :N_NAIVE], reference, atol=1e-10)
    theirs *= N_REPLICATES / N_NAIVE
    row = {
        "machine": f"{platform.machine()}, 1 thread",
        "what": f"AUROC and AUPRC, {N_IMAGES} x {N_FINDINGS} x {N_REPLICATES}",
        "seconds": f"{ours:.2f}",
        "scikit_learn_seconds": f"{theirs:.0f} (from {N_NAIVE} resamples)",
        "times_faster": f"{theirs / ours:.0f}",
    }
    append_row("metrics.csv", **row)


if __name__ == "__main__":
    main()
