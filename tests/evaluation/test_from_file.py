import hashlib

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from hilum.data import Manifest
from hilum.errors import DataError, UnknownNameError
from hilum.evaluation import evaluate_predictions
from hilum.findings import NIH_FINDINGS

FILMS = [f"{patient:08d}_{visit:03d}" for patient in range(10) for visit in range(3)]


@pytest.fixture
def files(tmp_path):
    """Thirty films of ten patients; Mass is found well, Effusion not at all."""
    labels = ["Mass|Effusion" if i % 4 == 0 else "No Finding" for i in range(30)]
    rows = [f"{film}.png,{label},{film.split('_')[0]}" for film, label in zip(FILMS, labels, strict=True)]
    (tmp_path / "labels.csv").write_text("\n".join(["Image Index,Finding Labels,Patient ID", *rows]) + "\n")
    rows = [f"{film}.png,{0.9 if i % 4 == 0 else i / 100},{i % 7 / 10}" for i, film in enumerate(FILMS)]
    (tmp_path / "p.csv").write_text("\n".join(["Image Index,prob_Mass,prob_Effusion", *rows]) + "\n")
    return tmp_path / "p.csv", tmp_path / "labels.csv"


def change(path, function):
    path.write_text("\n".join(function(path.read_text().splitlines())) + "\n")


def evaluate(files, **options):
    return evaluate_predictions(*files, bootstrap=20, **options)


def test_two_files_give_a_study(files):
    found = evaluate(files, command="hilum evaluate --predictions p.csv")
    assert found.findings["Mass"].auroc.value == 1
    assert (found.findings["Mass"].auroc.n_positive, found.findings["Mass"].auroc.n_negative) == (8, 22)
    assert (found.pedigree.n_images, found.pedigree.n_patients) == (30, 10)
    assert found.title == "p.csv against labels.csv"
    assert found.pedigree.split == "films of p.csv"
    assert found.pedigree.predictions_digest == hashlib.sha256(files[0].read_bytes()).hexdigest()
    assert found.pedigree.data_digest == hashlib.sha256(files[1].read_bytes()).hexdigest()
    assert found.pedigree.command == "hilum evaluate --predictions p.csv"
    assert found.counts == {
        "films evaluated": 30,
        "predictions without a label": 0,
        "labels without a prediction": 0,
        "films not answered": 0,
        "columns ignored": 0,
    }
    assert found.no_finding is None


def written(study):
    """What was measured of each finding; NaN stands as null, so that it equals itself."""
    return [finding.to_json() for finding in study.findings.values()]


def test_rows_that_match_nothing_are_counted_on_both_sides(files):
    reference = evaluate(files)
    change(files[0], lambda lines: [*lines, "stranger.png,0.5,0.5", "another.png,0.5,0.5"])
    change(files[1], lambda lines: [*lines, "unseen.png,Mass,77"])
    found = evaluate(files)
    assert found.counts["predictions without a label"] == 2
    assert found.counts["labels without a prediction"] == 1
    assert written(found) == written(reference)
    assert "Left out: 2 films of p.csv without a label in labels.csv." in found.warnings
    assert "Left out: 1 film of labels.csv without a prediction in p.csv." in found.warnings


def test_the_order_of_rows_does_not_count(files):
    reference = evaluate(files)
    change(files[0], lambda lines: [lines[0], *reversed(lines[1:])])
    assert evaluate(files).findings["Mass"].auroc.value == reference.findings["Mass"].auroc.value
    assert evaluate(files).findings["Effusion"].calibration.brier.value == pytest.approx(
        reference.findings["Effusion"].calibration.brier.value
    )


def test_films_match_whatever_their_ending(files):
    reference = evaluate(files)
    change(files[0], lambda lines: [line.replace(".png", ".JPG") for line in lines])
    assert written(evaluate(files)) == written(reference)
    change(files[0], lambda lines: [line.replace(".JPG", "") for line in lines])
    assert written(evaluate(files)) == written(reference)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("folder", ["images_001/images/", r"C:\\nih\\images\\"])
def test_films_match_where_one_file_names_folders(files, side, folder, tmp_path):
    reference = evaluate(files)
    change(files[side], lambda lines: [lines[0], *(f"{folder}{line}" for line in lines[1:])])
    found = evaluate(files, predictions_path=tmp_path / "judged.csv")
    assert written(found) == written(reference)
    assert f"\n{FILMS[0]}.png," in (tmp_path / "judged.csv").read_text()


