"""Every public set in its real layout, a few films each, written by the tests themselves."""

import csv
import gzip
import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest


@dataclass
class Layout:
    """A set on disk: what to read, with what, the label file, the film that can be deleted, a column that is needed."""

    path: Path
    labels: Path
    films: list[Path]
    column: str = ""
    options: dict = field(default_factory=dict)


def write_csv(path, header, *rows):
    """Write rows of cells; gzipped where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    raw = text.getvalue().encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def touch(root, *names):
    paths = [root / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return paths


NIH = ["Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "Patient Gender", "View Position"]
NIH_ROWS = [
    ["00000001_000.png", "Cardiomegaly|Effusion", "0", "1", "057Y", "M", "PA"],
    ["00000001_001.png", "No Finding", "1", "1", "058Y", "M", "AP"],
    ["00000002_000.png", "Mass", "0", "2", "414Y", "F", "PA"],
    ["00000003_000.png", "Hernia", "0", "3", "081Y", "F", "AP"],
]
CHEXPERT = [
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema",
    "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture",
    "Support Devices",
]  # fmt: skip


def nih(root):
    films = touch(root, *(f"images_00{n % 2 + 1}/images/{row[0]}" for n, row in enumerate(NIH_ROWS)))
    labels = write_csv(root / "Data_Entry_2017_v2020.csv", NIH, *NIH_ROWS)
    (root / "train_val_list.txt").write_text("00000001_000.png\n00000001_001.png\n00000003_000.png\n")
    (root / "test_list.txt").write_text("00000002_000.png\n")
    (root / "BBox_List_2017.csv").write_text(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000002_000.png,Mass,1.5,2,3,4\n"
    )
    return Layout(root, labels, films, "Patient ID")


def nih_sample(root):
    films = touch(root, *(f"sample/images/{row[0]}" for row in NIH_ROWS))
    return Layout(root, write_csv(root / "sample_labels.csv", NIH, *NIH_ROWS), films, "Finding Labels")


def nih_google(root):
    header = [*NIH, "Fracture", "Pneumothorax", "Airspace opacity", "Nodule or mass", "Set Id"]
    answers = [["NO", "NO", "YES", "NO", "val"], ["NO", "YES", "NO", "NO", "val"], ["YES", "NO", "NO", "YES", "test"]]
    rows = [[*row, *more] for row, more in zip(NIH_ROWS, answers, strict=False)]
    films = touch(root, *(f"images/{row[0]}" for row in rows))
    return Layout(root, write_csv(root / "google2019_nih-chest-xray-labels.csv.gz", header, *rows), films, "Fracture")


def chexpert(root):
    base = root / "CheXpert-v1.0-small"
    header = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *CHEXPERT]
    cells = {
        "train/patient00001/study1/view1_frontal.jpg": ("Frontal", "AP", {"No Finding": "1.0", "Support Devices": ""}),
        "train/patient00001/study2/view1_frontal.jpg": ("Frontal", "PA", {"Edema": "-1.0", "Lung Opacity": "1.0"}),
        "train/patient00001/study2/view2_lateral.jpg": ("Lateral", "", {"Edema": "-1.0", "Lung Opacity": "1.0"}),
        "train/patient00002/study1/view1_frontal.jpg": ("Frontal", "AP", {"Pleural Effusion": "0.0", "Fracture": "1"}),
    }
    rows = [
        [f"CheXpert-v1.0-small/{path}", "Female", "68", side, view, *(labels.get(name, "") for name in CHEXPERT)]
        for path, (side, view, labels) in cells.items()
    ]
    labels = write_csv(base / "train.csv", header, *rows)
    valid = "valid/patient64541/study1/view1_frontal.jpg"
    values = ["1.0" if name == "Cardiomegaly" else "0.0" for name in CHEXPERT]
    write_csv(base / "valid.csv", header, [f"CheXpert-v1.0-small/{valid}", "Male", "73", "Frontal", "AP", *values])
    return Layout(root, labels, touch(base, *cells, valid), "Pleural Effusion")


def mimic(root):
    names = sorted(CHEXPERT)
    studies = [
        ["10000032", "50414267", {"No Finding": "1.0"}],
        ["10000032", "53189527", {"Pneumonia": "-1.0", "Edema": "0.0", "Pneumothorax": "1.0"}],
        ["10000764", "57375967", {"No Finding": "1.0", "Fracture": "1.0"}],
    ]
    labels = write_csv(
        root / "mimic-cxr-2.0.0-chexpert.csv.gz",
        ["subject_id", "study_id", *names],
        *([patient, study, *(cells.get(name, "") for name in names)] for patient, study, cells in studies),
    )
    films = [
        ["02aa804e", "50414267", "10000032", "train", "PA"],
        ["174413ec", "50414267", "10000032", "train", "LATERAL"],
        ["2a2277a9", "53189527", "10000032", "train", "AP"],
        ["096052b7", "57375967", "10000764", "validate", "LL"],
        ["b79e55c3", "58081687", "10000898", "test", ""],
    ]
    write_csv(
        root / "mimic-cxr-2.0.0-split.csv.gz", ["dicom_id", "study_id", "subject_id", "split"], *(f[:4] for f in films)
    )
    write_csv(
        root / "mimic-cxr-2.0.0-metadata.csv.gz",
        ["dicom_id", "subject_id", "study_id", "PerformedProcedureStepDescription", "ViewPosition", "Rows"],
        *([film, patient, study, "CHEST (PA AND LAT)", view, "3056"] for film, study, patient, _, view in films),
    )
    paths = [f"files/p{f[2][:2]}/p{f[2]}/s{f[1]}/{f[0]}.jpg" for f in films]
    return Layout(root, labels, touch(root, *paths), "Pleural Effusion")


def padchest(root):
    header = [
        "",
        "ImageID",
        "ImageDir",
        "StudyDate_DICOM",
        "StudyID",
        "PatientID",
        "PatientBirth",
        "PatientSex_DICOM",
        "ViewPosition_DICOM",
        "Projection",
        "MethodProjection",
        "Report",
        "MethodLabel",
        "Labels",
        "labelCUIS",
    ]
    rows = [
        ["a.png", "0", "20140915", "s1", "p1", "1930.0", "F", "Physician", "['pleural effusion', 'increased density']"],
        [
            "b.png",
            "0",
            "20140915",
            "s1",
            "p1",
            "1930.0",
            "F",
            "Physician",
            "['pleural effusion', ' increased density ']",
        ],
        ["c.png", "4", "20100101", "s2", "p2", "1999", "M", "RNN_model", "['normal']"],
        ["d.png", "4", "20100101", "s3", "p3", "", "", "RNN_model", "['unchanged']"],
        [
            "e.png",
            "4",
            "20100101",
            "s4",
            "p4",
            "1999",
            "M",
            "Physician",
            "[\"calcified pleural thickening\", 'bullas']",
        ],
        ["f.png", "4", "20100101", "s5", "p5", "2011", "M", "Physician", ""],
    ]
    views = ["PA", "L", "AP_horizontal", "AP", "COSTAL", "EXCLUDE"]
    labels = write_csv(
        root / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv",
        header,
        *(
            [str(n), *row[:7], "", view, "Manual review", "derrame, \npleural", *row[7:], "[]"]
            for n, (row, view) in enumerate(zip(rows, views, strict=True))
        ),
    )
    return Layout(root, labels, touch(root, *(f"{row[1]}/{row[0]}" for row in rows)), "PatientSex_DICOM")


VINDR = [
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Clavicle fracture",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Enlarged PA",
    "ILD",
    "Infiltration",
    "Lung Opacity",
    "Lung cavity",
    "Lung cyst",
    "Mediastinal shift",
    "Nodule/Mass",
    "Pleural effusion",
    "Pleural thickening",
    "Pneumothorax",
    "Pulmonary fibrosis",
    "Rib fracture",
    "Other lesion",
    "COPD",
    "Lung tumor",
    "Pneumonia",
    "Tuberculosis",
    "Other diseases",
    "No finding",
]


def vindr(root):
    def row(image, reader, *present):
        return [image, *reader, *(str(int(name in present)) for name in VINDR)]

    labels = write_csv(
        root / "annotations" / "image_labels_train.csv",
        ["image_id", "rad_ID", *VINDR],
        row("aa", ["R1"], "Pleural effusion", "Rib fracture"),
        row("aa", ["R2"], "Pleural effusion", "Clavicle fracture"),
        row("aa", ["R3"], "Nodule/Mass"),
        *(row("bb", [reader], "No finding") for reader in ("R1", "R4", "R5")),
    )
    write_csv(
        root / "annotations" / "image_labels_test.csv",
        ["image_id", *[name.replace("diseases", "disease") for name in VINDR]],
        row("cc", [], "Tuberculosis", "ILD"),
        row("dd", [], "Aortic enlargement"),
    )
    films = touch(root, "train/aa.dicom", "train/bb.dicom", "test/cc.dicom", "test/dd.dicom")
    return Layout(root, labels, films, "image_id")


def rsna(root):
    header = ["patientId", "x", "y", "width", "height", "Target"]
    labels = write_csv(
        root / "stage_2_train_labels.csv",
        header,
        ["a1", "1.0", "2.0", "3.0", "4.0", "1"],
        ["a1", "9.0", "2.0", "3.0", "4.0", "1"],
        ["b2", "", "", "", "", "0"],
        ["c3", "", "", "", "", "0"],
    )
    write_csv(
        root / "stage_2_detailed_class_info.csv",
        ["patientId", "class"],
        ["a1", "Lung Opacity"],
        ["a1", "Lung Opacity"],
        ["b2", "Normal"],
        ["c3", "No Lung Opacity / Not Normal"],
    )
    return Layout(root, labels, touch(root, *(f"stage_2_train_images/{n}.dcm" for n in ("a1", "b2", "c3"))), "Target")


def siim(root):
    uids = [f"1.2.276.0.7230010.3.1.4.8323329.{n}.1517875185.355709" for n in range(3)]
    labels = write_csv(
        root / "train-rle.csv",
        ["ImageId", " EncodedPixels"],
        [uids[0], " -1"],
        [uids[1], " 175349 7 1013"],
        [uids[1], " 9 7 1013"],
        [uids[2], " -1"],
    )
    films = touch(root, *(f"dicom-images-train/1.2.{n}/1.3.{n}/{uid}.dcm" for n, uid in enumerate(uids)))
    return Layout(root, labels, films, "EncodedPixels")


def openi(root):
    reports = {
        1: ["normal"],
        2: ["Cardiomegaly/mild", "Pulmonary Atelectasis/base/left", "Spine/degenerative"],
        3: ["No Indexing"],
        4: ["Calcified Granuloma/lung/upper lobe/right"],
    }
    films = []
    for number, terms in reports.items():
        mesh = "".join(f"<major>{term}</major>" for term in terms) + "<automatic>heart</automatic>"
        names = [f"CXR{number}_1_IM-000{number}-{view}001" for view in (3, 4)] if number != 4 else ["CXR4_IM-2050-1001"]
        images = "".join(f'<parentImage id="{name}"><caption>x</caption></parentImage>' for name in names)
        inside = f'<uId id="CXR{number}"/><MeSH>{mesh}</MeSH>{images}'
        text = f'<?xml version="1.0" encoding="utf-8"?><eCitation>{inside}</eCitation>'
        path = root / "ecgen-radiology" / f"{number}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        films += touch(root, *(f"NLMCXR_png/{name}.png" for name in names))
    (root / "ecgen-radiology" / "5.xml").write_text("<eCitation><uId id='CXR5'/></eCitation>")
    return Layout(root, root / "ecgen-radiology" / "1.xml", films)


def chestx_det10(root):
    box = [1, 2, 3, 4]
    train = [
        {"file_name": "36199.png", "syms": ["Effusion", "Nodule", "Nodule"], "boxes": [box] * 3},
        {"file_name": "36200.png", "syms": [], "boxes": []},
    ]
    test = [{"file_name": "40001.png", "syms": ["Fracture"], "boxes": [box]}]
    root.mkdir(parents=True, exist_ok=True)
    (root / "train.json").write_text(json.dumps(train))
    (root / "test.json").write_text(json.dumps(test))
    films = touch(root, "train_data/36199.png", "train_data/36200.png", "test_data/40001.png")
    return Layout(root, root / "train.json", films)


def chestmnist(root, size=28):
    root.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 4), ("val", 2), ("test", 3)):
        arrays[f"{part}_images"] = generator.integers(0, 256, (n, size, size), dtype=np.uint8)
        arrays[f"{part}_labels"] = (generator.random((n, 14)) < 0.3).astype(np.uint8)
    path = root / "chestmnist.npz"
    np.savez_compressed(path, **arrays)
    return Layout(path, path, [], options={"films": root / "films"})


def own_csv(root):
    labels = write_csv(root / "films.csv", ["file", "who", "Effusion"], ["a.png", "p1", "1"], ["b.png", "p2", ""])
    options = {"images": root, "path_column": "file", "patient_column": "who"}
    return Layout(labels, labels, touch(root, "a.png", "b.png"), "who", options)


LAYOUTS = {
    "nih": nih,
    "nih-sample": nih_sample,
    "nih-google": nih_google,
    "chexpert": chexpert,
    "mimic": mimic,
    "padchest": padchest,
    "vindr": vindr,
    "rsna": rsna,
    "siim": siim,
    "openi": openi,
    "chestx-det10": chestx_det10,
    "chestmnist": chestmnist,
    "csv": own_csv,
}


@pytest.fixture
def layout(tmp_path):
    """Write a set's layout below ``tmp_path`` and say what it is."""
    return lambda name, **options: LAYOUTS[name](tmp_path / name, **options)


@pytest.fixture
def labels_of():
    """The findings of a film that are present, absent, unknown."""

    def read(manifest, image_id):
        row = manifest.table.set_index("image_id").loc[image_id]
        values = {name: row[name] for name in manifest.findings}
        return (
            {name for name, value in values.items() if value == 1},
            {name for name, value in values.items() if value == 0},
            {name for name, value in values.items() if value != value},
        )

    return read


@pytest.fixture
def write_rows():
    return write_csv
