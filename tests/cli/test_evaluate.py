import csv
import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from hilum.data import read_manifest
from hilum.evaluation import recalibration
from hilum.records import BundleSpec, Evaluation
from hilum.runs import Run

NIH_AUROCS = {
    "Atelectasis": 0.8180, "Cardiomegaly": 0.9090, "Effusion": 0.8827, "Infiltration": 0.7156, "Mass": 0.8377,
    "Nodule": 0.7756, "Pneumonia": 0.7617, "Pneumothorax": 0.8776, "Consolidation": 0.8002, "Edema": 0.8945,
    "Emphysema": 0.9316, "Fibrosis": 0.8251, "Pleural_Thickening": 0.7889, "Hernia": 0.9175,
}  # fmt: skip


def read(folder):
    return Evaluation.from_json((folder / "evaluation.json").read_bytes())


def test_a_run_is_judged_on_test_and_says_so(judged, films):
    run = Run.open(judged)
    evaluation = read(judged / "evaluation")
    manifest = read_manifest(films.manifest)
    assert evaluation.pedigree.split == "test"
    assert evaluation.pedigree.n_images == len(manifest.rows("test"))
    assert evaluation.pedigree.command.startswith(f"hilum evaluate --run {judged} --manifest ")
    assert evaluation.pedigree.n_bootstrap == 20
    assert evaluation.phantom
    assert run.report_path.read_text().lstrip().lower().startswith("<!doctype html>")
    assert list((judged / "evaluation" / "figures").iterdir())
    events = run.journal.read()
    artefacts = {event["name"]: event["path"] for event in events if event["kind"] == "artefact"}
    assert artefacts == {"bundle": "bundle", "evaluation": "evaluation", "report": "report.html"}
    assert all((judged / path).exists() for path in artefacts.values())
    (told,) = [event for event in events if event["kind"] == "evaluation"]
    assert told["split"] == "test"
    assert told["metrics"]["macro_auroc"] == evaluation.macro["auroc"].value
    assert told["metrics"]["auroc/Effusion"] == evaluation.findings["Effusion"].auroc.value


