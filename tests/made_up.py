"""Made-up answers and records that tests of several rooms start from."""

import numpy as np

from hilum.records import Pedigree


def made_up(n_images=400, n_findings=14, *, seed=0, prevalence=0.2, n_patients=100):
    """Probabilities that are right more often than not, targets, and the patient of each film."""
    generator = np.random.default_rng(seed)
    targets = (generator.random((n_images, n_findings)) < prevalence).astype(float)
    logits = 2 * targets - 1.5 + generator.normal(size=targets.shape)
    return 1 / (1 + np.exp(-logits)), targets, generator.integers(0, n_patients, n_images)


def pedigree(**changed):
    """Where the numbers of a record come from that nobody measured."""
    given = {
        "command": "hilum something", "commit": "c" * 40, "version": "1", "date": "2025-01-01", "data_digest": "d" * 64,
        "split": "test", "n_images": 100, "n_patients": 40, "intervals": "95 %", "n_bootstrap": 10, "seed": 0,
        "thresholds_from": "none",
    }  # fmt: skip
    return Pedigree(**{**given, **changed})
