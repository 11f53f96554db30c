import csv
import stat

import numpy as np
import pytest

from hilum.errors import InvalidValueError
from hilum.imaging import IdentityKey, deidentify_folder, read_identity

KEY = IdentityKey(b"k" * 32)


@pytest.fixture
def archive(tmp_path, write_dataset, make_dataset, ramp, grey):
    """Two patients' films, one of them twice, one with another's UID, one marked, one without an id, a CT, a text."""
    root = tmp_path / "archive"
    (root / "sub").mkdir(parents=True)

    def film(name, values, **tags):
        write_dataset(make_dataset(values, StudyInstanceUID="1.2.9", **tags)).rename(root / name)

    film("a.dcm", ramp, PatientID="Canary1", SOPInstanceUID="1.2.1")
    film("b.dcm", ramp, PatientID="Canary1", SOPInstanceUID="1.2.1")
    film("c.dcm", grey, PatientID="Canary1", SOPInstanceUID="1.2.1")
    film("sub/d", ramp, PatientID="Canary2", SOPInstanceUID="1.2.2")
    film("sub/e", ramp, PatientID="Canary2", SOPInstanceUID="1.2.4", BurnedInAnnotation="YES")
    film("sub/f", ramp, SOPInstanceUID="1.2.5")
    film("sub/g", ramp, Modality="CT")
    (root / "notes.txt").write_text("text")
    return root


def test_a_folder(archive, tmp_path):
    out, map_file, seen = tmp_path / "out", tmp_path / "map" / "m.csv", []
    found = deidentify_folder(
        archive, out, key=KEY, map_file=map_file, workers=1, on_progress=lambda *at: seen.append(at)
    )
    assert (found.n_written, found.n_patients, found.n_burned_in, found.n_without_id) == (3, 3, 1, 1)
    assert (found.n_repeated, found.n_conflicting, found.refused) == (1, 1, {"modality": 1})
    assert found.tree.n_other == 1
    assert seen == [(number, 7) for number in range(1, 8)]
    files = sorted(path for path in out.rglob("*") if path.is_file())
    assert len(files) == 3
    for path in files:
        assert b"canary" not in path.read_bytes().lower() + str(path.relative_to(out)).lower().encode()
    assert {read_identity(path).patient_id for path in files} == {path.parent.name for path in files}
    assert stat.S_IMODE(map_file.stat().st_mode) == 0o600
    rows = list(csv.DictReader(map_file.read_text().splitlines()))
    outcomes = ["written", "repeated", "conflict", "written", "burned_in", "written", "modality"]
    assert [row["outcome"] for row in rows] == outcomes
    assert (rows[0]["patient_id"], rows[0]["pseudonym"]) == ("Canary1", KEY.pseudonym("Canary1"))
    assert (out / rows[0]["file"]).is_file()
    again = deidentify_folder(archive, out, key=KEY, keep_burned_in=True, workers=1)
    assert (again.n_written, again.n_repeated) == (1, 4)


def test_folders_that_would_mix(archive, tmp_path):
    for out in (archive, archive / "new", tmp_path):
        with pytest.raises(InvalidValueError, match="lie within each other"):
            deidentify_folder(archive, out, key=KEY)
    with pytest.raises(InvalidValueError, match="lies among the new films"):
        deidentify_folder(archive, tmp_path / "out", key=KEY, map_file=tmp_path / "out" / "map.csv")
    assert not (tmp_path / "out").exists()
    assert np.all([path.exists() for path in (archive / "a.dcm", archive / "sub" / "g")])


def test_a_name_that_is_no_text_stands_in_the_map_by_its_bytes(archive, tmp_path):
    odd = archive / "a\udcff.dcm"
    (archive / "a.dcm").rename(odd)
    map_file = tmp_path / "map.csv"
    deidentify_folder(archive, tmp_path / "out", key=KEY, map_file=map_file, workers=1)
    assert bytes(odd) in map_file.read_bytes()
    assert len(map_file.read_bytes().splitlines()) == 8
