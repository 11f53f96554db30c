import gzip

import numpy as np
import pytest

from hilum.data import read_nih, read_nih_sample
from hilum.errors import DataError
from hilum.findings import NIH_FINDINGS

V2017 = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)
KAGGLE = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImageWidth,"
    "OriginalImageHeight,OriginalImagePixelSpacing_x,OriginalImagePixelSpacing_y"
)
ROWS = {
    "v2020": (
        "00000001_000.png,Cardiomegaly|Effusion,0,1,57,M,PA,2682,2749,0.143,0.143",
        "00000002_000.png,No Finding,3,2,414,F,AP,2500,2048,0.168,0.168",
    ),
    "2017": (
        "00000001_000.png,Cardiomegaly|Effusion,000,1,057Y,M,PA,2682,2749,0.143,0.143,",
        "00000002_000.png,No Finding,003,2,414Y,F,AP,2500,2048,0.168,0.168,",
    ),
    "kaggle": (
        "00000001_000.png,Cardiomegaly|Effusion,000,00001,057Y,M,PA,2682,2749,0.143,0.143",
        "00000002_000.png,No Finding,003,00002,414Y,F,AP,2500,2048,0.168,0.168",
    ),
}


@pytest.fixture
def nih(tmp_path, write_text, v2020):
    def write(kind="v2020", rows=None, name="Data_Entry_2017.csv", images=("images_001/images", "images_002/images")):
        header = {"v2020": v2020, "2017": V2017, "kaggle": KAGGLE}[kind]
        rows = ROWS[kind] if rows is None else rows
        for row, folder in zip(rows, images * len(rows), strict=False):
            path = tmp_path / "nih" / folder / row.split(",")[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return write_text(f"nih/{name}", header, *rows)

    return write


@pytest.mark.parametrize("kind", list(ROWS))
def test_every_header_gives_the_same_films(nih, kind):
    name = "sample_labels.csv" if kind == "kaggle" else "Data_Entry_2017_v2020.csv"
    manifest = read_nih(nih(kind, name=name).parent)
    table = manifest.table
    assert list(table["image_id"]) == ["00000001_000.png", "00000002_000.png"]
    assert list(table["view"]) == ["PA", "AP"]
    assert list(table["sex"]) == ["M", "F"]
    assert table["age_years"].tolist()[0] == 57
    assert np.isnan(table["age_years"].tolist()[1])
    assert manifest.findings == NIH_FINDINGS
    expected = np.zeros((2, 14))
    expected[0, [NIH_FINDINGS.index("Cardiomegaly"), NIH_FINDINGS.index("Effusion")]] = 1
    assert (manifest.targets() == expected).all()
    assert manifest.split_digest == ""
    assert manifest.notes == ("1 age is missing or cannot be (above 110 years); they count as unknown",)
    assert not manifest.phantom


def test_the_folders_films_lie_in(nih, tmp_path):
    file = nih(images=("images",))
    root = tmp_path / "nih" / "images"
    assert [path.parent for path in read_nih(file).paths()] == [root, root]
    assert [path.parent for path in read_nih(file, images=[root]).paths()] == [root, root]
    (root / "00000002_000.png").unlink()
    manifest = read_nih(file.parent)
    assert len(manifest) == 2
    assert "1 of 2 films is not there" in manifest.notes[0]


def test_a_zipped_label_file_and_the_phantoms_marker(nih, tmp_path):
    file = nih()
    packed = file.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    (tmp_path / "nih" / "phantoms.json").write_text("{}")
    manifest = read_nih(tmp_path / "nih")
    assert manifest.phantom
    assert manifest.source == "Data_Entry_2017.csv.gz"


def test_studies_are_visits(nih):
    rows = ("a_0.png,Mass,0,7,1,M,PA,1,1,1,1", "b_0.png,Mass,1,7,1,M,PA,1,1,1,1")
    table = read_nih(nih(rows=rows)).table
    assert list(table["study_id"]) == ["7_0", "7_1"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (("a.png,Mas,0,1,1,M,PA,1,1,1,1",), "line 2: unknown finding 'Mas'. Did you mean 'Mass'"),
        (("a.png,,0,1,1,M,PA,1,1,1,1",), "line 2: an empty cell"),
        (("a.png,No Finding|Mass,0,1,1,M,PA,1,1,1,1",), "'No Finding' beside a finding"),
        (("a.png,Mass,0,1,1,M,PA,1,1,1,1",) * 2, r"1 row repeats an image id .* \(a.png\)"),
        (("a.png,Mass,0,,1,M,PA,1,1,1,1",), "no patient id"),
        (("a.png,Mass,0",), "line 2: 3 cells, the header has 11"),
    ],
)
def test_rows_that_are_refused(nih, rows, words):
    with pytest.raises(DataError, match=words):
        read_nih(nih(rows=rows))


