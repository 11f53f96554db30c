import pytest

from hilum.data import read_openi
from hilum.errors import DataError


def test_what_stands_in_the_manifest(layout, labels_of):
    manifest = read_openi(layout("openi").path)
    assert len(manifest) == 7
    assert manifest.n_patients == 4
    assert labels_of(manifest, "CXR2_1_IM-0002-3001")[0] == {"Cardiomegaly", "Atelectasis"}
    assert labels_of(manifest, "CXR1_1_IM-0001-4001")[::2] == (set(), set())
    assert labels_of(manifest, "CXR3_1_IM-0003-3001")[:2] == (set(), set())
    assert labels_of(manifest, "CXR4_IM-2050-1001")[0] == {"Calcification"}
    notes = " ".join(manifest.notes)
    for words in (
        "views are unknown",
        "1 of 5 reports names no film",
        "2 reports were not indexed",
        "1 of the set's terms",
    ):
        assert words in notes


def test_reports_that_are_refused(layout, tmp_path):
    here = layout("openi")
    good = here.labels.read_text()
    here.labels.write_text(good[:-5])
    with pytest.raises(DataError, match=r"1.xml is no readable XML"):
        read_openi(here.path)
    here.labels.write_text('<!DOCTYPE a [<!ENTITY b "bb">]><eCitation>&b;</eCitation>')
    with pytest.raises(DataError, match="defines entities"):
        read_openi(here.path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.xml").write_text("<a/>")
    with pytest.raises(DataError, match="names a film"):
        read_openi(tmp_path / "other")