def test_predictions_of_a_run_give_the_same_aurocs(hilum, judged, films, tmp_path):
    answer = hilum(
        "evaluate", "--predictions", judged / "evaluation" / "predictions.csv", "--labels", films.manifest,
        "--out", tmp_path / "again", "--bootstrap", 0,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    first, again = read(judged / "evaluation"), read(tmp_path / "again")
    for name, finding in first.findings.items():
        assert again.findings[name].auroc.value == pytest.approx(finding.auroc.value, nan_ok=True, abs=1e-12)
    assert (tmp_path / "again" / "report.html").is_file()


@pytest.mark.slow
def test_the_printed_table_is_the_evaluation(hilum, run_copy, films):
    where = ("--manifest", films.manifest, "--store", films.store)
    answer = hilum("evaluate", "--run", run_copy, *where, "--bootstrap", 0, "--tracker", "none")
    assert answer.code == 0, answer.err
    evaluation = read(run_copy / "evaluation")
    lines = {line.split("  ")[0].strip(): line for line in answer.out.splitlines()}
    assert f"{evaluation.findings['Effusion'].auroc.value:.3f}" in lines["Effusion"]
    macro = evaluation.macro["auroc"]
    assert f"{macro.value:.3f}" in lines[f"mean of {macro.n_findings}"]
    assert "nan" not in answer.out
    assert "mind: " in answer.out
    assert f"wrote {run_copy / 'report.html'}" in answer.out
    figures = [path.read_bytes() for path in (run_copy / "evaluation" / "figures").iterdir()]
    assert len(figures) > 3
    assert all(figure.startswith(b"\x89PNG") for figure in figures)


@pytest.mark.slow
def test_a_bundle_elsewhere(hilum, judged, films, tmp_path):
    out = tmp_path / "study"
    answer = hilum(
        "evaluate", "--bundle", judged / "bundle", "--manifest", films.manifest, "--store", films.store,
        "--out", out, "--bootstrap", 5, "--split", "validation",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert {"evaluation.json", "predictions.csv", "report.html", "figures"} <= {path.name for path in out.iterdir()}
    assert "the figures flatter" in answer.out
    n_rows = len((out / "predictions.csv").read_text().splitlines())
    assert n_rows == 1 + len(read_manifest(films.manifest).rows("validation"))


@pytest.mark.slow
def test_training_patients_are_refused(hilum, judged, films, tmp_path):
    words = (
        "evaluate", "--bundle", judged / "bundle", "--manifest", films.manifest, "--store", films.store,
        "--out", tmp_path / "study", "--split", "train", "--bootstrap", 0,
    )  # fmt: skip
    answer = hilum(*words)
    assert answer.code == 1
    assert "were in this bundle's training set" in answer.err
    assert "--allow-overlap" in answer.err
    assert (tmp_path / "study" / "overlap.csv").is_file()
    assert not (tmp_path / "study" / "evaluation.json").exists()
    assert hilum(*words, "--allow-overlap").code == 0
    assert read(tmp_path / "study").leaked
    clean = ["test" if word == "train" else word for word in words]
    assert hilum(*clean).code == 0
    assert not (tmp_path / "study" / "overlap.csv").exists()


@pytest.fixture
def files(tmp_path):
    """Predictions and NIH's labels for forty films."""
    rng = np.random.default_rng(0)
    present = rng.random(40) < 0.4
    scores = np.clip(0.3 * present + rng.random(40) * 0.7, 0, 1)
    predictions, labels = tmp_path / "p.csv", tmp_path / "l.csv"
    with predictions.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [("image_id", "prob_Effusion"), *((f"{i:08d}_000.png", score) for i, score in enumerate(scores))]
        )
    with labels.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [
                ("Image Index", "Finding Labels", "Patient ID"),
                *((f"{i:08d}_000.png", "Effusion" if here else "No Finding", i // 2) for i, here in enumerate(present)),
            ]
        )
    return predictions, labels, roc_auc_score(present, scores)


def test_files_of_others(hilum, files, tmp_path):
    predictions, labels, expected = files
    out = tmp_path / "out"
    answer = hilum("evaluate", "--predictions", predictions, "--labels", labels, "--out", out, "--bootstrap", 50)
    assert answer.code == 0, answer.err
    written = json.loads((out / "evaluation.json").read_text())
    auroc = written["findings"]["Effusion"]["auroc"]
    assert auroc["value"] == pytest.approx(expected, abs=1e-12)
    assert auroc["low"] < auroc["value"] < auroc["high"]
    assert auroc["n_positive"] + auroc["n_negative"] == 40
    assert written["macro"]["auroc"]["value"] == pytest.approx(expected)
    assert {"low", "high"} <= set(written["macro"]["auroc"])
    assert (out / "report.html").stat().st_size > 1000
    assert "40 films evaluated" in answer.out
    assert "\n 0 " not in answer.out


@pytest.mark.parametrize("verb", ["evaluate", "compare", "localise"])
def test_a_seed_is_not_negative(hilum, verb):
    answer = hilum(verb, "--seed", -1)
    assert (answer.code, "--seed" in answer.err) == (2, True)


def edit(path, row, column, text):
    with path.open(newline="") as stream:
        rows = list(csv.reader(stream))
    rows[row][column] = text
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)


@pytest.mark.parametrize(
    ("which", "cell", "sentence"),
    [
        (0, (3, 1, "high"), "p.csv line 4: prob_Effusion is 'high'"),
        (0, (3, 1, "1.2"), "expected a probability between 0 and 1"),
        (0, (3, 0, "00000000_000.png"), "twice in it"),
        (0, (0, 1, "prob_Efusion"), "has no column of probabilities"),
        (1, (3, 1, "Effusions"), "l.csv line 4: unknown finding 'Effusions'. Did you mean 'Effusion'?"),
        (1, (0, 1, "Labels"), "has no column 'Finding Labels'"),
    ],
)
def test_bad_files(hilum, files, tmp_path, which, cell, sentence):
    edit(files[which], *cell)
    answer = hilum("evaluate", "--predictions", files[0], "--labels", files[1], "--out", tmp_path / "out")
    assert (answer.code, answer.out) == (1, "")
    assert sentence in answer.sentence
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "expected --run RUN, or --bundle"),
        (("--run", "r"), "each with --manifest and --store"),
        (("--run", "r", "--bundle", "b", "--manifest", "m", "--store", "s"), "expected --run RUN, or --bundle"),
        (("--bundle", "b", "--manifest", "m", "--store", "s"), "--bundle needs --out"),
        (("--run", "r", "--manifest", "m", "--store", "s", "--out", "o"), "--out goes with --bundle"),
        (("--predictions", "p"), "--predictions needs --labels"),
        (("--predictions", "p", "--out", "o", "--recalibrate"), "--recalibrate would change nothing"),
        (("--run", "r", "--manifest", "m", "--store", "s", "--fit-on", "f"), "--fit-on would change nothing"),
        (("--run", "r", "--manifest", "m", "--store", "s", "--cross-fit", "3"), "--cross-fit would change nothing"),
        (("--run", "r", "--manifest", "m", "--store", "s", "--recalibrate"), "--recalibrate needs --out"),
        (
            ("--run", "r", "--manifest", "m", "--store", "s", "--recalibrate", "--allow-overlap"),
            "--allow-overlap would change nothing for --recalibrate",
        ),
        (("--predictions", "p", "--labels", "l", "--out", "o", "--bundle", "b"), "--bundle would change nothing"),
        (("--predictions", "p", "--labels", "l", "--out", "o", "--run", "r"), "--run would change nothing"),
        (("--predictions", "p", "--labels", "l", "--out", "o", "--split", "test"), "--split would change nothing"),
        (("--predictions", "p", "--labels", "l", "--out", "o", "--allow-overlap"), "--allow-overlap would change"),
        (("--predictions", "p", "--labels", "l", "--out", "o", "--tracker", "none"), "--tracker would change nothing"),
        (
            ("--predictions", "p", "--manifest", "m", "--store", "s"),
            "--manifest, --store would change nothing for --predictions: it goes with --labels and --out alone",
        ),
        (
            ("--run", "r", "--manifest", "m", "--store", "s", "--labels", "l"),
            "--labels would change nothing for a bundle",
        ),
        (
            ("--bundle", "b", "--manifest", "m", "--store", "s", "--out", "o", "--tracker", "none"),
            "--tracker would change nothing for --bundle: only a run is tracked",
        ),
        (("--predictions", "nowhere.csv", "--labels", "l", "--out", "o"), "there is no prediction file nowhere.csv"),
        (("--run", "nowhere", "--manifest", "m", "--store", "s"), "is not a run folder"),
    ],
)
def test_wrong_wishes(hilum, words, sentence):
    answer = hilum("evaluate", *words)
    assert (answer.code, answer.out) == (1, "")
    assert sentence in answer.sentence