def test_label_files_that_cannot_be_found(nih, tmp_path, write_text):
    with pytest.raises(DataError, match="there is no folder"):
        read_nih(tmp_path / "absent")
    with pytest.raises(DataError, match="holds no label file of NIH"):
        read_nih(tmp_path)
    nih()
    nih(name="Data_Entry_2017_v2020.csv")
    with pytest.raises(
        DataError, match=r"2 label files \(Data_Entry_2017.csv, Data_Entry_2017_v2020.csv\): name the one"
    ):
        read_nih(tmp_path / "nih")
    with pytest.raises(DataError, match="no column 'Image Index'"):
        read_nih(write_text("nih/other.csv", "file,label", "a.png,Mass"))


@pytest.mark.shared
def test_the_real_label_files(shared_data):
    manifest = read_nih(shared_data / "cxr")
    assert (len(manifest), manifest.n_patients) == (12_340, 3_235)
    counts = dict(zip(manifest.findings, (manifest.targets() == 1).sum(axis=0).tolist(), strict=True))
    expected = {"Infiltration": 1887, "Effusion": 1137, "Mass": 406, "Pleural_Thickening": 396, "Hernia": 33}
    assert {name: counts[name] for name in expected} == expected
    assert "12,340 films were found under another ending" in manifest.notes[0]
    assert all(path.is_file() for path in manifest.paths()[:50])
    enriched = read_nih(shared_data / "cxr-enriched")
    assert (len(enriched), enriched.n_patients) == (1_302, 1_017)


@pytest.mark.shared
@pytest.mark.slow
def test_the_whole_label_file(shared_data):
    labels = shared_data / "nih-metadata" / "Data_Entry_2017_v2020.csv.gz"
    manifest = read_nih(labels, images=[shared_data / "cxr" / "images"])
    assert (len(manifest), manifest.n_patients) == (112_120, 30_805)
    assert "99,780 of 112,120 films are not there" in manifest.notes[0]


# --- NIH's own lists and boxes ---------------------------------------------------------------------------------------


@pytest.fixture
def official(nih, tmp_path):
    """Four patients in NIH's own layout, with both lists and the boxes; returns the folder."""
    rows = [f"0000000{n}_000.png,No Finding,0,{n},50,M,PA,1,1,1,1" for n in range(1, 5)]
    nih(rows=rows, name="meta/Data_Entry_2017_v2020.csv")
    folder = tmp_path / "nih"
    (folder / "train_val_list.txt").write_text("00000001_000.png\n00000002_000.png\n00000003_000.png\n")
    (folder / "meta" / "test_list.txt").write_text("00000004_000.png\n00000009_000.png\n")
    (folder / "BBox_List_2017.csv").write_text("Image Index,Finding Label,Bbox [x,y,w,h],,,\na.png,Mass,1,2,3,4\n")
    return folder


def test_nihs_own_lists_make_the_split(official):
    manifest = read_nih(official)
    table = manifest.table.set_index("image_id")["split"]
    assert table["00000004_000.png"] == "test"
    assert sorted(table.iloc[:3]) == ["train", "train", "validation"]
    notes = " ".join(manifest.notes)
    assert "split by NIH's own lists (train_val_list.txt, test_list.txt)" in notes
    assert "1 box lies in BBox_List_2017.csv" in notes
    assert "1 listed film is not in the manifest" in notes
    assert set(manifest.table["source"]) == {"ChestX-ray14"}


def test_lists_that_do_not_fit_are_named_and_not_used(official):
    (official / "meta" / "test_list.txt").write_text("00000009_000.png\n")
    manifest = read_nih(official)
    assert not manifest.split_digest
    assert any(
        "were found but not used: the manifest holds no film of test_list.txt" in note for note in manifest.notes
    )


def test_a_hospitals_own_labels_in_nihs_form_have_no_source(nih):
    rows = ("a.png,Mass,0,7,1,M,PA,1,1,1,1", "b.png,Mass,1,7,1,M,PA,1,1,1,1")
    assert set(read_nih(nih(rows=rows)).table["source"]) == {""}


def test_the_sample_alone(nih, tmp_path):
    nih("kaggle", name="sample/sample_labels.csv")
    nih()
    manifest = read_nih_sample(tmp_path / "nih")
    assert manifest.source == "sample_labels.csv"
    assert manifest.table["age_years"].iloc[0] == 57
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="looked for sample_labels"):
        read_nih_sample(tmp_path / "empty")