def test_folders_count_where_names_alone_are_not_enough(files):
    change(files[0], lambda lines: [*lines, *(f"other/{line}" for line in lines[1:])])
    found = evaluate(files)
    assert found.counts["films evaluated"] == 30
    assert found.counts["predictions without a label"] == 30
    change(files[1], lambda lines: [lines[0], *(f"other/{line}" for line in lines[1:])])
    assert evaluate(files).counts["films evaluated"] == 30


@pytest.mark.parametrize("side", [0, 1])
def test_a_film_that_stands_twice_is_refused(files, side):
    change(files[side], lambda lines: [*lines, lines[1]])
    with pytest.raises(DataError, match=rf"{files[side].name}: 1 film twice in it \({FILMS[0]}.png\).*keep the row"):
        evaluate(files)


def test_no_film_in_common_is_refused(files):
    change(files[0], lambda lines: [line.replace("0000", "x000", 1) for line in lines])
    with pytest.raises(DataError, match=r"no film of p.csv stands in labels.csv \(for instance 'x000"):
        evaluate(files)


def test_refused_films_and_strange_columns_are_counted_and_said(files):
    change(
        files[0],
        lambda lines: [
            f"{lines[0]},status,fold",
            *(f"{line},answered,1" for line in lines[1:-1]),
            f"{FILMS[-1]}.png,,,refused,1",
        ],
    )
    found = evaluate(files)
    assert (found.counts["films not answered"], found.counts["columns ignored"]) == (1, 1)
    assert "In no figure: 1 film that the model did not answer." in found.warnings
    assert "Ignored columns of p.csv, 1 in all, such as fold." in found.warnings


def test_thresholds_from_elsewhere_are_used_and_named(files):
    found = evaluate(files, thresholds={"Mass": 0.2}, thresholds_from="validation of b")
    point = found.findings["Mass"].operating_point
    assert (point.threshold, point.chosen_on, found.pedigree.thresholds_from) == (
        0.2,
        "validation of b",
        "validation of b",
    )
    assert found.findings["Effusion"].operating_point.chosen_on == "fixed 0.5"
    with pytest.raises(UnknownNameError, match="Hernia"):
        evaluate(files, thresholds={"Hernia": 0.2})


def test_a_manifest_as_labels(files, tmp_path):
    n = len(FILMS)
    table = pd.DataFrame({"image_id": [f"{film}.png" for film in FILMS], "path": "/x"})
    table = table.assign(patient_id=[film.split("_")[0] for film in FILMS], study_id="", view="", sex="")
    splits = ["train" if film.startswith("00000009") else "test" for film in FILMS]
    table = table.assign(age_years=np.float32(50), split=splits)
    table = table.assign(Mass=np.array([i % 4 == 0 for i in range(n)], dtype=np.float32))
    manifest = Manifest(table, ("Mass",), "own.csv")
    manifest.save(tmp_path / "films.parquet")
    found = evaluate((files[0], tmp_path / "films.parquet"))
    assert found.findings["Mass"].auroc.value == 1
    assert np.isnan(found.findings["Effusion"].auroc.value)
    assert "films.parquet has no labels for Effusion." in found.warnings
    assert "Among the films: 3 of the split train. On films a model has seen, figures flatter." in found.warnings
    assert found.pedigree.data_digest == manifest.digest
    assert found.pedigree.split_digest == manifest.split_digest
    change(files[0], lambda lines: lines[:-3])
    assert evaluate((files[0], tmp_path / "films.parquet")).pedigree.split == "test"


