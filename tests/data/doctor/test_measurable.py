import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.data.doctor.measurable import count_measurable, expected_interval, few_positives
from hilum.data.doctor.subject import subject_of
from hilum.errors import InvalidValueError
from hilum.metrics import auroc


@pytest.mark.parametrize(("n_positive", "n_negative"), [(10, 60), (40, 200)])
def test_the_interval_is_what_simulation_gives(n_positive, n_negative):
    generator = np.random.default_rng(0)
    labels = np.repeat([1.0, 0.0], [n_positive, n_negative])
    # Exponential scores of means 1 and 4 have the AUROC 0.8, and are what the formula assumes.
    drawn = [auroc(generator.exponential(1 + 3 * labels), labels) for _ in range(2000)]
    interval = expected_interval(0.8, n_positive, n_negative)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * np.std(drawn), rel=0.12)


@pytest.mark.parametrize(("n_positive", "half"), [(10, 0.18), (25, 0.11), (50, 0.08), (100, 0.056), (200, 0.040)])
def test_the_interval_is_what_real_predictions_gave(n_positive, half):
    """Half-widths measured on public predictions: AUROC 0.75, 20 negatives per positive."""
    interval = expected_interval(0.75, n_positive, 20 * n_positive)
    assert (interval.high - interval.low) / 2 == pytest.approx(half, abs=0.006)


@given(st.floats(0, 1), st.integers(1, 500), st.integers(1, 500))
def test_an_interval_holds_its_value_within_0_and_1(value, n_positive, n_negative):
    interval = expected_interval(value, n_positive, n_negative)
    assert 0 <= interval.low <= value <= interval.high <= 1


@given(st.integers(2, 400))
def test_more_films_give_a_narrower_interval(n):
    few, many = expected_interval(0.8, n, 10 * n), expected_interval(0.8, 2 * n, 20 * n)
    assert many.high - many.low < few.high - few.low


def test_without_positives_nothing_is_expected():
    assert math.isnan(expected_interval(0.8, 0, 10).value)
    assert math.isnan(expected_interval(0.8, 10, 0).value)
    with pytest.raises(InvalidValueError, match="between 0 and 1"):
        expected_interval(80, 10, 10)


def test_counts_go_by_split(manifest_of):
    targets = np.tile(np.array([[1, 0], [np.nan, 0]], np.float32), (60, 1))
    splits = pd.Series(["train"] * 100 + ["test"] * 20, dtype=object)
    manifest = manifest_of(120, targets=targets, findings=("Mass", "Nodule"), split=splits)
    rows = {(row.split, row.finding): row for row in count_measurable(subject_of(manifest))}
    assert set(rows) == {(split, name) for split in ("train", "test") for name in ("Mass", "Nodule")}
    assert (rows["test", "Mass"].n_positive, rows["test", "Mass"].n_unknown) == (10, 10)
    assert rows["train", "Nodule"].n_negative == 100
    undivided = count_measurable(subject_of(manifest.with_splits([None] * 120)))
    assert {row.split for row in undivided} == {"all"}


def test_rare_findings_of_the_test_split_are_named(examine, manifest_of):
    targets = np.zeros((200, 2), np.float32)
    targets[:130, 0], targets[100:110, 1] = 1, 1
    splits = pd.Series(["train"] * 100 + ["test"] * 100, dtype=object)
    manifest = manifest_of(200, targets=targets, findings=("Mass", "Nodule"), split=splits)
    (check,) = examine(few_positives, manifest).values()
    assert check.n_films == 1
    assert "Nodule in test: 10 with, 90 without" in check.sentence
    assert "0.8 would read 0.6" in check.sentence
    assert not examine(few_positives, manifest.with_splits(["test"] * 200)).get("x")
