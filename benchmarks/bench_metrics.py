"""Bootstrap by patient: hilum's one sort per finding against scikit-learn called on every resample.

Run: ``python benchmarks/bench_metrics.py``. Appends a row to ``benchmarks/results/metrics.csv``.
The size is that of the public predictions of ChestX-ray14: 22,433 films, 14 findings, 1,000 resamples.
"""

import platform
from time import perf_counter

import numpy as np
from result_row import append_row
from sklearn.metrics import average_precision_score, roc_auc_score

from hilum.metrics import bootstrap_ranks

N_IMAGES, N_FINDINGS, N_PATIENTS, N_REPLICATES = 22_433, 14, 6_187, 1_000
N_NAIVE = 5


def made_up():
    generator = np.random.default_rng(0)
    targets = (generator.random((N_IMAGES, N_FINDINGS)) < 0.05).astype(float)
    scores = generator.normal(size=targets.shape) + targets
    return scores, targets, generator.integers(0, N_PATIENTS, N_IMAGES)


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


def main():
    scores, targets, groups = made_up()
    ours, ranks = seconds(lambda: bootstrap_ranks(scores, targets, groups, n_replicates=N_REPLICATES))
    theirs, reference = seconds(lambda: naive(scores, targets, groups, n_replicates=N_NAIVE))
    np.testing.assert_allclose(np.stack(ranks)[:, :N_NAIVE], reference, atol=1e-10)
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
