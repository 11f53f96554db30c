"""Probabilities of logits, finding by finding."""

import numpy as np
import pytest

from hilum.inference import calibrate
from hilum.records import BundleSpec, FindingRule, InputRules, Interval


def spec_of(**numbers):
    rules = {
        name: FindingRule(
            slope=slope, intercept=intercept, threshold=0.5, sensitivity=Interval(), specificity=Interval(),
            n_positive=1, n_negative=1,
        )
        for name, (slope, intercept) in numbers.items()
    }  # fmt: skip
    return BundleSpec(
        findings=rules, input=InputRules(size_px=8, mean=(0.5,), std=(0.2,)), model={}, recipe={}, manifest_digest="",
        split_digest="", training_patients=(), licence="MIT", versions={},
    )  # fmt: skip


def test_every_finding_has_its_own_slope_and_intercept():
    logits = np.random.default_rng(0).normal(size=(7, 2)) * 4
    found = calibrate(spec_of(Mass=(0.5, -1.0), Nodule=(2.0, 0.25)), logits)
    expected = 1 / (1 + np.exp(-(logits * [0.5, 2.0] + [-1.0, 0.25])))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_no_film_gives_no_probability():
    assert calibrate(spec_of(Mass=(1, 0), Nodule=(1, 0)), np.empty((0, 2))).shape == (0, 2)


def test_logits_of_another_number_of_findings_are_refused():
    with pytest.raises(ValueError, match="zip"):
        calibrate(spec_of(Mass=(1, 0)), np.zeros((3, 2)))