def test_a_run_that_was_not_trained_to_its_end(hilum, films, tmp_path):
    with Run.create(tmp_path / "run"):
        pass
    answer = hilum("evaluate", "--run", tmp_path / "run", "--manifest", films.manifest, "--store", films.store)
    assert answer.code == 1
    assert "hilum train --resume" in answer.err


def test_a_split_that_is_not_there(hilum, judged, films, tmp_path):
    answer = hilum(
        "evaluate", "--bundle", judged / "bundle", "--manifest", films.manifest, "--store", films.store,
        "--out", tmp_path, "--split", "tst",
    )  # fmt: skip
    assert answer.code == 1
    assert "there is no split 'tst'" in answer.err


@pytest.mark.shared
@pytest.mark.slow
def test_public_predictions_have_their_public_aurocs(hilum, shared_data, tmp_path):
    (labels,) = (shared_data / "nih-metadata").glob("Data_Entry_2017*.csv*")
    answer = hilum(
        "evaluate", "--predictions", shared_data / "predictions" / "reproduce-chexnet-densenet121.csv.gz",
        "--labels", labels, "--out", tmp_path, "--bootstrap", 10,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    written = json.loads((tmp_path / "evaluation.json").read_text())["findings"]
    assert {name: round(finding["auroc"]["value"], 4) for name, finding in written.items()} == NIH_AUROCS


def test_looks_are_counted_and_predictions_written_for_others(hilum, files, tmp_path):
    predictions, labels, _ = files
    out = tmp_path / "out"
    words = ("evaluate", "--predictions", predictions, "--labels", labels, "--out", out, "--bootstrap", 5)
    assert "mind: look" not in hilum(*words).out
    answer = hilum(*words, "--prevalence", "Effusion=0.05")
    assert "mind: look 2 at these films in this folder" in answer.out
    evaluation = read(out)
    assert evaluation.looks == 2
    assert evaluation.findings["Effusion"].operating_point.predictive[1].prevalence == 0.05
    assert (out / "predictions.csv").read_text().startswith("image_id,group,probability_Effusion,target_Effusion\n")
    alone = hilum("evaluate", "--predictions", out / "predictions.csv", "--out", tmp_path / "alone", "--bootstrap", 0)
    assert alone.code == 0, alone.err
    auroc = read(tmp_path / "alone").findings["Effusion"].auroc.value
    assert auroc == pytest.approx(evaluation.findings["Effusion"].auroc.value)


def test_cross_fitted_predictions_are_flagged_in_red_and_first(hilum, files, tmp_path):
    answer = hilum(
        "evaluate", "--predictions", files[0], "--labels", files[1], "--out", tmp_path, "--bootstrap", 0,
        "--cross-fit", 3,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert "RED FLAG cross_fitted: " in answer.out
    assert answer.out.index("RED FLAG") < answer.out.index("AUROC")
    assert read(tmp_path).findings["Effusion"].operating_point.chosen_on == "the judged films, 3 folds by patient"


def test_fitting_on_the_judged_films_is_refused(hilum, files, tmp_path):
    answer = hilum(
        "evaluate", "--predictions", files[0], "--labels", files[1], "--out", tmp_path, "--fit-on", files[0]
    )  # fmt: skip
    assert answer.code == 1
    assert "40 films and 20 patients stand in both p.csv and p.csv" in answer.err
    assert not (tmp_path / "evaluation.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--recalibrate", "--out", "somewhere")])
