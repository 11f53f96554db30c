import gzip

import pytest

from hilum.data import read_nih_google
from hilum.errors import DataError


def test_what_stands_in_the_manifest(layout, labels_of):
    manifest = read_nih_google(layout("nih-google").path)
    assert manifest.findings == ("Fracture", "Pneumothorax", "Lung_Opacity", "Lung_Lesion")
    assert labels_of(manifest, "00000001_000.png")[0] == {"Lung_Opacity"}
    assert labels_of(manifest, "00000002_000.png")[0] == {"Fracture", "Lung_Lesion"}
    assert list(manifest.table["split"]) == ["validation", "validation", "test"]
    assert list(manifest.table["study_id"])[:2] == ["1_0", "1_1"]


def test_googles_own_two_files(layout, tmp_path, write_rows):
    here = layout("nih-google")
    header = ["Image Index", "Fracture", "Pneumothorax", "Airspace opacity", "Nodule or mass", "Patient ID"]
    own = tmp_path / "own"
    for part, film, patient in (("validation", "00000001_000.png", "1"), ("test", "00000002_000.png", "2")):
        write_rows(
            own / f"four_findings_expert_labels_{part}_labels.csv", header, [film, "NO", "YES", "NO", "", patient]
        )
    manifest = read_nih_google(own, images=[here.path])
    assert list(manifest.table["split"]) == ["test", "validation"]
    assert (manifest.targets()[:, 3] != manifest.targets()[:, 3]).all()


def test_a_split_that_cuts_a_patient_in_two_is_not_taken(layout):
    here = layout("nih-google")
    text = gzip.decompress(here.labels.read_bytes()).decode().replace("NO,YES,NO,NO,val", "NO,YES,NO,NO,test")
    here.labels.write_bytes(gzip.compress(text.encode()))
    manifest = read_nih_google(here.path)
    assert not manifest.split_digest
    assert "1 of 2 patients in more than one part, so it was not taken" in manifest.notes[-1]
    here.labels.write_bytes(gzip.compress(text.replace("YES", "MAYBE", 1).encode()))
    with pytest.raises(DataError, match="line 2: Airspace opacity is 'MAYBE'; expected YES, NO or nothing"):
        read_nih_google(here.path)


@pytest.mark.shared
def test_the_real_file(shared_data):
    manifest = read_nih_google(shared_data / "nih-metadata", images=[shared_data / "cxr" / "images"])
    assert (len(manifest), manifest.n_patients) == (4_376, 1_695)
    positives = dict(zip(manifest.findings, (manifest.targets() == 1).sum(axis=0).tolist(), strict=True))
    assert positives == {"Fracture": 186, "Pneumothorax": 238, "Lung_Opacity": 2_166, "Lung_Lesion": 605}
    assert {name: len(manifest.rows(name)) for name in ("validation", "test")} == {"validation": 2_414, "test": 1_962}