PUBLISHED = {
    "Atelectasis": 0.8180, "Cardiomegaly": 0.9090, "Effusion": 0.8827, "Infiltration": 0.7156, "Mass": 0.8377,
    "Nodule": 0.7756, "Pneumonia": 0.7617, "Pneumothorax": 0.8776, "Consolidation": 0.8002, "Edema": 0.8945,
    "Emphysema": 0.9316, "Fibrosis": 0.8251, "Pleural_Thickening": 0.7889, "Hernia": 0.9175,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.slow
def test_a_public_models_predictions_give_its_known_figures(shared_data):
    found = evaluate_predictions(
        shared_data / "predictions" / "reproduce-chexnet-densenet121.csv.gz",
        shared_data / "nih-metadata" / "Data_Entry_2017_v2020.csv.gz",
        bootstrap=20,
    )
    assert {name: round(finding.auroc.value, 4) for name, finding in found.findings.items()} == PUBLISHED
    assert tuple(found.findings) == NIH_FINDINGS
    assert found.macro["auroc"].value == pytest.approx(0.8383, abs=5e-5)
    assert found.macro["auprc"].value == pytest.approx(0.259, abs=5e-4)
    assert np.mean([finding.calibration.ece.value for finding in found.findings.values()]) == pytest.approx(
        0.009, abs=1e-3
    )
    assert found.averages.macro.f1 == pytest.approx(0.173, abs=1e-3)
    assert (found.pedigree.n_images, found.counts["labels without a prediction"]) == (22_433, 89_687)
    assert found.no_finding.auroc.value > 0.75


def test_googles_labels_are_judged_on_what_the_model_answers_and_what_follows_from_it(tmp_path):
    generator = np.random.default_rng(0)
    names = [f"{i:08d}_000.png" for i in range(40)]
    lesion, opacity = generator.random(40) < 0.4, generator.random(40) < 0.4
    head = "Image Index,Patient ID,Fracture,Pneumothorax,Airspace opacity,Nodule or mass"
    word = {True: "YES", False: "NO"}
    rows = [f"{name},{i},NO,NO,{word[bool(opacity[i])]},{word[bool(lesion[i])]}" for i, name in enumerate(names)]
    (tmp_path / "google2019_nih_labels.csv").write_text("\n".join([head, *rows]) + "\n")
    scores = pd.DataFrame(generator.random((40, 14)), columns=[f"prob_{name}" for name in NIH_FINDINGS])
    scores.insert(0, "Image Index", names)
    scores.to_csv(tmp_path / "p.csv", index=False)
    found = evaluate_predictions(tmp_path / "p.csv", tmp_path / "google2019_nih_labels.csv", bootstrap=0)
    expected = roc_auc_score(lesion, 1 - (1 - scores["prob_Mass"]) * (1 - scores["prob_Nodule"]))
    assert found.findings["Lung_Lesion"].auroc.value == pytest.approx(expected)
    assert "Lung_Opacity" in found.findings
    assert found.macro["auroc"].findings == ("Lung_Opacity", "Lung_Lesion")
    assert any(
        "Lung Lesion is not answered; its probability was derived from Mass, Nodule" in text for text in found.warnings
    )
    assert found.comparable == ()
    assert "Mass" in next(text for text in found.warnings if "has no labels for" in text)


def test_no_finding_as_a_column_is_judged_by_what_the_labels_say(files):
    predictions, labels = files
    lines = predictions.read_text().splitlines()
    predictions.write_text(
        "\n".join(
            [f"{lines[0]},prob_No Finding", *(f"{line},{0.1 + (i % 4 > 0) / 2}" for i, line in enumerate(lines[1:]))]
        )
    )
    found = evaluate((predictions, labels))
    assert found.no_finding.auroc.value == 1
    assert (found.no_finding.auroc.n_positive, found.counts["columns ignored"]) == (22, 0)
    assert tuple(found.findings) == ("Mass", "Effusion")
    assert not any("No Finding" in text for text in found.warnings)


def test_labels_may_stand_beside_the_predictions(files, tmp_path):
    first = evaluate(files, predictions_path=tmp_path / "out" / "predictions.csv")
    again = evaluate_predictions(tmp_path / "out" / "predictions.csv", None, bootstrap=20)
    assert written(again) == written(first)
    assert again.pedigree.n_patients == 10


def test_without_any_labels_there_is_nothing_to_judge_by(files):
    with pytest.raises(DataError, match=r"p.csv has no labels of its own .*--labels"):
        evaluate_predictions(files[0], None)


def test_a_target_that_is_none_is_named(files, tmp_path):
    evaluate(files, predictions_path=tmp_path / "predictions.csv")
    change(tmp_path / "predictions.csv", lambda lines: [lines[0], lines[1][:-1] + "7", *lines[2:]])
    with pytest.raises(DataError, match=r"line 2: target_Effusion is '7'; expected 1, 0 or nothing"):
        evaluate_predictions(tmp_path / "predictions.csv", None)


@pytest.mark.slow
@pytest.mark.shared
def test_inside_the_official_list_films_are_harder_than_outside(shared_data):
    found = evaluate_predictions(
        shared_data / "predictions" / "reproduce-chexnet-densenet121.csv.gz",
        shared_data / "nih-metadata" / "Data_Entry_2017_v2020.csv.gz",
        bootstrap=20,
    )
    parts = {one.level: one for one in found.subgroups.subgroups if one.attribute == "official list"}
    assert parts["official test"].n_images == 5213
    assert parts["official test"].mean_gap.high < 0
    assert [flag.code for flag in found.red_flags] == ["random_split"]
    for finding in found.findings.values():
        assert finding.rank.by_image.high - finding.rank.by_image.low < 1.3 * (finding.auroc.high - finding.auroc.low)
