import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.data import Manifest, check_split, describe_manifest, patient_hash, read_manifest, split_by_patient
from hilum.errors import DataError, LeakError, StorageError, UnknownNameError


def shuffled(manifest, seed=1):
    return Manifest(manifest.table.sample(frac=1, random_state=seed), manifest.findings, source="shuffled")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 12), st.integers(0, 1000), st.booleans())
def test_parquet_gives_back_the_very_same(tmp_path, manifest_of, n_images, seed, split):
    generator = np.random.default_rng(seed)
    targets = generator.choice([0, 1, np.nan], (n_images, 14)).astype(np.float32)
    ages = generator.choice([np.nan, 55.5], n_images).astype(np.float32)
    manifest = manifest_of(n_images, targets=targets, age_years=ages)
    if split:
        manifest = manifest.with_splits(
            [["train", "validation", "test", None][row // 2 % 4] for row in range(n_images)]
        )
    manifest.save(tmp_path / "m.parquet")
    back = read_manifest(tmp_path / "m.parquet")
    pd.testing.assert_frame_equal(
        back.table, manifest.table[back.table.columns], check_dtype=False, check_column_type=False
    )
    assert (back.digest, back.split_digest) == (manifest.digest, manifest.split_digest)
    assert (back.findings, back.source, back.notes) == (manifest.findings, manifest.source, manifest.notes)
    assert back.targets().dtype == np.float32


def test_a_folder_can_be_moved_with_its_manifest(tmp_path, write_films, manifest_of):
    paths = write_films(3, "set/films")
    outside = tmp_path / "elsewhere.png"
    manifest = manifest_of(3, paths=[*paths[:2], outside])
    manifest.save(tmp_path / "set" / "m.parquet")
    (tmp_path / "set").rename(tmp_path / "moved")
    back = read_manifest(tmp_path / "moved" / "m.parquet")
    assert back.paths() == [*(tmp_path / "moved" / "films" / path.name for path in paths[:2]), outside]


def test_what_the_digest_is_of(manifest_of):
    manifest = manifest_of(6)
    same = [
        shuffled(manifest),
        manifest_of(6, paths=[f"/other/{n}" for n in range(6)]),
        manifest_of(6, view="AP", sex="M"),
        manifest.with_splits(["train"] * 6, notes=["a note"]),
    ]
    assert {other.digest for other in same} == {manifest.digest}
    targets = manifest.targets()
    changed = targets.copy()
    changed[3, 5] = 1 - changed[3, 5]
    unknown = targets.copy()
    unknown[0, 0] = np.nan
    others = [
        manifest_of(5),
        manifest_of(6, targets=changed),
        manifest_of(6, targets=unknown),
        manifest_of(6, patients=["a"] * 6),
        manifest_of(6, targets=targets[:, :3], findings=manifest.findings[:3]),
    ]
    assert len({manifest.digest, *(other.digest for other in others)}) == 6


def test_what_the_split_digest_is_of(manifest_of):
    manifest = manifest_of(6)
    assert manifest.split_digest == ""
    split = manifest.with_splits(["train", "train", "test", "test", None, None])
    assert shuffled(split).split_digest == split.split_digest
    other = manifest.with_splits(["train", "train", "validation", "validation", None, None])
    assert other.split_digest != split.split_digest


def test_rows_and_targets(manifest_of):
    manifest = manifest_of(6).with_splits(["train", "train", "test", "test", None, None])
    assert manifest.rows("test").tolist() == [2, 3]
    assert manifest.rows("validation").tolist() == []
    assert (manifest.targets(manifest.rows("test")) == manifest.targets()[2:4]).all()
    assert (len(manifest), manifest.n_patients) == (6, 3)
    assert repr(manifest) == "Manifest(made up: 6 films of 3 patients, 14 findings, train 2 · test 2)"
    assert "not split" in repr(manifest_of(2))
    with pytest.raises(DataError, match="no split 'valid'"):
        manifest.rows("valid")


def test_a_patient_in_two_splits_is_a_leak(manifest_of, tmp_path):
    with pytest.raises(LeakError, match="1 of 2 patients stands in more than one split"):
        manifest_of(6).with_splits(["train", "test", "test", "test", None, None])
    manifest = manifest_of(2).with_splits(["train", None])
    check_split(manifest)
    # Nor does a file smuggle one in.
    manifest_of(2).with_splits(["train", "train"]).save(tmp_path / "m.parquet")
    arrow = pq.read_table(tmp_path / "m.parquet")
    place = arrow.schema.get_field_index("split")
    pq.write_table(arrow.set_column(place, "split", pa.array(["train", "test"])), tmp_path / "m.parquet")
    with pytest.raises(LeakError):
        read_manifest(tmp_path / "m.parquet")


def test_manifests_that_cannot_be(manifest_of):
    good = manifest_of(4)
    for change, error, words in [
        ({"image_id": ["a", "a", "b", "c"]}, DataError, r"1 row repeats an image id that stands before \(a\)"),
        ({"image_id": ["", "a", "b", "c"]}, DataError, "no image id"),
        ({"patient_id": ["", "a", "b", "c"]}, DataError, "no patient id"),
        ({"patient_id": [None, "a", "b", "c"]}, DataError, "no patient id"),
        ({"Mass": [0, 0.5, 1, 1]}, DataError, "Mass of 00000001_000.png is 0.5; expected 1"),
        ({"split": ["train", "train", "dev", "dev"]}, DataError, "split 'dev' is none of train"),
    ]:
        with pytest.raises(error, match=words):
            Manifest(good.table.assign(**change), good.findings, source="x")
    with pytest.raises(DataError, match="needs the column view"):
        Manifest(good.table.drop(columns="view"), good.findings, source="x")
    with pytest.raises(DataError, match="x holds no film"):
        Manifest(good.table.iloc[:0], good.findings, source="x")
    with pytest.raises(UnknownNameError, match="Did you mean 'Mass'"):
        Manifest(good.table, ("Masss",), source="x")


def test_files_that_are_no_manifests(tmp_path, manifest_of):
    path = tmp_path / "m.parquet"
    with pytest.raises(DataError, match=r"there is no manifest .*hilum data import"):
        read_manifest(path)
    path.write_text("Image Index\n")
    with pytest.raises(DataError, match="no Parquet file"):
        read_manifest(path)
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(DataError, match="not written by this version"):
        read_manifest(path)
    manifest_of(2).save(path)
    arrow = pq.read_table(path)
    pq.write_table(arrow.drop_columns(["sex"]), path)
    with pytest.raises(DataError, match="no column sex"):
        read_manifest(path)


def test_damaged_manifests(tmp_path, manifest_of):
    path = tmp_path / "m.parquet"
    manifest_of(2).save(path)
    good = pq.read_table(path)
    frame = good.to_pandas()
    for name, values, words in [
        ("path", [None, "a"], r"damaged manifest \(TypeError\)"),
        ("Mass", ["yes", "no"], "column Mass holds something else than numbers"),
        ("age_years", ["old", "young"], "column age_years holds something else than numbers"),
    ]:
        changed = pa.Table.from_pandas(frame.assign(**{name: values}), preserve_index=False)
        pq.write_table(changed.replace_schema_metadata(good.schema.metadata), path)
        with pytest.raises(DataError, match=words):
            read_manifest(path)
    for meta in (b"{", b"[]", b'{"schema_version": 2}', b'{"schema_version": 2, "findings": 3}', b"\xff"):
        pq.write_table(good.replace_schema_metadata({b"hilum": meta}), path)
        with pytest.raises(DataError, match="damaged manifest"):
            read_manifest(path)


def test_a_manifest_that_cannot_be_written(tmp_path, manifest_of):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        manifest_of(2).save(tmp_path / "file" / "m.parquet")


def test_a_patients_hash_hides_the_patient():
    assert patient_hash("17") == patient_hash("17") != patient_hash("18")
    assert len(patient_hash("17")) == 16
    assert "17" not in patient_hash("17")


def test_no_finding_is_no_label_of_its_own(manifest_of):
    manifest = manifest_of(2)
    table = manifest.table.assign(**{"No Finding": np.float32(1)})
    with pytest.raises(DataError, match="'No Finding' follows from the findings"):
        Manifest(table, (*manifest.findings, "No Finding"), source="mine.csv")


def test_targets_for_other_findings_than_the_labelled_ones(manifest_of):
    manifest = manifest_of(2, targets=np.array([[0.0] * 14, [1.0, *[np.nan] * 13]], np.float32))
    got = manifest.targets_for(("No Finding", "Atelectasis"), np.array([1, 0]))
    np.testing.assert_array_equal(got, [[0, 1], [1, 0]])
    few = Manifest(manifest.table, ("Mass",), source="few")
    assert np.isnan(few.targets_for(("No Finding", "Effusion"), np.array([0]))).all()


# --- soft targets and sources ----------------------------------------------------------------------------------------


def with_soft(manifest, values=(0.7, np.nan, np.nan, np.nan)):
    """Mass is uncertain on the first film."""
    labels = manifest.table["Mass"].to_numpy(np.float32, copy=True)
    labels[~np.isnan(values)] = np.nan
    table = manifest.table.assign(Mass=labels, soft_Mass=np.float32(values))
    return Manifest(table, manifest.findings, source="soft")


def test_a_soft_target_is_seen_by_training_alone(manifest_of, tmp_path):
    manifest = with_soft(manifest_of(4))
    mass = manifest.findings.index("Mass")
    rows = np.arange(4)
    assert np.isnan(manifest.targets()[0, mass])
    assert np.isnan(manifest.targets_for(("Mass",), rows)[0, 0])
    soft = manifest.targets_for(("Mass", "Effusion"), rows, soft=True)
    assert soft[0, 0] == np.float32(0.7)
    np.testing.assert_array_equal(soft[1:, 0], manifest.targets()[1:, mass])
    manifest.save(tmp_path / "m.parquet")
    back = read_manifest(tmp_path / "m.parquet")
    assert (back.soft_findings, back.digest) == (("Mass",), manifest.digest)
    assert with_soft(manifest_of(4), (0.6, np.nan, np.nan, np.nan)).digest != manifest.digest


def test_an_uncertain_film_counts_nowhere(manifest_of, write_films):
    labels = np.zeros((4, 2), np.float32)
    labels[1:3, 0] = 1
    paths = write_films(4)
    certain = manifest_of(4, paths=paths, targets=labels, findings=("Mass", "Effusion"), patients=list("abcd"))
    manifest = with_soft(certain)
    description, samples = describe_manifest(manifest)
    assert description.positives["Mass"] == 2
    assert description.unknown["Mass"] == 1
    assert description.positives["No Finding"] == 1
    assert sorted(film.caption for film in samples)[-1] == "labels unknown"
    # The split is that of a manifest that knows nothing of the film.
    table = manifest.table.drop(columns="soft_Mass")
    without = Manifest(table, manifest.findings, source="hard")
    assert split_by_patient(manifest).split_digest == split_by_patient(without).split_digest


@pytest.mark.parametrize("value", [0.0, 1.0, 1.5, -0.2])
def test_soft_targets_that_cannot_be(manifest_of, value):
    with pytest.raises(DataError, match=r"the soft target .* of Mass of 00000000_000.png is expected between 0 and 1"):
        with_soft(manifest_of(4), (value, np.nan, np.nan, np.nan))
    good = manifest_of(4)
    with pytest.raises(DataError, match="only where the label itself is unknown"):
        Manifest(good.table.assign(soft_Mass=np.float32(0.7)), good.findings, source="x")
    with pytest.raises(DataError, match="column soft_Maas belongs to no finding"):
        Manifest(good.table.assign(soft_Maas=np.float32(0.7)), good.findings, source="x")


def test_no_finding_is_that_of_the_fourteen_whatever_else_is_labelled(manifest_of):
    manifest = manifest_of(4)
    rows = np.arange(4)
    more = Manifest(
        manifest.table.assign(Fracture=np.float32([1, 0, np.nan, 1])), (*manifest.findings, "Fracture"), source="more"
    )
    np.testing.assert_array_equal(more.targets_for(("No Finding",), rows), manifest.targets_for(("No Finding",), rows))


def test_a_manifest_of_the_first_schema_is_read(manifest_of, tmp_path):
    path = tmp_path / "m.parquet"
    manifest = manifest_of(4)
    manifest.save(path)
    arrow = pq.read_table(path).drop_columns(["source"])
    meta = arrow.schema.metadata[b"hilum"].replace(b'"schema_version": 2', b'"schema_version": 1')
    pq.write_table(arrow.replace_schema_metadata({b"hilum": meta}), path)
    back = read_manifest(path)
    assert set(back.table["source"]) == {""}
    assert back.digest == manifest.digest
