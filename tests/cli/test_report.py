import json
import shutil

import pytest


def test_of_a_run(hilum, run_copy):
    page = run_copy / "report.html"
    page.unlink()
    answer = hilum("report", run_copy)
    assert (answer.code, answer.out) == (0, f" wrote {page}\n")
    assert page.stat().st_size > 1000


@pytest.mark.slow
def test_the_gallery_comes_back_with_the_manifest(hilum, run_copy, films, tmp_path):
    first = (run_copy / "report.html").read_text()
    assert hilum("report", run_copy, "--out", tmp_path / "without.html").code == 0
    answer = hilum("report", run_copy, "--manifest", films.manifest, "--out", tmp_path / "with.html")
    assert answer.code == 0, answer.err
    n_pictures = [text.count("data:image/jpeg") for text in (first, (tmp_path / "with.html").read_text())]
    assert n_pictures[0] == n_pictures[1] > (tmp_path / "without.html").read_text().count("data:image/jpeg")


def test_of_an_evaluation(hilum, judged, tmp_path):
    shutil.copy(judged / "evaluation" / "evaluation.json", tmp_path)
    assert hilum("report", tmp_path / "evaluation.json").code == 0
    assert (tmp_path / "report.html").is_file()


def test_of_a_folder_with_an_evaluation(hilum, judged, tmp_path):
    shutil.copy(judged / "evaluation" / "evaluation.json", tmp_path)
    assert hilum("report", tmp_path).code == 0
    assert (tmp_path / "report.html").is_file()


@pytest.mark.parametrize(
    ("part", "key", "value", "message"),
    [
        ("roc", "x", [0.0], "roc: value error, expected lists of one length, got x 1, y"),
        ("decision", "low", [], "decision: value error, expected lists of one length"),
        ("auroc", "value", 2, "auroc: value error, expected an area between 0 and 1, got 2"),
        ("auprc", "n_positive", -1, "auprc.n_positive: input should be greater than or equal to 0"),
    ],
)
def test_an_evaluation_that_was_edited_by_hand(hilum, judged, tmp_path, part, key, value, message):
    written = json.loads((judged / "evaluation" / "evaluation.json").read_text())
    written["findings"]["Effusion"][part][key] = value
    (tmp_path / "e.json").write_text(json.dumps(written))
    answer = hilum("report", tmp_path / "e.json")
    assert (answer.code, f"e.json is no Evaluation: findings.Effusion.{message}" in answer.sentence) == (1, True)


def test_wrong_wishes(hilum, judged, run_copy, films, tmp_path):
    answer = hilum("report", tmp_path / "nowhere")
    assert (answer.code, "name a run folder or an evaluation.json" in answer.sentence) == (1, True)
    answer = hilum("report", tmp_path / "empty.json")
    assert answer.code == 1
    (tmp_path / "empty.json").write_text("{}")
    answer = hilum("report", tmp_path / "empty.json")
    assert (answer.code, "empty.json is no Evaluation" in answer.sentence) == (1, True)
    answer = hilum("report", judged / "evaluation" / "evaluation.json", "--manifest", films.manifest)
    assert (answer.code, "--manifest goes with a run folder" in answer.sentence) == (1, True)
    shutil.rmtree(run_copy / "evaluation")
    answer = hilum("report", run_copy)
    assert (answer.code, "was not evaluated yet" in answer.sentence) == (1, True)


def test_a_run_whose_bundle_was_edited_since_is_refused(hilum, run_copy):
    path = run_copy / "bundle" / "bundle.json"
    path.write_text(path.read_text().replace('"threshold": 0.', '"threshold": 0.0'))
    answer = hilum("report", run_copy)
    assert answer.code == 1
    assert "bundle.json is not the one that was evaluated" in answer.sentence
    shutil.rmtree(run_copy / "bundle")
    assert hilum("report", run_copy).code == 0


def test_a_gallery_of_other_predictions_is_refused(hilum, run_copy, films):
    path = run_copy / "evaluation" / "predictions.csv"
    path.write_text(path.read_text().replace(",0.", ",0.0", 1))
    answer = hilum("report", run_copy, "--manifest", films.manifest)
    assert answer.code == 1
    assert "predictions.csv is not the one that was evaluated" in answer.sentence


@pytest.mark.parametrize("written", [None, b"\xff\xfe\x00<script>alert(1)</script>"])
def test_a_recipe_that_is_missing_or_no_text_keeps_no_report_away(hilum, run_copy, written):
    (run_copy / "recipe.yaml").unlink()
    if written:
        (run_copy / "recipe.yaml").write_bytes(written)
    answer = hilum("report", run_copy)
    assert answer.code == 0, answer.err
    assert "<script>alert" not in (run_copy / "report.html").read_text()
