import gzip
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.data import (
    SPLITS,
    Manifest,
    check_split,
    read_nih,
    save_split,
    split_by_patient,
    split_folds,
    split_from_file,
    split_official,
)
from hilum.errors import DataError, InvalidValueError, LeakError

ANY_FIXTURE = [HealthCheck.function_scoped_fixture]


def realistic(manifest_of, n_patients, seed=0):
    """Patients with 1 to 12 films and findings of 1 to 20 %, alike within a patient."""
    generator = np.random.default_rng(seed)
    films = generator.geometric(0.4, n_patients).clip(max=12)
    patients = np.repeat([f"p{n}" for n in range(n_patients)], films)
    rates = np.geomspace(0.01, 0.2, 14)
    ill = np.repeat(generator.random((n_patients, 14)) < rates, films, axis=0)
    targets = ill & (generator.random(ill.shape) < 0.8)
    return manifest_of(len(patients), patients=patients, targets=targets)


def shares_of(manifest):
    return np.array([len(manifest.rows(name)) for name in SPLITS]) / len(manifest)


@settings(max_examples=30, deadline=None, suppress_health_check=ANY_FIXTURE)
@given(
    st.lists(st.integers(0, 8), min_size=9, max_size=40).filter(lambda patients: len(set(patients)) >= 3),
    st.sampled_from([(0.7, 0.1, 0.2), (0.8, 0.2, 0.0), (0.34, 0.33, 0.33), (1.0, 0.0, 0.0)]),
    st.integers(0, 99),
)
def test_no_patient_is_in_two_splits_and_every_film_in_one(manifest_of, patients, fractions, seed):
    manifest = manifest_of(len(patients), patients=[str(patient) for patient in patients])
    split = split_by_patient(manifest, fractions=fractions, seed=seed)
    check_split(split)
    of_patient = split.table.groupby("patient_id")["split"].agg(set)
    assert all(len(splits) == 1 for splits in of_patient)
    for name, share in zip(SPLITS, fractions, strict=True):
        assert (len(split.rows(name)) > 0) == (share > 0)
    assert split.table["split"].notna().all()
    assert split.table["image_id"].tolist() == manifest.table["image_id"].tolist()


def test_shares_and_rare_findings_are_kept(manifest_of):
    manifest = realistic(manifest_of, 800)
    split = split_by_patient(manifest, fractions=(0.7, 0.1, 0.2))
    assert np.abs(shares_of(split) - [0.7, 0.1, 0.2]).max() < 0.005
    positives = np.array([split.targets(split.rows(name)).sum(axis=0) for name in SPLITS])
    wanted = np.array([0.7, 0.1, 0.2])[:, None] * positives.sum(axis=0)
    # Within 3 films or 10 % of what each finding should have.
    assert (np.abs(positives - wanted) <= np.maximum(3, 0.1 * wanted)).all()


def test_shares_are_kept_where_findings_are_many_and_patients_few(manifest_of):
    for seed in range(5):
        generator = np.random.default_rng(seed)
        patients = [f"p{patient}" for patient in generator.integers(0, 40, 120)]
        manifest = manifest_of(120, patients=patients, targets=generator.random((120, 14)) < 0.3)
        shares = shares_of(split_by_patient(manifest, seed=seed))
        largest = manifest.table["patient_id"].value_counts().max() / 120
        assert (shares - [0.7, 0.1, 0.2] <= largest).all()


def test_the_seed_is_the_split(manifest_of):
    manifest = realistic(manifest_of, 60)
    first, again, other = (split_by_patient(manifest, seed=seed).split_digest for seed in (3, 3, 4))
    assert first == again != other
    assert split_by_patient(split_by_patient(manifest, seed=4), seed=3).split_digest == first


@settings(max_examples=10, deadline=None, suppress_health_check=ANY_FIXTURE)
@given(st.integers(3, 6), st.integers(6, 30), st.integers(0, 99))
def test_folds_partition_the_patients(manifest_of, folds, n_patients, seed):
    manifest = manifest_of(2 * n_patients)
    tests, validations = [], []
    for fold in range(folds):
        split = split_folds(manifest, folds=folds, fold=fold, seed=seed)
        tests.append(set(split.table["patient_id"].iloc[split.rows("test")]))
        validations.append(set(split.table["patient_id"].iloc[split.rows("validation")]))
        assert len(split.rows("train")) > 0
    assert set.union(*tests) == set(manifest.table["patient_id"])
    assert sum(map(len, tests)) == n_patients
    assert validations == [*tests[1:], tests[0]]


def test_official_lists(manifest_of, tmp_path):
    manifest = manifest_of(20)
    names = manifest.table["image_id"].tolist()
    first, second = tmp_path / "train_val_list.txt.gz", tmp_path / "test_list.txt"
    first.write_bytes(gzip.compress("\r\n".join([*names[:12], "absent.png"]).encode()))
    second.write_text("\n".join(names[12:16]) + "\n\n")
    split = split_official(manifest, train_validation=first, test=second, validation_fraction=0.34)
    assert split.rows("test").tolist() == [12, 13, 14, 15]
    assert sorted([*split.rows("train"), *split.rows("validation")]) == list(range(12))
    assert len(split.rows("validation")) in {4, 6}
    assert split.table["split"].iloc[16:].isna().all()
    assert split.notes == (
        "4 films stand in neither list, so in no split",
        "1 listed film is not in the manifest",
    )


