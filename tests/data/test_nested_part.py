"""Parts of the training patients: nested, by patient, and nothing else is touched."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.data import nested_part, split_by_patient
from hilum.errors import DataError, InvalidValueError


@pytest.fixture
def manifest(manifest_of):
    return split_by_patient(manifest_of(120, patients=[f"p{n // 3}" for n in range(120)]))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 99), st.floats(0.01, 1.0), st.floats(0.01, 1.0))
def test_parts_of_one_seed_are_nested_and_go_by_patient(manifest, seed, first, second):
    small, large = (nested_part(manifest, fraction=share, seed=seed) for share in sorted((first, second)))
    train = set(manifest.rows("train"))
    assert set(small.rows("train")) <= set(large.rows("train")) <= train
    patients = manifest.table["patient_id"].to_numpy()
    kept = set(patients[small.rows("train")])
    assert set(small.rows("train")) == {row for row in train if patients[row] in kept}
    assert len(kept) == max(1, round(min(first, second) * len(set(patients[list(train)]))))
    for split in ("validation", "test"):
        assert np.array_equal(small.rows(split), manifest.rows(split))


def test_another_seed_chooses_other_patients(manifest):
    one, other = (set(nested_part(manifest, fraction=0.5, seed=seed).rows("train")) for seed in (0, 1))
    assert one != other


def test_the_whole_is_the_manifest_itself(manifest):
    whole = nested_part(manifest, fraction=1.0, seed=4)
    assert whole.split_digest == manifest.split_digest
    assert whole.notes == manifest.notes
    half = nested_part(manifest, fraction=0.5, seed=4)
    assert half.split_digest != manifest.split_digest
    assert half.notes[-1] == "0.5 of the training patients, chosen by seed 4"


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.01])
def test_what_is_no_share_is_refused(manifest, fraction):
    with pytest.raises(InvalidValueError, match="above 0 and at most 1"):
        nested_part(manifest, fraction=fraction)


def test_a_manifest_without_training_films_is_refused(manifest_of):
    with pytest.raises(DataError, match="no training film: `hilum data split`"):
        nested_part(manifest_of(4), fraction=0.5)
