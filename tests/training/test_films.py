"""Which films a run may see."""

import dataclasses

import numpy as np
import pytest

from hilum.data import prepare_store
from hilum.errors import DataError
from hilum.training.films import select_films

FINDINGS = ["Effusion", "Pneumothorax", "Cardiomegaly"]


def with_labels(manifest, **columns):
    return dataclasses.replace(manifest, table=manifest.table.assign(**columns))


def test_train_and_validation_are_the_manifests_rows(films, tiny):
    for part, split in zip(select_films(films.manifest, films.store, tiny()), ("train", "validation"), strict=True):
        table = films.manifest.table[films.manifest.table["split"] == split]
        assert [films.store.image_ids[row] for row in part.rows] == table["image_id"].tolist()
        np.testing.assert_array_equal(part.targets, table[FINDINGS].to_numpy())
        assert part.patients == tuple(table["patient_id"])
        assert part.n_absent == 0


def test_the_recipes_order_of_findings_counts(films, tiny):
    first, _ = select_films(films.manifest, films.store, tiny())
    turned, _ = select_films(films.manifest, films.store, tiny("findings=[Cardiomegaly, Pneumothorax, Effusion]"))
    np.testing.assert_array_equal(first.targets, turned.targets[:, ::-1])


def test_prevalence_is_over_known_labels(films, tiny):
    labels = films.manifest.table["Effusion"].to_numpy(np.float32, copy=True)
    labels[:] = np.nan
    train = films.manifest.rows("train")
    labels[train[:4]] = [1, 0, 0, 0]
    part, _ = select_films(with_labels(films.manifest, Effusion=labels), films.store, tiny())
    assert part.prevalence[0] == 0.25
    nothing = with_labels(films.manifest, Effusion=np.full(len(labels), np.nan, np.float32))
    assert select_films(nothing, films.store, tiny())[0].prevalence[0] == 0


def test_films_that_the_store_lacks_are_counted(films, tiny, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    paths = films.manifest.table["path"].tolist()
    train, validation = films.manifest.rows("train"), films.manifest.rows("validation")
    for row in (train[0], train[5], validation[2]):
        paths[row] = str(broken)
    manifest = with_labels(films.manifest, path=paths)
    store = prepare_store(manifest, tmp_path / "store", size_px=64, workers=1, max_problem_share=0.2)
    first, second = select_films(manifest, store, tiny())
    assert (first.n_absent, second.n_absent) == (2, 1)
    assert (first.n_left_out, second.n_left_out) == (0, 0)
    less = manifest.without([manifest.table["image_id"][row] for row in (train[1], train[2])])
    store = prepare_store(less, tmp_path / "less", size_px=64, workers=1, max_problem_share=0.2)
    excluded, _ = select_films(manifest, store, tiny())
    assert (excluded.n_absent, excluded.n_left_out) == (2, 2)
    assert len(first.rows) == len(train) - 2 == len(first.targets) == len(first.patients)
    whole, _ = select_films(films.manifest, films.store, tiny())
    np.testing.assert_array_equal(first.targets, np.delete(whole.targets, [0, 5], axis=0))


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["size_px=96"], r"films of 64 px \(pad\), the recipe wants 96 px \(pad\): .*--size 96 .*or --set size_px=64"),
        (["resize=stretch"], r"the recipe wants 64 px \(stretch\): `hilum data prepare --size 64 --rule stretch`"),
    ],
)
def test_a_store_of_another_kind_is_refused(films, tiny, overrides, words):
    with pytest.raises(DataError, match=words):
        select_films(films.manifest, films.store, tiny(*overrides))


def test_a_finding_without_labels_is_named(films, tiny):
    fewer = dataclasses.replace(films.manifest, findings=("Effusion", "Mass"))
    with pytest.raises(DataError, match=r"no labels for Pneumothorax, Cardiomegaly: .* to some of Effusion, Mass"):
        select_films(fewer, films.store, tiny())


def test_a_manifest_that_is_not_split_is_refused(films, tiny):
    with pytest.raises(DataError, match="not split yet: `hilum data split` first"):
        select_films(films.manifest.with_splits([None] * len(films.manifest)), films.store, tiny())


def test_an_empty_split_is_refused(films, tiny):
    splits = films.manifest.table["split"].replace("validation", "train")
    with pytest.raises(DataError, match="none of the 0 films of the validation split"):
        select_films(films.manifest.with_splits(splits), films.store, tiny())


def test_a_split_that_nothing_can_be_learnt_from_is_refused(films, tiny):
    nothing = np.zeros(len(films.manifest), np.float32)
    manifest = with_labels(films.manifest, **dict.fromkeys(FINDINGS, nothing))
    with pytest.raises(DataError, match="the train split has no finding that is present in one film and absent in"):
        select_films(manifest, films.store, tiny())


def test_no_finding_is_an_answer_of_its_own_where_it_is_asked_for(films, tiny):
    part, _ = select_films(films.manifest, films.store, tiny("findings=[Effusion, No Finding]"))
    rows = films.manifest.rows("train")
    nothing = (films.manifest.targets(rows) == 1).sum(axis=1) == 0
    np.testing.assert_array_equal(part.targets[:, 1], nothing)
    assert 0 < nothing.sum() < len(nothing)


def test_no_finding_cannot_be_told_from_a_few_findings(films, tiny):
    few = dataclasses.replace(films.manifest, findings=("Effusion", "Mass"))
    with pytest.raises(DataError, match="no labels for No Finding"):
        select_films(few, films.store, tiny("findings=[Effusion, No Finding]"))


def test_soft_targets_are_trained_on_and_validated_nowhere(films, tiny):
    train, validation = films.manifest.rows("train"), films.manifest.rows("validation")
    labels = films.manifest.table["Effusion"].to_numpy(np.float32, copy=True)
    soft = np.full(len(labels), np.nan, np.float32)
    for row in (train[0], validation[0]):
        labels[row], soft[row] = np.nan, 0.75
    first, second = select_films(with_labels(films.manifest, Effusion=labels, soft_Effusion=soft), films.store, tiny())
    assert first.targets[0, 0] == 0.75
    assert np.isnan(second.targets[0, 0])
    known = np.append(labels[train][1:], np.float32(0.75))
    assert first.prevalence[0] == pytest.approx(known.mean())