@pytest.mark.parametrize(
    ("first", "second", "error", "words"),
    [
        ("0 1 2 3", "3 4 5", DataError, "1 film stands in both lists, the first is 00000003_000.png"),
        ("0 1 2 3 4", "5 6 7", LeakError, "1 of 4 patients stands in more than one split"),
        ("0 1 2 3", "99", DataError, "no film of second.txt"),
        ("99", "1", DataError, "no film of first.txt"),
        ("0 1 2 3", "", DataError, "second.txt is empty"),
        ("0 1", "2 3", DataError, "1 patients cannot be dealt out to 2 splits"),
    ],
)
def test_official_lists_that_are_refused(manifest_of, write_text, first, second, error, words):
    lists = [
        write_text(name, *(f"{int(number):08d}_000.png" for number in numbers.split()))
        for name, numbers in (("first.txt", first), ("second.txt", second))
    ]
    with pytest.raises(error, match=words):
        split_official(manifest_of(10), train_validation=lists[0], test=lists[1])


def test_lists_that_cannot_be_read(manifest_of, tmp_path, write_text):
    good = write_text("good.txt", "00000000_000.png")
    with pytest.raises(DataError, match="there is no list"):
        split_official(manifest_of(4), train_validation=good, test=tmp_path / "absent.txt")
    for name, content in (("a.txt", b"\xff\xfe\0"), ("a.gz", b"no gzip"), ("b.gz", gzip.compress(b"abc")[:-5])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="no readable list"):
            split_official(manifest_of(4), train_validation=good, test=tmp_path / name)


def test_numbers_that_are_refused(manifest_of, tmp_path):
    manifest = manifest_of(8)
    for fractions in ((0.7, 0.3, 0.1), (0, 0.5, 0.5), (1.2, -0.1, -0.1), (0.5, 0.5)):
        with pytest.raises(InvalidValueError, match="three shares"):
            split_by_patient(manifest, fractions=fractions)
    for folds, fold in ((2, 0), (5, 5), (5, -1)):
        with pytest.raises(InvalidValueError, match="at least 3"):
            split_folds(manifest, folds=folds, fold=fold)
    for share in (0, 1, float("nan")):
        with pytest.raises(InvalidValueError, match="between 0 and 1"):
            split_official(manifest, train_validation=tmp_path, test=tmp_path, validation_fraction=share)
    with pytest.raises(DataError, match="2 patients cannot be dealt out to 3 splits"):
        split_by_patient(manifest_of(4))
    with pytest.raises(DataError, match="4 patients cannot be dealt out to 5 splits"):
        split_folds(manifest, folds=5, fold=0)


def test_a_split_is_written_and_read_again(manifest_of, tmp_path):
    manifest = realistic(manifest_of, 40)
    split = split_by_patient(manifest, seed=5)
    save_split(split, tmp_path / "s.json", method="by patient, seed 5")
    content = json.loads((tmp_path / "s.json").read_text())
    assert content["split_digest"] == split.split_digest
    assert content["manifest_digest"] == manifest.digest
    assert content["films"] == {name: len(split.rows(name)) for name in SPLITS}
    assert content["positives"]["test"]["Mass"] == int(split.targets(split.rows("test"))[:, 4].sum())
    again = split_from_file(manifest, tmp_path / "s.json")
    assert (again.split_digest, again.notes) == (split.split_digest, ())
    part = Manifest(manifest.table.iloc[:10], manifest.findings, source="part")
    assert split_from_file(part, tmp_path / "s.json").table["split"].tolist() == split.table["split"].tolist()[:10]
    more = manifest_of(len(manifest) + 2)
    # The same names belong to other patients there.
    with pytest.raises(LeakError):
        split_from_file(more, tmp_path / "s.json")


def test_films_that_a_split_file_does_not_know(manifest_of, tmp_path):
    split = split_by_patient(manifest_of(8))
    save_split(split, tmp_path / "s.json", method="m")
    assert split_from_file(manifest_of(10), tmp_path / "s.json").notes == ("2 films are not in s.json, so in no split",)
    other = manifest_of(2, image_id=["x", "y"])
    with pytest.raises(DataError, match="names no film of the manifest"):
        split_from_file(other, tmp_path / "s.json")


def test_files_that_are_no_split(manifest_of, tmp_path):
    path = tmp_path / "s.json"
    for content in (None, "[]", "{}", "no json", '{"images": {"train": []}}'):
        if content is not None:
            path.write_text(content)
        with pytest.raises(DataError, match="no split that hilum wrote"):
            split_from_file(manifest_of(4), path)
    split = split_by_patient(manifest_of(8))
    save_split(split, path, method="m")
    content = json.loads(path.read_text())
    content["images"]["train"].append(content["images"]["test"].pop())
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="was changed since hilum wrote it"):
        split_from_file(manifest_of(8), path)


@pytest.mark.shared
def test_the_official_split_of_real_films(shared_data):
    manifest = read_nih(shared_data / "cxr")
    folder = shared_data / "nih-metadata"
    split = split_official(
        manifest, train_validation=folder / "train_val_list.txt.gz", test=folder / "test_list.txt.gz"
    )
    assert len(split.rows("test")) == 2_006
    assert split.table["patient_id"].iloc[split.rows("test")].nunique() == 123
    assert len(split.rows("train")) + len(split.rows("validation")) == 10_334
    assert len(split.rows("validation")) == pytest.approx(10_334 / 8, abs=20)
