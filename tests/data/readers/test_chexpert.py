import pytest

from hilum.data import read_chexpert
from hilum.errors import DataError, UnknownNameError

FRONTAL = "train/patient00001/study2/view1_frontal.jpg"


def test_what_stands_in_the_manifest(layout, labels_of):
    manifest = read_chexpert(layout("chexpert").path)
    table = manifest.table
    assert list(table["view"]) == ["AP", "PA", "LL", "AP", "AP"]
    assert list(table["sex"]) == ["F"] * 4 + ["M"]
    assert table["age_years"].tolist() == [68] * 4 + [73]
    assert list(table["patient_id"]) == ["patient00001"] * 3 + ["patient00002", "patient64541"]
    assert table["study_id"].iloc[1] == table["study_id"].iloc[2] == "patient00001/study2"
    assert list(table["split"]) == ["train"] * 4 + ["validation"]
    assert manifest.findings[0] == "Enlarged_Cardiomediastinum"
    assert len(manifest.findings) == 13
    present, absent, unknown = labels_of(manifest, FRONTAL)
    assert (present, absent) == ({"Lung_Opacity"}, set())
    assert {"Edema", "Effusion", "Fracture"} <= unknown
    present, absent, _ = labels_of(manifest, "valid/patient64541/study1/view1_frontal.jpg")
    assert (present, len(absent)) == ({"Cardiomegaly"}, 12)
    assert any("1 film is lateral" in note for note in manifest.notes)
    assert any("the set's own split was taken: train 4, validation 1" in note for note in manifest.notes)


def test_where_nothing_was_found_a_blank_is_absent_but_for_devices(layout, labels_of):
    present, absent, unknown = labels_of(
        read_chexpert(layout("chexpert").path), "train/patient00001/study1/view1_frontal.jpg"
    )
    assert (present, len(absent), unknown) == (set(), 12, {"Support_Devices"})


@pytest.mark.parametrize(("policy", "value"), [("ignore", None), ("zero", 0), ("one", 1)])
def test_policies_for_uncertain_labels(layout, policy, value):
    manifest = read_chexpert(layout("chexpert").path, uncertain=policy)
    edema = manifest.table.set_index("image_id")["Edema"][FRONTAL]
    assert edema == value if value is not None else edema != edema
    assert not manifest.soft_findings
    assert any(f"2 labels are uncertain, taken as {word}" in note for note in manifest.notes
               for word in ("unknown", "absent", "present"))  # fmt: skip


def test_smooth_is_soft_in_training_and_unknown_elsewhere(layout):
    manifest = read_chexpert(layout("chexpert").path, uncertain="smooth")
    assert manifest.soft_findings == ("Edema",)
    rows = manifest.rows("train")
    soft = manifest.targets_for(("Edema",), rows, soft=True)[:, 0]
    hard = manifest.targets_for(("Edema",), rows)[:, 0]
    assert ((soft[1:3] >= 0.55) & (soft[1:3] < 0.85)).all()
    assert soft[1] != soft[2]
    assert (hard[1:3] != hard[1:3]).all()


def test_blanks_may_count_as_absent(layout, labels_of):
    manifest = read_chexpert(layout("chexpert").path, blank="zero")
    present, absent, unknown = labels_of(manifest, FRONTAL)
    assert (present, unknown) == ({"Lung_Opacity"}, {"Edema"})
    assert len(absent) == 11
    with pytest.raises(UnknownNameError, match="Did you mean 'zero'"):
        read_chexpert(layout("chexpert").path, blank="zeros")
    with pytest.raises(UnknownNameError, match="Did you mean 'smooth'"):
        read_chexpert(layout("chexpert").path, uncertain="smoth")


def test_one_file_alone_and_films_elsewhere(layout, tmp_path):
    here = layout("chexpert")
    base = here.labels.parent
    assert len(read_chexpert(base)) == 5
    assert set(read_chexpert(base / "valid.csv").table["split"]) == {"validation"}
    (base / "train").rename(tmp_path / "train")
    manifest = read_chexpert(base / "train.csv", images=[base, tmp_path])
    assert all(path.is_file() for path in manifest.paths())


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("-1.0", "-2", "line 3: Edema is '-2'; expected 1, 0, -1"),
        (
            "CheXpert-v1.0-small/train/patient00002/study1/",
            "",
            "line 5: the path 'view1_frontal.jpg' is not of the form",
        ),
    ],
)
def test_cells_that_are_refused(layout, before, after, words):
    here = layout("chexpert")
    here.labels.write_text(here.labels.read_text().replace(before, after))
    with pytest.raises(DataError, match=words):
        read_chexpert(here.path)
