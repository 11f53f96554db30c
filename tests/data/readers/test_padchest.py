import numpy as np
import pytest

from hilum.data import read_padchest
from hilum.errors import DataError


def test_what_stands_in_the_manifest(layout, labels_of):
    manifest = read_padchest(layout("padchest").path)
    table = manifest.table.set_index("image_id")
    assert list(table["view"]) == ["PA", "LL", "AP", "AP", "COSTAL", ""]
    assert list(table["sex"]) == ["F", "F", "M", "", "M", "M"]
    np.testing.assert_array_equal(table["age_years"], np.float32([84, 84, 11, np.nan, 11, np.nan]))
    assert labels_of(manifest, "a.png")[0] == labels_of(manifest, "b.png")[0] == {"Effusion"}
    assert labels_of(manifest, "c.png")[::2] == (set(), set())
    assert labels_of(manifest, "e.png")[0] == {"Pleural_Thickening", "Calcification"}
    for image in ("d.png", "f.png"):
        assert labels_of(manifest, image)[:2] == (set(), set())
    notes = " ".join(manifest.notes)
    assert "2 films have no label" in notes
    assert "1 of the set's labels left out, as no finding of hilum's" in notes
    assert "4 of 6 films were labelled by physicians" in notes


@pytest.mark.parametrize("cell", ["['normal' 'mass']", "normal", "[normal]", "['normal'", "__import__('os')"])
def test_lists_that_are_refused(layout, cell):
    here = layout("padchest")
    here.labels.write_text(here.labels.read_text().replace("['normal']", cell))
    with pytest.raises(DataError, match=r"line 7: the labels .* are no list such as \['nodule', 'mass'\]"):
        read_padchest(here.path)


def test_several_label_files(layout):
    here = layout("padchest")
    other = here.labels.with_name("PADCHEST_old.csv")
    other.write_bytes(here.labels.read_bytes())
    with pytest.raises(DataError, match="holds 2 label files"):
        read_padchest(here.path)
    assert len(read_padchest(other)) == 6
