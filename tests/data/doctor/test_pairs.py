import numpy as np
import pandas as pd

from hilum.data.doctor.duplicates import DuplicatePair
from hilum.data.doctor.pairs import duplicate_films, duplicates_in_conflict

PAIRS = [DuplicatePair(0, 1, 0.99), DuplicatePair(2, 4, 0.95), DuplicatePair(3, 6, 0.9)]


def test_pairs_are_an_error_a_warning_or_a_note(examine, manifest_of):
    splits = pd.Series(["train"] * 6 + ["test"] * 2, dtype=object)
    found = examine(duplicate_films, manifest_of(8, split=splits), duplicates=PAIRS)
    severities = {code: check.severity for code, check in found.items()}
    assert severities == {
        "duplicate_across_splits": "error",
        "duplicate_across_patients": "warning",
        "duplicate_within_patient": "note",
    }
    (film,) = found["duplicate_across_splits"].films
    assert (film.image_id, film.other) == ("00000003_000.png", "00000006_000.png")
    assert "train and test" in film.detail
    assert [check.excludes for check in found.values()] == [True, False, False]


def test_the_film_outside_the_test_split_is_left_out(examine, manifest_of):
    splits = pd.Series(["test"] * 2 + ["train"] * 2, dtype=object)
    found = examine(duplicate_films, manifest_of(4, split=splits), duplicates=[DuplicatePair(0, 2, 0.9)])
    assert found["duplicate_across_splits"].films[0].image_id == "00000002_000.png"


def test_before_a_split_nothing_leaks(examine, manifest_of):
    found = examine(duplicate_films, manifest_of(8), duplicates=PAIRS)
    assert list(found) == ["duplicate_across_patients", "duplicate_within_patient"]
    assert not examine(duplicate_films, manifest_of(8))


def test_labels_in_conflict_are_named(examine, manifest_of):
    targets = np.zeros((8, 2), np.float32)
    targets[0] = 1
    targets[4, 1] = np.nan
    manifest = manifest_of(8, targets=targets, findings=("Mass", "Nodule"))
    (check,) = examine(duplicates_in_conflict, manifest, duplicates=PAIRS).values()
    assert check.n_films == 1
    assert check.films[0].detail.endswith("Mass, Nodule")


def test_of_many_copies_none_escapes(examine, manifest_of):
    """Only a chain of pairs is known: every copy outside the test split leaks all the same."""
    splits = pd.Series(["train", "validation", "train", "test", "train"], dtype=object)
    chain = [DuplicatePair(0, 1, 0.99), DuplicatePair(1, 2, 0.93), DuplicatePair(2, 3, 0.96)]
    found = examine(duplicate_films, manifest_of(5, split=splits, patients=range(5)), duplicates=chain)
    leaks = found["duplicate_across_splits"]
    left_out = {film.image_id for film in leaks.films}
    assert left_out == {f"{place:08d}_000.png" for place in range(3)}
    assert {film.other for film in leaks.films if "test" in film.detail} == {"00000003_000.png"}
    assert sum("0.930" in film.detail for film in leaks.films) == 3