def test_a_run_without_a_bundle_was_not_trained_to_its_end(hilum, films, tmp_path, more):
    with Run.create(tmp_path / "young"):
        pass
    answer = hilum("evaluate", "--run", tmp_path / "young", "--manifest", films.manifest, "--store", films.store, *more)
    assert answer.code == 1
    assert "was not trained to its end yet" in answer.sentence


def test_a_recalibrated_bundle_never_takes_the_place_of_the_one_that_was_trained(hilum, judged, films):
    before = (judged / "bundle" / "bundle.json").read_bytes()
    for source in (("--run", judged), ("--bundle", judged / "bundle")):
        answer = hilum(
            "evaluate", *source, "--manifest", films.manifest, "--store", films.store, "--out", judged,
            "--split", "test", "--recalibrate", "--bootstrap", 10,
        )  # fmt: skip
        assert answer.code == 1
        assert "would put the recalibrated bundle in the place of" in answer.sentence
    assert (judged / "bundle" / "bundle.json").read_bytes() == before


def test_a_bundle_is_recalibrated_on_other_films_and_says_so(hilum, judged, films, tmp_path, monkeypatch):
    monkeypatch.setattr(recalibration, "FEWEST", 2)
    out = tmp_path / "local"
    answer = hilum(
        "evaluate", "--run", judged, "--manifest", films.manifest, "--store", films.store, "--out", out,
        "--split", "test", "--recalibrate", "--bootstrap", 10,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    written = {line.removeprefix(" wrote ") for line in answer.out.splitlines() if line.startswith(" wrote ")}
    assert written == {str(path) for path in out.iterdir()} - {str(out / "figures"), str(out / "looks.jsonl")}
    assert {str(out / "before.json"), str(out / "MODEL_CARD.md")} <= written
    spec = BundleSpec.from_json((out / "bundle" / "bundle.json").read_bytes())
    assert spec.recalibration.n_images == read(out).pedigree.n_images
    assert "ECE before" in answer.out
    assert spec.recalibration.note in answer.out.replace("\n", " ")
