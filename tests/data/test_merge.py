import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.data import Manifest, merge_manifests, read_manifest
from hilum.errors import DataError, InvalidValueError
from hilum.findings import FINDINGS

NAMES = tuple(FINDINGS)


@pytest.fixture
def of(manifest_of):
    """A manifest of films of one source, with a folder of its own."""

    def make(source, findings=("Effusion", "Mass"), n=4, folder=None, **options):
        paths = [f"/{folder or source}/{row}.png" for row in range(n)]
        return manifest_of(n, paths=paths, findings=findings, source=source, **options)

    return make


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_a_set_does_not_label_is_unknown_and_all_else_is_kept(of, data):
    findings = st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True)
    parts = [of(source, tuple(data.draw(findings)), n=data.draw(st.integers(1, 5))) for source in ("A", "B", "C")]
    whole = merge_manifests(parts)
    assert len(whole) == sum(map(len, parts))
    assert set(whole.findings) == {name for part in parts for name in part.findings}
    assert list(whole.findings) == sorted(whole.findings, key=NAMES.index)
    for part in parts:
        source = part.table["source"].iloc[0]
        rows = np.flatnonzero(whole.table["source"] == source)
        np.testing.assert_array_equal(whole.targets_for(part.findings, rows), part.targets())
        others = [name for name in whole.findings if name not in part.findings]
        assert np.isnan(whole.targets_for(others, rows)).all()
        assert whole.n_patients == sum(other.n_patients for other in parts)


def test_names_are_made_unique_once(of, tmp_path):
    whole = merge_manifests([of("A"), of("B")])
    assert whole.table["image_id"].iloc[0] == "A/00000000_000.png"
    assert whole.table["patient_id"].iloc[4] == "B/p0"
    again = merge_manifests([whole, of("C")])
    assert set(again.table["image_id"]) >= set(whole.table["image_id"])
    whole.save(tmp_path / "m.parquet")
    assert read_manifest(tmp_path / "m.parquet").digest == whole.digest


def test_films_without_a_source_get_the_files_name(of):
    whole = merge_manifests([of("", folder="x"), of("B")])
    assert set(whole.table["source"]) == {"made up", "B"}


def test_films_of_one_set_keep_one_patient_as_one(of):
    whole = merge_manifests([of("ChestX-ray14"), of("ChestX-ray14 (Google)", ("Fracture",))])
    assert whole.n_patients == 2
    assert any("hold films of ChestX-ray14" in note for note in whole.notes)


def test_a_patient_filmed_on_two_devices_stays_one(of):
    devices = of(["CR", "DX", "", "CR"], folder="x")
    whole = merge_manifests([devices, of("B")])
    assert list(whole.table["patient_id"][:4]) == [f"made up/{name}" for name in devices.table["patient_id"]]
    assert list(whole.table["source"][:4]) == ["CR", "DX", "made up", "CR"]
    again = merge_manifests([whole, of("C")])
    assert list(again.table["patient_id"][:8]) == list(whole.table["patient_id"])


def test_a_pseudonym_is_one_patient_in_every_manifest(of):
    names = ["0123456789abcdef0123"] * 2 + ["7"] * 2
    this_year, last_year = of("CR", patients=names), of(["DX", "RF", "DX", ""], folder="x", patients=names)
    whole = merge_manifests([this_year, last_year])
    assert set(whole.table["patient_id"]) == {names[0], "CR/7", "made up/7"}
    assert any("1 patient id stands in made up and in made up, taken for different" in note for note in whole.notes)
    assert not any("taken for different" in note for note in merge_manifests([of("CheXpert"), of("B")]).notes)


def test_a_film_that_stands_in_two(of):
    first = of("ChestX-ray14", ("Effusion", "Mass"), folder="x", targets=[[1, np.nan]] * 4)
    second = of("ChestX-ray14 (Google)", ("Mass", "Fracture"), folder="x", targets=[[1, 0]] * 4)
    with pytest.raises(DataError, match=r"4 films stand in more than one of the manifests, such as .*--repeated first"):
        merge_manifests([first, second])
    whole = merge_manifests([first, second], repeated="first")
    assert set(whole.table["source"]) == {"ChestX-ray14"}
    np.testing.assert_array_equal(whole.targets(), [[1, 1, 0]] * 4)
    assert any("4 films stood in more than one manifest" in note for note in whole.notes)
    # The first one's labels win.
    third = of("ChestX-ray14", ("Effusion",), targets=[[0]] * 4)
    assert (merge_manifests([first, third], repeated="first").targets()[:, 0] == 1).all()


def test_soft_targets_are_kept_and_give_way_to_labels(of):
    unknown = of("A", ("Effusion",), folder="x", targets=[[np.nan]] * 4)
    soft = Manifest(unknown.table.assign(soft_Effusion=np.float32(0.7)), unknown.findings, "soft")
    whole = merge_manifests([soft, of("B", ("Effusion",))])
    trained = whole.targets_for(("Effusion",), np.arange(8), soft=True)[:, 0]
    assert trained[:4] == pytest.approx(0.7)
    assert np.isin(trained[4:], [0, 1]).all()
    labelled = of("A", ("Effusion",), folder="x", targets=[[1]] * 4)
    joined = merge_manifests([soft, labelled], repeated="first")
    assert joined.targets_for(("Effusion",), np.arange(4), soft=True)[:, 0].tolist() == [1] * 4


def test_splits_are_kept_only_if_all_have_one_and_no_patient_is_cut(of):
    split = ["train", "train", "test", "test"]
    a, b = of("A"), of("B")
    assert not merge_manifests([a, b]).split_digest
    both = merge_manifests([a.with_splits(split), b.with_splits(split)])
    assert list(both.table["split"]) == split * 2
    one = merge_manifests([a.with_splits(split), b])
    assert not one.split_digest
    assert any("the splits were dropped, because made up has none" in note for note in one.notes)
    other = of("A (read anew)", folder="y").with_splits(split[::-1])
    cut = merge_manifests([a.with_splits(split), other])
    assert not cut.split_digest
    assert any("2 patients would stand in more than one" in note for note in cut.notes)


def test_where_sets_mean_different_things_the_notes_say_so(of):
    whole = merge_manifests([of("VinDr-CXR", ("Lung_Opacity",)), of("CheXpert", ("Lung_Opacity",))])
    notes = " ".join(whole.notes)
    assert "Lung Opacity is not the same thing in all sets (VinDr-CXR: an opacity that none" in notes
    assert "has not got a label means different things" in notes
    alike = merge_manifests([of("ChestX-ray14", ("Mass",)), of("Open-I", ("Mass",))])
    assert not any("different things" in note or "not the same" in note for note in alike.notes)


def test_what_cannot_be_merged(of):
    with pytest.raises(InvalidValueError, match="two manifests or more to merge, got 1"):
        merge_manifests([of("A")])
    real = of("A")
    made_up = Manifest(of("B").table, real.findings, "phantoms", phantom=True)
    with pytest.raises(DataError, match="phantoms and real films"):
        merge_manifests([real, made_up])
